package import FileIO
package import ObjectModel
internal import Remotes
internal import Storage

/// A bundle that is to be made.
package struct BundleRequest: Sendable {
    /// What goes into it.
    package var content: PushRequest
    /// What whoever takes something out of it has, with all that these commits reach: it is left out.
    package var since: [ObjectID]
    /// The file, which is not there.
    package var target: FilePath

    package init(_ content: PushRequest, since: [ObjectID], target: FilePath) {
        (self.content, self.since, self.target) = (content, since, target)
    }
}

extension Repository {
    /// What a killed bundle left is found by the next one, which is another store.
    private static let bundleKey = "bundle"

    /// Makes a store in one file, with branches and tags and all that they need.
    ///
    /// - Parameter progress: Takes how many bytes of how many are there.
    /// - Returns: What went into it, and the length of the file in bytes.
    /// - Throws: ``RepositoryError/refExists(_:)`` if something has the file's name.
    package func bundle(
        _ request: BundleRequest, progress: (Int, Int) -> Void = { _, _ in }
    ) throws(RepositoryError) -> (report: TransferReport, length: Int) {
        guard let actor = person else { throw .noIdentity }
        let (target, files) = (request.target, environment.files)
        let names = try names(of: request.content)
        guard try !Self.exists(target, files) else { throw .refExists("\(target)") }
        let nonce = Hex.text(environment.random(4))
        let temporary = target.parent.appending(target.name + Array(".part-\(nonce)".utf8))
        TemporaryFiles.note(temporary)
        defer {
            try? files.removeIfPresent(temporary)
            TemporaryFiles.forget(temporary)
        }
        let place = Remote(name: nil, url: "\(target)", location: .directory(target))
        func writing<Result>(_ body: () throws(TransportError) -> Result) throws(RepositoryError) -> Result {
            do throws(TransportError) { return try body() } catch {
                throw .remote(RemoteError(place.url, .transport(error)))
            }
        }
        let file = try writing { () throws(TransportError) in
            try BundleFile(
                name: place.url, creating: temporary, files: files, needs: request.since,
                time: environment.now())
        }
        let outcome = try fill(file, request, names, place, actor, progress)
        // Nobody knows which tags the other side has.
        let hasTags = outcome.changes.contains { $0.name.name(in: "tags") != nil }
        guard !outcome.changes.isEmpty, outcome.objects > 0 || hasTags else { throw .nothingToBundle }
        let length: Int
        do throws(RepositoryError) {
            length = try writing { () throws(TransportError) in try file.finish(as: target) }
        } catch {
            // Somebody else may have made one meanwhile.
            throw try Self.exists(target, files) ? .refExists("\(target)") : error
        }
        let report = TransferReport(
            remote: place.url, refs: outcome.changes, objects: outcome.objects, bytes: outcome.bytes)
        return (report, length)
    }

    private func fill(
        _ file: BundleFile, _ request: BundleRequest, _ names: [RefName], _ place: Remote, _ actor: Person,
        _ progress: (Int, Int) -> Void
    ) throws(RepositoryError) -> Push.Outcome {
        let origin = Hex.text(environment.random(16))
        let other: RemoteStore
        do throws(TransferError) {
            try RemoteStore.make(
                name: place.url, at: request.target, file, over: nil,
                StoreFormat(origin: origin, cutRule: 1, sharedBits: nil),
                event("init", actor, nil), with: store, scratch: Self.bundleKey, random: environment.random)
            do throws(RemoteError) {
                other = try RemoteStore(
                    name: place.url, at: request.target, file, memory: nil, signing: entrySigner)
            } catch { throw .there(error) }
        } catch { throw Self.error(error) }
        let push = Push(
            from: store, to: other, owner: origin,
            assuming: request.since.map { ObjectReference(.commit, $0) }, scratch: Self.bundleKey,
            random: environment.random, now: environment.now)
        var content = request.content
        content.assumed = request.since
        return try run(push, content, names, place, actor, nil, progress)
    }

    /// Refuses a bundle that goes on from what is not here.
    func requireNeeds(of way: WayToRemote, _ label: String) throws(RepositoryError) {
        for id in way.bundle?.needs ?? [] {
            // A commit whose files were collected is a record only.
            guard store.contains(ObjectReference(.commit, id)), let commit = try? store.commit(id),
                !wasCollected(commit)
            else { throw .bundleNeeds(bundle: label, id) }
        }
    }
}
