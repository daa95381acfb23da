internal import ArgumentParser
internal import MLRepo
internal import ObjectModel

struct BranchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "branch", abstract: "List, make or delete branches.",
        discussion: """
            EXAMPLES
              mlrepo branch                 all branches
              mlrepo branch experiment      a new one from here
              mlrepo branch -d experiment   deletes the name
            """)

    @Flag(name: [.customShort("d"), .long], help: "Delete the branch.")
    var delete = false
    @OptionGroup var output: OutputOptions
    @Argument(help: "The branch's name.", completion: Completions.revision)
    var name: String?
    @Argument(help: "Where it begins.")
    var revision: String?

    func run() throws {
        let repository = try Repository.here()
        let head = try repository.copy.head()
        if let name, delete {
            guard name != head.branch else {
                throw Failure(
                    status: .wouldLose, message: "this working copy stands on '\(name)'",
                    hint: "mlrepo checkout another branch first")
            }
            let was = try repository.tip(of: name)
            try repository.removeRef("branches", name)
            if let was, !output.json, !output.quiet {
                Terminal.print(
                    "Deleted \(name), which was \(was.short) (mlrepo branch \(name) \(was.short) makes it again)"
                )
            }
            return RefList.say(name, nil, json: output.json)
        }
        if let name {
            let id = try repository.commit(named: revision ?? "HEAD")
            try repository.makeRef("branches", name, at: id)
            return RefList.say(name, id, json: output.json)
        }
        try RefList.show(repository.refs(in: "branches"), json: output.json, current: head.branch)
    }
}

struct TagCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tag", abstract: "List, make or delete tags: names for versions that stay.",
        discussion: """
            EXAMPLES
              mlrepo tag              all tags
              mlrepo tag v1.2         names the last commit
              mlrepo tag v1.1 main~3
            """)

    @Flag(name: [.customShort("d"), .long], help: "Delete the tag.")
    var delete = false
    @OptionGroup var output: OutputOptions
    @Argument(help: "The tag's name.")
    var name: String?
    @Argument(help: "What it names.")
    var revision: String?

    func run() throws {
        let repository = try Repository.here()
        if let name, delete {
            try repository.removeRef("tags", name)
            return RefList.say(name, nil, json: output.json)
        }
        if let name {
            let id = try repository.commit(named: revision ?? "HEAD")
            try Self.hinting { try repository.makeRef("tags", name, at: id) }
            return RefList.say(name, id, json: output.json)
        }
        try RefList.show(repository.refs(in: "tags"), json: output.json, current: nil)
    }
}

extension TagCommand {
    /// Says what makes room for a tag that is there already.
    private static func hinting(_ body: () throws -> Void) throws {
        do { try body() } catch RepositoryError.refExists(let name) {
            var failure = Failure(.refExists(name))
            failure.hint = "mlrepo tag -d \(name) first, if it is to name something else"
            throw failure
        }
    }
}

/// Names and what they stand for.
private enum RefList {
    /// What became of one name: programs are told, people see that nothing went wrong.
    static func say(_ name: String, _ id: ObjectID?, json: Bool) {
        guard json else { return }
        Terminal.printJSON(.object(["name": .string(name), "commit": id?.json ?? .null]))
    }

    static func show(_ refs: [(name: String, target: ObjectReference)], json: Bool, current: String?) throws {
        if json {
            let list = refs.map { ref in
                JSONValue.object([
                    "name": .string(ref.name), "commit": ref.target.id.json,
                    "current": ref.name == current ? .bool(true) : nil,
                ])
            }
            return Terminal.printJSON(.array(list))
        }
        for ref in refs {
            Terminal.print("\(ref.name == current ? "*" : " ") \(ref.name)  \(ref.target.id.short)")
        }
    }
}
