/// A table as text, in lines of named values.
package struct RandomTable: Sendable {
    package var lines: [[UInt8]]
    private let names: [String]

    package init(rows: Int, using random: inout SplitMix64) {
        names = (0..<Int.random(in: 2...12, using: &random)).map { "measurement_number_\($0)" }
        lines = []
        for number in 0..<rows { lines.append(line(number, using: &random)) }
    }

    package var bytes: [UInt8] { lines.reduce(into: []) { $0 += $1 } }

    /// A row.
    package func line(_ number: Int, using random: inout SplitMix64) -> [UInt8] {
        var text = "{\"id\":\(number),\"date\":\"2024-01-\(10 + number / 100 % 20)\""
        for name in names {
            text += ",\"\(name)\":\(Double(Int.random(in: 0..<100_000, using: &random)) / 100)"
        }
        return Array((text + "}\n").utf8)
    }

    /// Edits, deletes and inserts a share of the rows, a third each.
    package mutating func edit(share: Double, using random: inout SplitMix64) {
        var later: [[UInt8]] = []
        for number in lines.indices {
            guard Double.random(in: 0..<1, using: &random) < share else {
                later.append(lines[number])
                continue
            }
            switch Int.random(in: 0..<3, using: &random) {
            case 0: break
            case 1: later += [lines[number], line(number, using: &random)]
            default:
                var line = lines[number]
                let at = Int.random(in: 1..<line.count - 1, using: &random)
                line.replaceSubrange(at..<min(at + 4, line.count - 1), with: Array("\(number)".utf8))
                later.append(line)
            }
        }
        lines = later
    }
}
