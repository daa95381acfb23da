"""Runs in a tree of their own, many at once, as sweeps and job arrays have them."""
import concurrent.futures
import json
import os
import shutil
import signal
import subprocess
import time

from command_test import MLREPO
from test_provenance import ProvenanceTest
from test_run import PYTHON, RunTest


class Scratch(ProvenanceTest):
    maxDiff = None
    """Beside the working copy of data and of code in git."""

    def setUp(self) -> None:
        super().setUp()
        self.script("sweep.py", """
            import json, os, sys
            import npy
            rate = float(sys.argv[2])
            os.makedirs("model", exist_ok=True)
            npy.write("model/w.npy", [len(open(f"data/{name}.txt").read()) * rate for name in "abc"])
            json.dump({"f1": rate}, open("metrics.json", "w"))
            """)

    def sweep(self, rate: float, *options: str) -> dict:
        answer = json.loads(self.mlrepo(
            "run", "--json", "--scratch", "../scratch", *options, "--param", f"lr={rate}", "--",
            PYTHON, "sweep.py", "--lr", "{lr}"))
        self.assertEqual(os.listdir(self.root / "scratch"), [])
        return answer

    def code_and_data(self) -> dict:
        """What lies in the working copy, without what git keeps for itself."""
        return {name: found for name, found in self.tree(self.work).items() if not name.startswith(b".git/")}

    def test_many_at_once_are_all_recorded_and_nothing_stays(self) -> None:
        before = self.code_and_data()
        rates = [number / 16 for number in range(16)]
        with concurrent.futures.ThreadPoolExecutor(8) as threads:
            done = list(threads.map(lambda rate: self.run_raw(
                "run", "--quiet", "--scratch", "../scratch", "--param", f"lr={rate}", "--", PYTHON, "sweep.py",
                "--lr", "{lr}"), rates))
        self.assertEqual([(ended.returncode, ended.stderr) for ended in done], [(0, b"")] * len(rates))
        runs = [json.loads(line) for line in self.mlrepo("runs", "--json").splitlines()]
        self.assertEqual(sorted(run["parameters"]["lr"] for run in runs), rates)
        self.assertEqual({(run["state"], run["metrics"]["f1"] == run["parameters"]["lr"]) for run in runs}, {("ok", True)})
        for run in runs:
            self.assertEqual(self.inputs(run["run"]), ["data/a.txt", "data/b.txt", "data/c.txt"])
            self.assertEqual([file["path"] for file in run["outputs"]], ["metrics.json", "model/w.npy"])
        self.assertEqual(self.code_and_data(), before)
        self.assertEqual(os.listdir(self.root / "scratch"), [])
        self.assertEqual(len(self.mlrepo("worktree", "list").splitlines()), 1)
        self.assertEqual(self.mlrepo("undo", status=0).split('"')[1], "Data")
        self.verify()

    def test_it_has_the_code_as_it_is_here_and_the_data_of_the_version(self) -> None:
        self.write("npy.py", (self.work / "npy.py").read_text() + "\n# changed\n")
        self.write("new.py", "x = 1\n")
        self.write("notes.txt", "neither code nor a setting\n")
        self.write("data/a.txt", "changed\n")
        self.write("conf/run.yaml", "a: 1\n")
        self.write("look.sh", "find . -type f -o -type l | grep -v .mlrepo/ | sort; cat data/a.txt; tail -1 npy.py\n")
        seen = self.mlrepo("run", "--scratch", "../scratch", "sh", "look.sh").splitlines()
        self.assertEqual(seen, [
            "./.gitignore", "./conf/run.yaml", "./data/a.txt", "./data/b.txt", "./data/c.txt", "./look.sh", "./new.py",
            "./npy.py", "./params.json", "./sweep.py", "./train.py", "row a", "# changed"])
        self.assertIn("data/a.txt is not as in the version", self.stderr)

    def test_the_code_is_recorded_as_of_a_run_here(self) -> None:
        self.write("npy.py", (self.work / "npy.py").read_text() + "\n# changed\n")
        (here, there) = (self.observed(PYTHON, "sweep.py", "--lr", "0.5"), self.sweep(0.5)["run"])
        (one, other) = (self.record(here["name"])["code"], self.record(there["name"])["code"])
        self.assertEqual(one, other)
        self.assertEqual(here["sources"], there["sources"])
        self.assertIn("files", one)

    def test_a_version_of_it_comes_here_where_nothing_is_in_the_way(self) -> None:
        self.sweep(0.25, "-m", "One")
        self.assertTrue(json.loads(self.mlrepo("status", "--json"))["clean"])
        self.sweep(0.5, "-m", "Two")
        self.assertEqual(json.loads((self.work / "metrics.json").read_text()), {"f1": 0.5})
        self.assertTrue(json.loads(self.mlrepo("status", "--json"))["clean"])
        self.write("metrics.json", "mine")
        self.sweep(0.75, "-m", "Three")
        self.assertEqual((self.work / "metrics.json").read_text(), "mine")
        changed = json.loads(self.mlrepo("status", "--json"))["entries"]
        self.assertEqual(changed, [{"path": "metrics.json", "state": "modified"}])
        self.assertIn("lr=0.75", self.mlrepo("blame", "HEAD:model/w.npy"))
        self.verify()

    def begin(self, line: str) -> subprocess.Popen:
        """A run of a shell's line that goes on."""
        process = subprocess.Popen([MLREPO, "run", "--quiet", "--scratch", "../scratch", "sh", "-c", line], cwd=self.work,
                                   env=self.environment, start_new_session=True)
        self.addCleanup(process.wait)
        self.addCleanup(lambda: process.poll() is None and os.killpg(process.pid, signal.SIGKILL))
        return process

    def beside(self, *commands: str) -> list[str]:
        """What each shell command prints, one after another, while another run is at work in the same directory."""
        go = self.root / "go"
        os.mkfifo(go)
        other = self.begin(f"echo >started; read x <{go}")
        self.until(lambda: list((self.root / "scratch").glob("mlrepo-*/work/started")))
        try:
            return [self.mlrepo("run", "--quiet", "--scratch", "../scratch", "sh", "-c", line) for line in commands]
        finally:
            go.write_text("x\n")
            self.assertEqual(other.wait(), 0)

    LOOK = "stat -c '%n %A %s %h' $(find . -not -path './.mlrepo*' -not -name . | sort); cat $(find . -name '*.txt' | sort); pwd >&2"

    def test_the_next_run_has_the_tree_as_if_it_were_new(self) -> None:
        self.write("data/deep/er/x.txt", "deep")
        self.write("data/run.sh", "echo 1")
        (self.work / "data/run.sh").chmod(0o755)
        os.symlink("a.txt", self.work / "data/link")
        (self.work / "data/empty").mkdir()
        self.mlrepo("commit", "-q", "-m", "More")
        new = self.mlrepo("run", "--quiet", "--scratch", "../fresh", "sh", "-c", self.LOOK)
        spoil = """
            echo changed >data/a.txt; rm data/b.txt; chmod 600 data/c.txt; mv data/deep data/elsewhere; rm data/link
            mkdir -p out .cache/x; echo 1 >out/y; echo 2 >.cache/x/z; echo more >>npy.py; echo other >new.py; ln data/run.sh hard
            ln -s /etc out/away; mkfifo out/pipe; rm sweep.py; mkdir sweep.py; printf 'row a' >data/c.txt; touch data/new.txt; rmdir data/empty; pwd
            """
        (where, first, again, last) = self.beside(spoil, self.LOOK + "; " + "pwd", spoil, self.LOOK + "; pwd")
        self.assertEqual(first, new + where)
        self.assertEqual((again, last), (where, first))
        self.assertEqual(os.listdir(self.root / "scratch"), [])
        self.assertEqual(len(self.mlrepo("worktree", "list").splitlines()), 1)
        self.verify()

    def test_what_is_written_through_memory_stays_with_its_run(self) -> None:
        self.write("page.py", """import mmap
with open("data/a.txt", "r+b") as file, mmap.mmap(file.fileno(), 0) as memory: memory[0] = 0x58
""")
        (scratch, memory) = (self.root / "scratch", f"/dev/shm/{self.root.name}")
        if os.path.isdir("/dev/shm"):
            os.mkdir(memory)
            self.addCleanup(os.rmdir, memory)
            scratch.symlink_to(memory)
        (changed, seen) = self.beside(f"{PYTHON} page.py; cat data/a.txt; pwd", "cat data/a.txt; pwd")
        place = changed.splitlines()[-1]
        self.assertEqual(changed, f"Xow a\n{place}\n")
        self.assertEqual(seen, f"row a\n{place}\n")

    def test_the_next_run_has_the_version_and_the_code_of_its_time(self) -> None:
        go = self.root / "go"
        os.mkfifo(go)
        other = self.begin(f"echo >started; read x <{go}")
        self.until(lambda: list((self.root / "scratch").glob("mlrepo-*/work/started")))
        look = ("run", "--quiet", "--scratch", "../scratch", "sh", "-c", "cat data/a.txt new.py; ls data; pwd")
        self.write("new.py", "one\n")
        first = self.mlrepo(*look).splitlines()
        self.write("new.py", "two\n")
        self.write("data/a.txt", "row A\n")
        self.write("data/d.txt", "row d\n")
        (self.work / "data/b.txt").unlink()
        self.mlrepo("commit", "-q", "-m", "Changed")
        second = self.mlrepo(*look).splitlines()
        go.write_text("x\n")
        self.assertEqual(other.wait(), 0)
        self.assertEqual(first[:-1], ["row a", "one", "a.txt", "b.txt", "c.txt"])
        self.assertEqual(second[:-1], ["row A", "two", "a.txt", "c.txt", "d.txt"])
        self.assertEqual(first[-1], second[-1])
        self.verify()

    def test_a_tree_whose_run_is_not_known_is_for_nobody_else(self) -> None:
        attribute = f"{PYTHON} -c \"import os; os.setxattr('data', 'user.x', b'1')\"; pwd"
        (left, other, seen) = self.beside("sleep 3 >/dev/null 2>&1 & pwd", attribute, "pwd")
        self.assertEqual(len({left, other, seen}), 3)
        self.assertEqual(os.listdir(self.root / "scratch"), [])

    def test_nothing_outside_of_a_tree_is_removed_with_it(self) -> None:
        store = self.root / "store"
        store.mkdir()
        self.write("results/r.txt", "mine")
        before = self.tree(self.work)
        self.mlrepo("run", "--quiet", "--scratch", "../scratch", "sh", "-c", f"""
            mkdir ckpt results; echo weights >ckpt/model.bin; mv ckpt {store}/c1; ln -s {store}/c1 ckpt
            echo theirs >results/r.txt; mv results r2; ln -s {self.work}/results results
            mkdir x; echo 1 >x/HEAD; mv x y; ln -s {self.work}/.mlrepo x""")
        self.assertEqual((store / "c1/model.bin").read_text(), "weights\n")
        self.mlrepo("run", "--quiet", "--scratch", "../scratch", "sh", "-c",
                    f"echo 1 >data/a.txt; cd ..; mv work other; ln -s {self.work} work")
        now = self.tree(self.work)
        self.assertEqual({name: found for name, found in now.items() if not name.startswith((b".mlrepo", b".git/"))},
                         {name: found for name, found in before.items() if not name.startswith((b".mlrepo", b".git/"))})
        self.assertEqual(os.listdir(self.root / "scratch"), [])
        self.verify()

    def test_what_is_mounted_in_a_tree_stays(self) -> None:
        victim = self.root / "victim"
        (victim / "d").mkdir(parents=True)
        (victim / "d/f").write_text("precious")
        self.run_raw("run", "--quiet", "--scratch", "../scratch", "sh", "-c", f"mkdir m; mount --bind {victim} m")
        mounted = [path for path in (self.root / "scratch").glob("mlrepo-*/work/m") if os.listdir(path)]
        for path in mounted:
            subprocess.run(["umount", path], check=True)
        self.assertEqual((victim / "d/f").read_text(), "precious")
        if not mounted:
            self.skipTest("nothing can be mounted here")

    def test_what_lies_beside_a_tree_is_nobodys_either(self) -> None:
        look = "ls -a ..; ls -a .mlrepo; stat -c %a . .. data data/deep; cat <.mlrepo/config; pwd"
        self.write("data/deep/x.txt", "deep")
        self.mlrepo("commit", "-q", "-m", "More")
        new = self.mlrepo("run", "--quiet", "--scratch", "../fresh", "sh", "-c", look)
        os.link(self.work / "sweep.py", self.root / "linked.py")
        (_, seen) = self.beside(
            f"echo 1 >../note; mkdir ../.git; echo 1 >.mlrepo/note; mkdir .mlrepo/sub; chmod 1777 .. . data data/deep; mv {self.root}/linked.py sweep.py",
            "echo '# appended' >>sweep.py; " + look)
        self.assertEqual(seen.splitlines()[:-1], new.splitlines()[:-1])
        self.assertNotIn("appended", (self.work / "sweep.py").read_text())

    def test_another_mask_has_another_tree(self) -> None:
        old = os.umask(0o077)
        try:
            (first, again) = self.beside("stat -c %a data; pwd", "pwd")
        finally:
            os.umask(old)
        self.assertEqual(first.splitlines()[0], "700")
        self.assertEqual(first.splitlines()[1:], again.splitlines())
        go = self.root / "go2"
        os.mkfifo(go)
        os.umask(0o077)
        try:
            other = self.begin(f"echo >started; read x <{go}")
            self.until(lambda: list((self.root / "scratch").glob("mlrepo-*/work/started")))
            where = self.mlrepo("run", "--quiet", "--scratch", "../scratch", "pwd")
        finally:
            os.umask(old)
        self.assertEqual(self.mlrepo("run", "--quiet", "--scratch", "../scratch", "stat", "-c", "%a", "data"), "755\n")
        self.assertNotEqual(self.mlrepo("run", "--quiet", "--scratch", "../scratch", "pwd"), where)
        go.write_text("x\n")
        self.assertEqual(other.wait(), 0)

    def test_undo_and_collections_in_a_run_leave_its_record(self) -> None:
        self.mlrepo("run", "--quiet", "--scratch", "../scratch", "sh", "-c",
                    f"echo 1 >out.txt; {MLREPO} undo; {MLREPO} gc --now -q")
        (run,) = [json.loads(line) for line in self.mlrepo("runs", "--json").splitlines()]
        self.assertEqual(([file["path"] for file in run["outputs"]], run["state"]), (["out.txt"], "ok"))
        self.assertEqual(os.listdir(self.root / "scratch"), [])

    def test_what_the_tree_has_otherwise_is_told(self) -> None:
        # A run wrote it, and somebody has changed it since.
        self.mlrepo("run", "--quiet", "-m", "Made", "sh", "-c", "echo 1 >data/made.txt")
        self.mlrepo("run", "--quiet", "sh", "-c", "echo 2 >data/made.txt")
        self.mlrepo("run", "--scratch", "../scratch", "true")
        self.assertNotIn("is not as in the version", self.stderr)
        self.write("data/made.txt", "3\n")
        self.mlrepo("run", "--scratch", "../scratch", "true")
        self.assertIn("note: data/made.txt is not as in the version", self.stderr)
        # A program that git is told to pass over.
        self.write(".git/info/exclude", "/prog\n")
        self.write("prog", "#!/bin/sh\necho hi\n")
        (self.work / "prog").chmod(0o755)
        self.assertEqual(self.mlrepo("run", "--scratch", "../scratch", "./prog"), "hi\n")
        self.assertIn("note: ./prog is not in the tree: that of the working copy is executed", self.stderr)

    def test_to_go_on_from_nothing_is_told(self) -> None:
        run = self.begin("echo 1 >out.txt; sleep 30")
        self.until(lambda: list((self.root / "scratch").glob("mlrepo-*/work/out.txt")))
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        (name,) = [json.loads(line)["run"] for line in self.mlrepo("runs", "--json").splitlines()]
        self.mlrepo("run", "--scratch", "../scratch", "--resume", name, "true")
        self.assertIn(f"note: nothing that run {name[:8]} wrote is recorded", self.stderr)

    def test_what_killed_runs_left_stays_and_what_had_not_begun_goes(self) -> None:
        scratch = self.root / "scratch"
        run = self.begin("echo 1 >out.txt; sleep 30")
        self.until(lambda: list(scratch.glob("mlrepo-*/work/out.txt")))
        (place,) = scratch.iterdir()
        run.kill()
        run.wait()
        lease = ".mlrepo-lease"
        for (name, files) in {"mlrepo-00000001": [lease, "x"], "mlrepo-00000002.gone": [lease, "x"],
                              "mlrepo-00000003.new": [lease], "mlrepo-00000004": ["lease", "x"], "mlrepo-otherone": [lease],
                              "mlrepo-00000005": [lease, ".mlrepo-begun"], "mlrepo-00000006.gone": ["x"]}.items():
            (scratch / name).mkdir()
            for file in files:
                (scratch / name / file).touch()
                # Where nothing can be locked, age tells that nobody is at it.
                os.utime(scratch / name / file, (time.time() - 4_000,) * 2)
        where = self.mlrepo("run", "--quiet", "--scratch", "../scratch", "pwd")
        self.assertNotIn(place.name, where)
        self.assertEqual(sorted(found.name for found in scratch.iterdir()),
                         sorted(["mlrepo-00000004", "mlrepo-00000005", "mlrepo-00000006.gone", "mlrepo-otherone", place.name]))
        self.assertEqual((place / "work/out.txt").read_text(), "1\n")

    def test_what_is_left_here_is_named(self) -> None:
        self.write("metrics.json", "mine")
        words = ("run", "--scratch", "../scratch", "-m", "One", PYTHON, "sweep.py", "--lr")
        self.mlrepo(*words, "0.25")
        self.assertIn("note: metrics.json was left here as something else than the version has", self.stderr)
        self.mlrepo("checkout", "--force", "HEAD", "--", "metrics.json")
        self.assertTrue(json.loads(self.mlrepo("status", "--json"))["clean"])
        self.mlrepo(*words, "0.5")
        self.assertNotIn("left here", self.stderr)

    def test_files_and_directories_in_each_others_places_come(self) -> None:
        self.mlrepo("run", "--quiet", "--scratch", "../scratch", "-m", "Directory", "sh", "-c",
                    "rm data/a.txt; mkdir data/a.txt; echo 1 >data/a.txt/x; rm -r data/b.txt; echo 2 >data/b.txt")
        self.assertTrue(json.loads(self.mlrepo("status", "--json"))["clean"])
        self.assertEqual((self.work / "data/a.txt/x").read_text(), "1\n")
        self.mlrepo("run", "--quiet", "--scratch", "../scratch", "-m", "File", "sh", "-c", "rm -r data/a.txt; echo 3 >data/a.txt")
        self.assertTrue(json.loads(self.mlrepo("status", "--json"))["clean"])
        self.assertEqual((self.work / "data/a.txt").read_text(), "3\n")
        self.write("data/deep/mine.txt", "mine")
        self.mlrepo("run", "--quiet", "--scratch", "../scratch", "-m", "Over", "sh", "-c", "echo 4 >data/deep")
        self.assertEqual((self.work / "data/deep/mine.txt").read_text(), "mine")

    def test_a_version_whose_files_were_on_their_way_is_finished_by_the_next_command(self) -> None:
        finished = 0
        for number in (2, 4, 6, 8):
            with self.subTest(number):
                self.mlrepo("run", "--quiet", "--scratch", "../scratch", "sh", "-c", f"mkdir made{number}; for i in 1 2 3 4 5 6 7 8; do "
                            f"head -c 200000 /dev/urandom >made{number}/$i; done; echo {number} >data/a.txt")
                name = self.last()["run"]
                self.killed("openat2", number, "commit", "--run", name, "-m", "Killed")
                self.mlrepo("status")
                self.write(f"data/{number}.txt", "x")
                self.mlrepo("commit", "--quiet", "-m", "Next")
                listed = self.mlrepo("ls").splitlines()
                made = [line for line in listed if f" made{number}/" in line]
                self.assertIn(len(made), (0, 8), listed)
                finished += len(made) == 8
                if made:
                    self.assertTrue(json.loads(self.mlrepo("status", "--json"))["clean"])
        # Some were killed behind their log entry: without the note the next version would have lost what was missing.
        self.assertGreater(finished, 0)
        self.verify()

    def test_trees_of_other_runs_are_no_code(self) -> None:
        self.write("count.sh", "sleep 1; find . -name count.sh | wc -l\n")
        processes = [subprocess.Popen([MLREPO, "run", "--quiet", "--scratch", place, "sh", "count.sh"], cwd=self.work,
                                      env=self.environment, stdout=subprocess.PIPE) for place in ("sweep", "sweep", ".", "sweep")
                     if not time.sleep(0.3)]
        self.assertEqual([process.communicate(timeout=60)[0] for process in processes], [b"1\n"] * 4)
        codes = [self.record(json.loads(line)["run"])["code"] for line in self.mlrepo("runs", "--json").splitlines()]
        self.assertEqual(len({code["patch"] for code in codes}), 1)
        self.refused("run", "--scratch", "", "true", status=125, says="--scratch names a directory")

    def test_a_link_into_the_data_is_seen_through(self) -> None:
        (self.work / "link").symlink_to("data")
        self.refused("run", "--scratch", "link/sub", "true", status=125, says="is in tracked data")
        self.assertEqual(sorted(os.listdir(self.work / "data")), ["a.txt", "b.txt", "c.txt"])

    def test_a_run_of_a_sweep_that_is_adopted_later_comes_too(self) -> None:
        name = [self.sweep(rate)["run"]["name"] for rate in (0.25, 0.5)][0]
        self.mlrepo("commit", "--run", name, "-m", "Best")
        self.assertEqual(json.loads((self.work / "metrics.json").read_text()), {"f1": 0.25})
        self.assertTrue(json.loads(self.mlrepo("status", "--json"))["clean"])
        self.assertEqual(self.reproduced("main")["result"], "identical")

    def test_its_files_can_be_looked_at_without_a_version(self) -> None:
        name = self.sweep(0.25)["run"]["name"]
        self.assertEqual(json.loads(self.mlrepo("cat", f"run:{name[:8]}:metrics.json")), {"f1": 0.25})
        self.assertEqual(self.mlrepo("show", f"run:{name[:8]}:data/a.txt"), "row a\n")
        listed = [line.split()[-1] for line in self.mlrepo("ls", f"run:{name[:8]}").splitlines()]
        self.assertEqual(listed, ["data/a.txt", "data/b.txt", "data/c.txt", "metrics.json", "model/w.npy"])
        self.assertEqual(len(self.mlrepo("ls", "--json", f"run:{name[:8]}", "model").splitlines()), 1)
        self.refused("cat", f"run:{name[:8]}:nothing", status=66, says="left no file 'nothing'")
        self.refused("ls", f"run:{name[:8]}", "nothing", status=66, says="nothing")

    def test_what_somebody_removed_here_stays_away(self) -> None:
        self.sweep(0.25, "-m", "One")
        (self.work / "metrics.json").unlink()
        self.sweep(0.5, "-m", "Two")
        self.assertFalse((self.work / "metrics.json").exists())

    def test_a_file_in_the_place_of_a_directory_stays(self) -> None:
        self.write("model", "mine")
        self.sweep(0.25, "-m", "One")
        self.assertEqual((self.work / "model").read_text(), "mine")
        self.assertTrue((self.work / "metrics.json").exists())

    def test_failed_and_killed_ones_are_recorded_with_what_they_wrote(self) -> None:
        self.write("fail.sh", "echo part > part.txt; exit 7\n")
        self.mlrepo("run", "--scratch", "../scratch", "-m", "No", "sh", "fail.sh", status=7)
        self.assertEqual(list(self.outputs(self.last()["run"])), ["part.txt"])
        self.mlrepo("run", "--scratch", "../scratch", "./nothing", status=127)
        self.assertEqual(self.last()["state"], "failed")
        self.write("slow.sh", "echo part > slow.txt; sleep 60\n")
        process = subprocess.Popen(
            [MLREPO, "run", "--quiet", "--scratch", "../scratch", "sh", "slow.sh"], cwd=self.work, env=self.environment)
        self.wait_for(lambda: list(self.root.glob("scratch/*/*/slow.txt")))
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(60), -signal.SIGTERM)
        last = self.last()
        self.assertEqual((last["state"], list(self.outputs(last["run"]))), ("interrupted", ["slow.txt"]))
        self.assertEqual(os.listdir(self.root / "scratch"), [])
        self.assertEqual(len(self.mlrepo("log", "--json").splitlines()), 1)

    def test_one_that_was_killed_goes_on_from_its_checkpoint(self) -> None:
        self.write("train.sh", """
            at=$(cat checkpoint.txt 2>/dev/null || echo 0)
            echo $((at + 1)) >checkpoint.txt
            [ $at -gt 0 ] || kill -TERM $$
            """)
        self.mlrepo("run", "--scratch", "../scratch", "sh", "train.sh", status=-15)
        first = self.last()
        self.mlrepo("run", "--scratch", "../scratch", "--resume", first["run"][:8], "sh", "train.sh")
        self.assertIn(f"note: 1 file of run {first['run'][:8]} is here again", self.stderr)
        second = self.last()
        self.assertEqual((second["continues"], second["state"]), (first["id"], "ok"))
        self.assertIn(f"continues run {first['run'][:8]}", self.mlrepo("runs"))
        self.assertEqual(self.mlrepo("cat", f"run:{second['run'][:8]}:checkpoint.txt"), "2\n")
        self.assertEqual(self.inputs(second["run"]), ["checkpoint.txt"])
        self.refused("run", "--resume", second["run"], "sh", "train.sh", status=125, says="has ended well")
        # Here what is there counts, and what is missing comes back.
        self.write("checkpoint.txt", "7\n")
        self.mlrepo("run", "--quiet", "--resume", first["run"], "sh", "train.sh")
        self.assertEqual((self.work / "checkpoint.txt").read_text(), "8\n")
        self.assertEqual(os.listdir(self.root / "scratch"), [])
        self.verify()

    def wait_for(self, condition) -> None:
        for _ in range(600):
            if condition():
                return
            time.sleep(0.05)
        self.fail("it did not come")

    def test_places_that_are_none_are_refused_and_left_as_they_are(self) -> None:
        self.write("file", "mine")
        before = self.tree(self.work)
        self.refused("run", "--scratch", "data/deep", "true", status=125, says="is in tracked data")
        self.refused("run", "--scratch", ".mlrepo/x", "true", status=125, says="in .mlrepo")
        self.refused("run", "--scratch", "file", "true", status=125, says="file")
        self.assertEqual(self.tree(self.work), before)
        self.assertEqual(self.mlrepo("runs"), "")
        self.assertEqual(len(self.mlrepo("worktree", "list").splitlines()), 1)
        # Inside the working copy is a place like any other.
        self.mlrepo("run", "--quiet", "--scratch", "tmp/trees", "true")
        self.assertEqual(os.listdir(self.work / "tmp/trees"), [])

    def test_declared_files_are_those_of_the_tree(self) -> None:
        self.write("copy.sh", "cat data/a.txt > made.txt\n")
        name = self.observed("--scratch", "../scratch", "--observe", "declared", "--input", "data/a.txt", "--output",
                             "made.txt", "sh", "copy.sh")["name"]
        self.assertEqual((self.inputs(name), list(self.outputs(name))), (["data/a.txt"], ["made.txt"]))
        self.assertFalse((self.work / "made.txt").exists())


