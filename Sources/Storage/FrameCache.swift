internal import FileIO

/// Decoded frames that are likely to be wanted again, the least recently used going first; each is decoded by one thread, and others
/// wait for it.
///
/// May be used from any thread.
final class FrameCache: Sendable {
    struct Key: Hashable {
        let pack: PackName
        let frame: Int
    }

    /// What a thread that wants a frame is told.
    private enum Claim {
        case bytes([UInt8])
        /// Nobody has it: who asked decodes it.
        case mine
    }

    private struct State {
        var frames: [Key: (bytes: [UInt8], used: Int)] = [:]
        var underway: Set<Key> = []
        var byteCount = 0
        var clock = 0

        mutating func bytes(of key: Key) -> [UInt8]? {
            clock += 1
            frames[key]?.used = clock
            return frames[key]?.bytes
        }

        mutating func insert(_ bytes: [UInt8], for key: Key, limit: Int) {
            guard frames[key] == nil, bytes.count <= limit else { return }
            clock += 1
            frames[key] = (bytes, clock)
            byteCount += bytes.count
            while byteCount > limit, let oldest = frames.min(by: { $0.value.used < $1.value.used }) {
                frames.removeValue(forKey: oldest.key)
                byteCount -= oldest.value.bytes.count
            }
        }
    }

    private let limit: Int
    private let state = Monitor(State())

    /// - Parameter limit: Bytes that are kept.
    init(limit: Int) { self.limit = limit }

    /// Whether somebody is decoding a frame just now.
    func isUnderway(_ key: Key) -> Bool { state.withLock { $0.underway.contains(key) } }

    /// The bytes of a frame as they are kept, or decoded now; where another thread is at it, this one waits.
    ///
    /// - Parameter decode: May ask for other frames, in an order that has no circles.
    func bytes<Failure: Error>(
        of key: Key, decode: () throws(Failure) -> [UInt8]
    ) throws(Failure) -> [UInt8] {
        let claim = state.wait { state -> Claim? in
            if let bytes = state.bytes(of: key) { return .bytes(bytes) }
            return state.underway.insert(key).inserted ? .mine : nil
        }
        if case .bytes(let bytes) = claim { return bytes }
        do throws(Failure) {
            let bytes = try decode()
            state.withLock { state in
                state.underway.remove(key)
                state.insert(bytes, for: key, limit: limit)
            }
            return bytes
        } catch {
            state.withLock { _ = $0.underway.remove(key) }
            throw error
        }
    }
}
