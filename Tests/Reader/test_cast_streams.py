"""Tests of the independent decoder of cast streams: how elements are rounded, and what a stream may say.

Run by `python3 -m unittest` in this folder. MLREPO_SEED repeats a run.
"""

import os
import pathlib
import random
import sys
import unittest
from fractions import Fraction

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from cast_streams import decode_cast, rounded, rounding
from tensor_writer import MANTISSA_BITS, ROUNDINGS, WIDTHS, cast, encode_cast, encode_tensor, varint

VECTORS = HERE.parent / "Vectors" / "casts.txt"
SEED = int(os.environ.get("MLREPO_SEED", random.SystemRandom().randrange(2**32)))
BFLOAT16, FLOAT16, FLOAT32, FLOAT64 = 1, 2, 3, 4
SPECIAL = {  # element, and what it becomes
    (FLOAT32, BFLOAT16): (
        (0x00000000, 0x0000), (0x80000000, 0x8000), (0x3F800000, 0x3F80), (0xBF800000, 0xBF80),
        (0x3F808000, 0x3F80), (0x3F818000, 0x3F82), (0x3F807FFF, 0x3F80), (0x3F808001, 0x3F81),  # ties, and beside them
        (0x3FFF8000, 0x4000), (0xBFFF8000, 0xC000), (0x3FFF7FFF, 0x3FFF),  # the mantissa goes over
        (0x00000001, 0x0000), (0x00008000, 0x0000), (0x80008000, 0x8000), (0x00008001, 0x0001), (0x00018000, 0x0002),
        (0x007F8000, 0x0080), (0x007FFFFF, 0x0080), (0x007F7FFF, 0x007F), (0x00800000, 0x0080),  # to the least normal number
        (0x7F7F7FFF, 0x7F7F), (0x7F7F8000, 0x7F80), (0x7F7FFFFF, 0x7F80), (0xFF7F8000, 0xFF80),
        (0x7F800000, 0x7F80), (0xFF800000, 0xFF80),
        (0x7FC00000, 0x7FC0), (0xFFC00000, 0xFFC0), (0x7F800001, 0x7FC0), (0xFF80FFFF, 0xFFC0), (0x7F810000, 0x7FC1),
        (0x7FBFFFFF, 0x7FFF), (0xFFFFFFFF, 0xFFFF), (0x7FFF8000, 0x7FFF), (0x7FC12345, 0x7FC1)),
    (FLOAT32, FLOAT16): (
        (0x00000000, 0x0000), (0x80000000, 0x8000), (0x3F800000, 0x3C00), (0xC0000000, 0xC000),
        (0x3F801000, 0x3C00), (0x3F803000, 0x3C02), (0x3F800FFF, 0x3C00), (0x3F801001, 0x3C01), (0x3FFFF000, 0x4000),
        (0x477FE000, 0x7BFF), (0x477FEFFF, 0x7BFF), (0x477FF000, 0x7C00), (0xC77FF000, 0xFC00), (0x47800000, 0x7C00),
        (0x7F7FFFFF, 0x7C00), (0xFF7FFFFF, 0xFC00), (0x7F800000, 0x7C00), (0xFF800000, 0xFC00),
        (0x38800000, 0x0400), (0x387FFFFF, 0x0400), (0x387FE000, 0x0400), (0x387FDFFF, 0x03FF), (0x387FC000, 0x03FF),
        (0x33800000, 0x0001), (0x33000001, 0x0001), (0x33000000, 0x0000), (0xB3000000, 0x8000), (0x32FFFFFF, 0x0000),
        (0x33C00000, 0x0002), (0x33BFFFFF, 0x0001), (0x34200000, 0x0002), (0x34600000, 0x0004),
        (0x00000001, 0x0000), (0x807FFFFF, 0x8000), (0x00800000, 0x0000),
        (0x7FC00000, 0x7E00), (0xFFC00000, 0xFE00), (0x7F800001, 0x7E00), (0xFF801FFF, 0xFE00), (0x7F802000, 0x7E01),
        (0x7FBFFFFF, 0x7FFF), (0xFFFFFFFF, 0xFFFF)),
    (FLOAT64, FLOAT32): (
        (0x0000000000000000, 0x00000000), (0x8000000000000000, 0x80000000), (0x3FF0000000000000, 0x3F800000),
        (0x3FF0000010000000, 0x3F800000), (0x3FF0000030000000, 0x3F800002), (0x3FF0000010000001, 0x3F800001),
        (0x3FF000000FFFFFFF, 0x3F800000), (0xBFFFFFFFF0000000, 0xC0000000),
        (0x47EFFFFFE0000000, 0x7F7FFFFF), (0x47EFFFFFEFFFFFFF, 0x7F7FFFFF), (0x47EFFFFFF0000000, 0x7F800000),
        (0xC7EFFFFFF0000000, 0xFF800000), (0x47F0000000000000, 0x7F800000), (0x7FEFFFFFFFFFFFFF, 0x7F800000),
        (0x7FF0000000000000, 0x7F800000), (0xFFF0000000000000, 0xFF800000),
        (0x3810000000000000, 0x00800000), (0x380FFFFFE0000000, 0x00800000), (0x380FFFFFDFFFFFFF, 0x007FFFFF),
        (0x36A0000000000000, 0x00000001), (0x3690000000000001, 0x00000001), (0x3690000000000000, 0x00000000),
        (0xB690000000000000, 0x80000000), (0x36A8000000000000, 0x00000002), (0x0000000000000001, 0x00000000),
        (0x800FFFFFFFFFFFFF, 0x80000000),
        (0x7FF8000000000000, 0x7FC00000), (0xFFF8000000000000, 0xFFC00000), (0x7FF0000000000001, 0x7FC00000),
        (0xFFF000001FFFFFFF, 0xFFC00000), (0x7FF0000020000000, 0x7FC00001), (0x7FF7FFFFFFFFFFFF, 0x7FFFFFFF),
        (0xFFFFFFFFFFFFFFFF, 0xFFFFFFFF))}


