"""Merges: what becomes of files that one side or both have changed, and of merges that are cut off or outrun."""
import json
import os
import random
import shutil
import subprocess
import sys
import threading
from pathlib import Path

from command_test import MLREPO, CommandTest

Tree = dict[str, str]


class MergeTest(CommandTest):
    def setUp(self) -> None:
        super().setUp()
        self.mlrepo("init")
        (self.work / "d").mkdir()

    def write_tree(self, tree: Tree) -> None:
        """Makes `d` what a tree says: names with contents, and links (`->`)."""
        shutil.rmtree(self.work / "d")
        (self.work / "d").mkdir()
        for name, content in tree.items():
            path = self.work / "d" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if content.startswith("->"):
                path.symlink_to(content[2:])
            else:
                path.write_text(content)

    def tree(self) -> Tree:
        found = {}
        for path in sorted((self.work / "d").rglob("*")):
            if path.is_symlink():
                found[str(path.relative_to(self.work / "d"))] = "->" + os.readlink(path)
            elif path.is_file():
                found[str(path.relative_to(self.work / "d"))] = path.read_text()
        return found

    def commit(self, tree: Tree, message: str = "x") -> None:
        self.write_tree(tree)
        self.mlrepo("add", "d")
        self.mlrepo("commit", "-m", message, "--deleted", "--quiet")

    def two(self, base: Tree, ours: Tree, theirs: Tree) -> str:
        """`main` with ours, `side` with theirs, both on base; gives the beginning of theirs' id."""
        keep = {"keep": "k"}
        self.commit(keep | base)
        self.mlrepo("branch", "side")
        self.commit(keep | ours)
        self.mlrepo("checkout", "-q", "side")
        self.commit(keep | theirs)
        self.mlrepo("checkout", "-q", "main")
        return self.mlrepo("resolve", "side").strip().removeprefix("sha256:")[:7]

    def merged(self, *words: str, status=0) -> Tree:
        self.mlrepo("merge", "side", *words, status=status)
        tree = self.tree()
        self.assertEqual(tree.pop("keep"), "k")
        self.assertIn("Nothing has changed", self.mlrepo("status"))
        self.mlrepo("fsck")
        return tree


