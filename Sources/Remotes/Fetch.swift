package import ObjectModel
package import Storage

/// Takes objects of another store into this one: what refs name and all that they reach, every object hashed before it is named here.
package struct Fetch {
    private let remote: RemoteStore
    private let local: ObjectStore
    private let threads: Int

    /// - Parameter threads: How many decode and hash what comes.
    package init(from remote: RemoteStore, to local: ObjectStore, threads: Int) {
        (self.remote, self.local, self.threads) = (remote, local, threads)
    }

    /// What came.
    package struct Outcome: Sendable {
        package var objects = 0
        /// Length of the frames, in bytes.
        package var bytes = 0
        /// Recipes of large blobs, which were not appended: they have to be proved first.
        package var recipes: [UnprovedRecipe] = []
        /// Metadata that came, with that of the recipes.
        package var metadata: [ObjectReference] = []

        package init() {}
    }

    /// Writes what some refs of the other store reach and this one lacks.
    ///
    /// - Parameters:
    ///   - wanted: What the refs name.
    ///   - known: What this store's own refs name: all that they reach is here.
    ///   - number: An entry of the other log up to which everything was taken over before.
    ///   - lacks: Whether an object is not here: then it is taken, once.
    ///   - append: Takes what comes, frame by frame; a frame's base may come behind it.
    ///   - progress: Takes how many bytes of how many are there.
    package func receive(
        _ wanted: [ObjectReference], knowing known: [ObjectReference], from number: Int?,
        lacks: (ObjectReference) -> Bool, append: (EncodedFrame) throws(StoreError) -> Void,
        progress: (Int, Int) -> Void
    ) throws(TransferError) -> Outcome {
        let selection: ObjectSelection
        do throws(RemoteError) {
            selection = try remote.viewing(with: local, from: number) { (view, packs) throws(ReadError) in
                for pack in packs { remote.expect(pack.index.metadataFrames, of: pack.name) }
                return try ObjectSelection(
                    of: wanted, without: known, in: view, isThere: { !lacks($0) },
                    hasBase: { local.hasCopy(of: $0, below: $1) })
            }
        } catch { throw .there(error) }
        var outcome = Outcome()
        (outcome.objects, outcome.metadata) = (selection.count, selection.metadata)
        var total = 0
        for pack in selection.touched {
            let frames = selection.frames(of: pack.name)
            total += frames.reduce(0) { $0 + $1.count }
            remote.expect(frames, of: pack.name)
        }
        progress(0, total)
        var failure: StoreError?
        do throws(RemoteError) {
            try remote.storing { () throws(StoreError) in
                try selection.forEachFrame(
                    threads: threads, trusting: false, recipe: { outcome.recipes.append($0) }
                ) { (frame) throws(StoreError) in
                    do throws(StoreError) { try append(frame) } catch {
                        failure = error
                        throw error
                    }
                    outcome.bytes += frame.storedLength
                    progress(outcome.bytes, total)
                }
            }
        } catch {
            if let failure { throw .here(failure) }
            throw .there(error)
        }
        return outcome
    }
}
