#if os(Linux)
    internal import CShims
    internal import FileIO
    internal import Glibc

    /// What a process tells by the library that it was started with; as it came, and so perhaps made up by anybody.
    struct PreloadReport: Hashable {
        let kind: mlrepo_report_kind
        let value: UInt32
        /// Absolute paths, as they are written; as many as the kind has.
        let paths: [FilePath]

        /// - Returns: Nothing where these bytes are no report.
        init?(_ bytes: UnsafeRawBufferPointer) {
            let size = MemoryLayout<mlrepo_report>.size
            guard bytes.count >= size else { return nil }
            let head = bytes.loadUnaligned(as: mlrepo_report.self)
            let kind = mlrepo_report_kind(UInt32(head.kind))
            guard head.version == UInt8(MLREPO_REPORT_VERSION), head.zero == 0,
                let number = Self.paths(of: kind)
            else { return nil }
            let (first, second) = (Int(head.lengths.0), Int(head.lengths.1))
            guard bytes.count == size + first + second, (first > 0) == (number > 0),
                (second > 0) == (number > 1)
            else { return nil }
            var paths: [FilePath] = []
            for range in [size..<size + first, size + first..<size + first + second] where !range.isEmpty {
                let path = UnsafeRawBufferPointer(rebasing: bytes[range])
                guard path[0] == UInt8(ascii: "/"), !path.contains(0) else { return nil }
                paths.append(FilePath(Array(path)))
            }
            (self.kind, value, self.paths) = (kind, head.value, paths)
        }

        private static func paths(of kind: mlrepo_report_kind) -> Int? {
            switch kind {
            case MLREPO_REPORT_RENAME: 2
            case MLREPO_REPORT_OPEN, MLREPO_REPORT_CREATED, MLREPO_REPORT_EXECUTE, MLREPO_REPORT_SPAWN,
                MLREPO_REPORT_LINK, MLREPO_REPORT_SYMLINK, MLREPO_REPORT_REMOVE, MLREPO_REPORT_TRUNCATE,
                MLREPO_REPORT_LIST:
                1
            case MLREPO_REPORT_HELLO, MLREPO_REPORT_BORN, MLREPO_REPORT_FAILED, MLREPO_REPORT_SPAWNED,
                MLREPO_REPORT_ROOT, MLREPO_REPORT_RING, MLREPO_REPORT_HANDLE, MLREPO_REPORT_UNREAD,
                MLREPO_REPORT_UNWATCHED:
                0
            default: nil
            }
        }

        static func == (one: PreloadReport, other: PreloadReport) -> Bool {
            one.kind == other.kind && one.value == other.value && one.paths == other.paths
        }

        func hash(into hasher: inout Hasher) {
            hasher.combine(kind.rawValue)
            hasher.combine(value)
            hasher.combine(paths)
        }
    }
#endif
