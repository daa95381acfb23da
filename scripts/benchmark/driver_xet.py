"""hf-xet: the store of chunks behind the Hugging Face Hub, in a local directory; files by their digests, no history."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from .driver import Command, Driver, Query

SCRIPT = Path(__file__).with_name("xet_batch.py")
KEEP = "{tool} -P {script} keep data {store}/xet v{serial}"


class Xet(Driver):
    """A few lines of ours (`xet_batch.py`) give it all files and keep their digests. It stands beside the stores."""

    name = "hf-xet"
    settings = (
        "hf-xet's own defaults with a local endpoint, no SHA-256 (its chunks' digests stay), no telemetry; no history;"
        " it has no setting for durable writes; the start of Python is in its figures"
    )
    environment: ClassVar[dict[str, str]] = {"HF_HOME": "{home}/hf"}
    workloads = frozenset(("W2", "W2-files"))
    stores: ClassVar[list[str]] = ["../xet"]
    commands: ClassVar[dict[str, list[str]]] = {
        "set-up": ["mkdir -p {store}/xet/versions"],
        "first": [KEEP],
        "commit": [KEEP],
        "checkout-empty": ["{tool} -P {script} restore {store}/xet {revision} {destination}"],
        "version": ["""{tool} -c 'import importlib.metadata as m; print("hf-xet", m.version("hf-xet"))'"""],
    }

    @classmethod
    def locate(cls, given: str | None, tool_directory: Path) -> str | None:
        """The Python that has it."""
        if given is not None:
            return given
        installed = any(tool_directory.parent.glob("lib/python*/site-packages/hf_xet"))
        return str(tool_directory / "python") if installed else None

    def parse(self, line: str, fields: dict[str, str]) -> Command:
        return super().parse(line, {**fields, "script": str(SCRIPT)})

    def revision(self, query: Query, back: int) -> str:
        names = sorted(query("ls {store}/xet/versions").split())
        return names[max(0, len(names) - 1 - back)].removesuffix(".json")
