"""The program as people type it: exact output, exit status, and what is left on disk."""
import fcntl
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import unittest

from command_test import MLREPO, READER, CommandTest


class Transcripts(CommandTest):
    def test_the_first_steps_read_as_documented(self) -> None:
        self.assertEqual(self.mlrepo("init"), f"A new repository in {self.work}/.mlrepo\n")
        self.assertEqual(self.mlrepo("status"), "On branch main\nNo commit yet\nNothing is tracked yet: mlrepo add PATH\n")
        self.write("data/a.txt", b"first\n")
        self.assertEqual(self.mlrepo("add", "data"), "")
        self.assertEqual(self.mlrepo("status"), "On branch main\nNo commit yet\n  added    data/a.txt\n")
        out = self.mlrepo("commit", "-m", "Begin")
        head = self.mlrepo("resolve", "HEAD").strip()
        self.assertRegex(out, rf"^\[main {head[:7]}\] Begin\n 1 file, 6 bytes; \+1; [0-9.]+ KB new -> [0-9.]+ KB( \([0-9.]+x\))?\n$")
        self.assertEqual(self.mlrepo("status"), f"On branch main\nLast commit {head[:7]}\nNothing has changed\n")
        self.assertEqual(
            self.mlrepo("log"),
            f"commit {head} (HEAD -> main)\nAuthor: Ada <ada@example.com>\nDate:   2025-11-23T09:00:00Z\n\n    Begin\n\n")
        self.assertEqual(self.mlrepo("log", "--oneline"), f"{head[:7]} (HEAD -> main) Begin\n")
        digest = hashlib.sha256(b"first\n").hexdigest()
        self.assertEqual(self.mlrepo("ls"), f"- {digest} 6 data/a.txt\n")
        self.assertEqual(self.mlrepo("hash", "data/a.txt"), f"{digest}  data/a.txt\n")
        self.assertEqual(self.mlrepo("cat", "HEAD:data/a.txt"), "first\n")
        self.assertEqual(self.mlrepo("cat", "sha256:" + digest), "first\n")
        self.mlrepo("commit", "-m", "Again", status=1)
        self.assertEqual(self.stderr, "error: nothing has changed\nhint: mlrepo status\n")
        self.verify()

    def test_every_command_has_examples_in_its_help(self) -> None:
        commands = self.listed()
        self.assertLessEqual({"init", "commit", "log", "blame", "fsck", "resolve"}, set(commands))
        for command in commands:
            self.assertIn("EXAMPLES", self.mlrepo("help", command), command)

    def test_errors_say_what_and_how_they_end(self) -> None:
        self.mlrepo("status", status=66)
        self.assertIn("error: no .mlrepo in", self.stderr)
        self.assertIn("hint: mlrepo init", self.stderr)
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.mlrepo("checkout", "nowhere", status=66)
        self.assertEqual(self.stderr, "error: no revision 'nowhere'\nhint: mlrepo log\n")
        self.mlrepo("add", "nothing.txt", status=66)
        self.mlrepo("add", "../outside", status=64)
        self.mlrepo("commit", status=64)
        self.mlrepo("stash", status=64)
        self.mlrepo("nonsense", status=64)
        self.mlrepo("tag", "a..", status=64)
        self.mlrepo("init", status=73)
        self.mlrepo("commit", "-m", "x", "--param", "a=1", "--param", "a=2", status=64)
        done = self.run_raw("checkout", "--json", "nowhere")
        self.assertEqual(json.loads(done.stderr)["error"]["status"], 66)

    def test_json_answers_have_their_members(self) -> None:
        self.start()
        commit = json.loads(self.mlrepo("commit", "-m", "One", "--json"))
        self.assertEqual(set(commit), {"commit", "tree", "branch", "parents", "runs", "files", "bytes", "newBytes"})
        self.assertEqual((commit["files"], commit["bytes"], commit["branch"]), (2, 13, "main"))
        self.write("data/new.txt", b"x")
        status = json.loads(self.mlrepo("status", "--json"))
        self.assertEqual(status["entries"], [{"path": "data/new.txt", "state": "added"}])
        self.assertEqual((status["clean"], status["head"]), (False, commit["commit"]))
        line = json.loads(self.mlrepo("log", "--json"))
        self.assertEqual((line["commit"], line["time"]), (commit["commit"], "2025-11-23T09:00:00Z"))

    def test_help_fits_a_narrow_terminal(self) -> None:
        for command in self.listed():
            lines = self.mlrepo("help", command).splitlines()
            start = lines.index("EXAMPLES") + 1
            examples = lines[start:lines.index("", start)]
            self.assertEqual([line for line in examples if not line.startswith("  ") or len(line) > 80], [], command)
        for topic in ("revisions", "remotes", "ignore", "json", "exit-codes", "habits"):
            long = [line for line in self.mlrepo("help", topic).splitlines() if len(line) > 80]
            # What is to be typed is not broken.
            self.assertEqual([line for line in long if not line.startswith("  mlrepo ")], [], topic)


