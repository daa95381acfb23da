internal import FileIO

/// Where the bytes of a pack come from.
package protocol PackSource: Sendable {
    /// Bytes from an offset on; fewer where the pack ends.
    func read(at offset: Int, length: Int) throws(StoreError) -> [UInt8]
}

/// A pack on a disk of this machine.
struct PackFile: PackSource {
    let path: FilePath
    let files: any FileSystem

    func read(at offset: Int, length: Int) throws(StoreError) -> [UInt8] {
        try filing { () throws(FileError) in try files.bytes(of: path, at: offset, count: length) }
    }
}
