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
        func add(_ path: RepositoryPath) throws(ReadError) {
            let bytes = path.bytes
            var end = bytes.count
            while end > 0, found.insert(PathHash(bytes[..<end])).inserted {
                end = bytes[..<end].lastIndex(of: UInt8(ascii: "/")) ?? 0
            }
            guard found.count <= limit else {
                throw .unreadable(
                    ObjectReference(.tree, commit.tree), problem: "more than \(limit) paths")
            }
        }
        do throws(ReadError) {
            var before = DirectoryTree.emptyRoot
            for parent in commit.parents { before = try reader.commit(parent).tree }
            try DirectoryTree(root: before, reader: reader).changes(
                to: DirectoryTree(root: commit.tree, reader: reader)
            ) { (path, _, _) throws(ReadError) in try add(path) }
            for id in commit.runs {
                let outputs = DirectoryTree(root: try reader.run(id).outputs, reader: reader)
                try outputs.forEachFile { (path, _) throws(ReadError) in try add(path) }
            }
        } catch { return nil }
        return found
    }
}
