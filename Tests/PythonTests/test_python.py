"""The Python package: real processes that let themselves be watched, by the real program.

MLREPO names the binary, as for all tests of the command line.
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "CommandTests"))
from command_test import MLREPO  # noqa: E402
from test_run import PYTHON, RunTest  # noqa: E402

PACKAGE = HERE.parent.parent / "Sources/mlrepo-python"


class PythonTest(RunTest):
    """A working copy with three tracked files, and the package."""

    def setUp(self) -> None:
        super().setUp()
        # Where packages lie that are installed: they are none of the code of a run.
        packages = self.root / "lib/python3/site-packages"
        packages.mkdir(parents=True)
        shutil.copytree(PACKAGE / "mlrepo", packages / "mlrepo", ignore=shutil.ignore_patterns("__pycache__"))
        self.environment |= {
            "MLREPO_PROGRAM": MLREPO, "PYTHONPATH": str(packages), "PYTHONDONTWRITEBYTECODE": "1"}

    def start_python(self, text: str, **options) -> subprocess.Popen:
        self.script("train.py", text)
        return subprocess.Popen(
            [PYTHON, "train.py"], cwd=self.work, env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, **options)

    def python(self, text: str, status: int = 0, before: tuple[str, ...] = (), name: str = "train.py", cwd=None) -> str:
        """What a program prints that lies in the working copy."""
        self.script(name, text)
        done = subprocess.run(
            [*before, PYTHON, str(self.work / name) if cwd else name], cwd=cwd or self.work, env=self.environment,
            capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, status, (done.stdout, done.stderr))
        self.stderr = done.stderr
        return done.stdout

    def recorded(self, text: str) -> dict:
        """The answer of a program that prints it last."""
        return json.loads(self.python(text).splitlines()[-1])

    def all_runs(self) -> list[dict]:
        return [json.loads(line) for line in self.mlrepo("runs", "--json").splitlines()]


class Joined(PythonTest):
    TEXT = """
        import mlrepo
        with mlrepo.run("Not told", params={"lr": 0.1, "optim": {"name": "adam"}}) as run:
            open("data/a.txt").read()
            open("model.bin", "w").write("m")
            run.log({"f1": 0.5, "val": {"loss": 2.0, "rows": 3}})
            mlrepo.log({"f1": 0.9, "val": {"loss": 1.5}, "note": "good", "is_best": True})
            run.params({"optim": {"beta": 0.9}, "seed": 1})
        assert run.result is None, run.result
        print(run.name)
        """

    def test_a_block_inside_a_run_is_that_run(self) -> None:
        self.script("train.py", self.TEXT)
        run = self.observed(PYTHON, "train.py", "--seed", "7")
        self.assertEqual(len(self.all_runs()), 1)
        self.assertEqual(self.inputs(run["name"]), ["data/a.txt"])
        self.assertEqual(list(self.outputs(run["name"])), ["model.bin"])
        self.assertEqual(run["metrics"], {"f1": 0.9, "is_best": True, "note": "good", "val": {"loss": 1.5, "rows": 3}})
        # What the command line says wins.
        self.assertEqual(run["parameters"], {"lr": 0.1, "optim": {"beta": 0.9, "name": "adam"}, "seed": 7})
        self.assertEqual(run["gaps"], [])
        self.assertEqual(list((self.work / ".mlrepo/runs").iterdir()), [])

    def test_what_is_logged_wins_over_files(self) -> None:
        self.write("params.json", '{"lr": 1, "optim": {"name": "sgd", "steps": 5}}')
        self.script("train.py", """
            import json, mlrepo
            json.load(open("params.json"))
            open("metrics.json", "w").write('{"f1": 0.1, "val.loss": 3, "kept": 1}')
            mlrepo.params({"optim": {"name": "adam"}})
            mlrepo.log({"f1": 0.2, "val": {"loss": 2}})
            """)
        run = self.observed(PYTHON, "train.py")
        self.assertEqual(run["parameters"], {"lr": 1, "optim": {"name": "adam", "steps": 5}})
        self.assertEqual(run["metrics"], {"f1": 0.2, "kept": 1, "val": {"loss": 2}})

    def test_every_command_that_executes_has_its_own_log(self) -> None:
        self.script("inner.py", "import mlrepo; mlrepo.log({'inner': 1}); open('inner.txt', 'w').write('i')")
        self.script("train.py", f"""
            import mlrepo, os, subprocess
            subprocess.run([os.environ["MLREPO_PROGRAM"], "run", "-q", {PYTHON!r}, "inner.py"], check=True)
            mlrepo.log({{"outer": len(open("data/a.txt").read())}})
            open("model.bin", "w").write("m")
            """)
        self.mlrepo("run", "--quiet", PYTHON, "train.py")
        self.assertEqual(sorted(json.dumps(run["metrics"]) for run in self.all_runs()), ['{"inner": 1}', '{"outer": 6}'])
        self.mlrepo("add", "model.bin")
        self.write("data/a.txt", "longer row a\n")
        self.mlrepo("rerun", "--yes", "--quiet", "model.bin")
        self.assertIn({"outer": 13}, [run["metrics"] for run in self.all_runs()])

    def test_lines_that_are_none_are_passed_over(self) -> None:
        self.script("train.py", """
            import os
            with open(os.environ["MLREPO_RUN_LOG"], "ab") as file:
                file.write(b'{"metrics":{"a":1}}\\n\\xff\\n[1]\\n{"other":{}}\\n{"metrics":3}\\n' + b"[" * 1000 + b"\\n")
                file.write(b'{"metrics":{"b":NaN},"parameters":{"c":2}}\\n{"metrics":{"d":')
            """)
        done = self.run_raw("run", "--json", PYTHON, "train.py")
        run = json.loads(done.stdout)["run"]
        self.assertIn(b"warning: 6 lines that the run logged cannot be read", done.stderr)
        self.assertEqual((run["metrics"], run["parameters"]), ({"a": 1, "b": "nan"}, {"c": 2}))
        self.assertEqual(run["outputs"]["files"], 0)


class Attached(PythonTest):
    def test_exactly_what_is_read_inside_the_block_is_an_input(self) -> None:
        self.write("helper.py", "value = 1\n")
        run = self.recorded("""
            import json, mlrepo, helper
            open("data/c.txt").read()
            with mlrepo.run("Model", params={"lr": 0.1}) as run:
                text = open("data/a.txt").read()
                open("model.bin", "w").write(text)
                run.log({"f1": 0.9})
            open("data/b.txt").read()
            open("late.txt", "w").write("late")
            print(json.dumps(run.result))
            """)
        name = run["run"]["name"]
        self.assertEqual(self.inputs(name), ["data/a.txt"])
        self.assertEqual(list(self.outputs(name)), ["model.bin"])
        self.assertEqual((run["run"]["observedBy"], run["run"]["gaps"], run["run"]["external"]), ("seccomp", [], []))
        self.assertEqual(run["run"]["sources"], ["helper.py", "train.py"])
        self.assertEqual((run["run"]["metrics"], run["run"]["parameters"]), ({"f1": 0.9}, {"lr": 0.1}))
        self.assertEqual(run["commit"], json.loads(self.mlrepo("show", "--json"))["commit"])
        blamed = json.loads(self.mlrepo("blame", "--json", "model.bin"))
        self.assertEqual([part["path"] for part in blamed["inputs"]], ["data/a.txt"])
        record = self.record(name)
        self.assertEqual(record["command"][-1], "train.py")
        self.assertGreater(record["usage"]["maximumResidentBytes"], 1 << 20)
        self.assertEqual(list((self.work / ".mlrepo/runs").iterdir()), [])
        self.verify()

    def test_files_read_by_the_c_library_threads_and_other_programs(self) -> None:
        run = self.recorded("""
            import ctypes, json, mmap, mlrepo, subprocess, threading
            libc = ctypes.CDLL(None)
            with mlrepo.run() as run:
                descriptor = libc.open(b"data/a.txt", 0)
                memory = mmap.mmap(descriptor, 0, prot=mmap.PROT_READ)
                assert memory[:] == b"row a\\n"
                threads = [threading.Thread(target=lambda: open("data/b.txt").read()) for _ in range(8)]
                for thread in threads: thread.start()
                for thread in threads: thread.join()
                assert subprocess.run(["cat", "data/c.txt"], capture_output=True, check=True).stdout == b"row c\\n"
            print(json.dumps(run.result["run"]))
            """)
        self.assertEqual(self.inputs(run["name"]), ["data/a.txt", "data/b.txt", "data/c.txt"])
        self.assertEqual(run["gaps"], [])

    def test_threads_that_are_there_before(self) -> None:
        run = self.recorded("""
            import json, mlrepo, threading
            begin, stop = threading.Event(), threading.Event()
            def work():
                begin.wait()
                open("data/b.txt").read()
                stop.wait()
            thread = threading.Thread(target=work)
            thread.start()
            with mlrepo.run() as run:
                begin.set()
                open("data/a.txt").read()
                stop.set()
                thread.join()
            print(json.dumps(run.result["run"]))
            """)
        self.assertEqual(self.inputs(run["name"]), ["data/a.txt", "data/b.txt"])

    def test_threads_that_load_libraries_while_the_filter_comes(self) -> None:
        """They hold the interpreter's lock while they wait for an answer: who hands over the listener must not need it."""
        run = self.recorded("""
            import ctypes, json, mlrepo, sys, threading
            # Calls the C library without giving up the lock, as the loading of a library does.
            library, stop = ctypes.PyDLL(None), threading.Event()
            sys.setswitchinterval(1e-6)
            def load():
                while not stop.is_set(): library.close(library.open(b"/etc/passwd", 0))
            threads = [threading.Thread(target=load) for _ in range(4)]
            for thread in threads: thread.start()
            with mlrepo.run() as run:
                open("data/a.txt").read()
            stop.set()
            print(json.dumps(run.result["run"]))
            """)
        self.assertEqual(self.inputs(run["name"]), ["data/a.txt"])

    def test_workers_of_all_kinds(self) -> None:
        for kind, read in [("fork", "a"), ("spawn", "b"), ("forkserver", "c")]:
            run = self.recorded(f"""
                import json, mlrepo, multiprocessing
                def read(path):
                    mlrepo.log({{"worker": 1}})
                    return len(open(path).read())
                if __name__ == "__main__":
                    with mlrepo.run() as run:
                        with multiprocessing.get_context("{kind}").Pool(2) as pool:
                            assert pool.map(read, ["data/{read}.txt"]) == [6]
                    print(json.dumps(run.result["run"]))
                """)
            self.assertEqual(self.inputs(run["name"]), [f"data/{read}.txt"], kind)
            self.assertEqual(run["metrics"], {"worker": 1}, kind)

    def test_a_child_that_leaves_the_block_ends_nothing(self) -> None:
        run = self.recorded("""
            import json, mlrepo, os
            with mlrepo.run() as run:
                child = os.fork()
                if child == 0:
                    run.__exit__(None, None, None)
                    os._exit(0)
                os.waitpid(child, 0)
                open("data/b.txt").read()
            print(json.dumps(run.result["run"]))
            """)
        self.assertEqual(self.inputs(run["name"]), ["data/b.txt"])

    def test_several_blocks_in_one_process(self) -> None:
        printed = self.python("""
            import mlrepo, warnings
            warnings.simplefilter("error")
            for name in "abc":
                with mlrepo.run(f"Model {name}", params={"name": name}) as run:
                    open(f"model-{name}.bin", "w").write(open(f"data/{name}.txt").read())
                open("data/b.txt").read()
                print(run.name)
            """)
        names = printed.split()
        self.assertEqual([self.inputs(name) for name in names], [["data/a.txt"], ["data/b.txt"], ["data/c.txt"]])
        self.assertEqual([list(self.outputs(name)) for name in names], [[f"model-{name}.bin"] for name in "abc"])
        self.assertEqual(len(self.mlrepo("log", "--json").splitlines()), 4)

    def test_other_commands_can_change_the_working_copy_between_blocks(self) -> None:
        self.python("""
            import mlrepo, os, subprocess
            with mlrepo.run("Model"):
                open("model.bin", "w").write("m")
            open("data/a.txt", "a").write("more")
            subprocess.run([os.environ["MLREPO_PROGRAM"], "commit", "-q", "-m", "More"], check=True, timeout=20)
            """)

    def test_a_block_inside_a_block_is_the_outer_one(self) -> None:
        printed = self.python("""
            import mlrepo
            with mlrepo.run() as outer:
                with mlrepo.run("Not told") as inner:
                    inner.log({"f1": 1})
                open("data/a.txt").read()
                assert inner.name == outer.name
            print(outer.result["run"]["metrics"])
            """)
        self.assertEqual(printed, "{'f1': 1}\n")
        self.assertEqual(len(self.all_runs()), 1)

    def test_files_that_are_open_or_mapped_before(self) -> None:
        run = self.recorded("""
            import json, mlrepo, mmap
            file = open("data/a.txt")
            with open("data/b.txt", "rb") as other:
                memory = mmap.mmap(other.fileno(), 0, prot=mmap.PROT_READ)
            with mlrepo.run() as run:
                file.read(), memory[:]
            print(json.dumps(run.result["run"]))
            """)
        self.assertEqual(self.inputs(run["name"]), ["data/a.txt", "data/b.txt"])

    def test_where_the_process_has_gone(self) -> None:
        run = self.recorded("""
            import json, mlrepo, os
            os.chdir("data")
            with mlrepo.run(inputs="c.txt") as run:
                open("a.txt").read()
                os.chdir("..")
                open("data/b.txt").read()
            print(json.dumps(run.result["run"]))
            """)
        self.assertEqual(self.inputs(run["name"]), ["data/a.txt", "data/b.txt", "data/c.txt"])
        self.assertEqual(self.record(run["name"])["directory"], "data")

    def test_only_what_is_declared(self) -> None:
        printed = self.python("""
            import mlrepo, warnings
            warnings.simplefilter("error")
            with mlrepo.run(observe="declared", inputs=["data/a.txt"], outputs=["model.bin"]) as run:
                open("data/b.txt").read()
                open("model.bin", "w").write("m")
            status = open("/proc/self/status").read()
            print(run.name, run.result["run"]["observedBy"], "Seccomp_filters:\\t0" in status)
            """)
        name, way, has_none = printed.split()
        self.assertEqual((self.inputs(name), list(self.outputs(name))), (["data/a.txt"], ["model.bin"]))
        self.assertEqual((way, has_none), ("declared", "True"))

    def test_a_notebook_of_one_interpreter(self) -> None:
        """Cell after cell is said to an interpreter that has no program."""
        done = subprocess.run(
            [PYTHON, "-i", "-q"], cwd=self.work, env=self.environment, capture_output=True, text=True, timeout=60,
            input="import mlrepo\nrun = mlrepo.run()\nwith run:\n  n = open('data/a.txt').read()\n\nprint(run.result['run']['inputs']['files'])\n")
        self.assertEqual(done.stdout, "1\n", done.stderr)


