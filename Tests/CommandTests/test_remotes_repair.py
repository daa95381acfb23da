"""Other stores that are checked, mended and collected from here, over each way to them."""
import json
import random
import shutil
import subprocess
from pathlib import Path

from command_test import MLREPO
from test_remotes import RemoteTest
from test_remotes_ssh import SSHTest


def largest_pack(store: Path) -> Path:
    return max(store.glob("packs/*/*.pack"), key=lambda path: path.stat().st_size)


def flip(path: Path, *places: float) -> None:
    """Changes a bit of the bytes at some parts of a file's length."""
    content = bytearray(path.read_bytes())
    for place in places:
        content[int(len(content) * place)] ^= 4
    path.chmod(0o644)
    path.write_bytes(content)


class Mending:
    """What is the same whatever leads there; `place` says that."""

    def filled(self) -> None:
        """A store with small files, a large one, and versions."""
        noise = random.Random(7)
        self.mlrepo("init", "--bare", str(self.store))
        self.mlrepo("remote", "add", "origin", self.place)
        (self.work / "data").mkdir()
        for number in range(40):
            (self.work / f"data/{number}").write_bytes(noise.randbytes(2000))
        self.version("One", path="data/large", content=noise.randbytes(3_000_000))
        self.mlrepo("push")
        self.version("Two")
        self.mlrepo("push")

    def content_there(self) -> dict[Path, bytes]:
        """All of the other store but what is derived."""
        return {path: path.read_bytes() for path in self.store.rglob("*") if path.is_file() and "cache" not in path.parts}

    def test_a_sound_store(self) -> None:
        self.filled()
        before = self.content_there()
        report = self.answer("fsck", "origin")
        self.assertEqual(report["problems"], [])
        there = self.answer("fsck", cwd=self.store)
        for count in ("objects", "packs", "bytes"):
            self.assertEqual(report[count], there[count])
        self.mlrepo("gc", "origin", "--plan")
        self.assertEqual(self.content_there(), before)
        self.assertEqual(list((self.work / ".mlrepo/tmp").iterdir()), [])
        self.assertEqual([path.name for path in (self.work / ".mlrepo/cache/files").iterdir() if path.suffix != ".lease"], [])

    def test_damage_there_is_named_and_mended_from_here(self) -> None:
        self.filled()
        pack = largest_pack(self.store)
        flip(pack, 0.2, 0.5, 0.8)
        done = self.run_raw("fsck", "origin")
        self.assertEqual(done.returncode, 1)
        self.assertIn(pack.name[:12].encode(), done.stdout)
        self.assertIn(b"data/large", done.stdout)
        self.assertIn(b"fsck origin --repair", done.stderr)
        plan = self.answer_of(1, "fsck", "origin", "--repair", "--dry-run")
        self.assertTrue(plan["lost"])
        self.assertEqual(pack.read_bytes(), largest_pack(self.store).read_bytes())
        said = self.mlrepo("fsck", "origin", "--repair")
        self.assertIn("taken from this store: ", said)
        self.assertIn("no damage", self.mlrepo("fsck", "origin"))
        self.sound(self.store)
        self.same_files(self.clone("new"))

    def test_damage_here_is_mended_from_there(self) -> None:
        self.filled()
        flip(largest_pack(self.work / ".mlrepo"), 0.1, 0.3, 0.6, 0.9)
        for name in ("data/large", "data/3"):
            (self.work / name).unlink()
        self.assertEqual(self.run_raw("fsck", "--repair", "--dry-run").returncode, 1)
        said = self.answer("fsck", "--repair", "--from", "origin")
        self.assertGreater(said["restored"]["objects"], 0)
        self.assertEqual(said["problemsAfter"], 0)
        self.mlrepo("checkout", "--force", "--", "data")
        self.assertEqual(self.run_raw("status").returncode, 0)
        self.sound(self.work)
        self.same_files(self.clone("new"))

    def test_a_pack_that_is_gone_there_and_all_that_leads_to_it(self) -> None:
        self.filled()
        largest_pack(self.store).unlink()
        self.assertEqual(self.run_raw("fsck", "origin").returncode, 1)
        self.mlrepo("fsck", "origin", "--repair")
        self.sound(self.store)
        self.same_files(self.clone("new"))

    def test_a_pack_of_this_store_is_gone(self) -> None:
        """All that was pushed comes back; the record of the operation that made it is nowhere else."""
        self.filled()
        largest_pack(self.work / ".mlrepo").unlink()
        for name in ("data/large", "data/3"):
            (self.work / name).unlink()
        self.refused("fsck", "--repair", "--from", "origin", status=73, says="is not there")
        left = self.answer_of(1, "fsck", "--repair", "--give-up-missing", "--from", "origin")
        self.assertEqual({lost["kind"] for lost in left["lost"]}, {"event"})
        # It is lost for good, which is no reason never to collect anything any more.
        self.mlrepo("gc")
        self.mlrepo("checkout", "--force", "--", "data")
        self.assertEqual(self.run_raw("status").returncode, 0)
        self.same_files(self.clone("new"))

    def test_without_the_list_of_names_nothing_is_given_up(self) -> None:
        self.filled()
        for pack in self.store.glob("packs/*/*.pack"):
            pack.unlink()
        before = sorted(self.store.rglob("*"))
        self.refused("fsck", str(self.store), "--repair", "--give-up-missing", cwd=self.root, status=73,
                     says="list of branches and tags")
        self.assertEqual(sorted(self.store.rglob("*")), before)

    def test_a_directory_that_somebody_made_a_link_is_named(self) -> None:
        self.filled()
        directory = largest_pack(self.store).parent
        directory.rename(self.root / "elsewhere")
        directory.symlink_to(self.root / "elsewhere")
        done = self.run_raw("fsck", cwd=self.store)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(f"packs/{directory.name}: it is a link".encode(), done.stdout)

    def test_a_collection(self) -> None:
        self.filled()
        self.mlrepo("checkout", "-q", "-b", "side")
        self.version("Large", path="data/other", content=random.Random(8).randbytes(2_000_000))
        self.mlrepo("push", "origin", "side")
        self.mlrepo("checkout", "-q", "main")
        self.mlrepo("push", "origin", "--delete", "side")
        size = sum(path.stat().st_size for path in self.store.glob("packs/*/*"))
        plan = self.answer("gc", "origin", "--now", "--plan")
        self.assertFalse(plan["done"])
        self.assertGreater(plan["unneeded"]["blob"]["bytes"], 1_900_000)
        self.assertGreater(self.answer("gc", "origin", "--now")["freedBytes"], 1_900_000)
        self.assertLess(sum(path.stat().st_size for path in self.store.glob("packs/*/*")), size - 1_900_000)
        self.sound(self.store)
        self.same_files(self.clone("new"))

    def answer_of(self, status: int, *words: str) -> dict:
        done = self.run_raw(*words, "--json")
        self.assertEqual(done.returncode, status, done.stderr)
        return json.loads(done.stdout)


