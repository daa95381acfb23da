"""Other stores when something goes wrong: killed commands, calls that fail, stores that were turned back or are damaged."""
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from command_test import MLREPO, hears_interrupts
from test_remotes import RemoteTest

# Stands for ssh: what comes from the other side is slow.
SLOW_LINE = f"""#!{sys.executable}
import os, subprocess, sys, time
there = subprocess.Popen(["sh", "-c", sys.argv[-1]], stdout=subprocess.PIPE)
came = 0
while some := there.stdout.read1(65536):
    sys.stdout.buffer.write(some)
    sys.stdout.buffer.flush()
    came += len(some)
    time.sleep(len(some) / int(os.environ["BYTES_A_SECOND"]))
with open(os.environ["HOME"] + "/came", "w") as told:
    told.write(str(came))
sys.exit(there.wait())
"""


class TurnedBack(RemoteTest):
    """What lies at a place is not what was seen there."""

    def put_back(self, source: Path) -> None:
        shutil.rmtree(self.store)
        shutil.copytree(source, self.store)

    def is_refused(self, says: str, cwd=None) -> None:
        """Nothing is taken over before somebody says that it is meant."""
        before = self.mlrepo("resolve", "origin/main", cwd=cwd)
        for command in ("fetch", "push"):
            self.refused(command, status=65, says=says, cwd=cwd)
            self.assertIn("remote forget", self.stderr)
        self.assertEqual(self.mlrepo("resolve", "origin/main", cwd=cwd), before)
        self.mlrepo("remote", "forget", "origin", cwd=cwd)
        self.mlrepo("fetch", cwd=cwd)

    def test_an_older_copy(self) -> None:
        first = self.one()
        shutil.copytree(self.store, self.root / "old")
        self.version("Two")
        self.mlrepo("push")
        self.put_back(self.root / "old")
        self.is_refused("rolled back")
        self.assertEqual(self.mlrepo("resolve", "origin/main").strip(), first)
        self.mlrepo("push")
        self.same_files(self.clone("other"))
        self.sound(self.work, self.store)

    def test_a_copy_that_others_went_on_with(self) -> None:
        self.one()
        other = self.clone("other")
        shutil.copytree(self.store, self.root / "copy")
        self.mlrepo("remote", "set", "origin", "../copy", cwd=other)
        for number in range(2):
            theirs = self.version(f"Theirs {number}", cwd=other)
            self.mlrepo("push", cwd=other)
        self.version("Mine")
        self.mlrepo("push")
        self.put_back(self.root / "copy")
        self.is_refused("forked")
        self.assertEqual(self.mlrepo("resolve", "origin/main").strip(), theirs)
        self.refused("push", status=73, says="would lose")

    def test_another_store(self) -> None:
        self.one()
        self.mlrepo("init", "../further")
        self.version("Other", cwd=self.root / "further")
        self.mlrepo("push", "../new", cwd=self.root / "further")
        self.put_back(self.root / "new")
        self.is_refused("another store")

    def test_a_store_that_was_made_anew_is_not_silently_filled(self) -> None:
        self.one()
        shutil.rmtree(self.store)
        self.refused("fetch", status=66, says="no store is there")
        self.refused("push", status=66, says="no store is there")
        self.assertFalse(self.store.exists())

    def test_a_place_is_another_one_from_another_directory(self) -> None:
        self.version("One")
        self.mlrepo("push", "../store")
        self.mlrepo("push", "../store", cwd=self.work / "data")
        self.assertTrue((self.work / "store/format").exists())
        self.mlrepo("push", "../store")


