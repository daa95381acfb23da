"""Tests of `mlrepo serve --stdio` by an independent client: all that Documentation/Formats/serve.md says.

MLREPO names the program. MLREPO_SEED repeats a run's random bytes.
"""

import hashlib
import os
import pathlib
import random
import re
import struct
import subprocess
import sys
import tempfile
import threading
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from serve_client import (CONTENT, CREATE, DENIED, DONE, END, FAILED, FAILURE, FOUND, GREETING, HELLO, LENGTH,
                          LISTED, LONGEST_CONTENT, LONGEST_PAYLOAD, LONGEST_PIECE, MAGIC, MALFORMED, MOST_PATHS,
                          NAMES, PROPERTIES, RANGE, READ, READ_ONLY, REMOVE, TAKEN, UNSUPPORTED, UPLOAD_BEGIN,
                          UPLOAD_DATA, UPLOAD_FINISH, WHOLE, Client, Piece, Refused, frame, parse_reply, text,
                          varint)

PROGRAM = os.path.abspath(os.environ.get("MLREPO", HERE.parent.parent / ".build/debug/mlrepo"))
DOCUMENT = HERE.parent.parent / "Documentation/Formats/serve.md"
SEED = int(os.environ.get("MLREPO_SEED", random.SystemRandom().randrange(2**32)))
HELLO_PAYLOAD = MAGIC + b"\1\0\0\0\0"
HELLO_FRAME = frame(HELLO, 0, HELLO_PAYLOAD)
FORMAT = b'{"cutRule":1,"format":1,"origin":"000102030405060708090a0b0c0d0e0f"}\n'
PARTIAL, PACK = "tmp/upload-0001020304050607-p.pack", "packs/ab/p.pack"
# What never may be asked for, whatever for.
STRANGE = ["", "/", ".", "..", "../format", "/format", "./format", "packs/../format", "packs/./x", "packs/..",
           "packs//x", "packs/", "log/new/", "tmp/", "//", "HEAD", "config", "cache/turn", "store", "lease",
           ".gitignore", "Format", "formats", "packs.x/y", "logs/new/x", "packs/a b", "packs/a\\b", "packs/a:b",
           "packs/a+b", "packs/~", "tmp/\n", "packs/ä", b"packs/\xff", "log/new/../../HEAD", "tmp/../HEAD"]


def sha256(data):
    return hashlib.sha256(data).digest()


def frames(data):
    """Whole frames: kind, number, payload; and what is left."""
    found = []
    while len(data) >= 9:
        length, kind, number = struct.unpack_from(">IBI", data)
        if len(data) < 9 + length:
            break
        found.append((kind, number, data[9:9 + length]))
        data = data[9 + length:]
    return found, data


def setUpModule():
    print(f"MLREPO_SEED={SEED}", file=sys.stderr)


