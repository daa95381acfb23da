import FileIO
import TestSupport
import Testing

@Suite struct SimulatedDiskTests {
    static let survivors: [SimulatedDisk.Survivors] = [.nothing, .everything] + (0..<40).map { .seed($0) }

    static func write(_ text: String, to path: String, on disk: some FileSystem, synchronizing: Bool) throws {
        let file = try disk.create(FilePath(path), permissions: 0o644)
        defer { disk.close(file) }
        try disk.write(file, Array(text.utf8))
        if synchronizing { try disk.synchronize(file) }
    }

    static func text(_ path: String, on disk: some FileSystem) throws -> String? {
        try disk.contentsIfPresent(FilePath(path), limit: 1000).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test(arguments: survivors) func `what was synchronized, content and name, survives every power cut`(
        survivors: SimulatedDisk.Survivors
    ) throws {
        let disk = SimulatedDisk()
        try disk.makeDirectory("/a", permissions: 0o755)
        try disk.synchronizeDirectory("/")
        try Self.write("content", to: "/a/file", on: disk, synchronizing: true)
        try disk.synchronizeDirectory("/a")
        #expect(disk.changesAtRisk == 0)
        #expect(try Self.text("/a/file", on: disk.crash(keeping: survivors)) == "content")
    }

    @Test func `what was not synchronized may be lost, cut, or kept`() throws {
        let disk = SimulatedDisk()
        try Self.write("content", to: "/file", on: disk, synchronizing: false)
        #expect(disk.changesAtRisk == 2)
        #expect(try Self.text("/file", on: disk.crash(keeping: .nothing)) == nil)
        #expect(try Self.text("/file", on: disk.crash(keeping: .everything)) == "content")
        #expect(try Self.text("/file", on: disk.crash(keeping: .only(0))) == "")
        #expect(try Self.text("/file", on: disk.crash(keeping: .only(1))) == nil)
        let seen = Set(try (0..<200).map { try Self.text("/file", on: disk.crash(keeping: .seed($0))) })
        #expect(seen.isSuperset(of: [nil, "", "con", "content", "con\0\0\0\0"]))
    }

    @Test func `a name is durable by its own directory, not by its file`() throws {
        let disk = SimulatedDisk()
        try disk.makeDirectory("/a", permissions: 0o755)
        try Self.write("content", to: "/file", on: disk, synchronizing: true)
        try disk.link("/file", to: "/a/other")
        try disk.synchronizeDirectory("/a")
        #expect(
            try Self.text("/a/other", on: disk.crash(keeping: .nothing)) == nil,
            "the directory's own name is lost")
        try disk.synchronizeDirectory("/")
        try disk.remove("/file")
        let after = disk.crash(keeping: .nothing)
        #expect(try Self.text("/a/other", on: after) == "content")
        #expect(try Self.text("/file", on: after) == "content", "the removal is lost")
        #expect(try after.status("/file")?.inode == after.status("/a/other")?.inode)
    }

    @Test(arguments: survivors) func `a renamed file is never lost, wherever it was`(
        survivors: SimulatedDisk.Survivors
    ) throws {
        let disk = SimulatedDisk()
        try disk.makeDirectory("/a", permissions: 0o755)
        try Self.write("old", to: "/a/file", on: disk, synchronizing: true)
        try Self.write("new", to: "/temporary", on: disk, synchronizing: true)
        disk.synchronizeAll()
        try disk.rename("/temporary", to: "/a/file")
        let after = disk.crash(keeping: survivors)
        let (file, temporary) = (try Self.text("/a/file", on: after), try Self.text("/temporary", on: after))
        #expect(file == "new" || (file == "old" && temporary == "new"))
        try disk.synchronizeDirectory("/")
        #expect(try Self.text("/a/file", on: disk.crash(keeping: survivors)) == "new")
    }

    @Test func `a full disk takes what fits, and a read-only one nothing`() throws {
        let disk = SimulatedDisk()
        disk.faults.bytesLeft = 3
        #expect { try Self.write("content", to: "/file", on: disk, synchronizing: false) } throws: {
            ($0 as? FileError)?.isFull == true
        }
        #expect(try Self.text("/file", on: disk) == "con")
        disk.faults.isReadOnly = true
        #expect { try disk.remove("/file") } throws: { ($0 as? FileError)?.isDenied == true }
        #expect(try Self.text("/file", on: disk) == "con")
    }

    @Test func `one call fails, and those after it work`() throws {
        let disk = SimulatedDisk()
        disk.faults.failingCall = (1, 5)
        try disk.makeDirectory("/a", permissions: 0o755)
        #expect(throws: FileError("make the directory", "/b", code: 5)) {
            try disk.makeDirectory("/b", permissions: 0o755)
        }
        try disk.makeDirectory("/b", permissions: 0o755)
    }

    @Test func `a stopped world has made the last call, or has not`() throws {
        for takesEffect in [false, true] {
            let disk = SimulatedDisk()
            let files = RecordingFileSystem(disk, stop: .init(at: 1, takesEffect: takesEffect))
            try files.makeDirectory("/a", permissions: 0o755)
            #expect(throws: FileError.self) { try files.makeDirectory("/b", permissions: 0o755) }
            #expect(throws: FileError.self) { try files.makeDirectory("/c", permissions: 0o755) }
            #expect(try (disk.status("/b") != nil) == takesEffect)
            #expect(try disk.status("/c") == nil)
            #expect(
                files.calls.map(\.description) == [
                    "#0 makeDirectory /a", "#1 makeDirectory /b", "#2 makeDirectory /c",
                ])
        }
    }
}

extension FilePath: ExpressibleByStringLiteral {
    package init(stringLiteral text: String) { self.init(text) }
}
