package import ObjectModel

/// Patterns in the syntax of `.gitignore` (gitignore(5)): which names are left alone.
package struct IgnoreRules: Sendable {
    /// The file that holds a directory's patterns.
    package static let fileName = ".mlrepoignore"

    /// What nobody means to keep: version control, environments, caches, other trackers' stores.
    static let builtIn = """
        .git
        .hg
        .svn
        .mlrepo
        .mlrepo-tmp-*
        .dvc/
        .venv/
        venv/
        env/
        node_modules/
        __pycache__/
        *.pyc
        .ipynb_checkpoints/
        .pytest_cache/
        .mypy_cache/
        .ruff_cache/
        .DS_Store
        wandb/
        mlruns/
        """

    private var patterns: [Pattern] = []

    package init() { add(Self.builtIn, in: .root) }

    /// Rules of some patterns only, without the built-in ones.
    package init(patterns: [String]) { for pattern in patterns { add(pattern, in: .root) } }

    package var isEmpty: Bool { patterns.isEmpty }

    /// Takes in the patterns of a file; they hold for what lies beneath its directory, and win over earlier ones.
    package mutating func add(_ text: String, in directory: RepositoryPath) {
        for line in text.split(separator: "\n") {
            if let pattern = Pattern(
                line: line.hasSuffix("\r") ? line.dropLast() : line, directory: directory)
            {
                patterns.append(pattern)
            }
        }
    }

    /// Whether a path is to be left alone.
    ///
    /// Directories above it are not looked at: who walks does not enter ignored ones.
    package func ignores(_ path: RepositoryPath, isDirectory: Bool) -> Bool {
        guard let name = path.split?.name.bytes else { return false }
        for pattern in patterns.reversed() where pattern.matches(path, name: name, isDirectory: isDirectory) {
            return !pattern.isNegated
        }
        return false
    }

    /// Whether a path or a directory above it matches a pattern.
    package func matches(_ path: RepositoryPath) -> Bool {
        if ignores(path, isDirectory: false) { return true }
        var above = path.split?.directory
        while let directory = above, !directory.isRoot {
            if ignores(directory, isDirectory: true) { return true }
            above = directory.split?.directory
        }
        return false
    }
}

extension IgnoreRules {
    /// One line of an ignore file.
    private struct Pattern: Sendable {
        let directory: RepositoryPath
        let isNegated: Bool
        let directoriesOnly: Bool
        /// Matched against the path below `directory` instead of the last name.
        let isAnchored: Bool
        let glob: [UInt8]
        /// Without wildcards: compared, not matched.
        let isLiteral: Bool

        init?(line: Substring, directory: RepositoryPath) {
            var text = Array(line.utf8)
            guard text.first != UInt8(ascii: "#") else { return nil }
            while text.last == UInt8(ascii: " "), text.dropLast().last != UInt8(ascii: "\\") {
                text.removeLast()
            }
            isNegated = text.first == UInt8(ascii: "!")
            if isNegated { text.removeFirst() }
            directoriesOnly = text.last == UInt8(ascii: "/")
            if directoriesOnly { text.removeLast() }
            isAnchored = text.contains(UInt8(ascii: "/"))
            if text.first == UInt8(ascii: "/") { text.removeFirst() }
            guard !text.isEmpty else { return nil }
            self.directory = directory
            isLiteral = !text.contains {
                [UInt8(ascii: "*"), UInt8(ascii: "?"), UInt8(ascii: "["), UInt8(ascii: "\\")].contains($0)
            }
            glob = text
        }

        func matches(_ path: RepositoryPath, name: [UInt8], isDirectory: Bool) -> Bool {
            guard isDirectory || !directoriesOnly else { return false }
            if !isAnchored, directory.isRoot {
                return isLiteral ? name == glob : Glob.matches(glob[...], name[...])
            }
            guard path != directory, path.isInside(directory) else { return false }
            let below = directory.isRoot ? path.bytes[...] : path.bytes.dropFirst(directory.bytes.count + 1)
            let subject = isAnchored ? below : name[...]
            return isLiteral ? subject.elementsEqual(glob) : Glob.matches(glob[...], subject)
        }
    }
}

/// Wildcards of gitignore(5): `*` and `?` stay within a name, `**` between slashes crosses them, `[…]` is a set.
enum Glob {
    static func matches(_ pattern: ArraySlice<UInt8>, _ text: ArraySlice<UInt8>) -> Bool {
        var matcher = Matcher(steps: 100_000)
        return matcher.matches(pattern, text)
    }

    private struct Matcher {
        /// Bounds what a hostile pattern can cost; beyond it nothing matches.
        var steps: Int

        mutating func matches(_ pattern: ArraySlice<UInt8>, _ text: ArraySlice<UInt8>) -> Bool {
            var (pattern, text) = (pattern, text)
            while let symbol = pattern.first {
                steps -= 1
                guard steps > 0 else { return false }
                switch symbol {
                case UInt8(ascii: "*"):
                    if pattern.starts(with: Array("**/".utf8)) {
                        let rest = pattern.dropFirst(3)
                        if matches(rest, text) { return true }
                        while let slash = text.firstIndex(of: UInt8(ascii: "/")) {
                            text = text[(slash + 1)...]
                            if matches(rest, text) { return true }
                            guard steps > 0 else { return false }
                        }
                        return false
                    }
                    if pattern.elementsEqual(Array("**".utf8)) { return !text.isEmpty }
                    let rest = pattern.drop { $0 == UInt8(ascii: "*") }
                    while true {
                        if matches(rest, text) { return true }
                        guard steps > 0, let byte = text.popFirst(), byte != UInt8(ascii: "/") else {
                            return false
                        }
                    }
                case UInt8(ascii: "?"):
                    guard let byte = text.popFirst(), byte != UInt8(ascii: "/") else { return false }
                    pattern.removeFirst()
                case UInt8(ascii: "["):
                    guard let byte = text.popFirst(), byte != UInt8(ascii: "/"),
                        let (isIn, rest) = Self.set(pattern.dropFirst(), byte), isIn
                    else { return false }
                    pattern = rest
                case UInt8(ascii: "\\") where pattern.count > 1:
                    guard text.popFirst() == pattern.dropFirst().first else { return false }
                    pattern = pattern.dropFirst(2)
                default:
                    guard text.popFirst() == symbol else { return false }
                    pattern.removeFirst()
                }
            }
            return text.isEmpty
        }

        /// Whether a byte is in the set that begins behind `[`, and what follows the set.
        private static func set(_ pattern: ArraySlice<UInt8>, _ byte: UInt8) -> (Bool, ArraySlice<UInt8>)? {
            var rest = pattern
            let isNegated = rest.first == UInt8(ascii: "!") || rest.first == UInt8(ascii: "^")
            if isNegated { rest.removeFirst() }
            var isIn = false
            var isFirst = true
            while let low = rest.popFirst() {
                if low == UInt8(ascii: "]"), !isFirst { return (isIn != isNegated, rest) }
                isFirst = false
                var high = low
                if rest.first == UInt8(ascii: "-"), let end = rest.dropFirst().first, end != UInt8(ascii: "]")
                {
                    high = end
                    rest = rest.dropFirst(2)
                }
                if low <= byte, byte <= high { isIn = true }
            }
            return nil
        }
    }
}
