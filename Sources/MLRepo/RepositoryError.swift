package import FileIO
package import ObjectModel
package import Remotes
package import Storage
package import WorkingTree

/// Why a command could not do what it was asked.
package enum RepositoryError: Error, Equatable, CustomStringConvertible {
    /// No `.mlrepo` in this directory or above it.
    case noRepository(FilePath)
    case store(StoreError)
    case object(ReadError)
    case tree(WorkingTreeError)
    case file(FileError)
    /// Something with another store.
    case remote(RemoteError)
    /// No other store is known by that name.
    case noRemote(String, isFile: Bool)
    /// Several other stores are known by names, and none was named.
    case manyRemotes([String])
    /// Another store has no such version, but others of these names.
    case notThere(remote: String, revision: String, there: [String])
    /// What is to go into a bundle is all in what it goes on from, or there is nothing.
    case nothingToBundle
    /// A bundle goes on from a commit that is not here.
    case bundleNeeds(bundle: String, ObjectID)
    /// A text is no place where another store can be.
    case badPlace(String, problem: String)
    /// A bundle that is to take something.
    case bundleIsDone(String)
    /// Refs of another store have what those of this one lack, and would lose it; or what this store has not at all.
    case notFastForward(remote: String, names: [RefName], areKnown: Bool)
    /// Tags of another store name something else than here.
    case differingTags(remote: String, names: [RefName])
    /// A branch and a tag have that name.
    case twoNames(String)
    /// The working copy stands on no branch.
    case noBranch
    /// A branch and another version have commits of their own, and none is to be made of both.
    case notForward(String)
    /// Two versions go back to no common one.
    case unrelated(String)
    /// A ref of another store is not what was seen there last.
    case movedThere(remote: String, RefName)
    /// Questions cannot be answered: what SQLite says.
    case catalogue(String)
    /// A file of the working copy is damaged.
    case damaged(FilePath, String)
    /// The store of a working copy is not where it was.
    case storeGone(FilePath)
    /// The working copy stands on nothing yet.
    case noCommit
    /// A path leads through a symbolic link.
    case behindLink(RepositoryPath)
    /// No such revision, or more than one.
    case noRevision(String)
    /// No recorded run of that name.
    case noRun(String)
    case ambiguous(String)
    case noPath(String)
    /// It is there, and no version has it or will have it.
    case notTracked(RepositoryPath)
    case invalidName(InvalidName)
    /// A ref is there already.
    case refExists(String)
    case noRef(String)
    /// The base of this working copy is not the branch's newest commit, and the same path changed in both.
    case diverged(branch: String, path: RepositoryPath)
    /// A tracked root is gone: unmounted or deleted, and only the person knows which.
    case missing([RepositoryPath], total: Int)
    /// A checkout was interrupted, so the files are of no version.
    case interruptedCheckout
    /// A commit was killed before it had written what others committed, and these files of theirs were changed since.
    case unfinishedCommit([RepositoryPath])
    /// The same as an interrupted checkout in another working copy.
    case interruptedElsewhere(FilePath)
    case nothingToCommit
    case nothingTracked
    /// Nobody is named as author.
    case noIdentity
    /// Something is to be signed, and there is no key.
    case noSigningKey
    /// The log has no entry of that number.
    case noEntry(Int, size: Int)
    /// A signature could not be made.
    case cannotSign(String)
    case badConfiguration(String)
    /// The policy of another store does not let somebody do what they asked.
    case notAllowed(remote: String?, reason: String)
    /// A text is no policy, or not one that can follow.
    case badPolicy(String)
    /// A store that whoever asks may not read: it is said to be none, in the same words.
    case notServed(FilePath)
    /// A store has no policy.
    case noPolicy(remote: String)
    case wouldLose([RepositoryPath])
    case outside(String)
    /// Something would be moved into itself.
    case intoItself(RepositoryPath)
    /// A socket, pipe or device cannot be kept.
    case special(RepositoryPath)
    /// A working copy would lie in the data or in the store of another one.
    case misplaced(FilePath)
    /// Another working copy stands on a branch that is to be deleted.
    case branchInUse(String, FilePath)
    /// A store by itself has no files.
    case bare(FilePath)
    /// What a run read is named twice, or a part of it is.
    case inputTwice(RepositoryPath)
    /// A directory is a working copy by itself.
    case nested(RepositoryPath)
    /// The working copy stands on a commit that its store does not have.
    case lostCommit(ObjectID)
    /// Another working copy of the store stands on a commit that the store does not have.
    case lostCommitThere(FilePath, ObjectID)
    /// A path without a character.
    case emptyPath
    /// An input has changes on disk that the commit leaves out.
    case inputLeftOut(RepositoryPath)
    /// Another command is at work in this working copy.
    case occupied(seconds: Int)
    /// A store that a working copy is to use does not have the version that it stands on.
    case foreignStore(FilePath, ObjectID)
    /// A commit's record is there, and its files are not any more.
    case collected(ObjectID)
    /// The revision of git that a run was made with is in no repository here.
    case noCode(Run.Code)
    /// Git did not do what it was asked for.
    case git(String)
    /// Something is said of a run that is not true.
    case notOfRun(String)
    /// A run cannot be executed again, and why.
    case notRepeatable(String)

    package var description: String {
        switch self {
        case .noRepository(let path): "no .mlrepo in \(path) or above it"
        case .store(let error): "\(error)"
        case .object(let error): "\(error)"
        case .tree(let error): "\(error)"
        case .file(let error): "\(error)"
        case .remote(let error): "\(error)"
        case .nothingToBundle: "nothing is new that could go into a bundle"
        case .bundleNeeds(let bundle, let id):
            "\(escapedText(bundle.utf8)) goes on from \(id.hex.prefix(7)), which is not here"
        case .bundleIsDone(let bundle): "\(escapedText(bundle.utf8)) is a bundle, which takes nothing more"
        case .manyRemotes(let names):
            "several other stores are known: \(escapedText(names.joined(separator: ", ").utf8))"
        case .notThere(let remote, let revision, _):
            "\(escapedText(remote.utf8)) has no '\(escapedText(revision.utf8))'"
        case .noRemote(let text, _): "no other store is known as '\(escapedText(text.utf8))'"
        case .badPlace(let text, let problem):
            "'\(escapedText(text.utf8))' is no place of a store: \(problem)"
        case .notFastForward(let remote, let names, let areKnown):
            "\(remote) has commits that \(areKnown ? "yours do not go on from" : "this store has not"): \(names.map(\.text).joined(separator: ", ")) would lose them"
        case .differingTags(let remote, let names):
            "\(names.map(\.text).joined(separator: ", ")) of \(remote) \(names.count == 1 ? "is" : "are") not what \(names.count == 1 ? "it is" : "they are") here"
        case .twoNames(let name): "both a branch and a tag are called '\(escapedText(name.utf8))' there"
        case .noBranch: "you stand on no branch"
        case .notForward(let name):
            "both your branch and '\(escapedText(name.utf8))' have commits of their own"
        case .unrelated(let name):
            "your branch and '\(escapedText(name.utf8))' have no version in common"
        case .movedThere(let remote, let name):
            "\(name) of \(remote) is not what was fetched from there last: somebody moved it"
        case .catalogue(let words): words
        case .damaged(let path, let problem): "\(path) is damaged: \(problem)"
        case .storeGone(let path): "the store of this working copy was in \(path), and is there no more"
        case .noCommit: "there is no commit here yet"
        case .behindLink(let link):
            "\(link) is a symbolic link, and what lies behind it is no part of this working copy"
        case .noRun(let text): "no run '\(escapedText(text.utf8))'"
        case .noRevision(let text): "no revision '\(escapedText(text.utf8))'"
        case .ambiguous(let text): "'\(text)' begins the id of more than one commit"
        case .noPath(let text): "no file or directory '\(text)'"
        case .notTracked(let path): "\(path) is not tracked"
        case .invalidName(let name): "\(name)"
        case .refExists(let name): "'\(name)' exists already"
        case .noRef(let name): "there is no '\(name)'"
        case .diverged(let branch, let path): "'\(branch)' has moved, and \(path) changed here and there"
        case .missing(let paths, let total):
            total == 1
                ? "\(paths[0]) is tracked and gone"
                : "\(total) tracked files are gone, \(paths[0]) among them"
        case .interruptedElsewhere(let path): "a checkout was interrupted in \(path)"
        case .interruptedCheckout: "a checkout was interrupted, and the files are of no version"
        case .nothingToCommit: "nothing has changed"
        case .nothingTracked: "nothing is tracked yet"
        case .noIdentity: "nobody is named as author"
        case .badConfiguration(let text): text
        case .notAllowed(let remote, let reason): (remote.map { "\($0) does not allow it: " } ?? "") + reason
        case .badPolicy(let problem): problem
        case .notServed(let path): "\(StoreError.notFound(path))"
        case .noPolicy(let remote): "\(remote) has no policy"
        case .noEntry(let number, let size): "there is no entry \(number): the log has \(size), from 0 on"
        case .noSigningKey: "there is no key to sign with"
        case .cannotSign(let text): "nothing was signed: \(text)"
        case .unfinishedCommit(let paths):
            "a commit was interrupted before it wrote what others committed, and since then \(paths.count == 1 ? "\(paths[0]) has" : "\(paths.count) of these files have") changed\(paths.count == 1 ? "" : ": " + Self.list(paths))"
        case .wouldLose(let paths):
            paths.count == 1
                ? "\(paths[0]) would be lost" : "\(paths.count) files would be lost: \(Self.list(paths))"
        case .outside(let text): "'\(text)' is outside the working tree"
        case .intoItself(let path): "\(path) cannot be moved into itself"
        case .special(let path):
            "\(path) is a socket, pipe or device: only files, links and directories can be kept"
        case .misplaced(let path):
            "\(path) is in tracked data or in .mlrepo: a working copy needs a place of its own"
        case .foreignStore(let path, let commit):
            "the store in \(path) does not have \(commit.hex.prefix(7)), on which this working copy stands: it is another store, or an older copy of it"
        case .branchInUse(let branch, let path): "the working copy in \(path) stands on '\(branch)'"
        case .bare(let path): "\(path) is a store without a working copy"
        case .nested(let path): "\(path) is a repository of its own"
        case .lostCommit(let id):
            "this working copy stands on commit \(id.hex.prefix(12)), which the store does not have: the newest entries of its log or a pack are lost, or it is another store"
        case .lostCommitThere(let path, let id):
            "the working copy in \(path) stands on commit \(id.hex.prefix(12)), which the store does not have: the newest entries of its log or a pack are lost, or it is another store"
        case .emptyPath: "an empty path names nothing; '.' is everything from here"
        case .inputLeftOut(let path): "\(path) has changes on disk that this commit would leave out"
        case .inputTwice(let path): "\(path) is named twice as input, or lies in another one"
        case .occupied(let seconds):
            "another command has been changing this working copy for \(seconds) seconds"
        case .noCode(let code):
            "the code is git \(code.revision?.prefix(12) ?? ""), and no repository of git here has it"
        case .git(let text): text
        case .notRepeatable(let text), .notOfRun(let text): text
        case .collected(let id):
            "the files of commit \(id.hex.prefix(12)) were collected; only its record is left"
        }
    }

    /// The first few of some paths.
    private static func list(_ paths: [RepositoryPath]) -> String {
        let rest = paths.count - 5
        return paths.prefix(5).map { "\($0)" }.joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
    }
}

