"""Questions about all versions and runs, and the catalogue that answers them."""
import concurrent.futures
import hashlib
import json
import random
import shutil
import sqlite3
import subprocess
import time

from command_test import MLREPO
from test_run import PYTHON, RunTest

CATALOGUE = ".mlrepo/catalogue-3.sqlite"


class Find(RunTest):
    def setUp(self) -> None:
        super().setUp()
        self.script("train.py", """
            import json, sys
            rate = float(sys.argv[2])
            open("model.bin", "w").write(open(f"data/{'ab'[rate > 1]}.txt").read() + str(rate))
            json.dump({"f1": rate / 10, "deep": {"loss": -rate}}, open("metrics.json", "w"))
            """)
        for rate in (0.5, 2, 8):
            self.mlrepo("run", "--quiet", "-m", f"Rate {rate}", PYTHON, "train.py", "--lr", str(rate))
        self.mlrepo("run", "--quiet", PYTHON, "train.py", "--lr", "4")
        self.run_raw("run", "--quiet", "sh", "-c", "exit 3")

    def found(self, question: str, *words: str, cwd=None) -> list[str]:
        """The messages of versions, and the states of runs."""
        answers = [json.loads(line) for line in self.mlrepo("find", "--json", question, *words, cwd=cwd).splitlines()]
        return [answer["message"] if answer["kind"] == "version" else answer["state"] for answer in answers]

    def test_versions_and_runs_by_their_facts(self) -> None:
        for question, expected in [
            ("metrics.f1 > 0.1 and params.lr < 5", ["Rate 2", "ok"]), ("lr = 0.50", ["Rate 0.5"]),
            ("deep.loss <= -4", ["Rate 8", "ok"]), ("message ~ Rate and not f1 < 0.8", ["Rate 8"]),
            ("author ~ Ada and message = Data", ["Data"]), ("author ~ Bob", []), ("state = failed", ["failed"]),
            ("status = 3 or f1 > 0.7", ["Rate 8", "failed"]), ("command ~ train.py and state = ok", ["ok"]),
            ("date > 2020 and date < 2021", []), ("date > yesterday and f1 > 0.7", ["Rate 8"]), ("date <= '1 hour ago'", []),
            (f"date = {time.strftime('%Y-%m-%d', time.gmtime())} and f1 > 0.7", ["Rate 8"]),
            (f"date != {time.strftime('%Y-%m-%d', time.gmtime())}", []), (f"date <= {time.strftime('%Y-%m', time.gmtime())} and f1 > 0.7", ["Rate 8"]),
            ("author = Ada and f1 > 0.7", ["Rate 8"]), ("date > 2020", ["Rate 8", "Rate 2", "Rate 0.5", "Data", "failed", "ok"]),
            ("f1", ["Rate 8", "Rate 2", "Rate 0.5", "ok"]), ("(f1 > 0.5 or f1 < 0.1) and lr", ["Rate 8", "Rate 0.5"]),
        ]:
            with self.subTest(question):
                self.assertEqual(self.found(question), expected)
        self.assertEqual(self.found("lr > 0", "--sort", "lr"), ["Rate 0.5", "Rate 2", "ok", "Rate 8"])
        self.assertEqual(self.found("lr > 0", "--sort", "-f1"), ["Rate 8", "ok", "Rate 2", "Rate 0.5"])
        self.assertEqual(self.found("lr > 0", "--sort", "-f1", "-n", "2"), ["Rate 8", "ok"])
        self.assertEqual(self.found("lr > 0", "-n", "0"), [])
        self.refused("find", "lr > 0", "--max-count=-1", status=64, says="0 or more")

    def test_the_latest_runs(self) -> None:
        def rates(*words: str) -> list[str]:
            return [json.loads(line)["command"][-1] for line in self.mlrepo("runs", "--json", *words).splitlines()]
        self.assertEqual(rates("-n", "2"), ["4", "exit 3"])
        self.assertEqual(rates("lr > 0", "--sort", "-lr", "-n", "1"), ["8"])
        self.assertIn("exit 3", self.mlrepo("runs", "-n", "1"))
        self.refused("runs", "-n", "1", "--follow", status=64, says="--follow tells of all runs")

    def test_what_was_measured_with_a_model_is_the_models(self) -> None:
        self.assertEqual(self.found("tests.accuracy > 0"), [])
        self.mlrepo("checkout", "--quiet", "--force", "main~1", "--", "model.bin")
        measure = "cat model.bin data/c.txt >/dev/null; echo '{\"accuracy\": 0.9}' >accuracy.json"
        run = self.observed("--metrics", "accuracy.json", "sh", "-c", measure)
        self.assertEqual(self.found("tests.accuracy > 0.8"), ["Rate 2"])
        # By its own name it is found with the test itself.
        self.assertEqual(self.found("accuracy = 0.9"), ["Rate 2", "ok"])
        self.assertEqual(self.found("tests.accuracy"), ["Rate 2"])
        self.mlrepo("commit", "--quiet", "--run", run["name"], "-m", "Test")
        self.assertEqual(self.found("tests.accuracy > 0.8"), ["Rate 2"])
        # A version has what its run measured, also when the run is listed no longer.
        self.mlrepo("runs", "--drop", run["name"])
        self.assertEqual(self.found("tests.accuracy > 0.8"), ["Rate 2"])
        (self.work / CATALOGUE).unlink()
        self.assertEqual(self.found("tests.accuracy > 0.8"), ["Rate 2"])
        self.mlrepo("undo", "--quiet")
        self.assertEqual(self.found("accuracy = 0.9"), [])
        self.observed("--metrics", "accuracy.json", "sh", "-c", measure.replace("0.9", "0.7"))
        self.mlrepo("gc", "--now", "--quiet")
        self.assertEqual(self.found("tests.accuracy < 0.8"), ["Rate 2"])
        (self.work / CATALOGUE).unlink()
        self.assertEqual(self.found("tests.accuracy < 0.8"), ["Rate 2"])

    def test_inputs_outputs_and_code(self) -> None:
        outside = self.root / "rows.txt"
        outside.write_text("rows")
        self.mlrepo("run", "--quiet", "-m", "Outside", "sh", "-c", f"cat {outside} >made.txt")
        a = "sha256:" + hashlib.sha256(b"row a\n").hexdigest()
        for question, expected in [
            ("input = data/a.txt", ["Rate 0.5"]), ("input = data", ["Rate 8", "Rate 2", "Rate 0.5", "ok"]),
            ("input = data/", ["Rate 8", "Rate 2", "Rate 0.5", "ok"]), (f"input = {a}", ["Rate 0.5"]),
            ("input ~ b.t", ["Rate 8", "Rate 2", "ok"]), ("input != data/b.txt and lr", ["Rate 0.5"]),
            ("output = model.bin and lr > 7", ["Rate 8"]), ("output ~ made", ["Outside"]),
            (f"input = {outside}", ["Outside"]), ("code = train.py", ["Rate 8", "Rate 2", "Rate 0.5", "ok"]),
            ("input = ../x", []), ("input = sha256:1", []), ("input", ["Outside", "Rate 8", "Rate 2", "Rate 0.5", "ok"]),
        ]:
            with self.subTest(question):
                self.assertEqual(self.found(question), expected)

    def test_code_of_git(self) -> None:
        self.git("init", "--quiet")
        self.git("add", "train.py")
        self.git("commit", "--quiet", "-m", "Code")
        self.mlrepo("run", "--quiet", "-m", "Git", PYTHON, "train.py", "--lr", "3")
        self.assertIn("Git", self.found("code = train.py"))
        revision = self.run_git("rev-parse", "HEAD")
        self.assertEqual(self.found(f"code ~ {revision[:8]}"), ["Git"])

    def run_git(self, *words: str) -> str:
        return subprocess.run(["git", *words], cwd=self.work, capture_output=True, text=True, check=True).stdout.strip()

    def test_what_changes_is_found_at_once(self) -> None:
        self.assertEqual(self.found("lr = 4"), ["ok"])
        name = next(json.loads(line)["run"] for line in self.mlrepo("runs", "--json", "lr = 4").splitlines())
        self.mlrepo("commit", "--run", name, "-m", "Adopted")
        self.assertEqual(self.found("lr = 4"), ["Adopted"])
        self.mlrepo("undo")
        self.assertEqual(self.found("lr = 4"), ["ok"])
        self.mlrepo("runs", "--drop", name)
        self.assertEqual(self.found("lr = 4"), [])
        self.mlrepo("undo")
        self.mlrepo("undo")
        self.assertEqual(self.found("lr = 8"), ["ok"])

    def test_the_catalogue_may_be_gone_damaged_or_a_stranger(self) -> None:
        place = self.work / CATALOGUE
        expected = self.found("lr > 0")
        whole = place.read_bytes()
        seed = random.randrange(2**32)
        chance = random.Random(seed)
        changes = [b"", b"hello", whole[:1000], whole[:-700], whole[:100] + bytes(200) + whole[300:]]
        for change in changes:
            place.write_bytes(change)
            self.assertEqual(self.found("lr > 0"), expected, (seed, len(change)))
        place.unlink()
        place.mkdir()
        self.assertEqual(self.found("lr > 0"), expected)
        place.rmdir()
        place.symlink_to(self.root / "victim")
        (self.root / "victim").write_text("mine")
        self.assertEqual(self.found("lr > 0"), expected)
        self.assertEqual((self.root / "victim").read_text(), "mine")
        place.unlink(missing_ok=True)
        with sqlite3.connect(place) as other:
            other.executescript("CREATE TABLE item (id); CREATE TRIGGER t AFTER INSERT ON item BEGIN DELETE FROM item; END;")
        other.close()
        self.assertEqual(self.found("lr > 0"), expected)
        for _ in range(20):
            place.write_bytes(whole)
            with open(place, "r+b") as file:
                file.seek(chance.randrange(100))
                file.write(bytes([chance.randrange(256)]))
            self.assertEqual(self.found("lr > 0"), expected, seed)

    def test_many_ask_at_once(self) -> None:
        expected = self.found("lr > 0")
        (self.work / CATALOGUE).unlink()
        with concurrent.futures.ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(lambda _: self.run_raw("find", "lr > 0"), range(16)))
        self.assertEqual({(done.returncode, done.stdout.count(b"\n"), done.stderr) for done in answers}, {(0, len(expected), b"")})

    def test_a_bare_store_answers_and_has_no_catalogue(self) -> None:
        self.mlrepo("init", "--quiet", "--bare", "../store", cwd=self.work)
        other = self.root / "other"
        self.mlrepo("init", "--quiet", "--store", "../store", "../other")
        (other / "x").write_text("x")
        self.mlrepo("add", "--quiet", "x", cwd=other)
        self.mlrepo("commit", "--quiet", "-m", "One", "--metric", "f1=1", cwd=other)
        self.assertEqual(self.found("f1 = 1", cwd=self.root / "store"), ["One"])
        self.assertEqual(list((self.root / "store").rglob("catalogue*")), [])

    def test_names_and_values_of_every_kind(self) -> None:
        self.write("params.json", json.dumps({"a b": 1, "q'uote": "it's", "nan": "nan", "big": 12345678901234567890, "list": [1, 2]}))
        self.mlrepo("run", "--quiet", "-m", "Odd", "--params", "params.json", "true")
        for question in ("\"a b\" = 1", "'a b' = 1", "big > 1e19", "\"q'uote\" = \"it's\"", "list ~ 1", "nan = nan or nan != nan"):
            with self.subTest(question):
                self.assertEqual(self.found(question), ["Odd"])

    def test_what_is_no_question_is_refused(self) -> None:
        for question, says in [("f1 >", "a value is missing behind '>'"), ("(f1", "a parenthesis has no end"), ("'f1", "a quote has no end"),
                               ("f1 > 1 2", "'2' is not expected"), ("and", "a name is missing"), ("not " * 200 + "f1", "nested too deep"),
                               (" or ".join(["f1"] * 501), "more than 500 comparisons")]:
            with self.subTest(question[:40]):
                self.refused("find", question, status=64, says=says)
        self.refused("find", "date > 2026-13-45", status=64, says="'2026-13-45' is no time")
        self.refused("find", "0.9 < f1", status=64, says="a name is missing")
        self.mlrepo("find", "alpah < 1 or f1 > 7")
        self.assertEqual(self.stderr, "note: nothing here has 'alpah'\n")
        self.mlrepo("runs", "alpah < 1 or f1 > 7")
        self.assertEqual(self.stderr, "note: nothing here has 'alpah'\n")
        self.refused("find", "f1\x1b[31m ] >", status=64, says="the question")
        self.assertNotIn("\x1b", self.stderr)
        shutil.rmtree(self.work / ".mlrepo")
        self.refused("find", "f1", status=66, says="")

    def test_a_run_in_progress_is_found(self) -> None:
        process = subprocess.Popen([MLREPO, "run", "--quiet", "sh", "-c", "read x"], stdin=subprocess.PIPE, cwd=self.work,
                                   env=self.environment)
        try:
            for _ in range(200):
                if self.found("state = running") == ["running"]:
                    break
            else:
                self.fail("it was not found")
        finally:
            process.stdin.close()
            process.wait()
        self.assertEqual(self.found("state = running"), [])