class InADirectory(Mending, RemoteTest):
    @property
    def place(self) -> str:
        return str(self.store)

    def test_what_both_have_lost_is_named(self) -> None:
        self.filled()
        for store in (self.store, self.work / ".mlrepo"):
            largest_pack(store).unlink()
        (self.work / "data/large").unlink()
        done = self.run_raw("fsck", "--repair", "--from", "origin")
        self.assertEqual(done.returncode, 73)
        self.assertIn(b"is not there", done.stderr)

    def test_what_lost_lists_of_names_hide_comes_back_too(self) -> None:
        """Nobody knows what was in a directory whose list is lost, before the list is back: here all that a push brought is gone."""
        self.filled()
        other = self.clone("other")
        for pack in (other / ".mlrepo").glob("packs/*/*.pack"):
            if pack.stat().st_size > 50_000:
                pack.unlink()
        shutil.rmtree(other / "data")
        self.mlrepo("fsck", "--repair", "--from", "origin", cwd=other)
        self.mlrepo("checkout", "--force", "--", "data", cwd=other)
        self.sound(other)
        self.same_files(other)

    def test_a_large_file_whose_list_of_chunks_is_lost(self) -> None:
        """Of more than one node: what is below a node that is lost is known once that is back."""
        self.filled()
        self.version("Larger", path="data/larger", content=random.Random(9).randbytes(12_000_000))
        self.mlrepo("push")
        largest_pack(self.store).unlink()
        self.mlrepo("fsck", "origin", "--repair")
        self.sound(self.store)
        other = self.clone("new")
        self.same_files(other)
        largest_pack(other / ".mlrepo").unlink()
        shutil.rmtree(other / "data")
        self.run_raw("fsck", "--repair", "--give-up-missing", "--from", "origin", cwd=other)
        self.mlrepo("checkout", "--force", "--", "data", cwd=other)
        self.same_files(other)

    def test_what_a_third_store_lacks_comes_from_this_one(self) -> None:
        self.filled()
        self.mlrepo("init", "--bare", str(self.root / "third"))
        flip(largest_pack(self.store), 0.2, 0.5)
        said = self.mlrepo("fsck", "origin", "--repair", "--from", "../third")
        self.assertIn("taken from this store", said)
        self.sound(self.store)

    def test_a_store_without_its_log_is_not_made_anew(self) -> None:
        self.filled()
        shutil.copytree(self.store, self.root / "half")
        shutil.rmtree(self.root / "half/log")
        self.refused("push", "../half", "main", status=65, says="is missing")
        self.assertFalse((self.root / "half/log/new").exists())
        self.assertEqual(self.run_raw("fsck", "../half").returncode, 1)

    def test_a_store_can_be_looked_at_from_anywhere(self) -> None:
        self.filled()
        self.mlrepo("bundle", "../all.bundle")
        before = set(self.root.iterdir())
        for place in ("store", "all.bundle"):
            self.assertIn("no damage", self.mlrepo("fsck", str(self.root / place), cwd=self.root))
        self.refused("fsck", "nothing.bundle", status=66, says="no store is there", cwd=self.root)
        self.assertEqual(set(self.root.iterdir()), before)
        self.refused("fsck", status=66, says="no .mlrepo", cwd=self.root)

    def test_a_bundle_mends_a_store(self) -> None:
        self.filled()
        self.mlrepo("bundle", "../all.bundle", "--all")
        flip(largest_pack(self.work / ".mlrepo"), 0.1, 0.6)
        shutil.rmtree(self.work / "data")
        self.mlrepo("fsck", "--repair", "--from", "../all.bundle")
        self.mlrepo("checkout", "--force", "--", "data")
        self.sound(self.work)
        self.same_files(self.clone("new"))

    def test_words_that_do_not_go_together(self) -> None:
        self.filled()
        self.refused("fsck", "--from", "origin", status=64, says="--repair")
        self.refused("fsck", "nowhere", status=66, says="nowhere")
        self.refused("fsck", "--repair", "--from", "nowhere", status=66, says="nowhere")
        self.refused("gc", "nowhere", status=66, says="nowhere")
        self.refused("fsck", "../nothing", status=66, says="no store")

    def test_a_store_that_was_turned_back_is_not_called_sound(self) -> None:
        self.filled()
        shutil.copytree(self.store, self.root / "yesterday")
        self.version("Three")
        self.mlrepo("push")
        shutil.rmtree(self.store)
        shutil.copytree(self.root / "yesterday", self.store)
        for words in (("fsck", "origin"), ("gc", "origin")):
            self.refused(*words, status=65, says="rolled back")

    def test_a_repair_and_a_collection_that_are_killed_can_be_typed_again(self) -> None:
        self.filled()
        flip(largest_pack(self.store), 0.2, 0.5)
        shutil.copytree(self.store, self.root / "harmed")
        for call, when in [("link", 1), ("link", 2), ("link", 3)] + [("openat", number) for number in range(30, 160, 26)]:
            shutil.rmtree(self.store)
            shutil.copytree(self.root / "harmed", self.store)
            self.mlrepo("remote", "forget", "origin")
            subprocess.run([*self.under_strace("-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={when}"),
                            MLREPO, "fsck", "origin", "--repair"], cwd=self.work, env=self.environment, capture_output=True)
            self.mlrepo("fsck", "origin", "--repair")
            self.sound(self.store)
            self.same_files(self.clone(f"{call}-{when}"))


class OverSSH(Mending, SSHTest):
    pass


class OverSFTP(Mending, SSHTest):
    def setUp(self) -> None:
        super().setUp()
        self.environment |= {"MLREPO_SERVER": "no-such-program"}
