"""What is done with recorded runs: written elsewhere with their code, executed again, traced both ways."""
import json
import os
import pty
import random
import shutil
import struct
import subprocess
import sys
from pathlib import Path

from command_test import MLREPO
from test_run import PYTHON, RunTest, digest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "Reader"))
import tiny_writer  # noqa: E402


def npy(values: list[float]) -> bytes:
    """A file of NumPy with an array of 32-bit floats."""
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({len(values)},), }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + struct.pack(f"<{len(values)}f", *values)


class ProvenanceTest(RunTest):
    """A working copy in git, with a program that makes a model of three files, a rate and a noise from outside."""

    def setUp(self) -> None:
        super().setUp()
        self.noise = self.root / "noise"
        self.noise.write_text("0")
        self.git("init", "--quiet")
        self.write(".gitignore", "/data\n/model\n/metrics.json\n/.mlrepo\n__pycache__\n")
        self.script("train.py", f"""
            import json, os, struct, sys
            import npy
            rate = json.load(open("params.json"))["rate"]
            rows = [open(f"data/{{name}}.txt").read() for name in "abc"]
            noise = float(open({str(self.noise)!r}).read())
            os.makedirs("model", exist_ok=True)
            npy.write("model/w.npy", [len(row) * rate + noise for row in rows])
            json.dump({{"f1": rate + noise, "name": "f"}}, open("metrics.json", "w"))
            """)
        self.script("npy.py", """
            import struct
            def write(path, values):
                header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({len(values)},), }}".encode()
                header += b" " * (-(len(header) + 11) % 64) + b"\\n"
                with open(path, "wb") as file:
                    file.write(b"\\x93NUMPY\\x01\\x00" + struct.pack("<H", len(header)) + header
                               + struct.pack(f"<{len(values)}f", *values))
            """)
        self.write("params.json", '{"rate": 0.5}')
        self.git("add", "train.py", "npy.py", ".gitignore")
        self.git("commit", "--quiet", "-m", "Code")

    def train(self) -> dict:
        """A version that a run made, as the answer tells it."""
        return json.loads(self.mlrepo("run", "--json", "-m", "Model", PYTHON, "train.py"))

    def reproduced(self, *words: str, status: int = 0) -> dict:
        answer = json.loads(self.mlrepo("reproduce", "--yes", "--json", *words, status=status))
        self.assertEqual([path.name for path in self.root.glob("work-reproduce-*")], [])
        self.assertEqual(len(self.mlrepo("worktree", "list").splitlines()), 1)
        return answer

    def chain(self) -> None:
        """Five steps, each made from what the one before has written: no version has any of it."""
        self.script("step.py", """
            import os, sys
            *sources, target = sys.argv[1:]
            os.makedirs(os.path.dirname(target) or ".", exist_ok=True)
            text = "".join(open(source).read() for source in sources)
            open(target, "w").write(f"{os.path.basename(target)}\\n{text}")
            """)
        self.git("add", "step.py")
        self.git("commit", "--quiet", "-m", "Steps")
        for words in [["data/a.txt", "data/b.txt", "clean/all.txt"], ["clean/all.txt", "base/model.bin"],
                      ["base/model.bin", "data/c.txt", "tuned/model.bin"], ["tuned/model.bin", "score.txt"]]:
            self.mlrepo("run", "--quiet", PYTHON, "step.py", *words)

    def commands(self, *words: str) -> list[str]:
        """What would be executed again."""
        runs = json.loads(self.mlrepo("rerun", "--dry-run", "--json", *words))["runs"]
        return [run["command"][-1] for run in runs if run["stale"]]


