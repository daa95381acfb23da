#if os(Linux)
    internal import CShims
    internal import FileIO
    internal import Glibc

    /// Where the system finds a program.
    enum ProgramSearch {
        /// The path of the program that a name stands for, without what links lead to; nothing if there is none that can be executed.
        static func find(_ name: [UInt8]) -> FilePath? {
            guard !name.isEmpty else { return nil }
            if name.contains(UInt8(ascii: "/")) { return program(name) }
            let path = getenv("PATH").map { Array(String(cString: $0).utf8) } ?? Array("/bin:/usr/bin".utf8)
            for directory in path.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false) {
                let found = directory.isEmpty ? name : directory + [UInt8(ascii: "/")] + name
                if let found = program(found) { return found }
            }
            return nil
        }

        private static func program(_ path: [UInt8]) -> FilePath? {
            let bytes = path.map { CChar(bitPattern: $0) } + [0]
            var facts = stat()
            guard access(bytes, X_OK) == 0, stat(bytes, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else {
                return nil
            }
            if path.first == UInt8(ascii: "/") { return FilePath(path) }
            guard let here = getcwd(nil, 0) else { return nil }
            defer { free(here) }
            let directory = Array(UnsafeRawBufferPointer(start: here, count: strlen(here)))
            return FilePath(directory + [UInt8(ascii: "/")] + path)
        }
    }
#endif
