package import FileIO
package import ObjectModel
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// A transport that has a line to somebody: a program that was started, and pipes to it.
package protocol Line: AnyObject, Transport {
    /// How often the line's delay was waited for so far.
    var roundTrips: Int { get }
    /// What a power cut there may take away that was said to be made, in words for people; nothing if that is nothing.
    var losesOnPowerCut: String? { get }
    /// How this side came, as the other one says; nothing where nobody serves the store.
    var session: Event.Session? { get }
    /// Makes the directory that is to hold a store, where the other side has nothing that makes stores.
    func makeRoot() throws(TransportError)
    /// Ends the line; every later call fails.
    func close()
}

extension FramedTransport: Line {
    package var losesOnPowerCut: String? { nil }

    package func makeRoot() throws(TransportError) {
        throw TransportError(.unsupported, "a store is made there by mlrepo init --bare")
    }
}

extension SFTPTransport: Line {
    package var session: Event.Session? { nil }
}

/// A transport over a line that may break: the call that finds it broken fails, and the next one opens another.
package final class LineTransport: Transport {
    package let name: String
    private let open: @Sendable () throws(TransportError) -> any Line
    private let line: Mutex<(any Line)?>
    private let earlierRoundTrips = Atomic(0)

    /// Opens the first line.
    ///
    /// - Throws: Where that fails at once, so that nobody tries again and again what cannot be.
    package init(
        name: String, open: @escaping @Sendable () throws(TransportError) -> any Line
    ) throws(TransportError) {
        (self.name, self.open) = (name, open)
        line = Mutex(try open())
    }

    /// How often the line's delay was waited for so far.
    package var roundTrips: Int {
        earlierRoundTrips.load(ordering: .relaxed) + (line.withLock { $0?.roundTrips } ?? 0)
    }

    /// What a power cut there may take away; see ``Line/losesOnPowerCut``.
    package var losesOnPowerCut: String? { line.withLock { $0?.losesOnPowerCut } }

    /// How this side came; see ``Line/session``.
    package var session: Event.Session? { line.withLock { $0?.session } }

    private func current() throws(TransportError) -> any Line {
        let result = line.withLock { line -> Result<any Line, TransportError> in
            if let line { return .success(line) }
            do throws(TransportError) {
                let new = try open()
                line = new
                return .success(new)
            } catch { return .failure(error) }
        }
        return try result.get()
    }

    private func calling<Result>(
        _ body: (any Line) throws(TransportError) -> Result
    ) throws(TransportError) -> Result {
        let used = try current()
        do throws(TransportError) { return try body(used) } catch {
            if error.kind == .unreachable {
                let isBroken = line.withLock { line in
                    guard let held = line, held === used else { return false }
                    line = nil
                    return true
                }
                if isBroken {
                    earlierRoundTrips.wrappingAdd(used.roundTrips, ordering: .relaxed)
                    used.close()
                }
            }
            throw error
        }
    }

    /// See ``Line/makeRoot()``.
    package func makeRoot() throws(TransportError) {
        try calling { (line) throws(TransportError) in try line.makeRoot() }
    }

    package func read(
        _ pieces: [FilePiece], _ body: (Int, PieceContent?) throws(TransportError) -> Void
    ) throws(TransportError) {
        try calling { (line) throws(TransportError) in try line.read(pieces, body) }
    }

    package func properties(of paths: [FilePath]) throws(TransportError) -> [FileProperties?] {
        try calling { (line) throws(TransportError) in try line.properties(of: paths) }
    }

    package func names(in directory: FilePath) throws(TransportError) -> [[UInt8]] {
        try calling { (line) throws(TransportError) in try line.names(in: directory) }
    }

    package func create(_ path: FilePath, _ bytes: [UInt8]) throws(TransportError) -> Bool {
        try calling { (line) throws(TransportError) in try line.create(path, bytes) }
    }

    package func upload(_ upload: Upload, progress: (Int) -> Void) throws(TransportError) -> Bool {
        try calling { (line) throws(TransportError) in try line.upload(upload, progress: progress) }
    }

    package func remove(_ paths: [FilePath]) throws(TransportError) {
        try calling { (line) throws(TransportError) in try line.remove(paths) }
    }
}

extension RetryingTransport {
    /// Waits so long.
    package static func sleep(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        var time = timespec(tv_sec: Int(seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
        var left = time
        while nanosleep(&time, &left) != 0, errno == EINTR { time = left }
    }
}
