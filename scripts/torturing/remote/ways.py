"""The ways to the other store: a directory, a real ssh on this machine, and that with no mlrepo on the other side."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from ..program import Wrong

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "Tests" / "CommandTests"))

from ssh_server import SSHServer, missing  # noqa: E402

RELAY = Path(__file__).with_name("relay.py")
SFTP_SERVERS = ("/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/lib/ssh/sftp-server",
                "/usr/libexec/sftp-server")
# How long the other side may go on after its client is gone.
SETTLING_SECONDS = 30


@dataclass(frozen=True)
class Counted:
    """Bytes towards the other side, and from there."""

    sent: int = 0
    received: int = 0

    def __sub__(self, other: Counted) -> Counted:
        return Counted(self.sent - other.sent, self.received - other.received)


class Way:
    """A directory: there is no other side that could be killed, and no line on which bytes could be counted."""

    name = "directory"
    is_line = False
    # Bytes that are lost at most when somebody is killed: what was on its way.
    window = 1 << 20

    def __init__(self) -> None:
        self.environment: dict[str, str] = {}

    def place(self, store: Path) -> str:
        return str(store)

    def servers(self) -> list[int]:
        return []

    def counted(self) -> Counted:
        return Counted()

    def settle(self) -> None:
        """Waits until nothing is at work for a client that is gone."""

    def stop(self) -> None:
        pass


class SSH(Way):
    """mlrepo is there, and is started by ssh.

    What goes over the line is counted, and servers are known by their process ids.
    """

    name = "ssh"
    is_line = True
    # Uploading.swift: requests of 256 KiB, 32 of them on their way, and 1 MiB that waits to be sent.
    window = (8 << 20) + (1 << 20)
    words_of_server = "serve --stdio"

    def __init__(self, home: Path, binary: Path) -> None:
        super().__init__()
        self.pids, self.counts = home / "servers", home / "counts"
        self.pids.mkdir(parents=True)
        self.counts.mkdir()
        server = self.starter(home / "server", self.program_of_server(binary))
        self.sshd = SSHServer(home / "ssh", sftp=str(server))
        self.environment["MLREPO_SSH"] = f"{sys.executable} {RELAY} {self.counts} {self.sshd.command}"
        self.environment["MLREPO_SERVER"] = self.word_for_server(server)

    def program_of_server(self, binary: Path) -> str:
        return str(binary)

    def word_for_server(self, starter: Path) -> str:
        return str(starter)

    def starter(self, path: Path, program: str) -> Path:
        """A program that leaves its process id behind and becomes another one."""
        path.write_text(f'#!/bin/sh\n: >"{self.pids}/$$"\nexec "{program}" "$@"\n')
        path.chmod(0o755)
        return path

    def place(self, store: Path) -> str:
        return f"there:{store}"

    def servers(self) -> list[int]:
        return alive([int(path.name) for path in self.pids.iterdir()], self.words_of_server)

    def counted(self) -> Counted:
        sent = received = 0
        for path in self.counts.iterdir():
            numbers = path.read_bytes()
            sent += int.from_bytes(numbers[:8], sys.byteorder)
            received += int.from_bytes(numbers[8:], sys.byteorder)
        return Counted(sent, received)

    def settle(self) -> None:
        end = time.monotonic() + SETTLING_SECONDS
        while time.monotonic() < end:
            relays = alive([int(path.name.split("-")[0]) for path in self.counts.iterdir()], str(RELAY))
            if not relays and not self.servers():
                return
            time.sleep(0.02)
        raise Wrong(f"{SETTLING_SECONDS} seconds after their client: relays {relays}, servers {self.servers()}")

    def stop(self) -> None:
        self.sshd.stop()


class SFTP(SSH):
    """No mlrepo is there: files are moved by OpenSSH's sftp-server."""

    name = "sftp"
    # SFTPUploading.swift: 4 MiB on their way, and 1 MiB that waits to be sent.
    window = (4 << 20) + (1 << 20)
    words_of_server = "sftp-server"

    def program_of_server(self, binary: Path) -> str:
        return sftp_server() or ""

    def word_for_server(self, starter: Path) -> str:
        return "no-such-mlrepo"


def sftp_server() -> str | None:
    paths = (shutil.which("sftp-server"), *SFTP_SERVERS)
    return next((path for path in paths if path and os.access(path, os.X_OK)), None)


NAMES = ("directory", "ssh", "sftp")


def lacking(name: str) -> str | None:
    """Why a way cannot be tried on this machine; nothing if it can."""
    if name == "directory":
        return None
    if name == "sftp" and sftp_server() is None:
        return "sftp-server (openssh-sftp-server) is not there"
    return missing()


def opened(name: str, home: Path, binary: Path) -> Way:
    return {"ssh": SSH, "sftp": SFTP}[name](home, binary) if name != "directory" else Way()


def alive(pids: list[int], words: str) -> list[int]:
    """Those of some processes that run, and are what was started: a number may have been given to another one since."""
    pids = [pid for pid in pids if exists(pid)]
    if not pids:
        return []
    asked = ["ps", "-ww", "-o", "pid=,stat=,args=", "-p", ",".join(map(str, pids))]
    listed = subprocess.run(asked, capture_output=True, text=True)
    found = [line.split(None, 2) for line in listed.stdout.splitlines()]
    return [int(pid) for pid, state, arguments in found if not state.startswith("Z") and words in arguments]


def exists(pid: int) -> bool:
    return signalled(pid, 0)


def kill(pid: int) -> bool:
    """Whether it was still there to be killed."""
    return signalled(pid, signal.SIGKILL)


def signalled(pid: int, number: int) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        # Somebody else's, who was given the number since.
        return number == 0
    return True