def infinity(type_number):
    return (1 << 8 * WIDTHS[type_number] - 1) - (1 << MANTISSA_BITS[type_number])


def exact(magnitude, type_number):
    """The number that an element without its sign stands for; infinity counts as the next one behind the largest."""
    bits = MANTISSA_BITS[type_number]
    exponent, mantissa = magnitude >> bits, magnitude & (1 << bits) - 1
    bias = infinity(type_number) >> bits + 1
    return Fraction(mantissa + (1 << bits if exponent else 0)) * Fraction(2) ** (max(exponent, 1) - bias - bits)


def is_nearest(number, magnitude, type_number):
    """Whether this is what the exact number, not below 0, is rounded to: none is nearer, and of two the even one."""
    neighbors = ([magnitude - 1] if magnitude > 0 else []) + ([magnitude + 1] if magnitude < infinity(type_number) else [])
    here = exact(magnitude, type_number)
    for neighbor in neighbors:
        there = exact(neighbor, type_number)
        distance, other = abs(number - here), abs(number - there)
        if distance > other or distance == other and magnitude & 1:
            return False
    return True


def elements_of(source, target, numbers, count):
    """Elements that are not NaN: many exponents, with mantissas beside those where rounding changes, and random ones."""
    bits, dropped = MANTISSA_BITS[source], MANTISSA_BITS[source] - MANTISSA_BITS[target]
    half = 1 << dropped - 1
    signs = (0, 1 << 8 * WIDTHS[source] - 1)
    for exponent in range(numbers.randrange(7), infinity(source) >> bits, 7):
        for upper in (0, 1, numbers.getrandbits(MANTISSA_BITS[target]), (1 << MANTISSA_BITS[target]) - 1):
            for lower in (0, 1, half - 1, half, half + 1, 2 * half - 1):
                yield numbers.choice(signs) | exponent << bits | upper << dropped | lower
    # around the least and the largest numbers of the target
    least = (infinity(source) >> bits + 1) - (infinity(target) >> MANTISSA_BITS[target] + 1) + 1
    largest = least + (infinity(target) >> MANTISSA_BITS[target]) - 2
    for exponent in (*range(max(least - MANTISSA_BITS[target] - 3, 0), least + 2), largest,
                     min(largest + 1, (infinity(source) >> bits) - 1)):
        for kept in range(MANTISSA_BITS[target] + 2):
            middle = 1 << bits - kept - 1
            upper = numbers.choice([numbers.getrandbits(kept), (1 << kept) - 1]) << bits - kept
            for lower in (middle - 1, middle, middle + 1):
                yield numbers.choice(signs) | exponent << bits | upper | lower
    for _ in range(count):
        yield numbers.choice(signs) | numbers.randrange(infinity(source) + 1)


