"""Tests of the tensors that the reader finds in files of NumPy, PyTorch and GGUF, and of cut rule 17.

Run by `python3 -m unittest` in this folder. MLREPO is the program, if it is elsewhere.
"""

import io
import pathlib
import struct
import sys
import unittest
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import read_store
from store_objects import Damage
from tensor_files import lengths_by_rule_17, tensors_of
from test_read_store import ProgramStores

VECTORS = HERE.parent / "Vectors" / "tensor-files"


def npy(descr, shape, count, turned=False):
    """The bytes of an array file with `count` bytes of numbers."""
    header = repr({"descr": descr, "fortran_order": turned, "shape": shape})
    header += " " * (-(len(header) + 11) % 64) + "\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header.encode() + bytes(range(250)) * (count // 250) + bytes(count % 250)


def archive(members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name, content in members:
            file.writestr(name, content)
    return stream.getvalue()


def integers(values):
    return b"(" + b"".join(b"I%d\n" % value for value in values) + b"t"


def pickled(key, count, shape, strides, offset=0, storage="FloatStorage"):
    """The opcodes of a tensor, as text."""
    return (f"ctorch._utils\n_rebuild_tensor_v2\n((S'storage'\nctorch\n{storage}\nS'{key}'\nS'cpu'\nI{count}\ntQI{offset}\n".encode() +
            integers(shape) + integers(strides) + b"I00\nNtR")


def checkpoint(tensors, storages, **more):
    """An archive of PyTorch with a list of tensors; `more` are other members."""
    return archive([("a/data.pkl", b"(" + b"".join(tensors) + b"l."), *((f"a/data/{key}", bytes(count)) for key, count in storages.items()),
                    *((f"a/{name}", content) for name, content in more.items())])


def text(value):
    return struct.pack("<Q", len(value)) + value.encode()


def gguf(tensors, alignment=32):
    """A GGUF file; a tensor is (type, shape, bytes)."""
    content = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), 1) + text("general.alignment") + struct.pack("<II", 4, alignment)
    numbers = b""
    for index, (kind, shape, count) in enumerate(tensors):
        content += text(str(index)) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, len(numbers))
        numbers += bytes(count) + bytes(-count % alignment)
    return content + bytes(-len(content) % alignment) + numbers


class Tensors(unittest.TestCase):
    def test_vectors(self):
        expected = (VECTORS / "index.txt").read_text().splitlines()
        found = []
        for path in VECTORS.iterdir():
            if path.name != "index.txt":
                found += ["\t".join([path.name, name, kind, ",".join(map(str, shape)), str(start), str(length)])
                          for name, kind, shape, start, length in tensors_of(path.read_bytes())]
        self.assertEqual(sorted(found), sorted(expected))

    def shapes(self, *tensors, count=400_000, **more):
        return [(tensor.type, tensor.shape) for tensor in tensors_of(checkpoint(tensors, {"0": count}, **more))]

    def test_storages(self):
        whole, turned = pickled("0", 100_000, (1_000, 100), (100, 1)), pickled("0", 100_000, (100, 1_000), (1, 100))
        part = pickled("0", 100_000, (10, 100), (100, 1), 5)
        for tensors, expected in (((whole,), [1_000, 100]), ((turned,), [1_000, 100]), ((part, whole), [100_000]),
                                  ((whole, part), [1_000, 100]), ((pickled("0", 100_000, (1_000, 1, 100), (100, 7, 1)),), [1_000, 100]),
                                  ((pickled("0", 100_000, (1_000, 100), (0, 1)),), [100_000])):
            self.assertEqual([[size for size in shape if size > 1] for _, shape in self.shapes(*tensors)],
                             [[size for size in expected if size > 1]])

    def test_storages_that_are_not_known(self):
        whole = pickled("0", 100_000, (1_000, 100), (100, 1))
        for shapes in (self.shapes(whole, count=400_004), self.shapes(pickled("1", 100_000, (100_000,), (1,))), self.shapes(b"N"),
                       self.shapes(pickled("0", 100_000, (100_000,), (1,), storage="FooStorage")), self.shapes(b"(" + whole + b"1N")):
            self.assertEqual(shapes, [])
        self.assertEqual(len(self.shapes(whole, byteorder=b"little")), 1)
        for damaged in (lambda: self.shapes(whole, byteorder=b"big"), lambda: self.shapes(b"0"), lambda: self.shapes(b"g7\n")):
            self.assertRaises(Damage, damaged)

    def test_arrays(self):
        for descr, shape, turned, expected in (
                ("<f4", (100, 10), False, ("F32", [100, 10])), ("<f4", (100, 10), True, ("F32", [10, 100])),
                ("|b1", (4_000,), False, ("BOOL", [4_000])), ("<c8", (50, 10), True, ("F32", [10, 50, 2])),
                (">f4", (1_000,), False, None), ("<U1", (1_000,), False, None), ("<M8", (500,), False, None)):
            self.assertEqual([(t.type, t.shape) for t in tensors_of(npy(descr, shape, 4_000, turned))], [expected] if expected else [])
        self.assertRaises(Damage, tensors_of, npy("<f4", (1_000,), 4_001))
        self.assertRaises(Damage, tensors_of, npy("<f4", (1_001,), 4_000))

    def test_archives(self):
        content = npy("<f4", (1_000,), 4_000)
        found = tensors_of(archive([("a.npy", content), ("b", content), ("c.npy", b"x" * 100), ("d.npy", content[:-1]), ("e.npy", content)]))
        self.assertEqual([tensor.name for tensor in found], ["a", "e"])
        self.assertRaises(Damage, tensors_of, archive([("a.npy", content)]) + b"x")
        self.assertRaises(Damage, tensors_of, b"PK\3\4" + bytes(1_000))

    def test_gguf(self):
        def found(*arguments):
            return [(t.type, t.shape, t.length) for t in tensors_of(gguf(*arguments))]
        self.assertEqual(found([(8, (64, 3), 204), (0, (3, 5), 60), (2, (64, 2), 72)]),
                         [("ggml-8", [3, 64], 224), ("F32", [5, 3], 60), ("ggml-2", [2, 64], 96)])
        self.assertRaises(Damage, found, [(0, (100, 5), 60), (0, (3, 5), 60)])
        self.assertRaises(Damage, found, [(0, (100, 5), 60)])
        self.assertRaises(Damage, found, [(0, (3, 5), 60)], 12)


