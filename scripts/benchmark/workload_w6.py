"""W6: a million tiny files."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from . import tree
from .data import Facts, write_w6
from .workload import Outcome, Step, Trial, Workload, commit, first, require_named, size, status


class W6(Workload):
    """The walk is the baseline's; the other operations are compared with it."""

    name = "W6"
    lends = True

    def write(self, root: Path, seed: str, scale: float) -> Facts:
        return write_w6(root, seed, scale)

    def steps(self) -> list[Step]:
        return [
            Step("walk", "the bare walk (baseline)", _walk),
            Step("first", "first commit (no goal)", first, changes_state=True),
            Step("size", "store after it (no goal)", size),
            Step("status", "status, ten files touched", partial(status, repeats=3)),
            Step("commit-1", "commit of one file", partial(commit, count=1, repeats=1), changes_state=True),
            Step("diff", "diff of two versions", _diff),
        ]


def _walk(trial: Trial) -> Outcome:
    trial.session.warm(store=False)
    return Outcome([trial.session.timed("walk", flush=False) for _ in range(3)])


def _diff(trial: Trial) -> Outcome:
    session = trial.session
    changed = tree.choose(session.data, 1, f"{trial.seed}:commit-1:0")
    samples = []
    for _ in range(3):
        samples.append(session.timed("diff", flush=False))
        require_named(session, "diff", changed)
    return Outcome(samples)
