internal import FileIO
package import ObjectModel

/// Patterns in the syntax of `.gitignore` (gitignore(5)): which names are left alone.
package struct IgnoreRules: Sendable {
    /// The file that holds a directory's patterns.
    package static let fileName = ".mlrepoignore"

    /// A directory that has a file of this name is a virtual environment of Python, and left out whatever its own name is.
    static let environmentMark = "pyvenv.cfg"

    /// What nobody means to keep: version control, environments, caches.
    static let builtIn = """
        .git
        .hg
        .svn
        .mlrepo
        .dvc/
        .venv/
        __pycache__/
        *.pyc
        .ipynb_checkpoints/
        .pytest_cache/
        .mypy_cache/
        .ruff_cache/
        .DS_Store
        """

    /// What is left out as well, and somebody may mean to keep all the same: it is told of where it lies in tracked data.
    static let doubtful = """
        node_modules/
        wandb/
        mlruns/
        """

    private var patterns: [Pattern] = []

    package init() {
        add(Self.builtIn, in: .root)
        add(Self.doubtful, in: .root, isDoubtful: true)
    }

    /// Rules of some patterns only, without the built-in ones.
    package init(patterns: [String]) { for pattern in patterns { add(pattern, in: .root) } }

    package var isEmpty: Bool { patterns.isEmpty }

    /// Takes in the patterns of a file; they hold for what lies beneath its directory, and win over earlier ones.
    package mutating func add(_ text: String, in directory: RepositoryPath) {
        add(text, in: directory, isDoubtful: false)
    }

    private mutating func add(_ text: String, in directory: RepositoryPath, isDoubtful: Bool) {
        // As bytes: to Swift a carriage return and a line feed are one character.
        for line in text.utf8.split(separator: UInt8(ascii: "\n")) {
            let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
            guard var pattern = Pattern(line: Array(line), directory: directory) else { continue }
            pattern.isDoubtful = isDoubtful
            patterns.append(pattern)
        }
    }

    /// Takes in the patterns of a directory's own file, which is there.
    mutating func addFile(
        in directory: RepositoryPath, of root: FilePath, _ files: any FileSystem
    ) throws(WorkingTreeError) {
        let path = root.appending(directory.bytes) / Self.fileName
        let bytes = try working { () throws(FileError) in try files.contents(path, limit: 1 << 20) }
        // What some editors begin a file with is no part of its first line.
        let mark: [UInt8] = [0xef, 0xbb, 0xbf]
        let text = bytes.starts(with: mark) ? bytes.dropFirst(mark.count) : bytes[...]
        add(String(decoding: text, as: UTF8.self), in: directory)
    }

    /// The line that leaves a path out and nothing else.
    package static func line(for path: RepositoryPath) -> [UInt8] {
        var line: [UInt8] = [0x2f]
        for byte in path.bytes {
            // What has a meaning in a pattern, and a space, which could stand at the end.
            if "*?[]\\#! ".utf8.contains(byte) { line.append(UInt8(ascii: "\\")) }
            line.append(byte)
        }
        return line
    }

    /// Whether a line can leave out a path: lines are text, and end where a line ends.
    package static func canName(_ path: RepositoryPath) -> Bool {
        !path.bytes.contains(0x0a) && path.bytes.last != 0x0d
            && String(validating: path.bytes, as: UTF8.self) != nil
    }

    /// The path that a line of ``line(for:)`` names; nothing for any other line.
    package static func path(of line: [UInt8]) -> RepositoryPath? {
        guard line.first == 0x2f else { return nil }
        var (bytes, isEscaped): ([UInt8], Bool) = ([], false)
        for byte in line.dropFirst() {
            if byte == UInt8(ascii: "\\"), !isEscaped {
                isEscaped = true
            } else {
                bytes.append(byte)
                isEscaped = false
            }
        }
        guard let path = try? RepositoryPath(bytes), !path.isRoot, self.line(for: path) == line else {
            return nil
        }
        return path
    }

    /// Whether a path is to be left alone.
    ///
    /// Directories above it are not looked at: who walks does not enter ignored ones.
    package func ignores(_ path: RepositoryPath, isDirectory: Bool) -> Bool {
        deciding(path, isDirectory: isDirectory).map { !$0.isNegated } ?? false
    }

    /// Whether an ignored directory is one that somebody may mean to keep.
    func isDoubtful(_ directory: RepositoryPath) -> Bool {
        deciding(directory, isDirectory: true)?.isDoubtful ?? false
    }

    /// The pattern that decides about a path; nothing if none matches it.
    private func deciding(_ path: RepositoryPath, isDirectory: Bool) -> Pattern? {
        guard let name = path.split?.name.bytes else { return nil }
        // In place: a copy of a pattern for each file would cost more than to match it.
        for index in patterns.indices.reversed()
        where patterns[index].matches(path, name: name, isDirectory: isDirectory) {
            return patterns[index]
        }
        return nil
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
        var isDoubtful = false
        let directoriesOnly: Bool
        /// Matched against the path below `directory` instead of the last name.
        let isAnchored: Bool
        let text: [UInt8]
        /// What is matched; nothing where the text has no wildcards and is compared.
        let glob: Glob?

        init?(line: [UInt8], directory: RepositoryPath) {
            var text = line
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
            guard text.contains(where: Glob.isSpecial) else {
                (self.text, glob) = (text, nil)
                return
            }
            guard let glob = Glob(text) else { return nil }
            (self.text, self.glob) = ([], glob)
        }

        func matches(_ path: RepositoryPath, name: [UInt8], isDirectory: Bool) -> Bool {
            guard isDirectory || !directoriesOnly else { return false }
            if !isAnchored, directory.isRoot {
                return glob?.matches(name[...]) ?? (name == text)
            }
            guard path != directory, path.isInside(directory) else { return false }
            let below = directory.isRoot ? path.bytes[...] : path.bytes.dropFirst(directory.bytes.count + 1)
            let subject = isAnchored ? below : name[...]
            return glob?.matches(subject) ?? subject.elementsEqual(text)
        }
    }
}
