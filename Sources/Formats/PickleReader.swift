/// Follows the opcodes of a pickle, and keeps what it would make as values that stand for themselves.
///
/// Memory: at most some 50 bytes for each opcode and 250 for each node. No value holds another one by reference, so that nothing is deep.
struct PickleReader {
    /// What an opcode made.
    enum Value {
        /// Whatever is of no matter here.
        case other
        case number(Int)
        case text(Text)
        /// The number of a node.
        case node(Int)
    }

    /// Where a text lies in the pickle.
    struct Text {
        private let start: UInt32
        private let length: UInt32

        /// - Parameter range: In a pickle of less than 4 GiB.
        init(_ range: Range<Int>) {
            (start, length) = (UInt32(range.lowerBound), UInt32(range.count))
        }

        var count: Int { Int(length) }
        var range: Range<Int> { Int(start)..<Int(start) + count }
    }

    /// What holds others.
    struct Node {
        enum Kind {
            case list, tuple
            /// Names and values in turn.
            case dictionary
            /// A module and a member of it.
            case global
            /// A function or class, its arguments, and others by name.
            case call
            /// What says where a storage is.
            case persistent
        }

        let kind: Kind
        var items: [Value] = []
        /// What becomes of what a call made: its members, and what is put into it as into a list or dictionary.
        var contents: [Value] = []
    }

    /// More nodes than these, or more opcodes, are given up.
    private static let (nodeLimit, opcodeLimit) = (1 << 19, 1 << 21)

    /// Longer texts, in bytes, are no names.
    static let textLimit = 256

    private let bytes: [UInt8]
    private var offset = 0
    private(set) var nodes: [Node] = []
    private var stack: [Value] = []
    private var marks: [Int] = []
    /// What was remembered, by number, and how much that is.
    private var (memo, memoCount): ([Value?], Int) = ([], 0)
    /// The lists and dictionaries that objects are as well.
    private var parts: [Part: Int] = [:]

    private struct Part: Hashable {
        let object: Int
        let kind: Node.Kind
    }

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The pickle breaks off, or takes what is not there.
    private struct Malformed: Error {}

    /// What the pickle makes; nothing if it is none.
    mutating func run() -> Value? {
        do throws(Malformed) {
            for _ in 0..<Self.opcodeLimit where nodes.count <= Self.nodeLimit {
                let opcode = try byte()
                if opcode == UInt8(ascii: ".") { return try pop() }
                try follow(opcode)
            }
        } catch {}
        return nil
    }

    // MARK: Values

    /// The values of a tuple.
    func tuple(_ value: Value) -> [Value]? {
        guard case .node(let number) = value, nodes[number].kind == .tuple else { return nil }
        return nodes[number].items
    }

    /// The numbers of a tuple.
    func counts(_ value: Value) -> [Int]? {
        guard let values = tuple(value), values.count <= 64 else { return nil }
        var counts: [Int] = []
        for value in values {
            guard case .number(let count) = value, count >= 0 else { return nil }
            counts.append(count)
        }
        return counts
    }

    func global(_ value: Value) -> (module: String, member: String)? {
        guard case .node(let number) = value, nodes[number].kind == .global, nodes[number].items.count == 2,
            let module = text(nodes[number].items[0]), let member = text(nodes[number].items[1])
        else { return nil }
        return (String(decoding: module, as: UTF8.self), String(decoding: member, as: UTF8.self))
    }

    /// The number of the node that says where a storage is.
    func storageNumber(_ value: Value) -> Int? {
        guard case .node(let number) = value, nodes[number].kind == .persistent,
            case .node(let inner)? = nodes[number].items.first
        else { return nil }
        return inner
    }

    /// What PyTorch keeps beside the pickle: type, key and count of a storage.
    func storage(_ value: Value) -> (type: String, key: [UInt8], count: Int)? {
        guard let parts = storageNumber(value).flatMap({ tuple(.node($0)) }), parts.count >= 5,
            let type = global(parts[1]), let key = text(parts[2]), case .number(let count) = parts[4],
            count >= 0
        else { return nil }
        return (type.member, key, count)
    }

