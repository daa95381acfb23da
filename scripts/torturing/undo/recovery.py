"""Looks for contents as a person would: on disk, in branches, and by typing `undo` again and again."""

from __future__ import annotations

import os
import re

from . import limits
from ..program import Ended
from .runner import Finding
from .steps import Command
from .world import World

MOST_UNDOS = 80
NOTHING_LEFT = 1
NOT_THERE = 66
IN_THE_WAY = 73


def take_back_all(world: World, copy: str) -> set[str]:
    """Types `undo` until there is nothing to take back, moving aside what it names; gives all contents seen."""
    seen = set(world.contents(copy)) | world.in_branches(copy)
    for _ in range(MOST_UNDOS):
        undo = Command(("undo",), None, copy)
        ended = world.command(undo)
        # What `undo` itself takes off the disk has to be seen after it, not before.
        seen -= {digest for digest, loss in world.lost.items() if loss.command is undo}
        seen |= world.contents(copy).keys() | world.in_branches(copy)
        if ended.status == 0:
            continue
        if ended.status == NOTHING_LEFT or world.is_collecting:
            return seen
        limit = limits.bars_undo(world, copy, ended)
        if limit in (limits.RESTORE_GOES_ON, limits.FIRST_CHECKOUT_GOES_ON):
            finish(world, copy)
        elif limit is not None:
            return seen
        elif ended.status != IN_THE_WAY or not move_aside(world, copy, ended):
            if ended.status == NOT_THERE and world.head(copy) is None:
                # An `init` that was killed: this is no working copy yet.
                return seen
            raise Finding("undo is barred", str(ended))
    raise Finding("undo does not come to an end", str(ended))


def named_by_operations(world: World) -> set[str]:
    """The contents of all versions that the log names, among them those that are kept for `undo`."""
    contents: set[str] = set()
    for copy in world.used()[:1]:
        for ref in (ref for operation in world.operations(copy) for ref in operation["refs"]):
            for commit in (ref[side].removeprefix("sha256:") for side in ("before", "after") if ref.get(side)):
                contents |= world.in_version(copy, commit)
    return contents


def move_aside(world: World, copy: str, ended: Ended) -> bool:
    """Moves what a refusal names elsewhere, as its hint says; whether there was anything."""
    place = world.places[copy]
    aside = world.home / "aside"
    aside.mkdir(exist_ok=True)
    has_moved = False
    for word in re.split(r"[\s,:']+", ended.err):
        path = place / word.removeprefix(f"{place}/")
        if word and place in path.parents and os.path.lexists(path):
            os.rename(path, aside / str(len(list(aside.iterdir()))))
            has_moved = True
    return has_moved


def finish(world: World, copy: str) -> None:
    """Types an interrupted command again, as the refusal says; else a forced checkout takes its place."""
    if world.run(copy, *world.killed[copy].words).status != 0:
        ended = world.run(copy, "checkout", "--force", "HEAD" if world.head(copy) else "main")
        if ended.status != 0:
            raise Finding("there is no way on", str(ended))
