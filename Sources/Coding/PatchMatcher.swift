/// Finds what a later version of some bytes has of an earlier one, where most of it stands in the same order.
///
/// Both are followed side by side. Where they part, the place is looked for at which they go on together: at once where as many bytes were
/// replaced as there are new ones, else by hashes of 32 bytes (the gear of FastCDC, Xia et al., USENIX ATC 2016) in windows that grow around that
/// place. So the work is that of comparing, and of hashing around each edit.
///
/// One thread at a time. Memory: 0.3 MiB.
final class PatchMatcher {
    /// Bytes that a hash depends on.
    private static let hashed = 32
    /// A copy of so many bytes tells where both stand; a shorter one may come from anywhere, in text that repeats itself.
    private static let certain = 128
    /// So does one of these if it is so near to the place where it is expected.
    private static let likely = 64
    private static let near = 4096
    /// Behind the first place that is found, so many bytes are looked at for a better one.
    private static let patience = 1024
    /// The shortest copy that is worth a command.
    private static let leastCopy = 16
    /// The most bytes that are replaced by as many others and found by comparing.
    private static let sameLength = 32
    /// So many copies in a row that tell nothing, and the place is looked for anew.
    private static let doubtful = 4
    /// Bytes of the earlier version that are hashed at first, half as many before the place where it is expected to go on.
    private static let firstWindow = 512
    /// The largest window in which something better is looked for than what was found, and the largest one if nothing was.
    private static let doubtWindow = 32_768
    private static let lastWindow = 131_072
    /// The most places in a row that are taken in doubt, without looking further.
    private static let trustLimit = 1024

    static let gear: [UInt64] = {
        // SplitMix64 (Steele, Lea, Flood, 2014). Only speed and the choice of copies depend on it.
        var state: UInt64 = 0x6d6c_7265_706f_2d35
        return (0..<256).map { _ in
            state &+= 0x9e37_79b9_7f4a_7c15
            var word = (state ^ state >> 30) &* 0xbf58_476d_1ce4_e5b9
            word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
            return word ^ word >> 31
        }
    }()

    private var table = Workspace()

    /// The copies in order, and where the bytes behind the last one are to be looked for.
    ///
    /// - Parameters:
    ///   - starts: Parts of the new bytes, in order, each with the position in the base at which it is expected to begin.
    ///   - effort: How many bytes may be hashed for each new one, where nothing stands in order.
    func match(
        _ bytes: UnsafeRawBufferPointer, _ base: UnsafeRawBufferPointer,
        _ starts: [(offset: Int, position: Int)], effort: Int
    ) -> (copies: [PatchCopy], end: Int) {
        guard let new = bytes.baseAddress, let old = base.baseAddress, !base.isEmpty else { return ([], 0) }
        var search = Search(
            new: new, old: old, oldCount: base.count, budget: bytes.count * effort)
        var end = 0
        for (number, start) in starts.enumerated() {
            let limit = number + 1 < starts.count ? starts[number + 1].offset : bytes.count
            end = match(&search, start.offset..<limit, from: min(max(0, start.position), base.count))
        }
        return (search.copies, end)
    }

    /// What is searched, and what was found.
    private struct Search {
        let new: UnsafeRawPointer
        let old: UnsafeRawPointer
        let oldCount: Int
        /// Bytes that may still be hashed.
        var budget: Int
        var copies: [PatchCopy] = []
        /// How many places are taken in doubt before anything better is looked for, and how many of these are left: the more, the more often
        /// that was in vain.
        var trust = 1
        var trusted = 0
    }

    /// A place of the new bytes from which on they are those at a position of the base.
    private struct Place {
        var offset: Int
        var position: Int
        /// For how long, at least.
        var length = 0
    }

