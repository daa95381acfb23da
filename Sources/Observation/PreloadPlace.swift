#if os(Linux)
    internal import CShims
    internal import FileIO
    internal import Glibc

    /// A directory from which programs load the library, and in which they find the socket to tell on.
    ///
    /// Nobody else can look into it.
    struct PreloadPlace: Sendable {
        private let directory: FilePath
        let library: FilePath
        /// Where reports are read; is closed by whoever reads them.
        let socket: Int32

        /// Makes one whose library programs do load: that is tried.
        ///
        /// - Parameter parent: Where it is made, if a library can be named there and loaded from there.
        init(in parent: FilePath, _ files: any FileSystem) throws(Observation.Refusal) {
            guard let image = LibraryImage.load(files) else { throw .noLibrary }
            var refusal = Observation.Refusal.notLoaded
            for candidate in [Self.make(in: parent), Self.makeElsewhere()] {
                guard let directory = candidate() else { continue }
                do throws(Observation.Refusal) {
                    self = try PreloadPlace(at: directory, image, files)
                    return
                } catch { refusal = error }
            }
            throw refusal
        }

        private init(
            at directory: FilePath, _ image: [UInt8], _ files: any FileSystem
        ) throws(Observation.Refusal) {
            self.directory = directory
            library = directory / MLREPO_REPORT_LIBRARY
            socket = mlrepo_open_reports((directory / MLREPO_REPORT_SOCKET).description)
            guard socket >= 0 else {
                let code = errno
                rmdir(directory.description)
                throw .system(code)
            }
            do throws(FileError) {
                let file = try files.create(library, permissions: 0o500)
                defer { files.close(file) }
                try files.write(file, image)
            } catch {
                abandon()
                throw .notLoaded
            }
            guard isLoaded else {
                abandon()
                throw .notLoaded
            }
        }

        /// The loader parts libraries at blanks and colons and replaces what follows a dollar; names of sockets are short.
        private static func make(in parent: FilePath) -> () -> FilePath? {
            {
                let directory = parent / "watch"
                guard directory.isAbsolute, directory.bytes.count <= 80,
                    !directory.bytes.contains(where: { $0 >= 0x80 || " :$".utf8.contains($0) })
                else { return nil }
                return mkdir(directory.description, 0o700) == 0 ? directory : nil
            }
        }

        private static func makeElsewhere() -> () -> FilePath? {
            {
                var pattern = "/tmp/mlrepo-XXXXXX".utf8.map { CChar(bitPattern: $0) } + [0]
                guard mkdtemp(&pattern) != nil else { return nil }
                return FilePath(pattern.dropLast().map { UInt8(bitPattern: $0) })
            }
        }

        /// Whether a shell loads the library and says so.
        private var isLoaded: Bool {
            let nothing = mlrepo_open("/dev/null", O_WRONLY | O_CLOEXEC, 0)
            guard nothing >= 0 else { return false }
            defer { close(nothing) }
            var started = mlrepo_started()
            let isStarted = WordList(["/bin/sh", "-c", ":"].map { Array($0.utf8) }).withPointers { words in
                WordList(environment).withPointers { variables in
                    var none = sigset_t()
                    sigemptyset(&none)
                    return withUnsafePointer(to: none) { mask in
                        var command = mlrepo_command(
                            arguments: words, output: nothing, error: nothing, mask: mask, is_observed: 0,
                            environment: variables)
                        return mlrepo_start(&command, &started) == 0
                    }
                }
            }
            guard isStarted else { return false }
            close(started.channel)
            var hasSaid = false
            var waiting = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
            // Who does not say it ends soon.
            for _ in 0..<500 {
                if poll(&waiting, 1, 10) > 0 {
                    var (sender, byte) = (mlrepo_sender(), mlrepo_report())
                    let count = mlrepo_next_report(socket, &byte, MemoryLayout<mlrepo_report>.size, &sender)
                    if count > 0, UInt32(byte.kind) == MLREPO_REPORT_HELLO.rawValue { hasSaid = true }
                    mlrepo_answer_report(&sender)
                } else if waitpid(started.process, nil, WNOHANG) != 0 {
                    return hasSaid
                }
            }
            kill(started.process, SIGKILL)
            while waitpid(started.process, nil, 0) < 0, errno == EINTR {}
            return hasSaid
        }

        /// The variables with which a program loads the library, beside what it would load without.
        var environment: [[UInt8]] {
            let name = Array("LD_PRELOAD=".utf8)
            var variables: [[UInt8]] = []
            var next = environ
            var before: [UInt8] = []
            while let variable = next.pointee {
                let bytes = Array(UnsafeRawBufferPointer(start: variable, count: strlen(variable)))
                if bytes.starts(with: name) {
                    before = Array(bytes[name.count...])
                } else {
                    variables.append(bytes)
                }
                next += 1
            }
            variables.append(name + library.bytes + (before.isEmpty ? [] : [UInt8(ascii: ":")] + before))
            return variables
        }

        /// Nobody was started with it.
        func abandon() {
            close(socket)
            remove(isNeeded: false)
        }

        /// - Parameter isNeeded: Whether processes are left that start others with the library.
        func remove(isNeeded: Bool) {
            unlink((directory / MLREPO_REPORT_SOCKET).description)
            if isNeeded { return }
            unlink(library.description)
            rmdir(directory.description)
        }
    }
#endif
