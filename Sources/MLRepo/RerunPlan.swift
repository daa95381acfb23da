internal import FileIO
internal import Lineage
package import ObjectModel
internal import Storage
internal import WorkingTree

/// A recorded run that made files which are here, and whether it would make others now.
package struct RerunStep: Sendable {
    package let id: ObjectID
    package let run: Run
    package let command: Run.Command
    /// Those of its outputs that no later run wrote.
    package let outputs: [RepositoryPath]
    /// Why it is to be executed again, in words; nothing speaks for it if there are none.
    package var reasons: [String]
    /// New files in directories of which it read some files, and not all: whether it would read these nobody knows.
    package let doubtful: [RepositoryPath]
    /// Why it cannot be executed here, in words; nothing where it can.
    package let obstacle: String?
    /// Runs among those that are looked at, of which it reads something, by their records.
    package let upstream: [ObjectID]
}

/// Finds out which runs would make other files now: of what they read, their code and what they wrote, something is not as it was.
///
/// Looks at the disk once.
struct RerunPlan {
    private let repository: Repository
    private let version: DirectoryTree
    private let head: ObjectID?
    /// Files that are not as the version has them that is stood on.
    private let changed: Set<RepositoryPath>
    private var current: [RepositoryPath: ObjectID?] = [:]
    /// What was found out of the inputs of the run that was looked at last: those of a sweep have the same.
    private var latest: (root: ObjectID, inputs: RunInputs)?
    private let names: WorkingCopyNames

    init(_ repository: Repository) throws(RepositoryError) {
        self.repository = repository
        names = WorkingCopyNames(repository)
        let look = try repository.look()
        head = look.head.commit
        version = repository.tree(look.base)
        changed = Set(try repository.changes(look).map(\.path))
    }

    /// All runs whose latest outputs are here, or only those that lead to some paths: each behind those that it reads from.
    ///
    /// - Parameter paths: All if there are none.
    mutating func steps(for paths: [RepositoryPath]) throws(RepositoryError) -> [RerunStep] {
        let (makers, writers) = try makers()
        var outputs: [ObjectID: [RepositoryPath]] = [:]
        for (path, making) in makers { outputs[making.id, default: []].append(path) }
        var nodes: [ObjectID: Blame.Making] = [:]
        for making in makers.values { nodes[making.id] = making }
        // Those that it reads from, and those that only have to be executed before it.
        var (upstream, before): ([ObjectID: Set<ObjectID>], [ObjectID: Set<ObjectID>]) = ([:], [:])
        for making in nodes.values {
            let lookups = try repository.lookups(of: making.run)
            before[making.id] = Set(lookups.absent.compactMap { makers[$0]?.id })
            before[making.id]?.remove(making.id)
            for path in try inputPaths(of: making.run) {
                if let maker = makers[path], maker.id != making.id {
                    upstream[making.id, default: []].insert(maker.id)
                }
            }
        }
        for path in paths {
            let isMade = makers.keys.contains { $0 == path || $0.isInside(path) }
            let isThere = try repository.exists(path)
            guard isMade || isThere else { throw .noPath("\(path)") }
        }
        let wanted = Set(paths)
        var isWanted: Set<ObjectID> = []
        var waiting = makers.filter { wanted.isEmpty || wanted.covers($0.key) }.map(\.value.id)
        while let next = waiting.popLast() {
            if isWanted.insert(next).inserted { waiting += upstream[next] ?? [] }
        }
        var steps: [RerunStep] = []
        let order = Self.order(
            nodes.filter { isWanted.contains($0.key) }, upstream.merging(before) { $0.union($1) })
        for id in order {
            guard let making = nodes[id], let command = making.run.command else { continue }
            let own = (outputs[id] ?? []).sorted(by: DirectoryTree.walkOrder)
            let judgement = try judge(making, outputs: own, writers)
            steps.append(
                RerunStep(
                    id: id, run: making.run, command: command, outputs: own,
                    reasons: judgement.reasons, doubtful: judgement.doubtful,
                    obstacle: Self.obstacle(making.run),
                    upstream: order.filter { upstream[id]?.contains($0) == true }))
        }
        return steps
    }

    /// Who wrote just the bytes that are there now, the latest first.
    private typealias Writers = [RepositoryPath: [Blame.Making]]

