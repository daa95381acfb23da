import FileIO
import Testing

@testable import Observation

/// What is made of a command's requests, without a command.
struct AccessLogTests {
    private func status(_ inode: UInt64, kind: FileKind = .file) -> FileStatus {
        FileStatus(
            kind: kind, permissions: 0o644, size: 1, modified: 0, changed: 0, inode: inode, device: 1)
    }

    private func file(_ name: String, _ accesses: FileAccess...) throws -> AccessLog.File {
        var log = AccessLog()
        for access in accesses { log.note(access) }
        return try #require(log.files[FilePath(name)])
    }

    @Test func aFailedOpenIsNothing() {
        var log = AccessLog()
        log.note(.open(FilePath("/a"), .reading, was: nil))
        log.note(.open(FilePath("/d"), .reading, was: status(1, kind: .directory)))
        log.note(.execute(FilePath("/p"), was: nil))
        log.note(.remove(FilePath("/r"), was: nil))
        #expect(log.files.isEmpty)
    }

    @Test func whatIsReadBackIsNoInput() throws {
        let path = FilePath("/a")
        let made = try file(
            "/a", .open(path, [.writing, .creating], was: nil), .open(path, .reading, was: status(1)))
        #expect(!made.isRead && made.isWritten && made.before == nil)
        let emptied = try file(
            "/a", .open(path, [.reading, .writing, .truncating], was: status(1)),
            .open(path, .reading, was: status(1)))
        #expect(!emptied.isRead && emptied.isWritten)
    }

    @Test func whatIsReadAndThenWrittenIsBoth() throws {
        let path = FilePath("/a")
        let found = try file(
            "/a", .open(path, .reading, was: status(1)), .open(path, [.writing, .truncating], was: status(1)))
        #expect(found.isRead && found.isWritten)
        #expect(found.before == status(1))
        let changed = try file("/a", .open(path, [.reading, .writing], was: status(1)))
        #expect(changed.isRead && changed.isWritten)
    }

    @Test func aNewNameBringsWhatWasWritten() throws {
        var log = AccessLog()
        log.note(.open(FilePath("/a.tmp"), [.writing, .creating], was: nil))
        log.note(.rename(FilePath("/a.tmp"), to: FilePath("/a"), was: status(2), replaced: status(1)))
        let (new, old) = (
            try #require(log.files[FilePath("/a")]), try #require(log.files[FilePath("/a.tmp")])
        )
        #expect(new.isWritten && !new.isRead && new.before == status(1))
        #expect(old.isRemoved && !old.isRead)
    }

    @Test func whatIsRenamedAwayUnreadWentIntoTheOther() throws {
        let path = FilePath("/a")
        let old = try file("/a", .rename(path, to: FilePath("/b"), was: status(1), replaced: nil))
        #expect(old.isRead && old.isRemoved)
    }

    @Test func aDirectoryTakesItsFilesAlong() throws {
        var log = AccessLog()
        log.note(.open(FilePath("/t/x/w"), [.writing, .creating], was: nil))
        log.note(.open(FilePath("/tt/w"), [.writing, .creating], was: nil))
        log.note(.rename(FilePath("/t"), to: FilePath("/c"), was: status(3, kind: .directory), replaced: nil))
        #expect(log.files[FilePath("/c/x/w")]?.isWritten == true)
        #expect(log.files[FilePath("/t/x/w")]?.isRemoved == true)
        #expect(log.files[FilePath("/tt/w")]?.isRemoved == false)
        #expect(log.movedDirectories == [FilePath("/c")])
    }

    @Test func aLinkThatFailsWritesNothing() {
        var log = AccessLog()
        log.note(.link(FilePath("/a"), replaced: status(1)))
        #expect(log.files.isEmpty)
    }

    @Test func rightsOfOthersAreSeen() {
        var log = AccessLog()
        var program = status(1)
        log.note(.execute(FilePath("/p"), was: program))
        #expect(!log.hasPrivileged)
        program.permissions = 0o4755
        log.note(.execute(FilePath("/q"), was: program))
        #expect(log.hasPrivileged)
    }
}
