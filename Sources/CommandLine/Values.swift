internal import FileIO
internal import MLRepo
internal import ObjectModel
internal import ParameterFiles

/// Parameters and metrics as people give and read them.
enum Values {
    /// The values of files and of `name=value` pairs; a pair wins over a file, a name given twice with two values is an error.
    static func gather(pairs: [String], files: [String]) throws -> [String: ParameterValue] {
        var values: [String: ParameterValue] = [:]
        let environment = Environment.process()
        for (number, file) in files.enumerated() {
            guard let format = ParameterFileFormat(fileName: file) else {
                throw Failure(
                    status: .usage, message: "\(Terminal.escaped(file)) is neither .json nor .yaml nor .toml")
            }
            let path = environment.place(named: file)
            do {
                let bytes = try environment.files.contents(path, limit: ParameterFileLimits.byteCount)
                let read = try readParameters(bytes, format: format)
                if let name = join(read, to: &values) {
                    throw Failure(
                        status: .usage,
                        message:
                            "'\(Terminal.escaped(name))' has one value in \(Terminal.escaped(file)) and another one in \(files[..<number].map { Terminal.escaped($0) }.joined(separator: ", "))",
                        hint: "leave it out of one of them")
                }
            } catch let error as FileError {
                throw Failure(error, reading: file)
            } catch let error as ParameterFileError {
                throw Failure(
                    status: .damaged, message: "\(Terminal.escaped(file)): \(error)",
                    path: Terminal.escaped(ArgumentText.bytes(file)))
            }
        }
        var given: Set<String> = []
        for pair in pairs {
            guard let equals = pair.firstIndex(of: "="), equals != pair.startIndex else {
                throw Failure(status: .usage, message: "'\(Terminal.escaped(pair))' is not name=value")
            }
            try ArgumentText.requireText(pair, "a name or value")
            let name = String(pair[..<equals])
            guard given.insert(name).inserted else {
                throw Failure(status: .usage, message: "'\(Terminal.escaped(name))' is given twice")
            }
            try set(name, to: value(String(pair[pair.index(after: equals)...])), in: &values)
        }
        try requireDistinct(values)
        return values
    }

    /// Makes sure that no value has the name of another one: `a.b` beside the member `b` of `a`.
    ///
    /// `a` beside `a.b` is two names: many call their metrics `loss` and `loss.val`.
    private static func requireDistinct(_ values: [String: ParameterValue]) throws {
        var known: Set<String> = []
        for name in ParameterValue.flattened(values).map(\.name) where !known.insert(name).inserted {
            throw Failure(
                status: .usage,
                message: "'\(Terminal.escaped(name))' is given twice: as a name, and as a member",
                hint: "leave one of them out")
        }
    }

    /// Adds values to those that are there; members of the same name are joined.
    ///
    /// - Returns: The first name, with those that it lies in, that has another value already; the rest is then left out.
    private static func join(
        _ added: [String: ParameterValue], to values: inout [String: ParameterValue]
    ) -> String? {
        for (name, value) in added.sorted(by: { $0.key < $1.key }) {
            switch (values[name], value) {
            case (nil, _): values[name] = value
            case (.map(var inner)?, .map(let more)):
                if let below = join(more, to: &inner) { return "\(name).\(below)" }
                values[name] = .map(inner)
            case (let old?, _): if old != value { return name }
            }
        }
        return nil
    }

    /// Puts values in the place of those that have the same names, members by themselves; `a.b` and the member `b` of `a` are one name.
    static func replace(
        with later: [String: ParameterValue], in values: inout [String: ParameterValue]
    ) {
        guard !later.isEmpty else { return }
        // Most are names without parts, and nothing else is called like them.
        let isFlat = later.allSatisfy { name, value in
            if case .map = value { return false }
            return !name.utf8.contains(UInt8(ascii: "."))
        }
        if isFlat {
            for (name, value) in later { values[name] = value }
            return
        }
        remove(Set(ParameterValue.flattened(later).map(\.name)), below: "", from: &values)
        put(later, into: &values)
    }

