package import ObjectModel

/// Where a file or directory of a version came from: the commit that made it, its run, and what went into that.
package struct Blame: Sendable {
    package let path: RepositoryPath
    /// The path at which the content was made, before files were renamed.
    package let origin: RepositoryPath
    package let entry: TreeEntry
    /// The commit that brought exactly this content, to this path or to one that it was renamed from.
    package let commitID: ObjectID
    package let commit: Commit
    /// The commit that brought the content back after it was gone, or took it from another branch, and has nothing of its own
    /// to say about it; nothing where it was there since ``commitID``.
    package let returned: Version?
    /// Whether ``commit`` is none of those that ``returned`` was made from: the same bytes, made on another line of history.
    package let isElsewhere: Bool
    /// The commit that brought the same bytes before; ``commit`` has a run that names them as its output again.
    package let madeBefore: Version?
    /// The run that made it; nothing where it came with the commit and no run of it says to have made it.
    package let making: Making?
    /// What went into the run, each traced in its turn.
    package let inputs: [Input]
    /// The files of a directory by the commits they came with, newest first.
    ///
    /// Empty where all came with ``commit``. Of an input, only the files that a run has made.
    package let parts: [Part]
    /// The files that are in no part, and the commits they came with.
    package let otherParts: (files: Int, commits: Int)

    /// A run with its id.
    package struct Making: Sendable {
        package let id: ObjectID
        package let run: Run

        /// Whether the run says more than that something was committed.
        package var isTelling: Bool {
            run.origin == .observed || run.inputs != DirectoryTree.emptyRoot
                || !(run.parameters.isEmpty && run.metrics.isEmpty)
        }
    }

    /// A commit with its id.
    package struct Version: Sendable {
        package let id: ObjectID
        package let commit: Commit
    }

    /// Files of a directory that one commit brought.
    package struct Part: Sendable {
        package let files: Int
        package let bytes: Int
        /// Where one of them came from.
        package let example: Blame
    }

    /// Why the origin of an input is not told.
    package enum Untold: String, Sendable {
        /// It was told before, in the same answer.
        case told
        /// The files of the version that has it were collected.
        case collected
        /// It lies deeper than ``BlameWalk/depthLimit``.
        case deeper
    }

    /// One file or directory that a run read.
    package struct Input: Sendable {
        package let path: RepositoryPath
        package let entry: TreeEntry
        /// Where it came from; nothing where no commit has it, and where ``untold`` says why it is not told.
        package let upstream: Blame?
        /// Why ``upstream`` is not told although a commit has the input.
        package let untold: Untold?
        /// The commit it came from.
        package let commitID: ObjectID?
    }
}
