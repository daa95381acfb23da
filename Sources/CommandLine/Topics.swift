/// Pages of `mlrepo help` that are about no single command.
enum Topics {
    /// The page of a topic, or nothing if there is none of that name.
    static func page(_ name: String) -> String? {
        pages.first { $0.name == name }.map { Wrapping.wrapped($0.text) }
    }

    static var names: [String] { pages.map(\.name) }

    private static let pages = [
        (name: "revisions", text: revisions), (name: "remotes", text: remotes),
        (name: "ignore", text: ignore), (name: "json", text: json),
        (name: "exit-codes", text: exitCodes), (name: "habits", text: Habits.table),
    ]

    private static let revisions = """
        REVISIONS: how to name a version

          main, v1.2             the newest commit of a branch; what a tag names
          origin/main            a branch of another store, as it was seen there last
          HEAD, @                the commit that this working copy stands on
          HEAD~3                 three before it
          main^2                 the second parent of a merge
          3f1c2a9                the beginning of a commit's id, 4 digits or more
          sha256:3f1c...         the whole id
          run:1c9e               the commit that a run belongs to
          git:9be2f10            the newest commit made with that revision of the code
          main@{1}, @{1}         what a branch was, or what this working copy stood on, one move ago
          main@{2 days ago}      what a branch was then; also seconds, minutes, hours, weeks, months, years; yesterday
          main@{2026-11-23}      at the beginning of that day; without a zone that of the variable TZ
          main@{2026-11-23T10:20:00Z}
          REVISION:PATH          a file of a version, for 'cat', 'show' and 'commit --input'

        'mlrepo resolve REVISION' prints the id. A name that is both a branch and a tag is the branch.
        """

    private static let remotes = """
        REMOTES: other stores, and how they are reached

          /srv/store                    a directory, on this machine or on a disk that several machines share
          file:///srv/store             the same
          host:store, user@host:/path   by ssh; a path without a slash begins in the home directory there
          ssh://user@host:port/path     the same
          project.bundle                a store in one file (mlrepo bundle): to take from, not to push to

        'mlrepo remote add origin PLACE' gives a place a name, which 'fetch' and 'pull' take; 'push' takes a name or a place. What
        ssh is told by its configuration, agent and ProxyJump counts: 'ssh HOST' has to work. There, mlrepo is started as
        'mlrepo serve --stdio PATH'; where it is not found, files are moved by SFTP. MLREPO_SSH names another ssh, MLREPO_SERVER
        where mlrepo is there.

        All refs of a push move in one step, by one entry of the other store's log, or none does. What goes is compressed as it
        lies here; nothing is sent twice, also when a push was cut off. What comes is hashed, object by object, before
        anything names it. What was seen of a store is remembered: one that was turned back to an older state, forked or
        exchanged is refused, until 'mlrepo remote forget NAME'.

        A branch of another store is called NAME/BRANCH here. Tags and runs have one name everywhere; a tag that differs stays as
        it is here. Runs that made what is pushed go with it; 'push --runs' takes all. What only concerns this side does not go: where
        working copies stand, what was overwritten and kept, the list of operations.

        'mlrepo push --dry-run' says what would go, 'mlrepo ls --from PLACE' what a store has, and 'mlrepo get PLACE PATH' takes a
        file or directory out of it without a clone.

        'mlrepo fsck NAME' reads every byte of another store, 'fsck NAME --repair' mends it from here (its log where it lies), 'fsck --repair --from NAME'
        this one from there; 'gc NAME' takes out what nothing there needs.
        """

    private static let ignore = """
        IGNORE: what is left alone in a tracked directory

        Patterns in the syntax of .gitignore, in a file .mlrepoignore in any directory, for what lies beneath it; later ones
        and deeper ones win, and ! takes one back. What is added by name is tracked whatever the patterns say.

        Without any file: .git, .hg, .svn, .dvc, .venv and any other virtual environment of Python, node_modules, __pycache__, *.pyc, .ipynb_checkpoints,
        .pytest_cache, .mypy_cache, .ruff_cache, .DS_Store, wandb, mlruns.

        EXAMPLE
          *.tmp
          logs/
          !logs/final.log
        """

    private static let json = """
        JSON: answers for programs

        With --json a command prints one JSON document on standard output; 'log', 'operations', 'runs', 'find', 'ls', 'du'
        and 'hash' print one on each line. A failure is one line on standard error, the last: {"error":{"status","message","hint","path"}};
        notes for people may stand before it.
        Ids are sha256: and 64 hex digits, sizes are bytes, times RFC 3339 in UTC. A path that is not UTF-8 is
        {"bytes": BASE64}. Parameters and metrics are numbers, and text where JSON has no such number: integers beyond 2^53, nan, inf;
        'diff' gives them as text, in their spelling. The JSON Schema of each answer is in Documentation/Schemas.

        EXAMPLE
          mlrepo log --json -n 1 | python3 -c 'import json, sys; print(json.load(sys.stdin)["commit"])'
        """

    private static let exitCodes = """
        EXIT CODES: how a command ends

           0  done
           1  the answer is no: nothing to commit, differences with --exit-code, damage found
          64  it was typed wrong
          65  damaged or malformed data
          66  no such revision, path or name
          69  another store cannot be reached
          73  it would overwrite or lose something of yours
          74  input or output failed
          75  busy: try again
          77  not permitted
         125  'run' itself failed; else it ends with the status of the command: 126 cannot be executed, 127 not found, 128 and the number of a signal
        """
}
