/// A picture of numbers made of characters.
enum Plot {
    /// Bars of a length that stands for a number, from the least to the greatest, or from 0 where that lies among them.
    ///
    /// - Parameters:
    ///   - bars: What each is called, and its number; without one it has no bar.
    ///   - width: Of a whole line, in characters.
    static func bars(_ bars: [(name: String, value: Double?, text: String)], width: Int) -> [String] {
        let numbers = bars.compactMap(\.value).filter(\.isFinite)
        let least = min(0, numbers.min() ?? 0)
        let greatest = max(0, numbers.max() ?? 0)
        let names = bars.map(\.name.count).max() ?? 0
        let texts = bars.map(\.text.count).max() ?? 0
        let room = max(10, width - names - texts - 4)
        return bars.map { bar in
            let name = bar.name + String(repeating: " ", count: names - bar.name.count)
            let text = String(repeating: " ", count: texts - bar.text.count) + bar.text
            guard let value = bar.value, value.isFinite, greatest > least else { return "\(name)  \(text)" }
            let zero = Int((share(0, least, greatest) * Double(room)).rounded())
            let end = Int((share(value, least, greatest) * Double(room)).rounded())
            let (from, to) = (min(zero, end), max(zero, end))
            return
                "\(name)  \(text)  \(String(repeating: " ", count: from))\(String(repeating: "█", count: to - from))"
                .trimmedAtEnd
        }
    }

    /// Points in a field, of which the axes say what they stand for.
    ///
    /// - Parameters:
    ///   - points: Where one falls on another, that is shown by a larger mark.
    ///   - width: Of a whole line, in characters.
    static func points(
        _ points: [(x: Double, y: Double)], across: String, up: String, width: Int, height: Int = 16
    ) -> [String] {
        let points = points.filter { $0.x.isFinite && $0.y.isFinite }
        guard !points.isEmpty else { return ["no number to show"] }
        let horizontal = Axis(points.map(\.x))
        let vertical = Axis(points.map(\.y))
        let labels = [vertical.greatest, vertical.least].map { number($0) }
        let margin = labels.map(\.count).max() ?? 0
        let columns = max(20, width - margin - 3)
        var field = [[Int]](repeating: [Int](repeating: 0, count: columns), count: height)
        for point in points {
            let column = Int((horizontal.share(point.x) * Double(columns - 1)).rounded())
            let row = height - 1 - Int((vertical.share(point.y) * Double(height - 1)).rounded())
            field[row][column] += 1
        }
        var lines = ["\(up)\(vertical.isLogarithmic ? "  (logarithmic)" : "")"]
        for (row, cells) in field.enumerated() {
            let label = row == 0 ? labels[0] : row == height - 1 ? labels[1] : ""
            let marks = cells.map { $0 == 0 ? " " : $0 == 1 ? "•" : "●" }.joined()
            lines.append(
                "\(String(repeating: " ", count: margin - label.count))\(label) ┤\(marks)".trimmedAtEnd)
        }
        lines.append(
            "\(String(repeating: " ", count: margin)) └\(String(repeating: "─", count: columns))")
        let (first, last) = (number(horizontal.least), number(horizontal.greatest))
        let title = "\(across)\(horizontal.isLogarithmic ? " (logarithmic)" : "")"
        let gap = max(2, columns - first.count - last.count - title.count)
        let half = String(repeating: " ", count: gap / 2)
        let rest = String(repeating: " ", count: gap - gap / 2)
        lines.append("\(String(repeating: " ", count: margin + 2))\(first)\(half)\(title)\(rest)\(last)")
        return lines
    }

    /// Where a number lies between two others, from 0 to 1; what is between them may be more than a number can be.
    private static func share(_ value: Double, _ least: Double, _ greatest: Double) -> Double {
        let share = (value / 2 - least / 2) / (greatest / 2 - least / 2)
        // The least numbers that there are have no halves.
        return share.isFinite ? min(1, max(0, share)) : 0.5
    }

    /// A number in few characters.
    static func number(_ value: Double) -> String {
        let text = "\(value)"
        if text.hasSuffix(".0") { return String(text.dropLast(2)) }
        guard text.count > 8, !text.contains("e"), value.magnitude < 1e6 else { return text }
        let scaled = Int((value.magnitude * 10_000).rounded())
        let digits = String(scaled % 10_000 + 10_000).dropFirst()
        return "\(value < 0 ? "-" : "")\(scaled / 10_000).\(digits)"
    }

    /// Where numbers lie on a line; those that go over some powers of ten are told by their logarithms.
    private struct Axis {
        let least: Double
        let greatest: Double
        let isLogarithmic: Bool

        init(_ values: [Double]) {
            (least, greatest) = (values.min() ?? 0, values.max() ?? 0)
            isLogarithmic = least > 0 && greatest / least >= 100
        }

        /// From 0 to 1.
        func share(_ value: Double) -> Double {
            guard greatest > least else { return 0.5 }
            guard isLogarithmic else { return Plot.share(value, least, greatest) }
            return (Self.logarithm(value) - Self.logarithm(least))
                / (Self.logarithm(greatest) - Self.logarithm(least))
        }

        /// To the base of 2, within some thousandths: for a place on a line of characters.
        private static func logarithm(_ value: Double) -> Double {
            // log2(1 + m) is nearly m (1 + 0.34 (1 - m)) for m from 0 to 1.
            let rest = value.significand - 1
            return Double(value.exponent) + rest * (1 + 0.34 * (1 - rest))
        }
    }
}

extension String {
    /// Without blanks behind it.
    var trimmedAtEnd: String { String(reversed().drop { $0 == " " }.reversed()) }
}
