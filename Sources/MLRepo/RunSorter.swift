internal import FileIO
internal import ObjectModel
internal import Observation
internal import WorkingTree

/// Sorts the files that a command touched: what it was made from, its code, and what it made.
struct RunSorter {
    private let repository: Repository
    /// The tree that was made for the run, if one was: git is asked where that comes from.
    private let scratch: ScratchTree?
    /// Files of which there are copies as they were read.
    private let kept: Set<RepositoryPath>
    private let log: AccessLog
    private let tracking: Tracking
    private let cache: StatCache
    private let patterns: IgnoreRules
    /// The top of the working copy, without links on the way.
    private let root: FilePath
    private var classifier: FileClassifier
    private var ignored: IgnoreLookup
    private var findings = RunFindings()
    /// Files that lie in directories which got their names while the command ran.
    private var moved: Set<FilePath> = []
    /// Where what the command prints is shown: whoever started mlrepo wants it there.
    private let shown: Set<FilePath>
    /// By which link a file was asked for: of a cache, that says more than the file's own name.
    private let aliases: [FilePath: FilePath]
    /// The program that this is: what it reads is told by itself.
    private let ownProgram: FilePath?
    private var sourcesOfBytecode: Set<RepositoryPath> = []
    /// Files of the working copy that were read, and are in no version.
    private var unknown: [(path: RepositoryPath, status: FileStatus, isExecuted: Bool)] = []

    init(
        _ repository: Repository, _ scratch: ScratchTree?, _ log: AccessLog, _ tracking: Tracking,
        _ cache: StatCache, kept: Set<RepositoryPath>
    ) {
        (self.repository, self.scratch, self.log, self.tracking, self.cache, self.kept) = (
            repository, scratch, log, tracking, cache, kept
        )
        patterns = IgnoreRules(patterns: tracking.paths.patterns)
        aliases = Dictionary(
            log.links.map { ($1, $0) },
            uniquingKeysWith: { $0.bytes.lexicographicallyPrecedes($1.bytes) ? $0 : $1 })
        root = repository.real(repository.copy.root)
        classifier = FileClassifier(repository.environment)
        let files = repository.environment.files
        ownProgram = (try? files.readLink(FilePath("/proc/self/exe"))).map { FilePath($0) }
        shown = Set(
            ["1", "2"].compactMap { number in
                (try? files.readLink(FilePath("/proc/self/fd/\(number)"))).map { FilePath($0) }
            })
        ignored = IgnoreLookup(root: repository.copy.root, files: repository.environment.files)
    }

    private var environment: Environment { repository.environment }
    /// The working copy whose code it is.
    private var origin: Repository { scratch?.origin ?? repository }

    mutating func sort() throws(RepositoryError) -> RunFindings {
        for directory in log.movedDirectories { gatherFiles(in: directory) }
        let touched = Set(log.files.keys).union(moved).sorted {
            $0.bytes.lexicographicallyPrecedes($1.bytes)
        }
        for place in touched { try take(place, log.files[place]) }
        let known = origin.knownToGit(unknown.map(\.path) + findings.outputs)
        let cache = cache
        // Results are results, also where git has them; code that a formatter has changed is code.
        findings.outputs.removeAll { known.contains($0) && !cache.has($0) && Repository.isCode($0.bytes) }
        let mayBeMade = unknown.contains { !known.contains($0.path) || !Repository.isCode($0.path.bytes) }
        let made = mayBeMade ? try repository.writtenByRuns() : [:]
        for (path, status, isExecuted) in unknown {
            if let ids = made[path], !known.contains(path) || !Repository.isCode(path.bytes) {
                findings.inputs.append((path, status))
                findings.made[path] = ids
            } else if known.contains(path) {
                findings.code.append(path.bytes)
            } else if isSource(path, status, isExecuted: isExecuted) {
                findings.sources.append(path)
            } else {
                findings.external.append(
                    (repository.copy.root.appending(path.bytes), path.bytes, status))
            }
        }
        try takeCodeAbove()
        return findings
    }

    /// Takes files of git's repository that lie beside the working copy for code, which they are.
    private mutating func takeCodeAbove() throws(RepositoryError) {
        guard let asked = try origin.gitRoot() else { return }
        let top = repository.real(scratch?.directory ?? asked)
        guard top != root else { return }
        var inside: [RepositoryPath: FilePath] = [:]
        for (place, _, _) in findings.external {
            if let name = place.relative(to: top), let path = try? RepositoryPath(name) {
                inside[path] = place
            }
        }
        let known = origin.knownToGit(Array(inside.keys), at: asked)
        let code = Set(known.compactMap { inside[$0] })
        findings.external.removeAll { code.contains($0.place) }
        let up = (root.relative(to: top) ?? []).split(separator: UInt8(ascii: "/")).map { _ in
            Array("..".utf8)
        }
        findings.code += known.sorted().map { path in
            Array((up + [path.bytes]).joined(separator: [UInt8(ascii: "/")]))
        }
    }

