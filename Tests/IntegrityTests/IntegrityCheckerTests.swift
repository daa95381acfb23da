import FileIO
import ObjectModel
import Storage
import TestSupport
import Testing

@Suite struct IntegrityCheckerTests {
    @Test(arguments: [1, 3]) func `a store that was just written has no problems`(threads: Int) throws {
        let sample = try SampleStore(seed: 1)
        let report = try sample.check(threads: threads)
        #expect(report.problems == [])
        #expect(report.packs == 4)
        #expect(report.lost.isEmpty)
        #expect(report.objects > 30)
    }

    @Test func `progress ends at the size of all packs`() throws {
        let sample = try SampleStore(seed: 2)
        var last = IntegrityProgress()
        let report = try IntegrityChecker(sample.root, files: sample.files).check { last = $0 }
        #expect(last.bytes == last.totalBytes)
        #expect(last.bytes == report.bytes)
        #expect(last.objects >= report.objects)
    }

    /// In four parts, each with every fourth byte of the same store, so that all cores have some.
    @Test(arguments: 0..<4)
    func `every byte that is flipped is found, with its file and what needs it`(part: Int) throws {
        let sample = try SampleStore(seed: 3, commits: 2)
        let names = try ["format"] + sample.names(below: "log") + sample.names(below: "packs")
        let clock = ContinuousClock()
        let start = clock.now
        var flips = 0
        for name in names {
            let bytes = try sample.read(name)
            let frames = name.hasPrefix("packs/") ? frameEnd(bytes) : 0
            for offset in bytes.indices where offset % 4 == part {
                var damaged = bytes
                damaged[offset] ^= 1 << UInt8((offset &* 7 &+ flips) % 8)
                try sample.write(name, damaged)
                flips += 1
                let problems = try sample.check().problems
                let found = problems.filter { $0.file == name }
                guard !found.isEmpty else {
                    Issue.record("byte \(offset) of \(name): \(problems)")
                    continue
                }
                guard offset < frames else { continue }
                let frame = found.first { $0.kind == .frame }
                if frame?.pack == nil || frame?.neededBy.isEmpty != false || (frame?.offset ?? .max) > offset
                {
                    Issue.record("byte \(offset) of the frames of \(name): \(problems)")
                }
            }
            try sample.write(name, bytes)
        }
        #expect(try sample.check().isClean)
        print("flipped \(flips) bytes of \(names.count) files in \(clock.now - start)")
    }

    /// Where the frames of a pack end, as its trailer says.
    private func frameEnd(_ bytes: [UInt8]) -> Int {
        bytes[(bytes.count - 64)..<(bytes.count - 56)].reversed().reduce(0) { $0 << 8 | Int($1) }
    }

