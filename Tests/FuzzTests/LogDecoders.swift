import FileIO
import Hashing
import ObjectModel
@testable import Storage
import TestSupport

/// The operation log, what is remembered of it, and a whole store.
extension FuzzedDecoder {
    static let logs: [FuzzedDecoder] = [logEntry, logFile, tile, packList, state, format, store]

    private static let layout = StoreLayout(root: FilePath("/store"))

    private static func entryFiles() throws -> [[UInt8]] {
        try Sample.names(below: "log/new").map { try Sample.file($0) }
    }

    private static func leaves() throws -> [[UInt8]] {
        var leaves: [[UInt8]] = []
        for (number, file) in try entryFiles().enumerated() {
            leaves.append(try LogEntryFile(bytes: file, number: number, origin: Sample.origin).leaf)
        }
        let list = LogEntry(
            number: 7, event: Trees.id(1), refs: Trees.id(2), packs: .list(Trees.id(3)), features: [], time: 5
        )
        let features = LogEntry(
            number: 0, event: Trees.id(1), refs: Trees.id(2), packs: .listed(changes(8)),
            features: ["a-1", "b"], time: 0)
        return leaves + [list.leaf, features.leaf]
    }

    private static func changes(_ count: Int) -> PackChanges {
        let names = (0..<3 * count).map {
            PackName(digest: Trees.id($0), nonce: [0, 1, 2, 3, 4, 5, 6, UInt8($0 & 255)])
        }
        return PackChanges(
            added: Array(names[..<count]), dropped: Array(names[count..<2 * count]),
            doomed: Array(names[(2 * count)...]))
    }

    private static let tokens = ["\"packList\":", "null", "\"features\":[]", "\u{212a}", "\\n", "-1"]

    // MARK: Entries

    private static var logEntry: FuzzedDecoder {
        FuzzedDecoder(
            name: "log-entry", isJSON: true, sizeLimit: 8192, tokens: tokens, seeds: leaves,
            decode: { bytes in
                let entry: LogEntry
                do throws(MalformedObject) { entry = try LogEntry(leaf: bytes) } catch { return .refused }
                try require(
                    (try? LogEntry(leaf: entry.leaf)) == entry, "encoded and decoded it is another entry")
                try require(entry.number >= 0 && entry.time >= 0, "a number below 0")
                let json = try JSONValue(canonical: bytes)
                try require(
                    (json.member("packs") == nil) != (json.member("packList") == nil),
                    "both packs and packList")
                if case .listed(let packs) = entry.packs { try check(packs, limit: 32) }
                for feature in entry.features {
                    let isAllowed =
                        !feature.isEmpty
                        && feature.utf8.allSatisfy {
                            "abcdefghijklmnopqrstuvwxyz0123456789-".utf8.contains($0)
                        }
                    try require(isAllowed, "the feature \(feature)")
                }
                return .accepted
            })
    }

    private static func check(_ packs: PackChanges, limit: Int = .max) throws {
        try require(packs.count <= limit, "\(packs.count) names of packs")
        let all = packs.added + packs.dropped + packs.doomed
        try require(Set(all).count == all.count, "one pack in two lists")
    }

    private static func number(_ json: JSONValue) -> Int {
        (try? json.member("entry")?.integer("number")) ?? 0
    }

    private static var logFile: FuzzedDecoder {
        FuzzedDecoder(
            name: "log-file", isJSON: true, sizeLimit: 20_000, tokens: tokens, seeds: entryFiles,
            repair: repairLogFile,
            decode: { bytes in
                let number = (try? JSONValue(canonical: bytes)).map(number) ?? 0
                let file: LogEntryFile
                do throws(MalformedObject) {
                    file = try LogEntryFile(bytes: bytes, number: number, origin: Sample.origin)
                } catch { return .refused }
                try require(file.entry.number == number && file.before.size == number, "another number")
                try require(file.after.size == number + 1, "another size")
                let json = try JSONValue(canonical: bytes)
                let note = try json.string("note")
                try require(note.utf8.starts(with: file.note.utf8), "another note was accepted")
                if file.leaf == file.entry.leaf, note.utf8.count == file.note.utf8.count,
                    case .object(let all) = json, all.count == 3
                {
                    try require(file.bytes == bytes, "another encoding was accepted")
                }
                return .accepted
            })
    }

