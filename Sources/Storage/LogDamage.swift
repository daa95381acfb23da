internal import FileIO
internal import ObjectModel

/// Which file of a log is to be mended first.
struct LogDamage {
    private let layout: StoreLayout
    private let files: any FileSystem
    private let log: OperationLog
    private let remembered: RememberedState?

    /// - Parameter remembered: What `cache/` knows of the log.
    init(_ log: OperationLog, _ files: any FileSystem, remembered: RememberedState?) {
        (layout, self.files, self.log, self.remembered) = (log.layout, files, log, remembered)
    }

    /// The first number whose file is not what follows from those before it; nothing where nothing is damaged, or something that is not
    /// mended.
    func first() throws(StoreError) -> Int? {
        let numbers = try log.namedEntries()
        var last: Int?
        do throws(StoreError) { last = try log.newest()?.number } catch {
            return Self.damagedFile(error).flatMap { path in numbers.first { layout.entry($0) == path } }
        }
        let next = (last ?? -1) + 1
        // A gap: the entry in front of it is taken for the newest.
        if let named = numbers.last, named >= next { return next }
        // The newest ones are gone, and were seen.
        return (remembered?.number).map { $0 >= next } == true ? next : nil
    }

    /// A file that is damaged, or something else than a file of that size.
    static func damagedFile(_ error: StoreError) -> FilePath? {
        switch error {
        case .damaged(let path, _): path
        case .file(let error) where error.isTooLarge || error.isNoFile: error.path
        default: nil
        }
    }

    /// The file of a sealed entry that is damaged, as the tile has it: the name is not needed any more, but for the newest entry's.
    func sealed() throws(StoreError) -> LogEntryFile? {
        var log = MerkleFrontier()
        let numbers = Set(try self.log.namedEntries())
        var tile = 0
        while let leaves = try self.log.tile(tile) {
            let first = tile * OperationLog.tileWidth
            let hashes = try filing { () throws(FileError) in try layout.hashTile(0, tile, files) }
            for (index, leaf) in leaves.enumerated() {
                let hash = MerkleLog.leaf(leaf)
                if numbers.contains(first + index), isDamaged(first + index), hashes?[index] == hash,
                    let entry = try? LogEntry(leaf: leaf)
                {
                    return LogEntryFile(entry: entry, leaf: leaf, origin: self.log.origin, before: log)
                }
                log.append(hash)
            }
            tile += 1
        }
        return nil
    }

    private func isDamaged(_ number: Int) -> Bool {
        do throws(StoreError) { return try log.entryFile(number) == nil } catch {
            return Self.damagedFile(error) != nil
        }
    }
}
