import ObjectModel

/// Reads one YAML document as values, with its aliases and merge keys (`<<`) expanded.
///
/// Scalars stand for what ``YAMLScalar`` says. A key is a scalar, taken by its text: `1:` and `"1":` are the
/// same key. A key of the map itself wins over a merged one, an earlier merged map over a later one.
///
/// What is expanded is counted as if it were written out, so a small file cannot stand for a large one.
struct YAMLReader: ~Copyable {
    private var events: YAMLEvents
    private var anchors: [String: Anchor] = [:]
    /// All that was read until now, aliases expanded.
    private var extent = Extent()

    init(_ source: SourceText) throws(ParameterFileError) { events = try YAMLEvents(source) }

    /// Reads the whole text as one map.
    mutating func parameters() throws(ParameterFileError) -> [String: ParameterValue] {
        _ = try events.next()  // the start of the stream
        let start = try events.next()
        guard case .documentStart = start.kind else {
            throw .notMap(kind: ParameterValue.null.kindInWords, at: start.place)
        }
        let first = try events.next()
        let root = try node(first, depth: 0)
        guard case .map(let members) = try value(of: root) else {
            throw .notMap(kind: try value(of: root).kindInWords, at: first.place)
        }
        _ = try events.next()  // the end of the document
        let next = try events.next()
        guard case .streamEnd = next.kind else { throw .secondDocument(at: next.place) }
        return members
    }
}

// MARK: Nodes

extension YAMLReader {
    /// A scalar or collection, which aliases may repeat.
    private struct Node {
        enum Content {
            case scalar(YAMLScalar)
            case collection(ParameterValue)
        }

        let content: Content
        /// How many collections lie within each other: 0 for a scalar.
        let height: Int
        /// What it adds to the file, its own aliases expanded.
        let extent: Extent
        let place: ParameterFileError.Place
    }

    /// How much values would take if everything were written out.
    private struct Extent {
        var values = 0
        var bytes = 0

        static func + (a: Self, b: Self) -> Self {
            Self(values: a.values + b.values, bytes: a.bytes + b.bytes)
        }
        static func - (a: Self, b: Self) -> Self {
            Self(values: a.values - b.values, bytes: a.bytes - b.bytes)
        }
    }

    /// What an anchor names.
    private enum Anchor {
        /// A collection whose end was not seen yet.
        case open
        case complete(Node)
    }

    /// Counts what a node adds, before it is kept.
    private mutating func count(
        _ more: Extent, at place: ParameterFileError.Place
    ) throws(ParameterFileError) {
        extent = extent + more
        let fits =
            extent.values <= ParameterFileLimits.expandedValues
            && extent.bytes <= ParameterFileLimits.byteCount
        guard fits else { throw .expansionTooLarge(at: place) }
    }

    /// Reads the node that an event starts, which lies within `depth` collections.
    private mutating func node(_ event: YAMLEvent, depth: Int) throws(ParameterFileError) -> Node {
        let before = extent
        let content: Node.Content
        var height = 0
        switch event.kind {
        case .alias(let name):
            return try alias(name, at: event.place, depth: depth)
        case .scalar(let scalar):
            try count(Extent(values: 1, bytes: scalar.text.utf8.count), at: event.place)
            content = .scalar(scalar)
        case .sequenceStart(let tag):
            try open(event, tag: tag, depth: depth)
            content = .collection(.list(try list(depth: depth + 1, height: &height)))
        case .mappingStart(let tag):
            try open(event, tag: tag, depth: depth)
            content = .collection(.map(try map(depth: depth + 1, height: &height)))
        case .sequenceEnd, .mappingEnd, .documentStart, .documentEnd, .streamStart, .streamEnd:
            // libyaml's grammar asks for a value wherever this does
            throw .malformedYAML("did not find expected value", at: event.place)
        }
        let node = Node(content: content, height: height, extent: extent - before, place: event.place)
        if let anchor = event.anchor { anchors[anchor] = .complete(node) }
        return node
    }

