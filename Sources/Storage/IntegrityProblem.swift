package import ObjectModel

/// Something in a store that is not as the format says.
package struct IntegrityProblem: Hashable, Sendable, CustomStringConvertible {
    /// What kind of thing is wrong; the raw value is its stable name.
    package enum Kind: String, CaseIterable, Sendable {
        /// The file `format`.
        case format
        /// The log demands a feature that this version does not know; nothing further is checked.
        case feature
        /// A log entry's file: its bytes, or how it follows from those before.
        case logEntry = "log-entry"
        /// A log entry that breaks a rule about packs.
        case logRule = "log-rule"
        /// A number of the log that has no entry, though later ones are there.
        case logGap = "log-gap"
        /// A sealed tile of the log.
        case logTile = "log-tile"
        /// A list of packs of the log.
        case packList = "pack-list"
        /// Something derived; removing it repairs it.
        case cache
        /// A live pack whose file is not there.
        case missingPack = "missing-pack"
        /// A pack's file has another digest than its name.
        case packDigest = "pack-digest"
        /// A pack's trailer.
        case trailer
        /// A pack's index: its bytes, or what it says of the frames.
        case index
        /// Bytes of a pack that are to be a frame and are none that can be read.
        case frame
        /// A sound frame that cannot be decoded, since its base is missing or damaged.
        case base
        /// An object whose payload is not one of its kind.
        case object
        /// A tree whose nodes are not those that its elements make, or whose sizes are wrong.
        case shape
        /// A recipe whose chunks do not make its blob.
        case recipe
        /// An object that no live pack has undamaged: something refers to it, or it lay in a damaged frame.
        case missingObject = "missing-object"
        /// The system failed to deliver a file; its bytes may be right.
        case unreadable
        /// A working copy stands on a commit that the store does not have.
        case head
    }

    package let kind: Kind
    /// The object concerned, where it is known.
    package let reference: ObjectReference?
    package let pack: PackName?
    /// In the pack's file: where the frame or structure begins.
    package let offset: Int?
    /// The file concerned, below the store's directory.
    package let file: String?
    package let message: String
    /// What needs the objects concerned, sorted, at most ``needLimit``.
    ///
    /// `REF:PATH` is a file of a ref's commit, `REF~COMMIT:PATH` one of a commit behind it that the ref's own has not;
    /// `REF run RUN inputs:PATH`, `REF recipes`, `refs` and `log entry N` say what they are.
    package internal(set) var neededBy: [String] = []

    /// The most entries of ``neededBy``.
    package static let needLimit = 64

    /// Whether the log lacks an entry that `cache/` has seen.
    package var isOfRemembered: Bool { kind == .logGap && file == Self.remembered }
    static let remembered = "cache/state"

    package init(
        _ kind: Kind, _ message: String, file: String? = nil, reference: ObjectReference? = nil,
        pack: PackName? = nil,
        offset: Int? = nil
    ) {
        self.kind = kind
        self.message = message
        self.file = file ?? pack.map { "packs/\($0.directory)/\($0.fileName)" }
        self.reference = reference
        self.pack = pack
        self.offset = offset
    }

    package var description: String {
        var text = kind.rawValue
        if let file { text += " \(file)" }
        if let offset { text += " at offset \(offset)" }
        if let reference { text += " \(reference)" }
        return "\(text): \(message)"
    }
}

/// How far a check is.
package struct IntegrityProgress: Hashable, Sendable {
    /// Objects whose digests were checked.
    package var objects = 0
    /// Bytes of packs that were read.
    package var bytes = 0
    /// Bytes of all packs that are to be read.
    package var totalBytes = 0

    package init() {}
}

/// What a check found.
package struct IntegrityReport: Hashable, Sendable {
    /// Undamaged objects in live packs, each counted once.
    package internal(set) var objects = 0
    /// Live packs.
    package internal(set) var packs = 0
    /// Of their files.
    package internal(set) var bytes = 0
    package var problems: [IntegrityProblem] = []
    /// Objects that are known to have been in the store and that no live pack has undamaged; sorted.
    package var lost: [ObjectReference] = []
    /// Live packs that something is wrong with, missing ones included; sorted.
    package internal(set) var damagedPacks: [PackName] = []
    /// Whether the log is as it should be, so that the set of live packs is certain.
    package internal(set) var isLogSound = true

    package var isClean: Bool { problems.isEmpty }

    /// This report, with only those packs as damaged that another one of the same store calls so, too: a line, or a memory, that changes
    /// bytes now and then does not change the same ones twice.
    package func confirming(_ earlier: IntegrityReport) -> IntegrityReport {
        var report = self
        report.damagedPacks.removeAll { !earlier.damagedPacks.contains($0) }
        return report
    }
}
