"""Many clients that commit, push and pull to one place at once and are killed, while somebody collects there."""

from __future__ import annotations

import random
import threading
import time
import traceback
from collections import Counter
from pathlib import Path

from ..model import difference, entry, look
from ..program import Ended, Program, Wrong
from . import stores
from .ways import Way, kill

# A push: somebody was faster, and what they did has to be pulled; or they were so again and again.
OUTRUN = (73, 75)
# A pull or a merge that was outrun has to be typed again.
AGAIN = 75
# Where the other side is killed, a client may come to give up.
UNREACHABLE = 69
KILLED_SHARE = 0.3
MOST_ATTEMPTS = 200
# Who was outrun waits, longer each time, so that everybody's turn comes: at first and at most, in seconds.
FIRST_PAUSE = 0.05
LONGEST_PAUSE = 5.0


class Client(threading.Thread):
    """A working copy with a directory of its own, so that merges never clash."""

    def __init__(self, crowd: Crowd, number: int) -> None:
        super().__init__(daemon=True)
        self.crowd, self.name = crowd, f"client{number}"
        self.place = crowd.home / self.name
        self.generator = random.Random(f"{crowd.seed} {self.name}")
        # Not the home of another one, whose journal it would overwrite.
        (crowd.home / f"{self.name}.home").mkdir()
        self.program = crowd.new_program(crowd.home / f"{self.name}.home", self.generator)
        self.number = 0
        # Commits whose push ended well, with the file that each made.
        self.pushed: dict[str, tuple[str, tuple[str, str]]] = {}
        self.statuses: Counter[str] = Counter()

    def run(self) -> None:
        try:
            while not self.crowd.is_over():
                self.share()
        except Exception:
            self.crowd.fail(f"{self.name}: {traceback.format_exc()}")

    def share(self) -> None:
        """One commit, and whatever it takes until the other store has it."""
        self.number += 1
        path = self.place / "data" / self.name / str(self.number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.generator.randbytes(self.generator.randint(10, 60_000)))
        message = f"{self.name} {self.number}"
        commit = self.program.must(self.place, "commit", "--json", "-m", message).json()["commit"]
        self.until_pushed()
        self.pushed[commit] = (str(path.relative_to(self.place)), entry(path))

    def until_pushed(self) -> None:
        pause = FIRST_PAUSE
        for _ in range(MOST_ATTEMPTS):
            ended = self.typed("push", 0, *OUTRUN)
            if ended.status == 0:
                return
            if ended.status in OUTRUN:
                time.sleep(self.generator.uniform(0, pause))
                pause = min(2 * pause, LONGEST_PAUSE)
                self.until_pulled()
        raise Wrong(f"a push was outrun or killed {MOST_ATTEMPTS} times")

    def until_pulled(self) -> None:
        for _ in range(MOST_ATTEMPTS):
            ended = self.typed("pull", 0, AGAIN)
            if ended.status == 0:
                return
        raise Wrong(f"a pull was outrun or killed {MOST_ATTEMPTS} times")

    def typed(self, word: str, *expected: int) -> Ended:
        """A command that is killed now and then, on one side or the other."""
        running = self.program.start(self.place, word, "-q")
        is_killed = not self.crowd.is_calm and self.generator.random() < KILLED_SHARE
        if is_killed:
            time.sleep(self.program.delay(word))
            servers = self.crowd.way.servers() if self.generator.random() < 0.3 else []
            if servers:
                # Perhaps that of another client: each has to bear it.
                self.crowd.server_kills += kill(self.generator.choice(servers))
            else:
                running.process.kill()
        ended = running.end()
        self.statuses[f"{word} {'killed' if ended.killed else ended.status}"] += 1
        if not ended.killed and ended.status not in (*expected, *([UNREACHABLE] if self.crowd.server_kills else [])):
            raise Wrong(ended)
        return ended


