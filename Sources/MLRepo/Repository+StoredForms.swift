package import ObjectModel
package import Storage

extension Repository {
    /// How the files of a version are stored.
    ///
    /// - Parameters:
    ///   - paths: Files and directories; empty for all.
    ///   - body: Takes each file in turn, and how it is stored.
    package func storedForms(
        _ paths: [RepositoryPath], at id: ObjectID,
        _ body: (RepositoryPath, TreeEntry, StoredForms.Form) -> Void
    ) throws(RepositoryError) {
        let commit = try reading { () throws(ReadError) in try store.commit(id) }
        try requireTree(id, commit)
        var forms = StoredForms(store)
        for path in paths.isEmpty ? [.root] : paths {
            let entry =
                path.isRoot ? nil : try reading { () throws(ReadError) in try tree(commit).entry(at: path) }
            guard path.isRoot || entry != nil else { throw .noPath("\(path)") }
            try reading { () throws(ReadError) in
                if let entry, entry.mode != .directory {
                    return body(path, entry, try forms.form(of: entry.id))
                }
                let below = DirectoryTree(root: entry?.id ?? commit.tree, reader: store)
                try below.forEachFile(under: path) { (path, entry) throws(ReadError) in
                    guard entry.mode != .directory else { return }
                    body(path, entry, try forms.form(of: entry.id))
                }
            }
        }
    }
}