class Endings(PythonTest):
    def test_an_exception_is_recorded_and_goes_on(self) -> None:
        printed = self.python("""
            import mlrepo
            try:
                with mlrepo.run("Model") as run:
                    open("data/a.txt").read()
                    raise ValueError("no such thing")
            except ValueError as error:
                print(error)
            assert "commit" not in run.result
            """)
        self.assertEqual(printed, "no such thing\n")
        run = self.last()
        record = self.record(run["run"])
        self.assertEqual((run["state"], record["exitStatus"]), ("failed", 1))
        text = self.mlrepo("cat", record["standardError"])
        self.assertIn("train.py\", line 6, in <module>", text)
        self.assertIn("ValueError: no such thing", text)
        self.assertEqual(len(self.mlrepo("log", "--json").splitlines()), 1)

    def test_ctrl_c_and_exits(self) -> None:
        self.python("""
            import mlrepo
            def end(error):
                try:
                    with mlrepo.run(): raise error
                except BaseException as caught:
                    assert caught is error
            for error in [KeyboardInterrupt(), SystemExit(3), SystemExit(), SystemExit("bad")]: end(error)
            """)
        self.assertEqual([(run["state"], self.record(run["run"])["exitStatus"]) for run in self.all_runs()],
                         [("interrupted", 1), ("failed", 3), ("ok", 0), ("failed", 1)])

    def test_who_is_killed_inside_a_block_is_recorded(self) -> None:
        for number in [signal.SIGKILL, signal.SIGTERM]:
            with self.start_python("""
                import mlrepo, os, time
                with mlrepo.run() as run:
                    open("data/a.txt").read()
                    open("checkpoint.bin", "w").write("c")
                    run.log({"step": 7})
                    if os.fork() == 0:
                        time.sleep(3)
                        os._exit(0)
                    print("here", flush=True)
                    time.sleep(60)
                """) as process:
                self.assertEqual(process.stdout.readline(), "here\n")
                process.send_signal(number)
                process.wait()
                self.until(lambda: "running" not in [run["state"] for run in self.all_runs()])
            run = self.last()
            self.assertIn(run["state"], ["failed", "interrupted"])
            # Before Linux 6.15 nobody tells how it ended.
            self.assertIn(self.record(run["run"])["signal"], [9, number])
            self.assertEqual(self.inputs(run["run"]), ["data/a.txt"])
            self.assertEqual(run["metrics"], {"step": 7})
            self.assertEqual(list(self.outputs(run["run"])), ["checkpoint.bin"])
            (self.work / "checkpoint.bin").unlink()
            self.until(lambda: not self.servers())

    def servers(self) -> list[int]:
        """Processes that observe for this test, known by where they stand."""
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            try:
                words = (place / "cmdline").read_bytes().split(b"\0")
                if words[1:2] == [b"observe"] and Path(os.readlink(place / "cwd")) == self.work:
                    found.append(int(place.name))
            except OSError:
                continue
        # The caretaker is one of its own, and stays as long.
        return found

    def test_who_loses_the_server_goes_on(self) -> None:
        with self.start_python("""
            import mlrepo, subprocess, sys, warnings
            from mlrepo import _server
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always", UserWarning)
                with mlrepo.run() as run:
                    open("data/a.txt").read()
                    print(_server.current.process, flush=True)
                    sys.stdin.readline()
                    assert open("data/b.txt").read() == "row b\\n"
                    assert subprocess.run(["cat", "data/c.txt"], capture_output=True).stdout == b"row c\\n"
                    run.log({"f1": 1})
                assert run.result is None
                with mlrepo.run(inputs=["data/a.txt"]) as second:
                    open("data/b.txt").read()
            print(len(told), second.result["run"]["observedBy"], second.result["run"]["inputs"]["files"], *[one.message for one in told])
            """) as process:
            server = int(process.stdout.readline())
            os.kill(server, signal.SIGKILL)
            printed, failed = process.communicate("go on\n", timeout=30)
        self.assertEqual(process.returncode, 0, failed)
        self.assertEqual(printed.split()[:3], ["2", "declared", "1"])
        self.assertIn("is not recorded", printed)
        self.assertEqual([run["state"] for run in self.all_runs()], ["interrupted", "ok"])

    def test_nothing_is_left_running(self) -> None:
        self.python("""
            import mlrepo
            with mlrepo.run(): pass
            """)
        self.until(lambda: not self.servers())

    def test_who_waits_for_the_output_is_not_kept_waiting(self) -> None:
        start = time.monotonic()
        self.python("""
            import mlrepo
            with mlrepo.run(): pass
            """)
        self.assertLess(time.monotonic() - start, 10)