    /// The nodes that a node holds, each with what leads there: a name or a number, or nothing that counts.
    func members(of node: Node) -> [(label: Value, number: Int)] {
        var members: [(label: Value, number: Int)] = []
        func add(_ value: Value, _ label: Value = .other) {
            if case .node(let number) = value { members.append((label, number)) }
        }
        switch node.kind {
        case .list, .tuple:
            for (index, value) in node.items.enumerated() { add(value, .number(index)) }
        case .dictionary:
            for index in stride(from: 0, to: node.items.count - 1, by: 2) {
                add(node.items[index + 1], node.items[index])
            }
        case .call:
            // A parameter is a tensor of the same name.
            if let name = node.items.first.flatMap({ global($0) }),
                name.member.hasPrefix("_rebuild_parameter"),
                let tensor = tuple(node.items[1])?.first
            {
                add(tensor)
            } else {
                for value in node.items.dropFirst() { add(value) }
            }
            for value in node.contents { add(value) }
        case .global, .persistent: break
        }
        return members
    }

    /// What stands for a label in the way to something; nothing if it is no name or number.
    func name(_ label: Value) -> [UInt8] {
        if case .number(let number) = label { return Array("\(number)".utf8) }
        return text(label) ?? []
    }

    private func text(_ value: Value) -> [UInt8]? {
        guard case .text(let text) = value, text.count <= Self.textLimit else { return nil }
        return Array(bytes[text.range])
    }

    // MARK: Stack

    private mutating func pop() throws(Malformed) -> Value {
        guard stack.count > marks.last ?? 0, let value = stack.popLast() else { throw Malformed() }
        return value
    }

    private mutating func popMark() throws(Malformed) -> [Value] {
        guard let mark = marks.popLast() else { throw Malformed() }
        defer { stack.removeLast(stack.count - mark) }
        return Array(stack[mark...])
    }

    private mutating func push(_ node: Node) {
        stack.append(.node(nodes.count))
        nodes.append(node)
    }

    private mutating func pushTuple(of count: Int) throws(Malformed) {
        var items: [Value] = []
        for _ in 0..<count { items.append(try pop()) }
        push(Node(kind: .tuple, items: items.reversed()))
    }

    /// Puts values into what is on top of the stack; what is none of these is left as it is.
    private func top(_ kinds: Node.Kind...) throws(Malformed) -> Int? {
        guard stack.count > marks.last ?? 0, let value = stack.last else { throw Malformed() }
        guard case .node(let number) = value else { return nil }
        return kinds.contains(nodes[number].kind) ? number : nil
    }

    private mutating func append(_ items: [Value]) throws(Malformed) {
        if let number = try top(.list) {
            nodes[number].items += items
        } else if let object = try top(.call) {
            let part = part(.list, of: object)
            nodes[part].items += items
        }
    }

    private mutating func set(_ items: [Value]) throws(Malformed) {
        guard items.count % 2 == 0 else { throw Malformed() }
        if let number = try top(.dictionary) {
            nodes[number].items += items
        } else if let object = try top(.call) {
            let part = part(.dictionary, of: object)
            nodes[part].items += items
        }
    }

    /// The list or dictionary that an object of a subclass of these is as well.
    private mutating func part(_ kind: Node.Kind, of object: Int) -> Int {
        if let part = parts[Part(object: object, kind: kind)] { return part }
        let part = nodes.count
        nodes.append(Node(kind: kind))
        nodes[object].contents.append(.node(part))
        parts[Part(object: object, kind: kind)] = part
        return part
    }

    private mutating func call(_ function: Value, _ arguments: Value, _ named: Value? = nil) {
        push(Node(kind: .call, items: [function, arguments] + (named.map { [$0] } ?? [])))
    }

    private mutating func build() throws(Malformed) {
        let state = try pop()
        // What a dictionary has besides its members says nothing of tensors.
        if let number = try top(.call) { nodes[number].contents.append(state) }
    }

    // MARK: Bytes

    private mutating func byte() throws(Malformed) -> UInt8 {
        guard offset < bytes.count else { throw Malformed() }
        defer { offset += 1 }
        return bytes[offset]
    }

    private mutating func skip(_ count: Int) throws(Malformed) -> Range<Int> {
        guard count >= 0, count <= bytes.count - offset else { throw Malformed() }
        defer { offset += count }
        return offset..<offset + count
    }