class CodeElsewhere(ProvenanceTest):
    def test_data_and_code_come_back_as_they_were(self) -> None:
        self.write("train.py", (self.work / "train.py").read_text() + "# not committed\n")
        self.write("new.py", "# new, and read by nobody\n")
        made = self.train()
        trained = {path: (self.work / path).read_bytes() for path in ["train.py", "npy.py", "new.py", "params.json", "model/w.npy"]}
        self.git("commit", "--quiet", "-am", "Later")
        (self.work / "train.py").write_text("# something else")
        (self.work / "new.py").unlink()
        self.write("params.json", '{"rate": 7}')
        told = json.loads(self.mlrepo("checkout", made["commit"], "--to", "../copy", "--code", "--json"))
        copy = self.root / "copy"
        self.assertEqual({path: (copy / path).read_bytes() for path in trained}, trained)
        self.assertEqual((copy / "data/a.txt").read_text(), "row a\n")
        self.assertEqual(told["code"]["run"], made["run"]["id"])
        status = subprocess.run(["git", "status", "--short"], cwd=copy, capture_output=True, text=True, check=True).stdout
        self.assertEqual(sorted(status.split()), ["??", "??", "M", "new.py", "params.json", "train.py"])
        self.assertEqual(list(copy.glob(".mlrepo*")), [])

    def test_a_working_copy_in_a_directory_of_git_keeps_its_place(self) -> None:
        top = self.root / "top"
        (top / "ml").mkdir(parents=True)
        self.git("init", "--quiet", cwd=top)
        (top / "library.py").write_text("x = 1\n")
        (top / "ml/train.py").write_text("import sys; sys.path.insert(0, '..'); import library; open('out.txt', 'w').write('o')\n")
        (top / ".gitignore").write_text("/ml/.mlrepo\n/ml/out.txt\n__pycache__\n")
        self.git("add", ".", cwd=top)
        self.git("commit", "--quiet", "-m", "Code", cwd=top)
        self.mlrepo("init", cwd=top / "ml")
        self.mlrepo("run", "-m", "Out", PYTHON, "train.py", cwd=top / "ml")
        self.mlrepo("checkout", "main", "--to", str(self.root / "copy"), "--code", cwd=top / "ml")
        found = sorted(str(path.relative_to(self.root / "copy")) for path in (self.root / "copy").glob("[!.]*/**/*.*"))
        self.assertEqual(found, ["ml/out.txt", "ml/train.py"])
        self.assertTrue((self.root / "copy/library.py").exists())
        answer = json.loads(self.mlrepo("reproduce", "--yes", "--json", cwd=top / "ml"))
        self.assertEqual(answer["result"], "identical")

    def test_a_commit_that_no_branch_has_and_a_submodule_come_too(self) -> None:
        inner = self.root / "inner"
        inner.mkdir()
        self.git("init", "--quiet", cwd=inner)
        (inner / "tool.py").write_text("tool = 1\n")
        self.git("add", ".", cwd=inner)
        self.git("commit", "--quiet", "-m", "Inner", cwd=inner)
        self.git("submodule", "--quiet", "add", str(inner), "lib")
        self.git("commit", "--quiet", "-m", "With a submodule")
        # Both have gone on, and have changes beyond that.
        (self.work / "lib/tool.py").write_text("tool = 2\n")
        self.git("commit", "--quiet", "-am", "Second", cwd=self.work / "lib")
        (self.work / "lib/tool.py").write_text("tool = 3\n")
        made = self.train()
        self.git("-C", "lib", "checkout", "--quiet", "--force", "HEAD~1")
        self.git("commit", "--quiet", "--amend", "--allow-empty", "-m", "Amended")
        self.mlrepo("checkout", made["commit"], "--to", "../copy", "--code")
        self.assertEqual((self.root / "copy/lib/tool.py").read_text(), "tool = 3\n")

    def test_what_was_interrupted_goes_on(self) -> None:
        made = self.train()
        for call, number in [("rename,renameat,renameat2", n) for n in (1, 2, 4)] + [("openat", 260)]:
            target = self.root / f"copy-{call[:2]}{number}"
            done = subprocess.run(
                [*self.under_strace("-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={number}"), MLREPO,
                 "checkout", made["commit"], "--to", str(target), "--code"],
                cwd=self.work, env=self.environment, capture_output=True)
            if done.returncode:
                self.mlrepo("checkout", made["commit"], "--to", str(target), "--code")
            self.assertEqual((target / "train.py").read_text(), (self.work / "train.py").read_text())
            self.assertEqual((target / "data/b.txt").read_text(), "row b\n")
            self.assertEqual([path.name for path in target.glob(".mlrepo*")], [])
            self.assertTrue((target / ".git/HEAD").exists())

    def test_without_the_revision_nothing_is_written_and_a_clone_helps(self) -> None:
        made = self.train()
        clone = self.root / "clone"
        self.git("clone", "--quiet", str(self.work), str(clone))
        os.rename(self.work / ".git", self.root / "git-elsewhere")
        self.mlrepo("checkout", made["commit"], "--to", "../copy", "--code", status=66)
        self.assertIn("no repository of git here has it", self.stderr)
        self.assertIn("--git CODE", self.stderr)
        self.assertFalse((self.root / "copy").exists())
        self.mlrepo("checkout", made["commit"], "--to", "../copy", "--code", "--git", str(clone))
        self.assertEqual((self.root / "copy/npy.py").read_bytes(), (self.work / "npy.py").read_bytes())

    def test_options_without_what_they_belong_to_are_refused(self) -> None:
        self.mlrepo("run", "--quiet", "-m", "Model", PYTHON, "train.py")
        self.refused("checkout", "main", "--code", status=64, says="--to")
        self.refused("checkout", "main", "--git", "x", "--to", "y", status=64, says="--code")
        self.refused("checkout", "main~1", "--to", "../old", "--code", "--git", "nowhere", status=66, says="no code is recorded")

    def test_links_of_the_code_lead_nowhere(self) -> None:
        """Code that has a link where data lies: what is written stays in the directory."""
        outside = self.root / "outside"
        outside.mkdir()
        os.symlink(outside, self.work / "linked")
        self.git("add", "-f", "linked")
        self.git("commit", "--quiet", "-m", "A link")
        (self.work / "linked").unlink()
        self.write("linked/file.txt", "data\n")
        self.mlrepo("add", "linked")
        self.train()
        self.mlrepo("commit", "-m", "Linked")
        self.mlrepo("checkout", "main", "--to", "../copy", "--code")
        self.assertEqual((self.root / "copy/linked/file.txt").read_text(), "data\n")
        self.assertEqual(list(outside.iterdir()), [])

    def test_a_version_of_several_runs_has_the_code_of_all(self) -> None:
        os.rename(self.work / ".git", self.root / "git-elsewhere")
        self.write("one.py", "open('one.txt', 'w').write('1')")
        self.write("two.py", "open('two.txt', 'w').write(open('one.txt').read())")
        self.mlrepo("run", "--quiet", PYTHON, "one.py")
        self.mlrepo("run", "--quiet", PYTHON, "two.py")
        self.mlrepo("add", "one.txt", "two.txt")
        self.mlrepo("commit", "--quiet", "-m", "Both")
        self.mlrepo("checkout", "main", "--to", "../copy", "--code")
        self.assertEqual(self.stderr, "")
        self.assertTrue((self.root / "copy/one.py").exists() and (self.root / "copy/two.py").exists())
        self.write("one.py", "open('one.txt', 'w').write('2')")
        self.mlrepo("run", "--quiet", PYTHON, "one.py")
        self.write("one.py", "open('other.txt', 'w').write('3')")
        self.mlrepo("run", "--quiet", PYTHON, "one.py")
        self.mlrepo("add", "other.txt")
        self.mlrepo("commit", "--quiet", "-m", "Others")
        self.mlrepo("checkout", "main", "--to", "../other", "--code")
        self.assertIn("had other code", self.stderr)
        self.assertIn("other.txt", (self.root / "other/one.py").read_text())

    def test_the_code_of_runs_of_earlier_versions_comes_too(self) -> None:
        os.rename(self.work / ".git", self.root / "git-elsewhere")
        self.write("one.py", "open('one.txt', 'w').write('1')")
        self.write("two.py", "open('two.txt', 'w').write(open('one.txt').read())")
        self.mlrepo("run", "--quiet", "-m", "One", PYTHON, "one.py")
        self.mlrepo("run", "--quiet", "-m", "Two", PYTHON, "two.py")
        (self.work / "one.py").unlink()
        self.mlrepo("checkout", "main", "--to", "../copy", "--code")
        self.assertTrue((self.root / "copy/one.py").exists() and (self.root / "copy/two.py").exists())

    def test_a_run_is_written_as_it_left_the_files(self) -> None:
        run = self.observed("sh", "-c", "cat data/a.txt > new.txt; rm data/b.txt; exit 3", status=3)
        self.mlrepo("checkout", f"run:{run['name'][:8]}", "--to", "../copy")
        found = sorted(str(path.relative_to(self.root / "copy")) for path in (self.root / "copy").rglob("*.txt"))
        self.assertEqual(found, ["data/a.txt", "data/c.txt", "new.txt"])


