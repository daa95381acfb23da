package import FileIO

/// How often something is tried, and how long is waited between.
package struct RetryPolicy: Hashable, Sendable {
    /// Attempts in a row that get no further, the first one included.
    package let attempts: Int
    /// Before the second attempt; each one after that is twice as long.
    package let firstPause: Duration
    package let longestPause: Duration

    package init(
        attempts: Int = 6, firstPause: Duration = .milliseconds(250), longestPause: Duration = .seconds(15)
    ) {
        precondition(attempts > 0, "attempts must be at least 1, are \(attempts)")
        precondition(firstPause > .zero, "the first pause must be longer than nothing, is \(firstPause)")
        (self.attempts, self.firstPause, self.longestPause) = (attempts, firstPause, longestPause)
    }

    /// What is waited after so many attempts that got no further: exponential backoff with jitter.
    ///
    /// - Parameter chance: From 0 to 1, by chance: many who lost their connections at one moment do not all come back at one moment.
    package func pause(after failures: Int, chance: Double) -> Duration {
        var pause = min(firstPause, longestPause)
        var doublings = failures - 1
        while doublings > 0, pause < longestPause {
            pause = min(pause * 2, longestPause)
            doublings -= 1
        }
        return pause * (0.5 + chance / 2)
    }
}

/// A transport that tries again what the way there made fail (``TransportError/Kind/unreachable``).
///
/// Nothing else is tried again. An attempt that got further than those before it, in a read or an upload, starts the count anew: a
/// long one is not given up because the connection is lost now and then.
package struct RetryingTransport: Transport {
    package var name: String { base.name }
    private let base: any Transport
    private let policy: RetryPolicy
    private let chance: @Sendable () -> Double
    private let pause: @Sendable (Duration) throws(TransportError) -> Void

    /// - Parameters:
    ///   - chance: A random number from 0 to 1.
    ///   - pause: Waits; what it throws ends the call.
    package init(
        _ base: any Transport, policy: RetryPolicy = RetryPolicy(),
        chance: @escaping @Sendable () -> Double = { Double.random(in: 0...1) },
        pause: @escaping @Sendable (Duration) throws(TransportError) -> Void
    ) {
        (self.base, self.policy, self.chance, self.pause) = (base, policy, chance, pause)
    }

    // MARK: Reading

    package func read(
        _ pieces: [FilePiece], _ body: (Int, PieceContent?) throws(TransportError) -> Void
    ) throws(TransportError) {
        var attempts = Attempts()
        var next = 0
        var refusal: TransportError?
        while true {
            let first = next
            do throws(TransportError) {
                // Pieces that were handed out are not asked for again: nobody gets one twice.
                try base.read(Array(pieces[first...])) { (_, content) throws(TransportError) in
                    let position = next
                    next += 1
                    do throws(TransportError) { try body(position, content) } catch {
                        refusal = error
                        throw error
                    }
                }
                return
            } catch {
                if let refusal { throw refusal }
                // What was lost is only that this was all.
                if error.kind == .unreachable, !pieces.isEmpty, next == pieces.count { return }
                try wait(after: error, &attempts, gotFurther: next > first)
            }
        }
    }

    package func properties(of paths: [FilePath]) throws(TransportError) -> [FileProperties?] {
        var attempts = Attempts()
        while true {
            do throws(TransportError) { return try base.properties(of: paths) } catch {
                try wait(after: error, &attempts)
            }
        }
    }

    package func names(in directory: FilePath) throws(TransportError) -> [[UInt8]] {
        var attempts = Attempts()
        while true {
            do throws(TransportError) { return try base.names(in: directory) } catch {
                try wait(after: error, &attempts)
            }
        }
    }

    // MARK: Writing

    /// Makes a small file under a name that is free, all or nothing, with the directories above it.
    ///
    /// An attempt that failed may have made it. If a later one finds the name taken, the bytes decide: those of two who create
    /// the same file under the same name cannot be told apart, and then both may be told that they made it.
    package func create(_ path: FilePath, _ bytes: [UInt8]) throws(TransportError) -> Bool {
        var attempts = Attempts()
        while true {
            do throws(TransportError) {
                if try base.create(path, bytes) { return true }
                break
            } catch { try wait(after: error, &attempts) }
        }
        guard attempts.failed > 0 else { return false }
        var found: PieceContent?
        try read([FilePiece(path, .range(offset: 0, length: bytes.count))]) { (_, content) in found = content
        }
        guard let found else { throw removed(path) }
        return found.fileLength == bytes.count && found.bytes == bytes
    }

    /// Makes a file of any size under a name that is free, with the directories above it, and makes it durable.
    ///
    /// An attempt that failed may have made it. If a later one finds the name taken, by a file of the same length, this call counts
    /// as having made it: names of large files are not chosen twice.
    package func upload(_ upload: Upload, progress: (Int) -> Void) throws(TransportError) -> Bool {
        var attempts = Attempts()
        var (reported, furthest) = (0, 0)
        while true {
            // Each attempt tells anew of what is there from before.
            var there = 0
            let before = furthest
            do throws(TransportError) {
                let isNew = try base.upload(upload) { count in
                    there += count
                    furthest = max(furthest, there)
                    progress(there - reported)
                    reported = there
                }
                if isNew { return true }
                break
            } catch { try wait(after: error, &attempts, gotFurther: furthest > before) }
        }
        guard attempts.failed > 0 else { return false }
        guard let found = try properties(of: [upload.path]).first.flatMap({ $0 }) else {
            throw removed(upload.path)
        }
        guard found.length == upload.length else { return false }
        progress(upload.length - reported)
        return true
    }

    package func remove(_ paths: [FilePath]) throws(TransportError) {
        var attempts = Attempts()
        while true {
            do throws(TransportError) { return try base.remove(paths) } catch {
                try wait(after: error, &attempts)
            }
        }
    }

    // MARK: Attempts

    /// What became of one call so far.
    private struct Attempts {
        var failed = 0
        /// Those that failed since one got further.
        var idle = 0
    }

    /// Waits before the next attempt; throws if there is none.
    private func wait(
        after error: TransportError, _ attempts: inout Attempts, gotFurther: Bool = false
    ) throws(TransportError) {
        guard error.kind == .unreachable else { throw error }
        attempts.failed += 1
        attempts.idle = gotFurther ? 1 : attempts.idle + 1
        guard attempts.idle < policy.attempts else {
            guard attempts.failed > 1 else { throw error }
            throw TransportError(error.kind, "\(error.problem) (tried \(attempts.failed) times)")
        }
        try pause(policy.pause(after: attempts.idle, chance: chance()))
    }

    /// Nobody can say any more who had made the file.
    private func removed(_ path: FilePath) -> TransportError {
        TransportError(
            .failed,
            "\(name): \(path) was taken when it was to be made once more, and is gone now: it may have been made or not"
        )
    }
}
