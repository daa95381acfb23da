"""Other stores, in directories: what push, fetch and clone do with names and refs, and what they refuse."""
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

from command_test import MLREPO, READER, CommandTest

sys.path.insert(0, str(READER.parent))
from read_store import Store  # noqa: E402


class RemoteTest(CommandTest):
    """A working copy with a store beside it, which nobody has made yet."""

    def setUp(self) -> None:
        super().setUp()
        self.store = self.root / "store"
        self.mlrepo("init")

    def version(self, message: str, *, cwd=None, path="data/a.txt", content: bytes | None = None) -> str:
        """A version with a file changed; gives its id."""
        place = (cwd or self.work) / path
        is_new = not place.exists()
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content if content is not None else message.encode() + b"\n")
        if is_new:
            self.mlrepo("add", path.split("/")[0], cwd=cwd)
        return self.answer("commit", "-m", message, cwd=cwd)["commit"].removeprefix("sha256:")

    def one(self) -> str:
        """A version that the other store has, by the name origin."""
        self.mlrepo("remote", "add", "origin", "../store")
        commit = self.version("One")
        self.mlrepo("push")
        return commit

    def clone(self, name: str, *words: str, place=None) -> Path:
        self.mlrepo("clone", str(place or self.store), name, *words, cwd=self.root)
        return self.root / name

    def answer(self, *words: str, cwd=None) -> dict:
        """What a command says with --json."""
        return json.loads(self.mlrepo(*words, "--json", cwd=cwd))

    def moved(self, *words: str, cwd=None) -> dict:
        """The refs that a transfer changed, each with what it names now."""
        return {ref["name"]: ref["after"] and ref["after"].removeprefix("sha256:")
                for ref in self.answer(*words, cwd=cwd)["refs"]}

    def read(self, place: Path) -> Store:
        """A store, as the independent reader has it."""
        def report(what: str, where: str) -> None:
            self.fail(f"{where}: {what}")
        store = Store(str(place), report)
        self.addCleanup(store.files.close)
        return store

    def refs(self, place: Path) -> dict[str, str]:
        """What a store's refs name."""
        return {name: identifier for _, identifier, name in map(str.split, self.read(place).ref_lines())}

    def undamaged(self, *places: Path) -> None:
        for place in places:
            self.assertIn("no damage", self.mlrepo("fsck", cwd=place))

    def sound(self, *places: Path) -> None:
        """Neither the program nor the independent reader finds anything wrong with stores."""
        self.undamaged(*places)
        for place in places:
            store = place / ".mlrepo" if (place / ".mlrepo").exists() else place
            done = subprocess.run([sys.executable, str(READER), "verify", str(store)], capture_output=True, timeout=120)
            self.assertEqual(done.returncode, 0, done.stdout[-2000:] + done.stderr[-2000:])

    def same_files(self, *places: Path) -> None:
        for place in places:
            self.assertEqual(self.tree(place), self.tree(self.work))


