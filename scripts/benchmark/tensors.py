"""Files of safetensors, as far as W3 needs them without torch: read their tables, write their tensors otherwise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, BinaryIO

METADATA = "__metadata__"
BLOCK = 1 << 24
ALIGNMENT = 8


class Tensors:
    """The table of one file: by name the type, the shape, and where the bytes are."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            table: dict[str, Any] = json.loads(file.read(length))
        self._start = 8 + length
        self.metadata: dict[str, str] | None = table.pop(METADATA, None)
        self.table = table

    def size(self, name: str) -> int:
        first, last = self.table[name]["data_offsets"]
        return int(last - first)

    def copy(self, name: str, target: BinaryIO) -> None:
        """Appends the bytes of one tensor to a file."""
        with self.path.open("rb") as file:
            file.seek(self._start + self.table[name]["data_offsets"][0])
            left = self.size(name)
            while left:
                left -= target.write(file.read(min(BLOCK, left)))

    def read(self, name: str) -> bytes:
        with self.path.open("rb") as file:
            file.seek(self._start + self.table[name]["data_offsets"][0])
            return file.read(self.size(name))


def rename(source: Path, target: Path, prefix: str) -> None:
    """The same tensors in the same order, all their names behind a prefix."""
    tensors = Tensors(source)
    _write(target, tensors, list(tensors.table), prefix)


def split(source: Path, targets: tuple[Path, Path]) -> None:
    """The same tensors in two files of about the same size, in the order of their names read from the last part on."""
    tensors = Tensors(source)
    names = sorted(tensors.table, key=lambda name: name.split(".")[::-1])
    half = sum(tensors.size(name) for name in names) / 2
    first: list[str] = []
    while names and sum(tensors.size(name) for name in first) < half:
        first.append(names.pop(0))
    _write(targets[0], tensors, first)
    _write(targets[1], tensors, names)


def changed_bytes(source: Path, target: Path) -> int:
    """The size of the tensors of the target that the source does not have alike."""
    old, new = Tensors(source), Tensors(target)
    return sum(new.size(name) for name in new.table if name not in old.table or new.read(name) != old.read(name))


def _write(target: Path, tensors: Tensors, names: list[str], prefix: str = "") -> None:
    table: dict[str, Any] = {} if tensors.metadata is None else {METADATA: tensors.metadata}
    offset = 0
    for name in names:
        size = tensors.size(name)
        table[prefix + name] = {**tensors.table[name], "data_offsets": [offset, offset + size]}
        offset += size
    header = json.dumps(table, separators=(",", ":")).encode()
    header += b" " * (-len(header) % ALIGNMENT)
    with target.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for name in names:
            tensors.copy(name, file)
