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

    /// These, and all directories that they lie in.
    package var withAncestors: Set<RepositoryPath> {
        var all: Set<RepositoryPath> = []
        for path in self {
            var next: RepositoryPath? = path
            // Where one is known, so are those above it.
            while let path = next, all.insert(path).inserted { next = path.split?.directory }
        }
        return all
    }
}
