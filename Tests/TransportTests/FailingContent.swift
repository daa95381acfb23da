import FileIO
import Remotes
import Synchronization

/// What an upload brings, and what cannot be read from some byte on.
final class FailingContent: UploadContent {
    private let base: any UploadContent
    private let limit: Int
    private let failed = Mutex(false)

    init(_ base: any UploadContent, at limit: Int) { (self.base, self.limit) = (base, limit) }

    var label: String { base.label }
    /// Whether something was asked for that fails.
    var hasFailed: Bool { failed.withLock { $0 } }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileError) -> Int {
        guard offset + buffer.count <= limit || buffer.isEmpty else {
            failed.withLock { $0 = true }
            throw FileError("read", "the source", code: CountingSource.failure)
        }
        return try base.read(into: buffer, at: offset)
    }
}
