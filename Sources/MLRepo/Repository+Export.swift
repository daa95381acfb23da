package import FileIO
package import ObjectModel
internal import Storage
package import WorkingTree

extension Repository {
    /// Writes a version into a directory of its own.
    ///
    /// - Parameter directory: Is made; if it is there it has to be empty.
    package func export(
        _ id: ObjectID, to directory: FilePath, onStep: @escaping @Sendable (WorkStep) -> Void = { _ in }
    ) throws(RepositoryError) -> Int {
        let commit = try reading { () throws(ReadError) in try store.commit(id) }
        try requireTree(id, commit)
        // Says what an interrupted command was writing here, so that the same one goes on.
        let marker = directory.appending(EntryName.temporaryPrefix + id.hex.prefix(16).utf8)
        let names = try filing { () throws(FileError) in
            try environment.files.makeDirectories(directory, permissions: 0o777)
            let names = try environment.files.names(in: directory)
            if names.isEmpty {
                environment.files.close(try environment.files.create(marker, permissions: 0o600))
            }
            return names
        }
        guard names.isEmpty || names.contains(marker.name) else { throw .refExists(directory.description) }
        var steps = CheckoutSteps()
        try reading { () throws(ReadError) in
            try tree(commit).forEachFile { (path, entry) throws(ReadError) in
                // What an interrupted command wrote here is written again.
                steps.append(CheckoutStep(path: path, entry: entry))
            }
        }
        try write(steps, in: directory, isResumed: !names.isEmpty, onStep: onStep)
        try filing { () throws(FileError) in try environment.files.removeIfPresent(marker) }
        return steps.count
    }
}
