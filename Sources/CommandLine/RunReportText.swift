internal import FileIO
internal import MLRepo
internal import ObjectModel
internal import Observation

/// What somebody is told when a run has ended.
enum RunReportText {
    static func lines(_ report: RunReport, _ end: ObservedCommand.End) -> [String] {
        var lines = [first(report)]
        if !report.sources.isEmpty {
            lines.append(
                "note: \(Terminal.files(report.sources.count)) of code that git does not know \(report.sources.count == 1 ? "is" : "are") kept with the run: \(names(report.sources))"
            )
        }
        let inside = report.external.filter { $0.name.first != UInt8(ascii: "/") && !isHub($0) }
        if !inside.isEmpty {
            lines.append(
                "warning: it read what is not tracked: \(names(inside)); mlrepo add keeps it, its digest alone is recorded"
            )
        }
        let outside = report.external.filter { $0.name.first == UInt8(ascii: "/") }
        if !outside.isEmpty {
            lines.append(
                "warning: it read data from outside, of which only the digests are recorded: \(names(outside))"
            )
        }
        for file in report.external.filter(isHub).prefix(4) {
            lines.append(
                "note: it read \(Terminal.escaped(file.name)) (\(Terminal.size(file.size))), known by its digest"
            )
        }
        if !report.run.uncertain.isEmpty {
            lines.append(
                "warning: what it read was changed before it ended, and is not known: \(names(report.run.uncertain))"
            )
        }
        if !report.changed.isEmpty {
            lines.append(
                "note: it read changes that no version has, which are kept with the run: \(names(report.changed)); mlrepo commit makes a version of them"
            )
        }
        if !report.secrets.isEmpty {
            lines.append(
                "note: passed over, since their names tell of secrets: \(names(report.secrets)); mlrepo add takes one in all the same"
            )
        }
        if !report.outside.isEmpty {
            lines.append(
                "warning: it wrote outside of the working copy, which is not kept: \(list(report.outside.map { Terminal.escaped($0.bytes) }))"
            )
        }
        if !report.removed.isEmpty { lines.append("note: it removed \(names(report.removed))") }
        if !report.saved.isEmpty {
            let name = report.run.name?.prefix(8) ?? ""
            lines.append(
                "note: saved, and gone by now: \(names(report.saved)); mlrepo cat run:\(name):PATH has \(report.saved.count == 1 ? "it" : "them")"
            )
        }
        if report.missed > 0 {
            lines.append("warning: \(Terminal.files(report.missed)) went before they could be saved")
        }
        if !report.unmatched.isEmpty {
            lines.append(
                "note: nothing that it wrote is called like --save \(list(report.unmatched.map { ShellWord.word(Array($0.utf8)) }))"
            )
        }
        if let failure = report.unsaved {
            lines.append("warning: not all was saved while it ran: \(failure)")
        }
        lines += report.run.gaps.map { "note: \(RunText.gap($0))" }
        lines.append(last(report, end))
        return lines
    }

    private static func first(_ report: RunReport) -> String {
        var parts: [String] = []
        let inputs = report.inputs
        parts.append(
            inputs.files == 0 ? "no input" : "\(Terminal.number(inputs.files, "input")) (\(places(inputs)))")
        if let code = report.run.code { parts.append("code \(RunText.short(code))") }
        let outputs = report.outputs
        parts.append(
            outputs.files == 0
                ? "wrote nothing"
                : "wrote \(places(outputs)) (\(Terminal.files(outputs.files)), \(Terminal.size(outputs.bytes)))"
        )
        let word = report.run.observedBy == "declared" ? "declared" : "observed (\(report.run.observedBy))"
        return "\(word) \(parts.joined(separator: ", "))"
    }

    private static func last(_ report: RunReport, _ end: ObservedCommand.End) -> String {
        let word =
            if let signal = report.run.signal {
                "ended by signal \(signal)"
            } else if report.run.exitStatus == 0 {
                "ok"
            } else {
                "failed with status \(report.run.exitStatus ?? 0)"
            }
        return "run \(report.run.name?.prefix(8) ?? "")  \(word)  \(Terminal.size(report.storedBytes)) stored"
    }

    private static func isHub(_ file: ExternalFile) -> Bool { file.name.starts(with: "hf:".utf8) }

    private static func places(_ files: RunFiles) -> String {
        let shown = files.roots.prefix(3).map { $0.isRoot ? "." : "\($0)" }
        return shown.joined(separator: ", ") + (files.roots.count > 3 ? " and more" : "")
    }

    private static func names(_ paths: [RepositoryPath]) -> String {
        list(paths.map { "\($0)" })
    }

    private static func names(_ files: [ExternalFile]) -> String {
        list(files.map { "\(Terminal.escaped($0.name)) (\(Terminal.size($0.size)))" })
    }

    private static func list(_ names: [String]) -> String {
        names.prefix(4).joined(separator: ", ")
            + (names.count > 4 ? " and \(Terminal.count(names.count - 4)) more" : "")
    }
}
