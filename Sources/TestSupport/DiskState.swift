internal import FileIO

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// What a ``SimulatedDisk`` holds: the state that processes see, and the changes of it that are not durable.
struct DiskState: Sendable {
    struct Node: Sendable {
        let kind: FileKind
        var permissions: UInt16
        /// Of a file, or a link's target.
        ///
        /// Files only grow, so the durable content is a prefix.
        var content: [UInt8] = []
        var durableCount = 0
        var entries: [[UInt8]: Int] = [:]
        var durableEntries: [[UInt8]: Int] = [:]
        var modified: Int64
        var changed: Int64
    }

    /// A name comes to stand for a node, or for nothing.
    struct Edit: Sendable {
        let directory: Int
        let name: [UInt8]
        let node: Int?
    }

    struct Place {
        let directory: Int
        let name: [UInt8]
        let node: Int?
    }

    struct OpenFile: Sendable {
        let node: Int
        let isWritable: Bool
    }

    static let root = 1

    var nodes: [Int: Node] = [root: Node(kind: .directory, permissions: 0o755, modified: 0, changed: 0)]
    /// In the order in which they were made; of the edits of one change a power cut keeps some first ones.
    var pending: [[Edit]] = []
    var descriptors: [FileDescriptor: OpenFile] = [:]
    var faults = SimulatedDisk.Faults()
    var calls = 0
    var changes = 0
    var bytesWritten = 0
    var clock: Int64 = 1_700_000_000_000_000_000
    private var lastNode = root
    private var lastDescriptor: Int32 = 2

    /// Files whose content is not durable, by their number.
    var dirty: [Int] { nodes.filter { $0.value.content.count > $0.value.durableCount }.keys.sorted() }

    // MARK: Paths

    func locate(_ path: FilePath, _ operation: String) throws(FileError) -> Place {
        var stack = [Self.root]
        var rest = Array(Self.names(path.bytes).reversed())
        var links = 0
        while let name = rest.popLast() {
            let top = stack[stack.count - 1]
            guard let directory = nodes[top], directory.kind == .directory else {
                throw FileError(operation, path, code: ENOTDIR)
            }
            if name == Array(".".utf8) { continue }
            if name == Array("..".utf8) {
                if stack.count > 1 { stack.removeLast() }
                continue
            }
            let child = directory.entries[name]
            if rest.isEmpty { return Place(directory: top, name: name, node: child) }
            guard let child, let node = nodes[child] else { throw FileError(operation, path, code: ENOENT) }
            if node.kind == .link {
                links += 1
                guard links <= 40 else { throw FileError(operation, path, code: ELOOP) }
                if node.content.first == UInt8(ascii: "/") { stack = [Self.root] }
                rest += Self.names(node.content).reversed()
            } else {
                stack.append(child)
            }
        }
        return Place(directory: stack[stack.count - 1], name: [], node: stack[stack.count - 1])
    }

    private static func names(_ path: [UInt8]) -> [[UInt8]] {
        path.split(separator: UInt8(ascii: "/")).map { Array($0) }
    }

    func existing(_ path: FilePath, _ operation: String) throws(FileError) -> Int {
        guard let node = try locate(path, operation).node else {
            throw FileError(operation, path, code: ENOENT)
        }
        return node
    }

    func directory(_ path: FilePath, _ operation: String) throws(FileError) -> Int {
        let node = try existing(path, operation)
        guard nodes[node]?.kind == .directory else { throw FileError(operation, path, code: ENOTDIR) }
        return node
    }

    func vacant(_ path: FilePath, _ operation: String) throws(FileError) -> Place {
        let place = try locate(path, operation)
        guard place.node == nil else { throw FileError(operation, path, code: EEXIST) }
        return place
    }

    /// Whether a node is, or is somewhere below, another.
    func holds(_ node: Int, _ other: Int) -> Bool {
        node == other || (nodes[node]?.entries.values.contains { holds($0, other) } ?? false)
    }

    func status(_ number: Int) -> FileStatus {
        guard let node = nodes[number] else { preconditionFailure("names stand for nodes") }
        return FileStatus(
            kind: node.kind, permissions: node.permissions, size: node.content.count, modified: node.modified,
            changed: node.changed, inode: UInt64(number), device: 1)
    }

    // MARK: Changes

    mutating func makeNode(_ kind: FileKind, _ permissions: UInt16) -> Int {
        lastNode += 1
        nodes[lastNode] = Node(kind: kind, permissions: permissions & 0o7777, modified: clock, changed: clock)
        return lastNode
    }

    mutating func descriptor(_ node: Int, isWritable: Bool) -> FileDescriptor {
        lastDescriptor += 1
        let file = FileDescriptor(raw: lastDescriptor)
        descriptors[file] = OpenFile(node: node, isWritable: isWritable)
        return file
    }

    mutating func change(_ edits: [Edit]) {
        for edit in edits {
            nodes[edit.directory]?.entries[edit.name] = edit.node
            nodes[edit.directory]?.modified = clock
        }
        pending.append(edits)
    }

    // MARK: Durability

    mutating func synchronize(directory: Int) {
        var rest: [[Edit]] = []
        for edits in pending {
            guard let last = edits.lastIndex(where: { $0.directory == directory }) else {
                rest.append(edits)
                continue
            }
            for edit in edits[...last] {
                nodes[edit.directory]?.durableEntries[edit.name] = edit.node
                // What was made before under this name in another directory is overtaken.
                rest = rest.map { $0.filter { $0.directory != edit.directory || $0.name != edit.name } }
            }
            rest.append(Array(edits[(last + 1)...]))
        }
        pending = rest.filter { !$0.isEmpty }
    }

    func crashed(_ survivors: SimulatedDisk.Survivors, closing: Bool = true) -> DiskState {
        var after = self
        var random = SplitMix64(seed: 0)
        var share = 0
        if case .seed(let seed) = survivors {
            random = SplitMix64(seed: seed)
            // Few, about half, or nearly all changes survive.
            share = [10, 50, 50, 90].randomElement(using: &random) ?? 50
        }
        func keepsAll(_ position: Int) -> Bool {
            switch survivors {
            case .nothing: false
            case .everything: true
            case .seed: Int.random(in: 0..<100, using: &random) < share
            case .only(let index): position == index
            case .allBut(let index): position != index
            }
        }
        for (position, edits) in pending.enumerated() {
            var count = keepsAll(position) ? edits.count : 0
            if case .seed = survivors, count > 1 { count = Int.random(in: 1...count, using: &random) }
            for edit in edits[..<count] { after.nodes[edit.directory]?.durableEntries[edit.name] = edit.node }
        }
        for (position, number) in dirty.enumerated() {
            guard var node = nodes[number] else { continue }
            if !keepsAll(pending.count + position) {
                var kept = node.durableCount
                var zeros = 0
                if case .seed = survivors {
                    let length = Int.random(in: kept...node.content.count, using: &random)
                    switch Int.random(in: 0..<3, using: &random) {
                    case 0: kept = length
                    // The new length reached the disk before all of the content did.
                    case 1: (kept, zeros) = (length, node.content.count - length)
                    default: break
                    }
                }
                node.content = Array(node.content[..<kept]) + [UInt8](repeating: 0, count: zeros)
            }
            node.durableCount = node.content.count
            after.nodes[number] = node
        }
        for (number, node) in after.nodes where node.kind == .directory {
            after.nodes[number]?.entries = node.durableEntries
        }
        after.pending = []
        if closing { after.descriptors = [:] }
        return after
    }
}
