import FileIO
import Remotes
import Synchronization
import TestSupport

/// A transport over another one, in which calls go wrong as a plan has it.
///
/// With calls of one thread the same seed gives the same faults.
final class FaultyTransport: Transport {
    private let base: any Transport
    private let plan: FaultPlan
    private let state: Mutex<State>

    private struct State {
        var random: SplitMix64
        var calls: [TransportCall] = []
        /// Names that were given through this transport, in order.
        var created: [FilePath] = []
        var elapsed: Int64 = 0
    }

    init(_ base: any Transport, _ plan: FaultPlan) {
        (self.base, self.plan) = (base, plan)
        state = Mutex(State(random: SplitMix64(seed: plan.seed)))
    }

    var name: String { base.name }
    /// The calls so far, in order.
    var calls: [TransportCall] { state.withLock { $0.calls } }
    /// What slow calls took, in nanoseconds.
    var elapsed: Int64 { state.withLock { $0.elapsed } }

    private var lost: TransportError { TransportError(.unreachable, "\(name): connection lost") }

    private func chance(_ range: Range<Int>) -> Int {
        state.withLock { range.isEmpty ? range.lowerBound : Int.random(in: range, using: &$0.random) }
    }

    /// Counts a call, and does to it what can be done to any.
    private func perform<Result>(
        _ call: TransportCall, _ body: (Fault?) throws(TransportError) -> Result
    ) throws(TransportError) -> Result {
        let fault = state.withLock { state -> Fault? in
            let fault = plan.fault(state.calls.count, call, using: &state.random)
            state.calls.append(call)
            if case .slow(let time) = fault { state.elapsed += time }
            return fault
        }
        if fault == .lostBefore { throw lost }
        let result = try body(fault)
        if fault == .lostAfter { throw lost }
        return result
    }

    // MARK: Reading

    func read(
        _ pieces: [FilePiece], _ body: (Int, PieceContent?) throws(TransportError) -> Void
    ) throws(TransportError) {
        try perform(.read) { (fault) throws(TransportError) in
            let end: Int? =
                switch fault {
                case .lostAmid: chance(0..<pieces.count)
                case .lostAt(let position): position
                default: nil
                }
            let target = fault == .shortRead || fault == .flippedBit ? chance(0..<pieces.count) : nil
            try base.read(Array(pieces.prefix(end ?? pieces.count))) {
                (position, content) throws(TransportError) in
                guard position == target, let content else { return try body(position, content) }
                try body(position, fault == .shortRead ? shortened(content) : flipped(content))
            }
            if end != nil { throw lost }
        }
    }

    private func shortened(_ content: PieceContent) -> PieceContent {
        let count = chance(0..<content.bytes.count)
        return PieceContent(bytes: Array(content.bytes.prefix(count)), fileLength: content.fileLength)
    }

    private func flipped(_ content: PieceContent) -> PieceContent {
        var bytes = content.bytes
        if !bytes.isEmpty { bytes[chance(0..<bytes.count)] ^= 1 << UInt8(chance(0..<8)) }
        return PieceContent(bytes: bytes, fileLength: content.fileLength)
    }

    func properties(of paths: [FilePath]) throws(TransportError) -> [FileProperties?] {
        try perform(.properties) { (_) throws(TransportError) in try base.properties(of: paths) }
    }

    func names(in directory: FilePath) throws(TransportError) -> [[UInt8]] {
        try perform(.names) { (fault) throws(TransportError) in
            let names = try base.names(in: directory)
            guard case .stale(let count) = fault else { return names }
            let unseen = state.withLock { Set($0.created.suffix(count)) }
            return names.filter { !unseen.contains(directory.appending($0)) }
        }
    }

    // MARK: Writing

    func create(_ path: FilePath, _ bytes: [UInt8]) throws(TransportError) -> Bool {
        try perform(.create) { (fault) throws(TransportError) in
            switch fault {
            case .full: throw TransportError(.full, "\(name): no space left for \(path)")
            case .overtaken(let others): try overtake(path, others)
            default: break
            }
            return noting(path, try base.create(path, bytes))
        }
    }

    func upload(_ upload: Upload, progress: (Int) -> Void) throws(TransportError) -> Bool {
        try perform(.upload) { (fault) throws(TransportError) in
            switch fault {
            case .full(let count):
                let full = TransportError(.full, "\(name): no space left for \(upload.path)")
                return try cut(upload, at: count, full, progress)
            case .lostAmid: return try cut(upload, at: chance(0..<upload.length), lost, progress)
            case .lostAt(let offset): return try cut(upload, at: offset, lost, progress)
            case .overtaken(let others): try overtake(upload.path, others)
            default: break
            }
            return noting(upload.path, try base.upload(upload, progress: progress))
        }
    }

    /// Uploads as if the source failed at an offset, and says that something else was the matter.
    private func cut(
        _ upload: Upload, at offset: Int, _ failure: TransportError, _ progress: (Int) -> Void
    ) throws(TransportError) -> Bool {
        let source = FailingContent(upload.content, at: offset)
        let part = Upload(
            to: upload.path, owner: upload.owner, length: upload.length, digest: upload.digest,
            content: source)
        do throws(TransportError) {
            return noting(upload.path, try base.upload(part, progress: progress))
        } catch {
            throw source.hasFailed ? failure : error
        }
    }

    /// Gives a name to somebody else's bytes.
    private func overtake(_ path: FilePath, _ bytes: [UInt8]) throws(TransportError) {
        _ = noting(path, try base.create(path, bytes))
    }

    private func noting(_ path: FilePath, _ isNew: Bool) -> Bool {
        if isNew { state.withLock { $0.created.append(path) } }
        return isNew
    }

    func remove(_ paths: [FilePath]) throws(TransportError) {
        try perform(.remove) { (_) throws(TransportError) in try base.remove(paths) }
    }
}
