internal import ArgumentParser
internal import Governance
internal import MLRepo
internal import ObjectModel

struct ProveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prove", abstract: "Write a proof that an entry is in the log, for somebody without it.",
        discussion: """
            The proof is a small file (C2SP tlog-proof) that holds the entry, the hashes that lead from it to the log's root, and the \
            head of the log with the signatures of those who saw it: yours, and those of witnesses of that very head. \
            'mlrepo verify FILE' checks it, with any store; 'consistency' proves that the log goes on from what it was when it had so \
            many entries.

            EXAMPLES
              mlrepo prove entry 12 -o entry-12.tlog-proof
              mlrepo prove entry 12 --size 40        in the log of its first 40 entries
              mlrepo prove consistency 40 -o growth.tlog-proof
              mlrepo verify entry-12.tlog-proof
            """)

    @Option(help: ArgumentHelp("Another store whose log it is about.", valueName: "store"))
    var of: String?
    @Option(help: ArgumentHelp("The log as it was when it had so many entries.", valueName: "entries"))
    var size: Int?
    @Flag(inversion: .prefixedNo, help: "Sign the head; by itself where a key is set (mlrepo help identity).")
    var sign: Bool?
    @Option(
        name: [.customShort("o"), .long], help: ArgumentHelp("Where to write it.", valueName: "file"),
        completion: .file())
    var output: String?
    @Flag(help: "Answer in JSON, for programs.")
    var json = false
    @Argument(help: ArgumentHelp("entry or consistency.", valueName: "what"))
    var what: String
    @Argument(
        help: ArgumentHelp("The entry's number, from 0; or how many entries there were.", valueName: "number")
    )
    var number: Int

    func validate() throws {
        guard ["entry", "consistency"].contains(what) else {
            throw ValidationError("'prove' takes entry or consistency, not '\(Terminal.escaped(what))'")
        }
        guard number >= 0, size ?? 0 >= 0 else { throw ValidationError("entries are counted from 0") }
    }

    func run() throws {
        let repository = try Repository.here()
        let remote = try of.map { (name) throws in try repository.knownRemotes.named(name) }
        let audited = try repository.auditedLog(of: remote)
        let isSigned =
            try sign ?? (repository.findSigningKey() != nil && repository.person?.email.isEmpty == false)
        let proof =
            what == "entry"
            ? try repository.proveEntry(number, in: audited, of: size, signing: isSigned)
            : try repository.proveConsistency(from: number, in: audited, of: size, signing: isSigned)
        if let output { try repository.save(proof, to: ArgumentText.bytes(output)) }
        if json {
            Terminal.printJSON(
                .object([
                    "origin": .string(proof.head.origin),
                    "proof": .string(String(decoding: proof.bytes, as: UTF8.self)),
                    "root": proof.head.root.json, "signatures": .number(proof.note.signatures.count),
                    "size": .number(proof.head.size),
                ]))
        } else if output == nil {
            Terminal.write(proof.bytes)
        }
        if proof.note.signatures.isEmpty {
            Terminal.printError(
                "note: nobody signed this head: it proves nothing to who does not know the log's root")
        }
    }
}
