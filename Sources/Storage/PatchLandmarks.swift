internal import Coding

/// The landmarks of a base: where what is lost may be found again.
struct PatchLandmarks {
    /// How much of the base is looked at, before and behind some place.
    enum Reach {
        case near, far

        var before: Int { self == .near ? 3 << 20 : 64 << 20 }
        var behind: Int { self == .near ? 4 << 20 : 256 << 20 }
    }

    /// Bytes that stand in the base as they do here.
    struct Stretch: Equatable {
        /// Where they begin, more or less.
        let offset: Int
        /// Where they begin in the base.
        let position: Int

        var shift: Int { position - offset }
    }

    /// By how much bytes may move against those of the base and still be found by following them.
    static let drift = 65_536
    /// So many landmarks in a row that moved alike are no accident.
    private static let certain = 2

    let reach: Reach
    /// The numbers of the chunks that were looked at.
    let range: Range<Int>
    /// What is there twice tells nothing, and is negative.
    private var positions: [UInt64: Int] = [:]

    init(
        of base: PatchBase, around number: Int, within reach: Reach,
        payload: (PatchBase.Chunk) -> ArraySlice<UInt8>?
    ) {
        self.reach = reach
        let place = base.chunks[number].start
        range = base.number(at: max(0, place - reach.before))..<base.number(at: place + reach.behind) + 1
        for chunk in base.chunks[range] {
            payload(chunk)?.withUnsafeBytes { bytes in
                Landmarks.forEach(in: bytes) { hash, end in
                    positions[hash] = positions[hash] == nil ? chunk.start + end : -1
                }
            }
        }
    }

    /// The parts of some bytes that the base has, in the order of the bytes.
    func stretches(of bytes: UnsafeRawBufferPointer) -> [Stretch] {
        var found: [Stretch] = []
        /// What moved unlike the last stretch: as many landmarks in a row as the count says.
        var (next, count, lastEnd): (Stretch?, Int, Int) = (nil, 0, 0)
        Landmarks.forEach(in: bytes) { hash, end in
            guard let position = positions[hash], position >= 0 else { return }
            let shift = position - end
            if let last = found.last, abs(last.shift - shift) <= Self.drift {
                (next, count, lastEnd) = (nil, 0, end)
                return
            }
            if let known = next, abs(known.shift - shift) <= Self.drift {
                count += 1
            } else {
                // Between two landmarks nobody knows where the one part ends and the other begins.
                let offset = found.isEmpty ? 0 : (lastEnd + end - Landmarks.hashed) / 2
                (next, count) = (Stretch(offset: offset, position: offset + shift), 1)
            }
            if count >= Self.certain, let stretch = next {
                found.append(stretch)
                (next, count, lastEnd) = (nil, 0, end)
            }
        }
        return found
    }
}
