internal import MLRepo
internal import ObjectModel

/// Paths in commands that are suggested, as somebody would type them.
enum ShellWord {
    private static let repository = try? Repository.open(Environment.process())

    /// A path of the working tree, from the directory that the command was started in.
    static func path(_ path: RepositoryPath) -> String {
        quoted(repository?.typed(path) ?? path.bytes)
    }

    /// A path as a shell takes it for these bytes; one that begins like an option is given from here on.
    static func quoted(_ bytes: [UInt8]) -> String {
        word(bytes.first == UInt8(ascii: "-") ? Array("./".utf8) + bytes : bytes)
    }

    /// A word as a shell takes it for these bytes.
    static func word(_ word: [UInt8]) -> String {
        let escaped = escapedText(word)
        guard Array(escaped.utf8) == word else {
            // Characters that a terminal does not show, as bash, zsh and ksh write them.
            return "$'"
                + escaped.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "\\'")
                + "'"
        }
        // Zsh takes a word that begins with an equals sign for a command's place.
        if !escaped.isEmpty, escaped.first != "=", escaped.unicodeScalars.allSatisfy(isPlain) {
            return escaped
        }
        return "'"
            + escaped.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        guard scalar.isASCII else { return scalar.properties.generalCategory != .spaceSeparator }
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "_", "-", ".", "/", "@", "%", "+", "=", ":", ",": return true
        default: return false
        }
    }
}
