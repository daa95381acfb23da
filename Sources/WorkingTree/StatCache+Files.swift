package import ObjectModel

extension StatCache {
    /// The files and empty directories of the version, as edits that make it of nothing, in order of a walk.
    package var files: [PathEdit] {
        var files: [PathEdit] = []
        Self.append(root, .root, to: &files)
        return files
    }

    private static func append(
        _ directory: StatDirectory, _ path: RepositoryPath, to files: inout [PathEdit]
    ) {
        var entries: [(entry: StatCacheEntry, below: StatDirectory?)] = []
        directory.forEachEntry { entry, below in
            entries.append((entry, entry.mode == .directory ? below() : nil))
        }
        entries.sort { $0.entry.name.lexicographicallyPrecedes($1.entry.name) }
        for (entry, below) in entries {
            guard let name = try? EntryName(entry.name), let path = try? path.appending(name) else {
                continue
            }
            if let below, !below.isEmpty {
                append(below, path, to: &files)
                continue
            }
            let isDirectory = below != nil
            files.append(
                PathEdit(
                    path: path,
                    entry: TreeEntry(
                        name: name, mode: entry.mode, id: isDirectory ? DirectoryTree.emptyRoot : entry.id,
                        size: entry.size, files: isDirectory ? 0 : 1)))
        }
    }
}
