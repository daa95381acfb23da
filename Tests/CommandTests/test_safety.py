"""What must not be lost, left out or taken back without a word."""
import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import time

from command_test import MLREPO, RENAMES, CommandTest


class Copies(CommandTest):
    """Working copies that somebody copied, or brought back as they were, with other means than ours."""

    def setUp(self) -> None:
        super().setUp()
        self.mlrepo("init", "--bare", str(self.root / "store"))
        self.setting()

    def setting(self) -> None:
        if not (self.root / "store").exists():
            self.mlrepo("init", "--bare", str(self.root / "store"))
        self.mlrepo("init", "--store", str(self.root / "store"))
        for name in ("x", "y"):
            self.write(f"data/{name}", b"1\n")
        self.mlrepo("add", "data")
        self.mlrepo("commit", "-m", "One")

    def copy(self) -> None:
        subprocess.run(["cp", "-a", str(self.work), str(self.root / "copy")], check=True)

    def change(self, cwd, message: str, **files: str) -> None:
        for name, text in files.items():
            (cwd / "data" / name).write_text(text)
        self.mlrepo("commit", "-m", message, cwd=cwd)

    def test_nothing_is_written_before_a_gap_of_the_log(self) -> None:
        """Whoever does not see what lies behind a lost entry would write one that this does not follow from."""
        self.write("gap", b"")
        self.mlrepo("add", "gap")
        for number in range(4):
            self.write("gap", b"%d" % number)
            self.mlrepo("commit", "-m", f"{number}")
        place = self.root / "store"
        lost = sorted((place / "log/new").iterdir())[-3]
        content = lost.read_bytes()
        lost.unlink()
        shutil.rmtree(place / "cache", ignore_errors=True)
        log = sorted(path.name for path in lost.parent.iterdir())
        for words in (("tag", "v1"), ("checkout", "HEAD"), ("checkout", "main~1"), ("commit", "-m", "x"), ("branch", "b")):
            done = self.run_raw(*words)
            # To stand on what can still be seen writes nothing there.
            self.assertIn(done.returncode, (0, 65, 66, 73) if words[0] == "checkout" else (65,), (words, done.stderr))
            self.assertEqual(sorted(path.name for path in lost.parent.iterdir()), log, words)
        lost.write_bytes(content)
        self.assertIn("no damage", self.mlrepo("fsck"))
        self.mlrepo("tag", "v1")
        self.assertIn("no damage", self.mlrepo("fsck"))

    def test_a_copy_takes_nothing_back(self) -> None:
        self.copy()
        copy = self.root / "copy"
        self.change(self.work, "Two", x="2\n", n="n\n")
        self.assertNotIn("modified", self.mlrepo("status", cwd=copy))
        self.change(copy, "Three", y="2\n")
        self.assertIn("note: this is a copy of a working copy", self.stderr)
        self.assertEqual([self.mlrepo("cat", f"main:data/{name}") for name in "xyn"], ["2\n", "2\n", "n\n"])
        self.assertEqual((copy / "data/n").read_text(), "n\n")
        # It has a name of its own now, and what the other one did is not its to take back.
        self.mlrepo("status", cwd=copy)
        self.assertEqual(self.stderr, "")
        self.assertEqual(len(json.loads(self.mlrepo("worktree", "list", "--json"))), 2)
        self.change(self.work, "Four", x="4\n")
        self.assertEqual(self.mlrepo("cat", "main:data/y"), "2\n")
        self.assertIn("no damage", self.mlrepo("fsck"))

    def test_a_copy_that_commits_first_does_not_move_the_other_one(self) -> None:
        self.copy()
        self.change(self.root / "copy", "Copied", y="2\n")
        self.assertIn("Nothing has changed", self.mlrepo("status"))
        self.change(self.work, "Mine", x="2\n")
        self.assertEqual([self.mlrepo("cat", f"main:data/{name}") for name in "xy"], ["2\n", "2\n"])
        self.mlrepo("undo", cwd=self.root / "copy", status=73)

    def test_one_that_was_moved_stays_the_same(self) -> None:
        before = json.loads((self.work / ".mlrepo/HEAD").read_text())["workingCopy"]
        moved = self.root / "moved"
        self.work.rename(moved)
        self.change(moved, "Two", x="2\n")
        self.assertEqual(self.stderr, "")
        self.assertEqual(json.loads((moved / ".mlrepo/HEAD").read_text())["workingCopy"], before)
        listed = json.loads(self.mlrepo("worktree", "list", "--json", cwd=moved))
        self.assertEqual([place["path"] for place in listed], [str(moved)])

    def test_one_that_was_brought_back_as_it_was_takes_nothing_back(self) -> None:
        self.copy()
        self.change(self.work, "Two", x="2\n")
        self.change(self.work, "Three", x="3\n")
        shutil.rmtree(self.work)
        (self.root / "copy").rename(self.work)
        self.change(self.work, "Four", y="4\n")
        self.assertIn("was brought back as it had been earlier", self.stderr)
        self.assertEqual([self.mlrepo("cat", f"main:data/{name}") for name in "xy"], ["3\n", "4\n"])

    def test_a_copy_of_one_in_which_an_undo_was_at_work_goes_on_with_it(self) -> None:
        for words, goes_on in ((["undo"], True), (["undo"], False), (["checkout", "side"], True), (["checkout", "--force", "HEAD"], False),
                               (["checkout", "main"], False)):
            with self.subTest(words=words, goes_on=goes_on):
                shutil.rmtree(self.root)
                self.work.mkdir(parents=True)
                self.setting()
                self.mlrepo("checkout", "-b", "side")
                self.change(self.work, "Side", x="side\n", y="side\n")
                self.mlrepo("checkout", "main")
                self.write("data/x", b"mine\n")
                self.mlrepo("checkout", "--force", "side")
                self.killed_at(self.work / ".mlrepo" / "tracked-next", "undo")
                self.assertEqual((self.work / "data/x").read_bytes(), b"mine\n")
                self.copy()
                copy = self.root / "copy"
                if goes_on:
                    self.mlrepo("undo")
                    self.assertEqual((self.work / "data/x").read_bytes(), b"mine\n")
                self.mlrepo(*words, cwd=copy)
                self.assertIn("note: this is a copy", self.stderr)
                if words == ["undo"]:
                    self.assertIn("On branch main", self.mlrepo("status", cwd=copy))
                    self.refused("undo", status=1, says="nothing to take back", cwd=copy)
                else:
                    self.assertNotEqual((copy / "data/x").read_bytes(), b"mine\n")
                    self.mlrepo("undo", cwd=copy)
                self.assertEqual((copy / "data/x").read_bytes(), b"mine\n")
                self.assertIn("modified data/x", self.mlrepo("status", cwd=copy))
                self.assertIn("no damage", self.mlrepo("fsck"))

    def test_a_copy_of_one_in_which_a_switch_was_being_taken_back_is_not_done(self) -> None:
        self.write("data/x", b"mine\n")
        self.mlrepo("checkout", "--force", "-b", "side", "HEAD")
        self.assertEqual((self.work / "data/x").read_bytes(), b"1\n")
        self.killed_at(self.work / ".mlrepo" / "tracked-next", "undo")
        self.write("data/x", b"1\n")
        self.copy()
        copy = self.root / "copy"
        self.mlrepo("undo")
        self.assertEqual((self.work / "data/x").read_bytes(), b"mine\n")
        self.assertIn("A checkout, merge or pull was interrupted", self.mlrepo("status", cwd=copy))
        self.mlrepo("undo", cwd=copy)
        self.assertEqual((copy / "data/x").read_bytes(), b"mine\n")

    def test_an_interrupted_undo_ends_in_a_store_that_does_not_know_what_it_took_back(self) -> None:
        shutil.copytree(self.root / "store", self.root / "before")
        self.write("data/x", b"mine\n")
        self.mlrepo("checkout", "--force", "HEAD")
        self.killed_at(self.work / ".mlrepo" / "tracked-next", "undo")
        shutil.rmtree(self.root / "store")
        (self.root / "before").rename(self.root / "store")
        self.mlrepo("checkout", "main")
        self.assertNotIn("interrupted", self.mlrepo("status"))

    def test_a_commit_that_takes_in_others_work_and_is_killed_twice_takes_nothing_back(self) -> None:
        other = self.root / "other"
        self.mlrepo("init", "--store", str(self.root / "store"), str(other))
        self.mlrepo("checkout", "main", cwd=other)
        self.change(other, "Theirs", **{f"t{number}": "theirs\n" for number in range(3)})
        self.write("data/x", b"mine\n")
        # Behind its entry, before HEAD; then again while it writes what came with it.
        self.killed_at(self.work / ".mlrepo" / "HEAD", "commit", "-m", "Mine")
        for name in (f"t{number}" for number in range(3)):
            (self.work / "data" / name).unlink(missing_ok=True)
        self.killed_at(self.work / ".mlrepo" / "HEAD", "commit", "-m", "Mine")
        for name in (f"t{number}" for number in range(3)):
            (self.work / "data" / name).unlink(missing_ok=True)
        self.assertIn("A commit was interrupted", self.mlrepo("status"))
        self.write("data/y", b"more\n")
        self.mlrepo("commit", "-m", "More")
        self.assertNotIn("interrupted", self.mlrepo("status"))
        self.assertEqual([self.mlrepo("cat", f"main:data/t{number}") for number in range(3)], ["theirs\n"] * 3)
        self.assertEqual(self.mlrepo("cat", "main:data/x"), "mine\n")

    def test_a_commit_that_was_killed_before_it_wrote_what_others_committed_is_finished_by_what_is_typed_next(self) -> None:
        for words in (["add", "free"], ["untrack", "data/y"], ["mv", "data/y", "data/z"], ["rm", "data/y"],
                      ["restore", "data"], ["checkout", "HEAD~1", "--", "data/y"], ["checkout", "-b", "side"], ["undo"]):
            with self.subTest(words):
                self.setUp()
                other = self.root / "other"
                self.mlrepo("init", "--store", str(self.root / "store"), str(other))
                self.mlrepo("checkout", "main", cwd=other)
                self.change(other, "Theirs", t="theirs\n")
                self.write("data/x", b"mine\n")
                self.write("free", b"f")
                self.killed_at(self.work / ".mlrepo" / "HEAD", "commit", "-m", "Mine")
                (self.work / "data" / "t").unlink(missing_ok=True)
                self.write("data/x", b"more\n")
                self.mlrepo(*words)
                self.assertNotIn("interrupted", self.mlrepo("status"))
                self.assertEqual((self.work / "data" / "x").read_text(), "more\n")
                self.assertEqual((self.work / "data" / "t").read_text(), "theirs\n")
                self.assertEqual(self.mlrepo("cat", "HEAD:data/x"), "1\n" if words == ["undo"] else "mine\n")

    def test_a_copy_of_one_in_which_a_removal_was_being_taken_back_is_not_done(self) -> None:
        self.mlrepo("rm", "data")
        self.killed_at(self.work / ".mlrepo" / "tracked-next", "undo")
        self.copy()
        copy = self.root / "copy"
        self.mlrepo("undo")
        self.assertIn("Nothing has changed", self.mlrepo("status"))
        self.assertIn("A checkout, merge or pull was interrupted", self.mlrepo("status", cwd=copy))
        self.refused("commit", "-m", "Half", status=73, says="a checkout was interrupted", cwd=copy)
        self.mlrepo("undo", cwd=copy)
        self.assertIn("Nothing has changed", self.mlrepo("status", cwd=copy))
        self.assertEqual((copy / "data/x").read_bytes(), b"1\n")

    def test_a_removal_that_was_taken_back_and_killed_behind_its_entry_is_done(self) -> None:
        for name in ("tracked", "HEAD"):
            with self.subTest(name):
                self.mlrepo("rm", "data")
                self.killed_at(self.work / ".mlrepo" / name, "undo")
                self.assertIn("Nothing has changed", self.mlrepo("status"))
                self.assertFalse((self.work / ".mlrepo/pending").exists())
                self.change(self.work, "More " + name, z=name)

    def test_who_only_looks_writes_nothing_while_another_command_works(self) -> None:
        self.change(self.work, "Two", x="2\n")
        # Behind its log entry.
        self.killed_at(self.work / ".mlrepo" / "tracked", "checkout", "-b", "side", "HEAD~1")
        old = (self.work / ".mlrepo/HEAD").read_bytes()
        with open(self.work / ".mlrepo/lease", "r+") as lease:
            fcntl.flock(lease, fcntl.LOCK_EX)
            self.mlrepo("status")
            self.assertEqual((self.work / ".mlrepo/HEAD").read_bytes(), old)
            self.assertTrue((self.work / ".mlrepo/pending").exists())
        self.mlrepo("status")
        self.assertEqual(json.loads((self.work / ".mlrepo/HEAD").read_text())["branch"], "side")
        self.assertFalse((self.work / ".mlrepo/pending").exists())

    def test_a_copy_whose_original_is_out_of_sight_takes_nothing_back(self) -> None:
        self.copy()
        copy = self.root / "copy"
        self.change(self.work, "Two", x="2\n")
        # Such as on another machine.
        self.work.rename(self.root / "hidden")
        for _ in range(2):
            self.assertIn("Nothing has changed", self.mlrepo("status", cwd=copy))
        self.change(copy, "Three", y="3\n")
        self.assertEqual([self.mlrepo("cat", f"main:data/{name}", cwd=copy) for name in "xy"], ["2\n", "3\n"])
        (self.root / "hidden").rename(self.work)
        self.change(self.work, "Four", x="4\n")
        self.assertEqual([self.mlrepo("cat", f"main:data/{name}") for name in "xy"], ["4\n", "3\n"])

    def test_one_that_was_brought_back_by_one_commit_takes_nothing_back(self) -> None:
        self.copy()
        self.change(self.work, "Two", x="2\n")
        shutil.rmtree(self.work)
        (self.root / "copy").rename(self.work)
        self.change(self.work, "Three", y="3\n")
        self.assertEqual([self.mlrepo("cat", f"main:data/{name}") for name in "xy"], ["2\n", "3\n"])

    def test_a_commit_that_was_killed_is_ones_own(self) -> None:
        name = json.loads((self.work / ".mlrepo/HEAD").read_text())["workingCopy"]
        for number in (2, 3):
            (self.work / "data/x").write_text(f"{number}\n")
            self.killed_at(self.work / ".mlrepo" / "HEAD", "commit", "-m", f"Number {number}")
            self.assertIn("Nothing has changed", self.mlrepo("status"))
        self.change(self.work, "Four", y="4\n")
        self.assertEqual(self.stderr, "")
        self.assertEqual([line.split(" ", 1)[1].split(") ")[-1] for line in self.mlrepo("log", "--oneline").splitlines()],
                         ["Four", "Number 3", "Number 2", "One"])
        self.assertEqual(json.loads((self.work / ".mlrepo/HEAD").read_text())["workingCopy"], name)
        # Who asks in between changes nothing about what 'undo' has to finish.
        self.killed_at(self.work / ".mlrepo" / "HEAD", "undo")
        self.mlrepo("status")
        self.mlrepo("undo")
        self.assertEqual(self.mlrepo("log", "--oneline", "-n", "1").split(") ")[-1].strip(), "Number 3")

    def test_a_copy_that_was_made_while_a_checkout_was_interrupted(self) -> None:
        self.change(self.work, "Two", x="2\n", y="2\n")
        self.killed_at(self.work / ".mlrepo" / "tracked-next", "checkout", "HEAD~1")
        self.copy()
        self.mlrepo("checkout", "HEAD~1")
        copy = self.root / "copy"
        self.mlrepo("status", cwd=copy)
        self.assertTrue((copy / ".mlrepo/pending").exists())
        self.mlrepo("commit", "-m", "Mixture", cwd=copy, status=73)
        # The same command goes on there, too.
        self.mlrepo("checkout", "HEAD~1", cwd=copy)
        self.assertEqual([(copy / "data" / name).read_text() for name in "xy"], ["1\n", "1\n"])
        self.assertIn("Nothing has changed", self.mlrepo("status", cwd=copy))

    def test_a_copy_that_was_made_while_a_checkout_was_at_work(self) -> None:
        for number in range(40):
            (self.work / f"data/{number}").write_text("1\n")
        self.mlrepo("commit", "-m", "Many")
        for number in range(40):
            (self.work / f"data/{number}").write_text("2\n")
        self.mlrepo("commit", "-m", "Others")
        # Copied as it is before the last of its names, and then it goes on.
        stopped = self.under_strace("-P", str(self.work / ".mlrepo/tracked-next"), "-e", f"inject={RENAMES}:signal=STOP:when=1")
        checkout = subprocess.Popen([*stopped, MLREPO, "checkout", "HEAD~1"], cwd=self.work, env=self.environment,
                                    stderr=subprocess.DEVNULL, start_new_session=True)
        deadline = time.monotonic() + 60
        while not any(name.startswith("tmp-tracked-next") or name == "tracked-next" for name in os.listdir(self.work / ".mlrepo")):
            self.assertLess(time.monotonic(), deadline)
        time.sleep(0.3)
        self.copy()
        copy = self.root / "copy"
        (copy / "data/7").write_text("2\n")
        while checkout.poll() is None:
            subprocess.run(["pkill", "-CONT", "-g", str(checkout.pid)], check=False)
            time.sleep(0.05)
        self.mlrepo("status", cwd=copy)
        self.assertTrue((copy / ".mlrepo/pending").exists())
        self.mlrepo("checkout", "HEAD~1", cwd=copy)
        self.assertEqual((copy / "data/7").read_text(), "1\n")

    def test_a_copy_on_a_store_that_may_only_be_read(self) -> None:
        self.copy()
        copy = self.root / "copy"
        (copy / "data/x").unlink()
        (copy / "data/y").unlink()
        # Nobody without a name writes to a store.
        environment = {name: value for name, value in self.environment.items() if not name.startswith("MLREPO_USER")}
        done = subprocess.run([MLREPO, "restore", "data/x"], cwd=copy, env={**environment, "USER": ""}, capture_output=True)
        self.assertEqual((done.returncode, (copy / "data/x").read_text()), (0, "1\n"), done.stderr)

    def test_a_commit_without_what_it_stands_on_is_refused(self) -> None:
        # On no branch, taken off the list and collected while a commit reads.
        self.change(self.work, "Two", x="2\n")
        self.mlrepo("init", "--store", str(self.root / "store"), str(self.root / "other"))
        self.mlrepo("checkout", "HEAD~1")
        self.change(self.work, "Apart", x="apart\n")
        name = json.loads((self.work / ".mlrepo/HEAD").read_text())["workingCopy"]
        self.write("data/large", os.urandom(300_000_000))
        commit = subprocess.Popen([MLREPO, "commit", "-m", "Three"], cwd=self.work, env=self.environment,
                                  stderr=subprocess.PIPE)
        # Stopped once it reads, so that it has looked at where it stands.
        while not any(name.startswith("pack-") for name in os.listdir(self.root / "store/tmp")):
            self.assertIsNone(commit.poll())
        commit.send_signal(signal.SIGSTOP)
        self.mlrepo("worktree", "remove", name, cwd=self.root / "other")
        self.mlrepo("gc", "--now", cwd=self.root / "other")
        commit.send_signal(signal.SIGCONT)
        told = commit.communicate()[1].decode()
        self.assertIn(commit.returncode, (66, 75), told)
        self.mlrepo("commit", "-m", "Three", status=66)
        self.assertIn("no damage", self.mlrepo("fsck", cwd=self.root / "other"))


