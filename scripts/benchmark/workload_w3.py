"""W3: the checkpoints of one training, as files of safetensors."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import ClassVar

from . import tree
from .child import in_child
from .data import W3_CHECKPOINTS, Facts
from .session import Sample, Session
from .tensors import changed_bytes, rename, split
from .training import Trainer
from .workload import Growth, Outcome, Step, Trial, Values, Workload, checkout_empty, fresh_store, timed_commit

KINDS = ("bf16", "fp32")
MODEL, BASE, TUNED, OPTIMIZER = "model.safetensors", "base.safetensors", "tuned.safetensors", "optimizer.safetensors"
CHECKOUTS = 3


@dataclass(frozen=True)
class Case:
    """One commit into a store of its own. Files are given by their names in the working copy, each with the file
    of the training that it holds."""

    name: str
    title: str
    after: dict[str, str]
    """What is written and committed."""
    before: dict[str, str] = field(default_factory=dict)
    """What was committed before, and stays unless it is written over."""
    made_from: str | None = None
    """The file that is named as an input of the commit, where the peer can be told."""
    tells_changed: bool = False
    """Whether the growth is also compared with the tensors that differ from those of the input."""

    def operation(self, session: Session) -> str:
        if not self.before:
            return "first"
        if self.made_from is not None and session.has("commit-from"):
            return "commit-from"
        return "commit-new" if self.after.keys() - self.before.keys() else "commit"


class W3(Workload):
    """Each size is measured in a store of its own, of which the newest version is checked out and compared. One
    more store gets all checkpoints as pairs of bf16 and fp32, for the times."""

    name = "W3"
    lends = True
    needs = ("torch", "safetensors")
    training: ClassVar[str] = "gpt"

    def __init__(self) -> None:
        self._trained = Path()
        self._series: Session | None = None
        self._digests: list[str] = []

    def prepare(self, trainer: Trainer, seed: str, scale: float) -> None:
        self._trained = trainer.trained(self.training, seed, scale)

    def write(self, root: Path, seed: str, scale: float) -> Facts:
        """The files of the training are linked, not copied: what peers get are copies."""
        link(self._trained, root, [path.name for path in self._trained.glob("*.safetensors")])
        for kind in KINDS:
            last = root / f"ckpt{W3_CHECKPOINTS:02d}.{kind}.safetensors"
            rename(last, root / f"renamed.{kind}.safetensors", "model.")
            split(last, (root / f"shard1.{kind}.safetensors", root / f"shard2.{kind}.safetensors"))
        return facts(self._trained, root)

    def steps(self) -> list[Step]:
        sizes: list[Step] = []
        for kind in KINDS:
            sizes += [Step(case.name, case.title, partial(_grow, case=case)) for case in _cases(kind)]
            sizes.append(Step(f"{kind}-series", f"{kind}, all checkpoints at one path", partial(_grow_series, kind=kind)))
        sizes += [Step(case.name, case.title, partial(_grow, case=case)) for case in _other_cases()]
        return [
            *sizes,
            Step("pair", "commit of a checkpoint in bf16 and fp32", self._commit_pairs, changes_state=True),
            Step("checkout-newest", "checkout of the newest pair", partial(self._checkout, back=0)),
            Step("checkout-oldest", "checkout of the oldest pair", partial(self._checkout, back=W3_CHECKPOINTS - 1)),
        ]

    def _commit_pairs(self, trial: Trial) -> Outcome:
        """Each pair is written over the one before; the first one's commit, into an empty store, is in no figure."""
        self._series = trial.session.beside("series")
        self._series.set_up()
        outcome, raw = Outcome(), 0
        for number in range(1, W3_CHECKPOINTS + 1):
            raw = put(self._series, trial, {f"model.{kind}.safetensors": checkpoint(number, kind) for kind in KINDS})
            self._digests.append(tree.digest(self._series.data))
            if number == 1:
                self._series.untimed("first")
                growth = Growth(self._series)
            else:
                outcome.samples.append(timed_commit(self._series, "commit"))
        outcome.values = growth.shares(raw * (W3_CHECKPOINTS - 1))
        return outcome

    def _checkout(self, trial: Trial, back: int) -> Outcome:
        assert self._series is not None, "pair changes state and comes before"
        self._series.warm(store=True)
        outcome = Outcome()
        for _ in range(CHECKOUTS):
            outcome.samples.append(checkout_empty(self._series, back, self._digests[-1 - back]))
        return outcome


def link(trained: Path, root: Path, names: list[str]) -> None:
    """Makes the data of files of a training."""
    root.mkdir(parents=True)
    for name in names:
        os.link(trained / name, root / name)


def facts(trained: Path, root: Path) -> Facts:
    """What there is, and of which training."""
    sizes = [path.stat().st_size for path in root.iterdir()]
    made = json.loads((trained / "training.json").read_text())
    losses = ", ".join(f"{loss:.2f}" for loss in made["losses"])
    made_by = (
        f"One training of {made['parameters'] / 1e6:.1f} million parameters, {made['steps']} steps, torch"
        f" {made['torch']}; the loss at each checkpoint: {losses}."
    )
    return Facts(files=len(sizes), real=0, directories=1, bytes=sum(sizes), made_by=made_by)


