/// What strace writes of calls, with all texts in hexadecimal (`-xx`) and the files of descriptors (`-y`).
enum StraceOutput {
    /// One argument, or a result.
    enum Word: Hashable {
        /// A text, such as a name.
        case text([UInt8])
        /// A descriptor, or `AT_FDCWD`, and the file that it is.
        case file([UInt8])
        /// Anything else, as it is written.
        case other(String)
    }

    /// A call that has returned.
    struct Call: Hashable {
        let process: Int32
        let name: String
        let words: [Word]
        /// What it returned; nothing where the process ended in it.
        let result: Int?
        /// What the system calls the error that it failed with; nothing where it did not.
        let error: String?
        /// The file of the descriptor that it returned.
        let opened: [UInt8]?
    }

    /// Joins the lines of calls during which others were written.
    struct Reader {
        private var unfinished: [Int32: [UInt8]] = [:]
        /// More processes than these at once are not waited for.
        private static let most = 100_000

        /// - Parameter line: Without its end.
        /// - Returns: Nothing where the line tells of no call that has returned.
        mutating func take(_ line: ArraySlice<UInt8>) -> Call? {
            var rest = line.drop { $0 == UInt8(ascii: " ") }
            let digits = rest.prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
            guard let process = Int32(String(decoding: digits, as: UTF8.self)) else { return nil }
            rest = rest.dropFirst(digits.count).drop { $0 == UInt8(ascii: " ") }
            if let begun = StraceOutput.without(" <unfinished ...>", rest) {
                if unfinished.count < Self.most { unfinished[process] = Array(begun) }
                return nil
            }
            if rest.starts(with: "<... ".utf8) {
                guard let begun = unfinished.removeValue(forKey: process),
                    let end = rest.firstIndex(of: UInt8(ascii: ">"))
                else { return nil }
                return StraceOutput.call(process, begun[...] + rest[(end + 1)...])
            }
            return StraceOutput.call(process, rest)
        }
    }

    private static func without(_ suffix: String, _ line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        line.suffix(suffix.utf8.count).elementsEqual(suffix.utf8) ? line.dropLast(suffix.utf8.count) : nil
    }

    /// A call in one piece: its name, its words in parentheses, and what it returned.
    private static func call(_ process: Int32, _ line: ArraySlice<UInt8>) -> Call? {
        guard let open = line.firstIndex(of: UInt8(ascii: "(")), open > line.startIndex,
            line[..<open].allSatisfy({ isNameByte($0) })
        else { return nil }
        var words: [Word] = []
        var (depth, isText) = (0, false)
        var start = open + 1
        var next = start
        scan: while next < line.endIndex {
            let byte = line[next]
            if isText {
                if byte == UInt8(ascii: "\"") { isText = false }
            } else {
                switch byte {
                case UInt8(ascii: "\""): isText = true
                case UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: "("): depth += 1
                case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
                case UInt8(ascii: ")"):
                    if depth == 0 { break scan }
                    depth -= 1
                case UInt8(ascii: ",") where depth == 0:
                    words.append(word(line[start..<next]))
                    start = next + 1
                default: break
                }
            }
            next += 1
        }
        guard next < line.endIndex else { return nil }
        if start < next { words.append(word(line[start..<next])) }
        guard let equals = line[next...].firstIndex(of: UInt8(ascii: "=")) else { return nil }
        let result = line[(equals + 1)...].drop { $0 == UInt8(ascii: " ") }
        let number = result.prefix { $0 == UInt8(ascii: "-") || ($0 >= 0x30 && $0 <= 0x39) }
        let name = result.dropFirst(number.count).drop { $0 == UInt8(ascii: " ") }.prefix {
            $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "Z")
        }
        let error = number.first == UInt8(ascii: "-") ? String(decoding: name, as: UTF8.self) : nil
        var opened: [UInt8]?
        if case .file(let path) = word(result) { opened = path }
        return Call(
            process: process, name: String(decoding: line[..<open], as: UTF8.self), words: words,
            result: Int(String(decoding: number, as: UTF8.self)), error: error, opened: opened)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "_") || (byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x7a)
    }

    private static func word(_ bytes: ArraySlice<UInt8>) -> Word {
        let trimmed = bytes.drop { $0 == UInt8(ascii: " ") }
        if trimmed.first == UInt8(ascii: "\""), trimmed.count > 1, trimmed.last == UInt8(ascii: "\""),
            let text = decoded(trimmed.dropFirst().dropLast())
        {
            return .text(text)
        }
        if let open = trimmed.firstIndex(of: UInt8(ascii: "<")),
            let end = trimmed[open...].firstIndex(of: UInt8(ascii: ">")),
            trimmed[..<open].allSatisfy({ $0 != UInt8(ascii: "\"") }),
            let path = decoded(trimmed[(open + 1)..<end]), path.first == UInt8(ascii: "/")
        {
            return .file(path)
        }
        return .other(String(decoding: trimmed, as: UTF8.self))
    }

    /// Bytes, each written as `\x2f`; nothing where something else is among them.
    private static func decoded(_ bytes: ArraySlice<UInt8>) -> [UInt8]? {
        guard bytes.count.isMultiple(of: 4) else { return nil }
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count / 4)
        for start in stride(from: bytes.startIndex, to: bytes.endIndex, by: 4) {
            guard bytes[start] == UInt8(ascii: "\\"), bytes[start + 1] == UInt8(ascii: "x"),
                let high = digit(bytes[start + 2]), let low = digit(bytes[start + 3]), high | low != 0
            else { return nil }
            result.append(high << 4 | low)
        }
        return result
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x61...0x66: byte - 0x57
        default: nil
        }
    }
}
