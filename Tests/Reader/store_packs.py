"""Packs of store format 1: trailer, index, frames and codecs.

Written from Documentation/Formats/{pack,tensor,patch}.md alone. A pack is read through a function `read_at(offset, count)`.
"""

import shutil
import struct
import subprocess
import tempfile
import threading
import zlib
from typing import NamedTuple

import cast_streams
import patch_streams
import tensor_streams
from store_objects import BLOB, KINDS, LARGEST_PAYLOAD, LARGEST_RAW, Damage, Undecoded, require
from store_trees import Cursor

RAW, ZLIB, ZSTD, TENSOR, TENSOR_BASE, PATCH, CAST, ZLIB_BASE = range(8)
DEPTHS = {TENSOR_BASE: 1, PATCH: 1, CAST: 2, ZLIB_BASE: 1}  # of the frames with a base; the depth of others is 0
METADATA, DATA = 1, 2
FRAME_HEADER = struct.Struct("<4sBBHIIIII")
FRAME_RECORD = struct.Struct("<QIBBH")
BASE_RECORD = struct.Struct("<32sB3s")
ENTRY_RECORD = struct.Struct("<32sBBHIII")
TRAILER = struct.Struct("<QIIQQ16sIII4s")
LONGEST_PACK = 2**40
MOST_OBJECTS = 65_536
MOST_BASES = 64
LARGEST_BASES = {PATCH: 8 * 2**20, CAST: 16 * 2**20}  # all together, of the codecs that may have several
LONGEST_TABLE = 1 + 33 * MOST_BASES + 3 + 10 * MOST_OBJECTS
LONGEST_DICTIONARY = 32_768
LARGEST_WINDOW = 8 * 2**20
ZSTD_DICTIONARY_MAGIC = bytes.fromhex("37a430ec")
BY_RECIPE = 1


class FrameRecord(NamedTuple):
    offset: int
    end: int
    bases: tuple  # of (kind, id)
    codec: int
    frame_class: int


class Entry(NamedTuple):
    id: bytes
    kind: int
    flags: int
    frame: int
    offset: int
    length: int


class Pack:
    """A pack whose trailer and index are read and sound in themselves."""

    def __init__(self, read_at, size):
        require(TRAILER.size < size < LONGEST_PACK, "pack is too short or too long")
        trailer = read_at(size - TRAILER.size, TRAILER.size)
        (self.index_offset, frames, bases, entries, self.raw_total, zeros,
         version, index_crc, trailer_crc, magic) = TRAILER.unpack(trailer)
        require(magic == b"MLP1", "trailer has no magic")
        require(zlib.crc32(trailer[:56]) == trailer_crc, "trailer's CRC differs")
        require(version == 1, f"pack version {version} is not known")
        require(not any(zeros), "trailer's reserved bytes are not zero")
        length = FRAME_RECORD.size * frames + BASE_RECORD.size * bases + ENTRY_RECORD.size * entries
        require(self.index_offset + length + TRAILER.size == size, "pack's length is not that of its parts")
        require(frames >= 1, "pack without frames")
        index = read_at(self.index_offset, length)
        require(zlib.crc32(index) == index_crc, "index' CRC differs")
        bases_at = FRAME_RECORD.size * frames
        entries_at = bases_at + BASE_RECORD.size * bases
        self.frames = self._frames(index[:bases_at], self._bases(index[bases_at:entries_at]))
        self.entries = [Entry(i, kind, flags, frame, offset, length) for i, kind, flags, zero, frame, offset, length
                        in self._records(ENTRY_RECORD, index[entries_at:], 3)]
        require(all(a[:2] < b[:2] for a, b in zip(self.entries, self.entries[1:])), "entries are not sorted")
        for entry in self.entries:
            require(1 <= entry.kind <= len(KINDS), f"kind {entry.kind} is not known")
            require(entry.frame < frames, "entry of a frame that is not there")
            require(entry.offset + entry.length <= LARGEST_RAW, "entry goes on behind its frame")
            require(entry.flags == 0 or (entry.flags == BY_RECIPE and entry.kind == BLOB), f"flags {entry.flags}")

    @staticmethod
    def _records(layout, data, zero_field):
        """The records of a table, in each of which one field is zero."""
        for fields in layout.iter_unpack(data):
            require(fields[zero_field] in (0, b"\0\0\0"), "reserved bytes of the index are not zero")
            yield fields

    def _bases(self, data):
        bases = [(kind, identifier) for identifier, kind, _ in self._records(BASE_RECORD, data, 2)]
        require(all(1 <= kind <= len(KINDS) for kind, _ in bases), "a base's kind is not known")
        return bases

    def _frames(self, data, bases):
        records = list(FRAME_RECORD.iter_unpack(data))
        offsets = [record[0] for record in records] + [self.index_offset]
        require(offsets[0] == 0 and all(a < b for a, b in zip(offsets, offsets[1:])),
                "offsets of frames do not rise from 0")
        frames, used, firsts = [], 0, {}
        for (offset, first, codec, frame_class, more), end in zip(records, offsets[1:]):
            require(more < MOST_BASES, f"a frame has more than {MOST_BASES} bases")
            require(first + more <= len(bases) and (first or not more), "a frame has bases that are not there")
            of_frame = tuple(bases[first - 1:first + more]) if first else ()
            if of_frame:
                require(firsts.setdefault(of_frame, used + 1) == first,
                        "bases are not in the order of their first use, each list once")
                used = max(used, first + more)
            frames.append(FrameRecord(offset, end, of_frame, codec, frame_class))
        require(used == len(bases), "a base is not used")
        return frames


