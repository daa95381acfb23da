internal import MLRepo
internal import ObjectModel

/// A comparison as people and programs read it.
struct ComparisonText {
    let comparison: Comparison

    private var items: [ComparedItem] { comparison.items }

    /// More items than these have a line each, and not a column.
    private static let mostColumns = 4

    func lines(width: Int?) -> [String] {
        let shown = comparison.facts.filter { isShown($0) }
        var rows = [[""] + items.map { Terminal.escaped($0.name) }]
        for fact in shown { rows.append([Terminal.escaped(fact.name)] + fact.values.map(Self.cell)) }
        for metric in comparison.metrics {
            rows.append([title(metric) + (metric.isComparable ? "" : " *")] + metric.values.map(Self.cell))
        }
        let table = Table(rows)
        let isWide = items.count > Self.mostColumns || width.map { table.width > $0 } ?? false
        var lines = (isWide ? table.transposed : table).lines
        let same = comparison.facts.filter { $0.isSame && $0.name.hasPrefix("params.") }
        if !same.isEmpty {
            let texts = same.map { "\($0.name.dropFirst(7))=\($0.values.first.map(Self.cell) ?? "")" }
            lines.append(
                "the same: \(Terminal.escaped(texts.prefix(12).joined(separator: " ")))\(texts.count > 12 ? " and \(texts.count - 12) more" : "")"
            )
        }
        let machines = comparison.facts.filter { !$0.isSame && $0.name.hasPrefix("env.") }
        if !machines.isEmpty {
            lines.append(
                "other machine or packages: \(Terminal.escaped(machines.map { String($0.name.dropFirst(4)) }.joined(separator: ", ")))"
            )
        }
        for (text, metrics) in reasons {
            lines.append("* not comparable: \(metrics.joined(separator: ", ")): \(text)")
        }
        let others = comparison.metrics.filter { !$0.code.isEmpty }
        if !others.isEmpty {
            let names = Set(others.flatMap(\.code)).map { Terminal.escaped($0) }.sorted()
            lines.append("measured with other code (\(Self.list(names))): \(Self.list(others.map(title)))")
        }
        let unknown = comparison.metrics.filter { $0.isUnknown && $0.isComparable }
        if !unknown.isEmpty {
            lines.append("it is not known what \(Self.list(unknown.map(title))) was measured on")
        }
        return lines
    }

    /// Whether a fact that is not the same is worth a line: a command says nothing that its parameters do not say.
    private func isShown(_ fact: Comparison.Fact) -> Bool {
        guard !fact.isSame, !fact.name.hasPrefix("env.") else { return false }
        // Of several runs nobody reads the commands in a table.
        return fact.name != "command"
            || items.allSatisfy { $0.runs.count <= 1 }
                && !comparison.facts.contains { !$0.isSame && $0.name.hasPrefix("params.") }
    }

    /// `f1`, `f1 on data/test.csv`, or `f1 of model.pt on data/test.csv`.
    func title(_ metric: Comparison.Metric) -> String {
        let model = metric.model.map { " of \($0)" } ?? ""
        let places =
            metric.places.isEmpty ? "" : " on \(Self.list(metric.places.map { Terminal.escaped($0) }))"
        return Terminal.escaped(metric.name) + model + places
    }

    /// Why metrics are not comparable, with those of which it is so.
    private var reasons: [(text: String, metrics: [String])] {
        var found: [(text: String, metrics: [String])] = []
        for metric in comparison.metrics {
            guard let text = Self.reason(metric) else { continue }
            if let index = found.firstIndex(where: { $0.text == text }) {
                found[index].metrics.append(title(metric))
            } else {
                found.append((text, [title(metric)]))
            }
        }
        return found
    }

    /// Why a metric is not comparable; nothing if it is.
    static func reason(_ metric: Comparison.Metric) -> String? {
        metric.isComparable ? nil : reason(metric.differences)
    }

    static func reason(_ differences: [[UInt8]]) -> String {
        "different data (\(list(differences.map { Terminal.escaped($0) })))"
    }

    private static func list(_ names: [String]) -> String {
        names.count <= 3
            ? names.joined(separator: ", ")
            : "\(names.prefix(2).joined(separator: ", ")) and \(Terminal.count(names.count - 2)) more"
    }

    private static func cell(_ value: ParameterValue?) -> String {
        value.map { Terminal.oneLine($0.text) } ?? "-"
    }

    // MARK: For programs

    var json: JSONValue {
        .object([
            "items": .array(
                items.map { item in
                    .object([
                        "name": .string(item.name), "commit": item.commit?.json,
                        "runs": .array(item.runs.map(\.id.json)),
                    ])
                }),
            "same": .array(
                comparison.facts.filter(\.isSame).map { fact in
                    .object([
                        "name": .string(fact.name),
                        "value": fact.values.first.flatMap { $0 }.map { Values.json($0) } ?? .null,
                    ])
                }),
            "different": .array(
                comparison.facts.filter { !$0.isSame }.map { fact in
                    .object(["name": .string(fact.name), "values": Self.json(fact.values)])
                }),
            "metrics": .array(
                comparison.metrics.map { metric in
                    .object([
                        "name": .string(metric.name), "values": Self.json(metric.values),
                        "comparable": .bool(metric.isComparable),
                        "why": Self.reason(metric).map { .string($0) }
                            ?? (metric.isUnknown ? .string("unknown data") : nil),
                        "model": metric.model?.json,
                        "otherCode": metric.code.isEmpty
                            ? nil : .array(metric.code.map { Terminal.json($0) }),
                        "on": metric.places.isEmpty
                            ? nil : .array(metric.places.map { Terminal.json($0) }),
                    ])
                }),
        ])
    }

    private static func json(_ values: [ParameterValue?]) -> JSONValue {
        .array(values.map { $0.map { Values.json($0) } ?? .null })
    }
}
