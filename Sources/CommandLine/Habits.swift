/// Words of other tools: the same word where it means the same, and told, never guessed, where the idea is another.
enum Habits {
    static func advice(_ word: String) -> (message: String, hint: String)? {
        switch word {
        case "stash":
            (
                "there is no stash here: nothing is staged, and a branch keeps what you put away",
                "mlrepo checkout -b NAME, and commit there"
            )
        case "reset":
            (
                "nothing here moves a branch back and drops files",
                "mlrepo undo takes back a commit; mlrepo checkout --force HEAD brings files back, with -- PATH some of them"
            )
        case "rebase", "filter-repo", "filter-branch":
            ("history is not rewritten here: the log proves it", "mlrepo log")
        case "login": ("there is no account: a store is a directory", "mlrepo init")
        case "repro":
            (
                "there are no stages to write: a run finds out what it reads and writes",
                "mlrepo run -m MESSAGE COMMAND; then mlrepo rerun executes what is stale"
            )
        case "exp":
            (
                "an experiment is a run; its parameters and metrics are found",
                "mlrepo run COMMAND, mlrepo runs, mlrepo compare RUN RUN"
            )
        case "track": ("what is tracked is said once", "mlrepo add PATH, or mlrepo add --pattern '*.bin'")
        case "cherry-pick":
            (
                "a version is taken over as a whole by 'mlrepo merge', or file by file",
                "mlrepo checkout REVISION -- PATH takes files of another version, and mlrepo commit keeps them"
            )
        case "revert":
            (
                "a version is taken back by what was before",
                "mlrepo checkout REVISION -- PATH, and mlrepo commit"
            )
        case "clean":
            (
                "untracked files are never touched",
                "delete what you do not need; 'mlrepo rm' deletes tracked files"
            )
        case "ci": ("there is no short form of 'commit'", "mlrepo commit -m MESSAGE")
        case "remove", "delete", "del":
            ("files go by 'rm'", "mlrepo rm PATH, or mlrepo untrack PATH, which leaves them")
        case "move", "rename": ("files move by 'mv'", "mlrepo mv FROM TO")
        case "rev-parse": ("revisions are resolved by 'resolve'", "mlrepo resolve REVISION")
        case "ls-files", "ls-tree", "list":
            ("files of a version are listed by 'ls'", "mlrepo ls [REVISION [PATH]]")
        case "amend":
            (
                "versions are not changed",
                "mlrepo undo, and mlrepo commit again with all its options: the files stay as they are"
            )
        case "metrics", "params", "plots":
            (
                "parameters and metrics belong to runs and versions",
                "mlrepo compare REVISION REVISION, with --plot NAME as a picture; mlrepo show REVISION"
            )
        case "check":
            ("what is stored is checked by 'fsck'", "mlrepo fsck")
        case "prune", "forget":
            (
                "what no version needs is taken out by 'gc'",
                "mlrepo gc --plan; mlrepo gc --now --plan without the 90 days of 'undo'"
            )
        case "repack", "optimize", "compact":
            ("versions of models are stored anew by 'maintenance'", "mlrepo maintenance --plan")
        case "size", "explain":
            ("sizes are told by 'du' and 'stats'", "mlrepo du PATH, mlrepo stats --explain PATH")
        case "import", "import-url":
            ("files come as you bring them", "mlrepo add PATH, and mlrepo commit")
        default: nil
        }
    }

