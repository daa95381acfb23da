/// Memory that is used again from one piece of work to the next, and grows with the largest.
struct Workspace: ~Copyable {
    private var bytes = UnsafeMutableRawBufferPointer(start: nil, count: 0)

    deinit { bytes.deallocate() }

    /// Room for so many, aligned for vectors.
    ///
    /// It has what was put there before, unless it had to grow, and lasts until the next call.
    mutating func room<Element: BitwiseCopyable>(
        for _: Element.Type, _ count: Int
    ) -> UnsafeMutablePointer<Element> {
        let length = max(1, count) * MemoryLayout<Element>.stride
        if length > bytes.count {
            bytes.deallocate()
            bytes = .allocate(byteCount: length, alignment: 64)
        }
        // The buffer has at least the length, and its memory is of trivial values only.
        return bytes.baseAddress.unsafelyUnwrapped.bindMemory(to: Element.self, capacity: max(1, count))
    }
}

/// Elements in memory where they may begin at any byte: copied where that is not a place for them.
final class Aligned<Element: BitwiseCopyable> {
    let pointer: UnsafePointer<Element>
    private let copy: UnsafeMutableRawPointer?

    /// - Parameter start: Stays where it is while this lives.
    init(_ start: UnsafeRawPointer, _ count: Int) {
        if Int(bitPattern: start) % MemoryLayout<Element>.alignment == 0 {
            copy = nil
            pointer = start.assumingMemoryBound(to: Element.self)
        } else {
            let length = count * MemoryLayout<Element>.stride
            let copy = UnsafeMutableRawPointer.allocate(byteCount: max(1, length), alignment: 64)
            copy.copyMemory(from: start, byteCount: length)
            self.copy = copy
            pointer = UnsafePointer(copy.bindMemory(to: Element.self, capacity: count))
        }
    }

    deinit { copy?.deallocate() }
}
