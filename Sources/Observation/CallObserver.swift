#if os(Linux)
    internal import CShims
    internal import FileIO
    internal import Glibc

    /// Answers the calls of a command, and has the files looked at that they name.
    ///
    /// Each call waits until it is answered, and goes on as if nobody had looked: what is asked is never changed or refused. What is
    /// about to change is looked at before; what is only read, by another thread within milliseconds, while the command goes on.
    struct CallObserver: ~Copyable {
        private let listener: Int32
        /// Where the kernel writes of the call that is taken, in memory that the caretaker sees.
        private let room: UnsafeMutableRawPointer
        private var names = ProcessNames()
        private let watch: SharedWatch

        init(listener: Int32, room: UnsafeMutableRawPointer, _ watch: SharedWatch) {
            (self.listener, self.room, self.watch) = (listener, room, watch)
        }

        deinit { names.deallocate() }

        /// Takes calls until no process of the command is left, or somebody says that it is enough.
        ///
        /// Waits in the kernel for the next call alone: to wait for anything else beside it is one more call each time. So
        /// whoever has something to say sends this thread a signal.
        /// - Parameter stop: Becomes readable when it is enough.
        mutating func run(until stop: Int32) {
            var waiting = [
                pollfd(fd: listener, events: Int16(POLLIN), revents: 0),
                pollfd(fd: stop, events: Int16(POLLIN), revents: 0),
            ]
            var call = mlrepo_call()
            var count = 0
            while true {
                if mlrepo_next_call(listener, room, &call) == 0 {
                    answer(call)
                    count += 1
                    // Who is left may go on asking for ever.
                    guard count.isMultiple(of: 64), poll(&waiting[1], 1, 0) > 0 else { continue }
                    watch.note(.leftRunning)
                    return
                }
                guard poll(&waiting, 2, 0) > 0 else { continue }
                if waiting[0].revents & Int16(POLLIN) != 0 { continue }
                if waiting[0].revents == 0 { watch.note(.leftRunning) }
                return
            }
        }

        private mutating func answer(_ call: mlrepo_call) {
            names.hear(of: call.process)
            do throws(ProcessNames.Failure) {
                let request = try request(call)
                let isExecuting = call.kind == MLREPO_CALL_EXECUTE
                // What our own program looks at is nobody's input.
                let isIdle = !isExecuting && request?.isChange == false && names.isOurs(call.process)
                if let request, !isIdle { watch.note(request) }
                // It is another program from now on.
                if isExecuting { names.forget(call.process) }
            } catch {
                switch error {
                case .unread: watch.note(.unreadName)
                case .otherRoot: watch.note(.otherRoot)
                case .uninteresting: break
                }
            }
            mlrepo_allow_call(listener, call.id)
        }

        /// What a call is about; nothing if that is no file, or if nobody wants to know.
        private mutating func request(_ call: mlrepo_call) throws(ProcessNames.Failure) -> FileRequest? {
            switch call.kind {
            case MLREPO_CALL_MOVE:
                // From where it goes, before that counts as not known.
                let place =
                    watch.isNoting && call.names.0 != 0
                    ? try? names.path(call.names.0, call.directories.0, of: call.process) : nil
                names.note(moving: call.process)
                return place.map { .enter($0) }
            case MLREPO_CALL_RING:
                watch.note(.ring)
                return nil
            case MLREPO_CALL_ROOT:
                names.forgetAll()
                return nil
            case MLREPO_CALL_EXECUTE: names.forget(call.process)
            default: break
            }
            guard watch.isNoting else { return nil }
            switch call.kind {
            case MLREPO_CALL_HANDLE:
                watch.note(.handle)
                return nil
            case MLREPO_CALL_LINK:
                // What gets a second name may have none: O_TMPFILE.
                return .link(try names.path(call.names.1, call.directories.1, of: call.process))
            case MLREPO_CALL_LIST: return .list(try names.directory(call.directories.0, of: call.process))
            default: break
            }
            let path = try names.path(call.names.0, call.directories.0, of: call.process)
            switch call.kind {
            case MLREPO_CALL_OPEN:
                // What is made without a name gets one by link(2).
                if call.flags & Self.nameless == Self.nameless { return nil }
                if call.flags & UInt64(MLREPO_O_PATH) != 0 { return .enter(path) }
                return .open(path, Self.opening(Int32(truncatingIfNeeded: call.flags)))
            case MLREPO_CALL_TRUNCATE:
                // What is not cut off stays.
                return .open(path, call.flags == 0 ? [.writing, .truncating] : .writing)
            case MLREPO_CALL_EXECUTE: return .execute(path)
            case MLREPO_CALL_RENAME:
                let other = try names.path(call.names.1, call.directories.1, of: call.process)
                return call.flags & Self.exchange == 0 ? .rename(path, to: other) : .exchange(path, other)
            case MLREPO_CALL_SYMLINK: return .symbolicLink(path)
            case MLREPO_CALL_REMOVE: return .remove(path)
            default: return nil
            }
        }

        /// O_TMPFILE, which is declared for GNU programs only.
        private static let nameless = UInt64(0o20000000 | O_DIRECTORY)
        /// RENAME_EXCHANGE of linux/fs.h.
        private static let exchange: UInt64 = 2

        /// What the flags of open(2) say.
        static func opening(_ flags: Int32) -> FileAccess.Opening {
            var opening: FileAccess.Opening = []
            if flags & O_ACCMODE != O_WRONLY { opening.insert(.reading) }
            if flags & O_ACCMODE != O_RDONLY { opening.insert(.writing) }
            if flags & O_TRUNC != 0 { opening.insert(.truncating) }
            if flags & O_CREAT != 0 {
                opening.insert(flags & O_EXCL == 0 ? .creating : [.creating, .exclusive])
            }
            return opening
        }
    }
#endif
