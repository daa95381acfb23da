package import FileIO
package import ObjectModel
package import Storage

/// Why files could not become a tree, or a tree files.
package enum WorkingTreeError: Error, Equatable, CustomStringConvertible {
    case file(FileError)
    case store(StoreError)
    case object(ReadError)
    /// A file that belongs to the version cannot be read.
    case unreadable(RepositoryPath, FileError)
    /// A file kept changing while it was read.
    case unsteady(RepositoryPath)
    /// A path cannot be kept.
    case name(InvalidName)
    /// Files of the working tree would be lost: changed ones, and untracked ones in the way.
    case wouldLose([RepositoryPath])
    /// A file is larger than the format can hold.
    case tooLarge(RepositoryPath, Int)
    /// A link's target is empty or longer than 4,095 bytes.
    case badLink(RepositoryPath)

    package var description: String {
        switch self {
        case .file(let error): "\(error)"
        case .store(let error): "\(error)"
        case .object(let error): "\(error)"
        case .unreadable(let path, let error): "cannot read \(path): \(error.reason)"
        case .unsteady(let path): "\(path) keeps changing while it is read"
        case .name(let error): "\(error)"
        case .wouldLose(let paths):
            paths.count == 1
                ? "\(paths[0]) has changes that would be lost"
                : "\(paths.count) files have changes that would be lost"
        case .tooLarge(let path, let size):
            "\(path) has \(size) bytes, which is more than the format can hold"
        case .badLink(let path): "\(path) is a link whose target is empty or too long"
        }
    }
}

func working<Result>(_ body: () throws(FileError) -> Result) throws(WorkingTreeError) -> Result {
    do throws(FileError) { return try body() } catch { throw .file(error) }
}
