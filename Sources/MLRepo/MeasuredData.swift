internal import FileIO
internal import Lineage
package import ObjectModel
internal import Storage

/// What the metrics of a run were measured on, as far as that can be told: all data that it read, without models, code and parameters.
package struct MeasuredData: Sendable {
    /// A path in the repository, or the name of a file from outside, with its digest; in the order of the names.
    package let files: [(name: [UInt8], id: ObjectID)]
    /// All that was read: somebody may say that of this some is data.
    private let everything: [(name: [UInt8], id: ObjectID)]
    /// The directories, or few files, that it lies in; each file from outside.
    package let places: [[UInt8]]
    /// Whether some of it is something else by now, so that nobody knows what was read.
    private let isUncertain: Bool

    init(
        _ files: [(name: [UInt8], id: ObjectID)], of everything: [(name: [UInt8], id: ObjectID)],
        isUncertain: Bool
    ) {
        self.files = files.sorted { $0.name.lexicographicallyPrecedes($1.name) }
        (self.everything, self.isUncertain) = (everything, isUncertain)
        var (paths, outside): ([RepositoryPath], [[UInt8]]) = ([], [])
        for file in self.files {
            if let path = try? RepositoryPath(file.name) {
                paths.append(path)
            } else {
                outside.append(file.name)
            }
        }
        places = RepositoryPath.commonPlaces(paths).map(\.bytes) + outside
    }

    /// Whether nothing is known of it: whoever only declares metrics need not say what they were measured on.
    package var isUnknown: Bool { files.isEmpty || isUncertain }

    /// Data is the same by its bytes, whatever it is called; under the same names each file has to be.
    package func isSame(as other: MeasuredData) -> Bool {
        guard files.count == other.files.count else { return false }
        if files.elementsEqual(other.files, by: { $0 == $1 }) { return true }
        let isRenamed = Set(files.map(\.name)) != Set(other.files.map(\.name))
        return isRenamed && contents == other.contents
    }

    private var contents: [ObjectID] { files.map(\.id).sorted { $0.hex < $1.hex } }

    /// Names of what one has and the other one has otherwise, or not at all.
    package func differences(from other: MeasuredData) -> [[UInt8]] {
        let (mine, theirs) = (byName, other.byName)
        let all = Set(mine.keys).union(theirs.keys).filter { mine[$0] != theirs[$0] }
        // The same bytes under another name are no difference.
        let (here, there) = (Set(mine.values), Set(theirs.values))
        let other = all.filter { name in
            let isKnown = mine[name].map(there.contains) ?? true
            return !(isKnown && (theirs[name].map(here.contains) ?? true))
        }
        return (other.isEmpty ? all : other).sorted { $0.lexicographicallyPrecedes($1) }
    }

    private var byName: [[UInt8]: ObjectID] {
        Dictionary(files.map { ($0.name, $0.id) }, uniquingKeysWith: { first, _ in first })
    }

    /// Only what lies at some paths or below them.
    package func files(under paths: Set<RepositoryPath>) -> MeasuredData {
        MeasuredData(
            everything.filter { file in (try? RepositoryPath(file.name)).map(paths.covers) ?? false },
            of: everything, isUncertain: false)
    }
}

/// The metrics of a run that read a model and made none, as they belong to that model: with what they were measured on.
package struct Evaluation: Sendable {
    package let id: ObjectID
    package let run: Run
    package let data: MeasuredData
    /// The files of the model that it read.
    package let models: [RepositoryPath]
}