class Hostile(ProvenanceTest):
    """Records that somebody wrote by hand to have something done that nobody wants."""

    def setUp(self) -> None:
        super().setUp()
        self.outside = self.root / "outside"
        self.outside.mkdir()
        (self.outside / "keep.txt").write_text("keep")
        os.symlink(self.outside, self.work / "link")
        self.git("add", "-f", "link")
        self.git("commit", "--quiet", "-m", "A link")
        self.revision = subprocess.run(["git", "rev-parse", "HEAD"], cwd=self.work, capture_output=True, text=True, check=True).stdout.strip()

    def store(self, change) -> None:
        """A store with a version that a run made, of which `change` writes the record, and a working copy on it."""
        place = self.root / "hostile"
        store = tiny_writer.TinyStore(place)
        root = store.refs({})
        store.operate(root, event=store.event(None, root, verb="init"), added=[store.flush()])
        files = {b"data": store.directory({b"x": store.file(b"1")})}
        base = store.commit(store.directory(files), message="base")
        store.operate(store.refs({"branches/main": ("commit", base)}))
        members = {
            "origin": "observed", "observedBy": "seccomp", "recorded": 9, "started": 7, "ended": 8, "exitStatus": 0,
            "user": tiny_writer.PERSON, "base": base.hex(), "name": "ab" * 16, "command": {"arguments": ["sh", "-c", "echo hi > out"]},
            "outputs": store.directory({b"out": store.file(b"hi\n")})[0].hex(),
            "inputs": store.directory(files)[0].hex(), "code": {"system": "git", "dirty": False, "revision": self.revision}}
        change(store, members)
        run = store.run(**members)
        made = store.commit(store.directory({**files, b"out": store.file(b"hi\n")}), message="made", parents=[base.hex()], runs=[run])
        store.operate(store.refs({"branches/main": ("commit", made), "runs/" + "ab" * 16: ("run", bytes.fromhex(run))}))
        for path in self.work.glob(".mlrepo"):
            os.rename(path, self.root / "own")
        self.mlrepo("init", "--quiet", "--store", str(place))
        self.mlrepo("checkout", "--quiet", "--force", "main")

    def attacked(self, change) -> None:
        """Whatever becomes of it, nothing outside of the directory that was named changes, and nothing else is executed."""
        self.store(change)
        for words in (["checkout", "main", "--to", "../copy", "--code"], ["reproduce", "main", "--yes", "--to", "../again"], ["rerun", "--yes"]):
            done = self.run_raw(*words)
            self.assertIn(done.returncode, (0, 1, 64, 65, 66, 73, 74), (words, done.stderr))
        self.assertEqual([(path.name, path.read_text()) for path in self.outside.iterdir()], [("keep.txt", "keep")])
        self.assertEqual(list(self.root.glob("*pwned*")) + list(self.work.glob("*pwned*")), [])

    def test_a_revision_that_is_an_option(self) -> None:
        def change(store, run) -> None:
            run["code"]["revision"] = f"--upload-pack=touch {self.root}/pwned"
        self.attacked(change)
        self.refused("checkout", "main", "--to", "../other", "--code", status=74, says="which is none")

    def test_an_address_that_executes_commands_is_never_asked(self) -> None:
        def change(store, run) -> None:
            run["code"] |= {"revision": "12" * 20, "remote": f"ext::sh -c touch% {self.root}/pwned"}
        self.attacked(change)

    def test_code_below_a_link_of_the_revision(self) -> None:
        def change(store, run) -> None:
            run["code"] |= {"directory": "link", "sources": store.directory({b"keep.txt": store.file(b"evil"), b"new.py": store.file(b"evil")})[0].hex()}
        self.attacked(change)

    def test_code_below_a_link_that_the_patch_makes(self) -> None:
        def change(store, run) -> None:
            patch = (f"diff --git a/sub b/sub\nnew file mode 120000\n--- /dev/null\n+++ b/sub\n@@ -0,0 +1 @@\n+{self.outside}\n"
                     "\\ No newline at end of file\n")
            run["code"] |= {"dirty": True, "patch": store.file(patch.encode())[1].hex(), "directory": "sub/deep",
                            "sources": store.directory({b"new.py": store.file(b"evil")})[0].hex()}
        self.attacked(change)

    def test_a_patch_that_leads_out_or_into_hooks(self) -> None:
        for target in ["../outside/new", ".git/hooks/pre-commit", "link/new"]:
            with self.subTest(target):
                def change(store, run, target=target) -> None:
                    patch = f"diff --git a/{target} b/{target}\nnew file mode 100755\n--- /dev/null\n+++ b/{target}\n@@ -0,0 +1 @@\n+evil\n"
                    run["code"] |= {"dirty": True, "patch": store.file(patch.encode())[1].hex()}
                self.attacked(change)
                self.assertEqual(list(self.root.glob("*/.git/hooks/pre-commit")), [])
                for name in ["hostile", "own", "copy", "again"]:
                    shutil.rmtree(self.root / name, ignore_errors=True)

    def test_variables_that_make_programs_execute_something_else_are_not_set(self) -> None:
        def change(store, run) -> None:
            run["environment"] = {"variable.LD_PRELOAD": "/x.so", "variable.PATH": str(self.root), "variable.XLA_FLAGS": "x"}
            run["command"] = {"arguments": ["sh", "-c", "echo \"$LD_PRELOAD$XLA_FLAGS\" > out"]}
        self.store(change)
        self.mlrepo("reproduce", "main", "--yes", "--to", "../again", status=1)
        self.assertEqual((self.root / "again/out").read_text(), "\n")

    def test_a_directory_of_execution_behind_a_link(self) -> None:
        def change(store, run) -> None:
            run["command"] = {"arguments": ["sh", "-c", "echo hi > new"], "directory": "link/deep"}
        self.attacked(change)


