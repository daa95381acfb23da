internal import FileIO
internal import MLRepo
internal import ObjectModel
internal import Remotes
internal import Storage
internal import WorkingTree

/// How the program ends (`mlrepo help exit-codes`).
enum ExitStatus: Int32 {
    case no = 1
    case usage = 64
    case damaged = 65
    case notFound = 66
    case unreachable = 69
    case wouldLose = 73
    case inputOutput = 74
    case busy = 75
    case notPermitted = 77
    /// Of `run`, which ends with the status of the command that it executes: a failure of our own.
    case notTheCommands = 125
}

/// Why a command failed, and what to type next.
struct Failure: Error {
    var status: ExitStatus
    let message: String
    var hint: String?
    var path: String?

    init(status: ExitStatus, message: String, hint: String? = nil, path: String? = nil) {
        self.status = status
        self.message = message
        self.hint = hint
        self.path = path
    }

    init(_ error: RepositoryError) {
        self.init(telling: error)
        hint = hint.map(Terminal.oneLine)
    }

    private static func message(_ error: RepositoryError) -> String {
        guard case .store(.notFound(let path)) = error, hasLog(path) else { return "\(error)" }
        return "\(path / "format") is missing, and the log is there"
    }

    /// Whether a store that cannot be opened has a log all the same.
    private static func hasLog(_ store: FilePath) -> Bool {
        ((try? POSIXFileSystem().status(StoreLayout(root: store).newEntries)) ?? nil) != nil
    }

