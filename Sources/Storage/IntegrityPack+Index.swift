internal import FileIO
internal import ObjectModel

/// The index of a pack against its frames.
extension IntegrityPack {
    /// Compares index and frames, once all frames are decoded.
    mutating func compareIndex() {
        guard let trailer, hasSoundIndex else {
            reportGaps(lost: [:])
            return
        }
        let position = Dictionary(
            frames.enumerated().map { ($0.element.offset, $0.offset) }, uniquingKeysWith: { a, _ in a })
        let known = Set(rows.map(\.offset))
        for frame in frames where !known.contains(frame.offset) {
            report(.index, "it does not list the frame at offset \(frame.offset)", at: trailer.start)
        }
        do throws(FileError) {
            let bytes = try PackBytes(path, files: files)
            try compareFrames(bytes, trailer, position)
            reportGaps(lost: try compareEntries(bytes, trailer, position))
        } catch { report(.unreadable, "\(error)") }
    }

    private mutating func compareFrames(
        _ bytes: PackBytes, _ trailer: PackTrailer, _ position: [Int: Int]
    ) throws(FileError) {
        let start = trailer.start + trailer.frameCount * PackTrailer.frameSize
        let block = try bytes.peek(at: start, trailer.baseCount * PackTrailer.baseSize)
        var bases: [ObjectReference?] = []
        var reader = ByteReader(block)
        while let id = try? reader.id("a base"), let kind = try? reader.u8("a kind"),
            let rest = try? reader.take(3, "zeros")
        {
            let isZero = rest.allSatisfy { $0 == 0 }
            bases.append(isZero ? ObjectKind(rawValue: kind).map { ObjectReference($0, id) } : nil)
        }
        var expected = BaseTable()
        var used = 0
        var sum = 0
        var isWhole = true
        for (number, row) in rows.enumerated() {
            used = max(used, row.bases.upperBound)
            guard let frame = position[row.offset].map({ frames[$0] }) else {
                isWhole = false
                if !gaps.contains(where: { $0.range.contains(row.offset) }) {
                    report(
                        .index, "it lists frame \(number) at offset \(row.offset), where none begins",
                        at: trailer.start)
                }
                continue
            }
            sum += frame.rawLength
            let named = row.bases
            let isInside = named.isEmpty || (named.lowerBound >= 0 && named.upperBound <= bases.count)
            _ = expected.place(of: frame.bases)
            guard row.codec == frame.codec, row.frameClass == frame.frameClass,
                isInside, bases[named].elementsEqual(frame.bases)
            else {
                report(
                    .index, "it describes frame \(number) at offset \(row.offset) otherwise",
                    at: trailer.start)
                continue
            }
        }
        if used != bases.count || bases.contains(nil) || (isWhole && bases != expected.rows) {
            report(.index, "its bases are not those of its frames", at: start)
        }
        if isWhole, sum != trailer.rawLength {
            report(
                .trailer, "its frames have \(sum) bytes, not \(trailer.rawLength)",
                at: trailer.start + trailer.indexLength)
        }
    }

