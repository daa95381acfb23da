package import ObjectModel

/// Where a file or directory of a version came from: the commit that made it, its run, and what went into that.
package struct Blame: Sendable {
    package let path: RepositoryPath
    /// The path at which the content was made, before files were renamed.
    package let origin: RepositoryPath
    package let entry: TreeEntry
    /// The commit that brought exactly this content, to this path or to one that it was renamed from; nothing where a run made it
    /// and no version has it.
    package let version: Version?
    /// The commit that brought the content back after it was gone, or took it from another branch, and has nothing of its own
    /// to say about it; nothing where it was there since ``version``.
    package let returned: Version?
    /// Whether ``version`` is none of those that ``returned`` was made from: the same bytes, made on another line of history.
    package let isElsewhere: Bool
    /// The commit that brought the same bytes before; ``version`` has a run that names them as its output again.
    package let madeBefore: Version?
    /// The run that made it; nothing where it came with the commit and no run of it says to have made it.
    package let making: Making?
    /// What went into the run, each traced in its turn.
    package let inputs: [Input]
    /// The files of a directory by the commits they came with, newest first.
    ///
    /// Empty where all came with ``version``. Of an input, only the files that a run has made.
    package let parts: [Part]
    /// The files that are in no part, and the commits they came with.
    package let otherParts: (files: Int, commits: Int)

    /// A run with its id.
    package struct Making: Sendable {
        package let id: ObjectID
        package let run: Run

        package init(id: ObjectID, run: Run) { (self.id, self.run) = (id, run) }

        /// When a run began: of two in one second, one may be known to be earlier.
        package struct Beginning: Comparable, Sendable {
            private let seconds: Int
            private let nanoseconds: Int

            /// Before all runs.
            static let always = Beginning(seconds: -1, nanoseconds: 0)

            fileprivate init(seconds: Int, nanoseconds: Int) {
                (self.seconds, self.nanoseconds) = (seconds, nanoseconds)
            }

            package static func < (one: Beginning, other: Beginning) -> Bool {
                (one.seconds, one.nanoseconds) < (other.seconds, other.nanoseconds)
            }
        }

        /// Of one that was only declared, when that was done.
        package var beginning: Beginning {
            Beginning(seconds: run.started ?? run.recorded, nanoseconds: run.startedFraction ?? 0)
        }

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

        package init(id: ObjectID, commit: Commit) { (self.id, self.commit) = (id, commit) }
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
        /// It lies deeper than was asked for.
        case deeper
    }

    /// One file or directory that a run read.
    package struct Input: Sendable {
        package let path: RepositoryPath
        package let entry: TreeEntry
        /// Where it came from; nothing where no commit has it and no run made it, and where ``untold`` says why it is not told.
        package let upstream: Blame?
        /// Why ``upstream`` is not told although that is known.
        package let untold: Untold?
        /// The commit it came from.
        package let commitID: ObjectID?
        /// The run that made it, where no version has it.
        package let maker: Making?
    }
}
