import ObjectModel
import Testing

/// The records of runs: what is written is read again, and nothing else is.
struct RunTests {
    private let id = ObjectID(of: .blob, payload: [1])

    private func run() throws -> Run {
        var run = Run(origin: .observed, observedBy: "seccomp", recorded: 7, inputs: id, outputs: id)
        run.startedFraction = 4
        run.name = String(repeating: "0a", count: 16)
        run.base = id
        (run.started, run.ended, run.exitStatus, run.signal, run.received) = (5, 6, 0, 9, 15)
        run.command = Run.Command(
            arguments: [Array("python".utf8), [0xff, 0x0a]], directory: try RepositoryPath("some/where"))
        run.usage = Run.Usage(userMicroseconds: 1, systemMicroseconds: 2, maximumResidentBytes: 3)
        (run.standardOutput, run.standardError, run.packages) = (id, id, id)
        run.code = Run.Code(revision: nil, remote: nil, dirty: true, patch: nil)
        run.code?.isInGit = false
        run.code?.sources = id
        run.code?.files = id
        run.code?.directory = try RepositoryPath("ml")
        run.reproduction = Run.Reproduction(
            run: id, result: .equivalent, tolerance: "1e-6", outputs: 3,
            differences: [
                Run.Reproduction.Difference(
                    path: try RepositoryPath("model"), isEquivalent: true, detail: "x", greatest: "1e-07")
            ])
        run.reproduction?.paths = [try RepositoryPath("a"), try RepositoryPath("b")]
        run.reproduction?.exchanged = [try RepositoryPath("c")]
        (run.lookups, run.saved, run.ranks, run.continues) = (id, id, 2, id)
        (run.within, run.readsFile) = (.tree, true)
        run.external = Run.External(files: 2, bytes: 3, list: id)
        run.uncertain = [try RepositoryPath("b"), try RepositoryPath("a")]
        run.removed = [try RepositoryPath("c")]
        run.gaps = ["ring", "leftRunning"]
        return run
    }

    @Test func everyMemberComesBack() throws {
        var run = try run()
        let read = try Run(payload: run.payload)
        run.uncertain.sort()
        run.gaps.sort()
        #expect(read == run)
        #expect(read.payload == run.payload)
    }

    @Test func aRunThatSaysNoMoreThanBeforeHasTheBytesOfBefore() throws {
        let run = Run(
            declaredAt: 7, user: nil, code: nil, parameters: [:], metrics: [:], environment: [:], inputs: id,
            outputs: id, inputCommits: [:])
        #expect(
            String(decoding: run.payload, as: UTF8.self)
                == #"{"environment":{},"inputs":"\#(id.hex)","metrics":{},"observedBy":"declared","origin":"declared","outputs":"\#(id.hex)","parameters":{},"recorded":7}"#
        )
    }

    @Test(arguments: [
        (#""name":"00""#, #""name":"0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a""#),
        (#""bytes":"cHl0aG9u""#, #""bytes":"/wo=""#),
        (#""gaps":["ring","leftRunning"]"#, #""gaps":["leftRunning","ring"]"#),
        (#""uncertain":["b","a"]"#, #""uncertain":["a","b"]"#),
        (#""files":0"#, #""files":2"#),
        (#""system":"svn""#, #""system":"none""#),
        (#""userMicroseconds":-1"#, #""userMicroseconds":1"#),
        (#""result":"same""#, #""result":"equivalent""#),
        (#""tolerance":"small""#, #""tolerance":"1e-6""#),
        (#""greatest":"""#, #""greatest":"1e-07""#),
        (#""paths":["b","a"]"#, #""paths":["a","b"]"#),
        (#""exchanged":["/c"]"#, #""exchanged":["c"]"#),
    ])
    func whatIsWrongIsRefused(wrong: String, right: String) throws {
        let text = String(decoding: try run().payload, as: UTF8.self)
        try #require(text.contains(right))
        let changed = Array(text.replacing(right, with: wrong).utf8)
        #expect(throws: MalformedObject.self) { try Run(payload: changed) }
    }
}
