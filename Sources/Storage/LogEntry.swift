internal import Hashing
package import ObjectModel

/// One operation in the log: whose event it is, what refs there are after it, and which packs come and go
/// (`Documentation/Formats/log.md`, "Entry").
package struct LogEntry: Hashable, Sendable {
    package static let byteLimit = 4096
    /// The most pack names that an entry itself can hold.
    package static let packLimit = 32

    package var number: Int
    package var event: ObjectID
    /// Root of the map of all refs.
    package var refs: ObjectID
    package var packs: Packs
    /// What a reader has to know, from this entry on; sorted.
    package var features: [String]
    /// Seconds since 1970-01-01T00:00:00Z.
    package var time: Int
    /// Of whoever made it: over the head of the log before it and all of the entry but this (``signedBytes(of:behind:)``), as OpenSSH's
    /// PROTOCOL.sshsig has it, without text around it.
    package var signature: [UInt8]?

    package enum Packs: Hashable, Sendable {
        case listed(PackChanges)
        /// Too many: the name of a file in `log/lists`.
        case list(ObjectID)
    }

    package init(number: Int, event: ObjectID, refs: ObjectID, packs: Packs, features: [String], time: Int) {
        self.number = number
        self.event = event
        self.refs = refs
        self.packs = packs
        self.features = features
        self.time = time
    }

    /// What its signature is for (OpenSSH's PROTOCOL.sshsig).
    package static let signatureNamespace = "mlrepo.event"
    private static let signatureMember = "signature"

    var json: JSONValue {
        var members: [JSONMember] = [
            JSONMember("event", .string(event.hex)),
            JSONMember("features", .array(features.map { .string($0) })),
            JSONMember("number", .integer(number)), JSONMember("refs", .string(refs.hex)),
            JSONMember("time", .integer(time)),
        ]
        if let signature {
            members.append(JSONMember(Self.signatureMember, .string(Base64.encode(signature))))
        }
        switch packs {
        case .listed(let changes): members.append(JSONMember("packs", changes.json))
        case .list(let id): members.append(JSONMember("packList", .string(id.hex)))
        }
        return .object(members, sorting: true)
    }

    /// The bytes that the log hashes.
    package var leaf: [UInt8] { json.canonicalBytes }

    package init(leaf: [UInt8]) throws(MalformedObject) {
        guard leaf.count <= Self.byteLimit else { throw .tooLarge(leaf.count, limit: Self.byteLimit) }
        try self.init(json: try JSONValue(canonical: leaf))
    }

    init(json: JSONValue) throws(MalformedObject) {
        number = try json.integer("number")
        guard number >= 0 else { throw .member("number", expected: "at least 0") }
        event = try json.id("event")
        refs = try json.id("refs")
        features = try json.strings("features")
        time = try json.time("time")
        guard features.allSatisfy(Self.isFeature), Set(features).sorted() == features else {
            throw .member("features", expected: "names of features, sorted and unique")
        }
        if let listed = json.member("packs") {
            guard json.member("packList") == nil else { throw .member("packList", expected: "left out") }
            let changes = try PackChanges(json: listed)
            guard changes.count <= Self.packLimit else {
                throw .member("packs", expected: "at most \(Self.packLimit) names")
            }
            packs = .listed(changes)
        } else {
            packs = .list(try json.id("packList"))
        }
        if let text = try json.optionalString(Self.signatureMember) {
            guard let bytes = Base64.decode(text), !bytes.isEmpty else {
                throw .member(Self.signatureMember, expected: "base64")
            }
            signature = bytes
        }
    }

    /// What the signature of an entry is over: the head of the log before it, an empty line, and the entry's canonical JSON without the
    /// signature.
    ///
    /// So it stands for the entry in its place: what is signed fits nowhere else, and in no other log.
    /// - Parameters:
    ///   - leaf: The entry's own bytes.
    ///   - head: Of the log before it.
    package static func signedBytes(of leaf: [UInt8], behind head: LogHead) throws(MalformedObject) -> [UInt8]
    {
        let json = try JSONValue(canonical: leaf).removing(signatureMember)
        return Array("\(head.note)\n".utf8) + json.canonicalBytes
    }
}

extension LogEntry {
    private static func isFeature(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                (0x61...0x7a).contains(byte) || (0x30...0x39).contains(byte) || byte == UInt8(ascii: "-")
            }
    }
}