    private static func put(_ later: [String: ParameterValue], into values: inout [String: ParameterValue]) {
        for (name, value) in later {
            if case .map(var inner)? = values[name], case .map(let more) = value {
                put(more, into: &inner)
                values[name] = .map(inner)
            } else {
                values[name] = value
            }
        }
    }

    private static func remove(
        _ names: Set<String>, below prefix: String, from values: inout [String: ParameterValue]
    ) {
        for (name, value) in values {
            if case .map(var inner) = value, !inner.isEmpty {
                remove(names, below: prefix + name + ".", from: &inner)
                values[name] = inner.isEmpty ? nil : .map(inner)
            } else if names.contains(prefix + name) {
                values[name] = nil
            }
        }
    }

    /// Sets a value; `optim.lr` is the member `lr` of `optim`, where that has members and nothing is called `optim.lr`.
    private static func set(
        _ name: String, to value: ParameterValue, in values: inout [String: ParameterValue]
    ) {
        if values[name] == nil, let dot = name.firstIndex(of: "."),
            case .map(var inner)? = values[String(name[..<dot])]
        {
            set(String(name[name.index(after: dot)...]), to: value, in: &inner)
            values[String(name[..<dot])] = .map(inner)
        } else {
            values[name] = value
        }
    }

    /// `true`, `false`, an integer, a decimal number, a JSON string, else the text itself.
    static func value(_ text: String) throws -> ParameterValue {
        if text == "true" || text == "false" { return .bool(text == "true") }
        if ParameterValue.isInteger(text) { return .integer(text) }
        if ParameterValue.isFloat(text) { return .float(text) }
        guard text.hasPrefix("\"") else { return .string(text) }
        do { return try readJSONValue(Array(text.utf8)) } catch {
            throw Failure(status: .usage, message: "'\(Terminal.escaped(text))': \(error)")
        }
    }

    /// All values on one line: `lr=0.0003 seed=1`.
    ///
    /// - Parameter limit: So many are named, and the others are counted.
    static func line(_ values: [String: ParameterValue], atMost limit: Int = .max) -> String {
        let all = ParameterValue.flattened(values)
        let named = all.prefix(limit).map { Terminal.escaped("\($0.name)=\($0.value.text)") }
        let rest = all.count > limit ? ["and \(Terminal.count(all.count - limit)) more"] : []
        return (named + rest).joined(separator: " ")
    }

    /// Plain JSON for programs: numbers where they are exact, else their text.
    static func json(_ values: [String: ParameterValue]) -> JSONValue {
        .object(values.map { JSONMember($0.key, json($0.value)) }, sorting: true)
    }

    /// A number as JSON writes it: `.5`, `1.`, `+1.0` and `007` become `0.5`, `1.0`, `1.0` and `7`.
    ///
    /// - Returns: Nothing if there is no such number: `nan`.
    private static func jsonNumber(_ text: String) -> String? {
        var digits = text[...]
        let sign = digits.first == "-" ? "-" : ""
        if digits.first == "-" || digits.first == "+" { digits.removeFirst() }
        let exponent = digits.firstIndex { $0 == "e" || $0 == "E" } ?? digits.endIndex
        let parts = digits[..<exponent].split(separator: ".", omittingEmptySubsequences: false)
        guard let first = parts.first, parts.count <= 2 else { return nil }
        let whole = first.drop { $0 == "0" }
        var number = sign + (whole.isEmpty ? "0" : String(whole))
        if parts.count == 2 { number += "." + (parts[1].isEmpty ? "0" : String(parts[1])) }
        number += String(digits[exponent...])
        return (try? readJSONValue(Array(number.utf8))) == .float(number) ? number : nil
    }

    /// The same of one value.
    static func json(_ value: ParameterValue) -> JSONValue {
        switch value {
        case .integer(let text):
            if let number = Int(text), number.magnitude < JSONValue.integerLimit { return .integer(number) }
            return .string(text)
        case .float(let text): return jsonNumber(text).map { .decimal($0) } ?? .string(text)
        case .string(let text): return .string(text)
        case .bool(let value): return .bool(value)
        case .null: return .null
        case .list(let values): return .array(values.map(json))
        case .map(let members): return json(members)
        }
    }
}
