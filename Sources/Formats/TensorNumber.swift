/// An element of a tensor as a number.
enum TensorNumber: CustomStringConvertible {
    case float(Double)
    /// Integers of 64 bits are no floating-point numbers without loss.
    case signed(Int64)
    case unsigned(UInt64)

    /// - Parameters:
    ///   - bytes: In the order of this machine, which is the one that all formats here have: the least first.
    ///   - type: As ``TensorEntry/type`` spells it; nothing comes of others than integers and floating-point numbers of 16 to 64 bits.
    init?(_ bytes: ArraySlice<UInt8>, _ type: String) {
        let bits = bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        switch type {
        case "F64": self = .float(Double(bitPattern: bits))
        case "F32": self = .float(Double(Float(bitPattern: UInt32(bits))))
        case "BF16": self = .float(Double(Float(bitPattern: UInt32(bits) << 16)))
        case "F16": self = .float(Self.half(UInt16(bits)))
        case "I64": self = .signed(Int64(bitPattern: bits))
        case "I32": self = .signed(Int64(Int32(truncatingIfNeeded: bits)))
        case "I16": self = .signed(Int64(Int16(truncatingIfNeeded: bits)))
        case "I8": self = .signed(Int64(Int8(truncatingIfNeeded: bits)))
        case "U64", "U32", "U16", "U8", "BOOL": self = .unsigned(bits)
        default: return nil
        }
    }

    /// A number of IEEE 754's binary16.
    private static func half(_ bits: UInt16) -> Double {
        let fraction = Double(bits & 0x3ff) / 1024
        let magnitude: Double
        switch bits >> 10 & 0x1f {
        case 0: magnitude = fraction * 0x1p-14
        case 31: magnitude = fraction == 0 ? .infinity : .nan
        case let exponent:
            magnitude = (1 + fraction) * Double(sign: .plus, exponent: Int(exponent) - 15, significand: 1)
        }
        return bits >> 15 == 0 ? magnitude : -magnitude
    }

    private var value: Double {
        switch self {
        case .float(let value): value
        case .signed(let value): Double(value)
        case .unsigned(let value): Double(value)
        }
    }

    /// How far this is from another one of the same type.
    func distance(to other: TensorNumber) -> Double {
        switch (self, other) {
        case (.signed(let one), .signed(let other)):
            Double(one > other ? UInt64(bitPattern: one &- other) : UInt64(bitPattern: other &- one))
        case (.unsigned(let one), .unsigned(let other)): Double(one > other ? one - other : other - one)
        default: Tolerance.distance(value, other.value)
        }
    }

    func isWithin(_ tolerance: Tolerance, of other: TensorNumber) -> Bool {
        // The difference is exact where the numbers may not be.
        let isApart = distance(to: other) > 0 && value == other.value
        return isApart
            ? tolerance.value * max(1, value.magnitude) >= distance(to: other)
            : tolerance.allows(value, other.value)
    }

    var description: String {
        switch self {
        case .float(let value): "\(value)"
        case .signed(let value): "\(value)"
        case .unsigned(let value): "\(value)"
        }
    }
}
