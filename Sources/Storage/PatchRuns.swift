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
        let anchor: Anchor?

        init(start: Int, offset: Int, length: Int, anchor: Anchor?) {
            (self.start, self.offset, self.length, self.anchor) = (start, offset, length, anchor)
        }

        init(_ run: Run, anchor: Anchor?) {
            self.init(start: run.start, offset: run.offset, length: run.length, anchor: anchor)
        }

        /// Where in the base they are expected.
        var expected: Int { anchor?.expected(offset) ?? offset }
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
            guard let known = base.chunk(chunk.id) else { return }
            anchor = Anchor(offset: offset + chunk.length, position: known.end)
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
