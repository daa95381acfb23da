package import FileIO
package import ObjectModel

/// Why a store could not be opened, read or written.
package enum StoreError: Error, Equatable, CustomStringConvertible {
    /// There is no store at the path.
    case notFound(FilePath)
    /// A store is there already.
    case exists(FilePath)
    /// The store's format has a number that this version does not know.
    case format(Int)
    /// A log entry demands a feature that this version does not know.
    case feature(String, entry: Int)
    /// The system failed.
    case file(FileError)
    /// Where the store lies cannot be reached; says why.
    case unreachable(String)
    /// A file of the store holds wrong bytes; `problem` says what and where.
    case damaged(FilePath, problem: String)
    /// A pack that the log calls live is not there.
    case missingPack(PackName)
    /// An object could not be read.
    case object(ReadError)
    /// A record would be larger than the format allows, both in bytes.
    case tooLarge(ObjectKind, Int, limit: Int)
    /// Others kept committing for this many seconds.
    case busy(seconds: Int)
    /// A ref that was to be moved has moved since.
    case moved(RefName)
    /// An entry of the log was to be signed, and was not; says why.
    case cannotSign(String)
    /// The store's policy does not allow an entry; says why.
    case notAllowed(String)
    /// What is to be written has no room, both in bytes.
    case noSpace(needed: Int, free: Int)
    /// What was relied on is gone; the operation is to be made again from its start.
    case outdated

    package var description: String {
        switch self {
        case .notFound(let path): "there is no store at \(path)"
        case .exists(let path): "there is a store at \(path) already"
        case .format(let number): "the store has format \(number), which this version does not know"
        case .feature(let name, let entry):
            "log entry \(entry) demands the feature '\(name)', which this version does not know"
        case .file(let error): "\(error)"
        case .unreachable(let problem): problem
        case .damaged(let path, let problem): "\(path) is damaged: \(problem)"
        case .missingPack(let name): "the pack \(name) is missing"
        case .object(let error): "\(error)"
        case .tooLarge(let kind, let size, let limit):
            "the record of this \(kind.name) would have \(size) bytes, and at most \(limit) can be kept"
        case .busy(seconds: 0): "others kept writing to the store"
        case .busy(let seconds): "others kept writing to the store for \(seconds) seconds"
        case .moved(let name): "\(name) has moved meanwhile"
        case .cannotSign(let problem): "nothing was signed: \(problem)"
        case .notAllowed(let reason): "the store's policy does not allow it: \(reason)"
        case .noSpace(let needed, let free):
            "\(needed / 1_000_000) MB are to be written, and \(free / 1_000_000) MB are free"
        case .outdated: "the store was changed meanwhile"
        }
    }
}

/// Runs file calls and turns their errors into this target's.
package func filing<Result>(_ body: () throws(FileError) -> Result) throws(StoreError) -> Result {
    do throws(FileError) { return try body() } catch { throw .file(error) }
}