def nans_of(source, target, numbers, count):
    quiet, dropped = 1 << MANTISSA_BITS[source] - 1, MANTISSA_BITS[source] - MANTISSA_BITS[target]
    mantissas = [1, 2 * quiet - 1, quiet, quiet - 1, quiet + 1, 1 << dropped, (1 << dropped) - 1, quiet >> 1]
    mantissas += [numbers.randrange(1, 2 * quiet) for _ in range(count)]
    for mantissa in mantissas:
        yield numbers.getrandbits(1) << 8 * WIDTHS[source] - 1 | infinity(source) | mantissa


class Rounding(unittest.TestCase):
    """Against numbers by hand, against exact arithmetic, and against the writer, which leaves it to the module struct."""

    def test_special_values(self):
        self.assertEqual(SPECIAL.keys(), ROUNDINGS.keys())
        for types, pairs in SPECIAL.items():
            for element, result in pairs:
                self.assertEqual(f"{rounding(*types)(element):#x}", f"{result:#x}", f"{element:#x} of {types}")
                self.assertEqual(ROUNDINGS[types](element), result)

    def test_numbers(self):
        numbers = random.Random(SEED)
        for source, target in ROUNDINGS:
            sign, target_sign = (1 << 8 * WIDTHS[number] - 1 for number in (source, target))
            round_element = rounding(source, target)
            for element in elements_of(source, target, numbers, 5_000):
                result = round_element(element)
                words = f"MLREPO_SEED={SEED}: {element:#x} of {source} as {target} is {result:#x}"
                self.assertEqual(result >= target_sign, element >= sign, words)
                magnitude = result % target_sign
                self.assertLessEqual(magnitude, infinity(target), words)
                if element % sign == infinity(source):
                    self.assertEqual(magnitude, infinity(target), words)
                else:
                    self.assertTrue(is_nearest(exact(element % sign, source), magnitude, target), words)
                self.assertEqual(result, ROUNDINGS[source, target](element), words)

    def test_not_numbers(self):
        numbers = random.Random(SEED)
        for source, target in ROUNDINGS:
            for element in nans_of(source, target, numbers, 2_000):
                result = rounding(source, target)(element)
                bits = f"{element:0{8 * WIDTHS[source]}b}"
                mantissa = "1" + bits[-MANTISSA_BITS[source]:][1:MANTISSA_BITS[target]]
                expected = bits[0] + mantissa.rjust(8 * WIDTHS[target] - 1, "1")
                self.assertEqual(f"{result:0{8 * WIDTHS[target]}b}", expected, f"MLREPO_SEED={SEED}: {element:#x}")
                self.assertEqual(result, ROUNDINGS[source, target](element))

    def test_the_oracle(self):
        """It would find a number that is not the nearest, or a tie to the odd one."""
        for types, pairs in SPECIAL.items():
            source, target = types
            for element, result in pairs:
                sign, target_sign = (1 << 8 * WIDTHS[number] - 1 for number in types)
                magnitude, right = element % sign, result % target_sign
                if magnitude < infinity(source):
                    number = exact(magnitude, source)
                    nearest = [near for near in range(max(right - 2, 0), min(right + 2, infinity(target)) + 1)
                               if is_nearest(number, near, target)]
                    self.assertEqual(nearest, [right], f"{element:#x} of {types}")

    def test_places(self):
        """From the first one on; where the base has none, and of what is left behind the last one, zeros."""
        base = b"".join(number.to_bytes(4, "little") for number in (0x3F800000, 0x40000000, 0xC0400000)) + b"\xff\xff\xff"
        for first, count, expected in ((0, 3, "803f 0040 40c0"), (1, 1, "0040"), (2, 3, "40c0 0000 0000"), (2, 0, "")):
            self.assertEqual(rounded(base, first, FLOAT32, BFLOAT16, count), bytes.fromhex(expected))


