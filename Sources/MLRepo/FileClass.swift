internal import FileIO

/// What a file that a command read is, told by its place and name.
enum FileClass {
    /// Of the operating system, or a person's settings and caches.
    case system
    /// Of an interpreter or a package: known by the package's version.
    case library
    /// Something that opens doors: never stored, and not named either.
    case secret
    /// What somebody may have been trained with.
    case data
}

/// Tells data from what belongs to the machine; remembers the directories that it has looked at.
struct FileClassifier {
    private let files: any FileSystem
    /// The person's own directory, normalized.
    private let home: FilePath?
    /// Whether a directory is, or lies in, one that an installer of packages has made.
    private var isInstalled: [FilePath: Bool] = [:]

    init(_ environment: Environment) {
        files = environment.files
        home = environment.variable("HOME").map { FilePath($0).normalized }
    }

    private static let systemPrefixes = [
        "/usr/", "/lib/", "/lib32/", "/lib64/", "/bin/", "/sbin/", "/etc/", "/proc/", "/sys/", "/dev/",
        "/run/",
        "/boot/", "/var/lib/", "/var/cache/", "/var/run/", "/snap/", "/nix/store/", "/gnu/store/",
    ].map { Array($0.utf8) }
    private static let libraryNames = Set(
        ["site-packages", "dist-packages", "__pycache__", "node_modules", ".git", ".mlrepo"].map {
            Array($0.utf8)
        })
    private static let lib = Array("lib".utf8)
    private static let python = Array("python".utf8)
    /// Caches of data and models, below a person's own directory.
    private static let dataCaches = [
        ".cache/huggingface/hub/", ".cache/huggingface/datasets/", ".cache/torch/hub/", ".cache/kagglehub/",
        ".keras/datasets/", ".keras/models/",
    ].map { Array($0.utf8) }
    /// In bytes.
    private static let largeSetting = 1 << 20
    /// What belongs to tools, below a person's own directory.
    private static let toolDirectories = [
        ".cache/pip/", ".cache/uv/", ".cache/matplotlib/", ".cache/fontconfig/", ".cargo/", ".conda/",
        ".docker/",
        ".local/bin/", ".local/lib/", ".local/share/uv/", ".mamba/", ".npm/", ".nv/", ".nvm/", ".pyenv/",
        ".rustup/", ".triton/",
        ".vscode",
    ].map { Array($0.utf8) }

    /// Beginnings, endings and parts of names of files that open doors.
    private static let secretNames = Set(
        [
            ".netrc", "_netrc", ".pgpass", ".boto", ".s3cfg", ".htpasswd", ".vault_pass", ".git-credentials",
            ".pypirc", ".npmrc", "env", "auth.json", "key.json", "kaggle.json", "rclone.conf", "aws.ini",
            "token",
        ].map { Array($0.utf8) })
    private static let secretPrefixes = [
        ".env", "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "token.", "secring",
    ].map { Array($0.utf8) }
    private static let secretSuffixes = [
        ".env", ".key", ".p12", ".pfx", ".keystore", ".gpg", "_token", "-token",
    ].map { Array($0.utf8) }
    private static let secretParts = [
        "secret", "credential", "password", "passwd", "apikey", "api_key", "api-key", "private_key",
        "private-key", "service-account", "service_account", ".pem", "_token.", "-token.",
    ].map { Array($0.utf8) }

    /// - Parameter name: In lower case; as bytes, since hundreds of thousands of names may be looked at.
    private static func isSecret(_ name: [UInt8]) -> Bool {
        secretNames.contains(name) || secretPrefixes.contains(where: name.starts)
            || secretSuffixes.contains { name.suffix($0.count).elementsEqual($0) }
            || secretParts.contains { contains(name, $0) }
    }

    private static func contains(_ name: [UInt8], _ part: [UInt8]) -> Bool {
        guard name.count >= part.count else { return false }
        return name.withUnsafeBufferPointer { name in
            part.withUnsafeBufferPointer { part in
                for start in 0...(name.count - part.count) where name[start] == part[0] {
                    if (1..<part.count).allSatisfy({ name[start + $0] == part[$0] }) { return true }
                }
                return false
            }
        }
    }

    /// With its letters of ASCII in lower case.
    private static func lowercased(_ name: some Sequence<UInt8>) -> [UInt8] {
        name.map { (0x41...0x5a).contains($0) ? $0 | 0x20 : $0 }
    }

