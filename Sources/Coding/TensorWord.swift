/// The bits of one element of a tensor.
///
/// All arithmetic wraps, so that every pattern of bits survives: payloads of NaN, both zeros, infinities.
protocol TensorWord: FixedWidthInteger & UnsignedInteger & BitwiseCopyable {
    associatedtype Signed: FixedWidthInteger & SignedInteger
}

extension UInt8: TensorWord { typealias Signed = Int8 }
extension UInt16: TensorWord { typealias Signed = Int16 }
extension UInt32: TensorWord { typealias Signed = Int32 }
extension UInt64: TensorWord { typealias Signed = Int64 }

extension TensorWord {
    /// All ones where the highest bit is set, else zero.
    @inline(__always) var signMask: Self {
        Self(truncatingIfNeeded: Signed(truncatingIfNeeded: self) >> Signed(Self.bitWidth - 1))
    }

    /// Read as two's complement, in the order of the floating-point numbers; its own inverse.
    @inline(__always) var ordered: Self { self ^ (signMask >> 1) }

    /// Small numbers of either sign as small ones: 0, -1, 1, -2 and so on.
    @inline(__always) var zigzag: Self { (self << 1) ^ signMask }
    @inline(__always) var unzigzag: Self { (self >> 1) ^ (0 &- (self & 1)) }

    /// The sign behind the mantissa, so that the exponent stands at the top.
    @inline(__always) var signLast: Self { (self << 1) | (self >> Self(Self.bitWidth - 1)) }
    @inline(__always) var signFirst: Self { (self >> 1) | (self << Self(Self.bitWidth - 1)) }
}

/// How the elements of a stream become numbers that are mostly small, or mostly alike at the top.
enum TensorTransform {
    /// A floating-point number by itself: exponent, mantissa, sign.
    case signLast
    /// A floating-point number by itself, of a tensor in which none has a sign.
    case unsigned
    /// An integer by itself.
    case zigzag
    /// A floating-point number by how far it lies from another one, in steps from one representable number to the next: even where it
    /// grew away from zero.
    case floatDifference
    /// An integer by its difference from another one.
    case integerDifference

    /// - Parameter isUnsigned: Whether no floating-point number has a sign; there is no base then.
    init(_ type: ElementType, hasBase: Bool, isUnsigned: Bool = false) {
        switch (type.mantissaBits != nil, hasBase) {
        case (true, false): self = isUnsigned ? .unsigned : .signLast
        case (false, false): self = .zigzag
        case (true, true): self = .floatDifference
        case (false, true): self = .integerDifference
        }
    }

    /// - Parameters:
    ///   - elements: `count` of them, and so many in `base`, where there is one, and in `values`.
    func apply<Word: TensorWord>(
        _ elements: UnsafePointer<Word>, _ base: UnsafePointer<Word>?, count: Int,
        into values: UnsafeMutablePointer<Word>
    ) {
        switch (self, base) {
        case (.floatDifference, .some(let base)):
            for index in 0..<count {
                let difference = elements[index].ordered &- base[index].ordered
                let sign = base[index].signMask
                values[index] = ((difference ^ sign) &- sign).zigzag
            }
        case (.integerDifference, .some(let base)):
            for index in 0..<count { values[index] = (elements[index] &- base[index]).zigzag }
        case (.zigzag, _): for index in 0..<count { values[index] = elements[index].zigzag }
        case (.unsigned, _): values.update(from: elements, count: count)
        default: for index in 0..<count { values[index] = elements[index].signLast }
        }
    }

    /// The inverse, in place.
    func undo<Word: TensorWord>(
        _ values: UnsafeMutablePointer<Word>, _ base: UnsafePointer<Word>?, count: Int
    ) {
        switch (self, base) {
        case (.floatDifference, .some(let base)):
            for index in 0..<count {
                let sign = base[index].signMask
                let difference = (values[index].unzigzag ^ sign) &- sign
                values[index] = (base[index].ordered &+ difference).ordered
            }
        case (.integerDifference, .some(let base)):
            for index in 0..<count { values[index] = base[index] &+ values[index].unzigzag }
        case (.zigzag, _): for index in 0..<count { values[index] = values[index].unzigzag }
        case (.unsigned, _): break
        default: for index in 0..<count { values[index] = values[index].signFirst }
        }
    }
}
