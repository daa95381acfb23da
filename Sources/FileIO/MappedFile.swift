#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// A file's bytes as memory, until the last reference goes.
///
/// If the file is cut short by somebody else meanwhile, touching what is gone ends the process; files that are mapped
/// here are written once and never cut.
package final class MappedFile: Sendable {
    /// Where a file is mapped; nothing if it is empty or the bytes are held.
    private nonisolated(unsafe) let start: UnsafeRawPointer?
    private let held: [UInt8]?
    package let count: Int

    /// Maps an open file.
    init(descriptor: Int32, count: Int) throws(MappingFailure) {
        (self.count, held) = (count, nil)
        guard count > 0 else {
            start = nil
            return
        }
        let memory = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0)
        guard let memory, memory != MAP_FAILED else { throw MappingFailure(code: errno) }
        start = UnsafeRawPointer(memory)
    }

    /// Holds bytes that are in memory only.
    package init(holding bytes: [UInt8]) { (start, held, count) = (nil, bytes, bytes.count) }

    /// All bytes; a copy, if they are those of a file.
    package var bytes: [UInt8] { held ?? withBytes { Array($0) } }

    struct MappingFailure: Error { let code: Int32 }

    /// Lends the bytes; they must not be used after `body`.
    package func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        guard let held else { return try body(UnsafeRawBufferPointer(start: start, count: count)) }
        return try held.withUnsafeBufferPointer { (bytes) throws(Failure) in
            try body(UnsafeRawBufferPointer(bytes))
        }
    }

    deinit {
        if let start { munmap(UnsafeMutableRawPointer(mutating: start), count) }
    }
}
