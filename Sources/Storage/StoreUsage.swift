package import ObjectModel

/// What some objects, with all that they reach, take of a store.
package struct StoreUsage: Sendable {
    /// Their share of the frames that hold them, headers included.
    package private(set) var storedBytes = 0
    /// The part of it that is for objects which the others do not reach.
    package private(set) var ownBytes = 0

    /// - Parameters:
    ///   - roots: What is asked about.
    ///   - others: Everything that may share with it.
    package init(
        of roots: [ObjectReference], apartFrom others: [ObjectReference], in store: ObjectStore
    ) throws(ReadError) {
        var (mine, theirs) = (Reachability(store), Reachability(store))
        try mine.markAll(from: roots)
        try theirs.markAll(from: others, requiring: false)
        for pack in store.packs {
            var lengths: [Int: (all: Int, own: Int)] = [:]
            for position in 0..<pack.index.entryCount where mine.isMarked(pack.name, position) {
                guard let (_, place) = pack.index.entry(position), !place.isRecipe else { continue }
                lengths[place.frame, default: (0, 0)].all += place.length
                if !theirs.isMarked(pack.name, position) {
                    lengths[place.frame, default: (0, 0)].own += place.length
                }
            }
            for (frame, length) in lengths {
                guard let header = try? pack.header(of: frame) else { continue }
                let raw = Double(max(1, header.rawLength))
                storedBytes += Int(Double(header.totalLength) * Double(length.all) / raw)
                ownBytes += Int(Double(header.totalLength) * Double(length.own) / raw)
            }
        }
    }
}
