"""What the harness asks of a directory tree: read it, know it again, size it, choose from it."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypedDict

from .child import in_child

BLOCK = 1 << 20


class Size(TypedDict):
    """Bytes as files say, bytes as blocks on the disk, number of files, bytes by first-level name."""

    bytes: int
    disk_bytes: int
    files: int
    parts: dict[str, int]


def walk(root: Path) -> Iterator[os.DirEntry[str]]:
    """All entries that are no directories, in the order of their names, without following links."""
    with os.scandir(root) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.is_dir(follow_symlinks=False):
                yield from walk(Path(entry.path))
            else:
                yield entry


def warm(*roots: Path) -> None:
    """Reads every file, so that all peers find their input in the page cache."""

    def read() -> None:
        for root in roots:
            for entry in walk(root) if root.exists() else ():
                if entry.is_file(follow_symlinks=False):
                    _each_block(entry.path, lambda block: None)

    in_child(read)


def digest(root: Path) -> str:
    """One SHA-256 over the names and contents of a tree: equal trees, equal digests."""

    def compute() -> str:
        whole = hashlib.sha256()
        for entry in walk(root):
            content = hashlib.sha256()
            _each_block(entry.path, content.update)
            whole.update(f"{content.hexdigest()} {os.path.relpath(entry.path, root)}\n".encode())
        return whole.hexdigest()

    return str(in_child(compute))


def size(*roots: Path) -> Size:
    """What a store occupies. `parts` tells a store's own directories apart (live data, caches, indexes)."""

    def compute() -> Size:
        total = Size(bytes=0, disk_bytes=0, files=0, parts={})
        for root in roots:
            for entry in walk(root):
                status = entry.stat(follow_symlinks=False)
                part = f"{root.name}/{os.path.relpath(entry.path, root).split(os.sep)[0]}"
                total["bytes"] += status.st_size
                total["disk_bytes"] += status.st_blocks * 512
                total["files"] += 1
                total["parts"][part] = total["parts"].get(part, 0) + status.st_size
        return total

    result: Size = in_child(compute)
    return result


def choose(root: Path, count: int, seed: str) -> list[str]:
    """Distinct files drawn by seed, as paths relative to the root's parent (`data/…`), sorted."""

    def draw() -> list[str]:
        paths = [os.path.relpath(entry.path, root.parent) for entry in walk(root)]
        return sorted(random.Random(seed).sample(paths, min(count, len(paths))))

    result: list[str] = in_child(draw)
    return result


def _each_block(path: str, use: Callable[[bytes], object]) -> None:
    with open(path, "rb", buffering=0) as file:
        while block := file.read(BLOCK):
            use(block)
