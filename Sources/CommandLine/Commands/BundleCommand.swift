internal import ArgumentParser
internal import FileIO
internal import MLRepo
internal import ObjectModel

struct BundleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bundle", abstract: "Put branches and tags into one file, to be carried by hand.",
        discussion: """
            The file is a store of its own, on this machine: 'clone', 'get' and 'fsck' take it where they take the place of a store, \
            'fetch' and 'pull' once it has a name ('mlrepo remote add usb FILE'), and 'tar' unpacks a whole one into an empty directory. With --since it goes on from a version that the other side has, and holds only what is new.

            EXAMPLES
              mlrepo bundle project.bundle             the branch that you stand on
              mlrepo bundle all.bundle --all --tags
              mlrepo bundle week.bundle main --since v1
              mlrepo fsck week.bundle
              mlrepo clone all.bundle elsewhere
            """)

    @OptionGroup var groups: RefGroupOptions
    @Option(help: ArgumentHelp("Leave out what this version has; may be given again.", valueName: "revision"))
    var since: [String] = []
    @OptionGroup var output: OutputOptions
    @Argument(help: "The file; nothing may be there.")
    var file: String
    @Argument(help: "Branches and tags; the branch that you stand on if there are none.")
    var names: [String] = []

    func run() throws {
        let repository = try Repository.here()
        var content = PushRequest()
        content.names = names
        groups.apply(to: &content)
        // Somebody who asks for tags as well has not said that the branch is to stay.
        content.hasOwnBranch = names.isEmpty && !groups.all
        let target = repository.environment.workingDirectory.appending(ArgumentText.bytes(file)).normalized
        let request = BundleRequest(
            content, since: try since.map { try repository.commit(named: $0) }, target: target)
        let progress = output.progress("writing", unit: nil)
        defer { progress.finish() }
        let (report, length) = try bundle(request, repository, progress)
        progress.finish()
        if output.json {
            return Terminal.printJSON(
                .object([
                    "path": Terminal.json(target.bytes), "bytes": .number(length),
                    "objects": .number(report.objects),
                    "refs": .array(
                        report.refs.map {
                            .object(["name": .string($0.name.text), "id": $0.after?.id.json ?? .null])
                        }), "since": .array(request.since.map(\.json)),
                ]))
        }
        guard !output.quiet else { return }
        for change in report.refs where change.name.name(in: "runs") == nil && change.name.statement == nil {
            Terminal.print("\(change.name)  \(change.after?.id.short ?? "")")
        }
        let runs = report.refs.count { $0.name.name(in: "runs") != nil }
        let signatures = report.refs.count { $0.name.statement != nil }
        var parts = [Terminal.number(report.objects, "object"), Terminal.size(length)]
        if runs > 0 { parts.append(Terminal.number(runs, "run")) }
        if signatures > 0 { parts.append(Terminal.number(signatures, "signature")) }
        Terminal.print("Wrote \(Terminal.escaped(target.bytes)): \(parts.joined(separator: ", "))")
    }

    private func bundle(
        _ request: BundleRequest, _ repository: Repository, _ progress: Progress
    ) throws -> (report: TransferReport, length: Int) {
        do throws(RepositoryError) {
            return try repository.bundle(request) { done, total in
                progress.set(count: 0, bytes: done, of: total)
            }
        } catch {
            if case .remote = error {
                var failure = Failure(error)
                // What is advised for pushes is not for a file.
                if failure.status == .notPermitted { failure.hint = nil }
                throw failure
            }
            guard case .refExists(let name) = error else { throw error }
            throw Failure(
                status: .wouldLose, message: "\(name) is there already",
                hint: "remove it first, or name another file")
        }
    }
}