class W3Conv(W3):
    """The same of another training, on which nothing was developed."""

    name = "W3-conv"
    training = "conv"


def _cases(kind: str) -> list[Case]:
    """What is measured in both types."""
    last, renamed = checkpoint(W3_CHECKPOINTS, kind), f"renamed.{kind}"
    shards = {f"model-0000{number}-of-00002.safetensors": f"shard{number}.{kind}" for number in (1, 2)}

    def tuned(name: str, title: str, tells_changed: bool = False) -> Case:
        return Case(f"{kind}-{name}", f"{kind}, {title}", {TUNED: f"ft_{name}.{kind}"}, {BASE: last}, BASE, tells_changed)

    def following(name: str, number: int) -> Case:
        title = f"{kind}, checkpoint {number} over {number - 1}, which is stored alone"
        return Case(f"{kind}-{name}", title, {MODEL: checkpoint(number, kind)}, {MODEL: checkpoint(number - 1, kind)})

    return [
        Case(f"{kind}-alone", f"{kind}, checkpoint 1 alone", {MODEL: checkpoint(1, kind)}),
        following("next-early", 7),
        following("next-late", W3_CHECKPOINTS),
        tuned("full", "full fine-tune beside its base"),
        tuned("head", "head-only fine-tune beside its base", tells_changed=True),
        tuned("lora", "LoRA adapter beside its base"),
        Case(f"{kind}-shards", f"{kind}, the model once more in two files, in another order", shards, {MODEL: last}),
        Case(f"{kind}-renamed", f"{kind}, the model once more, other names of tensors", {TUNED: renamed}, {MODEL: last}),
    ]


def _other_cases() -> list[Case]:
    rounded, exact = (checkpoint(W3_CHECKPOINTS, kind) for kind in KINDS)
    return [
        Case(
            "optimizer", "optimizer state 10 over 9, which is stored alone",
            {OPTIMIZER: f"optim{W3_CHECKPOINTS:02d}.fp32"}, {OPTIMIZER: f"optim{W3_CHECKPOINTS - 1:02d}.fp32"},
        ),
        Case("rounded", "bf16 beside its own fp32", {"model.bf16.safetensors": rounded}, {"model.fp32.safetensors": exact}),
    ]


def checkpoint(number: int, kind: str) -> str:
    """The name of a file of the training, without its end."""
    return f"ckpt{number:02d}.{kind}"


def _grow(trial: Trial, case: Case) -> Outcome:
    """Commits one case; what it takes of the store, of its own bytes, is the figure."""
    with fresh_store(trial) as session:
        session.set_up()
        if case.before:
            put(session, trial, case.before)
            session.untimed("first")
        growth = Growth(session)
        raw = put(session, trial, case.after)
        sample = timed_commit(session, case.operation(session), path=f"{session.data.name}/{case.made_from}")
        values = growth.shares(raw)
        if case.tells_changed:
            values["of_changed"] = values["growth_bytes"] / _changed(trial, case)
        checkout_empty(session, 0, tree.digest(session.data))
    return Outcome([sample], values)


def _grow_series(trial: Trial, kind: str) -> Outcome:
    """Each checkpoint over the one before. The total, and what each took of its own bytes; all are checked out again."""
    samples: list[Sample] = []
    steps: Values = {}
    digests: list[str] = []
    raw = 0
    with fresh_store(trial) as session:
        session.set_up()
        total = Growth(session)
        for number in range(1, W3_CHECKPOINTS + 1):
            growth = Growth(session)
            size = put(session, trial, {MODEL: checkpoint(number, kind)})
            digests.append(tree.digest(session.data))
            samples.append(timed_commit(session, "commit" if number > 1 else "first"))
            steps[f"step_{number:02d}"] = growth.values()["growth_bytes"] / size
            raw += size
        values = total.shares(raw) | steps
        for back, digest in enumerate(reversed(digests)):
            checkout_empty(session, back, digest)
    return Outcome(samples, values)


def put(session: Session, trial: Trial, files: dict[str, str]) -> int:
    """Writes new files in the place of what was there; their size."""
    session.data.mkdir(exist_ok=True)
    size = 0
    for name, source in files.items():
        target = session.data / name
        target.unlink(missing_ok=True)
        shutil.copyfile(_file(trial, source), target)
        size += target.stat().st_size
    return size


def _changed(trial: Trial, case: Case) -> int:
    assert case.made_from is not None
    before, after = case.before[case.made_from], *case.after.values()
    return int(in_child(lambda: changed_bytes(_file(trial, before), _file(trial, after))))


def _file(trial: Trial, name: str) -> Path:
    return trial.session.data / f"{name}.safetensors"
