"""Runs one command and counts what its whole process tree used.

`wait4` gives the CPU time of a process and of the children that it waited for. What a tool detaches
would escape; so this process makes itself the subreaper (prctl(2), PR_SET_CHILD_SUBREAPER): orphans
become its children, are waited for inside the span, and are counted. A `Resident` is none of them.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from .errors import CommandFailed

PR_SET_CHILD_SUBREAPER = 36
DETACHED_GRACE_SECONDS = 60.0
STDERR_TAIL_BYTES = 600
_libc = ctypes.CDLL(None, use_errno=True)
_residents: set[int] = set()


@dataclass
class Usage:
    """CPU seconds of the process tree; peak resident bytes of its largest process."""

    cpu: float = 0.0
    peak_rss: int = 0

    def count(self, rusage: resource.struct_rusage) -> None:
        """Adds a process that has ended, with the descendants that it had waited for."""
        self.cpu += rusage.ru_utime + rusage.ru_stime
        self.peak_rss = max(self.peak_rss, rusage.ru_maxrss * 1024)


def adopt_orphans() -> None:
    """Makes this process the parent of whatever a command detaches."""
    if _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def flush_file_system(path: Path) -> None:
    """What `sync -f PATH` does: returns when all of the file system is on the device."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if _libc.syncfs(descriptor) != 0:
            raise OSError(ctypes.get_errno(), f"syncfs {path}")
    finally:
        os.close(descriptor)


def rss_floor() -> int:
    """The least peak that can be seen: a new process is charged its parent's pages until it executes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def run(
    command: list[str],
    directory: Path,
    environment: dict[str, str],
    stdout: Path,
    stderr: Path,
    limit_seconds: float,
) -> Usage:
    """Runs a command to the end of its last process; raises `CommandFailed` with what it wrote."""
    usage = Usage()
    with stdout.open("wb") as out, stderr.open("wb") as err:
        try:
            process = subprocess.Popen(
                command, cwd=directory, env=environment, stdin=subprocess.DEVNULL,
                stdout=out, stderr=err, close_fds=False, start_new_session=True,
            )
        except OSError as error:
            raise CommandFailed(f"{command[0]} does not start: {error.strerror}", 127) from error
        limit = _Limit(process.pid, limit_seconds)
        try:
            _, wait_status, rusage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(wait_status)
            usage.count(rusage)
            _wait_for_detached(usage)
        except BaseException:
            _end_group(process.pid)
            end_adopted()
            if process.returncode is None:
                process.wait()
            raise
        finally:
            limit.lift()
    name = " ".join(command[:3])
    if limit.reached:
        raise CommandFailed(f"`{name}` ended at the time limit of {limit_seconds:g} s", process.returncode)
    if process.returncode != 0:
        raise CommandFailed(f"`{name}`: {_tail(stderr)}", process.returncode)
    return usage


class Resident:
    """A child that stays while commands run, and is no part of them. It speaks by lines, and ends when its stdin does."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
        )
        _residents.add(self._process.pid)

    def answer(self) -> str:
        """The next line; nothing if it has ended."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def end(self) -> str:
        """Ends it; what it still told, nothing if it failed."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        told = self._process.stdout.read()
        self._process.wait()
        _residents.discard(self._process.pid)
        return told.strip() if self._process.returncode == 0 else ""


class _Limit:
    """Ends the process group when the time is over; the signal interrupts no system call for good (PEP 475)."""

    def __init__(self, group: int, seconds: float) -> None:
        self.reached = False
        self._group = group
        signal.signal(signal.SIGALRM, self._expire)
        signal.setitimer(signal.ITIMER_REAL, seconds)

    def _expire(self, _signal: int, _frame: object) -> None:
        self.reached = True
        _end_group(self._group)

    def lift(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _wait_for_detached(usage: Usage) -> None:
    deadline = time.monotonic() + DETACHED_GRACE_SECONDS
    while True:
        try:
            pid, _, rusage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid in _residents:
            raise CommandFailed("the other side has ended")
        if pid:
            usage.count(rusage)
        elif not running_children():
            return
        elif time.monotonic() > deadline:
            raise CommandFailed(f"left a process running for more than {DETACHED_GRACE_SECONDS:.0f} s")
        else:
            time.sleep(0.001)


def _end_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass


def end_adopted() -> None:
    """Ends the children of this process, which are this command's alone: commands run one at a time."""
    while found := running_children():
        for child in found:
            try:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
            except (ProcessLookupError, ChildProcessError):
                pass


def running_children() -> list[int]:
    """The children of this process that belong to commands."""
    return [child for child in children(os.getpid()) if child not in _residents]


def children(process: int) -> list[int]:
    """Those of all threads of a process; none if it has ended."""
    found: list[int] = []
    for listed in Path("/proc").glob(f"{process}/task/*/children"):
        try:
            found += [int(pid) for pid in listed.read_text().split()]
        except OSError:
            pass
    return found


def _tail(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - STDERR_TAIL_BYTES))
        text = file.read().decode(errors="replace")
    return " ".join(text.split()) or "nothing on stderr"
