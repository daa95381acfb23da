package import ObjectModel

/// Objects in a dictionary: the smallest ``ObjectReader``.
package struct MemoryObjects: ObjectReader {
    private var payloads: [ObjectReference: [UInt8]] = [:]

    package init() {}

    package var count: Int { payloads.count }

    @discardableResult
    package mutating func add(_ kind: ObjectKind, _ payload: [UInt8]) -> ObjectID {
        let id = ObjectID(of: kind, payload: payload)
        payloads[ObjectReference(kind, id)] = payload
        return id
    }

    package func payload(of reference: ObjectReference) -> [UInt8]? { payloads[reference] }
}
