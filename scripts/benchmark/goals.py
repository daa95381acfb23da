"""The goals, as figures. The ratio to the best peer of the same run decides where there is one; a goal in
seconds was set on one machine and stands beside it."""

from __future__ import annotations

from dataclasses import dataclass

from .data import OBSERVE_RUNS

MIB = 1 << 20


@dataclass(frozen=True)
class Goal:
    """A bound on one metric of one operation; every bound that is given is judged by itself."""

    workload: str
    operation: str
    metric: str
    most: float | None = None
    """The figure itself."""
    least: float | None = None
    """What no round may be below, where more is better."""
    of_best: float | None = None
    """A multiple of the best peer: the goal's figure divided by that peer's when the goal was set."""
    of_peer: tuple[str, float] | None = None
    """A multiple of one peer, where the goal names it."""
    of_walk: tuple[float, float] | None = None
    """A multiple of the bare walk, and what may come on top."""


def _of_weights(workload: str) -> list[Goal]:
    """The goals of W3 that hold for any training; those of the optimizer's state are for one optimizer."""
    most = {
        "bf16-alone": 0.665, "bf16-next-early": 0.33, "bf16-next-late": 0.24, "bf16-full": 0.125,
        "fp32-alone": 0.832, "fp32-next-early": 0.658, "fp32-next-late": 0.607, "fp32-full": 0.49,
        "rounded": 0.01, "pair": 0.5,
    }
    nothing = {f"{kind}-{again}": 0.001 for kind in ("bf16", "fp32") for again in ("shards", "renamed")}
    return [
        *(Goal(workload, operation, "ratio", most=bound) for operation, bound in (most | nothing).items()),
        *(Goal(workload, f"{kind}-head", "of_changed", most=1.1) for kind in ("bf16", "fp32")),
        Goal(workload, "pair", "cpu", most=0.6, of_best=0.67),
        Goal(workload, "checkout-newest", "cpu", most=0.6, of_best=1.0),
        Goal(workload, "checkout-oldest", "cpu", most=0.6, of_best=1.0),
    ]


def _of_tables(workload: str, first_most: float | None, parquet_most: float | None) -> list[Goal]:
    """The goals of W2. Two of its figures were set for the table of measurements; what is left of them for any
    table is the multiple of the best peer."""
    return [
        Goal(workload, "text", "next_first_bytes", most=2_000_000, of_best=0.0077),
        Goal(workload, "text", "next_mean_bytes", most=4_000_000, of_best=0.0154),
        Goal(workload, "parquet", "next_mean_bytes", most=parquet_most, of_best=0.89),
        Goal(workload, "first", "cpu", most=5.0, of_best=1.61),
        Goal(workload, "first", "wall", most=3.0),
        Goal(workload, "first", "ratio", most=first_most, of_best=1.0),
        Goal(workload, "next", "cpu", most=4.0, of_best=0.75),
        Goal(workload, "checkout-oldest", "cpu", most=2.0, of_best=1.82),
        Goal(workload, "checkout-middle", "cpu", most=2.0, of_best=1.82),
        Goal(workload, "checkout-newest", "cpu", most=2.0, of_best=1.82),
    ]


GOALS = [
    Goal("W1", "first", "cpu", most=4.0, of_best=0.25),
    Goal("W1", "first", "wall", most=2.5),
    Goal("W1", "size", "ratio", most=0.33, of_best=0.69),
    Goal("W1", "size", "files", most=49),
    Goal("W1", "status", "cpu", most=0.22, of_peer=("git", 0.6)),
    Goal("W1", "status", "wall", most=0.12),
    Goal("W1", "commit-1", "cpu", most=0.3, of_best=0.46),
    Goal("W1", "commit-1000", "cpu", most=0.4, of_best=0.35),
    Goal("W1", "checkout-previous", "cpu", most=0.35, of_best=0.51),
    Goal("W1", "checkout-empty", "cpu", most=3.5, of_best=0.33),
    Goal("W1-push", "push", "cpu", most=0.6),
    Goal("W1-push", "push", "wall", most=1.5),
    Goal("W1-push", "clone", "cpu", most=4.0),
    *_of_tables("W2", first_most=0.25, parquet_most=62_000_000),
    *_of_tables("W2-files", first_most=None, parquet_most=None),
    *_of_weights("W3"),
    Goal("W3", "optimizer", "ratio", most=0.765),
    *_of_weights("W3-conv"),
    Goal("W4", "first", "cpu", most=28.0, of_best=1.17),
    Goal("W4", "size", "ratio", most=1 / 1.4),
    Goal("W4", "commit-edit", "cpu", most=11.0, of_best=0.48),
    Goal("W4", "growth", "growth_bytes", most=1_000_000),
    Goal("W5", "commit-100", "cpu", most=0.010, of_best=0.5),
    Goal("W5", "commit-last", "cpu", most=0.010, of_best=0.5),
    Goal("W5", "growth", "growth_live_bytes", most=2_000),
    Goal("W5", "log", "cpu", of_peer=("git", 1.0)),
    Goal("W5", "log-file", "cpu", of_peer=("git", 1.0)),
    Goal("W5", "blame", "cpu", of_peer=("git", 1.0)),
    Goal("W5", "blame", "wall", most=0.3),
    Goal("W6", "status", "cpu", of_walk=(1.3, 0.0)),
    Goal("W6", "commit-1", "cpu", of_walk=(1.0, 0.05)),
    Goal("W6", "diff", "cpu", of_walk=(1.0, 0.05)),
    Goal("observe", "loop", "loop_wall", of_peer=("alone", 2.5)),
    Goal("observe", "files", "loop_wall", of_peer=("alone", 2.5)),
    Goal("observe", "images", "loop_wall", of_peer=("alone", 1.1)),
    Goal("observe", "cpu", "loop_wall", of_peer=("alone", 1.02)),
    Goal("observe", "cpu", "wall", of_peer=("alone", 1.02)),
    Goal("observe", "many", "wall", most=30.0),
    Goal("observe", "many", "recorded", least=OBSERVE_RUNS),
    Goal("sweep", "sweep", "wall", most=30.0),
    Goal("sweep", "sweep", "recorded", least=OBSERVE_RUNS),
    Goal("log", "check", "wall", most=10.0),
    Goal("start", "version", "cpu", most=0.002, of_best=1.67),
    Goal("start", "status", "cpu", most=0.003, of_best=1.0),
]
# Memory beyond mapped files: the peak counts mapped files too, so a peak below the bound meets it and one
# above it has to be looked at.
MEMORY = {
    "W1": 300 * MIB, "W2": 300 * MIB, "W2-files": 300 * MIB, "W3": 300 * MIB, "W3-conv": 300 * MIB, "W4": 200 * MIB,
    "W6": 200 * MIB,
}


def goal_of(workload: str, operation: str, metric: str) -> Goal | None:
    """The goal of a row of the report, if it has one."""
    if metric == "rss" and workload in MEMORY:
        return Goal(workload, operation, metric, most=MEMORY[workload])
    for goal in GOALS:
        if (goal.workload, goal.operation, goal.metric) == (workload, operation, metric):
            return goal
    return None
