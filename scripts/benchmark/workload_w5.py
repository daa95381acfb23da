"""W5: a long history of small changes."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from .data import Facts, scaled, w5_paths, write_w5
from .session import Sample
from .tree import Size
from .workload import Outcome, Step, Trial, Values, Workload, require_entries, size

COMMITS = 5_000
EARLY = 100
TIMED = 11
ASKED = 3
T = TypeVar("T")


class W5(Workload):
    """Slow peers are stopped at the history limit; how far they came is recorded with every figure."""

    name = "W5"

    def __init__(self) -> None:
        self._history: list[str] = []
        self._due = 0
        self._early: tuple[int, Size, int | None] | None = None

    def write(self, root: Path, seed: str, scale: float) -> Facts:
        return write_w5(root, seed, scale)

    def steps(self) -> list[Step]:
        return [
            Step("commit-100", "one commit, about the 100th", self._commit_early, changes_state=True),
            Step("commit-last", "one commit, the last ones", self._commit_last, changes_state=True),
            Step("growth", "growth by each commit", self._growth),
            Step("size", "store at the end", size),
            Step("upkeep", "upkeep by hand before the questions", self._upkeep, changes_state=True),
            Step("size-upkeep", "store after the upkeep", self._size_after_upkeep),
            Step("log", "log of all", self._log),
            Step("log-file", "log of one file", self._log_file),
            Step("blame", "blame of one file", self._blame),
        ]

    def _commit_early(self, trial: Trial) -> Outcome:
        trial.session.untimed("first")
        early = min(EARLY, scaled(COMMITS, trial.scale, 3 * TIMED) // 2)
        self._fill(trial, early - TIMED // 2 - 1)
        outcome = Outcome([self._change(trial, self._timed(trial)) for _ in range(TIMED)])
        self._early = (len(self._history), trial.session.store_size(), trial.session.live_bytes())
        return self._told(outcome)

    def _commit_last(self, trial: Trial) -> Outcome:
        self._fill(trial, scaled(COMMITS, trial.scale, 3 * TIMED) - TIMED)
        return self._told(Outcome([self._change(trial, self._timed(trial)) for _ in range(TIMED)]))

    def _timed(self, trial: Trial) -> Callable[[], Sample]:
        return lambda: trial.session.timed("commit", flush=True)

    def _fill(self, trial: Trial, until: int) -> None:
        self._due = until + TIMED
        deadline = time.monotonic() + trial.history_seconds
        while len(self._history) < until and time.monotonic() < deadline:
            self._change(trial, lambda: trial.session.untimed("commit"))

    def _change(self, trial: Trial, commit: Callable[[], T]) -> T:
        rng = random.Random(f"{trial.seed}:{len(self._history)}")
        path = rng.choice(w5_paths(trial.scale))
        trial.session.committed.change(path, rng)
        trial.session.committed.keep()
        result = commit()
        self._history.append(path)
        return result

    def _told(self, outcome: Outcome) -> Outcome:
        outcome.values["commits"] = len(self._history)
        if len(self._history) < self._due:
            outcome.values["stopped"] = True
        return outcome

    def _growth(self, trial: Trial) -> Outcome:
        assert self._early is not None, "commit-100 changes state and comes before"
        count, size_then, live_then = self._early
        commits = len(self._history) - count
        now, live_now = trial.session.store_size(), trial.session.live_bytes()
        values: Values = {
            "growth_bytes": (now["bytes"] - size_then["bytes"]) / commits,
            "growth_disk_bytes": (now["disk_bytes"] - size_then["disk_bytes"]) / commits,
            "parts": {part: (now["parts"][part] - size_then["parts"].get(part, 0)) / commits for part in now["parts"]},
        }
        if live_then is not None and live_now is not None:
            values["growth_live_bytes"] = (live_now - live_then) / commits
        return self._told(Outcome(values=values))

    def _upkeep(self, trial: Trial) -> Outcome:
        return Outcome([trial.session.timed("upkeep", flush=True)])

    def _size_after_upkeep(self, trial: Trial) -> Outcome:
        trial.session.require("upkeep")
        return size(trial)

    def _log(self, trial: Trial) -> Outcome:
        session = trial.session
        session.warm(store=True)
        samples = []
        for _ in range(ASKED):
            samples.append(session.timed("log", flush=False))
            require_entries(session, len(self._history) + 1 + session.driver.extra_log_entries)
        return self._told(Outcome(samples))

    def _log_file(self, trial: Trial) -> Outcome:
        samples = []
        for path in self._asked(trial):
            samples.append(trial.session.timed("log-file", flush=False, path=path))
            require_entries(trial.session, self._history.count(path) + 1)
        return self._told(Outcome(samples))

    def _blame(self, trial: Trial) -> Outcome:
        samples = [trial.session.timed("blame", flush=False, path=path) for path in self._asked(trial)]
        return self._told(Outcome(samples))

    def _asked(self, trial: Trial) -> list[str]:
        """The same files for all peers: drawn from those changed among the first commits, which all reach."""
        return random.Random(f"{trial.seed}:asked").sample(sorted(set(self._history[:EARLY])), ASKED)
