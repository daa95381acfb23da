extension Set<RepositoryPath> {
    /// Whether a path is one of these, or lies in one.
    ///
    /// Takes as many look-ups as the path has names.
    package func covers(_ path: RepositoryPath) -> Bool {
        guard !isEmpty else { return false }
        var next: RepositoryPath? = path
        while let path = next {
            if contains(path) { return true }
            next = path.split?.directory
        }
        return false
    }
}