    /// - Parameter file: Nothing for one that only came with its directory.
    private mutating func take(_ place: FilePath, _ file: AccessLog.File?) throws(RepositoryError) {
        if let file { note(place, file) }
        let inside = place.relative(to: root)
        // Most are files of the version that were read, and nothing else.
        if let file, file.isRead, !file.isWritten, !file.isRemoved, !moved.contains(place), let inside,
            let status = file.before, let path = try? RepositoryPath(inside), cache.has(path),
            !tracking.isUntracked(path)
        {
            noteInput(path, status, place, file)
            return
        }
        let isTouched = file.map { $0.isRead || $0.isWritten || $0.isRemoved } ?? true
        guard isTouched else { return }
        if let inside, file?.isRead == true, let source = Self.source(ofBytecode: inside) {
            return try takeSource(source)
        }
        guard let inside else {
            if classifier.classify(place, inside: nil, size: file?.before?.size) == .data {
                takeOutside(place, file)
            }
            return
        }
        guard let path = try? RepositoryPath(inside), !path.isRoot else { return }
        // What a version has is data, whatever it is called.
        let kind = cache.has(path) ? .data : classifier.classify(place, inside: inside, size: nil)
        if kind == .secret {
            findings.secrets.append(path)
            if file?.isRead == true { findings.hasReadSecrets = true }
        }
        if kind == .data { try takeInside(path, place, file) }
    }

    /// A file that was read, and that a version made then would have had.
    private mutating func noteInput(
        _ path: RepositoryPath, _ status: FileStatus, _ place: FilePath, _ file: AccessLog.File
    ) {
        findings.read[place] = status
        if file.isUnsteady {
            findings.changed.append(path)
        } else {
            findings.inputs.append((path, status))
        }
    }

    /// The file that Python has compiled into `__pycache__/name.version.pyc`; nothing for another path.
    private static func source(ofBytecode path: [UInt8]) -> RepositoryPath? {
        let names = path.split(separator: UInt8(ascii: "/"))
        guard names.count > 1, names[names.count - 2].elementsEqual("__pycache__".utf8),
            let name = names.last, name.suffix(4).elementsEqual(".pyc".utf8)
        else { return nil }
        let module = name.prefix { $0 != UInt8(ascii: ".") } + Array(".py".utf8)
        return try? RepositoryPath(
            Array((names.dropLast(2) + [ArraySlice(module)]).joined(separator: [UInt8(ascii: "/")])))
    }

    /// Takes a file for read of which what was read is a translation: Python looks only at the time of the file itself.
    private mutating func takeSource(_ path: RepositoryPath) throws(RepositoryError) {
        let place = root.appending(path.bytes)
        guard log.files[place]?.isRead != true, sourcesOfBytecode.insert(path).inserted,
            let status = try repository.status(of: path), status.kind == .file
        else { return }
        findings.read[place] = status
        if try isTracked(path) {
            findings.inputs.append((path, status))
        } else {
            unknown.append((path, status, false))
        }
    }

    private mutating func takeInside(
        _ path: RepositoryPath, _ place: FilePath, _ file: AccessLog.File?
    ) throws(RepositoryError) {
        let isTracked = try isTracked(path)
        // What may not be looked at any more is as good as gone.
        var now: FileStatus?
        do { now = try repository.status(of: path) } catch { findings.hasUnreadable = true }
        let hasMoved = moved.contains(place)
        // What came here with its directory was read under another name, unless it was here before.
        if let file, file.isRead, !hasMoved || file.isWritten, let status = file.before {
            if isTracked || file.isUnsteady || kept.contains(path) {
                noteInput(path, status, place, file)
            } else {
                findings.read[place] = status
                if now == status {
                    unknown.append((path, status, file.isExecuted))
                } else {
                    findings.changed.append(path)
                }
            }
        }
        guard let now else {
            if file?.isRemoved == true, cache.has(path) { findings.removed.append(path) }
            return
        }
        // What is as the version has it was not written, though a directory may have been renamed, and renamed back.
        let isWritten = hasMoved || (file?.isWritten == true && now != file?.before)
        guard isWritten, now.kind != .directory, cache.entry(of: path, asIn: now) == nil else { return }
        findings.written.insert(place)
        let isLeftOut = try working { () throws(WorkingTreeError) in
            try ignored.leavesOut(path, isDirectory: false, below: .root)
        }
        if isTracked || !isLeftOut { findings.outputs.append(path) }
    }

    private mutating func takeOutside(_ place: FilePath, _ file: AccessLog.File?) {
        let alias = aliases[place]
        if file?.isWritten ?? true {
            guard let now = (try? environment.files.status(place)) ?? nil, now.kind == .file,
                now != file?.before, !shown.contains(place)
            else { return }
            // What was fetched into a hub's cache is an input, whoever wrote it there.
            if let hub = alias.flatMap({ HubFile($0) }) {
                findings.external.append((place, hub.name, now))
            } else {
                findings.outside.append(place)
            }
        } else if let file, file.isRead, let status = file.before,
            !(file.isExecuted && FileClassifier.isInterpreter(place)), place != ownProgram
        {
            findings.external.append((place, HubFile(alias ?? place)?.name ?? place.bytes, status))
        }
    }

