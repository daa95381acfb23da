internal import Chunking
internal import Coding
package import FileIO
internal import Hashing
package import ObjectModel
package import Storage

/// Reads files, names them by their content, and writes what the store does not have.
///
/// Files of up to one chunk are read in batches, each a frame, on all processors; of a larger file one thread reads and
/// hashes what another one encodes. Memory is at most width x (two frames + chunk), about 6 MiB a thread, and about 40 MiB a thread
/// where there are tensors; what a strange file says of its tensors may take 64 MiB a thread, and a strange pickle 150 MiB more.
package struct Snapshot: Sendable {
    private let reader: SnapshotReader
    private let writer: SnapshotWriter?
    private let onStep: @Sendable (WorkStep) -> Void

    /// - Parameters:
    ///   - writer: Takes what is new; without one, files are only named.
    ///   - history: Knows what a file may be a later version of.
    ///   - clock: The file system's time when the walk began, in nanoseconds since 1970.
    ///   - onContent: Told of each file in which pieces it was read.
    package init(
        root: FilePath, files: any FileSystem, writer: ObjectWriter?, history: FileHistory? = nil,
        clock: Int64,
        onStep: @escaping @Sendable (WorkStep) -> Void = { _ in },
        onContent: @escaping @Sendable (RepositoryPath, [ChunkEntry]) -> Void = { _, _ in }
    ) {
        self.writer = writer.map { SnapshotWriter($0) }
        self.onStep = onStep
        reader = SnapshotReader(
            root: root, files: files, history: history, clock: clock, onStep: onStep, onContent: onContent)
    }

    /// What was read, in the order of the input, and the recipes of the large files among it.
    package struct Content: Sendable {
        package fileprivate(set) var files: SnapshotFiles
        package fileprivate(set) var recipes: [RecipeEntry] = []

        package init(files: SnapshotFiles, recipes: [RecipeEntry] = []) {
            (self.files, self.recipes) = (files, recipes)
        }
    }

    /// Reads files and, with a writer, stores what is new.
    ///
    /// - Parameter width: How many threads read.
    /// - Throws: ``WorkingTreeError/unsteady(_:)`` if a file goes on changing while it is read.
    package func read(_ scanned: ScannedFiles, width: Int) throws(WorkingTreeError) -> Content {
        // Files with holes may add up to more than there are numbers for.
        let bytes = scanned.indices.reduce(0) { sum, index in
            let (more, isOver) = sum.addingReportingOverflow(scanned.size(index))
            return isOver ? .max : more
        }
        onStep(.planned(files: scanned.count, bytes: bytes))
        let order = SnapshotOrder(scanned, inputs: reader.history?.inputPaths ?? []) { index in
            writer == nil ? nil : reader.elementWidth(of: scanned.path(index))
        }
        // One file can keep two threads busy: one reads and hashes it, another one encodes it.
        let hasLarge = writer != nil && scanned.indices.contains { scanned.size($0) > Chunker.wholeLimit }
        let threads = max(1, hasLarge ? width : min(width, order.batchCount))
        let queue = SnapshotQueue(batchCount: order.batchCount, partLimit: threads - 1)
        let result = Monitor(Content(files: SnapshotFiles(scanned)))
        onThreads(threads) {
            while let task = queue.next() {
                do throws(WorkingTreeError) {
                    switch task {
                    case .batch(let number):
                        defer { queue.finishBatch() }
                        try read(order.batch(number), of: scanned, number, queue, into: result)
                    case .part(let part):
                        defer { queue.finish(part) }
                        try writer?.write(part)
                    }
                } catch { queue.fail(error) }
            }
        }
        if let failure = queue.failure { throw failure }
        return result.withLock { $0 }
    }

    private func read(
        _ batch: ArraySlice<UInt32>, of scanned: ScannedFiles, _ number: Int, _ queue: SnapshotQueue,
        into result: Monitor<Content>
    ) throws(WorkingTreeError) {
        var output = SnapshotOutput(writer, queue, batch: number)
        var found: [SnapshotFiles.Found?] = []
        for index in batch {
            found.append(try reader.read(scanned[Int(index)], into: &output))
            onStep(.file)
        }
        try output.flush()
        result.withLock { result in
            for (index, found) in zip(batch, found) { result.files.set(Int(index), found) }
            result.recipes += output.recipes
        }
    }

    // MARK: Time

    /// Times younger than this (in nanoseconds) say nothing: a file may change again without a new time.
    static let racyMargin: Int64 = 50_000_000
    /// The same where a file system keeps whole seconds only.
    static let coarseRacyMargin: Int64 = 2_000_000_000

    /// Whether something is so old that it cannot change again without a new time.
    ///
    /// - Parameter clock: The file system's time, in nanoseconds since 1970.
    static func isOld(_ status: FileStatus, at clock: Int64) -> Bool {
        isOld(status.modified, status.changed, at: clock)
    }

    static func isOld(_ modified: Int64, _ changed: Int64, at clock: Int64) -> Bool {
        let margin = modified % 1_000_000_000 == 0 ? coarseRacyMargin : racyMargin
        return max(modified, changed) < clock - margin
    }
}
