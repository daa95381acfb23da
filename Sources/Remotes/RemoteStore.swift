package import FileIO
internal import Hashing
package import ObjectModel
package import Storage

/// Another store, as of the newest entry of its log that was read.
///
/// One thread at a time.
package final class RemoteStore {
    /// What people call it.
    package let name: String
    package let format: StoreFormat
    package private(set) var state: StoreState
    package let transport: any Transport
    let layout: StoreLayout
    /// Its log.
    package private(set) var log: OperationLog
    private let files: RemoteFiles
    private let memory: RemoteMemory?
    /// Looks at what its log has, before that is remembered.
    private let inspection: Inspection?
    /// The number of the entry that was the newest one when this store was seen before.
    package let seen: Int?
    /// What a power cut there may take away; nothing if that is nothing.
    package let losesOnPowerCut: String?
    private let telling: () -> Event.Session?
    /// How this side came there, as the other one says; nothing where nobody serves the store.
    package var session: Event.Session? { telling() }
    /// Packs that were doomed since it was opened: they must not be added any more.
    package private(set) var doomed: Set<PackName> = []
    private var opened: [PackName: (reader: PackReader, source: RemotePack)] = [:]

    // MARK: Its log

    /// Sees to it that a log is one that this side goes along with.
    package typealias Inspection = (RemoteStore) throws(RemoteError) -> Void

    /// Opens the store behind a transport, and reads its log on from what was seen there last.
    ///
    /// - Parameters:
    ///   - name: What errors call it.
    ///   - root: Where it lies on the other side, for what errors say of its files.
    ///   - memory: Knows what was seen there before; nothing if nobody has to remember.
    ///   - losesOnPowerCut: See ``Line/losesOnPowerCut``.
    ///   - session: See ``Line/session``.
    ///   - signer: Signs each entry that is made there, if they are to be signed.
    ///   - inspection: Looks at the newest state, here and whenever the log has gone on; what it refuses is not remembered.
    package init(
        name: String, at root: FilePath, _ transport: any Transport, memory: RemoteMemory?,
        losesOnPowerCut: String? = nil, session: @escaping () -> Event.Session? = { nil },
        signing signer: EntrySigner? = nil, inspecting inspection: Inspection? = nil
    ) throws(RemoteError) {
        telling = session
        self.inspection = inspection
        self.losesOnPowerCut = losesOnPowerCut
        (self.name, self.transport, self.memory) = (name, transport, memory)
        let layout = StoreLayout(root: root)
        let files = RemoteFiles(transport, layout)
        (self.layout, self.files) = (layout, files)
        let known = memory?.recall()
        seen = known?.state.number
        let bytes = try Self.storing(name, files) { () throws(StoreError) in
            try files.readAhead([layout.format], from: known?.state.number ?? 0)
            return try files.contents(of: layout.format, limit: 4096)
        }
        guard let bytes else {
            // `format` comes before everything else: where that is there, it was lost.
            try Self.storing(name, files) { () throws(StoreError) in
                try Self.requireNothingBegun(layout, files)
            }
            throw RemoteError(name, .notAStore)
        }
        format = try Self.storing(name, files) { () throws(StoreError) in
            try StoreFormat(bytes: bytes, layout: layout)
        }
        if let known, known.origin != format.origin {
            throw RemoteError(name, .exchanged(known: known.origin, found: format.origin))
        }
        log = OperationLog(layout: layout, files: files, origin: format.origin)
        log.signer = signer
        state = try Self.newest(name, log, files, known?.state)
        try inspection?(self)
        memory?.remember(format.origin, state)
    }

    /// The newest state of a log, which has to go on from what is remembered of it.
    private static func newest(
        _ name: String, _ log: OperationLog, _ files: RemoteFiles, _ known: RememberedState?
    ) throws(RemoteError) -> StoreState {
        var start: StoreState?
        if let known {
            start = try storing(name, files) { () throws(StoreError) in
                guard let entry = try log.entry(of: known) else { return nil }
                return try StoreState(known, entry: entry)
            }
            if start == nil {
                let last = try storing(name, files) { () throws(StoreError) in
                    if try log.entryFile(known.number) != nil { return known.number }
                    if try log.tile(known.number / OperationLog.tileWidth) != nil { return known.number }
                    return try log.namedEntries().last ?? -1
                }
                if last > known.number {
                    let path = log.layout.entry(known.number)
                    throw RemoteError(name, .store(.damaged(path, problem: "it is missing")))
                }
                let isShorter = last < known.number
                throw RemoteError(
                    name,
                    isShorter
                        ? .rolledBack(known: known.number, found: last) : .forked(known: known.number))
            }
        }
        let found = try storing(name, files) { () throws(StoreError) -> StoreState? in
            guard var state = try log.newest(from: start) else { return nil }
            if start == nil {
                // Who has not been there before reads the whole log, and asks for all names as well: a gap is an error.
                if try !log.isFree(state.number + 1) {
                    files.forget()
                    state = try log.newest(from: state) ?? state
                }
            } else if try log.entryFile(state.number + 2) != nil {
                // Somebody may have written both since the log was read.
                files.forget()
                state = try log.newest(from: state) ?? state
                if try log.entryFile(state.number + 1) == nil, try log.entryFile(state.number + 2) != nil {
                    throw .damaged(log.layout.entry(state.number + 1), problem: "it is missing")
                }
            }
            // What ends with a full tile is followed by no entry that states what lies before.
            if (state.number + 1) % OperationLog.tileWidth == 0, let file = try log.entryFile(state.number),
                file.after != state.log
            {
                throw .damaged(log.layout.entry(state.number), problem: "it does not follow from the tile")
            }
            return state
        }
        if let found { return found }
        // One whose making was interrupted has no entry.
        let isEmpty = try storing(name, files) { () throws(StoreError) in try log.namedEntries().isEmpty }
        let isLost =
            isEmpty ? try storing(name, files) { () throws(StoreError) in try files.havePacks() } : true
        throw RemoteError(
            name, isLost ? .store(.damaged(log.layout.entry(0), problem: "it is missing")) : .notAStore)
    }

    /// Goes on to the newest entry.
    package func refresh() throws(RemoteError) {
        files.forget()
        var gone: Set<PackName> = []
        state = try storing { () throws(StoreError) in
            try log.newest(from: state) { gone.formUnion($1.doomed) } ?? state
        }
        doomed.formUnion(gone)
        try inspection?(self)
        memory?.remember(format.origin, state)
    }

    /// Extends the log by one entry on the state that was read; the packs that it adds are durable there.
    ///
    /// - Parameters:
    ///   - operation: What happens.
    ///   - features: What a reader must know for the packs that it adds.
    ///   - nonce: Random.
    /// - Returns: ``OperationLog/Outcome/lost`` if somebody else was faster; then nothing has happened.
    package func append(
        _ operation: StoreOperation, features: Set<String>, nonce: String
    ) throws(RemoteError) -> OperationLog.Outcome {
        let next = try storing { () throws(StoreError) -> StoreState? in
            let file = try log.proposal(
                after: state, event: operation.event, refs: operation.refs, packs: operation.packs,
                features: features, time: operation.time, nonce: nonce)
            guard try log.append(file, nonce: nonce) == .committed else { return nil }
            return try state.followed(by: file, packs: operation.packs, layout: layout)
        }
        guard let next else { return .lost }
        state = next
        memory?.remember(format.origin, state)
        return .committed
    }

    /// Has each entry signed that is made there from now on.
    package func sign(by signer: @escaping EntrySigner) { log.signer = signer }

    /// Whether its newest entry has just made a tile of its log full.
    package var isSealDue: Bool { LogSealing.isDue(state) }

    /// Puts full tiles of its log together.
    ///
    /// - Parameter files: Its files.
    package func seal(in files: RemoteFileSystem, nonce: String) throws(StoreError) {
        try LogSealing.seal(state, in: layout, origin: format.origin, files: files, nonce: nonce)
    }

    // MARK: Its objects

    /// The bytes of a pack's end that are asked for before its index' length is known; small packs are there as a whole then.
    private static let endLength = 64 << 10

    /// The longest index that is fetched, in bytes: of some 20 million objects in one pack.
    private static let indexLimit = 1 << 30

    /// Live packs, opened for reading: their indexes are fetched, with two requests at most for all of them.
    ///
    /// - Throws: If one is not there, or its index is damaged.
    package func packs(_ names: [PackName]) throws(RemoteError) -> [PackReader] {
        let missing = names.filter { opened[$0] == nil }
        if !missing.isEmpty {
            let ends = try self.ends(of: missing.map { ($0, Self.endLength) })
            var longer: [(PackName, Int)] = []
            for (name, end) in zip(missing, ends) {
                let length = try parsing(name) { () throws(MalformedObject) in
                    try PackIndex.length(in: end.bytes, fileLength: end.fileLength)
                }
                guard length <= Self.indexLimit else {
                    throw RemoteError(
                        self.name, .store(.damaged(layout.pack(name), problem: "its index is too large")))
                }
                if length > end.bytes.count { longer.append((name, length)) } else { try open(name, end) }
            }
            for ((name, _), end) in zip(longer, try self.ends(of: longer)) { try open(name, end) }
        }
        return names.compactMap { opened[$0]?.reader }
    }

    private func ends(of packs: [(name: PackName, length: Int)]) throws(RemoteError) -> [PieceContent] {
        var found: [PieceContent?] = []
        if packs.isEmpty { return [] }
        try storing { () throws(StoreError) in
            try files.calling { () throws(TransportError) in
                var pieces: [FilePiece] = []
                for pack in packs {
                    pieces.append(
                        FilePiece(try files.relative(layout.pack(pack.name)), .end(length: pack.length)))
                }
                try transport.read(pieces) { found.append($1) }
            }
        }
        var ends: [PieceContent] = []
        for (pack, content) in zip(packs, found) {
            guard let content else { throw RemoteError(name, .store(.missingPack(pack.name))) }
            ends.append(content)
        }
        return ends
    }

    private func open(_ pack: PackName, _ end: PieceContent) throws(RemoteError) {
        let index = try parsing(pack) { () throws(MalformedObject) in
            let index = try PackIndex(end: end.bytes, fileLength: end.fileLength)
            guard index.verifyChecksum() else { throw .node("the index' checksum is wrong") }
            return index
        }
        let source = RemotePack(
            transport, try storing { () throws(StoreError) in try path(of: pack) }, files,
            end: (end.fileLength - end.bytes.count, end.bytes))
        opened[pack] = (PackReader(name: pack, index: index, source: source), source)
    }

    /// The path of a pack as the transport knows it.
    func path(of pack: PackName) throws(StoreError) -> FilePath {
        try files.calling { () throws(TransportError) in try files.relative(layout.pack(pack)) }
    }

    private func parsing<Result>(
        _ pack: PackName, _ body: () throws(MalformedObject) -> Result
    ) throws(RemoteError) -> Result {
        do throws(MalformedObject) { return try body() } catch {
            throw RemoteError(name, .store(.damaged(layout.pack(pack), problem: "\(error)")))
        }
    }

    /// Announces which ranges of a pack will be read, so that few requests do.
    package func expect(_ ranges: [Range<Int>], of pack: PackName) { opened[pack]?.source.expect(ranges) }

    /// Looks something up in a view of both stores, with as few of the other's packs as are needed: first those that came last.
    ///
    /// - Parameters:
    ///   - local: This side's store.
    ///   - known: The number of an entry up to which nothing is expected to be new.
    package func viewing<Result>(
        with local: ObjectStore, from known: Int? = nil,
        _ body: (ObjectStore, [PackReader]) throws(ReadError) -> Result
    ) throws(RemoteError) -> Result {
        try following { () throws(RemoteError) in try viewingNow(with: local, from: known, body) }
    }

    private func viewingNow<Result>(
        with local: ObjectStore, from known: Int?,
        _ body: (ObjectStore, [PackReader]) throws(ReadError) -> Result
    ) throws(RemoteError) -> Result {
        let live = state.added.sorted { ($0.value, $0.key) > ($1.value, $1.key) }
        var counts = [Self.fewPacks, live.count]
        if let known { counts[0] = max(Self.fewPacks, live.prefix { $0.value > known }.count) }
        var problem: ReadError?
        for count in counts where problem == nil || count > counts[0] {
            let packs = try self.packs(live.prefix(count).map(\.key))
            let view = try storing { () throws(StoreError) in try local.viewing(packs) }
            do throws(ReadError) { return try body(view, packs) } catch {
                if let failure = files.failure { throw RemoteError(name, .transport(failure)) }
                guard case .missing = error else { throw RemoteError(name, .object(error)) }
                problem = error
            }
        }
        throw RemoteError(name, .object(problem ?? .missing(ObjectReference(.refs, state.refs))))
    }

    private static let fewPacks = 8

    /// A view of both stores with all packs of the other one.
    package func view(with local: ObjectStore) throws(RemoteError) -> ObjectStore {
        try following { () throws(RemoteError) in
            let packs = try self.packs(state.live.sorted())
            return try storing { () throws(StoreError) in try local.viewing(packs) }
        }
    }

    /// How often others may take away what is just being looked at.
    package static let attempts = 8

    /// Does something, and again on the newest entry where somebody merged or collected meanwhile what it looked at.
    func following<Result>(_ body: () throws(RemoteError) -> Result) throws(RemoteError) -> Result {
        for _ in 1..<Self.attempts {
            do throws(RemoteError) { return try body() } catch {
                guard try hasGoneOn(behind: error) else { throw error }
            }
        }
        return try body()
    }

    /// Whether the log has gone on behind a failure that this may explain; it is read on.
    package func hasGoneOn(behind error: RemoteError) throws(RemoteError) -> Bool {
        guard error.mayBeOthersDoing else { return false }
        let number = state.number
        try refresh()
        return state.number != number
    }

    /// All of its refs.
    package func refs(with local: ObjectStore) throws(RemoteError) -> [RefEntry] {
        try viewing(with: local) { (view, _) throws(ReadError) in
            try MerkleTree<RefEntry>(root: state.refs, reader: view).leaves()
        }
    }

    // MARK: Errors

    /// Runs calls on the other store's files, and names it where they fail.
    func storing<Result>(_ body: () throws(StoreError) -> Result) throws(RemoteError) -> Result {
        try Self.storing(name, files, body)
    }

    private static func storing<Result>(
        _ name: String, _ files: RemoteFiles, _ body: () throws(StoreError) -> Result
    ) throws(RemoteError) -> Result {
        do throws(StoreError) { return try body() } catch {
            if case .unreachable = error, let failure = files.failure {
                throw RemoteError(name, .transport(failure))
            }
            throw RemoteError(name, .store(error))
        }
    }

    /// Runs calls of the transport, and names the store where they fail.
    package func calling<Result>(
        _ body: () throws(TransportError) -> Result
    ) throws(RemoteError) -> Result {
        do throws(TransportError) { return try body() } catch { throw RemoteError(name, .transport(error)) }
    }
}
