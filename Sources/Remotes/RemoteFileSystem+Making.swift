package import FileIO
internal import Hashing
internal import Synchronization

// What comes into the other store, and what goes there.
extension RemoteFileSystem {
    package func create(_ path: FilePath, permissions: UInt16) throws(FileError) -> FileDescriptor {
        let file = try file(here: path)
        if path.name.starts(with: "clock-".utf8) { return note(.clock(try clock(path))) }
        try own.makeDirectories(file.parent, permissions: 0o777)
        return note(.here(try own.create(file, permissions: permissions)))
    }

    /// What the other side says of a file that is made there now.
    private func clock(_ path: FilePath) throws(FileError) -> FileProperties {
        let relative = FilePath("tmp").appending(path.name)
        let found = try calling("create", path) { () throws(TransportError) in
            _ = try transport.create(relative, [])
            return try self.properties(of: [relative])
        }
        guard let properties = found.first.flatMap({ $0 }) else { throw FileError("create", path, .absent) }
        return properties
    }

    package func extend(_ path: FilePath) throws(FileError) -> FileDescriptor {
        note(.here(try own.extend(try file(here: path))))
    }

    package func write(_ file: FileDescriptor, _ bytes: UnsafeRawBufferPointer) throws(FileError) {
        guard case .here(let own) = state.withLock({ $0.handles[file] }) else {
            throw .unsupported("write to", root)
        }
        try self.own.write(own, bytes)
    }

    /// Gives a file that was made the name that makes it part of the store: it goes there.
    package func link(_ path: FilePath, to other: FilePath) throws(FileError) {
        let source = try file(here: path)
        guard case .there(let relative) = try place(other) else {
            return try own.link(source, to: try file(here: other))
        }
        let isNew: Bool
        if relative.bytes.starts(with: "packs/".utf8) {
            let (length, digest) = try digest(of: source)
            let upload = Upload(
                to: relative, owner: owner, length: length, digest: digest,
                content: FileContent(source, files: own))
            isNew = try calling("link", other) { () throws(TransportError) in
                try transport.upload(upload) { _ in }
            }
        } else {
            let bytes = try own.contents(source, limit: Self.smallLimit)
            isNew = try calling("link", other) { () throws(TransportError) in
                try transport.create(relative, bytes)
            }
        }
        if !isNew { throw .exists(other) }
    }

    private func digest(of file: FilePath) throws(FileError) -> (length: Int, digest: Digest) {
        let open = try own.open(file)
        defer { own.close(open) }
        var (hash, length) = (SHA256(), 0)
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = try own.read(open, filling: &buffer, at: length)
            if count == 0 { return (length, hash.finish()) }
            buffer.withUnsafeBytes { hash.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
            length += count
        }
    }

    package func rename(_ path: FilePath, to other: FilePath) throws(FileError) {
        let (source, target) = (try file(here: path), try file(here: other))
        try own.makeDirectories(target.parent, permissions: 0o777)
        try own.rename(source, to: target)
    }

    package func remove(_ path: FilePath) throws(FileError) {
        let relative: FilePath
        switch try place(path) {
        case .here(let file):
            guard path.parent == root / "tmp", try own.status(file) == nil, let tail = path.relative(to: root)
            else { return try own.remove(file) }
            relative = FilePath(tail)
        case .there(let tail): relative = tail
        }
        state.withLock { ($0.packs[relative], $0.ahead[relative]) = (nil, nil) }
        try calling("remove", path) { () throws(TransportError) in try transport.remove([relative]) }
    }

    // MARK: What needs nothing

    /// Directories come with what is in them.
    package func makeDirectory(_ path: FilePath, permissions: UInt16) throws(FileError) {
        if case .here(let file) = try place(path) {
            try own.makeDirectories(file, permissions: permissions)
        }
    }

    /// What gets its name there is durable there.
    package func synchronize(_ file: FileDescriptor) throws(FileError) {}
    package func synchronizeDirectory(_ path: FilePath) throws(FileError) {}
    package func synchronizeAll(below directory: FilePath) throws(FileError) {}

    /// Who may do what there is for the other side to say.
    package func setPermissions(_ path: FilePath, _ permissions: UInt16) throws(FileError) {}
    package func setGroup(_ path: FilePath, _ group: UInt32) throws(FileError) {}

    package func makeLink(_ path: FilePath, target: [UInt8]) throws(FileError) {
        throw .unsupported("link", path)
    }

    package func removeDirectory(_ path: FilePath) throws(FileError) {
        throw .unsupported("remove", path)
    }
}
