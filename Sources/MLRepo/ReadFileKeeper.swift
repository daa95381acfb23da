internal import FileIO
internal import ObjectModel
internal import Observation
internal import Synchronization
internal import WorkingTree

/// Keeps copies of files of the working copy that a run has read and is about to change, where no version has what was read.
final class ReadFileKeeper: FileKeeper {
    private let files: any FileSystem
    /// The top of the working copy, without links on the way.
    private let root: FilePath
    private let cache: StatCache
    private let tracking: Tracking
    /// What the run that this one goes on from wrote.
    private let earlier: Set<RepositoryPath>
    /// Where the copies go.
    private let directory: FilePath
    /// Stores files while the run goes on.
    private let saver: CheckpointSaver?
    private let kept = Mutex<[RepositoryPath: String]>([:])

    /// The command waits for the copy: larger files are left, in bytes.
    private static let limit = 1 << 30
    /// Files that nobody tracks are copied up to this size: tables that runs append to.
    private static let anyLimit = 16 << 20

    init(
        root: FilePath, cache: StatCache, tracking: Tracking, earlier: Set<RepositoryPath>,
        directory: FilePath, _ files: any FileSystem, saver: CheckpointSaver?
    ) {
        (self.root, self.cache, self.tracking, self.earlier, self.directory, self.files) = (
            root, cache, tracking, earlier, directory, files
        )
        self.saver = saver
    }

    func hear(of place: FilePath) {
        guard let saver, let inside = place.relative(to: root), let path = try? RepositoryPath(inside) else {
            return
        }
        saver.hear(of: path)
    }

    func rescue(_ place: FilePath, _ status: FileStatus) {
        guard let saver, let inside = place.relative(to: root), let path = try? RepositoryPath(inside) else {
            return
        }
        saver.rescue(path, place, status, to: directory, files)
    }

    /// The copies that there are, by what they are copies of: names in the directory.
    var copies: [RepositoryPath: String] { kept.withLock { $0 } }

    func keep(_ place: FilePath, _ status: FileStatus) {
        guard status.size <= Self.limit, let inside = place.relative(to: root),
            let path = try? RepositoryPath(inside), cache.entry(of: path, asIn: status) == nil,
            cache.has(path) || tracking.added.contains(path) || tracking.coversDirectory(path)
                || earlier.contains(path) || status.size <= Self.anyLimit
        else { return }
        let name = kept.withLock { kept -> String? in
            // What was renamed away and back is the same.
            guard kept[path] == nil else { return nil }
            let name = "read-\(kept.count)"
            kept[path] = name
            return name
        }
        guard let name else { return }
        // Where it fails, nobody knows what was read: that is told.
        if (try? copy(place, to: directory / name)) == nil { try? files.removeIfPresent(directory / name) }
    }

    private func copy(_ place: FilePath, to other: FilePath) throws(FileError) {
        let from = try files.open(place)
        defer { files.close(from) }
        let to = try files.create(other, permissions: 0o600)
        defer { files.close(to) }
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        var offset = 0
        while true {
            let count = try files.read(from, filling: &buffer, at: offset)
            if count == 0 { return }
            try files.write(to, buffer[..<count])
            offset += count
        }
    }
}
