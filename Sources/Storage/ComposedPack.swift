package import FileIO
internal import Hashing
package import ObjectModel
internal import Synchronization

/// A pack that lies nowhere as a whole: its bytes are pieces of other packs' files, and what is new between them.
///
/// May be used from any thread.
package final class ComposedPack: Sendable {
    package let name: PackName
    /// Of the file that it would be, in bytes.
    package let length: Int
    package let frameCount: Int
    /// What a reader must know for its frames, sorted.
    package let features: [String]

    fileprivate struct Piece: Sendable {
        /// Where it begins in this pack.
        let start: Int
        /// The pack that it lies in; nothing for what is new.
        let pack: PackName?
        /// Where it begins there.
        let offset: Int
    }

    private let pieces: [Piece]
    private let new: SpilledBytes
    private let layout: StoreLayout
    private let files: any FileSystem
    /// The file that was read last: pieces of one pack follow each other.
    private let open = Mutex<(pack: PackName, file: FileDescriptor)?>(nil)

    fileprivate init(
        _ name: PackName, _ length: Int, _ frames: PackFrames, _ pieces: [Piece], _ new: SpilledBytes,
        _ layout: StoreLayout, _ files: any FileSystem
    ) {
        (self.name, self.length, self.pieces, self.new) = (name, length, pieces, new)
        (frameCount, features) = (frames.count, frames.features.sorted())
        (self.layout, self.files) = (layout, files)
    }

    deinit { open.withLock { open in if let open { files.close(open.file) } } }

    /// Fills memory with bytes from an offset on.
    ///
    /// - Returns: How much came before the end.
    /// - Throws: Also where a pack is not there any more, or shorter than it was.
    package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileError) -> Int {
        let count = min(buffer.count, max(0, length - offset))
        var filled = 0
        while filled < count {
            let number = piece(at: offset + filled)
            let (piece, skipped) = (pieces[number], offset + filled - pieces[number].start)
            let end = number + 1 < pieces.count ? pieces[number + 1].start : length
            let part = UnsafeMutableRawBufferPointer(
                rebasing: buffer[filled..<min(count, end - offset)])
            if let pack = piece.pack {
                try read(part, of: pack, at: piece.offset + skipped)
            } else {
                try new.read(part, at: piece.offset + skipped)
            }
            filled += part.count
        }
        return filled
    }

    /// The last piece that begins at an offset or before it.
    private func piece(at offset: Int) -> Int {
        var (low, high) = (0, pieces.count)
        while high - low > 1 {
            let middle = (low + high) / 2
            if pieces[middle].start <= offset { low = middle } else { high = middle }
        }
        return low
    }

    private func read(
        _ buffer: UnsafeMutableRawBufferPointer, of pack: PackName, at offset: Int
    ) throws(FileError) {
        let path = layout.pack(pack)
        let result = open.withLock { open -> Result<Bool, FileError> in
            do throws(FileError) {
                if open?.pack != pack {
                    let file = try files.open(path)
                    if let last = open { files.close(last.file) }
                    open = (pack, file)
                }
                guard let open else { return .success(false) }
                return .success(try files.fill(buffer, from: open.file, at: offset) == buffer.count)
            } catch { return .failure(error) }
        }
        guard try result.get() else { throw .failed("read", path) }
    }
}

/// Makes a pack without writing what other packs of a store have: frame by frame, then the index.
///
/// Memory: up to 4 MiB of what is new, beyond that it goes to a file. One thread at a time.
package struct PackComposer {
    private let layout: StoreLayout
    private let files: any FileSystem
    private let new: SpilledBytes
    private var pieces: [ComposedPack.Piece] = []
    private var frames = PackFrames()
    private var entries = PackEntries()
    private var digest = SHA256()
    /// Bytes of frames so far.
    package private(set) var length = 0

    /// Bytes of new frames that are kept in memory.
    private static let memoryLimit = 4 << 20
    /// Bytes of a frame that are read again where they lie; fewer are copied.
    private static let leastPiece = 4 << 10

    /// - Parameters:
    ///   - store: Whose packs have the frames that are copied.
    ///   - spill: The file in which new frames go where they are many: a name that is free, in a directory that is there.
    package init(of store: ObjectStore, spillingTo spill: FilePath, _ files: any FileSystem) {
        (layout, self.files) = (store.layout, store.files)
        new = SpilledBytes(spill, files: files, limit: Self.memoryLimit)
    }

    package var isEmpty: Bool { frames.isEmpty }

    /// Appends a frame.
    package mutating func append(_ frame: EncodedFrame) throws(StoreError) {
        let offset = length
        frames.append(frame, at: offset, noting: &entries)
        try append(frame.header(at: offset))
        if let origin = frame.origin, frame.stored.count >= Self.leastPiece {
            pieces.append(ComposedPack.Piece(start: length, pack: origin.pack, offset: origin.offset))
            digest.update(frame.stored)
            length += frame.stored.count
        } else {
            try append(frame.stored)
        }
    }

    private mutating func append(_ bytes: [UInt8]) throws(StoreError) {
        if bytes.isEmpty { return }
        let offset = try filing { () throws(FileError) in try new.append(bytes) }
        if let last = pieces.last, last.pack == nil, last.offset + length - last.start == offset {
            // It goes on where the last piece ends.
        } else {
            pieces.append(ComposedPack.Piece(start: length, pack: nil, offset: offset))
        }
        digest.update(bytes)
        length += bytes.count
    }

    /// Appends index and trailer.
    ///
    /// - Parameter nonce: Gives ``PackName/nonceByteCount`` bytes for the name, for the digest that the file has.
    /// - Returns: The pack.
    package consuming func finish(nonce: (ObjectID) -> [UInt8]) throws(StoreError) -> ComposedPack {
        let (frames, entries) = (self.frames, self.entries)
        try frames.forEachPiece(of: entries, at: length) { (piece) throws(StoreError) in try append(piece) }
        let digest = ObjectID(self.digest.finish())
        return ComposedPack(
            PackName(digest: digest, nonce: nonce(digest)), length, frames, pieces, new, layout,
            files)
    }
}
