"""Real small files: those of the packages installed on this machine.

Left out are names that any tool's built-in or tree-borne ignore rules could skip (dot files, caches,
virtual environments), so that all peers store the same files; and byte code, which comes and goes.
"""

from __future__ import annotations

import hashlib
import os
import random
import sys
from collections.abc import Iterator

ROOTS = {
    "share": "/usr/share", "lib": "/usr/lib", "include": "/usr/include", "local": "/usr/local", "opt": "/opt",
    "python": sys.base_prefix,
}
MIN_BYTES, MAX_BYTES = 1 << 10, 20 << 10
SKIPPED_NAMES = frozenset(
    ("__pycache__", "cache", "caches", "venv", "env", "node_modules", "wandb", "mlruns", "tmp", "temp",
     "pyvenv.cfg", "CACHEDIR.TAG", "mlrepo.toml", "dvc.yaml", "dvc.lock", "Thumbs.db")
)
SKIPPED_ENDS = (".dvc", ".pyc", ".tmp", ".swp", "~")


def directories(rng: random.Random) -> list[tuple[str, list[str]]]:
    """Directories that hold small files, in an order drawn by seed: the path to store each under (no
    component of it hidden, even if a root is), and the sorted paths of its small files."""
    found: dict[str, tuple[str, list[str]]] = {}
    for label, root in ROOTS.items():
        for directory, names, files in os.walk(root):
            names[:] = [name for name in names if _is_plain(name)]
            small = [path for name in sorted(files) if _is_plain(name) and _is_small(path := os.path.join(directory, name))]
            if small:
                stored = os.path.normpath(os.path.join(label, os.path.relpath(directory, root)))
                found.setdefault(os.path.realpath(directory), (stored, small))
    ordered = [found[directory] for directory in sorted(found)]
    rng.shuffle(ordered)
    return ordered


def distinct(directories: list[tuple[str, list[str]]]) -> Iterator[tuple[str, bytes]]:
    """(path to store it under, content) of each file whose content did not come before."""
    seen: set[bytes] = set()
    for stored, paths in directories:
        for path in paths:
            try:
                with open(path, "rb") as file:
                    content = file.read()
            except OSError:
                continue
            name = hashlib.sha256(content).digest()
            if name not in seen:
                seen.add(name)
                yield os.path.join(stored, os.path.basename(path)), content


def text_pool(rng: random.Random, limit: int) -> list[bytes]:
    """About `limit` bytes of real text files, in an order drawn by seed."""
    pool: list[bytes] = []
    total = 0
    for _, content in distinct(directories(rng)):
        if total >= limit:
            break
        if _is_text(content):
            pool.append(content)
            total += len(content)
    return pool


def _is_plain(name: str) -> bool:
    return (
        not name.startswith(".") and name.isprintable() and name.isascii()
        and name not in SKIPPED_NAMES and not name.endswith(SKIPPED_ENDS)
    )


def _is_small(path: str) -> bool:
    try:
        return not os.path.islink(path) and MIN_BYTES <= os.stat(path).st_size <= MAX_BYTES
    except OSError:
        return False


def _is_text(content: bytes) -> bool:
    if b"\0" in content:
        return False
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
