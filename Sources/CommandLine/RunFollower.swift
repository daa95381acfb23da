internal import FileIO
internal import MLRepo
internal import ObjectModel
internal import Storage
internal import WorkingTree

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// Tells of runs while they are on their way, by looking every now and then.
struct RunFollower {
    let repository: Repository

    /// How long nobody looks, in microseconds.
    private static let pause: UInt32 = 300_000

    /// Tells of each run that is on its way, and of each that begins or ends from now on; never returns.
    ///
    /// - Parameters:
    ///   - isWanted: Whether a run is one to tell of.
    ///   - tell: Prints a line.
    func follow(_ isWanted: (RecordedRun) -> Bool, _ tell: (RecordedRun) throws -> Void) throws {
        var known: [String: RecordedRun.State] = [:]
        for run in try repository.recordedRuns() where run.state != .running { known[run.name] = run.state }
        var number = -1
        while true {
            // Where nothing came and nothing is on its way there is nothing new.
            if repository.store.current.number != number || known.values.contains(.running) {
                number = repository.store.current.number
                for run in try repository.recordedRuns() where known[run.name] != run.state {
                    known[run.name] = run.state
                    if isWanted(run) { try tell(run) }
                }
                Terminal.flush()
            }
            try wait()
        }
    }

    /// Prints what one run prints, from its beginning until it has ended.
    ///
    /// - Returns: The run as it has ended.
    func follow(_ run: RecordedRun) throws -> RecordedRun {
        var (output, error) = (0, 0)
        var run = run
        while run.state == .running, let directory = repository.directory(ofRunning: run.name) {
            // Both where they belong; what they were mixed up like is only seen where they are one.
            output += show(directory / "stdout", from: output) { Terminal.write($0) }
            Terminal.flush()
            error += show(directory / "stderr", from: error) { Terminal.send($0, to: 2) }
            try wait()
            run = try repository.recordedRun(named: run.name)
        }
        // What came after the last look is in the store, if somebody recorded the end.
        if let text = run.run.standardOutput { try show(text, from: output) { Terminal.write($0) } }
        Terminal.flush()
        if let text = run.run.standardError { try show(text, from: error) { Terminal.send($0, to: 2) } }
        return run
    }

    private func wait() throws {
        usleep(Self.pause)
        do { try repository.store.refresh() } catch { throw RepositoryError.store(error) }
    }

    /// Prints what is stored of a text from a place on.
    private func show(_ text: ObjectID, from start: Int, to write: ([UInt8]) -> Void) throws {
        var skipped = 0
        try BlobStream(store: repository.store, id: text).forEachPiece { piece in
            let rest = piece.dropFirst(min(piece.count, start - skipped))
            skipped += piece.count - rest.count
            if !rest.isEmpty { write(Array(rest)) }
        }
    }

    /// Prints what a file has from a place on.
    ///
    /// - Returns: How much that was.
    private func show(_ path: FilePath, from start: Int, to write: ([UInt8]) -> Void) -> Int {
        let files = repository.environment.files
        guard let file = try? files.open(path) else { return 0 }
        defer { files.close(file) }
        var (offset, buffer) = (start, [UInt8](repeating: 0, count: 1 << 16))
        while let count = try? files.read(file, filling: &buffer, at: offset), count > 0 {
            write(Array(buffer[..<count]))
            offset += count
        }
        return offset - start
    }
}
