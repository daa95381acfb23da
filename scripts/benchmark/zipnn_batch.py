"""Applies ZipNN to all files of a directory: what its own scripts do, with the delta that they leave out.

usage: python -P zipnn_batch.py keep DIRECTORY VERSION PLAIN [BASE]
       python -P zipnn_batch.py restore VERSION DESTINATION

A version is a directory with one compressed file for each file, and a link to what its delta was taken from;
files that did not change are links to the version before.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from zipnn import ZipNN

TYPES = {"BF16": "bfloat16", "F32": "float32", "F16": "float16"}
COMPRESSED, BASE = ".znn", ".base"


def keep(directory: Path, version: Path, plain: Path, base: Path | None) -> None:
    previous = max(version.parent.iterdir(), default=None)
    version.mkdir()
    for path in sorted(directory.iterdir()):
        os.link(path, plain / f"{version.name}-{path.name}")
        target = version / (path.name + COMPRESSED)
        other = base
        if previous is not None and (before := plain / f"{previous.name}-{path.name}").exists():
            if before.samefile(path):
                _keep_as_before(target, previous)
                continue
            other = before
        _compress(path, target, other, plain)


def _keep_as_before(target: Path, previous: Path) -> None:
    for suffix in (COMPRESSED, BASE):
        if (before := previous / target.with_suffix(suffix).name).exists():
            target.with_suffix(suffix).symlink_to(before.resolve())


def _compress(path: Path, target: Path, other: Path | None, plain: Path) -> None:
    """Alone, or as a delta from another file, which is found again in the directory of plain ones."""
    if other is None or other.stat().st_size != path.stat().st_size:
        target.write_bytes(ZipNN(bytearray_dtype=_type(path)).compress(_read(path)))
        return
    kept = other if other.parent == plain else plain / f"{target.parent.name}-{other.name}"
    target.with_suffix(BASE).symlink_to(kept.resolve())
    coder = ZipNN(bytearray_dtype=_type(path), delta_compressed_type="byte")
    target.write_bytes(coder.compress(_read(path), delta_second_data=_read(other)))


def restore(version: Path, destination: Path) -> None:
    data = destination / "data"
    data.mkdir(parents=True)
    for path in sorted(version.glob(f"*{COMPRESSED}")):
        base = path.with_suffix(BASE)
        if base.exists():
            restored = ZipNN(delta_compressed_type="byte").decompress(_read(path), delta_second_data=_read(base))
        else:
            restored = ZipNN().decompress(_read(path))
        (data / path.stem).write_bytes(restored)


def _type(path: Path) -> str:
    """That of most tensors of the file."""
    with path.open("rb") as file:
        table = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    types = [entry["dtype"] for name, entry in table.items() if name != "__metadata__"]
    return TYPES[max(types, key=types.count)]


def _read(path: Path) -> bytearray:
    """ZipNN writes over what it is given."""
    return bytearray(path.read_bytes())


def main() -> None:
    start = time.process_time()
    command, *paths = sys.argv[1], *map(Path, sys.argv[2:])
    if command == "keep":
        keep(paths[0], paths[1], paths[2], paths[3] if len(paths) > 3 else None)
    else:
        restore(paths[0], paths[1])
    print("working", time.process_time() - start)


main()
