"""A program that keeps an sshd as long as its stdin is open, and tells then what that used. Typed as

    python -m benchmark.other_side_sshd DIRECTORY

It says `ready` when the server answers, and at the end one line of JSON: the CPU seconds of sshd and of everything that
it started, less those of a server that nobody speaks to. It is the parent of what outlives its connection.
"""

from __future__ import annotations

import json
import os
import resource
import shlex
import shutil
import sys
import time
from pathlib import Path

from . import process
from .interpreter import PACKAGE
from .session import IDENTITY

sys.path.insert(0, str(PACKAGE.parents[1] / "Tests" / "CommandTests"))

from ssh_server import SSHServer, missing  # noqa: E402

SETTLING_SECONDS = 60.0
TURNS = PACKAGE / "turns.py"


class Server(SSHServer):
    """Its sessions have a home of their own, so that nobody's settings are in the figures, and the PATH of the harness."""

    def configure(self, sftp: str) -> None:
        super().configure(sftp)
        home = self.keys.parent / "home"
        home.mkdir(exist_ok=True)
        # git-annex commits there, too.
        (home / ".gitconfig").write_text(IDENTITY)
        with (self.keys / "sshd_config").open("a") as file:
            file.write(f"Compression no\nSetEnv HOME={home} PATH={os.environ.get('PATH', os.defpath)}\n")
        with (self.keys / "config").open("a") as file:
            file.write("Host *\n  Compression no\n  LogLevel ERROR\n  StrictHostKeyChecking yes\n")


def lacking() -> str | None:
    """Why there can be no other side on this machine; nothing if there can."""
    return missing()


def main() -> None:
    directory = Path(sys.argv[1])
    process.adopt_orphans()
    idle = _stopped(Server(directory / "idle"))
    server = Server(directory / "keys")
    _write_programs(directory)
    print("ready", flush=True)
    sys.stdin.read()
    print(json.dumps({"cpu": max(0.0, _stopped(server) - idle)}))


def _write_programs(directory: Path) -> None:
    """`ssh` is what all tools find first in PATH; it takes its configuration from here, as it does not look at HOME.
    `ssh-counted` also counts round trips."""
    programs = directory / "bin"
    programs.mkdir()
    ssh = shlex.join([str(shutil.which("ssh")), "-F", str(directory / "keys" / "config")])
    counted = shlex.join([sys.executable, "-B", str(TURNS), str(directory / "turns")])
    for name, line in (("ssh", ssh), ("ssh-counted", f"{counted} {ssh}")):
        (programs / name).write_text(f'#!/bin/sh\nexec {line} "$@"\n')
        (programs / name).chmod(0o755)


def _stopped(server: Server) -> float:
    """Stops a server after the last of its connections; the CPU seconds of all."""
    before = _used()
    try:
        _settle(server.process.pid)
    finally:
        server.stop()
        process.end_adopted()
    return _used() - before


def _settle(listener: int) -> None:
    """Waits until sshd serves nobody, and nothing that it left behind runs."""
    deadline = time.monotonic() + SETTLING_SECONDS
    while process.children(listener) or _left_behind(listener):
        if time.monotonic() > deadline:
            raise TimeoutError(f"still running after {SETTLING_SECONDS:.0f} s")
        time.sleep(0.002)


def _left_behind(listener: int) -> bool:
    """Whether anything of it runs; what has ended is counted."""
    left = [pid for pid in process.running_children() if pid != listener]
    return not all(os.waitpid(pid, os.WNOHANG)[0] for pid in left)


def _used() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
