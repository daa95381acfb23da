/// What a run asked the file system beside what files hold: names that were not there, which names directories had, where links led
/// (`Documentation/Formats/objects.md`).
package struct Lookups: Hashable, Sendable {
    /// A link that was followed.
    package struct Link: Hashable, Comparable, Sendable {
        /// Below the top of the working copy, or absolute.
        package var place: [UInt8]
        /// Where it led, without links on the way: of the same form.
        package var target: [UInt8]

        package init(place: [UInt8], target: [UInt8]) { (self.place, self.target) = (place, target) }

        package static func < (a: Self, b: Self) -> Bool { a.place.lexicographicallyPrecedes(b.place) }
    }

    /// A file from elsewhere that is known as one of the inputs, by its bytes.
    package struct Copy: Hashable, Comparable, Sendable {
        /// Absolute.
        package var place: [UInt8]
        package var input: RepositoryPath

        package init(place: [UInt8], input: RepositoryPath) { (self.place, self.input) = (place, input) }

        package static func < (a: Self, b: Self) -> Bool { a.place.lexicographicallyPrecedes(b.place) }
    }

    /// Files that were to be opened and were not there.
    package var absent: Set<RepositoryPath> = []
    /// Directories whose names were read.
    ///
    /// What they had in them is what the base version has there, with ``more`` and without ``less``.
    package var directories: Set<RepositoryPath> = []
    /// Further directories, in which code lies that was read, or the command was executed: of their names, code and settings.
    package var beside: Set<RepositoryPath> = []
    package var more: Set<RepositoryPath> = []
    package var less: Set<RepositoryPath> = []
    package var links: Set<Link> = []
    package var copies: Set<Copy> = []

    package init() {}

    package var bytes: [UInt8] {
        func list(_ paths: Set<RepositoryPath>) -> JSONValue? {
            paths.isEmpty ? nil : .array(paths.sorted().map(\.json))
        }
        return JSONValue.object([
            "absent": list(absent), "directories": list(directories),
            "beside": list(beside), "more": list(more), "less": list(less),
            "links": links.isEmpty
                ? nil
                : .array(
                    links.sorted().map {
                        .object(["place": .name($0.place), "target": .name($0.target)])
                    }),
            "copies": copies.isEmpty
                ? nil
                : .array(
                    copies.sorted().map {
                        .object(["input": $0.input.json, "place": .name($0.place)])
                    }),
        ]).canonicalBytes
    }

    /// - Throws: ``MalformedObject`` if these bytes are nothing of the kind.
    package init(_ bytes: [UInt8]) throws(MalformedObject) {
        let json = try JSONValue(metadata: bytes, kind: .blob)
        absent = Set(try Run.paths("absent", json))
        directories = Set(try Run.paths("directories", json))
        beside = Set(try Run.paths("beside", json))
        more = Set(try Run.paths("more", json))
        less = Set(try Run.paths("less", json))
        links = try Self.list("links", json) { (value) throws(MalformedObject) in
            Link(place: try value.name("place"), target: try value.name("target"))
        }
        copies = try Self.list("copies", json) { (value) throws(MalformedObject) in
            guard let input = value.member("input") else { throw .member("input", expected: "there") }
            return Copy(
                place: try value.name("place"), input: try RepositoryPath(json: input, member: "input"))
        }
    }

    private static func list<Element: Comparable & Hashable>(
        _ member: String, _ json: JSONValue, _ element: (JSONValue) throws(MalformedObject) -> Element
    ) throws(MalformedObject) -> Set<Element> {
        guard json.member(member) != nil else { return [] }
        var (found, last): (Set<Element>, Element?) = ([], nil)
        for value in try json.array(member) {
            let next = try element(value)
            if let last, !(last < next) {
                throw .member(member, expected: "sorted by place, each place once")
            }
            last = next
            found.insert(next)
        }
        return found
    }
}

extension JSONValue {
    /// The form of any bytes in JSON: text where they are UTF-8, else in base64.
    fileprivate static func name(_ bytes: [UInt8]) -> JSONValue {
        String(validating: bytes, as: UTF8.self).map { .string($0) }
            ?? .object(["bytes": .string(Base64.encode(bytes))])
    }

    /// A member of that form that is not empty and holds no zero.
    fileprivate func name(_ member: String) throws(MalformedObject) -> [UInt8] {
        var found: [UInt8]?
        switch self.member(member) {
        case .string(let text): found = Array(text.utf8)
        case .object(let members):
            if members.count == 1, let first = members.first, first.name == "bytes",
                case .string(let text) = first.value
            {
                found = Base64.decode(text)
            }
        default: break
        }
        guard let found, !found.isEmpty, !found.contains(0) else { throw .member(member, expected: "a name") }
        return found
    }
}
