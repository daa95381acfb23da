package import FileIO
package import ObjectModel

/// Says of single paths what a walk says of all: whether the ignore rules leave them out.
///
/// Remembers the rules of the directories that it has seen.
package struct IgnoreLookup {
    private let root: FilePath
    private let files: any FileSystem
    private var rules: [RepositoryPath: IgnoreRules] = [:]
    private var isIgnored: [RepositoryPath: Bool] = [:]

    /// - Parameter root: The working tree's top directory.
    package init(root: FilePath, files: any FileSystem) {
        (self.root, self.files) = (root, files)
    }

    /// Whether a walk that takes in all of a directory leaves out something beneath it.
    ///
    /// - Parameter path: What lies beneath it; need not be there.
    package mutating func leavesOut(
        _ path: RepositoryPath, isDirectory: Bool, below directory: RepositoryPath
    ) throws(WorkingTreeError) -> Bool {
        var (next, isDirectory) = (path, isDirectory)
        while next != directory, next.isInside(directory), let above = next.split?.directory {
            if try ignores(next, isDirectory: isDirectory, in: above) { return true }
            (next, isDirectory) = (above, true)
        }
        return false
    }

    private mutating func ignores(
        _ path: RepositoryPath, isDirectory: Bool, in above: RepositoryPath
    ) throws(WorkingTreeError) -> Bool {
        guard isDirectory else { return try rules(in: above).ignores(path, isDirectory: false) }
        if let known = isIgnored[path] { return known }
        var found = try rules(in: above).ignores(path, isDirectory: true)
        if !found { found = try kind(root.appending(path.bytes) / IgnoreRules.environmentMark) != nil }
        isIgnored[path] = found
        return found
    }

    /// The rules for what lies in a directory.
    private mutating func rules(in directory: RepositoryPath) throws(WorkingTreeError) -> IgnoreRules {
        if let known = rules[directory] { return known }
        var found = IgnoreRules()
        if let above = directory.split?.directory { found = try rules(in: above) }
        if try kind(root.appending(directory.bytes) / IgnoreRules.fileName) == .file {
            try found.addFile(in: directory, of: root, files)
        }
        rules[directory] = found
        return found
    }

    private func kind(_ place: FilePath) throws(WorkingTreeError) -> FileKind? {
        try working { () throws(FileError) in
            do throws(FileError) { return try files.status(place)?.kind } catch {
                guard error.isNoDirectory else { throw error }
                return nil
            }
        }
    }
}
