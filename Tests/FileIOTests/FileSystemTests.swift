import FileIO
import TestSupport
import Testing

/// What the simulated disk and the machine's own file system have to agree on.
@Suite struct FileSystemTests {
    enum Place: CaseIterable { case machine, memory }

    /// Lends an empty directory.
    static func withDirectory(_ place: Place, _ body: (any FileSystem, FilePath) throws -> Void) throws {
        switch place {
        case .memory:
            let disk = SimulatedDisk()
            try disk.makeDirectory("/test", permissions: 0o755)
            try body(disk, "/test")
        case .machine:
            let files = POSIXFileSystem()
            var random = SystemRandomNumberGenerator()
            let directory = FilePath("/tmp") / "mlrepo-test-\(random.next() as UInt64)"
            try files.makeDirectory(directory, permissions: 0o755)
            defer { remove(directory, files) }
            try body(files, directory)
        }
    }

    private static func remove(_ directory: FilePath, _ files: POSIXFileSystem) {
        for name in (try? files.names(in: directory)) ?? [] {
            let path = directory.appending(name)
            if (try? files.status(path))??.kind == .directory {
                remove(path, files)
            } else {
                try? files.remove(path)
            }
        }
        try? files.removeDirectory(directory)
    }

    static func outcome(_ body: () throws -> Void) -> String {
        do {
            try body()
            return "done"
        } catch {
            guard let error = error as? FileError else { return "\(error)" }
            if error.isNotFound { return "not found" }
            if error.isExists { return "exists" }
            if error.isNotEmpty { return "not empty" }
            return "code \(error.code)"
        }
    }

    @Test(arguments: Place.allCases) func `files are made once, read anywhere, and found by all their names`(
        place: Place
    ) throws {
        try Self.withDirectory(place) { files, root in
            let file = try files.create(root / "a", permissions: 0o644)
            try files.write(file, Array("abc".utf8))
            try files.write(file, Array("def".utf8))
            try files.synchronize(file)
            files.close(file)
            #expect(try files.contents(root / "a", limit: 6) == Array("abcdef".utf8))
            #expect(throws: FileError.self) { try files.contents(root / "a", limit: 5) }
            #expect(try files.contentsIfPresent(root / "b", limit: 5) == nil)
            #expect(try files.contentsIfPresent(root / "a/b", limit: 5) == nil)
            #expect(Self.outcome { _ = try files.create(root / "a", permissions: 0o644) } == "exists")
            try files.link(root / "a", to: root / "b")
            #expect(Self.outcome { try files.link(root / "a", to: root / "b") } == "exists")
            #expect(Self.outcome { try files.link(root / "c", to: root / "d") } == "not found")
            #expect(try files.status(root / "a")?.inode == files.status(root / "b")?.inode)
            try files.remove(root / "a")
            #expect(try files.map(root / "b").withBytes { Array($0) } == Array("abcdef".utf8))
            #expect(try files.names(in: root) == [Array("b".utf8)])
        }
    }

