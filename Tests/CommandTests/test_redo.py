"""What `redo` does again, what it passes, and what `undo` leaves."""
import os
import shutil
import subprocess

from command_test import MLREPO, CommandTest


class Redo(CommandTest):
    """What was taken back comes again, as far as somebody wrote down what it was."""

    def test_the_first_commit_comes_again(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.mlrepo("undo")
        self.assertIn('commit "One"', self.mlrepo("redo"))
        self.assertIn("Nothing has changed", self.mlrepo("status"))
        self.write("data/a.txt", b"changed")
        self.mlrepo("commit", "-m", "Two")
        before = self.mlrepo("log")
        for _ in range(2):
            self.mlrepo("undo")
            self.mlrepo("undo")
            self.refused("undo", status=1, says="nothing to take back")
            self.mlrepo("redo")
            self.mlrepo("redo")
            self.refused("redo", status=1, says="nothing to do again")
            self.assertEqual(self.mlrepo("log"), before)
        self.assertIn("Nothing has changed", self.mlrepo("status"))
        self.verify()

    def test_the_first_commit_is_taken_back_once_whatever_kills_it(self) -> None:
        behind = 0
        for number in range(1, 12):
            with self.subTest(number):
                shutil.rmtree(self.work)
                self.work.mkdir()
                self.start()
                self.mlrepo("commit", "-m", "One")
                traced = self.under_strace("-e", "trace=unlinkat", "-e", f"inject=unlinkat:signal=KILL:when={number}")
                killed = subprocess.run([*traced, MLREPO, "undo"], cwd=self.work, env=self.environment,
                                        capture_output=True).returncode != 0
                if killed and "undo" in self.mlrepo("operations"):
                    behind += 1
                    self.assertIn("No commit yet", self.mlrepo("status"))
                    self.refused("checkout", "--force", "-b", "side", "HEAD", status=66, says="no commit here yet")
                    if number % 2:
                        self.mlrepo("undo")
                        self.refused("undo", status=1, says="nothing to take back")
                if "No commit yet" in self.mlrepo("status"):
                    self.mlrepo("commit", "-m", "Again")
                self.assertIn("Nothing has changed", self.mlrepo("status"))
        self.assertGreater(behind, 1)

    def test_taking_back_ends_where_nothing_comes_back(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.mlrepo("init", "--store", str(self.work / ".mlrepo"), str(self.root / "other"))
        other = self.root / "other"
        (other / "data").mkdir()
        (other / "data/a.txt").write_bytes(b"mine")
        self.mlrepo("checkout", "--force", "main", cwd=other)
        (other / "data/a.txt").write_bytes(b"mine")
        for _ in range(3):
            done = self.run_raw("undo", cwd=other)
            if done.returncode == 1:
                break
        self.assertIn(b"nothing to take back", done.stderr)
        self.assertEqual((other / "data/a.txt").read_bytes(), b"mine")

    def test_what_nobody_wrote_down_is_passed_and_named(self) -> None:
        for words in (["rm", "data/sub/b.txt"], ["checkout", "--force", "HEAD~1", "--", "data/a.txt"]):
            with self.subTest(words):
                shutil.rmtree(self.work / ".mlrepo", ignore_errors=True)
                shutil.rmtree(self.work / "data", ignore_errors=True)
                self.start()
                self.mlrepo("commit", "-m", "One")
                self.write("data/a.txt", b"changed")
                self.mlrepo("commit", "-m", "Two")
                self.mlrepo(*words)
                self.mlrepo("commit", "-m", "Three")
                self.write("data/c.txt", b"third")
                self.mlrepo("commit", "-m", "Four")
                before = self.mlrepo("log")
                for _ in range(3):
                    self.mlrepo("undo")
                self.assertEqual((self.work / "data/sub/b.txt").read_bytes(), b"second\n")
                self.assertEqual((self.work / "data/a.txt").read_bytes(), b"changed")
                # A file that came since is not touched by it.
                self.assertIn('commit "Three"', self.mlrepo("redo"))
                self.assertRegex(self.stderr, f"note: '{words[0]} .*' is not done again")
                self.assertIn('commit "Four"', self.mlrepo("redo"))
                self.assertEqual(self.mlrepo("log"), before)
                self.refused("redo", status=1, says="nothing to do again")
                self.assertEqual((self.work / "data/sub/b.txt").read_bytes(), b"second\n")
                self.assertEqual((self.work / "data/a.txt").read_bytes(), b"changed")
                self.verify()

    def test_what_is_not_done_again_is_named_where_there_is_nothing_else(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.mlrepo("rm", "data/a.txt")
        self.mlrepo("undo")
        self.refused("redo", status=1, says="what was taken back is typed again: 'rm data/a.txt'")

    def test_nothing_comes_again_behind_something_else(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.mlrepo("undo")
        self.write("data/a.txt", b"another")
        self.mlrepo("commit", "-m", "Another")
        self.refused("redo", status=1, says="nothing to do again")

    def test_a_note_promises_no_redo_that_is_refused(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.mlrepo("rm", "data/a.txt")
        self.mlrepo("restore", "data")
        self.mlrepo("untrack", "data/sub/b.txt")
        self.mlrepo("undo")
        self.assertIn("stays so", self.stderr)
        self.assertNotIn("mlrepo redo", self.stderr)

    def test_what_was_untracked_since_stays_so_when_a_removal_is_taken_back(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.mlrepo("rm", "data/a.txt")
        self.mlrepo("restore", "data/a.txt")
        self.mlrepo("untrack", "data/a.txt")
        self.mlrepo("undo")
        self.assertIn("untracked data/a.txt", self.mlrepo("status"))
        self.mlrepo("commit", "-m", "Two")
        self.assertNotIn("data/a.txt", self.mlrepo("ls"))
        self.assertTrue(os.path.exists(self.work / "data/a.txt"))


class Healing(CommandTest):
    """`fsck --repair` takes from the working copy what the store has lost."""

    def damaged(self, at: int) -> None:
        # The newest one that is large: those that were repaired stay for a while.
        packs = [path for path in (self.work / ".mlrepo/packs").rglob("*.pack") if path.stat().st_size > at]
        pack = max(packs, key=lambda path: path.stat().st_mtime_ns)
        pack.chmod(0o644)
        with open(pack, "r+b") as file:
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ 1]))

    def test_good_copies_in_their_places_mend_it(self) -> None:
        self.start()
        self.write("data/large", os.urandom(9_000_000))
        os.symlink("a.txt", self.work / "data/link")
        self.mlrepo("commit", "-m", "One")
        for at in (20, 100_000, 5_000_000):
            self.damaged(at)
            out = self.mlrepo("fsck", "--repair")
            # What was damaged later lies undamaged in the pack that was dropped before.
            self.assertRegex(out, "taken from the working copy: data/|found in packs that were dropped before")
            self.mlrepo("fsck")
        self.verify()
        self.mlrepo("checkout", "HEAD", "--to", "../out")
        self.assertEqual(self.tree(self.root / "out"), self.tree(self.work))

    def test_a_file_that_is_gone_keeps_no_other_one_from_it(self) -> None:
        self.mlrepo("init")
        for name in ("a/x", "b/y", "c/z"):
            self.write(name, os.urandom(5_000))
        self.mlrepo("add", "a", "b", "c")
        self.mlrepo("commit", "-m", "One")
        packs = list((self.work / ".mlrepo/packs").rglob("*.pack"))
        lost = self.mlrepo("ls", "HEAD")
        contents = {name: (self.work / name).read_bytes() for name in ("a/x", "b/y", "c/z")}
        for pack in packs:
            pack.chmod(0o644)
            content = bytearray(pack.read_bytes())
            for name in contents:
                at = content.find(contents[name])
                if at >= 0:
                    content[at] ^= 1
            pack.write_bytes(bytes(content))
        os.remove(self.work / "a/x")
        out = self.mlrepo("fsck", "--repair", status=1)
        self.assertEqual([line.split(": ")[1] for line in out.splitlines() if line.startswith("taken")], ["b/y", "c/z"])
        self.write("a/x", contents["a/x"])
        self.assertIn("taken from the working copy: a/x", self.mlrepo("fsck", "--repair"))
        self.assertEqual(self.mlrepo("ls", "HEAD"), lost)
        self.verify()

    def lost_directory(self) -> bytes:
        """The record of b is lost, and a file in a; what is in b is on disk, but for a deleted file."""
        self.mlrepo("init")
        for name in ("a/x", "b/y", "b/c/z", "b/gone"):
            self.write(name, os.urandom(5_000))
        os.mkdir(self.work / "b/empty")
        os.symlink("y", self.work / "b/link")
        self.mlrepo("add", "a", "b")
        self.mlrepo("commit", "-m", "One")
        packs = {path: path.read_bytes() for path in (self.work / ".mlrepo/packs").rglob("*.pack")}
        self.write("b/y", os.urandom(5_000))
        self.mlrepo("commit", "-m", "Two")
        second = {path for path in (self.work / ".mlrepo/packs").rglob("*.pack")} - packs.keys()
        self.write("a/x", os.urandom(5_000))
        self.mlrepo("commit", "-m", "Three")
        content = (self.work / "a/x").read_bytes()
        [third] = [path for path in (self.work / ".mlrepo/packs").rglob("*.pack") if content in path.read_bytes()]
        for path in (*second, third):
            path.chmod(0o644)
            damaged = bytearray(path.read_bytes())
            at = damaged.find(content) if path == third else 20
            for place in range(at, at + len(content) if path == third else len(damaged) - 100, 50):
                damaged[place] ^= 1
            path.write_bytes(damaged)
        return content

    def test_a_lost_directory_is_made_anew_of_what_the_working_copy_knows(self) -> None:
        content = self.lost_directory()
        y = (self.work / "b/y").read_bytes()
        # What was changed since has no part in it.
        self.write("b/c/z", b"changed")
        self.write("b/new", b"new")
        os.remove(self.work / "b/gone")
        self.mlrepo("commit", "-m", "Four", "--deleted", status=65)
        self.assertIn("mlrepo fsck --repair", self.stderr)
        # The second commit's own record is lost for good.
        out = self.mlrepo("fsck", "--repair", status=1)
        self.assertIn("damaged: branches/main:b\n", out)
        self.assertEqual([line.split(": ")[1] for line in out.splitlines() if line.startswith("taken")], ["a/x", "b/y"])
        self.assertIn("made anew, from what the working copy knows: the list of names of b\n", out)
        self.assertIn("1 list of names lost", out)
        self.assertNotIn("files damaged", out.splitlines()[-1])
        self.assertEqual(self.run_raw("cat", "HEAD:a/x").stdout, content)
        self.assertEqual(self.run_raw("cat", "HEAD:b/y").stdout, y)
        self.assertEqual(
            [line.split()[-1] for line in self.mlrepo("ls", "HEAD", "b").splitlines()],
            ["b/c/z", "b/empty", "b/gone", "b/link", "b/y"])
        self.mlrepo("commit", "-m", "Four", "--deleted")
        self.mlrepo("checkout", "HEAD~1", "--", "b/c/z", "b/gone")
        self.assertNotIn("branches/main:b", self.mlrepo("fsck", status=1))
        # What can be read of the history is told, and then what is lost.
        self.mlrepo("branch", "side", "HEAD~1")
        for words in (["--oneline"], ["--oneline", "--all"], ["--oneline", "--graph"]):
            self.assertEqual([line.split()[-1] for line in self.mlrepo("log", *words, status=65).splitlines()], ["Four", "Three"])
            self.assertIn("is missing", self.stderr)
        self.assertIn("Four", self.mlrepo("log", "--oneline", "--", "b", status=65))
        self.assertIn("Four", self.mlrepo("log", "--oneline", "-n", "1"))

    def test_a_lost_directory_stays_lost_where_nobody_knows_its_names(self) -> None:
        content = self.lost_directory()
        for cache in (self.work / ".mlrepo").rglob("index*"):
            cache.unlink()
        out = self.mlrepo("fsck", "--repair", status=1)
        self.assertIn("taken from the working copy: a/x\n", out)
        self.assertNotIn("b", [line.split(": ")[1] for line in out.splitlines() if line.startswith("taken")])
        self.assertEqual(self.run_raw("cat", "HEAD:a/x").stdout, content)
        self.assertEqual(self.run_raw("fsck").returncode, 1)

    def test_it_goes_on_where_an_earlier_repair_had_no_copy(self) -> None:
        self.start()
        content = os.urandom(9_000_000)
        self.write("data/large", content)
        self.mlrepo("commit", "-m", "One")
        self.damaged(5_000_000)
        self.write("data/large", content[:-1] + b"x")
        self.assertNotIn("taken", self.mlrepo("fsck", "--repair", status=1))
        self.write("data/large", content + b"x")
        self.assertNotIn("taken", self.mlrepo("fsck", "--repair", status=1))
        os.remove(self.work / "data/large")
        self.assertNotIn("taken", self.mlrepo("fsck", "--repair", status=1))
        objects = self.mlrepo("stats")
        os.mkdir(self.work / "data/large")
        self.assertNotIn("taken", self.mlrepo("fsck", "--repair", status=1))
        self.assertEqual(self.mlrepo("stats"), objects)
        os.rmdir(self.work / "data/large")
        self.write("data/large", content)
        self.assertIn("taken from the working copy: data/large\n", self.mlrepo("fsck", "--repair"))
        self.assertIn("Nothing has changed", self.mlrepo("status"))
        self.verify()

    def test_a_restore_that_meets_damage_leaves_a_working_copy_that_can_go_on(self) -> None:
        self.start()
        content = os.urandom(200_000)
        self.write("data/large", content)
        self.write("single", b"single")
        self.mlrepo("add", "single")
        self.mlrepo("commit", "-m", "One")
        self.damaged(100_000)
        self.mlrepo("rm", "single")
        os.remove(self.work / "data/large")
        self.refused("restore", ".", status=65, says="is damaged")
        self.assertNotIn("interrupted", self.mlrepo("status") + self.stderr)
        self.write("data/b", b"b")
        self.mlrepo("commit", "-m", "Two", "data/b")
        self.write("data/large", content)
        self.mlrepo("fsck", "--repair")
        os.remove(self.work / "data/large")
        self.mlrepo("restore", ".")
        self.assertEqual((self.work / "data/large").read_bytes(), content)
        self.assertEqual((self.work / "single").read_bytes(), b"single")
        self.verify()
