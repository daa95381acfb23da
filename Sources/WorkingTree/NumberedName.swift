/// A file's name as people order it: `step-9` comes before `step-10`.
struct NumberedName: Comparable {
    /// What is between the numbers.
    let words: [[UInt8]]
    /// The digits of the numbers without leading zeros.
    private let numbers: [[UInt8]]
    private let bytes: [UInt8]

    init(_ bytes: some Sequence<UInt8>) {
        self.bytes = Array(bytes)
        var (words, numbers): ([[UInt8]], [[UInt8]]) = ([[]], [])
        var isNumber = false
        for byte in bytes {
            if (0x30...0x39).contains(byte) {
                if !isNumber { numbers.append([]) }
                if numbers[numbers.count - 1] == [0x30] { numbers[numbers.count - 1] = [] }
                numbers[numbers.count - 1].append(byte)
                isNumber = true
            } else {
                if isNumber { words.append([]) }
                words[words.count - 1].append(byte)
                isNumber = false
            }
        }
        if isNumber { words.append([]) }
        (self.words, self.numbers) = (words, numbers)
    }

    /// From the last dot on; nothing where there is none.
    var ending: ArraySlice<UInt8> { bytes.lastIndex(of: 0x2e).map { bytes[$0...] } ?? [] }

    static func < (a: Self, b: Self) -> Bool {
        for index in 0..<max(a.words.count, b.words.count) {
            guard index < a.words.count, index < b.words.count else {
                return a.words.count < b.words.count
            }
            if a.words[index] != b.words[index] {
                return a.words[index].lexicographicallyPrecedes(b.words[index])
            }
            guard index < a.numbers.count, index < b.numbers.count else { continue }
            let (own, other) = (a.numbers[index], b.numbers[index])
            if own.count != other.count { return own.count < other.count }
            if own != other { return own.lexicographicallyPrecedes(other) }
        }
        return a.bytes.lexicographicallyPrecedes(b.bytes)
    }
}
