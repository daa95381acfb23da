"""Runs: what is found out about a command by watching it, and what becomes of commands that end badly."""
import concurrent.futures
import contextlib
import hashlib
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

from command_test import MLREPO, READER, CommandTest

PYTHON = sys.executable
DIRECTORY = "4"  # the mode of a directory's entry


class RunTest(CommandTest):
    """A working copy with three tracked files."""

    def setUp(self) -> None:
        super().setUp()
        self.known: list[str] = []
        del self.environment["MLREPO_NOW"]
        self.mlrepo("init", "--quiet")
        for name in "abc":
            self.write(f"data/{name}.txt", f"row {name}\n")
        self.mlrepo("add", "--quiet", "data")
        self.mlrepo("commit", "--quiet", "-m", "Data")

    def write(self, path: str, text: str) -> None:
        place = self.work / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    def script(self, name: str, text: str) -> None:
        self.write(name, textwrap.dedent(text))

    def observed(self, *words: str, status: int = 0) -> dict:
        """The answer of a run for programs."""
        return json.loads(self.mlrepo("run", "--json", *words, status=status))["run"]

    def record(self, name: str) -> dict:
        """All of a recorded run, whether a version was made of it or not."""
        shown = json.loads(self.mlrepo("show", "--json", f"run:{name}"))
        return shown["runs"][0] if "runs" in shown else shown

    def inputs(self, name: str) -> list[str]:
        return self.files(self.record(name)["inputs"])

    def files(self, root: str) -> list[str]:
        """The paths below a tree of the store, as the independent reader finds them."""
        listed = subprocess.run(
            [sys.executable, str(READER), "directory", str(self.work / ".mlrepo"), root.removeprefix("sha256:")],
            capture_output=True, text=True, timeout=120)
        self.assertEqual(listed.returncode, 0, listed.stderr)
        lines = [line.split(" ", 3) for line in listed.stdout.splitlines()]
        return [json.loads(line[3]) for line in lines if line[0] != DIRECTORY]

    def outputs(self, name: str) -> dict[str, str]:
        for line in self.mlrepo("runs", "--json").splitlines():
            run = json.loads(line)
            if run["run"] == name:
                return {file["path"]: file["id"] for file in run["outputs"]}
        return self.fail(f"no run {name}")

    def state(self, name: str) -> str:
        return {run["run"]: run["state"] for run in map(json.loads, self.mlrepo("runs", "--json").splitlines())}[name]

    def last(self) -> dict:
        """The run that came since this was asked before, or the same one where none came."""
        runs = {run["run"]: run for run in map(json.loads, self.mlrepo("runs", "--json").splitlines())}
        new = [name for name in runs if name not in self.known]
        self.assertLessEqual(len(new), 1)
        self.known += new
        return runs[self.known[-1]]

    def last_of(self, number: int) -> list[str]:
        """The states of all runs, of which there are so many."""
        states = sorted(json.loads(line)["state"] for line in self.mlrepo("runs", "--json").splitlines())
        self.assertEqual(len(states), number)
        return states

    def until(self, condition, seconds: float = 20) -> None:
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, "it takes too long")
            time.sleep(0.02)


