internal import ObjectModel
internal import Storage

/// The files that a checkout writes, in the order in which their contents lie in the store, so that each frame is decoded
/// once.
struct CheckoutOrder: Sendable {
    /// A file or link that is to be written; small, since there may be millions.
    struct File: Sendable {
        /// Index of its step.
        let step: Int
        /// Where its content lies; nothing if it is missing.
        let place: ObjectPlace?
        fileprivate let pack: Int32

        /// Contents that are put together from several frames come first.
        fileprivate var frame: Int { place.map { $0.isRecipe ? -1 : $0.frame } ?? -1 }

        fileprivate static func comesBefore(_ left: File, _ right: File) -> Bool {
            if left.pack != right.pack { return left.pack < right.pack }
            if left.frame != right.frame { return left.frame < right.frame }
            return (left.place?.offset ?? 0, left.step) < (right.place?.offset ?? 0, right.step)
        }
    }

    let files: [File]
    /// Of ``files``: those of one group lie in one frame, and are to be written by one thread.
    let groups: [Range<Int>]
    /// Of all files, in bytes.
    let size: Int
    private let packs: [PackReader]

    init(_ steps: [CheckoutStep], in store: ObjectStore) {
        var (files, size): ([File], Int) = ([], 0)
        var (packs, numbers): ([PackReader], [PackName: Int32]) = ([], [:])
        files.reserveCapacity(steps.count)
        for (number, step) in steps.enumerated() {
            guard let entry = step.entry, entry.mode != .directory else { continue }
            size &+= entry.size
            guard let found = store.find(ObjectReference(.blob, entry.id)) else {
                files.append(File(step: number, place: nil, pack: -1))
                continue
            }
            let pack = numbers[found.pack.name] ?? Int32(packs.count)
            if numbers.updateValue(pack, forKey: found.pack.name) == nil { packs.append(found.pack) }
            files.append(File(step: number, place: found.place, pack: pack))
        }
        files.sort(by: File.comesBefore)
        var groups: [Range<Int>] = []
        for (index, file) in files.enumerated() {
            if let last = groups.last, file.frame >= 0, files[last.lowerBound].pack == file.pack,
                files[last.lowerBound].frame == file.frame
            {
                groups[groups.count - 1] = last.lowerBound..<index + 1
            } else {
                groups.append(index..<index + 1)
            }
        }
        (self.files, self.groups, self.size, self.packs) = (files, groups, size, packs)
    }

    /// Where the content of a file lies; nothing if it is missing.
    func found(_ file: File) -> ObjectStore.Found? {
        file.place.map { ObjectStore.Found(pack: packs[Int(file.pack)], place: $0) }
    }
}