class Paths(MergeTest):
    def test_what_one_side_changed(self) -> None:
        self.two({"a": "0", "b": "0", "c": "0"}, {"a": "1", "b": "0", "new": "n"}, {"a": "0", "b": "2", "c": "0", "sub/x": "t"})
        self.assertEqual(self.merged(), {"a": "1", "b": "2", "new": "n", "sub/x": "t"})

    def test_what_both_changed_is_kept_twice(self) -> None:
        side = self.two({"a": "0"}, {"a": "ours"}, {"a": "theirs"})
        self.assertEqual(self.merged(status=1), {"a": "ours", f"a~{side}": "theirs"})
        # Whoever removes it has chosen.
        os.replace(self.work / f"d/a~{side}", self.work / "d/a")
        self.mlrepo("commit", "-m", "Chosen")
        self.assertEqual(self.tree(), {"a": "theirs", "keep": "k"})

    def test_status_lists_what_is_open(self) -> None:
        self.two({"a": "1"}, {"a": "2"}, {"a": "3"})
        self.mlrepo("merge", "side", status=1)
        [choice] = json.loads(self.mlrepo("status", "--json"))["choices"]
        self.assertEqual(choice["path"], "d/a")
        self.assertIn("Both versions were kept of d/a", self.mlrepo("status"))
        self.mlrepo("push", "../store")
        self.assertIn("both went", self.stderr)
        (self.work / choice["other"]).unlink()
        self.assertNotIn("choices", json.loads(self.mlrepo("status", "--json")))
        self.mlrepo("undo")
        self.assertNotIn("choices", json.loads(self.mlrepo("status", "--json")))

    def test_the_same_change_made_twice(self) -> None:
        self.two({"a": "0", "b": "0"}, {"a": "1"}, {"a": "1"})
        self.assertEqual(self.merged(), {"a": "1"})

    def test_what_one_side_removed_and_the_other_changed(self) -> None:
        self.two({"a": "0", "b": "0"}, {"b": "ours"}, {"a": "theirs"})
        self.assertEqual(self.merged(status=1), {"a": "theirs", "b": "ours"})
        self.mlrepo("undo")
        self.mlrepo("merge", "side", status=1)
        self.assertIn("hint: mlrepo rm d/a, then mlrepo commit", self.stderr)

    def test_choices(self) -> None:
        self.two({"a": "0"}, {"a": "ours", "x": "x"}, {"a": "theirs", "y": "y"})
        self.assertEqual(self.merged("--ours"), {"a": "ours", "x": "x", "y": "y"})
        self.mlrepo("undo")
        self.assertEqual(self.merged("--theirs"), {"a": "theirs", "x": "x", "y": "y"})

    def test_files_against_directories(self) -> None:
        """Nothing of either side is lost where one has a file and the other a directory."""
        cases = [
            ({"X": "0"}, {"X/a": "ours"}, {"X": "theirs"}),
            ({"X/a": "0", "X/b": "b"}, {"X": "ours"}, {"X/a": "theirs", "X/b": "b", "X/c": "c"}),
            ({}, {"X": "ours"}, {"X/a": "theirs"}),
            ({}, {"X/a": "ours"}, {"X": "theirs"}),
            ({"s/x": "0"}, {"s": "->elsewhere"}, {"s/x": "theirs"}),
            ({"s/x": "0"}, {"s/x": "ours"}, {"s": "->elsewhere"}),
        ]
        for base, ours, theirs in cases:
            with self.subTest(base=base, ours=ours, theirs=theirs):
                self.tearDown()
                self.setUp()
                self.two(base, ours, theirs)
                tree = self.merged(status=1)
                changed = [side[name] for side in (ours, theirs) for name in side if side[name] != base.get(name)]
                self.assertEqual([content for content in changed if content not in tree.values()], [], tree)
                for name, content in ours.items():
                    self.assertEqual(tree.get(name), content, tree)

    def test_names_that_have_no_room(self) -> None:
        for name in ("x" * 255, "x" * 248, "ü" * 127):
            with self.subTest(name=name):
                self.tearDown()
                self.setUp()
                side = self.two({name: "0"}, {name: "ours"}, {name: "theirs"})
                tree = self.merged(status=1)
                self.assertEqual(tree.pop(name), "ours")
                [(other, content)] = tree.items()
                self.assertEqual((content, other.endswith(f"~{side}")), ("theirs", True))

    def test_names_that_are_taken(self) -> None:
        side = self.two({"a": "0"}, {"a": "ours"}, {"a": "theirs"})
        self.commit({"keep": "k", "a": "ours", f"a~{side}": "mine"})
        self.assertEqual(self.merged(status=1), {"a": "ours", f"a~{side}": "mine", f"a~{side}-2": "theirs"})


class Histories(MergeTest):
    def test_histories_that_cross(self) -> None:
        """What was taken back on purpose stays so."""
        self.commit({"f": "0", "g": "0"})
        self.mlrepo("checkout", "-q", "-b", "a")
        self.commit({"f": "A", "g": "0"})
        self.mlrepo("checkout", "-q", "main")
        self.mlrepo("checkout", "-q", "-b", "b")
        self.commit({"f": "0", "g": "B"})
        a, b = (self.mlrepo("resolve", name).strip() for name in "ab")
        self.mlrepo("merge", a)
        self.mlrepo("checkout", "-q", "a")
        self.mlrepo("merge", b)
        self.commit({"f": "0", "g": "B"}, "Taken back")
        self.mlrepo("checkout", "-q", "b")
        self.commit({"f": "A", "g": "B", "n": "n"})
        self.mlrepo("merge", "a")
        self.assertEqual(self.tree(), {"f": "0", "g": "B", "n": "n"})

    def test_a_clock_that_was_wrong(self) -> None:
        """The common version is found by parents, not by times."""
        now = 1_800_000_000

        def at(offset: int) -> None:
            self.environment["MLREPO_NOW"] = str(now + offset)

        at(5000)
        self.commit({"f": "0"})
        self.mlrepo("branch", "old")
        at(100)
        self.commit({"f": "1"})
        self.mlrepo("checkout", "-q", "-b", "t")
        at(200)
        self.mlrepo("checkout", "-q", "old")
        self.commit({"f": "0", "s": "s"})
        self.mlrepo("checkout", "-q", "t")
        self.mlrepo("merge", "old")
        self.mlrepo("checkout", "-q", "main")
        at(300)
        self.commit({"f": "0"}, "Taken back")
        self.mlrepo("merge", "t")
        self.assertEqual(self.tree(), {"f": "0", "s": "s"})

    def test_versions_that_have_nothing_in_common(self) -> None:
        self.commit({"a": "0"})
        other = self.root / "other"
        self.mlrepo("init", str(other))
        (other / "z").write_text("z")
        self.mlrepo("add", "z", cwd=other)
        self.mlrepo("commit", "-q", "-m", "z", cwd=other)
        self.mlrepo("remote", "add", "origin", str(other))
        self.mlrepo("fetch")
        done = self.run_raw("merge", "origin/main")
        self.assertEqual(done.returncode, 64)
        self.assertIn(b"have no version in common", done.stderr)


