internal import FileIO

/// A part of a file that moves forward: what was read and not yet cut.
struct FileWindow {
    /// What is read at a time, in bytes, at least.
    private static let readSize = 4 << 20

    private var bytes: [UInt8] = []
    private let capacity: Int
    private var range = 0..<0
    /// Where what follows is read.
    private var offset = 0
    private let size: Int

    /// - Parameters:
    ///   - size: What the file is said to have, in bytes; one more than that tells a file that grows.
    ///   - longest: The most that is cut at once, in bytes.
    init(size: Int, longest: Int) {
        self.size = size
        capacity = min(size + 1, longest + Self.readSize)
    }

    /// What is there.
    var content: ArraySlice<UInt8> { bytes[range] }

    /// Reads on, if fewer bytes are there than are wanted.
    ///
    /// - Parameter most: No more than so many will be there, or than are wanted.
    /// - Returns: How many were read.
    mutating func fill(
        to wanted: Int, most: Int = .max, from file: FileDescriptor, _ files: any FileSystem
    ) throws(FileError) -> Int {
        guard range.count < wanted, offset <= size else { return 0 }
        if bytes.isEmpty { bytes = [UInt8](repeating: 0, count: capacity) }
        let (held, offset) = (range, offset)
        let result = bytes.withUnsafeMutableBytes { bytes -> Result<Int, FileError> in
            bytes.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[held]))
            let end = min(bytes.count, max(wanted, most))
            let room = UnsafeMutableRawBufferPointer(rebasing: bytes[held.count..<max(held.count, end)])
            do throws(FileError) { return .success(try files.fill(room, from: file, at: offset)) } catch {
                return .failure(error)
            }
        }
        let more = try result.get()
        range = 0..<held.count + more
        self.offset += more
        return more
    }

    /// Takes bytes out, of which those that are not there yet are read to where they stay.
    ///
    /// - Returns: The bytes, fewer where the file ends, and how many of them were read.
    mutating func take(
        _ count: Int, from file: FileDescriptor, _ files: any FileSystem
    ) throws(FileError) -> (bytes: [UInt8], read: Int) {
        var (more, failure): (Int, FileError?) = (0, nil)
        let taken = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            let room = UnsafeMutableRawBufferPointer(buffer)
            let known = min(count, range.count)
            withContent { room.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[..<known])) }
            do throws(FileError) {
                let rest = UnsafeMutableRawBufferPointer(rebasing: room[known...])
                more = try files.fill(rest, from: file, at: offset)
            } catch { failure = error }
            filled = known + more
        }
        if let failure { throw failure }
        drop(min(count, range.count))
        offset += more
        return (taken, more)
    }

    /// The content, in memory.
    func withContent<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[range])) }
    }

    /// Leaves bytes behind.
    mutating func drop(_ count: Int) { range = range.lowerBound + count..<range.upperBound }
}