@unittest.skipUnless("MLREPO" in os.environ or os.path.exists(PROGRAM), "the program is not built")
class ServeTests(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.store = self.make_store("store")
        self.random = random.Random(SEED)

    def make_store(self, name):
        store = self.folder / name
        store.mkdir()
        (store / "format").write_bytes(FORMAT)
        return store

    def words(self, *more, store=None):
        return [PROGRAM, "serve", "--stdio", *more, "--", str(store or self.store)]

    def client(self, *more, greets=True):
        client = Client(self.words(*more), greets)
        self.addCleanup(client.__exit__)
        return client

    def snapshot(self, folder=None):
        return {str(path): os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
                for path in (folder or self.folder).rglob("*") if path.is_symlink() or path.is_file()}

    def refused(self, kind, call, *arguments):
        with self.assertRaises(Refused, msg=f"{arguments}") as caught:
            call(*arguments)
        self.assertEqual(caught.exception.kind, kind, f"{arguments}: {caught.exception}")
        self.assertTrue(str(caught.exception))

    def assert_ends_well(self, client):
        self.assertEqual(client.end(), (0, b"", ""))

    def talk(self, data, *more, store=None):
        """Exit status, frames behind the greeting, and error output of a server that is sent all of this at once."""
        done = subprocess.run(self.words(*more, store=store), input=data, capture_output=True, timeout=60, check=False)
        found, left = frames(done.stdout)
        self.assertEqual(left, b"")
        self.assertEqual(found[0], (GREETING, 0, HELLO_PAYLOAD))
        return done.returncode, found[1:], done.stderr.decode()

    # The greeting

    def test_worked_example(self):
        example = DOCUMENT.read_text().split("## Worked example")[1]
        lines = [(side, bytes.fromhex(hexes)) for side, hexes in re.findall(r"^([SC]) ([0-9a-f ]+)$", example, re.M)]
        self.assertEqual([side for side, _ in lines], list("SCCSCSCS"))
        asked, answered = (b"".join(data for side, data in lines if side == who) for who in "CS")
        done = subprocess.run(self.words(), input=asked, capture_output=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, answered, b""))
        process = subprocess.Popen(self.words(), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for side, data in lines:  # one after the other
            if side == "S":
                self.assertEqual(process.stdout.read(len(data)), data)
            else:
                process.stdin.write(data)
                process.stdin.flush()
        self.assertEqual(process.communicate(timeout=60)[0], b"")

    def test_greeting(self):
        client = self.client()
        self.assertEqual((client.version, client.features), (1, 0))
        self.assert_ends_well(client)
        self.assertEqual(self.talk(b""), (0, [], ""))

    def test_hello_of_later_versions_is_taken(self):
        request = frame(READ, 1, text("format") + bytes([END, 1]))
        for payload in (HELLO_PAYLOAD + b"more", MAGIC + b"\1\xff\xff\xff\xff", HELLO_PAYLOAD.ljust(1_024, b"x")):
            self.assertEqual(self.talk(frame(HELLO, 0, payload) + request),
                             (0, [(CONTENT, 1, b"\1" + varint(len(FORMAT)) + b"\n")], ""))

    def test_what_is_no_hello_ends(self):
        request = frame(READ, 1, text("format") + bytes([END, 1]))
        for kind, payload in ((HELLO, b""), (HELLO, HELLO_PAYLOAD[:-1]), (HELLO, HELLO_PAYLOAD.ljust(1_025, b"x")),
                              (GREETING, HELLO_PAYLOAD), (READ, text("format") + bytes([END, 1])), (0, b""),
                              (HELLO, b"M" + HELLO_PAYLOAD[1:])):
            self.assert_final_failure(frame(kind, 0, payload) + request, MALFORMED)
        for version in (0, 2, 255):
            self.assert_final_failure(frame(HELLO, 0, MAGIC + bytes([version, 0, 0, 0, 0])) + request, UNSUPPORTED)

    def assert_final_failure(self, data, kind, before=()):
        status, replies, errors = self.talk(data)
        self.assertEqual([(answer, number) for answer, number, _ in replies], [*before, (FAILURE, 0)])
        problem = parse_reply(FAILURE, replies[-1][2])
        self.assertEqual((status, problem.kind), (74, kind))
        self.assertIn(str(problem), errors)

    def test_where_no_store_is(self):
        for place in (self.folder, self.folder / "none", self.store / "format"):
            done = subprocess.run(self.words(store=place), input=b"", capture_output=True, timeout=60, check=False)
            self.assertEqual((done.returncode, done.stdout), (66, b""))
            self.assertIn(b"error: ", done.stderr)

    # Reading

    def test_parts_of_files(self):
        content = self.random.randbytes(3_000_000)
        (self.store / "packs").mkdir()
        (self.store / "packs/p").write_bytes(content)
        (self.store / "packs/empty").write_bytes(b"")
        client, most = self.client(), LONGEST_PIECE
        for offset, length in ((0, 0), (0, 1), (0, most), (2_000_000, most), (2_999_999, 1), (2_999_999, 2),
                               (3_000_000, 9), (3_000_001, 1), (2**62, most), (2**63 - 1, most), (7, 100_000)):
            self.assertEqual(client.read("packs/p", RANGE, offset, length),
                             Piece(3_000_000, content[offset:offset + length]), (offset, length))
        for length in (0, 1, 1_000, most):
            self.assertEqual(client.read("packs/p", END, length), Piece(3_000_000, content[3_000_000 - length:]))
        self.assertEqual(client.read("format", WHOLE, len(FORMAT)), Piece(len(FORMAT), FORMAT))
        self.assertEqual(client.read("format", WHOLE, most), Piece(len(FORMAT), FORMAT))
        self.assertEqual(client.read("format", END, most), Piece(len(FORMAT), FORMAT))
        for part, numbers in ((WHOLE, [0]), (WHOLE, [5]), (RANGE, [0, 5]), (RANGE, [5, 5]), (END, [5])):
            self.assertEqual(client.read("packs/empty", part, *numbers), Piece(0, b""))
        self.refused(FAILED, client.read, "format", WHOLE, len(FORMAT) - 1)
        self.refused(FAILED, client.read, "packs/p", WHOLE, most)
        for part, numbers in ((WHOLE, [most + 1]), (RANGE, [0, most + 1]), (END, [most + 1]), (END, [2**63 - 1])):
            self.refused(UNSUPPORTED, client.read, "format", part, *numbers)
        for path in ("packs/none", "packs/none/none", "log", "tmp/x", "format/x", "packs/..."):
            for part, numbers in ((WHOLE, [9]), (RANGE, [0, 5]), (END, [5])):
                self.assertIsNone(client.read(path, part, *numbers))
        self.refused(FAILED, client.read, "packs", RANGE, 0, 1)
        self.assert_ends_well(client)

    def test_properties(self):
        (self.store / "tmp").mkdir()
        for name, time in (("a", 1_234_567_890_123_456_789), ("b", 0), ("c", -1_000_000_000)):
            (self.store / "tmp" / name).write_bytes(b"x" * 300)
            os.utime(self.store / "tmp" / name, ns=(5, time))
        client = self.client()
        self.assertEqual(client.properties(["tmp/b", "tmp/none", "tmp", "tmp/a", "format/x", "tmp/c", "tmp/a"]),
                         [(300, 0), None, None, (300, 1_234_567_890_123_456_789), None, (300, -1_000_000_000),
                          (300, 1_234_567_890_123_456_789)])
        self.assertEqual(client.properties([]), [])
        self.assertEqual(len(client.properties(["format"] * MOST_PATHS)), MOST_PATHS)
        self.refused(MALFORMED, client.properties, ["format"] * (MOST_PATHS + 1))
        self.refused(DENIED, client.properties, ["format", "HEAD"])
        self.assert_ends_well(client)

    def test_names(self):
        (self.store / "tmp/below").mkdir(parents=True)
        (self.store / "tmp/below/x").write_bytes(b"")
        strange = b"strange\n\xff" if sys.platform == "linux" else b"strange\n"
        (self.store / "tmp" / os.fsdecode(strange)).write_bytes(b"")
        client = self.client()
        self.assertEqual(sorted(client.names("tmp")), [b"below", strange])
        for path in ("packs", "log/new", "format", "format/x", "tmp/below/x"):
            self.assertEqual(client.names(path), [])
        many = {b"%0200d" % i for i in range(6_000)}
        for name in many:
            (self.store / "tmp/below" / name.decode()).write_bytes(b"")
        number = client.send(NAMES, text("tmp/below"))
        more, first = client.reply(number)[1]
        self.assertTrue(more)
        more, second = client.reply(number)[1]
        self.assertFalse(more)
        self.assertEqual(sorted(first + second), sorted(many | {b"x"}))
        self.assert_ends_well(client)

    # Writing

    def test_create(self):
        client = self.client()
        self.assertTrue(client.create("log/new/00000000000000000000", b"entry"))
        path = self.store / "log/new/00000000000000000000"
        self.assertEqual(path.read_bytes(), b"entry")
        self.assertFalse(path.stat().st_mode & 0o222)
        for content in (b"other", b"entry", b""):
            self.assertFalse(client.create("log/new/00000000000000000000", content))
        self.assertEqual(path.read_bytes(), b"entry")
        self.assertTrue(client.create("log/tile/entries/x001/x234/067", b""))
        self.assertFalse(client.create("log/tile/entries/x001", b""))
        self.assertTrue(client.create("log/lists/a", bytes(LONGEST_CONTENT)))
        self.refused(UNSUPPORTED, client.create, "log/lists/b", bytes(LONGEST_CONTENT + 1))
        with self.assertRaises(Refused):
            client.create("log/lists/a/below", b"")
        self.assertEqual(sorted(client.names("log/lists")), [b"a"])
        self.assertEqual(client.names("tmp"), [])
        self.assert_ends_well(client)

    def test_one_of_many_creates(self):
        clients = [self.client() for _ in range(8)]
        numbers = [client.send(CREATE, text("log/new/1") + b"%d" % i) for i, client in enumerate(clients)]
        made = [client.reply(number)[1] for client, number in zip(clients, numbers)]
        self.assertEqual(sum(made), 1)
        self.assertEqual((self.store / "log/new/1").read_bytes(), b"%d" % made.index(True))

    def test_upload_in_pieces(self):
        content = self.random.randbytes(3_500_001)
        client = self.client()
        self.assertTrue(client.upload(PARTIAL, PACK, content))
        self.assertEqual((self.store / PACK).read_bytes(), content)
        self.assertFalse((self.store / PACK).stat().st_mode & 0o222)
        self.assertEqual(client.names("tmp"), [])
        self.assertFalse(client.upload(PARTIAL, PACK, content))
        self.assertFalse(client.upload(PARTIAL, PACK, b"other"))
        for i, (size, piece) in enumerate(((0, 1), (1, 1), (100, 7), (5_000_000, LONGEST_CONTENT))):
            content = self.random.randbytes(size)
            self.assertTrue(client.upload(PARTIAL, f"packs/{i}/p", content, piece))
            self.assertEqual((self.store / f"packs/{i}/p").read_bytes(), content)
        self.assert_ends_well(client)

    def test_wrong_bytes(self):
        client = self.client()
        for length, digest in ((5, sha256(b"hallo")), (4, sha256(b"hell")), (6, sha256(b"hello")), (5, bytes(32))):
            number, start = client.begin(PARTIAL, PACK)
            self.assertEqual(start, 0)
            self.assertEqual(client.data(number, 0, b"hello"), 5)
            self.assertIsNone(client.finish(number, PACK, length, digest))
            self.assertEqual(client.properties([PARTIAL, PACK]), [None, None])
            self.refused(FAILED, client.data, number, 5, b"x")
        self.assertTrue(client.upload(PARTIAL, PACK, b"hello"))

    def test_resumed_upload(self):
        content = self.random.randbytes(1_000_000)
        client = self.client()
        number, start = client.begin(PARTIAL, PACK)
        self.assertEqual((start, client.data(number, 0, content[:400_000])), (0, 400_000))
        client.write(frame(UPLOAD_DATA, 9, struct.pack(">I", number) + varint(400_000) + content[400_000:])[:-1])
        self.assert_ends_well(client)  # the line breaks within a frame
        self.assertEqual((self.store / PARTIAL).read_bytes(), content[:400_000])
        client = self.client()
        number, start = client.begin(PARTIAL, PACK)
        self.assertEqual(start, 400_000)
        self.assertEqual(client.data(number, start, content[start:700_000]), 700_000)
        number, start = client.begin(PARTIAL, PACK)  # over the same line
        self.assertEqual(start, 700_000)
        self.assertTrue(client.upload(PARTIAL, PACK, content))
        self.assertEqual((self.store / PACK).read_bytes(), content)
        (self.store / PARTIAL).write_bytes(b"of something else")  # what is left over is found by its digest
        self.assertIsNone(client.upload(PARTIAL, "packs/q", content))
        self.assertTrue(client.upload(PARTIAL, "packs/q", content))

    def test_broken_rules_of_an_upload(self):
        client = self.client()
        self.refused(FAILED, client.data, 1, 0, b"x")
        self.refused(FAILED, client.finish, 1, PACK, 0, sha256(b""))
        for offset in (0, 2, 4, 2**63 - 1):
            number, start = client.begin(PARTIAL, PACK)
            if not start:
                self.assertEqual(client.data(number, 0, b"abc"), 3)
            self.refused(MALFORMED, client.data, number, offset, b"x")
            self.refused(FAILED, client.data, number, 3, b"x")
        number, _ = client.begin(PARTIAL, PACK)
        self.assertEqual(client.data(number, 3, b""), 3)
        self.refused(FAILED, client.data, number + 1, 3, b"x")
        number, _ = client.begin(PARTIAL, PACK)
        self.refused(DENIED, client.finish, number, "packs/other", 3, sha256(b"abc"))
        self.refused(FAILED, client.finish, number, PACK, 3, sha256(b"abc"))
        number, _ = client.begin(PARTIAL, PACK)
        self.refused(DENIED, client.begin, "HEAD", PACK)  # ends the one before it
        self.refused(FAILED, client.data, number, 3, b"x")
        # What is on its way behind a failure changes nothing.
        number, _ = client.begin(PARTIAL, PACK)
        asked = [client.ask_data(number, offset, b"x") for offset in (3, 5, 4, 5, 6)]
        self.assertEqual(client.expect(asked[0], LENGTH), 4)
        for request, kind in zip(asked[1:], (MALFORMED, FAILED, FAILED, FAILED)):
            self.refused(kind, client.reply, request)
        self.assertEqual((self.store / PARTIAL).read_bytes(), b"abcx")

    def test_two_connections_with_one_upload(self):
        first, second = self.client(), self.client()
        number, _ = first.begin(PARTIAL, PACK)
        self.assertEqual(first.data(number, 0, b"abc"), 3)
        other, start = second.begin(PARTIAL, PACK)
        self.assertEqual((start, second.data(other, 3, b"def")), (3, 6))
        self.refused(FAILED, first.data, number, 3, b"xyz")
        self.assertTrue(second.finish(other, PACK, 6, sha256(b"abcdef")))
        self.assertEqual(first.begin(PARTIAL, PACK)[1], None)
        number, _ = first.begin(PARTIAL, "packs/q")
        self.assertEqual(first.data(number, 0, b"abc"), 3)
        self.assertTrue(second.upload(PARTIAL, "packs/q", b"abc"))
        self.refused(FAILED, first.data, number, 3, b"xyz")
        self.assertEqual((self.store / "packs/q").read_bytes(), b"abc")
        # Two partial files for one name: who is second is told that it is taken.
        number, _ = first.begin("tmp/a", "packs/r")
        self.assertTrue(second.upload("tmp/b", "packs/r", b"123"))
        self.assertEqual(first.data(number, 0, b"123"), 3)
        self.assertIs(first.finish(number, "packs/r", 3, sha256(b"123")), False)
        self.assertEqual(first.names("tmp"), [])

    def test_remove(self):
        client = self.client()
        for path in ("log/new/1", "log/new/2", "log/tile/0/000", "log/lists/a"):
            self.assertTrue(client.create(path, b"x"))
        self.assertTrue(client.upload(PARTIAL, PACK, b"hello"))
        client.begin(PARTIAL, "packs/q")
        client.remove([])
        client.remove(["log/new/1", PACK, PARTIAL, "tmp/none", "packs/none/none"])
        self.assertEqual(client.names("log/new"), [b"2"])
        self.assertEqual(client.properties([PACK, PARTIAL]), [None, None])
        for path in ("log/tile/0/000", "log/lists/a", "format", "log/new", "log", "packs", "tmp", *STRANGE):
            self.refused(DENIED, client.remove, [path])
            self.refused(DENIED, client.remove, ["log/new/2", path])
        self.assertEqual(client.names("log/new"), [b"2"])
        self.assertEqual(len(client.names("log/tile/0") + client.names("log/lists")), 2)
        (self.store / "tmp/directory").mkdir()
        self.refused(FAILED, client.remove, ["log/new/2", "tmp/directory"])
        self.assertEqual((client.names("log/new"), client.names("tmp")), ([], [b"directory"]))
        self.assert_ends_well(client)

    # What is served

    def test_refused_paths(self):
        (self.folder / "format").write_bytes(b"outside")
        for name in ("HEAD", "config", "lease", "store"):
            (self.store / name).write_bytes(b"of a working copy")
        before = self.snapshot()
        client = self.client()
        for path in STRANGE:
            for part, numbers in ((WHOLE, [9]), (RANGE, [0, 9]), (END, [9])):
                self.refused(DENIED, client.read, path, part, *numbers)
            self.refused(DENIED, client.properties, [path])
            self.refused(DENIED, client.names, path)
            self.refused(DENIED, client.create, path, b"x")
            self.refused(DENIED, client.begin, PARTIAL, path)
            self.refused(DENIED, client.begin, path, PACK)
        for path in ("format", "log", "log/new", "log/lists", "log/tile", "log/newer/x", "packs", PACK, "tmp",
                     "tmp/x", "log/x"):
            self.refused(DENIED, client.create, path, b"x")
        for path in ("format", "log/new/1", "log/tile/0/000", "packs", "tmp", "tmp/x"):
            self.refused(DENIED, client.begin, PARTIAL, path)
        for path in ("format", "log/new/1", "packs/x", "tmp", "packs"):
            self.refused(DENIED, client.begin, path, PACK)
        for path in ("packs/" + "a" * 1_019, b"packs/\0", b"format\0"):
            self.refused(MALFORMED, client.names, path)
        for path in ("packs/" + "a/" * 508 + "aa", "packs/" + "a" * 255):
            self.assertEqual(client.names(path), [])
        self.assertEqual(self.snapshot(), before)
        self.assert_ends_well(client)

    def test_links_lead_nowhere(self):
        (self.folder / "outside").mkdir()
        (self.folder / "outside/f").write_bytes(b"secret")
        for name in ("packs", "log", "tmp"):
            (self.store / name).mkdir()
        (self.store / "packs/directory").symlink_to(self.folder / "outside")
        (self.store / "packs/file").symlink_to(self.folder / "outside/f")
        (self.store / "packs/up").symlink_to("../..")
        (self.store / "log/new").symlink_to(self.folder / "outside")
        (self.store / "tmp/partial").symlink_to(self.folder / "outside/f")
        os.mkfifo(self.store / "packs/pipe")
        before = self.snapshot()
        client = self.client()
        for path in ("packs/directory", "packs/directory/f", "packs/file", "packs/up/outside/f", "packs/pipe",
                     "log/new/f"):
            self.refused(FAILED, client.read, path, RANGE, 0, 9)
        self.assertEqual(client.properties(["packs/directory", "packs/file", "packs/pipe"]), [None] * 3)
        for path in ("packs/directory", "packs/file", "packs/up", "log/new"):
            self.assertEqual(client.names(path), [])
        self.refused(FAILED, client.properties, ["packs/directory/f"])
        for call, *arguments in ((client.create, "log/new/1", b"x"),
                                 (client.upload, PARTIAL, "packs/directory/x", b"x"),
                                 (client.upload, "tmp/partial", PACK, b"x"), (client.remove, ["packs/directory/f"])):
            with self.assertRaises(Refused, msg=str(arguments)):
                call(*arguments)
        self.assertEqual(self.snapshot(self.folder / "outside"), {str(self.folder / "outside/f"): b"secret"})
        client.remove(["packs/file"])
        del before[str(self.store / "packs/file")]
        after = self.snapshot()
        self.assertEqual({path: after.get(path) for path in before}, before)
        self.assert_ends_well(client)

    def test_read_only(self):
        client = self.client()
        self.assertTrue(client.create("log/new/1", b"x"))
        client.data(client.begin(PARTIAL, PACK)[0], 0, b"abc")
        before = self.snapshot()
        reader = self.client("--read-only")
        self.assertEqual(reader.features, READ_ONLY)
        self.refused(DENIED, reader.create, "log/new/2", b"x")
        self.refused(DENIED, reader.create, "log/new/1", b"x")
        self.refused(DENIED, reader.begin, PARTIAL, PACK)
        self.refused(DENIED, reader.data, 3, 3, b"x")
        self.refused(DENIED, reader.finish, 3, PACK, 3, sha256(b"abc"))
        self.refused(DENIED, reader.remove, ["log/new/1"])
        self.refused(DENIED, reader.remove, [])
        self.assertEqual(reader.read("log/new/1", WHOLE, 10), Piece(1, b"x"))
        self.assertEqual(reader.names("log/new"), [b"1"])
        self.assertEqual(reader.properties([PARTIAL])[0][0], 3)
        self.assert_ends_well(reader)
        self.assertEqual(self.snapshot(), before)

    # What nobody should send

    def test_unknown_kinds(self):
        client = self.client()
        for kind in set(range(256)) - set(range(READ, REMOVE + 1)):
            self.refused(UNSUPPORTED, client.reply, client.send(kind, self.random.randbytes(self.random.randrange(40))))
        self.refused(UNSUPPORTED, client.reply, client.send(99, bytes(LONGEST_PAYLOAD)))
        self.assertEqual(client.read("format", WHOLE, 100).content, FORMAT)
        self.assert_ends_well(client)

    def test_malformed_payloads(self):
        client = self.client()
        number, path = struct.pack(">I", 1), text(PACK)
        payloads = {READ: text("format") + b"\1\0\5", PROPERTIES: b"\1" + path, NAMES: path, REMOVE: b"\1" + path,
                    UPLOAD_BEGIN: text(PARTIAL) + path, UPLOAD_FINISH: number + path + b"\0" + bytes(32)}
        for kind, payload in payloads.items():
            for length in range(len(payload)):
                self.refused(MALFORMED, client.reply, client.send(kind, payload[:length]))
            self.refused(MALFORMED, client.reply, client.send(kind, payload + b"\0"))
        for kind, payload in ((CREATE, path[:-1]), (UPLOAD_DATA, number), (UPLOAD_DATA, number + b"\x80"),
                              (CREATE, b""), (READ, b"\x86\0format\0\1"), (READ, text("format") + b"\3\0"),
                              (READ, b"\xff" * 9), (READ, text("format") + b"\2" + b"\x80" * 9),
                              (PROPERTIES, b"\xff" * 8 + b"\x7f"), (READ, text("format") + b"\2\x81\0"),
                              (UPLOAD_DATA, number + b"\x80" * 9 + b"\1")):
            self.refused(MALFORMED, client.reply, client.send(kind, payload))
        self.assertEqual(client.read("format", WHOLE, 100).content, FORMAT)
        self.assertEqual(list(self.snapshot()), [str(self.store / "format")])
        self.assert_ends_well(client)

    def test_too_long_frames(self):
        request = frame(READ, 7, text("format") + bytes([END, 1]))
        for length in (LONGEST_PAYLOAD + 1, 2**31 - 1, 2**31, 2**32 - 1):
            head = struct.pack(">IBI", length, READ, 8)
            self.assert_final_failure(head, MALFORMED)
            self.assert_final_failure(HELLO_FRAME + request + head + request, MALFORMED, [(CONTENT, 7)])
        client = self.client()
        client.write(struct.pack(">IBI", LONGEST_PAYLOAD + 1, READ, 8))  # is refused before anything follows
        with self.assertRaises(Refused):
            client.reply(8)

    def test_nonsense(self):
        before = self.snapshot()
        for data in (b"GET / HTTP/1.1\r\n\r\n", b"SSH-2.0-OpenSSH_9.6\r\n", b"hello\n", b"\n" * 9, bytes(9),
                     bytes(100)):
            status, replies, _ = self.talk(data)
            self.assertEqual([kind for kind, *_ in replies], [FAILURE] if len(data) >= 9 else [])
            self.assertEqual(status, 74 if replies else 0)
        for _ in range(100):
            data = self.random.randbytes(self.random.randrange(200))
            if self.random.random() < 0.5:  # of the right lengths
                data = b"".join(frame(self.random.randrange(12, 26), self.random.randrange(1, 9), data[i:i + 9])
                                for i in range(0, len(data), 9))
            status, _, errors = self.talk(HELLO_FRAME + data)
            self.assertIn(status, (0, 74), errors)
        self.assertEqual(self.snapshot(), before)

    # Pipelining

    def test_replies_in_order(self):
        content = self.random.randbytes(LONGEST_PIECE)
        (self.store / "packs").mkdir()
        (self.store / "packs/p").write_bytes(content)
        client = self.client()
        requests = b"".join(frame(READ, 1_000 - i, text("packs/p") + bytes([RANGE, 0]) + varint(LONGEST_PIECE - i % 7))
                            for i in range(64))
        writer = threading.Thread(target=client.write, args=[requests])
        writer.start()
        for i in range(64):
            kind, number, payload = client.receive()
            self.assertEqual((kind, number), (CONTENT, 1_000 - i))
            self.assertEqual(parse_reply(kind, payload), Piece(LONGEST_PIECE, content[:LONGEST_PIECE - i % 7]))
        writer.join()
        client.last = 1_000
        numbers = [client.ask_read("packs/p", RANGE, i, 2) for i in range(2_000)]
        for i in reversed(range(2_000)):
            self.assertEqual(client.expect(numbers[i], CONTENT).content, content[i:i + 2])
        self.assert_ends_well(client)

    def test_all_at_once(self):
        """The hello and an upload behind it, without waiting for anything."""
        upload = struct.pack(">I", 1)
        requests = [frame(UPLOAD_BEGIN, 1, text(PARTIAL) + text(PACK)), frame(UPLOAD_DATA, 2, upload + b"\0abc"),
                    frame(UPLOAD_DATA, 3, upload + b"\3def"),
                    frame(UPLOAD_FINISH, 4, upload + text(PACK) + b"\6" + sha256(b"abcdef"))]
        status, replies, errors = self.talk(HELLO_FRAME + b"".join(requests))
        self.assertEqual((status, errors), (0, ""))
        self.assertEqual(replies, [(LENGTH, 1, b"\0"), (LENGTH, 2, b"\3"), (LENGTH, 3, b"\6"), (DONE, 4, b"\1")])
        self.assertEqual((self.store / PACK).read_bytes(), b"abcdef")

    def test_replies_after_the_last_request(self):
        """A client that has closed its side still gets all that it asked for."""
        (self.store / "packs").mkdir()
        (self.store / "packs/p").write_bytes(bytes(LONGEST_PIECE))
        requests = [frame(READ, i + 1, text("packs/p") + bytes([END]) + varint(LONGEST_PIECE)) for i in range(32)]
        status, replies, errors = self.talk(HELLO_FRAME + b"".join(requests))
        self.assertEqual((status, errors), (0, ""))
        self.assertEqual([(kind, number, len(payload)) for kind, number, payload in replies],
                         [(CONTENT, i + 1, LONGEST_PIECE + 4) for i in range(32)])

    # Leaving

    def session(self):
        """Requests of all kinds, with the kinds of their replies."""
        upload = struct.pack(">I", 5)
        return [(frame(READ, 1, text("format") + bytes([RANGE, 0, 20])), CONTENT),
                (frame(PROPERTIES, 2, b"\1" + text("format")), FOUND),
                (frame(NAMES, 3, text("log/new")), LISTED),
                (frame(CREATE, 4, text("log/new/1") + b"entry"), DONE),
                (frame(UPLOAD_BEGIN, 5, text("tmp/u") + text("packs/p")), LENGTH),
                (frame(UPLOAD_DATA, 6, upload + b"\0abc"), LENGTH),
                (frame(UPLOAD_FINISH, 7, upload + text("packs/p") + b"\3" + sha256(b"abc")), DONE),
                (frame(UPLOAD_BEGIN, 8, text("tmp/u") + text("packs/p")), TAKEN),
                (frame(REMOVE, 9, b"\1" + text("log/new/1")), DONE)]

    def test_client_that_leaves_at_any_byte(self):
        session = self.session()
        data = HELLO_FRAME + b"".join(request for request, _ in session)
        ends = [len(HELLO_FRAME)]
        for request, _ in session:
            ends.append(ends[-1] + len(request))
        for cut in range(len(data) + 1):
            store = self.make_store(f"cut-{cut}")
            status, replies, errors = self.talk(data[:cut], store=store)
            self.assertEqual((status, errors), (0, ""), cut)
            whole = sum(end <= cut for end in ends[1:])
            self.assertEqual([(kind, number) for kind, number, _ in replies],
                             [(kind, i + 1) for i, (_, kind) in enumerate(session[:whole])], cut)
            files = {path.removeprefix(f"{store}/"): content for path, content in self.snapshot(store).items()}
            expected = {"format": FORMAT}
            if 4 <= whole < 9:
                expected["log/new/1"] = b"entry"
            if 5 <= whole < 7:
                expected["tmp/u"] = b"" if whole == 5 else b"abc"
            if whole >= 7:
                expected["packs/p"] = b"abc"
            self.assertEqual(files, expected, cut)

    def test_client_that_listens_no_more(self):
        """It closes what it reads from after any byte of the replies: the server ends, and with status 0."""
        requests = HELLO_FRAME + b"".join(request for request, _ in self.session())
        length = len(subprocess.run(self.words(store=self.make_store("whole")), input=requests, capture_output=True,
                                    timeout=60, check=False).stdout)
        for cut in range(0, length, 7):
            store = self.make_store(f"deaf-{cut}")
            process = subprocess.Popen(self.words(store=store), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, bufsize=0)
            if cut < 28:  # of the greeting
                process.stdout.read(cut)
                process.stdout.close()
            try:
                process.stdin.write(requests)
                if cut >= 28:
                    left = cut
                    while left:
                        left -= len(process.stdout.read(left))
                    process.stdout.close()
                process.stdin.write(frame(READ, 99, text("format") + bytes([END, 1])) * 1_000)
            except BrokenPipeError:
                pass
            process.stdin.close()
            with process.stderr:
                self.assertEqual((process.wait(timeout=60), process.stderr.read()), (0, b""), cut)
            self.assertLessEqual(set(self.snapshot(store)), {f"{store}/{path}" for path in
                                                             ("format", "log/new/1", "tmp/u", "packs/p")})

    # A store that the program made

    def test_store_of_the_program(self):
        work = self.folder / "work"
        work.mkdir()
        environment = {**os.environ, "HOME": str(self.folder), "MLREPO_USER": "Ada <ada@example.com>"}
        (work / "a.txt").write_bytes(b"line\n" * 1_000)
        for words in (["init"], ["add", "a.txt"], ["commit", "-m", "first"]):
            subprocess.run([PROGRAM, *words], cwd=work, env=environment, capture_output=True, check=True, timeout=60)
        store = work / ".mlrepo"
        for place in (work, store):
            with Client(self.words(store=place)) as client:
                read = {}
                for directory in ("log/new", "packs"):
                    waiting = [directory]
                    for path in waiting:
                        names = [f"{path}/{name.decode()}" for name in client.names(path)]
                        known = client.properties(names)
                        waiting += [name for name, found in zip(names, known) if found is None]
                        for name, found in zip(names, known):
                            if found:
                                read[name] = client.read(name, RANGE, 0, LONGEST_PIECE)
                                self.assertEqual(found, (len(read[name].content), (store / name).stat().st_mtime_ns))
                read["format"] = client.read("format", WHOLE, LONGEST_PIECE)
                self.assert_ends_well(client)
            files = {str(path.relative_to(store)): path.read_bytes() for folder in ("log", "packs", "tmp")
                     for path in (store / folder).rglob("*") if path.is_file()}
            files["format"] = (store / "format").read_bytes()
            self.assertEqual({name: piece.content for name, piece in read.items()}, files)
            self.assertGreaterEqual(len(files), 3)


if __name__ == "__main__":
    unittest.main()
