internal import ObjectModel

/// What was done of the steps of a checkout, so that it can be taken back.
package struct CheckoutProgress: Sendable {
    /// Numbers of steps; of those that wrote where nothing was, the highest bit is set.
    private var done = SegmentedArray<UInt32>()
    /// Directories that were made, each behind those that it lies in.
    var directories: [RepositoryPath] = []

    private static let newMark: UInt32 = 1 << 31

    package init() {}

    /// - Parameter isNew: Whether nothing was at the path.
    mutating func note(_ step: Int, isNew: Bool) {
        done.append(UInt32(step) | (isNew ? Self.newMark : 0))
    }

    /// The steps that were done, in no order.
    var steps: some Sequence<(index: Int, isNew: Bool)> {
        done.lazy.map { (Int($0 & ~Self.newMark), $0 & Self.newMark != 0) }
    }
}
