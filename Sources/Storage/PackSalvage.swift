internal import Coding
package import FileIO
package import ObjectModel

/// Gets out of a damaged pack what is undamaged, trusting nothing but the frames themselves.
package struct PackSalvage: Sendable {
    /// Bytes in which no undamaged frame lies.
    package struct Gap: Hashable, Sendable {
        package let range: Range<Int>
        package let problem: String
    }

    private let path: FilePath
    private let files: any FileSystem

    /// Looks at a file, whatever its name.
    package init(_ path: FilePath, files: any FileSystem) {
        self.path = path
        self.files = files
    }

    /// Hands out every object of every undamaged frame, with its digest computed anew, frame by frame.
    ///
    /// - Parameters:
    ///   - base: Payloads of objects that frames name as their base.
    ///   - body: Takes an object, its payload, and the offset of its frame in the file.
    /// - Throws: What `body` throws, and what the file cannot be read for.
    /// - Returns: What lies between undamaged frames. Where the trailer is sound, the index is none of it.
    package func forEachObject(
        base: (ObjectReference) -> [UInt8]? = { _ in nil },
        _ body: (ObjectReference, [UInt8], _ frameOffset: Int) throws(StoreError) -> Void
    ) throws(StoreError) -> [Gap] {
        let bytes = try filing { () throws(FileError) in try PackBytes(path, files: files) }
        let coder: FrameCoder
        do throws(CodingError) { coder = try FrameCoder() } catch {
            throw .damaged(path, problem: "\(error)")
        }
        let tail = try filing { () throws(FileError) in try bytes.trailerBytes() }
        let end = (try? PackTrailer(tail, length: bytes.count))?.start ?? bytes.count
        var gaps: [Gap] = []
        var offset = 0
        while offset < end {
            let scan = try filing { () throws(FileError) in try bytes.frame(at: offset, end: end) }
            switch scan {
            case .frame(let raw, let length):
                let decoded: [UInt8]?
                let bases = raw.table.baseBytes { (base($0) ?? [])[...] }
                do throws(CodingError) {
                    guard let bases else { throw .corrupt(raw.codec) }
                    decoded = try PackReader.decode(raw, base: bases, coder)
                } catch {
                    decoded = nil
                    gaps.append(Gap(range: offset..<offset + length, problem: "\(error)"))
                }
                if let decoded { try Self.handOut(decoded, raw.table, frame: offset, body) }
                offset += length
            case .damage(let problem, let length):
                let next: Int
                if let length {
                    next = offset + length
                } else {
                    next =
                        try filing { () throws(FileError) in try bytes.nextFrame(after: offset, end: end) }
                        ?? end
                }
                gaps.append(Gap(range: offset..<next, problem: problem))
                offset = next
            }
        }
        return gaps
    }

    private static func handOut(
        _ decoded: [UInt8], _ table: FrameTable, frame: Int,
        _ body: (ObjectReference, [UInt8], _ frameOffset: Int) throws(StoreError) -> Void
    ) throws(StoreError) {
        var start = 0
        for object in table.objects {
            // The table's lengths add up to the frame's, as was checked when it was read.
            let payload = Array(decoded[start..<start + object.length])
            start += object.length
            try body(
                ObjectReference(object.kind, ObjectID(of: object.kind, payload: payload)), payload, frame)
        }
    }
}

extension PackBytes {
    /// The bytes where the trailer should be.
    func trailerBytes() throws(FileError) -> [UInt8] {
        try peek(at: max(0, count - PackTrailer.byteCount), PackTrailer.byteCount)
    }
}
