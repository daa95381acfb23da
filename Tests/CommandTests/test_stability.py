"""Stores that earlier versions left behind (Tests/Vectors/store-0.…): every later one reads them, checks them and goes on with them."""
import json
import shutil
import sys
import unittest
from pathlib import Path

from command_test import CommandTest

VECTORS = Path(__file__).resolve().parent.parent / "Vectors"
sys.path.insert(0, str(VECTORS))
from make_coded_store import coded  # noqa: E402
from make_release_store import commits, listing  # noqa: E402


class Stability(CommandTest):
    def test_stores_of_earlier_versions_are_read_and_gone_on_with(self) -> None:
        stores = sorted(VECTORS.glob("store-*.*"))
        self.assertTrue(stores)
        for number, source in enumerate(stores):
            with self.subTest(source.name):
                self.check(source, self.root / f"{number}")

    def check(self, source: Path, place: Path) -> None:
        expected = json.loads((source / "expected.json").read_text())
        store, work = place / "store", place / "work"
        shutil.copytree(source, store)
        work.mkdir()
        self.mlrepo("init", "--store", str(store), cwd=work)
        self.mlrepo("fsck", cwd=work)
        self.assertEqual(commits(self.mlrepo("log", "--all", "--json", cwd=work)), expected["commits"])
        for revision, files in expected["files"].items():
            target = place / "versions" / revision
            self.mlrepo("checkout", revision, "--to", str(target), cwd=work)
            self.assertEqual(listing(target), files)
        for revision, codecs in expected.get("codecs", {}).items():
            explained = self.mlrepo("stats", "--explain", "--at", revision, "--json", cwd=work)
            self.assertEqual(coded(explained), codecs)
        self.mlrepo("checkout", "main", cwd=work)
        self.assertEqual(listing(work), expected["files"]["main"])
        (work / "data/table.csv").write_text("one row\n")
        self.mlrepo("commit", "-m", "By a later version", cwd=work)
        self.mlrepo("gc", "--now", cwd=work)
        self.mlrepo("fsck", cwd=work)
        self.mlrepo("checkout", "v1", cwd=work)
        self.assertEqual(listing(work), expected["files"]["v1"])


if __name__ == "__main__":
    unittest.main()
