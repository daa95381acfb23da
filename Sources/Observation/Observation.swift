/// What was found out about a command by watching it.
package struct Observation: Sendable {
    /// How files were found.
    package enum Way: String, Sendable, CaseIterable {
        /// Every call that names a file was told by the kernel (seccomp user notification).
        case seccomp
        /// Processes told of each by a library that was loaded into them.
        case preload
        /// strace told of each, when the call had returned.
        case strace
        /// Nothing was watched: what somebody says counts.
        case declared
    }

    /// What the way in use could not see.
    package enum Gap: String, Sendable, CaseIterable {
        /// A process ran with another root directory or other mounts: its files have other names.
        case otherRoot
        /// Names that could not be read from a process.
        case unreadName
        /// A process made an io_uring, through which files are opened unseen.
        case ring
        /// A file was opened by a handle, and not by a name.
        case handle
        /// Some files could only be looked at after they had been changed, because a file system did not answer.
        case late
        /// Data from outside of the working copy was read, and was gone or another one at the end.
        case lostExternal
        /// More files were changed before the end than are named.
        case moreUncertain
        /// What was read and written could not be recorded, only how the command ended.
        case unrecorded
        /// Processes went on when the command had ended.
        case leftRunning
        /// Files were read that are passed over, since their names tell of secrets.
        case secrets
        /// A program that works with another user's rights was started; who is watched does not get them.
        case privileges
        /// A program was started that does not load libraries, or not ours: what it read and wrote is not known.
        case unwatched
        /// Files that were read or written may not be read at the end.
        case unreadable
        /// More names were looked for, or directories listed, than are noted.
        case moreLookups
        /// Several processes made the run together, and not all of them told what they did.
        case missingRank
    }

    /// Why a way cannot be gone.
    package enum Refusal: Error, Hashable, Sendable {
        /// The system refuses it, with an error number.
        case system(Int32)
        /// There is no library to load.
        case noLibrary
        /// The library is there, and programs do not load it.
        case notLoaded
        /// There is no strace, or it may not trace.
        case notTraced
    }

    package var way: Way
    package var log: AccessLog
    package var gaps: Set<Gap>

    package init(way: Way, log: AccessLog = AccessLog(), gaps: Set<Gap> = []) {
        (self.way, self.log, self.gaps) = (way, log, gaps)
    }
}
