#if os(Linux)
    internal import CShims
    internal import FileIO
    internal import Glibc

    /// The library that is loaded into programs, as a file's bytes: it lies beside this program, or in it.
    enum LibraryImage {
        /// The ELF section that scripts/release adds.
        private static let section = Array(".mlrepo.preload".utf8)
        /// More bytes than these no such library has.
        private static let most = 1 << 24

        /// - Returns: Nothing where there is none.
        static func load(_ files: any FileSystem) -> [UInt8]? {
            let own = FilePath("/proc/self/exe")
            if let place = AccessLog.realPath(own) {
                let beside = place.parent / MLREPO_REPORT_LIBRARY
                if let found = (try? files.contentsIfPresent(beside, limit: most)) ?? nil { return found }
            }
            return section(of: own)
        }

        /// The bytes of the section in a program's file, to which a link may lead; nothing where it has none, or is no such file.
        private static func section(of program: FilePath) -> [UInt8]? {
            let file = mlrepo_open(program.description, O_RDONLY | O_CLOEXEC, 0)
            guard file >= 0 else { return nil }
            defer { close(file) }
            return section { (offset, count) in
                guard offset >= 0, count >= 0, count <= most else { return nil }
                var bytes = [UInt8](repeating: 0, count: count)
                return pread(file, &bytes, count, offset) == count ? bytes : nil
            }
        }

        /// The section of a file of 64 bits in this machine's byte order (elf(5)), by what reads so many bytes of it.
        static func section(_ read: (_ offset: Int, _ count: Int) -> [UInt8]?) -> [UInt8]? {
            // Little ends first, 64 bits.
            guard let head = read(0, 64), head.starts(with: [0x7f, 0x45, 0x4c, 0x46, 2, 1]),
                let table = number(head, 40, 8), let size = number(head, 58, 2),
                let count = number(head, 60, 2), let names = number(head, 62, 2),
                size >= 64, names < count, let headers = read(table, size * count),
                let text = place(headers, names * size), text.count <= most,
                let strings = read(text.offset, text.count)
            else { return nil }
            for index in 0..<count {
                guard let name = number(headers, index * size, 4), name < strings.count,
                    strings[name...].prefix(while: { $0 != 0 }).elementsEqual(section)
                else { continue }
                guard let found = place(headers, index * size), found.count > 0, found.count <= most else {
                    return nil
                }
                return read(found.offset, found.count)
            }
            return nil
        }

        /// Where a section's bytes lie, by its header.
        private static func place(_ headers: [UInt8], _ at: Int) -> (offset: Int, count: Int)? {
            guard let offset = number(headers, at + 24, 8), let count = number(headers, at + 32, 8) else {
                return nil
            }
            return (offset, count)
        }

        /// - Returns: Nothing where it lies beyond the end, or is no number of this program's.
        private static func number(_ bytes: [UInt8], _ at: Int, _ size: Int) -> Int? {
            guard at >= 0, at + size <= bytes.count else { return nil }
            return Int(exactly: bytes[at..<at + size].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
        }
    }
#endif
