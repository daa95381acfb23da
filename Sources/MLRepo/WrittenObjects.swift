internal import ObjectModel
internal import Storage

/// The objects of a store together with those that an operation has just written and not committed yet.
struct WrittenObjects: ObjectReader {
    /// Keeps the nodes of directories.
    let writer: ObjectWriter

    func payload(of reference: ObjectReference) throws(ReadError) -> [UInt8]? {
        if let payload = writer.pending(reference) { return payload }
        return try writer.store.payload(of: reference)
    }
}
