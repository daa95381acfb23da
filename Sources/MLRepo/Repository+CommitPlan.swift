internal import FileIO
package import ObjectModel
package import Storage
internal import Synchronization
package import WorkingTree

/// What a commit would store.
package struct CommitPlan: Sendable {
    /// A file that would come, change or go.
    package struct File: Sendable {
        package let path: RepositoryPath
        package let state: FileChange.State
        /// Of the file; 0 if it goes.
        package let rawBytes: Int
        /// How it would be stored.
        package let form: StoredForms.Form
    }

    /// In order of a walk.
    package let files: [File]
    package let skipped: [SkippedFile]

    package var rawBytes: Int { files.reduce(0) { $0 + $1.rawBytes } }
    /// Of contents: the records of a commit take some kilobytes beside.
    package var storedBytes: Int { files.reduce(0) { $0 + $1.form.storedBytes } }
}

extension Repository {
    /// Finds out what a commit would store, and how; nothing is committed.
    ///
    /// Everything is read and coded as a commit does it, into a temporary file that goes again: it takes as long, and as much room
    /// meanwhile.
    package func plan(
        _ request: CommitRequest, onStep: @escaping @Sendable (WorkStep) -> Void = { _ in }
    ) throws(RepositoryError) -> CommitPlan {
        if let lost = try lostCommit() { throw .lostCommit(lost) }
        guard try copy.pending() == nil else { throw .interruptedCheckout }
        let look = try look()
        let scanned = try scanned(request, look)
        let ledger = WriteLedger()
        let writer = ObjectWriter(store, ledger: ledger, random: environment.random)
        defer { writer.abandon() }
        let contents = Mutex<[RepositoryPath: [ChunkEntry]]>([:])
        let read = try working { () throws(WorkingTreeError) in
            try Snapshot(
                root: copy.root, files: environment.files, writer: writer,
                history: history(request, look.base),
                clock: look.clock, onStep: onStep,
                onContent: { path, pieces in contents.withLock { $0[path] = pieces } }
            )
            .read(scanned, width: environment.width)
        }
        if !request.allowsMissing { try refuseVanished(scanned, read.files) }
        var forms = StoredForms(store, writing: ledger)
        var files: [CommitPlan.File] = []
        let (version, pieces) = (tree(look.base), contents.withLock { $0 })
        for edit in CommitEdits(read.files, emptyDirectories: []).changed {
            let before = try reading { () throws(ReadError) in try version.entry(at: edit.path) }
            let state: FileChange.State =
                edit.entry == nil
                ? .deleted
                : before == nil ? .added : before?.mode == edit.entry?.mode ? .modified : .typeChanged
            files.append(
                CommitPlan.File(
                    path: edit.path, state: state, rawBytes: edit.entry?.size ?? 0,
                    form: forms.form(ofWritten: edit.entry == nil ? [] : pieces[edit.path] ?? [])))
        }
        return CommitPlan(files: files, skipped: look.scan.skipped)
    }
}
