"""What is looked at in a store and in a working copy of it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from ..checks import READER
from ..program import Program, Wrong

Refs = dict[str, str]

# A known fault; goes when it is mended, with what tells it.
MERGE_WITHOUT_RECIPES = "a merge does not list the recipes of what comes from its second parent (objects.md, recipes)"


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


def read(program: Program, *places: Path) -> Counter[str]:
    """What the independent reader says; known faults are counted."""
    met: Counter[str] = Counter()
    for place in places:
        words = [sys.executable, str(READER), "verify", str(inside(place))]
        done = subprocess.run(words, capture_output=True, text=True)
        problems = [line for line in done.stdout.splitlines() if line.startswith("problem: ")]
        known = [line for line in problems if is_merge_without_recipes(program, place, line)]
        if done.returncode != 0 and (not known or known != problems):
            raise Wrong(f"the independent reader, of {place}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        met[MERGE_WITHOUT_RECIPES] += len(known)
    return +met


def is_merge_without_recipes(program: Program, place: Path, problem: str) -> bool:
    found = re.fullmatch(r"problem: no recipe is listed of blob \w+ commit (\w+)", problem)
    return bool(found) and len(program.must(place, "show", "--json", found[1]).json()["parents"]) > 1


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
