#if os(Linux)
    internal import CShims
    internal import FileIO
    internal import Glibc

    /// Reads what strace writes of a command, and has the files noted that its calls have named.
    struct StraceObserver {
        private let pipe: Int32
        private let watch: SharedWatch
        private var reader = StraceOutput.Reader()
        /// Where processes work, as far as that was told.
        private var directories: [Int32: [UInt8]] = [:]

        private static let opens: Set<String> = ["open", "openat", "openat2", "creat"]
        /// Longer lines are none, in bytes: two paths at their longest, and words.
        private static let longest = 1 << 17

        /// - Parameter first: The process that was started, which works where this one does.
        init(pipe: Int32, first: pid_t, _ watch: SharedWatch) {
            (self.pipe, self.watch) = (pipe, watch)
            if let here = getcwd(nil, 0) {
                directories[first] = Array(UnsafeRawBufferPointer(start: here, count: strlen(here)))
                free(here)
            }
        }

        /// Reads until strace has ended, or somebody says that it is enough.
        ///
        /// - Parameter stop: Becomes readable when it is enough.
        mutating func run(until stop: Int32) {
            var waiting = [
                pollfd(fd: pipe, events: Int16(POLLIN), revents: 0),
                pollfd(fd: stop, events: Int16(POLLIN), revents: 0),
            ]
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            var (received, isTooLong) = ([UInt8](), false)
            while true {
                if poll(&waiting, 2, -1) < 0 { continue }
                guard waiting[0].revents != 0 else {
                    watch.note(.leftRunning)
                    return
                }
                let count = read(pipe, &buffer, buffer.count)
                if count < 0, errno == EINTR || errno == EAGAIN { continue }
                guard count > 0 else { return }
                received += buffer[..<count]
                var start = 0
                while let end = received[start...].firstIndex(of: 0x0a) {
                    if isTooLong { watch.note(.unreadName) } else { take(received[start..<end]) }
                    (start, isTooLong) = (end + 1, false)
                }
                received.removeFirst(start)
                if received.count > Self.longest { (received, isTooLong) = ([], true) }
            }
        }

        private mutating func take(_ line: ArraySlice<UInt8>) {
            guard let call = reader.take(line), let result = call.result else { return }
            guard result >= 0 else {
                if call.error == "ENOENT", Self.opens.contains(call.name) { note(call) }
                return
            }
            switch call.name {
            case "clone", "clone3", "fork", "vfork":
                if let child = Int32(exactly: result), directories[child] == nil {
                    directories[child] = directories[call.process]
                }
            case "chdir", "fchdir":
                if case .file(let path)? = call.words.first { directories[call.process] = path }
                if case .text(let name)? = call.words.first, let path = path(name, call.process) {
                    watch.note(.enter(path))
                    directories[call.process] = path.bytes
                }
            case "io_uring_setup": watch.note(.ring)
            case "open_by_handle_at": watch.note(.handle)
            case "chroot", "pivot_root", "setns": watch.note(.otherRoot)
            case "unshare":
                if flags(call.words.first).contains("CLONE_NEWNS") { watch.note(.otherRoot) }
            default: note(call)
            }
        }

        private mutating func note(_ call: StraceOutput.Call) {
            // Each name, with the directory that it is told from.
            var (paths, base) = ([FilePath?](), [UInt8]?.none)
            for word in call.words.prefix(4) {
                switch word {
                case .file(let directory):
                    base = directory
                    if call.words.first == .other("AT_FDCWD") { directories[call.process] = directory }
                case .text(let name):
                    paths.append(path(name, call.process, from: base))
                    base = nil
                case .other: break
                }
            }
            switch call.name {
            case "getdents", "getdents64":
                if case .file(let directory)? = call.words.first {
                    note(FilePath(directory)) { .list($0) }
                }
            case _ where Self.opens.contains(call.name):
                let words = flags(call.words.dropFirst(call.name == "open" ? 1 : 2).first)
                let opening: FileAccess.Opening =
                    call.name == "creat" ? [.writing, .truncating, .creating] : Self.opening(words)
                if words.contains("O_PATH") || words.contains("O_TMPFILE") { return }
                let name = paths.first ?? nil
                if call.error != nil {
                    if !opening.contains(.creating) { note(name) { .missed($0) } }
                    return
                }
                note(call.opened.map { FilePath($0) } ?? name) { .opened($0, opening, by: name) }
            case "truncate":
                // What is not cut off stays.
                let isEmptied = call.words.dropFirst().first == .other("0")
                note(paths.first ?? nil) {
                    .opened($0, isEmptied ? [.writing, .truncating] : .writing, by: nil)
                }
            case "execve", "execveat":
                // With an empty name it is the descriptor's file.
                note(paths.first ?? nil) { .execute($0) }
            case "rename", "renameat", "renameat2":
                guard paths.count == 2, let path = paths[0], let other = paths[1] else {
                    return watch.note(.unreadName)
                }
                watch.note(.renamed(path, to: other))
            case "link", "linkat", "symlink", "symlinkat": note(paths.last ?? nil) { .created($0) }
            case "unlink", "unlinkat":
                if flags(call.words.last).contains("AT_REMOVEDIR") { return }
                note(paths.first ?? nil) { .removed($0) }
            default: break
            }
        }

        private func note(_ path: FilePath?, _ request: (FilePath) -> FileRequest) {
            guard let path else { return watch.note(.unreadName) }
            if path.bytes.withUnsafeBytes(ProcessNames.isOfKernel) { return }
            watch.note(request(path))
        }

        /// The absolute path of a name; nothing where it is not known from where it is told.
        private mutating func path(_ name: [UInt8], _ process: Int32, from base: [UInt8]? = nil) -> FilePath?
        {
            if name.first == UInt8(ascii: "/") { return FilePath(name) }
            guard let directory = base ?? directory(of: process) else { return nil }
            directories[process] = directories[process] ?? directory
            return name.isEmpty ? FilePath(directory) : FilePath(directory).appending(name)
        }

        private func directory(of process: Int32) -> [UInt8]? {
            directories[process] ?? AccessLog.realPath(FilePath("/proc/\(process)/cwd"))?.bytes
        }

        /// The flags that a word names; those of `openat2` lie in braces.
        private func flags(_ word: StraceOutput.Word?) -> Set<Substring> {
            guard case .other(let text)? = word else { return [] }
            return Set(text.split { "|{},= ".contains($0) })
        }

        private static func opening(_ words: Set<Substring>) -> FileAccess.Opening {
            var opening: FileAccess.Opening = []
            if !words.contains("O_WRONLY") { opening.insert(.reading) }
            if words.contains("O_WRONLY") || words.contains("O_RDWR") { opening.insert(.writing) }
            if words.contains("O_TRUNC") { opening.insert(.truncating) }
            if words.contains("O_CREAT") {
                opening.formUnion(words.contains("O_EXCL") ? [.creating, .exclusive] : [.creating])
            }
            return opening
        }
    }
#endif
