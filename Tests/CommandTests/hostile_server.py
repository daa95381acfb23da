#!/usr/bin/env python3
"""A server of the framed protocol that lies: started as ssh, by a client that has MLREPO_SSH="hostile_server.py NAME".

usage: hostile_server.py            lists the names of lies
       hostile_server.py NAME …     serves the store at FAR/place/work/.mlrepo, and lies in that way

Everything else that it says is true (framed_server.py). FAR is of the environment. Each time that it lies it
writes a line into FAR/out/lies.
"""
import os
import select
import struct
import sys
from collections.abc import Callable
from pathlib import Path

from framed_server import (CONTENT, CREATE, DONE, FAILURE, FOUND, GREETING, LENGTH, LISTED, MAGIC, NAMES, PROPERTIES,
                           READ,
                           TAKEN, UPLOAD_BEGIN, UPLOAD_DATA, UPLOAD_FINISH, WRONG_BYTES, Reply, Server, frame, text,
                           varint)
from serve_client import FAILED, LONGEST_PAYLOAD, UNREACHABLE, WORKING

ESCAPES = "\x1b]0;title\x07\x1b[31mred\x1b[2J\r\x08\x7f\u009b31m\u202egnp.exe\n\u2066".encode()
MEBIBYTE = 1 << 20
LIES: dict[str, "Lie"] = {}
Body = Callable[["Liar", int, list[Reply]], bytes | None]


class Lie:
    """What is said instead of the truth: the greeting, or the reply to requests of some kinds."""

    def __init__(self, asked: tuple[int, ...], body: Body | None = None, greeting: bytes | None = None) -> None:
        self.asked, self.body, self.greeting = asked, body, greeting


def to(*asked: int) -> Callable[[Body], Body]:
    """Registers a lie that answers requests of these kinds; what gives nothing lies not this time."""
    def register(body: Body) -> Body:
        LIES[body.__name__] = Lie(asked, body)
        return body
    return register


class Liar(Server):
    def __init__(self, store: Path, name: str) -> None:
        super().__init__(store)
        self.lie, self.name, self.kept = LIES[name], name, []
        self.there = set(store.rglob("*"))

    def note(self) -> None:
        with open(Path(os.environ["FAR"], "out/lies"), "a") as file:
            print(self.name, file=file)

    def greeting(self) -> bytes:
        if self.lie.greeting is None:
            return super().greeting()
        self.note()
        return self.lie.greeting

    def replies(self, kind: int, number: int, request: bytes, honest: list[Reply]) -> bytes:
        true = super().replies(kind, number, request, honest)
        if self.lie.body is None or kind not in self.lie.asked:
            return true
        self.request = request
        said = self.lie.body(self, number, honest)
        if said is None:
            return true
        self.note()
        return said

    @staticmethod
    def is_asked_more() -> bool:
        """Whether another request comes within a moment."""
        return bool(select.select([0], [], [], 0.02)[0])

    def leave(self, last: bytes) -> None:
        """Says its last."""
        self.note()
        self.send(last)
        os._exit(0)


ALL = (READ, PROPERTIES, NAMES, CREATE, UPLOAD_BEGIN, UPLOAD_DATA, UPLOAD_FINISH)


def piece(honest: list[Reply]) -> tuple[bytes, bytes] | None:
    """The head and the bytes of a reply to read, if it has many."""
    payload = honest[0][1]
    start = 1
    while start < len(payload) and payload[start] & 0x80:
        start += 1
    return (payload[:start + 1], payload[start + 1:]) if len(payload) > 400 else None


def add_content_lie(name: str, change: Callable[[bytes, bytes], bytes]) -> None:
    def body(liar: Liar, number: int, honest: list[Reply]) -> bytes | None:
        found = piece(honest)
        return found and frame(CONTENT, number, change(*found))
    LIES[name] = Lie((READ,), body)


