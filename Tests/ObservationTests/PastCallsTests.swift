import FileIO
import Testing

@testable import Observation

/// What is noted of calls that have returned already.
struct PastCallsTests {
    private let old = FilePath("/etc/passwd")
    private let gone = FilePath("/nowhere-at-all")

    private func log(_ requests: FileRequest...) -> AccessLog {
        var watch = FileWatch(POSIXFileSystem(), log: AccessLog(), keeper: nil)
        for request in requests { watch.note(request) }
        return watch.log
    }

    @Test func whatWasReadAndIsAsItWasIsKnown() throws {
        let file = try #require(log(.opened(old, .reading, by: nil)).files[old])
        #expect(file.isRead && !file.isWritten && !file.isUnsteady && file.before != nil)
    }

    @Test func whatWasEmptiedOrMadeIsNoInput() throws {
        for opening: FileAccess.Opening in [[.writing, .truncating], [.writing, .creating, .exclusive]] {
            let log = log(.opened(old, opening, by: nil), .opened(old, .reading, by: nil))
            let file = try #require(log.files[old])
            #expect(!file.isRead && file.isWritten)
        }
    }

    @Test func whatWasWrittenIntoIsReadAndNotKnown() throws {
        let file = try #require(log(.opened(old, [.writing, .creating], by: nil)).files[old])
        #expect(file.isRead && file.isWritten && file.isUnsteady)
    }

    @Test func whatIsGoneWasAFileOnlyIfItWasRemovedAsOne() throws {
        #expect(log(.opened(gone, .reading, by: nil)).files.isEmpty)
        let file = try #require(log(.opened(gone, .reading, by: nil), .removed(gone)).files[gone])
        #expect(file.isRead && file.isUnsteady && file.isRemoved)
        let unread = try #require(log(.removed(gone)).files[gone])
        #expect(!unread.isRead && unread.isRemoved)
    }

    @Test func aNewNameBringsWhatWasWritten() throws {
        let part = FilePath("/part-of-it")
        let log = log(
            .opened(part, [.writing, .creating, .exclusive], by: nil), .renamed(part, to: gone),
            .opened(gone, .reading, by: nil))
        let file = try #require(log.files[gone])
        #expect(file.isWritten && !file.isRead)
        #expect(log.files[part]?.isRemoved == true)
    }
}
