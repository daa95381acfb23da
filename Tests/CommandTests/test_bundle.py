"""Stores in one file: made, carried, taken apart by others' tools, and harmed."""
import io
import random
import subprocess
import sys
import tarfile
import time
from pathlib import Path

from command_test import MLREPO
from test_remotes import RemoteTest


class BundleTest(RemoteTest):
    def setUp(self) -> None:
        super().setUp()
        self.file = self.root / "one.bundle"
        noise = random.Random(3)
        (self.work / "data").mkdir()
        for number in range(20):
            (self.work / f"data/{number}").write_bytes(noise.randbytes(1500))
        self.one_id = self.version("One", path="data/large", content=noise.randbytes(2_000_000))
        self.mlrepo("tag", "v1")

    def bundle(self, *words: str, name="one.bundle") -> dict:
        return self.answer("bundle", f"../{name}", *words)

    def unpacked(self, file: Path) -> Path:
        """What `tar` makes of a bundle: a store."""
        place = self.root / f"{file.name}-unpacked"
        with tarfile.open(file) as archive:
            archive.extractall(place, filter="data")
        return place


class Carried(BundleTest):
    def test_a_bundle_is_a_store(self) -> None:
        said = self.bundle("--all", "--tags")
        self.assertEqual(said["bytes"], self.file.stat().st_size)
        self.assertEqual({ref["name"]: ref["id"].removeprefix("sha256:") for ref in said["refs"]},
                         {"branches/main": self.one_id, "tags/v1": self.one_id})
        self.assertIn("no damage", self.mlrepo("fsck", str(self.file)))
        self.sound(self.unpacked(self.file))
        new = self.clone("new", place=self.file)
        self.same_files(new)
        self.sound(new)
        self.assertEqual(self.refs(new / ".mlrepo")["tags/v1"], self.one_id)
        self.mlrepo("get", "one.bundle", "data/large", cwd=self.root)
        self.assertEqual((self.root / "large").read_bytes(), (self.work / "data/large").read_bytes())

    def test_the_name_of_the_clone_is_that_of_the_bundle(self) -> None:
        self.bundle()
        self.mlrepo("clone", "one.bundle", cwd=self.root)
        self.same_files(self.root / "one")

    def test_one_goes_on_from_another(self) -> None:
        self.bundle("main", "v1")
        self.version("Two")
        self.version("Three", path="data/large", content=(self.work / "data/large").read_bytes() + b"more")
        thin = self.bundle("--since", "v1", name="two.bundle")
        self.assertLess(thin["bytes"], 600_000)
        self.assertEqual(thin["since"], [f"sha256:{self.one_id}"])
        self.assertIn(f"goes on from {self.one_id[:7]}", self.mlrepo("fsck", "../two.bundle"))
        new = self.clone("new", place=self.file)
        self.mlrepo("remote", "add", "second", "../two.bundle", cwd=new)
        self.mlrepo("pull", "second", cwd=new)
        self.same_files(new)
        self.sound(new)

    def test_what_it_goes_on_from_has_to_be_here(self) -> None:
        self.version("Two")
        self.bundle("--since", "v1")
        self.refused("clone", "one.bundle", "new", status=66, says=self.one_id[:7], cwd=self.root)
        self.assertFalse((self.root / "new").exists())
        (self.root / "other").mkdir()
        self.mlrepo("init", cwd=self.root / "other")
        self.mlrepo("remote", "add", "usb", "../one.bundle", cwd=self.root / "other")
        self.refused("fetch", "usb", status=66, says="goes on from", cwd=self.root / "other")
        self.refused("get", "one.bundle", "data/1", status=66, says="goes on from", cwd=self.root)

    def test_models_that_are_told_by_others(self) -> None:
        """What a version is told by lies in the bundle, also where it goes on from that."""
        base = random.Random(5).randbytes(4_000_000)
        rows = b"".join(b"%d,%d\n" % (number, number * 7919 % 1000) for number in range(200_000))
        (self.work / "data/table.csv").write_bytes(rows)
        self.version("Table", path="data/base", content=base)
        self.mlrepo("tag", "v2")
        self.bundle("--all", "--tags")
        self.version("Rows", path="data/table.csv", content=rows.replace(b"\n500,", b"\nedited,500,", 1))
        self.bundle("--since", "v2", name="two.bundle")
        new = self.clone("new", place=self.file)
        self.mlrepo("remote", "add", "second", "../two.bundle", cwd=new)
        self.mlrepo("pull", "second", cwd=new)
        self.same_files(new)
        self.sound(new)

    def test_a_bundle_that_was_made_anew_is_taken(self) -> None:
        self.bundle()
        new = self.clone("new", place=self.file)
        self.version("Two")
        self.file.unlink()
        self.bundle()
        self.mlrepo("pull", cwd=new)
        self.same_files(new)

    def test_week_by_week_under_one_name(self) -> None:
        """Each bundle brings what it names, and takes nothing away that another one brought."""
        self.bundle("main")
        self.mlrepo("checkout", "-b", "side")
        side = self.version("Side")
        self.bundle("side", "--since", "main", name="two.bundle")
        other = self.root / "other"
        other.mkdir()
        self.mlrepo("init", cwd=other)
        self.mlrepo("remote", "add", "usb", "../stick.bundle", cwd=other)
        for name in ("one", "two", "one"):
            (self.root / "stick.bundle").write_bytes((self.root / f"{name}.bundle").read_bytes())
            self.mlrepo("fetch", "usb", cwd=other)
        self.assertEqual(self.mlrepo("resolve", "usb/main", cwd=other).strip(), self.one_id)
        self.assertEqual(self.mlrepo("resolve", "usb/side", cwd=other).strip(), side)

    def test_a_base_whose_files_were_collected_is_none(self) -> None:
        self.mlrepo("checkout", "-b", "side")
        side = self.version("Side", path="data/side", content=random.Random(11).randbytes(6_000_000))
        self.bundle("--all")
        self.version("More")
        self.bundle("side", "--since", side, name="two.bundle")
        new = self.clone("new", place=self.file)
        self.mlrepo("remote", "set", "origin", "../two.bundle", cwd=new)
        self.assertIn("side", self.mlrepo("branch", "--all", cwd=new))
        self.mlrepo("remote", "remove", "origin", cwd=new)
        self.mlrepo("gc", "--now", cwd=new)
        self.mlrepo("remote", "add", "usb", "../two.bundle", cwd=new)
        self.refused("fetch", "usb", status=66, says=f"goes on from {side[:7]}", cwd=new)

    def test_tags_go_with_the_branch_and_by_themselves(self) -> None:
        said = self.bundle("--tags")
        self.assertEqual([ref["name"] for ref in said["refs"]], ["branches/main", "tags/v1"])
        self.mlrepo("tag", "v2")
        said = self.bundle("--tags", "--since", "main", name="two.bundle")
        self.assertEqual(said["objects"], 0)
        new = self.clone("new", place=self.file)
        self.mlrepo("remote", "set", "origin", "../two.bundle", cwd=new)
        self.mlrepo("fetch", cwd=new)
        self.assertEqual(self.mlrepo("resolve", "v2", cwd=new).strip(), self.one_id)

    def test_a_clone_of_tags_says_how_to_have_their_files(self) -> None:
        self.bundle("v1")
        self.mlrepo("clone", "one.bundle", "new", cwd=self.root)
        self.assertIn("mlrepo checkout v1", self.stderr)
        self.mlrepo("checkout", "v1", cwd=self.root / "new")
        self.same_files(self.root / "new")

    def test_nothing_new_makes_no_bundle(self) -> None:
        self.refused("bundle", "../one.bundle", "--since", "v1", status=1, says="nothing is new")
        self.assertFalse(self.file.exists())

    def test_runs_that_made_it_go_along(self) -> None:
        self.mlrepo("run", "-m", "Made", "--", "sh", "-c", "cat data/1 > data/made")
        self.bundle()
        new = self.clone("new", place=self.file)
        self.assertIn("data/1", self.mlrepo("blame", "data/made", cwd=new))

    def test_a_store_that_tar_packed_is_one(self) -> None:
        self.mlrepo("init", "--bare", str(self.store))
        self.mlrepo("push", str(self.store))
        for words in (["."], ["format", "log", "packs"]):
            subprocess.run(["tar", "-cf", self.file, "-C", self.store, *words], check=True)
            self.assertIn("no damage", self.mlrepo("fsck", "../one.bundle"))

    def test_nothing_is_overwritten_and_nothing_is_left(self) -> None:
        self.file.write_bytes(b"mine")
        self.refused("bundle", "../one.bundle", status=73, says="already")
        self.assertEqual(self.file.read_bytes(), b"mine")
        self.refused("bundle", "../none/one.bundle", status=66, says="one.bundle")
        self.refused("bundle", "../two.bundle", "nothing", status=66, says="nothing")
        self.refused("bundle", "../two.bundle", "--since", "nothing", status=66, says="nothing")
        done = subprocess.run(["sh", "-c", "ulimit -f 500; trap '' XFSZ; exec \"$0\" bundle ../two.bundle", MLREPO], cwd=self.work,
                              env=self.environment, capture_output=True)
        self.assertEqual(done.returncode, 74, done.stderr)
        self.assertEqual([path.name for path in self.root.iterdir() if "bundle" in path.name], ["one.bundle"])

    def test_nothing_is_changed_in_one(self) -> None:
        self.bundle()
        before = self.file.read_bytes()
        self.version("Two")
        for words in (("push", "../one.bundle"), ("gc", "../one.bundle", "--now"), ("push", "../one.bundle", "--delete", "main")):
            self.assertEqual(self.run_raw(*words).returncode, 64, words)
        self.assertEqual(self.file.read_bytes(), before)

    def test_one_that_is_killed_leaves_no_bundle(self) -> None:
        for call, count in (("write", 40), ("fsync", 3), ("renameat2", 2)):
            for when in range(1, count, 7 if call == "write" else 1):
                subprocess.run([*self.under_strace("-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={when}"),
                                MLREPO, "bundle", "../one.bundle"], cwd=self.work, env=self.environment, capture_output=True)
                if self.file.exists():
                    self.assertIn("no damage", self.mlrepo("fsck", "../one.bundle"))
                    self.file.unlink()
        self.bundle()


