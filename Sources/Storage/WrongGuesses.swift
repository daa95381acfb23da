internal import ObjectModel

/// Counts guesses at what tensors may be versions of that were wrong, so that a data set of arrays, none of which is a version of another
/// one, is not held against itself array by array: neither where they lie in one directory, nor where each has a directory of its own.
///
/// Memory: some hundred bytes for each of at most ``placeLimit`` directories, twice, and ``limit`` names in each.
struct WrongGuesses {
    /// After so many wrong guesses in a file, only one in ``step`` is tried; and so after as many files of a directory, and after as many
    /// directories of a directory.
    static let (limit, step) = (32, 16)
    private static let placeLimit = 1024

    /// What lies in one place.
    private struct Place {
        /// Wrong guesses in each, of those without a right one.
        var wrong: [RepositoryPath: Int] = [:]
        /// Guesses in further ones.
        var others = 0

        /// The number of wrong guesses in one before this one; nothing if too many others had some, and this one is not tried for that.
        mutating func count(_ path: RepositoryPath) -> Int? {
            guard let count = wrong[path] ?? (wrong.count < WrongGuesses.limit ? 0 : nil) else {
                others += 1
                return others % WrongGuesses.step == 0 ? 0 : nil
            }
            wrong[path] = count + 1
            return count
        }
    }

    /// Files by their directories, and directories by those above them.
    private var (files, directories): ([RepositoryPath: Place], [RepositoryPath: Place]) = ([:], [:])

    /// Whether a guess at a piece of a file is worth being tried; counts it as wrong until it is right.
    mutating func isTried(_ file: RepositoryPath) -> Bool {
        let directory = Self.directory(of: file)
        if let above = directory.split?.directory,
            Self.count(directory, in: above, of: &directories) == nil
        {
            return false
        }
        guard let count = Self.count(file, in: directory, of: &files) else { return false }
        return count < Self.limit || (count + 1) % Self.step == 0
    }

    /// A guess was right: others of that directory, and of those beside it, may be, too.
    mutating func wasRight(_ file: RepositoryPath) {
        let directory = Self.directory(of: file)
        files[directory] = nil
        if let above = directory.split?.directory { directories[above] = nil }
    }

    private static func count(
        _ path: RepositoryPath, in place: RepositoryPath, of places: inout [RepositoryPath: Place]
    ) -> Int? {
        if places[place] == nil, places.count >= placeLimit { places.removeAll() }
        return places[place, default: Place()].count(path)
    }

    private static func directory(of file: RepositoryPath) -> RepositoryPath {
        file.split?.directory ?? .root
    }
}
