"""Random versions, random changes on disk, random damage: a checkout that fails leaves everything as it was, or says that it is
not finished; a file of nobody's version is never touched. The seed is printed."""
import os
import random
import shutil
import unittest
from pathlib import Path

from command_test import CommandTest

NAMES = ["a", "b", "c", "d", "e", "x/1", "x/2", "x/y/3", "z", "w/1"]
ROUNDS = 40


class GoingBack(CommandTest):
    def test_a_checkout_that_meets_damage_leaves_all_as_it_was(self) -> None:
        seed = random.randrange(1 << 32)
        generator = random.Random(seed)
        back = 0
        for number in range(ROUNDS):
            with self.subTest(seed=seed, round=number):
                back += self.play(generator)
        self.assertGreater(back, 0, f"seed {seed}")

    def play(self, generator: random.Random) -> bool:
        """One scenario; returns whether a checkout failed and went back."""
        shutil.rmtree(self.work)
        (self.work / "data").mkdir(parents=True)
        known: list[bytes] = []
        self.mlrepo("init")
        for name in generator.sample(NAMES, generator.randrange(2, 9)):
            self.put(name, known, generator)
        self.write("data/keep", b"keep")
        self.mlrepo("add", "data")
        self.mlrepo("commit", "-m", "A")
        self.mlrepo("tag", "A")
        for name in generator.sample(NAMES, generator.randrange(1, 8)):
            if generator.random() < 0.4:
                self.remove(self.work / "data" / name)
            else:
                self.put(name, known, generator)
        if self.run_raw("commit", "-m", "B", "--deleted").returncode:
            return False
        for name in generator.sample([*NAMES, "new", "x/new"], generator.randrange(0, 4)):
            if generator.random() < 0.3:
                self.remove(self.work / "data" / name)
            else:
                self.put(name, known, generator)
        self.write("data/own", b"of no version")
        if generator.random() < 0.2:
            self.run_raw("untrack", "data/a")
        packs = sorted((self.work / ".mlrepo/packs").rglob("*.pack"))
        for _ in range(generator.choice([1, 1, 2, 4])):
            pack = generator.choice(packs)
            content = bytearray(pack.read_bytes())
            content[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
            pack.chmod(0o644)
            pack.write_bytes(content)
        before, told, tracked = self.disk(), self.run_raw("status"), self.tracked()
        words = generator.choice([["A"], ["A"], ["-b", "side", "A"], ["HEAD~1"]])
        done = self.run_raw("checkout", *words)
        self.assertIn(done.returncode, (0, 1, 65, 66, 73), done.stderr)
        after = self.disk()
        self.assertEqual(after["own"], before["own"])
        if done.returncode == 0 or (self.work / ".mlrepo/pending").exists():
            return False
        self.assertEqual(after, before, (words, done.stderr))
        self.assertEqual(self.tracked(), tracked)
        if told.returncode == 0:
            self.assertEqual(self.run_raw("status").stdout, told.stdout)
        return done.returncode == 65

    def tracked(self) -> bytes | None:
        path = self.work / ".mlrepo/tracked"
        return path.read_bytes() if path.exists() else None

    def disk(self) -> dict:
        """All files, links and empty directories of `data`."""
        found = {}
        top = self.work / "data"
        for directory, names, files in os.walk(top):
            if not names and not files:
                found[os.path.relpath(directory, top)] = "empty"
            for name in files + [name for name in names if os.path.islink(os.path.join(directory, name))]:
                path = os.path.join(directory, name)
                is_link = os.path.islink(path)
                found[os.path.relpath(path, top)] = os.readlink(path) if is_link else (
                    os.stat(path).st_mode & 0o100, Path(path).read_bytes())
        return found

    def remove(self, path) -> None:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif os.path.lexists(path):
            os.remove(path)

    def put(self, name: str, known: list[bytes], generator: random.Random) -> None:
        """A file, link or empty directory, whatever is in its way."""
        path = self.work / "data" / name
        for above in path.parents:
            if above == self.work / "data":
                break
            if above.is_symlink() or (above.exists() and not above.is_dir()):
                above.unlink()
        self.remove(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        kind = generator.random()
        if kind < 0.1:
            path.symlink_to(generator.choice(["a", "nowhere"]))
        elif kind < 0.17:
            path.mkdir()
        else:
            if known and generator.random() < 0.25:
                content = generator.choice(known)
            else:
                size = generator.choice([0, 1, 10, 500, 3_000, 3_000, 140_000, 200_000])
                content = generator.randbytes(size)
            known.append(content)
            path.write_bytes(content)
            path.chmod(0o755 if generator.random() < 0.2 else 0o644)


if __name__ == "__main__":
    unittest.main()
