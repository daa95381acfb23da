package import FileIO
internal import Hashing
internal import ObjectModel

/// Serves a store by the framed protocol to whoever is at the other end of two descriptors, until that side closes.
///
/// Nothing but frames is written. Which paths are served is said by ``ServedPath``; where links in the store may lead out of it, the
/// transport has a file system that is confined to its root.
package struct FramedServer: Sendable {
    private let directory: DirectoryTransport
    private let paths: ServedPath
    private let isReadOnly: Bool
    private let gate: (any ServedGate)?
    private let seconds: Int
    private let pulse: Int

    /// - Parameters:
    ///   - isReadOnly: Whether everything is refused that would change the store.
    ///   - gate: Is asked before anything changes.
    ///   - seconds: How long the other side may leave what it is sent unread.
    ///   - pulse: Milliseconds after which the other side is told that a request is still worked on.
    package init(
        _ directory: DirectoryTransport, isReadOnly: Bool = false, gate: (any ServedGate)? = nil,
        timeLimit seconds: Int = 600, pulse: Int = 10_000
    ) {
        self.init(
            directory, paths: .store, isReadOnly: isReadOnly, gate: gate, timeLimit: seconds, pulse: pulse)
    }

    /// - Parameter paths: Which may be asked for.
    init(
        _ directory: DirectoryTransport, paths: ServedPath, isReadOnly: Bool = false,
        gate: (any ServedGate)? = nil, timeLimit seconds: Int = 600, pulse: Int = 10_000
    ) {
        self.gate = gate
        (self.directory, self.paths, self.isReadOnly) = (directory, paths, isReadOnly)
        (self.seconds, self.pulse) = (seconds, pulse)
    }

    /// Serves one connection, whose descriptors belong to this from now on; returns when it is over.
    ///
    /// A program that serves its own standard input and output hands over copies of them, and has its output go to its error output
    /// from then on: what anybody else prints would be taken for frames.
    /// If the output is a pipe, ``FramedTransport/ignoreBrokenPipes()`` was called before.
    package func serve(input: FileDescriptor, output: FileDescriptor) throws(TransportError) {
        let stream = DuplexStream(framesFrom: input.raw, to: output.raw)
        defer { stream.close() }
        do throws(TransportError) { try serve(stream) } catch {
            guard !stream.isAtEnd, !stream.isRefused else {
                // Somebody who leaves in the midst of something is no failure of this side.
                return
            }
            // Nothing that comes behind what is not understood can be.
            let reply = FramedReply.failure(error)
            stream.enqueue(reply.kind, number: 0, reply.payload)
            try? stream.flush(within: 1)
            throw error
        }
    }

    private func serve(_ stream: DuplexStream) throws(TransportError) {
        let features = isReadOnly ? FramedGreeting.readOnly : 0
        let greeting = FramedGreeting(
            version: FramedGreeting.newestVersion, features: features, session: gate?.session)
        stream.enqueue(.greeting, number: 0, greeting.payload)
        guard let answer = try message(stream, within: seconds) else { return }
        guard answer.kind == .hello, let hello = FramedGreeting(answer.payload) else {
            throw TransportError(.malformed, "what asks does not speak the framed protocol")
        }
        guard hello.version == FramedGreeting.newestVersion else {
            throw TransportError(.unsupported, "version \(hello.version) of the protocol is not spoken here")
        }
        var session = FramedSession(
            directory, paths: paths, isReadOnly: isReadOnly, gate: gate, pulse: pulse, patience: seconds)
        while let message = try message(stream, within: nil) {
            try session.answer(message, stream)
        }
    }

    /// The next frame; nothing if the other side has closed instead.
    ///
    /// - Parameter seconds: How long it is waited for.
    private func message(
        _ stream: DuplexStream, within seconds: Int?
    ) throws(TransportError) -> FramedMessage? {
        while true {
            if let message = try stream.nextFrame() { return message }
            // All that came was answered, so the other side may be waiting.
            try stream.flush(within: self.seconds)
            if let message = try stream.nextFrame() { return message }
            if stream.isAtEnd || stream.isRefused { return nil }
            try stream.advance(within: seconds)
        }
    }
}
