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

            EXAMPLES
              mlrepo stats
              mlrepo stats --json
            """)

    @OptionGroup var output: OutputOptions

    func run() throws {
        let statistics = try Repository.here().statistics()
        if output.json { return Terminal.printJSON(Self.json(statistics)) }
        let stored = statistics.packBytes + statistics.logBytes
        Terminal.print(
            "\(Self.count(statistics.objects.count, "object")), \(Terminal.size(statistics.objects.rawBytes)), stored in"
                + " \(Terminal.size(stored))\(Self.ratio(statistics.objects.rawBytes, stored)): \(Self.count(statistics.packs, "pack"))"
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
                    + " \(Terminal.size(share.storedBytes))\(Self.ratio(share.rawBytes, share.storedBytes))")
        }
        Terminal.print("  \(Self.padded("indexes")) \(Terminal.size(statistics.indexBytes))")
    }

    private static func count(_ number: Int, _ what: String) -> String {
        "\(Terminal.count(number)) \(what)\(number == 1 ? "" : "s")"
    }

    private static func padded(_ name: String) -> String {
        name + String(repeating: " ", count: max(0, 9 - name.utf8.count))
    }

    private static func ratio(_ raw: Int, _ stored: Int) -> String {
        stored > 0 && raw > 0 ? " (\(Terminal.decimal(Double(raw) / Double(stored), digits: 1))x)" : ""
    }

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
