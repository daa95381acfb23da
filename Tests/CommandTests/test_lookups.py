"""What a run looked for beside what files hold: names that were not there, names in directories, where links led."""
import json
import os
import shutil
import subprocess
import sys
import textwrap
import time

from command_test import MLREPO, READER
from test_run import PYTHON, RunTest

READING = textwrap.dedent("""
    import glob, os, shutil
    rows = [open(path).read() for path in sorted(glob.glob("data/*.txt"))]
    for path in ("extra/settings.txt", "more"):
        try: rows.append(open(path).read())
        except OSError: pass
    try: rows.append(str(os.listdir("shards")))
    except OSError: pass
    open("out.txt", "w").write("".join(rows))
    """)


class LookupTest(RunTest):
    def lookups(self, name: str) -> dict:
        return json.loads(self.mlrepo("cat", self.record(name)["lookups"]))

    def made(self, *words: str, program: str = READING) -> dict:
        self.script("code/read.py", program)
        return self.observed(*words, "--", PYTHON, "code/read.py")

    def stale(self, *paths: str) -> list[str]:
        """Why the one run that there is would be executed again."""
        [run] = json.loads(self.mlrepo("rerun", "--dry-run", "--json", *paths))["runs"]
        self.assertEqual(run["stale"], bool(run["reasons"]))
        return run["reasons"]

    def doubtful(self) -> list[str]:
        [run] = json.loads(self.mlrepo("rerun", "--dry-run", "--json"))["runs"]
        return run.get("doubtful", [])


