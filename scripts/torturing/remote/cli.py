"""The command line of `scripts/torture remote`."""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import statistics
import sys
import tempfile
import time
import traceback
from pathlib import Path

from ..program import Wrong
from . import ways
from .clients import Crowd
from .kills import Round, Tally

# After so many kills a new store: each clone takes the whole history.
KILLS_OF_A_ROUND = 5
# The status of who was ended early.
STOPPED = 130


def parsed(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/torture remote",
        description="Kills pushes, fetches, pulls and clones at random moments, on this side or the other, and looks "
        "whether anything was lost, half moved or sent twice. For ssh and SFTP an sshd is started on this machine, "
        "with keys of its own. MLREPO names the binary; else it is the newest one that was built here.")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument(
        "--kills", type=int, metavar="N",
        help="so many kills over each way (default: 50): after each one both stores are whole and every ref is the "
        "old or the new one, the same command typed again ends well, and a push sends nothing twice but what was "
        "on its way")
    mode.add_argument(
        "--minutes", type=float, metavar="M",
        help="so long over each way, clients that commit, push and pull at once and are killed, beside 'gc --now' and "
        "'maintenance' in the store: no commit whose push ended well is lost")
    parser.add_argument("--clients", type=int, default=8, help="how many, with --minutes (default: 8)")
    parser.add_argument("--over", choices=[*ways.NAMES, "all"], default="all",
                        help="the way to the other store (default: all)")
    parser.add_argument("--big", type=float, default=40, metavar="MB",
                        help="with --kills, how much a version brings that cannot be compressed (default: 40)")
    parser.add_argument("--seed", type=int,
                        help="repeats the choices of a run; moments of kills are as the machine has them")
    options = parser.parse_args(words)
    if options.kills is None and options.minutes is None:
        options.kills = 50
    return options


def run(binary: Path, words: list[str]) -> int:
    options = parsed(words)
    names = ways.NAMES if options.over == "all" else (options.over,)
    for name in names:
        if reason := ways.lacking(name):
            print(f"error: nothing can be tried over {name}: {reason}; --over names another way")
            return 2
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}", flush=True)
    # Whoever ends it early learns what was done so far, and no sshd is left behind.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(STOPPED))
    return max(over(name, binary, options, seed) for name in names)


def over(name: str, binary: Path, options: argparse.Namespace, seed: int) -> int:
    """All of it over one way."""
    home = Path(tempfile.mkdtemp(prefix="mlrepo-torture-"))
    torture = Clients(options, seed) if options.minutes is not None else Kills(options, seed)
    way, failure, begun = None, None, time.monotonic()
    try:
        way = ways.opened(name, home / "way", binary)
        torture.run(home, binary, way)
    except Wrong as wrong:
        failure = f"{wrong}\n{traceback.format_exc(limit=-4).split('torturing.program.Wrong')[0]}"
    except Exception:
        failure = traceback.format_exc()
    except SystemExit:
        tell(name, torture, begun, "stopped, no fault so far")
        shutil.rmtree(home, ignore_errors=True)
        raise
    finally:
        if way:
            way.stop()
    if failure is None:
        shutil.rmtree(home)
        tell(name, torture, begun, "no fault")
        return 0
    print(failure)
    tell(name, torture, begun, f"FAILED with seed {seed}; the state is in {home}, what was typed in its journal.txt")
    return 1


def tell(name: str, torture: Kills | Clients, begun: float, verdict: str) -> None:
    for line in [*torture.told(), f"{time.monotonic() - begun:.0f} seconds: {verdict}"]:
        print(f"over {name}: {line}", flush=True)


class Kills:
    def __init__(self, options: argparse.Namespace, seed: int) -> None:
        self.options, self.generator = options, random.Random(seed)
        self.tally = Tally()

    def run(self, home: Path, binary: Path, way: ways.Way) -> None:
        number = 0
        while (left := self.options.kills - self.tally.kills) > 0:
            place = home / f"round{number}"
            one = Round(place, binary, way, self.generator, int(self.options.big * 1e6), self.tally)
            one.run(min(KILLS_OF_A_ROUND, left))
            shutil.rmtree(place)
            number += 1

    def told(self) -> list[str]:
        hits = ", ".join(f"{what} {count}" for what, count in sorted(self.tally.hits.items()))
        lines = [f"{self.tally.kills} kills ({hits})"]
        for hit in ("client", "server"):
            pushes = [sent for sent in self.tally.sent if sent.hit == hit]
            if not pushes:
                continue
            again = [sent.again for sent in pushes]
            lines.append(
                f"{len(pushes)} pushes whose {hit} was killed, {sum(1 for sent in pushes if sent.kept)} of them with "
                f"something there, up to {max(sent.kept for sent in pushes):,} bytes; beyond the whole, at most "
                f"{max(sent.whole for sent in pushes):,}, both attempts sent at most {max(again):,} bytes "
                f"(the median is {statistics.median(again):,.0f}), and allowed were "
                f"{max(sent.limit for sent in pushes):,}")
        if again := self.tally.received_again:
            lines.append(f"of {len(again)} that bring, at most {max(again):,} bytes came again (the median is "
                         f"{statistics.median(again):,.0f}): what was not a piece of a fetch yet begins anew")
        return lines


class Clients:
    def __init__(self, options: argparse.Namespace, seed: int) -> None:
        self.options, self.seed = options, seed
        self.crowd: Crowd | None = None

    def run(self, home: Path, binary: Path, way: ways.Way) -> None:
        self.crowd = Crowd(home / "crowd", binary, way, self.seed, self.options.clients)
        self.crowd.run(60 * self.options.minutes)

    def told(self) -> list[str]:
        return [self.crowd.told()] if self.crowd else []
