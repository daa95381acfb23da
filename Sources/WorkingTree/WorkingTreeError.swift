package import FileIO
package import ObjectModel
package import Storage

/// Why files could not become a tree, or a tree files.
package enum WorkingTreeError: Error, Equatable, CustomStringConvertible {
    case file(FileError)
    case store(StoreError)
    case object(ReadError)
    /// The content of a file is damaged or missing in the store.
    case content(RepositoryPath, ReadError)
    /// A file that belongs to the version cannot be read.
    case unreadable(RepositoryPath, FileError)
    /// A file kept changing while it was read.
    case unsteady(RepositoryPath)
    /// A path cannot be kept.
    case name(InvalidName)
    /// A version has two entries of which one is in the place of the other.
    case conflict(RepositoryPath)
    /// What is to be written is more than is free, both in bytes.
    case noSpace(needed: Int, free: Int)
    /// Files of the working tree would be lost: changed ones, and untracked ones in the way.
    case wouldLose([RepositoryPath])
    /// A file is larger than the format can hold.
    case tooLarge(RepositoryPath, Int)
    /// A link's target is empty, longer than 4,095 bytes, or has a NUL.
    case badLink(RepositoryPath)

    package var description: String {
        switch self {
        case .file(let error): "\(error)"
        case .store(let error): "\(error)"
        case .object(let error): "\(error)"
        case .content(let path, let error): "\(path) cannot be written: \(error)"
        case .unreadable(let path, let error): "cannot read \(path): \(error.reason)"
        case .unsteady(let path): "\(path) keeps changing while it is read"
        case .name(let error): "\(error)"
        case .conflict(let path):
            "the version has two entries at \(path), or one beneath another that is no directory"
        case .noSpace(let needed, let free):
            "\(needed / 1_000_000) MB are to be written, and \(free / 1_000_000) MB are free"
        case .wouldLose(let paths):
            paths.count == 1
                ? "\(paths[0]) has changes that would be lost"
                : "\(paths.count) files have changes that would be lost"
        case .tooLarge(let path, let size):
            "\(path) has \(size) bytes, which is more than the format can hold"
        case .badLink(let path): "\(path) is a link whose target is empty, too long, or has a NUL"
        }
    }
}

func working<Result>(_ body: () throws(FileError) -> Result) throws(WorkingTreeError) -> Result {
    do throws(FileError) { return try body() } catch { throw .file(error) }
}