class Cuts(unittest.TestCase):
    def check(self, data, expected):
        """The lengths of the chunks; None stands for bytes between tensors."""
        lengths = lengths_by_rule_17(data)
        self.assertEqual(sum(lengths), len(data))
        self.assertEqual([length if given else None for length, given in zip(lengths, expected, strict=True)], expected)

    def test_arrays(self):
        self.check(npy("<f4", (100, 1_000), 400_000), [None, 400_000])
        self.check(npy("<f4", (2_000, 1_000), 8_000_000), [None, 4_192_000, 3_808_000])
        self.check(npy("<f4", (1_000, 2_000), 8_000_000, turned=True), [None, 4_192_000, 3_808_000])

    def test_archives(self):
        long, short, tiny = (npy("<f4", (rows, 100), 400 * rows) for rows in (500, 50, 40))
        self.check(archive([("a.npy", long), ("b.npy", tiny), ("c.npy", short), ("d.npy", long)]),
                   [None, 200_000, None, 20_000, None, 200_000, None])
        self.check(archive([("a", bytes(2_100_000)), ("b.npy", long)]), [2**20, 2**20, None, 200_000, None])

    def test_checkpoints(self):
        tensors = [pickled("0", 100_000, (1_000, 100), (100, 1)), pickled("1", 30, (30,), (1,))]
        self.check(checkpoint(tensors, {"0": 400_000, "1": 120}), [None, 400_000, None])

    def test_groups(self):
        short = (0, (64, 250), 64_000)
        self.check(gguf([(0, (64, 1_000), 256_000), short, short, (8, (64, 100), 6_800), (0, (64,), 256)]), [None, 256_000, 128_000, None])
        self.check(gguf([short] * 17), [None, 1_024_000, 64_000])
        self.check(gguf([short] * 16 + [(0, (6_144,), 24_576), (0, (64,), 256)]), [None, 1_048_576, None])
        self.check(gguf([(0, (4_001,), 16_004), (0, (4_097,), 16_388)] * 10), [None, *[16_388, None] * 10])

    def test_files_without_cuts(self):
        for words, data in (("one chunk", npy("<f4", (100,), 400)), ("no tensors", bytes(400_000)), ("no tensors", npy(">f4", (100_000,), 400_000)),
                            ("no tensors", gguf([(0, (4_001,), 16_004)] * 20))):
            with self.assertRaisesRegex(Damage, words):
                lengths_by_rule_17(data)


class ProgramCuts(ProgramStores):
    def test_files(self):
        files = {"a.npy": npy("<f4", (2_000, 1_000), 8_000_000), "b.npz": archive([("x.npy", npy("<f8", (300, 100), 240_000)), ("y", bytes(90_000))]),
                 "c.pt": checkpoint([pickled("0", 100_000, (100, 1_000), (1, 100))], {"0": 400_000}),
                 "d.gguf": gguf([(8, (64, 9_000), 612_000), *[(0, (64, 250), 64_000)] * 20])}
        for name, content in files.items():
            (self.work / name).write_bytes(content)
        self.mlrepo("add", *files)
        self.mlrepo("commit", "-m", "tensors")
        store = self.work / ".mlrepo"
        self.assertEqual(read_store.verify(store, cuts=True)[0], [])
        opened = self.open(store)
        rules = [recipe.cut_rule for blob in opened.recipes for _, recipe in opened.recipes_of(blob)]
        self.assertEqual(rules, [17] * len(files))


del ProgramStores

if __name__ == "__main__":
    unittest.main()
