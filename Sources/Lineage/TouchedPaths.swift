package import ObjectModel

/// A path as a ``CommitTable`` knows it: 32 bits, so that another one may have the same.
package struct PathHash: Hashable, Sendable {
    let value: UInt32

    /// FNV-1a of 64 bits, folded.
    package init(_ path: RepositoryPath) { self.init(path.bytes[...]) }

    init(_ bytes: ArraySlice<UInt8>) {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        value = UInt32(truncatingIfNeeded: hash ^ (hash >> 32))
    }

    init(value: UInt32) { self.value = value }
}

/// The paths that a commit has to do with: what it has otherwise than its only parent, what its runs name as their outputs, and
/// the directories above.
package enum TouchedPaths {
    /// No commit that touches more is told from one that touches all.
    static let limit = 512

    /// - Returns: Nothing where that is not known: of a commit with several parents or too many paths, or where objects cannot
    ///   be read.
    package static func hashes(of commit: Commit, _ reader: any ObjectReader) -> Set<PathHash>? {
        guard commit.parents.count <= 1 else { return nil }
        var found: Set<PathHash> = []
        do throws(ReadError) {
            var before = DirectoryTree.emptyRoot
            for parent in commit.parents { before = try reader.commit(parent).tree }
            try add(what: before, commit.tree, differIn: .root, reader, to: &found)
            for id in commit.runs {
                let outputs = try reader.run(id).outputs
                try add(what: DirectoryTree.emptyRoot, outputs, differIn: .root, reader, to: &found)
            }
        } catch { return nil }
        return found
    }

    /// Adds the paths of all entries that are not the same in two directories.
    ///
    /// - Throws: Also when they become too many, before more is read.
    private static func add(
        what before: ObjectID, _ after: ObjectID, differIn directory: RepositoryPath,
        _ reader: any ObjectReader, to found: inout Set<PathHash>
    ) throws(ReadError) {
        let tooMany = ReadError.unreadable(ObjectReference(.tree, after), problem: "more than \(limit) paths")
        let changes = try DirectoryTree(root: before, reader: reader).entryChanges(
            to: DirectoryTree(root: after, reader: reader), limit: limit)
        for change in changes {
            guard let name = change.after?.name ?? change.before?.name,
                let path = try? directory.appending(name)
            else { throw tooMany }
            found.insert(PathHash(path))
            let before = change.before?.mode == .directory ? change.before : nil
            let after = change.after?.mode == .directory ? change.after : nil
            // A directory that came or went as a whole has at least as many paths as files.
            let most = before == nil || after == nil ? (before ?? after)?.files ?? 0 : 0
            guard found.count <= limit, most <= limit else { throw tooMany }
            if before == nil, after == nil { continue }
            try add(
                what: before?.id ?? DirectoryTree.emptyRoot, after?.id ?? DirectoryTree.emptyRoot,
                differIn: path, reader, to: &found)
        }
    }
}
