"""A long log of signed entries, checked as a whole."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from .data import Facts, scaled
from .signed_log import write_governed_log, write_signed_log
from .workload import Outcome, Step, Trial, Workload

ENTRIES = 100_000
REPEATS = 3


class Log(Workload):
    """The store of somebody else in a directory: its log is hashed, and all signatures are judged."""

    name = "log"
    peers = frozenset(("mlrepo",))

    def write(self, root: Path, seed: str, scale: float) -> Facts:
        root.mkdir(parents=True, exist_ok=True)
        count = scaled(ENTRIES, scale, 600)
        write_signed_log(root / "store", root / "ada.pub", seed, count)
        write_governed_log(root / "governed", seed, count)
        files = [path for path in root.rglob("*") if path.is_file()]
        return Facts(files=len(files), real=0, directories=sum(1 for path in root.rglob("*/")) + 1,
                     bytes=sum(path.stat().st_size for path in files))

    def steps(self) -> list[Step]:
        return [
            Step("check", "hash and judge all entries", _check, changes_state=True),
            Step("newest", "show the 20 newest entries", partial(_timed, operation="audit-log")),
            Step("prove", "prove an entry", partial(_timed, operation="prove")),
            Step("policy", "check all entries of a store against its policy, for the first time", _policy),
            Step("policy-again", "the same, when nothing is new", partial(_timed, operation="policy-show")),
            Step("push-governed", "push a commit to a store with a policy", partial(_push, operation="push-governed"), changes_state=True),
            Step("push-signed", "push a commit to a store without one, signed as well", partial(_push, operation="push-signed")),
        ]


def _check(trial: Trial) -> Outcome:
    trial.session.untimed("audit-trust")
    return _timed(trial, "audit-check")


def _policy(trial: Trial) -> Outcome:
    samples = []
    for _ in range(REPEATS):
        trial.session.untimed("policy-forget")
        samples.append(trial.session.timed("policy-show", flush=False))
    return Outcome(samples)


def _push(trial: Trial, operation: str) -> Outcome:
    """Another commit each time, to a store whose entries were all checked before."""
    file = trial.session.work / "pushed"
    if not file.exists():
        file.write_text("0")
        trial.session.untimed("push-begin")
    samples = []
    for number in range(REPEATS):
        file.write_text(f"{operation} {number}")
        trial.session.untimed("commit")
        samples.append(trial.session.timed(operation, flush=True))
    return Outcome(samples)


def _timed(trial: Trial, operation: str) -> Outcome:
    return Outcome([trial.session.timed(operation, flush=False) for _ in range(REPEATS)])
