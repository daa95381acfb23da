#if os(Linux)
    internal import CShims
    internal import FileIO
    internal import Glibc

    /// Takes what processes tell by the library that they were started with, and has the files looked at that they name.
    ///
    /// Who is about to change something waits until it is looked at. A program that is started and does not say hello has no library:
    /// it is static, works with another user's rights, or has another C library.
    struct PreloadObserver: ~Copyable {
        private let socket: Int32
        private let watch: SharedWatch
        /// The library's path, by which processes that have it are known.
        private let library: FilePath
        private var names = ProcessNames()
        /// Processes that were heard of and may still run.
        private var known: Set<UInt32> = []
        /// Those that have begun with another program, of which nothing is heard yet.
        private var silent: Set<UInt32> = []
        /// Those that have said hello since they were made, or have begun with their program.
        private var greeted: Set<UInt32> = []

        /// The program that this is.
        private let ownProgram = AccessLog.realPath(FilePath("/proc/self/exe"))

        /// More processes than these are looked through for those that are gone.
        private static let most = 4_096

        /// - Parameter first: The process that was started with the library.
        init(socket: Int32, library: FilePath, first: pid_t, _ watch: SharedWatch) {
            (self.socket, self.library, self.watch) = (socket, library, watch)
            (known, silent) = ([UInt32(first)], [UInt32(first)])
        }

        deinit { names.deallocate() }

        /// Takes reports until no process is left that could send any, or somebody says that it is enough.
        ///
        /// - Parameters:
        ///   - stop: Becomes readable when it is enough.
        ///   - isEnding: Whether the first process has ended; a signal wakes this thread then.
        mutating func run(until stop: Int32, isEnding: () -> Bool) {
            var waiting = [
                pollfd(fd: socket, events: Int16(POLLIN), revents: 0),
                pollfd(fd: stop, events: Int16(POLLIN), revents: 0),
            ]
            let buffer = UnsafeMutableRawBufferPointer.allocate(
                byteCount: Int(MLREPO_REPORT_MOST) + 1, alignment: 8)
            defer { buffer.deallocate() }
            while true {
                let isLate = isEnding()
                waiting[0].revents = 0
                waiting[1].revents = 0
                poll(&waiting, 2, isLate ? 5 : 1_000)
                let isEnough = waiting[1].revents != 0
                var count = 0
                // Who is left may go on telling for ever.
                while count < 10_000, takeOne(buffer) { count += 1 }
                guard isLate || isEnough, isEnough || count == 0 else { continue }
                for process in known.union(silent) {
                    if isRunning(process) { known.insert(process) } else { known.remove(process) }
                }
                if !known.isEmpty {
                    guard isEnough else { continue }
                    watch.note(.leftRunning)
                }
                if !silent.isEmpty { watch.note(.unwatched) }
                return
            }
        }

        /// - Returns: Whether something was there.
        private mutating func takeOne(_ buffer: UnsafeMutableRawBufferPointer) -> Bool {
            var sender = mlrepo_sender()
            let count = mlrepo_next_report(socket, buffer.baseAddress, buffer.count, &sender)
            guard count >= 0 else { return false }
            defer { mlrepo_answer_report(&sender) }
            // Nobody else finds the socket, and root's processes may have become somebody else.
            guard sender.user == geteuid() || geteuid() == 0, sender.process != 0, count <= buffer.count
            else { return true }
            let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            if let report = PreloadReport(bytes) { take(report, from: sender.process) }
            return true
        }

        private mutating func take(_ report: PreloadReport, from process: UInt32) {
            if known.insert(process).inserted, known.count > Self.most {
                known = known.filter { kill(pid_t($0), 0) == 0 || errno != ESRCH }
                greeted.formIntersection(known)
            }
            switch report.kind {
            case MLREPO_REPORT_HELLO:
                names.forget(process)
                silent.remove(process)
                greeted.insert(process)
            case MLREPO_REPORT_BORN:
                names.forget(process)
                greeted.remove(process)
            case MLREPO_REPORT_FAILED: silent.remove(process)
            case MLREPO_REPORT_SPAWNED:
                guard report.value > 0, report.value < Int32.max else { return }
                known.insert(report.value)
                if greeted.remove(report.value) == nil { silent.insert(report.value) }
            case MLREPO_REPORT_ROOT:
                names.forgetAll()
                if !names.isFamiliar(process) { watch.note(.otherRoot) }
            case MLREPO_REPORT_RING: watch.note(.ring)
            case MLREPO_REPORT_HANDLE: watch.note(.handle)
            case MLREPO_REPORT_UNREAD: watch.note(.unreadName)
            case MLREPO_REPORT_UNWATCHED: watch.note(.unwatched)
            default: note(report, from: process)
            }
        }

        private mutating func note(_ report: PreloadReport, from process: UInt32) {
            if report.kind == MLREPO_REPORT_EXECUTE {
                greeted.remove(process)
                // The program before was never heard of, and what is executed now has its number by chance.
                // We are static, and read nothing but what is told anyway.
                let isOurs = report.paths.first != nil && report.paths.first == ownProgram
                if isOurs {
                    if silent.contains(process) { watch.note(.unwatched) }
                } else if !silent.insert(process).inserted {
                    watch.note(.unwatched)
                }
            }
            guard names.isFamiliar(process) else { return watch.note(.otherRoot) }
            let paths = report.paths.compactMap { names.path($0, of: process) }
            guard let path = paths.first, paths.count == report.paths.count else { return }
            switch report.kind {
            case MLREPO_REPORT_OPEN:
                watch.note(.open(path, CallObserver.opening(Int32(bitPattern: report.value))))
            case MLREPO_REPORT_CREATED: watch.note(.created(path))
            case MLREPO_REPORT_EXECUTE, MLREPO_REPORT_SPAWN: watch.note(.execute(path))
            case MLREPO_REPORT_RENAME: watch.note(.rename(path, to: paths[1]))
            case MLREPO_REPORT_LINK: watch.note(.link(path))
            case MLREPO_REPORT_SYMLINK: watch.note(.symbolicLink(path))
            case MLREPO_REPORT_REMOVE: watch.note(.remove(path))
            case MLREPO_REPORT_LIST: watch.note(.list(path))
            case MLREPO_REPORT_TRUNCATE:
                watch.note(.open(path, report.value == 0 ? [.writing, .truncating] : .writing))
            default: break
            }
        }

        /// Whether a process runs that has the library, or one of which nothing was heard.
        private func isRunning(_ process: UInt32) -> Bool {
            guard kill(pid_t(process), 0) == 0 || errno != ESRCH else { return false }
            // Behind the name, which may hold anything, stands what it does; it may wait for being asked how it ended.
            let facts = Self.contents("/proc/\(process)/stat")
            guard let name = facts.lastIndex(of: UInt8(ascii: ")")), name + 2 < facts.count,
                !"ZXx".utf8.contains(facts[name + 2])
            else { return false }
            if silent.contains(process) { return true }
            // Numbers are used again.
            let maps = Self.contents("/proc/\(process)/maps")
            return maps.split(separator: UInt8(ascii: "\n")).contains {
                $0.suffix(library.bytes.count).elementsEqual(library.bytes)
            }
        }

        private static func contents(_ path: String) -> [UInt8] {
            let file = mlrepo_open(path, O_RDONLY | O_CLOEXEC, 0)
            guard file >= 0 else { return [] }
            defer { close(file) }
            var (bytes, buffer) = ([UInt8](), [UInt8](repeating: 0, count: 1 << 16))
            while bytes.count < 16 << 20 {
                let count = read(file, &buffer, buffer.count)
                if count <= 0 { break }
                bytes += buffer[..<count]
            }
            return bytes
        }
    }
#endif
