/// Who did something, as they call themselves.
package struct Person: Hashable, Sendable {
    package static let byteLimit = 250

    package let name: String
    package let email: String

    /// - Returns: Nothing if either part has control characters or is longer than ``byteLimit``.
    package init?(name: String, email: String) {
        for part in [name, email] {
            guard part.utf8.count <= Self.byteLimit, part.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else {
                return nil
            }
        }
        self.name = name
        self.email = email
    }

    package var json: JSONValue { .object(["email": .string(email), "name": .string(name)]) }

    init(json: JSONValue?, member: String) throws(MalformedObject) {
        guard let json, let person = Person(name: try json.string("name"), email: try json.string("email"))
        else {
            throw .member(member, expected: "a person")
        }
        self = person
    }
}

extension Person: CustomStringConvertible {
    package var description: String { email.isEmpty ? name : "\(name) <\(email)>" }
}
