internal import Coding
package import FileIO
package import ObjectModel
internal import Synchronization

/// What an operation does to a store.
package struct StoreOperation: Sendable {
    package let event: ObjectID
    /// Root of the map of all refs after it.
    package let refs: ObjectID
    package let packs: PackChanges
    /// Seconds since 1970-01-01T00:00:00Z.
    package let time: Int

    package init(event: ObjectID, refs: ObjectID, packs: PackChanges, time: Int) {
        self.event = event
        self.refs = refs
        self.packs = packs
        self.time = time
    }
}

/// The objects of one store on a disk, as of the newest log entry that was read.
///
/// May be used from any thread. Every payload that it hands out has the id that was asked for.
package final class ObjectStore: ObjectReader {
    package let layout: StoreLayout
    package let format: StoreFormat
    package let files: any FileSystem
    package let log: OperationLog
    /// What somebody has seen of the log that it did not have when the store was opened.
    private let seen: RememberedState?

    private let state: Mutex<Snapshot>
    /// Live packs that are not to be opened, in a store that is opened for repair; nothing otherwise.
    private let damaged: Set<PackName>?
    /// Packs that are read with those of the store and are not its own.
    private let foreign: [PackReader]
    /// Asked before an entry is made, where the store has a policy.
    private let governance: StoreGovernance?
    let cache = FrameCache(limit: 48 << 20)
    let coders = Mutex<[CoderBox]>([])
    /// A guess, as packs come and go: the place in ``packs`` at which metadata was found last.
    ///
    /// What is asked for next is often beside it.
    let likelyPack = Atomic(0)

    /// The state, and its packs opened.
    private struct Snapshot {
        var state: StoreState
        var packs: [PackReader]
        /// Packs that were doomed since the store was opened.
        var doomed: Set<PackName> = []
    }

    private init(
        layout: StoreLayout, format: StoreFormat, files: any FileSystem, log: OperationLog, state: StoreState,
        damaged: Set<PackName>?, reusing packs: [PackReader] = [], foreign: [PackReader] = [],
        seen: RememberedState? = nil, governance: StoreGovernance? = nil
    ) throws(StoreError) {
        self.governance = governance
        self.seen = seen
        self.layout = layout
        self.format = format
        self.files = files
        self.log = log
        self.damaged = damaged
        self.foreign = foreign
        let packs = try Self.packs(of: state, reusing: packs, without: damaged, layout, files)
        self.state = Mutex(Snapshot(state: state, packs: packs + foreign))
    }

    // MARK: Opening

    /// Opens the store whose `format` lies in a directory.
    ///
    /// - Parameters:
    ///   - signer: Signs each entry that is made, if they are to be signed.
    ///   - governance: Takes its place where the store has a policy.
    ///   - isRemembering: Whether the state that is found is written to `cache/` for the next one.
    package static func open(
        _ root: FilePath, files: any FileSystem, signing signer: EntrySigner? = nil,
        governed governance: StoreGovernance? = nil, remembering isRemembering: Bool = true
    ) throws(StoreError) -> ObjectStore {
        try open(
            root, files: files, damaged: nil, signing: signer, governance, isRemembering: isRemembering)
    }

    /// Whether a store has a policy, by its newest entry; nothing is written.
    package static func isGoverned(_ root: FilePath, files: any FileSystem) throws(StoreError) -> Bool {
        guard let (layout, format) = try readFormat(root, files: files) else { throw .notFound(root) }
        let log = OperationLog(layout: layout, files: files, origin: format.origin)
        return try log.newestNamed()?.features.contains(StoreState.policy) ?? false
    }

    /// Opens a store for repair: without some live packs, and without those that cannot be opened.
    ///
    /// ``leftOut`` names them all.
    package static func open(
        _ root: FilePath, files: any FileSystem, leavingOut damaged: Set<PackName>,
        signing signer: EntrySigner? = nil, governed governance: StoreGovernance? = nil
    ) throws(StoreError) -> ObjectStore {
        try open(root, files: files, damaged: damaged, signing: signer, governance)
    }

    private static func open(
        _ root: FilePath, files: any FileSystem, damaged: Set<PackName>?, signing signer: EntrySigner? = nil,
        _ governance: StoreGovernance? = nil, isRemembering: Bool = true
    ) throws(StoreError) -> ObjectStore {
        guard let (layout, format) = try readFormat(root, files: files) else { throw .notFound(root) }
        let files = shared(files, format)
        var log = OperationLog(layout: layout, files: files, origin: format.origin)
        log.signer = signer
        let remembered = RememberedState(in: layout, files)
        let known = try state(remembered, log)
        guard var state = try log.newest(from: known) else {
            throw .damaged(layout.newEntries, problem: "the log has no entries")
        }
        while true {
            if let governance, state.isGoverned { log.signer = governance.signer }
            do throws(StoreError) {
                // One that the log does not have says that the log has lost entries: that is for a repair.
                let seen = known == nil ? remembered : nil
                let store = try ObjectStore(
                    layout: layout, format: format, files: files, log: log, state: state, damaged: damaged,
                    seen: seen, governance: governance)
                if state != known, seen == nil, isRemembering { store.remember(state) }
                return store
            } catch {
                // A pack that is gone may have been merged or collected meanwhile: then the log has gone on.
                guard case .missingPack = error, let newer = try log.newest(from: state), newer != state
                else {
                    throw error
                }
                state = newer
            }
        }
    }

    /// Whether an object is there; an empty tree always is.
    package func containsOrIsEmpty(_ reference: ObjectReference) -> Bool {
        contains(reference) || ObjectEdge.isEmptyTree(reference)
    }

    /// The store as it will be with an entry that is about to be made.
    package func with(
        _ file: LogEntryFile, _ packs: PackChanges, on base: StoreState
    ) throws(StoreError) -> ObjectStore {
        let state = try base.followed(by: file, packs: packs, layout: layout)
        // All of its packs have to be there.
        return try ObjectStore(
            layout: layout, format: format, files: files, log: log, state: state, damaged: nil)
    }

    /// Opens the store as it was at some entry, to look into it.
    static func open(
        _ layout: StoreLayout, files: any FileSystem, at state: StoreState, of log: OperationLog
    ) throws(StoreError) -> ObjectStore {
        guard let (layout, format) = try readFormat(layout.root, files: files) else {
            throw .notFound(layout.root)
        }
        return try ObjectStore(
            layout: layout, format: format, files: files, log: log, state: state, damaged: [])
    }

    private static func readFormat(
        _ root: FilePath, files: any FileSystem
    ) throws(StoreError) -> (layout: StoreLayout, format: StoreFormat)? {
        let plain = StoreLayout(root: root)
        let bytes = try filing { () throws(FileError) in
            try files.contentsIfPresent(plain.format, limit: 4096)
        }
        guard let bytes else { return nil }
        let format = try StoreFormat(bytes: bytes, layout: plain)
        return (StoreLayout(root: root, directoryPermissions: permissions(format)), format)
    }

    /// The file system for what a store that a group shares gets.
    static func shared(_ files: any FileSystem, _ format: StoreFormat) -> any FileSystem {
        (format.sharedBits ?? 0) & 0o060 == 0o060 ? SharedFileSystem(files) : files
    }

    static func permissions(_ format: StoreFormat) -> UInt16 {
        0o777 | UInt16(truncatingIfNeeded: format.sharedBits ?? 0)
    }

    /// The state that is remembered, if it is one of this log.
    private static func state(
        _ remembered: RememberedState?, _ log: OperationLog
    ) throws(StoreError) -> StoreState? {
        guard let remembered, let entry = try log.entry(of: remembered) else { return nil }
        return try StoreState(remembered, entry: entry)
    }

    /// Writes the state to `cache/`, where the next command finds it.
    ///
    /// A store that cannot be written to does without.
    private func remember(_ state: StoreState) {
        let temporary = layout.temporary / "state-\(state.log.root.hex)"
        do throws(FileError) {
            try files.removeIfPresent(temporary)
            let file = try layout.createTemporary(temporary, permissions: 0o666, files)
            defer { files.close(file) }
            try files.write(file, state.remembered.bytes)
            // A link to somewhere else was not made by us.
            let kind = try files.status(layout.cache)?.kind
            if kind == nil {
                try files.makeDirectories(
                    layout.cache, permissions: layout.directoryPermissions, below: layout.root)
            }
            guard kind == nil || kind == .directory else { return try files.remove(temporary) }
            try files.rename(temporary, to: layout.cache / "state")
        } catch { try? files.removeIfPresent(temporary) }
    }

    /// Makes a store, or finishes one whose making was interrupted.
    ///
    /// - Parameters:
    ///   - event: Who makes it; its refs are empty.
    ///   - random: Hands out that many random bytes.
    package static func create(
        _ root: FilePath, format: StoreFormat, event: Event, files: any FileSystem,
        random: @Sendable (Int) -> [UInt8]
    ) throws(StoreError) -> ObjectStore {
        let layout = StoreLayout(root: root, directoryPermissions: permissions(format))
        var format = format
        if let existing = try readFormat(root, files: files)?.format {
            let log = OperationLog(layout: layout, files: files, origin: existing.origin)
            if try log.entryFile(0) != nil { throw .exists(root) }
            if try log.tile(0) != nil { throw .exists(root) }
            format = existing
        } else {
            try requireNothingBegun(layout, files)
        }
        let files = shared(files, format)
        try filing { () throws(FileError) in
            for directory in [
                layout.packs, layout.newEntries, layout.lists, layout.tiles, layout.temporary, layout.cache,
            ] {
                try files.makeDirectories(directory, permissions: layout.directoryPermissions)
            }
            // Whoever is killed while one is opened to the group would leave one that colleagues cannot write to.
            for byte in UInt8.min...UInt8.max where format.sharedBits != nil {
                let directory = layout.packs / Hex.text([byte])
                try files.makeDirectories(directory, permissions: layout.directoryPermissions)
            }
            if try files.status(layout.format) == nil {
                let temporary = layout.temporary / "format-\(Hex.text(random(8)))"
                let file = try files.create(temporary, permissions: 0o444)
                defer { files.close(file) }
                try files.write(file, format.bytes)
                try files.synchronize(file)
                try publish(temporary, as: layout.format, files)
            }
            for directory in [layout.newEntries.parent, layout.root, layout.root.parent] {
                try files.synchronizeDirectory(directory)
            }
        }
        // Somebody else may have made the same store at the same time: there is one `format`, whoever wrote it.
        guard let format = try readFormat(root, files: files)?.format else { throw .notFound(root) }
        let log = OperationLog(layout: layout, files: files, origin: format.origin)
        var builder = FrameBuilder(.metadata)
        let refs = BuiltTree<RefEntry>(leaves: [])
        for node in refs.nodes { builder.add(ObjectReference(.refs, node.id), node.payload) }
        let (eventID, payload) = (ObjectID(of: .event, payload: event.payload), event.payload)
        builder.add(ObjectReference(.event, eventID), payload)
        let writer = try PackWriter(layout: layout, files: files, nonce: random(PackName.nonceByteCount))
        let frame: EncodedFrame
        do throws(CodingError) { frame = try builder.finish(FrameCoder()) } catch {
            throw .damaged(layout.temporary, problem: "\(error)")
        }
        guard try writer.append(frame), let pack = try writer.finish() else { throw .outdated }
        let nonce = Hex.text(random(8))
        let entry = try log.proposal(
            after: nil, event: eventID, refs: refs.root, packs: PackChanges(added: [pack.name]),
            time: event.time, nonce: nonce)
        guard try log.append(entry, nonce: nonce) == .committed else { throw .exists(root) }
        return try open(root, files: files)
    }

    /// Refuses a directory that has a log or packs, and no `format`: that comes before both, so it was lost, or is not mounted.
    private static func requireNothingBegun(
        _ layout: StoreLayout, _ files: any FileSystem
    ) throws(StoreError) {
        let found = try filing { () throws(FileError) -> FilePath? in
            var directories = [layout.newEntries, layout.tiles]
            if try files.status(layout.packs) != nil {
                directories += try files.names(in: layout.packs).map { layout.packs.appending($0) }
            }
            for directory in directories where try files.status(directory)?.kind == .directory {
                guard try files.names(in: directory).isEmpty else { return directory }
            }
            return nil
        }
        // Somebody else may have made all of it meanwhile.
        guard let found, try readFormat(layout.root, files: files) == nil else { return }
        throw .damaged(layout.format, problem: "it is missing, and \(found) is not empty")
    }

    /// Gives `format` its name, unless another one has it meanwhile.
    private static func publish(
        _ temporary: FilePath, as format: FilePath, _ files: any FileSystem
    ) throws(FileError) {
        do throws(FileError) { try files.link(temporary, to: format) } catch {
            if error.isNoLink, try files.status(format) == nil {
                return try files.rename(temporary, to: format)
            }
            guard error.isExists else { throw error }
        }
        try files.removeIfPresent(temporary)
    }

    // MARK: State

    /// The state that reads refer to.
    package var current: StoreState { state.withLock { $0.state } }

    /// Goes on to the newest log entry.
    @discardableResult
    package func refresh() throws(StoreError) -> StoreState {
        let old = current
        var failed: StoreState?
        while true {
            var doomed: Set<PackName> = []
            guard let new = try log.newest(from: old, visit: { doomed.formUnion($1.doomed) }), new != old
            else {
                return old
            }
            do throws(StoreError) {
                try move(to: new, doomed)
                return new
            } catch {
                // A pack that is gone may have been merged or collected meanwhile: then the log has gone on.
                guard case .missingPack = error, new != failed else { throw error }
                failed = new
            }
        }
    }

    private func move(to new: StoreState, _ doomed: Set<PackName>) throws(StoreError) {
        let reusable = state.withLock { $0.packs }
        let packs = try Self.packs(of: new, reusing: reusable, without: damaged, layout, files)
        let foreign = foreign.filter { !new.isLive($0.name) }
        state.withLock { $0 = Snapshot(state: new, packs: packs + foreign, doomed: $0.doomed.union(doomed)) }
        if seen == nil { remember(new) }
    }

    /// Makes the entries that can be seen durable: one that is there may be of a writer that died before it came to this.
    ///
    /// A store that cannot be written to is left alone.
    package func confirm() throws(StoreError) {
        try filing { () throws(FileError) in
            do throws(FileError) { try files.synchronizeDirectory(layout.newEntries) } catch {
                guard error.isDenied else { throw error }
            }
        }
    }

    /// Whether a pack was doomed since the store was opened, so that it must not be added any more.
    func isDoomed(_ pack: PackName) -> Bool { state.withLock { $0.doomed.contains(pack) } }

    /// Refuses a store in which nothing can be made.
    package func requireWritable(nonce: String) throws(StoreError) {
        let path = layout.temporary / "clock-\(nonce)"
        try filing { () throws(FileError) in
            files.close(try layout.createTemporary(path, permissions: 0o600, files))
            try files.removeIfPresent(path)
        }
    }

    /// The file system's own time, in nanoseconds since 1970: that of a file that was just made.
    package func fileClock(nonce: String) throws(StoreError) -> Int64 {
        try filing { () throws(FileError) in
            do throws(FileError) { return try layout.clock(files, nonce: nonce) } catch {
                guard error.isDenied else { throw error }
                // Nothing can be made here: no time is later than now, and so nothing seems older than it is.
                return try files.status(layout.entry(current.number))?.modified ?? 0
            }
        }
    }

    /// Extends the log by one operation on a state, whose packs are durable.
    ///
    /// - Returns: ``OperationLog/Outcome/lost`` if that state is not the newest any more; then nothing has happened.
    package func append(
        _ operation: StoreOperation, on base: StoreState, nonce: String
    ) throws(StoreError) -> OperationLog.Outcome {
        guard format.cutRule == StoreFormat.cutRule else {
            throw .damaged(
                layout.format, problem: "cut rule \(format.cutRule) is of a newer mlrepo; nothing is written")
        }
        try requireNothingLost()
        let file = try log.proposal(
            after: base, event: operation.event, refs: operation.refs, packs: operation.packs,
            features: try features(of: operation.packs.added), time: operation.time, nonce: nonce)
        if base.isGoverned { try governance?.admission(self, file, operation.packs, base) }
        let outcome = try log.append(file, nonce: nonce)
        do throws(StoreError) { try refresh() } catch {
            // What was committed has happened, whatever others did behind it.
            if outcome != .committed { throw error }
        }
        return outcome
    }

    /// Refuses to collect where the log has lost entries: what they named, and those behind them, would be taken for leavings.
    package func requireWholeLog() throws(StoreError) {
        try requireNothingLost()
        // That somebody has gone on meanwhile is no loss.
        _ = try log.isFree(current.number + 1)
    }

    /// Refuses to write where the log has lost entries that were seen.
    package func requireNothingLost() throws(StoreError) {
        guard let seen else { return }
        // On a shared disk it may come to be seen late.
        if try log.entry(of: seen) != nil { return }
        let newest = current.number
        let path = layout.entry(min(seen.number, newest + 1))
        let problem =
            seen.number > newest
            ? "it is gone, and entry \(seen.number) was seen" : "it is another one than was seen"
        throw .damaged(path, problem: problem)
    }

    /// What a reader must know for some packs.
    private func features(of added: [PackName]) throws(StoreError) -> Set<String> {
        var features: Set<String> = []
        for name in added {
            do throws(StoreError) {
                features.formUnion(try PackReader(name: name, layout: layout, files: files).features)
            } catch {
                // One that somebody doomed and deleted meanwhile comes into no entry: the log has gone on.
                guard case .missingPack = error else { throw error }
            }
        }
        return features
    }

    private static func packs(
        of state: StoreState, reusing old: [PackReader], without damaged: Set<PackName>?,
        _ layout: StoreLayout,
        _ files: any FileSystem
    ) throws(StoreError) -> [PackReader] {
        let known = Dictionary(old.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        var packs: [PackReader] = []
        for name in state.added.keys where damaged?.contains(name) != true {
            if let pack = known[name] {
                packs.append(pack)
                continue
            }
            do throws(StoreError) {
                packs.append(try PackReader(name: name, layout: layout, files: files))
            } catch {
                if case .file = error { throw error }
                if damaged == nil { throw error }
            }
        }
        // Most objects lie in the largest packs.
        return packs.sorted { ($0.index.entryCount, $0.name) > ($1.index.entryCount, $1.name) }
    }

    /// The live packs, the largest first.
    package var packs: [PackReader] { state.withLock { $0.packs } }

    /// The same store as it is now, in which objects of further packs are found too: such as another store has, and this one is
    /// about to get.
    package func viewing(_ packs: [PackReader]) throws(StoreError) -> ObjectStore {
        let (state, known) = self.state.withLock { ($0.state, $0.packs) }
        return try ObjectStore(
            layout: layout, format: format, files: files, log: log, state: state, damaged: damaged,
            reusing: known, foreign: (foreign + packs).filter { !state.isLive($0.name) })
    }

    /// Live packs that are not read, in a store that was opened for repair; sorted.
    package var leftOut: [PackName] {
        state.withLock { $0.state.live.subtracting($0.packs.map(\.name)).sorted() }
    }

    /// All refs as of the current state.
    package var refs: MerkleTree<RefEntry> { MerkleTree(root: current.refs, reader: self) }
}
