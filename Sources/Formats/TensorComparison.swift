/// How the tensors of two files differ, number by number.
///
/// Of safetensors and NumPy files, which hold nothing else but names and shapes; what safetensors calls metadata is not compared.
package struct TensorComparison: Sendable {
    /// The first that is not granted, in words; nothing if all numbers are the same within the tolerance.
    package let difference: String?
    /// The greatest difference of two numbers; 0 where no two differ.
    package let greatest: Double

    /// Compares two files; nothing where one of them is none of these.
    package init?(_ one: ByteSource, _ other: ByteSource, _ tolerance: Tolerance) {
        guard let mine = Self.tensors(one), let theirs = Self.tensors(other) else { return nil }
        // Of NumPy's the header says all, the order of the numbers among it.
        if Self.isNumpy(one) || Self.isNumpy(other) {
            guard let head = Self.head(one, before: mine), head == Self.head(other, before: theirs) else {
                (difference, greatest) = ("the header of the array", 0)
                return
            }
        }
        let (known, found) = (Self.byName(mine), Self.byName(theirs))
        var (difference, greatest): (String?, Double) = (nil, 0)
        for tensor in mine {
            guard let match = found[tensor.name] else {
                difference = difference ?? "\(Self.text(tensor)) is not there"
                continue
            }
            guard match.type == tensor.type, match.shape == tensor.shape else {
                difference =
                    difference
                    ?? "\(Self.text(tensor)) is \(Self.form(tensor)), and \(Self.form(match)) now"
                continue
            }
            let numbers = Self.compare(tensor, of: one, match, of: other, tolerance)
            greatest = max(greatest, numbers.greatest)
            difference = difference ?? numbers.difference
        }
        for tensor in theirs where known[tensor.name] == nil {
            difference = difference ?? "\(Self.text(tensor)) is new"
        }
        (self.difference, self.greatest) = (difference, greatest)
    }

    /// All of a file, also those without bytes.
    private static func tensors(_ source: ByteSource) -> [TensorEntry]? {
        guard let index = TensorIndex(source) else { return nil }
        if isNumpy(source) { return index.tensors }
        guard index.isSafetensors,
            let prefix = source.bytes(at: 0, count: SafetensorsHeader.prefixLength + 1),
            let length = prefix.withUnsafeBytes({
                SafetensorsHeader.length(prefix: $0, fileLength: source.length)
            }), let head = source.bytes(at: 0, count: length)
        else { return nil }
        return head.withUnsafeBytes { SafetensorsHeader($0, fileLength: source.length) }.map {
            $0.tensors + $0.emptyTensors
        }
    }

    private static func isNumpy(_ source: ByteSource) -> Bool {
        source.bytes(at: 0, count: 6) == NumpyHeader.magic
    }

    /// What stands before an array.
    private static func head(_ source: ByteSource, before tensors: [TensorEntry]) -> [UInt8]? {
        tensors.first.flatMap { source.bytes(at: 0, count: $0.range.lowerBound) }
    }

    private static func byName(_ tensors: [TensorEntry]) -> [[UInt8]: TensorEntry] {
        Dictionary(tensors.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    private static func text(_ tensor: TensorEntry) -> String {
        tensor.name.isEmpty ? "the array" : "tensor \(String(decoding: tensor.name, as: UTF8.self))"
    }

    private static func form(_ tensor: TensorEntry) -> String { "\(tensor.type) \(tensor.shape)" }

    /// So many bytes of each file are looked at together; a multiple of all widths.
    private static let pieceLength = 1 << 20

    private static func compare(
        _ tensor: TensorEntry, of one: ByteSource, _ match: TensorEntry, of other: ByteSource,
        _ tolerance: Tolerance
    ) -> (difference: String?, greatest: Double) {
        var (difference, greatest): (String?, Double) = (nil, 0)
        let width = tensor.elementWidth ?? 1
        var offset = 0
        while offset < tensor.range.count {
            let count = min(pieceLength, tensor.range.count - offset)
            guard let mine = one.bytes(at: tensor.range.lowerBound + offset, count: count),
                let theirs = other.bytes(at: match.range.lowerBound + offset, count: count)
            else { return ("\(text(tensor)) cannot be read", greatest) }
            if mine != theirs {
                for start in stride(from: 0, to: count, by: width) {
                    let (element, changed) = (mine[start..<start + width], theirs[start..<start + width])
                    if element == changed { continue }
                    let place = "\(text(tensor)), element \((offset + start) / width)"
                    guard let before = TensorNumber(element, tensor.type),
                        let after = TensorNumber(changed, tensor.type)
                    else {
                        difference = difference ?? "\(place): other bytes"
                        continue
                    }
                    greatest = max(greatest, before.distance(to: after))
                    if !before.isWithin(tolerance, of: after) {
                        difference = difference ?? "\(place): \(before), and \(after) now"
                    }
                }
            }
            offset += count
        }
        return (difference, greatest)
    }
}