class Killed(RemoteTest):
    """Commands that are killed at any moment, and typed again."""

    maxDiff = None

    def begin(self, *words: str, cwd=None) -> subprocess.Popen:
        return subprocess.Popen([MLREPO, *words], cwd=cwd or self.work, env=self.environment, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL, preexec_fn=hears_interrupts)

    def large(self) -> None:
        for number in range(40):
            self.write(f"data/many/{number}", random.Random(number).randbytes(20_000))
        self.version("Large", path="data/large", content=random.Random(3).randbytes(6_000_000))

    def moments(self, *words: str, cwd=None):
        """Twelve random moments of a command, which is executed once to know how long it takes."""
        begun = time.monotonic()
        self.mlrepo(*words, cwd=cwd)
        length = time.monotonic() - begun
        seed = random.randrange(1 << 32)
        print(f"seed {seed}: {words[0]}", file=sys.stderr)
        generator = random.Random(seed)
        for number in range(12):
            yield number, generator.uniform(0, length * 1.05)

    def killed_after(self, seconds: float, *words: str, cwd=None) -> None:
        process = self.begin(*words, cwd=cwd)
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def test_pushes_go_on(self) -> None:
        self.large()
        for number, moment in self.moments("push", "../first"):
            place = self.root / f"store{number}"
            self.killed_after(moment, "push", f"../store{number}")
            self.mlrepo("push", f"../store{number}")
            self.undamaged(place)
            self.assertEqual([path.name for path in (place / "tmp").iterdir() if path.name.startswith("upload-")], [])
            self.same_files(self.clone(f"clone{number}", place=place))
            shutil.rmtree(self.root / f"clone{number}")
        self.sound(self.work)

    def unfinished(self) -> list[Path]:
        return [path for path in (self.store / "tmp").iterdir() if path.name.startswith("upload-")]

    def cut_off(self, length: int) -> None:
        """A push of so many bytes that was killed when all was there and had no name yet."""
        self.write("data/large", random.Random(2).randbytes(length))
        self.mlrepo("add", "data")
        self.mlrepo("commit", "-m", "Large")
        self.mlrepo("init", "--bare", "../store")
        self.mlrepo("remote", "add", "origin", "../store")
        self.killed("chmod,fchmod,fchmodat", 1, "push")
        self.assertGreater(max(path.stat().st_size for path in self.unfinished()), length)

    def test_a_push_goes_on_although_something_else_goes_by_now(self) -> None:
        """What goes of a large pack was sent, and lacked its name only: a commit and a merge of small packs later it counts."""
        self.cut_off(40 << 20)
        for number in range(12):
            self.version(f"Small {number}")
        done = self.answer("push")
        self.assertGreaterEqual(done["alreadyThere"], 40 << 20)
        self.assertLess(done["bytes"], 1 << 20)
        self.assertEqual(self.unfinished(), [])
        self.undamaged(self.store)
        self.same_files(self.clone("clone"))

    def test_what_a_push_had_begun_and_another_has_no_use_for_goes(self) -> None:
        self.cut_off(2 << 20)
        self.version("More")
        self.mlrepo("push")
        self.assertEqual(self.unfinished(), [])

    def far_away(self, length: int, speed: int) -> bytes:
        """A store behind a slow line that has one file of so many bytes, `data/large`."""
        content = random.Random(5).randbytes(length)
        self.write("data/large", content)
        self.mlrepo("add", "data")
        self.mlrepo("commit", "-m", "Large")
        self.mlrepo("push", "../store")
        line = self.root / "line"
        line.write_text(SLOW_LINE)
        line.chmod(0o755)
        self.environment |= {"MLREPO_SSH": str(line), "MLREPO_SERVER": MLREPO, "BYTES_A_SECOND": str(speed)}
        return content

    def came(self) -> int:
        """Bytes that the last command over the slow line took from it."""
        return int((Path(self.environment["HOME"]) / "came").read_text())

    def test_a_get_of_one_file_goes_on(self) -> None:
        """Its name is there when all of it is; what was begun is checked before it is gone on with."""
        content = self.far_away(40 << 20, 10_000_000)
        words = ("get", f"there:{self.store}", "data/large", "--to", "got")
        got = self.root / "got"

        def begun() -> list[Path]:
            return list(self.root.glob(".mlrepo-tmp-*"))

        def cut_off(signum: int, length: int) -> Path:
            process = self.begin(*words, cwd=self.root)
            while process.poll() is None and sum(path.stat().st_size for path in begun()) < length:
                time.sleep(0.02)
            self.assertIsNone(process.poll(), "it had come to its end before it was cut off")
            process.send_signal(signum)
            process.wait()
            self.assertFalse(got.exists())
            [kept] = begun()
            return kept

        def comes(at_least: int, at_most: int) -> None:
            speed = self.environment["BYTES_A_SECOND"]
            self.environment["BYTES_A_SECOND"] = "1000000000"
            self.mlrepo(*words, cwd=self.root)
            self.environment["BYTES_A_SECOND"] = speed
            self.assertEqual(got.read_bytes(), content)
            self.assertEqual(got.stat().st_mode & 0o777, (self.work / "data/large").stat().st_mode & 0o777)
            self.assertEqual(begun(), [])
            self.assertGreater(self.came(), at_least)
            self.assertLess(self.came(), at_most)
            got.unlink()

        first = cut_off(signal.SIGINT, 10 << 20).stat().st_size
        kept = cut_off(signal.SIGKILL, 20 << 20)
        self.assertGreaterEqual(kept.stat().st_size, max(first, 20 << 20))
        comes(8 << 20, 24 << 20)
        # One wrong byte: what lies before it counts.
        kept = cut_off(signal.SIGKILL, 20 << 20)
        spoiled = bytearray(kept.read_bytes())
        spoiled[15 << 20] ^= 1
        kept.write_bytes(spoiled)
        comes(20 << 20, 60 << 20)
        # In the piece at which it was cut off; longer than the file; another's file; a link, which is not followed.
        outside = self.root / "outside"
        outside.write_bytes(b"mine")
        for other in (content[: 10 << 20] + b"x" * 99, content + b"x", b"mine", outside):
            if isinstance(other, Path):
                kept.symlink_to(other)
            else:
                kept.write_bytes(other)
            comes(40 << 20, 60 << 20)
        self.assertEqual(outside.read_bytes(), b"mine")
        # Two at once, from the same beginning.
        kept.write_bytes(content[: 30 << 20])
        both = [self.begin(*words, cwd=self.root) for _ in range(2)]
        self.assertIn(0, [process.wait() for process in both])
        self.assertEqual(got.read_bytes(), content)
        self.assertEqual(begun(), [])

    def test_a_clone_over_a_slow_line_goes_on(self) -> None:
        """What came is kept every few seconds, and not only at the end."""
        self.far_away(60 << 20, 3_000_000)
        words = ("clone", f"there:{self.store}", "slow")
        process = self.begin(*words, cwd=self.root)
        packs = self.root / "slow/.mlrepo/packs"
        while process.poll() is None and sum(path.stat().st_size for path in packs.glob("*/*.pack")) < 4 << 20:
            time.sleep(0.1)
        self.assertIsNone(process.poll(), "it had come to its end before anything was kept")
        process.kill()
        process.wait()
        self.environment["BYTES_A_SECOND"] = "1000000000"
        self.assertLess(self.answer(*words, cwd=self.root)["bytes"], 56 << 20)
        self.same_files(self.root / "slow")
        self.sound(self.root / "slow")

    def test_pushes_upon_what_is_there_go_on(self) -> None:
        self.one()
        for number in range(12):
            self.mlrepo("remote", "add", f"r{number}", f"../store{number}")
            self.mlrepo("push", f"r{number}")
        self.large()
        for number, moment in self.moments("push", "origin"):
            self.killed_after(moment, "push", f"r{number}")
            self.mlrepo("push", f"r{number}")
            self.assertEqual(self.mlrepo("push", f"r{number}").strip(), f"r{number} has it all")
            self.assertEqual(self.mlrepo("resolve", f"r{number}/main"), self.mlrepo("resolve", "main"))
            self.undamaged(self.root / f"store{number}")
        self.same_files(self.clone("clone", place=self.root / "store5"))

    def test_fetches_go_on(self) -> None:
        self.one()
        clones = [self.clone(f"clone{number}") for number in range(13)]
        self.large()
        self.mlrepo("push")
        for number, moment in self.moments("fetch", cwd=clones[12]):
            self.killed_after(moment, "fetch", cwd=clones[number])
            self.undamaged(clones[number])
            self.mlrepo("fetch", cwd=clones[number])
            self.assertEqual(self.mlrepo("resolve", "origin/main", cwd=clones[number]), self.mlrepo("resolve", "main"))
            self.undamaged(clones[number])
            self.mlrepo("checkout", "-q", "-b", "new", "origin/main", cwd=clones[number])
            self.same_files(clones[number])
        self.sound(self.store)

    def test_clones_go_on(self) -> None:
        self.large()
        self.mlrepo("push", "../store")
        for number, moment in self.moments("clone", "store", "first", cwd=self.root):
            self.killed_after(moment, "clone", "store", f"clone{number}", cwd=self.root)
            self.clone_again(self.root / f"clone{number}")

    def clone_again(self, place: Path) -> None:
        """The same command finishes; where only its end was cut off, it may also say that all is there."""
        done = self.run_raw("clone", "store", place.name, cwd=self.root)
        if done.returncode != 73 or b"no begun clone" not in done.stderr:
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(self.mlrepo("status", "--json", cwd=place))["branch"], "main")
        self.assertIn("Nothing has changed", self.mlrepo("status", cwd=place))
        self.same_files(place)
        self.undamaged(place)
        shutil.rmtree(place)

    def calls(self, call: str, *words: str, cwd=None) -> int:
        """How many times a command makes a call."""
        trace = self.root / "trace"
        subprocess.run([*self.under_strace("-e", f"trace={call}", to=str(trace)), MLREPO, *words], cwd=cwd or self.work,
                       env=self.environment, check=True, capture_output=True)
        return sum(1 for line in trace.read_text().splitlines() if f"{call}(" in line)

    CALLS = ("mkdir", "mkdirat", "link", "linkat", "rename", "renameat", "fsync", "unlink")

    def everywhere(self, words: tuple[str, ...], cwd=None):
        """Every call of some kinds that a command makes, the command killed there; `{}` in its words is a number of its own."""
        numbers = itertools.count()
        for call in self.CALLS:
            number = next(numbers)
            times = self.calls(call, *(word.format(number) for word in words), cwd=cwd)
            for when in range(1, times + 1):
                number = next(numbers)
                line = [word.format(number) for word in words]
                subprocess.run([*self.under_strace("-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={when}"), MLREPO, *line],
                               cwd=cwd or self.work, env=self.environment, capture_output=True)
                yield number, f"{call} {when}"

    def test_pulls_go_on_although_the_other_store_did(self) -> None:
        """What was cut off is finished first, whether it went forward or merged, and then what came behind it is taken."""
        self.one()
        other = self.clone("other")
        for number in range(6):
            self.version(f"File {number}", cwd=other, path=f"data/{number}")
        self.mlrepo("push", cwd=other)
        shutil.copytree(self.work, self.root / "before", symlinks=True)
        shutil.copytree(self.store, self.root / "there")
        for merges in (False, True):
            for when in range(1, 12):
                for place, source in ((self.work, "before"), (self.store, "there")):
                    shutil.rmtree(place)
                    shutil.copytree(self.root / source, place, symlinks=True)
                if merges:
                    self.version("Mine", path="data/mine")
                renames = "rename,renameat,renameat2"
                self.mlrepo("fetch")
                subprocess.run([*self.under_strace("-e", f"trace={renames}", "-e", f"inject={renames}:signal=KILL:when={when}"),
                                MLREPO, "pull"], cwd=self.work, env=self.environment, capture_output=True)
                third = self.clone(f"third-{merges}-{when}")
                self.version("Later", cwd=third, path="data/later")
                self.mlrepo("push", cwd=third)
                self.mlrepo("pull")
                self.assertEqual(self.run_raw("status", "--json").returncode, 0)
                names = {path.name for path in (self.work / "data").iterdir()}
                self.assertEqual(names, {"a.txt", "later", *map(str, range(6))} | ({"mine"} if merges else set()))
                self.undamaged(self.work)
                shutil.rmtree(third)

    def test_a_push_that_makes_the_store_goes_on_from_every_call(self) -> None:
        self.version("One")
        failed = []
        for number, where in self.everywhere(("push", "../store{}")):
            done = self.run_raw("push", f"../store{number}")
            if done.returncode != 0:
                failed.append((where, done.returncode, done.stderr.decode()))
                continue
            self.undamaged(self.root / f"store{number}")
            self.assertIn("branches/main", self.refs(self.root / f"store{number}"))
        self.assertEqual(failed, [])

    def test_a_clone_goes_on_from_every_call(self) -> None:
        self.version("One")
        self.mlrepo("push", "../store")
        failed = []
        for number, where in self.everywhere(("clone", "store", "clone{}"), cwd=self.root):
            place = self.root / f"clone{number}"
            done = self.run_raw("clone", "store", place.name, cwd=self.root)
            if done.returncode != 0 or self.tree(place) != self.tree(self.work):
                failed.append((where, done.returncode, done.stderr.decode(), sorted(os.listdir(place))))
        self.assertEqual(failed, [])

    def test_an_upload_that_was_cut_off_is_continued(self) -> None:
        self.one()
        content = random.Random(4).randbytes(80_000_000)
        self.version("Large", path="data/large", content=content)
        process = self.begin("push")
        length, end = 0, time.monotonic() + 60
        while length < 20_000_000 and process.poll() is None and time.monotonic() < end:
            length = sum(path.stat().st_size for path in (self.store / "tmp").glob("upload-*"))
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.assertGreaterEqual(length, 20_000_000)
        before = self.refs(self.store)
        self.assertNotEqual(before["branches/main"], self.mlrepo("resolve", "main").strip())
        answer = self.answer("push")
        self.assertGreaterEqual(answer["alreadyThere"], length)
        self.assertLess(answer["bytes"] + answer["alreadyThere"], 80_500_000)
        self.assertEqual(list((self.store / "tmp").glob("upload-*")), [])
        self.assertEqual([path for path in (self.work / ".mlrepo/cache/push").iterdir() if path.is_dir()], [])
        other = self.clone("other")
        self.assertEqual((other / "data/large").read_bytes(), content)

    def test_what_was_cut_off_does_not_hinder_another_push(self) -> None:
        self.one()
        self.large()
        self.killed_after(0.15, "push")
        self.mlrepo("checkout", "-q", "-b", "small", "HEAD~1")
        self.version("Small", path="data/small")
        self.mlrepo("push")
        self.assertEqual(self.answer("status")["branch"], "small")
        self.mlrepo("push", "origin", "main")
        other = self.clone("other", "-b", "small")
        self.same_files(other)
        self.sound(self.store, other)