class Pushing(RemoteTest):
    def test_a_directory_that_is_not_there_or_empty_becomes_a_store(self) -> None:
        commit = self.version("One")
        (self.root / "empty").mkdir()
        for place in ("absent", "empty"):
            self.assertEqual(self.moved("push", f"../{place}"), {"branches/main": commit})
            self.assertEqual(self.refs(self.root / place), {"branches/main": commit})
            self.assertFalse((self.root / place / "HEAD").exists())
            self.sound(self.root / place)

    def test_a_bare_store_and_that_of_a_working_copy_take_it(self) -> None:
        commit = self.version("One")
        self.mlrepo("init", "--bare", "../bare")
        self.mlrepo("init", "../other")
        self.mlrepo("init", "--store", "../bare", "../further")
        for place in ("bare", "other", "other/.mlrepo", "further"):
            self.mlrepo("push", f"../{place}")
        for place in (self.root / "bare", self.root / "other/.mlrepo"):
            self.assertEqual(self.refs(place)["branches/main"], commit)
        other = self.root / "other"
        self.assertIn("'main' is at", self.mlrepo("status", cwd=other))
        self.mlrepo("checkout", "main", cwd=other)
        self.same_files(other)
        # Who stands on a branch stays on what it was.
        self.version("Two")
        self.mlrepo("push", "../other")
        self.assertEqual(self.mlrepo("resolve", "HEAD", cwd=other).strip(), commit)
        self.assertIn("'main' is at", self.mlrepo("status", cwd=other))
        self.sound(self.root / "bare", other)

    def test_what_is_named_goes_and_nothing_else(self) -> None:
        commit = self.one()
        self.mlrepo("tag", "v1")
        self.mlrepo("checkout", "-b", "try")
        tried = self.version("Try")
        self.mlrepo("tag", "v2")
        self.mlrepo("branch", "further", commit)
        self.assertEqual(self.refs(self.store), {"branches/main": commit})
        self.assertEqual(self.moved("push"), {"branches/try": tried})
        self.assertEqual(self.moved("push", "origin", "v1", "main"), {"tags/v1": commit})
        self.assertEqual(self.moved("push", "origin", "--all"), {"branches/further": commit})
        self.assertEqual(self.moved("push", "origin", "--tags"), {"tags/v2": tried})
        self.assertEqual(self.moved("push", "origin", "--all", "--tags"), {})
        self.assertEqual(self.moved("push", "origin", "--delete", "further", "v1"), {"branches/further": None, "tags/v1": None})
        self.assertEqual(self.refs(self.store), {"branches/main": commit, "branches/try": tried, "tags/v2": tried})
        self.assertEqual(self.mlrepo("tag").splitlines()[0].split()[0], "v1")
        self.sound(self.work, self.store)

    def test_a_name_that_is_not_there_deletes_nothing(self) -> None:
        self.one()
        self.mlrepo("branch", "try")
        self.mlrepo("push", "origin", "try")
        self.refused("push", "origin", "--delete", "nothing", status=66, says="nothing")
        self.refused("push", "origin", "--delete", "try", "nothing", status=66, says="nothing")
        self.assertIn("branches/try", self.refs(self.store))
        self.mlrepo("push", "origin", "--delete", "try")
        self.refused("push", "origin", "--delete", "try", status=66, says="origin has no 'try'")
        self.refused("push", "origin", "--delete", status=64, says="--delete")
        self.refused("push", "origin", "--delete", "--all", "try", status=64, says="--delete")

    def test_what_is_only_there_is_deleted_there(self) -> None:
        commit = self.one()
        other = self.clone("other")
        self.mlrepo("tag", "v9", cwd=other)
        self.mlrepo("branch", "far", cwd=other)
        self.mlrepo("push", "origin", "v9", "far", cwd=other)
        self.refused("push", "origin", "--delete", "far", status=73, says="is not what was fetched from there last")
        self.mlrepo("fetch")
        self.assertEqual(self.moved("push", "origin", "--delete", "v9", "far"), {"branches/far": None, "tags/v9": None})
        # A branch here does not stand in the way of a tag there.
        self.mlrepo("push", "origin", "v9", cwd=other)
        self.mlrepo("fetch")
        self.mlrepo("tag", "-d", "v9")
        self.mlrepo("branch", "v9")
        self.assertEqual(self.moved("push", "origin", "--delete", "v9"), {"tags/v9": None})
        self.assertEqual(self.refs(self.store), {"branches/main": commit})

    def test_what_the_other_store_has_is_not_lost(self) -> None:
        self.one()
        other = self.clone("other")
        theirs = self.version("Theirs", cwd=other)
        self.mlrepo("push", cwd=other)
        mine = self.version("Mine")
        for words in (["push"], ["push", "origin", "main"], ["push", "origin", "--all"], ["push", "../store"]):
            self.refused(*words, status=73, says="has commits that this store has not")
        # Nobody here has seen what they made.
        self.refused("push", "--force", status=73, says="is not what was fetched from there last")
        self.assertEqual(self.refs(self.store)["branches/main"], theirs)
        self.mlrepo("fetch")
        self.refused("push", status=73, says="would lose")
        self.assertEqual(self.moved("push", "--force"), {"branches/main": mine})
        self.refused("push", "--force", cwd=other, status=73, says="is not what was fetched from there last")
        self.assertEqual(self.moved("fetch", cwd=other), {"remotes/origin/main": mine})
        self.sound(self.work, self.store, other)

    def test_force_at_a_place_loses_nothing_that_nobody_here_has_seen(self) -> None:
        self.one()
        other = self.clone("other")
        theirs = self.version("Theirs", cwd=other)
        self.mlrepo("push", cwd=other)
        self.version("Mine")
        self.mlrepo("push", "--force", "../store", status=73)
        self.assertEqual(self.refs(self.store)["branches/main"], theirs)

    def test_a_branch_that_was_not_seen_is_not_deleted(self) -> None:
        self.one()
        other = self.clone("other")
        theirs = self.version("Theirs", cwd=other)
        self.mlrepo("push", cwd=other)
        self.mlrepo("push", "origin", "--delete", "main", status=73)
        self.assertEqual(self.refs(self.store)["branches/main"], theirs)

    def test_what_somebody_moved_to_a_version_that_is_here_is_not_taken_away(self) -> None:
        first = self.one()
        second = self.version("Two")
        self.mlrepo("tag", "prod", "main~1")
        self.mlrepo("branch", "x", "main~1")
        self.mlrepo("push", "origin", "main", "prod", "x")
        other = self.clone("other")
        self.mlrepo("tag", "-d", "prod")
        self.mlrepo("tag", "prod", "main")
        self.mlrepo("push", "origin", "prod", "--force")
        self.mlrepo("checkout", "x")
        self.mlrepo("merge", "main")
        self.mlrepo("push", "origin", "x")
        # Both versions are there; that the names moved was not seen.
        self.mlrepo("tag", "-d", "prod", cwd=other)
        self.mlrepo("tag", "prod", "origin/main", cwd=other)
        self.mlrepo("tag", "-d", "prod", cwd=other)
        self.mlrepo("tag", "prod", "origin/main~1", cwd=other)
        for words in (["prod", "--force"], ["--delete", "prod"], ["--delete", "x"]):
            self.refused("push", "origin", *words, cwd=other, status=73, says="is not what was fetched from there last")
        self.assertEqual(self.refs(self.store), {"branches/main": second, "branches/x": second, "tags/prod": second})
        self.mlrepo("fetch", cwd=other)
        self.assertEqual(self.moved("push", "origin", "prod", "--force", cwd=other), {"tags/prod": first})
        self.assertEqual(self.moved("push", "origin", "--delete", "x", cwd=other), {"branches/x": None})

    def test_what_is_there_already_is_known_from_then_on(self) -> None:
        """Whoever pushed it: somebody else, or a command that was killed before it had noted it here."""
        self.one()
        later = self.version("Two")
        self.mlrepo("push", "../store")
        self.assertEqual(self.mlrepo("push").strip(), "origin has it all")
        self.assertEqual(self.mlrepo("resolve", "origin/main").strip(), later)

    def test_all_refs_move_or_none(self) -> None:
        self.one()
        other = self.clone("other")
        self.version("Theirs", cwd=other)
        self.mlrepo("push", cwd=other)
        before = self.refs(self.store)
        self.mlrepo("branch", "new")
        self.version("Mine")
        self.refused("push", "origin", "main", "new", status=73, says="branches/main would lose")
        self.assertEqual(self.refs(self.store), before)

    def test_a_tag_stays_what_it_is_there(self) -> None:
        commit = self.one()
        self.mlrepo("tag", "v1")
        self.mlrepo("push", "origin", "v1")
        self.mlrepo("tag", "-d", "v1")
        later = self.version("Two")
        self.mlrepo("tag", "v1")
        self.refused("push", "origin", "v1", status=73, says="tags/v1")
        self.refused("push", "origin", "--tags", status=73, says="tags/v1")
        self.mlrepo("fetch")
        self.assertIn("note: tags/v1 names something else in origin; yours stays", self.stderr)
        self.assertEqual(self.refs(self.store)["tags/v1"], commit)
        self.assertEqual(self.mlrepo("resolve", "v1").strip(), later)

    def test_names_and_places_that_are_not_there(self) -> None:
        self.refused("push", status=66, says="no other store is known as 'origin'")
        self.refused("fetch", status=66, says="no other store is known as 'origin'")
        self.refused("push", "../store", status=66, says="commit")
        self.version("One")
        self.refused("push", "nowhere", status=66, says="no other store is known as 'nowhere'")
        self.refused("push", "../store", "nothing", status=66, says="nothing")
        self.refused("push", "../further/down", status=66, says="no store is there")
        self.refused("fetch", "../store", status=64, says="the name of a store")
        self.refused("push", "ftp://host/x", status=64, says="not supported")
        self.mlrepo("remote", "add", "origin", "../store")
        self.refused("fetch", status=66, says="no store is there")
        (self.root / "full").mkdir()
        (self.root / "full/notes").write_bytes(b"mine")
        self.refused("push", "../full", status=66, says="no store is there")
        (self.root / "file").write_bytes(b"mine")
        self.refused("push", "../file", status=66, says="it is no bundle")
        self.assertEqual(os.listdir(self.root / "full"), ["notes"])
        self.assertFalse(self.store.exists() or (self.root / "further").exists())

    def test_places_that_are_no_text(self) -> None:
        self.version("One")
        before = os.listdir(os.fsencode(self.root))
        place = os.fsencode(self.root) + b"/\xff"
        for words in (["push", place], ["clone", place, "new"], ["remote", "add", "x", place]):
            self.mlrepo(*words, status=64)
            self.assertEqual((self.stderr.splitlines()[0][:7], "Failure(" in self.stderr), ("error: ", False), self.stderr)
        self.assertEqual(os.listdir(os.fsencode(self.root)), before)

    def test_a_store_that_may_not_be_written(self) -> None:
        if os.geteuid() == 0 and shutil.which("setpriv") is None:
            self.skipTest("who is root may write everywhere")
        self.one()
        self.version("Two")
        before = self.refs(self.store)
        paths = [self.store, *self.store.rglob("*")]
        self.addCleanup(lambda: [path.chmod(0o755) for path in paths if path.exists() and not path.is_symlink()])
        for path in paths:
            path.chmod(0o555 if path.is_dir() else 0o444)
        without_rights = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
        done = subprocess.run([*without_rights, MLREPO, "push"], cwd=self.work, env=self.environment, capture_output=True)
        self.assertEqual((done.returncode, done.stdout), (77, b""), done.stderr)
        self.assertIn(str(self.store).encode(), done.stderr)
        for words in (["fetch"], ["clone", "../store", "../other"]):
            done = subprocess.run([*without_rights, MLREPO, *words], cwd=self.work, env=self.environment, capture_output=True)
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.refs(self.store), before)
        self.sound(self.work, self.root / "other")

    def test_a_second_push_sends_only_what_is_new(self) -> None:
        self.one()
        content = random.Random(1).randbytes(3_000_000)
        self.version("Large", path="data/large", content=content)
        first = self.answer("push")
        self.assertGreater(first["bytes"], len(content))
        self.version("Small", content=b"a line\n")
        second = self.answer("push")
        self.assertLess(second["bytes"], 20_000)
        self.assertGreater(second["objects"], 0)
        self.assertEqual({key: value for key, value in self.answer("push").items() if key != "remote"},
                         {"alreadyThere": 0, "bytes": 0, "objects": 0, "refs": []})
        # A name for what is there costs next to nothing.
        self.mlrepo("branch", "same")
        third = self.answer("push", "origin", "same")
        self.assertEqual((third["objects"], third["bytes"] < 5000), (0, True))
        # A file that lies within another directory now is there already.
        os.rename(self.work / "data/large", self.work / "data/moved")
        self.mlrepo("commit", "-q", "-m", "Moved", "--deleted")
        self.assertLess(self.answer("push")["bytes"], 20_000)
        self.same_files(self.clone("other"))

    def test_undo_takes_back_neither_push_nor_fetch(self) -> None:
        self.one()
        other = self.clone("other")
        theirs = self.version("Theirs", cwd=other)
        self.mlrepo("push", cwd=other)
        before = self.refs(self.store)
        self.assertIn('"Theirs"', self.mlrepo("undo", cwd=other))
        self.mlrepo("fetch")
        self.assertIn('"One"', self.mlrepo("undo"))
        self.assertEqual(self.mlrepo("resolve", "origin/main").strip(), theirs)
        self.assertEqual(self.mlrepo("resolve", "origin/main", cwd=other).strip(), theirs)
        self.assertEqual(self.refs(self.store), before)
        self.mlrepo("redo")
        self.sound(self.work, other, self.store)


