internal import FileIO
internal import ObjectModel
internal import Storage
internal import WorkingTree

/// Stores what a run has written by now, and makes a record that names it, while the run goes on.
struct CheckpointRecorder: Sendable {
    let records: RunRecords
    let cache: StatCache
    let base: Commit?
    /// The record that the run began with, and its id.
    let beginning: Run
    let first: ObjectID
    /// Where files lie that the command has removed since.
    let directory: FilePath

    /// - Parameters:
    ///   - paths: Files that nobody writes to any more.
    ///   - rescued: Files that are gone, and have another name in ``directory``, which they lose.
    ///   - before: What was stored before.
    /// - Returns: All that is stored by now.
    func record(
        _ paths: [RepositoryPath], _ rescued: [CheckpointSaver.Rescued], after before: CheckpointSaver.Saved
    ) throws(RepositoryError) -> CheckpointSaver.Saved {
        let repository = records.repository
        let writer = ObjectWriter(repository.store, keepsNodes: true, random: repository.environment.random)
        defer { writer.abandon() }
        _ = try storing { () throws(StoreError) in try repository.store.refresh() }
        let contents = RunContents(repository, cache, base, writer, { _ in })
        let stored = try contents.store(paths)
        var files = before.files
        for edit in stored.entries {
            if let entry = edit.entry {
                files[edit.path] = .init(entry: entry, seen: stored.seen[edit.path])
            }
        }
        for file in rescued {
            let entry = try contents.blob(copied: file.name, in: directory, file.path, file.status)
            // One that has come again is stored as it is now.
            if let entry, stored.seen[file.path] == nil {
                files[file.path] = .init(entry: entry, seen: nil)
            }
            try? repository.environment.files.removeIfPresent(directory / file.name)
        }
        var run = beginning
        run.recorded = repository.environment.now()
        run.outputs = try contents.tree(files)
        let id = try records.put(run, after: before.record ?? first, writer).id
        return CheckpointSaver.Saved(record: id, files: files)
    }
}
