"""Two working copies of one other store, and what people do in them."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

from ..model import Files, difference, look
from ..program import Program, Wrong
from . import stores
from .ways import Way

NAMES = ("first", "second")


@dataclass
class Copy:
    """A working copy that changes only files in a directory of its own, so that merges never clash."""

    place: Path
    # What is there, and how much of that the other store has.
    own: Files = field(default_factory=dict)
    pushed: Files = field(default_factory=dict)
    is_behind: bool = False

    @property
    def name(self) -> str:
        return self.place.name


class Pair:
    def __init__(self, home: Path, binary: Path, way: Way, generator: random.Random, big: int) -> None:
        home.mkdir(parents=True)
        self.home, self.way, self.generator, self.big = home, way, generator, big
        self.program = Program(binary, home, generator)
        self.program.environment |= way.environment
        self.store = home / "store"
        self.place = way.place(self.store)
        self.copies = [Copy(home / name) for name in NAMES]
        self.number = 0

    def begin(self) -> None:
        first, second = self.copies
        self.program.must(self.home, "init", "--bare", str(self.store))
        first.place.mkdir()
        self.program.must(first.place, "init")
        self.program.must(first.place, "remote", "add", "origin", self.place)
        self.write(first)
        self.program.must(first.place, "add", "data")
        self.program.must(first.place, "commit", "-m", "Begin")
        self.program.must(first.place, "push")
        first.pushed = dict(first.own)
        self.program.must(self.home, "clone", self.place, second.name)

    def end(self) -> None:
        """All of it has to be the same everywhere."""
        for copy in [*self.copies, *self.copies]:
            self.catch_up(copy)
            if copy.own != copy.pushed:
                self.push_all(copy)
        fresh = self.home / "fresh"
        self.program.must(self.home, "clone", self.place, fresh.name)
        self.way.settle()
        for copy in self.copies:
            self.same(look(copy.place), look(fresh), f"{copy.name} and a fresh clone")
        places = [self.store, fresh, *(copy.place for copy in self.copies)]
        stores.sound(self.program, *places)
        stores.read(*places)

    def write(self, copy: Copy) -> None:
        """One to three large files that cannot be compressed, and a few small ones."""
        top = copy.place / "data" / copy.name
        top.mkdir(parents=True, exist_ok=True)
        count = self.generator.randrange(1, 4)
        for number in range(count):
            (top / f"large{number}").write_bytes(self.generator.randbytes(self.big // count))
        for _ in range(self.generator.randrange(1, 30)):
            content = self.generator.randbytes(self.generator.randrange(3000))
            (top / f"small{self.generator.randrange(60)}").write_bytes(content)
        copy.own = self.of(copy, look(copy.place))

    def of(self, copy: Copy, files: Files) -> Files:
        return {path: entry for path, entry in files.items() if path.startswith(f"data/{copy.name}/")}

    def commit(self, copy: Copy) -> str:
        self.write(copy)
        self.number += 1
        return self.program.must(copy.place, "commit", "--json", "-m", f"Number {self.number}").json()["commit"]

    def catch_up(self, copy: Copy) -> None:
        self.program.must(copy.place, "pull")
        copy.is_behind = False
        self.in_place(copy)

    def other(self, copy: Copy) -> Copy:
        return self.copies[1 - self.copies.index(copy)]

    def push_all(self, copy: Copy) -> None:
        self.program.must(copy.place, "push")
        self.was_pushed(copy)

    def was_pushed(self, copy: Copy) -> None:
        copy.pushed = dict(copy.own)
        self.other(copy).is_behind = True

    def behind(self) -> Copy:
        """A working copy that lacks what the other one has pushed."""
        copy = self.generator.choice(self.copies)
        if not copy.is_behind:
            other = self.other(copy)
            self.catch_up(other)
            self.commit(other)
            self.push_all(other)
        return copy

    def in_place(self, copy: Copy) -> None:
        self.same(copy.own | self.other(copy).pushed, look(copy.place), f"the files of {copy.name}")

    def one_of(self, found: stores.Refs, old: stores.Refs, new: stores.Refs | None, what: str) -> None:
        if found not in (old, new):
            raise Wrong(f"{what} are {found}, and should be {old}" + (f" or {new}" if new else ""))

    def same(self, expected: Files, found: Files, what: str) -> None:
        if expected != found:
            raise Wrong(f"{what}: {difference(expected, found)}")
