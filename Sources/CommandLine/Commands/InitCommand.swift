internal import ArgumentParser
internal import FileIO
internal import MLRepo
internal import ObjectModel
internal import Storage

struct InitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Make a repository.",
        discussion: """
            EXAMPLES
              mlrepo init                              in this directory
              mlrepo init project                      in another, made if needed
              mlrepo init --bare /srv/store            a store without files
              mlrepo init --bare --shared=ml /srv/s    the same, for all of the group 'ml'
              mlrepo init --store /srv/store           a working copy here, on that store
            """)

    @Option(
        help: ArgumentHelp(
            "Use a store elsewhere: several working copies share its versions.", valueName: "path"))
    var store: String?
    @Flag(help: "Make a store by itself, without a working copy.")
    var bare = false
    @Flag(help: "With --bare: the directory's group may write to it, or with --shared=GROUP that one.")
    var shared = false
    /// `--shared=GROUP` (``complete(_:)``).
    @Option(name: .customLong(groupOption), help: .hidden)
    var group: String?
    @OptionGroup var output: OutputOptions
    @Argument(help: "The directory; this one if none is named.")
    var directory: String?

    private static let groupOption = "shared-with"
    /// Stands for an empty name; no group is called so.
    private static let noGroup = "/"

    /// `--shared` may stand with or without a group, which an option of the parser cannot.
    static func complete(_ arguments: [String]) -> [String] {
        guard arguments.first == configuration.commandName else { return arguments }
        let prefix = "--shared="
        return arguments.map {
            guard $0.hasPrefix(prefix) else { return $0 }
            // Behind an empty name the parser would take the next word.
            return "--\(groupOption)=\($0 == prefix ? noGroup : String($0.dropFirst(prefix.count)))"
        }
    }

    func validate() throws {
        guard group != Self.noGroup else { throw ValidationError("--shared= names no group") }
        guard !(shared || group != nil) || bare else { throw ValidationError("--shared goes with --bare") }
        guard store == nil || !bare else { throw ValidationError("--bare makes a store, --store uses one") }
    }

    func run() throws {
        let environment = Environment.process()
        func absolute(_ path: String) -> FilePath {
            environment.workingDirectory.appending(ArgumentText.bytes(path)).normalized
        }
        var request = CreationRequest()
        request.store = store.map(absolute)
        request.isBare = bare
        request.isShared = shared || group != nil
        request.group = group
        let root = directory.map(absolute) ?? environment.workingDirectory
        if bare, directory == nil, let names = try? environment.files.names(in: root), !names.isEmpty {
            throw Failure(
                status: .usage, message: "this directory is not empty, and a store fills its own",
                hint: "mlrepo init --bare DIRECTORY")
        }
        let isThere = try Repository.isWorkingCopy(root, environment)
        let repository: Repository
        do { repository = try Repository.create(at: root, request, environment) } catch {
            guard case RepositoryError.store(.notFound(let path)) = error else { throw error }
            var failure = Failure(.store(.notFound(path)))
            failure.hint = "mlrepo init --bare \(ShellWord.quoted(path.bytes)) makes one there"
            throw failure
        }
        let place = repository.copy.directory
        if output.json {
            Terminal.printJSON(
                .object([
                    "path": Terminal.json(place.bytes),
                    "store": Terminal.json(repository.store.layout.root.bytes), "bare": .bool(bare),
                ]))
        } else if !output.quiet {
            let what =
                bare
                ? "A new store"
                : isThere ? "The working copy" : store == nil ? "A new repository" : "A new working copy"
            let suffix =
                store == nil
                ? ""
                : "\(isThere ? " is now" : ",") on the store \(Terminal.escaped(repository.store.layout.root.bytes))"
            Terminal.print("\(what) in \(Terminal.escaped(place.bytes))\(suffix)")
            if let outer = Repository.tracker(of: root, isStore: bare, environment) {
                let what =
                    bare
                    ? "this directory, and commits the store with it"
                    : "this directory, too, and goes on committing what is in it"
                Terminal.printError(
                    "note: the repository in \(Terminal.escaped(outer.bytes)) tracks \(what): mlrepo untrack, typed there, ends that"
                )
            }
            if store != nil, try repository.base().head.commit == nil,
                try repository.tip(of: Repository.defaultBranch) != nil
            {
                Terminal.printError(
                    "hint: mlrepo checkout \(Repository.defaultBranch) brings the files that the store has")
            }
        }
    }
}
