package import FileIO

/// What a command is about to do with files, by the paths that it means.
enum FileRequest: Sendable {
    case open(FilePath, FileAccess.Opening)
    case execute(FilePath)
    case rename(FilePath, to: FilePath)
    /// A file that was made just now under a name that nobody knew before.
    case created(FilePath)
    /// Two files get each other's name.
    case exchange(FilePath, FilePath)
    case link(FilePath)
    case symbolicLink(FilePath)
    case remove(FilePath)
    /// A directory that is gone to, or opened without looking into it.
    case enter(FilePath)
    /// A directory whose names are read.
    case list(FilePath)
    /// A file that was to be opened, and was not there.
    case missed(FilePath)
    /// What was done already: a file that was opened, without links on its way, and the name that it was opened by.
    case opened(FilePath, FileAccess.Opening, by: FilePath?)
    case renamed(FilePath, to: FilePath)
    case removed(FilePath)

    /// Whether it changes what is there: then what was there is looked at before.
    var isChange: Bool {
        switch self {
        case .open(_, let opening): opening != .reading
        case .enter, .execute, .list, .missed, .opened, .renamed, .removed: false
        case .created, .rename, .exchange, .link, .symbolicLink, .remove: true
        }
    }
}

/// Keeps what a command has read, before the command changes it.
package protocol FileKeeper: Sendable {
    /// Is called while the command waits, before a file changes, or goes, that was read as it is.
    func keep(_ place: FilePath, _ status: FileStatus)

    /// Is called while the command waits, before it opens a file for writing, or gives a file or directory this name.
    func hear(of place: FilePath)

    /// Is called while the command waits, before it removes a file.
    func rescue(_ place: FilePath, _ status: FileStatus)
}

extension FileKeeper {
    package func hear(of place: FilePath) {}
    package func rescue(_ place: FilePath, _ status: FileStatus) {}
}

/// Looks at the files that a command asks for, and notes what it finds.
struct FileWatch {
    private let files: any FileSystem
    /// Directories without links, by the names that led to them; both with nothing but names behind them to come.
    var directories: [[UInt8]: [UInt8]] = [:]
    var log: AccessLog
    /// What was opened for reading and was gone when it was looked at: files, or directories.
    var vanished: Set<FilePath> = []
    /// What changed at this time or later may be the command's doing.
    let beginning = Self.now
    private let keeper: (any FileKeeper)?

    /// - Parameters:
    ///   - log: What is known before.
    ///   - keeper: Told of files that were read, before they change.
    init(_ files: any FileSystem, log: AccessLog, keeper: (any FileKeeper)?) {
        (self.files, self.log, self.keeper) = (files, log, keeper)
    }

    /// Has what the command has read kept, if it is about to go or to be written for the first time.
    ///
    /// - Parameter isReading: It may be read by what is about to happen.
    private func keep(_ place: FilePath, _ status: FileStatus?, isReading: Bool = false) {
        guard let keeper, let status, status.kind == .file else { return }
        if let file = log.files[place] {
            guard file.isRead || isReading, !file.isWritten, file.before == status else { return }
        } else if !isReading {
            return
        }
        keeper.keep(place, status)
    }

    func hear(of place: FilePath) { keeper?.hear(of: place) }

    mutating func note(_ request: FileRequest) {
        switch request {
        case .open(let path, let opening):
            guard let place = place(path) else {
                if !opening.contains(.creating) { noteAbsent(path) }
                return
            }
            let found = status(place)
            guard found?.kind == .link else { return noteOpening(place, opening, found) }
            // What the link leads to is what is opened, also where it is made by that.
            let target = AccessLog.target(of: place)
            log.note(link: place, to: target ?? place)
            guard let target else { return }
            noteOpening(target, opening, status(target))
        case .execute(let path):
            if let target = follow(path, toProgram: true) { log.note(.execute(target, was: status(target))) }
        case .rename(let path, let other):
            guard let place = place(path), let otherPlace = self.place(other) else { return }
            let (was, replaced) = (status(place), status(otherPlace))
            // Links among directories may lead elsewhere from now on.
            if was?.kind != .file { directories.removeAll() }
            keep(place, was)
            keep(otherPlace, replaced)
            keeper?.hear(of: otherPlace)
            if was?.kind == .directory { noteInside(place, movedTo: otherPlace) }
            log.note(.rename(place, to: otherPlace, was: was, replaced: replaced))
        case .created(let path):
            if let place = place(path) { log.note(.link(place, replaced: nil)) }
        case .exchange(let path, let other):
            guard let place = place(path), let otherPlace = self.place(other) else { return }
            let (one, another) = (status(place), status(otherPlace))
            if one?.kind != .file || another?.kind != .file { directories.removeAll() }
            keep(place, one, isReading: true)
            keep(otherPlace, another, isReading: true)
            if one?.kind == .directory { noteInside(place, movedTo: otherPlace) }
            if another?.kind == .directory { noteInside(otherPlace, movedTo: place) }
            log.note(.exchange(place, otherPlace, was: one, other: another))
        case .link(let path):
            if let place = place(path) { log.note(.link(place, replaced: status(place))) }
        case .symbolicLink(let path):
            directories.removeAll()
            if let place = place(path) { log.note(.link(place, replaced: status(place))) }
        case .enter(let path):
            if let place = follow(path), status(place) == nil, log.hasRoomForAbsent {
                log.note(absent: place)
            }
        case .list(let path):
            guard let place = AccessLog.realPath(path) else { return noteAbsent(path) }
            log.note(listed: place)
        case .missed(let path): noteAbsent(path)
        case .opened(let path, let opening, let name): noteOpened(path, opening, by: name)
        case .renamed(let path, let other): noteRenamed(path, other)
        case .removed(let path): noteRemoved(path)
        case .remove(let path):
            guard let place = place(path) else { return }
            let was = status(place)
            if was?.kind == .link { directories.removeAll() }
            keep(place, was)
            if let was, was.kind == .file { keeper?.rescue(place, was) }
            log.note(.remove(place, was: was))
        }
    }

