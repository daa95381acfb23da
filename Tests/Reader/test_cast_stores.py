"""Tests of the independent reader: frames of codec 6, in stores from the tiny writer and from the program.

Run by `python3 -m unittest` in this folder. MLREPO names the program.
"""

import math
import pathlib
import random
import struct
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import read_store
import test_read_store
from store_objects import BLOB, Damage
from tensor_writer import cast, encode_cast, encode_tensor
from test_read_store import float32s, safetensors, trained_on, weights
from tiny_writer import TinyStore, compress, sha256

BFLOAT16, FLOAT16, FLOAT32, FLOAT64 = 1, 2, 3, 4


def with_cast(stream):
    """Compression in which frames of codec 6 have this stream, or what this function makes of raw bytes and base."""
    def compress_so(codec, raw, base):
        if codec != 6:
            return compress(codec, raw, base)
        return stream(raw, b"".join(payload for _, payload in base)) if callable(stream) else stream
    return compress_so


def edited(blob, end=b"some more"):
    """A blob with other bytes at the end."""
    return blob[0], blob[1][:-len(end)] + end


class CastFrames(test_read_store.WrittenFrames):
    """Frames of codec 6 from the tiny writer: what is read, and what is refused."""

    features = ("casts", "patches", "tensors")
    wide = ("blob", float32s(weights(500, random.Random(12))))
    new = ("blob", cast(wide[1], FLOAT32, BFLOAT16))
    old_wide, old_new = edited(wide), edited(new)
    upon_wide = (6, [new], [wide])
    stream = encode_cast(new[1], BFLOAT16, wide[1], FLOAT32)

    def whole(self, *blobs, codec=0):
        return [(codec, [blob], None) for blob in blobs]

    def in_difference(self, blob, base):
        """Frames of codecs 4 and 5 that have a blob."""
        return (4, [blob], base), (5, [blob], [base])

    def test_places_of_a_base(self):
        """Any live pack, before or behind, in any frame without a base."""
        for codec in (0, 1, 2, 3):
            whole, = self.whole(self.wide, codec=codec)
            for packs in ([[whole], [self.upon_wide]], [[self.upon_wide], [whole]], [[whole, self.upon_wide]],
                          [[self.upon_wide, whole]]):
                with self.subTest(codec=codec, packs=[len(pack) for pack in packs]):
                    self.store_of(*packs)
                    self.assertIn(6, self.codecs())
                    self.assert_read(self.wide, self.new)

    def test_bases_with_bases(self):
        """A base in a frame of codec 4 or 5, in the same pack or another."""
        for frame in self.in_difference(self.wide, self.old_wide):
            whole, = self.whole(self.old_wide)
            for packs in ([[whole], [frame], [self.upon_wide]], [[self.upon_wide, frame], [whole]],
                          [[self.upon_wide, frame, whole]]):
                with self.subTest(codec=frame[0], packs=[len(pack) for pack in packs]):
                    self.store_of(*packs)
                    self.assertEqual(self.codecs(), [frame[0], 6])
                    self.assert_read(self.old_wide, self.wide, self.new)

    def test_types(self):
        """All roundings, with the elements behind the first ones of a longer base."""
        for source, target, letter in ((FLOAT32, BFLOAT16, "f"), (FLOAT32, FLOAT16, "f"), (FLOAT64, FLOAT32, "d")):
            base = ("blob", struct.pack(f"<700{letter}", *weights(700, random.Random(13))))
            raw = ("blob", cast(base[1], source, target)[-1_000:] + b"z")
            first = 700 - len(raw[1]) // (4 if target == FLOAT32 else 2)
            self.store_of(self.whole(base), [(6, [raw], [base])],
                          compress=with_cast(lambda raw, base: encode_cast(raw, target, base, source, first)))
            self.assertEqual(self.codecs(), [6])
            self.assert_read(base, raw)

    def test_several_bases(self):
        """An element may lie across two bases, in packs and frames of any depth that is less."""
        parts = [("blob", self.wide[1][at:end]) for at, end in ((0, 401), (401, 1_234), (1_234, None))]
        between = edited(parts[1])
        for frame in (*self.whole(parts[1]), *self.in_difference(parts[1], between)):
            self.store_of(self.whole(parts[0], between), [(6, [self.new], parts), frame], self.whole(parts[2], codec=1))
            self.assertIn(6, self.codecs())
            self.assert_read(*parts, self.new)
        record, = (frame for pack in self.open(self.folder).packs.values() for frame in pack.frames if frame.codec == 6)
        self.assertEqual(record.bases, tuple((BLOB, sha256(payload)) for _, payload in parts))

    def test_numbers_of_bases(self):
        parts = [("blob", self.wide[1][at:at + 25]) for at in range(0, 1_600, 25)] + [("blob", b"x")]
        self.store_of(self.whole(*parts), [(6, [self.new], parts[:64])])
        self.assertEqual(self.codecs(), [6])
        self.assert_read(self.new)
        for words, bases, places in (("frame of 0 bases", [], (0, 0)), ("frame of 65 bases", parts, (1, 63))):
            self.store_of([(6, [self.new], bases)], arrange=lambda lists: (lists[0][:64], [places]),
                          compress=with_cast(self.stream))
            self.assert_refused(words)
        self.store_of(self.whole(*parts), [(6, [self.new], parts)])
        self.assert_problem("a frame has more than 64 bases")

    def test_bases_of_16_mebibytes(self):
        parts = [("blob", bytes([i]) * 4_194_304) for i in range(4)] + [("blob", b"x")]
        raw = ("blob", cast(parts[3][1][:40], FLOAT32, BFLOAT16) + bytes(960))
        bases = self.whole(*parts[:4], codec=1) + self.whole(parts[4])
        stream = bytes([3]) + b"\xf6\xff\xff\1" + encode_tensor(bytes(1_000), BFLOAT16, bytes(1_000))  # the last ten elements
        self.store_of(bases, [(6, [raw], parts[:4])], compress=with_cast(stream))
        self.assertEqual(self.codecs(), [6])
        self.assert_read(raw)
        for more in ([parts[4]], [parts[0]]):
            self.store_of(bases, [(6, [raw], parts[:4] + more)], compress=with_cast(stream))
            self.assert_refused("bases are too large all together", raw)

    def test_copies_of_a_base(self):
        """Copies of codecs 6 and 7 are not looked at, those that are damaged or miss their base are passed over."""
        doubled = ("blob", struct.pack("<500d", *struct.unpack("<500f", self.wide[1])))
        cast_down = encode_cast(self.wide[1], FLOAT32, doubled[1], FLOAT64)
        compression = with_cast(lambda raw, base: cast_down if raw == self.wide[1] else self.stream)
        no_bases = [self.whole(doubled, self.old_wide), [(6, [self.wide], [doubled])],
                    [(7, [self.wide], self.old_wide), *self.whole(self.old_wide)]]
        self.store_of(*no_bases, [self.upon_wide], compress=compression)
        self.assert_refused(f"base blob {sha256(self.wide[1]).hex()} lies in no frame of less depth")
        for frame in (*self.whole(self.wide), *self.in_difference(self.wide, self.old_wide)):
            self.store_of(*no_bases, [self.upon_wide], [frame], compress=compression)
            self.assert_read(self.wide, self.new)
        lost = edited(self.old_wide, b"lost")
        for number, frame in enumerate(self.in_difference(self.wide, lost)):
            self.store_of([frame], [self.upon_wide], self.whole(self.wide), [(0, [self.wide, ("blob", b"")], None)])
            self.assert_problem(f"base blob {sha256(lost[1]).hex()} lies in no frame without a base")
            for damaged in (2, 3):
                self.assertEqual(self.open(self.folder).payload(BLOB, sha256(self.new[1])), self.new[1])
                self.damage(damaged)
            self.assert_refused("base blob")

    def test_depths(self):
        """A frame of codec 6 is a base of nothing, and those of codecs 4 and 5 are none of each other."""
        for frame in self.in_difference(self.old_new, self.new):
            self.store_of(self.whole(self.wide), [self.upon_wide], [frame])
            self.assert_refused(f"base blob {sha256(self.new[1]).hex()} lies in no frame without a base", self.old_new)
        oldest = edited(self.old_wide, b"older")
        for lower in self.in_difference(self.old_wide, oldest):
            for upper in self.in_difference(self.wide, self.old_wide):
                self.store_of(self.whole(oldest), [lower], [upper], [self.upon_wide])
                self.assert_refused(f"base blob {sha256(self.wide[1]).hex()}: base blob {sha256(self.old_wide[1]).hex()} "
                                    "lies in no frame without a base")

    def test_bases_that_are_missing(self):
        nowhere = f"base blob {sha256(self.wide[1]).hex()} lies in no frame of less depth"
        self.store_of([self.upon_wide])
        self.assert_refused(nowhere)
        store = self.store_of([self.upon_wide], self.whole(self.wide))
        event = store.event()
        store.operate(store.newest_refs, event=event, added=[store.flush()], dropped=[self.names[1]], features=list(self.features))
        self.assert_refused(nowhere)
        self.store_of([(6, [self.new], [self.new])], compress=with_cast(self.stream))
        self.assert_refused("lies in no frame of less depth")
        self.store_of([self.upon_wide, (6, [self.wide], [self.new])], compress=with_cast(self.stream))  # upon each other
        self.assert_refused(nowhere)
        for frame in self.in_difference(self.wide, self.new):  # also upon each other
            self.store_of([self.upon_wide, frame], compress=lambda codec, raw, base: self.stream)
            self.assert_refused(f"{sha256(self.new[1]).hex()} lies in no frame without a base")

    def test_bases_that_are_no_bases(self):
        empty, node = ("blob", b""), ("tree", b"\0\0")
        for words, bases, packs in (("is empty", [self.wide, empty], [self.whole(empty)]),
                                    ("is empty", [empty], [self.whole(empty)]),
                                    ("base of another class", [self.wide, node], []),
                                    ("base of another class", [node], [])):
            self.store_of([(6, [self.new], bases)], self.whole(self.wide), *packs, compress=with_cast(self.stream))
            self.assert_refused(words)

    def test_base_by_recipe_only(self):
        """A base lies whole: its chunks and their recipe are no base."""
        self.fresh_folder()
        store = TinyStore(self.folder)
        store.recipe(self.wide[1], [self.wide[1][:500], self.wide[1][500:]], 0)
        store.pack(self.upon_wide)
        store.operate(store.refs({}), features=list(self.features))
        self.assert_refused("lies in no frame of less depth")

    def test_bases_that_are_damaged(self):
        words = "base blob {}: CRC of stored bytes differs"
        self.store_of([self.upon_wide], self.whole(self.wide))
        self.damage(1)
        self.assert_refused(words.format(sha256(self.wide[1]).hex()))
        for frame in self.in_difference(self.wide, self.old_wide):
            self.store_of([self.upon_wide], self.whole(self.old_wide), [frame])
            self.damage(1)
            self.assert_refused(f"base blob {sha256(self.wide[1]).hex()}: " + words.format(sha256(self.old_wide[1]).hex()))

    def test_another_base_than_the_writer_had(self):
        self.store_of(self.whole(self.wide), [self.upon_wide],
                      compress=with_cast(lambda raw, base: encode_cast(raw, BFLOAT16, self.old_wide[1], FLOAT32)))
        self.assert_problem("index differs from the frames")
        with self.assertRaisesRegex(Damage, "has other bytes"):
            self.open(self.folder).payload(BLOB, sha256(self.new[1]))

    def test_index_of_what_lies_twice(self):
        """The place in a frame of the least depth counts, of these the first."""
        whole, (tensor, patch), upon_wide = *self.whole(self.new), self.in_difference(self.new, self.old_new), self.upon_wide
        zlib_base = (7, [self.new], self.old_new)
        others = self.whole(self.old_new, self.wide)
        for number, frames in ((1, [upon_wide, whole]), (0, [whole, upon_wide]), (1, [upon_wide, tensor]),
                               (1, [upon_wide, patch]), (0, [patch, upon_wide, tensor]), (2, [upon_wide, tensor, whole]),
                               (0, [upon_wide, upon_wide]), (1, [upon_wide, patch, tensor, upon_wide]),
                               (1, [zlib_base, whole])):
            with self.subTest(codecs=[codec for codec, *_ in frames]):
                self.store_of(frames + others)
                self.assert_read(self.old_new, self.wide, self.new)
                entries = {entry.id: entry.frame for pack in self.open(self.folder).packs.values() for entry in pack.entries}
                self.assertEqual(entries[sha256(self.new[1])], number)

    def test_tables_of_bases(self):
        """Frames of codecs 5 and 6 with the same bases share a list."""
        bases = [self.wide, self.old_wide]
        longer = ("blob", self.wide[1] + b"and more")
        self.store_of(self.whole(*bases), [(6, [self.new], bases), (5, [longer], bases), (6, [self.old_new], bases[:1])])
        self.assertEqual(self.codecs(), [5, 6, 6])
        self.assert_read(self.new, longer, self.old_new)
        data = (self.folder / TinyStore.pack_path(self.names[1])).read_bytes()
        index, _, base_count = struct.unpack("<QII", data[-64:-48])
        self.assertEqual([struct.unpack("<QIBBH", data[at:at + 16])[1:] for at in range(index, index + 48, 16)],
                         [(1, 6, 2, 1), (1, 5, 2, 1), (3, 6, 2, 0)])
        self.assertEqual(base_count, 3)

    def test_frames(self):
        for words, stream, frame in (
                ("class 1 with codec 6", b"", (6, [("tree", b"\0\0")], [("tree", b"\0\0")])),
                ("not alone in its frame", self.stream, (6, [self.new, ("blob", b"")], [self.wide])),
                ("larger than the limits", bytes(len(self.new[1]) + 1), self.upon_wide),
                ("stream of a cast: the stream: too short", b"", self.upon_wide),
                ("stream of a cast: the stream: too short", self.stream[:-1], self.upon_wide),
                ("stream of a cast: the stream: too long", self.stream + b"\0", self.upon_wide),
                ("stream of a cast: elements of type 4 are not rounded", b"\4" + self.stream[1:], self.upon_wide),
                ("stream of a cast: the base does not have the first element", b"\3\xf4\3" + self.stream[2:], self.upon_wide),
                ("fewer raw bytes than one element", b"\4\0\3", (6, [("blob", b"abc")], [self.wide]))):
            with self.subTest(words):
                self.store_of(self.whole(self.wide), [frame], always=True, compress=with_cast(stream))
                self.assert_problem(words)

    def test_feature(self):
        newest, adding = (f"it has casts, which the {entry} does not demand" for entry in ("newest entry", "entry that adds it"))
        for features, problems in (([], 1), (["patches", "tensors"], 1), (["casts"], 0), (["casts", "tensors"], 0)):
            self.store_of(self.whole(self.wide), [self.upon_wide], features=features)
            self.assertEqual(len(read_store.verify(self.folder)[0]), problems)
            if problems:
                self.assert_problem(newest)
        for first, second, words in (([], ["casts"], adding), (["casts"], [], newest)):
            store = self.store_of(self.whole(self.wide), [self.upon_wide], features=first)
            event = store.event()
            store.operate(store.newest_refs, event=event, added=[store.flush()], features=second)
            self.assert_problem(words)
        self.store_of(self.whole(self.wide), features=["casts"])
        self.assert_clean(self.folder)


