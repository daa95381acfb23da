/// Why bytes are not an object of their kind.
package enum MalformedObject: Error, Equatable, CustomStringConvertible {
    /// The bytes end at `offset`, inside what is named.
    case truncated(String, offset: Int)
    /// Bytes are left over from `offset` on.
    case trailing(offset: Int)
    /// A varint at `offset` is longer than needed, or too large.
    case varint(offset: Int)
    /// A payload is larger than its kind allows.
    case tooLarge(Int, limit: Int)
    /// JSON is not canonical at `offset`.
    case json(String, offset: Int)
    /// A member is absent or not of its type.
    case member(String, expected: String)
    /// A name, path or ref name breaks the rules.
    case name(InvalidName)
    /// A node breaks a rule of Merkle trees.
    case node(String)
    /// A file is no pack, or not all of one.
    case pack(String)

    package var description: String {
        switch self {
        case .truncated(let what, let offset): "ends at offset \(offset), inside \(what)"
        case .trailing(let offset): "has bytes left over from offset \(offset) on"
        case .varint(let offset): "has a malformed varint at offset \(offset)"
        case .tooLarge(let size, let limit): "has \(size) bytes, more than the limit of \(limit)"
        case .json(let what, let offset): "is not canonical JSON: \(what) at offset \(offset)"
        case .member(let name, let expected): "member '\(name)' is not \(expected)"
        case .name(let name): "\(name)"
        case .node(let what): "is not a valid node: \(what)"
        case .pack(let what): "is not a whole pack: \(what)"
        }
    }
}
