"""What a commit records of the git repository around it, and of parameters and metrics."""
import json
import os
import subprocess
import time
from pathlib import Path

from command_test import CommandTest, MLREPO


class Code(CommandTest):
    def begin(self) -> None:
        self.start()
        self.git("init", "-q")
        self.write("train.py", b"pass\n")
        self.write(".gitignore", b"/data\n")
        self.git("add", "train.py", ".gitignore")
        self.git("commit", "-qm", "Code")

    def code(self) -> dict:
        return json.loads(self.mlrepo("show", "--json"))["runs"][0]["code"]

    def patched(self) -> list[str]:
        patch = self.mlrepo("cat", self.code()["patch"])
        return [line.split()[-1] for line in patch.splitlines() if line.startswith("diff --git")]

    def test_new_code_beside_one_tracked_file(self) -> None:
        self.begin()
        self.write("exp1/train.py", b"print(1)\n")
        self.write("exp1/model.bin", b"w")
        self.mlrepo("add", "exp1/model.bin")
        self.mlrepo("commit", "-m", "One")
        self.assertEqual(self.patched(), ["b/exp1/train.py"])
        # Neither what is tracked as a whole, nor what lies in a directory that holds such a one.
        self.write("runs/data/script.py", b"1")
        self.write("runs/plot.py", b"1")
        self.mlrepo("add", "runs/data")
        self.mlrepo("commit", "-m", "Two")
        self.assertEqual(self.patched(), ["b/exp1/train.py", "b/runs/plot.py"])
        # A commit of something else does not have it.
        self.write("runs/data/later.py", b"1")
        self.write("exp1/model.bin", b"x")
        self.mlrepo("commit", "-m", "Three", "exp1/model.bin")
        self.assertEqual(self.patched(), ["b/exp1/train.py", "b/runs/data/later.py", "b/runs/plot.py"])

    def test_new_code_in_many_directories(self) -> None:
        self.begin()
        for number in range(3_000):
            self.write(f"outputs/a-rather-long-name-of-a-run/{number}/run.py", b"1")
            os.makedirs(self.work / f"more/{number}")
        self.write("more/.gitkeep", b"")
        self.write("outputs/a-rather-long-name-of-a-run/.gitkeep", b"")
        self.git("add", "more", "outputs/a-rather-long-name-of-a-run/.gitkeep")
        for number in range(3_000):
            self.write(f"more/{number}/log.txt", b"1")
        self.mlrepo("commit", "-m", "One")
        self.assertEqual(len(self.patched()), 3_002)

    def test_an_edit_in_the_second_of_the_last_one(self) -> None:
        # Git looks into a file that is no older than its index: the copy of the index is as old.
        self.begin()
        for number in range(10):
            path = self.write("train.py", b"lr=%d\n" % number)
            before = int(os.stat(path).st_ctime)
            self.git("commit", "-qam", "One")
            self.write("train.py", b"lr=x\n")
            if int(os.stat(path).st_ctime) == before:
                break
        self.write("new.py", b"n\n")
        time.sleep(1.1)
        self.mlrepo("commit", "-m", "One")
        self.assertEqual(self.patched(), ["b/new.py", "b/train.py"])

    def test_a_patch_has_lines_around_it(self) -> None:
        self.begin()
        self.git("config", "diff.context", "0")
        self.write("train.py", b"pass\nmore\n")
        self.mlrepo("commit", "-m", "One")
        self.assertIn("\n pass\n+more\n", self.mlrepo("cat", self.code()["patch"]))

    def test_what_a_submodule_has_of_its_own(self) -> None:
        self.begin()
        library = self.root / "library"
        library.mkdir()
        self.git("init", "-q", cwd=library)
        (library / "layer.py").write_text("one\n")
        self.git("add", "layer.py", cwd=library)
        self.git("commit", "-qm", "Library", cwd=library)
        self.git("submodule", "add", "-q", str(library), "lib")
        self.git("commit", "-qm", "With it")
        self.mlrepo("commit", "-m", "Clean")
        self.assertFalse(self.code()["dirty"])
        for setting in (("diff.ignoreSubmodules", "all"), ("diff.submodule", "log")):
            self.git("config", *setting)
        (self.work / "lib/layer.py").write_text("two\n")
        (self.work / "lib/new.py").write_text("new\n")
        self.write("train.py", b"changed\n")
        self.write("data/a.txt", b"2")
        self.mlrepo("commit", "-m", "Changed")
        self.assertEqual(self.patched(), ["b/train.py", "b/lib/layer.py", "b/lib/new.py"])
        # What is recorded gives the code back.
        patch = self.root / "patch"
        patch.write_text(self.mlrepo("cat", self.code()["patch"]))
        self.git("checkout", "-q", "train.py")
        self.git("checkout", "-q", "layer.py", cwd=self.work / "lib")
        (self.work / "lib/new.py").unlink()
        subprocess.run(["patch", "-p1", "-s", "-i", str(patch)], cwd=self.work, check=True)
        self.assertEqual([(self.work / "lib" / name).read_text() for name in ("layer.py", "new.py")], ["two\n", "new\n"])
        # Another commit is a line of the patch.
        self.git("add", "layer.py", "new.py", cwd=self.work / "lib")
        self.git("commit", "-qm", "Mine", cwd=self.work / "lib")
        self.write("data/a.txt", b"3")
        self.mlrepo("commit", "-m", "Moved")
        self.assertEqual(self.patched(), ["b/lib", "b/train.py"])
        self.assertNotIn("-dirty", self.mlrepo("cat", self.code()["patch"]))

    def test_no_password_of_an_address_is_recorded(self) -> None:
        self.begin()
        for number, (address, recorded) in enumerate((
            ("https://ghproxy.example/https://ada:TOKEN@github.com/o/r.git", "https://ghproxy.example/https://github.com/o/r.git"),
            ("https://TOKEN@host/x", "https://host/x"),
            ("https://proxy/ada:TOKEN@host/x", "https://proxy/host/x"),
            ("https://host/@scope/x?token=1", "https://host/@scope/x"),
            ("git@host:o/r.git", "git@host:o/r.git"),
            ("/srv/code.git", "/srv/code.git"),
            ("ssh://git@host/r", "ssh://host/r"),
        )):
            self.git("config", "remote.origin.url", address)
            self.write("data/a.txt", b"%d" % number)
            self.mlrepo("commit", "-m", "One")
            self.assertEqual(self.code()["remote"], recorded)

    def test_a_git_that_tells_nothing_is_told(self) -> None:
        self.begin()
        (self.work / ".git/HEAD").write_text("nonsense")
        self.mlrepo("commit", "-m", "One")
        self.assertIn("note: git is not there, or refuses", self.stderr)
        self.write("data/a.txt", b"2")
        self.mlrepo("commit", "-m", "Two", "-q")
        self.assertEqual(self.stderr, "")

    def test_the_author_is_whom_any_file_of_git_names(self) -> None:
        for name in ("MLREPO_USER_NAME", "MLREPO_USER_EMAIL"):
            del self.environment[name]
        settings = Path(self.root / "settings")
        settings.write_text("[user]\n\tname = Bot\n\temail = bot@example.com\n")
        self.start()
        self.environment["GIT_CONFIG_GLOBAL"] = str(settings)
        self.mlrepo("commit", "-m", "One")
        self.assertEqual(json.loads(self.mlrepo("show", "--json"))["author"]["name"], "Bot")
        del self.environment["GIT_CONFIG_GLOBAL"]
        (self.root / ".gitconfig").write_text("[User] name = Ada ; not this\n\temail = ada@example.com # nor this\n")
        self.write("data/a.txt", b"2")
        self.mlrepo("commit", "-m", "Two")
        author = json.loads(self.mlrepo("show", "--json"))["author"]
        self.assertEqual((author["name"], author["email"]), ("Ada", "ada@example.com"))


