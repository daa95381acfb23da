"""What `--json` prints, held against Documentation/Schemas.

Needs the package jsonschema (Tests/requirements.txt); scripts/test installs it.
"""
import base64
import copy
import hashlib
import json
import os
import pwd
import shutil
import subprocess
import unittest
from pathlib import Path

from jsonschema import Draft202012Validator

from command_test import CommandTest

FOLDER = Path(__file__).resolve().parents[2] / "Documentation" / "Schemas"
SCHEMAS = {path.name.removesuffix(".schema.json"): json.loads(path.read_text()) for path in FOLDER.glob("*.schema.json")}
# Commands that take --json and have no answer in JSON yet.
WITHOUT: set[str] = set()


class SchemaTest(CommandTest):
    """Runs commands with --json, and validates what they print."""

    used: set[str] = set()

    def valid(self, name: str, document: object) -> None:
        SchemaTest.used.add(name)
        problems = [f"{error.json_path}: {error.message}" for error in Draft202012Validator(SCHEMAS[name]).iter_errors(document)]
        self.assertEqual(problems, [], json.dumps(document)[:2000])

    def answer(self, *arguments, status=0) -> object:
        """The one document that a command prints."""
        [document] = self.lines(*arguments, status=status)
        return document

    def lines(self, *arguments, status=0) -> list:
        """All documents that a command prints, each on its line and in its schema."""
        documents = [json.loads(line) for line in self.mlrepo(*self.in_json(arguments), status=status).splitlines()]
        for document in documents:
            self.valid(arguments[0], document)
        return documents

    def error(self, *arguments, status: int) -> dict:
        """The one line that a failing command prints on standard error."""
        self.assertEqual(self.mlrepo(*self.in_json(arguments), status=status), "")
        [line] = self.stderr.splitlines()
        document = json.loads(line)
        self.valid("error", document)
        self.assertEqual(document["error"]["status"], status)
        return document["error"]

    def in_json(self, arguments: tuple) -> list:
        """With --json, before the -- behind which there are only paths."""
        end = arguments.index("--") if "--" in arguments else len(arguments)
        return [*arguments[:end], "--json", *arguments[end:]]

    def odd_version(self) -> None:
        """A version with names that are hard to write, links and an empty directory."""
        self.mlrepo("init")
        for name in [b"data/a.txt", b"data/na\nme\t\x1b[31m", b"data/\xff\xfe.bin", b'data/"quoted"\\', "data/größe/ü".encode(), b"data/ "]:
            self.write(name, name)
        os.symlink("a.txt", self.work / "data/link")
        (self.work / "data/empty").mkdir()
        self.write("data/run.sh", b"#!/bin/sh\n")
        os.chmod(self.work / "data/run.sh", 0o755)
        self.mlrepo("add", "data")
        self.mlrepo("commit", "-m", "Odd\n\nnames \x1b[31m")


