package import Hashing

/// The name of an object: SHA-256 of a blob's raw bytes, or of any other kind's framed payload.
///
/// An id alone names nothing, since a file may hold another object's bytes: see ``ObjectReference``.
package struct ObjectID: Hashable, Comparable, Sendable {
    /// The size in bytes.
    package static let byteCount = Digest.byteCount

    package let digest: Digest

    @inlinable package init(_ digest: Digest) { self.digest = digest }

    /// Reads an id as it lies in memory.
    ///
    /// - Parameter pointer: At least ``byteCount`` readable bytes, of any alignment.
    @inlinable package init(loading pointer: UnsafeRawPointer) { digest = Digest(loading: pointer) }

    /// Names a payload of a kind (`Documentation/Formats/README.md`, "Ids").
    package init(of kind: ObjectKind, payload: [UInt8]) {
        self = payload.withUnsafeBytes { ObjectID(of: kind, payload: $0) }
    }

    package init(of kind: ObjectKind, payload: UnsafeRawBufferPointer) {
        var computation = SHA256()
        if kind != .blob { computation.update(Array("\(kind.name) \(payload.count)\0".utf8)) }
        computation.update(payload)
        digest = computation.finish()
    }

    /// Reads 64 lower-case hexadecimal digits, the only text form inside a store.
    ///
    /// - Throws: ``Malformed/length(_:)`` or, at the first digit outside `0-9a-f`, ``Malformed/digit(_:offset:)``.
    package init(hex: some StringProtocol) throws(Malformed) {
        let words = hex.utf8.withContiguousStorageIfAvailable { Self.words($0) }
        digest = Digest(
            words: try (words ?? Array(hex.utf8).withUnsafeBufferPointer { Self.words($0) }).get())
    }

    private typealias Words = (UInt64, UInt64, UInt64, UInt64)

    private static func words(_ digits: UnsafeBufferPointer<UInt8>) -> Result<Words, Malformed> {
        var rest = digits[...]
        func word() -> UInt64? {
            var word: UInt64 = 0
            for _ in 0..<16 {
                guard let digit = rest.first, let nibble = Hex.nibble(digit) else { return nil }
                word = word << 4 | UInt64(nibble)
                rest = rest.dropFirst()
            }
            return word
        }
        if let first = word(), let second = word(), let third = word(), let fourth = word(), rest.isEmpty {
            return .success((first, second, third, fourth))
        }
        for (offset, digit) in digits.enumerated() where Hex.nibble(digit) == nil {
            return .failure(.digit(digit, offset: offset))
        }
        return .failure(.length(digits.count / 2))
    }

    /// The 64-digit lower-case text form.
    package var hex: String { Hex.text(digest.bytes) }

    @inlinable package static func < (a: Self, b: Self) -> Bool { a.digest < b.digest }
}

extension ObjectID {
    /// Why a text is not an object id.
    package enum Malformed: Error, Equatable, CustomStringConvertible {
        /// The size found, in bytes (a hex text counts half its digits, rounded down).
        case length(Int)
        /// The first wrong digit and where it stands, counted in UTF-8 bytes from 0.
        case digit(UInt8, offset: Int)

        package var description: String {
            switch self {
            case .length(let found):
                "object id has \(found) bytes, not \(ObjectID.byteCount)"
            case .digit(let digit, let offset):
                "object id has byte 0x\(String(digit, radix: 16)) at offset \(offset), not a digit 0-9a-f"
            }
        }
    }
}

extension ObjectID: CustomStringConvertible {
    package var description: String { hex }
}
