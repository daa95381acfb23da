internal import FileIO
internal import ObjectModel

/// Reads a whole log in spite of damage, and says what is wrong with it (`Documentation/Formats/log.md`).
struct IntegrityLog {
    private let layout: StoreLayout
    private let files: any FileSystem
    private let log: OperationLog

    private(set) var problems: [IntegrityProblem] = []
    /// The event of each entry that could be read.
    private(set) var events: [(number: Int, event: ObjectID)] = []
    /// The refs of each entry that could be read; the last are the newest.
    private(set) var refs: [(number: Int, root: ObjectID)] = []
    private(set) var live: Set<PackName> = []
    /// Packs that an entry dropped or doomed, and none added again.
    private(set) var gone: Set<PackName> = []
    /// Some entry could not be read, so ``live`` may lack packs.
    private(set) var isUncertain = false
    private(set) var unknownFeature = false
    /// What the newest entry that could be read demands of readers.
    private var features: [String] = []
    /// What the entry that added a live pack demands of readers.
    private(set) var demands: [PackName: [String]] = [:]
    /// The log's head, where the last entry was read.
    private(set) var head: MerkleFrontier?

    private var doomed: Set<PackName> = []
    /// Numbers that `log/new` has a file of.
    private var named: Set<Int> = []
    /// So many problems are named.
    private static let problemLimit = 1000
    /// Each event, with the first entry that names it.
    private var firstNames: [ObjectID: Int] = [:]
    /// The log so far; nothing behind damage, until an entry tells.
    private var frontier: MerkleFrontier? = MerkleFrontier()
    /// An entry whose file is damaged, and what the log would be with it.
    private var candidate: (entry: LogEntry, after: MerkleFrontier)?
    /// The log's root after each entry.
    private var roots: [Int: ObjectID] = [:]
    /// The root of each sealed tile.
    private var tileRoots: [Int: ObjectID] = [:]

    init(layout: StoreLayout, files: any FileSystem, origin: String) {
        self.layout = layout
        self.files = files
        log = OperationLog(layout: layout, files: files, origin: origin)
    }

    mutating func read(remembered: RememberedState?) {
        let numbers = (try? log.namedEntries()) ?? []
        named = Set(numbers)
        var (number, place) = (0, 0)
        while true {
            // A log that is all damage tells nothing more; whoever makes one up could go on for ever.
            guard problems.count < Self.problemLimit else {
                problems.append(
                    IntegrityProblem(.logGap, "more is wrong than is named: reading ended at entry \(number)")
                )
                lose()
                break
            }
            while place < numbers.count, numbers[place] <= number { place += 1 }
            if number % OperationLog.tileWidth == 0, readTile(number / OperationLog.tileWidth) {
                number += OperationLog.tileWidth
            } else if readFile(number) {
                number += 1
            } else if place < numbers.count {
                let next = numbers[place]
                let last = number == next - 1 ? "entry \(number) is" : "entries \(number) to \(next - 1) are"
                let file = path(layout.entry(number))
                problems.append(
                    IntegrityProblem(.logGap, "\(last) missing, though entry \(next) is there", file: file))
                lose()
                number = next
            } else {
                break
            }
        }
        if candidate != nil { lose() }
        head = frontier
        if refs.isEmpty, problems.isEmpty {
            problems.append(IntegrityProblem(.logGap, "the log has no entries", file: "log/new"))
            isUncertain = true
        }
        if let remembered { compare(remembered, last: number - 1) }
    }

    private func path(_ path: FilePath) -> String {
        String(decoding: path.relative(to: layout.root) ?? path.bytes, as: UTF8.self)
    }

    /// Goes on without knowing what the log is here.
    private mutating func lose() {
        isUncertain = true
        frontier = nil
        candidate = nil
    }

    // MARK: Entries in files

