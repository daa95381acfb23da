extension Query {
    /// Reads a question; the empty one is true of everything.
    package init(_ text: String) throws(QueryError) {
        var parser = Parser(try Self.words(of: text))
        self = parser.rest.isEmpty ? .any : try parser.either()
        if let word = parser.rest.first { throw .unexpected(word.text) }
    }

    private struct Word {
        let text: String
        /// In quotes it is a value, whatever it looks like.
        let isQuoted: Bool
    }

    /// Names, values, signs and parentheses.
    private static func words(of text: String) throws(QueryError) -> [Word] {
        var words: [Word] = []
        var rest = text[...]
        while let first = rest.first {
            if first.isWhitespace {
                rest.removeFirst()
            } else if first == "(" || first == ")" {
                words.append(Word(text: String(first), isQuoted: false))
                rest.removeFirst()
            } else if first == "'" || first == "\"" {
                rest.removeFirst()
                guard let end = rest.firstIndex(of: first) else { throw .openQuote }
                words.append(Word(text: String(rest[..<end]), isQuoted: true))
                rest = rest[rest.index(after: end)...]
            } else if let sign = Comparison.allCases.first(where: { rest.hasPrefix($0.rawValue) }) {
                words.append(Word(text: sign.rawValue, isQuoted: false))
                rest.removeFirst(sign.rawValue.count)
            } else {
                let word = rest.prefix { !$0.isWhitespace && !"()'\"=!<>~".contains($0) }
                guard !word.isEmpty else { throw .unexpected(String(first)) }
                words.append(Word(text: String(word), isQuoted: false))
                rest = rest[word.endIndex...]
            }
        }
        return words
    }

    private struct Parser {
        var rest: ArraySlice<Word>
        private var leaves = 0

        init(_ words: [Word]) { rest = words[...] }

        private mutating func take(_ text: String) -> Bool {
            guard let first = rest.first, !first.isQuoted, first.text == text else { return false }
            rest.removeFirst()
            return true
        }

        mutating func either(_ depth: Int = 0) throws(QueryError) -> Query {
            var query = try both(depth)
            while take("or") { query = .or(query, try both(depth)) }
            return query
        }

        private mutating func both(_ depth: Int) throws(QueryError) -> Query {
            var query = try one(depth)
            while take("and") { query = .and(query, try one(depth)) }
            return query
        }

        private mutating func one(_ depth: Int) throws(QueryError) -> Query {
            guard depth < Query.depthLimit else { throw .tooDeep }
            if take("not") { return .not(try one(depth + 1)) }
            if take("(") {
                let query = try either(depth + 1)
                guard take(")") else { throw .openParenthesis }
                return query
            }
            guard let name = rest.popFirst(), Self.isName(name), !Self.isNumber(name) else {
                throw .missingName
            }
            leaves += 1
            guard leaves <= Query.leafLimit else { throw .tooLong }
            guard let sign = rest.first, !sign.isQuoted, let comparison = Comparison(rawValue: sign.text)
            else {
                return .has(name.text)
            }
            rest.removeFirst()
            guard let value = rest.popFirst(), value.isQuoted || Self.isName(value) else {
                throw .missingValue(behind: comparison)
            }
            return .compare(name.text, comparison, value.text)
        }

        /// Whether somebody put a number where a name belongs: `0.9 < f1`.
        private static func isNumber(_ word: Word) -> Bool {
            guard !word.isQuoted, let first = word.text.utf8.first, first < UInt8(ascii: "A") else {
                return false
            }
            return Double(word.text) != nil
        }

        private static func isName(_ word: Word) -> Bool {
            !["(", ")", "and", "or", "not"].contains(word.text) && Comparison(rawValue: word.text) == nil
        }
    }
}
