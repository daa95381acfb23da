#if os(Linux)
    internal import CShims
    internal import FileIO
    internal import Glibc

    /// Finds which path a process means by a name, while the process waits.
    struct ProcessNames {
        /// Threads, as the kernel numbers them, that see the same files under the same names as we do.
        private var familiar: Set<UInt32> = []
        private var strangers: Set<UInt32> = []
        /// One of the familiar ones.
        private var latest: UInt32 = 0
        /// Threads of our own program: what it looks at is nobody's input.
        private var ours: Set<UInt32> = []
        private let ownProgram = ProcessNames.link("/proc/self/exe")
        private let ownMounts = ProcessNames.link("/proc/self/ns/mnt")
        private let ownRoot = ProcessNames.link("/proc/self/root")
        /// Where a thread works; asked for again when any has gone elsewhere.
        private var working: (thread: UInt32, directory: FilePath)?
        /// Threads that were about to go elsewhere when they were last heard of, and when that was, in seconds: who shares their
        /// directory may be there or not yet.
        private var moving: [UInt32: Int] = [:]
        private let buffer = UnsafeMutableBufferPointer<CChar>.allocate(capacity: ProcessNames.longest)

        /// The longest path that the kernel takes, with its NUL.
        private static let longest = 4096
        private static let usual = 192

        func deallocate() { buffer.deallocate() }

        enum Failure: Error {
            /// The process is gone, or may not be looked at.
            case unread
            case otherRoot
            /// A file of the kernel's own, or no name.
            case uninteresting
        }

        /// A thread is heard of: what it was about to do is done.
        mutating func hear(of thread: UInt32) { if !moving.isEmpty { moving[thread] = nil } }

        /// A thread is about to work elsewhere.
        mutating func note(moving thread: UInt32) {
            working = nil
            moving[thread] = time(nil)
        }

        /// The absolute path that a thread means, as it is written.
        mutating func path(_ address: UInt64, _ directory: Int32, of thread: UInt32) throws(Failure)
            -> FilePath
        {
            guard address != 0 else { throw .uninteresting }
            // Most names are short, and every page that is looked at costs.
            var count = mlrepo_read_memory(thread, address, buffer.baseAddress, Self.usual)
            guard count > 0 else { throw .unread }
            var length = strnlen(buffer.baseAddress.unsafelyUnwrapped, count)
            if length == count {
                count = mlrepo_read_memory(thread, address, buffer.baseAddress, Self.longest)
                length = strnlen(buffer.baseAddress.unsafelyUnwrapped, max(0, count))
                guard length < count else { throw .uninteresting }
            }
            guard length > 0 else { throw .uninteresting }
            let name = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<length])
            try requireFamiliar(thread)
            if name[0] == UInt8(ascii: "/") {
                guard Self.isOfKernel(name) else { return FilePath(Array(name)) }
                guard let path = Self.throughProcess(name, thread) else { throw .uninteresting }
                return path
            }
            let base = try base(directory, of: thread)
            guard base.bytes.suffix(Self.gone.count).elementsEqual(Self.gone) else {
                return Self.join(base.bytes, name)
            }
            // The directory has no name any more, and leads on all the same; or it is called like that.
            let place = directory == AT_FDCWD ? "/proc/\(thread)/cwd" : "/proc/\(thread)/fd/\(directory)"
            let path = Self.join(Array(place.utf8), name)
            guard let above = Self.place(of: path.parent), above.first == UInt8(ascii: "/"),
                !above.suffix(Self.gone.count).elementsEqual(Self.gone)
            else { throw .unread }
            return FilePath(above).appending(path.name)
        }

        /// The path of a directory that a thread has open.
        mutating func directory(_ descriptor: Int32, of thread: UInt32) throws(Failure) -> FilePath {
            try requireFamiliar(thread)
            let found = try base(descriptor, of: thread)
            // One that has no name any more holds none, either.
            guard !found.bytes.suffix(Self.gone.count).elementsEqual(Self.gone),
                !found.bytes.withUnsafeBytes(Self.isOfKernel)
            else { throw .uninteresting }
            return found
        }

        /// Where a path leads for the kernel, also through what has no name.
        private static func place(of path: FilePath) -> [UInt8]? {
            let file = mlrepo_open(
                path.bytes.map { CChar(bitPattern: $0) } + [0], MLREPO_O_PATH | O_CLOEXEC, 0)
            guard file >= 0 else { return nil }
            defer { close(file) }
            return link("/proc/self/fd/\(file)")
        }

        /// What the kernel adds to the name of a directory that has none any more.
        private static let gone = Array(" (deleted)".utf8)

        private static func join(_ directory: [UInt8], _ name: UnsafeRawBufferPointer) -> FilePath {
            let isTop = directory.last == UInt8(ascii: "/")
            let count = directory.count + (isTop ? 0 : 1) + name.count
            return FilePath(
                [UInt8](unsafeUninitializedCapacity: count) { bytes, filled in
                    let start = bytes.baseAddress.unsafelyUnwrapped
                    directory.withUnsafeBufferPointer { directory in
                        if let from = directory.baseAddress {
                            start.update(from: from, count: directory.count)
                        }
                    }
                    if !isTop { start[directory.count] = UInt8(ascii: "/") }
                    memcpy(start + (count - name.count), name.baseAddress.unsafelyUnwrapped, name.count)
                    filled = count
                })
        }

        /// Whether a path lies in a file system that holds no data of anybody.
        static func isOfKernel(_ name: UnsafeRawBufferPointer) -> Bool {
            guard name.count > 4, "psd".utf8.contains(name[1]) else { return false }
            // Memory in which many keep data.
            if name.starts(with: "/dev/shm/".utf8) { return false }
            return ["/proc/", "/sys/", "/dev/"].contains { name.starts(with: $0.utf8) }
        }

        /// Where a name leads that goes through what the kernel tells of the process itself: `/proc/self/cwd/data`.
        private static func throughProcess(_ name: UnsafeRawBufferPointer, _ thread: UInt32) -> FilePath? {
            for prefix in ["/proc/self/", "/proc/thread-self/", "/dev/fd/"]
            where name.starts(with: prefix.utf8) {
                let rest = name.dropFirst(prefix.utf8.count)
                let place = prefix == "/dev/fd/" ? "/proc/\(thread)/fd/" : "/proc/\(thread)/"
                guard let found = AccessLog.realPath(FilePath(Array(place.utf8) + rest)) else { return nil }
                return found.bytes.withUnsafeBytes(isOfKernel) ? nil : found
            }
            return nil
        }

        private mutating func base(_ directory: Int32, of thread: UInt32) throws(Failure) -> FilePath {
            let isWorking = directory == AT_FDCWD
            if !moving.isEmpty {
                // A second later it is there, whether it is heard of again or not.
                let now = time(nil)
                moving = moving.filter { now - $0.value < 2 }
            }
            if isWorking, let working, working.thread == thread, moving.isEmpty { return working.directory }
            let place = isWorking ? "/proc/\(thread)/cwd" : "/proc/\(thread)/fd/\(directory)"
            guard let bytes = Self.link(place), bytes.first == UInt8(ascii: "/") else { throw .unread }
            let found = FilePath(bytes)
            if isWorking { working = (thread, found) }
            return found
        }

        /// A program that is started may be the first one behind another root.
        mutating func forget(_ thread: UInt32) {
            latest = 0
            familiar.remove(thread)
            strangers.remove(thread)
            ours.remove(thread)
        }

        /// Whether a thread, which was asked about before, is one of our own program.
        func isOurs(_ thread: UInt32) -> Bool { ours.contains(thread) }

        /// Some thread may be behind another root from its next call on.
        mutating func forgetAll() {
            latest = 0
            familiar.removeAll()
            strangers.removeAll()
        }

        private mutating func requireFamiliar(_ thread: UInt32) throws(Failure) {
            if thread == latest { return }
            if familiar.contains(thread) {
                latest = thread
                return
            }
            if strangers.contains(thread) { throw .otherRoot }
            // Numbers are used again.
            if familiar.count > 100_000 {
                familiar.removeAll()
                ours.removeAll()
            }
            let isFamiliar =
                Self.link("/proc/\(thread)/root") == ownRoot
                && Self.link("/proc/\(thread)/ns/mnt") == ownMounts
            guard isFamiliar else {
                strangers.insert(thread)
                throw .otherRoot
            }
            familiar.insert(thread)
            if let ownProgram, Self.link("/proc/\(thread)/exe") == ownProgram { ours.insert(thread) }
        }

        /// Whether a process sees the same files under the same names as we do; of one that is gone nobody can tell any more.
        mutating func isFamiliar(_ process: UInt32) -> Bool {
            do throws(Failure) {
                try requireFamiliar(process)
                return true
            } catch {
                guard Self.link("/proc/\(process)/root") == nil else { return false }
                strangers.remove(process)
                return true
            }
        }

        /// Where an absolute path of a process leads; nothing where that holds no data of anybody.
        func path(_ written: FilePath, of process: UInt32) -> FilePath? {
            written.bytes.withUnsafeBytes { name in
                Self.isOfKernel(name) ? Self.throughProcess(name, process) : written
            }
        }

        private static func link(_ path: String) -> [UInt8]? {
            let bytes = [UInt8](unsafeUninitializedCapacity: longest) { buffer, count in
                let length = buffer.withMemoryRebound(to: CChar.self) { buffer in
                    buffer.baseAddress.map { readlink(path, $0, longest) } ?? 0
                }
                count = max(0, length)
            }
            return bytes.isEmpty ? nil : bytes
        }
    }
#endif
