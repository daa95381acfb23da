#if os(Linux)
    internal import CShims
    internal import FileIO
    internal import Glibc

    /// Files that a command finds open: `train <data.csv >result.csv`.
    enum InheritedFiles {
        /// More descriptors than these nobody hands on from a shell.
        private static let most: Int32 = 64

        static func note(in log: inout AccessLog, _ files: any FileSystem) {
            for descriptor in 0..<most {
                let flags = mlrepo_descriptor_flags(descriptor)
                guard flags >= 0 else { continue }
                var place = [CChar](repeating: 0, count: 4096)
                let length = readlink("/proc/self/fd/\(descriptor)", &place, place.count)
                guard length > 0, place[0] == CChar(UInt8(ascii: "/")) else { continue }
                let path = FilePath(place[..<length].map { UInt8(bitPattern: $0) })
                guard let status = (try? files.status(path)) ?? nil, status.kind == .file else { continue }
                var opening: FileAccess.Opening = []
                if flags & O_ACCMODE != O_WRONLY { opening.insert(.reading) }
                if flags & O_ACCMODE != O_RDONLY { opening.insert(.writing) }
                log.note(.open(path, opening, was: status))
            }
        }
    }
#endif
