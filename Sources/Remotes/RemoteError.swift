package import ObjectModel
package import Storage

/// Why something could not be done with another store; it names that store.
package struct RemoteError: Error, Equatable, CustomStringConvertible {
    package enum Problem: Equatable, Sendable {
        case transport(TransportError)
        case store(StoreError)
        /// An object of the other store could not be read.
        case object(ReadError)
        /// No store lies there.
        case notAStore
        /// No store lies there, and one was seen there before.
        case gone
        /// Its log ends before an entry that was seen there: it is an older copy.
        case rolledBack(known: Int, found: Int)
        /// An entry that was seen there is another one now.
        case forked(known: Int)
        /// Another store than before lies there; both by their origins.
        case exchanged(known: String, found: String)
        /// An entry of its log is one that its policy does not allow.
        case refused(entry: Int, reason: String)
        /// A ref is not what the change expects.
        case moved(RefName)
        /// Others kept writing to it for so many seconds.
        case busy(seconds: Int)
    }

    /// What people call it.
    package let remote: String
    package let problem: Problem

    package init(_ remote: String, _ problem: Problem) { (self.remote, self.problem) = (remote, problem) }

    /// Whether a pack is not there, which somebody may have merged or collected meanwhile: then the log has gone on.
    package var mayBeOthersDoing: Bool {
        switch problem {
        case .store(.missingPack), .store(.object(.unreadable)), .object(.unreadable): true
        case .transport(let error): error.kind == .absent
        default: false
        }
    }

    package var description: String {
        switch problem {
        case .transport(let error): "\(remote): \(error)"
        case .store(let error): "\(remote): \(error)"
        case .object(let error): "\(remote): \(error)"
        case .notAStore: "\(remote): no store is there"
        case .gone: "\(remote): no store is there any more"
        case .rolledBack(let known, let found):
            "\(remote) was rolled back: its log ends with entry \(found), and entry \(known) was seen there"
        case .forked(let known):
            "\(remote) was forked: its log has another entry \(known) than the one that was seen there"
        case .exchanged(let known, let found):
            "\(remote) is another store than before: its log is \(found.prefix(12))…, and it was \(known.prefix(12))…"
        case .refused(let entry, let reason):
            "\(remote): entry \(entry) of its log is not allowed: \(reason)"
        case .moved(let name): "\(remote): \(name) has moved meanwhile"
        case .busy(let seconds): "\(remote): others kept writing to it for \(seconds) seconds"
        }
    }
}

/// Why objects or refs could not be moved between two stores: the fault of this side, or of the other one.
package enum TransferError: Error, Equatable {
    case here(StoreError)
    case there(RemoteError)
    /// Whoever asked wants no more.
    case stopped
}
