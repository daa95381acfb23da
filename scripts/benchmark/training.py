"""The trainings whose checkpoints W3 stores: made once by a Python that has torch, outside of all timed
spans, and kept beside the scratch data, so that a run that goes on and a run of another build find them."""

from __future__ import annotations

import hashlib
import os
import random
from dataclasses import dataclass
from pathlib import Path

from .data import W3_CHECKPOINTS
from .interpreter import PACKAGE, Interpreter
from .results import self_ignoring
from .scratch import remove


@dataclass(frozen=True)
class Trainer:
    """Trains what is not in the cache yet."""

    interpreter: Interpreter
    cache: Path

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
        try:
            self.interpreter.run("train", name, str(partial), str(random.Random(seed).getrandbits(32)), str(scale))
        except BaseException:
            remove(partial)
            raise
        os.sync()
        partial.rename(made)
        return made


def _source_digest() -> str:
    """Other code trains other weights: that of the trainings, and what chooses their files."""
    sources = [*sorted(PACKAGE.glob("train[._]*py")), PACKAGE / "realfiles.py"]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
