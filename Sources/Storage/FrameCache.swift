internal import Synchronization

/// Decoded frames that are likely to be wanted again, the least recently used going first.
final class FrameCache: Sendable {
    struct Key: Hashable {
        let pack: PackName
        let frame: Int
    }

    private struct State {
        var frames: [Key: (bytes: [UInt8], used: Int)] = [:]
        var byteCount = 0
        var clock = 0
    }

    private let limit: Int
    private let state = Mutex(State())

    /// - Parameter limit: Bytes that are kept.
    init(limit: Int) { self.limit = limit }

    subscript(key: Key) -> [UInt8]? {
        state.withLock { state in
            state.clock += 1
            state.frames[key]?.used = state.clock
            return state.frames[key]?.bytes
        }
    }

    func insert(_ bytes: [UInt8], for key: Key) {
        state.withLock { state in
            guard state.frames[key] == nil, bytes.count <= limit else { return }
            state.clock += 1
            state.frames[key] = (bytes, state.clock)
            state.byteCount += bytes.count
            while state.byteCount > limit,
                let oldest = state.frames.min(by: { $0.value.used < $1.value.used })
            {
                state.frames.removeValue(forKey: oldest.key)
                state.byteCount -= oldest.value.bytes.count
            }
        }
    }
}
