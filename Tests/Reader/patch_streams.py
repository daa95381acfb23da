"""Decoder of the streams of patches that Documentation/Formats/patch.md defines (codec 5 of a pack).

It follows that document alone. What it allocates is bounded by the length of the raw bytes, which the caller knows and
limits, whatever a stream claims.
"""

from store_objects import require
from store_trees import Cursor

LARGEST_NUMBER = 2**32 - 1


def number(cursor):
    value = cursor.varint()
    require(value <= LARGEST_NUMBER, f"number {value} is too large")
    return value


def decode_patch(stored, raw_length, base, decode_zstd):
    """The `raw_length` raw bytes of the stream `stored`; `decode_zstd(frame, length, prefix)` decodes a zstd frame."""
    cursor = Cursor(stored)
    prefix_start, prefix_length, command_bytes, literal_bytes = (number(cursor) for _ in range(4))
    require(prefix_start + prefix_length <= len(base), "prefix ends behind the base")
    require(command_bytes <= raw_length, "more bytes of commands than raw bytes")
    require(literal_bytes <= raw_length, "more literals than raw bytes")
    require(command_bytes + literal_bytes >= 1, "neither commands nor literals")
    content = decode_zstd(stored[cursor.position:], command_bytes + literal_bytes,
                          base[prefix_start:prefix_start + prefix_length])
    return follow(content[:command_bytes], content[command_bytes:], base, raw_length)


def follow(commands, literals, base, raw_length):
    """The raw bytes that commands make of literals and of the base."""
    cursor, raw, position, taken = Cursor(commands), bytearray(), 0, 0
    while cursor.position < len(commands):
        literal_count, copied, step = (number(cursor) for _ in range(3))
        require(literal_count <= len(literals) - taken, "literals run out")
        require(copied >= 1, "copy of no bytes")
        position += -(step + 1 >> 1) if step & 1 else step >> 1
        require(0 <= position <= len(base) - copied, "copy begins before the base or ends behind it")
        require(len(raw) + literal_count + copied <= raw_length, "more raw bytes come out than there are")
        raw += literals[taken:taken + literal_count]
        raw += base[position:position + copied]
        taken, position = taken + literal_count, position + copied
    require(len(raw) + len(literals) - taken == raw_length, "more or fewer raw bytes come out than there are")
    return bytes(raw + literals[taken:])
