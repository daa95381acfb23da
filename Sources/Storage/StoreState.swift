internal import Coding
internal import FileIO
package import ObjectModel

/// What a store is at one entry of its log.
package struct StoreState: Hashable, Sendable {
    /// The newest entry.
    package private(set) var entry: LogEntry
    /// The log up to and with it.
    package private(set) var log: MerkleFrontier
    /// The packs that hold the store's objects, each with the number of the entry that added it.
    package private(set) var added: [PackName: Int]
    /// The newest entry that dropped packs and left the refs as they were: before it, what no ref names may have been
    /// collected.
    package private(set) var collected: Int?
    /// The hash of the newest entry in the log.
    private var leaf: ObjectID

    /// The features of the format that this version knows beyond the first.
    static let knownFeatures: Set<String> = [tensors, patches, casts, policy]

    /// The store has a policy: refs that name its versions.
    package static let policy = "policy"

    /// Packs have frames of tensors.
    private static let tensors = "tensors"
    /// Packs have frames that are patches upon others.
    private static let patches = "patches"

    /// Packs have frames of tensors that are rounded from others.
    private static let casts = "casts"

    /// The feature without which frames of a codec cannot be read.
    static func feature(of codec: Codec) -> String? {
        switch codec {
        case .tensor, .tensorWithBase: tensors
        case .patch: patches
        case .cast: casts
        case .raw, .zlib, .zstd, .zlibWithBase: nil
        }
    }

    /// The state after the first entry.
    init(first file: LogEntryFile, packs: PackChanges, layout: StoreLayout) throws(StoreError) {
        entry = file.entry
        log = MerkleFrontier()
        added = [:]
        leaf = MerkleLog.leaf(file.leaf)
        try apply(file.entry, leaf: file.leaf, packs: packs, layout: layout)
    }

    /// A state that was remembered, together with the entry that it is the state of.
    ///
    /// - Parameter entry: As the log has it.
    package init(_ remembered: RememberedState, entry: LogEntry) throws(StoreError) {
        self.entry = entry
        leaf = remembered.leaf
        log = remembered.log
        added = remembered.added
        collected = remembered.collected
        try Self.check(entry)
    }

    package var number: Int { entry.number }
    package var refs: ObjectID { entry.refs }
    package var live: Set<PackName> { Set(added.keys) }

    /// Whether the store has a policy.
    package var isGoverned: Bool { entry.features.contains(Self.policy) }

    package func isLive(_ pack: PackName) -> Bool { added[pack] != nil }

    /// Goes on by one entry.
    mutating func apply(
        _ next: LogEntry, leaf: [UInt8], packs: PackChanges, layout: StoreLayout
    ) throws(StoreError) {
        try Self.check(next)
        // Else a store could be made to look as if it had no policy.
        guard Set(next.features).isSuperset(of: entry.features) else {
            throw .damaged(
                layout.entry(next.number),
                problem: "features of the entry before it are not in force any more")
        }
        for pack in packs.added where added.updateValue(next.number, forKey: pack) != nil {
            throw .damaged(layout.entry(next.number), problem: "it adds the pack \(pack), which is live")
        }
        for pack in packs.dropped where added.removeValue(forKey: pack) == nil {
            throw .damaged(layout.entry(next.number), problem: "it drops the pack \(pack), which is not live")
        }
        for pack in packs.doomed where isLive(pack) {
            throw .damaged(layout.entry(next.number), problem: "it dooms the pack \(pack), which is live")
        }
        if !packs.dropped.isEmpty, next.refs == entry.refs { collected = next.number }
        self.leaf = MerkleLog.leaf(leaf)
        log.append(self.leaf)
        entry = next
    }

    /// The state behind an entry that was made on this one.
    package func followed(
        by file: LogEntryFile, packs: PackChanges, layout: StoreLayout
    ) throws(StoreError) -> StoreState {
        var next = self
        try next.apply(file.entry, leaf: file.leaf, packs: packs, layout: layout)
        return next
    }

    private static func check(_ entry: LogEntry) throws(StoreError) {
        for feature in entry.features where !knownFeatures.contains(feature) {
            throw .feature(feature, entry: entry.number)
        }
    }

    /// The form in which `cache/` keeps it.
    package var remembered: RememberedState {
        RememberedState(number: number, log: log, leaf: leaf, added: added, collected: collected)
    }
}
