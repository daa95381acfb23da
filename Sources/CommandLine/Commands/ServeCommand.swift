internal import ArgumentParser
internal import FileIO
internal import MLRepo
internal import Remotes

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Give a store to somebody who reaches this machine by SSH.",
        discussion: """
            'push', 'fetch' and 'clone' start it by themselves, through ssh, for places such as host:/srv/store. As a forced \
            command it ties a key to one store, in ~/.ssh/authorized_keys:

              restrict,command="mlrepo serve --stdio /srv/store" ssh-ed25519 AAAA...

            EXAMPLES
              mlrepo serve --stdio /srv/store
              mlrepo serve --stdio --read-only /srv/store
            """)

    @Flag(help: "Speak on standard input and output.")
    var stdio = false
    @Flag(help: "Refuse everything that would change the store.")
    var readOnly = false
    @Argument(help: "The store, or a working copy that has one.")
    var path: String

    func validate() throws {
        guard stdio else { throw ValidationError("serve speaks on standard input and output: --stdio") }
    }

    func run() throws {
        let environment = Environment.process()
        let place = environment.workingDirectory.appending(ArgumentText.bytes(path)).normalized
        let server = try Repository.server(of: place, isReadOnly: readOnly, environment)
        FramedTransport.ignoreBrokenPipes()
        let (input, output) = (dup(0), dup(1))
        // What anybody prints from now on would be taken for frames.
        guard input >= 0, output >= 0, dup2(2, 1) >= 0 else {
            throw Failure(status: .inputOutput, message: "standard input and output are not open")
        }
        do throws(TransportError) {
            try server.serve(input: FileDescriptor(raw: input), output: FileDescriptor(raw: output))
        } catch {
            throw Failure(status: .inputOutput, message: Terminal.oneLine("\(error)"))
        }
    }
}
