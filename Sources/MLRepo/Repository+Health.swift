internal import FileIO
internal import ObjectModel
internal import Storage

/// One thing that a command needs, and whether it is there.
package struct HealthCheck: Sendable {
    package let name: String
    package let isGood: Bool
    /// What was found.
    package let finding: String
    /// What to type where it is not good.
    package let hint: String?

    fileprivate init(_ name: String, _ isGood: Bool, _ finding: String, hint: String? = nil) {
        self.name = name
        self.isGood = isGood
        self.finding = finding
        self.hint = isGood ? nil : hint
    }
}

extension Repository {
    /// Less free space than this is told.
    private static let littleSpace = 1 << 30
    /// A clock that differs by more seconds is told.
    private static let clockTolerance = 60

    /// Looks at everything around the store that may be in a command's way; the store's own bytes are for
    /// ``IntegrityCheck``.
    package func health() throws(RepositoryError) -> [HealthCheck] {
        var checks = [
            try storeCheck(), spaceCheck(), writingCheck(), clockCheck(), try logCheck(), identityCheck(),
        ]
        if !copy.isBare { checks += [try checkoutCheck(), gitCheck(), recordCheck()] }
        return checks
    }

    private func storeCheck() throws(RepositoryError) -> HealthCheck {
        HealthCheck(
            "store", true,
            "\(store.layout.root): operation \(store.current.number) of the log, \(store.packs.count) pack\(store.packs.count == 1 ? "" : "s")"
        )
    }

    private func spaceCheck() -> HealthCheck {
        guard let free = try? environment.files.freeSpace(store.layout.root) else {
            return HealthCheck("space", false, "the free space cannot be told")
        }
        return HealthCheck(
            "space", free >= Self.littleSpace, "\(free / 1_000_000) MB are free", hint: "mlrepo gc --plan")
    }

    /// Whether files can be made where commands make them.
    private func writingCheck() -> HealthCheck {
        for directory in [copy.directory, store.layout.root] {
            let probe = directory / "tmp-doctor-\(Hex.text(environment.random(8)))"
            do throws(FileError) {
                environment.files.close(try environment.files.create(probe, permissions: 0o600))
                try environment.files.remove(probe)
            } catch {
                return HealthCheck(
                    "writing", false, "\(error)",
                    hint: "ask for write permission, or work in a working copy of your own")
            }
        }
        return HealthCheck("writing", true, "files can be made in the working copy and in the store")
    }

    /// The clocks of this machine and of the file system: a server's may be another.
    private func clockCheck() -> HealthCheck {
        guard let clock = try? copy.fileClock(), clock > 0 else {
            return HealthCheck("clock", true, "the file system's clock cannot be told")
        }
        let difference = Int(clock / 1_000_000_000) - environment.now()
        let isGood = abs(difference) <= Self.clockTolerance
        return HealthCheck(
            "clock", isGood,
            isGood ? "the file system's clock agrees" : "the file system's clock differs by \(difference) s",
            hint: "set the clocks; times in the log are those of the machines")
    }

    private func logCheck() throws(RepositoryError) -> HealthCheck {
        var newest: Int?
        try operations { operation in
            newest = operation.event.time
            return false
        }
        let ahead = (newest ?? 0) - environment.now()
        return HealthCheck(
            "log", ahead <= Self.clockTolerance,
            ahead <= Self.clockTolerance
                ? "the newest operation is not of the future"
                : "the newest operation is \(ahead) s in the future",
            hint: "set the clock of this machine, or of the one that wrote it (mlrepo operations -n 1)")
    }

    private func identityCheck() -> HealthCheck {
        guard let person else {
            return HealthCheck("author", false, "nobody is named", hint: "mlrepo config user.name NAME")
        }
        return HealthCheck(
            "author", !person.email.isEmpty,
            person.email.isEmpty ? "\(person.name), without an address" : "\(person)",
            hint: "mlrepo config user.email ADDRESS")
    }

    private func checkoutCheck() throws(RepositoryError) -> HealthCheck {
        let interrupted = try interrupted(base().head.commit)
        return HealthCheck(
            "checkout", interrupted == nil,
            interrupted == nil ? "none is interrupted" : "one was interrupted",
            hint: interrupted?.isMerge == true
                ? "the next command that changes something finishes it" : "type the checkout again")
    }

    /// What a version has of a file, and what it has not; nothing of it can be in anybody's way.
    private func recordCheck() -> HealthCheck {
        HealthCheck(
            "record", true,
            "versions have contents, names, links, empty directories and the owner's executable bit; not times, owners, other bits, extended attributes, hard links, holes"
        )
    }

    private func gitCheck() -> HealthCheck {
        guard (try? gitRoot()) != nil, let root = try? gitRoot() else {
            return HealthCheck(
                "code", true, "no git repository around: commits record no revision of the code")
        }
        let answer = Git(root: root).line(["rev-parse", "HEAD"])
        return HealthCheck(
            "code", answer != nil,
            answer != nil ? "git in \(root) answers" : "git in \(root) does not answer, or has no commit",
            hint: "install git, commit the code, or see git -C DIR status")
    }
}
