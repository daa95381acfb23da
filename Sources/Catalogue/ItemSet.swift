/// Numbers of items, each once, in order.
struct ItemSet {
    private(set) var numbers: [Int64] = []

    init() {}

    /// - Parameter numbers: In any order, and several times.
    init(_ numbers: [Int64]) {
        self.numbers.reserveCapacity(numbers.count)
        for number in numbers.sorted() where self.numbers.last != number { self.numbers.append(number) }
    }

    func contains(_ number: Int64) -> Bool {
        var (low, high) = (0, numbers.count)
        while low < high {
            let middle = (low + high) / 2
            if numbers[middle] < number { low = middle + 1 } else { high = middle }
        }
        return low < numbers.count && numbers[low] == number
    }

    func union(_ other: ItemSet) -> ItemSet { merged(other, one: true, both: true, second: true) }
    func intersection(_ other: ItemSet) -> ItemSet { merged(other, one: false, both: true, second: false) }
    func subtracting(_ other: ItemSet) -> ItemSet { merged(other, one: true, both: false, second: false) }

    /// What is only here, in both, or only in the other.
    private func merged(_ other: ItemSet, one: Bool, both: Bool, second: Bool) -> ItemSet {
        if other.numbers.isEmpty { return one ? self : ItemSet() }
        if numbers.isEmpty { return second ? other : ItemSet() }
        var result = ItemSet()
        var (left, right) = (numbers[...], other.numbers[...])
        while let first = left.first, let last = right.first {
            if first <= last { left.removeFirst() }
            if last <= first { right.removeFirst() }
            if first == last {
                if both { result.numbers.append(first) }
            } else if first < last {
                if one { result.numbers.append(first) }
            } else if second {
                result.numbers.append(last)
            }
        }
        if one { result.numbers += left }
        if second { result.numbers += right }
        return result
    }
}
