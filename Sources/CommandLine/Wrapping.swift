/// Lines of text as narrow as a terminal.
enum Wrapping {
    /// Columns of a terminal that nobody has made wider.
    private static let width = 80
    /// What is explained stands left of this column.
    private static let explanationLimit = 60

    /// Breaks lines that are too long between words; commands that are to be typed stay whole.
    ///
    /// What is left of a line stands below the column where its explanation begins, behind the last two spaces; lines of prose are filled
    /// up together.
    static func wrapped(_ text: String) -> String {
        var (lines, prose): ([String], [[Character]]) = ([], [])
        func flush() {
            let isLong = prose.contains { $0.count > width }
            lines += isLong ? [broken(Array(prose.joined(separator: " ")))] : prose.map { String($0) }
            prose = []
        }
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).map(Array.init) {
            if let first = line.first, first != " " {
                prose.append(line)
                continue
            }
            flush()
            let isCommand = line.starts(with: "  mlrepo ") && column(of: line) == 2
            lines.append(line.count <= width || isCommand ? String(line) : broken(line))
        }
        flush()
        return lines.joined(separator: "\n")
    }

    private static func broken(_ line: [Character]) -> String {
        let indent = column(of: line)
        var (lines, current): ([String], String) = ([], String(line[..<indent]))
        var isEmpty = true
        for word in line[indent...].split(separator: " ") {
            if !isEmpty, current.count + 1 + word.count > width {
                lines.append(current)
                (current, isEmpty) = (String(repeating: " ", count: indent), true)
            }
            current += (isEmpty ? "" : " ") + String(word)
            isEmpty = false
        }
        return (lines + [current]).joined(separator: "\n")
    }

    /// Where the words begin that may go to the next line.
    private static func column(of line: [Character]) -> Int {
        let first = line.firstIndex { $0 != " " } ?? 0
        var found = first
        for column in first..<min(line.count, explanationLimit) where column > first + 1 {
            if line[column] != " ", line[column - 1] == " ", line[column - 2] == " " { found = column }
        }
        return found
    }
}
