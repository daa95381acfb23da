internal import FileIO
internal import ObjectModel

extension StoreLayout {
    /// The hashes of a full tile of the log, on some level; nothing if there is none, or it is not as long as it has to be.
    func hashTile(_ level: Int, _ position: Int, _ files: any FileSystem) throws(FileError) -> [ObjectID]? {
        let size = OperationLog.tileWidth * ObjectID.byteCount
        guard let bytes = try files.contentsIfPresent(tile("\(level)", position), limit: size),
            bytes.count == size
        else { return nil }
        var reader = ByteReader(bytes)
        var hashes: [ObjectID] = []
        while let hash = try? reader.id("a hash") { hashes.append(hash) }
        return hashes
    }
}
