/// Which bytes of a file are which tensors: of safetensors, GGUF and NumPy files, and of the zip archives that PyTorch and NumPy write.
///
/// A file that contradicts itself is none of these.
package struct TensorIndex: Sendable {
    /// Those that have bytes, in the order of these; they do not overlap.
    package let tensors: [TensorEntry]
    /// The length of the file.
    package let length: Int
    /// Whether the file is nothing but a header and tensors one behind the other.
    package let isSafetensors: Bool

    /// Reads what a file says of its tensors; nothing if it is another file, or has none.
    package init?(_ source: ByteSource) {
        length = source.length
        guard let prefix = source.bytes(at: 0, count: Self.prefixLength) else { return nil }
        let found: [TensorEntry]?
        switch Array(prefix.prefix(4)) {
        case GGUFHeader.magic: found = GGUFHeader(source)?.tensors
        case Array(NumpyHeader.magic.prefix(4)):
            found = NumpyHeader.tensor(in: source, 0..<source.length, name: []).map { [$0] }
        case ZipDirectory.magic: found = TensorArchive.tensors(in: source)
        default:
            guard
                let length = prefix.withUnsafeBytes({
                    SafetensorsHeader.length(prefix: $0, fileLength: source.length)
                }), let head = source.bytes(at: 0, count: length),
                let header = head.withUnsafeBytes({ SafetensorsHeader($0, fileLength: source.length) })
            else { return nil }
            (tensors, isSafetensors) = (header.tensors, true)
            return
        }
        guard let found = found.map({ Self.ordered($0) }), !found.isEmpty,
            Self.isSound(found, length: source.length)
        else { return nil }
        (tensors, isSafetensors) = (found, false)
    }

    /// The length that a safetensors file should have by its header, if it has another one.
    package static func contradictedLength(of source: ByteSource) -> Int? {
        guard let prefix = source.bytes(at: 0, count: prefixLength),
            let length = prefix.withUnsafeBytes({
                SafetensorsHeader.length(prefix: $0, fileLength: source.length)
            }), let head = source.bytes(at: 0, count: length)
        else { return nil }
        return head.withUnsafeBytes { SafetensorsHeader.contradictedLength($0, fileLength: source.length) }
    }

    /// The first bytes of a file, by which its format is known.
    private static let prefixLength = SafetensorsHeader.prefixLength + 1

    private static func ordered(_ tensors: [TensorEntry]) -> [TensorEntry] {
        tensors.filter { !$0.range.isEmpty }.sorted { $0.range.lowerBound < $1.range.lowerBound }
    }

    private static func isSound(_ tensors: [TensorEntry], length: Int) -> Bool {
        var end = 0
        for tensor in tensors {
            guard tensor.range.lowerBound >= end else { return false }
            end = tensor.range.upperBound
        }
        return end <= length
    }
}
