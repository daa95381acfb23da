"""Figures out of records: medians over the rounds, ratios to the best peer, and what the goals say to them."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass
from typing import Any

from .data import W2_VERSIONS, W3_CHECKPOINTS
from .goals import Goal, goal_of
from .peers import COMPARED
from .results import Record, Results

OURS, BASELINE = "mlrepo", "baseline"
LEAST_RUNS = 3
STEPS = {f"step_{number:02d}": number for number in range(1, W3_CHECKPOINTS + 1)}
"""W3's series: what each checkpoint took."""
NEXT = {
    f"next_{which}_{kind}": f"growth MB{beside}, {told}"
    for which, told in (("first", "version 1"), ("mean", "mean of all next"), ("last", f"version {W2_VERSIONS - 1}"))
    for kind, beside in (("bytes", ""), ("live_bytes", " (live)"))
}
"""W2's growth by the versions after version 0."""
FLOOR_MARGIN = 1.02
METRICS = (
    "cpu", "working_cpu", "server_cpu", "wall", "loop_wall", "turns", "rss", "recorded",
    "bytes", "live_bytes", "disk_bytes", "ratio", "live_ratio", "of_changed", "files",
    "growth_bytes", "growth_live_bytes", "growth_disk_bytes", "first_ratio", "first_live_ratio", *NEXT,
    "commits", *STEPS,
)
WITHOUT_BEST = frozenset((
    "commits", "recorded", "working_cpu", "turns", "live_bytes", "live_ratio", "growth_live_bytes", "first_live_ratio",
    *(name for name in NEXT if name.endswith("live_bytes")),
))
"""Metrics of which less is not better, or which only one peer tells."""


@dataclass
class Figure:
    """One peer's cell: median, least and most over the rounds; or why there is none."""

    median: float | None = None
    least: float | None = None
    most: float | None = None
    runs: int = 0
    floor: float | None = None
    """Peak memory only: what the harness itself could not see below."""
    trouble: str | None = None

    def unseen(self) -> bool:
        """Whether the figure is the harness's own size, below which it cannot see."""
        return self.floor is not None and self.median is not None and self.median <= self.floor * FLOOR_MARGIN


@dataclass
class Row:
    """One metric of one operation for all peers."""

    workload: str
    operation: str
    title: str
    metric: str
    goal: Goal | None
    figures: dict[str, Figure]
    best: str | None
    ratio: float | None
    verdicts: list[str]

    def as_record(self) -> dict[str, Any]:
        return asdict(self)


def rows(results: Results) -> list[Row]:
    """In the order in which the operations were first measured."""
    scale = scale_of(results)
    by_operation: dict[tuple[str, str], list[Record]] = {}
    for record in results.measurements().values():
        by_operation.setdefault((record["workload"], record["operation"]), []).append(record)
    walks = _walks(by_operation)
    made: list[Row] = []
    for (workload, operation), records in by_operation.items():
        present = {name for record in records for name in record.get("values", {})}
        told = [metric for metric in METRICS if metric in present or (present and _has_own_goal(workload, operation, metric))]
        for metric in told or ["cpu"]:
            made.append(_row(workload, operation, metric, records, walks.get(workload), scale))
    return made


def _has_own_goal(workload: str, operation: str, metric: str) -> bool:
    """A goal's row is there also when nobody told the figure; memory is told with every time."""
    return metric != "rss" and goal_of(workload, operation, metric) is not None


def scale_of(results: Results) -> float:
    runs = results.of_kind("run")
    return float(runs[-1]["scale"]) if runs else 1.0


def _walks(by_operation: dict[tuple[str, str], list[Record]]) -> dict[str, Figure]:
    return {
        workload: _figure([record for record in records if record["peer"] == BASELINE], "cpu")
        for (workload, operation), records in by_operation.items() if operation == "walk"
    }


