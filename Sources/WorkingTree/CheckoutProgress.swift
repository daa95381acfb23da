internal import ObjectModel

/// What was done of the steps of a checkout, so that it can be taken back.
package struct CheckoutProgress: Sendable {
    /// Numbers of the steps, in no order.
    private var done = SegmentedArray<UInt32>()
    /// Directories that were made, each behind those that it lies in.
    var directories: [RepositoryPath] = []

    package init() {}

    mutating func note(_ step: Int) { done.append(UInt32(step)) }

    /// The steps that were done, in no order.
    var steps: some Sequence<Int> { done.lazy.map { Int($0) } }
}
