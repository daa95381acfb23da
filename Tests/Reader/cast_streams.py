"""Decoder of the streams of casts that Documentation/Formats/tensor.md defines in "Casts" (codec 6 of a pack).

It follows that document alone, and refuses with ValueError what the document refuses. Beside what a stream with a base
takes, it allocates as many bytes as there are raw ones, whatever a stream claims.
"""

import struct

from tensor_streams import FLOAT_TYPES, Reader, decode_tensor

BFLOAT16, FLOAT16, FLOAT32, FLOAT64 = 1, 2, 3, 4
ROUNDINGS = {(FLOAT32, BFLOAT16), (FLOAT32, FLOAT16), (FLOAT64, FLOAT32)}
LARGEST_NUMBER = 2**32 - 1
LETTERS = {2: "H", 4: "I", 8: "Q"}  # of the module struct, for elements of so many bytes


def rounding(source, target):
    """The function that makes an element of a type, taken as an integer, one of a type with fewer bits."""
    (source_width, source_mantissa), (width, mantissa) = FLOAT_TYPES[source], FLOAT_TYPES[target]
    source_sign, sign = 1 << 8 * source_width - 1, 1 << 8 * width - 1
    source_infinity, infinity = source_sign - (1 << source_mantissa), sign - (1 << mantissa)
    hidden_bit = 1 << source_mantissa
    dropped = source_mantissa - mantissa
    rebias = (infinity >> mantissa + 1) - (source_infinity >> source_mantissa + 1)

    def magnitude_of(magnitude):
        if magnitude > source_infinity:
            return infinity | 1 << mantissa - 1 | (magnitude & hidden_bit - 1) >> dropped
        exponent = magnitude >> source_mantissa
        significand = magnitude & hidden_bit - 1 | (hidden_bit if exponent else 0)
        exponent = max(exponent, 1) + rebias
        shift = dropped
        if exponent < 1:  # subnormal
            shift, exponent = dropped + 1 - exponent, 1
        significand = significand + (1 << shift - 1) - 1 + (significand >> shift & 1) >> shift
        # the highest bit of a normal number's significand adds the 1 that its exponent lacks here
        return min(significand + (exponent - 1 << mantissa), infinity)

    return lambda element: magnitude_of(element & source_sign - 1) | (sign if element & source_sign else 0)


def rounded(base, first, source, target, count):
    """The bytes of `count` elements of a base from number `first` on, rounded; where it has none, those of 0."""
    source_width, width = FLOAT_TYPES[source][0], FLOAT_TYPES[target][0]
    there = min(count, len(base) // source_width - first)
    elements = struct.unpack_from(f"<{there}{LETTERS[source_width]}", base, first * source_width)
    return struct.pack(f"<{there}{LETTERS[width]}", *map(rounding(source, target), elements)) + bytes((count - there) * width)


def decode_cast(stored, raw_length, base):
    """The `raw_length` raw bytes of the stream `stored`; the base is the payloads of all bases."""
    reader = Reader(stored, "the stream")
    source = reader.bits(8)
    first = reader.varint(0, LARGEST_NUMBER, "the number of the first element")
    stream = stored[reader.position // 8:]
    target = reader.bits(8)
    if (source, target) not in ROUNDINGS:
        raise ValueError(f"elements of type {source} are not rounded to those of type {target}")
    if first >= len(base) // FLOAT_TYPES[source][0]:
        raise ValueError("the base does not have the first element")
    width = FLOAT_TYPES[target][0]
    y = rounded(base, first, source, target, raw_length // width)
    return decode_tensor(stream, raw_length, y + bytes(raw_length % width))
