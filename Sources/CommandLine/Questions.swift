internal import Catalogue
internal import ArgumentParser

extension Query {
    /// A question as a person typed it.
    ///
    /// - Parameter command: The one that it was typed for.
    init(typed text: String, for command: String) throws {
        do throws(QueryError) { self = try Query(text) } catch {
            let failure: QueryError = error
            throw Failure(
                status: .usage, message: "the question: \(Terminal.escaped("\(failure)"))",
                hint: "mlrepo \(command) 'f1 > 0.9 and params.lr < 1e-3'")
        }
    }
}
