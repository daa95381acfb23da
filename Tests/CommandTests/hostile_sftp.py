#!/usr/bin/env python3
"""An SFTP server that lies: started as ssh, by a client that has MLREPO_SSH="hostile_sftp.py NAME".

usage: hostile_sftp.py                lists the names of lies
       hostile_sftp.py NAME …         serves the directory FAR, and lies in that way
       hostile_sftp.py random:SEED …  changes some of its replies by chance

Everything else that it says is true (sftp_server.py). FAR is of the environment. What is read falsely is in
sftp_lies_read.py; here is the rest: greetings, statuses, how the line ends, what is written, and floods.
"""
import os
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path

import sftp_lies_read
from sftp_liar import ESCAPES, LIES, Gambler, Liar, Lie, add, answer, to
from sftp_server import (ATTRS, CLOSE, DATA, EXTENDED, EXTENDED_REPLY, EXTENSIONS, FAILURE, FSETSTAT, FSTAT, FSYNC,
                         GREETING, LIMITS, LINK, LSTAT, MKDIR, NAME, NO_SUCH_FILE, OK, OPEN, READ, RENAME,
                         STATUS, UNSUPPORTED, WRITE, Fields, Reply, greeting, packet, play_ssh, status, text)

MEBIBYTE = 1 << 20
TMP = b".mlrepo/tmp/"


# Greetings

def without(*names: bytes) -> dict[bytes, bytes]:
    return {name: version for name, version in EXTENSIONS.items() if name not in names}


# What comes instead of a version, or is another one: there is no other way to the store.
for _name, _said in {
    "version_0": greeting(0), "version_2": greeting(2), "version_6": greeting(6), "version_2_32": greeting(2**32 - 1),
    "no_version": struct.pack(">IB", 1, GREETING), "another_kind": packet(DATA, 3), "an_empty_packet": bytes(4),
    "an_extension_cut_off": struct.pack(">IBI", 9, GREETING, 3) + b"\0\0\1\0",
    "an_extension_of_4_gib": struct.pack(">IBI", 9, GREETING, 3) + b"\xff" * 4, "bytes_of_255": b"\xff" * MEBIBYTE,
    "escapes": ESCAPES * 100, "a_banner": b"Welcome to there!\r\nLast login: today\r\n" + greeting(),
    "megabytes_of_words": b"Welcome!\r\n" * 400_000, "a_byte_before": b"\n" + greeting(),
    "a_reply_behind": greeting() + packet(ATTRS, 1, b"\0\0\0\4" + b"\xff" * 4),
}.items():
    LIES["greeting_" + _name] = Lie((), greeting=_said)
# Odd ones, by which all goes on.
for _name, _said in {
    "thousands_of_extensions": {b"%d@example.com" % n: ESCAPES for n in range(2_500)} | EXTENSIONS,
    "other_versions_of_extensions": {name: b"2" for name in EXTENSIONS}, "no_extensions": {},
    "an_empty_name": {b"": b""} | EXTENSIONS, "no_hard_links": without(LINK), "no_fsync": without(FSYNC),
}.items():
    LIES["greeting_with_" + _name] = Lie((), greeting=greeting(extensions=_said))
for _name, _numbers in {"0": (0,) * 4, "1": (1,) * 4, "2_64": (2**64 - 1,) * 4, "2_63": (2**63,) * 4,
                        "packets_of_2_64": (2**64 - 1, 1, 1, 1), "packets_of_1": (1, *(2**64 - 1,) * 3)}.items():
    add("limits_of_" + _name, (EXTENDED,), lambda true, said=_numbers: (EXTENDED_REPLY, struct.pack(">4Q", *said)),
        about=LIMITS)
add("limits_cut_off", (EXTENDED,), lambda true: (EXTENDED_REPLY, bytes(31)), about=LIMITS)
add("limits_with_more_behind", (EXTENDED,), lambda true: (EXTENDED_REPLY, true[1] + bytes(500)), about=LIMITS)
add("limits_that_are_names", (EXTENDED,), lambda true: (NAME, sftp_lies_read.names(b"x")), about=LIMITS)
add("limits_denied", (EXTENDED,), lambda true: status(UNSUPPORTED, ESCAPES), about=LIMITS)