class Frame(NamedTuple):
    """A frame whose CRCs hold, not yet decoded."""
    codec: int
    bases: tuple  # of (kind, id)
    objects: list  # (kind, length), in the order of the raw bytes
    stored: bytes
    raw_length: int

    def decode(self, base_payload):
        """The raw bytes; `base_payload(kind, id)` gives the payload of the base."""
        if self.codec == RAW:
            require(len(self.stored) == self.raw_length, "raw frame of another length")
            return self.stored
        if self.codec == ZSTD:
            return decode_zstd(self.stored, self.raw_length)
        if self.codec == ZLIB:
            return decode_zlib(self.stored, self.raw_length)
        if self.codec == TENSOR:
            return decode_tensor(self.stored, self.raw_length, None)
        if self.codec == TENSOR_BASE:
            base = base_payload(*self.bases[0])[:self.raw_length]
            return decode_tensor(self.stored, self.raw_length, base + bytes(self.raw_length - len(base)))
        if self.codec in LARGEST_BASES:
            decode = decode_patch if self.codec == PATCH else decode_cast
            return decode(self.stored, self.raw_length, self._joined_bases(base_payload))
        return decode_zlib(self.stored, self.raw_length, base_payload(*self.bases[0])[-LONGEST_DICTIONARY:])

    def _joined_bases(self, base_payload):
        joined = bytearray()
        for base in self.bases:
            joined += base_payload(*base)
            require(len(joined) <= LARGEST_BASES[self.codec], "bases are too large all together")
        return bytes(joined)

    def payloads(self, raw):
        """(kind, offset, payload) of each object."""
        offset = 0
        for kind, length in self.objects:
            yield kind, offset, raw[offset:offset + length]
            offset += length


