import FileIO
import MLRepo
import ObjectModel
import Storage
import TestSupport
import Testing

/// What is tracked after a checkout between versions that track other directories was stopped at any call.
@Suite struct InterruptedTrackingTests {
    private static func write(_ path: FilePath, _ disk: SimulatedDisk) throws {
        let file = try disk.create(path, permissions: 0o644)
        try disk.write(file, [1])
        disk.close(file)
    }

    @Test func `what is tracked is that of the version that is stood on, whatever came between`() throws {
        let bench = try Workbench.fresh(seed: 3)
        try bench.write("a", [1])
        let first = try bench.commit("first")
        let models = Workbench.home / "models"
        try bench.disk.makeDirectory(models, permissions: 0o755)
        try Self.write(models / "m", bench.disk)
        _ = try bench.open().add(paths: [RepositoryPath("models")], patterns: [])
        let second = try bench.commit("second")
        let tracked = try bench.open().store.commit(second).tracked
        bench.disk.synchronizeAll()

        let whole = bench.disk.copy()
        let recorder = RecordingFileSystem(whole, stop: nil)
        _ = try Workbench(whole, files: recorder, seed: 2).open().checkout(first, branch: nil)
        #expect(recorder.calls.count > 20)
        for call in recorder.calls {
            for takesEffect in [false, true] {
                let disk = bench.disk.copy()
                let files = RecordingFileSystem(disk, stop: .init(at: call.number, takesEffect: takesEffect))
                _ = try? Workbench(disk, files: files, seed: 2).open().checkout(first, branch: nil)
                let after = Workbench(disk.crash(keeping: .everything), seed: 4)
                _ = try after.open().checkout(second, branch: "main")
                try Self.write(models / "new", after.disk)
                let changes = try after.open().status().changes.map { "\($0.path)" }
                #expect(changes == ["models/new"], "\(call)")
                let third = try after.commit("third")
                #expect(try after.open().store.commit(third).tracked == tracked, "\(call)")
            }
        }
    }
}
