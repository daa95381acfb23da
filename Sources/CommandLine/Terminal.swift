internal import FileIO
internal import MLRepo
internal import ObjectModel
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// Standard output and error, and how numbers and times look on them.
enum Terminal {
    /// What goes to standard output, gathered: a line at a time would cost a call each.
    private static let buffer = Mutex<[UInt8]>([])

    static func print(_ line: String) { write(Array(line.utf8) + [0x0a]) }

    static func printError(_ line: String) {
        flush()
        send(Array(plain(line).utf8) + [0x0a], to: 2)
    }

    static func write(_ bytes: some Collection<UInt8>) {
        let isFull = buffer.withLock { buffer in
            buffer += bytes
            return buffer.count >= 1 << 16
        }
        if isFull { flush() }
    }

    static func flush() {
        let bytes = buffer.withLock { buffer in
            defer { buffer.removeAll(keepingCapacity: true) }
            return buffer
        }
        send(bytes, to: 1)
    }

    /// Writes all bytes.
    ///
    /// An answer that cannot be written ends the program: nobody would know that it is cut short.
    static func send(_ bytes: [UInt8], to descriptor: Int32) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { put(descriptor, $0.baseAddress.unsafelyUnwrapped, $0.count) }
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if errno != EINTR {
                guard descriptor == 1 else { return }
                let reason = String(cString: strerror(errno))
                Failure(status: .inputOutput, message: "the answer cannot be written: \(reason)").report(
                    json: ArgumentText.wantsJSON(ArgumentText.arguments()))
                exit(ExitStatus.inputOutput.rawValue)
            }
        }
    }

    private static func put(_ descriptor: Int32, _ start: UnsafeRawPointer, _ count: Int) -> Int {
        #if canImport(Glibc)
            Glibc.write(descriptor, start, count)
        #else
            Darwin.write(descriptor, start, count)
        #endif
    }

    /// Asks somebody who sits there; everything but yes is no.
    static func confirms(_ question: String) -> Bool {
        flush()
        send(Array("\(question) [y/N] ".utf8), to: 2)
        return ["y", "yes"].contains(readLine()?.lowercased())
    }

    /// How many characters a line of standard output has; nothing where that is no terminal.
    static var width: Int? { terminalWidth(of: 1) }

    static func printJSON(_ value: JSONValue) { print(json(value)) }

    /// JSON without control characters: those that JSON allows as they are, a terminal may take for its own.
    static func json(_ value: JSONValue) -> String {
        let text = String(decoding: value.canonicalBytes, as: UTF8.self)
        guard text.unicodeScalars.contains(where: isHidden) else { return text }
        var escaped = ""
        for scalar in text.unicodeScalars {
            // All of these are above U+000F and below U+0100, and stand within strings.
            if isHidden(scalar) {
                escaped += "\\u00" + String(scalar.value, radix: 16)
            } else {
                escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    private static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value >= 0x7f && scalar.value <= 0x9f
    }

    /// A path in the working tree in an answer for programs; `.` for its top directory.
    static func json(_ path: RepositoryPath) -> JSONValue { path.isRoot ? .string(".") : path.json }

    /// A path in an answer for programs: text where it is UTF-8, else its bytes in base64.
    static func json(_ path: [UInt8]) -> JSONValue {
        if let text = String(validating: path, as: UTF8.self) { return .string(text) }
        return .object(["bytes": .string(Base64.encode(path))])
    }

    /// Text from outside, with control characters escaped.
    static func escaped(_ text: String) -> String { escapedText(text.utf8) }
    static func escaped(_ bytes: [UInt8]) -> String { escapedText(bytes) }

    /// A message with parts from outside which nobody escaped, such as a file's name in a message of the system: on one line, and
    /// without characters that change how the rest is shown.
    static func oneLine(_ text: String) -> String {
        var line = ""
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator:
                line += escapedText(String(scalar).utf8)
            default: line.unicodeScalars.append(scalar)
            }
        }
        return line
    }

    /// Text that may hold parts from outside which nobody escaped, such as a file's name in a message of the system: without
    /// control characters.
    private static func plain(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else {
            return text
        }
        var plain = ""
        for scalar in text.unicodeScalars {
            if scalar.properties.generalCategory == .control, scalar != "\n" {
                plain += escapedText(String(scalar).utf8)
            } else {
                plain.unicodeScalars.append(scalar)
            }
        }
        return plain
    }

    /// A size as people read it: `17 bytes`, `4.2 KB`, `391 MB`.
    static func size(_ bytes: Int) -> String {
        guard bytes >= 1000 else { return bytes == 1 ? "1 byte" : "\(bytes) bytes" }
        var value = Double(bytes)
        var unit = ""
        for next in ["KB", "MB", "GB", "TB", "PB"] where value >= 999.5 || unit.isEmpty {
            value /= 1000
            unit = next
        }
        return "\(decimal(value, digits: value < 9.95 ? 1 : 0)) \(unit)"
    }

    /// A count with separators: `48,112`.
    static func count(_ number: Int) -> String {
        let digits = String(number)
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index).isMultiple(of: 3) { text.append(",") }
            text.append(digit)
        }
        return text
    }

    static func files(_ number: Int) -> String { Self.number(number, "file") }

    /// A number of things, with the word for one of them.
    static func number(_ number: Int, _ unit: String) -> String {
        number == 1 ? "1 \(unit)" : "\(count(number)) \(unit)s"
    }

    static func decimal(_ value: Double, digits: Int) -> String {
        let scale = digits == 0 ? 1.0 : 10.0
        let scaled = Int((value * scale).rounded())
        return digits == 0 ? String(scaled) : "\(scaled / 10).\(scaled % 10)"
    }

    /// RFC 3339 in UTC with seconds.
    static func time(_ seconds: Int) -> String { PointInTime.text(seconds) }
}