class Reproduced(ProvenanceTest):
    def test_the_same_bytes_are_identical_from_another_working_copy_too(self) -> None:
        made = self.train()
        answer = self.reproduced("main")
        self.assertEqual((answer["result"], answer["run"], answer["inputs"]), ("identical", made["run"]["id"], []))
        self.assertEqual({output["path"] for output in answer["outputs"]}, {"model/w.npy", "metrics.json"})
        self.assertTrue(all(output["equal"] and output["expected"] == output["actual"] for output in answer["outputs"]))
        self.mlrepo("worktree", "add", "../second", "main")
        second = json.loads(self.mlrepo("reproduce", "--yes", "--json", cwd=self.root / "second"))
        self.assertEqual(second["result"], "identical")
        self.assertIn("again  identical: 2 outputs, the same bytes", self.mlrepo("blame", "model/w.npy"))
        self.assertIn("again  identical", self.mlrepo("show"))
        blamed = json.loads(self.mlrepo("blame", "--json", "model/w.npy"))["run"]["reproductions"]
        self.assertEqual([entry["result"] for entry in blamed], ["identical", "identical"])
        self.verify()

    def test_what_differs_is_named_with_the_input_that_does(self) -> None:
        self.train()
        self.write("data/b.txt", "another row\n")
        answer = self.reproduced("main", "--with", "data/b.txt", status=1)
        self.assertEqual(answer["result"], "different")
        self.assertEqual([entry["name"] for entry in answer["inputs"]], ["data/b.txt"])
        [output] = [output for output in answer["outputs"] if not output["equal"]]
        self.assertEqual((output["path"], output["detail"]), ("model/w.npy", "the array, element 1: 3.0, and 6.0 now"))
        self.assertEqual(output["maxAbsoluteDifference"], 3.0)
        self.assertIn("it had another data/b.txt", self.mlrepo("show"))
        self.assertEqual((self.work / "data/b.txt").read_text(), "another row\n")

    def test_external_data_that_changed_is_named(self) -> None:
        self.train()
        self.noise.write_text("1")
        answer = self.reproduced("main", status=1)
        self.assertEqual([entry["name"] for entry in answer["inputs"]], [str(self.noise)])

    def test_a_tolerance_grants_numbers_and_nothing_else(self) -> None:
        self.train()
        self.noise.write_text("1e-4")
        exact = self.reproduced("main", status=1)
        self.assertEqual(exact["result"], "different")
        near = self.reproduced("main", "--tolerance", "1e-3")
        self.assertEqual(near["result"], "equivalent")
        differences = {output["path"]: output["maxAbsoluteDifference"] for output in near["outputs"]}
        self.assertAlmostEqual(differences["model/w.npy"], 1e-4, delta=1e-6)
        self.assertAlmostEqual(differences["metrics.json"], 1e-4, delta=1e-9)
        self.reproduced("main", "--tolerance", "1e-5", status=1)
        self.noise.write_text("nan")
        self.assertEqual(self.reproduced("main", "--tolerance", "1e300", status=1)["result"], "different")
        for wrong in ["x", "-1", "nan", "inf"]:
            self.mlrepo("reproduce", "--tolerance", wrong, status=64)

    def test_what_is_exchanged_for_the_same_is_told(self) -> None:
        self.train()
        answer = self.reproduced("main", "--with", "data/a.txt", "--with", "npy.py")
        self.assertEqual(answer["result"], "identical")

    def test_only_some_outputs_may_count(self) -> None:
        self.train()
        self.script("other.py", "import time; open('log.txt', 'w').write(str(time.time())); open('fixed.txt', 'w').write('x')")
        self.mlrepo("run", "--quiet", "-m", "Other", PYTHON, "other.py")
        self.reproduced("main", status=1)
        answer = self.reproduced("main", "--", "fixed.txt")
        self.assertEqual((answer["result"], len(answer["outputs"])), ("identical", 1))

    def test_it_has_what_was_not_committed_then_and_not_what_is_here_now(self) -> None:
        self.write("data/a.txt", "changed, in no version\n")
        self.write("train.py", (self.work / "train.py").read_text() + "# changed\n")
        run = self.observed(PYTHON, "train.py")
        self.mlrepo("checkout", "--force", "HEAD", "--", "data")
        (self.work / "train.py").write_text("raise SystemExit(9)\n")
        self.write("params.json", '{"rate": 99}')
        answer = self.reproduced(f"run:{run['name'][:8]}")
        self.assertEqual((answer["result"], answer["inputs"]), ("identical", []))

    def test_without_git_the_modules_come_from_the_run(self) -> None:
        """Also those that Python had compiled before: it reads only the compiled form."""
        os.rename(self.work / ".git", self.root / "git-elsewhere")
        subprocess.run([PYTHON, "train.py"], cwd=self.work, env=self.environment, check=True)
        self.assertTrue((self.work / "__pycache__").exists())
        run = self.observed(PYTHON, "train.py")
        self.assertEqual(run["sources"], ["npy.py", "params.json", "train.py"])
        for name in ["npy.py", "train.py"]:
            (self.work / name).unlink()
        self.assertEqual(self.reproduced(f"run:{run['name'][:8]}")["result"], "identical")

    def test_it_fails_where_it_ends_otherwise(self) -> None:
        self.train()
        self.noise.unlink()
        answer = json.loads(self.mlrepo("reproduce", "--yes", "--json", status=1))
        self.assertIn("FileNotFoundError", self.stderr)
        self.assertEqual((answer["result"], list(self.root.glob("work-reproduce-*"))), ("failed", []))
        self.assertIn("repeats run", self.mlrepo("runs"))

    def test_what_cannot_be_repeated_says_why(self) -> None:
        self.refused("reproduce", "--yes", status=64, says="was executed by mlrepo run")
        made = self.train()
        self.mlrepo("run", "-m", "More", "sh", "-c", "echo x > more.txt")
        self.refused("reproduce", "--yes", "main:data/a.txt", status=64, says="no run that mlrepo executed made data/a.txt")
        self.refused("reproduce", "--yes", "run:0000", status=66, says="no run")
        self.refused("reproduce", "--yes", "--with", "none", "main~1", status=66, says="no file")
        self.refused("reproduce", "--yes", "--with", "data", "main", status=66, says="read nothing at data")
        self.refused("reproduce", "--yes", "main", "--", "nope", status=66, says="wrote nothing at nope")
        (self.root / "full").mkdir()
        (self.root / "full/x").write_text("x")
        self.refused("reproduce", "--yes", "--to", "../full", "main", status=73, says="exists already")
        self.assertEqual((self.root / "full/x").read_text(), "x")
        self.assertEqual(self.reproduced("main:model/w.npy")["run"], made["run"]["id"])

    def test_of_several_runs_one_has_to_be_named(self) -> None:
        self.observed("sh", "-c", "echo 1 > one.txt")
        self.observed("sh", "-c", "echo 2 > two.txt")
        self.mlrepo("add", "one.txt", "two.txt")
        self.mlrepo("commit", "--quiet", "-m", "Both")
        self.refused("reproduce", "--yes", status=64, says="2 runs made; name one: run:")
        self.assertEqual(self.reproduced("main:one.txt")["result"], "identical")

    def test_nothing_is_executed_unless_somebody_says_so(self) -> None:
        self.train()
        before = self.mlrepo("operations")
        self.refused("reproduce", status=64, says="--yes executes what is shown")
        self.assertIn("executes", self.stderr)
        for answer, status in [("n", 1), ("", 1), ("y", 0)]:
            parent, child = pty.openpty()
            process = subprocess.Popen([MLREPO, "reproduce"], stdin=child, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                       cwd=self.work, env=self.environment)
            os.write(parent, f"{answer}\n".encode())
            out, error = process.communicate(timeout=60)
            self.assertEqual(process.returncode, status, error)
            if status:
                self.assertEqual((out, self.mlrepo("operations")), (b"", before))
            os.close(parent)
            os.close(child)

    def test_a_program_of_the_run_itself_is_executed_and_not_that_of_today(self) -> None:
        self.script("train.sh", """\
            #!/bin/sh
            cat data/a.txt > out.txt; echo old >> out.txt
            """)
        os.chmod(self.work / "train.sh", 0o755)
        self.git("add", "train.sh")
        self.git("commit", "--quiet", "-m", "Shell")
        self.mlrepo("run", "--quiet", "-m", "Old", "./train.sh")
        self.write("train.sh", "#!/bin/sh\nexit 7\n")
        self.assertEqual(self.reproduced("main")["result"], "identical")

    def test_a_directory_in_which_something_is_stays_as_it_is(self) -> None:
        top = self.root / "top"
        (top / "ml/data").mkdir(parents=True)
        self.git("init", "--quiet", cwd=top)
        (top / "ml/data/x").write_text("1")
        (top / "ml/train.py").write_text("open('out.txt', 'w').write(open('data/x').read())\n")
        self.git("add", "ml/train.py", cwd=top)
        self.git("commit", "--quiet", "-m", "Code", cwd=top)
        for words in [["init"], ["add", "data"], ["commit", "-m", "Data"], ["run", "-m", "Out", PYTHON, "train.py"]]:
            self.mlrepo(*words, cwd=top / "ml")
        mine = self.root / "mine"
        mine.mkdir()
        (mine / "thesis.txt").write_text("precious")
        self.mlrepo("reproduce", "--yes", "--to", str(mine), status=73, cwd=top / "ml")
        self.assertEqual([path.name for path in mine.iterdir()], ["thesis.txt"])
        for place in [".git/x", ".mlrepo/x"]:
            self.refused("checkout", "main", "--to", place, status=64, says="place of its own", cwd=top / "ml")

    def test_what_is_exchanged_is_not_written_through_a_link(self) -> None:
        scratch = self.root / "scratch"
        scratch.mkdir()
        (scratch / "labels.csv").write_text("labels")
        os.symlink(scratch, self.work / "linked")
        self.mlrepo("add", "linked")
        self.mlrepo("commit", "--quiet", "-m", "A link")
        self.mlrepo("run", "--quiet", "-m", "Made", "sh", "-c", "cat linked/labels.csv data/a.txt > out.txt")
        (self.work / "linked").unlink()
        self.write("linked/labels.csv", "new")
        self.mlrepo("add", "linked")
        self.run_raw("reproduce", "main", "--yes", "--with", "linked")
        self.assertEqual([(path.name, path.read_text()) for path in scratch.iterdir()], [("labels.csv", "labels")])
        self.assertEqual([path.name for path in self.root.glob("work-reproduce-*")], [])

    def test_what_is_gone_from_an_exchanged_directory_is_gone_there(self) -> None:
        self.mlrepo("run", "--quiet", "-m", "Made", "sh", "-c", "cat data/* > out.txt")
        (self.work / "data/b.txt").unlink()
        self.assertEqual(self.reproduced("main", "--with", "data", status=1)["result"], "different")

    def test_an_interrupted_one_proves_nothing(self) -> None:
        self.script("slow.py", """
            import os, signal, time
            open("out.txt", "w").write("x")
            if os.path.basename(os.getcwd()).startswith("work-"): os.kill(os.getppid(), signal.SIGTERM); time.sleep(30)
            """)
        self.mlrepo("run", "--quiet", "-m", "Slow", PYTHON, "slow.py")
        done = self.run_raw("reproduce", "--yes")
        self.assertEqual(done.returncode, 143, done.stderr)
        self.assertNotIn("again", self.mlrepo("show"))
        self.assertEqual([path.name for path in self.root.glob("work-reproduce-*")], [])

    def test_code_that_git_writes_otherwise_is_named(self) -> None:
        self.git("config", "filter.q.clean", "sed s/A/B/")
        self.git("config", "filter.q.smudge", "sed s/B/A/")
        self.write(".gitattributes", "*.flt filter=q\n")
        self.write("p.flt", "AAA\n")
        self.git("add", ".gitattributes", "p.flt")
        self.git("commit", "--quiet", "-m", "Filtered")
        self.mlrepo("run", "--quiet", "-m", "Made", "sh", "-c", "cat data/a.txt p.flt > out.txt")
        self.mlrepo("checkout", "main", "--to", "../copy", "--code")
        self.assertIn("p.flt; filters and line ends", self.stderr)
        answer = self.reproduced("main", status=1)
        self.assertEqual([entry["name"] for entry in answer["inputs"]], ["p.flt"])

    def test_code_has_no_place_in_our_own_directory(self) -> None:
        self.write("sub/.mlrepo/config", "user.name = Mallory\n")
        self.git("init", "--quiet", cwd=self.work / "sub")
        self.git("add", "-f", ".", cwd=self.work / "sub")
        self.git("commit", "--quiet", "-m", "Inner", cwd=self.work / "sub")
        os.rename(self.work / ".git", self.root / "git-elsewhere")
        os.rename(self.work / "sub/.git", self.work / ".git")
        os.rename(self.work / "sub/.mlrepo", self.root / "config-of-another")
        (self.work / ".mlrepo/.gitignore").unlink()
        self.mlrepo("run", "--quiet", "-m", "Made", "sh", "-c", "cat data/a.txt > out.txt")
        self.mlrepo("checkout", "main", "--to", "../copy", "--code")
        self.assertFalse((self.root / "copy/.mlrepo").exists())

    def test_where_it_was_executed_stays_where_that_was_wanted(self) -> None:
        self.train()
        self.mlrepo("reproduce", "--yes", "--to", "../kept")
        self.assertEqual((self.root / "kept/model/w.npy").read_bytes(), (self.work / "model/w.npy").read_bytes())
        self.assertEqual(len(self.mlrepo("worktree", "list").splitlines()), 2)

    def test_variables_are_as_they_were_and_only_those_that_are_known_to_be_harmless(self) -> None:
        self.environment["PYTHONHASHSEED"] = "7"
        self.environment["LD_TRACE"] = "x"
        self.script("hash.py", "import os; open('hash.txt', 'w').write(repr([os.environ.get(n) for n in ['PYTHONHASHSEED', 'OMP_NUM_THREADS']]))")
        self.mlrepo("run", "--quiet", "-m", "Hash", PYTHON, "hash.py")
        self.environment["PYTHONHASHSEED"] = "8"
        self.environment["OMP_NUM_THREADS"] = "3"
        self.assertEqual(self.reproduced("main")["result"], "identical")

    def test_a_program_of_an_environment_here_is_used(self) -> None:
        self.write("venv/pyvenv.cfg", "home = /usr/bin\n")
        (self.work / "venv/bin").mkdir()
        os.symlink("/bin/sh", self.work / "venv/bin/sh")
        self.mlrepo("run", "--quiet", "-m", "Model", "venv/bin/sh", "-c", "cat data/a.txt > model.txt")
        self.assertEqual(self.reproduced("main")["result"], "identical")

    def test_its_operations_are_not_undone_here(self) -> None:
        self.train()
        self.reproduced("main")
        self.mlrepo("undo")
        self.assertEqual([json.loads(line)["message"] for line in self.mlrepo("log", "--json").splitlines()], ["Data"])

    def test_a_repetition_makes_nothing_that_is_committed(self) -> None:
        run = self.observed(PYTHON, "train.py")
        self.reproduced(f"run:{run['name']}")
        self.mlrepo("add", "model")
        self.mlrepo("commit", "--quiet", "-m", "Model")
        self.assertEqual(json.loads(self.mlrepo("blame", "--json", "model/w.npy"))["run"]["name"], run["name"])

    def test_a_command_that_leads_elsewhere_is_shown_as_it_is(self) -> None:
        self.mlrepo("run", "--quiet", "-m", "Odd", "sh", "-c", "echo x > 'out put'; : $'\x1b[31m'", "a\nb")
        self.refused("reproduce", status=64, says="\\x1b[31m")
        self.assertNotIn("\x1b", self.stderr)
        self.assertEqual(self.reproduced("main")["result"], "identical")


