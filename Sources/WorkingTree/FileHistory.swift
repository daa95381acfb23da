internal import Chunking
internal import Coding
internal import FileIO
internal import Formats
package import ObjectModel
package import Storage

/// Finds what a file may be a later version of: the same file in the version before, what a run read, other files beside it that are named
/// alike, and files of its name in directories that are named like its own (`checkpoint-200/model.safetensors`).
///
/// May be used from any thread.
package final class FileHistory: Sendable {
    /// A file or directory of a version.
    package struct Source: Sendable {
        package let tree: DirectoryTree
        package let path: RepositoryPath

        package init(tree: DirectoryTree, path: RepositoryPath) { (self.tree, self.path) = (tree, path) }
    }

    /// So many neighbours of a file are looked at, and so many of its name in other directories.
    private static let (neighbourLimit, cousinLimit) = (3, 2)
    /// So many files of a directory that a run read.
    private static let inputLimit = 4
    /// So many tensors are tried as what a piece may be rounded from, in so many files that were written last.
    private static let (sourceLimit, sourceFileLimit) = (2, 256)
    /// A directory of more large files than these is a data set, of which none is a version of another one.
    static let directoryLimit = 4096
    /// So many files one after another, of one directory, that begin like none beside them say that no other one does.
    private static let missLimit = 24
    /// So many tables, and beginnings of files, are kept in memory.
    private static let (tableLimit, beginningLimit) = (64, 256)
    /// So many tensors of files that were written meanwhile are remembered, and as many of files that were read: some 230 bytes each.
    private static let tensorLimit = 1 << 18

    /// A file that was written meanwhile.
    private struct Written {
        let path: RepositoryPath
        let table: TensorTable
        /// Reads it again.
        let read: CastSource.Reader
    }

    private struct State {
        /// What was written meanwhile, by directory and name.
        var written: [RepositoryPath: [EntryName: Written]] = [:]
        var writtenNames: [RepositoryPath: NeighbouringNames] = [:]
        /// The names of the directories with such files, by the one above them; and of those of the version before.
        var writtenDirectories: [RepositoryPath: NeighbouringNames] = [:]
        var directories: [RepositoryPath: NeighbouringNames] = [:]
        /// Of these the last ones that others may be rounded from.
        var sources: [Written] = []
        /// The same in the order of writing, with the numbers of tensors, and these together.
        var (order, tensorCount): ([(path: RepositoryPath, count: Int)], Int) = ([], 0)
        /// What was read, or was found to be no file of tensors, and how many tensors that is.
        var (read, readCount): ([ObjectID: TensorTable?], Int) = ([:], 0)
        /// Of directories of the version before, by their paths, and of those that a run read.
        var (listings, inputListings): ([RepositoryPath: Listing], [ObjectID: Listing]) = ([:], [:])
        /// Nothing for what cannot be read.
        var beginnings: [ObjectID: FileBeginning?] = [:]
        /// New files, one after another, that begin like none of their directory.
        var misses: [RepositoryPath: Int] = [:]
    }

    /// The large files of a directory.
    private struct Listing {
        var entries: [EntryName: TreeEntry] = [:]
        var names = NeighbouringNames()
    }

    private let store: ObjectStore
    private let version: DirectoryTree
    private let inputs: [Source]
    /// Of these what the run read as it is in the working copy.
    let inputPaths: [RepositoryPath]
    private let state = Monitor(State())

    /// - Parameters:
    ///   - version: The version before.
    ///   - inputs: What a run read that made the files, in versions that the store has.
    ///   - inputPaths: What it read as it is in the working copy: files that are new there are written in the same commit.
    package init(
        _ store: ObjectStore, version: DirectoryTree, inputs: [Source] = [], inputPaths: [RepositoryPath] = []
    ) {
        (self.store, self.version, self.inputs, self.inputPaths) = (store, version, inputs, inputPaths)
    }

    /// What the version before has in the place of a file, if it was cut like any other file and can be read; for a new file what a run read, or
    /// a file beside it, if it begins alike.
    ///
    /// - Parameter head: The first bytes of the file, some 256 KiB.
    func ancestor(of path: RepositoryPath, head: () -> [UInt8]) -> PatchBase? {
        if let own = (try? version.entry(at: path)).flatMap({ $0 }) { return base(own) }
        guard let (directory, name) = path.split,
            state.withLock({ $0.misses[directory, default: 0] < Self.missLimit })
        else { return nil }
        let others = relatives(of: path, directory, name)
        if others.isEmpty { return nil }
        let own = FileBeginning(head())
        for entry in others {
            if let other = beginning(of: entry), own.isLike(other), let base = base(entry) {
                state.withLock { $0.misses[directory] = 0 }
                return base
            }
        }
        state.withLock { $0.misses[directory, default: 0] += 1 }
        return nil
    }

    /// Large files that a new one may be a later version of, the likeliest first.
    private func relatives(
        of path: RepositoryPath, _ directory: RepositoryPath, _ name: EntryName
    ) -> [TreeEntry] {
        let read = inputs(like: path).filter { entry in
            entry.size > Chunker.wholeLimit && entry.mode != .directory && entry.mode != .link
        }
        let listing = listing(of: directory)
        let beside = listing.names.nearest(to: name, limit: Self.neighbourLimit)
        let cousins = cousins(of: directory, name).compactMap { (try? version.entry(at: $0)).flatMap { $0 } }
        return read + beside.compactMap { listing.entries[$0] }
            + cousins.filter { $0.size > Chunker.wholeLimit && $0.mode != .directory && $0.mode != .link }
    }

    private func beginning(of entry: TreeEntry) -> FileBeginning? {
        if let known = state.withLock({ $0.beginnings[entry.id] }) { return known }
        let beginning = (try? readBeginning(of: entry)).flatMap { $0 }
        state.withLock { state in
            if state.beginnings.count >= Self.beginningLimit { state.beginnings.removeAll() }
            state.beginnings[entry.id] = .some(beginning)
        }
        return beginning
    }

    /// Nothing for files that are no bases, as they were not cut like any other.
    private func readBeginning(of entry: TreeEntry) throws(ReadError) -> FileBeginning? {
        guard let recipe = try store.recipe(of: entry.id) else {
            // Without a cut the file is one chunk.
            return try FileBeginning([ChunkEntry(id: entry.id, length: entry.size)], in: store)
        }
        guard recipe.cutRule == Chunker.rule else { return nil }
        let chunks = try recipe.chunks(before: FileBeginning.reach, in: store)
        // Whoever made the recipe may have meant something else.
        guard chunks.count <= FileBeginning.reach / Chunker.minimum + 1 else { return nil }
        return try FileBeginning(chunks, in: store)
    }

    /// The chunks of a file that was cut like any other file, as what others can be told by.
    private func base(_ entry: TreeEntry) -> PatchBase? {
        guard entry.mode != .directory, entry.mode != .link, entry.size > Chunker.wholeLimit else {
            return nil
        }
        let found: Recipe?
        do throws(ReadError) { found = try store.recipe(of: entry.id) } catch { return nil }
        // Without a cut the file is one chunk, and lies in the store whole.
        guard let recipe = found else {
            return PatchBase([ChunkEntry(id: entry.id, length: entry.size)], in: store)
        }
        guard recipe.cutRule == Chunker.rule else { return nil }
        var chunks: [ChunkEntry] = []
        guard (try? recipe.forEachChunk(in: store, { chunks.append($0) })) != nil else { return nil }
        return PatchBase(chunks, in: store)
    }

    /// For each piece of a file what it may be rounded from, the likeliest first: in files that were written meanwhile, and in those beside it
    /// in the version before.
    func sources(for file: TensorFile, at path: RepositoryPath) -> [[CastSource]] {
        var sources = [[CastSource]](repeating: [], count: file.pieces.count)
        let types = file.types.filter(TensorCast.isTarget)
        if types.isEmpty { return sources }
        for (table, read) in likeliest(path, types) {
            // All that can be found was found.
            if zip(sources, file.pieces).allSatisfy({ $1.tensor == nil || $0.count == Self.sourceLimit }) {
                break
            }
            for (index, source) in table.sources(of: file, read: read).enumerated() {
                guard let source, sources[index].count < Self.sourceLimit else { continue }
                sources[index].append(source)
            }
        }
        return sources
    }

    /// The tables that are looked at for casts: those with the most of a path in common.
    ///
    /// - Returns: With each who reads the file, if it was written meanwhile.
    private func likeliest(
        _ path: RepositoryPath, _ types: Set<ElementType>
    ) -> [(table: TensorTable, read: CastSource.Reader?)] {
        guard let (directory, name) = path.split else { return [] }
        var found: [(likeness: Int, table: TensorTable, read: CastSource.Reader?)] = []
        let listing = listing(of: directory)
        // Beside it in the version before; reading one takes longer than to ask for its name.
        var others: [(likeness: Int, entry: TreeEntry)] = []
        let (recent, written) = state.withLock { state in
            (state.sources, Set((state.written[directory] ?? [:]).keys))
        }
        for file in recent where file.path != path && file.table.hasSources(of: types) {
            found.append((file.path.likeness(path), file.table, file.read))
        }
        for entry in listing.entries.values where entry.name != name && !written.contains(entry.name) {
            if let place = try? directory.appending(entry.name) {
                others.append((place.likeness(path), entry))
            }
        }
        others.sort { ($0.likeness, $1.entry.name) > ($1.likeness, $0.entry.name) }
        for (likeness, entry) in others.prefix(Self.neighbourLimit) {
            if let table = table(of: entry), table.hasSources(of: types) {
                found.append((likeness, table, nil))
            }
        }
        found.sort { $0.likeness > $1.likeness }
        return found.prefix(Self.tableLimit).map { ($0.table, $0.read) }
    }

    /// Whether the version before has nothing in a file's place, so that names say what it may be a later version of.
    func isNew(_ path: RepositoryPath) -> Bool { (try? version.entry(at: path)).flatMap { $0 } == nil }

    /// For each piece of a file chunks that may be like it, the likeliest first.
    func candidates(for file: TensorFile, at path: RepositoryPath) -> [[ObjectID]] {
        var candidates = [[ObjectID]](repeating: [], count: file.pieces.count)
        // What cannot be read is found out where it matters; a base it is not.
        let own = (try? version.entry(at: path)).flatMap { $0 }.flatMap { table(of: $0) }
        add(own, file, to: &candidates)
        for table in writtenInputs(like: path) { add(table, file, to: &candidates) }
        for entry in inputs(like: path) { add(table(of: entry), file, to: &candidates) }
        // Who has an ancestor of its own needs none of its neighbours.
        let isOrphan = zip(candidates, file.pieces).contains { $0.isEmpty && $1.tensor != nil }
        if isOrphan {
            for table in neighbours(of: path) { add(table, file, to: &candidates, onlyWhereNone: own != nil) }
        }
        return candidates
    }

    /// Remembers a file that was written, and forgets the oldest of too many.
    ///
    /// - Parameter read: Reads it again.
    func note(_ table: TensorTable, at path: RepositoryPath, read: @escaping CastSource.Reader) {
        guard let (directory, name) = path.split else { return }
        state.withLock { state in
            let written = Written(path: path, table: table, read: read)
            let isNew = state.written[directory, default: [:]].updateValue(written, forKey: name) == nil
            if isNew { Self.insert(name, of: directory, into: &state.writtenNames) }
            if isNew, state.written[directory]?.count == 1, let (above, name) = directory.split {
                Self.insert(name, of: above, into: &state.writtenDirectories)
            }
            if table.hasSources {
                state.sources.removeAll { $0.path == path }
                state.sources = state.sources.suffix(Self.sourceFileLimit - 1) + [written]
            }
            state.order.append((path, table.tensorCount))
            state.tensorCount += table.tensorCount
            var forgotten = 0
            while state.tensorCount > Self.tensorLimit, forgotten < state.order.count - 1 {
                let (path, count) = state.order[forgotten]
                if let (directory, name) = path.split { state.written[directory]?[name] = nil }
                state.sources.removeAll { $0.path == path }
                state.tensorCount -= count
                forgotten += 1
            }
            state.order.removeFirst(forgotten)
        }
    }

    private static func insert(
        _ name: EntryName, of directory: RepositoryPath, into names: inout [RepositoryPath: NeighbouringNames]
    ) {
        guard names[directory]?.count ?? 0 < directoryLimit else { return }
        names[directory, default: NeighbouringNames()].insert(name)
    }

    private func add(
        _ table: TensorTable?, _ file: TensorFile, to candidates: inout [[ObjectID]],
        onlyWhereNone: Bool = false
    ) {
        guard let table else { return }
        for (index, chunk) in table.counterparts(of: file).enumerated() {
            guard let chunk, !candidates[index].contains(chunk) else { continue }
            if !onlyWhereNone || candidates[index].isEmpty { candidates[index].append(chunk) }
        }
    }

    // MARK: Files

    private func table(of entry: TreeEntry) -> TensorTable? {
        guard entry.mode != .directory, entry.mode != .link, entry.size > Chunker.wholeLimit else {
            return nil
        }
        if let known = state.withLock({ $0.read[entry.id] }) { return known }
        let table = (try? readTable(entry.id)).flatMap { $0 }
        state.withLock { state in
            state.readCount += table?.tensorCount ?? 0
            if state.read.count >= Self.tableLimit || state.readCount > Self.tensorLimit {
                state.read.removeAll()
                state.readCount = table?.tensorCount ?? 0
            }
            state.read[entry.id] = .some(table)
        }
        return table
    }

    /// The table of a large blob; nothing if it was not cut as a file of tensors.
    private func readTable(_ blob: ObjectID) throws(ReadError) -> TensorTable? {
        guard let recipe = try store.recipe(of: blob),
            [TensorCutter.rule, TensorCutter.gapRule].contains(recipe.cutRule)
        else { return nil }
        var chunks: [ChunkEntry] = []
        try recipe.forEachChunk(in: store) { chunks.append($0) }
        guard let index = TensorIndex(ChunkedBytes(chunks, in: store).source) else { return nil }
        let file = TensorFile(index)
        // Whoever made the recipe may have meant something else.
        guard file.cutRule == recipe.cutRule, file.pieces.map(\.length) == chunks.map(\.length) else {
            return nil
        }
        return TensorTable(file, chunks.map(\.id))
    }

    /// What a run read: files, and of directories those that are named most like a file.
    private func inputs(like path: RepositoryPath) -> [TreeEntry] {
        var found: [TreeEntry] = []
        for source in inputs {
            guard let entry = (try? source.tree.entry(at: source.path)).flatMap({ $0 }) else { continue }
            guard entry.mode == .directory, let name = path.split?.name else {
                found.append(entry)
                continue
            }
            let listing = inputListing(of: entry.id)
            let names = listing.names.nearest(to: name, limit: Self.inputLimit)
            let own = listing.entries[name].map { [$0] } ?? []
            found += (own + names.compactMap { listing.entries[$0] }).prefix(Self.inputLimit)
        }
        return found
    }

    /// What a run read that is written in this commit, too: files, and of directories those that are named most like a file.
    private func writtenInputs(like path: RepositoryPath) -> [TensorTable] {
        guard let name = path.split?.name else { return [] }
        var found: [TensorTable] = []
        for input in inputPaths where !path.isInside(input) {
            state.withLock { state in
                if let (directory, name) = input.split, let file = state.written[directory]?[name] {
                    found.append(file.table)
                } else if let files = state.written[input], let names = state.writtenNames[input] {
                    let own = files[name].map { [$0] } ?? []
                    let others = names.nearest(to: name, limit: Self.inputLimit).compactMap { files[$0] }
                    found += (own + others).prefix(Self.inputLimit).map(\.table)
                }
            }
        }
        return found
    }

    /// Checkpoints in the same directory and of the same name in others, in the version before or written meanwhile.
    private func neighbours(of path: RepositoryPath) -> [TensorTable] {
        guard let (directory, name) = path.split else { return [] }
        let listing = listing(of: directory)
        let before = listing.names.nearest(to: name, limit: Self.neighbourLimit)
        let beside = state.withLock { state -> [(EntryName, TensorTable?)] in
            let meanwhile =
                state.writtenNames[directory]?.nearest(to: name, limit: Self.neighbourLimit) ?? []
            return NeighbouringNames(Set(before + meanwhile)).nearest(to: name, limit: Self.neighbourLimit)
                .map { ($0, state.written[directory]?[$0]?.table) }
        }.compactMap { name, table in table ?? listing.entries[name].flatMap { self.table(of: $0) } }
        return beside
            + cousins(of: directory, name).compactMap { cousin in
                let written = cousin.split.flatMap { place in
                    state.withLock { $0.written[place.directory]?[place.name]?.table }
                }
                if let written { return written }
                return (try? version.entry(at: cousin)).flatMap { $0 }.flatMap { table(of: $0) }
            }
    }

    /// Where files of a name would lie in the directories beside a directory that are named the most like it.
    private func cousins(of directory: RepositoryPath, _ name: EntryName) -> [RepositoryPath] {
        guard let (above, own) = directory.split else { return [] }
        let before = directories(in: above).nearest(to: own, limit: Self.cousinLimit)
        let meanwhile = state.withLock {
            $0.writtenDirectories[above]?.nearest(to: own, limit: Self.cousinLimit) ?? []
        }
        return NeighbouringNames(Set(before + meanwhile)).nearest(to: own, limit: Self.cousinLimit)
            .compactMap { try? above.appending($0).appending(name) }
    }

    /// The names of the directories in a directory of the version before.
    private func directories(in directory: RepositoryPath) -> NeighbouringNames {
        if let known = state.withLock({ $0.directories[directory] }) { return known }
        var names: [EntryName] = []
        // What cannot be read is found out where it matters.
        try? root(of: directory).map { root in
            try DirectoryTree(root: root, reader: store).entries.forEachLeaf { (entry) throws(ReadError) in
                if entry.mode == .directory { names.append(entry.name) }
            }
        }
        let found = names.count <= Self.directoryLimit ? NeighbouringNames(names) : NeighbouringNames()
        state.withLock { $0.directories[directory] = found }
        return found
    }

    /// A directory of the version before.
    private func root(of directory: RepositoryPath) -> ObjectID? {
        if directory.isRoot { return version.root }
        return (try? version.entry(at: directory)).flatMap { $0 }.flatMap {
            $0.mode == .directory ? $0.id : nil
        }
    }

    /// The large files of a directory of the version before.
    private func listing(of directory: RepositoryPath) -> Listing {
        if let known = state.withLock({ $0.listings[directory] }) { return known }
        let listing = root(of: directory).map { readListing($0) } ?? Listing()
        state.withLock { $0.listings[directory] = listing }
        return listing
    }

    /// The same of a directory that a run read.
    private func inputListing(of root: ObjectID) -> Listing {
        if let known = state.withLock({ $0.inputListings[root] }) { return known }
        let listing = readListing(root)
        state.withLock { $0.inputListings[root] = listing }
        return listing
    }

    private func readListing(_ root: ObjectID) -> Listing {
        var listing = Listing()
        // What cannot be read is found out where it matters.
        try? DirectoryTree(root: root, reader: store).entries.forEachLeaf { (entry) throws(ReadError) in
            if entry.mode != .directory, entry.mode != .link, entry.size > Chunker.wholeLimit {
                listing.entries[entry.name] = entry
            }
        }
        guard listing.entries.count <= Self.directoryLimit else { return Listing() }
        listing.names = NeighbouringNames(listing.entries.keys)
        return listing
    }
}
