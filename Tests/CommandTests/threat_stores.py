"""Hostile stores beyond those of Tests/HostileTests: what they lie about is where bytes, kinds and numbers come
from another store.
"""
import base64
import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "HostileTests"))
from hostile_stores import Place, canonical, make_id, own_frame, plain, sha256  # noqa: E402

Write = Callable[[Path], None]


def placing(build: Callable[[Place], object]) -> Write:
    """Writes what is built upon the store that is known already."""
    return lambda folder: build(Place(folder)) and None


def changing(change: Write, build: Callable[[Place], object] = plain) -> Write:
    """Writes a sound store with a branch main, and then changes its files."""
    def write(folder: Path) -> None:
        build(Place(folder))
        change(folder / "work/.mlrepo")
    return write


def large(place: Place) -> None:
    """A sound version of some size that does not compress."""
    place.publish({b"kept.txt": place.file(b"kept, too\n"),
                   **{b"%d" % number: place.file(os.urandom(100_000)) for number in range(4)}})


def newest(store: Path, directory: str) -> Path:
    """The file that was written last, below a directory of a store: of an entry, or of the pack that it adds."""
    if directory == "log/new":
        return max((store / directory).iterdir())
    entry = json.loads(newest(store, "log/new").read_bytes())["entry"]
    name = entry["packs"]["added"][-1]
    return store / Place.pack_path(name)


# T1: bytes

def exchange(place: Place, kind: str, identifier: bytes, evil: bytes) -> None:
    """Puts other bytes under the id of an object, in a pack whose checksums are right."""
    payload, = (payload for one, payload in place.pending if one == kind and make_id(one, payload) == identifier)
    del place.pending[kind, payload]
    place.repack([(1, [(kind, evil)], None)], index=lambda index: index.replace(make_id(kind, evil), identifier))


def other_blob(place: Place) -> None:
    content = b"what the id says\n"
    place.publish_blob_in(content, lambda: own_frame(place, 0, content.upper(), len(content), [(1, sha256(content),
                                                                                                len(content))]))


def longer_blob(place: Place) -> None:
    content = b"what the id says\n"
    place.publish_blob_in(content, lambda: own_frame(place, 0, content + b"more", len(content) + 4, [(1,
            sha256(content), len(content) + 4)]))


def other_tree(place: Place) -> None:
    tree = place.directory({b"kept.txt": place.file(b"true\n")})
    evil = place.directory({b"kept.txt": place.file(b"evil\n")})
    payload, = (payload for kind, payload in place.pending if kind == "tree" and make_id(kind, payload) == evil[0])
    exchange(place, "tree", tree[0], payload)
    place.publish(tree)


def other_commit(place: Place) -> None:
    commit = place.commit(place.clean_tree, parents=[place.clean.hex()], message="True")
    payload, = (payload for kind, payload in place.pending if kind == "commit" and make_id(kind, payload) == commit)
    exchange(place, "commit", commit, payload.replace(b"True", b"Evil"))
    place.operate(place.refs({"branches/clean": ("commit", place.clean), "branches/main": ("commit", commit)}))


def other_refs(place: Place) -> None:
    true = place.refs({"branches/clean": ("commit", place.clean), "branches/main": ("commit", place.clean)})
    evil = place.refs({"branches/clean": ("commit", place.clean), "branches/evil": ("commit", place.clean)})
    payload, = (payload for kind, payload in place.pending if kind == "refs" and make_id(kind, payload).hex() == evil)
    exchange(place, "refs", bytes.fromhex(true), payload)
    place.operate(true)


def pack_of(change: Callable[[bytes], bytes]) -> Write:
    """The newest pack with its bytes changed, and nothing made right again."""
    def edit(store: Path) -> None:
        path = newest(store, "packs")
        path.write_bytes(change(path.read_bytes()))
    return changing(edit, large)


# T2: kinds

def naming(kind: str, identify: Callable[[Place], bytes], name: str = "branches/main") -> Write:
    """A ref that says it is of a kind."""
    def build(place: Place) -> None:
        refs = {"branches/clean": ("commit", place.clean), name: (kind, identify(place))}
        place.operate(place.refs(refs))
    return placing(build)


def commit_bytes(place: Place, **members: object) -> bytes:
    """The payload of a commit that is put nowhere."""
    commit = place.commit(place.clean_tree, message="Confused", **members)
    payload, = (payload for kind, payload in place.pending if kind == "commit" and make_id(kind, payload) == commit)
    del place.pending["commit", payload]
    return payload


