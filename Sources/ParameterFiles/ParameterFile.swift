package import ObjectModel

/// The formats in which people keep hyperparameters and metrics.
package enum ParameterFileFormat: CaseIterable, Hashable, Sendable {
    /// RFC 8259, and `NaN`, `Infinity` and `-Infinity` as Python writes them.
    case json
    /// YAML with the scalars of the 1.2 core schema: `1e-3` is a number, `yes` is a string.
    case yaml
    /// TOML 1.0.
    case toml

    /// The format that the end of a file's name says (`.json`, `.yaml`, `.yml`, `.toml`), if it says one.
    package init?(fileName: String) {
        guard let dot = fileName.lastIndex(of: ".") else { return nil }
        switch fileName[dot...].lowercased() {
        case ".json": self = .json
        case ".yaml", ".yml": self = .yaml
        case ".toml": self = .toml
        default: return nil
        }
    }
}

/// What a file may ask of its reader: a file beyond a bound is refused, never cut short.
package enum ParameterFileLimits {
    /// The most bytes that a file may have, and the most bytes of text after YAML's aliases are expanded.
    package static let byteCount = 16 << 20
    /// How many maps and lists may lie within each other; the map that is the file counts.
    // A list or map costs two levels of canonical JSON, which has 32, and a run has two around its parameters.
    package static let depth = 14
    /// The most values that a YAML file may hold after its aliases are expanded.
    ///
    /// JSON and TOML repeat nothing, so their values are bounded by ``byteCount``.
    package static let expandedValues = 100_000
    /// The most directives (lines that start with `%`) in a YAML file: libyaml compares each with each.
    package static let directives = 64
}

/// Reads a file of parameters: a map from names to values, with numbers spelled as in the file.
///
/// No map has one key twice. Two keys that Unicode calls canonically equivalent, as `é` in one code point and
/// in two, are one key.
///
/// - Parameters:
///   - bytes: All bytes of the file: UTF-8, with or without a byte order mark.
///   - format: The format to read them as.
/// - Returns: The members of the map that is the file.
/// - Throws: What is wrong and where, at the first place where the file cannot be read on.
package func readParameters(
    _ bytes: [UInt8], format: ParameterFileFormat
) throws(ParameterFileError) -> [String: ParameterValue] {
    let source = try SourceText(bytes)
    switch format {
    case .json:
        var reader = JSONReader(source)
        return try reader.parameters()
    case .yaml:
        var reader = try YAMLReader(source)
        return try reader.parameters()
    case .toml:
        var reader = TOMLReader(source)
        return try reader.parameters()
    }
}

/// Reads one JSON value of any kind, as `--param name=value` gives it.
///
/// - Parameter bytes: The text of the value: UTF-8.
/// - Returns: The value, its numbers spelled as they were typed.
/// - Throws: What is wrong and where.
package func readJSONValue(_ bytes: [UInt8]) throws(ParameterFileError) -> ParameterValue {
    var reader = JSONReader(try SourceText(bytes))
    return try reader.document().value
}
