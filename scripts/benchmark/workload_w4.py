"""W4: one large file, edited in place."""

from __future__ import annotations

import random
from pathlib import Path

from .data import Facts, w4_middle, write_w4
from .workload import Growth, Outcome, Step, Trial, Values, Workload, first, size


class W4(Workload):
    """The growth is the difference of the store's size around the second commit."""

    name = "W4"
    lends = True

    def __init__(self) -> None:
        self._growth: Values = {}

    def write(self, root: Path, seed: str, scale: float) -> Facts:
        return write_w4(root, seed, scale)

    def steps(self) -> list[Step]:
        return [
            Step("first", "first commit", first, changes_state=True),
            Step("size", "store after it", size),
            Step("commit-edit", "commit after a 4-byte edit", self._commit, changes_state=True),
            Step("growth", "what the store grew by", lambda _: Outcome(values=self._growth)),
        ]

    def _commit(self, trial: Trial) -> Outcome:
        session = trial.session
        growth = Growth(session)
        session.warm(store=False)
        session.committed.change("data/large.bin", random.Random(trial.seed), w4_middle(trial.scale))
        outcome = Outcome([session.timed("commit", flush=True)])
        self._growth = growth.values()
        return outcome
