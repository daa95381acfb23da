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
    private nonisolated(unsafe) let start: UnsafeRawPointer?
    package let count: Int
    private let isMapping: Bool

    /// Maps an open file.
    init(descriptor: Int32, count: Int) throws(MappingFailure) {
        self.count = count
        guard count > 0 else {
            (start, isMapping) = (nil, false)
            return
        }
        let memory = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0)
        guard let memory, memory != MAP_FAILED else { throw MappingFailure(code: errno) }
        (start, isMapping) = (UnsafeRawPointer(memory), true)
    }

    /// Holds a copy of bytes; for file systems that exist in memory only.
    package init(copying bytes: [UInt8]) {
        count = bytes.count
        isMapping = false
        let memory = UnsafeMutableRawPointer.allocate(byteCount: max(bytes.count, 1), alignment: 16)
        bytes.withUnsafeBytes {
            memory.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(memory), byteCount: $0.count)
        }
        start = UnsafeRawPointer(memory)
    }

    struct MappingFailure: Error { let code: Int32 }

    /// Lends the bytes; they must not be used after `body`.
    package func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafeRawBufferPointer(start: start, count: count))
    }

    deinit {
        guard let start else { return }
        if isMapping { munmap(UnsafeMutableRawPointer(mutating: start), count) } else { start.deallocate() }
    }
}
