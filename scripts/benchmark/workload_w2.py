"""W2: ten versions of one table, each as CSV, JSON Lines and Parquet."""

from __future__ import annotations

import json
import random
import shutil
import statistics
from functools import partial
from pathlib import Path
from typing import ClassVar

from . import tree
from .data import W2_VERSIONS, Facts
from .interpreter import Interpreter
from .session import Session
from .training import Trainer
from .workload import Growth, Outcome, Step, Trial, Values, Workload, checkout_empty, fresh_store, timed_commit

TEXT, PARQUET = ("table.csv", "table.jsonl"), ("table.parquet",)
OLDEST, MIDDLE, NEWEST = W2_VERSIONS - 1, W2_VERSIONS // 2, 0
"""Versions by how many came after them."""


class W2(Workload):
    """The times are those of all three files. The sizes are measured once more for each kind of file, in a store
    that has nothing else, of which every version is checked out and compared."""

    name = "W2"
    lends = True
    needs: ClassVar[tuple[str, ...]] = ("numpy", "pyarrow", "sklearn")
    source: ClassVar[str] = "measurements"

    def __init__(self) -> None:
        self._interpreter: Interpreter | None = None
        self._store: Session | None = None
        self._digests: list[str] = []

    def prepare(self, trainer: Trainer, seed: str, scale: float) -> None:
        self._interpreter = trainer.interpreter

    def write(self, root: Path, seed: str, scale: float) -> Facts:
        """A directory for each version, of which the peers get copies."""
        assert self._interpreter is not None, "prepare comes before"
        root.mkdir(parents=True)
        self._interpreter.run("table", self.source, str(root), str(random.Random(seed).getrandbits(32)), str(scale))
        made = json.loads((root / "table.json").read_text())
        sizes = [path.stat().st_size for path in root.glob("v*/*")]
        first = ", ".join(f"{path.name} {path.stat().st_size / 1e6:.1f} MB" for path in sorted(root.glob("v0/*")))
        made_by = (
            f"{W2_VERSIONS} versions of {made['rows']} rows, drawn from {made['told']}, with noise; version 0: {first};"
            f" pyarrow {made['pyarrow']}."
        )
        return Facts(files=len(sizes), real=0, directories=W2_VERSIONS + 1, bytes=sum(sizes), made_by=made_by)

    def steps(self) -> list[Step]:
        return [
            Step("text", "CSV and JSON Lines alone; times: a next version", partial(_grow_alone, names=TEXT)),
            Step("parquet", "Parquet alone; times: a next version", partial(_grow_alone, names=PARQUET)),
            Step("first", "first commit of all three files", self._first, changes_state=True),
            Step("next", "commit of a next version", self._next, changes_state=True),
            Step("checkout-oldest", "checkout of the oldest version", partial(self._checkout, back=OLDEST)),
            Step("checkout-middle", "checkout of the middle version", partial(self._checkout, back=MIDDLE)),
            Step("checkout-newest", "checkout of the newest version", partial(self._checkout, back=NEWEST)),
        ]

    def _first(self, trial: Trial) -> Outcome:
        """The session's own working copy holds the versions; the store with all files is beside it."""
        self._store = trial.session.beside("table")
        self._store.set_up()
        growth = Growth(self._store)
        raw = _put(self._store, trial, 0, (*TEXT, *PARQUET))
        self._digests.append(tree.digest(self._store.data))
        sample = timed_commit(self._store, "first")
        return Outcome([sample], growth.shares(raw))

    def _next(self, trial: Trial) -> Outcome:
        assert self._store is not None, "first changes state and comes before"
        outcome, grown = Outcome(), []
        for number in range(1, W2_VERSIONS):
            growth = Growth(self._store)
            _put(self._store, trial, number, (*TEXT, *PARQUET))
            self._digests.append(tree.digest(self._store.data))
            outcome.samples.append(timed_commit(self._store, "commit"))
            grown.append(growth.values())
        outcome.values = _told(grown)
        return outcome

    def _checkout(self, trial: Trial, back: int) -> Outcome:
        assert self._store is not None, "first changes state and comes before"
        self._store.warm(store=True)
        return Outcome([checkout_empty(self._store, back, self._digests[-1 - back])])


class W2Files(W2):
    """The same of another table, on which nothing was developed."""

    name = "W2-files"
    needs = ("numpy", "pyarrow")
    source = "files"


def _grow_alone(trial: Trial, names: tuple[str, ...]) -> Outcome:
    """All versions of some of the files, each over the one before; all are checked out again."""
    outcome, grown = Outcome(), []
    digests: list[str] = []
    with fresh_store(trial) as session:
        session.set_up()
        for number in range(W2_VERSIONS):
            growth = Growth(session)
            raw = _put(session, trial, number, names)
            digests.append(tree.digest(session.data))
            if number == 0:
                session.untimed("first")
                shares = growth.shares(raw)
                outcome.values = {f"first_{name}": shares[name] for name in ("ratio", "live_ratio") if name in shares}
            else:
                outcome.samples.append(timed_commit(session, "commit"))
                grown.append(growth.values())
        outcome.values |= _told(grown)
        for back, digest in enumerate(reversed(digests)):
            checkout_empty(session, back, digest)
    return outcome


def _told(grown: list[Values]) -> Values:
    """What the versions after version 0 added: the first of them, all on average, the last, and each."""
    told: Values = {"growth_each": grown}
    for kind in ("bytes", "live_bytes"):
        each = [values[f"growth_{kind}"] for values in grown if f"growth_{kind}" in values]
        if len(each) == len(grown):
            told[f"next_first_{kind}"], told[f"next_last_{kind}"] = each[0], each[-1]
            told[f"next_mean_{kind}"] = statistics.mean(each)
    return told


def _put(session: Session, trial: Trial, number: int, names: tuple[str, ...]) -> int:
    """Writes one version's files in the place of those before; their size."""
    session.data.mkdir(exist_ok=True)
    size = 0
    for name in names:
        target = session.data / name
        target.unlink(missing_ok=True)
        shutil.copyfile(trial.session.data / f"v{number}" / name, target)
        size += target.stat().st_size
    return size
