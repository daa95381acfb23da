internal import FileIO
package import ObjectModel

/// Who is at work: as the environment says, the configuration, git, and last the account, in that order.
package enum Identity {
    /// Reads `Name <mail>`.
    package static func parse(_ text: String) -> Person? {
        guard let open = text.lastIndex(of: "<"), text.hasSuffix(">") else {
            return Person(name: text, email: "")
        }
        let name = text[..<open].split(separator: " ").joined(separator: " ")
        return Person(name: name, email: String(text[text.index(after: open)...].dropLast()))
    }

    /// - Returns: Nothing for the person if there is no name; and whether somebody gave it, so that it was not guessed from
    ///   the account.
    static func find(
        _ configuration: Configuration, _ environment: Environment
    ) -> (person: Person?, isGiven: Bool) {
        let given = given(configuration, environment)
        let name =
            given.name ?? environment.variable("USER") ?? environment.variable("LOGNAME")
            ?? accountName(environment)
        return (name.flatMap { Person(name: $0, email: given.email ?? "") }, given.name != nil)
    }

    private static func given(
        _ configuration: Configuration, _ environment: Environment
    ) -> (name: String?, email: String?) {
        let name = environment.variable("MLREPO_USER_NAME") ?? configuration["user.name"]
        let email = environment.variable("MLREPO_USER_EMAIL") ?? configuration["user.email"]
        if name != nil, email != nil { return (name, email) }
        let git = gitUser(environment)
        return (
            name ?? environment.variable("GIT_AUTHOR_NAME") ?? git["user.name"],
            email ?? environment.variable("GIT_AUTHOR_EMAIL") ?? git["user.email"]
        )
    }

    /// What git's configuration says of the user, by the names of its settings.
    ///
    /// Git itself is asked where there may be more than one file of it.
    private static func gitUser(_ environment: Environment) -> [String: String] {
        let files = environment.files
        func isThere(_ path: FilePath) -> Bool { (try? files.status(path)) ?? nil != nil }
        let home = environment.variable("HOME").map { FilePath($0) }
        let global = home.flatMap { try? files.contentsIfPresent($0 / ".gitconfig", limit: 1 << 20) }
        let text = String(decoding: global ?? [], as: UTF8.self)
        let other =
            environment.variable("XDG_CONFIG_HOME").map { FilePath($0) } ?? home.map { $0 / ".config" }
        var directory = environment.workingDirectory
        while !isThere(directory / ".git"), directory.parent != directory { directory = directory.parent }
        let isMoved = ["GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_COUNT"].contains {
            environment.variable($0) != nil
        }
        let hasMore =
            isMoved || !isPlain(text) || isThere(directory / ".git") || isThere(FilePath("/etc/gitconfig"))
            || (other.map { isThere($0 / "git/config") } ?? false)
        guard hasMore else { return section("user", of: text) }
        let answer = Git(root: environment.workingDirectory).output([
            "config", "-z", "--get-regexp", "^user\\.(name|email)$",
        ])
        guard let answer else { return section("user", of: text) }
        var values: [String: String] = [:]
        for setting in String(decoding: answer, as: UTF8.self).split(separator: "\0") {
            guard let end = setting.firstIndex(of: "\n") else { continue }
            values[String(setting[..<end])] = String(setting[setting.index(after: end)...])
        }
        return values
    }

    /// The name of the account in `/etc/passwd`: the program is static, and asks no name service.
    private static func accountName(_ environment: Environment) -> String? {
        guard let user = environment.user,
            let bytes = try? environment.files.contentsIfPresent(FilePath("/etc/passwd"), limit: 16 << 20)
        else { return nil }
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            if fields.count >= 3, fields[2] == "\(user)" { return String(fields[0]) }
        }
        return nil
    }

    /// Whether a file in git's configuration syntax is as ``section(_:of:)`` reads it: no other files, comments, escapes or
    /// subsections, and each setting on a line of its own.
    private static func isPlain(_ text: String) -> Bool {
        if text.utf8.contains(where: { ";#\\\r".utf8.contains($0) }) || text.contains("[include") {
            return false
        }
        return text.split(separator: "\n").allSatisfy { line in
            let line = line.filter { $0 != " " && $0 != "\t" }
            guard line.first == "[" else { return true }
            return line.last == "]" && line == line.lowercased()
        }
    }

    /// The settings of one section of a file in git's configuration syntax, as far as names and addresses need it, by their
    /// whole names.
    private static func section(_ name: String, of text: String) -> [String: String] {
        var values: [String: String] = [:]
        var isInside = false
        for line in text.split(separator: "\n") {
            let trimmed = line.drop { $0 == " " || $0 == "\t" }
            if trimmed.hasPrefix("[") {
                isInside = trimmed.hasPrefix("[\(name)]")
            } else if isInside, let equals = trimmed.firstIndex(of: "=") {
                let key = trimmed[..<equals].filter { $0 != " " && $0 != "\t" }.lowercased()
                values["\(name).\(key)"] = trimmed[trimmed.index(after: equals)...].split(separator: " ")
                    .joined(
                        separator: " "
                    )
                    .filter { $0 != "\"" }
            }
        }
        return values
    }
}

/// Settings: lines `key = value`; `#` begins a comment.
package struct Configuration: Sendable {
    private var values: [String: String] = [:]

    package init(_ text: String = "") {
        for line in text.split(separator: "\n") {
            let content = line.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)[0]
            guard let equals = content.firstIndex(of: "=") else { continue }
            let key = content[..<equals].split(separator: " ").joined()
            values[key] = content[content.index(after: equals)...].split(separator: " ").joined(
                separator: " ")
        }
    }

    package subscript(_ key: String) -> String? { values[key] }

    /// All settings, sorted by their names.
    package var all: [(key: String, value: String)] {
        values.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// The text of a file of settings in which one has another value; comments and other lines stay.
    ///
    /// - Parameter value: Nothing to take the setting out.
    package static func text(_ text: String, setting key: String, to value: String?) -> String {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if lines.last == "" { lines.removeLast() }
        let isOld: (String) -> Bool = { line in Configuration(line).values[key] != nil }
        let new = value.map { "\(key) = \($0)" }
        if let first = lines.firstIndex(where: isOld) {
            let rest = lines[(first + 1)...].filter { !isOld($0) }
            lines = lines[..<first] + (new.map { [$0] } ?? []) + rest
        } else if let new {
            lines.append(new)
        }
        return lines.map { $0 + "\n" }.joined()
    }
}
