#!/usr/bin/env python3
"""Writes stores whose hashes, checksums and packs are right and whose contents are made to harm.

usage: hostile_stores.py              lists the cases
       hostile_stores.py NAME FOLDER  writes one: FOLDER/work is a working copy, FOLDER/canary must stay as it is

Each case is a function that fills a `Place`. It is written from Documentation/Formats, with the writer of Tests/Reader, and
knows nothing of the program. `sound` says whether the formats allow the store: True, False, or None where the store cannot
even be opened or the formats leave it open.
"""
import base64
import json
import os
import struct
import sys
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "Reader"))
from tensor_writer import encode_tensor  # noqa: E402
from tiny_writer import (KINDS, ORIGIN, TinyStore, build_pack, build_tree, canonical, full_subtrees, make_id, merkle_hash,  # noqa: E402
                         patch_command, patch_stream, sha256, varint)

COPY = "5a" * 16
ESCAPES = "\x1b]0;title\x07\x1b[31mred\x1b[2J\r\x08\x7f\u009b31m"
CASES = {}
LOCAL = ("fsck", "status", "log", "stats", "checkout")


class Case:
    def __init__(self, build, sound, path, patience, standing, commands):
        self.build, self.sound, self.path = build, sound, path
        self.patience, self.standing, self.commands = patience, standing, commands


def case(sound=False, path="kept.txt", patience=20, standing=False, commands=None):
    """Registers a case.

    path: what `cat` and `blame` are asked for. patience: seconds that a command may take. commands: not all of them, where the
    case is about files of the working copy. standing: the case is run a second time with a working copy that stands on the
    hostile version.
    """
    def register(build):
        CASES[build.__name__] = Case(build, sound, path, patience, standing, commands)
        return build
    return register


class Place(TinyStore):
    """A folder with a working copy, and a canary beside it."""

    def __init__(self, root, standing=False):
        self.root, self.standing = Path(root).resolve(), standing
        self.work, self.canary = self.root / "work", self.root / "canary"
        self.work.mkdir(parents=True)
        self.canary.mkdir()
        (self.canary / "keep").write_bytes(b"not yours\n")
        super().__init__(self.work / ".mlrepo")
        for directory in ("log/new", "log/lists", "log/tile", "packs", "tmp", "cache"):
            os.makedirs(self.work / ".mlrepo" / directory, exist_ok=True)
        self.head(None)
        self.clean_tree = self.directory({b"kept.txt": self.file(b"kept\n")})
        self.clean = self.commit(self.clean_tree, message="Clean")
        start = self.refs({"branches/clean": ("commit", self.clean)})
        self.operate(start)

    def head(self, commit, branch="start", **members):
        value = {"branch": branch, "workingCopy": COPY, **members}
        if commit is not None:
            value["commit"] = commit.hex()
        self.write("HEAD", canonical(value) + b"\n")

    def publish(self, tree, extra=None, **members):
        """A version of which `main` is the branch; `tree` is (id, files, bytes), or entries by name."""
        if isinstance(tree, dict):
            tree = self.directory(tree)
        commit = self.commit(tree, parents=[self.clean.hex()], **members)
        refs = {"branches/clean": ("commit", self.clean), "branches/main": ("commit", commit), **(extra or {})}
        if self.standing:
            refs["worktrees/" + COPY] = ("commit", commit)
            self.head(commit, "main")
        self.operate(self.refs(refs))
        return commit

    def node(self, kind, *elements, level=0, count=None):
        return self.put(kind, bytes([level]) + varint(len(elements) if count is None else count) + b"".join(elements))

    def leaf(self, name, mode, identifier, *numbers):
        return varint(len(name)) + name + bytes([mode]) + identifier + b"".join(map(varint, numbers))

    def inner(self, last, identifier, entries, files, size):
        return varint(len(last)) + last + identifier + varint(entries) + varint(files) + varint(size)

    def repack(self, frames, edit_frames=None, index=None, trailer=None):
        """A pack that is changed behind the back of its checksums, which are made anew; gives its name."""
        data = bytearray(build_pack(frames, always=True))
        start, = struct.unpack_from("<Q", data, len(data) - 64)
        if edit_frames:
            edited, old = edit_frames(bytes(data[:start])), start
            data = bytearray(edited + data[old:])
            start = len(edited)
            struct.pack_into("<Q", data, len(data) - 64, start)
        if index:
            changed = index(bytes(data[start:-64]))
            data[start:-64] = changed
        struct.pack_into("<I", data, len(data) - 12, zlib.crc32(data[start:-64]))
        if trailer:
            for offset, form, value in trailer:
                struct.pack_into(form, data, len(data) - 64 + offset, value)
        struct.pack_into("<I", data, len(data) - 8, zlib.crc32(data[-64:-8]))
        return self.add_pack(bytes(data))

    def add_pack(self, data):
        self.counter += 1
        name = f"{sha256(data).hex()}-{self.counter:016x}"
        self.write(self.pack_path(name), data)
        self.new_packs.append(name)
        return name

    def publish_blob_in(self, content, write_pack):
        """A version whose file `kept.txt` lies in a pack of its own, made by `write_pack`."""
        entry = (1, sha256(content), len(content))
        write_pack()
        return self.publish({b"kept.txt": entry})

    def append_raw(self, entry, name=None):
        """An entry of any content, well hashed; the next one follows it."""
        subtrees, number = full_subtrees(self.leaves), len(self.leaves)
        self.leaves.append(canonical(entry))
        root = base64.b64encode(merkle_hash(self.leaves)).decode()
        note = f"mlrepo/{ORIGIN}\n{number + 1}\n{root}\n"
        self.write("log/new/" + (name or f"{number:020d}"), canonical({"entry": entry, "note": note, "subtrees": subtrees}))

    def next_entry(self, event=None, **members):
        event = event or self.event(self.newest_refs, self.newest_refs, verb="tag")
        self.flush()
        added, self.new_packs = self.new_packs, []
        return {"event": event, "features": [], "number": len(self.leaves), "refs": self.newest_refs, "time": 1,
                "packs": {"added": sorted(added), "doomed": [], "dropped": []}, **members}


def evil(place):
    return place.directory({b"evil": place.file(b"evil\n")})


# Names that no tree may have

BAD_NAMES = {
    "dotdot": b"..", "dot": b".", "empty": b"", "slash": b"a/b", "absolute": b"/tmp", "climbing": b"../canary", "nul": b"a\0b",
    "store": b".mlrepo", "store_capitals": b".MLREPO", "git": b".git", "git_capitals": b".GIT", "git_short": b"git~1",
    "git_dot": b".git.", "git_blank": b".git ", "git_stream": b".git::$INDEX_ALLOCATION",
    "git_ignorable": "\u200c.git".encode(), "git_folded": ".g\u0131t".encode(), "temporary": b".mlrepo-tmp-0123456789abcdef",
    "long": b"x" * 256, "very_long": b"x" * 60_000,
}


def bad_name(name):
    def build(place):
        place.publish({b"kept.txt": place.file(b"kept\n"), name: evil(place)})
    return build


def bad_file_name(name):
    def build(place):
        place.publish({b"kept.txt": place.file(b"kept\n"), name: place.file(b"evil\n")})
    return build


for _key, _name in BAD_NAMES.items():
    for _maker, _form in ((bad_name, "directory"), (bad_file_name, "file")):
        if _form == "file" and _key not in ("dotdot", "climbing", "slash", "git", "temporary"):
            continue
        _build = _maker(_name)
        _build.__name__ = f"name_{_key}_{_form}"
        case(standing=_key in ("dotdot", "store", "climbing"))(_build)


@case(sound=True, standing=True)
def names_that_are_odd(place):
    names = [b"line\nfeed", b"tab\t", b"\x1b[31mred", b"\x1b]0;t\x07", b"\x7f", b"\r", "\u009b31m".encode(), b"\x9b31m", b"\xff\xfe",
             "\u202egpj.exe".encode(), b" ", b"a ", b"-rf", b"--json", b"A", b"a", b"*", b"$(id)", b"x" * 255, "\ufeff".encode()]
    place.publish({b"kept.txt": place.file(b"kept\n"), **{name: place.file(name) for name in names},
                   b"Case": place.directory({b"x": place.file(b"1")}), b"case": place.directory({b"x": place.file(b"2")})})


