"""Start-up times in a small store."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from .data import Facts, write_start
from .workload import Outcome, Step, Trial, Workload, first, status

REPEATS = 20


class Start(Workload):
    """A process that does nothing is measured beside the peers: that much is the harness's own."""

    name = "start"

    def write(self, root: Path, seed: str, scale: float) -> Facts:
        return write_start(root, seed, scale)

    def steps(self) -> list[Step]:
        return [
            Step("version", "version", _version),
            Step("first", "first commit (no goal)", first, changes_state=True),
            Step("status", "status, ten files touched", partial(status, repeats=REPEATS)),
        ]


def _version(trial: Trial) -> Outcome:
    return Outcome([trial.session.timed("version", flush=False) for _ in range(REPEATS)])