class Missing(CommandTest):
    """Missing is not deleted, also where it was said since the version before."""

    def names(self) -> list[str]:
        return [line.split()[-1] for line in self.mlrepo("ls", "HEAD").splitlines()]

    def test_what_was_added_or_moved_and_is_gone(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.mlrepo("mv", "data", "d2")
        (self.work / "d2").rename(self.root / "away")
        self.refused("commit", "-m", "Two", status=73, says="d2")
        (self.root / "away").rename(self.work / "d2")
        self.mlrepo("commit", "-m", "Two")
        self.write("model.bin", b"m")
        self.mlrepo("add", "model.bin")
        (self.work / "model.bin").unlink()
        self.write("d2/a.txt", b"2")
        self.refused("commit", "-m", "Three", status=73, says="model.bin")
        # A version of something else has nothing to do with it.
        self.mlrepo("commit", "-m", "Three", "d2/a.txt")
        self.write("model.bin", b"m")
        self.mlrepo("commit", "-m", "Four")
        self.assertEqual(self.mlrepo("cat", "HEAD:model.bin"), "m")

    def test_a_commit_of_something_else_does_not_hide_that_a_directory_went_away(self) -> None:
        self.start()
        self.write("e/1", b"1")
        self.mlrepo("add", "e")
        self.mlrepo("commit", "-m", "One")
        self.mlrepo("mv", "e", "n")
        (self.work / "n").rename(self.root / "away")
        self.write("data/a.txt", b"2")
        self.refused("commit", "-m", "Two", "data", status=73, says="n is tracked and gone")
        self.refused("commit", "-m", "Two", status=73, says="n is tracked and gone")
        (self.root / "away").rename(self.work / "n")
        self.mlrepo("commit", "-m", "Two", "data")
        self.mlrepo("commit", "-m", "Three")
        self.assertEqual(self.names(), ["data/a.txt", "data/sub/b.txt", "n/1"])

    def test_an_added_directory_that_our_own_commands_empty(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        for take in (["mv", "n/f", "data/f"], ["rm", "--force", "n/f"]):
            self.write("n/f", b"1")
            self.mlrepo("add", "n")
            self.mlrepo(*take)
            self.write("data/a.txt", take[0].encode())
            self.mlrepo("commit", "-m", take[0])

    def test_an_added_file_that_became_a_directory(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.write("f", b"1")
        self.mlrepo("add", "f")
        (self.work / "f").unlink()
        self.write("f/2", b"2")
        self.write("data/a.txt", b"2")
        self.refused("commit", "-m", "Two", status=73, says="f is tracked and gone")

    def test_what_a_killed_commit_had_not_forgotten(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.write("model", b"m")
        self.mlrepo("add", "model")
        said = (self.work / ".mlrepo/tracked").read_bytes()
        self.mlrepo("commit", "-m", "Two")
        # As one leaves it that is killed behind its log entry.
        (self.work / ".mlrepo/tracked").write_bytes(said)
        self.mlrepo("checkout", "-b", "side", "HEAD~1")
        self.write("data/a.txt", b"2")
        self.mlrepo("commit", "-m", "Three")
        self.assertNotIn("model", self.names())

    def test_an_export_that_was_killed_goes_on(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        target = self.root / "export"
        self.mlrepo("checkout", "HEAD", "--to", str(target))
        commit = self.mlrepo("resolve", "HEAD").strip().removeprefix("sha256:")
        (target / f".mlrepo-tmp-{commit[:16]}").touch()
        (target / "data/a.txt").write_bytes(b"fir")
        self.mlrepo("checkout", "HEAD", "--to", str(target))
        self.assertEqual((target / "data/a.txt").read_bytes(), b"first\n")
        self.refused("checkout", "HEAD", "--to", str(target), status=73, says="export")

    def test_what_a_killed_move_had_noted(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.mlrepo("mv", "data", "d2")
        # As one leaves it that is killed before it moves anything.
        (self.work / "d2").rename(self.work / "data")
        self.refused("commit", "-m", "Two", status=73, says="d2")
        self.mlrepo("mv", "data", "d2")
        self.mlrepo("commit", "-m", "Two")
        self.assertEqual(self.names(), ["d2/a.txt", "d2/sub/b.txt"])

    def removed(self) -> None:
        """A version with a file and a directory, and one without."""
        self.start()
        self.write("model", b"m1")
        self.write("logs/run.log", b"l")
        self.mlrepo("add", "model", "logs")
        self.mlrepo("commit", "-m", "One")
        self.mlrepo("rm", "model", "logs")
        self.mlrepo("commit", "-m", "Gone")

    def test_what_a_checkout_of_paths_brought_is_in_the_next_version(self) -> None:
        self.removed()
        self.mlrepo("checkout", "HEAD~1", "--", "model", "logs")
        self.write("logs/other.log", b"2")
        self.mlrepo("commit", "-m", "Back")
        self.assertEqual(self.names(),
                         ["data/a.txt", "data/sub/b.txt", "logs/other.log", "logs/run.log", "model"])

    def test_a_checkout_of_paths_that_is_taken_back_leaves_no_word(self) -> None:
        self.removed()
        self.mlrepo("checkout", "HEAD~1", "--", "model", "logs")
        self.mlrepo("undo")
        self.assertFalse((self.work / "model").exists())
        self.write("data/a.txt", b"2")
        self.mlrepo("commit", "-m", "Two")
        self.mlrepo("checkout", "HEAD~2", "--", "model", "logs")
        self.mlrepo("checkout", "HEAD~2")
        self.mlrepo("checkout", "main")
        self.write("data/a.txt", b"3")
        self.mlrepo("commit", "-m", "Three")
        self.assertEqual(self.names(), ["data/a.txt", "data/sub/b.txt"])

    def test_a_file_that_is_tracked_and_named_once_more_may_be_deleted(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.mlrepo("add", "data/a.txt", "data/sub")
        (self.work / "data/a.txt").unlink()
        self.mlrepo("commit", "-m", "Two")
        self.assertEqual(self.names(), ["data/sub/b.txt"])

    def test_a_named_path_that_the_rules_leave_out_is_told(self) -> None:
        self.start()
        self.write(".mlrepoignore", b"*.log\n")
        self.mlrepo("commit", "-m", "One")
        self.write("data/run.log", b"l")
        self.write("data/a.txt", b"2")
        self.refused("commit", "-m", "Two", "data/run.log", "data/a.txt", status=66, says="data/run.log is not tracked")
        self.mlrepo("commit", "-m", "Two", "data/a.txt")

    def test_untrack_where_a_deeper_rule_takes_the_file_in(self) -> None:
        self.start()
        self.write("data/.mlrepoignore", b"*\n!*.csv\n!.mlrepoignore\n")
        self.write("data/pii.csv", b"p")
        self.mlrepo("commit", "-m", "One")
        self.refused("untrack", "data/pii.csv", status=64, says="takes in data/pii.csv again")
        self.assertFalse((self.work / ".mlrepoignore").exists() and (self.work / ".mlrepoignore").read_bytes())
        self.write("data/.mlrepoignore", b"*\n!.mlrepoignore\n")
        self.mlrepo("untrack", "data/pii.csv")
        self.mlrepo("commit", "-m", "Two")
        self.assertNotIn("pii", self.mlrepo("ls", "HEAD"))

    def test_rm_of_everything(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.mlrepo("rm", ".")
        self.mlrepo("commit", "-m", "Empty")
        self.assertEqual(self.names(), [])
        self.mlrepo("undo")
        self.mlrepo("undo")
        self.assertEqual((self.work / "data/a.txt").read_bytes(), b"first\n")


class Undo(CommandTest):
    def test_an_edit_that_made_a_file_shorter_stays(self) -> None:
        self.start()
        self.write("data/n.csv", b"line\n" * 100)
        self.mlrepo("commit", "-m", "One")
        self.write("data/n.csv", b"changed\n" * 100)
        self.mlrepo("checkout", "--force", "--", "data/n.csv")
        for content in (b"line\n" * 50, b"", b"changed\n" * 50):
            self.write("data/n.csv", content)
            self.refused("undo", status=73, says="data/n.csv")
            self.assertEqual((self.work / "data/n.csv").read_bytes(), content)
        self.write("data/n.csv", b"line\n" * 100)
        self.mlrepo("undo")
        self.assertEqual((self.work / "data/n.csv").read_bytes(), b"changed\n" * 100)

    def test_a_checkout_whose_branch_moved_is_refused_before_anything_is_written(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.write("data/a.txt", b"2")
        self.mlrepo("commit", "-m", "Two")
        self.mlrepo("checkout", "-b", "exp", "HEAD~1")
        other = self.root / "other"
        self.mlrepo("worktree", "add", str(other), "main")
        self.mlrepo("checkout", "exp", cwd=other)
        (other / "data/sub/b.txt").write_bytes(b"3")
        self.mlrepo("commit", "-m", "Three", cwd=other)
        self.mlrepo("checkout", "main", cwd=other)
        before = self.tree(self.work)
        self.mlrepo("undo", status=73)
        self.assertEqual(self.tree(self.work), before)
        self.assertFalse((self.work / ".mlrepo/pending").exists())
        self.write("data/a.txt", b"mine")
        self.mlrepo("commit", "-m", "Mine")


class Packs(CommandTest):
    def packs(self) -> dict:
        found = {}
        for directory, _, files in os.walk(self.work / ".mlrepo/packs"):
            for name in files:
                found[name] = os.path.join(directory, name)
        return found

    def test_repair_gives_up_nothing_that_may_only_be_elsewhere(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        (self.work / ".mlrepo/packs").rename(self.root / "disk")
        (self.work / ".mlrepo/packs").mkdir()
        self.mlrepo("fsck", status=1)
        log = sorted(os.listdir(self.work / ".mlrepo/log/new"))
        self.refused("fsck", "--repair", status=73, says="not there, so that nothing was repaired")
        self.assertEqual(sorted(os.listdir(self.work / ".mlrepo/log/new")), log)
        (self.work / ".mlrepo/packs").rmdir()
        (self.root / "disk").rename(self.work / ".mlrepo/packs")
        self.assertIn("no damage", self.mlrepo("fsck"))
        # That of the first operation, whose record is nowhere else; the newest has the list of branches.
        os.unlink(min(self.packs().values(), key=lambda path: os.stat(path).st_mtime_ns))
        self.mlrepo("fsck", "--repair", "--give-up-missing", status=1)
        self.mlrepo("fsck", "--give-up-missing", status=64)

    def test_a_store_whose_rule_of_cutting_is_unknown_is_only_read(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        place = self.work / ".mlrepo/format"
        known = place.read_bytes()
        place.chmod(0o644)
        place.write_bytes(known.replace(b'"cutRule":1', b'"cutRule":77'))
        self.write("data/a.txt", b"2")
        log = sorted(os.listdir(self.work / ".mlrepo/log/new"))
        self.refused("commit", "-m", "Two", status=65, says="cut rule 77")
        self.assertEqual(sorted(os.listdir(self.work / ".mlrepo/log/new")), log)
        self.assertIn("modified data/a.txt", self.mlrepo("status"))
        self.assertEqual(self.mlrepo("cat", "HEAD:data/a.txt"), "first\n")
        place.write_bytes(known)
        self.mlrepo("commit", "-m", "Two")

    def test_a_collection_does_not_believe_a_damaged_index(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.mlrepo("checkout", "-b", "try")
        known = set(self.packs())
        self.write("data/keep", b"keep" * 1000)
        self.write("data/waste", os.urandom(50_000))
        self.mlrepo("commit", "-m", "Try")
        [name] = set(self.packs()) - known
        self.mlrepo("checkout", "main")
        self.write("data/keep", b"keep" * 1000)
        self.mlrepo("commit", "-m", "Kept")
        self.mlrepo("branch", "-d", "try")
        path = self.packs()[name]
        os.chmod(path, 0o644)
        with open(path, "rb") as file:
            content = bytearray(file.read())
        trailer = content[-64:]
        start = int.from_bytes(trailer[:8], "little")
        frames, bases = (int.from_bytes(trailer[at:at + 4], "little") for at in (8, 12))
        count = int.from_bytes(trailer[16:24], "little")
        for number in range(count):
            at = start + 16 * frames + 36 * bases + 48 * number
            # What the collection wants of this pack is said to lie in another frame.
            if content[at:at + 32] == hashlib.sha256(b"keep" * 1000).digest():
                content[at + 36] ^= 1
        with open(path, "wb") as file:
            file.write(content)
        self.refused("gc", "--now", status=65, says="index")
        self.assertTrue(os.path.exists(path))
        self.mlrepo("fsck", "--repair")
        self.assertIn("no damage", self.mlrepo("fsck"))
        self.mlrepo("gc", "--now")
        self.assertEqual(self.mlrepo("cat", "HEAD:data/keep"), "keep" * 1000)
