internal import FileIO
internal import Storage

/// What threads share that read files: batches of files that nobody has read yet, and parts of large files that nobody has encoded yet.
final class SnapshotQueue: Sendable {
    enum Task: Sendable {
        /// The number of a batch.
        case batch(Int)
        case part(SnapshotPart)
    }

    private struct State {
        var nextBatch = 0
        /// How many threads read a batch.
        var reading = 0
        var parts: [SnapshotPart] = []
        /// Of each batch, how many pieces of tensors were read and are not written yet.
        var tensorsUnderway: [Int: Int] = [:]
        var failure: WorkingTreeError?
    }

    private let batchCount: Int
    private let partLimit: Int
    private let state = Monitor(State())

    /// - Parameter partLimit: How many parts may wait, each of which takes room.
    init(batchCount: Int, partLimit: Int) { (self.batchCount, self.partLimit) = (batchCount, partLimit) }

    /// What a thread is to do next; nothing if all is done, or something went wrong.
    func next() -> Task? {
        state.wait { state -> Task?? in
            if state.failure != nil { return .some(nil) }
            // What waits takes room.
            if let part = state.parts.popLast() { return .part(part) }
            if state.nextBatch < batchCount {
                defer { state.nextBatch += 1 }
                state.reading += 1
                return .batch(state.nextBatch)
            }
            return state.reading == 0 ? .some(nil) : nil
        }
    }

    /// Says that a batch was read.
    func finishBatch() { state.withLock { $0.reading -= 1 } }

    /// Says that something went wrong; the first one counts.
    func fail(_ error: WorkingTreeError) { state.withLock { $0.failure = $0.failure ?? error } }

    var failure: WorkingTreeError? { state.withLock { $0.failure } }

    // MARK: Parts

    /// Leaves a part to a thread that has nothing else to do.
    ///
    /// - Returns: Whether there was room for it; else it is the caller's.
    func offer(_ part: SnapshotPart) -> Bool {
        state.withLock { state in
            if case .tensor(_, let batch) = part { state.tensorsUnderway[batch, default: 0] += 1 }
            guard state.parts.count < partLimit else { return false }
            state.parts.append(part)
            return true
        }
    }

    /// Says that a part is written, or never will be.
    func finish(_ part: SnapshotPart) {
        guard case .tensor(_, let batch) = part else { return }
        state.withLock { $0.tensorsUnderway[batch, default: 0] -= 1 }
    }

    /// Waits until every piece of a tensor of a batch is written, or until there is something to help with.
    ///
    /// Does not wait where something went wrong: then nobody takes what waits.
    ///
    /// - Returns: Some part that waits; nothing when all of the batch are written.
    func helpFinishTensors(of batch: Int) -> SnapshotPart? {
        state.wait { state -> SnapshotPart?? in
            if state.failure != nil || state.tensorsUnderway[batch, default: 0] == 0 { return .some(nil) }
            return state.parts.popLast().map { .some($0) }
        }
    }
}