class Lookups(LookupTest):
    def test_what_is_recorded(self) -> None:
        self.write("data/new.txt", "untracked, and tracked with its directory\n")
        self.write("notes/readme", "x")
        os.symlink("a.txt", self.work / "data/now.txt")
        found = self.lookups(self.made()["name"])
        self.assertEqual(found["absent"], ["extra/settings.txt", "more", "shards"])
        self.assertIn("data", found["directories"])
        self.assertEqual([path for path in found["more"] if path.startswith("data")], ["data/new.txt", "data/now.txt"])
        self.assertEqual(found["links"], [{"place": "data/now.txt", "target": "data/a.txt"}])
        self.assertNotIn("less", found)
        self.mlrepo("fsck")
        read = subprocess.run([sys.executable, str(READER), "verify", str(self.work / ".mlrepo")], capture_output=True, text=True)
        self.assertEqual(read.returncode, 0, read.stdout + read.stderr)

    def test_a_file_that_comes_makes_it_stale(self) -> None:
        self.made()
        self.assertEqual(self.stale(), [])
        for path, words in [("data/d.txt", "data/d.txt is new"), ("more", "more, which it looked for in vain, is there"),
                            ("extra/settings.txt", "extra/settings.txt, which it looked for in vain, is there"),
                            ("shards/1", "shards, which it looked for in vain, is there")]:
            self.write(path, "new\n")
            self.assertEqual(self.stale(), [words])
            (self.work / path).unlink()
            if "/" in path and not path.startswith("data"):
                (self.work / path).parent.rmdir()
            self.assertEqual(self.stale(), [])
        self.write("data/deep/er.txt", "new\n")
        self.assertEqual((self.stale(), self.doubtful()), ([], ["data/deep"]))

    def test_a_directory_beside_those_that_it_read_from_makes_it_stale(self) -> None:
        self.write("years/2024/a.txt", "1")
        self.made(program=READING.replace("data/*.txt", "years/*/*.txt"))
        self.write("years/2025/a.txt", "1")
        self.assertEqual(self.stale(), ["years/2025 is new"])

    def test_settings_that_come_beside_code_are_told(self) -> None:
        self.made()
        self.write("local.yaml", "x: 1")
        self.write("code/extra.toml", "x = 1")
        self.assertEqual((self.stale(), self.doubtful()), ([], ["code/extra.toml", "local.yaml"]))

    def test_a_version_that_has_the_file_makes_no_difference(self) -> None:
        self.made()
        self.write("data/d.txt", "new\n")
        self.mlrepo("commit", "--quiet", "-m", "New")
        self.assertEqual(self.stale(), ["data/d.txt is new"])
        self.mlrepo("rerun", "--yes")
        self.assertEqual(self.stale(), [])
        (self.work / "data/d.txt").unlink()
        self.assertEqual(self.stale(), ["data/d.txt is gone"])

    def test_names_that_it_did_not_read_count_where_they_are_like_what_it_read(self) -> None:
        self.write("data/list.csv", "1")
        self.write("data/more.txt", "1")
        self.made(program=READING.replace("data/*.txt", "data/?.txt"))
        self.write("data/other.csv", "1")
        self.assertEqual((self.stale(), self.doubtful()), ([], ["data/other.csv"]))
        (self.work / "data/list.csv").unlink()
        self.assertEqual(self.stale(), [])
        (self.work / "data/more.txt").unlink()
        self.assertEqual(self.stale(), ["data/more.txt is gone"])
        # For what is taken instead of executed every name counts.
        self.made("--cached", program=READING.replace("data/*.txt", "data/?.txt"))
        self.assertIn("executed, since run", self.stderr)

    def test_what_nobody_keeps_does_not_count(self) -> None:
        self.made()
        for path in ("data/.DS_Store", "data/__pycache__/x.pyc", "data/.ipynb_checkpoints/a", "data/.git/config"):
            self.write(path, "x")
        (self.work / "data/empty").mkdir()
        self.assertEqual(self.stale(), [])
        self.write(".mlrepoignore", "*.tmp\n")
        self.write("data/half.tmp", "x")
        self.assertEqual(self.stale(), [])

    def test_what_is_listed_and_not_read_is_only_told(self) -> None:
        (self.work / "models").mkdir()
        self.made(program="import os; os.listdir('models'); open('out.txt', 'w').write(open('data/a.txt').read())")
        self.write("models/m.bin", "x")
        self.assertEqual((self.stale(), self.doubtful()), ([], ["models/m.bin"]))
        self.assertIn("nothing is stale", self.mlrepo("rerun", "--dry-run"))
        self.assertIn("note: models/m.bin came where '", self.stderr)

    def test_directories_that_an_interpreter_lists_for_itself(self) -> None:
        self.script("code/helper.py", "")
        self.made(program="import helper; open('out.txt', 'w').write(open('data/a.txt').read())")
        self.write("code/other.py", "x = 1\n")
        self.write("plot.py", "x = 1\n")
        self.write("table.csv", "x")
        # Read by its name, beside others that come.
        self.write("data/d.txt", "x")
        self.assertEqual((self.stale(), self.doubtful()), ([], []))

    def test_beside_code_what_is_called_like_data_counts(self) -> None:
        self.write("one.csv", "1")
        self.write("params.json", "{}")
        self.script("all.py", "import glob; open('out.txt', 'w').write(str([open(p).read() for p in glob.glob('*.csv')] + [open('params.json').read()]))")
        self.observed(PYTHON, "all.py")
        for name in ("plot.py", "out.json", "figure.png", "README"):
            self.write(name, "x")
        self.assertEqual((self.stale(), self.doubtful()), ([], []))
        self.write("two.csv", "2")
        self.assertEqual(self.stale(), ["two.csv is new"])

    def test_its_own_work_is_none_of_what_it_found(self) -> None:
        self.made(program="""
            import glob, os
            for path in glob.glob("kept/*"): os.remove(path)
            os.makedirs("kept/deep", exist_ok=True)
            try: open("cache.bin").read()
            except OSError: open("cache.bin", "w").write("made")
            for number in range(3):
                open(f"kept/{number}", "w").write(open("data/a.txt").read() + str(len(os.listdir("kept"))))
            open("kept/deep/x", "w").write("x")
            """)
        self.assertEqual(self.stale(), [])
        self.write("kept/mine", "x")
        # It read none of what was there.
        self.assertEqual((self.stale(), self.doubtful()), ([], ["kept/mine"]))

    def test_what_it_removed_was_there(self) -> None:
        self.write("queue/one", "1")
        self.made(program="""
            import glob, os
            for path in glob.glob("queue/*"):
                open("out.txt", "a").write(open(path).read())
                os.remove(path)
            """)
        self.assertIn("queue/one", self.lookups(self.record_name())["more"])
        self.write("queue/two", "2")
        self.assertEqual(self.stale(), ["queue/one is gone", "queue/two is new"])

    def record_name(self) -> str:
        return json.loads(self.mlrepo("runs", "--json").splitlines()[0])["run"]

    def test_links_count_by_where_they_lead(self) -> None:
        other = self.root / "elsewhere"
        for version in ("v1", "v2"):
            (other / version).mkdir(parents=True)
            (other / version / "rows").write_text(version)
        os.symlink("v1", other / "latest")
        os.symlink("b.txt", self.work / "data/now")
        os.symlink("data", self.work / "input")
        self.made(program=f"""
            text = open("data/now").read() + open("input/c.txt").read() + open({str(other / "latest/rows")!r}).read()
            open("out.txt", "w").write(text)
            """)
        found = self.lookups(self.record_name())["links"]
        self.assertEqual(found, [{"place": str(other / "latest"), "target": str(other / "v1")},
                                 {"place": "data/now", "target": "data/b.txt"}, {"place": "input", "target": "data"}])
        self.assertEqual(self.stale(), [])
        for place, target, words in [(self.work / "data/now", "c.txt", "data/now leads elsewhere"),
                                     (self.work / "data/now", "nowhere", "data/now leads elsewhere"),
                                     (other / "latest", "v2", f"{other}/latest leads elsewhere")]:
            was = os.readlink(place)
            place.unlink()
            place.symlink_to(target)
            self.assertEqual(self.stale(), [words])
            place.unlink()
            place.symlink_to(was)
            self.assertEqual(self.stale(), [])

    def test_a_copy_elsewhere_counts_if_it_has_changed(self) -> None:
        copy = self.root / "node/a.txt"
        copy.parent.mkdir()
        shutil.copy(self.work / "data/a.txt", copy)
        run = self.made(program=f"open('out.txt', 'w').write(open({str(copy)!r}).read())")
        self.assertEqual(self.inputs(run["name"]), ["data/a.txt"])
        self.assertEqual(self.lookups(run["name"])["copies"], [{"input": "data/a.txt", "place": str(copy)}])
        self.assertEqual(self.stale(), [])
        copy.write_text("row x\n")
        self.assertEqual(self.stale(), [f"{copy}, which was data/a.txt, has changed"])
        copy.write_text("row a\n")
        self.assertIn("cached", json.loads(self.mlrepo("run", "--cached", "--json", PYTHON, "code/read.py")))
        copy.unlink()
        self.assertEqual(self.stale(), [])
        # Without it the command would fail, or do something else.
        self.run_raw("run", "--cached", PYTHON, "code/read.py")
        last = json.loads(self.mlrepo("runs", "--json", "-n", "1"))
        self.assertEqual(last["state"], "failed")

    def test_what_makes_a_file_that_another_run_looked_for_goes_first(self) -> None:
        self.observed("sh", "-c", "cat bonus 2>/dev/null; cat data/a.txt > out.txt")
        self.observed("sh", "-c", "cat data/b.txt > bonus")
        self.write("data/b.txt", "more\n")
        answer = json.loads(self.mlrepo("rerun", "--yes", "--json"))
        self.assertEqual([run["command"][-1][-5:] for run in answer["runs"]], ["bonus", "t.txt"])
        self.assertTrue(all(run["executed"] for run in answer["runs"]))
        self.assertEqual([run for run in json.loads(self.mlrepo("rerun", "-n", "--json"))["runs"] if run["stale"]], [])

    def test_many_names_are_too_many(self) -> None:
        program = "import os\nfor n in range(100_001):\n  try: os.open(f'data/no{n}', 0)\n  except OSError: pass"
        run = self.made("--quiet", program=program)
        self.assertEqual(run["gaps"], ["moreLookups"])
        self.assertNotIn("lookups", self.record(run["name"]))

    def test_every_way_through_a_link_counts(self) -> None:
        for version in ("v1", "v2"):
            for name in ("x", "sub/y"):
                self.write(f"{version}/{name}", f"{version} {name}\n")
        self.write("v1/only", "1")
        self.mlrepo("add", "--quiet", "v1", "v2")
        self.mlrepo("commit", "--quiet", "-m", "Versions")
        latest = self.work / "latest"
        for command in ["cd latest && cat x >../out", "ls latest/ >out", "cat latest/sub/../x >out", "find latest/ -type f >out",
                        "cat latest/./x >out", f"cd {self.work}/latest/sub; cat y >../../out", "cat latest/missing >out 2>&1; true",
                        f"{PYTHON} -c 'import os; d = os.open(\"latest\", os.O_PATH); os.open(\"x\", os.O_RDONLY, dir_fd=d)'"]:
            with self.subTest(command):
                latest.unlink(missing_ok=True)
                latest.symlink_to("v1")
                name = self.observed("sh", "-c", command)["name"]
                self.assertIn({"place": "latest", "target": "v1"}, self.lookups(name).get("links", []))
                latest.unlink()
                latest.symlink_to("v2")
                self.assertIn("run", json.loads(self.mlrepo("run", "--cached", "--json", "sh", "-c", command)))

    def test_links_to_nothing_and_in_circles(self) -> None:
        for name, target in [("none", "v9/deep"), ("one", "other"), ("other", "one")]:
            (self.work / name).symlink_to(target)
        self.observed("sh", "-c", "cat none one data/a.txt >out.txt; true")
        self.assertEqual(self.stale(), [])
        self.write("v9/deep", "x")
        self.assertEqual(self.stale(), ["v9/deep, which it looked for in vain, is there"])
        shutil.rmtree(self.work / "v9")
        (self.work / "other").unlink()
        self.write("other", "x")
        self.assertIn("one leads elsewhere", self.stale())

    def test_programs_that_come_before_others(self) -> None:
        self.write("late/tool", "#!/bin/sh\necho late\n")
        (self.work / "late/tool").chmod(0o755)
        (self.work / "early").mkdir()
        (self.work / "here").symlink_to("late/tool")
        self.observed("sh", "-c", "env PATH=early:late:/usr/bin:/bin tool >out.txt; ./here >>out.txt")
        self.assertEqual(self.stale(), [])
        shutil.copy(self.work / "late/tool", self.work / "early/tool")
        self.assertEqual(self.stale(), ["early/tool, which it looked for in vain, is there"])
        (self.work / "early/tool").unlink()
        (self.work / "here").unlink()
        (self.work / "here").symlink_to("early/tool")
        self.assertIn("here leads elsewhere", self.stale())

    def test_rights_and_times_that_change_are_no_new_file(self) -> None:
        self.write("data/c.csv", "3")
        self.observed("sh", "-c", "chmod -R u+w data; touch data/c.csv; cat data/a.txt data/b.txt >out.txt; ls data >>out.txt")
        self.assertEqual((self.stale(), self.doubtful()), ([], []))

    def test_a_directory_without_rights(self) -> None:
        if os.geteuid() == 0:
            self.skipTest("root may look anywhere")
        self.write("closed/a", "1")
        (self.work / "closed").chmod(0)
        try:
            run = self.observed("sh", "-c", "cat closed/a closed/none; ls closed; find . >/dev/null; cat data/a.txt >out.txt")
            self.assertEqual(self.inputs(run["name"]), ["data/a.txt"])
            self.assertEqual(self.stale(), [])
        finally:
            (self.work / "closed").chmod(0o755)

    def test_results_that_git_has_are_results(self) -> None:
        self.git("init", "--quiet")
        self.write("metrics.json", '{"acc": 0}')
        self.write("table.csv", "0\n")
        self.script("train.py", "open('metrics.json', 'w').write('{\"acc\": %d}' % len(open('data/a.txt').read()))")
        self.script("table.py", "open('table.csv', 'a').write(open('metrics.json').read())")
        self.git("add", "metrics.json", "table.csv", "train.py", "table.py")
        self.git("commit", "--quiet", "-m", "All")
        first = self.observed(PYTHON, "train.py")
        self.assertEqual(list(self.outputs(first["name"])), ["metrics.json"])
        second = self.observed(PYTHON, "table.py")
        self.assertEqual(self.inputs(second["name"]), ["metrics.json", "table.csv"])
        self.assertEqual(list(self.outputs(second["name"])), ["table.csv"])
        self.git("commit", "--quiet", "-am", "Results")
        self.assertIn("train.py", self.mlrepo("blame", "table.csv"))
        self.write("data/a.txt", "longer than before\n")
        answer = json.loads(self.mlrepo("rerun", "--dry-run", "--json"))
        self.assertEqual([run["command"][-1] for run in answer["runs"] if run["stale"]], ["train.py", "table.py"])

    def test_new_files_beside_those_that_only_git_has_count(self) -> None:
        self.git("init", "--quiet")
        for name in ("p1", "p2"):
            self.write(f"tab/{name}.csv", "1\n")
        self.write("read.sh", "cat tab/*.csv >out.txt")
        self.git("add", "tab", "read.sh")
        self.git("commit", "--quiet", "-m", "All")
        self.observed("sh", "read.sh")
        self.assertEqual(self.stale(), [])
        self.write("tab/p9.csv", "9\n")
        self.assertEqual(self.stale(), ["tab/p9.csv is new"])
        self.assertIn("run", json.loads(self.mlrepo("run", "--cached", "--json", "sh", "read.sh")))

    def test_who_reads_was_recorded_before_who_writes(self) -> None:
        self.write("middle", "by hand\n")
        self.observed("sh", "-c", "cat middle >last")
        self.observed("sh", "-c", "cat data/a.txt >middle")
        self.write("data/a.txt", "other\n")
        self.assertEqual(len([run for run in json.loads(self.mlrepo("rerun", "-n", "--json", "last"))["runs"] if run["stale"]]), 2)
        self.mlrepo("rerun", "--yes", "--quiet")
        self.assertEqual((self.work / "last").read_text(), "other\n")

    def test_what_mlrepo_itself_looks_at_is_nobodys_input(self) -> None:
        self.observed("sh", "-c", f"cat data/a.txt >out.txt; {MLREPO} status >/dev/null; {MLREPO} commit --quiet -m Inner; true")
        name = self.record_name()
        self.assertEqual(self.inputs(name), ["data/a.txt"])
        self.assertEqual([path for path in self.lookups(name).get("directories", []) if path], [])
        self.write("data/d.txt", "new")
        self.assertEqual((self.stale("out.txt"), self.doubtful()), ([], []))
        # A run within the run is watched as ever.
        inner = self.observed("sh", "-c", f"{MLREPO} run --quiet sh -c 'cat data/b.txt >inner.txt'; true")
        self.assertEqual(self.inputs(inner["name"]), ["data/b.txt"])

    def test_standard_input_from_a_file_is_not_given_again(self) -> None:
        def sort(*options: str, source: str = "data/a.txt"):
            with (self.work / source).open("rb") as rows:
                return subprocess.run([MLREPO, "run", *options, "sh", "-c", "sort >out.txt"], stdin=rows, cwd=self.work,
                                      env=self.environment, capture_output=True, timeout=60)
        self.assertEqual(sort("--quiet").returncode, 0)
        self.assertIn(b"executed, since it may read", sort("--cached", source="data/b.txt").stderr)
        self.assertEqual((self.work / "out.txt").read_text(), "row b\n")
        self.write("data/b.txt", "other\n")
        self.refused("rerun", "--yes", status=1, says="cannot be executed here")
        self.assertIn("its standard input was a file", self.mlrepo("rerun", "--dry-run"))
        self.assertEqual((self.work / "out.txt").read_text(), "row b\n")

    def test_hostile_names(self) -> None:
        self.made(program=r"""
            import os
            for name in (b"no\n", b"\xff\xfe", b"a/../b/../../x", b"x" * 255, b"q" * 5000, b"data/a.txt/deep", b"  ", b"\\"):
                try: os.close(os.open(name, 0))
                except OSError: pass
            os.makedirs(b"d\xff\n")
            open(b"d\xff\n/e", "w").close()
            os.listdir(b"d\xff\n")
            """)
        found = self.lookups(self.record_name())
        self.assertIn("no\n", found["absent"])
        self.assertIn({"bytes": "//4="}, found["absent"])
        self.assertIn({"bytes": "ZP8K"}, found["directories"])
        self.assertIn("data/a.txt/deep", found["absent"])
        self.assertEqual(self.stale(), [])
        self.write("no\n", "x")
        self.assertEqual(self.stale(), ["no\\n, which it looked for in vain, is there"])

    def test_a_collection_keeps_the_list(self) -> None:
        run = self.made()
        self.assertIn("lookups", self.record(run["name"]))
        self.mlrepo("gc", "--now")
        self.mlrepo("fsck")
        self.assertEqual(self.stale(), [])


