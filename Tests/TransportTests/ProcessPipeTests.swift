import FileIO
import TestSupport
import Testing

@testable import Remotes

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Programs that are talked with, and the command of ssh.
@Suite struct ProcessPipeTests {
    private func shell(_ script: String) -> [[UInt8]] { ["/bin/sh", "-c", script].map { Array($0.utf8) } }

    private func problem(_ words: [[UInt8]]) -> TransportError? {
        do throws(TransportError) {
            _ = try FramedTransport(name: "there", starting: words, timeLimit: 5, openingLimit: 5)
        } catch { return error }
        return nil
    }

    // MARK: Programs

    @Test func whatGoesInComesOut() throws {
        FramedTransport.ignoreBrokenPipes()
        let process = try ProcessPipe([Array("cat".utf8)], errorOutput: .captured)
        let stream = DuplexStream(framesFrom: process.output.raw, to: process.input.raw)
        var random = SplitMix64(seed: 1)
        let payload = random.bytes(1 << 20)
        stream.enqueue(.greeting, number: 5, payload)
        var message: FramedMessage?
        while message == nil {
            message = try stream.nextFrame()
            if message == nil { try stream.advance(within: 10) }
        }
        #expect(message?.payload == payload)
        stream.close()
        #expect(process.end(within: 5) == .status(0))
    }

    @Test func aProgramThatStaysIsKilled() throws {
        let process = try ProcessPipe(shell("exec sleep 100"), errorOutput: .inherited)
        for end in [process.input, process.output] { close(end.raw) }
        #expect(process.ended(within: 0) == nil)
        #expect(process.end(within: 0) == .signal(9))
        #expect(process.end(within: 0) == .signal(9))
    }

    @Test func programsDieOfBrokenPipes() throws {
        FramedTransport.ignoreBrokenPipes()
        let process = try ProcessPipe(shell("kill -PIPE $$; exit 4"), errorOutput: .captured)
        #expect(process.end(within: 5) == .signal(13))
        for end in [process.input, process.output] { close(end.raw) }
    }

    @Test func theEnvironmentIsGiven() throws {
        let process = try ProcessPipe(
            shell("test \"$MLREPO_WORD\" = 'a b' || exit 7"), variables: ["MLREPO_WORD=a b"],
            errorOutput: .captured)
        #expect(process.end(within: 5) == .status(0))
        for end in [process.input, process.output] { close(end.raw) }
    }

    @Test func anErrorSaysHowTheProgramEnded() throws {
        FramedTransport.ignoreBrokenPipes()
        let ended = problem(shell("echo first >&2; printf 'no\\033way\\n\\n' >&2; exit 3"))
        func error(_ problem: String, _ end: ProcessPipe.End) -> TransportError {
            TransportError(.unreachable, problem, end: end)
        }
        #expect(ended == error("sh ended with status 3: no\\x1bway", .status(3)))
        #expect(problem(shell("exit 255")) == error("sh ended with status 255", .status(255)))
        #expect(problem(shell("kill -9 $$")) == error("sh was ended by signal 9", .signal(9)))
        let none = problem([Array("/none/of/this".utf8)])
        #expect(none?.kind == .unreachable && none?.end == .neverBegan)
        #expect(problem([])?.kind == .unsupported)
        // Much on the error output does not stop it.
        let talking = problem(
            shell("i=0; while [ $i -lt 20000 ]; do echo line $i >&2; i=$((i+1)); done; exit 2"))
        #expect(talking?.problem == "sh ended with status 2: line 19999")
    }

    @Test func aBannerIsShownAndTheProgramEnded() throws {
        FramedTransport.ignoreBrokenPipes()
        let error = problem(shell("echo Welcome; exec cat"))
        #expect(error?.kind == .malformed)
        #expect(error?.problem.contains("\"Welcome\\n\"") == true)
    }

    // MARK: ssh

    @Test func theCommandOfSSH() throws {
        let plain = SSHCommand(host: "example.com", path: FilePath("/srv/it's here"))
        #expect(
            try plain.words().map { String(decoding: $0, as: UTF8.self) } == [
                "ssh", "-T", "--", "example.com", "mlrepo serve --stdio -- '/srv/it'\\''s here'",
            ])
        let full = SSHCommand(
            program: ["/opt/ssh", "-o", "BatchMode=yes"], user: "DOMAIN\\ada", host: "::1", port: 2222,
            path: FilePath("-x"), server: "/opt/mlrepo")
        #expect(
            try full.words().map { String(decoding: $0, as: UTF8.self) } == [
                "/opt/ssh", "-o", "BatchMode=yes", "-T", "-p", "2222", "--", "DOMAIN\\ada@::1",
                "/opt/mlrepo serve --stdio -- '-x'",
            ])
    }

    @Test func namesThatAreNoneAreRefused() {
        let path = FilePath("/srv")
        let bad = [
            "", "-oProxyCommand=x", "a b", "a\tb", "a\nb", "a\u{0}", "a\u{7f}", "a;b", "$(x)", "`x`",
            "a\u{a0}b",
        ]
        for name in bad {
            #expect(throws: TransportError.self, "\(name)") { try SSHCommand(host: name, path: path).words() }
            if name.hasPrefix("$") { continue }
            #expect(throws: TransportError.self, "\(name)") {
                try SSHCommand(user: name, host: "h", path: path).words()
            }
        }
        for port in [0, -1, 65_536] {
            #expect(throws: TransportError.self) { try SSHCommand(host: "h", port: port, path: path).words() }
        }
        #expect(throws: TransportError.self) { try SSHCommand(host: "u@h", path: path).words() }
        #expect(throws: TransportError.self) { try SSHCommand(host: "h", path: FilePath("")).words() }
        #expect(throws: TransportError.self) { try SSHCommand(program: [], host: "h", path: path).words() }
    }

    @Test func aShellTakesQuotedWordsAsTheyAre() throws {
        var random = SplitMix64(seed: 3)
        for length in 0..<40 {
            var word = random.bytes(length).map { $0 == 0 ? 39 : $0 }
            word += Array("'\"$x`\\!\n*~'' ".utf8)
            let hex = word.map { String($0, radix: 8) }
            let octal = hex.map { "\\" + String(repeating: "0", count: 3 - $0.count) + $0 }.joined()
            // The shell compares the word with the same bytes as printf makes them.
            let script =
                Array("x=$(printf '\(octal).'); test \"$x\" = ".utf8) + SSHCommand.quoted(word)
                + Array(".".utf8)
            let process = try ProcessPipe(
                [Array("/bin/sh".utf8), Array("-c".utf8), script], variables: ["LC_ALL=C"],
                errorOutput: .captured)
            #expect(process.end(within: 5) == .status(0), "\(word)")
            for end in [process.input, process.output] { close(end.raw) }
        }
    }
}
