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

    /// A file that is gone by now, and has another name in the run's directory.
    struct Rescued: Sendable {
        let path: RepositoryPath
        let name: String
        let status: FileStatus
    }

    private struct State {
        var rescued: [Rescued] = []
        var rescuedCount = 0
        /// How many files went before they could be stored.
        var missed = 0
        /// What was written to, or got its name, and may be a directory; with the status that it was last seen with.
        var waiting: [RepositoryPath: FileStatus?] = [:]
        /// Of these, those that were not there when they were looked for since they were last heard of.
        var absent: Set<RepositoryPath> = []
        var saved = Saved()
        var failure: RepositoryError?
        var isEnding = false
        var isRunning = false
    }

    private let rules: IgnoreRules
    private let state = Monitor(State())

    /// How long a file has to stay as it is, in microseconds: where the system does not tell who writes, that has to do.
    private static let pause: UInt32 = 500_000

    private let patterns: [String]

    init(_ patterns: [String]) {
        self.patterns = patterns
        rules = IgnoreRules(patterns: patterns)
    }

    var saved: Saved { state.withLock { $0.saved } }
    /// How many files of such names went before they could be stored.
    var missed: Int { state.withLock { $0.missed } }
    /// Patterns that match none of some paths, nor of what was stored.
    func unmatched(_ paths: [RepositoryPath]) -> [String] {
        let all = paths + saved.files.keys
        return patterns.filter { pattern in
            let rules = IgnoreRules(patterns: [pattern])
            return !all.contains(where: rules.matches)
        }
    }

    var failure: RepositoryError? { state.withLock { $0.failure } }

    /// Something is about to be written, or to get this name.
    func hear(of path: RepositoryPath) {
        if path.names.first?.bytes == Array(".mlrepo".utf8) { return }
        // A directory's name says little of what is in it.
        state.withLock { state in
            state.waiting[path] = .some(nil)
            state.absent.remove(path)
        }
    }

    /// A file is about to go: if it is not stored yet it gets a name that stays.
    func rescue(
        _ path: RepositoryPath, _ place: FilePath, _ status: FileStatus, to directory: FilePath,
        _ files: any FileSystem
    ) {
        guard rules.matches(path), path.names.first?.bytes != Array(".mlrepo".utf8) else { return }
        let number = state.withLock { state -> Int? in
            if let seen = state.saved.files[path]?.seen, seen == StatCacheEntry.Seen(status) { return nil }
            state.rescuedCount += 1
            return state.rescuedCount
        }
        guard let number else { return }
        let name = "save-\(number)"
        do throws(FileError) {
            try files.link(place, to: directory / name)
            state.withLock { $0.rescued.append(Rescued(path: path, name: name, status: status)) }
        } catch { state.withLock { $0.missed += 1 } }
    }

    // MARK: Storing

    /// Begins to store what is closed.
    ///
    /// - Parameter store: Stores files, and those that are gone, and records them with what was stored before.
    func begin(
        _ root: FilePath, _ files: any FileSystem,
        _ store: @escaping @Sendable ([RepositoryPath], [Rescued], Saved) throws(RepositoryError) -> Saved
    ) {
        state.withLock { $0.isRunning = true }
        let thread = Thread { [self] in
            while !state.withLock({ $0.isEnding }) {
                for _ in 0..<10 where !state.withLock({ $0.isEnding }) { usleep(Self.pause / 10) }
                look(root, files, store)
            }
            // What went at the end is nowhere else.
            self.store([], with: store)
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
        _ store: ([RepositoryPath], [Rescued], Saved) throws(RepositoryError) -> Saved
    ) {
        let (waiting, saved) = state.withLock { ($0.waiting, $0.saved) }
        var ready: [RepositoryPath] = []
        for (path, before) in waiting {
            let place = root.appending(path.bytes)
            guard let status = (try? files.status(place)) ?? nil else {
                noteAbsent(path)
                continue
            }
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
        self.store(ready, with: store)
    }

    private func store(
        _ ready: [RepositoryPath],
        with store: ([RepositoryPath], [Rescued], Saved) throws(RepositoryError) -> Saved
    ) {
        let (rescued, saved) = state.withLock { state in
            defer { state.rescued.removeAll() }
            return (state.rescued, state.saved)
        }
        guard !ready.isEmpty || !rescued.isEmpty else { return }
        do throws(RepositoryError) {
            let now = try store(ready, rescued, saved)
            state.withLock { $0.saved = now }
        } catch {
            let failure = error
            state.withLock { state in
                state.failure = failure
                state.missed += rescued.count
            }
        }
    }

    /// What is not there may be about to come; the second time it does not come any more.
    private func noteAbsent(_ path: RepositoryPath) {
        state.withLock { state in
            if state.absent.insert(path).inserted { return }
            state.absent.remove(path)
            state.waiting[path] = nil
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
