"""What a workload is, and the operations that several of them share."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from . import tree
from .data import Facts
from .errors import WrongAnswer
from .scratch import remove
from .session import Sample, Session
from .training import Trainer

TOUCHED = 10
STORE = "one"
Values = dict[str, Any]


@dataclass
class Outcome:
    """What one operation gave: timed samples, and figures that are no times."""

    samples: list[Sample] = field(default_factory=list)
    values: Values = field(default_factory=dict)


@dataclass
class Trial:
    """One session, with what the workload draws from: the seed of this round, the scale, the data's facts."""

    session: Session
    seed: str
    scale: float
    facts: Facts
    history_seconds: float
    python: Path
    """The Python of the virtual environment."""


@dataclass(frozen=True)
class Step:
    """An operation in its place. Those that change state are also run, unrecorded, when a later one is wanted."""

    name: str
    title: str
    call: Callable[[Trial], Outcome]
    changes_state: bool = False


class Workload:
    """A data set and the steps on it, in order."""

    name: ClassVar[str]
    lends: ClassVar[bool] = False
    """The one copy of the data is moved from peer to peer and its edits are taken back (where two copies
    would not fit); otherwise every peer gets its own copy."""

    peers: ClassVar[frozenset[str] | None] = None
    """The peers that it is for; None is all that do not say otherwise."""

    data_of: ClassVar[str | None] = None
    """The workload whose data it has, of the same seed; None is its own."""

    needs: ClassVar[tuple[str, ...]] = ()
    """The modules that the data is made with, which the Python of the virtual environment has to have."""

    @classmethod
    def lacking(cls) -> str | None:
        """Why it cannot be measured on this machine; nothing if it can."""
        return None

    def prepare(self, trainer: Trainer, seed: str, scale: float) -> None:
        """Makes what outlives a run, before `write`; nothing for most."""

    def write(self, root: Path, seed: str, scale: float) -> Facts:
        raise NotImplementedError

    def steps(self) -> list[Step]:
        """Made anew for every session, so that steps can share what they learn."""
        raise NotImplementedError


def first(trial: Trial) -> Outcome:
    """Adds and commits everything; the store is empty."""
    trial.session.warm_anew(store=False)
    return Outcome([trial.session.timed("first", flush=True)])


def size(trial: Trial) -> Outcome:
    """The store as it lies, all of it; what the peer calls live beside it."""
    measured = trial.session.store_size()
    values: Values = {**measured, "raw_bytes": trial.facts["bytes"], "ratio": measured["bytes"] / trial.facts["bytes"]}
    return Outcome(values=values | _live(trial.session))


def _live(session: Session) -> Values:
    live = session.live_bytes()
    return {} if live is None else {"live_bytes": live}


def timed_commit(session: Session, operation: str, **fields: str) -> Sample:
    """One commit of versions that are stored by their differences, so the store is read before as well."""
    session.warm(store=True)
    return session.timed(operation, flush=True, **fields)


class Growth:
    """What a store grows by from here on."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._size, self._live = session.store_size(), session.live_bytes()

    def values(self) -> Values:
        size, live = self._session.store_size(), self._session.live_bytes()
        values: Values = {
            "growth_bytes": size["bytes"] - self._size["bytes"],
            "growth_disk_bytes": size["disk_bytes"] - self._size["disk_bytes"],
        }
        if live is not None and self._live is not None:
            values["growth_live_bytes"] = live - self._live
        return values

    def shares(self, raw: int) -> Values:
        """The same, also as a share of the files' own bytes."""
        values = self.values()
        values["ratio"] = values["growth_bytes"] / raw
        if "growth_live_bytes" in values:
            values["live_ratio"] = values["growth_live_bytes"] / raw
        return values


@contextmanager
def fresh_store(trial: Trial) -> Iterator[Session]:
    """A session with a store of its own, which is removed after."""
    session = trial.session.beside(STORE)
    try:
        yield session
    finally:
        session.close()


def checkout_empty(session: Session, back: int, expected: str) -> Sample:
    """Checks a version out into an empty tree elsewhere, compares it and removes it."""
    place = Path(tempfile.mkdtemp(prefix="elsewhere-", dir=session.place))
    destination = place / "tree"
    if not _makes_destination(session):
        destination.mkdir()
    try:
        sample = session.timed("checkout-empty", flush=True, destination=str(destination), revision=session.revision(back))
        require_tree(destination / session.data.name, expected)
    finally:
        remove(place)
    return sample


def _makes_destination(session: Session) -> bool:
    """Only tools that work inside the destination need it to be there before."""
    return not any(line.startswith("cd {destination}") for line in session.driver.commands["checkout-empty"][:1])


def require_tree(root: Path, expected: str) -> None:
    if not root.is_dir() or tree.digest(root) != expected:
        raise WrongAnswer("the tree that was checked out is not the one committed")


def status(trial: Trial, repeats: int) -> Outcome:
    """Ten random files get other contents of the same size; the answer must name these and no others."""
    session = trial.session
    session.warm(store=False)
    samples = []
    for repeat in range(repeats):
        paths = tree.choose(session.data, TOUCHED, f"{trial.seed}:status:{repeat}")
        session.touched.change_all(paths, f"{trial.seed}:touch:{repeat}")
        try:
            samples.append(session.timed("status", flush=False))
            require_named(session, "status", paths)
        finally:
            session.touched.take_back()
    return Outcome(samples)


def commit(trial: Trial, count: int, repeats: int) -> Outcome:
    """Some random files get other contents and are committed; `repeats` such commits."""
    session = trial.session
    session.warm(store=False)
    samples = []
    for repeat in range(repeats):
        purpose = f"{trial.seed}:commit-{count}:{repeat}"
        session.committed.change_all(tree.choose(session.data, count, purpose), purpose)
        samples.append(session.timed("commit", flush=True))
    return Outcome(samples, {"changed_files": count})


def require_named(session: Session, operation: str, paths: list[str]) -> None:
    """An answer that names other files than the changed ones has no time worth reporting. A backup that
    stands in for a status may also name files of which only the times changed: it keeps these."""
    named = session.named(operation)
    if named is None:
        return
    missing, surplus = sorted(set(paths) - named), sorted(named - set(paths))
    if missing or (surplus and operation not in session.driver.stands_in):
        raise WrongAnswer(
            f"{operation} names {len(named)} files instead of {len(paths)}"
            f" (missing {missing[:2]}, not expected {surplus[:2]})"
        )


def require_entries(session: Session, expected: int) -> None:
    """A log that tells another number of versions answered another question."""
    told = session.log_entries()
    if told is not None and told != expected:
        raise WrongAnswer(f"log tells {told} versions instead of {expected}")
