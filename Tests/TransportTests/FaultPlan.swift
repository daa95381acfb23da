import TestSupport

/// What goes wrong in one call of a transport.
enum Fault: Hashable, Sendable {
    /// The connection is lost before the call takes effect.
    case lostBefore
    /// The connection is lost amid the call: some of the pieces were read, a part of the upload is there.
    case lostAmid
    /// The connection is lost after so many pieces of a read, or bytes of an upload.
    case lostAt(Int)
    /// The call takes effect, and its reply is lost.
    case lostAfter
    /// Fewer bytes come than the other side says that there are.
    case shortRead
    /// A bit of what is read is another one.
    case flippedBit
    /// A listing is without the last so many creations.
    case stale(creations: Int)
    /// No more than so many bytes of an upload fit there.
    case full(after: Int)
    /// Somebody else's bytes get the name first.
    case overtaken(by: [UInt8])
    /// It takes so many nanoseconds.
    case slow(Int64)

    /// Whether this can happen to a call.
    func concerns(_ call: TransportCall) -> Bool {
        switch self {
        case .lostBefore, .lostAfter, .slow: true
        case .lostAmid, .lostAt: call == .read || call == .upload
        case .shortRead, .flippedBit: call == .read
        case .stale: call == .names
        case .full: call == .upload || call == .create
        case .overtaken: call == .upload || call == .create
        }
    }
}

/// The calls of a transport.
enum TransportCall: Hashable, Sendable { case read, properties, names, create, upload, remove }

/// Which calls go wrong, and how.
struct FaultPlan: Sendable {
    private let faults: [Int: Fault]
    private let random: (faults: [Fault], oneIn: Int)?
    let seed: UInt64

    /// - Parameter faults: By the call that they concern, counted from 0.
    init(_ faults: [Int: Fault] = [:], seed: UInt64 = 0) {
        (self.faults, self.seed, random) = (faults, seed, nil)
    }

    /// One call in so many goes wrong, in one of some ways.
    init(seed: UInt64, oneIn: Int, of faults: [Fault]) {
        (self.faults, self.seed, random) = ([:], seed, (faults, oneIn))
    }

    /// What goes wrong in a call.
    func fault(_ number: Int, _ call: TransportCall, using generator: inout SplitMix64) -> Fault? {
        if let random {
            guard Int.random(in: 0..<random.oneIn, using: &generator) == 0 else { return nil }
            return random.faults.filter { $0.concerns(call) }.randomElement(using: &generator)
        }
        return faults[number].flatMap { $0.concerns(call) ? $0 : nil }
    }
}
