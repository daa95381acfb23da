internal import FileIO
package import ObjectModel

/// A file that was read and is in the store, or was found to be what the base version has.
package struct SnapshotFile: Sendable {
    package let path: RepositoryPath
    package let base: ScannedFile.Base?
    /// Nothing if the file is gone.
    package let entry: TreeEntry?
    package let seen: StatCacheEntry.Seen?

    /// Whether the base version has the same there.
    package var isUnchanged: Bool {
        guard let base, let entry else { return base == nil && entry == nil }
        return base.id == entry.id && base.mode == entry.mode
    }
}

/// What became of scanned files, in their order and packed: 33 bytes each beside what the scan knows.
package struct SnapshotFiles: Sendable {
    /// What was found in a file.
    struct Found {
        let mode: EntryMode
        let id: ObjectID
        /// In bytes.
        let size: Int
        /// Nothing if the file may change without a new status.
        let seen: StatCacheEntry.Seen?
    }

    private let scanned: ScannedFiles
    private var ids: SegmentedArray<ObjectID>
    /// The mode, and whether the file was seen; 0 for what is gone.
    private var marks: SegmentedArray<UInt8>
    /// Those that were not any more what the scan had seen.
    private var others: [Int: (size: Int, seen: StatCacheEntry.Seen?)] = [:]

    private static let seenMark: UInt8 = 0x80

    init(_ scanned: ScannedFiles) {
        self.scanned = scanned
        ids = SegmentedArray(repeating: DirectoryTree.emptyRoot, count: scanned.count)
        marks = SegmentedArray(repeating: 0, count: scanned.count)
    }

    /// Files that are in the store already, beside what a cache's version has at their paths.
    ///
    /// - Parameter files: In order of ``DirectoryTree/walkOrder(_:_:)``, each path once; without an entry for what goes.
    package init(
        _ files: [(path: RepositoryPath, entry: TreeEntry?, seen: StatCacheEntry.Seen?)],
        over cache: StatCache
    ) {
        var scanned = ScannedFiles()
        for (path, entry, _) in files {
            let base = cache.entry(at: path).flatMap { $0.mode == .directory ? nil : ScannedFile.Base($0) }
            // Their size is told by what they hold.
            var status = FileStatus.unknown
            status.size = entry?.size ?? 0
            scanned.append(ScannedFile(path: path, base: base, status: entry == nil ? nil : status))
        }
        self.init(scanned)
        for (index, (_, entry, seen)) in files.enumerated() {
            set(index, entry.map { Found(mode: $0.mode, id: $0.id, size: $0.size, seen: seen) })
        }
    }

    /// - Parameter found: Nothing if the file is gone.
    mutating func set(_ index: Int, _ found: Found?) {
        guard let found else { return }
        ids[index] = found.id
        marks[index] = found.mode.rawValue | (found.seen == nil ? 0 : Self.seenMark)
        guard let status = scanned.status(index) else { return }
        if found.size != status.size || found.seen.map({ $0 != StatCacheEntry.Seen(status) }) ?? false {
            others[index] = (found.size, found.seen)
        }
    }

    // MARK: Parts of a file

    package func path(_ index: Int) -> RepositoryPath { scanned.path(index) }

    /// Whether a file is gone that the base version has.
    package func isGone(_ index: Int) -> Bool { marks[index] == 0 }

    /// Whether the base version has nothing there.
    package func isNew(_ index: Int) -> Bool { scanned.base(index) == nil }

    /// Whether the base version has the same there.
    package func isUnchanged(_ index: Int) -> Bool {
        guard let base = scanned.base(index), let mode = mode(index) else {
            return isNew(index) && isGone(index)
        }
        return base.id == ids[index] && base.mode == mode
    }

    private func mode(_ index: Int) -> EntryMode? { EntryMode(rawValue: marks[index] & ~Self.seenMark) }
}

extension SnapshotFiles: RandomAccessCollection {
    package var startIndex: Int { 0 }
    package var endIndex: Int { scanned.count }

    package subscript(index: Int) -> SnapshotFile {
        let path = path(index)
        var entry: TreeEntry?
        var seen: StatCacheEntry.Seen?
        if let mode = mode(index), let name = path.split?.name {
            let other = others[index]
            entry = TreeEntry(
                name: name, mode: mode, id: ids[index], size: other?.size ?? scanned.size(index))
            if marks[index] & Self.seenMark != 0 {
                seen = other?.seen ?? scanned.status(index).map { StatCacheEntry.Seen($0) }
            }
        }
        return SnapshotFile(path: path, base: scanned.base(index), entry: entry, seen: seen)
    }
}
