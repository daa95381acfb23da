"""What lies to SFTP clients are made of: an honest server, which says something else now and then.

Each time that it lies it writes a line into FAR/out/lies. The lies themselves are in hostile_sftp.py.
"""
import os
import random
import select
from collections.abc import Callable
from pathlib import Path

import sftp_server as sftp
from sftp_server import Reply, Server, packet

Body = Callable[["Liar", int, Reply], bytes | None]
LIES: dict[str, "Lie"] = {}
EVERY = (*range(sftp.OPEN, sftp.RENAME + 1), sftp.EXTENDED)
ESCAPES = "\x1b]0;title\x07\x1b[31mred\x1b[2J\r\x08\x7f\u009b31m\u202egnp.exe\n\u2066".encode()


class Lie:
    """What is said instead of the truth: the greeting, or the reply to requests of some kinds, about some paths.

    A body that gives nothing does not lie this time.
    """

    def __init__(self, asked: tuple[int, ...], body: Body | None = None, *, about: bytes = b"",
                 greeting: bytes | None = None) -> None:
        self.asked, self.body, self.about, self.greeting = asked, body, about, greeting


def to(*asked: int, about: bytes = b"") -> Callable[[Body], Body]:
    """Registers a lie that answers requests of these kinds, about paths that hold these bytes."""
    def register(body: Body) -> Body:
        LIES[body.__name__] = Lie(asked, body, about=about)
        return body
    return register


def add(name: str, asked: tuple[int, ...], change: Callable[[Reply], Reply | bytes], about: bytes = b"") -> None:
    """Registers a lie that makes another reply, or bytes without a packet around them, of the true one."""
    def body(liar: "Liar", number: int, honest: Reply) -> bytes:
        changed = change(honest)
        return changed if isinstance(changed, bytes) else answer(number, changed)
    assert name not in LIES, name
    LIES[name] = Lie(asked, body, about=about)


def answer(number: int, reply: Reply) -> bytes:
    return packet(reply[0], number, reply[1])


class Liar(Server):
    def __init__(self, root: Path, name: str, lie: Lie) -> None:
        super().__init__(root)
        self.name, self.lie, self.there = name, lie, set(root.rglob("*"))
        # What was said already, for who needs to know.
        self.kept: list[bytes] = []
        # What the request that is answered is about.
        self.kind, self.request, self.about = 0, b"", b""

    def note(self) -> None:
        with open(self.root / "out/lies", "a") as file:
            print(self.name, file=file)

    def greeting(self) -> bytes:
        if self.lie.greeting is None:
            return super().greeting()
        self.note()
        return self.lie.greeting

    def answer(self, kind: int, request: bytes) -> Reply:
        fields = sftp.Fields(request)
        self.kind, self.request, first = kind, request, fields.text()
        if kind == sftp.EXTENDED and first != sftp.LIMITS:
            first = fields.text()
        self.about = os.fsencode(self.opened[first]) if first in self.opened else first
        return super().answer(kind, request)

    def reply(self, kind: int, number: int, request: bytes, honest: Reply) -> bytes:
        said = None
        if self.lie.body and kind in self.lie.asked and self.lie.about in self.about:
            said = self.lie.body(self, number, honest)
        if said is None:
            return super().reply(kind, number, request, honest)
        self.note()
        return said

    def is_far_from_the_end(self) -> bool:
        """Whether something large is read, and not its last part."""
        fields = sftp.Fields(self.request)
        size = os.fstat(self.files[fields.text()]).st_size
        return size > 100_000 and fields.number(8) < size // 2

    def leave(self, last: bytes, status: int = 0) -> None:
        """Says its last."""
        self.note()
        self.send(last)
        os._exit(status)


class Gambler(Liar):
    """Changes about every tenth reply: bytes flipped, cut off, twice, or none.

    The same seed does the same; a line that is opened anew after a lie meets another fate.
    """

    # Who waits for what was cut off would wait for a minute: the line ends once nothing has been asked for so long.
    PATIENCE = 1.0

    def __init__(self, root: Path, seed: int) -> None:
        super().__init__(root, f"random:{seed}", Lie(EVERY, gamble))
        lies = root / "out/lies"
        self.fate = random.Random(f"{seed} {lies.read_text().count(chr(10)) if lies.exists() else 0}")
        self.has_lied = False

    def take(self) -> bytes | None:
        if self.has_lied and not self.has_packet() and not select.select([0], [], [], self.PATIENCE)[0]:
            os._exit(0)
        return super().take()


def gamble(liar: Gambler, number: int, honest: Reply) -> bytes | None:
    fate = liar.fate
    if fate.random() > 0.1:
        return None
    liar.has_lied = True
    what, said = fate.choice(("flip", "flip", "flip", "cut", "shorten", "twice", "drop")), bytearray(
        answer(number, honest))
    if what == "flip":
        for _ in range(fate.choice((1, 1, 3))):
            said[fate.randrange(min(len(said), fate.choice((5, 30, 1 << 20))))] ^= 1 << fate.randrange(8)
    elif what == "cut":
        liar.leave(bytes(said[:fate.randrange(len(said))]))
    elif what == "shorten":
        return packet(honest[0], number, honest[1][:fate.randrange(len(honest[1]))])
    return bytes(said) * {"twice": 2, "drop": 0}.get(what, 1)
