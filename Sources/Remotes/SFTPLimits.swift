internal import ObjectModel

/// How much a server takes and gives at once.
struct SFTPLimits: Equatable {
    /// Bytes of one reading.
    private(set) var reading = 32 << 10
    /// Bytes of one writing.
    private(set) var writing = 32 << 10
    /// Files that are open at once.
    private(set) var handles = 64

    /// What every server has by the draft.
    init() {}

    /// The reply to `limits@openssh.com`; 0 stands for a limit that the server does not know.
    init(_ bytes: [UInt8]) throws(TransportError) {
        var reader = ByteReader(bytes)
        let packet = try reader.number64()
        let most = UInt64(SFTPPacket.lengthLimit - SFTPPacket.overhead)
        let room = packet == 0 ? most : min(most, packet - min(packet, UInt64(SFTPPacket.overhead)))
        func length(_ limit: UInt64, _ usual: Int) -> Int {
            let limit = limit == 0 ? UInt64(usual) : limit
            return max(1024, Int(min(limit, room)))
        }
        reading = length(try reader.number64(), reading)
        writing = length(try reader.number64(), writing)
        let handles = try reader.number64()
        // Half of them are left to calls that are made within another one.
        if handles > 0 { self.handles = Int(min(256, max(1, handles / 2))) }
    }
}