# Statuses

for _code in (1, 2, 3, 4, 7, 8, 11, 14, 255, 2**32 - 1):
    # About packs, so that the store was opened before.
    add(f"status_{_code}_of_escapes", (OPEN,), lambda true, code=_code: status(code, ESCAPES), about=b"/packs/")
for _name, _payload in {
    "of_200_kb": status(FAILURE, ESCAPES * 4000)[1], "of_no_utf_8": status(FAILURE, bytes(range(256)) * 8)[1],
    "of_a_megabyte": status(FAILURE, ESCAPES * (MEBIBYTE // len(ESCAPES)))[1],
    "without_words": struct.pack(">I", FAILURE), "without_code": b"", "of_half_a_code": b"\0\0",
    "with_words_past_the_packet": struct.pack(">II", FAILURE, 2**32 - 1) + b"word",
    "without_language": status(FAILURE, b"word")[1][:-4],
    "that_says_another_error": status(FAILURE, b"error: all is well\nhint: sudo rm -rf /\nerror: well")[1],
    "that_says_full": status(FAILURE, b"no space left on this device\x1b[31m")[1],
}.items():
    add("status_" + _name, (READ,), lambda true, said=_payload: (STATUS, said), about=b".pack")


# The line

@to(READ, about=b".pack")
def closes_amid_a_packet(liar: Liar, number: int, honest: Reply) -> bytes:
    data = packet(honest[0], number, honest[1])
    liar.leave(data[:len(data) // 2])
    return b""


@to(READ, about=b".pack")
def closes_without_a_reply(liar: Liar, number: int, honest: Reply) -> bytes:
    liar.leave(b"")
    return b""


@to(CLOSE)
def stays_when_the_line_is_closed(liar: Liar, number: int, honest: Reply) -> None:
    """Who closes the line waits a moment, and ends it."""
    if not liar.is_asked_more(0.3):
        liar.note()
        sys.stdout.flush()
        time.sleep(40)


@to(OPEN, about=b"/log/new/")
def megabytes_of_errors_and_the_end(liar: Liar, number: int, honest: Reply) -> bytes:
    sys.stderr.buffer.write(b"error: " + ESCAPES * (4 * MEBIBYTE // len(ESCAPES)))
    sys.stderr.buffer.flush()
    liar.leave(b"", 74)
    return b""


@to(OPEN, about=b"/packs/")
def megabytes_of_errors_beside_the_truth(liar: Liar, number: int, honest: Reply) -> None:
    liar.note()
    sys.stderr.buffer.write(ESCAPES * (MEBIBYTE // len(ESCAPES)))
    sys.stderr.buffer.flush()


@to(READ, about=b".pack")
def silence(liar: Liar, number: int, honest: Reply) -> bytes:
    return b""


LIES["silence_from_the_start"] = Lie((), greeting=b"")


# Floods: replies to requests whose turn has not come are kept by the client

def add_flood(name: str, kind: int, make: Callable[[], bytes]) -> None:
    """Tells to read little at a time, so that much is asked at once, and lets everybody wait for the first reply."""
    flood: list[bytes] = []

    def body(liar: Liar, number: int, honest: Reply) -> bytes | None:
        if liar.about == LIMITS:
            return packet(EXTENDED_REPLY, number, struct.pack(">4Q", 0, 1, 0, 0))
        if liar.kind != READ or sftp_lies_read.PACK not in liar.about or not (liar.kept or liar.is_far_from_the_end()):
            return None
        flood[:] = flood or [make()]
        said = packet(kind, number, flood[0]) if liar.kept else b""
        liar.kept = liar.kept or [answer(number, honest)]
        if liar.is_asked_more(0.3):
            return said
        return said + liar.kept.pop()
    LIES[name] = Lie((EXTENDED, READ), body)


add_flood("flood_of_names", NAME, lambda: sftp_lies_read.names(*[b"x"] * 20_000))
add_flood("flood_of_bytes", DATA, lambda: text(bytes(256 << 10)))
add_flood("flood_of_extensions", EXTENDED_REPLY, lambda: bytes(256 << 10))
add_flood("flood_of_statuses", STATUS, lambda: status(FAILURE, ESCAPES * 4000)[1])


# Pushes

@to(WRITE)
def writes_that_are_thrown_away(liar: Liar, number: int, honest: Reply) -> bytes:
    """The file is as long as it should be, and all zeros."""
    fields = Fields(liar.request)
    descriptor, offset, data = liar.files[fields.text()], fields.number(8), fields.text()
    os.pwrite(descriptor, bytes(len(data)), offset)
    return answer(number, status(OK))


@to(WRITE)
def writes_that_are_cut_off(liar: Liar, number: int, honest: Reply) -> bytes:
    """The file stays empty."""
    os.truncate(liar.files[Fields(liar.request).text()], 0)
    return answer(number, status(OK))


@to(EXTENDED, FSETSTAT, CLOSE)
def pushes_that_vanish(liar: Liar, number: int, honest: Reply) -> bytes | None:
    """What got its name is gone again before that is told."""
    for path in set(liar.root.glob("place/work/.mlrepo/**/*")) - liar.there:
        if path.is_file() and path.parent.name != "tmp":
            path.unlink()
    return answer(number, honest)


@to(EXTENDED, about=TMP)
def links_that_overwrite(liar: Liar, number: int, honest: Reply) -> bytes | None:
    """As a file system without links may do it."""
    fields = Fields(liar.request)
    if fields.text() != LINK:
        return None
    old, new = liar.path(fields), liar.path(fields)
    if old.exists() and new.exists() and not old.samefile(new):
        new.unlink()
        new.hardlink_to(old)
    return answer(number, status(OK))


@to(EXTENDED, about=TMP)
def links_that_are_said_to_fail(liar: Liar, number: int, honest: Reply) -> bytes | None:
    """What is done is said not to be."""
    return answer(number, status(FAILURE, ESCAPES)) if LINK in liar.request else None


@to(EXTENDED, about=TMP)
def links_that_are_not_made(liar: Liar, number: int, honest: Reply) -> bytes | None:
    """What is not done is said to be."""
    if LINK not in liar.request:
        return None
    fields = Fields(liar.request)
    _, _, new = fields.text(), fields.text(), liar.path(fields)
    new.unlink(missing_ok=True)
    return answer(number, status(OK))


LIES["renames_that_overwrite"] = Lie((RENAME,), lambda liar, number, honest: answer(number, status(OK)),
                                     greeting=greeting(extensions=without(LINK)))
for _name, _said in {"of_2_62_bytes": struct.pack(">IQ", 1, 2**62), "of_2_64_bytes": struct.pack(">IQ", 1, 2**64 - 1),
                     "of_a_byte": struct.pack(">IQ", 1, 1), "of_no_size": bytes(4),
                     "that_are_directories": struct.pack(">IQI", 5, 4096, 0o40755)}.items():
    # Of an unfinished upload that nobody began, and of one that has just been sent.
    add("partial_files_" + _name, (LSTAT, FSTAT), lambda true, said=_said: (ATTRS, said), about=TMP)
add("everything_is_there", (LSTAT,), lambda true: (ATTRS, struct.pack(">IQ", 1, 1000)), about=b"/packs/")
add("uploads_denied", (OPEN,), lambda true: status(3, ESCAPES), about=TMP)
add("uploads_full", (WRITE,), lambda true: status(14, ESCAPES))
add("uploads_lost", (WRITE,), lambda true: status(255, ESCAPES))
add("fsync_full", (EXTENDED,), lambda true: status(FAILURE, b"disk full\x1b[31m") if true[0] == STATUS else true,
    about=TMP)
add("no_directory_can_be_made", (MKDIR,), lambda true: status(FAILURE, ESCAPES))
add("nothing_can_be_opened_to_write", (OPEN,), lambda true: status(NO_SUCH_FILE), about=TMP)


def main() -> None:
    if len(sys.argv) == 1:
        print("\n".join(LIES))
        return
    name, root = sys.argv[1], Path(os.environ["FAR"])

    def serve() -> None:
        kind, _, seed = name.partition(":")
        (Gambler(root, int(seed)) if kind == "random" else Liar(root, name, LIES[name])).run()
    play_ssh(sys.argv[2:], serve)


if __name__ == "__main__":
    main()
