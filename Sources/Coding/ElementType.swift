/// How the bytes of a tensor are numbers, little-endian.
///
/// The raw value is the type's number in a stream (`Documentation/Formats/tensor.md`).
package enum ElementType: UInt8, Sendable, CaseIterable {
    case bfloat16 = 1
    case float16 = 2
    case float32 = 3
    case float64 = 4
    /// Four bits of exponent, three of mantissa (OCP 8-bit floating point).
    case float8E4M3 = 5
    case float8E5M2 = 6
    case integer8 = 16
    case integer16 = 17
    case integer32 = 18
    case integer64 = 19

    /// Bytes of one element.
    package var width: Int {
        switch self {
        case .float8E4M3, .float8E5M2, .integer8: 1
        case .bfloat16, .float16, .integer16: 2
        case .float32, .integer32: 4
        case .float64, .integer64: 8
        }
    }

    /// Bits below the exponent; nothing for integers, which have no exponent.
    var mantissaBits: Int? {
        switch self {
        case .bfloat16: 7
        case .float16: 10
        case .float32: 23
        case .float64: 52
        case .float8E4M3: 3
        case .float8E5M2: 2
        case .integer8, .integer16, .integer32, .integer64: nil
        }
    }
}