class Numbers(CommandTest):
    def test_a_file_of_parameters_that_the_commit_leaves_out(self) -> None:
        self.mlrepo("init")
        self.write("p.yaml", b"lr: 1\n")
        self.write("m", b"a")
        self.mlrepo("add", "p.yaml", "m")
        self.mlrepo("commit", "-m", "1")
        self.write("p.yaml", b"lr: 2\n")
        self.write("m", b"b")
        self.refused("commit", "-m", "2", "--params", "p.yaml", "m", status=64, says="p.yaml has changes on disk")
        self.mlrepo("commit", "-m", "2", "--params", "p.yaml", "m", "p.yaml")
        self.assertEqual(self.mlrepo("cat", "HEAD:p.yaml"), "lr: 2\n")

    def test_a_name_with_two_values(self) -> None:
        self.start()
        self.write("train.json", b'{"acc": 0.99, "seed": 1, "optim": {"lr": 1, "wd": 0.1}}')
        self.write("eval.json", b'{"acc": 0.80}')
        self.write("more.json", b'{"seed": 1, "optim": {"beta": 2}}')
        self.write("other.json", b'{"optim": {"lr": 2}}')
        files = lambda *names: [word for name in names for word in ("--metrics", str(self.work / name))]
        self.refused("commit", "-m", "x", *files("train.json", "eval.json"), status=64, says="'acc' has one value in")
        self.refused("commit", "-m", "x", *files("train.json", "other.json"), status=64, says="'optim.lr' has one value in")
        self.mlrepo("commit", "-m", "x", *files("train.json", "more.json"), "--metric", "acc=0.5")
        self.assertEqual(json.loads(self.mlrepo("show", "--json"))["runs"][0]["metrics"],
                         {"acc": 0.5, "seed": 1, "optim": {"lr": 1, "wd": 0.1, "beta": 2}})

    def test_a_name_that_is_a_member_too(self) -> None:
        self.start()
        self.write("p.json", b'{"a": {"b": 1}, "a.b": 2}')
        params = ["--params", str(self.work / "p.json")]
        self.refused("commit", "-m", "x", *params, status=64, says="'a.b' is given twice: as a name, and as a member")
        # These are two names.
        self.mlrepo("commit", "-m", "x", "--metric", "loss=0.5", "--metric", "loss.val=0.25")
        self.assertEqual(json.loads(self.mlrepo("show", "--json"))["runs"][0]["metrics"], {"loss": 0.5, "loss.val": 0.25})

    def test_text_that_looks_like_something_else_is_quoted(self) -> None:
        self.start()
        texts = {"a": "1", "b": "-0.5e3", "c": "true", "d": "null", "e": "nan", "f": "", "g": '"x"', "h": "[1]", "i": "{}"}
        one = [word for name in texts for word in ("--param", f"{name}=bare")]
        self.mlrepo("commit", "-m", "One", *one, "--param", "z=1")
        two = [word for name, text in texts.items() for word in ("--param", f"{name}={json.dumps(text)}")]
        self.mlrepo("commit", "-m", "Two", *two, "--param", 'z="1"')
        line = "params " + " ".join(f'{name}="{text}"' for name, text in texts.items()) + ' z="1"\n'
        self.assertIn(line, self.mlrepo("show"))
        self.assertIn('params a="1" b="-0.5e3" c="true"', self.mlrepo("log", "-n", "1"))
        told = self.mlrepo("diff", "HEAD~1", "HEAD")
        self.assertIn('  z  1 -> "1"\n', told)
        self.assertIn('  f  bare -> ""\n', told)
        rows = {row["name"]: row for row in json.loads(self.mlrepo("diff", "--json", "HEAD~1", "HEAD"))["parameters"]}
        self.assertEqual(rows["z"], {"name": "z", "before": 1, "after": "1"})
        self.assertEqual(rows["b"], {"name": "b", "before": "bare", "after": "-0.5e3"})
        self.mlrepo("commit", "-m", "Three", "--param", "n=1.50", "--param", "t=plain text")
        self.assertIn("params n=1.50 t=plain text\n", self.mlrepo("show"))

    def test_numbers_that_json_spells_otherwise(self) -> None:
        self.start()
        pairs = ["a=.5", "b=1.", "c=007", "d=-.5e3", "e=-0", "f=00.50", "g=1e5", "h=nan", "i=1234567890123456789012"]
        self.mlrepo("commit", "-m", "x", *[word for pair in pairs for word in ("--param", pair)])
        told = self.mlrepo("show", "--json")
        self.assertEqual(json.loads(told)["runs"][0]["parameters"],
                         {"a": 0.5, "b": 1.0, "c": 7, "d": -500.0, "e": 0, "f": 0.5, "g": 1e5, "h": "nan", "i": "1234567890123456789012"})
        self.assertIn("a=.5 b=1. c=007", self.mlrepo("show"))

    def test_everything_is_an_input(self) -> None:
        self.start()
        self.mlrepo("add", ".")
        self.mlrepo("commit", "-m", "One")
        self.write("model", b"m")
        self.mlrepo("commit", "-m", "Two", "--input", ".", "--output", "model")
        run = json.loads(self.mlrepo("show", "--json"))["runs"][0]
        self.assertEqual(run["inputs"], json.loads(self.mlrepo("show", "--json"))["tree"])
        self.mlrepo("commit", "-m", "Three", "--input", "HEAD~1:")


