"""Draws scenarios; the same seed gives the same one."""

from __future__ import annotations

import random
from collections.abc import Callable

from .steps import SECOND, THIRD, WORK, Command, Edit, Kill, Probe, Step

# Some of them are in each other's way: data/d is a file, a link or a directory.
PATHS = ["data/a", "data/b", "data/d", "data/d/x", "data/d/y", "data/e/f/g", "data/e/h", "data/z", "top"]
DIRECTORIES = ["data", "data/e"]
REVISIONS = ["main", "main~1", "main~2", "HEAD", "HEAD~1", "HEAD~2", "side"]
# How often a command in a small tree makes each call, and so where it can be killed. Calls that change something
# come up more often.
CALLS = {
    "renameat": 11, "linkat": 5, "unlinkat": 18, "fsync": 24, "write": 16, "openat": 100, "openat2": 17, "mkdirat": 4,
    "pread64": 40, "close": 80, "flock": 1,
}
WEIGHTS = {"renameat": 4, "linkat": 3, "unlinkat": 3, "fsync": 3, "write": 2}
# Long enough for several calls of write.
MANY_LINES = 40_000


class Generator:
    def __init__(self, seed: int, is_collecting: bool) -> None:
        self.random = random.Random(seed)
        self.is_collecting = is_collecting
        self.count = 0
        self.kind = "probes"
        self.steps: list[Step] = []

    def scenario(self) -> list[Step]:
        """A scenario of commands that may be killed, of any kind."""
        kinds: list[Callable[[], None]] = [
            self.mixed, self.retries, self.retries, self.edited_retries, self.directory_replaced, self.first_checkout,
            self.forgotten, self.taken_back,
        ]
        kind = self.random.choice(kinds)
        self.kind = kind.__name__
        kind()
        if self.is_collecting:
            self.collect()
        return self.steps

    def probes(self) -> list[Step]:
        """A scenario of commands that are not killed, each of which `undo` has to take back exactly."""
        self.history(self.any_edit)
        self.side()
        for _ in range(self.random.randrange(5)):
            self.edits(2)
            self.command(self.random.choice([self.victim, self.other])(), 0)
        for _ in range(self.random.randint(2, 6)):
            self.edits(3)
            words = self.random.choice([self.victim, self.victim, self.victim, self.other])()
            if words[0] not in ("undo", "redo", "restore", "gc"):
                self.steps.append(Probe(tuple(words)))
        return self.steps

    # Kinds of scenarios.

    def mixed(self) -> None:
        """Versions, edits, commands that overwrite, others between them, and the same again."""
        self.history(self.any_edit)
        self.side()
        for _ in range(self.random.choice([1, 1, 2, 3])):
            self.edits(3)
            words = self.victim()
            self.command(words, 0.9)
            for _ in range(self.random.choice([0, 0, 1, 1, 2])):
                self.command(self.random.choice([self.other, self.other, self.victim])(), 0.25)
            self.command(self.random.choice([words, words, ["undo"]]), 0.2)

    def retries(self, edited: float = 0) -> None:
        """Two to five commands, most of them killed, one after the other; with or without edits between them."""
        files = self.random.choice([
            ["data/a", "data/b", "data/z"], ["data/a", "data/d/x", "data/d/y", "top"], ["data/a", "data/d"],
        ])
        self.history(lambda: self.edit_of(files), files)
        for path in files:
            self.mine(path)
        self.attempts(files, edited)
        if self.random.random() < 0.6:
            self.command(["checkout", "--force", self.random.choice(["main", "main", "HEAD", "main~1"])], 0)

    def edited_retries(self) -> None:
        self.retries(edited=0.5)

    def directory_replaced(self) -> None:
        """A file comes into a directory's place, or a directory into a file's, in versions and on disk."""
        files = ["data/d", "data/d/x", "data/d/y", "data/a"]
        self.history(lambda: self.edit_of(files), ["data/a", self.random.choice(["data/d", "data/d/x"])])
        for _ in range(self.random.randint(1, 3)):
            self.edit("write_file", self.random.choice(files), tag="mine")
        self.attempts(files, self.random.choice([0, 0.5]))

    def taken_back(self) -> None:
        """Edits, forced checkouts and commits of a few files, and `undo` and `redo` between them; few are killed."""
        files = ["data/a", "data/b"]
        self.history(lambda: self.edit_of(files), files)
        for _ in range(self.random.randint(3, 8)):
            if self.random.random() < 0.6:
                self.mine(self.random.choice(files))
            back = self.random.choice([["undo"], ["undo"], ["undo"], ["redo"]])
            self.command(self.random.choice([back, back, self.attempt(files)]), 0.15)

    def first_checkout(self) -> None:
        """A second working copy, whose first checkout is forced over what lies there."""
        self.history(self.any_edit)
        self.command(["init", "--store", f"../{WORK}/.mlrepo"], self.random.choice([0, 0, 0.5]), SECOND)
        self.command(["init", "--store", f"../{WORK}/.mlrepo"], 0, SECOND)
        for _ in range(self.random.randint(1, 4)):
            self.edit("write_file", self.random.choice(PATHS), tag="mine", copy=SECOND)
        revisions = ["main", "main", "main~1"]
        words = ["checkout", "--force", self.random.choice(revisions)]
        for _ in range(self.random.randint(1, 4)):
            self.command(words, 0.75, SECOND)
            if self.random.random() < 0.3:
                self.any_edit("mine", SECOND)
            words = self.random.choice([words, ["undo"], ["checkout", "--force", self.random.choice(revisions)]])
        self.command(self.random.choice([words, ["checkout", "--force", "main"]]), 0.2, SECOND)

    def forgotten(self) -> None:
        """A further working copy that is forgotten while a checkout of it is interrupted, and goes on."""
        self.history(self.any_edit)
        self.command(["worktree", "add", "-b", "apart", "../third"], 0)
        for _ in range(self.random.randint(1, 3)):
            self.edit("write_file", self.random.choice(PATHS), tag="mine", copy=THIRD)
        words = ["checkout", "--force", self.random.choice(["main", "main~1", "HEAD", "apart"])]
        self.command(words, 0.8, THIRD)
        self.command(["worktree", "remove", "../third"], 0.3)
        if self.random.random() < 0.6:
            self.command(["gc"], 0.4)
        if self.random.random() < 0.3:
            self.any_edit("mine", THIRD)
        self.command(self.random.choice([words, words, ["undo"], self.victim()]), 0.4, THIRD)

    def collect(self) -> None:
        """Puts `gc --now` between the steps, from the second version on."""
        commits = [i for i, step in enumerate(self.steps) if isinstance(step, Command) and step.words[0] == "commit"]
        for _ in range(self.random.randint(1, 3)):
            kill = self.kill() if self.random.random() < 0.5 else None
            self.steps.insert(self.random.randint(commits[0] + 1, len(self.steps)), Command(("gc", "--now"), kill))

    # Parts of scenarios.

    def history(self, edit: Callable[[], None], files: list[str] | None = None) -> None:
        """Two or three versions of main."""
        self.command(["init"], 0)
        for number in range(self.random.choice([2, 3, 3])):
            if number == 0:
                for path in files or ["data/a", "data/keep"]:
                    self.edit("write_file", path, tag="v0")
            for _ in range(self.random.randint(1, 5)):
                edit()
            self.command(["add", "data"], 0)
            if self.random.random() < 0.5:
                self.command(["add", "top"], 0)
            self.command(["commit", "-m", f"v{number}", "--deleted"], 0)

    def side(self) -> None:
        """Now and then a branch with a version of its own."""
        if self.random.random() < 0.5:
            self.command(["checkout", "-b", "side"], 0)
            self.edits(3)
            self.command(["commit", "-m", "side", "--deleted"], 0)
            if self.random.random() < 0.7:
                self.command(["checkout", "main"], 0)

    def attempts(self, files: list[str], edited: float) -> None:
        """Two to five commands that are killed with high probability; some are typed again."""
        typed: list[list[str]] = []
        for _ in range(self.random.choice([2, 3, 3, 4, 5])):
            words = self.attempt(files)
            if typed and self.random.random() < 0.4:
                words = self.random.choice(typed)
            typed.append(words)
            self.command(words, 0.75)
            if self.random.random() < edited:
                self.mine(self.random.choice(files))

    def attempt(self, files: list[str]) -> list[str]:
        revision = self.random.choice(["main", "main~1", "main~2", "HEAD", "HEAD~1"])
        paths = self.random.choice([["data"], ["data"], [self.random.choice(files)], files[:2]])
        return self.random.choice([
            ["checkout", "--force", revision], ["checkout", "--force", revision], ["checkout", revision],
            ["checkout", "--force", "-b", f"n{self.random.randrange(2)}", revision],
            ["checkout", "--force", revision, "--", *paths], ["checkout", "--force", revision, "--", *paths],
            ["checkout", "--force", "--", *paths], ["checkout", revision, "--", *paths],
            ["restore", "data"], ["rm", "--force", *paths], ["undo"], ["undo"], ["undo"], ["redo"],
            ["commit", "-m", f"c{self.random.randrange(99)}"],
        ])

    def victim(self) -> list[str]:
        """A command that may take content off the disk."""
        revision = self.random.choice(REVISIONS)
        paths = self.random.sample(PATHS + DIRECTORIES, self.random.choice([1, 1, 2]))
        return self.random.choice([
            ["checkout", "--force", revision], ["checkout", "--force", revision], ["checkout", revision],
            ["checkout", "--force", "-b", f"n{self.random.randrange(3)}", revision],
            ["checkout", "--force", "--", *paths], ["checkout", revision, "--force", "--", *paths],
            ["checkout", "--force", revision, "--", "data"], ["checkout", revision, "--", *paths],
            ["restore", *paths], ["restore", "."], ["rm", "--force", *paths], ["rm", "--force", "data"],
            ["undo"], ["redo"],
        ])

    def other(self) -> list[str]:
        path = self.random.choice([*PATHS, "data"])
        return self.random.choice([
            ["commit", "-m", f"m{self.random.randrange(99)}"], ["commit", "-m", "all", "--deleted"],
            ["commit", "-m", "some", path], ["add", "data"], ["add", path], ["untrack", path], ["rm", path],
            ["mv", path, f"data/moved{self.random.randrange(5)}"], ["branch", f"b{self.random.randrange(4)}"],
            ["checkout", "-b", f"q{self.random.randrange(3)}"], ["checkout", "main"],
            ["undo"], ["undo"], ["redo"], ["gc"], ["status"],
        ])

    # Single steps.

    def command(self, words: list[str], killed: float, copy: str = WORK) -> None:
        kill = self.kill() if self.random.random() < killed else None
        self.steps.append(Command(tuple(words), kill, copy))

    def kill(self) -> Kill:
        [call] = self.random.choices(list(CALLS), [WEIGHTS.get(call, 1) for call in CALLS])
        return Kill(call, self.random.randint(1, CALLS[call]))

    def edit(self, function: str, path: str, tag: str, copy: str = WORK) -> None:
        """An edit whose content is like no other."""
        self.count += 1
        text = f"{tag}-{self.count}-{self.random.randrange(1 << 30)}"
        lines = self.random.choices([1, 50, MANY_LINES], [20, 4, 1])[0] if function == "write_file" else 1
        self.steps.append(Edit(function, path, text, lines, copy))

    def edits(self, most: int) -> None:
        for _ in range(self.random.randint(0, most)):
            self.any_edit("mine")

    def any_edit(self, tag: str = "v", copy: str = WORK) -> None:
        functions = {"write_file": 6, "remove": 2, "make_link": 1, "toggle_executable": 1, "make_directory": 1}
        [function] = self.random.choices(list(functions), list(functions.values()))
        self.edit(function, self.random.choice(PATHS), tag, copy)

    def edit_of(self, paths: list[str]) -> None:
        function = self.random.choice(["write_file", "write_file", "write_file", "remove"])
        self.edit(function, self.random.choice(paths), "v")

    def mine(self, path: str) -> None:
        """What a person did to a file since the last version, if anything."""
        functions = {"write_file": 12, "remove": 3, "make_link": 1, "toggle_executable": 1, "": 3}
        [function] = self.random.choices(list(functions), list(functions.values()))
        if function:
            self.edit(function, path, "mine")
