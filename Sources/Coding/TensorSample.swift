/// Some elements of a tensor, from the same places of all that are as long: enough to find those that are versions of each other among
/// many, and to tell how far apart they are.
package struct TensorSample: Sendable {
    /// Elements that stand together, and how many such stretches there are.
    private static let (stretch, stretchLimit) = (64, 16)
    /// Comparisons of two elements each.
    private static let signLimit = 256
    /// Two tensors of which more comparisons come out otherwise have nothing to do with each other: by chance it would be half.
    private static let signDistance = 64

    package let layout: TensorLayout
    private let bytes: [UInt8]
    /// For each of ``signLimit`` pairs of elements, which is the greater: what training changes little, and what is different in any other
    /// tensor.
    private let signs: SIMD4<UInt64>

    /// - Parameter tensor: Whole elements.
    package init(_ tensor: UnsafeRawBufferPointer, _ layout: TensorLayout) {
        self.layout = layout
        let width = layout.type.width
        let count = tensor.count / width
        let stretches = max(1, min(Self.stretchLimit, count / Self.stretch))
        let length = min(count, Self.stretch)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(stretches * length * width)
        for number in 0..<stretches {
            let start = (count - length) / max(1, stretches - 1) * number * width
            bytes += tensor[start..<start + length * width]
        }
        self.bytes = bytes
        signs = bytes.withUnsafeBytes { bytes in
            switch width {
            case 1: Self.signs(UInt8.self, bytes, layout.type)
            case 2: Self.signs(UInt16.self, bytes, layout.type)
            case 4: Self.signs(UInt32.self, bytes, layout.type)
            default: Self.signs(UInt64.self, bytes, layout.type)
            }
        }
    }

    private static func signs<Word: TensorWord>(
        _: Word.Type, _ bytes: UnsafeRawBufferPointer, _ type: ElementType
    ) -> SIMD4<UInt64> {
        let half = bytes.count / (2 * MemoryLayout<Word>.size)
        let isFloat = type.mantissaBits != nil
        func element(_ index: Int) -> Word.Signed {
            let word = bytes.loadUnaligned(fromByteOffset: index * MemoryLayout<Word>.size, as: Word.self)
            return Word.Signed(truncatingIfNeeded: isFloat ? word.ordered : word)
        }
        var signs = SIMD4<UInt64>()
        guard half > 0 else { return signs }
        for sign in 0..<signLimit {
            let index = sign * half / signLimit
            if element(index) > element(half + index) { signs[sign / 64] |= 1 << UInt64(sign % 64) }
        }
        return signs
    }

    /// Parts of the comparisons: versions of a tensor have one of them in common, nearly always, and other tensors hardly ever
    /// (locality-sensitive hashing: Indyk, Motwani, 1998).
    package var bands: [UInt16] {
        (0..<4).flatMap { word in
            (0..<4).map { UInt16(truncatingIfNeeded: signs[word] >> UInt64(16 * $0)) }
        }
    }

    /// Whether another tensor of the same length and type may be a version of this one.
    package func isAkin(to other: Self) -> Bool {
        let differing = signs ^ other.signs
        return (0..<4).reduce(0) { $0 + differing[$1].nonzeroBitCount } <= Self.signDistance
    }

    /// How far another tensor of the same length and type is from this one, in bits an element (``TensorLayout/distance(_:_:)``).
    package func distance(to other: Self) -> Double {
        bytes.withUnsafeBytes { own in
            other.bytes.withUnsafeBytes { layout.distance(own, $0) ?? .infinity }
        }
    }
}

extension TensorLayout {
    /// How a tensor lies in bytes, as the stream says into which it was coded; nothing if that is none.
    ///
    /// The rows are missing where they did not matter for the stream.
    /// - Parameter length: Bytes of the tensor.
    package init?(of stream: UnsafeRawBufferPointer, length: Int) {
        guard let type = stream.first.flatMap({ ElementType(rawValue: $0) }), length % type.width == 0 else {
            return nil
        }
        var offset = 0
        let head = try? TensorStreamHead(stream, &offset, elementCount: length / type.width)
        guard let head else { return nil }
        self.init(type: head.type, rowLength: head.rowLength)
    }
}
