internal import FileIO
internal import ObjectModel
internal import WorkingTree

/// The lines that commands write into the ignore file of the top directory.
extension Repository {
    private static var ignoreFileLimit: Int { 1 << 20 }

    /// Adds a line for each of some paths.
    func ignore(_ paths: [RepositoryPath]) throws(RepositoryError) {
        let lines = try ignoreLines()
        // A line that says it is enough, unless a later one takes it back.
        let isPlain = !lines.contains { $0.first == UInt8(ascii: "!") }
        let new = paths.map { IgnoreRules.line(for: $0) }.filter { !isPlain || !lines.contains($0) }
        if !new.isEmpty { try setIgnoreLines(lines + new) }
    }

    /// Takes out the lines that ``ignore(_:)`` put there.
    func unignore(_ paths: [RepositoryPath]) throws(RepositoryError) {
        let lines = try ignoreLines()
        let ours = Set(paths.map { IgnoreRules.line(for: $0) })
        let kept = lines.filter { !ours.contains($0) }
        if kept.count < lines.count { try setIgnoreLines(kept) }
    }

    /// Adds to the lines that leave out what lies in a directory the same for its new name.
    ///
    /// - Returns: The lines of the old name.
    func moveIgnored(
        from source: RepositoryPath, to target: RepositoryPath
    ) throws(RepositoryError) -> [[UInt8]] {
        let lines = try ignoreLines()
        let (old, new) = (IgnoreRules.line(for: source), IgnoreRules.line(for: target))
        let moving = lines.filter { $0.starts(with: old + [UInt8(ascii: "/")]) }
        guard !moving.isEmpty else { return [] }
        guard String(validating: new, as: UTF8.self) != nil, !new.contains(0x0a), new.last != 0x0d else {
            throw .badConfiguration(
                "no line of .mlrepoignore can name \(target), and \(source) has files that such lines leave out"
            )
        }
        let moved = moving.map { new + $0.dropFirst(old.count) }
        try setIgnoreLines(lines + moved.filter { !lines.contains($0) })
        return moving
    }

    /// Takes out lines that are of no use any more.
    func dropIgnored(_ lines: [[UInt8]]) throws(RepositoryError) {
        if !lines.isEmpty { try setIgnoreLines(try ignoreLines().filter { !lines.contains($0) }) }
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