def _row(
    workload: str, operation: str, metric: str, records: list[Record], walk: Figure | None, scale: float
) -> Row:
    peers = list(dict.fromkeys(record["peer"] for record in records))
    figures = {peer: _figure([record for record in records if record["peer"] == peer], metric) for peer in peers}
    best = None if metric in WITHOUT_BEST else _best(figures)
    ours = figures.get(OURS, Figure())
    theirs = figures[best].median if best else None
    seen = best is not None and not ours.unseen() and not figures[best].unseen()
    ratio = ours.median / theirs if ours.median is not None and theirs and seen else None
    goal = goal_of(workload, operation, metric)
    verdicts = [] if goal is None else _verdicts(goal, ours, figures, best, walk, scale)
    return Row(workload, operation, records[0]["title"], metric, goal, figures, best, ratio, verdicts)


def _figure(records: list[Record], metric: str) -> Figure:
    measured = [record for record in records if record["round"] > 0]
    troubled = [record for record in measured or records if record["status"] != "ok"]
    values = [
        record["values"][metric] for record in measured if record["status"] == "ok" and metric in record["values"]
    ]
    trouble = _trouble(troubled[-1], len(troubled)) if troubled else None
    stopped = [record["values"]["commits"] for record in measured if record.get("values", {}).get("stopped")]
    if stopped and trouble is None:
        trouble = f"history stopped at {min(stopped)} commits"
    if not values:
        return Figure(trouble=trouble or "not told")
    floor = max(record["values"].get("rss_floor", 0) for record in measured if record["status"] == "ok")
    return Figure(
        statistics.median(values), min(values), max(values), len(values), floor if metric == "rss" else None, trouble
    )


def _trouble(record: Record, count: int) -> str:
    status = str(record["status"])
    if record.get("exit") is not None:
        status += f" (exit {record['exit']})"
    return f"{status} in {count} rounds" if count > 1 and status.startswith(("failed", "wrong")) else status


def _best(figures: dict[str, Figure]) -> str | None:
    """The least median among peers that never failed at it."""
    sound = {
        name: figure.median for name, figure in figures.items()
        if name in COMPARED and figure.median is not None and figure.trouble is None
    }
    return min(sound, key=lambda name: sound[name]) if sound else None


def _verdicts(
    goal: Goal, ours: Figure, figures: dict[str, Figure], best: str | None, walk: Figure | None, scale: float
) -> list[str]:
    if ours.median is None:
        return [f"not judged: {ours.trouble or 'not measured'}"]
    if ours.trouble is not None:
        return [f"not met: {ours.trouble}"]
    if scale != 1.0:
        return ["not judged: scaled down"]
    if ours.runs < LEAST_RUNS:
        return [f"not judged: fewer than {LEAST_RUNS} rounds"]
    verdicts: list[str] = []
    if goal.of_best is not None:
        reference = figures[best].median if best else None
        verdicts.append(_judge(f"{goal.of_best:g} x best peer", ours.median, reference, goal.of_best))
    if goal.of_peer is not None:
        name, factor = goal.of_peer
        verdicts.append(_judge(f"{factor:g} x {name}", ours.median, figures.get(name, Figure()).median, factor))
    if goal.of_walk is not None:
        factor, extra = goal.of_walk
        reference = walk.median if walk else None
        verdicts.append(_judge(f"{factor:g} x walk + {extra:g} s", ours.median, reference, factor, extra))
    if goal.most is not None:
        verdicts.append(_judge("figure", ours.median, goal.most, 1.0))
    if goal.least is not None and ours.least is not None:
        verdicts.append(f"figure: {'met' if ours.least >= goal.least else 'not met'}")
    return verdicts


def _judge(name: str, ours: float, reference: float | None, factor: float, extra: float = 0.0) -> str:
    if reference is None:
        return f"{name}: not judged, nothing to compare with"
    return f"{name}: {'met' if ours <= reference * factor + extra else 'not met'}"
