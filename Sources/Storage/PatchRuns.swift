package import ObjectModel

/// Where the new chunks of a file stand, in it and in its base.
extension PatchWriter {
    /// That a place of the file corresponds to one of the base.
    struct Anchor {
        /// Of the file.
        let offset: Int
        /// In the base.
        let position: Int

        /// Where another place of the file is to be expected.
        func expected(_ other: Int) -> Int { position + other - offset }
    }

    /// New chunks of the file that stand one behind the other, in a frame.
    struct Run {
        /// In the frame's raw bytes.
        let start: Int
        /// In the file.
        let offset: Int
        var length: Int
        /// What is known of a place before them, or of their end.
        var anchor: Anchor?
        /// Where in the base stands what follows, if the store has that.
        var end: Int?

        /// Where in the base they are expected.
        var expected: Int { anchor?.expected(offset) ?? offset }

        /// Bytes beyond what is known for certain, and where a place is as good as unknown.
        private static let (leastSlack, slack) = (4096, 65_536)

        /// Parts of the base in which they are expected, some of them perhaps empty.
        var reach: [Range<Int>] {
            // The farther away the anchor is, the more may have come or gone between.
            let distance = anchor.map { abs($0.offset - offset) } ?? offset
            let start = expected - min(Self.slack, Self.leastSlack + distance / 16)
            let limit = expected + length + Self.slack
            guard let end, end >= start else { return [start..<limit] }
            // Where much is gone, both ends of it.
            let behind = end + Self.leastSlack
            return [start..<min(limit, behind), max(start, end - length - Self.slack)..<behind]
        }
    }

    /// Notes which chunks of a file are new while it is read.
    ///
    /// One thread at a time.
    package struct Runs: Sendable {
        private let base: PatchBase
        private(set) var runs: [Run] = []
        private var anchor: Anchor?

        package init(_ patch: PatchWriter) { base = patch.base }

        /// Notes a chunk that the store has.
        package mutating func pass(_ chunk: ChunkEntry, at offset: Int) {
            guard let place = base.place(of: chunk.id) else { return }
            if let last = runs.last, last.offset + last.length == offset {
                runs[runs.count - 1].end = place.lowerBound
            }
            anchor = Anchor(offset: offset + chunk.length, position: place.upperBound)
        }

        /// Notes a chunk that was added to a frame.
        ///
        /// - Parameter start: In the frame's raw bytes.
        package mutating func add(_ chunk: ChunkEntry, at offset: Int, start: Int) {
            if let last = runs.last, last.offset + last.length == offset, last.start + last.length == start {
                runs[runs.count - 1].length += chunk.length
            } else {
                runs.append(Run(start: start, offset: offset, length: chunk.length, anchor: anchor))
            }
        }

        /// What was noted of one frame; the next one begins.
        package mutating func take() -> Runs {
            defer { runs = [] }
            return self
        }
    }
}
