package import FileIO
internal import Hashing
internal import ObjectModel

/// Puts committed entries into tiles, 256 at a time, and takes their names out of `log/new` a day later
/// (`Documentation/Formats/log.md`, "Sealing").
package struct LogSealing {
    /// How long the names of sealed entries stay, in nanoseconds: whoever began to read before must find them.
    static let nameGrace: Int64 = 86_400_000_000_000

    private let log: OperationLog
    private let files: any FileSystem
    /// For names of temporary files.
    private let nonce: String
    private var layout: StoreLayout { log.layout }

    init(_ log: OperationLog, _ files: any FileSystem, nonce: String) {
        (self.log, self.files, self.nonce) = (log, files, nonce)
    }

    /// Whether the last entries of a state make a tile full.
    package static func isDue(_ state: StoreState) -> Bool {
        (state.number + 1) % OperationLog.tileWidth == 0
    }

    /// Seals every full tile of a state that is not sealed yet, in order.
    ///
    /// - Returns: The number of tiles that came.
    @discardableResult
    func seal(_ state: StoreState) throws(StoreError) -> Int {
        let full = (state.number + 1) / OperationLog.tileWidth
        var first = full
        while first > 0, try !exists(layout.tile("entries", first - 1)) { first -= 1 }
        for tile in first..<full { try seal(tile, state) }
        return full - first
    }

    private func exists(_ path: FilePath) throws(StoreError) -> Bool {
        try filing { () throws(FileError) in try files.status(path) != nil }
    }

    private func seal(_ tile: Int, _ state: StoreState) throws(StoreError) {
        let first = tile * OperationLog.tileWidth
        var bytes: [UInt8] = []
        var log: MerkleFrontier?
        for number in first..<first + OperationLog.tileWidth {
            guard let file = try self.log.entryFile(number), log == nil || file.before == log else {
                throw .damaged(layout.entry(number), problem: "it does not follow from the entry before it")
            }
            log = file.after
            bytes += [UInt8(file.leaf.count >> 8), UInt8(file.leaf.count & 0xff)] + file.leaf
        }
        // What is sealed has to be what the log goes on from.
        let next = first + OperationLog.tileWidth
        let follows = next > state.number ? state.log : try self.log.entryFile(next)?.before
        guard log == follows else {
            throw .damaged(layout.entry(next), problem: "it does not follow from the entry before it")
        }
        try publish(bytes, "entries", tile)
        // From the tile that stands there now, whoever wrote it.
        try publishHashes(level: 0, tile)
    }

    /// Writes the tile of hashes at a place, and those above that it makes full.
    private func publishHashes(level: Int, _ tile: Int) throws(StoreError) {
        let hashes = try self.hashes(level: level, tile)
        try publish(hashes.flatMap(\.digest.bytes), "\(level)", tile)
        if (tile + 1) % OperationLog.tileWidth == 0 {
            try publishHashes(level: level + 1, tile / OperationLog.tileWidth)
        }
    }

    /// The hashes of a full tile: of entries on level 0, of full tiles below on the others.
    private func hashes(level: Int, _ tile: Int) throws(StoreError) -> [ObjectID] {
        let stored = try filing { () throws(FileError) in try layout.hashTile(level, tile, files) }
        if let stored { return stored }
        if level == 0 {
            guard let leaves = try log.tile(tile) else {
                throw .damaged(layout.tile("entries", tile), problem: "it is missing")
            }
            return leaves.map { MerkleLog.leaf($0) }
        }
        let first = tile * OperationLog.tileWidth
        var roots: [ObjectID] = []
        for below in first..<first + OperationLog.tileWidth {
            var frontier = MerkleFrontier()
            for hash in try hashes(level: level - 1, below) { frontier.append(hash) }
            roots.append(frontier.root)
        }
        return roots
    }

    /// Gives a tile its name, durably; if the name is taken, it is by a tile of the same entries.
    private func publish(_ bytes: [UInt8], _ group: String, _ tile: Int) throws(StoreError) {
        let path = layout.tile(group, tile)
        let temporary = layout.temporary / "tile-\(group)-\(nonce)"
        try filing { () throws(FileError) in
            try files.makeDirectories(
                path.parent, permissions: layout.directoryPermissions, below: layout.root)
            try files.removeIfPresent(temporary)
            let file = try layout.createTemporary(temporary, permissions: 0o444, files)
            defer {
                files.close(file)
                try? files.removeIfPresent(temporary)
            }
            try files.write(file, bytes)
            try files.synchronize(file)
            do throws(FileError) { try files.link(temporary, to: path) } catch {
                guard error.isExists else { throw error }
            }
            // Also where a directory was there: who made it may not have come to make its name durable.
            try synchronizeDirectories(above: path)
        }
    }

    /// Removes names in `log/new` whose tiles are older than ``nameGrace``; never the newest entry's.
    ///
    /// - Parameter clock: The file system's own time, in nanoseconds.
    func removeNames(_ state: StoreState, clock: Int64) throws(StoreError) {
        var old: [Int: Bool] = [:]
        for number in try log.namedEntries() where number < state.number {
            let tile = number / OperationLog.tileWidth
            if old[tile] == nil { old[tile] = try settled(tile, clock) }
            guard old[tile] == true else { continue }
            try filing { () throws(FileError) in try files.removeIfPresent(layout.entry(number)) }
        }
    }

    /// Whether a tile is there, old enough, and durable.
    private func settled(_ tile: Int, _ clock: Int64) throws(StoreError) -> Bool {
        let path = layout.tile("entries", tile)
        return try filing { () throws(FileError) in
            guard let status = try files.status(path), clock - status.modified > Self.nameGrace else {
                return false
            }
            // Its writer may have died before it came to this.
            let file = try files.open(path)
            defer { files.close(file) }
            try files.synchronize(file)
            try synchronizeDirectories(above: path)
            return true
        }
    }

    /// Seals what is due where a store is not opened, such as another machine's.
    ///
    /// - Parameters:
    ///   - state: The newest one that was read.
    ///   - files: Where the store lies.
    package static func seal(
        _ state: StoreState, in layout: StoreLayout, origin: String, files: any FileSystem, nonce: String
    ) throws(StoreError) {
        let log = OperationLog(layout: layout, files: files, origin: origin)
        let sealing = LogSealing(log, files, nonce: nonce)
        guard try sealing.seal(state) > 0 else { return }
        let clock = try filing { () throws(FileError) in try layout.clock(files, nonce: nonce) }
        try sealing.removeNames(state, clock: clock)
    }

    private func synchronizeDirectories(above path: FilePath) throws(FileError) {
        var directory = path.parent
        while directory != layout.log {
            try files.synchronizeDirectory(directory)
            directory = directory.parent
        }
        try files.synchronizeDirectory(layout.log)
    }
}
