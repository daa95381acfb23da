"""Commands that were killed, one after the other, and what was on disk between them: nothing of anybody's is lost, nothing of
another version stays behind, and there is always a way on."""
import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
import unittest

from command_test import MLREPO, CommandTest


class VersionsTest(CommandTest):
    """Versions to go to and from, and commands that are killed on the way."""

    def version(self, name: str, **files: str | None) -> None:
        for path, text in files.items():
            place = self.work / "data" / path.replace("__", "/")
            if text is None:
                shutil.rmtree(place) if place.is_dir() and not place.is_symlink() else os.remove(place)
            else:
                self.write(f"data/{path.replace('__', '/')}", text.encode())
        self.mlrepo("add", "data")
        self.mlrepo("commit", "-m", name, "--deleted")
        self.mlrepo("tag", name)

    def text(self, path: str) -> str:
        return (self.work / "data" / path).read_text()

    def three(self) -> None:
        """A; B, which changes six files and adds one; C, made from A."""
        self.mlrepo("init")
        self.version("A", z="z", **{f"m{i}": "A" for i in range(6)})
        self.version("B", new="B", **{f"m{i}": f"B{i}" for i in range(6)})
        self.mlrepo("checkout", "A")
        self.version("C", c="C")
        self.mlrepo("checkout", "A")

    def assert_at(self, version: str) -> None:
        self.assertIn("Nothing has changed", self.mlrepo("status"))
        self.assertEqual(self.mlrepo("resolve", "HEAD"), self.mlrepo("resolve", version))
        self.assertEqual(list((self.work / "data").glob(".mlrepo-tmp-*")), [])


