import ObjectModel
import Testing

@Suite struct NameTests {
    @Test(arguments: [
        ".git", ".GIT", ".Git", ".git.", ".git ", ".git. .", "git~1", "GIT~12", ".mlrepo", ".MLREPO",
        "mlrepo~1", "MLREP~3",
        ".g\u{200c}it", ".gi\u{feff}t", ".\u{202e}git", ".g\u{131}t", ".git::$INDEX_ALLOCATION", ".git:x",
        ".mlrepo .:", "..", ".", "", "a/b",
        "a\0b", "\u{200d}.git",
    ])
    func `what could lead out of a directory or into a store is refused`(name: String) {
        #expect(throws: InvalidName.self) { try EntryName(name) }
    }

    @Test(arguments: [
        ".gitignore", ".gitmodules", "git", "git~", "git~x", "mlrepo", "...", ".mlrepoignore", "a:b",
        "name\nwith\tcontrols\u{1b}[31m", " ",
        "-rf", "CON", "é", "日本", ".g", "mlrepo~", "gita~1",
    ])
    func `other names are taken as they are`(name: String) throws {
        #expect(try EntryName(name).bytes == Array(name.utf8))
    }

    @Test func `names have 1 to 255 bytes and need not be UTF-8`() throws {
        #expect(throws: Never.self) { try EntryName([UInt8](repeating: 0xff, count: 255)) }
        #expect(throws: InvalidName.self) { try EntryName([UInt8](repeating: 0x61, count: 256)) }
        let path = try RepositoryPath([0x61, 0x2f, 0xff])
        #expect(path.json == .object(["bytes": .string("YS//")]))
        #expect(try RepositoryPath(json: path.json, member: "p") == path)
        #expect(throws: MalformedObject.self) {
            try RepositoryPath(json: .object(["bytes": .string("YWI=")]), member: "p")
        }
    }

    @Test(arguments: ["/a", "a/", "a//b", "a/../b", "a/.git/config", "./a"])
    func `a path is made of valid names`(path: String) {
        #expect(throws: InvalidName.self) { try RepositoryPath(path) }
    }

    @Test(arguments: [
        ("branches/main", true), ("tags/v1.2", true), ("a@b", true), ("", false), ("-x", false),
        ("a/-x", false), (".a", false),
        ("a..lock", false), ("x.lock", false), ("a/", false), ("a b", false), ("@", false), ("a.", false),
        ("é", false),
    ])
    func `ref names are plain`(name: String, valid: Bool) {
        #expect(((try? RefName(name)) != nil) == valid)
    }

    @Test func `control characters and odd bytes are printed escaped`() {
        #expect(escapedText(Array("a\nb\t\u{1b}[31m\\é\u{202e}".utf8)) == #"a\nb\t\x1b[31m\\é\xe2\x80\xae"#)
        #expect(escapedText([0x61, 0xff]) == #"a\xff"#)
    }

    @Test func `a path knows what it lies in`() throws {
        let path = try RepositoryPath("a/b/c")
        let (above, sibling) = (try RepositoryPath("a/b"), try RepositoryPath("a/bb"))
        #expect(path.isInside(above) && path.isInside(.root) && path.isInside(path))
        #expect(!path.isInside(sibling) && !above.isInside(path))
        #expect(path.split?.name.bytes == Array("c".utf8) && path.split?.directory == above)
        #expect(RepositoryPath.root.split == nil)
    }
}
