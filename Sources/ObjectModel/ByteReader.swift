internal import Hashing

/// Reads the fields of a binary structure in order, never past its end.
package struct ByteReader {
    private let bytes: [UInt8]
    package private(set) var offset: Int

    package init(_ bytes: [UInt8], from offset: Int = 0) {
        self.bytes = bytes
        self.offset = offset
    }

    package var remaining: Int { bytes.count - offset }

    package mutating func u8(_ what: String) throws(MalformedObject) -> UInt8 {
        guard remaining >= 1 else { throw .truncated(what, offset: offset) }
        defer { offset += 1 }
        return bytes[offset]
    }

    /// An unsigned LEB128 number below 2^63, in its shortest form.
    package mutating func varint(_ what: String) throws(MalformedObject) -> Int {
        let start = offset
        var value = 0
        for position in 0..<9 {
            let byte = try u8(what)
            value |= Int(byte & 0x7f) << (7 * position)
            if byte < 0x80 {
                guard byte != 0 || position == 0 else { throw .varint(offset: start) }
                return value
            }
        }
        throw .varint(offset: start)
    }

    package mutating func take(_ count: Int, _ what: String) throws(MalformedObject) -> ArraySlice<UInt8> {
        guard count >= 0, remaining >= count else { throw .truncated(what, offset: offset) }
        defer { offset += count }
        return bytes[offset..<offset + count]
    }

    package mutating func id(_ what: String) throws(MalformedObject) -> ObjectID {
        guard remaining >= ObjectID.byteCount else { throw .truncated(what, offset: offset) }
        defer { offset += ObjectID.byteCount }
        return bytes.withUnsafeBytes { buffer in
            // 32 bytes from `offset` on are in bounds, as just checked.
            ObjectID(loading: buffer.baseAddress.unsafelyUnwrapped + offset)
        }
    }

    package func end() throws(MalformedObject) {
        guard remaining == 0 else { throw .trailing(offset: offset) }
    }
}

/// Writes the fields of a binary structure in order.
package struct ByteWriter {
    package private(set) var bytes: [UInt8] = []

    package init(reserving capacity: Int = 0) { bytes.reserveCapacity(capacity) }

    package mutating func u8(_ value: UInt8) { bytes.append(value) }

    /// Writes unsigned LEB128 in its shortest form.
    ///
    /// - Parameter value: At least 0.
    package mutating func varint(_ value: Int) {
        precondition(value >= 0, "a varint cannot hold \(value)")
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    package mutating func raw(_ more: some Collection<UInt8>) { bytes.append(contentsOf: more) }

    package mutating func id(_ id: ObjectID) {
        withUnsafeTemporaryAllocation(byteCount: ObjectID.byteCount, alignment: 8) { buffer in
            id.digest.store(to: buffer.baseAddress.unsafelyUnwrapped)
            bytes.append(contentsOf: buffer)
        }
    }
}
