"""The report: Markdown tables and one JSON document, out of nothing but the results file."""

from __future__ import annotations

from typing import Any

from .goals import Goal
from .peers import ALL
from .results import Record, Results
from .summary import NEXT, STEPS, Figure, Row, rows

UNITS = {
    "cpu": ("CPU s", 1.0), "working_cpu": ("CPU s without the start", 1.0), "wall": ("wall s", 1.0),
    "loop_wall": ("wall s of the loop", 1.0), "server_cpu": ("CPU s of the other side", 1.0),
    "turns": ("round trips", 1.0), "rss": ("peak MiB", 1 / (1 << 20)),
    "recorded": ("commands recorded", 1.0), "bytes": ("store MB", 1e-6),
    "disk_bytes": ("store MB, blocks", 1e-6), "live_bytes": ("live MB", 1e-6), "ratio": ("stored / raw", 1.0),
    "live_ratio": ("live / raw", 1.0),
    "of_changed": ("stored / what changed", 1.0), "files": ("files", 1.0), "growth_bytes": ("growth kB", 1e-3),
    "growth_live_bytes": ("growth kB, live", 1e-3), "growth_disk_bytes": ("growth kB, blocks", 1e-3),
    "first_ratio": ("stored / raw, version 0", 1.0), "first_live_ratio": ("live / raw, version 0", 1.0),
    **{name: (told, 1e-6) for name, told in NEXT.items()},
    "commits": ("commits in the store", 1.0),
    **{step: (f"stored / raw, checkpoint {number}", 1.0) for step, number in STEPS.items()},
}
PROTOCOL = """\
CPU: seconds of the whole process tree, detached processes included. Wall: from the start of the first
command to the end of the last, for what writes also until the file system is on the device (`syncfs`).
Peak: resident memory of the largest process, mapped files included; `<=` where it is below what the
harness's own size lets be seen. `sync` before each timed span; the tree (and for checkouts, diffs and logs
the store) is read before, so the page cache is warm for all. Before a first commit and a checkout into an
empty tree the kernel's caches are dropped and the tree (and store) read again, where the harness may: ext4 looks
at all inodes deleted within minutes for each file that is made, whoever deleted them. W2 and W3, of few files, do
without that, and the store is read before their commits too. Before each status ten random files get other
contents of the same size, and an answer that does not name these ten alone is shown as wrong (a backup that
stands in for a status may also name files of which only the times changed); so is a checkout that differs
from what was committed in any name or content. In W2 the sizes of CSV with JSON Lines, and of Parquet, are those of
stores with nothing else, divided by the bytes of version 0 or as what each next version adds, and are shown only if
all versions come out again as they were. In W3 a size is that of one commit, or of one series, in a store
of its own, divided by the bytes of the files that are new in it, and is shown only if the versions come out
again as they were. In W1-push and W3-push the
directory that is pushed to is in the same file system, and what the peers need there is made before (by mlrepo in
the push itself, to which it belongs); the caches are dropped and store, tree and directory read again before each push
and clone. Not all do the same: mlrepo and git bring all of the history; DVC and git-annex the files of the newest
version, and git the rest; restic copies its snapshots to a second repository and restores the newest one from
there, without history; rsync copies files, without history and digests. A clone has a home of its own, without the
caches of who pushed; its files are compared with those committed (of mlrepo and git also those of the version
before), and if they differ the push is shown as wrong. In W1-push-ssh and W3-push-ssh the directory is reached by
ssh, through a real sshd on this machine that is started for each operation; what is sent is not compressed by ssh, all
else of ssh is as it comes, and its handshake is in each figure. The other side's CPU is that of sshd and of all that it
started, and no part of the first figure. What the peers need there is made before, by mlrepo too. mlrepo-sftp is mlrepo
with none on the other side; git-annex keeps the files' contents in the git repository there, as git-annex is there too;
DVC and restic move files by SFTP (DVC with an ssh of its own, asyncssh), and rsync starts itself there. Round trips are
counted in one more push of the same to another store, on a line that holds up every byte by a quarter of a second each
way: what is sent without waiting for answers is one, and the handshake of ssh is in none. In observe the columns are the same commands, watched in
different ways or not at all; the wall of the loop is what the command itself measured, without its start and without
what is recorded after it, and is shown only if every file that it read is in mlrepo's record. In each round every peer
takes its turn on an empty store, which is deleted after. Each cell: median [least - most] of the rounds; a round's
value is the median of its samples. Best peer: the least median among git, borg, borg-zstd, restic, dvc and annex
without a failure in that row; in observe the command alone stands there."""


def document(results: Results) -> dict[str, Any]:
    """What the Markdown says, for programs."""
    return {
        "runs": results.of_kind("run"), "datasets": results.of_kind("dataset"),
        "rows": [row.as_record() for row in rows(results)], "troubles": _troubles(results),
    }


