internal import FileIO
internal import ObjectModel
internal import Storage
internal import WorkingTree

extension Repository {
    /// The run that a commit declares.
    ///
    /// - Parameters:
    ///   - version: The files as they were read here.
    ///   - place: The commit that has the inputs which did not change, where that is not the new one's parent.
    ///   - besideOthers: Other runs made files of the version: only the edits are this one's.
    func declaredRun(
        _ request: CommitRequest, _ user: Person, _ edits: some PathEdits, _ base: Commit?,
        _ version: DirectoryTree, _ code: Run.Code?, _ writer: ObjectWriter, from place: ObjectID? = nil,
        besideOthers: Bool = false
    ) throws(RepositoryError) -> Run {
        var inputs: [PathEdit] = []
        var commits: [RepositoryPath: ObjectID] = [:]
        var anew: [Leaf] = []
        for path in request.parameterFiles {
            let entry = try reading { () throws(ReadError) in try version.entry(at: path) }
            if let entry { anew.append((path, entry)) }
        }
        for (number, input) in request.inputs.enumerated() {
            // A run has one content at a path.
            for other in request.inputs[..<number]
            where other.path.isInside(input.path) || input.path.isInside(other.path) {
                throw .inputTwice(input.path)
            }
            let source: DirectoryTree
            if let commit = input.commit {
                let version = try reading { () throws(ReadError) in try store.commit(commit) }
                try requireTree(commit, version)
                source = self.tree(version)
            } else {
                source = version
            }
            for (path, entry) in try parts(
                of: input.path, in: source, without: input.commit == nil ? [] : anew)
            {
                if let commit = input.commit {
                    writer.rely(on: ObjectReference(entry.mode.kind, entry.id), of: commit)
                    commits[path] = commit
                } else if let place,
                    // Where the commit's parent has something else, blame could not find this.
                    try reading({ () throws(ReadError) in try self.tree(base).entry(at: path)?.id })
                        == entry.id
                {
                    commits[path] = place
                }
                inputs.append(PathEdit(path: path, entry: entry))
            }
        }
        for (path, entry) in anew
        where !inputs.contains(where: { path.isInside($0.path) || $0.path.isInside(path) }) {
            inputs.append(PathEdit(path: path, entry: entry))
        }
        var outputs: [PathEdit] = []
        for path in request.outputs {
            for part in try parts(of: path, in: version) {
                outputs.append(PathEdit(path: part.path, entry: part.entry))
            }
        }
        let empty = DirectoryTree(root: DirectoryTree.emptyRoot, reader: store)
        let inputRoot = try edited(empty, Self.inOrder(inputs), writer).root
        let outputRoot: ObjectID
        if !request.outputs.isEmpty {
            outputRoot = try edited(empty, Self.inOrder(outputs), writer).root
        } else if base == nil, inputs.isEmpty, !besideOthers {
            // The first version of everything is its own output.
            outputRoot = version.root
        } else {
            let read = DirectoryTree(root: inputRoot, reader: WrittenObjects(writer: writer))
            let anew = try writtenAnew(edits, over: read, inputs.map(\.path).filter { commits[$0] != nil })
            let written = edits.keeping { edit in
                edit.entry != nil
                    && (anew.contains(edit.path) || !inputs.contains { edit.path.isInside($0.path) })
            }
            outputRoot = try edited(empty, written, writer).root
        }
        for root in [inputRoot, outputRoot] where root == DirectoryTree.emptyRoot {
            try storing { () throws(StoreError) in try writer.add(ObjectReference(.tree, root), [0, 0]) }
        }
        return Run(
            declaredAt: environment.now(), user: user,
            code: code,
            parameters: request.parameters,
            metrics: request.metrics, environment: MachineFacts.read(), inputs: inputRoot,
            outputs: outputRoot,
            inputCommits: commits)
    }

    /// Files that a run read in another version and wrote anew, as when a model is trained further in place.
    ///
    /// - Parameters:
    ///   - read: The inputs.
    ///   - roots: Those of other versions.
    private func writtenAnew(
        _ edits: some PathEdits, over read: DirectoryTree, _ roots: [RepositoryPath]
    ) throws(RepositoryError) -> Set<RepositoryPath> {
        guard !roots.isEmpty else { return [] }
        return try reading { () throws(ReadError) in
            var anew: Set<RepositoryPath> = []
            for edit in edits where roots.contains(where: edit.path.isInside) {
                guard let entry = edit.entry else { continue }
                let input = try read.entry(at: edit.path)
                if input?.id != entry.id || input?.mode != entry.mode { anew.insert(edit.path) }
            }
            return anew
        }
    }

    /// What a version has at a path: one entry, or of the top directory all of them, which an input or output has to be below.
    ///
    /// - Throws: Where there is nothing.
    private func parts(
        of path: RepositoryPath, in version: DirectoryTree
    ) throws(RepositoryError) -> [(path: RepositoryPath, entry: TreeEntry)] {
        guard path.isRoot else {
            let entry = try reading { () throws(ReadError) in try version.entry(at: path) }
            guard let entry else { throw try missing(path) }
            return [(path, entry)]
        }
        let entries = try reading { () throws(ReadError) in try version.topEntries() }
        guard !entries.isEmpty else { throw .nothingTracked }
        return entries
    }

    /// The same, without files that were read as they are here: what lies beside them is named one by one.
    private func parts(
        of asked: RepositoryPath, in version: DirectoryTree, without files: [Leaf]
    ) throws(RepositoryError) -> [Leaf] {
        var parts: [Leaf] = []
        var waiting = try self.parts(of: asked, in: version)
        while let (path, entry) = waiting.popLast() {
            var isWhole = true
            for (file, own) in files where isWhole && file.isInside(path) {
                let theirs = try reading { () throws(ReadError) in try version.entry(at: file) }
                isWhole = theirs.map { $0.id == own.id && $0.mode == own.mode } ?? false
            }
            if isWhole {
                parts.append((path, entry))
                continue
            }
            // A file that was asked for by itself cannot have been read in two versions.
            guard entry.mode == .directory || path != asked else { throw .inputTwice(path) }
            guard entry.mode == .directory else { continue }
            let entries = try entries(in: path, of: version).map { (entry) throws(RepositoryError) in
                (path: try naming { () throws(InvalidName) in try path.appending(entry.name) }, entry: entry)
            }
            // Each of them is named in the run's record.
            guard parts.count + waiting.count + entries.count <= Self.mostBeside else {
                throw .inputTwice(path)
            }
            waiting += entries
        }
        return parts
    }

    /// So many inputs are named one by one where one beside them was read otherwise.
    private static let mostBeside = 10_000

    /// Why a path is in no version: it is not tracked, or not there at all.
    private func missing(_ path: RepositoryPath) throws(RepositoryError) -> RepositoryError {
        try exists(path) ? .notTracked(path) : .noPath("\(path)")
    }

    private static func inOrder(_ edits: [PathEdit]) -> [PathEdit] {
        var kept: [PathEdit] = []
        for edit in edits.sorted(by: { DirectoryTree.walkOrder($0.path, $1.path) }) {
            // A path that lies in a directory named before is there with it.
            if let last = kept.last, edit.path.isInside(last.path) { continue }
            kept.append(edit)
        }
        return kept
    }
}