    private init(telling error: RepositoryError) {
        message = Terminal.oneLine(Self.message(error))
        switch error {
        case .catalogue: status = .inputOutput
        case .remote(let error): (status, hint) = Self.ending(error)
        case .noRemote(let name, isFile: true):
            (status, hint) = (
                .notFound, "\(ShellWord.quoted(Array("./\(name)".utf8))) means what lies here under that name"
            )
        case .manyRemotes: (status, hint) = (.usage, "name one of them behind the command")
        case .notThere(_, _, let there):
            let names = there.prefix(10).map { ShellWord.quoted(Array($0.utf8)) }
            let rest = there.count > 10 ? " and \(Terminal.count(there.count - 10)) more" : ""
            (status, hint) = (
                .notFound,
                there.isEmpty
                    ? "nothing was pushed there yet" : "it has \(names.joined(separator: ", "))\(rest)"
            )
        case .noRemote(let name, _) where Self.near(name) != nil:
            (status, hint) = (.notFound, Self.near(name).map { "did you mean '\($0)'?" })
        case .noRemote(KnownRemotes.defaultName, _):
            (status, hint) = (.notFound, "mlrepo remote add origin PLACE")
        case .noRemote:
            (status, hint) = (.notFound, "mlrepo remote add NAME PLACE; mlrepo remote lists them")
        case .bundleIsDone:
            (status, hint) = (.usage, "mlrepo bundle FILE --since REVISION makes one with what is new")
        case .nothingToBundle: status = .no
        case .bundleNeeds:
            (status, hint) = (
                .notFound,
                "in a repository that has that, mlrepo remote add NAME FILE and mlrepo fetch NAME take it; a clone takes a bundle without --since"
            )
        case .badPlace:
            (status, hint) = (.usage, "a directory, file:///path, ssh://host/path or user@host:path")
        case .notFastForward(let remote, _, let areKnown):
            let word = ShellWord.quoted(Array(remote.utf8))
            // What is fetched has a name.
            let isPlace = remote.contains("/") || remote.contains(":")
            let bringing =
                isPlace
                ? "remote add NAME \(word), then mlrepo pull NAME, takes them over"
                : areKnown
                    ? "pull \(word) takes them over"
                    : "pull \(word) takes them over, mlrepo fetch \(word) only brings them"
            (status, hint) = (
                .wouldLose,
                "mlrepo \(bringing); --force gives them up, if they are what was fetched last"
            )
        case .differingTags(_, let names):
            let name = ShellWord.quoted(Array((names.first?.name(in: "tags") ?? "NAME").utf8))
            (status, hint) = (
                .wouldLose,
                "--force replaces it there; mlrepo tag -d \(name), then mlrepo fetch, takes it over"
            )
        case .twoNames(let name):
            (status, hint) = (.usage, "type branches/\(name) or tags/\(name)")
        case .noBranch:
            (status, hint) = (
                .notFound, "mlrepo checkout -b NAME makes one; or name branches and tags that are to go"
            )
        case .notForward(let name):
            (status, hint) = (
                .wouldLose, "mlrepo merge \(ShellWord.quoted(Array(name.utf8))) makes one of both"
            )
        case .unrelated(let name):
            (status, hint) = (
                .usage, "mlrepo checkout \(ShellWord.quoted(Array(name.utf8))) -- PATH takes files of it"
            )
        case .movedThere(let remote, _):
            (status, hint) = (
                .wouldLose, "mlrepo fetch \(ShellWord.quoted(Array(remote.utf8))), and look at it first"
            )
        case .noRepository: (status, hint) = (.notFound, "mlrepo init")
        case .store(let error): (status, hint) = Self.ending(error)
        case .object(let error):
            if case .unreadable = error {
                status = .inputOutput
            } else {
                (status, hint) = (.damaged, Self.mending)
            }
        case .tree(let error): (status, hint, path) = Self.ending(error)
        case .file(let error):
            (status, path) = (error.isDenied ? .notPermitted : .inputOutput, error.path.description)
        case .damaged(let path, _):
            status = .damaged
            if path.name == Array("pending".utf8) {
                hint =
                    "mv \(path) elsewhere: what an interrupted checkout had written is then a change of yours"
            }
        case .storeGone:
            (status, hint) = (.notFound, "mlrepo init --store PATH, if it has moved to that place")
        case .noCommit:
            (status, hint) = (
                .notFound,
                "mlrepo commit -m MESSAGE makes one; mlrepo checkout BRANCH takes what the store has"
            )
        case .behindLink(let link):
            (status, path) = (.usage, "\(link)")
            hint = "move the directory to where the link is, or work with mlrepo where it leads"
        case .noRun: (status, hint) = (.notFound, "mlrepo runs")
        case .noRevision(let text): (status, hint) = (.notFound, Self.hint(forRevision: text))
        case .ambiguous: (status, hint) = (.notFound, "type more digits")
        case .notTracked(let path):
            (status, hint, self.path) = (.notFound, "mlrepo add \(ShellWord.path(path))", "\(path)")
        case .noRef:
            (status, hint) = (.notFound, "mlrepo branch, mlrepo tag and mlrepo runs list what there is")
        case .noPath, .collected, .notOfRun: status = .notFound
        case .noCode(let code):
            let remote = code.remote.map { ShellWord.quoted(Array($0.utf8)) } ?? "URL"
            (status, hint) = (
                .notFound, "git clone \(remote) CODE, then type the command again with --git CODE"
            )
        case .git: status = .inputOutput
        case .notRepeatable: (status, hint) = (.usage, "mlrepo runs")
        case .invalidName(let name):
            status = .usage
            if name.problem == .refName, !name.bytes.elementsEqual("HEAD".utf8) {
                hint =
                    "a name has letters, digits and . _ + @ -, and / between its parts; none begins with . or -, or ends with . or .lock"
            }
        case .badConfiguration, .outside, .misplaced, .special, .intoItself, .emptyPath:
            status = .usage
        case .branchInUse(_, let path):
            (status, hint) = (
                .wouldLose,
                "check out another branch there: mlrepo -C \(ShellWord.quoted(path.bytes)) checkout NAME"
            )
        case .bare(let path):
            (status, hint) = (
                .usage, "mlrepo init --store \(ShellWord.quoted(path.bytes)) DIRECTORY makes a working copy"
            )
        case .refExists, .foreignStore: status = .wouldLose
        case .diverged(_, let path):
            (status, self.path) = (.wouldLose, "\(path)")
            hint = "mlrepo checkout -b NAME, and commit there"
        case .missing(let paths, let total):
            (status, path) = (.wouldLose, paths.first.map { "\($0)" })
            let word = total == 1 ? paths.first.map(ShellWord.path) ?? "PATH" : "PATH"
            hint =
                "mlrepo restore \(word) brings back what a commit has; mlrepo untrack \(word) forgets it; mlrepo commit --deleted means it"
        case .nested(let path):
            (status, hint) = (.usage, "mlrepo -C \(ShellWord.path(path)) commit keeps what is in it")
        case .inputLeftOut(let path):
            (status, hint) = (
                .usage,
                "name \(path) among the files to commit, or --input \(ShellWord.quoted(Array("HEAD:".utf8) + path.bytes)) if the run read that"
            )
        case .lostCommitThere(let path, _):
            (status, hint) = (
                .damaged,
                "mlrepo fsck --repair looks for what is left of it; if it is another store's, mlrepo -C \(ShellWord.quoted(path.bytes)) checkout REVISION stands on one that is here, mlrepo worktree remove \(ShellWord.quoted(path.bytes)) forgets it"
            )
        case .lostCommit:
            (status, hint) = (
                .damaged,
                "mlrepo fsck --repair looks for what is left of it; or bring the store's log back from a copy; or mlrepo checkout REVISION goes on from what the store has"
            )
        case .inputTwice:
            (status, hint) = (.usage, "one --input for each file or directory, each of one version")
        case .occupied: (status, hint) = (.busy, "wait for its end, then type the command again")
        case .interruptedElsewhere(let path):
            (status, hint) = (.wouldLose, "mlrepo -C \(ShellWord.quoted(path.bytes)) undo takes it back")
        case .interruptedCheckout:
            (status, hint) = (
                .wouldLose,
                "type what was interrupted again, or check out another revision; mlrepo undo takes a checkout back"
            )
        case .unfinishedCommit(let paths):
            (status, path) = (.wouldLose, paths.first.map { "\($0)" })
            hint =
                "move elsewhere what is named, and type the command again; or mlrepo checkout --force HEAD keeps it first, so that mlrepo undo brings it back"
        case .nothingToCommit: (status, hint) = (.no, "mlrepo status")
        case .nothingTracked: (status, hint) = (.notFound, "mlrepo add PATH")
        case .noEntry: (status, hint) = (.notFound, "mlrepo audit log -n 1 shows the newest entry")
        case .noSigningKey:
            (status, hint) = (
                .usage,
                "mlrepo identity use KEY, with a file as ~/.ssh/id_ed25519; ssh-keygen -t ed25519 makes one"
            )
        case .cannotSign: (status, hint) = (.usage, "mlrepo identity shows the key that signs")
        case .notAllowed(let remote, _):
            (status, hint) = (
                .notPermitted,
                remote.map {
                    "mlrepo policy show --in \(ShellWord.quoted(Array($0.utf8))) says who may do what"
                }
            )
        case .badPolicy: status = .damaged
        case .notServed: (status, hint) = (.notFound, "mlrepo init")
        case .noPolicy(let remote):
            (status, hint) = (
                .notFound,
                "mlrepo policy init, then mlrepo policy propose policy.toml --in \(ShellWord.quoted(Array(remote.utf8)))"
            )
        case .noIdentity:
            (status, hint) = (.usage, "export MLREPO_USER_NAME='Ada' MLREPO_USER_EMAIL='ada@example.com'")
        case .wouldLose(let paths):
            (status, path) = (.wouldLose, paths.first.map { "\($0)" })
            hint =
                "commit or move what is named; or --force, which keeps it first, so that mlrepo undo brings it back"
        }
    }

