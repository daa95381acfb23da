internal import FileIO
internal import ObjectModel

/// The directory that the tree of one run lies in, among others of its kind.
///
/// While a run has it, so has its process the file `lease`. A tree whose run has ended well is `spare`: the next run takes it, and
/// whoever ends as the last of all that run here removes what is spare. What a run that was killed has left stays, as nobody knows
/// what is in it; where it had not begun yet, it goes.
struct ScratchContainer: Sendable {
    let place: FilePath
    private let lease: FileDescriptor
    private let files: any FileSystem

    private static let prefix = "mlrepo-"
    /// Behind the name of one that is not there yet, and of one that is on its way out.
    private static let (newSuffix, goneSuffix) = (".new", ".gone")
    /// Files beside the tree.
    private static let (leaseName, spareName, begunName) = ("lease", "spare", "begun")

    private var spare: FilePath { place / Self.spareName }
    private var begun: FilePath { place / Self.begunName }

    // MARK: Making and taking

    /// Makes one, and the directory that it is to lie in.
    static func make(in parent: FilePath, of origin: Repository) throws(RepositoryError) -> ScratchContainer {
        let files = origin.environment.files
        let place = parent / "\(prefix)\(Hex.text(origin.environment.random(4)))"
        try origin.requireOutside(place)
        // Under another name until it has its lease, so that nobody takes it for one that was left.
        let early = Self.named(place, Self.newSuffix)
        return try filing { () throws(FileError) in
            try files.makeDirectories(early, permissions: 0o777)
            do throws(FileError) {
                // The trees of other runs, and what is in them, are no code of anybody.
                for name in [".gitignore", ".mlrepoignore"] {
                    let file = try files.create(early / name, permissions: 0o666)
                    defer { files.close(file) }
                    try files.write(file, Array("*\n".utf8)[...])
                }
                guard let lease = try files.occupy(early / leaseName) else { throw FileError.exists(place) }
                try files.move(early, to: place)
                return ScratchContainer(place: place, lease: lease, files: files)
            } catch {
                try? removeAll(early, files)
                throw error
            }
        }
    }

    /// Takes a spare one.
    ///
    /// - Parameter key: What its tree was made from.
    static func take(in parent: FilePath, for key: [UInt8], _ files: any FileSystem) -> ScratchContainer? {
        for place in all(in: parent, files) {
            guard let found = (try? files.contentsIfPresent(place / spareName, limit: 16_384)) ?? nil,
                found == key, let lease = (try? files.occupy(place / leaseName)) ?? nil
            else { continue }
            let container = ScratchContainer(place: place, lease: lease, files: files)
            // Somebody may have had it meanwhile, or removed it.
            if container.has(container.spare), (try? files.remove(container.begun)) != nil,
                (try? files.remove(container.spare)) != nil
            {
                return container
            }
            container.release()
        }
        return nil
    }

    private static func all(
        in parent: FilePath, suffix: String = "", _ files: any FileSystem
    ) -> [FilePath] {
        let names = (try? files.names(in: parent)) ?? []
        let length = prefix.utf8.count + 8 + suffix.utf8.count
        return names.filter {
            $0.count == length && $0.starts(with: prefix.utf8)
                && $0.suffix(suffix.utf8.count).elementsEqual(suffix.utf8)
        }.map { parent.appending($0) }
    }

    private static func named(_ place: FilePath, _ suffix: String) -> FilePath {
        place.parent.appending(place.name + Array(suffix.utf8))
    }

    private func has(_ path: FilePath) -> Bool { ((try? files.status(path)) ?? nil) != nil }

    // MARK: What becomes of it

    /// Its tree is whole, and a run begins there.
    func begin() throws(RepositoryError) { try write(begun, []) }

    /// Lets another run have it.
    func spare(for key: [UInt8]) throws(RepositoryError) {
        try write(spare, key)
        release()
    }

    private func write(_ path: FilePath, _ bytes: [UInt8]) throws(RepositoryError) {
        try filing { () throws(FileError) in
            let file = try files.create(path, permissions: 0o600)
            defer { files.close(file) }
            try files.write(file, bytes[...])
        }
    }

    /// Leaves it as it is.
    func release() { files.close(lease) }

    /// Removes it with all that is in it.
    func remove() throws(RepositoryError) {
        defer { release() }
        // From here on it is nobody's, whatever is still there.
        let gone = Self.named(place, Self.goneSuffix)
        let isMoved = (try? files.move(place, to: gone)) != nil
        try filing { () throws(FileError) in try Self.removeAll(isMoved ? gone : place, files) }
    }

    /// Removes what no run needs: all that is spare where no run is left, and what was never finished.
    static func clear(_ parent: FilePath, _ files: any FileSystem) {
        let places = all(in: parent, files) + all(in: parent, suffix: newSuffix, files)
        var idle: [ScratchContainer] = []
        var isBusy = false
        for place in places {
            // One that is somebody else's is none of ours to look at.
            guard ((try? files.status(place / leaseName)) ?? nil) != nil else { continue }
            do throws(FileError) {
                if let lease = try files.occupy(place / leaseName) {
                    idle.append(ScratchContainer(place: place, lease: lease, files: files))
                } else {
                    isBusy = true
                }
            } catch { continue }
        }
        for container in idle {
            let isSpare = container.has(container.spare)
            if isSpare && !isBusy || !isSpare && !container.has(container.begun) {
                try? container.remove()
            } else {
                container.release()
            }
        }
        // Two may remove one thing: all that counts is that it goes.
        for gone in all(in: parent, suffix: goneSuffix, files) { try? removeAll(gone, files) }
    }

    /// Removes a directory with all that is in it, but for what was mounted there, which is another one's.
    private static func removeAll(_ directory: FilePath, _ files: any FileSystem) throws(FileError) {
        guard let top = try files.status(directory) else { return }
        try removeAll(directory, top, on: top.device, files)
    }

    private static func removeAll(
        _ path: FilePath, _ status: FileStatus, on device: UInt64, _ files: any FileSystem
    ) throws(FileError) {
        guard status.kind == .directory else { return try files.remove(path) }
        guard status.device == device else { throw FileError.mounted(path) }
        for name in try files.names(in: path) {
            let inside = path.appending(name)
            if let status = try files.status(inside) { try removeAll(inside, status, on: device, files) }
        }
        try files.removeDirectory(path)
    }
}