class Versions(CommandTest):
    def test_every_version_comes_back_bit_for_bit(self) -> None:
        seed = random.randrange(1 << 32)
        generator = random.Random(seed)
        self.start()
        self.write("data/run.sh", b"#!/bin/sh\n")
        os.chmod(self.work / "data/run.sh", 0o755)
        os.symlink("a.txt", self.work / "data/link")
        self.write("data/empty.bin", b"")
        self.write("data/big.bin", generator.randbytes(3_000_000))
        self.write(b"data/na\nme\t\x1b[31m", b"odd")
        self.write(b"data/\xff\xfe.bin", b"no UTF-8")
        self.write("data/" + "n" * 255, b"long")
        versions = []
        for number in range(5):
            self.mlrepo("commit", "-m", f"Version {number}")
            versions.append((self.mlrepo("resolve", "HEAD").strip(), self.tree(self.work)))
            for _ in range(4):
                name = f"data/{generator.randrange(3)}/{generator.randrange(5)}.bin"
                if os.path.exists(self.work / name) and generator.random() < 0.4:
                    os.remove(self.work / name)
                else:
                    self.write(name, generator.randbytes(generator.choice([0, 10, 70_000, 400_000])))
            big = bytearray((self.work / "data/big.bin").read_bytes())
            big[generator.randrange(len(big)):][:4] = b"edit"
            self.write("data/big.bin", bytes(big) + b"%d" % number)
        self.mlrepo("commit", "-m", "Last")
        for commit, tree in versions + versions[::-1]:
            self.mlrepo("checkout", commit)
            self.assertEqual(self.tree(self.work), tree, f"seed {seed}")
            self.assertTrue(self.mlrepo("status").endswith("Nothing has changed\n"), f"seed {seed}")
        for number, (commit, tree) in enumerate(versions):
            self.mlrepo("checkout", commit, "--to", f"../copy{number}")
            self.assertEqual(self.tree(self.root / f"copy{number}"), tree, f"seed {seed}")
        self.verify()

    def test_a_change_of_the_same_size_and_time_is_seen(self) -> None:
        self.start()
        for number in range(10):
            path = self.work / "data/a.txt"
            path.write_bytes(b"%06d" % number)
            self.mlrepo("commit", "-m", str(number))
            stamp = path.stat()
            path.write_bytes(b"%06d" % (number + 500_000))
            os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
            self.assertIn("modified data/a.txt", self.mlrepo("status"))

    def test_checkout_loses_nothing(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.write("data/a.txt", b"changed\n")
        self.write("data/later.txt", b"later\n")
        self.mlrepo("commit", "-m", "Two")
        self.write("data/a.txt", b"precious\n")
        self.mlrepo("checkout", "HEAD~1", status=73)
        self.assertIn("data/a.txt would be lost", self.stderr)
        self.assertEqual((self.work / "data/a.txt").read_bytes(), b"precious\n")
        self.write("data/a.txt", b"changed\n")
        self.mlrepo("checkout", "HEAD~1")
        self.write("data/later.txt", b"mine\n")
        self.mlrepo("checkout", "main", status=73)
        self.assertEqual((self.work / "data/later.txt").read_bytes(), b"mine\n")

    def test_missing_is_not_deleted(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        shutil.move(self.work / "data", self.root / "unmounted")
        self.mlrepo("commit", "-m", "Two", status=73)
        self.assertIn("data is tracked and gone", self.stderr)
        os.symlink(self.root / "unmounted", self.work / "data")
        self.mlrepo("commit", "-m", "Two", status=73)
        os.remove(self.work / "data")
        self.mlrepo("restore", "data")
        self.assertEqual((self.work / "data/a.txt").read_bytes(), b"first\n")
        shutil.rmtree(self.work / "data")
        self.mlrepo("commit", "-m", "Really", "--deleted")
        self.assertEqual(self.mlrepo("ls"), "")

    def test_a_link_in_the_place_of_a_directory_is_not_followed(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.write("data/c.txt", b"third\n")
        self.mlrepo("commit", "-m", "Two")
        outside = self.root / "outside"
        outside.mkdir()
        (outside / "c.txt").write_bytes(b"not yours\n")
        shutil.rmtree(self.work / "data")
        os.symlink(outside, self.work / "data")
        self.run_raw("checkout", "HEAD~1")
        self.assertEqual((outside / "c.txt").read_bytes(), b"not yours\n")
        self.assertEqual(sorted(os.listdir(outside)), ["c.txt"])

    def test_an_emptied_or_replaced_directory_stops_a_commit(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        shutil.rmtree(self.work / "data")
        (self.work / "data").mkdir()
        self.mlrepo("commit", "-m", "Two", status=73)
        (self.work / "data").rmdir()
        self.write("data", b"a file now")
        self.mlrepo("commit", "-m", "Two", status=73)
        self.mlrepo("commit", "-m", "Two", "--deleted")
        self.assertEqual([line.split()[-1] for line in self.mlrepo("ls").splitlines()], ["data"])
        self.mlrepo("checkout", "HEAD~1")
        self.assertEqual((self.work / "data/a.txt").read_bytes(), b"first\n")
        self.mlrepo("checkout", "main")
        self.assertEqual((self.work / "data").read_bytes(), b"a file now")
        self.verify()

    def test_files_and_directories_take_each_others_places(self) -> None:
        self.start()
        self.write("data/x", b"file")
        self.mlrepo("commit", "-m", "File")
        os.remove(self.work / "data/x")
        self.write("data/x/y/z", b"deep")
        self.mlrepo("commit", "-m", "Directory")
        shutil.rmtree(self.work / "data/x")
        (self.work / "data/x").mkdir()
        self.mlrepo("commit", "-m", "Empty directory")
        for _ in range(2):
            for revision in ["main~2", "main~1", "main", "main~2", "main"]:
                self.mlrepo("checkout", revision)
                self.assertTrue(self.mlrepo("status").endswith("Nothing has changed\n"), revision)
        self.mlrepo("checkout", "main~1")
        self.write("data/x/y/mine", b"precious")
        self.mlrepo("checkout", "main~2", status=73)
        self.assertEqual((self.work / "data/x/y/mine").read_bytes(), b"precious")
        self.assertFalse((self.work / ".mlrepo/pending").exists())

    def test_an_interrupted_checkout_can_be_gone_back_from(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        for number in range(300):
            self.write(f"data/{number}.bin", b"%d" % number)
        self.write("data/a.txt", b"changed\n")
        self.mlrepo("commit", "-m", "Two")
        two = self.tree(self.work)
        for _ in range(10):
            process = subprocess.Popen([MLREPO, "checkout", "main~1"], cwd=self.work, env=self.environment,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(random.random() * 0.03)
            process.kill()
            process.wait()
            self.mlrepo("checkout", "main")
            self.assertEqual(self.tree(self.work), two)
            self.assertTrue(self.mlrepo("status").endswith("Nothing has changed\n"))

    def test_odd_files_are_skipped_and_named(self) -> None:
        self.start()
        os.mkfifo(self.work / "data/pipe")
        (self.work / "data/.git").mkdir()
        self.write("data/__pycache__/x.pyc", b"cache")
        self.mlrepo("commit", "-m", "One")
        self.assertIn("skipped: data/pipe (a socket, pipe or device)", self.stderr)
        self.assertIn("skipped: data/.git (a repository of its own)", self.stderr)
        self.assertEqual([line.split()[-1] for line in self.mlrepo("ls").splitlines()], ["data/a.txt", "data/sub/b.txt"])

    def test_add_tells_of_files_that_git_has(self) -> None:
        self.mlrepo("init")
        self.write("code/train.py", b"pass\n")
        self.write("code/*.txt", b"a name like a pattern\n")
        self.write("data/a.txt", b"data\n")
        subprocess.run(["git", "init", "-q"], cwd=self.work, env=self.environment, check=True)
        subprocess.run(["git", "add", "code"], cwd=self.work, env=self.environment, check=True)
        self.mlrepo("add", "data")
        self.assertEqual(self.stderr, "note: git does not ignore data: the line '/data' in .gitignore, beside .mlrepo, keeps it out of git\n")
        self.write(".gitignore", b"/data\n")
        self.mlrepo("add", "data")
        self.assertEqual(self.stderr, "")
        # Names are asked for as they are, and all at once.
        odd = ["odd/a\nb", "odd/\"q\"", "odd/:(top)x", "odd/-n", "odd/*"]
        for name in odd:
            self.write(name, b"odd")
        self.write(".gitignore", b"/data\n/odd/*\n!/odd/-n\n")
        self.mlrepo("add", *odd)
        self.assertEqual(self.stderr, "note: git does not ignore odd/-n: the line '/odd/-n' in .gitignore, beside .mlrepo, keeps it out of git\n")
        # One that git refuses is no answer for the others.
        subprocess.run(["git", "init", "-q", "module"], cwd=self.work, env=self.environment, check=True)
        self.write("module/m", b"m")
        for words in (["add", "m"], ["commit", "-q", "-m", "m"]):
            subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=self.work / "module",
                           env=self.environment, check=True)
        subprocess.run(["git", "add", "module"], cwd=self.work, env=self.environment, check=True, capture_output=True)
        self.mlrepo("add", "data", "module/m")
        self.assertIn("note: git does not ignore module/m: ", self.stderr)
        self.mlrepo("untrack", *odd, "module/m")
        shutil.rmtree(self.work / "module")
        subprocess.run(["git", "rm", "-q", "--cached", "module"], cwd=self.work, env=self.environment, check=True)
        shutil.rmtree(self.work / "odd")
        self.write(".gitignore", b"/data\n")
        self.mlrepo("add", "code/*.txt")
        self.assertIn("note: git tracks 1 file of these, too", self.stderr)
        self.mlrepo("add", ".")
        self.assertIn("note: git tracks 2 files of these, too", self.stderr)
        self.mlrepo("add", "-q", ".")
        self.assertEqual(self.stderr, "")

    def test_commits_at_once_all_succeed(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        for number in range(8):
            self.write(f"data/w{number}.txt", b"%d" % number)
        together = [
            subprocess.Popen([MLREPO, "commit", "-m", f"W{n}", f"data/w{n}.txt"], cwd=self.work, env=self.environment,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE) for n in range(8)]
        ends = [(p.wait(timeout=120), p.stderr.read().decode(), p.stdout.close(), p.stderr.close())[:2] for p in together]
        self.assertEqual([status for status, _ in ends], [0] * 8, ends)
        self.verify()

    def test_a_killed_commit_leaves_the_old_version_or_the_new(self) -> None:
        seed = random.randrange(1 << 32)
        generator = random.Random(seed)
        self.start()
        self.mlrepo("commit", "-m", "One")
        for number in range(50):
            for _ in range(20):
                self.write(f"data/{generator.randrange(10)}/{generator.randrange(40)}.bin", generator.randbytes(3000))
            before = self.mlrepo("resolve", "main").strip()
            process = subprocess.Popen(
                [MLREPO, "commit", "-m", str(number)], cwd=self.work, env=self.environment, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL)
            time.sleep(generator.random() * 0.05)
            process.send_signal(signal.SIGKILL)
            process.wait()
            after = self.mlrepo("resolve", "main").strip()
            if after != before:
                self.assertEqual(self.mlrepo("resolve", "main~1").strip(), before, f"seed {seed}")
        self.mlrepo("status")
        self.run_raw("commit", "-m", "The rest")
        self.assertTrue(self.mlrepo("status").endswith("Nothing has changed\n"), f"seed {seed}")
        self.verify()


class Newcomers(CommandTest):
    """What people type who know other tools, and what went wrong for them once."""

    def run_of(self, revision: str = "HEAD") -> dict:
        return json.loads(self.mlrepo("show", "--json", revision))["runs"][0]

    def test_untrack_of_everything_is_told_and_taken_back_by_add(self) -> None:
        self.start()
        self.write("model/m", b"model")
        self.mlrepo("add", "model")
        self.mlrepo("commit", "-m", "One")
        self.mlrepo("add", ".")
        self.assertIn("without 3 files", self.mlrepo("untrack", "."))
        self.assertEqual(self.mlrepo("status").count("  untracked "), 3)
        self.mlrepo("add", "data", "model")
        self.write("data/new", b"new")
        self.assertIn("+1; ", self.mlrepo("commit", "-m", "Two"))

    def test_a_dotted_parameter_overrides_what_a_file_has(self) -> None:
        self.start()
        self.write("params.json", b'{"optim": {"lr": 0.05, "inner": {"x": 1}}, "a.b": 2}')
        self.mlrepo("commit", "-m", "One", "--params", "params.json", "--param", "optim.lr=0.5", "--param", "optim.inner.x=3",
                    "--param", "a.b=4", "--param", "new.name=5")
        self.assertEqual(self.run_of()["parameters"],
                         {"optim": {"lr": 0.5, "inner": {"x": 3}}, "a.b": 4, "new.name": 5})

    def test_a_model_that_is_trained_further_in_place_was_made_by_the_run(self) -> None:
        self.start()
        self.write("model/w", b"weights")
        self.write("model/vocabulary", b"words")
        self.mlrepo("add", "model")
        self.mlrepo("commit", "-m", "Base", "--input", "data", "--param", "lr=1")
        base = self.mlrepo("resolve", "HEAD").strip()
        for number, read in enumerate(["HEAD:model/w", "HEAD:model", "HEAD:."]):
            self.write("model/w", b"further %d" % number)
            self.mlrepo("commit", "-m", f"Further {number}", *([] if read == "HEAD:." else ["--input", "data"]),
                        "--input", read, "--param", f"lr={number}")
            self.assertNotIn("note", self.stderr)
            told = json.loads(self.mlrepo("blame", "--json", "model/w"))
            self.assertEqual(told["parameters"], {"lr": number}, read)
            [written] = [line for line in self.mlrepo("show").splitlines() if line.startswith("  wrote")]
            self.assertIn("  model/w ", written)
            # The way goes on through what it was trained from, to the first run.
            self.assertIn(base[:7], self.mlrepo("blame", "model/w"))
            # What the run only read was made by the first one.
            self.assertEqual(json.loads(self.mlrepo("blame", "--json", "model/vocabulary"))["parameters"], {"lr": 1})
        self.verify()

    def test_where_all_that_changed_is_an_input_that_is_told(self) -> None:
        self.start()
        self.write("model/w", b"weights")
        self.mlrepo("add", "model")
        self.mlrepo("commit", "-m", "Base", "--input", "data")
        self.assertEqual(self.stderr, "")
        self.write("model/w", b"further")
        self.mlrepo("commit", "-m", "Further", "--input", "data", "--input", "model")
        self.assertIn("note: all that changed counts as read by the run, and nothing as written", self.stderr)
        self.mlrepo("undo")
        self.mlrepo("commit", "-m", "Further", "--input", "data", "--input", "HEAD:model")
        self.assertEqual(self.stderr, "")

    def test_what_a_run_read_was_not_made_by_it(self) -> None:
        self.start()
        self.write("model/m", b"model")
        self.mlrepo("add", "model")
        self.mlrepo("commit", "-m", "Train", "--input", "data", "--metric", "accuracy=0.9")
        data, model = self.mlrepo("blame", "data"), self.mlrepo("blame", "model/m")
        self.assertIn("came with  commit", data)
        self.assertNotIn("accuracy", data)
        self.assertIsNone(json.loads(self.mlrepo("blame", "--json", "data/a.txt"))["run"])
        self.assertEqual((model.count("made by"), model.count("came with"), model.count("accuracy")), (1, 1, 1))

    def test_the_file_of_the_parameters_is_read_as_it_is_now_and_what_lies_beside_it_as_it_was(self) -> None:
        self.start()
        for name, text in (("w", b"1"), ("sub/params.yaml", b"lr: 1"), ("sub/words", b"words")):
            self.write(f"model/{name}", text)
        self.mlrepo("add", "model")
        self.mlrepo("commit", "-m", "Base", "--input", "data")
        for new in (False, True):
            name = "model/new/params.yaml" if new else "model/sub/params.yaml"
            self.write(name, b"lr: 2")
            self.write("model/w", b"2%d" % new)
            self.mlrepo("commit", "-m", "Further", "--input", "HEAD:model", "--params", name)
            self.assertIsNone(json.loads(self.mlrepo("blame", name, "--json"))["run"], name)
            told = json.loads(self.mlrepo("blame", "model/w", "--json"))
            self.assertEqual(told["parameters"], {"lr": 2})
            before = self.mlrepo("resolve", "HEAD~1").strip()
            self.assertIn(f"sha256:{before}",
                          [entry["commit"] for entry in told["inputs"] if entry["path"] == "model/w"])
            [written] = [line for line in self.mlrepo("show").splitlines() if line.startswith("  wrote")]
            self.assertIn("  model/w ", written)
            for line in self.mlrepo("show").splitlines():
                if line.startswith("  data") and "model/w " in line:
                    self.assertIn("  from ", line)
        # By itself it was either.
        self.write("model/sub/params.yaml", b"lr: 3")
        self.refused("commit", "-m", "Both", "--input", "HEAD:model/sub/params.yaml", "--params", "model/sub/params.yaml",
                     status=64, says="is named twice as input")
        self.verify()

    def test_what_lies_in_a_directory_that_was_read_in_another_version_is_shown_with_it(self) -> None:
        self.start()
        self.write("data/b.txt", b"b")
        self.mlrepo("commit", "-m", "One")
        first = self.mlrepo("resolve", "HEAD").strip().removeprefix("sha256:")[:7]
        self.write("data/b.txt", b"c")
        self.write("model/w", b"1")
        self.mlrepo("add", "model")
        self.mlrepo("commit", "-m", "Two", "--input", "HEAD:data")
        lines = [line for line in self.mlrepo("show").splitlines() if line.startswith("  data")]
        self.assertGreater(len(lines), 1)
        for line in lines:
            self.assertIn(f"from {first}", line)

    def test_init_in_tracked_data_says_what_becomes_of_it(self) -> None:
        self.start()
        os.mkdir(self.work / "data/empty")
        os.mkdir(self.work / "data/full")
        self.write("data/full/x", b"x")
        self.mlrepo("commit", "-m", "One")
        for words, says in ((["data/empty"], ""), (["data/full"], "tracks this directory, too"),
                            (["--bare", "data/store"], "commits the store with it"), (["--bare", "elsewhere"], "")):
            self.mlrepo("init", *words)
            (self.assertIn if says else self.assertEqual)(says, self.stderr)
        self.mlrepo("commit", "-m", "Two")
        self.assertIn("data/store/format", self.mlrepo("ls"))

    def test_a_second_project_on_a_store_has_a_branch_of_its_own(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.mlrepo("init", "--store", str(self.work / ".mlrepo"), "../other")
        other = self.root / "other"
        (other / "data").mkdir()
        (other / "data/a.txt").write_text("another project")
        self.mlrepo("add", "data", cwd=other)
        self.refused("commit", "-m", "Mine", status=73, says="hint: mlrepo checkout -b NAME, and commit there", cwd=other)
        self.refused("checkout", "-b", "main", status=73, says="main", cwd=other)
        self.refused("checkout", "-b", ".b", status=64, says=".b", cwd=other)
        self.mlrepo("checkout", "-b", "mine", cwd=other)
        self.assertIn("On branch mine\nNo commit yet\n", self.mlrepo("status", cwd=other))
        self.mlrepo("commit", "-m", "Mine", cwd=other)
        self.assertEqual(len(self.mlrepo("log", "--oneline", cwd=other).splitlines()), 1)
        self.assertEqual(self.mlrepo("cat", "main:data/a.txt"), (self.work / "data/a.txt").read_text())
        self.mlrepo("undo", cwd=other)
        self.assertIn("On branch mine\nNo commit yet\n", self.mlrepo("status", cwd=other))
        self.verify()
        # One whose store lost its version has no first commit to make.
        self.mlrepo("commit", "-m", "Mine", cwd=other)
        self.mlrepo("init", "--bare", "../empty")
        (other / ".mlrepo/store").write_text(json.dumps({"path": str(self.root / "empty")}, separators=(",", ":")) + "\n")
        before = (other / ".mlrepo/HEAD").read_bytes()
        self.refused("checkout", "-b", "more", status=65, says="error: ", cwd=other)
        self.assertEqual((other / ".mlrepo/HEAD").read_bytes(), before)

    def test_a_run_that_read_older_data_than_its_version_has_is_told(self) -> None:
        self.start()
        self.write("data/b.txt", b"b")
        self.mlrepo("commit", "-m", "One")
        self.mlrepo("worktree", "add", "../other")
        self.write("data/b.txt", b"newer")
        self.mlrepo("commit", "-m", "Newer data")
        other = self.root / "other"
        (other / "model").mkdir()
        (other / "model/w").write_text("w")
        self.mlrepo("add", "model", cwd=other)
        self.mlrepo("commit", "-m", "Run", "--input", "data", cwd=other)
        self.assertIn("note: the run had not read what others changed meanwhile: data/b.txt is another one in this version", self.stderr)
        self.mlrepo("undo", cwd=other)
        # Others' files are no changes of one's own.
        self.assertEqual([line for line in self.mlrepo("status", cwd=other).splitlines() if line.startswith("  ")], ["  added    model/w"])
        self.write("data/c.txt", b"c")
        self.mlrepo("commit", "-m", "More data")
        (other / "model/w").write_text("v")
        self.mlrepo("commit", "-m", "Run", cwd=other)
        self.assertEqual(self.stderr, "")

    def test_a_link_to_a_file_of_parameters_and_the_file_are_inputs(self) -> None:
        self.start()
        self.write("data/p.yaml", b"p: 1")
        os.symlink("p.yaml", self.work / "data/link.yaml")
        self.write("model/w", b"1")
        self.mlrepo("add", "model")
        self.mlrepo("commit", "-m", "One")
        self.write("data/p.yaml", b"p: 2")
        self.write("model/w", b"2")
        self.mlrepo("commit", "-m", "Two", "--input", "main:data", "--params", "data/link.yaml")
        [written] = [line for line in self.mlrepo("show").splitlines() if line.startswith("  wrote")]
        self.assertIn("  model  1 file", written)
        self.assertIsNone(json.loads(self.mlrepo("blame", "data/p.yaml", "--json"))["run"])

    def test_a_group_without_a_name_is_none(self) -> None:
        self.refused("init", "--bare", "--shared=", "store", status=64, says="--shared= names no group")
        self.assertFalse((self.work / "store").exists())

    def test_a_text_with_a_blank_at_its_end_is_shown_in_quotes(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One", "--param", "a=b ", "--param", "c= d", "--param", "e=f g")
        self.assertIn('params a="b " c=" d" e=f g\n', self.mlrepo("show"))

    def test_an_input_named_twice_is_refused(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.write("data/a.txt", b"changed")
        for inputs in (["HEAD:data", "data"], ["data", "data"], ["data", "data/a.txt"], ["data/a.txt", "HEAD:data"]):
            self.mlrepo("commit", "-m", "Two", *[word for path in inputs for word in ("--input", path)], status=64)
            self.assertIn("is named twice as input", self.stderr)

    def test_redo_behind_an_undone_checkout_of_paths_stays_on_the_branch(self) -> None:
        for command in (["checkout", "--force", "--", "data/a.txt"], ["rm", "--force", "data/a.txt"]):
            with self.subTest(command):
                shutil.rmtree(self.work / ".mlrepo", ignore_errors=True)
                self.start()
                self.mlrepo("commit", "-m", "One")
                self.write("data/a.txt", b"edited")
                self.mlrepo(*command)
                self.mlrepo("undo")
                self.mlrepo("redo", status=1)
                self.assertIn("On branch main", self.mlrepo("status"))
                self.assertEqual((self.work / "data/a.txt").read_bytes(), b"edited")

    def test_redo_of_what_was_collected_is_told(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.write("data/a.txt", b"edited")
        self.mlrepo("commit", "-m", "Two")
        self.mlrepo("undo")
        self.mlrepo("gc", "--now")
        self.mlrepo("redo", status=66)
        self.assertIn("were collected", self.stderr)

    def test_a_new_working_copy_has_nothing_to_take_back(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.mlrepo("worktree", "add", "../other")
        self.mlrepo("undo", cwd=self.root / "other", status=1)
        self.assertIn("Nothing has changed", self.mlrepo("status", cwd=self.root / "other"))

    def test_code_that_git_does_not_know_is_in_the_patch(self) -> None:
        self.start()
        self.git("init", "-q")
        self.write("train.py", b"pass\n")
        self.write(".gitignore", b"ignored.py\n")
        self.git("add", "train.py", ".gitignore")
        self.git("commit", "-qm", "Code")
        self.mlrepo("commit", "-m", "Clean")
        self.assertFalse(self.run_of()["code"]["dirty"])
        index = (self.work / ".git/index").read_bytes()
        for name in ("new.py", "package/deep/model.py", "ignored.py", ".env", "notes.txt", "data/script.py"):
            self.write(name, b"secret = 1\n")
        self.write("train.py", b"changed\n")
        self.mlrepo("commit", "-m", "Dirty")
        code = self.run_of()["code"]
        patch = self.mlrepo("cat", code["patch"])
        self.assertTrue(code["dirty"])
        self.assertEqual([line.split()[-1] for line in patch.splitlines() if line.startswith("diff --git")],
                         ["b/new.py", "b/package/deep/model.py", "b/train.py"])
        self.assertEqual((self.work / ".git/index").read_bytes(), index, "git's own index stays as it is")
        self.assertEqual([name for name in os.listdir(self.work / ".mlrepo") if name.startswith("tmp-")], [])
        with open(self.root / "patch", "w") as file:
            file.write(patch)
        for name in ("new.py", "package/deep/model.py"):
            (self.work / name).unlink()
        self.git("checkout", "train.py")
        self.git("apply", str(self.root / "patch"))
        self.assertEqual((self.work / "package/deep/model.py").read_bytes(), b"secret = 1\n")

    def test_a_patch_says_all_or_that_it_is_not_there(self) -> None:
        self.start()
        self.git("init", "-q")
        self.write("train.py", b"pass\n")
        self.git("add", "train.py")
        self.git("config", "remote.origin.url", "https://user:word@example.com/code.git?token=secret")
        self.git("commit", "-qm", "Code")
        for name in (b"plain.py", b"\xff.py", b"line\nend.py", b"*.py"):
            with open(os.fsencode(self.work) + b"/" + name, "wb") as file:
                file.write(b"1\n")
        self.mlrepo("commit", "-m", "Odd names")
        code = self.run_of()["code"]
        self.assertEqual(code["remote"], "https://example.com/code.git")
        self.assertEqual(self.mlrepo("cat", code["patch"]).count("diff --git"), 4)
        # More than anybody has written just now is not half recorded.
        os.mkdir(self.work / "many")
        for number in range(10_001):
            (self.work / f"many/{number}.py").touch()
        self.write("data/a.txt", b"2")
        self.mlrepo("commit", "-m", "Many")
        code = self.run_of()["code"]
        self.assertEqual((code["dirty"], code.get("patch")), (True, None))
        self.assertIn("changes that were not recorded", self.mlrepo("show"))

    def test_the_author_is_whom_git_knows(self) -> None:
        for name in ("MLREPO_USER_NAME", "MLREPO_USER_EMAIL"):
            del self.environment[name]
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.assertIn("note: nobody is named as author", self.stderr)
        subprocess.run(["git", "init", "-q"], cwd=self.work, env=self.environment, check=True)
        (self.root / ".gitconfig").write_text("[user]\n\tname = Global\n\temail = global@example.com\n")
        for setting in (["user.name", "Local Name"], ["user.email", "local@example.com"]):
            subprocess.run(["git", "config", *setting], cwd=self.work, env=self.environment, check=True)
        self.write("data/a.txt", b"changed")
        self.mlrepo("commit", "-m", "Two")
        self.assertEqual(self.stderr, "note: git has no commit here yet, so that the code is not recorded\n")
        self.assertIn("Author: Local Name <local@example.com>", self.mlrepo("log", "-n1"))

    def test_a_count_may_stand_at_its_option(self) -> None:
        self.start()
        for number in range(3):
            self.write("data/a.txt", b"%d" % number)
            self.mlrepo("commit", "-m", str(number))
        for words in (["-n2"], ["-2"], ["-n", "2"]):
            self.assertEqual(len(self.mlrepo("log", "--oneline", *words).splitlines()), 2)

    def test_wrong_words_get_the_right_hint(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        for words, hint in ((["stauts"], "status"), (["remove", "x"], "mlrepo rm"), (["ci", "-m", "x"], "mlrepo commit"),
                            (["checkout", "mian"], "did you mean 'main'?"), (["show", "data"], "HEAD data"),
                            (["rev-parse", "x"], "mlrepo resolve")):
            done = self.run_raw(*words)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(hint, done.stderr.decode(), words)

    def test_no_repository_comes_into_a_store(self) -> None:
        self.mlrepo("init")
        self.mlrepo("init", cwd=self.work / ".mlrepo", status=64)


class Company(CommandTest):
    """Several commands in one working copy."""

    def occupied(self):
        """The working copy as another command has it."""
        file = os.open(self.work / ".mlrepo/lease", os.O_RDONLY | os.O_CREAT)
        fcntl.flock(file, fcntl.LOCK_EX)
        return file

    def test_a_command_waits_for_the_end_of_another_one(self) -> None:
        self.start()
        lease = self.occupied()
        waiting = subprocess.Popen([MLREPO, "commit", "-m", "Second"], cwd=self.work, env=self.environment,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(waiting.stderr.readline(), b"another command is changing this working copy; waiting for its end\n")
        # Who only looks need not wait.
        self.assertIn("data/a.txt", self.mlrepo("status"))
        self.assertEqual(self.mlrepo("log"), "")
        self.write("data/late.txt", b"came while it waited")
        os.close(lease)
        self.assertEqual((waiting.communicate(timeout=60)[1], waiting.returncode), (b"", 0))
        self.assertIn("data/late.txt", self.mlrepo("ls"))

    def test_a_killed_command_leaves_nothing_to_wait_for(self) -> None:
        self.start()
        holder = subprocess.Popen([sys.executable, "-c",
                                   "import fcntl, os, sys, time; f = os.open(sys.argv[1], os.O_RDONLY | os.O_CREAT);"
                                   "fcntl.flock(f, fcntl.LOCK_EX); print(flush=True); time.sleep(100)",
                                   self.work / ".mlrepo/lease"], stdout=subprocess.PIPE)
        holder.stdout.readline()
        holder.kill()
        holder.communicate()
        self.mlrepo("commit", "-m", "First")
        self.assertEqual(self.stderr, "")

    def test_commands_of_all_kinds_at_once_end_as_one_after_the_other(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "First")
        self.write("data/a.txt", b"changed\n")
        self.mlrepo("commit", "-m", "Second")
        commands = [["checkout", "main"], ["checkout", "HEAD~1"], ["undo"], ["redo"], ["mv", "data/sub/b.txt", "data/c.txt"],
                    ["mv", "data/c.txt", "data/sub/b.txt"], ["commit", "-m", "Third"], ["status"], ["restore", "data"]] * 4
        processes = [subprocess.Popen([MLREPO, *command], cwd=self.work, env=self.environment, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE) for command in commands]
        for command, process in zip(commands, processes):
            error = process.communicate(timeout=120)[1]
            # Done, nothing to do, not there, or something would be lost: never damage, and nobody gives up.
            self.assertIn(process.returncode, (0, 1, 66, 73), (command, error))
            self.assertNotIn(b"damaged", error)
        self.mlrepo("fsck")
        self.verify()

    def test_working_copies_that_commit_on_one_branch_at_once_all_succeed(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "First")
        places = [self.work] + [self.root / f"other{number}" for number in range(3)]
        for place in places[1:]:
            self.mlrepo("worktree", "add", str(place))
        for turn in range(4):
            for number, place in enumerate(places):
                (place / f"data/{turn}-{number}").write_bytes(b"%d %d" % (turn, number))
            processes = [subprocess.Popen([MLREPO, "commit", "-m", f"{turn} {number}"], cwd=place, env=self.environment,
                                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                         for number, place in enumerate(places)]
            for process in processes:
                error = process.communicate(timeout=120)[1]
                self.assertEqual(process.returncode, 0, error)
        subjects = sorted(json.loads(line)["message"] for line in self.mlrepo("log", "--json", "main").splitlines())
        self.assertEqual(subjects, sorted([f"{turn} {number}" for turn in range(4) for number in range(4)] + ["First"]))
        self.assertEqual(len(self.mlrepo("ls", "main", "data").splitlines()), 2 + 16)
        for place in places:
            self.mlrepo("checkout", "main", cwd=place)
            self.assertIn("Nothing has changed", self.mlrepo("status", cwd=place))
        self.verify()

    def test_a_lease_that_is_a_link_or_cannot_be_made_is_done_without(self) -> None:
        self.start()
        outside = self.root / "outside"
        (self.work / ".mlrepo/lease").unlink()
        os.symlink(outside, self.work / ".mlrepo/lease")
        self.mlrepo("commit", "-m", "First")
        self.assertFalse(outside.exists())


class Races(CommandTest):
    """Somebody changes the working tree while a command works on it."""

    def versions(self, name: str = "data/sub", count: int = 2000) -> None:
        """A version with many files, and one without."""
        self.mlrepo("init")
        for number in range(count):
            self.write(f"{name}/f{number}", b"one %d" % number)
        self.write("data/x", b"x")
        self.mlrepo("add", "data")
        self.mlrepo("commit", "-m", "One")

    def stopped(self, sign, *arguments) -> subprocess.Popen:
        """A command that was stopped as soon as there was a sign of it."""
        process = subprocess.Popen([MLREPO, *arguments], cwd=self.work, env=self.environment, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        while not sign() and process.poll() is None:
            pass
        process.send_signal(signal.SIGSTOP)
        return process

    def end(self, process: subprocess.Popen) -> int:
        process.send_signal(signal.SIGCONT)
        process.communicate(timeout=120)
        return process.returncode

    def test_a_checkout_does_not_follow_a_link_that_comes_meanwhile(self) -> None:
        self.versions()
        shutil.rmtree(self.work / "data/sub")
        self.mlrepo("commit", "--deleted", "-m", "Two")
        outside = self.root / "outside"
        outside.mkdir()
        for number in range(0, 2000, 2):
            (outside / f"f{number}").write_bytes(b"precious")
        process = self.stopped(lambda: (self.work / "data/sub").exists(), "checkout", "HEAD~1")
        was_stopped = process.poll() is None
        (self.work / "data/sub").rename(self.work / "data/sub.old")
        os.symlink(outside, self.work / "data/sub")
        status = self.end(process)
        self.assertEqual({path.read_bytes() for path in outside.iterdir()}, {b"precious"})
        self.assertEqual(len(list(outside.iterdir())), 1000)
        self.assertTrue(was_stopped and status == 74 or not was_stopped, status)

    def test_a_checkout_does_not_overwrite_files_that_come_in_a_directory_s_place(self) -> None:
        self.versions()
        for number in range(2000):
            self.write(f"data/sub/f{number}", b"two %d" % number)
        self.mlrepo("commit", "-m", "Two")
        for number in range(2000):
            self.write(f"other/f{number}", b"my own work %d" % number)
        time.sleep(0.2)
        process = self.stopped(lambda: (self.work / ".mlrepo/pending").exists(), "checkout", "HEAD~1")
        (self.work / "data/sub").rename(self.work / "data/old")
        (self.work / "other").rename(self.work / "data/sub")
        self.assertIn(self.end(process), (0, 73))
        own = sum((self.work / f"data/sub/f{number}").read_bytes().startswith(b"my own work") for number in range(2000))
        self.assertEqual(own, 2000)

    def opens(self, name: str) -> int:
        """How often status opens a file."""
        calls = self.root / "calls"
        subprocess.run([*self.under_strace("-e", "trace=openat,openat2", to=str(calls)), MLREPO, "status"], cwd=self.work,
                       env=self.environment, capture_output=True, check=True)
        return sum(name in line for line in calls.read_text(errors="replace").splitlines())

    def test_a_file_that_somebody_has_open_for_writing_is_read_each_time(self) -> None:
        """One long write sets the times when it begins: what comes later in it changes none."""
        self.start()
        with open(self.write("data/big", b"A" * 100_000), "r+b"):
            time.sleep(0.1)
            self.mlrepo("commit", "-m", "One")
            self.assertEqual((self.opens("data/big"), self.opens("data/big")), (1, 1))
        self.assertEqual((self.opens("data/big"), self.opens("data/big")), (1, 0))

    def test_a_checkout_killed_after_a_commit_that_was_killed_goes_on(self) -> None:
        for command in (["checkout", "HEAD~1"], ["restore", "data"], ["checkout", "HEAD~1", "--", "data/sub"]):
            with self.subTest(command):
                shutil.rmtree(self.work, ignore_errors=True)
                self.work.mkdir()
                self.versions(count=40)
                before = (self.work / ".mlrepo/HEAD").read_bytes()
                for number in range(40):
                    self.write(f"data/sub/f{number}", b"two %d" % number)
                self.mlrepo("commit", "-m", "Two")
                # As a commit leaves it that was killed behind its entry.
                (self.work / ".mlrepo/HEAD").write_bytes(before)
                if command[0] == "restore":
                    shutil.rmtree(self.work / "data/sub")
                self.killed("syncfs", 1, *command)
                self.assertTrue((self.work / ".mlrepo/pending").exists())
                self.mlrepo(*command)
                self.assertFalse((self.work / ".mlrepo/pending").exists())
                self.assertEqual(self.mlrepo("resolve", "HEAD"), self.mlrepo("resolve", "main~1" if len(command) == 2 and command[0] == "checkout" else "main"))
                self.mlrepo("fsck")

    def test_a_killed_checkout_leaves_nothing_behind_once_it_is_typed_again(self) -> None:
        self.start()
        for version in ["One", "Two"]:
            for number in range(40):
                self.write(f"data/f{number}", f"{version} {number}".encode())
            self.mlrepo("commit", "-m", version)
        self.killed("renameat", 10, "checkout", "HEAD~1")
        self.assertTrue(list(self.work.glob("data/.mlrepo-tmp-*")))
        self.mlrepo("checkout", "HEAD~1")
        self.assertFalse(list(self.work.glob("data/.mlrepo-tmp-*")))
        self.assertEqual((self.work / "data/f7").read_bytes(), b"One 7")
        # Whatever else left such a file, a commit clears it away.
        self.mlrepo("checkout", "main")
        self.write("data/.mlrepo-tmp-0123456789abcdef", b"half")
        self.write("data/f7", b"Three")
        self.mlrepo("commit", "-m", "Three")
        self.assertFalse(list(self.work.glob("data/.mlrepo-tmp-*")))

    def test_an_undo_of_a_checkout_that_was_killed_goes_on(self) -> None:
        self.versions(count=40)
        for number in range(40):
            self.write(f"data/sub/f{number}", b"two %d" % number)
        self.mlrepo("commit", "-m", "Two")
        self.mlrepo("checkout", "HEAD~1")
        self.killed("syncfs", 1, "undo")
        self.assertTrue((self.work / ".mlrepo/pending").exists())
        self.mlrepo("undo")
        self.assertEqual((self.work / "data/sub/f1").read_bytes(), b"two 1")
        self.assertIn("Nothing has changed", self.mlrepo("status"))

    def test_mv_takes_no_place_that_is_taken_meanwhile(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        slow = self.under_strace("-e", "trace=fsync", "-e", "inject=fsync:delay_enter=400000")
        process = subprocess.Popen([*slow, MLREPO, "mv", "data/a.txt", "data/b.txt"], cwd=self.work, env=self.environment,
                                   stderr=subprocess.PIPE)
        time.sleep(0.35)
        self.write("data/b.txt", b"my own work")
        process.communicate(timeout=60)
        self.assertEqual((self.work / "data/b.txt").read_bytes(), b"my own work")
        self.assertEqual((self.work / "data/a.txt").read_bytes(), b"first\n")
        self.assertIn("added    data/b.txt", self.mlrepo("status"))


class Damage(CommandTest):
    def test_a_flipped_byte_anywhere_never_gives_wrong_bytes_or_a_crash(self) -> None:
        seed = random.randrange(1 << 32)
        generator = random.Random(seed)
        self.start()
        self.write("data/big.bin", generator.randbytes(600_000))
        self.mlrepo("commit", "-m", "One")
        self.write("data/a.txt", b"changed\n")
        self.mlrepo("commit", "-m", "Two", "--param", "a=1")
        expected, history = self.tree(self.work), self.mlrepo("log")
        files = [path for path in sorted((self.work / ".mlrepo").rglob("*")) if path.is_file() and path.stat().st_size]
        for number in range(150):
            path = generator.choice(files)
            content = path.read_bytes()
            # Mostly the ends, where structures are: most bytes of a large pack are content.
            place = generator.randrange(len(content)) if number % 3 else -1 - generator.randrange(min(600, len(content)))
            flipped = bytearray(content)
            flipped[place] ^= 1 << generator.randrange(8)
            path.chmod(0o644)
            path.write_bytes(bytes(flipped))
            where = f"seed {seed}: {path}, byte {place}"
            copy = self.root / f"copy{number}"
            done = self.run_raw("checkout", "main", "--to", str(copy))
            self.assertIn(done.returncode, (0, 65, 66, 74), where)
            if done.returncode == 0:
                self.assertEqual(self.tree(copy), expected, where)
            log = self.run_raw("log")
            self.assertIn(log.returncode, (0, 65, 66, 74), where)
            if log.returncode == 0 and path.name != "HEAD":
                self.assertEqual(log.stdout.decode(), history, where)
            self.assertIn(self.run_raw("status").returncode, (0, 65, 66, 74), where)
            path.write_bytes(content)


    def test_fsck_names_damage_and_repair_saves_the_rest(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.assertRegex(self.mlrepo("fsck"), r"^\d+ objects in 2 packs, .*: no damage\n$")
        clean = json.loads(self.mlrepo("fsck", "--json"))
        self.assertEqual((set(clean), clean["problems"]), ({"objects", "packs", "bytes", "problems"}, []))
        self.assertEqual(clean["objects"], self.verify()["objects"])
        packs = sorted((self.work / ".mlrepo/packs").rglob("*.pack"), key=lambda path: path.stat().st_size)
        packs[-1].chmod(0o644)
        content = bytearray(packs[-1].read_bytes())
        content[content.index(b"first\nsecond\n")] ^= 1
        packs[-1].write_bytes(bytes(content))
        out = self.mlrepo("fsck", status=1)
        self.assertIn("branches/main:data/a.txt", out)
        self.mlrepo("fsck", "--repair", "--dry-run", status=1)
        os.rename(self.work / "data", self.root / "data")
        self.assertIn("lost: blob " + hashlib.sha256(b"first\n").hexdigest(), self.mlrepo("fsck", "--repair", status=1))
        self.mlrepo("fsck", status=1)
        # A good copy under another name, added and committed.
        shutil.copytree(self.root / "data", self.work / "copy")
        self.mlrepo("add", "copy")
        self.mlrepo("commit", "-m", "Two", "copy")
        self.mlrepo("fsck")
        self.mlrepo("restore", "data")
        self.mlrepo("checkout", "HEAD", "--to", "../whole")
        self.assertEqual(self.tree(self.root / "whole"), self.tree(self.work))

    def test_fsck_names_every_object_of_a_damaged_frame(self) -> None:
        """Also those that only others of the same frame lead to."""
        self.start()
        for number in range(40):
            self.write(f"data/d{number % 5}/e{number % 3}/f{number}", b"%d" % number)
        self.mlrepo("commit", "-m", "One")
        pack = max((self.work / ".mlrepo/packs").rglob("*.pack"), key=lambda path: path.stat().st_size)
        listed = subprocess.run([sys.executable, str(READER), "list", str(self.work / ".mlrepo")], capture_output=True,
                                check=True, text=True).stdout.splitlines()
        places = [(f"{kind} sha256:{identity}", name, frame) for kind, identity, _, name, frame in map(str.split, listed)]
        # What another pack has as well is not lost, nor the empty tree, which needs no pack.
        elsewhere = {one for one, name, _ in places if name != pack.stem}
        elsewhere.add("tree sha256:345ad430b59edaf9f9d2ba41f54e37ddb146766af214ff4a4e93486a86deb78a")
        frames: dict[str, set[str]] = {}
        for one, name, frame in places:
            if name == pack.stem and one not in elsewhere:
                frames.setdefault(frame, set()).add(one)
        found = set()
        content = pack.read_bytes()
        pack.chmod(0o644)
        for place in range(40, len(content), len(content) // 20):
            pack.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1:])
            problems = json.loads(self.run_raw("fsck", "--json").stdout)["problems"]
            plan = json.loads(self.run_raw("fsck", "--repair", "--dry-run", "--json").stdout)
            lost = {f"{one['kind']} {one['id']}" for one in plan["lost"]}
            # The others say what is wrong with a frame or the pack.
            named = {problem["id"] for problem in problems if "id" in problem}
            self.assertEqual(named, {text.split()[1] for text in lost}, place)
            if not lost:
                continue
            [frame] = [frame for frame, objects in frames.items() if objects == lost]
            found.add(frame)
            text = self.mlrepo("fsck", status=1)
            for one in lost:
                kind, digest = one.split(" sha256:")
                self.assertRegex(text, f"missing-object pack {pack.name[:12]} at offset [0-9]+ {kind} {digest[:12]}: ")
        self.assertEqual(found, set(frames))
        self.assertGreater(len(found), 1)
        pack.write_bytes(content)
        self.mlrepo("fsck")

    def test_a_store_that_cannot_be_written_to_is_read(self) -> None:
        if os.getuid() == 0:
            self.skipTest("root may write anywhere")
        self.start()
        self.mlrepo("commit", "-m", "One")
        for path in [self.work / ".mlrepo", *(self.work / ".mlrepo").rglob("*")]:
            if path.is_dir():
                path.chmod(0o555)
        self.addCleanup(lambda: [p.chmod(0o755) for p in [self.work / ".mlrepo", *(self.work / ".mlrepo").rglob("*")] if p.is_dir()])
        self.assertTrue(self.mlrepo("status").endswith("Nothing has changed\n"))
        self.mlrepo("commit", "-m", "Two", status=1)


class Undo(CommandTest):
    def test_a_new_file_that_the_other_version_has_as_well_stays_after_undo(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.write("data/empty", b"")
        self.mlrepo("commit", "-m", "Two")
        self.mlrepo("checkout", "HEAD~1")
        self.write("data/empty", b"")
        self.write("data/a.txt", b"changed")
        self.mlrepo("checkout", "--force", "main")
        self.assertIn("Nothing has changed", self.mlrepo("status"))
        self.mlrepo("undo")
        self.assertTrue((self.work / "data/empty").exists())
        self.assertEqual((self.work / "data/a.txt").read_bytes(), b"changed")
        self.mlrepo("redo")
        self.assertIn("Nothing has changed", self.mlrepo("status"))
        self.mlrepo("undo")
        self.assertTrue((self.work / "data/empty").exists())

    def test_commits_are_taken_back_one_by_one_and_the_files_stay(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        one = self.mlrepo("resolve", "HEAD").strip()
        self.write("data/a.txt", b"changed\n")
        self.write("single.txt", b"single\n")
        self.mlrepo("add", "single.txt")
        self.mlrepo("commit", "-m", "Two")
        before = self.tree(self.work)
        self.assertTrue(self.mlrepo("undo").startswith('Taken back: 2  2025-11-23T09:00:00Z  commit "Two"  by Ada'))
        self.assertEqual(self.mlrepo("resolve", "HEAD").strip(), one)
        self.assertEqual(self.tree(self.work), before)
        self.assertEqual([line.split() for line in self.mlrepo("status").splitlines()[2:]], [["modified", "data/a.txt"], ["added", "single.txt"]])
        self.mlrepo("commit", "-m", "Two again")
        self.mlrepo("undo")
        self.mlrepo("undo")
        self.assertIn("No commit yet", self.mlrepo("status"))
        self.mlrepo("undo", status=1)
        self.mlrepo("commit", "-m", "All at once")
        self.assertEqual(len(self.mlrepo("operations").splitlines()), 8)
        self.verify()

    def test_a_checkout_is_taken_back_with_its_files(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.write("data/a.txt", b"changed\n")
        self.mlrepo("commit", "-m", "Two")
        two = self.tree(self.work)
        self.mlrepo("checkout", "HEAD~1")
        self.mlrepo("undo")
        self.assertEqual(self.tree(self.work), two)
        self.assertEqual(self.mlrepo("status").splitlines()[0], "On branch main")

    def test_undo_of_a_checkout_goes_back_to_the_branch(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.mlrepo("worktree", "add", "../other")
        self.write("data/a.txt", b"changed\n")
        self.mlrepo("commit", "-m", "Two")
        other = lambda *words: self.mlrepo("-C", "../other", *words)
        self.mlrepo("branch", "aside", "main~1")
        other("checkout", "aside")
        self.mlrepo("checkout", "aside")
        # Both stand on 'aside', which has a twin.
        self.mlrepo("branch", "twin")
        self.write("data/a.txt", b"again\n")
        self.mlrepo("commit", "-m", "Three")
        other("checkout", "aside")
        other("undo")
        self.assertEqual(other("status").splitlines()[0], "On branch aside")
        self.assertIn("'aside' is at", other("status"))
        # A branch at the same commit is something to take back, too.
        other("checkout", "twin")
        other("undo")
        self.assertEqual(other("status").splitlines()[0], "On branch aside")
        other("redo")
        self.assertEqual(other("status").splitlines()[0], "On branch twin")
        other("undo")
        other("checkout", "aside")
        self.assertEqual((self.root / "other/data/a.txt").read_bytes(), b"again\n")

    def test_undo_of_a_checkout_of_paths_brings_back_what_was_there(self) -> None:
        self.start()
        self.write("data/gone.txt", b"only in the first\n")
        self.write("data/sub/one.txt", b"one\n")
        self.mlrepo("commit", "-m", "One")
        os.remove(self.work / "data/gone.txt")
        self.write("data/a.txt", b"changed\n")
        self.write("data/new.txt", b"new\n")
        self.mlrepo("commit", "-m", "Two")
        # On disk as in the first version, unlike the second: that comes back, too.
        self.write("data/sub/one.txt", b"one\n")
        self.write("data/untouched.txt", b"mine\n")
        before, head = self.tree(self.work), self.mlrepo("resolve", "HEAD")
        self.mlrepo("checkout", "HEAD~1", "--", "data")
        self.assertEqual((self.work / "data/gone.txt").read_bytes(), b"only in the first\n")
        self.assertEqual((self.work / "data/untouched.txt").read_bytes(), b"mine\n")
        self.mlrepo("undo")
        self.assertEqual(self.tree(self.work), before)
        self.assertEqual((self.mlrepo("resolve", "HEAD"), self.mlrepo("status").splitlines()[0]), (head, "On branch main"))
        # What was written since stays.
        self.mlrepo("checkout", "HEAD~1", "--", "data/a.txt", "data/gone.txt", ".")
        self.write("data/gone.txt", b"edited\n")
        self.mlrepo("undo", status=73)
        self.assertEqual((self.work / "data/gone.txt").read_bytes(), b"edited\n")
        os.remove(self.work / "data/gone.txt")
        self.mlrepo("undo")
        self.assertEqual(self.tree(self.work), before)
        self.mlrepo("undo")
        self.assertEqual(self.mlrepo("log", "--oneline").count("\n"), 1)
        self.mlrepo("fsck")

    def test_status_names_what_is_not_tracked_where_no_git_does(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.write("model/w", b"w")
        self.write("metrics.json", b"{}")
        self.write(".hidden", b"")
        self.write("wandb/run", b"")
        self.assertIn("Not tracked: metrics.json, model\n", self.mlrepo("status"))
        self.mlrepo("add", "model")
        self.assertEqual(json.loads(self.mlrepo("status", "--json"))["untracked"], ["metrics.json"])
        subprocess.run(["git", "init", "-q"], cwd=self.work, env=self.environment, check=True)
        self.assertNotIn("Not tracked", self.mlrepo("status"))

    def test_a_checkout_of_a_damaged_version_names_the_file(self) -> None:
        self.start()
        self.write("data/a.txt", os.urandom(100_000))
        self.mlrepo("commit", "-m", "One")
        pack = max((self.work / ".mlrepo/packs").rglob("*.pack"), key=lambda path: path.stat().st_size)
        pack.chmod(0o644)
        with open(pack, "r+b") as file:
            file.seek(50_000)
            file.write(b"damaged")
        self.mlrepo("checkout", "HEAD", "--to", "../copy", status=65)
        self.assertIn("data/a.txt cannot be written", self.stderr)

    def test_no_branch_is_called_head(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.mlrepo("branch", "HEAD", status=64)

    def test_a_branch_is_taken_back_under_its_own_feet(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.mlrepo("checkout", "-b", "side")
        self.mlrepo("undo")
        self.assertEqual(self.mlrepo("status").splitlines()[0], "On branch main")
        self.write("data/a.txt", b"changed\n")
        self.mlrepo("commit", "-m", "Two")
        self.mlrepo("tag", "v1")
        self.mlrepo("undo")
        self.assertEqual(self.mlrepo("tag"), "")


class Provenance(CommandTest):
    def runs(self) -> None:
        """Two trainings, the second with a note that neither wrote."""
        self.start()
        self.write("model/w", b"one")
        self.mlrepo("add", "model")
        self.mlrepo("commit", "-m", "First", "--input", "data", "--output", "model", "--param", "lr=1")
        self.write("model/w", b"two")
        self.write("data/note.txt", b"a note")
        self.mlrepo("commit", "-m", "Second", "--input", "data/a.txt", "--output", "model", "--param", "lr=2")

    def test_blame_finds_the_run_of_a_model_that_was_brought_back(self) -> None:
        self.runs()
        first = json.loads(self.mlrepo("blame", "model/w", "-r", "HEAD~1", "--json"))
        self.mlrepo("checkout", "HEAD~1", "--", "model")
        self.mlrepo("commit", "-m", "Back")
        back = json.loads(self.mlrepo("blame", "model/w", "--json"))
        self.assertEqual(back.pop("broughtBack"), "sha256:" + self.mlrepo("resolve", "HEAD").strip())
        self.assertEqual(back, first)
        self.assertIn("brought back by", self.mlrepo("blame", "model"))
        # From another branch, whose run the line of this one does not know.
        self.mlrepo("checkout", "-b", "other", "HEAD~2")
        self.write("model/w", b"three")
        self.mlrepo("commit", "-m", "Third", "--param", "lr=3", "--output", "model")
        self.mlrepo("checkout", "main")
        self.mlrepo("checkout", "other", "--", "model")
        self.mlrepo("commit", "-m", "Taken")
        self.assertEqual(json.loads(self.mlrepo("blame", "model/w", "--json"))["parameters"], {"lr": 3})
        # A run that says so made it again.
        self.mlrepo("checkout", "HEAD~1", "--", "model")
        self.mlrepo("commit", "-m", "Again", "--param", "lr=4", "--output", "model")
        again = json.loads(self.mlrepo("blame", "model/w", "--json"))
        self.assertEqual((again["parameters"], again.get("broughtBack")), ({"lr": 4}, None))

    def test_blame_names_no_run_that_did_not_write_the_file(self) -> None:
        self.runs()
        note = json.loads(self.mlrepo("blame", "data/note.txt", "--json"))
        self.assertEqual((note["run"], note["message"]), (None, "Second"))
        self.assertIn("came with", self.mlrepo("blame", "data/note.txt"))

    def test_a_version_without_a_run_leaves_the_numbers_as_they_are(self) -> None:
        self.runs()
        self.mlrepo("mv", "model", "weights")
        self.mlrepo("commit", "-m", "Another name")
        diff = json.loads(self.mlrepo("diff", "HEAD~2", "HEAD", "--json"))
        self.assertEqual(diff["parameters"], [{"name": "lr", "before": 1, "after": 2}])
        self.assertEqual(json.loads(self.mlrepo("diff", "HEAD~1", "HEAD", "--json"))["parameters"], [])

    def test_the_file_of_the_parameters_is_an_input(self) -> None:
        self.start()
        self.write("params.json", b'{"lr": 5}')
        self.mlrepo("add", "params.json")
        self.mlrepo("commit", "-m", "Run", "--params", "params.json")
        self.assertIsNone(json.loads(self.mlrepo("blame", "params.json", "--json"))["run"])
        blame = json.loads(self.mlrepo("blame", "data/a.txt", "--json"))
        self.assertEqual(([entry["path"] for entry in blame["inputs"]], blame["parameters"]), (["params.json"], {"lr": 5}))

    def test_blame_of_a_directory_goes_behind_its_new_name(self) -> None:
        self.runs()
        self.mlrepo("mv", "model", "weights")
        self.mlrepo("commit", "-m", "Another name")
        blame = json.loads(self.mlrepo("blame", "weights", "--json"))
        self.assertEqual((blame["origin"], blame["message"], blame["parameters"]), ("model", "Second", {"lr": 2}))

    def test_a_commit_of_some_paths_reads_no_input_that_it_leaves_out(self) -> None:
        self.runs()
        self.write("data/a.txt", b"not committed")
        self.write("model/w", b"three")
        self.mlrepo("commit", "model", "-m", "Third", "--input", "data", status=64)
        self.mlrepo("commit", "model", "-m", "Third", "--input", "HEAD:data")
        self.write("model/w", b"four")
        self.mlrepo("commit", "model", "data", "-m", "Fourth", "--input", "data")

    def test_blame_names_data_parameters_and_code_of_both_models(self) -> None:
        git = lambda *a: subprocess.run(["git", *a], cwd=self.work, env=self.environment, check=True, capture_output=True)
        git("init", "-q")
        git("config", "user.name", "Ada")
        git("config", "user.email", "ada@example.com")
        git("remote", "add", "origin", "https://ada:secret@example.com/team/code.git")
        self.write("train.py", b"print('one')\n")
        git("add", "train.py")
        git("commit", "-qm", "code")
        revision = subprocess.run(["git", "rev-parse", "HEAD"], cwd=self.work, capture_output=True, text=True).stdout.strip()
        self.start()
        self.mlrepo("commit", "-m", "Data")
        data = self.mlrepo("resolve", "HEAD").strip()
        self.write("params.yaml", b"lr: 0.0003\nseed: 1\noptimizer: {name: adam, beta: 1.0}\n")
        self.write("model.bin", b"weights one")
        self.mlrepo("add", "model.bin")
        self.mlrepo("commit", "-m", "Model", "--input", "data", "--params", "params.yaml", "--metric", "accuracy=0.912")
        self.write("train.py", b"print('two')\n")
        self.write("model.bin", b"weights two")
        self.mlrepo("commit", "-m", "Model 2", "--input", f"{data}:data", "--param", "lr=1e-4")
        first = json.loads(self.mlrepo("blame", "model.bin", "--revision", "HEAD~1", "--json"))
        self.assertEqual(first["parameters"], {"lr": 0.0003, "seed": 1, "optimizer": {"name": "adam", "beta": 1.0}})
        self.assertEqual(first["metrics"], {"accuracy": 0.912})
        self.assertEqual((first["code"]["revision"], first["code"]["dirty"]), (revision, False))
        self.assertEqual(first["code"]["remote"], "https://example.com/team/code.git")
        self.assertEqual([(i["path"], i["files"], i["commit"]) for i in first["inputs"]], [("data", 2, "sha256:" + data)])
        self.assertEqual(first["inputs"][0]["upstream"]["message"], "Data")
        second = json.loads(self.mlrepo("blame", "model.bin", "--json"))
        self.assertEqual((second["code"]["dirty"], second["parameters"]), (True, {"lr": 1e-4}))
        patch = self.mlrepo("cat", second["code"]["patch"])
        self.assertIn("+print('two')", patch)
        self.assertEqual(second["inputs"][0]["upstream"]["commit"], "sha256:" + data)
        diff = json.loads(self.mlrepo("diff", "HEAD~1", "HEAD", "--json"))
        self.assertIn({"name": "lr", "before": 0.0003, "after": 1e-4}, diff["parameters"])
        self.mlrepo("blame", "nothing.bin", status=66)
        self.verify()


if __name__ == "__main__":
    unittest.main()
