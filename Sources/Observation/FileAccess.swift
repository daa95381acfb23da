package import FileIO

/// One thing that a command asked the system for, before the system did it.
package enum FileAccess: Sendable {
    /// What is to be done with an open file.
    package struct Opening: OptionSet, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }

        package static let reading = Opening(rawValue: 1)
        package static let writing = Opening(rawValue: 2)
        /// What it held is dropped.
        package static let truncating = Opening(rawValue: 4)
        /// It is made if it is not there.
        package static let creating = Opening(rawValue: 8)
        /// It fails if it is there.
        package static let exclusive = Opening(rawValue: 16)
    }

    case open(FilePath, Opening, was: FileStatus?)
    case execute(FilePath, was: FileStatus?)
    case rename(FilePath, to: FilePath, was: FileStatus?, replaced: FileStatus?)
    /// Two files get each other's name.
    case exchange(FilePath, FilePath, was: FileStatus?, other: FileStatus?)
    /// A second name, or a symbolic link, that comes.
    case link(FilePath, replaced: FileStatus?)
    case remove(FilePath, was: FileStatus?)
}