    private mutating func number(_ width: Int) throws(Malformed) -> Int {
        let range = try skip(width)
        guard width < 8 || bytes[range.upperBound - 1] < 0x80 else { throw Malformed() }
        return bytes[range].reversed().reduce(0) { $0 << 8 | Int($1) }
    }

    /// A line without its end.
    private mutating func line() throws(Malformed) -> Range<Int> {
        guard let end = bytes[offset...].firstIndex(of: 0x0a) else { throw Malformed() }
        defer { offset = end + 1 }
        return offset..<end
    }

    private mutating func textLine() throws(Malformed) -> Value { .text(Text(try line())) }

    /// A little-endian number in two's complement.
    private mutating func long(_ width: Int) throws(Malformed) -> Value {
        let range = try skip(width)
        guard width <= 8 else { return .other }
        guard let last = bytes[range].last else { return .number(0) }
        let sign: UInt64 = last >= 0x80 && width < 8 ? ~0 << UInt64(8 * width) : 0
        return .number(
            Int(truncatingIfNeeded: bytes[range].reversed().reduce(0) { $0 << 8 | UInt64($1) } | sign))
    }

    private func decimal(_ range: Range<Int>) -> Value {
        Int(String(decoding: bytes[range].filter { $0 != UInt8(ascii: "L") }, as: UTF8.self)).map {
            .number($0)
        }
            ?? .other
    }
}

// MARK: Opcodes

extension PickleReader {
    private mutating func follow(_ opcode: UInt8) throws(Malformed) {
        switch opcode {
        case 0x80: _ = try skip(1)  // PROTO
        case 0x95: _ = try skip(8)  // FRAME
        case UInt8(ascii: "("): marks.append(stack.count)
        case UInt8(ascii: "0"): _ = try pop()
        case UInt8(ascii: "1"): _ = try popMark()
        case UInt8(ascii: "2"):
            let value = try pop()
            stack += [value, value]
        case UInt8(ascii: "]"), 0x8f: push(Node(kind: .list))  // EMPTY_SET
        case UInt8(ascii: "l"), 0x91: push(Node(kind: .list, items: try popMark()))  // FROZENSET
        case UInt8(ascii: "a"): try append([try pop()])
        case UInt8(ascii: "e"), 0x90: try append(try popMark())  // ADDITEMS
        case UInt8(ascii: ")"): push(Node(kind: .tuple))
        case UInt8(ascii: "t"): push(Node(kind: .tuple, items: try popMark()))
        case 0x85, 0x86, 0x87: try pushTuple(of: Int(opcode) - 0x84)  // TUPLE1, TUPLE2, TUPLE3
        case UInt8(ascii: "}"): push(Node(kind: .dictionary))
        case UInt8(ascii: "d"):
            push(Node(kind: .dictionary))
            let (dictionary, items) = (stack.removeLast(), try popMark())
            stack.append(dictionary)
            try set(items)
        case UInt8(ascii: "s"):
            let (value, name) = (try pop(), try pop())
            try set([name, value])
        case UInt8(ascii: "u"): try set(try popMark())
        case UInt8(ascii: "R"), 0x81:  // NEWOBJ
            let (arguments, function) = (try pop(), try pop())
            call(function, arguments)
        case 0x92:  // NEWOBJ_EX
            let (named, arguments, function) = (try pop(), try pop(), try pop())
            call(function, arguments, named)
        case UInt8(ascii: "o"):
            let items = try popMark()
            guard let function = items.first else { throw Malformed() }
            push(Node(kind: .tuple, items: Array(items.dropFirst())))
            call(function, stack.removeLast())
        case UInt8(ascii: "i"):
            let function = Value.node(nodes.count)
            nodes.append(Node(kind: .global, items: [try textLine(), try textLine()]))
            push(Node(kind: .tuple, items: try popMark()))
            call(function, stack.removeLast())
        case UInt8(ascii: "b"): try build()
        case UInt8(ascii: "Q"): push(Node(kind: .persistent, items: [try pop()]))
        default: try followMemo(opcode)
        }
    }

