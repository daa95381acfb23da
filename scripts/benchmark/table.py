"""Draws one table and writes its versions, each as CSV, JSON Lines and Parquet.

usage: python -m benchmark.table SOURCE DIRECTORY SEED SCALE

This and the modules of the sources run in the harness's virtual environment, which has numpy and pyarrow.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from .data import W2_ROWS, W2_VERSIONS, scaled
from .table_source import Columns, Source
from .table_text import csv_header, csv_lines, json_lines

SOURCES = {"measurements": "table_measurements", "files": "table_files"}
CHANGED = 0.005
ROW_GROUP = 100_000


class Table:
    """One version of all rows: their columns, and beside them their lines, which are made once for each row."""

    def __init__(self, source: Source, rng: np.random.Generator, count: int) -> None:
        self._source = source
        self._rng = rng
        self._columns: Columns = {}
        self._lines: dict[str, pa.Array] = {}
        self._next = 0
        self._columns = self._new(count)
        self._lines = self._lines_of(self._columns)

    def change(self) -> None:
        """A third of what changes is edited, a third deleted, a third inserted, each at random places."""
        count, rng = len(self._columns["id"]), self._rng
        each = max(1, round(count * CHANGED / 3))
        places = rng.choice(count, each, replace=False)
        edited, inserted = self._edited(places), self._new(each)
        order = np.arange(count)
        order[places] = count + np.arange(each)
        order = np.delete(order, rng.choice(count, each, replace=False))
        order = np.insert(order, np.sort(rng.integers(0, len(order), each)), count + each + np.arange(each))
        _reorder(self._lines, (self._lines_of(edited), self._lines_of(inserted)), order)
        _reorder(self._columns, (edited, inserted), order)

    def write(self, directory: Path) -> None:
        directory.mkdir()
        for kind, lines in self._lines.items():
            with (directory / f"table.{kind}").open("wb") as file:
                if kind == "csv":
                    file.write(csv_header(list(self._columns)).encode())
                file.write(_bytes(lines))
        pq.write_table(
            pa.table(self._columns), directory / "table.parquet", compression="snappy", row_group_size=ROW_GROUP
        )

    def _new(self, count: int) -> Columns:
        columns = self._source.rows(self._rng, self._next, count)
        self._next += count
        return columns

    def _edited(self, places: np.ndarray) -> Columns:
        """Each of the rows with one of its cells, or a few that go together, as another row might have them."""
        other = self._source.rows(self._rng, 0, len(places))
        chosen = self._rng.integers(0, len(self._source.edited), len(places))
        at = pa.array(places)
        edited = {name: column.take(at) for name, column in self._columns.items()}
        for number, names in enumerate(self._source.edited):
            mask = pa.array(chosen == number)
            for name in names:
                edited[name] = pc.if_else(mask, other[name], edited[name])
        return edited

    def _lines_of(self, columns: Columns) -> dict[str, pa.Array]:
        digits = self._source.digits
        return {"csv": csv_lines(columns, digits), "jsonl": json_lines(columns, digits)}


def _reorder(columns: Columns, more: tuple[Columns, ...], order: np.ndarray) -> None:
    """Takes rows from all of these, in place: one column at a time is there twice."""
    at = pa.array(order)
    for name in list(columns):
        columns[name] = pa.concat_arrays([columns.pop(name), *(other[name] for other in more)]).take(at)


def _bytes(lines: pa.Array) -> memoryview:
    """All lines as they lie in memory, one after the other."""
    _, offsets, content = lines.buffers()
    first, last = np.frombuffer(offsets, np.int32)[[lines.offset, lines.offset + len(lines)]]
    return memoryview(content)[first:last]


def main() -> None:
    name, directory, seed, scale = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    start = time.monotonic()
    rows = scaled(W2_ROWS, scale, 1_000)
    source: Source = importlib.import_module(f".{SOURCES[name]}", __package__).source(seed, rows)
    table = Table(source, np.random.default_rng(seed), rows)
    for number in range(W2_VERSIONS):
        if number:
            table.change()
        table.write(directory / f"v{number}")
        print(f"  version {number}: {time.monotonic() - start:.0f} s", flush=True)
    facts = {"rows": rows, "told": source.told, "pyarrow": pa.__version__}
    (directory / "table.json").write_text(json.dumps(facts) + "\n")


if __name__ == "__main__":
    main()
