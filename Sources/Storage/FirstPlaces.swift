internal import Coding
internal import ObjectModel

/// The places of a pack's objects that count: of several of one object the first one in the pack, of a blob that in the frame of the
/// least order.
struct FirstPlaces {
    private let objects: SegmentedArray<IntegrityPack.Found>
    /// Positions in ``objects``, by the objects' references.
    private let order: [UInt32]

    /// - Parameter frames: To which the places refer.
    init(_ objects: SegmentedArray<IntegrityPack.Found>, _ frames: [IntegrityPack.Frame]) {
        func order(_ found: IntegrityPack.Found) -> Int {
            guard found.reference.kind == .blob else { return 0 }
            return Codec(rawValue: frames[Int(found.frame)].codec)?.order ?? 0
        }
        let all = objects.indices.map { UInt32($0) }.sorted { left, right in
            let (left, right) = (objects[Int(left)], objects[Int(right)])
            return left.reference == right.reference
                ? (order(left), left.frame, left.start) < (order(right), right.frame, right.start)
                : left.reference < right.reference
        }
        var order: [UInt32] = []
        order.reserveCapacity(all.count)
        for number in all
        where order.last.map({ objects[Int($0)].reference != objects[Int(number)].reference }) ?? true {
            order.append(number)
        }
        (self.objects, self.order) = (objects, order)
    }

    var count: Int { order.count }

    func place(of reference: ObjectReference) -> IntegrityPack.Found? {
        var (low, high) = (0, order.count)
        while low < high {
            let middle = (low + high) / 2
            if objects[Int(order[middle])].reference < reference {
                low = middle + 1
            } else {
                high = middle
            }
        }
        guard low < order.count else { return nil }
        let found = objects[Int(order[low])]
        return found.reference == reference ? found : nil
    }
}
