internal import ArgumentParser
internal import FileIO
internal import MLRepo
internal import ObjectModel

struct CloneCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clone", abstract: "Make a working copy of another store, with all its history.",
        discussion: """
            The other store is called origin here. Every object is hashed before anything names it. A clone that was cut off goes \
            on where it was.

            EXAMPLES
              mlrepo clone /srv/store              into ./store
              mlrepo clone /srv/store work
              mlrepo clone /srv/store work -b try  on another branch than main
              mlrepo clone project.bundle          out of one file (mlrepo bundle)
            """)

    @Option(name: [.customShort("b"), .long], help: "The branch to stand on.")
    var branch: String?
    @Flag(help: "Take the history, and write no files.")
    var noCheckout = false
    @OptionGroup var output: OutputOptions
    @Argument(help: "Where the other store is.")
    var place: String
    @Argument(help: "The directory of the working copy.")
    var directory: String?

    func run() throws {
        try ArgumentText.requireText(place, "the place")
        let environment = Environment.process()
        let name = directory.map { ArgumentText.bytes($0) } ?? Self.name(of: place)
        guard !name.isEmpty else {
            throw Failure(
                status: .usage, message: "the place has no name that a directory could have",
                hint: "mlrepo clone PLACE DIRECTORY")
        }
        let root = environment.workingDirectory.appending(name).normalized
        let progress = output.progress("fetching", unit: nil)
        defer { progress.finish() }
        let (repository, report) = try Self.clone(place, to: root, branch, environment, progress)
        progress.finish()
        try checkout(repository)
        if output.json { return Terminal.printJSON(TransferText.json(report)) }
        guard !output.quiet else { return }
        Terminal.print(
            "Cloned into \(Terminal.escaped(root.bytes)): \(Terminal.number(report.objects, "object")), \(Terminal.size(report.bytes))"
        )
        if try repository.copy.head().commit == nil, !noCheckout {
            let tag = try repository.refs(in: "tags").first?.name
            let note =
                tag.map {
                    "no branch came; mlrepo checkout \(ShellWord.quoted(Array($0.utf8))) writes a tag's files"
                }
                ?? "the store has no commit yet"
            Terminal.printError("note: \(Terminal.oneLine(note))")
        }
    }

    private static func clone(
        _ place: String, to root: FilePath, _ branch: String?, _ environment: Environment,
        _ progress: Progress
    ) throws -> (Repository, TransferReport) {
        do throws(RepositoryError) {
            return try Repository.clone(place, to: root, requiring: branch, environment) { done, total in
                progress.set(count: 0, bytes: done, of: total)
            }
        } catch {
            if case .remote = error {
                var failure = Failure(error)
                // There is nothing yet that it could be mended from.
                if failure.status == .damaged, failure.hint?.hasPrefix("mlrepo fsck") == true {
                    let word = ShellWord.quoted(Array(place.utf8))
                    failure.hint = "mlrepo fsck \(word) names all that is damaged"
                }
                throw failure
            }
            guard case .refExists = error else { throw error }
            throw Failure(
                status: .wouldLose,
                message: "\(root) has something in it that is no begun clone of this place",
                hint: "mlrepo clone PLACE another DIRECTORY")
        }
    }

    private func checkout(_ repository: Repository) throws {
        var target = try repository.branchOfClone()
        if let branch {
            let prefix = "\(KnownRemotes.defaultName)/"
            do throws(RepositoryError) {
                target = (branch, try repository.commit(named: prefix + branch))
            } catch {
                guard case .noRevision = error else { throw error }
                if try repository.refs(in: "tags").contains(where: { $0.name == branch }) {
                    throw Failure(
                        status: .notFound, message: "'\(Terminal.escaped(branch))' is a tag, and no branch",
                        hint:
                            "the history is here: mlrepo checkout \(ShellWord.quoted(Array(branch.utf8))), typed there, writes its files"
                    )
                }
                throw error
            }
        }
        guard let target else { return }
        let isNew = try repository.tip(of: target.name) == nil
        if noCheckout {
            if isNew { try repository.makeRef("branches", target.name, at: target.commit) }
            return
        }
        let progress = output.progress("writing")
        defer { progress.finish() }
        _ = try repository.checkout(target.commit, branch: target.name, isNew: isNew) { progress.add($0) }
    }

    /// The last name of a place.
    private static func name(of place: String) -> [UInt8] {
        var path = place[...]
        if let colon = path.firstIndex(of: ":"), !path[..<colon].contains("/") {
            path = path[path.index(after: colon)...]
        }
        var names = path.split(separator: "/")
        while let last = names.last, [".", "..", ".mlrepo"].contains(last) { names.removeLast() }
        guard let name = names.last.map(String.init) else { return [] }
        for suffix in [".mlrepo", ".bundle"] where name.hasSuffix(suffix) && name != suffix {
            return ArgumentText.bytes(String(name.dropLast(suffix.count)))
        }
        return ArgumentText.bytes(name)
    }
}