class Signals(CommandTest):
    """Commands that are asked to end."""

    def test_ctrl_c_leaves_no_half_written_packs(self) -> None:
        self.mlrepo("init")
        (self.work / "data").mkdir()
        (self.work / "data" / "noise.bin").write_bytes(os.urandom(200 << 20))
        self.mlrepo("add", "data")
        temporary = self.work / ".mlrepo" / "tmp"
        for words in [["commit", "--dry-run"], ["commit", "-m", "all"]]:
            for number in [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]:
                # A shell may have told its children to leave some alone.
                started = subprocess.Popen(
                    [MLREPO, *words], cwd=self.work, env=self.environment, stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE, preexec_fn=lambda: signal.signal(number, signal.SIG_DFL))
                deadline = time.monotonic() + 60
                while started.poll() is None and time.monotonic() < deadline:
                    if any(file.name.startswith("pack-") for file in temporary.iterdir()):
                        break
                started.send_signal(number)
                started.communicate(timeout=60)
                self.assertEqual(started.returncode, -number, words)
                self.assertEqual(list(temporary.glob("pack-*")), [], words)
        # Who is told to go on goes on.
        started = subprocess.Popen(
            [MLREPO, "commit", "-m", "all"], cwd=self.work, env=self.environment, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        while started.poll() is None and not list(temporary.glob("pack-*")):
            pass
        started.send_signal(signal.SIGHUP)
        started.communicate(timeout=120)
        self.assertEqual(started.returncode, 0)
        self.mlrepo("fsck")


    def test_ctrl_c_leaves_no_half_written_file_of_a_checkout(self) -> None:
        self.mlrepo("init")
        (self.work / "data").mkdir()
        model = self.work / "data" / "model.bin"
        for version in "AB":
            model.write_bytes(os.urandom(200 << 20))
            self.mlrepo("add", "data")
            self.mlrepo("commit", "-m", version)
            self.mlrepo("tag", version)
        before = model.read_bytes()
        for number in [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]:
            started = subprocess.Popen(
                [MLREPO, "checkout", "A"], cwd=self.work, env=self.environment, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, preexec_fn=lambda: signal.signal(number, signal.SIG_DFL))
            deadline = time.monotonic() + 60
            while started.poll() is None and time.monotonic() < deadline:
                if any(self.size(file) > 1 << 20 for file in model.parent.glob(".mlrepo-tmp-*")):
                    break
            started.send_signal(number)
            started.communicate(timeout=60)
            self.assertEqual(started.returncode, -number)
            self.assertEqual([file.name for file in model.parent.iterdir()], ["model.bin"])
            self.assertEqual(model.read_bytes(), before)
        self.mlrepo("checkout", "B")
        self.assertIn("Nothing has changed", self.mlrepo("status"))

    @staticmethod
    def size(file) -> int:
        """Of a file that may be gone by now."""
        try:
            return file.stat().st_size
        except FileNotFoundError:
            return 0


class Moves(VersionsTest):
    """Many files that move, and a kill in between."""

    def test_what_was_noted_and_did_not_move_is_in_the_next_version_or_stops_it(self) -> None:
        names = [f"data/{number}" for number in range(60)]
        for is_tracked in (True, False):
            with self.subTest(is_tracked):
                shutil.rmtree(self.work)
                (self.work / "new").mkdir(parents=True)
                self.mlrepo("init")
                for name in names:
                    self.write(name, name.encode())
                self.mlrepo("add", "data", *(["new"] if is_tracked else []))
                self.mlrepo("commit", "-m", "One")
                self.killed_at(self.work / "data/30", "mv", *names, "new")
                left = sorted(name for name in names if (self.work / name).exists())
                self.assertTrue(0 < len(left) < 60, left)
                if is_tracked:
                    self.mlrepo("commit", "-m", "Between")
                    listed = [line.split()[-1] for line in self.mlrepo("ls").splitlines()]
                    self.assertEqual(sorted(name for name in listed if name.startswith("data/")), left)
                    self.assertEqual(len(listed), 60)
                else:
                    self.refused("commit", "-m", "Between", status=73, says=f"{len(left)} tracked files are gone")
                self.mlrepo("mv", *left, "new")
                self.mlrepo("commit", "-m", "Two")
                listed = [line.split()[-1] for line in self.mlrepo("ls").splitlines()]
                self.assertEqual(sorted(listed), sorted("new" + name[4:] for name in names))
                self.assertIn("Nothing has changed", self.mlrepo("status"))


class Interrupted(VersionsTest):
    def test_two_checkouts_one_after_the_other_leave_nothing_of_the_first(self) -> None:
        self.three()
        self.killed("renameat", 5, "checkout", "B")
        self.killed("renameat", 2, "checkout", "C")
        self.mlrepo("checkout", "C")
        self.assert_at("C")

    def test_a_forced_checkout_clears_away_what_another_one_had_begun(self) -> None:
        self.three()
        self.killed("renameat", 5, "checkout", "B")
        self.write("data/z", b"mine")
        self.mlrepo("checkout", "--force", "C")
        self.assert_at("C")
        self.mlrepo("undo")
        self.assertEqual(self.text("z"), "mine")

    def test_an_interrupted_checkout_of_a_collected_version_can_be_left(self) -> None:
        self.mlrepo("init")
        self.version("A", a="1", b="1", c="1")
        self.mlrepo("checkout", "-b", "side")
        for name in "abc":
            self.write(f"data/{name}", b"2")
        self.mlrepo("commit", "-m", "B")
        self.mlrepo("checkout", "main")
        self.killed("renameat", 3, "checkout", "side")
        self.mlrepo("branch", "-d", "side")
        self.mlrepo("gc", "--now")
        self.mlrepo("checkout", "--force", "main")
        self.assert_at("main")

    def test_restore_does_not_forget_a_checkout_of_paths(self) -> None:
        self.mlrepo("init")
        self.write("data/big", os.urandom(3_000_000))
        self.version("A", small="a")
        self.write("data/big", os.urandom(3_000_000))
        self.version("B")
        os.remove(self.work / "data/big")
        self.killed("write", 12, "checkout", "A", "--", "data/big")
        self.assertTrue((self.work / ".mlrepo/pending").exists())
        os.remove(self.work / "data/small")
        self.mlrepo("restore", "data/small", status=73)
        self.mlrepo("commit", "-m", "C", status=73)
        self.mlrepo("checkout", "A", "--", "data/small", status=73)
        self.mlrepo("checkout", "A", "--", "data/big")
        self.mlrepo("restore", "data/small")
        self.assertEqual((self.work / "data/big").stat().st_size, 3_000_000)
        self.mlrepo("undo")

    def test_an_undo_of_a_forced_checkout_that_was_killed_goes_all_the_way_back(self) -> None:
        for number in range(2, 8):
            with self.subTest(number=number):
                shutil.rmtree(self.work)
                self.work.mkdir()
                self.mlrepo("init")
                self.version("A", a="1", z="z")
                self.version("B", a="2")
                self.write("data/a", b"precious")
                self.write("data/z", b"too")
                self.mlrepo("checkout", "--force", "A")
                self.killed("renameat", number, "undo")
                for _ in range(2):
                    if self.mlrepo("status").startswith("On branch main") and self.text("a") == "precious":
                        break
                    self.mlrepo("undo")
                self.assertEqual((self.text("a"), self.text("z")), ("precious", "too"))
                self.assertEqual(self.mlrepo("status").splitlines()[0], "On branch main")
                self.mlrepo("checkout", "A", status=73)

    def test_a_working_copy_that_was_killed_on_the_way_is_made(self) -> None:
        self.three()
        for number in range(1, 9):
            with self.subTest(number=number):
                self.killed("renameat", number, "worktree", "add", f"../other{number}")
                self.mlrepo("worktree", "add", f"../other{number}")
                self.assertEqual(self.tree(self.root / f"other{number}"), self.tree(self.work))

    def test_nothing_is_tracked_or_moved_while_a_checkout_is_interrupted(self) -> None:
        self.three()
        self.killed("renameat", 5, "checkout", "B")
        for words in (["mv", "data/m1", "data/q"], ["add", "data"], ["untrack", "data/m1"], ["rm", "data/m1"], ["commit", "-m", "x"]):
            self.mlrepo(*words, status=73)
        self.mlrepo("checkout", "B")
        self.assert_at("B")


class Stopped(VersionsTest):
    """Commands that a person stops, and such that damage stops."""

    def test_ctrl_c_is_as_harmless_as_a_kill(self) -> None:
        self.three()
        for call in ("renameat", "linkat", "openat"):
            for number in (1, 3, 6, 12, 25):
                for words in (["checkout", "B"], ["commit", "-m", "New"]):
                    with self.subTest(call=call, number=number, words=words):
                        self.write("data/n", f"{call} {number}".encode())
                        done = subprocess.run(
                            [*self.under_strace("-e", f"trace={call}", "-e", f"inject={call}:signal=INT:when={number}"), MLREPO,
                             *words], cwd=self.work, env=self.environment, capture_output=True)
                        # Where there are not so many calls it comes to its end.
                        self.assertIn(done.returncode, (0, -signal.SIGINT), done.stderr)
                        if words[0] == "checkout":
                            self.mlrepo("checkout", "B")
                            self.assertEqual([self.text(f"m{i}") for i in range(6)], [f"B{i}" for i in range(6)])
                            self.assertEqual(self.text("n"), f"{call} {number}")
                        else:
                            self.mlrepo("commit", "-m", "New", status=0 if self.mlrepo("status").find("modified") >= 0
                                        or self.mlrepo("status").find("added") >= 0 else 1)
                            self.assertEqual(self.mlrepo("cat", "HEAD:data/n"), f"{call} {number}")
                        self.mlrepo("checkout", "--force", "A")
                        self.mlrepo("fsck")
                        self.assertEqual(list(self.work.rglob(".mlrepo-tmp-*")), [])
        self.verify()

    def damaged(self) -> bytes:
        """A, whose file `last` the store has damaged, and B, which has everything otherwise; the working copy stands on B."""
        self.mlrepo("init")
        # In a frame of its own, behind those of the small files.
        last = os.urandom(300_000)
        self.write("data/last", last)
        self.write("data/run", b"run")
        os.chmod(self.work / "data/run", 0o755)
        os.symlink("A", self.work / "data/link")
        os.makedirs(self.work / "data/empty")
        self.version("A", gone="gone", swap="file", turned__x="x", new__deep__f="A", **{f"f{i}": f"A {i}" for i in range(8)})
        os.remove(self.work / "data/swap")
        shutil.rmtree(self.work / "data/turned")
        os.remove(self.work / "data/link")
        os.symlink("B", self.work / "data/link")
        os.chmod(self.work / "data/run", 0o644)
        os.rmdir(self.work / "data/empty")
        shutil.rmtree(self.work / "data/new")
        self.version("B", gone=None, swap__y="y", turned="a file", other="B", last="B", run="B", **{f"f{i}": f"B {i}" for i in range(8)})
        [pack] = [path for path in (self.work / ".mlrepo/packs").rglob("*.pack") if last in path.read_bytes()]
        pack.chmod(0o644)
        pack.write_bytes(pack.read_bytes().replace(last, last[:100] + bytes([last[100] ^ 1]) + last[101:]))
        return last

    def assert_goes_back(self, *words: str, says: str) -> None:
        before, told = self.tree(self.work), self.mlrepo("status")
        self.mlrepo("checkout", *words, status=65)
        self.assertIn("mlrepo fsck", self.stderr)
        self.assertEqual(self.tree(self.work), before)
        self.assertEqual(self.mlrepo("status"), told)
        self.assertIn("On branch main", told)
        self.assertIn(says, told)
        self.assertNotIn("interrupted", told)
        self.assertFalse((self.work / ".mlrepo/pending").exists())

    def test_a_checkout_that_meets_damage_goes_back(self) -> None:
        self.damaged()
        for words in (["A"], ["-b", "fresh", "A"], ["A"]):
            self.assert_goes_back(*words, says="Nothing has changed")
        self.mlrepo("commit", "-m", "Nothing", status=1)
        self.mlrepo("checkout", "main")
        self.assertEqual(self.mlrepo("operations").count(" checkout "), 0)

    def test_going_back_leaves_alone_what_was_not_the_versions(self) -> None:
        last = self.damaged()
        # As good as what comes, and not the checkout's: a good copy of what is damaged, a new file, an edited one.
        self.write("data/last", last)
        self.write("data/gone", b"gone")
        self.write("data/f3", b"A 3")
        # Gone by hand: it comes with A, and goes again.
        os.remove(self.work / "data/f5")
        # Nothing of the two versions.
        self.write("data/mine", b"mine")
        os.makedirs(self.work / "data/mine-too")
        self.mlrepo("untrack", "data/mine")
        self.assert_goes_back("A", says="deleted  data/f5")
        self.assertEqual((self.work / "data/last").read_bytes(), last)
        # The good copy mends it.
        self.mlrepo("commit", "-m", "C", "data/last")
        self.mlrepo("fsck", "--repair")
        self.mlrepo("checkout", "A")
        self.assertEqual(self.text("f5"), "A 5")

    def test_a_good_copy_of_what_the_store_lost_stays_on_the_way_back(self) -> None:
        """Found by a breaker: both versions' contents are damaged, so that the checkout cannot take its steps back."""
        self.mlrepo("init")
        last, keep = os.urandom(100_000), os.urandom(90_000)
        self.version("A", keep="1")
        self.write("data/last", last)
        self.mlrepo("commit", "-m", "With it")
        self.mlrepo("tag", "with")
        os.remove(self.work / "data/last")
        self.write("data/keep", keep)
        self.mlrepo("commit", "-m", "B", "--deleted")
        for content in (last, keep):
            [pack] = [path for path in (self.work / ".mlrepo/packs").rglob("*.pack") if content in path.read_bytes()]
            pack.chmod(0o644)
            pack.write_bytes(pack.read_bytes().replace(content, content[:100] + bytes([content[100] ^ 1]) + content[101:]))
        self.write("data/last", last)
        self.mlrepo("checkout", "with", status=65)
        self.assertIn("interrupted", self.mlrepo("status"))
        for words in (["main"], ["--force", "main"], ["main"]):
            self.refused("checkout", *words, status=73, says="data/last would be lost")
            self.assertEqual((self.work / "data/last").read_bytes(), last)
        # Out of the way it is nobody's.
        os.rename(self.work / "data/last", self.root / "last")
        self.write("data/keep", keep)
        self.mlrepo("fsck", "--repair", status=1)
        self.mlrepo("checkout", "main")
        self.assertEqual((self.work / "data/keep").read_bytes(), keep)
        self.assertIn("Nothing has changed", self.mlrepo("status"))

    def test_a_kill_on_the_way_back_leaves_a_way_on(self) -> None:
        self.mlrepo("init")
        last, mine = os.urandom(100_000), os.urandom(300_000)
        self.write("data/z", last)
        self.version("A", keep="k")
        self.write("data/z", b"second")
        self.write("data/mine", mine)
        self.mlrepo("commit", "-m", "B")
        [pack] = [path for path in (self.work / ".mlrepo/packs").rglob("*.pack") if last in path.read_bytes()]
        pack.chmod(0o644)
        pack.write_bytes(pack.read_bytes().replace(last, last[:100] + bytes([last[100] ^ 1]) + last[101:]))
        torn = 0
        for number in range(1, 8):
            with self.subTest(number=number):
                self.struck("-e", "trace=write", "-e", f"inject=write:signal=KILL:when={number}", words=("checkout", "A"))
                path = self.work / "data/mine"
                torn += path.exists() and path.stat().st_size < len(mine)
                self.mlrepo("checkout", "main")
                self.assertEqual(path.read_bytes(), mine)
                self.assertIn("Nothing has changed", self.mlrepo("status"))
        self.assertGreater(torn, 0)

    def test_a_new_directory_in_which_nothing_came_to_be_written_goes_again(self) -> None:
        self.mlrepo("init")
        last = os.urandom(5_000)
        self.write("data/deep/down/last", last)
        self.version("A", z="z")
        shutil.rmtree(self.work / "data/deep")
        self.mlrepo("commit", "-m", "B", "--deleted")
        [pack] = [path for path in (self.work / ".mlrepo/packs").rglob("*.pack") if last in path.read_bytes()]
        pack.chmod(0o644)
        pack.write_bytes(pack.read_bytes().replace(last, last[:100] + bytes([last[100] ^ 1]) + last[101:]))
        self.assert_goes_back("A", says="Nothing has changed")
        self.assertEqual(os.listdir(self.work / "data"), ["z"])


class InTheWay(VersionsTest):
    def test_a_directory_of_ones_own_in_the_place_of_files_stays(self) -> None:
        self.mlrepo("init")
        self.version("A", a="0", z="z")
        self.version("B", a=None, a__c="c", z="2")
        os.remove(self.work / "data/a/c")
        self.write("data/a/c/mine", b"mine")
        before = self.tree(self.work)
        self.mlrepo("checkout", "A", status=73)
        self.assertEqual(self.tree(self.work), before)
        self.mlrepo("checkout", "--force", "A")
        self.assert_at("A")
        self.mlrepo("undo")
        self.assertEqual(self.text("a/c/mine"), "mine")

    def test_an_empty_directory_that_somebody_filled_stays(self) -> None:
        self.mlrepo("init")
        (self.work / "data/e").mkdir(parents=True)
        self.version("A", z="z")
        (self.work / "data/e").rmdir()
        self.version("B", e="file", z="2")
        self.mlrepo("checkout", "A")
        self.write("data/e/mine", b"mine")
        before = self.tree(self.work)
        self.mlrepo("checkout", "B", status=73)
        self.assertEqual(self.tree(self.work), before)
        self.mlrepo("checkout", "--force", "B")
        self.assert_at("B")
        self.mlrepo("undo")
        self.assertEqual(self.text("e/mine"), "mine")

    def test_what_lies_behind_a_link_that_goes_is_nobodys(self) -> None:
        self.mlrepo("init")
        (self.work / "out").mkdir()
        self.write("out/bb", b"O")
        (self.work / "data").mkdir()
        os.symlink(self.work / "out", self.work / "data/a")
        self.version("A", b="b")
        self.version("B", a=None, a__bb__x="1")
        self.mlrepo("checkout", "A")
        self.mlrepo("checkout", "B")
        self.assert_at("B")
        self.assertEqual((self.work / "out/bb").read_bytes(), b"O")

    def test_an_empty_directory_in_the_place_of_a_file_is_kept(self) -> None:
        self.mlrepo("init")
        self.version("A", b="1", c="2")
        os.remove(self.work / "data/b")
        (self.work / "data/b").mkdir()
        self.mlrepo("checkout", "--force", "HEAD")
        self.assert_at("A")
        os.remove(self.work / "data/b")
        (self.work / "data/b").mkdir()
        self.mlrepo("rm", "--force", "data")
        self.mlrepo("undo")

    def test_undo_of_a_checkout_of_paths_makes_room_again(self) -> None:
        self.mlrepo("init")
        self.version("A", u="1", z="z", v__x="x")
        self.version("B", u=None, u__x="2", u__y="y", v=None)
        self.write("data/v", b"file")
        self.mlrepo("add", "data")
        self.mlrepo("commit", "-m", "C")
        self.write("data/u/x", b"precious")
        before = self.tree(self.work)
        self.mlrepo("checkout", "A", "--", "data", status=73)
        self.mlrepo("checkout", "--force", "A", "--", "data")
        self.assertEqual((self.text("u"), self.text("v/x")), ("1", "x"))
        self.mlrepo("undo")
        self.assertEqual(self.tree(self.work), before)
        self.assertEqual(self.mlrepo("status").splitlines()[0], "On branch main")

    def test_restore_names_what_is_in_its_way(self) -> None:
        self.mlrepo("init")
        self.version("A", x__f="1", c="2")
        shutil.rmtree(self.work / "data/x")
        self.write("data/x", b"mine")
        self.mlrepo("restore", "data", status=73)
        self.mlrepo("commit", "-m", "x", "--deleted")

    def test_a_commit_that_takes_in_others_files_says_so_before(self) -> None:
        self.mlrepo("init")
        self.version("A", a="1")
        self.mlrepo("worktree", "add", "../other")
        self.write("data/sub/x", b"theirs")
        self.mlrepo("commit", "-m", "Theirs")
        other = self.root / "other"
        (other / "data/sub").write_bytes(b"mine")
        (other / "data/a").write_bytes(b"2")
        before = self.mlrepo("operations")
        self.mlrepo("-C", "../other", "commit", "data/a", "-m", "Mine", status=73)
        self.assertEqual(self.mlrepo("operations"), before)
        os.remove(other / "data/sub")
        self.mlrepo("-C", "../other", "commit", "-m", "Mine")
        self.assertEqual((other / "data/sub/x").read_bytes(), b"theirs")

    def test_what_was_added_goes_along_and_what_the_version_tracks_is_tracked(self) -> None:
        self.mlrepo("init")
        self.version("A", a="1")
        self.write("other/f", b"x")
        self.mlrepo("add", "other")
        self.mlrepo("commit", "-m", "Two")
        self.mlrepo("checkout", "HEAD~1")
        self.write("model/w", b"w")
        self.mlrepo("add", "model")
        self.mlrepo("checkout", "main")
        self.write("other/new", b"new")
        self.mlrepo("commit", "-m", "Three")
        self.assertEqual({line.split()[-1] for line in self.mlrepo("ls").splitlines()},
                         {"data/a", "model/w", "other/f", "other/new"})

    @unittest.skipIf(os.name != "posix" or not os.path.exists("/proc"), "Linux only")
    def test_links_are_not_followed_on_very_long_ways(self) -> None:
        self.mlrepo("init")
        self.version("A", **{"sub__" * 3 + "file": "1"})
        self.version("B", **{"sub__" * 3 + "file": "2"})
        # The way to the working copy is longer than one call takes.
        deep = os.open(self.root, os.O_DIRECTORY)
        names = []
        while sum(len(name) + 1 for name in names) + len(str(self.root)) < 4060:
            names.append("d" * 200)
            os.mkdir(names[-1], dir_fd=deep)
            deep = os.open(names[-1], os.O_DIRECTORY, dir_fd=deep)
        os.rename(self.work, "w", dst_dir_fd=deep)
        os.mkdir("outside", dir_fd=deep)
        outside = os.open("outside", os.O_DIRECTORY, dir_fd=deep)
        work = os.open("w", os.O_DIRECTORY, dir_fd=deep)
        os.rename("data", "data", src_dir_fd=work, dst_dir_fd=outside)
        os.symlink("../outside/data", "data", dir_fd=work)
        run = lambda *words: subprocess.run([MLREPO, *words], cwd=f"/proc/self/fd/{work}", pass_fds=[work],
                                            env=self.environment, capture_output=True, text=True)
        run("checkout", "A")
        run("checkout", "--force", "A")
        with open(os.open("data/sub/sub/sub/file", os.O_RDONLY, dir_fd=outside)) as file:
            self.assertEqual(file.read(), "2")


class WhereOneStands(VersionsTest):
    """The branch after undo, redo and commands that were killed."""

    def branch(self) -> str:
        return self.mlrepo("status").splitlines()[0].removeprefix("On branch ")

    def two(self) -> None:
        self.mlrepo("init")
        self.version("A", a="1", b="1")
        self.version("B", a="2", b="2")

    def test_a_branch_and_the_way_to_it_are_one_operation(self) -> None:
        self.mlrepo("init")
        self.version("A", a="1", b="1")
        self.mlrepo("checkout", "-b", "x")
        self.version("X", a="2")
        self.mlrepo("undo")
        self.mlrepo("undo")
        self.mlrepo("undo")
        self.assertEqual((self.branch(), self.mlrepo("branch").count("\n")), ("main", 1))
        for _ in range(3):
            self.mlrepo("redo")
        self.assertEqual((self.branch(), self.mlrepo("resolve", "x")), ("x", self.mlrepo("resolve", "HEAD")))
        self.write("data/b", b"3")
        self.mlrepo("commit", "-m", "Y")
        self.assertEqual(self.text("a"), "2")
        self.assertEqual(self.mlrepo("resolve", "main"), self.mlrepo("resolve", "A"))

    def test_undo_goes_to_the_branch_before_however_it_came_to_it(self) -> None:
        self.mlrepo("init")
        self.version("A", a="1")
        self.mlrepo("checkout", "-b", "x")
        self.version("X", a="2")
        self.mlrepo("checkout", "-b", "y")
        self.mlrepo("checkout", "main")
        self.mlrepo("undo")
        self.assertEqual(self.branch(), "y")
        self.mlrepo("redo")
        self.assertEqual(self.branch(), "main")
        self.mlrepo("branch", "z")
        self.mlrepo("checkout", "z")
        self.mlrepo("undo")
        self.assertEqual(self.branch(), "main")
        self.mlrepo("checkout", "-b", "w", "x")
        self.assertEqual(self.text("a"), "2")
        self.mlrepo("undo")
        self.assertEqual((self.branch(), self.text("a")), ("main", "1"))
        self.mlrepo("resolve", "w", status=66)

    def test_a_forced_checkout_of_head_that_was_killed_goes_on(self) -> None:
        for words in (["HEAD"], ["HEAD", "--", "data"], ["--", "data/a"], ["main~1", "--", "data"]):
            for number in range(1, 10):
                with self.subTest(words=words, number=number):
                    shutil.rmtree(self.work)
                    self.work.mkdir()
                    self.two()
                    self.write("data/a", b"mine")
                    want = "1" if words[0] == "main~1" else "2"
                    try:
                        self.killed("renameat", number, "checkout", "--force", *words)
                    except AssertionError:
                        break
                    self.mlrepo("checkout", "--force", *words)
                    self.assertEqual((self.text("a"), self.branch()), (want, "main"))
                    for _ in range(3):
                        if self.text("a") == "mine":
                            break
                        self.mlrepo("undo")
                    self.assertEqual((self.text("a"), self.branch()), ("mine", "main"))
                    self.assertEqual(self.mlrepo("resolve", "HEAD"), self.mlrepo("resolve", "B"))

    def test_a_new_branch_that_was_killed_on_the_way_is_typed_again(self) -> None:
        for number in range(1, 9):
            with self.subTest(number=number):
                shutil.rmtree(self.work)
                self.work.mkdir()
                self.two()
                try:
                    self.killed("renameat", number, "checkout", "-b", "x", "main~1")
                except AssertionError:
                    break
                self.mlrepo("checkout", "-b", "x", "main~1")
                self.assertEqual((self.branch(), self.text("a")), ("x", "1"))
                self.assert_at("A")

    def test_undo_of_paths_leaves_what_was_there_already(self) -> None:
        self.two()
        self.write("data/a", b"1")
        self.write("data/b", b"mine")
        self.mlrepo("checkout", "--force", "HEAD~1", "--", "data")
        self.mlrepo("undo")
        self.assertEqual((self.text("a"), self.text("b")), ("1", "mine"))

    def test_empty_directories_in_the_place_of_a_file_make_room(self) -> None:
        self.mlrepo("init")
        self.version("A", c="1", k="1")
        self.version("B", c=None)
        (self.work / "data/c/c").mkdir(parents=True)
        self.mlrepo("checkout", "--force", "A")
        self.assertEqual(self.text("c"), "1")

    def test_paths_that_only_a_version_has_need_no_dashes(self) -> None:
        self.two()
        os.remove(self.work / "data/a")
        self.assertIn("deleted  data/a", self.mlrepo("diff", "data/a"))
        self.assertIn("deleted  data/a", self.mlrepo("diff", "HEAD", "data/a"))
        self.mlrepo("commit", "-m", "C")
        self.assertIn("deleted  data/a", self.mlrepo("diff", "HEAD~1", "HEAD", "data/a"))
        self.mlrepo("log", "data/a", status=66)
        self.assertEqual(self.mlrepo("log", "--oneline", "--", "data/a").count("\n"), 3)

    def test_nothing_in_a_repository_inside_is_tracked(self) -> None:
        self.mlrepo("init")
        self.write("data/m/z", b"1")
        self.mlrepo("init", cwd=self.work / "data/m")
        self.mlrepo("add", "data/m", status=64)
        self.mlrepo("add", "data/m/z", status=64)

    def test_blame_asks_nobody_who_came_later(self) -> None:
        self.mlrepo("init")
        self.version("D", m__z="0")
        self.version("X", m__w="m1")
        self.version("Y", m__w="m2")
        self.write("data/m/w", b"m1")
        self.mlrepo("commit", "-m", "T", "--param", "lr=1")
        blame = json.loads(self.mlrepo("blame", "-r", "X", "data/m/w", "--json"))
        self.assertEqual((blame["message"], blame.get("broughtBack")), ("X", None))


class Surroundings(CommandTest):
    """What the program is started with."""

    def test_closed_streams_get_nothing_of_the_store(self) -> None:
        self.mlrepo("init")
        for number in range(300):
            self.write(f"data/{number % 7}/{number}", os.urandom(20_000))
        self.mlrepo("add", "data")
        for closed in (">&- 2>&-", "<&- 2>&-", "<&- >&- 2>&-"):
            with self.subTest(closed=closed):
                self.write("data/more", os.urandom(5_000_000))
                line = f"exec {closed}; exec {MLREPO} commit -m x --progress"
                subprocess.run(["bash", "-c", line], cwd=self.work, env=self.environment, check=True)
                self.mlrepo("fsck")
                line = f"exec {closed}; exec {MLREPO} checkout HEAD --to ../copy --progress"
                subprocess.run(["bash", "-c", line], cwd=self.work, env=self.environment, check=True)
                self.assertEqual(self.tree(self.root / "copy"), self.tree(self.work))
                shutil.rmtree(self.root / "copy")

    def code(self) -> dict | None:
        return json.loads(self.mlrepo("show", "--json"))["runs"][0].get("code")

    def test_the_code_is_that_of_the_repository_around(self) -> None:
        self.start()
        self.git("init", "-q")
        self.write("x.py", b"pass\n")
        self.git("add", "x.py")
        self.git("commit", "-qm", "Code")
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=self.work, env=self.environment, capture_output=True, text=True).stdout.strip()
        other = self.root / "elsewhere"
        subprocess.run(["git", "init", "-q", other], env=self.environment, check=True)
        self.write("x.py", b"changed\n")
        self.git("config", "diff.noprefix", "true")
        self.environment["GIT_DIR"] = str(other / ".git")
        self.mlrepo("commit", "-m", "One")
        del self.environment["GIT_DIR"]
        code = self.code()
        self.assertEqual((code["revision"], code["dirty"]), (head, True))
        self.assertIn("diff --git a/x.py b/x.py", self.mlrepo("cat", code["patch"]))

    def test_without_git_no_code_is_recorded(self) -> None:
        self.start()
        self.git("init", "-q")
        self.environment["PATH"] = str(self.root / "nothing")
        self.mlrepo("commit", "-m", "One")
        self.assertIsNone(self.code())

    def test_what_git_leaves_running_holds_nobody_up(self) -> None:
        self.start()
        self.git("init", "-q")
        tools = self.root / "tools"
        tools.mkdir()
        real = shutil.which("git")
        left = self.root / "left"
        (tools / "git").write_text(f'#!/bin/sh\nsleep 100 &\necho $! >>"{left}"\nexec {real} "$@"\n')
        (tools / "git").chmod(0o755)
        self.environment["PATH"] = f"{tools}:{self.environment['PATH']}"
        self.mlrepo("commit", "-m", "One")
        self.assertIsNotNone(self.code())
        for process in left.read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(process), signal.SIGTERM)


