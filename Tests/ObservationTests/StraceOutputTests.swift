import Testing
import TestSupport

@testable import Observation

/// What is made of strace's lines, whole and not.
struct StraceOutputTests {
    private func hex(_ text: String) -> String {
        let digits = Array("0123456789abcdef")
        return text.utf8.map { "\\x\(digits[Int($0 >> 4)])\(digits[Int($0 & 15)])" }.joined()
    }

    private func calls(_ lines: String...) -> [StraceOutput.Call] {
        var reader = StraceOutput.Reader()
        return lines.compactMap { reader.take(Array($0.utf8)[...]) }
    }

    private func text(_ text: String) -> StraceOutput.Word { .text(Array(text.utf8)) }
    private func file(_ text: String) -> StraceOutput.Word { .file(Array(text.utf8)) }

    @Test(arguments: ["a", "a b\n\"c\", <d> = 3", "\\", "é", String(repeating: "x", count: 4_095)])
    func aNameIsWhatItWas(name: String) throws {
        let found = calls(
            "12 openat(AT_FDCWD<\(hex("/w"))>, \"\(hex(name))\", O_RDONLY|O_CLOEXEC) = 3<\(hex("/w/" + name))>"
        )
        let call = try #require(found.first)
        #expect(call.process == 12 && call.name == "openat" && call.result == 3)
        #expect(call.words == [file("/w"), text(name), .other("O_RDONLY|O_CLOEXEC")])
        #expect(call.opened == Array("/w/\(name)".utf8))
    }

    @Test func aFailedCallTellsSo() throws {
        let found = calls("7 unlink(\"\(hex("x"))\") = -1 ENOENT (No such file or directory)")
        #expect(found.map(\.result) == [-1])
        #expect(found.map(\.error) == ["ENOENT"])
        #expect(calls("7 chdir(\"\(hex("x"))\") = 0").map(\.error) == [nil])
        #expect(calls("7 exit_group(0) = ?").map(\.result) == [nil])
    }

    @Test func structuresAndListsAreOneWord() throws {
        let found = calls(
            "1 openat2(4<\(hex("/w"))>, \"\(hex("a"))\", {flags=O_RDWR|O_CREAT, mode=0666, resolve=0}, 24) = 5<\(hex("/w/a"))>",
            "1 execve(\"\(hex("/bin/sh"))\", [\"\(hex("sh"))\", \"\(hex(",)"))\"], 0x7ffd /* 24 vars */) = 0")
        #expect(found.map(\.words.count) == [4, 3])
        #expect(found[0].words[2] == .other("{flags=O_RDWR|O_CREAT, mode=0666, resolve=0}"))
        #expect(found[1].words[0] == text("/bin/sh"))
    }

    @Test func whatOthersInterruptIsJoined() throws {
        let found = calls(
            "1 rename(\"\(hex("a"))\", \"\(hex("b"))\" <unfinished ...>",
            "2 openat(AT_FDCWD<\(hex("/"))>, \"\(hex("c"))\", O_RDONLY <unfinished ...>",
            "1 <... rename resumed>) = 0", "2 <... openat resumed>) = -1 ENOENT (No such file or directory)",
            "3 <... openat resumed>) = 3")
        #expect(found.map(\.process) == [1, 2])
        #expect(found[0].words == [text("a"), text("b")] && found[0].result == 0)
        #expect(found[1].words.count == 3 && found[1].result == -1)
    }

    @Test func whatIsNoCallIsNone() {
        let lines = [
            "", "12", "x openat() = 3", "12 +++ exited with 0 +++", "12 --- SIGCHLD {si_signo=SIGCHLD} ---",
            "12 openat(", "12 openat(\"\\x2", "12 (1) = 2", "99999999999 openat() = 0",
            "12 openat(AT_FDCWD) ",
        ]
        for line in lines { #expect(calls(line).isEmpty, "\(line)") }
        // Texts that are cut, or hold what no name can.
        #expect(calls("1 open(\"\\x61\"..., 0) = 3").first?.words.first == .other("\"\\x61\"..."))
        #expect(calls("1 open(\"\\x00\", 0) = 3").first?.words.first == .other("\"\\x00\""))
    }

    @Test(arguments: [UInt64.random(in: 0 ... .max)]) func bytesByChanceDoNoHarm(seed: UInt64) {
        print("seed \(seed)")
        var random = SplitMix64(seed: seed)
        let lines = [
            "1 renameat2(AT_FDCWD<\(hex("/w"))>, \"\(hex("a"))\", AT_FDCWD<\(hex("/w"))>, \"\(hex("b\n"))\", 0) = 0",
            "1 openat(AT_FDCWD<\(hex("/w"))>, \"\(hex("a"))\", O_RDONLY <unfinished ...>",
            "1 <... openat resumed>) = 3<\(hex("/w/a"))>",
        ].map { Array($0.utf8) }
        let marks = Array("\"\\<>(){}[],= x0".utf8)
        var reader = StraceOutput.Reader()
        for _ in 0..<20_000 {
            var line = lines[Int(random.next() % 3)]
            for _ in 0..<Int(random.next() % 4) {
                let place = Int(random.next() % UInt64(line.count))
                line[place] =
                    random.next() % 2 == 0
                    ? UInt8(truncatingIfNeeded: random.next())
                    : marks[Int(random.next() % UInt64(marks.count))]
            }
            if random.next() % 4 == 0 { line.removeLast(Int(random.next() % UInt64(line.count))) }
            guard let call = reader.take(line[...]) else { continue }
            for case .text(let name) in call.words {
                let hasEnd = name.contains(0)
                #expect(!hasEnd)
            }
        }
    }
}
