package import FileIO
internal import Hashing
package import ObjectModel
package import Storage

/// How much of a blob is somewhere already.
package struct BlobBeginning: Sendable {
    /// In bytes.
    package fileprivate(set) var length = 0
    fileprivate var chunks = 0
    /// Of these bytes.
    fileprivate var digest = SHA256()

    package init() {}
}

/// The bytes of a blob of any size, a piece at a time, verified as a whole.
package struct BlobStream: Sendable {
    private let store: ObjectStore
    private let id: ObjectID
    /// Of the blob, as a version has it.
    private let size: Int?
    private let found: ObjectStore.Found?
    /// Those who decode what is handed out next.
    private let ahead: ReadAhead?

    /// - Parameter size: Other bytes than so many are an error before they are read.
    package init(store: ObjectStore, id: ObjectID, size: Int? = nil) {
        self.init(store: store, id: id, size: size, found: nil, ahead: nil)
    }

    /// - Parameters:
    ///   - size: Other bytes than so many are an error before they are read.
    ///   - found: Where the blob lies, if that is known already.
    ///   - ahead: Decodes what is handed out next, on other threads.
    init(store: ObjectStore, id: ObjectID, size: Int?, found: ObjectStore.Found?, ahead: ReadAhead?) {
        self.ahead = ahead
        self.store = store
        self.id = id
        self.size = size
        self.found = found
    }

    /// Hands out the pieces in order.
    ///
    /// If the whole turns out to be another blob, the last thing is an error: who writes the pieces
    /// somewhere must not use them before this returns.
    ///
    /// - Parameters:
    ///   - checking: Whether each piece is checked by itself as well, before it is handed out: then a bad one is named, and taken
    ///     from elsewhere where a good one is.
    ///   - beginning: What is there already, and is not handed out.
    package func forEachPiece(
        checking: Bool = true, behind beginning: BlobBeginning = BlobBeginning(),
        _ body: (ArraySlice<UInt8>) throws(WorkingTreeError) -> Void
    ) throws(WorkingTreeError) {
        let reference = ObjectReference(.blob, id)
        guard let found = if let found { found } else { store.find(reference) } else {
            throw .object(.missing(reference))
        }
        guard found.place.isRecipe,
            let recipe = try reading({ () throws(ReadError) in try store.recipe(of: id) })
        else {
            let bytes = try reading { () throws(ReadError) in try store.payload(of: reference, at: found) }
            try require(bytes.count)
            return try body(bytes[...])
        }
        try require(recipe.length)
        var digest = beginning.digest
        let chunks = try chunks(of: recipe).dropFirst(beginning.chunks).map(\.self)
        let number = ahead?.begin(chunks)
        defer { if let number { ahead?.end(number) } }
        for (index, chunk) in chunks.enumerated() {
            if let number { ahead?.await(chunk, index, of: number) }
            let piece = try reading { () throws(ReadError) in
                try checking ? store.chunk(chunk)[...] : store.uncheckedChunk(chunk)
            }
            piece.withUnsafeBytes { digest.update($0) }
            try body(piece)
        }
        guard ObjectID(digest.finish()) == id else {
            throw .object(.damaged(ObjectReference(.blob, id), problem: "its chunks make other bytes"))
        }
    }

    /// How much of the blob a file has: as many pieces as are whole and right.
    ///
    /// Of a blob of one piece that is nothing.
    ///
    /// - Parameter file: Open for reading.
    func beginning(in file: FileDescriptor, _ files: any FileSystem) throws(WorkingTreeError) -> BlobBeginning
    {
        var beginning = BlobBeginning()
        guard let recipe = try reading({ () throws(ReadError) in try store.recipe(of: id) }) else {
            return beginning
        }
        let size = try working { () throws(FileError) in try files.status(of: file).size }
        for chunk in try chunks(of: recipe) where beginning.length + chunk.length <= size {
            var bytes = [UInt8](repeating: 0, count: chunk.length)
            let count = try working { () throws(FileError) in
                try files.read(file, filling: &bytes, at: beginning.length)
            }
            guard count == bytes.count, ObjectID(of: .blob, payload: bytes) == chunk.id else { break }
            bytes.withUnsafeBytes { beginning.digest.update($0) }
            beginning.length += count
            beginning.chunks += 1
        }
        return beginning
    }

    private func chunks(of recipe: Recipe) throws(WorkingTreeError) -> [ChunkEntry] {
        var chunks: [ChunkEntry] = []
        try reading { () throws(ReadError) in
            try recipe.forEachChunk(in: store) { (chunk) throws(ReadError) in chunks.append(chunk) }
        }
        return chunks
    }

    private func require(_ length: Int) throws(WorkingTreeError) {
        guard let size, size != length else { return }
        let problem = "it has \(length) bytes, and the version says \(size)"
        throw .object(.damaged(ObjectReference(.blob, id), problem: problem))
    }

    /// Whether some bytes are what a power cut can leave of this blob: its beginning, with zeros behind it.
    ///
    /// - Parameter file: Open for reading.
    package func isTorn(_ file: FileDescriptor, _ files: any FileSystem) throws(WorkingTreeError) -> Bool {
        var (offset, isTorn, isOver): (Int, Bool, Bool) = (0, true, false)
        try forEachPiece { (piece) throws(WorkingTreeError) in
            guard isTorn else { return }
            var found = [UInt8](repeating: 0, count: piece.count)
            let count = try working { () throws(FileError) in
                try files.read(file, filling: &found, at: offset)
            }
            if !isOver, Self.isSame(found, piece, count) {
                offset += count
                return
            }
            let same = zip(found[..<count], piece).prefix { $0 == $1 }.count
            if isOver || same < count {
                isTorn = found[(isOver ? 0 : same)..<count].allSatisfy { $0 == 0 }
                isOver = true
            }
            offset += count
        }
        return isTorn
    }

    private static func isSame(_ bytes: [UInt8], _ other: ArraySlice<UInt8>, _ count: Int) -> Bool {
        bytes.withUnsafeBytes { one in
            other.withUnsafeBytes { other in
                guard let a = one.baseAddress, let b = other.baseAddress else { return count == 0 }
                return compareBytes(a, b, min(count, other.count)) == 0
            }
        }
    }

    private func reading<Result>(_ body: () throws(ReadError) -> Result) throws(WorkingTreeError) -> Result {
        do throws(ReadError) { return try body() } catch { throw .object(error) }
    }
}
