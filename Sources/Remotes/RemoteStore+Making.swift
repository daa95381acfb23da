package import FileIO
package import ObjectModel
package import Storage

extension RemoteStore {
    /// Makes a store where this program is not: in a directory of another machine, if that is empty or not there, or in a bundle.
    ///
    /// - Parameters:
    ///   - root: Where it is to lie there, for errors.
    ///   - line: What the transport goes over, if that has to make the directory.
    ///   - event: Who makes it.
    ///   - local: Any store of this side, in whose `cache/` files are made.
    ///   - key: What these are found by there; the new store's origin without it.
    ///   - random: Hands out that many random bytes.
    /// - Precondition: Somebody has tried to open one there: what has lost its `format` is told by that.
    /// - Throws: ``RemoteError/Problem/notAStore`` if something else is there.
    package static func make(
        name: String, at root: FilePath, _ transport: any Transport, over line: LineTransport?,
        _ format: StoreFormat, _ event: Event,
        with local: ObjectStore, scratch key: String? = nil, random: @Sendable (Int) -> [UInt8]
    ) throws(TransferError) {
        let layout = StoreLayout(root: root)
        let files = RemoteFiles(transport, layout)
        let place = ScratchPlace(
            .push, in: local.layout, local.files, key: key ?? format.origin, nonce: Hex.text(random(8)))
        var scratch = PushScratch(in: place)
        defer { scratch.clear() }
        do throws(TransportError) {
            let own = ["format", "packs", "log", "tmp", "cache"].map { Array($0.utf8) }
            guard try transport.names(in: FilePath(".")).allSatisfy({ own.contains($0) }) else {
                throw TransportError(.stopped, "something else is there")
            }
        } catch {
            throw .there(RemoteError(name, error.kind == .stopped ? .notAStore : .transport(error)))
        }
        let refs = BuiltTree<RefEntry>(leaves: [])
        let id = ObjectID(of: .event, payload: event.payload)
        let pack: ComposedPack
        do throws(StoreError) {
            var builder = FrameBuilder(.metadata)
            for node in refs.nodes { builder.add(ObjectReference(.refs, node.id), node.payload) }
            builder.add(ObjectReference(.event, id), event.payload)
            var composer = try scratch.begin(of: local, nonce: Hex.text(random(8)))
            try composer.append(try local.encode(&builder))
            pack = try composer.finish { _ in random(PackName.nonceByteCount) }
        } catch { throw .here(error) }
        guard let digest = pack.name.digest?.digest else { throw .here(.outdated) }
        do throws(TransportError) {
            try line?.makeRoot()
            _ = try transport.create(FilePath("format"), format.bytes)
            let upload = Upload(
                to: try files.relative(layout.pack(pack.name)), owner: format.origin, length: pack.length,
                digest: digest, content: pack)
            _ = try transport.upload(upload) { _ in }
        } catch { throw .there(RemoteError(name, .transport(error))) }
        do throws(StoreError) {
            let log = OperationLog(layout: layout, files: files, origin: format.origin)
            let nonce = Hex.text(random(8))
            let entry = try log.proposal(
                after: nil, event: id, refs: refs.root, packs: PackChanges(added: [pack.name]),
                time: event.time, nonce: nonce)
            // Who was faster has made it.
            _ = try log.append(entry, nonce: nonce)
        } catch { throw .there(RemoteError(name, .store(error))) }
    }

    /// Refuses a place that has a log or packs, and no `format`: that comes before both, so it was lost, or is not mounted.
    static func requireNothingBegun(
        _ layout: StoreLayout, _ files: RemoteFiles
    ) throws(StoreError) {
        guard try files.contents(of: layout.format, limit: 4096) == nil else { return }
        var directories = [layout.newEntries, layout.tiles]
        for name in try files.names(in: layout.packs) { directories.append(layout.packs.appending(name)) }
        for directory in directories where try !files.names(in: directory).isEmpty {
            throw .damaged(layout.format, problem: "it is missing, and \(directory) is not empty")
        }
    }
}