# Links, and what lies below them

def link_and_directory(place, entries):
    """Nodes in a row that each are sorted, while the names of the whole directory are not."""
    nodes = []
    for number, leaves in enumerate(entries):
        filler = b"b%d" % number
        leaves = leaves + [(filler, place.leaf(filler, 1, *_blob(place, filler)), 1, 2)]
        identifier = place.node("tree", *(leaf for _, leaf, _, _ in leaves))
        files, size = sum(leaf[2] for leaf in leaves), sum(leaf[3] for leaf in leaves)
        nodes.append((place.inner(filler, identifier, len(leaves), files, size), files, size))
    root = place.node("tree", *(node for node, _, _ in nodes), level=1)
    return root, sum(node[1] for node in nodes), sum(node[2] for node in nodes)


def _blob(place, content):
    return place.put("blob", content), len(content)


@case(standing=True, path="a/evil")
def link_with_entries_below_it(place):
    """`a` is an empty directory, a link to the canary, and a directory with a file: three entries of one name."""
    target = os.fsencode(place.canary)
    empty, _, _ = place.directory({})
    below, files, size = evil(place)
    tree = link_and_directory(place, [
        [(b"a", place.leaf(b"a", 4, empty, 0, 0), 0, 0)],
        [(b"a", place.leaf(b"a", 3, *_blob(place, target)), 1, len(target))],
        [(b"a", place.leaf(b"a", 4, below, size, files), files, size)]])
    place.publish(tree)


@case(standing=True, path="a/evil")
def link_before_a_directory_of_its_name(place):
    target = os.fsencode(place.canary)
    below, files, size = evil(place)
    tree = link_and_directory(place, [
        [(b"a", place.leaf(b"a", 3, *_blob(place, target)), 1, len(target))],
        [(b"a", place.leaf(b"a", 4, below, size, files), files, size)]])
    place.publish(tree)


@case(standing=True, path="a/evil")
def link_and_directory_in_one_node(place):
    target = os.fsencode(place.canary)
    below, files, size = evil(place)
    root = place.node("tree", place.leaf(b"a", 3, *_blob(place, target)), place.leaf(b"a", 4, below, size, files))
    place.publish((root, files + 1, size + len(target)))


@case(sound=True, standing=True, path="a/evil")
def link_in_the_place_of_a_tracked_directory(place):
    """The working copy has a link where the version has a directory; nothing is removed or written behind it."""
    os.symlink(place.canary, place.work / "a")
    (place.canary / "evil").write_bytes(b"evil\n")
    place.publish({b"kept.txt": place.file(b"kept\n"), b"a": evil(place)})


@case(sound=True, standing=True, path="absolute")
def links_with_targets_outside(place):
    place.publish({b"absolute": place.file(os.fsencode(place.canary / "keep"), 3), b"climbing": place.file(b"../canary", 3),
                   b"device": place.file(b"/dev/zero", 3), b"escape": place.file(b"\x1b[31m", 3), b"loop": place.file(b"loop", 3),
                   b"kept.txt": place.file(b"kept\n")})


@case(path="a")
def link_with_a_nul(place):
    place.publish({b"a": place.file(b"kept\0/x", 3), b"kept.txt": place.file(b"kept\n")})


@case(path="a")
def link_of_no_bytes(place):
    place.publish({b"a": place.file(b"", 3), b"kept.txt": place.file(b"kept\n")})


@case(path="a")
def link_of_a_megabyte(place):
    content = b"x" * 1_000_000
    place.publish({b"a": (3, place.put("blob", content), 10), b"kept.txt": place.file(b"kept\n")})


@case(path="a")
def link_by_recipe(place):
    chunks = [b"x" * 1_000_000] * 4
    entry, recipe = place.recipe(b"".join(chunks), chunks, 0)
    place.publish({b"a": (3, entry[1], 4000), b"kept.txt": place.file(b"kept\n")}, recipes=place.recipes([recipe]))


# Numbers that lie

@case(path="a")
def size_too_small(place):
    place.publish({b"a": (1, place.put("blob", b"x" * 1000), 1), b"kept.txt": place.file(b"kept\n")})


@case(path="a")
def size_of_exabytes(place):
    place.publish({b"a": (1, place.put("blob", b"x"), 2**62), b"kept.txt": place.file(b"kept\n")})


@case(path="a")
def sizes_that_overflow_together(place):
    most = 2**63 - 1
    below = place.node("tree", *(place.leaf(b"%03d" % i, 1, place.put("blob", b"x"), most) for i in range(100)))
    place.publish((place.node("tree", place.leaf(b"a", 4, below, most, most), place.leaf(b"b", 4, below, most, most)), 0, 0))


@case(path="a/b")
def numbers_of_a_directory_lie(place):
    below, _, _ = place.directory({b"b": place.file(b"x")})
    place.publish((place.node("tree", place.leaf(b"a", 4, below, 2**40, 2**40), place.leaf(b"kept.txt", 1, *_blob(place, b"kept\n"))), 0, 0))


@case(path="a")
def numbers_of_an_inner_node_lie(place):
    leaf = place.node("tree", place.leaf(b"a", 1, *_blob(place, b"x")))
    other = place.node("tree", place.leaf(b"kept.txt", 1, *_blob(place, b"kept\n")))
    place.publish((place.node("tree", place.inner(b"a", leaf, 2**62, 2**62, 2**62),
                              place.inner(b"kept.txt", other, 2**62, 2**62, 2**62), level=1), 2, 6))


@case()
def counts_of_a_node_lie(place):
    place.publish((place.node("tree", place.leaf(b"kept.txt", 1, *_blob(place, b"kept\n")), count=2**62), 1, 5))


@case()
def a_varint_without_end(place):
    place.publish((place.put("tree", b"\0" + b"\xff" * 100), 1, 5))


@case()
def name_length_of_exabytes(place):
    place.publish((place.put("tree", b"\0\1" + varint(2**62) + b"a"), 1, 5))


@case()
def node_of_level_255(place):
    place.publish((place.node("tree", place.inner(b"a", bytes(32), 1, 1, 1), level=255), 1, 5))


@case()
def mode_of_nothing(place):
    place.publish((place.node("tree", place.leaf(b"kept.txt", 9, *_blob(place, b"kept\n"))), 1, 5))


@case()
def node_above_the_limit(place):
    place.publish((place.put("tree", bytes(2**20)), 1, 5))


@case()
def tree_that_is_missing(place):
    place.publish((b"\7" * 32, 1, 5))


@case()
def blob_that_is_missing(place):
    place.publish({b"kept.txt": (1, b"\7" * 32, 5)})


@case(path="a")
def directory_that_is_a_blob(place):
    place.publish((place.node("tree", place.leaf(b"a", 4, place.put("blob", b"\0\0"), 5, 1)), 1, 5))


# Depth and bombs

def nested(place, depth, content=b"deep\n"):
    level = place.directory({b"f": place.file(content)})
    for _ in range(depth - 1):
        level = place.directory({b"d": level})
    return level


@case(path="d/d/d")
def ten_thousand_levels(place):
    place.publish(nested(place, 10_000))


@case(path="d/d/d", standing=True)
def one_level_too_many(place):
    place.publish(nested(place, 2_049))


# A checkout waits for the disk once a level, and other stores are tried beside it.
@case(sound=True, path="/".join(["d"] * 2_047) + "/f", patience=90)
def as_many_levels_as_there_may_be(place):
    place.publish(nested(place, 2_048))


@case(path="d/d/d")
def empty_directories_at_ten_thousand_levels(place):
    level = place.directory({})
    for _ in range(10_000):
        level = place.directory({b"d": level})
    place.publish(level)


