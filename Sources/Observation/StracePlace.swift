#if os(Linux)
    internal import CShims
    internal import FileIO
    internal import Glibc

    /// A pipe with a name, on which strace writes of a command.
    ///
    /// The name is there until strace has opened it: the command itself gets no descriptor of it.
    struct StracePlace: Sendable {
        /// Where it is read; is closed by whoever does.
        let pipe: Int32
        private let path: FilePath

        /// The calls that the kernel would be asked about, and those by which it is known where a process works.
        ///
        /// A question mark: a processor that does not have the call has none to tell of.
        private static let calls = [
            "open", "openat", "openat2", "creat", "execve", "execveat", "rename", "renameat", "renameat2",
            "link",
            "linkat", "symlink", "symlinkat", "unlink", "unlinkat", "truncate", "getdents", "getdents64",
            "io_uring_setup",
            "open_by_handle_at", "chroot", "pivot_root", "unshare", "setns", "chdir", "fchdir", "clone",
            "clone3",
            "fork", "vfork",
        ].map { "?\($0)" }.joined(separator: ",")

        /// Makes one, if strace can trace here: that is tried.
        init(in directory: FilePath) throws(Observation.Refusal) {
            path = directory / "trace"
            guard let probed = FilePath.ascii(path), mkfifo(probed, 0o600) == 0 else { throw .notTraced }
            let tried = mlrepo_open(probed, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0)
            let isTracing = tried >= 0 && Self.isTracing(path, tried)
            // Anew: of this one nobody has ever closed the other end.
            pipe = isTracing ? mlrepo_open(probed, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0) : -1
            if tried >= 0 { close(tried) }
            guard pipe >= 0 else {
                unlink(probed)
                throw .notTraced
            }
        }

        /// A command under strace.
        ///
        /// The tracer is nobody's parent and in a session of its own: what ends the command does not end it.
        func command(_ words: [[UInt8]]) -> [[UInt8]] { Self.command(words, path) }

        private static func command(_ words: [[UInt8]], _ path: FilePath) -> [[UInt8]] {
            let own = [
                "strace", "-DDD", "-f", "--seccomp-bpf", "-qqq", "-xx", "-y", "-e", "signal=none", "-e",
                "trace=\(calls)", "-o", path.description, "--",
            ]
            return own.map { Array($0.utf8) } + words
        }

        /// What strace is to execute; nothing where that is nothing.
        static func words(_ arguments: [[UInt8]]) -> [[UInt8]]? {
            guard let program = ProgramSearch.find(arguments[0]) else { return nil }
            // A shell's script without a first line that says so, which execvp(3) gives to the shell.
            let file = mlrepo_open(program.description, O_RDONLY | O_CLOEXEC, 0)
            defer { close(file) }
            var head = [UInt8](repeating: 0, count: 4)
            guard file >= 0, read(file, &head, 4) > 0, head != [0x7f, 0x45, 0x4c, 0x46],
                !head.starts(with: "#!".utf8)
            else { return arguments }
            return [Array("/bin/sh".utf8), program.bytes] + arguments.dropFirst()
        }

        /// Whether strace tells of a shell's beginning.
        private static func isTracing(_ path: FilePath, _ pipe: Int32) -> Bool {
            let nothing = mlrepo_open("/dev/null", O_WRONLY | O_CLOEXEC, 0)
            guard nothing >= 0 else { return false }
            defer { close(nothing) }
            var started = mlrepo_started()
            let words = command(["/bin/sh", "-c", ":"].map { Array($0.utf8) }, path)
            let isStarted = WordList(words).withPointers { words in
                var none = sigset_t()
                sigemptyset(&none)
                return withUnsafePointer(to: none) { mask in
                    var command = mlrepo_command(
                        arguments: words, output: nothing, error: nothing, mask: mask, is_observed: 0,
                        environment: nil)
                    return mlrepo_start(&command, &started) == 0
                }
            }
            guard isStarted else { return false }
            close(started.channel)
            var status: Int32 = 0
            while waitpid(started.process, &status, 0) < 0, errno == EINTR {}
            guard status == 0 else { return false }
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            var waiting = pollfd(fd: pipe, events: Int16(POLLIN), revents: 0)
            var count = 0
            // Until the tracer has ended, too.
            while poll(&waiting, 1, 2_000) > 0 {
                let more = read(pipe, &buffer, buffer.count)
                if more == 0 { return count > 0 }
                count += max(0, more)
            }
            return false
        }

        /// strace has opened the pipe, or has ended.
        static func forget(_ directory: FilePath) { unlink((directory / "trace").description) }
    }

    extension FilePath {
        /// A path as text, if nothing in it needs more than that.
        fileprivate static func ascii(_ path: FilePath) -> String? {
            path.bytes.allSatisfy { $0 < 0x80 } && path.isAbsolute ? path.description : nil
        }
    }
#endif
