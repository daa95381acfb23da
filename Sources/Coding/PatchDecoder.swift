/// Decodes streams of codec 5 (`Documentation/Formats/patch.md`): copies of parts of the base, and literals between them.
///
/// Takes nothing on trust: every copy is checked against the base and against the room that is left.
enum PatchDecoder {
    /// Decodes into all of `output`.
    ///
    /// - Parameter base: The payloads of all bases, one behind the other.
    static func decode(
        _ stored: UnsafeRawBufferPointer, base: BaseBytes,
        into output: UnsafeMutableRawBufferPointer, _ zstd: ZstdCoder
    ) throws(CodingError) {
        guard !base.isEmpty else { throw .forbidden(.patch, "an empty base") }
        guard
            let (head, length) = PatchHead.read(stored, baseLength: base.count, rawLength: output.count)
        else { throw .corrupt(.patch) }
        let prefix = [UInt8](unsafeUninitializedCapacity: head.prefix.count) { buffer, filled in
            base.copy(
                head.prefix,
                into: UnsafeMutableRawBufferPointer(
                    rebasing: UnsafeMutableRawBufferPointer(buffer)[..<head.prefix.count]))
            filled = head.prefix.count
        }
        let count = head.commandLength + head.literalLength
        var failure: CodingError?
        // The most is twice a frame's raw bytes.
        let content = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            prefix.withUnsafeBytes { prefix in
                do throws(CodingError) {
                    let content = UnsafeMutableRawBufferPointer(buffer)
                    try zstd.decode(
                        UnsafeRawBufferPointer(rebasing: stored[length...]), prefix: prefix,
                        into: UnsafeMutableRawBufferPointer(rebasing: content[..<count]))
                    filled = count
                } catch { failure = error }
            }
        }
        if let failure { throw failure }
        let isSound = content.withUnsafeBytes { bytes in
            apply(
                commands: UnsafeRawBufferPointer(rebasing: bytes[..<head.commandLength]),
                literals: UnsafeRawBufferPointer(rebasing: bytes[head.commandLength...]), base, output)
        }
        guard isSound else { throw .corrupt(.patch) }
    }

    /// Follows the commands.
    ///
    /// - Returns: Whether they fill the output exactly and use all literals.
    private static func apply(
        commands: UnsafeRawBufferPointer, literals: UnsafeRawBufferPointer, _ base: BaseBytes,
        _ output: UnsafeMutableRawBufferPointer
    ) -> Bool {
        var reader = VarintReader(commands)
        var (written, used, position) = (0, 0, 0)
        func write(_ bytes: UnsafeRawBufferPointer) {
            UnsafeMutableRawBufferPointer(rebasing: output[written..<written + bytes.count])
                .copyMemory(from: bytes)
            written += bytes.count
        }
        while !reader.isAtEnd {
            guard let fresh = reader.next(), let copied = reader.next(), let skip = reader.next(),
                copied > 0, fresh <= literals.count - used, fresh + copied <= output.count - written
            else { return false }
            position += skip & 1 == 0 ? skip >> 1 : -(skip >> 1) - 1
            guard position >= 0, position <= base.count, copied <= base.count - position else { return false }
            write(UnsafeRawBufferPointer(rebasing: literals[used..<used + fresh]))
            base.copy(
                position..<position + copied,
                into: UnsafeMutableRawBufferPointer(rebasing: output[written..<written + copied]))
            written += copied
            used += fresh
            position += copied
        }
        guard literals.count - used == output.count - written else { return false }
        write(UnsafeRawBufferPointer(rebasing: literals[used...]))
        return true
    }
}