def random_element(type_number, numbers):
    if numbers.random() < 0.2:
        return numbers.choice([pair[0] for types, pairs in SPECIAL.items() for pair in pairs if types[0] == type_number])
    return numbers.getrandbits(8 * WIDTHS[type_number])


def random_case(numbers):
    """(types of base and tensor, base, number of its first element, raw bytes, stream)."""
    source, target = numbers.choice(list(ROUNDINGS))
    count, width = numbers.randrange(1, 120), WIDTHS[target]
    base = b"".join(random_element(source, numbers).to_bytes(WIDTHS[source], "little") for _ in range(count))
    base += numbers.randbytes(numbers.randrange(WIDTHS[source]))
    first = numbers.choice([0, count - 1, numbers.randrange(count)])
    n = numbers.randrange(1, 120)
    raw = bytearray(cast(base, source, target)[first * width:][:n * width].ljust(n * width, b"\0"))
    for _ in range(numbers.choice([0, 0, 1, 10])):
        raw[numbers.randrange(len(raw))] = numbers.randrange(256)
    raw += numbers.randbytes(numbers.randrange(width))
    choices = {"many_states": numbers.random() < 0.3, "alphabet": numbers.random() < 0.3}
    if n > 16 and numbers.random() < 0.5:
        choices |= {"row_length": numbers.randrange(16, n + 1), "zero_rows": numbers.random() < 0.5}
    return base, bytes(raw), encode_cast(bytes(raw), target, base, source, first, **choices)


