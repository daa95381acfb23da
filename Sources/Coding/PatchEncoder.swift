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

    /// Encodes some bytes.
    ///
    /// - Parameters:
    ///   - base: Not empty.
    ///   - starts: As in ``PatchMatcher/match(_:_:_:effort:)``, and so is `effort`.
    /// - Returns: Nothing if that would not make fewer bytes.
    func encode(
        _ bytes: UnsafeRawBufferPointer, base: UnsafeRawBufferPointer,
        _ starts: [(offset: Int, position: Int)], effort: Int
    ) -> Patch? {
        let (copies, end) = matcher.match(bytes, base, starts, effort: effort)
        var (commands, literals): ([UInt8], [UInt8]) = ([], [])
        var (written, position, copied) = (0, 0, 0)
        var firstGap: Int?
        for copy in copies {
            if copy.offset > written { firstGap = firstGap ?? copy.position }
            commands.appendVarint(UInt64(copy.offset - written))
            commands.appendVarint(UInt64(copy.length))
            let skip = copy.position - position
            commands.appendVarint(UInt64(skip >= 0 ? 2 * skip : -2 * skip - 1))
            literals.append(contentsOf: bytes[written..<copy.offset])
            written = copy.offset + copy.length
            position = copy.position + copy.length
            copied += copy.length
        }
        literals.append(contentsOf: bytes[written...])
        guard commands.count < bytes.count else { return nil }
        // Where little was found in order, it may be there in pieces.
        let isScattered = 2 * copied < bytes.count
        let head: PatchHead
        if isScattered {
            head = PatchHead(prefix: 0..<base.count, commandLength: 0, literalLength: bytes.count)
            (commands, literals) = ([], Array(bytes))
        } else {
            let start = min(firstGap ?? 0, max(0, base.count - Self.prefixLength))
            head = PatchHead(
                prefix: start..<min(base.count, start + Self.prefixLength),
                commandLength: commands.count, literalLength: literals.count)
        }
        let stored = (commands + literals).withUnsafeBytes {
            zstd.encode(
                $0, level: Self.level, prefix: UnsafeRawBufferPointer(rebasing: base[head.prefix]))
        }
        guard let stored else { return nil }
        let stream = head.bytes + stored
        guard stream.count < bytes.count else { return nil }
        return Patch(stored: stream, copied: copied, end: isScattered ? nil : end)
    }
}

/// Bytes as a later version of others.
package struct Patch: Sendable {
    /// A stream of codec 5.
    package let stored: [UInt8]
    /// How many bytes were found in order.
    package let copied: Int
    /// Where in the base the bytes behind these are to be looked for; nothing where too little was found to tell.
    package let end: Int?
}
