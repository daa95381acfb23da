internal import ObjectModel

/// The client's end of the framed protocol: requests that are on their way, and the replies to them.
///
/// Any number of requests may be on their way; each reply is kept until it is asked for. One thread at a time.
final class FramedConnection {
    /// A request on its way.
    private struct Expectation {
        /// More bytes than these answer something else.
        let limit: Int
        /// How many round trips were made when its reply is there.
        let depth: Int
        /// Nobody wants the reply any more.
        var isForgotten = false
        /// When the other side said for the first time that it is at work on it; by a clock that nobody sets.
        var workingSince: Int?
        var replies: [FramedReply] = []
        var isComplete = false
    }

    /// The longest chain of requests each of which was sent after the reply to the one before, with the greeting: how often the
    /// line's delay was waited for.
    private(set) var roundTrips = 0
    private(set) var isReadOnly = false
    private(set) var session: Event.Session?
    private let stream: DuplexStream
    private let process: ProcessPipe?
    private let seconds: Int
    private let workingLimit: Int
    private var expectations: [UInt32: Expectation] = [:]
    private var lastNumber: UInt32 = 0
    /// Why nothing can be asked any more.
    private var failure: TransportError?

    /// Takes the server's greeting, and answers it.
    ///
    /// - Parameters:
    ///   - process: The program at the other end of the stream, if it was started for this.
    ///   - seconds: How long nothing may come while something is awaited.
    ///   - opening: The same for the greeting.
    ///   - workingLimit: How long the other side may say that it is at work on one request: the digest of a terabyte takes half an hour.
    init(
        _ stream: DuplexStream, process: ProcessPipe?, seconds: Int, opening: Int, workingLimit: Int = 7200
    ) throws(TransportError) {
        (self.stream, self.process, self.seconds) = (stream, process, seconds)
        self.workingLimit = workingLimit
        do throws(TransportError) { try greet(within: opening) } catch {
            close()
            throw error
        }
    }

    func close() {
        if failure == nil { failure = TransportError(.unreachable, "the connection was closed") }
        stream.close()
        _ = process?.end(within: 3)
    }

    // MARK: Greeting

    private func greet(within opening: Int) throws(TransportError) {
        let greeting = try guarding { () throws(TransportError) in try awaitGreeting(within: opening) }
        guard greeting.version >= 1 else {
            throw TransportError(.unsupported, "the other side speaks no version of the protocol")
        }
        roundTrips = 1
        session = greeting.session
        isReadOnly = greeting.features & FramedGreeting.readOnly != 0
        let version = min(greeting.version, FramedGreeting.newestVersion)
        stream.enqueue(.hello, number: 0, FramedGreeting(version: version, features: 0).payload)
        // Whoever serves waits for it, and the first request may be long in coming.
        try guarding { () throws(TransportError) in try stream.flush(within: seconds) }
    }

    private func awaitGreeting(within opening: Int) throws(TransportError) -> FramedGreeting {
        while true {
            let begin = stream.received.prefix(FramedMessage.headerLength + FramedGreeting.magic.count)
            guard Self.mayBeGreeting(begin) else { throw stream.strangeBeginning("no mlrepo server") }
            if let message = try stream.nextFrame() {
                guard let greeting = FramedGreeting(message.payload) else {
                    throw stream.strangeBeginning("no mlrepo server")
                }
                return greeting
            }
            try stream.advance(within: opening)
        }
    }

    /// Whether these may be the first bytes of a greeting.
    private static func mayBeGreeting(_ bytes: ArraySlice<UInt8>) -> Bool {
        let header = FramedMessage.headerLength
        let kind = FramedMessage.Kind.greeting.rawValue
        for (place, byte) in bytes.enumerated() {
            let isRight =
                switch place {
                case 0, 1: byte == 0
                case 2: byte <= FramedGreeting.lengthLimit >> 8
                case 3: true
                case 4: byte == kind
                case 5..<header: byte == 0
                default: byte == FramedGreeting.magic[place - header]
                }
            if !isRight { return false }
        }
        return true
    }

    // MARK: Requests and replies

