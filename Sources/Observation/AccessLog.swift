package import FileIO

#if os(Linux)
    internal import CShims
#endif
#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// What a command did with each file, made of what it asked for, in that order.
///
/// Pure: nothing here looks at a disk. What was asked may have failed; whoever uses this looks at what is there afterwards.
package struct AccessLog: Sendable {
    /// One file that the command asked for by name.
    package struct File: Sendable {
        /// As it was when it was first asked for; nothing if it was not there.
        package let before: FileStatus?
        /// What was there before the command, or came from elsewhere meanwhile, was read.
        package internal(set) var isRead = false
        package internal(set) var isWritten = false
        /// It was started as a program.
        package internal(set) var isExecuted = false
        /// It was another one when it was read again, and the command had not changed it.
        package internal(set) var isUnsteady = false
        /// It was removed, or renamed away; it may have come again since.
        package internal(set) var isRemoved = false

        init(before: FileStatus?) { self.before = before }
    }

    /// By absolute path, without links on the way.
    package internal(set) var files: [FilePath: File] = [:]
    /// Directories that got their name while the command ran, with all that was in them.
    package internal(set) var movedDirectories: [FilePath] = []
    /// Links that were followed, each with where it led first; both without links on the way.
    package internal(set) var links: [FilePath: FilePath] = [:]
    /// The same of links to programs.
    package internal(set) var programLinks: [FilePath: FilePath] = [:]
    /// Files that were to be opened or executed, and were not there.
    package internal(set) var absent: Set<FilePath> = []
    /// Directories whose names were read.
    package internal(set) var listed: Set<FilePath> = []
    /// There were more names of these kinds than are noted.
    package internal(set) var hasMoreLookups = false

    /// More are not noted, of each kind.
    static let mostLookups = 100_000

    package init() {}

    /// Whether a program was started that works with its owner's or its group's rights.
    package var hasPrivileged: Bool {
        // The set-user-ID and set-group-ID bits.
        files.values.contains { $0.isExecuted && ($0.before?.permissions ?? 0) & 0o6000 != 0 }
    }

    /// Notes a link that is followed.
    ///
    /// - Parameter path: Where it leads; the link itself where it leads in a circle.
    package mutating func note(link: FilePath, to path: FilePath, ofProgram: Bool = false) {
        if ofProgram {
            if programLinks.count < Self.mostLookups, programLinks[link] == nil { programLinks[link] = path }
            return
        }
        guard links[link] == nil else { return }
        if links.count < Self.mostLookups { links[link] = path } else { hasMoreLookups = true }
    }

    /// Whether another file can be noted that is not there.
    var hasRoomForAbsent: Bool { absent.count < Self.mostLookups }

    /// Notes a file that is to be opened and is not there.
    package mutating func note(absent path: FilePath) {
        // What the command has removed itself, or moved, it knows to be gone.
        guard files[path] == nil else { return }
        if hasRoomForAbsent { absent.insert(path) } else { hasMoreLookups = true }
    }

    /// Notes a directory whose names are read.
    package mutating func note(listed path: FilePath) {
        if listed.count < Self.mostLookups || listed.contains(path) {
            listed.insert(path)
        } else {
            hasMoreLookups = true
        }
    }

    /// Nobody knows what a file was when it was read.
    package mutating func note(unsteady path: FilePath) { files[path]?.isUnsteady = true }

    package mutating func note(_ access: FileAccess) {
        switch access {
        case .open(let path, let opening, let status):
            // What is not there and not made cannot be opened.
            guard status != nil || opening.contains(.creating) else { return note(absent: path) }
            if let status, status.kind != .file { return }
            // What was there would have been kept, and so it matters that nothing was.
            if status == nil, opening.isDisjoint(with: [.truncating, .exclusive]) { note(absent: path) }
            files[path, default: File(before: status)].open(opening, status)
        case .execute(let path, let status):
            guard let status else { return note(absent: path) }
            guard status.kind == .file else { return }
            files[path, default: File(before: status)].execute()
        case .rename(let path, let other, let status, let replaced):
            guard let status else { return }
            if status.kind == .directory {
                moveDirectory(path, to: other)
            } else {
                let moved = files[path] ?? File(before: status)
                files[path] = moved.movedAway()
                files[other] = (files[other] ?? File(before: replaced)).written()
            }
        case .exchange(let path, let other, let status, let otherStatus):
            guard let status, let otherStatus, status.kind == .file, otherStatus.kind == .file else { return }
            files[path] = (files[path] ?? File(before: status)).movedAway().written()
            files[other] = (files[other] ?? File(before: otherStatus)).movedAway().written()
        case .link(let path, let replaced):
            // A link does not replace anything: it fails.
            if replaced == nil { files[path] = (files[path] ?? File(before: nil)).written() }
        case .remove(let path, let status):
            guard let status else { return }
            files[path] = (files[path] ?? File(before: status)).removed()
        }
    }

    private mutating func moveDirectory(_ path: FilePath, to other: FilePath) {
        movedDirectories.removeAll { $0 == path }
        movedDirectories.append(other)
        let prefix = path.bytes + [UInt8(ascii: "/")]
        let inside = files.keys.filter { $0.bytes.starts(with: prefix) }
        for old in inside {
            guard let file = files[old] else { continue }
            files[old] = file.movedAway()
            if file.isWritten {
                let new = other.appending(old.bytes.dropFirst(prefix.count))
                files[new] = (files[new] ?? File(before: nil)).written()
            }
        }
    }
}

