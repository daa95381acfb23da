"""An honest server of the framed protocol (Documentation/Formats/serve.md), for tests that make it lie.

It serves a directory as `mlrepo serve --stdio` does, as far as clients of this version ask. It looks at no path, since
only tests ask it.
"""
import hashlib
import os
import struct
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "Reader"))
from serve_client import (CONTENT, CREATE, DONE, END, FAILED, FAILURE, FOUND, GREETING, HELLO, LENGTH, LISTED, MAGIC,
                           # noqa: E402
                          NAMES, PROPERTIES, READ, REMOVE, TAKEN, UPLOAD_BEGIN, UPLOAD_DATA, UPLOAD_FINISH, WHOLE,
                          WRONG_BYTES, frame, text, varint)
from store_trees import Cursor  # noqa: E402

Reply = tuple[int, bytes]  # its kind and payload


class Server:
    """One connection. What it says goes through `greeting` and `replies`, which those who lie override."""

    def __init__(self, store: Path) -> None:
        self.store, self.upload = store, None

    def run(self) -> None:
        """Answers until the client is gone, or listens no more."""
        try:
            self.send(self.greeting())
            while len(head := self.take(9)) == 9:
                length, kind, number = struct.unpack(">IBI", head)
                payload = self.take(length)
                if kind != HELLO:
                    self.send(self.replies(kind, number, payload, self.answers(kind, number, payload)))
        except BrokenPipeError:
            # Nothing is to be said of it when Python ends either.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    @staticmethod
    def take(count: int) -> bytes:
        """Bytes of the client, with none behind them held back; fewer where it has said its last."""
        data = b""
        while len(data) < count and (more := os.read(0, count - len(data))):
            data += more
        return data

    @staticmethod
    def send(data: bytes) -> None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    def greeting(self) -> bytes:
        return frame(GREETING, 0, MAGIC + struct.pack(">BI", 1, 0))

    def replies(self, kind: int, number: int, request: bytes, honest: list[Reply]) -> bytes:
        """The bytes that answer a request; `honest` are the replies that are true."""
        return b"".join(frame(reply, number, payload) for reply, payload in honest)

    # What is true

    def answers(self, kind: int, number: int, request: bytes) -> list[Reply]:
        cursor = Cursor(request)
        try:
            if kind == READ:
                return [(CONTENT, self.read(cursor))]
            if kind == PROPERTIES:
                paths = [self.path(cursor) for _ in range(cursor.varint())]
                return [(FOUND, varint(len(paths)) + b"".join(map(self.properties, paths)))]
            if kind == NAMES:
                path = self.path(cursor)
                names = sorted(map(os.fsencode, os.listdir(path))) if path.is_dir() else []
                return [(LISTED, b"\0" + varint(len(names)) + b"".join(map(text, names)))]
            if kind == REMOVE:
                for _ in range(cursor.varint()):
                    self.path(cursor).unlink(missing_ok=True)
                return [(DONE, b"\1")]
            return [self.write(kind, number, cursor)]
        except OSError as error:
            return [(FAILURE, bytes([FAILED]) + str(error).encode())]

    def path(self, cursor: Cursor) -> Path:
        return self.store / os.fsdecode(cursor.take(cursor.varint()))

    @staticmethod
    def properties(path: Path) -> bytes:
        if not path.is_file():
            return b"\0"
        status = path.stat()
        return b"\1" + varint(status.st_size) + struct.pack(">q", status.st_mtime_ns)

    def read(self, cursor: Cursor) -> bytes:
        path, part = self.path(cursor), cursor.byte()
        if not path.is_file():
            return b"\0"
        content = path.read_bytes()
        if part == WHOLE:
            wanted = content
        elif part == END:
            wanted = content[max(0, len(content) - cursor.varint()):]
        else:
            offset, length = cursor.varint(), cursor.varint()
            wanted = content[offset:offset + length]
        return b"\1" + varint(len(content)) + wanted

    def write(self, kind: int, number: int, cursor: Cursor) -> Reply:
        if kind == CREATE:
            path = self.path(cursor)
            if path.exists():
                return DONE, b"\0"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(cursor.take(len(cursor.data) - cursor.position))
            return DONE, b"\1"
        if kind == UPLOAD_BEGIN:
            self.upload, target = self.path(cursor), self.path(cursor)
            if target.exists():
                return TAKEN, b""
            self.upload.parent.mkdir(exist_ok=True)
            with open(self.upload, "ab") as file:
                return LENGTH, varint(file.tell())
        cursor.take(4)
        if kind == UPLOAD_DATA:
            offset = cursor.varint()
            with open(self.upload, "ab") as file:
                file.write(cursor.take(len(cursor.data) - cursor.position))
                return LENGTH, varint(file.tell())
        if kind == UPLOAD_FINISH:
            target = self.path(cursor)
            cursor.varint()
            if hashlib.sha256(self.upload.read_bytes()).digest() != cursor.take(32):
                return WRONG_BYTES, b""
            target.parent.mkdir(parents=True, exist_ok=True)
            self.upload.rename(target)
            return DONE, b"\1"
        return FAILURE, bytes([3]) + b"unknown"
