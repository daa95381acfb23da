internal import ArgumentParser
internal import FileIO
internal import MLRepo
internal import ObjectModel
internal import Storage
internal import WorkingTree

struct CatCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cat", abstract: "Write a file of a version to standard output.",
        discussion: """
            EXAMPLES
              mlrepo cat HEAD~1:params.yaml
              mlrepo cat sha256:ba7816bf...     a blob by its whole id, as 'ls' prints it
            """)

    @Argument(help: "REVISION:PATH, or a blob's id.")
    var object: String

    func run() throws {
        let repository = try Repository.here()
        if let colon = RevisionPath.colon(in: object) { return try Self.write(object, colon, repository) }
        let digits = object.hasPrefix("sha256:") ? String(object.dropFirst(7)) : object
        if let id = try? ObjectID(hex: digits), repository.store.contains(ObjectReference(.blob, id)) {
            return try Self.write(id, repository)
        }
        let isAbbreviated =
            digits.utf8.count >= 7 && digits.utf8.count < 64 && digits.allSatisfy(\.isHexDigit)
        let found = isAbbreviated ? Set(repository.store.ids(of: .blob, beginning: digits.lowercased())) : []
        guard found.count == 1, let id = found.first else {
            let name = Terminal.escaped(object)
            if !found.isEmpty {
                throw Failure(
                    status: .notFound, message: "'\(name)' begins the id of more than one blob",
                    hint: "type more digits")
            }
            let isID = object.hasPrefix("sha256:")
            throw Failure(
                status: .notFound, message: "no blob '\(name)'",
                hint: isID ? nil : "a file of a version is REVISION:PATH, as in HEAD:\(name)")
        }
        try Self.write(id, repository)
    }

    /// Writes the file that `REVISION:PATH` names.
    static func write(_ text: String, _ colon: String.Index, _ repository: Repository) throws {
        let id = try repository.commit(named: String(text[..<colon]))
        let typed = String(text[text.index(after: colon)...])
        let path = try RevisionPath.path(typed, repository)
        let (commit, _) = try repository.contents(of: id)
        try repository.requireTree(id, commit)
        let entry = try repository.tree(commit).entry(at: path)
        guard let entry, entry.mode != .directory else {
            if path.isRoot || entry != nil {
                throw Failure(
                    status: .notFound, message: "\(path) is a directory",
                    hint: "mlrepo ls \(text[..<colon])\(path.isRoot ? "" : " \(path)")", path: "\(path)")
            }
            throw Failure(status: .notFound, message: "no file '\(path)' in \(id.short)", path: "\(path)")
        }
        try write(entry.id, repository)
    }

    private static func write(_ id: ObjectID, _ repository: Repository) throws {
        do {
            try BlobStream(store: repository.store, id: id).forEachPiece { Terminal.write($0) }
        } catch { throw RepositoryError.tree(error) }
    }
}

struct ListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ls", abstract: "List the files of a version.",
        discussion: """
            EXAMPLES
              mlrepo ls
              mlrepo ls v1.2 data/reviews
            """)

    @OptionGroup var output: OutputOptions
    @Argument(help: "The version.")
    var revision = "HEAD"
    @Argument(help: "A file or directory in it.")
    var path: String?

    func run() throws {
        let repository = try Repository.here()
        let id = try repository.commit(named: revision)
        let (commit, _) = try repository.contents(of: id)
        try repository.requireTree(id, commit)
        let top = try path.map { try repository.path(ArgumentText.bytes($0)) } ?? .root
        var tree = repository.tree(commit)
        if !top.isRoot {
            guard let entry = try tree.entry(at: top) else {
                throw Failure(status: .notFound, message: "\(top) is not in \(id.short)", path: "\(top)")
            }
            guard entry.mode == .directory else { return show(top, entry) }
            tree = DirectoryTree(root: entry.id, reader: repository.store)
        }
        do throws(ReadError) {
            try tree.forEachFile(under: top) { (path, entry) throws(ReadError) in show(path, entry) }
        } catch { throw RepositoryError.object(error) }
    }

    private func show(_ path: RepositoryPath, _ entry: TreeEntry) {
        if output.json {
            return Terminal.printJSON(
                .object([
                    "path": path.json, "id": entry.id.json, "size": .integer(entry.size),
                    "mode": .string("\(entry.mode)"),
                ]))
        }
        let mark =
            switch entry.mode {
            case .file: "-"
            case .executable: "x"
            case .link: "l"
            case .directory: "d"
            }
        Terminal.print("\(mark) \(entry.id.hex) \(entry.size) \(path)")
    }
}

struct HashCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hash", abstract: "Print the id that a file has, as sha256sum does.",
        discussion: """
            EXAMPLES
              mlrepo hash model.safetensors
            """)

    @OptionGroup var output: OutputOptions
    @Argument(help: "Files.")
    var files: [String]

    func run() throws {
        let environment = Environment.process()
        for file in files {
            let path = environment.workingDirectory.appending(ArgumentText.bytes(file))
            let id: ObjectID
            if (try? environment.files.status(path))??.kind == .directory {
                throw Failure(
                    status: .usage,
                    message: "\(Terminal.escaped(file)) is a directory: only files have a digest", path: file)
            }
            do throws(FileError) { id = try Snapshot.digest(of: path, environment.files) } catch {
                throw Failure(
                    status: error.isNotFound ? .notFound : .inputOutput, message: "\(error)", path: file)
            }
            if output.json {
                Terminal.printJSON(
                    .object(["file": Terminal.json(ArgumentText.bytes(file)), "id": id.json]))
                continue
            }
            Terminal.print("\(id.hex)  \(Terminal.escaped(ArgumentText.bytes(file)))")
        }
    }
}

struct ResolveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resolve", abstract: "Print the id of the commit that a revision names.",
        discussion: """
            EXAMPLES
              mlrepo resolve main~2
            """)

    @OptionGroup var output: OutputOptions
    @Argument(help: "A revision.")
    var revision: String

    func run() throws {
        let id = try Repository.here().commit(named: revision)
        if output.json { return Terminal.printJSON(.object(["commit": id.json])) }
        Terminal.print(id.hex)
    }
}

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "Print the version of this program.",
        discussion: """
            EXAMPLES
              mlrepo version
            """)

    @OptionGroup var output: OutputOptions

    func run() { Self.run(json: output.json) }

    static func run(json: Bool) {
        if json {
            return Terminal.printJSON(.object(["version": .string(Version.number), "format": .integer(1)]))
        }
        Terminal.print(Version.text)
    }
}
