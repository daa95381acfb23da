internal import CShims

/// Some of the groups of values, to be looked for among many.
struct GroupMarks {
    private let marks: [UInt8]
    private let isEmpty: Bool
    private let kernel: mlrepo_kernel

    /// - Parameter isMarked: Of each group; at most ``TensorContexts/groupLimit`` of them.
    init(_ isMarked: [Bool], kernel: mlrepo_kernel = LowBits.bestKernel) {
        let rest = TensorContexts.groupLimit - isMarked.count
        marks = isMarked.map { $0 ? 1 : 0 } + [UInt8](repeating: 0, count: rest)
        isEmpty = !isMarked.contains(true)
        self.kernel = kernel
    }

    /// Whether any of some groups is one of these.
    func haveAny(_ groups: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        if isEmpty { return false }
        if kernel != mlrepo_no_kernel { return mlrepo_has_marked(groups, count, marks) != 0 }
        return marks.withUnsafeBufferPointer { marks in
            // A group is less than their limit.
            (0..<count).contains { marks[Int(groups[$0] & 63)] != 0 }
        }
    }
}