    /// Who made what is here: of the runs that wrote a path, the latest that wrote what is there now, else the latest.
    private mutating func makers() throws(RepositoryError) -> ([RepositoryPath: Blame.Making], Writers) {
        var (makers, writers): ([RepositoryPath: Blame.Making], Writers) = ([:], [:])
        for making in try candidates().reversed() {
            for (path, entry) in try repository.files(of: making.run.outputs) {
                if try id(of: path) == entry.id {
                    if writers[path] == nil { makers[path] = making }
                    writers[path, default: []].append(making)
                } else if makers[path] == nil, making.run.within != .tree {
                    // What was written in a tree of its own was never here.
                    makers[path] = making
                }
            }
        }
        return (makers, writers)
    }

    /// Whether a step would make something else now, by its own record or that of another run that made the same by the same command.
    private mutating func judge(
        _ making: Blame.Making, outputs: [RepositoryPath], _ writers: Writers
    ) throws(RepositoryError) -> Judgement {
        let judgement = try judge(making.run, outputs: outputs)
        guard !judgement.reasons.isEmpty, let first = outputs.first else { return judgement }
        for other in writers[first] ?? [] where other.id != making.id {
            let hasMadeAll = outputs.allSatisfy { writers[$0]?.contains { $0.id == other.id } == true }
            guard hasMadeAll, other.run.command == making.run.command else { continue }
            let second = try judge(other.run, outputs: outputs)
            if second.reasons.isEmpty { return second }
        }
        return judgement
    }

    /// Whether a step is stale by now, and nobody else has made what it made.
    mutating func isStale(_ step: RerunStep) throws(RepositoryError) -> Bool {
        let (makers, writers) = try makers()
        guard step.outputs.contains(where: { makers[$0]?.id == step.id }) else { return false }
        let making = Blame.Making(id: step.id, run: step.run)
        return try !judge(making, outputs: step.outputs, writers).reasons.isEmpty
    }

    /// Runs that ended well and began with a version that leads to this one, or with none, in the order in which they began.
    private func candidates() throws(RepositoryError) -> [Blame.Making] {
        var known: Set<ObjectID> = []
        var found: [ObjectID: Blame.Making] = [:]
        try repository.history(of: head.map { [$0] } ?? []) { (id, commit) throws(RepositoryError) in
            known.insert(id)
            for (id, run) in try repository.runs(of: commit) where run.origin == .observed {
                found[id] = Blame.Making(id: id, run: run)
            }
            return true
        }
        for making in try repository.makings() where making.run.base.map(known.contains) ?? true {
            found[making.id] = making
        }
        return found.values.filter { $0.run.exitStatus == 0 && $0.run.command != nil && isWhole($0.run) }
            .sorted { ($0.beginning, $0.id.hex) < ($1.beginning, $1.id.hex) }
    }

    /// Why a run cannot be executed again here.
    private static func obstacle(_ run: Run) -> String? {
        if let ranks = run.ranks { return "\(ranks) processes made it together, and mlrepo starts one" }
        if run.readsFile { return "its standard input was a file, which is not known" }
        let arguments = run.command?.arguments ?? []
        let isByHand = arguments.isEmpty || RunEnvironment.isInteractive(arguments)
        return isByHand ? "it was done by hand, in a notebook or an interpreter" : nil
    }

    /// Whether all that a run's record names is there: of one that was dropped, a collection may have taken it.
    func isWhole(_ run: Run) -> Bool {
        let trees = [run.inputs, run.outputs, run.code?.sources].compactMap { $0 }
        let lists = [run.code?.files, run.external?.list, run.lookups].compactMap { $0 }
        return trees.allSatisfy { $0 == DirectoryTree.emptyRoot || repository.contains(.tree, $0) }
            && lists.allSatisfy { repository.contains(.blob, $0) }
    }

    /// Data, and code that an earlier run may have written.
    private mutating func inputPaths(of run: Run) throws(RepositoryError) -> [RepositoryPath] {
        var paths = Array(try inputs(of: run).entries.keys)
        paths += try codePaths(of: run)
        if let list = run.external?.list {
            paths += DigestList.digests(try repository.text(list)).keys.compactMap { try? RepositoryPath($0) }
        }
        return paths
    }

    /// Each behind those that it reads from; where that goes in a circle, in the order in which they began.
    private static func order(
        _ nodes: [ObjectID: Blame.Making], _ upstream: [ObjectID: Set<ObjectID>]
    ) -> [ObjectID] {
        var rest = nodes.values.sorted { ($0.beginning, $0.id.hex) < ($1.beginning, $1.id.hex) }.map(\.id)
        var (order, done): ([ObjectID], Set<ObjectID>) = ([], [])
        while !rest.isEmpty {
            let next =
                rest.firstIndex { id in
                    (upstream[id] ?? []).allSatisfy { done.contains($0) || nodes[$0] == nil }
                }
                ?? 0
            let id = rest.remove(at: next)
            done.insert(id)
            order.append(id)
        }
        return order
    }

