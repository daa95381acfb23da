internal import Coding
package import FileIO
internal import ObjectModel

/// One pack, opened for reading: its index in place, its frames one at a time.
package struct PackReader: Sendable {
    package let name: PackName
    package let index: PackIndex
    private let source: any PackSource

    init(name: PackName, layout: StoreLayout, files: any FileSystem) throws(StoreError) {
        try self.init(name: name, path: layout.pack(name), files: files)
    }

    /// A pack whose bytes lie somewhere else.
    package init(name: PackName, index: PackIndex, source: any PackSource) {
        (self.name, self.index, self.source) = (name, index, source)
    }

    /// A pack in a file, under whatever name.
    package init(name: PackName, path: FilePath, files: any FileSystem) throws(StoreError) {
        self.name = name
        source = PackFile(path: path, files: files)
        let file: MappedFile
        do throws(FileError) { file = try files.map(path) } catch {
            if error.isNotFound || error.isNoFile { throw .missingPack(name) }
            guard error.isUnsupported else { throw .file(error) }
            index = try Self.index(of: name, path, files)
            return
        }
        do throws(MalformedObject) { index = try PackIndex(file) } catch {
            throw .damaged(path, problem: "\(error)")
        }
    }

    /// So many bytes of the end of a file that is not mapped are read at first: the index of a small pack is among them.
    package static let endLength = 8 << 10

    private static func index(
        of name: PackName, _ path: FilePath, _ files: any FileSystem
    ) throws(StoreError) -> PackIndex {
        let size: Int?
        do throws(FileError) { size = try files.status(path)?.size } catch { throw .file(error) }
        guard let size else { throw .missingPack(name) }
        func end(_ length: Int) throws(StoreError) -> [UInt8] {
            let length = min(length, size)
            return try filing { () throws(FileError) in
                try files.bytes(of: path, at: size - length, count: length)
            }
        }
        var bytes = try end(endLength)
        do throws(MalformedObject) {
            let length = try PackIndex.length(in: bytes, fileLength: size)
            if length > bytes.count {
                do throws(StoreError) { bytes = try end(length) } catch {
                    throw MalformedObject.node("\(error)")
                }
            }
            return try PackIndex(end: bytes, fileLength: size)
        } catch { throw .damaged(path, problem: "\(error)") }
    }

    /// What a reader must know for its frames.
    package var features: Set<String> {
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
        do throws(StoreError) { bytes = try read(place) } catch {
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
    func header(of number: Int) throws(StoreError) -> FrameHeader? {
        guard let place = try? index.frame(number) else { return nil }
        let bytes = try source.read(at: place.offset, length: FrameHeader.byteCount)
        guard bytes.count == FrameHeader.byteCount else { return nil }
        return bytes.withUnsafeBytes { FrameHeader($0) }
    }

    private func read(_ place: FramePlace) throws(StoreError) -> [UInt8] {
        // The place lies within the file as it was when its index was read, and a frame within the limits of its fields.
        let limit = FrameHeader.rawLimit * 2 + FrameHeader.objectLimit * 10
        return try source.read(at: place.offset, length: min(place.length, limit))
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
