"""Edits that keep a file's size and inode, and can be taken back."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

EDIT_BYTES = 4


@dataclass
class Edits:
    """Overwrites a few bytes in place and remembers what was there."""

    root: Path
    _before: list[tuple[Path, int, bytes]] = field(default_factory=list)

    def change(self, path: str, rng: random.Random, offset: int | None = None) -> None:
        """Changes bytes of a file at an offset (drawn if not given), never to what they were."""
        target = self.root / path
        with target.open("r+b", buffering=0) as file:
            size = target.stat().st_size
            at = rng.randrange(max(1, size - EDIT_BYTES)) if offset is None else offset
            file.seek(at)
            before = file.read(EDIT_BYTES)
            after = bytes((byte + rng.randrange(1, 256)) % 256 for byte in before)
            file.seek(at)
            file.write(after)
        self._before.append((target, at, before))

    def change_all(self, paths: list[str], seed: str) -> None:
        """Changes each of the files once."""
        rng = random.Random(seed)
        for path in paths:
            self.change(path, rng)

    def take_back(self) -> None:
        """Restores all contents; times of modification stay new, for all peers alike."""
        for target, at, before in reversed(self._before):
            with target.open("r+b", buffering=0) as file:
                file.seek(at)
                file.write(before)
        self._before.clear()

    def keep(self) -> None:
        """Forgets what was there: the edits are committed and stay."""
        self._before.clear()
