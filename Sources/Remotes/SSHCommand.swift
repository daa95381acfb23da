package import FileIO
internal import ObjectModel

/// How a store on another machine is asked for by ssh: from the parts of its location to the words that start the program.
package struct SSHCommand: Sendable {
    /// The program and what it is always told, such as `ssh` alone.
    package let program: [String]
    package let user: String?
    /// A name or an address.
    package let host: String
    package let port: Int?
    /// The store there.
    package let path: FilePath
    /// The program that serves it there, as the shell there finds it.
    package let server: String

    package init(
        program: [String] = ["ssh"], user: String? = nil, host: String, port: Int? = nil, path: FilePath,
        server: String = "mlrepo"
    ) {
        (self.program, self.user, self.host, self.port) = (program, user, host, port)
        (self.path, self.server) = (path, server)
    }

    /// What is started: no shell of this machine sees it, but the last word is a command for the one over there.
    package func words() throws(TransportError) -> [[UInt8]] {
        guard !path.bytes.isEmpty else {
            throw TransportError(.unsupported, "no path is given on the machine \(host)")
        }
        let command = Array("\(server) serve --stdio -- ".utf8) + Self.quoted(path.bytes)
        return try wordsUpToHost() + [command]
    }

    /// What is started where the machine over there has no program that serves the store: its SFTP server, which is told the path later.
    package func subsystemWords() throws(TransportError) -> [[UInt8]] {
        // With `-s`, the last word is no command but the name of a subsystem.
        try wordsUpToHost(options: ["-s"]) + [Array("sftp".utf8)]
    }

    private func wordsUpToHost(options: [String] = []) throws(TransportError) -> [[UInt8]] {
        guard let name = program.first, !name.isEmpty else {
            throw TransportError(.unsupported, "no program is named that reaches other machines")
        }
        guard program.allSatisfy({ !$0.utf8.contains(0) }) else {
            throw TransportError(.unsupported, "a word of the program that reaches other machines holds NUL")
        }
        try Self.check(host, "host", forbidden: Self.forbiddenInHosts)
        if let user { try Self.check(user, "user", forbidden: Self.forbiddenInUsers) }
        if let port, !(1...65_535).contains(port) {
            throw TransportError(.unsupported, "\(port) is no port")
        }
        var words = program + ["-T"]
        if let port { words += ["-p", String(port)] }
        words += options + ["--", user.map { "\($0)@\(host)" } ?? host]
        return words.map { Array($0.utf8) }
    }

    /// A word as every POSIX shell takes it for just these bytes.
    package static func quoted(_ bytes: [UInt8]) -> [UInt8] {
        let quote = UInt8(ascii: "'")
        var quoted = [quote]
        for byte in bytes {
            // Nothing is special between quotes but their end, so that is left, escaped and begun again.
            if byte == quote { quoted += Array("'\\''".utf8) } else { quoted.append(byte) }
        }
        return quoted + [quote]
    }

    /// What a shell in a setting of ssh (`ProxyCommand` with `%h`) would take for more than a name.
    private static let forbiddenInHosts = Set("'`\"$\\;&<>|(){}@".utf8)
    private static let forbiddenInUsers = Set("'`\";&<>|(){}".utf8)

    private static func check(_ name: String, _ what: String, forbidden: Set<UInt8>) throws(TransportError) {
        let isPlain = name.unicodeScalars.allSatisfy { scalar in
            !scalar.properties.isWhitespace && scalar.properties.generalCategory != .control
        }
        let isGood =
            !name.isEmpty && name.utf8.first != UInt8(ascii: "-") && isPlain
            && forbidden.isDisjoint(with: name.utf8)
        guard isGood else {
            throw TransportError(.unsupported, "'\(escapedText(name.utf8))' cannot be the name of a \(what)")
        }
    }
}