def bomb(place, bottom, width, depth):
    level = bottom
    for _ in range(depth):
        level = place.directory({b"%02d" % i: level for i in range(width)})
    return level


@case(sound=True, path="00", patience=6)
def bomb_of_files(place):
    """2^60 files in 10 nodes."""
    place.publish(bomb(place, place.directory({b"%02d" % i: place.file(b"") for i in range(64)}), 64, 9))


@case(sound=True, path="00", patience=6)
def bomb_of_empty_directories(place):
    """2^54 directories without a file: `files` and `bytes` of the root are 0."""
    place.publish(bomb(place, place.directory({}), 64, 9))


@case(path="00", patience=6)
def bomb_that_says_it_is_small(place):
    """2^54 files, of which each directory says that there is one."""
    level, _, _ = place.directory({b"%02d" % i: place.file(b"x") for i in range(64)})
    for _ in range(8):
        level = place.node("tree", *(place.leaf(b"%02d" % i, 4, level, 0, 0) for i in range(64)))
    place.publish((level, 0, 0))


@case(sound=True, path="00", patience=6, commands=("fsck", "status", "log", "stats", "gc", "checkout --to", "checkout"))
def bomb_of_bytes(place):
    """Four MiB, 2^24 times: 64 TiB in some KiB."""
    zeros = place.file(bytes(4_194_304))
    place.publish(bomb(place, place.directory({b"%02d" % i: zeros for i in range(64)}), 64, 3))


@case(sound=True, path="x")
def bomb_of_commits(place):
    """A chain of diamonds: 2^200 ways lead to the first commit."""
    tree = place.directory({b"x": place.file(b"x")})
    left = right = place.clean
    for i in range(200):
        parents = [left.hex()] if left == right else [left.hex(), right.hex()]
        left, right = (place.commit(tree, parents=parents, message=f"{side} {i}") for side in ("left", "right"))
    place.publish(tree, extra={"branches/other": ("commit", right), "branches/left": ("commit", left)})


@case(sound=True, path="x")
def bomb_of_inputs(place):
    """Runs that each read two files of the version before, whose runs did the same: 2^40 ways, each input of its own content."""
    before = place.clean
    for i in range(40):
        entries = {b"%02d" % j: place.file(b"%d of %d" % (j, i)) for j in range(40)}
        inputs = place.directory(entries)
        run = place.run(inputs=inputs[0].hex(), inputCommits=[{"commit": before.hex(), "path": f"{j:02}"} for j in range(40)])
        before = place.commit(place.directory({**entries, b"x": place.file(b"%d" % i)}), parents=[before.hex()], runs=[run])
    place.operate(place.refs({"branches/clean": ("commit", place.clean), "branches/main": ("commit", before)}))


@case(sound=True, path="00", patience=6)
def bomb_of_a_run(place):
    """The inputs of a run are 2^54 files that no commit has."""
    tree = place.directory({b"%02d" % i: place.file(b"") for i in range(64)})
    inputs = bomb(place, tree, 64, 8)
    place.publish({b"00": place.file(b"x")}, runs=[place.run(inputs=inputs[0].hex())])


@case(sound=True)
def a_line_of_two_thousand_commits(place):
    tree = place.directory({b"kept.txt": place.file(b"kept\n")})
    before = place.clean
    for i in range(2_000):
        before = place.commit(tree, parents=[before.hex()], message=f"{i}")
    place.operate(place.refs({"branches/clean": ("commit", place.clean), "branches/main": ("commit", before)}))


# Recipes

def recipe_payload(blob, length, elements, level=0, rule=0):
    return b"\1" + blob + varint(length) + varint(rule) + bytes([level]) + varint(len(elements)) + b"".join(elements)


def publish_recipe(place, blob, length, elements, level=0, size=None):
    recipe = place.put("chunks", recipe_payload(blob, length, elements, level))
    entries = {b"big": (1, blob, length if size is None else size), b"kept.txt": place.file(b"kept\n")}
    place.publish(entries, recipes=place.recipes([(blob, recipe)]))


@case(path="big")
def recipe_with_a_missing_chunk(place):
    chunk = place.put("blob", b"x" * 1000)
    publish_recipe(place, b"\7" * 32, 2000, [chunk + varint(1000), b"\6" * 32 + varint(1000)])


@case(path="big")
def recipe_of_other_bytes(place):
    chunk = place.put("blob", b"x" * 1000)
    publish_recipe(place, b"\7" * 32, 2000, [chunk + varint(1000)] * 2)


@case(path="big")
def recipe_with_a_chunk_of_another_length(place):
    chunk = place.put("blob", b"x" * 1000)
    publish_recipe(place, sha256(b"x" * 2000), 3000, [chunk + varint(1000), chunk + varint(2000)])


@case(path="big")
def recipe_with_a_length_of_exabytes(place):
    chunk = place.put("blob", b"x" * 1000)
    publish_recipe(place, b"\7" * 32, 2**62, [chunk + varint(1000)] * 2)


@case(path="big")
def recipe_with_chunks_of_exabytes(place):
    chunk = place.put("blob", b"x" * 1000)
    publish_recipe(place, b"\7" * 32, 2**63 - 1, [chunk + varint(2**62), chunk + varint(2**62 - 1)])


@case(path="big")
def recipe_with_a_negative_length(place):
    """A varint of ten bytes, as some writers put -1."""
    minus = b"\xff" * 9 + b"\1"
    chunk = place.put("blob", b"x")
    recipe = place.put("chunks", b"\1" + b"\7" * 32 + minus + b"\0\0\2" + (chunk + minus) * 2)
    place.publish({b"big": (1, b"\7" * 32, 2)}, recipes=place.recipes([(b"\7" * 32, recipe)]))


@case(path="big")
def recipe_of_itself(place):
    """A blob that is made of itself, twice."""
    blob = b"\7" * 32
    publish_recipe(place, blob, 2000, [blob + varint(1000)] * 2)


@case(path="big")
def recipes_of_each_other(place):
    one, two = b"\7" * 32, b"\6" * 32
    first = place.put("chunks", recipe_payload(one, 2000, [two + varint(1000)] * 2))
    second = place.put("chunks", recipe_payload(two, 2000, [one + varint(1000)] * 2))
    place.publish({b"big": (1, one, 2000), b"other": (1, two, 2000)}, recipes=place.recipes([(one, first), (two, second)]))


@case(path="big")
def recipe_without_chunks(place):
    publish_recipe(place, sha256(b""), 0, [])


@case(path="big")
def recipe_of_one_chunk(place):
    publish_recipe(place, sha256(b"xx"), 1, [place.put("blob", b"x") + varint(1)])


def repeated_chunk(place, length, levels):
    """128 times 128 times … the same chunk: (elements of the root, bytes, level)."""
    chunk = place.put("blob", bytes(length))
    elements, count, size = [chunk + varint(length)] * 128, 128, 128 * length
    for level in range(levels):
        node = place.put("chunks", b"\0" + bytes([level]) + varint(128) + b"".join(elements))
        elements = [node + varint(count) + varint(size)] * 128
        count, size = 128 * count, 128 * size
    return elements, size, levels


@case(path="big", patience=6, commands=("fsck", "status", "ls", "stats", "gc", "checkout --to", "checkout"))
def bomb_of_chunks(place):
    """A file of 2^49 bytes, of 2^49 chunks of one byte, in some nodes; its directory says so."""
    elements, size, level = repeated_chunk(place, 1, 6)
    publish_recipe(place, b"\7" * 32, size, elements, level)


@case(path="big", patience=6)
def bomb_of_chunks_in_a_small_file(place):
    """The same, while the directory says that the file has five bytes."""
    elements, size, level = repeated_chunk(place, 1, 6)
    publish_recipe(place, b"\7" * 32, size, elements, level, size=5)


@case(path="big", patience=6, commands=("fsck", "status", "ls", "stats", "gc", "checkout --to", "checkout"))
def bomb_of_large_chunks(place):
    """2^50 bytes of zeros in chunks of 512 KiB."""
    elements, size, level = repeated_chunk(place, 2**19, 3)
    publish_recipe(place, b"\7" * 32, size, elements, level)


