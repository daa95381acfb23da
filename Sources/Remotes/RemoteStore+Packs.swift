internal import FileIO
internal import Hashing
internal import ObjectModel
package import Storage

extension RemoteStore {
    /// What is known of the files of packs; nothing of those that are not there.
    package func properties(of packs: [PackName]) throws(RemoteError) -> [FileProperties?] {
        let paths = try storing { () throws(StoreError) -> [FilePath] in
            var paths: [FilePath] = []
            for pack in packs { paths.append(try path(of: pack)) }
            return paths
        }
        return try calling { () throws(TransportError) in try transport.properties(of: paths) }
    }

    /// Whether some of a pack's file is there, which has not got its name.
    func hasPartial(of pack: PackName, owner: String) throws(RemoteError) -> Bool {
        let path = try storing { () throws(StoreError) in try self.path(of: pack) }
        let found = try calling { () throws(TransportError) in
            try transport.properties(of: [Upload.partial(of: path, owner: owner)])
        }
        return found.first.flatMap { $0 } != nil
    }

    /// Removes what an upload that was cut off right behind its end left: another name of the pack's file.
    func removePartial(of pack: PackName, owner: String) throws(RemoteError) {
        let path = try storing { () throws(StoreError) in try self.path(of: pack) }
        try calling { () throws(TransportError) in
            try transport.remove([Upload.partial(of: path, owner: owner)])
        }
    }

    /// Brings the file of a pack, which no entry names yet.
    ///
    /// - Returns: Whether it came now; not, if it was there.
    package func upload(
        _ pack: ComposedPack, owner: String, progress: (Int) -> Void
    ) throws(RemoteError) -> Bool {
        let path = try storing { () throws(StoreError) in try self.path(of: pack.name) }
        guard let digest = pack.name.digest?.digest else { return false }
        let upload = Upload(to: path, owner: owner, length: pack.length, digest: digest, content: pack)
        return try calling { () throws(TransportError) in
            do throws(TransportError) { return try transport.upload(upload, progress: progress) } catch {
                // A full disk is everybody's: the room goes back.
                if error.kind == .full { try? transport.remove([upload.partial]) }
                throw error
            }
        }
    }

    /// Reads the file of a pack again, and compares its digest with the one in its name.
    ///
    /// - Throws: ``StoreError/damaged(_:problem:)`` if it is another one.
    package func verify(_ pack: PackName, length: Int) throws(RemoteError) {
        let path = try storing { () throws(StoreError) in try self.path(of: pack) }
        var hash = SHA256()
        var (offset, come) = (0, 0)
        while offset < length {
            // A few at a time, so that requests need not wait for each other.
            let end = min(length, offset + 16 << 20)
            let pieces = stride(from: offset, to: end, by: 1 << 20).map {
                FilePiece(path, .range(offset: $0, length: min(1 << 20, end - $0)))
            }
            try calling { () throws(TransportError) in
                try transport.read(pieces) { _, content in
                    guard let content else { return }
                    hash.update(content.bytes)
                    come += content.bytes.count
                }
            }
            offset = end
        }
        guard come == length, hash.finish() == pack.digest?.digest else {
            throw RemoteError(
                name, .store(.damaged(layout.pack(pack), problem: "what is there is not what was sent")))
        }
    }

    /// Removes the file of a pack that no entry names.
    package func remove(_ pack: PackName) throws(RemoteError) {
        let path = try storing { () throws(StoreError) in try self.path(of: pack) }
        try calling { () throws(TransportError) in try transport.remove([path]) }
    }
}