/// Tells what runs measured; remembers what it has looked up, as many runs read the same.
package struct Measurements {
    private let repository: Repository
    private var known: [[ObjectID]: MeasuredData] = [:]
    /// Runs with metrics that read a model and made none, the latest last; looked up when somebody asks.
    private var candidates: [Blame.Making]?
    /// A directory, and whether it is one in which models lie.
    private struct Place: Hashable {
        let tree: ObjectID
        let isBelow: Bool
    }
    /// The models in directories that were looked through, by their paths below them: runs share most of what they read.
    private var modelsKnown: [Place: [Repository.Leaf]] = [:]
    /// What each run wrote that made a model, by the ids of its models; looked up when somebody asks.
    private var companions: [ObjectID: Set<ObjectID>]?

    package init(_ repository: Repository) { self.repository = repository }

    /// What the metrics of a run were measured on.
    package mutating func data(of run: Run) throws(RepositoryError) -> MeasuredData {
        // What a run changed that it had read is told by its outputs.
        let key =
            [run.inputs] + (run.external.map { [$0.list] } ?? [])
            + (run.uncertain.isEmpty ? [] : [run.outputs])
        if let found = known[key] { return found }
        var files: [(name: [UInt8], id: ObjectID)] = []
        let isUncertain = run.uncertain.contains {
            !ModelNames.isModel($0.bytes) && !Repository.isCode($0.bytes)
        }
        if repository.store.contains(ObjectReference(.tree, run.inputs)) {
            files = try repository.files(of: run.inputs).map { ($0.path.bytes, $0.entry.id) }
        }
        if let list = run.external?.list, repository.store.contains(ObjectReference(.blob, list)) {
            files += DigestList.digests(try repository.text(list)).map { ($0.key, $0.value) }
        }
        let everything = files
        let models = files.filter { ModelNames.isModel($0.name) }.map(\.id)
        if !models.isEmpty {
            // What was written with a model, as the scaling of its inputs, belongs to it.
            let written = try writtenWithModels()
            let own = models.reduce(into: Set<ObjectID>()) { $0.formUnion(written[$1] ?? []) }
            files.removeAll { own.contains($0.id) && !ModelNames.isModel($0.name) }
        }
        let directories = Set(files.filter { ModelNames.isModel($0.name) }.map { FilePath($0.name).parent })
        let data = MeasuredData(
            files.filter { name, _ in
                !ModelNames.isModel(name) && !ModelNames.isParameters(name) && !Repository.isCode(name)
                    && !(ModelNames.isCompanion(name) && directories.contains(FilePath(name).parent))
            }, of: everything, isUncertain: isUncertain)
        known[key] = data
        return data
    }

    private mutating func writtenWithModels() throws(RepositoryError) -> [ObjectID: Set<ObjectID>] {
        if let companions { return companions }
        var found: [ObjectID: Set<ObjectID>] = [:]
        for making in try repository.makings() {
            let written = try models(in: making.run.outputs)
            if written.isEmpty { continue }
            let all = Set(try repository.files(of: making.run.outputs).map(\.entry.id))
            for model in written { found[model.entry.id, default: []].formUnion(all) }
        }
        companions = found
        return found
    }

    /// Files of code that some runs read, and not all of them as the others did.
    func codeDifferences(_ runs: [Run]) throws(RepositoryError) -> [[UInt8]] {
        var read: [[[UInt8]: ObjectID]] = []
        for run in runs {
            guard let code = run.code else { continue }
            var files: [[UInt8]: ObjectID] = [:]
            if let sources = code.sources, repository.store.contains(ObjectReference(.tree, sources)) {
                for (path, entry) in try repository.files(of: sources) { files[path.bytes] = entry.id }
            }
            if let list = code.files, repository.store.contains(ObjectReference(.blob, list)) {
                files.merge(DigestList.digests(try repository.text(list))) { mine, _ in mine }
            }
            if !files.isEmpty { read.append(files) }
        }
        guard let first = read.first else { return [] }
        var names: Set<[UInt8]> = []
        for other in read.dropFirst() {
            for name in Set(first.keys).union(other.keys)
            where first[name] != other[name] && !ModelNames.isParameters(name) && Repository.isCode(name) {
                names.insert(name)
            }
        }
        return names.sorted { $0.lexicographicallyPrecedes($1) }
    }

    /// What was measured with a file, or with the files of a directory, the latest last.
    package mutating func evaluations(
        of entry: TreeEntry, at path: RepositoryPath
    ) throws(RepositoryError) -> [Evaluation] {
        guard entry.mode == .directory else {
            return ModelNames.isModel(path.bytes) ? try evaluations(ofFiles: [entry.id]) : []
        }
        let ids = try models(in: entry.id, at: path).map(\.entry.id)
        return ids.isEmpty ? [] : try evaluations(ofFiles: Set(ids))
    }

    /// What was measured with models that some runs made, the latest last.
    package mutating func evaluations(
        of makers: [Run]
    ) throws(RepositoryError) -> [Evaluation] {
        var made: Set<ObjectID> = []
        for run in makers { made.formUnion(try models(in: run.outputs).map(\.entry.id)) }
        return try made.isEmpty ? [] : evaluations(ofFiles: made)
    }

    /// What was measured with files, by their bytes, the latest last.
    package mutating func evaluations(ofFiles ids: Set<ObjectID>) throws(RepositoryError) -> [Evaluation] {
        var found: [Evaluation] = []
        for candidate in try all() {
            let read = try models(in: candidate.run.inputs).filter { ids.contains($0.entry.id) }
            if read.isEmpty { continue }
            found.append(
                Evaluation(
                    id: candidate.id, run: candidate.run, data: try data(of: candidate.run),
                    models: read.map(\.path)))
        }
        return found
    }

    /// Whether a run has metrics, read a model and made none: what it measured belongs to that model.
    mutating func isEvaluation(_ run: Run) throws(RepositoryError) -> Bool {
        guard !run.metrics.isEmpty, try !models(in: run.inputs).isEmpty else { return false }
        return try models(in: run.outputs).isEmpty
    }

    private mutating func all() throws(RepositoryError) -> [Blame.Making] {
        if let candidates { return candidates }
        var found: [Blame.Making] = []
        for making in try repository.makings() where try isEvaluation(making.run) { found.append(making) }
        candidates = found
        return found
    }

    /// The models in a tree; none where a collection took it.
    ///
    /// - Parameter place: Where the tree lies in the repository.
    mutating func models(
        in root: ObjectID, at place: RepositoryPath = .root
    ) throws(RepositoryError) -> [Repository.Leaf] {
        guard repository.store.contains(ObjectReference(.tree, root)) else { return [] }
        let isBelow = place.names.contains { ModelNames.isDirectory($0.bytes) }
        return try reading { () throws(ReadError) in
            try models(below: Place(tree: root, isBelow: isBelow)).compactMap { path, entry in
                (try? RepositoryPath(place.names + path.names)).map { ($0, entry) }
            }
        }
    }

    private mutating func models(below place: Place) throws(ReadError) -> [Repository.Leaf] {
        if let known = modelsKnown[place] { return known }
        var found: [Repository.Leaf] = []
        for entry in try DirectoryTree(root: place.tree, reader: repository.store).entries.leaves() {
            let name = entry.name
            if entry.mode == .directory {
                let isBelow = place.isBelow || ModelNames.isDirectory(name.bytes)
                for (path, model) in try models(below: Place(tree: entry.id, isBelow: isBelow)) {
                    if let path = try? RepositoryPath([name] + path.names) { found.append((path, model)) }
                }
            } else if ModelNames.isModel(name.bytes, isBelow: place.isBelow),
                let path = try? RepositoryPath.root.appending(name)
            {
                found.append((path, entry))
            }
        }
        modelsKnown[place] = found
        return found
    }
}
