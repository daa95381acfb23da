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

            Where the store has a policy (mlrepo help policy), --key says whose key came, so that they read and write only what they             may; to whoever may not read it, the store is not there. --authorized-keys prints such lines for all people of the policy.

            EXAMPLES
              mlrepo serve --stdio /srv/store
              mlrepo serve --stdio --read-only /srv/store
              mlrepo serve --stdio --key SHA256:4zfc... /srv/store
              mlrepo serve --authorized-keys /srv/store >> ~/.ssh/authorized_keys
            """)

    @Flag(help: "Speak on standard input and output.")
    var stdio = false
    @Flag(help: "Refuse everything that would change the store.")
    var readOnly = false
    @Option(help: ArgumentHelp("By which key somebody came, as SHA256:...", valueName: "fingerprint"))
    var key: String?
    @Flag(help: "Print lines for sshd that tie each key of the store's policy to this store.")
    var authorizedKeys = false
    @Argument(help: "The store, or a working copy that has one.")
    var path: String

    func validate() throws {
        guard stdio != authorizedKeys else {
            throw ValidationError("serve speaks on standard input and output: --stdio")
        }
        guard !authorizedKeys || (!readOnly && key == nil) else {
            throw ValidationError("--read-only and --key belong to --stdio")
        }
        guard key.map({ $0.hasPrefix("SHA256:") }) ?? true else {
            throw ValidationError("--key takes a fingerprint, as ssh-keygen -l prints it: SHA256:...")
        }
    }

    func run() throws {
        let environment = Environment.process()
        let place = environment.workingDirectory.appending(ArgumentText.bytes(path)).normalized
        if authorizedKeys {
            for line in try Repository.authorizedKeys(of: place, environment) { Terminal.print(line) }
            return
        }
        let server = try Repository.server(of: place, isReadOnly: readOnly, key: key, environment)
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
