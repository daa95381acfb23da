internal import FileIO
internal import ObjectModel

/// How a request ended that has nothing else to say.
struct SFTPStatus: Equatable {
    /// `SSH_FX_…`; some servers send those of later versions, too.
    struct Code: RawRepresentable, Hashable {
        let rawValue: UInt32
        static let done = Code(rawValue: 0)
        static let endOfFile = Code(rawValue: 1)
        static let noSuchFile = Code(rawValue: 2)
        static let permissionDenied = Code(rawValue: 3)
        static let failure = Code(rawValue: 4)
        static let noConnection = Code(rawValue: 6)
        static let connectionLost = Code(rawValue: 7)
        static let unsupported = Code(rawValue: 8)
        static let noSuchPath = Code(rawValue: 10)
        static let writeProtected = Code(rawValue: 12)
        static let noSpace = Code(rawValue: 14)
        static let quotaExceeded = Code(rawValue: 15)
    }

    /// Bytes of a message that are kept.
    private static let messageLimit = 1000

    let code: Code
    /// What the server says of it, escaped.
    let message: String

    init(_ code: Code, message: String = "") { (self.code, self.message) = (code, message) }

    init(_ reader: inout ByteReader) throws(TransportError) {
        code = Code(rawValue: try reader.number32())
        // Early servers say no more than the code.
        let text = reader.remaining > 0 ? try reader.string() : []
        message = escapedText(text.prefix(Self.messageLimit))
    }

    var isDone: Bool { code == .done }
    var isAbsent: Bool { code == .noSuchFile || code == .noSuchPath }

    /// Why something could not be done.
    ///
    /// - Parameters:
    ///   - operation: What it was, such as `open`.
    ///   - path: What it was about.
    func error(_ operation: String, _ path: FilePath) -> TransportError {
        var text = message.isEmpty ? "status \(code.rawValue)" : message
        // OpenSSH says no more than that.
        if kind == .failed, code == .failure, message.lowercased() == "failure" {
            text = "SFTP does not say why (no room, or a disk that is only read?)"
        }
        return TransportError(kind, "cannot \(operation) \(path): \(text)")
    }

    private var kind: TransportError.Kind {
        switch code {
        case .noSuchFile, .noSuchPath: .absent
        case .permissionDenied, .writeProtected: .denied
        case .noConnection, .connectionLost: .unreachable
        case .unsupported: .unsupported
        case .noSpace, .quotaExceeded: .full
        // In version 3 there is no code for it, so what is said is all that tells.
        case .failure where saysFull: .full
        default: .failed
        }
    }

    private var saysFull: Bool {
        let text = message.lowercased()
        return ["no space", "disk full", "quota"].contains { text.contains($0) }
    }
}