@case(path="big")
def recipe_map_that_lies(place):
    """The map names a tree as the recipe."""
    place.publish({b"big": (1, b"\7" * 32, 5), b"kept.txt": place.file(b"kept\n")},
                  recipes=place.recipes([(b"\7" * 32, place.clean_tree[0])]))


# Frames and packs

def frame_edit(offset, form, value):
    def edit(frames):
        data = bytearray(frames)
        struct.pack_into(form, data, offset, value)
        table, = struct.unpack_from("<I", data, 8)
        end = min(len(data), 28 + table)
        struct.pack_into("<I", data, 24, zlib.crc32(data[:24] + data[28:end]))
        return bytes(data)
    return edit


def blob_pack(place, content=b"kept\n" * 100, codec=1, **edits):
    place.publish_blob_in(content, lambda: place.repack([(codec, [("blob", content)], None)], **edits))


FRAME_EDITS = {
    "raw_size_of_4_gib": frame_edit(16, "<I", 2**32 - 1), "raw_size_of_4_mib": frame_edit(16, "<I", 2**22),
    "raw_size_of_2_gib": frame_edit(16, "<I", 2**31), "raw_size_of_nothing": frame_edit(16, "<I", 0),
    "stored_size_of_4_gib": frame_edit(12, "<I", 2**32 - 1), "table_of_4_gib": frame_edit(8, "<I", 2**32 - 1),
    "table_of_nothing": frame_edit(8, "<I", 0), "padding": frame_edit(6, "<H", 65_535), "codec_3": frame_edit(4, "<B", 3),
    "codec_255": frame_edit(4, "<B", 255), "class_3": frame_edit(5, "<B", 3), "codec_zstd": frame_edit(4, "<B", 2),
    "codec_with_base": frame_edit(4, "<B", 7),
}
for _key, _edit in FRAME_EDITS.items():
    def _build(place, edit=_edit):
        blob_pack(place, edit_frames=edit)
    _build.__name__ = "frame_" + _key
    case()(_build)


def own_frame(place, codec, stored, raw_length, objects, base=None):
    """A pack of one frame with these stored bytes, whatever they decode to; objects are (kind, id, length).

    A base is (kind, id); of codec 5 there is a list.
    """
    bases = base if isinstance(base, list) else [base] if base else []
    table = varint(len(bases)) if codec == 5 else b""
    table += b"".join(bytes([kind]) + identifier for kind, identifier in bases)
    table += varint(len(objects)) + b"".join(bytes([kind]) + varint(length) for kind, _, length in objects)
    head = struct.pack("<4sBBHIIII", b"MLF1", codec, 2, 0, len(table), len(stored), raw_length, zlib.crc32(stored))
    frame = head + struct.pack("<I", zlib.crc32(head + table)) + table + stored
    entries = []
    place_in_frame = 0
    for kind, identifier, length in objects:
        entries.append(identifier + bytes([kind]) + b"\0\0\0" + struct.pack("<III", 0, place_in_frame, length & 0xFFFFFFFF))
        place_in_frame = (place_in_frame + length) % 2**32
    rows = b"".join(identifier + bytes([kind]) + b"\0\0\0" for kind, identifier in bases)
    first, more = min(len(bases), 1), max(len(bases) - 1, 0)
    index = struct.pack("<QIBBH", 0, first, codec, 2, more) + rows + b"".join(sorted(entries))
    trailer = struct.pack("<QIIQQ16xII", len(frame), 1, len(bases), len(entries), raw_length, 1, zlib.crc32(index))
    return place.add_pack(frame + index + trailer + struct.pack("<I", zlib.crc32(trailer)) + b"MLP1")


@case()
def zlib_bomb(place):
    """One MiB of zlib that is a GiB, in a frame that says five bytes."""
    deflate = zlib.compressobj(9)
    head, block = deflate.compress(b"") + deflate.flush(zlib.Z_FULL_FLUSH), deflate.compress(bytes(2**24)) + deflate.flush(zlib.Z_FULL_FLUSH)
    stored = head + block * 64 + deflate.flush()
    place.publish_blob_in(b"kept\n", lambda: own_frame(place, 1, stored, 2**22, [(1, sha256(b"kept\n"), 2**22)]))


def zstd_frame(window, size, blocks):
    return bytes.fromhex("28b52ffd") + bytes([0xC0 if window is not None else 0xE0]) + (bytes([window]) if window is not None else b"") \
        + struct.pack("<Q", size) + blocks


def zstd_repeat(size, last=1):
    return struct.pack("<I", size << 3 | 1 << 1 | last)[:3] + b"\0"


ZSTD = {
    "size_of_exabytes": zstd_frame(None, 2**62, zstd_repeat(1000)), "size_of_everything": zstd_frame(None, 2**64 - 1, zstd_repeat(1000)),
    "window_of_terabytes": zstd_frame(0xFF, 2**22, zstd_repeat(1000)), "window_of_2_gib": zstd_frame(21 << 3, 1000, zstd_repeat(1000)),
    "more_than_it_says": zstd_frame(None, 1000, b"".join(zstd_repeat(131_072, 0) for _ in range(20_000)) + zstd_repeat(1)),
    "blocks_above_the_limit": zstd_frame(None, 2**22, zstd_repeat(2**21 - 1, 0) * 2 + zstd_repeat(2)),
    "dictionary": bytes.fromhex("28b52ffd23") + b"\1\2\3\4" + b"\5" + zstd_repeat(5),
    "skippable": b"\x50\x2a\x4d\x18" + struct.pack("<I", 2**32 - 1) + b"x" * 100, "cut_short": bytes.fromhex("28b52ffd"),
    "nothing": b"",
}
for _key, _stored in ZSTD.items():
    def _build(place, stored=_stored):
        place.publish_blob_in(bytes(1000), lambda: own_frame(place, 2, stored, 1000, [(1, sha256(bytes(1000)), 1000)]))
    _build.__name__ = "zstd_" + _key
    case()(_build)


@case()
def object_lengths_that_overflow(place):
    place.publish_blob_in(b"kept\n", lambda: own_frame(
        place, 0, b"kept\n", 5, [(1, sha256(b"kept\n"), 5), (1, b"\7" * 32, 2**63 - 1), (1, b"\6" * 32, 2**63 - 1)]))


@case()
def objects_without_number(place):
    stored = b"kept\n"
    table = varint(2**62) + b"\1\5"
    head = struct.pack("<4sBBHIIII", b"MLF1", 0, 2, 0, len(table), 5, 5, zlib.crc32(stored))
    frame = head + struct.pack("<I", zlib.crc32(head + table)) + table + stored
    index = struct.pack("<QIBBH", 0, 0, 0, 2, 0) + sha256(stored) + b"\1\0\0\0" + struct.pack("<III", 0, 0, 5)
    trailer = struct.pack("<QIIQQ16xII", len(frame), 1, 0, 1, 5, 1, zlib.crc32(index))
    data = frame + index + trailer + struct.pack("<I", zlib.crc32(trailer)) + b"MLP1"
    place.publish_blob_in(stored, lambda: place.add_pack(data))


@case()
def base_that_is_the_object_itself(place):
    content = b"kept\n" * 100
    stream = zlib.compressobj(zdict=content)
    stored = stream.compress(content) + stream.flush()
    place.publish_blob_in(content, lambda: own_frame(
        place, 7, stored, len(content), [(1, sha256(content), len(content))], (1, sha256(content))))


@case()
def base_that_is_missing(place):
    content = b"kept\n" * 100
    stream = zlib.compressobj(zdict=b"other")
    stored = stream.compress(content) + stream.flush()
    place.publish_blob_in(content, lambda: own_frame(
        place, 7, stored, len(content), [(1, sha256(content), len(content))], (1, b"\7" * 32)))


# Frames of tensors


TENSOR = struct.pack("<1000H", *(0x3C00 + number * 7919 % 384 for number in range(1000)))


