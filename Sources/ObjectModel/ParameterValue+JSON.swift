extension ParameterValue {
    /// The tagged form in which a store keeps the value (`Documentation/Formats/canonical-json.md`).
    package var json: JSONValue {
        switch self {
        case .integer(let text): Self.tagged("int", .string(text))
        case .float(let text): Self.tagged("float", .string(text))
        case .bool(let value): Self.tagged("bool", .string(value ? "true" : "false"))
        case .string(let text): Self.tagged("string", .string(text))
        case .null: .array([.string("null")])
        case .list(let values): Self.tagged("list", .array(values.map(\.json)))
        case .map(let members): Self.tagged("map", Self.object(members))
        }
    }

    private static func tagged(_ tag: String, _ value: JSONValue) -> JSONValue {
        .array([.string(tag), value])
    }

    /// Named values as an object.
    package static func object(_ values: [String: ParameterValue]) -> JSONValue {
        .object(values.map { JSONMember($0.key, $0.value.json) }, sorting: true)
    }

    /// Reads an object of named values.
    package static func values(_ json: JSONValue?, member: String) throws(MalformedObject) -> [String:
        ParameterValue]
    {
        guard case .object(let members)? = json else {
            throw .member(member, expected: "an object of values")
        }
        var values: [String: ParameterValue] = [:]
        for entry in members { values[entry.name] = try ParameterValue(json: entry.value, member: member) }
        return values
    }

    package init(json: JSONValue, member: String) throws(MalformedObject) {
        let malformed = MalformedObject.member(member, expected: "a tagged value")
        guard case .array(let parts) = json, case .string(let tag)? = parts.first else { throw malformed }
        if tag == "null", parts.count == 1 {
            self = .null
            return
        }
        guard parts.count == 2 else { throw malformed }
        switch (tag, parts[1]) {
        case ("int", .string(let text)) where Self.isInteger(text): self = .integer(text)
        case ("float", .string(let text)) where Self.isFloat(text): self = .float(text)
        case ("bool", .string("true")): self = .bool(true)
        case ("bool", .string("false")): self = .bool(false)
        case ("string", .string(let text)): self = .string(text)
        case ("list", .array(let elements)):
            var values: [ParameterValue] = []
            for element in elements { values.append(try ParameterValue(json: element, member: member)) }
            self = .list(values)
        case ("map", .object): self = .map(try Self.values(parts[1], member: member))
        default: throw malformed
        }
    }

    /// The value as people read it: strings in quotes where something else is written so, or where a blank would not be seen, else bare, lists and maps as JSON-like text.
    package var text: String {
        switch self {
        case .integer(let text), .float(let text): text
        case .string(let text):
            Self.isBare(text) ? text : "\"\(text)\""
        case .bool(let value): value ? "true" : "false"
        case .null: "null"
        case .list(let values): "[" + values.map(\.text).joined(separator: ", ") + "]"
        case .map(let members):
            "{"
                + members.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value.text)" }.joined(
                    separator: ", ") + "}"
        }
    }

    /// Whether a text can be nothing but a string.
    private static func isBare(_ text: String) -> Bool {
        guard let first = text.utf8.first, let last = text.utf8.last, first != 0x20, last != 0x20,
            !["true", "false", "null"].contains(text)
        else { return false }
        return !isInteger(text) && !isFloat(text) && !"\"[{".utf8.contains(first)
    }

    /// Nested maps as one, under names joined by dots: `optimizer.lr`.
    package static func flattened(_ values: [String: ParameterValue], prefix: String = "") -> [(
        name: String, value: ParameterValue
    )] {
        values.sorted { $0.key < $1.key }.flatMap { name, value -> [(name: String, value: ParameterValue)] in
            if case .map(let members) = value, !members.isEmpty {
                return flattened(members, prefix: prefix + name + ".")
            }
            return [(prefix + name, value)]
        }
    }
}
