package import ObjectModel

/// How far long work over files has come.
package enum WorkStep: Sendable {
    /// So much more is to be done.
    case planned(files: Int, bytes: Int)
    /// Bytes of a file are done.
    case bytes(Int)
    /// A file is done.
    case file
    /// A file of tensors has another length than its header says; it is kept as it is.
    case contradiction(RepositoryPath, announced: Int, length: Int)
}