    /// The name of another store that is nearly this one.
    private static func near(_ name: String) -> String? {
        (try? Repository.here()).flatMap { Suggestion.near(name, among: $0.remotes.map(\.name)) }
    }

    /// A file outside of any version, which somebody named, and which cannot be read.
    init(_ error: FileError, reading file: String) {
        let status: ExitStatus =
            error.isNotFound ? .notFound : error.isDenied ? .notPermitted : .inputOutput
        self.init(
            status: status, message: Terminal.oneLine("\(error)"),
            path: Terminal.escaped(ArgumentText.bytes(file)))
    }

    /// What to do where an object of the store is gone or damaged.
    static let mending =
        "mlrepo fsck names what is damaged, and the files that need it; mlrepo fsck --repair saves what can be saved, and takes good copies from the working copy"

    /// Something with another store: what errors of this one advise is not for it.
    private static func ending(_ error: RemoteError) -> (ExitStatus, String?) {
        let name = ShellWord.quoted(Array(error.remote.utf8))
        return switch error.problem {
        case .transport(let error):
            switch error.kind {
            case .unreachable:
                // That is what the other mlrepo ends with where no store is.
                (error.end == .status(66) ? .notFound : .unreachable, Self.hint(forLineThat: error.end))
            case .denied:
                (
                    .notPermitted,
                    "to push, one has to be allowed to write there; to fetch and to clone, reading is enough"
                )
            case .full: (.inputOutput, "the disk there is full")
            case .absent: (.notFound, nil)
            case .unsupported: (.usage, nil)
            case .malformed: (.damaged, nil)
            case .failed, .stopped: (.inputOutput, nil)
            }
        case .store(.notAllowed):
            (.notPermitted, "mlrepo policy show --in \(name) says who may do what")
        case .store(.format), .store(.feature): (.damaged, "a newer mlrepo wrote that store")
        case .store(.file(let file)):
            (
                file.isDenied ? .notPermitted : .inputOutput,
                file.isDenied
                    ? "to push, one has to be allowed to write there; to fetch and to clone, reading is enough"
                    : file.isFull ? "the disk there is full" : nil
            )
        case .store(.damaged(let path, _)) where isOfLog(path):
            (
                .damaged,
                "mlrepo fsck --repair, typed in that store's own directory, mends it where what is left tells what it was"
            )
        case .store, .object:
            (
                .damaged,
                "mlrepo fsck \(name) names all that is damaged; with --repair, it mends that from here"
            )
        case .notAStore:
            (
                .notFound,
                "is the place right, and its disk mounted? mlrepo init --bare PATH makes a store, on the machine where it is to be"
            )
        case .gone:
            (
                .notFound,
                "one was seen there before: is the disk mounted? mlrepo remote set NAME PLACE, if it has moved; mlrepo remote forget \(name), if it is gone for good"
            )
        case .rolledBack, .forked, .exchanged:
            (
                .damaged,
                "nothing was taken over; mlrepo remote forget \(name) takes what is there for new, if somebody meant it"
            )
        case .refused:
            (
                .damaged,
                "nothing was taken over, and nobody who checks goes on from it: mlrepo audit check \(name) tells of all such entries"
            )
        case .moved, .busy: (.busy, "type the command again")
        }
    }

