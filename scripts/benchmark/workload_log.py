"""A long log of signed entries, checked as a whole."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from .data import Facts, scaled
from .signed_log import write_signed_log
from .workload import Outcome, Step, Trial, Workload

ENTRIES = 100_000
REPEATS = 3


class Log(Workload):
    """The store of somebody else in a directory: its log is hashed, and all signatures are judged."""

    name = "log"
    peers = frozenset(("mlrepo",))

    def write(self, root: Path, seed: str, scale: float) -> Facts:
        root.mkdir(parents=True, exist_ok=True)
        write_signed_log(root / "store", root / "ada.pub", seed, scaled(ENTRIES, scale, 600))
        files = [path for path in root.rglob("*") if path.is_file()]
        return Facts(files=len(files), real=0, directories=sum(1 for path in root.rglob("*/")) + 1,
                     bytes=sum(path.stat().st_size for path in files))

    def steps(self) -> list[Step]:
        return [
            Step("check", "hash and judge all entries", _check, changes_state=True),
            Step("newest", "show the 20 newest entries", partial(_timed, operation="audit-log")),
            Step("prove", "prove an entry", partial(_timed, operation="prove")),
        ]


def _check(trial: Trial) -> Outcome:
    trial.session.untimed("audit-trust")
    return _timed(trial, "audit-check")


def _timed(trial: Trial, operation: str) -> Outcome:
    return Outcome([trial.session.timed(operation, flush=False) for _ in range(REPEATS)])
