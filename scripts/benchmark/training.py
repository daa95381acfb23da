"""The trainings whose checkpoints W3 stores: made once by a Python that has torch, outside of all timed
spans, and kept beside the scratch data, so that a run that goes on and a run of another build find them."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from .data import W3_CHECKPOINTS
from .errors import BenchError, UsageError
from .results import self_ignoring
from .scratch import remove

PACKAGE = Path(__file__).resolve().parent
MODULES = ("torch", "safetensors")


@dataclass(frozen=True)
class Trainer:
    """Trains what is not in the cache yet. `python` is the one of the harness's virtual environment."""

    python: Path
    cache: Path

    def require(self) -> None:
        """Refuses before anything is measured."""
        command = [str(self.python), "-P", "-c", f"import {', '.join(MODULES)}"]
        if not self.python.exists() or subprocess.run(command, capture_output=True, check=False).returncode != 0:
            raise UsageError(
                f"W3 trains with {' and '.join(MODULES)}, which {self.python} does not have\n"
                "hint: scripts/bench --install-peers, or --only with other workloads"
            )

    def trained(self, name: str, seed: str, scale: float) -> Path:
        """The directory with what a training left: `ckpt01.bf16.safetensors` and so on. It is there whole or not at all."""
        key = hashlib.sha256(f"{seed} {scale} {W3_CHECKPOINTS} {_source_digest()}".encode()).hexdigest()[:16]
        made = self.cache / f"{name}-{key}"
        if made.exists():
            return made
        self_ignoring(self.cache)
        partial = self.cache / f"{made.name}.partial"
        remove(partial)
        partial.mkdir()
        self._train(name, partial, seed, scale)
        os.sync()
        partial.rename(made)
        return made

    def _train(self, name: str, directory: Path, seed: str, scale: float) -> None:
        number = random.Random(seed).getrandbits(32)
        command = [str(self.python), "-m", f"{PACKAGE.name}.train", name, str(directory), str(number), str(scale)]
        environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"}
        try:
            subprocess.run(command, check=True, stdout=sys.stderr, env=environment)
        except (OSError, subprocess.CalledProcessError) as error:
            remove(directory)
            raise BenchError(f"the training {name} failed: {error}") from error


def _source_digest() -> str:
    """Other code trains other weights: that of the trainings, and what chooses their files."""
    sources = [*sorted(PACKAGE.glob("train[._]*py")), PACKAGE / "realfiles.py"]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