def tensor_frame(place, codec, stored, content=TENSOR, base=None, raw_length=None):
    """A pack with a frame of one tensor, whatever its stream is."""
    length = len(content) if raw_length is None else raw_length
    return own_frame(place, codec, stored, length, [(1, sha256(content), length)], base and (1, base))


def with_tensors(place, write_pack, content=TENSOR, features=("tensors",)):
    """A version whose file `kept.txt` lies in such a frame, in a store that demands what it has to."""
    place.publish_blob_in(content, write_pack)
    place.append_raw(place.next_entry(features=list(features)))


@case(sound=True)
def tensor(place):
    with_tensors(place, lambda: tensor_frame(place, 3, encode_tensor(TENSOR, 1)))


@case()
def tensor_that_the_log_does_not_demand(place):
    with_tensors(place, lambda: tensor_frame(place, 3, encode_tensor(TENSOR, 1)), features=())


@case()
def tensor_of_other_bytes(place):
    with_tensors(place, lambda: tensor_frame(place, 3, encode_tensor(TENSOR[::-1], 1)))


@case()
def tensor_of_fewer_bytes_than_it_says(place):
    with_tensors(place, lambda: tensor_frame(place, 3, encode_tensor(TENSOR, 1), raw_length=2**22))


@case()
def tensor_without_a_stream(place):
    with_tensors(place, lambda: tensor_frame(place, 3, b""))


@case()
def two_tensors_in_a_frame(place):
    half = len(TENSOR) // 2
    with_tensors(place, lambda: own_frame(place, 3, encode_tensor(TENSOR, 1), len(TENSOR), [
        (1, sha256(TENSOR[:half]), half), (1, sha256(TENSOR[half:]), half)]), TENSOR[:half])


@case()
def tensor_upon_itself(place):
    with_tensors(place, lambda: tensor_frame(place, 4, encode_tensor(TENSOR, 1, TENSOR), base=sha256(TENSOR)))


@case()
def tensor_upon_what_is_missing(place):
    with_tensors(place, lambda: tensor_frame(place, 4, encode_tensor(TENSOR, 1, TENSOR), base=b"\7" * 32))


@case()
def tensor_upon_nothing(place):
    def write_packs():
        place.file(b"")
        tensor_frame(place, 4, encode_tensor(TENSOR, 1, bytes(len(TENSOR))), base=sha256(b""))
    with_tensors(place, write_packs)


@case()
def tensors_upon_each_other(place):
    other = TENSOR[2:] + TENSOR[:2]

    def write_packs():
        tensor_frame(place, 4, encode_tensor(TENSOR, 1, other), base=sha256(other))
        tensor_frame(place, 4, encode_tensor(other, 1, TENSOR), other, base=sha256(TENSOR))
    with_tensors(place, write_packs)


@case()
def a_thousand_tensors_upon_each_other(place):
    tensors = [TENSOR[2 * number:] + TENSOR[:2 * number] for number in range(1000)]

    def write_packs():
        stored = encode_tensor(TENSOR, 1, TENSOR)
        for content, base in zip(tensors, tensors[1:]):
            tensor_frame(place, 4, stored, content, base=sha256(base))
    with_tensors(place, write_packs)


# Patches


TEXT = b"".join(b"row %d of a table\n" % number for number in range(100))
LATER = TEXT[:200] + b"an edit" + TEXT[210:]
EDIT = patch_command(0, 200, 0) + patch_command(7, len(TEXT) - 210, 10)


def with_patch(place, stream, bases=(TEXT,), content=LATER, features=("patches",), raw_length=None, there=True):
    """A version whose file `kept.txt` is a patch upon bases that lie whole, if they are `there`."""
    length = len(content) if raw_length is None else raw_length

    def write_packs():
        for base in set(bases) if there else ():
            place.file(base)
        own_frame(place, 5, stream, length, [(1, sha256(content), length)], [(1, sha256(base)) for base in bases])
    place.publish_blob_in(content, write_packs)
    place.append_raw(place.next_entry(features=list(features)))


@case(sound=True)
def patch(place):
    with_patch(place, patch_stream(EDIT, b"an edit"))


@case(sound=True)
def patch_upon_64_bases(place):
    with_patch(place, patch_stream(EDIT, b"an edit"), [TEXT[number * 20:number * 20 + 20] for number in range(63)] + [TEXT[63 * 20:]])


@case()
def patch_that_the_log_does_not_demand(place):
    with_patch(place, patch_stream(EDIT, b"an edit"), features=())


@case()
def patch_upon_what_is_missing(place):
    with_patch(place, patch_stream(EDIT, b"an edit"), there=False)


@case()
def patch_upon_itself(place):
    with_patch(place, patch_stream(patch_command(0, len(LATER), 0), b""), [LATER], there=False)


@case()
def patch_upon_no_base(place):
    with_patch(place, patch_stream(EDIT, b"an edit"), [])


@case()
def patch_upon_nothing(place):
    with_patch(place, patch_stream(b"", LATER), [b""])


@case()
def patch_of_other_bytes(place):
    with_patch(place, patch_stream(EDIT, b"no edit"))


@case()
def patch_of_more_than_it_says(place):
    with_patch(place, patch_stream(patch_command(0, len(TEXT), 0) + patch_command(0, len(TEXT), -len(TEXT)), b""))


@case()
def patch_of_less_than_it_says(place):
    with_patch(place, patch_stream(EDIT, b"an edit"), raw_length=2**22)


@case()
def patch_from_before_its_base(place):
    with_patch(place, patch_stream(patch_command(0, 10, -1) + EDIT, b"an edit"))


@case()
def patch_from_behind_its_base(place):
    with_patch(place, patch_stream(patch_command(0, len(LATER), len(TEXT) - 1), b""))


@case()
def patch_with_a_prefix_of_gigabytes(place):
    with_patch(place, patch_stream(EDIT, b"an edit", prefix=(0, 2**32 - 1)))


@case()
def patch_of_exabytes(place):
    with_patch(place, varint(0) + varint(0) + varint(2**62) + varint(2**62) + b"x" * 50)


@case()
def patch_that_copies_nothing_without_end(place):
    with_patch(place, patch_stream(patch_command(0, 0, 0) * 500 + EDIT, b"an edit"))


@case()
def a_thousand_patches_upon_each_other(place):
    texts = [TEXT[number:] + TEXT[:number] for number in range(1000)]

    def write_packs():
        stream = patch_stream(patch_command(0, len(TEXT) - 1, 1) + patch_command(0, 1, -len(TEXT)), b"")
        for content, base in zip(texts, texts[1:]):
            own_frame(place, 5, stream, len(content), [(1, sha256(content), len(content))], [(1, sha256(base))])
    place.publish_blob_in(texts[0], write_packs)
    place.append_raw(place.next_entry(features=["patches"]))


def index_edit(offset, form, value):
    """Offsets count from the index' beginning; one frame, no bases, one entry."""
    def edit(index):
        data = bytearray(index)
        struct.pack_into(form, data, offset, value)
        return bytes(data)
    return edit


INDEX_EDITS = {
    "frame_offset": index_edit(0, "<Q", 2**64 - 1), "frame_offset_signed": index_edit(0, "<Q", 2**63), "base": index_edit(8, "<I", 7),
    "base_huge": index_edit(8, "<I", 2**32 - 1), "codec": index_edit(12, "<B", 9), "kind": index_edit(16 + 32, "<B", 200),
    "recipe_that_is_none": index_edit(16 + 33, "<B", 1), "flags": index_edit(16 + 33, "<B", 255),
    "frame_number": index_edit(16 + 36, "<I", 2**32 - 1), "offset": index_edit(16 + 40, "<I", 2**32 - 1),
    "length": index_edit(16 + 44, "<I", 2**32 - 1), "length_of_4_mib": index_edit(16 + 44, "<I", 2**22 + 1),
}
for _key, _edit in INDEX_EDITS.items():
    def _build(place, edit=_edit):
        blob_pack(place, index=edit)
    _build.__name__ = "index_" + _key
    case()(_build)

