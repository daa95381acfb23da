"""What is looked at in a store and in a working copy of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ..checks import READER
from ..program import Program, Wrong

Refs = dict[str, str]


def refs(program: Program, place: Path) -> Refs:
    """All branches, also those of other stores, and all tags."""
    found = {}
    for words in (("branch", "-a"), ("tag",)):
        for ref in program.must(place, *words, "--json").json():
            found[f"{words[0]} {ref['name']}"] = ref["commit"]
    return found


def sound(program: Program, *places: Path) -> None:
    for place in places:
        ended = program.run(place, "fsck", "--json")
        if ended.status != 0 or ended.json()["problems"]:
            raise Wrong(f"in {place}: {ended}")


def read(*places: Path) -> None:
    """The independent reader finds nothing wrong either."""
    for place in places:
        done = subprocess.run([sys.executable, str(READER), "verify", str(inside(place))], capture_output=True, text=True)
        if done.returncode != 0:
            raise Wrong(f"the independent reader, of {place}: {done.stdout[-2000:]}{done.stderr[-2000:]}")


def inside(place: Path) -> Path:
    """The directory that holds the store of a working copy, or of nothing but a store."""
    return place / ".mlrepo" if (place / ".mlrepo").exists() else place


def length(place: Path) -> int:
    """Bytes in packs and in what is to become one, each file counted once, whatever names it has at the moment."""
    found = {}
    for part in ("packs", "tmp"):
        for directory, _, names in os.walk(inside(place) / part):
            for name in names:
                try:
                    status = os.stat(os.path.join(directory, name))
                except FileNotFoundError:
                    continue
                found[status.st_ino] = status.st_size
    return sum(found.values())


def unfinished(store: Path) -> list[Path]:
    return sorted((store / "tmp").glob("upload-*"))


def packs(store: Path) -> list[Path]:
    return sorted((store / "packs").glob("*/*.pack"))
