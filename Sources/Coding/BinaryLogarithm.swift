/// Binary logarithms to a hundredth, the same on every machine and without a library of mathematics.
enum BinaryLogarithm {
    /// - Parameter value: Positive and finite.
    static func of(_ value: Float) -> Float {
        let exponent = Float(Int(value.bitPattern >> 23) - 127)
        let rest = Float(bitPattern: value.bitPattern & 0x7f_ffff | 0x3f80_0000) - 1
        // The parabola that is right at 1, 1.5 and 2.
        return exponent + rest * (1.34 - 0.34 * rest)
    }
}
