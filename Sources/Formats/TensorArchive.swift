internal import Synchronization

/// Tensors in zip archives: what PyTorch's `save` has written since version 1.6, and NumPy's `savez`.
enum TensorArchive {
    /// The member of PyTorch's archives that says what the others are, beside which these lie in `data/`.
    private static let list = Array("/data.pkl".utf8)
    private static let byteOrder = Array("/byteorder".utf8)
    private static let little = Array("little".utf8)
    private static let arrayEnding = Array(".npy".utf8)
    /// The longest name, in bytes, of the directory in an archive.
    private static let prefixLimit = 255
    /// One pickle is followed at a time, so that the memory that they take does not add up.
    private static let turn = Mutex(())

    static func tensors(in source: ByteSource) -> [TensorEntry]? {
        guard let directory = ZipDirectory(source) else { return nil }
        if let list = directory.members.first(where: { $0.name.hasSuffix(list) }) {
            return pickled(list, directory, source)
        }
        let arrays = directory.members.filter { $0.name.hasSuffix(arrayEnding) }
        return ZipDirectory.inOrder(arrays.map { ($0, ()) }, in: source) { _, member, range in
            NumpyHeader.tensor(in: source, range, name: member.name.dropLast(arrayEnding.count))
        }
    }

    private static func pickled(
        _ list: ZipDirectory.Member, _ directory: ZipDirectory, _ source: ByteSource
    ) -> [TensorEntry]? {
        guard list.name.count - Self.list.count <= prefixLimit, list.length <= PickledTensors.lengthLimit,
            let range = ZipDirectory.range(of: list, in: source),
            let bytes = source.bytes(at: range.lowerBound, count: range.count)
        else { return nil }
        let prefix = list.name.dropLast(Self.list.count)
        var members: [[UInt8]: ZipDirectory.Member] = [:]
        for member in directory.members { members[member.name] = member }
        if let order = members[prefix + byteOrder] {
            guard order.length == little.count, let range = ZipDirectory.range(of: order, in: source),
                source.bytes(at: range.lowerBound, count: range.count) == little
            else { return nil }
        }
        guard let storages = turn.withLock({ _ in PickledTensors.storages(bytes) }) else { return nil }
        let found = storages.compactMap { storage in
            members[prefix + Array("/data/".utf8) + storage.key].flatMap { member in
                TensorEntry.byteCount(of: storage.type, storage.shape) == member.length
                    ? (member: member, note: storage) : nil
            }
        }
        return ZipDirectory.inOrder(found, in: source) { storage, _, range in
            TensorEntry(name: storage.name, type: storage.type, shape: storage.shape, range: range)
        }
    }
}

extension [UInt8] {
    fileprivate func hasSuffix(_ ending: [UInt8]) -> Bool { suffix(ending.count).elementsEqual(ending) }

    fileprivate func dropLast(_ count: Int) -> [UInt8] { Array(prefix(Swift.max(0, self.count - count))) }
}
