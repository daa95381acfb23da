internal import FileIO

#if os(Linux)
    internal import CShims
#endif

/// What is noted of calls that have returned: what a file was before is not known any more, and said to be so.
extension FileWatch {
    /// The time as files are stamped with it, in nanoseconds since 1970.
    static var now: Int64 {
        #if os(Linux)
            mlrepo_file_time()
        #else
            0
        #endif
    }

    /// Of a file that is gone, or has become another one.
    private static let lost = FileStatus(
        kind: .file, permissions: 0, size: 0, modified: 0, changed: 0, inode: 0, device: 0)

    mutating func noteOpened(_ place: FilePath, _ opening: FileAccess.Opening, by name: FilePath?) {
        if let name, name != place, let link = self.place(name), link != place, status(link)?.kind == .link,
            AccessLog.realPath(link) == place
        {
            log.note(link: link, to: place)
        }
        let found = status(place)
        if let found, found.kind != .file { return }
        if opening != .reading { hear(of: place) }
        if log.files[place]?.isWritten == true { return log.note(.open(place, opening, was: found)) }
        if opening.contains(.truncating) || opening.contains(.exclusive) {
            return log.note(.link(place, replaced: nil))
        }
        guard opening.contains(.writing) else {
            guard let found else {
                vanished.insert(place)
                return
            }
            log.note(.open(place, .reading, was: found))
            // It may have been changed behind what was told.
            if found.changed >= beginning { log.note(unsteady: place) }
            return
        }
        if !isNew(place) {
            log.note(.open(place, .reading, was: Self.lost))
            log.note(unsteady: place)
        }
        log.note(.link(place, replaced: nil))
    }

    /// Something goes that can only be a file, and so was one when it was opened.
    private mutating func noteVanishing(_ place: FilePath) {
        guard vanished.remove(place) != nil else { return }
        log.note(.open(place, .reading, was: Self.lost))
        log.note(unsteady: place)
    }

    /// Whether a file was made since the beginning.
    private func isNew(_ place: FilePath) -> Bool {
        #if os(Linux)
            mlrepo_birth(place.description) >= beginning
        #else
            false
        #endif
    }

    mutating func noteRenamed(_ path: FilePath, _ other: FilePath) {
        guard let place = place(path), let otherPlace = self.place(other) else { return }
        let found = status(otherPlace) ?? Self.lost
        hear(of: otherPlace)
        if found.kind == .file { noteVanishing(place) } else { directories.removeAll() }
        log.note(.rename(place, to: otherPlace, was: found, replaced: nil))
    }

    mutating func noteRemoved(_ path: FilePath) {
        guard let place = place(path) else { return }
        noteVanishing(place)
        log.note(.remove(place, was: status(place) ?? Self.lost))
    }
}
