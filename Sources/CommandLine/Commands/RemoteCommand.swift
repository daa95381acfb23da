internal import ArgumentParser
internal import MLRepo
internal import ObjectModel

struct RemoteCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remote", abstract: "Name other stores, to push to and to fetch from.",
        discussion: """
            A store is named by its place: a directory, on this machine or on a shared disk, or host:path by ssh. 'fetch' and \
            'pull' take such a name, 'push' a name or a place. What was seen of a store is remembered, also when 'set' says that it has moved; one that was turned back, forked or \
            exchanged is refused until 'forget'.

            EXAMPLES
              mlrepo remote                            all that have a name
              mlrepo remote add origin /srv/store
              mlrepo remote set origin /mnt/store      it has moved
              mlrepo remote rename origin old          what was fetched is old/… then
              mlrepo remote remove origin
              mlrepo remote forget origin              what is there now is right
            """)

    /// Git's users type it; places are told anyway.
    @Flag(name: [.customShort("v"), .long], help: .hidden)
    var verbose = false
    @OptionGroup var output: OutputOptions
    @Argument(help: ArgumentHelp("What to do: add, set, rename, remove or forget.", valueName: "verb"))
    var verb: String?
    @Argument(help: "The name.")
    var name: String?
    @Argument(help: "The place, or the new name.")
    var place: String?

    private var words: (verb: String, name: String, place: String?)? {
        guard let verb, let name else { return nil }
        return (verb, name, place)
    }

    func validate() throws {
        guard let verb else { return }
        switch verb {
        case "add", "set", "set-url":
            guard place != nil else { throw ValidationError("'remote \(verb)' takes a name and a place") }
        case "rename":
            guard place != nil else { throw ValidationError("'remote rename' takes a name and a new one") }
        case "remove", "rm", "forget":
            guard name != nil, place == nil else { throw ValidationError("'remote \(verb)' takes a name") }
        default:
            throw ValidationError(
                "'remote' takes add, set, rename, remove or forget, not '\(Terminal.escaped(verb))'")
        }
    }

    func run() throws {
        if let name { try ArgumentText.requireText(name, "the name") }
        if let place { try ArgumentText.requireText(place, "the place") }
        let repository = try Repository.here()
        guard let (verb, name, place) = words else { return show(repository.remotes) }
        switch (verb, place) {
        case ("add", let place?): try repository.addRemote(name, place)
        case ("set", let place?), ("set-url", let place?): try repository.setRemote(name, place)
        case ("rename", let new?): try repository.renameRemote(name, to: new)
        case ("remove", _), ("rm", _): try repository.removeRemote(name)
        default: try repository.forgetRemote(name)
        }
        if output.json { show(try Repository.here().remotes) }
    }

    private func show(_ remotes: [(name: String, url: String)]) {
        if output.json {
            return Terminal.printJSON(
                .array(
                    remotes.map { .object(["name": .string($0.name), "url": .string($0.url)]) }))
        }
        for remote in remotes { Terminal.print(Terminal.escaped("\(remote.name)  \(remote.url)")) }
    }
}