class Collector(threading.Thread):
    """Somebody who cleans up where the store lies, again and again."""

    def __init__(self, crowd: Crowd) -> None:
        super().__init__(daemon=True)
        self.crowd = crowd
        self.generator = random.Random(f"{crowd.seed} collector")
        (crowd.home / "collector.home").mkdir()
        self.program = crowd.new_program(crowd.home / "collector.home", self.generator)
        self.done: Counter[str] = Counter()

    def run(self) -> None:
        try:
            while not self.crowd.is_over():
                words = self.generator.choice([["gc", "--now"], ["gc", "--now"], ["maintenance"]])
                ended = self.program.run(self.crowd.store, *words)
                if ended.status not in (0, AGAIN):
                    raise Wrong(ended)
                self.done[f"{words[0]} {ended.status}"] += 1
                time.sleep(self.generator.uniform(0, 1))
        except Exception:
            self.crowd.fail(f"collector: {traceback.format_exc()}")


class Crowd:
    def __init__(self, home: Path, binary: Path, way: Way, seed: int, count: int) -> None:
        home.mkdir(parents=True)
        self.home, self.binary, self.way, self.seed = home, binary, way, seed
        self.store = home / "store"
        self.place = way.place(self.store)
        self.failures: list[str] = []
        self.server_kills = 0
        # At the end nobody is killed any more.
        self.is_calm = False
        self.end = 0.0
        self.program = self.new_program(home, random.Random(seed))
        self.clients = [Client(self, number) for number in range(count)]
        self.collector = Collector(self)

    def new_program(self, home: Path, generator: random.Random) -> Program:
        program = Program(self.binary, home, generator)
        program.environment |= self.way.environment
        return program

    def is_over(self) -> bool:
        return time.monotonic() >= self.end or bool(self.failures)

    def fail(self, what: str) -> None:
        self.failures.append(what)

    def run(self, seconds: float) -> None:
        self.begin()
        self.end = time.monotonic() + seconds
        threads = [*self.clients, self.collector]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.failures:
            raise Wrong("\n".join(self.failures))
        self.finish()

    def begin(self) -> None:
        self.program.must(self.home, "init", "--bare", str(self.store))
        first = self.clients[0].place
        (first / "data").mkdir(parents=True)
        (first / "data" / "begin").write_text("begin\n")
        self.program.must(first, "init")
        self.program.must(first, "add", "data")
        self.program.must(first, "commit", "-m", "Begin")
        self.program.must(first, "remote", "add", "origin", self.place)
        self.program.must(first, "push")
        for client in self.clients[1:]:
            self.program.must(self.home, "clone", self.place, client.name)

    def finish(self) -> None:
        """All come to have everything, and all of it is there."""
        self.is_calm = True
        for client in self.clients:
            client.until_pulled()
            client.until_pushed()
        self.way.settle()
        fresh = self.home / "fresh"
        self.program.must(self.home, "clone", self.place, fresh.name)
        files = look(fresh)
        history = {line["commit"] for line in self.program.must(fresh, "log", "--json").lines()}
        for client in self.clients:
            client.until_pulled()
            if (found := look(client.place)) != files:
                raise Wrong(f"{client.name} and a fresh clone: {difference(files, found)}")
            for commit, (path, content) in client.pushed.items():
                if commit not in history or files.get(path) != content:
                    raise Wrong(f"{commit} of {client.name} is lost, with {path}")
        self.way.settle()
        places = [self.store, fresh, *(client.place for client in self.clients)]
        stores.sound(self.program, *places)
        stores.read(*places)

    def told(self) -> str:
        """What was done, in one line."""
        statuses = sum((client.statuses for client in self.clients), Counter())
        listed = ", ".join(f"{name} {count}" for name, count in sorted((statuses + self.collector.done).items()))
        return (f"{sum(len(client.pushed) for client in self.clients)} commits pushed, "
                f"{self.server_kills} servers killed; ended: {listed}")
