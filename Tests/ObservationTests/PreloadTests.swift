import FileIO
import TestSupport
import Testing

@testable import Observation

#if os(Linux)
    import CShims
    import Glibc

    /// What is made of the library's datagrams, whoever sends them.
    struct PreloadTests {
        private func bytes(
            _ kind: mlrepo_report_kind, _ value: UInt32 = 0, _ paths: [String] = [], version: UInt8 = 1
        ) -> [UInt8] {
            let lengths = paths.map { UInt16($0.utf8.count) } + [0, 0]
            var report = mlrepo_report(
                version: version, kind: UInt8(kind.rawValue), lengths: (lengths[0], lengths[1]), zero: 0,
                value: value)
            return withUnsafeBytes(of: &report) { Array($0) } + paths.flatMap { Array($0.utf8) }
        }

        private func report(_ bytes: [UInt8]) -> PreloadReport? {
            bytes.withUnsafeBytes { PreloadReport($0) }
        }

        @Test func aReportHasAsManyPathsAsItsKind() throws {
            let one = try #require(report(bytes(MLREPO_REPORT_OPEN, 7, ["/a\n b"])))
            #expect(one.paths == [FilePath("/a\n b")] && one.value == 7)
            let two = try #require(report(bytes(MLREPO_REPORT_RENAME, 0, ["/a", "/b"])))
            #expect(two.paths == [FilePath("/a"), FilePath("/b")])
            #expect(report(bytes(MLREPO_REPORT_HELLO))?.paths == [])
            #expect(report(bytes(MLREPO_REPORT_HELLO, 0, ["/a"])) == nil)
            #expect(report(bytes(MLREPO_REPORT_OPEN)) == nil)
            #expect(report(bytes(MLREPO_REPORT_RENAME, 0, ["/a"])) == nil)
            #expect(report(bytes(MLREPO_REPORT_OPEN, 0, ["/a", "/b"])) == nil)
        }

        @Test func whatIsNoReportIsNone() {
            #expect(report([]) == nil)
            #expect(report(bytes(MLREPO_REPORT_OPEN, 0, ["a"])) == nil)
            #expect(report(bytes(MLREPO_REPORT_OPEN, 0, ["/a\0b"])) == nil)
            #expect(report(bytes(MLREPO_REPORT_OPEN, 0, ["/a"], version: 2)) == nil)
            #expect(report(bytes(MLREPO_REPORT_OPEN, 0, ["/a"]) + [0]) == nil)
            #expect(report(Array(bytes(MLREPO_REPORT_OPEN, 0, ["/a"]).dropLast())) == nil)
            #expect(report([1, 200] + [UInt8](repeating: 0, count: 10)) == nil)
        }

        @Test(arguments: [UInt64.random(in: 0 ... .max)]) func bytesByChanceDoNoHarm(seed: UInt64) {
            print("seed \(seed)")
            var random = SplitMix64(seed: seed)
            let whole = bytes(MLREPO_REPORT_RENAME, 3, ["/some/where", "/else"])
            for _ in 0..<20_000 {
                var changed = whole
                for _ in 0...Int(random.next() % 4) {
                    changed[Int(random.next() % UInt64(changed.count))] = UInt8(
                        truncatingIfNeeded: random.next())
                }
                if let report = report(Array(changed.prefix(Int(random.next() % 32) + 1))) {
                    let areAbsolute = report.paths.allSatisfy { $0.isAbsolute }
                    #expect(areAbsolute)
                }
                _ = report(changed)
            }
        }

        /// A socket with an observer, and what it noted of the datagrams that a process sent.
        private func noted(_ first: pid_t, _ send: (String) -> Void) throws -> (
            AccessLog, Set<Observation.Gap>
        ) {
            var pattern = "/tmp/mlrepo-test-XXXXXX".utf8.map { CChar(bitPattern: $0) } + [0]
            #expect(mkdtemp(&pattern) != nil)
            let directory = String(decoding: pattern.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
            let path = directory + "/socket"
            let socket = mlrepo_open_reports(path)
            try #require(socket >= 0)
            let watch = SharedWatch(FileWatch(POSIXFileSystem(), log: AccessLog(), keeper: nil))
            var ends: [Int32] = [-1, -1]
            try #require(pipe(&ends) == 0)
            let stop = ends[0]
            let thread = Thread {
                var observer = PreloadObserver(
                    socket: socket, library: FilePath(directory + "/none"), first: first, watch)
                observer.run(until: stop) { false }
                watch.close()
            }
            send(path)
            close(ends[1])
            if let thread { thread.join() }
            watch.run()
            close(ends[0])
            close(socket)
            unlink(path)
            rmdir(directory)
            return watch.findings
        }

        @Test func whatChangesIsLookedAtBeforeTheSenderGoesOn() throws {
            let (log, gaps) = try noted(getpid()) { path in
                var ends: [Int32] = [-1, -1]
                socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends)
                let hello = bytes(MLREPO_REPORT_HELLO)
                #expect(mlrepo_send_report(path, hello, hello.count, -1) == 0)
                let opening = bytes(MLREPO_REPORT_OPEN, UInt32(O_WRONLY | O_CREAT), ["/tmp/mlrepo-made"])
                #expect(mlrepo_send_report(path, opening, opening.count, ends[1]) == 0)
                close(ends[1])
                var byte: UInt8 = 0
                #expect(read(ends[0], &byte, 1) == 1)
                close(ends[0])
            }
            #expect(log.files[FilePath("/tmp/mlrepo-made")]?.isWritten == true)
            #expect(gaps.isEmpty)
        }

        @Test func aProgramThatDoesNotSayHelloIsAGap() throws {
            // No process has this number.
            let silent = try noted(1 << 30) { _ in }.1
            #expect(silent == [.unwatched])
            let gaps = try noted(1 << 30) { path in
                let hello = bytes(MLREPO_REPORT_HELLO)
                let spawned = bytes(MLREPO_REPORT_SPAWNED, UInt32.max)
                for one in [hello, spawned] { #expect(mlrepo_send_report(path, one, one.count, -1) == 0) }
            }
            #expect(gaps.1 == [.unwatched])
        }

        @Test(arguments: [UInt64.random(in: 0 ... .max)]) func hostileDatagramsDoNoHarm(seed: UInt64) throws {
            print("seed \(seed)")
            var random = SplitMix64(seed: seed)
            let nothing = open("/dev/null", O_RDWR)
            defer { close(nothing) }
            let (log, _) = try noted(getpid()) { path in
                for _ in 0..<2_000 {
                    let kind = mlrepo_report_kind(UInt32(random.next() % 24))
                    var one = bytes(
                        kind, UInt32(truncatingIfNeeded: random.next()),
                        Array(["/proc/self/fd/0", "/tmp/none/x"].prefix(Int(random.next() % 3))))
                    if random.next() % 4 == 0 {
                        one[Int(random.next() % UInt64(one.count))] = UInt8(truncatingIfNeeded: random.next())
                    }
                    if random.next() % 50 == 0 { one = [UInt8](repeating: 1, count: 40_000) }
                    if random.next() % 50 == 0 { one = [] }
                    _ = mlrepo_send_report(path, one, one.count, random.next() % 3 == 0 ? nothing : -1)
                }
                let last = bytes(MLREPO_REPORT_OPEN, 0, ["/etc/passwd"])
                #expect(mlrepo_send_report(path, last, last.count, -1) == 0)
            }
            #expect(log.files[FilePath("/etc/passwd")]?.isRead == true)
        }

        @Test func aSectionIsFoundAndOneThatLiesBeyondTheEndIsNot() throws {
            // An ELF file of two sections: the names, and the library.
            let names = Array("\0.mlrepo.preload\0.names\0".utf8)
            func number(_ value: Int, _ size: Int) -> [UInt8] {
                (0..<size).map { UInt8(value >> (8 * $0) & 0xff) }
            }
            func file(offset: Int, count: Int) -> [UInt8] {
                let head =
                    [0x7f, 0x45, 0x4c, 0x46, 2, 1] + [UInt8](repeating: 0, count: 34) + number(64, 8)
                    + [UInt8](repeating: 0, count: 10) + number(64, 2) + number(2, 2) + number(1, 2)
                func section(_ name: Int, _ offset: Int, _ count: Int) -> [UInt8] {
                    number(name, 4) + [UInt8](repeating: 0, count: 20) + number(offset, 8) + number(count, 8)
                        + [UInt8](repeating: 0, count: 24)
                }
                return head + section(1, offset, count) + section(17, 192, names.count) + names + [7, 8, 9]
            }
            func found(_ file: [UInt8]) -> [UInt8]? {
                LibraryImage.section { (offset, count) in
                    guard offset >= 0, count >= 0, offset <= file.count, count <= file.count - offset else {
                        return nil
                    }
                    return Array(file[offset..<offset + count])
                }
            }
            let whole = file(offset: 192 + names.count, count: 3)
            #expect(found(whole) == [7, 8, 9])
            #expect(found(file(offset: 192 + names.count, count: 4)) == nil)
            #expect(found(file(offset: 1 << 62, count: 3)) == nil)
            for count in 0..<whole.count { _ = found(Array(whole[..<count])) }
            for place in whole.indices {
                var changed = whole
                changed[place] ^= 0xff
                _ = found(changed)
            }
        }
    }
#endif
