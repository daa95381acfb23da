package import FileIO

extension AccessLog.File {
    /// One file as another log had it.
    package init(
        before: FileStatus?, isRead: Bool, isWritten: Bool, isExecuted: Bool, isUnsteady: Bool,
        isRemoved: Bool
    ) {
        self.init(before: before)
        (self.isRead, self.isWritten, self.isExecuted) = (isRead, isWritten, isExecuted)
        (self.isUnsteady, self.isRemoved) = (isUnsteady, isRemoved)
    }
}

extension AccessLog {
    /// Adds a file as another log had it.
    package mutating func add(_ path: FilePath, _ file: File) { files[path] = file }

    /// Adds a directory that got its name while the command ran.
    package mutating func add(movedDirectory path: FilePath) { movedDirectories.append(path) }

    /// There were more lookups than another log has.
    package mutating func addMoreLookups() { hasMoreLookups = true }

    /// What several processes did that worked together: what one of them made and another one read was neither's before.
    ///
    /// - Parameters:
    ///   - logs: In any order; that of two which read a file before and after it was changed by somebody else is not known.
    ///   - start: When the first of them began, in nanoseconds since 1970.
    package static func joined(_ logs: [AccessLog], since start: Int64) -> AccessLog {
        var joined = AccessLog()
        var written: Set<FilePath> = []
        for log in logs {
            for (path, file) in log.files where file.isWritten { written.insert(path) }
        }
        func isMade(_ path: FilePath, _ status: FileStatus?) -> Bool {
            guard let status, written.contains(path) else { return false }
            return status.changed >= start
        }
        for log in logs {
            for (path, file) in log.files {
                var file = file
                if !file.isWritten, isMade(path, file.before) { file.isRead = false }
                joined.files[path] =
                    joined.files[path].map { known in
                        // As it was before any of them had to do with it.
                        let isLater = isMade(path, known.before) || (known.before == nil && !known.isWritten)
                        let isUnsteady =
                            known.isRead && file.isRead && known.before != file.before
                            && !written.contains(path)
                        return File(
                            before: isLater ? file.before : known.before, isRead: known.isRead || file.isRead,
                            isWritten: known.isWritten || file.isWritten,
                            isExecuted: known.isExecuted || file.isExecuted,
                            isUnsteady: known.isUnsteady || file.isUnsteady || isUnsteady,
                            isRemoved: known.isRemoved || file.isRemoved)
                    } ?? file
            }
            joined.movedDirectories += log.movedDirectories.filter { !joined.movedDirectories.contains($0) }
            joined.links.merge(log.links) { known, _ in known }
            joined.programLinks.merge(log.programLinks) { known, _ in known }
            joined.absent.formUnion(log.absent)
            joined.listed.formUnion(log.listed)
            if log.hasMoreLookups { joined.hasMoreLookups = true }
        }
        // What one of them made, another one did not miss before there was anything.
        joined.absent.subtract(written)
        return joined
    }
}