def heed_interrupts() -> None:
    """In a process that is about to start: who started the tests may have told them to ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def digest(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


class Observed(RunTest):
    def test_exactly_what_is_read_is_an_input(self) -> None:
        self.script("train.py", f"""
            import os, subprocess, threading
            open("data/a.txt").read()
            threading.Thread(target=lambda: open(os.path.abspath("data/b.txt")).read()).start()
            try: open("data/none.txt")
            except OSError: pass
            os.makedirs("model")
            open("model/part", "w").write("weights")
            os.replace("model/part", "model/weights.bin")
            subprocess.run(["{PYTHON}", "-c", "open('model/log.txt', 'w').write('x')"], check=True)
            """)
        run = self.observed(PYTHON, "train.py")
        self.assertEqual(self.inputs(run["name"]), ["data/a.txt", "data/b.txt"])
        self.assertEqual(self.outputs(run["name"]), {
            "model/log.txt": digest("x"), "model/weights.bin": digest("weights")})
        self.assertEqual(run["sources"], ["train.py"])
        self.assertEqual((run["observedBy"], run["external"], run["gaps"]), ("seccomp", [], []))

    def test_another_directory_and_descriptors_of_directories(self) -> None:
        self.script("train.py", """
            import os
            os.chdir("data")
            open("a.txt").read()
            top = os.open("..", os.O_RDONLY)
            os.open("data/b.txt", os.O_RDONLY, dir_fd=top)
            os.chdir("/")
            os.open("data/c.txt", os.O_RDONLY, dir_fd=top)
            """)
        run = self.observed(PYTHON, "train.py")
        self.assertEqual(self.inputs(run["name"]), ["data/a.txt", "data/b.txt", "data/c.txt"])

    def test_a_static_program(self) -> None:
        compiler = shutil.which("clang") or shutil.which("cc")
        self.write("read.c", '#include <fcntl.h>\n#include <unistd.h>\nint main(void) { char b[9]; return read(open("data/b.txt", O_RDONLY), b, 9) < 0; }\n')
        made = subprocess.run([compiler or "cc", "-static", "-o", "read", "read.c"], cwd=self.work, capture_output=True)
        if made.returncode != 0:
            self.skipTest("no static programs can be made here")
        run = self.observed("./read")
        self.assertEqual(self.inputs(run["name"]), ["data/b.txt"])
        self.assertEqual(run["sources"], ["read"])

    def test_what_it_wrote_itself_is_no_input(self) -> None:
        self.script("train.py", """
            open("made.txt", "w").write("made")
            open("made.txt").read()
            open("data/a.txt", "w").write("anew")
            open("data/a.txt").read()
            """)
        run = self.observed(PYTHON, "train.py")
        self.assertEqual(self.inputs(run["name"]), [])
        self.assertEqual(self.outputs(run["name"]), {"made.txt": digest("made"), "data/a.txt": digest("anew")})

    def test_a_file_that_is_read_and_then_written_anew_is_known(self) -> None:
        self.script("train.py", """
            text = open("data/a.txt").read()
            open("data/a.txt", "w").write(text + "more")
            """)
        run = self.observed("-m", "Further", PYTHON, "train.py")
        self.assertEqual(self.inputs(run["name"]), ["data/a.txt"])
        self.assertEqual(run["uncertain"], [])
        blame = json.loads(self.mlrepo("blame", "--json", "data/a.txt"))
        self.assertEqual([(item["path"], item["id"]) for item in blame["inputs"]], [("data/a.txt", digest("row a\n"))])

    def test_what_is_read_is_kept_before_it_is_changed(self) -> None:
        # None of these is as a version has it, and each is changed in its own way.
        for name in "abcd":
            self.write(f"data/{name}.txt", f"by hand {name}\n")
        self.script("train.py", """
            import os
            for name in "abc": open(f"data/{name}.txt").read()
            open("data/a.txt", "w").write("anew")
            os.remove("data/b.txt")
            open("data/new", "w").write("over")
            os.replace("data/new", "data/c.txt")
            with open("data/d.txt", "r+") as file: file.read(); file.write("more")
            """)
        run = self.observed(PYTHON, "train.py")
        self.assertEqual((run["uncertain"], self.inputs(run["name"])), ([], [f"data/{name}.txt" for name in "abcd"]))
        for name in "abcd":
            self.assertEqual(self.mlrepo("cat", digest(f"by hand {name}\n")), f"by hand {name}\n")
        self.assertEqual(os.listdir(self.work / ".mlrepo/runs"), [])

    def test_what_others_change_meanwhile_is_not_known(self) -> None:
        self.write("data/a.txt", "by hand\n")
        self.script("train.py", """
            import pathlib, time
            open("data/a.txt").read()
            pathlib.Path("up.txt").write_text("up")
            while not pathlib.Path("go.txt").exists(): time.sleep(0.02)
            """)
        process = subprocess.Popen([MLREPO, "run", "--quiet", PYTHON, "train.py"], cwd=self.work, env=self.environment)
        self.until((self.work / "up.txt").exists)
        self.write("data/a.txt", "by others\n")
        self.write("go.txt", "go")
        self.assertEqual(process.wait(timeout=60), 0)
        self.assertEqual(self.record(self.last()["run"])["uncertain"], ["data/a.txt"])

    def test_a_changed_file_is_kept_as_it_was_read(self) -> None:
        self.write("data/a.txt", "by hand\n")
        run = self.observed("cat", "data/a.txt")
        self.assertEqual(self.inputs(run["name"]), ["data/a.txt"])
        self.assertEqual(self.mlrepo("cat", digest("by hand\n")), "by hand\n")

    def test_inputs_that_are_deleted(self) -> None:
        self.script("train.py", """
            import os
            open("data/a.txt").read()
            os.remove("data/a.txt")
            """)
        run = self.observed("-m", "Without", PYTHON, "train.py")
        self.assertEqual((self.inputs(run["name"]), run["removed"]), (["data/a.txt"], ["data/a.txt"]))
        self.assertNotIn("data/a.txt", self.mlrepo("ls"))
        self.assertIn("clean", self.mlrepo("status", "--json"))
        self.assertTrue(json.loads(self.mlrepo("status", "--json"))["clean"])

    def test_signals_of_timers_do_no_harm(self) -> None:
        self.script("train.py", """
            import os, signal
            count = 0
            def tick(*_):
                global count
                count += 1
            signal.signal(signal.SIGALRM, tick)
            signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
            for number in range(20_000): os.close(os.open("data/a.txt", os.O_RDONLY))
            signal.setitimer(signal.ITIMER_REAL, 0)
            print(count > 50)
            """)
        shown = self.run_raw("run", "--quiet", PYTHON, "train.py")
        self.assertEqual((shown.returncode, shown.stdout), (0, b"True\n"), shown.stderr)

    def test_standard_input_and_output_are_files(self) -> None:
        with open(self.work / "data/c.txt") as given, open(self.work / "out.txt", "w") as taken:
            done = subprocess.run([MLREPO, "run", "--quiet", "cat"], cwd=self.work, env=self.environment, stdin=given, stdout=taken)
        self.assertEqual(done.returncode, 0)
        run = self.last()
        self.assertEqual(self.inputs(run["run"]), ["data/c.txt"])
        self.assertEqual(self.outputs(run["run"]), {"out.txt": digest("row c\n")})

    def test_a_directory_that_gets_its_name_at_the_end(self) -> None:
        self.script("train.py", """
            import os
            os.makedirs("tmp-1/deep")
            open("tmp-1/deep/w.bin", "w").write("w")
            os.rename("tmp-1", "checkpoint-1")
            """)
        run = self.observed(PYTHON, "train.py")
        self.assertEqual(self.outputs(run["name"]), {"checkpoint-1/deep/w.bin": digest("w")})

    def test_links_to_data_lead_to_it(self) -> None:
        os.symlink("data", self.work / "latest")
        run = self.observed("cat", "latest/b.txt")
        self.assertEqual(self.inputs(run["name"]), ["data/b.txt"])

    def test_ignored_and_inner_files_are_no_outputs(self) -> None:
        self.write(".mlrepoignore", "*.log\n")
        run = self.observed("sh", "-c", "echo x >a.log; echo x >.mlrepo/note; mkdir -p .git && echo x >.git/y; echo x >b.txt")
        self.assertEqual(list(self.outputs(run["name"])), ["b.txt"])
        self.mlrepo("fsck")

    def test_names_with_newlines_and_bytes(self) -> None:
        name = b"data/new\nline\xff.bin"
        with open(os.path.join(os.fsencode(self.work), name), "w") as file:
            file.write("x")
        self.mlrepo("commit", "--quiet", "-m", "More")
        done = self.run_raw("run", "--json", "cat", name)
        self.assertEqual(done.returncode, 0, done.stderr)
        run = json.loads(done.stdout)["run"]
        self.assertEqual(run["inputs"]["files"], 1)
        words = self.record(run["name"])["command"]
        self.assertEqual(words, ["cat", {"bytes": "ZGF0YS9uZXcKbGluZf8uYmlu"}])
        self.assertNotIn("\nline", self.mlrepo("runs").replace("\\n", ""))

    def test_another_root_is_told(self) -> None:
        if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0:
            self.skipTest("nobody gets mounts of their own here")
        run = self.observed("unshare", "-m", "cat", "data/a.txt")
        self.assertEqual((run["gaps"], self.inputs(run["name"])), (["otherRoot"], []))

    def as_nobody(self, *words) -> dict:
        """The answer of a run that a user without rights does in the working copy."""
        if os.geteuid() != 0 or shutil.which("setpriv") is None:
            self.skipTest("this needs root to become somebody else")
        self.root.chmod(0o755)
        subprocess.run(["chown", "-R", "65534", self.work], check=True)
        binary = self.root / "mlrepo"
        shutil.copy(MLREPO, binary)
        done = subprocess.run(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", binary, "run", "--json", *words],
            cwd=self.work, env=self.environment, capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)["run"]

    def test_a_user_without_rights(self) -> None:
        run = self.as_nobody("cat", "data/a.txt")
        self.assertEqual((run["observedBy"], run["inputs"]["files"], run["gaps"]), ("seccomp", 1, []))

    def test_rights_of_others_are_told(self) -> None:
        privileged = self.root / "privileged"
        shutil.copy("/bin/true", privileged)
        privileged.chmod(0o4755)
        self.assertEqual(self.as_nobody(privileged)["gaps"], ["privileges"])


class Elsewhere(RunTest):
    """Data that lies outside of the working copy."""

    def test_a_copy_is_the_file_that_it_is_a_copy_of(self) -> None:
        (self.root / "scratch").mkdir()
        shutil.copy(self.work / "data/b.txt", self.root / "scratch/node7.txt")
        run = self.observed("cat", str(self.root / "scratch/node7.txt"))
        self.assertEqual((self.inputs(run["name"]), run["external"]), (["data/b.txt"], []))

    def test_other_data_is_known_by_its_digest(self) -> None:
        place = self.root / "extra\n\\.txt"
        place.write_text("extra")
        self.mlrepo("run", "cat", str(place))
        self.assertIn("warning: it read data from outside", self.stderr)
        record = self.record(self.last()["run"])
        self.assertEqual((record["external"]["files"], record["external"]["bytes"]), (1, 5))
        listed = self.run_raw("cat", record["external"]["list"]).stdout
        checked = subprocess.run(["sha256sum", "--check", "--strict"], input=listed, capture_output=True)
        self.assertEqual(checked.returncode, 0, (listed, checked.stderr))

    def test_a_file_of_the_hub_has_the_hubs_name(self) -> None:
        hub = self.root / ".cache/huggingface/hub/models--acme--base-model"
        (hub / "blobs").mkdir(parents=True)
        (hub / "blobs/77").write_text("weights")
        (hub / "snapshots/4f2e").mkdir(parents=True)
        os.symlink("../../blobs/77", hub / "snapshots/4f2e/model.safetensors")
        run = self.observed("cat", str(hub / "snapshots/4f2e/model.safetensors"))
        self.assertEqual(run["external"], [{
            "name": "hf:acme/base-model@4f2e/model.safetensors", "id": digest("weights"), "size": 7}])

    def test_what_is_not_tracked_is_told(self) -> None:
        (self.work / "big.bin").write_bytes(bytes(2 << 20))
        self.mlrepo("run", "cat", "big.bin")
        self.assertIn("warning: it read what is not tracked: big.bin", self.stderr)

    def test_settings_and_secrets_are_not_recorded(self) -> None:
        self.write(".env", "TOKEN=abcdef")
        (self.root / ".config").mkdir()
        (self.root / ".config/tool.ini").write_text("x")
        self.environment |= {"AWS_SECRET_ACCESS_KEY": "hunter2", "OMP_NUM_THREADS": "3"}
        run = self.observed("cat", ".env", str(self.root / ".config/tool.ini"), "data/a.txt")
        self.assertEqual((run["external"], run["sources"], self.inputs(run["name"])), ([], [], ["data/a.txt"]))
        record = self.record(run["name"])
        self.assertEqual(record["environment"]["variable.OMP_NUM_THREADS"], "3")
        self.assertNotIn("hunter2", json.dumps(record))


class Found(RunTest):
    """What somebody found who tried to break it."""

    def test_a_file_that_gets_its_name_at_the_end(self) -> None:
        self.script("train.py", """
            import os
            file = os.open(".", os.O_TMPFILE | os.O_WRONLY, 0o644)
            os.write(file, b"weights")
            os.link(f"/proc/self/fd/{file}", "model.bin", dst_dir_fd=os.open(".", os.O_RDONLY), follow_symlinks=True)
            """)
        self.assertEqual(self.outputs(self.observed(PYTHON, "train.py")["name"]), {"model.bin": digest("weights")})

    def test_writing_through_a_link_to_nothing(self) -> None:
        os.symlink("ckpt-5.bin", self.work / "latest.bin")
        run = self.observed("sh", "-c", "echo model >latest.bin")
        self.assertEqual(self.outputs(run["name"]), {"ckpt-5.bin": digest("model\n")})

    def test_directories_that_are_renamed(self) -> None:
        run = self.observed("sh", "-c", "mv data d2; cat d2/a.txt; mv d2 data")
        self.assertEqual((self.outputs(run["name"]), run["removed"]), ({}, []))
        run = self.observed("sh", "-c", "mkdir stage; mv data stage/data; cat stage/data/b.txt")
        self.assertEqual(list(self.outputs(run["name"])), ["stage/data/a.txt", "stage/data/b.txt", "stage/data/c.txt"])

    def test_another_root_without_a_new_program(self) -> None:
        if os.geteuid() != 0:
            self.skipTest("this needs root")
        jail = self.root / "jail"
        (jail / str(self.work).lstrip("/") / "data").mkdir(parents=True)
        (jail / str(self.work).lstrip("/") / "data/b.txt").write_text("other")
        self.script("train.py", f"""
            import os
            open("data/a.txt").read()
            os.chroot("{jail}")
            open("{self.work}/data/b.txt").read()
            """)
        run = self.observed(PYTHON, "train.py")
        self.assertEqual((self.inputs(run["name"]), run["gaps"]), (["data/a.txt"], ["otherRoot"]))

    def test_shared_memory_is_a_disk(self) -> None:
        place = f"/dev/shm/mlrepo-test-{os.getpid()}"
        shutil.copy(self.work / "data/c.txt", place)
        self.addCleanup(os.unlink, place)
        self.assertEqual(self.inputs(self.observed("cat", place)["name"]), ["data/c.txt"])

    def test_names_through_the_process_itself(self) -> None:
        run = self.observed("cat", "/proc/self/cwd/data/a.txt")
        self.assertEqual(self.inputs(run["name"]), ["data/a.txt"])

    def test_parameters_that_were_changed_are_not_told(self) -> None:
        self.write("params.yaml", "lr: 1\n")
        run = self.observed("sh", "-c", "cat params.yaml; echo lr: 99 >params.yaml")
        self.assertEqual((run["parameters"], run["uncertain"], run["sources"]), ({}, [], []))
        # What was read is kept, though nobody tracks it.
        self.assertEqual(self.inputs(run["name"]), ["params.yaml"])
        self.assertNotIn("warning: what it read was changed", self.stderr)

    def test_data_from_outside_that_is_gone_is_told(self) -> None:
        (self.root / "extra").write_text("x")
        run = self.observed("sh", "-c", f"cat {self.root}/extra; rm {self.root}/extra")
        self.assertEqual((run["external"], run["gaps"]), ([], ["lostExternal"]))

    def test_failed_exclusive_opens_are_nothing(self) -> None:
        self.script("train.py", """
            import os
            try: os.open("data/a.txt", os.O_CREAT | os.O_EXCL | os.O_RDWR)
            except FileExistsError: pass
            """)
        self.assertEqual(self.inputs(self.observed(PYTHON, "train.py")["name"]), [])

    def test_what_may_hold_secrets_is_not_kept(self) -> None:
        names = ["prod.env", ".envrc", "aws.ini", "credentials.yaml", ".secrets.toml", "service-account.json", "hf_token", "token.json",
                 "api_key.json", "my_password.yaml", "x.pem.yaml", "notes.txt", "env"]
        for name in names:
            self.write(name, "secret\n")
        self.write("tokenizer.json", "{}")
        run = self.observed("sh", "-c", f"cat {' '.join(names)} tokenizer.json; cp .envrc .env2")
        self.assertEqual((run["sources"], [file["name"] for file in run["external"]]), (["tokenizer.json"], ["notes.txt"]))
        self.assertEqual(self.outputs(run["name"]), {})
        self.mlrepo("cat", digest("secret\n"), status=66)

    def test_secrets_that_are_passed_over_are_told_and_tracked_ones_are_data(self) -> None:
        self.write("data/password_strength.csv", "1\n")
        self.mlrepo("commit", "--quiet", "-m", "More")
        self.write(".env", "x\n")
        run = self.observed("sh", "-c", "cat data/password_strength.csv .env; echo 2 >data/password_strength.csv")
        self.assertEqual(self.inputs(run["name"]), ["data/password_strength.csv"])
        self.assertEqual(list(self.outputs(run["name"])), ["data/password_strength.csv"])
        self.mlrepo("run", "cat", ".env")
        self.assertIn("passed over, since their names tell of secrets: .env", self.stderr)

    def test_what_is_read_and_renamed_back_and_forth_is_kept_once(self) -> None:
        self.write("data/a.txt", "by hand\n")
        run = self.observed("sh", "-c", "cat data/a.txt; mv data/a.txt x; mv x data/a.txt; echo anew >data/a.txt")
        self.assertEqual(self.inputs(run["name"]), ["data/a.txt"])
        self.assertEqual(os.listdir(self.work / ".mlrepo/runs"), [])

    def test_who_ignores_the_end_of_children(self) -> None:
        for ignored in ("SIGCHLD", "SIGURG"):
            script = f"import os, signal; signal.signal(signal.{ignored}, signal.SIG_IGN); os.execv('{MLREPO}', ['mlrepo', 'run', '-q', 'sh', '-c', 'sleep 8 >/dev/null 2>&1 & exit 3'])"
            done = subprocess.run([PYTHON, "-c", script], cwd=self.work, env=self.environment, timeout=60)
            self.assertEqual(done.returncode, 3)

    def test_a_daemon_with_its_own_output_is_not_waited_for(self) -> None:
        start = time.monotonic()
        done = self.run_raw("run", "--quiet", "sh", "-c", "sleep 20 >/dev/null 2>&1 </dev/null & echo started")
        self.assertEqual(done.stdout, b"started\n")
        self.assertLess(time.monotonic() - start, 15)

    def test_what_is_left_and_goes_on_printing(self) -> None:
        process = subprocess.Popen([MLREPO, "run", "--quiet", "sh", "-c", "timeout 60 yes & exit 4"], cwd=self.work, env=self.environment,
                                   stdout=subprocess.DEVNULL)
        self.assertEqual(process.wait(timeout=40), 4)

    def test_a_loop_ends_at_an_interrupt(self) -> None:
        process = subprocess.Popen(
            ["bash", "-c", f"for i in 1 2 3; do {MLREPO} run -q sh -c 'echo up >up.txt; exec sleep 5'; echo next; done"],
            cwd=self.work, env=self.environment, stdout=subprocess.PIPE, start_new_session=True, preexec_fn=heed_interrupts)
        self.until((self.work / "up.txt").exists)
        time.sleep(0.2)
        os.killpg(process.pid, signal.SIGINT)
        out, _ = process.communicate(timeout=20)
        self.assertEqual(out, b"")

    def test_output_that_cannot_be_shown(self) -> None:
        with open("/dev/full", "w") as full:
            done = subprocess.run([MLREPO, "run", "-q", "sh", "-c", "echo hi"], cwd=self.work, env=self.environment, stdout=full,
                                  stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 125)
        self.assertIn(b"could not be shown", done.stderr)

    def test_a_record_that_is_too_large_tells_how_it_ended(self) -> None:
        self.script("train.py", """
            import json
            json.dump({f"metric-{number}": number for number in range(100_000)}, open("metrics.json", "w"))
            raise SystemExit(5)
            """)
        self.mlrepo("run", PYTHON, "train.py", status=125)
        self.assertIn("ended with status 5", self.stderr)
        record = self.record(self.last()["run"])
        self.assertEqual((record["exitStatus"], record["gaps"]), (5, ["unrecorded"]))

    def test_many_files_from_outside(self) -> None:
        place = self.root / ("long-" * 30)
        place.mkdir()
        for number in range(20_000):
            (place / f"{number}").write_text(str(number))
        self.script("train.py", f"import os\nfor name in os.listdir('{place}'): open('{place}/' + name).read()\n")
        self.mlrepo("run", PYTHON, "train.py")
        record = self.record(self.last()["run"])
        self.assertEqual(record["external"]["files"], 20_000)
        self.assertEqual(self.mlrepo("cat", record["external"]["list"]).count("\n"), 20_000)

    def test_a_file_that_others_change_between_two_reads(self) -> None:
        process = subprocess.Popen(
            [MLREPO, "run", "-q", "sh", "-c", "cat data/a.txt; touch up.txt; while [ ! -e go.txt ]; do sleep 0.02; done; cat data/a.txt"],
            cwd=self.work, env=self.environment, stdout=subprocess.DEVNULL)
        self.until((self.work / "up.txt").exists)
        self.write("data/a.txt", "by others\n")
        self.write("go.txt", "")
        process.wait(timeout=60)
        self.assertEqual(self.record(self.last()["run"])["uncertain"], ["data/a.txt"])

    def test_a_misspelt_output(self) -> None:
        run = self.observed("--output", "modle", "sh", "-c", "echo 1 >model")
        self.assertIn("it wrote no modle", self.stderr)
        self.assertEqual(list(self.outputs(run["name"])), ["model"])
        self.refused("run", "--input", "nowhere", "true", status=125, says="nowhere")

    def test_metrics_of_another_run(self) -> None:
        self.write("metrics.json", '{"old": 1}')
        self.assertEqual(self.observed("--metrics", "metrics.json", "true")["metrics"], {})
        self.assertIn("was not written by the run", self.stderr)
        self.assertEqual(self.observed("--observe", "declared", "true")["metrics"], {})

    def test_removals_of_a_run_are_in_a_later_version_of_it(self) -> None:
        run = self.observed("sh", "-c", "rm data/a.txt; echo 1 >model.bin")["name"]
        self.mlrepo("commit", "--run", run, "-m", "Without")
        self.assertIn("note: the run had removed data/a.txt, and so this version has it no more", self.stderr)
        self.assertNotIn("data/a.txt", self.mlrepo("ls"))
        self.assertTrue(json.loads(self.mlrepo("status", "--json"))["clean"])

    def test_ctrl_c_while_a_run_is_recorded_is_answered(self) -> None:
        process = subprocess.Popen([MLREPO, "run", "--json", "sh", "-c", "truncate -s 900M big; echo . >done"], cwd=self.work,
                                   env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        while not (self.work / "done").exists():
            time.sleep(0.01)
        for _ in range(1_000):
            # The shell may be there still: then it is what is interrupted.
            if "sh" not in self.children(process.pid):
                break
            time.sleep(0.01)
        reading = Path(f"/proc/{process.pid}/fd")
        while not any(os.path.basename(os.readlink(file)) == "big" for file in reading.iterdir() if file.is_symlink()):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        told, words = process.communicate(timeout=300)
        self.assertIn("is being recorded", words)
        self.assertEqual((process.returncode, json.loads(told)["run"]["exitStatus"]), (0, 0))

    def children(self, process: int) -> list[str]:
        names = []
        for child in Path(f"/proc/{process}/task/{process}/children").read_text().split():
            with contextlib.suppress(FileNotFoundError):
                names.append(Path(f"/proc/{child}/comm").read_text().strip())
        return names

    def test_a_version_of_a_run_that_failed_says_so(self) -> None:
        for command, words in [("exit 3", "had failed, with status 3"), ("kill -9 $$", "was ended by signal 9")]:
            self.run_raw("run", "--quiet", "sh", "-c", f"date +%N >half; {command}")
            name = json.loads(self.mlrepo("runs", "--json", "-n", "1"))["run"]
            self.mlrepo("commit", "--run", name, "-m", "Half")
            self.assertIn(f"note: the run {words}", self.stderr)

    def test_what_is_written_elsewhere_is_told(self) -> None:
        (self.root / "disk").mkdir()
        os.symlink(self.root / "disk", self.work / "ckpts")
        self.mlrepo("run", "sh", "-c", "echo 1 >ckpts/w.bin")
        self.assertIn("it wrote outside of the working copy", self.stderr)

    def test_a_model_that_the_run_fetches_into_the_hubs_cache(self) -> None:
        hub = f"{self.root}/.cache/huggingface/hub/models--acme--tiny"
        self.script("train.py", f"""
            import os
            os.makedirs("{hub}/blobs"); os.makedirs("{hub}/snapshots/4f2e")
            open("{hub}/blobs/77", "w").write("weights")
            os.symlink("../../blobs/77", "{hub}/snapshots/4f2e/model.bin")
            open("{hub}/snapshots/4f2e/model.bin").read()
            """)
        run = self.observed(PYTHON, "train.py")
        self.assertEqual([file["name"] for file in run["external"]], ["hf:acme/tiny@4f2e/model.bin"])

    def test_changed_inputs_are_told(self) -> None:
        self.write("data/a.txt", "by hand\n")
        self.mlrepo("run", "-m", "Model", "sh", "-c", "cat data/a.txt data/b.txt >model.bin")
        self.assertIn("it read changes that no version has, which are kept with the run: data/a.txt", self.stderr)

    def test_parameters_fill_as_they_were_typed(self) -> None:
        words = [word for pair in ("x=", "y=[1,2]", "z=null", 'q="a b"', "w=1e-3") for word in ("--param", pair)]
        self.assertEqual(self.mlrepo("run", "-q", *words, "--", "printf", "<%s>", "{x}", "{y}", "{z}", "{q}", "{w}"),
                         "<><[1,2]><null><a b><1e-3>")

    def test_words_that_are_no_program(self) -> None:
        self.mlrepo("run", "python3 train.py", status=127)
        self.assertIn("without quotes", self.stderr)
        self.mlrepo("run", "LR=3", "python3", status=127)
        self.assertIn("mlrepo run env LR=3", self.stderr)


class Ending(RunTest):
    """How commands end, and what is recorded then."""

    def test_the_status_is_the_commands(self) -> None:
        self.mlrepo("run", "sh", "-c", "echo partial >out.txt; exit 7", status=7)
        run = self.last()
        self.assertEqual((run["state"], [file["path"] for file in run["outputs"]]), ("failed", ["out.txt"]))
        self.mlrepo("run", "sh", "-c", "kill -SEGV $$", status=139)
        self.assertEqual(self.last()["state"], "failed")
        self.mlrepo("run", "sh", "-c", "kill -KILL $$", status=137)
        self.assertEqual(self.last()["state"], "failed")

    def test_what_cannot_be_executed_is_recorded(self) -> None:
        self.write("no-program", "x")
        self.mlrepo("run", "./no-program", status=126)
        self.assertIn("cannot be executed", self.stderr)
        self.mlrepo("run", "there-is-no-such-program", status=127)
        self.assertEqual([run["state"] for run in map(json.loads, self.mlrepo("runs", "--json").splitlines())],
                         ["failed", "failed"])

    def test_a_failure_of_our_own(self) -> None:
        self.refused("run", status=125, says="name the command")
        self.refused("run", "--param", "lr=1", "true", status=125, says="the command has no {lr}")
        self.refused("run", "--observe", "magic", "true", status=125, says="seccomp, preload, strace or declared")
        outside = self.root / "outside"
        outside.mkdir()
        self.mlrepo("run", "true", status=125, cwd=outside)

    def test_no_version_is_made_of_a_failure(self) -> None:
        before = self.mlrepo("resolve", "HEAD")
        self.mlrepo("run", "-m", "Never", "sh", "-c", "echo x >out.txt; exit 3", status=3)
        self.assertIn("no version is made", self.stderr)
        self.assertEqual(self.mlrepo("resolve", "HEAD"), before)

    def start(self, *words: str, **options) -> subprocess.Popen:
        process = subprocess.Popen(
            [MLREPO, "run", *words], cwd=self.work, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True, preexec_fn=heed_interrupts, **options)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(lambda: process.poll() is None and os.killpg(process.pid, signal.SIGKILL))
        return process

    def test_directories_that_get_other_names_do_so_with_all_that_is_in_them(self) -> None:
        run = self.observed("sh", "-c", "mv data dd; mv dd data; cat data/b.txt >r.txt")
        self.assertEqual(self.inputs(run["name"]), ["data/a.txt", "data/b.txt", "data/c.txt"])
        self.assertEqual(run["outputs"]["roots"], ["r.txt"])
        run = self.observed("sh", "-c", "mkdir tmp; echo 1 >tmp/w.bin; mv tmp model; cat model/w.bin >/dev/null")
        self.assertEqual((self.inputs(run["name"]), run["outputs"]["roots"]), ([], ["model/w.bin"]))

    def test_a_directory_without_a_name_leads_on(self) -> None:
        run = self.observed("sh", "-c", "mkdir gone; cd gone; rmdir ../gone; cat ../data/b.txt >../out.txt")
        self.assertEqual((self.inputs(run["name"]), run["outputs"]["roots"], run["gaps"]), (["data/b.txt"], ["out.txt"], []))

    def test_what_is_cut_short_was_read_and_what_is_exchanged_is_both(self) -> None:
        run = self.observed(PYTHON, "-c", "import os; os.truncate('data/b.txt', 2)")
        self.assertEqual((self.inputs(run["name"]), run["outputs"]["roots"]), (["data/b.txt"], ["data/b.txt"]))
        run = self.observed(PYTHON, "-c", "import os; os.truncate('data/a.txt', 0)")
        self.assertEqual((self.inputs(run["name"]), run["outputs"]["roots"]), ([], ["data/a.txt"]))
        run = self.observed(PYTHON, "-c", "import ctypes, sys; libc = ctypes.CDLL(None); "
                            "sys.exit(libc.renameat2(-100, b'data/b.txt', -100, b'data/c.txt', 2))")
        self.assertEqual(self.inputs(run["name"]), ["data/b.txt", "data/c.txt"])
        self.assertEqual(run["outputs"]["roots"], ["data/b.txt", "data/c.txt"])

    def test_a_collection_meanwhile_takes_nothing_of_it(self) -> None:
        process = self.start("--save", "*.ckpt", "sh", "-c", "cat data/a.txt >1.ckpt; until test -e go.txt; do sleep 0.05; done; echo 1 >out.txt")
        self.until(lambda: self.saved("") == {"1.ckpt": 6})
        self.mlrepo("run", "--quiet", "true")
        self.mlrepo("gc", "--now")
        (self.work / "go.txt").touch()
        self.assertEqual((process.wait(), process.stderr.read().decode().count("error")), (0, 0))
        self.assertEqual(self.saved(""), {"1.ckpt": 6, "out.txt": 2})
        self.verify()

    def test_what_is_removed_at_once_is_saved_before(self) -> None:
        for way in ("seccomp", "preload"):
            with self.subTest(way):
                self.mlrepo("run", "--observe", way, "--save", "*.ckpt", "--save", "./step-*/", "--save", "*.none", "sh", "-c",
                            "for i in 1 2 3 4 5; do echo $i >$i.ckpt; rm $i.ckpt; done; mkdir step-1; echo w >step-1/w; rm -r step-1")
                told = self.stderr
                run = {"name": json.loads(self.mlrepo("runs", "--json").splitlines()[-1])["run"]}
                for number in "12345":
                    self.assertEqual(self.mlrepo("cat", f"run:{run['name']}:{number}.ckpt"), f"{number}\n")
                self.assertEqual(self.mlrepo("cat", f"run:{run['name']}:step-1/w"), "w\n")
                self.assertIn("note: nothing that it wrote is called like --save '*.none'", told)
        self.assertEqual(list((self.work / ".mlrepo/runs").iterdir()), [])
        self.refused("run", "--save", "!x", "true", status=125, says="--save takes the names of files")
        self.refused("run", "--save", "/elsewhere/*.pt", "true", status=125, says="/elsewhere")
        self.verify()

    def saved(self, name: str) -> dict:
        """What the record of a run in progress has."""
        return {file["path"]: file["size"] for line in self.mlrepo("runs", "--json").splitlines()
                for file in json.loads(line)["outputs"] if json.loads(line)["run"].startswith(name)}

    def test_checkpoints_are_stored_when_they_are_closed(self) -> None:
        process = self.start("--save", "*.ckpt", "--save", "checkpoint-*/", "sh", "-c", """
            echo one >a.ckpt; echo no >b.txt; mkdir tmp; echo w >tmp/w.bin; mv tmp checkpoint-1
            exec 3>open.ckpt; echo begun >&3; until test -e go.txt; do sleep 0.05; done
            rm -r a.ckpt checkpoint-1; echo end >&3; exec 3>&-; echo last >c.ckpt; until test -e on.txt; do sleep 0.05; done; exit 2
            """)
        self.until(lambda: len(self.saved("")) >= 2)
        time.sleep(1.2)
        self.assertEqual(self.saved(""), {"a.ckpt": 4, "checkpoint-1/w.bin": 2})
        name = json.loads(self.mlrepo("runs", "--json"))["run"]
        self.assertEqual(self.mlrepo("cat", f"run:{name}:a.ckpt"), "one\n")
        (self.work / "go.txt").touch()
        self.until(lambda: len(self.saved("")) == 4)
        self.assertEqual(self.saved("")["open.ckpt"], 10)
        (self.work / "on.txt").touch()
        self.assertEqual(process.wait(), 2)
        told = process.stderr.read().decode()
        self.assertIn("note: saved, and gone by now: a.ckpt, checkpoint-1/w.bin; mlrepo cat run:", told)
        self.assertEqual(self.saved(""), {"b.txt": 3, "c.ckpt": 5, "open.ckpt": 10})
        self.assertEqual(self.mlrepo("cat", f"run:{name}:checkpoint-1/w.bin"), "w\n")
        self.assertEqual(self.mlrepo("cat", f"run:{name}:open.ckpt"), "begun\nend\n")
        self.mlrepo("gc", "--now")
        self.assertEqual(self.mlrepo("cat", f"run:{name}:a.ckpt"), "one\n")
        self.verify()

    def test_what_was_saved_survives_everything(self) -> None:
        process = self.start("--scratch", "../scratch", "--save", "*.ckpt", "sh", "-c",
                             "cat data/a.txt >1.ckpt; sleep 60")
        self.until(lambda: self.saved("") == {"1.ckpt": 6})
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        (run,) = [json.loads(line) for line in self.mlrepo("runs", "--json").splitlines()]
        self.assertEqual((run["state"], run["outputs"][0]["path"]), ("interrupted", "1.ckpt"))
        shutil.rmtree(self.root / "scratch")
        self.mlrepo("run", "--quiet", "--resume", run["run"], "sh", "-c", "cat 1.ckpt >2.ckpt")
        self.assertEqual((self.work / "2.ckpt").read_text(), "row a\n"[:6])
        self.verify()

    def follow(self, *words: str) -> subprocess.Popen:
        process = subprocess.Popen([MLREPO, "runs", "--follow", *words], cwd=self.work, env=self.environment,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(lambda: (process.kill(), process.communicate()))
        return process

    def test_runs_are_told_of_as_they_begin_and_end(self) -> None:
        self.mlrepo("run", "--quiet", "true")
        process = self.start("sh", "-c", "echo up >up.txt; until test -e go.txt; do sleep 0.05; done; exit 3")
        self.until(lambda: (self.work / "up.txt").exists())
        (all_, failed) = (self.follow(), self.follow("state = failed", "--json"))
        first = all_.stdout.readline().split()
        self.assertEqual(first[2:3] + first[-1:], [b"running", b"3'"])
        (self.work / "go.txt").touch()
        second = all_.stdout.readline().split()
        self.assertEqual((second[0], second[2]), (first[0], b"failed"))
        self.assertEqual(json.loads(failed.stdout.readline())["state"], "failed")
        self.assertEqual(process.wait(), 3)
        self.mlrepo("run", "--quiet", "sh", "-c", "sleep 1")
        self.assertEqual([all_.stdout.readline().split()[2] for _ in range(2)], [b"running", b"ok"])
        unknown = self.follow("nosuch")
        self.assertEqual(unknown.stderr.readline(), b"note: nothing here has 'nosuch'\n")
        self.refused("runs", "--follow", "--sort", "f1", status=64, says="--follow tells of all runs in the order")

    def test_what_a_run_prints_can_be_followed(self) -> None:
        process = self.start("sh", "-c", "echo one; echo two >&2; until test -e go.txt; do sleep 0.05; done; echo three; exit 3")
        self.until(lambda: any(json.loads(line)["state"] == "running" for line in self.mlrepo("runs", "--json").splitlines()))
        name = json.loads(self.mlrepo("runs", "--json"))["run"]
        follower = self.follow(name[:8])
        self.assertEqual((follower.stdout.readline(), follower.stderr.readline()), (b"one\n", b"two\n"))
        (self.work / "go.txt").touch()
        self.assertEqual(process.wait(), 3)
        self.assertEqual(follower.communicate(timeout=20), (b"three\n", f"run {name[:8]}: failed\n".encode()))
        self.assertEqual(follower.returncode, 0)
        # One that has ended, too.
        self.assertEqual(self.mlrepo("runs", "--follow", f"run:{name}"), "one\nthree\n")
        self.refused("runs", "--follow", name, "--json", status=64, says="no JSON")
        self.refused("runs", "--follow", "abcdef", status=66, says="no run 'abcdef'")

    def test_a_signal_to_us_reaches_the_command(self) -> None:
        process = self.start("sh", "-c", "trap 'echo bye >out.txt; exit 5' TERM; echo up >up.txt; while :; do sleep 0.1; done")
        self.until((self.work / "up.txt").exists)
        os.kill(process.pid, signal.SIGTERM)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 5)
        run = self.last()
        self.assertIn("out.txt", self.outputs(run["run"]))
        self.assertEqual((run["state"], self.record(run["run"])["received"]), ("interrupted", signal.SIGTERM))

    def test_an_interrupt_ends_both_and_is_recorded(self) -> None:
        process = self.start("sh", "-c", "echo up >up.txt; exec sleep 60")
        self.until((self.work / "up.txt").exists)
        self.assertEqual(self.last()["state"], "running")
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, -signal.SIGINT)
        run = self.last()
        self.assertEqual((run["state"], self.record(run["run"])["signal"]), ("interrupted", 2))
        self.assertEqual([file["path"] for file in run["outputs"]], ["up.txt"])

    def test_when_we_are_killed_the_command_goes_on(self) -> None:
        self.script("train.py", """
            import pathlib, time
            pathlib.Path("up.txt").write_text("up")
            while not pathlib.Path("go.txt").exists(): time.sleep(0.02)
            for number in range(200): open("data/a.txt").read()
            print("still here", flush=True)
            pathlib.Path("done.txt").write_text("done")
            """)
        process = self.start(PYTHON, "train.py")
        self.until((self.work / "up.txt").exists)
        os.kill(process.pid, signal.SIGKILL)
        self.write("go.txt", "go")
        self.until((self.work / "done.txt").exists)
        self.assertEqual(process.stdout.read(), b"still here\n")
        self.assertEqual(self.last()["state"], "interrupted")
        self.mlrepo("fsck")

    def test_killed_while_files_are_opened(self) -> None:
        # A call that was taken and not answered must not hang.
        self.script("train.py", """
            import os, pathlib, time
            end = time.monotonic() + 3
            while time.monotonic() < end: os.close(os.open("data/a.txt", os.O_RDONLY))
            pathlib.Path(f"done-{os.environ['NUMBER']}.txt").write_text("done")
            """)
        for number in range(4):
            self.environment["NUMBER"] = str(number)
            process = self.start(PYTHON, "train.py")
            time.sleep(1 + number / 7)
            os.kill(process.pid, signal.SIGKILL)
            self.until((self.work / f"done-{number}.txt").exists)

    def test_killed_while_it_is_recorded(self) -> None:
        for number in range(1, 5):
            with self.subTest(number):
                done = subprocess.run(
                    [*self.under_strace("-e", "trace=linkat", "-e", f"inject=linkat:signal=KILL:when={number}"), MLREPO, "run", "--quiet",
                     "--observe", "declared", "--output", "out.txt", "sh", "-c", f"echo {number} >out.txt; echo told"],
                    cwd=self.work, env=self.environment, capture_output=True, timeout=60)
                self.assertEqual(done.returncode, -signal.SIGKILL)
                self.mlrepo("fsck")
                states = [json.loads(line)["state"] for line in self.mlrepo("runs", "--json").splitlines()]
                self.assertLessEqual(set(states), {"ok", "interrupted"})
        # A link of a pack and one of a log entry for each of two records; who is killed at one has not made it.
        self.assertEqual(states, ["interrupted", "interrupted"])
        self.mlrepo("run", "--quiet", "true")
        self.assertEqual(self.last_of(3), ["interrupted", "interrupted", "ok"])

    def test_processes_that_are_left_go_on(self) -> None:
        self.script("train.py", f"""
            import subprocess
            subprocess.Popen(["{PYTHON}", "left.py"], start_new_session=True)
            """)
        self.script("left.py", """
            import pathlib, time
            time.sleep(6)
            for number in range(100): open("data/a.txt").read()
            print("later", flush=True)
            pathlib.Path("left.txt").write_text("left")
            """)
        start = time.monotonic()
        process = self.start(PYTHON, "train.py")
        process.wait(timeout=60)
        self.assertLess(time.monotonic() - start, 5.5)
        self.assertIn(b"left processes running", process.stderr.read())
        self.assertEqual(self.record(self.last()["run"])["gaps"], ["leftRunning"])
        self.until((self.work / "left.txt").exists)
        self.assertEqual(process.stdout.read(), b"later\n")

    def test_a_run_in_a_run(self) -> None:
        outer = self.observed("sh", "-c", f"{MLREPO} run --quiet cat data/a.txt; cat data/b.txt >out.txt")
        runs = [json.loads(line) for line in self.mlrepo("runs", "--json").splitlines()]
        self.assertEqual({run["observedBy"] for run in runs}, {"preload", "seccomp"})
        self.assertEqual(self.inputs(outer["name"]), ["data/a.txt", "data/b.txt"])
        self.assertEqual(list(self.outputs(outer["name"])), ["out.txt"])

    def test_output_is_shown_and_kept(self) -> None:
        shown = self.run_raw("run", "--quiet", "sh", "-c", "echo to out; echo to err >&2")
        self.assertEqual((shown.stdout, shown.stderr), (b"to out\n", b"to err\n"))
        record = self.record(self.last()["run"])
        self.assertEqual(self.mlrepo("cat", record["standardOutput"]), "to out\n")
        self.assertEqual(self.mlrepo("cat", record["standardError"]), "to err\n")

    def test_a_reader_that_goes_away(self) -> None:
        done = subprocess.run(
            f"{MLREPO} run --quiet {PYTHON} -c 'while True: print(1)' | head -1", shell=True, cwd=self.work,
            env=self.environment, capture_output=True, timeout=60)
        self.assertEqual(done.stdout, b"1\n")
        self.until(lambda: self.last()["state"] == "failed")

    def test_on_a_terminal_the_command_has_one(self) -> None:
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [MLREPO, "run", "--quiet", PYTHON, "-c", "import sys; print(sys.stdout.isatty(), sys.stderr.isatty())"],
            cwd=self.work, env=self.environment, stdin=theirs, stdout=theirs, stderr=theirs)
        self.assertEqual(process.wait(timeout=60), 0)
        os.close(theirs)
        self.assertIn(b"True True", os.read(ours, 1000))
        os.close(ours)
        self.assertEqual(self.mlrepo("cat", self.record(self.last()["run"])["standardOutput"]), "True True\n")

    def test_many_runs_at_once(self) -> None:
        def one(number: int) -> int:
            return self.run_raw("run", "--quiet", "sh", "-c", f"cat data/a.txt >out-{number}.txt").returncode

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            self.assertEqual(list(pool.map(one, range(32))), [0] * 32)
        runs = [json.loads(line) for line in self.mlrepo("runs", "--json").splitlines()]
        self.assertEqual([run["state"] for run in runs], ["ok"] * 32)
        self.assertEqual(sorted(file["path"] for run in runs for file in run["outputs"]),
                         sorted(f"out-{number}.txt" for number in range(32)))
        self.mlrepo("fsck")


class Values(RunTest):
    def test_parameters_are_found(self) -> None:
        self.write("params.yaml", "lr: 0.1\noptimizer:\n  name: adam\n")
        run = self.observed("sh", "-c", "cat params.yaml >/dev/null", "--", "--lr", "0.2")
        self.assertEqual(run["parameters"], {"lr": 0.1, "optimizer": {"name": "adam"}})
        self.script("train.py", "open('params.yaml').read()")
        run = self.observed(PYTHON, "train.py", "--lr", "0.2", "--seed=7", "model.depth=3", "--amp", "--shift", "-1", "x")
        self.assertEqual(run["parameters"], {
            "lr": 0.2, "optimizer": {"name": "adam"}, "seed": 7, "model.depth": 3, "amp": True, "shift": -1})
        self.assertEqual(self.observed("true")["parameters"], {})

    def test_a_parameter_fills_its_place(self) -> None:
        self.mlrepo("run", "--quiet", "--param", "lr=0.001", "--param", "name=\"a b\"", "--", "sh", "-c", "echo $0 $1 >out.txt", "{lr}", "<{name}>")
        self.assertEqual((self.work / "out.txt").read_text(), "0.001 <a b>\n")
        record = self.record(self.last()["run"])
        self.assertEqual(record["parameters"], {"lr": 0.001, "name": "a b"})
        self.assertEqual(record["command"][-2:], ["0.001", "<a b>"])

    def test_metrics_are_found_where_the_run_writes_them(self) -> None:
        self.write("metrics.json", '{"old": 1}')
        self.assertEqual(self.observed("true")["metrics"], {})
        run = self.observed("sh", "-c", 'echo \'{"f1": 0.5}\' >metrics.json')
        self.assertEqual(run["metrics"], {"f1": 0.5})

    def test_a_broken_file_of_metrics_is_told(self) -> None:
        self.mlrepo("run", "sh", "-c", "echo oops >metrics.json")
        self.assertIn("warning: no metrics", self.stderr)
        self.assertEqual(self.last()["state"], "ok")

    def test_options_of_the_command_are_its_own(self) -> None:
        self.assertEqual(self.mlrepo("run", "-q", "echo", "--json", "-m", "--help", "--"), "--json -m --help --\n")


class Questions(RunTest):
    """Which runs are listed, and in which order."""

    def setUp(self) -> None:
        super().setUp()
        self.names = {}
        for label, f1, rate in (("low", "0.5", "0.1"), ("high", "0.95", "0.0003"), ("middle", "0.7", "0.01"), ("odd", "nan", "1")):
            metrics = f"echo 'f1: .{f1}' >metrics.yaml" if f1 == "nan" else f"echo 'f1: {f1}' >metrics.yaml"
            self.script("train.sh", metrics)
            self.names[self.observed("sh", "train.sh", "--lr", rate)["name"]] = label
        self.names[self.observed("false", status=1)["name"]] = "failed"

    def found(self, *words: str) -> list[str]:
        return [self.names[json.loads(line)["run"]] for line in self.mlrepo("runs", "--json", *words).splitlines()]

    def test_comparisons(self) -> None:
        for question, expected in (
                ("f1 > 0.6", {"high", "middle"}), ("metrics.f1 <= 0.5", {"low"}), ("params.lr < 1e-2", {"high"}),
                ("lr = .01", {"middle"}), ("lr != 0.01", {"low", "high", "odd"}), ("f1", {"low", "high", "middle", "odd"}),
                ("not f1", {"failed"}), ("state = failed", {"failed"}), ("state=ok and not (f1<0.6 or lr<0.001)", {"middle", "odd"}),
                ("command ~ 'train.sh --lr 1'", {"odd"}), ("status == 1", {"failed"}), ("nothing > 1", set()),
                ("started > 2000", {"low", "high", "middle", "odd", "failed"}), ("params.f1", set()), ("", set(self.names.values()))):
            with self.subTest(question):
                self.assertEqual(set(self.found(question)), expected)

    def test_order(self) -> None:
        self.assertEqual(self.found("--sort", "lr")[:4], ["high", "middle", "low", "odd"])
        self.assertEqual(self.found("--sort", "-f1")[:3], ["high", "middle", "low"])
        self.assertEqual(self.found("f1 < 1", "--sort", "f1"), ["low", "middle", "high"])
        self.assertEqual(self.found("--sort", "f1")[4], "failed")

    def test_what_is_no_question(self) -> None:
        for question in ("f1 >", "> 1", "(f1 > 1", "f1 > 1)", "f1 > 'x", "and", "f1 > 1 f2", "not", "(" * 1000, "f1 ! 1"):
            with self.subTest(question):
                self.refused("runs", question, status=64, says="the question: ")


class Code(RunTest):
    def test_code_that_git_has_is_not_kept_twice(self) -> None:
        self.script("train.py", "import helper; open('local.yaml').read()")
        self.script("helper.py", "open('data/a.txt').read()")
        self.write("local.yaml", "a: 1\n")
        self.write(".gitignore", "local.yaml\ndata\n__pycache__\n")
        for words in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "code"]):
            self.git(*words)
        self.write("helper.py", "open('data/b.txt').read()\n")
        run = self.observed(PYTHON, "-B", "train.py")
        self.assertEqual((run["sources"], self.inputs(run["name"])), (["local.yaml"], ["data/b.txt"]))
        code = self.record(run["name"])["code"]
        self.assertEqual((code["system"], code["dirty"]), ("git", True))
        self.assertIn("+open('data/b.txt').read()", self.mlrepo("cat", code["patch"]))
        self.assertEqual(self.files(code["sources"]), ["local.yaml"])

    def test_without_git_what_was_read_is_kept(self) -> None:
        self.script("train.py", "import helper")
        self.script("helper.py", "open('data/a.txt').read()")
        run = self.observed(PYTHON, "-B", "train.py")
        self.assertEqual(run["sources"], ["helper.py", "train.py"])
        self.assertEqual(self.record(run["name"])["code"]["system"], "none")

    def test_the_interpreter_and_its_packages(self) -> None:
        record = self.record(self.observed(PYTHON, "-c", "import json")["name"])
        version = ".".join(map(str, sys.version_info[:3]))
        self.assertEqual(record["environment"]["python"], version)


class Versions(RunTest):
    def test_a_version_of_what_a_run_wrote_and_nothing_else(self) -> None:
        self.write("data/a.txt", "by hand\n")
        self.write("data/new.txt", "new\n")
        self.mlrepo("run", "-m", "Model", "sh", "-c", "cat data/b.txt >model.bin")
        self.assertEqual(self.mlrepo("cat", "HEAD:model.bin"), "row b\n")
        self.assertEqual(self.mlrepo("cat", "HEAD:data/a.txt"), "row a\n")
        states = {entry["path"]: entry["state"] for entry in json.loads(self.mlrepo("status", "--json"))["entries"]}
        self.assertEqual(states, {"data/a.txt": "modified", "data/new.txt": "added"})
        blame = json.loads(self.mlrepo("blame", "--json", "model.bin"))
        self.assertEqual([item["path"] for item in blame["inputs"]], ["data/b.txt"])
        self.assertEqual(blame["run"]["observedBy"], "seccomp")

    def test_a_version_is_made_later(self) -> None:
        first = self.observed("sh", "-c", "echo 1 >model.bin")["name"]
        second = self.observed("sh", "-c", "echo 2 >model.bin")["name"]
        self.mlrepo("commit", "--quiet", "--run", first[:6], "-m", "First")
        self.assertEqual(self.mlrepo("cat", "HEAD:model.bin"), "1\n")
        self.assertEqual((self.work / "model.bin").read_text(), "2\n")
        self.assertEqual(json.loads(self.mlrepo("status", "--json"))["entries"], [{"path": "model.bin", "state": "modified"}])
        self.mlrepo("commit", "--quiet", "--run", f"run:{second}", "-m", "Second")
        self.assertTrue(json.loads(self.mlrepo("status", "--json"))["clean"])
        self.assertEqual(self.mlrepo("resolve", f"run:{first}"), self.mlrepo("resolve", "HEAD~1"))

    def test_a_commit_finds_the_runs_that_made_its_files(self) -> None:
        run = self.observed("sh", "-c", "cat data/a.txt >model.bin; echo 1 >other.bin")["name"]
        self.write("other.bin", "changed by hand\n")
        self.write("data/b.txt", "changed, too\n")
        self.mlrepo("add", "--quiet", "model.bin", "other.bin")
        self.assertIn(f"made by run {run[:8]}", self.mlrepo("commit", "-m", "Model"))
        blame = json.loads(self.mlrepo("blame", "--json", "model.bin"))
        self.assertEqual((blame["run"]["observedBy"], [item["path"] for item in blame["inputs"]]), ("seccomp", ["data/a.txt"]))
        for path in ("other.bin", "data/b.txt"):
            self.assertEqual(json.loads(self.mlrepo("blame", "--json", path))["run"]["observedBy"], "declared")
        self.assertEqual(len(json.loads(self.mlrepo("show", "--json"))["runs"]), 2)
        self.mlrepo("fsck")

    def test_a_commit_of_nothing_but_what_a_run_made(self) -> None:
        self.observed("sh", "-c", "echo 1 >model.bin; echo 2 >data/a.txt")
        later = self.observed("sh", "-c", "cat model.bin; echo 2 >data/a.txt")["name"]
        self.mlrepo("add", "--quiet", "model.bin")
        self.mlrepo("commit", "--quiet", "-m", "Model")
        runs = json.loads(self.mlrepo("show", "--json"))["runs"]
        self.assertEqual([run["origin"] for run in runs], ["observed", "observed"])
        self.assertIn(later, [run["name"] for run in runs])

    def test_who_declares_something_declares_all(self) -> None:
        self.observed("sh", "-c", "cat data/a.txt >model.bin")
        self.mlrepo("add", "--quiet", "model.bin")
        self.mlrepo("commit", "--quiet", "-m", "Model", "--input", "data/b.txt")
        self.assertEqual([run["origin"] for run in json.loads(self.mlrepo("show", "--json"))["runs"]], ["declared"])

    def test_what_was_added_waits_for_the_next_commit(self) -> None:
        self.write("more/x.txt", "x\n")
        self.mlrepo("add", "--quiet", "more")
        self.mlrepo("run", "-q", "-m", "Model", "sh", "-c", "echo 1 >model.bin")
        self.assertNotIn("more", self.mlrepo("ls"))
        self.mlrepo("commit", "--quiet", "-m", "More")
        self.assertIn("more", self.mlrepo("ls"))

    def test_the_first_version_of_all(self) -> None:
        place = self.root / "fresh"
        place.mkdir()
        self.mlrepo("init", "--quiet", cwd=place)
        self.mlrepo("run", "-m", "First", "sh", "-c", "echo 1 >model.bin", cwd=place)
        self.assertEqual(self.mlrepo("cat", "main:model.bin", cwd=place), "1\n")

    def test_a_branch_that_moved(self) -> None:
        other = self.root / "other"
        self.mlrepo("worktree", "add", "--quiet", str(other), "-b", "side")
        run = self.observed("sh", "-c", "cat data/a.txt >model.bin")["name"]
        self.write("data/b.txt", "moved\n")
        self.mlrepo("commit", "--quiet", "-m", "Moved", "data/b.txt")
        self.mlrepo("commit", "--quiet", "--run", run, "-m", "Model")
        self.assertEqual(self.mlrepo("cat", "HEAD:data/b.txt"), "moved\n")
        self.assertTrue(json.loads(self.mlrepo("status", "--json"))["clean"])

    def test_runs_outlive_collections_until_they_are_dropped(self) -> None:
        self.script("make.sh", "echo kept >model.bin; echo told")
        run = self.observed("sh", "make.sh")["name"]
        (self.work / "model.bin").unlink()
        self.mlrepo("gc", "--now")
        self.assertEqual(self.mlrepo("cat", digest("kept\n")), "kept\n")
        self.assertEqual(self.mlrepo("cat", self.record(run)["standardOutput"]), "told\n")
        self.assertEqual(self.files(self.record(run)["code"]["sources"]), ["make.sh"])
        self.mlrepo("fsck")
        self.mlrepo("runs", "--drop", run[:8])
        self.assertEqual(self.mlrepo("runs"), "")
        self.mlrepo("gc", "--now")
        self.mlrepo("cat", digest("kept\n"), status=66)
        self.mlrepo("fsck")

    def test_undo_takes_back_versions_and_no_runs(self) -> None:
        self.mlrepo("run", "-q", "-m", "Model", "sh", "-c", "echo 1 >model.bin")
        self.mlrepo("run", "-q", "true")
        self.mlrepo("undo", "--quiet")
        self.assertNotIn("model.bin", self.mlrepo("ls"))
        self.assertEqual(len(self.mlrepo("runs").splitlines()), 2)

    def test_a_run_with_other_words(self) -> None:
        run = self.observed("true")["name"]
        self.refused("commit", "--run", run, "-m", "x", "--param", "a=1", status=64, says="with --run")
        self.refused("commit", "--run", "ffffffff", "-m", "x", status=66, says="ffffffff")
        self.refused("show", "run:ffffffff", status=66, says="ffffffff")


if __name__ == "__main__":
    import unittest
    unittest.main()
