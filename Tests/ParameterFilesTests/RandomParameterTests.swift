import ObjectModel
import ParameterFiles
import Testing

/// Random values in every format, and random damage to texts of every format.
@Suite struct RandomParameterTests {
    @Test(arguments: 0..<200) func `what is written in each format is read back as it was`(seed: UInt64)
        throws
    {
        var random = SplitMix64(state: seed)
        let members = random.members(depth: 4)
        let json = Self.json(.map(members))
        #expect(try read(json, .json) == members, "seed \(seed)")
        #expect(try read(json, .yaml) == members, "seed \(seed)")  // with a space after ':', JSON is YAML
        let lines = Self.sorted(members).map { Self.quoted($0.key) + " = " + Self.toml($0.value) }
        let toml = lines.joined(separator: "\n")
        #expect(try read(toml, .toml) == members, "seed \(seed)")
    }

    /// A valid text of each format with most of what its grammar has.
    static func document(_ format: ParameterFileFormat) -> String {
        switch format {
        case .json:
            #"""
            {"lr": 1e-3, "n": [1, -0, 2.50, NaN, -Infinity], "s": "\u00e9\ud834\udd1e\n\"",
             "m": {"t": true, "z": null}}
            """#
        case .yaml:
            #"""
            %YAML 1.2
            --- # parameters
            base: &b {lr: 1e-3, n: 0x1f}
            run:
              <<: [*b, {k: v}]
              s: !!str 1
              t: |-
                x
                y
              u: >+
                z

              ? 'q''q'
              : "\x41\u00e9"
            l:
            - - ~
              - .inf
            ...
            """#
        case .toml:
            #"""
            # parameters
            title = "a\u00e9\\"
            d = 1979-05-27 07:32:00Z
            [a.b]
            n = 0xff
            f = 1_000.5e-3
            x.y = {k = [1, 'two', [true,],], "q".r = inf}
            [[t]]
            s = """
            a \
              b"""""
            [t.u]
            [[t]]
            l = '''
            'x
            '''
            """#
        }
    }

    @Test(arguments: ParameterFileFormat.allCases, 0..<100)
    func `a damaged text is read as valid values or refused at a place in it`(
        format: ParameterFileFormat, seed: UInt64
    ) throws {
        var random = SplitMix64(state: seed)
        let document = Self.document(format)
        #expect(try !read(document, format).isEmpty)
        for _ in 0..<50 {
            var bytes = Array(document.utf8)
            for _ in 0..<Int.random(in: 1...6, using: &random) { random.damage(&bytes) }
            let text = String(decoding: bytes, as: UTF8.self)
            do throws(ParameterFileError) {
                let members = try readParameters(bytes, format: format)
                #expect(Self.isStorable(.map(members), depth: 0), "seed \(seed): \(text)")
            } catch {
                let place = try #require("\(error)".split(separator: ":").first)
                let numbers = place.split { !$0.isNumber }.compactMap { Int($0) }
                // libyaml says that the end of a text without a last line feed is on the next line.
                let lines = 1 + bytes.count { [0x0A, 0x0D].contains($0) } + (format == .yaml ? 1 : 0)
                #expect(
                    numbers.count == 2 && (1...lines).contains(numbers[0]), "seed \(seed): \(error): \(text)")
                #expect((1...bytes.count + 1).contains(numbers[1]), "seed \(seed): \(error): \(text)")
            }
        }
    }

    /// Whether all numbers are spelled as they are stored, and nothing is too deep.
    static func isStorable(_ value: ParameterValue, depth: Int) -> Bool {
        switch value {
        case .integer(let text): ParameterValue.isInteger(text)
        case .float(let text): ParameterValue.isFloat(text)
        case .bool, .string, .null: true
        case .list(let values): depth < 14 && values.allSatisfy { isStorable($0, depth: depth + 1) }
        case .map(let members): depth < 14 && members.values.allSatisfy { isStorable($0, depth: depth + 1) }
        }
    }
}

// MARK: Writing values

extension RandomParameterTests {
    static func json(_ value: ParameterValue) -> String {
        switch value {
        case .integer(let text), .float(let text): text
        case .bool(let value): "\(value)"
        case .string(let text): quoted(text)
        case .null: "null"
        case .list(let values): "[" + values.map(json).joined(separator: ", ") + "]"
        case .map(let members):
            "{" + sorted(members).map { quoted($0.key) + ": " + json($0.value) }.joined(separator: ", ") + "}"
        }
    }

    static func toml(_ value: ParameterValue) -> String {
        guard case .map(let members) = value else {
            guard case .list(let values) = value else { return json(value) }
            return "[" + values.map(toml).joined(separator: ", ") + "]"
        }
        return "{" + sorted(members).map { quoted($0.key) + " = " + toml($0.value) }.joined(separator: ", ")
            + "}"
    }

    /// Members in an order that a seed gives again; a dictionary has another one in each process.
    static func sorted(_ members: [String: ParameterValue]) -> [(key: String, value: ParameterValue)] {
        members.sorted { $0.key < $1.key }
    }

    /// A string in quotes, with escapes that all three formats know.
    static func quoted(_ text: String) -> String {
        let escaped = text.unicodeScalars.map { scalar in
            switch scalar {
            case "\"", "\\": "\\\(scalar)"
            case "\0"..<" ", "\u{7F}"..<"\u{A0}", "\u{2028}", "\u{FEFF}":
                "\\u" + String(String(0x10000 + scalar.value, radix: 16).dropFirst())
            default: "\(scalar)"
            }
        }
        return "\"" + escaped.joined() + "\""
    }
}

// MARK: Random values and damage

extension SplitMix64 {
    mutating func members(depth: Int) -> [String: ParameterValue] {
        let count = Int.random(in: 0...5, using: &self)
        return Dictionary((0..<count).map { _ in (text(), value(depth: depth - 1)) }) { first, _ in first }
    }

    /// A value that all three formats can write; TOML has no null.
    mutating func value(depth: Int) -> ParameterValue {
        switch Int.random(in: depth > 0 ? 0...6 : 2...6, using: &self) {
        case 0: return .map(members(depth: depth))
        case 1:
            let count = Int.random(in: 0...5, using: &self)
            return .list((0..<count).map { _ in value(depth: depth - 1) })
        case 2: return .bool(Bool.random(using: &self))
        case 3, 4: return .string(text())
        case 5: return .integer(integer())
        default:
            let fraction = String(UInt16.random(in: 0...999, using: &self))
            let exponent = ["", "e5", "E-03", "e+400"].randomElement(using: &self) ?? ""
            return .float(integer() + "." + fraction + exponent)
        }
    }

    private mutating func integer() -> String {
        ["0", "-0", "7", "\(next())", "-\(next())", "\(next())\(next())"].randomElement(using: &self) ?? ""
    }

    private mutating func text() -> String {
        let alphabet = Array(
            "abc 019.-_:#,[]{}&*!|>'%@~<=\"\\/\t\n\r\0\u{7F}é𝄞\u{301}\u{2028}\u{85}\u{FEFF}".unicodeScalars)
        var text = ""
        for _ in 0..<Int.random(in: 0...12, using: &self) {
            text.unicodeScalars.append(alphabet[Int.random(in: alphabet.indices, using: &self)])
        }
        return text
    }

    /// Changes a text at a random place: one byte, one bit, a cut, a repetition, or what a format obeys.
    mutating func damage(_ bytes: inout [UInt8]) {
        let offset = Int.random(in: 0..<max(1, bytes.count), using: &self)
        let end = min(bytes.count, offset + Int.random(in: 1...20, using: &self))
        guard offset < end else { return bytes.append(UInt8.random(in: .min ... .max, using: &self)) }
        switch Int.random(in: 0...5, using: &self) {
        case 0: bytes[offset] = UInt8.random(in: .min ... .max, using: &self)
        case 1: bytes[offset] ^= 1 << UInt8.random(in: 0...7, using: &self)
        case 2: bytes.removeSubrange(offset..<end)
        case 3:
            bytes.insert(contentsOf: bytes[offset..<end], at: Int.random(in: 0...bytes.count, using: &self))
        case 4: bytes.removeSubrange(end...)
        default:
            let tokens = [
                "\"", "'", "\"\"\"", "[", "]", "{", "}", ",", ":", ": ", "\n", "\r", "\\", "*b", "&b ",
                "<<: *b\n", "!!int ", "- ", "? ", "---\n", "=", ".", "1", "e", "_", "é", "#", "%", "\t", "  ",
            ]
            bytes.insert(contentsOf: (tokens.randomElement(using: &self) ?? "").utf8, at: offset)
        }
    }
}
