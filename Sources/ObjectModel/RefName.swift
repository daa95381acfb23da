/// The whole name of a ref, such as `branches/main` (`Documentation/Formats/README.md`, "Names and paths").
package struct RefName: Hashable, Comparable, Sendable, CustomStringConvertible {
    package static let byteLimit = 250

    package let text: String

    package init(_ text: String) throws(InvalidName) {
        let invalid = InvalidName(bytes: Array(text.utf8), problem: .refName)
        guard !text.isEmpty, text.utf8.count <= Self.byteLimit else { throw invalid }
        for name in text.split(separator: "/", omittingEmptySubsequences: false) {
            guard let first = name.utf8.first, first != 0x2d, first != 0x2e, name != "@",
                !name.hasSuffix(".lock"), !name.hasSuffix("."), name.utf8.allSatisfy(Self.isAllowed)
            else { throw invalid }
        }
        self.text = text
    }

    /// What refs of a name stand for, as the first of several names says it; nothing for a name that no store has.
    package var targetKind: ObjectKind? {
        switch text.prefix(while: { $0 != "/" }) {
        case text[...]: nil
        case "branches", "tags", "worktrees", "kept": .commit
        case "runs": .run
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

    /// The name without the group it is in, if it is in that group.
    package func name(in group: String) -> String? {
        text.hasPrefix(group + "/") ? String(text.dropFirst(group.count + 1)) : nil
    }

    package var description: String { text }

    package static func < (a: Self, b: Self) -> Bool { a.text.utf8.lexicographicallyPrecedes(b.text.utf8) }

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