    private mutating func followMemo(_ opcode: UInt8) throws(Malformed) {
        switch opcode {
        case UInt8(ascii: "p"): try remember(decimal(try line()))
        case UInt8(ascii: "q"): try remember(.number(try number(1)))
        case UInt8(ascii: "r"): try remember(.number(try number(4)))
        case 0x94: try remember(.number(memoCount))  // MEMOIZE
        case UInt8(ascii: "g"): try recall(decimal(try line()))
        case UInt8(ascii: "h"): try recall(.number(try number(1)))
        case UInt8(ascii: "j"): try recall(.number(try number(4)))
        default: try followScalar(opcode)
        }
    }

    private mutating func remember(_ key: Value) throws(Malformed) {
        guard case .number(let number) = key, stack.count > marks.last ?? 0, let value = stack.last else {
            throw Malformed()
        }
        // Nobody numbers more than there can be.
        guard (0..<Self.opcodeLimit).contains(number) else { throw Malformed() }
        if number >= memo.count { memo += repeatElement(nil, count: number + 1 - memo.count) }
        if memo[number] == nil { memoCount += 1 }
        memo[number] = value
    }

    private mutating func recall(_ key: Value) throws(Malformed) {
        guard case .number(let number) = key, memo.indices.contains(number), let value = memo[number] else {
            throw Malformed()
        }
        stack.append(value)
    }

    private mutating func followScalar(_ opcode: UInt8) throws(Malformed) {
        switch opcode {
        case UInt8(ascii: "J"): stack.append(try long(4))
        case UInt8(ascii: "K"): stack.append(.number(try number(1)))
        case UInt8(ascii: "M"): stack.append(.number(try number(2)))
        case 0x8a: stack.append(try long(try number(1)))  // LONG1
        case 0x8b: stack.append(try long(try number(4)))  // LONG4
        case UInt8(ascii: "I"), UInt8(ascii: "L"): stack.append(decimal(try line()))
        case UInt8(ascii: "N"), 0x88, 0x89: stack.append(.other)  // NEWTRUE, NEWFALSE
        case UInt8(ascii: "F"):
            _ = try line()
            stack.append(.other)
        case UInt8(ascii: "G"):
            _ = try skip(8)
            stack.append(.other)
        default: try followText(opcode)
        }
    }

    private mutating func followText(_ opcode: UInt8) throws(Malformed) {
        switch opcode {
        case UInt8(ascii: "X"), UInt8(ascii: "T"): try pushText(try number(4))
        case 0x8c, UInt8(ascii: "U"): try pushText(try number(1))  // SHORT_BINUNICODE
        case 0x8d: try pushText(try number(8))  // BINUNICODE8
        case UInt8(ascii: "V"): stack.append(try textLine())
        case UInt8(ascii: "S"):
            // Between quotes.
            let range = try line()
            stack.append(range.count >= 2 ? .text(Text(range.lowerBound + 1..<range.upperBound - 1)) : .other)
        case UInt8(ascii: "B"): try skipBytes(try number(4))
        case UInt8(ascii: "C"): try skipBytes(try number(1))
        case 0x8e, 0x96: try skipBytes(try number(8))  // BINBYTES8, BYTEARRAY8
        case UInt8(ascii: "c"):
            push(Node(kind: .global, items: [try textLine(), try textLine()]))
        case 0x93:  // STACK_GLOBAL
            let (member, module) = (try pop(), try pop())
            push(Node(kind: .global, items: [module, member]))
        case UInt8(ascii: "P"):
            _ = try line()
            stack.append(.other)
        case 0x82: try skipExtension(1)  // EXT1
        case 0x83: try skipExtension(2)  // EXT2
        case 0x84: try skipExtension(4)  // EXT4
        case 0x97: stack.append(.other)  // NEXT_BUFFER
        case 0x98: break  // READONLY_BUFFER
        default: throw Malformed()
        }
    }

    private mutating func pushText(_ count: Int) throws(Malformed) {
        stack.append(.text(Text(try skip(count))))
    }

    private mutating func skipBytes(_ count: Int) throws(Malformed) {
        _ = try skip(count)
        stack.append(.other)
    }

    private mutating func skipExtension(_ width: Int) throws(Malformed) {
        _ = try skip(width)
        stack.append(.other)
    }
}
