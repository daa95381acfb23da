internal import CSQLite

/// Why a catalogue cannot be used.
package enum CatalogueError: Error, Equatable {
    /// The file cannot be opened, made or written, as in a directory that may only be read.
    case unwritable(words: String)
    /// In its place lies a directory.
    case directory
    /// Old files of the catalogue cannot be removed.
    case unremovable(errno: Int32)
    /// Another process held it for more than ``Catalogue/patience``.
    case busy
    /// What the file holds is not what was written: nothing was changed.
    ///
    /// Everything in it is derived: ``Catalogue/remove(at:)``, and open it again.
    case damaged
    /// Another process made the file anew meanwhile: open it again.
    case replaced
    /// No space is left on the disk.
    case full
    /// What SQLite says in any other case, as of a value of more than a billion bytes.
    case failed(code: Int32, words: String)

    /// - Parameter code: A result of SQLite that is not success, in its extended form or not.
    init(code: Int32, words: String) {
        // An extended code, so that it has to be looked at first.
        guard code != 8 | 4 << 8 else {  // SQLITE_READONLY_DBMOVED, an expression that Swift does not import
            self = .replaced
            return
        }
        self =
            switch code & 0xFF {
            case SQLITE_BUSY, SQLITE_LOCKED: .busy
            // What breaks a constraint contradicts what we know of our own rows, and an error of a statement (SQLITE_ERROR) what we know of
            // our own statements, which are always the same.
            case SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_FORMAT, SQLITE_CONSTRAINT, SQLITE_MISMATCH,
                SQLITE_ERROR:
                .damaged
            case SQLITE_CANTOPEN, SQLITE_READONLY, SQLITE_PERM, SQLITE_AUTH: .unwritable(words: words)
            case SQLITE_FULL: .full
            default: .failed(code: code, words: words)
            }
    }
}

extension CatalogueError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unwritable(let words): "the catalogue cannot be written: \(words)"
        case .directory: "a directory lies in the place of the catalogue"
        case .unremovable(let errno): "the old catalogue cannot be removed: error \(errno) of the system"
        case .busy: "another process holds the catalogue"
        case .damaged: "the catalogue is damaged"
        case .replaced: "another process made the catalogue anew"
        case .full: "no space is left for the catalogue"
        case .failed(let code, let words): "the catalogue cannot be used: \(words) (\(code) of SQLite)"
        }
    }
}