class Kept(VersionsTest):
    """What a forced checkout overwrites is kept, and the working copy stands where it stood until all is done."""

    def three(self) -> None:
        self.mlrepo("init")
        self.version("A", a="1", b="1", z="z")
        self.version("B", a="2", z=None)
        self.version("C", b="3")
        self.write("data/a", b"mine")

    def points(self, *words: str, call: str = "renameat"):
        """The same command, killed at one call after the other."""
        for number in range(1, 20):
            shutil.rmtree(self.work)
            self.work.mkdir()
            self.three()
            try:
                self.killed(call, number, *words)
            except AssertionError:
                self.assertGreater(number, 2, "the command was hardly killed")
                return
            with self.subTest(words=words, call=call, number=number):
                yield number

    def branch(self) -> str:
        return self.mlrepo("status").splitlines()[0].removeprefix("On branch ")

    def head(self) -> str:
        return self.mlrepo("resolve", "HEAD")

    def test_head_is_no_version_that_only_keeps_what_was_overwritten(self) -> None:
        for _ in self.points("checkout", "--force", "A"):
            self.assertIn(self.head(), [self.mlrepo("resolve", name) for name in "AC"])
            first = self.mlrepo("status").splitlines()[0]
            self.assertEqual(first, "On branch main" if self.head() == self.mlrepo("resolve", "C") else "On no branch")

    def test_a_revision_below_head_leads_to_the_same_version_when_it_is_typed_again(self) -> None:
        for _ in self.points("checkout", "--force", "HEAD~2"):
            if self.head() == self.mlrepo("resolve", "C"):
                self.mlrepo("checkout", "--force", "HEAD~2")
            self.assertEqual((self.head(), self.text("a"), self.text("z")), (self.mlrepo("resolve", "A"), "1", "z"))
            self.mlrepo("undo")
            self.assertEqual((self.head(), self.text("a")), (self.mlrepo("resolve", "C"), "mine"))

    def test_a_new_branch_begins_where_one_stood(self) -> None:
        for _ in self.points("checkout", "--force", "-b", "n"):
            self.mlrepo("checkout", "--force", "-b", "n")
            self.assertEqual((self.mlrepo("resolve", "n"), self.text("a")), (self.mlrepo("resolve", "C"), "2"))
            self.mlrepo("undo")
            self.assertEqual((self.text("a"), self.mlrepo("branch").count("\n")), ("mine", 1))
            self.assertEqual((self.branch(), self.head()), ("main", self.mlrepo("resolve", "C")))

    def test_what_is_refused_in_between_changes_nothing(self) -> None:
        for words in (("rm", "--force", "data/b"), ("checkout", "--force", "--", "data/b"), ("gc", "--now")):
            for _ in self.points("checkout", "--force", "A"):
                if words[0] == "gc" and self.head() == self.mlrepo("resolve", "A"):
                    # All is done, and what was overwritten is in no version that has a name.
                    continue
                self.run_raw(*words)
                self.mlrepo("checkout", "--force", "A")
                self.assertEqual(self.text("a"), "1")
                # The checkout, and what was typed in between: where the killed one is in the log, it is an operation, too.
                for _ in range(3):
                    if self.text("a") != "mine":
                        self.mlrepo("undo")
                self.assertEqual(self.text("a"), "mine", words)

    def test_what_is_tracked_is_known_wherever_a_checkout_or_its_undo_was_killed(self) -> None:
        for last in ("checkout", "undo"):
            for call in ("renameat", "unlinkat"):
                for number in range(1, 20):
                    shutil.rmtree(self.work)
                    self.work.mkdir()
                    self.mlrepo("init")
                    self.version("A", a="1")
                    self.write("models/w", b"w")
                    self.mlrepo("add", "models")
                    self.mlrepo("commit", "-m", "B")
                    if last == "checkout":
                        self.mlrepo("checkout", "A")
                        self.write("notes/n", b"n")
                        self.mlrepo("add", "notes")
                        words, where = ("checkout", "main"), "models/new"
                    else:
                        self.mlrepo("rm", "models/w")
                        words, where = ("undo",), "models/new"
                    try:
                        self.killed(call, number, *words)
                    except AssertionError:
                        break
                    with self.subTest(words=words, call=call, number=number):
                        # A command that only looks may have ended it by now.
                        is_pending = json.loads(self.mlrepo("status", "--json"))["interrupted"]
                        if last == "checkout":
                            self.run_raw(*words)
                        elif is_pending or not (self.work / "models/w").exists():
                            self.mlrepo(*words)
                        self.write(where, b"new")
                        self.mlrepo("commit", "-m", "after")
                        listed = self.mlrepo("ls")
                        for path in ("data/a", "models/w", where) + (("notes/n",) if last == "checkout" else ()):
                            self.assertIn(path, listed)

    def test_work_goes_on_the_branch_after_a_kill_before_anything_was_written(self) -> None:
        self.three()
        self.killed("renameat", 1, "checkout", "--force", "A")
        self.assertEqual(self.mlrepo("status").splitlines()[0], "On branch main")
        self.assertIn("* main", self.mlrepo("branch"))
        self.write("data/b", b"more")
        self.mlrepo("commit", "-m", "work")
        self.assertEqual((self.text("a"), self.mlrepo("resolve", "HEAD~1")), ("mine", self.mlrepo("resolve", "C")))
        self.assertEqual(self.mlrepo("resolve", "main"), self.head())

    def test_undo_of_what_began_at_a_kept_version_goes_back_there_only(self) -> None:
        self.three()
        self.mlrepo("checkout", "--force", "A")
        kept = json.loads(self.mlrepo("operations", "--json").splitlines()[0])
        kept = next(ref["before"] for ref in kept["refs"] if ref["name"].startswith("kept/"))
        self.mlrepo("checkout", "-b", "rescue", kept)
        self.assertEqual(self.text("a"), "mine")
        self.mlrepo("checkout", "main")
        self.mlrepo("undo")
        self.assertEqual(self.mlrepo("status").splitlines()[0], "On branch rescue")
        self.assertEqual((self.text("a"), self.head()), ("mine", kept.removeprefix("sha256:") + "\n"))
        self.assertIn("Nothing has changed", self.mlrepo("status"))

    def test_undo_takes_back_a_branch_that_was_made_by_force(self) -> None:
        self.three()
        self.mlrepo("checkout", "--force", "-b", "n", "A")
        self.mlrepo("undo")
        self.assertEqual((self.text("a"), self.mlrepo("branch").count("\n")), ("mine", 1))
        self.mlrepo("redo")
        self.assertEqual((self.text("a"), self.mlrepo("status").splitlines()[0]), ("1", "On branch n"))
        self.mlrepo("undo")
        self.mlrepo("checkout", "--force", "-b", "n", "A")
        self.assertEqual(self.text("a"), "1")

    def test_what_was_killed_behind_its_entry_is_done_once(self) -> None:
        for words in (("checkout", "-b", "n"), ("checkout", "--force", "A"), ("checkout", "--force", "-b", "n", "A")):
            for _ in self.points(*words):
                self.mlrepo(*words)
                self.mlrepo("undo")
                self.assertEqual((self.text("a"), self.mlrepo("branch").count("\n")), ("mine", 1))
                self.assertEqual(self.head(), self.mlrepo("resolve", "C"))

    def test_an_interrupted_forced_checkout_is_taken_back(self) -> None:
        for call in ("renameat", "linkat"):
            for _ in self.points("checkout", "--force", "A", call=call):
                for _ in range(2):
                    if self.text("a") != "mine" or "interrupted" in self.mlrepo("status"):
                        self.mlrepo("undo")
                self.assertEqual((self.text("a"), self.head()), ("mine", self.mlrepo("resolve", "C")))
                self.assertFalse((self.work / "data/z").exists())
                self.mlrepo("fsck")

    def test_changes_between_two_attempts_are_kept_together(self) -> None:
        for number in self.points("checkout", "--force", "A"):
            if number < 3:
                continue
            at = self.head()
            self.write("data/b", b"later")
            self.mlrepo("checkout", "--force", "A")
            self.mlrepo("undo")
            if at != self.mlrepo("resolve", "A"):
                self.assertEqual((self.text("a"), self.text("b")), ("mine", "later"))

    def test_a_forced_checkout_of_paths_that_was_killed_is_followed_by_another_one(self) -> None:
        for call in ("renameat", "unlinkat"):
            for _ in self.points("checkout", "--force", "main~1", "--", "data", call=call):
                self.mlrepo("checkout", "--force", "main")
                self.assertEqual(self.text("a"), "2")
                for _ in range(2):
                    if self.text("a") != "mine":
                        self.mlrepo("undo")
                self.assertEqual((self.text("a"), self.text("b")), ("mine", "3"))
                self.mlrepo("fsck")

    def test_an_interrupted_checkout_of_paths_is_taken_back(self) -> None:
        for _ in self.points("checkout", "--force", "A", "--", "data"):
            for _ in range(2):
                isThere = (self.work / "data/a").exists()
                if not isThere or self.text("a") != "mine" or "interrupted" in self.mlrepo("status"):
                    self.mlrepo("undo")
            self.assertEqual((self.text("a"), self.text("b"), self.branch()), ("mine", "3", "main"))

    def test_what_a_checkout_wrote_is_tracked_again(self) -> None:
        for words in (("--force", "HEAD"), ("--", "top"), ("main~1", "--", "top")):
            with self.subTest(words=words):
                shutil.rmtree(self.work)
                self.work.mkdir()
                self.three()
                self.write("top", b"1")
                self.mlrepo("add", "top")
                self.mlrepo("commit", "-m", "top")
                self.write("top", b"2")
                self.mlrepo("commit", "-m", "top again")
                self.mlrepo("rm", "top")
                self.mlrepo("checkout", *words)
                self.assertNotIn("deleted", self.mlrepo("status"))
                self.mlrepo("commit", "-m", "after", "--metric", "a=1")
                self.assertIn(" top", self.mlrepo("ls"))

    def test_a_deletion_that_comes_back_is_no_untracking(self) -> None:
        self.three()
        self.write("top", b"1")
        self.mlrepo("add", "top")
        self.mlrepo("commit", "-m", "top")
        os.remove(self.work / "top")
        self.mlrepo("checkout", "--force", "main~1")
        self.mlrepo("undo")
        self.assertIn("deleted  top", self.mlrepo("status"))
        self.write("top", b"anew")
        self.assertIn("modified top", self.mlrepo("status"))

    def test_a_collection_between_does_not_bar_the_way(self) -> None:
        for words in (("A",), ("HEAD",), ("A", "--", "data")):
            for _ in self.points("checkout", "--force", *words):
                self.mlrepo("gc", "--now")
                self.mlrepo("checkout", "--force", *words)
                self.mlrepo("checkout", "--force", "main")
                self.assertEqual((self.text("a"), self.text("b")), ("2", "3"))


