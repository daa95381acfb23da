internal import Coding
internal import ObjectModel
internal import Synchronization

/// What rests upon each base, in the store and among what was written meanwhile: how many differences, and what they take.
///
/// May be used from any thread.
final class DifferenceTally: Sendable {
    /// What rests upon one base.
    private struct Differences {
        var count = 0
        /// Of their frames.
        var bytes = 0
        /// There are casts, which take next to nothing, however far apart versions are.
        var hasCasts = false

        mutating func add(_ codec: Codec?, _ length: Int) {
            if codec == .cast { return hasCasts = true }
            count += 1
            bytes += length
        }
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
    func isBase(_ reference: ObjectReference) -> Bool {
        let differences = differences(upon: reference)
        return differences.count > 0 || differences.hasCasts
    }

    private func differences(upon base: ObjectReference) -> Differences {
        all.withLock { all in
            let counted = all ?? Self.count(in: store)
            all = counted
            return counted[base] ?? Differences()
        }
    }

    /// A difference has to be smaller by a tenth than what it tells is by itself.
    static let worthwhile = 0.9

    /// Counts a difference that was written.
    func add(_ frame: EncodedFrame) {
        all.withLock { all in
            for base in frame.bases {
                all?[base, default: Differences()].add(frame.codec, frame.storedLength)
            }
        }
    }

    private static func count(in store: ObjectStore) -> [ObjectReference: Differences] {
        var all: [ObjectReference: Differences] = [:]
        for pack in store.packs {
            for number in 0..<pack.index.frameCount where pack.index.isDifference(number) {
                guard let frame = try? pack.index.frame(number) else { continue }
                let codec = Codec(rawValue: frame.codec)
                for base in frame.bases { all[base, default: Differences()].add(codec, frame.length) }
            }
        }
        return all
    }
}
