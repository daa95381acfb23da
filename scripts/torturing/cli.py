"""The command line of scripts/torture."""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

from .actions import Actions
from .checks import Checks
from .model import Copy, World
from .program import Program, Wrong
from .remote import cli as remote
from .undo import session

ROOT = Path(__file__).resolve().parents[2]
# How often each thing is done.
WEIGHTS = {
    "commit": 40, "checkout": 18, "undo": 12, "together": 8, "reference": 8, "tracking": 6, "new_branch": 3, "export": 3,
    "restore": 2,
}
# Where the program has the command.
FURTHER_WEIGHTS = {
    "gc": {"collect": 3}, "maintenance": {"maintain": 4}, "worktree": {"renew": 3}, "rm": {"remove": 3, "force": 4},
    "mv": {"move": 3},
}
FURTHER_COPIES = ["second", "third"]


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/torture",
        description="Kills mlrepo at random moments and looks after each kill whether anything was lost. "
        "MLREPO names the binary; else it is the newest one that was built here.",
        epilog="'scripts/torture remote' does the same to pushes, fetches and clones, over directories, ssh and SFTP: see "
        "'scripts/torture remote --help'.")
    parser.add_argument("kills", nargs="?", type=int,
                        help="how often (default: 1000); with --undo the number of scenarios (default: 200)")
    parser.add_argument("--seed", type=int, help="repeats the choices of a run; moments of kills are as the machine has them")
    parser.add_argument("--big", type=float, default=20, metavar="MB", help="the size of the large file (default: 20)")
    parser.add_argument("--round", type=int, default=200, metavar="KILLS", help="a new store after so many (default: 200)")
    undo = parser.add_argument_group("scenarios of undo")
    undo.add_argument("--undo", action="store_true",
                      help="random edits and commands, killed at random system calls: whatever a command takes off the "
                      "disk has to be found again; a seed repeats all of it")
    undo.add_argument("--gc-now", action="store_true",
                      help="with 'gc --now' between the steps; lost contents do not count then")
    undo.add_argument("--exact", action="store_true",
                      help="without kills: undo brings back exactly what was before each command")
    undo.add_argument("--minutes", type=float, help="as many scenarios as this time allows")
    options = parser.parse_args()
    if not options.undo and (options.gc_now or options.exact or options.minutes is not None):
        parser.error("--gc-now, --exact and --minutes go with --undo")
    if options.gc_now and options.exact:
        parser.error("--gc-now and --exact exclude each other")
    if options.kills is None:
        options.kills = 200 if options.undo else 1000
    return options


def binary() -> Path:
    if "MLREPO" in os.environ:
        return Path(os.environ["MLREPO"]).resolve()
    built = [path for path in (ROOT / ".build/release/mlrepo", ROOT / ".build/debug/mlrepo") if path.exists()]
    if not built:
        sys.exit("error: no binary; name one in MLREPO, or run 'swift build'")
    return max(built, key=lambda path: path.stat().st_mtime)


class Torture:
    def __init__(self, home: Path, options: argparse.Namespace, generator: random.Random) -> None:
        self.home = home
        self.options = options
        self.generator = generator
        self.met: Counter = Counter()
        self.commands = self.kills = self.commits = 0

    def round(self, number: int, kills: int) -> None:
        """One store, from its beginning until so many commands were killed on it."""
        home = self.home / f"round{number}"
        (home / "first").mkdir(parents=True)
        program = Program(binary(), home, self.generator)
        world = World([Copy(home / "first")])
        checks = Checks(world, program, home, self.generator, self.met)
        actions = Actions(world, program, checks, self.generator, int(self.options.big * 1e6))
        try:
            actions.begin(world.copies[0])
            if program.has("worktree"):
                for name in FURTHER_COPIES:
                    copy = Copy(home / name)
                    actions.join(copy)
                    world.copies.append(copy)
            weights = dict(WEIGHTS)
            for command, further in FURTHER_WEIGHTS.items():
                weights |= further if program.has(command) else {}
            while program.kills < kills:
                copy = self.generator.choice(world.copies)
                [action] = self.generator.choices(list(weights), list(weights.values()))
                getattr(actions, action)(copy)
            for copy in world.copies:
                checks.after_kill(copy)
                checks.disk(copy)
            checks.read(copy)
            for commit in self.generator.sample(world.reachable(), min(5, len(world.reachable()))):
                checks.export(copy, commit)
        finally:
            self.commands += program.commands
            self.kills += program.kills
            self.commits += len(world.versions)
        shutil.rmtree(home)


def main() -> int:
    if sys.argv[1:2] == ["remote"]:
        return remote.run(binary(), sys.argv[2:])
    options = parsed()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}", flush=True)
    if options.undo:
        chosen = session.Options(options.kills, options.minutes, seed, options.gc_now, options.exact)
        return session.run(binary(), chosen)
    home = Path(tempfile.mkdtemp(prefix="mlrepo-torture-"))
    torture = Torture(home, options, random.Random(seed))
    begin = time.monotonic()
    failure = None
    number = 0
    while failure is None and torture.kills < options.kills:
        try:
            torture.round(number, min(options.round, options.kills - torture.kills))
        except Wrong as wrong:
            failure = f"{wrong}\n{traceback.format_exc(limit=-4).split('torturing.program.Wrong')[0]}"
        except Exception:
            failure = traceback.format_exc()
        number += 1
    for name, count in sorted(torture.met.items()):
        print(f"known fault, met {count} times: {name}")
    verdict = "no other fault" if torture.met else "no fault"
    numbers = (f"{torture.kills} kills, {torture.commands} commands, {torture.commits} commits, "
               f"{time.monotonic() - begin:.0f} seconds")
    if failure is None:
        shutil.rmtree(home)
        print(f"{numbers}: {verdict}")
        return 0
    print(failure)
    print(f"{numbers}: FAILED with seed {seed}; the state is in {home}, what was typed in its journal.txt")
    return 1
