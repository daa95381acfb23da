#!/usr/bin/env python3
"""An honest SFTP server of version 3 (draft-ietf-secsh-filexfer-02), for tests that make it lie.

It serves the directory FAR, of the environment, over standard input and output, with those extensions of OpenSSH that
clients of this version may ask for. It also plays ssh for a client that has MLREPO_SSH="sftp_server.py": asked for a
command, it says as a shell does that there is none; asked for the subsystem sftp, it serves.
"""
import errno
import itertools
import os
import select
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

VERSION = 3
HELLO, GREETING = 1, 2
(OPEN, CLOSE, READ, WRITE, LSTAT, FSTAT, SETSTAT, FSETSTAT, OPENDIR, READDIR, REMOVE, MKDIR, RMDIR, REALPATH, STAT,
 RENAME) = range(3, 19)
STATUS, HANDLE, DATA, NAME, ATTRS = range(101, 106)
EXTENDED, EXTENDED_REPLY = 200, 201
OK, EOF, NO_SUCH_FILE, PERMISSION_DENIED, FAILURE, BAD_MESSAGE, NO_CONNECTION, CONNECTION_LOST, UNSUPPORTED = range(9)
SIZE, OWNER, PERMISSIONS, TIMES, MORE = 1, 2, 4, 8, 1 << 31
LONGEST_READ = 255 << 10
LONGEST_PACKET = 256 << 10
NAMES_AT_ONCE = 100
LINK, FSYNC, LIMITS, STATVFS = (name + b"@openssh.com" for name in (b"hardlink", b"fsync", b"limits", b"statvfs"))
EXTENSIONS = {LINK: b"1", FSYNC: b"1", LIMITS: b"1", STATVFS: b"2"}
CODES = {errno.ENOENT: NO_SUCH_FILE, errno.ENOTDIR: NO_SUCH_FILE, errno.EACCES: PERMISSION_DENIED,
         errno.EPERM: PERMISSION_DENIED}
Reply = tuple[int, bytes]  # its kind, and what follows the number


def text(data: bytes) -> bytes:
    """Bytes behind their length."""
    return struct.pack(">I", len(data)) + data


def packet(kind: int, number: int, payload: bytes = b"") -> bytes:
    return struct.pack(">IBI", len(payload) + 5, kind, number) + payload


def status(code: int, message: bytes = b"", language: bytes = b"") -> Reply:
    return STATUS, struct.pack(">I", code) + text(message) + text(language)


def greeting(version: int = VERSION, extensions: dict[bytes, bytes] = EXTENSIONS) -> bytes:
    """The packet of a server's first words, which has no number but that of the version."""
    return packet(GREETING, version, b"".join(text(name) + text(value) for name, value in extensions.items()))


def attributes(found: os.stat_result) -> bytes:
    return struct.pack(">IQIIIII", SIZE | OWNER | PERMISSIONS | TIMES, found.st_size, found.st_uid, found.st_gid,
                       found.st_mode, int(found.st_atime), int(found.st_mtime))


class Fields:
    """What is in a request, one field after the other."""

    def __init__(self, data: bytes) -> None:
        self.data, self.position = data, 0

    def take(self, count: int) -> bytes:
        self.position += count
        return self.data[self.position - count:self.position]

    def number(self, width: int = 4) -> int:
        return int.from_bytes(self.take(width))

    def text(self) -> bytes:
        return self.take(self.number())

    def attributes(self) -> dict[int, tuple[int, ...]]:
        """Those that are there, by their flags."""
        flags = self.number()
        return {flag: tuple(self.number(width) for width in widths)
                for flag, widths in ((SIZE, (8,)), (OWNER, (4, 4)), (PERMISSIONS, (4,)), (TIMES, (4, 4)))
                if flags & flag}


