internal import Coding
internal import FileIO
internal import Hashing
package import ObjectModel

/// Where an object lies in a pack.
package struct ObjectPlace: Hashable, Sendable {
    /// The frame's number in the pack.
    package let frame: Int
    /// In the frame's raw bytes.
    package let offset: Int
    package let length: Int
    /// The place is that of a recipe of the blob asked for.
    package let isRecipe: Bool

    package init(frame: Int, offset: Int, length: Int, isRecipe: Bool) {
        (self.frame, self.offset, self.length, self.isRecipe) = (frame, offset, length, isRecipe)
    }
}

/// Where a frame lies in a pack.
struct FramePlace: Equatable {
    let offset: Int
    let length: Int
    let codec: UInt8
    let frameClass: UInt8
    let bases: [ObjectReference]
}

/// The sorted table at the end of a pack, read in place (`Documentation/Formats/pack.md`, "Index").
package struct PackIndex: Sendable {
    static let trailerLength = PackTrailer.byteCount
    static let trailerMagic = PackTrailer.magic
    private static let frameSize = PackTrailer.frameSize
    private static let baseSize = PackTrailer.baseSize
    static let entrySize = PackTrailer.entrySize

    /// The pack's file, or the end of it.
    private let file: MappedFile
    /// The length of the pack's file.
    package let fileLength: Int
    /// The length of index and trailer.
    package var indexLength: Int { fileLength - start }
    package let frameCount: Int
    private let baseCount: Int
    package let entryCount: Int
    /// Sum of the raw lengths of all frames.
    package let rawLength: Int
    /// Where frames end and the index begins.
    private let start: Int
    /// Where the index begins in what is there of the file.
    private let indexStart: Int

    /// Checks the trailer and the bounds of everything; the index' own checksum is for ``verifyChecksum()``.
    init(_ file: MappedFile) throws(MalformedObject) { try self.init(file, fileLength: file.count) }

    /// The index of a pack of which only the end is at hand.
    ///
    /// - Parameters:
    ///   - end: The last bytes of the file, with the whole index: as many as ``length(in:fileLength:)`` says.
    ///   - fileLength: Of the whole file, in bytes.
    package init(end: [UInt8], fileLength: Int) throws(MalformedObject) {
        try self.init(MappedFile(holding: end), fileLength: fileLength)
    }

    /// The length of index and trailer, in bytes, as the trailer tells it.
    ///
    /// - Parameter end: The last bytes of the file; it takes 64 of them, more are passed over.
    package static func length(in end: [UInt8], fileLength: Int) throws(MalformedObject) -> Int {
        let trailer = try PackTrailer(Array(end.suffix(trailerLength)), length: fileLength)
        return fileLength - trailer.start
    }

    private init(_ file: MappedFile, fileLength: Int) throws(MalformedObject) {
        self.file = file
        self.fileLength = fileLength
        let count = file.count
        guard count >= Self.trailerLength, count <= fileLength else {
            throw .truncated("the trailer", offset: fileLength)
        }
        let bytes = file.withBytes { Array($0[(count - Self.trailerLength)...]) }
        let trailer = try PackTrailer(bytes, length: fileLength)
        (start, frameCount, baseCount) = (trailer.start, trailer.frameCount, trailer.baseCount)
        (entryCount, rawLength) = (trailer.entryCount, trailer.rawLength)
        indexStart = start - (fileLength - count)
        guard indexStart >= 0 else { throw .truncated("the index", offset: start) }
    }

    /// Whether the whole index has the checksum that the trailer gives.
    package func verifyChecksum() -> Bool {
        file.withBytes { bytes in
            let trailer = bytes.count - Self.trailerLength
            return CRC32.of(UnsafeRawBufferPointer(rebasing: bytes[indexStart..<trailer]))
                == bytes.u32(at: trailer + 52)
        }
    }

    private var entriesStart: Int { indexStart + frameCount * Self.frameSize + baseCount * Self.baseSize }

    func frame(_ number: Int) throws(MalformedObject) -> FramePlace {
        guard number >= 0, number < frameCount else { throw .node("there is no frame \(number)") }
        let (offset, next, base, more, codec, frameClass) = file.withBytes { bytes in
            let at = indexStart + number * Self.frameSize
            let next = number + 1 < frameCount ? Int(clamping: bytes.u64(at: at + Self.frameSize)) : start
            return (
                Int(clamping: bytes.u64(at: at)), next, Int(bytes.u32(at: at + 8)),
                Int(bytes.u16(at: at + 14)), bytes[at + 12], bytes[at + 13]
            )
        }
        guard offset >= 0, next <= start, next - offset >= FrameHeader.byteCount,
            base == 0 ? more == 0 : base + more <= baseCount, more < Codec.baseLimit
        else {
            throw .node("frame \(number) has no valid place")
        }
        return FramePlace(
            offset: offset, length: next - offset, codec: codec, frameClass: frameClass,
            bases: try bases(base, more: more))
    }

    /// The codec of a frame; nothing where there is no such frame.
    func codec(of number: Int) -> UInt8? {
        guard number >= 0, number < frameCount else { return nil }
        return file.withBytes { $0[indexStart + number * Self.frameSize + 12] }
    }

    /// Whether a frame is told by how it differs from what may lie in other packs; false where there is no such frame.
    func isDifference(_ number: Int) -> Bool {
        codec(of: number).flatMap { Codec(rawValue: $0) }?.isDifference ?? false
    }

    /// Whether a frame needs another object to be decoded; false where there is no such frame.
    func hasBase(_ number: Int) -> Bool {
        guard number >= 0, number < frameCount else { return false }
        return file.withBytes { $0.u32(at: indexStart + number * Self.frameSize + 8) } != 0
    }

    /// How many frames, at most, have to be decoded one after another before this one can be: 0 where it has no base.
    ///
    /// More than ``Codec/deepest`` where what lies in it can be no base: of codecs that are not known, and where it needs its pack.
    func depth(_ number: Int) -> Int {
        guard hasBase(number) else { return 0 }
        let codec = codec(of: number).flatMap { Codec(rawValue: $0) }
        return codec.flatMap { $0.isDifference ? $0.depth : nil } ?? Codec.deepest + 1
    }

    /// Whether a blob lies in a frame of less than some depth, so that what differs from it can be read.
    package func holds(_ blob: ObjectReference, below depth: Int) -> Bool {
        guard let place = find(blob), !place.isRecipe else { return false }
        return self.depth(place.frame) < depth
    }

    /// Where the frames of metadata lie, in order.
    package var metadataFrames: [Range<Int>] {
        (0..<frameCount).compactMap { number in
            guard let place = try? frame(number), place.frameClass == FrameClass.metadata.rawValue else {
                return nil
            }
            return place.offset..<place.offset + place.length
        }
    }

    private func bases(_ position: Int, more: Int) throws(MalformedObject) -> [ObjectReference] {
        guard position > 0 else { return [] }
        var bases: [ObjectReference] = []
        for position in position...position + more { bases.append(try base(position)) }
        return bases
    }

    private func base(_ position: Int) throws(MalformedObject) -> ObjectReference {
        let at = indexStart + frameCount * Self.frameSize + (position - 1) * Self.baseSize
        let (digest, number) = file.withBytes { bytes in
            (Digest(loading: bytes.baseAddress.unsafelyUnwrapped + at), bytes[at + 32])
        }
        guard let kind = ObjectKind(rawValue: number) else { throw .node("a base of kind \(number)") }
        return ObjectReference(kind, ObjectID(digest))
    }

    /// An entry by its position; nothing if its kind is unknown.
    package func entry(_ position: Int) -> (reference: ObjectReference, place: ObjectPlace)? {
        file.withBytes { bytes in
            let at = entriesStart + position * Self.entrySize
            guard let kind = ObjectKind(rawValue: bytes[at + 32]), bytes[at + 33] <= 1 else { return nil }
            let id = ObjectID(Digest(loading: bytes.baseAddress.unsafelyUnwrapped + at))
            return (ObjectReference(kind, id), place(bytes, at))
        }
    }

    private func place(_ bytes: UnsafeRawBufferPointer, _ at: Int) -> ObjectPlace {
        ObjectPlace(
            frame: Int(bytes.u32(at: at + 36)), offset: Int(bytes.u32(at: at + 40)),
            length: Int(bytes.u32(at: at + 44)),
            isRecipe: bytes[at + 33] == 1)
    }

    /// Finds an object.
    package func find(_ reference: ObjectReference) -> ObjectPlace? {
        position(of: reference).map { position in
            file.withBytes { place($0, entriesStart + position * Self.entrySize) }
        }
    }

    /// The position of an object's entry.
    ///
    /// Ids are uniform, so guesses go by how densely they lie; what is left is looked for in steps that double from the last guess on,
    /// which bounds what a hostile index can cost.
    func position(of reference: ObjectReference) -> Int? {
        guard entryCount > 0 else { return nil }
        let key = reference.id.digest.words.0
        return file.withBytes { bytes in
            // All positions are below `entryCount`, and the constructor has checked that so many entries are there.
            func word(_ position: Int) -> UInt64 {
                UInt64(
                    bigEndian: bytes.loadUnaligned(
                        fromByteOffset: entriesStart + position * Self.entrySize, as: UInt64.self))
            }
            let density = Double(entryCount) / 0x1p64
            var guess = min(entryCount - 1, Int(Double(key) * density))
            var found = word(guess)
            // The first guess is off by some hundred entries of a hundred thousand, the next ones by the root of that.
            for _ in 0..<2 {
                let distance =
                    key >= found ? Double(key - found) * density : -Double(found - key) * density
                guess = max(0, min(entryCount - 1, guess + Int(distance.rounded())))
                found = word(guess)
            }
            // The first entry whose first word is not less lies in low...high.
            var (low, high, step) = (guess, guess, 1)
            if found < key {
                repeat {
                    low = high + 1
                    high = min(entryCount, high + step)
                    step *= 2
                } while high < entryCount && word(high) < key
            } else {
                while low > 0, word(low - 1) >= key {
                    high = low - 1
                    low = max(0, low - step)
                    step *= 2
                }
            }
            while low < high {
                let middle = low + (high - low) / 2
                if word(middle) < key { low = middle + 1 } else { high = middle }
            }
            // Now `low` is the first entry whose first word is not less; few share it.
            while low < entryCount, word(low) == key {
                let at = entriesStart + low * Self.entrySize
                let id = ObjectID(Digest(loading: bytes.baseAddress.unsafelyUnwrapped + at))
                if id == reference.id, bytes[at + 32] == reference.kind.rawValue, bytes[at + 33] <= 1 {
                    return low
                }
                low += 1
            }
            return nil
        }
    }

    /// Whether an object is in the pack.
    ///
    /// - Parameter isRecipeEnough: Whether a blob is that is only put together from chunks, which may be elsewhere.
    package func has(_ reference: ObjectReference, orRecipe isRecipeEnough: Bool) -> Bool {
        position(of: reference).flatMap(entry).map { isRecipeEnough || !$0.place.isRecipe } ?? false
    }

    /// The ids of a kind that begin with some hex digits.
    func ids(of kind: ObjectKind, beginning digits: String) -> [ObjectID] {
        guard let lowest = try? ObjectID(hex: digits + String(repeating: "0", count: 64 - digits.utf8.count))
        else { return [] }
        var (low, high) = (0, entryCount)
        while low < high {
            let middle = (low + high) / 2
            if let found = entry(middle)?.reference.id, found < lowest {
                low = middle + 1
            } else {
                high = middle
            }
        }
        var ids: [ObjectID] = []
        while low < entryCount, let (reference, _) = entry(low), reference.id.hex.hasPrefix(digits) {
            if reference.kind == kind { ids.append(reference.id) }
            low += 1
        }
        return ids
    }
}
