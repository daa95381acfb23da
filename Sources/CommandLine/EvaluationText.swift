internal import MLRepo
internal import ObjectModel

/// What later runs measured with a model, as people and programs read it.
enum EvaluationText {
    /// More of them are counted.
    private static let most = 20

    /// A line each, the latest first.
    static func lines(_ evaluations: [Evaluation]) -> [String] {
        let isOne = Set(evaluations.map(\.models)).count == 1
        let lines = evaluations.reversed().prefix(most).map { evaluation in
            let run = evaluation.run
            let time = run.started.map { "  \(Terminal.time($0))" } ?? ""
            return
                "tested by  run \(ReproductionText.name(run, evaluation.id))\(time)  \(Values.line(run.metrics, atMost: 8))\(isOne ? "" : "  of \(evaluation.models.map { "\($0)" }.joined(separator: ", "))")  on \(places(evaluation.data))"
        }
        let rest = evaluations.count - lines.count
        return lines + (rest > 0 ? ["and by \(Terminal.number(rest, "earlier run"))"] : [])
    }

    static func places(_ data: MeasuredData) -> String {
        let names = data.places
        if names.isEmpty { return "nothing that is known" }
        let rest = names.count > 3 ? " and \(Terminal.count(names.count - 3)) more" : ""
        return names.prefix(3).map { Terminal.escaped($0) }.joined(separator: ", ") + rest
    }

    /// - Returns: Nothing where there is none.
    static func json(_ evaluations: [Evaluation]) -> JSONValue? {
        guard !evaluations.isEmpty else { return nil }
        return .array(
            evaluations.map { evaluation in
                .object([
                    "run": evaluation.run.name.map { .string($0) }, "id": evaluation.id.json,
                    "models": .array(evaluation.models.map(\.json)),
                    "metrics": Values.json(evaluation.run.metrics),
                    "on": .array(evaluation.data.places.map { Terminal.json($0) }),
                ])
            })
    }
}