class Refused(PythonTest):
    def test_a_block_outside_of_a_repository(self) -> None:
        elsewhere = self.root / "elsewhere"
        elsewhere.mkdir()
        printed = self.python("""
            import mlrepo
            try:
                with mlrepo.run(): print("never")
            except mlrepo.Error as error:
                print(error.status, error.hint, error.message)
            # Nothing was installed.
            print("Seccomp_filters:\\t0" in open("/proc/self/status").read())
            """, cwd=elsewhere)
        self.assertRegex(printed, r"^66 mlrepo init .*\nTrue\n$")

    def test_a_program_that_is_not_there(self) -> None:
        del self.environment["MLREPO_PROGRAM"]
        self.environment["PATH"] = "/usr/bin:/bin"
        text = """
            import mlrepo
            try:
                with mlrepo.run(): print("never")
            except mlrepo.Error as error:
                print(error.status, error)
            """
        printed = self.python(text)
        self.assertIn("127 the program mlrepo is not on PATH", printed)
        self.assertIn("MLREPO_PROGRAM", printed)
        self.environment["MLREPO_PROGRAM"] = "/nowhere/mlrepo"
        self.assertIn("MLREPO_PROGRAM is '/nowhere/mlrepo', which is no program", self.python(text))

    def test_what_the_system_refuses(self) -> None:
        """A process that has a listener already gets no second one: only what is declared counts, and that is told."""
        printed = self.python("""
            import mlrepo, os, subprocess, sys
            with mlrepo.run(): pass
            code = '''if True:
                import mlrepo
                with mlrepo.run(inputs=["data/a.txt"]) as run: open("data/b.txt").read()
                print(run.result["run"]["observedBy"], run.result["run"]["inputs"]["files"])
                '''
            print(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True))
            """)
        self.assertIn("declared 1", printed)
        self.assertIn("this process cannot be watched", printed)

    def test_values_that_are_none(self) -> None:
        printed = self.python("""
            import mlrepo, warnings
            for bad in [dict(observe="strace"), dict(params=[1])]:
                try: mlrepo.run(**bad)
                except (TypeError, ValueError) as error: print(type(error).__name__)
            try:
                with mlrepo.run("  "): print("never")
            except mlrepo.Error as error: print(error.status)
            try:
                with mlrepo.run(inputs=["none.txt"]): print("never")
            except mlrepo.Error as error: print(error.status)
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                mlrepo.log({"f1": 1})
            print(told[0].message)
            with mlrepo.run() as run: pass
            try: run.log({"f1": 1})
            except RuntimeError as error: print(error)
            """)
        self.assertEqual(printed.splitlines(), [
            "ValueError", "TypeError", "64", "66",
            "no run is going on: what is logged is not kept (mlrepo run, or with mlrepo.run())", "the run has ended"])


