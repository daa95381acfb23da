"""Other stores, in directories: what arrives byte for byte, what stays private, and what happens when many write at once."""
import concurrent.futures
import json
import os
import random
import sys
from pathlib import Path

import test_models
from test_remotes import RemoteTest
from read_store import EVENT


class Content(RemoteTest):
    def test_large_files_and_odd_ones_arrive_byte_for_byte(self) -> None:
        generator = random.Random(20261130)
        self.write("data/random", generator.randbytes(8 << 20))
        self.write("data/text", b"".join(b"%d,%d\n" % (number, generator.randrange(10**9)) for number in range(400_000)))
        self.write("data/zeros", bytes(5_000_000))
        self.write("data/nothing", b"")
        self.write(b"data/\xff\xfe name\n", b"odd")
        self.write("data/run.sh", b"#!/bin/sh\n")
        os.chmod(self.work / "data/run.sh", 0o755)
        os.symlink("../elsewhere", self.work / "data/link")
        (self.work / "data/empty").mkdir()
        for number in range(300):
            self.write(f"data/many/{number % 7}/{number}", generator.randbytes(generator.randrange(2000)))
        self.one()
        changed = bytearray((self.work / "data/random").read_bytes())
        changed[3_000_000:3_000_100] = b"x" * 100
        self.write("data/random", bytes(changed))
        self.mlrepo("commit", "-q", "-m", "Changed")
        self.assertLess(self.answer("push")["bytes"], 2_000_000)
        other = self.clone("other")
        self.same_files(other)
        self.assertTrue((other / "data/empty").is_dir())
        self.assertIn("Nothing has changed", self.mlrepo("status", cwd=other))
        self.assertEqual(self.mlrepo("ls", "--json", "HEAD~1", cwd=other), self.mlrepo("ls", "--json", "HEAD~1"))
        self.sound(self.work, self.store, other)

    def test_nothing_private_goes(self) -> None:
        """Names of working copies, what they stand on, what was kept, and what was done here."""
        self.write("data/secret", b"a file that no version has\n")
        self.mlrepo("add", "data")
        self.mlrepo("worktree", "add", "../second")
        first = self.version("One")
        self.write("data/a.txt", b"not committed\n")
        self.mlrepo("checkout", "--force", "HEAD")
        self.mlrepo("branch", "unpublished")
        self.mlrepo("tag", "unpublished-tag")
        self.mlrepo("gc", "--now")
        self.mlrepo("maintenance")
        self.mlrepo("push", "../store")
        self.version("Two")
        self.mlrepo("push", "../store")
        copies = {json.loads((place / ".mlrepo/HEAD").read_text())["workingCopy"] for place in (self.work, self.root / "second")}
        words = [b"worktrees/", b"kept/", b"unpublished", b"not committed", b"remotes/", str(self.root).encode(),
                 *map(str.encode, copies), json.loads((self.work / ".mlrepo/format").read_text())["origin"].encode()]
        store = self.read(self.store)
        frames = [store.raw_bytes(name, number) for name, pack in store.packs.items() for number in range(len(pack.frames))]
        self.assertTrue(any(first.encode() in frame for frame in frames))
        files = [path.read_bytes() for path in self.store.rglob("*") if path.is_file()]
        for word in words:
            self.assertEqual([content for content in frames + files if word in content], [], word)
        events = [identifier for kind, identifier in store.places if kind == EVENT]
        self.assertEqual(len(events), store.log.size)

    def test_many_packs(self) -> None:
        self.one()
        waiting = self.clone("waiting")
        for number in range(60):
            self.version(f"Number {number}", content=b"%d\n" % number)
            self.mlrepo("push", "-q")
        other = self.clone("other")
        self.mlrepo("fetch", cwd=waiting)
        for place in (other, waiting):
            self.assertEqual(len(self.mlrepo("log", "--oneline", "origin/main", cwd=place).splitlines()), 61)
            self.assertEqual(self.mlrepo("cat", "origin/main~30:data/a.txt", cwd=place), "29\n")
        self.assertEqual(self.mlrepo("push").strip(), "origin has it all")
        self.undamaged(self.store, other, waiting)

    def test_a_remote_that_was_tidied_up(self) -> None:
        self.one()
        other = self.clone("other")
        for number in range(5):
            self.version(f"Number {number}", path=f"data/{number}")
            self.mlrepo("push")
        self.mlrepo("gc", "--now", cwd=self.store)
        self.mlrepo("fetch", cwd=other)
        self.version("After")
        self.mlrepo("push")
        self.mlrepo("fetch", cwd=other)
        self.mlrepo("checkout", "-q", "-b", "new", "origin/main", cwd=other)
        self.same_files(other, self.clone("further"))
        self.sound(self.store, other)

    def test_what_was_dropped_there_is_sent_again(self) -> None:
        self.one()
        self.mlrepo("checkout", "-q", "-b", "try")
        self.version("Try", path="data/b", content=random.Random(2).randbytes(500_000))
        self.mlrepo("push")
        self.mlrepo("push", "origin", "--delete", "try")
        self.mlrepo("gc", "--now", cwd=self.store)
        self.mlrepo("push")
        self.same_files(self.clone("other", "-b", "try"))
        self.sound(self.store)


