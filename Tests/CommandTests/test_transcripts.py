"""One transcript for each command: what is typed, and everything that comes back.

In a transcript `$ ` stands before what a shell runs, `! ` before a line of standard error, and `[N]` is an exit status other
than 0. What differs from machine to machine or from run to run has a placeholder: {name} is an id's first 7 digits, {name:full}
all 64, and so on (`KINDS`); the same name is the same id in all of a test. {size} and {number} stand for any,
{ratio} for how far something was compressed, where that is told.
"""
import difflib
import json
import os
import random
import re
import struct
import subprocess
import textwrap

from command_test import MLREPO, CommandTest

KINDS = {
    "": "[0-9a-f]{7}", "full": "[0-9a-f]{64}", "12": "[0-9a-f]{12}", "32": "[0-9a-f]{32}", "8": "[0-9a-f]{8}", "2": "[0-9a-f]{2}",
    "name": "[0-9a-f]{64}-[0-9a-f]{16}", "4": "[0-9a-f]{4}", "key": "[A-Za-z0-9+/]{43}",
}
PLACEHOLDER = re.compile(r"\{([a-z]+[0-9]?)(?::([a-z0-9]+))?\}")


class TranscriptTest(CommandTest):
    def setUp(self) -> None:
        super().setUp()
        (self.root / "bin").mkdir()
        os.symlink(MLREPO, self.root / "bin/mlrepo")
        self.environment |= {"PATH": f"{self.root}/bin:{self.environment['PATH']}", "LC_ALL": "C.UTF-8"}
        self.bound: dict[tuple[str, str], str] = {}

    def begin(self) -> None:
        """Two files, tracked."""
        self.transcript(r"""
            $ mlrepo init --quiet
            $ mkdir -p data/sub
            $ echo first >data/a.txt
            $ echo second >data/sub/b.txt
            $ mlrepo add data
            """)

    def one(self) -> None:
        """Their version, {one}."""
        self.begin()
        self.transcript("$ mlrepo commit --quiet -m One")

    def two(self) -> None:
        """{one}, and {two} with a file changed, one made and one deleted."""
        self.one()
        self.transcript(r"""
            $ echo changed >data/a.txt
            $ echo third >data/c.txt
            $ rm data/sub/b.txt
            $ mlrepo commit --quiet -m Two --deleted
            """)

    def transcript(self, text: str) -> None:
        steps = re.split(r"^\$ ", textwrap.dedent(text).strip("\n") + "\n", flags=re.MULTILINE)[1:]
        for step in steps:
            command, _, expected = step.partition("\n")
            done = subprocess.run(
                ["sh", "-c", self.typed(command)], cwd=self.work, env=self.environment, capture_output=True, timeout=120)
            found = done.stdout.decode(errors="backslashreplace")
            found += "".join(f"! {line}\n" for line in done.stderr.decode(errors="backslashreplace").splitlines())
            if done.returncode:
                found += f"[{done.returncode}]\n"
            match = re.fullmatch(self.pattern(expected), found)
            if not match:
                self.fail(f"$ {command}\n" + "".join(difflib.ndiff(expected.splitlines(True), found.splitlines(True))))
            for key, value in match.groupdict().items():
                name, kind = key.split("__")
                self.bind(name, kind, value)

    def bind(self, name: str, kind: str, value: str) -> None:
        self.bound[name, kind] = value
        # The beginnings of an id that is known in full are known, too.
        for short in ("", "12", "2") if kind in ("full", "name") else ():
            beginning = value[: int(short or 7)]
            self.assertEqual(self.bound.setdefault((name, short), beginning), beginning, f"{{{name}}} is two ids")

    def typed(self, command: str) -> str:
        return PLACEHOLDER.sub(lambda match: self.bound[match[1], match[2] or ""], command)

    def pattern(self, expected: str) -> str:
        pattern, end, opened = "", 0, set()
        for match in PLACEHOLDER.finditer(expected):
            name, kind = match[1], match[2] or ""
            pattern += re.escape(expected[end:match.start()])
            end = match.end()
            known, group = self.bound.get((name, kind)), f"{name}__{kind}"
            if name in ("work", "root"):
                pattern += re.escape(str(self.root / "work" if name == "work" else self.root))
            elif name == "size":
                pattern += "(?:1 byte|[0-9.]+ (?:bytes|KB|MB))"
            elif name == "changes":
                pattern += r"[+~-][0-9]+(?: [~-][0-9]+)*"
            elif name == "ratio":
                pattern += r"(?: \([0-9]+\.[0-9]x\))?"
            elif name == "number":
                pattern += "[0-9]+"
            elif name == "host":
                pattern += r"\S+"
            elif known is not None:
                pattern += re.escape(known)
            elif group in opened:
                pattern += f"(?P={group})"
            else:
                opened.add(group)
                pattern += f"(?P<{group}>{KINDS[kind]})"
        return pattern + re.escape(expected[end:])


