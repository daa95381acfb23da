package import Coding
package import ObjectModel

/// A tensor of a wider type that a piece of another one may have been rounded from.
package struct CastSource: Sendable {
    package let type: ElementType
    /// Chunks that hold its elements, one behind the other.
    package let chunks: [ChunkEntry]
    /// The number of the element in these that the piece's first one is beside.
    package let first: Int

    package init(type: ElementType, chunks: [ChunkEntry], first: Int) {
        (self.type, self.chunks, self.first) = (type, chunks, first)
    }
}
