package import ObjectModel

/// The files around a run: as it found them, and as it left them.
///
/// Both are the version that it began with, as far as that is still there, and what the run's record says beyond it.
package struct FilesOfRun {
    package typealias Leaf = (path: RepositoryPath, entry: TreeEntry)

    private let run: Run
    private let reader: any ObjectReader
    /// The tree of the version that it began with.
    private let base: ObjectID
    /// Whether that version is known: else there is only what the run read.
    package let isBaseKnown: Bool

    /// - Parameter isCollected: Whether the files of a version with some tree are gone.
    package init(
        of run: Run, _ reader: any ObjectReader, isCollected: (ObjectID) -> Bool
    ) throws(ReadError) {
        (self.run, self.reader) = (run, reader)
        var base: ObjectID?
        if let id = run.base {
            do throws(ReadError) { base = try reader.commit(id).tree } catch {
                // It is named, and not kept.
                guard case .missing = error else { throw error }
            }
        }
        if let tree = base, isCollected(tree) { base = nil }
        self.base = base ?? DirectoryTree.emptyRoot
        isBaseKnown = run.base == nil || base != nil
    }

    /// What is to be written over the version that the run began with: inputs that were not as that had them, with what it had.
    package func changedInputs() throws(ReadError) -> [(
        path: RepositoryPath, before: TreeEntry?, entry: TreeEntry
    )] {
        let version = DirectoryTree(root: base, reader: reader)
        var changed: [(path: RepositoryPath, before: TreeEntry?, entry: TreeEntry)] = []
        try DirectoryTree(root: run.inputs, reader: reader).forEachFile(under: .root) {
            (path, entry) throws(ReadError) in
            let known = try version.entry(at: path)
            if known?.id != entry.id || known?.mode != entry.mode { changed.append((path, known, entry)) }
        }
        return changed
    }

    /// All files as the run left them, with what was stored while it ran and is gone, in the order of a walk.
    package func after() throws(ReadError) -> [Leaf] {
        var files: [RepositoryPath: TreeEntry] = [:]
        for root in [base, run.inputs] {
            try DirectoryTree(root: root, reader: reader).forEachFile(under: .root) { files[$0] = $1 }
        }
        for path in run.removed { files[path] = nil }
        if let saved = run.saved {
            try DirectoryTree(root: saved, reader: reader).forEachFile(under: .root) { files[$0] = $1 }
        }
        try DirectoryTree(root: run.outputs, reader: reader).forEachFile(under: .root) { files[$0] = $1 }
        return files.map { ($0.key, $0.value) }.sorted { DirectoryTree.walkOrder($0.path, $1.path) }
    }
}
