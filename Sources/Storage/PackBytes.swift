internal import Coding
internal import FileIO
internal import Hashing

/// A pack's file, read from its beginning to its end and hashed on the way.
///
/// One thread at a time. Reads with calls, never through a mapping: a disk that fails then is an error and does not end the process.
final class PackBytes {
    /// Of the file, in bytes.
    let count: Int
    private let files: any FileSystem
    private let file: FileDescriptor
    private var digest = SHA256()
    private var hashed = 0

    init(_ path: FilePath, files: any FileSystem) throws(FileError) {
        let file = try files.open(path)
        do throws(FileError) { count = try files.status(of: file).size } catch {
            files.close(file)
            throw error
        }
        self.files = files
        self.file = file
    }

    deinit { files.close(file) }

    /// Bytes from an offset on, fewer where the file ends.
    func peek(at offset: Int, _ length: Int) throws(FileError) -> [UInt8] {
        var result: Result<Int, FileError> = .success(0)
        let bytes = [UInt8](unsafeUninitializedCapacity: max(0, min(length, count - offset))) {
            buffer, filled in
            result = fill(UnsafeMutableRawBufferPointer(buffer), at: offset)
            filled = (try? result.get()) ?? 0
        }
        _ = try result.get()
        return bytes
    }

    private func fill(_ buffer: UnsafeMutableRawBufferPointer, at offset: Int) -> Result<Int, FileError> {
        var filled = 0
        do throws(FileError) {
            while filled < buffer.count {
                let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
                let more = try files.read(file, into: rest, at: offset + filled)
                if more == 0 { break }
                filled += more
            }
        } catch { return .failure(error) }
        return .success(filled)
    }

    /// The same, and takes what is new of it into the digest.
    func read(at offset: Int, _ length: Int) throws(FileError) -> [UInt8] {
        try hash(upTo: offset)
        let bytes = try peek(at: offset, length)
        if offset <= hashed, offset + bytes.count > hashed {
            bytes.withUnsafeBytes {
                digest.update(UnsafeRawBufferPointer(rebasing: $0[(hashed - offset)...]))
            }
            hashed = offset + bytes.count
        }
        return bytes
    }

    private func hash(upTo end: Int) throws(FileError) {
        while hashed < end {
            let bytes = try peek(at: hashed, min(1 << 20, end - hashed))
            if bytes.isEmpty { return }
            digest.update(bytes)
            hashed += bytes.count
        }
    }

    /// The digest of the whole file.
    func finish() throws(FileError) -> Digest {
        try hash(upTo: count)
        let whole = digest
        return whole.finish()
    }

    /// CRC-32 of a range.
    func checksum(_ range: Range<Int>) throws(FileError) -> UInt32 {
        var (checksum, offset): (UInt32, Int) = (0, range.lowerBound)
        while offset < range.upperBound {
            let bytes = try peek(at: offset, min(1 << 20, range.upperBound - offset))
            if bytes.isEmpty { break }
            checksum = bytes.withUnsafeBytes { CRC32.of($0, continuing: checksum) }
            offset += bytes.count
        }
        return checksum
    }
}

/// What lies at a place where a frame is expected.
enum FrameScan {
    case frame(PackReader.RawFrame, length: Int)
    /// What is wrong; the length if the header can be trusted with it.
    case damage(String, length: Int?)
}

extension PackBytes {
    /// Looks at the frame at an offset, which ends at `end` at the latest.
    ///
    /// - Parameter isHashed: Whether the file is read from its beginning to its end, and everything goes into the digest; else this one
    ///   frame is read.
    func frame(at offset: Int, end: Int, isHashed: Bool = true) throws(FileError) -> FrameScan {
        let head = try peek(at: offset, min(FrameHeader.byteCount, end - offset))
        guard let header = head.withUnsafeBytes({ FrameHeader($0) }) else {
            return .damage("no frame begins here", length: nil)
        }
        guard header.totalLength <= end - offset else {
            return .damage("the frame is cut short", length: nil)
        }
        guard try hasSoundHeader(header, at: offset) else {
            return .damage("the frame header's checksum is wrong", length: nil)
        }
        let bytes =
            isHashed ? try read(at: offset, header.totalLength) : try peek(at: offset, header.totalLength)
        do throws(PackReader.FrameDamage) {
            let parsed = try PackReader.parse(bytes[...])
            return .frame(parsed.raw, length: parsed.length)
        } catch { return .damage(error.problem, length: header.totalLength) }
    }

    private func hasSoundHeader(_ header: FrameHeader, at offset: Int) throws(FileError) -> Bool {
        let front = try peek(at: offset, FrameHeader.byteCount + header.tableLength)
        guard front.count == FrameHeader.byteCount + header.tableLength else { return false }
        let checksum = front.withUnsafeBytes { bytes in
            CRC32.of(
                UnsafeRawBufferPointer(rebasing: bytes[FrameHeader.byteCount...]),
                continuing: CRC32.of(UnsafeRawBufferPointer(rebasing: bytes[..<24])))
        }
        return checksum == header.checksum
    }

    /// The next place behind an offset where a frame with a sound header begins, looked for byte by byte.
    func nextFrame(after offset: Int, end: Int) throws(FileError) -> Int? {
        var at = offset + 1
        while at + FrameHeader.byteCount <= end {
            let window = try peek(at: at, min(1 << 16, end - at))
            guard window.count >= FrameHeader.magic.count else { return nil }
            for start in 0...window.count - FrameHeader.magic.count
            where window[start] == FrameHeader.magic[0]
                && window[start..<start + 4].elementsEqual(FrameHeader.magic)
            {
                let head = try peek(at: at + start, min(FrameHeader.byteCount, end - at - start))
                guard let header = head.withUnsafeBytes({ FrameHeader($0) }),
                    header.totalLength <= end - at - start,
                    try hasSoundHeader(header, at: at + start)
                else { continue }
                return at + start
            }
            at += max(1, window.count - FrameHeader.magic.count + 1)
        }
        return nil
    }
}
