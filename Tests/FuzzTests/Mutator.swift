import ObjectModel
import TestSupport

/// Makes inputs out of valid ones: bits, bytes, slices and numbers changed at random, from a seed.
struct Mutator {
    var random: SplitMix64
    /// No input is longer.
    let sizeLimit: Int
    /// What the format is made of, to be put anywhere.
    let tokens: [[UInt8]]

    /// Bytes that mean something in one of the formats.
    private static let bytes: [UInt8] =
        [0, 1, 2, 4, 7, 0x1f, 0x7f, 0x80, 0xfe, 0xff]
        + Array("\n\r\t \"\\/.,:;[]{}<>()*?!#&%'=-+_~0123456789aef@".utf8)

    /// Numbers at the edges of types and limits.
    private static let numbers: [UInt64] = [
        0, 1, 2, 127, 128, 255, 256, 4095, 4096, 4097, 65_535, 65_536, 65_537, 1 << 20, 4 << 20,
        (4 << 20) + 1,
        1 << 31, (1 << 31) - 1, (1 << 32) - 1, 1 << 32, 1 << 40, 1 << 52, (1 << 53) - 1, 1 << 53, 1 << 56,
        1 << 61, (1 << 62) - 1, 1 << 62, (1 << 63) - 1, 1 << 63, .max - 1, .max,
    ]

    /// One input.
    ///
    /// - Parameter pool: Valid inputs, from which slices are taken, too. Not empty.
    mutating func input(from pool: [[UInt8]]) -> [UInt8] {
        var input = pick(pool)
        var count = 1
        while count < 24, Int.random(in: 0..<3, using: &random) > 0 { count += 1 }
        for _ in 0..<count { change(&input, pool) }
        return input.count > sizeLimit ? Array(input.prefix(sizeLimit)) : input
    }

