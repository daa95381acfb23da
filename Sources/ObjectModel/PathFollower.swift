/// Looks one path up in one version after another.
///
/// Remembers the directories on the way of the last answer: what the next version has in common with it is not read again.
package struct PathFollower {
    package let path: RepositoryPath
    private let reader: any ObjectReader
    private let names: [EntryName]
    /// The directories that led to ``found``, the version's root first.
    private var directories: [ObjectID] = []
    private var found: TreeEntry?

    package init(_ path: RepositoryPath, reader: any ObjectReader) {
        self.path = path
        self.reader = reader
        names = path.names
    }

    /// The entry at the path; nothing if it is not there.
    package mutating func entry(in root: ObjectID) throws(ReadError) -> TreeEntry? {
        var passed: [ObjectID] = []
        var (directory, entry): (ObjectID, TreeEntry?) = (root, nil)
        for (depth, name) in names.enumerated() {
            if depth < directories.count, directories[depth] == directory {
                directories.replaceSubrange(..<depth, with: passed)
                return found
            }
            passed.append(directory)
            entry = try DirectoryTree(root: directory, reader: reader).entries.lookup(name.bytes)
            guard depth + 1 < names.count, let next = entry else { break }
            guard next.mode == .directory else {
                entry = nil
                break
            }
            directory = next.id
        }
        (directories, found) = (passed, entry)
        return entry
    }
}