    /// Notes of each file in a directory that gets another name what it was: its own name changes as well.
    private mutating func noteInside(_ directory: FilePath, movedTo other: FilePath) {
        var waiting = [(directory, other)]
        while let (from, to) = waiting.popLast() {
            for name in (try? files.names(in: from)) ?? [] {
                let (place, otherPlace) = (from.appending(name), to.appending(name))
                guard let was = status(place) else { continue }
                if was.kind == .directory {
                    waiting.append((place, otherPlace))
                } else if was.kind == .file, log.files[place]?.isWritten != true {
                    log.note(.rename(place, to: otherPlace, was: was, replaced: nil))
                }
            }
        }
    }

    private mutating func noteOpening(_ place: FilePath, _ opening: FileAccess.Opening, _ was: FileStatus?) {
        // What is written behind what is there, or into it, is made from that, too.
        let isReading = !opening.contains(.truncating)
        if opening.contains(.exclusive), was != nil { return }
        if opening != .reading {
            keep(place, was, isReading: isReading)
            keeper?.hear(of: place)
        }
        log.note(.open(place, opening, was: was))
    }

    /// Notes that a file was looked for in vain, and the links that were followed meanwhile.
    mutating func noteAbsent(_ path: FilePath) {
        guard log.hasRoomForAbsent, let place = follow(path) else { return }
        if status(place) == nil { log.note(absent: place) }
    }

    func status(_ path: FilePath) -> FileStatus? { (try? files.status(path)) ?? nil }

    /// Follows a path as the system does, and notes the links on it.
    ///
    /// - Parameter program: It leads to a program.
    /// - Returns: Where it leads, whether something is there or not; nothing where links lead in a circle.
    @discardableResult
    private mutating func follow(_ path: FilePath, toProgram program: Bool = false) -> FilePath? {
        var above = FilePath([UInt8(ascii: "/")])
        for name in path.bytes.split(separator: UInt8(ascii: "/")) {
            if name.elementsEqual(".".utf8) { continue }
            if name.elementsEqual("..".utf8) {
                above = above.parent
                continue
            }
            let place = above.appending(name)
            guard status(place)?.kind == .link else {
                above = place
                continue
            }
            let target = AccessLog.target(of: place)
            log.note(link: place, to: target ?? place, ofProgram: program)
            guard let target else { return nil }
            above = target
        }
        return above
    }

    /// A path without links on the way; its last name may be one.
    ///
    /// Nothing if its directory is not there.
    mutating func place(_ path: FilePath) -> FilePath? {
        let bytes = path.bytes
        guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return nil }
        let name = bytes[(slash + 1)...]
        // What ends so is a directory.
        if name.isEmpty || name.elementsEqual(".".utf8) || name.elementsEqual("..".utf8) {
            follow(path)
            return AccessLog.realPath(path)
        }
        let directory = Array(bytes[..<max(1, slash)])
        if let known = directories[directory] { return FilePath(known + name) }
        // One that is not there may be made later.
        guard let found = AccessLog.realPath(FilePath(directory)) else { return nil }
        let isTop = found.bytes.last == UInt8(ascii: "/")
        let known = isTop ? found.bytes : found.bytes + [UInt8(ascii: "/")]
        if directory[...] != found.bytes[...] {
            follow(FilePath(directory))
            // Others may have a link lead elsewhere meanwhile: it is followed anew each time.
            if FilePath(directory).normalized != found { return FilePath(known + name) }
        }
        // With its slash, ready for names.
        directories[directory] = known
        return FilePath(known + name)
    }
}
