internal import Coding
internal import FileIO
package import ObjectModel

/// How much of what lies in a store's live packs, and in its log.
package struct StoreStatistics: Sendable {
    /// What one kind of object takes.
    package struct Share: Sendable {
        package var count = 0
        /// Bytes of the payloads of objects, or of the raw contents of frames.
        package var rawBytes = 0
        /// Bytes of frames, headers and tables included; 0 for objects, as they share frames.
        package var storedBytes = 0
    }

    package let packs: Int
    /// Length of the live packs.
    package let packBytes: Int
    /// Of the log's entries, tiles and lists, less ``sealedBytes``.
    package let logBytes: Int
    /// Of the files of entries that lie in tiles, too, and stay for a day.
    package let sealedBytes: Int
    /// Indexes of the live packs.
    package let indexBytes: Int
    package private(set) var objects = Share()
    package private(set) var kinds: [ObjectKind: Share] = [:]
    package private(set) var codecs: [String: Share] = [:]

    /// Adds up the indexes of all packs; of every frame the header is read.
    package init(_ store: ObjectStore) throws(StoreError) {
        let live = store.packs
        packs = live.count
        packBytes = live.reduce(0) { $0 + $1.index.fileLength }
        indexBytes = live.reduce(0) { $0 + $1.index.indexLength }
        // In this order: what goes meanwhile must not be taken off and missing.
        let log = try Self.size(of: store.layout.log, store.files)
        sealedBytes = try Self.sealedBytes(store)
        logBytes = log - sealedBytes
        for pack in live { try add(pack) }
    }

    private mutating func add(_ pack: PackReader) throws(StoreError) {
        for position in 0..<pack.index.entryCount {
            // The recipe's own entry counts it.
            guard let (reference, place) = pack.index.entry(position), !place.isRecipe else { continue }
            kinds[reference.kind, default: Share()].count += 1
            kinds[reference.kind, default: Share()].rawBytes += place.length
            objects.count += 1
            objects.rawBytes += place.length
        }
        for number in 0..<pack.index.frameCount {
            let header = try pack.header(of: number)
            guard let header, let codec = Codec(rawValue: header.codec) else { continue }
            codecs[codec.name, default: Share()].count += 1
            codecs[codec.name, default: Share()].rawBytes += header.rawLength
            codecs[codec.name, default: Share()].storedBytes += header.totalLength
        }
    }

    /// The length of the files that go when their names' grace is over; the newest entry's stays.
    private static func sealedBytes(_ store: ObjectStore) throws(StoreError) -> Int {
        var isSealed: [Int: Bool] = [:]
        var bytes = 0
        for number in try store.log.namedEntries() where number < store.current.number {
            let tile = number / OperationLog.tileWidth
            let known = isSealed[tile]
            let isThere =
                if let known { known } else {
                    try filing { () throws(FileError) in
                        try store.files.status(store.layout.tile("entries", tile)) != nil
                    }
                }
            isSealed[tile] = isThere
            guard isThere else { continue }
            bytes += try filing { () throws(FileError) in
                try store.files.status(store.layout.entry(number))?.size ?? 0
            }
        }
        return bytes
    }

    /// The length of all files in a directory and beneath it.
    private static func size(of directory: FilePath, _ files: any FileSystem) throws(StoreError) -> Int {
        var listing = DirectoryListing()
        try filing { () throws(FileError) in try files.list(directory, into: &listing) }
        var bytes = 0
        for index in 0..<listing.count {
            if listing.status(index).kind == .directory {
                bytes += try size(of: directory.appending(listing.name(index)), files)
            } else {
                bytes += listing.status(index).size
            }
        }
        return bytes
    }
}
