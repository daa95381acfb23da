"""observe: what it costs to watch a command, beside the command alone and beside strace."""

from __future__ import annotations

import json
import random
import shutil
from functools import partial
from pathlib import Path
from typing import ClassVar

from . import tree
from .data import OBSERVE_PASSES, OBSERVE_RUNS, OBSERVE_STEPS, Facts, scaled, write_observe_small
from .errors import CommandFailed, WrongAnswer
from .interpreter import PACKAGE, Interpreter
from .observed import READS
from .session import Sample, Session
from .training import Trainer
from .workload import Outcome, Step, Trial, Workload

REPEATS = {"loop": 3, "files": 3, "images": 1, "cpu": 1}
OUT = "out"
IGNORED = f"data/\n{OUT}/\n.mlrepo/\n"


class Observe(Workload):
    """The programs are code that git knows, the data is tracked by the peers that track. A program measures its
    own loop, so that watching is told apart from the start and from what is recorded when the program has ended."""

    name = "observe"
    lends = True
    peers = frozenset(("alone", "mlrepo", "mlrepo-declared", "mlrepo-preload", "mlrepo-strace", "strace"))
    needs: ClassVar[tuple[str, ...]] = ("numpy", "PIL.Image")

    def __init__(self) -> None:
        self._interpreter: Interpreter | None = None
        self._is_set_out = False

    def prepare(self, trainer: Trainer, seed: str, scale: float) -> None:
        self._interpreter = trainer.interpreter

    def write(self, root: Path, seed: str, scale: float) -> Facts:
        assert self._interpreter is not None, "prepare comes before"
        small = write_observe_small(root / "small", seed, scale)
        self._interpreter.run("observed_data", str(root), str(random.Random(seed).getrandbits(32)), str(scale))
        made = json.loads((root / "made.json").read_text())
        images = [path.stat().st_size for path in root.glob("images/*/*")]
        table = (root / "table.npy").stat().st_size
        made_by = (
            f"{small['files']} small files of real text, {len(images)} JPEG images of {sum(images) / len(images):.0f} bytes"
            f" on average, a table of {table / 1e6:.1f} MB; Pillow {made['pillow']}, numpy {made['numpy']}."
        )
        size = tree.size(root)
        directories = sum(1 for _ in root.rglob("*/")) + 1
        return Facts(files=size["files"], real=0, directories=directories, bytes=size["bytes"], made_by=made_by)

    def steps(self) -> list[Step]:
        return [
            Step("loop", "100,000 times open, read, close, and nothing else", partial(self._read, name="loop")),
            Step("files", "the same by Python's file objects", partial(self._read, name="files")),
            Step("images", "decoding of 100,000 small images", partial(self._read, name="images")),
            Step("cpu", "a training on one core", partial(self._read, name="cpu")),
            Step("many", "200 commands that write a file, from 16 processes", self._many),
        ]

    def _read(self, trial: Trial, name: str) -> Outcome:
        session = trial.session
        self._set_out(trial)
        path = session.work / READS[name]
        files = tree.size(path)["files"] if path.is_dir() else 1
        tree.warm(path if path.is_dir() else path.parent)
        return Outcome([_timed(trial, name, files) for _ in range(REPEATS[name])])

    def _many(self, trial: Trial) -> Outcome:
        """The count is that of the commands of which is known what they wrote."""
        session = trial.session
        self._set_out(trial)
        count = scaled(OBSERVE_RUNS, trial.scale, 20)
        try:
            sample = session.timed("many", flush=True, count=str(count))
        except CommandFailed as error:
            reason = f"{error.reason} (recorded: {_recorded(session)} of {count})"
            raise CommandFailed(reason, error.exit_status) from error
        missing = count - sum(1 for _ in (session.work / OUT).iterdir())
        if missing:
            raise WrongAnswer(f"{missing} of {count} commands wrote nothing")
        recorded = _recorded(session)
        return Outcome([sample], {} if recorded is None else {"recorded": recorded})

    def _set_out(self, trial: Trial) -> None:
        """The working copy as a project has it, untimed: code in git, and the data committed."""
        if self._is_set_out:
            return
        session = trial.session
        for name in READS:
            shutil.copyfile(PACKAGE / f"observed_{name}.py", session.work / f"{name}.py")
        (session.work / ".gitignore").write_text(IGNORED)
        (session.work / OUT).mkdir()
        for line in ("git init -q -b main .", "git add .", "git commit -q -m programs"):
            session.query(line)
        if session.has("first"):
            session.untimed("first")
        self._is_set_out = True


def _timed(trial: Trial, name: str, files: int) -> Sample:
    """A run that is not known to have read all of the files was not watched, and its time is worth nothing."""
    session = trial.session
    told = session.place / "told"
    told.unlink(missing_ok=True)
    count = {"images": 1, "cpu": scaled(OBSERVE_STEPS, trial.scale, 50)}.get(name, OBSERVE_PASSES)
    sample = session.timed(name, flush=False, python=str(trial.python), count=str(count), told=str(told))
    sample.loop_wall = float(told.read_text())
    known = session.driver.inputs(session.query)
    if known is not None and known != files:
        raise WrongAnswer(f"{known} files are recorded as read, of {files}")
    return sample


def _recorded(session: Session) -> int | None:
    written = session.driver.outputs(session.query)
    return None if written is None else sum(path.startswith(f"{OUT}/") for path in written)
