internal import Chunking
internal import FileIO
internal import Formats

extension TensorFile {
    /// Reads what an open file says of its tensors; nothing if it is another file, or has none that are worth it.
    ///
    /// What cannot be read is found out by whoever reads it next.
    init?(reading file: FileDescriptor, _ size: Int, _ files: any FileSystem) {
        guard let index = TensorIndex(Self.source(file, size, files)) else { return nil }
        self.init(index)
        guard cutRule == TensorCutter.rule || pieces.contains(where: { $0.tensor != nil }) else { return nil }
    }

    /// The length that an open file should have by its header, if it has another one.
    static func contradictedLength(of file: FileDescriptor, _ size: Int, _ files: any FileSystem) -> Int? {
        TensorIndex.contradictedLength(of: source(file, size, files))
    }

    private static func source(_ file: FileDescriptor, _ size: Int, _ files: any FileSystem) -> ByteSource {
        ByteSource(length: size) { offset, count in
            var bytes = [UInt8](repeating: 0, count: count)
            return (try? files.read(file, filling: &bytes, from: 0, at: offset)) == count ? bytes : nil
        }
    }

    /// Bytes of an element of most of a file of tensors, 0 where that is not known; nothing if it is another file.
    ///
    /// Most by bytes: a model whose first tensor is a counter of 64 bits is a model of the type of its weights.
    static func elementWidth(in path: FilePath, _ files: any FileSystem) -> Int? {
        guard let file = try? files.open(path) else { return nil }
        defer { files.close(file) }
        guard let size = try? files.status(of: file).size,
            let tensors = TensorFile(reading: file, size, files)
        else { return nil }
        return tensors.commonWidth
    }
}
