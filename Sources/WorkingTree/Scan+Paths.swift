internal import FileIO
package import ObjectModel

extension Scan {
    /// Looks at some paths only, and only at files and empty directories that the base version has there.
    ///
    /// What is tracked no longer counts as gone, also where it was made anew.
    ///
    /// - Returns: What ``run(width:)`` says of these.
    package func look(at paths: [RepositoryPath]) throws(WorkingTreeError) -> ScanResult {
        var result = ScanResult()
        var real: [RepositoryPath: Bool] = [:]
        for path in paths {
            guard let base = cache?.entry(at: path) else { continue }
            var status = tracking.isUntracked(path) ? nil : try self.status(of: path, &real)
            if (status?.kind == .directory) != (base.mode == .directory) || status?.kind == .other {
                status = nil
            }
            if let status, base.mode == .directory || base.isUnchanged(status) {
                result.unchanged += 1
            } else {
                result.files.append(ScannedFile(path: path, base: ScannedFile.Base(base), status: status))
            }
        }
        result.files.sort()
        return result
    }

    /// What is at a path; nothing behind a link in a directory's place.
    ///
    /// - Parameter real: Which directories were seen to be some.
    private func status(
        of path: RepositoryPath, _ real: inout [RepositoryPath: Bool]
    ) throws(WorkingTreeError) -> FileStatus? {
        guard let above = path.split?.directory, try isReal(above, &real) else { return nil }
        return try working { () throws(FileError) in try files.status(root.appending(path.bytes)) }
    }

    private func isReal(
        _ directory: RepositoryPath, _ real: inout [RepositoryPath: Bool]
    ) throws(WorkingTreeError) -> Bool {
        if directory.isRoot { return true }
        if let known = real[directory] { return known }
        let isReal = try status(of: directory, &real)?.kind == .directory
        real[directory] = isReal
        return isReal
    }
}
