/// Why a file of parameters cannot be read: what was found, and where.
package enum ParameterFileError: Error, Equatable {
    /// The file has more than ``ParameterFileLimits/byteCount`` bytes; it was not looked into.
    case tooLarge(byteCount: Int)
    /// The byte at an offset (counted from 0) is not part of well-formed UTF-8.
    case notUTF8(byte: UInt8, offset: Int, at: Place)
    /// The grammar of JSON or TOML asks for something else here.
    case unexpected(String, expected: String, at: Place)
    /// What libyaml calls the fault, in its words.
    case malformedYAML(String, at: Place)
    /// The file, or what YAML merges by `<<`, is not a map but a value of this kind.
    case notMap(kind: String, at: Place)
    /// A map has this key already.
    case duplicateKey(String, at: Place)
    /// A TOML header or dotted key would change something whose definition is complete.
    case alreadyDefined(key: String, as: String, at: Place)
    /// A map or list lies deeper than ``ParameterFileLimits/depth``.
    case tooDeep(at: Place)
    /// A number has this many characters, more than are stored.
    case numberTooLong(characterCount: Int, at: Place)
    /// YAML's aliases expand to more than ``ParameterFileLimits`` allows; this value is the first beyond it.
    case expansionTooLarge(at: Place)
    /// A YAML tag other than `!!str`, `!!int`, `!!float`, `!!bool` and `!!null`.
    case unknownTag(String, at: Place)
    /// A YAML text that is not what its tag says.
    case tagMismatch(tag: String, text: String, at: Place)
    /// A YAML alias of an anchor that was not seen before it.
    case unknownAnchor(String, at: Place)
    /// A YAML alias within the value that its anchor names.
    case recursiveAlias(String, at: Place)
    /// A YAML key that is a value of this kind, not a scalar.
    case compoundKey(kind: String, at: Place)
    /// A second YAML document in the file.
    case secondDocument(at: Place)
    /// More lines that start with `%` than ``ParameterFileLimits/directives``.
    case tooManyDirectives(at: Place)

    /// A place in a file: line and column count from 1, columns in Unicode code points.
    ///
    /// A byte order mark has no column.
    package struct Place: Hashable, Sendable, CustomStringConvertible {
        package let line: Int
        package let column: Int

        package init(line: Int, column: Int) {
            self.line = line
            self.column = column
        }

        package var description: String { "line \(line), column \(column)" }
    }
}

extension ParameterFileError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .tooLarge(let count):
            "the file has \(count) bytes, more than \(ParameterFileLimits.byteCount)"
        case .notUTF8(let byte, let offset, let place):
            "\(place): byte 0x\(String(byte, radix: 16)) at offset \(offset) is not UTF-8"
        case .unexpected(let found, let expected, let place):
            "\(place): found \(found), expected \(expected)"
        case .malformedYAML(let problem, let place):
            "\(place): \(problem)"
        case .notMap(let kind, let place):
            "\(place): found \(kind), expected a map of names and values"
        case .duplicateKey(let key, let place):
            "\(place): the key \(Self.quoted(key)) is given twice"
        case .alreadyDefined(let key, let kind, let place):
            "\(place): \(Self.quoted(key)) is already defined as \(kind)"
        case .tooDeep(let place):
            "\(place): more than \(ParameterFileLimits.depth) maps and lists within each other"
        case .numberTooLong(let count, let place):
            "\(place): a number of \(count) characters is too long; in quotes it would be a string"
        case .expansionTooLarge(let place):
            "\(place): with its aliases expanded, the file is more than \(ParameterFileLimits.expandedValues) "
                + "values or \(ParameterFileLimits.byteCount) bytes of text"
        case .unknownTag(let tag, let place):
            "\(place): the tag \(Self.quoted(tag)) is not one of !!str, !!int, !!float, !!bool, !!null"
        case .tagMismatch(let tag, let text, let place):
            "\(place): \(Self.quoted(text)) is not what its tag \(Self.quoted(tag)) says"
        case .unknownAnchor(let name, let place):
            "\(place): the alias \(Self.quoted("*" + name)) has no anchor before it"
        case .recursiveAlias(let name, let place):
            "\(place): the alias \(Self.quoted("*" + name)) lies within the value that it names"
        case .compoundKey(let kind, let place):
            "\(place): a key is \(kind), not text"
        case .secondDocument(let place):
            "\(place): a second document starts; a file of parameters is one document"
        case .tooManyDirectives(let place):
            "\(place): more than \(ParameterFileLimits.directives) lines start with '%'"
        }
    }

    /// A text of the file in quotes, shortened, and without characters that a terminal obeys.
    static func quoted(_ text: String) -> String {
        let limit = 40
        let start = text.unicodeScalars.prefix(limit)
        var shown = ""
        for scalar in start {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator:
                shown += "\\u{" + String(scalar.value, radix: 16) + "}"
            default: shown.unicodeScalars.append(scalar)
            }
        }
        return start.endIndex < text.unicodeScalars.endIndex ? "'\(shown)…'" : "'\(shown)'"
    }
}
