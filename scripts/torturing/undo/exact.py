"""Whether `undo` brings back exactly what was before a command: files, x bits, HEAD and branch; and `redo` the rest."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from . import limits
from ..model import Files, changes, look
from ..program import Ended
from .runner import Finding
from .steps import Command, Probe
from .world import World


@dataclass(frozen=True)
class State:
    files: Files
    head: str | None
    branch: str | None


def state(world: World, copy: str) -> State:
    status = json.loads(world.answer(copy, "status", "--json") or "{}")
    return State(look(world.places[copy]), status.get("head"), status.get("branch"))


def probe(world: World, probe: Probe) -> None:
    copy = probe.copy
    if copy not in world.used():
        return
    before, count = state(world, copy), len(world.operations(copy))
    base = world.files(copy, before.head) if before.head else {}
    world.command(Command(probe.words, None, copy))
    done = state(world, copy)
    if len(world.operations(copy)) == count:
        # Nothing that `undo` knows: it would take back what was before.
        return
    ended = world.run(copy, "undo")
    back = state(world, copy)
    if ended.status != 0:
        return refused(world, probe, ended, before, done, base or {})
    if (back.head, back.branch) != (before.head, before.branch):
        text = f"{probe.words}: {before.branch} {before.head} is {back.branch} {back.head}"
        raise Finding("undo does not go back to where one stood", text)
    differing = changes(before.files, back.files)
    for path, sides in sorted(differing.items()):
        limit = limits.exact_limit(probe.words, path, before.files, done.files, back.files, base or {})
        if limit is None:
            text = f"{probe.words}: {path} was {sides[0]} and is {sides[1]}"
            raise Finding("undo does not bring back what was", text)
        world.known_limits.append(limit)
    if probe.words[0] == "checkout" and "--" not in probe.words:
        check_redo(world, probe, done)


def refused(world: World, probe: Probe, ended: Ended, before: State, done: State, base: Files) -> None:
    """An `undo` that is refused though nothing was edited, which a limit may explain."""
    named = re.search(r"files would be lost: ([^\s,]+)|(\S+) would be lost", ended.err)
    path = named and (named[1] or named[2])
    limit = limits.exact_refusal(probe.words, path, before.files, done.files, base) if path else None
    if limit is None:
        raise Finding("undo is refused", f"{probe.words}: {ended}")
    world.known_limits.append(limit)


def check_redo(world: World, probe: Probe, done: State) -> None:
    """Shortcomings: `redo` knows checkouts of versions, and not those of paths."""
    ended = world.run(probe.copy, "redo")
    again = state(world, probe.copy)
    if ended.status != 0:
        raise Finding("redo is refused", f"{probe.words}: {ended}")
    if again != done:
        paths = sorted(changes(done.files, again.files))
        text = f"{probe.words}: {paths}, {done.branch} {done.head} is {again.branch} {again.head}"
        raise Finding("redo does not bring back what was", text)
