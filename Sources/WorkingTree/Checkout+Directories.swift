internal import FileIO
internal import ObjectModel

/// Removes what goes, and makes the directories that files lie in.
extension Checkout {
    /// Removes a file, and the directories above it that become empty.
    func remove(_ path: RepositoryPath) throws(WorkingTreeError) {
        try working { () throws(FileError) in
            // What lies behind a link that took a directory's place is not ours.
            guard let status = try found(path) else { return }
            if status.kind == .directory {
                do throws(FileError) { try files.removeDirectory(place(path)) } catch {
                    guard error.isNotEmpty else { throw error }
                }
            } else {
                try files.remove(place(path))
            }
            var above = path.split?.directory
            while let directory = above, !directory.isRoot {
                do throws(FileError) { try files.removeDirectory(place(directory)) } catch {
                    // A directory that cannot go, such as one that a disk is mounted on, stays.
                    guard error.isNotEmpty || error.isNotFound || error.isDenied || error.isBusy else {
                        throw error
                    }
                    break
                }
                above = directory.split?.directory
            }
        }
    }

    /// Removes a file or link that an empty directory takes the place of.
    func makeRoom(_ path: RepositoryPath) throws(WorkingTreeError) {
        try working { () throws(FileError) in
            guard let status = try found(path), status.kind != .directory
            else { return }
            try files.remove(place(path))
        }
    }

    /// What is at a path; nothing behind a link or file in a directory's place.
    func found(_ path: RepositoryPath) throws(FileError) -> FileStatus? {
        guard isConfined else {
            return try isReal(path.split?.directory ?? .root) ? try files.status(place(path)) : nil
        }
        do throws(FileError) { return try files.status(place(path)) } catch {
            guard error.isNoDirectory else { throw error }
            return nil
        }
    }

    /// Whether a directory and all above it are directories, and none is a link.
    private func isReal(_ directory: RepositoryPath) throws(FileError) -> Bool {
        guard let above = directory.split?.directory else { return true }
        guard try isReal(above) else { return false }
        return try files.status(place(directory))?.kind == .directory
    }

    /// Makes the directories that are entries of their own, and those that files lie in, but for files that were there when
    /// somebody looked.
    func makeDirectories(
        _ steps: CheckoutSteps, _ progress: inout CheckoutProgress
    ) throws(WorkingTreeError) {
        var made: Set<RepositoryPath> = [.root]
        var last = RepositoryPath.root
        for index in steps.indices {
            guard let mode = steps.mode(index) else { continue }
            if mode == .directory {
                let step = steps[index]
                try requireKnown(step)
                try makeRoom(step.path)
                progress.note(index)
                try makeDirectory(step.path, &made, &progress)
            } else if !steps.isSeen(index), steps.directory(index) != last {
                last = steps.directory(index)
                try makeDirectory(last, &made, &progress)
            }
        }
    }

    /// Makes a directory and those above it, each a real one: what is a link or file in the way is not followed.
    func makeDirectory(
        _ path: RepositoryPath, _ made: inout Set<RepositoryPath>, _ progress: inout CheckoutProgress
    ) throws(WorkingTreeError) {
        guard !made.contains(path), let above = path.split?.directory else { return }
        try makeDirectory(above, &made, &progress)
        try working { () throws(FileError) in
            do throws(FileError) {
                try files.makeDirectory(place(path), permissions: 0o777)
                progress.directories.append(path)
            } catch {
                guard error.isExists, try files.status(place(path))?.kind == .directory else { throw error }
            }
        }
        made.insert(path)
    }

    /// Removes a directory with nothing but directories in it.
    func removeEmpty(_ directory: FilePath) throws(FileError) {
        do throws(FileError) { return try files.removeDirectory(directory) } catch {
            guard error.isNotEmpty else { throw error }
            var listing = DirectoryListing()
            try files.list(directory, into: &listing)
            for index in 0..<listing.count {
                guard listing.status(index).kind == .directory else { throw error }
                try removeEmpty(directory.appending(listing.name(index)))
            }
        }
        try files.removeDirectory(directory)
    }
}
