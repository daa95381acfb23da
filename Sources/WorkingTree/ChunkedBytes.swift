internal import Formats
internal import ObjectModel
internal import Storage

/// Reads parts of a file that the store has in chunks.
///
/// One thread at a time. The chunk that was read last is kept.
final class ChunkedBytes {
    private let store: ObjectStore
    private let chunks: [ChunkEntry]
    /// Where each begins in the file.
    private let starts: [Int]
    let length: Int
    private var last: (number: Int, bytes: [UInt8])?

    init(_ chunks: [ChunkEntry], in store: ObjectStore) {
        (self.chunks, self.store) = (chunks, store)
        var (starts, start): ([Int], Int) = ([], 0)
        for chunk in chunks {
            starts.append(start)
            start += chunk.length
        }
        (self.starts, length) = (starts, start)
    }

    var source: ByteSource { ByteSource(length: length) { self.bytes(at: $0, count: $1) } }

    /// Some bytes; nothing if one of their chunks cannot be read.
    private func bytes(at offset: Int, count: Int) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        var number = starts.piece(at: offset)
        while bytes.count < count {
            guard chunks.indices.contains(number), let chunk = chunk(number) else { return nil }
            let skipped = offset + bytes.count - starts[number]
            bytes += chunk[skipped...].prefix(count - bytes.count)
            number += 1
        }
        return bytes
    }

    private func chunk(_ number: Int) -> [UInt8]? {
        if let last, last.number == number { return last.bytes }
        guard let bytes = try? store.chunk(chunks[number]), bytes.count == chunks[number].length else {
            return nil
        }
        last = (number, bytes)
        return bytes
    }
}

extension [Int] {
    /// The number of the piece that has an offset, where these are the offsets at which pieces begin.
    func piece(at offset: Int) -> Int {
        var (low, high) = (0, count)
        while high - low > 1 {
            let middle = (low + high) / 2
            if self[middle] <= offset { low = middle } else { high = middle }
        }
        return low
    }
}