TRAILER_EDITS = {
    "start": (0, "<Q", 2**64 - 1), "frames": (8, "<I", 2**32 - 1), "bases": (12, "<I", 2**32 - 1), "entries": (16, "<Q", 2**64 - 1),
    "entries_that_wrap": (16, "<Q", 2**60), "no_entries": (16, "<Q", 0), "raw": (24, "<Q", 2**64 - 1), "version": (48, "<I", 2**32 - 1),
}
for _key, _edit in TRAILER_EDITS.items():
    def _build(place, edit=_edit):
        blob_pack(place, trailer=[edit])
    _build.__name__ = "trailer_" + _key
    case()(_build)


@case()
def packs_that_are_no_files(place):
    kinds = [lambda path: os.mkfifo(path), lambda path: os.mkdir(path), lambda path: os.symlink("/dev/zero", path),
             lambda path: Path(path).write_bytes(b""), lambda path: Path(path).write_bytes(b"x" * 63)]
    for number, make in enumerate(kinds):
        name = f"{number:064x}-{number:016x}"
        path = place.work / ".mlrepo" / place.pack_path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        make(path)
        place.new_packs.append(name)
    place.publish({b"kept.txt": place.file(b"kept\n")})


@case()
def pack_of_a_terabyte_of_holes(place):
    name = f"{7:064x}-{7:016x}"
    place.write(place.pack_path(name), b"")
    os.truncate(place.work / ".mlrepo" / place.pack_path(name), 2**40 - 1)
    place.new_packs.append(name)
    place.publish({b"kept.txt": place.file(b"kept\n")})


# The log

def plain(place):
    place.publish({b"kept.txt": place.file(b"kept\n")})


@case()
def log_with_a_gap(place):
    plain(place)
    last = place.work / ".mlrepo/log/new" / f"{len(place.leaves) - 1:020d}"
    place.append_raw(place.next_entry())
    place.append_raw(place.next_entry())
    os.remove(last)


@case()
def log_with_entries_of_absurd_numbers(place):
    plain(place)
    for name in ("9" * 20, "9223372036854775807".zfill(20), "18446744073709551615", "4294967296".zfill(20)):
        place.write("log/new/" + name, b"{}")


@case(sound=True)
def log_with_names_of_no_entries(place):
    plain(place)
    for name in ("1", "+0000000000000000001", "00000000000000000001 ", "-0000000000000000001", "\x1b[31m"):
        place.write("log/new/" + name, b"{}")


@case()
def log_with_two_entries_of_one_number(place):
    """Entry 2 says it has number 1."""
    plain(place)
    place.append_raw(place.next_entry(number=1))


@case()
def log_that_names_packs_outside(place):
    plain(place)
    names = ["../" * 8 + "canary/keep", "../../../canary/" + "0" * 64 + "-" + "0" * 16, "/etc/passwd", "0" * 64 + "-" + "0" * 15 + "/"]
    place.append_raw(place.next_entry(packs={"added": sorted(names), "doomed": [], "dropped": []}))


@case()
def log_that_dooms_packs_outside(place):
    plain(place)
    place.append_raw(place.next_entry(packs={"added": [], "doomed": ["../../../canary/keep"], "dropped": []}))


@case()
def log_with_a_list_outside(place):
    plain(place)
    entry = place.next_entry(packList="../../../../canary/keep")
    del entry["packs"]
    place.append_raw(entry)


@case()
def log_with_an_unknown_feature_of_escapes(place):
    plain(place)
    place.append_raw(place.next_entry(features=["\x1b[31mred"]))


@case(sound=None)
def log_with_an_unknown_feature(place):
    plain(place)
    place.append_raw(place.next_entry(features=["teleport"]))


@case()
def log_with_members_of_other_types(place):
    plain(place)
    place.append_raw(place.next_entry(number="x", time=-5, refs=None, event=[], packs=7))


@case()
def log_with_refs_that_are_missing(place):
    plain(place)
    place.append_raw(place.next_entry(refs="07" * 32))


@case()
def log_with_an_event_that_is_missing(place):
    plain(place)
    place.append_raw(place.next_entry(event="07" * 32))


@case()
def log_that_drops_what_is_needed(place):
    plain(place)
    live = json.loads(place.leaves[-1])["packs"]["added"]
    place.append_raw(place.next_entry(packs={"added": [], "doomed": [], "dropped": live}))


@case()
def log_that_dooms_what_is_live(place):
    plain(place)
    live = json.loads(place.leaves[-1])["packs"]["added"]
    place.append_raw(place.next_entry(packs={"added": [], "doomed": live, "dropped": []}))


@case()
def log_entry_that_does_not_follow(place):
    plain(place)
    place.leaves[-1] = b"other"
    place.append_raw(place.next_entry())


@case(sound=None, commands=LOCAL)
def log_that_is_a_loop_of_links(place):
    plain(place)
    os.rename(place.work / ".mlrepo/log/new", place.work / ".mlrepo/log/old")
    os.symlink("new", place.work / ".mlrepo/log/new")


@case(sound=None, commands=LOCAL)
def log_that_is_a_pipe(place):
    plain(place)
    os.rename(place.work / ".mlrepo/log/new", place.work / ".mlrepo/log/old")
    os.mkfifo(place.work / ".mlrepo/log/new")


@case()
def log_entry_that_is_a_pipe(place):
    plain(place)
    os.mkfifo(place.work / ".mlrepo/log/new" / f"{len(place.leaves):020d}")


@case()
def log_entry_that_is_a_directory(place):
    plain(place)
    os.mkdir(place.work / ".mlrepo/log/new" / f"{len(place.leaves):020d}")


@case()
def log_entry_of_a_terabyte(place):
    plain(place)
    path = place.work / ".mlrepo/log/new" / f"{len(place.leaves):020d}"
    path.touch()
    os.truncate(path, 2**40)


@case()
def log_entry_of_deep_json(place):
    plain(place)
    place.write(f"log/new/{len(place.leaves):020d}", b"[" * 16_000)


@case()
def log_with_a_list_of_deep_json(place):
    plain(place)
    content = b"[" * 2**20
    place.write("log/lists/" + sha256(content).hex(), content)
    entry = place.next_entry(packList=sha256(content).hex())
    del entry["packs"]
    place.append_raw(entry)


@case()
def log_with_a_list_of_gigabytes(place):
    plain(place)
    place.write("log/lists/" + "07" * 32, b"")
    os.truncate(place.work / ".mlrepo/log/lists" / ("07" * 32), 2**33)
    entry = place.next_entry(packList="07" * 32)
    del entry["packs"]
    place.append_raw(entry)


def sealed(place, change=None, keep=()):
    plain(place)
    while len(place.leaves) < 258:
        place.append_raw(place.next_entry())
    place.seal(keep)
    if change:
        path = place.work / ".mlrepo/log/tile/entries/000"
        path.write_bytes(change(path.read_bytes()))


@case(sound=True)
def log_with_ghosts(place):
    """Files of sealed numbers with other entries: ghosts of writers that slept, sound by themselves."""
    sealed(place, keep=(100, 255))


@case()
def log_with_ghosts_of_nonsense(place):
    sealed(place)
    place.write(f"log/new/{7:020d}", b"{}")
    place.write(f"log/new/{200:020d}", canonical({"entry": {"number": 7}, "note": ESCAPES, "subtrees": []}))


@case()
def tile_that_is_cut(place):
    sealed(place, lambda data: data[:1000])


@case()
def tile_with_an_entry_twice(place):
    def change(data):
        leaves, rest = [], data
        while rest:
            size, = struct.unpack(">H", rest[:2])
            leaves.append(rest[2:2 + size])
            rest = rest[2 + size:]
        leaves[7] = leaves[6]
        return b"".join(struct.pack(">H", len(leaf)) + leaf for leaf in leaves)
    sealed(place, change)


@case()
def tile_of_empty_entries(place):
    sealed(place, lambda data: bytes(512))