class CastStreams(unittest.TestCase):
    base = random.Random(8).randbytes(80)
    raw = cast(base, FLOAT32, BFLOAT16)
    stream = encode_cast(raw, BFLOAT16, base, FLOAT32)

    def assert_refused(self, words, stream, base=None, raw_length=None):
        with self.assertRaisesRegex(ValueError, words):
            decode_cast(stream, raw_length or len(self.raw), self.base if base is None else base)

    def test_round_trips(self):
        numbers = random.Random(SEED)
        for _ in range(300):
            base, raw, stream = random_case(numbers)
            self.assertEqual(decode_cast(stream, len(raw), base), raw, f"MLREPO_SEED={SEED}")

    def test_changed_streams(self):
        numbers = random.Random(SEED)
        refused = 0
        for _ in range(400):
            base, raw, stream = random_case(numbers)
            stream = bytearray(stream)
            for _ in range(numbers.randrange(1, 4)):
                stream[numbers.randrange(min(len(stream), numbers.choice([4, 1_000])))] = numbers.randrange(256)
            try:
                self.assertEqual(len(decode_cast(bytes(stream), len(raw), base)), len(raw), f"MLREPO_SEED={SEED}")
            except ValueError:
                refused += 1
        self.assertGreater(refused, 200, f"MLREPO_SEED={SEED}")

    def test_the_base_itself(self):
        """A tensor that is the base, rounded, is a stream of zeros."""
        self.assertEqual(self.stream, b"\3\0" + encode_tensor(bytes(40), BFLOAT16, bytes(40)))
        self.assertEqual(decode_cast(self.stream, 40, self.base), self.raw)
        self.assertEqual(decode_cast(self.stream, 40, self.base + self.base[:7]), self.raw)

    def test_parts(self):
        """A part of the base, and more than it has; bytes behind the last element are those of the stream."""
        zeros = encode_tensor(bytes(12) + b"z", BFLOAT16, bytes(13))
        for first in range(20):
            self.assertEqual(decode_cast(bytes([3, first]) + zeros, 13, self.base),
                             self.raw[2 * first:2 * first + 12].ljust(12, b"\0") + b"z")
        self.assertEqual(decode_cast(bytes([3, 0]) + zeros, 13, self.base[:7]), self.raw[:2] + bytes(10) + b"z")

    def test_types(self):
        for source in range(256):
            for target in (*range(21), 255):
                if (source, target) not in ROUNDINGS:
                    self.assert_refused(f"elements of type {source} are not rounded to those of type {target}",
                                        bytes([source, 0, target]) + self.stream[3:])

    def test_first_elements(self):
        absent = "the base does not have the first element"
        for words, first in ((absent, 20), (absent, 21), (absent, 2**32 - 1), ("4294967296 is not in", 2**32),
                             ("is not in", 2**63 - 1)):
            self.assert_refused(words, b"\3" + varint(first) + self.stream[2:])
        for base, words in ((b"", absent), (self.base[:3], absent), (self.base[:79], absent)):
            self.assert_refused(words, bytes([3, 19 if len(base) == 79 else 0]) + self.stream[2:], base)
        for longer in (b"\x80\0", b"\x80\x80\0"):
            self.assert_refused("not the shortest form", b"\3" + longer + self.stream[2:])
        self.assert_refused("more than nine bytes", b"\3" + b"\xff" * 9 + b"\1" + self.stream[2:])

    def test_lengths(self):
        for length in range(len(self.stream)):
            self.assert_refused("too short", self.stream[:length])
        self.assert_refused("too long", self.stream + b"\0")
        self.assert_refused("fewer raw bytes than one element", self.stream, raw_length=1)

    def test_streams_without_a_base(self):
        self.assert_refused("elements without a sign", b"\3\0" + encode_tensor(self.raw, BFLOAT16, unsigned=True))


def vectors():
    """For each rounding: a base, raw bytes and the stream of these, with the special elements, and some that are no rounding."""
    numbers = random.Random(6)
    for (source, target), specials in SPECIAL.items():
        for first, changes, more in ((0, 0, 0), (0, 9, 1), (5, 3, 0), (3, 0, 1)):
            width, wide = WIDTHS[target], WIDTHS[source]
            elements = [element for element, _ in specials] + [numbers.randrange(1 << 8 * wide) for _ in range(300)]
            numbers.shuffle(elements)
            base = b"".join(element.to_bytes(wide, "little") for element in elements) + numbers.randbytes(more)
            raw = bytearray(cast(base[first * wide:], source, target)) + bytes(4 * width * more)
            for _ in range(changes):
                raw[numbers.randrange(len(raw))] ^= 1 << numbers.randrange(8)
            raw = bytes(raw) + numbers.randbytes(more * (width - 1))
            yield base, raw, encode_cast(raw, target, base, source, first)


class Vectors(unittest.TestCase):
    def test_the_vectors_that_the_program_reads_too(self):
        lines = VECTORS.read_text().splitlines()
        self.assertEqual(len(lines), 12)
        for line in lines:
            base, raw, stream = map(bytes.fromhex, line.split())
            self.assertEqual(decode_cast(stream, len(raw), base), raw)


if __name__ == "__main__":
    if sys.argv[1:] == ["write"]:
        VECTORS.write_text("".join(f"{base.hex()} {raw.hex()} {stream.hex()}\n" for base, raw, stream in vectors()))
    else:
        unittest.main()
