internal import FileIO
internal import MLRepo

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// Arguments as text without loss: a byte that is not UTF-8 becomes a code point of a private plane (U+10FF00 and
/// the byte), as Python does with surrogates, and comes back as that byte.
enum ArgumentText {
    private static let escape: UInt32 = 0x10_ff00

    /// The arguments behind the program's name.
    static func arguments() -> [String] {
        var arguments: [String] = []
        for index in 1..<max(1, Int(Swift.CommandLine.argc)) {
            guard let argument = Swift.CommandLine.unsafeArgv[index] else { break }
            arguments.append(
                String(validatingCString: argument)
                    ?? text(Array(UnsafeRawBufferPointer(start: argument, count: strlen(argument)))))
        }
        return arguments
    }

    /// Whether some arguments ask for an answer for programs; what stands behind "--" is a path.
    static func wantsJSON(_ arguments: [String]) -> Bool {
        arguments.prefix { $0 != "--" }.contains("--json")
    }

    static func text(_ bytes: [UInt8]) -> String {
        if let text = String(validating: bytes, as: UTF8.self) { return text }
        var text = ""
        for byte in bytes {
            // Byte by byte once anything is wrong: such names are rare and need not look nice.
            guard let scalar = Unicode.Scalar(byte < 0x80 ? UInt32(byte) : escape + UInt32(byte)) else {
                continue
            }
            text.unicodeScalars.append(scalar)
        }
        return text
    }

    /// Makes sure that a word which becomes text of a store is text.
    ///
    /// - Parameter what: What it is, for the message.
    static func requireText(_ word: String, _ what: String) throws {
        guard word.unicodeScalars.contains(where: { $0.value >= escape && $0.value <= escape + 0xff }) else {
            return
        }
        throw Failure(status: .usage, message: "\(what) is not UTF-8")
    }

    static func bytes(_ text: String) -> [UInt8] {
        var bytes: [UInt8] = []
        for scalar in text.unicodeScalars {
            if scalar.value >= escape, scalar.value <= escape + 0xff {
                bytes.append(UInt8(scalar.value - escape))
            } else {
                bytes.append(contentsOf: String(scalar).utf8)
            }
        }
        return bytes
    }
}

extension Environment {
    /// The file that a person names: where links lead, if it is one.
    func place(named text: String) -> FilePath {
        var path = workingDirectory.appending(ArgumentText.bytes(text))
        // As many as the system follows.
        for _ in 0..<40 {
            guard (try? files.status(path))??.kind == .link, let target = try? files.readLink(path) else {
                break
            }
            path = path.parent.appending(target)
        }
        return path
    }
}
