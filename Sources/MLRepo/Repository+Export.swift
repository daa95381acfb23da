package import FileIO
internal import Lineage
package import ObjectModel
internal import Storage
package import WorkingTree

/// What is written into a directory of its own.
package enum Exported: Sendable {
    case commit(ObjectID)
    /// The files as a run left them.
    case run(RecordedRun)

    fileprivate var id: ObjectID {
        switch self {
        case .commit(let id): id
        case .run(let recorded): recorded.id
        }
    }
}

/// Which code is written with a version, and where it is looked for.
package struct ExportedCode: Sendable {
    /// The run that it is the code of.
    package let run: ObjectID
    package let code: Run.Code
    /// Trees of files that git did not know: of all runs of the version, the latest last.
    package let sources: [ObjectID]
    /// Whether runs of the version had other code, so that this is only that of the latest.
    package let isOneOfMany: Bool
    /// A repository of git that may have it.
    package let git: FilePath?
}

/// What was written into a directory.
package struct ExportReport: Sendable {
    /// Files of the version.
    package let files: Int
    /// Where these are: below the directory that was named, where code has them in a directory of its own.
    package let place: FilePath
    /// Names of the code that the version has something else at.
    package let leftOut: Int
    /// Files of the code that are not as the run read them.
    package let changedCode: [[UInt8]]
}

extension Repository {
    /// Writes a version into a directory of its own.
    ///
    /// - Parameters:
    ///   - directory: Is made; if it is there it has to be empty.
    ///   - code: Is written, too: the directory is then the top of git's repository.
    package func export(
        _ exported: Exported, with code: ExportedCode? = nil, to directory: FilePath,
        onStep: @escaping @Sendable (WorkStep) -> Void = { _ in }
    ) throws(RepositoryError) -> ExportReport {
        // A repository's own directory is no place for a version.
        for name in directory.bytes.split(separator: UInt8(ascii: "/")) {
            guard ![".git", ".mlrepo"].contains(String(decoding: name, as: UTF8.self)) else {
                throw .misplaced(directory)
            }
        }
        let steps = try self.steps(to: exported)
        let checkout = try code.map { (code) throws(RepositoryError) in
            try CodeCheckout(self, code.code, sources: code.sources, git: code.git, onStep: onStep)
        }
        // Says what an interrupted command was writing here, so that the same one goes on.
        let marker = directory.appending(EntryName.temporaryPrefix + exported.id.hex.prefix(16).utf8)
        let staging = directory.appending(
            EntryName.temporaryPrefix + (code?.run ?? exported.id).hex.suffix(16).utf8)
        let names = try filing { () throws(FileError) in
            try environment.files.makeDirectories(directory, permissions: 0o777)
            let names = try environment.files.names(in: directory)
            if names.isEmpty {
                environment.files.close(try environment.files.create(marker, permissions: 0o600))
            }
            return names
        }
        guard names.isEmpty || names.contains(marker.name) else { throw .refExists(directory.description) }
        let place = directory.appending((code?.code.directory ?? .root).bytes)
        try make(place)
        // What an interrupted command wrote here is written again.
        try write(steps, in: place, isResumed: !names.isEmpty, onStep: onStep)
        let leftOut = try checkout?.write(into: directory, by: staging) ?? 0
        try filing { () throws(FileError) in try environment.files.removeIfPresent(marker) }
        return ExportReport(
            files: steps.count, place: place, leftOut: leftOut,
            changedCode: try checkout?.changed(in: directory) ?? [])
    }

    private func steps(to exported: Exported) throws(RepositoryError) -> CheckoutSteps {
        var steps = CheckoutSteps()
        switch exported {
        case .commit(let id):
            let commit = try reading { () throws(ReadError) in try store.commit(id) }
            try requireTree(id, commit)
            try reading { () throws(ReadError) in
                try tree(commit).forEachFile { path, entry in
                    steps.append(CheckoutStep(path: path, entry: entry))
                }
            }
        case .run(let recorded):
            for (path, entry) in try files(after: recorded) {
                steps.append(CheckoutStep(path: path, entry: entry))
            }
        }
        return steps
    }

    /// The code that a version was made with: that of the run which made it, and if there are several, of the latest, with what
    /// the others read and git did not know.
    ///
    /// - Returns: Nothing if no run of it recorded any.
    package func code(of exported: Exported, git: FilePath?) throws(RepositoryError) -> ExportedCode? {
        var runs: [(ObjectID, Run)]
        switch exported {
        case .run(let recorded): runs = [(recorded.id, recorded.run)]
        case .commit(let id): runs = try contents(of: id).1
        }
        // What was seen to make something says more than what lay there when somebody committed.
        let observed = runs.filter { $0.1.origin == .observed }
        if !observed.isEmpty { runs = observed }
        let told = runs.map { Blame.Making(id: $0.0, run: $0.1) }.filter { making in
            making.run.code.map { $0.revision != nil || $0.sources != nil } ?? false
        }.sorted { $0.beginning < $1.beginning }
        guard let latest = told.last, let code = latest.run.code else { return nil }
        let others = told.compactMap(\.run.code)
        var earlier: [ObjectID] = []
        if case .commit(let id) = exported {
            earlier = try sources(ofMakersBefore: id, besides: told.map(\.id))
        }
        var (files, isOther): ([RepositoryPath: ObjectID], Bool) = ([:], false)
        for sources in others.compactMap(\.sources) where store.contains(ObjectReference(.tree, sources)) {
            for (path, entry) in try self.files(of: sources) {
                if files.updateValue(entry.id, forKey: path) ?? entry.id != entry.id { isOther = true }
            }
        }
        isOther = isOther || others.contains { $0.revision != code.revision || $0.patch != code.patch }
        return ExportedCode(
            run: latest.id, code: code,
            sources: (earlier + others.compactMap(\.sources)).filter {
                store.contains(ObjectReference(.tree, $0))
            },
            isOneOfMany: isOther,
            git: git)
    }

    /// Files of code of the runs, in the order in which they began, that made files which a version still has.
    private func sources(
        ofMakersBefore id: ObjectID, besides known: [ObjectID]
    ) throws(RepositoryError) -> [ObjectID] {
        let commit = try reading { () throws(ReadError) in try store.commit(id) }
        if wasCollected(commit) { return [] }
        let (version, known) = (tree(commit), Set(known))
        var found: [ObjectID: Blame.Making] = [:]
        try history(of: [id]) { (_, commit) throws(RepositoryError) in
            for (id, run) in try runs(of: commit) where run.code?.sources != nil && !known.contains(id) {
                guard found[id] == nil, store.contains(ObjectReference(.tree, run.outputs)) else { continue }
                for (path, entry) in try files(of: run.outputs) {
                    let now = try reading { () throws(ReadError) in try version.entry(at: path) }
                    guard now?.id == entry.id else { continue }
                    found[id] = Blame.Making(id: id, run: run)
                    break
                }
            }
            return true
        }
        return found.values.sorted { $0.beginning < $1.beginning }.compactMap(\.run.code?.sources)
    }
}
