// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

/// One target of our own, with the settings that all of them share.
func target(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

/// One target whose work is with bytes: optimised in debug builds too, or tests would take three times as long.
func fastTarget(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(
        name: name, dependencies: dependencies,
        swiftSettings: settings + [.unsafeFlags(["-O"], .when(configuration: .debug))])
}

/// The tests of one target.
func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

let package = Package(
    name: "mlrepo",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "mlrepo", targets: ["mlrepo"]),
        .library(name: "MLRepo", targets: ["MLRepo"]),
        .library(name: "mlrepo-preload", type: .dynamic, targets: ["CPreload"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
    ],
    targets: [
        // MARK: System libraries, and the C that Swift cannot express

        /** zlib: the codec of metadata, readable by any language's standard library */
        .systemLibrary(
            name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
        /** Zstandard: the codec of data */
        .systemLibrary(
            name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"]), .brew(["zstd"])]),
        /** OpenSSL's libcrypto: SHA-2, and signatures of public keys */
        .systemLibrary(
            name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"]), .brew(["openssl"])]),
        /** libyaml: events of a YAML document */
        .systemLibrary(
            name: "CYaml", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"]), .brew(["libyaml"])]),
        /** SQLite: a database in one file, for what is derived and looked up */
        .systemLibrary(
            name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"]), .brew(["sqlite"])]),
        /** Variadic system calls and intrinsics, one comment each; optimised in debug builds too */
        .target(name: "CShims", cSettings: [.unsafeFlags(["-O2"], .when(configuration: .debug))]),
        /** What is loaded into a command that is watched, and tells of its files: a library of its own, linked to nothing else here */
        .target(
            name: "CPreload",
            cSettings: [
                .unsafeFlags([
                    "-O2", "-std=gnu11", "-fvisibility=hidden", "-fno-builtin",
                    "-fno-delete-null-pointer-checks",
                    "-U_FORTIFY_SOURCE",
                ])
            ],
            // Linked without Swift's library, which would be loaded into every program with it.
            linkerSettings: [
                .unsafeFlags(
                    ["-enable-experimental-feature", "Embedded", "-nostartfiles"], .when(platforms: [.linux]))
            ]),

        // MARK: Floor 0: values, bytes, POSIX

        /** SHA-256, knowing nothing of what is hashed */
        fastTarget("Hashing", ["COpenSSL", "CShims"]),
        /** What objects are and their exact bytes: ids, canonical JSON, Merkle trees, commits, runs, events */
        fastTarget("ObjectModel", ["Hashing"]),
        /** Where to cut the bytes of a large file */
        fastTarget("Chunking"),
        /** Codecs, and choosing one from a sample */
        fastTarget("Coding", ["CZlib", "CZstd", "CShims"]),
        /** File formats of machine learning, from their bytes: where the tensors of a file are */
        fastTarget("Formats"),
        /** POSIX files behind one seam, so that faults can be injected */
        fastTarget("FileIO", ["CShims"]),
        /** A command, and which files it reads and writes: watched, not asked */
        fastTarget("Observation", ["FileIO", "CShims"]),
        /** JSON, YAML and TOML files of hyperparameters as typed values */
        target("ParameterFiles", ["ObjectModel", "CYaml"]),
        /** Facts of objects in a database that can be made anew, and questions about them */
        fastTarget("Catalogue", ["ObjectModel", "Hashing", "CSQLite"]),

        // MARK: Floor 1: objects on a disk; the graph of commits and runs

        /** Packs, index and operation log: the objects of one store on a disk */
        target("Storage", ["ObjectModel", "Hashing", "FileIO", "Coding"]),
        /** The graph of commits and runs, over a reader of objects: history walks and blame */
        target("Lineage", ["ObjectModel"]),
        /** Whose a signature is, and what it is worth: SSH keys, signatures, those who are trusted; pure */
        target("Governance", ["ObjectModel", "Hashing", "COpenSSL"]),

        // MARK: Floor 2: files and trees

        /** Files under a root as trees, and trees as files */
        target(
            "WorkingTree",
            ["Storage", "Chunking", "Coding", "Formats", "Hashing", "FileIO", "ObjectModel"]),

        /** What is missing where, and moving it: packs and log entries, over anything that can hold files */
        target("Remotes", ["Storage", "ObjectModel", "Hashing", "FileIO"]),

        // MARK: Floor 3: one repository

        /** The façade: how the parts make one repository */
        target(
            "MLRepo",
            [
                "WorkingTree", "Remotes", "Observation", "Lineage", "Governance", "Storage", "ObjectModel",
                "ParameterFiles", "Formats", "Catalogue",
                "Hashing", "FileIO",
            ]),

        // MARK: Floors 4 and 5: the command line

        /** Commands, words, exit status, progress, JSON */
        target(
            "CommandLine",
            [
                "MLRepo", "ParameterFiles", "ObjectModel", "Observation", "FileIO", "Lineage", "Governance",
                "Storage", "WorkingTree", "Remotes", "Catalogue",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        /** The program: nothing but its start */
        .executableTarget(name: "mlrepo", dependencies: ["CommandLine"], swiftSettings: settings),

        // MARK: Tests

        /** Seeds, faults and simulated disks for tests; never in a product */
        fastTarget("TestSupport", ["FileIO", "ObjectModel"]),
        tests("CatalogueTests", ["Catalogue", "CSQLite", "ObjectModel", "TestSupport"]),
        tests("ChunkingTests", ["Chunking", "TestSupport"]),
        tests("CodingTests", ["Coding", "CShims", "FileIO", "TestSupport"]),
        tests("FormatsTests", ["Formats", "FileIO", "TestSupport"]),
        tests("GovernanceTests", ["Governance", "ObjectModel", "TestSupport"]),
        tests("HashingTests", ["Hashing", "TestSupport"]),
        tests("LineageTests", ["Lineage", "ObjectModel", "TestSupport"]),
        tests("ObjectModelTests", ["ObjectModel", "Hashing", "TestSupport"]),
        tests("ParameterFilesTests", ["ParameterFiles", "ObjectModel"]),
        tests("FileIOTests", ["FileIO", "TestSupport"]),
        tests("ObservationTests", ["Observation", "FileIO", "TestSupport"]),
        tests("StorageTests", ["Storage", "ObjectModel", "FileIO", "Coding", "Hashing", "TestSupport"]),
        tests("CrashTests", ["Storage", "ObjectModel", "FileIO", "Coding", "Hashing", "TestSupport"]),
        tests(
            "TransportTests",
            ["Remotes", "Storage", "Coding", "Hashing", "ObjectModel", "FileIO", "TestSupport"]),
        tests("WorkingTreeTests", ["WorkingTree", "ObjectModel", "FileIO", "TestSupport"]),
        tests(
            "RepositoryTests",
            [
                "MLRepo", "WorkingTree", "Observation", "Lineage", "Storage", "ObjectModel", "FileIO",
                "Hashing", "TestSupport",
            ]),
        tests(
            "FuzzTests",
            [
                "MLRepo", "WorkingTree", "Lineage", "Storage", "Coding", "Formats", "ParameterFiles",
                "ObjectModel", "FileIO", "Hashing",
                "TestSupport",
            ]),
        tests("IntegrityTests", ["Storage", "ObjectModel", "FileIO", "Coding", "Hashing", "TestSupport"]),
    ],
    swiftLanguageModes: [.v6]
)
