internal import FileIO
internal import MLRepo
internal import ObjectModel
internal import ParameterFiles

/// What a command says of itself while it runs: lines of JSON that it appends to a file (`Documentation/Formats/observe.md`).
///
/// The command may write anything there: what is no such line is passed over.
struct RunLog {
    private(set) var parameters: [String: ParameterValue] = [:]
    private(set) var metrics: [String: ParameterValue] = [:]

    /// What is behind these many bytes is not read.
    private static let limit = 64 << 20
    private static let piece = 1 << 20

    /// Where the lines of a run are.
    static func place(of recorder: RunRecorder) -> FilePath { place(in: recorder.directory) }

    private static func place(in directory: FilePath) -> FilePath { directory / "log" }

    /// By which variables a command finds the run that it is, and the file.
    static func variables(of recorder: RunRecorder) -> [(name: String, value: String)] {
        variables(of: recorder.name, in: recorder.directory)
    }

    static func variables(of run: String, in directory: FilePath) -> [(name: String, value: String)] {
        [("MLREPO_RUN", run), ("MLREPO_RUN_LOG", "\(place(in: directory))")]
    }

    /// Reads the lines of a run that has ended; later ones win.
    static func read(of recorder: RunRecorder) -> RunLog {
        var log = RunLog()
        let files = recorder.repository.environment.files
        guard let file = try? files.open(place(of: recorder)) else { return log }
        defer { files.close(file) }
        var (line, buffer): ([UInt8], [UInt8]) = ([], [UInt8](repeating: 0, count: piece))
        var (offset, bad) = (0, 0)
        while offset < limit, let count = try? files.read(file, filling: &buffer, at: offset), count > 0 {
            offset += count
            var rest = buffer[..<count]
            while let end = rest.firstIndex(of: 0x0a) {
                line += rest[..<end]
                if !log.take(line) { bad += 1 }
                line.removeAll()
                rest = rest[(end + 1)...]
            }
            line += rest
        }
        // One that was cut short by a kill is no line.
        if !line.isEmpty { bad += 1 }
        if offset >= limit {
            Terminal.printError("warning: of what the run logged, only \(Terminal.size(limit)) are kept")
        }
        if bad > 0 {
            Terminal.printError(
                "warning: \(Terminal.number(bad, "line")) that the run logged cannot be read, and \(bad == 1 ? "is" : "are") passed over"
            )
        }
        return log
    }

    /// - Returns: Whether it was a line of this kind.
    private mutating func take(_ line: [UInt8]) -> Bool {
        guard line.count <= ParameterFileLimits.byteCount,
            let read = try? readParameters(line, format: .json),
            !read.isEmpty
        else { return false }
        let isWhole = read.allSatisfy { name, value in
            if case .map = value { return ["metrics", "parameters"].contains(name) }
            return false
        }
        guard isWhole else { return false }
        if case .map(let values)? = read["metrics"] { Values.replace(with: values, in: &metrics) }
        if case .map(let values)? = read["parameters"] { Values.replace(with: values, in: &parameters) }
        return true
    }
}
