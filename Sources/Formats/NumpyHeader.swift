/// What a `.npy` file says of the array in it (https://numpy.org/neps/nep-0001-npy-format.html).
enum NumpyHeader {
    static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
    /// The longest header that is looked at, in bytes.
    private static let lengthLimit = 65_536
    private static let rankLimit = 64

    /// The array of a file, or of a part of one; nothing if it is none, or if its elements are no plain numbers in the order of this
    /// machine.
    static func tensor(in source: ByteSource, _ range: Range<Int>, name: [UInt8]) -> TensorEntry? {
        guard let prefix = source.bytes(at: range.lowerBound, count: 12), prefix.starts(with: magic) else {
            return nil
        }
        let (start, length): (Int, Int)
        guard prefix[7] == 0 else { return nil }
        switch prefix[6] {
        case 1: (start, length) = (10, Int(prefix[8]) | Int(prefix[9]) << 8)
        case 2, 3:
            (start, length) = (12, (8..<12).reversed().reduce(0) { $0 << 8 | Int(prefix[$1]) })
        default: return nil
        }
        guard length <= lengthLimit, start + length <= range.count,
            let text = source.bytes(at: range.lowerBound + start, count: length),
            let array = Description(text), let bytes = array.byteCount
        else { return nil }
        let data = range.lowerBound + start + length
        guard range.upperBound - data == bytes else { return nil }
        return TensorEntry(name: name, type: array.type, shape: array.shape, range: data..<range.upperBound)
    }

    /// What the dictionary of a header says.
    private struct Description {
        let type: String
        let shape: [Int]

        var byteCount: Int? { TensorEntry.byteCount(of: type, shape) }

        /// - Parameter text: A Python dictionary of just three members, as NumPy spells it.
        init?(_ text: [UInt8]) {
            var scanner = PythonScanner(text)
            var (descriptor, isFortran, shape): (String?, Bool?, [Int]?)
            guard scanner.skip("{") else { return nil }
            while !scanner.skip("}") {
                guard let member = scanner.string(), scanner.skip(":") else { return nil }
                switch member {
                case "descr" where descriptor == nil: descriptor = scanner.string()
                case "fortran_order" where isFortran == nil: isFortran = scanner.truth()
                case "shape" where shape == nil: shape = scanner.counts(limit: rankLimit)
                default: return nil
                }
                guard scanner.skip(",") || scanner.isNext("}") else { return nil }
            }
            guard scanner.isAtEnd(), let descriptor, let isFortran, let shape,
                let (type, parts) = Self.type(descriptor)
            else { return nil }
            self.type = type
            self.shape = (isFortran ? shape.reversed() : shape) + parts
        }

        /// A type by its name in safetensors, and the parts of an element that has several.
        private static func type(_ descriptor: String) -> (String, [Int])? {
            switch descriptor {
            case "|b1": ("BOOL", [])
            case "|u1": ("U8", [])
            case "|i1": ("I8", [])
            case "<u2": ("U16", [])
            case "<i2": ("I16", [])
            case "<u4": ("U32", [])
            case "<i4": ("I32", [])
            case "<u8": ("U64", [])
            case "<i8": ("I64", [])
            case "<f2": ("F16", [])
            case "<f4": ("F32", [])
            case "<f8": ("F64", [])
            case "<c8": ("F32", [2])
            case "<c16": ("F64", [2])
            default: nil
            }
        }
    }
}

/// Walks through a Python literal.
private struct PythonScanner {
    private let bytes: [UInt8]
    private var offset = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    private mutating func skipSpace() {
        while offset < bytes.count, bytes[offset] == 0x20 || bytes[offset] == 0x0a { offset += 1 }
    }

    mutating func isAtEnd() -> Bool {
        skipSpace()
        return offset == bytes.count
    }

    mutating func isNext(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        return offset < bytes.count && UInt32(bytes[offset]) == character.value
    }

    mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard isNext(character) else { return false }
        offset += 1
        return true
    }

    /// A string without escapes.
    mutating func string() -> String? {
        skipSpace()
        guard offset < bytes.count, bytes[offset] == 0x27 || bytes[offset] == 0x22 else { return nil }
        let quote = bytes[offset]
        let start = offset + 1
        guard let end = bytes[start...].firstIndex(of: quote), !bytes[start..<end].contains(0x5c) else {
            return nil
        }
        offset = end + 1
        return String(decoding: bytes[start..<end], as: UTF8.self)
    }

    mutating func truth() -> Bool? {
        skipSpace()
        for (word, value) in [("True", true), ("False", false)]
        where bytes[offset...].starts(with: word.utf8) {
            offset += word.utf8.count
            return value
        }
        return nil
    }

    /// A tuple of numbers from 0 up to 2^53 - 1.
    mutating func counts(limit: Int) -> [Int]? {
        guard skip("(") else { return nil }
        var counts: [Int] = []
        while !skip(")") {
            skipSpace()
            let digits = bytes[offset...].prefix { (0x30...0x39).contains($0) }
            guard (1...16).contains(digits.count), counts.count < limit else { return nil }
            let value = digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
            guard value < 1 << 53, digits.count == 1 || digits.first != 0x30 else { return nil }
            counts.append(value)
            offset += digits.count
            // A number in brackets is no tuple.
            guard skip(",") || (isNext(")") && counts.count > 1) else { return nil }
        }
        return counts
    }
}
