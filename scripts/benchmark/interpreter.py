"""The Python of the harness's virtual environment, which has the libraries that some data is made with."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .errors import BenchError, UsageError

PACKAGE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Interpreter:
    """Runs modules of this package elsewhere: this process has to stay small."""

    executable: Path

    def require(self, modules: Iterable[str]) -> None:
        """Refuses before anything is measured."""
        wanted = sorted(set(modules))
        if not wanted:
            return
        command = [str(self.executable), "-P", "-c", f"import {', '.join(wanted)}"]
        if not self.executable.exists() or subprocess.run(command, capture_output=True, check=False).returncode != 0:
            raise UsageError(
                f"the data is made with {', '.join(wanted)}, and {self.executable} does not have all of them\n"
                "hint: scripts/bench --install-peers, or --only with other workloads"
            )

    def run(self, module: str, *arguments: str) -> None:
        """Runs one to its end; what it tells goes to stderr."""
        command = [str(self.executable), "-m", f"{PACKAGE.name}.{module}", *arguments]
        environment = os.environ | {
            "PYTHONPATH": str(PACKAGE.parent), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0",
        }
        try:
            subprocess.run(command, check=True, stdout=sys.stderr, env=environment)
        except (OSError, subprocess.CalledProcessError) as error:
            raise BenchError(f"making the data failed: {' '.join(command[1:4])}: {error}") from error
