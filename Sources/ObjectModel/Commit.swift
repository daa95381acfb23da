/// A version: what is in the tree, what it was made from, and by whom (`Documentation/Formats/objects.md`).
package struct Commit: Hashable, Sendable {
    package static let parentLimit = 64

    package var author: Person
    package var committer: Person
    /// Seconds since 1970-01-01T00:00:00Z.
    package var authored: Int
    package var committed: Int
    package var message: String
    /// Oldest line first.
    package var parents: [ObjectID]
    /// Root of the map from the large blobs that this commit introduces to their recipes.
    package var recipes: ObjectID?
    /// At least one.
    package var runs: [ObjectID]
    package var tracked: TrackedPaths
    package var tree: ObjectID

    package init(
        author: Person, committer: Person, authored: Int, committed: Int, message: String,
        parents: [ObjectID],
        recipes: ObjectID?, runs: [ObjectID], tracked: TrackedPaths, tree: ObjectID
    ) {
        self.author = author
        self.committer = committer
        self.authored = authored
        self.committed = committed
        self.message = message
        self.parents = parents
        self.recipes = recipes
        self.runs = runs
        self.tracked = tracked
        self.tree = tree
    }

    /// The first line of the message.
    package var subject: String {
        messageLines.first ?? ""
    }

    /// The lines of the message, whichever system's ends they have.
    package var messageLines: [String] {
        // As bytes: to Swift a carriage return and a line feed are one character.
        message.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { line in
            String(decoding: line.last == UInt8(ascii: "\r") ? line.dropLast() : line, as: UTF8.self)
        }
    }

    package var payload: [UInt8] {
        JSONValue.object([
            "author": author.json, "committer": committer.json, "authored": .integer(authored),
            "committed": .integer(committed), "message": .string(message),
            "parents": .array(parents.map { .string($0.hex) }), "recipes": recipes.map { .string($0.hex) },
            "runs": .array(runs.map { .string($0.hex) }), "tracked": tracked.json, "tree": .string(tree.hex),
        ]).canonicalBytes
    }

    package init(payload: [UInt8]) throws(MalformedObject) {
        let json = try JSONValue(metadata: payload, kind: .commit)
        author = try Person(json: json.member("author"), member: "author")
        committer = try Person(json: json.member("committer"), member: "committer")
        authored = try json.time("authored")
        committed = try json.time("committed")
        message = try json.string("message")
        parents = try json.ids("parents", limit: Self.parentLimit)
        recipes = try json.optionalID("recipes")
        guard recipes != MerkleTree<RecipeEntry>.emptyRoot else {
            throw .member("recipes", expected: "a map that is not empty")
        }
        runs = try json.ids("runs")
        guard !runs.isEmpty else { throw .member("runs", expected: "an array with at least one id") }
        tracked = try TrackedPaths(json: json.member("tracked"))
        tree = try json.id("tree")
    }
}

/// What is tracked beyond the single files that are in a tree.
package struct TrackedPaths: Hashable, Sendable {
    /// Directories with all that comes into them; sorted, unique.
    package var directories: [RepositoryPath]
    /// Patterns in the syntax of `.gitignore`; sorted, unique.
    package var patterns: [String]

    package init(directories: [RepositoryPath] = [], patterns: [String] = []) {
        self.directories = Set(directories).sorted()
        // As bytes: what Unicode calls equivalent matches other names.
        self.patterns = []
        for pattern in patterns.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) })
        where self.patterns.last?.utf8.elementsEqual(pattern.utf8) != true {
            self.patterns.append(pattern)
        }
    }

    /// Whether a directory is tracked by itself and with one above it.
    package func isNested(_ directory: RepositoryPath) -> Bool {
        directories.contains(directory)
            && directories.contains { $0 != directory && directory.isInside($0) }
    }

    var json: JSONValue {
        .object([
            "directories": .array(directories.map(\.json)), "patterns": .array(patterns.map { .string($0) }),
        ])
    }

    init(json: JSONValue?) throws(MalformedObject) {
        guard let json else { throw .member("tracked", expected: "an object") }
        var directories: [RepositoryPath] = []
        for value in try json.array("directories") {
            directories.append(try RepositoryPath(json: value, member: "directories"))
        }
        let patterns = try json.strings("patterns")
        guard zip(directories, directories.dropFirst()).allSatisfy({ $0 < $1 }),
            zip(patterns, patterns.dropFirst()).allSatisfy({ $0.utf8.lexicographicallyPrecedes($1.utf8) })
        else {
            throw .member("tracked", expected: "sorted and unique")
        }
        (self.directories, self.patterns) = (directories, patterns)
    }
}

extension JSONValue {
    /// Reads the payload of a metadata object, which is an object of at most 1 MiB.
    init(metadata payload: [UInt8], kind: ObjectKind) throws(MalformedObject) {
        guard payload.count <= kind.payloadLimit else {
            throw .tooLarge(payload.count, limit: kind.payloadLimit)
        }
        try self.init(canonical: payload)
        guard case .object = self else { throw .json("not an object", offset: 0) }
    }
}
