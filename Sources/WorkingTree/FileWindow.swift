internal import FileIO

/// A part of a file that moves forward: what was read and not yet cut.
struct FileWindow {
    /// What is read at a time, in bytes, at least.
    private static let readSize = 4 << 20

    private var bytes: [UInt8]
    private var range = 0..<0
    /// Where what follows is read.
    private var offset = 0
    private let size: Int

    /// - Parameters:
    ///   - size: What the file is said to have, in bytes; one more than that tells a file that grows.
    ///   - longest: The most that is cut at once, in bytes.
    init(size: Int, longest: Int) {
        self.size = size
        bytes = [UInt8](repeating: 0, count: min(size + 1, longest + Self.readSize))
    }

    /// What is there.
    var content: ArraySlice<UInt8> { bytes[range] }

    /// Reads on, if fewer bytes are there than are wanted.
    ///
    /// - Returns: How many were read.
    mutating func fill(
        to wanted: Int, from file: FileDescriptor, _ files: any FileSystem
    ) throws(FileError) -> Int {
        guard range.count < wanted, offset <= size else { return 0 }
        bytes.withUnsafeMutableBytes { $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[range])) }
        range = 0..<range.count
        let more = try files.read(file, filling: &bytes, from: range.upperBound, at: offset)
        range = 0..<range.upperBound + more
        offset += more
        return more
    }

    /// The content, in memory.
    func withContent<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[range])) }
    }

    /// Leaves bytes behind.
    mutating func drop(_ count: Int) { range = range.lowerBound + count..<range.upperBound }
}
