internal import ObjectModel

/// What is left of the file of a log entry that is damaged: an entry is told again where that, and the log around it, say for sure what it
/// was.
///
/// A file says what it says twice: the note has the root of the log, which the entry's own bytes have to give.
struct DamagedEntry {
    let number: Int
    let origin: String
    /// The log in front of it.
    let before: MerkleFrontier
    /// The log with it, where somebody knows: the entry behind it, or who remembers.
    let after: MerkleFrontier?
    /// Of its file; none if that is gone.
    let bytes: [UInt8]

    /// What every file begins with.
    private static let opening = Array(#"{"entry":"#.utf8)
    private static let closing = Array(#","note":"#.utf8)
    /// So many bytes behind the entry may be damaged if nobody else knows the log.
    private static let tolerance = 16

    /// The entry as it was, if one byte of it is wrong at most, or what is damaged lies behind it.
    func mended() -> LogEntryFile? {
        // No entry is longer, and the search takes the square of its length.
        for end in ends where end - Self.opening.count <= LogEntry.byteLimit {
            var leaf = Array(bytes[Self.opening.count..<end])
            let root = after?.root ?? notedRoot
            if let file = file(leaf), isConfirmed(file) || file.after.root == root { return file }
            guard let root else { continue }
            for place in leaf.indices {
                let damaged = leaf[place]
                for letter in UInt8(0x20)...0x7e where letter != damaged {
                    leaf[place] = letter
                    var log = before
                    log.append(MerkleLog.leaf(leaf))
                    if log.root == root, let file = file(leaf) { return file }
                }
                leaf[place] = damaged
            }
        }
        return nil
    }

    /// Whether an entry that somebody found out about is this one for sure.
    func isConfirmed(_ file: LogEntryFile) -> Bool {
        if let after { return file.after == after }
        let whole = file.bytes
        return whole.count == bytes.count
            && zip(whole, bytes).count { $0 != $1 } <= Self.tolerance
    }

    /// Whether the event's id still stands in the file.
    func names(_ event: ObjectID) -> Bool {
        let digits = Array(event.hex.utf8)
        return bytes.indices.dropLast(digits.count - 1).contains { bytes[$0...].starts(with: digits) }
    }

    private func file(_ leaf: [UInt8]) -> LogEntryFile? {
        guard let entry = try? LogEntry(leaf: leaf), entry.number == number else { return nil }
        return LogEntryFile(entry: entry, leaf: leaf, origin: origin, before: before)
    }

    /// Where the entry may end in the file.
    private var ends: [Int] {
        var (ends, depth): ([Int], Int) = ([], 0)
        // No string of an entry has braces.
        for place in bytes.indices.dropFirst(Self.opening.count) {
            if bytes[place] == UInt8(ascii: "{") { depth += 1 }
            if bytes[place] == UInt8(ascii: "}") { depth -= 1 }
            if depth == 0 {
                ends.append(place + 1)
                break
            }
        }
        let note = bytes.indices.dropFirst(Self.opening.count).first {
            bytes[$0...].starts(with: Self.closing)
        }
        if let note, !ends.contains(note) { ends.append(note) }
        return ends
    }

    /// The root that the note says, where that can still be read.
    private var notedRoot: ObjectID? {
        let head = Array("mlrepo/\(origin)\\n\(number + 1)\\n".utf8)
        guard let start = bytes.indices.first(where: { bytes[$0...].starts(with: head) }) else { return nil }
        let text = bytes[(start + head.count)...].prefix { $0 != UInt8(ascii: "\\") }
        return Base64.decode(String(decoding: text, as: UTF8.self)).flatMap {
            try? ObjectID(hex: Hex.text($0))
        }
    }
}
