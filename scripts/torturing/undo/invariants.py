"""What has to hold after every command, killed or not, and at the end of a scenario."""

from __future__ import annotations

from . import limits, recovery
from ..model import look
from .runner import Finding
from .steps import Command
from .world import World

NOTHING_CHANGED = "Nothing has changed"


def after(world: World, command: Command) -> None:
    """HEAD and `status` tell the truth."""
    copy = command.copy
    if copy not in world.used():
        return
    head = world.head(copy)
    if head is not None and head not in world.commits:
        raise Finding("HEAD stands on a version that nobody made", f"{head}, after {command.shell()}")
    status = world.answer(copy, "status")
    if head is None or status is None or NOTHING_CHANGED not in status or "interrupted" in status:
        return
    if world.is_pending(copy):
        raise Finding("status is silent about an interrupted checkout", f"after {command.shell()}: {status}")
    files = world.files(copy, head)
    if files is None:
        if not world.is_collecting:
            raise Finding("HEAD cannot be read", f"{head}, after {command.shell()}")
        return
    found = look(world.places[copy])
    for path, entry in files.items():
        if found.get(path) != entry:
            text = f"{path} is {found.get(path)} and {entry} in HEAD, after {command.shell()}"
            raise Finding("status says that nothing has changed", text)


def at_the_end(world: World) -> None:
    """The store is whole, all that was lost is found again, and there is a way on."""
    check_store(world)
    for copy in world.used():
        check_way_back(world, copy)
    if world.is_collecting:
        for copy in world.used():
            recovery.take_back_all(world, copy)
    else:
        check_losses(world)
    check_store(world)
    for copy in world.used():
        check_way_on(world, copy)


def check_store(world: World) -> None:
    for copy in world.used()[:1]:
        ended = world.run(copy, "fsck")
        if ended.status != 0:
            raise Finding("fsck finds damage", str(ended))


def check_way_back(world: World, copy: str) -> None:
    """Where nobody edited anything since a command was killed, nothing is in the way of `undo`."""
    if copy in world.edited or not world.is_pending(copy) or world.is_collecting:
        return
    ended = world.run(copy, "undo")
    if ended.status == 73 and not limits.bars_undo(world, copy, ended):
        raise Finding("undo is refused where nothing was edited", str(ended))


def check_losses(world: World) -> None:
    """Every content that a command took off the disk is on disk, in a branch, or comes back by `undo`."""
    found: set[str] = set()
    # The first working copy made the versions that the others stand on, so that it takes them back last.
    for copy in reversed(world.used()):
        found |= recovery.take_back_all(world, copy)
    for digest, loss in world.lost.items():
        if digest in found or limits.excuses_loss(world, loss.command.copy):
            continue
        is_kept = digest in recovery.named_by_operations(world)
        kind = "undo does not bring a content back" if is_kept else "a content is gone"
        raise Finding(kind, f"{loss.path} ({digest[:12]}), taken off the disk by {loss.command.shell()}")


def check_way_on(world: World, copy: str) -> None:
    if '"main"' not in (world.answer(copy, "branch", "--json") or ""):
        return
    ended = world.run(copy, "checkout", "--force", "main")
    if ended.status != 0 and not world.is_collecting:
        raise Finding("there is no way on", str(ended))
