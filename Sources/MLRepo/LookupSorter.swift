internal import FileIO
internal import ObjectModel
internal import Observation
internal import WorkingTree

/// Finds what a command asked the file system beside what files hold: what was not there, which names directories had, where links led.
struct LookupSorter {
    private let repository: Repository
    private let log: AccessLog
    /// The top of the working copy, without links on the way.
    private let root: FilePath
    private var names: DirectoryNames
    private var classifier: FileClassifier
    /// When the command began, in nanoseconds since 1970.
    private let beginning: Int64

    init(_ repository: Repository, _ log: AccessLog, version: DirectoryTree, since beginning: Int64) {
        (self.repository, self.log, self.beginning) = (repository, log, beginning)
        root = repository.real(repository.copy.root)
        names = DirectoryNames(repository, version: version)
        classifier = FileClassifier(repository.environment)
    }

    /// - Parameters:
    ///   - findings: What it read and wrote; its own work was none of what it found.
    ///   - place: Where it was executed.
    /// - Returns: Everything but copies.
    mutating func sort(_ findings: RunFindings, in place: RepositoryPath) throws(RepositoryError) -> Lookups {
        var lookups = Lookups()
        let made = Set(findings.outputs)
        var above: Set<RepositoryPath> = []
        for path in made { above.formUnion(path.directoriesAbove) }
        for place in log.absent {
            if let path = inside(place), names.counts(path) { lookups.absent.insert(path) }
        }
        let removed = removed(findings)
        let removedIn = Dictionary(grouping: removed) { $0.split?.directory ?? .root }
        for place in log.listed {
            guard let path = inside(place), names.counts(path) else { continue }
            lookups.directories.insert(path)
            let found = try names.differences(of: path)
            for (name, status) in found.more where !made.contains(name) && !above.contains(name) {
                if wasThere(name, status) { lookups.more.insert(name) }
            }
            lookups.less.formUnion(found.less.subtracting(removed))
            lookups.more.formUnion(Set(removedIn[path] ?? []).subtracting(found.less))
        }
        let code = findings.sources + findings.code.compactMap { try? RepositoryPath($0) }
        for path in Set(code.filter(LookupChanges.isCodeOrSetting).compactMap { $0.split?.directory }).union([
            place
        ])
        where !lookups.directories.contains(path) {
            guard names.counts(path) else { continue }
            lookups.beside.insert(path)
            let found = try names.differences(of: path)
            for (name, status) in found.more
            where (status.kind == .directory || LookupChanges.isCodeOrSetting(name)) && !made.contains(name) {
                if wasThere(name, status) { lookups.more.insert(name) }
            }
            lookups.less.formUnion(found.less.subtracting(removed))
        }
        // Where programs lie elsewhere is the machine's business.
        let own = log.programLinks.filter { inside($0.key) != nil }
        for (place, target) in log.links.merging(own, uniquingKeysWith: { one, _ in one })
        where log.files[place]?.isWritten != true {
            guard let name = name(ofLink: place) else { continue }
            lookups.links.insert(.init(place: name, target: target.relative(to: root) ?? target.bytes))
        }
        return lookups
    }

    private func inside(_ place: FilePath) -> RepositoryPath? {
        if place == root { return .root }
        return place.relative(to: root).flatMap { try? RepositoryPath($0) }
    }

    /// What was there until the command removed it, with the directories that went with it.
    private func removed(_ findings: RunFindings) -> Set<RepositoryPath> {
        var removed = Set(findings.removed)
        for (place, file) in log.files where file.isRemoved && file.before != nil {
            guard let path = inside(place), (try? repository.status(of: path)) == .some(nil) else { continue }
            removed.insert(path)
        }
        for path in removed {
            removed.formUnion(
                path.directoriesAbove.filter { (try? repository.status(of: $0)) == .some(nil) })
        }
        return removed
    }

    /// Whether something was there before the command: what came meanwhile, and was not read, somebody else has made.
    private func wasThere(_ path: RepositoryPath, _ status: FileStatus) -> Bool {
        let place = root.appending(path.bytes)
        if let file = log.files[place] { return file.before != nil }
        // Rights and times may be changed of what was there.
        return status.kind == .directory || (AccessLog.birth(of: place) ?? status.modified) < beginning
    }

    /// How a link is told; nothing where it belongs to the machine or to a tool.
    private mutating func name(ofLink place: FilePath) -> [UInt8]? {
        if let path = inside(place) { return names.counts(path) ? path.bytes : nil }
        let below = place.appending(Array("x".utf8))
        let isData = [place, below].allSatisfy { classifier.classify($0, inside: nil, size: nil) == .data }
        return isData ? place.bytes : nil
    }
}

extension RepositoryPath {
    /// The directories that a path lies in, but for the root.
    var directoriesAbove: [RepositoryPath] {
        var (found, next): ([RepositoryPath], RepositoryPath?) = ([], split?.directory)
        while let directory = next, !directory.isRoot {
            found.append(directory)
            next = directory.split?.directory
        }
        return found
    }
}
