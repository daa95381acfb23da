"""An independent client of the protocol by which a store is served, written from Documentation/Formats/serve.md alone.

Requests are put on their way by `send` and the functions named after them, which return the request's number; `reply`
waits for what answers a number. What the document does not allow a server to send is refused with Damage.
"""

import contextlib
import hashlib
import struct
import subprocess
from typing import NamedTuple

from store_objects import Damage, require
from store_trees import Cursor

MAGIC = b"mlrepo-framed\n"
VERSION = 1
READ_ONLY = 1
LONGEST_PAYLOAD = 4_198_400
LONGEST_GREETING = 1_024
LONGEST_NAME = 1_024
LONGEST_TEXT = 4_096
LONGEST_PIECE = 1_048_576  # of a file, in a reply
LONGEST_CONTENT = 4_194_304  # of a file, in a request
MOST_PATHS = 1_024
GREETING, HELLO = 1, 2
READ, PROPERTIES, NAMES, CREATE, UPLOAD_BEGIN, UPLOAD_DATA, UPLOAD_FINISH, REMOVE = range(16, 24)
CONTENT, FOUND, LISTED, DONE, LENGTH, TAKEN, WRONG_BYTES, WORKING, FAILURE = range(64, 73)
UNREACHABLE, DENIED, FULL, UNSUPPORTED, MALFORMED, ABSENT, FAILED, STOPPED = range(8)
WHOLE, RANGE, END = range(3)


class Refused(Exception):
    """The server answered that a request could not be done, or that nothing can be from here on."""

    def __init__(self, kind, text):
        super().__init__(text)
        self.kind = kind


class Piece(NamedTuple):
    """What was read of a file."""
    file_length: int  # of the whole of it
    content: bytes


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def text(path):
    path = path if isinstance(path, bytes) else path.encode()
    return varint(len(path)) + path


def frame(kind, number, payload=b""):
    return struct.pack(">IBI", len(payload), kind, number) + payload


