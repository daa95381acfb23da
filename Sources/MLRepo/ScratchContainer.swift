internal import FileIO
internal import ObjectModel

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// The directory that the tree of one run lies in, among others of its kind.
///
/// While a run has it, so has its process the file `.mlrepo-lease`. A tree whose run has ended well is `.mlrepo-spare`: the next run
/// takes it, and whoever ends as the last of all that run here removes what is spare. What a run that was killed has left stays, as
/// nobody knows what is in it; where it had not begun yet, it goes.
struct ScratchContainer: Sendable {
    let place: FilePath
    /// The rights that a new directory had when this one was made.
    let permissions: UInt16
    private let lease: FileDescriptor
    private let files: any FileSystem

    private static let prefix = "mlrepo-"
    /// Behind the name of one that is not there yet, and of one that is on its way out.
    private static let (newSuffix, goneSuffix) = (".new", ".gone")
    /// Files beside the tree; no project is called like that.
    private static let (leaseName, spareName, begunName) = (".mlrepo-lease", ".mlrepo-spare", ".mlrepo-begun")
    /// The trees of other runs, and what is in them, are no code of anybody.
    private static let ignoreFiles = [".gitignore", ".mlrepoignore"]

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
                guard let lease = try files.occupy(early / leaseName), let made = try files.status(early)
                else {
                    throw FileError.exists(place)
                }
                try writeIgnoreFiles(early, files)
                try files.move(early, to: place)
                return ScratchContainer(
                    place: place, permissions: made.permissions, lease: lease, files: files)
            } catch {
                try? removeAll(early, files)
                throw error
            }
        }
    }

    private static func writeIgnoreFiles(_ place: FilePath, _ files: any FileSystem) throws(FileError) {
        for name in ignoreFiles {
            try files.removeIfPresent(place / name)
            let file = try files.create(place / name, permissions: 0o666)
            defer { files.close(file) }
            try files.write(file, Array("*\n".utf8)[...])
        }
    }

    /// Takes a spare one, and removes what lies there beside the tree.
    ///
    /// - Parameters:
    ///   - key: What its tree was made from.
    ///   - name: That of the tree.
    static func take(in parent: FilePath, for key: [UInt8], _ name: [UInt8], _ origin: Repository)
        -> ScratchContainer?
    {
        let files = origin.environment.files
        let spares = all(in: parent, files).filter { has($0 / spareName, files) }
        // What a new one would have, by the mask of this process and what the directory hands on.
        guard !spares.isEmpty, let permissions = newPermissions(in: parent, origin) else { return nil }
        let wanted = Array("\(permissions)\n".utf8) + key
        for place in spares {
            guard let found = (try? files.contentsIfPresent(place / spareName, limit: 16_384)) ?? nil,
                found == wanted, let lease = (try? files.occupy(place / leaseName)) ?? nil
            else { continue }
            let container = ScratchContainer(
                place: place, permissions: permissions, lease: lease, files: files)
            // Somebody may have had it meanwhile, or removed it.
            guard has(container.spare, files), (try? files.remove(container.begun)) != nil,
                (try? files.remove(container.spare)) != nil
            else {
                container.release()
                continue
            }
            if (try? container.clean(but: name)) != nil { return container }
            try? container.remove()
        }
        return nil
    }

    private static func newPermissions(in parent: FilePath, _ origin: Repository) -> UInt16? {
        let files = origin.environment.files
        let probe = named(parent / "\(prefix)\(Hex.text(origin.environment.random(4)))", newSuffix)
        guard (try? files.makeDirectory(probe, permissions: 0o777)) != nil else { return nil }
        defer { try? files.removeDirectory(probe) }
        return ((try? files.status(probe)) ?? nil)?.permissions
    }

    /// Leaves what a new one would have beside its tree.
    private func clean(but name: [UInt8]) throws(FileError) {
        for found in try files.names(in: place)
        where found != name && found != Array(Self.leaseName.utf8) {
            try Self.removeAll(place.appending(found), files)
        }
        try files.setPermissions(place, permissions)
        try Self.writeIgnoreFiles(place, files)
    }

    private static func all(
        in parent: FilePath, suffix: String = "", _ files: any FileSystem
    ) -> [FilePath] {
        let names = (try? files.names(in: parent)) ?? []
        return names.filter { name in
            let digits = name.dropFirst(prefix.utf8.count).dropLast(suffix.utf8.count)
            return name.starts(with: prefix.utf8) && name.suffix(suffix.utf8.count).elementsEqual(suffix.utf8)
                && digits.count == 8 && Hex.bytes(String(decoding: digits, as: UTF8.self)) != nil
        }.map { parent.appending($0) }
    }

    private static func named(_ place: FilePath, _ suffix: String) -> FilePath {
        place.parent.appending(place.name + Array(suffix.utf8))
    }

    private static func has(_ path: FilePath, _ files: any FileSystem) -> Bool {
        ((try? files.status(path)) ?? nil) != nil
    }

    // MARK: What becomes of it

    /// Its tree is whole, and a run begins there.
    func begin() throws(RepositoryError) { try write(begun, []) }

    /// Lets another run have it.
    func spare(for key: [UInt8]) throws(RepositoryError) {
        try write(spare, Array("\(permissions)\n".utf8) + key)
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
        try filing { () throws(FileError) in
            // What was mounted there is another one's.
            if MountPoints.isAny(below: place, files) { throw FileError.mounted(place) }
            // From here on it is nobody's, whatever is still there.
            let gone = Self.named(place, Self.goneSuffix)
            let isMoved = (try? files.move(place, to: gone)) != nil
            let rest = isMoved ? gone : place
            // Somebody who ends just then may look whether it is left, and be in the way for a moment.
            if (try? Self.removeAll(rest, files)) == nil { try Self.removeAll(rest, files) }
        }
    }

    /// Removes what no run needs: all that is spare where no run is left, and what was never finished.
    static func clear(_ parent: FilePath, _ files: any FileSystem) {
        var idle: [ScratchContainer] = []
        var isBusy = false
        for place in all(in: parent, files) + all(in: parent, suffix: newSuffix, files)
        where has(place / leaseName, files) {
            // One that is somebody else's is none of ours to look at.
            do throws(FileError) {
                if let lease = try files.occupy(place / leaseName) {
                    idle.append(ScratchContainer(place: place, permissions: 0, lease: lease, files: files))
                } else {
                    isBusy = true
                }
            } catch { continue }
        }
        for container in idle {
            let isSpare = has(container.spare, files)
            if isSpare && !isBusy || !isSpare && !has(container.begun, files) && isOld(container, files) {
                try? container.remove()
            } else {
                container.release()
            }
        }
        // Whoever removes one has its lease until nothing else is left.
        for gone in all(in: parent, suffix: goneSuffix, files)
        where has(gone / leaseName, files) && !MountPoints.isAny(below: gone, files) {
            guard let lease = (try? files.occupy(gone / leaseName)) ?? nil else { continue }
            try? removeAll(gone, files)
            files.close(lease)
        }
    }

    /// Whether it was made so long ago that nobody is at it any more, also where nothing can be locked.
    private static func isOld(_ container: ScratchContainer, _ files: any FileSystem) -> Bool {
        guard let status = (try? files.status(container.place / leaseName)) ?? nil else { return false }
        return Int64(time(nil)) - status.modified / 1_000_000_000 > longest
    }

    /// In seconds.
    private static let longest: Int64 = 3_600

    /// Removes a file, or a directory with all that is in it; links are removed, and not followed.
    private static func removeAll(_ path: FilePath, _ files: any FileSystem) throws(FileError) {
        guard let status = try files.status(path) else { return }
        guard status.kind == .directory else { return try files.removeIfPresent(path) }
        // A run may have closed it.
        if status.permissions & 0o700 != 0o700 {
            try? files.setPermissions(path, status.permissions | 0o700)
        }
        // By its lease it is known as ours until nothing else is left.
        let names = try files.names(in: path)
        let last = names.filter { $0 == Array(leaseName.utf8) }
        for name in names.filter({ !last.contains($0) }) + last {
            try removeAll(path.appending(name), files)
        }
        try files.removeDirectory(path)
    }
}
