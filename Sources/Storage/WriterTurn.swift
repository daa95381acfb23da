internal import FileIO

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// The turn of one writer among many.
///
/// The log needs no such thing: of two who write at once, one is faster and the other begins again. Where many write at once, that
/// is nearly all of the work; so they wait for each other, if they can, and not for longer than that is worth.
package struct WriterTurn {
    /// Whether somebody else had it first, so that there is something new in the store.
    package let hasWaited: Bool
    /// Nothing where none is to be had: then everybody writes.
    private let file: FileDescriptor?
    private let files: any FileSystem

    fileprivate init(_ file: FileDescriptor?, _ files: any FileSystem, hasWaited: Bool) {
        (self.file, self.files, self.hasWaited) = (file, files, hasWaited)
    }

    /// Lets the next one write.
    package func end() {
        if let file { files.close(file) }
    }
}

extension ObjectStore {
    /// So long somebody is waited for who may be stopped, or have much to write, in milliseconds.
    private static let turnPatience = 5_000

    /// Waits until no other process of this person writes to the store, or long enough.
    ///
    /// The turn has to be ended.
    package func takeTurn() -> WriterTurn {
        var waited = 0
        while true {
            do throws(FileError) {
                if let file = try files.occupy(layout.turn) {
                    return WriterTurn(file, files, hasWaited: waited > 0)
                }
            } catch {
                // The directory is made by whoever needs it first; a store that cannot be written to has none.
                guard waited == 0,
                    (try? files.makeDirectories(layout.cache, permissions: 0o777, below: layout.root)) != nil,
                    let file = (try? files.occupy(layout.turn)) ?? nil
                else { return WriterTurn(nil, files, hasWaited: waited > 0) }
                return WriterTurn(file, files, hasWaited: false)
            }
            guard waited < Self.turnPatience else { return WriterTurn(nil, files, hasWaited: true) }
            let pause = min(16, 1 + waited / 8)
            usleep(UInt32(pause) * 1_000)
            waited += pause
        }
    }
}
