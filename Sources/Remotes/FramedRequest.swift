internal import FileIO
internal import Hashing
internal import ObjectModel

/// What a client asks of the server of the framed protocol, as a value and as the bytes of a frame.
enum FramedRequest: Equatable {
    case read(FilePiece)
    case properties([FilePath])
    case names(FilePath)
    case create(FilePath, ArraySlice<UInt8>)
    /// Begins or goes on with a partial file for a path, unless that is taken; the request's number stands for it from then on.
    case uploadBegin(partial: FilePath, FilePath)
    /// Adds bytes, which begin where the file ends.
    case uploadData(upload: UInt32, offset: Int, ArraySlice<UInt8>)
    case uploadFinish(upload: UInt32, FilePath, length: Int, Digest)
    case remove([FilePath])

    /// A longer path is none of a store.
    static let pathLimit = 1024
    /// Paths of one request.
    static let pathsLimit = 1024

    private static let kinds = (
        read: UInt8(16), properties: UInt8(17), names: UInt8(18), create: UInt8(19), uploadBegin: UInt8(20),
        uploadData: UInt8(21), uploadFinish: UInt8(22), remove: UInt8(23)
    )

    /// Whether it would change the store.
    var isWriting: Bool {
        switch self {
        case .read, .properties, .names: false
        case .create, .uploadBegin, .uploadData, .uploadFinish, .remove: true
        }
    }

    // MARK: Bytes

    var kind: FramedMessage.Kind {
        let kinds = Self.kinds
        let raw =
            switch self {
            case .read: kinds.read
            case .properties: kinds.properties
            case .names: kinds.names
            case .create: kinds.create
            case .uploadBegin: kinds.uploadBegin
            case .uploadData: kinds.uploadData
            case .uploadFinish: kinds.uploadFinish
            case .remove: kinds.remove
            }
        return FramedMessage.Kind(rawValue: raw)
    }

    var payload: [UInt8] {
        var writer = ByteWriter()
        switch self {
        case .read(let piece):
            writer.text(piece.path.bytes)
            // Numbers below zero mean zero to whoever reads files.
            switch piece.part {
            case .whole(let limit):
                writer.u8(0)
                writer.varint(max(0, limit))
            case .range(let offset, let length):
                writer.u8(1)
                writer.varint(max(0, offset))
                writer.varint(max(0, length))
            case .end(let length):
                writer.u8(2)
                writer.varint(max(0, length))
            }
        case .properties(let paths), .remove(let paths):
            writer.varint(paths.count)
            for path in paths { writer.text(path.bytes) }
        case .names(let directory): writer.text(directory.bytes)
        case .create(let path, let bytes):
            writer.text(path.bytes)
            writer.raw(bytes)
        case .uploadBegin(let partial, let path):
            writer.text(partial.bytes)
            writer.text(path.bytes)
        case .uploadData(let upload, let offset, let bytes):
            writer.number32(upload)
            writer.varint(max(0, offset))
            writer.raw(bytes)
        case .uploadFinish(let upload, let path, let length, let digest):
            writer.number32(upload)
            writer.text(path.bytes)
            writer.varint(max(0, length))
            writer.raw(digest.bytes)
        }
        return writer.bytes
    }

    init(_ message: FramedMessage) throws(TransportError) {
        var reader = ByteReader(message.payload)
        let kinds = Self.kinds
        switch message.kind.rawValue {
        case kinds.read:
            let path = try Self.path(&reader)
            let part: FilePiece.Part
            switch try reader.byte() {
            case 0: part = .whole(limit: try reader.number())
            case 1:
                let offset = try reader.number()
                part = .range(offset: offset, length: try reader.number())
            case 2: part = .end(length: try reader.number())
            case let other: throw TransportError(.malformed, "there is no part of the kind \(other)")
            }
            self = .read(FilePiece(path, part))
        case kinds.properties: self = .properties(try Self.paths(&reader))
        case kinds.names: self = .names(try Self.path(&reader))
        case kinds.create:
            let path = try Self.path(&reader)
            self = .create(path, try reader.rest())
        case kinds.uploadBegin:
            let partial = try Self.path(&reader)
            self = .uploadBegin(partial: partial, try Self.path(&reader))
        case kinds.uploadData:
            let upload = try reader.number32()
            let offset = try reader.number()
            self = .uploadData(upload: upload, offset: offset, try reader.rest())
        case kinds.uploadFinish:
            let upload = try reader.number32()
            let path = try Self.path(&reader)
            let length = try reader.number()
            let digest = try reader.slice(Digest.byteCount).withUnsafeBytes { bytes in
                // There are as many bytes as a digest has, or slicing had failed.
                bytes.baseAddress.map { Digest(loading: $0) }
            }
            guard let digest else { throw TransportError(.malformed, "a digest has no bytes") }
            self = .uploadFinish(upload: upload, path, length: length, digest)
        case kinds.remove: self = .remove(try Self.paths(&reader))
        case let other: throw TransportError(.unsupported, "there is no request of the kind \(other)")
        }
        try reader.finished()
    }

    private static func path(_ reader: inout ByteReader) throws(TransportError) -> FilePath {
        let bytes = try reader.text(limit: pathLimit)
        guard !bytes.contains(0) else { throw TransportError(.malformed, "a path holds NUL") }
        return FilePath(bytes)
    }

    private static func paths(_ reader: inout ByteReader) throws(TransportError) -> [FilePath] {
        let count = try reader.count()
        guard count <= pathsLimit else { throw TransportError(.malformed, "there are \(count) paths") }
        var paths: [FilePath] = []
        for _ in 0..<count { paths.append(try path(&reader)) }
        return paths
    }
}
