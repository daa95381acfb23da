import Coding
import FileIO
import ObjectModel
import Storage
import Synchronization
import TestSupport

/// Random bytes for a store, the same for the same seed.
final class Randomness: Sendable {
    private let state: Mutex<SplitMix64>

    init(seed: UInt64) { state = Mutex(SplitMix64(seed: seed)) }

    func bytes(_ count: Int) -> [UInt8] { state.withLock { $0.bytes(count) } }
    var nonce: String { Hex.text(bytes(8)) }
}

/// A small store to try things on.
enum Fixture {
    static let home: FilePath = "/home"
    static let root: FilePath = "/home/.mlrepo"
    static let format = StoreFormat(origin: "000102030405060708090a0b0c0d0e0f", cutRule: 1, sharedBits: nil)

    /// A disk with nothing but a home.
    static func disk() throws -> SimulatedDisk {
        let disk = SimulatedDisk()
        try disk.makeDirectory(home, permissions: 0o755)
        disk.synchronizeAll()
        return disk
    }

    static func event(_ number: Int) throws -> Event {
        Event(
            verb: "commit", actor: try required(Person(name: "Ada", email: "ada@example.com")),
            workingCopy: nil,
            time: 1_763_888_400 + number,
            nonce: Hex.text([UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 16)),
            reason: nil, refs: [])
    }

    static func create(on files: any FileSystem, random: Randomness) throws -> ObjectStore {
        try ObjectStore.create(root, format: format, event: try event(0), files: files) { random.bytes($0) }
    }

    /// Writes an event and some blobs into packs that are durable, and says which operation would add them.
    static func prepare(
        _ number: Int, blobs: [[UInt8]], in store: ObjectStore, random: Randomness
    ) throws -> (operation: StoreOperation, writer: ObjectWriter) {
        let writer = ObjectWriter(store) { random.bytes($0) }
        var builder = FrameBuilder(.data)
        for blob in blobs {
            let reference = ObjectReference(.blob, ObjectID(of: .blob, payload: blob))
            guard writer.claim(reference) else { continue }
            if !builder.hasRoom(for: blob.count) { try writer.append(&builder) }
            builder.add(reference, blob)
        }
        try writer.append(&builder)
        let event = try event(number)
        let id = try writer.add(.event, event.payload)
        let packs = try writer.finish().packs.map(\.name)
        let operation = StoreOperation(
            event: id, refs: store.current.refs, packs: PackChanges(added: packs), time: event.time)
        return (operation, writer)
    }

    struct Absent: Error {}

    static func required<Value>(_ value: Value?) throws -> Value {
        guard let value else { throw Absent() }
        return value
    }
}

extension ObjectStore {
    func blob(_ bytes: [UInt8]) throws -> [UInt8]? {
        try payload(of: ObjectReference(.blob, ObjectID(of: .blob, payload: bytes)))
    }
}

extension FilePath: ExpressibleByStringLiteral {
    package init(stringLiteral text: String) { self.init(text) }
}

/// `Tests/Vectors/worked-examples.json`: the examples of `Documentation/Formats`.
enum Vectors {
    static func text(_ member: String) throws -> String {
        let path = FilePath(#filePath).parent.parent / "Vectors/worked-examples.json"
        let bytes = try POSIXFileSystem().contents(path, limit: 1 << 20)
        // The file is indented, which canonical JSON is not; each of its strings is canonical by itself.
        let text = String(decoding: bytes, as: UTF8.self)
        let start = try Fixture.required(text.range(of: "\"\(member)\": \""))
        var end = start
        var isEscaped = false
        while isEscaped || text.utf8[end] != UInt8(ascii: "\"") {
            isEscaped = !isEscaped && text.utf8[end] == UInt8(ascii: "\\")
            end = text.utf8.index(after: end)
        }
        let json = try JSONValue(canonical: Array("{\"text\":\"\(text[start..<end])\"}".utf8))
        return try json.string("text")
    }
}

extension String {
    /// Where a part ends that comes up somewhere.
    fileprivate func range(of part: String) -> String.Index? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(part) { return utf8.index(start, offsetBy: part.utf8.count) }
            start = index(after: start)
        }
        return nil
    }
}
