"""Runs scenario after scenario, and tells what was found."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from . import exact, invariants
from .generator import Generator
from .runner import Finding, NotTraceable, Runner
from .shrinking import shrink
from .steps import Command, Edit, Step, script
from .world import World

# Further findings of a kind are only named.
SHRUNK_OF_A_KIND = 2


@dataclass(frozen=True)
class Options:
    """What is to be run: so many scenarios, or as many as the minutes allow; with `gc --now`; or exact undo."""

    scenarios: int
    minutes: float | None
    seed: int
    is_collecting: bool
    is_exact: bool


class Session:
    def __init__(self, binary: Path, home: Path, options: Options) -> None:
        self.home = home
        self.options = options
        self.runner = Runner(binary, home)
        # Shrinking is not counted.
        self.shrinker = Runner(binary, home)
        self.findings: Counter[str] = Counter()
        self.known_limits: Counter[str] = Counter()
        self.losses = 0

    def run(self) -> int:
        """Runs all scenarios; 0 if nothing was found and enough commands were killed."""
        if not self.options.is_exact:
            self.runner.require_tracing()
        begin = time.monotonic()
        count = 0
        while not self.is_over(count, time.monotonic() - begin):
            self.scenario(self.options.seed + count)
            count += 1
        return self.report(count, time.monotonic() - begin)

    def is_over(self, count: int, seconds: float) -> bool:
        if self.options.minutes is not None:
            return seconds >= 60 * self.options.minutes
        return count >= self.options.scenarios

    def scenario(self, seed: int) -> None:
        generator = Generator(seed, self.options.is_collecting)
        steps = generator.probes() if self.options.is_exact else generator.scenario()
        finding = self.play(steps, self.runner)
        if finding is None:
            return
        kind = f"{finding.kind} ({generator.kind})"
        self.findings[kind] += 1
        print(f"\nscenario with seed {seed} ({generator.kind}): {finding}", flush=True)
        if self.findings[kind] <= SHRUNK_OF_A_KIND:
            print(self.shrunk(steps, finding), flush=True)

    def shrunk(self, steps: list[Step], finding: Finding) -> str:
        """A short scenario with the same finding, to be pasted into a shell."""
        def fails(candidate: list[Step]) -> bool:
            found = self.play(candidate, self.shrinker)
            return found is not None and found.kind == finding.kind

        if not fails(steps):
            return "played again it does not fail; all its steps:\n" + script(steps)
        short = shrink(steps, fails)
        return f"{script(short)}\n# {self.play(short, self.shrinker) or finding}"

    def play(self, steps: list[Step], runner: Runner) -> Finding | None:
        """Runs one scenario in directories of its own."""
        home = Path(tempfile.mkdtemp(dir=self.home))
        world = World(home, runner, self.options.is_collecting)
        try:
            for step in steps:
                self.step(world, step)
            if not self.options.is_exact:
                invariants.at_the_end(world)
        except Finding as finding:
            return finding
        finally:
            shutil.rmtree(home)
            if runner is self.runner:
                self.losses += len(world.lost)
                self.known_limits.update(set(world.known_limits))
        return None

    def step(self, world: World, step: Step) -> None:
        if not world.places[step.copy].exists():
            # A shrunk scenario may have lost what makes it.
            return
        if isinstance(step, Edit):
            world.edit(step)
        elif isinstance(step, Command):
            world.command(step)
            if not self.options.is_exact:
                invariants.after(world, step)
        else:
            exact.probe(world, step)

    def report(self, count: int, seconds: float) -> int:
        for name, times in sorted(self.known_limits.items()):
            print(f"known limit, met in {times} scenarios: {name}")
        for kind, times in sorted(self.findings.items()):
            print(f"found in {times} scenarios: {kind}")
        runner = self.runner
        numbers = (f"{count} scenarios, {runner.commands} commands, {runner.hit} of {runner.planned} planned kills hit"
                   f", {self.losses} contents taken off the disk, {seconds:.0f} seconds")
        if self.findings:
            print(f"{numbers}: FAILED with seed {self.options.seed}")
        elif not runner.has_hit_enough():
            print(f"{numbers}: FAILED, too few kills hit to show anything")
        else:
            print(f"{numbers}: no fault")
            return 0
        return 1


def run(binary: Path, options: Options) -> int:
    """Runs a session in a temporary directory."""
    home = Path(tempfile.mkdtemp(prefix="mlrepo-torture-"))
    try:
        return Session(binary, home, options).run()
    except NotTraceable as reason:
        print(f"error: nothing can be killed at a system call here: {reason}")
        return 2
    finally:
        shutil.rmtree(home, ignore_errors=True)
