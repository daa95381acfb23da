/// Decodes streams of codec 5 (`Documentation/Formats/patch.md`): copies of parts of the base, and literals between them.
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
        let content = try content(stored, head, length, prefix: prefix, zstd)
        let isSound = content.withUnsafeBytes { bytes in
            apply(
                commands: UnsafeRawBufferPointer(rebasing: bytes[..<head.commandLength]),
                literals: UnsafeRawBufferPointer(rebasing: bytes[head.commandLength...]), base, output)
        }
        guard isSound else { throw .corrupt(.patch) }
    }

    /// What a stream copies, found out without its base.
    ///
    /// A hint only: commands may be compressed by what the base has, and then others come out.
    ///
    /// - Returns: Nothing where that is seen, or where the stream says nothing of copies.
    static func copies(
        _ stored: UnsafeRawBufferPointer, baseLength: Int, rawLength: Int, _ zstd: ZstdCoder
    ) -> [PatchCopy]? {
        guard let (head, length) = PatchHead.read(stored, baseLength: baseLength, rawLength: rawLength),
            head.commandLength > 0
        else { return nil }
        let prefix = [UInt8](repeating: 0, count: head.prefix.count)
        guard let content = try? content(stored, head, length, prefix: prefix, zstd) else { return nil }
        return content.withUnsafeBytes { bytes in
            var commands = PatchCommands(
                UnsafeRawBufferPointer(rebasing: bytes[..<head.commandLength]),
                literalLength: head.literalLength, baseLength: baseLength, rawLength: rawLength)
            var copies: [PatchCopy] = []
            while let (_, copy) = commands.next() { copies.append(copy) }
            return commands.isFinished ? copies : nil
        }
    }

    /// Commands and literals.
    private static func content(
        _ stored: UnsafeRawBufferPointer, _ head: PatchHead, _ length: Int, prefix: [UInt8],
        _ zstd: ZstdCoder
    ) throws(CodingError) -> [UInt8] {
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
        return content
    }

    /// Follows the commands.
    ///
    /// - Returns: Whether they fill the output exactly and use all literals.
    private static func apply(
        commands: UnsafeRawBufferPointer, literals: UnsafeRawBufferPointer, _ base: BaseBytes,
        _ output: UnsafeMutableRawBufferPointer
    ) -> Bool {
        var commands = PatchCommands(
            commands, literalLength: literals.count, baseLength: base.count, rawLength: output.count)
        var (written, used) = (0, 0)
        func write(_ bytes: UnsafeRawBufferPointer) {
            UnsafeMutableRawBufferPointer(rebasing: output[written..<written + bytes.count])
                .copyMemory(from: bytes)
            written += bytes.count
        }
        while let (fresh, copy) = commands.next() {
            write(UnsafeRawBufferPointer(rebasing: literals[used..<used + fresh]))
            base.copy(
                copy.position..<copy.position + copy.length,
                into: UnsafeMutableRawBufferPointer(rebasing: output[written..<written + copy.length]))
            written += copy.length
            used += fresh
        }
        guard commands.isFinished else { return false }
        write(UnsafeRawBufferPointer(rebasing: literals[used...]))
        return true
    }
}
