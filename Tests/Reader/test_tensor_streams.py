"""Tests of the independent codec of tensor streams, and of the vectors that both implementations decode.

Run by `python3 -m unittest` in this folder. MLREPO_SEED repeats a run. `test_tensor_streams.py write` writes the vectors anew.
"""

import os
import pathlib
import random
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from tensor_streams import decode_tensor
from tensor_writer import MANTISSA_BITS, WIDTHS, encode_tensor

VECTORS = HERE.parent / "Vectors" / "tensors.txt"
SEED = int(os.environ.get("MLREPO_SEED", random.SystemRandom().randrange(2**32)))


def random_case(numbers, type_number, most=400):
    """Raw bytes, a base or None, and choices for the encoder."""
    width = WIDTHS[type_number]
    bits, n = 8 * width, numbers.randrange(1, most)
    row_length = numbers.choice([None, n, numbers.randrange(16, n + 1) if n > 16 else n, min(n, 16), min(n, 16)])
    special = [0, 1 << bits - 1, (1 << bits) - 1, 1, (1 << bits - 1) - 1]

    def element(i):
        if row_length and i // row_length % 3 == 1:
            return 0
        if numbers.random() < 0.1:
            return numbers.choice(special)
        if type_number in MANTISSA_BITS:
            middle = (1 << bits - 2) + numbers.getrandbits(bits - 4 if bits > 8 else 4)
            return middle | numbers.getrandbits(1) << bits - 1
        return numbers.getrandbits(min(bits, 12))

    elements = [element(i) for i in range(n)]
    rest = numbers.randbytes(numbers.randrange(width))
    raw = b"".join(x.to_bytes(width, "little") for x in elements) + rest
    base = None
    if numbers.random() < 0.6:
        old = [x if row_length and i // row_length % 3 == 2 else x ^ numbers.getrandbits(3) for i, x in enumerate(elements)]
        base = b"".join(x.to_bytes(width, "little") for x in old) + numbers.randbytes(len(rest))
    choices = {"unsigned": base is None and type_number in MANTISSA_BITS and numbers.random() < 0.3,
               "many_states": numbers.random() < 0.3, "groups": numbers.randrange(1, 64), "low_bits": numbers.choice([None, numbers.randrange(min(bits, 57))])}
    if row_length:
        choices |= {"row_length": row_length, "columns": n // row_length >= 16 and numbers.random() < 0.7, "zero_rows": numbers.random() < 0.5}
    if numbers.random() < 0.4:
        choices |= {"alphabet": True, "alphabet_size": numbers.choice([1, 5, 255])}
    return raw, base, choices


def vectors():
    numbers = random.Random(2)
    for type_number in WIDTHS:
        for _ in range(6):
            raw, base, choices = random_case(numbers, type_number, most=numbers.choice([70, 70, 600]))
            yield type_number, base, raw, encode_tensor(raw, type_number, base, **choices)


class TensorStreams(unittest.TestCase):
    def test_vectors(self):
        lines = VECTORS.read_text().splitlines()
        self.assertEqual(len(lines), 60)
        for line in lines:
            base, raw, stream = (None if word == "-" else bytes.fromhex(word) for word in line.split())
            self.assertEqual(decode_tensor(stream, len(raw), base), raw)

    def test_round_trips(self):
        numbers = random.Random(SEED)
        for type_number in WIDTHS:
            for _ in range(12):
                raw, base, choices = random_case(numbers, type_number)
                stream = encode_tensor(raw, type_number, base, **choices)
                self.assertEqual(decode_tensor(stream, len(raw), base), raw, f"MLREPO_SEED={SEED}")

    def test_changed_streams(self):
        numbers = random.Random(SEED)
        refused = 0
        for _ in range(400):
            type_number = numbers.choice(list(WIDTHS))
            raw, base, choices = random_case(numbers, type_number, most=60)
            stream = bytearray(encode_tensor(raw, type_number, base, **choices))
            for _ in range(numbers.randrange(1, 4)):
                stream[numbers.randrange(len(stream))] = numbers.randrange(256)
            try:
                self.assertEqual(len(decode_tensor(bytes(stream), len(raw), base)), len(raw), f"MLREPO_SEED={SEED}")
            except ValueError:
                refused += 1
        self.assertGreater(refused, 200, f"MLREPO_SEED={SEED}")


if __name__ == "__main__":
    if sys.argv[1:] == ["write"]:
        VECTORS.write_text("".join(
            f"{'-' if base is None else base.hex()} {raw.hex()} {stream.hex()}\n" for _, base, raw, stream in vectors()))
    else:
        unittest.main()
