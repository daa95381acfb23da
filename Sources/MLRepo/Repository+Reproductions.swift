package import FileIO
package import ObjectModel
internal import Storage
internal import WorkingTree

/// Something that two runs did not have alike.
package struct RunDifference: Sendable {
    /// A path or an external name of an input, or what a fact of the machine or a package is called.
    package let name: [UInt8]
    /// What each had; nothing for nothing.
    package let before: String?
    package let after: String?
}

extension Repository {
    /// The runs that repeated others, by the records of these, the earliest first.
    package func reproductions() throws(RepositoryError) -> [ObjectID: [Run]] {
        var found: [ObjectID: [Run]] = [:]
        for (_, target) in try refs(in: "runs") {
            let run = try reading { () throws(ReadError) in try store.run(target.id) }
            if let reproduction = run.reproduction { found[reproduction.run, default: []].append(run) }
        }
        return found.mapValues { runs in
            runs.sorted {
                ($0.started ?? 0, $0.startedFraction ?? 0) < ($1.started ?? 0, $1.startedFraction ?? 0)
            }
        }
    }

    /// The run that a commit was made by, and that can be executed again.
    ///
    /// - Throws: ``RepositoryError/notRepeatable(_:)`` if there is none, or more than one.
    package func repeatable(_ id: ObjectID) throws(RepositoryError) -> (id: ObjectID, run: Run) {
        let runs = try contents(of: id).1.filter { $0.1.origin == .observed }
        guard let run = runs.first else {
            throw .notRepeatable(
                "no run of \(id.hex.prefix(7)) was executed by mlrepo run: what is only declared cannot be repeated"
            )
        }
        guard runs.count == 1 else {
            let names = runs.map { "run:\($0.1.name?.prefix(8) ?? $0.0.hex.prefix(8))" }
            throw .notRepeatable(
                "\(id.hex.prefix(7)) has what \(runs.count) runs made; name one: \(names.prefix(8).joined(separator: ", "))"
            )
        }
        return run
    }

    /// A place for a repetition where nothing is yet: beside this working copy, or the repository of git that it lies in.
    package func placeForReproduction(of id: ObjectID) throws(RepositoryError) -> FilePath {
        let top = try gitRoot() ?? copy.root
        let name = String(decoding: top.name, as: UTF8.self)
        return top.parent / "\(name)-reproduce-\(id.hex.prefix(8))-\(Hex.text(environment.random(2)))"
    }

    /// Refuses a directory in which something is.
    package func requireEmpty(_ directory: FilePath) throws(RepositoryError) {
        let status = try filing { () throws(FileError) in try environment.files.status(directory) }
        guard let status else { return }
        let names = status.kind == .directory ? try? environment.files.names(in: directory) : nil
        guard names?.isEmpty == true else { throw .refExists("\(directory)") }
    }

    /// What one run read and another one did not, or otherwise.
    package func inputDifferences(_ run: Run, _ other: Run) throws(RepositoryError) -> [RunDifference] {
        var found: [RunDifference] = []
        try reading { () throws(ReadError) in
            let before = DirectoryTree(root: run.inputs, reader: store)
            try before.changes(to: DirectoryTree(root: other.inputs, reader: store)) { path, before, after in
                found.append(
                    RunDifference(
                        name: path.bytes, before: before.map { "\($0.id.hex)" },
                        after: after.map { "\($0.id.hex)" }))
            }
        }
        for (mine, theirs) in [
            (try digests(run.code?.files), try digests(other.code?.files)),
            (try digests(run.external?.list), try digests(other.external?.list)),
        ] {
            for name in Set(mine.keys).union(theirs.keys).sorted(by: { $0.lexicographicallyPrecedes($1) })
            where mine[name] != theirs[name] {
                found.append(RunDifference(name: name, before: mine[name]?.hex, after: theirs[name]?.hex))
            }
        }
        return found
    }

    private func digests(_ list: ObjectID?) throws(RepositoryError) -> [[UInt8]: ObjectID] {
        try list.map { (list) throws(RepositoryError) in DigestList.digests(try text(list)) } ?? [:]
    }

    /// Facts of the machine, and packages, that two runs did not have alike.
    package func environmentDifferences(_ run: Run, _ other: Run) throws(RepositoryError) -> [RunDifference] {
        var (mine, theirs) = (Self.facts(run.environment), Self.facts(other.environment))
        for (run, isMine) in [(run, true), (other, false)] {
            for line in try run.packages.map(text)?.split(separator: 0x0a) ?? [] {
                let parts = String(decoding: line, as: UTF8.self).split(
                    separator: "=", omittingEmptySubsequences: true)
                guard parts.count == 2 else { continue }
                let (name, version) = ("package \(parts[0])", String(parts[1]))
                if isMine { mine[name] = version } else { theirs[name] = version }
            }
        }
        return Set(mine.keys).union(theirs.keys).sorted().filter { mine[$0] != theirs[$0] }.map {
            RunDifference(name: Array($0.utf8), before: mine[$0], after: theirs[$0])
        }
    }

    /// The same of the machine that this is, before anything is executed.
    package func environmentDifferences(to run: Run) throws(RepositoryError) -> [RunDifference] {
        let (mine, theirs) = (Self.facts(run.environment), Self.facts(RunEnvironment.facts(environment)))
        // Which interpreter comes is seen when it does, and variables are set as they were.
        return mine.keys.sorted().filter {
            mine[$0] != theirs[$0] && $0 != "python" && !$0.hasPrefix("variable.")
        }.map {
            RunDifference(name: Array($0.utf8), before: mine[$0], after: theirs[$0])
        }
    }

    private static func facts(_ environment: [String: JSONValue]) -> [String: String] {
        environment.mapValues { value in
            switch value {
            case .string(let text): text
            case .integer(let number): String(number)
            default: ""
            }
        }
    }

    /// A text of a run: what it printed, or a list that belongs to it.
    func text(_ id: ObjectID) throws(RepositoryError) -> [UInt8] {
        var bytes: [UInt8] = []
        try working { () throws(WorkingTreeError) in
            try BlobStream(store: store, id: id).forEachPiece { bytes += $0 }
        }
        return bytes
    }
}
