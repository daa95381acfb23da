/// Paths, to be asked whether others lie in them.
package struct PathSet: Sendable {
    private let paths: Set<RepositoryPath>

    package init(_ paths: some Sequence<RepositoryPath>) { self.paths = Set(paths) }

    /// Whether a path is one of these, or lies in one.
    package func covers(_ path: RepositoryPath) -> Bool {
        var next: RepositoryPath? = path
        while let path = next {
            if paths.contains(path) { return true }
            next = path.split?.directory
        }
        return false
    }
}
