internal import ObjectModel

/// The bases that the frames of a pack name, as its index has them: each list of bases once, in order of first use
/// (`Documentation/Formats/pack.md`, "Index").
struct BaseTable: Equatable {
    private(set) var rows: [ObjectReference] = []
    private var places: [[ObjectReference]: Int] = [:]

    /// 1 + the position of the first of some bases, which stand one behind the other; 0 for none.
    mutating func place(of bases: [ObjectReference]) -> UInt32 {
        guard !bases.isEmpty else { return 0 }
        if let place = places[bases] { return UInt32(place) }
        let place = rows.count + 1
        places[bases] = place
        rows += bases
        return UInt32(place)
    }
}
