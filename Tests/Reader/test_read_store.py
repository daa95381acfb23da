"""Tests of the independent reader: the worked examples, stores from a tiny writer, and damage of all kinds.

Run by `python3 -m unittest` in this folder. MLREPO_SEED repeats a run's random positions.
"""

import base64
import hashlib
import io
import json
import os
import pathlib
import random
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
from tiny_writer import (ORIGIN, TinyStore, build_pack, canonical, cut_file, cut_level, make_id, merkle_hash, sha256,
                         varint, write_vector)

VECTORS = HERE.parent / "Vectors"
EXAMPLES = json.loads((VECTORS / "worked-examples.json").read_text())
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
        store = read_store.Store(path, lambda *problem: self.fail(problem))
        self.addCleanup(store.files.close)
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

    def assert_problem(self, words):
        problems, _ = read_store.verify(self.folder)
        self.assertTrue(any(words in line for line in problems), f"{words!r} is not in {problems}")

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
        for members in ({"started": -1}, {"exitStatus": -1}, {"signal": 0}, {"inputCommits": [item, item]},
                        {"recorded": None}, {"user": None}):
            with self.subTest(members):
                store = TinyStore(self.folder)
                run = bytes.fromhex(store.run(**members))
                with self.assertRaises(Damage):
                    read_store.parse_payload(store_objects.RUN, next(p for k, p in store.pending
                                                                     if make_id(k, p) == run))

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
