internal import ArgumentParser
internal import MLRepo
internal import ObjectModel

struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Look for what may be in the way: space, permissions, clocks, author, git.",
        discussion: """
            Ends with status 1 if something is. The store's own bytes are checked by 'mlrepo fsck'.

            EXAMPLES
              mlrepo doctor
            """)

    @OptionGroup var output: OutputOptions

    func run() throws {
        let checks = try Repository.here().health()
        if output.json {
            Terminal.printJSON(
                .object([
                    "version": .string(Version.text),
                    "checks": .array(
                        checks.map { check in
                            .object([
                                "name": .string(check.name), "good": .bool(check.isGood),
                                "finding": .string(check.finding), "hint": check.hint.map { .string($0) },
                            ])
                        }),
                ]))
        } else {
            for check in checks {
                Terminal.print(
                    Terminal.escaped("\(check.isGood ? "ok" : "!!")  \(check.name): \(check.finding)"))
                if let hint = check.hint { Terminal.print(Terminal.escaped("    hint: \(hint)")) }
            }
        }
        if checks.contains(where: { !$0.isGood }) { throw ExitCode(ExitStatus.no.rawValue) }
    }
}