def read_frame(read_at, record):
    """The frame at an index' record, checked in the order that spares work: header, table, padding, stored bytes."""
    size = record.end - record.offset
    require(size >= FRAME_HEADER.size, "frame is too short")
    header = read_at(record.offset, FRAME_HEADER.size)
    (magic, codec, frame_class, padding, table_length, stored_length, raw_length,
     stored_crc, head_crc) = FRAME_HEADER.unpack(header)
    require(magic == b"MLF1", "frame has no magic")
    require(table_length <= LONGEST_TABLE and padding < 4_096 and raw_length <= LARGEST_RAW
            and stored_length <= raw_length, "frame is larger than the limits")
    require(FRAME_HEADER.size + table_length + padding + stored_length == size,
            "frame's length is not that of its parts")
    table = read_at(record.offset + FRAME_HEADER.size, table_length)
    require(zlib.crc32(header[:24] + table) == head_crc, "CRC of frame's head differs")
    require(codec <= ZLIB_BASE, f"codec {codec} is not known to this version")
    require(frame_class == METADATA and codec in (RAW, ZLIB, ZLIB_BASE) or frame_class == DATA,
            f"class {frame_class} with codec {codec}")
    bases, objects = parse_table(table, codec, frame_class, raw_length)
    require(codec not in (TENSOR, TENSOR_BASE, CAST) or len(objects) == 1, "a tensor is not alone in its frame")
    require((codec, frame_class, bases) == (record.codec, record.frame_class, record.bases), "frame and index differ")
    stored_at = record.offset + FRAME_HEADER.size + table_length
    rest = read_at(stored_at, padding + stored_length)
    require(not any(rest[:padding]), "padding is not zero")
    stored = rest[padding:]
    require(zlib.crc32(stored) == stored_crc, "CRC of stored bytes differs")
    return Frame(codec, bases, objects, stored, raw_length)


def parse_table(table, codec, frame_class, raw_length):
    """The bases and the objects that a frame's table names."""
    cursor = Cursor(table)
    base_count = cursor.varint() if codec in LARGEST_BASES else int(codec in (ZLIB_BASE, TENSOR_BASE))
    require(codec not in LARGEST_BASES or 1 <= base_count <= MOST_BASES, f"frame of {base_count} bases")
    bases = tuple((cursor.byte(), cursor.take(32)) for _ in range(base_count))
    count = cursor.varint()
    require(1 <= count <= MOST_OBJECTS, f"frame of {count} objects")
    objects = [(cursor.byte(), cursor.varint()) for _ in range(count)]
    cursor.finish()
    for kind, _ in bases:
        require(1 <= kind <= len(KINDS) and (kind == BLOB) == (frame_class == DATA), "base of another class")
    for kind, length in objects:
        require(1 <= kind <= len(KINDS), f"kind {kind} is not known")
        require((kind == BLOB) == (frame_class == DATA), f"{KINDS[kind - 1]} in a frame of class {frame_class}")
        require(length <= LARGEST_PAYLOAD[kind], f"{KINDS[kind - 1]} is too large")
    require(sum(length for _, length in objects) == raw_length, "lengths of objects do not add up")
    return bases, objects


def decode_tensor(stored, raw_length, base):
    """The raw bytes of a stream; the base has as many of them, or is None."""
    try:
        return tensor_streams.decode_tensor(stored, raw_length, base)
    except ValueError as error:
        raise Damage(f"stream of a tensor: {error}") from None


def decode_cast(stored, raw_length, base):
    """The raw bytes of a stream; the base is the payloads of all bases."""
    try:
        return cast_streams.decode_cast(stored, raw_length, base)
    except ValueError as error:
        raise Damage(f"stream of a cast: {error}") from None


def decode_patch(stored, raw_length, base):
    """The raw bytes of a stream; the base is the payloads of all bases."""
    try:
        return patch_streams.decode_patch(stored, raw_length, base, decode_zstd)
    except Damage as damage:
        raise Damage(f"stream of a patch: {damage}") from None


def decode_zlib(stored, raw_length, dictionary=None):
    """One RFC 1950 stream, with a preset dictionary if one is given."""
    require(len(stored) >= 2 and bool(stored[1] & 0x20) == (dictionary is not None),
            "stream with a preset dictionary where there is none, or the reverse")
    decoder = zlib.decompressobj() if dictionary is None else zlib.decompressobj(zdict=dictionary)
    try:
        raw = decoder.decompress(stored, raw_length + 1)
    except zlib.error as error:
        raise Damage(f"zlib stream is damaged ({error})") from None
    require(decoder.eof and not decoder.unused_data and len(raw) == raw_length, "zlib stream of another length")
    return raw