class Fetching(RemoteTest):
    def test_branches_of_the_other_store_are_revisions(self) -> None:
        commit = self.one()
        other = self.clone("other")
        theirs = self.version("Theirs", cwd=other)
        self.mlrepo("checkout", "-q", "-b", "try/deep", cwd=other)
        tried = self.version("Tried", cwd=other)
        self.mlrepo("push", "origin", "--all", cwd=other)
        before = self.tree(self.work)
        self.assertEqual(self.moved("fetch"), {"remotes/origin/main": theirs, "remotes/origin/try/deep": tried})
        self.assertEqual((self.tree(self.work), self.mlrepo("resolve", "main").strip()), (before, commit))
        self.assertEqual(self.mlrepo("resolve", "origin/main").strip(), theirs)
        self.assertEqual(len(self.mlrepo("log", "--oneline", "origin/try/deep").splitlines()), 3)
        self.assertIn("Theirs", self.mlrepo("show", "origin/main"))
        self.assertIn("data/a.txt", self.mlrepo("diff", "main", "origin/main"))
        self.assertEqual(self.mlrepo("cat", "origin/try/deep~1:data/a.txt"), "Theirs\n")
        self.assertNotIn("origin", self.mlrepo("branch"))
        self.mlrepo("checkout", "-b", "mine", "origin/try/deep")
        self.assertEqual(self.answer("status")["branch"], "mine")
        self.same_files(other)
        self.mlrepo("checkout", "origin/main")
        self.assertIsNone(self.answer("status")["branch"])
        # One's own comes first.
        self.mlrepo("branch", "origin/main", commit)
        self.assertEqual(self.mlrepo("resolve", "origin/main").strip(), commit)

    def test_what_is_gone_there_is_gone_here_and_own_branches_stay(self) -> None:
        self.one()
        self.mlrepo("branch", "try")
        self.mlrepo("push", "origin", "--all")
        other = self.clone("other")
        self.mlrepo("checkout", "-q", "-b", "try", "origin/try", cwd=other)
        self.mlrepo("push", "origin", "--delete", "try")
        self.assertEqual(self.moved("fetch", cwd=other), {"remotes/origin/try": None})
        self.refused("resolve", "origin/try", cwd=other, status=66, says="origin/try")
        self.mlrepo("resolve", "try", cwd=other)
        self.assertEqual(self.moved("fetch", cwd=other), {})

    def test_two_stores_with_names_do_not_mix(self) -> None:
        commit = self.one()
        self.mlrepo("remote", "add", "backup", "../backup")
        later = self.version("Two")
        self.mlrepo("push", "backup")
        self.mlrepo("fetch", "origin")
        self.mlrepo("fetch", "backup")
        self.assertEqual([self.mlrepo("resolve", f"{name}/main").strip() for name in ("origin", "backup")], [commit, later])
        self.mlrepo("remote", "remove", "backup")
        self.refused("resolve", "backup/main", status=66, says="backup/main")
        self.assertEqual(self.mlrepo("resolve", "origin/main").strip(), commit)
        self.assertEqual(self.answer("remote"), [{"name": "origin", "url": str(self.store)}])

    def test_working_copies_of_one_store_may_call_different_stores_by_one_name(self) -> None:
        self.version("One")
        for name in ("first", "second"):
            self.mlrepo("init", f"../{name}", "--store", ".mlrepo")
            place = self.root / name
            self.mlrepo("remote", "add", "origin", f"../{name}-store", cwd=place)
            self.mlrepo("push", "origin", "main", cwd=place)
        for name in ("first", "second"):
            self.mlrepo("fetch", cwd=self.root / name)
        self.sound(self.work, self.root / "first-store", self.root / "second-store")

    def test_branches_of_the_longest_names(self) -> None:
        """A name that has no room behind that of the other store is refused before anything is sent, and left out of what comes."""
        self.one()
        name = "b" * 241
        self.mlrepo("branch", name)
        self.refused("push", "origin", name, status=64, says="is not a valid ref name")
        self.assertNotIn(f"branches/{name}", self.refs(self.store))
        self.mlrepo("push", "../store", name)
        other = self.clone("other")
        self.same_files(other)
        self.mlrepo("fetch", cwd=other)
        self.assertIn("has too long a name for here, and was left out", self.stderr)
        self.sound(self.work, self.store, other)

    def test_a_store_that_has_moved(self) -> None:
        self.one()
        os.rename(self.store, self.root / "elsewhere")
        self.refused("fetch", status=66, says="no store is there")
        self.mlrepo("remote", "set", "origin", "../elsewhere")
        self.version("Two")
        self.mlrepo("push")
        self.mlrepo("fetch")

    def test_a_store_that_is_said_to_have_moved_is_the_one_that_it_was(self) -> None:
        self.one()
        shutil.copytree(self.store, self.root / "yesterday")
        self.version("Two")
        self.mlrepo("push")
        self.mlrepo("remote", "set", "origin", "../yesterday")
        self.refused("fetch", status=65, says="was rolled back")
        self.mlrepo("init", "--bare", "../another")
        self.mlrepo("remote", "set", "origin", "../another")
        self.refused("fetch", status=65, says="another store")
        self.mlrepo("remote", "forget", "origin")
        self.mlrepo("fetch")

    def test_tags_come_and_those_that_differ_stay(self) -> None:
        commit = self.one()
        other = self.clone("other")
        theirs = self.version("Theirs", cwd=other)
        for name in ("v1", "v2"):
            self.mlrepo("tag", name, cwd=other)
        self.mlrepo("push", "origin", "main", "--tags", cwd=other)
        self.mlrepo("tag", "v2", commit)
        self.assertEqual(self.moved("fetch"), {"remotes/origin/main": theirs, "tags/v1": theirs})
        self.mlrepo("fetch")
        self.assertEqual(self.stderr, "note: tags/v2 names something else in origin; yours stays\n")
        self.assertEqual(self.mlrepo("resolve", "v2").strip(), commit)

    def test_runs_that_made_what_goes_travel(self) -> None:
        self.one()
        self.mlrepo("run", "-q", "-m", "Made", "sh", "-c", "cat data/a.txt data/a.txt >data/b.txt")
        self.environment["MLREPO_NOW"] = "1763888500"
        self.mlrepo("run", "-q", "sh", "-c", "cat data/b.txt")
        runs = [json.loads(line)["run"] for line in self.mlrepo("runs", "--json").splitlines()]
        self.assertEqual(len(runs), 2)
        self.mlrepo("push")
        other = self.clone("other")
        self.assertEqual([json.loads(line)["run"] for line in self.mlrepo("runs", "--json", cwd=other).splitlines()], runs[:1])
        for words in (["blame", "data/b.txt"], ["blame", "data/b.txt", "--json"], ["show", "HEAD"], ["log"], ["ls", "HEAD"]):
            self.assertEqual(self.mlrepo(*words, cwd=other), self.mlrepo(*words))
        self.mlrepo("push", "origin", "--runs")
        self.mlrepo("fetch", cwd=other)
        for words in (["runs", "--json"], ["impact", "data/a.txt"]):
            self.assertEqual(self.mlrepo(*words, cwd=other), self.mlrepo(*words))
        self.mlrepo("reproduce", "--yes", cwd=other)
        self.sound(self.store, other)

    def test_branches_tags_and_runs_go_together(self) -> None:
        """In the order of their names: runs come before tags."""
        self.one()
        self.mlrepo("run", "-q", "-m", "Made", "sh", "-c", "cat data/a.txt >data/b.txt")
        for name in ("v1", "a", "zz"):
            self.mlrepo("tag", name)
            self.mlrepo("branch", f"try/{name}")
        self.mlrepo("push", "origin", "--all", "--tags", "--runs")
        self.sound(self.store)
        other = self.clone("other")
        self.assertEqual(self.mlrepo("tag", cwd=other), self.mlrepo("tag"))
        self.same_files(other)
        self.sound(other)

    def test_a_run_goes_with_a_branch_behind_an_old_one(self) -> None:
        """A version made by a run lies behind what is there already, on another line of history."""
        self.one()
        self.mlrepo("checkout", "-q", "-b", "side")
        self.mlrepo("run", "-q", "-m", "Side", "sh", "-c", "cat data/a.txt >data/side.txt")
        self.environment["MLREPO_NOW"] = "1763888000"
        self.version("Later", path="data/c.txt")
        self.mlrepo("push")
        other = self.clone("other", "-b", "side")
        self.assertEqual(self.mlrepo("blame", "data/side.txt", cwd=other), self.mlrepo("blame", "data/side.txt"))


