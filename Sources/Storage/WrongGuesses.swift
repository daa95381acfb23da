internal import ObjectModel

/// Counts guesses at what tensors may be versions of that were wrong, so that a data set of arrays, none of which is a version of another
/// one, is not held against itself array by array.
///
/// Memory: some hundred bytes for each of at most ``directoryLimit`` directories and ``limit`` files of each.
struct WrongGuesses {
    /// After so many wrong guesses in a file, only one in ``step`` is tried; and so after as many files of a directory.
    static let (limit, step) = (32, 16)
    private static let directoryLimit = 1024

    private struct Directory {
        /// Wrong guesses by file, of files without a right one.
        var files: [RepositoryPath: Int] = [:]
        /// Pieces of further files.
        var others = 0
    }

    private var directories: [RepositoryPath: Directory] = [:]

    /// Whether a guess at a piece of a file is worth being tried; counts it as wrong until it is right.
    mutating func isTried(_ file: RepositoryPath) -> Bool {
        let place = Self.directory(of: file)
        if directories[place] == nil, directories.count >= Self.directoryLimit { directories.removeAll() }
        var directory = directories[place] ?? Directory()
        defer { directories[place] = directory }
        guard let count = directory.files[file] ?? (directory.files.count < Self.limit ? 0 : nil) else {
            directory.others += 1
            return directory.others % Self.step == 0
        }
        directory.files[file] = count + 1
        return count < Self.limit || (count + 1) % Self.step == 0
    }

    /// A guess was right: others of that directory may be, too.
    mutating func wasRight(_ file: RepositoryPath) { directories[Self.directory(of: file)] = nil }

    private static func directory(of file: RepositoryPath) -> RepositoryPath {
        file.split?.directory ?? .root
    }
}