    /// Changes the tree of a text of canonical JSON and writes it anew, so that it is canonical again.
    mutating func json(from pool: [[UInt8]]) -> [UInt8]? {
        guard var value = try? JSONValue(canonical: pick(pool)) else { return nil }
        let other = (try? JSONValue(canonical: pick(pool))) ?? .null
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            var target = Int.random(in: 0..<Self.nodes(value), using: &random)
            value = changed(value, at: &target, from: other)
        }
        let bytes = value.canonicalBytes
        return bytes.count > sizeLimit ? nil : bytes
    }

    private mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[Int.random(in: 0..<elements.count, using: &random)]
    }

    private mutating func range(in bytes: [UInt8], atMost limit: Int) -> Range<Int> {
        let start = Int.random(in: 0...bytes.count, using: &random)
        let length = Int.random(in: 0...min(limit, bytes.count - start), using: &random)
        return start..<start + length
    }

    // MARK: Bytes

    private mutating func change(_ input: inout [UInt8], _ pool: [[UInt8]]) {
        guard !input.isEmpty else { return input = pick(pool) }
        let at = Int.random(in: 0..<input.count, using: &random)
        switch Int.random(in: 0..<16, using: &random) {
        case 0, 1: input[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 2: input[at] = UInt8.random(in: 0...255, using: &random)
        case 3: input[at] = pick(Self.bytes)
        case 4: input.insert(contentsOf: random.bytes(Int.random(in: 1...8, using: &random)), at: at)
        case 5: input.insert(pick(Self.bytes), at: at)
        case 6: input.removeSubrange(range(in: input, atMost: 64))
        case 7: input.insert(contentsOf: input[range(in: input, atMost: 256)], at: at)
        case 8:
            // The beginning of one input and the end of another.
            let other = pick(pool)
            input.replaceSubrange(at..., with: other[Int.random(in: 0...other.count, using: &random)...])
        case 9:
            let other = pick(pool)
            input.insert(contentsOf: other[range(in: other, atMost: 512)], at: at)
        case 10: overwrite(&input, at)
        case 11: varint(&input, at)
        case 12: input.removeSubrange(at...)
        case 13: digits(&input, at)
        case 14:
            if tokens.isEmpty {
                overwrite(&input, at)
            } else {
                input.insert(contentsOf: pick(tokens), at: at)
            }
        default: repeatSlice(&input, at)
        }
    }

    /// An integer of a fixed width, little-endian, becomes an extreme one.
    private mutating func overwrite(_ input: inout [UInt8], _ at: Int) {
        var number = pick(Self.numbers) &+ UInt64(Int.random(in: 0...1, using: &random))
        for position in at..<min(at + pick([1, 2, 4, 8]), input.count) {
            input[position] = UInt8(truncatingIfNeeded: number)
            number >>= 8
        }
    }

    /// A varint becomes an extreme one, also longer than it has to be.
    private mutating func varint(_ input: inout [UInt8], _ at: Int) {
        var end = at
        while end < input.count, input[end] >= 0x80 { end += 1 }
        var number = pick(Self.numbers)
        var bytes: [UInt8] = []
        while number >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: number) | 0x80)
            number >>= 7
        }
        bytes.append(UInt8(number))
        if Int.random(in: 0..<4, using: &random) == 0 {
            bytes[bytes.count - 1] |= 0x80
            bytes.append(0)
        }
        input.replaceSubrange(at..<min(end + 1, input.count), with: bytes)
    }

    /// A run of digits in a text becomes another number.
    private mutating func digits(_ input: inout [UInt8], _ at: Int) {
        guard let start = input[at...].firstIndex(where: { (0x30...0x39).contains($0) }) else { return }
        let end = input[start...].firstIndex { !(0x30...0x39).contains($0) } ?? input.count
        input.replaceSubrange(start..<end, with: "\(pick(Self.numbers))".utf8)
    }

    /// A slice many times: deep nesting, long lists, much of the same.
    private mutating func repeatSlice(_ input: inout [UInt8], _ at: Int) {
        let slice = Array(input[range(in: input, atMost: pick([1, 4, 16, 256]))])
        guard !slice.isEmpty, Int.random(in: 0..<4, using: &random) == 0 else { return }
        let room = max(0, sizeLimit - input.count) / slice.count
        let times = min(pick([2, 3, 20, 129, 3000, 100_000]), room)
        input.insert(contentsOf: repeatElement(slice, count: times).joined(), at: at)
    }

    // MARK: JSON

    private static func nodes(_ value: JSONValue) -> Int {
        switch value {
        case .object(let members): 1 + members.reduce(0) { $0 + nodes($1.value) }
        case .array(let values): 1 + values.reduce(0) { $0 + nodes($1) }
        default: 1
        }
    }

    private mutating func changed(_ value: JSONValue, at target: inout Int, from other: JSONValue)
        -> JSONValue
    {
        target -= 1
        if target == -1 { return replacement(for: value, from: other) }
        switch value {
        case .object(let members):
            return .object(
                members.map { JSONMember($0.name, changed($0.value, at: &target, from: other)) },
                sorting: false)
        case .array(let values): return .array(values.map { changed($0, at: &target, from: other) })
        default: return value
        }
    }

    private mutating func replacement(for value: JSONValue, from other: JSONValue) -> JSONValue {
        switch (value, Int.random(in: 0..<10, using: &random)) {
        case (_, 0): return part(of: other)
        case (_, 1):
            return pick([
                .null, .bool(true), .string(""), .array([]), .integer(0), .object([], sorting: false),
            ])
        case (_, 2) where Int.random(in: 0..<4, using: &random) == 0:
            return (0..<pick([1, 5, 40])).reduce(value) { value, _ in .array([value]) }
        case (.object(let members), let choice): return .object(edited(members, choice, other), sorting: true)
        case (.array(let values), let choice): return .array(edited(values, choice, other))
        case (.integer, _):
            let number = Int(truncatingIfNeeded: pick(Self.numbers) & 0x1f_ffff_ffff_ffff)
            return .integer(Bool.random(using: &random) ? number : -number)
        case (.string(let text), _): return .string(edited(text))
        default: return value
        }
    }

    private mutating func edited(_ members: [JSONMember], _ choice: Int, _ other: JSONValue) -> [JSONMember] {
        var members = members
        guard !members.isEmpty else { return [JSONMember("a", other)] }
        let at = Int.random(in: 0..<members.count, using: &random)
        switch choice {
        case 2...4: members.remove(at: at)
        case 5: members[at] = JSONMember(edited(members[at].name), members[at].value)
        case 6: members[at] = JSONMember(members[at].name, part(of: other))
        default:
            if case .object(let more) = other, !more.isEmpty {
                let added = pick(more)
                members.removeAll { $0.name.utf8.elementsEqual(added.name.utf8) }
                members.append(added)
            }
        }
        // Names are unique in what is canonical.
        var names: Set<[UInt8]> = []
        return members.filter { names.insert(Array($0.name.utf8)).inserted }
    }

    private mutating func edited(_ values: [JSONValue], _ choice: Int, _ other: JSONValue) -> [JSONValue] {
        var values = values
        guard !values.isEmpty else { return [part(of: other)] }
        let at = Int.random(in: 0..<values.count, using: &random)
        switch choice {
        case 2, 3: values.remove(at: at)
        case 4: values.insert(values[at], at: at)
        case 5: values.swapAt(at, Int.random(in: 0..<values.count, using: &random))
        case 6: values.append(part(of: other))
        case 7 where Self.nodes(values[at]) < 100:
            values = Array(repeatElement(values[at], count: pick([2, 64, 65, 200])))
        default: values[at] = replacement(for: values[at], from: other)
        }
        return values
    }

    /// A value somewhere in another one.
    private mutating func part(of value: JSONValue) -> JSONValue {
        switch value {
        case .object(let members) where !members.isEmpty && Bool.random(using: &random):
            part(of: pick(members).value)
        case .array(let values) where !values.isEmpty && Bool.random(using: &random): part(of: pick(values))
        default: value
        }
    }

    private mutating func edited(_ text: String) -> String {
        var bytes = Array(text.utf8)
        // Three times three hundred times is much, and the input would be too long.
        guard bytes.count <= 4096 else { return "" }
        switch Int.random(in: 0..<6, using: &random) {
        case 0:
            return pick([
                "", "/", "..", "a/b", "branches/x", "K\u{301}", "\u{212a}", "é", "e\u{301}", "\0", "nan",
                "-1",
            ])
        case 1: return text + text
        case 2: return text.uppercased()
        case 3: return String(repeating: text.isEmpty ? "x" : text, count: pick([3, 30, 300]))
        default:
            change(&bytes, [Array(text.utf8)])
            return String(decoding: bytes, as: UTF8.self)
        }
    }
}