def check_zstd_frame(stored, raw_length):
    """Refuses what is not one RFC 8878 frame with its content size, no dictionary and a small window.

    Says whether it is of a single segment.
    """
    cursor = Cursor(stored)

    def number(count):
        return int.from_bytes(cursor.take(count), "little")

    require(number(4) == 0xFD2FB528, "not a zstd frame")
    descriptor = cursor.byte()
    size_flag, single_segment, checksum = descriptor >> 6, descriptor >> 5 & 1, descriptor >> 2 & 1
    require(not descriptor & 0x08, "zstd frame with a reserved bit")
    window = 0
    if not single_segment:
        window_descriptor = cursor.byte()
        window = (8 + (window_descriptor & 7)) << (7 + (window_descriptor >> 3))
    require(number((0, 1, 2, 4)[descriptor & 3]) == 0, "zstd frame with a dictionary")
    require(size_flag or single_segment, "zstd frame without its content size")
    content_size = number(1 << size_flag) + (256 if size_flag == 1 else 0)
    require(content_size == raw_length, "zstd frame of another length")
    require(window <= LARGEST_WINDOW, "zstd window is too large")
    last = False
    while not last:
        block = number(3)
        last, block_type, block_size = block & 1, block >> 1 & 3, block >> 3
        require(block_type != 3, "zstd block of a reserved type")
        cursor.take(1 if block_type == 1 else block_size)
    cursor.take(4 if checksum else 0)
    cursor.finish()
    return single_segment


def decode_zstd(stored, raw_length, prefix=None):
    """Decodes a zstd frame by the command of that name: the standard library has no decoder.

    A prefix is raw content. The command takes one that begins with the magic of a dictionary for such a thing, so it gets
    that behind one more byte; a match that reaches this byte shows when the byte is another.
    """
    single_segment = check_zstd_frame(stored, raw_length)
    require(prefix is None or single_segment, "zstd frame with a prefix is not a single segment")
    command = shutil.which("zstd")
    if command is None:
        raise Undecoded("no zstd command")
    if not prefix:
        return run_zstd([command], stored, raw_length)
    decoded = set()
    for before in (b"\0", b"\1") if prefix.startswith(ZSTD_DICTIONARY_MAGIC) else (b"",):
        with tempfile.NamedTemporaryFile() as file:
            file.write(before + prefix)
            file.flush()
            decoded.add(run_zstd([command, "-D", file.name], stored, raw_length))
    require(len(decoded) == 1, "zstd frame reaches before its prefix")
    return decoded.pop()


def run_zstd(command, stored, raw_length):
    """The bytes that the command makes of a frame, which must be so many."""
    process = subprocess.Popen([*command, "-q", "-d", "-c", "--memory=8MB"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def feed():
        try:
            with process.stdin:
                process.stdin.write(stored)
        except BrokenPipeError:
            pass  # the command gave up on damaged input, which its exit status says

    feeder = threading.Thread(target=feed)
    feeder.start()
    with process.stdout:
        raw = process.stdout.read(raw_length + 1)
    if len(raw) > raw_length:
        process.kill()
    feeder.join()
    require(process.wait() == 0 and len(raw) == raw_length, "zstd frame is damaged")
    return raw


class Content(NamedTuple):
    """An object as it lies in a frame; `recipe_of` is the id of the blob if it is a recipe."""
    kind: int
    id: bytes
    recipe_of: bytes | None
    offset: int
    length: int


def expected_entries(frames, depths):
    """The entries that an index must have, in order, given the contents of each frame by its number.

    The first place of an object counts, of a blob that in a frame of the least depth; `depths` has those of data. A recipe also
    gives its blob, unless the blob itself lies in the pack.
    """
    whole, by_recipe = {}, {}
    for frame, contents in sorted(frames.items(), key=lambda item: (depths.get(item[0], 0), item[0])):
        for kind, identifier, recipe_of, *place in contents:
            whole.setdefault((identifier, kind), Entry(identifier, kind, 0, frame, *place))
            if recipe_of:
                by_recipe.setdefault((recipe_of, BLOB), Entry(recipe_of, BLOB, BY_RECIPE, frame, *place))
    return sorted((by_recipe | whole).values())
