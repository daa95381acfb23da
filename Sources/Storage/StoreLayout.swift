package import FileIO

/// Where the files of a store lie (`Documentation/Formats/layout.md`).
package struct StoreLayout: Hashable, Sendable {
    /// The directory that holds `format`.
    package let root: FilePath
    /// Bits that new directories get beyond those of the owner and the umask.
    package let directoryPermissions: UInt16

    package init(root: FilePath, directoryPermissions: UInt16 = 0o777) {
        self.root = root
        self.directoryPermissions = directoryPermissions
    }

    package var format: FilePath { root / "format" }
    package var packs: FilePath { root / "packs" }
    package var log: FilePath { root / "log" }
    package var newEntries: FilePath { root / "log/new" }
    package var lists: FilePath { root / "log/lists" }
    package var tiles: FilePath { root / "log/tile" }
    /// Where signed heads of a log are kept.
    package func heads(of origin: String) -> FilePath { root / "log/heads" / origin }
    package var temporary: FilePath { root / "tmp" }
    package var cache: FilePath { root / "cache" }
    /// Who writes has it alone, as far as that can be had (``ObjectStore/takeTurn()``).
    package var turn: FilePath { cache / "turn" }

    /// The file of a pack.
    package func pack(_ name: PackName) -> FilePath { packs / name.directory / name.fileName }

    /// The file of a log entry that lies in no sealed tile.
    package func entry(_ number: Int) -> FilePath {
        let digits = String(number)
        return newEntries / (String(repeating: "0", count: 20 - digits.count) + digits)
    }

    /// Where a tile lies: `group` is a level's number or `entries`.
    package func tile(_ group: String, _ number: Int) -> FilePath {
        var rest = number
        var path = Self.threeDigits(rest % 1000)
        while rest >= 1000 {
            rest /= 1000
            path = "x\(Self.threeDigits(rest % 1000))/\(path)"
        }
        return tiles / group / path
    }

    private static func threeDigits(_ number: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: 3 - digits.count) + digits
    }
}

extension StoreLayout {
    /// The packs whose files are there, live or not, sorted; as far as the directories can be read.
    func packNames(_ files: any FileSystem) -> [PackName] {
        var found: [PackName] = []
        for directory in (try? files.names(in: packs)) ?? [] {
            for name in (try? files.names(in: packs.appending(directory))) ?? [] {
                let text = String(decoding: name, as: UTF8.self)
                guard text.hasSuffix(".pack"), let pack = PackName(String(text.dropLast(5))) else { continue }
                found.append(pack)
            }
        }
        return found.sorted()
    }
}
