package import FileIO
package import Storage
internal import Synchronization

/// The bytes of an upload, which do not change: read from any offset, and again where an upload is gone on with.
package protocol UploadContent: Sendable {
    /// What errors call it.
    var label: String { get }

    /// Fills memory with bytes from an offset on.
    ///
    /// - Returns: How much came before the end.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileError) -> Int
}

extension UploadContent {
    /// Fills an array with bytes from an offset on.
    ///
    /// - Returns: How much came before the end.
    package func read(filling bytes: inout [UInt8], at offset: Int) throws(FileError) -> Int {
        let result = bytes.withUnsafeMutableBytes { buffer -> Result<Int, FileError> in
            do throws(FileError) { return .success(try read(into: buffer, at: offset)) } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }
}

extension ComposedPack: UploadContent {
    package var label: String { "pack \(name)" }
}

/// A file of this side, which is opened when it is read first.
package final class FileContent: UploadContent {
    private let path: FilePath
    private let files: any FileSystem
    private let file = Mutex<FileDescriptor?>(nil)

    package init(_ path: FilePath, files: any FileSystem) { (self.path, self.files) = (path, files) }

    deinit { file.withLock { file in if let file { files.close(file) } } }

    package var label: String { "\(path)" }

    package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileError) -> Int {
        let result = file.withLock { file -> Result<FileDescriptor, FileError> in
            do throws(FileError) {
                let opened = if let file { file } else { try files.open(path) }
                file = opened
                return .success(opened)
            } catch { return .failure(error) }
        }
        return try files.fill(buffer, from: try result.get(), at: offset)
    }
}
