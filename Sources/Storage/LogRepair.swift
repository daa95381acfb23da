package import FileIO
package import ObjectModel

/// Puts in order what keeps a store from being opened: its file `format`, and entries of its log that those behind them, or who has
/// seen them, vouch for, or the newest one.
///
/// What is replaced is kept in `log/damaged`. An entry that can be told for sure comes back as it was. The newest one, where it cannot, is
/// made anew from the event of its operation, which lies in a pack that no entry names; without one it is set aside, and what it did is
/// undone. Then the log is another one than somebody may have seen: who has is told so.
package struct LogRepair: Sendable {
    /// What is done about one file.
    package enum Step: Sendable {
        /// `format` is written anew, with the origin that the log states.
        case format(StoreFormat)
        /// Entries come back as they were, in this order.
        case restore([LogEntryFile])
        /// The newest entry is made anew from an event; so many others would fit as well.
        case remake(LogEntryFile, Event, others: Int)
        /// The newest entry goes: nobody can say what it was.
        case setAside(number: Int)
        /// One entry stands for those that are lost and all behind them.
        case bridge(LogBridge)
        /// What was remembered of entries that are lost goes: up to this number.
        case forget(number: Int)
    }

    private let layout: StoreLayout
    private let files: any FileSystem
    /// Commits that working copies stand on: an operation that led there was done.
    private let standing: Set<ObjectID>
    /// Whether entries that were seen, and of which nothing is left, are given up.
    private let givesUp: Bool

    package init(
        _ root: FilePath, files: any FileSystem, standing: Set<ObjectID> = [], givingUp givesUp: Bool = false
    ) {
        layout = StoreLayout(root: root)
        (self.files, self.standing, self.givesUp) = (files, standing, givesUp)
    }

    // MARK: What is to be done

    /// What is done next; nothing if nothing can be.
    package func next() throws(StoreError) -> Step? {
        let format = try self.format()
        guard let origin = OriginOfLog(layout, files, beside: format).origin else { return nil }
        if format?.origin != origin {
            return .format(
                StoreFormat(
                    origin: origin, cutRule: StoreFormat.cutRule,
                    sharedBits: format?.sharedBits ?? sharedBits()))
        }
        let log = OperationLog(layout: layout, files: files, origin: origin)
        let remembered = RememberedState(in: layout, files)
        let damage = LogDamage(log, files, remembered: remembered)
        if let number = try damage.first() {
            if let step = try step(for: number, log) { return step }
            let behind = try log.namedEntries().filter { $0 >= number }
            // What is no entry proves nothing, unless somebody has seen one of that number.
            if let last = behind.last, behind.allSatisfy({ !mayBeEntry($0, log) }),
                givesUp || last > remembered?.number ?? -1
            {
                return .setAside(number: last)
            }
            if givesUp, let bridge = try bridge(over: number, behind, log, remembered) {
                return .bridge(bridge)
            }
            // What is not there hinders nobody who gives it up.
            guard behind.isEmpty else { return nil }
        }
        // Of a tile that is damaged itself, nothing comes back.
        if let file = (try? damage.sealed()) ?? nil { return .restore([file]) }
        guard let newest = try log.newest() else { return nil }
        if let remembered, try log.entry(of: remembered) == nil {
            return givesUp ? .forget(number: remembered.number) : nil
        }
        return try missing(behind: newest, log)
    }

    /// The newest entry, where its file is gone and nobody remembers it, but a working copy stands on the commit that it brought.
    private func missing(behind newest: StoreState, _ log: OperationLog) throws(StoreError) -> Step? {
        let store = try ObjectStore.open(layout, files: files, at: newest, of: log)
        let lost = standing.filter { !store.contains(ObjectReference(.commit, $0)) }
        guard !lost.isEmpty else { return nil }
        let candidates = try LostOperation(store, files, behind: [], remembered: nil).candidates().filter {
            $0.1.refs.contains { $0.after.map { lost.contains($0.id) } ?? false }
        }
        guard let (file, event) = candidates.last else { return nil }
        return .remake(file, event, others: candidates.count - 1)
    }

    private func format() throws(StoreError) -> StoreFormat? {
        let bytes = try filing { () throws(FileError) -> [UInt8]?? in
            do throws(FileError) { return try files.contentsIfPresent(layout.format, limit: 4096) } catch {
                guard error.isNoFile || error.isTooLarge else { throw error }
                return nil
            }
        }
        guard let bytes = bytes ?? nil else { return nil }
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

    /// A log as it is without an entry that is damaged or lost, and without what is none behind it.
    private func hidden(from number: Int, _ log: OperationLog) throws(StoreError) -> OperationLog {
        let others = try log.namedEntries().filter { $0 > number && !mayBeEntry($0, log) }
        return OperationLog(
            layout: layout,
            files: LogWithoutEntries(log.files, hidden: Set((others + [number]).map { layout.entry($0) })),
            origin: log.origin)
    }

    private func step(for number: Int, _ log: OperationLog) throws(StoreError) -> Step? {
        let hidden = try self.hidden(from: number, log)
        let state = try number > 0 ? hidden.newest() : nil
        guard state?.number ?? -1 == number - 1 else { return nil }
        let remembered = RememberedState(in: layout, files)
        let names = try log.namedEntries().filter { $0 >= number }
        let isNewest = !names.contains { $0 > number && mayBeEntry($0, log) }
        let damaged = DamagedEntry(
            number: number, origin: log.origin, before: state?.log ?? MerkleFrontier(),
            after: isNewest
                ? remembered.flatMap { $0.number == number ? $0.log : nil }
                : (try? log.entryFile(number + 1))?.before,
            bytes: (try? files.contents(layout.entry(number), limit: LogEntryFile.byteLimit)) ?? [])
        if let file = damaged.mended() { return .restore([file]) }
        if let state, let end = try end(ofLossFrom: number, names, remembered, log) {
            var chain = LostChain(
                hidden, files, behind: entries(behind: number, log), last: end.number, after: end.after)
            return chain.entries(after: state).map { .restore($0) }
        }
        guard let state else {
            guard let after = damaged.after else { return nil }
            let first = LostFirstEntry(
                log: hidden, files: files, behind: entries(behind: number, log), after: after)
            return first.entry().map { .restore([$0]) }
        }
        let lost = LostOperation(
            try ObjectStore.open(layout, files: files, at: state, of: hidden), files,
            behind: entries(behind: number, log), remembered: remembered)
        let candidates = try lost.candidates()
        for (file, _) in candidates where damaged.isConfirmed(file) { return .restore([file]) }
        // A guess counts only where somebody knows the log with it.
        if damaged.after != nil {
            for (file, _) in try lost.candidates(guessing: true) where damaged.isConfirmed(file) {
                return .restore([file])
            }
        }
        // That something lies behind a gap does not say that an entry was in it.
        guard isNewest, names.isEmpty || names.contains(number) else { return nil }
        if let (file, event) = likely(candidates, damaged) {
            return .remake(file, event, others: candidates.count - 1)
        }
        // What is not there need not go.
        return try log.namedEntries().contains(number) ? .setAside(number: number) : nil
    }

    /// What stands for an entry that cannot be told and all behind it; nothing where the log in front of it cannot be read.
    private func bridge(
        over number: Int, _ names: [Int], _ log: OperationLog, _ remembered: RememberedState?
    ) throws(StoreError) -> LogBridge? {
        let hidden = try self.hidden(from: number, log)
        guard number > 0, let state = try hidden.newest(), state.number == number - 1 else { return nil }
        return try LogBridge(
            behind: state, hidden, files, names: names.filter { $0 > number }, remembered: remembered)
    }

    /// Of several lost entries in a row the last one, and the log with it, as the entry behind it has it, or who remembers; nothing where
    /// one at most is lost, or nobody knows.
    ///
    /// What lies there and is no entry is as good as lost.
    private func end(
        ofLossFrom number: Int, _ names: [Int], _ remembered: RememberedState?, _ log: OperationLog
    ) throws(StoreError) -> (number: Int, after: MerkleFrontier)? {
        for name in names where name > number {
            guard let file = (try? log.entryFile(name)) ?? nil else { continue }
            return name == number + 1 ? nil : (name - 1, file.before)
        }
        guard let remembered, remembered.number > number else { return nil }
        return (remembered.number, remembered.log)
    }

    /// Whether a file in the log is an entry of that number, wherever it follows from; one that the disk does not give may be one.
    private func mayBeEntry(_ number: Int, _ log: OperationLog) -> Bool {
        do throws(StoreError) { return try log.entryFile(number) != nil } catch {
            return LogDamage.damagedFile(error) == nil
        }
    }

    /// The one whose event can still be read in the file; else the last one that led to where a working copy stands; else, of those that
    /// changed refs before the others, the one that came last.
    private func likely(
        _ candidates: [(LogEntryFile, Event)], _ damaged: DamagedEntry
    ) -> (LogEntryFile, Event)? {
        candidates.first { damaged.names($0.0.entry.event) }
            ?? candidates.last { $0.1.refs.contains { $0.after.map { standing.contains($0.id) } ?? false } }
            ?? candidates.last { !$0.1.refs.isEmpty } ?? candidates.last
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
        let format: StoreFormat? = if case .format(let new) = step { new } else { try self.format() }
        let replacing = format.map { ObjectStore.shared(files, $0) } ?? files
        let layout = StoreLayout(
            root: self.layout.root, directoryPermissions: format.map(ObjectStore.permissions) ?? 0o777)
        let replacement = FileReplacement(layout, replacing, nonce: nonce)
        switch step {
        case .format(let format): try replacement.replace(layout.format, with: format.bytes)
        case .restore(let entries):
            for file in entries { try replacement.replace(layout.entry(file.entry.number), with: file.bytes) }
        case .remake(let file, _, _):
            try requireNewest(file.entry.number)
            try replacement.replace(layout.entry(file.entry.number), with: file.bytes)
            try requireNewest(file.entry.number)
            try forget(from: file.entry.number, replacement)
        case .setAside(let number):
            try requireNewest(number)
            try replacement.replace(layout.entry(number), with: nil)
            try requireNewest(number)
            try forget(from: number, replacement)
        case .forget(let number):
            try forget(from: number, replacement)
        case .bridge(let bridge):
            let log = OperationLog(layout: layout, files: replacing, origin: bridge.origin)
            if let file = try bridge.entry(of: log, nonce: nonce) {
                try replacement.replace(layout.entry(file.entry.number), with: file.bytes)
            }
            // From the first one on: the last one tells what is to be done until it goes.
            for number in bridge.replaced { try replacement.replace(layout.entry(number), with: nil) }
            try forget(from: bridge.number, replacement)
        }
    }

    /// Sets aside what is remembered of an entry that is given up, or made anew, and of those behind it.
    private func forget(from number: Int, _ replacement: FileReplacement) throws(StoreError) {
        guard let remembered = RememberedState(in: layout, files), remembered.number >= number else { return }
        try replacement.replace(layout.cache / "state", with: nil)
    }

    /// Makes sure that nobody has written behind an entry; what is none is no hindrance.
    private func requireNewest(_ number: Int) throws(StoreError) {
        guard let origin = OriginOfLog(layout, files, beside: try format()).origin else { throw .outdated }
        let log = OperationLog(layout: layout, files: files, origin: origin)
        guard !mayBeEntry(number + 1, log) else { throw .outdated }
    }
}

/// The files of a log, without some.
private struct LogWithoutEntries: LogFiles {
    let base: any LogFiles
    let hidden: Set<FilePath>

    init(_ base: any LogFiles, hidden: Set<FilePath>) { (self.base, self.hidden) = (base, hidden) }

    func contents(of path: FilePath, limit: Int) throws(StoreError) -> [UInt8]? {
        hidden.contains(path) ? nil : try base.contents(of: path, limit: limit)
    }

    func names(in directory: FilePath) throws(StoreError) -> [[UInt8]] { try base.names(in: directory) }

    func create(_ path: FilePath, _ bytes: [UInt8], nonce: String) throws(StoreError) -> Bool {
        try base.create(path, bytes, nonce: nonce)
    }

    func remove(_ path: FilePath) throws(StoreError) { try base.remove(path) }
}
