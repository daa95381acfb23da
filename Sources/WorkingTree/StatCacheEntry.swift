package import FileIO
package import ObjectModel

/// What is known of a file of the base version, and when it was last seen to be that.
package struct StatCacheEntry: Sendable {
    package var name: [UInt8]
    package var mode: EntryMode
    package var id: ObjectID
    /// The size in bytes of the base version's file.
    package var size: Int
    /// When the file on disk was last seen to have this content; nothing if it was not yet.
    package var seen: Seen?
    /// In a ``StatTable`` the block of a directory's own entries; 0 for others.
    var block = 0

    package init(_ entry: TreeEntry, seen: Seen?) {
        self.init(name: entry.name.bytes, mode: entry.mode, id: entry.id, size: entry.size, seen: seen)
    }

    init(name: [UInt8], mode: EntryMode, id: ObjectID, size: Int, seen: Seen?, block: Int = 0) {
        self.name = name
        self.mode = mode
        self.id = id
        self.size = size
        self.seen = seen
        self.block = block
    }

    /// Whether a status is the one the entry was last seen with.
    func isUnchanged(_ status: FileStatus) -> Bool {
        guard let seen, mode != .directory else { return false }
        return mode.matches(status) && size == status.size && seen == Seen(status)
    }

    /// The status that a file had while it had the content.
    package struct Seen: Hashable, Sendable {
        package let modified: Int64
        package let changed: Int64
        package let inode: UInt64
        package let device: UInt32

        package init(_ status: FileStatus) {
            modified = status.modified
            changed = status.changed
            inode = status.inode
            device = UInt32(truncatingIfNeeded: status.device)
        }

        /// Whether it is so old that the file cannot have changed without another time since.
        ///
        /// - Parameter clock: The file system's time, in nanoseconds since 1970.
        package func isOld(at clock: Int64) -> Bool { Snapshot.isOld(modified, changed, at: clock) }

        init(modified: Int64, changed: Int64, inode: UInt64, device: UInt32) {
            self.modified = modified
            self.changed = changed
            self.inode = inode
            self.device = device
        }
    }
}

extension EntryMode {
    /// Whether a file on disk is of this mode.
    package func matches(_ status: FileStatus) -> Bool {
        switch self {
        case .file: status.kind == .file && !status.isExecutable
        case .executable: status.kind == .file && status.isExecutable
        case .link: status.kind == .link
        case .directory: status.kind == .directory
        }
    }
}
