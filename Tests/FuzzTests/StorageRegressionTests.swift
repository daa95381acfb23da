@testable import Coding
import FileIO
import Hashing
import ObjectModel
@testable import Storage
import TestSupport
import Testing

/// Packs and entries that were understood, or ended the process, though the format refuses them.
@Suite struct StorageRegressionTests {
    // MARK: Codecs

    private static func isValid(_ codec: Codec, _ stored: [UInt8], _ length: Int, base: [UInt8] = [])
        -> Bool
    {
        let frame = PackReader.RawFrame(
            codec: codec, frameClass: .data, table: FrameTable(codec: codec, bases: [], objects: []),
            rawLength: length, stored: stored[...])
        return (try? PackReader.decode(frame, base: BaseBytes(base), FrameCoder())) != nil
    }

    @Test func `a stream with a base needs its dictionary, and one without has none`() throws {
        let text = Array("the quick brown fox, the quick brown fox, the quick brown fox".utf8)
        let base = Array("a quick brown fox".utf8)
        let plain = try text.withUnsafeBytes { try ZlibCoder.encode($0) } ?? []
        let based = try text.withUnsafeBytes { try ZlibCoder.encode($0, base: base) } ?? []
        #expect(
            Self.isValid(.zlib, plain, text.count)
                && Self.isValid(.zlibWithBase, based, text.count, base: base))
        #expect(!Self.isValid(.zlibWithBase, plain, text.count, base: base))
        #expect(!Self.isValid(.zlib, based, text.count))
        #expect(!Self.isValid(.zlib, plain + [0], text.count))
        #expect(!Self.isValid(.zlib, plain + plain, text.count))
    }

    @Test func `only one frame of RFC 8878 is a frame`() throws {
        let frame: [UInt8] = [0x28, 0xb5, 0x2f, 0xfd, 0x80, 0x00, 3, 0, 0, 0, 0x19, 0, 0] + Array("abc".utf8)
        let skipped: [UInt8] = [0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]
        #expect(Self.isValid(.zstd, frame, 3))
        #expect(!Self.isValid(.zstd, skipped, 0))
        #expect(!Self.isValid(.zstd, skipped + frame, 3))
        #expect(!Self.isValid(.zstd, frame + skipped, 3))
        #expect(!Self.isValid(.zstd, frame + frame, 6))
        #expect(!Self.isValid(.zstd, frame + [0], 3))
        // An older format has another magic number.
        #expect(!Self.isValid(.zstd, [0x27] + frame.dropFirst(), 3))
    }

    @Test func `a window above 8 MiB is refused`() throws {
        for (window, isValid) in [(13 << 3, true), (13 << 3 | 1, false), (14 << 3, false)] as [(UInt8, Bool)]
        {
            let frame: [UInt8] =
                [0x28, 0xb5, 0x2f, 0xfd, 0x80, window, 3, 0, 0, 0, 0x19, 0, 0] + Array("abc".utf8)
            #expect(Self.isValid(.zstd, frame, 3) == isValid, "\(window)")
        }
    }

    // MARK: Frames

    /// A frame of some bytes whose checksums are right.
    private static func parses(
        codec: UInt8, class frameClass: UInt8, raw: Int, table: [UInt8], stored: [UInt8]
    ) -> Bool {
        var bytes = FrameHeader.magic + [codec, frameClass, 0, 0]
        for number in [table.count, stored.count, raw, 0, 0] { bytes.appendLittleEndian(UInt32(number)) }
        bytes += table + stored
        Checksums.repairFrame(&bytes, at: 0)
        return (try? PackReader.parse(bytes[...])) != nil
    }

    @Test func `stored bytes are never more than the raw ones`() {
        #expect(Self.parses(codec: 1, class: 2, raw: 3, table: [1, 1, 3], stored: [1, 2, 3]))
        #expect(!Self.parses(codec: 1, class: 2, raw: 3, table: [1, 1, 3], stored: [1, 2, 3, 4]))
        #expect(!Self.parses(codec: 0, class: 2, raw: 3, table: [1, 1, 3], stored: [1, 2]))
    }

    @Test func `metadata is not by zstd, and a base is of the frame's class`() {
        #expect(Self.parses(codec: 2, class: 2, raw: 3, table: [1, 1, 3], stored: [1]))
        #expect(!Self.parses(codec: 2, class: 1, raw: 3, table: [1, 3, 3], stored: [1]))
        let id = Trees.id(1).digest.bytes
        #expect(Self.parses(codec: 7, class: 1, raw: 3, table: [3] + id + [1, 3, 3], stored: [1]))
        #expect(!Self.parses(codec: 7, class: 1, raw: 3, table: [1] + id + [1, 3, 3], stored: [1]))
    }

    // MARK: The log

    private static let name = PackName(digest: Trees.id(0), nonce: [0, 1, 2, 3, 4, 5, 6, 7])

    private static func entry(_ number: Int, features: [String] = [], packs: PackChanges = PackChanges())
        -> LogEntry
    {
        LogEntry(
            number: number, event: Trees.id(1), refs: Trees.id(2), packs: .listed(packs), features: features,
            time: 5)
    }

    @Test func `an entry has packs or a list of packs`() throws {
        guard case .object(let members) = Self.entry(0).json else { return }
        let list = JSONMember("packList", .string(Trees.id(3).hex))
        func isValid(_ members: [JSONMember]) -> Bool {
            (try? LogEntry(leaf: JSONValue.object(members, sorting: true).canonicalBytes)) != nil
        }
        let without = members.filter { $0.name != "packs" }
        #expect(isValid(members) && isValid(without + [list]))
        #expect(!isValid(members + [list]) && !isValid(without))
    }

    @Test func `a pack comes up in one list of an entry`() {
        #expect((try? LogEntry(leaf: Self.entry(0, packs: PackChanges(added: [Self.name])).leaf)) != nil)
        let twice = PackChanges(added: [Self.name], doomed: [Self.name])
        #expect((try? LogEntry(leaf: Self.entry(0, packs: twice).leaf)) == nil)
    }

    @Test(arguments: [("a-1", true), ("A", false), ("", false), ("a_b", false), ("é", false)])
    func `a feature has a plain name`(feature: String, isValid: Bool) {
        #expect(((try? LogEntry(leaf: Self.entry(0, features: [feature]).leaf)) != nil) == isValid)
    }

    @Test func `no number is below 0`() {
        #expect((try? LogEntry(leaf: Self.entry(-1).leaf)) == nil)
        let late = LogEntry(
            number: 0, event: Trees.id(1), refs: Trees.id(2), packs: .listed(PackChanges()), features: [],
            time: -1)
        #expect((try? LogEntry(leaf: late.leaf)) == nil)
    }

    /// A file whose note is another text.
    private static func reads(_ file: LogEntryFile, note: String) -> Bool {
        guard case .object(let members) = try? JSONValue(canonical: file.bytes) else { return false }
        let changed = members.map { $0.name == "note" ? JSONMember("note", .string(note)) : $0 }
        let bytes = JSONValue.object(changed, sorting: false).canonicalBytes
        return (try? LogEntryFile(bytes: bytes, number: 0, origin: file.origin)) != nil
    }

    @Test func `a note is compared as bytes, and only signatures follow it`() throws {
        // A root hash with a K in base64, for which Unicode has an equivalent.
        let file = try #require(
            (0..<1000).lazy.map { number in
                LogEntryFile(
                    entry: LogEntry(
                        number: 0, event: Trees.id(number), refs: Trees.id(2), packs: .listed(PackChanges()),
                        features: [],
                        time: 5), origin: String(repeating: "0f", count: 16), before: MerkleFrontier())
            }.first { $0.note.contains("K") })
        let other = String(file.note.map { $0 == "K" ? "\u{212a}" : $0 })
        #expect(other == file.note && !other.utf8.elementsEqual(file.note.utf8))
        #expect(Self.reads(file, note: file.note))
        #expect(!Self.reads(file, note: other))
        #expect(Self.reads(file, note: file.note + "\n\u{2014} example.com/key QUJDRA==\n"))
        for rest in ["extension\n", "\n", "\nx\n", "\n\u{2014} a b\n", "\n\u{2014} a QUJD", "\n\n", "x"] {
            #expect(!Self.reads(file, note: file.note + rest), "\(rest)")
        }
    }

    @Test func `entries of a tile have their places' numbers`() throws {
        let layout = StoreLayout(root: FilePath("/store"))
        var bytes: [UInt8] = []
        for number in 0..<256 {
            let leaf = Self.entry(number == 200 ? 7 : number).leaf
            bytes += [UInt8(leaf.count >> 8), UInt8(leaf.count & 255)] + leaf
        }
        let disk = try SimulatedDisk.holding(bytes, at: layout.tile("entries", 0))
        let log = OperationLog(layout: layout, files: disk, origin: String(repeating: "0f", count: 16))
        #expect(throws: StoreError.self) { try log.entries(endingWith: 255) { _ in true } }
    }

    @Test func `a remembered state has a number`() throws {
        let none = RememberedState(
            number: -1, log: MerkleFrontier(), leaf: Trees.id(1), added: [:], collected: nil)
        #expect(RememberedState(bytes: none.bytes) == nil)
        let some = RememberedState(
            number: 0, log: MerkleFrontier(size: 1, subtrees: [Trees.id(1)]) ?? MerkleFrontier(),
            leaf: Trees.id(1),
            added: [Self.name: 0], collected: nil)
        #expect(RememberedState(bytes: some.bytes) == some)
        let later = RememberedState(
            number: 0, log: some.log, leaf: Trees.id(1), added: [Self.name: 1], collected: nil)
        #expect(RememberedState(bytes: later.bytes) == nil)
    }
}
