"""Push and clone: to a directory that is empty before, and again after a second commit."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from . import tree
from .data import W3_CHECKPOINTS, Facts, scaled, write_w1
from .scratch import forget_removed
from .session import Sample, Session
from .training import Trainer
from .workload import Outcome, Step, Trial, Values, Workload, require_tree
from .workload_w1 import MANY
from .workload_w3 import KINDS, W3, checkpoint, facts, link, put

FIRST = W3_CHECKPOINTS // 2 + 1
"""The checkpoint of the first commit: the next one is 7 over 6, as in a row of W3."""


class Push(Workload):
    """What lies in the directory is sized right after each push. Each clone is one of somebody else, with a home of its
    own and none of the caches here; a push whose clone is not what was committed is shown as wrong."""

    peers = frozenset(("mlrepo", "git", "git-default", "restic", "dvc", "annex", "rsync"))
    change: ClassVar[str]
    """How the second version is told."""
    way: ClassVar[str] = ""
    """What the operations' names end with where the way to the directory makes them others."""

    def __init__(self) -> None:
        self._session: Session | None = None
        self._sizes: list[Values] = []
        self._clones: list[Sample] = []
        self._digests: list[str] = []

    def steps(self) -> list[Step]:
        return [
            Step("push", "push of the first commit to an empty directory", self._first, changes_state=True),
            Step("size", "the directory after it", lambda _: Outcome(values=self._sizes[0])),
            Step("clone", "clone of it into an empty directory", lambda _: Outcome([self._clones[0]])),
            Step("push-next", f"push of the second commit: {self.change}", self._next, changes_state=True),
            Step("growth", "what the directory grew by", lambda _: Outcome(values=self._sizes[1])),
            Step("clone-next", "clone of both commits", lambda _: Outcome([self._clones[1]])),
        ]

    def first_version(self, trial: Trial) -> tuple[Session, int]:
        """A session with an empty store and the first version; the bytes of that."""
        raise NotImplementedError

    def second_version(self, trial: Trial, session: Session) -> int:
        """Changes the files; the bytes of those that changed."""
        raise NotImplementedError

    def reach(self, session: Session) -> None:
        """Lets a session find the way to the directory."""

    def timed(self, session: Session, operation: str, **fields: str) -> Sample:
        return session.timed(self._named(session, operation), flush=True, **fields)

    def untimed(self, session: Session, operation: str, **fields: str) -> None:
        """What keeps no history has nothing to do for it."""
        named = self._named(session, operation)
        if session.has(named):
            session.untimed(named, remote=str(_remote(session)), **fields)

    def counted(self, session: Session) -> Values:
        """What the push just measured is also known to have taken."""
        del session
        return {}

    def _named(self, session: Session, operation: str) -> str:
        return f"{operation}{self.way}" if session.has(f"{operation}{self.way}") else operation

    def _first(self, trial: Trial) -> Outcome:
        session, raw = self.first_version(trial)
        self._session = session
        self.reach(session)
        _remote(session).mkdir()
        self.untimed(session, "remote")
        self.untimed(session, "first")
        sample, size, _ = self._push(session)
        self._sizes.append({**size, "raw_bytes": raw, "ratio": size["bytes"] / raw})
        return Outcome([sample], self.counted(session))

    def _next(self, trial: Trial) -> Outcome:
        session = self._session
        assert session is not None, "push changes state and comes before"
        raw = self.second_version(trial, session)
        self.untimed(session, "commit")
        sample, size, before = self._push(session)
        growth = {f"growth_{name}": size[name] - before[name] for name in ("bytes", "disk_bytes")}
        self._sizes.append({**growth, "raw_bytes": raw, "ratio": growth["growth_bytes"] / raw})
        return Outcome([sample], {"changed_bytes": raw, **self.counted(session)})

    def _push(self, session: Session) -> tuple[Sample, tree.Size, tree.Size]:
        """The time of a push, and what lies there after and before it."""
        before = tree.size(_remote(session))
        session.warm_anew(store=True)
        tree.warm(_remote(session))
        sample = self.timed(session, "push", remote=str(_remote(session)))
        size = tree.size(_remote(session))
        self._digests.append(tree.digest(session.data))
        self._clones.append(self._clone(session))
        return sample, size, before

    def _clone(self, session: Session) -> Sample:
        """Clones, compares the files with those of the newest commit (with all of the history also with those of the
        commit before), and removes the clone."""
        there = session.beside("there")
        destination = there.work / "clone"
        try:
            self.reach(there)
            forget_removed()
            tree.warm(_remote(session))
            sample = self.timed(there, "clone", remote=str(_remote(session)), destination=str(destination))
            require_tree(destination / session.data.name, self._digests[-1])
            if len(self._digests) > 1 and there.has("clone-previous"):
                there.untimed("clone-previous", destination=str(destination))
                require_tree(destination / session.data.name, self._digests[-2])
        finally:
            there.close()
        return sample


class W1Push(Push):
    """The files of W1."""

    name = "W1-push"
    data_of = "W1"
    change = "1,000 changed files"

    def write(self, root: Path, seed: str, scale: float) -> Facts:
        return write_w1(root, seed, scale)

    def first_version(self, trial: Trial) -> tuple[Session, int]:
        return trial.session, trial.facts["bytes"]

    def second_version(self, trial: Trial, session: Session) -> int:
        purpose = f"{trial.seed}:push"
        paths = tree.choose(session.data, scaled(MANY, trial.scale, 10), purpose)
        session.committed.change_all(paths, purpose)
        return sum((session.work / path).stat().st_size for path in paths)


class W3Push(Push):
    """One checkpoint of W3 in bf16 and fp32, and the next one over it."""

    name = "W3-push"
    data_of = "W3"
    change = "the next checkpoint"
    lends = True
    needs = W3.needs

    def __init__(self) -> None:
        super().__init__()
        self._trained = Path()

    def prepare(self, trainer: Trainer, seed: str, scale: float) -> None:
        self._trained = trainer.trained(W3.training, seed, scale)

    def write(self, root: Path, seed: str, scale: float) -> Facts:
        names = [f"{checkpoint(number, kind)}.safetensors" for number in (FIRST, FIRST + 1) for kind in KINDS]
        link(self._trained, root, names)
        return facts(self._trained, root)

    def first_version(self, trial: Trial) -> tuple[Session, int]:
        session = trial.session.beside("pair")
        if session.has("set-up"):
            session.set_up()
        return session, _put_pair(session, trial, FIRST)

    def second_version(self, trial: Trial, session: Session) -> int:
        return _put_pair(session, trial, FIRST + 1)


def _put_pair(session: Session, trial: Trial, number: int) -> int:
    return put(session, trial, {f"model.{kind}.safetensors": checkpoint(number, kind) for kind in KINDS})


def _remote(session: Session) -> Path:
    return session.place / "remote"
