internal import FileIO
internal import ObjectModel
internal import Storage
internal import WorkingTree

/// What a commit refuses, since it would leave something out without a word.
extension Repository {
    /// A path that is neither on disk nor in the base version was mistyped, or is not tracked.
    func refuseUnknown(_ paths: [RepositoryPath], _ look: Look) throws(RepositoryError) {
        var found: Set<RepositoryPath>?
        for path in paths where !path.isRoot {
            let isKnown = try reading { () throws(ReadError) in try tree(look.base).entry(at: path) != nil }
            if isKnown { continue }
            guard try exists(path) else { throw .noPath("\(path)") }
            // What the ignore rules leave out of a tracked directory is no part of the version.
            let present =
                found
                ?? Set(look.scan.files.map(\.path)).union(look.scan.emptyDirectories).withAncestors
            found = present
            let isTracked =
                look.tracking.added.contains(path) || present.contains(path)
                || look.tracking.paths.directories.contains { $0.isInside(path) }
            guard isTracked else { throw .notTracked(path) }
        }
    }

    /// A file that is there was not deleted: a listing need not name what was put in its place while it was read.
    func refuseOverlooked(_ look: Look, _ scanned: ScannedFiles) throws(RepositoryError) {
        var firm: Set<RepositoryPath> = [.root]
        for index in scanned.indices where scanned.isGone(index) {
            let path = scanned.path(index)
            // Where an empty directory was there may be a file now.
            guard scanned[index].base?.mode != .directory, !look.tracking.isUntracked(path),
                let above = path.split?.directory,
                try obstacle(above, [], &firm) == nil, let kind = try status(of: path)?.kind,
                kind == .file || kind == .link
            else { continue }
            let name = FilePath(path.bytes).name
            // Where names are alike that differ in case, it is there under another one.
            let names = try filing { () throws(FileError) in
                try environment.files.names(in: copy.root.appending(above.bytes))
            }
            if names.contains(where: { $0.elementsEqual(name) }) { throw .tree(.unsteady(path)) }
        }
    }

    /// Missing is not deleted: a tracked root that is gone, or most of many files, looks like a disk that is not mounted.
    ///
    /// So does what was added since the version before.
    func refuseMissing(
        _ look: Look, _ scanned: ScannedFiles, _ isWanted: (RepositoryPath) -> Bool
    ) throws(RepositoryError) {
        let gone = scanned.indices.filter { scanned.isGone($0) }.map { scanned.path($0) }
            .filter { !look.tracking.isUntracked($0) && !TreeMerge.isCopy($0) }
        let known = Set(look.base?.tracked.directories ?? [])
        var new: [RepositoryPath] = []
        // What is tracked is part of every version, whatever else is asked for.
        for path in look.tracking.paths.directories where !path.isRoot && !known.contains(path) {
            if try status(of: path)?.kind != .directory { new.append(path) }
        }
        for path in look.tracking.added.sorted() where isWanted(path) {
            if let root = look.tracking.root(above: path),
                try !isLeftOut(path, isDirectory: false, below: root)
            {
                continue
            }
            let isInBase = try reading { () throws(ReadError) in try tree(look.base).entry(at: path) != nil }
            let kind = try status(of: path)?.kind
            if isInBase || kind == .file || kind == .link { continue }
            // An empty directory is one that had been kept.
            if kind == .directory {
                let names = try filing { () throws(FileError) in
                    try environment.files.names(in: copy.root.appending(path.bytes))
                }
                if names.isEmpty { continue }
            }
            new.append(path)
        }
        guard !gone.isEmpty || !new.isEmpty else { return }
        let roots = try missingRoots(look, scanned, gone) + new
        let single = gone.filter { !look.tracking.coversDirectory($0) && !new.contains($0) }
        if !roots.isEmpty || !single.isEmpty {
            throw .missing(roots + single, total: roots.count + single.count)
        }
        let total = look.scan.unchanged + scanned.count
        if total >= 100, gone.count * 2 > total { throw .missing(gone, total: gone.count) }
    }

    /// Tracked directories that are gone, or have lost every file.
    func missingRoots(
        _ look: Look, _ scanned: ScannedFiles, _ gone: [RepositoryPath]
    ) throws(RepositoryError) -> [RepositoryPath] {
        var roots: [RepositoryPath] = []
        for directory in look.tracking.paths.directories where !directory.isRoot {
            let status = try filing { () throws(FileError) in
                try environment.files.status(copy.root.appending(directory.bytes))
            }
            // A link in its place leads to data that this version would not have.
            let lost = gone.count { $0.isInside(directory) }
            guard lost > 0 else { continue }
            // Nor does an empty directory say that somebody deleted everything: a disk may not be mounted on it.
            let all = try reading { () throws(ReadError) in
                try tree(look.base).entry(at: directory)?.files ?? 0
            }
            let isEmptied =
                lost >= all && !scanned.contains { $0.status != nil && $0.path.isInside(directory) }
            if status?.kind != .directory || isEmptied { roots.append(directory) }
        }
        return roots
    }

    /// A file that was there when its directory was looked at and is gone when it is read was not deleted by anybody who knows of
    /// this commit.
    func refuseVanished(_ scanned: ScannedFiles, _ read: SnapshotFiles) throws(RepositoryError) {
        let known = Set(scanned.indices.lazy.filter { scanned.isGone($0) }.map { scanned.path($0) })
        let gone = read.indices.lazy.filter { read.isGone($0) && !read.isNew($0) }.map { read.path($0) }
        let vanished = gone.filter { !known.contains($0) }
        if !vanished.isEmpty { throw .missing(Array(vanished), total: vanished.count) }
    }
}