    /// - Returns: Whether there is a file.
    private mutating func readFile(_ number: Int) -> Bool {
        let name = path(layout.entry(number))
        let bytes: [UInt8]?
        do throws(FileError) {
            bytes = try files.contentsIfPresent(layout.entry(number), limit: LogEntryFile.byteLimit)
        } catch {
            let kind: IntegrityProblem.Kind = error.isTooLarge ? .logEntry : .unreadable
            problems.append(IntegrityProblem(kind, "\(error)", file: name))
            lose()
            // Where the directory cannot be read, every number would seem to be there.
            return named.contains(number)
        }
        guard let bytes else { return false }
        do throws(MalformedObject) {
            let file = try LogEntryFile(bytes: bytes, number: number, origin: log.origin)
            follow(file.before, number: number, name: name)
            frontier = file.after
            apply(file.entry, root: file.after.root, name: name)
        } catch {
            problems.append(IntegrityProblem(.logEntry, "entry \(number): \(error)", file: name))
            noteCandidate(bytes, number)
        }
        return true
    }

    /// Checks that an entry stands on the log that was read.
    ///
    /// A damaged entry before it counts if this one confirms it.
    private mutating func follow(_ before: MerkleFrontier, number: Int, name: String) {
        if let candidate {
            self.candidate = nil
            if candidate.after == before {
                apply(candidate.entry, root: before.root, name: path(layout.entry(candidate.entry.number)))
            } else {
                lose()
            }
        } else if let frontier, frontier != before {
            problems.append(
                IntegrityProblem(
                    .logEntry, "entry \(number) does not follow from those before it", file: name))
            isUncertain = true
        }
    }

    /// Remembers what a damaged file seems to say, for the next entry to confirm.
    private mutating func noteCandidate(_ bytes: [UInt8], _ number: Int) {
        let (before, doubted, certain) = (frontier, candidate != nil, !isUncertain)
        lose()
        guard !doubted, var after = before, let json = try? JSONValue(canonical: bytes),
            let leaf = json.member("entry")?.canonicalBytes, let entry = try? LogEntry(leaf: leaf),
            entry.number == number
        else { return }
        after.append(MerkleLog.leaf(leaf))
        candidate = (entry, after)
        // Whether it is uncertain the next entry says, or the end of the log.
        isUncertain = !certain
    }

    // MARK: Entries in tiles

    /// - Returns: Whether there is a tile that could be used.
    private mutating func readTile(_ tile: Int) -> Bool {
        let name = path(layout.tile("entries", tile))
        let first = tile * OperationLog.tileWidth
        let leaves: [[UInt8]]
        do throws(StoreError) {
            guard let found = try log.tile(tile) else { return false }
            leaves = found
        } catch {
            problems.append(IntegrityProblem(.logTile, "\(error)", file: name))
            // The files may still be there; if they are not, they show as a gap.
            return false
        }
        var after = frontier
        for leaf in leaves { after?.append(MerkleLog.leaf(leaf)) }
        let sound = checkHashes(
            tile, leaves, after: after, witness: witness(behind: first + OperationLog.tileWidth), name: name)
        for (index, leaf) in leaves.enumerated() {
            let number = first + index
            // Behind one that is wrong here, nobody knows what the log was.
            if !sound[..<index].contains(false) { checkLeftover(number, leaf) }
            frontier?.append(MerkleLog.leaf(leaf))
            guard sound[index] else {
                isUncertain = true
                continue
            }
            do throws(MalformedObject) {
                let entry = try LogEntry(leaf: leaf)
                guard entry.number == number else { throw .member("number", expected: "\(number)") }
                apply(entry, root: frontier?.root, name: name)
            } catch {
                problems.append(IntegrityProblem(.logTile, "entry \(number): \(error)", file: name))
                isUncertain = true
            }
        }
        if sound.contains(false) { frontier = witness(behind: first + OperationLog.tileWidth) }
        return true
    }

