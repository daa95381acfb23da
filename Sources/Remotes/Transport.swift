package import FileIO
package import Hashing

/// A place where the files of one store lie, however it is reached: the one seam of remotes.
///
/// It has what moving packs and extending a log need, and nothing more: nothing that is there is ever overwritten. Paths are those
/// of the store's layout, relative to it (`log/new/…`, `packs/…`). Calls block, and may come from any thread. What can be asked for at
/// once is asked for in one call, so that an implementation may have many requests on their way at a time.
package protocol Transport: Sendable {
    /// What errors call it.
    var name: String { get }

    /// Reads files, or parts of them.
    ///
    /// - Parameter body: Gets what was asked for, in that order: its position, and nothing where there is no such file. What it throws
    ///   ends the reading.
    func read(
        _ pieces: [FilePiece], _ body: (Int, PieceContent?) throws(TransportError) -> Void
    ) throws(TransportError)

    /// What is known of files; nothing of those that are not there.
    func properties(of paths: [FilePath]) throws(TransportError) -> [FileProperties?]

    /// The names in a directory, in any order; none where there is no such directory.
    ///
    /// They may be those of a moment ago.
    func names(in directory: FilePath) throws(TransportError) -> [[UInt8]]

    /// Makes a small file under a name that is free, all or nothing, with the directories above it.
    ///
    /// When this returns, it is durable, and so are the names that were in its directory before.
    /// - Returns: Whether this call made it; not, if the name was taken. After an error it may have been made or not.
    func create(_ path: FilePath, _ bytes: [UInt8]) throws(TransportError) -> Bool

    /// Makes a file of any size under a name that is free, with the directories above it, and makes it durable.
    ///
    /// What an earlier call for the same upload left unfinished is gone on with. The digest is compared before the file gets its name,
    /// where the other side can compute it.
    /// - Parameter progress: Takes how many bytes are there now, since it was called last.
    /// - Returns: Whether this call made it; not, if the name was taken.
    func upload(_ upload: Upload, progress: (Int) -> Void) throws(TransportError) -> Bool

    /// Removes files; those that are not there are passed over.
    func remove(_ paths: [FilePath]) throws(TransportError)
}

/// A file that is to be read, or a part of it.
package struct FilePiece: Hashable, Sendable {
    package enum Part: Hashable, Sendable {
        /// All of it; if it is longer than so many bytes, that is an error.
        case whole(limit: Int)
        /// From an offset on, fewer bytes where the file ends.
        case range(offset: Int, length: Int)
        /// The last bytes, or all where it has fewer.
        case end(length: Int)

        /// Where that is in a file of some length; nothing if it is all of one that is too long.
        func range(ofLength length: Int) -> Range<Int>? {
            switch self {
            case .whole(let limit): return length <= limit ? 0..<length : nil
            case .range(let offset, let wanted):
                let start = offset < 0 ? length : min(offset, length)
                return start..<start + min(max(0, wanted), length - start)
            case .end(let wanted): return length - min(max(0, wanted), length)..<length
            }
        }
    }

    package let path: FilePath
    package let part: Part

    package init(_ path: FilePath, _ part: Part) { (self.path, self.part) = (path, part) }
}

/// What was read of a file.
package struct PieceContent: Hashable, Sendable {
    package let bytes: [UInt8]
    /// Of the whole file, in bytes.
    package let fileLength: Int

    package init(bytes: [UInt8], fileLength: Int) { (self.bytes, self.fileLength) = (bytes, fileLength) }
}

/// What is known of a file.
package struct FileProperties: Hashable, Sendable {
    /// In bytes.
    package let length: Int
    /// By the clock of the other side, in nanoseconds since 1970-01-01T00:00:00Z.
    package let modified: Int64

    package init(length: Int, modified: Int64) { (self.length, self.modified) = (length, modified) }
}

/// A file that is to come to the other side.
package struct Upload: Sendable {
    /// The name that it gets.
    package let path: FilePath
    /// Who uploads, as a file name: two who upload the same file do not write into the same unfinished one.
    package let owner: String
    package let length: Int
    /// SHA-256 of the file.
    package let digest: Digest
    package let content: any UploadContent

    package init(
        to path: FilePath, owner: String, length: Int, digest: Digest, content: any UploadContent
    ) {
        (self.path, self.owner, self.length, self.digest) = (path, owner, length, digest)
        self.content = content
    }

    /// Where it lies as long as it is not all there.
    package var partial: FilePath { Self.partial(of: path, owner: owner) }

    /// Where a file lies as long as somebody has not brought all of it.
    static func partial(of path: FilePath, owner: String) -> FilePath {
        FilePath("tmp") / "upload-\(owner)-\(String(decoding: path.name, as: UTF8.self))"
    }
}

/// Why something could not be done on the other side.
package struct TransportError: Error, Equatable, CustomStringConvertible {
    package enum Kind: Hashable, Sendable {
        /// The way there fails, or nobody answers in time: the same may succeed later.
        case unreachable
        /// It may not be done.
        case denied
        /// There is no room.
        case full
        /// It cannot be done there at all.
        case unsupported
        /// What came is not what can have been sent.
        case malformed
        /// A file, or the whole store, is not there.
        case absent
        /// The system there, or a file here, failed.
        case failed
        /// Whoever asked wants no more.
        case stopped
    }

    package let kind: Kind
    package let problem: String
    /// How the program ended that led to the other side, where that is why.
    package let end: ProcessPipe.End?

    package init(_ kind: Kind, _ problem: String, end: ProcessPipe.End? = nil) {
        (self.kind, self.problem, self.end) = (kind, problem, end)
    }

    package init(_ error: FileError) {
        let kind: Kind =
            error.isFull ? .full : error.isDenied ? .denied : error.isNotFound ? .absent : .failed
        self.init(kind, "\(error)")
    }

    package var description: String { problem }
}
