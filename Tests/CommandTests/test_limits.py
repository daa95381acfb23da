"""The edges of what a file system holds: what cannot be read or written, what is very large, long, odd or many, and what
changes meanwhile. Each has a tested behaviour: it comes back bit for bit, or a message and an exit status say what is wrong.

MLREPO_LIMITS_ALL=1 adds what takes minutes: a sparse file above 4 GiB, and 100,000 files in one directory instead of 10,000.
"""
import hashlib
import json
import mmap
import os
import random
import re
import resource
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

from command_test import MLREPO, CommandTest

ALL = os.environ.get("MLREPO_LIMITS_ALL")
NOBODY = 65_534


class LimitTest(CommandTest):
    def assert_round_trip(self, revision="HEAD", *, but=()) -> None:
        """A version that is written elsewhere is what is here; so is the store, says the independent reader."""
        copy = self.root / f"copy-{len(os.listdir(self.root))}"
        self.mlrepo("checkout", revision, "--to", str(copy))
        expected = {path: value for path, value in self.tree(self.work).items() if path not in but}
        self.assertEqual(self.tree(copy), expected)
        self.assertTrue(self.mlrepo("status").endswith("Nothing has changed\n"))

    def fails(self, *arguments, status, says, **options) -> str:
        done = self.run_as(*arguments, **options)
        error = done.stderr.decode(errors="replace")
        self.assertEqual(done.returncode, status, (arguments, done.stdout, error))
        self.assertRegex(error, says)
        self.assertRegex(error, r"\Aerror: [^\n]+\n(hint: [^\n]+\n)?\Z")
        return error

    def run_as(self, *arguments, user=None, cwd=None, **options):
        identity = {} if user is None else {"user": user, "group": user, "extra_groups": []}
        return subprocess.run([MLREPO, *arguments], cwd=cwd or self.work, env=self.environment, capture_output=True,
                              timeout=120, **identity, **options)

    def somebody(self):
        """Someone whom permissions hold back: us, or, for root, nobody, who then owns the working copy."""
        if os.getuid() != 0:
            return None
        try:
            done = self.run_as("version", user=NOBODY, cwd="/")
        except OSError as error:
            self.skipTest(f"root may do everything, and nobody cannot run the program: {error}")
        if done.returncode != 0:
            self.skipTest("root may do everything, and nobody cannot run the program")
        for path in [self.root, *self.root.rglob("*")]:
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
        return NOBODY

    def head(self) -> str:
        return self.mlrepo("resolve", "main").strip()


