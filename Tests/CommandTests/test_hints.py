"""Commands in hints, which are typed as they stand."""
import os
import shlex
import shutil
import subprocess

from command_test import MLREPO, CommandTest

ODD = ["my data", "-odd", "it's", "tab\there", "line\nbreak", "$HOME", "*", "größe", "back\\slash", "~", "a;b", "#c", "#", "="]


class Hints(CommandTest):
    """A hint that names a command names one that works, wherever it is read."""

    def typed(self, text: str, command: str, cwd=None) -> None:
        """Types the command that a text suggests, as bash takes it."""
        (line,) = [part for part in text.replace("hint: ", "").replace("\n", "; ").split("; ") if part.startswith(command)]
        for end in (" brings", " names", " forgets", " leaves"):
            line = line.partition(end)[0]
        done = subprocess.run(["bash", "-c", line.replace("mlrepo", shlex.quote(MLREPO), 1)], cwd=cwd or self.work,
                              env=self.environment, capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 0, (line, done.stderr))

    def test_names_are_quoted_and_told_from_where_one_stands(self) -> None:
        self.mlrepo("init")
        os.mkdir(self.work / "deep")
        for name in ODD:
            with self.subTest(name):
                self.write(f"{name}/f", name.encode())
                self.mlrepo("add", f"./{name}")
                self.mlrepo("commit", "-m", "x")
                for cwd in (self.work, self.work / "deep"):
                    os.remove(self.work / name / "f")
                    self.refused("commit", "-m", "y", status=73, says="tracked and gone", cwd=cwd)
                    self.typed(self.stderr, "mlrepo restore", cwd)
                    self.assertEqual((self.work / name / "f").read_bytes(), name.encode())
                    shutil.rmtree(self.work / name)
                    self.typed(self.mlrepo("status", cwd=cwd).split(", and tracked: ")[-1].split(", mlrepo")[0], "mlrepo restore", cwd)
                    self.assertEqual((self.work / name / "f").read_bytes(), name.encode())
                self.write("loose/" + name, b"loose")
                self.refused("untrack", f"loose/{name}", status=66, says="not tracked")

    def test_what_is_not_tracked_is_added_as_the_hint_says(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        for name in ODD:
            with self.subTest(name):
                self.write(f"loose/{name}", b"loose")
                self.refused("rm", f"loose/{name}", status=66, says="not tracked")
                self.typed(self.stderr, "mlrepo add", self.work)
                self.mlrepo("commit", "-m", "x")

    def test_words_of_git_lead_on(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.write("data/c", b"c")
        self.mlrepo("commit", "-m", "Two")
        for words, says in (
                (["status", "-s"], "mlrepo status is short"), (["status", "--porcelain"], "--json"),
                (["diff", "--cached"], "nothing is staged"), (["diff", "--name-only=x"], "mlrepo diff tells names"),
                (["branch", "-D", "x"], "mlrepo branch -d NAME"), (["branch", "-m", "x"], "mlrepo branch NEW OLD"),
                (["tag", "-f", "x"], "mlrepo tag -d NAME"), (["tag", "-a", "x"], "a name alone"),
                (["restore", "--staged", "x"], "nothing is staged"), (["restore", "--source", "HEAD", "x"], "mlrepo checkout REVISION"),
                (["log", "-p"], "mlrepo show REVISION"), (["log", "--since", "x"], "--json"), (["log", "--foo"], "mlrepo help log"),
                (["add", "-A"], "what is added once"), (["commit", "--amend", "-m", "x"], "again with all its options")):
            with self.subTest(words):
                self.refused(*words, status=64, says=says)
        for words, says in (
                (["diff", "HEAD~1..HEAD"], "mlrepo diff HEAD~1 HEAD"), (["diff", "HEAD~1...HEAD"], "mlrepo diff HEAD~1 HEAD"),
                (["diff", "HEAD~1.."], "mlrepo diff HEAD~1 HEAD"), (["log", "HEAD~1..main"], "mlrepo log main"),
                (["diff", "no..HEAD"], "a path that is gone stands behind --"), (["checkout", "-"], "@{1}"),
                (["checkout", "fd4"], "4 digits"), (["checkout", "main@{bla}"], "mlrepo help revisions")):
            with self.subTest(words):
                self.refused(*words, status=66, says=says)
        self.assertIn("HABITS", self.mlrepo("help", "git"))
        self.refused("help", "stash", status=64, says="there is no stash here")
        self.refused("tag", "main", status=73, says="it is a branch")
        self.refused("tag", "a b", status=64, says="a name has letters")
        self.refused("commit", "-m", "x", "--input", "/etc/hostname", status=64, says="outside the working tree")
        self.refused("show", "HEAD:a.txt", status=66, says="mlrepo cat HEAD:./a.txt", cwd=self.work / "data")
        self.typed(self.stderr, "mlrepo cat", self.work / "data")

    def test_notes_on_what_is_easily_overlooked(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.mlrepo("commit", "-m", "Values", "--metric", "acc=1")
        self.assertIn("no tracked file has changed", self.stderr)
        self.write("data/c", b"c")
        self.mlrepo("commit", "-m", "Both", "--metric", "acc=2")
        self.assertEqual(self.stderr, "")
        self.mlrepo("checkout", "HEAD~1", "--to", "data/old")
        self.assertIn("data/old lies in tracked data", self.stderr)
        self.mlrepo("checkout", "HEAD~1", "--to", "old")
        self.assertEqual(self.stderr, "")
