import Testing

/// Every decoder survives changed bytes: it throws its error or gives a value, in bounded time and memory.
///
/// The seed is printed; `scripts/fuzz` does the same for long.
@Suite(.serialized) struct FuzzTests {
    static let decoders: [FuzzedDecoder] =
        FuzzedDecoder.objects + FuzzedDecoder.packs + FuzzedDecoder.logs + FuzzedDecoder.workingCopies
        + FuzzedDecoder.parameterFiles + FuzzedDecoder.formats

    @Test(arguments: decoders) func `changed bytes are refused or understood`(decoder: FuzzedDecoder) throws {
        let settings = FuzzSettings.current
        if settings.isList { return print("fuzz: name \(decoder.name)") }
        if let names = settings.names, !names.contains(decoder.name) { return }
        let fuzzer = Fuzzer(decoder: decoder, settings: settings)
        if let input = settings.input {
            print("fuzz: \(decoder.name): \(try fuzzer.replay(input))")
            return
        }
        print("fuzz: \(decoder.name) begins, seed \(settings.seed)")
        do {
            let tally = try fuzzer.run()
            func rounded(_ number: Double) -> Double { (number * 100).rounded() / 100 }
            print(
                "fuzz: | \(decoder.name) | \(rounded(tally.seconds)) | \(tally.inputs) | \(tally.refused) |"
                    + " \(tally.accepted) | \(rounded(tally.slowest * 1000)) | \(settings.seed) |")
        } catch {
            Issue.record("\(error)")
        }
    }

    @Test func `every decoder has a name of its own`() {
        #expect(Set(Self.decoders.map(\.name)).count == Self.decoders.count)
    }
}
