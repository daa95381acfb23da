"""Rows about files: an inventory of those installed on this machine, with text, quotes, gaps, times and digests."""

from __future__ import annotations

import codecs
import grp
import hashlib
import mimetypes
import os
import pwd
import random
import stat
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .realfiles import ROOTS
from .table_source import Columns, noisy

MOST_FILES = 100_000
HEAD_BYTES = 4096
LINE_CHARACTERS = 80
DIGEST_DIGITS = 16
BLOCK_BYTES, BLOCKS_EACH = 4096, 8
TIME_NOISE_SECONDS = 43_200
SCHEMA = pa.schema([
    ("path", pa.string()), ("extension", pa.string()), ("media_type", pa.string()), ("depth", pa.int64()),
    ("size_bytes", pa.int64()), ("permissions", pa.string()), ("hard_links", pa.int64()), ("owner", pa.string()),
    ("user_id", pa.int64()), ("group", pa.string()), ("group_id", pa.int64()), ("package", pa.string()),
    ("modified_at", pa.int64()), ("is_executable", pa.bool_()), ("first_4k_sha256", pa.string()),
    ("first_4k_entropy", pa.float64()), ("first_4k_ascii_share", pa.float64()), ("first_4k_lines", pa.int64()),
    ("mean_line_bytes", pa.float64()), ("longest_line_bytes", pa.int64()), ("first_line", pa.string()),
])

MOST = {
    "first_4k_entropy": 8.0, "first_4k_ascii_share": 1.0, "first_4k_lines": np.inf, "mean_line_bytes": np.inf,
    "longest_line_bytes": np.inf,
}
"""The columns that get noise, apart from sizes and times, and what none of their values can exceed. Gaps stay gaps."""


class Files:
    """Names, owners, permissions, digests and lines as they are; sizes, times, shares and counts with noise."""

    digits = {"first_4k_entropy": 4, "first_4k_ascii_share": 4, "mean_line_bytes": 2}
    edited = [
        ("size_bytes", "allocated_blocks", "modified_at", "first_4k_sha256", "first_4k_entropy", "first_4k_ascii_share",
         "first_4k_lines", "mean_line_bytes", "longest_line_bytes"),
        ("path", "extension", "media_type", "depth", "package"),
        ("modified_at",),
        ("first_line", "first_4k_sha256"),
    ]

    def __init__(self, seed: int, most: int) -> None:
        paths = sorted(_paths())
        random.Random(seed).shuffle(paths)
        packages = _packages()
        facts = [fact | {"package": packages.get(path)} for path in paths[:most] if (fact := _fact(path)) is not None]
        self._real = pa.Table.from_pylist(facts, SCHEMA)
        self.told = f"an inventory of {len(facts)} of this machine's own files"

    def rows(self, rng: np.random.Generator, first: int, count: int) -> Columns:
        drawn = pa.array(rng.integers(0, self._real.num_rows, count))
        real = {name: self._real[name].combine_chunks().take(drawn) for name in SCHEMA.names}
        sizes = np.rint(noisy(real["size_bytes"].to_numpy(), rng)).astype(np.int64)
        shifts = np.rint(TIME_NOISE_SECONDS * rng.standard_normal(count)).astype(np.int64)
        times = real["modified_at"].to_numpy() + shifts
        changed = {
            "size_bytes": pa.array(sizes),
            "modified_at": pc.strftime(pa.array(times).cast(pa.timestamp("s")), "%Y-%m-%dT%H:%M:%SZ"),
        }
        for name, most in MOST.items():
            values = np.minimum(most, noisy(real[name].cast(pa.float64()).to_numpy(zero_copy_only=False), rng))
            rounded = pa.array(np.round(values, self.digits.get(name, 0)), from_pandas=True)
            changed[name] = rounded.cast(SCHEMA.field(name).type)
        made: Columns = {"id": pa.array(np.arange(first, first + count))}
        for name in SCHEMA.names:
            made[name] = changed.get(name, real[name])
            if name == "size_bytes":
                made["allocated_blocks"] = pa.array(-(-sizes // BLOCK_BYTES) * BLOCKS_EACH)
        return made


def _paths() -> set[str]:
    """All files that packages bring, less byte code, which comes and goes."""
    found: set[str] = set()
    for root in ROOTS.values():
        for directory, names, files in os.walk(root):
            names[:] = [name for name in names if name != "__pycache__"]
            found.update(os.path.join(directory, name) for name in files if not name.endswith(".pyc"))
    return {path for path in found if _is_unicode(path)}


def _packages() -> dict[str, str]:
    """By the path of a file the Debian package that it is of; empty elsewhere."""
    packages: dict[str, str] = {}
    for listing in sorted(Path("/var/lib/dpkg/info").glob("*.list")):
        packages |= dict.fromkeys(listing.read_text(errors="replace").splitlines(), listing.stem)
    return packages


def _is_unicode(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _fact(path: str) -> dict[str, Any] | None:
    """One real row; none for what is no file, or cannot be read."""
    try:
        status = os.lstat(path)
        if not stat.S_ISREG(status.st_mode):
            return None
        with open(path, "rb", buffering=0) as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return None
    lines = _lines(head)
    counts = np.bincount(np.frombuffer(head, np.uint8), minlength=256)
    return {
        "path": path,
        "extension": os.path.splitext(path)[1].removeprefix(".") or None,
        "media_type": mimetypes.guess_type(path)[0],
        "depth": path.count("/"),
        "size_bytes": status.st_size,
        "permissions": stat.filemode(status.st_mode),
        "hard_links": status.st_nlink,
        "owner": _owner(status.st_uid),
        "user_id": status.st_uid,
        "group": _group(status.st_gid),
        "group_id": status.st_gid,
        "modified_at": int(status.st_mtime),
        "is_executable": bool(status.st_mode & stat.S_IXUSR),
        "first_4k_sha256": hashlib.sha256(head).hexdigest()[:DIGEST_DIGITS],
        "first_4k_entropy": _entropy(counts) if head else None,
        "first_4k_ascii_share": float(counts[:128].sum()) / len(head) if head else None,
        "first_4k_lines": len(lines) if lines else None,
        "mean_line_bytes": len(head) / len(lines) if lines else None,
        "longest_line_bytes": max(len(line.encode()) for line in lines) if lines else None,
        "first_line": next((line for line in map(_shown, lines) if line), None),
    }


def _lines(head: bytes) -> list[str]:
    """Those of a text, of which the last may be cut off; none of anything else."""
    if b"\0" in head:
        return []
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(head, final=len(head) < HEAD_BYTES).split("\n")
    except UnicodeDecodeError:
        return []


def _shown(line: str) -> str:
    """Tabs stay, other control characters do not: no table has them."""
    return "".join(mark if mark.isprintable() or mark == "\t" else " " for mark in line[:LINE_CHARACTERS]).strip()


def _entropy(counts: np.ndarray) -> float:
    """Bits in a byte."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log2(shares)).sum())


@cache
def _owner(number: int) -> str | None:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return None


@cache
def _group(number: int) -> str | None:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return None


def source(seed: int, rows: int) -> Files:
    """Other files for another seed, where there are more than are wanted."""
    return Files(seed, min(rows, MOST_FILES))
