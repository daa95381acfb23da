internal import ObjectModel
internal import WorkingTree

/// What a commit read and found, in order of a walk; each is made when it is asked for, since there may be millions.
struct CommitEdits: Sendable {
    private let files: SnapshotFiles
    /// Empty directories, in order of a walk.
    private let directories: [PathEdit]
    /// Numbers of files, and those of directories with the highest bit set; nothing for all files as they come.
    private let order: [UInt32]?

    private static let directoryMark: UInt32 = 1 << 31

    /// All that was read, also what turned out to be as it was; where a path is there twice, what came is behind what went.
    init(_ files: SnapshotFiles, emptyDirectories: [RepositoryPath]) {
        let directories = emptyDirectories.sorted(by: DirectoryTree.walkOrder).compactMap { path in
            path.split.map { split in
                PathEdit(
                    path: path,
                    entry: TreeEntry(
                        name: split.name, mode: .directory, id: DirectoryTree.emptyRoot, size: 0, files: 0))
            }
        }
        guard !directories.isEmpty else {
            self.init(files: files, directories: [], order: nil)
            return
        }
        var order: [UInt32] = []
        order.reserveCapacity(files.count + directories.count)
        var next = 0
        for index in files.indices {
            while next < directories.count,
                DirectoryTree.walkOrder(directories[next].path, files.path(index))
            {
                order.append(UInt32(next) | Self.directoryMark)
                next += 1
            }
            order.append(UInt32(index))
        }
        order += (next..<directories.count).map { UInt32($0) | Self.directoryMark }
        self.init(files: files, directories: directories, order: order)
    }

    private init(files: SnapshotFiles, directories: [PathEdit], order: [UInt32]?) {
        (self.files, self.directories, self.order) = (files, directories, order)
    }

    /// What differs from the base version, each path once.
    var changed: CommitEdits {
        // Of a first version that is everything.
        if order == nil, files.indices.allSatisfy({ files.isNew($0) && !files.isGone($0) }) { return self }
        var kept: [UInt32] = []
        for number in indices.lazy.map({ self.number($0) })
        where number >= Self.directoryMark || !files.isUnchanged(Int(number)) {
            // Where something has come into the place of an empty directory, the path is there twice: what came counts.
            if let last = kept.last,
                [last, number].contains(where: { isDirectory($0) || files.isGone(Int($0)) }),
                edit(last).path == edit(number).path
            {
                if edit(number).entry != nil { kept[kept.count - 1] = number }
            } else {
                kept.append(number)
            }
        }
        return CommitEdits(files: files, directories: directories, order: kept)
    }

    private func number(_ index: Int) -> UInt32 { order.map { $0[index] } ?? UInt32(index) }

    private func isDirectory(_ number: UInt32) -> Bool { number >= Self.directoryMark }

    private func edit(_ number: UInt32) -> PathEdit {
        if isDirectory(number) { return directories[Int(number & ~Self.directoryMark)] }
        let file = files[Int(number)]
        return PathEdit(path: file.path, entry: file.entry)
    }

    /// What becomes of the files in the cache.
    var cached: Cached { Cached(edits: self) }

    /// The same as changes of a cache.
    struct Cached: RandomAccessCollection {
        fileprivate let edits: CommitEdits

        var startIndex: Int { 0 }
        var endIndex: Int { edits.count }

        subscript(index: Int) -> StatCache.Edit {
            let number = edits.number(index)
            if edits.isDirectory(number) {
                let edit = edits.edit(number)
                return StatCache.Edit(path: edit.path, entry: edit.entry, seen: nil)
            }
            let file = edits.files[Int(number)]
            return StatCache.Edit(path: file.path, entry: file.entry, seen: file.seen)
        }
    }
}

extension CommitEdits: PathEdits {
    var startIndex: Int { 0 }
    var endIndex: Int { order?.count ?? files.count }

    subscript(index: Int) -> PathEdit { edit(number(index)) }

    func keeping(_ isKept: (PathEdit) -> Bool) -> CommitEdits {
        CommitEdits(
            files: files, directories: directories,
            order: indices.map { number($0) }.filter { isKept(edit($0)) })
    }
}
