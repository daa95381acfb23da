"""Makes a failing scenario short: drops steps, then kills, as long as it fails in the same way."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from .steps import Command, Step

MOST_SECONDS = 120


def shrink(steps: list[Step], fails: Callable[[list[Step]], bool]) -> list[Step]:
    """The shortest scenario that was found; `fails` tells whether one fails in the same way."""
    end = time.monotonic() + MOST_SECONDS
    is_shorter = True
    while is_shorter:
        is_shorter = False
        for index in range(len(steps) - 1, -1, -1):
            for candidate in candidates(steps, index):
                if time.monotonic() > end:
                    return steps
                if fails(candidate):
                    steps, is_shorter = candidate, True
                    break
    return steps


def candidates(steps: list[Step], index: int) -> list[list[Step]]:
    """The scenario without a step; and, if that one is killed, with the kill left out."""
    step = steps[index]
    found = [steps[:index] + steps[index + 1:]]
    if isinstance(step, Command) and step.kill is not None:
        found.append([*steps[:index], replace(step, kill=None), *steps[index + 1:]])
    return found
