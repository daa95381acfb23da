internal import FileIO
internal import ObjectModel

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// What a run records of the machine without being asked.
enum MachineFacts {
    static func read() -> [String: JSONValue] {
        var facts: [String: JSONValue] = ["processors": .integer(processorCount())]
        var system = utsname()
        if uname(&system) == 0 {
            facts["system"] = text(&system.sysname)
            facts["release"] = text(&system.release)
            facts["machine"] = text(&system.machine)
            facts["host"] = text(&system.nodename)
        }
        let (pages, size) = (sysconf(Int32(_SC_PHYS_PAGES)), sysconf(Int32(_SC_PAGESIZE)))
        if pages > 0, size > 0 { facts["memory"] = .integer(pages * size) }
        return facts
    }

    /// A field of `utsname`: bytes up to NUL.
    private static func text<Field>(_ field: inout Field) -> JSONValue {
        withUnsafeBytes(of: &field) { bytes in
            .string(String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self))
        }
    }
}
