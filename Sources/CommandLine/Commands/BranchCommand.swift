internal import ArgumentParser
internal import MLRepo
internal import ObjectModel

struct BranchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "branch", abstract: "List, make or delete branches.",
        discussion: """
            EXAMPLES
              mlrepo branch                 all branches
              mlrepo branch -a              those of other stores, too
              mlrepo branch experiment      a new one from here
              mlrepo branch -d experiment   deletes the name
            """)

    @Flag(name: [.customShort("d"), .long], help: "Delete the branch.")
    var delete = false
    @Flag(name: [.customShort("a"), .long], help: "Those of other stores, too.")
    var all = false
    @Flag(name: [.customShort("l"), .customLong("list")], help: .hidden)
    var list = false
    @OptionGroup var output: OutputOptions
    @Argument(help: "The branch's name.", completion: Completions.revision)
    var name: String?
    @Argument(help: "Where it begins.")
    var revision: String?

    func validate() throws {
        guard !delete || (name != nil && revision == nil) else {
            throw ValidationError("-d takes the name of one branch")
        }
        guard !(list || all) || (name == nil && !delete) else {
            throw ValidationError("the list takes no name")
        }
    }

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
        let others = all ? try repository.refs(in: "remotes") : []
        try RefList.show(
            repository.refs(in: "branches") + others, json: output.json, current: head.branch)
    }
}
