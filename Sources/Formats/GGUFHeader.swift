/// What the header of a GGUF file says of its tensors
/// (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).
struct GGUFHeader {
    static let magic = Array("GGUF".utf8)
    /// Bytes that are read at first, and at most: vocabularies take megabytes.
    private static let (firstLength, lengthLimit) = (1 << 20, 64 << 20)
    private static let tensorLimit = 1 << 17
    private static let rankLimit = 8
    /// How deep arrays of arrays may be.
    private static let depthLimit = 4
    private static let defaultAlignment = 32
    private static let alignmentName = Array("general.alignment".utf8)

    let tensors: [TensorEntry]

    init?(_ source: ByteSource) {
        var length = min(Self.firstLength, source.length)
        while true {
            guard let bytes = source.bytes(at: 0, count: length) else { return nil }
            do throws(LittleEndianReader.Short) {
                guard let tensors = try Self.tensors(bytes, source.length) else { return nil }
                self.tensors = tensors
                return
            } catch {
                guard length < min(source.length, Self.lengthLimit) else { return nil }
                length = min(4 * length, source.length, Self.lengthLimit)
            }
        }
    }

    /// A tensor as the header has it.
    private struct Entry {
        let name: [UInt8]
        /// The innermost dimension first.
        let shape: [Int]
        let type: UInt32
        /// From the beginning of the data.
        let offset: Int
    }

    /// - Throws: If more bytes are wanted.
    private static func tensors(
        _ bytes: [UInt8], _ fileLength: Int
    ) throws(LittleEndianReader.Short) -> [TensorEntry]? {
        var reader = LittleEndianReader(bytes, at: magic.count)
        guard (2...3).contains(try reader.number(UInt32.self)) else { return nil }
        let (tensorCount, valueCount) = (try reader.count(), try reader.count())
        guard tensorCount <= tensorLimit else { return nil }
        var alignment = defaultAlignment
        for _ in 0..<valueCount {
            let name = try reader.skip(try reader.count())
            let type = try reader.number(UInt32.self)
            if bytes[name].elementsEqual(alignmentName) {
                guard type == 4 else { return nil }
                alignment = Int(try reader.number(UInt32.self))
            } else {
                guard try skipValue(&reader, type, depth: 0) else { return nil }
            }
        }
        guard alignment > 0, alignment % 8 == 0 else { return nil }
        var entries: [Entry] = []
        for _ in 0..<tensorCount {
            guard let entry = try entry(&reader, bytes) else { return nil }
            entries.append(entry)
        }
        let start = (reader.offset + alignment - 1) / alignment * alignment
        return ranges(entries, start, alignment, fileLength)
    }

    private static func entry(
        _ reader: inout LittleEndianReader, _ bytes: [UInt8]
    ) throws(LittleEndianReader.Short) -> Entry? {
        let name = try reader.skip(try reader.count())
        let rank = try reader.number(UInt32.self)
        guard rank <= rankLimit else { return nil }
        var shape: [Int] = []
        for _ in 0..<rank { shape.append(try reader.count()) }
        let type = try reader.number(UInt32.self)
        return Entry(name: Array(bytes[name]), shape: shape, type: type, offset: try reader.count())
    }

    /// Passes over a value; false if it is of no known type.
    private static func skipValue(
        _ reader: inout LittleEndianReader, _ type: UInt32, depth: Int
    ) throws(LittleEndianReader.Short) -> Bool {
        switch type {
        case 8: try reader.skip(try reader.count())
        case 9:
            guard depth < depthLimit else { return false }
            let element = try reader.number(UInt32.self)
            let count = try reader.count()
            if let width = width(of: element) {
                let (length, isOver) = count.multipliedReportingOverflow(by: width)
                guard !isOver else { return false }
                try reader.skip(length)
                return true
            }
            // Each of these takes bytes: a count that lies ends with them.
            for _ in 0..<count {
                guard try skipValue(&reader, element, depth: depth + 1) else { return false }
            }
        default:
            guard let width = width(of: type) else { return false }
            try reader.skip(width)
        }
        return true
    }

    /// Bytes of a value of a plain type.
    private static func width(of type: UInt32) -> Int? {
        switch type {
        case 0, 1, 7: 1
        case 2, 3: 2
        case 4, 5, 6: 4
        case 10, 11, 12: 8
        default: nil
        }
    }

    /// The tensors with their places.
    ///
    /// Quantized ones are whatever there is up to the next one: how their blocks are made is of no matter here.
    private static func ranges(
        _ entries: [Entry], _ start: Int, _ alignment: Int, _ fileLength: Int
    ) -> [TensorEntry]? {
        guard start <= fileLength else { return entries.isEmpty ? [] : nil }
        let ordered = entries.sorted { $0.offset < $1.offset }
        var tensors: [TensorEntry] = []
        for (index, entry) in ordered.enumerated() {
            let next = index + 1 < ordered.count ? ordered[index + 1].offset : fileLength - start
            guard entry.offset % alignment == 0, entry.offset <= next, next <= fileLength - start else {
                return nil
            }
            let (type, shape) = (Self.type(entry.type), Array(entry.shape.reversed()))
            var length = next - entry.offset
            if TensorEntry.elementWidth(of: type) != nil {
                guard let own = TensorEntry.byteCount(of: type, shape), own <= length else { return nil }
                length = own
            }
            tensors.append(
                TensorEntry(
                    name: entry.name, type: type, shape: shape,
                    range: start + entry.offset..<start + entry.offset + length))
        }
        return tensors
    }

    private static func type(_ number: UInt32) -> String {
        switch number {
        case 0: "F32"
        case 1: "F16"
        case 24: "I8"
        case 25: "I16"
        case 26: "I32"
        case 27: "I64"
        case 28: "F64"
        case 30: "BF16"
        default: "ggml-\(number)"
        }
    }
}
