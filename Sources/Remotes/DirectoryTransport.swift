package import FileIO
internal import Hashing
internal import ObjectModel

/// A store in a directory, on a disk of this machine or one that several machines share.
///
/// No locks are taken, and nothing is mapped: a file server has neither to be relied upon.
package struct DirectoryTransport: Transport {
    package let name: String
    private let root: FilePath
    private let files: any FileSystem
    private let directoryPermissions: UInt16
    private let random: @Sendable (Int) -> [UInt8]

    /// - Parameters:
    ///   - name: What errors call it.
    ///   - root: The directory that holds the store's `format`.
    ///   - directoryPermissions: Bits that new directories get beyond those of the owner and the umask.
    ///   - random: Hands out that many random bytes.
    package init(
        name: String, root: FilePath, files: any FileSystem, directoryPermissions: UInt16 = 0o777,
        random: @escaping @Sendable (Int) -> [UInt8]
    ) {
        (self.name, self.root, self.files, self.random) = (name, root.normalized, files, random)
        self.directoryPermissions = directoryPermissions
    }

    // MARK: Reading

    package func read(
        _ pieces: [FilePiece], _ body: (Int, PieceContent?) throws(TransportError) -> Void
    ) throws(TransportError) {
        for (position, piece) in pieces.enumerated() { try body(position, try read(piece)) }
    }

    private func read(_ piece: FilePiece) throws(TransportError) -> PieceContent? {
        try calling { () throws(FileError) in
            let path = root.appending(piece.path.bytes)
            let file: FileDescriptor
            do throws(FileError) { file = try files.open(path) } catch {
                guard error.isNotFound else { throw error }
                return nil
            }
            defer { files.close(file) }
            let length = try files.status(of: file).size
            guard let range = piece.part.range(ofLength: length) else { throw .tooLarge(path) }
            var bytes = [UInt8](repeating: 0, count: range.count)
            let count = try files.read(file, filling: &bytes, at: range.lowerBound)
            bytes.removeLast(bytes.count - count)
            return PieceContent(bytes: bytes, fileLength: length)
        }
    }

    package func properties(of paths: [FilePath]) throws(TransportError) -> [FileProperties?] {
        try calling { () throws(FileError) in
            var found: [FileProperties?] = []
            for path in paths {
                let status = try files.status(root.appending(path.bytes))
                let file = status.flatMap { $0.kind == .file ? $0 : nil }
                found.append(file.map { FileProperties(length: $0.size, modified: $0.modified) })
            }
            return found
        }
    }

    package func names(in directory: FilePath) throws(TransportError) -> [[UInt8]] {
        try calling { () throws(FileError) in
            do throws(FileError) { return try files.names(in: root.appending(directory.bytes)) } catch {
                guard error.isNotFound else { throw error }
                return []
            }
        }
    }

    // MARK: Writing

    package func create(_ path: FilePath, _ bytes: [UInt8]) throws(TransportError) -> Bool {
        try calling { () throws(FileError) in
            let target = root.appending(path.bytes)
            try makeDirectories(target.parent)
            let temporary = root / ("tmp/create-\(Hex.text(random(8)))")
            defer { try? files.removeIfPresent(temporary) }
            try write(bytes, to: temporary)
            try files.synchronizeDirectory(target.parent)
            guard try files.linkIfFree(temporary, to: target) else { return false }
            try files.synchronizeDirectory(target.parent)
            return true
        }
    }

    private func write(_ bytes: [UInt8], to path: FilePath) throws(FileError) {
        try makeDirectories(path.parent)
        let file = try files.create(path, permissions: 0o444)
        defer { files.close(file) }
        do throws(FileError) {
            try files.write(file, bytes)
            try files.synchronize(file)
        } catch { throw FileError(error.operation, path, code: error.code) }
    }

    package func upload(_ upload: Upload, progress: (Int) -> Void) throws(TransportError) -> Bool {
        if try properties(of: [upload.path]).first.flatMap({ $0 }) != nil { return false }
        var reported = 0
        for isLast in [false, true] {
            let file = try partialFile(upload.partial)
            progress(file.length - reported)
            reported = file.length
            var buffer = [UInt8](repeating: 0, count: 1 << 20)
            while file.length < upload.length {
                let count = try reading { () throws(FileError) in
                    try upload.content.read(filling: &buffer, at: file.length)
                }
                guard count > 0 else { break }
                do throws(FileError) { try file.append(buffer[..<count]) } catch {
                    guard error.isExists else { throw TransportError(error) }
                    throw TransportError(.unreachable, "another upload of the same file is at work")
                }
                progress(count)
                reported += count
            }
            if let isNew = try finish(file, as: upload.path, length: upload.length, digest: upload.digest) {
                return isNew
            }
            if isLast { break }
        }
        throw TransportError(.failed, "\(upload.content.label) changed while it was read")
    }

    package func remove(_ paths: [FilePath]) throws(TransportError) {
        try calling { () throws(FileError) in
            for path in paths { try files.removeIfPresent(root.appending(path.bytes)) }
        }
    }

    // MARK: Unfinished files

    /// Goes on with an unfinished file, or begins it.
    func partialFile(_ path: FilePath) throws(TransportError) -> PartialFile {
        try calling { () throws(FileError) in
            try makeDirectories((root.appending(path.bytes)).parent)
            return try PartialFile(root.appending(path.bytes), files: files)
        }
    }

    /// Gives a file its name, once it is all there.
    ///
    /// - Returns: Whether it got the name; not, if that was taken. Nothing if the file has other bytes than it should: then it is gone.
    func finish(
        _ file: PartialFile, as path: FilePath, length: Int, digest: Digest
    ) throws(TransportError) -> Bool? {
        try calling { () throws(FileError) in
            let found = file.length == length ? try file.digest() : nil
            guard found == digest else {
                try files.removeIfPresent(file.path)
                return nil
            }
            try file.synchronize()
            let target = root.appending(path.bytes)
            try makeDirectories(target.parent)
            // Before it has its name: whoever finds an unfinished file that cannot be written knows that it may have one.
            try files.setPermissions(file.path, 0o444)
            let isNew = try files.linkIfFree(file.path, to: target)
            try files.synchronizeDirectory(target.parent)
            try files.removeIfPresent(file.path)
            return isNew
        }
    }

    /// Makes a directory of the store, durably; the store itself has to be there.
    private func makeDirectories(_ directory: FilePath) throws(FileError) {
        guard directory != root else { return }
        try files.makeDirectories(directory, permissions: directoryPermissions, below: root)
        // Also where one was there: who made it may not have come to make its name durable.
        var made = directory
        while made != root, made != made.parent {
            made = made.parent
            try files.synchronizeDirectory(made)
        }
    }

    /// What went wrong, without where the store lies: whoever reaches it from outside need not know.
    func outside(_ error: TransportError) -> TransportError {
        TransportError(
            error.kind, error.problem.replacing("\(root)/", with: "").replacing("\(root)", with: "."))
    }

    /// Runs calls on files of this side.
    private func reading<Result>(_ body: () throws(FileError) -> Result) throws(TransportError) -> Result {
        do throws(FileError) { return try body() } catch { throw TransportError(.failed, "\(error)") }
    }

    private func calling<Result>(_ body: () throws(FileError) -> Result) throws(TransportError) -> Result {
        do throws(FileError) { return try body() } catch { throw TransportError(error) }
    }
}

extension FileSystem {
    /// Gives a file a second name, if that is free; a new name where the file system has no second ones.
    ///
    /// - Returns: Whether it got the name.
    fileprivate func linkIfFree(_ path: FilePath, to other: FilePath) throws(FileError) -> Bool {
        do throws(FileError) { try link(path, to: other) } catch {
            if error.isExists { return false }
            guard error.isNoLink else { throw error }
            // Of two who do the same at this moment one fails, wherever the system can move without replacing.
            do throws(FileError) { try move(path, to: other) } catch {
                guard error.isExists else { throw error }
                return false
            }
        }
        return true
    }
}