class Cloning(RemoteTest):
    def test_names_of_directories(self) -> None:
        self.one()
        self.mlrepo("clone", "../store")
        self.assertEqual((self.work / "store/data/a.txt").read_bytes(), b"One\n")
        (self.root / "there").mkdir()
        for words, name in ((["store/", "a"], "a"), (["./store", "b/c"], "b/c"), ([f"file://{self.store}", "d"], "d"),
                            (["work", "e"], "e"), (["work/.mlrepo", "f"], "f"), (["store", "there"], "there")):
            self.mlrepo("clone", *words, cwd=self.root)
            self.assertEqual((self.root / name / "data/a.txt").read_bytes(), b"One\n")
        (self.root / "sub").mkdir()
        for place, name in (("../work/.mlrepo", "work"), ("../store/.", "store")):
            self.mlrepo("clone", place, cwd=self.root / "sub")
            self.assertTrue((self.root / "sub" / name / "data/a.txt").exists())
        # The store is found from everywhere.
        self.assertEqual(self.answer("remote", cwd=self.root / "b/c"), [{"name": "origin", "url": str(self.store)}])
        self.mlrepo("fetch", cwd=self.root / "b/c")
        self.refused("clone", "/", cwd=self.root, status=64, says="no name")
        self.refused("clone", "store", "", cwd=self.root, status=64, says="no name")

    def test_a_get_by_the_name_of_a_store_and_of_what_is_not_there(self) -> None:
        self.one()
        self.mlrepo("tag", "v1")
        self.mlrepo("push", "origin", "v1")
        self.mlrepo("get", "origin", "data", "--to", "../taken")
        self.assertEqual(self.tree(self.root / "taken"), self.tree(self.work / "data"))
        self.refused("get", "origin", "data", "-r", "none", "--to", "../other", status=66, says="it has main, v1")
        self.assertFalse((self.root / "other").exists())
        self.refused("get", "origin", "data", "--to", "../other", cwd=self.root, status=66, says="no store is there")

    def test_a_get_into_a_directory(self) -> None:
        self.one()
        (self.root / "there").mkdir()
        self.mlrepo("get", "store", "data/a.txt", "--to", "there/", cwd=self.root)
        self.mlrepo("get", "store", "data", "--to", "new/", cwd=self.root)
        for place in ("there/a.txt", "new/data/a.txt"):
            self.assertEqual((self.root / place).read_bytes(), b"One\n")
        self.refused("get", "store", "data/a.txt", "--to", "there/", cwd=self.root, status=73, says="exists already")
        self.refused("get", "store", "data", "--to", "there", cwd=self.root, status=73, says="exists already")
        (self.root / "empty").mkdir()
        self.refused("get", "store", "data/a.txt", "--to", "empty", cwd=self.root, status=73, says="exists already")
        self.mlrepo("get", "store", "data", "--to", "empty", cwd=self.root)
        self.assertEqual((self.root / "empty/a.txt").read_bytes(), b"One\n")
        # What lies in the place of what is begun stays, and hinders nothing.
        digest = hashlib.sha256(b"One\n").hexdigest()
        (self.root / f".mlrepo-tmp-{digest[:16]}").mkdir()
        self.mlrepo("get", "store", "data/a.txt", "--to", "beside", cwd=self.root)
        self.assertEqual((self.root / "beside").read_bytes(), b"One\n")

    def test_what_a_merge_left_open_is_told_of(self) -> None:
        self.one()
        other = self.clone("other")
        self.version("Theirs", cwd=other)
        self.mlrepo("push", cwd=other)
        self.version("Ours")
        self.mlrepo("pull", status=1)
        self.assertEqual(self.answer("push", "--dry-run")["openChoices"], 1)
        self.assertEqual(self.answer("push")["openChoices"], 1)
        [theirs] = (self.work / "data").glob("a.txt~*")
        theirs.unlink()
        self.mlrepo("commit", "-m", "Chosen")
        self.assertNotIn("openChoices", self.answer("push"))

    def test_a_push_that_is_only_tried_changes_nothing(self) -> None:
        self.one()
        self.mlrepo("push")
        self.write("data/more", random.Random(1).randbytes(100_000))
        self.mlrepo("commit", "-m", "Two")
        before = [self.tree(self.store), self.tree(self.work / ".mlrepo/log")]
        plan = self.answer("push", "--dry-run")
        self.assertEqual(before, [self.tree(self.store), self.tree(self.work / ".mlrepo/log")])
        self.assertTrue(plan.pop("dryRun"))
        done = self.answer("push")
        self.assertEqual(plan["refs"], done["refs"])
        self.assertEqual(plan["objects"], done["objects"])
        # Beside the frames go the ends of packs.
        self.assertAlmostEqual(plan["bytes"], done["bytes"], delta=2000)
        self.assertGreater(plan["bytes"], 100_000)

    def test_a_store_that_is_named_anew_keeps_what_was_fetched(self) -> None:
        self.one()
        self.mlrepo("push")
        tip = self.mlrepo("resolve", "origin/main")
        self.mlrepo("remote", "rename", "origin", "old")
        self.assertEqual(self.mlrepo("resolve", "old/main"), tip)
        self.refused("resolve", "origin/main", status=66, says="origin/main")
        self.assertEqual(self.mlrepo("fetch", "old"), "Nothing is new in old\n")
        # Of the other store's past is known what was known.
        shutil.rmtree(self.store)
        self.refused("fetch", status=66, says="old")

    def test_a_name_whose_branches_another_working_copy_fetched_is_left(self) -> None:
        self.one()
        self.mlrepo("push")
        shutil.copytree(self.store, self.root / "third")
        self.mlrepo("worktree", "add", "../second")
        second = self.root / "second"
        self.mlrepo("remote", "add", "backup", "../third", cwd=second)
        self.version("Two", cwd=second)
        self.mlrepo("push", "backup", cwd=second)
        before = self.mlrepo("resolve", "backup/main")
        self.refused("remote", "rename", "origin", "backup", status=73, says="exists already")
        self.assertEqual(self.mlrepo("resolve", "backup/main"), before)
        self.assertEqual([remote["name"] for remote in self.answer("remote")], ["origin"])

    def test_what_was_seen_outlasts_a_name(self) -> None:
        """A store that was exchanged is refused also where its name was taken away and given again."""
        self.one()
        self.mlrepo("push")
        self.mlrepo("remote", "remove", "origin")
        shutil.rmtree(self.store)
        self.mlrepo("init", "--bare", "../store")
        self.mlrepo("remote", "add", "origin", "../store")
        self.refused("push", status=65, says="another store")
        self.mlrepo("remote", "forget", "origin")
        self.mlrepo("push")

    def test_tags_alone_say_that_no_branch_went(self) -> None:
        self.one()
        self.mlrepo("push")
        self.version("Two")
        self.assertEqual(self.mlrepo("push", "--tags"), "origin has all of these; no branch was named\n")
        self.assertEqual(self.moved("push", "origin", "HEAD"), {"branches/main": self.mlrepo("resolve", "HEAD").strip()})

    def test_of_several_stores_one_has_to_be_named(self) -> None:
        self.one()
        self.mlrepo("remote", "remove", "origin")
        for name in ("first", "second"):
            self.mlrepo("remote", "add", name, "../store")
        for command in ("fetch", "pull", "push"):
            self.refused(command, status=64, says="first, second")
        self.mlrepo("fetch", "second")

    def test_a_get_that_was_interrupted_goes_on(self) -> None:
        """What came is not written again, also where the branch has gone on; what somebody else put there stays."""
        noise = random.Random(4)
        (self.work / "data").mkdir()
        for number in range(3000):
            (self.work / f"data/{number:04}").write_bytes(noise.randbytes(100))
        self.version("All", path="data/zz", content=noise.randbytes(300_000))
        self.mlrepo("push", str(self.store))
        wanted = {path.name: path.read_bytes() for path in (self.work / "data").iterdir()}

        words = ["get", "../store", "data", "--to", "got"]
        place = self.work / "got"
        for _ in range(20):
            shutil.rmtree(place, ignore_errors=True)
            process = subprocess.Popen([MLREPO, *words], cwd=self.work, env=self.environment,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while process.poll() is None and not (place.exists() and len(os.listdir(place)) > 100):
                pass
            process.kill()
            if process.wait() != 0:
                break
        first = {path.name: path.stat().st_mtime_ns for path in place.iterdir() if not path.name.startswith(".")}
        self.assertGreater(len(first), 50)
        self.assertLess(len(first), 3001)
        self.version("Later", path="data/0000", content=b"later")
        self.mlrepo("push", str(self.store))
        self.refused("get", "../store", ".", "--to", "got", status=73, says="exists already")
        self.mlrepo(*words)
        self.assertEqual({path.name: path.read_bytes() for path in place.iterdir()}, wanted)
        again = {name for name, time in first.items() if (place / name).stat().st_mtime_ns != time}
        # What was being written at that moment may be incomplete.
        self.assertLessEqual(len(again), os.cpu_count() or 1)
        self.refused(*words, status=73, says="exists already")

    def test_what_lies_in_a_directory_stays(self) -> None:
        self.one()
        full = self.root / "full"
        (full / "down").mkdir(parents=True)
        (full / "down/notes").write_bytes(b"mine")
        other = self.clone("other")
        (self.root / "file").write_bytes(b"mine")
        self.mlrepo("init", "../fresh")
        before = self.tree(self.root)
        for name in ("full", "other", "store", "work", "file", "fresh"):
            self.refused("clone", "store", name, cwd=self.root, status=73, says="")
        self.assertEqual(self.tree(self.root), before)
        self.assertEqual(self.answer("remote", cwd=self.root / "fresh"), [])
        # A store that has lost where its working copy stood is somebody's, too.
        (self.root / "fresh/.mlrepo/HEAD").unlink()
        before = self.tree(self.root)
        self.refused("clone", "store", "fresh", cwd=self.root, status=73, says="")
        self.assertEqual(self.tree(self.root), before)
        self.refused("get", "../store", "data", "--to", ".mlrepo/packs/x", status=64, says="")
        self.sound(other)

    def test_a_branch_that_is_not_there_leaves_nothing(self) -> None:
        self.one()
        self.refused("clone", "-b", "nope", "store", "new", cwd=self.root, status=66, says="it has main")
        self.assertFalse((self.root / "new").exists())
        self.clone("new", "-b", "main")

    def test_nothing_is_cloned_into_a_store(self) -> None:
        self.one()
        self.refused("clone", "store", "work/.mlrepo/packs/aa", cwd=self.root, status=64, says="needs a place of its own")
        self.assertFalse((self.work / ".mlrepo/packs/aa/.mlrepo").exists())

    def test_places_without_a_store_leave_nothing(self) -> None:
        (self.root / "full").mkdir()
        (self.root / "full/notes").write_bytes(b"mine")
        for place, says in (("nowhere", "no store is there"), ("full", "no store is there"), ("full/notes", "is no bundle")):
            self.refused("clone", place, "new", cwd=self.root, status=66, says=says)
        self.refused("clone", "http://host/store", "new", cwd=self.root, status=64, says="not supported")
        self.assertFalse((self.root / "new").exists())

    def test_branches(self) -> None:
        commit = self.one()
        self.mlrepo("checkout", "-q", "-b", "try")
        tried = self.version("Try")
        self.mlrepo("push")
        other = self.clone("other", "-b", "try")
        self.assertEqual((self.answer("status", cwd=other)["branch"], self.mlrepo("resolve", "HEAD", cwd=other).strip()), ("try", tried))
        self.same_files(other)
        bare = self.clone("bare", "--no-checkout")
        self.assertEqual((os.listdir(bare), self.mlrepo("resolve", "main", cwd=bare).strip()), ([".mlrepo"], commit))
        self.mlrepo("checkout", "main", cwd=bare)
        self.assertEqual((bare / "data/a.txt").read_bytes(), b"One\n")
        self.refused("clone", "store", "wrong", "-b", "nothing", cwd=self.root, status=66, says="nothing")
        self.clone("wrong", "-b", "try")
        self.same_files(self.root / "wrong")
        # Where there is no main, the newest.
        self.mlrepo("push", "origin", "--delete", "main")
        self.assertEqual(self.answer("status", cwd=self.clone("newest"))["branch"], "try")

    def test_a_store_without_commits(self) -> None:
        self.mlrepo("init", "--bare", "../store")
        other = self.clone("other")
        self.assertIn("no commit yet", self.stderr)
        commit = self.version("First", cwd=other)
        self.assertEqual(self.moved("push", cwd=other), {"branches/main": commit})
        self.assertEqual(self.mlrepo("resolve", "main", cwd=self.clone("further")).strip(), commit)

    def test_a_clone_of_a_working_copy_takes_what_it_pushes(self) -> None:
        self.one()
        self.version("Two")
        other = self.clone("other", place=self.work)
        self.same_files(other)
        self.assertEqual(self.mlrepo("resolve", "HEAD", cwd=other), self.mlrepo("resolve", "HEAD"))
        self.assertNotIn("remotes/origin/origin", self.mlrepo("operations", cwd=other))
        self.version("Three")
        self.assertEqual(list(self.moved("fetch", cwd=other)), ["remotes/origin/main"])
        self.sound(other)