    // MARK: What is not as it was

    /// Whether a run would make something else now.
    struct Judgement {
        /// Why it would, in words.
        var reasons: [String] = []
        /// Files that came since, of which nobody knows whether it would read them.
        var doubtful: [RepositoryPath] = []
    }

    /// - Parameters:
    ///   - outputs: Those of its outputs that no later run wrote.
    ///   - isStrict: All names count that it may have seen.
    mutating func judge(
        _ run: Run, outputs: [RepositoryPath], isStrict: Bool = false
    ) throws(RepositoryError) -> Judgement {
        var reasons: [String] = []
        let read = try inputs(of: run)
        let inputs = read.entries
        for path in read.suspects {
            if let entry = inputs[path] { note(path, was: entry.id, now: try id(of: path), &reasons) }
        }
        let lookups = try LookupChanges(
            repository, run, inputs: read, code: try codePaths(of: run), isStrict: isStrict, names: names)
        reasons += lookups.reasons
        var doubtful = lookups.doubtful
        if !LookupChanges.areLists(knownOf: run) {
            for path in try new(beside: inputs, of: run) where !reasons.contains("\(path) is new") {
                reasons.append("\(path) is new")
            }
            if !isStrict { doubtful = try newNeighbours(of: run, inputs) }
        }
        if let sources = run.code?.sources {
            for (path, entry) in try repository.files(of: sources) {
                note(path, was: entry.id, now: try id(of: path), &reasons)
            }
        }
        if let list = run.code?.files {
            for (name, id) in DigestList.digests(try repository.text(list)).sorted(by: {
                $0.key.lexicographicallyPrecedes($1.key)
            }) {
                if let path = try? RepositoryPath(name) {
                    note(path, was: id, now: try self.id(of: path), &reasons)
                } else {
                    note(name, was: id, &reasons)
                }
            }
        }
        if let list = run.external?.list {
            for (name, id) in DigestList.digests(try repository.text(list)).sorted(by: {
                $0.key.lexicographicallyPrecedes($1.key)
            }) where !HubFile.isName(name) {
                note(name, was: id, &reasons)
            }
        }
        let wanted = Set(outputs)
        for (path, entry) in try repository.files(of: run.outputs) where wanted.contains(path) {
            // What it read and wrote again is an input of the next time.
            if inputs[path] != nil { continue }
            let now = try id(of: path)
            if now != entry.id {
                reasons.append(
                    now == nil ? "\(path), which it wrote, is gone" : "\(path) is not what it wrote")
            }
        }
        return Judgement(reasons: reasons, doubtful: doubtful)
    }

    /// What a run read, and what of that may be something else now.
    private mutating func inputs(of run: Run) throws(RepositoryError) -> RunInputs {
        if let latest, latest.root == run.inputs { return latest.inputs }
        let found = try RunInputs(repository, run.inputs, version: version, changed: changed)
        latest = (run.inputs, found)
        return found
    }

    /// Files of code in the working copy that the run read.
    private func codePaths(of run: Run) throws(RepositoryError) -> [RepositoryPath] {
        var paths: [RepositoryPath] = []
        if let sources = run.code?.sources { paths += try repository.files(of: sources).map(\.path) }
        if let list = run.code?.files {
            paths += DigestList.digests(try repository.text(list)).keys.compactMap { try? RepositoryPath($0) }
        }
        return paths
    }

    /// The same of a file that lies elsewhere.
    private func note(_ name: [UInt8], was: ObjectID, _ reasons: inout [String]) {
        let place = repository.copy.root.appending(name).normalized
        let now = try? Snapshot.digest(of: place, repository.environment.files)
        if now != was { reasons.append("\(escapedText(name)) \(now == nil ? "is gone" : "has changed")") }
    }

    private func note(_ path: RepositoryPath, was: ObjectID, now: ObjectID?, _ reasons: inout [String]) {
        if now != was { reasons.append(now == nil ? "\(path) is gone" : "\(path) has changed") }
    }