class FlippedBytesOfCasts(test_read_store.TemporaryStores):
    flip, flip_in = test_read_store.FlippedBytes.flip, test_read_store.FlippedBytes.flip_in

    def test_packs(self):
        store = TinyStore(self.folder)
        bases = [("blob", CastFrames.wide[1][at:at + 1_000]) for at in (0, 1_000)]
        packs = [store.pack((0, bases[:1], None)), store.pack((0, bases[1:], None), (6, [CastFrames.new], bases))]
        store.operate(store.refs({}), features=["casts"])
        self.assert_clean(self.folder)
        for name in packs:
            with self.subTest(pack=name):
                self.flip(self.folder / store.pack_path(name),
                          lambda: [line for line in read_store.verify(self.folder)[0] if "SHA-256" not in line])
        self.assert_clean(self.folder)


def halves(numbers, target):
    """The elements of numbers in float32, rounded to bfloat16 or float16."""
    return cast(float32s(numbers), FLOAT32, target)


def with_exceptions(content, generator, count):
    """A file in which some bits behind its first kilobytes are others."""
    content = bytearray(content)
    for _ in range(count):
        content[generator.randrange(5_000, len(content))] ^= 1 << generator.randrange(8)
    return bytes(content)


class CastsOfTheProgram(test_read_store.ProgramStores):
    """Weights in float32 and their roundings, in a store that the program wrote."""

    shapes = {"layer.weight": [400, 256], "head.weight": [300, 128], "layer.bias": [300], "scale": []}

    def model(self, weights_of, kind, encode):
        return safetensors([(name, kind, self.shapes[name], encode(numbers)) for name, numbers in weights_of.items()])

    def models(self, weights_of):
        """The bytes of three files: the weights in float32, in bfloat16 ("brain") and in float16 ("half")."""
        return (self.model(weights_of, "F32", float32s), self.model(weights_of, "BF16", lambda numbers: halves(numbers, BFLOAT16)),
                self.model(weights_of, "F16", lambda numbers: halves(numbers, FLOAT16)))

    def commit_files(self, **contents):
        """Writes files and commits them; their names are without `.safetensors`."""
        for name, content in contents.items():
            (self.work / f"{name}.safetensors").write_bytes(content)
        self.mlrepo("add", *(f"{name}.safetensors" for name in contents))
        self.mlrepo("commit", "-m", "Next")

    def casts(self):
        """The open store, and (names of bases, codecs of the frames that a base lies in) of its frames of codec 6."""
        store = self.open(self.work / ".mlrepo")
        frames = [frame for pack in store.packs.values() for frame in pack.frames if frame.codec == 6]
        return store, [(frame.bases, {store.packs[place.pack].frames[place.frame].codec
                                      for base in frame.bases for place in store.places[base]}) for frame in frames]

    def assert_kept(self, *files):
        store, _ = self.casts()
        for content in files:
            self.assertEqual(b"".join(store.contents(BLOB, sha256(content))), content)

    def test_versions(self):
        generator = random.Random(14)
        numbers = {name: weights(math.prod(shape), generator) for name, shape in self.shapes.items()}
        wide, brain, half = self.models(numbers)
        self.commit_files(wide=wide, brain=brain)
        store, casts = self.casts()
        self.assertEqual(store.log.newest["features"], ["casts", "tensors"])
        self.assertGreaterEqual(len(casts), 2)
        self.commit_files(half=half)
        exceptions = with_exceptions(half, generator, 20)
        self.commit_files(half2=exceptions)
        before = len(self.casts()[1])
        self.assertGreaterEqual(before, 6)
        self.assertTrue(all(codecs <= {0, 1, 2, 3} for _, codecs in self.casts()[1]))

        later = self.models({name: trained_on(of_name, generator) for name, of_name in numbers.items()})
        self.commit_files(wide=later[0])
        self.commit_files(brain=later[1], half=later[2])
        casts = self.casts()[1]
        self.assertGreaterEqual(len(casts), before + 4)
        self.assertIn({4}, [codecs for _, codecs in casts])
        self.assertEqual(read_store.verify(self.work / ".mlrepo", cuts=True)[0], [])
        self.assert_kept(wide, brain, half, exceptions, *later)

    def test_several_bases(self):
        """The rounded tensor is one chunk, that in float32 is two."""
        numbers = weights(1_050_000, random.Random(15))
        wide, brain = (safetensors([("weight", kind, [1_050, 1_000], content)])
                       for kind, content in (("F32", float32s(numbers)), ("BF16", halves(numbers, BFLOAT16))))
        self.commit_files(wide=wide, brain=brain)
        self.assertEqual([len(bases) for bases, _ in self.casts()[1]], [2])
        self.assert_kept(wide, brain)


if __name__ == "__main__":
    unittest.main()
