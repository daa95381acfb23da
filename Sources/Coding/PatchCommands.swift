/// Bytes of a later version that are found again in an earlier one.
package struct PatchCopy: Equatable, Sendable {
    /// Where they stand in the later version, and in the earlier one.
    package let offset: Int
    package let position: Int
    package let length: Int

    package init(offset: Int, position: Int, length: Int) {
        (self.offset, self.position, self.length) = (offset, position, length)
    }
}

/// Follows the commands of a stream of codec 5 (`Documentation/Formats/patch.md`).
///
/// Takes nothing on trust: every copy is checked against the base and against the room that is left.
struct PatchCommands {
    private var reader: VarintReader
    private let baseLength: Int
    private let literalLength: Int
    private let rawLength: Int
    /// Bytes that came out, literals that were used among them, and the end of the last copy in the base.
    private var (written, used, position) = (0, 0, 0)
    private var isSound = true

    /// - Parameter commands: Stay where they are while this is used.
    init(_ commands: UnsafeRawBufferPointer, literalLength: Int, baseLength: Int, rawLength: Int) {
        reader = VarintReader(commands)
        (self.literalLength, self.baseLength, self.rawLength) = (literalLength, baseLength, rawLength)
    }

    /// All commands fit, and the literals that are left fill the rest.
    var isFinished: Bool { isSound && reader.isAtEnd && literalLength - used == rawLength - written }

    /// How many literals come next, and which copy behind them; nothing behind the last command, or where one does not fit.
    mutating func next() -> (literals: Int, copy: PatchCopy)? {
        guard isSound, !reader.isAtEnd else { return nil }
        isSound = false
        guard let fresh = reader.next(), let copied = reader.next(), let skip = reader.next(),
            copied > 0, fresh <= literalLength - used, fresh + copied <= rawLength - written
        else { return nil }
        position += skip & 1 == 0 ? skip >> 1 : -(skip >> 1) - 1
        guard position >= 0, position <= baseLength, copied <= baseLength - position else { return nil }
        let copy = PatchCopy(offset: written + fresh, position: position, length: copied)
        written += fresh + copied
        used += fresh
        position += copied
        isSound = true
        return (fresh, copy)
    }
}
