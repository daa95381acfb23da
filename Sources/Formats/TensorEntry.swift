/// A tensor of a file.
package struct TensorEntry: Equatable, Sendable {
    /// As the file spells it, escapes and all.
    package let name: [UInt8]
    /// How its elements are numbers, as safetensors spells it, such as `BF16`, or another word where that has none.
    package let type: String
    /// In the order of memory: the dimension whose elements lie farthest apart comes first.
    package let shape: [Int]
    /// Where its bytes lie in the file.
    package let range: Range<Int>
    /// Bytes of an element; nothing for types that this version does not know.
    package let elementWidth: Int?

    init(name: [UInt8], type: String, shape: [Int], range: Range<Int>) {
        (self.name, self.type, self.shape, self.range) = (name, type, shape, range)
        elementWidth = Self.elementWidth(of: type)
    }

    /// Fewer elements than these make no row.
    private static let leastRow = 64

    /// The elements of a row: those of the fewest inner dimensions that have 64 or more together.
    ///
    /// Nothing where all dimensions have fewer, or the type is unknown.
    package var rowLength: Int? {
        guard elementWidth != nil else { return nil }
        var length = 1
        // The product of all dimensions has a number, as was checked.
        for dimension in shape.reversed() {
            length *= dimension
            if length >= Self.leastRow { return length }
        }
        return nil
    }

    /// Bytes of an element of a type; nothing if it is unknown.
    static func elementWidth(of type: String) -> Int? {
        switch type {
        case "BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "F8_E8M0": 1
        case "U16", "I16", "F16", "BF16": 2
        case "U32", "I32", "F32": 4
        case "U64", "I64", "F64", "C64": 8
        default: nil
        }
    }

    /// The bytes of a tensor; nothing if there are too many for a number, or if the type is unknown.
    static func byteCount(of type: String, _ shape: [Int]) -> Int? {
        guard let width = elementWidth(of: type) else { return nil }
        var count = width
        for dimension in shape {
            let (product, isOver) = count.multipliedReportingOverflow(by: dimension)
            guard dimension >= 0, !isOver else { return nil }
            count = product
        }
        return count
    }
}
