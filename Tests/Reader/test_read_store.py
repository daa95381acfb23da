"""Tests of the independent reader: the worked examples, stores from a tiny writer, and damage of all kinds.

Run by `python3 -m unittest` in this folder. MLREPO_SEED repeats a run's random positions. MLREPO names the program, whose
stores are read as well.
"""

import base64
import hashlib
import io
import json
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import read_store
import store_log
import store_objects
import store_packs
import store_trees
from store_objects import BLOB, CHUNKS, COMMIT, EVENT, KINDS, TREE, Damage, decode_canonical
from tiny_writer import (ORIGIN, TinyStore, build_pack, canonical, compress, cut_file, cut_level, make_id, merkle_hash,
                         patch_command, patch_commands, patch_stream, sha256, tensor_stream, varint, write_vector)

VECTORS = HERE.parent / "Vectors"
EXAMPLES = json.loads((VECTORS / "worked-examples.json").read_text())
PROGRAM = os.path.abspath(os.environ.get("MLREPO", HERE.parent.parent / ".build/debug/mlrepo"))
SEED = int(os.environ.get("MLREPO_SEED", random.SystemRandom().randrange(2**32)))
FLIPS = 300


def build_full_store(path):
    """A store with all that the format has, of 300 entries."""
    store = TinyStore(path)
    big = random.Random(1).randbytes(1_500_000).hex().encode()
    chunks = cut_file(big)
    big_entry, big_recipe = store.recipe(big, chunks, rule=1)
    pieces = [b"%08d" % (i // 3) for i in range(400)]
    odd_entry, odd_recipe = store.recipe(b"".join(pieces), pieces, rule=0)
    for chunk in chunks:
        del store.pending["blob", chunk]
    chunk_pack = store.pack((0, [("blob", chunk) for chunk in chunks[:8]], None),
                            *[(2, [("blob", chunk)], None) for chunk in chunks[8:] + [bytes(300_000)]])

    text = b"".join(b"line %d\n" % i for i in range(9_000))
    edited = text.replace(b"line 77\n", b"line seventy-seven\n")
    many = store.directory({b"name-%04d" % i: store.file(b"content %d" % (i % 50)) for i in range(5_000)})
    first_tree = store.directory({b"text": store.file(text), b"many": many, b"empty": store.directory({}),
                                  b"big.bin": big_entry})
    first = store.commit(first_tree, recipes=store.recipes([big_recipe]))
    run = store.run(
        origin="observed", observedBy="trace", started=0, ended=9, exitStatus=0,
        command={"arguments": ["python3", "train.py"], "directory": {"bytes": base64.b64encode(b"d\xff").decode()}},
        code={"dirty": True, "patch": store.file(b"diff")[1].hex(), "revision": "0" * 40, "system": "git"},
        parameters={"lr": ["float", "1e-3"], "net": ["map", {"depth": ["int", "007"], "on": ["bool", "true"]}],
                    "list": ["list", [["null"], ["string", "é\n"]]]},
        metrics={"loss": ["float", "nan"]}, environment={"host": "h", "memory": 2**40}, inputs=first_tree[0].hex(),
        inputCommits=[{"commit": first.hex(), "path": "big.bin"}])
    second = store.commit(
        store.directory({b"text": store.file(edited, mode=2), b"many": many, b"copy.bin": big_entry, b"odd": odd_entry,
                         b"link": store.file(b"text", mode=3), b"latin-\xe9": store.file(b"x")}),
        parents=[first.hex()], recipes=store.recipes([odd_recipe]), runs=[run],
        tracked={"directories": ["many"], "patterns": ["*.bin"]})
    del store.pending["blob", edited], store.pending["blob", text]
    refs = {f"tags/v{i}.0": ("commit", first) for i in range(200)}
    refs |= {"branches/main": ("commit", second), "runs/best": ("run", bytes.fromhex(run))}
    store.pack((7, [("blob", edited)], ("blob", text)), (1, [("blob", text)], None))
    empty_root, root = store.refs({}), store.refs(refs)
    events = [store.event(), store.event(empty_root, root), *[store.event() for _ in range(298)]]
    store.flush()
    store.operate(empty_root, event=events[0])
    passing = [store.pack((1, [("blob", b"passing %d" % i)], None)) for i in range(40)]
    store.operate(root, event=events[1])
    store.operate(root, event=events[2], dropped=passing)
    orphan = store.pack((1, [("blob", b"orphan")], None))
    store.operate(root, event=events[3], added=passing[:1])
    store.operate(root, event=events[4], added=[], doomed=passing[1:] + [orphan])
    for name in passing[1:]:
        os.remove(os.path.join(store.path, store.pack_path(name)))
    for event in events[5:]:
        store.operate(root, event=event)
    store.seal(keep=[255])
    return store, second, big


def build_small_store(path):
    """(store, names of a data and a metadata pack): each kind of file but tiles, quick to verify."""
    store = TinyStore(path)
    commit = store.commit(store.directory({b"n%d" % i: store.file(b"content %d" % i) for i in range(24)}))
    root = store.refs({"branches/main": ("commit", commit)})
    text = "content 1, 0123456789, abcdefghijklmnopqrstuvwxyz, ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    data = [item for item in store.pending if item[0] == "blob"]
    for item in data:
        del store.pending[item]
    base = ("blob", text.encode())
    data_pack = store.pack((0, [*data[:12], base], None), (1, data[12:], None),
                           (7, [("blob", text.encode() + b", edited")], base))
    events = [store.event(None, root), store.event()]
    metadata_pack = store.flush()
    store.operate(root, event=events[0])
    store.operate(root, event=events[1], added=[], doomed=[f"{i:064x}-{i:016x}" for i in range(33)])
    return store, data_pack, metadata_pack


def build_sealed_store(path):
    """A store whose first 256 entries are in tiles."""
    store = TinyStore(path)
    events, root = [store.event() for _ in range(257)], store.refs({})
    store.flush()
    for event in events:
        store.operate(root, event=event)
    store.seal()
    return store


class TemporaryStores(unittest.TestCase):
    """Gives each test a folder."""

    def setUp(self):
        self.fresh_folder()

    def fresh_folder(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def assert_clean(self, path):
        problems, summary = read_store.verify(path)
        self.assertEqual(problems, [])
        return summary

    def assert_problem(self, words, cuts=False):
        problems, _ = read_store.verify(self.folder, cuts)
        self.assertTrue(any(words in line for line in problems), f"{words!r} is not in {problems}")

    def open(self, path):
        """A store, opened for reading; the test fails if that finds problems."""
        store = read_store.Store(path, lambda *problem: self.fail(problem))
        self.addCleanup(store.files.close)
        return store


class WorkedExamples(TemporaryStores):
    def test_ids(self):
        self.assertEqual(make_id("tree", b"\0\0").hex(), EXAMPLES["emptyTree"])
        event = EXAMPLES["event"].encode()
        store_objects.decode_document(EVENT, event)
        self.assertEqual(store_objects.object_id(EVENT, event).hex(), EXAMPLES["eventID"])
        self.assertEqual(store_objects.object_id(TREE, b"\0\0").hex(), EXAMPLES["emptyTree"])

    def test_canonical_json(self):
        data = bytes.fromhex(EXAMPLES["canonical"]["hex"])
        self.assertEqual(decode_canonical(data), {"a": "é\n", "b": 1})

    def test_pack(self):
        data = bytes.fromhex(EXAMPLES["pack"])
        self.assertEqual(data, build_pack([(0, [("blob", b"abc")], None)]))
        self.assertTrue(EXAMPLES["packName"].startswith(hashlib.sha256(data).hexdigest()))
        pack = store_packs.Pack(lambda offset, count: data[offset:offset + count], len(data))
        self.assertEqual([(e.kind, e.id, e.length) for e in pack.entries], [(BLOB, sha256(b"abc"), 3)])

    def test_log_entry(self):
        """The log and the pack hold; the example leaves out the event and the refs that a store has."""
        store = TinyStore(self.folder)
        store.write("log/new/" + "0" * 20, EXAMPLES["logEntry"].encode())
        store.write(store.pack_path(EXAMPLES["packName"]), bytes.fromhex(EXAMPLES["pack"]))
        problems, summary = read_store.verify(self.folder)
        self.assertEqual(summary, {"entries": 1, "packs": 1, "frames": 1, "objects": 1, "problems": 2})
        self.assertEqual([line.split()[1:2] + line.split()[3:5] for line in problems],
                         [["event", "is", "missing"], ["refs", "is", "missing"]])


class VectorStore(TemporaryStores):
    """The store that lies in Vectors: clean, and what the tiny writer still writes."""

    path = VECTORS / "store-1"

    def facts(self, path):
        store = self.open(path)
        refs = list(store.ref_lines())
        commits = sorted({line.split()[1] for line in refs if line.startswith("commit")})
        objects = sorted({" ".join(line.split()[:3]) for line in store.object_lines()})
        return {"refs": refs, "trees": {commit: list(store.tree_lines(bytes.fromhex(commit))) for commit in commits},
                "objects": hashlib.sha256("".join(line + "\n" for line in objects).encode()).hexdigest()}

    def test_vector(self):
        summary = self.assert_clean(self.path)
        self.assertEqual({"summary": summary, **self.facts(self.path)},
                         json.loads((self.path / "expected.json").read_text()))
        self.assertLess(sum(file.stat().st_size for file in self.path.rglob("*") if file.is_file()), 65_536)

    def test_stores_of_releases(self):
        """What earlier versions of the program left behind."""
        stores = sorted(VECTORS.glob("store-*.*"))
        self.assertTrue(stores)
        for path in stores:
            with self.subTest(path.name):
                self.assert_clean(path)

    def test_written_again(self):
        """The objects are the same; packs are too where zlib compresses alike."""
        write_vector(self.folder / "store")
        self.assert_clean(self.folder / "store")
        self.assertEqual(self.facts(self.folder / "store"), self.facts(self.path))


class FullStore(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.path = folder.name
        cls.store, cls.commit, cls.big = build_full_store(folder.name)

    def command(self, *arguments, status=0):
        with mock.patch("sys.stdout", io.TextIOWrapper(io.BytesIO())) as out, mock.patch("sys.stderr", io.StringIO()):
            self.assertEqual(read_store.main(list(arguments)), status)
            out.flush()
            return out.buffer.getvalue()

    def test_verify(self):
        def state():
            return [(path, os.lstat(path).st_mtime_ns) for path in sorted(pathlib.Path(self.path).rglob("*"))]
        before = state()
        *problems, summary = self.command("verify", "--cuts", self.path).decode().splitlines()
        self.assertEqual(problems, [])
        self.assertEqual({key: json.loads(summary)[key] for key in ("entries", "packs", "problems")},
                         {"entries": 300, "packs": 4, "problems": 0})
        self.assertEqual(before, state())

    def test_verify_without_zstd(self):
        with mock.patch("shutil.which", return_value=None):
            lines = self.command("verify", self.path, status=1).decode().splitlines()
        self.assertEqual(len(lines), 2)
        self.assertRegex(lines[0], r"problem: \d+ frames could not be decoded \(no zstd command\)")

    def test_list(self):
        lines = self.command("list", self.path).decode().splitlines()
        self.assertEqual(lines, sorted(set(lines)))
        self.assertTrue(any(line.startswith(f"blob {sha256(self.big).hex()} 3000000 ") for line in lines))
        self.assertEqual({line.split()[0] for line in lines}, set(KINDS) - {"statement"})

    def test_cat(self):
        self.assertEqual(self.command("cat", self.path, "blob", "sha256:" + sha256(self.big).hex()), self.big)
        self.assertEqual(self.command("cat", self.path, "tree", EXAMPLES["emptyTree"]), b"\0\0")
        self.command("cat", self.path, "blob", "0" * 64, status=1)

    def test_refs(self):
        lines = self.command("refs", self.path).decode().splitlines()
        self.assertEqual(len(lines), 202)
        self.assertEqual(lines[0], f"commit {self.commit.hex()} branches/main")

    def test_tree(self):
        lines = self.command("tree", self.path, self.commit.hex()).decode().splitlines()
        self.assertEqual(len(lines), 5_006)
        self.assertIn(f"1 {sha256(self.big).hex()} 3000000 \"copy.bin\"", lines)
        self.assertTrue(lines[1].endswith(' {"bytes":"bGF0aW4t6Q=="}'))
        self.assertTrue(any(line.endswith(' "many/name-4999"') for line in lines))

    def test_usage(self):
        for arguments in ([], ["verify"], ["cat", self.path, "blob", "ABC"], ["tree", self.path], ["write", self.path]):
            self.command(*arguments, status=64)

    def test_as_a_program(self):
        result = subprocess.run([sys.executable, HERE / "read_store.py", "verify", os.path.join(self.path, "absent")],
                                capture_output=True, text=True, check=False)
        self.assertEqual((result.returncode, result.stderr), (1, ""))
        self.assertIn("problem: ", result.stdout)


class FlippedBytes(TemporaryStores):
    """One wrong byte at random positions in each kind of file is reported."""

    def flip(self, path, verify):
        with open(path, "r+b") as file:
            self.flip_in(file, path, verify)

    def flip_in(self, file, path, verify):
        original = path.read_bytes()
        generator = random.Random(f"{SEED} {len(original)}")
        for _ in range(FLIPS):
            position = generator.randrange(len(original))
            byte = original[position] ^ generator.randrange(1, 256)
            if original[:position].endswith(b'"cutRule":') and chr(byte).isdecimal():
                continue  # another number is no damage
            os.pwrite(file.fileno(), bytes([byte]), position)
            if not verify():
                self.fail(f"MLREPO_SEED={SEED}: byte {position} of {path.name} is {byte}, not reported")
            os.pwrite(file.fileno(), original[position:position + 1], position)

    def test_small_store(self):
        store, *packs = build_small_store(self.folder)
        self.assert_clean(self.folder)
        files = [store.pack_path(name) for name in packs]
        files += ["format", "log/new/" + "0" * 20, "log/new/" + "0" * 19 + "1"]
        files += [f"log/lists/{name}" for name in os.listdir(self.folder / "log/lists")]
        for file in files:
            with self.subTest(file=file):
                self.flip(self.folder / file, lambda: read_store.verify(self.folder)[0])
        self.assert_clean(self.folder)

    def test_packs_beyond_their_hash(self):
        """CRCs, tables and ids find the byte too, where the SHA-256 of the file is left out."""
        store, *packs = build_small_store(self.folder)
        for name in packs:
            with self.subTest(pack=name):
                self.flip(self.folder / store.pack_path(name),
                          lambda: [line for line in read_store.verify(self.folder)[0] if "SHA-256" not in line])

    def test_packs_of_tensors(self):
        store = TinyStore(self.folder)
        generator = random.Random(4)
        numbers = weights(600, generator)
        old, new = bfloat16s(numbers), bfloat16s(trained_on(numbers, generator))
        packs = [store.pack((3, [("blob", old)], None)), store.pack((4, [("blob", new)], ("blob", old)))]
        store.operate(store.refs({}), features=["tensors"])
        self.assert_clean(self.folder)
        for name in packs:
            with self.subTest(pack=name):
                self.flip(self.folder / store.pack_path(name),
                          lambda: [line for line in read_store.verify(self.folder)[0] if "SHA-256" not in line])
        self.assert_clean(self.folder)

    def test_packs_of_patches(self):
        store = TinyStore(self.folder)
        numbers = random.Random(10)
        rows = [table_rows(numbers, 12) for _ in range(2)]
        bases = list(map(joined, rows))
        frames = [(5, [joined(edited(rows[0] + rows[1], numbers))], bases), (5, [joined(edited(rows[1], numbers))], bases[1:])]
        packs = [store.pack((1, [bases[0]], None), (0, [bases[1]], None)), store.pack(*frames)]
        store.operate(store.refs({}), features=["patches"])
        self.assert_clean(self.folder)
        for name in packs:
            with self.subTest(pack=name):
                self.flip(self.folder / store.pack_path(name),
                          lambda: [line for line in read_store.verify(self.folder)[0] if "SHA-256" not in line])
        self.assert_clean(self.folder)

    def test_tiles(self):
        build_sealed_store(self.folder)
        self.assert_clean(self.folder)
        files = store_log.StoreFiles(self.folder)
        self.addCleanup(files.close)

        def verify():
            problems = []
            store_log.Log(files, ORIGIN, lambda *problem: problems.append(problem)).read()
            return problems
        for file in ("log/tile/entries/000", "log/tile/0/000"):
            with self.subTest(file=file):
                self.flip(self.folder / file, verify)
        self.assert_clean(self.folder)


class Mutations(unittest.TestCase):
    """Payloads that are wrong in themselves are refused as damage, and by nothing else."""

    def test_payloads(self):
        generator = random.Random(SEED)
        with tempfile.TemporaryDirectory() as folder:
            store = TinyStore(folder)
            store.recipe(b"abcdef" * 40, [b"abcdef"] * 40, 0)
            store.commit(store.directory({b"a%d" % i: store.file(b"x") for i in range(40)}), tracked={
                "directories": [{"bytes": "/w=="}], "patterns": ["*"]})
            store.run(parameters={"a": ["map", {"b": ["list", [["int", "1"], ["null"]]]}]})
            store.refs({"branches/a": ("commit", bytes(32))})
            store.event()
            for kind, payload in store.pending:
                for _ in range(200):
                    mutant = bytearray(payload)
                    for _ in range(generator.randrange(1, 4)):
                        at = generator.randrange(len(mutant) + 1)
                        mutant[at:at + generator.randrange(3)] = generator.randbytes(generator.randrange(3))
                    try:
                        read_store.parse_payload(KINDS.index(kind) + 1, bytes(mutant))
                    except Damage:
                        pass
                    except Exception as error:
                        self.fail(f"MLREPO_SEED={SEED}: {error!r} for {kind} {mutant.hex()}")


class Rules(TemporaryStores):
    """Stores that are sound in their bytes and break one rule."""

    def store_of(self, tree=None, refs=None, cut=None, **commit):
        """A store of one commit and one operation."""
        store = TinyStore(self.folder)
        tree = tree(store) if tree else store.directory({})
        commit = store.commit(tree, **{name: make(store) if callable(make) else make for name, make in commit.items()})
        names = refs or {"branches/main": ("commit", commit)}
        store.operate(store.refs(names, cut) if cut else store.refs(names))
        return store

    def test_clean(self):
        self.store_of()
        self.assert_clean(self.folder)

    def test_shape_with_a_history(self):
        self.store_of(refs={f"tags/{i}": ("commit", bytes(32)) for i in range(50)},
                      cut=lambda hashes, zeros: [(i, min(i + 10, len(hashes))) for i in range(0, len(hashes), 10)])
        self.assert_problem("do not end where the rules end them")

    def test_directory_with_wrong_totals(self):
        def tree(store):
            identifier, files, size = store.directory({b"f": store.file(b"x")})
            return store.directory({b"d": (identifier, files, size + 1)})
        self.store_of(tree)
        self.assert_problem("files or size of directory")

    def test_file_with_wrong_size(self):
        self.store_of(lambda store: store.directory({b"f": (1, store.file(b"x")[1], 2)}))
        self.assert_problem("differs from its blob's")

    def test_link_with_zero_byte(self):
        self.store_of(lambda store: store.directory({b"f": store.file(b"a\0b", mode=3)}))
        self.assert_problem("has a zero byte")

    def test_missing_blob(self):
        self.store_of(lambda store: store.directory({b"f": (1, bytes(32), 2)}))
        self.assert_problem("is missing")

    def test_deep_directories(self):
        def tree(store):
            directory = store.directory({})
            for _ in range(2_048):
                directory = store.directory({b"d": directory})
            return directory
        self.store_of(tree)
        self.assert_problem("directories are too deep")

    def test_long_path(self):
        def tree(store):
            directory = store.directory({b"f": store.file(b"x")})
            for _ in range(17):
                directory = store.directory({b"d" * 250: directory})
            return directory
        self.store_of(tree)
        self.assert_problem("path is too long")

    def test_recipe_that_is_not_listed(self):
        self.store_of(lambda store: store.directory({b"f": store.recipe(b"abcd", [b"ab", b"cd"], 0)[0]}))
        self.assert_problem("no recipe is listed")

    def test_recipe_of_other_bytes(self):
        def tree(store):
            entry, self.pair = store.recipe(b"abcd", [b"ab", b"ce"], 0)
            return store.directory({b"f": entry})
        self.store_of(tree, recipes=lambda store: store.recipes([self.pair]))
        self.assert_problem("chunks are not the blob")

    def test_recipe_without_a_chunk(self):
        def tree(store):
            entry, self.pair = store.recipe(b"abcd", [b"ab", b"cd"], 0)
            del store.pending["blob", b"cd"]
            return store.directory({b"f": entry})
        self.store_of(tree, recipes=lambda store: store.recipes([self.pair]))
        self.assert_problem("is missing")

    def test_recipe_of_another_cut_rule(self):
        def tree(store):
            entry, self.pair = store.recipe(b"abcd" * 100_000, [b"abcd" * 50_000] * 2, 1)
            return store.directory({b"f": entry})
        self.store_of(tree, recipes=lambda store: store.recipes([self.pair]))
        self.assert_clean(self.folder)
        self.assertIn("chunks are not those of cut rule 1", "".join(read_store.verify(self.folder, cuts=True)[0]))

    def test_recipe_of_one_chunk(self):
        def tree(store):
            entry, self.pair = store.recipe(b"abcd", [b"abcd"], 0)
            return store.directory({b"f": entry})
        self.store_of(tree, recipes=lambda store: store.recipes([self.pair]))
        self.assert_problem("less than two chunks")

    def test_empty_map_of_recipes(self):
        self.store_of(recipes=lambda store: store.recipes([]))
        self.assert_problem("empty map of recipes")

    def test_recipe_of_what_the_parent_has(self):
        """Blobs at any path of the first parent's tree need not be listed, and others may be."""
        store = TinyStore(self.folder)
        entry, pair = store.recipe(b"abcd", [b"ab", b"cd"], 0)
        first = store.commit(store.directory({b"f": entry}), recipes=store.recipes([pair]))
        for listed in ({}, {"recipes": store.recipes([pair])}):
            second = store.commit(store.directory({b"g": entry}), parents=[first.hex()], **listed)
            store.operate(store.refs({"branches/main": ("commit", second)}))
        self.assert_clean(self.folder)

    def test_input_commits_reach_nothing(self):
        self.store_of(runs=lambda store: [store.run(inputCommits=[{"commit": "0" * 64, "path": "a"}])])
        self.assert_clean(self.folder)

    def test_frames(self):
        """Codecs: what is stored is not above the raw bytes, and a base lies in its pack, in its class, not empty."""
        text, other = ("blob", b"line\n" * 100), ("blob", b"line\n" * 101)
        node = ("tree", b"\0\0")
        for words, frames in (("larger than the limits", [(1, [("blob", b"a")], None)]),
                              ("lies in no frame of the pack", [(7, [text], other)]),
                              ("lies in no frame of the pack", [(0, [("blob", b"x")], None), (7, [text], other),
                                                                (7, [other], text)]),
                              ("base of another class", [(0, [node], None), (7, [text], node)]),
                              ("is empty", [(0, [("blob", b"")], None), (7, [text], ("blob", b""))])):
            with self.subTest(words):
                self.fresh_folder()
                store = TinyStore(self.folder)
                store.pack((0, [other], None))
                store.pack(*frames, always=True)
                store.operate(store.refs({}))
                self.assert_problem(words)

    def test_zstd_frames(self):
        def frame(descriptor, dictionary, raw=bytes(100), window=b""):
            return (bytes.fromhex("28b52ffd") + bytes([0x20 | descriptor]) + window + dictionary + bytes([len(raw)])
                    + (len(raw) << 3 | 3).to_bytes(3, "little") + raw[:1])
        for descriptor, dictionary in ((0, b""), (1, b"\0"), (2, bytes(2)), (3, bytes(4))):
            store_packs.check_zstd_frame(frame(descriptor, dictionary), 100)
        plain = frame(0, b"")
        skippable = bytes.fromhex("502a4d1800000000")
        for bad in (frame(1, b"\1"), frame(3, b"\0\0\0\1"), frame(8, b""), skippable + plain, plain + skippable):
            with self.assertRaises(Damage):
                store_packs.check_zstd_frame(bad, 100)
        no_single = bytes.fromhex("28b52ffd 40")  # a window descriptor, then a content size of two bytes
        for window, good in ((0x68, True), (0x69, False)):  # 8 MiB, 9 MiB
            data = no_single + bytes([window, 300 - 256, 0]) + (300 << 3 | 3).to_bytes(3, "little") + b"x"
            if good:
                store_packs.check_zstd_frame(data, 300)
            else:
                with self.assertRaises(Damage):
                    store_packs.check_zstd_frame(data, 300)

    def test_refs_of_events(self):
        store = self.store_of()
        store.operate(store.newest_refs, event=store.event(None, store.newest_refs), added=[store.flush()])
        self.assert_problem("refs of the event are not what the entry changes event of entry 1")

    def test_what_stays(self):
        """Events of all entries and every commit that a ref named stay; refs nodes of older entries need not."""
        for words, lost in (("named by event of entry 0", "commit"), ("event of entry 0", "event"), (None, "refs")):
            with self.subTest(lost):
                self.fresh_folder()
                store = TinyStore(self.folder)
                commit = store.commit(store.directory({}))
                root, empty = store.refs({"branches/a": ("commit", commit)}), store.refs({})
                events = [store.event(None, root), store.event(root, empty)]
                for item in list(store.pending):
                    if item[0] == lost and make_id(*item).hex() in (commit.hex(), events[0], root):
                        del store.pending[item]
                store.flush()
                store.operate(root, event=events[0])
                store.operate(empty, event=events[1])
                if words:
                    self.assert_problem(words)
                else:
                    self.assert_clean(self.folder)

    def test_cut_rules_of_later_writers(self):
        store = self.store_of()
        store.write("format", canonical({"cutRule": 77, "format": 1, "origin": ORIGIN}) + b"\n")
        self.assert_clean(self.folder)

    def test_pack_lists_of_few_names_and_dooming_again(self):
        store = self.store_of()
        name = f"{1:064x}-{1:016x}"
        for _ in range(2):
            event = store.event()
            store.operate(store.newest_refs, event=event, added=[store.flush()], doomed=[name], as_list=True)
        self.assert_clean(self.folder)
        self.assertEqual(len(os.listdir(self.folder / "log/lists")), 2)

    def test_notes(self):
        store = self.store_of()
        path = f"log/new/{0:020d}"
        file = json.loads((self.folder / path).read_text())
        note = file["note"]
        for tail, good in (("\n\u2014 origin YWJjZGVm\n", True), ("extension\n", False), ("\n", False)):
            store.write(path, canonical({**file, "note": note + tail}))
            problems, _ = read_store.verify(self.folder)
            self.assertEqual(problems, [] if good else ["problem: note is not that of the log " + path])

    def test_line_feeds(self):
        store = self.store_of()
        for path, change in (("format", lambda data: data[:-1]), (f"log/new/{0:020d}", lambda data: data + b"\n")):
            data = (self.folder / path).read_bytes()
            store.write(path, change(data))
            self.assertTrue(read_store.verify(self.folder)[0])
            store.write(path, data)
        self.assert_clean(self.folder)

    def test_listing_of_a_hostile_tree(self):
        """A few small nodes that describe 2^40 files, or as many empty directories, are not listed to their end."""
        for leaf in (lambda store: store.directory({b"f": store.file(b"")}), lambda store: store.directory({})):
            self.fresh_folder()
            def tree(store):
                directory = leaf(store)
                for _ in range(40):
                    directory = store.directory({b"a": directory, b"b": directory})
                return directory
            store = self.store_of(tree)
            self.assert_clean(self.folder)
            commit = next(iter(store.ref_maps[store.newest_refs].values()))[1]
            opened = read_store.Store(self.folder, self.fail)
            self.addCleanup(opened.files.close)
            with mock.patch("read_store.MOST_LISTED", 1_000), self.assertRaisesRegex(Damage, "too many"):
                for _ in opened.tree_lines(commit):
                    pass

    def test_run_rules(self):
        item = {"commit": "0" * 64, "path": "a"}
        usage = {"maximumResidentBytes": 1, "systemMicroseconds": 1, "userMicroseconds": -1}
        for members in ({"started": -1}, {"exitStatus": -1}, {"signal": 0}, {"inputCommits": [item, item]},
                        {"recorded": None}, {"user": None}, {"name": "0" * 31}, {"base": "0"}, {"usage": usage},
                        {"command": {"arguments": [{"bytes": "YQ=="}]}}, {"command": {"arguments": [1]}},
                        {"external": {"bytes": 0, "files": 0, "list": "0" * 64}}, {"uncertain": ["b", "a"]},
                        {"gaps": ["a", "a"]}, {"within": "box"}, {"code": {"dirty": True, "system": "svn"}},
                        *({"reproduction": {"run": "0" * 64, "result": "identical", "outputs": 1, "differences": [], **wrong}}
                          for wrong in ({"result": "same"}, {"tolerance": "x"}, {"outputs": -1}, {"paths": ["b", "a"]},
                                        {"differences": [{"path": "a", "equivalent": True}]}))):
            with self.subTest(members):
                store = TinyStore(self.folder)
                run = bytes.fromhex(store.run(**members))
                with self.assertRaises(Damage):
                    read_store.parse_payload(store_objects.RUN, next(p for k, p in store.pending
                                                                     if make_id(k, p) == run))

    def test_what_a_run_keeps_has_to_be_there(self):
        for member in ("standardOutput", "standardError", "packages", "lookups", "saved"):
            with self.subTest(member):
                self.fresh_folder()
                self.store_of(runs=lambda store, member=member: [store.run(**{member: "0" * 64})])
                self.assert_problem("0" * 12)
        for members in ({"code": {"dirty": True, "system": "none", "sources": "0" * 64}},
                        {"code": {"dirty": True, "system": "git", "files": "0" * 64}},
                        {"external": {"bytes": 0, "files": 1, "list": "0" * 64}}):
            with self.subTest(members):
                self.fresh_folder()
                self.store_of(runs=lambda store, members=members: [store.run(**members)])
                self.assert_problem("0" * 12)
        self.fresh_folder()
        self.store_of(runs=lambda store: [store.run(base="0" * 64, command={"arguments": ["a", {"bytes": "/w=="}]})])
        self.assert_clean(self.folder)

    def test_refs_name_commits_and_runs(self):
        for name, kind in (("branches/a", "run"), ("tags/a", "tree"), ("runs/a", "commit"), ("worktrees/a", "blob")):
            with self.subTest(name):
                self.fresh_folder()
                self.store_of(refs={name: (kind, bytes(32))})
                self.assert_problem("names an object of kind")

    def test_commit_rules(self):
        for words, members in (("a person", {"author": {"email": "", "name": "a\n"}}),
                               ("runs: too few", {"runs": []}), ("parents: an element", {"parents": ["0" * 64] * 2}),
                               ("times", {"authored": True}), ("times", {"committed": -1}),
                               ("directories: name b'.git'", {"tracked": {"directories": [".git"], "patterns": []}})):
            with self.subTest(words):
                store = TinyStore(self.folder)
                commit = store.commit(store.directory({}), **members)
                with self.assertRaises(Damage):
                    read_store.parse_payload(COMMIT, next(p for k, p in store.pending if make_id(k, p) == commit))

    def test_packs_that_are_not_live(self):
        name = f"{1:064x}-{1:016x}"
        for words, operations in (("dropped though not live", [{"dropped": [name]}]),
                                  ("added though doomed", [{"doomed": [name]}, {"added": [name]}]),
                                  ("two changes", [{"dropped": [name], "doomed": [name]}]),
                                  ("cannot be read (No such file", [{"added": [name]}])):
            with self.subTest(words):
                self.fresh_folder()
                store = self.store_of()
                for members in operations:
                    store.operate("0" * 64, event="0" * 64, **{"added": [], **members})
                self.assert_problem(words)

    def test_live_packs_doomed_and_added(self):
        store = self.store_of()
        live = json.loads(store.leaves[0])["packs"]["added"]
        store.operate("0" * 64, event="0" * 64, added=live)
        store.operate("0" * 64, event="0" * 64, added=[], doomed=live)
        self.assert_problem("added though live")
        self.assert_problem("doomed though live")

    def test_log_rules(self):
        many = [f"{i:064x}-{i:016x}" for i in range(33)]
        for words, members in (("features ['new']", {"features": ["new"]}), ("its number is 0", {"number": 0}),
                               ("features ['new'] are not known", {"features": ["new", "tensors"]}),
                               ("features: not a feature's name", {"features": ["New"]}),
                               ("time: below 0", {"time": -1}),
                               ("more than 32", {"packs": {"added": many, "doomed": [], "dropped": []}}),
                               ("one of packs", {"packList": "0" * 64}),
                               ("larger than 4096", {"padding": "x" * 4_000})):
            with self.subTest(words):
                self.fresh_folder()
                store = self.store_of()
                store.operate("0" * 64, **{"event": "0" * 64, **members})
                self.assert_problem(words)

    def test_event_of_two_entries(self):
        store = self.store_of()
        store.operate(store.newest_refs, event=json.loads(store.leaves[0])["event"], added=[])
        self.assert_problem("event is that of another entry")

    def test_gap_in_the_log(self):
        store = self.store_of()
        for _ in range(3):
            store.operate("0" * 64, event="0" * 64, added=[])
        os.remove(self.folder / f"log/new/{1:020d}")
        self.assert_problem("entry behind a gap")

    def test_ghosts(self):
        """A file that differs from its sealed entry is no damage, except the newest entry's."""
        store = build_sealed_store(self.folder)
        ghost = TinyStore(self.folder / "other")
        ghost.leaves = store.leaves[:255]
        ghost.operate("0" * 64, event="0" * 64)
        data = (self.folder / "other/log/new" / f"{255:020d}").read_bytes()
        store.write(f"log/new/{255:020d}", data)
        self.assert_clean(self.folder)
        store.write(f"log/new/{255:020d}", data.replace(b'"time":1}', b'"time":2}'))
        self.assert_problem("note is not that of the log")
        store.write(f"log/new/{255:020d}", data[:-1])
        self.assert_problem("not JSON")
        store.write(f"log/new/{255:020d}", data)
        os.remove(self.folder / f"log/new/{256:020d}")
        self.assert_problem("differs from the tile")

    def test_missing_tile(self):
        build_sealed_store(self.folder)
        os.remove(self.folder / "log/tile/entries/000")
        self.assert_problem("log without entries")
        self.assert_problem("entry behind a gap")

    def test_links_are_not_followed(self):
        store = self.store_of()
        pack = self.folder / store.pack_path(json.loads(store.leaves[0])["packs"]["added"][0])
        with tempfile.TemporaryDirectory() as outside:
            moved = pathlib.Path(outside, "pack")
            pack.rename(moved)
            pack.symlink_to(moved)
            self.assert_problem("cannot be read")

    def test_special_files(self):
        self.store_of()
        os.remove(self.folder / "format")
        os.mkfifo(self.folder / "format")
        self.assert_problem("not a regular file")


def weights(count, generator, deviation=0.02):
    """Numbers that look like those of a trained model."""
    return [generator.gauss(0, deviation) for _ in range(count)]


def trained_on(numbers, generator):
    """What a step of training makes of numbers."""
    return [number * (1 + 1e-3 * generator.gauss(0, 1)) for number in numbers]


def bfloat16s(numbers):
    return b"".join(struct.pack("<f", number)[2:] for number in numbers)


def float32s(numbers):
    return struct.pack(f"<{len(numbers)}f", *numbers)


def safetensors(tensors, **more):
    """The bytes of a safetensors file. A tensor is (name, type, shape, bytes or their number)."""
    header, end, parts = dict(more), 0, []
    for name, kind, shape, content in tensors:
        content = bytes(content) if isinstance(content, int) else content
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [end, end + len(content)]}
        end += len(content)
        parts.append(content)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"".join(parts)


class WrittenFrames(TemporaryStores):
    """Frames from the tiny writer that need a feature."""

    features = ()
    new = None

    def store_of(self, *packs, features=None, **options):
        """A store of one operation that adds packs of these frames."""
        self.fresh_folder()
        store = TinyStore(self.folder)
        self.names = [store.pack(*frames, **options) for frames in packs]
        store.operate(store.refs({}), features=list(self.features if features is None else features))
        return store

    def assert_read(self, *blobs):
        self.assert_clean(self.folder)
        store = self.open(self.folder)
        for _, payload in blobs:
            self.assertEqual(store.payload(BLOB, sha256(payload)), payload)

    def damage(self, number):
        """Changes the last stored byte of the first frame of a pack."""
        end = self.open(self.folder).packs[self.names[number]].frames[0].end
        path = self.folder / TinyStore.pack_path(self.names[number])
        data = bytearray(path.read_bytes())
        data[end - 1] ^= 1
        path.write_bytes(data)

    def codecs(self):
        return sorted(frame.codec for pack in self.open(self.folder).packs.values() for frame in pack.frames
                      if frame.codec in (3, 4, 5, 6))

    def assert_refused(self, words, blob=None):
        """A problem is found, and the blob, or `new`, is not read."""
        self.assert_problem(words)
        with self.assertRaisesRegex(Damage, words):
            self.open(self.folder).payload(BLOB, sha256((blob or self.new)[1]))

class TensorFrames(WrittenFrames):
    """Frames of codecs 3 and 4 from the tiny writer: what is read, and what is refused."""

    features = ("tensors",)
    generator = random.Random(3)
    numbers = weights(1_000, generator)
    old, new = ("blob", bfloat16s(numbers)), ("blob", bfloat16s(trained_on(numbers, generator)))
    newer = ("blob", bfloat16s(trained_on(trained_on(numbers, generator), generator)))
    longer = ("blob", old[1] + bfloat16s(weights(24, generator)))

    def test_without_a_base(self):
        self.store_of([(3, [self.old], None)])
        self.assertEqual(self.codecs(), [3])
        self.assert_read(self.old)

    def test_places_of_a_base(self):
        """Any live pack, before or behind, in any frame without a base."""
        upon_old = (4, [self.new], self.old)
        for codec in (0, 1, 3):
            whole = (codec, [self.old], None)
            for packs in ([[whole], [upon_old]], [[upon_old], [whole]], [[whole, upon_old]], [[upon_old, whole]]):
                with self.subTest(codec=codec, packs=packs):
                    self.store_of(*packs)
                    self.assertIn(4, self.codecs())
                    self.assert_read(self.old, self.new)

    def test_base_among_others(self):
        self.store_of([(1, [("blob", b"a"), self.old, ("blob", b"b")], None)], [(4, [self.new], self.old)])
        self.assert_read(self.old, self.new)

    def test_bases_of_other_lengths(self):
        """A longer one is cut off, a shorter one has zero bytes behind it."""
        for base, tensor in ((self.longer, self.new), (self.new, self.longer), (("blob", self.old[1][:1_001]), self.new)):
            self.store_of([(3, [base], None)], [(4, [tensor], base)])
            self.assertEqual(self.codecs(), [3, 4])
            self.assert_read(base, tensor)

    def test_copies_of_a_base(self):
        """A copy that has a base itself is not looked at, one that is damaged is passed over."""
        copies = [[(4, [self.new], self.old)], [(4, [self.newer], self.new)], [(3, [self.old], None)]]
        self.store_of(*copies, [(3, [self.new], None)])
        self.assert_read(self.old, self.new, self.newer)
        for damaged in (3, 4):
            self.store_of(*copies, [(0, [self.new], None)], [(0, [self.new, ("blob", b"")], None)])
            self.damage(damaged)
            self.assertEqual(self.open(self.folder).payload(BLOB, sha256(self.newer[1])), self.newer[1])

    def test_index_of_what_lies_twice(self):
        """A place in a frame of codec 4 counts only where there is no other."""
        self.store_of([(3, [self.old], None), (4, [self.new], self.old), (3, [self.new], None)])
        self.assert_read(self.old, self.new)
        entries = {entry.id: entry.frame for pack in self.open(self.folder).packs.values() for entry in pack.entries}
        self.assertEqual(entries[sha256(self.new[1])], 2)
        frames = {0: [store_packs.Content(BLOB, b"", None, 0, 1)] * 2, 1: [store_packs.Content(BLOB, b"", None, 0, 1)]}
        for depths, frame in (({}, 0), ({0: 1}, 1), ({0: 1, 1: 1}, 0), ({0: 1, 1: 2}, 0), ({0: 2, 1: 1}, 1), ({0: 2, 1: 2}, 0)):
            self.assertEqual([entry.frame for entry in store_packs.expected_entries(frames, depths)], [frame])

    def test_bases_that_are_missing(self):
        nowhere = f"base blob {sha256(self.old[1]).hex()} lies in no frame without a base"
        upon_old = (4, [self.new], self.old)
        self.store_of([upon_old])
        self.assert_refused(nowhere)
        self.store_of([upon_old], [(4, [self.old], self.newer)], [(3, [self.newer], None)])
        self.assert_refused(nowhere)
        self.store_of([upon_old], [(7, [self.old], self.newer), (3, [self.newer], None)], always=True)
        self.assert_refused(nowhere)
        self.store_of([upon_old], [(4, [self.old], self.new)])  # upon each other
        self.assert_refused(nowhere)
        self.store_of([(4, [self.new], self.new)])
        self.assert_refused("lies in no frame without a base")

    def test_base_in_a_pack_that_is_not_live(self):
        store = self.store_of([(4, [self.new], self.old)], [(3, [self.old], None)])
        self.assert_read(self.new)
        event = store.event()
        store.operate(store.newest_refs, event=event, added=[store.flush()], dropped=[self.names[1]], features=["tensors"])
        self.assert_refused("lies in no frame without a base")

    def test_bases_that_are_no_bases(self):
        for words, base, packs in (("is empty", ("blob", b""), [[(0, [("blob", b"")], None)]]),
                                   ("base of another class", ("tree", b"\0\0"), [])):
            self.store_of([(4, [self.new], base)], *packs, always=True)
            self.assert_refused(words)

    def test_base_that_is_damaged(self):
        self.store_of([(4, [self.new], self.old)], [(0, [self.old], None)])
        self.damage(1)
        self.assert_refused(f"base blob {sha256(self.old[1]).hex()}: CRC of stored bytes differs")

    def test_another_base_than_the_writer_had(self):
        """The stream may decode, but the bytes are another blob's."""
        self.store_of([(3, [self.old], None), (4, [self.new], self.old)],
                      compress=lambda codec, raw, base: tensor_stream(raw, base and self.newer))
        self.assert_problem("index differs from the frames")
        with self.assertRaisesRegex(Damage, "has other bytes"):
            self.open(self.folder).payload(BLOB, sha256(self.new[1]))

    def test_frames(self):
        for words, frame in (("not alone in its frame", (3, [self.old, ("blob", b"")], None)),
                             ("not alone in its frame", (4, [self.new, self.newer], self.old)),
                             ("class 1 with codec 3", (3, [("tree", b"\0\0")], None)),
                             ("class 1 with codec 4", (4, [("tree", b"\0\0")], ("tree", b"\0\0"))),
                             ("codec 8 is not known", (8, [self.old], None)),
                             ("stream of a tensor: ", (3, [("blob", b"a")], None)),
                             ("stream of a tensor: ", (4, [("blob", b"abc")], self.old))):
            with self.subTest(words):
                self.store_of([(0, [self.old], None)], [frame], always=True,
                              compress=lambda codec, raw, base: raw)
                self.assert_problem(words)

    def test_feature(self):
        words = "it has tensors, which the newest entry does not demand"
        for frame in ((3, [self.new], None), (4, [self.new], self.old)):
            for features, problems in (([], 1), (["tensors"], 0)):
                self.store_of([(1, [self.old], None)], [frame], features=features)
                self.assertEqual(len(read_store.verify(self.folder)[0]), problems)
                if problems:
                    self.assert_problem(words)
        store = self.store_of([(3, [self.new], None)])
        event = store.event()
        store.operate(store.newest_refs, event=event, added=[store.flush()])
        self.assert_problem(words)
        self.assert_problem("features of the entry before are not in force any more")

    def test_feature_without_tensors(self):
        self.store_of([(1, [self.old], None)])
        self.assert_clean(self.folder)


def table_rows(numbers, count):
    """Rows of a table, which hardly compress."""
    return [b"%d,%d,%d\n" % (i, numbers.randrange(10**6), numbers.randrange(10**6)) for i in range(count)]


def edited(rows, numbers):
    """The rows with some changed, some inserted and some left out."""
    rows = list(rows)
    for _ in range(1 + len(rows) // 40):
        at = numbers.randrange(len(rows))
        rows[at:at + numbers.randrange(3)] = table_rows(numbers, numbers.randrange(3))
    return rows


def joined(rows):
    return "blob", b"".join(rows)


class PatchFrames(WrittenFrames):
    """Frames of codec 5 from the tiny writer: what is read, and what is refused."""

    features = ("patches",)
    numbers = random.Random(6)
    rows = [table_rows(random.Random(i), 100) for i in range(3)]
    bases = list(map(joined, rows))
    old = bases[0]
    new, newer = joined(edited(rows[0], numbers)), joined(edited(rows[0], numbers))
    merged = joined(edited(rows[2], numbers) + edited(rows[0], numbers) + edited(rows[1], numbers))
    upon_old = (5, [new], [old])

    def whole(self, *blobs, codec=1):
        return [(codec, [blob], None) for blob in blobs]

    def test_places_of_a_base(self):
        """Any live pack, before or behind, in any frame without a base."""
        for codec in (0, 1, 2):
            whole, = self.whole(self.old, codec=codec)
            for packs in ([[whole], [self.upon_old]], [[self.upon_old], [whole]], [[whole, self.upon_old]],
                          [[self.upon_old, whole]]):
                with self.subTest(codec=codec, packs=[len(pack) for pack in packs]):
                    self.store_of(*packs)
                    self.assertEqual(self.codecs(), [5])
                    self.assert_read(self.old, self.new)

    def test_base_that_is_a_tensor(self):
        tensor = ("blob", bfloat16s(weights(1_000, random.Random(7))))
        longer = ("blob", tensor[1] + b"and more")
        self.store_of([(3, [tensor], None)], [(5, [longer], [tensor])], features=["patches", "tensors"])
        self.assertEqual(self.codecs(), [3, 5])
        self.assert_read(tensor, longer)

    def test_several_bases(self):
        """In the order of the table, in packs of their own and beside other objects."""
        for order in ([0, 1, 2], [2, 0, 1]):
            bases = [self.bases[i] for i in order]
            frame = (5, [self.merged], bases)
            self.store_of(self.whole(*self.bases), [frame])
            self.assertEqual(self.codecs(), [5])
            self.assert_read(*self.bases, self.merged)
            self.store_of([(1, [("blob", b"a"), self.bases[1], ("blob", b"b")], None)], [frame], *map(self.whole, bases))
            self.assert_read(*self.bases, self.merged)
            record, = (record for pack in self.open(self.folder).packs.values() for record in pack.frames if record.codec == 5)
            self.assertEqual(record.bases, tuple((BLOB, sha256(payload)) for _, payload in bases))

    def test_copy_out_of_two_bases(self):
        """What is copied may begin in one base and end in another."""
        half = len(self.old[1]) // 2
        halves = [("blob", self.old[1][:half]), ("blob", self.old[1][half:])]
        stream = patch_stream(patch_command(0, len(self.old[1]), 0), b"")
        self.store_of(self.whole(*halves, codec=0), [(5, [self.old], halves)],
                      compress=lambda codec, raw, base: stream if codec == 5 else raw)
        self.assertEqual(self.codecs(), [5])
        self.assert_read(self.old, *halves)

    def test_most_bases(self):
        parts = [joined(table_rows(self.numbers, 3)) for _ in range(64)]
        backwards = joined(payload for _, payload in parts[::-1])
        self.store_of(self.whole(*parts), [(5, [backwards], parts)])
        self.assertEqual(self.codecs(), [5])
        self.assert_read(backwards, *parts)

    def test_several_objects(self):
        objects = [self.new, ("blob", b""), self.newer, ("blob", b"short")]
        self.store_of(self.whole(self.old), [(5, objects, [self.old])])
        self.assertEqual(self.codecs(), [5])
        self.assert_read(*objects)

    def test_copies_of_a_base(self):
        """A copy that has a base itself is not looked at, one that is damaged is passed over."""
        copies = [[self.upon_old], [(5, [self.newer], [self.new])], self.whole(self.old)]
        self.store_of(*copies, self.whole(self.new))
        self.assertEqual(self.codecs(), [5, 5])
        self.assert_read(self.old, self.new, self.newer)
        for damaged in (3, 4):
            self.store_of(*copies, self.whole(self.new, codec=0), [(0, [self.new, ("blob", b"")], None)])
            self.damage(damaged)
            self.assertEqual(self.open(self.folder).payload(BLOB, sha256(self.newer[1])), self.newer[1])

    def test_index_of_what_lies_twice(self):
        """A place in a frame of codec 4 or 5 counts only where there is no other."""
        old, new = TensorFrames.old, TensorFrames.new
        almost = ("blob", new[1][:-2] + b"ab")
        bases, upon_almost, upon_old, whole = self.whole(old, almost), (5, [new], [almost]), (4, [new], old), *self.whole(new)
        for number, frames in ((2, [upon_almost, upon_almost, whole]), (0, [upon_almost, upon_almost]),
                               (0, [upon_almost, upon_old]), (0, [upon_old, upon_almost]), (2, [upon_old, upon_almost, whole])):
            with self.subTest(codecs=[codec for codec, *_ in frames]):
                self.store_of(frames, bases, features=["patches", "tensors"])
                self.assertEqual(self.codecs(), sorted(codec for codec, *_ in frames if codec != 1))
                self.assert_read(old, almost, new)
                entries = {entry.id: entry.frame for entry in self.open(self.folder).packs[self.names[0]].entries}
                self.assertEqual(entries[sha256(new[1])], number)

    def test_table_of_bases(self):
        """Each list of bases once, in order of first use; lists are the same where all of them is."""
        a, b, c = self.bases
        upon = [[a], [a, b], [a], [b], [a, b], [b, a], [a, b, c]]
        frames = [(5, [("blob", bases[0][1] + b"%d" % i)], bases) for i, bases in enumerate(upon)]
        frames += [(7, [("blob", a[1] + b"seven")], a), (7, [("blob", c[1] + b"seven")], c), *self.whole(a, b, c)]
        self.store_of(frames)
        self.assert_read(*(objects[0] for _, objects, _ in frames))
        name, = self.names
        data = (self.folder / TinyStore.pack_path(name)).read_bytes()
        index, count, base_count = struct.unpack("<QII", data[-64:-48])
        records = [data[at:at + 16] for at in range(index, index + 16 * count, 16)]
        self.assertEqual([(struct.unpack("<I", record[8:12])[0], record[14]) for record in records],
                         [(1, 0), (2, 1), (1, 0), (4, 0), (2, 1), (5, 1), (7, 2), (1, 0), (10, 0), (0, 0), (0, 0), (0, 0)])
        table = [data[at:at + 32] for at in range(index + 16 * count, index + 16 * count + 36 * base_count, 36)]
        self.assertEqual(table, [sha256(payload) for _, payload in (a, a, b, b, b, a, a, b, c, c)])

    def test_wrong_tables_of_bases(self):
        a, b, c = (b"\1" + sha256(payload) for _, payload in self.bases)
        order = "bases are not in the order of their first use, each list once"
        differ, absent = "frame and index differ", "a frame has bases that are not there"
        for words, numbers, table, places in (
                (None, [[0]], [a], [(1, 0)]),
                (order, [[0], [0]], [a, a], [(1, 0), (2, 0)]),
                (order, [[0], [1]], [b, a], [(2, 0), (1, 0)]),
                (order, [[0, 1], [0]], [a, b], [(1, 1), (1, 0)]),
                (order, [[0, 1], [1]], [a, b], [(1, 1), (2, 0)]),
                (order, [[0], [0, 1]], [a, b], [(1, 0), (1, 1)]),
                (order, [[0, 1], [1, 2]], [a, b, c], [(1, 1), (2, 1)]),
                (order, [[0, 1], [0, 1]], [a, b, a, b], [(1, 1), (3, 1)]),
                (order, [[0]], [b, a], [(2, 0)]),
                ("a base is not used", [[0]], [a, b], [(1, 0)]),
                ("a base is not used", [[0, 1]], [a, b, b], [(1, 1)]),
                (absent, [[0]], [], [(1, 0)]),
                (absent, [[0]], [a], [(1, 1)]),
                (absent, [[0, 1]], [a, b], [(0, 1)]),
                ("a frame has more than 64 bases", [[0]], [a] * 65, [(1, 64)]),
                (differ, [[0]], [b], [(1, 0)]),
                (differ, [[0, 1]], [b, a], [(1, 1)]),
                (differ, [[0, 1]], [a], [(1, 0)]),
                (differ, [[0]], [a, b], [(1, 1)]),
                (differ, [[0]], [], [(0, 0)]),
                (differ, [[0, 1], [0, 1]], [a, b, b, a], [(1, 1), (3, 1)]),
                (differ, [[0]], [b"\2" + a[1:]], [(1, 0)])):
            with self.subTest(words, numbers=numbers, places=places):
                frames = [(5, [("blob", self.old[1] + b"%d" % i)], [self.bases[number] for number in of_frame])
                          for i, of_frame in enumerate(numbers)]
                self.fresh_folder()
                store = TinyStore(self.folder)
                store.pack(*self.whole(*self.bases))
                store.pack(*frames, arrange=lambda lists: (table, places))
                store.operate(store.refs({}), features=["patches"])
                if words:
                    self.assert_problem(words)
                else:
                    self.assert_clean(self.folder)

    def test_bases_that_are_missing(self):
        nowhere = f"base blob {sha256(self.old[1]).hex()} lies in no frame without a base"
        self.store_of([self.upon_old])
        self.assert_refused(nowhere)
        for base in ((5, [self.old], [self.newer]), (7, [self.old], self.newer)):
            self.store_of([self.upon_old], [base, *self.whole(self.newer)], always=True)
            self.assert_refused(nowhere)
        self.store_of([self.upon_old], [(5, [self.old], [self.new])])  # upon each other
        self.assert_refused(nowhere)
        self.store_of([(5, [self.new], [self.new])])
        self.assert_refused("lies in no frame without a base")
        for lost in range(3):
            self.store_of(self.whole(*(base for i, base in enumerate(self.bases) if i != lost)),
                          [(5, [self.merged], self.bases)])
            self.assert_refused(f"base blob {sha256(self.bases[lost][1]).hex()} lies in no", self.merged)

    def test_tensors_and_patches(self):
        """A copy of codec 5 is no base for codec 4, nor the other way round."""
        old, new = TensorFrames.old, TensorFrames.new
        almost = ("blob", old[1][:-2] + b"ab")
        for frames, base, blob in (([(5, [old], [almost]), *self.whole(almost), (4, [new], old)], old, new),
                                   ([(4, [old], new), *self.whole(new), (5, [almost], [old])], old, almost)):
            self.store_of(frames, features=["patches", "tensors"])
            self.assertEqual(self.codecs(), [4, 5])
            self.assert_refused(f"base blob {sha256(base[1]).hex()} lies in no frame without a base", blob)

    def test_base_in_a_pack_that_is_not_live(self):
        store = self.store_of([self.upon_old], self.whole(self.old))
        self.assert_read(self.new)
        event = store.event()
        store.operate(store.newest_refs, event=event, added=[store.flush()], dropped=[self.names[1]], features=["patches"])
        self.assert_refused("lies in no frame without a base")

    def test_base_by_recipe_only(self):
        """A base lies whole: its chunks and their recipe are no base."""
        self.fresh_folder()
        store = TinyStore(self.folder)
        store.recipe(self.old[1], [self.old[1][:500], self.old[1][500:]], 0)
        store.pack(self.upon_old)
        store.operate(store.refs({}), features=["patches"])
        self.assert_refused("lies in no frame without a base")

    def test_bases_that_are_no_bases(self):
        for words, bases, packs in (("is empty", [self.old, ("blob", b"")], [[(0, [("blob", b"")], None)]]),
                                    ("is empty", [("blob", b""), self.old], [[(0, [("blob", b"")], None)]]),
                                    ("base of another class", [self.old, ("tree", b"\0\0")], []),
                                    ("base of another class", [("tree", b"\0\0")], [])):
            self.store_of([(5, [self.new], bases)], self.whole(self.old), *packs)
            self.assert_refused(words)

    def test_numbers_of_bases(self):
        stream = patch_stream(patch_command(0, len(self.old[1]), 0), b"")
        parts = [("blob", b"%d" % i) for i in range(65)]
        for words, bases, places in (("frame of 0 bases", [], (0, 0)), ("frame of 65 bases", parts, (1, 63))):
            self.store_of([(5, [self.old], bases)], arrange=lambda lists: (lists[0][:64], [places]),
                          compress=lambda codec, raw, base: stream)
            self.assert_refused(words, self.old)
        self.store_of(self.whole(*parts), [(5, [self.old], parts)])
        self.assert_problem("a frame has more than 64 bases")

    def test_bases_of_8_mebibytes(self):
        """All bases together have as many bytes at most, whatever is copied from them."""
        parts = [("blob", bytes([i]) * 4_194_304) for i in range(2)] + [("blob", b"x")]
        raw = ("blob", bytes(1_000) + b"\1" * 1_000)
        stream = patch_stream(patch_command(0, 2_000, 4_194_304 - 1_000), b"")
        def compress_by_hand(codec, raw, base):
            return stream if codec == 5 else compress(codec, raw, base)
        self.store_of(self.whole(*parts), [(5, [raw], parts[:2])], compress=compress_by_hand)
        self.assertEqual(self.codecs(), [5])
        self.assert_read(raw)
        self.store_of(self.whole(*parts), [(5, [raw], parts)], compress=compress_by_hand)
        self.assert_refused("bases are too large all together", raw)

    def test_base_that_is_damaged(self):
        self.store_of([(5, [self.merged], self.bases)], self.whole(self.bases[1], codec=0), self.whole(*self.bases[::2]))
        self.damage(1)
        self.assert_refused(f"base blob {sha256(self.bases[1][1]).hex()}: CRC of stored bytes differs", self.merged)

    def test_another_base_than_the_writer_had(self):
        """The stream may decode, but the bytes are another blob's."""
        shuffled = joined(random.Random(9).sample(self.rows[0], len(self.rows[0])))
        stream = patch_stream(*patch_commands(self.new[1], shuffled[1]))
        self.store_of([*self.whole(self.old), self.upon_old],
                      compress=lambda codec, raw, base: stream if base else compress(codec, raw, base))
        self.assertEqual(self.codecs(), [5])
        self.assert_problem("index differs from the frames")
        with self.assertRaisesRegex(Damage, "has other bytes"):
            self.open(self.folder).payload(BLOB, sha256(self.new[1]))

    def test_frames(self):
        for words, stream, frame in (
                ("class 1 with codec 5", b"", (5, [("tree", b"\0\0")], [("tree", b"\0\0")])),
                ("stream of a patch: ends too early", b"", self.upon_old),
                ("stream of a patch: zstd frame of another length", b"\0\0\0\2" + patch_stream(b"", b"x")[4:], self.upon_old),
                ("stream of a patch: more or fewer raw bytes", patch_stream(b"", b"x"), self.upon_old),
                ("stream of a patch: literals run out", patch_stream(patch_command(2, 1, 0), b"x"), self.upon_old),
                ("stream of a patch: copy begins", patch_stream(patch_command(0, 1, -1), b""), self.upon_old),
                ("stream of a patch: not a zstd frame", b"\0\0\0\1" + bytes(20), self.upon_old),
                ("larger than the limits", bytes(len(self.new[1]) + 1), self.upon_old)):
            with self.subTest(words):
                self.store_of([(0, [self.old], None)], [frame], always=True,
                              compress=lambda codec, raw, base: stream if codec == 5 else raw)
                self.assert_problem(words)

    def test_feature(self):
        words = "it has patches, which the newest entry does not demand"
        for features, problems in (([], 1), (["tensors"], 1), (["patches"], 0), (["patches", "tensors"], 0)):
            self.store_of(self.whole(self.old), [self.upon_old], features=features)
            self.assertEqual(len(read_store.verify(self.folder)[0]), problems)
            if problems:
                self.assert_problem(words)
        self.store_of([(3, [("blob", bfloat16s(weights(500, random.Random(1))))], None)])
        self.assert_problem("it has tensors, which the newest entry does not demand")
        store = self.store_of(self.whole(self.old), [self.upon_old])
        event = store.event()
        store.operate(store.newest_refs, event=event, added=[store.flush()])
        self.assert_problem(words)
        self.assert_problem("features of the entry before are not in force any more")

    def test_feature_without_patches(self):
        self.store_of(self.whole(self.old))
        self.assert_clean(self.folder)

    def test_without_zstd(self):
        self.store_of(self.whole(self.old), [self.upon_old])
        with mock.patch("shutil.which", return_value=None):
            self.assert_problem("1 frames could not be decoded (no zstd command)")


class CutRule16(TemporaryStores):
    """Files of tensors are cut where the document says."""

    def lengths(self, data):
        return store_trees.lengths_by_rule_16(data, len(data))

    def check(self, tensors, expected):
        """The lengths behind that of the header; a tensor is (type, shape, bytes)."""
        data = safetensors([(str(i), *tensor) for i, tensor in enumerate(tensors)])
        header = len(data) - sum(count for *_, count in tensors)
        self.assertEqual(self.lengths(data), [header, *expected])

    def test_rows(self):
        for kind, shape, count, expected in (
                ("BF16", [1_100, 2_048], 4_505_600, [1_024 * 4_096, 76 * 4_096]),
                ("BF16", [3_000, 1_000], 6_000_000, [2_097 * 2_000, 903 * 2_000]),
                ("F64", [2_000, 8, 20, 3], 7_680_000, [1_092 * 3_840, 908 * 3_840]),
                ("F32", [30, 700, 1, 64, 1], 5_376_000, [16_384 * 256, 4_616 * 256]),
                ("F32", [30, 700, 63], 5_292_000, [23 * 176_400, 7 * 176_400]),
                ("BF16", [100_000, 3, 10], 6_000_000, [4_194_304, 1_805_696]),  # a row of 6,000,000 bytes
                ("F4", [9_000, 1_000], 4_500_000, [4_194_304, 305_696]),
                ("F32", [1_048_577], 4_194_308, [4_194_304, 4])):
            with self.subTest(kind=kind, shape=shape):
                self.check([(kind, shape, count)], expected)

    def test_short_tensors(self):
        short, other = ("F32", [15_000], 60_000), ("I32", [15_000], 60_000)
        alone, empty = ("F32", [16_384], 65_536), ("I32", [0, 7], 0)
        for tensors, expected in (
                ([short] * 18, [1_020_000, 60_000]),
                ([short] * 3 + [other] * 2, [180_000, 120_000]),
                ([short, other] * 3, [60_000] * 6),
                ([short, short, alone, short, short], [120_000, 65_536, 120_000]),
                ([short, empty, ("I32", [7, 0], 0)] * 5, [300_000]),
                ([("F32", [16_383], 65_532)] * 4 + [("F32", [4], 16)], [262_144]),
                ([("F32", [16_383], 65_532)] * 16 + [("F32", [16], 64)], [1_048_576]),
                ([("F32", [16_383], 65_532)] * 16 + [("F32", [17], 68)], [1_048_512, 68]),
                ([("F4", [1], 60_000)] * 2 + [("F6", [1], 60_000)] * 3, [120_000, 180_000])):
            with self.subTest(tensors):
                self.check(tensors, expected)

    def test_long_header(self):
        data = safetensors([("a", "F32", [100_000], 400_000)], __metadata__={"note": "x" * 1_200_000})
        header = len(data) - 400_000
        self.assertEqual(self.lengths(data), [1_048_576, header - 1_048_576, 400_000])

    def test_order_of_names(self):
        """The offsets count, not the order in the header."""
        tensors = [("a", "F32", [25_000], 100_000), ("b", "F32", [50_000], 200_000)]
        data = safetensors(tensors)
        header = len(data) - 300_000
        members = json.loads(data[8:header])
        text = json.dumps({name: members[name] for name in ("b", "a")}).encode()
        self.assertEqual(self.lengths(struct.pack("<Q", len(text)) + text + data[header:]), [header, 100_000, 200_000])

    def test_other_files(self):
        """Files that are cut by rule 1."""
        good = {"dtype": "F32", "shape": [100_000], "data_offsets": [0, 400_000]}
        headers = [b"", b"1", b"[]", b"{", b'"a"', b"[" * 100_000, json.dumps({"a": good}).encode("utf-16"),
                   b'{"a":%s,"a":%s}' % (json.dumps({**good, "shape": [0], "data_offsets": [0, 0]}).encode(),
                                         json.dumps(good).encode()),
                   b'{"a":{"dtype":"F32",%s}' % json.dumps(good).encode()[1:]]
        headers += [json.dumps({"a": tensor}).encode() for tensor in (
            1, [], {}, {**good, "more": 1}, {"dtype": "F32", "shape": [100_000]}, {**good, "dtype": []}, {**good, "dtype": 1},
            {**good, "shape": None}, {**good, "shape": 1}, {**good, "shape": [-1, -100_000]}, {**good, "shape": [1e5]},
            {**good, "shape": [99_999]}, {**good, "shape": [100_000, 0]}, {**good, "shape": [True, 100_000]},
            {**good, "shape": [2**63] * 4_000}, {**good, "data_offsets": [0]}, {**good, "data_offsets": [0, 400_000, 0]},
            {**good, "data_offsets": [4, 400_004]}, {**good, "shape": [99_999], "data_offsets": [0, 399_996]},
            {**good, "dtype": "F4", "data_offsets": [0, 500_000]})]
        headers += [json.dumps({str(i): {"dtype": "F4", "shape": [], "data_offsets": pair}
                                for i, pair in enumerate(pairs)}).encode()
                    for pairs in ([(0, 500_000), (500_000, 400_000)], [(0, 100), (200, 400_000)], [(0, 200), (100, 400_000)])]
        self.lengths(safetensors([("a", "F32", [100_000], 400_000)]))
        for header in headers:
            with self.subTest(header[:200]), self.assertRaises(Damage):
                self.lengths(struct.pack("<Q", len(header)) + header + bytes(400_000))
        for data in (safetensors([("a", "F32", [10], 40)]), struct.pack("<Q", 400_000) + b"{}" + bytes(300_000),
                     struct.pack("<Q", 2**24 + 1) + b"{}" + b" " * (2**24 - 1)):
            with self.assertRaises(Damage):
                self.lengths(data)

    def store_of(self, data, chunks):
        """A store of one file whose recipe says rule 16."""
        self.fresh_folder()
        store = TinyStore(self.folder)
        entry, pair = store.recipe(data, chunks, 16)
        commit = store.commit(store.directory({b"f": entry}), recipes=store.recipes([pair]))
        store.operate(store.refs({"branches/main": ("commit", commit)}))

    def test_recipes(self):
        data = safetensors([("a", "F32", [50_000], 200_000), ("b", "F32", [250, 100], 100_000)])
        self.store_of(data, [data[:-300_000], data[-300_000:-100_000], data[-100_000:]])
        self.assertEqual(read_store.verify(self.folder, cuts=True)[0], [])
        data = safetensors([("a", "F32", [100_000], 400_000)], __metadata__={"note": "x" * 1_200_000})
        self.store_of(data, [data[:2**20], data[2**20:-400_000], data[-400_000:]])
        self.assertEqual(read_store.verify(self.folder, cuts=True)[0], [])
        self.store_of(data, [data[:2**20], data[2**20:]])
        self.assert_clean(self.folder)
        self.assert_problem("chunks are not those of cut rule 16", cuts=True)

    def test_recipes_of_other_files(self):
        short = safetensors([("a", "F32", [50_000], 200_000)])
        for words, data in (("a file of one chunk", short), ("the header is not", bytes([2]) + bytes(400_000))):
            self.store_of(data, [data[:-200_000], data[-200_000:]])
            self.assert_clean(self.folder)
            self.assert_problem(f"not a file that cut rule 16 cuts ({words}", cuts=True)


@unittest.skipUnless("MLREPO" in os.environ or os.path.exists(PROGRAM), "the program is not built")
class ProgramStores(TemporaryStores):
    """Gives each test a repository of the program."""

    def setUp(self):
        super().setUp()
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "MLREPO_USER_NAME": "Ada",
                            "MLREPO_USER_EMAIL": "ada@example.com"}
        self.work = self.folder / "work"
        self.work.mkdir()
        self.mlrepo("init")

    def mlrepo(self, *words):
        done = subprocess.run([PROGRAM, *words], cwd=self.work, env=self.environment, capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, (words, done.stdout, done.stderr))


class StoreOfTheProgram(ProgramStores):
    """Versions of models and of tables in a store that the program wrote."""

    def commit_versions(self):
        """Commits a model twice, and gives the bytes of both versions."""
        generator = random.Random(5)
        kinds = {"BF16": bfloat16s, "F32": float32s}
        tensors = [("layer.weight", "BF16", [300, 256], weights(76_800, generator)),
                   ("head.weight", "F32", [256, 128], weights(32_768, generator)),
                   ("layer.bias", "BF16", [300], weights(300, generator)),
                   ("head.bias", "F32", [128], weights(128, generator)), ("scale", "F32", [], weights(1, generator))]
        versions = []
        for message in ("First", "Second"):
            versions.append(safetensors([(name, kind, shape, kinds[kind](numbers)) for name, kind, shape, numbers in tensors]))
            (self.work / "model.safetensors").write_bytes(versions[-1])
            self.mlrepo("add", "model.safetensors")
            self.mlrepo("commit", "-m", message)
            tensors = [(*rest, trained_on(numbers, generator)) for *rest, numbers in tensors]
        return versions

    def test_two_versions_of_a_model(self):
        versions = self.commit_versions()
        path = self.work / ".mlrepo"
        self.assertEqual(read_store.verify(path, cuts=True)[0], [])
        store = self.open(path)
        self.assertEqual(store.log.newest["features"], ["tensors"])
        frames = [(name, frame) for name, pack in store.packs.items() for frame in pack.frames]
        bases = {frame.bases for _, frame in frames if frame.codec == 4}
        self.assertEqual((len(bases), sum(frame.codec == 3 for _, frame in frames)), (2, 2))
        places = [{pack for pack, frame in frames if frame.codec == codec} for codec in (3, 4)]
        self.assertFalse(places[0] & places[1])
        for version in versions:
            blob = sha256(version)
            self.assertNotIn((BLOB, blob), store.places)
            self.assertEqual([recipe.cut_rule for _, recipe in store.recipes_of(blob)], [16])
            self.assertEqual(b"".join(store.contents(BLOB, blob)), version)

    def test_damaged_base(self):
        """A byte of a base costs both versions, and is named by what is coded with it."""
        versions = self.commit_versions()
        path = self.work / ".mlrepo"
        store = self.open(path)
        base = next(frame.bases[0] for pack in store.packs.values() for frame in pack.frames if frame.codec == 4)
        place, = store.places[base]
        end = store.packs[place.pack].frames[place.frame].end
        pack = path / store.pack_path(place.pack)
        pack.chmod(0o600)
        data = bytearray(pack.read_bytes())
        data[end - 1_000] ^= 1
        pack.write_bytes(data)
        problems = read_store.verify(path)[0]
        self.assertTrue(any(f"base blob {base[1].hex()}: CRC of stored bytes differs" in line for line in problems), problems)
        for version in versions:
            with self.assertRaisesRegex(Damage, "CRC of stored bytes differs"):
                list(self.open(path).contents(BLOB, sha256(version)))


    def test_three_versions_of_tables(self):
        """One in chunks, one whole; the later versions are patches upon objects of other packs."""
        numbers = random.Random(11)
        rows, versions = table_rows(numbers, 20_000), []
        for message in ("First", "Second", "Third"):
            versions.append((b"".join(rows), b"".join(rows[:8_000])))
            for name, content in zip(("large.csv", "small.csv"), versions[-1]):
                (self.work / name).write_bytes(content)
            self.mlrepo("add", "large.csv", "small.csv")
            self.mlrepo("commit", "-m", message)
            for _ in range(50):
                at = numbers.randrange(len(rows))
                rows[at:at + numbers.randrange(3)] = table_rows(numbers, numbers.randrange(3))
        path = self.work / ".mlrepo"
        self.assertEqual(read_store.verify(path, cuts=True)[0], [])
        store = self.open(path)
        self.assertEqual(store.log.newest["features"], ["patches"])
        patches = [(name, frame) for name, pack in store.packs.items() for frame in pack.frames if frame.codec == 5]
        self.assertEqual(len({name for name, _ in patches}), 2)
        self.assertTrue(any(len(frame.bases) > 1 for _, frame in patches))
        self.assertTrue(all(name not in {place.pack for place in store.places[base]}
                            for name, frame in patches for base in frame.bases))
        for version in versions:
            for content in version:
                self.assertEqual(b"".join(store.contents(BLOB, sha256(content))), content)


class Shapes(TemporaryStores):
    """Rules that stores of ordinary size seldom meet, reader against writer."""

    def test_long_runs(self):
        generator = random.Random(SEED)
        for count in (128, 129, 500, 2_000):
            for distinct in (1, 7, count):
                ids = [sha256(b"%d" % i)[:31] + b"\1" for i in range(distinct)]
                hashes = [generator.choice(ids) for _ in range(count)]
                elements = [store_trees.Element(b"", BLOB, digest) for digest in hashes]
                sizes = store_trees.node_sizes(CHUNKS, 0, elements)
                self.assertEqual(sizes, [b - a for a, b in cut_level(hashes, 5)], f"MLREPO_SEED={SEED}")
                self.assertLessEqual(max(sizes), 128)

    def test_tiles_of_tiles(self):
        self.assertEqual(store_log.tile_path("entries", 1_234_067), "log/tile/entries/x001/x234/067")
        store = TinyStore(self.folder)
        events, root = [store.event() for _ in range(17)], store.refs({})
        store.flush()
        for event in events:
            store.operate(root, event=event)
        groups = [store.leaves[i:i + 4] for i in range(0, 16, 4)]
        for number, group in enumerate(groups):
            store.write(f"log/tile/0/{number:03d}", b"".join(sha256(b"\0" + leaf) for leaf in group))
        store.write("log/tile/1/000", b"".join(map(merkle_hash, groups)))
        with mock.patch("store_log.TILE", 4):
            self.assert_clean(self.folder)
            store.write("log/tile/1/000", bytes(128))
            self.assertEqual(read_store.verify(self.folder)[0],
                             ["problem: hashes are not those of the log log/tile/1/000"])
            store.write("log/tile/entries/001", b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in groups[1]))
            self.assertIn("tile behind one that is missing", read_store.verify(self.folder)[0][0])

    def test_directories_of_the_greatest_depth(self):
        store = TinyStore(self.folder)
        directory = store.directory({b"f": store.file(b"x")})
        for _ in range(2_047):
            directory = store.directory({b"d": directory})
        store.operate(store.refs({"branches/main": ("commit", store.commit(directory))}))
        self.assert_clean(self.folder)


class Texts(unittest.TestCase):
    """Names, ref names, user values and JSON: what is accepted and what is refused."""

    def check_all(self, check, good, bad):
        for value in good:
            check(value)
        for value in bad:
            with self.subTest(value), self.assertRaises(Damage):
                check(value)

    def test_names(self):
        self.check_all(store_objects.check_name,
                       [b"a", b"...", b"x" * 255, b"\xff", b".gitignore", b".mlrepo-tmp-0123456789abcde",
                        b".mlrepo-tmp-0123456789abcdef0", ".mlrepo\u017f".encode(),
                        b"git~x", b"mlrepo~", b".git\xff", b"a:b"],
                       [b"", b".", b"..", b"a/b", b"a\0", b"x" * 256, b".git", b".GIT", b".git. .", b".git:x",
                        b".git ::$D", b".g\xe2\x80\x8cit", ".\u00adgit".encode(), b".mlrepo-tmp-0123456789abcdef",
                        ".g\u0130t".encode(), b".MLrepo", b"git~1",
                        b"MLREPO~12", b"mlrep~1"])

    def test_ref_names(self):
        self.check_all(store_objects.check_ref_name,
                       [b"branches/a", b"tags/v1.0+x@y", b"runs/a/b"],
                       [b"branches", b"main", b"heads/a", b"branches/", b"branches//a", b"branches/-a", b"branches/.a",
                        b"branches/a.", b"branches/a.lock", b"branches/@", b"branches/a b", b"tags/" + b"a" * 250])

    def test_user_values(self):
        self.check_all(store_objects.user_value,
                       [["int", "-007"], ["float", "5."], ["float", ".5e-3"], ["float", "-inf"], ["null"],
                        ["list", []]],
                       [["int", "+1"], ["int", "1" * 1_025], ["float", "."], ["float", "-nan"], ["float", "e5"],
                        ["bool", 1], ["null", None], ["x", ""], [], 1, ["map", []], ["int", "1\n"]])

    def test_json(self):
        self.check_all(decode_canonical,
                       [b"[]", b"null", b"-5", b"9007199254740991", b"[" * 32 + b"]" * 32,
                        '{"\U0001f600":1,"\uff00":2}'.encode(),
                        b'"\x7f\\u001f"'],
                       [b"", b"[ ]", b"1.0", b"-0", b"1e2", b"9007199254740992", b"[" * 33 + b"]" * 33,
                        b'{"b":1,"a":2}', b'{"a":1,"a":1}',
                        b'"\\u0061"', b'"\\ud800"', b'"\xff"', b'"\\u001F"', b'"\\/"', b"NaN",
                        b"1" * 5_000, b"\xef\xbb\xbf[]", '{"\uff00":2,"\U0001f600":1}'.encode(), b"[" * 100_000,
                        b"]" * 50 + b"[" * 50])

    def test_varints(self):
        for value in (0, 127, 128, 2**63 - 1):
            cursor = store_trees.Cursor(varint(value))
            self.assertEqual(cursor.varint(), value)
            cursor.finish()
        for data in (b"\x80", b"\x80\0", b"\xff" * 9 + b"\1"):
            with self.assertRaises(Damage):
                store_trees.Cursor(data).varint()


def setUpModule():
    print(f"MLREPO_SEED={SEED}", file=sys.stderr)


if __name__ == "__main__":
    unittest.main()
