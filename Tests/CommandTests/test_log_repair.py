"""A damaged log, or `format`: what `fsck --repair` makes of it, whatever became of the files."""
import json
import os
import random
import shutil
import subprocess
import unittest
from pathlib import Path

from command_test import MLREPO, CommandTest


class LogRepair(CommandTest):
    def setUp(self) -> None:
        super().setUp()
        self.start()
        self.mlrepo("commit", "-m", "One")
        for number in (2, 3):
            self.write("data/c.txt", b"%d\n" % number)
            self.mlrepo("commit", "-m", f"Version {number}")
        self.store = self.work / ".mlrepo"
        self.commit = self.mlrepo("resolve", "HEAD").strip()
        self.before = self.mlrepo("resolve", "HEAD~1").strip()

    def entry(self, back: int = 0) -> Path:
        """An entry's file, counted from the newest."""
        path = sorted((self.store / "log/new").iterdir())[-1 - back]
        path.chmod(0o644)
        return path

    def forget(self) -> None:
        """What `cache/` remembers would prove too much."""
        (self.store / "cache/state").unlink(missing_ok=True)

    def mended(self) -> list[dict]:
        return json.loads(self.mlrepo("fsck", "--repair", "--json"))["mended"]

    def whole(self) -> None:
        self.mlrepo("fsck", "--quiet")
        self.verify()
        self.assertEqual(self.mlrepo("resolve", "main").strip(), self.commit)
        self.assertEqual(json.loads(self.mlrepo("status", "--json"))["entries"], [])

    def test_one_byte_anywhere_comes_back_by_what_the_file_says_twice(self) -> None:
        seed = random.randrange(1 << 32)
        print(f"seed {seed}: a byte of a log entry")
        chance = random.Random(seed)
        content = self.entry().read_bytes()
        for _ in range(12):
            (place, byte) = (chance.randrange(len(content)), chance.randrange(256))
            if byte == content[place]:
                continue
            self.forget()
            self.entry().write_bytes(content[:place] + bytes([byte]) + content[place + 1:])
            self.assertEqual(self.mended(), [{"what": "log-entry", "number": 3, "how": "restored"}], (seed, place, byte))
            self.assertEqual(self.entry().read_bytes(), content)
        self.whole()

    def test_a_file_of_nothing_comes_back_where_the_cache_knows_the_log(self) -> None:
        content = self.entry().read_bytes()
        for torn in (b"", content[:100], bytes(len(content))):
            self.entry().write_bytes(torn)
            self.mlrepo("status", status=65)
            self.assertEqual(self.mended()[0]["how"], "restored")
            self.assertEqual(self.entry().read_bytes(), content)
        self.whole()

    def test_a_file_of_nothing_is_made_anew_from_the_record_of_the_operation(self) -> None:
        for torn in (b"", self.entry().read_bytes()[:90]):
            self.forget()
            self.entry().write_bytes(torn)
            self.assertEqual(self.mended()[0]["how"], "anew")
            self.whole()
        self.assertEqual(len(list((self.store / "log/damaged").iterdir())), 2)
        self.write("data/d.txt", b"more\n")
        self.mlrepo("commit", "-m", "More")
        self.verify()

    def test_an_entry_that_the_one_behind_it_vouches_for(self) -> None:
        content = self.entry(1).read_bytes()
        for torn in (b"", content[:-5], None):
            self.forget()
            if torn is None:
                self.entry(1).unlink()
            else:
                self.entry(1).write_bytes(torn)
            self.mlrepo("fsck", status=1)
            self.assertEqual(self.mended(), [{"what": "log-entry", "number": 2, "how": "restored"}])
            self.assertEqual(self.entry(1).read_bytes(), content)
        self.whole()

    def test_each_entry_in_turn(self) -> None:
        """Commits, tags and an undo, among them some that merged packs; each but the first entry is emptied once."""
        for number in range(4, 14):
            self.write("data/c.txt", b"%d\n" % number)
            self.mlrepo("commit", "-m", f"Version {number}")
            self.mlrepo("tag", f"t{number}")
        self.mlrepo("undo")
        entries = sorted((self.store / "log/new").iterdir())
        dropping = 0
        for number, path in enumerate(entries[1:], 1):
            content = path.read_bytes()
            dropped = json.loads(content)["entry"].get("packs", {}).get("dropped")
            dropping += bool(dropped)
            path.chmod(0o644)
            path.write_bytes(b"")
            done = json.loads(self.run_raw("fsck", "--repair", "--json").stdout)
            self.assertEqual(done.get("mended"), [{"what": "log-entry", "number": number, "how": "restored"}], (number, content))
            self.assertEqual(path.read_bytes(), content)
            if path != entries[-1]:
                # Which packs a merge dropped is guessed, and the entry behind it proves the guess.
                path.chmod(0o644)
                path.write_bytes(b"")
                self.forget()
                self.assertEqual(json.loads(self.run_raw("fsck", "--repair", "--json").stdout)["mended"][0]["how"], "restored")
                self.assertEqual(path.read_bytes(), content)
        self.assertGreater(dropping, 0)
        self.mlrepo("fsck", "--quiet")
        self.verify()

    def test_without_the_packs_of_an_operation_it_is_undone(self) -> None:
        packs = set(json.loads(self.entry().read_bytes())["entry"]["packs"]["added"])
        for path in self.store.glob("packs/*/*.pack"):
            if path.name.removesuffix(".pack") in packs:
                path.unlink()
        self.forget()
        self.entry().write_bytes(b"")
        self.assertIn("was set aside", self.mlrepo("fsck", "--repair", status=1))
        self.assertIn("remote forget", self.stderr)
        self.assertEqual(self.mlrepo("resolve", "main").strip(), self.before)
        # The files are still here, and are committed again.
        content = (self.work / "data/c.txt").read_bytes()
        self.mlrepo("checkout", "--force", "main")
        self.write("data/c.txt", content)
        self.mlrepo("commit", "-m", "Version 3 again")
        self.verify()

    def test_a_dry_run_changes_nothing(self) -> None:
        self.entry().write_bytes(b"")
        (self.store / "format").unlink()
        before = {path: path.read_bytes() for path in self.store.rglob("*") if path.is_file()}
        self.mlrepo("fsck", "--repair", "--dry-run", status=1)
        self.assertEqual({path: path.read_bytes() for path in self.store.rglob("*") if path.is_file()}, before)
        self.assertEqual([step["what"] for step in self.mended()], ["format", "log-entry"])
        self.whole()

    def test_format_is_made_anew(self) -> None:
        content = (self.store / "format").read_bytes()
        for torn in (None, b"", b"{}\n", content[:20]):
            (self.store / "format").chmod(0o644)
            (self.store / "format").unlink()
            if torn is not None:
                (self.store / "format").write_bytes(torn)
            self.mlrepo("log", status=65)
            self.assertIn("fsck", self.stderr)
            self.assertEqual(self.mended()[0]["what"], "format")
            self.assertEqual((self.store / "format").read_bytes(), content)
            (self.store / "format").chmod(0o644)
        self.whole()

    def test_a_later_format_is_no_damage(self) -> None:
        path = self.store / "format"
        path.chmod(0o644)
        path.write_bytes(path.read_bytes().replace(b'"format":1', b'"format":9'))
        content = path.read_bytes()
        self.mlrepo("fsck", "--repair", status=65)
        self.assertEqual(path.read_bytes(), content)

    def test_a_bare_store_and_one_that_is_shared(self) -> None:
        place = self.root / "shared.mlrepo"
        self.mlrepo("init", "--bare", "--shared", str(place))
        self.mlrepo("push", str(place))
        content = (place / "format").read_bytes()
        self.assertIn(b'"shared":48', content)
        (place / "format").unlink()
        self.mlrepo("push", str(place), status=65)
        self.mlrepo("fsck", "--repair", cwd=place)
        self.assertEqual((place / "format").read_bytes(), content)
        self.mlrepo("push", str(place))

    def test_leavings_of_a_commit_that_was_killed_are_taken_for_no_other_operation(self) -> None:
        """A killed commit leaves its packs; the entry that is lost is not that one, if its event can still be read."""
        self.write("data/e.txt", b"never committed\n")
        self.killed("link,linkat", 2, "commit", "-m", "Killed")
        self.forget()
        content = self.entry().read_bytes()
        self.entry().write_bytes(content.replace(b'"refs":"', b'"refs":"00000', 1)[:-30])
        self.mlrepo("fsck", "--repair")
        self.assertEqual(json.loads(self.entry().read_bytes())["entry"]["event"], json.loads(content)["entry"]["event"])
        self.assertEqual(self.mlrepo("resolve", "main").strip(), self.commit)

    def test_no_event_is_named_twice(self) -> None:
        """A pack that a commit merges has the events of those that it replaces; one of these came from a clock that was ahead."""
        self.mlrepo("branch", "side")
        self.environment["MLREPO_NOW"] = "1763895600"
        self.mlrepo("checkout", "side")
        self.environment["MLREPO_NOW"] = "1763888500"
        for number in range(30):
            self.write("data/c.txt", b"side %d\n" % number)
            self.mlrepo("commit", "-m", f"Side {number}")
            if json.loads(self.entry().read_bytes())["entry"]["packs"]["dropped"]:
                break
        else:
            self.fail("no commit has merged packs")
        (commit, event) = (self.mlrepo("resolve", "side"), json.loads(self.entry().read_bytes())["entry"]["event"])
        self.forget()
        self.entry().write_bytes(random.Random(1).randbytes(600))
        self.assertEqual(self.mended()[0]["how"], "anew")
        self.assertEqual(self.mlrepo("resolve", "side"), commit)
        self.assertEqual(json.loads(self.entry().read_bytes())["entry"]["event"], event)
        self.verify()

    def test_what_changed_names_comes_before_the_leavings_of_what_changed_none(self) -> None:
        self.mlrepo("tag", "t")
        self.mlrepo("tag", "-d", "t")
        self.write("data/c.txt", b"important\n")
        self.mlrepo("commit", "-m", "Important")
        commit = self.mlrepo("resolve", "main")
        self.environment["MLREPO_NOW"] = "1763888500"
        self.killed("link,linkat", 2, "gc", "--now")
        self.forget()
        self.entry().write_bytes(b"")
        self.mlrepo("fsck", "--repair", status=None)
        self.assertEqual(self.mlrepo("resolve", "main"), commit)

    def test_another_stores_entry_does_not_take_the_store_along(self) -> None:
        other = self.root / "other"
        for _ in range(3):
            shutil.rmtree(other, ignore_errors=True)
            other.mkdir()
            self.mlrepo("init", cwd=other)
            (other / "a").write_bytes(b"1")
            self.mlrepo("add", "a", cwd=other)
            self.mlrepo("commit", "-m", "Other", cwd=other)
            mine = self.root / "mine"
            shutil.rmtree(mine, ignore_errors=True)
            mine.mkdir()
            self.mlrepo("init", cwd=mine)
            (mine / "a").write_bytes(b"2")
            self.mlrepo("add", "a", cwd=mine)
            self.mlrepo("commit", "-m", "Mine", cwd=mine)
            (format, entry) = (mine / ".mlrepo/format", mine / ".mlrepo/log/new/00000000000000000001")
            before = (format.read_bytes(), entry.read_bytes())
            entry.unlink()
            shutil.copy(other / ".mlrepo/log/new/00000000000000000001", entry)
            self.mlrepo("fsck", "--repair", cwd=mine)
            self.assertEqual((format.read_bytes(), entry.read_bytes()), before)

    def test_what_is_mended_in_a_shared_store_is_the_groups(self) -> None:
        place = self.root / "shared.mlrepo"
        self.mlrepo("init", "--bare", "--shared", str(place))
        self.mlrepo("push", str(place))
        newest = sorted((place / "log/new").iterdir())[-1]
        newest.chmod(0o644)
        newest.write_bytes(b"")
        (place / "format").unlink()
        before = os.umask(0o077)
        try:
            self.mlrepo("fsck", "--repair", cwd=place)
        finally:
            os.umask(before)
        for path in (place / "format", newest):
            self.assertEqual(path.stat().st_mode & 0o040, 0o040, path)
        self.assertEqual((place / "log/damaged").stat().st_mode & 0o2070, 0o2070)

    def test_the_newest_entry_that_is_gone_is_missed_by_the_cache(self) -> None:
        content = self.entry().read_bytes()
        self.entry().unlink()
        self.assertEqual(self.mended(), [{"what": "log-entry", "number": 3, "how": "restored"}])
        self.assertEqual(self.entry().read_bytes(), content)
        self.whole()

    def test_the_newest_entry_that_nobody_remembers_is_missed_by_who_stands_on_its_commit(self) -> None:
        self.entry().unlink()
        self.forget()
        packs = sorted(self.store.glob("packs/*/*.pack"))
        for pack in packs:
            os.utime(pack, (0, 0))
        self.refused("gc", "--now", status=65, says="stands on")
        self.assertEqual(sorted(self.store.glob("packs/*/*.pack")), packs)
        self.assertEqual(self.mended(), [{"what": "log-entry", "number": 3, "how": "anew"}])
        self.whole()

    def longer(self) -> list[Path]:
        """A log of commits, tags and merges of packs; its entries."""
        for number in range(4, 12):
            self.write("data/c.txt", b"%d\n" % number)
            self.mlrepo("commit", "-m", f"Version {number}")
            if number % 3 == 0:
                self.mlrepo("tag", f"t{number}")
        self.commit = self.mlrepo("resolve", "HEAD").strip()
        return sorted((self.store / "log/new").iterdir())

    def lose(self, paths: list[Path]) -> dict[Path, bytes]:
        """Removes entries; gives what they were."""
        was = {path: path.read_bytes() for path in paths}
        for path in paths:
            path.unlink()
        return was

    def test_entries_in_a_row_come_back(self) -> None:
        """The newest ones by what was seen of the log, others by the entry behind them."""
        entries = self.longer()
        last = len(entries)
        self.assertTrue(any(json.loads(path.read_bytes())["entry"].get("packs", {}).get("dropped") for path in entries))
        for first, end in ((last - 2, last), (last - 5, last), (2, 4), (3, 8), (1, last - 1)):
            if end < last:
                self.forget()
            lost = self.lose(entries[first:end])
            self.mlrepo("fsck", status=1)
            self.assertEqual(self.mended(), [{"what": "log-entry", "number": number, "how": "restored"}
                                             for number in range(first, end)])
            self.assertEqual({path: path.read_bytes() for path in lost}, lost)
            self.mlrepo("log", "main")
        self.whole()

    def test_nothing_is_written_into_a_gap(self) -> None:
        """Nor is anything collected that entries behind it name, whoever comes."""
        self.mlrepo("init", "--bare", "../bare")
        entries = self.longer()
        for commit in range(6):
            self.mlrepo("branch", f"b{commit}", f"HEAD~{6 - commit}")
            self.mlrepo("push", "../bare", f"b{commit}")
        bare = self.root / "bare"
        # Who has seen the log with what lies behind the gap goes on with it; these are others.
        for place, name in (("bare", "first"), ("work", "second")):
            self.mlrepo("clone", place, name, cwd=self.root)
            (self.root / name / "data/c.txt").write_bytes(b"mine\n")
            self.mlrepo("commit", "-m", "Mine", cwd=self.root / name)
        there = sorted((bare / "log/new").iterdir())
        for store, place, lost in ((self.store, self.work, entries[3:6]), (bare, bare, there[2:4]), (bare, bare, there[2:6])):
            self.lose(lost)
            for pack in store.glob("packs/*/*.pack"):
                os.utime(pack, (0, 0))
            (store / "cache/state").unlink(missing_ok=True)

            client = self.root / ("first" if place == self.work else "second")

            def files() -> dict[Path, bytes]:
                return {path: path.read_bytes() for name in ("log", "packs") for path in (store / name).rglob("*")
                        if path.is_file()}
            before = files()
            missing = f"{int(lost[0].name)} is damaged: it is missing"
            self.refused("tag", "z", "main" if place == self.work else "b0", status=65, says=missing, cwd=place)
            self.refused("gc", "--now", status=65, says="stands on" if place == self.work else missing, cwd=place)
            self.refused("gc", str(place), "--now", status=65, says=missing, cwd=client)
            self.refused("push", str(place), "HEAD", status=65, says=missing, cwd=client)
            self.refused("clone", str(place), "other", status=65, says=missing, cwd=self.root)
            if place == self.work:
                self.write("data/c.txt", b"next\n")
                self.refused("commit", "-m", "Next", status=65, says="stands on")
                self.write("data/c.txt", b"11\n")
            self.assertEqual({path: content for path, content in files().items() if path in before}, before)
            self.mlrepo("fsck", "--repair", cwd=place)
            self.mlrepo("fsck", "--quiet", cwd=place)
            self.assertTrue(all(path.exists() for path in lost))
        self.whole()
        self.mlrepo("push", "../bare", "HEAD", cwd=self.root / "second")

    def test_what_is_no_entry_behind_the_newest(self) -> None:
        """It hinders whoever would write, and goes; it proves no loss."""
        newest = int(self.entry().name)
        for behind in (1, 2, 3, 40):
            stray = self.store / f"log/new/{newest + behind:020}"
            for content in (self.entry().read_bytes(), b""):
                stray.write_bytes(content)
                self.mlrepo("fsck", status=1)
                self.mlrepo("tag", "z", "main", status=65)
                self.assertEqual(self.mended(), [{"what": "log-entry", "number": newest + behind, "how": "set-aside"}])
                self.assertFalse(stray.exists())
                self.whole()

    def test_a_gap_that_nothing_closes_is_bridged(self) -> None:
        """Packs that lost entries named are gone, by a collection or with them: refs and files stay as the last entry has them."""
        for collects in (True, False):
            for lost in (slice(2, 4), slice(5, 6), slice(3, 9)):
                with self.subTest(collects=collects, lost=lost):
                    self.tearDown()
                    self.setUp()
                    entries = self.longer()
                    if collects:
                        self.mlrepo("gc", "--now")
                        self.mlrepo("tag", "behind")
                    else:
                        for name in json.loads(entries[lost.start].read_bytes())["entry"]["packs"]["added"]:
                            (self.store / f"packs/{name[:2]}/{name}.pack").unlink(missing_ok=True)
                    entries = sorted((self.store / "log/new").iterdir())
                    refs = {name: self.mlrepo("resolve", name) for name in ("main", "t6", "t9")}
                    if lost.start == 5:
                        self.forget()
                    self.lose(entries[lost])
                    before = {path.name: path.read_bytes() for path in (self.store / "log/new").iterdir()}
                    done = self.run_raw("fsck", "--repair")
                    self.assertIn(done.returncode, (1, 65))
                    self.assertIn(b"--give-up-missing", done.stderr)
                    self.assertEqual({path.name: path.read_bytes() for path in (self.store / "log/new").iterdir()}, before)
                    found = json.loads(self.run_raw("fsck", "--repair", "--give-up-missing", "--json").stdout)["mended"]
                    behind = [number for number in range(lost.stop, len(entries))]
                    self.assertEqual(found, [{"what": "log-entry", "number": lost.start, "how": "anew"}] + [
                        {"what": "log-entry", "number": number, "how": "set-aside"} for number in behind])
                    kept = {path.name[:20]: path.read_bytes() for path in (self.store / "log/damaged").iterdir()}
                    for number in behind:
                        self.assertEqual(kept[f"{number:020}"], before[f"{number:020}"])
                    self.assertEqual({name: self.mlrepo("resolve", name) for name in refs}, refs)
                    if collects:
                        self.whole()
                    self.write("data/c.txt", b"next\n")
                    self.mlrepo("commit", "-m", "Next")
                    self.mlrepo("fsck", "--quiet", status=0 if collects else self.run_raw("fsck").returncode)

    def test_a_bridge_leaves_no_pack_behind_that_is_damaged(self) -> None:
        """What a damaged pack still has is for a repair, and no leaving."""
        self.longer()
        self.mlrepo("gc", "--now")
        self.mlrepo("tag", "behind")
        entries = sorted((self.store / "log/new").iterdir())
        [name] = json.loads(entries[-1].read_bytes())["entry"]["packs"]["added"]
        pack = self.store / f"packs/{name[:2]}/{name}.pack"
        self.lose(entries[2:5])
        self.forget()
        content = bytearray(pack.read_bytes())
        content[len(content) // 2] ^= 1
        pack.chmod(0o644)
        pack.write_bytes(content)
        self.run_raw("fsck", "--repair", "--give-up-missing")
        made = json.loads((self.store / "log/new" / entries[2].name).read_bytes())["entry"]["packs"]
        self.assertIn(name, made["added"])

    def test_a_bridge_that_is_killed_is_gone_on_with(self) -> None:
        entries = self.longer()
        self.mlrepo("gc", "--now")
        self.mlrepo("tag", "behind")
        entries = sorted((self.store / "log/new").iterdir())
        main = self.mlrepo("resolve", "main")
        self.lose(entries[2:5])
        self.forget()
        whole = self.root / "whole"
        shutil.copytree(self.store, whole, symlinks=True)
        kills = 0
        for call in range(1, 60):
            shutil.rmtree(self.store)
            shutil.copytree(whole, self.store, symlinks=True)
            done = subprocess.run(
                ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=rename,renameat,renameat2,link,linkat",
                 "-e", f"inject=rename,renameat,renameat2,link,linkat:signal=KILL:when={call}",
                 MLREPO, "fsck", "--repair", "--give-up-missing"], cwd=self.work, env=self.environment, capture_output=True)
            if done.returncode == 0:
                break
            kills += 1
            self.mlrepo("fsck", "--repair", "--give-up-missing")
            self.assertEqual(self.mlrepo("resolve", "main"), main)
            self.whole()
        self.assertGreater(kills, 5)
        self.assertEqual(done.returncode, 0)

    def test_entries_that_were_seen_are_not_forgotten(self) -> None:
        """Two are gone, and what the first one did: nobody writes as if they had never been, until they are given up."""
        self.mlrepo("init", "--bare", "../bare")
        for commit in ("HEAD~2", "HEAD~1", "HEAD"):
            self.mlrepo("branch", f"b{commit[-1]}", commit)
            self.mlrepo("push", "../bare", f"b{commit[-1]}")
        bare = self.root / "bare"
        self.mlrepo("log", "b2", cwd=bare)
        first, last = sorted((bare / "log/new").iterdir())[-2:]
        for name in json.loads(first.read_bytes())["entry"]["packs"]["added"]:
            (bare / f"packs/{name[:2]}/{name}.pack").unlink()
        first.unlink()
        last.unlink()
        state = (bare / "cache/state").read_bytes()
        packs = sorted(bare.glob("packs/*/*.pack"))
        for pack in packs:
            os.utime(pack, (0, 0))
        for _ in range(2):
            self.assertIn("entry 3 was seen", self.mlrepo("fsck", status=1, cwd=bare))
            self.mlrepo("fsck", "--repair", status=1, cwd=bare)
            self.assertIn("--give-up-missing", self.stderr)
            self.refused("tag", "z", "b2", status=65, says="entry 3 was seen", cwd=bare)
            self.refused("gc", "--now", status=65, says="entry 3 was seen", cwd=bare)
        self.assertEqual((bare / "cache/state").read_bytes(), state)
        self.assertEqual(sorted(bare.glob("packs/*/*.pack")), packs)
        done = json.loads(self.mlrepo("fsck", "--repair", "--give-up-missing", "--json", cwd=bare))
        self.assertEqual(done["mended"], [{"what": "log-entry", "number": 3, "how": "given-up"}])
        self.assertEqual([path.read_bytes() for path in (bare / "log/damaged").iterdir()], [state])
        self.mlrepo("tag", "z", "b2", cwd=bare)
        self.mlrepo("fsck", cwd=bare)

    def test_one_entry_of_which_nothing_is_left_is_given_up(self) -> None:
        for name in json.loads(self.entry().read_bytes())["entry"]["packs"]["added"]:
            (self.store / f"packs/{name[:2]}/{name}.pack").unlink()
        self.entry().unlink()
        self.mlrepo("fsck", "--repair", status=1)
        self.mlrepo("branch", "x", "main", status=65)
        done = json.loads(self.mlrepo("fsck", "--repair", "--give-up-missing", "--json", status=1))
        self.assertEqual(done["mended"], [{"what": "log-entry", "number": 3, "how": "given-up"}])
        self.mlrepo("checkout", "main")
        self.mlrepo("branch", "x", "main")
        self.mlrepo("fsck")

    def test_entries_that_others_have_overwritten_are_not_forgotten(self) -> None:
        """Somebody who knows nothing of the loss pushes, and the number of the lost entry is taken."""
        self.mlrepo("init", "--bare", "../bare")
        self.mlrepo("push", "../bare", "main")
        self.mlrepo("clone", "bare", "clone", cwd=self.root)
        bare = self.root / "bare"
        self.mlrepo("branch", "seen")
        self.mlrepo("push", "../bare", "seen")
        self.mlrepo("log", "seen", cwd=bare)
        max((bare / "log/new").iterdir()).unlink()
        self.mlrepo("branch", "other", cwd=self.root / "clone")
        self.mlrepo("push", "origin", "other", cwd=self.root / "clone")
        self.refused("tag", "z", "main", status=65, says="another one than was seen", cwd=bare)
        self.refused("gc", "--now", status=65, says="another one than was seen", cwd=bare)
        self.assertIn("written anew", self.mlrepo("fsck", status=1, cwd=bare))
        self.mlrepo("fsck", "--repair", status=1, cwd=bare)
        self.mlrepo("fsck", "--repair", "--give-up-missing", cwd=bare)
        self.mlrepo("tag", "z", "main", cwd=bare)

    def test_each_working_copy_misses_what_another_one_stands_on(self) -> None:
        self.mlrepo("worktree", "add", "../second")
        second = self.root / "second"
        self.mlrepo("checkout", "-b", "side", cwd=second)
        (second / "data/a.txt").write_bytes(b"side")
        self.mlrepo("commit", "-m", "Side", cwd=second)
        tip = self.mlrepo("resolve", "side")
        self.entry().unlink()
        self.forget()
        self.assertIn(f"the working copy in {second} stands on it", self.mlrepo("fsck", status=1))
        packs = sorted(self.store.glob("packs/*/*.pack"))
        for pack in packs:
            os.utime(pack, (0, 0))
        self.refused("gc", "--now", status=65, says=f"the working copy in {second} stands on")
        self.assertEqual(sorted(self.store.glob("packs/*/*.pack")), packs)
        self.mlrepo("fsck", "--repair")
        self.assertEqual(self.mlrepo("resolve", "side"), tip)
        self.mlrepo("gc", "--now")

    def test_a_repair_that_is_killed_loses_nothing(self) -> None:
        """Whatever is in the place of the entry, it and what comes for it change places in one step."""
        path = self.entry()
        for calls in ("link,linkat,rename,renameat,renameat2", "fsync"):
            for number in range(1, 7):
                self.forget()
                path.unlink()
                path.mkdir()
                strike = ["-e", f"trace={calls}", "-e", f"inject={calls}:signal=KILL:when={number}"]
                subprocess.run([*self.under_strace(*strike), MLREPO, "fsck", "--repair"], cwd=self.work, env=self.environment,
                               capture_output=True)
                self.run_raw("fsck", "--repair")
                self.whole()

    def test_the_operation_of_whoever_stands_on_its_commit(self) -> None:
        """Another working copy was killed in the same second, and the repair is typed there."""
        self.mlrepo("worktree", "add", "../second")
        second = self.root / "second"
        self.mlrepo("checkout", "-b", "side", cwd=second)
        for number in range(6):
            self.write("data/never.txt", b"%d" % number)
            (second / "data/a.txt").write_bytes(b"never %d" % number)
            strike = ["-e", "trace=link,linkat", "-e", "inject=link,linkat:signal=KILL:when=2"]
            subprocess.run([*self.under_strace(*strike), MLREPO, "commit", "-m", "Never"], cwd=second, env=self.environment,
                           capture_output=True)
            self.mlrepo("commit", "-m", f"Acknowledged {number}", "--deleted")
            tip = self.mlrepo("resolve", "main")
            self.entry().write_bytes(b"")
            self.forget()
            self.mlrepo("fsck", "--repair", cwd=second)
            self.assertEqual(self.mlrepo("resolve", "main"), tip)

    def test_the_first_entry(self) -> None:
        path = sorted((self.store / "log/new").iterdir())[0]
        content = path.read_bytes()
        path.chmod(0o644)
        path.write_bytes(content[:25] + bytes([content[25] ^ 1]) + content[26:])
        self.assertEqual(self.mended(), [{"what": "log-entry", "number": 0, "how": "restored"}])
        self.assertEqual(path.read_bytes(), content)
        self.whole()

    def test_what_is_no_file_in_the_place_of_a_pack(self) -> None:
        self.mlrepo("clone", ".", "../clone")
        names = set(json.loads(self.entry(1).read_bytes())["entry"]["packs"]["added"])
        [path] = [path for path in self.store.glob("packs/*/*.pack") if path.stem in names]
        path.unlink()
        path.mkdir()
        self.assertIn("damaged: ", self.mlrepo("fsck", status=1))
        self.mlrepo("fsck", "--repair", "--from", "../clone", status=73)
        # The record of the operation is in no other store.
        self.mlrepo("fsck", "--repair", "--from", "../clone", "--give-up-missing", status=1)
        problems = json.loads(self.mlrepo("fsck", "--json", status=1))["problems"]
        self.assertEqual([(one["kind"], one["message"]) for one in problems], [("missing-object", "no live pack has it")])
        self.assertEqual(self.mlrepo("resolve", "main").strip(), self.commit)
        self.assertEqual(json.loads(self.mlrepo("status", "--json"))["entries"], [])

    def test_what_is_no_file_in_the_place_of_one(self) -> None:
        content = self.entry().read_bytes()
        path = self.entry()

        def large() -> None:
            path.touch()
            os.truncate(path, 1 << 30)

        for make in (path.mkdir, lambda: path.symlink_to("/etc/passwd"), lambda: os.mkfifo(path), large):
            path.unlink()
            make()
            self.assertEqual(self.mended()[0]["how"], "restored")
            self.assertEqual(path.read_bytes(), content)
        format = self.store / "format"
        content = format.read_bytes()
        for make in (format.mkdir, lambda: format.symlink_to("/etc/passwd"), lambda: os.mkfifo(format)):
            format.unlink()
            make()
            self.assertEqual(self.mended()[0]["what"], "format")
            self.assertEqual(format.read_bytes(), content)
        self.whole()

    def test_a_link_in_the_place_of_what_is_kept_is_not_followed(self) -> None:
        elsewhere = self.root / "elsewhere"
        elsewhere.mkdir()
        (self.store / "log/damaged").symlink_to(elsewhere)
        self.entry().write_bytes(b"")
        self.mlrepo("fsck", "--repair", status=74)
        self.assertEqual(list(elsewhere.iterdir()), [])

    def test_entries_of_a_sealed_log_come_back_from_its_tile(self) -> None:
        for number in range(130):
            self.mlrepo("tag", f"s{number}")
            self.mlrepo("tag", "-d", f"s{number}")
        self.assertTrue((self.store / "log/tile/entries/000").exists())
        for number in (0, 100, 255):
            path = self.store / f"log/new/{number:020}"
            content = path.read_bytes()
            path.chmod(0o644)
            path.write_bytes(content[:50] + bytes(len(content) - 50))
            self.assertEqual(self.mended(), [{"what": "log-entry", "number": number, "how": "restored"}])
            self.assertEqual(path.read_bytes(), content)
        self.whole()

    def test_a_log_that_is_damaged_beyond_that_is_left(self) -> None:
        for number in (0, 1):
            (self.store / f"log/new/{number:020}").unlink()
        before = {path: path.read_bytes() for path in self.store.rglob("*") if path.is_file()}
        for words in ([], ["--give-up-missing"]):
            self.mlrepo("fsck", "--repair", *words, status=1)
            self.assertEqual({path: path.read_bytes() for path in self.store.rglob("*") if path.is_file()}, before)
            self.assertEqual("--give-up-missing goes on without" in self.stderr, not words)

    def test_the_first_entry_comes_back(self) -> None:
        path = self.store / f"log/new/{0:020}"
        content = path.read_bytes()
        for damage in ("gone", "empty", "collected"):
            if damage == "collected":
                self.mlrepo("gc", "--now")
                self.forget()
            path.unlink()
            if damage == "empty":
                path.write_bytes(b"")
            self.assertEqual(self.mended(), [{"what": "log-entry", "number": 0, "how": "restored"}], damage)
            self.assertEqual(path.read_bytes(), content)
            self.whole()

    def test_junk_is_no_entry_and_hides_none(self) -> None:
        """What was seen comes back whatever lies in its place; before it was told to be given up nothing of that is forgotten."""
        self.longer()
        log = self.store / "log/new"
        entries = sorted(log.iterdir())
        newest = len(entries) - 1
        kept = {path.name: path.read_bytes() for path in entries}
        seed = random.randrange(1 << 32)
        print(f"seed {seed}: junk in a log")
        chance = random.Random(seed)
        for _ in range(12):
            lost = chance.randrange(1, newest + 1)
            for path in entries[lost:]:
                path.unlink()
            places = chance.sample(range(lost, newest + 3), chance.randrange(1, 3))
            for number in places:
                path = log / f"{number:020}"
                match chance.randrange(6):
                    case 0: path.write_bytes(b"")
                    case 1: path.write_bytes(chance.randbytes(700))
                    case 2: path.write_bytes(kept[f"{chance.randrange(lost):020}"])
                    case 3: path.mkdir()
                    case 4: path.symlink_to("/dev/zero")
                    case _: path.write_bytes(kept.get(path.name, b"junk")[:300])
            self.mended()
            self.assertEqual({path.name: path.read_bytes() for path in log.iterdir()}, kept, (lost, places))
            self.whole()
        # Where its operation is lost, too, nobody is told that all is well.
        for name in json.loads(kept[f"{newest - 1:020}"])["entry"]["packs"]["added"]:
            (self.store / f"packs/{name[:2]}/{name}.pack").unlink()
        for path in entries[newest - 1:]:
            path.unlink()
        (log / f"{newest:020}").write_bytes(b"")
        state = (self.store / "cache/state").read_bytes()
        self.assertIn(self.run_raw("fsck", "--repair").returncode, (1, 65))
        self.assertEqual((self.store / "cache/state").read_bytes(), state)


if __name__ == "__main__":
    unittest.main()