    /// What helps where a line to another machine could not be had, by how ssh ended.
    private static func hint(forLineThat end: ProcessPipe.End?) -> String {
        switch end {
        case .neverBegan: "MLREPO_SSH names the program that is to be started"
        case .status(127):
            "install mlrepo there, where a shell without a terminal finds it, or name it: MLREPO_SERVER=/path/to/mlrepo"
        case .status(65):
            "mlrepo fsck --repair, typed there in that store's own directory, mends it where what is left tells what it was"
        case .status(66): "mlrepo init --bare PATH, typed there, makes one"
        case .status(255): "ssh alone, to the same host, shows what is wrong; then type the command again"
        default: "type the command again; it goes on where it was"
        }
    }

    /// Whether a file is `format`, or of the log: these are mended first, and on the machine where they lie.
    private static func isOfLog(_ path: FilePath) -> Bool {
        path.name == Array("format".utf8) || path.parent.name == Array("new".utf8)
    }

    private static func ending(_ error: StoreError) -> (ExitStatus, String?) {
        switch error {
        case .notFound(let path):
            // A log without `format` is a store that has lost it.
            hasLog(path)
                ? (.damaged, "mlrepo fsck --repair makes it anew, from the log") : (.notFound, "mlrepo init")
        case .exists: (.wouldLose, nil)
        case .format, .feature: (.damaged, "a newer mlrepo wrote this store")
        case .file(let error):
            (
                error.isDenied ? .notPermitted : .inputOutput,
                error.isFull
                    ? "the disk is full"
                    : isOfLog(error.path) && !error.isDenied
                        ? "mlrepo fsck names what is no entry of the log" : nil
            )
        case .noSpace: (.inputOutput, "make room first; until packs are replaced, old and new ones are there")
        case .object: (.damaged, mending)
        case .damaged(let path, _) where isOfLog(path):
            (
                .damaged,
                "mlrepo fsck names all that is damaged; with --repair, it mends that where what is left tells what it was"
            )
        case .damaged, .missingPack: (.damaged, "mlrepo fsck names all that is damaged")
        case .cannotSign: (.usage, "mlrepo identity shows the key that signs")
        case .notAllowed: (.notPermitted, "mlrepo policy show --in PLACE says who may do what")
        case .tooLarge(.commit, _, _):
            (.usage, "track directories instead of many single files, and be brief")
        case .tooLarge:
            (
                .usage,
                "keep long values in a file that is tracked, and leave them out of parameters and metrics"
            )
        case .unreachable: (.unreachable, nil)
        case .busy, .moved, .outdated: (.busy, "type the command again")
        }
    }

