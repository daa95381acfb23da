internal import ObjectModel
internal import Storage
internal import WorkingTree

/// Puts the records of one run into the store and the log, each in the place of the one before.
struct RunRecords: Sendable {
    let repository: Repository
    let actor: Person
    let head: WorkingCopy.Head

    /// - Parameters:
    ///   - before: The record that it follows; nothing for the first one.
    ///   - also: What else is to be changed with it.
    /// - Returns: The record's id, and what the store grew by.
    /// - Throws: ``StoreError/moved(_:)`` if somebody else has put another record there.
    func put(
        _ run: Run, after before: ObjectID?, _ writer: ObjectWriter,
        also: () throws(RepositoryError) -> [RefChange] = { [] }
    ) throws(RepositoryError) -> (id: ObjectID, storedBytes: Int) {
        for root in [run.inputs, run.outputs] where root == DirectoryTree.emptyRoot {
            try storing { () throws(StoreError) in try writer.add(ObjectReference(.tree, root), [0, 0]) }
        }
        let id = try storing { () throws(StoreError) in try writer.add(.run, run.payload) }
        let name = try naming { () throws(InvalidName) in try RefName("runs/\(run.name ?? "")") }
        let result = try repository.transact(
            Repository.runVerb, reason: Repository.words(of: run), actor: actor, head, writer
        ) { () throws(RepositoryError) in
            let found = try repository.ref(name)
            guard found?.id == before else { throw .store(.moved(name)) }
            return try [RefChange(name: name, before: found, after: ObjectReference(.run, id))] + also()
        }
        return (id, result.storedBytes)
    }

    /// Takes a run out of the log: nothing was executed.
    func takeBack(
        _ name: String, also: () throws(RepositoryError) -> [RefChange]
    ) throws(RepositoryError) {
        let writer = ObjectWriter(repository.store, random: repository.environment.random)
        defer { writer.abandon() }
        let ref = try naming { () throws(InvalidName) in try RefName("runs/\(name)") }
        _ = try repository.transact(
            Repository.runVerb, reason: "not executed", actor: actor, head, writer
        ) { () throws(RepositoryError) in
            guard let found = try repository.ref(ref) else { return [] }
            return try [RefChange(name: ref, before: found, after: nil)] + also()
        }
    }
}