for _name, _change in {
    "a_bit_of_each_piece": lambda head, data: head + data[:200] + bytes([data[200] ^ 1]) + data[201:],
    "pieces_of_zeros": lambda head, data: head + bytes(len(data)),
    "pieces_cut_off": lambda head, data: head + data[:len(data) // 2],
    "pieces_without_bytes": lambda head, data: head,
    "pieces_with_more_than_was_asked_for": lambda head, data: head + data + b"more",
    "pieces_with_a_megabyte_more": lambda head, data: head + data + bytes(MEBIBYTE),
    "files_that_are_not_there": lambda head, data: b"\0",
    "files_of_almost_2_63_bytes": lambda head, data: b"\1" + varint(2**63 - 1) + data,
    "files_of_2_62_bytes": lambda head, data: b"\1" + varint(2**62) + data,
    "files_of_no_bytes": lambda head, data: b"\1" + varint(0) + data,
    "a_length_of_ten_bytes": lambda head, data: b"\1" + b"\xff" * 9 + b"\1" + data,
    "a_length_that_is_not_shortest": lambda head, data: b"\1\x80\0" + data,
    "neither_yes_nor_no": lambda head, data: b"\2" + head[1:] + data,
    "a_reply_of_nothing": lambda head, data: b"",
}.items():
    add_content_lie(_name, _change)


# Names

def add_names_lie(name: str, payload: Callable[[bytes], bytes]) -> None:
    def body(liar: Liar, number: int, honest: list[Reply]) -> bytes:
        return frame(LISTED, number, payload(honest[0][1]))
    LIES[name] = Lie((NAMES,), body)


for _key, _bad in {"climbing": b"..", "slash": b"../../../canary", "nothing": b"", "nul": b"a\0b", "long": b"x" * 1025,
                   "escapes": ESCAPES.replace(b"\n",
                           b""), "absurd_number": b"9" * 20, "largest_number": b"%020d" % (2**63 - 1)}.items():
    add_names_lie("names_of_" + _key, lambda true, bad=_bad: b"\0" + varint(1) + text(bad))
add_names_lie("names_without_number", lambda true: b"\0" + varint(2**62) + true[2:])
add_names_lie("names_in_one_frame_of_4_mib", lambda true: b"\0" + varint(2 * MEBIBYTE) + b"\1x" * 2 * MEBIBYTE)


@to(NAMES)
def names_without_end(liar: Liar, number: int, honest: list[Reply]) -> bytes:
    """As fast as the line takes them, until the client leaves."""
    liar.note()
    names = b"".join(b"\x14%020d" % n for n in range(50_000))
    while True:
        liar.send(frame(LISTED, number, b"\1" + varint(50_000) + names))


@to(NAMES)
def empty_lists_without_end(liar: Liar, number: int, honest: list[Reply]) -> bytes:
    liar.note()
    while True:
        liar.send(frame(LISTED, number, b"\1\0") * 5000)


# Replies that are none

@to(READ, NAMES)
def a_reply_that_nobody_asked_for(liar: Liar, number: int, honest: list[Reply]) -> bytes:
    return frame(CONTENT, number + 77_777, b"\0")


@to(READ, NAMES)
def a_reply_twice(liar: Liar, number: int, honest: list[Reply]) -> bytes:
    return 2 * frame(honest[0][0], number, honest[0][1])


@to(READ, NAMES, PROPERTIES)
def a_reply_of_another_kind(liar: Liar, number: int, honest: list[Reply]) -> bytes:
    return frame(DONE, number, b"\1")


@to(READ, NAMES)
def a_reply_of_no_kind(liar: Liar, number: int, honest: list[Reply]) -> bytes:
    return frame(200, number, b"")


@to(READ, NAMES)
def a_frame_of_4_gib(liar: Liar, number: int, honest: list[Reply]) -> bytes:
    return struct.pack(">IBI", 2**32 - 1, CONTENT, number) + b"x" * MEBIBYTE


@to(READ, NAMES)
def the_longest_frame_and_a_byte(liar: Liar, number: int, honest: list[Reply]) -> bytes:
    return frame(CONTENT, number, bytes(LONGEST_PAYLOAD + 1))


@to(READ, NAMES)
def a_reply_with_number_0(liar: Liar, number: int, honest: list[Reply]) -> bytes:
    return frame(honest[0][0], 0, honest[0][1])


@to(READ)
def replies_in_the_wrong_order(liar: Liar, number: int, honest: list[Reply]) -> bytes:
    """All that are asked for at once, the last one first."""
    liar.kept.append(frame(honest[0][0], number, honest[0][1]))
    if liar.is_asked_more():
        return b""
    said, liar.kept = b"".join(reversed(liar.kept)), []
    return said


@to(READ)
def replies_of_the_request_before(liar: Liar, number: int, honest: list[Reply]) -> bytes:
    liar.kept = [*liar.kept[-1:], honest[0]]
    kind, payload = liar.kept[0]
    return frame(kind, number, payload)


@to(PROPERTIES)
def properties_of_fewer(liar: Liar, number: int, honest: list[Reply]) -> bytes:
    return frame(FOUND, number, b"\0")


@to(PROPERTIES)
def properties_of_2_62(liar: Liar, number: int, honest: list[Reply]) -> bytes:
    return frame(FOUND, number, varint(2**62))


@to(PROPERTIES)
def files_of_exabytes_by_their_properties(liar: Liar, number: int, honest: list[Reply]) -> bytes:
    count = liar.request[0]
    return frame(FOUND, number, varint(count) + (b"\1" + varint(2**63 - 1) + b"\x80" + bytes(7)) * count)


@to(READ, NAMES)
def working_ten_thousand_times(liar: Liar, number: int, honest: list[Reply]) -> bytes:
    return frame(WORKING, number) * 10_000 + frame(honest[0][0], number, honest[0][1])


# Errors

def add_failure(name: str, kind: int, words: bytes, numbered: bool = True) -> None:
    def body(liar: Liar, number: int, honest: list[Reply]) -> bytes:
        return frame(FAILURE, number if numbered else 0, bytes([kind]) + words)
    LIES[name] = Lie(ALL, body)


for _kind in range(UNREACHABLE, 9):
    add_failure(f"failure_{_kind}_of_escapes", _kind, ESCAPES)
add_failure("failure_of_kind_255", 255, ESCAPES)
add_failure("failure_of_4_mib", FAILED, ESCAPES * (4 * MEBIBYTE // len(ESCAPES)))
add_failure("failure_of_no_utf_8", FAILED, bytes(range(256)) * 8)
add_failure("failure_without_a_word", FAILED, b"")
add_failure("failure_of_everything", FAILED, ESCAPES, numbered=False)
add_failure("failure_that_says_another_error", FAILED, b"error: all is well\nhint: sudo rm -rf /\nerror: well")


# The line

@to(READ)
def closes_amid_a_frame(liar: Liar, number: int, honest: list[Reply]) -> bytes:
    data = frame(honest[0][0], number, honest[0][1])
    liar.leave(data[:len(data) // 2])
    return b""


@to(*ALL)
def closes_without_a_reply(liar: Liar, number: int, honest: list[Reply]) -> bytes:
    liar.leave(b"")
    return b""


@to(*ALL)
def megabytes_of_errors_beside_the_truth(liar: Liar, number: int, honest: list[Reply]) -> None:
    liar.note()
    sys.stderr.buffer.write(ESCAPES * (MEBIBYTE // len(ESCAPES)))
    sys.stderr.buffer.flush()


@to(*ALL)
def megabytes_of_errors_and_the_end(liar: Liar, number: int, honest: list[Reply]) -> bytes:
    sys.stderr.buffer.write(b"error: " + ESCAPES * (4 * MEBIBYTE // len(ESCAPES)))
    sys.stderr.buffer.flush()
    liar.note()
    os._exit(74)


@to(*ALL)
def silence(liar: Liar, number: int, honest: list[Reply]) -> bytes:
    return b""


@to(*ALL)
def working_for_ever(liar: Liar, number: int, honest: list[Reply]) -> bytes:
    liar.note()
    while True:
        liar.send(frame(WORKING, number))
        select.select([], [], [], 0.1)


# Greetings

def greeted(payload: bytes, kind: int = GREETING, number: int = 0) -> bytes:
    return frame(kind, number, payload)


for _key, _greeting in {
    "of_version_255": greeted(MAGIC + b"\xff" + b"\0\0\0\0" + b"later" * 200),
    "of_version_0": greeted(MAGIC + bytes(5)),
    "of_all_features": greeted(MAGIC + b"\1\xff\xff\xff\xff"), "too_long": greeted(MAGIC + b"\1" + bytes(1100)),
    "too_short": greeted(MAGIC), "of_another_kind": greeted(MAGIC + b"\1\0\0\0\0", kind=2),
    "with_a_number": greeted(MAGIC + b"\1\0\0\0\0",
                             number=1), "of_escapes": ESCAPES * 100, "of_4_gib": b"\xff" * 4 * MEBIBYTE,
    "of_megabytes_of_words": b"Welcome!\r\n" * 400_000,
    "with_a_reply": greeted(MAGIC + b"\1\0\0\0\0") + frame(CONTENT, 1, b"\0"),
    "twice": 2 * greeted(MAGIC + b"\1\0\0\0\0"),
}.items():
    LIES["greeting_" + _key] = Lie((), greeting=_greeting)


# Pushes

def add_reply(name: str, asked: int, kind: int, payload: bytes) -> None:
    def body(liar: Liar, number: int, honest: list[Reply]) -> bytes:
        return frame(kind, number, payload)
    LIES[name] = Lie((asked,), body)


add_reply("upload_that_is_longer_than_the_file", UPLOAD_BEGIN, LENGTH, varint(2**62))
add_reply("upload_that_is_a_byte_longer", UPLOAD_BEGIN, LENGTH, varint(100_000))
add_reply("upload_that_is_there", UPLOAD_BEGIN, TAKEN, b"")
add_reply("upload_of_another_kind", UPLOAD_BEGIN, DONE, b"\1")
add_reply("upload_that_grows_by_exabytes", UPLOAD_DATA, LENGTH, varint(2**63 - 1))
add_reply("upload_that_never_grows", UPLOAD_DATA, LENGTH, varint(0))
add_reply("upload_of_wrong_bytes", UPLOAD_FINISH, WRONG_BYTES, b"")
add_reply("upload_that_somebody_finished", UPLOAD_FINISH, DONE, b"\0")


@to(CREATE, UPLOAD_BEGIN, UPLOAD_DATA, UPLOAD_FINISH)
def pushes_that_vanish(liar: Liar, number: int, honest: list[Reply]) -> bytes:
    """What is made is gone again before that is told."""
    for path in set(liar.store.rglob("*")) - liar.there:
        if path.is_file() and path.parent.name != "tmp":
            path.unlink()
    return frame(honest[0][0], number, honest[0][1])


if __name__ == "__main__":
    if len(sys.argv) == 1:
        print("\n".join(LIES))
    elif "-s" in sys.argv:
        sys.exit(127)
    else:
        Liar(Path(os.environ["FAR"], "place/work/.mlrepo"), sys.argv[1]).run()
