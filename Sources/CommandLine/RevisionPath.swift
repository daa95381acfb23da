internal import MLRepo
internal import ObjectModel

/// `REVISION:PATH`, as people type it.
enum RevisionPath {
    /// The path behind the colon: from the top of the version, and from where one stands if it begins with `./` or `../`.
    static func path(_ text: String, _ repository: Repository) throws -> RepositoryPath {
        let isNear = [".", ".."].contains(text) || text.hasPrefix("./") || text.hasPrefix("../")
        let bytes = ArgumentText.bytes(text)
        return isNear ? try repository.path(bytes) : try RepositoryPath(bytes)
    }

    /// Where the colon is that ends the revision: not one of `run:`, `git:` or `sha256:`, nor one inside `@{…}`.
    static func colon(in text: String) -> String.Index? {
        var start = text.startIndex
        for prefix in ["run:", "git:", "sha256:"] where text.hasPrefix(prefix) {
            start = text.index(start, offsetBy: prefix.count)
        }
        var depth = 0
        for index in text[start...].indices {
            switch text[index] {
            case "{": depth += 1
            case "}": depth -= 1
            case ":" where depth <= 0: return index
            default: break
            }
        }
        return nil
    }
}
