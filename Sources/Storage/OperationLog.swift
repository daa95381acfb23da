package import FileIO
package import ObjectModel

/// The log of a store: read from where one was, and extended by creating the next entry
/// (`Documentation/Formats/log.md`).
package struct OperationLog: Sendable {
    /// Entries of a tile.
    package static let tileWidth = 256

    package let layout: StoreLayout
    let files: any LogFiles
    let origin: String
    /// Signs each entry that is made, if they are to be signed.
    package var signer: EntrySigner?

    /// - Parameter origin: The store's own name, which every entry has to state.
    package init(layout: StoreLayout, files: any LogFiles, origin: String) {
        (self.layout, self.files, self.origin) = (layout, files, origin)
    }

    /// The log of a store on a disk.
    package init(layout: StoreLayout, files: any FileSystem, origin: String) {
        self.init(layout: layout, files: DiskLogFiles(layout: layout, files: files), origin: origin)
    }

    /// What became of an attempt to extend the log.
    package enum Outcome: Equatable, Sendable {
        case committed
        /// Somebody else's entry has that number.
        case lost
    }

    // MARK: Reading

    /// The file of an entry, if it is not sealed away or absent.
    package func entryFile(_ number: Int) throws(StoreError) -> LogEntryFile? {
        let path = layout.entry(number)
        guard let bytes = try files.contents(of: path, limit: LogEntryFile.byteLimit) else { return nil }
        do throws(MalformedObject) {
            return try LogEntryFile(bytes: bytes, number: number, origin: origin)
        } catch {
            throw .damaged(path, problem: "\(error)")
        }
    }

    /// No log has more entries; names with higher numbers are none of ours.
    static let numberLimit = 1 << 53

    /// The numbers that have a file in `log/new`, in order.
    package func namedEntries() throws(StoreError) -> [Int] {
        try files.names(in: layout.newEntries).compactMap { name in
            guard name.count == 20, name.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
            return Int(String(decoding: name, as: UTF8.self)).flatMap { $0 <= Self.numberLimit ? $0 : nil }
        }.sorted()
    }

    /// The entry with the highest number that has a name, or is in a tile; nothing if there is none.
    func newestNamed() throws(StoreError) -> LogEntry? {
        if let last = try namedEntries().last, let file = try entryFile(last) { return file.entry }
        var (low, high) = (0, 1)
        while try tile(high - 1) != nil { (low, high) = (high, high * 2) }
        // The tiles up to `low` are there, and that before `high` is not.
        while high - low > 1 {
            let middle = (low + high) / 2
            if try tile(middle - 1) != nil { low = middle } else { high = middle }
        }
        guard low > 0, let leaf = try tile(low - 1)?.last else { return nil }
        return try? LogEntry(leaf: leaf)
    }

    /// The leaves of a sealed tile; nothing if it is not there.
    package func tile(_ tile: Int) throws(StoreError) -> [[UInt8]]? {
        let path = layout.tile("entries", tile)
        let limit = Self.tileWidth * (LogEntry.byteLimit + 2)
        guard let bytes = try files.contents(of: path, limit: limit) else { return nil }
        var leaves: [[UInt8]] = []
        var rest = bytes[...]
        while let high = rest.popFirst() {
            guard let low = rest.popFirst(), rest.count >= Int(high) << 8 | Int(low) else {
                throw .damaged(path, problem: "it is cut short")
            }
            let leaf = rest.prefix(Int(high) << 8 | Int(low))
            leaves.append(Array(leaf))
            rest = rest[leaf.endIndex...]
        }
        guard leaves.count == Self.tileWidth else {
            throw .damaged(path, problem: "it has \(leaves.count) entries")
        }
        return leaves
    }

    /// The entry that a remembered state is the state of, if it is one of this log.
    package func entry(of remembered: RememberedState) throws(StoreError) -> LogEntry? {
        if let file = try entryFile(remembered.number), file.after == remembered.log { return file.entry }
        // Sealed, and its name removed or the ghost of a writer that slept.
        guard let leaves = try tile(remembered.number / Self.tileWidth) else { return nil }
        let leaf = leaves[remembered.number % Self.tileWidth]
        return MerkleLog.leaf(leaf) == remembered.leaf ? try? LogEntry(leaf: leaf) : nil
    }

    /// Hands out committed entries, the newest first.
    ///
    /// - Parameters:
    ///   - last: Where it begins: a number that is committed.
    ///   - body: Says whether to go on.
    package func entries(
        endingWith last: Int, _ body: (LogEntry) throws(StoreError) -> Bool
    ) throws(StoreError) {
        var number = last
        while number >= 0 {
            // A tile says what is committed; files of its numbers may be ghosts.
            if let leaves = try tile(number / Self.tileWidth) {
                let path = layout.tile("entries", number / Self.tileWidth)
                for leaf in leaves[...(number % Self.tileWidth)].reversed() {
                    let entry: LogEntry
                    do throws(MalformedObject) { entry = try LogEntry(leaf: leaf) } catch {
                        throw .damaged(path, problem: "entry \(number) \(error)")
                    }
                    guard entry.number == number else {
                        throw .damaged(
                            path, problem: "it has entry \(entry.number) in the place of \(number)")
                    }
                    guard try body(entry) else { return }
                    number -= 1
                }
                continue
            }
            repeat {
                guard let file = try entryFile(number) else {
                    throw .damaged(layout.entry(number), problem: "it is missing")
                }
                guard try body(file.entry) else { return }
                number -= 1
            } while number >= 0 && (number + 1) % Self.tileWidth != 0
        }
    }

    /// Goes from a state to the newest, or from the beginning.
    ///
    /// - Parameter visit: Is handed every entry on the way, with its packs.
    /// - Returns: Nothing if the log has no entry.
    package func newest(
        from known: StoreState? = nil, visit: (LogEntry, PackChanges) -> Void = { _, _ in }
    ) throws(StoreError) -> StoreState? {
        var confirmed = known
        while true {
            let first = confirmed.map { $0.number + 1 } ?? 0
            // Files whose numbers are sealed need not be read.
            if first % Self.tileWidth == 0, let leaves = try tile(first / Self.tileWidth) {
                for leaf in leaves { try advance(&confirmed, leaf: leaf, visit) }
                continue
            }
            var state = confirmed
            var read: [(LogEntry, PackChanges)] = []
            // What is wrong with a name that was read; it counts only if no tile says that the name is a ghost.
            var problem: StoreError?
            do throws(StoreError) {
                while let file = try entryFile(state.map { $0.number + 1 } ?? 0) {
                    guard file.before == state?.log ?? MerkleFrontier() else {
                        throw .damaged(
                            layout.entry(file.entry.number),
                            problem: "it does not follow from the entry before it")
                    }
                    try advance(&state, file.entry, leaf: file.leaf) { read.append(($0, $1)) }
                }
            } catch { problem = error }
            // A name that was read may be the ghost of a writer that slept while its number was sealed: the tile of the
            // first of them decides (Tests/Model has the counterexample to looking for any other).
            guard let leaves = try tile(first / Self.tileWidth) else {
                if let problem { throw problem }
                for (entry, packs) in read { visit(entry, packs) }
                return state
            }
            for leaf in leaves[(first % Self.tileWidth)...] { try advance(&confirmed, leaf: leaf, visit) }
        }
    }

    private func advance(
        _ state: inout StoreState?, leaf: [UInt8], _ visit: (LogEntry, PackChanges) -> Void
    ) throws(StoreError) {
        let number = state.map { $0.number + 1 } ?? 0
        let path = layout.tile("entries", number / Self.tileWidth)
        let entry: LogEntry
        do throws(MalformedObject) { entry = try LogEntry(leaf: leaf) } catch {
            throw .damaged(path, problem: "entry \(number) \(error)")
        }
        guard entry.number == number else {
            throw .damaged(path, problem: "it has entry \(entry.number) in the place of \(number)")
        }
        try advance(&state, entry, leaf: leaf, visit)
    }

    private func advance(
        _ state: inout StoreState?, _ entry: LogEntry, leaf: [UInt8], _ visit: (LogEntry, PackChanges) -> Void
    ) throws(StoreError) {
        let packs = try packChanges(entry)
        if state == nil {
            let file = LogEntryFile(entry: entry, origin: origin, before: MerkleFrontier())
            state = try StoreState(first: file, packs: packs, layout: layout)
        } else {
            try state?.apply(entry, leaf: leaf, packs: packs, layout: layout)
        }
        visit(entry, packs)
    }

    /// The packs of an entry, from its list where there are many.
    package func packChanges(_ entry: LogEntry) throws(StoreError) -> PackChanges {
        switch entry.packs {
        case .listed(let changes): return changes
        case .list(let id):
            let path = layout.lists / id.hex
            guard let bytes = try files.contents(of: path, limit: 64 << 20) else {
                throw .damaged(path, problem: "it is missing")
            }
            guard ObjectID(of: .blob, payload: bytes) == id else {
                throw .damaged(path, problem: "its digest is wrong")
            }
            do throws(MalformedObject) { return try PackChanges(json: try JSONValue(canonical: bytes)) } catch
            {
                throw .damaged(path, problem: "\(error)")
            }
        }
    }

    // MARK: Writing

    /// Whether nobody's entry has a number yet, and none lies behind it.
    ///
    /// - Throws: ``StoreError/damaged(_:problem:)`` where entries lie behind a gap: nothing would follow from what is written into it,
    ///   and what they named would be taken for leavings.
    package func isFree(_ number: Int) throws(StoreError) -> Bool {
        // A listing knows, also where a file server remembers for a while that a name was not there. One that is made while others write
        // may lack a name and have a later one.
        for _ in 0..<2 {
            let names = try namedEntries()
            if names.contains(number) { return false }
            guard let last = names.last, last > number else { return true }
            if try tile(number / Self.tileWidth) != nil { return false }
        }
        throw .damaged(layout.entry(number), problem: "it is missing")
    }

    /// Makes an entry that follows a state.
    ///
    /// - Parameters:
    ///   - features: What a reader must know for the packs that it adds.
    ///   - nonce: Random, for names of temporary files.
    package func proposal(
        after state: StoreState?, event: ObjectID, refs: ObjectID, packs: PackChanges,
        features: Set<String> = [], time: Int, nonce: String
    ) throws(StoreError) -> LogEntryFile {
        var listed = LogEntry.Packs.listed(packs)
        if packs.count > (signer == nil ? LogEntry.packLimit : Self.signedPackLimit) {
            let bytes = packs.json.canonicalBytes
            let id = ObjectID(of: .blob, payload: bytes)
            // If the name is taken, then by the same bytes.
            _ = try files.create(layout.lists / id.hex, bytes, nonce: nonce)
            listed = .list(id)
        }
        var entry = LogEntry(
            number: state.map { $0.number + 1 } ?? 0, event: event, refs: refs, packs: listed,
            features: features.union(state?.entry.features ?? []).sorted(), time: time)
        let before = state?.log ?? MerkleFrontier()
        if let signer { entry.signature = try signature(of: entry, behind: before, by: signer) }
        return LogEntryFile(entry: entry, origin: origin, before: before)
    }

    /// The most pack names beside which an entry has room for a signature.
    private static let signedPackLimit = 8

    private func signature(
        of entry: LogEntry, behind before: MerkleFrontier, by signer: EntrySigner
    ) throws(StoreError) -> [UInt8] {
        let message: [UInt8]
        do throws(MalformedObject) {
            message = try LogEntry.signedBytes(of: entry.leaf, behind: LogHead(origin: origin, before))
        } catch { throw .cannotSign("\(error)") }
        var signed = entry
        let signature = try signer(message)
        signed.signature = signature
        guard signed.leaf.count <= LogEntry.byteLimit else {
            throw .cannotSign(
                "a signature of \(signature.count) bytes has no room in an entry of the log; a key of Ed25519 makes small ones"
            )
        }
        return signature
    }

    /// Creates the next entry: this is the commit of every operation.
    ///
    /// The packs that it adds are durable already. When this returns ``Outcome/committed``, so is the entry.
    package func append(_ file: LogEntryFile, nonce: String) throws(StoreError) -> Outcome {
        let number = file.entry.number
        let path = layout.entry(number)
        guard try isFree(number) else { return .lost }
        guard try files.create(path, file.bytes, nonce: nonce) else { return .lost }
        // While this writer slept, the number may have been sealed with another entry and its name removed.
        if let leaves = try tile(number / Self.tileWidth), leaves[number % Self.tileWidth] != file.leaf {
            try? files.remove(path)
            return .lost
        }
        return .committed
    }
}
