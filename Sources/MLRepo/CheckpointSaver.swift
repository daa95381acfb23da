internal import FileIO
internal import ObjectModel
internal import WorkingTree

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// Stores files that a run writes as soon as nobody writes to them any more, while the run goes on: what was stored is there
/// whatever becomes of the run, and of the files.
///
/// A file that is written again is stored again, and counts as it was last.
final class CheckpointSaver: Sendable {
    /// One file as it was stored.
    struct File: Sendable {
        let entry: TreeEntry
        /// With which status it was that; nothing where that is too young to tell.
        let seen: StatCacheEntry.Seen?
    }

    /// What is stored by now, and the record of the run that names it.
    struct Saved: Sendable {
        var record: ObjectID?
        var files: [RepositoryPath: File] = [:]
    }

    private struct State {
        /// What was written to, or got its name, and may be a directory; with the status that it was last seen with.
        var waiting: [RepositoryPath: FileStatus?] = [:]
        var saved = Saved()
        var failure: RepositoryError?
        var isEnding = false
        var isRunning = false
    }

    private let rules: IgnoreRules
    private let state = Monitor(State())

    /// How long a file has to stay as it is, in microseconds: where the system does not tell who writes, that has to do.
    private static let pause: UInt32 = 500_000

    init(_ patterns: [String]) { rules = IgnoreRules(patterns: patterns) }

    var saved: Saved { state.withLock { $0.saved } }
    var failure: RepositoryError? { state.withLock { $0.failure } }

    /// Something is about to be written, or to get this name.
    func hear(of path: RepositoryPath) {
        if path.names.first?.bytes == Array(".mlrepo".utf8) { return }
        // A directory's name says little of what is in it.
        state.withLock { $0.waiting[path] = .some(nil) }
    }

    // MARK: Storing

    /// Begins to store what is closed.
    ///
    /// - Parameter store: Stores files and records them with what was stored before.
    func begin(
        _ root: FilePath, _ files: any FileSystem,
        _ store: @escaping @Sendable ([RepositoryPath], Saved) throws(RepositoryError) -> Saved
    ) {
        state.withLock { $0.isRunning = true }
        let thread = Thread { [self] in
            while !state.withLock({ $0.isEnding }) {
                for _ in 0..<10 where !state.withLock({ $0.isEnding }) { usleep(Self.pause / 10) }
                look(root, files, store)
            }
            state.withLock { $0.isRunning = false }
        }
        guard let thread else { return state.withLock { $0.isRunning = false } }
        thread.detach()
    }

    /// Ends it; what is there at the end is stored with all else that the run wrote.
    func end() {
        state.withLock { $0.isEnding = true }
        while state.withLock({ $0.isRunning }) { usleep(2_000) }
    }

    private func look(
        _ root: FilePath, _ files: any FileSystem,
        _ store: ([RepositoryPath], Saved) throws(RepositoryError) -> Saved
    ) {
        let (waiting, saved) = state.withLock { ($0.waiting, $0.saved) }
        var ready: [RepositoryPath] = []
        for (path, before) in waiting {
            let place = root.appending(path.bytes)
            guard let status = (try? files.status(place)) ?? nil else { continue }
            if status.kind == .directory {
                // It has got its name with all that is in it.
                settle(path, as: before)
                for inside in names(below: path, root, files) { hear(of: inside) }
                continue
            }
            guard status.kind == .file, rules.matches(path) else {
                settle(path, as: before)
                continue
            }
            guard before == status, !isWritten(place, files) else {
                state.withLock { $0.waiting[path] = .some(status) }
                continue
            }
            settle(path, as: before)
            if let seen = saved.files[path]?.seen, seen == StatCacheEntry.Seen(status) { continue }
            ready.append(path)
        }
        guard !ready.isEmpty else { return }
        do throws(RepositoryError) {
            let now = try store(ready, saved)
            state.withLock { $0.saved = now }
        } catch {
            let failure = error
            state.withLock { $0.failure = failure }
        }
    }

    /// Something does not wait any more, unless it was heard of again meanwhile.
    private func settle(_ path: RepositoryPath, as before: FileStatus?) {
        state.withLock { state in
            if let now = state.waiting[path], now == before { state.waiting[path] = nil }
        }
    }

    private func names(
        below path: RepositoryPath, _ root: FilePath, _ files: any FileSystem
    ) -> [RepositoryPath] {
        let names = (try? files.names(in: root.appending(path.bytes))) ?? []
        return names.compactMap { name in (try? EntryName(name[...])).flatMap { try? path.appending($0) } }
    }

    private func isWritten(_ place: FilePath, _ files: any FileSystem) -> Bool {
        guard let file = try? files.open(place) else { return true }
        defer { files.close(file) }
        return files.hasWriter(file)
    }
}
