package import FileIO
internal import Hashing
package import ObjectModel

extension Snapshot {
    /// The id of a file's content, wherever the file lies.
    package static func digest(
        of path: FilePath, _ files: any FileSystem, onStep: (WorkStep) -> Void = { _ in }
    ) throws(FileError) -> ObjectID {
        if let size = try files.status(path)?.size { onStep(.planned(files: 1, bytes: size)) }
        let file = try files.open(path)
        defer { files.close(file) }
        var digest = SHA256()
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        var offset = 0
        while true {
            let result = buffer.withUnsafeMutableBytes { bytes -> Swift.Result<Int, FileError> in
                do throws(FileError) {
                    let count = try files.read(file, into: bytes, at: offset)
                    digest.update(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
                    return .success(count)
                } catch { return .failure(error) }
            }
            let count = try result.get()
            if count == 0 {
                onStep(.file)
                return ObjectID(digest.finish())
            }
            offset += count
            onStep(.bytes(count))
        }
    }
}
