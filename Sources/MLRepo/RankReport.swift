internal import FileIO
internal import ObjectModel
internal import Observation

/// What one of several ranks tells the first one when its command has ended, in a file of the run's directory.
///
/// Lines of fields with tabs between them, names in hex; both ends are of one build.
struct RankReport: Sendable {
    var rank: Int
    /// When it began, in nanoseconds since 1970.
    var started: Int64
    var status: Int?
    var signal: Int?
    var usage: ObservedCommand.Usage
    var observation: Observation
    /// Copies of what it read and then changed: names in its own directory.
    var copies: [RepositoryPath: String]

    private static let version = "mlrepo-rank-1"

    var bytes: [UInt8] {
        var lines = [
            [
                Self.version, "\(rank)", "\(started)", status.map { "\($0)" } ?? "-",
                signal.map { "\($0)" } ?? "-",
                "\(usage.userMicroseconds)", "\(usage.systemMicroseconds)", "\(usage.maximumResidentBytes)",
                observation.way.rawValue, observation.gaps.map(\.rawValue).sorted().joined(separator: ","),
            ]
        ]
        for (path, name) in copies { lines.append(["copy", Hex.text(path.bytes), name]) }
        let log = observation.log
        for path in log.movedDirectories { lines.append(["moved", Hex.text(path.bytes)]) }
        for (path, target) in log.links {
            lines.append(["link", Hex.text(path.bytes), Hex.text(target.bytes)])
        }
        for (path, target) in log.programLinks {
            lines.append(["program", Hex.text(path.bytes), Hex.text(target.bytes)])
        }
        for path in log.absent { lines.append(["absent", Hex.text(path.bytes)]) }
        for path in log.listed { lines.append(["listed", Hex.text(path.bytes)]) }
        if log.hasMoreLookups { lines.append(["more", ""]) }
        for (path, file) in log.files {
            let flags = [
                (file.isRead, "r"), (file.isWritten, "w"), (file.isExecuted, "x"), (file.isUnsteady, "u"),
                (file.isRemoved, "d"),
            ].filter(\.0).map(\.1).joined()
            lines.append(["file", Hex.text(path.bytes), flags] + Self.fields(file.before))
        }
        // What is cut short has no last line.
        lines.append(["end"])
        return Array(lines.map { $0.joined(separator: "\t") + "\n" }.joined().utf8)
    }

    private static func fields(_ status: FileStatus?) -> [String] {
        guard let status else { return [] }
        return [
            "\(status.kind.rawValue)", "\(status.permissions)", "\(status.size)", "\(status.modified)",
            "\(status.changed)", "\(status.inode)", "\(status.device)",
        ]
    }

    private static func status(_ fields: ArraySlice<Substring>) -> FileStatus? {
        let fields = Array(fields)
        guard fields.count == 7, let kind = UInt8(fields[0]).flatMap({ FileKind(rawValue: $0) }),
            let permissions = UInt16(fields[1]), let size = Int(fields[2]), let modified = Int64(fields[3]),
            let changed = Int64(fields[4]), let inode = UInt64(fields[5]), let device = UInt64(fields[6])
        else { return nil }
        return FileStatus(
            kind: kind, permissions: permissions, size: size, modified: modified, changed: changed,
            inode: inode, device: device)
    }

    private static func path(_ hex: Substring) -> FilePath? {
        guard let bytes = Hex.bytes(hex), !bytes.contains(0) else { return nil }
        return FilePath(bytes)
    }

    /// - Returns: Nothing for what is no such report, or is not whole.
    init?(_ bytes: [UInt8]) {
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        guard lines.last == "end", let first = lines.first else { return nil }
        let head = first.split(separator: "\t", omittingEmptySubsequences: false)
        guard head.count == 10, head[0] == Self.version, let rank = Int(head[1]),
            let started = Int64(head[2]),
            let user = Int(head[5]), let system = Int(head[6]), let resident = Int(head[7]),
            let way = Observation.Way(rawValue: String(head[8])),
            Int(head[3]).map({ (0...255).contains($0) }) ?? (head[3] == "-"),
            Int(head[4]).map({ (1...64).contains($0) }) ?? (head[4] == "-"),
            // No process has worked for a thousand years.
            [user, system].allSatisfy({ (0...1 << 55).contains($0) }), (0...1 << 55).contains(resident)
        else { return nil }
        (self.rank, self.started, status, signal) = (rank, started, Int(head[3]), Int(head[4]))
        usage = ObservedCommand.Usage()
        (usage.userMicroseconds, usage.systemMicroseconds) = (user, system)
        usage.maximumResidentBytes = resident
        copies = [:]
        var log = AccessLog()
        for line in lines.dropFirst().dropLast() {
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
            guard fields.count > 1, let path = Self.path(fields[1]) else { return nil }
            switch fields[0] {
            case "copy":
                guard fields.count == 3, let inside = try? RepositoryPath(path.bytes) else { return nil }
                copies[inside] = String(fields[2])
            case "moved": log.add(movedDirectory: path)
            case "link":
                guard fields.count == 3, let target = Self.path(fields[2]) else { return nil }
                log.note(link: path, to: target)
            case "program":
                guard fields.count == 3, let target = Self.path(fields[2]) else { return nil }
                log.note(link: path, to: target, ofProgram: true)
            case "absent": log.note(absent: path)
            case "listed": log.note(listed: path)
            case "more": log.addMoreLookups()
            case "file":
                guard fields.count == 3 || fields.count == 10 else { return nil }
                let before = Self.status(fields.dropFirst(3))
                guard before != nil || fields.count == 3 else { return nil }
                func has(_ flag: Character) -> Bool { fields[2].contains(flag) }
                log.add(
                    path,
                    AccessLog.File(
                        before: before, isRead: has("r"), isWritten: has("w"), isExecuted: has("x"),
                        isUnsteady: has("u"), isRemoved: has("d")))
            default: return nil
            }
        }
        let gaps = head[9].split(separator: ",").compactMap { Observation.Gap(rawValue: String($0)) }
        observation = Observation(way: way, log: log, gaps: Set(gaps))
    }

    init(
        rank: Int, started: Int64, _ end: ObservedCommand.End, copies: [RepositoryPath: String]
    ) {
        (self.rank, self.started, self.copies) = (rank, started, copies)
        (status, signal, usage, observation) = (end.status, end.signal, end.usage, end.observation)
    }
}
