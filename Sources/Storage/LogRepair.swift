package import FileIO
package import ObjectModel

/// Puts in order what keeps a store from being opened: its file `format`, and the newest entry of its log, or one that the entry
/// behind it vouches for.
///
/// What is replaced is kept in `log/damaged`. An entry that can be told for sure comes back as it was. The newest one, where it cannot, is
/// made anew from the event of its operation, which lies in a pack that no entry names; without one it is set aside, and what it did is
/// undone. Then the log is another one than somebody may have seen: who has is told so.
package struct LogRepair: Sendable {
    /// What is done about one file.
    package enum Step: Sendable {
        /// `format` is written anew, with the origin that the log states.
        case format(StoreFormat)
        /// An entry comes back as it was.
        case restore(LogEntryFile)
        /// The newest entry is made anew from an event.
        case remake(LogEntryFile, Event)
        /// The newest entry goes: nobody can say what it was.
        case setAside(number: Int)
    }

    private let layout: StoreLayout
    private let files: any FileSystem

    package init(_ root: FilePath, files: any FileSystem) {
        layout = StoreLayout(root: root)
        self.files = files
    }

    // MARK: What is to be done

    /// What is done next; nothing if nothing can be.
    package func next() throws(StoreError) -> Step? {
        guard let origin = OriginOfLog(layout, files).origin else { return nil }
        let format = try self.format()
        if format?.origin != origin {
            return .format(
                StoreFormat(
                    origin: origin, cutRule: StoreFormat.cutRule,
                    sharedBits: format?.sharedBits ?? sharedBits()))
        }
        let log = OperationLog(layout: layout, files: files, origin: origin)
        guard let number = try firstDamaged(log) else { return nil }
        return try step(for: number, log)
    }

    private func format() throws(StoreError) -> StoreFormat? {
        let bytes = try filing { () throws(FileError) in
            try files.contentsIfPresent(layout.format, limit: 4096)
        }
        guard let bytes else { return nil }
        do throws(StoreError) { return try StoreFormat(bytes: bytes, layout: layout) } catch {
            // A later version's is not damaged.
            if case .format = error { throw error }
            return nil
        }
    }

    /// Whether the store was shared by a group: its directories tell.
    private func sharedBits() -> Int? {
        let permissions = (try? files.status(layout.newEntries))??.permissions ?? 0
        return permissions & 0o020 == 0 ? nil : 0o060
    }

    /// The first number of the log whose file is not what follows from those before it.
    private func firstDamaged(_ log: OperationLog) throws(StoreError) -> Int? {
        let numbers = try log.namedEntries()
        var last: Int?
        do throws(StoreError) { last = try log.newest()?.number } catch {
            guard case .damaged(let path, _) = error else { throw error }
            // Damage of anything else is not mended here.
            return numbers.first { layout.entry($0) == path }
        }
        // A gap: the entry in front of it is taken for the newest.
        return numbers.last.flatMap { $0 > last ?? -1 ? (last ?? -1) + 1 : nil }
    }

    private func step(for number: Int, _ log: OperationLog) throws(StoreError) -> Step? {
        let hidden = OperationLog(
            layout: layout, files: LogWithoutEntry(log.files, hidden: layout.entry(number)),
            origin: log.origin)
        guard let state = try number > 0 ? hidden.newest() : nil, state.number == number - 1 else {
            return nil
        }
        let isNewest = try log.namedEntries().last ?? number <= number
        let damaged = DamagedEntry(
            number: number, origin: log.origin, before: state.log,
            after: isNewest
                ? remembered().flatMap { $0.number == number ? $0.log : nil }
                : (try? log.entryFile(number + 1))?.before,
            bytes: (try? files.contents(layout.entry(number), limit: LogEntryFile.byteLimit)) ?? [])
        if let file = damaged.mended() { return .restore(file) }
        let lost = LostOperation(
            try ObjectStore.open(layout, files: files, at: state, of: hidden), files,
            behind: entries(behind: number, log), remembered: remembered())
        let candidates = try lost.candidates()
        for (file, _) in candidates where damaged.isConfirmed(file) { return .restore(file) }
        guard isNewest else { return nil }
        // Where its event can still be read, that is the one; else the one that came last.
        let named = candidates.first { damaged.names($0.0.entry.event) } ?? candidates.last
        if let (file, event) = named { return .remake(file, event) }
        return .setAside(number: number)
    }

    /// What `cache/` knows of the log.
    private func remembered() -> RememberedState? {
        let bytes = try? files.contentsIfPresent(layout.cache / "state", limit: 16 << 20)
        return (bytes ?? nil).flatMap { RememberedState(bytes: $0) }
    }

    /// The entries behind one, as far as their files can be read.
    private func entries(behind number: Int, _ log: OperationLog) -> [LogEntry] {
        let numbers = (try? log.namedEntries()) ?? []
        return numbers.filter { $0 > number }.compactMap { ((try? log.entryFile($0)) ?? nil)?.entry }
    }

    // MARK: Doing it

    /// Does what is to be done next.
    ///
    /// - Parameter nonce: Random, for names of files.
    /// - Throws: ``StoreError/outdated`` if somebody has written since it was found out.
    package func perform(_ step: Step, nonce: String) throws(StoreError) {
        switch step {
        case .format(let format):
            try replace(layout.format, with: format.bytes, nonce)
        case .restore(let file):
            try replace(layout.entry(file.entry.number), with: file.bytes, nonce)
        case .remake(let file, _):
            try requireNewest(file.entry.number)
            try replace(layout.entry(file.entry.number), with: file.bytes, nonce)
            try requireNewest(file.entry.number)
        case .setAside(let number):
            try requireNewest(number)
            try replace(layout.entry(number), with: nil, nonce)
            try requireNewest(number)
        }
    }

    private func requireNewest(_ number: Int) throws(StoreError) {
        let behind = try filing { () throws(FileError) in try files.status(layout.entry(number + 1)) }
        guard behind == nil else { throw .outdated }
    }

    /// Keeps what a file has in `log/damaged`, and gives its name to other bytes, durably and in one step, or to nothing.
    private func replace(_ path: FilePath, with bytes: [UInt8]?, _ nonce: String) throws(StoreError) {
        let kept = layout.log / "damaged"
        let name = String(decoding: path.name, as: UTF8.self)
        try filing { () throws(FileError) in
            if try files.status(path) != nil {
                try files.makeDirectories(kept, permissions: layout.directoryPermissions, below: layout.root)
                let copy = kept / "\(name)-\(nonce)"
                if bytes == nil {
                    try files.rename(path, to: copy)
                } else {
                    do throws(FileError) { try files.link(path, to: copy) } catch {
                        guard error.isNoLink else { throw error }
                        let content = (try? files.contents(path, limit: LogEntryFile.byteLimit)) ?? []
                        try write(content, to: copy)
                    }
                }
                try files.synchronizeDirectory(kept)
            }
            if let bytes {
                try files.makeDirectories(
                    layout.temporary, permissions: layout.directoryPermissions, below: layout.root)
                let temporary = layout.temporary / "mended-\(nonce)"
                try write(bytes, to: temporary)
                try files.rename(temporary, to: path)
            }
            try files.synchronizeDirectory(path.parent)
        }
    }

    private func write(_ bytes: [UInt8], to path: FilePath) throws(FileError) {
        let file = try layout.createTemporary(path, permissions: 0o444, files)
        defer { files.close(file) }
        try files.write(file, bytes)
        try files.synchronize(file)
    }
}

/// The files of a log, without one.
private struct LogWithoutEntry: LogFiles {
    let base: any LogFiles
    let hidden: FilePath

    init(_ base: any LogFiles, hidden: FilePath) { (self.base, self.hidden) = (base, hidden) }

    func contents(of path: FilePath, limit: Int) throws(StoreError) -> [UInt8]? {
        path == hidden ? nil : try base.contents(of: path, limit: limit)
    }

    func names(in directory: FilePath) throws(StoreError) -> [[UInt8]] { try base.names(in: directory) }

    func create(_ path: FilePath, _ bytes: [UInt8], nonce: String) throws(StoreError) -> Bool {
        try base.create(path, bytes, nonce: nonce)
    }

    func remove(_ path: FilePath) throws(StoreError) { try base.remove(path) }
}
