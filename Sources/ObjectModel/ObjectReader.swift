/// Where objects come from: a store, or a dictionary in a test.
///
/// May be called from any thread. Absence is a value; what is there and cannot be delivered is an error.
package protocol ObjectReader: Sendable {
    /// The payload of an object, checked against its id; nothing if it is not there.
    ///
    /// For blobs above one chunk (``ObjectKind/payloadLimit``) use a reader that streams.
    func payload(of reference: ObjectReference) throws(ReadError) -> [UInt8]?
}

/// Why an object could not be read.
package enum ReadError: Error, Equatable, CustomStringConvertible {
    /// Something refers to it, and it is not in the store.
    case missing(ObjectReference)
    /// Its bytes are there and wrong; `problem` says what, and where they lie.
    case damaged(ObjectReference, problem: String)
    /// The system failed to deliver its bytes.
    case unreadable(ObjectReference, problem: String)

    package var description: String {
        switch self {
        case .missing(let reference): "\(reference) is missing"
        case .damaged(let reference, let problem): "\(reference) is damaged: \(problem)"
        case .unreadable(let reference, let problem): "\(reference) cannot be read: \(problem)"
        }
    }
}

extension ObjectReader {
    /// The payload of an object that has to be there.
    package func required(_ kind: ObjectKind, _ id: ObjectID) throws(ReadError) -> [UInt8] {
        let reference = ObjectReference(kind, id)
        guard let payload = try payload(of: reference) else { throw .missing(reference) }
        return payload
    }

    package func commit(_ id: ObjectID) throws(ReadError) -> Commit { try decoded(.commit, id, Commit.init) }

    package func run(_ id: ObjectID) throws(ReadError) -> Run { try decoded(.run, id, Run.init) }

    package func event(_ id: ObjectID) throws(ReadError) -> Event { try decoded(.event, id, Event.init) }

    private func decoded<Value>(
        _ kind: ObjectKind, _ id: ObjectID, _ decode: ([UInt8]) throws(MalformedObject) -> Value
    ) throws(ReadError) -> Value {
        let payload = try required(kind, id)
        do { return try decode(payload) } catch {
            throw .damaged(ObjectReference(kind, id), problem: "\(error)")
        }
    }
}
