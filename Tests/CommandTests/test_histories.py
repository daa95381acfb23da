"""What log, blame, show and diff say of histories; all commits of a test are of one second unless it sets the clock."""
import json
import os

from command_test import CommandTest


class Histories(CommandTest):
    def begin(self, *directories: str) -> None:
        self.mlrepo("init")
        for name in directories:
            (self.work / name).mkdir()
            self.mlrepo("add", name)

    def commit(self, name: str, content: bytes, *options: str) -> str:
        """A commit of one file, which is the commit's message as well; returns the commit's id."""
        self.write(name, content)
        self.mlrepo("commit", "-m", name, *options)
        return self.mlrepo("resolve", "HEAD").strip()

    def subjects(self, *words: str, cwd=None) -> list:
        return [line.split(" ", 1)[1].split(") ")[-1]
                for line in self.mlrepo("log", "--oneline", *words, cwd=cwd).splitlines()]

    def test_the_log_of_the_top_is_that_of_all(self) -> None:
        self.begin("d", "m")
        self.commit("d/a", b"a")
        self.commit("m/b", b"b")
        everything = ["m/b", "d/a"]
        self.assertEqual(self.subjects("."), everything)
        self.assertEqual(self.subjects("--", "."), everything)
        self.assertEqual(self.subjects("--all", ".", "m"), everything)
        self.assertEqual(self.subjects("..", cwd=self.work / "d"), everything)
        self.assertEqual(self.subjects("HEAD~1", "--", "."), ["d/a"])
        # Nothing but what is tracked changes.
        self.mlrepo("add", "--pattern", "*.ckpt")
        self.assertIn("No file has changed; what is tracked has", self.mlrepo("status"))
        self.mlrepo("commit", "-m", "Pattern")
        self.assertIn("Nothing has changed", self.mlrepo("status"))
        self.assertEqual(self.subjects("."), everything)
        self.assertEqual(self.subjects("-n", "0", "d"), [])

    def test_no_commit_comes_before_one_that_was_made_from_it(self) -> None:
        self.begin("d")
        self.commit("d/root", b"0")
        self.mlrepo("tag", "v1")
        for number in range(3):
            self.commit(f"d/{number}", b"x")
        self.mlrepo("checkout", "-b", "side", "HEAD~1")
        self.commit("d/side", b"s")
        listed = self.subjects("--all")
        self.assertEqual(sorted(listed), ["d/0", "d/1", "d/2", "d/root", "d/side"])
        self.assertEqual(listed[2:], ["d/1", "d/0", "d/root"])
        self.assertEqual(set(self.subjects("--all", "-n", "2")), {"d/2", "d/side"})

    def test_blame_tells_content_that_came_back_from_content_that_was_made_elsewhere(self) -> None:
        self.begin("d", "m")
        self.commit("d/x", b"1")
        self.mlrepo("checkout", "-b", "exp")
        self.commit("m/t", b"0.5", "--input", "d", "--param", "lr=9")
        self.mlrepo("checkout", "main")
        self.environment["MLREPO_NOW"] = "1763888500"
        here = self.commit("m/t", b"0.5")
        blame = json.loads(self.mlrepo("blame", "m/t", "--json"))
        self.assertEqual((blame["cameWith"], blame.get("broughtBack")), (f"sha256:{here}", None))
        self.assertEqual(blame["parameters"], {"lr": 9})
        told = self.mlrepo("blame", "m/t")
        self.assertIn(f"came with  commit {here[:7]}", told)
        self.assertIn("the same bytes were made elsewhere by  commit", told)
        self.assertNotIn("brought back", told)
        # On one line it is a return.
        self.mlrepo("checkout", "exp")
        self.commit("m/t", b"0.7")
        back = self.commit("m/t", b"0.5")
        blame = json.loads(self.mlrepo("blame", "m/t", "--json"))
        self.assertEqual((blame["broughtBack"], blame.get("cameWith")), (f"sha256:{back}", None))
        self.assertIn("brought back by", self.mlrepo("blame", "m/t"))

    def test_a_directory_that_came_back_is_told_as_it_was(self) -> None:
        self.begin("d", "m")
        self.commit("d/x", b"1")
        self.commit("m/w", b"w1", "--input", "d", "--param", "lr=1")
        self.commit("m/w", b"w2")
        self.commit("m/w", b"w1")
        blame = json.loads(self.mlrepo("blame", "m", "--json"))
        self.assertEqual((blame["parameters"], blame.get("parts")), ({"lr": 1}, None))
        self.assertIn("broughtBack", blame)

    def test_the_files_of_a_renamed_directory_have_the_names_of_the_version(self) -> None:
        self.begin("old")
        self.commit("old/a", b"a")
        self.commit("old/b", b"b")
        self.mlrepo("mv", "old", "new")
        self.mlrepo("commit", "-m", "Renamed")
        parts = json.loads(self.mlrepo("blame", "new", "--json"))["parts"]
        self.assertEqual([(part["example"]["path"], part["example"]["origin"]) for part in parts],
                         [("new/b", "old/b"), ("new/a", "old/a")])
        self.assertIn("new/b  1 byte  made as old/b", self.mlrepo("blame", "new"))
        for part in parts:
            self.mlrepo("blame", part["example"]["path"])

    def test_the_first_file_of_an_empty_directory_deletes_nothing(self) -> None:
        self.begin("d")
        self.mlrepo("commit", "-m", "Empty")
        self.commit("d/w", b"w")
        def entries(*words: str) -> list:
            return [(entry["state"], entry["path"])
                    for entry in json.loads(self.mlrepo("diff", *words, "--json"))["entries"]]
        self.assertEqual(entries("HEAD~1", "HEAD"), [("added", "d/w")])
        self.assertEqual(entries("HEAD", "HEAD~1"), [("deleted", "d/w")])
        self.assertEqual(entries("HEAD~1"), [("added", "d/w")])
        self.assertNotIn("deleted", self.mlrepo("show"))

    def test_a_list_of_commits_has_their_results(self) -> None:
        self.begin("d")
        self.commit("d/x", b"1", "--param", "lr=0.1", "--metric", "f1=0.5")
        [line] = self.mlrepo("log", "--json").splitlines()
        [run] = json.loads(line)["runs"]
        self.assertEqual((run["parameters"], run["metrics"]), ({"lr": 0.1}, {"f1": 0.5}))
        self.assertEqual(run["id"], json.loads(self.mlrepo("show", "--json"))["runs"][0]["id"])

    def test_paths_that_nothing_changed_are_told_of(self) -> None:
        self.begin("d")
        self.commit("d/x", b"1")
        self.commit("d/y", b"1")
        self.assertEqual(self.mlrepo("log", "--", "typo"), "")
        self.assertIn("note: no commit of this line changed typo", self.stderr)
        self.assertEqual(self.mlrepo("diff", "HEAD~1", "HEAD", "--", "typo"), "")
        self.assertIn("note: typo is in none of what is compared", self.stderr)
        self.mlrepo("diff", "HEAD~1", "HEAD", "--", "d/x")
        self.assertEqual(self.stderr, "")
        self.refused("log", "d/gone", status=66, says="a path that is gone stands behind --: mlrepo log -- d/gone")
        self.refused("log", "HEAD", "d/gone", status=64, says="mlrepo log HEAD -- d/gone")

    def test_a_file_of_a_version_is_named_as_elsewhere(self) -> None:
        self.begin("d")
        first = self.commit("d/x", b"1")
        self.commit("d/x", b"2")
        self.mlrepo("tag", "v2")
        self.assertEqual(json.loads(self.mlrepo("blame", "HEAD~1:d/x", "--json"))["commit"], f"sha256:{first}")
        self.assertEqual(self.mlrepo("blame", "v2:d/x"), self.mlrepo("blame", "d/x"))
        self.refused("blame", "d/nothing", status=66, says="mlrepo log -- d/nothing")
        self.refused("blame", ".", status=64, says="name a file or directory of the version")
        self.refused("cat", "v2", "d/x", status=64, says="REVISION:PATH, as in v2:d/x")
        self.assertEqual(self.mlrepo("ls", "d"), self.mlrepo("ls", "HEAD", "d"))
        self.assertEqual(self.mlrepo("ls", "d/x"), self.mlrepo("ls", "v2", "d/x"))
        self.refused("ls", "nowhere", status=66, says="no revision 'nowhere'")

    def test_an_input_of_another_version_is_named_with_it(self) -> None:
        self.begin("d", "m")
        first = self.commit("d/x", b"1")
        self.commit("d/x", b"2")
        self.commit("m/w", b"w", "--input", "HEAD~1:d/x")
        self.assertIn(f"from {first[:7]}", self.mlrepo("show"))

    def test_an_input_that_was_told_before_comes_from_where_it_was_told(self) -> None:
        self.mlrepo("init")
        self.mlrepo("add", "--pattern", "*.x")
        data = self.commit("data.x", b"data")
        self.commit("other.x", b"other")
        self.commit("out1.x", b"1", "--input", "data.x")
        self.commit("out2.x", b"2", "--input", "data.x", "--input", "out1.x")
        first, second = json.loads(self.mlrepo("blame", "out2.x", "--json"))["inputs"]
        [again] = second["upstream"]["inputs"]
        self.assertEqual(again["untold"], "told")
        self.assertEqual((first["commit"], again["commit"]), (f"sha256:{data}", f"sha256:{data}"))

    def test_a_link_of_the_same_bytes_is_another_thing(self) -> None:
        self.begin("d")
        self.commit("d/x", b"target")
        os.remove(self.work / "d/x")
        os.symlink("target", self.work / "d/x")
        self.mlrepo("commit", "-m", "A link")
        self.assertEqual(json.loads(self.mlrepo("blame", "d/x", "--json"))["message"], "A link")
        self.assertEqual(self.subjects("--", "d/x"), ["A link", "d/x"])
        # The x bit is no content.
        first = self.commit("d/y", b"program")
        os.chmod(self.work / "d/y", 0o755)
        self.mlrepo("commit", "-m", "Executable")
        self.assertEqual(json.loads(self.mlrepo("blame", "d/y", "--json"))["commit"], f"sha256:{first}")
        self.assertEqual(self.subjects("--", "d/y"), ["Executable", "d/y"])

    def test_a_history_with_a_version_that_was_collected(self) -> None:
        self.begin("d")
        self.commit("d/x", b"1")
        self.write("d/x", b"2")
        self.mlrepo("commit", "-m", "Two")
        self.write("d/x", b"1")
        self.mlrepo("commit", "-m", "One again")
        last = self.mlrepo("resolve", "HEAD").strip()
        self.mlrepo("undo")
        self.mlrepo("undo")
        self.mlrepo("gc", "--now")
        self.assertEqual(self.subjects(last, "--", "d/x"), ["One again", "d/x"])
        self.assertEqual(json.loads(self.mlrepo("blame", "-r", last, "d/x", "--json"))["message"], "One again")
        self.mlrepo("blame", "-r", last, "d")
        self.mlrepo("log", "--oneline", last, "--", ".")
        self.refused("log", "--max-count=-3", status=64, says="0 or more")

    def at(self, seconds: int) -> None:
        self.environment["MLREPO_NOW"] = str(1763888400 + seconds)

    def test_the_own_line_comes_before_another_one(self) -> None:
        self.begin("d", "m")
        self.commit("d/x", b"1")
        self.mlrepo("checkout", "-b", "exp")
        self.at(10)
        self.commit("m/w", b"w", "--input", "d", "--param", "lr=9")
        self.mlrepo("checkout", "main")
        self.at(20)
        self.commit("m/w", b"w", "--input", "d", "--param", "lr=1")
        self.at(30)
        self.commit("m/w", b"w2")
        self.at(40)
        back = self.commit("m/w", b"w")
        blame = json.loads(self.mlrepo("blame", "m/w", "--json"))
        self.assertEqual((blame["parameters"], blame["broughtBack"], blame.get("cameWith")), ({"lr": 1}, f"sha256:{back}", None))

    def test_a_clock_that_was_set_back_makes_no_other_line(self) -> None:
        self.begin("d", "m")
        self.commit("d/x", b"1")
        self.at(1_000)
        self.commit("m/w", b"w", "--input", "d", "--param", "lr=1")
        self.at(0)
        self.commit("m/w", b"w2")
        self.at(2_000)
        back = self.commit("m/w", b"w")
        blame = json.loads(self.mlrepo("blame", "m/w", "--json"))
        self.assertEqual((blame["parameters"], blame.get("broughtBack")), ({"lr": 1}, f"sha256:{back}"))

    def test_a_part_of_a_directory_is_told_as_the_file_is(self) -> None:
        self.begin("d")
        first = self.commit("d/y", b"program")
        os.chmod(self.work / "d/y", 0o755)
        self.mlrepo("commit", "-m", "Executable")
        self.commit("d/z", b"z")
        parts = json.loads(self.mlrepo("blame", "d", "--json"))["parts"]
        self.assertEqual({part["example"]["path"]: part["example"]["message"] for part in parts}, {"d/y": "d/y", "d/z": "d/z"})
        self.assertEqual(json.loads(self.mlrepo("blame", "d/y", "--json"))["commit"], f"sha256:{first}")

    def test_what_is_wrong_is_named(self) -> None:
        self.begin("d")
        self.commit("d/x", b"1")
        self.refused("blame", "HEAD~9:d/x", status=66, says="no revision 'HEAD~9'")
        self.refused("cat", "HEAD:d/x", "HEAD:d/x", status=64, says="one file at a time")
        self.refused("checkout", "v1.3", status=66, says="hint: mlrepo log\n")
        self.refused("diff", "d/gone", status=66, says="mlrepo diff -- d/gone")
        self.mlrepo("tag", "v1")
        self.refused("log", "HEAD", "v1", status=64, says="one revision at most\n")
        self.assertNotIn("hint", self.stderr.replace("mlrepo help log", ""))
