"""The command line: what was asked for, and one exit status."""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from . import machine, process, report
from .driver import Driver
from .errors import BenchError, UsageError
from .install import install
from .interpreter import Interpreter
from .peers import ALL, open_peer
from .results import Results, self_ignoring
from .rounds import Plan, Rounds
from .scratch import remove
from .session import environment
from .training import Trainer
from .workload import Workload
from .workload_log import Log
from .workload_observe import Observe
from .workload_push import W1Push, W3Push
from .workload_push_ssh import W1PushSSH, W3PushSSH
from .workload_start import Start
from .workload_sweep import Sweep
from .workload_w1 import W1
from .workload_w2 import W2, W2Files
from .workload_w3 import W3, W3Conv
from .workload_w4 import W4
from .workload_w5 import W5
from .workload_w6 import W6

PROJECT = Path(__file__).resolve().parents[2]
WORKLOADS: dict[str, type[Workload]] = {
    workload.name: workload for workload in (
        Start, Log, W1, W1Push, W1PushSSH, W2, W2Files, W3, W3Conv, W3Push, W3PushSSH, W4, W5, W6, Observe, Sweep
    )
}
INTERRUPTED = 130
EXAMPLES = """\
examples:
  scripts/bench --install-peers
  scripts/bench --only start,W1 --scale 0.02 --runs 3      a trial
  scripts/bench                                            all of it; takes many hours
  scripts/bench --only W1:status --peers mlrepo,git
  scripts/bench --only W2,W2-files --scale 0.02 --runs 1   a trial with small tables
  scripts/bench --only W3 --scale 0.01 --runs 1            a trial with a tiny model
  scripts/bench --only W1-push,W3-push --scale 0.01      pushes to a directory, and clones: a trial
  scripts/bench --only W1-push-ssh,W3-push-ssh --scale 0.01    the same through an sshd that is started on this machine
  scripts/bench --only observe --scale 0.05 --runs 1       what `mlrepo run` costs, beside the command alone and strace
  scripts/bench --only sweep --scale 0.1 --runs 1          many runs at once, each in a tree of its own
  scripts/bench --only log --scale 0.01 --runs 1           a long log of signed entries, checked
  scripts/bench --report --output report.md                also writes report.json

An interrupted run goes on where it stopped when it is started again with the same results file.
W3 and W3-conv train a network each when the run begins (at scale 1.0 some ten minutes), kept beside the scratch data
for the next run with the same seed; W3-push and W3-push-ssh take W3's. W1-push-ssh and W3-push-ssh need sshd, ssh and
ssh-keygen (openssh-server, openssh-client), which are not installed by --install-peers; it listens on 127.0.0.1 alone,
with keys of its own. Beside mlrepo, started there, stands mlrepo-sftp, with none there. W2 and W2-files draw a table
each (some two minutes and 11 GB at scale 1.0, 4 GiB of memory), which is removed at the end.
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}\nhint: scripts/bench --help")


@dataclass
class _Selection:
    workloads: list[type[Workload]]
    operations: dict[str, set[str] | None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs, installs or reports; returns the exit status."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        return _main(_parser().parse_args(arguments))
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_status
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return BenchError.exit_status
    except KeyboardInterrupt:
        print("interrupted; what was measured is kept, the same command goes on", file=sys.stderr)
        return INTERRUPTED


def _interrupt(_signal: int, _frame: object) -> NoReturn:
    """Also where SIGINT came ignored from the parent, as from a shell that starts this in the background."""
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="scripts/bench", description="Measures mlrepo and its peers side by side.", epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False,
    )
    parser.add_argument("--only", metavar="LIST", help=f"workloads ({', '.join(WORKLOADS)}) or WORKLOAD:OPERATION, by commas")
    parser.add_argument("--peers", metavar="LIST", help=f"of {', '.join(ALL)} (default: all), in the order of their turns")
    parser.add_argument("--runs", metavar="N", type=_positive_int, default=5, help="rounds (default 5)")
    parser.add_argument("--scale", metavar="S", type=_scale, default=None, help="1.0 (default) is the goals' size; smaller for trials")
    parser.add_argument("--seed", metavar="N", type=int, default=None, help="default: drawn and printed, or the results file's")
    parser.add_argument("--mlrepo", metavar="PATH", help="default $MLREPO, else .build/release/mlrepo of the project")
    parser.add_argument("--tool", metavar="PEER=PATH", action="append", default=[], help="another executable of a peer")
    parser.add_argument("--results", metavar="FILE", type=Path, default=PROJECT / ".bench" / "results.jsonl", help="default .bench/results.jsonl")
    parser.add_argument("--scratch", metavar="DIR", type=Path, help="default: a temporary directory beside the results file")
    parser.add_argument(
        "--venv", metavar="DIR", type=Path, default=PROJECT / ".venv-bench",
        help="where DVC, hf-xet, ZipNN, pyarrow, Pillow and torch are (default .venv-bench)",
    )
    parser.add_argument("--time-limit", metavar="S", type=_positive, default=7200.0, help="seconds for one command (default 7200)")
    parser.add_argument("--history-limit", metavar="S", type=_positive, default=900.0, help="seconds for each half of W5's history (default 900)")
    parser.add_argument("--retry", action="store_true", help="measure again what failed")
    parser.add_argument("--install-peers", action="store_true", help="install peers and what makes data, then stop")
    parser.add_argument("--report", action="store_true", help="write the report of the results file, measure nothing")
    parser.add_argument("--output", metavar="FILE", type=Path, help="with --report: Markdown here, JSON beside it (default: both to stdout)")
    return parser


def _main(options: argparse.Namespace) -> int:
    if options.output and not options.report:
        raise UsageError("--output goes with --report")
    if options.install_peers:
        install(options.venv)
        return 0
    if options.report:
        return _report(options)
    return _measure(options)


def _report(options: argparse.Namespace) -> int:
    results = Results(options.results)
    if not results.of_kind("run"):
        raise UsageError(f"no results at {options.results}")
    text = report.markdown(results)
    document = json.dumps(report.document(results), indent=2, ensure_ascii=False) + "\n"
    if options.output is None:
        print(f"{text}\n```json\n{document}```")
    else:
        options.output.write_text(text)
        options.output.with_suffix(".json").write_text(document)
    return 0


def _measure(options: argparse.Namespace) -> int:
    if not sys.platform.startswith("linux"):
        raise UsageError("measuring needs Linux (prctl, syncfs, /proc)")
    selection = _select(options.only)
    drivers = _drivers(options)
    if options.results.parent == PROJECT / ".bench":
        self_ignoring(options.results.parent)
    results = Results(options.results)
    plan = _plan(options, selection, results)
    plan.trainer.interpreter.require(module for workload in selection.workloads for module in workload.needs)
    _require_programs(selection.workloads)
    scratch = _scratch(options)
    process.adopt_orphans()
    try:
        results.append(_run_record(plan, drivers, scratch))
        print(f"seed {plan.seed}, results in {options.results}", file=sys.stderr, flush=True)
        rounds = Rounds(plan, results, scratch)
        for workload in selection.workloads:
            rounds.run(workload, drivers)
    finally:
        remove(scratch)
    return 0


def _require_programs(workloads: list[type[Workload]]) -> None:
    """Refuses before anything is measured."""
    for workload in workloads:
        if reason := workload.lacking():
            raise UsageError(f"{workload.name} cannot be measured here: {reason}\nhint: --only with other workloads")


def _select(only: str | None) -> _Selection:
    names = only.split(",") if only else list(WORKLOADS)
    operations: dict[str, set[str] | None] = {}
    for name in names:
        workload, colon, operation = name.partition(":")
        if workload not in WORKLOADS:
            raise UsageError(f"--only: no workload {workload!r}; there are {', '.join(WORKLOADS)}")
        known = [step.name for step in WORKLOADS[workload]().steps()]
        if colon and operation not in known:
            raise UsageError(f"--only: {workload} has no operation {operation!r}; it has {', '.join(known)}")
        chosen = operations.setdefault(workload, set())
        if not colon:
            operations[workload] = None
        elif chosen is not None:
            chosen.add(operation)
    return _Selection([WORKLOADS[name] for name in WORKLOADS if name in operations], operations)


def _drivers(options: argparse.Namespace) -> list[Driver]:
    given = {"mlrepo": options.mlrepo or os.environ.get("MLREPO") or str(PROJECT / ".build/release/mlrepo")}
    for assignment in options.tool:
        name, equals, path = assignment.partition("=")
        if not equals or name not in ALL:
            raise UsageError(f"--tool: {assignment!r} is not PEER=PATH with a peer of {', '.join(ALL)}")
        given[name] = path
    names = options.peers.split(",") if options.peers else list(ALL)
    for name in names:
        if name not in ALL:
            raise UsageError(f"--peers: no peer {name!r}; there are {', '.join(ALL)}")
    return [open_peer(name, given, options.venv / "bin") for name in dict.fromkeys(names)]


def _plan(options: argparse.Namespace, selection: _Selection, results: Results) -> Plan:
    seed, scale = options.seed, options.scale
    for run in results.of_kind("run")[-1:]:
        if seed not in (None, run["seed"]) or scale not in (None, run["scale"]):
            raise UsageError(
                f"{options.results} holds a run with seed {run['seed']} and scale {run['scale']:g}; figures of others do not"
                " belong there\nhint: begin another file with --results FILE"
            )
        seed, scale = run["seed"], run["scale"]
    return Plan(
        seed=random.SystemRandom().randrange(1 << 32) if seed is None else seed, scale=1.0 if scale is None else scale,
        runs=options.runs, operations=selection.operations, limit_seconds=options.time_limit,
        history_seconds=options.history_limit, retry=options.retry,
        trainer=Trainer(Interpreter(options.venv / "bin" / "python"), _scratch_parent(options) / "trainings"),
    )


def _scratch(options: argparse.Namespace) -> Path:
    """Always a new directory of its own, so that removing it removes nothing else."""
    parent = _scratch_parent(options)
    if not parent.is_dir():
        raise UsageError(f"no directory {parent} for the scratch data")
    return Path(tempfile.mkdtemp(prefix="bench-", dir=parent))


def _scratch_parent(options: argparse.Namespace) -> Path:
    return Path(options.scratch or options.results.parent).resolve()


def _run_record(plan: Plan, drivers: list[Driver], scratch: Path) -> dict[str, object]:
    home = scratch / "home"
    home.mkdir()
    peers = {
        driver.name: {
            "executable": driver.executable, "version": driver.version(environment(home, scratch)),
            "settings": driver.settings, "stands_in": driver.stands_in, "environment": driver.environment,
            "commands": driver.commands,
        }
        for driver in drivers
    }
    return {
        "kind": "run", "time": datetime.now(UTC).isoformat(timespec="seconds"), "seed": plan.seed, "scale": plan.scale,
        "runs": plan.runs, "limit_seconds": plan.limit_seconds, "history_seconds": plan.history_seconds,
        "machine": machine.facts(scratch), "peers": peers,
    }


def _scale(text: str) -> float:
    value = _positive(text)
    if value > 1:
        raise argparse.ArgumentTypeError("the largest scale is 1.0")
    return value


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def _positive_int(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive whole number")
    return value
