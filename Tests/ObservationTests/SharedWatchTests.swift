import FileIO
import Testing

@testable import Observation

/// What is noted of a process that is watched for a while, and then again.
struct SharedWatchTests {
    private let files = POSIXFileSystem()
    private let path = FilePath("/proc/version")

    private func fresh() -> FileWatch { FileWatch(files, log: AccessLog(), keeper: nil) }

    @Test func nothingIsNotedBeforeTheBeginningAndBehindTheEnd() {
        let watch = SharedWatch(fresh(), isNoting: false)
        #expect(!watch.isNoting)
        watch.begin(fresh())
        #expect(watch.isNoting)
        watch.note(.open(path, .reading))
        watch.end()
        #expect(!watch.isNoting)
        #expect(watch.findings.log.files.keys.contains(path))
        watch.begin(fresh())
        #expect(watch.findings.log.files.isEmpty)
    }

    @Test func whatWasKnownBeforeIsPartOfWhatIsFound() {
        var log = AccessLog()
        log.note(.open(FilePath("/etc/passwd"), .reading, was: try? files.status(FilePath("/etc/passwd"))))
        let watch = SharedWatch(fresh(), isNoting: false)
        watch.begin(FileWatch(files, log: log, keeper: nil))
        watch.note(.open(path, .reading))
        watch.end()
        #expect(Set(watch.findings.log.files.keys) == [FilePath("/etc/passwd"), path])
    }

    @Test func onlyWhatLastsIsAGapOfTheNextTimeToo() {
        let watch = SharedWatch(fresh())
        watch.note(.ring)
        watch.note(.unreadName)
        #expect(watch.findings.gaps == [.ring, .unreadName])
        watch.end()
        watch.begin(fresh())
        #expect(watch.findings.gaps == [.ring])
    }

    @Test func theFilterThatIsHandedOutIsMadeOfWholeInstructions() {
        #if os(Linux)
            #expect(!AttachedProcess.filter.isEmpty)
        #endif
        #expect(AttachedProcess.filter.count.isMultiple(of: 8))
    }
}