    @Test func `the files that a damaged chunk hits are named for each ref`() throws {
        let sample = try SampleStore(seed: 4)
        // The data of the first commit's pack come last in it, behind the metadata or before: its raw chunk is looked for.
        let store = try ObjectStore.open(sample.root, files: sample.files)
        let tip = try store.commit(sample.commits[1])
        let tree = DirectoryTree(root: tip.tree, reader: store)
        let entry = try #require(try tree.entry(at: RepositoryPath("model/weights.bin")))
        let recipe = try #require(try store.recipe(of: entry.id))
        let chunk = ObjectReference(.blob, try #require(chunks(recipe).first?.id))
        let pack = try #require(store.find(chunk)).pack.name
        let payload = try #require(try store.payload(of: chunk))
        var bytes = try sample.read(sample.path(pack))
        let place = try #require(bytes.indices.first { bytes[$0...].starts(with: payload.prefix(8)) })
        bytes[place] ^= 1
        try sample.write(sample.path(pack), bytes)
        let report = try sample.check()
        let missing = try #require(
            report.problems.first { $0.kind == .missingObject && $0.reference == chunk })
        let first = sample.commits[0].hex.prefix(12)
        #expect(missing.neededBy.contains("branches/main:model/weights.bin"))
        #expect(missing.neededBy.contains("branches/dev:model/weights.bin"))
        #expect(
            !missing.neededBy.contains("branches/main~\(first):model/weights.bin"),
            "once for each ref and path")
        #expect(missing.pack == pack)
        let readme = report.problems.first { $0.neededBy.contains("branches/main~\(first):README.md") }
        #expect(readme != nil, "what only an older commit needs names that commit")
        #expect(report.problems.contains { $0.neededBy.contains("branches/main:odd\\nname.txt") })
    }

    private func chunks(_ recipe: Recipe) -> [ChunkEntry] {
        recipe.root.elements.compactMap { if case .leaf(let chunk) = $0 { chunk } else { nil } }
    }

    @Test func `a missing pack is found, and everything that lay in it`() throws {
        let sample = try SampleStore(seed: 5)
        try sample.files.remove(sample.layout.pack(sample.packs[1]))
        let report = try sample.check()
        #expect(report.problems.contains { $0.kind == .missingPack && $0.pack == sample.packs[1] })
        let lost = ObjectReference(.commit, sample.commits[0])
        let missing = try #require(
            report.problems.first { $0.kind == .missingObject && $0.reference == lost })
        #expect(
            missing.neededBy == [
                "branches/dev~\(lost.id.hex.prefix(12))", "branches/main~\(lost.id.hex.prefix(12))",
            ])
    }

    @Test(arguments: [1, 40, 64, 200]) func `a pack that was cut short is found`(missing: Int) throws {
        let sample = try SampleStore(seed: 6)
        let name = sample.path(sample.packs[2])
        try sample.write(name, Array(try sample.read(name).dropLast(missing)))
        let kinds = Set(try sample.check().problems.filter { $0.pack == sample.packs[2] }.map(\.kind))
        #expect(kinds.isSuperset(of: [.trailer, .packDigest]))
    }

    @Test func `packs under each other's names are both found, and nothing is lost`() throws {
        let sample = try SampleStore(seed: 7)
        let (a, b) = (sample.path(sample.packs[1]), sample.path(sample.packs[2]))
        let (first, second) = (try sample.read(a), try sample.read(b))
        try sample.write(a, second)
        try sample.write(b, first)
        let report = try sample.check()
        #expect(report.problems.map(\.kind) == [.packDigest, .packDigest])
        #expect(Set(report.problems.compactMap(\.file)) == [a, b])
        #expect(report.lost.isEmpty)
    }

    @Test func `an entry that was removed from the middle of the log is a gap`() throws {
        let sample = try SampleStore(seed: 8)
        try sample.files.remove(sample.layout.entry(1))
        let report = try sample.check()
        let gap = try #require(report.problems.first { $0.kind == .logGap })
        #expect(gap.file == "log/new/00000000000000000001")
        #expect(!report.isLogSound)
        #expect(
            !report.problems.contains { $0.kind == .missingObject && $0.reference?.kind != .event },
            "packs are found all the same")
    }

    @Test func `a newest entry that was removed is missed by what the cache remembers`() throws {
        let sample = try SampleStore(seed: 9)
        try sample.files.remove(sample.layout.entry(3))
        let problems = try sample.check().problems
        #expect(problems.map(\.kind) == [.logGap])
        #expect(problems.first?.isOfRemembered == true)
        let store = try ObjectStore.open(sample.root, files: sample.files)
        #expect(throws: StoreError.self) { try store.requireNothingLost() }
    }

    @Test func `files that the format does not name are ignored`() throws {
        let sample = try SampleStore(seed: 10)
        for name in [
            "notes", "packs/zz/other", "packs/x.pack", "log/new/README", "log/new/.nfs0001", "tmp/pack-00",
        ] {
            try sample.write(name, Array("anything".utf8))
        }
        #expect(try sample.check().isClean)
    }

    @Test func `noise in the place of any file is reported and ends nothing`() throws {
        let sample = try SampleStore(seed: 11)
        var random = SplitMix64(seed: 11)
        for name in try ["format"] + sample.names(below: "log") + sample.names(below: "packs") {
            let bytes = try sample.read(name)
            for length in [0, 1, 63, 64, 65, 300, bytes.count] {
                try sample.write(name, random.bytes(length))
                #expect(
                    try sample.check().problems.contains { $0.file == name }, "\(length) bytes as \(name)")
            }
            try sample.write(name, bytes)
        }
    }

    @Test func `where no store is, that is an error and no problem`() throws {
        #expect(throws: StoreError.notFound(FilePath("/nonexistent/store"))) {
            try IntegrityChecker(FilePath("/nonexistent/store"), files: POSIXFileSystem()).check()
        }
    }
}