class Failing(RemoteTest):
    """Calls of the system that fail on the other side."""

    def test_a_push_whose_calls_fail_says_so_and_can_be_typed_again(self) -> None:
        self.one()
        for number, (call, error) in enumerate(itertools.product(("fsync", "link", "pwrite64"), ("EIO", "ENOSPC"))):
            self.version(f"Version {number}")
            for when in (1, 2, 3, 5, 8):
                done = subprocess.run([*self.under_strace("-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={when}"),
                                       MLREPO, "push"], cwd=self.work, env=self.environment, capture_output=True)
                self.assertIn(done.returncode, (0, 74), (call, error, when, done.stderr))
                self.assertEqual(done.returncode == 74, done.stderr.startswith(b"error: "), (call, error, when, done.stderr))
            self.mlrepo("push")
            self.assertEqual(self.refs(self.store)["branches/main"], self.mlrepo("resolve", "main").strip())
        self.sound(self.work, self.store)


class Damaged(RemoteTest):
    def setUp(self) -> None:
        super().setUp()
        self.one()
        self.waiting = self.clone("waiting")
        self.version("Two", path="data/b", content=random.Random(5).randbytes(30_000))
        self.mlrepo("push")
        self.version("Three", path="data/text", content=b"".join(b"row %d\n" % number for number in range(3000)))
        self.mlrepo("push")
        shutil.copytree(self.store, self.root / "whole")
        shutil.copytree(self.waiting, self.root / "waited")

    def restored(self) -> None:
        """The other store as it was, and who fetches from it."""
        for place, source in ((self.store, "whole"), (self.waiting, "waited"), (self.root / "new", None)):
            shutil.rmtree(place, ignore_errors=True)
            if source:
                shutil.copytree(self.root / source, place, symlinks=True)

    def look(self, where: str) -> list[int]:
        """A clone and a fetch either bring exactly what was there, or refuse and say of what; what is here is sound after both."""
        statuses = []
        for words, cwd, place in ((["clone", "store", "new"], self.root, self.root / "new"), (["fetch"], self.waiting, self.waiting)):
            done = self.run_raw(*words, cwd=cwd)
            statuses.append(done.returncode)
            self.assertIn(done.returncode, (0, 65), (where, words, done.stderr))
            if done.returncode == 0:
                if words == ["fetch"]:
                    self.mlrepo("checkout", "-q", "-b", "taken", "origin/main", cwd=place)
                self.assertEqual(self.tree(place), self.tree(self.work), where)
            else:
                self.assertRegex(done.stderr, rb"[0-9a-f]{7}|/format|the store has format \d|log/", (where, words))
            if (place / ".mlrepo").exists():
                self.assertEqual(self.run_raw("fsck", cwd=place).returncode, 0, (where, words))
        return statuses

    def test_a_byte_that_changed_is_harmless_or_noticed(self) -> None:
        seed = random.randrange(1 << 32)
        print(f"seed {seed}: flipped bytes", file=sys.stderr)
        generator = random.Random(seed)
        paths = sorted(path.relative_to(self.store) for path in self.store.rglob("*") if path.is_file() and "cache" not in path.parts)
        seen = set()
        for number in range(30):
            path = self.store / (generator.choice(paths) if number > 4 else "format")
            content = bytearray(path.read_bytes())
            place = generator.randrange(len(content))
            content[place] ^= 1 << generator.randrange(8)
            path.chmod(0o644)
            path.write_bytes(content)
            seen.update(self.look(f"seed {seed}: {path.relative_to(self.root)}, byte {place}"))
            self.restored()
        self.assertIn(65, seen)

    def test_a_file_that_is_gone_or_cut_off_is_noticed(self) -> None:
        newest = max((self.store / "log/new").iterdir()).relative_to(self.store)
        for path in sorted(path.relative_to(self.store) for path in self.store.rglob("*") if path.is_file()):
            if "cache" in path.parts or path.name == "format":
                continue
            # Whoever has not seen the newest entry cannot know that there was one.
            if path != newest:
                (self.store / path).unlink()
                self.look(f"{path} is gone")
                self.restored()
            content = (self.store / path).read_bytes()
            (self.store / path).chmod(0o644)
            (self.store / path).write_bytes(content[:len(content) // 2])
            self.look(f"{path} is cut off")
            self.restored()

    def test_nothing_is_pushed_into_a_gap_of_the_log(self) -> None:
        """A copy that is not all there yet must not become one that never can be."""
        gap = self.store / "log/new/00000000000000000002"
        content = gap.read_bytes()
        gap.unlink()
        self.version("Four")
        self.run_raw("push", "../store")
        if not gap.exists():
            gap.write_bytes(content)
        self.undamaged(self.store)

    def test_a_verified_push_brings_what_was_lost_there(self) -> None:
        """Refs say that all is there, and it is not: a repair gave up a chunk, or a whole pack."""
        for has_damage in (True, False):
            with self.subTest(damage=has_damage):
                noise = random.Random(7 + has_damage).randbytes(900_000)
                self.version("Large", path="data/large", content=noise)
                before = set(self.store.glob("packs/*/*.pack"))
                self.mlrepo("push")
                pack = max(set(self.store.glob("packs/*/*.pack")) - before, key=lambda path: path.stat().st_size)
                if has_damage:
                    pack.chmod(0o644)
                    with pack.open("r+b") as file:
                        file.seek(400_000)
                        file.write(b"XXXX")
                else:
                    pack.unlink()
                words = ("fsck", str(self.store), "--repair", "--give-up-missing")
                self.assertEqual(self.run_raw(*words, cwd=self.root).returncode, 1)
                self.mlrepo("push")
                self.assertIn("which had lost it", self.mlrepo("push", "--verify"))
                self.sound(self.store)
                self.assertIn("origin has it all by its indexes", self.mlrepo("push", "--verify"))
                self.same_files(self.clone(f"new-{has_damage}"))

    def test_a_store_that_lost_its_format_is_not_begun_anew(self) -> None:
        for kept in (("log", "packs"), ("log",), ("packs",)):
            place = self.root / "-".join(kept)
            for name in kept:
                shutil.copytree(self.store / name, place / name)
            before = sorted(place.rglob("*"))
            for words in (("push", str(place)), ("init", "--bare", str(place))):
                self.refused(*words, status=65, says="it is missing")
            self.assertEqual(sorted(place.rglob("*")), before)

    def test_directories_that_hold_nothing_may_be_gone(self) -> None:
        for name in ("tmp", "cache", "log/lists", "log/tile"):
            shutil.rmtree(self.store / name)
        self.assertEqual(self.look("directories"), [0, 0])
        self.version("Four")
        self.mlrepo("push")
        self.sound(self.store)

    def test_a_push_does_not_make_damage_worse(self) -> None:
        """What is pushed upon a damaged store is whole itself, or nothing is."""
        packs = sorted((self.store / "packs").rglob("*.pack"))
        commit = self.version("Four")
        for pack in packs:
            name = pack.relative_to(self.store)
            (self.store / name).unlink()
            done = self.run_raw("push")
            self.assertIn(done.returncode, (0, 65), done.stderr)
            if done.returncode == 65:
                self.assertIn(pack.name.removesuffix(".pack").encode(), done.stderr)
            else:
                self.assertEqual(self.refs(self.root / "store")["branches/main"], commit)
            self.restored()
            self.mlrepo("remote", "forget", "origin")
            self.mlrepo("fetch")
