"""What a person types who is new here, or tired: it is said what is wrong, and what to type."""
import os
import subprocess
import unittest

from command_test import MLREPO, CommandTest


class Mistakes(CommandTest):
    def test_a_link_to_a_directory_is_told_from_the_directory(self) -> None:
        os.makedirs(self.root / "far")
        (self.root / "far/e1").write_bytes(b"e")
        self.mlrepo("init")
        os.symlink("../far", self.work / "data")
        self.mlrepo("add", "data")
        self.assertIn("data is a link to a directory", self.stderr)
        self.refused("add", "data/e1", status=64, says="data is a symbolic link")
        self.mlrepo("commit", "-m", "x", "--input", "data")
        self.assertIn("data is a link to a directory", self.stderr)

    def test_an_empty_path_is_no_path(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        # What it is depends on the machine, whose facts are in the run.
        head = self.mlrepo("resolve", "HEAD")[:7]
        self.write("data/a.txt", b"2")
        for words in (["rm", ""], ["add", ""], ["untrack", ""], ["mv", "data", ""], ["commit", "-m", "x", "--", ""],
                      ["restore", ""], ["checkout", "--force", "--", ""]):
            self.refused(*words, status=64, says="an empty path names nothing")
        self.assertEqual(self.mlrepo("status"), f"On branch main\nLast commit {head}\n  modified data/a.txt\n")

    def test_several_files_move_or_none(self) -> None:
        self.start()
        self.write("data/sub/a.txt", b"in the way")
        self.mlrepo("commit", "-m", "One")
        self.write("single", b"s")
        self.mlrepo("add", "single")
        self.mlrepo("commit", "-m", "Two")
        self.refused("mv", "single", "data/a.txt", "data/sub", status=73, says="'data/sub/a.txt' exists already")
        self.refused("mv", "data/a.txt", "data/nope/", status=66, says="data/nope is no directory")
        self.assertIn("Nothing has changed", self.mlrepo("status"))

    def test_what_was_moved_before_a_failure_stays_moved(self) -> None:
        self.start()
        self.write("data/b.txt", b"b")
        self.write("loose", b"not tracked")
        (self.work / "other").mkdir()
        self.mlrepo("commit", "-m", "One")
        # Files are noted together, and none has moved before it is known that all can.
        self.refused("mv", "data/a.txt", "loose", "data/b.txt", "other", status=66, says="loose")
        self.assertEqual(os.listdir(self.work / "other"), [])
        self.mlrepo("mv", "data/a.txt", "data/b.txt", "other")
        self.write("data/sub/c.txt", b"c")
        self.refused("mv", "data", "data/sub", "other", status=66, says="data/sub")
        self.assertTrue(os.path.exists(self.work / "data/sub"))
        self.mlrepo("commit", "-m", "Two")
        listed = [line.split()[-1] for line in self.mlrepo("ls").splitlines()]
        self.assertEqual([name for name in listed if name.startswith("other")], ["other/a.txt", "other/b.txt"])
        self.assertIn("Nothing has changed", self.mlrepo("status"))

    def test_what_was_left_out_of_a_moved_directory_is_left_out_there_only(self) -> None:
        self.mlrepo("init")
        self.write("d1/secret", b"s")
        self.write("d1/a", b"a")
        self.write("data/sub/f", b"f")
        (self.work / "other").mkdir()
        self.mlrepo("add", "d1", "data")
        self.mlrepo("untrack", "d1/secret")
        self.mlrepo("commit", "-m", "One")
        # The directory of the file that moves is empty then, and goes.
        self.refused("mv", "d1", "data/sub/f", "data/sub", "other", status=66, says="data/sub")
        self.assertEqual((self.work / ".mlrepoignore").read_text(), "/other/d1/secret\n")
        self.write("d1/secret", b"new")
        self.mlrepo("add", "d1")
        self.mlrepo("commit", "-m", "Two")
        listed = {line.split()[-1] for line in self.mlrepo("ls").splitlines()}
        self.assertEqual(listed, {"other/d1/a", "other/f", "d1/secret"} | ({".mlrepoignore"} & listed))

    def test_a_path_through_a_link_to_the_working_tree_is_inside(self) -> None:
        self.start()
        os.symlink(self.work, self.root / "link")
        self.mlrepo("commit", "-m", "One")
        self.write("data/a.txt", b"2")
        self.mlrepo("checkout", "--force", "--", str(self.root / "link/data/a.txt"))
        self.assertIn("Nothing has changed", self.mlrepo("status"))
        self.refused("add", str(self.root / "elsewhere"), status=64, says="outside the working tree")

    def test_what_cannot_be_noted_is_refused_before_it_begins(self) -> None:
        if os.geteuid() == 0:
            self.skipTest("the superuser may write everywhere")
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.write("data/a.txt", b"2")
        self.mlrepo("commit", "-m", "Two")
        os.chmod(self.work / ".mlrepo/tmp", 0o500)
        self.addCleanup(os.chmod, self.work / ".mlrepo/tmp", 0o700)
        self.refused("checkout", "main~1", status=77, says="hint: a checkout is noted in the store; mlrepo checkout main~1 --to DIR")
        self.assertIn("Nothing has changed", self.mlrepo("status"))

    def test_a_commit_that_cannot_be_stood_on_is_not_made(self) -> None:
        if os.geteuid() == 0:
            self.skipTest("the superuser may write everywhere")
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.write("data/a.txt", b"2")
        os.chmod(self.work / ".mlrepo", 0o500)
        self.addCleanup(os.chmod, self.work / ".mlrepo", 0o700)
        self.refused("commit", "-m", "Two", status=77, says="cannot create")
        self.assertNotIn("Two", self.mlrepo("log"))

    def test_an_answer_that_cannot_be_written_is_told_of(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        if not os.path.exists("/dev/full"):
            self.skipTest("there is no full device")
        with open("/dev/full", "wb") as full:
            done = subprocess.run([MLREPO, "ls"], cwd=self.work, env=self.environment, stdout=full,
                                  stderr=subprocess.PIPE, timeout=60)
        self.assertEqual((done.returncode, done.stderr.decode()),
                         (74, "error: the answer cannot be written: No space left on device\n"))

    def test_a_name_that_is_not_there_is_not_left_out(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.refused("untrack", "data/nope", status=66, says="no file or directory 'data/nope'")
        self.assertFalse((self.work / ".mlrepoignore").exists())
        self.write("data/nope", b"here by now")
        self.assertIn("added    data/nope", self.mlrepo("status"))

    def test_restore_takes_back_no_untrack_of_what_is_there(self) -> None:
        self.start()
        self.write("single", b"1")
        self.mlrepo("add", "single")
        self.mlrepo("commit", "-m", "One")
        self.mlrepo("untrack", "single")
        before = self.mlrepo("status")
        self.assertIn("untracked single", before)
        self.mlrepo("restore", ".")
        self.assertEqual(self.mlrepo("status"), before)
        self.mlrepo("rm", "data")
        self.mlrepo("restore", "data")
        self.assertEqual(self.mlrepo("status"), before)

    def test_a_file_that_is_made_anew_after_rm_is_in_the_next_version(self) -> None:
        self.start()
        self.write("data/sub/b", b"b")
        self.mlrepo("commit", "-m", "One")
        self.mlrepo("rm", "data/a.txt", "data/sub")
        self.write("data/a.txt", b"anew")
        self.write("data/sub/c", b"c")
        status = self.mlrepo("status")
        for line in ("modified data/a.txt", "added    data/sub/c", "deleted  data/sub/b"):
            self.assertIn(line, status)
        self.mlrepo("commit", "-m", "Two")
        self.assertIn("Nothing has changed", self.mlrepo("status"))
        self.assertEqual(self.mlrepo("cat", "HEAD:data/a.txt"), "anew")

    def test_what_untrack_left_out_stays_out_when_it_changes(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.mlrepo("untrack", "data/a.txt")
        self.write("data/a.txt", b"changed")
        self.assertIn("untracked data/a.txt", self.mlrepo("status"))
        self.mlrepo("commit", "-m", "Two", "--deleted")
        self.assertNotIn("a.txt", self.mlrepo("ls"))

    def test_a_store_that_has_moved_is_found_again(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        other = self.root / "other"
        self.mlrepo("init", "--store", str(self.work), str(other))
        self.assertIn("mlrepo checkout main", self.stderr)
        self.mlrepo("checkout", "main", cwd=other)
        self.mlrepo("init", "--bare", str(self.root / "wrong"))
        moved = self.root / "moved"
        os.rename(self.work, moved)
        self.refused("status", status=66, says="mlrepo init --store PATH", cwd=other)
        self.refused("init", "--store", str(self.root / "wrong"), status=73, says="it is another store", cwd=other)
        self.assertIn("is now on the store", self.mlrepo("init", "--store", str(moved), cwd=other))
        self.assertIn("Nothing has changed", self.mlrepo("status", cwd=other))
        self.refused("worktree", "remove", str(moved), status=66, says="no working copy", cwd=other)
        self.mlrepo("status", cwd=moved)
        os.rename(moved, self.work)

    def test_short_ways_answer_as_the_long_ones(self) -> None:
        """`status` and `version` are run without the parser as most people type them, and with it otherwise."""
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.write("data/a.txt", b"changed")
        self.write("new", b"new")
        for words in (("status",), ("status", "--json"), ("version",), ("version", "--json")):
            self.assertEqual(self.mlrepo(*words), self.mlrepo(*words, "--no-progress"))
        self.refused("status", "--jsno", status=64, says="--jsno")
        self.refused("status", status=66, says="no .mlrepo", cwd=self.root)

    def test_the_working_copy_that_holds_the_store_is_not_forgotten(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.mlrepo("worktree", "add", "../other")
        self.refused("worktree", "remove", "../work", status=73, says="the store lies in", cwd=self.root / "other")

    def test_before_the_first_commit(self) -> None:
        self.mlrepo("init")
        for words in (("show",), ("tag", "v1"), ("branch", "x"), ("ls",)):
            self.refused(*words, status=66, says="there is no commit here yet")

    def test_hints(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.write("train.py", b"t")
        self.mlrepo("tag", "v1")
        for words, status, says in (
                (("commit", "-m", "x", "train.py"), 66, "mlrepo add train.py"),
                (("commit", "Words"), 64, "mlrepo commit -m MESSAGE"),
                (("commit", "--amend", "-m", "x"), 64, "mlrepo undo"),
                (("restore", "data/nope"), 66, "mlrepo checkout REVISION -- data/nope"),
                (("cat", "data/a.txt"), 66, "HEAD:data/a.txt"),
                (("cat", "v1:data"), 66, "mlrepo ls v1 data"),
                (("show", "v1:"), 66, "mlrepo ls v1"),
                (("checkout", "data/a.txt"), 66, "checkout -- data/a.txt"),
                (("tag", "v1"), 73, "mlrepo tag -d v1"),
                (("branch", "-d", "main"), 73, "another branch first"),
                (("init", "--bare"), 64, "mlrepo init --bare DIRECTORY")):
            with self.subTest(words=words):
                self.refused(*words, status=status, says=says)

    def test_status_of_many_changes_ends_with_how_many(self) -> None:
        self.mlrepo("init")
        for number in range(250):
            self.write(f"data/{number:03}", b"x")
        self.mlrepo("add", "data")
        lines = self.mlrepo("status").splitlines()
        self.assertEqual(lines[-1], "  and 150 more; in all 250 added")

    def test_rm_promises_undo_only_where_it_is_possible(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.assertIn("mlrepo undo brings it back", self.mlrepo("rm", "data/sub/b.txt"))
        self.assertEqual(self.mlrepo("rm", "data/sub/b.txt"), "0 files removed\n")
        self.write("data/a.txt", b"mine")
        self.assertIn("mlrepo undo brings it back", self.mlrepo("rm", "--force", "data/a.txt"))
        self.mlrepo("undo")
        self.assertEqual((self.work / "data/a.txt").read_bytes(), b"mine")
        self.mlrepo("undo")
        self.assertEqual((self.work / "data/sub/b.txt").read_bytes(), b"second\n")
        self.assertIn("commit", self.mlrepo("undo"))

    def test_a_pattern_is_taken_out_again(self) -> None:
        self.mlrepo("init")
        self.mlrepo("add", "--pattern", "*.ckpt", "--pattern", "*.bin")
        self.write("a.ckpt", b"a")
        self.mlrepo("commit", "-m", "One")
        self.refused("untrack", "--pattern", "*.cpkt", status=66, says="these are: '*.bin', '*.ckpt'")
        self.mlrepo("untrack", "--pattern", "*.ckpt")
        self.write("b.ckpt", b"b")
        self.write("a.ckpt", b"changed")
        self.write("c.bin", b"c")
        self.mlrepo("commit", "-m", "Two")
        self.assertEqual([line.split()[-1] for line in self.mlrepo("ls").splitlines()], ["a.ckpt", "c.bin"])
        self.assertEqual(self.mlrepo("cat", "HEAD:a.ckpt"), "changed")

    def test_a_blob_is_named_by_the_beginning_of_its_id(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        digits = self.mlrepo("ls").split()[1]
        self.assertEqual(self.mlrepo("cat", digits[:8]), (self.work / "data/a.txt").read_text())
        self.refused("cat", "00000000", status=66, says="no blob")


if __name__ == "__main__":
    unittest.main()