class EachWay(LookupTest):
    def test_each_way_sees(self) -> None:
        os.symlink("a.txt", self.work / "data/now")
        self.script("code/read.py", """
            import os
            for path in ("missing", "deep/er/missing"):
                try: open(path)
                except OSError: pass
            try: os.listdir("nodir")
            except OSError: pass
            os.listdir("data"); open("data/now").read()
            for entry in os.scandir(os.open("data", os.O_RDONLY)): entry.name
            """)
        for way in ("seccomp", "preload", "strace"):
            with self.subTest(way):
                run = self.run_raw("run", "--quiet", "--json", "--observe", way, PYTHON, "code/read.py")
                if "cannot be watched" in run.stderr.decode():
                    self.skipTest(run.stderr.decode().splitlines()[0])
                found = self.lookups(json.loads(run.stdout)["run"]["name"])
                self.assertEqual(found["absent"], ["deep/er/missing", "missing", "nodir"])
                self.assertIn("data", found["directories"])
                self.assertIn({"place": "data/now", "target": "data/a.txt"}, found["links"])


class Taking(LookupTest):
    """`rerun --cached`, and what keeps `run --cached` from taking a run."""

    def test_names_and_links_count(self) -> None:
        os.symlink("a.txt", self.work / "data/now")
        program = READING + "open('data/now').read()\n"
        self.made(program=program)
        words = ("run", "--cached", "--json", PYTHON, "code/read.py")
        self.assertIn("cached", json.loads(self.mlrepo(*words)))
        for path in ("data/d.txt", "more", "code/local.yaml", "shards/1"):
            self.write(path, "x")
            self.assertIn("run", json.loads(self.mlrepo(*words)), path)
            self.assertIn("executed, since run", self.stderr)
            self.assertIn("cached", json.loads(self.mlrepo(*words)), path)
        # What other runs make beside the code is what a sweep is about.
        self.observed("sh", "-c", "echo 1 > code/result-1.json; echo 1 > result-1.json")
        time.sleep(1.1)
        self.observed("sh", "-c", "echo 1 > code/result-2.json; echo 1 > result-2.json")
        self.assertIn("cached", json.loads(self.mlrepo(*words)), self.stderr)

    def test_what_was_made_of_just_these_inputs_is_taken(self) -> None:
        self.made()
        first = (self.work / "out.txt").read_text()
        self.write("data/d.txt", "new\n")
        self.mlrepo("rerun", "--yes", "--quiet")
        second = (self.work / "out.txt").read_text()
        self.assertNotEqual(first, second)
        (self.work / "data/d.txt").unlink()
        before = len(self.mlrepo("runs").splitlines())
        told = self.mlrepo("rerun", "--yes", "--cached")
        self.assertEqual(told, "0 runs executed again, 1 taken from runs before, 0 found as before\n")
        self.assertIn("not executed: run ", self.stderr)
        self.assertEqual((self.work / "out.txt").read_text(), first)
        self.assertEqual(len(self.mlrepo("runs").splitlines()), before)
        self.write("data/d.txt", "new\n")
        [run] = json.loads(self.mlrepo("rerun", "--yes", "--cached", "--json"))["runs"]
        self.assertEqual((run["stale"], "executed" in run, len(run["taken"])), (True, False, 32))
        self.assertEqual((self.work / "out.txt").read_text(), second)

    def test_a_chain_is_taken_step_by_step(self) -> None:
        for text in ("one\n", "two\n"):
            self.write("data/a.txt", text)
            self.observed("sh", "-c", "cat data/a.txt >first")
            self.observed("sh", "-c", "cat first >second")
        self.write("data/a.txt", "one\n")
        self.assertIn("0 runs executed again, 2 taken from runs before", self.mlrepo("rerun", "--yes", "--cached"))
        self.assertEqual((self.work / "second").read_text(), "one\n")
        self.assertEqual([run for run in json.loads(self.mlrepo("rerun", "-n", "--json"))["runs"] if run["stale"]], [])

    def test_what_is_appended_to_is_not_put_back(self) -> None:
        words = ("run", "--cached", "--json", "sh", "-c", "echo 1 >>rows.csv; echo 1 >other")
        for _ in range(3):
            self.assertIn("run", json.loads(self.mlrepo(*words)))
        (self.work / "other").unlink()
        self.assertIn("run", json.loads(self.mlrepo(*words)))
        self.assertEqual((self.work / "rows.csv").read_text(), "1\n" * 4)

    def test_links_that_are_made_are_taken(self) -> None:
        words = ("run", "--cached", "--json", "ln", "-sfn", "data", "latest")
        self.assertIn("run", json.loads(self.mlrepo(*words)))
        self.assertIn("cached", json.loads(self.mlrepo(*words)))

    def test_optional_modules_and_settings_count_at_once(self) -> None:
        self.script("code/read.py", """
            import os
            try: import local
            except ImportError: pass
            if os.path.exists("settings.yaml"): print(open("settings.yaml").read())
            open("out.txt", "w").write(open("data/a.txt").read())
            """)
        words = ("run", "--cached", "--json", PYTHON, "code/read.py")
        self.assertIn("run", json.loads(self.mlrepo(*words)))
        for path in ("code/local.py", "settings.yaml", "code/plug/__init__.py"):
            self.write(path, "x: 1\n" if path.endswith("yaml") else "x = 1\n")
            self.assertIn("run", json.loads(self.mlrepo(*words)), path)
            self.assertIn(f"{path.removesuffix('/__init__.py')} is new", self.stderr)
        self.write("code/notes.md", "nothing\n")
        self.write("notes.md", "nothing\n")
        self.assertIn("cached", json.loads(self.mlrepo(*words)), self.stderr)

    def test_edited_and_back_again_is_not_stale(self) -> None:
        self.made()
        before = (self.work / "code/read.py").read_text()
        self.made(program=READING + "# more\n")
        self.assertEqual(self.stale(), [])
        self.write("code/read.py", before)
        self.assertEqual(self.stale(), [])

    def test_runs_in_trees_of_their_own_are_not_missed_here(self) -> None:
        self.script("code/read.py", "import sys; open(f'out-{sys.argv[1]}.txt', 'w').write(open('data/a.txt').read())")
        for number in "12":
            self.mlrepo("run", "--quiet", "--scratch", "../scratch", PYTHON, "code/read.py", number)
        self.assertEqual(self.mlrepo("rerun", "--dry-run"), "no recorded run made what is here\n")
        name = json.loads(self.mlrepo("runs", "--json", "-n", "1"))["run"]
        self.mlrepo("commit", "--quiet", "--run", name, "-m", "Best")
        self.assertEqual(self.mlrepo("rerun", "--dry-run"), "nothing is stale\n")
        self.write("data/a.txt", "other\n")
        [run] = json.loads(self.mlrepo("rerun", "--dry-run", "--json"))["runs"]
        self.assertEqual((run["command"][-1], run["stale"]), ("2", True))

    def test_what_a_run_was_told_by_name_is_told_again(self) -> None:
        self.observed("--param", "rate=0.25", "--", "sh", "-c", "cat data/a.txt >out; echo $0 >>out", "{rate}")
        self.write("data/a.txt", "other\n")
        self.mlrepo("rerun", "--yes", "--quiet")
        self.assertEqual(json.loads(self.mlrepo("runs", "--json", "-n", "1"))["parameters"]["rate"], 0.25)

    def test_what_nobody_made_is_executed(self) -> None:
        self.made()
        self.write("data/d.txt", "new\n")
        self.assertIn("1 run executed again, 0 found as before", self.mlrepo("rerun", "--yes", "--cached"))

    def test_work_by_hand_in_the_way_is_written_over_as_without_it(self) -> None:
        self.made()
        self.write("out.txt", "by hand")
        self.mlrepo("rerun", "--yes", "--cached")
        self.assertEqual((self.work / "out.txt").read_text(), "row a\nrow b\nrow c\n")
