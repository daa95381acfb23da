import FileIO
import MLRepo
import ObjectModel
@testable import Storage
import Synchronization
import TestSupport
import Testing

/// A repository on a simulated disk, with a seed for everything random and a clock that stands still.
struct Workbench {
    static let home: FilePath = "/home"

    let disk: SimulatedDisk
    let environment: Environment

    /// - Parameters:
    ///   - files: What the repository works on, if not the disk itself.
    ///   - width: How many threads it takes.
    init(
        _ disk: SimulatedDisk, files: (any FileSystem)? = nil, seed: UInt64, at directory: FilePath = home,
        width: Int = 1
    ) {
        let random = Mutex(SplitMix64(seed: seed))
        self.disk = disk
        environment = Environment(
            files: files ?? disk, now: { 1_763_888_400 },
            random: { count in random.withLock { $0.bytes(count) } },
            variable: { ["MLREPO_USER_NAME": "Ada", "MLREPO_USER_EMAIL": "ada@example.com"][$0] },
            workingDirectory: directory, width: width)
    }

    /// A repository that tracks `data`.
    static func fresh(seed: UInt64, width: Int = 1) throws -> Workbench {
        let disk = SimulatedDisk()
        try disk.makeDirectory(home, permissions: 0o755)
        let bench = Workbench(disk, seed: seed, width: width)
        _ = try Repository.create(at: home, CreationRequest(), bench.environment)
        try disk.makeDirectory(home / "data", permissions: 0o755)
        _ = try bench.open().add(paths: [RepositoryPath("data")], patterns: [])
        return bench
    }

    func open() throws -> Repository { try Repository.open(environment) }

    /// Writes a file in `data`, in place of what is there.
    func write(_ name: String, _ bytes: [UInt8]) throws {
        let path = Self.home / "data" / name
        try disk.makeDirectories(path.parent, permissions: 0o755)
        try disk.removeIfPresent(path)
        let file = try disk.create(path, permissions: 0o644)
        defer { disk.close(file) }
        try disk.write(file, bytes)
    }

    func read(_ name: String) throws -> [UInt8]? {
        try disk.contentsIfPresent(Self.home / "data" / name, limit: 1 << 26)
    }

    @discardableResult
    func commit(_ message: String) throws -> ObjectID {
        var request = CommitRequest(message: message)
        request.allowsMissing = true
        return try open().commit(request).id
    }

    /// What is wrong with the store.
    func problems() throws -> [IntegrityProblem] {
        try IntegrityChecker(Self.home / ".mlrepo", files: disk, threads: 1).check().problems
    }

    /// Repairs the store by what a check of it finds.
    @discardableResult
    func repair() throws -> StoreRepair.Outcome {
        let root = Self.home / ".mlrepo"
        let report = try IntegrityChecker(root, files: disk, threads: 2).check()
        let person = try #require(Person(name: "Ada", email: ""))
        let event = Event(
            verb: StoreRepair.verb, actor: person, workingCopy: nil,
            time: 1_763_888_500, nonce: String(repeating: "0", count: 32), reason: nil, refs: [])
        return try StoreRepair(root, files: disk).perform(report, event: event, random: environment.random)
    }

    /// Bytes of all live packs.
    func storedBytes() throws -> Int { try open().statistics().packBytes }

    /// Every base of a difference lies somewhere in a frame of less depth.
    func requireShallow() throws {
        let store = try open().store
        for pack in store.packs {
            for number in 0..<pack.index.frameCount where pack.index.isDifference(number) {
                let depth = pack.index.depth(number)
                for base in try pack.index.frame(number).bases {
                    #expect(store.hasCopy(of: base, below: depth))
                }
            }
        }
    }

    /// The content of a file of a version.
    func content(_ name: String, of commit: ObjectID) throws -> [UInt8]? {
        let repository = try open()
        let version = try repository.store.commit(commit)
        guard let entry = try repository.tree(version).entry(at: RepositoryPath("data/\(name)")) else {
            return nil
        }
        return try repository.store.payload(of: entry.reference)
    }

    var packFiles: Int {
        get throws {
            let packs = Self.home / ".mlrepo/packs"
            return try disk.names(in: packs).reduce(0) { try $0 + disk.names(in: packs.appending($1)).count }
        }
    }
}

extension FilePath: ExpressibleByStringLiteral {
    package init(stringLiteral text: String) { self.init(text) }
}
