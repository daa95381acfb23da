internal import FileIO
package import ObjectModel

/// What a store is at one entry of its log.
package struct StoreState: Hashable, Sendable {
    /// The newest entry.
    package private(set) var entry: LogEntry
    /// The log up to and with it.
    package private(set) var log: MerkleFrontier
    /// The packs that hold the store's objects.
    package private(set) var live: Set<PackName>

    /// The features of the format that this version knows beyond the first.
    static let knownFeatures: Set<String> = []

    /// The state after the first entry.
    init(first file: LogEntryFile, packs: PackChanges, layout: StoreLayout) throws(StoreError) {
        entry = file.entry
        log = MerkleFrontier()
        live = []
        try apply(file.entry, leaf: file.leaf, packs: packs, layout: layout)
    }

    /// A state that was remembered, together with the entry that it is the state of.
    init(entry: LogEntryFile, live: Set<PackName>) throws(StoreError) {
        self.entry = entry.entry
        log = entry.after
        self.live = live
        try Self.check(entry.entry)
    }

    package var number: Int { entry.number }
    package var refs: ObjectID { entry.refs }

    /// Goes on by one entry.
    mutating func apply(
        _ next: LogEntry, leaf: [UInt8], packs: PackChanges, layout: StoreLayout
    ) throws(StoreError) {
        try Self.check(next)
        for pack in packs.added where !live.insert(pack).inserted {
            throw .damaged(layout.entry(next.number), problem: "it adds the pack \(pack), which is live")
        }
        for pack in packs.dropped where live.remove(pack) == nil {
            throw .damaged(layout.entry(next.number), problem: "it drops the pack \(pack), which is not live")
        }
        for pack in packs.doomed where live.contains(pack) {
            throw .damaged(layout.entry(next.number), problem: "it dooms the pack \(pack), which is live")
        }
        log.append(MerkleLog.leaf(leaf))
        entry = next
    }

    private static func check(_ entry: LogEntry) throws(StoreError) {
        for feature in entry.features where !knownFeatures.contains(feature) {
            throw .feature(feature, entry: entry.number)
        }
    }
}

extension StoreState {
    /// The form in which `cache/` remembers a state: derived, and checked against the log when it is read.
    var remembered: [UInt8] {
        JSONValue.object([
            "live": .array(live.sorted().map { .string($0.text) }), "number": .integer(number),
            "root": .string(log.root.hex),
            // The list is believed when it is read, so a flipped digit in it must not pass.
            "digest": .string(Self.digest(of: live).hex),
        ]).canonicalBytes
    }

    /// What a remembered state says, before it is believed.
    static func recall(_ bytes: [UInt8]) -> (number: Int, root: ObjectID, live: Set<PackName>)? {
        guard let json = try? JSONValue(canonical: bytes), let number = try? json.integer("number"),
            number >= 0,
            let root = try? json.id("root"), let texts = try? json.strings("live")
        else { return nil }
        let live = Set(texts.compactMap { PackName($0) })
        guard live.count == texts.count, let digest = try? json.id("digest"), digest == Self.digest(of: live)
        else {
            return nil
        }
        return (number, root, live)
    }

    private static func digest(of live: Set<PackName>) -> ObjectID {
        ObjectID(of: .blob, payload: live.sorted().flatMap { Array($0.text.utf8) })
    }
}
