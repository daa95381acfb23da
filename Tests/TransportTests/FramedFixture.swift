import FileIO
import Hashing
import ObjectModel
import TestSupport

@testable import Remotes

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A directory like a store's, and servers on threads of this process that serve it.
///
/// It is removed when the last reference goes.
final class ServedStore: Sendable {
    let root: FilePath
    let files = POSIXFileSystem()
    /// How each server ended, in order; nothing for one whose client had closed.
    let ends = Monitor<[TransportError?]>([])

    struct Missing: Error {}

    init() throws {
        FramedTransport.ignoreBrokenPipes()
        var random = SystemRandomNumberGenerator()
        root = FilePath("/tmp/mlrepo-framed-\(random.next())")
        try files.makeDirectory(root, permissions: 0o700)
        try write(Array("a store\n".utf8), to: "format")
    }

    deinit { Self.removeAll(root, files) }

    /// The same files without a line between.
    ///
    /// No link leads out of them, where the system can see to that.
    var directory: DirectoryTransport {
        DirectoryTransport(name: "the store", root: root, files: files.confined(to: root) ?? files) { count in
            var random = SystemRandomNumberGenerator()
            return (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
        }
    }

    func write(_ bytes: [UInt8], to path: String) throws {
        try files.makeDirectories((root / path).parent, permissions: 0o700)
        let file = try files.create(root / path, permissions: 0o600)
        defer { files.close(file) }
        try files.write(file, bytes)
    }

    func contents(_ path: FilePath) throws -> [UInt8]? {
        try files.contentsIfPresent(root.appending(path.bytes), limit: 1 << 30)
    }

    /// Starts a server on a thread.
    func serve(_ input: Int32, _ output: Int32, isReadOnly: Bool, timeLimit: Int, pulse: Int) throws {
        let server = FramedServer(directory, isReadOnly: isReadOnly, timeLimit: timeLimit, pulse: pulse)
        let ends = ends
        let thread = Thread {
            var end: TransportError?
            do throws(TransportError) {
                try server.serve(input: FileDescriptor(raw: input), output: FileDescriptor(raw: output))
            } catch { end = error }
            ends.withLock { $0.append(end) }
        }
        guard let thread else { throw Missing() }
        thread.detach()
    }

    /// A descriptor whose other side a server has.
    func line(isReadOnly: Bool = false, timeLimit: Int = 20, pulse: Int = 10_000) throws -> Int32 {
        let ends = try Self.socketPair()
        try serve(ends.1, ends.1, isReadOnly: isReadOnly, timeLimit: timeLimit, pulse: pulse)
        return ends.0
    }

    func connect(isReadOnly: Bool = false, pulse: Int = 10_000) throws -> FramedTransport {
        try Self.client(line(isReadOnly: isReadOnly, pulse: pulse))
    }

    /// The same over two pipes, as a program started by ssh has it.
    func connectByPipes() throws -> FramedTransport {
        var (there, back): ([Int32], [Int32]) = ([-1, -1], [-1, -1])
        guard pipe(&there) == 0, pipe(&back) == 0 else { throw Missing() }
        try serve(there[0], back[1], isReadOnly: false, timeLimit: 20, pulse: 10_000)
        return try FramedTransport(
            name: "line", input: FileDescriptor(raw: back[0]), output: FileDescriptor(raw: there[1]),
            timeLimit: 20)
    }

    static func client(_ line: Int32, timeLimit: Int = 20) throws(TransportError) -> FramedTransport {
        let end = FileDescriptor(raw: line)
        return try FramedTransport(name: "line", input: end, output: end, timeLimit: timeLimit)
    }

    static func socketPair() throws -> (Int32, Int32) {
        var ends: [Int32] = [-1, -1]
        #if canImport(Glibc)
            let kind = Int32(SOCK_STREAM.rawValue)
        #else
            let kind = SOCK_STREAM
        #endif
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { throw Missing() }
        return (ends[0], ends[1])
    }

    /// Waits until so many servers have ended, ten seconds at most.
    func waitForEnds(_ count: Int) -> [TransportError?] {
        for _ in 0..<1000 {
            let found = ends.withLock { $0 }
            if found.count >= count { return found }
            poll(nil, 0, 10)
        }
        return ends.withLock { $0 }
    }

    /// An upload of a file that is written for it, outside what is served.
    func upload(_ bytes: [UInt8], to path: String, digest: Digest? = nil) throws -> Upload {
        let source = "source-\(FilePath(path).name.count)-\(bytes.count)"
        if try files.status(root / source) == nil { try write(bytes, to: source) }
        return Upload(
            to: FilePath(path), owner: "somebody", length: bytes.count,
            digest: digest ?? SHA256.digest(of: bytes),
            content: FileContent(root / source, files: files))
    }

    private static func removeAll(_ path: FilePath, _ files: POSIXFileSystem) {
        var listing = DirectoryListing()
        guard (try? files.list(path, into: &listing)) != nil else { return }
        for index in 0..<listing.count {
            let child = path.appending(listing.name(index))
            if listing.status(index).kind == .directory {
                removeAll(child, files)
            } else {
                try? files.remove(child)
            }
        }
        try? files.removeDirectory(path)
    }
}

/// Passes bytes on between two descriptors, each way so many at most; then both sides see the line close.
enum Relay {
    static func start(_ one: Int32, _ other: Int32, limits: (Int, Int)) throws {
        let left = Monitor(2)
        for (from, to, limit) in [(one, other, limits.0), (other, one, limits.1)] {
            let thread = Thread {
                pass(from, to, limit)
                for end in [from, to] { shutdown(end, Int32(SHUT_RDWR)) }
                guard
                    left.withLock({ left in
                        left -= 1; return left == 0
                    })
                else { return }
                for end in [from, to] { close(end) }
            }
            guard let thread else { throw ServedStore.Missing() }
            thread.detach()
        }
    }

    private static func pass(_ from: Int32, _ to: Int32, _ limit: Int) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        var rest = limit
        while rest > 0 {
            let count = recv(from, &buffer, min(rest, buffer.count), 0)
            guard count > 0 else { return }
            rest -= count
            var sent = 0
            while sent < count {
                let more = sendBytes(to, buffer[sent..<count])
                guard more > 0 else { return }
                sent += more
            }
        }
    }
}

extension SplitMix64 {
    mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }
}

/// What sort of failure something ends with; nothing if it succeeds.
func failureKind<Result>(_ body: () throws -> Result) -> TransportError.Kind? {
    do { _ = try body() } catch { return (error as? TransportError)?.kind }
    return nil
}

/// Sends bytes on a socket, as many as it takes; less than nothing if the other side is gone.
@discardableResult
func sendBytes(_ descriptor: Int32, _ bytes: some Collection<UInt8>) -> Int {
    Array(bytes).withUnsafeBytes {
        #if canImport(Glibc)
            send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        #else
            send(descriptor, $0.baseAddress, $0.count, 0)
        #endif
    }
}
