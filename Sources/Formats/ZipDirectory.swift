/// The members of a zip archive by its central directory (PKWARE APPNOTE.TXT 6.3.10, sections 4.3 and 4.5.3).
///
/// Nothing is decompressed: of members that are, only the names are known.
struct ZipDirectory {
    /// Of an archive's first member.
    static let magic = Array("PK\u{3}\u{4}".utf8)
    /// The longest directory that is looked at, in bytes.
    private static let lengthLimit = 16 << 20

    /// A member that is stored as it is.
    struct Member {
        let name: [UInt8]
        /// In bytes.
        let length: Int
        /// Where its own header is.
        let header: Int
    }

    /// More members than these are given up.
    private static let memberLimit = 1 << 17

    let members: [Member]

    init?(_ source: ByteSource) {
        guard let place = Self.place(source),
            let bytes = source.bytes(at: place.lowerBound, count: place.count)
        else { return nil }
        var reader = LittleEndianReader(bytes)
        var members: [Member] = []
        do throws(LittleEndianReader.Short) {
            for count in 0... {
                if reader.rest == 0 { break }
                guard count < Self.memberLimit, try reader.number(UInt32.self) == 0x0201_4b50 else {
                    return nil
                }
                if let member = try Self.member(&reader, bytes) { members.append(member) }
            }
        } catch { return nil }
        self.members = members
    }

    /// What can be made of members, in the order in which they lie: so nothing is read twice.
    ///
    /// - Parameter body: Is given where a member's bytes lie.
    /// - Returns: Nothing if two of them overlap.
    static func inOrder<Note, Result>(
        _ members: [(member: Member, note: Note)], in source: ByteSource,
        _ body: (Note, Member, Range<Int>) -> Result?
    ) -> [Result]? {
        var results: [Result] = []
        var end = 0
        for (member, note) in members.sorted(by: { $0.member.header < $1.member.header }) {
            guard member.header >= end else { return nil }
            guard let range = range(of: member, in: source) else { continue }
            end = range.upperBound
            if let result = body(note, member, range) { results.append(result) }
        }
        return results
    }

    /// Where a member's bytes lie; nothing if its own header says otherwise.
    static func range(of member: Member, in source: ByteSource) -> Range<Int>? {
        guard let bytes = source.bytes(at: member.header, count: 30), bytes.starts(with: Self.magic) else {
            return nil
        }
        let start =
            member.header + 30 + (Int(bytes[26]) | Int(bytes[27]) << 8)
            + (Int(bytes[28]) | Int(bytes[29]) << 8)
        guard start <= source.length, member.length <= source.length - start else { return nil }
        return start..<start + member.length
    }

    // MARK: Directory

    /// The longest comment of an archive, with what stands before it.
    private static let endLength = 22
    private static let tailLimit = endLength + 65_535
    private static let (locatorLength, wideEndLength) = (20, 56)

    /// Where the directory lies.
    private static func place(_ source: ByteSource) -> Range<Int>? {
        let tail = min(source.length, tailLimit)
        guard tail >= endLength, let bytes = source.bytes(at: source.length - tail, count: tail),
            let end = end(in: bytes)
        else { return nil }
        var reader = LittleEndianReader(bytes, at: end + 12)
        guard let short = try? reader.number(UInt32.self), let first = try? reader.number(UInt32.self) else {
            return nil
        }
        var (length, start) = (Int(short), Int(first))
        if short == .max || first == .max {
            guard let wide = wideEnd(source, before: source.length - tail + end) else { return nil }
            (length, start) = wide
        }
        guard length <= lengthLimit, start <= source.length, length <= source.length - start else {
            return nil
        }
        return start..<start + length
    }

    /// Where the last record begins whose comment ends with the archive.
    private static func end(in bytes: [UInt8]) -> Int? {
        (0...bytes.count - endLength).last { start in
            bytes[start] == 0x50 && bytes[start + 1] == 0x4b && bytes[start + 2] == 5
                && bytes[start + 3] == 6
                && start + endLength + (Int(bytes[start + 20]) | Int(bytes[start + 21]) << 8) == bytes.count
        }
    }

    /// Length and start of the directory as archives of more than 4 GiB have them.
    private static func wideEnd(_ source: ByteSource, before end: Int) -> (length: Int, start: Int)? {
        guard let locator = source.bytes(at: end - locatorLength, count: locatorLength) else { return nil }
        var reader = LittleEndianReader(locator)
        do throws(LittleEndianReader.Short) {
            guard try reader.number(UInt32.self) == 0x0706_4b50 else { return nil }
            try reader.skip(4)
            guard let record = source.bytes(at: try reader.count(), count: wideEndLength) else { return nil }
            reader = LittleEndianReader(record)
            guard try reader.number(UInt32.self) == 0x0606_4b50 else { return nil }
            try reader.skip(36)
            return (try reader.count(), try reader.count())
        } catch { return nil }
    }

    /// The rest of a member's record; nothing if it is compressed or encrypted.
    private static func member(
        _ reader: inout LittleEndianReader, _ bytes: [UInt8]
    ) throws(LittleEndianReader.Short) -> Member? {
        try reader.skip(4)
        let flags = try reader.number(UInt16.self)
        let method = try reader.number(UInt16.self)
        try reader.skip(8)
        let stored = try reader.number(UInt32.self)
        let whole = try reader.number(UInt32.self)
        let (nameLength, extraLength) = (try reader.number(UInt16.self), try reader.number(UInt16.self))
        let commentLength = try reader.number(UInt16.self)
        try reader.skip(8)
        let header = try reader.number(UInt32.self)
        let name = try reader.skip(Int(nameLength))
        let extra = try reader.skip(Int(extraLength))
        try reader.skip(Int(commentLength))
        guard method == 0, flags & 1 == 0 else { return nil }
        var wide = WideNumbers(Array(bytes[extra]))
        // In this order, and only those for which the record has no room.
        guard let length = wide.value(of: whole), let storedLength = wide.value(of: stored),
            let start = wide.value(of: header), storedLength == length
        else { return nil }
        return Member(name: Array(bytes[name]), length: length, header: start)
    }

    /// The numbers of 64 bits that follow a member's name (extra field 1).
    private struct WideNumbers {
        private var reader = LittleEndianReader([])

        init(_ extra: [UInt8]) {
            var fields = LittleEndianReader(extra)
            while let kind = try? fields.number(UInt16.self), let length = try? fields.number(UInt16.self),
                let range = try? fields.skip(Int(length))
            {
                guard kind == 1 else { continue }
                reader = LittleEndianReader(Array(extra[range]))
                return
            }
        }

        mutating func value(of short: UInt32) -> Int? {
            short == .max ? try? reader.count() : Int(short)
        }
    }
}
