/// Encodes bytes as a later version of others (`Documentation/Formats/patch.md`).
///
/// One thread at a time.
final class PatchEncoder {
    private let zstd: ZstdCoder
    private let matcher = PatchMatcher()

    init(_ zstd: ZstdCoder) { self.zstd = zstd }

    /// Bytes of the base from which what is new may repeat something.
    private static let prefixLength = 32_768
    /// Of commands and literals: they are few.
    private static let level: Int32 = 3

    /// What some bytes have of a base in order.
    ///
    /// - Parameters:
    ///   - base: Not empty.
    ///   - starts: As in ``PatchMatcher/match(_:_:_:effort:)``, and so is `effort`.
    func match(
        _ bytes: UnsafeRawBufferPointer, base: UnsafeRawBufferPointer,
        _ starts: [(offset: Int, position: Int)], effort: Int
    ) -> PatchMatch {
        let (copies, end) = matcher.match(bytes, base, starts, effort: effort)
        let copied = copies.reduce(0) { $0 + $1.length }
        // Where little was found in order, it may be there in pieces.
        return PatchMatch(copies: copies, copied: copied, end: 2 * copied < bytes.count ? nil : end)
    }

    /// Encodes some bytes.
    ///
    /// - Parameter match: Of these bytes and this base.
    /// - Returns: A stream of codec 5; nothing if that would not make fewer bytes.
    func encode(
        _ bytes: UnsafeRawBufferPointer, base: UnsafeRawBufferPointer, _ match: PatchMatch
    ) -> [UInt8]? {
        guard !match.isScattered else {
            let head = PatchHead(prefix: 0..<base.count, commandLength: 0, literalLength: bytes.count)
            return stream(head, bytes, base, limit: bytes.count)
        }
        var (commands, literals): ([UInt8], [UInt8]) = ([], [])
        var (written, position) = (0, 0)
        var firstGap: Int?
        for copy in match.copies {
            if copy.offset > written { firstGap = firstGap ?? copy.position }
            commands.appendVarint(UInt64(copy.offset - written))
            commands.appendVarint(UInt64(copy.length))
            let skip = copy.position - position
            commands.appendVarint(UInt64(skip >= 0 ? 2 * skip : -2 * skip - 1))
            literals.append(contentsOf: bytes[written..<copy.offset])
            written = copy.offset + copy.length
            position = copy.position + copy.length
        }
        literals.append(contentsOf: bytes[written...])
        guard commands.count < bytes.count else { return nil }
        let start = min(firstGap ?? 0, max(0, base.count - Self.prefixLength))
        let head = PatchHead(
            prefix: start..<min(base.count, start + Self.prefixLength),
            commandLength: commands.count, literalLength: literals.count)
        return (commands + literals).withUnsafeBytes { stream(head, $0, base, limit: bytes.count) }
    }

    /// - Parameters:
    ///   - content: Commands and literals.
    ///   - limit: More bytes than so many are none.
    private func stream(
        _ head: PatchHead, _ content: UnsafeRawBufferPointer, _ base: UnsafeRawBufferPointer, limit: Int
    ) -> [UInt8]? {
        let prefix = UnsafeRawBufferPointer(rebasing: base[head.prefix])
        guard let stored = zstd.encode(content, level: Self.level, prefix: prefix) else { return nil }
        let stream = head.bytes + stored
        return stream.count < limit ? stream : nil
    }
}

/// What some bytes have of a base in order.
package struct PatchMatch: Sendable {
    let copies: [PatchCopy]
    /// How many bytes were found in order.
    package let copied: Int
    /// Where in the base the bytes behind these are to be looked for; nothing where too little was found to tell.
    package let end: Int?

    /// Less than half was found.
    var isScattered: Bool { end == nil }
}
