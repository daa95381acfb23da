"""What has to hold after every kill."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

from .model import Copy, Files, Version, World, difference, look
from .program import Program, Wrong

READER = Path(__file__).resolve().parents[2] / "Tests" / "Reader" / "read_store.py"
READER_EVERY = 25
EXPORT_EVERY = 10
# Files that are being written have a name with this.
TEMPORARY = ".mlrepo-tmp-"
PENDING = " was interrupted"

# Faults of the program that are known (Documentation/Torture.md): they are counted and told, and do not end a run. A line goes when
# its fault is mended.
KNOWN: set[str] = set()


class Checks:
    def __init__(self, world: World, program: Program, home: Path, generator: random.Random, met: Counter) -> None:
        self.world = world
        self.program = program
        self.home = home
        self.generator = generator
        self.met = met
        self.count = 0

    def deviates(self, name: str, what: object) -> None:
        """A known fault is counted; any other ends the run."""
        if name not in KNOWN:
            raise Wrong(f"{name}: {what}")
        self.met[name] += 1
        print(f"{name}: {what}", file=self.program.journal, flush=True)

    def after_kill(self, copy: Copy) -> None:
        """The store is whole, and every version that was acknowledged is in the log."""
        self.count += 1
        ended = self.program.run(copy.place, "fsck", "--json")
        if ended.status != 0 or ended.json()["problems"]:
            raise Wrong(ended)
        if self.count % READER_EVERY == 0:
            self.read(copy)
        self.refs(copy)
        self.log(copy)
        if self.count % EXPORT_EVERY == 0:
            self.export(copy, self.generator.choice(self.world.reachable()))

    def read(self, copy: Copy) -> None:
        """What the independent reader says of the store."""
        store = copy.place / ".mlrepo"
        if (store / "store").exists():
            store = Path(json.loads((store / "store").read_text())["path"])
        done = subprocess.run([sys.executable, str(READER), "verify", str(store)], capture_output=True, text=True)
        if done.returncode != 0:
            raise Wrong(f"the independent reader: {done.stdout[-2000:]}{done.stderr[-2000:]}")

    def log(self, copy: Copy) -> None:
        tip = self.world.tip(copy)
        found = [line["commit"] for line in self.program.must(copy.place, "log", "--json", tip).lines()]
        if found != self.world.chain(tip):
            raise Wrong(f"the log of {tip} is {found}, and should be {self.world.chain(tip)}")

    def export(self, copy: Copy, commit: str) -> None:
        """Every byte of a version comes back."""
        target = self.home / "sample"
        self.program.must(copy.place, "checkout", commit, "--to", str(target))
        self.same(self.world.files(commit), look(target), f"the export of {commit}")
        shutil.rmtree(target)

    def seen_refs(self, copy: Copy) -> dict[str, dict[str, str]]:
        found = {}
        for group, command in (("branches", "branch"), ("tags", "tag")):
            listed = self.program.must(copy.place, command, "--json").json()
            found[group] = {ref["name"]: ref["commit"] for ref in listed}
        return found

    def refs(self, copy: Copy) -> None:
        found = self.seen_refs(copy)
        if found != self.world.refs:
            raise Wrong(f"refs are {found}, and should be {self.world.refs}")

    def is_pending(self, copy: Copy) -> bool:
        return PENDING in self.program.must(copy.place, "status").out

    def standing(self, copy: Copy) -> None:
        """Where the working copy stands, and what has changed in it, by all who tell."""
        status = self.program.must(copy.place, "status", "--json").json()
        if (status["branch"], status["head"]) != (copy.branch, copy.commit):
            raise Wrong(f"status says {status['branch']} {status['head']}, and should say {copy.branch} {copy.commit}")
        found = {entry["path"]: entry["state"] for entry in status["entries"]}
        expected = self.world.status(copy)
        hidden = {path for path in expected.keys() - found.keys() if expected[path] == "added" and path in copy.removed}
        if hidden:
            self.program.must(copy.place, "add", *sorted(hidden))
            copy.added |= {path for path in hidden if not any(path.startswith(root + "/") for root in copy.roots)}
            return self.standing(copy)
        if found != expected:
            raise Wrong(f"status says {found}, and should say {self.world.status(copy)}")
        resolved = "sha256:" + self.program.must(copy.place, "resolve", "HEAD").out.strip()
        if resolved != copy.commit:
            self.deviates("HEAD lags behind", f"resolve HEAD says {resolved}, and status {copy.commit}")
            # A checkout of where one stands writes HEAD anew.
            self.program.must(copy.place, "checkout", copy.branch or copy.commit)
            self.standing(copy)

    def disk(self, copy: Copy) -> None:
        self.same(copy.files, look(copy.place), f"the files of {copy.place.name}")

    def leftovers(self, copy: Copy, command: str) -> None:
        """What a killed command was writing is gone once it was typed again."""
        left = [path for path in look(copy.place) if TEMPORARY in path]
        if left:
            self.deviates(f"a killed {command} leaves temporary files", left)
        for path in left:
            (copy.place / path).unlink()

    def disk_between(self, copy: Copy, before: Files, after: Files) -> None:
        """While files are being written each is the old one or the new one; one that has only one of the two may be absent. Where
        there was none the new one may be cut short: the command knows that, typed again."""
        found = {path: entry for path, entry in look(copy.place).items() if TEMPORARY not in path}
        for path in before.keys() | after.keys() | found.keys():
            is_cut = path in found and path in after and path not in before and self.is_beginning(copy, path, found[path], after[path])
            if not is_cut and found.get(path) not in (before.get(path), after.get(path)):
                raise Wrong(f"{path} is {found.get(path)}, neither {before.get(path)} nor {after.get(path)}")

    def content(self, copy: Copy, digest: str) -> bytes:
        return subprocess.run([self.program.binary, "cat", f"sha256:{digest}"], cwd=copy.place,
                              env=self.program.environment, capture_output=True).stdout

    def is_beginning(self, copy: Copy, path: str, found: tuple[str, str], whole: tuple[str, str]) -> bool:
        """Whether a file holds the beginning of what it is to hold."""
        if "link" in (found[0], whole[0]) or found[0] != whole[0]:
            return False
        return self.content(copy, whole[1]).startswith((copy.place / path).read_bytes())

    def kept(self, copy: Copy, files: Files) -> None:
        """Contents that no file has any more are in the store."""
        for path, (_, digest) in sorted(files.items()):
            if hashlib.sha256(self.content(copy, digest)).hexdigest() != digest:
                raise Wrong(f"what {path} held is lost: {digest}")

    def same(self, expected: Files, found: Files, what: str) -> None:
        if expected != found:
            raise Wrong(f"{what}: {difference(expected, found)}")

    def take(self, copy: Copy, commit: str, parent: str, message: str, files: Files) -> None:
        """Takes a new version into the model, if it is the one that was to be made."""
        shown = self.program.must(copy.place, "show", "--json", commit).json()
        if shown["message"] != message or shown["parents"] != ([parent] if parent else []):
            raise Wrong(f"{commit} is '{shown['message']}' on {shown['parents']}, and not '{message}' on {parent}")
        listed = self.program.must(copy.place, "ls", "--json", commit).lines()
        found = {line["path"]: (line["mode"], line["id"].removeprefix("sha256:")) for line in listed}
        self.same(files, found, f"{commit} '{message}'")
        self.world.versions[commit] = Version(commit, parent, message, files, frozenset(copy.roots))
