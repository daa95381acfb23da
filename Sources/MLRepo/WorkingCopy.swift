package import FileIO
internal import Hashing
package import ObjectModel
internal import Storage
internal import Synchronization
package import WorkingTree

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// The files that belong to one working copy: where it stands, what it tracks, its settings
/// (`Documentation/Formats/layout.md`, "Files of a working copy").
package struct WorkingCopy: Sendable {
    /// The top directory of the files; of a bare store, the store.
    package let root: FilePath
    /// There are no files: this is a store by itself.
    package let isBare: Bool
    let files: any FileSystem
    /// For names of temporary files, so that two commands at once do not meet.
    private let nonce: String
    private let lease = Lease()

    /// Whether this process keeps other commands from changing the working copy.
    private final class Lease: Sendable {
        private struct State {
            var isHeld = false
            /// Nothing where it cannot be locked.
            var file: FileDescriptor?
        }

        private let state = Mutex(State())

        var isHeld: Bool { state.withLock { $0.isHeld } }
        func hold(_ file: FileDescriptor?) { state.withLock { $0 = State(isHeld: true, file: file) } }

        /// - Returns: What has to be closed.
        func leave() -> FileDescriptor? {
            state.withLock { state in
                defer { state = State() }
                return state.file
            }
        }
    }

    init(root: FilePath, isBare: Bool = false, _ environment: Environment) {
        self.root = root
        self.isBare = isBare
        files = environment.files
        nonce = Hex.text(environment.random(8))
    }

    package var directory: FilePath { isBare ? root : root / ".mlrepo" }

    /// Whether it was made for one run (`run --scratch`).
    func isFleeting() throws(RepositoryError) -> Bool {
        try filing { () throws(FileError) in try files.status(directory / Self.fleeting) != nil }
    }

    func markFleeting() throws(RepositoryError) { try replace(Self.fleeting, [], durable: false) }

    private static let fleeting = "fleeting"

    // MARK: Its commands

    /// Waits until no other command changes this working copy; then none does until ``leave()``, or this process ends, however it ends.
    ///
    /// The store needs no such thing: this keeps two commands from writing the same files. A working copy that cannot be
    /// locked is used without.
    /// - Parameter onWait: Called once, when it takes longer than a moment.
    /// - Throws: ``RepositoryError/occupied(seconds:)`` when it takes longer than a minute.
    package func occupy(onWait: () -> Void) throws(RepositoryError) {
        guard !isBare else { return }
        let end = Self.patience * Self.looksPerSecond
        for look in 0...end {
            do throws(FileError) {
                if let file = try files.occupy(directory / "lease") { return lease.hold(file) }
            } catch { return lease.hold(nil) }
            if look == Self.looksPerSecond { onWait() }
            if look < end { usleep(1_000_000 / UInt32(Self.looksPerSecond)) }
        }
        throw .occupied(seconds: Self.patience)
    }

    /// Other commands may change this working copy again.
    package func leave() {
        if let file = lease.leave() { files.close(file) }
    }

    /// Does something for which no other command may change the working copy; not at all if one does just now.
    func alone(_ body: () throws(RepositoryError) -> Void) throws(RepositoryError) {
        guard !isBare else { return }
        if lease.isHeld { return try body() }
        let file: FileDescriptor?
        do throws(FileError) {
            file = try files.occupy(directory / "lease")
            guard file != nil else { return }
        } catch { file = nil }
        defer { if let file { files.close(file) } }
        try body()
    }

    /// Keeps other processes from executing here again what is stale, until this one ends, however it ends.
    ///
    /// - Returns: Whether nobody is at it.
    package func takeRerun() -> Bool {
        do throws(FileError) { return try files.occupy(directory / "rerun") != nil } catch {
            // Where nothing can be locked everybody may.
            return true
        }
    }

    /// Whether another command changes this working copy just now.
    package var isOccupied: Bool {
        guard !isBare else { return false }
        do throws(FileError) {
            guard let file = try files.occupy(directory / "lease") else { return true }
            files.close(file)
            return false
        } catch { return false }
    }

    /// Seconds.
    private static let patience = 60
    private static let looksPerSecond = 20

    /// Its settings.
    func configuration() throws(RepositoryError) -> Configuration {
        let text = try filing { () throws(FileError) in
            try files.contentsIfPresent(directory / "config", limit: 1 << 20)
        }
        return Configuration(text.map { String(decoding: $0, as: UTF8.self) } ?? "")
    }

    // MARK: Its store

    /// Where the store lies: here, or where the file `store` says.
    package func store() throws(RepositoryError) -> FilePath {
        if isBare { return root }
        let path = directory / "store"
        let bytes = try filing { () throws(FileError) in try files.contentsIfPresent(path, limit: 16_384) }
        guard let bytes else { return directory }
        do throws(MalformedObject) {
            let json = try JSONValue(line: bytes)
            let store: [UInt8]
            if case .string(let text)? = json.member("path") {
                store = Array(text.utf8)
            } else if let text = try json.member("path")?.string("bytes"), let decoded = Base64.decode(text),
                String(validating: decoded, as: UTF8.self) == nil
            {
                store = decoded
            } else {
                throw .member("path", expected: "a path")
            }
            guard store.first == UInt8(ascii: "/"), !store.contains(0) else {
                throw .member("path", expected: "an absolute path")
            }
            return FilePath(store)
        } catch { throw .damaged(path, "\(error)") }
    }

    /// Lets the working copy use a store elsewhere.
    package func setStore(_ store: FilePath) throws(RepositoryError) {
        let path: JSONValue =
            String(validating: store.bytes, as: UTF8.self).map { .string($0) }
            ?? .object(["bytes": .string(Base64.encode(store.bytes))])
        try replace("store", JSONValue.object(["path": path]).canonicalBytes + [0x0a], durable: true)
    }

    /// Where a working copy stands.
    package struct Head: Hashable, Sendable {
        /// Without `branches/`; nothing when detached.
        package var branch: String?
        /// What the files were made from.
        package var commit: ObjectID?
        /// 32 hex digits.
        package let workingCopy: String

        package init(branch: String?, commit: ObjectID?, workingCopy: String) {
            self.branch = branch
            self.commit = commit
            self.workingCopy = workingCopy
        }
    }

    /// Where the working copy stands, as its file `HEAD` says.
    package func head() throws(RepositoryError) -> Head {
        if isBare {
            return Head(branch: Repository.defaultBranch, commit: nil, workingCopy: Self.noWorkingCopy)
        }
        let path = directory / "HEAD"
        let bytes = try filing { () throws(FileError) in try files.contents(path, limit: 4096) }
        do throws(MalformedObject) {
            let json = try JSONValue(line: bytes)
            let workingCopy = try json.string("workingCopy")
            guard Hex.bytes(workingCopy)?.count == 16 else {
                throw .member("workingCopy", expected: "32 hex digits")
            }
            return Head(
                branch: try Self.branch(json), commit: try json.optionalID("commit"),
                workingCopy: workingCopy)
        } catch { throw .damaged(path, "\(error)") }
    }

    /// The nonce of the event by which this working copy comes to stand elsewhere than its file `HEAD` says: 32 hex digits.
    ///
    /// Whoever is killed between the event and the new `HEAD` knows the event by it. A copy of the working copy does not: no tool
    /// that copies files gives them their inode and the time of their last change.
    func standingNonce() throws(RepositoryError) -> String {
        let path = directory / "HEAD"
        let (bytes, status) = try filing { () throws(FileError) in
            (try files.contents(path, limit: 4096), try files.status(path))
        }
        guard let status else { throw .damaged(path, "it is not there") }
        let place = Array("\(status.inode) \(status.changed) ".utf8)
        return Hex.text(Array(ObjectID(of: .blob, payload: place + bytes).digest.bytes.prefix(16)))
    }

    static func branch(_ json: JSONValue) throws(MalformedObject) -> String? {
        let branch = try json.optionalString("branch")
        if let branch, (try? RefName.branch(branch)) == nil {
            throw .member("branch", expected: "the name of a branch")
        }
        return branch
    }

    /// Stands for a store without files.
    private static let noWorkingCopy = String(repeating: "0", count: 32)

    /// Replaces `HEAD`, and returns when that is durable.
    package func setHead(_ head: Head) throws(RepositoryError) {
        let json = JSONValue.object([
            "branch": head.branch.map { .string($0) }, "commit": head.commit.map { .string($0.hex) },
            "workingCopy": .string(head.workingCopy),
        ])
        try replace("HEAD", json.canonicalBytes + [0x0a], durable: true)
    }

    /// What was said of tracking since the base version; what that tracks where nothing was said.
    package func tracking(base: TrackedPaths) throws(RepositoryError) -> Tracking {
        try tracking(named: "tracked") ?? Tracking(paths: base)
    }

    /// What is to be tracked once something is in the log; nothing where that is not noted.
    package func nextTracking() throws(RepositoryError) -> Tracking? {
        try tracking(named: Self.nextTracking)
    }

    private func tracking(named name: String) throws(RepositoryError) -> Tracking? {
        let path = directory / name
        let bytes = try filing { () throws(FileError) in try files.contentsIfPresent(path, limit: 64 << 20) }
        guard let bytes else { return nil }
        do throws(MalformedObject) { return try Tracking(bytes: bytes) } catch {
            throw .damaged(path, "\(error)")
        }
    }

    /// - Parameter tracking: Nothing if it is that of the base version.
    package func setTracking(_ tracking: Tracking?) throws(RepositoryError) {
        if let tracking {
            try replace("tracked", tracking.bytes, durable: true)
        } else {
            try filing { () throws(FileError) in try files.removeIfPresent(directory / "tracked") }
        }
    }

    /// Notes what is to be tracked once a checkout, or a commit, is in the log, and returns when that is durable.
    ///
    /// - Parameter tracking: Nothing where that is what is tracked before.
    func setNextTracking(_ tracking: Tracking?) throws(RepositoryError) {
        if let tracking {
            try replace(Self.nextTracking, tracking.bytes, durable: true)
        } else {
            try filing { () throws(FileError) in try files.removeIfPresent(directory / Self.nextTracking) }
        }
    }

    /// Makes what a checkout noted what is tracked, if it was not made so before.
    func adoptTracking() throws(RepositoryError) {
        try filing { () throws(FileError) in
            guard try files.status(directory / Self.nextTracking) != nil else { return }
            try files.rename(directory / Self.nextTracking, to: directory / "tracked")
            try files.synchronizeDirectory(directory)
        }
    }

    private static let nextTracking = "tracked-next"

    /// The stat cache, of whatever commit; nothing if there is none.
    package func cache() -> StatCache? {
        guard let table = try? files.map(directory / "index") else { return nil }
        return StatCache(table: table, changes: try? files.map(directory / "index-changes"))
    }

    /// Replaces the stat cache.
    ///
    /// It is derived: nothing needs it to be durable.
    package func setCache(_ cache: StatCache) throws(RepositoryError) {
        let (table, changes) = cache.bytes
        if let table { try replace("index", table, durable: false) }
        try replace("index-changes", changes, durable: false)
    }

    /// Replaces the stat cache by another one after some changes.
    ///
    /// - Parameter edits: As ``StatCache/writeTable(after:base:identity:to:)`` wants them.
    func setCache<Edits: RandomAccessCollection>(
        _ cache: StatCache, after edits: Edits, base: ObjectID?, identity: [UInt8]
    ) throws(RepositoryError) where Edits.Element == StatCache.Edit, Edits.Index == Int {
        guard cache.isFull(with: edits.count) else {
            return try setCache(cache.applying(edits, base: base, identity: identity))
        }
        var changes: [UInt8] = []
        try replace("index", durable: false) { (file) throws(FileError) in
            var failure: FileError?
            changes = cache.writeTable(after: edits, base: base, identity: identity) { piece in
                guard failure == nil else { return }
                do throws(FileError) { try files.write(file, piece) } catch { failure = error }
            }
            if let failure { throw failure }
        }
        try replace("index-changes", changes, durable: false)
    }

    package func setConfiguration(_ bytes: [UInt8]) throws(RepositoryError) {
        try replace("config", bytes, durable: true)
    }

    /// Replaces the file that says whose keys are trusted.
    func setTrust(_ bytes: [UInt8]) throws(RepositoryError) {
        try replace("allowed_signers", bytes, durable: true)
    }

    /// The file system's own time, in nanoseconds since 1970: that of a file that was just made.
    ///
    /// - Returns: ``noClock`` where nothing can be made.
    package func fileClock() throws(RepositoryError) -> Int64 {
        let path = directory / "\(Self.temporaryPrefix)clock-\(nonce)"
        do throws(FileError) {
            try files.removeIfPresent(path)
            let file = try files.create(path, permissions: 0o600)
            defer {
                files.close(file)
                try? files.removeIfPresent(path)
            }
            return try files.status(of: file).modified
        } catch {
            guard error.isDenied || error.isFull else { throw .file(error) }
            return Self.noClock
        }
    }

    /// Stands for the time where nothing can be remembered, and so nothing needs a clock: every time is too young.
    static let noClock = Int64.min / 2

    /// Refuses a working copy in which nothing can be noted.
    func requireWritable() throws(RepositoryError) {
        let path = directory / "\(Self.temporaryPrefix)clock-\(nonce)"
        try filing { () throws(FileError) in
            files.close(try files.create(path, permissions: 0o600))
            try files.removeIfPresent(path)
        }
    }

    /// What names of files begin with that are being written.
    static let temporaryPrefix = "tmp-"

    /// Removes what commands that were killed were writing here a day ago or longer.
    package func sweep() throws(RepositoryError) {
        let now = try fileClock()
        try filing { () throws(FileError) in
            var listing = DirectoryListing()
            try files.list(directory, into: &listing)
            for index in 0..<listing.count
            where listing.name(index).starts(with: Self.temporaryPrefix.utf8)
                && listing.status(index).kind == .file
                && now - listing.status(index).modified > 86_400_000_000_000
            {
                try files.removeIfPresent(directory.appending(listing.name(index)))
            }
        }
    }

    /// Keeps git from taking the store for code, and `git clean` from deleting it.
    func hideFromGit() throws(RepositoryError) { try replace(".gitignore", Array("*\n".utf8), durable: true) }

    /// Writes a file of the working tree in place of what is there.
    func replaceFile(_ path: FilePath, _ bytes: [UInt8]) throws(RepositoryError) {
        try filing { () throws(FileError) in
            let temporary = directory / "\(Self.temporaryPrefix)file-\(nonce)"
            try files.removeIfPresent(temporary)
            let file = try files.create(temporary, permissions: 0o666)
            defer { files.close(file) }
            try finishing(temporary, for: path) { () throws(FileError) in
                try files.write(file, bytes)
                try files.synchronize(file)
                try files.rename(temporary, to: path)
            }
        }
    }

    /// Removes what cannot be finished: on a full disk it would be in the way.
    ///
    /// - Throws: The error of the body, which names what it was to become.
    private func finishing(
        _ temporary: FilePath, for path: FilePath, _ body: () throws(FileError) -> Void
    ) throws(FileError) {
        do throws(FileError) { try body() } catch {
            try? files.removeIfPresent(temporary)
            throw FileError(error.operation, path, code: error.code)
        }
    }

    func replace(_ name: String, _ bytes: [UInt8], durable: Bool) throws(RepositoryError) {
        try replace(name, durable: durable) { (file) throws(FileError) in try files.write(file, bytes) }
    }

    private func replace(
        _ name: String, durable: Bool, _ write: (FileDescriptor) throws(FileError) -> Void
    ) throws(RepositoryError) {
        try filing { () throws(FileError) in
            let temporary = directory / "\(Self.temporaryPrefix)\(name)-\(nonce)"
            try files.removeIfPresent(temporary)
            let file = try files.create(temporary, permissions: 0o666)
            defer { files.close(file) }
            try finishing(temporary, for: directory / name) { () throws(FileError) in
                try write(file)
                if durable { try files.synchronize(file) }
                try files.rename(temporary, to: directory / name)
            }
            if durable { try files.synchronizeDirectory(directory) }
        }
    }
}
