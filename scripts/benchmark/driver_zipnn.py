"""ZipNN: a library that compresses weights, and their difference from others; no store."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from .driver import Command, Driver, Query

SCRIPT = Path(__file__).with_name("zipnn_batch.py")
KEEP = "{tool} -P {script} keep data {store}/zipnn/v{serial} {store}/plain"


class Zipnn(Driver):
    """A few lines of ours (`zipnn_batch.py`) apply it to one file after the other. It stands beside the stores."""

    name = "zipnn"
    settings = (
        "ZipNN's own defaults; delta_compressed_type byte against the file before, or the one it was made from, where the"
        " sizes are the same. What a delta is taken from is kept in full and not counted; no history, no digests, nothing"
        " is made durable. CPU seconds without the start leave out the import of torch and nothing else"
    )
    workloads = frozenset(("W3", "W3-conv"))
    stores: ClassVar[list[str]] = ["../zipnn"]
    commands: ClassVar[dict[str, list[str]]] = {
        "set-up": ["mkdir {store}/zipnn {store}/plain"],
        "first": [KEEP],
        "commit": [KEEP],
        "commit-new": [KEEP],
        "commit-from": [f"{KEEP} {{path}}"],
        "checkout-empty": ["{tool} -P {script} restore {store}/zipnn/{revision} {destination}"],
        "version": ["""{tool} -c 'import importlib.metadata as m; print("zipnn", m.version("zipnn"))'"""],
    }

    @classmethod
    def locate(cls, given: str | None, tool_directory: Path) -> str | None:
        """The Python that has it."""
        if given is not None:
            return given
        installed = any(tool_directory.parent.glob("lib/python*/site-packages/zipnn"))
        return str(tool_directory / "python") if installed else None

    def parse(self, line: str, fields: dict[str, str]) -> Command:
        return super().parse(line, {**fields, "script": str(SCRIPT)})

    def revision(self, query: Query, back: int) -> str:
        names = sorted(query("ls {store}/zipnn").split())
        return names[max(0, len(names) - 1 - back)]

    def working_cpu(self, stdout: Path) -> float | None:
        words = stdout.read_text().split()
        return float(words[1]) if words[:1] == ["working"] else None