    /// What somebody may have meant whose revision there is not: a path, or a branch or tag of nearly that name.
    private static func hint(forRevision text: String) -> String {
        if text == "-" {
            return "@{1} is the commit that you stood on before; mlrepo operations names branches"
        }
        if text.contains("@{") {
            return "mlrepo operations tells what was done; mlrepo help revisions what may stand in @{}"
        }
        let isName = text.utf8.allSatisfy { !"~^@:{}".utf8.contains($0) }
        guard isName, let repository = try? Repository.here() else { return "mlrepo log" }
        if let path = try? repository.path(ArgumentText.bytes(text)), (try? repository.exists(path)) == true {
            let (word, named) = (
                ShellWord.path(path), ShellWord.quoted(Array("HEAD:".utf8) + path.bytes)
            )
            return
                "'\(path)' is a path: mlrepo ls HEAD \(word), mlrepo show \(named), or mlrepo checkout -- \(word)"
        }
        let refs = ["branches", "tags"].flatMap { group in
            ((try? repository.refs(in: group)) ?? []).map { (ref) -> String in ref.name }
        }
        let fetched = ((try? repository.refs(in: "remotes")) ?? []).map(\.name)
        if let there = fetched.first(where: { $0.hasSuffix("/" + text) }) {
            let name = ShellWord.quoted(Array(there.utf8))
            return
                "\(name) was fetched; mlrepo checkout -b \(ShellWord.quoted(Array(text.utf8))) \(name) makes a branch of it"
        }
        if let near = Suggestion.near(text, among: refs + fetched) { return "did you mean '\(near)'?" }
        let isShort = (1..<4).contains(text.utf8.count) && text.allSatisfy(\.isHexDigit)
        return isShort ? "an id is known by its first 4 digits or more; mlrepo log" : "mlrepo log"
    }

    private static func ending(_ error: WorkingTreeError) -> (ExitStatus, String?, String?) {
        switch error {
        case .file(let error): (error.isDenied ? .notPermitted : .inputOutput, nil, error.path.description)
        case .store(let error): (ending(error).0, ending(error).1, nil)
        case .object: (.damaged, mending, nil)
        case .content(let path, _): (.damaged, "mlrepo fsck names all that is damaged", "\(path)")
        case .unreadable(let path, let error):
            (
                error.isDenied ? .notPermitted : .inputOutput,
                "mlrepo untrack \(ShellWord.path(path)) leaves it out", "\(path)"
            )
        case .unsteady(let path):
            (.busy, "wait until nobody writes it, then type the command again", "\(path)")
        case .name: (.damaged, nil, nil)
        case .conflict(let path): (.damaged, "mlrepo fsck", "\(path)")
        case .noSpace: (.inputOutput, "make room, or check out elsewhere with --to", nil)
        case .wouldLose(let paths): (.wouldLose, nil, paths.first.map { "\($0)" })
        case .tooLarge(let path, _), .badLink(let path): (.damaged, nil, "\(path)")
        }
    }

    /// Prints the failure: lines for people, or one line of JSON.
    func report(json: Bool) {
        guard json else {
            Terminal.printError("error: \(Self.clipped(message))")
            if let hint { Terminal.printError("hint: \(Self.clipped(hint))") }
            return
        }
        Terminal.printError(Terminal.json(self.json))
    }

    /// A name that somebody else chose may be longer than anybody reads.
    private static func clipped(_ text: String) -> String {
        text.utf8.count <= 8192 ? text : text.prefix(4000) + "…"
    }

    /// The failure for programs.
    var json: JSONValue {
        .object([
            "error": .object([
                "status": .integer(Int(status.rawValue)), "message": .string(Self.clipped(message)),
                "hint": hint.map { .string(Self.clipped($0)) },
                "path": path.map { .string(Self.clipped($0)) },
            ])
        ])
    }
}