class Harmed(BundleTest):
    def test_those_that_were_killed_leave_nothing_that_grows(self) -> None:
        self.version("Large", path="data/larger", content=random.Random(5).randbytes(20_000_000))
        for attempt in range(4):
            process = subprocess.Popen([MLREPO, "bundle", "../killed.bundle"], cwd=self.work, env=self.environment,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            scratch = self.work / ".mlrepo/cache/push"
            deadline = time.monotonic() + 20
            while not list(scratch.rglob("notes")) and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.001)
            process.kill()
            process.wait()
            self.assertLessEqual(len([path for path in scratch.iterdir() if path.is_dir()]), 1)
            for left in self.root.glob("killed.bundle*"):
                left.unlink()
        self.bundle(name="killed.bundle")
        self.assertEqual([path.name for path in scratch.iterdir()], ["bundle.lease"])

    def test_of_two_who_make_one_file_one_has_made_it(self) -> None:
        processes = [subprocess.Popen([MLREPO, "bundle", "../one.bundle"], cwd=self.work, env=self.environment,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for _ in range(4)]
        errors = [process.communicate()[1] for process in processes]
        self.assertEqual(sorted(process.returncode for process in processes), [0, 73, 73, 73], errors)
        self.assertIn("no damage", self.mlrepo("fsck", str(self.file)))

    def test_a_bundle_that_is_cut_off_anywhere_is_refused(self) -> None:
        self.bundle()
        content = self.file.read_bytes()
        cut = self.root / "cut.bundle"
        generator = random.Random(1)
        for length in [0, 1, 511, 512, 513, len(content) - 512, len(content) - 1024] + [
                generator.randrange(len(content)) for _ in range(10)]:
            cut.write_bytes(content[:length])
            done = self.run_raw("clone", "cut.bundle", "new", cwd=self.root)
            if length == len(content) - 512:
                # One of the two blocks at the end is enough.
                self.assertEqual(done.returncode, 0, done.stderr)
                subprocess.run(["rm", "-rf", self.root / "new"], check=True)
                continue
            self.assertEqual(done.returncode, 65 if length >= 512 else 66, (length, done.stderr))
            self.assertFalse((self.root / "new").exists(), length)

    def test_a_byte_that_changed_is_harmless_or_noticed(self) -> None:
        self.bundle()
        content = self.file.read_bytes()
        seed = random.randrange(1 << 32)
        print(f"seed {seed}: flipped bytes", file=sys.stderr)
        generator = random.Random(seed)
        statuses = set()
        for _ in range(40):
            # Half of them among headers, the log and what else is small.
            place = generator.choice([generator.randrange(len(content)), generator.randrange(6000),
                                      len(content) - 1 - generator.randrange(6000)])
            harmed = bytearray(content)
            harmed[place] ^= 1 << generator.randrange(8)
            (self.root / "harmed.bundle").write_bytes(harmed)
            done = self.run_raw("clone", "harmed.bundle", "new", cwd=self.root)
            statuses.add(done.returncode)
            self.assertIn(done.returncode, (0, 65, 66), (seed, place, done.stderr))
            if done.returncode == 0:
                self.same_files(self.root / "new")
            if (self.root / "new/.mlrepo/format").exists():
                self.undamaged(self.root / "new")
            subprocess.run(["rm", "-rf", self.root / "new"], check=True)
        self.assertIn(65, statuses)

    def test_a_damaged_bundle_is_named_and_not_mended(self) -> None:
        self.bundle()
        content = bytearray(self.file.read_bytes())
        content[len(content) // 2] ^= 1
        self.file.write_bytes(content)
        self.assertIn("data/large", self.mlrepo("fsck", "../one.bundle", status=1))
        self.assertIn("mlrepo bundle makes another one", self.stderr)
        self.refused("fsck", "../one.bundle", "--repair", status=64, says="a bundle is not mended")
        self.assertEqual(self.file.read_bytes(), content)

    def hostile(self, name: str, *members: tuple[str, bytes, bytes]) -> None:
        """A bundle with further members: the name, the type and the content of each."""
        with tarfile.open(self.file) as archive, tarfile.open(self.root / name, "w", format=tarfile.USTAR_FORMAT) as hostile:
            for member in archive.getmembers():
                hostile.addfile(member, archive.extractfile(member))
            for path, kind, content in members:
                info = tarfile.TarInfo(path)
                info.type = kind
                info.linkname = "/etc/passwd" if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
                info.size = len(content)
                hostile.addfile(info, io.BytesIO(content))

    def test_members_that_are_none_of_a_store(self) -> None:
        self.bundle()
        for number, (path, kind) in enumerate([
                ("../outside", tarfile.REGTYPE), ("/tmp/outside", tarfile.REGTYPE), ("packs/../../outside", tarfile.REGTYPE),
                ("config", tarfile.REGTYPE), ("hooks/post-clone", tarfile.REGTYPE), (".mlrepo/HEAD", tarfile.REGTYPE),
                ("packs/aa/link", tarfile.SYMTYPE), ("format", tarfile.LNKTYPE), ("packs/aa/pipe", tarfile.FIFOTYPE),
                ("packs/aa/device", tarfile.CHRTYPE), ("format", tarfile.REGTYPE), ("log/new/\nline", tarfile.REGTYPE),
                ("cache/aa", tarfile.SYMTYPE), ("tmp/aa", tarfile.CHRTYPE), ("cache/aa", tarfile.FIFOTYPE),
                ("cache/../../outside", tarfile.REGTYPE), ("packs", tarfile.REGTYPE), ("log/new", tarfile.REGTYPE),
                ("log/new/00000000000000000001/x", tarfile.REGTYPE)]):
            self.hostile("hostile.bundle", (path, kind, b"x" if kind == tarfile.REGTYPE else b""))
            done = self.run_raw("clone", "hostile.bundle", "new", cwd=self.root)
            self.assertEqual(done.returncode, 65, (number, path, done.stderr))
            self.assertEqual(sorted(path.name for path in self.root.iterdir() if path.name in ("new", "outside")), [])
            self.assertNotIn(b"\x0aline", done.stderr)

    def test_packs_that_no_entry_names(self) -> None:
        """The end of the log was left out: what is left is a store, and not the one that was put there."""
        self.bundle()
        with tarfile.open(self.file) as archive, tarfile.open(self.root / "short.bundle", "w",
                                                              format=tarfile.USTAR_FORMAT) as short:
            members = archive.getmembers()
            last = max(member.name for member in members if member.name.startswith("log/new/"))
            for member in members:
                if member.name != last:
                    short.addfile(member, archive.extractfile(member))
        done = self.run_raw("fsck", "../short.bundle")
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(b"entries are missing", done.stdout)

    def test_what_it_needs_is_said_once(self) -> None:
        self.bundle()
        needs = b"%064x\n" % 7
        self.hostile("hostile.bundle", ("needs", tarfile.REGTYPE, needs), ("needs", tarfile.REGTYPE, needs))
        self.refused("fsck", "../hostile.bundle", status=65, says="needs twice")
        self.hostile("hostile.bundle", ("needs", tarfile.REGTYPE, b"no id\n"))
        self.refused("fsck", "../hostile.bundle", status=65, says="damaged")

    def test_numbers_that_lie(self) -> None:
        self.bundle()
        content = self.file.read_bytes()
        for field in (b"77777777777\0", b"\xff" * 12, b"-0000000001\0", b"0000000000x\0", b"\x80" + b"\0" * 10 + b"\x05"):
            harmed = bytearray(content)
            harmed[124:136] = field
            harmed[148:156] = b" " * 8
            harmed[148:156] = b"%06o\0 " % sum(harmed[:512])
            (self.root / "lies.bundle").write_bytes(harmed)
            self.refused("fsck", "../lies.bundle", status=65, says="bundle")

    def test_times_that_no_clock_has(self) -> None:
        self.bundle()
        content = bytearray(self.file.read_bytes())
        content[136:148] = b"7" * 12
        content[148:156] = b" " * 8
        content[148:156] = b"%06o\0 " % sum(content[:512])
        self.file.write_bytes(content)
        self.assertIn("no damage", self.mlrepo("fsck", "../one.bundle"))

    def test_files_that_are_no_bundles(self) -> None:
        for content in (b"", b"text\n", b"\0" * 2048, b"PK\3\4" + b"\0" * 600):
            self.file.write_bytes(content)
            for words in (("clone", "one.bundle", "new"), ):
                done = self.run_raw(*words, cwd=self.root)
                self.assertIn(done.returncode, (65, 66), (content[:8], done.stderr))
            self.assertFalse((self.root / "new").exists())
