"""Limits that are known and written down: each is told apart and counted, so that no invariant is loosened."""

from __future__ import annotations

from collections.abc import Callable

from ..model import Files
from ..program import Ended
from .world import World

RESTORE_GOES_ON = "undo while a restore is interrupted"
FIRST_CHECKOUT_GOES_ON = "undo while the first checkout of a working copy is interrupted"
MOVED = "undo of an operation that cannot be taken back"


def bars_undo(world: World, copy: str, ended: Ended) -> str | None:
    """The limit by which `undo` was refused, if it was one."""
    limit = None
    killed = world.killed.get(copy)
    # Decisions, 42: only the same command goes on with an interrupted `restore`, or a checkout takes its place. It is
    # no operation, so that there is nothing to take back; the refusal says what to type.
    if "a checkout was interrupted" in ended.err and killed is not None and killed.words[0] == "restore":
        limit = RESTORE_GOES_ON
    # Shortcomings, "`undo` while the first checkout of a working copy is interrupted": it goes on when it is typed again,
    # as the refusal says; then `undo` brings back what it overwrote.
    elif "a checkout was interrupted" in ended.err and killed is not None and world.head(copy) is None:
        limit = FIRST_CHECKOUT_GOES_ON
    # Shortcomings, "`undo` of an operation that cannot be taken back": another working copy moved its branch, or stands
    # on it.
    elif len(world.used()) > 1 and ("has moved since" in ended.err or "stands on" in ended.err):
        limit = MOVED
        world.barred.add(copy)
    if limit is not None:
        world.known_limits.append(limit)
    return limit


def excuses_loss(world: World, copy: str) -> bool:
    """Whether what was lost in a working copy lies behind an operation of it that cannot be taken back."""
    if copy in world.barred:
        world.known_limits.append(f"{MOVED}, with a content behind it")
    return copy in world.barred


# Exact undo: a rule says whether a path that is not as before is so by a limit. It is given what was there before the
# command, after it, and after `undo`, and what the version has that was left.
Entry = tuple[str, str] | None


def rule_of_equal_files(words: tuple[str, ...], before: Entry, done: Entry, back: Entry, base: Entry) -> bool:
    """Shortcomings, "`undo` of a checkout": a file that was deleted comes back as the version has it that was left.

    So does one that the command found to be as it makes it; one that this version does not have goes. And so it is with
    files that were deleted from a directory that was replaced.
    """
    return words[0] == "checkout" and before in (None, done) and back == base


EXACT_RULES: dict[str, Callable[[tuple[str, ...], Entry, Entry, Entry, Entry], bool]] = {
    "undo of a checkout, with equal or deleted files": rule_of_equal_files,
}


def exact_limit(words: tuple[str, ...], path: str, before: Files, done: Files, back: Files, base: Files) -> str | None:
    """The limit by which a path is not as it was."""
    sides = before.get(path), done.get(path), back.get(path), base.get(path)
    return next((name for name, rule in EXACT_RULES.items() if rule(words, *sides)), None)


def exact_refusal(words: tuple[str, ...], named: str, before: Files, done: Files, base: Files) -> str | None:
    """The limit by which `undo` was refused, though nothing was edited.

    A file that had been deleted is to come back (see the rule of equal files), and something of one's own has taken its
    place: a directory where it was a file, or the other way round.
    """
    deleted = [path for path in base if path not in before and path not in done]
    own = [path for path in before if done.get(path) == before[path] and (path == named or is_above(named, path))]
    if words[0] == "checkout" and any(is_above(path, mine) or is_above(mine, path) for path in deleted for mine in own):
        return "undo of a checkout, refused where a deleted file's place is taken"
    return None


def is_above(path: str, other: str) -> bool:
    return other.startswith(f"{path}/")
