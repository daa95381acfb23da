package import FileIO
package import ObjectModel
internal import Storage
package import WorkingTree

/// A tree of its own for one run, and gone when the run is recorded: the version that a working copy stands on, and the code as it
/// lies there.
package struct ScratchTree: Sendable {
    /// The working copy that it was made from: only there git can be asked about the code.
    package let origin: Repository
    /// The top of the tree: that of git's repository, where the working copy lies in one.
    package let directory: FilePath
    /// Where that lies, and nothing else but what makes git and walks pass over it.
    private let container: FilePath
    /// The working copy in the tree.
    private let copy: Repository

    /// - Parameters:
    ///   - parent: Where the tree's own directory is made; many runs may have theirs in one.
    /// - Throws: ``RepositoryError/misplaced(_:)`` where the tree would be part of what is tracked.
    package init(
        of origin: Repository, in parent: FilePath, onStep: @escaping @Sendable (WorkStep) -> Void
    ) throws(RepositoryError) {
        self.origin = origin
        let environment = origin.environment
        let root = try origin.gitRoot() ?? origin.copy.root
        let place = try RepositoryPath(origin.copy.root.relative(to: root) ?? [], orRefuse: origin.copy.root)
        let parent = Self.real(parent, origin)
        container = parent / "mlrepo-\(Hex.text(environment.random(4)))"
        directory = container.appending(root.name.isEmpty ? Array("tree".utf8) : root.name)
        let commit = try origin.base().head.commit
        let isThere = try Repository.exists(parent, environment.files)
        do throws(RepositoryError) {
            try Self.makeContainer(container, environment.files, of: origin)
            copy = try origin.addWorktree(
                directory.appending(place.bytes).normalized, at: commit, branch: nil, onStep: onStep)
        } catch {
            try? Repository.removeAll(container, environment.files)
            if !isThere { try? environment.files.removeDirectory(parent) }
            throw error
        }
        do throws(RepositoryError) { try CodeFiles(of: origin, in: root).copy(to: directory) } catch {
            try? discard()
            throw error
        }
    }

    /// Where a directory is that need not be there yet: a link on the way may lead into the data.
    private static func real(_ place: FilePath, _ origin: Repository) -> FilePath {
        guard ((try? origin.environment.files.status(place)) ?? nil) == nil, place.parent != place else {
            return origin.real(place)
        }
        return real(place.parent, origin).appending(place.name)
    }

    /// The directory of the tree that stands for one of the working copy; is made, if no file lies in it.
    package func place(of directory: RepositoryPath) throws(RepositoryError) -> FilePath {
        try copy.real(directory, below: copy.copy.root)
    }

    /// A program that is named by its place, and that is not in the tree, such as that of a virtual environment: where it is.
    package func program(_ name: [UInt8], in directory: RepositoryPath) -> [UInt8]? {
        guard name.contains(UInt8(ascii: "/")), name.first != UInt8(ascii: "/") else { return nil }
        func place(in root: FilePath) -> FilePath {
            root.appending(directory.bytes).appending(name).normalized
        }
        func isThere(_ place: FilePath) -> Bool {
            ((try? origin.environment.files.status(place)) ?? nil) != nil
        }
        let here = place(in: origin.copy.root)
        return !isThere(place(in: copy.copy.root)) && isThere(here) ? here.bytes : nil
    }

    /// Removes the tree: what was written there is in the store.
    package func discard() throws(RepositoryError) {
        try origin.discard(copy, in: container)
    }

    /// The trees of other runs, and what is in them, are no code of anybody.
    private static func makeContainer(
        _ container: FilePath, _ files: any FileSystem, of origin: Repository
    ) throws(RepositoryError) {
        try origin.requireOutside(container)
        try filing { () throws(FileError) in
            try files.makeDirectories(container, permissions: 0o777)
            for name in [".gitignore", ".mlrepoignore"] {
                let file = try files.create(container / name, permissions: 0o666)
                defer { files.close(file) }
                try files.write(file, Array("*\n".utf8)[...])
            }
        }
    }
}

