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

    /// - Parameter findings: What it read and wrote; its own work was none of what it found.
    /// - Returns: Everything but copies.
    mutating func sort(_ findings: RunFindings) throws(RepositoryError) -> Lookups {
        var lookups = Lookups()
        let made = Set(findings.outputs)
        var above: Set<RepositoryPath> = []
        for path in made { above.formUnion(path.directoriesAbove) }
        for place in log.absent where log.files[place]?.isWritten != true {
            guard let path = inside(place), !made.contains(path), !above.contains(path),
                try names.counts(path)
            else { continue }
            lookups.absent.insert(path)
        }
        let removed = removed(findings)
        let removedIn = Dictionary(grouping: removed) { $0.split?.directory ?? .root }
        for place in log.listed {
            guard let path = inside(place), try names.counts(path) else { continue }
            lookups.directories.insert(path)
            let (more, less) = try names.differences(of: path)
            for name in more where !made.contains(name) && !above.contains(name) {
                if try wasThere(name) { lookups.more.insert(name) }
            }
            lookups.less.formUnion(less.subtracting(removed))
            lookups.more.formUnion(Set(removedIn[path] ?? []).subtracting(less))
        }
        for (place, target) in log.links where log.files[place]?.isWritten != true {
            guard let name = try name(ofLink: place) else { continue }
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
    private func wasThere(_ path: RepositoryPath) throws(RepositoryError) -> Bool {
        if let file = log.files[root.appending(path.bytes)] { return file.before != nil }
        guard let status = try repository.status(of: path) else { return false }
        return status.kind == .directory || status.changed < beginning
    }

    /// How a link is told; nothing where it belongs to the machine or to a tool.
    private mutating func name(ofLink place: FilePath) throws(RepositoryError) -> [UInt8]? {
        if let path = inside(place) { return try names.counts(path) ? path.bytes : nil }
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