def markdown(results: Results) -> str:
    """All tables, the machine, the tools with their command lines, and what failed."""
    table = rows(results)
    runs = results.of_kind("run")
    parts = ["# Benchmark", _machine(runs), PROTOCOL, _load(results)]
    for workload in dict.fromkeys(row.workload for row in table):
        parts += [f"## {workload}", _data(results, workload), _table([row for row in table if row.workload == workload])]
    if troubles := _troubles(results):
        parts += ["## What failed or answered wrongly", "\n".join(f"- {trouble}" for trouble in troubles)]
    parts += ["## Tools and their command lines", _tools(runs)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _machine(runs: list[Record]) -> str:
    lines: list[str] = []
    for run in runs:
        machine = run["machine"]
        line = (
            f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_bytes'] / (1 << 30):.1f} GiB; "
            f"{machine['system']}, {machine['kernel']}; {machine['file_system']}; Python {machine['python']}"
        )
        if not lines or lines[-1] != line:
            lines.append(line)
    last = runs[-1]
    dates = f"{runs[0]['time']} to {last['time']}" if len(runs) > 1 else last["time"]
    scale = "" if last["scale"] == 1.0 else " (smaller than the goals' workloads: no goal is judged)"
    return "\n".join([
        *(f"- Machine: {line}" for line in lines), f"- Started: {dates}, {len(runs)} start(s)",
        f"- Seed {last['seed']}, scale {last['scale']:g}{scale}, up to {max(run['runs'] for run in runs)} rounds",
        f"- Limits: {last['limit_seconds']:g} s a command, {last['history_seconds']:g} s for each half of W5's history",
    ])


def _load(results: Results) -> str:
    loads = [record["load"] for record in results.measurements().values() if "load" in record]
    if not loads:
        return ""
    return f"Load average when the operations began: {min(loads):.1f} to {max(loads):.1f} (the harness's own load is in it)."


def _data(results: Results, workload: str) -> str:
    for record in results.of_kind("dataset"):
        if record["workload"] == workload:
            facts = record["facts"]
            real = f", {facts['real']} of them unchanged files of this machine" if facts["real"] else ""
            return (
                f"{facts['files']} files{real}, {facts['directories']} directories, {facts['bytes'] / 1e6:.1f} MB; "
                f"digest {record['digest'][:16]}. {facts.get('made_by', '')}"
            )
    return ""


def _table(table: list[Row]) -> str:
    peers = [name for name in ALL if any(name in row.figures for row in table)]
    lines = [
        f"| operation | unit | goal | {' | '.join(peers)} | mlrepo / best peer | goal met |",
        "|---" * (len(peers) + 5) + "|",
    ]
    previous = ""
    for row in table:
        unit, factor = UNITS[row.metric]
        cells = [_cell(row.figures.get(peer), factor) for peer in peers]
        ratio = "" if row.ratio is None else f"{row.ratio:.2f} ({row.best})"
        title = row.title if row.operation != previous else ""
        previous = row.operation
        lines.append(
            f"| {title} | {unit} | {_goal(row.goal, factor)} | {' | '.join(cells)} | {ratio} | {'; '.join(row.verdicts)} |"
        )
    return "\n".join(lines)


def _cell(figure: Figure | None, factor: float) -> str:
    if figure is None:
        return ""
    if figure.median is None or figure.least is None or figure.most is None:
        return str(figure.trouble)
    mark = "<= " if figure.unseen() else ""
    text = mark + number(figure.median * factor)
    if figure.runs > 1:
        text += f" [{number(figure.least * factor)} - {number(figure.most * factor)}]"
    return text if figure.trouble is None else f"{text}; {figure.trouble}"


def _goal(goal: Goal | None, factor: float) -> str:
    if goal is None:
        return ""
    parts: list[str] = []
    if goal.of_best is not None:
        parts.append(f"<= {goal.of_best:g} x best peer")
    if goal.of_peer is not None:
        parts.append(f"<= {goal.of_peer[1]:g} x {goal.of_peer[0]}")
    if goal.of_walk is not None:
        multiple, extra = goal.of_walk
        parts.append(f"<= {multiple:g} x walk" + (f" + {extra:g}" if extra else ""))
    if goal.most is not None:
        parts.append(f"<= {number(goal.most * factor)}")
    if goal.least is not None:
        parts.append(f">= {number(goal.least * factor)} in every round")
    return "; ".join(parts)


def number(value: float) -> str:
    """Three or four digits that mean something."""
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}" if abs(value) >= 0.01 else f"{value:.2g}"


def _troubles(results: Results) -> list[str]:
    return [
        f"{record['workload']} {record['title']}, {record['peer']}, round {record['round']}: {record['status']}"
        f" ({'no exit status' if record['exit'] is None else 'exit ' + str(record['exit'])}): {record['reason']}"
        for record in results.measurements().values()
        if record["status"] in ("failed", "wrong answer")
    ]


def _tools(runs: list[Record]) -> str:
    parts: list[str] = []
    peers: dict[str, Record] = {}
    for run in runs:
        peers |= run["peers"]
    for name in [name for name in ALL if name in peers]:
        peer = peers[name]
        versions = list(dict.fromkeys(run["peers"][name]["version"] for run in runs if name in run["peers"]))
        lines = [f"### {name}: {', then '.join(versions)}", f"Settings: {peer['settings']}."]
        for operation, stand_in in peer["stands_in"].items():
            lines.append(f"Stands in for {operation}: {stand_in}.")
        variables = " ".join(f"{key}={value}" for key, value in peer["environment"].items())
        block = [f"# environment: {variables}"] if variables else []
        block += [f"{operation + ':':20}{line}" for operation, every in peer["commands"].items() for line in every]
        parts.append("\n".join([*lines, "```", *block, "```"]))
    return "\n\n".join(parts)
