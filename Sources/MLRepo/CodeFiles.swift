internal import FileIO
internal import ObjectModel
internal import WorkingTree

/// The code of a working copy as it lies there: what git has, and what nobody has yet that looks like code.
struct CodeFiles {
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
