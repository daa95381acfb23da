import ObjectModel

/// A TOML table while its file is read, with what TOML 1.0 needs to know to refuse a second definition.
///
/// Values, which include lists and inline tables, are complete once they are set. A class, because headers
/// come back to the tables of earlier lines; they lie at most ``ParameterFileLimits/depth`` deep.
final class TOMLTable {
    /// How a table came to be, which decides who may still add to it.
    enum Origin: String {
        /// A header named a table within it; its own header may follow.
        case implied = "a table that holds other tables"
        /// Its header was read, or it is the file, an element of a list of tables, or inline.
        case header = "a table"
        /// A dotted key named a member of it; further dotted keys of the same section may follow.
        case dottedKey = "a table of dotted keys"
    }

    /// The tables of all headers of one name in double brackets; a class, so that adding one copies none.
    final class List {
        var tables: [TOMLTable] = []
    }

    enum Member {
        case value(ParameterValue)
        case table(TOMLTable)
        case list(List)
    }

    private(set) var origin: Origin
    /// Within how many maps and lists the members lie; 1 for the table that is the file.
    let depth: Int
    private var members: [String: Member] = [:]

    init(_ origin: Origin, depth: Int) {
        self.origin = origin
        self.depth = depth
    }

    /// The table as a value.
    var parameters: [String: ParameterValue] {
        members.mapValues { member in
            switch member {
            case .value(let value): value
            case .table(let table): .map(table.parameters)
            case .list(let list): .list(list.tables.map { .map($0.parameters) })
            }
        }
    }
}

/// One part of a dotted key, and the offset where it stands.
struct TOMLKey {
    let name: String
    let offset: Int
}

// MARK: Definitions

extension TOMLTable {
    /// Finds or makes the table of a header `[a.b.c]`, seen from the table that is the file.
    func section(_ path: [TOMLKey], in source: SourceText) throws(ParameterFileError) -> TOMLTable {
        let (parent, key) = try parent(of: path, in: source)
        switch parent.members[key.name] {
        case nil: return try parent.add(key, .header, in: source)
        case .table(let table) where table.origin == .implied:
            table.origin = .header
            return table
        case .some(let member): throw member.alreadyDefined(key, in: source)
        }
    }

    /// Makes the next table of a header `[[a.b.c]]`, seen from the table that is the file.
    func element(_ path: [TOMLKey], in source: SourceText) throws(ParameterFileError) -> TOMLTable {
        let (parent, key) = try parent(of: path, in: source)
        let list: List
        switch parent.members[key.name] {
        case nil:
            list = List()
            parent.members[key.name] = .list(list)
        case .list(let started): list = started
        case .some(let member): throw member.alreadyDefined(key, in: source)
        }
        let table = TOMLTable(.header, depth: parent.depth + 2)
        guard table.depth <= ParameterFileLimits.depth else {
            throw .tooDeep(at: source.place(at: key.offset))
        }
        list.tables.append(table)
        return table
    }

    /// Sets a key of this table, or of one within it if the key is dotted.
    func set(_ path: [TOMLKey], to value: ParameterValue, in source: SourceText) throws(ParameterFileError) {
        var table = self
        for key in path.dropLast() {
            switch table.members[key.name] {
            case nil: table = try table.add(key, .dottedKey, in: source)
            case .table(let next) where next.origin != .header:
                next.origin = .dottedKey
                table = next
            case .some(let member): throw member.alreadyDefined(key, in: source)
            }
        }
        let key = path[path.count - 1]
        switch table.members.updateValue(.value(value), forKey: key.name) {
        case nil: return
        case .value: throw .duplicateKey(key.name, at: source.place(at: key.offset))
        case .some(let member): throw member.alreadyDefined(key, in: source)
        }
    }

    /// Walks to the table in which a header's last key lies; tables on the way are implied.
    private func parent(
        of path: [TOMLKey], in source: SourceText
    ) throws(ParameterFileError) -> (TOMLTable, TOMLKey) {
        var table = self
        for key in path.dropLast() {
            switch table.members[key.name] {
            case nil: table = try table.add(key, .implied, in: source)
            case .table(let next): table = next
            case .list(let list): table = list.tables[list.tables.count - 1]  // made with its first element
            case .some(let member): throw member.alreadyDefined(key, in: source)
            }
        }
        return (table, path[path.count - 1])
    }

    private func add(
        _ key: TOMLKey, _ origin: Origin, in source: SourceText
    ) throws(ParameterFileError) -> TOMLTable {
        guard depth < ParameterFileLimits.depth else { throw .tooDeep(at: source.place(at: key.offset)) }
        let table = TOMLTable(origin, depth: depth + 1)
        members[key.name] = .table(table)
        return table
    }
}

extension TOMLTable.Member {
    /// The error that a key names what may not be defined again.
    fileprivate func alreadyDefined(_ key: TOMLKey, in source: SourceText) -> ParameterFileError {
        let kind =
            switch self {
            case .value(let value): value.kindInWords
            case .table(let table): table.origin.rawValue
            case .list: "a list of tables"
            }
        return .alreadyDefined(key: key.name, as: kind, at: source.place(at: key.offset))
    }
}
