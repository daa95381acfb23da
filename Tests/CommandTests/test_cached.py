"""Runs that were executed before: what they wrote is taken, if somebody asks for it, and only if all is as it was."""
import json
import os
import shutil
import subprocess
import sys
import time

from command_test import MLREPO
from test_run import PYTHON, RunTest


class Cached(RunTest):
    def setUp(self) -> None:
        super().setUp()
        self.outside = self.root / "outside.txt"
        self.outside.write_text("noise")
        self.script("train.py", f"""
            import json, os, sys
            import helper
            print("to stdout")
            print("to stderr", file=sys.stderr)
            os.makedirs("model", exist_ok=True)
            open("model/w.bin", "w").write(open("data/a.txt").read() + open({str(self.outside)!r}).read() + "".join(sys.argv[1:]))
            json.dump({{"f1": 0.5}}, open("metrics.json", "w"))
            """)
        self.write("helper.py", "x = 1\n")

    def run_raw(self, *arguments, cwd=None):
        """Nothing comes through standard input: a pipe could bring anything."""
        return subprocess.run([MLREPO, *arguments], cwd=cwd or self.work, env=self.environment, capture_output=True,
                              stdin=subprocess.DEVNULL, timeout=120)

    def train(self, *words: str, options: tuple[str, ...] = ()) -> dict:
        """The answer of a run that would rather not be executed."""
        return json.loads(self.mlrepo("run", "--json", "--cached", *options, PYTHON, "train.py", *words))

    def is_cached(self, *words: str, options: tuple[str, ...] = ()) -> bool:
        return "cached" in self.train(*words, options=options)

    def runs(self) -> int:
        return len(self.mlrepo("runs").splitlines())

    def test_nothing_is_executed_and_all_comes_back_with_what_was_printed(self) -> None:
        first = self.train()
        (expected, count) = (self.tree(self.work), self.runs())
        shutil.rmtree(self.work / "model")
        (self.work / "metrics.json").unlink()
        self.assertEqual(self.mlrepo("run", "--cached", PYTHON, "train.py"), "to stdout\n")
        self.assertIn("to stderr\nnot executed: run " + first["run"]["name"][:8], self.stderr)
        self.assertIn("2 files written as it wrote them", self.stderr)
        self.assertEqual((self.tree(self.work), self.runs()), (expected, count))
        self.assertEqual(self.train()["cached"]["files"], 0)

    def test_without_being_asked_for_everything_is_executed(self) -> None:
        self.train()
        self.assertIn("run", json.loads(self.mlrepo("run", "--json", PYTHON, "train.py")))
        self.assertEqual(self.runs(), 2)

    def test_whatever_it_depends_on_has_to_be_as_it_was(self) -> None:
        def data() -> None: self.write("data/a.txt", "other rows\n")
        def code() -> None: self.write("helper.py", "x = 2\n")
        def outside() -> None: self.outside.write_text("other")
        def variable() -> None: self.environment["PYTHONHASHSEED"] = "7"
        for change in (data, code, outside, variable):
            with self.subTest(change.__name__):
                self.train()
                self.assertTrue(self.is_cached())
                change()
                self.assertFalse(self.is_cached())
                self.assertIn("note: executed, since run", self.stderr)
        # What it does not read, and other files that it wrote, make no difference.
        self.write("data/b.txt", "other rows\n")
        self.assertTrue(self.is_cached())
        self.assertFalse(self.is_cached("--lr", "1"))
        self.assertTrue(self.is_cached("--lr", "1"))
        self.assertFalse(self.is_cached("--lr", "1", options=("--params", self.write_params("seed: 1\n"))))
        self.assertIn("seed was not given", self.stderr)
        self.assertTrue(self.is_cached("--lr", "1", options=("--params", "p.yaml")))
        self.assertFalse(self.is_cached("--lr", "1", options=("--params", self.write_params("seed: 2\n"))))

    def write_params(self, text: str) -> str:
        self.write("p.yaml", text)
        return "p.yaml"

    def test_a_result_of_long_ago_is_found_again(self) -> None:
        names = []
        for text in ("one\n", "two\n", "three\n"):
            self.write("data/a.txt", text)
            names.append(self.train()["run"]["name"])
        self.write("data/a.txt", "one\n")
        self.assertEqual(self.train()["cached"]["run"], names[0])
        self.assertTrue((self.work / "model/w.bin").read_text().startswith("one"))

    def test_what_is_in_the_way_and_nowhere_else_stays(self) -> None:
        self.train()
        self.write("model/w.bin", "mine")
        (self.work / "metrics.json").unlink()
        self.refused("run", "--cached", PYTHON, "train.py", status=125, says="model/w.bin would be lost")
        self.assertEqual((self.work / "model/w.bin").read_text(), "mine")
        self.assertFalse((self.work / "metrics.json").exists())
        shutil.rmtree(self.work / "model")
        (self.root / "elsewhere").mkdir()
        (self.work / "model").symlink_to(self.root / "elsewhere")
        self.refused("run", "--cached", PYTHON, "train.py", status=125, says="model")
        self.assertEqual(os.listdir(self.root / "elsewhere"), [])

    def test_failed_declared_and_half_seen_runs_do_not_count(self) -> None:
        self.run_raw("run", "sh", "-c", "exit 3")
        done = self.run_raw("run", "--cached", "--quiet", "sh", "-c", "exit 3")
        self.assertEqual(done.returncode, 3)
        self.mlrepo("run", "--observe", "declared", "--input", "data/a.txt", "sh", "-c", "cat data/a.txt")
        self.mlrepo("run", "--cached", "sh", "-c", "cat data/a.txt")
        self.assertNotIn("not executed", self.stderr)
        remove = ("sh", "-c", "cat data/a.txt; rm -f data/b.txt")
        self.mlrepo("run", *remove)
        self.mlrepo("run", "--cached", *remove)
        self.assertNotIn("not executed", self.stderr)

    def test_code_that_came_since_and_what_it_imports_is_executed(self) -> None:
        self.train()
        # Another second than that in which it ended.
        time.sleep(1.1)
        self.write("local.yaml", "x: 1\n")
        self.assertFalse(self.is_cached())
        self.assertIn("local.yaml is new", self.stderr)

    def test_what_was_written_into_depends_on_what_it_was(self) -> None:
        self.mlrepo("run", "--quiet", "sh", "-c", "echo B >>data/b.txt")
        self.mlrepo("run", "--cached", "sh", "-c", "echo B >>data/b.txt")
        self.assertEqual((self.work / "data/b.txt").read_text(), "row b\nB\nB\n")

    def test_a_pipe_may_bring_anything(self) -> None:
        for text in (b"A", b"B"):
            done = subprocess.run([MLREPO, "run", "--cached", "sh", "-c", "cat >out.txt"], cwd=self.work, env=self.environment,
                                  input=text, capture_output=True, timeout=60)
            self.assertEqual(done.returncode, 0)
            self.assertEqual((self.work / "out.txt").read_bytes(), text)

    def test_a_library_that_the_code_loads_is_code(self) -> None:
        self.write("ops.so", "one")
        self.mlrepo("run", "--quiet", "sh", "-c", "cat ops.so >out.txt")
        self.write("ops.so", "two")
        self.mlrepo("run", "--cached", "sh", "-c", "cat ops.so >out.txt")
        self.assertEqual((self.work / "out.txt").read_text(), "two")

    def test_secrets_that_it_read_are_not_known_again(self) -> None:
        self.write(".env", "LR=1")
        self.mlrepo("run", "sh", "-c", "cat .env >/dev/null; echo x >out.txt")
        self.assertIn("note: it read files that are not recorded", self.stderr)
        self.mlrepo("run", "--cached", "sh", "-c", "cat .env >/dev/null; echo x >out.txt")
        self.assertNotIn("not executed", self.stderr)

    def test_what_only_a_dropped_run_had_is_not_overwritten(self) -> None:
        self.mlrepo("run", "--quiet", "sh", "-c", "echo precious >keep.txt")
        name = self.last()["run"]
        self.mlrepo("run", "--quiet", "sh", "-c", "cat data/a.txt >/dev/null; echo made >keep.txt")
        self.write("keep.txt", "precious\n")
        self.mlrepo("runs", "--drop", name)
        self.refused("run", "--cached", "sh", "-c", "cat data/a.txt >/dev/null; echo made >keep.txt", status=125,
                     says="keep.txt would be lost")

    def test_one_that_was_killed_goes_on(self) -> None:
        self.mlrepo("run", "--quiet", "sh", "-c", "for i in 1 2 3 4; do head -c 300000 /dev/zero >out$i.bin; done")
        words = ["run", "--cached", "sh", "-c", "for i in 1 2 3 4; do head -c 300000 /dev/zero >out$i.bin; done"]
        for number in (1, 2, 3):
            os.truncate(self.work / f"out{number}.bin", number * 1000)
        os.unlink(self.work / "out4.bin")
        self.mlrepo(*words)
        self.assertIn("not executed", self.stderr)
        self.assertEqual([os.path.getsize(self.work / f"out{number}.bin") for number in (1, 2, 3, 4)], [300000] * 4)

    def test_what_is_declared_is_not_taken(self) -> None:
        self.refused("run", "--cached", "--input", "data/a.txt", "true", status=125, says="--cached is for runs that are watched")

    def test_a_version_may_be_made_of_it(self) -> None:
        self.train()
        shutil.rmtree(self.work / "model")
        answer = self.train(options=("-m", "Taken"))
        self.assertEqual((answer["cached"]["files"], answer["branch"]), (1, "main"))
        self.assertIn("f1=0.5", self.mlrepo("blame", "model/w.bin"))
        self.assertTrue(json.loads(self.mlrepo("status", "--json"))["clean"])

    def test_what_was_typed_into_an_interpreter_is_never_repeated(self) -> None:
        done = subprocess.run([MLREPO, "run", "--quiet", PYTHON, "-q"], cwd=self.work, env=self.environment, timeout=60,
                              input=b"open('out.txt', 'w').write(open('data/a.txt').read())\n", capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.refused("reproduce", "--yes", f"run:{self.last()['run']}", status=64, says="it was done by hand")
        self.write("data/a.txt", "other\n")
        [run] = json.loads(self.mlrepo("rerun", "--dry-run", "--json"))["runs"]
        self.assertEqual((run["stale"], run["obstacle"]), (True, "it was done by hand, in a notebook or an interpreter"))
        self.refused("rerun", "--yes", status=1, says="1 run that is stale cannot be executed here")

    def test_a_sweep_that_is_begun_again_executes_what_is_missing(self) -> None:
        words = ("run", "--quiet", "--cached", "--scratch", "../scratch", "--param")
        for rate in "12":
            self.mlrepo(*words, f"lr={rate}", "--", PYTHON, "train.py", "--lr", "{lr}")
        self.assertEqual(self.runs(), 2)
        for rate in "123":
            self.mlrepo(*words, f"lr={rate}", "--", PYTHON, "train.py", "--lr", "{lr}")
        self.assertEqual((self.runs(), os.listdir(self.root / "scratch")), (3, []))
        self.assertFalse((self.work / "model").exists())

    def test_what_was_collected_is_executed(self) -> None:
        name = self.train()["run"]["name"]
        self.mlrepo("runs", "--drop", name)
        self.assertFalse(self.is_cached())

    def test_packages_have_to_be_those_that_were_there(self) -> None:
        environment = self.root / "environment"
        packages = environment / "lib" / f"python{'.'.join(map(str, sys.version_info[:2]))}" / "site-packages"
        os.makedirs(environment / "bin")
        os.makedirs(packages / "tool-1.0.dist-info")
        (packages / "tool.py").write_text("version = 1\n")
        (environment / "bin/python").symlink_to(os.path.realpath(PYTHON))
        (environment / "pyvenv.cfg").write_text(f"home = {os.path.dirname(os.path.realpath(PYTHON))}\n")
        program = str(environment / "bin/python")
        self.script("use.py", "import tool; open('out.txt', 'w').write(str(tool.version))")
        self.mlrepo("run", "--quiet", program, "use.py")
        self.mlrepo("run", "--cached", program, "use.py")
        self.assertIn("not executed", self.stderr)
        os.rename(packages / "tool-1.0.dist-info", packages / "tool-2.0.dist-info")
        self.mlrepo("run", "--cached", program, "use.py")
        self.assertIn("tool==1.0 is not installed", self.stderr)
