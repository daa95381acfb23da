internal import ArgumentParser
internal import Observation

struct ObserveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "observe",
        abstract: "Record what a process does that runs already, and that asks for it.",
        discussion: """
            For programs: Python's 'import mlrepo' starts it by itself, for 'with mlrepo.run():'. It speaks through a socket that is its \
            standard input; Documentation/Formats/observe.md tells how.

            EXAMPLES
              mlrepo run python train.py      what people type
            """,
        shouldDisplay: false)

    func run() throws {
        guard let socket = ClientSocket() else {
            throw Failure(
                status: .usage,
                message: "observe is for programs, and speaks through a socket as its standard input",
                hint: "mlrepo run COMMAND; in Python: import mlrepo")
        }
        socket.leaveSession()
        var session = ObserveSession(socket)
        session.serve()
    }
}
