"""Tests of the independent decoder of patch streams.

Run by `python3 -m unittest` in this folder. MLREPO_SEED repeats a run.
"""

import os
import pathlib
import random
import struct
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import store_packs
from patch_streams import decode_patch
from store_objects import Damage
from tiny_writer import patch_command, patch_commands, patch_stream, varint

SEED = int(os.environ.get("MLREPO_SEED", random.SystemRandom().randrange(2**32)))
BASE = b"The quick brown fox jumps over the lazy dog."
RAW = b"The quick red fox jumps over the lazy dog!"
EXAMPLE = bytes.fromhex("0000060428b52ffd200a510000000a00031c0a72656421")
COMMANDS, LITERALS = bytes.fromhex("000a00031c0a"), b"red!"
MAGIC = bytes.fromhex("37a430ec")


def stored_plainly(frame, length, prefix):
    """Takes the bytes that stand in the place of a zstd frame for what that would hold."""
    if len(frame) != length:
        raise Damage("zstd frame of another length")
    return frame


def decode(stream, raw_length, base=BASE, decode_zstd=store_packs.decode_zstd):
    return decode_patch(stream, raw_length, base, decode_zstd)


def plain_stream(commands, literals, prefix=(0, 0)):
    return b"".join(map(varint, (*prefix, len(commands), len(literals)))) + commands + literals


def longer(number):
    """A number in a byte more than it takes."""
    encoded = varint(number)
    return encoded[:-1] + bytes([encoded[-1] | 0x80, 0])


