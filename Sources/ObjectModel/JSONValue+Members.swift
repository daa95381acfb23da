extension JSONValue {
    /// The member of an object, if this is one and has it.
    package func member(_ name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    /// An object without one of its members.
    package func removing(_ name: String) -> JSONValue {
        guard case .object(let members) = self else { return self }
        return .object(members.filter { $0.name != name })
    }

    /// A member that has to be a string.
    package func string(_ name: String) throws(MalformedObject) -> String {
        guard case .string(let text)? = member(name) else { throw .member(name, expected: "a string") }
        return text
    }

    /// A string, or nothing where there is no such member.
    package func optionalString(_ name: String) throws(MalformedObject) -> String? {
        member(name) == nil ? nil : try string(name)
    }

    /// A member that has to be an integer.
    package func integer(_ name: String) throws(MalformedObject) -> Int {
        guard case .integer(let number)? = member(name) else { throw .member(name, expected: "an integer") }
        return number
    }

    /// An integer, or nothing where there is no such member.
    package func optionalInteger(_ name: String) throws(MalformedObject) -> Int? {
        member(name) == nil ? nil : try integer(name)
    }

    /// An integer that is not below the least that it can be.
    func integer(_ name: String, atLeast least: Int) throws(MalformedObject) -> Int {
        let number = try integer(name)
        guard number >= least else { throw .member(name, expected: "at least \(least)") }
        return number
    }

    func optionalInteger(_ name: String, atLeast least: Int) throws(MalformedObject) -> Int? {
        member(name) == nil ? nil : try integer(name, atLeast: least)
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    package func time(_ name: String) throws(MalformedObject) -> Int { try integer(name, atLeast: 0) }

    /// A member that has to be an array.
    package func array(_ name: String) throws(MalformedObject) -> [JSONValue] {
        guard case .array(let values)? = member(name) else { throw .member(name, expected: "an array") }
        return values
    }

    /// A member that has to be an array of strings.
    package func strings(_ name: String) throws(MalformedObject) -> [String] {
        var texts: [String] = []
        for value in try array(name) {
            guard case .string(let text) = value else { throw .member(name, expected: "an array of strings") }
            texts.append(text)
        }
        return texts
    }

    /// A member that has to be an id: 64 lowercase hex digits.
    package func id(_ name: String) throws(MalformedObject) -> ObjectID {
        guard let id = try? ObjectID(hex: try string(name)) else {
            throw .member(name, expected: "an object id")
        }
        return id
    }

    package func optionalID(_ name: String) throws(MalformedObject) -> ObjectID? {
        member(name) == nil ? nil : try id(name)
    }

    /// An array of ids, without repetition.
    package func ids(_ name: String, limit: Int = .max) throws(MalformedObject) -> [ObjectID] {
        var ids: [ObjectID] = []
        for text in try strings(name) {
            guard let id = try? ObjectID(hex: text) else {
                throw .member(name, expected: "an array of object ids")
            }
            ids.append(id)
        }
        guard ids.count <= limit, Set(ids).count == ids.count else {
            throw .member(name, expected: "an array of at most \(limit) different ids")
        }
        return ids
    }
}

extension RepositoryPath {
    /// The form of a path in JSON: text where it is UTF-8, else its bytes in base64.
    package var json: JSONValue {
        if let text = String(validating: bytes, as: UTF8.self) { return .string(text) }
        return .object(["bytes": .string(Base64.encode(bytes))])
    }

    package init(json: JSONValue, member: String) throws(MalformedObject) {
        do throws(InvalidName) {
            switch json {
            case .string(let text): try self.init(text)
            case .object(let members):
                guard members.count == 1, let first = members.first, first.name == "bytes",
                    case .string(let text) = first.value, let bytes = Base64.decode(text),
                    String(validating: bytes, as: UTF8.self) == nil
                else { throw InvalidName(bytes: [], problem: .empty) }
                try self.init(bytes)
            default: throw InvalidName(bytes: [], problem: .empty)
            }
        } catch { throw .member(member, expected: "a path (\(error))") }
    }
}