    /// Puts a request behind those that are to be sent.
    ///
    /// - Parameter limit: Bytes that the reply may have.
    /// - Returns: Its number.
    func send(_ request: FramedRequest, limit: Int = FramedReply.shortLimit) throws(TransportError) -> UInt32
    {
        if let failure { throw failure }
        let payload = request.payload
        guard payload.count <= FramedMessage.payloadLimit else {
            throw TransportError(.unsupported, "a request of \(payload.count) bytes is too long")
        }
        repeat { lastNumber &+= 1 } while lastNumber == 0 || expectations[lastNumber] != nil
        expectations[lastNumber] = Expectation(
            limit: max(limit, FramedReply.shortLimit), depth: roundTrips + 1)
        stream.enqueue(request.kind, number: lastNumber, payload)
        return lastNumber
    }

    /// Waits for the reply to a request, or the next part of it; one that says that it could not be done is thrown.
    func reply(to number: UInt32) throws(TransportError) -> FramedReply {
        while true {
            if let failure { throw failure }
            guard var expectation = expectations[number] else {
                throw TransportError(.failed, "a reply was asked for twice")
            }
            guard !expectation.replies.isEmpty else {
                try advance()
                continue
            }
            let reply = expectation.replies.removeFirst()
            let isOver = expectation.isComplete && expectation.replies.isEmpty
            expectations[number] = isOver ? nil : expectation
            if case .failure(let error) = reply { throw error }
            return reply
        }
    }

    /// Bytes of requests that wait to be sent.
    var unsent: Int { stream.unsent }

    /// Whether a reply, or a part of it, has come already.
    func hasReply(to number: UInt32) -> Bool { expectations[number]?.replies.isEmpty == false }

    /// Waits until some of what waits is sent, or something comes.
    func advance() throws(TransportError) {
        if let failure { throw failure }
        try guarding { () throws(TransportError) in try receive() }
    }

    /// The replies to these requests are passed over when they come.
    func forget(_ numbers: some Sequence<UInt32>) {
        for number in numbers {
            guard let expectation = expectations[number] else { continue }
            if expectation.isComplete {
                expectations[number] = nil
            } else {
                expectations[number]?.isForgotten = true
                expectations[number]?.replies = []
            }
        }
    }

    /// What comes when something else should have come; nothing can be relied upon from then on.
    func unexpected() -> TransportError {
        let error = TransportError(.malformed, "the other side answered something else than was asked")
        failure = error
        return error
    }

    private func receive() throws(TransportError) {
        while let message = try stream.nextFrame() { try accept(message) }
        // What was just accepted may be what is waited for.
        guard !hasNews else { return hasNews = false }
        try stream.advance(within: stream.isRefused ? min(2, seconds) : seconds)
    }

    private var hasNews = false

    private func accept(_ message: FramedMessage) throws(TransportError) {
        let reply = try FramedReply(message)
        if message.number == 0, case .failure(let error) = reply { throw error }
        guard var expectation = expectations[message.number], !expectation.isComplete else {
            throw TransportError(.malformed, "a reply came that nobody asked for")
        }
        if case .working = reply {
            let began = expectation.workingSince ?? MonotonicTime.milliseconds()
            guard MonotonicTime.milliseconds() - began < workingLimit * 1000 else {
                throw TransportError(
                    .unreachable, "the other side says that it is at work, for \(workingLimit) seconds now")
            }
            expectations[message.number]?.workingSince = began
            return
        }
        guard message.payload.count <= expectation.limit else {
            throw TransportError(
                .malformed, "a reply has \(message.payload.count) bytes, more than was asked for")
        }
        roundTrips = max(roundTrips, expectation.depth)
        var isComplete = true
        if case .names(_, let more) = reply { isComplete = !more }
        if expectation.isForgotten {
            if isComplete { expectations[message.number] = nil }
            return
        }
        expectation.replies.append(reply)
        expectation.isComplete = isComplete
        expectations[message.number] = expectation
        hasNews = true
    }

    /// Remembers what broke the connection, and says what became of the program behind it.
    private func guarding<Result>(
        _ body: () throws(TransportError) -> Result
    ) throws(TransportError) -> Result {
        do throws(TransportError) { return try body() } catch {
            var error = error
            if error.kind == .unreachable, stream.isAtEnd || stream.isRefused {
                error = process?.failure(within: 2) ?? error
            }
            failure = error
            throw error
        }
    }
}
