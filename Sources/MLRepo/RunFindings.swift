package import FileIO
package import ObjectModel

/// What the files are that a command touched: what it was made from, its code, and what it made.
package struct RunFindings: Sendable {
    /// Tracked files that were read, as they were then.
    package var inputs: [(path: RepositoryPath, status: FileStatus)] = []
    /// Of these, files that no version made now would have, and that earlier runs wrote: what they wrote.
    package var made: [RepositoryPath: Set<ObjectID>] = [:]
    /// Small files of the working copy that neither git nor a version has: the code, as far as it is nowhere else.
    package var sources: [RepositoryPath] = []
    /// Files of git's that were read, by their paths below the top of the working copy, or from there.
    package var code: [[UInt8]] = []
    /// Data that is in no version, with the name by which it is told.
    package var external: [(place: FilePath, name: [UInt8], status: FileStatus)] = []
    /// What was looked for beside that; nothing where nobody saw it.
    var lookups: Lookups?
    /// Files of the working copy that were written, and are there.
    package var outputs: [RepositoryPath] = []
    /// What was written outside of the working copy, and is there.
    package var outside: [FilePath] = []
    /// Tracked files that were removed, or renamed away.
    package var removed: [RepositoryPath] = []
    /// Files of the working copy that were read or written, and that are passed over since their names tell of secrets.
    package var secrets: [RepositoryPath] = []
    /// Whether some of these, or such files elsewhere, were read.
    var hasReadSecrets = false
    /// Whether some of what was touched may not be looked at any more.
    var hasUnreadable = false
    /// Directories that hold the packages of an interpreter.
    var packageDirectories: Set<FilePath> = []
    /// Interpreters that were started.
    var interpreters: [FilePath] = []
    /// Files that were read and that were another one when they were read again, or are by now, without a copy.
    package var changed: [RepositoryPath] = []
    /// Files of the working copy that were read, as they were then, and those that were written.
    package var read: [FilePath: FileStatus] = [:]
    package var written: Set<FilePath> = []
}
