internal import Coding
internal import ObjectModel
internal import Synchronization

/// How each object that an operation writes is stored.
///
/// May be used from any thread.
package final class WriteLedger: Sendable {
    /// One object, as it was written.
    struct Line: Sendable {
        let codec: String
        let rawBytes: Int
        /// Its share of the frame.
        let storedBytes: Int
        let bases: [ObjectReference]
    }

    private let lines = Mutex<[ObjectReference: Line]>([:])

    package init() {}

    func note(_ frame: EncodedFrame) {
        let factor = Double(frame.storedLength) / Double(max(1, frame.rawLength))
        lines.withLock { lines in
            for object in frame.objects {
                lines[object.reference] = Line(
                    codec: frame.codec.name, rawBytes: object.length,
                    storedBytes: Int(factor * Double(object.length)),
                    bases: frame.codec.isDifference ? frame.bases : [])
            }
        }
    }

    /// How an object was written; nothing if it was not.
    func line(of reference: ObjectReference) -> Line? { lines.withLock { $0[reference] } }
}