    /// The note that entry and subtrees give.
    @Sendable private static func repairLogFile(_ bytes: [UInt8]) -> [UInt8] {
        guard let json = try? JSONValue(canonical: bytes), case .object(var members) = json,
            let entry = json.member("entry"), let texts = try? json.strings("subtrees"),
            let before = MerkleFrontier(
                size: number(json), subtrees: texts.compactMap { try? ObjectID(hex: $0) }),
            let at = members.firstIndex(where: { $0.name == "note" }),
            case .string(let old) = members[at].value
        else { return bytes }
        var after = before
        after.append(MerkleLog.leaf(entry.canonicalBytes))
        let note = "mlrepo/\(Sample.origin)\n\(after.size)\n\(Base64.encode(after.root.digest.bytes))\n"
        // What was put behind the note stays there.
        let rest =
            old.split(separator: "\n", maxSplits: 3, omittingEmptySubsequences: false).dropFirst(3).first
            ?? ""
        members[at] = JSONMember("note", .string(note + rest))
        return JSONValue.object(members, sorting: false).canonicalBytes
    }

    private static var tile: FuzzedDecoder {
        FuzzedDecoder(
            name: "log-tile", sizeLimit: 1 << 18,
            seeds: {
                var entries: [UInt8] = []
                for number in 0..<256 {
                    let entry = LogEntry(
                        number: number, event: Trees.id(number), refs: Trees.id(2),
                        packs: .listed(PackChanges()),
                        features: [], time: 5)
                    entries += [UInt8(entry.leaf.count >> 8), UInt8(entry.leaf.count & 255)] + entry.leaf
                }
                return [entries, (0..<256).flatMap { _ in [0, 1, 0x7b] as [UInt8] }]
            },
            decode: { bytes in
                let disk = try SimulatedDisk.holding(bytes, at: layout.tile("entries", 0))
                let log = OperationLog(layout: layout, files: disk, origin: Sample.origin)
                let leaves: [[UInt8]]
                do throws(StoreError) { leaves = try log.tile(0) ?? [] } catch { return .refused }
                try require(leaves.count == 256, "\(leaves.count) entries")
                var again: [UInt8] = []
                for leaf in leaves { again += [UInt8(leaf.count >> 8), UInt8(leaf.count & 255)] + leaf }
                try require(again == bytes, "another encoding was accepted")
                do throws(StoreError) {
                    _ = try log.newest()
                    var next = 255
                    try log.entries(endingWith: 255) { entry in
                        defer { next -= 1 }
                        return entry.number == next
                    }
                } catch {}
                return .accepted
            })
    }

    private static var packList: FuzzedDecoder {
        FuzzedDecoder(
            name: "pack-list", isJSON: true, tokens: tokens,
            seeds: {
                [
                    changes(0).json.canonicalBytes, changes(3).json.canonicalBytes,
                    changes(40).json.canonicalBytes,
                ]
            },
            decode: { bytes in
                let packs: PackChanges
                do throws(MalformedObject) {
                    packs = try PackChanges(json: try JSONValue(canonical: bytes))
                } catch {
                    return .refused
                }
                try require(
                    (try? PackChanges(json: packs.json)) == packs, "encoded and decoded it is another list")
                try check(packs)
                return .accepted
            })
    }

    // MARK: What is remembered, and the format

