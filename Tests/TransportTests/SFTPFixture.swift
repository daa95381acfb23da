import FileIO
import ObjectModel
import TestSupport

@testable import Remotes

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The server of OpenSSH, as a program that talks over its standard input and output.
enum SFTPProgram {
    /// Where systems have it; nothing if this one has none.
    static let path: String? = [
        "/usr/lib/openssh/sftp-server", "/usr/libexec/sftp-server", "/usr/lib/ssh/sftp-server",
        "/usr/libexec/openssh/sftp-server",
    ].first { access($0, X_OK) == 0 }

    static let isMissing = path == nil

    /// Connects to a server that has this directory for the one where people log in.
    static func connect(_ directory: FilePath, root: FilePath = ".") throws -> SFTPTransport {
        FramedTransport.ignoreBrokenPipes()
        let words = [path ?? "sftp-server", "-e", "-d"].map { Array($0.utf8) } + [directory.bytes]
        return try SFTPTransport(
            name: "sftp", root: root, starting: words, timeLimit: 20, openingLimit: 20, random: randomBytes)
    }

    @Sendable static func randomBytes(_ count: Int) -> [UInt8] {
        var random = SystemRandomNumberGenerator()
        return (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
    }
}

/// A server of SFTP in this process, with files in memory, that can be without what OpenSSH has beyond the draft.
final class SFTPFake: Sendable {
    /// What a renaming onto a file does.
    enum Renaming { case refuses, overwrites, isUnknown }

    struct Traits: Sendable {
        var extensions: [String] = []
        var renaming = Renaming.refuses
        /// Bytes that one reply to a reading has at most.
        var reading = Int.max
        /// Bytes of all files together.
        var room = Int.max
        /// What an open file is said to have, if not its length.
        var length: Int?
        /// Requests after which it is gone.
        var requests = Int.max
        /// Whether replies to several requests that have come are turned around.
        var turnsAround = false
        var version: UInt32 = 3
    }

    struct State {
        var files: [String: [UInt8]] = [:]
        var directories: Set<String> = ["."]
        var handles: [[UInt8]: (path: String, isListed: Bool)] = [:]
        var opened = 0
        /// The kinds of requests that came, in order.
        var kinds: [UInt8] = []
    }

    let state = Monitor(State())
    private let traits: Traits

    init(_ traits: Traits = Traits()) { self.traits = traits }

    /// A transport whose other side this is, on a thread of its own.
    func connect(timeLimit: Int = 10) throws -> SFTPTransport {
        let (here, there) = try ServedStore.socketPair()
        let thread = Thread { self.serve(there) }
        guard let thread else { throw ServedStore.Missing() }
        thread.detach()
        let end = FileDescriptor(raw: here)
        return try SFTPTransport(
            name: "fake", root: ".", input: end, output: end, timeLimit: timeLimit,
            random: SFTPProgram.randomBytes)
    }

    private func serve(_ descriptor: Int32) {
        let stream = DuplexStream(packetsFrom: descriptor, to: descriptor)
        var left = traits.requests
        while true {
            var replies: [SFTPPacket] = []
            while let packet = try? stream.nextPacket() {
                left -= 1
                guard left >= 0 else { return stream.close() }
                replies.append(reply(packet))
            }
            if traits.turnsAround { replies.reverse() }
            for reply in replies { stream.enqueue(reply.bytes) }
            guard !stream.isAtEnd, (try? stream.advance(within: 20)) != nil else { return stream.close() }
        }
    }

    private func reply(_ packet: SFTPPacket) -> SFTPPacket {
        if packet.kind == .hello {
            var writer = ByteWriter()
            writer.number32(traits.version)
            for name in traits.extensions {
                writer.string(name.utf8)
                writer.string("1".utf8)
            }
            return SFTPPacket(kind: .version, payload: writer.bytes)
        }
        return state.withLock { state in
            state.kinds.append(packet.kind.rawValue)
            var reader = ByteReader(packet.payload)
            let number = (try? reader.number32()) ?? 0
            var writer = ByteWriter()
            writer.number32(number)
            let kind: UInt8
            do { kind = try answer(packet.kind.rawValue, &reader, &state, &writer) } catch {
                kind = Self.status(5, &writer)
            }
            return SFTPPacket(kind: SFTPPacket.Kind(rawValue: kind), payload: writer.bytes)
        }
    }

    private static func status(_ code: UInt32, _ writer: inout ByteWriter, _ text: String = "so it is")
        -> UInt8
    {
        writer.number32(code)
        writer.string(text.utf8)
        writer.string([])
        return 101
    }

