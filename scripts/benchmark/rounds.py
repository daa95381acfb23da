"""The order of things: in each round every peer takes its turn, alone on the disk, and is recorded at once."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from . import tree
from .child import in_child
from .driver import Driver
from .driver_baseline import Baseline
from .errors import NoSuchOperation, OperationError, UsageError
from .results import Record, Results
from .scratch import remove, require_space
from .session import Session
from .training import Trainer
from .workload import Outcome, Step, Trial, Workload

TIMES = ("cpu", "working_cpu", "server_cpu", "wall", "loop_wall", "flush", "rss", "rss_floor")


@dataclass
class Plan:
    """What is wanted of this run. `operations` names them by workload; None is all of them."""

    seed: int
    scale: float
    runs: int
    operations: dict[str, set[str] | None]
    limit_seconds: float
    history_seconds: float
    retry: bool
    trainer: Trainer


class Rounds:
    """Runs what a plan wants and the results do not have yet."""

    def __init__(self, plan: Plan, results: Results, scratch: Path) -> None:
        self._plan = plan
        self._results = results
        self._scratch = scratch

    def run(self, workload: type[Workload], drivers: list[Driver]) -> None:
        """All rounds of one workload; its data is made once and removed at the end."""
        missing = [driver for driver in drivers if driver.executable is None]
        for driver in missing:
            self._record_missing(workload(), driver)
        turns = [
            (number, driver)
            for number in range(1, self._plan.runs + 1)
            for driver in drivers
            if driver not in missing and self._wanted(workload(), driver, number)
        ]
        if not turns:
            _say(f"{workload.name}: nothing left to measure")
            return
        require_space(self._scratch, workload.name, self._plan.scale)
        master = self._scratch / f"data-{workload.name}"
        try:
            for number, driver in turns:
                self._turn(workload(), driver, number, master)
        finally:
            remove(master)

    def _turn(self, workload: Workload, driver: Driver, number: int, master: Path) -> None:
        known = self._known_data(workload) if master.exists() else None
        facts = known or self._make_data(workload, master)
        require_space(self._scratch, workload.name, self._plan.scale)
        if isinstance(driver, Baseline):
            driver.build(self._scratch)
        session = Session(driver, self._scratch / "session", self._plan.limit_seconds)
        seed = f"{self._plan.seed}:{workload.name}:round {number}"
        python = self._plan.trainer.interpreter.executable.absolute()
        trial = Trial(session, seed, self._plan.scale, facts["facts"], self._plan.history_seconds, python)
        try:
            _hand_over(workload, master, session.data)
            self._steps(workload, trial, number)
        finally:
            if workload.lends and session.data.exists():
                session.touched.take_back()
                session.committed.take_back()
                session.data.rename(master)
            session.close()
        if workload.lends and tree.digest(master) != facts["digest"]:
            _say(f"{workload.name}: {driver.name} left other data behind; it is made anew")
            remove(master)

    def _steps(self, workload: Workload, trial: Trial, number: int) -> None:
        driver = trial.session.driver
        wanted = self._wanted(workload, driver, number)
        steps = [step for step in workload.steps() if _takes_part(driver, workload, step)]
        broken: OperationError | None = None
        try:
            if trial.session.has("set-up"):
                trial.session.set_up()
        except OperationError as error:
            broken = error
        for place, step in enumerate(steps):
            needed = step.changes_state and any(later.name in wanted for later in steps[place:])
            if step.name not in wanted and not needed:
                continue
            _say(f"{workload.name} round {number} {driver.name}: {step.title}")
            load = os.getloadavg()[0]
            answer: Outcome | OperationError
            try:
                if broken is not None:
                    raise OperationError(f"an earlier step failed: {broken.reason}", broken.exit_status)
                answer = step.call(trial)
            except OperationError as error:
                answer = error
                if step.changes_state and not isinstance(error, NoSuchOperation):
                    broken = broken or error
            if step.name in wanted:
                self._record(workload, step, driver, number, answer, load)

    def _wanted(self, workload: Workload, driver: Driver, number: int) -> set[str]:
        """The operations asked for, less those that the results have."""
        chosen = self._plan.operations[workload.name]
        done = self._results.measurements()
        wanted: set[str] = set()
        for step in workload.steps():
            if chosen is not None and step.name not in chosen:
                continue
            if not _takes_part(driver, workload, step):
                continue
            record = done.get((workload.name, step.name, driver.name, number))
            if record is None or (self._plan.retry and record["status"] not in ("ok", NoSuchOperation.status)):
                wanted.add(step.name)
        return wanted

    def _record(
        self, workload: Workload, step: Step, driver: Driver, number: int, answer: Outcome | OperationError, load: float
    ) -> None:
        record: Record = {
            "kind": "measurement", "workload": workload.name, "operation": step.name, "title": step.title,
            "peer": driver.name, "round": number, "time": _now(), "load": load,
        }
        if isinstance(answer, OperationError):
            record |= {"status": answer.status, "reason": answer.reason, "exit": answer.exit_status}
            if not isinstance(answer, NoSuchOperation):
                _say(f"  {answer.status}: {answer.reason}")
        else:
            samples = [sample.as_record() for sample in answer.samples]
            told = [name for name in TIMES if samples and all(name in sample for sample in samples)]
            medians = {name: statistics.median(sample[name] for sample in samples) for name in told}
            record |= {"status": "ok", "values": medians | answer.values, "samples": samples}
        self._results.append(record)

    def _record_missing(self, workload: Workload, driver: Driver) -> None:
        """Round 0: it counts as no measurement, and is measured when it is installed later."""
        chosen = self._plan.operations[workload.name]
        for step in workload.steps():
            if _takes_part(driver, workload, step) and (chosen is None or step.name in chosen):
                self._results.append({
                    "kind": "measurement", "workload": workload.name, "operation": step.name, "title": step.title,
                    "peer": driver.name, "round": 0, "time": _now(), "status": "not installed",
                })
        _say(f"{workload.name}: {driver.name} is not installed")

    def _make_data(self, workload: Workload, master: Path) -> Record:
        _say(f"{workload.name}: making the data at scale {self._plan.scale:g}")
        seed = f"{self._plan.seed}:{workload.data_of or workload.name}:data"
        workload.prepare(self._plan.trainer, seed, self._plan.scale)
        facts = in_child(lambda: workload.write(master, seed, self._plan.scale))
        made: Record = {
            "kind": "dataset", "workload": workload.name, "facts": facts, "digest": tree.digest(master), "time": _now(),
        }
        known = self._known_data(workload)
        if known is None:
            self._results.append(made)
        elif known["digest"] != made["digest"]:
            raise UsageError(
                f"{workload.name}: the data is not what {self._results.path} was measured on, as the packages of this"
                " machine have changed\nhint: begin another file with --results FILE"
            )
        return made

    def _known_data(self, workload: Workload) -> Record | None:
        known = [record for record in self._results.of_kind("dataset") if record["workload"] == workload.name]
        return known[-1] if known else None


def _takes_part(driver: Driver, workload: Workload, step: Step) -> bool:
    """The baseline only does what it is there for, and only it walks."""
    if driver.workloads is not None and workload.name not in driver.workloads:
        return False
    if workload.peers is not None and driver.name not in workload.peers:
        return False
    return step.name in driver.commands if isinstance(driver, Baseline) else step.name != "walk"


def _hand_over(workload: Workload, master: Path, data: Path) -> None:
    if workload.lends:
        master.rename(data)
        return
    subprocess.run(["cp", "-a", "--reflink=never", str(master), str(data)], check=True)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