    /// What the log is in front of a number, as files in `log/new` say: the next one, or the one before.
    private func witness(behind number: Int) -> MerkleFrontier? {
        if let next = try? log.entryFile(number) { return next.before }
        return (try? log.entryFile(number - 1))?.after
    }

    /// Compares a tile's entries, the tiles of their hashes, and what a later entry says.
    ///
    /// - Returns: For each entry whether it can be believed.
    private mutating func checkHashes(
        _ tile: Int, _ leaves: [[UInt8]], after: MerkleFrontier?, witness: MerkleFrontier?, name: String
    ) -> [Bool] {
        let hashes = leaves.map { MerkleLog.leaf($0) }
        let isWitnessed = witness == nil || after == nil || witness == after
        let stored = hashTile(0, tile)
        var sound = [Bool](repeating: true, count: leaves.count)
        if let stored, stored != hashes {
            // One of both is wrong; a later entry knows which.
            let wrong = stored.count == hashes.count ? hashes.indices.filter { stored[$0] != hashes[$0] } : []
            if isWitnessed, witness != nil {
                let file = path(layout.tile("0", tile))
                problems.append(
                    IntegrityProblem(.logTile, "it has not the hashes of the tile's entries", file: file))
            } else {
                let which =
                    wrong.first.map { "entry \(tile * OperationLog.tileWidth + $0) has" }
                    ?? "its entries have"
                problems.append(IntegrityProblem(.logTile, "\(which) another hash than the log", file: name))
                for index in wrong { sound[index] = false }
            }
        } else if !isWitnessed {
            problems.append(
                IntegrityProblem(
                    .logTile, "its entries are not those that the entry behind them stands on", file: name))
            sound = sound.map { _ in false }
        }
        var subtree = hashes
        var (level, position) = (0, tile)
        tileRoots[tile] = Self.root(&subtree)
        // Tiles of higher levels are written when they fill up.
        while position % OperationLog.tileWidth == OperationLog.tileWidth - 1 {
            (level, position) = (level + 1, position / OperationLog.tileWidth)
            guard let stored = hashTile(level, position) else { break }
            // A level above this one begins at 2^24 entries.
            guard level == 1 else { break }
            let first = position * OperationLog.tileWidth
            if stored != (first..<first + OperationLog.tileWidth).compactMap({ tileRoots[$0] }) {
                let file = path(layout.tile("\(level)", position))
                problems.append(
                    IntegrityProblem(.logTile, "it has not the hashes of the tiles below it", file: file))
            }
        }
        return sound
    }

    /// The root of a full subtree.
    private static func root(_ hashes: inout [ObjectID]) -> ObjectID? {
        while hashes.count > 1 {
            hashes = stride(from: 0, to: hashes.count - 1, by: 2).map {
                MerkleLog.node(hashes[$0], hashes[$0 + 1])
            }
        }
        return hashes.first
    }

    /// The hashes of a tile; nothing if it is not there, none if it is malformed.
    private mutating func hashTile(_ level: Int, _ position: Int) -> [ObjectID]? {
        let size = OperationLog.tileWidth * ObjectID.byteCount
        let bytes: [UInt8]?
        do throws(FileError) {
            bytes = try files.contentsIfPresent(layout.tile("\(level)", position), limit: size)
        } catch {
            let kind: IntegrityProblem.Kind = error.isTooLarge ? .logTile : .unreadable
            problems.append(IntegrityProblem(kind, "\(error)", file: path(layout.tile("\(level)", position))))
            return nil
        }
        guard let bytes else { return nil }
        var reader = ByteReader(bytes)
        var hashes: [ObjectID] = []
        while let hash = try? reader.id("a hash") { hashes.append(hash) }
        return bytes.count == size ? hashes : []
    }

