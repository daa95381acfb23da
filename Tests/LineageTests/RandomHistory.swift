import ObjectModel
import TestSupport
import Testing

/// A history with lines that part and meet: files change, come, go, return, move, take the place of directories; runs name outputs
/// that changed, and such that did not.
struct RandomHistory {
    struct File: Hashable {
        let content: Int
        let isExecutable: Bool
    }

    static let names = ["a", "b", "d", "d/x", "d/y", "d/e/z", "s/x", "s/e/z"]
    /// Those, directories, and what never was.
    static let places = names + ["d/e", "s", "s/e", "none", "d/none"]

    private(set) var objects = MemoryObjects()
    private(set) var commits: [(id: ObjectID, commit: Commit, files: [String: File])] = []

    init(count: Int, isLinear: Bool = false, _ random: inout SplitMix64) throws {
        for number in 0..<count {
            var (files, parents): ([String: File], [Int]) = ([:], [])
            if number > 0 {
                parents = [
                    isLinear ? number - 1 : Int.random(in: max(0, number - 3)..<number, using: &random)
                ]
                files = commits[parents[0]].files
                if !isLinear, Int.random(in: 0..<4, using: &random) == 0 {
                    let other = Int.random(in: 0..<number, using: &random)
                    if other != parents[0] {
                        parents.append(other)
                        for (name, file) in commits[other].files.sorted(by: { $0.key < $1.key })
                        where Bool.random(using: &random) {
                            Self.put(file, at: name, in: &files)
                        }
                    }
                }
            }
            for _ in 0..<Int.random(in: 0..<3, using: &random) { try change(&files, number, &random) }
            try commit(files, parents: parents, &random)
        }
    }

    private static func put(_ file: File, at name: String, in files: inout [String: File]) {
        // Where a file is no directory can be, and the other way round.
        for other in files.keys where other.hasPrefix(name + "/") || name.hasPrefix(other + "/") {
            files[other] = nil
        }
        files[name] = file
    }

    private func change(
        _ files: inout [String: File], _ number: Int, _ random: inout SplitMix64
    ) throws {
        let name = try #require(Self.names.randomElement(using: &random))
        switch Int.random(in: 0..<6, using: &random) {
        case 0: files[name] = nil
        case 1:
            if let old = files[name] {
                files[name] = File(content: old.content, isExecutable: !old.isExecutable)
            }
        case 2:
            guard let file = files.removeValue(forKey: name) else { return }
            Self.put(file, at: try #require(Self.names.randomElement(using: &random)), in: &files)
        case 3:
            // What was there before, in any version.
            let old = commits.randomElement(using: &random)?.files[name]
            if let old { Self.put(old, at: name, in: &files) }
        default:
            let content = Int.random(in: 1..<9, using: &random)
            Self.put(File(content: content, isExecutable: false), at: name, in: &files)
        }
    }

    private mutating func tree(of files: [String: File]) throws -> ObjectID {
        let edits = try files.map { (name, file) in
            let path = try RepositoryPath(name)
            let id = ObjectID(of: .blob, payload: Array("\(file.content)".utf8))
            let last = try #require(path.split?.name)
            let mode = file.isExecutable ? EntryMode.executable : .file
            return PathEdit(path: path, entry: TreeEntry(name: last, mode: mode, id: id, size: file.content))
        }
        return try DirectoryTree(root: DirectoryTree.emptyRoot, reader: objects).editing(
            edits.sorted { DirectoryTree.walkOrder($0.path, $1.path) }
        ) { _, payload in objects.add(.tree, payload) }.root
    }

    private mutating func commit(
        _ files: [String: File], parents: [Int], _ random: inout SplitMix64
    ) throws {
        let before = parents.first.map { commits[$0].files } ?? [:]
        var (outputs, inputs): ([String: File], [String: File]) = ([:], [:])
        for (name, file) in files.sorted(by: { $0.key < $1.key }) {
            if before[name] != file || Int.random(in: 0..<8, using: &random) == 0 { outputs[name] = file }
            if Int.random(in: 0..<6, using: &random) == 0 { inputs[name] = file }
        }
        let isTelling = Bool.random(using: &random)
        let run = Run(
            declaredAt: commits.count, user: nil, code: nil,
            parameters: isTelling ? ["n": .integer("\(commits.count)")] : [:], metrics: [:], environment: [:],
            inputs: try tree(of: isTelling ? inputs : [:]), outputs: try tree(of: outputs), inputCommits: [:])
        let person = try #require(Person(name: "A", email: "a@example.com"))
        // Several in one second, now and then.
        let time = commits.count * 2 / 3
        let commit = Commit(
            author: person, committer: person, authored: time, committed: time, message: "\(commits.count)",
            parents: parents.map { commits[$0].id }, recipes: nil, runs: [objects.add(.run, run.payload)],
            tracked: TrackedPaths(), tree: try tree(of: files))
        commits.append((objects.add(.commit, commit.payload), commit, files))
    }
}
