internal import FileIO
internal import ObjectModel

/// What a store's file `format` says; written once (`Documentation/Formats/layout.md`).
package struct StoreFormat: Hashable, Sendable {
    package static let number = 1
    /// The only rule by which this version cuts files.
    static let cutRule = 1

    /// 32 random hex digits: the store's own name in its log.
    package let origin: String
    /// The rule by which new files are cut.
    package let cutRule: Int
    /// Permission bits that new files and directories get in addition.
    package let sharedBits: Int?

    package init(origin: String, cutRule: Int, sharedBits: Int?) {
        self.origin = origin
        self.cutRule = cutRule
        self.sharedBits = sharedBits
    }

    package var bytes: [UInt8] {
        JSONValue.object([
            "cutRule": .integer(cutRule), "format": .integer(Self.number), "origin": .string(origin),
            "shared": sharedBits.map { .integer($0) },
        ]).canonicalBytes + [0x0a]
    }

    package init(bytes: [UInt8], layout: StoreLayout) throws(StoreError) {
        var unknown: Int?
        do throws(MalformedObject) {
            guard bytes.last == 0x0a else { throw .truncated("the last line", offset: bytes.count) }
            let json = try JSONValue(canonical: Array(bytes.dropLast()))
            if case .integer(let number)? = json.member("format"), number != Self.number { unknown = number }
            origin = try json.string("origin")
            guard Hex.bytes(origin)?.count == 16 else { throw .member("origin", expected: "32 hex digits") }
            cutRule = try json.integer("cutRule")
            sharedBits = try json.optionalInteger("shared")
            _ = try json.integer("format")
        } catch {
            if let unknown { throw .format(unknown) }
            throw .damaged(layout.format, problem: "\(error)")
        }
        if let unknown { throw .format(unknown) }
    }
}
