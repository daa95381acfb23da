internal import Chunking
internal import FileIO
internal import Formats

extension TensorFile {
    /// Reads what an open file says of its tensors; nothing if it is another file, or has none that are worth it.
    ///
    /// What cannot be read is found out by whoever reads it next.
    init?(reading file: FileDescriptor, _ size: Int, _ files: any FileSystem) {
        let source = ByteSource(length: size) { offset, count in
            var bytes = [UInt8](repeating: 0, count: count)
            return (try? files.read(file, filling: &bytes, from: 0, at: offset)) == count ? bytes : nil
        }
        guard let index = TensorIndex(source) else { return nil }
        self.init(index)
        guard cutRule == TensorCutter.rule || pieces.contains(where: { $0.tensor != nil }) else { return nil }
    }

    /// Bytes of a file in which its first tensor's type is looked for.
    private static let typeReach = 16_384

    /// Bytes of an element of a file's first tensor, 0 where its type is not known; nothing if it is no file of tensors.
    static func elementWidth(in path: FilePath, _ files: any FileSystem) -> Int? {
        guard let bytes = try? files.bytes(of: path, at: 0, count: typeReach) else { return nil }
        if let width = SafetensorsHeader.firstElementWidth(in: bytes) { return width }
        guard let file = try? files.open(path) else { return nil }
        defer { files.close(file) }
        guard let size = try? files.status(of: file).size,
            let tensors = TensorFile(reading: file, size, files)
        else { return nil }
        return tensors.tensors.first?.elementWidth ?? 0
    }
}