    private func answer(
        _ kind: UInt8, _ reader: inout ByteReader, _ state: inout State, _ writer: inout ByteWriter
    ) throws(TransportError) -> UInt8 {
        let first = Array(try reader.string())
        let path = FilePath(first.filter { $0 != 0 })
        let text = String(decoding: path.normalized.bytes, as: UTF8.self)
        switch kind {
        case 3:
            let flags = try reader.number32()
            guard state.directories.contains(Self.parent(text)) else { return Self.status(2, &writer) }
            if state.files[text] == nil {
                guard flags & 8 != 0 else { return Self.status(2, &writer) }
                state.files[text] = []
            } else if flags & 0x20 != 0 {
                return Self.status(4, &writer)
            }
            return Self.handle(text, &state, &writer)
        case 4:
            state.handles[first] = nil
            return Self.status(0, &writer)
        case 5:
            guard let bytes = state.handles[first].flatMap({ state.files[$0.path] }) else {
                return Self.status(4, &writer)
            }
            let offset = Int(clamping: try reader.number64())
            let length = min(Int(try reader.number32()), traits.reading)
            guard offset < bytes.count else { return Self.status(1, &writer) }
            writer.string(bytes[offset...].prefix(length))
            return 103
        case 6:
            let offset = Int(clamping: try reader.number64())
            let bytes = try reader.string()
            guard let path = state.handles[first]?.path, let length = state.files[path]?.count else {
                return Self.status(4, &writer)
            }
            guard state.files.values.reduce(bytes.count, { $0 + $1.count }) <= traits.room else {
                return Self.status(4, &writer, "No space left on device")
            }
            if offset == length {
                state.files[path]?.append(contentsOf: bytes)
            } else {
                let old = state.files[path] ?? []
                let gap = [UInt8](repeating: 0, count: max(0, offset - length))
                state.files[path] = old.prefix(offset) + gap + bytes + old.dropFirst(offset + bytes.count)
            }
            return Self.status(0, &writer)
        case 7:
            if state.directories.contains(text) { return Self.attributes(0, 0o040_755, &writer) }
            guard let bytes = state.files[text] else { return Self.status(2, &writer) }
            return Self.attributes(bytes.count, 0o100_644, &writer)
        case 8:
            guard let bytes = state.handles[first].flatMap({ state.files[$0.path] }) else {
                return Self.status(4, &writer)
            }
            return Self.attributes(traits.length ?? bytes.count, 0o100_644, &writer)
        case 11:
            guard state.directories.contains(text) else { return Self.status(2, &writer) }
            return Self.handle(text, &state, &writer)
        case 12:
            guard let handle = state.handles[first], !handle.isListed else { return Self.status(1, &writer) }
            state.handles[first]?.isListed = true
            let names = (Array(state.files.keys) + Array(state.directories)).filter {
                Self.parent($0) == handle.path
            }
            writer.number32(UInt32(names.count + 1))
            for name in [".."] + names {
                writer.string(FilePath(name).name)
                writer.string("a line for people".utf8)
                writer.number32(0)
            }
            return 104
        case 13: return Self.status(state.files.removeValue(forKey: text) == nil ? 2 : 0, &writer)
        case 14:
            guard state.directories.contains(Self.parent(text)) else { return Self.status(2, &writer) }
            return Self.status(state.directories.insert(text).inserted ? 0 : 4, &writer)
        case 18:
            let other = FilePath(Array(try reader.string())).normalized
            let target = String(decoding: other.bytes, as: UTF8.self)
            guard traits.renaming != .isUnknown else { return Self.status(8, &writer) }
            guard let bytes = state.files[text], state.directories.contains(Self.parent(target)) else {
                return Self.status(2, &writer)
            }
            guard state.files[target] == nil || traits.renaming == .overwrites else {
                return Self.status(4, &writer)
            }
            state.files[text] = nil
            state.files[target] = bytes
            return Self.status(0, &writer)
        case 10: return Self.status(0, &writer)
        default: return Self.status(8, &writer)
        }
    }

    private static func parent(_ path: String) -> String {
        String(decoding: FilePath(path).parent.bytes, as: UTF8.self)
    }

    private static func handle(_ path: String, _ state: inout State, _ writer: inout ByteWriter) -> UInt8 {
        state.opened += 1
        let handle = Array("handle \(state.opened)".utf8)
        state.handles[handle] = (path, false)
        writer.string(handle)
        return 102
    }

    private static func attributes(_ size: Int, _ mode: UInt32, _ writer: inout ByteWriter) -> UInt8 {
        writer.number32(1 | 4)
        writer.number64(UInt64(size))
        writer.number32(mode)
        return 105
    }
}
