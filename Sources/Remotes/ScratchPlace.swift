package import FileIO
package import Storage

/// A directory of this side's `cache/` for what is made for another store: one process has it at a time; another one meanwhile has its
/// own, and leaves nothing there.
package final class ScratchPlace: Sendable {
    package let layout: StoreLayout
    package let files: any FileSystem
    private let lease: FileDescriptor?
    private let isKept: Bool

    package enum Purpose: String, Sendable {
        /// Packs that are sent: a push that was cut off goes on with them.
        case push
        /// Files of a store that is checked, mended or collected over a transport.
        case files
    }

    /// - Parameters:
    ///   - store: The layout of this side's store.
    ///   - key: What the other store is known by, as a file name.
    ///   - nonce: Random.
    package init(
        _ purpose: Purpose, in store: StoreLayout, _ files: any FileSystem, key: String, nonce: String
    ) {
        // What a power cut takes is made again.
        self.files = files.withoutDurability()
        let above = store.cache / purpose.rawValue
        _ = try? files.makeDirectories(above, permissions: store.directoryPermissions, below: store.root)
        lease = (try? files.occupy(above / "\(key).lease")) ?? nil
        isKept = purpose == .push && lease != nil
        layout = StoreLayout(
            root: above / (lease == nil ? "\(key)-\(nonce)" : key),
            directoryPermissions: store.directoryPermissions)
        // Of one that was killed.
        if !isKept { files.removeAll(layout.root) }
    }

    deinit {
        if !isKept { files.removeAll(layout.root) }
        if let lease { files.close(lease) }
    }
}
