internal import ObjectModel

/// One frame of the framed protocol: what it is, which request it belongs to, and bytes.
///
/// On the line: the payload's length in four bytes, the kind in one, the number in four, all big-endian, then the payload.
struct FramedMessage: Equatable {
    /// What a frame is; numbers that this version does not know are kept as they are.
    struct Kind: RawRepresentable, Hashable {
        let rawValue: UInt8
        static let greeting = Kind(rawValue: 1)
        static let hello = Kind(rawValue: 2)
    }

    static let headerLength = 9
    /// A longer payload is refused before there is room for it.
    static let payloadLimit = 4 << 20 + 4096
    /// The most bytes of a file that one frame carries in answer to a reading.
    static let pieceLimit = 1 << 20
    /// The most bytes of a file that one frame carries the other way.
    static let contentLimit = 4 << 20

    let kind: Kind
    let number: UInt32
    let payload: [UInt8]

    /// The bytes that stand before a payload.
    static func header(_ kind: Kind, number: UInt32, length: Int) -> [UInt8] {
        bigEndian(UInt32(length)) + [kind.rawValue] + bigEndian(number)
    }

    static func bigEndian(_ value: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
    }

    static func bigEndian(_ bytes: some Collection<UInt8>) -> UInt32 {
        bytes.reduce(0) { $0 << 8 | UInt32($1) }
    }
}

extension DuplexStream {
    /// A stream that frames come from and go to.
    convenience init(framesFrom input: Int32, to output: Int32) {
        self.init(
            input: input, output: output, room: FramedMessage.payloadLimit + FramedMessage.headerLength)
    }

    /// Puts a frame behind what waits to be sent.
    func enqueue(_ kind: FramedMessage.Kind, number: UInt32, _ payload: [UInt8]) {
        enqueue(FramedMessage.header(kind, number: number, length: payload.count))
        enqueue(payload)
    }

    /// The next frame, if all of it has come.
    func nextFrame() throws(TransportError) -> FramedMessage? {
        let bytes = received
        guard bytes.count >= FramedMessage.headerLength else { return nil }
        let begin = bytes.startIndex
        let length = Int(FramedMessage.bigEndian(bytes.prefix(4)))
        guard length <= FramedMessage.payloadLimit else {
            throw TransportError(.malformed, "a frame of \(length) bytes was announced, which is too long")
        }
        guard bytes.count >= FramedMessage.headerLength + length else { return nil }
        let message = FramedMessage(
            kind: FramedMessage.Kind(rawValue: bytes[begin + 4]),
            number: FramedMessage.bigEndian(bytes[begin + 5..<begin + FramedMessage.headerLength]),
            payload: Array(bytes.dropFirst(FramedMessage.headerLength).prefix(length)))
        take(FramedMessage.headerLength + length)
        return message
    }
}

/// What both sides say of themselves before anything else.
struct FramedGreeting: Equatable {
    /// What the first frame of the server begins with, so that nothing else is taken for one.
    static let magic = Array("mlrepo-framed\n".utf8)
    /// A longer one is none.
    static let lengthLimit = 1024
    /// The highest version of the protocol that this program speaks.
    static let newestVersion: UInt8 = 1
    /// The feature bit of a server that refuses to change anything.
    static let readOnly: UInt32 = 1

    /// The server's is the highest that it speaks, the client's the one that is spoken from here on.
    let version: UInt8
    let features: UInt32
    /// How the client came, as the server sees it; nothing in a client's.
    let session: Event.Session?

    init(version: UInt8, features: UInt32, session: Event.Session? = nil) {
        (self.version, self.features, self.session) = (version, features, session)
    }

    /// Nothing if these bytes are no greeting; bytes behind it are for later versions.
    init?(_ payload: [UInt8]) {
        let magic = Self.magic
        guard payload.count >= magic.count + 5, payload.count <= Self.lengthLimit, payload.starts(with: magic)
        else { return nil }
        version = payload[magic.count]
        features = FramedMessage.bigEndian(payload[(magic.count + 1)..<(magic.count + 5)])
        let json = try? JSONValue(canonical: Array(payload[(magic.count + 5)...]))
        session = json?.member("session").flatMap { try? Event.Session(json: $0) }
    }

    var payload: [UInt8] {
        let told = session.map { JSONValue.object(["session": $0.json]).canonicalBytes } ?? []
        return Self.magic + [version] + FramedMessage.bigEndian(features) + told
    }
}

// MARK: Fields

extension ByteWriter {
    mutating func text(_ bytes: some Collection<UInt8>) {
        varint(bytes.count)
        raw(bytes)
    }

    mutating func number32(_ value: UInt32) { raw(FramedMessage.bigEndian(value)) }
}

extension ByteReader {
    mutating func byte() throws(TransportError) -> UInt8 {
        try reading { reader throws(MalformedObject) in try reader.u8("a field") }
    }

    mutating func number() throws(TransportError) -> Int {
        try reading { reader throws(MalformedObject) in try reader.varint("a number") }
    }

    mutating func number32() throws(TransportError) -> UInt32 { FramedMessage.bigEndian(try slice(4)) }

    mutating func number64() throws(TransportError) -> UInt64 {
        try slice(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    mutating func slice(_ count: Int) throws(TransportError) -> ArraySlice<UInt8> {
        try reading { reader throws(MalformedObject) in try reader.take(count, "bytes") }
    }

    mutating func rest() throws(TransportError) -> ArraySlice<UInt8> { try slice(remaining) }

    mutating func text(limit: Int) throws(TransportError) -> [UInt8] {
        let count = try number()
        guard count <= limit else { throw TransportError(.malformed, "a field has \(count) bytes") }
        return Array(try slice(count))
    }

    /// A number of things that are to come, each of at least one byte.
    mutating func count() throws(TransportError) -> Int {
        let count = try number()
        guard count <= remaining else { throw TransportError(.malformed, "there are less than \(count)") }
        return count
    }

    func finished() throws(TransportError) {
        guard remaining == 0 else {
            throw TransportError(.malformed, "\(remaining) bytes too many")
        }
    }

    private mutating func reading<Result>(
        _ body: (inout ByteReader) throws(MalformedObject) -> Result
    ) throws(TransportError) -> Result {
        do throws(MalformedObject) { return try body(&self) } catch {
            throw TransportError(.malformed, "\(error)")
        }
    }
}
