internal import Lineage
internal import MLRepo
internal import ObjectModel

/// Where something came from as a graph, in the language of Graphviz: boxes are files and directories, ovals are runs and commits.
struct BlameGraph {
    private(set) var lines = ["digraph blame {", "  rankdir=LR;", "  node [shape=box];"]
    private var nodes: [String: String] = [:]
    private var edges: Set<String> = []

    init(_ blame: Blame) {
        _ = add(blame)
        lines.append("}")
    }

    /// Adds something with its origin.
    ///
    /// - Returns: The name of its node.
    private mutating func add(_ blame: Blame) -> String {
        let node = artifact(blame.origin, blame.entry)
        for part in blame.parts { connect(add(part.example), node) }
        var maker: String?
        if let making = blame.making, making.isTelling {
            let words = making.run.command.map { RunText.command($0) } ?? "declared"
            let metrics = making.run.metrics.isEmpty ? "" : "\n\(Values.line(making.run.metrics, atMost: 4))"
            maker = add(
                "run \(making.id.hex)",
                "\(Self.short(words))\nrun \(ReproductionText.name(making.run, making.id))\(metrics)",
                isOval: true)
        } else if let version = blame.version {
            maker = add(
                "commit \(version.id.hex)",
                "commit \(version.id.short)\n\(Self.short(version.commit.subject))", isOval: true)
        }
        guard let maker else { return node }
        connect(maker, node)
        for input in blame.inputs {
            // What was told before is told under the name that it had where it was made.
            let source = input.upstream.map { add($0) } ?? artifact(input.path, input.entry)
            connect(source, maker)
        }
        return node
    }

    private mutating func artifact(_ path: RepositoryPath, _ entry: TreeEntry) -> String {
        let size = entry.mode == .directory ? Terminal.files(entry.files) : Terminal.size(entry.size)
        return add("\(path) \(entry.id.hex)", "\(path)\n\(entry.id.short)  \(size)", isOval: false)
    }

    private mutating func add(_ key: String, _ label: String, isOval: Bool) -> String {
        if let known = nodes[key] { return known }
        let name = "n\(nodes.count)"
        nodes[key] = name
        let lines = label.split(separator: "\n", omittingEmptySubsequences: false).map {
            Self.escaped(String($0))
        }
        let shape = isOval ? ", shape=ellipse" : ""
        self.lines.append("  \(name) [label=\"\(lines.joined(separator: "\\n"))\"\(shape)];")
        return name
    }

    private mutating func connect(_ from: String, _ to: String) {
        let edge = "  \(from) -> \(to);"
        if edges.insert(edge).inserted { lines.append(edge) }
    }

    private static func short(_ text: String) -> String { text.count <= 60 ? text : "\(text.prefix(59))…" }

    /// As it stands between quotes.
    private static func escaped(_ text: String) -> String {
        Terminal.escaped(text).replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
    }
}
