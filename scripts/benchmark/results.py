"""The results file: JSON Lines, appended to, so that what was measured survives whatever comes after."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from .errors import UsageError

Record = dict[str, Any]
Key = tuple[str, str, str, int]


class Results:
    """Records by kind: `run` (one for each start), `dataset`, `measurement`. Of two measurements with the
    same key the later one counts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.records = _read(path)

    def append(self, record: Record) -> None:
        """One write, then fsync: a record is there whole or, after a crash, as a torn last line that is skipped."""
        line = json.dumps(record, ensure_ascii=False) + "\n"
        with self.path.open("ab") as file:
            if file.tell() and not _ends_with_newline(self.path):
                line = "\n" + line
            os.write(file.fileno(), line.encode())
            os.fsync(file.fileno())
        self.records.append(record)

    def of_kind(self, kind: str) -> list[Record]:
        return [record for record in self.records if record["kind"] == kind]

    def measurements(self) -> dict[Key, Record]:
        return {key(record): record for record in self.of_kind("measurement")}


def key(record: Record) -> Key:
    """What a measurement is of."""
    return record["workload"], record["operation"], record["peer"], record["round"]


def self_ignoring(directory: Path) -> None:
    """Makes a directory that git leaves alone, whatever the project's own ignore rules say."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / ".gitignore").write_text("*\n")


def _read(path: Path) -> list[Record]:
    records: list[Record] = []
    if not path.exists():
        return records
    lines = path.read_text().split("\n")
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        try:
            record = json.loads(line)
            if not isinstance(record, dict) or "kind" not in record:
                raise UsageError(f"{path}, line {number}: not a record of this harness")
            records.append(record)
        except json.JSONDecodeError as error:
            if not line.startswith("{"):
                raise UsageError(f"{path}, line {number}: not a results file") from error
    return records


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() == b"\n"