    private static var state: FuzzedDecoder {
        FuzzedDecoder(
            name: "cache-state", isJSON: true, tokens: tokens,
            seeds: {
                let remembered = RememberedState(
                    number: 4,
                    log: MerkleFrontier(size: 5, subtrees: [Trees.id(1), Trees.id(2)]) ?? MerkleFrontier(),
                    leaf: Trees.id(3),
                    added: Dictionary(uniqueKeysWithValues: changes(5).added.map { ($0, 3) }), collected: 2)
                return [try Sample.file("cache/state"), remembered.bytes]
            },
            repair: { bytes in
                guard let json = try? JSONValue(canonical: bytes), let content = json.member("state") else {
                    return bytes
                }
                let digest = ObjectID(of: .blob, payload: content.canonicalBytes)
                return JSONValue.object(["digest": .string(digest.hex), "state": content]).canonicalBytes
            },
            decode: { bytes in
                guard let state = RememberedState(bytes: bytes) else { return .refused }
                try require(state.number >= 0, "a number below 0")
                try require(
                    RememberedState(bytes: state.bytes) == state, "encoded and decoded it is another state")
                // A log with a tile, where any number may be asked for.
                let tile = (0..<256).flatMap { _ in [0, 1, 0x7b] as [UInt8] }
                let disk = try SimulatedDisk.holding(tile, at: layout.tile("entries", 0))
                let log = OperationLog(layout: layout, files: disk, origin: Sample.origin)
                do throws(StoreError) { _ = try log.entry(of: state) } catch {}
                return .accepted
            })
    }

    private static var format: FuzzedDecoder {
        FuzzedDecoder(
            name: "format", isJSON: false, sizeLimit: 4096, tokens: tokens,
            seeds: {
                [
                    try Sample.file("format"),
                    StoreFormat(origin: Sample.origin, cutRule: 9, sharedBits: 48).bytes,
                ]
            },
            decode: { bytes in
                let format: StoreFormat
                do throws(StoreError) { format = try StoreFormat(bytes: bytes, layout: layout) } catch {
                    return .refused
                }
                let again = try? StoreFormat(bytes: format.bytes, layout: layout)
                try require(again == format, "encoded and decoded it is another format")
                return .accepted
            })
    }

    // MARK: A whole store

    private static let storeFiles = Result {
        try Sample.names(below: "log") + Sample.names(below: "packs") + ["format", "cache/state"]
    }

    /// Inputs are the number of a file, then what is in it.
    private static var store: FuzzedDecoder {
        FuzzedDecoder(
            name: "store", sizeLimit: 1 << 15,
            seeds: {
                try storeFiles.get().enumerated().map { number, name in
                    [UInt8(number)] + (try Sample.file(name))
                }
            },
            repair: { bytes in
                guard let first = bytes.first, let names = try? storeFiles.get() else { return bytes }
                let name = names[Int(first) % names.count]
                let rest = Array(bytes.dropFirst())
                if name.hasPrefix("packs") { return [first] + Checksums.repairPack(rest, frames: true) }
                if name.hasPrefix("log") { return [first] + repairLogFile(rest) }
                return bytes
            },
            decode: { bytes in
                guard let first = bytes.first else { return .refused }
                let names = try storeFiles.get()
                let disk = try Sample.made.get().disk.copy()
                try disk.put(Array(bytes.dropFirst()), at: Sample.directory / names[Int(first) % names.count])
                _ = try? IntegrityChecker(Sample.directory, files: disk, threads: 1).check()
                let store: ObjectStore
                do throws(StoreError) { store = try ObjectStore.open(Sample.directory, files: disk) } catch {
                    return .refused
                }
                do throws(ReadError) { try walk(store) } catch {}
                return .accepted
            })
    }

    /// Reads everything that refs name.
    private static func walk(_ store: ObjectStore) throws(ReadError) {
        for ref in try store.refs.leaves() where ref.target.kind == .commit {
            let commit = try store.commit(ref.target.id)
            for run in commit.runs { _ = try store.run(run) }
            var count = 0
            try DirectoryTree(root: commit.tree, reader: store).forEachFile { (_, entry) throws(ReadError) in
                count += 1
                guard count < 100 else { return }
                _ = try store.payload(of: entry.reference)
            }
        }
    }
}

extension Sample {
    /// The store's own name.
    static let origin =
        (try? StoreFormat(bytes: file("format"), layout: StoreLayout(root: directory)))?.origin ?? ""
}
