internal import FileIO
internal import Lineage
internal import ObjectModel
internal import Observation
internal import Storage
internal import WorkingTree

/// What a run looked for, and would find otherwise now.
struct LookupChanges {
    /// In words.
    var reasons: [String] = []
    /// What came into directories that it listed, where nobody knows whether it would make something of that.
    var doubtful: [RepositoryPath] = []

    /// Whether all that a run listed is known; of older records, and of libraries that tell, it is not.
    static func areLists(knownOf run: Run) -> Bool { run.lookups != nil && run.observedBy != "preload" }

    private let repository: Repository
    private let run: Run
    private let lookups: Lookups
    private let inputs: RunInputs
    /// What it read of the working copy, and no version has.
    private let external: Set<RepositoryPath>
    /// What it wrote, with the directories above.
    private var own: Set<RepositoryPath> = []
    /// Where its code lies, and where it was executed: an interpreter lists these for itself.
    private let codeDirectories: Set<RepositoryPath>

    /// - Parameters:
    ///   - code: Files of code that the run read.
    ///   - isStrict: Everything counts that it may have seen; else only what it is likely to have made something of.
    ///   - names: What is known of directories, by the roots of versions; grows.
    init(
        _ repository: Repository, _ run: Run, inputs: RunInputs, code: [RepositoryPath], isStrict: Bool,
        names: inout [ObjectID: DirectoryNames]
    ) throws(RepositoryError) {
        (self.repository, self.run, self.inputs) = (repository, run, inputs)
        lookups = try repository.lookups(of: run)
        let external = try run.external.map { (external) throws(RepositoryError) in
            DigestList.digests(try repository.text(external.list)).keys.compactMap { try? RepositoryPath($0) }
        }
        self.external = Set(external ?? [])
        codeDirectories = Set(code.compactMap { $0.split?.directory } + [run.command?.directory ?? .root])
        for root in [run.outputs, run.saved].compactMap({ $0 }) {
            for (path, _) in try repository.files(of: root) {
                own.insert(path)
                own.formUnion(path.directoriesAbove)
            }
        }
        for path in lookups.absent.sorted() where !own.contains(path) {
            if try repository.status(of: path) != nil {
                reasons.append("\(path), which it looked for in vain, is there")
            }
        }
        noteLinks()
        noteCopies()
        try noteNames(isStrict: isStrict, &names)
    }

    private mutating func noteLinks() {
        let top = repository.real(repository.copy.root)
        for link in lookups.links.sorted() {
            if let path = try? RepositoryPath(link.place), own.contains(path) { continue }
            let was = top.appending(link.target).normalized
            let now = AccessLog.realPath(top.appending(link.place).normalized)
            if now == was { continue }
            let name = escapedText(link.place)
            reasons.append(now == nil ? "\(name), a link, leads nowhere" : "\(name) leads elsewhere")
        }
    }

    /// A copy that is gone is missed by nobody who takes the original for it.
    private mutating func noteCopies() {
        let files = repository.environment.files
        for copy in lookups.copies.sorted() {
            let place = repository.copy.root.appending(copy.place).normalized
            guard let entry = inputs.entries[copy.input], let status = (try? files.status(place)) ?? nil
            else {
                continue
            }
            let isSame = status.size == entry.size && (try? Snapshot.digest(of: place, files)) == entry.id
            if !isSame {
                reasons.append("\(escapedText(copy.place)), which was \(copy.input), has changed")
            }
        }
    }

    private mutating func noteNames(
        isStrict: Bool, _ known: inout [ObjectID: DirectoryNames]
    ) throws(RepositoryError) {
        guard !lookups.directories.isEmpty else { return }
        var version = DirectoryTree(root: DirectoryTree.emptyRoot, reader: repository.store)
        if let base = run.base {
            guard let commit = try? repository.store.commit(base), !repository.wasCollected(commit) else {
                if isStrict { reasons.append("the version that it was based on was collected") }
                return
            }
            version = repository.tree(commit)
        }
        var names = known[version.root] ?? DirectoryNames(repository, version: version)
        defer { known[version.root] = names }
        let (moreIn, lessIn) = (Self.byDirectory(lookups.more), Self.byDirectory(lookups.less))
        // What became of these is told.
        let links = Set(lookups.links.compactMap { try? RepositoryPath($0.place) })
        let above = inputs.directories.union(external.flatMap(\.directoriesAbove)).union(
            external.isEmpty ? [] : [.root])
        let written = isStrict ? Set(try repository.writtenByRuns().keys) : []
        for directory in lookups.directories.sorted(by: DirectoryTree.walkOrder) {
            let (more, less) = try names.differences(of: directory)
            let (hadMore, hadLess) = (moreIn[directory] ?? [], lessIn[directory] ?? [])
            var new = more.subtracting(hadMore).union(hadLess.subtracting(less)).subtracting(own)
            let gone = less.subtracting(hadLess).union(hadMore.subtracting(more)).subtracting(own)
                .subtracting(external).subtracting(links).filter { inputs.entries[$0] == nil }
            let isListedForCode = codeDirectories.contains(directory)
            if isListedForCode { new = new.filter { !Repository.isCode($0.bytes) } }
            if isStrict {
                if isListedForCode { new.subtract(written) }
            } else if isListedForCode {
                // Of what lies beside code only that is likely to be read which is called like what was.
                let endings = inputs.endings(ofDataIn: directory).union(
                    RunInputs.endings(ofData: external.filter { $0.split?.directory == directory }))
                reasons += new.filter { endings.contains(RunInputs.ending(of: $0)) }.sorted().map {
                    "\($0) is new"
                }
                continue
            } else if !above.contains(directory) {
                doubtful += new
                continue
            }
            reasons += new.sorted(by: DirectoryTree.walkOrder).map { "\($0) is new" }
            reasons += gone.sorted(by: DirectoryTree.walkOrder).map { "\($0) is gone" }
        }
        doubtful.sort(by: DirectoryTree.walkOrder)
    }

    private static func byDirectory(_ paths: Set<RepositoryPath>) -> [RepositoryPath: Set<RepositoryPath>] {
        Dictionary(grouping: paths) { $0.split?.directory ?? .root }.mapValues { Set($0) }
    }
}

extension Repository {
    /// What a run looked for; nothing of a record without it.
    func lookups(of run: Run) throws(RepositoryError) -> Lookups {
        guard let list = run.lookups else { return Lookups() }
        let bytes = try text(list)
        do throws(MalformedObject) { return try Lookups(bytes) } catch {
            throw .object(.damaged(ObjectReference(.blob, list), problem: "\(error)"))
        }
    }
}