class ScratchWithoutGit(RunTest):
    def test_modules_settings_and_the_program_of_an_environment_are_found_from_a_directory_below(self) -> None:
        self.script("sub/train.py", """
            import util
            open("../out.txt", "w").write(open("../data/a.txt").read() + str(util.n) + open("params.yaml").read())
            """)
        self.write("sub/util.py", "n = 7\n")
        self.write("sub/params.yaml", "lr: 1\n")
        os.makedirs(self.work / ".venv/bin")
        (self.work / ".venv/bin/python").symlink_to(PYTHON)
        (self.work / ".venv/pyvenv.cfg").touch()
        answer = json.loads(self.mlrepo(
            "run", "--json", "--scratch", str(self.root / "scratch"), "../.venv/bin/python", "train.py",
            cwd=self.work / "sub"))["run"]
        self.assertEqual((answer["exitStatus"], answer["parameters"]), (0, {"lr": 1}))
        self.assertEqual(sorted(answer["sources"]), ["sub/params.yaml", "sub/train.py", "sub/util.py"])
        self.assertEqual((self.inputs(answer["name"]), list(self.outputs(answer["name"]))), (["data/a.txt"], ["out.txt"]))

    def test_without_a_version_there_is_the_code_alone(self) -> None:
        empty = self.root / "empty"
        empty.mkdir()
        (empty / "a.py").write_text("open('b.txt', 'w').write('b')")
        self.mlrepo("init", "--quiet", cwd=empty)
        self.mlrepo("run", "--quiet", "--scratch", "../scratch", PYTHON, "a.py", cwd=empty)
        self.assertEqual(len(self.mlrepo("runs", cwd=empty).splitlines()), 1)
        self.assertEqual(sorted(os.listdir(empty)), [".mlrepo", "a.py"])
