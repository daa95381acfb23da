internal import Coding
internal import FileIO
internal import ObjectModel
internal import Synchronization

/// Finds tensors of a store that may be versions of each other, wherever they lie and whatever they are called: by what they are like.
///
/// Memory: some kilobytes for each tensor of one length, of which the newest ``memberLimit`` are looked at.
struct TensorKin {
    /// A tensor, or a piece of one, that one frame has and nothing else.
    struct Member: Sendable {
        let reference: ObjectReference
        let pack: PackReader
        let frame: Int
        let rawLength: Int
        /// Of the frame.
        let storedLength: Int
        /// What it is told by, if it is a difference.
        let base: ObjectReference?
    }

    /// One of them, with what tells its kin.
    struct Sampled: Sendable {
        let member: Member
        let sample: TensorSample
    }

    /// Tensors of one length that are looked at.
    private static let memberLimit = 1 << 14
    /// Of those that have a part of their comparisons in common, each is held against so many that came before.
    private static let bandReach = 8

    private let store: ObjectStore
    private let threads: Int

    init(_ store: ObjectStore, threads: Int) { (self.store, self.threads) = (store, threads) }

    // MARK: Tensors

    /// The tensors of the store by their lengths, the oldest first: those of which there are enough to choose among.
    func members() -> [[Member]] {
        var all: [ObjectReference: [Member]] = [:]
        var order: [ObjectReference] = []
        let added = store.current.added
        for pack in store.packs.sorted(by: { (added[$0.name] ?? 0, $0.name) < (added[$1.name] ?? 0, $1.name) }
        ) {
            for member in members(of: pack) {
                if all[member.reference] == nil { order.append(member.reference) }
                all[member.reference, default: []].append(member)
            }
        }
        var byLength: [Int: [Member]] = [:]
        for reference in order {
            // What lies in several places stays as it is.
            guard let found = all[reference], found.count == 1, let member = found.first,
                !store.packs.contains(where: { pack in
                    pack.name != member.pack.name && pack.index.find(reference) != nil
                })
            else { continue }
            byLength[member.rawLength, default: []].append(member)
        }
        return byLength.sorted { $0.key < $1.key }.map { $0.value.suffix(Self.memberLimit) }.filter { group in
            group.count > 2 || group.count(where: { $0.base == nil }) > 1
        }
    }

    /// Those of a pack in its order.
    private func members(of pack: PackReader) -> [Member] {
        let index = pack.index
        func isTensor(_ frame: Int) -> Bool {
            index.codec(of: frame).flatMap { Codec(rawValue: $0) }.map {
                $0 == .tensor || $0 == .tensorWithBase
            } ?? false
        }
        guard (0..<index.frameCount).contains(where: isTensor) else { return [] }
        var members: [Int: Member] = [:]
        var shared: Set<Int> = []
        for position in 0..<index.entryCount {
            guard let (reference, place) = index.entry(position), !place.isRecipe, isTensor(place.frame),
                let frame = try? index.frame(place.frame)
            else { continue }
            if members[place.frame] != nil || reference.kind != .blob || place.offset != 0 {
                shared.insert(place.frame)
            }
            members[place.frame] = Member(
                reference: reference, pack: pack, frame: place.frame, rawLength: place.length,
                storedLength: frame.length, base: frame.bases.first)
        }
        return members.filter { !shared.contains($0.key) }.sorted { $0.key < $1.key }.map(\.value)
    }

    // MARK: Kin

    /// Decodes tensors and takes a sample of each; those that cannot be read are left out.
    ///
    /// - Parameter watch: Is told of each, by any thread.
    func sampled(_ members: [Member], watch: @Sendable (Member) -> Void) -> [Sampled] {
        // Those with one base stand together, so that it is decoded once.
        let order = members.indices.sorted { a, b in
            let (one, other) = (
                members[a].base ?? members[a].reference, members[b].base ?? members[b].reference
            )
            return (one.id, a) < (other.id, b)
        }
        let samples = Mutex([Int: TensorSample]())
        let indices = WorkIndices(order.count)
        onThreads(max(1, min(threads, order.count))) {
            while let next = indices.next() {
                if let sample = sample(of: members[order[next]]) {
                    samples.withLock { $0[order[next]] = sample }
                }
                watch(members[order[next]])
            }
        }
        let found = samples.withLock { $0 }
        return members.indices.compactMap { index in
            found[index].map { Sampled(member: members[index], sample: $0) }
        }
    }

    private func sample(of member: Member) -> TensorSample? {
        guard let raw = try? member.pack.rawFrame(member.frame),
            let layout = raw.stored.withUnsafeBytes({ TensorLayout(of: $0, length: member.rawLength) }),
            let bytes = try? store.frame(member.frame, of: member.pack, for: member.reference),
            bytes.count == member.rawLength
        else { return nil }
        return bytes.withUnsafeBytes { TensorSample($0, layout) }
    }

    /// Tensors of one length that are akin, each with some other one: the oldest first.
    func families(_ tensors: [Sampled]) -> [[Sampled]] {
        var roots = Array(tensors.indices)
        func root(_ index: Int) -> Int {
            var index = index
            while roots[index] != index {
                roots[index] = roots[roots[index]]
                index = roots[index]
            }
            return index
        }
        func join(_ one: Int, _ other: Int) {
            let (a, b) = (root(one), root(other))
            roots[max(a, b)] = min(a, b)
        }
        var places: [ObjectReference: Int] = [:]
        for (index, tensor) in tensors.enumerated() { places[tensor.member.reference] = index }
        var bands: [Band: [Int]] = [:]
        for (index, tensor) in tensors.enumerated() {
            if let base = tensor.member.base, let place = places[base],
                tensors[place].sample.layout.type == tensor.sample.layout.type
            {
                join(index, place)
            }
            for (number, bits) in tensor.sample.bands.enumerated() {
                let band = Band(type: tensor.sample.layout.type, number: number, bits: bits)
                let others = bands[band] ?? []
                for other in others where root(other) != root(index) {
                    if tensor.sample.isAkin(to: tensors[other].sample) { join(index, other) }
                }
                bands[band] = others.suffix(Self.bandReach - 1) + [index]
            }
        }
        return Dictionary(grouping: tensors.indices, by: root).sorted { $0.key < $1.key }
            .map { $0.value.sorted().map { tensors[$0] } }.filter { $0.count > 1 }
    }

    private struct Band: Hashable {
        let type: ElementType
        let number: Int
        let bits: UInt16
    }
}
