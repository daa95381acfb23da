internal import ObjectModel
internal import ParameterFiles

/// An object that the client of `mlrepo observe` has said (`Documentation/Formats/observe.md`).
struct ObserveMessage {
    /// What it is called: `begin`, `watch`, `end`.
    let name: String
    let value: ParameterValue

    /// - Throws: ``Failure`` if it is no object with one member.
    init(_ line: [UInt8]) throws {
        let members: [String: ParameterValue]
        do { members = try readParameters(line, format: .json) } catch {
            throw Self.failure("what was said is no JSON: \(error)")
        }
        guard members.count == 1, let (name, value) = members.first else {
            throw Self.failure("what was said is no object with one member")
        }
        (self.name, self.value) = (name, value)
    }

    /// The members of what has a name.
    func members(of name: String) throws -> Members {
        guard self.name == name, case .map(let members) = value else {
            throw Self.failure("'\(name)' is expected, and not '\(Terminal.escaped(self.name))'")
        }
        return Members(values: members)
    }

    /// Whether what has a name is so.
    func isTrue(_ name: String) throws -> Bool {
        guard self.name == name, case .bool(let isTrue) = value else {
            throw Self.failure("'\(name)' is expected, and not '\(Terminal.escaped(self.name))'")
        }
        return isTrue
    }

    private static func failure(_ message: String) -> Failure {
        Failure(status: .usage, message: "observe: \(message)")
    }

    /// Named values, of which none has to be there.
    struct Members {
        let values: [String: ParameterValue]

        private func wrong(_ name: String, _ expected: String) -> Failure {
            ObserveMessage.failure("'\(name)' is not \(expected)")
        }

        func text(_ name: String) throws -> String? {
            guard let value = values[name], value != .null else { return nil }
            guard case .string(let text) = value else { throw wrong(name, "a text") }
            return text
        }

        /// - Parameter range: What it may be.
        func number(_ name: String, in range: ClosedRange<Int> = 0...(1 << 53 - 1)) throws -> Int? {
            guard let value = values[name], value != .null else { return nil }
            guard case .integer(let text) = value, let number = Int(text), range.contains(number) else {
                throw wrong(name, "a number of \(range.lowerBound) to \(range.upperBound)")
            }
            return number
        }

        func isTrue(_ name: String) -> Bool { values[name] == .bool(true) }

        func object(_ name: String) throws -> [String: ParameterValue] {
            guard let value = values[name], value != .null else { return [:] }
            guard case .map(let members) = value else { throw wrong(name, "an object") }
            return members
        }

        func objects(_ name: String) throws -> [Members] {
            try list(name).map { value in
                guard case .map(let members) = value else { throw wrong(name, "a list of objects") }
                return Members(values: members)
            }
        }

        /// A text that need not be UTF-8.
        func bytes(_ name: String) throws -> [UInt8]? {
            guard let value = values[name], value != .null else { return nil }
            guard let bytes = Self.bytes(value) else { throw wrong(name, "a text, or bytes") }
            return bytes
        }

        func listOfBytes(_ name: String) throws -> [[UInt8]] {
            try list(name).map { value in
                guard let bytes = Self.bytes(value) else { throw wrong(name, "a list of texts, or bytes") }
                return bytes
            }
        }

        private func list(_ name: String) throws -> [ParameterValue] {
            guard let value = values[name], value != .null else { return [] }
            guard case .list(let values) = value else { throw wrong(name, "a list") }
            return values
        }

        /// What can be a path or an argument; nothing for anything else.
        private static func bytes(_ value: ParameterValue) -> [UInt8]? {
            var bytes: [UInt8]?
            switch value {
            case .string(let text): bytes = Array(text.utf8)
            case .map(let members):
                if members.count == 1, case .string(let text)? = members["bytes"] {
                    bytes = Base64.decode(text)
                }
            default: break
            }
            return bytes.flatMap { $0.contains(0) ? nil : $0 }
        }
    }
}
