internal import ObjectModel
internal import Synchronization

/// How many differences rest upon each base, in the store and among what was written meanwhile, and what they take.
///
/// May be used from any thread.
final class DifferenceTally: Sendable {
    /// The differences upon one base.
    struct Differences {
        var count = 0
        /// Of their frames.
        var bytes = 0
    }

    private let store: ObjectStore
    /// Read when it is needed first.
    private let all = Mutex<[ObjectReference: Differences]?>(nil)

    init(_ store: ObjectStore) { self.store = store }

    /// Whether a difference is worth being kept beside those upon the same base.
    ///
    /// Differences grow with the distance from their base: when one takes more than the base and all differences upon it do on average, what it
    /// tells is better stored by itself, and becomes the next base.
    ///
    /// - Parameters:
    ///   - stored: Bytes of the difference.
    ///   - alone: What the same takes without a base.
    func isWorth(_ stored: Int, upon base: ObjectReference, alone: Double) -> Bool {
        guard Double(stored) < alone * Self.worthwhile else { return false }
        let others = differences(upon: base)
        return Double(stored) * Double(1 + others.count) < alone + Double(others.bytes)
    }

    /// Whether something rests upon an object: then it has to lie somewhere without a base, if it comes back after it was lost.
    func isBase(_ reference: ObjectReference) -> Bool { differences(upon: reference).count > 0 }

    private func differences(upon base: ObjectReference) -> Differences {
        all.withLock { all in
            let counted = all ?? Self.count(in: store)
            all = counted
            return counted[base] ?? Differences()
        }
    }

    /// A difference has to be smaller by a tenth than what it tells is by itself.
    private static let worthwhile = 0.9

    /// Counts a difference that was written.
    func add(_ frame: EncodedFrame) {
        all.withLock { all in
            for base in frame.bases {
                all?[base, default: Differences()].count += 1
                all?[base, default: Differences()].bytes += frame.storedLength
            }
        }
    }

    private static func count(in store: ObjectStore) -> [ObjectReference: Differences] {
        var all: [ObjectReference: Differences] = [:]
        for pack in store.packs {
            for number in 0..<pack.index.frameCount where pack.index.isDifference(number) {
                guard let frame = try? pack.index.frame(number) else { continue }
                for base in frame.bases {
                    all[base, default: Differences()].count += 1
                    all[base, default: Differences()].bytes += frame.length
                }
            }
        }
        return all
    }
}
