import Catalogue
import ObjectModel
import TestSupport

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A directory that is removed with what lies flat in it.
final class Place {
    let path: String

    init() {
        var template = Array("/tmp/mlrepo-catalogue-XXXXXX".utf8CString)
        path = template.withUnsafeMutableBufferPointer { buffer in
            buffer.baseAddress.flatMap { mkdtemp($0) }.map { String(cString: $0) } ?? ""
        }
        precondition(!path.isEmpty, "no temporary directory")
    }

    deinit {
        for end in ["", "-journal", "-wal", "-shm"] { unlink(file + end) }
        unlink(path + "/other")
        rmdir(file)
        rmdir(path)
    }

    var file: String { path + "/catalogue" }
    var bytes: [UInt8] { Array(file.utf8) }

    func read(_ end: String = "") -> [UInt8] {
        guard let stream = fopen(file + end, "r") else { return [] }
        defer { fclose(stream) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = fread(&bytes, 1, bytes.count, stream)
        return Array(bytes.prefix(count))
    }

    func write(_ bytes: [UInt8], _ end: String = "") {
        guard let stream = fopen(file + end, "w") else { preconditionFailure("no file") }
        precondition(fwrite(bytes, 1, bytes.count, stream) == bytes.count)
        fclose(stream)
    }

    /// What lies in the directory.
    var names: [String] {
        ["", "-journal", "-wal", "-shm"].filter { access(file + $0, F_OK) == 0 }
    }
}

/// An id for a number.
func id(_ number: Int) -> ObjectID { ObjectID(of: .blob, payload: Array("\(number)".utf8)) }

func item(_ number: Int, _ facts: (String, String)...) -> Catalogue.Item {
    Catalogue.Item(id: id(number), facts: facts.map { (name: $0.0, value: $0.1) }, trees: [])
}

extension Catalogue {
    /// What a question as text finds, where no item has directories.
    func find(_ text: String) throws -> [ObjectID] {
        try select(try Query(text)) { _, _, _, _ in false }
    }
}

/// Items with facts and directories, and what is true of them without a catalogue.
struct RandomItems {
    private(set) var items: [Catalogue.Item] = []
    /// What lies in directories, by their root.
    private(set) var contents: [ObjectID: [String]] = [:]

    /// Spellings that readers of numbers and comparers of texts disagree about.
    static let values = [
        "0", "0.0", "-0", "-0.0", "1", "1.0", "1e0", "+1", "0x10", "0X10", "16", "0x1p-2", "nan", "NaN",
        "-nan",
        "nan(0x1)", "inf", "-inf", "Infinity", "1e400", "-1e400", "1e-400", "1_000", " 1", "1 ", "1.", ".5",
        "0.5",
        "5e-1", "", "a", "ab", "abc", "A", "é", "e\u{301}", "a\0b", "a\0", "1\u{0}2", "\0", "'", "\"x\"",
        "' OR 1=1 --",
        "%", "_", "9007199254740993", "9007199254740992", "9223372036854775807", "9223372036854775808",
        "0.1", "0.10000000000000001", "0.30000000000000004", "0.3", "-5", "true", "٣", "𝄞", "\u{FFFF}",
        "2026-03-01T00:00:00Z", "2026-03", "x'41'", "NULL",
    ]
    static let names = [
        "metrics.a", "params.a", "a", "metrics.b", "params.b", "é", "e\u{301}", "input", "env.x",
    ]
    static let asked = [
        "a", "b", "metrics.a", "params.a", "parameters.a", "input", "metrics.input", "é", "e\u{301}", "x",
        "env.x", "none", "",
    ]
    static let treeNames = ["input", "output", "a", "metrics.b"]

    init(_ count: Int, _ random: inout SplitMix64) {
        let roots = (0..<5).map { ObjectID(of: .tree, payload: [UInt8($0)]) }
        for root in roots {
            contents[root] = (0..<Int.random(in: 0...2, using: &random)).map { _ in Self.value(&random) }
        }
        for number in 0..<count {
            var facts: [(name: String, value: String)] = []
            for name in Self.names where Bool.random(using: &random) {
                for _ in 0..<Int.random(in: 1...2, using: &random) {
                    facts.append((name, Self.value(&random)))
                }
            }
            var trees: [(name: String, root: ObjectID)] = []
            for name in Self.treeNames where Int.random(in: 0..<4, using: &random) == 0 {
                for root in roots where Bool.random(using: &random) { trees.append((name, root)) }
            }
            items.append(Catalogue.Item(id: id(number), facts: facts, trees: trees))
        }
    }

    static func value(_ random: inout SplitMix64) -> String {
        let value = values.randomElement(using: &random) ?? ""
        let other = values.randomElement(using: &random) ?? ""
        return Int.random(in: 0..<5, using: &random) == 0 ? value + other : value
    }

    static func query(_ depth: Int, _ random: inout SplitMix64) -> Query {
        switch Int.random(in: 0..<(depth > 0 ? 10 : 6), using: &random) {
        case 0: return .has(asked.randomElement(using: &random) ?? "")
        case 1 where depth == 0: return .any
        case 6: return .not(query(depth - 1, &random))
        case 7: return .and(query(depth - 1, &random), query(depth - 1, &random))
        case 8, 9: return .or(query(depth - 1, &random), query(depth - 1, &random))
        default:
            let comparison = Query.Comparison.allCases.randomElement(using: &random) ?? .equal
            return .compare(asked.randomElement(using: &random) ?? "", comparison, value(&random))
        }
    }

    /// What is true without a catalogue.
    func found(_ query: Query) -> [ObjectID] {
        items.filter { item in
            query.matches { name in
                item.facts.filter { $0.name.utf8.elementsEqual(name.utf8) }.map(\.value)
                    + item.trees.filter { $0.name.utf8.elementsEqual(name.utf8) }
                    .flatMap { contents[$0.root] ?? [] }
            }
        }.map(\.id)
    }

    /// What a catalogue says, and how often it asks about the same.
    func selected(_ query: Query, _ catalogue: borrowing Catalogue) throws -> (
        ids: [ObjectID], questions: [String]
    ) {
        var questions: [String] = []
        let ids = try catalogue.select(query) { name, root, comparison, text in
            questions.append("\(name) \(root) \(comparison?.rawValue ?? "") \(text)")
            let contents = self.contents[root] ?? []
            return comparison.map { comparison in contents.contains { comparison.holds($0, text) } }
                ?? !contents.isEmpty
        }
        return (ids, questions)
    }
}
