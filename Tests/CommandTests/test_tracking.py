"""What is tracked: by name, beside ignore rules, over undo and redo, with others on the same branch."""
import json
import os
import shutil

from command_test import CommandTest


class Tracked(CommandTest):
    """What is tracked, and whether that is told."""

    def test_a_commit_on_a_branch_that_moved_keeps_what_others_track(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        other = self.root / "other"
        self.mlrepo("worktree", "add", str(other))
        self.write("more/x", b"x")
        self.mlrepo("add", "more")
        self.mlrepo("commit", "-m", "More is tracked")
        (other / "data/a.txt").write_bytes(b"changed\n")
        self.mlrepo("commit", "-m", "Beside it", cwd=other)
        (other / "more/new").write_bytes(b"new")
        self.assertIn("added    more/new", self.mlrepo("status", cwd=other))
        self.mlrepo("checkout", "main")
        self.write("more/mine", b"mine")
        self.assertIn("added    more/mine", self.mlrepo("status"))
        # The other way round: what they took out is out.
        self.mlrepo("untrack", "more")
        self.mlrepo("commit", "-m", "More is not tracked")
        (other / "data/a.txt").write_bytes(b"changed again\n")
        self.mlrepo("commit", "-m", "Beside that", "data", cwd=other)
        self.mlrepo("checkout", "main")
        self.assertNotIn("more", self.mlrepo("ls"))
        self.mlrepo("fsck")

    def test_what_is_added_by_name_is_tracked_whatever_the_rules_say(self) -> None:
        self.start()
        self.write("data/.mlrepoignore", b"logs/\n")
        for name in ("data/wandb/run", "data/logs/log", "data/node_modules/x/y", "env/pyvenv.cfg", "env/lib"):
            self.write(name, b"kept")
        told = "skipped: data/wandb (left out as another tool's; 'mlrepo add' takes it in, a line in .mlrepoignore ends this word)"
        self.mlrepo("status")
        self.assertIn(told, self.stderr)
        self.assertNotIn("logs", self.stderr)
        self.mlrepo("add", "data/wandb", "data/logs", "env")
        self.mlrepo("commit", "-m", "One")
        self.assertNotIn("data/wandb", self.stderr)
        listed = self.mlrepo("ls")
        for name in ("data/wandb/run", "data/logs/log", "env/lib"):
            self.assertIn(name, listed)
        self.assertNotIn("node_modules", listed)
        # Also the other way round, and after a command that says the same once more.
        self.mlrepo("add", "data")
        self.write("data/wandb/second", b"kept")
        self.assertIn("added    data/wandb/second", self.mlrepo("status"))
        self.mlrepo("mv", "data", "moved")
        self.write("moved/wandb/third", b"kept")
        self.write("moved/logs/second", b"kept")
        status = self.mlrepo("status")
        self.assertIn("added    moved/wandb/third", status)
        self.assertIn("added    moved/logs/second", status)
        self.mlrepo("commit", "-m", "Two")
        self.assertEqual(self.mlrepo("status").splitlines()[-1], "Nothing has changed")
        self.mlrepo("untrack", "moved/wandb")
        self.mlrepo("commit", "-m", "Three")
        self.assertNotIn("wandb", self.mlrepo("ls"))

    def test_a_directory_inside_a_tracked_one_is_no_root_of_its_own(self) -> None:
        self.start()
        self.mlrepo("add", "data/sub")
        self.assertIn('"directories":["data"]', (self.work / ".mlrepo/tracked").read_text())

    def test_undo_takes_rm_back(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        before = self.tree(self.work)
        self.write("data/sub/b.txt", b"mine")
        self.write("data/new", b"mine, too")
        changed = self.tree(self.work)
        self.assertIn("4 files", self.mlrepo("rm", "--force", "data") + " 4 files")
        self.assertFalse((self.work / "data").exists())
        self.mlrepo("undo")
        self.assertEqual(self.tree(self.work), changed)
        self.write("data/later", b"in a directory that is tracked again")
        self.assertIn("added    data/later", self.mlrepo("status"))
        self.mlrepo("commit", "-m", "Two")
        # Of clean files, one after the other, over a commit.
        self.mlrepo("rm", "data/a.txt")
        self.mlrepo("rm", "data/sub")
        self.mlrepo("commit", "-m", "Three")
        self.mlrepo("undo")
        self.assertIn('"rm data/sub"', self.mlrepo("undo"))
        self.assertEqual((self.work / "data/sub/b.txt").read_bytes(), b"mine")
        self.assertFalse((self.work / "data/a.txt").exists())
        self.mlrepo("undo")
        self.assertEqual(self.mlrepo("status").splitlines()[-1], "Nothing has changed")
        self.mlrepo("undo")
        self.assertIn("modified data/sub/b.txt", self.mlrepo("status"))
        self.assertEqual(set(before) - set(self.tree(self.work)), set())
        self.mlrepo("rm", "--force", ".")
        self.mlrepo("undo")
        self.assertEqual((self.work / "data/later").read_bytes(), b"in a directory that is tracked again")
        self.mlrepo("fsck")


    def test_a_repository_in_tracked_data(self) -> None:
        self.start()
        self.write("elsewhere/f", b"f")
        self.mlrepo("commit", "-m", "One")
        self.mlrepo("init", cwd=self.work / "elsewhere")
        self.assertEqual(self.stderr, "")
        self.mlrepo("init", cwd=self.work / "data/sub")
        self.assertIn(f"note: the repository in {self.work} tracks this directory, too", self.stderr)
        # What the version has goes on being part of the next one; what comes new as a repository of its own is not.
        self.write("data/sub/b.txt", b"changed\n")
        self.mlrepo("add", "data", "data/sub")
        self.mlrepo("commit", "-m", "Two")
        self.assertEqual(self.mlrepo("cat", "HEAD:data/sub/b.txt"), "changed\n")
        self.write("data/new/f", b"f")
        self.mlrepo("init", cwd=self.work / "data/new")
        self.assertEqual(self.stderr, "")
        self.refused("add", "data/new", status=64, says="data/new is a repository of its own")
        self.refused("commit", "-m", "Three", status=1, says="nothing has changed")


class Tracking(CommandTest):
    """What is tracked stays so, over undo and redo, and beside what is ignored or untracked."""

    def files(self) -> set:
        return {json.loads(line)["path"] for line in self.mlrepo("ls", "--json").splitlines()}

    def test_redo_of_a_commit_leaves_nothing_to_say(self) -> None:
        self.mlrepo("init")
        self.write("data/a", b"a")
        self.mlrepo("add", "data")
        self.mlrepo("commit", "-m", "One")
        self.write("model.bin", b"m")
        self.mlrepo("add", "model.bin")
        self.mlrepo("commit", "-m", "Two")
        self.mlrepo("undo")
        self.assertIn("added    model.bin", self.mlrepo("status"))
        self.mlrepo("redo")
        self.assertEqual(self.mlrepo("status").splitlines()[-1], "Nothing has changed")
        self.mlrepo("untrack", "data")
        self.mlrepo("commit", "-m", "Three")
        self.mlrepo("undo")
        self.mlrepo("redo")
        self.mlrepo("status")
        self.write("model.bin", b"n")
        self.mlrepo("commit", "-m", "Four")
        self.assertEqual(self.files(), {"model.bin"})

    def test_what_is_named_inside_an_environment_is_stored_and_nothing_else(self) -> None:
        self.start()
        for name in ("env/pyvenv.cfg", "env/lib/x", "env/share/weights/w", "data/e/pyvenv.cfg", "data/e/keep", "data/e/other"):
            self.write(name, b"x")
        self.mlrepo("add", "env/share/weights", "data/e/keep")
        self.mlrepo("commit", "-m", "One")
        expected = {"data/a.txt", "data/sub/b.txt", "env/share/weights/w", "data/e/keep"}
        self.assertEqual(self.files(), expected)
        self.write("data/e/more", b"x")
        self.write("env/share/weights/v", b"x")
        self.mlrepo("commit", "-m", "Two")
        self.assertEqual(self.files(), expected | {"env/share/weights/v"})

    def test_a_name_inside_an_ignored_directory_takes_in_that_name(self) -> None:
        self.start()
        self.write("data/.mlrepoignore", b"scratch/\n")
        for name in ("wandb/run1/config", "wandb/run2/config", "wandb/log", "scratch/keep/x", "scratch/y", "scratch/z/z"):
            self.write("data/" + name, b"x")
        self.mlrepo("add", "data/wandb/run1/config", "data/scratch/keep")
        expected = {"data/.mlrepoignore", "data/a.txt", "data/sub/b.txt", "data/wandb/run1/config", "data/scratch/keep/x"}
        for number in range(3):
            self.mlrepo("commit", "-m", str(number), "--param", f"n={number}")
            self.assertEqual(self.files(), expected, number)
            self.write(f"data/wandb/new{number}", b"x")
            self.write(f"data/wandb/run1/new{number}", b"x")
            self.write(f"data/scratch/new{number}/x", b"x")
        # A rule that comes later keeps what is new out of a directory that the version has.
        self.write("data/.mlrepoignore", b"scratch/\nsub/\n")
        self.write("data/sub/new", b"x")
        self.write("data/sub/deeper/new", b"x")
        self.mlrepo("commit", "-m", "Later")
        self.assertEqual(self.files(), expected)

    def test_a_name_inside_what_is_untracked_leaves_the_rest_out(self) -> None:
        for words in (["add", "data/sub/x"], ["checkout", "HEAD", "--", "data/sub/x"]):
            with self.subTest(words=words):
                self.setUp()
                self.mlrepo("init")
                for name in ("data/a", "data/sub/x", "data/sub/y", "b", "z/z"):
                    self.write(name, b"x")
                self.mlrepo("add", ".")
                self.mlrepo("commit", "-m", "One")
                self.mlrepo("untrack", ".")
                self.mlrepo("add", "b")
                self.mlrepo(*words)
                if words[0] == "checkout":
                    # Nothing was written: it is there.
                    self.mlrepo("add", "data/sub/x")
                self.mlrepo("commit", "-m", "Two")
                self.assertEqual(self.files(), {"b", "data/sub/x"})

    def test_restore_of_a_part_of_what_was_removed_is_tracked(self) -> None:
        self.start()
        self.write("data/sub/c", b"c")
        self.mlrepo("commit", "-m", "One")
        self.mlrepo("rm", "data")
        self.mlrepo("restore", "data/sub/c")
        self.mlrepo("commit", "-m", "Two")
        self.assertEqual(self.files(), {"data/sub/c"})

    def test_undo_remembers_untrack_and_names_inside_a_tracked_directory(self) -> None:
        self.start()
        self.write("data/.mlrepoignore", b"*.log\n")
        self.write("data/secret", b"s")
        self.mlrepo("commit", "-m", "One")
        self.mlrepo("untrack", "data/secret")
        self.write("data/final.log", b"l")
        self.mlrepo("add", "data/final.log")
        self.mlrepo("commit", "-m", "Two")
        after = self.files()
        self.mlrepo("undo")
        self.assertIn("data/secret", self.files())
        self.assertIn("untracked data/secret", self.mlrepo("status"))
        self.mlrepo("commit", "-m", "Two again")
        self.assertEqual(self.files(), after)
        self.assertIn("data/final.log", after)
        # A nested root comes back with the directory.
        self.write("data/wandb/run", b"r")
        self.mlrepo("add", "data/wandb")
        self.mlrepo("commit", "-m", "Three")
        self.mlrepo("rm", "data")
        self.mlrepo("undo")
        self.write("data/wandb/second", b"r")
        self.mlrepo("commit", "-m", "Four")
        self.assertIn("data/wandb/second", self.files())

    def test_a_move_to_an_ignored_name_is_tracked(self) -> None:
        self.start()
        self.write("data/.mlrepoignore", b"build/\n")
        self.mlrepo("commit", "-m", "One")
        self.mlrepo("mv", "data/sub", "data/build")
        self.mlrepo("commit", "-m", "Two")
        self.assertEqual(self.files(), {"data/.mlrepoignore", "data/a.txt", "data/build/b.txt"})

    def test_what_is_left_out_is_not_moved(self) -> None:
        self.start()
        self.write("data/.mlrepoignore", b"ck/\n")
        self.write("data/ck/a", b"checkpoint")
        self.mlrepo("commit", "-m", "One")
        self.refused("mv", "data/ck", "data/ck2", status=66, says="data/ck is not tracked")
        self.assertTrue((self.work / "data/ck/a").exists())
        self.assertIn("Nothing has changed", self.mlrepo("status"))
        # What a version has is tracked, whatever a rule says by now.
        self.write("data/.mlrepoignore", b"ck/\nsub/\n")
        self.mlrepo("mv", "data/sub", "data/sub2")
        self.mlrepo("commit", "-m", "Two")
        self.assertIn("data/sub2/b.txt", self.mlrepo("ls", "HEAD", "data"))

    def test_undo_keeps_what_is_tracked_file_by_file(self) -> None:
        """Found by a random walk: an unchanged file below a directory that the version before tracks as a whole."""
        for way in ("rm and back", "untrack and add", "by force"):
            with self.subTest(way):
                self.work = self.root / way
                self.work.mkdir()
                self.mlrepo("init")
                self.write("d/f", b"1")
                self.write("o", b"x")
                self.mlrepo("add", "d", "o")
                self.mlrepo("commit", "-m", "One")
                if way == "rm and back":
                    self.mlrepo("rm", "d")
                    self.mlrepo("checkout", "--", "d")
                else:
                    self.mlrepo("untrack", "d")
                    self.mlrepo("add", "d/f")
                self.write("o", b"y")
                self.mlrepo(*(("checkout", "-f", "HEAD") if way == "by force" else ("commit", "-m", "Two")))
                self.mlrepo("undo")
                self.assertEqual(json.loads(self.mlrepo("status", "--json"))["entries"], [{"path": "o", "state": "modified"}])
                self.mlrepo("commit", "-m", "Three")
                self.assertIn("d/f", self.mlrepo("ls"))

    def test_a_directory_that_a_checkout_of_paths_brings_back_is_tracked_as_before(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        for lost in (True, False):
            self.mlrepo("rm" if lost else "untrack", "data")
            self.mlrepo("checkout", "--", "data")
            self.assertIn("Nothing has changed", self.mlrepo("status"))
            self.write("data/new", b"new")
            self.assertIn("added    data/new", self.mlrepo("status"))
            (self.work / "data/new").unlink()

    def test_undo_of_a_commit_takes_in_nothing_that_was_untracked_since(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.write("data/key", b"secret")
        self.write("more/x", b"x")
        self.write("single", b"s")
        self.mlrepo("add", "more", "single")
        self.mlrepo("commit", "-m", "Two")
        for path in ("data/key", "more", "single"):
            self.mlrepo("untrack", path)
        self.mlrepo("undo")
        self.assertEqual(json.loads(self.mlrepo("status", "--json"))["entries"], [])

    def test_what_a_pattern_matches_stays_untracked(self) -> None:
        self.start()
        self.write("c/F", b"1")
        self.write("e/F", b"1")
        self.mlrepo("add", "--pattern", "F")
        self.assertIn("would be taken in again", self.mlrepo("untrack", "c/F"))
        self.mlrepo("commit", "-m", "One")
        self.assertNotIn("c/F", self.mlrepo("ls"))
        self.mlrepo("untrack", "e")
        self.mlrepo("commit", "-m", "Two")
        self.assertIn("Nothing has changed", self.mlrepo("status"))
        self.assertNotIn("e/F", self.mlrepo("ls"))

    def test_what_is_left_out_stays_so_when_its_directory_moves(self) -> None:
        self.start()
        self.write("data/secret", b"s")
        self.mlrepo("untrack", "data/secret")
        self.mlrepo("commit", "-m", "One")
        self.mlrepo("mv", "data", "d*ta")
        self.assertEqual((self.work / ".mlrepoignore").read_bytes(), b"/d\\*ta/secret\n")
        self.mlrepo("commit", "-m", "Two")
        self.assertNotIn("secret", self.mlrepo("ls"))
        self.mlrepo("mv", "d*ta", "data")
        self.assertEqual((self.work / ".mlrepoignore").read_bytes(), b"/data/secret\n")

    def test_undo_of_a_forced_checkout_keeps_a_mode_that_was_set_since(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.write("d/f", b"1")
        self.mlrepo("add", "d")
        self.mlrepo("commit", "-m", "Two")
        self.mlrepo("checkout", "main~1")
        self.write("d/f", b"9")
        self.mlrepo("checkout", "--force", "main")
        (self.work / "d/f").chmod(0o755)
        self.refused("undo", status=73, says="d/f would be lost")
        (self.work / "d/f").chmod(0o644)
        self.mlrepo("undo")
        self.assertEqual((self.work / "d/f").read_bytes(), b"9")

    def test_mv_hides_no_directory_that_has_lost_its_files(self) -> None:
        self.start()
        self.write("d/x", b"x")
        self.write("top/inner/x", b"x")
        self.mlrepo("add", "d", "top/inner")
        self.mlrepo("commit", "-m", "One")
        for path, words in (("data", ["data", "d/"]), ("top/inner", ["top/inner", "d/"]), ("top/inner", ["top", "e"])):
            with self.subTest(words):
                # A place where a disk is not mounted.
                shutil.move(self.work / path, self.root / "disk")
                os.mkdir(self.work / path)
                self.refused("mv", *words, status=73, says=f"{path} is tracked and gone")
                self.refused("commit", "-m", "No", status=73, says=f"{path} is tracked and gone")
                os.rmdir(self.work / path)
                shutil.move(self.root / "disk", self.work / path)
                self.assertIn("Nothing has changed", self.mlrepo("status"))
        self.mlrepo("mv", "top", "e")
        self.mlrepo("mv", "data", "d/")
        self.mlrepo("commit", "-m", "Two")

    def test_many_files_move_at_once(self) -> None:
        self.mlrepo("init")
        names = [f"data/{number}" for number in range(250)]
        for name in names:
            self.write(name, name.encode())
        self.mlrepo("add", "data/0", *names[100:])
        self.mlrepo("commit", "-m", "One")
        os.mkdir(self.work / "data/to")
        # One that is in the way stops what comes behind it, and those of its hundred.
        self.write("data/to/170", b"in the way")
        self.refused("mv", *names[100:], "data/to", status=73, says="'data/to/170' exists already")
        os.remove(self.work / "data/to/170")
        self.refused("mv", *names[100:150], names[1], "data/to", status=66, says="data/1 is not tracked")
        self.assertEqual(os.listdir(self.work / "data/to"), [])
        self.mlrepo("mv", *names[100:], "data/to")
        self.mlrepo("commit", "-m", "Two")
        listed = [line.split()[-1] for line in self.mlrepo("ls").splitlines()]
        self.assertEqual(sorted(listed), sorted(["data/0"] + [f"data/to/{number}" for number in range(100, 250)]))
        self.assertIn("Nothing has changed", self.mlrepo("status"))

    def test_mv_drops_nothing_that_a_version_has(self) -> None:
        """What a version has is tracked, whatever rule somebody wrote since; and so it is under a new name."""
        for rules in (b"/data/a.txt\n", b"/data/*\n!/data/sub\n", b"/data/\n", b"data/a.txt\n"):
            with self.subTest(rules):
                self.work = self.root / f"rules {len(rules)}"
                self.work.mkdir()
                self.start()
                self.mlrepo("commit", "-m", "One")
                (self.work / ".mlrepoignore").write_bytes(rules)
                self.mlrepo("mv", "data", "moved")
                self.mlrepo("commit", "-m", "Two")
                self.assertEqual([line.split(" ", 3)[3] for line in self.mlrepo("ls").splitlines()], ["moved/a.txt", "moved/sub/b.txt"])

    def test_a_refused_undo_says_nothing_of_what_is_tracked(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.write("single", b"s")
        self.mlrepo("add", "single")
        self.mlrepo("commit", "-m", "Two")
        other = self.root / "other"
        self.mlrepo("worktree", "add", str(other))
        (other / "data/a.txt").write_bytes(b"changed")
        self.mlrepo("commit", "-m", "Three", cwd=other)
        self.mlrepo("untrack", "single")
        before = (self.work / ".mlrepo/tracked").read_bytes()
        self.refused("undo", status=73, says="has moved since")
        self.assertEqual(json.loads((self.work / ".mlrepo/tracked").read_bytes()), json.loads(before))

    def test_a_line_of_the_ignore_file_is_written_once(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        for _ in range(3):
            self.mlrepo("untrack", "data/a.txt")
        self.assertEqual((self.work / ".mlrepoignore").read_bytes(), b"/data/a.txt\n")
        (self.work / ".mlrepoignore").write_bytes(b"/data/a.txt\n!a.txt\n")
        self.mlrepo("untrack", "data/a.txt")
        self.assertEqual((self.work / ".mlrepoignore").read_bytes(), b"/data/a.txt\n!a.txt\n/data/a.txt\n")

    def test_status_tells_untracked_missing_and_deleted_apart(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.mlrepo("untrack", "data/a.txt")
        self.assertIn("  untracked data/a.txt\n", self.mlrepo("status"))
        self.mlrepo("rm", "data/sub/b.txt")
        self.assertIn("  deleted  data/sub/b.txt\n", self.mlrepo("status"))
        self.mlrepo("undo")
        self.mlrepo("add", "data/a.txt")
        (self.work / "data").rename(self.root / "elsewhere")
        self.assertIn("data is gone, and tracked: mlrepo restore data brings it back", self.mlrepo("status"))
        self.assertEqual(json.loads(self.mlrepo("status", "--json"))["missing"], ["data"])
        self.mlrepo("commit", "-m", "Two", status=73)

    def test_undo_says_what_it_leaves(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.write("data/a.txt", b"2")
        self.mlrepo("commit", "-m", "Two")
        note = "note: what was added, untracked or moved since the last commit stays so"
        self.mlrepo("rm", "data/a.txt")
        self.mlrepo("undo")
        self.assertNotIn(note, self.stderr)
        self.mlrepo("mv", "data", "corpus")
        self.assertIn("Taken back: 2", self.mlrepo("undo"))
        self.assertIn(note, self.stderr)

    def test_a_root_inside_another_one_survives_a_checkout(self) -> None:
        self.mlrepo("init")
        self.write("x", b"x")
        self.mlrepo("add", "x")
        self.mlrepo("commit", "-m", "One")
        self.write("data/a", b"a")
        self.mlrepo("add", "data")
        self.mlrepo("commit", "-m", "Two")
        self.mlrepo("checkout", "HEAD~1")
        self.write("data/wandb/run", b"r")
        self.mlrepo("add", "data/wandb")
        self.mlrepo("checkout", "main")
        self.assertIn("added    data/wandb/run", self.mlrepo("status"))

    def test_what_cannot_be_untracked_by_a_line_is_refused(self) -> None:
        self.start()
        self.write("data/a\r", b"x")
        self.mlrepo("commit", "-m", "One")
        self.refused("untrack", "data/a\r", status=64, says="no line of .mlrepoignore can name")