func storing<Result>(_ body: () throws(StoreError) -> Result) throws(RepositoryError) -> Result {
    do throws(StoreError) { return try body() } catch {
        if case .cannotSign(let text) = error { throw .cannotSign(text) }
        throw .store(error)
    }
}

func reading<Result>(_ body: () throws(ReadError) -> Result) throws(RepositoryError) -> Result {
    do throws(ReadError) { return try body() } catch { throw .object(error) }
}

func filing<Result>(_ body: () throws(FileError) -> Result) throws(RepositoryError) -> Result {
    do throws(FileError) { return try body() } catch { throw .file(error) }
}

func working<Result>(_ body: () throws(WorkingTreeError) -> Result) throws(RepositoryError) -> Result {
    do throws(WorkingTreeError) { return try body() } catch { throw .tree(error) }
}

func naming<Result>(_ body: () throws(InvalidName) -> Result) throws(RepositoryError) -> Result {
    do throws(InvalidName) { return try body() } catch { throw .invalidName(error) }
}

extension RepositoryError {
    /// Whether it can come of others who made packs anew or collected them: something that was found in the store, or written for
    /// it, is gone.
    var mayBeOthersDoing: Bool {
        switch self {
        case .object(.missing), .object(.unreadable), .tree(.object(.missing)): true
        case .store(let error), .tree(.store(let error)):
            switch error {
            case .outdated, .missingPack, .object(.missing), .object(.unreadable): true
            case .file(let error): error.isNotFound
            default: false
            }
        default: false
        }
    }
}