extension RepositoryPath {
    fileprivate init(_ bytes: [UInt8], orRefuse place: FilePath) throws(RepositoryError) {
        guard let path = bytes.isEmpty ? .root : try? RepositoryPath(bytes) else { throw .misplaced(place) }
        self = path
    }
}

/// The code of a working copy as it lies there: what git has, and what nobody has yet that looks like code.
private struct CodeFiles {
    private let repository: Repository
    /// The top of git's work tree, or of the working copy.
    private let root: FilePath
    /// Names of files below it.
    private var names: [[UInt8]] = []

    init(of repository: Repository, in root: FilePath) throws(RepositoryError) {
        (self.repository, self.root) = (repository, root)
        let tracking = try repository.tracking(repository.base().commit)
        let git = Git(root: root)
        let listed =
            git.output(["ls-files", "-z", "--cached", "--recurse-submodules"])
            ?? git.output(["ls-files", "-z", "--cached"])
        if let known = listed, let unknown = git.unknown() {
            names = known.split(separator: 0).map { Array($0) }
            names += unknown.filter { isSource($0, tracking) }
        } else {
            try gather(.root, tracking)
        }
    }

    private var files: any FileSystem { repository.environment.files }

    /// Where a file of git's lies in the working copy; nothing if it lies beside.
    private func path(_ name: [UInt8]) -> RepositoryPath? {
        root.appending(name).relative(to: repository.copy.root).flatMap { try? RepositoryPath($0) }
    }

    /// Whether a file that git does not know, and a version would not have, is code or a setting.
    private func isSource(_ name: [UInt8], _ tracking: Tracking) -> Bool {
        if let path = path(name), tracking.root(above: path) != nil || tracking.added.contains(path) {
            return false
        }
        let size = ((try? files.status(root.appending(name))) ?? nil)?.size ?? .max
        return size <= RunSorter.sourceLimit && (Repository.isCode(name) || RunSorter.isSetting(name))
    }

    /// What lies in a directory without git, but for what is ignored or tracked.
    private mutating func gather(_ top: RepositoryPath, _ tracking: Tracking) throws(RepositoryError) {
        var ignored = IgnoreLookup(root: root, files: files)
        var waiting = [top]
        while let directory = waiting.popLast() {
            guard !tracking.coversDirectory(directory),
                let found = try? files.names(in: root.appending(directory.bytes))
            else { continue }
            for name in found {
                guard let name = try? EntryName(name[...]), let path = try? directory.appending(name),
                    let status = try repository.status(of: path)
                else { continue }
                let isLeftOut = try working { () throws(WorkingTreeError) in
                    try ignored.leavesOut(path, isDirectory: status.kind == .directory, below: .root)
                }
                if isLeftOut { continue }
                if status.kind == .directory {
                    waiting.append(path)
                } else if status.kind == .file, isSource(path.bytes, tracking) {
                    names.append(path.bytes)
                }
            }
        }
    }

    /// Writes the files into a tree, but for those that it has.
    func copy(to directory: FilePath) throws(RepositoryError) {
        let inside = files.confined(to: directory) ?? files
        for name in names {
            let (from, to) = (root.appending(name), directory.appending(name))
            // A file that git knows may be gone, and a submodule may be a directory.
            let status = try filing { () throws(FileError) in try files.status(from) }
            guard let status, [.file, .link].contains(status.kind) else { continue }
            // What a version has at a place, or above it, is what the run gets.
            guard ((try? inside.status(to)) ?? nil) == nil else { continue }
            try filing { () throws(FileError) in
                _ = try inside.makeDirectories(to.parent, permissions: 0o777)
                try Repository.copyFile(from, status, to, reading: files, writing: inside)
            }
        }
    }
}
