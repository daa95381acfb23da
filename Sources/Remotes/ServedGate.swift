package import FileIO
package import Hashing
package import ObjectModel

/// Says what whoever is served may change in a store, beyond which paths it has.
package protocol ServedGate: Sendable {
    /// How whoever is served came; what the client puts into its events.
    var session: Event.Session? { get }
    /// Asked before a file is made.
    func checkCreating(_ path: FilePath, _ bytes: [UInt8]) throws(TransportError)
    /// Told when a file was made.
    func hasCreated(_ path: FilePath)
    /// Asked before a partial file is begun, and before it gets its name.
    func checkUploading(_ path: FilePath) throws(TransportError)
    /// Asked before a file that was sent gets its name.
    func checkFinishing(_ path: FilePath, _ digest: Digest) throws(TransportError)
    /// Asked before a file goes.
    func checkRemoving(_ path: FilePath) throws(TransportError)
}