    /// Notes what says which interpreter ran, and with which packages.
    private mutating func note(_ place: FilePath, _ file: AccessLog.File) {
        if file.isExecuted, place.name.starts(with: "python".utf8) { findings.interpreters.append(place) }
        guard file.isRead else { return }
        for mark in Self.packageMarks {
            if let start = Self.place(of: mark, in: place.bytes) {
                let end = start + mark.count - 1
                findings.packageDirectories.insert(FilePath(Array(place.bytes[..<end])))
            }
        }
    }

    private static let packageMarks = ["/site-packages/", "/dist-packages/"].map { Array($0.utf8) }

    /// Where a name first begins in a path; a hundred thousand paths are looked through for a run.
    private static func place(of mark: [UInt8], in path: [UInt8]) -> Int? {
        path.withUnsafeBufferPointer { path in
            guard path.count >= mark.count else { return nil }
            for start in 0...(path.count - mark.count)
            where path[start] == mark[0] && path[start + 1] == mark[1] {
                if path[start..<(start + mark.count)].elementsEqual(mark) { return start }
            }
            return nil
        }
    }

    /// The files in a directory, and in those below it; links are not followed.
    private mutating func gatherFiles(in directory: FilePath) {
        var waiting = [directory]
        while let next = waiting.popLast() {
            // It may be gone again.
            guard let names = try? environment.files.names(in: next) else { continue }
            for name in names {
                let place = next.appending(name)
                switch (try? environment.files.status(place))??.kind {
                case .directory: waiting.append(place)
                case .file, .link: moved.insert(place)
                default: break
                }
            }
        }
    }

    /// Whether a version made now would have a file.
    private mutating func isTracked(_ path: RepositoryPath) throws(RepositoryError) -> Bool {
        if tracking.isUntracked(path) { return false }
        if cache.has(path) || tracking.added.contains(path) { return true }
        if let directory = tracking.root(above: path) {
            let isLeftOut = try working { () throws(WorkingTreeError) in
                try ignored.leavesOut(path, isDirectory: false, below: directory)
            }
            if !isLeftOut { return true }
        }
        return !patterns.isEmpty && patterns.matches(path)
    }

    /// Larger files are data, in bytes; programs that were started may be larger.
    static let sourceLimit = 1 << 20
    private static let programLimit = 16 << 20

    /// Whether a file is of a kind in which settings of a training are kept.
    static func isSetting(_ path: [UInt8]) -> Bool {
        let name = String(decoding: FilePath(path).name, as: UTF8.self).lowercased()
        return [".yaml", ".yml", ".json", ".toml", ".cfg", ".ini", ".gin", ".conf"].contains(
            where: name.hasSuffix)
    }

    /// Whether a file is small, and code, settings, or a program.
    ///
    /// Known by their names, since other files may hold secrets, and are nobody's code.
    private func isSource(_ path: RepositoryPath, _ status: FileStatus, isExecuted: Bool) -> Bool {
        let name = String(decoding: path.names.last?.bytes ?? [], as: UTF8.self).lowercased()
        if isExecuted || FileClassifier.isSharedLibrary(name) { return status.size <= Self.programLimit }
        guard Repository.isCode(path.bytes) || Self.isSetting(path.bytes), status.size <= Self.sourceLimit,
            let bytes = try? environment.files.contents(
                repository.copy.root.appending(path.bytes), limit: Self.sourceLimit)
        else { return false }
        return !bytes.contains(0) && String(validating: bytes, as: UTF8.self) != nil
    }
}

extension Repository {
    /// Those of some paths that git tracks, in submodules, too.
    fileprivate func knownToGit(_ paths: [RepositoryPath], at root: FilePath? = nil) -> Set<RepositoryPath> {
        guard !paths.isEmpty, (try? gitRoot()) ?? nil != nil else { return [] }
        let git = Git(root: root ?? copy.root)
        var (known, names, size): (Set<RepositoryPath>, [String], Int) = ([], [], 0)
        for (index, path) in paths.enumerated() {
            // An argument is text here.
            if let text = String(validating: path.bytes, as: UTF8.self) { names.append(text) }
            size += path.bytes.count + 1
            guard index == paths.count - 1 || size >= Git.argumentSize else { continue }
            // Without names git would list everything.
            guard !names.isEmpty else { continue }
            let listed =
                git.output(["--literal-pathspecs", "ls-files", "-z", "--recurse-submodules", "--"] + names)
                ?? git.output(["--literal-pathspecs", "ls-files", "-z", "--"] + names)
            for name in listed?.split(separator: 0) ?? [] {
                if let path = try? RepositoryPath(Array(name)) { known.insert(path) }
            }
            (names, size) = ([], 0)
        }
        return known
    }
}
