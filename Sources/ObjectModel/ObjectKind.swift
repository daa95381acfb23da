/// What an object is (`Documentation/Formats/README.md`, "Kinds").
///
/// The raw value is its number in a store.
package enum ObjectKind: UInt8, CaseIterable, Sendable, Comparable {
    /// A file's content, or a chunk of one: raw bytes.
    case blob = 1
    /// A recipe of a large blob, or a node of its chunk sequence.
    case chunks = 2
    /// A node of a directory.
    case tree = 3
    /// A node of the map of all refs.
    case refs = 4
    /// A node of the map from large blobs to recipes.
    case recipes = 5
    case commit = 6
    case run = 7
    case event = 8
    /// A signed fact about an object.
    case statement = 9

    /// The name that ids and JSON use.
    package var name: String {
        switch self {
        case .blob: "blob"
        case .chunks: "chunks"
        case .tree: "tree"
        case .refs: "refs"
        case .recipes: "recipes"
        case .commit: "commit"
        case .run: "run"
        case .event: "event"
        case .statement: "statement"
        }
    }

    package init?(name: String) {
        guard let kind = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = kind
    }

    /// The most bytes that a payload may have.
    package var payloadLimit: Int {
        switch self {
        case .blob: 4 << 20
        case .chunks, .tree, .refs, .recipes: 64 << 10
        case .commit, .run, .event, .statement: 1 << 20
        }
    }

    package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// What a reference in the format is: an id together with the kind of what it names.
package struct ObjectReference: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let kind: ObjectKind
    package let id: ObjectID

    @inlinable package init(_ kind: ObjectKind, _ id: ObjectID) {
        self.kind = kind
        self.id = id
    }

    package var description: String { "\(kind.name) \(id.hex)" }

    package static func < (a: Self, b: Self) -> Bool { (a.id, a.kind) < (b.id, b.kind) }
}
