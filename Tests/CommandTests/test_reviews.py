"""What a review by reading found, and what had no test before."""
import datetime
import json
import os
import subprocess
import time

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


class Told(CommandTest):
    """Answers that leave nothing out without a word."""

    def test_blame_goes_through_every_run(self) -> None:
        self.mlrepo("init")
        self.write("0", b"data")
        self.mlrepo("add", ".")
        self.mlrepo("commit", "-m", "Data")
        for number in range(1, 40):
            self.write(str(number), str(number).encode())
            self.mlrepo("commit", "-m", f"Step {number}", "--input", str(number - 1), "--output", str(number))
        blame, depth = json.loads(self.mlrepo("blame", "39", "--json")), 0
        while blame["inputs"]:
            (entry,) = blame["inputs"]
            blame, depth = entry["upstream"], depth + 1
        self.assertEqual((depth, blame["path"]), (39, "0"))

    def test_blame_says_what_it_told_before(self) -> None:
        self.mlrepo("init")
        self.write("data", b"data")
        self.mlrepo("add", ".")
        self.mlrepo("commit", "-m", "Data")
        for name in ("left", "right"):
            self.write(name, name.encode())
            self.mlrepo("commit", "-m", name, "--input", "data", "--output", name)
        self.write("model", b"model")
        self.mlrepo("commit", "-m", "Model", "--input", "left", "--input", "right", "--output", "model")
        left, right = json.loads(self.mlrepo("blame", "model", "--json"))["inputs"]
        self.assertIn("upstream", left["upstream"]["inputs"][0])
        self.assertEqual(right["upstream"]["inputs"][0]["untold"], "told")
        self.assertEqual(self.mlrepo("blame", "model").count("(told before)"), 1)

    def test_a_name_at_a_time_is_told_with_its_clock(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        one = self.mlrepo("resolve", "HEAD").strip()
        self.environment["MLREPO_NOW"] = str(1763888400 + 7200)
        self.write("data/a.txt", b"2")
        self.mlrepo("commit", "-m", "Two")
        # 09:30 in UTC, between both.
        for text in ("main@{2025-11-23T10:30+01:00}", "main@{2025-11-23T09:30:00Z}", "main@{90 minutes ago}", "main@{1 hours ago}"):
            answer = json.loads(self.mlrepo("resolve", text, "--json"))
            self.assertEqual((answer["commit"], answer["operation"]["verb"]), ("sha256:" + one, "commit"), text)
        self.assertEqual(answer["instant"], "2025-11-23T10:00:00Z")
        self.environment["TZ"] = "Asia/Kolkata"
        self.assertEqual(self.mlrepo("resolve", "main@{2025-11-23T15:00}").strip(), one)
        self.assertEqual(
            self.stderr, "note: as of 2025-11-23T09:30:00Z the newest operation was 1, of 2025-11-23T09:00:00Z by the clock of Ada <ada@example.com>\n")
        self.mlrepo("resolve", "main@{1}")
        self.assertEqual(self.stderr, "")

    def test_doctor_says_what_no_version_has(self) -> None:
        self.start()
        # The clock of tests stands still, which is not as it should be.
        found = self.mlrepo("doctor", status=1)
        self.assertIn("not times, owners, other bits, extended attributes, hard links, holes", found)

    def test_a_blob_is_named_by_its_first_digits(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.assertEqual(self.mlrepo("cat", "sha256:" + self.mlrepo("hash", "data/a.txt")[:4]), "first\n")

    def test_a_file_that_may_not_be_read_is_not_permitted(self) -> None:
        self.start()
        for name in ("data/a.txt", "p.json"):
            self.write(name, b"{}")
            os.chmod(self.work / name, 0)
        if os.access(self.work / "p.json", os.R_OK):
            self.skipTest("root may read everything")
        self.mlrepo("hash", "data/a.txt", status=77)
        self.mlrepo("commit", "-m", "One", "--params", "p.json", status=77)

    def test_long_writing_tells_how_far_it_is(self) -> None:
        self.mlrepo("init")
        for number in range(4):
            self.write(f"data/{number}", os.urandom(1 << 20) * 90)
        self.mlrepo("add", "data")
        self.mlrepo("commit", "-m", "One", "--progress")
        self.assertIn("reading ", self.stderr)
        for number in range(4):
            os.remove(self.work / f"data/{number}")
        self.mlrepo("restore", "data", "--progress")
        self.assertRegex(self.stderr, r"writing \d of 4 files, [\d.]+ MB of 3[67]\d MB, [\d.]+ [MG]B/s")
        self.mlrepo("rm", "data")
        self.mlrepo("undo", "--progress")
        self.assertIn("writing ", self.stderr)


class Times(CommandTest):
    def test_times_far_from_now_end_no_command(self) -> None:
        self.start()
        far = [datetime.datetime(2300, 1, 1), datetime.datetime(2440, 1, 1), datetime.datetime(1850, 1, 1)]
        for number, when in enumerate(far):
            self.write(f"data/far{number}", b"x")
            seconds = int((when - datetime.datetime(1970, 1, 1)).total_seconds())
            os.utime(self.work / f"data/far{number}", (seconds, seconds))
        self.mlrepo("status")
        self.mlrepo("commit", "-m", "One")
        self.assertEqual(self.mlrepo("status").splitlines()[-1], "Nothing has changed")
        self.write("data/far0", b"y")
        os.utime(self.work / "data/far0", (10**10, 10**10))
        self.assertIn("modified data/far0", self.mlrepo("status"))


class Options(CommandTest):
    """Options that no other test uses with success."""

    def test_metrics_from_a_file(self) -> None:
        self.start()
        self.write("m.yaml", b"accuracy: 0.90\nloss: [1, 2.50]\n")
        self.mlrepo("commit", "-m", "One", "--metrics", "m.yaml")
        shown = self.mlrepo("show", "--json")
        self.assertIn('"accuracy":0.90', shown)
        self.assertIn('"loss":[1,2.50]', shown)

    def test_a_bare_store_for_a_group(self) -> None:
        store = self.root / "team"
        group = subprocess.run(["id", "-gn"], capture_output=True, text=True, check=True).stdout.strip()
        self.mlrepo("init", "--bare", f"--shared={group}", str(store))
        os.umask(0o077)
        self.addCleanup(os.umask, 0o022)
        self.mlrepo("init", "--store", str(store))
        self.write("data/a", b"a")
        self.mlrepo("add", "data")
        self.mlrepo("commit", "-m", "One")
        for path in store.rglob("*"):
            mode = path.stat().st_mode
            if path.is_dir():
                self.assertEqual(mode & 0o2070, 0o2070, path)
            else:
                self.assertEqual(mode & 0o040, 0o040, path)
        self.assertEqual(len(list((store / "packs").iterdir())), 256)
        self.mlrepo("fsck")

    def test_switch_makes_a_branch_and_log_counts(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.mlrepo("switch", "-c", "try")
        self.write("data/a.txt", b"2")
        self.mlrepo("commit", "-m", "Two")
        self.mlrepo("switch", "--create", "more")
        self.assertIn("On branch more", self.mlrepo("status"))
        for words in (["--max-count", "1"], ["-n", "1"]):
            self.assertEqual(len(self.mlrepo("log", *words, "--json").splitlines()), 1)
        self.assertEqual(self.mlrepo("lineage", "data/a.txt"), self.mlrepo("blame", "data/a.txt"))

    def test_completions_are_scripts(self) -> None:
        for shell in ("bash", "zsh", "fish"):
            script = self.mlrepo("--generate-completion-script", shell)
            self.assertIn("checkout", script)
            if shell == "bash":
                subprocess.run(["bash", "-n"], input=script.encode(), check=True, timeout=60)

    def test_help_of_every_command_of_two_words_has_examples(self) -> None:
        for name in ("add", "list", "remove"):
            self.assertIn("EXAMPLES", self.mlrepo("help", "worktree", name))
        self.assertRegex(self.mlrepo("help", "config"), r"SETTINGS\n\s+\w+")
