internal import ObjectModel
internal import Storage

/// Which runs measured something with a model, by the bytes of its files.
struct EvaluationIndex {
    private var measurements: Measurements
    /// The records of runs, by their ids, by the id of a file of a model that they read.
    private var runs: [ObjectID: [ObjectID: Run]] = [:]

    /// - Parameter all: The runs that may have measured something, each once.
    init(_ repository: Repository, _ all: [ObjectID: Run]) throws(RepositoryError) {
        measurements = Measurements(repository)
        for (id, run) in all where try measurements.isEvaluation(run) {
            for model in try measurements.models(in: run.inputs) {
                runs[model.entry.id, default: [:]][id] = run
            }
        }
    }

    /// What was measured with the models that some runs made: as metrics, and as such of tests.
    mutating func facts(of makers: [Run]) throws(RepositoryError) -> [(name: String, value: String)] {
        var found: [ObjectID: Run] = [:]
        for model in try models(of: makers) { found.merge(runs[model] ?? [:]) { one, _ in one } }
        return found.sorted { $0.key.hex < $1.key.hex }.flatMap { _, run in
            ParameterValue.flattened(run.metrics).flatMap { name, value in
                [("metrics.\(name)", value.text), ("tests.\(name)", value.text)]
            }
        }
    }

    /// The files of models that some runs made.
    mutating func models(of makers: [Run]) throws(RepositoryError) -> Set<ObjectID> {
        var made: Set<ObjectID> = []
        for run in makers { made.formUnion(try measurements.models(in: run.outputs).map(\.entry.id)) }
        return made
    }

    /// The files of models that a run measured something with; none where it did not.
    mutating func tested(by run: Run) throws(RepositoryError) -> Set<ObjectID> {
        guard try measurements.isEvaluation(run) else { return [] }
        return Set(try measurements.models(in: run.inputs).map(\.entry.id))
    }
}
