internal import ObjectModel
internal import Storage

/// The files that a checkout writes, in the order in which their contents lie in the store, so that each frame is decoded
/// once.
struct CheckoutOrder: Sendable {
    /// A file or link that is to be written; small, since there may be millions.
    struct File: Sendable {
        fileprivate let number: UInt32
        /// Of the packs; -1 for what is missing.
        fileprivate let pack: Int32
        /// As in ``ObjectPlace``, in the index's own width.
        fileprivate let frame, offset, length: UInt32
        fileprivate let isRecipe: Bool

        /// Index of its step.
        var step: Int { Int(number) }

        /// Whether it lies in one frame.
        fileprivate var isWhole: Bool { pack >= 0 && !isRecipe }

        fileprivate static func comesBefore(_ left: File, _ right: File) -> Bool {
            if left.pack != right.pack { return left.pack < right.pack }
            // Contents that are put together from several frames come first.
            if left.isWhole != right.isWhole { return right.isWhole }
            if left.isWhole, left.frame != right.frame { return left.frame < right.frame }
            return (left.offset, left.number) < (right.offset, right.number)
        }
    }

    let files: [File]
    /// Of ``files``: those of one group lie in one frame, and are to be written by one thread.
    let groups: [Range<Int>]
    /// Of all files, in bytes.
    let size: Int
    /// Whether some file is put together from chunks.
    let hasLarge: Bool
    private let packs: [PackReader]

    init(_ steps: CheckoutSteps, in store: ObjectStore) {
        var (files, size): ([File], Int) = ([], 0)
        var (packs, numbers): ([PackReader], [PackName: Int32]) = ([], [:])
        files.reserveCapacity(steps.count)
        for index in steps.indices {
            guard let mode = steps.mode(index), mode != .directory else { continue }
            size &+= steps.size(index)
            let number = UInt32(index)
            guard let found = store.find(ObjectReference(.blob, steps.id(index))) else {
                files.append(File(number: number, pack: -1, frame: 0, offset: 0, length: 0, isRecipe: false))
                continue
            }
            let pack = numbers[found.pack.name] ?? Int32(packs.count)
            if numbers.updateValue(pack, forKey: found.pack.name) == nil { packs.append(found.pack) }
            let place = found.place
            files.append(
                File(
                    number: number, pack: pack, frame: UInt32(place.frame), offset: UInt32(place.offset),
                    length: UInt32(place.length), isRecipe: place.isRecipe))
        }
        files.sort(by: File.comesBefore)
        var groups: [Range<Int>] = []
        for (index, file) in files.enumerated() {
            if let last = groups.last, file.isWhole, files[last.lowerBound].isWhole,
                files[last.lowerBound].pack == file.pack, files[last.lowerBound].frame == file.frame
            {
                groups[groups.count - 1] = last.lowerBound..<index + 1
            } else {
                groups.append(index..<index + 1)
            }
        }
        hasLarge = files.contains(where: \.isRecipe)
        (self.files, self.groups, self.size, self.packs) = (files, groups, size, packs)
    }

    /// Where the content of a file lies; nothing if it is missing.
    func found(_ file: File) -> ObjectStore.Found? {
        guard file.pack >= 0 else { return nil }
        let place = ObjectPlace(
            frame: Int(file.frame), offset: Int(file.offset), length: Int(file.length),
            isRecipe: file.isRecipe)
        return ObjectStore.Found(pack: packs[Int(file.pack)], place: place)
    }
}
