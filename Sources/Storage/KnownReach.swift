package import FileIO
internal import ObjectModel

/// What another store's refs reach of this store's objects, as an earlier push worked it out: kept in `cache/`, so that a push of little
/// does not walk through everything that both have.
///
/// It holds for as long as the packs are there that it speaks of, and what was named then is in the history of what is named now.
package struct KnownReach: Sendable {
    private let path: FilePath
    private let temporary: FilePath
    private let store: StoreLayout
    private let files: any FileSystem

    /// - Parameters:
    ///   - key: What the other store is known by, as a file name.
    ///   - nonce: Random, for the name of a temporary file.
    package init(_ key: String, in store: StoreLayout, _ files: any FileSystem, nonce: String) {
        path = store.cache / "reach" / key
        temporary = store.temporary / "reach-\(nonce)"
        (self.store, self.files) = (store, files)
    }

    /// The roots, and the bits of each pack's entries.
    private struct Content {
        let roots: [ObjectReference]
        let bits: [PackName: [UInt64]]
    }

    /// Marks what is known to be reached by some roots; nothing where what is remembered does not hold any more.
    ///
    /// - Parameter roots: What the other store's refs name now, as far as this store has it.
    func mark(_ marks: inout Reachability, reaching roots: [ObjectReference]) {
        guard let content = recall(), marks.has(content.bits),
            Self.isReached(content.roots, from: roots, in: marks.store)
        else { return }
        marks.take(content.bits)
    }

    /// Whether some roots are among others, or in the history of these.
    private static func isReached(
        _ wanted: [ObjectReference], from roots: [ObjectReference], in store: ObjectStore
    ) -> Bool {
        var wanted = Set(wanted)
        wanted.subtract(roots)
        guard wanted.allSatisfy({ $0.kind == .commit }) else { return false }
        var (due, seen): ([ObjectID], Set<ObjectID>) = (roots.filter { $0.kind == .commit }.map(\.id), [])
        while !wanted.isEmpty, let id = due.popLast() {
            guard seen.insert(id).inserted, let commit = try? store.commit(id) else { continue }
            for parent in commit.parents { wanted.remove(ObjectReference(.commit, parent)) }
            due += commit.parents
        }
        return wanted.isEmpty
    }

    private func recall() -> Content? {
        guard let bytes = try? files.contentsIfPresent(path, limit: 1 << 30),
            let end = bytes.firstIndex(of: 0x0a),
            let json = try? JSONValue(canonical: Array(bytes[..<end])),
            let rows = try? json.array("packs"), let names = try? json.strings("roots"),
            // What is read is believed: a flipped bit must not pass.
            (try? json.id("digest")) == Self.digest(names, rows, Array(bytes[(end + 1)...]))
        else { return nil }
        var offset = end + 1
        var bits: [PackName: [UInt64]] = [:]
        for row in rows {
            guard let name = PackName((try? row.string("name")) ?? ""), let count = try? row.integer("words"),
                count >= 0, count <= (bytes.count - offset) / 8
            else { return nil }
            bits[name] = bytes.withUnsafeBytes { bytes in (0..<count).map { bytes.u64(at: offset + 8 * $0) } }
            offset += 8 * count
        }
        var roots: [ObjectReference] = []
        for name in names {
            let parts = name.split(separator: " ")
            guard parts.count == 2, let kind = ObjectKind(name: String(parts[0])),
                let id = try? ObjectID(hex: parts[1])
            else { return nil }
            roots.append(ObjectReference(kind, id))
        }
        return Content(roots: roots, bits: bits)
    }

    private static func digest(_ roots: [String], _ packs: [JSONValue], _ bits: [UInt8]) -> ObjectID {
        let names = JSONValue.array([.array(roots.map { .string($0) }), .array(packs)]).canonicalBytes
        return ObjectID(of: .blob, payload: names + bits)
    }

    /// Remembers what some roots reach.
    ///
    /// Where nothing can be written, nothing is remembered.
    func remember(_ marks: Reachability, reaching roots: [ObjectReference]) {
        var (rows, bytes): ([JSONValue], [UInt8]) = ([], [])
        for (pack, bits) in zip(marks.packs, marks.bits) {
            rows.append(.object(["name": .string(pack.name.text), "words": .integer(bits.count)]))
            for word in bits { bytes.appendLittleEndian(word) }
        }
        let names = roots.map { "\($0.kind.name) \($0.id.hex)" }
        let json = JSONValue.object([
            "digest": .string(Self.digest(names, rows, bytes).hex), "packs": .array(rows),
            "roots": .array(names.map { .string($0) }),
        ])
        do throws(FileError) {
            try files.makeDirectories(path.parent, permissions: store.directoryPermissions, below: store.root)
            let file = try files.create(temporary, permissions: 0o666)
            defer { files.close(file) }
            try files.write(file, json.canonicalBytes + [0x0a] + bytes)
            try files.rename(temporary, to: path)
        } catch { try? files.removeIfPresent(temporary) }
    }
}
