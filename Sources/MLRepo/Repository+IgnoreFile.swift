internal import FileIO
internal import ObjectModel
internal import WorkingTree

/// The lines that commands write into the ignore file of the top directory.
extension Repository {
    private static var ignoreFileLimit: Int { 1 << 20 }

    /// Adds a line for each of some paths.
    func ignore(_ paths: [RepositoryPath]) throws(RepositoryError) {
        guard !paths.isEmpty else { return }
        let lines = try ignoreLines()
        // A line that says it is enough, unless a later one takes it back.
        let isPlain = !lines.contains { $0.first == UInt8(ascii: "!") }
        let new = paths.map { IgnoreRules.line(for: $0) }.filter { !isPlain || !lines.contains($0) }
        if !new.isEmpty { try setIgnoreLines(lines + new) }
    }

    /// Takes out the lines that ``ignore(_:)`` put there.
    func unignore(_ paths: [RepositoryPath]) throws(RepositoryError) {
        guard !paths.isEmpty else { return }
        let lines = try ignoreLines()
        let ours = Set(paths.map { IgnoreRules.line(for: $0) })
        let kept = lines.filter { !ours.contains($0) }
        if kept.count < lines.count { try setIgnoreLines(kept) }
    }

    /// Whether a line leaves out this path and nothing else, as ``ignore(_:)`` writes it.
    func hasIgnoreLine(for path: RepositoryPath) throws(RepositoryError) -> Bool {
        try ignoreLines().contains(IgnoreRules.line(for: path))
    }

    /// Paths in a directory that lines as ``ignore(_:)`` writes them leave out.
    func ignored(in directory: RepositoryPath) throws(RepositoryError) -> [RepositoryPath] {
        try ignoreLines().compactMap { line in
            guard let path = IgnoreRules.path(of: line), path != directory, path.isInside(directory) else {
                return nil
            }
            return path
        }
    }

    /// Without the line that an end of line at the end would begin.
    private func ignoreLines() throws(RepositoryError) -> [[UInt8]] {
        let file = copy.root / IgnoreRules.fileName
        let bytes = try filing { () throws(FileError) in
            try environment.files.contentsIfPresent(file, limit: Self.ignoreFileLimit) ?? []
        }
        var lines = bytes.split(separator: 0x0a, omittingEmptySubsequences: false).map { Array($0) }
        if lines.last?.isEmpty == true { lines.removeLast() }
        return lines
    }

    private func setIgnoreLines(_ lines: [[UInt8]]) throws(RepositoryError) {
        let bytes = Array(lines.map { $0 + [0x0a] }.joined())
        guard bytes.count <= Self.ignoreFileLimit else {
            throw .badConfiguration(
                ".mlrepoignore would be larger than 1 MiB: untrack directories, or write patterns")
        }
        try copy.replaceFile(copy.root / IgnoreRules.fileName, bytes)
    }
}