    /// - Returns: For each damaged frame, by offset, the objects that lay in it.
    private mutating func compareEntries(
        _ bytes: PackBytes, _ trailer: PackTrailer, _ position: [Int: Int]
    ) throws(FileError) -> [Int: [ObjectReference]] {
        let expected = FirstPlaces(objects, frames)
        var recipes: [ObjectID: [Found]] = [:]
        for (index, blob) in recipeBlobs { recipes[blob, default: []].append(objects[index]) }
        var lost: [Int: [ObjectReference]] = [:]
        var (last, seen): (ObjectReference?, Int) = (nil, 0)
        var wrong = 0
        var firstWrong: String?
        func note(_ message: String) {
            wrong += 1
            if firstWrong == nil { firstWrong = message }
        }
        let perBlock = 16_384
        for block in stride(from: 0, to: trailer.entryCount, by: perBlock) {
            let count = min(perBlock, trailer.entryCount - block)
            let piece = try bytes.peek(
                at: trailer.entriesStart + block * PackTrailer.entrySize, count * PackTrailer.entrySize)
            for entry in 0..<piece.count / PackTrailer.entrySize {
                let row = EntryRow(piece, at: entry * PackTrailer.entrySize)
                guard let reference = row.reference, row.isWellFormed, row.frame < rows.count else {
                    note("entry \(block + entry) is malformed")
                    continue
                }
                if let last, !(last < reference) { note("entry \(block + entry) is out of order") }
                last = reference
                let offset = rows[row.frame].offset
                let frame = position[offset]
                if frame == nil || incomplete.contains(offset) {
                    lost[offset, default: []].append(reference)
                    continue
                }
                let whole = expected.place(of: reference)
                let places = row.isRecipe ? recipes[reference.id] ?? [] : whole.map { [$0] } ?? []
                if row.isRecipe, whole != nil {
                    note("\(reference) lies there whole, and the index names its recipe")
                } else if !places.contains(where: { found in
                    frame == Int(found.frame) && Int(found.start) == row.start
                        && Int(found.length) == row.length
                }) {
                    note("\(reference) is not where the index says, in frame \(row.frame)")
                }
                if !row.isRecipe, whole != nil {
                    seen += 1
                } else if row.isRecipe {
                    recipes[reference.id] = nil
                }
            }
        }
        if seen < expected.count { note("\(expected.count - seen) objects have no entry in the index") }
        for (blob, found) in recipes
        where expected.place(of: ObjectReference(.blob, blob)) == nil && !found.isEmpty {
            note("the blob \(blob) has no entry for its recipe")
        }
        if let firstWrong {
            let more = wrong > 1 ? " (and \(wrong - 1) more)" : ""
            report(.index, firstWrong + more, at: trailer.start)
        }
        return lost
    }

    private struct EntryRow {
        let reference: ObjectReference?
        let isWellFormed: Bool
        let isRecipe: Bool
        let frame: Int
        let start: Int
        let length: Int

        init(_ bytes: [UInt8], at offset: Int) {
            var reader = ByteReader(bytes, from: offset)
            reference = (try? reader.id("an id")).flatMap { id in
                ObjectKind(rawValue: bytes[offset + 32]).map { ObjectReference($0, id) }
            }
            isRecipe = bytes[offset + 33] == 1
            isWellFormed =
                bytes[offset + 33] <= 1 && bytes[offset + 34] == 0 && bytes[offset + 35] == 0
                && (bytes[offset + 33] == 0 || bytes[offset + 32] == ObjectKind.blob.rawValue)
            (frame, start, length) = bytes.withUnsafeBytes { bytes in
                (
                    Int(bytes.u32(at: offset + 36)), Int(bytes.u32(at: offset + 40)),
                    Int(bytes.u32(at: offset + 44))
                )
            }
        }
    }

    private mutating func reportGaps(lost: [Int: [ObjectReference]]) {
        for gap in gaps.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) {
            // Without a trailer nobody knows where frames end: what lies at the end is the index, most likely.
            if trailer == nil, gap.range.upperBound == count, gap.problem == Self.noFrame, !frames.isEmpty {
                continue
            }
            let references = lost.filter { gap.range.contains($0.key) }.flatMap(\.value)
            let length = gap.range.upperBound - gap.range.lowerBound
            let what = references.isEmpty ? "" : ": \(references.count) objects lay there"
            report(
                .frame, "\(gap.problem) (\(length) bytes)\(what)", at: gap.range.lowerBound,
                needs: references.sorted())
        }
        gaps = []
        for (offset, problem) in baseless.sorted(by: { $0.key < $1.key }) {
            report(.base, problem, at: offset, needs: (lost[offset] ?? []).sorted())
        }
        baseless = [:]
    }
}
