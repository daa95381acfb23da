internal import FileIO

/// Which paths of a store may be asked for from outside, and for what.
///
/// Only names are looked at: that no link leads out of the store is for the file system below (``FileSystem/confined(to:)``).
struct ServedPath: Sendable {
    /// The first names of what may be read; any without them.
    private let readable: Set<String>?
    private let creatable: [[String]]
    private let uploadable: [[String]]
    private let removable: [[String]]

    /// Those that a store has.
    static let store = ServedPath(
        readable: ["format", "log", "packs", "tmp"],
        creatable: [["log", "new"], ["log", "lists"], ["log", "tile"], ["log", "heads"]],
        uploadable: [["packs"]], removable: [["tmp"], ["packs"], ["log", "new"]])

    /// Any below the root: what the protocol itself does can be tested with them.
    static let any = ServedPath(readable: nil, creatable: [[]], uploadable: [[]], removable: [[]])

    func checkReading(_ path: FilePath) throws(TransportError) {
        guard let names = Self.names(of: path), readable?.contains(names[0]) ?? true else {
            throw Self.denied(path)
        }
    }

    func checkCreating(_ path: FilePath) throws(TransportError) {
        guard let names = Self.names(of: path), Self.isBelow(creatable, names) || Self.isClock(names) else {
            throw Self.denied(path)
        }
    }

    /// Whether a file is one whose time tells what time it is there.
    private static func isClock(_ names: [String]) -> Bool {
        names.count == 2 && names[0] == "tmp" && names[1].hasPrefix("clock-")
    }

    /// A partial file, and the name that it is to get.
    func checkUpload(_ partial: FilePath, _ path: FilePath) throws(TransportError) {
        guard let from = Self.names(of: partial), Self.isBelow([["tmp"]], from) else {
            throw Self.denied(partial)
        }
        try checkUploadTarget(path)
    }

    func checkUploadTarget(_ path: FilePath) throws(TransportError) {
        guard let names = Self.names(of: path), Self.isBelow(uploadable, names) else {
            throw Self.denied(path)
        }
    }

    func checkRemoving(_ path: FilePath) throws(TransportError) {
        guard let names = Self.names(of: path), Self.isBelow(removable, names) else {
            throw Self.denied(path)
        }
    }

    /// The names of a relative path, at least one; nothing if there is any other than a store has.
    private static func names(of path: FilePath) -> [String]? {
        guard path.bytes.count <= FramedRequest.pathLimit else { return nil }
        var names: [String] = []
        for name in path.bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            let isDots = name.allSatisfy { $0 == UInt8(ascii: ".") } && name.count <= 2
            guard !name.isEmpty, !isDots, name.allSatisfy(isAllowed) else { return nil }
            names.append(String(decoding: name, as: UTF8.self))
        }
        return names.isEmpty ? nil : names
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    private static func isBelow(_ directories: [[String]], _ names: [String]) -> Bool {
        directories.contains { names.count > $0.count && names.starts(with: $0) }
    }

    private static func denied(_ path: FilePath) -> TransportError {
        TransportError(.denied, "this path is not served for that")
    }
}