class Answers(CommandTest):
    def test_the_top_directory_is_a_point(self) -> None:
        self.start()
        self.assertEqual(json.loads(self.mlrepo("add", ".", "--json"))["added"], ["."])
        self.assertEqual(json.loads(self.mlrepo("untrack", ".", "--json"))["untracked"], ["."])

    def test_a_failure_is_json_whatever_the_name(self) -> None:
        self.start()
        for name in (b"a\x7f", "b\x85".encode(), b"c\xff"):
            done = self.run_raw("hash", "--json", name)
            self.assertEqual(done.returncode, 66)
            told = json.loads(done.stderr)["error"]
            self.assertFalse([letter for letter in done.stderr.decode().strip() if not letter.isprintable()], done.stderr)
            self.assertIn("\\x", told["path"])
        with open("/dev/full", "wb") as full:
            self.mlrepo("commit", "-m", "One")
            done = subprocess.run([MLREPO, "log", "--json"], cwd=self.work, env=self.environment, stdout=full,
                                  stderr=subprocess.PIPE)
        self.assertEqual((done.returncode, json.loads(done.stderr)["error"]["status"]), (74, 74))

    def test_a_link_that_somebody_names_is_followed(self) -> None:
        self.start()
        self.write("p.json", b'{"lr": 1}')
        os.symlink("p.json", self.work / "q.json")
        os.symlink("q.json", self.work / "r.json")
        self.assertEqual(self.mlrepo("hash", "r.json").split()[0], self.mlrepo("hash", "p.json").split()[0])
        self.mlrepo("commit", "-m", "x", "--params", "r.json")
        os.symlink("loop", self.work / "loop")
        self.mlrepo("hash", "loop", status=74)

    def test_patterns_with_classes(self) -> None:
        self.mlrepo("init")
        for name in ("ckpt1.bin", "ckptx.bin", "ckpt].bin", "c-d.bin"):
            self.write(name, b"c")
        self.mlrepo("add", "--pattern", "ckpt[[:digit:]].bin", "--pattern", "ckpt[\\]].bin", "--pattern", "[[:alpha:]][!a-z].bin")
        self.mlrepo("commit", "-m", "x")
        self.assertEqual([line.split()[-1] for line in self.mlrepo("ls", "HEAD").splitlines()], ["ckpt1.bin", "ckpt].bin"])

    def test_an_ignore_file_that_an_editor_marked(self) -> None:
        self.start()
        self.write("data/x.tmp", b"t")
        self.write("data/skip", b"s")
        self.write("data/sub/skip", b"s")
        self.write(".mlrepoignore", b"\xef\xbb\xbf*.tmp\n***/skip\n")
        self.mlrepo("commit", "-m", "x")
        listed = self.mlrepo("ls", "HEAD")
        self.assertNotIn("tmp", listed)
        self.assertNotIn("skip", listed)
