"""A push, a fetch, a pull or a clone, killed on either side: what has to hold then, and when it is typed again."""

from __future__ import annotations

import random
import shutil
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from ..model import Files, look
from ..program import Ended, Wrong
from . import stores
from .measure import Sent
from .pair import Copy, Pair
from .ways import Counted, Way, kill

# How often each is done.
WEIGHTS = {"push": 5, "fetch": 2, "pull": 3, "clone": 2}
# What a file has that is being written.
TEMPORARY = ".mlrepo-tmp-"
# The status of who cannot reach the other side.
UNREACHABLE = 69


@dataclass
class Tally:
    """What was done over one way."""

    hits: Counter = field(default_factory=Counter)
    sent: list[Sent] = field(default_factory=list)
    # Bytes that came more than once, of the transfers that bring: fetch, pull and clone.
    received_again: list[int] = field(default_factory=list)
    # Known faults.

    @property
    def kills(self) -> int:
        return self.hits.total()


class Round(Pair):
    """Until a number of commands was killed on one store."""

    def __init__(self, home: Path, binary: Path, way: Way, generator: random.Random, big: int, tally: Tally) -> None:
        super().__init__(home, binary, way, generator, big)
        self.tally = tally

    def run(self, kills: int) -> None:
        self.begin()
        aim = self.tally.kills + kills
        while self.tally.kills < aim:
            [action] = self.generator.choices(list(WEIGHTS), list(WEIGHTS.values()))
            # However few the kills are, a third of them hit pushes: only there is it counted what is sent twice.
            if 3 * sum(1 for sent in self.tally.sent if sent.hit) <= self.tally.kills:
                action = "push"
            getattr(self, action)()
        self.end()

    # Kills.

    def strike(self, place: Path, words: list[str], growing: Path, expected: int) -> tuple[Ended, str | None]:
        """Runs a command, and kills it or the other side: after some time, or when some of the bytes are there.

        Gives who was hit; nobody, if all was over before.
        """
        is_server = self.way.is_line and self.generator.random() < 0.5
        before = stores.length(growing)
        by_time = self.generator.random() < 0.4
        moment = self.program.delay(words[0])
        enough = before + self.generator.random() * expected
        begun = time.monotonic()
        running = self.program.start(place, *words)
        process = running.process
        while process.poll() is None:
            if time.monotonic() - begun >= moment if by_time else stores.length(growing) >= enough:
                break
            time.sleep(0.003)
        hit = None
        if not is_server:
            process.kill()
        while is_server and hit is None and process.poll() is None:
            # So early that nobody was there yet, the first one to come is killed.
            hit = "server" if any([kill(pid) for pid in self.way.servers()]) else None
        ended = running.end()
        if ended.killed:
            hit = "client"
        # Whoever loses the other side opens the line anew, or says that it cannot be reached.
        if not ended.killed and ended.status not in ((0, UNREACHABLE) if hit else (0,)):
            raise Wrong(ended)
        if hit:
            self.tally.hits[f"{words[0]}, {hit}"] += 1
        return ended, hit

    def is_patient(self) -> bool:
        """Whether it is typed again only when nothing is at work over there any more."""
        patient = self.generator.random() < 0.5
        if patient:
            self.way.settle()
        return patient

    def push(self) -> None:
        copy = self.generator.choice(self.copies)
        if copy.is_behind:
            self.catch_up(copy)
        before = stores.refs(self.program, copy.place), stores.refs(self.program, self.store)
        commit = self.commit(copy)
        words, after = ["push", "--json"], {"branch main": commit}
        if self.generator.random() < 0.3:
            # All refs of a push move in one step.
            self.program.must(copy.place, "tag", f"t{self.number}")
            words += ["origin", "main", f"t{self.number}"]
            after[f"tag t{self.number}"] = commit
        self.way.settle()
        sent = Sent(self.way, self.store)
        ended, hit = self.strike(copy.place, words, self.store, self.big)
        sent.first_is_over(hit, self.is_patient())
        stores.sound(self.program, self.store, copy.place)
        self.one_of(stores.refs(self.program, self.store), before[1], before[1] | after, "the other store's refs")
        here = before[0] | after
        told = here | {"branch origin/main": commit}
        self.one_of(stores.refs(self.program, copy.place), here, told, f"refs of {copy.name}")
        again = self.program.must(copy.place, *words)
        self.way.settle()
        self.one_of(stores.refs(self.program, self.store), before[1] | after, None, "the other store's refs at the end")
        sent.second_is_over(ended, again)
        self.tally.sent.append(sent)
        self.was_pushed(copy)

    def fetch(self) -> None:
        self.bring("fetch", self.behind())

    def pull(self) -> None:
        copy = self.behind()
        if self.generator.random() < 0.5:
            # Then it has to merge.
            self.commit(copy)
        self.bring("pull", copy)

    def bring(self, word: str, copy: Copy) -> None:
        """A fetch or a pull, killed."""
        there = stores.refs(self.program, self.store)
        before, tip = stores.refs(self.program, copy.place), there["branch main"]
        files = look(copy.place)
        self.way.settle()
        counted, length = self.way.counted(), stores.length(copy.place)
        _, hit = self.strike(copy.place, [word], copy.place, self.big)
        self.is_patient()
        stores.sound(self.program, self.store, copy.place)
        self.one_of(stores.refs(self.program, self.store), there, None, "the other store's refs")
        self.between(copy, stores.refs(self.program, copy.place), before, there, word)
        self.files_between(copy, files)
        self.program.must(copy.place, word)
        self.way.settle()
        self.received(hit, counted, stores.length(copy.place) - length)
        now = stores.refs(self.program, copy.place)
        if now["branch origin/main"] != tip or (word == "fetch" and now["branch main"] != before["branch main"]):
            raise Wrong(f"after {word} refs of {copy.name} are {now}, and the other store's are {there}")
        if word == "fetch":
            self.same(files, look(copy.place), f"the files of {copy.name} after a fetch")
        self.catch_up(copy)

    def clone(self) -> None:
        self.number += 1
        name = f"clone{self.number}"
        place = self.home / name
        there = stores.refs(self.program, self.store)
        self.way.settle()
        counted, whole = self.way.counted(), stores.length(self.store)
        _, hit = self.strike(self.home, ["clone", self.place, name], place, whole)
        self.is_patient()
        stores.sound(self.program, self.store)
        self.one_of(stores.refs(self.program, self.store), there, None, "the other store's refs")
        # Before that it is no store yet, and nothing but the same command goes on with it.
        if (place / ".mlrepo" / "HEAD").exists():
            stores.sound(self.program, place)
            refs = stores.refs(self.program, place)
            self.one_of(refs, {}, {ref: there[ref.replace("origin/", "")] for ref in refs}, f"refs of {name}")
        again = self.program.run(self.home, "clone", self.place, name)
        # Where only its end was cut off, it may also say that all is there.
        if again.status != 0 and not (again.status == 73 and "no begun clone" in again.err):
            raise Wrong(again)
        self.way.settle()
        self.received(hit, counted, stores.length(place))
        refs = stores.refs(self.program, place)
        if refs["branch main"] != there["branch main"]:
            raise Wrong(f"refs of {name} are {refs}, and the other store's are {there}")
        stores.sound(self.program, place)
        self.same(self.copies[0].pushed | self.copies[1].pushed, look(place), f"the files of {name}")
        if self.program.must(place, "status", "--json").json()["entries"]:
            raise Wrong(f"something has changed in {name}")
        shutil.rmtree(place)

    # What has to hold.

    def received(self, hit: str | None, before: Counted, whole: int) -> None:
        if hit and self.way.is_line:
            self.tally.received_again.append(max(0, (self.way.counted() - before).received - whole))

    def between(self, copy: Copy, found: stores.Refs, before: stores.Refs, there: stores.Refs, word: str) -> None:
        """Each ref is the old or the new one."""
        for name in found.keys() | before.keys():
            values = {before.get(name), there.get(name.replace("origin/", ""))}
            if name == "branch main":
                values = {before[name], there[name]} if word == "pull" else {before[name]}
            if found.get(name) in values:
                continue
            if name == "branch main" and word == "pull":
                shown = self.program.must(copy.place, "show", "--json", found[name]).json()
                if set(shown["parents"]) == {before[name], there[name]}:
                    continue
            raise Wrong(f"in {copy.name} {name} is {found.get(name)}, and should be one of {values}")

    def files_between(self, copy: Copy, before: Files) -> None:
        """Its own files are untouched; each of the others is the old one or the new one, or is being made."""
        found = {path: entry for path, entry in look(copy.place).items() if TEMPORARY not in path}
        self.same(copy.own, self.of(copy, found), f"own files of {copy.name}")
        after = self.other(copy).pushed
        for path in before.keys() - copy.own.keys():
            if found.get(path) not in (before[path], after.get(path)):
                raise Wrong(f"{path} in {copy.name} is {found.get(path)}, neither {before[path]} nor {after.get(path)}")
