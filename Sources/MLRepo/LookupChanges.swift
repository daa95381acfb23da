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
    /// Data that it read of the working copy, and no version has.
    private let external: Set<RepositoryPath>
    /// What it wrote, with the directories above.
    private var own: Set<RepositoryPath> = []
    /// Where its code lies, and where it was executed: an interpreter lists these for itself.
    private let codeDirectories: Set<RepositoryPath>

    /// - Parameters:
    ///   - code: Files of code that the run read.
    ///   - isStrict: Everything counts that it may have seen; else only what it is likely to have made something of.
    ///   - names: What is known of directories; grows.
    init(
        _ repository: Repository, _ run: Run, inputs: RunInputs, code: [RepositoryPath], isStrict: Bool,
        names: WorkingCopyNames
    ) throws(RepositoryError) {
        (self.repository, self.run, self.inputs) = (repository, run, inputs)
        lookups = try repository.lookups(of: run)
        let external = try run.external.map { (external) throws(RepositoryError) in
            DigestList.digests(try repository.text(external.list)).keys.compactMap { try? RepositoryPath($0) }
        }
        // What git has and is neither code nor a setting is data as any other.
        self.external = Set(code.filter { !Self.isCodeOrSetting($0) }).union(external ?? [])
        codeDirectories = Set(
            code.filter(Self.isCodeOrSetting).compactMap { $0.split?.directory }
                + [run.command?.directory ?? .root])
        for root in [run.outputs, run.saved].compactMap({ $0 }) {
            for (path, _) in try repository.files(of: root) {
                own.insert(path)
                own.formUnion(path.directoriesAbove)
            }
        }
        for path in lookups.absent.sorted() where isStrict || !own.contains(path) {
            let place = repository.copy.root.appending(path.bytes)
            if ((try? repository.environment.files.status(place)) ?? nil) != nil {
                reasons.append("\(path), which it looked for in vain, is there")
            }
        }
        noteLinks()
        noteCopies(isStrict: isStrict)
        try noteNames(isStrict: isStrict, names)
    }

    private mutating func noteLinks() {
        let top = repository.real(repository.copy.root)
        for link in lookups.links.sorted() {
            if let path = try? RepositoryPath(link.place), own.contains(path) { continue }
            let place = top.appending(link.place).normalized
            let name = escapedText(link.place)
            guard ((try? repository.environment.files.status(place)) ?? nil) != nil else {
                reasons.append("\(name), a link, is gone")
                continue
            }
            // One that leads in a circle is told as leading to itself.
            let now = AccessLog.target(of: place) ?? place
            if now != top.appending(link.target).normalized { reasons.append("\(name) leads elsewhere") }
        }
    }

    private mutating func noteCopies(isStrict: Bool) {
        let files = repository.environment.files
        for copy in lookups.copies.sorted() {
            let place = repository.copy.root.appending(copy.place).normalized
            guard let entry = inputs.entries[copy.input] else { continue }
            let name = "\(escapedText(copy.place)), which was \(copy.input),"
            guard let status = (try? files.status(place)) ?? nil else {
                // Who copies files copies them again, as on a scratch disk; or the command does something else without.
                if isStrict { reasons.append("\(name) is gone") }
                continue
            }
            let isSame = status.size == entry.size && (try? Snapshot.digest(of: place, files)) == entry.id
            if !isSame { reasons.append("\(name) has changed") }
        }
    }

    private mutating func noteNames(
        isStrict: Bool, _ names: WorkingCopyNames
    ) throws(RepositoryError) {
        guard !lookups.directories.isEmpty || !lookups.beside.isEmpty else { return }
        var version = DirectoryTree(root: DirectoryTree.emptyRoot, reader: repository.store)
        if let base = run.base {
            guard let commit = try? repository.store.commit(base), !repository.wasCollected(commit) else {
                if isStrict { reasons.append("the version that it was based on was collected") }
                return
            }
            version = repository.tree(commit)
        }
        let (moreIn, lessIn) = (Self.byDirectory(lookups.more), Self.byDirectory(lookups.less))
        // What became of these is told.
        let links = Set(lookups.links.compactMap { try? RepositoryPath($0.place) })
        let above = inputs.directories.union(external.flatMap(\.directoriesAbove)).union(
            external.isEmpty ? [] : [.root])
        let written = try names.writtenByRuns()
        let listed = lookups.directories
        for directory in listed.union(lookups.beside).sorted(by: DirectoryTree.walkOrder) {
            let found = try names.differences(of: directory, from: version)
            let (more, less) = (Set(found.more.keys), found.less)
            let (hadMore, hadLess) = (moreIn[directory] ?? [], lessIn[directory] ?? [])
            let new = more.subtracting(hadMore).union(hadLess.subtracting(less)).subtracting(own)
            let gone = less.subtracting(hadLess).union(hadMore.subtracting(more)).subtracting(own)
                .subtracting(external).subtracting(links).filter { inputs.entries[$0] == nil }
            let sorted = sort(
                new, in: directory, isRead: above.contains(directory), written, isStrict: isStrict)
            reasons += sorted.reasons.sorted(by: DirectoryTree.walkOrder).map { "\($0) is new" }
            doubtful += sorted.doubtful
            guard !codeDirectories.contains(directory) else { continue }
            let missed = isStrict ? gone : gone.filter { isLikeData($0, in: directory) }
            reasons += missed.sorted(by: DirectoryTree.walkOrder).map { "\($0) is gone" }
        }
        doubtful.sort(by: DirectoryTree.walkOrder)
    }

    /// Parts new names of a directory into those that make a difference, and those of which nobody knows.
    private func sort(
        _ new: Set<RepositoryPath>, in directory: RepositoryPath, isRead: Bool,
        _ written: Set<RepositoryPath>, isStrict: Bool
    ) -> (reasons: Set<RepositoryPath>, doubtful: Set<RepositoryPath>) {
        let isListed = lookups.directories.contains(directory)
        guard codeDirectories.contains(directory) || !isListed else {
            if isStrict { return (new, []) }
            guard isRead else { return ([], new) }
            var like: Set<RepositoryPath> = []
            for path in new {
                let isDirectory = (try? repository.status(of: path))??.kind == .directory
                let counts =
                    isDirectory ? holdsDirectoriesThatWereRead(directory) : isLikeData(path, in: directory)
                if counts { like.insert(path) }
            }
            return (like, new.subtracting(like))
        }
        // What other runs make beside the code is what a sweep is about.
        let others = new.subtracting(written)
        var data: Set<RepositoryPath> = []
        if isListed { data = others.filter { isLikeData($0, in: directory, besideCode: true) } }
        if isStrict { return (data.union(others.filter { Self.isCodeOrSetting($0) || holdsCode($0) }), []) }
        // JSON is what results come in.
        let settings = others.filter {
            RunSorter.isSetting($0.bytes) && RunInputs.ending(of: $0) != Array("json".utf8)
        }
        return (data, settings.subtracting(data))
    }

    /// Whether it is a directory with code or settings right in it: a package.
    private func holdsCode(_ path: RepositoryPath) -> Bool {
        let names = try? repository.environment.files.names(in: repository.copy.root.appending(path.bytes))
        return (names ?? []).contains { Repository.isCode($0) || RunSorter.isSetting($0) }
    }

    static func isCodeOrSetting(_ path: RepositoryPath) -> Bool {
        Repository.isCode(path.bytes) || RunSorter.isSetting(path.bytes)
    }

    /// Whether a name ends like files that were read in its directory.
    private func isLikeData(
        _ path: RepositoryPath, in directory: RepositoryPath, besideCode: Bool = false
    ) -> Bool {
        var endings = inputs.endings(in: directory)
        endings.formUnion(external.filter { $0.split?.directory == directory }.map(RunInputs.ending))
        if besideCode {
            // Results have no other names than settings.
            if Self.isCodeOrSetting(path) { return false }
            endings.remove([])
        }
        return endings.contains(RunInputs.ending(of: path))
    }

    /// Whether the run read from directories right in one.
    private func holdsDirectoriesThatWereRead(_ directory: RepositoryPath) -> Bool {
        inputs.parents.contains(directory)
            || external.contains { $0.split?.directory.split?.directory == directory }
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
