"""The other side of what goes over ssh: a real sshd on this machine, while a block runs.

It runs in a program of its own (`other_side_sshd.py`), so that what it starts is no part of the command that is
measured: the CPU time there is counted apart.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import process
from .errors import OperationError
from .interpreter import PACKAGE
from .scratch import remove


@dataclass
class Spent:
    """CPU seconds of sshd and of all that it started, known when the block is over."""

    cpu: float = 0.0


@contextmanager
def other_side(directory: Path) -> Iterator[Spent]:
    """Keys, configuration and the programs `ssh` and `ssh-counted` are in the directory, new each time."""
    remove(directory)
    directory.mkdir()
    command = [sys.executable, "-B", "-m", f"{PACKAGE.name}.other_side_sshd", str(directory)]
    program = process.Resident(command, os.environ | {"PYTHONPATH": str(PACKAGE.parent)})
    spent = Spent()
    try:
        if program.answer() != "ready":
            raise OperationError("no sshd could be started for the other side")
        yield spent
    finally:
        answer = program.end()
    if not answer:
        raise OperationError("processes of the other side were still running long after the command")
    spent.cpu = json.loads(answer)["cpu"]