class Server:
    """One connection. What it says goes through `greeting` and `reply`, which those who lie override."""

    def __init__(self, root: Path) -> None:
        self.root, self.pending, self.counter = root.resolve(), b"", itertools.count()
        self.files: dict[bytes, int] = {}
        self.directories: dict[bytes, list[bytes]] = {}
        # What is behind each handle.
        self.opened: dict[bytes, Path] = {}
        self.actions: dict[int, Callable[[Fields], Reply]] = {
            OPEN: self.open, CLOSE: self.close, READ: self.read, WRITE: self.write, OPENDIR: self.open_directory,
            READDIR: self.read_directory, RENAME: self.rename, EXTENDED: self.extended,
            LSTAT: lambda asked: (ATTRS, attributes(self.path(asked).lstat())),
            STAT: lambda asked: (ATTRS, attributes(self.path(asked).stat())),
            FSTAT: lambda asked: (ATTRS, attributes(os.fstat(self.files[asked.text()]))),
            SETSTAT: lambda asked: self.set(self.path(asked), asked),
            FSETSTAT: lambda asked: self.set(self.files[asked.text()], asked),
            REMOVE: lambda asked: self.done(self.path(asked).unlink),
            MKDIR: lambda asked: self.done(self.path(asked).mkdir),
            RMDIR: lambda asked: self.done(self.path(asked).rmdir),
            REALPATH: lambda asked: self.names([os.fsencode(self.path(asked))]),
        }

    def run(self) -> None:
        """Answers until the client is gone, or listens no more."""
        with suppress(BrokenPipeError):
            while request := self.take():
                if request[0] == HELLO:
                    self.send(self.greeting())
                    continue
                number, = struct.unpack_from(">I", request, 1)
                self.send(self.reply(request[0], number, request[5:], self.answer(request[0], request[5:])))

    def take(self) -> bytes | None:
        """The next packet without its length; nothing where the client has said its last."""
        while not self.has_packet():
            more = os.read(0, 1 << 20)
            if not more:
                return None
            self.pending += more
        length, = struct.unpack_from(">I", self.pending)
        found, self.pending = self.pending[4:4 + length], self.pending[4 + length:]
        return found

    def has_packet(self) -> bool:
        return len(self.pending) >= 4 and len(self.pending) >= 4 + struct.unpack_from(">I", self.pending)[0]

    def is_asked_more(self, seconds: float = 0.02) -> bool:
        """Whether another request is there, or begins to come within a moment."""
        return self.has_packet() or bool(select.select([0], [], [], seconds)[0])

    @staticmethod
    def send(data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(1, view):]

    def greeting(self) -> bytes:
        return greeting()

    def reply(self, kind: int, number: int, request: bytes, honest: Reply) -> bytes:
        """The bytes that answer a request; `honest` is the reply that is true."""
        return packet(honest[0], number, honest[1])

    # What is true

    def answer(self, kind: int, request: bytes) -> Reply:
        if kind not in self.actions:
            return status(UNSUPPORTED, b"Operation unsupported")
        try:
            return self.actions[kind](Fields(request))
        except OSError as error:
            return status(CODES.get(error.errno or 0, FAILURE), str(error.strerror).encode())
        except (KeyError, ValueError):
            # A handle that there is not, or a path with NUL.
            return status(BAD_MESSAGE, b"Bad message")

    def path(self, asked: Fields) -> Path:
        """The next path of a request: below the directory that is served, or it is refused."""
        path = Path(os.path.normpath(self.root / os.fsdecode(asked.text())))
        if not path.is_relative_to(self.root):
            raise PermissionError(errno.EACCES, "Permission denied")
        return path

    @staticmethod
    def done(action: Callable[[], object]) -> Reply:
        action()
        return status(OK, b"Success")

    def handle(self, path: Path) -> bytes:
        handle = struct.pack(">I", next(self.counter))
        self.opened[handle] = path
        return handle

    def open(self, asked: Fields) -> Reply:
        path, mode = self.path(asked), asked.number()
        flags = {1: os.O_RDONLY, 2: os.O_WRONLY}.get(mode & 3, os.O_RDWR)
        for bit, flag in ((4, os.O_APPEND), (8, os.O_CREAT), (0x10, os.O_TRUNC), (0x20, os.O_EXCL)):
            flags |= flag if mode & bit else 0
        descriptor = os.open(path, flags, *(value & 0o777 for value in asked.attributes().get(PERMISSIONS, (0o666,))))
        handle = self.handle(path)
        self.files[handle] = descriptor
        return HANDLE, text(handle)

    def close(self, asked: Fields) -> Reply:
        handle = asked.text()
        if self.directories.pop(handle, None) is None:
            os.close(self.files.pop(handle))
        return status(OK, b"Success")

    def read(self, asked: Fields) -> Reply:
        descriptor, offset, count = self.files[asked.text()], asked.number(8), asked.number()
        data = os.pread(descriptor, min(count, LONGEST_READ), offset) if offset < 1 << 63 else b""
        return (DATA, text(data)) if data or count == 0 else status(EOF, b"End of file")

    def write(self, asked: Fields) -> Reply:
        descriptor, offset, data = self.files[asked.text()], asked.number(8), asked.text()
        return self.done(lambda: os.pwrite(descriptor, data, offset))

    def set(self, file: Path | int, asked: Fields) -> Reply:
        wanted = asked.attributes()
        for flag, change in ((SIZE, os.truncate), (OWNER, os.chown), (PERMISSIONS, os.chmod), (TIMES, None)):
            if flag in wanted and change:
                change(file, *wanted[flag])
            elif flag in wanted:
                os.utime(file, wanted[flag])
        return status(OK, b"Success")

    def open_directory(self, asked: Fields) -> Reply:
        path = self.path(asked)
        names = [b".", b"..", *map(os.fsencode, os.listdir(path))]
        handle = self.handle(path)
        self.directories[handle] = names
        return HANDLE, text(handle)

    def read_directory(self, asked: Fields) -> Reply:
        handle = asked.text()
        names = self.directories[handle]
        self.directories[handle] = names[NAMES_AT_ONCE:]
        return self.names(names[:NAMES_AT_ONCE], self.opened[handle]) if names else status(EOF, b"End of file")

    @staticmethod
    def names(names: list[bytes], within: Path | None = None) -> Reply:
        """Each with a line for people, and what is known of it."""
        entries = []
        for name in names:
            known = struct.pack(">I", 0)
            with suppress(OSError):
                known = attributes((within / os.fsdecode(name)).lstat()) if within else known
            entries.append(text(name) + text(b"-rw-r--r-- " + name) + known)
        return NAME, struct.pack(">I", len(entries)) + b"".join(entries)

    def rename(self, asked: Fields) -> Reply:
        """As OpenSSH's has it: not onto what is there."""
        old, new = self.path(asked), self.path(asked)
        if os.path.lexists(new):
            return status(FAILURE, b"Failure")
        return self.done(lambda: old.rename(new))

    def extended(self, asked: Fields) -> Reply:
        name = asked.text()
        if name == LINK:
            old, new = self.path(asked), self.path(asked)
            return self.done(lambda: os.link(old, new, follow_symlinks=False))
        if name == FSYNC:
            descriptor = self.files[asked.text()]
            return self.done(lambda: os.fsync(descriptor))
        if name == LIMITS:
            return EXTENDED_REPLY, struct.pack(">QQQQ", LONGEST_PACKET, LONGEST_READ, LONGEST_READ, 1000)
        if name == STATVFS:
            found = os.statvfs(self.path(asked))
            return EXTENDED_REPLY, struct.pack(
                ">11Q", found.f_bsize, found.f_frsize, found.f_blocks, found.f_bfree, found.f_bavail, found.f_files,
                found.f_ffree, found.f_favail, found.f_fsid, found.f_flag, found.f_namemax)
        return status(UNSUPPORTED, b"Operation unsupported")


def play_ssh(words: list[str], serve: Callable[[], None]) -> None:
    """What ssh does with these words, where the machine over there has nothing but an SFTP server."""
    if "-s" in words and words[-1] == "sftp":
        serve()
    else:
        print("sh: 1: mlrepo: not found", file=sys.stderr)
        sys.exit(127)


if __name__ == "__main__":
    play_ssh(sys.argv[1:], Server(Path(os.environ["FAR"])).run)
