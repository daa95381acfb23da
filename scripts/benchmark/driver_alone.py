"""The watched commands with nothing that watches them."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from .driver import Driver
from .observed import sweeping, watched


class Alone(Driver):
    """Not a peer: what watching costs is a multiple of this. Its executable is the Python that runs the programs."""

    name = "alone"
    settings = "the commands as they are, by the Python of the virtual environment"
    workloads = frozenset(("observe", "sweep"))
    stores: ClassVar[list[str]] = []
    commands: ClassVar[dict[str, list[str]]] = {
        **watched(),
        "sweep": sweeping(),
        "version": [
            "{tool} -c 'import platform as p, importlib.metadata as m;"
            """ print("Python", p.python_version() + ", numpy", m.version("numpy") + ", Pillow", m.version("pillow"))'"""
        ],
    }

    @classmethod
    def locate(cls, given: str | None, tool_directory: Path) -> str | None:
        python = tool_directory / "python"
        return given or (str(python) if python.exists() else None)
