internal import Governance
internal import ObjectModel

/// What a TOML file says, as a policy has it.
enum PolicyText {
    static func members(_ table: [String: ParameterValue]) throws(PolicyProblem) -> [JSONMember] {
        var members: [JSONMember] = []
        for (name, value) in table.sorted(by: { $0.key < $1.key }) {
            members.append(JSONMember(name, try json(value, at: name)))
        }
        return members
    }

    private static func json(
        _ value: ParameterValue, at place: String
    ) throws(PolicyProblem) -> JSONValue {
        switch value {
        case .string(let text): return .string(text)
        case .bool(let isOn): return .bool(isOn)
        case .integer(let text):
            guard let number = Int(text) else {
                throw PolicyProblem(place: place, problem: "the number is too large")
            }
            return .integer(number)
        case .list(let values):
            var list: [JSONValue] = []
            for value in values { list.append(try json(value, at: place)) }
            return .array(list)
        case .map(let table):
            return .object(try members(table), sorting: true)
        case .float, .null:
            throw PolicyProblem(place: place, problem: "no number like that has a meaning here")
        }
    }
}

/// The policy that a store begins with, as a text to be worked on.
enum FirstPolicy {
    static func text(_ person: Person, _ key: SSHPublicKey) -> String {
        let own = word(person)
        func quoted(_ text: String) -> String {
            "\"\(text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\""
        }
        return """
            # Who may do what in a store. What no rule allows is refused, for reading too (where
            # somebody comes by SSH). mlrepo policy propose FILE STORE puts it in force, once as
            # many roots have signed it as it says.

            # Who changes this policy, and how many of them have to sign a change.
            [roots]
            members = ["\(own)"]
            threshold = 1

            # People and machines. A key is a line of a .pub file.
            [principals.\(own)]
            name = \(quoted(person.name))
            email = \(quoted(person.email))
            keys = [\(quoted(key.line))]

            # [principals.bob]
            # email = "bob@example.com"
            # keys = ["ssh-ed25519 AAAA..."]
            # expires = 2027-12-31

            [roles.maintainer]
            description = "Keeps the store"
            members = ["\(own)"]

            # [roles.trainer]
            # description = "Trains models on branches of their own"
            # members = ["bob"]
            # qualifications = ["has read the data protection guide"]

            # Whole names, * for anything, ! before what is left out. allow takes read, push (move
            # a branch forward), create, force (move it elsewhere), delete, annotate (notes) and
            # admin (gc).
            [[rules]]
            allow = ["read", "admin"]
            refs = ["*"]
            roles = ["maintainer"]

            [[rules]]
            allow = ["push", "create", "force", "delete", "annotate"]
            refs = ["*"]
            roles = ["maintainer"]

            # [[rules]]
            # allow = ["read"]
            # refs = ["*"]
            # roles = ["trainer"]

            # [[rules]]
            # allow = ["push", "create"]
            # refs = ["branches/*", "!branches/main"]
            # roles = ["trainer"]

            # A trainer moves main once a maintainer approved it (mlrepo approve main COMMIT).
            # [[rules]]
            # allow = ["push"]
            # refs = ["branches/main"]
            # roles = ["trainer"]
            # approvals = 1
            # approvers = ["maintainer"]

            """
    }

    /// A name for somebody, from their address.
    private static func word(_ person: Person) -> String {
        let part = person.email.split(separator: "@").first.map(String.init) ?? ""
        let word = part.lowercased().filter { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }
        return word.isEmpty ? "me" : String(word.prefix(64))
    }
}
