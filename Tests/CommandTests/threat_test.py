"""Attacks by other stores, and what is looked at after each: how commands end, what they print, and what they wrote.

Whoever is attacked has a working copy that knows a sound store, and a commit of its own. Then that store becomes a
hostile one, at the same place, in a directory or behind a line, and everything that speaks to it is typed.
"""
import concurrent.futures
import itertools
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from command_test import MLREPO
from test_remotes import RemoteTest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "HostileTests"))
import hostile_stores  # noqa: E402
import test_hostile  # noqa: E402

WAYS = ("directory", "ssh")
# The first attack by one way, the next by the other.
IN_TURN = ("in turn",)
COMMANDS = ("clone", "get", "fetch", "pull", "push")
# README.md, "Exit status", but for 1: none of these asks something that could be answered by no.
DOCUMENTED = {0, 64, 65, 66, 69, 73, 74, 75, 77}
PATIENCE = 30
MEMORY = 400 << 20
LONGEST_ERROR = 20_000
# Stands for ssh: starts what is asked for where the other side is.
LINE = """#!/bin/sh
cd "$FAR" || exit 255
for word; do :; done
case $word in sftp) exit 127;; esac
eval "exec $word"
"""
STORE = "place/work/.mlrepo"
# What changes the order or the look of the text around it.
UNSEEN = re.compile("[\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
Write = Callable[[Path], None]


@dataclass
class Struck:
    """What came of an attack."""
    statuses: dict[str, int | None] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    lies: int = 0


def rough(error: bytes) -> str:
    return error[:300].decode(errors="replace")


def writes(name: str) -> Write:
    """Writes the hostile store of a name into a folder."""
    return lambda folder: hostile_stores.write(name, folder) and None


def changing(change: Write, name: str | None = None) -> Write:
    """Writes a sound store with a branch main, or that of a name, and then changes its files."""
    def write(folder: Path) -> None:
        if name is None:
            place = hostile_stores.Place(folder)
            hostile_stores.plain(place)
        else:
            hostile_stores.write(name, folder)
        change(folder / "work/.mlrepo")
    return write


class ThreatTest(RemoteTest):
    """Attacks upon a working copy that knows the store they come from."""

    maxDiff = None
    template: Path

    @classmethod
    def setUpClass(cls) -> None:
        """The working copy that all attacks begin with, and the line to the other side."""
        super().setUpClass()
        cls.template = Path(tempfile.mkdtemp(prefix="mlrepo-threat-"))
        cls.addClassCleanup(shutil.rmtree, cls.template, ignore_errors=True)
        hostile_stores.Place(cls.template / "place")
        line = cls.template / "line"
        line.write_text(LINE)
        line.chmod(0o755)
        environment = cls.surroundings(cls.template)
        copy = cls.template / "copy"
        for words, cwd in ((["clone", f"there:{STORE}", "copy", "-b", "clean"], cls.template),
                           (["checkout", "-q", "-b", "mine"], copy), (["commit", "-qm", "Mine"], copy),
                           (["checkout", "-q", "clean"], copy)):
            if words[0] == "commit":
                (copy / "mine.txt").write_bytes(b"mine\n")
                subprocess.run([MLREPO, "add", "mine.txt"], cwd=copy, env=environment, check=True, capture_output=True)
            subprocess.run([MLREPO, *words], cwd=cwd, env=environment, check=True, capture_output=True)

    @classmethod
    def surroundings(cls, root: Path) -> dict[str, str]:
        """The environment of who is attacked; the other side begins in the same folder."""
        home = root / "home"
        home.mkdir(exist_ok=True)
        return {"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(home), "MLREPO_USER_NAME": "Ada",
                "MLREPO_USER_EMAIL": "ada@example.com", "MLREPO_NOW": "1763888400", "SWIFT_BACKTRACE": "enable=no",
                "FAR": str(root), "MLREPO_SSH": str(cls.template / "line"), "MLREPO_SERVER": MLREPO}

    # One attack

    def strike(self, name: str, write: Write | None, over: str, commands: Iterable[str] = COMMANDS, *,
               path: str = "kept.txt", endless: bool = False, more: dict[str, str] | None = None,
               prepare: Write | None = None,
               look: Callable[[Path, Struck], Iterable[str]] = lambda root, struck: ()) -> Struck:
        """Types the commands while a hostile store is at the other end.

        write: fills the folder `place` with it; without, it stays as it was.
        endless: writing its files would never end.
        more: of the environment. prepare: changes the folder of who is attacked before anything is typed.
        look: finds further problems in what came of it, at the end.
        """
        root = Path(tempfile.mkdtemp(prefix="attack-", dir=self.root))
        (copy, new, got) = (root / "copy", root / "out/new", root / "out/got")
        new.parent.mkdir()
        shutil.copytree(self.template / "copy", copy, symlinks=True)
        url = f"there:{STORE}"
        if over == "directory":
            url = str(root / STORE)
            config = copy / ".mlrepo/config"
            config.write_text(config.read_text().replace(f"there:{STORE}", url))
        if write is None:
            shutil.copytree(self.template / "place", root / "place", symlinks=True)
        else:
            write(root / "place")
        environment = self.surroundings(root) | (more or {})
        if prepare:
            prepare(root)
        typed = {
            "clone": (["clone", *(["--no-checkout"] if endless else []), url, str(new)], root),
            "get": (["get", url, path, "--to", str(got)], root),
            "fetch": (["fetch"], copy), "pull": (["pull", "origin", "main"], copy), "push": (["push", "origin",
                                                                                              "mine"], copy),
            "fsck": (["fsck", "origin"], copy), "gc": (["gc", "origin", "--plan"], copy),
        }
        struck = Struck()
        own = {os.fsencode(copy), os.fsencode(new.parent)}
        before = test_hostile.snapshot(root, own)
        for command in commands:
            words, cwd = typed[command]
            if command == "push":
                # What is pushed may go into the store, and nowhere else.
                own = own | {os.fsencode(root / STORE)}
                before = test_hostile.snapshot(root, own)
            entries, config = self.mine(copy)
            self.type(struck, command, words, cwd, environment)
            if changed := self.changes(before, test_hostile.snapshot(root, own)):
                struck.problems.append(f"{command}: changed outside: {changed}")
            if (found := self.mine(copy))[1] != config:
                struck.problems.append(f"{command}: changed the configuration")
            elif command == "fetch" and struck.statuses[command] != 0 and found[0] != entries:
                struck.problems.append(f"{command}: was refused, and moved refs")
        for place in (copy, new):
            if (place / ".mlrepo/format").exists():
                struck.problems += [f"wrote {wrong!r}" for wrong in test_hostile.forbidden_names(place)]
                done = test_hostile.run(["fsck"], place, environment, PATIENCE) if not endless else None
                if done and done.status != 0:
                    struck.problems.append(f"fsck in {place.name}: {done.status}: {rough(done.out + done.err)}")
        struck.problems += look(root, struck)
        if (lies := root / "out/lies").exists():
            struck.lies = lies.read_text().count("\n")
        subprocess.run(["rm", "-rf", "--", root], check=False)
        return struck

    @staticmethod
    def changes(before: dict, after: dict) -> list[str]:
        """What is new, gone or another one; a directory in which something was made and removed again is as it was."""
        return [os.fsdecode(path) for path in sorted(before.keys() | after.keys())
                if (one := before.get(path)) != (other := after.get(path))
                and not (one and other and one[0] == other[0] and stat.S_ISDIR(one[0]))]

    @staticmethod
    def mine(copy: Path) -> tuple[list[str], bytes]:
        """What nothing that was refused may have changed here."""
        return sorted(os.listdir(copy / ".mlrepo/log/new")), (copy / ".mlrepo/config").read_bytes()

    @staticmethod
    def type(struck: Struck, command: str, words: list[str], cwd: Path, environment: dict[str, str]) -> None:
        ending = test_hostile.run(words, cwd, environment, PATIENCE)
        struck.statuses[command] = ending.status
        struck.said[command] = (ending.out + ending.err).decode(errors="replace")
        if ending.late:
            struck.problems.append(f"{command}: did not end in {PATIENCE} s")
        elif ending.signal is not None:
            struck.problems.append(f"{command}: signal {ending.signal}: {rough(ending.err)}")
        elif command == "fsck" and ending.status == 1:
            pass  # the answer is that there is damage, which is told on standard output
        elif ending.status not in DOCUMENTED:
            struck.problems.append(f"{command}: status {ending.status}: {rough(ending.err)}")
        elif ending.status != 0 and not re.search(rb"(?m)^error: .", ending.err):
            struck.problems.append(f"{command}: status {ending.status} without a word: {rough(ending.err)}")
        if ending.memory > MEMORY:
            struck.problems.append(f"{command}: {ending.memory >> 20} MiB of memory")
        if controls := test_hostile.control_characters(ending.out + ending.err):
            struck.problems.append(f"{command}: control characters: {', '.join(controls)}")
        if found := UNSEEN.findall(struck.said[command]):
            struck.problems.append(f"{command}: characters that nobody sees: {found}")
        if len(ending.err) > LONGEST_ERROR:
            struck.problems.append(f"{command}: {len(ending.err)} bytes of errors")

    # Many attacks

    def strike_all(self, attacks: dict[str, Write | None], over: Iterable[str] = IN_TURN, **options) -> dict[str,
                                                                                                             Struck]:
        """Several at once; each by each way, or by one of them in turn. None of them may do harm."""
        if over == IN_TURN:
            which = {f"{name}, {way}": (name, write, way) for (name, write), way in zip(attacks.items(),
                                                                                        itertools.cycle(WAYS))}
        else:
            which = {f"{name}, {way}": (name, write, way) for name, write in attacks.items() for way in over}
        with concurrent.futures.ThreadPoolExecutor(2 * (os.cpu_count() or 1)) as pool:
            struck = dict(zip(which, pool.map(lambda which: self.strike(*which, **options), which.values())))
        if "MLREPO_THREATS" in os.environ:
            for name, one in struck.items():
                print(name, one.statuses, one.said if os.environ["MLREPO_THREATS"] == "2" else "", file=sys.stderr)
        self.assertEqual({name: one.problems for name, one in struck.items() if one.problems}, {})
        return struck

    def refused(self, struck: dict[str, Struck], *commands: str, says: str = "", but: Iterable[str] = ()) -> None:
        """These commands have been refused, by damage or by something that is not there."""
        self.assertEqual({name: {command: (one.statuses[command], one.said[command]) for command in commands
                                 if one.statuses[command] in (0, 64) or says not in one.said[command]}
                          for name, one in struck.items() if name.split(",")[0] not in but},
                         {name: {} for name in struck if name.split(",")[0] not in but})
