internal import Chunking
internal import Coding
internal import FileIO
internal import Formats
package import ObjectModel
package import Storage

/// Finds what a file may be a later version of: the same file in the version before; for tensors also the models that a run
/// read, and other checkpoints beside it.
///
/// May be used from any thread.
package final class FileHistory: Sendable {
    /// A file or directory of a version.
    package struct Source: Sendable {
        package let tree: DirectoryTree
        package let path: RepositoryPath

        package init(tree: DirectoryTree, path: RepositoryPath) { (self.tree, self.path) = (tree, path) }
    }

    /// So many neighbours of a file are looked at.
    private static let neighbourLimit = 3
    /// So many files of a directory that a run read.
    private static let inputLimit = 4
    /// So many tensors are tried as what a piece may be rounded from.
    private static let sourceLimit = 2
    /// So many tables are kept in memory.
    private static let tableLimit = 64
    /// So many tensors of files that were written meanwhile are remembered: some 200 bytes each.
    private static let writtenLimit = 1 << 18

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
        /// The same in the order of writing, with the numbers of tensors, and these together.
        var (order, tensorCount): ([(path: RepositoryPath, count: Int)], Int) = ([], 0)
        /// What was read, or was found to be no file of tensors.
        var read: [ObjectID: TensorTable?] = [:]
        var listings: [RepositoryPath: [TreeEntry]] = [:]
    }

    private let store: ObjectStore
    private let version: DirectoryTree
    private let inputs: [Source]
    private let state = Monitor(State())

    /// - Parameters:
    ///   - version: The version before.
    ///   - inputs: What a run read that made the files.
    package init(_ store: ObjectStore, version: DirectoryTree, inputs: [Source] = []) {
        (self.store, self.version, self.inputs) = (store, version, inputs)
    }

    /// What the version before has in the place of a file, if it was cut like any other file and can be read; for a new file what a run read, or
    /// a file beside it, if it begins alike.
    ///
    /// - Parameter head: The first bytes of the file, some 256 KiB.
    func ancestor(of path: RepositoryPath, head: () -> [UInt8]) -> PatchBase? {
        if let own = (try? version.entry(at: path)).flatMap({ $0 }) { return base(own) }
        let others = relatives(of: path)
        if others.isEmpty { return nil }
        let head = head()
        for entry in others {
            if let base = base(entry), base.begins(like: head, in: store) { return base }
        }
        return nil
    }

    /// Large files that a new one may be a later version of, the likeliest first.
    private func relatives(of path: RepositoryPath) -> [TreeEntry] {
        guard let (directory, name) = path.split else { return [] }
        let entries = listing(of: directory)
        let names = Self.neighbours(of: name, among: entries.map(\.name), limit: Self.neighbourLimit)
        let beside = names.compactMap { name in entries.first { $0.name == name } }
        return (inputs(like: path) + beside).filter {
            $0.mode != .directory && $0.mode != .link && $0.size > Chunker.wholeLimit
        }
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
        let isNarrow = file.tensors.contains { tensor in
            TensorFile.elementType(tensor.type).map(TensorCast.isTarget) ?? false
        }
        guard isNarrow else { return sources }
        for (table, read) in likeliest(path) {
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
        _ path: RepositoryPath
    ) -> [(table: TensorTable, read: CastSource.Reader?)] {
        guard let (directory, name) = path.split else { return [] }
        let written = state.withLock { $0.written }
        var found: [(likeness: Int, table: TensorTable, read: CastSource.Reader?)] = []
        for files in written.values {
            for file in files.values where file.path != path && file.table.hasSources {
                found.append((file.path.likeness(path), file.table, file.read))
            }
        }
        // Beside it in the version before; reading one takes longer than to ask for its name.
        var others: [(likeness: Int, entry: TreeEntry)] = []
        for entry in listing(of: directory) where entry.name != name && written[directory]?[entry.name] == nil
        {
            if let place = try? directory.appending(entry.name) {
                others.append((place.likeness(path), entry))
            }
        }
        others.sort { ($0.likeness, $1.entry.name) > ($1.likeness, $0.entry.name) }
        for (likeness, entry) in others.prefix(Self.neighbourLimit) {
            if let table = table(of: entry), table.hasSources { found.append((likeness, table, nil)) }
        }
        found.sort { $0.likeness > $1.likeness }
        return found.prefix(Self.tableLimit).map { ($0.table, $0.read) }
    }

    /// For each piece of a file chunks that may be like it, the likeliest first.
    func candidates(for file: TensorFile, at path: RepositoryPath) -> [[ObjectID]] {
        var candidates = [[ObjectID]](repeating: [], count: file.pieces.count)
        // What cannot be read is found out where it matters; a base it is not.
        let own = (try? version.entry(at: path)).flatMap { $0 }.flatMap { table(of: $0) }
        add(own, file, to: &candidates)
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
            state.written[directory, default: [:]][name] = Written(path: path, table: table, read: read)
            state.order.append((path, table.tensorCount))
            state.tensorCount += table.tensorCount
            var forgotten = 0
            while state.tensorCount > Self.writtenLimit, forgotten < state.order.count - 1 {
                let (path, count) = state.order[forgotten]
                if let (directory, name) = path.split { state.written[directory]?[name] = nil }
                state.tensorCount -= count
                forgotten += 1
            }
            state.order.removeFirst(forgotten)
        }
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
            if state.read.count >= Self.tableLimit { state.read.removeAll() }
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
            let directory = DirectoryTree(root: entry.id, reader: store)
            let entries = (try? directory.entries.leaves()) ?? []
            let names = Self.neighbours(of: name, among: entries.map(\.name), limit: Self.inputLimit)
            let same = entries.filter { $0.name == name }
            let others = names.compactMap { name in entries.first { $0.name == name } }
            found += (same + others).prefix(Self.inputLimit)
        }
        return found
    }

    /// Checkpoints in the same directory, in the version before or written meanwhile.
    private func neighbours(of path: RepositoryPath) -> [TensorTable] {
        guard let (directory, name) = path.split else { return [] }
        let written = state.withLock { $0.written[directory] ?? [:] }
        let entries = listing(of: directory)
        let names = Set(entries.map(\.name)).union(written.keys)
        return Self.neighbours(of: name, among: Array(names), limit: Self.neighbourLimit).compactMap { name in
            written[name]?.table ?? entries.first { $0.name == name }.flatMap { table(of: $0) }
        }
    }

    /// The large files of a directory of the version before.
    private func listing(of directory: RepositoryPath) -> [TreeEntry] {
        if let known = state.withLock({ $0.listings[directory] }) { return known }
        var entries: [TreeEntry] = []
        let root =
            directory.isRoot
            ? version.root
            : (try? version.entry(at: directory)).flatMap { $0 }.flatMap {
                $0.mode == .directory ? $0.id : nil
            }
        if let root {
            let tree = DirectoryTree(root: root, reader: store)
            try? tree.entries.forEachLeaf { (entry) throws(ReadError) in
                if entry.mode != .directory, entry.size > Chunker.wholeLimit { entries.append(entry) }
            }
        }
        state.withLock { $0.listings[directory] = entries }
        return entries
    }

    // MARK: Names

    /// Names that are the most like another one: first those that differ in numbers only, the one before it, the one behind it and so
    /// on; then others with the same ending, in the same way.
    static func neighbours(of name: EntryName, among names: [EntryName], limit: Int) -> [EntryName] {
        let own = NumberedName(name.bytes)
        let others = names.filter { $0 != name }.map { (name: $0, key: NumberedName($0.bytes)) }
            .filter { $0.key.ending == own.ending }
            .sorted { $0.key < $1.key }
        let (series, rest) = (
            others.filter { $0.key.words == own.words }, others.filter { $0.key.words != own.words }
        )
        var found: [EntryName] = []
        for list in [series, rest] {
            var (before, after) = (list.lastIndex { $0.key < own } ?? -1, 0)
            after = before + 1
            while found.count < limit, before >= 0 || after < list.count {
                if before >= 0 {
                    found.append(list[before].name)
                    before -= 1
                }
                if after < list.count, found.count < limit {
                    found.append(list[after].name)
                    after += 1
                }
            }
        }
        return found
    }
}