    /// What to type for an option of git that a command does not have.
    static func advice(_ command: String, option: String) -> String? {
        switch (command, option) {
        case ("status", "-s"), ("status", "--short"), ("status", "--porcelain"):
            "mlrepo status is short; --json is for programs"
        case ("diff", "--stat"), ("diff", "--name-only"), ("diff", "--name-status"), ("diff", "--numstat"):
            "mlrepo diff tells names and sizes; --json is for programs"
        case ("diff", "--cached"), ("diff", "--staged"), ("restore", "--staged"):
            "nothing is staged here: a commit takes what is tracked as it is on disk"
        case ("restore", "--source"), ("restore", "-s"): "mlrepo checkout REVISION -- PATH"
        case ("branch", "-D"): "mlrepo branch -d NAME"
        case ("branch", "-m"), ("branch", "-M"), ("branch", "--move"):
            "mlrepo branch NEW OLD, mlrepo checkout NEW, mlrepo branch -d OLD"
        case ("tag", "-f"), ("tag", "--force"): "mlrepo tag -d NAME, and then mlrepo tag NAME REVISION"
        case ("tag", "-a"), ("tag", "-m"): "a tag is a name alone: mlrepo tag NAME REVISION"
        case ("log", "-p"), ("log", "--patch"), ("log", "--stat"):
            "mlrepo show REVISION, or mlrepo diff REVISION REVISION"
        case ("log", "--decorate"): "names of branches and tags are always shown"
        case ("log", "--until"), ("log", "--before"): "mlrepo log 'main@{2 days ago}' begins there"
        case ("log", "--since"), ("log", "--after"), ("log", "--author"), ("log", "--grep"):
            "mlrepo log --json is for programs that choose"
        case ("add", "-A"), ("add", "--all"), ("add", "-u"), ("add", "-p"):
            "what is added once is taken by each commit: mlrepo add PATH"
        case ("merge", "--abort"), ("pull", "--abort"):
            "a merge is done when its command ends: mlrepo undo takes it back"
        case ("merge", "--continue"): "mlrepo commit keeps what you chose; mlrepo status lists what is open"
        case ("pull", "--rebase"), ("pull", "-r"):
            "history is not rewritten here: mlrepo pull merges, and commits that only you have stay"
        case ("push", "--mirror"), ("push", "--prune"):
            "mlrepo push REMOTE --all --tags; mlrepo push REMOTE --delete NAME takes a name away there"
        case ("push", "--force-with-lease"):
            "mlrepo push --force is that: it takes only what was fetched last"
        case ("clone", "--depth"), ("clone", "--filter"), ("clone", "--single-branch"):
            "a clone has the whole history; mlrepo get PLACE PATH takes single files out of a store"
        case ("gc", "--prune"), ("gc", "--aggressive"): "mlrepo gc --now"
        default: nil
        }
    }

    /// The page `mlrepo help habits`.
    static let table = """
        HABITS: what you type elsewhere, and here

          git                      here
          git init                 mlrepo init
          git add -A; git commit   mlrepo commit -m MESSAGE    'add' once; nothing is staged
          git commit -am MESSAGE   the same
          git status, git st       the same
          git log --oneline        the same
          git show REV:path        the same, or mlrepo cat REV:path
          git switch, git co       the same
          git checkout -b NAME     the same
          git checkout -- FILE     the same, with --force if FILE changed: what is there is kept
          git reset --soft HEAD~   mlrepo undo                 right after the commit: it takes back what was done last
          git reset --hard         mlrepo checkout --force HEAD; new files stay, mlrepo undo brings the others back
          git stash                mlrepo checkout -b NAME; mlrepo commit -m MESSAGE
          git reflog               the same, or mlrepo operations
          git diff                 the same by names and sizes; 'diff REV REV' compares versions
          git restore FILE         mlrepo restore FILE, or mlrepo checkout --force -- FILE
          git commit --amend       mlrepo undo; mlrepo commit -m MESSAGE, with the same --params, --input and so on
          git blame                mlrepo blame FILE           the data, code and parameters that made it
          git rm --cached          mlrepo untrack
          git worktree add DIR     the same
          git clone, push, pull, fetch, remote add    the same; 'mlrepo help remotes'
          git merge NAME           the same; where both changed a file, both are kept

          DVC                      here
          dvc add PATH             mlrepo add PATH; mlrepo commit -m MESSAGE
          dvc checkout             mlrepo checkout REV, mlrepo restore PATH
          dvc exp show, exp diff   mlrepo runs, mlrepo compare REV REV
          dvc run                  mlrepo run -m MESSAGE COMMAND
          dvc repro                mlrepo rerun                what is stale, in order; --dry-run says why
          dvc dag                  mlrepo blame FILE --graph dot
          dvc gc                   mlrepo gc                   nothing that a version needs goes
          git lfs track '*.bin'    mlrepo add --pattern '*.bin'

        Words that mean another idea (stash, reset, rebase, repro, exp, login) are answered with what to type instead.
        """
}
