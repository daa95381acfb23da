internal import FileIO
internal import ObjectModel

/// Several log entries in a row whose files are lost: what they were is told for sure where the log behind them is known.
///
/// Operations follow each other as their events and the refs allow; the log's root behind the last one says whether a way is the right
/// one. It ends after so many tries: a store that is made up could have any number of ways.
struct LostChain {
    private let files: any FileSystem
    private let log: OperationLog
    /// Those behind them, as far as they can be read.
    private let behind: [LogEntry]
    /// The number of the last one.
    private let last: Int
    /// The log with the last one.
    private let after: MerkleFrontier
    private let packs = WholePacks()
    private var tries = 1000

    init(_ log: OperationLog, _ files: any FileSystem, behind: [LogEntry], last: Int, after: MerkleFrontier) {
        (self.log, self.files, self.behind, self.last, self.after) = (log, files, behind, last, after)
    }

    /// The lost entries that follow a state, in order; nothing where they cannot be told.
    mutating func entries(after state: StoreState, _ found: [LogEntryFile] = []) -> [LogEntryFile]? {
        let layout = log.layout
        let log = with(found)
        guard let store = try? ObjectStore.open(layout, files: files, at: state, of: log) else { return nil }
        let lost = LostOperation(store, files, behind: behind, remembered: nil, packs)
        var tried: Set<ObjectID> = []
        // Who wrote a pack that has all of others has mostly merged these.
        for isGuessing in [true, false] {
            for (file, _) in (try? lost.candidates(guessing: isGuessing)) ?? [] {
                guard tried.insert(MerkleLog.leaf(file.leaf)).inserted else { continue }
                guard tries > 0 else { return nil }
                tries -= 1
                let all = found + [file]
                if file.entry.number == last {
                    if file.after == after { return all }
                    continue
                }
                guard let next = (try? with(all).newest(from: state)) ?? nil,
                    next.number == file.entry.number, let all = entries(after: next, all)
                else { continue }
                return all
            }
        }
        return nil
    }

    private func with(_ entries: [LogEntryFile]) -> OperationLog {
        let files = Dictionary(
            uniqueKeysWithValues: entries.map { (log.layout.entry($0.entry.number), $0.bytes) })
        return OperationLog(
            layout: log.layout, files: LogWithEntries(base: log.files, entries: files), origin: log.origin)
    }
}

/// The files of a log, and entries that it may have had.
private struct LogWithEntries: LogFiles {
    let base: any LogFiles
    let entries: [FilePath: [UInt8]]

    func contents(of path: FilePath, limit: Int) throws(StoreError) -> [UInt8]? {
        if let bytes = entries[path] { return bytes }
        return try base.contents(of: path, limit: limit)
    }

    func names(in directory: FilePath) throws(StoreError) -> [[UInt8]] { try base.names(in: directory) }

    func create(_ path: FilePath, _ bytes: [UInt8], nonce: String) throws(StoreError) -> Bool {
        try base.create(path, bytes, nonce: nonce)
    }

    func remove(_ path: FilePath) throws(StoreError) { try base.remove(path) }
}
