"""One peer at work on one workload in one round: its directories, its environment, its timed commands."""

from __future__ import annotations

import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from . import process, tree
from .child import in_child
from .driver import Command, Driver
from .edits import Edits
from .errors import CommandFailed, NoSuchOperation
from .scratch import forget_removed, remove

DATA = "data"
IDENTITY = "[user]\n\tname = Benchmark\n\temail = benchmark@localhost\n"
"""What git wants to know before it commits."""
BACK = {"current": 0, "previous": 1}


@dataclass
class Sample:
    """One timed span. `wall` contains `flush`, the time until the file system was on the device."""

    cpu: float
    wall: float
    flush: float
    rss: int
    rss_floor: int
    working_cpu: float | None = None
    loop_wall: float | None = None
    """What a command measured of itself."""
    server_cpu: float | None = None
    """What the other side of ssh used."""

    def as_record(self) -> dict[str, float]:
        return {name: value for name, value in asdict(self).items() if value is not None}


class Session:
    """`place` holds the working copy, the stores, the tool's home and its answers, and is removed at the end."""

    def __init__(self, driver: Driver, place: Path, limit_seconds: float) -> None:
        self.driver = driver
        self.place = place
        self.work = place / "work"
        self.data = self.work / DATA
        self.touched = Edits(self.work)
        self.committed = Edits(self.work)
        self._limit_seconds = limit_seconds
        self._serial = 0
        self._stdout, self._stderr = place / "stdout", place / "stderr"
        home = place / "home"
        remove(place)
        for directory in (self.work, home, place / "tmp"):
            directory.mkdir(parents=True)
        (home / ".gitconfig").write_text(IDENTITY)
        self._environment = environment(home, place / "tmp") | {
            name: value.format(home=home, tool=driver.executable) for name, value in driver.environment.items()
        }

    def beside(self, name: str) -> Session:
        """Another session of the same peer, within this one's place: another empty store."""
        return Session(self.driver, self.place / name, self._limit_seconds)

    def reach(self, programs: Path, configuration: Path) -> None:
        """Commands find these programs first, and this in the place of ~/.ssh."""
        self._environment["PATH"] = f"{programs}{os.pathsep}{self._environment['PATH']}"
        (self.place / "home" / ".ssh").symlink_to(configuration)

    def set_up(self) -> None:
        """Makes an empty store, untimed."""
        self.untimed("set-up")

    def has(self, operation: str) -> bool:
        return operation in self.driver.commands

    def require(self, operation: str) -> None:
        """Raises for what the peer does not have."""
        if not self.has(operation):
            raise NoSuchOperation(f"{self.driver.name} has no such operation")

    def timed(self, operation: str, *, flush: bool, **fields: str) -> Sample:
        """`sync`, then the operation's commands one after the other; `flush` for what writes."""
        commands = self._commands(operation, fields)
        os.sync()
        start = time.perf_counter()
        usage = self._run(commands)
        ended = time.perf_counter()
        if flush:
            process.flush_file_system(self.place)
        flushed = time.perf_counter()
        return Sample(
            cpu=usage.cpu, wall=(flushed if flush else ended) - start, flush=flushed - ended if flush else 0.0,
            rss=usage.peak_rss, rss_floor=process.rss_floor(), working_cpu=self.driver.working_cpu(self._stdout),
        )

    def untimed(self, operation: str, **fields: str) -> None:
        """The same commands, where only what they leave behind matters."""
        self._run(self._commands(operation, fields))

    def query(self, line: str) -> str:
        """The answer to one command line, untimed."""
        self._run([self.driver.parse(line, {"store": str(self.place)})])
        return _text(self._stdout)

    def revision(self, back: int) -> str:
        """How the peer calls the version so many commits back."""
        return self.driver.revision(self.query, back)

    def named(self, operation: str) -> set[str] | None:
        """The files that the last command named. Read in a child: some tools list a million unchanged ones."""

        def read() -> list[str] | None:
            names = self.driver.named(operation, _text(self._stdout), _text(self._stderr))
            return None if names is None else sorted(names)

        names = in_child(read)
        return None if names is None else set(names)

    def log_entries(self) -> int | None:
        """How many versions the last command told."""
        return self.driver.log_entries(_text(self._stdout))

    def store_size(self) -> tree.Size:
        return tree.size(*self._stores())

    def live_bytes(self) -> int | None:
        """What the peer counts as live, if it counts; a peer that cannot answer is not thereby failed."""
        try:
            return self.driver.live_bytes(self.query)
        except (CommandFailed, ValueError, KeyError):
            return None

    def warm(self, *, store: bool) -> None:
        """Reads the store (for what reads it) and then the tree, so that both are in the page cache."""
        tree.warm(*(self._stores() if store else []), self.data)

    def warm_anew(self, *, store: bool) -> None:
        """The same after everything removed before is forgotten, for what makes many files."""
        forget_removed()
        self.warm(store=store)

    def close(self) -> None:
        self.touched.take_back()
        remove(self.place)

    def _stores(self) -> list[Path]:
        return [path for name in self.driver.stores if (path := (self.work / name).resolve()).exists()]

    def _commands(self, operation: str, fields: dict[str, str]) -> list[Command]:
        self.require(operation)
        self._serial += 1
        known = {"store": str(self.place), "serial": f"{self._serial:06d}", **fields}
        lines = self.driver.commands[operation]
        known |= {name: self.revision(back) for name, back in BACK.items() if any(f"{{{name}}}" in line for line in lines)}
        return self.driver.lines(operation, known)

    def _run(self, commands: list[Command]) -> process.Usage:
        total = process.Usage()
        for command in commands:
            usage = process.run(
                command.arguments, self.work / command.directory, self._environment, self._stdout, self._stderr,
                self._limit_seconds,
            )
            total.cpu += usage.cpu
            total.peak_rss = max(total.peak_rss, usage.peak_rss)
        return total


def _text(path: Path) -> str:
    return path.read_text(errors="replace")


def environment(home: Path, temporary: Path) -> dict[str, str]:
    """The same small environment for all: nobody's settings, one language, one clock."""
    return {
        "PATH": os.environ.get("PATH", os.defpath), "HOME": str(home), "TMPDIR": str(temporary), "TZ": "UTC",
        "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "USER": "benchmark", "LOGNAME": "benchmark", "TERM": "dumb",
    }