class Questions(PythonTest):
    def test_files_of_any_version(self) -> None:
        self.write("data/a.txt", "row ä, changed\n")
        (self.work / "data/raw.bin").write_bytes(bytes(range(256)) * 1000)
        self.mlrepo("commit", "--quiet", "-m", "Changed")
        printed = self.python("""
            import mlrepo
            with mlrepo.open("HEAD~1:data/a.txt", "r") as file: print(repr(file.read()))
            with mlrepo.open("HEAD:data/a.txt", "r") as file: print(repr(file.readline()))
            with mlrepo.open("HEAD:data/raw.bin") as file:
                file.seek(255)
                print(file.read(2), file.seek(0, 2), file.writable())
            for name in ["HEAD:none", "nothing:data/a.txt"]:
                try: mlrepo.open(name)
                except mlrepo.Error as error: print(error.status, error.message)
            try: mlrepo.open("HEAD:data/a.txt", "w")
            except ValueError: print("not written")
            """)
        lines = printed.splitlines()
        self.assertEqual(lines[:3], ["'row a\\n'", "'row ä, changed\\n'", "b'\\xff\\x00' 256000 False"])
        self.assertRegex(lines[3], "^66 no file 'none' in ")
        self.assertRegex(lines[4], "^66 ")
        self.assertEqual(lines[5], "not written")

    def test_answers_are_those_of_the_command_line(self) -> None:
        self.python("""
            import mlrepo
            with mlrepo.run("Model", params={"lr": 1}) as run:
                open("model.bin", "w").write(open("data/a.txt").read())
                run.log({"f1": 0.9})
            """)
        printed = self.python("""
            import json, mlrepo
            print(json.dumps([mlrepo.blame("model.bin"), mlrepo.show("HEAD"), mlrepo.impact("data/a.txt"), mlrepo.runs(), mlrepo.runs("f1 > 0.95")]))
            """, name="ask.py")
        blame, show, impact, runs, none = json.loads(printed)
        self.assertEqual(blame, json.loads(self.mlrepo("blame", "--json", "model.bin")))
        self.assertEqual(show, json.loads(self.mlrepo("show", "--json", "HEAD")))
        self.assertEqual(impact, json.loads(self.mlrepo("impact", "--json", "data/a.txt")))
        self.assertEqual(runs, self.all_runs())
        self.assertEqual(none, [])


