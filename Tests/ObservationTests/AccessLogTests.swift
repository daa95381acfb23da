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

    @Test func whatWasLookedForInVainIsKnownUnlessTheCommandTookItAway() {
        var log = AccessLog()
        log.note(.open(FilePath("/a"), .reading, was: nil))
        log.note(.open(FilePath("/made"), [.writing, .creating, .truncating], was: nil))
        log.note(.open(FilePath("/new"), [.writing, .creating, .exclusive], was: nil))
        // What had been there would have been kept.
        log.note(.open(FilePath("/appended"), [.writing, .creating], was: nil))
        log.note(.execute(FilePath("/program"), was: nil))
        log.note(.remove(FilePath("/r"), was: status(1)))
        log.note(.open(FilePath("/r"), .reading, was: nil))
        #expect(log.absent == [FilePath("/a"), FilePath("/appended"), FilePath("/program")])
    }

    @Test func theFirstThatALinkLedToCounts() {
        var log = AccessLog()
        log.note(link: FilePath("/l"), to: FilePath("/a"))
        log.note(link: FilePath("/l"), to: FilePath("/b"))
        #expect(log.links == [FilePath("/l"): FilePath("/a")])
    }

    @Test func namesBeyondTheLimitAreCountedOut() {
        var log = AccessLog()
        for number in 0...AccessLog.mostLookups { log.note(absent: FilePath("/\(number)")) }
        #expect(log.absent.count == AccessLog.mostLookups && log.hasMoreLookups)
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

    private func log(_ accesses: FileAccess...) -> AccessLog {
        var log = AccessLog()
        for access in accesses { log.note(access) }
        return log
    }

    private func status(_ inode: UInt64, changedAt time: Int64) -> FileStatus {
        var status = status(inode)
        status.changed = time
        return status
    }

    @Test func whatOneRankMadeIsNoInputOfAnother() throws {
        let (old, made) = (FilePath("/old"), FilePath("/made"))
        let writer = log(
            .open(old, .reading, was: status(1, changedAt: 5)), .open(made, [.writing, .creating], was: nil))
        let reader = log(
            .open(made, .reading, was: status(2, changedAt: 105)),
            .open(old, .reading, was: status(1, changedAt: 5)))
        for logs in [[writer, reader], [reader, writer]] {
            let joined = AccessLog.joined(logs, since: 100)
            let (first, second) = (try #require(joined.files[old]), try #require(joined.files[made]))
            #expect(first.isRead && !first.isWritten && !first.isUnsteady)
            #expect(!second.isRead && second.isWritten && second.before == nil)
        }
    }

    @Test func whatOneRankChangedWasAsTheOtherReadItBefore() throws {
        let path = FilePath("/a")
        let reader = log(.open(path, .reading, was: status(1, changedAt: 5)))
        let late = log(.open(path, .reading, was: status(1, changedAt: 120)))
        let writer = log(.open(path, .writing, was: status(1, changedAt: 5)))
        for logs in [[reader, writer, late], [late, writer, reader], [writer, late, reader]] {
            let file = try #require(AccessLog.joined(logs, since: 100).files[path])
            #expect(file.isRead && file.isWritten && !file.isUnsteady)
            #expect(file.before?.changed == 5)
        }
        // Somebody else changed it in between.
        let unsteady = try #require(AccessLog.joined([reader, late], since: 100).files[path])
        #expect(unsteady.isRead && unsteady.isUnsteady)
    }
}
