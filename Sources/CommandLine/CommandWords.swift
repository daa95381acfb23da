internal import ObjectModel

/// The words of a command that is to be executed.
enum CommandWords {
    /// Fills `{name}` with parameters.
    ///
    /// - Throws: Where a parameter changes nothing: it would be recorded, and not be true.
    ///
    /// A JSON string fills with what it says, everything else with what was typed.
    static func filled(_ words: [String], with values: [String: ParameterValue], typed pairs: [String]) throws
        -> [String]
    {
        var filled = words
        for pair in pairs {
            guard let equals = pair.firstIndex(of: "=") else { continue }
            let name = String(pair[..<equals])
            var text = String(pair[pair.index(after: equals)...])
            if case .string(let said)? = values[name] { text = said }
            let place = "{\(name)}"
            guard words.contains(where: { $0.contains(place) }) else {
                throw Failure(
                    status: .usage,
                    message:
                        "the command has no \(Terminal.escaped(place)), so that '\(Terminal.escaped(name))' would change nothing",
                    hint:
                        "write it where the value belongs: mlrepo run --param lr=0.1 -- python train.py --lr {lr}"
                )
            }
            filled = filled.map { $0.replacing(place, with: text) }
        }
        return filled
    }

    /// What to type instead of a program's name that is none.
    static func hint(for word: String) -> String? {
        if word.contains(" ") {
            return "each word by itself, without quotes around all: mlrepo run python train.py"
        }
        if let equals = word.firstIndex(of: "="), isName(word[..<equals]) {
            return "mlrepo run env \(Terminal.escaped(word)) COMMAND"
        }
        return nil
    }

    /// What a command is told by its options: `--lr 0.1`, `--lr=0.1`, `optimizer.lr=0.1`, `--deterministic`.
    static func parameters(of words: [String]) -> [String: ParameterValue] {
        var values: [String: ParameterValue] = [:]
        var next = 1
        while next < words.count {
            let word = words[next]
            next += 1
            // What follows is a program's text, or no option any more.
            if word == "--" || word == "-c" { break }
            let isOption = word.hasPrefix("--")
            let text = isOption ? String(word.dropFirst(2)) : word
            if let equals = text.firstIndex(of: "="), isName(text[..<equals]) {
                values[name(text[..<equals])] = value(String(text[text.index(after: equals)...]))
            } else if isOption, isName(text[...]) {
                if next < words.count, isValue(words[next]) {
                    values[name(text[...])] = value(words[next])
                    next += 1
                } else {
                    values[name(text[...])] = .bool(true)
                }
            }
        }
        return values
    }

    private static func isName(_ text: Substring) -> Bool {
        guard let first = text.first, first.isLetter || first == "_" || first == "+" else { return false }
        return text.dropFirst().allSatisfy { $0.isLetter || $0.isNumber || "_-./".contains($0) }
    }

    private static func name(_ text: Substring) -> String { String(text.drop { $0 == "+" }) }

    private static func isValue(_ word: String) -> Bool {
        !word.hasPrefix("-") || ParameterValue.isInteger(word) || ParameterValue.isFloat(word)
    }

    /// What cannot be text of a store is told as it looks.
    private static func value(_ text: String) -> ParameterValue {
        if (try? ArgumentText.requireText(text, "")) == nil {
            return .string(Terminal.escaped(ArgumentText.bytes(text)))
        }
        return (try? Values.value(text)) ?? .string(text)
    }
}