class CutOff(MergeTest):
    def test_a_merge_that_is_killed_goes_on(self) -> None:
        for call in ("renameat", "linkat", "fsync", "unlinkat"):
            for when in range(1, 40, 3):
                self.tearDown()
                self.setUp()
                side = self.two({"a": "0", "b": "0"}, {"a": "ours", "b": "0"}, {"a": "theirs", "b": "2", "c": "3"})
                before = self.mlrepo("resolve", "main").strip()
                done = subprocess.run(
                    [*self.under_strace("-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={when}"), MLREPO, "merge", "side"],
                    cwd=self.work, env=self.environment, capture_output=True)
                if done.returncode in (0, 1):
                    break
                with self.subTest(call=call, when=when):
                    again = self.run_raw("merge", "side")
                    self.assertIn(again.returncode, (0, 1), again.stderr)
                    self.assertEqual(self.tree(), {"keep": "k", "a": "ours", f"a~{side}": "theirs", "b": "2", "c": "3"})
                    self.assertIn("Nothing has changed", self.mlrepo("status"))
                    parents = [commit.removeprefix("sha256:") for commit in json.loads(self.mlrepo("log", "--json", "-n", "1"))["parents"]]
                    self.assertEqual(parents, [before, self.mlrepo("resolve", "side").strip()])

    def test_random_merges_lose_nothing(self) -> None:
        """What either side wrote is somewhere, and what nobody changed is as it was."""
        seed = random.randrange(1 << 32)
        chance = random.Random(seed)
        print(f"seed {seed}", file=sys.stderr)
        names = ["a", "b", "s/x", "s/y", "s", "t/u/v", "t", "a/b"]

        def tree(prefix: str, start: Tree) -> Tree:
            result = dict(start)
            for name in chance.sample(names, 3):
                for old in list(result):
                    if old == name or old.startswith(name + "/") or name.startswith(old + "/"):
                        del result[old]
                if chance.random() < 0.7:
                    result[name] = f"{prefix}{chance.random()}"
            return result

        for _ in range(25):
            self.tearDown()
            self.setUp()
            base = tree("base", {})
            ours, theirs = tree("ours", base), tree("theirs", base)
            with self.subTest(base=base, ours=ours, theirs=theirs):
                self.commit({"keep": "k"} | base)
                self.mlrepo("branch", "side")
                self.write_tree({"keep": "k2"} | ours)
                self.mlrepo("commit", "-m", "ours", "--deleted", "--quiet")
                self.mlrepo("checkout", "-q", "side")
                self.write_tree({"keep": "k", "more": "m"} | theirs)
                self.mlrepo("commit", "-m", "theirs", "--deleted", "--quiet")
                self.mlrepo("checkout", "-q", "main")
                done = self.run_raw("merge", "side")
                self.assertIn(done.returncode, (0, 1), done.stderr)
                found = set(self.tree().values())
                wrote = {side[name] for side in (ours, theirs) for name in side if side[name] != base.get(name)}
                self.assertEqual(wrote - found, set())
                self.assertEqual({"k2", "m"} - found, set())
                kept = {base[name] for name in base if ours.get(name) == base[name] == theirs.get(name)}
                self.assertEqual(kept - found, set())


class Outrun(MergeTest):
    def test_two_working_copies_merge_at_once(self) -> None:
        self.two({"a": "0"}, {"a": "0", "x": "x"}, {"a": "0", "y": "y"})
        second = self.root / "second"
        self.mlrepo("worktree", "add", str(second), "main")
        statuses = []

        def merge(place: Path) -> None:
            statuses.append(self.run_raw("merge", "side", cwd=place).returncode)

        threads = [threading.Thread(target=merge, args=(place,)) for place in (self.work, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertIn(0, statuses)
        for place in (self.work, second):
            done = self.run_raw("merge", "side", cwd=place)
            self.assertEqual(done.returncode, 0, (statuses, done.stderr))
            self.assertIn("Nothing has changed", self.mlrepo("status", cwd=place))
        self.assertEqual(self.tree(), {"keep": "k", "a": "0", "x": "x", "y": "y"})
