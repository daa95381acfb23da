internal import FileIO
internal import Formats

extension TensorFile {
    /// Reads what an open file says of its tensors; nothing if it is another file.
    init?(reading file: FileDescriptor, _ size: Int, _ files: any FileSystem) throws(FileError) {
        func bytes(_ count: Int) throws(FileError) -> [UInt8] {
            var bytes = [UInt8](repeating: 0, count: count)
            return try files.read(file, filling: &bytes, from: 0, at: 0) == count ? bytes : []
        }
        let prefix = try bytes(SafetensorsHeader.prefixLength + 1)
        guard
            let length = prefix.withUnsafeBytes({ SafetensorsHeader.length(prefix: $0, fileLength: size) })
        else { return nil }
        let head = try bytes(length)
        guard let header = head.withUnsafeBytes({ SafetensorsHeader($0, fileLength: size) }) else {
            return nil
        }
        self.init(header)
    }

    /// Bytes of a file in which its first tensor's type is looked for.
    private static let typeReach = 16_384

    /// Bytes of an element of a file's first tensor; 0 where that cannot be told.
    static func elementWidth(in path: FilePath, _ files: any FileSystem) -> Int {
        let bytes = try? files.bytes(of: path, at: 0, count: typeReach)
        return bytes.flatMap { SafetensorsHeader.firstElementWidth(in: $0) } ?? 0
    }
}
