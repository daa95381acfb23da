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
              mlrepo cat run:1c9e:metrics.json  as a run left it
              mlrepo cat sha256:ba7816bf...     a blob by its id or the beginning
            """)

    @Argument(help: "REVISION:PATH, or a blob's id.")
    var object: String
    /// Typed by those who know it from elsewhere.
    @Argument(help: .hidden)
    var path: String?

    func validate() throws {
        if let path {
            guard RevisionPath.colon(in: object) == nil else { throw ValidationError("one file at a time") }
            throw ValidationError("a file of a version is REVISION:PATH, as in \(object):\(path)")
        }
    }

    func run() throws {
        let repository = try Repository.here()
        if let colon = RevisionPath.colon(in: object) { return try Self.write(object, colon, repository) }
        let digits = object.hasPrefix("sha256:") ? String(object.dropFirst(7)) : object
        if let id = try? ObjectID(hex: digits), repository.store.contains(ObjectReference(.blob, id)) {
            return try Self.write(id, repository)
        }
        let isAbbreviated =
            digits.utf8.count >= 4 && digits.utf8.count < 64 && digits.allSatisfy(\.isHexDigit)
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
        let typed = String(text[text.index(after: colon)...])
        let path = try RevisionPath.path(typed, repository)
        if let recorded = try repository.runAlone(named: String(text[..<colon])) {
            let found = try repository.files(after: recorded).first { $0.path == path }
            guard let found else {
                throw Failure(
                    status: .notFound,
                    message: "run \(recorded.name.prefix(8)) left no file '\(path)'",
                    hint: "mlrepo ls run:\(recorded.name.prefix(8))", path: "\(path)")
            }
            return try write(found.entry.id, repository)
        }
        let id = try repository.commit(named: String(text[..<colon]))
        let (commit, _) = try repository.contents(of: id)
        try repository.requireTree(id, commit)
        let entry = try repository.tree(commit).entry(at: path)
        guard let entry, entry.mode != .directory else {
            if path.isRoot || entry != nil {
                throw Failure(
                    status: .notFound, message: "\(path) is a directory",
                    hint: "mlrepo ls \(text[..<colon])\(path.isRoot ? "" : " \(ShellWord.path(path))")",
                    path: "\(path)")
            }
            throw Failure(
                status: .notFound, message: "no file '\(path)' in \(id.short)",
                hint: nearby(typed, String(text[..<colon]), commit, repository), path: "\(path)")
        }
        try write(entry.id, repository)
    }

    /// What may have been meant with a path that a version has from where one stands, and not from its top.
    private static func nearby(
        _ typed: String, _ revision: String, _ commit: Commit, _ repository: Repository
    ) -> String? {
        let bytes = ArgumentText.bytes(typed)
        guard let path = try? repository.path(bytes),
            let entry = try? repository.tree(commit).entry(at: path), entry.mode != .directory
        else { return nil }
        return "mlrepo cat \(ShellWord.quoted(ArgumentText.bytes(revision) + Array(":./".utf8) + bytes))"
    }

    private static func write(_ id: ObjectID, _ repository: Repository) throws {
        do {
            try BlobStream(store: repository.store, id: id).forEachPiece { Terminal.write($0) }
        } catch { throw RepositoryError.tree(error) }
    }
}
