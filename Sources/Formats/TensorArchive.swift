/// Tensors in zip archives: what PyTorch's `save` has written since version 1.6, and NumPy's `savez`.
enum TensorArchive {
    /// The member of PyTorch's archives that says what the others are, beside which these lie in `data/`.
    private static let list = Array("/data.pkl".utf8)
    private static let byteOrder = Array("/byteorder".utf8)
    private static let little = Array("little".utf8)
    private static let arrayEnding = Array(".npy".utf8)
    /// So many members are looked at.
    private static let memberLimit = 1 << 18

    static func tensors(in source: ByteSource) -> [TensorEntry]? {
        guard let directory = ZipDirectory(source), directory.members.count <= memberLimit else { return nil }
        if let list = directory.members.first(where: { $0.name.hasSuffix(list) }) {
            return pickled(list, directory, source)
        }
        let arrays = directory.members.filter { $0.name.hasSuffix(arrayEnding) }
        return arrays.compactMap { member in
            directory.range(of: member, in: source).flatMap { range in
                NumpyHeader.tensor(in: source, range, name: member.name.dropLast(arrayEnding.count))
            }
        }
    }

    private static func pickled(
        _ list: ZipDirectory.Member, _ directory: ZipDirectory, _ source: ByteSource
    ) -> [TensorEntry]? {
        guard list.length <= PickledTensors.lengthLimit, let range = directory.range(of: list, in: source),
            let bytes = source.bytes(at: range.lowerBound, count: range.count)
        else { return nil }
        let prefix = list.name.dropLast(Self.list.count)
        var members: [[UInt8]: ZipDirectory.Member] = [:]
        for member in directory.members { members[member.name] = member }
        if let order = members[prefix + byteOrder] {
            guard order.length == little.count, let range = directory.range(of: order, in: source),
                source.bytes(at: range.lowerBound, count: range.count) == little
            else { return nil }
        }
        guard let storages = PickledTensors.storages(bytes) else { return nil }
        return storages.compactMap { storage in
            guard let member = members[prefix + Array("/data/".utf8) + storage.key],
                TensorEntry.byteCount(of: storage.type, storage.shape) == member.length,
                let range = directory.range(of: member, in: source)
            else { return nil }
            return TensorEntry(name: storage.name, type: storage.type, shape: storage.shape, range: range)
        }
    }
}

extension [UInt8] {
    fileprivate func hasSuffix(_ ending: [UInt8]) -> Bool { suffix(ending.count).elementsEqual(ending) }

    fileprivate func dropLast(_ count: Int) -> [UInt8] { Array(prefix(Swift.max(0, self.count - count))) }
}
