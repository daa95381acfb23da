package import FileIO
package import ObjectModel
package import Observation
internal import Storage
package import WorkingTree

/// A tree of its own for one run, and gone when the run is recorded: the version that a working copy stands on, and the code as it
/// lies there.
package struct ScratchTree: Sendable {
    /// The working copy that it was made from: only there git can be asked about the code.
    package let origin: Repository
    /// The top of the tree: that of git's repository, where the working copy lies in one.
    package let directory: FilePath
    /// What that lies in.
    private let container: ScratchContainer
    /// The working copy in the tree, where it lies there, and how the store calls it.
    private let copy: Repository
    private let place: RepositoryPath
    private let id: String

    /// - Parameters:
    ///   - parent: Where the tree's own directory is made; many runs may have theirs in one.
    /// - Throws: ``RepositoryError/misplaced(_:)`` where the tree would be part of what is tracked.
    package init(
        of origin: Repository, in parent: FilePath, onStep: @escaping @Sendable (WorkStep) -> Void
    ) throws(RepositoryError) {
        self.origin = origin
        let environment = origin.environment
        let root = try origin.gitRoot() ?? origin.copy.root
        let place = try RepositoryPath(origin.copy.root.relative(to: root) ?? [], orRefuse: origin.copy.root)
        let parent = Self.real(parent, origin)
        let commit = try origin.base().head.commit
        let isThere = try Repository.exists(parent, environment.files)
        let code = try CodeFiles(of: origin, in: root)
        let key = Self.key(of: origin)
        let name = root.name.isEmpty ? Array("tree".utf8) : root.name
        while let spare = ScratchContainer.take(in: parent, for: key, name, origin) {
            let directory = spare.place.appending(name)
            let tree = try? SpareTree(directory, place, permissions: spare.permissions, of: origin)
            guard let copy = try? tree?.renewed(at: commit, code, onStep), (try? spare.begin()) != nil,
                let id = try? copy.copy.head().workingCopy
            else {
                // It is none to rely on.
                try? spare.remove()
                continue
            }
            (self.container, self.directory, self.copy, self.place, self.id) = (
                spare, directory, copy, place, id
            )
            return
        }
        container = try ScratchContainer.make(in: parent, of: origin)
        directory = container.place.appending(name)
        self.place = place
        do throws(RepositoryError) {
            copy = try origin.addScratch(
                directory.appending(place.bytes).normalized, at: commit, onStep: onStep)
            id = try copy.copy.head().workingCopy
            try code.copy(to: directory)
            try container.begin()
        } catch {
            try? container.remove()
            if !isThere { try? environment.files.removeDirectory(parent) }
            throw error
        }
    }

    /// What the trees of one kind have in common: of another working copy, or another store, they are others.
    private static func key(of origin: Repository) -> [UInt8] {
        origin.copy.root.bytes + [0] + origin.store.layout.root.bytes + [0] + Array(Self.keyVersion.utf8)
    }

    /// Changes with what is kept in a tree.
    private static let keyVersion = "1"

    /// Where a directory is that need not be there yet: a link on the way may lead into the data.
    private static func real(_ place: FilePath, _ origin: Repository) -> FilePath {
        guard ((try? origin.environment.files.status(place)) ?? nil) == nil, place.parent != place else {
            return origin.real(place)
        }
        return real(place.parent, origin).appending(place.name)
    }

    /// The directory of the tree that stands for one of the working copy; is made, if no file lies in it.
    package func place(of directory: RepositoryPath) throws(RepositoryError) -> FilePath {
        try copy.real(directory, below: copy.copy.root)
    }

    /// A program that is named by its place, and that is not in the tree, such as that of a virtual environment: where it is.
    package func program(_ name: [UInt8], in directory: RepositoryPath) -> [UInt8]? {
        guard name.contains(UInt8(ascii: "/")), name.first != UInt8(ascii: "/") else { return nil }
        func place(in root: FilePath) -> FilePath {
            root.appending(directory.bytes).appending(name).normalized
        }
        func isThere(_ place: FilePath) -> Bool {
            ((try? origin.environment.files.status(place)) ?? nil) != nil
        }
        let here = place(in: origin.copy.root)
        return !isThere(place(in: copy.copy.root)) && isThere(here) ? here.bytes : nil
    }

    /// Ends the use of the tree by a run that is recorded.
    ///
    /// As long as other runs are at work beside it, the next one takes it over; the last one removes all.
    /// - Parameter observation: What the run did; a tree of which that is not known is removed.
    package func leave(after observation: Observation) throws(RepositoryError) {
        do throws(RepositoryError) {
            guard observation.way == .seccomp, observation.gaps.isEmpty else { throw .misplaced(directory) }
            try SpareTree(directory, place, permissions: container.permissions, of: origin)
                .dropWritten(observation.log)
            try copy.release(id)
            try container.spare(for: Self.key(of: origin))
        } catch {
            return try discard()
        }
        ScratchContainer.clear(container.place.parent, origin.environment.files)
    }

    /// Removes the tree: what was written there is in the store, or nobody wants it.
    package func discard() throws(RepositoryError) {
        try copy.release(id)
        try container.remove()
        ScratchContainer.clear(container.place.parent, origin.environment.files)
    }
}

extension RepositoryPath {
    fileprivate init(_ bytes: [UInt8], orRefuse place: FilePath) throws(RepositoryError) {
        guard let path = bytes.isEmpty ? .root : try? RepositoryPath(bytes) else { throw .misplaced(place) }
        self = path
    }
}
