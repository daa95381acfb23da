import ObjectModel
import ParameterFiles

/// Reads a text as a file of a format.
func read(_ text: String, _ format: ParameterFileFormat) throws(ParameterFileError) -> [String:
    ParameterValue]
{
    try readParameters(Array(text.utf8), format: format)
}

/// A line and a column, for tables.
func place(_ line: Int, _ column: Int) -> ParameterFileError.Place { .init(line: line, column: column) }

/// A small seeded generator (Steele, Lea and Flood, OOPSLA 2014), so that a failing seed can be run again.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
