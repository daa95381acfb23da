internal import ArgumentParser
internal import MLRepo
internal import ObjectModel

struct TagCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tag", abstract: "List, make or delete tags: names for versions that stay.",
        discussion: """
            EXAMPLES
              mlrepo tag              all tags
              mlrepo tag v1.2         names the last commit
              mlrepo tag v1.1 main~3
              mlrepo tag --sign v1.3  signed by you (mlrepo help identity)
            """)

    @Flag(name: [.customShort("d"), .long], help: "Delete the tag.")
    var delete = false
    @Flag(name: [.customShort("l"), .customLong("list")], help: .hidden)
    var list = false
    @Flag(
        name: [.short, .long], inversion: .prefixedNo, exclusivity: .chooseLast,
        help: "Sign that it is one, or not; else as tag.sign says.")
    var sign: Bool?
    @OptionGroup var output: OutputOptions
    @Argument(help: "The tag's name.")
    var name: String?
    @Argument(help: "What it names.")
    var revision: String?

    func validate() throws {
        guard !delete || (name != nil && revision == nil) else {
            throw ValidationError("-d takes the name of one tag")
        }
        guard !list || (name == nil && !delete) else { throw ValidationError("the list takes no name") }
    }

    func run() throws {
        let repository = try Repository.here()
        if let name, delete {
            try repository.removeRef("tags", name)
            return RefList.say(name, nil, json: output.json)
        }
        if let name {
            let id = try repository.commit(named: revision ?? "HEAD")
            try Self.hinting(repository) { try repository.makeRef("tags", name, at: id, isSigned: sign) }
            return RefList.say(name, id, json: output.json)
        }
        try RefList.show(repository.refs(in: "tags"), json: output.json, current: nil)
    }
}

extension TagCommand {
    /// Says what makes room for a tag that is there already.
    private static func hinting(_ repository: Repository, _ body: () throws -> Void) throws {
        do { try body() } catch RepositoryError.refExists(let name) {
            var failure = Failure(.refExists(name))
            failure.hint =
                (try? repository.tip(of: name)) ?? nil != nil
                ? "it is a branch: choose another name"
                : "mlrepo tag -d \(name) first, if it is to name something else"
            throw failure
        }
    }
}
