"""Lies of SFTP servers about what is read: bytes, attributes, handles, names, and packets that are none.

hostile_sftp.py tells them.
"""
import os
import struct
from collections.abc import Callable

from sftp_liar import ESCAPES, EVERY, LIES, Liar, Lie, add, answer, to
from sftp_server import (ATTRS, DATA, EOF, EXTENDED_REPLY, FSTAT, HANDLE, LSTAT, MORE, NAME, OK, OPEN, OPENDIR, READ,
                         READDIR, SIZE, STATUS, Reply, packet, status, text)

PACK = b".pack"
ENTRY = b"/log/new/"


# Bytes of files

def add_data_lie(name: str, change: Callable[[bytes], Reply], about: bytes = b"") -> None:
    def body(liar: Liar, number: int, honest: Reply) -> bytes | None:
        if honest[0] != DATA:
            return None
        return answer(number, change(honest[1][4:]))
    LIES[name] = Lie((READ,), body, about=about)


def flipped(data: bytes) -> Reply:
    return DATA, text(data[:len(data) // 2] + bytes([data[len(data) // 2] ^ 4]) + data[len(data) // 2 + 1:])


for _name, _about in {"format": b"format", "packs": PACK, "entries": ENTRY}.items():
    add_data_lie(f"a_bit_of_{_name}", flipped, _about)
    add_data_lie(f"more_of_{_name}_than_was_asked_for", lambda data: (DATA, text(data + b"more")), _about)
    add_data_lie(f"the_end_of_{_name}_at_once", lambda data: status(EOF), _about)
    add_data_lie(f"zeros_in_{_name}", lambda data: (DATA, text(bytes(len(data)))), _about)
    add_data_lie(f"no_bytes_of_{_name}", lambda data: (DATA, text(b"")), _about)
add_data_lie("much_more_than_was_asked_for", lambda data: (DATA, text(data + bytes(200 << 10))), PACK)
add_data_lie("bytes_with_more_behind_them", lambda data: (DATA, text(data) + b"\1"), PACK)
add_data_lie("bytes_that_run_past_the_packet", lambda data: (DATA, text(data)[:-1]), PACK)
add_data_lie("bytes_of_4_gib", lambda data: (DATA, b"\xff\xff\xff\xff" + data), PACK)
add_data_lie("bytes_done", lambda data: status(OK), PACK)


@to(READ)
def bytes_one_by_one(liar: Liar, number: int, honest: Reply) -> bytes | None:
    """That is allowed."""
    data = honest[1][4:]
    return packet(DATA, number, text(data[:1 if len(data) < 600 else 997])) if honest[0] == DATA else None


@to(READ, about=PACK)
def half_of_it_and_the_end(liar: Liar, number: int, honest: Reply) -> bytes:
    data = honest[1][4:]
    return answer(number, (DATA, text(data[:len(data) // 2])) if len(data) > 100 else status(EOF))


@to(READ, about=PACK)
def the_file_changes_each_time(liar: Liar, number: int, honest: Reply) -> bytes | None:
    liar.kept.append(b"")
    data = honest[1][4:]
    return packet(DATA, number, text(bytes([data[0] ^ len(liar.kept) & 0xff]) + data[1:])) if data else None


# Attributes

ATTRIBUTES: dict[str, bytes] = {
    "of_2_64_bytes": struct.pack(">IQ", 1, 2**64 - 1), "of_2_63_bytes": struct.pack(">IQ", 1, 2**63),
    "of_almost_2_63_bytes": struct.pack(">IQ", 1, 2**63 - 1), "of_2_62_bytes": struct.pack(">IQ", 1, 2**62),
    "of_no_bytes": struct.pack(">IQ", 1, 0), "of_no_size": struct.pack(">I", 0),
    "that_are_directories": struct.pack(">IQI", 5, 4096, 0o40755),
    "that_are_links": struct.pack(">IQI", 5, 10, 0o120777),
    "with_unknown_fields": struct.pack(">IQ", 0x7ffffff1, 10),
    "with_2_32_extended": struct.pack(">IQI", SIZE | MORE, 10, 2**32 - 1),
    "with_2_31_extended": struct.pack(">IQI", SIZE | MORE, 10, 2**31) + bytes(100),
    "that_end_early": struct.pack(">IQ", 1, 10)[:-1], "with_more_behind": struct.pack(">IQ", 1, 10) + b"\0",
}
for _number, (_name, _bytes) in enumerate(ATTRIBUTES.items()):
    _where, _about = (("packs", PACK), ("entries", ENTRY))[_number % 2]
    add(f"{_where}_{_name}", (FSTAT, LSTAT), lambda true, said=_bytes: (ATTRS, said) if true[0] == ATTRS else true,
        about=_about)


def resized(true: Reply, by: int) -> Reply:
    flags, size = struct.unpack_from(">IQ", true[1])
    return ATTRS, struct.pack(">IQ", flags, max(0, size + by)) + true[1][12:]


for _name, _by in {"a_byte_longer": 1, "a_byte_shorter": -1, "a_terabyte_longer": 1 << 40}.items():
    for _where, _about in (("packs", PACK), ("entries", ENTRY), ("format", b"format")):
        add(f"{_where}_{_name}", (FSTAT,), lambda true, by=_by: resized(true, by) if true[0] == ATTRS else true,
            about=_about)
# These are allowed.
add("times_of_2_32", (FSTAT, LSTAT), lambda true: (ATTRS, true[1][:-8] + b"\xff" * 8) if true[0] == ATTRS else true)
add("only_sizes", (FSTAT, LSTAT), lambda true: (ATTRS, b"\0\0\0\1" + true[1][4:12]) if true[0] == ATTRS else true)
add("attributes_of_escapes", (FSTAT, LSTAT), lambda true: (
    ATTRS, struct.pack(">IQI", SIZE | MORE, *struct.unpack_from(">Q", true[1], 4), 2) + text(ESCAPES) * 4)
    if true[0] == ATTRS else true)


def add_endless_file(name: str, size: int, about: bytes) -> None:
    """Zeros, as many as are asked for, wherever that is."""
    def body(liar: Liar, number: int, honest: Reply) -> bytes | None:
        if liar.kind == READ:
            return packet(DATA, number, text(bytes(min(int.from_bytes(liar.request[-4:]), 200_000))))
        return packet(ATTRS, number, struct.pack(">IQ", 1, size)) if honest[0] == ATTRS else None
    LIES[name] = Lie((FSTAT, LSTAT, READ), body, about=about)


add_endless_file("packs_of_an_exabyte_of_zeros", 1 << 60, PACK)
add_endless_file("packs_of_10_mb_of_zeros", 10_000_000, PACK)
add_endless_file("entries_of_zeros", 16_384, ENTRY)


@to(OPEN, about=ENTRY)
def entries_of_every_number(liar: Liar, number: int, honest: Reply) -> bytes | None:
    """Those that are not there are the first one once more."""
    if honest[0] == HANDLE:
        return None
    first = liar.root / "place/work/.mlrepo/log/new/00000000000000000000"
    handle = liar.handle(first)
    liar.files[handle] = os.open(first, os.O_RDONLY)
    return packet(HANDLE, number, text(handle))


# Handles

def handles(name: str, change: Callable[[bytes], bytes]) -> None:
    """Other handles, by which the files are known from then on."""
    def body(liar: Liar, number: int, honest: Reply) -> bytes | None:
        if honest[0] != HANDLE:
            return None
        true = honest[1][4:]
        said = change(true)
        for table in (liar.files, liar.directories, liar.opened):
            if true in table:
                table[said] = table[true]
        return packet(HANDLE, number, text(said))
    LIES["handles_" + name] = Lie((OPEN, OPENDIR), body)


handles("of_256_bytes", lambda true: true + bytes(252))
handles("of_257_bytes", lambda true: true + bytes(253))
handles("of_10_kb", lambda true: true * 2500)
handles("of_no_bytes", lambda true: b"")
handles("of_escapes", lambda true: true + ESCAPES)
add("handles_of_4_gib", (OPEN, OPENDIR), lambda true: (HANDLE, b"\xff\xff\xff\xff" + true[1]))
add("opened_without_handle", (OPEN, OPENDIR), lambda true: status(OK))
add("opened_at_the_end", (OPEN, OPENDIR), lambda true: status(EOF))


# Names

def names(*said: bytes, count: int | None = None) -> bytes:
    known = struct.pack(">I", 0)
    listed = b"".join(text(name) + text(b"") + known for name in said)
    return struct.pack(">I", len(said) if count is None else count) + listed


def add_names_lie(name: str, payload: bytes | Callable[[], bytes]) -> None:
    def body(liar: Liar, number: int, honest: Reply) -> bytes | None:
        said = payload() if callable(payload) else payload
        return packet(NAME, number, said) if honest[0] == NAME else None
    LIES["names_" + name] = Lie((READDIR,), body)


for _name, _bad in {
    "with_slash": b"../../canary", "climbing": b"..", "of_nothing": b"", "with_nul": b"a\0b", "of_60_kb": b"x" * 60_000,
    "of_escapes": ESCAPES, "absurd_number": b"9" * 20, "largest_number": b"%020d" % (2**63 - 1),
    "of_no_utf_8": b"\xff\xfe", "of_a_line": b"one\nerror: two",
}.items():
    add_names_lie(_name, names(_bad))
add_names_lie("twice", names(*[b"%020d" % 0] * 2, *[b"00"] * 2))
add_names_lie("of_2_32", names(b"x", count=2**32 - 1))
add_names_lie("a_million_announced", names(b"x", count=1_000_000))
add_names_lie("a_million_in_one_packet", lambda: names(*[b"%06d" % n for n in range(1_000_000)]))
add_names_lie("with_more_behind", names(b"x") + b"\0")
add_names_lie("past_the_packet", names(b"x")[:-1])
add("names_done", (READDIR,), lambda true: status(OK))


def add_endless(name: str, some: Callable[[], bytes]) -> None:
    said: list[bytes] = []

    def body(liar: Liar, number: int, honest: Reply) -> bytes:
        said[:] = said or [some()]
        return packet(NAME, number, said[0])
    LIES[name] = Lie((READDIR,), body)


add_endless("names_without_end", lambda: names(*[b"%0240d" % n for n in range(1000)]))
# They take the most room of what is on the line.
add_endless("short_names_without_end", lambda: names(*[b"%04d" % n for n in range(10_000)]))
add_endless("lists_without_names_and_end", lambda: names())


@to(READDIR, LSTAT, about=b"/log/new")
def names_of_entries_with_gaps(liar: Liar, number: int, honest: Reply) -> bytes:
    """Every second number, and nothing there when it is opened."""
    if liar.kind == LSTAT:
        return packet(ATTRS, number, struct.pack(">IQ", 1, 1000))
    liar.kept.append(liar.request)
    if liar.kept.count(liar.request) > 5:
        return answer(number, status(EOF))
    first = 1500 * liar.kept.count(liar.request)
    return packet(NAME, number, names(*[b"%020d" % (2 * n) for n in range(first, first + 1500)]))


# Packets

for _name, _change in {
    "of_no_length": lambda true: bytes(4), "of_2_31": lambda true: struct.pack(">IB", 2**31, true[0]),
    "of_4_gib": lambda true: b"\xff\xff\xff\xff" + true[1],
    "of_a_byte_too_many": lambda true: packet(DATA, 1, text(bytes(257 * 1024 - 8))),
    "of_a_kind_alone": lambda true: struct.pack(">IB", 1, true[0]),
    "with_half_a_number": lambda true: struct.pack(">IBH", 3, true[0], 0),
}.items():
    add("packets_" + _name, (READ,), _change, about=PACK)
for _kind, _payload in {
        STATUS: status(77)[1], HANDLE: text(b"h"), DATA: text(b"data"), NAME: names(b"x"),
        ATTRS: struct.pack(">IQ", 1, 10), EXTENDED_REPLY: bytes(32), 0: b"", 99: b"", 255: b""}.items():
    # Each reply to two of these requests, to which it is a wrong one.
    for _asked in [asked for asked, right in ((OPEN, HANDLE), (READ, DATA), (FSTAT, ATTRS)) if right != _kind][:2]:
        add(f"kind_{_kind}_for_{_asked}", (_asked,), lambda true, said=(_kind, _payload): said, about=b"/packs/")


@to(READ, FSTAT)
def a_reply_to_nothing(liar: Liar, number: int, honest: Reply) -> bytes:
    return packet(honest[0], number + 77_777, honest[1])


@to(READ, FSTAT)
def a_reply_with_number_0(liar: Liar, number: int, honest: Reply) -> bytes:
    return packet(honest[0], 0, honest[1])


@to(READ, FSTAT)
def a_reply_twice(liar: Liar, number: int, honest: Reply) -> bytes:
    return 2 * answer(number, honest)


@to(READ, about=PACK)
def replies_of_the_request_before(liar: Liar, number: int, honest: Reply) -> bytes:
    liar.kept = [*liar.kept[-1:], honest[1]]
    return packet(DATA, number, liar.kept[0])


@to(*EVERY)
def replies_in_another_order(liar: Liar, number: int, honest: Reply) -> bytes:
    """All that are asked for at once, the last one first: that is allowed."""
    liar.kept.append(answer(number, honest))
    if liar.is_asked_more():
        return b""
    said, liar.kept = b"".join(reversed(liar.kept)), []
    return said
