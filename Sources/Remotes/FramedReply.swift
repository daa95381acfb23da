internal import ObjectModel

/// What the server of the framed protocol answers, as a value and as the bytes of a frame.
enum FramedReply: Equatable {
    /// Of a reading; nothing where there is no such file.
    case content(PieceContent?)
    case properties([FileProperties?])
    /// Some of the names in a directory, and whether more of them follow under the same number.
    case names([[UInt8]], more: Bool)
    /// Of what was to be made or removed: whether this did it.
    case done(Bool)
    /// How much of an upload is there.
    case length(Int)
    /// The name that an upload should get is taken.
    case taken
    /// The file that was uploaded has other bytes than it should.
    case wrongBytes
    /// It takes its time, and is still at it; the reply follows.
    case working
    /// It could not be done; with number 0, nothing can be any more.
    case failure(TransportError)

    /// A reply without bytes of files has no more than this.
    static let shortLimit = 8192
    /// Bytes of an error's text that are told.
    private static let problemLimit = 4096
    /// Of one name, as file systems have them.
    private static let nameLimit = 1024
    /// In the order of their numbers on the line, which never change.
    private static let errorKinds: [TransportError.Kind] = [
        .unreachable, .denied, .full, .unsupported, .malformed, .absent, .failed, .stopped,
    ]

    private static let kinds = (
        content: UInt8(64), properties: UInt8(65), names: UInt8(66), done: UInt8(67), length: UInt8(68),
        taken: UInt8(69), wrongBytes: UInt8(70), working: UInt8(71), failure: UInt8(72)
    )

    // MARK: Bytes

    var kind: FramedMessage.Kind {
        let kinds = Self.kinds
        let raw =
            switch self {
            case .content: kinds.content
            case .properties: kinds.properties
            case .names: kinds.names
            case .done: kinds.done
            case .length: kinds.length
            case .taken: kinds.taken
            case .wrongBytes: kinds.wrongBytes
            case .working: kinds.working
            case .failure: kinds.failure
            }
        return FramedMessage.Kind(rawValue: raw)
    }

    var payload: [UInt8] {
        var writer = ByteWriter()
        switch self {
        case .content(let content):
            writer.u8(content == nil ? 0 : 1)
            guard let content else { break }
            writer.varint(max(0, content.fileLength))
            writer.raw(content.bytes)
        case .properties(let found):
            writer.varint(found.count)
            for properties in found {
                writer.u8(properties == nil ? 0 : 1)
                guard let properties else { continue }
                writer.varint(max(0, properties.length))
                let bits = UInt64(bitPattern: properties.modified)
                writer.number32(UInt32(truncatingIfNeeded: bits >> 32))
                writer.number32(UInt32(truncatingIfNeeded: bits))
            }
        case .names(let names, let more):
            writer.u8(more ? 1 : 0)
            writer.varint(names.count)
            for name in names { writer.text(name) }
        case .done(let isNew): writer.u8(isNew ? 1 : 0)
        case .length(let length): writer.varint(max(0, length))
        case .taken, .wrongBytes, .working: break
        case .failure(let error):
            writer.u8(UInt8(Self.errorKinds.firstIndex(of: error.kind) ?? 6))
            writer.raw(error.problem.utf8.prefix(Self.problemLimit))
        }
        return writer.bytes
    }

    init(_ message: FramedMessage) throws(TransportError) {
        var reader = ByteReader(message.payload)
        let kinds = Self.kinds
        switch message.kind.rawValue {
        case kinds.content:
            guard try reader.flag() else {
                self = .content(nil)
                break
            }
            let length = try reader.number()
            self = .content(PieceContent(bytes: Array(try reader.rest()), fileLength: length))
        case kinds.properties:
            var found: [FileProperties?] = []
            for _ in 0..<(try reader.count()) {
                guard try reader.flag() else {
                    found.append(nil)
                    continue
                }
                let length = try reader.number()
                let modified = Int64(bitPattern: try reader.number64())
                found.append(FileProperties(length: length, modified: modified))
            }
            self = .properties(found)
        case kinds.names:
            let more = try reader.flag()
            var names: [[UInt8]] = []
            for _ in 0..<(try reader.count()) {
                let name = try reader.text(limit: Self.nameLimit)
                // Whoever makes a path of it relies on its being one name.
                let isName = !name.isEmpty && !name.contains(0) && !name.contains(UInt8(ascii: "/"))
                guard isName else {
                    throw TransportError(.malformed, "'\(escapedText(name))' is no name of a file")
                }
                names.append(name)
            }
            self = .names(names, more: more)
        case kinds.done: self = .done(try reader.flag())
        case kinds.length: self = .length(try reader.number())
        case kinds.taken: self = .taken
        case kinds.wrongBytes: self = .wrongBytes
        case kinds.working: self = .working
        case kinds.failure:
            let number = Int(try reader.byte())
            let kind = number < Self.errorKinds.count ? Self.errorKinds[number] : .failed
            let problem = try reader.rest().prefix(Self.problemLimit)
            self = .failure(TransportError(kind, escapedText(problem)))
        case let other: throw TransportError(.malformed, "there is no reply of the kind \(other)")
        }
        try reader.finished()
    }
}

extension ByteReader {
    fileprivate mutating func flag() throws(TransportError) -> Bool {
        let byte = try byte()
        guard byte <= 1 else { throw TransportError(.malformed, "\(byte) is neither yes nor no") }
        return byte == 1
    }
}
