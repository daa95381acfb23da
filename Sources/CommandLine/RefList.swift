internal import ArgumentParser
internal import MLRepo
internal import ObjectModel

/// Names and what they stand for.
enum RefList {
    /// What became of one name: programs are told, people see that nothing went wrong.
    static func say(_ name: String, _ id: ObjectID?, json: Bool) {
        guard json else { return }
        Terminal.printJSON(.object(["name": .string(name), "commit": id?.json ?? .null]))
    }

    static func show(_ refs: [(name: String, target: ObjectReference)], json: Bool, current: String?) throws {
        if json {
            let list = refs.map { ref in
                JSONValue.object([
                    "name": .string(ref.name), "commit": ref.target.id.json,
                    "current": ref.name == current ? .bool(true) : nil,
                ])
            }
            return Terminal.printJSON(.array(list))
        }
        for ref in refs {
            Terminal.print("\(ref.name == current ? "*" : " ") \(ref.name)  \(ref.target.id.short)")
        }
    }
}
