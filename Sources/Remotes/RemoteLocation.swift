package import FileIO

/// Where another store is, as people write it.
package enum RemoteLocation: Hashable, Sendable {
    /// On a disk that is mounted here.
    case directory(FilePath)
    /// Reached by SSH: a path there, which is relative to the user's home if it does not begin with a slash.
    case ssh(user: String?, host: String, port: Int?, path: FilePath)

    /// Why a text is no place.
    package struct Problem: Error, Equatable {
        package let problem: String
    }

    /// - Parameters:
    ///   - text: A path, `file:///…`, `ssh://[user@]host[:port]/path`, or `[user@]host:path`.
    ///   - directory: What a relative path begins at.
    package init(_ text: [UInt8], from directory: FilePath) throws(Problem) {
        guard !text.isEmpty else { throw Problem(problem: "it is empty") }
        guard !text.contains(where: { $0 < 0x20 || $0 == 0x7f }) else {
            throw Problem(problem: "it has a control character")
        }
        if let rest = Self.behind("file://", text) {
            let path = Self.behind("localhost/", rest).map { [UInt8(ascii: "/")] + $0 } ?? rest
            guard path.first == UInt8(ascii: "/") else {
                throw Problem(problem: "a file:// place is on this machine: file:///path")
            }
            self = .directory(FilePath(path).normalized)
        } else if let rest = Self.behind("ssh://", text) {
            guard let slash = rest.firstIndex(of: UInt8(ascii: "/")) else {
                throw Problem(problem: "it names no path: ssh://host/path")
            }
            // A path behind the home directory is written as with git.
            let path = Self.behind("/~/", Array(rest[slash...])) ?? Array(rest[slash...])
            self = try Self.ssh(Array(rest[..<slash]), path, hasPort: true)
        } else if let scheme = Self.scheme(text) {
            throw Problem(problem: "\(scheme):// is not supported by this version")
        } else if let colon = Self.endOfHost(text), !text[..<colon].contains(UInt8(ascii: "/")), colon > 0 {
            // What begins nowhere begins at home.
            let path = Array(text[(colon + 1)...])
            self = try Self.ssh(Array(text[..<colon]), Self.behind("~/", path) ?? path, hasPort: false)
        } else {
            self = .directory(directory.appending(text).normalized)
        }
    }

    /// The colon behind the host of `user@host:path`; one in brackets is of the host, which is an address of IPv6.
    private static func endOfHost(_ text: [UInt8]) -> Int? {
        let host = text.prefix { $0 != UInt8(ascii: ":") && $0 != UInt8(ascii: "/") }
        let name = (host.lastIndex(of: UInt8(ascii: "@")) ?? -1) + 1
        guard text.dropFirst(name).first == UInt8(ascii: "[") else {
            return text.firstIndex(of: UInt8(ascii: ":"))
        }
        guard let end = text.firstIndex(of: UInt8(ascii: "]")),
            text.dropFirst(end + 1).first == UInt8(ascii: ":")
        else { return nil }
        return end + 1
    }

    private static func behind(_ prefix: String, _ text: [UInt8]) -> [UInt8]? {
        text.starts(with: prefix.utf8) ? Array(text.dropFirst(prefix.utf8.count)) : nil
    }

    private static func scheme(_ text: [UInt8]) -> String? {
        let name = text.prefix { (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2b }
        guard !name.isEmpty, text.dropFirst(name.count).starts(with: "://".utf8) else { return nil }
        return String(decoding: name, as: UTF8.self)
    }

    private static func ssh(
        _ authority: [UInt8], _ path: [UInt8], hasPort: Bool
    ) throws(Problem) -> RemoteLocation {
        var host = String(decoding: authority, as: UTF8.self)
        var (user, port): (String?, Int?) = (nil, nil)
        if let at = host.lastIndex(of: "@") {
            user = String(host[..<at])
            host = String(host[host.index(after: at)...])
        }
        if hasPort, let colon = host.lastIndex(of: ":"), !host.hasSuffix("]") {
            guard let number = Int(host[host.index(after: colon)...]), (1...65_535).contains(number) else {
                throw Problem(problem: "its port is no number from 1 to 65535")
            }
            port = number
            host = String(host[..<colon])
        }
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        // ssh would take a name that begins with a hyphen for an option.
        for name in [host, user].compactMap({ $0 }) {
            guard !name.isEmpty, name.utf8.first != UInt8(ascii: "-"),
                !name.contains(where: { $0.isWhitespace })
            else {
                throw Problem(problem: "'\(name)' is no name of a host or a user")
            }
        }
        guard !path.isEmpty else { throw Problem(problem: "it names no path") }
        return .ssh(user: user, host: host, port: port, path: FilePath(path))
    }
}
