internal import ObjectModel

/// One packet of SFTP as it is on the line: what it is, and bytes, with the number of the request that it belongs to in front.
///
/// On the line: the length of all that follows in four bytes, big-endian, the kind in one, then the payload.
struct SFTPPacket: Equatable {
    /// What a packet is: numbers of draft-ietf-secsh-filexfer-02.
    struct Kind: RawRepresentable, Hashable {
        let rawValue: UInt8
        static let hello = Kind(rawValue: 1)
        static let version = Kind(rawValue: 2)
        static let status = Kind(rawValue: 101)
        static let handle = Kind(rawValue: 102)
        static let data = Kind(rawValue: 103)
        static let names = Kind(rawValue: 104)
        static let attributes = Kind(rawValue: 105)
        static let extended = Kind(rawValue: 201)
    }

    static let headerLength = 5
    /// The longest packet that OpenSSH sends or takes; a longer one is refused before there is room for it.
    static let lengthLimit = 256 << 10
    /// What a packet with bytes of a file has beside them, generously.
    static let overhead = 1024
    /// The version that is spoken: the one that every server has.
    static let protocolVersion: UInt32 = 3

    let kind: Kind
    let payload: [UInt8]

    /// The packet as it goes on the line.
    var bytes: [UInt8] {
        FramedMessage.bigEndian(UInt32(truncatingIfNeeded: payload.count + 1)) + [kind.rawValue] + payload
    }

    /// What the client begins with.
    static var hello: SFTPPacket {
        SFTPPacket(kind: .hello, payload: FramedMessage.bigEndian(protocolVersion))
    }
}

extension DuplexStream {
    /// A stream that packets of SFTP come from and go to.
    convenience init(packetsFrom input: Int32, to output: Int32) {
        self.init(input: input, output: output, room: 4 << 20)
    }

    /// The next packet, if all of it has come.
    func nextPacket() throws(TransportError) -> SFTPPacket? {
        let bytes = received
        guard bytes.count >= 4 else { return nil }
        let length = Int(FramedMessage.bigEndian(bytes.prefix(4)))
        guard length > 0, length <= SFTPPacket.lengthLimit + SFTPPacket.overhead else {
            throw TransportError(.malformed, "a packet of \(length) bytes was announced, which cannot be")
        }
        guard bytes.count >= 4 + length else { return nil }
        let packet = SFTPPacket(
            kind: SFTPPacket.Kind(rawValue: bytes[bytes.startIndex + 4]),
            payload: Array(bytes.dropFirst(SFTPPacket.headerLength).prefix(length - 1)))
        take(4 + length)
        return packet
    }
}

/// What a server says of itself before anything else.
struct SFTPVersion: Equatable {
    let number: UInt32
    /// Extensions, by their names.
    let extensions: [String: String]

    static let hardLink = "hardlink@openssh.com"
    static let synchronize = "fsync@openssh.com"
    static let limits = "limits@openssh.com"

    /// Whether an extension is offered in the form that is used here.
    func offers(_ name: String) -> Bool { extensions[name] == "1" }

    init(_ packet: SFTPPacket) throws(TransportError) {
        guard packet.kind == .version else {
            throw TransportError(.malformed, "the other side does not begin with its version")
        }
        var reader = ByteReader(packet.payload)
        number = try reader.number32()
        var extensions: [String: String] = [:]
        while reader.remaining > 0 {
            let name = String(decoding: try reader.string(), as: UTF8.self)
            extensions[name] = String(decoding: try reader.string(), as: UTF8.self)
        }
        self.extensions = extensions
    }
}

/// What is known of a file there; what the server does not tell is nothing.
struct SFTPAttributes: Equatable {
    var size: UInt64?
    /// Permissions, and above them the kind of file, as POSIX has it.
    var mode: UInt32?
    /// In seconds since 1970-01-01T00:00:00Z.
    var modified: UInt32?

    private enum Flags {
        static let size: UInt32 = 1
        static let owner: UInt32 = 2
        static let mode: UInt32 = 4
        static let times: UInt32 = 8
        static let extended: UInt32 = 1 << 31
        static let known = size | owner | mode | times | extended
    }

    init(mode: UInt32? = nil) { self.mode = mode }

    init(_ reader: inout ByteReader) throws(TransportError) {
        let flags = try reader.number32()
        guard flags & ~Flags.known == 0 else {
            throw TransportError(.malformed, "attributes have fields that version 3 does not know")
        }
        if flags & Flags.size != 0 { size = try reader.number64() }
        if flags & Flags.owner != 0 { _ = try reader.slice(8) }
        if flags & Flags.mode != 0 { mode = try reader.number32() }
        if flags & Flags.times != 0 {
            _ = try reader.slice(4)
            modified = try reader.number32()
        }
        if flags & Flags.extended != 0 {
            let count = try reader.number32()
            // Each takes at least the lengths of its name and its value.
            guard Int(count) <= reader.remaining / 8 else {
                throw TransportError(.malformed, "there are less than \(count) attributes")
            }
            for _ in 0..<count * 2 { _ = try reader.string() }
        }
    }

    /// Only what this side ever sets: the mode.
    var bytes: [UInt8] {
        guard let mode else { return FramedMessage.bigEndian(0 as UInt32) }
        return FramedMessage.bigEndian(Flags.mode) + FramedMessage.bigEndian(mode)
    }

    /// Whether it is a file like any other; also where nobody says what it is.
    var isRegular: Bool { mode.map { $0 & 0o170_000 == 0o100_000 || $0 & 0o170_000 == 0 } ?? true }

    /// In bytes.
    func length() throws(TransportError) -> Int {
        guard let size else { throw TransportError(.malformed, "the other side tells no length of a file") }
        guard let length = Int(exactly: size) else {
            throw TransportError(.malformed, "a file is said to have \(size) bytes")
        }
        return length
    }
}

extension ByteReader {
    /// Bytes behind their length.
    mutating func string() throws(TransportError) -> ArraySlice<UInt8> { try slice(Int(try number32())) }
}

extension ByteWriter {
    /// Bytes behind their length.
    mutating func string(_ bytes: some Collection<UInt8>) {
        number32(UInt32(truncatingIfNeeded: bytes.count))
        raw(bytes)
    }

    mutating func number64(_ value: UInt64) {
        number32(UInt32(truncatingIfNeeded: value >> 32))
        number32(UInt32(truncatingIfNeeded: value))
    }
}