@case()
def tile_with_a_length_too_much(place):
    sealed(place, lambda data: b"\xff\xff" + data[2:])


@case()
def tile_of_a_terabyte(place):
    sealed(place)
    os.truncate(place.work / ".mlrepo/log/tile/entries/000", 2**40)


# Refs

def raw_ref(name, kind, identifier):
    name = name if isinstance(name, bytes) else name.encode()
    return varint(len(name)) + name + bytes([kind]) + identifier


def publish_refs(place, *elements, level=0, count=None):
    """A refs map of any content, beside the two branches."""
    commit = place.commit(place.clean_tree, parents=[place.clean.hex()], message="Main")
    own = {b"branches/clean": raw_ref("branches/clean", 6, place.clean), b"branches/main": raw_ref("branches/main", 6, commit)}
    named = sorted([*own.items(), *elements])
    root = place.node("refs", *(element for _, element in named), level=level, count=count)
    change = {"after": {"id": commit.hex(), "kind": "commit"}, "name": "branches/main"}
    entry = place.next_entry(refs=root.hex(), event=place.event(refs=[change]))
    place.append_raw(entry)


BAD_REFS = {
    "climbing": "branches/../../canary", "dash": "branches/-rf", "lock": "branches/main.lock", "escapes": "branches/\x1b[31mred",
    "at": "branches/@", "alone": "main", "unknown": "heads/main", "newline": "tags/a\nb", "not_utf8": b"tags/\xff\xfe", "empty": "",
    "slashes": "tags//a", "long": "tags/" + "x" * 300, "c1": "tags/\u009b31m", "dot": "tags/.a",
}
for _key, _name in BAD_REFS.items():
    def _build(place, name=_name):
        encoded = name if isinstance(name, bytes) else name.encode()
        publish_refs(place, (encoded, raw_ref(name, 6, place.clean)))
    _build.__name__ = "ref_" + _key
    case()(_build)


@case()
def refs_to_other_kinds(place):
    publish_refs(place, (b"branches/tree", raw_ref("branches/tree", 3, place.clean_tree[0])),
                 (b"tags/blob", raw_ref("tags/blob", 1, sha256(b"kept\n"))), (b"runs/none", raw_ref("runs/none", 7, b"\7" * 32)))


@case()
def ref_to_a_tree_as_a_commit(place):
    publish_refs(place, (b"branches/tree", raw_ref("branches/tree", 6, place.clean_tree[0])))


@case()
def ref_to_kind_200(place):
    publish_refs(place, (b"branches/x", raw_ref("branches/x", 200, place.clean)))


@case()
def refs_of_which_the_event_says_nothing(place):
    place.publish({b"kept.txt": place.file(b"kept\n")})
    new = place.refs({"branches/clean": ("commit", place.clean)})
    place.append_raw(place.next_entry(refs=new))


@case()
def refs_with_a_lying_count(place):
    publish_refs(place, count=2**40)


@case()
def refs_of_level_15(place):
    publish_refs(place, level=15)


# Objects of JSON

@case(sound=True)
def escapes_in_messages(place):
    run = place.run(parameters={ESCAPES: ["string", ESCAPES], "m": ["map", {ESCAPES: ["list", [["string", ESCAPES]]]}]},
                    metrics={ESCAPES: ["string", ESCAPES]}, environment={"host": ESCAPES, ESCAPES: ESCAPES}, observedBy=ESCAPES,
                    command={"arguments": [ESCAPES, "\u009b31m"], "directory": ESCAPES.replace("/", "")},
                    code={"dirty": True, "remote": "https://" + ESCAPES, "revision": ESCAPES, "system": "git"})
    place.publish({b"kept.txt": place.file(b"kept, too\n")}, message=ESCAPES + "\n\n" + ESCAPES, runs=[run],
                  author={"email": "\u009b31m", "name": "A\u009b2J"},
                  tracked={"directories": ["", ESCAPES.replace("/", "")], "patterns": [ESCAPES]})
    event = place.event(place.newest_refs, place.newest_refs, verb=ESCAPES, reason=ESCAPES, actor={"email": "\u0085", "name": "\u009b2J"})
    place.flush()
    place.operate(place.newest_refs, event=event)


@case()
def control_characters_in_a_person(place):
    place.publish({b"kept.txt": place.file(b"kept, too\n")}, author={"email": "\x1b[31m", "name": "\n\x07"})


@case()
def commit_of_deep_json(place):
    commit = place.put("commit", b"[" * 100_000)
    place.operate(place.refs({"branches/clean": ("commit", place.clean), "branches/main": ("commit", commit)}))


@case(sound=True)
def times_at_the_end_of_time(place):
    run = place.run(recorded=2**53 - 1, started=2**53 - 1, ended=0)
    place.publish({b"kept.txt": place.file(b"kept, too\n")}, authored=2**53 - 1, committed=2**53 - 1, runs=[run])
    event = place.event(place.newest_refs, place.newest_refs, time=2**53 - 1)
    place.flush()
    place.operate(place.newest_refs, event=event, time=2**53 - 1)


@case()
def times_before_time(place):
    place.publish({b"kept.txt": place.file(b"kept, too\n")}, authored=-(2**53 - 1), committed=-5)


@case()
def runs_of_wrong_numbers(place):
    run = place.run(exitStatus=-(2**53 - 1), signal=0, parameters={"a": ["int", "9" * 2000], "b": ["float", "x"], "c": ["what"]})
    place.publish({b"kept.txt": place.file(b"kept, too\n")}, runs=[run])


@case()
def commit_of_many_parents(place):
    value = place.commit(place.clean_tree, parents=[place.clean.hex()] * 3)
    place.operate(place.refs({"branches/clean": ("commit", place.clean), "branches/main": ("commit", value)}))


@case()
def tracked_paths_outside(place):
    place.publish({b"kept.txt": place.file(b"kept\n")}, tracked={"directories": ["../canary", "/", "a/../.."], "patterns": []})


@case(sound=True, standing=True, patience=6)
def patterns_that_take_for_ever(place):
    patterns = sorted(["*a" * 100 + "b", "**/" * 100 + "x", "[" * 1000, "*?" * 200 + "[", "a" * 100_000, "**/*a" * 50 + "/"])
    names = {b"a" * 100 + b"%03d" % i: place.file(b"x") for i in range(100)}
    rules = b"\n".join(p.encode() for p in patterns)
    for name in names:
        (place.work / os.fsdecode(name)).write_bytes(b"y")
    (place.work / ".mlrepoignore").write_bytes(rules)
    place.publish({b"kept.txt": place.file(b"kept\n"), b".mlrepoignore": place.file(rules)},
                  tracked={"directories": [], "patterns": patterns})


# Files of the working copy

HEADS = {
    "climbing_branch": {"branch": "../../canary", "workingCopy": COPY}, "escapes": {"branch": "\x1b[31mred", "workingCopy": COPY},
    "no_branch_name": {"branch": "", "workingCopy": COPY}, "missing_commit": {"branch": "main", "commit": "07" * 32, "workingCopy": COPY},
    "commit_of_escapes": {"branch": "main", "commit": "\x1b[31m", "workingCopy": COPY}, "copy_of_escapes": {"workingCopy": "\x1b[31m"},
    "climbing_copy": {"workingCopy": "../../../canary/keep"}, "other_types": {"branch": [], "commit": 7, "workingCopy": {}},
}
for _key, _value in HEADS.items():
    def _build(place, value=_value):
        plain(place)
        place.write("HEAD", canonical(value) + b"\n")
    _build.__name__ = "head_" + _key
    case(sound=None, commands=LOCAL)(_build)

RAW = {"nothing": b"", "line_feed": b"\n", "escapes": b"\x1b[31m\n", "not_utf8": b"\xff\xfe\n", "deep": b"[" * 4_000 + b"\n",
       "deep_objects": b'{"a":' * 800 + b"\n", "no_json": b"ref: refs/heads/main\n", "number": b"7\n"}
