import FileIO
import Hashing
import Synchronization
import TestSupport
import Testing

@testable import Remotes

/// A kind of transport that has to do what ``Transport`` says; a further one is one line in ``plain``.
///
/// The tests are those of ``ReadingConformance``, ``CreationConformance``, ``UploadConformance`` and ``HistoryConformance``.
struct Place: Sendable, CustomTestStringConvertible {
    let name: String
    /// Whether no call is made twice.
    ///
    /// Where one is, bytes that are there already may count as just made.
    let isExact: Bool
    /// Lends a transport to an empty store.
    let lend: @Sendable (_ body: (any Transport) throws -> Void) throws -> Void

    init(
        _ name: String, isExact: Bool = true,
        lend: @escaping @Sendable (_ body: (any Transport) throws -> Void) throws -> Void
    ) { (self.name, self.isExact, self.lend) = (name, isExact, lend) }

    var testDescription: String { name }

    static let plain =
        [
            Place("memory") { body in try body(MemoryTransport()) },
            Place("simulated disk") { body in try body(try simulatedDirectory()) },
            Place("directory") { body in
                try withTemporaryDirectory { try body(directory($0, POSIXFileSystem())) }
            },
            Place("directory without links") { body in
                try withTemporaryDirectory { try body(directory($0, LinklessFileSystem(POSIXFileSystem()))) }
            },
            Place("framed") { body in
                try withTemporaryDirectory { try body(framed(directory($0, POSIXFileSystem()))) }
            },
            Place("sftp without extensions") { body in try body(SFTPFake().connect()) },
        ]
        + (SFTPProgram.isMissing ? [] : [openSSH])

    /// Only where the system has the server.
    private static let openSSH = Place("sftp") { body in
        try withTemporaryDirectory { try body(SFTPProgram.connect($0)) }
    }

    /// Each by itself, and behind faults that trying again is to hide.
    static let all =
        plain + plain.flatMap { place in (1...2).map { place.behindLostConnections(seed: $0) } }

    /// Half of the calls lose their connection before, while or after they do something.
    private func behindLostConnections(seed: UInt64) -> Place {
        Place("\(name), connections lost with seed \(seed)", isExact: false) { [lend] body in
            try lend { base in
                let plan = FaultPlan(seed: seed, oneIn: 2, of: [.lostBefore, .lostAmid, .lostAfter])
                let policy = RetryPolicy(attempts: 64)
                try body(RetryingTransport(FaultyTransport(base, plan), policy: policy) { _ in })
            }
        }
    }

    /// Of many who want one name at once, those who do not get it are told so, without an error.
    func expectNone(_ problems: [String]) { #expect(problems == []) }
    // MARK: Directories

    private static func directory(_ root: FilePath, _ files: any FileSystem) -> DirectoryTransport {
        DirectoryTransport(name: "there", root: root, files: files) { count in
            var random = SystemRandomNumberGenerator()
            return (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
        }
    }

    /// A line to a server on a thread of this process; it serves every path, and not only those of a store.
    private static func framed(_ directory: DirectoryTransport) throws -> FramedTransport {
        let (here, there) = try ServedStore.socketPair()
        let thread = Thread {
            let end = FileDescriptor(raw: there)
            try? FramedServer(directory, paths: .any).serve(input: end, output: end)
        }
        guard let thread else { throw ServedStore.Missing() }
        thread.detach()
        return try ServedStore.client(here)
    }

    private static func simulatedDirectory() throws -> DirectoryTransport {
        let disk = SimulatedDisk()
        try disk.makeDirectory("/store", permissions: 0o755)
        disk.synchronizeAll()
        return directory("/store", disk)
    }

    private static func withTemporaryDirectory(_ body: (FilePath) throws -> Void) throws {
        let files = POSIXFileSystem()
        var random = SystemRandomNumberGenerator()
        // In memory where the system has files there: what these tests ask is nothing of how fast a disk is.
        let base: FilePath = (try? files.status("/dev/shm"))??.kind == .directory ? "/dev/shm" : "/tmp"
        let directory = base / "mlrepo-test-\(random.next() as UInt64)"
        try files.makeDirectory(directory, permissions: 0o755)
        defer { remove(directory, files) }
        try body(directory)
    }

    private static func remove(_ directory: FilePath, _ files: POSIXFileSystem) {
        for name in (try? files.names(in: directory)) ?? [] {
            let path = directory.appending(name)
            if (try? files.status(path))??.kind == .directory {
                remove(path, files)
            } else {
                try? files.remove(path)
            }
        }
        try? files.removeDirectory(directory)
    }
}

/// A file on this side that tests upload.
struct Source {
    let bytes: [UInt8]
    private let disk = SimulatedDisk()

    /// More than a transport takes at once, so that something is left of an upload that ends amid it.
    static let large = 5 << 19
    /// Where an upload of a large one ends that is to leave something.
    static let cut = 3 << 19

    init(_ bytes: [UInt8]) throws {
        self.bytes = bytes
        let file = try disk.create("/source", permissions: 0o644)
        defer { disk.close(file) }
        try disk.write(file, bytes)
    }

    init(count: Int, seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        try self.init(random.bytes(count))
    }

    /// - Parameters:
    ///   - length: What is said; that of the file if nothing else is said.
    ///   - digest: The same.
    ///   - offset: Where the file cannot be read any more.
    func upload(
        to path: FilePath, owner: String = "ada", length: Int? = nil, digest: Digest? = nil,
        failingAt offset: Int = .max
    ) -> (upload: Upload, source: CountingSource) {
        let source = CountingSource(disk, failingAt: offset)
        let upload = Upload(
            to: path, owner: owner, length: length ?? bytes.count,
            digest: digest ?? SHA256.digest(of: bytes), content: FileContent("/source", files: source))
        return (upload, source)
    }
}

extension Transport {
    /// All of a file.
    func bytes(_ path: FilePath) throws(TransportError) -> [UInt8]? {
        try pieces([FilePiece(path, .whole(limit: 1 << 30))])[0]?.bytes
    }

    /// What was read, after a check that it came in order.
    func pieces(_ pieces: [FilePiece]) throws(TransportError) -> [PieceContent?] {
        var found: [PieceContent?] = []
        var positions: [Int] = []
        try read(pieces) { (position, content) in
            positions.append(position)
            found.append(content)
        }
        #expect(positions == Array(pieces.indices))
        return found
    }

    /// The names in a directory as text, in order.
    func texts(in directory: FilePath) throws(TransportError) -> [String] {
        try names(in: directory).map { String(decoding: $0, as: UTF8.self) }.sorted()
    }
}
