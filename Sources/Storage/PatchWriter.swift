internal import Coding
internal import ObjectModel
internal import Synchronization

/// Writes the new chunks of a file as a later version of another one, as far as that keeps the store smaller.
///
/// Both versions are followed side by side: where a chunk of the new one is expected in the earlier one, is told by chunks that both have, and by how the
/// frames before it went. Where nothing of it stands, it is looked for by the ends of chunks, which both versions share where they are cut alike.
///
/// May be used from any thread. Memory: about four times a frame, for each thread, and some 16 MiB of the base.
package final class PatchWriter: Sendable {
    private struct State {
        var anchors: [Anchor] = []
        /// Frames, one after another, that were no patches, or not much of which was found.
        var (failed, lost) = (0, 0)
        /// Frames that are not tried.
        var skipped = 0
        var ends: ChunkEnds?
        /// Chunks of the base that the next frame may need as well, by where they start.
        var recent: [Int: ArraySlice<UInt8>] = [:]
    }

    /// Bytes of the base on both sides of the place where something is expected.
    private static let slack = 65_536
    private static let anchorLimit = 16
    /// Bytes of a base in which a lost place is looked for at once.
    private static let soonFound = 64 << 20
    private static let skipLimit = 64
    private static let recentLimit = 16
    /// As ``FrameCoder/patchEffort``, where a place is lost.
    private static let leastEffort = 1

    private let writer: ObjectWriter
    let base: PatchBase
    private let state = Mutex(State())

    package init(_ writer: ObjectWriter, base: PatchBase) { (self.writer, self.base) = (writer, base) }

    /// Encodes and writes a frame of new chunks.
    package func append(_ builder: inout FrameBuilder, _ noted: Runs) throws(StoreError) {
        guard !builder.isEmpty else { return }
        let isBase = builder.references.contains { writer.differences.isBase($0) }
        if !isBase, isTried(builder, noted.runs), let frame = try patch(&builder, noted.runs) {
            for base in frame.bases { writer.rely(onBase: base, below: frame.codec.depth) }
            writer.differences.add(frame)
            return try writer.append(frame)
        }
        try writer.append(&builder)
    }

    /// Whether a frame is likely enough to be a patch, after others were none.
    private func isTried(_ builder: FrameBuilder, _ runs: [Run]) -> Bool {
        let (isSkipped, ends) = state.withLock { state in
            defer { state.skipped = max(0, state.skipped - 1) }
            return (state.skipped > 0, state.ends)
        }
        guard isSkipped else { return true }
        // What was inserted ends somewhere.
        return ends.map { relocated(builder, runs, by: $0) != nil } ?? false
    }

    // MARK: Patches

    /// The frame as a patch, if that is worth it.
    private func patch(_ builder: inout FrameBuilder, _ runs: [Run]) throws(StoreError) -> EncodedFrame? {
        var runs = runs.map { Run($0, anchor: anchor(for: $0)) }
        var found = try encode(builder, runs)
        if let reach = lostReach(found?.patch, builder.rawLength),
            let better = relocated(builder, runs, within: reach)
        {
            runs = better
            found = try encode(builder, runs)
            note(found?.patch, builder.rawLength)
        }
        guard let (patch, part) = found else { return failed() }
        if let end = patch.end, 2 * patch.copied >= builder.rawLength, let last = runs.last {
            remember(Anchor(offset: last.offset + last.length, position: part.position(of: end, in: base)))
        }
        let numbers = part.numbers
        let alone = base.stored(numbers) / Double(part.bytes.count) * Double(builder.rawLength)
        let middle = base.chunks[numbers[numbers.count / 2]]
        guard writer.differences.isWorth(patch.stored.count, upon: middle.reference, alone: alone) else {
            return failed()
        }
        state.withLock { $0.failed = 0 }
        return builder.finish(patched: patch.stored, upon: numbers.map { base.chunks[$0].reference })
    }

    /// What cannot be told by the base once is tried less and less often.
    private func failed() -> EncodedFrame? {
        state.withLock { state in
            state.failed += 1
            if state.failed > 1 { state.skipped = min(Self.skipLimit, 1 << min(state.failed, 10)) }
        }
        return nil
    }

    /// Counts frames of which little was found.
    ///
    /// - Returns: How much of the base is to be looked at for the place that was lost; nothing where it was not.
    private func lostReach(_ patch: Patch?, _ rawLength: Int) -> ChunkEnds.Reach? {
        guard patch.map({ 2 * $0.copied < rawLength }) ?? true else {
            state.withLock { $0.lost = 0 }
            return nil
        }
        let lost = state.withLock { state in
            state.lost += 1
            return state.lost
        }
        // Chunks of several versions in one base overlap: then it is not far away.
        return lost > 1 || base.length <= Self.soonFound ? .far : .near
    }

    private func note(_ patch: Patch?, _ rawLength: Int) {
        if let patch, 2 * patch.copied >= rawLength { state.withLock { $0.lost = 0 } }
    }

    // MARK: Places

    private func remember(_ anchor: Anchor) {
        state.withLock { state in
            if state.anchors.count >= Self.anchorLimit { state.anchors.removeFirst() }
            state.anchors.append(anchor)
        }
    }

    /// What tells the most about a run's place: what is nearest, before it or behind it.
    private func anchor(for run: Run) -> Anchor {
        let known = state.withLock { $0.anchors } + (run.anchor.map { [$0] } ?? [])
        return known.min { abs($0.offset - run.offset) < abs($1.offset - run.offset) }
            ?? Anchor(offset: 0, position: 0)
    }

    /// Some chunks of the base with their bytes.
    private struct Part {
        let numbers: [Int]
        /// Where each begins in ``bytes``.
        let starts: [Int]
        let bytes: [UInt8]

        /// Where a position of the base lies in the bytes, or would follow them.
        func start(of position: Int, in base: PatchBase) -> Int {
            guard let index = numbers.lastIndex(where: { base.chunks[$0].start <= position }) else {
                return 0
            }
            let chunk = base.chunks[numbers[index]]
            return starts[index] + min(position - chunk.start, chunk.length)
        }

        /// The position in the base of a place in the bytes.
        func position(of place: Int, in base: PatchBase) -> Int {
            let index = starts.lastIndex { $0 <= place } ?? 0
            return base.chunks[numbers[index]].start + place - starts[index]
        }
    }

    /// Encodes a frame by the part of the base where it is expected.
    private func encode(
        _ builder: FrameBuilder, _ runs: [Run]
    ) throws(StoreError) -> (patch: Patch, part: Part)? {
        guard let part = part(for: runs) else { return nil }
        let starts = runs.map { run in
            (offset: run.start, position: part.start(of: max(0, run.expected), in: base))
        }
        do throws(CodingError) {
            // Where the last frames had nothing in order, this one hardly has.
            let effort = state.withLock { $0.lost > 1 ? Self.leastEffort : FrameCoder.patchEffort }
            let patch = try writer.store.withCoder { (coder) throws(CodingError) in
                builder.withBytes { coder.encodePatch($0, base: part.bytes, starts, effort: effort) }
            }
            return patch.map { ($0, part) }
        } catch { throw .damaged(writer.store.layout.temporary, problem: "\(error)") }
    }

    /// The chunks of the base in which runs are expected; nothing if they are too many, or one cannot be read.
    private func part(for runs: [Run]) -> Part? {
        var wanted: Set<Int> = []
        for run in runs {
            let first = base.number(at: max(0, run.expected - Self.slack))
            let last = base.number(at: max(0, run.expected + run.length + Self.slack - 1))
            wanted.formUnion(first...max(first, last))
        }
        let numbers = wanted.sorted()
        let length = numbers.reduce(0) { $0 + base.chunks[$1].length }
        guard !numbers.isEmpty, numbers.count <= Codec.baseLimit, length <= Codec.patch.baseByteLimit else {
            return nil
        }
        var (bytes, starts): ([UInt8], [Int]) = ([], [])
        bytes.reserveCapacity(length)
        for number in numbers {
            guard let payload = payload(of: base.chunks[number]) else { return nil }
            starts.append(bytes.count)
            bytes += payload
        }
        return Part(numbers: numbers, starts: starts, bytes: bytes)
    }

    /// The bytes of a chunk, checked against its id: what is put upon others would be lost with them.
    private func payload(of chunk: PatchBase.Chunk) -> ArraySlice<UInt8>? {
        if let known = state.withLock({ $0.recent[chunk.start] }) { return known }
        var payload: ArraySlice<UInt8>?
        for found in writer.store.plainCopies(of: chunk.reference) where payload == nil {
            payload = try? writer.store.verifiedSlice(of: chunk.reference, at: found)
        }
        guard let payload, payload.count == chunk.length else { return nil }
        state.withLock { state in
            if state.recent.count >= Self.recentLimit, let oldest = state.recent.keys.min() {
                state.recent[oldest] = nil
            }
            state.recent[chunk.start] = payload
        }
        return payload
    }

    // MARK: Lost places

    /// The chunks of a frame with their places by where these end; nothing if none of these is known.
    private func relocated(
        _ builder: FrameBuilder, _ runs: [Run], within reach: ChunkEnds.Reach
    ) -> [Run]? {
        guard let first = runs.first else { return nil }
        let expected = base.number(at: max(0, anchor(for: first).expected(first.offset)))
        return relocated(builder, runs, by: ends(around: expected, within: reach))
    }

    private func relocated(_ builder: FrameBuilder, _ runs: [Run], by ends: ChunkEnds) -> [Run]? {
        var (chunks, anchors, start): ([Run], [Anchor], Int) = ([], [], 0)
        builder.withBytes { bytes in
            for end in builder.ends {
                defer { start = end }
                guard let run = runs.last(where: { $0.start <= start }) else { continue }
                let offset = run.offset + start - run.start
                var anchor: Anchor?
                if let position = ends.position(of: bytes, end: end) {
                    anchor = Anchor(offset: offset + end - start, position: position)
                    anchors += [anchor].compactMap { $0 }
                }
                chunks.append(Run(start: start, offset: offset, length: end - start, anchor: anchor))
            }
        }
        guard !anchors.isEmpty else { return nil }
        // What ends nowhere in the base most likely goes on where another one ended.
        return chunks.map { chunk in
            Run(
                chunk,
                anchor: chunk.anchor
                    ?? anchors.last { $0.offset <= chunk.offset } ?? anchors.first)
        }
    }

    private func ends(around number: Int, within reach: ChunkEnds.Reach) -> ChunkEnds {
        if let known = state.withLock({ $0.ends }), known.range.contains(number) { return known }
        let ends = ChunkEnds(of: base, around: number, within: reach, payload: payload)
        if reach == .far { state.withLock { $0.ends = ends } }
        return ends
    }
}
