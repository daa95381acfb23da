"""W1: many real small files."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from . import tree
from .data import Facts, scaled, write_w1
from .workload import Outcome, Step, Trial, Workload, checkout_empty, commit, first, require_tree, size, status

MANY = 1_000


class W1(Workload):
    """Its checkouts are compared with what was committed, file by file."""

    name = "W1"

    def __init__(self) -> None:
        self._previous = self._current = ""

    def write(self, root: Path, seed: str, scale: float) -> Facts:
        return write_w1(root, seed, scale)

    def steps(self) -> list[Step]:
        return [
            Step("first", "first add and commit", first, changes_state=True),
            Step("size", "store after it", size),
            Step("status", "status, ten files touched", partial(status, repeats=3)),
            Step("commit-1", "commit of 1 changed file", partial(commit, count=1, repeats=3), changes_state=True),
            Step("commit-1000", "commit of 1,000 changed files", self._commit_many, changes_state=True),
            Step("checkout-previous", "checkout of the previous version", self._checkout_previous),
            Step("checkout-empty", "checkout into an empty tree", self._checkout_empty),
        ]

    def _commit_many(self, trial: Trial) -> Outcome:
        self._previous = tree.digest(trial.session.data)
        outcome = commit(trial, scaled(MANY, trial.scale, 10), 1)
        self._current = tree.digest(trial.session.data)
        return outcome

    def _checkout_previous(self, trial: Trial) -> Outcome:
        session = trial.session
        session.require("checkout-previous")
        session.warm(store=True)
        samples = []
        for _ in range(3):
            samples.append(session.timed("checkout-previous", flush=True))
            require_tree(session.data, self._previous)
            session.untimed("checkout-back")
            require_tree(session.data, self._current)
        return Outcome(samples)

    def _checkout_empty(self, trial: Trial) -> Outcome:
        trial.session.warm_anew(store=True)
        return Outcome([checkout_empty(trial.session, 0, self._current)])
