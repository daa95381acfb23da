internal import Coding
package import ObjectModel

/// By which landmarks the beginning of a file is known, whatever was edited in it.
package struct FileBeginning: Sendable {
    /// Bytes of an earlier version in which the beginning of a file is looked for.
    package static let reach = 1 << 20
    /// Fewer landmarks tell nothing.
    private static let leastLandmarks = 8
    /// What part of the landmarks has to be in the earlier version as well.
    private static let likeness = 4

    private var landmarks: Set<UInt64> = []

    /// - Parameter head: The first bytes of a file, some 256 KiB.
    package init(_ head: [UInt8]) { add(head) }

    /// - Parameter chunks: The first ones of an earlier version, up to ``reach``.
    package init(_ chunks: [ChunkEntry], in store: ObjectStore) throws(ReadError) {
        for chunk in chunks { add(try store.chunk(chunk)) }
    }

    private mutating func add(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { Landmarks.forEach(in: $0) { hash, _ in landmarks.insert(hash) } }
    }

    /// Whether a file begins as an earlier version does, but for edits: one that only is of the same kind does not.
    package func isLike(_ earlier: FileBeginning) -> Bool {
        landmarks.count >= Self.leastLandmarks
            && landmarks.count { earlier.landmarks.contains($0) } * Self.likeness >= landmarks.count
    }
}
