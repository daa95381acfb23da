internal import FileIO
internal import ObjectModel

/// What a client asks of an SFTP server.
enum SFTPRequest {
    /// How a file is opened.
    struct Mode: OptionSet {
        let rawValue: UInt32
        static let read = Mode(rawValue: 0x01)
        static let write = Mode(rawValue: 0x02)
        /// Makes the file where there is none.
        static let create = Mode(rawValue: 0x08)
        /// With ``create``: fails where there is one.
        static let exclusive = Mode(rawValue: 0x20)
        static let new: Mode = [create, exclusive]
    }

    case open(FilePath, Mode, SFTPAttributes)
    case close([UInt8])
    case read([UInt8], offset: Int, length: Int)
    case write([UInt8], offset: Int, ArraySlice<UInt8>)
    /// Of the path itself, also where it is a link.
    case attributes(FilePath)
    case attributesOfHandle([UInt8])
    case setAttributes([UInt8], SFTPAttributes)
    case openDirectory(FilePath)
    case names([UInt8])
    case remove(FilePath)
    case makeDirectory(FilePath)
    case rename(FilePath, FilePath)
    /// `fsync@openssh.com`.
    case synchronize([UInt8])
    /// `hardlink@openssh.com`.
    case link(FilePath, FilePath)
    /// `limits@openssh.com`.
    case limits

    private var kind: UInt8 {
        switch self {
        case .open: 3
        case .close: 4
        case .read: 5
        case .write: 6
        case .attributes: 7
        case .attributesOfHandle: 8
        case .setAttributes: 10
        case .openDirectory: 11
        case .names: 12
        case .remove: 13
        case .makeDirectory: 14
        case .rename: 18
        case .synchronize, .link, .limits: 200
        }
    }

    /// What may answer it, beside how it ended.
    var answer: SFTPPacket.Kind? {
        switch self {
        case .open, .openDirectory: .handle
        case .read: .data
        case .names: .names
        case .attributes, .attributesOfHandle: .attributes
        case .limits: .extended
        case .close, .write, .setAttributes, .remove, .makeDirectory, .rename, .synchronize, .link: nil
        }
    }

    func packet(_ number: UInt32) -> SFTPPacket {
        var writer = ByteWriter()
        writer.number32(number)
        switch self {
        case .open(let path, let mode, let attributes):
            writer.string(path.bytes)
            writer.number32(mode.rawValue)
            writer.raw(attributes.bytes)
        case .close(let handle), .attributesOfHandle(let handle), .names(let handle): writer.string(handle)
        case .read(let handle, let offset, let length):
            writer.string(handle)
            writer.number64(UInt64(max(0, offset)))
            writer.number32(UInt32(clamping: length))
        case .write(let handle, let offset, let bytes):
            writer.string(handle)
            writer.number64(UInt64(max(0, offset)))
            writer.string(bytes)
        case .attributes(let path), .openDirectory(let path), .remove(let path): writer.string(path.bytes)
        case .setAttributes(let handle, let attributes):
            writer.string(handle)
            writer.raw(attributes.bytes)
        case .makeDirectory(let path):
            writer.string(path.bytes)
            writer.raw(SFTPAttributes().bytes)
        case .rename(let path, let other):
            writer.string(path.bytes)
            writer.string(other.bytes)
        case .synchronize(let handle):
            writer.string(SFTPVersion.synchronize.utf8)
            writer.string(handle)
        case .link(let path, let other):
            writer.string(SFTPVersion.hardLink.utf8)
            writer.string(path.bytes)
            writer.string(other.bytes)
        case .limits: writer.string(SFTPVersion.limits.utf8)
        }
        return SFTPPacket(kind: SFTPPacket.Kind(rawValue: kind), payload: writer.bytes)
    }
}

/// What an SFTP server answers.
enum SFTPReply: Equatable {
    /// An entry of a directory.
    struct Entry: Equatable {
        let name: [UInt8]
        let attributes: SFTPAttributes
    }

    case status(SFTPStatus)
    case handle([UInt8])
    case data([UInt8])
    case names([Entry])
    case attributes(SFTPAttributes)
    /// The answer to an extension, which knows how to read it.
    case extended([UInt8])

    /// A longer handle is none, by the draft.
    private static let handleLimit = 256

    /// The number of the request that a packet answers.
    static func number(_ packet: SFTPPacket) throws(TransportError) -> UInt32 {
        var reader = ByteReader(packet.payload)
        return try reader.number32()
    }

    static func decode(_ packet: SFTPPacket) throws(TransportError) -> SFTPReply {
        var reader = ByteReader(packet.payload)
        _ = try reader.number32()
        let reply: SFTPReply
        switch packet.kind {
        case .status: reply = .status(try SFTPStatus(&reader))
        case .handle:
            let handle = Array(try reader.string())
            guard handle.count <= handleLimit else {
                throw TransportError(.malformed, "a handle has \(handle.count) bytes")
            }
            reply = .handle(handle)
        case .data: reply = .data(Array(try reader.string()))
        case .names: reply = .names(try entries(&reader))
        case .attributes: reply = .attributes(try SFTPAttributes(&reader))
        case .extended: reply = .extended(Array(try reader.rest()))
        case let other:
            throw TransportError(.malformed, "there is no reply of the kind \(other.rawValue)")
        }
        // Behind a status some servers say more; behind anything else nothing is to come.
        if packet.kind != .status { try reader.finished() }
        return reply
    }

    private static func entries(_ reader: inout ByteReader) throws(TransportError) -> [Entry] {
        let count = try reader.number32()
        // Each takes at least the lengths of its two names, and flags.
        guard Int(count) <= reader.remaining / 12 else {
            throw TransportError(.malformed, "there are less than \(count) names")
        }
        var entries: [Entry] = []
        for _ in 0..<count {
            let name = Array(try reader.string())
            // Whoever makes a path of it relies on its being one name.
            guard !name.isEmpty, !name.contains(0), !name.contains(UInt8(ascii: "/")) else {
                throw TransportError(.malformed, "'\(escapedText(name))' is no name of a file")
            }
            // A line as `ls -l` has it, for people.
            _ = try reader.string()
            entries.append(Entry(name: name, attributes: try SFTPAttributes(&reader)))
        }
        return entries
    }
}
