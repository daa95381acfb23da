package import FileIO
internal import Formats
internal import Lineage
package import ObjectModel
internal import Storage
package import WorkingTree

/// Executes a recorded run again, in a directory that has what it had, and compares what comes out.
package struct Reproducer: Sendable {
    private let repository: Repository
    /// The run that is repeated.
    package let id: ObjectID
    package let run: Run
    package let command: Run.Command
    private let code: CodeCheckout?
    /// Whether the program that is executed is a file of what the run had.
    private let hasProgram: Bool
    /// Whether the version that the run began with is still there; else there is only what it read.
    package let isBaseKnown: Bool
    /// Files that the run read and the version has otherwise, or not at all.
    private let changed: [(path: RepositoryPath, before: TreeEntry?, entry: TreeEntry)]

    /// - Parameter git: A repository of git that may have the code.
    /// - Throws: ``RepositoryError/notRepeatable(_:)`` if the record does not have what is needed.
    package init(
        _ repository: Repository, _ id: ObjectID, _ run: Run, git: FilePath?,
        onStep: @escaping @Sendable (WorkStep) -> Void
    ) throws(RepositoryError) {
        (self.repository, self.id, self.run) = (repository, id, run)
        guard run.origin == .observed, let command = run.command, !command.arguments.isEmpty else {
            throw .notRepeatable("what was only declared cannot be executed: its command is not known")
        }
        guard !RunEnvironment.isInteractive(command.arguments) else {
            throw .notRepeatable(
                "it was done by hand, in a notebook or an interpreter: there is no command that would do it again"
            )
        }
        if let ranks = run.ranks {
            throw .notRepeatable(
                "\(ranks) processes that a launcher started made it together, and mlrepo starts one: mlrepo checkout run:\(run.name?.prefix(8) ?? "") --to DIR --code, and the launcher there, do it again"
            )
        }
        guard run.ended != nil else {
            throw .notRepeatable(
                "the run has not ended, or its end was not seen: there is nothing to compare with")
        }
        self.command = command
        for root in [run.inputs, run.outputs] where root != DirectoryTree.emptyRoot {
            guard repository.store.contains(ObjectReference(.tree, root)) else {
                throw .notRepeatable("the files of the run were collected; only its record is left")
            }
        }
        code = try run.code.map { (code) throws(RepositoryError) in
            try CodeCheckout(
                repository, code, sources: code.sources.map { [$0] } ?? [], git: git, onStep: onStep)
        }
        let files = try reading { () throws(ReadError) in
            try FilesOfRun(of: run, repository.store, isCollected: repository.wasCollected)
        }
        hasProgram = try Self.hasProgram(run, command, repository, code)
        isBaseKnown = files.isBaseKnown
        changed = try reading { () throws(ReadError) in try files.changedInputs() }
    }

    /// Which inputs are not as the version has them that the run began with.
    package var changedInputs: [RepositoryPath] { changed.map(\.path) }

    /// Makes sure that what is said of outputs and inputs is about this run.
    ///
    /// - Parameters:
    ///   - outputs: The ones that are to count.
    ///   - exchanged: What is to be taken from this working copy instead.
    /// - Returns: What of `exchanged` is the same as what the run had.
    package func require(
        outputs: [RepositoryPath], exchanged: [RepositoryPath]
    ) throws(RepositoryError) -> [RepositoryPath] {
        let written = try repository.files(of: run.outputs).map(\.path)
        for path in outputs where !written.contains(where: { $0 == path || $0.isInside(path) }) {
            throw .notOfRun("the run wrote nothing at \(path)")
        }
        let read = exchanged.isEmpty ? [:] : try filesRead()
        var same: [RepositoryPath] = []
        for path in exchanged {
            let known = read.filter { $0.key == path || $0.key.isInside(path) }
            guard !known.isEmpty else {
                throw .notOfRun("the run read nothing at \(path), so that another one would change nothing")
            }
            let now = try repository.files(below: path).filter { $0.status.kind == .file }
            var isSame = Set(known.keys) == Set(now.map(\.path))
            for (path, _) in now where isSame {
                isSame = try repository.digest(of: repository.copy.root.appending(path.bytes)) == known[path]
            }
            if isSame { same.append(path) }
        }
        return same
    }

    /// What the run read of the working copy: data, and code.
    private func filesRead() throws(RepositoryError) -> [RepositoryPath: ObjectID] {
        var read: [RepositoryPath: ObjectID] = [:]
        for root in [run.inputs, run.code?.sources].compactMap({ $0 }) {
            for (path, entry) in try repository.files(of: root) { read[path] = entry.id }
        }
        if let list = run.code?.files {
            for (name, id) in DigestList.digests(try repository.text(list)) {
                if let path = try? RepositoryPath(name) { read[path] = id }
            }
        }
        return read
    }

    /// The variables that the command gets, or does not get, as it did then.
    package var settings: [(name: String, value: String?)] { RunEnvironment.settings(of: run) }

    /// The top of the working copy in a directory that is made for it.
    package func top(in directory: FilePath) -> FilePath {
        directory.appending((run.code?.directory ?? .root).bytes)
    }

    /// What is executed: a program that no version has, such as that of a virtual environment, is that of this working copy.
    package var arguments: [[UInt8]] {
        var arguments = command.arguments
        guard let program = arguments.first, program.contains(UInt8(ascii: "/")),
            program.first != UInt8(ascii: "/")
        else { return arguments }
        let place = repository.copy.root.appending(command.directory.bytes).appending(program).normalized
        let isHere = ((try? repository.environment.files.status(place)) ?? nil) != nil
        if !hasProgram, isHere { arguments[0] = place.bytes }
        return arguments
    }

    /// Whether the run's data or code has the program that its command names by a path.
    private static func hasProgram(
        _ run: Run, _ command: Run.Command, _ repository: Repository, _ code: CodeCheckout?
    ) throws(RepositoryError) -> Bool {
        guard let program = command.arguments.first else { return false }
        let place = FilePath("/").appending(command.directory.bytes).appending(program).normalized
        guard let path = try? RepositoryPath(place.bytes.dropFirst()) else { return false }
        var roots = [run.inputs, run.code?.sources].compactMap { $0 }
        if let base = run.base, let commit = try? repository.store.commit(base),
            !repository.wasCollected(commit)
        {
            roots.append(commit.tree)
        }
        for root in roots {
            let entry = try reading { () throws(ReadError) in
                try DirectoryTree(root: root, reader: repository.store).entry(at: path)
            }
            if entry != nil { return true }
        }
        guard let list = run.code?.files else { return code?.has(path) ?? false }
        return DigestList.digests(try repository.text(list))[path.bytes] != nil
    }

    /// Writes what the run had into a directory, as a working copy of its own.
    ///
    /// - Parameters:
    ///   - directory: Is made; if it is there it has to be empty.
    ///   - exchanged: Files and directories that are taken from this working copy instead, as they are now.
    package func prepare(
        in directory: FilePath, with exchanged: [RepositoryPath],
        onStep: @escaping @Sendable (WorkStep) -> Void
    ) throws(RepositoryError) -> Repository {
        let base = isBaseKnown ? run.base : nil
        let top = top(in: directory)
        let wasThere = try Repository.exists(directory, repository.environment.files)
        try repository.requireEmpty(directory)
        let made: Repository
        do throws(RepositoryError) {
            made = try repository.addWorktree(top, at: base, branch: nil, onStep: onStep)
        } catch {
            if !wasThere { try? Repository.removeAll(directory, repository.environment.files) }
            throw error
        }
        do throws(RepositoryError) {
            var steps = CheckoutSteps()
            for (path, before, entry) in changed {
                steps.append(CheckoutStep(path: path, before: before, entry: entry))
            }
            try made.write(steps, onStep: onStep)
            let new = changed.filter { $0.before == nil }.map(\.path)
            if !new.isEmpty { _ = try made.add(paths: new, patterns: []) }
            _ = try code?.write(into: directory, by: made.copy.directory / "tmp-code")
            _ = try made.real(command.directory, below: top)
            for path in exchanged { try exchange(path, in: made) }
        } catch {
            try? discard(made, in: directory)
            if wasThere { try? repository.make(directory) }
            throw error
        }
        return made
    }

    /// Puts what this working copy has at a path in the place of what was there.
    private func exchange(_ path: RepositoryPath, in made: Repository) throws(RepositoryError) {
        let files = repository.environment.files
        // What is behind a link of the run's data is not ours.
        if try made.status(of: path) != nil {
            try Repository.removeAll(made.copy.root.appending(path.bytes), files)
        }
        let inside = files.confined(to: made.copy.root) ?? files
        for (path, status) in try repository.files(below: path) {
            let (from, to) = (
                repository.copy.root.appending(path.bytes), made.copy.root.appending(path.bytes)
            )
            try filing { () throws(FileError) in
                _ = try inside.makeDirectories(to.parent, permissions: 0o777)
                try Repository.copyFile(from, status, to, reading: files, writing: inside)
            }
        }
    }

    /// Removes what was made for a repetition: what it wrote is in the store.
    package func discard(_ made: Repository, in directory: FilePath) throws(RepositoryError) {
        try made.release(made.copy.head().workingCopy)
        try Repository.removeAll(directory, repository.environment.files)
    }

    // MARK: What came out

    /// Compares what a repetition wrote with what the run wrote.
    ///
    /// - Parameters:
    ///   - copy: Where it was executed.
    ///   - tolerance: By how much numbers may differ, as a decimal number; nothing where only the same bytes count.
    ///   - paths: The outputs that count; all if there are none.
    ///   - exchanged: What it was given instead of what the run had.
    package func compare(
        _ report: RunReport, in copy: Repository, tolerance: String?, paths: [RepositoryPath],
        exchanged: [RepositoryPath]
    ) throws(RepositoryError) -> Run.Reproduction {
        _ = try storing { () throws(StoreError) in try repository.store.refresh() }
        var result = Run.Reproduction(
            run: id, result: .identical, tolerance: tolerance, outputs: 0, differences: [])
        result.paths = Array(Set(paths)).sorted()
        result.exchanged = Array(Set(exchanged)).sorted()
        guard report.run.exitStatus == run.exitStatus, report.run.signal == run.signal else {
            result.result = .failed
            return result
        }
        let (mine, theirs) = (try outputs(of: run, at: paths), try outputs(of: report.run, at: paths))
        let all = Set(mine.keys).union(theirs.keys).sorted(by: DirectoryTree.walkOrder)
        let comparison = OutputComparison(
            repository.environment.files, tolerance.flatMap(Double.init).map { Tolerance($0) })
        result.outputs = all.count
        var isDifferent = false
        for path in all {
            guard
                let difference = try difference(at: path, mine[path], theirs[path], in: copy, comparison)
            else { continue }
            isDifferent = isDifferent || !difference.isEquivalent
            // What is not granted is named before all others.
            let place =
                difference.isEquivalent
                ? result.differences.endIndex : result.differences.firstIndex { $0.isEquivalent }
            result.differences.insert(difference, at: place ?? result.differences.endIndex)
            result.result = isDifferent ? .different : .equivalent
        }
        result.differences = Array(result.differences.prefix(Run.Reproduction.mostDifferences))
        return result
    }

    private func outputs(
        of run: Run, at paths: [RepositoryPath]
    ) throws(RepositoryError) -> [RepositoryPath: TreeEntry] {
        let wanted = Set(paths)
        var found: [RepositoryPath: TreeEntry] = [:]
        for (path, entry) in try repository.files(of: run.outputs) where wanted.isEmpty || wanted.covers(path)
        {
            found[path] = entry
        }
        return found
    }

    /// - Returns: Nothing if it is the same.
    private func difference(
        at path: RepositoryPath, _ mine: TreeEntry?, _ theirs: TreeEntry?, in copy: Repository,
        _ comparison: OutputComparison
    ) throws(RepositoryError) -> Run.Reproduction.Difference? {
        func told(_ detail: String) -> Run.Reproduction.Difference {
            Run.Reproduction.Difference(path: path, isEquivalent: false, detail: detail, greatest: nil)
        }
        guard let mine else { return told("the run did not write it") }
        guard let theirs else { return told("it was not written again") }
        guard mine.mode == theirs.mode else { return told("another kind of file") }
        if mine.id == theirs.id { return nil }
        guard mine.mode != .link else { return told("it leads elsewhere") }
        // By its name is known what it is.
        guard let name = path.split?.name, let name = try? RepositoryPath.root.appending(name) else {
            return told("other bytes")
        }
        let place = copy.copy.directory / "expected"
        var steps = CheckoutSteps()
        steps.append(CheckoutStep(path: name, entry: mine))
        try Repository.removeAll(place, repository.environment.files)
        try repository.make(place)
        try repository.write(steps, in: place)
        let finding = try filing { () throws(FileError) in
            try comparison.compare(place.appending(name.bytes), copy.copy.root.appending(path.bytes))
        }
        return Run.Reproduction.Difference(
            path: path, isEquivalent: finding.isEquivalent, detail: finding.detail,
            greatest: finding.greatest.map { "\($0)" })
    }
}
