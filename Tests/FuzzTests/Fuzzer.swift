import TestSupport

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// How long and from where to fuzz; from environment variables.
struct FuzzSettings {
    /// `MLREPO_FUZZ_SEED`.
    let seed: UInt64
    /// `MLREPO_FUZZ_SECONDS`: CPU seconds for each decoder.
    let seconds: Double
    /// `MLREPO_FUZZ_DECODERS`: names with commas between them; all if it is not set.
    let names: Set<String>?
    /// `MLREPO_FUZZ_ALONE`: the file for an input that traps or hangs.
    ///
    /// It says that nothing else runs in the process, so that its memory can be measured and its signals be handled.
    let crashFile: String?
    /// `MLREPO_FUZZ_INPUT`: a file with one input, to be tried instead of all others.
    let input: String?
    /// `MLREPO_FUZZ_LIST`: only the names of the decoders are printed.
    let isList: Bool
    /// The most CPU seconds for one input.
    let limit = 4.0

    static let current = FuzzSettings()

    private init() {
        func variable(_ name: String) -> String? { getenv("MLREPO_FUZZ_" + name).map { String(cString: $0) } }
        seed = variable("SEED").flatMap { UInt64($0) } ?? 1
        seconds = variable("SECONDS").flatMap { Double($0) } ?? 0.5
        names = variable("DECODERS").map { Set($0.split(separator: ",").map(String.init)) }
        crashFile = variable("ALONE")
        input = variable("INPUT")
        isList = variable("LIST") != nil
    }
}

/// Counts of a run.
struct FuzzTally {
    var inputs = 0
    var refused = 0
    var accepted = 0
    var slowest = 0.0
    var seconds = 0.0
}

/// Tries inputs on a decoder until its time is over.
struct Fuzzer {
    let decoder: FuzzedDecoder
    let settings: FuzzSettings

    /// An input on which something did not hold.
    struct Failure: Error, CustomStringConvertible {
        let decoder: String
        let seed: UInt64
        let number: Int
        let input: [UInt8]
        let what: String

        var description: String {
            let hex = input.prefix(2000).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            return "\(decoder), seed \(seed), input \(number), \(input.count) bytes: \(what)\n\(hex)"
        }
    }

    func run() throws -> FuzzTally {
        var pool = try decoder.seeds()
        let watch = settings.crashFile.map { CrashWatch(decoder.name, seed: settings.seed, file: $0) }
        for (number, seed) in pool.enumerated() {
            watch?.note(-1 - number, seed)
            guard case .accepted = try verdict(-1 - number, seed).verdict else {
                throw failure(-1 - number, seed, "the valid input is refused")
            }
        }
        var tally = FuzzTally()
        let start = Self.processorTime()
        var random = SplitMix64(seed: settings.seed ^ Self.hash(decoder.name))
        let own = pool.count
        while tally.seconds < settings.seconds {
            var mutator = Mutator(
                random: SplitMix64(seed: random.next()), sizeLimit: decoder.sizeLimit,
                tokens: decoder.tokens.map { Array($0.utf8) })
            var input: [UInt8]?
            if decoder.isJSON, Bool.random(using: &random) { input = mutator.json(from: pool) }
            var bytes = input ?? mutator.input(from: pool)
            if Int.random(in: 0..<8, using: &random) > 0 { bytes = decoder.repair(bytes) }
            watch?.note(tally.inputs, bytes)
            let memory = watch == nil ? 0 : Self.memory()
            let (verdict, seconds) = try verdict(tally.inputs, bytes)
            let more = watch == nil ? 0 : Self.memory() - memory
            guard more <= decoder.memoryLimit else {
                throw failure(tally.inputs, bytes, "it took \(more) bytes")
            }
            tally.inputs += 1
            tally.slowest = max(tally.slowest, seconds)
            tally.seconds = Self.processorTime() - start
            switch verdict {
            case .refused: tally.refused += 1
            case .accepted:
                tally.accepted += 1
                // What is still valid is a place to go on from.
                guard bytes.count <= 8192, Int.random(in: 0..<8, using: &random) == 0 else { continue }
                if pool.count < own + 256 {
                    pool.append(bytes)
                } else {
                    pool[own + Int.random(in: 0..<256, using: &random)] = bytes
                }
            }
        }
        return tally
    }

