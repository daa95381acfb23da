"""The working copies of one scenario, and what has been written, committed and taken off the disk in them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ..model import Files, look
from ..program import Ended
from .runner import USUAL_STATUS, Finding, Runner
from .steps import SECOND, THIRD, WORK, Command, Edit

# While a checkout is interrupted, this file is there.
PENDING = ".mlrepo/pending"


@dataclass(frozen=True)
class Loss:
    """A content that a command took off the disk."""

    command: Command
    path: str


class World:
    def __init__(self, home: Path, runner: Runner, is_collecting: bool) -> None:
        self.home = home
        self.runner = runner
        # Whether `gc --now` may take what only `undo` needs.
        self.is_collecting = is_collecting
        self.places = {name: home / name for name in (WORK, SECOND, THIRD)}
        for name in (WORK, SECOND):
            self.places[name].mkdir(parents=True)
        # Contents that an edit made, by their digests. Only those can be lost, not what a kill cut short.
        self.written: set[str] = set()
        self.commits: set[str] = set()
        self.committed: set[str] = set()
        self.lost: dict[str, Loss] = {}
        # In each working copy, the last command that was killed, and whether anything was edited after a kill.
        self.killed: dict[str, Command] = {}
        self.edited: set[str] = set()
        # Limits that were met, and the working copies whose `undo` was refused by one for good.
        self.known_limits: list[str] = []
        self.barred: set[str] = set()
        self.listed: dict[str, Files] = {}

    # What is there.

    def used(self) -> list[str]:
        """The working copies that exist."""
        return [name for name, place in self.places.items() if (place / ".mlrepo").exists()]

    def contents(self, copy: str) -> dict[str, str]:
        """The contents on disk that an edit made, with a path of each."""
        place = self.places[copy]
        return {digest: path for path, (_, digest) in look(place).items() if digest in self.written}

    def run(self, copy: str, *words: str) -> Ended:
        return self.checked(self.runner.run(self.places[copy], words))

    def answer(self, copy: str, *words: str) -> str | None:
        """What a command says, if it has an answer."""
        ended = self.run(copy, *words)
        return ended.out if ended.status == 0 else None

    def head(self, copy: str) -> str | None:
        answer = self.answer(copy, "resolve", "HEAD")
        return answer.strip() if answer else None

    def files(self, copy: str, commit: str) -> Files | None:
        """The files of a version, by `ls`; nothing if it cannot be read."""
        if commit not in self.listed:
            answer = self.answer(copy, "ls", "--json", commit)
            if answer is None:
                return None
            entries = [json.loads(line) for line in answer.splitlines()]
            self.listed[commit] = {entry["path"]: (entry["mode"], entry["id"].removeprefix("sha256:"))
                                   for entry in entries if entry["mode"] != "directory"}
        return self.listed[commit]

    def in_version(self, copy: str, commit: str) -> set[str]:
        return {digest for _, digest in (self.files(copy, commit) or {}).values()} if commit else set()

    def in_branches(self, copy: str) -> set[str]:
        """The contents of all versions that a branch reaches."""
        contents: set[str] = set()
        for branch in json.loads(self.answer(copy, "branch", "--json") or "[]"):
            for line in (self.answer(copy, "log", "--json", branch["name"]) or "").splitlines():
                contents |= self.in_version(copy, json.loads(line)["commit"].removeprefix("sha256:"))
        return contents

    def operations(self, copy: str) -> list[dict]:
        return [json.loads(line) for line in (self.answer(copy, "operations", "--json") or "").splitlines()]

    def is_pending(self, copy: str) -> bool:
        return (self.places[copy] / PENDING).exists()

    # What is done.

    def edit(self, edit: Edit) -> None:
        """What a person takes off the disk is no command's loss."""
        before = self.contents(edit.copy)
        self.runner.edit(self.places[edit.copy], edit)
        digest = edit.digest()
        if digest is not None:
            self.written.add(digest)
        for digest in before.keys() - self.contents(edit.copy).keys():
            self.lost.pop(digest, None)
        if edit.copy in self.killed:
            self.edited.add(edit.copy)

    def command(self, command: Command) -> Ended:
        """Runs a command, and notes what it took off the disk and which versions it made."""
        copy, place = command.copy, self.places[command.copy]
        before, head = self.contents(copy), self.runner.run(place, ("resolve", "HEAD")).out.strip()
        ended = self.checked(self.runner.run(place, command.words, command.kill))
        if ended.killed:
            self.killed[copy] = command
        gone = before.keys() - self.contents(copy).keys()
        if gone & self.committed:
            # What HEAD or a branch has is not lost; what only a commit had that was taken back may be.
            gone -= self.in_branches(copy) | self.in_version(copy, head)
        for digest in gone:
            self.lost[digest] = Loss(command, before[digest])
        if command.words[0] == "commit":
            self.learn_commits(copy)
        return ended

    def learn_commits(self, copy: str) -> None:
        """Every version that a commit made, also one that was killed after its entry in the log."""
        for operation in self.operations(copy):
            for ref in operation["refs"] if operation["verb"] == "commit" else []:
                commit = ref.get("after", "").removeprefix("sha256:")
                if commit and not ref["name"].startswith("kept/") and commit not in self.commits:
                    self.commits.add(commit)
                    self.committed |= self.in_version(copy, commit)

    def checked(self, ended: Ended) -> Ended:
        # 65, "is missing": what `gc --now` collected.
        usual = USUAL_STATUS | {65} if self.is_collecting else USUAL_STATUS
        if not ended.killed and ended.status not in usual:
            raise Finding(f"a command ends with {ended.status}", str(ended))
        return ended
