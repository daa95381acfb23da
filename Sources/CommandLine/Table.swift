internal import ObjectModel

/// Lines of cells, each column as wide as its widest cell.
struct Table {
    private let rows: [[String]]

    /// - Parameter rows: The first has the titles; all have as many cells.
    init(_ rows: [[String]]) { self.rows = rows }

    /// The same with columns for lines.
    var transposed: Table {
        guard let first = rows.first else { return self }
        return Table(first.indices.map { column in rows.map { $0[column] } })
    }

    /// In characters; names in other scripts may be wider on a terminal.
    var width: Int { widths.reduce(0) { $0 + $1 + 2 } - 2 }

    private var widths: [Int] {
        guard let first = rows.first else { return [] }
        return first.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    }

    var lines: [String] {
        let widths = widths
        return rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                line += cell
                guard column < row.count - 1 else { break }
                line += String(repeating: " ", count: widths[column] - cell.count + 2)
            }
            return line.trimmedAtEnd
        }
    }
}
