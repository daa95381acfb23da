/// A path of the system: any bytes but NUL, with `/` between names.
package struct FilePath: Hashable, Sendable {
    package let bytes: [UInt8]

    /// - Parameter bytes: Without NUL; bytes from outside are checked before they become a path.
    package init(_ bytes: [UInt8]) {
        precondition(!bytes.contains(0), "a path cannot hold NUL")
        self.bytes = bytes
    }

    package init(_ text: String) { self.init(Array(text.utf8)) }

    /// This path with another below it; an absolute one replaces it.
    package func appending(_ other: some Collection<UInt8>) -> FilePath {
        if other.isEmpty { return self }
        if bytes.isEmpty || other.first == UInt8(ascii: "/") { return FilePath(Array(other)) }
        if bytes.last == UInt8(ascii: "/") { return FilePath(bytes + other) }
        var joined = bytes
        joined.reserveCapacity(bytes.count + 1 + other.count)
        joined.append(UInt8(ascii: "/"))
        joined.append(contentsOf: other)
        return FilePath(joined)
    }

    package func appending(_ text: String) -> FilePath { appending(text.utf8) }

    /// The same place with more at the end of its name.
    package func suffixed(_ text: String) -> FilePath { FilePath(bytes + Array(text.utf8)) }

    package static func / (path: FilePath, name: String) -> FilePath { path.appending(name) }

    /// The directory that holds the last name: `/` for names at the top, `.` for relative ones.
    package var parent: FilePath {
        let trimmed = withoutTrailingSlash
        guard let slash = trimmed.lastIndex(of: UInt8(ascii: "/")) else { return FilePath(".") }
        return slash == 0 ? FilePath("/") : FilePath(Array(trimmed[..<slash]))
    }

    /// The last name.
    package var name: [UInt8] {
        let trimmed = withoutTrailingSlash
        return Array(trimmed[(trimmed.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0)...])
    }

    package var isAbsolute: Bool { bytes.first == UInt8(ascii: "/") }

    /// Without `.`, `..` and double slashes, by text alone: links are not looked at.
    package var normalized: FilePath {
        var names: [ArraySlice<UInt8>] = []
        for name in bytes.split(separator: UInt8(ascii: "/")) where name != Array(".".utf8)[...] {
            if name == Array("..".utf8)[...] {
                if let last = names.last, last != name {
                    names.removeLast()
                } else if !isAbsolute {
                    names.append(name)
                }
            } else {
                names.append(name)
            }
        }
        let joined = Array(names.joined(separator: [UInt8(ascii: "/")]))
        if isAbsolute { return FilePath([UInt8(ascii: "/")] + joined) }
        return joined.isEmpty ? FilePath(".") : FilePath(joined)
    }

    /// What comes behind `directory` and its slash; nothing if this is not inside.
    ///
    /// Both are normalized.
    package func relative(to directory: FilePath) -> [UInt8]? {
        if self == directory { return [] }
        let prefix =
            directory.bytes.last == UInt8(ascii: "/")
            ? directory.bytes : directory.bytes + [UInt8(ascii: "/")]
        return bytes.starts(with: prefix) ? Array(bytes.dropFirst(prefix.count)) : nil
    }

    private var withoutTrailingSlash: ArraySlice<UInt8> {
        var trimmed = bytes[...]
        while trimmed.count > 1, trimmed.last == UInt8(ascii: "/") { trimmed.removeLast() }
        return trimmed
    }

    /// Lends the path as C text.
    func withCString<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: bytes.count + 1) { buffer in
            for (index, byte) in bytes.enumerated() { buffer[index] = CChar(bitPattern: byte) }
            buffer[bytes.count] = 0
            return body(UnsafePointer(buffer.baseAddress.unsafelyUnwrapped))
        }
    }
}

extension FilePath: CustomStringConvertible {
    /// The path as text; bytes that are not UTF-8 are replaced.
    package var description: String { String(decoding: bytes, as: UTF8.self) }
}