class Unreadable(LimitTest):
    def test_a_file_that_cannot_be_read_stops_a_commit_and_is_named(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        before = self.head()
        self.write("data/secret\x1b[31m.bin", b"secret")
        user = self.somebody()
        os.chmod(self.work / "data/secret\x1b[31m.bin", 0)
        error = self.fails("commit", "-m", "Two", status=77, says=r"data/secret\\x1b\[31m\.bin.*Permission denied", user=user)
        self.assertIn("hint: mlrepo untrack $'data/secret\\x1b[31m.bin' leaves it out", error)
        self.assertEqual(self.head(), before)

    def test_a_repair_takes_the_other_files_of_a_working_copy(self) -> None:
        self.mlrepo("init")
        contents = {name: random.Random(name).randbytes(5_000) for name in ("a", "secret")}
        for name, content in contents.items():
            self.write(f"data/{name}", content)
        self.mlrepo("add", "data")
        self.mlrepo("commit", "-m", "One")
        for pack in (self.work / ".mlrepo/packs").rglob("*.pack"):
            damaged = pack.read_bytes()
            for content in contents.values():
                damaged = damaged.replace(content, bytes(5_000))
            pack.chmod(0o644)
            pack.write_bytes(damaged)
        user = self.somebody()
        os.chmod(self.work / "data/secret", 0)
        done = self.run_as("fsck", "--repair", user=user)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"taken from the working copy: data/a\n", done.stdout)
        os.chmod(self.work / "data/secret", 0o600)
        self.assertIn(b"taken from the working copy: data/secret\n", self.run_as("fsck", "--repair", user=user).stdout)
        self.verify()

    def test_a_directory_that_cannot_be_read_is_not_taken_for_deleted(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        before = self.head()
        user = self.somebody()
        os.chmod(self.work / "data/sub", 0)
        self.addCleanup(os.chmod, self.work / "data/sub", 0o755)
        for words in (["status"], ["commit", "-m", "Two"], ["commit", "-m", "Two", "--deleted"]):
            self.fails(*words, status=77, says="data/sub.*Permission denied", user=user)
        self.assertEqual(self.head(), before)

    def test_a_directory_that_cannot_be_written_to_stops_a_checkout(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.write("data/sub/b.txt", b"changed\n")
        self.mlrepo("commit", "-m", "Two")
        two = self.tree(self.work)
        user = self.somebody()
        os.chmod(self.work / "data/sub", 0o555)
        self.addCleanup(os.chmod, self.work / "data/sub", 0o755)
        self.fails("checkout", "main~1", status=77, says="data/sub.*Permission denied", user=user)
        os.chmod(self.work / "data/sub", 0o755)
        self.assertEqual(self.run_as("checkout", "main", user=user).returncode, 0)
        self.assertEqual(self.tree(self.work), two)

    def test_a_store_that_may_only_be_read(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.write("data/a.txt", b"changed\n")
        before = self.head()
        user = self.somebody()
        folders = [path for path in [self.work / ".mlrepo", *(self.work / ".mlrepo").rglob("*")] if path.is_dir()]
        for path in folders:
            path.chmod(0o555)
        self.addCleanup(lambda: [path.chmod(0o755) for path in folders])
        for words in (["status"], ["log"], ["ls"], ["fsck"], ["cat", "HEAD:data/a.txt"], ["blame", "data/sub/b.txt"], ["stats"],
                      ["operations"], ["gc"], ["checkout", "main", "--to", str(self.root / "copy")]):
            done = self.run_as(*words, user=user)
            self.assertEqual((done.returncode, done.stderr), (0, b""), words)
        for words in (["commit", "-m", "Two"], ["tag", "v1"], ["branch", "side"], ["undo"], ["add", "data"],
                      ["checkout", "-b", "other"]):
            self.fails(*words, status=77, says="Permission denied|Read-only", user=user)
        self.assertEqual(self.head(), before)

    def test_a_plan_for_a_store_that_may_only_be_read(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        user = self.somebody()
        (self.work / ".mlrepo/tmp").chmod(0o555)
        self.addCleanup((self.work / ".mlrepo/tmp").chmod, 0o755)
        self.assertEqual(self.run_as("gc", "--plan", user=user).returncode, 0)


class SpecialFiles(LimitTest):
    def make_special(self, folder) -> list:
        names = ["pipe", "socket"]
        os.mkfifo(folder / "pipe")
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        here = os.getcwd()
        os.chdir(folder)  # A socket's path is at most 108 bytes.
        try:
            listener.bind("socket")
        finally:
            os.chdir(here)
        try:
            os.mknod(folder / "device", 0o600 | stat.S_IFCHR, os.makedev(1, 5))
            os.mknod(folder / "disk", 0o600 | stat.S_IFBLK, os.makedev(250, 250))
            names += ["device", "disk"]
        except PermissionError:
            pass
        return names

    def test_sockets_pipes_and_devices_are_left_out_and_named(self) -> None:
        self.start()
        names = self.make_special(self.work / "data")
        self.mlrepo("commit", "-m", "One")
        for name in names:
            self.assertIn(f"skipped: data/{name} (a socket, pipe or device)", self.stderr)
        self.assertEqual(self.mlrepo("ls").count("\n"), 2)
        self.mlrepo("checkout", "HEAD", "--to", "../copy")
        self.assertEqual(sorted(self.tree(self.root / "copy")), [b"data/a.txt", b"data/sub/b.txt"])

    # `add` takes them, and `commit` says "nothing has changed" without a word about them.
    def test_named_one_by_one_they_are_not_tracked(self) -> None:
        self.start()
        for name in self.make_special(self.work):
            done = self.run_as("add", name)
            done = done if done.returncode else self.run_as("commit", "-m", "One", name)
            self.assertIn(done.returncode, (0, 1, 64, 66, 73), (name, done.stderr))
            self.assertIn(name.encode(), done.stderr)
        self.assertNotIn("pipe", self.run_as("ls").stdout.decode())

    # It is opened and read: "cannot read data/a.txt: Invalid argument", status 74.
    def test_one_in_the_place_of_a_tracked_file_is_not_read_and_not_lost(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.write("data/a.txt", b"changed\n")
        self.mlrepo("commit", "-m", "Two")
        os.remove(self.work / "data/a.txt")
        os.mkfifo(self.work / "data/a.txt")
        self.assertIn("data/a.txt", self.mlrepo("status"))
        done = self.run_as("checkout", "main~1")
        self.assertIn(done.returncode, (0, 73), done.stderr)
        if done.returncode == 73:
            self.assertTrue(stat.S_ISFIFO(os.lstat(self.work / "data/a.txt").st_mode))
            self.assertIn(b"data/a.txt", done.stderr)

    def test_parameters_are_not_read_from_a_pipe_or_a_device(self) -> None:
        self.start()
        os.mkfifo(self.work / "pipe")
        for name in ("pipe", "/dev/zero", "data"):
            done = self.run_as("commit", "-m", "One", "--params", name)
            self.assertIn(done.returncode, (64, 65, 66, 74), (name, done.stdout, done.stderr))

    def test_a_digest_of_a_pipe_does_not_wait(self) -> None:
        os.mkfifo(self.work / "pipe")
        done = self.run_as("hash", "pipe")
        self.assertIn(done.returncode, (0, 64, 66, 74), done.stderr)


class Sizes(LimitTest):
    def test_a_sparse_file(self) -> None:
        """64 MiB, or above 4 GiB: zeros, and some bytes at the end, behind what 32 bits count."""
        self.start()
        size = (4 << 30) + 123_457 if ALL else (64 << 20) + 123_457
        with open(self.work / "data/sparse.bin", "wb") as file:
            file.seek(size - 7)
            file.write(b"the end")
        done = subprocess.run([MLREPO, "commit", "-m", "Sparse"], cwd=self.work, env=self.environment, capture_output=True, timeout=900)
        self.assertEqual(done.returncode, 0, done.stderr)
        digest = hashlib.sha256()
        with open(self.work / "data/sparse.bin", "rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
        self.assertIn(f"- {digest.hexdigest()} {size} data/sparse.bin", self.mlrepo("ls"))
        self.assertLess(self.stored(), 4 << 20)
        self.mlrepo("checkout", "HEAD", "--to", "../copy")
        self.assertEqual(self.mlrepo("hash", str(self.root / "copy/data/sparse.bin")).split()[0], digest.hexdigest())

    def stored(self) -> int:
        return sum(path.stat().st_size for path in (self.work / ".mlrepo/packs").rglob("*.pack"))

    def test_sizes_around_every_limit(self) -> None:
        """Around a chunk, the greatest chunk, a frame: bytes that compress and bytes that do not."""
        self.start()
        seed = random.randrange(1 << 32)
        generator = random.Random(seed)
        for size in (0, 1, 65_536, 65_537, 262_143, 262_144, 262_145, 1_048_575, 1_048_576, 1_048_577, 4_194_303, 4_194_304, 4_194_305):
            self.write(f"data/{size}.random", generator.randbytes(size))
            self.write(f"data/{size}.zeros", bytes(size))
        self.mlrepo("commit", "-m", f"Seed {seed}")
        self.assert_round_trip()
        self.verify()

    def test_empty_files_and_directories(self) -> None:
        self.start()
        self.write("data/empty", b"")
        for path in ("data/none", "data/deep/er/none", "data/sub/none"):
            os.makedirs(self.work / path)
        self.mlrepo("commit", "-m", "One")
        self.assertIn(f"d {'345ad430b59edaf9f9d2ba41f54e37ddb146766af214ff4a4e93486a86deb78a'} 0 data/none\n", self.mlrepo("ls"))
        self.assert_round_trip()
        for path in ("data/none", "data/deep/er/none", "data/sub/none"):
            self.assertEqual(os.listdir(next(self.root.glob("copy-*")) / path), [])
        os.rmdir(self.work / "data/none")
        self.mlrepo("commit", "-m", "Two")
        self.mlrepo("checkout", "main~1")
        self.assertTrue((self.work / "data/none").is_dir())
        self.mlrepo("checkout", "main")
        self.assertFalse((self.work / "data/none").exists())

    def test_many_entries_in_one_directory(self) -> None:
        self.start()
        count = 100_000 if ALL else 10_000
        (self.work / "data/many").mkdir()
        for number in range(count):
            with open(self.work / f"data/many/{number:06d}", "wb") as file:
                file.write(b"%d" % (number % 1000))
        self.mlrepo("commit", "-m", "Many")
        self.assertEqual(self.mlrepo("ls").count("\n"), count + 2)
        os.remove(self.work / "data/many/000777")
        self.write("data/many/000778", b"changed")
        self.mlrepo("commit", "-m", "One less")
        self.assertEqual(sum("data/many/" in line for line in self.mlrepo("diff", "HEAD~1", "HEAD").splitlines()), 2)
        self.assert_round_trip()
        self.mlrepo("checkout", "main~1")
        self.assertEqual((self.work / "data/many/000777").read_bytes(), b"777")


class Names(LimitTest):
    def long_path(self, length: int) -> str:
        """A path of that many bytes, made without ever naming it whole."""
        names, left = [], length - len("data/")
        while left > 200:
            names.append("n" * 199)
            left -= 200
        names.append("f" * left)
        here = os.getcwd()
        os.chdir(self.work / "data")
        try:
            for name in names[:-1]:
                os.mkdir(name)
                os.chdir(name)
            Path(names[-1]).write_bytes(b"far\n")
        finally:
            os.chdir(here)
        return "data/" + "/".join(names)

    def test_a_path_of_four_thousand_bytes(self) -> None:
        self.start()
        path = self.long_path(4_000)
        self.assertEqual(len(path), 4_000)
        self.mlrepo("commit", "-m", "Far")
        self.assertIn(path + "\n", self.mlrepo("ls"))
        self.assertEqual(self.mlrepo("cat", f"HEAD:{path}"), "far\n")
        self.mlrepo("blame", path)
        self.assert_round_trip()
        self.mlrepo("checkout", "HEAD", "--to", "../" + "t" * 200 + "/c")
        self.verify()

    def far_content(self, top: Path, path: str) -> bytes:
        """What lies at a path, without ever naming it whole."""
        here = os.getcwd()
        os.chdir(top)
        try:
            *folders, name = path.split("/")
            for folder in folders:
                os.chdir(folder)
            return Path(name).read_bytes()
        finally:
            os.chdir(here)

    def test_paths_that_the_system_does_not_take_whole(self) -> None:
        """The format takes 4,096 bytes, a call of the system 4,095 with the directories above."""
        self.start()
        path = self.long_path(4_096)
        self.mlrepo("commit", "-m", "Far")
        self.assertEqual(self.mlrepo("cat", f"HEAD:{path}"), "far\n")
        self.assertTrue(self.mlrepo("status").endswith("Nothing has changed\n"))
        copy = "t" * 250
        self.mlrepo("checkout", "HEAD", "--to", "../" + copy)
        self.assertEqual(self.far_content(self.root / copy, path), b"far\n")
        self.write("data/a.txt", b"changed\n")
        self.mlrepo("commit", "-m", "Two")
        subprocess.run(["rm", "-rf", self.work / "data"], check=True)
        self.mlrepo("restore", "data")
        self.assertEqual(self.far_content(self.work, path), b"far\n")
        self.mlrepo("checkout", "main~1")
        self.assertTrue(self.mlrepo("status").endswith("Nothing has changed\n"))
        self.verify()

    def test_a_path_above_the_format_s_limit_is_left_out_and_named(self) -> None:
        self.start()
        self.long_path(4_300)
        self.mlrepo("commit", "-m", "Too far")
        self.assertRegex(self.stderr, r"\Askipped: data/nnn[^\n]*\n\Z")
        self.assertEqual([line.split()[-1] for line in self.mlrepo("ls").splitlines() if "nnn" not in line], ["data/a.txt", "data/sub/b.txt"])
        self.verify()

    ODD = [b"n" * 255, b"line\nfeed", b"tab\tname", b"\x1b[31mred\x1b[0m", b"\x1b]0;title\x07", b"bell\x07", b"\x7f", b"cr\rname",
           b"\xff\xfe", b"half\xc3", b"\xed\xa0\x80", "\u009b31m".encode(), "\u202egpj".encode(), "e\u0301".encode(), "\u00e9".encode(),
           b" ", b" lead", b"trail ", b"-rf", b"--json", b"*", b"a\\b", b'"', b"'", b"$(id)", b"#", b"!x", b"a:b", b"HEAD", b"CON", b"%s%n",
           "\U0001f600".encode() * 63]

    def test_odd_names_come_back_and_reach_no_terminal_raw(self) -> None:
        self.start()
        for number, name in enumerate(self.ODD):
            self.write(b"data/odd/" + name, b"%d" % number)
            self.write(b"data/odd" + name[:250] + b"/in", b"%d" % number)
        os.symlink(b"\x1b[31m\n\xff", self.work / "data/odd/link")
        printed = self.mlrepo("status").encode(errors="surrogateescape")
        self.mlrepo("commit", "-m", "Odd\x1b[31m")
        for words in (["ls"], ["log"], ["show"], ["operations"], ["fsck"]):
            printed += self.mlrepo(*words).encode(errors="surrogateescape")
        self.assertEqual(set(re.findall(rb"[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]", printed)), set())
        printed.decode()
        listed = [json.loads(line)["path"] for line in self.mlrepo("ls", "--json").splitlines()]
        self.assertEqual(len(listed), 2 * len(self.ODD) + 3)
        for number, name in enumerate(self.ODD):
            done = self.run_as("cat", b"HEAD:data/odd/" + name)
            self.assertEqual((done.returncode, done.stdout), (0, b"%d" % number), name)
            blame = self.run_as("blame", b"data/odd/" + name)
            self.assertEqual(blame.returncode, 0, (name, blame.stderr))
        self.assert_round_trip()
        for name in self.ODD:
            os.remove(os.path.join(os.fsencode(self.work), b"data/odd/", name))
        self.mlrepo("restore", "data")
        self.assertTrue(self.mlrepo("status").endswith("Nothing has changed\n"))
        self.verify()


class Changing(LimitTest):
    """A file that somebody writes while it is committed: refused, or a content that it once had."""

    SECONDS = 0.7

    def commit_while(self, change, check, name="data/busy.bin") -> None:
        """Commits again and again while a thread changes a file, then looks at all that was stored."""
        self.start()
        stop, failure = threading.Event(), []

        def work():
            try:
                number = 0
                while not stop.is_set():
                    number += 1
                    change(number)
            except Exception as error:  # noqa: BLE001
                failure.append(error)

        change(0)
        thread = threading.Thread(target=work)
        thread.start()
        ends = []
        try:
            end = time.monotonic() + self.SECONDS
            while time.monotonic() < end or len(ends) < 5:
                done = self.run_as("commit", "-m", str(len(ends)))
                ends.append(done.returncode)
                if done.returncode not in (0, 1):
                    self.assertEqual(done.returncode, 75, done.stderr)
                    self.assertRegex(done.stderr, rb"\Aerror: [^\n]*data/busy\.bin[^\n]*\nhint: wait until nobody writes it")
        finally:
            stop.set()
            thread.join()
        self.assertEqual(failure, [])
        self.verify()
        kept = 0
        for line in self.mlrepo("log", "--oneline").splitlines():
            done = self.run_as("cat", f"{line.split()[0]}:{name}")
            if done.returncode == 66:  # A commit at a moment without the file.
                continue
            self.assertEqual(done.returncode, 0, done.stderr)
            check(done.stdout)
            kept += 1
        # In the end nobody writes, and all is well.
        last = (self.work / name).read_bytes()
        self.run_as("commit", "-m", "Quiet")
        self.assertEqual(self.run_as("cat", f"HEAD:{name}").stdout, last)
        self.assertTrue(self.mlrepo("status").endswith("Nothing has changed\n"))

    def test_one_that_grows(self) -> None:
        for size in (3_000, 700_000):
            with self.subTest(size=size):
                self.setUp()
                path = self.work / "data/busy.bin"

                def change(number):
                    if number == 0:
                        path.write_bytes(random.Random(0).randbytes(size))
                    if path.stat().st_size < 30_000_000:
                        with open(path, "ab") as file:
                            file.write(b"%08d" % number)

                def check(content):
                    self.assertTrue(path.read_bytes().startswith(content), len(content))
                self.commit_while(change, check)

    def test_one_that_is_rewritten_in_place(self) -> None:
        """Written from the front: at each moment it has some numbers n, and behind them n - 1."""
        for count in (500, 100_000):
            with self.subTest(count=count):
                self.setUp()
                path = self.work / "data/busy.bin"

                def change(number):
                    with open(path, "r+b" if number else "wb", buffering=0) as file:
                        file.write(b"%08d" % number * count)

                def check(content):
                    self.assertEqual(len(content), 8 * count)
                    numbers = [int(content[at:at + 8]) for at in range(0, len(content), 8)]
                    self.assertEqual(numbers, sorted(numbers, reverse=True), "older bytes in front of newer ones")
                    self.assertLessEqual(numbers[0] - numbers[-1], 1, "bytes of three versions")
                self.commit_while(change, check)

    def test_one_that_is_replaced(self) -> None:
        """By renaming: each content is there at once."""
        path, new = self.work / "data/busy.bin", self.root / "new"
        path.parent.mkdir()

        def change(number):
            new.write_bytes(b"%08d" % number * (1 + number % 50_000))
            os.rename(new, path)

        def check(content):
            number = int(content[:8])
            self.assertEqual(content, b"%08d" % number * (1 + number % 50_000))
        self.commit_while(change, check)

    def test_one_that_is_emptied_and_written(self) -> None:
        path = self.work / "data/busy.bin"

        def change(number):
            path.parent.mkdir(exist_ok=True)
            with open(path, "wb", buffering=0) as file:
                file.write(b"%08d" % number * 50_000)

        def check(content):
            self.assertIn(len(set(content[at:at + 8] for at in range(0, len(content) // 8 * 8, 8))), (0, 1))
        self.commit_while(change, check)

    def test_one_that_is_written_through_memory(self) -> None:
        """Such writes need not change a file's times: they may pass unseen, until something does."""
        self.start()
        path, size = self.work / "data/busy.bin", 1_000_000
        path.write_bytes(bytes(size))
        stop = threading.Event()
        with open(path, "r+b") as file, mmap.mmap(file.fileno(), size) as memory:
            def work():
                number = 0
                while not stop.is_set():
                    number += 1
                    for at in (0, size - 8):
                        memory[at:at + 8] = number.to_bytes(8, "big")
            thread = threading.Thread(target=work)
            thread.start()
            try:
                for number in range(5):
                    self.assertIn(self.run_as("commit", "-m", str(number)).returncode, (0, 1, 75))
            finally:
                stop.set()
                thread.join()
        os.utime(path)
        self.run_as("commit", "-m", "Quiet")
        self.assertEqual(self.run_as("cat", "HEAD:data/busy.bin").stdout, path.read_bytes())
        self.verify()

    def test_a_directory_that_comes_and_goes(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        stop = threading.Event()

        def work():
            number = 0
            while not stop.is_set():
                number += 1
                folder = self.work / f"data/passing/{number % 3}"
                folder.mkdir(parents=True, exist_ok=True)
                for name in range(20):
                    (folder / str(name)).write_bytes(b"%d" % number)
                shutil.rmtree(self.work / "data/passing")
        thread = threading.Thread(target=work)
        thread.start()
        try:
            end = time.monotonic() + self.SECONDS
            while time.monotonic() < end:
                done = self.run_as("commit", "-m", "x")
                self.assertIn(done.returncode, (0, 1, 73, 75), done.stderr)
                self.assertIn(self.run_as("status").returncode, (0, 75))
        finally:
            stop.set()
            thread.join()
        self.verify()
        self.run_as("commit", "-m", "Quiet", "--deleted")
        self.assert_round_trip()


class FullDisk(LimitTest):
    def small_disk(self, size: str) -> Path:
        place = Path(tempfile.mkdtemp(prefix="mlrepo-small-"))
        self.addCleanup(shutil.rmtree, place, ignore_errors=True)
        if os.getuid() != 0 or not shutil.which("mount") or subprocess.run(
                ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], capture_output=True).returncode != 0:
            self.skipTest("no small disk can be mounted")
        self.addCleanup(subprocess.run, ["umount", "-l", place], check=False)
        return place

    def test_a_commit_on_a_full_disk(self) -> None:
        self.work = self.small_disk("4m")
        self.start()
        self.mlrepo("commit", "-m", "One")
        before = self.head()
        big = self.root / "big.bin"
        big.write_bytes(random.Random(1).randbytes(3_000_000))
        shutil.copy(big, self.work / "data/big.bin")
        error = self.fails("commit", "-m", "Two", status=74, says="No space left on device")
        self.assertIn("hint: the disk is full\n", error)
        self.assertEqual(self.head(), before)
        self.assertTrue(self.mlrepo("log", "--oneline").endswith("One\n"))
        self.verify()
        os.remove(self.work / "data/big.bin")
        self.write("data/small.txt", b"small\n")
        self.mlrepo("commit", "-m", "Two")
        self.assert_round_trip()
        self.verify()

    def test_what_a_full_disk_keeps_of_a_failed_commit_is_little(self) -> None:
        self.work = self.small_disk("8m")
        self.start()
        self.mlrepo("commit", "-m", "One")
        free = os.statvfs(self.work).f_bavail
        self.write("data/big.bin", random.Random(1).randbytes(5_000_000))
        self.fails("commit", "-m", "Two", status=74, says="No space left on device")
        os.remove(self.work / "data/big.bin")
        self.assertLess(free - os.statvfs(self.work).f_bavail, 100, "the failed commit left its pack")

    def test_a_disk_without_a_single_byte_left(self) -> None:
        self.work = self.small_disk("1m")
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.write("data/a.txt", b"changed\n")
        with self.assertRaises(OSError), open(self.work / "filler", "wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        before = self.head()
        for words in (["commit", "-m", "Two"], ["tag", "v1"], ["branch", "side"], ["untrack", "data/a.txt"], ["mv", "data/a.txt", "b"]):
            self.fails(*words, status=74, says="No space left on device")
        for words in (["log"], ["ls"], ["cat", "HEAD:data/a.txt"], ["fsck"], ["stats"]):
            self.assertEqual(self.run_as(*words).returncode, 0, words)
        self.assertEqual((self.head(), (self.work / "data/a.txt").read_bytes()), (before, b"changed\n"))
        left = [path for path in (self.work / ".mlrepo").rglob("*") if path.is_file() and "tmp" in str(path.relative_to(self.work))]
        self.assertEqual(left, [])
        os.remove(self.work / "filler")
        self.mlrepo("commit", "-m", "Two")
        self.verify()

    def test_status_on_a_disk_without_a_single_byte_left(self) -> None:
        self.work = self.small_disk("1m")
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.write("data/a.txt", b"changed\n")
        with self.assertRaises(OSError), open(self.work / "filler", "wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        self.assertIn("modified data/a.txt", self.mlrepo("status"))

    def test_a_checkout_to_a_full_disk(self) -> None:
        self.start()
        self.write("data/big.bin", random.Random(1).randbytes(3_000_000))
        self.mlrepo("commit", "-m", "One")
        place = self.small_disk("1m")
        self.fails("checkout", "HEAD", "--to", str(place / "copy"), status=74, says="No space left on device")
        for directory, _, files in os.walk(place):
            for name in files:
                path = Path(directory) / name
                if not name.startswith(".mlrepo-tmp-"):
                    self.assertEqual(path.read_bytes(), (self.work / path.relative_to(place / "copy")).read_bytes(), "half a file")

    def test_a_checkout_in_place_on_a_full_disk_loses_nothing(self) -> None:
        self.work = self.small_disk("4m")
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.write("data/one.bin", bytes(1_500_000))
        self.mlrepo("commit", "-m", "Zeros")
        os.remove(self.work / "data/one.bin")
        self.mlrepo("commit", "-m", "None")
        two = self.tree(self.work)
        filler = self.work / "filler"
        with open(filler, "wb") as file:
            file.write(bytes(os.statvfs(self.work).f_bavail * os.statvfs(self.work).f_frsize - 300_000))
        self.fails("checkout", "main~1", status=74, says="No space left on device")
        os.remove(filler)
        self.mlrepo("checkout", "main")
        self.assertEqual(self.tree(self.work), two)
        self.assertTrue(self.mlrepo("status").endswith("Nothing has changed\n"))
        self.mlrepo("checkout", "main~1")
        self.assertEqual((self.work / "data/one.bin").stat().st_size, 1_500_000)

    def test_files_that_may_not_grow(self) -> None:
        """RLIMIT_FSIZE: a quota of one process."""
        self.start()
        self.mlrepo("commit", "-m", "One")
        before = self.head()
        self.write("data/big.bin", random.Random(1).randbytes(3_000_000))

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        self.fails("commit", "-m", "Two", status=74, says="File too large", preexec_fn=limit, restore_signals=False)
        self.assertEqual(self.head(), before)
        self.mlrepo("commit", "-m", "Two")
        self.assert_round_trip()

    def test_output_that_cannot_be_written(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        for words in (["log"], ["ls"], ["cat", "HEAD:data/a.txt"], ["status", "--json"], ["help"]):
            with open("/dev/full", "wb") as full:
                done = subprocess.run([MLREPO, *words], cwd=self.work, env=self.environment, stdout=full, stderr=subprocess.PIPE)
            self.assertEqual(done.returncode, 74, words)


class Vanished(LimitTest):
    def test_a_store_that_is_gone(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        os.rename(self.work / ".mlrepo", self.root / "elsewhere")
        for words in (["status"], ["commit", "-m", "Two"], ["fsck"], ["checkout", "main"], ["gc"]):
            error = self.fails(*words, status=66, says="no .mlrepo in")
            self.assertIn("hint: mlrepo init", error)
        self.assertEqual(sorted(os.listdir(self.work)), ["data"])

    def test_a_shared_store_that_is_gone_is_named(self) -> None:
        self.mlrepo("init", "--bare", str(self.root / "shared"))
        self.mlrepo("init", "--store", str(self.root / "shared"))
        self.write("data/a.txt", b"first\n")
        self.mlrepo("add", "data")
        self.mlrepo("commit", "-m", "One")
        os.rename(self.root / "shared", self.root / "elsewhere")
        for words in (["status"], ["commit", "-m", "Two"], ["fsck"], ["checkout", "main"], ["gc"], ["log"]):
            done = self.run_as(*words)
            self.assertIn(done.returncode, (65, 66, 74), (words, done.stderr))
            self.assertIn(b"shared", done.stderr + done.stdout, words)
        self.assertFalse((self.root / "shared").exists())
        os.rename(self.root / "elsewhere", self.root / "shared")
        self.assertTrue(self.mlrepo("status").endswith("Nothing has changed\n"))

    def test_parts_of_a_store_that_are_gone(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        self.write("data/a.txt", b"changed\n")
        for part in ("packs", "log", "log/new", "format", "tmp", "cache", "log/lists", "log/tile", "HEAD"):
            with self.subTest(part=part):
                os.rename(self.work / ".mlrepo" / part, self.root / "part")
                for words in (["status"], ["log"], ["fsck"], ["cat", "HEAD:data/a.txt"]):
                    done = self.run_as(*words)
                    self.assertIn(done.returncode, (0, 1, 65, 66, 74), (part, words, done.stderr))
                    if part in ("packs", "log", "log/new", "format"):
                        self.assertNotEqual(done.returncode, 0, (part, words))
                shutil.rmtree(self.work / ".mlrepo" / part, ignore_errors=True)
                os.rename(self.root / "part", self.work / ".mlrepo" / part)
        self.mlrepo("commit", "-m", "Two")
        self.verify()

    def test_a_store_whose_folders_for_new_files_are_gone(self) -> None:
        """`tmp` and `cache` hold nothing that is needed."""
        self.start()
        self.mlrepo("commit", "-m", "One")
        for part in ("tmp", "cache"):
            shutil.rmtree(self.work / ".mlrepo" / part)
            self.write("data/a.txt", part.encode())
            done = self.run_as("commit", "-m", part)
            self.assertIn(done.returncode, (0, 74), done.stderr)
            if done.returncode:
                self.assertIn(f".mlrepo/{part}".encode(), done.stderr)
                (self.work / ".mlrepo" / part).mkdir()
        self.verify()

    def test_a_store_that_goes_during_a_commit(self) -> None:
        """Whenever it goes: no crash, and nothing in its place."""
        self.start()
        self.mlrepo("commit", "-m", "One")
        for number in range(200):
            self.write(f"data/{number}.bin", random.Random(number).randbytes(20_000))
        for delay in (0.005, 0.01, 0.02, 0.03, 0.05, 0.08):
            # A round that was too late has committed everything: there is always something new.
            self.write("data/round", str(delay).encode())
            process = subprocess.Popen([MLREPO, "commit", "-m", "Two"], cwd=self.work, env=self.environment, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE)
            time.sleep(delay)
            os.rename(self.work / ".mlrepo", self.root / "elsewhere")
            out, err = process.communicate(timeout=60)
            self.assertFalse((self.work / ".mlrepo").exists(), "the store was made anew")
            os.rename(self.root / "elsewhere", self.work / ".mlrepo")
            self.assertIn(process.returncode, (0, 65, 66, 74), (delay, out, err))
            self.assertEqual(self.mlrepo("fsck").endswith("no damage\n"), True)
        self.run_as("commit", "-m", "Three")
        self.assert_round_trip()
        self.verify()

    def test_a_directory_that_is_gone_while_one_stands_in_it(self) -> None:
        self.start()
        self.mlrepo("commit", "-m", "One")
        gone = self.work / "gone"
        gone.mkdir()
        done = subprocess.run(["sh", "-c", f'cd gone && rmdir ../gone && "{MLREPO}" status'], cwd=self.work, env=self.environment,
                              capture_output=True, timeout=60)
        self.assertIn(done.returncode, (64, 66, 74), done.stderr)
        self.assertRegex(done.stderr, rb"\Aerror: ")


if __name__ == "__main__":
    unittest.main()
