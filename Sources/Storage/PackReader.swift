internal import Coding
internal import FileIO
internal import ObjectModel

/// One pack, opened for reading: its index in place, its frames one at a time.
package struct PackReader: Sendable {
    package let name: PackName
    package let index: PackIndex
    private let path: FilePath
    private let files: any FileSystem

    init(name: PackName, layout: StoreLayout, files: any FileSystem) throws(StoreError) {
        self.name = name
        self.files = files
        path = layout.pack(name)
        let file: MappedFile
        do throws(FileError) { file = try files.map(path) } catch {
            throw error.isNotFound ? .missingPack(name) : .file(error)
        }
        do throws(MalformedObject) { index = try PackIndex(file) } catch {
            throw .damaged(path, problem: "\(error)")
        }
    }

    /// What a reader must know for its frames.
    var features: Set<String> {
        var features: Set<String> = []
        for number in 0..<index.frameCount {
            guard let codec = index.codec(of: number).flatMap({ Codec(rawValue: $0) }),
                let feature = StoreState.feature(of: codec)
            else { continue }
            features.insert(feature)
        }
        return features
    }

    /// A frame whose header and table were checked against each other and the index, not decoded yet.
    struct RawFrame {
        let codec: Codec
        let frameClass: FrameClass
        let table: FrameTable
        let rawLength: Int
        let stored: ArraySlice<UInt8>
    }

    /// Why a frame could not be read: what is wrong with it, and where it lies.
    struct FrameProblem: Error, Equatable {
        let problem: String
        let offset: Int
        /// The system failed; the bytes may be right.
        let isUnreadable: Bool
    }

    /// Reads a frame's bytes and checks everything that can be checked without decoding.
    func rawFrame(_ number: Int) throws(FrameProblem) -> RawFrame {
        let place: FramePlace
        do throws(MalformedObject) { place = try index.frame(number) } catch {
            throw FrameProblem(problem: "\(error)", offset: 0, isUnreadable: false)
        }
        let bytes: [UInt8]
        do throws(FileError) { bytes = try read(place) } catch {
            throw FrameProblem(problem: "\(error)", offset: place.offset, isUnreadable: true)
        }
        do throws(FrameDamage) {
            let frame = try Self.parse(bytes[...])
            guard frame.length == place.length, frame.raw.codec.rawValue == place.codec,
                frame.raw.frameClass.rawValue == place.frameClass, frame.raw.table.bases == place.bases
            else { throw FrameDamage(problem: "the index describes the frame otherwise") }
            return frame.raw
        } catch {
            throw FrameProblem(problem: error.problem, offset: place.offset, isUnreadable: false)
        }
    }

    /// The header of a frame; nothing if none is there.
    func header(of number: Int) throws(FileError) -> FrameHeader? {
        guard let place = try? index.frame(number) else { return nil }
        let file = try files.open(path)
        defer { files.close(file) }
        var bytes = [UInt8](repeating: 0, count: FrameHeader.byteCount)
        let result = bytes.withUnsafeMutableBytes { fill($0, file, at: place.offset) }
        guard try result.get() == FrameHeader.byteCount else { return nil }
        return bytes.withUnsafeBytes { FrameHeader($0) }
    }

    private func read(_ place: FramePlace) throws(FileError) -> [UInt8] {
        let file = try files.open(path)
        defer { files.close(file) }
        // The place lies within the file as it was when it was mapped, and a frame within the limits of its fields.
        let limit = FrameHeader.rawLimit * 2 + FrameHeader.objectLimit * 10
        var result: Result<Int, FileError> = .success(0)
        let bytes = [UInt8](unsafeUninitializedCapacity: min(place.length, limit)) { buffer, count in
            result = fill(UnsafeMutableRawBufferPointer(buffer), file, at: place.offset)
            count = (try? result.get()) ?? 0
        }
        _ = try result.get()
        return bytes
    }

    private func fill(
        _ buffer: UnsafeMutableRawBufferPointer, _ file: FileDescriptor, at offset: Int
    ) -> Result<Int, FileError> {
        var filled = 0
        do throws(FileError) {
            while filled < buffer.count {
                let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
                let count = try files.read(file, into: rest, at: offset + filled)
                if count == 0 { break }
                filled += count
            }
        } catch { return .failure(error) }
        return .success(filled)
    }

    struct FrameDamage: Error, Equatable {
        let problem: String
    }

    /// Takes a frame apart that begins where the bytes begin.
    static func parse(_ bytes: ArraySlice<UInt8>) throws(FrameDamage) -> (raw: RawFrame, length: Int) {
        guard let header = bytes.withUnsafeBytes({ FrameHeader($0) }) else {
            throw FrameDamage(problem: "no frame begins here")
        }
        guard header.totalLength <= bytes.count else { throw FrameDamage(problem: "the frame is cut short") }
        let start = bytes.startIndex
        let table = Array(
            bytes[start + FrameHeader.byteCount..<start + FrameHeader.byteCount + header.tableLength])
        let checksum = table.withUnsafeBytes {
            CRC32.of($0, continuing: CRC32.of(Array(bytes[start..<start + 24])))
        }
        guard checksum == header.checksum else {
            throw FrameDamage(problem: "the frame header's checksum is wrong")
        }
        guard let codec = Codec(rawValue: header.codec) else {
            throw FrameDamage(problem: "codec \(header.codec) is not known to this version")
        }
        guard let frameClass = FrameClass(rawValue: header.frameClass) else {
            throw FrameDamage(problem: "the frame has class \(header.frameClass)")
        }
        guard frameClass == .data || codec.isForMetadata else {
            throw FrameDamage(problem: "metadata with the codec \(codec.name)")
        }
        let gap = bytes[start + FrameHeader.byteCount + header.tableLength..<start + header.storedOffset]
        guard gap.allSatisfy({ $0 == 0 }) else { throw FrameDamage(problem: "the padding is not zero") }
        let stored = bytes[start + header.storedOffset..<start + header.totalLength]
        guard stored.withUnsafeBytes({ CRC32.of($0) }) == header.storedChecksum else {
            throw FrameDamage(problem: "the stored bytes' checksum is wrong")
        }
        do throws(MalformedObject) {
            let parsed = try FrameTable(
                table, codec: codec, frameClass: frameClass, rawLength: header.rawLength)
            guard codec != .raw || stored.count == header.rawLength else {
                throw .node("raw bytes of another length")
            }
            guard !codec.isTensor || parsed.objects.count == 1 else {
                throw .node("a tensor that is not alone")
            }
            let raw = RawFrame(
                codec: codec, frameClass: frameClass, table: parsed, rawLength: header.rawLength,
                stored: stored)
            return (raw, header.totalLength)
        } catch { throw FrameDamage(problem: "the table \(error)") }
    }

    /// Decodes a frame's raw bytes.
    ///
    /// - Parameter base: The payloads of its bases.
    static func decode(_ frame: RawFrame, base: BaseBytes, _ coder: FrameCoder) throws(CodingError) -> [UInt8]
    {
        var failure: CodingError?
        let bytes = [UInt8](unsafeUninitializedCapacity: frame.rawLength) { buffer, count in
            frame.stored.withUnsafeBytes { stored in
                do throws(CodingError) {
                    try coder.decode(
                        frame.codec, stored, base: base, into: UnsafeMutableRawBufferPointer(buffer))
                    count = frame.rawLength
                } catch {
                    failure = error
                    count = 0
                }
            }
        }
        if let failure { throw failure }
        return bytes
    }
}