/// Which packs come into a store, are no longer needed, and may be deleted.
package struct PackChanges: Hashable, Sendable {
    package var added: [PackName]
    package var dropped: [PackName]
    package var doomed: [PackName]

    package init(added: [PackName] = [], dropped: [PackName] = [], doomed: [PackName] = []) {
        self.added = added.sorted()
        self.dropped = dropped.sorted()
        self.doomed = doomed.sorted()
    }

    package var count: Int { added.count + dropped.count + doomed.count }

    var json: JSONValue {
        func names(_ packs: [PackName]) -> JSONValue { .array(packs.map { .string($0.text) }) }
        return .object(["added": names(added), "doomed": names(doomed), "dropped": names(dropped)])
    }

    init(json: JSONValue) throws(MalformedObject) {
        added = try Self.names(json, "added")
        dropped = try Self.names(json, "dropped")
        doomed = try Self.names(json, "doomed")
        guard Set(added).union(dropped).union(doomed).count == count else {
            throw .member("packs", expected: "each pack in one list only")
        }
    }

    private static func names(_ json: JSONValue, _ member: String) throws(MalformedObject) -> [PackName] {
        let texts = try json.strings(member)
        let names = texts.compactMap { PackName($0) }
        guard names.count == texts.count, Set(names).sorted() == names else {
            throw .member(member, expected: "pack names, sorted and unique")
        }
        return names
    }
}

/// A file of `log/new`: an entry, the log's head with it, and what the next writer needs.
package struct LogEntryFile: Hashable, Sendable {
    package static let byteLimit = 16_384

    package let entry: LogEntry
    /// The bytes that the log hashes: the entry's own, with members that this version does not know.
    package let leaf: [UInt8]
    package let origin: String
    /// The log before this entry.
    package let before: MerkleFrontier
    /// The log with it.
    package let after: MerkleFrontier

    package init(entry: LogEntry, origin: String, before: MerkleFrontier) {
        self.init(entry: entry, leaf: entry.leaf, origin: origin, before: before)
    }

    /// - Parameter leaf: The entry's own bytes.
    init(entry: LogEntry, leaf: [UInt8], origin: String, before: MerkleFrontier) {
        self.entry = entry
        self.leaf = leaf
        self.origin = origin
        self.before = before
        var after = before
        after.append(MerkleLog.leaf(leaf))
        self.after = after
    }

    /// The head as C2SP tlog-checkpoint writes it.
    package var note: String { LogHead(origin: origin, after).note }

    /// What an entry of this version looks like as a file.
    package var bytes: [UInt8] {
        JSONValue.object([
            "entry": entry.json, "note": .string(note),
            "subtrees": .array(before.subtrees.map { .string($0.hex) }),
        ]).canonicalBytes
    }

    package init(bytes: [UInt8], number: Int, origin: String) throws(MalformedObject) {
        guard bytes.count <= Self.byteLimit else { throw .tooLarge(bytes.count, limit: Self.byteLimit) }
        guard !bytes.isEmpty else { throw .truncated("an entry, of which nothing is left", offset: 0) }
        let json = try JSONValue(canonical: bytes)
        guard let entry = json.member("entry") else { throw .member("entry", expected: "an object") }
        let texts = try json.strings("subtrees")
        let subtrees = texts.compactMap { try? ObjectID(hex: $0) }
        guard subtrees.count == texts.count, let before = MerkleFrontier(size: number, subtrees: subtrees)
        else {
            throw .member("subtrees", expected: "one hash for each bit of \(number)")
        }
        let leaf = entry.canonicalBytes
        self.init(entry: try LogEntry(leaf: leaf), leaf: leaf, origin: origin, before: before)
        guard self.entry.number == number else { throw .member("number", expected: "\(number)") }
        // Signatures may follow the note's own text; the text is what the hashes say.
        // They are compared as bytes: Unicode has letters that are equivalent to those of base64.
        let found = Array(try json.string("note").utf8)
        let own = Array(note.utf8)
        guard found.starts(with: own), Self.areSignatures(found[own.count...]) else {
            throw .member("note", expected: "the head that entry and subtrees give")
        }
    }

    /// Whether this can stand behind a note: nothing, or an empty line and signatures as in C2SP signed-note.
    private static func areSignatures(_ text: ArraySlice<UInt8>) -> Bool {
        guard let first = text.first else { return true }
        let lines = text.dropFirst().split(separator: 0x0a, omittingEmptySubsequences: false)
        guard first == 0x0a, lines.count > 1, lines.last?.isEmpty == true else { return false }
        return lines.dropLast().allSatisfy { line in
            let parts = line.split(separator: 0x20, omittingEmptySubsequences: false)
            guard parts.count == 3, parts[0].elementsEqual("\u{2014}".utf8), !parts[1].isEmpty else {
                return false
            }
            return parts[1].allSatisfy { $0 > 0x20 && $0 != UInt8(ascii: "+") && $0 != 0x7f }
                && Base64.decode(String(decoding: parts[2], as: UTF8.self))?.isEmpty == false
        }
    }
}
