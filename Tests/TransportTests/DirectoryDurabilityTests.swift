import FileIO
import Remotes
import TestSupport
import Testing

/// What is there after a power cut, and what is not made anew.
@Suite struct DirectoryDurabilityTests {
    private static func transport(on files: any FileSystem) -> DirectoryTransport {
        DirectoryTransport(name: "there", root: "/shared/store", files: files) { count in
            var random = SystemRandomNumberGenerator()
            return (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
        }
    }

    private static func disk() throws -> SimulatedDisk {
        let disk = SimulatedDisk()
        try disk.makeDirectories("/shared/store", permissions: 0o755)
        disk.synchronizeAll()
        return disk
    }

    @Test func `what was made survives a power cut, with the names that were there before`() throws {
        let disk = try Self.disk()
        try disk.makeDirectories("/shared/store/log/new", permissions: 0o755)
        disk.synchronizeAll()
        disk.addNeighbour()
        #expect(try Self.transport(on: disk).create("log/new/1", [1]))
        #expect(try Self.transport(on: disk).create("a/b/c/d", [2]))
        #expect(try Self.transport(on: disk).upload(Source([3]).upload(to: "packs/0a/p").upload) { _ in })
        let later = Self.transport(on: disk.crash(keeping: .nothing))
        #expect(try later.texts(in: "log/new") == ["0", "1"])
        #expect(try later.bytes("a/b/c/d") == [2])
        #expect(try later.bytes("packs/0a/p") == [3])
    }

    @Test func `whenever the power goes, a name is there only with those that were there before`() throws {
        let disk = try Self.disk()
        try disk.makeDirectories("/shared/store/log/new", permissions: 0o755)
        try disk.makeDirectory("/shared/store/tmp", permissions: 0o755)
        disk.synchronizeAll()
        disk.addNeighbour()
        let files = RecordingFileSystem(
            disk,
            afterwards: { call, _ in
                for index in 0..<disk.changesAtRisk {
                    let later = Self.transport(on: disk.crash(keeping: .only(index)))
                    let names = try? later.texts(in: "log/new")
                    #expect([[], ["0"], ["0", "1"]].contains(names), "\(call), change \(index)")
                }
            })
        #expect(try Self.transport(on: files).create("log/new/1", [1]))
    }

    @Test func `a directory that somebody else has just made is durable, too`() throws {
        let disk = try Self.disk()
        // Who made it was killed before it could make that durable.
        try disk.makeDirectories("/shared/store/packs/0a", permissions: 0o755)
        #expect(try Self.transport(on: disk).create("packs/0a/small", [1]))
        #expect(try Self.transport(on: disk).upload(Source([2]).upload(to: "packs/0a/large").upload) { _ in })
        let later = Self.transport(on: disk.crash(keeping: .nothing))
        let found = [try later.bytes("packs/0a/small"), try later.bytes("packs/0a/large")]
        #expect(found == [[1], [2]])
    }

    @Test(arguments: ["format", "log/new/0"] as [FilePath])
    func `a store that is gone is not made anew`(path: FilePath) throws {
        let disk = SimulatedDisk()
        try disk.makeDirectory("/shared", permissions: 0o755)
        var kind: TransportError.Kind?
        do throws(TransportError) { _ = try Self.transport(on: disk).create(path, [1]) } catch {
            kind = error.kind
        }
        let names = try disk.names(in: "/shared")
        #expect(kind == .absent)
        #expect(names == [])
        #expect(throws: TransportError.self) {
            try Self.transport(on: SimulatedDisk()).upload(Source([2]).upload(to: path).upload) { _ in }
        }
    }
}

extension SimulatedDisk {
    /// Somebody else's entry of a log, whose name is not durable yet.
    fileprivate func addNeighbour() {
        do {
            let file = try create("/shared/store/log/new/0", permissions: 0o444)
            try write(file, [9])
            try synchronize(file)
            close(file)
        } catch { Issue.record(error) }
    }
}