class Traced(ProvenanceTest):
    def test_both_ways_across_a_chain_of_which_no_version_has_anything(self) -> None:
        self.chain()
        blame = json.loads(self.mlrepo("blame", "--json", "score.txt"))
        seen = []
        while True:
            seen.append(blame["run"]["command"][-1])
            made = [entry for entry in blame["inputs"] if "upstream" in entry and entry["upstream"]["run"]["origin"] == "observed"]
            if not made:
                break
            [entry] = made
            blame = entry["upstream"]
        self.assertEqual(seen, ["score.txt", "tuned/model.bin", "base/model.bin", "clean/all.txt"])
        self.assertEqual([entry["path"] for entry in blame["inputs"]], ["data/a.txt", "data/b.txt"])
        impact = json.loads(self.mlrepo("impact", "--json", "data/a.txt"))
        self.assertEqual([(entry["path"], entry["distance"]) for entry in impact["artifacts"]], [
            ("clean/all.txt", 1), ("base/model.bin", 2), ("tuned/model.bin", 3), ("score.txt", 4)])
        self.assertEqual([entry["path"] for entry in json.loads(self.mlrepo("impact", "--json", "data/c.txt"))["artifacts"]],
                         ["tuned/model.bin", "score.txt"])
        self.assertEqual(json.loads(self.mlrepo("impact", "--json", "score.txt"))["artifacts"], [])

    def test_versions_branches_and_other_names_of_what_descends_are_told(self) -> None:
        self.chain()
        self.mlrepo("add", "tuned", "clean")
        self.mlrepo("commit", "--quiet", "-m", "Tuned")
        tuned = json.loads(self.mlrepo("log", "--json").splitlines()[0])["commit"]
        self.mlrepo("tag", "v1")
        self.mlrepo("mv", "tuned/model.bin", "tuned/renamed.bin")
        self.mlrepo("commit", "--quiet", "-m", "Renamed")
        impact = json.loads(self.mlrepo("impact", "--json", "main:data/b.txt"))
        [entry] = [entry for entry in impact["artifacts"] if entry["path"] == "tuned/model.bin"]
        self.assertEqual((entry["commit"], entry["refs"]), (tuned, ["main", "v1"]))
        self.assertIn(tuned, impact["commits"])
        self.assertIn("main as tuned/renamed.bin, v1", self.mlrepo("impact", "data/b.txt"))
        by_commit = json.loads(self.mlrepo("impact", "--json", "main~2"))
        self.assertEqual(len(by_commit["artifacts"]), 4)

    def test_a_file_that_was_read_from_outside_has_descendants(self) -> None:
        self.train()
        impact = json.loads(self.mlrepo("impact", "--json", str(self.noise)))
        self.assertEqual(sorted(entry["path"] for entry in impact["artifacts"]), ["metrics.json", "model/w.npy"])
        self.assertEqual(impact, json.loads(self.mlrepo("impact", "--json", str(self.noise))))
        by_id = json.loads(self.mlrepo("impact", "--json", digest("0")))
        self.assertEqual(by_id["artifacts"], impact["artifacts"])

    def test_a_file_is_known_by_its_bytes_wherever_it_lies(self) -> None:
        self.train()
        mailed = self.root / "mailed.npy"
        mailed.write_bytes((self.work / "model/w.npy").read_bytes())
        blame = json.loads(self.mlrepo("blame", "--json", str(mailed)))
        self.assertEqual((blame["path"], blame["message"]), ("model/w.npy", "Model"))
        # An older one, and one of a run without a version.
        self.write("params.json", '{"rate": 1}')
        run = self.observed(PYTHON, "train.py")
        self.assertEqual(json.loads(self.mlrepo("blame", "--json", "model/w.npy"))["run"]["name"], run["name"])
        self.assertNotIn("commit", json.loads(self.mlrepo("blame", "--json", "model/w.npy")))
        self.assertEqual(json.loads(self.mlrepo("blame", "--json", "main:model/w.npy"))["message"], "Model")
        mailed.write_bytes(b"unknown")
        self.refused("blame", str(mailed), status=1, says="no version and no run here has the bytes")
        self.refused("blame", str(self.root / "none"), status=66, says="no file")
        self.refused("blame", str(self.root), status=66, says="is no file")
        self.write("untracked.bin", "unknown, too")
        self.refused("blame", "untracked.bin", status=1, says="no version and no run here has the bytes")
        self.write("data/a.txt", "changed since")
        self.assertIn('came with  commit', self.mlrepo("blame", "data/a.txt"))
        self.assertIn("nobody knows its bytes", self.stderr)

    def test_code_has_descendants_and_no_origin(self) -> None:
        self.train()
        for name in ["npy.py", "params.json"]:
            impact = json.loads(self.mlrepo("impact", "--json", name))
            self.assertEqual(sorted(entry["path"] for entry in impact["artifacts"]), ["metrics.json", "model/w.npy"], name)
            self.refused("blame", name, status=1, says="is code that runs read")

    def test_code_of_git_beside_the_working_copy_is_code(self) -> None:
        top = self.root / "top"
        (top / "ml").mkdir(parents=True)
        (top / "lib").mkdir()
        self.git("init", "--quiet", cwd=top)
        (top / "lib/library.py").write_text("x = 1\n")
        (top / "ml/train.py").write_text("import sys; sys.path.insert(0, '../lib'); import library; open('out.txt', 'w').write('o')\n")
        self.git("add", "lib", "ml/train.py", cwd=top)
        self.git("commit", "--quiet", "-m", "Code", cwd=top)
        self.mlrepo("init", cwd=top / "ml")
        run = json.loads(self.mlrepo("run", "--json", PYTHON, "train.py", cwd=top / "ml"))["run"]
        self.assertEqual(run["external"], [])
        self.assertIn("nothing is stale", self.mlrepo("rerun", "--dry-run", cwd=top / "ml"))
        (top / "lib/library.py").write_text("x = 2\n")
        self.assertIn("../lib/library.py has changed", self.mlrepo("rerun", "--dry-run", cwd=top / "ml"))

    def test_the_run_that_wrote_a_path_is_told_before_others_with_the_same_bytes(self) -> None:
        self.mlrepo("run", "--quiet", "-m", "One", "sh", "-c", "echo same > x.txt")
        run = self.observed("sh", "-c", "echo same > y.txt")
        blame = json.loads(self.mlrepo("blame", "--json", "y.txt"))
        self.assertEqual((blame["path"], blame["run"]["name"]), ("y.txt", run["name"]))
        self.write("z.txt", "same\n")
        self.assertTrue(self.mlrepo("blame", "z.txt").startswith("z.txt  has the bytes of\n"))

    def test_what_the_command_prints_may_go_anywhere(self) -> None:
        with open(self.root / "log", "w") as log:
            done = subprocess.run([MLREPO, "run", "echo", "x"], cwd=self.work, env=self.environment, stdout=log, stderr=subprocess.PIPE, text=True)
        self.assertNotIn("outside", done.stderr)

    def test_before_the_first_commit_runs_tell(self) -> None:
        place = self.root / "empty"
        place.mkdir()
        self.mlrepo("init", cwd=place)
        self.mlrepo("run", "--quiet", "sh", "-c", "echo x > x.txt", cwd=place)
        self.assertIn("of which no version is made", self.mlrepo("blame", "x.txt", cwd=place))

    def test_depth_ends_it_and_a_graph_has_every_edge_once(self) -> None:
        self.chain()
        blame = json.loads(self.mlrepo("blame", "--json", "score.txt", "--depth", "1"))
        self.assertEqual([entry["untold"] for entry in blame["inputs"]], ["deeper"])
        two = json.loads(self.mlrepo("blame", "--json", "score.txt", "--depth", "2"))
        self.assertEqual([entry.get("untold") for entry in two["inputs"][0]["upstream"]["inputs"]], ["deeper", "deeper"])
        self.mlrepo("blame", "score.txt", "--depth", "0", status=64)
        self.mlrepo("blame", "score.txt", "--graph", "svg", status=64)
        lines = self.mlrepo("blame", "score.txt", "--graph", "dot").splitlines()
        self.assertEqual((lines[0], lines[-1], len(lines)), ("digraph blame {", "}", len(set(lines))))
        nodes = [line for line in lines if "label=" in line]
        edges = [line for line in lines if "->" in line]
        # Four runs, four files that they made, three rows, and the commit of these.
        self.assertEqual((len(nodes), len(edges)), (12, 4 + 6 + 3))

    def test_code_that_git_has_is_named_by_what_was_read(self) -> None:
        self.train()
        code = json.loads(self.mlrepo("show", "--json"))["runs"][-1]["code"]
        listed = self.mlrepo("cat", code["files"])
        self.assertEqual([line.split("  ")[1] for line in listed.splitlines()], ["npy.py", "train.py"])


