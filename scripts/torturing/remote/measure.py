"""What a push that was killed and the one that was typed again have sent together, and how much of it twice."""

from __future__ import annotations

import os
from pathlib import Path

from ..program import Ended, Wrong
from . import stores
from .ways import Way

# Headers of frames, questions, small files: beside what is in packs.
BESIDE = 64 << 10


class Sent:
    """One push, measured from before it began.

    Over a line all bytes towards the other side count. In a directory the files tell: what lay there unfinished either
    becomes the pack, being the same file, or was sent for nothing.
    """

    def __init__(self, way: Way, store: Path) -> None:
        self.way, self.store = way, store
        self.before = self.between = way.counted()
        self.length = stores.length(store)
        self.whole = self.kept = self.again = self.limit = 0
        self.hit: str | None = None
        self.is_patient = False
        # Held open, so that no other file gets their numbers.
        self.files: list[int] = []

    def first_is_over(self, hit: str | None, is_patient: bool) -> None:
        self.hit, self.is_patient, self.between = hit, is_patient, self.way.counted()
        # What the second one finds; over a line more may still come.
        self.files = [os.open(path, os.O_RDONLY) for path in stores.unfinished(self.store)]
        self.sizes = [os.fstat(file).st_size for file in self.files]
        self.kept = sum(self.sizes)

    def second_is_over(self, first: Ended, typed_again: Ended) -> None:
        self.whole = stores.length(self.store) - self.length
        names = {path.stat().st_ino for path in stores.packs(self.store)}
        if self.way.is_line:
            self.again = max(0, (self.way.counted() - self.before).sent - self.whole)
            # Whoever is killed, ssh ends with it, and what is on its way is lost.
            self.limit = BESIDE + (self.way.window if self.hit else 0)
            second = self.way.counted() - self.between
            if self.is_patient and second.sent > self.whole - self.kept + BESIDE:
                raise Wrong(f"of {self.whole} bytes {self.kept} were there, and the same push sent {second.sent}: "
                            f"{typed_again}")
        else:
            self.again = sum(size for file, size in zip(self.files, self.sizes) if os.fstat(file).st_ino not in names)
            self.limit = self.way.window
        for file in self.files:
            os.close(file)
        # Killed between the pack's name and the end of the other one, both are one file until it is swept; and the record
        # of the push itself is made anew. Anything larger has to be gone on with.
        left = [path for path in stores.unfinished(self.store) if path.stat().st_ino not in names]
        if sum(path.stat().st_size for path in left) > BESIDE:
            raise Wrong(f"a push that was typed again leaves {left}")
        if self.again > self.limit:
            raise Wrong(f"a push of {self.whole} bytes and the same again sent {self.again} more than that, and "
                        f"{self.limit} are allowed; killed: {self.hit}, with {self.kept} bytes there: {first}; "
                        f"{typed_again}")
        # Where the first one had moved the refs before it was killed, nothing was left to do but to sweep.
        told = typed_again.json()
        if self.is_patient and told["refs"] and told["alreadyThere"] + BESIDE < self.kept:
            raise Wrong(f"{self.kept} bytes were there, and the push typed again counts fewer: {typed_again}")