class Client:
    """One connection: a program that serves a store by its standard input and output, and what was asked of it."""

    def __init__(self, words, greets=True):
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.last = 0
        self.replies = {}
        kind, number, payload = self.receive()
        require((kind, number) == (GREETING, 0) and payload.startswith(MAGIC), "no greeting")
        require(len(MAGIC) + 5 <= len(payload) <= LONGEST_GREETING, "a greeting that is too short or too long")
        self.version, self.features = struct.unpack_from(">BI", payload, len(MAGIC))
        require(self.version >= VERSION, "a server that speaks no version")
        if greets:
            self.write(frame(HELLO, 0, MAGIC + struct.pack(">BI", VERSION, 0)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    # Frames

    def write(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def _read(self, count):
        data = self.process.stdout.read(count)
        if len(data) < count:
            raise EOFError("the server is gone" + (", in the midst of a frame" if data else ""))
        return data

    def receive(self):
        """The next frame: kind, number, payload."""
        length, kind, number = struct.unpack(">IBI", self._read(9))
        require(length <= LONGEST_PAYLOAD, "a frame that is too long")
        return kind, number, self._read(length)

    def send(self, kind, payload=b""):
        self.last += 1
        self.write(frame(kind, self.last, payload))
        return self.last

    def reply(self, number):
        """What answers a request: kind and value. Replies to others are kept until they are asked for."""
        while number not in self.replies:
            kind, answered, payload = self.receive()
            if kind == WORKING:
                require(not payload, "working with a payload")
                continue
            value = parse_reply(kind, payload)
            if answered == 0:
                require(kind == FAILURE, "a reply to nothing")
                raise value
            require(answered <= self.last and answered not in self.replies, "a reply to nothing")
            self.replies[answered] = kind, value
        kind, value = self.replies.pop(number)
        if kind == FAILURE:
            raise value
        return kind, value

    def expect(self, number, *kinds):
        kind, value = self.reply(number)
        require(kind in kinds, f"a reply of kind {kind}")
        return value

    def end(self):
        """Says that nothing more is asked; the exit status, what was still to come, and the error output."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdin = None
        output, errors = self.process.communicate(timeout=60)
        return self.process.returncode, output, errors.decode()

    # Requests

    def ask_read(self, path, part, *numbers):
        return self.send(READ, text(path) + bytes([part]) + b"".join(map(varint, numbers)))

    def read(self, path, part, *numbers):
        return self.expect(self.ask_read(path, part, *numbers), CONTENT)

    def properties(self, paths):
        found = self.expect(self.send(PROPERTIES, varint(len(paths)) + b"".join(map(text, paths))), FOUND)
        require(len(found) == len(paths), "properties of other files than were asked about")
        return found

    def names(self, directory):
        number, names, more = self.send(NAMES, text(directory)), [], True
        while more:
            more, some = self.expect(number, LISTED)
            names += some
        return names

    def create(self, path, content):
        return self.expect(self.send(CREATE, text(path) + content), DONE)

    def begin(self, partial, path):
        """The upload's number, and how much of it is there; None for the latter if the name is taken."""
        number = self.send(UPLOAD_BEGIN, text(partial) + text(path))
        return number, self.expect(number, LENGTH, TAKEN)

    def ask_data(self, upload, offset, content):
        return self.send(UPLOAD_DATA, struct.pack(">I", upload) + varint(offset) + content)

    def data(self, upload, offset, content):
        return self.expect(self.ask_data(upload, offset, content), LENGTH)

    def finish(self, upload, path, length, digest):
        """Whether the file got its name by this; None if it has other bytes."""
        payload = struct.pack(">I", upload) + text(path) + varint(length) + digest
        return self.expect(self.send(UPLOAD_FINISH, payload), DONE, WRONG_BYTES)

    def remove(self, paths):
        require(self.expect(self.send(REMOVE, varint(len(paths)) + b"".join(map(text, paths))), DONE), "not removed")

    # A whole upload, as a client makes it

    def upload(self, partial, path, content, piece=262_144):
        number, start = self.begin(partial, path)
        if start is None:
            return False
        offsets = range(start, len(content), piece)
        asked = [(self.ask_data(number, at, content[at:at + piece]), min(at + piece, len(content))) for at in offsets]
        for data, end in asked:
            require(self.expect(data, LENGTH) == end, "another length than was sent")
        return self.finish(number, path, len(content), hashlib.sha256(content).digest())


def parse_reply(kind, payload):
    cursor = Cursor(payload)
    if kind == CONTENT:
        value = Piece(cursor.varint(), rest(cursor)) if flag(cursor) else None
    elif kind == FOUND:
        count = cursor.varint()
        require(count <= MOST_PATHS, "properties of too many files")
        value = [(cursor.varint(), struct.unpack(">q", cursor.take(8))[0]) if flag(cursor) else None
                 for _ in range(count)]
    elif kind == LISTED:
        value = flag(cursor), [cursor.take(cursor.varint()) for _ in range(cursor.varint())]
        for name in value[1]:
            require(0 < len(name) <= LONGEST_NAME and not {0, 47} & set(name), "no name of a file")
    elif kind == DONE:
        value = flag(cursor)
    elif kind == LENGTH:
        value = cursor.varint()
    elif kind in (TAKEN, WRONG_BYTES):
        value = None
    elif kind == FAILURE:
        number, words = cursor.byte(), rest(cursor)
        require(len(words) <= LONGEST_TEXT, "a text that is too long")
        value = Refused(number if number <= STOPPED else FAILED, words.decode(errors="replace"))
    else:
        raise Damage(f"a reply of kind {kind}")
    cursor.finish()
    return value


def rest(cursor):
    return cursor.take(len(cursor.data) - cursor.position)


def flag(cursor):
    value = cursor.byte()
    require(value <= 1, "neither yes nor no")
    return value == 1