    /// The file of a sealed entry may be there still, or be a ghost: then it stands on the same log, and is not looked at.
    private mutating func checkLeftover(_ number: Int, _ leaf: [UInt8]) {
        do throws(StoreError) {
            guard let file = try log.entryFile(number) else { return }
            if let frontier, file.before != frontier {
                let name = path(layout.entry(number))
                problems.append(
                    IntegrityProblem(
                        .logEntry, "entry \(number) does not follow from those before it", file: name))
            }
        } catch {
            problems.append(IntegrityProblem(.logEntry, "\(error)", file: path(layout.entry(number))))
        }
    }

    // MARK: What entries say

    /// Notes that an entry names an event.
    ///
    /// - Returns: The entry before it that names the same one, if there is one.
    private mutating func named(_ event: ObjectID, by number: Int) -> Int? {
        if let first = firstNames[event] { return first }
        firstNames[event] = number
        return nil
    }

    private mutating func apply(_ entry: LogEntry, root: ObjectID?, name: String) {
        roots[entry.number] = root
        events.append((entry.number, entry.event))
        if let first = named(entry.event, by: entry.number) {
            let message = "entry \(entry.number) names the event of entry \(first)"
            problems.append(IntegrityProblem(.logRule, message, file: name))
        }
        refs.append((entry.number, entry.refs))
        // What was demanded once is demanded for good.
        for feature in features where !isUncertain && !entry.features.contains(feature) {
            let message = "entry \(entry.number) does not demand '\(feature)' any more"
            problems.append(IntegrityProblem(.logRule, message, file: name))
        }
        features = entry.features
        for feature in entry.features where !StoreState.knownFeatures.contains(feature) {
            let message =
                "entry \(entry.number) demands the feature '\(feature)', which this version does not know"
            if !unknownFeature { problems.append(IntegrityProblem(.feature, message, file: name)) }
            unknownFeature = true
        }
        let changes: PackChanges
        do throws(StoreError) { changes = try log.packChanges(entry) } catch {
            var file = name
            if case .list(let id) = entry.packs { file = path(layout.lists / id.hex) }
            problems.append(
                IntegrityProblem(.packList, "the packs of entry \(entry.number): \(error)", file: file))
            isUncertain = true
            return
        }
        func broken(_ what: String, _ pack: PackName) {
            problems.append(
                IntegrityProblem(.logRule, "entry \(entry.number) \(what)", file: name, pack: pack))
        }
        for pack in changes.added {
            if !live.insert(pack).inserted { broken("adds the pack \(pack), which is live", pack) }
            if doomed.contains(pack) { broken("adds the pack \(pack), which was doomed", pack) }
            gone.remove(pack)
            demands[pack] = entry.features
        }
        for pack in changes.dropped {
            if live.remove(pack) == nil, !isUncertain {
                broken("drops the pack \(pack), which is not live", pack)
            }
            gone.insert(pack)
            demands[pack] = nil
        }
        for pack in changes.doomed {
            if live.contains(pack) { broken("dooms the pack \(pack), which is live", pack) }
            doomed.insert(pack)
            gone.insert(pack)
        }
    }

    /// What `cache/` remembers was once the newest state: a log that is shorter now has lost entries.
    private mutating func compare(_ remembered: RememberedState, last: Int) {
        guard !isUncertain else { return }
        let isHere = remembered.number <= last
        let isSame = roots[remembered.number] == remembered.log.root
        guard !isHere || !isSame || (remembered.number == last && remembered.live != live) else { return }
        if isHere, isSame {
            let message = "it remembers other packs than entry \(remembered.number) leads to"
            problems.append(IntegrityProblem(.cache, message, file: IntegrityProblem.remembered))
        } else {
            let message =
                isHere
                ? "entry \(remembered.number) is another one than was seen: the end of the log was lost, and written anew"
                : "entry \(remembered.number) was seen, and the log ends with entry \(last): what came behind that is lost"
            problems.append(IntegrityProblem(.logGap, message, file: IntegrityProblem.remembered))
        }
    }
}
