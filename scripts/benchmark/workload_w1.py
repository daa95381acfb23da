"""W1: many real small files."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from . import tree
from .data import Facts, scaled, write_w1
from .errors import WrongAnswer
from .scratch import remove
from .session import Session
from .workload import Outcome, Step, Trial, Workload, commit, first, size, status

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
            _require_tree(session.data, self._previous)
            session.untimed("checkout-back")
            _require_tree(session.data, self._current)
        return Outcome(samples)

    def _checkout_empty(self, trial: Trial) -> Outcome:
        session = trial.session
        session.warm_anew(store=True)
        destination = session.place / "elsewhere"
        if not _makes_destination(session):
            destination.mkdir()
        sample = session.timed("checkout-empty", flush=True, destination=str(destination))
        _require_tree(destination / session.data.name, self._current)
        remove(destination)
        return Outcome([sample])


def _makes_destination(session: Session) -> bool:
    """Only tools that work inside the destination need it to be there before."""
    return not any(line.startswith("cd {destination}") for line in session.driver.commands["checkout-empty"][:1])


def _require_tree(root: Path, expected: str) -> None:
    if not root.is_dir() or tree.digest(root) != expected:
        raise WrongAnswer("the tree that was checked out is not the one committed")
