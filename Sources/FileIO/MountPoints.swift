/// Where other file systems, or parts of one, are mounted: what is removed, or gone through, is to end there.
package enum MountPoints {
    /// Whether something is mounted below a directory, which is named without links on the way.
    ///
    /// The device number does not tell: a directory that is bound to another place has that of its file system.
    package static func isAny(below directory: FilePath, _ files: any FileSystem) -> Bool {
        let prefix = directory.bytes + [UInt8(ascii: "/")]
        for line in table(files).split(separator: UInt8(ascii: "\n")) {
            let fields = line.split(separator: UInt8(ascii: " "), maxSplits: 5)
            if fields.count > 5, plain(fields[4]).starts(with: prefix) { return true }
        }
        return false
    }

    /// proc_pid_mountinfo(5); empty where there is none.
    private static func table(_ files: any FileSystem) -> [UInt8] {
        guard let file = try? files.open(FilePath("/proc/self/mountinfo")) else { return [] }
        defer { files.close(file) }
        var (table, buffer) = ([UInt8](), [UInt8](repeating: 0, count: 1 << 16))
        while let count = try? files.read(file, filling: &buffer, at: table.count), count > 0 {
            table += buffer[..<count]
        }
        return table
    }

    /// Blanks, tabs, line feeds and backslashes stand as three octal digits behind a backslash.
    private static func plain(_ field: ArraySlice<UInt8>) -> [UInt8] {
        var (plain, rest) = ([UInt8](), field)
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3)
            if byte == UInt8(ascii: "\\"), digits.count == 3,
                digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "7")).contains($0) })
            {
                plain.append(digits.reduce(0) { $0 &* 8 &+ ($1 - UInt8(ascii: "0")) })
                rest = rest.dropFirst(3)
            } else {
                plain.append(byte)
            }
        }
        return plain
    }
}
