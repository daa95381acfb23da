internal import Coding
internal import ObjectModel
internal import Synchronization

/// Writes the new chunks of a file as a later version of another one, as far as that keeps the store smaller.
///
/// Both versions are followed side by side: where a chunk of the new one is expected in the earlier one, is told by chunks that both have, and by how the
/// frames before it went. Where nothing of it stands, it is looked for by landmarks, which both versions share wherever they are alike.
///
/// May be used from any thread. Memory: about four times a frame, for each thread, some 16 MiB of the base, and where something was lost some 10 MiB more.
package final class PatchWriter: Sendable {
    private struct State {
        var anchors: [Anchor] = []
        /// Frames, one after another, that were no patches, or not much of which was found.
        var (failed, lost) = (0, 0)
        /// Frames that are not tried.
        var skipped = 0
        var landmarks: PatchLandmarks?
        /// Chunks of the base that the next frame may need as well, by where they start.
        var recent: [Int: ArraySlice<UInt8>] = [:]
    }

    private static let anchorLimit = 16
    /// Bytes of a base in which a lost place is looked for at once.
    private static let soonFound = 64 << 20
    /// What part of a frame has to be missing to be looked for elsewhere.
    private static let lostShare = 8
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
        let (isSkipped, landmarks) = state.withLock { state in
            defer { state.skipped = max(0, state.skipped - 1) }
            return (state.skipped > 0, state.landmarks)
        }
        guard isSkipped else { return true }
        // What was inserted ends somewhere.
        return landmarks.map { relocated(builder, runs, by: $0) != nil } ?? false
    }

    // MARK: Patches

    /// The frame as a patch, if that is worth it.
    private func patch(_ builder: inout FrameBuilder, _ runs: [Run]) throws(StoreError) -> EncodedFrame? {
        var runs = runs
        for index in runs.indices { runs[index].anchor = anchor(for: runs[index]) }
        var found = try match(builder, runs)
        if let reach = lostReach(found?.match, builder.rawLength),
            let others = relocated(builder, runs, within: reach), !Self.isSame(others, runs)
        {
            let other = try match(builder, others)
            if let other, other.match.copied > found?.match.copied ?? 0 { (runs, found) = (others, other) }
            note(found?.match, builder.rawLength)
        }
        guard let (match, part) = found, let stored = try encode(builder, match, part) else {
            return failed()
        }
        if let end = match.end, let last = runs.last {
            remember(Anchor(offset: last.offset + last.length, position: part.position(of: end, in: base)))
        }
        let numbers = part.numbers
        let alone = base.stored(numbers) / Double(part.bytes.count) * Double(builder.rawLength)
        let middle = base.chunks[numbers[numbers.count / 2]]
        guard writer.differences.isWorth(stored.count, upon: middle.reference, alone: alone) else {
            return failed()
        }
        state.withLock { $0.failed = 0 }
        return builder.finish(patched: stored, upon: numbers.map { base.chunks[$0].reference })
    }

    /// What cannot be told by the base once is tried less and less often.
    private func failed() -> EncodedFrame? {
        state.withLock { state in
            state.failed += 1
            if state.failed > 1 { state.skipped = min(Self.skipLimit, 1 << min(state.failed, 10)) }
        }
        return nil
    }

    /// How much of the base is to be looked at for what was not found; nothing where that is little.
    ///
    /// Counts frames of which less than half was found.
    private func lostReach(_ match: PatchMatch?, _ rawLength: Int) -> PatchLandmarks.Reach? {
        note(match, rawLength)
        let missing = rawLength - (match?.copied ?? 0)
        guard missing * Self.lostShare >= rawLength else { return nil }
        let lost = state.withLock { state in
            state.lost += Self.isLost(match, rawLength) ? 1 : 0
            return state.lost
        }
        // Chunks of several versions in one base overlap: then it is not far away.
        return lost > 1 || base.length <= Self.soonFound ? .far : .near
    }

    private func note(_ match: PatchMatch?, _ rawLength: Int) {
        if !Self.isLost(match, rawLength) { state.withLock { $0.lost = 0 } }
    }

    private static func isLost(_ match: PatchMatch?, _ rawLength: Int) -> Bool {
        match.map { 2 * $0.copied < rawLength } ?? true
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

    /// What a frame has of the part of the base where it is expected.
    private func match(
        _ builder: FrameBuilder, _ runs: [Run]
    ) throws(StoreError) -> (match: PatchMatch, part: Part)? {
        guard let part = part(for: runs) else { return nil }
        let starts = runs.map { run in
            (offset: run.start, position: part.start(of: max(0, run.expected), in: base))
        }
        // Where the last frames had nothing in order, this one hardly has.
        let effort = state.withLock { $0.lost > 1 ? Self.leastEffort : FrameCoder.patchEffort }
        let match = try writer.store.coding { (coder) throws(CodingError) in
            builder.withBytes { coder.matchPatch($0, base: part.bytes, starts, effort: effort) }
        }
        return (match, part)
    }

    private func encode(
        _ builder: FrameBuilder, _ match: PatchMatch, _ part: Part
    ) throws(StoreError) -> [UInt8]? {
        try writer.store.coding { (coder) throws(CodingError) in
            builder.withBytes { coder.encodePatch($0, base: part.bytes, match) }
        }
    }

    /// The chunks of the base in which runs are expected; nothing if they are too many, or one cannot be read.
    private func part(for runs: [Run]) -> Part? {
        var wanted: Set<Int> = []
        for run in runs {
            for range in run.reach where !range.isEmpty {
                let first = base.number(at: max(0, range.lowerBound))
                let last = base.number(at: max(0, range.upperBound - 1))
                wanted.formUnion(first...max(first, last))
            }
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

    /// The parts of a frame that the base has somewhere; nothing if there are none.
    private func relocated(
        _ builder: FrameBuilder, _ runs: [Run], within reach: PatchLandmarks.Reach
    ) -> [Run]? {
        guard let first = runs.first else { return nil }
        let expected = base.number(at: max(0, anchor(for: first).expected(first.offset)))
        return relocated(builder, runs, by: landmarks(around: expected, within: reach))
    }

    private func relocated(_ builder: FrameBuilder, _ runs: [Run], by landmarks: PatchLandmarks) -> [Run]? {
        let found = builder.withBytes { bytes in
            runs.map { run in
                landmarks.stretches(
                    of: UnsafeRawBufferPointer(rebasing: bytes[run.start..<run.start + run.length]))
            }
        }
        guard found.contains(where: { !$0.isEmpty }) else { return nil }
        var parts: [Run] = []
        for (run, stretches) in zip(runs, found) {
            for (number, stretch) in stretches.enumerated() {
                let end = number + 1 < stretches.count ? stretches[number + 1].offset : run.length
                let offset = run.offset + stretch.offset
                parts.append(
                    Run(
                        start: run.start + stretch.offset, offset: offset, length: end - stretch.offset,
                        anchor: Anchor(offset: offset, position: stretch.position)))
            }
            // What is found nowhere most likely goes on where another one ended.
            if stretches.isEmpty {
                var other = run
                other.anchor = parts.last?.anchor ?? anchor(for: run)
                parts.append(other)
            }
        }
        return parts
    }

    /// Whether what was found stands where it was looked for.
    private static func isSame(_ found: [Run], _ runs: [Run]) -> Bool {
        found.count == runs.count
            && zip(found, runs).allSatisfy { abs($0.expected - $1.expected) <= PatchLandmarks.drift }
    }

    private func landmarks(around number: Int, within reach: PatchLandmarks.Reach) -> PatchLandmarks {
        if let known = state.withLock({ $0.landmarks }), known.range.contains(number),
            known.reach == .far || reach == .near
        {
            return known
        }
        let landmarks = PatchLandmarks(of: base, around: number, within: reach, payload: payload)
        state.withLock { $0.landmarks = landmarks }
        return landmarks
    }
}