class Transcripts(TranscriptTest):
    def test_init_makes_a_repository_and_only_where_none_is(self) -> None:
        self.transcript(r"""
            $ mlrepo init
            A new repository in {work}/.mlrepo
            $ mlrepo init
            ! error: there is a store at {work}/.mlrepo already
            [73]
            $ mlrepo init further/down
            A new repository in {work}/further/down/.mlrepo
            $ ls .mlrepo
            HEAD
            cache
            format
            log
            packs
            tmp
            $ mlrepo init --quiet silent
            $ mlrepo init --json machine
            {"bare":false,"path":"{work}/machine/.mlrepo","store":"{work}/machine/.mlrepo"}
            $ mlrepo init one two
            ! error: Unexpected argument 'two'
            ! hint: mlrepo help init
            [64]
            $ touch file
            $ mlrepo init file
            ! error: cannot make the directory {work}/file/.mlrepo: Not a directory
            [74]
            """)

    def test_init_makes_a_store_for_several_working_copies(self) -> None:
        self.transcript(r"""
            $ mlrepo init --bare ../store
            A new store in {root}/store
            $ ls ../store
            cache
            format
            log
            packs
            tmp
            $ mlrepo init --bare ../store
            ! error: there is a store at {root}/store already
            [73]
            $ mlrepo -C ../store status
            ! error: {root}/store is a store without a working copy
            ! hint: mlrepo init --store {root}/store DIRECTORY makes a working copy
            [64]
            $ mlrepo init --store ../store
            A new working copy in {work}/.mlrepo, on the store {root}/store
            $ ls .mlrepo
            HEAD
            store
            $ echo first >a.txt
            $ mlrepo add a.txt
            $ mlrepo commit --quiet -m One
            $ mlrepo init --quiet --store ../store ../further
            $ mlrepo -C ../further log --oneline main
            {one} (main) One
            $ mlrepo init --bare --shared ../ours
            A new store in {root}/ours
            $ stat -c %A ../ours/log ../ours/packs
            drwxrwsr-x
            drwxrwsr-x
            $ mlrepo init --bare --shared=no-such-group ../theirs
            ! error: there is no group 'no-such-group' in /etc/group
            [64]
            $ mlrepo init --shared
            ! error: --shared goes with --bare
            ! hint: mlrepo help init
            [64]
            $ mlrepo init --bare --store ../store ../further
            ! error: --bare makes a store, --store uses one
            ! hint: mlrepo help init
            [64]
            $ mlrepo init --store ../nothing ../other
            ! error: there is no store at {root}/nothing
            ! hint: mlrepo init --bare {root}/nothing makes one there
            [66]
            """)

    def test_config_shows_and_changes_settings(self) -> None:
        self.transcript(r"""
            $ mlrepo config
            ! error: no .mlrepo in {work} or above it
            ! hint: mlrepo init
            [66]
            $ mlrepo init --quiet
            $ mlrepo config
            $ mlrepo config user.name
            ! error: user.name is not set
            ! hint: mlrepo config user.name VALUE
            [1]
            $ mlrepo config user.name 'Grace Hopper'
            $ mlrepo config user.email grace@example.com
            $ mlrepo config
            user.email = grace@example.com
            user.name = Grace Hopper
            $ mlrepo config user.name
            Grace Hopper
            $ mlrepo config --json
            [{"key":"user.email","value":"grace@example.com"},{"key":"user.name","value":"Grace Hopper"}]
            $ echo first >a.txt
            $ mlrepo add a.txt
            $ env -u MLREPO_USER_NAME -u MLREPO_USER_EMAIL mlrepo commit --quiet -m One
            $ mlrepo log | grep Author
            Author: Grace Hopper <grace@example.com>
            $ mlrepo config --unset user.email
            $ mlrepo config user.email
            ! error: user.email is not set
            ! hint: mlrepo config user.email VALUE
            [1]
            $ mlrepo config
            user.name = Grace Hopper
            $ mlrepo config user.nonsense x
            ! error: there is no setting 'user.nonsense'
            ! hint: mlrepo help config
            [64]
            $ mlrepo config user.name 'a # b'
            ! error: a setting is one line, without '#' and without spaces at its ends or in a row
            [64]
            $ mlrepo config user.name ''
            ! error: a setting is one line, without '#' and without spaces at its ends or in a row
            [64]
            $ mlrepo config --unset
            ! error: --unset takes the name of a setting
            ! hint: mlrepo help config
            [64]
            $ mlrepo config user.name Grace Hopper
            ! error: Unexpected argument 'Hopper'
            ! hint: mlrepo help config
            [64]
            """)

    def test_worktree_makes_lists_and_forgets_working_copies(self) -> None:
        self.two()
        self.transcript(r"""
            $ mlrepo worktree
            * {mine:8}  {two}  {work}
            $ mlrepo worktree add ../same
            A new working copy in {root}/same, on branch main at {two}
            $ mlrepo worktree add ../old main~1
            A new working copy in {root}/old, on no branch at {one}
            $ mlrepo worktree add -b try ../try
            A new working copy in {root}/try, on branch try at {two}
            $ mlrepo worktree list | sort -t/ -k2
              {old:8}  {one}  {root}/old
              {same:8}  {two}  {root}/same
              {try:8}  {two}  {root}/try
            * {mine:8}  {two}  {work}
            $ cat ../old/data/a.txt
            first
            $ cd ../try && echo fourth >data/d.txt && mlrepo commit --quiet -m Three
            $ mlrepo branch -d try
            ! error: the working copy in {root}/try stands on 'try'
            ! hint: check out another branch there: mlrepo -C {root}/try checkout NAME
            [73]
            $ mlrepo log --oneline try
            {three} (try) Three
            {two} (HEAD -> main) Two
            {one} One
            $ mlrepo status
            On branch main
            Last commit {two}
            Nothing has changed
            $ mlrepo worktree add ../old
            ! error: '{root}/old' exists already
            [73]
            $ mlrepo worktree add -b try ../again
            ! error: 'try' exists already
            [73]
            $ mlrepo worktree add ../again nowhere
            ! error: no revision 'nowhere'
            ! hint: mlrepo log
            [66]
            $ ls ..
            bin
            old
            same
            try
            work
            $ mlrepo worktree remove ../old
            Forgot {old:8}; its files stay where they are
            $ cat ../old/data/a.txt
            first
            $ mlrepo worktree remove {same:8}
            Forgot {same:8}; its files stay where they are
            $ cd ../try && mlrepo worktree list | sort -t/ -k2
            * {try:8}  {three}  {root}/try
              {mine:8}  {two}  {work}
            $ mlrepo worktree remove .
            ! error: this is the working copy that you are in
            [73]
            $ mlrepo worktree remove ../old
            ! error: no working copy '../old'
            ! hint: mlrepo worktree list
            [66]
            $ mlrepo worktree remove --json ../try
            {"path":"{root}/try","workingCopy":"{trial:32}"}
            $ mlrepo branch -d try
            Deleted try, which was {three} (mlrepo branch try {three} makes it again)
            $ mlrepo worktree nonsense
            ! error: Unexpected argument 'nonsense'
            ! hint: mlrepo help worktree
            [64]
            $ mlrepo worktree add
            ! error: Missing expected argument '<directory>'
            ! hint: mlrepo help worktree
            [64]
            """)

    def test_add_tracks_files_directories_and_patterns(self) -> None:
        self.transcript(r"""
            $ mlrepo add data
            ! error: no .mlrepo in {work} or above it
            ! hint: mlrepo init
            [66]
            $ mlrepo init --quiet
            $ mlrepo add
            ! error: name a file, a directory or a pattern
            ! hint: mlrepo help add
            [64]
            $ mlrepo add data
            ! error: no file or directory 'data'
            [66]
            $ mkdir data
            $ echo first >data/a.txt
            $ echo model >model.bin
            $ echo other >other.bin
            $ mlrepo add data model.bin
            $ mlrepo status
            On branch main
            No commit yet
              added    data/a.txt
              added    model.bin
            Not tracked: other.bin
            $ mlrepo add --pattern '*.bin'
            $ mlrepo status
            On branch main
            No commit yet
              added    data/a.txt
              added    model.bin
              added    other.bin
            $ mlrepo add ../outside
            ! error: '../outside' is outside the working tree
            ! hint: a version has what lies in the working copy: copy it there ('cp -rL' follows links, as caches have them), then mlrepo add
            [64]
            $ mlrepo add .mlrepo
            ! error: the name '.mlrepo' is reserved: it may stand for .git or .mlrepo on some systems
            [64]
            $ (cd data && mlrepo add a.txt)
            """)

    def test_untrack_leaves_the_files_and_takes_them_out_of_the_next_version(self) -> None:
        self.one()
        self.transcript(r"""
            $ mlrepo untrack data/sub
            the next version is without 1 file here; on the disk nothing changes
            data/sub would be taken in again: .mlrepoignore leaves it out from now on
            $ mlrepo status
            On branch main
            Last commit {one}
              untracked data/sub/b.txt
            $ mlrepo commit -m 'Without sub'
            [main {two}] Without sub
             1 file, 6 bytes; {changes}; {size} new -> {size}{ratio}
            $ mlrepo ls
            - b640e840b19d378660b32fb51ae18d67dccb4a8596a29e7bd72c1b2ae5928f41 6 data/a.txt
            $ ls data/sub
            b.txt
            $ mlrepo untrack nothing
            ! error: no file or directory 'nothing'
            [66]
            $ mlrepo untrack
            ! error: name a file, a directory or a pattern
            ! hint: mlrepo help untrack
            [64]
            $ mlrepo add data/sub
            $ mlrepo status
            On branch main
            Last commit {two}
              added    data/sub/b.txt
            """)

    def test_status_names_every_change(self) -> None:
        self.transcript(r"""
            $ mlrepo status
            ! error: no .mlrepo in {work} or above it
            ! hint: mlrepo init
            [66]
            $ mlrepo init --quiet
            $ mlrepo status
            On branch main
            No commit yet
            Nothing is tracked yet: mlrepo add PATH
            $ mkdir data
            $ echo first >data/a.txt
            $ ln -s a.txt data/link
            $ mlrepo add data
            $ mlrepo status
            On branch main
            No commit yet
              added    data/a.txt
              added    data/link
            $ mlrepo commit --quiet -m One
            $ mlrepo st
            On branch main
            Last commit {one}
            Nothing has changed
            $ echo changed >data/a.txt
            $ rm data/link
            $ echo file >data/link
            $ echo new >data/new.txt
            $ mkdir data/empty
            $ mkfifo data/pipe
            $ mlrepo status
            On branch main
            Last commit {one}
              modified data/a.txt
              added    data/empty
              type     data/link
              added    data/new.txt
            ! skipped: data/pipe (a socket, pipe or device)
            $ mlrepo status --json
            {"branch":"main","clean":false,"entries":[{"path":"data/a.txt","state":"modified"},{"path":"data/empty","state":"added"},{"path":"data/link","state":"typeChanged"},{"path":"data/new.txt","state":"added"}],"head":"sha256:{one:full}","interrupted":false,"skipped":[{"path":"data/pipe","reason":"a socket, pipe or device"}],"untracked":[]}
            $ rm data/pipe
            $ rm data/new.txt data/a.txt
            $ mlrepo status
            On branch main
            Last commit {one}
              deleted  data/a.txt
              added    data/empty
              type     data/link
            $ mlrepo checkout --quiet {one}
            $ mlrepo status
            On no branch
            Last commit {one}
              deleted  data/a.txt
              added    data/empty
              type     data/link
            $ mlrepo status --nonsense
            ! error: Unknown option '--nonsense'
            ! hint: mlrepo help status
            [64]
            """)

    def test_status_skips_a_repository_inside_the_data(self) -> None:
        self.one()
        self.transcript(r"""
            $ mlrepo init --quiet data/inner
            $ echo inner >data/inner/x.txt
            $ mlrepo status
            On branch main
            Last commit {one}
            Nothing has changed
            ! skipped: data/inner (a repository of its own)
            $ mlrepo status --json
            {"branch":"main","clean":true,"entries":[],"head":"sha256:{one:full}","interrupted":false,"skipped":[{"path":"data/inner","reason":"a repository of its own"}],"untracked":[]}
            $ mlrepo commit -m Two
            ! error: nothing has changed
            ! hint: mlrepo status
            [1]
            $ mlrepo worktree add data/copy
            ! error: {work}/data/copy is in tracked data or in .mlrepo: a working copy needs a place of its own
            [64]
            $ mlrepo worktree add .mlrepo/copy
            ! error: {work}/.mlrepo/copy is in tracked data or in .mlrepo: a working copy needs a place of its own
            [64]
            $ ls data
            a.txt
            inner
            sub
            """)

    def test_commit_keeps_what_is_there_and_refuses_what_is_not_clear(self) -> None:
        self.begin()
        self.transcript(r"""
            $ mlrepo commit
            ! error: say what this version is: mlrepo commit -m MESSAGE
            ! hint: mlrepo help commit
            [64]
            $ mlrepo commit -m One
            [main {one}] One
             2 files, 13 bytes; {changes}; {size} new -> {size}{ratio}
            $ mlrepo commit -m Again
            ! error: nothing has changed
            ! hint: mlrepo status
            [1]
            $ echo changed >data/a.txt
            $ echo third >data/c.txt
            $ mlrepo commit -m 'Only a' data/a.txt
            [main {two}] Only a
             2 files, 15 bytes; {changes}; {size} new -> {size}{ratio}
            $ mlrepo commit -am 'The rest' --metric accuracy=0.91 --param lr=1e-4 --author 'Grace <grace@example.com>'
            [main {three}] The rest
             3 files, 21 bytes; {changes}; {size} new -> {size}{ratio}
             accuracy=0.91
            $ mlrepo commit -m Quiet --param lr=2e-4 --quiet
            $ mlrepo commit -m Machine --param lr=3e-4 --json
            {"branch":"main","bytes":21,"commit":"sha256:{five:full}","files":3,"newBytes":{number},"parents":["sha256:{four:full}"],"runs":["sha256:{run:full}"],"tree":"sha256:91d5d6b1ac3ba408470efdf06240b7e3373549649591a635ab4fd0ac28dc3e80"}
            $ mlrepo commit -m x --param lr
            ! error: 'lr' is not name=value
            [64]
            $ mlrepo commit -m x --param lr=1 --param lr=2
            ! error: 'lr' is given twice
            [64]
            $ mlrepo commit -m x --params nothing.yaml
            ! error: cannot open {work}/nothing.yaml: No such file or directory
            [66]
            $ mlrepo commit -m x --params data/a.txt
            ! error: data/a.txt is neither .json nor .yaml nor .toml
            [64]
            $ echo '{' >broken.json
            $ mlrepo commit -m x --params broken.json
            ! error: broken.json: line 2, column 1: found the end of the file, expected a name in quotes
            [65]
            $ mlrepo commit -m x --input nothing
            ! error: no file or directory 'nothing'
            [66]
            $ mlrepo commit -m x --input nowhere:data
            ! error: no revision 'nowhere'
            ! hint: mlrepo log
            [66]
            $ mlrepo commit -m x --input data --output nothing
            ! error: no file or directory 'nothing'
            [66]
            $ rm -r data
            $ mlrepo commit -m Gone
            ! error: data is tracked and gone
            ! hint: mlrepo restore data brings back what a commit has; mlrepo untrack data forgets it; mlrepo commit --deleted means it
            [73]
            $ mlrepo commit -m Gone --deleted
            [main {six}] Gone
             0 files, 0 bytes; {changes}; {size} new -> {size}{ratio}
            $ mlrepo commit -m x --nonsense
            ! error: Unknown option '--nonsense'
            ! hint: mlrepo help commit
            [64]
            $ mlrepo commit -m ' '
            ! error: say what this version is: mlrepo commit -m MESSAGE
            ! hint: mlrepo help commit
            [64]
            """)

    def test_log_shows_commits_newest_first(self) -> None:
        self.transcript(r"""
            $ mlrepo init --quiet
            $ mlrepo log
            ! note: no commit here yet
            $ mkdir data
            $ echo first >data/a.txt
            $ mlrepo add data
            $ mlrepo commit --quiet -m "$(printf 'One\n\nwith a body')"
            $ echo second >data/b.txt
            $ mlrepo commit --quiet -m Two
            $ echo third >data/a.txt
            $ mlrepo commit --quiet -m Three
            $ mlrepo log -n 2
            commit {three:full} (HEAD -> main)
            Author: Ada <ada@example.com>
            Date:   2025-11-23T09:00:00Z

                Three

            commit {two:full}
            Author: Ada <ada@example.com>
            Date:   2025-11-23T09:00:00Z

                Two

            $ mlrepo log main~2 | sed 's/ *$//'
            commit {one:full}
            Author: Ada <ada@example.com>
            Date:   2025-11-23T09:00:00Z

                One

                with a body

            $ mlrepo log --oneline
            {three} (HEAD -> main) Three
            {two} Two
            {one} One
            $ mlrepo log --oneline -n 2
            {three} (HEAD -> main) Three
            {two} Two
            $ mlrepo log --oneline main~1
            {two} Two
            {one} One
            $ mlrepo log --oneline -- data/a.txt
            {three} (HEAD -> main) Three
            {one} One
            $ mlrepo log --oneline -n 1 --json
            {"author":{"email":"ada@example.com","name":"Ada"},"branches":["main"],"commit":"sha256:{three:full}","message":"Three","parents":["sha256:{two:full}"],"runs":[{"id":"sha256:{run:full}","metrics":{},"parameters":{}}],"tags":[],"time":"2025-11-23T09:00:00Z"}
            $ mlrepo log nowhere
            ! error: no revision 'nowhere'
            ! hint: mlrepo log
            [66]
            $ mlrepo log -n x
            ! error: The value 'x' is invalid for '-n <count>'
            ! hint: mlrepo help log
            [64]
            $ mlrepo log -- ../outside
            ! error: '../outside' is outside the working tree
            [64]
            """)

    def test_log_draws_how_commits_hang_together(self) -> None:
        self.two()
        self.transcript(r"""
            $ mlrepo checkout --quiet -b side main~1
            $ echo aside >data/d.txt
            $ mlrepo commit --quiet -m Aside
            $ mlrepo log --oneline
            {aside} (HEAD -> side) Aside
            {one} One
            $ mlrepo log -n 1 | head -1
            commit {aside:full} (HEAD -> side)
            $ mlrepo log --oneline --graph
            * {aside} (HEAD -> side) Aside
            * {one} One
            $ mlrepo tag v1 main
            $ mlrepo branch -d main
            Deleted main, which was {two} (mlrepo branch main {two} makes it again)
            $ mlrepo log --oneline --graph --all
            * {aside} (HEAD -> side) Aside
            | * {two} (tag: v1) Two
            |/
            * {one} One
            $ mlrepo log --graph --all -n 2 | sed 's/ *$//'
            * commit {aside:full} (HEAD -> side)
            | Author: Ada <ada@example.com>
            | Date:   2025-11-23T09:00:00Z
            |
            |     Aside
            |
            | * commit {two:full} (tag: v1)
            | | Author: Ada <ada@example.com>
            | | Date:   2025-11-23T09:00:00Z
            | |
            | |     Two
            | |
            |/
            $ mlrepo log --oneline --all -- data/d.txt
            {aside} (HEAD -> side) Aside
            $ mlrepo log --graph --json
            ! {"error":{"hint":"mlrepo help log","message":"a drawing is for people: leave out --graph or --json","status":64}}
            [64]
            $ mlrepo log --graph -- data
            ! error: --graph draws all commits: leave out the paths
            [64]
            """)

    def test_show_prints_a_commit_with_its_run_or_a_file(self) -> None:
        self.transcript(r"""
            $ mlrepo init --quiet
            $ mlrepo show
            ! error: there is no commit here yet
            ! hint: mlrepo commit -m MESSAGE makes one; mlrepo checkout BRANCH takes what the store has
            [66]
            $ mkdir data
            $ echo first >data/a.txt
            $ mlrepo add data
            $ mlrepo commit --quiet -m One --param lr=1e-4 --param 'name="x y"' --metric accuracy=0.91
            $ mlrepo show | grep -v '^  env '
            commit {one:full} (HEAD -> main)
            Author: Ada <ada@example.com>
            Date:   2025-11-23T09:00:00Z

                One

            run {run} (declared)
              wrote  data  1 file  tree 8e50945  6 bytes
              params lr=1e-4 name=x y
              result accuracy=0.91

            added    data/a.txt  - -> 6 bytes
            $ mlrepo show main:data/a.txt
            first
            $ mlrepo show main:data
            ! error: data is a directory
            ! hint: mlrepo ls main data
            [66]
            $ mlrepo show main:nothing
            ! error: no file 'nothing' in {one}
            [66]
            $ mlrepo show nowhere
            ! error: no revision 'nowhere'
            ! hint: mlrepo log
            [66]
            """)

    def test_diff_compares_files_parameters_and_metrics(self) -> None:
        self.two()
        self.transcript(r"""
            $ mlrepo diff
            ! note: nothing changed since the last commit; mlrepo diff HEAD~1 HEAD compares the last two
            $ mlrepo diff HEAD~1 HEAD
            modified data/a.txt  6 bytes -> 8 bytes
            added    data/c.txt  - -> 6 bytes
            deleted  data/sub/b.txt  7 bytes -> -
            $ mlrepo diff main main
            $ mlrepo diff main main --exit-code
            $ mlrepo diff HEAD~1 --exit-code
            modified data/a.txt  6 bytes -> 8 bytes
            added    data/c.txt  - -> 6 bytes
            deleted  data/sub/b.txt  7 bytes -> -
            [1]
            $ mlrepo diff main main~1
            modified data/a.txt  8 bytes -> 6 bytes
            deleted  data/c.txt  6 bytes -> -
            added    data/sub/b.txt  - -> 7 bytes
            $ mlrepo commit --quiet -m Three --param lr=0.1 --metric accuracy=0.9
            $ mlrepo commit --quiet -m Four --param lr=0.2 --param seed=1
            $ rm data/a.txt
            $ echo new >data/d.txt
            $ mlrepo diff
            deleted  data/a.txt  8 bytes -> -
            added    data/d.txt  - -> 4 bytes
            $ mlrepo diff HEAD~1
            deleted  data/a.txt  8 bytes -> -
            added    data/d.txt  - -> 4 bytes
            params
              lr    0.1 -> 0.2
              seed  - -> 1
            metrics
              accuracy  0.9 -> -
            $ mlrepo diff HEAD~3 --quiet
            deleted  data/a.txt  6 bytes -> -
            added    data/c.txt  - -> 6 bytes
            added    data/d.txt  - -> 4 bytes
            deleted  data/sub/b.txt  7 bytes -> -
            params
              lr    - -> 0.2
              seed  - -> 1
            $ mlrepo diff HEAD~1 HEAD --json
            {"entries":[],"metrics":[{"before":0.9,"name":"accuracy"}],"parameters":[{"after":0.2,"before":0.1,"name":"lr"},{"after":1,"name":"seed"}]}
            $ mlrepo diff main~9
            ! error: no revision 'main~9'
            ! hint: mlrepo log
            [66]
            $ mlrepo diff a b c
            ! error: two revisions at most
            [64]
            """)

    def test_checkout_goes_to_versions_and_overwrites_nothing(self) -> None:
        self.two()
        self.transcript(r"""
            $ mlrepo checkout main~1
            At {one}, on no branch: 2 files written, 2 removed
            ! note: to go on from here, mlrepo checkout -b NAME makes a branch
            $ mlrepo status
            On no branch
            Last commit {one}
            Nothing has changed
            $ mlrepo co main
            At {two}, on branch main: 3 files written, 1 removed
            $ mlrepo checkout -b side
            At {two}, on branch side: 0 files written, 0 removed
            $ mlrepo checkout -b side
            At {two}, on branch side: 0 files written, 0 removed
            $ mlrepo switch main
            At {two}, on branch main: 0 files written, 0 removed
            $ echo precious >data/a.txt
            $ mlrepo checkout main~1
            ! error: data/a.txt would be lost
            ! hint: commit or move what is named; or --force, which keeps it first, so that mlrepo undo brings it back
            [73]
            $ cat data/a.txt
            precious
            $ echo changed >data/a.txt
            $ mlrepo checkout main~1 --to ../elsewhere
            Wrote 2 files to {root}/elsewhere
            $ find ../elsewhere -type f | sort
            ../elsewhere/data/a.txt
            ../elsewhere/data/sub/b.txt
            $ mlrepo checkout main --to ../elsewhere
            ! error: '{root}/elsewhere' exists already
            [73]
            $ mlrepo checkout nowhere
            ! error: no revision 'nowhere'
            ! hint: mlrepo log
            [66]
            $ mlrepo checkout
            ! error: name a branch, a tag or another revision
            ! hint: mlrepo help checkout
            [64]
            $ mlrepo checkout --quiet main
            """)

    def test_checkout_with_force_keeps_what_it_overwrites(self) -> None:
        self.two()
        self.transcript(r"""
            $ echo precious >data/a.txt
            $ mkdir -p data/sub
            $ echo mine >data/sub/b.txt
            $ mlrepo checkout main~1
            ! error: 2 files would be lost: data/a.txt, data/sub/b.txt
            ! hint: commit or move what is named; or --force, which keeps it first, so that mlrepo undo brings it back
            [73]
            $ mlrepo checkout --force main~1
            At {one}, on no branch: 2 files written, 1 removed
            ! note: to go on from here, mlrepo checkout -b NAME makes a branch
            $ cat data/a.txt data/sub/b.txt
            first
            second
            $ mlrepo undo
            Taken back: 4  2025-11-23T09:00:00Z  checkout  by Ada  at {two} -> {one}  (what it overwrites: {kept})
            $ cat data/a.txt data/sub/b.txt
            precious
            mine
            $ mlrepo status
            On branch main
            Last commit {two}
              modified data/a.txt
              added    data/sub/b.txt
            $ mlrepo checkout -f HEAD
            At {two}, on branch main: 1 file written, 0 removed
            $ mlrepo status
            On branch main
            Last commit {two}
              added    data/sub/b.txt
            $ mlrepo undo --quiet
            $ cat data/a.txt data/sub/b.txt
            precious
            mine
            """)

    def test_checkout_of_paths_leaves_everything_else(self) -> None:
        self.two()
        self.transcript(r"""
            $ mlrepo checkout main~1 -- data/sub
            1 file of {one} written
            $ mlrepo status
            On branch main
            Last commit {two}
              added    data/sub/b.txt
            $ mlrepo checkout -- data/a.txt
            0 files of {two} written
            $ echo precious >data/a.txt
            $ mlrepo checkout -- data/a.txt
            ! error: data/a.txt would be lost
            ! hint: commit or move what is named; or --force, which keeps it first, so that mlrepo undo brings it back
            [73]
            $ mlrepo checkout --force main~1 -- data/a.txt
            1 file of {one} written
            $ cat data/a.txt
            first
            $ mlrepo undo
            Taken back: 6  2025-11-23T09:00:00Z  overwrite "checkout {one} -- data/a.txt"  by Ada  (what it overwrites: {kept})
            $ cat data/a.txt
            precious
            $ mlrepo status
            On branch main
            Last commit {two}
              modified data/a.txt
              added    data/sub/b.txt
            $ mlrepo checkout main~1 --json --force -- data
            {"commit":"sha256:{one:full}","written":1}
            $ mlrepo checkout -- nothing
            ! error: no file or directory 'nothing'
            [66]
            $ mlrepo checkout nowhere -- data
            ! error: no revision 'nowhere'
            ! hint: mlrepo log
            [66]
            $ mlrepo checkout main data
            ! error: type -- before the names of files
            ! hint: mlrepo help checkout
            [64]
            $ mlrepo checkout -b side -- data
            ! error: files of a version are written here, on the same branch
            ! hint: mlrepo help checkout
            [64]
            $ mlrepo checkout --to ../elsewhere -- data
            ! error: files of a version are written here, on the same branch
            ! hint: mlrepo help checkout
            [64]
            $ mlrepo checkout --to ../elsewhere --force main
            ! error: --to writes into an empty directory
            ! hint: mlrepo help checkout
            [64]
            $ mlrepo checkout -b
            ! error: name a branch, a tag or another revision
            ! hint: mlrepo help checkout
            [64]
            """)

    def test_checkout_makes_a_branch_from_another_version_and_can_be_typed_again(self) -> None:
        self.two()
        self.transcript(r"""
            $ mlrepo checkout -b old main~1
            At {one}, on branch old: 2 files written, 2 removed
            $ mlrepo checkout -b old main~1
            At {one}, on branch old: 0 files written, 0 removed
            $ cat data/a.txt
            first
            $ mlrepo log --oneline
            {one} (HEAD -> old) One
            $ mlrepo checkout -b new nowhere
            ! error: no revision 'nowhere'
            ! hint: mlrepo log
            [66]
            $ mlrepo checkout -b main main~1
            ! error: 'main' exists already
            [73]
            """)

    def test_restore_brings_back_what_is_gone(self) -> None:
        self.one()
        self.transcript(r"""
            $ rm data/a.txt
            $ mlrepo restore data/a.txt
            1 file came back
            $ cat data/a.txt
            first
            $ rm -r data
            $ mlrepo restore .
            2 files came back
            $ mlrepo restore .
            0 files came back
            ! hint: a changed file goes back by mlrepo checkout --force -- PATH
            $ rm data/a.txt
            $ mlrepo restore --quiet data
            $ mlrepo restore ../outside
            ! error: '../outside' is outside the working tree
            [64]
            $ mlrepo restore
            ! error: Missing expected argument '<paths> ...'
            ! hint: mlrepo help restore
            [64]
            """)

    def test_mv_renames_and_the_next_version_has_the_new_names(self) -> None:
        self.one()
        self.transcript(r"""
            $ mlrepo mv data/a.txt data/first.txt
            $ mlrepo status
            On branch main
            Last commit {one}
              deleted  data/a.txt
              added    data/first.txt
            $ mlrepo mv data/sub data/further
            $ mkdir data/into
            $ mlrepo mv data/first.txt data/further data/into
            $ mlrepo commit -m Two
            [main {two}] Two
             2 files, 13 bytes; {changes}; {size} new -> {size}{ratio}
            $ mlrepo ls
            - b640e840b19d378660b32fb51ae18d67dccb4a8596a29e7bd72c1b2ae5928f41 6 data/into/first.txt
            - 480c2336b410f1ad5f8bf1b28944490255804b65350c527787e74ebdd511e3a4 7 data/into/further/b.txt
            $ mlrepo mv data reviews
            $ mlrepo status
            On branch main
            Last commit {two}
              deleted  data/into/first.txt
              deleted  data/into/further/b.txt
              added    reviews/into/first.txt
              added    reviews/into/further/b.txt
            $ mlrepo commit -m Three
            [main {three}] Three
             2 files, 13 bytes; {changes}; {size} new -> {size}{ratio}
            $ find . -name .mlrepo -prune -o -type f -print | sort
            ./reviews/into/first.txt
            ./reviews/into/further/b.txt
            $ echo mine >mine.txt
            $ mlrepo mv reviews/into/first.txt mine.txt
            ! error: 'mine.txt' exists already
            [73]
            $ mlrepo mv mine.txt other.txt
            ! error: mine.txt is not tracked
            ! hint: mlrepo add mine.txt
            [66]
            $ mlrepo mv nothing other.txt
            ! error: no file or directory 'nothing'
            [66]
            $ mlrepo mv reviews/into reviews/into/further
            ! error: reviews/into cannot be moved into itself
            [64]
            $ mlrepo mv reviews/into/first.txt reviews/into/further mine.txt
            ! error: mine.txt is no directory
            [66]
            $ mlrepo mv reviews/into/first.txt ../outside
            ! error: '../outside' is outside the working tree
            [64]
            $ mlrepo mv . other
            ! error: the working tree itself cannot be moved
            [64]
            $ mlrepo mv reviews
            ! error: name what to move, and where to
            ! hint: mlrepo help mv
            [64]
            $ mlrepo mv
            ! error: Missing expected argument '<paths> ...'
            ! hint: mlrepo help mv
            [64]
            $ cat mine.txt reviews/into/first.txt
            mine
            first
            $ mlrepo status
            On branch main
            Last commit {three}
            Nothing has changed
            Not tracked: mine.txt
            """)

    def test_rm_removes_files_and_keeps_what_no_version_has(self) -> None:
        self.one()
        self.transcript(r"""
            $ mlrepo rm data/sub/b.txt
            1 file removed; mlrepo undo brings it back
            $ ls data
            a.txt
            $ mlrepo status
            On branch main
            Last commit {one}
              deleted  data/sub/b.txt
            $ mlrepo restore data
            1 file came back
            $ mlrepo rm --quiet data/sub
            $ mlrepo commit -m Two
            [main {two}] Two
             1 file, 6 bytes; {changes}; {size} new -> {size}{ratio}
            $ mlrepo ls
            - b640e840b19d378660b32fb51ae18d67dccb4a8596a29e7bd72c1b2ae5928f41 6 data/a.txt
            $ echo precious >data/a.txt
            $ mlrepo rm data/a.txt
            ! error: data/a.txt would be lost
            ! hint: commit or move what is named; or --force, which keeps it first, so that mlrepo undo brings it back
            [73]
            $ cat data/a.txt
            precious
            $ mlrepo rm --force data/a.txt
            1 file removed; mlrepo undo brings it back
            $ cat data/a.txt
            ! cat: data/a.txt: No such file or directory
            [1]
            $ mlrepo status
            On branch main
            Last commit {two}
              deleted  data/a.txt
            $ mlrepo undo
            Taken back: 8  2025-11-23T09:00:00Z  overwrite "rm data/a.txt"  by Ada  (what it overwrites: {kept})
            $ cat data/a.txt
            precious
            $ mlrepo status
            On branch main
            Last commit {two}
              modified data/a.txt
            $ mlrepo rm -rf data
            1 file removed; mlrepo undo brings it back
            $ mlrepo undo --quiet
            $ cat data/a.txt
            precious
            $ echo mine >mine.txt
            $ mlrepo rm mine.txt
            ! error: mine.txt is not tracked
            ! hint: mlrepo add mine.txt
            [66]
            $ mlrepo rm --force mine.txt
            ! error: mine.txt is not tracked
            ! hint: mlrepo add mine.txt
            [66]
            $ cat mine.txt
            mine
            $ mlrepo rm nothing
            ! error: no file or directory 'nothing'
            [66]
            $ mlrepo rm ../outside
            ! error: '../outside' is outside the working tree
            [64]
            $ mlrepo rm
            ! error: Missing expected argument '<paths> ...'
            ! hint: mlrepo help rm
            [64]
            """)

    def test_branch_lists_makes_and_deletes(self) -> None:
        self.one()
        self.transcript(r"""
            $ mlrepo branch
            * main  {one}
            $ mlrepo branch side
            $ mlrepo branch team/other main
            $ mlrepo branch
            * main  {one}
              side  {one}
              team/other  {one}
            $ mlrepo branch --json
            [{"commit":"sha256:{one:full}","current":true,"name":"main"},{"commit":"sha256:{one:full}","name":"side"},{"commit":"sha256:{one:full}","name":"team/other"}]
            $ mlrepo branch side
            ! error: 'side' exists already
            [73]
            $ mlrepo branch -d side
            Deleted side, which was {one} (mlrepo branch side {one} makes it again)
            $ mlrepo branch -d side
            ! error: there is no 'side'
            ! hint: mlrepo branch, mlrepo tag and mlrepo runs list what there is
            [66]
            $ mlrepo branch -d main
            ! error: this working copy stands on 'main'
            ! hint: mlrepo checkout another branch first
            [73]
            $ mlrepo branch side nowhere
            ! error: no revision 'nowhere'
            ! hint: mlrepo log
            [66]
            $ mlrepo branch a..
            ! error: 'branches/a..' is not a valid ref name
            ! hint: a name has letters, digits and . _ + @ -, and / between its parts; none begins with . or -, or ends with . or .lock
            [64]
            $ mlrepo branch HEAD
            ! error: 'HEAD' is not a valid ref name
            [64]
            """)

    def test_tag_names_versions(self) -> None:
        self.two()
        self.transcript(r"""
            $ mlrepo tag
            $ mlrepo tag v1
            $ mlrepo tag v0 main~1
            $ mlrepo tag
              v0  {one}
              v1  {two}
            $ mlrepo tag --json
            [{"commit":"sha256:{one:full}","name":"v0"},{"commit":"sha256:{two:full}","name":"v1"}]
            $ mlrepo tag v1
            ! error: 'v1' exists already
            ! hint: mlrepo tag -d v1 first, if it is to name something else
            [73]
            $ mlrepo tag -d v0
            $ mlrepo tag -d v0
            ! error: there is no 'v0'
            ! hint: mlrepo branch, mlrepo tag and mlrepo runs list what there is
            [66]
            $ mlrepo tag v2 nowhere
            ! error: no revision 'nowhere'
            ! hint: mlrepo log
            [66]
            $ mlrepo tag -x
            ! error: Unknown option '-x'
            ! hint: mlrepo help tag
            [64]
            """)

    def test_identity_says_who_signs_and_who_is_trusted(self) -> None:
        self.begin()
        self.transcript(r"""
            $ ssh-keygen -q -t ed25519 -N '' -C '' -f ../key
            $ mlrepo identity
            Ada <ada@example.com>
            no key to sign with
            ! hint: ssh-keygen -t ed25519, then mlrepo identity use FILE
            $ mlrepo commit -m One --sign
            ! error: there is no key to sign with
            ! hint: mlrepo identity use KEY, with a file as ~/.ssh/id_ed25519; ssh-keygen -t ed25519 makes one
            [64]
            $ mlrepo identity use ../key
            Signs with {root}/key  ssh-ed25519 SHA256:{ada:key}
            $ mlrepo identity list
            $ mlrepo identity trust ada@example.com ../key.pub
            Trusts SHA256:{ada:key} as that of ada@example.com
            $ mlrepo identity
            Ada <ada@example.com>
            signs with {root}/key  ssh-ed25519 SHA256:{ada:key}
            $ mlrepo identity trust ada@example.com ../key.pub --until 2030-01-01
            Trusts SHA256:{ada:key} as that of ada@example.com
            $ mlrepo identity list
            ada@example.com  ssh-ed25519 SHA256:{ada:key}  until 2030-01-01T00:00:00Z
            $ mlrepo identity trust '*@example.com' ../key.pub --authority
            Trusts SHA256:{ada:key} as that of *@example.com
            $ mlrepo identity untrust '*@example.com'
            Trusts 1 key less
            $ mlrepo identity untrust SHA256:none
            ! error: no key of 'SHA256:none' is trusted in this working copy
            ! hint: mlrepo identity list
            [66]
            $ mlrepo identity trust ada@example.com ../key
            ! error: ../key is no public key of SSH: the key, byte 0: expected its type and base64, as in a file of ssh-keygen
            ! hint: it is the file that ends with .pub
            [65]
            $ mlrepo identity trust ada@example.com
            ! error: 'identity trust' takes an address and a key
            ! hint: mlrepo help identity
            [64]
            $ mlrepo identity trust ada@example.com ../key.pub --until tomorrow
            ! error: 'tomorrow' is no time: 2026-11-23, 2026-11-23T10:20Z or now
            [64]
            """)

    def test_note_remarks_something(self) -> None:
        self.one()
        self.transcript(r"""
            $ ssh-keygen -q -t ed25519 -N '' -C '' -f ../key
            $ mlrepo note -m 'Looks good'
            ! error: there is no key to sign with
            ! hint: mlrepo identity use KEY, with a file as ~/.ssh/id_ed25519; ssh-keygen -t ed25519 makes one
            [64]
            $ mlrepo identity use ../key --quiet
            $ mlrepo identity trust ada@example.com ../key.pub --quiet
            $ mlrepo note
            $ mlrepo note -m 'Looks good'
            commit {one}  2025-11-23T09:00:00Z
              Note by Ada <ada@example.com>, key SHA256:{ada:key}: good
                  Looks good
            $ MLREPO_NOW=1763888401 mlrepo note -m 'One line is missing' -m 'Ask Bob.' main:data/a.txt
            commit {one}  2025-11-23T09:00:01Z
              Note on data/a.txt by Ada <ada@example.com>, key SHA256:{ada:key}: good
                  One line is missing

                  Ask Bob.
            $ mlrepo note main:data/a.txt
            commit {one}  2025-11-23T09:00:01Z
              Note on data/a.txt by Ada <ada@example.com>, key SHA256:{ada:key}: good
                  One line is missing

                  Ask Bob.
            $ mlrepo note main:data/sub/b.txt
            $ mlrepo log
            commit {one:full} (HEAD -> main)
            Author: Ada <ada@example.com>
            Date:   2025-11-23T09:00:00Z

                One

            Note by Ada <ada@example.com>, key SHA256:{ada:key}: good
                Looks good
            Note on data/a.txt by Ada <ada@example.com>, key SHA256:{ada:key}: good
                One line is missing

                Ask Bob.

            $ mlrepo note -m x main:nothing
            ! error: no file or directory 'nothing'
            [66]
            $ mlrepo note -m ' '
            ! error: the note says nothing
            ! hint: mlrepo help note
            [64]
            $ mlrepo undo --quiet
            $ mlrepo note main:data/a.txt
            """)

    def test_audit_shows_the_log_and_what_is_signed(self) -> None:
        self.begin()
        self.transcript(r"""
            $ ssh-keygen -q -t ed25519 -N '' -C '' -f ../key
            $ mlrepo identity use ../key --quiet
            $ mlrepo config log.sign true --quiet
            $ mlrepo commit --quiet -m One
            $ mlrepo audit log
            1  2025-11-23T09:00:00Z  commit "One"  by Ada  branches/main - -> {one}  signed by SHA256:{ada:key}: NOT KNOWN: nobody here vouches for the key
            0  2025-11-23T09:00:00Z  init  by Ada  not signed
            $ mlrepo audit check
            NOT AS SIGNED: 1  2025-11-23T09:00:00Z  commit "One"  by Ada  branches/main - -> {one}  signed by SHA256:{ada:key}: NOT KNOWN: nobody here vouches for the key
            The log of this store has 2 entries, root {top:full}
            0 entries signed by somebody who is trusted; 1 before anybody signed
            ! hint: if SHA256:{ada:key} is theirs: mlrepo identity trust ada@example.com FILE.pub
            [1]
            $ mlrepo identity trust ada@example.com ../key.pub --quiet
            $ mlrepo audit check
            The log of this store has 2 entries, root {top:full}
            1 entry signed by somebody who is trusted; 1 before anybody signed
            $ mlrepo init --quiet ../stick
            $ mlrepo audit witness ../stick
            Witnessed 1 entry of ../stick
            $ mlrepo audit witness ../stick
            Witnessed 1 entry of ../stick; it goes on from 1 that were witnessed
            $ mlrepo audit check ../stick
            NOT SIGNED: nobody has signed an entry
            The log of ../stick has 1 entry, root {stick:full}
            0 entries signed by somebody who is trusted; 1 before anybody signed
            Head of 1 entry at 2025-11-23T09:00:00Z by ada@example.com, key SHA256:{ada:key}: good
            ! hint: mlrepo config log.sign true, so that entries are signed from now on
            [1]
            """)

    def test_policy_says_who_may_do_what(self) -> None:
        self.begin()
        self.transcript(r"""
            $ ssh-keygen -q -t ed25519 -N '' -C '' -f ../key
            $ mlrepo identity use ../key --quiet
            $ mlrepo commit --quiet -m One
            $ mlrepo policy show
            ! error: no other store is known as 'origin'
            ! hint: mlrepo remote add origin PLACE
            [66]
            $ mlrepo remote add origin ../store
            $ mlrepo push --quiet
            $ mlrepo policy show
            ! error: origin has no policy
            ! hint: mlrepo policy init, then mlrepo policy propose policy.toml --in origin
            [66]
            $ mlrepo policy init
            Wrote policy.toml
            ! hint: work on it, then mlrepo policy propose policy.toml
            $ mlrepo policy propose policy.toml -m "First policy"
            Policy 1 of origin is in force: {first:12}
            $ mlrepo policy show
            policy 1  {first:12}
            changed by 1 of ada

            People
              ada  ada@example.com  SHA256:{ada:key}

            Roles
              maintainer: ada - Keeps the store

            Rules; what none allows is refused
              1. maintainer may read, admin
              2. maintainer may push, create, force, delete, annotate
            $ mlrepo policy simulate ada push main
            ada may push branches/main (rule 2 of policy 1)
            $ mlrepo policy simulate ada annotate main --quiet
            ada may annotate branches/main (rule 2 of policy 1)
            $ mlrepo policy log
            policy 1  {first:12}  entry 2  2025-11-23T09:00:00Z  signed by ada  First policy
            $ mlrepo policy propose policy.toml
            ! error: {root}/work/policy.toml says what is in force already
            [65]
            $ mlrepo policy fly
            ! error: 'policy' takes init, show, edit, propose, sign, log or simulate, not 'fly'
            ! hint: mlrepo help policy
            [64]
            """)

    def test_approve_lets_a_branch_go(self) -> None:
        self.begin()
        self.transcript(r"""
            $ ssh-keygen -q -t ed25519 -N '' -C '' -f ../key
            $ mlrepo identity use ../key --quiet
            $ mlrepo commit --quiet -m One
            $ mlrepo remote add origin ../store
            $ mlrepo push --quiet
            $ mlrepo approve main HEAD
            ! error: origin has no policy
            ! hint: mlrepo policy init, then mlrepo policy propose policy.toml --in origin
            [66]
            $ mlrepo policy init --quiet
            $ printf '[[rules]]\nallow = ["create"]\nrefs = ["tags/*"]\nroles = ["maintainer"]\napprovals = 1\napprovers = ["maintainer"]\n' >>policy.toml
            $ mlrepo policy propose policy.toml --quiet
            $ mlrepo approve main HEAD
            ! error: branches/main of origin names that already
            [64]
            $ mlrepo approve tags/v1 HEAD
            Approved that tags/v1 of origin goes from nothing to {one:12}
            """)

    def test_prove_writes_what_verify_checks(self) -> None:
        self.begin()
        self.transcript(r"""
            $ ssh-keygen -q -t ed25519 -N '' -C '' -f ../key
            $ mlrepo identity use ../key --quiet
            $ mlrepo identity trust ada@example.com ../key.pub --quiet
            $ mlrepo commit --quiet -m One
            $ mlrepo prove entry 1 -o ../entry-1.tlog-proof
            $ mlrepo prove entry 1 -o ../entry-1.tlog-proof
            ! error: '{root}/entry-1.tlog-proof' exists already
            [73]
            $ mlrepo prove entry 2
            ! error: there is no entry 2: the log has 2, from 0 on
            ! hint: mlrepo audit log -n 1 shows the newest entry
            [66]
            $ mlrepo verify ../entry-1.tlog-proof --quiet
            $ mlrepo prove consistency 1 -o ../growth.tlog-proof
            $ mlrepo verify ../growth.tlog-proof
            It begins with all that the log of 1 entry had: the log {origin:12}… of 2 entries
            Head: this store's own log has it
            Head of 2 entries at 2025-11-23T09:00:00Z by ada@example.com, key SHA256:{ada:key}: good
            """)

    def test_verify_says_who_signed_what(self) -> None:
        self.begin()
        self.transcript(r"""
            $ ssh-keygen -q -t ed25519 -N '' -C '' -f ../key
            $ mlrepo identity use ../key --quiet
            $ mlrepo commit --sign -m One
            [main {one}] One
             2 files, 13 bytes; +2; {size} new -> {size}{ratio}
             signed by Ada <ada@example.com>
            $ mlrepo verify
            commit {one:full}  One
              Signed: by Ada <ada@example.com>, key SHA256:{ada:key}: NOT KNOWN: nobody here vouches for the key
            ! hint: if SHA256:{ada:key} is theirs: mlrepo identity trust ada@example.com FILE.pub
            [1]
            $ mlrepo identity trust ada@example.com ../key.pub --quiet
            $ mlrepo verify
            commit {one:full}  One
              Signed: by Ada <ada@example.com>, key SHA256:{ada:key}: good
            $ mlrepo tag --sign v1
            $ mlrepo log --show-signature
            commit {one:full} (HEAD -> main, tag: v1)
            Author: Ada <ada@example.com>
            Date:   2025-11-23T09:00:00Z
            Signed: by Ada <ada@example.com>, key SHA256:{ada:key}: good
            Signed: as v1 by Ada <ada@example.com>, key SHA256:{ada:key}: good

                One

            $ echo changed >data/a.txt
            $ mlrepo commit --quiet -m Two
            $ mlrepo verify --all
            commit {two:full}  Two
              Signed: by nobody
            1 of 2 commits verified
            [1]
            $ mlrepo verify v1 --quiet
            $ mlrepo verify nothing
            ! error: no revision 'nothing'
            ! hint: mlrepo log
            [66]
            $ mlrepo operations -n 2
            3  2025-11-23T09:00:00Z  commit "Two"  by Ada  branches/main {one} -> {two}
            2  2025-11-23T09:00:00Z  tag "v1"  by Ada  (signed)  tags/v1 - -> {one}
            $ mlrepo push ../store main v1
            Made a store in ../store
            branches/main  new, {two}
            tags/v1  new, {one}
            Sent to ../store: {number} objects, {size}, 2 signatures
            """)

    def test_merge_takes_another_version_into_the_branch(self) -> None:
        self.one()
        self.transcript(r"""
            $ mlrepo checkout --quiet -b side
            $ echo side >data/side.txt
            $ echo theirs >data/a.txt
            $ mlrepo commit --quiet -m Side
            $ mlrepo checkout --quiet main
            $ mlrepo merge one-that-is-not-there
            ! error: no revision 'one-that-is-not-there'
            ! hint: mlrepo log
            [66]
            $ mlrepo merge side
            Went forward to {side}: 2 files written
            $ mlrepo merge side
            Nothing to take over: {side} has it all
            $ mlrepo undo --quiet
            $ cat data/a.txt
            first
            $ echo mine >data/b.txt
            $ mlrepo commit --quiet -m Mine
            $ mlrepo merge --ff-only side
            ! error: both your branch and 'side' have commits of their own
            ! hint: mlrepo merge side makes one of both
            [73]
            $ mlrepo merge side
            Merged as {merged}: 2 files written
            $ mlrepo log --oneline
            {merged} (HEAD -> main) Merge side into main
            {mine} Mine
            {side} (side) Side
            {one} One
            $ mlrepo undo --quiet
            $ echo ours >data/a.txt
            $ mlrepo commit --quiet -m Ours
            $ echo changed >data/side.txt
            $ mlrepo merge side
            ! error: data/side.txt would be lost
            ! hint: commit or move what is named, then type the command again
            [73]
            $ rm data/side.txt
            $ mlrepo merge side
            Merged as {both}: 2 files written
            both changed data/a.txt: theirs is data/a.txt~{side}
            ! hint: mv 'data/a.txt~{side}' data/a.txt takes theirs, rm 'data/a.txt~{side}' keeps yours; then mlrepo commit keeps the choice
            [1]
            $ cat data/a.txt data/a.txt~*
            ours
            theirs
            $ mlrepo undo --quiet
            $ mlrepo merge side --theirs --json
            {"base":"sha256:{ours:full}","commit":"sha256:{taken:full}","conflicts":[{"path":"data/a.txt","theirs":null}],"merge":"merged","removed":0,"written":2}
            $ cat data/a.txt
            theirs
            $ mlrepo undo --quiet
            $ mlrepo merge side --ours -m 'Ours stays'
            Merged as {kept}: 1 file written
            both changed data/a.txt: yours stays
            $ cat data/a.txt
            ours
            $ mlrepo merge side --ours --theirs
            ! error: --ours and --theirs contradict each other
            ! hint: mlrepo help merge
            [64]
            """)

    def test_pull_fetches_and_merges(self) -> None:
        self.one()
        self.transcript(r"""
            $ mlrepo pull
            ! error: no other store is known as 'origin'
            ! hint: mlrepo remote add origin PLACE
            [66]
            $ mlrepo remote add origin ../store
            $ mlrepo push --quiet
            $ mlrepo clone --quiet ../store ../other
            $ echo new >../other/data/new.txt
            $ mlrepo -C ../other commit --quiet -m New
            $ mlrepo -C ../other push --quiet
            $ mlrepo pull
            remotes/origin/main  {one} -> {new}
            Taken from origin: {number} objects, {size}
            Went forward to {new}: 1 file written
            $ mlrepo pull
            Nothing is new in origin
            Nothing to take over: {new} has it all
            $ mlrepo pull --json
            {"alreadyThere":0,"base":"sha256:{new:full}","bytes":0,"commit":"sha256:{new:full}","conflicts":[],"merge":"nothing","objects":0,"refs":[],"remote":"origin","removed":0,"written":0}
            $ mlrepo pull origin nothing
            Nothing is new in origin
            ! error: origin has no branch nothing
            ! hint: it has main
            [66]
            $ mlrepo pull ../store
            ! error: pull takes the name of a store, not its place
            ! hint: mlrepo remote add NAME ../store, then mlrepo pull NAME
            [64]
            """)

    def test_get_takes_files_out_of_another_store(self) -> None:
        self.two()
        self.transcript(r"""
            $ mlrepo push --quiet ../store
            $ mkdir elsewhere
            $ cd elsewhere && mlrepo get ../../store data/a.txt && cat a.txt
            {root}/work/elsewhere/a.txt: 1 file, 8 bytes, of {two}
            changed
            $ mlrepo get ../store data/a.txt --revision main~1 --to elsewhere/old && cat elsewhere/old
            {root}/work/elsewhere/old: 1 file, 6 bytes, of {one}
            first
            $ mlrepo get ../store . --to elsewhere/all --json
            {"bytes":{number},"commit":"sha256:{two:full}","files":2,"path":"{root}/work/elsewhere/all"}
            $ mlrepo get ../store data --to elsewhere/old
            ! error: {root}/work/elsewhere/old exists already
            ! hint: --to PATH writes it elsewhere
            [73]
            $ mlrepo get ../store nothing
            ! error: no file or directory 'nothing'
            ! hint: mlrepo ls --from ../store lists what is there
            [66]
            $ mlrepo get ../nowhere data --to new
            ! error: ../nowhere: no store is there
            ! hint: is the place right, and its disk mounted? mlrepo init --bare PATH makes a store, on the machine where it is to be
            [66]
            $ mlrepo get ../store .
            ! error: a whole version needs a directory
            ! hint: mlrepo get PLACE . --to DIR
            [64]
            """)

    def test_ls_looks_into_another_store(self) -> None:
        self.two()
        self.transcript(r"""
            $ mlrepo tag v1 main~1
            $ mlrepo push --quiet ../store main v1
            $ mlrepo ls >../here
            $ mkdir ../other
            $ mlrepo -C ../other ls --from ../store | diff ../here - && echo same
            same
            $ mlrepo -C ../other ls --from ../store v1 data/a.txt
            - {first:full} 6 data/a.txt
            $ mlrepo -C ../other ls --from ../store data/c.txt
            - {third:full} 6 data/c.txt
            $ mlrepo -C ../other ls --from ../store v1 data/sub
            - {sub:full} 7 data/sub/b.txt
            $ mlrepo -C ../other ls --from ../store v1 ./data/sub/ --json
            {"id":"sha256:{sub:full}","mode":"file","path":"data/sub/b.txt","size":7}
            $ mlrepo -C ../other ls --from ../store main~1 data/a.txt
            - {first:full} 6 data/a.txt
            $ mlrepo -C ../other ls --from ../store none
            ! error: ../store has no 'none'
            ! hint: it has main, v1
            [66]
            $ mlrepo -C ../other ls --from ../store v1 none
            ! error: no file or directory 'none'
            [66]
            $ mlrepo -C ../other ls --from ../nowhere
            ! error: ../nowhere: no store is there
            ! hint: is the place right, and its disk mounted? mlrepo init --bare PATH makes a store, on the machine where it is to be
            [66]
            $ ls -A ../other | wc -l
            0
            """)

    def test_bundle_puts_versions_into_a_file(self) -> None:
        self.one()
        self.transcript(r"""
            $ mlrepo resolve HEAD
            {one:full}
            $ mlrepo tag v1
            $ mlrepo bundle ../all.bundle --all --tags
            branches/main  {one}
            tags/v1  {one}
            Wrote {root}/all.bundle: {number} objects, {size}
            $ mlrepo bundle ../all.bundle
            ! error: {root}/all.bundle is there already
            ! hint: remove it first, or name another file
            [73]
            $ mlrepo fsck ../all.bundle
            {number} objects in 3 packs, {size}: no damage
            $ cd .. && mlrepo clone all.bundle
            Cloned into {root}/all: {number} objects, {size}
            $ echo more >data/a.txt
            $ mlrepo commit --quiet -m Two
            $ mlrepo resolve HEAD
            {two:full}
            $ mlrepo bundle ../new.bundle --since v1
            branches/main  {two}
            Wrote {root}/new.bundle: {number} objects, {size}
            $ mlrepo fsck ../new.bundle
            {number} objects in 3 packs, {size}: no damage
            It goes on from {one}, which is not in it, and was not looked at
            $ cd ../all && mlrepo remote add new ../new.bundle && mlrepo pull new
            remotes/new/main  new, {two}
            Taken from new: {number} objects, {size}
            Went forward to {two}: 1 file written
            $ cd .. && mlrepo clone new.bundle
            ! error: new.bundle goes on from {one}, which is not here
            ! hint: in a repository that has that, mlrepo remote add NAME FILE and mlrepo fetch NAME take it; a clone takes a bundle without --since
            [66]
            $ mlrepo push ../all.bundle
            ! error: ../all.bundle is a bundle, which takes nothing more
            ! hint: mlrepo bundle FILE --since REVISION makes one with what is new
            [64]
            """)

    def test_fsck_and_gc_reach_other_stores(self) -> None:
        self.one()
        self.transcript(r"""
            $ mlrepo remote add origin ../store
            $ mlrepo push --quiet
            $ mlrepo fsck origin
            {number} objects in 3 packs, {size}: no damage
            $ pack=$(grep -l second ../store/packs/*/*.pack) && chmod u+w $pack && sed -i s/second/sEcond/ $pack
            $ mlrepo fsck origin | tail -1
            {number} objects in 3 packs, {size}: 4 problems, 2 files damaged
            ! hint: mlrepo fsck origin --repair saves what can be saved, and takes from this store what is lost there
            $ mlrepo fsck origin --repair | tail -3
            taken from this store: 2 objects, 13 bytes
            pack {pack:12} was replaced, with {number} objects saved
            Now: {number} objects in 4 packs, {size}: no damage
            $ pack=$(grep -l second .mlrepo/packs/*/*.pack) && chmod u+w $pack && sed -i s/second/sEcond/ $pack && rm -r data
            $ mlrepo fsck --repair --from origin | tail -3
            taken from origin: 2 objects, 13 bytes
            pack {next:12} was replaced, with {number} objects saved
            Now: {number} objects in 4 packs, {size}: no damage
            $ mlrepo gc origin --plan
            Needed: {number} of {number} objects; {size} of records stay for ever
            1 pack, {size}, in its grace
            Nothing to collect
            What had a name in the last 90 days is kept: mlrepo gc origin --now --plan says what would go without that
            $ mlrepo fsck nowhere
            ! error: no other store is known as 'nowhere'
            ! hint: mlrepo remote add NAME PLACE; mlrepo remote lists them
            [66]
            $ mlrepo fsck --from origin
            ! error: --from goes with --repair
            ! hint: mlrepo help fsck
            [64]
            """)

    def test_status_counts_what_another_store_has(self) -> None:
        self.one()
        self.transcript(r"""
            $ mlrepo resolve HEAD
            {one:full}
            $ mlrepo remote add origin ../store
            $ mlrepo push --quiet
            $ mlrepo status
            On branch main
            Last commit {one}
            Nothing has changed
            $ mlrepo clone --quiet ../store ../other
            $ cd ../other && echo theirs >data/a.txt && mlrepo commit --quiet -m Theirs && mlrepo push --quiet
            $ mlrepo fetch --quiet
            $ mlrepo status
            On branch main
            Last commit {one}
            1 commit behind origin/main: mlrepo pull
            Nothing has changed
            $ echo mine >data/sub/b.txt && mlrepo commit --quiet -m Mine
            $ mlrepo resolve HEAD
            {two:full}
            $ mlrepo status
            On branch main
            Last commit {two}
            1 commit here and 1 commit in origin/main have gone apart: mlrepo pull merges them
            Nothing has changed
            $ mlrepo pull --quiet
            $ mlrepo status | tail -2
            2 commits ahead of origin/main: mlrepo push
            Nothing has changed
            """)

    def test_serve_gives_a_store_to_who_reaches_this_machine(self) -> None:
        self.one()
        self.transcript(r"""
            $ mlrepo serve --stdio . </dev/null | tail -c +10 | head -c 14
            mlrepo-framed
            $ mlrepo serve --stdio ../nowhere
            ! error: there is no store at {root}/nowhere
            ! hint: mlrepo init
            [66]
            $ mlrepo serve .
            ! error: serve speaks on standard input and output: --stdio
            ! hint: mlrepo help serve
            [64]
            """)

    def test_undo_goes_back_step_by_step(self) -> None:
        self.two()
        self.transcript(r"""
            $ mlrepo checkout --quiet main~1
            $ mlrepo undo
            Taken back: 3  2025-11-23T09:00:00Z  checkout  by Ada  at {two} -> {one}
            $ mlrepo tag v1
            $ mlrepo undo
            Taken back: 5  2025-11-23T09:00:00Z  tag "v1"  by Ada  tags/v1 - -> {two}
            $ mlrepo undo
            Taken back: 2  2025-11-23T09:00:00Z  commit "Two"  by Ada  branches/main {one} -> {two}
            $ mlrepo status
            On branch main
            Last commit {one}
              modified data/a.txt
              added    data/c.txt
              added    data/sub
              deleted  data/sub/b.txt
            $ mlrepo undo --quiet
            $ mlrepo status
            On branch main
            No commit yet
              added    data/a.txt
              added    data/c.txt
              added    data/sub
            $ mlrepo undo
            ! error: there is nothing to take back
            ! hint: mlrepo operations
            [1]
            """)

    def test_redo_does_again_what_was_taken_back(self) -> None:
        self.two()
        self.transcript(r"""
            $ mlrepo redo
            ! error: there is nothing to do again
            ! hint: mlrepo operations
            [1]
            $ mlrepo checkout --quiet main~1
            $ mlrepo undo --quiet
            $ mlrepo undo --quiet
            $ mlrepo log --oneline
            {one} (HEAD -> main) One
            $ mlrepo redo
            Doing again 2  2025-11-23T09:00:00Z  commit "Two"  by Ada  branches/main {one} -> {two}
            $ mlrepo log --oneline
            {two} (HEAD -> main) Two
            {one} One
            $ mlrepo redo
            Doing again 3  2025-11-23T09:00:00Z  checkout  by Ada  at {two} -> {one}
            $ mlrepo status
            On no branch
            Last commit {one}
            Nothing has changed
            $ mlrepo redo
            ! error: there is nothing to do again
            ! hint: mlrepo operations
            [1]
            $ mlrepo undo --quiet
            $ mlrepo tag v1
            $ mlrepo redo
            ! error: there is nothing to do again
            ! hint: mlrepo operations
            [1]
            $ mlrepo operations | head -3
            9  2025-11-23T09:00:00Z  tag "v1"  by Ada  tags/v1 - -> {two}
            8  2025-11-23T09:00:00Z  undo "main"  by Ada  at {one} -> {two}
            7  2025-11-23T09:00:00Z  redo  by Ada  at {two} -> {one}
            $ mlrepo undo --quiet
            $ mlrepo redo --quiet
            $ mlrepo tag
              v1  {two}
            $ mlrepo redo extra
            ! error: Unexpected argument 'extra'
            ! hint: mlrepo help redo
            [64]
            """)

    def test_operations_tell_everything_that_was_done(self) -> None:
        self.two()
        self.transcript(r"""
            $ mlrepo tag v1
            $ mlrepo tag -d v1
            $ mlrepo checkout --quiet -b side
            $ mlrepo undo --quiet
            $ mlrepo operations
            6  2025-11-23T09:00:00Z  undo "main"  by Ada  branches/side {two} -> -
            5  2025-11-23T09:00:00Z  checkout "side"  by Ada  branches/side - -> {two}
            4  2025-11-23T09:00:00Z  tag "delete v1"  by Ada  tags/v1 {two} -> -
            3  2025-11-23T09:00:00Z  tag "v1"  by Ada  tags/v1 - -> {two}
            2  2025-11-23T09:00:00Z  commit "Two"  by Ada  branches/main {one} -> {two}
            1  2025-11-23T09:00:00Z  commit "One"  by Ada  branches/main - -> {one}
            0  2025-11-23T09:00:00Z  init  by Ada
            $ mlrepo reflog | head -1
            6  2025-11-23T09:00:00Z  undo "main"  by Ada  branches/side {two} -> -
            $ mlrepo operations extra
            ! error: Unexpected argument 'extra'
            ! hint: mlrepo help operations
            [64]
            """)

    def test_blame_names_data_parameters_and_results(self) -> None:
        self.begin()
        self.transcript(r"""
            $ mlrepo commit --quiet -m Data
            $ echo weights >model.bin
            $ mlrepo add model.bin
            $ mlrepo commit --quiet -m Model --input data --param lr=1e-4 --metric accuracy=0.91
            $ mlrepo blame model.bin | grep -v ' env '
            model.bin  sha256:1b465fa6b6bcbc06a3199e3d2d8aec35d37494a712f888b6d5536684dd89d0f0  8 bytes
            └─ made by  commit {two} "Model"  2025-11-23T09:00:00Z  by Ada <ada@example.com>  (run {run}, declared)
               ├─ data   data  2 files  tree 5ffda38  13 bytes  from {one}
               │  └─ came with  commit {one} "Data"  2025-11-23T09:00:00Z  by Ada <ada@example.com>
               ├─ params lr=1e-4
               └─ result accuracy=0.91
            $ mlrepo annotate data/a.txt | grep -v ' env '
            data/a.txt  sha256:b640e840b19d378660b32fb51ae18d67dccb4a8596a29e7bd72c1b2ae5928f41  6 bytes
            └─ came with  commit {one} "Data"  2025-11-23T09:00:00Z  by Ada <ada@example.com>
            $ mlrepo blame data --revision main~1 | grep -v ' env '
            data  2 files  tree 5ffda38  13 bytes
            └─ came with  commit {one} "Data"  2025-11-23T09:00:00Z  by Ada <ada@example.com>
            $ mlrepo blame nothing
            ! error: nothing is not in {two}
            ! hint: mlrepo log -- nothing names the commits that changed it, if any did
            [66]
            $ mlrepo blame model.bin -r main~1
            ! error: model.bin is not in {one}
            ! hint: mlrepo log -- model.bin names the commits that changed it, if any did
            [66]
            $ mlrepo blame ../outside
            ! error: no file ../outside
            [66]
            $ mlrepo blame model.bin -r nowhere
            ! error: no revision 'nowhere'
            ! hint: mlrepo log
            [66]
            $ mlrepo blame
            ! error: Missing expected argument '<path>'
            ! hint: mlrepo help blame
            [64]
            """)

    def test_run_finds_what_a_command_reads_and_writes(self) -> None:
        self.one()
        self.transcript(r"""
            $ echo 'cat data/a.txt >model.bin; echo "{\"f1\": 0.9}" >metrics.json; echo trained' >train.sh
            $ mlrepo run -m Baseline sh train.sh --lr 0.1
            trained
            ! observed (seccomp) 1 input (data/a.txt), code kept with the run, wrote metrics.json, model.bin (2 files, {number} bytes)
            ! note: 1 file of code that git does not know is kept with the run: train.sh
            ! run {first:8}  ok  {size} stored
            ! [main {two}] Baseline   f1=0.9
            $ mlrepo blame model.bin | grep -v 'ended\|env \|size'
            model.bin  sha256:b640e840b19d378660b32fb51ae18d67dccb4a8596a29e7bd72c1b2ae5928f41  6 bytes
            └─ made by  commit {two} "Baseline"  2025-11-23T09:00:00Z  by Ada <ada@example.com>  (run {first:8}, seccomp)
               ├─ data   data/a.txt  sha256:b640e840b19d378660b32fb51ae18d67dccb4a8596a29e7bd72c1b2ae5928f41  6 bytes  from {one}
               │  └─ came with  commit {one} "One"  2025-11-23T09:00:00Z  by Ada <ada@example.com>
               ├─ command sh train.sh --lr 0.1
               ├─ code   no git; files {sources}
               ├─ params lr=0.1
               ├─ output mlrepo cat sha256:{out:12}
               └─ result f1=0.9
            $ mlrepo cat sha256:{out:12}
            trained
            $ mlrepo run -m Worse sh -c 'echo half >model.bin; exit 3'
            ! observed (seccomp) no input, wrote model.bin (1 file, 5 bytes)
            ! run {second:8}  failed with status 3  {size} stored
            ! no version is made of a run that failed; mlrepo commit --run {second:8} -m MESSAGE makes one
            [3]
            $ mlrepo commit --run {second:8} -m 'Half, kept all the same'
            [main {three}] Half, kept all the same
             4 files, {number} bytes; ~1; {size} new -> {size}{ratio}
            ! note: the run had failed, with status 3
            $ mlrepo run --param LR=0.5 true 2>&1 | head -1
            error: the command has no {LR}, so that 'LR' would change nothing
            $ mlrepo run no-such-program
            ! error: no-such-program cannot be executed: No such file or directory
            ! observed (seccomp) no input, wrote nothing
            ! run {third:8}  failed with status 127  {size} stored
            [127]
            """)

    def test_reproduce_executes_a_run_again_and_compares(self) -> None:
        self.one()
        self.transcript(r"""
            $ mlrepo run --quiet -m Baseline sh -c 'cat data/* >model.bin 2>/dev/null; echo f1: 0.9 >metrics.yaml'
            $ mlrepo reproduce
            ! run {first:8}  2025-11-23T09:00:00Z  by Ada <ada@example.com>
            ! in       {work}-reproduce-{run:8}-{some:4}
            ! data     of {one}
            ! sets     LC_ALL=C.UTF-8
            ! executes sh -c 'cat data/* >model.bin 2>/dev/null; echo f1: 0.9 >metrics.yaml'
            ! error: nothing was executed: there is no terminal to ask on
            ! hint: --yes executes what is shown
            [64]
            $ mlrepo reproduce --yes 2>/dev/null
            identical: 2 outputs, the same bytes  (run {again:8})
            $ echo other >data/a.txt
            $ mlrepo reproduce --yes --with data/a.txt 2>/dev/null
            input    data/a.txt is 7e4fa2e, and was b640e84
            output   model.bin: byte 0 of 6
            different: model.bin: byte 0 of 6; it had another data/a.txt  (run {other:8})
            [1]
            $ mlrepo show | grep 'again  ' | sort
              again  different: model.bin: byte 0 of 6; it had another data/a.txt  (run {other:8}, 2025-11-23T09:00:00Z on {host})
              again  identical: 2 outputs, the same bytes  (run {again:8}, 2025-11-23T09:00:00Z on {host})
            $ mlrepo reproduce --yes main~1
            ! error: no run of {one} was executed by mlrepo run: what is only declared cannot be repeated
            ! hint: mlrepo runs
            [64]
            $ mlrepo checkout main --to ../copy --code
            ! error: no code is recorded with this version
            ! hint: mlrepo show main
            [66]
            """)

    def test_rerun_executes_what_is_stale(self) -> None:
        self.one()
        self.transcript(r"""
            $ mlrepo rerun
            no recorded run made what is here
            $ mlrepo run --quiet sh -c 'cat data/a.txt >model.bin'
            $ mlrepo rerun
            nothing is stale
            $ echo other >data/a.txt
            $ mlrepo rerun --dry-run
            executes sh -c 'cat data/a.txt >model.bin'
                     data/a.txt has changed
            $ mlrepo rerun
            ! executes sh -c 'cat data/a.txt >model.bin'
            !          data/a.txt has changed
            ! error: nothing was executed: there is no terminal to ask on
            ! hint: --yes executes what is shown; --dry-run only tells
            [64]
            $ mlrepo rerun --yes
            1 run executed again, 0 found as before; mlrepo add model.bin, then mlrepo commit, makes a version of what they wrote
            ! executes sh -c 'cat data/a.txt >model.bin'
            !          data/a.txt has changed
            ! $ sh -c 'cat data/a.txt >model.bin'
            ! observed (seccomp) 1 input (data/a.txt), wrote model.bin (1 file, 6 bytes)
            ! note: it read changes that no version has, which are kept with the run: data/a.txt; mlrepo commit makes a version of them
            ! run {run:8}  ok  {size} stored
            $ cat model.bin
            other
            """)

    def test_impact_names_what_descends_from_a_file(self) -> None:
        self.one()
        self.transcript(r"""
            $ mlrepo run --quiet -m Model sh -c 'cat data/a.txt data/sub/b.txt >model.bin'
            $ mlrepo tag v1
            $ mlrepo run --quiet -m Report sh -c 'wc -c <model.bin >report.txt'
            $ mlrepo impact data/a.txt
            data/a.txt  sha256:b640e840b19d378660b32fb51ae18d67dccb4a8596a29e7bd72c1b2ae5928f41  6 bytes  in main, v1
            1  run {first:8}  sh -c 'cat data/a.txt data/sub/b.txt >model.bin'  2025-11-23T09:00:00Z  by Ada <ada@example.com>
                 version {two} "Model"
                 model.bin  13 bytes  sha256:{model:12}  in main, v1
            2  run {second:8}  sh -c 'wc -c <model.bin >report.txt'  2025-11-23T09:00:00Z  by Ada <ada@example.com>
                 version {three} "Report"
                 report.txt  3 bytes  sha256:{report:12}  in main
            2 runs, 2 files, 2 versions; in main, v1
            $ mlrepo impact report.txt
            report.txt  sha256:{report:full}  3 bytes  in main
            nothing that is recorded here descends from it
            $ mlrepo impact nothing
            ! error: no revision 'nothing'
            ! hint: mlrepo log
            [66]
            """)

    def test_run_takes_what_was_executed_before_and_says_so(self) -> None:
        self.one()
        self.transcript(r"""
            $ mlrepo run --quiet sh -c 'echo training; cat data/a.txt >model.bin'
            training
            $ rm model.bin
            $ mlrepo run --cached sh -c 'echo training; cat data/a.txt >model.bin'
            training
            ! not executed: run {run:8} of 2025-11-23T09:00:00Z did just this, with the same files; 1 file written as it wrote it
            $ cat model.bin
            first
            $ sh -c 'echo mine >model.bin'
            $ mlrepo run --cached sh -c 'echo training; cat data/a.txt >model.bin'
            ! error: model.bin would be lost
            ! hint: move what is named elsewhere, or leave out --cached, and it is executed
            [125]
            $ rm model.bin
            $ sh -c 'echo other >data/a.txt'
            $ mlrepo run --cached sh -c 'echo training; cat data/a.txt >model.bin'
            training
            ! note: executed, since run {run:8} is not the same: data/a.txt has changed
            ! observed (seccomp) 1 input (data/a.txt), wrote model.bin (1 file, 6 bytes)
            ! note: it read changes that no version has, which are kept with the run: data/a.txt; mlrepo commit makes a version of them
            ! run {other:8}  ok  {size} stored
            """)

    def test_compare_says_what_metrics_were_measured_on(self) -> None:
        self.one()
        self.write("train.sh", b"cat data/a.txt >model.bin\necho '{\"loss\": '$2'}' >metrics.json\n")
        self.transcript(r"""
            $ mlrepo run --quiet -m One sh train.sh --rate 0.5
            $ mlrepo run --quiet -m Two sh train.sh --rate 0.25
            $ mlrepo compare HEAD~1 HEAD
                         HEAD~1  HEAD
            params.rate  0.5     0.25
            loss         0.5     0.25
            $ mlrepo compare HEAD~1 HEAD --plot loss
            HEAD~1   0.5  ██████████████████████████████████████████████████████████████████
            HEAD    0.25  █████████████████████████████████
            $ sh -c 'echo other >data/a.txt'
            $ mlrepo commit --quiet -m Data data
            $ mlrepo run --quiet -m Three sh train.sh --rate 0.125
            $ mlrepo compare HEAD~2 HEAD
                         HEAD~2  HEAD
            params.rate  0.25    0.125
            loss *       0.25    0.125
            * not comparable: loss: different data (data/a.txt)
            $ mlrepo compare --where 'loss > 1'
            $ mlrepo compare
            ! error: name what is to be compared
            ! hint: mlrepo compare main~1 main, or mlrepo compare --where 'f1 > 0.8'
            [64]
            """)

    def test_find_answers_questions_about_versions_and_runs(self) -> None:
        self.one()
        self.write("train.sh", b"cat data/a.txt >model.bin\necho '{\"f1\": '$2'}' >metrics.json\n")
        self.transcript(r"""
            $ mlrepo run --quiet -m Two sh train.sh --rate 0.5
            $ mlrepo run --quiet sh train.sh --rate 0.75
            $ mlrepo find 'metrics.f1 > 0.4 and params.rate < 0.6'
            {two}  2025-11-23T09:00:00Z  "Two"  by Ada (HEAD -> main)  params rate=0.5  result f1=0.5
            $ mlrepo find 'input = data/a.txt' --sort -f1
            run:{run:8}  2025-11-23T09:00:00Z  ok  sh train.sh --rate 0.75  params rate=0.75  result f1=0.75
            {two}  2025-11-23T09:00:00Z  "Two"  by Ada (HEAD -> main)  params rate=0.5  result f1=0.5
            $ mlrepo find 'author ~ Bob'
            $ mlrepo find 'f1 >'
            ! error: the question: a value is missing behind '>'
            ! hint: mlrepo find 'f1 > 0.9 and params.lr < 1e-3'
            [64]
            """)

    def test_runs_lists_what_was_executed(self) -> None:
        self.one()
        self.transcript(r"""
            $ mlrepo runs
            $ mlrepo run --quiet sh -c 'cat data/a.txt >model.bin' x --seed 1
            $ mlrepo runs
            {first:8}  2025-11-23T09:00:00Z  ok  0 s  sh -c 'cat data/a.txt >model.bin' x --seed 1
            $ mlrepo show run:{first:8} | grep -v 'ended\|env '
            run {first:32}  ok
            run {run} (seccomp, name {first:8})
              data   data/a.txt  sha256:b640e840b19d378660b32fb51ae18d67dccb4a8596a29e7bd72c1b2ae5928f41  6 bytes
              wrote  model.bin  sha256:b640e840b19d378660b32fb51ae18d67dccb4a8596a29e7bd72c1b2ae5928f41  6 bytes
              command sh -c 'cat data/a.txt >model.bin' x --seed 1
            $ mlrepo runs --drop {first:8}
            dropped run {first:8}
            $ mlrepo runs --drop {first:8}
            ! error: no run '{first:8}'
            ! hint: mlrepo runs
            [66]
            """)

    def test_remote_names_other_stores(self) -> None:
        self.one()
        self.transcript(r"""
            $ mlrepo remote
            $ mlrepo remote add origin ../store
            $ mlrepo remote add backup /mnt/backup/store
            $ mlrepo remote
            backup  /mnt/backup/store
            origin  {root}/store
            $ mlrepo remote --json
            [{"name":"backup","url":"/mnt/backup/store"},{"name":"origin","url":"{root}/store"}]
            $ mlrepo remote add origin ../other
            ! error: 'origin' exists already
            [73]
            $ mlrepo remote set origin ../other
            $ mlrepo remote remove backup
            $ mlrepo remote
            origin  {root}/other
            $ mlrepo remote remove backup
            ! error: no other store is known as 'backup'
            ! hint: mlrepo remote add NAME PLACE; mlrepo remote lists them
            [66]
            $ mlrepo remote forget nothing
            ! error: no other store is known as 'nothing'
            ! hint: mlrepo remote add NAME PLACE; mlrepo remote lists them
            [66]
            $ mlrepo remote rename origin backup
            $ mlrepo remote
            backup  {root}/other
            $ mlrepo remote rename origin other
            ! error: no other store is known as 'origin'
            ! hint: mlrepo remote add origin PLACE
            [66]
            $ mlrepo remote rename backup backup
            ! error: 'backup' exists already
            [73]
            $ mlrepo remote rename backup a/b
            ! error: 'a/b' has a slash: the name of a store is one word
            [64]
            $ mlrepo remote rename backup
            ! error: 'remote rename' takes a name and a new one
            ! hint: mlrepo help remote
            [64]
            $ mlrepo remote move backup origin
            ! error: 'remote' takes add, set, rename, remove or forget, not 'move'
            ! hint: mlrepo help remote
            [64]
            $ mlrepo remote add backup
            ! error: 'remote add' takes a name and a place
            ! hint: mlrepo help remote
            [64]
            $ mlrepo remote add a/b ../other
            ! error: 'a/b' has a slash: the name of a store is one word
            [64]
            $ mlrepo remote add web https://example.com/store
            ! error: 'https://example.com/store' is no place of a store: https:// is not supported by this version
            ! hint: a directory, file:///path, ssh://host/path or user@host:path
            [64]
            """)

    def test_push_brings_branches_and_tags_to_another_store(self) -> None:
        self.transcript(r"""
            $ mlrepo init --quiet
            $ mlrepo remote add origin ../store
            $ mlrepo push
            ! error: there is no commit here yet
            ! hint: mlrepo commit -m MESSAGE makes one; mlrepo checkout BRANCH takes what the store has
            [66]
            $ echo first >data
            $ mlrepo add data
            $ mlrepo commit --quiet -m One
            $ mlrepo resolve HEAD
            {one:full}
            $ mlrepo push --dry-run
            Would make a store in origin
            branches/main  new, {one}
            Would send to origin: {number} objects, about {size}
            $ ls ../store
            ! ls: cannot access '../store': No such file or directory
            [2]
            $ mlrepo push
            Made a store in origin
            branches/main  new, {one}
            Sent to origin: {number} objects, {size}
            $ mlrepo push
            origin has it all
            $ mlrepo run --quiet -m Two sh -c 'cat data >copy'
            $ mlrepo resolve HEAD
            {two:full}
            $ mlrepo tag v1
            $ mlrepo branch try
            $ mlrepo push origin --all --dry-run
            branches/main  {one} -> {two}
            branches/try  new, {two}
            Would send to origin: {number} objects, about {size}, 1 run
            $ mlrepo push origin --all
            branches/main  {one} -> {two}
            branches/try  new, {two}
            Sent to origin: {number} objects, {size}, 1 run
            $ mlrepo push origin --tags
            tags/v1  new, {two}
            Sent to origin: 0 objects, 0 bytes
            $ mlrepo push --quiet ../backup main
            $ mlrepo push origin --delete try
            branches/try  gone, it was {two}
            Sent to origin: 0 objects, 0 bytes
            $ mlrepo push --json
            {"alreadyThere":0,"bytes":0,"objects":0,"refs":[],"remote":"origin"}
            $ mlrepo push --dry-run
            origin has it all
            $ mlrepo push --dry-run --json
            {"alreadyThere":0,"bytes":0,"dryRun":true,"objects":0,"refs":[],"remote":"origin"}
            $ mlrepo clone --quiet ../store ../other
            $ cd ../other && echo theirs >data && mlrepo commit --quiet -m Theirs && mlrepo push --quiet
            $ echo mine >data
            $ mlrepo commit --quiet -m Mine
            $ mlrepo push
            ! error: origin has commits that this store has not: branches/main would lose them
            ! hint: mlrepo pull origin takes them over, mlrepo fetch origin only brings them; --force gives them up, if they are what was fetched last
            [73]
            $ mlrepo push --dry-run
            ! error: origin has commits that this store has not: branches/main would lose them
            ! hint: mlrepo pull origin takes them over, mlrepo fetch origin only brings them; --force gives them up, if they are what was fetched last
            [73]
            $ mlrepo push --force
            ! error: branches/main of origin is not what was fetched from there last: somebody moved it
            ! hint: mlrepo fetch origin, and look at it first
            [73]
            $ mlrepo push nowhere
            ! error: no other store is known as 'nowhere'
            ! hint: mlrepo remote add NAME PLACE; mlrepo remote lists them
            [66]
            $ mlrepo push origin nothing
            ! error: there is no 'nothing'
            ! hint: mlrepo branch, mlrepo tag and mlrepo runs list what there is
            [66]
            $ mlrepo push origin --delete nothing
            ! error: origin has no 'nothing'
            ! hint: it has main, v1
            [66]
            $ mlrepo push --delete main
            ! error: --delete takes a store, and names of branches or tags
            ! hint: mlrepo help push
            [64]
            $ mlrepo push ../other/data
            ! error: ../other/data: it is no bundle
            [66]
            """)

    def test_fetch_brings_what_another_store_has(self) -> None:
        self.one()
        self.transcript(r"""
            $ mlrepo fetch
            ! error: no other store is known as 'origin'
            ! hint: mlrepo remote add origin PLACE
            [66]
            $ mlrepo remote add origin ../store
            $ mlrepo fetch
            ! error: origin, {root}/store: no store is there
            ! hint: is the place right, and its disk mounted? mlrepo init --bare PATH makes a store, on the machine where it is to be
            [66]
            $ mlrepo push --quiet
            $ mlrepo fetch
            Nothing is new in origin
            $ mlrepo resolve HEAD
            {one:full}
            $ mlrepo clone --quiet ../store ../other
            $ cd ../other && echo theirs >data/a.txt && mlrepo commit -q -m Theirs && mlrepo tag v1 && mlrepo push -q origin main v1
            $ mlrepo -C ../other resolve HEAD
            {theirs:full}
            $ mlrepo fetch
            remotes/origin/main  {one} -> {theirs}
            tags/v1  new, {theirs}
            Taken from origin: {number} objects, {size}
            $ mlrepo log --oneline origin/main
            {theirs} (tag: v1, origin/main) Theirs
            {one} (HEAD -> main) One
            $ mlrepo fetch --json
            {"alreadyThere":0,"bytes":0,"objects":0,"refs":[],"remote":"origin"}
            $ mlrepo tag -d v1 >/dev/null && mlrepo tag v1 >/dev/null
            $ mlrepo fetch
            Nothing is new in origin
            ! note: tags/v1 names something else in origin; yours stays
            $ mlrepo remote add gone ../nowhere
            $ mlrepo fetch --all
            Nothing is new in origin
            ! note: tags/v1 names something else in origin; yours stays
            ! error: gone, {root}/nowhere: no store is there
            ! hint: is the place right, and its disk mounted? mlrepo init --bare PATH makes a store, on the machine where it is to be
            [66]
            $ mlrepo remote remove gone
            $ mlrepo fetch --all origin
            ! error: --all names every store already
            ! hint: mlrepo help fetch
            [64]
            $ mlrepo fetch ../store
            ! error: fetch takes the name of a store, not its place
            ! hint: mlrepo remote add NAME ../store, then mlrepo fetch NAME
            [64]
            $ cp -r ../store ../old && echo more >data/a.txt && mlrepo commit -q -m More && mlrepo checkout -q -b more && mlrepo push -q
            $ rm -rf ../store && mv ../old ../store
            $ mlrepo fetch
            ! error: origin was rolled back: its log ends with entry 2, and entry 3 was seen there
            ! hint: nothing was taken over; mlrepo remote forget origin takes what is there for new, if somebody meant it
            [65]
            $ mlrepo remote forget origin
            $ mlrepo fetch
            remotes/origin/more  gone, it was {more}
            Taken from origin: 0 objects, 0 bytes
            ! note: tags/v1 names something else in origin; yours stays
            """)

    def test_clone_makes_a_working_copy_of_another_store(self) -> None:
        self.one()
        self.transcript(r"""
            $ mlrepo resolve HEAD
            {one:full}
            $ mlrepo branch --quiet try
            $ mlrepo push --quiet ../store --all
            $ cd .. && mlrepo clone store copy
            Cloned into {root}/copy: {number} objects, {size}
            $ cd ../copy && mlrepo status && mlrepo remote && cat data/a.txt
            On branch main
            Last commit {one}
            Nothing has changed
            origin  {root}/store
            first
            $ cd .. && mlrepo clone --quiet store tried -b try && mlrepo -C tried status
            On branch try
            Last commit {one}
            Nothing has changed
            $ cd .. && mlrepo clone --no-checkout store bare && ls bare
            Cloned into {root}/bare: {number} objects, {size}
            $ cd .. && mlrepo clone store copy
            ! error: {root}/copy has something in it that is no begun clone of this place
            ! hint: mlrepo clone PLACE another DIRECTORY
            [73]
            $ cd .. && mlrepo clone nowhere
            ! error: nowhere: no store is there
            ! hint: is the place right, and its disk mounted? mlrepo init --bare PATH makes a store, on the machine where it is to be
            [66]
            $ cd .. && mlrepo clone store wrong -b nothing
            ! error: store has no 'nothing'
            ! hint: it has main, try
            [66]
            $ mlrepo clone /
            ! error: the place has no name that a directory could have
            ! hint: mlrepo clone PLACE DIRECTORY
            [64]
            $ mlrepo init --quiet --bare ../empty
            $ cd .. && mlrepo clone empty nothing
            Cloned into {root}/nothing: 0 objects, 0 bytes
            ! note: the store has no commit yet
            """)

    def test_cat_writes_a_file_of_a_version(self) -> None:
        self.two()
        self.transcript(r"""
            $ mlrepo cat main:data/a.txt
            changed
            $ mlrepo cat main~1:data/a.txt
            first
            $ mlrepo cat sha256:$(sha256sum data/a.txt | cut -d' ' -f1)
            changed
            $ mlrepo cat main:data
            ! error: data is a directory
            ! hint: mlrepo ls main data
            [66]
            $ mlrepo cat main:nothing
            ! error: no file 'nothing' in {two}
            [66]
            $ mlrepo cat nowhere:data/a.txt
            ! error: no revision 'nowhere'
            ! hint: mlrepo log
            [66]
            $ mlrepo cat sha256:00
            ! error: no blob 'sha256:00'
            [66]
            $ mlrepo cat
            ! error: Missing expected argument '<object>'
            ! hint: mlrepo help cat
            [64]
            """)

    def test_ls_lists_a_version(self) -> None:
        self.transcript(r"""
            $ mlrepo init --quiet
            $ mlrepo ls
            ! error: there is no commit here yet
            ! hint: mlrepo commit -m MESSAGE makes one; mlrepo checkout BRANCH takes what the store has
            [66]
            $ mkdir -p data/empty
            $ echo first >data/a.txt
            $ printf '#!/bin/sh\n' >data/run.sh
            $ chmod +x data/run.sh
            $ ln -s a.txt data/link
            $ mlrepo add data
            $ mlrepo commit --quiet -m One
            $ mlrepo ls
            - b640e840b19d378660b32fb51ae18d67dccb4a8596a29e7bd72c1b2ae5928f41 6 data/a.txt
            d 345ad430b59edaf9f9d2ba41f54e37ddb146766af214ff4a4e93486a86deb78a 0 data/empty
            l 18b7cb099a9ea3f50ba899b5ba81e0d377a5f3b16f8f6eeb8b3e58cd4692b993 5 data/link
            x a8076d3d28d21e02012b20eaf7dbf75409a6277134439025f282e368e3305abf 10 data/run.sh
            $ mlrepo ls main data/a.txt
            - b640e840b19d378660b32fb51ae18d67dccb4a8596a29e7bd72c1b2ae5928f41 6 data/a.txt
            $ mlrepo ls --json main data/run.sh
            {"id":"sha256:a8076d3d28d21e02012b20eaf7dbf75409a6277134439025f282e368e3305abf","mode":"executable","path":"data/run.sh","size":10}
            $ mlrepo ls main nothing
            ! error: nothing is not in {one}
            [66]
            $ mlrepo ls nowhere
            ! error: no revision 'nowhere'
            ! hint: mlrepo log
            [66]
            $ mlrepo ls main a b
            ! error: Unexpected argument 'b'
            ! hint: mlrepo help ls
            [64]
            """)

    def test_hash_is_that_of_sha256sum(self) -> None:
        self.transcript(r"""
            $ printf abc >abc
            $ mlrepo hash abc
            ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  abc
            $ sha256sum abc
            ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  abc
            $ mlrepo hash abc nothing
            ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  abc
            ! error: cannot open {work}/nothing: No such file or directory
            [66]
            $ mlrepo hash
            ! error: Missing expected argument '<files> ...'
            ! hint: mlrepo help hash
            [64]
            """)

    def test_resolve_prints_the_id_of_a_commit(self) -> None:
        self.two()
        self.transcript(r"""
            $ mlrepo resolve main
            {two:full}
            $ mlrepo resolve HEAD~1
            {one:full}
            $ mlrepo resolve {one}
            {one:full}
            $ mlrepo resolve sha256:{one:full}
            {one:full}
            $ mlrepo resolve main~2
            ! error: no revision 'main~2'
            ! hint: mlrepo log
            [66]
            $ mlrepo resolve main^2
            ! error: no revision 'main^2'
            ! hint: mlrepo log
            [66]
            $ mlrepo resolve abc
            ! error: no revision 'abc'
            ! hint: an id is known by its first 4 digits or more; mlrepo log
            [66]
            $ mlrepo resolve
            ! error: Missing expected argument '<revision>'
            ! hint: mlrepo help resolve
            [64]
            """)

    def test_resolve_knows_runs_code_and_the_past(self) -> None:
        self.transcript(r"""
            $ git init --quiet
            $ git -c user.name=Ada -c user.email=ada@example.com commit --quiet --allow-empty -m Code
            $ mlrepo init --quiet
            $ echo first >a.txt
            $ mlrepo add a.txt
            ! note: git does not ignore a.txt: the line '/a.txt' in .gitignore, beside .mlrepo, keeps it out of git
            $ mlrepo commit --quiet -m One
            $ mlrepo resolve HEAD
            {one:full}
            $ git -c user.name=Ada -c user.email=ada@example.com commit --quiet --allow-empty -m 'More code'
            $ echo second >a.txt
            $ MLREPO_NOW=1763974800 mlrepo commit --quiet -m Two
            $ mlrepo resolve @
            {two:full}
            $ mlrepo show HEAD~1 | grep ^run
            run {run} (declared)
            $ mlrepo resolve run:{run}
            {one:full}
            $ mlrepo resolve git:$(git rev-parse HEAD~1)
            {one:full}
            $ mlrepo resolve git:$(git rev-parse --short HEAD)
            {two:full}
            $ mlrepo resolve 'main@{1}'
            {one:full}
            $ mlrepo resolve 'main@{0}'
            {two:full}
            $ mlrepo resolve '@{1}~0'
            {one:full}
            $ MLREPO_NOW=1763978400 mlrepo resolve 'main@{2 hours ago}'
            {one:full}
            ! note: as of 2025-11-24T08:00:00Z the newest operation was 1, of 2025-11-23T09:00:00Z by the clock of Ada <ada@example.com>
            $ MLREPO_NOW=1763978400 mlrepo resolve 'main@{30 minutes ago}'
            {two:full}
            ! note: as of 2025-11-24T09:30:00Z the newest operation was 2, of 2025-11-24T09:00:00Z by the clock of Ada <ada@example.com>
            $ MLREPO_NOW=1763978400 mlrepo resolve 'main@{''yesterday}'
            {one:full}
            ! note: as of 2025-11-23T10:00:00Z the newest operation was 1, of 2025-11-23T09:00:00Z by the clock of Ada <ada@example.com>
            $ TZ=UTC mlrepo resolve 'main@{2025-11-24}'
            {one:full}
            ! note: as of 2025-11-24T00:00:00Z the newest operation was 1, of 2025-11-23T09:00:00Z by the clock of Ada <ada@example.com>
            $ mlrepo resolve 'main@{2025-11-24T10:20:00Z}'
            {two:full}
            ! note: as of 2025-11-24T10:20:00Z the newest operation was 2, of 2025-11-24T09:00:00Z by the clock of Ada <ada@example.com>
            $ mlrepo cat 'main@{1}:a.txt'
            first
            $ mlrepo diff 'main@{1}' main --exit-code
            modified a.txt  6 bytes -> 7 bytes
            [1]
            $ mlrepo resolve 'main@{2}'
            ! error: no revision 'main@{2}'
            ! hint: mlrepo operations tells what was done; mlrepo help revisions what may stand in @{}
            [66]
            $ mlrepo resolve 'main@{2 days ago}'
            ! error: no revision 'main@{2 days ago}'
            ! hint: mlrepo operations tells what was done; mlrepo help revisions what may stand in @{}
            [66]
            $ mlrepo resolve 'main@{no sense}'
            ! error: no revision 'main@{no sense}'
            ! hint: mlrepo operations tells what was done; mlrepo help revisions what may stand in @{}
            [66]
            $ mlrepo resolve run:0000
            ! error: no revision 'run:0000'
            ! hint: mlrepo log
            [66]
            $ mlrepo resolve git:0000
            ! error: no revision 'git:0000'
            ! hint: mlrepo log
            [66]
            """)

    def test_fsck_names_damage_with_the_files_it_hits(self) -> None:
        self.one()
        self.transcript(r"""
            $ mlrepo fsck
            12 objects in 2 packs, {size}: no damage
            $ mlrepo fsck --quiet
            $ mlrepo fsck --json
            {"bytes":{number},"objects":12,"packs":2,"problems":[]}
            $ cp -r .mlrepo ../whole
            $ pack=$(grep -l second .mlrepo/packs/*/*.pack) && chmod u+w $pack && sed -i s/second/sEcond/ $pack
            $ mlrepo fsck
            damaged: branches/main:data/a.txt
            damaged: branches/main:data/sub/b.txt
            pack-digest pack {pack:12}: the file's SHA-256 is not the one in its name
            frame pack {pack:12} at offset 0: the stored bytes' checksum is wrong (46 bytes): 2 objects lay there
            missing-object pack {pack:12} at offset 0 blob 480c2336b410: it lay in a frame that is damaged
            missing-object pack {pack:12} at offset 0 blob b640e840b19d: it lay in a frame that is damaged
            10 objects in 2 packs, {size}: 4 problems, 2 files damaged
            ! hint: mlrepo fsck --repair saves what can be saved, and takes good copies from the working copy; with --from, from another store
            [1]
            $ mlrepo fsck >/dev/null
            ! hint: mlrepo fsck --repair saves what can be saved, and takes good copies from the working copy; with --from, from another store
            [1]
            $ mlrepo fsck --repair --dry-run | tail -4
            pack {pack:12} would be replaced, with 8 objects saved
            nowhere in the store: blob 480c2336b410f1ad5f8bf1b28944490255804b65350c527787e74ebdd511e3a4: branches/main:data/sub/b.txt
            nowhere in the store: blob b640e840b19d378660b32fb51ae18d67dccb4a8596a29e7bd72c1b2ae5928f41: branches/main:data/a.txt
            What the working copy has of it would be taken from there
            ! hint: the same without --dry-run does it, and says what is lost then
            $ mv data ../data
            $ mlrepo fsck --repair | tail -4
            pack {pack:12} was replaced, with 8 objects saved
            lost: blob 480c2336b410f1ad5f8bf1b28944490255804b65350c527787e74ebdd511e3a4: branches/main:data/sub/b.txt
            lost: blob b640e840b19d378660b32fb51ae18d67dccb4a8596a29e7bd72c1b2ae5928f41: branches/main:data/a.txt
            Now: 11 objects in 2 packs, {size}: 2 problems, 2 files damaged
            ! hint: a good copy of a file that is named here mends it: put in its place, by mlrepo fsck --repair, or under another name, by mlrepo add and commit; mlrepo fsck --repair --from REMOTE takes what is lost from another store
            $ mlrepo fsck --repair >/dev/null
            ! hint: a good copy of a file that is named here mends it: put in its place, by mlrepo fsck --repair, or under another name, by mlrepo add and commit; mlrepo fsck --repair --from REMOTE takes what is lost from another store
            [1]
            $ mv ../data data
            $ mlrepo fsck --repair | tail -3
            taken from the working copy: data/a.txt
            taken from the working copy: data/sub/b.txt
            Now: 14 objects in 3 packs, {size}: no damage
            $ rm -r .mlrepo && mv ../whole .mlrepo
            $ chmod u+w .mlrepo/format && echo '{}' >.mlrepo/format
            $ mlrepo fsck
            format format: {work}/.mlrepo/format is damaged: member 'origin' is not a string
            12 objects in 2 packs, {size}: 1 problem
            ! hint: mlrepo fsck --repair mends entries of the log, and 'format', where what is left tells what they were
            [1]
            $ mlrepo fsck --repair
            format format: {work}/.mlrepo/format is damaged: member 'origin' is not a string
            12 objects in 2 packs, {size}: 1 problem
            'format' was written anew, with the origin that the log states
            Now: 12 objects in 2 packs, {size}: no damage
            $ chmod u+w .mlrepo/log/new/*1 && true >.mlrepo/log/new/00000000000000000001
            $ mlrepo log
            ! error: {work}/.mlrepo/log/new/00000000000000000001 is damaged: ends at offset 0, inside an entry, of which nothing is left
            ! hint: mlrepo fsck names all that is damaged; with --repair, it mends that where what is left tells what it was
            [65]
            $ mlrepo fsck --repair --dry-run | tail -1
            log entry 1 would be again what it was: what is left of it proves that
            $ mlrepo fsck --repair | tail -2
            log entry 1 is again what it was: what is left of it proves that
            Now: 12 objects in 2 packs, {size}: no damage
            $ mlrepo fsck --quiet
            $ mlrepo fsck extra
            ! error: no other store is known as 'extra'
            ! hint: mlrepo remote add NAME PLACE; mlrepo remote lists them
            [66]
            $ cd .. && mlrepo fsck
            ! error: no .mlrepo in {root} or above it
            ! hint: mlrepo init
            [66]
            """)

    def test_doctor_looks_for_what_may_be_in_the_way(self) -> None:
        self.one()
        self.transcript(r"""
            $ mlrepo doctor | grep -v ' clock: \|set the clocks'
            ok  store: {work}/.mlrepo: operation 1 of the log, 2 packs
            ok  space: {number} MB are free
            ok  writing: files can be made in the working copy and in the store
            ok  log: the newest operation is not of the future
            ok  author: Ada <ada@example.com>
            ok  checkout: none is interrupted
            ok  code: no git repository around: commits record no revision of the code
            ok  record: versions have contents, names, links, empty directories and the owner's executable bit; not times, owners, other bits, extended attributes, hard links, holes
            $ env -u MLREPO_NOW mlrepo doctor >/dev/null
            $ mlrepo doctor | grep clock
            !!  clock: the file system's clock differs by {number} s
                hint: set the clocks; times in the log are those of the machines
            $ mlrepo doctor --quiet >/dev/null
            [1]
            $ git init --quiet
            $ env -u MLREPO_NOW MLREPO_USER_EMAIL= mlrepo doctor | grep -A1 '^!!'
            !!  author: Ada, without an address
                hint: mlrepo config user.email ADDRESS
            --
            !!  code: git in {work} does not answer, or has no commit
                hint: install git, commit the code, or see git -C DIR status
            $ mlrepo doctor extra
            ! error: Unexpected argument 'extra'
            ! hint: mlrepo help doctor
            [64]
            $ cd .. && mlrepo doctor
            ! error: no .mlrepo in {root} or above it
            ! hint: mlrepo init
            [66]
            """)

    def test_maintenance_tells_tensors_by_the_nearest_version(self) -> None:
        self.transcript(r"""
            $ mlrepo init --quiet
            $ mlrepo maintenance
            Nothing to do: no tensor is there in several versions
            """)
        generator = random.Random(20261129)
        weights = [generator.gauss(0, 0.03) for _ in range(300 * 480)]
        header = json.dumps({"w": {"dtype": "BF16", "shape": [300, 480], "data_offsets": [0, 2 * len(weights)]}}).encode()
        for step in range(7):
            bits = struct.unpack(f"<{len(weights)}I", struct.pack(f"<{len(weights)}f", *weights))
            data = struct.pack(f"<{len(weights)}H", *(number >> 16 for number in bits))
            (self.work / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + data)
            self.transcript(f"""
                $ mlrepo add --quiet model.safetensors
                $ mlrepo commit --quiet -m {step}
                """)
            weights = [weight * (1 + generator.gauss(0, 0.02)) for weight in weights]
        self.transcript(r"""
            $ mlrepo maintenance --plan
            Would code {number} of 7 tensors anew: about {size} of {size} less; packs of {size} are written anew
            $ mlrepo maintenance
            Coded {number} of 7 tensors anew: packs of {size} became {size}, and the old ones go with the first commit or 'mlrepo gc' after an hour
            $ mlrepo maintenance
            Nothing to do: of 7 tensors there are several versions, in {size}; nearer bases would save next to nothing
            $ mlrepo maintenance --quiet
            $ mlrepo operations | grep -c maintenance
            1
            $ cp model.safetensors ../last
            $ mlrepo checkout --quiet HEAD~3
            $ mlrepo checkout --quiet main
            $ cmp model.safetensors ../last
            $ mlrepo maintenance everything
            ! error: Unexpected argument 'everything'
            ! hint: mlrepo help maintenance
            [64]
            """)

    def test_gc_takes_out_what_no_version_needs(self) -> None:
        self.one()
        self.transcript(r"""
            $ mlrepo gc
            Nothing to collect: 12 objects are needed
            What had a name in the last 90 days is kept: mlrepo gc --now --plan says what would go without that
            $ head -c 3000 /dev/urandom >data/c.bin
            $ mlrepo commit --quiet -m Two
            $ mlrepo undo
            Taken back: 2  2025-11-23T09:00:00Z  commit "Two"  by Ada  branches/main {one} -> {two}
            $ mlrepo gc --plan
            Needed: 22 of 22 objects; {size} of records stay for ever
            Nothing to collect
            What had a name in the last 90 days is kept: mlrepo gc --now --plan says what would go without that
            $ mlrepo gc --plan --now
            Needed: 15 of 22 objects; {size} of records stay for ever
            Not needed: 1 of kind blob, 3.0 KB
            Not needed: 4 of kind tree, {size}
            Not needed: 2 of kind refs, {size}
            No name leads to {two} "Two" any more: its record stays, files that no other version has go
            Drop pack {pack:12}, {size}: 6 of 9 objects are not needed, 3 needed ones go into a new pack
            Drop pack {first:12}, {size}: 1 of 2 objects are not needed, 1 needed ones go into a new pack
            $ mlrepo gc --dry-run --now | head -1
            Needed: 15 of 22 objects; {size} of records stay for ever
            $ mlrepo gc --now
            No name leads to {two} "Two" any more: its record stays, files that no other version has go
            Dropped 2 packs, what is needed of them rewritten in {size}; freed {size}
            $ mlrepo gc --now --quiet
            $ mlrepo operations | head -2
            5  2025-11-23T09:00:00Z  gc  by Ada
            4  2025-11-23T09:00:00Z  gc  by Ada
            $ mlrepo fsck
            17 objects in 4 packs, {size}: no damage
            $ mlrepo cat {one}:data/a.txt
            first
            $ mlrepo log --oneline {two}
            {two} Two
            {one} (HEAD -> main) One
            $ mlrepo checkout {two}
            ! error: the files of commit {two:12} were collected; only its record is left
            [66]
            $ for number in 1 2 3 4 5 6 7 8 9; do mlrepo tag v$number; done
            $ mlrepo gc
            Nothing to collect: {number} objects are needed
            What had a name in the last 90 days is kept: mlrepo gc --now --plan says what would go without that
            7 packs in their grace: a later 'mlrepo gc' deletes them
            $ mlrepo gc --plan | tail -3
            7 packs, {size}, in their grace
            Nothing to collect
            What had a name in the last 90 days is kept: mlrepo gc --now --plan says what would go without that
            $ mlrepo gc extra
            ! error: no other store is known as 'extra'
            ! hint: mlrepo remote add NAME PLACE; mlrepo remote lists them
            [66]
            """)

    def test_gc_leaves_records_and_says_so(self) -> None:
        self.two()
        self.transcript(r"""
            $ mlrepo log --oneline
            {two} (HEAD -> main) Two
            {one} One
            $ mlrepo undo --quiet
            $ mlrepo checkout --force --quiet main
            $ mlrepo gc --now --quiet
            $ mlrepo ls {two}
            ! error: the files of commit {two:12} were collected; only its record is left
            [66]
            $ mlrepo cat {two}:data/a.txt
            ! error: the files of commit {two:12} were collected; only its record is left
            [66]
            $ mlrepo diff {two} main
            ! error: the files of commit {two:12} were collected; only its record is left
            [66]
            $ mlrepo show {two}:data/a.txt
            ! error: the files of commit {two:12} were collected; only its record is left
            [66]
            $ mlrepo blame data/a.txt -r {two}
            ! error: the files of commit {two:12} were collected; only its record is left
            [66]
            $ mlrepo checkout {two} -- data/a.txt
            ! error: the files of commit {two:12} were collected; only its record is left
            [66]
            $ mlrepo checkout {two} --to ../elsewhere
            ! error: the files of commit {two:12} were collected; only its record is left
            [66]
            $ mlrepo du --at {two}
            ! error: the files of commit {two:12} were collected; only its record is left
            [66]
            $ mlrepo show {two} | head -1
            commit {two:full}
            $ mlrepo fsck --quiet
            $ ls ..
            bin
            work
            """)

    def test_du_tells_what_a_path_takes(self) -> None:
        self.begin()
        self.transcript(r"""
            $ head -c 20000 /dev/urandom >data/big.bin
            $ cp data/big.bin data/sub/copy.bin
            $ echo top >top.txt
            $ mlrepo add top.txt
            $ mlrepo du
            ! error: there is no commit here yet
            ! hint: mlrepo commit -m MESSAGE makes one; mlrepo checkout BRANCH takes what the store has
            [66]
            $ mlrepo commit --quiet -m One
            $ rm data/sub/copy.bin
            $ mlrepo commit --quiet -m Two
            $ mlrepo du
            data  3 files, 20 KB, stored in 20 KB, {size} only here
            top.txt  1 file, 4 bytes, stored in {size}, 0 bytes only here
            $ mlrepo du data/big.bin data/a.txt
            data/big.bin  1 file, 20 KB, stored in 20 KB, 0 bytes only here
            data/a.txt  1 file, 6 bytes, stored in {size}, 0 bytes only here
            $ mlrepo du --at main~1 data
            data  4 files, 40 KB, stored in 20 KB, {size} only here
            $ mlrepo du --at HEAD~1 data/sub/copy.bin --json
            {"files":1,"onlyHereBytes":0,"path":"data/sub/copy.bin","rawBytes":20000,"storedBytes":{number}}
            $ mlrepo du data/sub/copy.bin
            ! error: no file or directory 'data/sub/copy.bin'
            [66]
            $ mlrepo du --at nowhere
            ! error: no revision 'nowhere'
            ! hint: mlrepo log
            [66]
            $ mlrepo du ../outside
            ! error: '../outside' is outside the working tree
            [64]
            """)

    def test_stats_tell_how_much_is_stored(self) -> None:
        self.transcript(r"""
            $ mlrepo stats
            ! error: no .mlrepo in {work} or above it
            ! hint: mlrepo init
            [66]
            """)
        self.one()
        self.transcript(r"""
            $ mlrepo stats
            12 objects, {size}, stored in {size} ({number}.{number}x): 2 packs of {size}, log {size}
              blob      2 objects, 13 bytes
              tree      4 objects, 167 bytes
              refs      2 objects, {size}
              commit    1 object, {size}
              run       1 object, {size}
              event     2 objects, {size}
              raw       1 frame, 13 bytes in 46 bytes (0.3x)
              zlib      2 frames, {size} in {size} ({number}.{number}x)
              indexes   {size}
            $ mlrepo stats extra
            ! error: paths are for --explain
            ! hint: mlrepo stats --explain extra
            [64]
            $ mlrepo stats --at HEAD
            ! error: --at is for --explain
            ! hint: mlrepo stats --explain --at HEAD
            [64]
            """)

    def test_version_is_one_line(self) -> None:
        self.transcript(r"""
            $ mlrepo version
            mlrepo 0.1.0 (store format 1)
            $ mlrepo --version
            mlrepo 0.1.0 (store format 1)
            $ mlrepo version extra
            ! error: Unexpected argument 'extra'
            ! hint: mlrepo help version
            [64]
            """)

    def test_help_has_a_page_for_each_command_and_a_word_for_habits_of_other_tools(self) -> None:
        self.transcript(r"""
            $ mlrepo help status
            OVERVIEW: Show what differs from the last commit.

            EXAMPLES
              mlrepo status
              mlrepo status --json

            USAGE: mlrepo status [--json] [--quiet] [--progress] [--no-progress]

            OPTIONS:
              --json                  Answer in JSON, for programs.
              -q, --quiet             Say nothing but the answer.
              --progress/--no-progress
                                      Tell how far long work is; by itself only on a
                                      terminal.
              --version               Show the version.
              -h, --help              Show help information.

            $ test "$(mlrepo)" = "$(mlrepo help)"
            $ test "$(mlrepo status --help)" = "$(mlrepo help status)"
            $ mlrepo nonsense
            ! error: there is no command 'nonsense'
            ! hint: mlrepo help
            [64]
            $ mlrepo stash
            ! error: there is no stash here: nothing is staged, and a branch keeps what you put away
            ! hint: mlrepo checkout -b NAME, and commit there
            [64]
            $ mlrepo reset --hard
            ! error: nothing here moves a branch back and drops files
            ! hint: mlrepo undo takes back a commit; mlrepo checkout --force HEAD brings files back, with -- PATH some of them
            [64]
            $ mlrepo rebase
            ! error: history is not rewritten here: the log proves it
            ! hint: mlrepo log
            [64]
            $ mlrepo login
            ! error: there is no account: a store is a directory
            ! hint: mlrepo init
            [64]
            $ mlrepo repro
            ! error: there are no stages to write: a run finds out what it reads and writes
            ! hint: mlrepo run -m MESSAGE COMMAND; then mlrepo rerun executes what is stale
            [64]
            $ mlrepo -C nowhere status
            ! error: cannot go to nowhere: No such file or directory
            [64]
            $ mlrepo init --quiet sub
            $ mlrepo -C sub status
            On branch main
            No commit yet
            Nothing is tracked yet: mlrepo add PATH
            """)

    def test_help_has_topics(self) -> None:
        self.transcript(r"""
            $ mlrepo help exit-codes
            EXIT CODES: how a command ends

               0  done
               1  the answer is no: nothing to commit, differences with --exit-code, damage
                  found
              64  it was typed wrong
              65  damaged or malformed data
              66  no such revision, path or name
              69  another store cannot be reached
              73  it would overwrite or lose something of yours
              74  input or output failed
              75  busy: try again
              77  not permitted
             125  'run' itself failed; else it ends with the status of the command: 126
                  cannot be executed, 127 not found, 128 and the number of a signal
            $ mlrepo help revisions | head -1
            REVISIONS: how to name a version
            $ mlrepo help ignore | head -1
            IGNORE: what is left alone in a tracked directory
            $ mlrepo help json | head -1
            JSON: answers for programs
            $ mlrepo help habits | head -1
            HABITS: what you type elsewhere, and here
            $ mlrepo help nonsense
            ! error: there is no command 'nonsense'
            ! hint: mlrepo help
            [64]
            $ mlrepo help worktree remove | head -1
            OVERVIEW: Let the store forget a working copy; its files stay.
            $ mlrepo help | grep SUBCOMMANDS:
            START SUBCOMMANDS:
            WORK SUBCOMMANDS:
            HISTORY SUBCOMMANDS:
            MOVE SUBCOMMANDS:
            TRACE SUBCOMMANDS:
            KEEP SUBCOMMANDS:
            GOVERN SUBCOMMANDS:
            PLUMBING SUBCOMMANDS:
            """)

    def test_every_command_has_a_transcript(self) -> None:
        self.assertEqual(set(self.listed()) - {name.split("_")[1] for name in dir(self) if name.startswith("test_")}, set())