for _file in ("HEAD", "pending", "tracked", "store", "format"):
    for _key, _value in RAW.items():
        if _file != "HEAD" and _key in ("line_feed", "no_json", "number", "not_utf8"):
            continue

        def _build(place, value=_value, file=_file):
            plain(place)
            place.write(file, value)
        _build.__name__ = f"{_file.lower()}_of_{_key}"
        case(sound=None, commands=LOCAL)(_build)


def special(place, name, kind):
    path = place.work / ".mlrepo" / name
    if path.exists():
        path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    elif kind == "zero":
        path.symlink_to("/dev/zero")
    elif kind == "link":
        path.symlink_to(place.canary / "keep")
    elif kind == "terabyte":
        path.touch()
        os.truncate(path, 2**40)


for _file in ("HEAD", "pending", "tracked", "store", "format", "config", "index", "index-changes", "commits", "cache/state"):
    for _kind in ("pipe", "directory", "zero", "link", "terabyte"):
        if _kind in ("zero", "link") and _file not in ("HEAD", "config", "index", "tracked"):
            continue

        def _build(place, file=_file, kind=_kind):
            plain(place)
            special(place, file, kind)
        _build.__name__ = f"{_file.lower().replace('/', '_').replace('-', '_')}_is_a_{_kind}"
        case(sound=None, commands=LOCAL)(_build)

PENDINGS = {
    "missing_trees": lambda place: {"from": "07" * 32, "to": "06" * 32}, "trees_that_are_commits": lambda place: {
        "from": place.clean.hex(), "to": place.clean.hex()},
    "climbing_branch": lambda place: {"from": place.clean_tree[0].hex(), "to": place.clean_tree[0].hex(), "branch": "../../canary",
                                      "commit": place.clean.hex()},
    "missing_commit": lambda place: {"commit": "07" * 32, "before": "06" * 32, "branch": "x"},
    "other_types": lambda place: {"from": 7, "to": [], "commit": {}}, "empty": lambda place: {},
}
for _key, _value in PENDINGS.items():
    def _build(place, value=_value):
        plain(place)
        place.write("pending", canonical(value(place)) + b"\n")
    _build.__name__ = "pending_" + _key
    case(sound=None, commands=LOCAL)(_build)


@case(sound=None)
def pending_whose_target_is_outside(place):
    """A checkout that was interrupted: one of its sides has a directory where a link to the canary is, the other nothing."""
    os.symlink(place.canary, place.work / "a")
    (place.canary / "evil").write_bytes(b"evil\n")
    tree = place.directory({b"a": evil(place)})
    plain(place)
    place.write("pending", canonical({"from": tree[0].hex(), "to": tree[0].hex()}) + b"\n")


STORES = {
    "nowhere": {"path": "/nowhere/at/all"}, "relative": {"path": "../canary"}, "escapes": {"path": "/\x1b[31mred\x07"},
    "nul": {"path": "/tmp\0/x"}, "long": {"path": "/" + "x" * 10_000}, "device": {"path": "/dev/zero"}, "process": {"path": "/proc/self"},
    "base64": {"path": {"bytes": "***"}}, "bytes": {"path": {"bytes": base64.b64encode(b"/\xff\x1b[31m").decode()}}, "empty": {"path": ""},
    "other_type": {"path": 7},
}
for _key, _value in STORES.items():
    def _build(place, value=_value):
        plain(place)
        place.write("store", canonical(value) + b"\n")
    _build.__name__ = "store_pointer_" + _key
    case(sound=None, commands=LOCAL)(_build)


@case(sound=None)
def store_pointer_to_a_pointer(place):
    """Two working copies that each name the other as their store, without a store."""
    plain(place)
    place.write("store", canonical({"path": os.fspath(place.root / "other/.mlrepo")}) + b"\n")
    (place.root / "other/.mlrepo").mkdir(parents=True)
    (place.root / "other/.mlrepo/store").write_bytes(canonical({"path": os.fspath(place.work / ".mlrepo")}) + b"\n")


@case(sound=None)
def store_pointer_to_the_canary(place):
    """The canary has a `format`, and nothing else that a store has."""
    plain(place)
    (place.canary / "format").write_bytes((place.work / ".mlrepo/format").read_bytes())
    place.write("store", canonical({"path": os.fspath(place.canary)}) + b"\n")


for _key, _value in {"version": {"cutRule": 1, "format": 2**53 - 1, "origin": ORIGIN}, "rule": {"cutRule": 10**9, "format": 1, "origin": ORIGIN},
                     "origin": {"cutRule": 1, "format": 1, "origin": "\x1b[31m"}, "rule_negative": {"cutRule": -1, "format": 1, "origin": ORIGIN},
                     "shared": {"cutRule": 1, "format": 1, "origin": ORIGIN, "shared": 2**53 - 1},
                     "shared_negative": {"cutRule": 1, "format": 1, "origin": ORIGIN, "shared": -1}}.items():
    def _build(place, value=_value):
        plain(place)
        place.write("format", canonical(value) + b"\n")
    _build.__name__ = "format_with_another_" + _key
    case(sound=None, commands=LOCAL)(_build)


@case(sound=None)
def tracked_file_of_paths_outside(place):
    plain(place)
    place.write("tracked", canonical({"added": ["../canary", "/etc"], "directories": ["..", "a/../../canary"], "patterns": ["*"],
                                      "untracked": [".."]}) + b"\n")


@case(sound=None)
def config_of_escapes(place):
    plain(place)
    place.write("config", b"user.name = \x1b[31mred\x07\nuser.email = \x9b\n\x00\xff = \x1b\n[x]\n" + b"= =\n" * 1000)


def state(place, **members):
    content = {"leaf": "07" * 32, "number": 1, "packs": [], "subtrees": ["07" * 32], **members}
    digest = sha256(canonical(content)).hex()
    place.write("cache/state", canonical({"digest": digest, "state": content}))


for _key, _value in {"negative": {"number": -5}, "minus_one": {"number": -1, "subtrees": []}, "huge": {"number": 2**53 - 1},
                     "climbing": {"number": 1, "packs": [["../../canary/keep", 1]]}, "missing_pack": {"packs": [["0" * 64 + "-" + "0" * 16, 1]]},
                     "collected": {"collected": -(2**53 - 1)}, "lowest": {"number": -(2**53 - 1), "subtrees": []}}.items():
    def _build(place, value=_value):
        plain(place)
        state(place, **value)
    _build.__name__ = "remembered_state_" + _key
    case(sound=None, commands=LOCAL)(_build)


@case(sound=None)
def remembered_state_of_this_log_without_packs(place):
    """It agrees with the log in everything but the packs."""
    plain(place)
    leaves = place.leaves
    state(place, number=len(leaves) - 1, leaf=sha256(b"\0" + leaves[-1]).hex(), subtrees=full_subtrees(leaves))


@case(sound=None)
def directories_of_the_store_that_are_links(place):
    """`tmp`, `cache` and `log/lists` lead to the canary."""
    plain(place)
    for name in ("tmp", "cache", "log/lists"):
        os.rmdir(place.work / ".mlrepo" / name)
        os.symlink(place.canary, place.work / ".mlrepo" / name)


@case(sound=None)
def worktrees_of_escapes(place):
    plain(place)
    os.makedirs(place.work / ".mlrepo/cache/worktrees", exist_ok=True)
    for name in (COPY, "07" * 16, "\x1b[31m"):
        place.write("cache/worktrees/" + name, canonical({"path": "/tmp/\x1b[31mred"}) + b"\n")


def write(name, folder, standing=False):
    """Writes a case; gives its place."""
    place = Place(folder, standing)
    CASES[name].build(place)
    return place


if __name__ == "__main__":
    if len(sys.argv) == 1:
        print("\n".join(CASES))
    elif len(sys.argv) in (3, 4) and sys.argv[1] in CASES and not os.path.exists(sys.argv[2]):
        write(sys.argv[1], sys.argv[2], standing=len(sys.argv) == 4)
    else:
        sys.exit(__doc__.strip())
