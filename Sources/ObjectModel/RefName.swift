/// The whole name of a ref, such as `branches/main` (`Documentation/Formats/README.md`, "Names and paths").
package struct RefName: Hashable, Comparable, Sendable, CustomStringConvertible {
    package static let byteLimit = 250

    package let text: String

    package init(_ text: String) throws(InvalidName) {
        // Each node of a store's refs is full of them: one pass over the bytes.
        var text = text
        guard !text.isEmpty, text.utf8.count <= Self.byteLimit, text.withUTF8(Self.isValid) else {
            throw InvalidName(bytes: Array(text.utf8), problem: .refName)
        }
        self.text = text
    }

    /// What refs of a name stand for, as the first of several names says it; nothing for a name that no store has.
    package var targetKind: ObjectKind? {
        // By bytes: a character at a time takes ten times as long.
        guard let slash = text.utf8.firstIndex(of: UInt8(ascii: "/")) else { return nil }
        return switch text[..<slash] {
        case "branches", "tags", "worktrees", "kept", "remotes": .commit
        case "runs": .run
        case "statements": statement == nil ? nil : .statement
        case "policies", "proposals": .blob
        default: nil
        }
    }

    package static func branch(_ name: String) throws(InvalidName) -> RefName {
        try RefName("branches/" + name)
    }
    package static func tag(_ name: String) throws(InvalidName) -> RefName { try RefName("tags/" + name) }
    package static func worktree(_ id: String) throws(InvalidName) -> RefName {
        try RefName("worktrees/" + id)
    }
    /// What a working copy is about to overwrite.
    package static func kept(_ id: String) throws(InvalidName) -> RefName { try RefName("kept/" + id) }

    /// A branch of another store, as it was seen there last.
    package static func remote(_ remote: String, _ branch: String) throws(InvalidName) -> RefName {
        try RefName("remotes/\(remote)/\(branch)")
    }

    /// A statement; found by what it says and about what, and named by its own id.
    package static func statement(_ name: StatementName) throws(InvalidName) -> RefName {
        let (subject, id) = (name.subject, name.id)
        return try RefName(
            "statements/\(name.word)/\(subject.kind.name)/\(subject.id.hex)/\(id.hex)")
    }

    /// A version of the store's policy that is or was in force.
    package static func policy(_ version: Int) throws(InvalidName) -> RefName {
        try RefName("\(policies)\(version)")
    }
    package static let policies = "policies/"

    /// The version of a policy that it names; nothing for other refs.
    package var policyVersion: Int? {
        guard let digits = name(in: "policies"), let version = Int(digits), version > 0,
            String(version) == digits
        else { return nil }
        return version
    }

    /// A policy that somebody proposes; named by its own id.
    package static func proposal(_ id: ObjectID) throws(InvalidName) -> RefName {
        try RefName("proposals/\(id.hex)")
    }

    /// The proposed policy that it names; nothing for other refs.
    package var proposal: ObjectID? { name(in: "proposals").flatMap { try? ObjectID(hex: $0) } }

    /// The statement that it names; nothing for other refs.
    package var statement: StatementName? {
        guard let parts = name(in: "statements")?.split(separator: "/"), parts.count == 4,
            Statement.isWord(parts[0]), let kind = ObjectKind(name: String(parts[1])),
            let subject = try? ObjectID(hex: String(parts[2])), let id = try? ObjectID(hex: String(parts[3]))
        else { return nil }
        return StatementName(word: String(parts[0]), subject: ObjectReference(kind, subject), id: id)
    }

    /// The name without the group it is in, if it is in that group.
    package func name(in group: String) -> String? {
        guard
            let slash = text.utf8.index(
                text.utf8.startIndex, offsetBy: group.utf8.count, limitedBy: text.utf8.endIndex),
            slash < text.utf8.endIndex, text.utf8[slash] == UInt8(ascii: "/"),
            text.utf8.starts(with: group.utf8)
        else { return nil }
        return String(text.utf8[slash...].dropFirst())
    }

    package var description: String { text }

    package static func < (a: Self, b: Self) -> Bool { a.text.utf8.lexicographicallyPrecedes(b.text.utf8) }

    /// Names between slashes: of the allowed bytes, none empty, none that begins with `-` or `.` or ends with `.` or `.lock`, none `@`.
    private static func isValid(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        var start = 0
        for end in 0...bytes.count where end == bytes.count || bytes[end] == UInt8(ascii: "/") {
            let name = bytes[start..<end]
            guard let first = name.first, let last = name.last, first != UInt8(ascii: "-"),
                first != UInt8(ascii: "."), last != UInt8(ascii: "."),
                name.count > 1 || first != UInt8(ascii: "@"), name.allSatisfy(isAllowed),
                // What is allowed is ASCII.
                !name.suffix(5).elementsEqual(".lock".utf8)
            else { return false }
            start = end + 1
        }
        return true
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "+"), UInt8(ascii: "@"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}

/// What the ref of a statement says of it.
package struct StatementName: Hashable, Sendable {
    /// Of its kind.
    package let word: String
    package let subject: ObjectReference
    package let id: ObjectID

    package init(word: String, subject: ObjectReference, id: ObjectID) {
        (self.word, self.subject, self.id) = (word, subject, id)
    }
}
