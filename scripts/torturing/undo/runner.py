"""Runs commands, some of them to the system call at which they are killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

from ..program import Ended
from .steps import Edit, Kill

PATIENCE_SECONDS = 60
# Done, "no", typed wrong, no such thing, would overwrite, busy, not permitted: a random command may deserve each.
USUAL_STATUS = {0, 1, 64, 66, 73, 75, 77}
# Fewer kills that hit than this share, and the run has shown nothing.
LEAST_SHARE_OF_HITS = 0.1


class Finding(Exception):
    """Something is not as it has to be; `kind` tells findings apart when a scenario is shrunk."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind


class NotTraceable(Exception):
    """Nothing can be killed at a system call here."""


class Runner:
    def __init__(self, binary: Path, home: Path) -> None:
        self.binary = str(binary)
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(home), "MLREPO_USER_NAME": "Torture",
            "MLREPO_USER_EMAIL": "torture@example.com",
        }
        self.commands = self.planned = self.hit = 0

    def require_tracing(self) -> None:
        """Kills one command at its first call, to see that it can be done."""
        if shutil.which("strace") is None:
            raise NotTraceable("strace is not installed")
        done = subprocess.run([*Kill("close", 1).words(), self.binary, "version"], capture_output=True, text=True)
        if done.returncode != -signal.SIGKILL:
            raise NotTraceable(f"a command that was to be killed ended with {done.returncode} {done.stderr.strip()}")

    def has_hit_enough(self) -> bool:
        return self.hit >= LEAST_SHARE_OF_HITS * self.planned

    def edit(self, place: Path, edit: Edit) -> None:
        subprocess.run(["sh", "-c", f"{edit.functions()}\n{edit.shell()}"], cwd=place, env=self.environment, check=True)

    def run(self, place: Path, words: tuple[str, ...], kill: Kill | None = None) -> Ended:
        """Runs a command; one that hangs, dies by itself or ends with a status of no meaning is a finding."""
        self.commands += 1
        self.planned += kill is not None
        typed = [*(kill.words() if kill else []), self.binary, *words]
        try:
            done = subprocess.run(
                typed, cwd=place, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True,
                timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            raise Finding("a command hangs", f"{words} took more than {PATIENCE_SECONDS} seconds") from None
        out, err = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        ended = Ended(words, done.returncode, out, err)
        self.hit += kill is not None and ended.killed
        if ended.status < 0 and not (kill and ended.killed):
            raise Finding("a command dies by a signal", str(ended))
        return ended