    @Test(arguments: Place.allCases) func `directories are made in a row, and go only when empty`(
        place: Place
    ) throws {
        try Self.withDirectory(place) { files, root in
            #expect(
                try files.makeDirectories(root / "a/b/c", permissions: 0o755) == [
                    root / "a", root / "a/b", root / "a/b/c",
                ])
            #expect(try files.makeDirectories(root / "a/b", permissions: 0o755) == [])
            #expect(Self.outcome { try files.removeDirectory(root / "a/b") } == "not empty")
            try files.removeDirectory(root / "a/b/c")
            try files.synchronizeDirectory(root / "a/b")
            #expect(try files.status(root / "a/b/c") == nil)
            #expect(try files.status(root / "a/b")?.kind == .directory)
        }
    }

    @Test(arguments: Place.allCases)
    func `a renaming replaces, and links are not followed at the end of a path`(place: Place) throws {
        try Self.withDirectory(place) { files, root in
            try files.makeDirectory(root / "d", permissions: 0o755)
            try SimulatedDiskTests.write("one", to: "\(root)/d/1", on: files, synchronizing: false)
            try SimulatedDiskTests.write("two", to: "\(root)/2", on: files, synchronizing: false)
            try files.makeLink(root / "link", target: Array("d".utf8))
            #expect(try files.readLink(root / "link") == Array("d".utf8))
            #expect(try SimulatedDiskTests.text("\(root)/link/1", on: files) == "one")
            #expect(throws: FileError.self) { try files.open(root / "link") }
            #expect(throws: FileError.self) { try files.open(root / "d") }
            try files.rename(root / "2", to: root / "link/1")
            #expect(try SimulatedDiskTests.text("\(root)/d/1", on: files) == "two")
            #expect(try files.status(root / "2") == nil)
            #expect(Self.outcome { try files.rename(root / "d", to: root / "d/e") } == "code 22")
            #expect(Self.outcome { try files.remove(root / "d") } == "code 21")
            #expect(try files.status(root / "link")?.kind == .link)
        }
    }

    @Test(arguments: Place.allCases) func `a move takes no name that is taken`(place: Place) throws {
        try Self.withDirectory(place) { files, root in
            try SimulatedDiskTests.write("one", to: "\(root)/1", on: files, synchronizing: false)
            try SimulatedDiskTests.write("two", to: "\(root)/2", on: files, synchronizing: false)
            #expect(Self.outcome { try files.move(root / "1", to: root / "2") } == "exists")
            #expect(try SimulatedDiskTests.text("\(root)/2", on: files) == "two")
            try files.move(root / "1", to: root / "3")
            #expect(try SimulatedDiskTests.text("\(root)/3", on: files) == "one")
            #expect(try files.status(root / "1") == nil)
        }
    }

    @Test func `what is confined goes through no link`() throws {
        try Self.withDirectory(.machine) { files, root in
            try files.makeDirectory(root / "tree", permissions: 0o755)
            try files.makeDirectory(root / "tree/d", permissions: 0o755)
            try files.makeDirectory(root / "outside", permissions: 0o755)
            try SimulatedDiskTests.write("mine", to: "\(root)/outside/1", on: files, synchronizing: false)
            try files.makeLink(root / "tree/link", target: Array("../outside".utf8))
            // Systems that cannot do it have nothing to be held to.
            guard let confined = files.confined(to: root / "tree") else { return }
            try SimulatedDiskTests.write("in", to: "\(root)/tree/d/1", on: confined, synchronizing: false)
            #expect(try SimulatedDiskTests.text("\(root)/tree/d/1", on: files) == "in")
            #expect(confined.confined(to: root / "tree/link") == nil)
            let inner = try #require(confined.confined(to: root / "tree/d"))
            try SimulatedDiskTests.write("new", to: "\(root)/tree/d/2", on: inner, synchronizing: false)
            try inner.rename(root / "tree/d/2", to: root / "tree/d/1")
            #expect(try inner.status(root / "tree/d/1")?.size == 3)
            #expect(try inner.names(in: root / "tree/d") == [Array("1".utf8)])
            let loop = "code 40"
            #expect(
                Self.outcome { _ = try confined.create(root / "tree/link/2", permissions: 0o644) } == loop)
            #expect(Self.outcome { try confined.remove(root / "tree/link/1") } == loop)
            #expect(Self.outcome { try confined.rename(root / "tree/d/1", to: root / "tree/link/1") } == loop)
            #expect(
                Self.outcome { try confined.makeDirectory(root / "tree/link/d", permissions: 0o755) } == loop)
            #expect(try SimulatedDiskTests.text("\(root)/outside/1", on: files) == "mine")
            #expect(try files.names(in: root / "outside").count == 1)
        }
    }

    @Test func `a file is occupied once, and free when it is closed`() throws {
        try Self.withDirectory(.machine) { files, root in
            let first = try #require(try files.occupy(root / "lease"))
            #expect(try files.occupy(root / "lease") == nil)
            files.close(first)
            let second = try #require(try files.occupy(root / "lease"))
            files.close(second)
        }
    }

    @Test func `who has a file open for writing is told of`() throws {
        try Self.withDirectory(.machine) { files, root in
            let writing = try files.create(root / "1", permissions: 0o644)
            let reading = try files.open(root / "1")
            defer { files.close(reading) }
            #if os(Linux)
                #expect(files.hasWriter(reading))
            #endif
            files.close(writing)
            #expect(!files.hasWriter(reading))
        }
    }
}