def zstd_match(literals, distance, length, header=None):
    """A zstd frame of one block: at most 15 literals, then a match of 3 to 34 bytes at a distance.

    A block may be no longer than what the whole frame holds (RFC 8878, Block_Maximum_Size), so that the match has some bytes.
    """
    value = distance + 3
    code = value.bit_length() - 1
    block = bytes([len(literals) << 3]) + literals + bytes([1, 0x54, len(literals), code, length - 3])
    block += value.to_bytes((value.bit_length() + 7) // 8, "little")  # its highest bit is also the mark of the end
    size = len(literals) + length
    header = bytes.fromhex("28b52ffd20") + bytes([size]) if header is None else header
    return header + struct.pack("<I", len(block) << 3 | 2 << 1 | 1)[:3] + block


def match_stream(literals, distance, length, prefix):
    """A patch without commands whose literals are those of `zstd_match`."""
    frame = zstd_match(literals, distance, length)
    return b"".join(map(varint, (*prefix, 0, len(literals) + length))) + frame


def copied(prefix, literals, distance, length):
    """What such a frame holds behind a prefix."""
    content = prefix + literals
    for _ in range(length):
        content += content[-distance:][:1]
    return content[len(prefix):]


def random_case(numbers):
    """A base and raw bytes that are its rows, edited."""
    rows = [b"%d,%d\n" % (i, numbers.randrange(10**6)) for i in range(numbers.randrange(1, 60))]
    base = b"".join(rows)
    for _ in range(numbers.randrange(4)):
        rows[numbers.randrange(len(rows))] = numbers.randbytes(numbers.randrange(9))
    start = numbers.randrange(len(rows))
    rows = numbers.choice([rows, rows[start:] + rows[:start], rows + rows[start:], [b"new"], rows + rows])
    return base, b"".join(rows) or b"x"


class PatchStreams(unittest.TestCase):
    def assert_refused(self, words, stream, raw_length=len(RAW), **more):
        with self.assertRaisesRegex(Damage, words):
            decode(stream, raw_length, **more)

    def test_worked_example(self):
        self.assertEqual(decode(EXAMPLE, len(RAW)), RAW)
        self.assertEqual((patch_command(0, 10, 0) + patch_command(3, 28, 5), b"red!"), (COMMANDS, LITERALS))
        self.assertEqual(decode(patch_stream(COMMANDS, LITERALS), len(RAW)), RAW)

    def test_round_trips(self):
        numbers = random.Random(SEED)
        for i in range(300):
            base, raw = random_case(numbers)
            patch = patch_commands(raw, base)
            self.assertEqual(decode(plain_stream(*patch), len(raw), base, stored_plainly), raw, f"MLREPO_SEED={SEED}")
            if i < 30:
                start = numbers.randrange(len(base) + 1)
                prefix = start, numbers.randrange(len(base) - start + 1)
                self.assertEqual(decode(patch_stream(*patch, base, prefix), len(raw), base), raw, f"MLREPO_SEED={SEED}")

    def test_changed_streams(self):
        numbers = random.Random(SEED)
        refused = 0
        for _ in range(2_000):
            base, raw = random_case(numbers)
            stream = bytearray(plain_stream(*patch_commands(raw, base)))
            for _ in range(numbers.randrange(1, 4)):
                stream[numbers.randrange(len(stream))] = numbers.randrange(256)
            try:
                self.assertEqual(len(decode(bytes(stream), len(raw), base, stored_plainly)), len(raw), f"MLREPO_SEED={SEED}")
            except Damage:
                refused += 1
        self.assertGreater(refused, 500, f"MLREPO_SEED={SEED}")

    def test_commands(self):
        """What commands may do: copy forwards, backwards, the same again, all of the base, with and without literals."""
        for base, commands, literals, raw in (
                (b"abcdef", [], b"new", b"new"),
                (b"abcdef", [(0, 6, 0)], b"", b"abcdef"),
                (b"abcdef", [(0, 6, 0), (0, 6, -6)], b"", b"abcdefabcdef"),
                (b"abcdef", [(1, 1, 5), (0, 1, -2), (2, 1, -5)], b"xyz and", b"xfeyza and"),
                (b"abcdef", [(0, 2, 0), (0, 2, 2)], b"!!", b"abef!!"),
                (b"a" * 300, [(200, 300, 0), (0, 150, -150)], b"x" * 200, b"x" * 200 + b"a" * 450)):
            with self.subTest(raw):
                stream = plain_stream(b"".join(patch_command(*command) for command in commands), literals)
                self.assertEqual(decode(stream, len(raw), base, stored_plainly), raw)

    def test_prefixes(self):
        """Matches reach into the prefix up to its first byte, and not before it; it may be of any length, and none."""
        for start, length in ((0, 44), (4, 5), (40, 4), *((7, length) for length in range(1, 11))):
            with self.subTest(start=start, length=length):
                stream = match_stream(b"x", 1 + length, 12, (start, length))
                self.assertEqual(decode(stream, 13), copied(BASE[start:start + length], b"x", 1 + length, 12))
                self.assert_refused("zstd frame is damaged", match_stream(b"x", 2 + length, 12, (start, length)), 13)
        for prefix in ((0, 0), (44, 0), (20, 0)):
            self.assertEqual(decode(match_stream(b"xyz", 3, 9, prefix), 12), b"xyz" * 4)
            self.assert_refused("zstd frame is damaged", match_stream(b"xyz", 4, 9, prefix), 12)

    def test_prefixes_like_dictionaries(self):
        """Raw content is raw content, even where it begins with the magic of a dictionary."""
        for base in (MAGIC, MAGIC + BASE, MAGIC + bytes(500)):
            with self.subTest(base):
                whole = 0, len(base)
                self.assertEqual(decode(match_stream(b"x", 1 + len(base), 12, whole), 13, base),
                                 copied(base, b"x", 1 + len(base), 12))
                self.assertEqual(decode(match_stream(b"xyz", 3, 9, whole), 12, base), b"xyz" * 4)
                self.assert_refused("zstd frame reaches before", match_stream(b"x", 2 + len(base), 12, whole), 13, base=base)
                self.assert_refused("zstd frame is damaged", match_stream(b"x", 3 + len(base), 12, whole), 13, base=base)

    def test_numbers_too_large(self):
        header = [0, 0, len(COMMANDS), len(LITERALS)]
        for i in range(4):
            for number, words in ((2**32, "is too large"), (2**63 - 1, "is too large"),
                                  (2**32 - 1, "behind the base|than raw bytes")):
                numbers = b"".join(varint(number if j == i else known) for j, known in enumerate(header))
                self.assert_refused(words, numbers + EXAMPLE[4:])
        for i in range(3):
            for number, words in ((2**32, "is too large"), (2**63 - 1, "is too large"),
                                  (2**32 - 1, "literals run out|copy begins before")):
                commands = b"".join(varint(number if j == i else known) for j, known in enumerate((0, 10, 0)))
                self.assert_refused(words, plain_stream(commands, LITERALS), decode_zstd=stored_plainly)
        self.assert_refused("too long", b"\xff" * 9 + b"\1" + EXAMPLE[1:])

    def test_numbers_not_shortest(self):
        header = [0, 0, len(COMMANDS), len(LITERALS)]
        for i in range(4):
            numbers = b"".join(longer(known) if j == i else varint(known) for j, known in enumerate(header))
            self.assert_refused("not in its shortest form", numbers + EXAMPLE[4:])
        for i in range(6):
            commands = b"".join(longer(known) if j == i else bytes([known]) for j, known in enumerate(COMMANDS))
            self.assert_refused("not in its shortest form", plain_stream(commands, LITERALS), decode_zstd=stored_plainly)

    def test_headers(self):
        for words, prefix in (("prefix ends behind the base", (0, 45)), ("prefix ends behind the base", (45, 0)),
                              ("prefix ends behind the base", (44, 1))):
            self.assert_refused(words, patch_stream(COMMANDS, LITERALS, prefix=prefix))
        self.assertEqual(decode(patch_stream(COMMANDS, LITERALS, prefix=(44, 0)), len(RAW)), RAW)
        self.assert_refused("more literals than raw bytes", plain_stream(b"", b"ab"), 1)
        self.assert_refused("more bytes of commands", plain_stream(patch_command(0, 2, 0), b""), 2)
        self.assert_refused("neither commands nor literals", bytes(4), 0)
        self.assert_refused("neither commands nor literals", patch_stream(b"", b""), 0)
        for length in range(4):
            self.assert_refused("ends too early", EXAMPLE[:length])

    def test_commands_that_are_refused(self):
        for words, commands, literals, length in (
                ("literals run out", [(2, 1, 0)], b"x", 9),
                ("literals run out", [(1, 1, 0), (1, 1, 0)], b"x", 9),
                ("copy of no bytes", [(1, 0, 0)], b"x", 9),
                ("copy of no bytes", [(0, 3, 0), (0, 0, 1)], b"", 9),
                ("copy begins before the base", [(0, 3, -1)], b"", 3),
                ("copy begins before the base", [(0, 4, 0), (0, 4, -5)], b"", 8),
                ("copy begins before the base", [(0, 45, 0)], b"", 45),
                ("copy begins before the base", [(0, 1, 44)], b"", 8),
                ("copy begins before the base", [(0, 44, 0), (0, 1, 0)], b"", 45),
                ("more raw bytes come out", [(0, 9, 0)], b"", 8),
                ("more raw bytes come out", [(0, 4, 0), (0, 5, 0)], b"", 8),
                ("more raw bytes come out", [(4, 5, 0)], b"abcd", 8),
                ("more or fewer raw bytes", [(0, 5, 0)], b"abcd", 8),
                ("more or fewer raw bytes", [(0, 4, 0)], b"abcd", 9),
                ("more or fewer raw bytes", [(0, 4, 0)], b"", 9),
                ("more or fewer raw bytes", [], b"abcd", 5)):
            with self.subTest(words, commands=commands):
                stream = plain_stream(b"".join(patch_command(*command) for command in commands), literals)
                self.assert_refused(words, stream, length, decode_zstd=stored_plainly)

    def test_commands_that_are_cut_off(self):
        """The last number ends with the last byte of the commands, not in the literals."""
        for end in (1, 2, 4, 5):
            self.assert_refused("ends too early", plain_stream(COMMANDS[:end], COMMANDS[end:] + LITERALS),
                                decode_zstd=stored_plainly)
        self.assert_refused("ends too early", plain_stream(b"\0\x81", b"\0\0ab"), 9, decode_zstd=stored_plainly)

    def test_zstd_frames(self):
        magic, blocks = EXAMPLE[4:8], EXAMPLE[10:]
        skippable = bytes.fromhex("502a4d1800000000")
        for words, frame in ((None, EXAMPLE[4:]),
                             (None, magic + b"\xa0\x0a\0\0\0" + blocks),
                             (None, magic + b"\x23\0\0\0\0\x0a" + blocks),
                             ("not a single segment", magic + b"\x80\x68\x0a\0\0\0" + blocks),
                             ("window is too large", magic + b"\x80\x69\x0a\0\0\0" + blocks),
                             ("with a dictionary", magic + b"\x21\1\x0a" + blocks),
                             ("without its content size", magic + b"\0\x58" + blocks),
                             ("zstd frame of another length", magic + b"\x20\x0b" + blocks),
                             ("not a zstd frame", skippable + EXAMPLE[4:]),
                             ("goes on behind", EXAMPLE[4:] + skippable),
                             ("goes on behind", EXAMPLE[4:] + b"\0"),
                             ("ends too early", EXAMPLE[4:-1]),
                             ("ends too early", b"")):
            with self.subTest(words):
                if words:
                    self.assert_refused(words, EXAMPLE[:4] + frame)
                else:
                    self.assertEqual(decode(EXAMPLE[:4] + frame, len(RAW)), RAW)

    def test_a_prefix_that_is_another(self):
        """The prefix is where the numbers say, not somewhere else in the base."""
        streams = [match_stream(b"x", 6, 11, (start, 5)) for start in range(3)]
        self.assertEqual([decode(stream, 12) for stream in streams], [b"xThe qxThe q", b"xhe quxhe qu", b"xe quixe qui"])


if __name__ == "__main__":
    unittest.main()
