internal import ObjectModel

/// Puts chunks in the order of the version that they are of, as far as that is known: from lists that have some of them in order (the chunks that
/// are left of it, and the bases of each frame), and from the frames in which they lie, which have them in order as well.
///
/// A list says less than it seems: a frame has chunks of several places, and where its bases end, the version does not go on. So a chunk comes
/// beside its neighbours in its frame, where these are known; else behind what precedes it in its list; and what begins a list behind the end of
/// another one, beside the frames that its pack has before and behind its own.
struct PatchBaseOrder {
    private typealias Found = ObjectStore.Found

    private struct Member {
        let reference: ObjectReference
        let found: Found
        /// What stands before it and behind it; ``end`` at both ends.
        var (before, behind): (Int, Int)

        var frame: FrameCache.Key { FrameCache.Key(pack: found.pack.name, frame: found.place.frame) }
    }

    /// The chunks of one frame, by their places in it.
    private typealias Row = [(offset: Int, number: Int)]

    private static let end = -1
    /// So many chunks of other packs may stand between two of one frame.
    private static let reach = 64

    private let store: ObjectStore
    private var members: [Member] = []
    private var numbers: [ObjectID: Int] = [:]
    private var (first, last) = (end, end)
    private var rows: [FrameCache.Key: Row] = [:]
    /// The frames of each pack that have chunks here, sorted.
    private var frames: [PackName: [Int]] = [:]
    /// Frames whose bases were added.
    private var lists: Set<FrameCache.Key> = []
    /// What was added last need not be next to what comes.
    private var followsList = false

    init(_ store: ObjectStore) { self.store = store }

    /// Adds the next chunk of the version, or what it was told by.
    mutating func add(_ reference: ObjectReference) {
        guard let found = store.find(reference), !found.place.isRecipe else { return }
        let index = found.pack.index
        guard index.hasBase(found.place.frame) else {
            defer { followsList = false }
            return add(reference, found, isLoose: followsList)
        }
        // Of a frame that was met before, this may be another place.
        defer { followsList = true }
        let key = FrameCache.Key(pack: found.pack.name, frame: found.place.frame)
        guard index.isDifference(found.place.frame), lists.insert(key).inserted,
            let frame = try? index.frame(found.place.frame)
        else { return }
        for (number, base) in frame.bases.enumerated() {
            guard let found = store.plainCopies(of: base).first else { continue }
            add(base, found, isLoose: number == 0 && followsList)
        }
    }

    /// The chunks in order.
    var ordered: [(reference: ObjectReference, found: ObjectStore.Found)] {
        var (ordered, next): ([(ObjectReference, Found)], Int) = ([], first)
        ordered.reserveCapacity(members.count)
        while next != Self.end {
            ordered.append((members[next].reference, members[next].found))
            next = members[next].behind
        }
        return ordered
    }

    private mutating func add(_ reference: ObjectReference, _ found: Found, isLoose: Bool) {
        guard found.place.length > 0 else { return }
        if let known = numbers[reference.id] { return last = known }
        let member = Member(reference: reference, found: found, before: Self.end, behind: Self.end)
        let number = members.count
        let place = place(for: member, isLoose: isLoose)
        members.append(member)
        numbers[reference.id] = number
        note(number)
        link(number, behind: place)
        last = number
    }

    /// What a new one comes behind.
    ///
    /// - Parameter isLoose: What was added last tells nothing.
    private func place(for member: Member, isLoose: Bool) -> Int {
        let pack = member.found.pack.name
        let row = rows[member.frame] ?? []
        let index = row.index { $0.offset > member.found.place.offset }
        if index > 0 { return place(from: row[index - 1].number, pack) }
        if index < row.count { return place(until: row[index].number, pack) }
        guard isLoose, let others = frames[pack] else { return last }
        let next = others.index { $0 > member.found.place.frame }
        func members(of frame: Int) -> Row { rows[FrameCache.Key(pack: pack, frame: frame)] ?? [] }
        if next > 0, let known = members(of: others[next - 1]).last {
            return place(from: known.number, pack)
        }
        if next < others.count, let known = members(of: others[next]).first {
            return place(until: known.number, pack)
        }
        return last
    }

    /// Behind one that precedes it in its pack, or behind the last one, if that follows with nothing of this pack between them.
    private func place(from known: Int, _ pack: PackName) -> Int {
        var next = known
        for _ in 0..<Self.reach where next != last {
            next = members[next].behind
            guard next != Self.end, members[next].found.pack.name != pack else { return known }
        }
        return next == last ? last : known
    }

    /// Before one that follows it in its pack, or behind the last one, if that precedes it with nothing of this pack between them.
    private func place(until known: Int, _ pack: PackName) -> Int {
        var next = members[known].before
        let place = next
        for _ in 0..<Self.reach where next != last {
            guard next != Self.end, members[next].found.pack.name != pack else { return place }
            next = members[next].before
        }
        return next == last ? last : place
    }

    private mutating func note(_ number: Int) {
        let member = members[number]
        var row = rows[member.frame] ?? []
        if row.isEmpty {
            var others = frames[member.found.pack.name] ?? []
            others.insert(member.found.place.frame, at: others.index { $0 > member.found.place.frame })
            frames[member.found.pack.name] = others
        }
        let offset = member.found.place.offset
        row.insert((offset, number), at: row.index { $0.offset > offset })
        rows[member.frame] = row
    }

    private mutating func link(_ number: Int, behind place: Int) {
        let next = place == Self.end ? first : members[place].behind
        members[number].before = place
        members[number].behind = next
        if place == Self.end { first = number } else { members[place].behind = number }
        if next != Self.end { members[next].before = number }
    }
}

extension Array {
    /// The place of the first element, in an order, that lies behind something.
    fileprivate func index(where isBehind: (Element) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if isBehind(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
