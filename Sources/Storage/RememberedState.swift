internal import FileIO
internal import ObjectModel

/// A state of a store as `cache/` remembers it: derived, and checked against the log when it is read.
package struct RememberedState: Hashable, Sendable {
    package let number: Int
    /// The log up to and with that entry.
    let log: MerkleFrontier
    /// The entry's hash in the log.
    let leaf: ObjectID
    /// Live packs, each with the number of the entry that added it.
    let added: [PackName: Int]
    /// As in ``StoreState/collected``.
    let collected: Int?

    init(number: Int, log: MerkleFrontier, leaf: ObjectID, added: [PackName: Int], collected: Int?) {
        self.number = number
        self.log = log
        self.leaf = leaf
        self.added = added
        self.collected = collected
    }

    package var live: Set<PackName> { Set(added.keys) }

    private var content: JSONValue {
        .object([
            "collected": collected.map { .integer($0) }, "leaf": .string(leaf.hex),
            "number": .integer(number),
            "packs": .array(
                added.sorted { $0.key < $1.key }.map { .array([.string($0.key.text), .integer($0.value)]) }),
            "subtrees": .array(log.subtrees.map { .string($0.hex) }),
        ])
    }

    package var bytes: [UInt8] {
        let content = content
        // What is read is believed, so a flipped digit must not pass.
        let digest = ObjectID(of: .blob, payload: content.canonicalBytes)
        return JSONValue.object(["digest": .string(digest.hex), "state": content]).canonicalBytes
    }

    /// What `cache/` of a store has; nothing if it is not there, or not as it was written.
    init?(in layout: StoreLayout, _ files: any FileSystem) {
        guard let bytes = (try? files.contentsIfPresent(layout.cache / "state", limit: 16 << 20)) ?? nil
        else {
            return nil
        }
        self.init(bytes: bytes)
    }

    /// - Returns: Nothing if the bytes are not as they were written.
    package init?(bytes: [UInt8]) {
        guard let json = try? JSONValue(canonical: bytes), let content = json.member("state"),
            let digest = try? json.id("digest"),
            ObjectID(of: .blob, payload: content.canonicalBytes) == digest,
            let number = try? content.integer("number"), number >= 0, let leaf = try? content.id("leaf"),
            let rows = try? content.array("packs"), let texts = try? content.strings("subtrees")
        else { return nil }
        var added: [PackName: Int] = [:]
        var last: PackName?
        for row in rows {
            guard case .array(let fields) = row, fields.count == 2, case .string(let text) = fields[0],
                let name = PackName(text), last.map({ $0 < name }) ?? true,
                case .integer(let by) = fields[1], (0...number).contains(by)
            else { return nil }
            last = name
            added[name] = by
        }
        let subtrees = texts.compactMap { try? ObjectID(hex: $0) }
        guard subtrees.count == texts.count, let log = MerkleFrontier(size: number + 1, subtrees: subtrees)
        else { return nil }
        var collected: Int?
        if content.member("collected") != nil {
            guard let number = try? content.integer("collected") else { return nil }
            collected = number
        }
        self.init(number: number, log: log, leaf: leaf, added: added, collected: collected)
    }
}