class Metrics(PythonTest):
    def test_scalars_that_are_told_by_item(self) -> None:
        run = self.recorded("""
            import json, mlrepo, enum, pathlib
            class Scalar:
                def __init__(self, value): self.value = value
                def item(self): return self.value
            class Array:
                size = 2
                def item(self): raise ValueError("more than one")
                def tolist(self): return [Scalar(1.5), 2]
            class Kind(enum.IntEnum): first = 1
            with mlrepo.run() as run:
                run.log({"a": Scalar(0.25), "b": {"c": Scalar(3), 1: True}, "array": Array(), "kind": Kind.first,
                         "path": pathlib.Path("x/y"), "none": None, "nan": float("nan"), "big": 2**60, "lone": "\\udcff"})
            print(json.dumps(run.result["run"]["metrics"]))
            """)
        self.assertEqual(run, {"a": 0.25, "b": {"1": True, "c": 3}, "array": [1.5, 2], "kind": 1, "path": "x/y",
                               "none": None, "nan": "nan", "big": str(2 ** 60), "lone": "?"})

    def test_many_processes_log_whole_lines(self) -> None:
        run = self.recorded("""
            import json, mlrepo, os
            with mlrepo.run() as run:
                for worker in range(4):
                    if os.fork() == 0:
                        for step in range(200): mlrepo.log({f"worker{worker}": {"step": step, "text": "x" * 5000}})
                        os._exit(0)
                for worker in range(4): os.wait()
            print(json.dumps({name: value["step"] for name, value in run.result["run"]["metrics"].items()}))
            """)
        self.assertEqual(run, {f"worker{worker}": 199 for worker in range(4)})


del RunTest
