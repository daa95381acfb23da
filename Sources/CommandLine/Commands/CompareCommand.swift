internal import ArgumentParser
internal import Catalogue
internal import MLRepo
internal import ObjectModel

struct CompareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract: "Compare runs or versions: parameters, code, metrics, and what these were measured on.",
        discussion: """
            Parameters and facts that are not the same have a line each, and so has every metric. A metric counts with the data that \
            its run read: where that is not the same, it is marked as not comparable. What a later run measured with a model belongs \
            to the model: 'f1 on data/test.csv'. --on names the data that counts, where a run reads other data beside it.

            --plot shows a metric, parameter or fact as bars, and X:Y one over the other.

            EXAMPLES
              mlrepo compare main~1 main
              mlrepo compare run:1c9e run:77ab v1.2
              mlrepo compare --where 'f1 > 0.8' --sort -f1
              mlrepo compare v1.1 v1.2 --on data/test.csv
              mlrepo compare --where 'started > 2026-11' --plot lr:f1
            """)

    @Option(
        name: .customLong("where"),
        help: ArgumentHelp(
            "All runs of which this is true, as 'mlrepo runs' takes it.", valueName: "question"))
    var question: String?
    @Option(
        name: .customLong("sort"), parsing: .unconditional,
        help: ArgumentHelp("The least first by a metric or parameter; -NAME the greatest.", valueName: "name")
    )
    var key: String?
    @Option(
        name: .customLong("on"), parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "Only this data counts as what was measured on; may be given several times.", valueName: "path"),
        completion: .file())
    var data: [String] = []
    @Option(help: ArgumentHelp("Show numbers as a picture, and no table.", valueName: "name|x:y"))
    var plot: String?
    @OptionGroup var output: OutputOptions
    @Argument(help: "Versions, or runs as run:NAME.", completion: Completions.revision)
    var items: [String] = []

    func run() throws {
        let repository = try Repository.here()
        guard question == nil || items.isEmpty else {
            throw Failure(status: .usage, message: "--where chooses the runs; name none beside it")
        }
        var compared = try question.map { try runs($0, repository) } ?? items.map { try item($0, repository) }
        guard !compared.isEmpty || question != nil else {
            throw Failure(
                status: .usage, message: "name what is to be compared",
                hint: "mlrepo compare main~1 main, or mlrepo compare --where 'f1 > 0.8'")
        }
        if let key { compared = sorted(compared, by: key) }
        let dataPaths = try repository.paths(data)
        let comparison: Comparison
        do throws(RepositoryError) {
            comparison = try Comparison(compared, on: dataPaths, in: repository)
        } catch {
            guard case .noPath(let path) = error else { throw error }
            throw Failure(
                status: .notFound, message: "nothing was measured on \(path) by what is compared", path: path)
        }
        let text = ComparisonText(comparison: comparison)
        if output.json { return Terminal.printJSON(text.json) }
        guard !compared.isEmpty else { return }
        let width = Terminal.width
        let lines =
            try plot.map { try picture($0, comparison, text, width ?? 80) } ?? text.lines(width: width)
        for line in lines { Terminal.print(line) }
    }

    private func runs(_ question: String, _ repository: Repository) throws -> [ComparedItem] {
        let query = try Query(typed: question, for: "runs")
        let found = try repository.recordedRuns().filter {
            query.matches(RunFacts(of: $0.run, $0.state).values)
        }
        return found.map {
            ComparedItem(name: "run:\($0.name.prefix(8))", run: $0.id, $0.run)
        }
    }

    private func item(_ name: String, _ repository: Repository) throws -> ComparedItem {
        if let run = try repository.runAlone(named: name) { return item(run) }
        do throws(RepositoryError) {
            return try repository.comparedVersion(repository.commit(named: name), name: name)
        } catch {
            // As 'runs' prints it.
            guard case .noRevision = error, let run = try? repository.recordedRun(named: name) else {
                throw error
            }
            return item(run)
        }
    }

    private func item(_ run: RecordedRun) -> ComparedItem {
        ComparedItem(name: "run:\(run.name.prefix(8))", run: run.id, run.run)
    }

    private func sorted(_ items: [ComparedItem], by key: String) -> [ComparedItem] {
        RunFacts.sorted(items, by: key) { item, name in
            for (_, run) in item.runs {
                if let value = RunFacts(of: run, nil).value(name) { return value }
            }
            return nil
        }
    }

    // MARK: A picture

    private func picture(
        _ name: String, _ comparison: Comparison, _ text: ComparisonText, _ width: Int
    ) throws -> [String] {
        let parts = name.split(separator: ":", maxSplits: 1).map(String.init)
        guard let first = parts.first else { throw Failure(status: .usage, message: "name what to show") }
        let across = try values(first, comparison)
        guard parts.count == 2 else {
            let bars = zip(comparison.items, across).map { item, value in
                (
                    Terminal.escaped(item.name), Self.number(value),
                    value.map { Terminal.oneLine($0.text) } ?? "-"
                )
            }
            return Plot.bars(bars, width: width) + warnings([first], comparison, text)
        }
        let up = try values(parts[1], comparison)
        let points = zip(across, up).compactMap { one, other in
            Self.number(one).flatMap { x in Self.number(other).map { (x: x, y: $0) } }
        }
        return Plot.points(
            points, across: Terminal.escaped(parts[0]), up: Terminal.escaped(parts[1]), width: width)
            + warnings(parts, comparison, text)
    }

    /// The values of a metric, else of a parameter, else of a fact.
    private func values(_ name: String, _ comparison: Comparison) throws -> [ParameterValue?] {
        if let metric = metric(name, comparison) { return metric.values }
        for known in ["params.\(name)", name] {
            if let fact = comparison.facts.first(where: { $0.name == known }) { return fact.values }
        }
        // Such as `seconds`, which a table has no line for.
        let values = comparison.items.map { item in
            item.runs.lazy.compactMap { RunFacts(of: $0.run, nil).value(name) }.first.map {
                ParameterValue.string($0)
            }
        }
        if values.contains(where: { $0 != nil }) { return values }
        throw Failure(status: .notFound, message: "none of them has \(Terminal.escaped(name))")
    }

    private func metric(_ name: String, _ comparison: Comparison) -> Comparison.Metric? {
        let short = name.hasPrefix("metrics.") ? String(name.dropFirst(8)) : name
        let text = ComparisonText(comparison: comparison)
        if let titled = comparison.metrics.first(where: { text.title($0) == Terminal.escaped(short) }) {
            return titled
        }
        // Of several the one that most have.
        return comparison.metrics.filter { $0.name == short }.max {
            $0.values.count { $0 != nil } < $1.values.count { $0 != nil }
        }
    }

    private func warnings(
        _ names: [String], _ comparison: Comparison, _ text: ComparisonText
    ) -> [String] {
        names.compactMap { metric($0, comparison) }.compactMap { metric in
            ComparisonText.reason(metric).map { "not comparable: \(text.title(metric)): \($0)" }
        }
    }

    private static func number(_ value: ParameterValue?) -> Double? { value.flatMap { Double($0.text) } }
}
