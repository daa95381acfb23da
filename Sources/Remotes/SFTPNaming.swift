internal import FileIO
internal import ObjectModel

/// Gives files names over SFTP, and never one that is taken.
///
/// One thread at a time.
final class SFTPNaming {
    /// How a name is given that may be taken.
    private enum Way {
        /// A second name for the same file: where one is, the server's system refuses.
        case link
        /// Another name, on a server that was seen to refuse where one is.
        case rename
    }

    private let root: FilePath
    private let connection: SFTPConnection
    private let random: @Sendable (Int) -> [UInt8]
    private var knownWay: Way?

    /// - Parameters:
    ///   - root: The directory that paths begin at.
    ///   - random: Hands out that many random bytes.
    init(below root: FilePath, _ connection: SFTPConnection, random: @escaping @Sendable (Int) -> [UInt8]) {
        (self.root, self.connection, self.random) = (root, connection, random)
    }

    /// Finds out whether names can be given at all, before anything is sent for one.
    func prepare() throws(TransportError) { _ = try way() }

    /// Gives a file another name, if that is free, with the directories above it.
    ///
    /// The old name goes, also where the new one is taken, and is not waited for.
    /// - Returns: Whether it got the name; not, if that was taken.
    func give(_ temporary: FilePath, _ path: FilePath) throws(TransportError) -> Bool {
        let way = try way()
        let (from, to) = (root.appending(temporary.bytes), root.appending(path.bytes))
        var problem = SFTPStatus(.failure)
        // A failure does not say whether the name is taken; one that is free by now was given up in between, or lacks its directory.
        for _ in 0..<3 {
            let giving = try connection.send(way == .link ? .link(from, to) : .rename(from, to))
            let asking = try connection.send(.attributes(to))
            defer { connection.forget([giving, asking]) }
            problem = try connection.status(of: giving, within: Self.patience)
            if problem.isDone {
                connection.sendAside(.remove(from))
                return true
            }
            switch try connection.reply(to: asking) {
            case .attributes:
                connection.sendAside(.remove(from))
                return false
            case .status(let status) where status.isAbsent: break
            case .status(let status) where !status.isDone: throw status.error("ask for", path)
            default: throw connection.unexpected()
            }
            try makeDirectory(path.parent)
        }
        throw problem.error(way == .link ? "link" : "rename", path)
    }

    /// Seconds for what a server has to write to its disk before it answers.
    static let patience = 600

    // MARK: Directories

    /// Makes a directory, with those above it, below the root, which has to be there.
    ///
    /// That it is there already is no error, as nothing tells that from others; whoever needs it finds out.
    func makeDirectory(_ directory: FilePath) throws(TransportError) {
        var missing: [FilePath] = []
        var path = directory
        while path.bytes != Array(".".utf8), path != path.parent {
            missing.append(path)
            path = path.parent
        }
        var asked: [UInt32] = []
        for path in missing.reversed() {
            asked.append(try connection.send(.makeDirectory(root.appending(path.bytes))))
        }
        defer { connection.forget(asked) }
        for (number, path) in zip(asked, missing.reversed()) {
            let status = try connection.status(of: number)
            let isPlain = status.isDone || status.code == .failure
            // Some servers have a code of later versions for a directory that is there.
            guard isPlain || status.code.rawValue == 11 else { throw status.error("make", path) }
        }
    }

    /// Makes the root itself, in a directory that is there.
    func makeRoot() throws(TransportError) {
        let number = try connection.send(.makeDirectory(root))
        defer { connection.forget([number]) }
        let status = try connection.status(of: number)
        let isPlain = status.isDone || status.code == .failure
        guard isPlain || status.code.rawValue == 11 else { throw status.error("make", root) }
    }

    // MARK: Files

    /// Opens a file for writing, with the directories above it.
    ///
    /// - Parameter mode: What is asked beyond that, such as that the file is new.
    /// - Returns: Its handle.
    func open(
        _ path: FilePath, _ mode: SFTPRequest.Mode, permissions: UInt32
    ) throws(TransportError) -> [UInt8] {
        for isLast in [false, true] {
            let number = try connection.send(
                .open(root.appending(path.bytes), mode.union(.write), SFTPAttributes(mode: permissions)))
            switch try connection.reply(to: number) {
            case .handle(let handle): return handle
            case .status(let status) where status.isAbsent && !isLast: try makeDirectory(path.parent)
            case .status(let status) where !status.isDone: throw status.error("open", path)
            default: throw connection.unexpected()
            }
        }
        throw connection.unexpected()
    }

    /// A name in `tmp` that nobody else has.
    func temporary(_ purpose: String) -> FilePath {
        FilePath("tmp") / "\(purpose)-\(Hex.text(random(8)))"
    }

    // MARK: Which way

    private func way() throws(TransportError) -> Way {
        if let knownWay { return knownWay }
        let way: Way = connection.canLink ? .link : try probe()
        knownWay = way
        return way
    }

    /// Finds out by two files of this program whether the server refuses to rename one onto the other.
    private func probe() throws(TransportError) -> Way {
        let (one, other) = (temporary("probe"), temporary("probe"))
        let paths = [one, other].map { root.appending($0.bytes) }
        defer { for path in paths { connection.sendAside(.remove(path)) } }
        for path in [one, other] { connection.sendAside(.close(try open(path, .new, permissions: 0o600))) }
        let renaming = try connection.send(.rename(paths[0], paths[1]))
        let status = try connection.status(of: renaming)
        let refuses = !status.isDone && status.code != .unsupported
        // Refused for another reason it would be there no more, or could not be renamed at all.
        let back = temporary("probe")
        defer { connection.sendAside(.remove(root.appending(back.bytes))) }
        if refuses {
            let trying = try connection.send(.rename(paths[0], root.appending(back.bytes)))
            if try connection.status(of: trying).isDone { return .rename }
        }
        throw TransportError(.unsupported, "it cannot create a file without overwriting another")
    }
}
