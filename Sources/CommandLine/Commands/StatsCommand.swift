internal import ArgumentParser
internal import MLRepo
internal import ObjectModel
internal import Storage

struct StatsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats",
        abstract: "Show how much lies in the store, of what kind, and how it is stored.",
        discussion: """
            Counted are the packs that the store consists of now; packs in their grace are shown by 'mlrepo gc --plan'.

            With --explain, of each file of a version: in which pieces it lies there, and what these take. 'raw', 'zstd' and 'tensor' are \
            stored for themselves; 'tensor-base' and 'patch' by how they differ from pieces of another version, and 'cast' as what other \
            pieces are when they are rounded, or near to it. 'again' are pieces that were listed already: they take nothing more. What is stored \
            for itself was like nothing where a commit looks (the version before, what the run read with 'commit --input', the files \
            beside it), or not like enough, or later versions are to rest on it; 'mlrepo maintenance' looks through the whole store.

            EXAMPLES
              mlrepo stats
              mlrepo stats --explain model.safetensors
              mlrepo stats --explain --at v1.2 data
            """)

    @Flag(help: "Say of each file how it is stored.")
    var explain = false
    @Option(name: .customLong("at"), help: ArgumentHelp("Of another version.", valueName: "revision"))
    var revision: String?
    @OptionGroup var output: OutputOptions
    @Argument(help: "Files and directories to explain; all without any.", completion: .file())
    var paths: [String] = []

    func run() throws {
        let repository = try Repository.here()
        if explain { return try explain(repository) }
        if let path = paths.first {
            throw Failure(
                status: .usage, message: "paths are for --explain",
                hint: "mlrepo stats --explain \(ShellWord.quoted(ArgumentText.bytes(path)))")
        }
        if let revision {
            throw Failure(
                status: .usage, message: "--at is for --explain",
                hint: "mlrepo stats --explain --at \(ShellWord.quoted(ArgumentText.bytes(revision)))")
        }
        let statistics = try repository.statistics()
        if output.json { return Terminal.printJSON(Self.json(statistics)) }
        let stored = statistics.packBytes + statistics.logBytes
        Terminal.print(
            "\(Self.count(statistics.objects.count, "object")), \(Terminal.size(statistics.objects.rawBytes)), stored in"
                + " \(Terminal.size(stored))\(StoredFormText.ratio(statistics.objects.rawBytes, stored)): \(Self.count(statistics.packs, "pack"))"
                + " of \(Terminal.size(statistics.packBytes)), log \(Terminal.size(statistics.logBytes))"
        )
        if statistics.sealedBytes > 0 {
            Terminal.print(
                "  beside it \(Terminal.size(statistics.sealedBytes)) of log entries that are sealed: their files go a day later"
            )
        }
        for (kind, share) in statistics.kinds.sorted(by: { $0.key < $1.key }) {
            Terminal.print(
                "  \(Self.padded(kind.name)) \(Self.count(share.count, "object")), \(Terminal.size(share.rawBytes))"
            )
        }
        for (codec, share) in statistics.codecs.sorted(by: { $0.key < $1.key }) {
            Terminal.print(
                "  \(Self.padded(codec)) \(Self.count(share.count, "frame")), \(Terminal.size(share.rawBytes)) in"
                    + " \(Terminal.size(share.storedBytes))\(StoredFormText.ratio(share.rawBytes, share.storedBytes))"
            )
        }
        Terminal.print("  \(Self.padded("indexes")) \(Terminal.size(statistics.indexBytes))")
    }

    // MARK: How files are stored

    private func explain(_ repository: Repository) throws {
        let id = try repository.commit(named: revision ?? "HEAD")
        try repository.storedForms(repository.paths(paths), at: id) { path, entry, form in
            if output.json { return Terminal.printJSON(Self.json(path, entry, form)) }
            let ratio = StoredFormText.ratio(entry.size, form.storedBytes)
            Terminal.print(
                "\(path)  \(Terminal.size(entry.size)), stored in \(Terminal.size(form.storedBytes))\(ratio)")
            for line in StoredFormText.lines(form) { Terminal.print("  \(line)") }
        }
    }

    private static func json(
        _ path: RepositoryPath, _ entry: TreeEntry, _ form: StoredForms.Form
    ) -> JSONValue {
        .object(
            [
                JSONMember("path", path.json), JSONMember("rawBytes", .number(entry.size)),
            ] + StoredFormText.members(form))
    }

    private static func count(_ number: Int, _ what: String) -> String {
        "\(Terminal.count(number)) \(what)\(number == 1 ? "" : "s")"
    }

    private static func padded(_ name: String) -> String { StoredFormText.padded(name, to: 9) }

    private static func json(_ statistics: StoreStatistics) -> JSONValue {
        let stored = statistics.packBytes + statistics.logBytes
        let ratio = stored == 0 ? 0 : Double(statistics.objects.rawBytes) / Double(stored)
        return .object([
            "objects": .number(statistics.objects.count), "packs": .number(statistics.packs),
            "rawBytes": .number(statistics.objects.rawBytes), "storedBytes": .number(stored),
            "packBytes": .number(statistics.packBytes), "logBytes": .number(statistics.logBytes),
            "sealedBytes": .number(statistics.sealedBytes), "indexBytes": .number(statistics.indexBytes),
            "ratio": .decimal(Terminal.decimal(ratio, digits: 1)),
            "byKind": .object(
                statistics.kinds.map { kind, share in
                    JSONMember(
                        kind.name,
                        .object(["objects": .number(share.count), "rawBytes": .number(share.rawBytes)]))
                }, sorting: true),
            "byCodec": .object(
                statistics.codecs.map { codec, share in
                    JSONMember(
                        codec,
                        .object([
                            "frames": .number(share.count), "rawBytes": .number(share.rawBytes),
                            "storedBytes": .number(share.storedBytes),
                        ]))
                }, sorting: true),
        ])
    }
}
