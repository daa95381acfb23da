internal import FileIO
internal import MLRepo
internal import ObjectModel

/// What is told of code that was written.
enum CodeText {
    /// Says where it is not just what ran.
    static func note(_ exported: ExportedCode, _ report: ExportReport) {
        if exported.isOneOfMany {
            Terminal.printError(
                "note: runs of this version had other code; this is the latest one's, run \(exported.run.short)"
            )
        }
        let code = exported.code
        if code.isInGit, code.dirty, code.patch == nil {
            Terminal.printError(
                "note: there were changes that were not recorded: the code is not all that ran")
        }
        if !report.changedCode.isEmpty {
            let names = report.changedCode.prefix(4).map { Terminal.escaped($0) }.joined(separator: ", ")
            Terminal.printError(
                "warning: \(Terminal.files(report.changedCode.count)) of the code \(report.changedCode.count == 1 ? "is" : "are") not as the run read \(report.changedCode.count == 1 ? "it" : "them"): \(names); filters and line ends of git's settings do that"
            )
        }
        if report.leftOut > 0 {
            Terminal.printError(
                "note: \(Terminal.number(report.leftOut, "name")) of the code \(report.leftOut == 1 ? "is" : "are") in the version, too, and written as the version has it"
            )
        }
    }

    static func json(_ exported: ExportedCode, _ directory: FilePath) -> JSONValue {
        guard case .object(let members) = RunText.json(exported.code) else { return .null }
        return .object(
            members + [
                JSONMember("path", Terminal.json(directory.bytes)), JSONMember("run", exported.run.json),
            ], sorting: true)
    }
}
