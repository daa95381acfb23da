"""Runs the real program, to its end or until it is killed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

PATIENCE_SECONDS = 120
# What a command is thought to take before it has been seen.
FIRST_GUESS_SECONDS = 0.03


class Wrong(Exception):
    """Something is not as it has to be."""


@dataclass
class Ended:
    """How a command ended; `status` is -9 if it was killed."""

    words: tuple[str, ...]
    status: int
    out: str
    err: str

    @property
    def killed(self) -> bool:
        return self.status == -signal.SIGKILL

    def json(self) -> object:
        return json.loads(self.out)

    def lines(self) -> list:
        return [json.loads(line) for line in self.out.splitlines()]

    def __str__(self) -> str:
        return f"mlrepo {' '.join(self.words)} ended with {self.status}: {self.out.strip()} {self.err.strip()}"


class Running:
    """A command that was started and has not been waited for."""

    def __init__(self, program: Program, place: Path, words: tuple[str, ...]) -> None:
        self.program = program
        self.words = words
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [program.binary, *words], cwd=place, env=program.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def end(self) -> Ended:
        out, err = self.process.communicate(timeout=PATIENCE_SECONDS)
        ended = Ended(self.words, self.process.returncode, out.decode(errors="replace"), err.decode(errors="replace"))
        self.program.note(ended, time.monotonic() - self.started)
        return ended


class Program:
    """The binary, what is known of how long its commands take, and a journal of all that was typed."""

    def __init__(self, binary: Path, home: Path, generator: random.Random) -> None:
        self.binary = str(binary)
        self.generator = generator
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(home), "MLREPO_USER_NAME": "Torture",
            "MLREPO_USER_EMAIL": "torture@example.com",
        }
        self.journal = (home / "journal.txt").open("w")
        self.seconds: dict[str, float] = {}
        self.commands = 0
        self.kills = 0
        listed = subprocess.run([self.binary, "help"], capture_output=True, text=True, check=True).stdout
        # All groups; the page's options begin with a dash.
        self.known = {line.split()[0].rstrip(",") for line in listed.splitlines() if line.startswith("  ") and line[2].isalpha()}

    def has(self, command: str) -> bool:
        return command in self.known

    def note(self, ended: Ended, seconds: float) -> None:
        self.commands += 1
        self.kills += ended.killed
        if not ended.killed:
            known = self.seconds.get(ended.words[0], seconds)
            self.seconds[ended.words[0]] = 0.8 * known + 0.2 * seconds
        print(f"{seconds:8.4f}  {ended.status:3}  {' '.join(ended.words)}", file=self.journal, flush=True)

    def delay(self, command: str) -> float:
        """When to kill: anywhere in the time that the command takes, more often near its end, where it commits."""
        usual = self.seconds.get(command, FIRST_GUESS_SECONDS)
        low = 0.5 if self.generator.random() < 0.4 else 0
        return usual * self.generator.uniform(low, 1.1)

    def start(self, place: Path, *words: str) -> Running:
        return Running(self, place, words)

    def run(self, place: Path, *words: str) -> Ended:
        return self.start(place, *words).end()

    def must(self, place: Path, *words: str) -> Ended:
        """Runs a command that has to succeed."""
        ended = self.run(place, *words)
        if ended.status != 0:
            raise Wrong(str(ended))
        return ended

    def kill(self, place: Path, *words: str) -> Ended:
        """Runs a command and kills it after a random time, unless it has ended by then."""
        delay = self.delay(words[0])
        running = self.start(place, *words)
        time.sleep(delay)
        running.process.kill()
        return running.end()

    def kill_some(self, commands: list[tuple[Path, list[str]]]) -> list[Ended]:
        """Runs commands at once and kills at least one of them after a random time."""
        victims = self.generator.sample(range(len(commands)), self.generator.randrange(1, len(commands) + 1))
        deadlines = sorted((1.5 * self.delay(commands[victim][1][0]), victim) for victim in victims)
        running = [self.start(place, *words) for place, words in commands]
        begin = time.monotonic()
        for deadline, victim in deadlines:
            time.sleep(max(0, begin + deadline - time.monotonic()))
            running[victim].process.kill()
        return [one.end() for one in running]