    /// Files in directories of which the run read all that there was, and that it did not read.
    private func new(
        beside inputs: [RepositoryPath: TreeEntry], of run: Run
    ) throws(RepositoryError) -> [RepositoryPath] {
        guard let id = run.base, let base = try? repository.store.commit(id) else { return [] }
        var found: Set<RepositoryPath> = []
        for (directory, entry) in try repository.roots(of: run.inputs, in: base).roots
        where entry.mode == .directory {
            try reading { () throws(ReadError) in
                let now = try version.entry(at: directory)?.id ?? DirectoryTree.emptyRoot
                try DirectoryTree(root: entry.id, reader: repository.store).changes(
                    to: DirectoryTree(root: now, reader: repository.store)
                ) { (below, before, after) throws(ReadError) in
                    guard before == nil, after != nil,
                        let path = try? RepositoryPath(directory.names + below.names)
                    else { return }
                    found.insert(path)
                }
            }
            found.formUnion(changed.filter { $0.isInside(directory) })
        }
        var new: [RepositoryPath] = []
        for path in found where inputs[path] == nil {
            guard try repository.exists(path) else { continue }
            new.append(path)
        }
        return new.sorted(by: DirectoryTree.walkOrder)
    }

    /// Files that came since into directories from which the run read something, and that it did not read.
    private func newNeighbours(
        of run: Run, _ inputs: [RepositoryPath: TreeEntry]
    ) throws(RepositoryError) -> [RepositoryPath] {
        guard let id = run.base, let base = try? repository.store.commit(id), !repository.wasCollected(base)
        else { return [] }
        let before = repository.tree(base)
        var found: Set<RepositoryPath> = []
        for directory in Set(inputs.keys.compactMap { $0.split?.directory }) where !directory.isRoot {
            try reading { () throws(ReadError) in
                let then = try before.entry(at: directory)?.id ?? DirectoryTree.emptyRoot
                let now = try version.entry(at: directory)?.id ?? DirectoryTree.emptyRoot
                let changes = try DirectoryTree(root: then, reader: repository.store).entryChanges(
                    to: DirectoryTree(root: now, reader: repository.store), limit: .max)
                for change in changes where change.before == nil && change.after?.mode != .directory {
                    if let name = change.after?.name, let path = try? directory.appending(name) {
                        found.insert(path)
                    }
                }
            }
            for path in changed where path.split?.directory == directory {
                let was = try reading { () throws(ReadError) in try before.entry(at: path) }
                if was == nil { found.insert(path) }
            }
        }
        let own = Set(try repository.files(of: run.outputs).map(\.path))
        var new: [RepositoryPath] = []
        for path in found.subtracting(own) where inputs[path] == nil {
            guard try repository.exists(path) else { continue }
            new.append(path)
        }
        return new.sorted(by: DirectoryTree.walkOrder)
    }

    /// What a file is by now; nothing if it is gone, or none.
    private mutating func id(of path: RepositoryPath) throws(RepositoryError) -> ObjectID? {
        if let known = current[path] { return known }
        var now: ObjectID?
        let entry = try reading { () throws(ReadError) in try version.entry(at: path) }
        if let entry, entry.mode != .directory, !changed.contains(path) {
            now = entry.id
        } else if let status = try repository.status(of: path) {
            let place = repository.copy.root.appending(path.bytes)
            switch status.kind {
            case .file: now = try repository.digest(of: place)
            case .link:
                now = ObjectID(
                    of: .blob,
                    payload: try filing { () throws(FileError) in
                        try repository.environment.files.readLink(place)
                    })
            default: break
            }
        }
        current[path] = .some(now)
        return now
    }
}

extension Repository {
    /// The runs that made what is here, each behind those that it reads from, and which of them are stale.
    ///
    /// - Parameter paths: Only what leads to these; all if there are none.
    package func rerunSteps(for paths: [RepositoryPath]) throws(RepositoryError) -> [RerunStep] {
        var plan = try RerunPlan(self)
        return try plan.steps(for: paths)
    }

    /// A file of code that a command names and that is gone: without it there is nothing to execute.
    package func goneProgram(of step: RerunStep) throws(RepositoryError) -> RepositoryPath? {
        var code: Set<RepositoryPath> = []
        if let sources = step.run.code?.sources { code.formUnion(try files(of: sources).map(\.path)) }
        if let list = step.run.code?.files {
            code.formUnion(DigestList.digests(try text(list)).keys.compactMap { try? RepositoryPath($0) })
        }
        for word in step.command.arguments {
            let place = copy.root.appending(step.command.directory.bytes).appending(word).normalized
            guard let name = place.relative(to: copy.root), let path = try? RepositoryPath(name),
                code.contains(path), try status(of: path) == nil
            else { continue }
            return path
        }
        return nil
    }

    /// Whether a run is stale still, or by now: those before it may have made the same as before, or just this.
    package func isStale(_ step: RerunStep) throws(RepositoryError) -> Bool {
        var plan = try RerunPlan(self)
        return try plan.isStale(step)
    }
}