    private func match(_ search: inout Search, _ range: Range<Int>, from start: Int) -> Int {
        var place = Place(offset: range.lowerBound, position: start)
        // Where both stood side by side for certain.
        var sure = place
        var doubts = 0
        while place.offset < range.upperBound {
            let room = min(range.upperBound - place.offset, search.oldCount - place.position)
            let length = Self.common(search.new + place.offset, search.old + place.position, room)
            if length >= Self.leastCopy || (length > 0 && length == range.upperBound - place.offset) {
                search.copies.append(
                    PatchCopy(offset: place.offset, position: place.position, length: length))
            }
            let expected = sure.position + place.offset - sure.offset
            let isSure =
                length >= Self.certain
                || (length >= Self.likely && abs(place.position - expected) <= Self.near)
            doubts = isSure ? 0 : doubts + 1
            place.offset += length
            place.position += length
            if isSure { sure = place }
            guard place.offset < range.upperBound else { break }
            let replaced = Self.replaced(search, place, range.upperBound)
            if let replaced, doubts < Self.doubtful {
                place = replaced
                continue
            }
            let center = min(max(0, sure.position + place.offset - sure.offset), search.oldCount)
            guard let next = resynchronised(&search, place.offset..<range.upperBound, center, or: replaced)
            else { break }
            place = next
        }
        return place.position
    }

    /// How many bytes two places have in common.
    private static func common(_ first: UnsafeRawPointer, _ second: UnsafeRawPointer, _ room: Int) -> Int {
        var length = 0
        // Neither place is read beyond `room`.
        while length + 32 <= room {
            let one = (first + length).loadUnaligned(as: SIMD4<UInt64>.self)
            let other = (second + length).loadUnaligned(as: SIMD4<UInt64>.self)
            if one != other { break }
            length += 32
        }
        while length + 8 <= room {
            let difference =
                (first + length).loadUnaligned(as: UInt64.self)
                ^ (second + length).loadUnaligned(as: UInt64.self)
            if difference != 0 { return length + difference.littleEndian.trailingZeroBitCount / 8 }
            length += 8
        }
        while length < room,
            first.load(fromByteOffset: length, as: UInt8.self)
                == second.load(fromByteOffset: length, as: UInt8.self)
        {
            length += 1
        }
        return length
    }

    /// Where both go on together, if as many bytes were replaced as there are new ones.
    private static func replaced(_ search: Search, _ place: Place, _ end: Int) -> Place? {
        let room = min(end - place.offset, search.oldCount - place.position) - 16
        guard room > 0 else { return nil }
        let (new, old) = (search.new + place.offset, search.old + place.position)
        for skipped in 1...min(sameLength, room) {
            if (new + skipped).loadUnaligned(as: UInt64.self)
                == (old + skipped).loadUnaligned(as: UInt64.self),
                (new + skipped + 8).loadUnaligned(as: UInt64.self)
                    == (old + skipped + 8).loadUnaligned(as: UInt64.self)
            {
                return Place(
                    offset: place.offset + skipped, position: place.position + skipped, length: 16)
            }
        }
        return nil
    }

    /// Where new bytes and earlier ones go on together; nothing if that is not to be found.
    ///
    /// - Parameters:
    ///   - position: Where they are the likeliest to do so.
    ///   - doubtful: A place that is taken if there is nothing better.
    private func resynchronised(
        _ search: inout Search, _ range: Range<Int>, _ position: Int, or doubtful: Place?
    ) -> Place? {
        var (window, doubtful) = (Self.firstWindow, doubtful)
        while true {
            if let doubtful, search.trusted > 0 || window > Self.doubtWindow || search.budget <= 0 {
                if search.trusted > 0 {
                    search.trusted -= 1
                } else {
                    search.trust = min(2 * search.trust, Self.trustLimit)
                    search.trusted = search.trust
                }
                return doubtful
            }
            let old = max(0, position - window / 2)..<min(search.oldCount, position + window)
            let new = range.lowerBound..<min(range.upperBound, range.lowerBound + 2 * window)
            search.budget -= old.count + new.count
            guard search.budget > 0 else { return doubtful }
            if old.count >= Self.hashed, new.count >= Self.hashed,
                let found = place(search, new, old, position, range.upperBound)
            {
                if found.length >= Self.certain {
                    (search.trust, search.trusted) = (1, 0)
                    return found
                }
                doubtful = doubtful ?? found
            }
            if window >= Self.lastWindow
                || (old.count == search.oldCount && new.upperBound == range.upperBound)
            {
                return doubtful
            }
            window *= 4
        }
    }

