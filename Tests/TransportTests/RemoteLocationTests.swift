import FileIO
import Testing

@testable import Remotes

/// What people write for the place of another store.
@Suite struct RemoteLocationTests {
    private func location(_ text: String) throws -> RemoteLocation {
        try RemoteLocation(Array(text.utf8), from: FilePath("/here"))
    }

    @Test(
        arguments: [
            ("host:/srv/store", nil, "host", nil, "/srv/store"),
            ("ada@host:data", "ada", "host", nil, "data"),
            // The remote shell's home is where a path begins that begins nowhere.
            ("host:~/data", nil, "host", nil, "data"), ("ssh://host/~/data", nil, "host", nil, "data"),
            ("[::1]:/srv", nil, "::1", nil, "/srv"), ("ada@[fe80::1]:~/x", "ada", "fe80::1", nil, "x"),
            ("ssh://ada@[::1]:2222/srv", "ada", "::1", 2222, "/srv"), ("host:a:b", nil, "host", nil, "a:b"),
        ] as [(String, String?, String, Int?, String)])
    func `places of other machines`(_ text: String, user: String?, host: String, port: Int?, path: String)
        throws
    {
        #expect(try location(text) == .ssh(user: user, host: host, port: port, path: FilePath(path)))
    }

    @Test(arguments: ["./a:b", "/srv/a:b", "sub/host:/x", "[::1", "[::1]/x", "store"])
    func `places of this machine`(_ text: String) throws {
        guard case .directory(let path) = try location(text) else {
            Issue.record("\(text) is of another machine")
            return
        }
        #expect(path == FilePath("/here").appending(text).normalized)
    }

    @Test(arguments: [
        "-oProxyCommand=x:/y", "@host:/x", "host:", "ssh://host", "ssh://host:0/x", "s3://bucket/x", "a b:/x",
    ])
    func `places that cannot be`(_ text: String) {
        #expect(throws: RemoteLocation.Problem.self) { try location(text) }
    }
}
