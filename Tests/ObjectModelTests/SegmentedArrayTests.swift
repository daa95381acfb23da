import ObjectModel
import TestSupport
import Testing

@Suite struct SegmentedArrayTests {
    @Test(arguments: [1 as UInt64, 2, 3]) func `it holds what an array holds`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var (list, model) = (SegmentedArray<Int>(), [Int]())
        for round in 0..<20 {
            for _ in 0..<Int.random(in: 0..<3000, using: &random) {
                let number = Int.random(in: 0..<1000, using: &random)
                list.append(number)
                model.append(number)
                let index = Int.random(in: 0..<model.count, using: &random)
                list[index] += 1
                model[index] += 1
            }
            #expect(list.count == model.count && list.elementsEqual(model), "round \(round), seed \(seed)")
            if round % 7 == 6 {
                list.removeAll()
                model.removeAll()
                #expect(list.isEmpty && list.first == nil)
            }
        }
    }

    @Test(arguments: [0, 1, 1023, 1024, 1025, 5000]) func `it can begin with so many of the same`(count: Int)
    {
        var list = SegmentedArray(repeating: 7, count: count)
        #expect(list.elementsEqual([Int](repeating: 7, count: count)))
        list.append(8)
        #expect(list.count == count + 1 && list.last == 8)
    }

    @Test func `a copy is not changed with its original`() {
        var list = SegmentedArray(repeating: 1, count: 2000)
        let copy = list
        list[1500] = 2
        list.append(3)
        #expect(copy.count == 2000 && copy[1500] == 1 && list[1500] == 2)
    }
}
