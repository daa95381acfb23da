/// Bytes that are put in at one end and taken out at the other.
struct ByteQueue {
    private var bytes: [UInt8] = []
    /// How many of them were taken.
    private var start = 0

    /// So many that were taken are kept, before those behind them are moved to the front.
    private static let slack = 1 << 20

    var count: Int { bytes.count - start }
    var isEmpty: Bool { count == 0 }

    /// Those that nobody has taken yet.
    var rest: ArraySlice<UInt8> { bytes[start...] }

    mutating func append(_ more: some Collection<UInt8>) { bytes += more }

    /// Takes the first ones.
    ///
    /// - Precondition: So many are there.
    mutating func removeFirst(_ count: Int) {
        precondition(count <= self.count, "more is taken than came")
        start += count
        if start == bytes.count {
            bytes.removeAll(keepingCapacity: true)
            start = 0
        } else if start > Self.slack {
            bytes.removeFirst(start)
            start = 0
        }
    }

    mutating func removeAll() { removeFirst(count) }

    /// Hands out the first ones, up to a length.
    func withFirst<Result>(_ limit: Int, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[start...].prefix(limit))) }
    }
}