    /// The place in some new bytes that goes on the longest in some earlier ones.
    ///
    /// - Parameters:
    ///   - new: At least as many bytes as are hashed at a time, and so is `old`.
    ///   - end: Of the new bytes.
    private func place(
        _ search: Search, _ new: Range<Int>, _ old: Range<Int>, _ position: Int, _ end: Int
    ) -> Place? {
        let bits = old.count <= 1024 ? 10 : old.count <= 4096 ? 12 : old.count <= 16_384 ? 14 : 16
        let slots = table.room(for: UInt32.self, 1 << bits)
        slots.update(repeating: .max, count: 1 << bits)
        return Self.gear.withUnsafeBufferPointer { gear in
            Self.note(search.old, old, position, in: slots, bits, gear)
            let shift = UInt64(64 - bits)
            var hash = Self.hash(search.new, new.lowerBound, gear)
            var best: Place?
            var stop = new.upperBound - Self.hashed + 1
            var start = new.lowerBound
            while start < stop {
                defer { start &+= 1 }
                hash =
                    hash << 2
                    &+ gear[Int(search.new.load(fromByteOffset: start &+ Self.hashed &- 1, as: UInt8.self))]
                let slot = slots[Int(truncatingIfNeeded: hash &>> shift)]
                guard slot != .max else { continue }
                let place = Int(slot)
                if let best, start < best.offset + best.length, place - best.position == start - best.offset {
                    continue
                }
                let length = Self.common(
                    search.new + start, search.old + place, min(end - start, search.oldCount - place))
                guard length >= Self.hashed, length > best?.length ?? 0 else { continue }
                best = Place(offset: start, position: place, length: length)
                if length >= Self.certain { break }
                stop = min(stop, start + Self.patience + 1)
            }
            return best.map { Self.extended($0, back: new.lowerBound, search) }
        }
    }

    /// Notes where earlier bytes have which hash: of equal hashes the place nearest to a position, those behind it before those ahead of it.
    private static func note(
        _ bytes: UnsafeRawPointer, _ range: Range<Int>, _ position: Int,
        in slots: UnsafeMutablePointer<UInt32>, _ bits: Int, _ gear: UnsafeBufferPointer<UInt64>
    ) {
        let shift = UInt64(64 - bits)
        let last = range.upperBound - hashed
        let parting = min(max(range.lowerBound, position), last + 1)
        var hash = hash(bytes, range.lowerBound, gear)
        var start = range.lowerBound
        func slot() -> Int {
            hash = hash << 2 &+ gear[Int(bytes.load(fromByteOffset: start &+ hashed &- 1, as: UInt8.self))]
            return Int(truncatingIfNeeded: hash &>> shift)
        }
        while start < parting {
            slots[slot()] = UInt32(truncatingIfNeeded: start)
            start &+= 1
        }
        let limit = UInt32(truncatingIfNeeded: parting)
        while start <= last {
            let slot = slot()
            // Empty, or of a place behind.
            if slots[slot] &+ 1 <= limit { slots[slot] = UInt32(truncatingIfNeeded: start) }
            start &+= 1
        }
    }

    /// The hash of the bytes at a place but for the last one that it depends on.
    private static func hash(
        _ bytes: UnsafeRawPointer, _ start: Int, _ gear: UnsafeBufferPointer<UInt64>
    ) -> UInt64 {
        var hash: UInt64 = 0
        for at in start..<start + hashed - 1 {
            hash = hash << 2 &+ gear[Int(bytes.load(fromByteOffset: at, as: UInt8.self))]
        }
        return hash
    }

    /// A place with the bytes before it that agree as well.
    private static func extended(_ place: Place, back limit: Int, _ search: Search) -> Place {
        var place = place
        while place.offset > limit, place.position > 0,
            search.new.load(fromByteOffset: place.offset - 1, as: UInt8.self)
                == search.old.load(fromByteOffset: place.position - 1, as: UInt8.self)
        {
            place.offset -= 1
            place.position -= 1
            place.length += 1
        }
        return place
    }
}