def commit_as_a_blob(place: Place) -> None:
    """A ref to a commit by the id that its bytes have as a file's."""
    blob = place.put("blob", commit_bytes(place))
    place.operate(place.refs({"branches/clean": ("commit", place.clean), "branches/main": ("commit", blob)}))


def commit_by_the_id_of_a_blob(place: Place) -> None:
    """The same, in a pack that says the blob's id is that of a commit."""
    payload = commit_bytes(place)
    place.repack([(1, [("commit", payload)], None)], index=lambda index: index.replace(make_id("commit", payload),
                                                                                       sha256(payload)))
    place.operate(place.refs({"branches/clean": ("commit", place.clean), "branches/main": ("commit", sha256(payload))}))


def tree_by_the_id_of_a_blob(place: Place) -> None:
    tree = place.directory({b"kept.txt": place.file(b"kept\n")})
    payload, = (payload for kind, payload in place.pending if kind == "tree" and make_id(kind, payload) == tree[0])
    place.put("blob", payload)
    place.publish((sha256(payload), *tree[1:]))


def commit_with(**members: object) -> Write:
    """A commit that names something of another kind; a member is an object's id, or a function that gives it."""
    def build(place: Place) -> None:
        found = {name: value(place) if callable(value) else value for name, value in members.items()}
        tree = place.directory({b"kept.txt": place.file(b"kept\n")})
        commit = place.commit(tree, **{"parents": [place.clean.hex()], **found})
        place.operate(place.refs({"branches/clean": ("commit", place.clean), "branches/main": ("commit", commit)}))
    return placing(build)


def raw_commit(change: Callable[[bytes], bytes]) -> Write:
    """A commit whose text is not the one way to write it."""
    def build(place: Place) -> None:
        commit = place.put("commit", change(commit_bytes(place, parents=[place.clean.hex()])))
        place.operate(place.refs({"branches/clean": ("commit", place.clean), "branches/main": ("commit", commit)}))
    return placing(build)


# T4: numbers

def entry_file(change: Callable[[dict], None], name: str | None = None) -> Write:
    """The newest entry's file with other numbers in it; under another name, if there is one."""
    def edit(store: Path) -> None:
        path = newest(store, "log/new")
        value = json.loads(path.read_bytes())
        change(value)
        path.write_bytes(canonical(value))
        if name:
            path.rename(path.parent / name)
    return changing(edit)


def saying_size(text: str) -> Write:
    def change(value: dict) -> None:
        lines = value["note"].split("\n")
        value["note"] = "\n".join([lines[0], text, *lines[2:]])
    return entry_file(change)


def saying_number(number: object, name: str | None = None) -> Write:
    """An entry of another number, and a log of that size."""
    def change(value: dict) -> None:
        value["entry"]["number"] = number
        if isinstance(number, int):
            value["note"] = f"{value['note'].split(chr(10))[0]}\n{number + 1}\n{base64.b64encode(bytes(32)).decode()}\n"
            value["subtrees"] = ["00" * 32] * number.bit_count() if number >= 0 else []
    return entry_file(change, name)


def with_tile(path: str, content: bytes = bytes(1 << 16)) -> Write:
    def edit(store: Path) -> None:
        tile = store / "log/tile" / path
        tile.parent.mkdir(parents=True, exist_ok=True)
        tile.write_bytes(content)
    return changing(edit)


# T9: what is no file

def socket_at(path: Path) -> None:
    """The path of a socket has to be short when it is made."""
    short = path.parent / "s"
    there = os.open(path.parent, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"/proc/self/fd/{there}/s")
    os.close(there)
    short.rename(path)


def link_to_the_same(path: Path) -> None:
    """What was there, elsewhere, and a link to it."""
    elsewhere = Path(str(path) + ".elsewhere")
    path.rename(elsewhere)
    path.symlink_to(elsewhere.name)


NO_FILES: dict[str, Write] = {
    "pipe": os.mkfifo, "directory": os.mkdir, "socket": socket_at,
    "zero": lambda path: path.symlink_to("/dev/zero"), "dangling": lambda path: path.symlink_to("nowhere"),
    "loop": lambda path: path.symlink_to(path.name),
}
if os.geteuid() == 0:
    NO_FILES["device"] = lambda path: os.mknod(path, 0o020666, os.makedev(1, 5))


def replaced(which: str, make: Write) -> Write:
    """A file of the store that is something else: `format`, or the newest below a directory."""
    def edit(store: Path) -> None:
        path = store / which if which == "format" else newest(store, which)
        if make is not link_to_the_same:
            path.unlink()
        make(path)
    return changing(edit)