extension AccessLog.File {
    fileprivate mutating func open(_ opening: FileAccess.Opening, _ status: FileStatus?) {
        // What is written into what is there, or behind it, is made from that, too.
        let isKept = opening.contains(.writing) && (status?.size ?? 0) > 0
        // What the command has written itself is none of what it was made from.
        if status != nil, !isWritten, opening.contains(.reading) || isKept, !opening.contains(.truncating) {
            if isRead, status != before { isUnsteady = true }
            isRead = true
        }
        if opening.contains(.writing) || opening.contains(.truncating) || (status == nil) { isWritten = true }
    }

    fileprivate mutating func execute() {
        isExecuted = true
        if !isWritten { isRead = true }
    }

    fileprivate func written() -> AccessLog.File {
        var file = self
        file.isWritten = true
        return file
    }

    fileprivate func removed() -> AccessLog.File {
        var file = self
        file.isRemoved = true
        return file
    }

    /// What has another name now went into what is there.
    fileprivate func movedAway() -> AccessLog.File {
        var file = removed()
        if !file.isWritten, file.before != nil { file.isRead = true }
        return file
    }
}

extension AccessLog {
    /// Where a link leads, without links on the way, also where nothing is; nothing where it leads in a circle.
    package static func target(of link: FilePath) -> FilePath? {
        if let found = realPath(link) { return found }
        var next = link
        // As many as the system follows.
        for _ in 0..<40 {
            var room = [UInt8](repeating: 0, count: 4096)
            let path = next.bytes.map { CChar(bitPattern: $0) } + [0]
            let count = room.withUnsafeMutableBytes { room in
                room.baseAddress.map { readlink(path, $0.assumingMemoryBound(to: CChar.self), room.count) }
                    ?? -1
            }
            if count < 0 { return next }
            let target = next.parent.appending(room[..<count])
            guard let above = realPath(target.parent) else { return target.normalized }
            next = above.appending(target.name)
        }
        return nil
    }

    /// When a file was made, in nanoseconds since 1970; nothing where its file system does not tell.
    package static func birth(of path: FilePath) -> Int64? {
        #if os(Linux)
            let birth = mlrepo_birth(path.bytes.map { CChar(bitPattern: $0) } + [0])
            return birth >= 0 ? birth : nil
        #else
            return nil
        #endif
    }

    /// Where a path leads, without links: in the form of ``files``; nothing if nothing is there.
    package static func realPath(_ path: FilePath) -> FilePath? {
        guard let found = realpath(path.bytes.map { CChar(bitPattern: $0) } + [0], nil) else { return nil }
        defer { free(found) }
        return FilePath(Array(UnsafeRawBufferPointer(start: found, count: strlen(found))))
    }
}