    /// Tries one input that lies in a file.
    func replay(_ path: String) throws -> Verdict {
        guard let file = fopen(path, "rb") else { throw Violation("\(path) cannot be read") }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        while case let byte = fgetc(file), byte != EOF { bytes.append(UInt8(byte)) }
        return try verdict(0, bytes).verdict
    }

    private func verdict(_ number: Int, _ input: [UInt8]) throws -> (verdict: Verdict, seconds: Double) {
        let start = Self.processorTime()
        let verdict: Verdict
        do { verdict = try decoder.decode(input) } catch { throw failure(number, input, "\(error)") }
        let seconds = Self.processorTime() - start
        guard seconds <= settings.limit else { throw failure(number, input, "it took \(seconds) s") }
        return (verdict, seconds)
    }

    private func failure(_ number: Int, _ input: [UInt8], _ what: String) -> Failure {
        Failure(decoder: decoder.name, seed: settings.seed, number: number, input: input, what: what)
    }

    /// CPU seconds of this thread.
    private static func processorTime() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// The most bytes that the process ever had in memory.
    private static func memory() -> Int {
        var usage = rusage()
        #if canImport(Glibc)
            getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
            return usage.ru_maxrss * 1024
        #else
            getrusage(RUSAGE_SELF, &usage)
            return usage.ru_maxrss
        #endif
    }

    /// FNV-1a, so that each decoder has inputs of its own.
    private static func hash(_ text: String) -> UInt64 {
        text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}

/// Says which input it was when the process traps or hangs.
///
/// One a process.
private struct CrashWatch {
    // Written by the one thread that fuzzes, read by a signal handler on the same thread.
    private nonisolated(unsafe) static var input: UnsafeMutableRawPointer?
    private nonisolated(unsafe) static var count = 0
    private nonisolated(unsafe) static var descriptor: Int32 = -1
    private nonisolated(unsafe) static var message: UnsafeMutablePointer<CChar>?
    private nonisolated(unsafe) static var number = 0
    private static let capacity = 4 << 20
    /// Seconds of real time after which an input counts as one that hangs.
    private static let hang: UInt32 = 120

    init(_ name: String, seed: UInt64, file: String) {
        if Self.input == nil { Self.input = .allocate(byteCount: Self.capacity, alignment: 16) }
        if Self.descriptor < 0 { Self.descriptor = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0o644) }
        Self.message = strdup(
            "\nfuzz: \(name), seed \(seed): a trap or a hang; the input is in \(file); its number is ")
        // A stack of its own, since the other one may be what is used up.
        let size = 1 << 16
        var stack = stack_t()
        stack.ss_sp = .allocate(byteCount: size, alignment: 16)
        stack.ss_size = size
        sigaltstack(&stack, nil)
        for number in [SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGALRM] {
            var action = sigaction()
            #if canImport(Glibc)
                action.__sigaction_handler.sa_handler = Self.handler
            #else
                action.__sigaction_u.__sa_handler = Self.handler
            #endif
            action.sa_flags = Int32(bitPattern: UInt32(SA_ONSTACK)) | Int32(bitPattern: UInt32(SA_RESETHAND))
            sigaction(number, &action, nil)
        }
    }

    /// Only calls that a handler may make.
    private static let handler: @convention(c) (Int32) -> Void = { signal in
        if let message = CrashWatch.message { write(2, message, strlen(message)) }
        withUnsafeTemporaryAllocation(byteCount: 24, alignment: 1) { digits in
            var rest = CrashWatch.number.magnitude
            var at = digits.count - 1
            digits[at] = 0x0a
            repeat {
                at -= 1
                digits[at] = UInt8(0x30 + rest % 10)
                rest /= 10
            } while rest > 0
            if let start = digits.baseAddress { write(2, start + at, digits.count - at) }
        }
        if let input = CrashWatch.input { write(CrashWatch.descriptor, input, CrashWatch.count) }
        _exit(70 + signal)
    }

    func note(_ number: Int, _ bytes: [UInt8]) {
        Self.number = number
        Self.count = min(bytes.count, Self.capacity)
        bytes.withUnsafeBytes { buffer in
            // At most as many bytes as both have.
            if let start = buffer.baseAddress { Self.input?.copyMemory(from: start, byteCount: Self.count) }
        }
        if number % 16 == 0 { alarm(Self.hang) }
    }
}