class Again(ProvenanceTest):
    def test_one_executes_at_a_time(self) -> None:
        self.write("slow.sh", "cat data/a.txt >out.txt; touch up; until test -e go; do sleep 0.05; done")
        (self.work / "go").touch()
        self.mlrepo("run", "--quiet", "sh", "slow.sh")
        for name in ("go", "up"):
            (self.work / name).unlink()
        self.write("data/a.txt", "changed\n")
        with subprocess.Popen([MLREPO, "rerun", "--yes", "--quiet"], cwd=self.work, env=self.environment) as first:
            self.until(lambda: (self.work / "up").exists())
            self.refused("rerun", "--yes", status=75, says="another rerun executes here")
            (self.work / "go").touch()
        self.assertEqual((first.returncode, len(self.mlrepo("runs", "--json").splitlines())), (0, 2))

    def test_just_what_is_stale_is_executed_in_order(self) -> None:
        self.chain()
        self.assertEqual(self.commands(), [])
        self.write("data/c.txt", "another c\n")
        self.assertEqual(self.commands(), ["tuned/model.bin", "score.txt"])
        self.assertEqual(self.commands("base"), [])
        self.mlrepo("rerun", "--yes", "--quiet")
        self.assertEqual((self.work / "score.txt").read_text(),
                         "score.txt\nmodel.bin\nmodel.bin\nall.txt\nrow a\nrow b\nanother c\n")
        self.assertEqual(self.commands(), [])
        self.write("data/a.txt", "another a\n")
        self.assertEqual(self.commands(), ["clean/all.txt", "base/model.bin", "tuned/model.bin", "score.txt"])
        self.assertEqual(self.commands("base"), ["clean/all.txt", "base/model.bin"])
        answer = json.loads(self.mlrepo("rerun", "--yes", "--json", "base"))
        self.assertEqual([bool(run.get("executed")) for run in answer["runs"]], [True, True])
        self.assertEqual(self.commands(), ["tuned/model.bin", "score.txt"])

    def test_what_makes_the_same_again_ends_it(self) -> None:
        self.chain()
        self.write("step.py", (self.work / "step.py").read_text() + "# a comment\n")
        self.assertEqual(len(self.commands()), 4)
        self.mlrepo("rerun", "--yes", "clean")
        # The others read the program, too.
        self.assertEqual(len(self.commands()), 3)
        self.mlrepo("rerun", "--yes")
        self.script("clean.py", "open('sum.txt', 'w').write(str(len(open('data/a.txt').read())))")
        self.script("use.py", "open('used.txt', 'w').write(open('sum.txt').read())")
        self.mlrepo("run", "--quiet", PYTHON, "clean.py")
        self.mlrepo("run", "--quiet", PYTHON, "use.py")
        self.write("data/a.txt", "ROW A\n")
        told = self.mlrepo("rerun", "--yes", "used.txt")
        self.assertIn("1 run executed again, 1 found as before", told)
        self.assertEqual(self.commands("used.txt"), [])

    def test_code_of_git_parameters_new_files_and_outputs_count(self) -> None:
        self.train()
        self.assertEqual(self.commands(), [])
        for name, text in [("npy.py", "# more\n"), ("params.json", " "), (str(self.noise), "0")]:
            place = self.work / name
            before = place.read_text()
            place.write_text(before + text)
            self.assertEqual(self.commands(), ["train.py"], name)
            place.write_text(before)
            self.assertEqual(self.commands(), [])
        # It reads files by their names, and does not list what there is.
        self.write("data/d.txt", "a new row\n")
        self.assertEqual(self.commands(), [])
        (self.work / "data/d.txt").unlink()
        self.write(".gitignore", (self.work / ".gitignore").read_text() + "# nobody reads this\n")
        self.assertEqual(self.commands(), [])
        os.remove(self.work / "model/w.npy")
        self.assertEqual(self.commands(), ["train.py"])
        self.assertIn("which it wrote, is gone", self.mlrepo("rerun", "--dry-run"))

    def test_the_first_that_fails_ends_it(self) -> None:
        self.chain()
        self.write("step.py", "raise SystemExit(4)\n")
        before = len(self.mlrepo("runs").splitlines())
        self.refused("rerun", "--yes", status=1, says="what depends on it was not executed")
        self.assertEqual(len(self.mlrepo("runs").splitlines()), before + 1)

    def test_nothing_is_executed_unless_somebody_says_so(self) -> None:
        self.chain()
        self.write("data/c.txt", "x")
        before = self.mlrepo("operations")
        self.refused("rerun", status=64, says="--yes executes what is shown")
        self.assertEqual(self.mlrepo("operations"), before)

    def test_of_runs_that_wrote_the_same_file_the_last_one_counts(self) -> None:
        self.observed("sh", "-c", "cat data/a.txt > out.txt")
        self.observed("sh", "-c", "cat data/b.txt > out.txt")
        self.write("data/a.txt", "x")
        self.assertEqual(self.commands(), [])
        self.write("data/b.txt", "x")
        self.assertEqual(len(self.commands()), 1)

    def test_what_is_here_was_made_by_the_run_that_wrote_these_bytes(self) -> None:
        self.mlrepo("run", "--quiet", "-m", "One", "sh", "-c", "cat data/a.txt > out.txt; echo 1 >> out.txt")
        self.mlrepo("run", "--quiet", "-m", "Two", "sh", "-c", "cat data/a.txt > out.txt; echo 2 >> out.txt")
        self.mlrepo("checkout", "--quiet", "main~1")
        self.assertEqual(self.commands(), [])
        self.write("data/a.txt", "x")
        [run] = json.loads(self.mlrepo("rerun", "--dry-run", "--json"))["runs"]
        self.assertIn("echo 1", run["command"][-1])

    def test_a_new_file_beside_what_was_read_by_its_name_is_none_of_its_business(self) -> None:
        self.observed("sh", "-c", "cat data/a.txt > out.txt")
        self.write("data/a2.txt", "new")
        self.assertEqual(self.commands(), [])
        self.assertEqual((self.mlrepo("rerun", "--dry-run"), self.stderr), ("nothing is stale\n", ""))

    def test_where_lists_are_not_known_a_new_file_beside_what_was_read_is_told(self) -> None:
        self.observed("--input", "data/a.txt", "--output", "out.txt", "--observe", "declared", "--", "sh", "-c", "cat data/a.txt > out.txt")
        self.write("data/a2.txt", "new")
        self.assertEqual(self.commands(), [])
        self.assertIn("nothing is stale", self.mlrepo("rerun", "--dry-run"))
        self.assertIn("note: data/a2.txt came where 'sh -c", self.stderr)
        self.mlrepo("commit", "--quiet", "-m", "New")
        [run] = json.loads(self.mlrepo("rerun", "--dry-run", "--json"))["runs"]
        self.assertEqual(run["doubtful"], ["data/a2.txt"])

    def test_where_lists_are_not_known_a_new_file_in_a_directory_that_was_read_as_a_whole_counts(self) -> None:
        self.observed("--input", "data", "--output", "out.txt", "--observe", "declared", "--", "sh", "-c", "cat data/* > out.txt")
        self.write("data/d.txt", "new")
        self.assertEqual(len(self.commands()), 1)

    def test_runs_that_were_dropped_and_collected_are_passed_over(self) -> None:
        run = self.observed("sh", "-c", "cat data/a.txt > out.txt; echo 1 > other.txt")
        self.mlrepo("commit", "--quiet", "--run", run["name"], "-m", "Out")
        self.mlrepo("rm", "--quiet", "--force", "other.txt", "out.txt")
        self.mlrepo("commit", "--quiet", "--deleted", "-m", "Gone")
        self.mlrepo("runs", "--drop", run["name"])
        kept = self.observed("sh", "-c", "cat data/b.txt > kept.txt")
        self.mlrepo("gc", "--now", "--quiet")
        runs = json.loads(self.mlrepo("rerun", "--dry-run", "--json"))["runs"]
        self.assertIn(kept["name"], [step["run"] for step in runs])
        self.mlrepo("impact", "data/a.txt")
        self.mlrepo("blame", "kept.txt")

    def test_nothing_is_executed_behind_a_link(self) -> None:
        outside = self.root / "outside"
        outside.mkdir()
        self.write("place/x.txt", "x")
        self.mlrepo("add", "place")
        self.mlrepo("commit", "--quiet", "-m", "Place")
        self.mlrepo("run", "--quiet", "sh", "-c", "cat ../data/a.txt > ../out.txt", cwd=self.work / "place")
        self.write("data/a.txt", "changed")
        (self.work / "place/x.txt").unlink()
        (self.work / "place").rmdir()
        os.symlink(outside, self.work / "place")
        self.mlrepo("rerun", "--yes", status=64)
        self.assertIn("symbolic link", self.stderr)
        self.assertEqual(list(outside.iterdir()), [])

    def test_a_program_that_is_gone_is_not_executed(self) -> None:
        self.observed(PYTHON, "train.py")
        os.rename(self.work / "train.py", self.work / "renamed.py")
        before = self.mlrepo("runs")
        self.refused("rerun", "--yes", status=66, says="cannot be executed: train.py is gone")
        self.assertEqual(self.mlrepo("runs"), before)
        self.refused("rerun", "--dry-run", "nothing", status=66, says="nothing")

    def test_a_random_graph_is_as_if_all_had_been_made_anew(self) -> None:
        seed = int(os.environ.get("MLREPO_SEED", random.randrange(1 << 32)))
        print(f"seed {seed}", file=sys.stderr)
        rng = random.Random(seed)
        self.script("mix.py", """
            import sys
            *sources, target = sys.argv[1:]
            open(target, "w").write(str(sum(len(open(source).read()) for source in sources) % 5) * 3)
            """)
        names, steps = [f"data/{name}.txt" for name in "abc"], []
        for number in range(rng.randrange(4, 8)):
            sources = rng.sample(names, rng.randrange(1, min(3, len(names)) + 1))
            steps.append([*sources, f"made{number}.txt"])
            names.append(f"made{number}.txt")
            self.mlrepo("run", "--quiet", PYTHON, "mix.py", *steps[-1])
        for _ in range(3):
            self.write(f"data/{rng.choice('abc')}.txt", "x" * rng.randrange(12))
            self.mlrepo("rerun", "--yes", "--quiet")
            found = {step[-1]: (self.work / step[-1]).read_text() for step in steps}
            for step in steps:
                subprocess.run([PYTHON, "mix.py", *step], cwd=self.work, check=True)
            self.assertEqual(found, {step[-1]: (self.work / step[-1]).read_text() for step in steps}, f"seed {seed}")
            self.assertEqual(self.commands(), [], f"seed {seed}")


if __name__ == "__main__":
    import unittest
    unittest.main()
