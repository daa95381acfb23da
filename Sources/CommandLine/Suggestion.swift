/// What somebody may have meant who mistyped a word.
enum Suggestion {
    /// The word that is nearest, if it is near: one or two letters too many, too few, wrong or swapped.
    static func near(_ word: String, among words: [String]) -> String? {
        let typed = Array(word.unicodeScalars.prefix(40))
        let limit = typed.count < 5 ? 1 : 2
        let found = words.map { (word: $0, distance: distance(typed, Array($0.unicodeScalars))) }
            .filter { $0.distance <= limit }
        // Of words that are equally near, one of the same length.
        func rank(_ found: (word: String, distance: Int)) -> (Int, Int, String) {
            (found.distance, abs(found.word.count - typed.count), found.word)
        }
        return found.min { rank($0) < rank($1) }?.word
    }

    /// Edits from one word to another; a swap of neighbours is one (Damerau's distance, restricted).
    private static func distance(_ a: [Unicode.Scalar], _ b: [Unicode.Scalar]) -> Int {
        var rows = [Array(0...b.count)]
        for i in a.indices {
            var row = [i + 1]
            for j in b.indices {
                let change = rows[i][j] + (a[i] == b[j] ? 0 : 1)
                var best = min(change, rows[i][j + 1] + 1, row[j] + 1)
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
                    best = min(best, rows[i - 1][j - 1] + 1)
                }
                row.append(best)
            }
            rows.append(row)
        }
        return rows[a.count][b.count]
    }
}
