internal import Catalogue
internal import MLRepo

extension Query {
    /// A question as a person typed it.
    ///
    /// - Parameter command: The one that it was typed for.
    init(typed text: String, for command: String) throws {
        let query: Query
        do throws(QueryError) { query = try Query(text) } catch {
            let failure: QueryError = error
            throw Failure(
                status: .usage, message: "the question: \(Terminal.escaped("\(failure)"))",
                hint: "mlrepo \(command) 'f1 > 0.9 and params.lr < 1e-3'")
        }
        do throws(NoTime) { self = try query.withTimes(now: Environment.process().now()) } catch {
            let failure: NoTime = error
            throw Failure(
                status: .usage, message: "the question: '\(Terminal.escaped(failure.text))' is no time",
                hint:
                    "mlrepo \(command) 'date > 2026-11', with a day as 2026-11-29, 'yesterday' or '2 days ago'"
            )
        }
    }

    /// Says of a question to which nothing was the answer which of its names nobody has.
    ///
    /// - Parameter isKnown: Whether anything has a name.
    func noteUnknownNames(_ isKnown: (String) throws -> Bool) rethrows {
        var told: Set<String> = []
        for name in names where told.insert(name).inserted {
            if try isKnown(name) { continue }
            Terminal.printError("note: nothing here has '\(Terminal.escaped(name))'")
        }
    }
}
