"""The protocol that all peers are driven by: operations as lines of commands, which the report prints.

A line may begin with `cd DIR &&`; `{…}` are filled in: tool, store, remote, destination, path, the versions current,
previous, and revision (whichever is asked for), and of commands that are watched python, count and told.
Operations that a peer lacks have no lines; what another operation of it stands in for is said in `stands_in`.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

Query = Callable[[str], str]


@dataclass(frozen=True)
class Command:
    """One process: its arguments and where it runs, relative to the working copy."""

    arguments: list[str]
    directory: str = "."


class Driver:
    """One peer. The subclasses are data, and the few lines that read a peer's answers."""

    name: ClassVar[str]
    commands: ClassVar[dict[str, list[str]]]
    stands_in: ClassVar[dict[str, str]] = {}
    settings: ClassVar[str]
    environment: ClassVar[dict[str, str]] = {}
    workloads: ClassVar[frozenset[str] | None] = None
    """The workloads that the peer is there for; None is all of them."""
    stores: ClassVar[list[str]]
    """Where history is kept, relative to the working copy."""
    extra_log_entries: ClassVar[int] = 0
    """Log entries that the set-up makes."""

    def __init__(self, executable: str | None) -> None:
        self.executable = executable

    @classmethod
    def locate(cls, given: str | None, tool_directory: Path) -> str | None:
        """The executable: the one given, else of the harness's virtual environment, else of PATH."""
        own = tool_directory / cls.name
        return shutil.which(given) if given else shutil.which(str(own)) or shutil.which(cls.name)

    def version(self, environment: dict[str, str]) -> str:
        """What the tool says of itself, on one line."""
        if self.executable is None:
            return "not installed"
        line = self.commands["version"][0].format(tool=self.executable)
        try:
            answer = subprocess.run(
                shlex.split(line), capture_output=True, text=True, check=True, timeout=60, env=environment
            )
        except (OSError, subprocess.SubprocessError) as error:
            return f"unknown ({error})"
        return answer.stdout.splitlines()[0].strip() if answer.stdout.strip() else "unknown (no answer)"

    def lines(self, operation: str, fields: dict[str, str]) -> list[Command]:
        """The commands of an operation, filled in; none if the peer does not have it."""
        return [self.parse(line, fields) for line in self.commands.get(operation, [])]

    def parse(self, line: str, fields: dict[str, str]) -> Command:
        """One line, filled in after it is split, so that no path needs quoting."""
        words = [word.format(tool=self.executable, **fields) for word in shlex.split(line)]
        return Command(words[3:], words[1]) if words[0] == "cd" else Command(words)

    def revision(self, query: Query, back: int) -> str:
        """How the peer calls the version so many commits back; `query` runs a command line, untimed."""
        del query
        return f"HEAD~{back}" if back else "HEAD"

    def named(self, operation: str, stdout: str, stderr: str) -> set[str] | None:
        """The files that a status or diff names, as paths in the working copy; None where it names none."""
        del operation, stdout, stderr
        return None

    def log_entries(self, stdout: str) -> int | None:
        """How many versions a log told; None if this driver cannot tell."""
        del stdout
        return None

    def inputs(self, query: Query) -> int | None:
        """How many tracked files the newest run is known to have read; None of what keeps no runs."""
        del query
        return None

    def outputs(self, query: Query) -> set[str] | None:
        """The files that any of the runs is known to have written; None of what keeps no runs."""
        del query
        return None

    def working_cpu(self, stdout: Path) -> float | None:
        """The CPU seconds of the work without the start, of a tool that tells them; None if it does not."""
        del stdout
        return None

    def live_bytes(self, query: Query) -> int | None:
        """What the peer itself says is live in its store; None if it does not say."""
        del query
        return None

