import ObjectModel
@testable import Storage
import Testing

@Suite struct WrongGuessesTests {
    private func path(_ text: String) throws -> RepositoryPath { try RepositoryPath(text) }

    @Test func `a file whose guesses are wrong is tried less, and others are not`() throws {
        var guesses = WrongGuesses()
        let file = try path("run/optimizer.safetensors")
        #expect((0..<WrongGuesses.limit).allSatisfy { _ in guesses.isTried(file) })
        let later = (0..<160).count { _ in guesses.isTried(file) }
        #expect(later == 10, "one in sixteen")
        #expect(guesses.isTried(try path("run/model.safetensors")))
        #expect(guesses.isTried(try path("other/optimizer.safetensors")))
        guesses.wasRight(file)
        #expect((0..<WrongGuesses.limit).allSatisfy { _ in guesses.isTried(file) })
    }

    @Test func `a data set is tried less, and another directory is not`() throws {
        var guesses = WrongGuesses()
        let tried = try (0..<1_632).count { guesses.isTried(try path("set/\($0).npy")) }
        #expect(tried == WrongGuesses.limit + 100)
        #expect(guesses.isTried(try path("checkpoints/a.safetensors")))
        guesses.wasRight(try path("checkpoints/a.safetensors"))
        #expect(!guesses.isTried(try path("set/one.npy")))
        guesses.wasRight(try path("set/1.npy"))
        #expect(guesses.isTried(try path("set/one.npy")))
    }

    @Test func `a data set with a directory for each array is tried less, and checkpoints elsewhere are not`()
        throws
    {
        var guesses = WrongGuesses()
        let tried = try (0..<1_632).count { guesses.isTried(try path("set/\($0)/array.npy")) }
        #expect(tried == WrongGuesses.limit + 100)
        #expect(guesses.isTried(try path("run/checkpoint-2/model.safetensors")))
        guesses.wasRight(try path("run/checkpoint-2/model.safetensors"))
        #expect(!guesses.isTried(try path("set/one/array.npy")))
        guesses.wasRight(try path("set/1/array.npy"))
        #expect(guesses.isTried(try path("set/one/array.npy")))
    }

    @Test func `any number of directories is counted`() throws {
        var guesses = WrongGuesses()
        for number in 0..<3_000 { #expect(guesses.isTried(try path("\(number)/in/a"))) }
        #expect(guesses.isTried(try path("a")))
    }
}
