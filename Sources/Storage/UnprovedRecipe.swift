internal import Hashing
package import ObjectModel

/// The recipe of a large blob as somebody else has it: what its chunks make is not known before they were all hashed together.
package struct UnprovedRecipe: Sendable {
    package let blob: ObjectID
    package let reference: ObjectReference
    let payload: [UInt8]

    func parsed() throws(ReadError) -> Recipe {
        do throws(MalformedObject) { return try Recipe(payload: payload) } catch {
            throw .damaged(reference, problem: "\(error)")
        }
    }

    /// How many bytes it says that it makes.
    package var length: Int { (try? parsed())?.length ?? 0 }

    /// Hashes what the recipe makes.
    ///
    /// - Parameter store: Has all chunks, each with the bytes that its id says.
    /// - Throws: ``ReadError/damaged(_:problem:)`` if that is another blob than it says.
    package func prove(in store: ObjectStore) throws(ReadError) {
        let recipe = try parsed()
        var (hash, length) = (SHA256(), 0)
        try recipe.forEachChunk(in: store) { (chunk) throws(ReadError) in
            let bytes = try store.uncheckedChunk(chunk)
            bytes.withUnsafeBytes { hash.update($0) }
            length += bytes.count
        }
        guard length == recipe.length, ObjectID(hash.finish()) == blob else {
            throw .damaged(ObjectReference(.blob, blob), problem: "its recipe makes other bytes")
        }
    }
}

extension ObjectWriter {
    /// Writes a recipe that was proved, and claimed before.
    package func add(_ recipe: UnprovedRecipe) throws(StoreError) {
        var builder = FrameBuilder(.metadata)
        builder.add(recipe.reference, recipe.payload, recipeOf: recipe.blob)
        try append(&builder)
    }

    /// Makes durable what was written so far, and gives a view of the store in which it is found.
    package func view() throws(StoreError) -> ObjectStore {
        var readers: [PackReader] = []
        for pack in try finish().packs {
            readers.append(try PackReader(name: pack.name, layout: store.layout, files: store.files))
        }
        return try store.viewing(readers)
    }
}