class Merged(RemoteTest):
    def test_large_files_of_both_sides_are_listed(self) -> None:
        """A version says by which recipes its large files are kept, wherever they came from."""
        self.one()
        other = self.clone("other")
        noise = random.Random(11)
        self.version("Theirs", cwd=other, path="data/theirs/large", content=noise.randbytes(3_000_000))
        self.mlrepo("push", cwd=other)
        self.version("Mine", path="data/mine/large", content=noise.randbytes(3_000_000))
        self.mlrepo("pull")
        self.sound(self.work)
        self.mlrepo("push")
        self.sound(self.store)
        self.mlrepo("pull", cwd=other)
        self.same_files(other)


class Remembered(RemoteTest):
    """What another store's refs reach is remembered from push to push: it may cost bytes, and never leaves anything out."""

    def reach(self) -> Path:
        [path] = (self.work / ".mlrepo/cache/reach").iterdir()
        return path

    def test_each_push_remembers(self) -> None:
        self.one()
        first = self.reach().read_bytes()
        self.version("Two")
        self.mlrepo("push")
        before = self.reach().read_bytes()
        self.assertNotEqual(first, before)
        self.version("Three")
        self.mlrepo("push")
        self.assertNotEqual(self.reach().read_bytes(), before)
        self.same_files(self.clone("new"))

    def test_nothing_is_left_out_whatever_happens_between(self) -> None:
        seed = random.randrange(1 << 32)
        print(f"seed {seed}: pushes", file=sys.stderr)
        generator = random.Random(seed)
        self.one()
        for step in range(14):
            match generator.randrange(9):
                case 0:
                    self.mlrepo("checkout", "-q", "-b", f"side{step}")
                    self.version(f"Side {step}", path=f"data/side{step}", content=generator.randbytes(20_000))
                    self.mlrepo("push", "origin", f"side{step}")
                    self.mlrepo("checkout", "-q", "main")
                    self.mlrepo("merge", "-q", f"side{step}")
                    self.mlrepo("push", "origin", "--delete", f"side{step}")
                    self.mlrepo("gc", "--now", cwd=self.store)
                case 1:
                    # Only the other store forgets it.
                    self.mlrepo("checkout", "-q", "-b", f"gone{step}")
                    self.version(f"Gone {step}", path="data/gone", content=generator.randbytes(20_000))
                    self.mlrepo("push", "origin", f"gone{step}")
                    self.mlrepo("push", "origin", "--delete", f"gone{step}")
                    self.mlrepo("gc", "--now", cwd=self.store)
                    content = (self.work / "data/gone").read_bytes()
                    self.mlrepo("checkout", "-q", "main")
                    self.version(f"Again {step}", path="data/again", content=content)
                case 2:
                    for path in (self.work / ".mlrepo").glob("cache/reach/*"):
                        content = bytearray(path.read_bytes())
                        content[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
                        path.write_bytes(content)
                case 3:
                    self.mlrepo("maintenance")
                case 4:
                    self.mlrepo("gc", "--now")
                case 5:
                    content = (self.work / "data/a.txt").read_bytes()
                    self.version(f"Copy {step}", path=f"data/copy{step}", content=content)
                case 6:
                    other = self.clone(f"other{step}")
                    self.version(f"Other {step}", cwd=other, path=f"data/other{step}", content=generator.randbytes(9_000))
                    self.mlrepo("push", cwd=other)
                    self.mlrepo("pull", "-q")
                case 7:
                    self.version(f"Back {step}")
                    self.mlrepo("push")
                    self.mlrepo("undo")
                    self.version(f"Instead {step}", content=generator.randbytes(9_000))
                    self.mlrepo("push", "--force")
                case _:
                    self.version(f"Step {step}", path=f"data/{generator.randrange(4)}", content=generator.randbytes(30_000))
            self.mlrepo("push")
            self.sound(self.store)
        self.same_files(self.clone("new"))


class Tensors(RemoteTest):
    weights, trained, model = test_models.Models.weights, test_models.Models.trained, test_models.Models.model
    random = random.Random(20261128)

    def versions(self, count: int) -> list[bytes]:
        """A model and what it became by training."""
        weights, files = self.weights(), []
        for step in range(count):
            files.append(self.model(weights, note=str(step)))
            weights = self.trained(weights)
        return files

    def test_versions_of_a_model_pushed_one_by_one_and_at_once(self) -> None:
        files = self.versions(4)
        sent = []
        for number, content in enumerate(files):
            self.version(f"Step {number}", path="model.safetensors", content=content)
            sent.append(self.answer("push", "../one-by-one")["bytes"])
        self.assertIn("tensor-base", self.mlrepo("stats"))
        self.assertLess(max(sent[1:]), 0.6 * len(files[0]))
        at_once = self.answer("push", "../at-once")["bytes"]
        self.assertLess(at_once, sum(sent))
        for place in ("one-by-one", "at-once"):
            other = self.clone(f"from-{place}", place=self.root / place)
            self.assertIn("tensor-base", self.mlrepo("stats", cwd=other))
            for back in range(4):
                self.mlrepo("checkout", f"main~{back}" if back else "main", "--to", f"out-{place}-{back}", cwd=other)
                self.assertEqual((other / f"out-{place}-{back}/model.safetensors").read_bytes(), files[3 - back])
            self.undamaged(self.root / place, other)

    def test_a_difference_whose_base_is_not_pushed(self) -> None:
        """A branch whose versions are stored as differences from those of another branch, which stays here."""
        files = self.versions(3)
        self.version("Start", path="notes", content=b"start")
        self.mlrepo("checkout", "-q", "-b", "private")
        self.version("Private", path="model.safetensors", content=files[0])
        self.mlrepo("checkout", "-q", "main")
        for number in (1, 2):
            self.version(f"Step {number}", path="model.safetensors", content=files[number])
        self.mlrepo("maintenance")
        self.mlrepo("push", "../store", "main")
        other = self.clone("other")
        self.same_files(other)
        self.undamaged(self.store, other)
        self.mlrepo("push", "../store", "private")
        self.mlrepo("fetch", cwd=other)
        self.mlrepo("checkout", "origin/private", cwd=other)
        self.assertEqual((other / "model.safetensors").read_bytes(), files[0])
        self.sound(self.store, other)

    def test_differences_upon_what_the_other_store_lost(self) -> None:
        files = self.versions(3)
        self.mlrepo("remote", "add", "origin", "../store")
        self.version("One", path="model.safetensors", content=files[0])
        self.mlrepo("push")
        self.version("Two", path="model.safetensors", content=files[1])
        self.mlrepo("push")
        self.mlrepo("maintenance", cwd=self.store)
        self.mlrepo("gc", "--now", cwd=self.store)
        self.version("Three", path="model.safetensors", content=files[2])
        self.mlrepo("push")
        self.same_files(self.clone("other"))
        self.undamaged(self.store, self.root / "other")


class AtOnce(RemoteTest):
    def setUp(self) -> None:
        super().setUp()
        self.one()
        self.clients = [self.clone(f"client{number}") for number in range(2)]

    def both(self, work) -> list:
        with concurrent.futures.ThreadPoolExecutor(2) as threads:
            return list(threads.map(work, range(2)))

    def test_pushes_to_different_branches_lose_nothing(self) -> None:
        def work(number: int) -> list[str]:
            client = self.clients[number]
            self.mlrepo("checkout", "-q", "-b", f"branch{number}", cwd=client)
            commits = []
            for count in range(20):
                commits.append(self.version(f"{number}/{count}", cwd=client))
                self.mlrepo("push", "-q", cwd=client)
            return commits

        made = self.both(work)
        self.mlrepo("fetch")
        for number, commits in enumerate(made):
            ids = [json.loads(line)["commit"].removeprefix("sha256:")
                   for line in self.mlrepo("log", "--json", f"origin/branch{number}").splitlines()]
            self.assertEqual(ids[:20], commits[::-1])
        self.sound(self.work, self.store)

    def test_pushes_to_the_same_branch_have_one_winner_each(self) -> None:
        statuses = []
        for count in range(20):
            for number, client in enumerate(self.clients):
                self.mlrepo("checkout", "-q", "-b", f"round{count}", "origin/main", cwd=client)
                self.version(f"{number}/{count}", cwd=client)
            ended = self.both(lambda number: self.run_raw("push", cwd=self.clients[number]))
            statuses.append(sorted(done.returncode for done in ended))
            [winner] = [number for number, done in enumerate(ended) if done.returncode == 0] or [None]
            self.assertEqual(self.refs(self.store)[f"branches/round{count}"],
                             self.mlrepo("resolve", "HEAD", cwd=self.clients[winner]).strip())
        self.assertLessEqual(set(map(tuple, statuses)), {(0, 73), (0, 75)})
        self.undamaged(self.store, *self.clients)

    def test_one_store_pushes_and_fetches_at_once(self) -> None:
        """Commands in one working copy, all at a time."""
        client = self.clients[0]
        for count in range(12):
            self.mlrepo("branch", f"b{count}")
            self.mlrepo("branch", f"c{count}", cwd=client)
        with concurrent.futures.ThreadPoolExecutor(8) as threads:
            done = list(threads.map(lambda words: self.run_raw(*words, cwd=client), [
                words for count in range(12) for words in (["push", "-q", "origin", f"c{count}"], ["fetch", "-q"])]))
        self.assertEqual([(ended.returncode, ended.stderr) for ended in done], [(0, b"")] * 24)
        self.assertLessEqual({f"branches/c{count}" for count in range(12)}, set(self.refs(self.store)))
        self.sound(client, self.store)
