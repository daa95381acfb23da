import Coding
import FileIO
import MLRepo
import ObjectModel
@testable import Storage
import Synchronization
import TestSupport

/// A repository on a simulated disk, made once: where valid inputs come from.
struct Sample: Sendable {
    static let home = FilePath("/home")
    static let directory = FilePath("/home/.mlrepo")

    static let made = Result { try Sample() }

    let disk: SimulatedDisk
    let environment: Environment
    /// Every object of the store, by its kind.
    let objects: [ObjectKind: [[UInt8]]]

    private init() throws {
        let disk = SimulatedDisk()
        self.disk = disk
        try disk.makeDirectory(Self.home, permissions: 0o755)
        environment = Self.environment(disk)
        _ = try Repository.create(at: Self.home, CreationRequest(), environment)
        func write(_ name: String, _ bytes: [UInt8], permissions: UInt16 = 0o644) throws {
            let path = Self.home / name
            try disk.makeDirectories(path.parent, permissions: 0o755)
            try disk.removeIfPresent(path)
            let file = try disk.create(path, permissions: permissions)
            defer { disk.close(file) }
            try disk.write(file, bytes)
        }
        for number in 0..<40 { try write("data/train/\(number).csv", Array("a,b\n\(number),1\n".utf8)) }
        try write("run.sh", Array("#!/bin/sh\n".utf8), permissions: 0o755)
        try write("weights.bin", [UInt8](repeating: 7, count: 1_100_000))
        try write("data/empty", [])
        try disk.makeLink(Self.home / "data/link", target: Array("train/0.csv".utf8))
        let repository = try Repository.open(environment)
        _ = try repository.add(
            paths: [RepositoryPath("data"), RepositoryPath("run.sh"), RepositoryPath("weights.bin")],
            patterns: ["*.log", "out/**"])
        var request = CommitRequest(message: "first\n\nwith a body é")
        request.parameters = [
            "lr": .float("1e-3"), "epochs": .integer("10"), "name": .string("adam"), "flag": .bool(true),
            "none": .null, "list": .list([.integer("1"), .float("nan")]),
            "nested": .map(["a": .map(["b": .integer("007")])]),
        ]
        request.metrics = ["loss": .float("0.25"), "steps": .list([])]
        let first = try repository.commit(request).id
        try write("data/train/0.csv", Array("changed\n".utf8))
        try write("data/new.log", Array("x".utf8))
        try Repository.open(environment).makeRef("branches", "dev", at: first)
        var second = CommitRequest(message: "second")
        second.inputs = [
            (try RepositoryPath("data/train/1.csv"), first), (try RepositoryPath("run.sh"), first),
        ]
        _ = try Repository.open(environment).commit(second)
        _ = try Repository.open(environment).add(paths: [], patterns: ["*.txt"])
        var objects: [ObjectKind: [[UInt8]]] = [:]
        let store = try Repository.open(environment).store
        for pack in store.packs {
            for position in 0..<pack.index.entryCount {
                guard let entry = pack.index.entry(position), !entry.place.isRecipe,
                    let payload = try store.payload(of: entry.reference)
                else { continue }
                objects[entry.reference.kind, default: []].append(payload)
            }
        }
        self.objects = objects
    }

    static func environment(_ files: any FileSystem) -> Environment {
        let random = Mutex(SplitMix64(seed: 42))
        return Environment(
            files: files, now: { 1_763_888_400 }, random: { count in random.withLock { $0.bytes(count) } },
            variable: { ["MLREPO_USER_NAME": "Ada", "MLREPO_USER_EMAIL": "ada@example.com"][$0] },
            workingDirectory: home, width: 1)
    }

    static func objects(of kind: ObjectKind) throws -> [[UInt8]] { try made.get().objects[kind] ?? [] }

    /// A file below `.mlrepo`.
    static func file(_ name: String) throws -> [UInt8] {
        try made.get().disk.contents(directory / name, limit: 1 << 24)
    }

    /// The names below `.mlrepo` of all files in a directory and beneath it, sorted.
    static func names(below name: String) throws -> [String] {
        let disk = try made.get().disk
        var listing = DirectoryListing()
        try disk.list(directory / name, into: &listing)
        return try (0..<listing.count).flatMap { index -> [String] in
            let child = "\(name)/\(String(decoding: listing.name(index), as: UTF8.self))"
            return listing.status(index).kind == .directory ? try names(below: child) : [child]
        }.sorted()
    }

    struct Missing: Error {}
}

extension SimulatedDisk {
    /// A disk with one file, and the directories above it.
    static func holding(_ bytes: [UInt8], at path: FilePath) throws -> SimulatedDisk {
        let disk = SimulatedDisk()
        try disk.put(bytes, at: path)
        return disk
    }

    /// Puts a file in the place of what is there.
    func put(_ bytes: [UInt8], at path: FilePath) throws {
        try makeDirectories(path.parent, permissions: 0o755)
        try removeIfPresent(path)
        let file = try create(path, permissions: 0o644)
        defer { close(file) }
        try write(file, bytes)
    }
}