    /// - Parameters:
    ///   - size: In bytes, if it is known.
    ///   - inside: Where the file lies in the working copy, if it does: then the place of that says nothing.
    mutating func classify(_ path: FilePath, inside: [UInt8]?, size: Int?) -> FileClass {
        let bytes = path.bytes
        let names = (inside ?? bytes).split(separator: UInt8(ascii: "/")).map { Array($0) }
        if inside == nil {
            // Memory in which many keep data lies among devices.
            let isShared = bytes.starts(with: "/dev/shm/".utf8)
            if !isShared, Self.systemPrefixes.contains(where: bytes.starts) { return .system }
            // A container of a cloud gives data to a training there.
            if names.first == Array("opt".utf8), !bytes.starts(with: "/opt/ml/".utf8) { return .system }
        }
        let name = Self.lowercased(names.last ?? [])
        if Self.isSecret(name) { return .secret }
        if names.contains(where: Self.libraryNames.contains) { return .library }
        if zip(names, names.dropFirst()).contains(where: { $0 == Self.lib && $1.starts(with: Self.python) }) {
            return .library
        }
        if name.suffix(4).elementsEqual(".pyc".utf8) { return .library }
        if inside == nil, Self.isSharedLibrary(String(decoding: name, as: UTF8.self)) { return .library }
        if inside == nil, let home, let rest = path.relative(to: home), rest.first == UInt8(ascii: ".") {
            if Self.dataCaches.contains(where: rest.starts) { return .data }
            // Models lie in caches of all names (`.cache/whisper`, `.ollama`), settings are small.
            let isLarge = (size ?? 0) >= Self.largeSetting
            return isLarge && !Self.toolDirectories.contains(where: rest.starts) ? .data : .system
        }
        // A working copy in an environment is none of its packages.
        let top = inside.map { FilePath(Array(bytes.dropLast($0.count + 1))) }
        return isInstalled(path.parent, below: top) ? .library : .data
    }

    static func isSharedLibrary(_ name: String) -> Bool {
        name.hasSuffix(".so") || name.contains(".so.") || name.hasSuffix(".dylib")
    }

    /// Whether a program runs what others wrote, and is known by its version.
    static func isInterpreter(_ path: FilePath) -> Bool {
        let name = path.name.prefix { $0 != UInt8(ascii: ".") && !(0x30...0x39).contains($0) }
        return [
            "python", "python-", "pypy", "node", "java", "julia", "R", "Rscript", "perl", "ruby", "bash",
            "sh",
        ]
        .contains(String(decoding: name, as: UTF8.self))
    }

    /// Whether a directory belongs to a virtual environment or to conda.
    private mutating func isInstalled(_ directory: FilePath, below top: FilePath?) -> Bool {
        if directory == top { return false }
        if let known = isInstalled[directory] { return known }
        let hasMark = ["pyvenv.cfg", "conda-meta"].contains { mark in
            ((try? files.status(directory / mark)) ?? nil) != nil
        }
        let above = directory.parent
        let found = hasMark || (above != directory && isInstalled(above, below: top))
        isInstalled[directory] = found
        return found
    }
}

/// A file in the cache of a hub of models, known by the hub's own name for it.
struct HubFile {
    /// `hf:owner/name@revision/path`.
    let name: [UInt8]

    static func isName(_ name: [UInt8]) -> Bool { name.starts(with: "hf:".utf8) }

    /// - Parameter path: `…/models--owner--name/snapshots/REVISION/path`; a link of the cache leads to the bytes.
    init?(_ path: FilePath) {
        let names = path.bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard
            let place = names.lastIndex(where: { $0.elementsEqual("snapshots".utf8) }), place > 0,
            names.count > place + 2
        else { return nil }
        let kinds = [("models--", ""), ("datasets--", "datasets/"), ("spaces--", "spaces/")]
        let folder = String(decoding: names[place - 1], as: UTF8.self)
        guard let (prefix, kind) = kinds.first(where: { folder.hasPrefix($0.0) }) else { return nil }
        var text = "hf:" + kind
        var rest = folder.dropFirst(prefix.count)
        while let dashes = rest.firstRange(of: "--") {
            text += rest[..<dashes.lowerBound] + "/"
            rest = rest[dashes.upperBound...]
        }
        text += rest + "@"
        name = Array(text.utf8) + Array(names[(place + 1)...].joined(separator: [UInt8(ascii: "/")]))
    }
}
