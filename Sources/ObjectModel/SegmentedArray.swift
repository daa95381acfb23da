/// A list that grows without moving what it has: it never needs room for itself twice.
///
/// Shape: segments of 1,024 elements. Public, because the compiler specialises it for other modules only then; without that
/// each access costs ten times as much.
@frozen public struct SegmentedArray<Element: Sendable>: Sendable {
    @usableFromInline internal var segments: [[Element]] = []
    @usableFromInline internal var length = 0

    @inlinable public init() {}

    /// So many times the same element.
    @inlinable public init(repeating element: Element, count: Int) {
        let size = Self.segmentSize
        segments = stride(from: 0, to: count, by: size).map {
            [Element](repeating: element, count: Swift.min(size, count - $0))
        }
        length = count
    }

    @inlinable internal static var segmentSize: Int { 1024 }

    @inlinable public mutating func append(_ element: Element) {
        let number = length / Self.segmentSize
        if number == segments.count {
            segments.append([])
            // The first one is small most of the time.
            if number > 0 { segments[number].reserveCapacity(Self.segmentSize) }
        }
        segments[number].append(element)
        length += 1
    }

    /// Takes everything out; a little room is kept.
    @inlinable public mutating func removeAll() {
        segments.removeLast(Swift.max(0, segments.count - 1))
        if !segments.isEmpty { segments[0].removeAll(keepingCapacity: true) }
        length = 0
    }
}

extension SegmentedArray: RandomAccessCollection, MutableCollection {
    @inlinable public var startIndex: Int { 0 }
    @inlinable public var endIndex: Int { length }

    @inlinable public subscript(index: Int) -> Element {
        get { segments[index / Self.segmentSize][index % Self.segmentSize] }
        _modify { yield &segments[index / Self.segmentSize][index % Self.segmentSize] }
    }
}