    /// Starts a collection.
    private mutating func open(_ event: YAMLEvent, tag: String?, depth: Int) throws(ParameterFileError) {
        if let tag { throw .unknownTag(YAMLScalar.short(tag), at: event.place) }
        guard depth < ParameterFileLimits.depth else { throw .tooDeep(at: event.place) }
        try count(Extent(values: 1), at: event.place)
        if let anchor = event.anchor { anchors[anchor] = .open }
    }

    /// Repeats the node that an anchor names.
    private mutating func alias(
        _ name: String, at place: ParameterFileError.Place, depth: Int
    ) throws(ParameterFileError) -> Node {
        switch anchors[name] {
        case nil: throw .unknownAnchor(name, at: place)
        case .open: throw .recursiveAlias(name, at: place)
        case .complete(let node):
            guard depth + node.height <= ParameterFileLimits.depth else { throw .tooDeep(at: place) }
            try count(node.extent, at: place)
            return Node(content: node.content, height: node.height, extent: node.extent, place: place)
        }
    }

    private func value(of node: Node) throws(ParameterFileError) -> ParameterValue {
        switch node.content {
        case .scalar(let scalar): try scalar.value(at: node.place)
        case .collection(let value): value
        }
    }
}

// MARK: Collections

extension YAMLReader {
    private mutating func list(depth: Int, height: inout Int) throws(ParameterFileError) -> [ParameterValue] {
        var elements: [ParameterValue] = []
        height = 1
        while true {
            let event = try events.next()
            if case .sequenceEnd = event.kind { return elements }
            let element = try node(event, depth: depth)
            height = max(height, 1 + element.height)
            elements.append(try value(of: element))
        }
    }

    private mutating func map(
        depth: Int, height: inout Int
    ) throws(ParameterFileError) -> [String: ParameterValue] {
        var members: [String: ParameterValue] = [:]
        var merged: [String: ParameterValue]?
        height = 1
        while true {
            let event = try events.next()
            if case .mappingEnd = event.kind { break }
            let key = try key(event, depth: depth)
            let member = try node(try events.next(), depth: depth)
            height = max(height, 1 + member.height)
            if key.isMergeKey {
                guard merged == nil else { throw .duplicateKey(key.text, at: event.place) }
                merged = try mergedMembers(try value(of: member), at: member.place)
            } else {
                guard members.updateValue(try value(of: member), forKey: key.text) == nil else {
                    throw .duplicateKey(key.text, at: event.place)
                }
            }
        }
        return merged.map { members.merging($0) { own, _ in own } } ?? members
    }

    /// Reads a key, which is a scalar or an alias of one.
    private mutating func key(_ event: YAMLEvent, depth: Int) throws(ParameterFileError) -> YAMLScalar {
        switch event.kind {
        case .sequenceStart: throw .compoundKey(kind: "a list", at: event.place)
        case .mappingStart: throw .compoundKey(kind: "a map", at: event.place)
        default: break
        }
        let values = extent.values
        defer { extent.values = values }  // the text of a key counts, but a key is not a value
        switch try node(event, depth: depth).content {
        case .collection(let value): throw .compoundKey(kind: value.kindInWords, at: event.place)
        case .scalar(let scalar):
            // a key is its text, but a tag must be true of it all the same
            if scalar.tag != nil { _ = try scalar.value(at: event.place) }
            return scalar
        }
    }

    /// What the value of `<<` merges: a map, or the maps of a list.
    private func mergedMembers(
        _ value: ParameterValue, at place: ParameterFileError.Place
    ) throws(ParameterFileError) -> [String: ParameterValue] {
        switch value {
        case .map(let members): return members
        case .list(let values):
            var merged: [String: ParameterValue] = [:]
            for value in values {
                guard case .map(let members) = value else {
                    throw .notMap(kind: value.kindInWords, at: place)
                }
                merged.merge(members) { earlier, _ in earlier }
            }
            return merged
        default: throw .notMap(kind: value.kindInWords, at: place)
        }
    }
}
