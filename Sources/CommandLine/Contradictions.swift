internal import ObjectModel
internal import Synchronization
internal import WorkingTree

/// Files of tensors that have another length than their headers say, as they are met by a command.
final class Contradictions: Sendable {
    private let found = Mutex<[RepositoryPath: (announced: Int, length: Int)]>([:])

    func note(_ step: WorkStep) {
        guard case .contradiction(let path, let announced, let length) = step else { return }
        found.withLock { $0[path] = (announced, length) }
    }

    /// So many files are named one by one.
    private static let limit = 8

    /// Says which files these are.
    func say() {
        let files = found.withLock { $0 }.sorted { $0.key < $1.key }
        for (path, file) in files.prefix(Self.limit) {
            let isShort = file.length < file.announced
            Terminal.printError(
                "warning: \(path) has \(Terminal.count(file.length)) bytes, by its header it should have \(Terminal.count(file.announced)): "
                    + (isShort
                        ? "it was cut short, or is still being written" : "something was appended to it")
                    + "; it is kept as it is")
        }
        if files.count > Self.limit {
            Terminal.printError(
                "warning: and so \(Terminal.count(files.count - Self.limit)) more files of tensors")
        }
    }
}
