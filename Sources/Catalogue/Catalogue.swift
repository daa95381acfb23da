internal import Hashing
package import ObjectModel

/// What is known of objects, as facts by their names, in one SQLite file that can be thrown away.
///
/// Everything in it is derived: a file that is none of ours, of another version or damaged is made anew and empty. Damage that SQLite
/// does not notice (it has no checksums) is believed until the item, or everything, is added again.
///
/// Several processes may use one file. Its journal is SQLite's rollback journal, which needs nothing but the locks of files, where
/// a write-ahead log needs memory that all of them share.
package struct Catalogue: ~Copyable {
    /// What an object has.
    package struct Item: Sendable {
        package let id: ObjectID
        /// Full names, as `metrics.f1` or `author`, that may occur several times; names differ if their bytes do.
        package let facts: [(name: String, value: String)]
        /// Directories by what they are to the object, as `input`.
        package let trees: [(name: String, root: ObjectID)]

        package init(
            id: ObjectID, facts: [(name: String, value: String)], trees: [(name: String, root: ObjectID)]
        ) {
            self.id = id
            self.facts = facts
            self.trees = trees
        }
    }

    /// How long another process is waited for, in milliseconds.
    static let patience: Int32 = 5000

    let database: Database

    /// Opens a catalogue, or makes it.
    ///
    /// - Parameter path: Of the file; beside it lies its journal while it is written. nil is a catalogue in memory.
    /// - Throws: If the file cannot be made or written, or is held by another process; never for what it holds.
    package init(at path: [UInt8]?) throws(CatalogueError) {
        if let path { try Self.prepare(path) }
        do {
            self = try Catalogue(opening: path)
        } catch {
            guard let path, error == .damaged else { throw error }
            try Self.remove(at: path)
            self = try Catalogue(opening: path)
        }
    }

    private init(opening path: [UInt8]?) throws(CatalogueError) {
        let database = try Database(at: path)
        if database.isReadOnly {
            // Of a file that we may write it is what its header asks for.
            guard let path, !Self.isWritable(path) else { throw .damaged }
            throw .unwritable(words: "the file may only be read")
        }
        try Self.makeSchema(in: database)
        self.database = database
    }

    /// What the owner wrote with the last update, as how far it has read; nil before the first.
    package var mark: String? {
        get throws(CatalogueError) {
            let statement = try database.prepare("SELECT mark FROM state")
            guard try statement.step() else { throw .damaged }
            return statement.isNull(0) ? nil : statement.text(0)
        }
    }

    /// All objects that it knows something of.
    package func ids() throws(CatalogueError) -> Set<ObjectID> {
        var ids: Set<ObjectID> = []
        let statement = try database.prepare("SELECT id FROM item")
        while try statement.step() { ids.insert(try statement.id(0)) }
        return ids
    }
}

extension Statement {
    func id(_ column: Int32) throws(CatalogueError) -> ObjectID {
        let id = withBytes(column) { bytes -> ObjectID? in
            guard bytes.count == ObjectID.byteCount, let address = bytes.baseAddress else { return nil }
            return ObjectID(loading: address)
        }
        guard let id else { throw .damaged }
        return id
    }

    func bind(_ index: Int32, _ id: ObjectID) throws(CatalogueError) { try bind(index, id.digest.bytes) }
}
