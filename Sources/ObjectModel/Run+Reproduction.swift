extension Run {
    /// What became of a run that was executed to repeat another one.
    package struct Reproduction: Hashable, Sendable {
        package enum Result: String, Sendable {
            /// The same bytes.
            case identical
            /// Other bytes, and numbers that differ by no more than was granted.
            case equivalent
            /// Something else.
            case different
            /// It did not end as the other run did, so that there is nothing to compare.
            case failed
        }

        /// An output that is not the same bytes.
        package struct Difference: Hashable, Sendable {
            package var path: RepositoryPath
            /// Whether its numbers differ by no more than was granted.
            package var isEquivalent: Bool
            /// Where the first difference is, or what is missing, in words.
            package var detail: String
            /// The greatest difference of two numbers, as a decimal number; nothing where none were compared.
            package var greatest: String?

            package init(path: RepositoryPath, isEquivalent: Bool, detail: String, greatest: String?) {
                (self.path, self.isEquivalent) = (path, isEquivalent)
                (self.detail, self.greatest) = (detail, greatest)
            }
        }

        /// The record of the run that was repeated.
        package var run: ObjectID
        package var result: Result
        /// By how much numbers were allowed to differ, as a decimal number; nothing where only the same bytes counted.
        package var tolerance: String?
        /// How many outputs were compared.
        package var outputs: Int
        /// The first of the outputs that are not the same.
        package var differences: [Difference]
        /// What was compared, where that was not all.
        package var paths: [RepositoryPath] = []
        /// What it was given instead of what the other run had.
        package var exchanged: [RepositoryPath] = []

        package init(
            run: ObjectID, result: Result, tolerance: String?, outputs: Int, differences: [Difference]
        ) {
            (self.run, self.result, self.tolerance) = (run, result, tolerance)
            (self.outputs, self.differences) = (outputs, differences)
        }

        /// A record names no more differences.
        package static let mostDifferences = 100
    }
}

extension Run.Reproduction {
    var json: JSONValue {
        .object([
            "run": .string(run.hex), "result": .string(result.rawValue),
            "tolerance": tolerance.map { .string($0) }, "outputs": .integer(outputs),
            "differences": .array(differences.map(\.json)),
            "paths": paths.isEmpty ? nil : .array(paths.sorted().map(\.json)),
            "exchanged": exchanged.isEmpty ? nil : .array(exchanged.sorted().map(\.json)),
        ])
    }

    init(json: JSONValue) throws(MalformedObject) {
        guard let result = Result(rawValue: try json.string("result")) else {
            throw .member("result", expected: "identical, equivalent, different or failed")
        }
        let tolerance = try json.optionalString("tolerance")
        if let tolerance, !ParameterValue.isFloat(tolerance) {
            throw .member("tolerance", expected: "a decimal number")
        }
        var differences: [Difference] = []
        for value in try json.array("differences") { differences.append(try Difference(json: value)) }
        self.init(
            run: try json.id("run"), result: result, tolerance: tolerance,
            outputs: try json.integer("outputs", atLeast: 0), differences: differences)
        paths = try Run.paths("paths", json)
        exchanged = try Run.paths("exchanged", json)
    }
}

extension Run.Reproduction.Difference {
    var json: JSONValue {
        .object([
            "path": path.json, "equivalent": .bool(isEquivalent), "detail": .string(detail),
            "greatest": greatest.map { .string($0) },
        ])
    }

    init(json: JSONValue) throws(MalformedObject) {
        guard let path = json.member("path") else { throw .member("path", expected: "there") }
        guard case .bool(let isEquivalent)? = json.member("equivalent") else {
            throw .member("equivalent", expected: "a truth value")
        }
        let greatest = try json.optionalString("greatest")
        if let greatest, !ParameterValue.isFloat(greatest) {
            throw .member("greatest", expected: "a decimal number")
        }
        self.init(
            path: try RepositoryPath(json: path, member: "path"), isEquivalent: isEquivalent,
            detail: try json.string("detail"), greatest: greatest)
    }
}
