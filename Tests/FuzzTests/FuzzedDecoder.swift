/// What became of one input.
enum Verdict {
    /// The decoder threw its error.
    case refused
    /// It gave a value, for which everything holds that is asserted of it.
    case accepted
}

/// What a decoder did that it must not do.
struct Violation: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// One decoder, with valid inputs and what has to hold of it.
struct FuzzedDecoder: Sendable, CustomStringConvertible {
    let name: String
    /// Whether inputs are also changed as trees of canonical JSON.
    var isJSON = false
    /// No input is longer.
    var sizeLimit = 1 << 16
    /// How much one input may raise the memory of the process, in bytes.
    var memoryLimit = 64 << 20
    /// What the format is made of.
    var tokens: [String] = []
    /// Valid inputs.
    let seeds: @Sendable () throws -> [[UInt8]]
    /// Makes checksums right again, so that what lies behind them is reached.
    var repair: @Sendable ([UInt8]) -> [UInt8] = { $0 }
    /// - Throws: ``Violation``. What the decoder itself throws is caught: it is a refusal.
    let decode: @Sendable ([UInt8]) throws -> Verdict

    var description: String { name }
}

/// Says that something must hold.
func require(_ condition: Bool, _ what: @autoclosure () -> String) throws(Violation) {
    guard condition else { throw Violation(what()) }
}