class Answers(SchemaTest):
    def test_init_names_the_repository(self) -> None:
        path = f"{self.work}/.mlrepo"
        self.assertEqual(self.answer("init"), {"path": path, "store": path, "bare": False})
        self.answer("init", "further/down")

    def test_init_names_a_store_elsewhere(self) -> None:
        store = f"{self.root}/store"
        self.assertEqual(self.answer("init", "--bare", store), {"path": store, "store": store, "bare": True})
        self.assertEqual(self.answer("init", "--store", store), {"path": f"{self.work}/.mlrepo", "store": store, "bare": False})

    def test_a_repository_without_commits_answers(self) -> None:
        self.mlrepo("init")
        nothing = {"branch": "main", "clean": True, "entries": [], "head": None, "interrupted": False, "skipped": [], "untracked": []}
        self.assertEqual(self.answer("status"), nothing)
        self.assertEqual(self.lines("log"), [])
        self.assertEqual((self.answer("branch"), self.answer("tag")), ([], []))
        self.assertEqual([operation["verb"] for operation in self.lines("operations")], ["init"])
        self.assertEqual(self.answer("fsck")["problems"], [])
        self.write("data/a.txt", b"first\n")
        self.mlrepo("add", "data")
        self.assertEqual(self.answer("status")["entries"], [{"path": "data/a.txt", "state": "added"}])

    def test_a_first_commit_has_no_parents_and_a_second_has_one(self) -> None:
        self.start()
        first = self.answer("commit", "-m", "One")
        self.write("data/a.txt", b"changed\n")
        second = self.answer("commit", "-m", "Two", "--param", "lr=1e-4", "--metric", "accuracy=0.91")
        self.assertEqual((first["parents"], second["parents"]), ([], [first["commit"]]))
        self.assertEqual([line["commit"] for line in self.lines("log")], [second["commit"], first["commit"]])

    def test_a_commit_on_no_branch_answers(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.write("data/a.txt", b"changed\n")
        self.mlrepo("commit", "-m", "Two")
        self.mlrepo("checkout", "HEAD~1")
        self.assertIsNone(self.answer("status")["branch"])
        self.write("data/a.txt", b"changed in another way\n")
        self.assertIsNone(self.answer("commit", "-m", "Aside")["branch"])
        self.assertEqual(len(self.lines("log")), 2)
        self.answer("undo")
        self.answer("show", "main")

    def test_odd_names_come_as_text_or_bytes(self) -> None:
        self.odd_version()
        listed = self.lines("ls")
        self.assertIn({"bytes": "ZGF0YS///i5iaW4="}, [entry["path"] for entry in listed])
        self.assertIn("data/na\nme\t\x1b[31m", [entry["path"] for entry in listed])
        self.assertEqual({entry["mode"] for entry in listed}, {"file", "executable", "link", "directory"})
        self.lines("ls", "HEAD", "data/run.sh")
        self.lines("ls", "HEAD", b"data/\xff\xfe.bin")
        self.assertEqual(self.answer("blame", b"data/\xff\xfe.bin")["path"], {"bytes": "ZGF0YS///i5iaW4="})
        self.assertEqual(self.lines("log")[0]["message"], "Odd\n\nnames \x1b[31m")
        self.assertEqual(self.answer("show")["message"], "Odd\n\nnames \x1b[31m")

    def test_what_is_tracked_moved_hashed_and_resolved_is_told(self) -> None:
        self.odd_version()
        commit = self.answer("log")["commit"]
        self.assertEqual(self.answer("resolve", "HEAD"), {"commit": commit})
        self.write("more", b"x")
        self.assertEqual(self.answer("add", "more", "--pattern", "*.ckpt"), {"added": ["more"], "patterns": ["*.ckpt"]})
        self.assertEqual(self.answer("untrack", "more"), {"untracked": ["more"], "ignored": [], "patterns": []})
        self.assertEqual(self.answer("untrack", "data/run.sh"), {"untracked": ["data/run.sh"], "ignored": ["data/run.sh"], "patterns": []})
        self.assertEqual(self.answer("mv", "data/a.txt", "data/b.txt"), {"moved": [{"from": "data/a.txt", "to": "data/b.txt"}]})
        moved = self.answer("mv", "data/b.txt", b"data/\xff\xfe.bin", "data/größe")["moved"]
        self.assertEqual([name["to"] for name in moved], ["data/größe/b.txt", {"bytes": base64.b64encode("data/größe/".encode() + b"\xff\xfe.bin").decode()}])
        self.assertEqual(self.answer("hash", "more"), {"file": "more", "id": "sha256:" + hashlib.sha256(b"x").hexdigest()})
        self.assertEqual(self.answer("version")["format"], 1)
        self.assertEqual(self.answer("rm", "--cached", "data/größe/b.txt"), {"removed": 0})

    def test_every_state_of_a_file_is_told(self) -> None:
        self.odd_version()
        os.remove(self.work / "data/a.txt")
        os.remove(self.work / "data/run.sh")
        os.symlink("nowhere", self.work / "data/run.sh")
        os.remove(self.work / "data/link")
        self.write("data/link", b"a file now")
        self.write(b"data/\xff\xfe.bin", b"changed")
        os.chmod(self.work / "data/größe/ü", 0o755)
        self.write("data/new.txt", b"new")
        (self.work / "data/empty too").mkdir()
        status = self.answer("status")
        self.assertEqual({entry["state"] for entry in status["entries"]}, {"added", "modified", "deleted", "typeChanged"})
        self.assertFalse(status["clean"])
        self.assertEqual(status["skipped"], [])
        states = {"added", "modified", "deleted", "typeChanged"}
        self.assertEqual({entry["state"] for entry in self.answer("diff")["entries"]}, states)
        self.assertEqual({entry["state"] for entry in self.answer("diff", "HEAD")["entries"]}, states)
        self.mlrepo("commit", "-m", "Two", "--param", "a=1", "--metric", "b=x")
        self.assertEqual(self.answer("diff")["entries"], [])
        diff = self.answer("diff", "HEAD~1", "HEAD")
        self.assertEqual({entry["state"] for entry in diff["entries"]}, {"added", "modified", "deleted", "typeChanged"})
        self.answer("diff", "HEAD", "HEAD~1", "--exit-code", status=1)

    def test_what_is_skipped_is_told_as_people_read_it(self) -> None:
        self.odd_version()
        os.mkfifo(os.fsencode(self.work) + b"/data/\xff\x1b")
        self.mlrepo("init", "data/inner")
        status = self.answer("status")
        self.assertEqual((status["clean"], status["entries"]), (True, []))
        self.assertEqual({entry["path"]: entry["reason"] for entry in status["skipped"]},
                         {"data/\\xff\\x1b": "a socket, pipe or device", "data/inner": "a repository of its own"})

    def test_a_checkout_that_was_interrupted_is_told(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.write("data/a.txt", b"changed\n")
        self.mlrepo("commit", "-m", "Two")
        (self.work / "data").chmod(0o555)
        self.addCleanup((self.work / "data").chmod, 0o755)
        if os.access(self.work / "data", os.W_OK):
            self.skipTest("everything may be written by this user")
        self.error("checkout", "HEAD~1", status=77)
        self.assertEqual([self.answer("status")[key] for key in ("clean", "interrupted")], [False, True])
        checks = {check["name"]: check for check in self.answer("doctor", status=1)["checks"]}
        self.assertEqual((checks["checkout"]["good"], checks["checkout"]["hint"]), (False, "type the checkout again"))

    def test_a_commit_of_everything_removed_answers(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        shutil.rmtree(self.work / "data")
        commit = self.answer("commit", "-m", "Two", "--deleted")
        self.assertEqual((commit["files"], commit["bytes"]), (0, 0))
        self.assertEqual(self.lines("ls"), [])
        self.answer("diff", "HEAD~1", "HEAD")
        self.answer("show")

    def test_checkout_tells_where_one_stands_and_what_was_written(self) -> None:
        self.start()
        first = self.answer("commit", "-m", "One")["commit"]
        shutil.rmtree(self.work / "data/sub")
        second = self.answer("commit", "-m", "Two")["commit"]
        self.assertEqual(self.answer("checkout", "main~1"), {"commit": first, "branch": None, "written": 1, "removed": 0})
        self.assertEqual(self.answer("checkout", "-b", "side"), {"commit": first, "branch": "side", "written": 0, "removed": 0})
        self.assertEqual(self.answer("checkout", "main"), {"commit": second, "branch": "main", "written": 0, "removed": 1})
        self.assertEqual(self.answer("checkout", "side", "--to", "../copy"), {"path": f"{self.root}/copy", "written": 2})
        self.assertEqual(self.answer("checkout", "main", "--", "data/a.txt"), {"commit": second, "written": 0})
        self.assertEqual(self.answer("checkout", "side", "--", "data"), {"commit": first, "written": 1})
        self.write("data/sub/b.txt", b"precious\n")
        self.error("checkout", "side", "--", "data/sub", status=73)
        self.assertEqual(self.answer("checkout", "--force", "side", "--", "data/sub"), {"commit": first, "written": 1})
        self.write("data/a.txt", b"precious\n")
        self.assertEqual(self.answer("checkout", "--force", "side"), {"commit": first, "branch": "side", "written": 1, "removed": 0})

    def test_undo_takes_an_interrupted_checkout_back(self) -> None:
        self.start()
        first = self.answer("commit", "-m", "One")
        self.write("data/a.txt", b"changed\n")
        second = self.answer("commit", "-m", "Two")
        plain = {key: answer[member].removeprefix("sha256:") for key, answer, member in (
            ("before", second, "commit"), ("commit", first, "commit"), ("from", second, "tree"), ("to", first, "tree"))}
        (self.work / ".mlrepo/pending").write_text(json.dumps(plain, sort_keys=True, separators=(",", ":")) + "\n")
        self.write("data/a.txt", b"first\n")
        self.assertTrue(self.answer("status")["interrupted"])
        self.assertEqual(self.answer("undo"), {"commit": second["commit"]})
        self.assertEqual((self.work / "data/a.txt").read_bytes(), b"changed\n")
        self.assertTrue(self.answer("status")["clean"])

    def test_a_path_that_is_not_text_comes_as_bytes(self) -> None:
        def place(name: bytes) -> dict:
            return {"bytes": base64.b64encode(os.fsencode(self.root) + b"/" + name).decode()}

        made = self.answer("init", b"\xff")
        self.assertEqual((made["path"], made["store"]), (place(b"work/\xff/.mlrepo"),) * 2)
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.assertEqual(self.answer("checkout", "main", "--to", b"../\xfe")["path"], place(b"\xfe"))
        added = self.answer("worktree", "add", b"../\xfd")
        self.assertEqual(added["path"], place(b"\xfd"))
        self.assertIn(added["path"], [copy["path"] for copy in self.answer("worktree")])
        self.assertEqual(self.answer("worktree", "remove", added["workingCopy"])["path"], place(b"\xfd"))

    def test_restore_names_what_came_back(self) -> None:
        self.odd_version()
        self.assertEqual(self.answer("restore", "data"), {"restored": []})
        os.remove(self.work / "data/a.txt")
        os.remove(os.fsencode(self.work) + b"/data/\xff\xfe.bin")
        self.assertEqual(self.answer("restore", "data"), {"restored": ["data/a.txt", {"bytes": "ZGF0YS///i5iaW4="}]})

    def test_a_name_that_is_made_or_deleted_answers(self) -> None:
        self.start()
        commit = self.answer("commit", "-m", "One")["commit"]
        for command in ("branch", "tag"):
            self.assertEqual(self.answer(command, "a/b"), {"name": "a/b", "commit": commit})
            self.assertEqual(self.answer(command, "-d", "a/b"), {"name": "a/b", "commit": None})

    def test_working_copies_answer(self) -> None:
        self.start()
        [mine] = self.answer("worktree")
        self.assertEqual((mine["commit"], mine["path"], mine["current"]), (None, str(self.work), True))
        self.assertIsNone(self.answer("worktree", "add", "../empty")["commit"])
        commit = self.answer("commit", "-m", "One")["commit"]
        made = [self.answer("worktree", "add", "../same"), self.answer("worktree", "add", "../none", "HEAD"),
                self.answer("worktree", "add", "-b", "side", "../other")]
        self.assertEqual([copy["branch"] for copy in made], ["main", None, "side"])
        self.assertEqual({copy["commit"] for copy in made}, {commit})
        listed = {copy["path"]: copy for copy in self.answer("worktree", "list")}
        self.assertEqual(set(listed), {f"{self.root}/{name}" for name in ("work", "empty", "same", "none", "other")})
        self.assertEqual([path for path, copy in listed.items() if copy["current"]], [str(self.work)])
        for copy in made:
            self.assertEqual(listed[copy["path"]]["workingCopy"], copy["workingCopy"])
        gone = listed[f"{self.root}/other"]
        self.assertEqual(self.answer("worktree", "remove", "../other"), {key: gone[key] for key in ("workingCopy", "path")})
        self.assertEqual({copy["path"] for copy in self.answer("worktree")}, set(listed) - {f"{self.root}/other"})
        shutil.rmtree(self.work / ".mlrepo/cache")
        self.assertEqual({copy["path"] for copy in self.answer("worktree")}, {None})
        self.assertIsNone(self.answer("worktree", "remove", made[0]["workingCopy"])["path"])

    def test_gc_tells_what_goes_and_does_it(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        plan = self.answer("gc", "--plan")
        self.assertEqual((plan["needed"], plan["unneeded"], plan["temporaries"], plan["done"]), (plan["objects"], {}, [], False))
        left = self.write(".mlrepo/tmp/left", b"half")
        os.utime(left, (0, 0))
        self.assertEqual(self.answer("gc", "--plan")["temporaries"], [f"{self.work}/.mlrepo/tmp/left"])
        self.assertEqual(self.answer("gc")["temporaries"], [f"{self.work}/.mlrepo/tmp/left"])
        self.write("data/big.bin", os.urandom(300_000))
        two = self.answer("commit", "-m", "Two")["commit"]
        self.mlrepo("undo")
        self.assertEqual(self.answer("gc")["unneeded"], {})
        plan, done = self.answer("gc", "--plan", "--now"), self.answer("gc", "--now")
        self.assertEqual({**plan, "done": True}, {key: done[key] for key in plan})
        self.assertEqual((done["emptied"], done["unneeded"]["blob"]["bytes"]), ([two], 300_000))
        self.assertGreater(done["freedBytes"], 300_000)
        self.error("checkout", two, status=66)
        self.assertEqual(self.answer("fsck")["problems"], [])

    def test_packs_that_were_merged_have_their_grace(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        for number in range(12):
            self.mlrepo("tag", f"v{number}")
        waiting = self.answer("gc", "--plan")
        self.assertGreater(waiting["waiting"], 0)
        deleted = self.answer("gc", "--now")
        self.assertEqual((len(deleted["deleted"]), deleted["deletedBytes"]), (waiting["waiting"], waiting["waitingBytes"]))

    def test_stats_add_up(self) -> None:
        self.start()
        self.write("data/big.bin", bytes(range(256)) * 3000)
        self.mlrepo("commit", "-m", "One")
        stats = self.answer("stats")
        packs = list((self.work / ".mlrepo/packs").rglob("*.pack"))
        self.assertEqual((stats["packs"], stats["packBytes"]), (len(packs), sum(pack.stat().st_size for pack in packs)))
        self.assertEqual(stats["storedBytes"], stats["packBytes"] + stats["logBytes"])
        self.assertAlmostEqual(stats["ratio"], stats["rawBytes"] / stats["storedBytes"], delta=0.05)
        self.assertEqual(stats["objects"], sum(kind["objects"] for kind in stats["byKind"].values()))
        self.assertEqual(stats["rawBytes"], sum(kind["rawBytes"] for kind in stats["byKind"].values()))
        self.assertEqual(stats["objects"], self.answer("fsck")["objects"])

    def test_repair_tells_what_it_replaced_and_what_is_lost(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.assertNotIn("lost", self.answer("fsck", "--repair"))
        [pack, *_] = sorted((self.work / ".mlrepo/packs").rglob("*.pack"), key=lambda path: -path.stat().st_size)
        pack.chmod(0o644)
        pack.write_bytes(pack.read_bytes().replace(b"first\nsecond\n", b"fIrst\nsecond\n"))
        plain = self.answer("fsck", status=1)
        plan = self.answer("fsck", "--repair", "--dry-run", status=1)
        self.assertEqual([one["pack"] for one in plan["replaced"]], [pack.name.removesuffix(".pack")])
        self.assertEqual([one["kind"] for one in plan["lost"]], ["blob", "blob"])
        self.assertEqual(plain, {key: plan[key] for key in plain})
        self.write("data/a.txt", b"changed\n")
        done = self.answer("fsck", "--repair", status=1)
        # What the working copy had is not lost in the end.
        lost = [one for one in plan["lost"] if one["id"] != f"sha256:{hashlib.sha256(b'second' + bytes([10])).hexdigest()}"]
        self.assertEqual(done, {**plan, "lost": lost, "taken": ["data/sub/b.txt"], "problemsAfter": 1})

    def test_branches_tags_and_operations_answer(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.mlrepo("branch", "team/side")
        self.mlrepo("tag", "v1.0+final@2")
        self.mlrepo("branch", "-d", "team/side")
        self.mlrepo("checkout", "-b", "other")
        self.write("data/a.txt", b"changed\n")
        self.mlrepo("commit", "-m", "Two")
        self.mlrepo("checkout", "main")
        self.assertEqual([ref["name"] for ref in self.answer("branch")], ["main", "other"])
        self.assertEqual([ref["name"] for ref in self.answer("tag")], ["v1.0+final@2"])
        self.assertEqual([self.answer("undo")["verb"] for _ in range(4)], ["checkout", "commit", "checkout", "branch"])
        self.assertEqual({operation["verb"] for operation in self.lines("operations")}, {"init", "commit", "branch", "tag", "checkout", "undo"})
        self.assertEqual([self.answer("redo")["verb"] for _ in range(4)], ["branch", "checkout", "commit", "checkout"])
        self.error("redo", status=1)
        self.assertEqual(self.lines("operations")[0]["verb"], "redo")

    def test_what_is_removed_is_counted(self) -> None:
        self.odd_version()
        self.assertEqual(self.answer("rm", "data/größe", b"data/\xff\xfe.bin"), {"removed": 2})
        self.write("data/a.txt", b"precious")
        self.error("rm", "data/a.txt", status=73)
        self.assertEqual(self.answer("rm", "--force", "data/a.txt"), {"removed": 1})
        self.assertEqual(self.answer("rm", "data/a.txt"), {"removed": 0})
        self.error("rm", "nothing", status=66)
        self.mlrepo("undo")
        self.assertEqual((self.work / "data/a.txt").read_bytes(), b"precious")

    def test_what_a_path_takes_is_told_by_the_path(self) -> None:
        self.odd_version()
        self.write("data/big.bin", os.urandom(50_000))
        self.write("data/copy.bin", (self.work / "data/big.bin").read_bytes())
        self.mlrepo("commit", "-m", "Two")
        [whole] = self.lines("du")
        self.assertEqual((whole["path"], whole["rawBytes"] > 100_000 > whole["storedBytes"] > 50_000), ("data", True))
        big, odd = self.lines("du", "data/big.bin", b"data/\xff\xfe.bin")
        self.assertEqual((big["files"], big["rawBytes"], big["onlyHereBytes"]), (1, 50_000, 0))
        self.assertEqual(odd["path"], {"bytes": "ZGF0YS///i5iaW4="})
        self.assertLess(self.answer("du", "data", "--at", "HEAD~1")["rawBytes"], 1000)
        self.error("du", "nothing", status=66)
        self.error("du", "--at", "nowhere", status=66)

    def test_settings_answer(self) -> None:
        self.mlrepo("init")
        self.assertEqual(self.answer("config"), [])
        self.error("config", "user.name", status=1)
        self.assertEqual(self.lines("config", "user.name", "Ada Lovelace"), [])
        self.assertEqual(self.answer("config", "user.name"), {"key": "user.name", "value": "Ada Lovelace"})
        self.mlrepo("config", "user.email", "ada@example.com")
        self.assertEqual([one["key"] for one in self.answer("config")], ["user.email", "user.name"])
        self.assertEqual(self.lines("config", "--unset", "user.email"), [])
        self.assertEqual([one["key"] for one in self.answer("config")], ["user.name"])
        for words in (["user.nonsense"], ["user.name", "a # b"], ["--unset"], ["--unset", "user.name", "x"]):
            self.error("config", *words, status=64)

    def test_the_doctor_tells_of_everything_and_ends_with_1_where_something_is_in_the_way(self) -> None:
        self.start()
        del self.environment["MLREPO_NOW"]
        self.assertEqual({check["good"] for check in self.answer("doctor")["checks"]}, {True})
        for name in ("MLREPO_USER_NAME", "MLREPO_USER_EMAIL"):
            del self.environment[name]
        self.git("init", "-q")
        checks = {check["name"]: check for check in self.answer("doctor", status=1)["checks"]}
        self.assertEqual({name for name, check in checks.items() if not check["good"]} - {"author"}, {"code"})
        self.assertIn("hint", checks["code"])

    def test_runs_with_and_without_a_version(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        outside = self.root / "outside"
        outside.write_text("x")
        words = ["sh", "-c", f"cat data/a.txt {outside} >model.bin; echo told; echo >&2 told; cat extra.py", "x", "--lr", "0.1"]
        self.write("extra.py", b"code\n")
        made = self.answer("run", "-m", "Model", "--", *words)
        self.answer("show")
        self.answer("blame", "model.bin")
        alone = self.answer("run", "--", "sh", "-c", "rm data/a.txt; kill -9 $$", status=137)
        self.assertNotIn("commit", alone)
        self.answer("show", f"run:{alone['run']['name']}")
        self.answer("run", "--observe", "declared", "--input", "data", "--output", "model.bin", "--", "true")
        self.error("run", "--param", "a=1", "--", "true", status=125)
        runs = self.lines("runs")
        self.assertEqual({run["state"] for run in runs}, {"ok", "failed"})
        self.assertIn(made["run"]["name"], {run["run"] for run in runs})

    def test_what_is_executed_again_and_what_descends(self) -> None:
        del self.environment["MLREPO_NOW"]
        self.start()
        self.git("init")
        self.write("train.py", b"# code\n")
        self.write(".gitignore", b"/data\n/model.json\n/.mlrepo\n")
        self.git("add", "train.py", ".gitignore")
        self.git("commit", "-m", "Code")
        self.mlrepo("commit", "-m", "One")
        outside = self.root / "outside"
        outside.write_text("0")
        made = self.answer("run", "-m", "Model", "--", "sh", "-c",
                           f"cat train.py data/a.txt >/dev/null; echo '{{\"a\": '$(cat {outside})'}}' >model.json; echo t >note")
        self.assertIn("files", self.answer("show")["runs"][-1]["code"])
        self.answer("checkout", "main", "--to", "../copy", "--code")
        self.assertEqual(self.answer("reproduce", "--yes", "main")["result"], "identical")
        outside.write_text("0.5")
        self.assertEqual(self.answer("reproduce", "--yes", "--tolerance", "1", "main")["result"], "equivalent")
        self.assertEqual(self.answer("reproduce", "--yes", "--with", "data/a.txt", "--to", "../kept", "main", "--", "model.json",
                                     status=1)["result"], "different")
        outside.unlink()
        self.lines("runs")
        for run in self.lines("runs"):
            self.answer("show", f"run:{run['run']}")
        self.answer("blame", "model.json")
        self.answer("impact", "data/a.txt")
        self.answer("impact", str(self.work / "note"))
        self.mlrepo("run", "--quiet", "sh", "-c", "cat note data/sub/b.txt >alone")
        self.answer("blame", "alone")
        self.write("data/sub/b.txt", b"changed\n")
        self.assertTrue(any(run["stale"] for run in self.answer("rerun", "--dry-run")["runs"]))
        self.assertEqual([run.get("exitStatus") for run in self.answer("rerun", "--yes", "alone")["runs"]].count(0), 2)
        self.mlrepo("run", "--quiet", "sh", "-c", "ls data/sub >/dev/null; cat note >alone")
        self.write("data/sub/c.txt", b"new\n")
        self.assertTrue(any("doubtful" in run for run in self.answer("rerun", "--dry-run")["runs"]))
        self.error("reproduce", "main", status=64)
        self.error("impact", "nothing", status=66)
        self.assertTrue(made["commit"])

    def test_what_was_measured_and_on_what(self) -> None:
        del self.environment["MLREPO_NOW"]
        self.start()
        self.mlrepo("commit", "-m", "One")
        made = "cat data/a.txt >model.bin; echo '{\"loss\": '$0'}' >metrics.json"
        tested = "cat model.bin data/sub/b.txt >/dev/null; echo '{\"acc\": 0.5}' >test.json"
        for number in "12":
            self.write("data/a.txt", number.encode())
            self.mlrepo("commit", "-m", "Data", "data")
            self.mlrepo("run", "--quiet", "-m", "Model", "sh", "-c", made, number)
            self.mlrepo("run", "--quiet", "--metrics", "test.json", "sh", "-c", tested)
        self.assertEqual(len(self.answer("show")["evaluations"]), 1)
        self.assertEqual(self.answer("blame", "model.bin")["evaluations"][0]["on"], ["data/sub/b.txt"])
        compared = self.answer("compare", "HEAD~2", "HEAD")
        self.assertEqual([(metric["name"], metric["comparable"]) for metric in compared["metrics"]],
                         [("loss", False), ("acc", True)])
        self.assertEqual(self.answer("diff", "HEAD~2", "HEAD")["metrics"][0]["why"], "different data (data/a.txt)")
        self.answer("compare", "--where", "acc > 0", "--sort", "-acc")
        self.assertEqual([found["kind"] for found in self.lines("find", "acc > 0 or loss > 0")],
                         ["version", "version", "run", "run"])
        self.error("find", "acc >", status=64)
        self.error("compare", status=64)
        self.error("compare", "nothing", status=66)

    def test_values_of_every_kind_are_plain_json(self) -> None:
        self.start()
        self.write("params.yaml", b"a: 1\nb: -0.5\nc: true\nd: null\ne: [1, two, [3.0]]\nf: {g: {h: 9007199254740993}}\ni: .nan\n")
        self.write("params.toml", b'day = 1979-05-27\n[table]\n"odd key" = 1e6\n')
        self.mlrepo("commit", "-m", "One", "--params", "params.yaml", "--params", "params.toml", "--metric", 'text="1"')
        [run] = self.answer("show")["runs"]
        self.assertEqual((run["parameters"]["a"], run["parameters"]["c"], run["parameters"]["d"]), (1, True, None))
        self.assertEqual((run["parameters"]["b"], run["parameters"]["e"], run["parameters"]["table"]),
                         (-0.5, [1, "two", [3.0]], {"odd key": 1e6}))
        self.assertEqual((run["parameters"]["i"], run["parameters"]["f"]), ("nan", {"g": {"h": "9007199254740993"}}))
        self.assertEqual(run["metrics"], {"text": "1"})
        self.answer("blame", "data/a.txt")
        self.write("data/a.txt", b"changed\n")
        self.mlrepo("commit", "-m", "Two", "--param", "a=2")
        self.assertIn({"name": "f.g.h", "before": "9007199254740993"}, self.answer("diff", "HEAD~1", "HEAD")["parameters"])

    def test_blame_goes_upstream(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "Data")
        data = self.mlrepo("resolve", "HEAD").strip()
        self.write("features/x.bin", b"features")
        self.mlrepo("add", "features")
        self.mlrepo("commit", "-m", "Features", "--input", "data", "--output", "features")
        self.write("model.bin", b"weights")
        self.write("elsewhere/x.csv", b"from outside")
        self.mlrepo("add", "model.bin")
        self.mlrepo("commit", "-m", "Model", "--input", "features", "--input", f"{data}:data/sub", "--param", "lr=0.1")
        blame = self.answer("blame", "model.bin")
        features = {entry["path"]: entry for entry in blame["inputs"]}["features"]
        self.assertEqual(features["upstream"]["message"], "Features")
        self.assertEqual([entry["path"] for entry in features["upstream"]["inputs"]], ["data"])
        self.assertEqual(features["author"], features["upstream"]["author"])
        [run] = self.answer("show")["runs"]
        self.assertEqual(run["inputCommits"], [{"path": "data/sub", "commit": f"sha256:{data}"}])
        self.assertEqual(run["user"], {"name": "Ada", "email": "ada@example.com"})
        self.answer("blame", "data")
        self.answer("blame", "data/sub/b.txt", "--revision", data)

    def test_code_of_every_state_is_told(self) -> None:
        self.git("init", "-q")
        self.start()
        self.mlrepo("commit", "-m", "Before the first commit of the code")
        self.assertNotIn("revision", self.answer("blame", "data")["code"])
        self.write("train.py", b"print('one')\n")
        self.git("remote", "add", "origin", "https://example.com/team/code.git")
        self.git("add", "train.py")
        self.git("commit", "-qm", "Code")
        self.write("data/a.txt", b"changed\n")
        self.mlrepo("commit", "-m", "Clean")
        self.assertFalse(self.answer("show")["runs"][0]["code"]["dirty"])
        self.write("train.py", b"print('two')\n")
        self.write("data/a.txt", b"changed again\n")
        self.mlrepo("commit", "-m", "With a patch")
        patch = self.answer("show")["runs"][0]["code"]["patch"]
        self.assertIn("+print('two')", self.mlrepo("cat", patch))

    def test_damage_of_every_place_is_told(self) -> None:
        self.start()
        self.write("data/big.bin", bytes(range(256)) * 3000)
        self.mlrepo("commit", "-m", "One")
        self.mlrepo("tag", "v1")
        kinds = set()
        for path in sorted((self.work / ".mlrepo").rglob("*")):
            if path.relative_to(self.work / ".mlrepo").parts[0] not in ("format", "log", "packs") or not path.is_file():
                continue
            content = path.read_bytes()
            path.chmod(0o644)
            for place in {0, 9, len(content) // 2, len(content) - 60, len(content) - 1}:
                damaged = bytearray(content)
                damaged[place] ^= 1
                path.write_bytes(damaged)
                done = self.run_raw("fsck", "--json")
                self.assertEqual(done.returncode, 1, (path, place, done.stderr))
                report = json.loads(done.stdout)
                self.valid("fsck", report)
                kinds |= {problem["kind"] for problem in report["problems"]}
            path.unlink()
            done = self.run_raw("fsck", "--json")
            self.valid("fsck" if done.returncode == 1 else "error", json.loads(done.stdout or done.stderr))
            kinds |= {problem["kind"] for problem in json.loads(done.stdout or "{}").get("problems", [])}
            path.write_bytes(content)
        self.assertEqual(self.answer("fsck")["problems"], [])
        self.assertLessEqual({"log-entry", "missing-pack", "pack-digest", "missing-object"}, kinds)


class Signatures(SchemaTest):
    """What is said of keys, and by them."""

    def test_keys_and_signatures(self) -> None:
        self.assertEqual(self.answer("init")["bare"], False)
        self.assertIsNone(self.answer("identity")["key"])
        self.assertEqual(self.answer("identity", "list"), [])
        key = self.root / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        self.assertEqual(self.answer("identity", "use", str(key))["key"]["origin"], "user.signingKey")
        self.write("a.txt", b"a")
        self.mlrepo("add", "a.txt")
        commit = self.answer("commit", "-m", "One", "--sign")["commit"]
        self.answer("tag", "v1", "--sign")
        self.assertEqual(self.answer("verify", "v1", status=1)["unverified"], 1)
        [trusted] = self.answer("identity", "trust", "ada@example.com", f"{key}.pub", "--until", "2030-01-01")
        self.assertEqual((trusted["principals"], trusted["authority"], "validBefore" in trusted), ("ada@example.com", False, True))
        [verified] = self.answer("verify", "v1")["commits"]
        self.assertEqual((verified["commit"], verified["verified"]), (commit, True))
        self.assertEqual({one["kind"]: one["verdict"] for one in verified["signatures"]}, {"commit": "good", "tag": "good"})
        self.assertEqual(self.lines("log", "--show-signature")[0]["signatures"], verified["signatures"])
        self.assertEqual(self.answer("show")["signatures"], verified["signatures"])
        self.assertEqual(self.answer("verify", "--all")["verified"], 1)
        self.assertEqual(self.answer("note"), [])
        note = self.answer("note", "-m", "A remark", "HEAD:a.txt")
        self.assertEqual((note["path"], note["subject"], note["verdict"]), ("a.txt", commit, "good"))
        self.assertEqual(self.answer("note"), [note])
        self.assertEqual(self.answer("blame", "a.txt")["notes"], [note])
        self.assertEqual(self.lines("log")[0]["notes"], [note])
        self.assertEqual(self.answer("show")["notes"], [note])
        self.error("note", "-m", "A remark", "HEAD:b.txt", status=66)
        self.assertEqual(self.answer("identity", "untrust", "ada@example.com"), [])
        self.error("identity", "untrust", "ada@example.com", status=66)

    def test_the_log_and_proofs(self) -> None:
        key = self.root / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        self.answer("init")
        self.answer("identity", "use", str(key))
        self.mlrepo("config", "log.sign", "true")
        self.write("a.txt", b"a")
        self.mlrepo("add", "a.txt")
        self.answer("commit", "-m", "One")
        self.assertEqual(self.answer("audit", "check", status=1)["bad"][0]["signature"]["verdict"], "unknownKey")
        self.answer("identity", "trust", "ada@example.com", f"{key}.pub")
        self.assertTrue(self.answer("audit", "check")["sound"])
        [commit, first] = self.lines("audit", "log")
        self.assertEqual((first["signature"], commit["signature"]["verdict"], commit["verb"]), (None, "good", "commit"))
        stick = self.root / "stick"
        self.answer("init", str(stick))
        self.answer("remote", "add", "stick", str(stick))
        self.assertEqual(self.answer("audit", "witness", "stick")["size"], 1)
        self.answer("audit", "check", "stick", status=1)
        self.assertEqual(self.answer("audit", "bundle", str(self.root / "bundle"))["commits"], 1)
        proof = self.answer("prove", "entry", "1", "-o", str(self.root / "proof"))
        self.assertEqual((self.root / "proof").read_text(), proof["proof"])
        self.assertTrue(self.answer("verify", str(self.root / "proof"))["proved"])
        self.answer("prove", "consistency", "1", "-o", str(self.root / "growth"))
        self.assertEqual(self.answer("verify", str(self.root / "growth"))["old"], 1)

    def test_a_policy(self) -> None:
        key = self.root / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        self.answer("init")
        self.answer("identity", "use", str(key))
        self.write("a.txt", b"a")
        self.mlrepo("add", "a.txt")
        self.answer("commit", "-m", "One")
        self.answer("remote", "add", "origin", str(self.root / "store"))
        self.answer("push")
        self.error("policy", "show", status=66)
        self.assertEqual(self.answer("policy", "init"), {"file": "policy.toml"})
        told = self.answer("policy", "propose", "policy.toml", "-m", "First")
        self.assertEqual((told["inForce"], told["proposal"]["signers"], told["store"]), (True, ["ada"], "origin"))
        self.error("policy", "propose", "policy.toml", status=65)
        shown = self.answer("policy", "show")
        self.assertEqual((shown["policy"]["version"], shown["id"]), (1, told["proposal"]["id"]))
        self.assertEqual(self.answer("policy", "log")["versions"][0]["reason"], "First")
        self.assertTrue(self.answer("policy", "simulate", "ada", "push", "main")["allowed"])
        self.error("policy", "simulate", "bob", "push", "main", status=66)
        self.assertEqual(self.answer("policy", "simulate", "policy.toml", status=1)["refused"][0]["entry"], 1)
        self.answer("policy", "edit", "new.toml")
        self.write("a.txt", b"b")
        commit = self.answer("commit", "-m", "Two")["commit"]
        self.error("approve", "main", "HEAD", status=77)
        self.mlrepo("policy", "edit", "rules.toml")
        rules = (self.work / "rules.toml").read_text()
        rules += '[[rules]]\nallow = ["push"]\nrefs = ["branches/x"]\nroles = ["maintainer"]\napprovals = 1\napprovers = ["maintainer"]\n'
        (self.work / "rules.toml").write_text(rules)
        self.answer("policy", "propose", "rules.toml")
        approved = self.answer("approve", "main", "HEAD")
        self.assertEqual((approved["ref"], approved["after"], approved["store"]), ("branches/main", commit, "origin"))
        report = self.answer("audit", "check", "origin")
        self.assertEqual((report["policy"], report["refused"]), (2, []))


class Stores(SchemaTest):
    """What is said of other stores."""

    def test_transfers_name_refs_and_sizes(self) -> None:
        self.start()
        self.assertEqual(self.answer("remote"), [])
        store = f"{self.root}/store"
        self.assertEqual(self.answer("remote", "add", "origin", store), [{"name": "origin", "url": store}])
        commit = self.answer("commit", "-m", "One")["commit"]
        self.assertEqual(self.answer("push", "--dry-run")["refs"], [{"name": "branches/main", "before": None, "after": commit}])
        pushed = self.answer("push")
        self.assertEqual(pushed["refs"], [{"name": "branches/main", "before": None, "after": commit}])
        self.assertEqual((pushed["remote"], pushed["objects"] > 0, pushed["bytes"] > 0, pushed["alreadyThere"]), ("origin", True, True, 0))
        self.assertEqual(self.answer("push", "../store")["refs"], [])
        cloned = self.answer("clone", store, "../other")
        self.assertEqual(cloned["refs"], [{"name": "remotes/origin/main", "before": None, "after": commit}])
        self.mlrepo("branch", "try")
        self.mlrepo("tag", "v1")
        self.mlrepo("run", "-q", "-m", "Run", "cat", "data/a.txt")
        self.answer("push", "origin", "--all", "--runs")
        self.answer("push", "origin", "--tags")
        fetched = json.loads(self.mlrepo("fetch", "--json", cwd=self.root / "other"))
        self.valid("fetch", fetched)
        self.assertEqual({ref["name"].split("/")[0] for ref in fetched["refs"]}, {"remotes", "tags", "runs"})
        self.answer("push", "origin", "--delete", "try", "v1")
        [gone] = json.loads(self.mlrepo("fetch", "--json", cwd=self.root / "other"))["refs"]
        self.assertEqual((gone["name"], gone["before"], gone["after"]), ("remotes/origin/try", commit, None))
        self.lines("operations")
        self.assertEqual(self.answer("get", store, "data/a.txt", "--to", "got")["files"], 1)
        self.assertEqual(self.lines("ls", "--from", "origin"), self.lines("ls"))
        self.assertEqual([line["remote"] for line in self.lines("fetch", "--all")], ["origin"])
        self.assertEqual(self.answer("bundle", "../one.bundle", "--all")["refs"][0]["name"], "branches/main")
        self.assertEqual(self.answer("bundle", "../two.bundle", "--since", "HEAD~1")["since"], [self.answer("resolve", "HEAD~1")["commit"]])
        self.answer("fsck", "origin")
        self.answer("gc", "origin", "--plan")
        self.assertEqual(self.answer("status")["upstream"], {"name": "origin/main", "ahead": 0, "behind": 0})
        other = self.root / "other"
        self.mlrepo("pull", "-q", cwd=other)
        (other / "data/a.txt").write_bytes(b"theirs")
        self.mlrepo("commit", "-qm", "Theirs", cwd=other)
        self.mlrepo("push", "-q", cwd=other)
        self.assertEqual(self.answer("pull")["merge"], "fastForward")
        self.mlrepo("checkout", "-q", "-b", "side")
        self.write("data/a.txt", b"side")
        self.mlrepo("commit", "-qm", "Side")
        self.mlrepo("checkout", "-q", "main")
        self.write("data/a.txt", b"mine")
        self.mlrepo("commit", "-qm", "Mine")
        merged = json.loads(self.mlrepo("merge", "side", "--json", status=1))
        self.valid("merge", merged)
        self.assertEqual([conflict["path"] for conflict in merged["conflicts"]], ["data/a.txt"])
        self.assertEqual(self.answer("merge", "side")["merge"], "nothing")
        self.assertEqual(self.answer("remote", "remove", "origin"), [])

    def test_errors(self) -> None:
        self.start()
        for words, status in ((["fetch"], 66), (["push"], 66), (["push", "nowhere"], 66), (["remote", "add", "x"], 64),
                              (["remote", "remove", "x"], 66), (["remote", "add", "..", "../x"], 64), (["clone", "../nowhere"], 66),
                              (["clone", "/"], 64), (["push", "ftp://x/y"], 64)):
            self.error(*words, status=status)
        self.mlrepo("commit", "-m", "One")
        self.mlrepo("push", "../store")
        self.error("clone", "../store", ".", status=73)
        self.error("push", "../store", "nothing", status=66)
        self.write("data/a.txt", b"theirs\n")
        self.mlrepo("commit", "-m", "Two")
        self.mlrepo("push", "../store")
        self.mlrepo("undo")
        self.write("data/a.txt", b"mine\n")
        self.mlrepo("commit", "-m", "Mine")
        self.error("push", "../store", status=73)


class Errors(SchemaTest):
    def test_errors_are_one_line_of_json(self) -> None:
        self.assertIn("hint", self.error("status", status=66))
        self.error("stash", status=64)
        self.error("nonsense", status=64)
        self.error("status", "--nonsense", status=64)
        self.mlrepo("init")
        self.error("init", status=73)
        self.error("commit", status=64)
        self.error("commit", "-m", "One", status=66)
        for command in (["show"], ["diff", "HEAD"], ["ls"], ["blame", "data"], ["show", "nowhere"], ["log", "nowhere"], ["tag", "v1"]):
            self.error(*command, status=66)
        self.error("undo", status=1)
        self.error("checkout", "nowhere", status=66)
        self.odd_version_in_place()
        self.error("commit", "-m", "Two", status=1)
        self.error("blame", "nothing", status=66)
        self.error("blame", "../outside", status=66)
        self.error("ls", "HEAD", b"data/\xff", status=66)
        self.error("branch", "a..", status=64)
        self.error("branch", "main", status=73)
        self.error("branch", "-d", "main", status=73)
        self.error("tag", "-d", "nothing", status=66)
        self.error("diff", "HEAD", "HEAD", "HEAD", status=64)
        self.error("commit", "-m", "x", "--param", "a=1", "--param", "a=2", status=64)
        self.error("commit", "-m", "x", "--params", "nothing.json", status=66)
        self.write("broken.json", b"{")
        self.error("commit", "-m", "x", "--params", "broken.json", status=65)
        self.error("checkout", "main", "--to", "data", status=73)
        self.write(b"data/\xff\xfe.bin", b"changed")
        self.mlrepo("commit", "-m", "Two")
        self.write(b"data/\xff\xfe.bin", b"precious")
        self.error("checkout", "HEAD~1", status=73)
        shutil.rmtree(self.work / "data")
        self.assertEqual(self.error("commit", "-m", "Three", status=73)["path"], "data")

    def odd_version_in_place(self) -> None:
        self.write(b"data/\xff\xfe.bin", b"odd")
        self.mlrepo("add", "data")
        self.mlrepo("commit", "-m", "One")

    def test_a_directory_that_is_not_there_is_an_error_of_json(self) -> None:
        self.mlrepo("-C", "nowhere", "status", "--json", status=64)
        self.valid("error", json.loads(self.stderr))

    def test_errors_of_working_copies_are_one_line_of_json(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.write("full/file", b"precious")
        for words, status in ((["nonsense"], 64), (["add"], 64), (["add", "full"], 73), (["add", "../other", "nowhere"], 66),
                              (["add", "-b", "main", "../other"], 73), (["remove", "nothing"], 66), (["remove", "."], 73)):
            self.error("worktree", *words, status=status)
        self.error("init", "--bare", "--store", "x", status=64)
        self.error("init", "--store", "nothing", "y", status=66)
        self.mlrepo("init", "--bare", "store")
        self.assertIn("hint", self.error("-C", "store", "status", status=64))

    def test_a_damaged_store_is_an_error_of_json(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        (self.work / ".mlrepo/format").chmod(0o644)
        (self.work / ".mlrepo/format").write_bytes(b"{}\n")
        self.error("status", status=65)

    def test_who_is_not_named_is_the_account(self) -> None:
        self.start()
        for name in ("MLREPO_USER_NAME", "MLREPO_USER_EMAIL"):
            del self.environment[name]
        self.answer("commit", "-m", "One")
        [commit] = self.lines("log")
        self.assertEqual(commit["author"], {"name": pwd.getpwuid(os.getuid()).pw_name, "email": ""})


class NotYet(SchemaTest):
    """What the documentation of --json promises and the program does not do yet; a test that begins to pass ends the exception."""

    def setUp(self) -> None:
        super().setUp()
        self.start()
        self.mlrepo("commit", "-m", "One")

    @unittest.expectedFailure
    def test_the_path_of_an_error_is_one_that_can_be_opened(self) -> None:
        os.rename(self.work / "data/a.txt", os.fsencode(self.work) + b"/data/\xff")
        self.mlrepo("commit", "-m", "Two")
        self.write(b"data/\xff", b"precious")
        self.assertEqual(self.error("checkout", "HEAD~1", status=73)["path"], {"bytes": "ZGF0YS//"})


class Strictness(SchemaTest):
    def test_every_schema_is_one_and_names_all_members(self) -> None:
        def look(name: str, part: object) -> None:
            if isinstance(part, list):
                for one in part:
                    look(name, one)
            if not isinstance(part, dict):
                return
            if isinstance(part.get("properties"), dict) and part.get("type") == "object":
                self.assertIs(part.get("additionalProperties"), False, (name, part))
                self.assertIn("required", part, (name, part))
                self.assertLessEqual(set(part["required"]), set(part["properties"]), (name, part))
            for one in part.values():
                look(name, one)

        for name, schema in SCHEMAS.items():
            Draft202012Validator.check_schema(schema)
            self.assertEqual((schema["$schema"], schema["$id"]), ("https://json-schema.org/draft/2020-12/schema", f"{name}.schema.json"))
            look(name, schema)

    def test_what_two_schemas_call_by_one_name_is_the_same(self) -> None:
        seen: dict[str, object] = {}
        for name, schema in SCHEMAS.items():
            for key, part in schema.get("$defs", {}).items():
                self.assertEqual(seen.setdefault(key, part), part, (name, key))

    def test_a_member_too_many_or_too_few_is_refused(self) -> None:
        self.odd_version()
        self.write("data/a.txt", b"changed\n")
        self.mlrepo("commit", "-m", "Two", "--param", "a=1", "--input", "data/run.sh")
        self.mlrepo("tag", "v1")
        answers = [["run", "-m", "Run", "--", "cat", "data/a.txt"], ["run", "--cached", "--", "cat", "data/a.txt"], ["reproduce", "--yes"], ["runs"], ["show"],
                   ["status"], ["log"], ["diff", "HEAD~1", "HEAD"], ["branch"], ["tag"], ["operations"], ["ls"], ["fsck"], ["blame", "data/a.txt"],
                   ["worktree"], ["worktree", "add", "../other"], ["gc", "--plan"], ["gc"], ["maintenance", "--plan"],
                   ["maintenance"], ["stats"], ["init", "further"],
                   ["branch", "side"], ["tag", "-d", "v1"], ["checkout", "HEAD"], ["checkout", "main", "--to", "../copy"],
                   ["checkout", "HEAD", "--", "data"], ["restore", "data"], ["worktree", "remove", "../other"], ["du"],
                   ["impact", "data/run.sh"], ["compare", "HEAD~1", "HEAD"], ["find", ""], ["rerun", "--dry-run"],
                   ["remote", "add", "origin", "../store"], ["push"], ["clone", "../store", "../cloned"], ["fetch"],
                   ["config"], ["config", "user.name"], ["undo"], ["redo"], ["rm", "data/run.sh"], ["doctor"]]
        # The doctor finds fault with the fixed time of these tests.
        optional = {"hint", "reason", "code", "commit", "upstream", "before", "after", "user", "current",
                    "base", "ended", "seconds", "exitStatus", "usage", "standardOutput", "standardError", "packages", "name",
                    "started", "command", "directory", "files", "path", "lookups"}
        self.mlrepo("config", "user.name", "Ada")
        os.mkfifo(self.work / "data/pipe")
        for name, *arguments in answers:
            for document in self.lines(name, *arguments, status=1 if name == "doctor" else 0):
                for changed in self.spoiled(document, optional):
                    self.assertFalse(Draft202012Validator(SCHEMAS[name]).is_valid(changed), (name, changed))

    def spoiled(self, document: object, optional: set[str]):
        """The document with one thing wrong, each way: a member more, one less, one of another type."""
        free = {"parameters", "metrics", "environment", "unneeded", "byKind", "byCodec"}

        def places(part: object, where: tuple):
            if isinstance(part, dict):
                yield where
                for key, value in part.items():
                    if key not in free:
                        yield from places(value, (*where, key))
            elif isinstance(part, list):
                for number, value in enumerate(part):
                    yield from places(value, (*where, number))

        for where in places(document, ()):
            def fresh() -> tuple:
                whole = copy.deepcopy(document)
                part = whole
                for step in where:
                    part = part[step]
                return whole, part

            whole, part = fresh()
            part["surplus"] = 1
            yield whole
            for key in [key for key in part if key != "surplus"]:
                whole, part = fresh()
                part[key] = "a word" if key == "ratio" else 1.5
                # A parameter may have any value.
                if key != "value":
                    yield whole
                if key not in optional or (key == "commit" and where == ()):
                    whole, part = fresh()
                    del part[key]
                    yield whole

    def test_every_command_with_json_has_a_schema_and_every_schema_a_command(self) -> None:
        with_json = {command for command in self.listed() if any(
            "--json" in self.mlrepo("help", command, *further) for further in ([], *([one] for one in self.listed(command))))}
        self.assertLessEqual({"status", "worktree", "du", "doctor"}, with_json)
        self.assertEqual(with_json - set(SCHEMAS), WITHOUT)
        self.assertEqual(set(SCHEMAS) - with_json, {"error"})
        table = (FOLDER / "README.md").read_text()
        self.assertEqual([name for name in SCHEMAS if f"`{name}`" not in table], [])


def load_tests(loader, tests, pattern):
    """All tests, and behind them one that looks whether they used every schema."""
    class Use(unittest.TestCase):
        def test_every_schema_was_used(self) -> None:
            self.assertEqual(set(SCHEMAS) - SchemaTest.used, set())

    suite = unittest.TestSuite([tests, loader.loadTestsFromTestCase(Use)])
    return suite


if __name__ == "__main__":
    unittest.main()
