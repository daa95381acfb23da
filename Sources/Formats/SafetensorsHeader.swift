/// What the header of a safetensors file says of the bytes behind it
/// (https://github.com/huggingface/safetensors, "Format").
///
/// One that lies is none: tensors that overlap or leave a gap, that do not end where the file ends, whose shape makes another length.
package struct SafetensorsHeader: Sendable {
    /// The longest header that is looked at, in bytes; the format allows 100,000,000.
    package static let lengthLimit = 16 << 20
    /// Bytes that say how long the header is.
    package static let prefixLength = 8
    /// The most dimensions that are taken for a shape.
    private static let rankLimit = 64

    /// Bytes before the first tensor.
    package let length: Int
    /// Those that have bytes, in the order of these.
    package let tensors: [TensorEntry]
    /// Those that have none.
    let emptyTensors: [TensorEntry]

    /// The length of a file's header with the eight bytes before it, if the file may be one.
    ///
    /// - Parameter prefix: The first nine bytes of the file.
    package static func length(prefix: UnsafeRawBufferPointer, fileLength: Int) -> Int? {
        guard prefix.count > prefixLength, prefix[prefixLength] == UInt8(ascii: "{") else { return nil }
        let length = UInt64(littleEndian: prefix.loadUnaligned(as: UInt64.self))
        guard length >= 2, length <= UInt64(lengthLimit), Int(length) <= fileLength - prefixLength else {
            return nil
        }
        return prefixLength + Int(length)
    }

    /// Reads a header; nothing if it is not one that the file keeps to.
    ///
    /// - Parameters:
    ///   - bytes: The file's first bytes, at least ``length(prefix:fileLength:)`` of them.
    ///   - fileLength: Of the whole file.
    package init?(_ bytes: UnsafeRawBufferPointer, fileLength: Int) {
        guard let length = Self.length(prefix: bytes, fileLength: fileLength), length <= bytes.count,
            let (tensors, end) = Self.tensors(bytes, behind: length), end == fileLength
        else { return nil }
        (self.length, self.tensors) = (length, tensors.filter { !$0.range.isEmpty })
        emptyTensors = tensors.filter(\.range.isEmpty)
    }

    /// The length that a file should have by its header, if it has another one: it was cut short, or something was appended.
    ///
    /// - Parameters: As above.
    package static func contradictedLength(_ bytes: UnsafeRawBufferPointer, fileLength: Int) -> Int? {
        guard let length = length(prefix: bytes, fileLength: fileLength), length <= bytes.count,
            let (tensors, end) = tensors(bytes, behind: length), end != fileLength,
            tensors.contains(where: { !$0.range.isEmpty })
        else { return nil }
        return end
    }

    /// All of them, and where the last one ends; nothing if they do not lie one behind the other.
    private static func tensors(
        _ bytes: UnsafeRawBufferPointer, behind length: Int
    ) -> (tensors: [TensorEntry], end: Int)? {
        var scanner = JSONScanner(UnsafeRawBufferPointer(rebasing: bytes[prefixLength..<length]))
        var tensors: [TensorEntry] = []
        do throws(JSONScanner.Malformed) {
            try scanner.object(
                { (scanner, name) throws(JSONScanner.Malformed) in
                    let name = Array(
                        bytes[name.lowerBound + prefixLength..<name.upperBound + prefixLength])
                    guard name != metadata else { return try scanner.skipValue() }
                    tensors.append(try tensor(name, &scanner, bytes, start: length))
                }, or: JSONScanner.Malformed())
            guard scanner.isAtEnd() else { return nil }
        } catch { return nil }
        // Empty tensors lie before the one that begins in their place.
        tensors.sort {
            ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound)
        }
        var end = length
        for tensor in tensors {
            guard tensor.range.lowerBound == end else { return nil }
            end = tensor.range.upperBound
        }
        guard Set(tensors.map(\.name)).count == tensors.count else { return nil }
        return (tensors, end)
    }

    private static let metadata = Array("__metadata__".utf8)

    private static func tensor(
        _ name: [UInt8], _ scanner: inout JSONScanner, _ bytes: UnsafeRawBufferPointer, start: Int
    ) throws(JSONScanner.Malformed) -> TensorEntry {
        var (type, shape, offsets): (String?, [Int]?, [Int]?)
        try scanner.object(
            { (scanner, member) throws(JSONScanner.Malformed) in
                switch text(member, bytes) {
                case "dtype" where type == nil: type = text(try scanner.string(), bytes)
                case "shape" where shape == nil: shape = try scanner.counts(limit: rankLimit)
                case "data_offsets" where offsets == nil: offsets = try scanner.counts(limit: 2)
                default: throw JSONScanner.Malformed()
                }
            }, or: JSONScanner.Malformed())
        guard let type, let shape, let offsets, offsets.count == 2, offsets[0] <= offsets[1] else {
            throw JSONScanner.Malformed()
        }
        if TensorEntry.elementWidth(of: type) != nil {
            guard TensorEntry.byteCount(of: type, shape) == offsets[1] - offsets[0] else {
                throw JSONScanner.Malformed()
            }
        }
        return TensorEntry(
            name: name, type: type, shape: shape, range: start + offsets[0]..<start + offsets[1])
    }

    private static func text(_ range: Range<Int>, _ bytes: UnsafeRawBufferPointer) -> String {
        String(
            decoding: bytes[range.lowerBound + prefixLength..<range.upperBound + prefixLength], as: UTF8.self)
    }
}
