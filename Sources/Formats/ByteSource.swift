/// A file of a known length of which parts are read.
package struct ByteSource {
    package let length: Int
    private let read: (_ offset: Int, _ count: Int) -> [UInt8]?

    /// - Parameter read: The bytes from an offset on; nothing, or fewer, where these cannot be had.
    package init(length: Int, read: @escaping (_ offset: Int, _ count: Int) -> [UInt8]?) {
        (self.length, self.read) = (length, read)
    }

    package init(_ bytes: [UInt8]) {
        self.init(length: bytes.count) { Array(bytes[$0..<$0 + $1]) }
    }

    /// Some bytes; nothing if the file does not have them all.
    func bytes(at offset: Int, count: Int) -> [UInt8]? {
        guard offset >= 0, count >= 0, offset <= length, count <= length - offset else { return nil }
        return read(offset, count).flatMap { $0.count == count ? $0 : nil }
    }
}