class TakenBack(VersionsTest):
    """`undo` brings back what was overwritten, and overwrites nothing that nobody would find again."""

    def two(self, mine: str | None = "mine") -> None:
        self.mlrepo("init")
        self.version("A", a="A")
        self.version("B", a="B")
        if mine is not None:
            self.write("data/a", mine.encode())

    def aside(self) -> str:
        """What stands in the way, which is moved elsewhere."""
        (self.work / "data/a").rename(self.root / "aside")
        return (self.root / "aside").read_text()

    def test_the_first_checkout_of_a_working_copy(self) -> None:
        self.two(None)
        other = self.root / "other"
        self.mlrepo("init", "--store", str(self.work), str(other))
        (other / "data").mkdir()
        (other / "data/a").write_text("mine")
        self.refused("checkout", "--force", "B", "--", "data", status=66, says="there is no commit here yet", cwd=other)
        self.mlrepo("checkout", "--force", "main", cwd=other)
        self.assertEqual((other / "data/a").read_text(), "B")
        self.mlrepo("undo", cwd=other)
        self.assertEqual((other / "data/a").read_text(), "mine")
        self.assertIn("modified data/a", self.mlrepo("status", cwd=other))
        self.refused("undo", status=1, says="nothing to take back", cwd=other)
        self.refused("redo", status=1, says="nothing to do again", cwd=other)
        self.assertEqual((other / "data/a").read_text(), "mine")

    def test_the_first_checkout_of_a_working_copy_keeps_what_was_written_since(self) -> None:
        self.two(None)
        other = self.root / "other"
        self.mlrepo("init", "--store", str(self.work), str(other))
        (other / "data").mkdir()
        (other / "data/a").write_text("mine")
        self.mlrepo("checkout", "--force", "main", cwd=other)
        (other / "data/a").write_text("later")
        self.refused("undo", status=73, says="data/a would be lost", cwd=other)
        self.assertEqual((other / "data/a").read_text(), "later")

    def test_work_that_only_a_kept_version_has_is_not_overwritten(self) -> None:
        self.two("first")
        self.mlrepo("checkout", "--force", "--", "data/a")
        self.write("data/a", b"second")
        self.mlrepo("checkout", "--force", "--", "data/a")
        self.mlrepo("undo")
        self.assertEqual(self.text("a"), "second")
        self.refused("undo", status=73, says="move what is named elsewhere")
        self.assertEqual(self.aside(), "second")
        self.mlrepo("undo")
        self.assertEqual(self.text("a"), "first")

    def test_work_that_only_a_commit_has_that_was_taken_back_is_not_overwritten(self) -> None:
        self.two("first")
        self.mlrepo("checkout", "--force", "--", "data/a")
        self.write("data/a", b"second")
        self.mlrepo("commit", "-m", "C")
        self.mlrepo("undo")
        self.refused("undo", status=73, says="data/a would be lost")
        self.assertEqual(self.aside(), "second")
        self.mlrepo("undo")
        self.assertEqual(self.text("a"), "first")

    def test_what_the_version_gone_back_to_has_may_be_overwritten(self) -> None:
        self.two()
        self.mlrepo("checkout", "--force", "A")
        self.write("data/a", b"B")
        self.mlrepo("undo")
        self.assertEqual(self.text("a"), "mine")

    def test_what_the_version_left_has_may_be_overwritten_again(self) -> None:
        self.mlrepo("init")
        self.version("A", a="A", h="A")
        self.version("B", h="B")
        self.write("data/a", b"mine")
        os.remove(self.work / "data/h")
        self.mlrepo("checkout", "--force", "A")
        self.mlrepo("undo")
        self.mlrepo("restore", "data/h")
        self.mlrepo("redo")
        self.assertEqual((self.text("a"), self.text("h")), ("A", "A"))
        self.mlrepo("undo")
        self.assertEqual(self.text("a"), "mine")

    def test_an_undo_that_was_killed_after_a_checkout_of_paths_that_was(self) -> None:
        for first in range(2, 5):
            for words in (("undo",), ("checkout", "main")):
                for second in range(1, 5):
                    shutil.rmtree(self.work)
                    self.work.mkdir()
                    self.two()
                    self.killed("linkat", first, "checkout", "--force", "A", "--", "data")
                    try:
                        self.killed("renameat", second, *words)
                    except AssertionError:
                        break
                    with self.subTest(first=first, words=words, second=second):
                        for _ in range(4):
                            if self.text("a") != "mine" or "interrupted" in self.mlrepo("status"):
                                self.run_raw("undo")
                        self.assertEqual(self.text("a"), "mine")
                        self.mlrepo("commit", "-m", "after")
                        self.mlrepo("fsck")

    def test_a_checkout_of_all_after_a_checkout_of_paths_that_were_killed(self) -> None:
        self.two()
        self.killed("linkat", 3, "checkout", "--force", "A", "--", "data")
        self.killed("renameat", 2, "checkout", "main")
        self.mlrepo("checkout", "--force", "main")
        self.assertEqual(self.text("a"), "B")
        self.mlrepo("undo")
        self.assertEqual(self.text("a"), "mine")

    def test_an_edit_between_two_attempts(self) -> None:
        for words in (("A",), ("A", "--", "data")):
            shutil.rmtree(self.work)
            self.work.mkdir()
            self.two()
            self.killed("linkat", 3, "checkout", "--force", *words)
            self.write("data/a", b"later")
            self.mlrepo("checkout", "--force", *words)
            self.assertEqual(self.text("a"), "A")
            self.mlrepo("undo")
            self.assertEqual(self.text("a"), "later")
            self.refused("undo", status=73, says="data/a would be lost")
            self.assertEqual(self.aside(), "later")
            self.mlrepo("undo")
            self.assertEqual(self.text("a"), "mine", words)

    def test_a_file_in_a_directorys_place(self) -> None:
        self.mlrepo("init")
        self.version("A", d__y="1", k="1")
        self.write("data/d/y", b"mine")
        self.mlrepo("checkout", "--force", "--", "data/d/y")
        shutil.rmtree(self.work / "data/d")
        shutil.copy(self.work / "data/k", self.work / "data/d")
        self.refused("undo", status=73, says="data/d")
        self.assertNotIn("interrupted", self.mlrepo("status"))
        os.remove(self.work / "data/d")
        self.mlrepo("undo")
        self.assertEqual(self.text("d/y"), "mine")

    def test_an_edit_below_what_was_kept_between_two_attempts(self) -> None:
        self.mlrepo("init")
        self.version("A", a="A", d__x="x")
        self.version("B", d=None)
        self.write("data/d", b"mine")
        self.killed("linkat", 3, "checkout", "--force", "A", "--", "data")
        self.assertEqual(self.text("d/x"), "x")
        self.write("data/d/y", b"later")
        self.write("data/d/x", b"later")
        self.mlrepo("checkout", "--force", "A", "--", "data")
        self.assertEqual(self.text("d/x"), "x")
        self.mlrepo("undo")
        self.assertEqual(self.text("d/x"), "later")
        shutil.rmtree(self.work / "data/d")
        self.mlrepo("undo")
        self.assertEqual(self.text("d"), "mine")

    def test_a_working_copy_whose_checkout_was_interrupted_is_not_forgotten(self) -> None:
        self.two(None)
        self.mlrepo("worktree", "add", "../other")
        other = self.root / "other"
        (other / "data/a").write_text("mine")
        work, self.work = self.work, other
        self.killed("linkat", 3, "checkout", "--force", "A")
        self.work = work
        self.refused("worktree", "remove", "../other", status=73, says="a checkout was interrupted in")
        self.mlrepo("undo", cwd=other)
        self.mlrepo("worktree", "remove", "../other")

    def test_a_redo_that_was_killed_and_then_something_else(self) -> None:
        for words in (("checkout", "main"), ("checkout", "--force", "main"), ("checkout", "-b", "n")):
            for number in (1, 2):
                shutil.rmtree(self.work)
                self.work.mkdir()
                self.two()
                self.mlrepo("checkout", "--force", "main")
                self.mlrepo("undo")
                self.killed("linkat", number, "redo")
                self.mlrepo(*words)
                for _ in range(3):
                    if self.text("a") != "mine":
                        self.mlrepo("undo")
                self.assertEqual(self.text("a"), "mine", (words, number))
                self.assertEqual(self.mlrepo("resolve", "main"), self.mlrepo("resolve", "B"))

    def test_a_working_copy_that_was_forgotten_is_on_the_list_again(self) -> None:
        self.two(None)
        other = self.root / "other"
        self.mlrepo("worktree", "add", "-b", "apart", "../other")
        (other / "data/a").write_text("mine")
        self.mlrepo("checkout", "--force", "main~1", cwd=other)
        self.mlrepo("worktree", "remove", "../other")
        self.assertNotIn("other", self.mlrepo("worktree", "list"))
        self.mlrepo("checkout", "-b", "x", cwd=other)
        self.assertIn("other", self.mlrepo("worktree", "list"))
        self.mlrepo("undo", cwd=other)
        self.mlrepo("undo", cwd=other)
        self.assertEqual((other / "data/a").read_text(), "mine")
        self.refused("undo", status=1, says="nothing to take back", cwd=other)
        self.assertEqual(self.mlrepo("resolve", "main"), self.mlrepo("resolve", "B"))

    def test_a_kept_version_that_is_gone(self) -> None:
        self.two()
        self.killed("linkat", 3, "checkout", "--force", "A")
        note = self.work / ".mlrepo/pending"
        text = note.read_text()
        start = text.index('"kept":"') + 8
        note.write_text(text[:start] + "0" * 8 + text[start + 8:])
        self.mlrepo("undo")
        self.assertIn("does not come back", self.stderr)
        self.mlrepo("checkout", "--force", "main")
        self.assertEqual(self.text("a"), "B")

    def test_a_note_of_a_checkout_that_is_cut_short(self) -> None:
        self.two()
        self.killed("linkat", 3, "checkout", "--force", "A")
        note = self.work / ".mlrepo/pending"
        os.truncate(note, 40)
        self.refused("status", status=65, says="pending elsewhere")
        note.rename(self.root / "note")
        self.mlrepo("checkout", "--force", "main")
        self.assertEqual(self.text("a"), "B")
