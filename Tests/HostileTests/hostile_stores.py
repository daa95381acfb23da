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
from tensor_writer import BitWriter, cast, encode_cast, encode_symbols, encode_tensor, write_model  # noqa: E402
from tiny_writer import (KINDS, ORIGIN, TinyStore, build_pack, build_tree, canonical, full_subtrees, make_id, merkle_hash,  # noqa: E402
                         patch_command, patch_stream, sha256, varint)

COPY = "5a" * 16
ESCAPES = "\x1b]0;title\x07\x1b[31mred\x1b[2J\r\x08\x7f\u009b31m"
CASES = {}
LOCAL = ("fsck", "status", "log", "stats", "checkout")


class Case:
    def __init__(self, build, sound, path, patience, standing, commands, cat):
        self.build, self.sound, self.path = build, sound, path
        self.patience, self.standing, self.commands, self.cat = patience, standing, commands, cat


def case(sound=False, path="kept.txt", patience=20, standing=False, commands=None, cat=None):
    """Registers a case.

    path: what `cat` and `blame` are asked for. patience: seconds that a command may take. commands: not all of them, where the
    case is about files of the working copy. standing: the case is run a second time with a working copy that stands on the
    hostile version. cat: the exit status that `cat` has to have.
    """
    def register(build):
        CASES[build.__name__] = Case(build, sound, path, patience, standing, commands, cat)
        return build
    return register


class Place(TinyStore):
    """A folder with a working copy, and a canary beside it."""

    features = ()  # what every entry demands from now on

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

    def operate(self, refs, **members):
        super().operate(refs, **{"features": list(self.features), **members})

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
        return {"event": event, "features": list(self.features), "number": len(self.leaves), "refs": self.newest_refs, "time": 1,
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

    A base is (kind, id); of codecs 5 and 6 there is a list.
    """
    return own_pack(place, [(codec, stored, raw_length, objects, base)])


def own_pack(place, frames):
    """A pack of such frames."""
    out, rows, lists, heads, entries = [], [], {(): 0}, [], []
    offset = 0
    for number, (codec, stored, raw_length, objects, base) in enumerate(frames):
        bases = tuple(base) if isinstance(base, list) else (base,) if base else ()
        table = varint(len(bases)) if codec in (5, 6) else b""
        table += b"".join(bytes([kind]) + identifier for kind, identifier in bases)
        table += varint(len(objects)) + b"".join(bytes([kind]) + varint(length) for kind, _, length in objects)
        head = struct.pack("<4sBBHIIII", b"MLF1", codec, 2, 0, len(table), len(stored), raw_length, zlib.crc32(stored))
        out.append(head + struct.pack("<I", zlib.crc32(head + table)) + table + stored)
        if bases not in lists:
            lists[bases] = len(rows) + 1
            rows += bases
        heads.append(struct.pack("<QIBBH", offset, lists[bases], codec, 2, max(len(bases) - 1, 0)))
        offset += len(out[-1])
        place_in_frame = 0
        for kind, identifier, length in objects:
            entries.append(identifier + bytes([kind]) + b"\0\0\0" + struct.pack("<III", number, place_in_frame, length & 0xFFFFFFFF))
            place_in_frame = (place_in_frame + length) % 2**32
    index = b"".join(heads + [identifier + bytes([kind]) + b"\0\0\0" for kind, identifier in rows] + sorted(entries))
    raw_sum = sum(raw_length for _, _, raw_length, _, _ in frames)
    trailer = struct.pack("<QIIQQ16xII", offset, len(frames), len(rows), len(entries), raw_sum, 1, zlib.crc32(index))
    return place.add_pack(b"".join(out) + index + trailer + struct.pack("<I", zlib.crc32(trailer)) + b"MLP1")


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
    place.features = features
    place.publish_blob_in(content, write_pack)


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
    with_frame(place, 5, stream, bases, content, features, raw_length, there)


def with_frame(place, codec, stream, bases, content, features, raw_length, there):
    length = len(content) if raw_length is None else raw_length

    def write_packs():
        for base in set(bases) if there else ():
            place.file(base)
        own_frame(place, codec, stream, length, [(1, sha256(content), length)], [(1, sha256(base)) for base in bases])
    place.features = features
    place.publish_blob_in(content, write_packs)


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
    place.features = ("patches",)
    place.publish_blob_in(texts[0], write_packs)


# Casts


BFLOAT16, FLOAT16, FLOAT32, FLOAT64 = 1, 2, 3, 4
WIDE = struct.pack("<1000f", *((number * 7919 % 1999 - 999) / 512 for number in range(1000)))
NARROW = cast(WIDE, FLOAT32, BFLOAT16)
# Elements that are rounded in a way of their own: signs, infinity, NaN quiet and not, ties, too large, subnormal.
SPECIAL = {
    FLOAT32: struct.pack("<24I", 0, 1 << 31, 0x7F800000, 0xFF800000, 0x7FC00000, 0x7F800001, 0xFF800001, 0x7FFFFFFF, 0xFFFFFFFF,
                         0x7FBFFFFF, 0x7F80FFFF, 0x7F810000, 0x7F7FFFFF, 0xFF7FFFFF, 0x3F808000, 0x3F818000, 0x477FEFFF, 0x477FF000,
                         1, 0x80008000, 0x7FFFFF, 0x33000000, 0x33000001, 0x387FE000),
    FLOAT64: struct.pack("<16Q", 0, 1 << 63, 0x7FF << 52, 0xFFF << 52, 0x7FF8 << 48, 0x7FF0000000000001, 0xFFF0000000000001,
                         2**63 - 1, 2**64 - 1, 0x7FF0000020000000, 0x47EFFFFFEFFFFFFF, 0x47EFFFFFF0000000, 1, 0x3690000000000000,
                         0x3690000000000001, 0x3FF0000010000000),
}


def with_cast(place, stream, bases=(WIDE,), content=NARROW, features=("casts",), raw_length=None, there=True):
    """A version whose file `kept.txt` is a cast upon bases that lie whole, if they are `there`."""
    with_frame(place, 6, stream, bases, content, features, raw_length, there)


def even(first=b"\0", source=FLOAT32, target=BFLOAT16, frequencies=(4096,), elements=1000, states=None):
    """The stream of a cast that is its base, rounded, in every element."""
    model = BitWriter()
    model_of = [*frequencies] + [0] * (256 - len(frequencies))
    write_model(model, model_of)
    states, words = (states, b"") if states else encode_symbols([[(0, 0)] * elements], [model_of], 32)
    return bytes([source]) + first + bytes([target, 0, 1, 0, 0, 0]) + varint(len(words) // 2) + model.bytes() + states + words


@case(sound=True, cat=0)
def cast_to_bfloat16(place):
    with_cast(place, even())


@case(sound=True, cat=0)
def cast_with_exceptions(place):
    content = bytes(256) + NARROW[256:-9] + b"\xff" * 10
    with_cast(place, encode_cast(content, BFLOAT16, WIDE, FLOAT32, row_length=50, columns=True, zero_rows=True, many_states=True),
              content=content)


for _source, _target in ((FLOAT32, BFLOAT16), (FLOAT32, FLOAT16), (FLOAT64, FLOAT32)):
    def _build(place, source=_source, target=_target):
        """The scales make the exponents of what was rounded count."""
        base = SPECIAL[source] * 20 + SPECIAL[source][:3]
        content = cast(base, source, target) + b"z"
        # what is no cast of it: NaN with other mantissas
        content = content[:100] + b"\x7f\xff\xa1\xff\xff\x7f\x01\xff" + content[108:]
        with_cast(place, encode_cast(content, target, base, source, row_length=16, columns=True), [base], content)
    _build.__name__ = f"cast_of_what_is_no_number_{_source}_to_{_target}"
    case(sound=True, cat=0)(_build)


@case(sound=True, cat=0)
def cast_that_begins_at_the_last_element(place):
    content = NARROW[-2:] + bytes(998)
    with_cast(place, even(varint(999), elements=500), content=content)


@case(sound=True, cat=0)
def cast_upon_64_bases(place):
    """Elements lie across them."""
    with_cast(place, even(), [WIDE[number * 61:number * 61 + 61] for number in range(63)] + [WIDE[63 * 61:]])


@case(cat=65)
def cast_upon_65_bases(place):
    with_cast(place, even(), [WIDE[number * 61:number * 61 + 61] for number in range(64)] + [WIDE[64 * 61:]])


@case(cat=65)
def cast_upon_bases_in_another_order(place):
    with_cast(place, even(), [WIDE[2000:], WIDE[:2000]])


FOUR_MIB = [WIDE + bytes([number]) * (2**22 - len(WIDE)) for number in range(4)]


def large_bases(place):
    place.pack(*((1, [("blob", base)], None) for base in FOUR_MIB))


@case(sound=True, cat=0)
def cast_upon_16_mib(place):
    large_bases(place)
    with_cast(place, even(varint(3 << 20)), FOUR_MIB, there=False)


@case(cat=65)
def cast_upon_a_byte_more_than_16_mib(place):
    large_bases(place)
    place.file(b"x")
    with_cast(place, even(varint(3 << 20)), [*FOUR_MIB, b"x"], there=False)


@case(cat=65)
def cast_upon_16_mib_and_one_of_them_again(place):
    large_bases(place)
    with_cast(place, even(varint(3 << 20)), [*FOUR_MIB, FOUR_MIB[0]], there=False)


@case(cat=65)
def cast_upon_4_mib_64_times(place):
    large_bases(place)
    with_cast(place, even(), FOUR_MIB[:1] * 64, there=False)


@case()
def cast_that_the_log_does_not_demand(place):
    with_cast(place, even(), features=())


@case()
def cast_where_the_log_demands_tensors_and_patches(place):
    with_cast(place, even(), features=("patches", "tensors"))


@case()
def cast_that_the_log_demands_too_late(place):
    with_cast(place, even(), features=())
    place.append_raw(place.next_entry(features=["casts"]))


@case()
def cast_that_the_log_demands_no_more(place):
    with_cast(place, even())
    place.append_raw(place.next_entry(features=[]))


@case(cat=65)
def cast_upon_what_is_missing(place):
    with_cast(place, even(), there=False)


@case(cat=65)
def cast_of_which_one_base_of_two_is_missing(place):
    place.file(WIDE[:2000])
    with_cast(place, even(), [WIDE[:2000], WIDE[2000:]], there=False)


@case(cat=65)
def cast_upon_itself(place):
    with_cast(place, even(), [NARROW], there=False)


@case(cat=65)
def cast_upon_no_base(place):
    with_cast(place, even(), [])


@case(cat=65)
def cast_upon_nothing(place):
    with_cast(place, even(), [b""])


@case(cat=65)
def cast_upon_nothing_and_something(place):
    with_cast(place, even(), [WIDE, b""])


@case(cat=65)
def cast_upon_less_than_an_element(place):
    with_cast(place, even(), [WIDE[:3]], NARROW[:2] + bytes(1998))


@case(cat=65)
def cast_upon_a_directory(place):
    """A base of metadata, whose bytes would do."""
    place.features = ("casts",)
    identifier, _, _ = place.clean_tree
    place.publish_blob_in(NARROW, lambda: own_frame(
        place, 6, even(), len(NARROW), [(1, sha256(NARROW), len(NARROW))], [(3, identifier)]))


@case(cat=65)
def cast_upon_a_recipe(place):
    """Its base lies in chunks, and nowhere whole."""
    entry, recipe = place.recipe(WIDE, [WIDE[:2000], WIDE[2000:]], 0)
    place.features = ("casts",)
    own_frame(place, 6, even(), len(NARROW), [(1, sha256(NARROW), len(NARROW))], [(1, sha256(WIDE))])
    place.publish({b"kept.txt": (1, sha256(NARROW), len(NARROW)), b"wide": entry}, recipes=place.recipes([recipe]))


@case(cat=65)
def cast_in_a_frame_of_metadata(place):
    place.file(WIDE)
    place.features = ("casts",)
    place.publish_blob_in(NARROW, lambda: place.repack(
        [(6, [("blob", NARROW)], [("blob", WIDE)])], frame_edit(5, "<B", 1), lambda index: index[:13] + b"\1" + index[14:]))


@case(cat=65)
def two_casts_in_a_frame(place):
    half = NARROW[:1000]
    place.file(WIDE)
    place.features = ("casts",)
    place.publish_blob_in(half, lambda: own_frame(
        place, 6, even(), len(NARROW), [(1, sha256(half), 1000), (1, sha256(NARROW[1000:]), 1000)], [(1, sha256(WIDE))]))


# Depth of casts

DOUBLED = struct.pack("<1000d", *struct.unpack("<1000f", WIDE))
OLDER, OLDEST = WIDE[:-5] + b"older", WIDE[:-6] + b"oldest"
EVERY = ("casts", "patches", "tensors")


def cast_frame(content, base, stream=None):
    return 6, even() if stream is None else stream, len(content), [(1, sha256(content), len(content))], [(1, sha256(base))]


def difference(codec, content, base):
    """A frame of codec 4, 5 or 7."""
    if codec == 4:
        stream = encode_tensor(content, FLOAT32, base)
    elif codec == 5:
        stream = patch_stream(patch_command(0, len(content) - 6, 0), content[-6:])
    else:
        deflate = zlib.compressobj(zdict=base)
        stream = deflate.compress(content) + deflate.flush()
    only = 1, sha256(base)
    return codec, stream, len(content), [(1, sha256(content), len(content))], [only] if codec == 5 else only


def whole(content):
    return 1, zlib.compress(content), len(content), [(1, sha256(content), len(content))], None


def with_depths(place, *packs):
    """A version whose file `kept.txt` is the cast NARROW, and packs of frames beside it."""
    place.features = EVERY

    def write_packs():
        for frames in packs:
            own_pack(place, frames)
    place.publish_blob_in(NARROW, write_packs)


for _codec in (4, 5):
    def _build(place, codec=_codec):
        with_depths(place, [cast_frame(NARROW, WIDE)], [difference(codec, WIDE, OLDER)], [whole(OLDER)])
    _build.__name__ = f"cast_upon_a_difference_{_codec}"
    case(sound=True, cat=0)(_build)

    def _build(place, codec=_codec):
        with_depths(place, [cast_frame(NARROW, WIDE), difference(codec, WIDE, OLDER)])
    _build.__name__ = f"cast_upon_a_difference_{_codec}_whose_base_is_missing"
    case(cat=65)(_build)

    def _build(place, codec=_codec):
        """What lies whole beside it is read; the difference is damage all the same."""
        with_depths(place, [cast_frame(NARROW, WIDE), difference(codec, WIDE, OLDER)], [whole(WIDE)])
    _build.__name__ = f"cast_upon_a_difference_{_codec}_whose_base_is_missing_and_a_whole_copy"
    case(cat=0)(_build)

    def _build(place, codec=_codec):
        with_depths(place, [cast_frame(NARROW, WIDE)], [difference(codec, WIDE, OLDER)], [difference(codec, OLDER, OLDEST)],
                    [whole(OLDEST)])
    _build.__name__ = f"cast_upon_a_difference_{_codec}_upon_a_difference"
    case(cat=65)(_build)

    def _build(place, codec=_codec):
        """A cast and a difference upon each other."""
        second = difference(codec, WIDE, WIDE)
        named = (1, sha256(NARROW))
        with_depths(place, [cast_frame(NARROW, WIDE)], [(*second[:4], [named] if codec == 5 else named)])
    _build.__name__ = f"cast_upon_a_difference_{_codec}_upon_a_cast"
    case(cat=65)(_build)

    def _build(place, codec=_codec):
        """The difference is what is read; its base is a cast."""
        content = NARROW[:-6] + b"edited"
        place.file(WIDE)
        place.features = EVERY
        frame = difference(codec, content, NARROW) if codec == 5 else (
            4, encode_tensor(content, BFLOAT16, NARROW), len(content), [(1, sha256(content), len(content))], (1, sha256(NARROW)))
        place.publish_blob_in(content, lambda: own_pack(place, [cast_frame(NARROW, WIDE), frame]))
    _build.__name__ = f"difference_{_codec}_upon_a_cast"
    case(cat=65)(_build)


@case(cat=65)
def cast_upon_a_cast(place):
    with_depths(place, [cast_frame(NARROW, WIDE)], [cast_frame(WIDE, DOUBLED, even(source=FLOAT64, target=FLOAT32))], [whole(DOUBLED)])


@case(cat=65)
def casts_upon_each_other(place):
    with_depths(place, [cast_frame(NARROW, WIDE)], [cast_frame(WIDE, NARROW, encode_cast(WIDE, FLOAT32, NARROW, FLOAT64))])


@case(cat=65)
def casts_upon_each_other_in_a_pack(place):
    with_depths(place, [cast_frame(NARROW, WIDE), cast_frame(WIDE, NARROW, encode_cast(WIDE, FLOAT32, NARROW, FLOAT64))])


@case(cat=65)
def a_thousand_casts_upon_each_other(place):
    row = [NARROW] + [NARROW[2 * number:] + NARROW[:2 * number] for number in range(1, 1000)]
    with_depths(place, [cast_frame(content, base) for content, base in zip(row, row[1:])])


@case(cat=65)
def cast_upon_what_has_a_base_of_its_pack(place):
    """A base in a frame of codec 7."""
    with_depths(place, [cast_frame(NARROW, WIDE)], [whole(OLDER), difference(7, WIDE, OLDER)])


@case(cat=65)
def cast_upon_what_has_a_base_of_the_same_pack(place):
    with_depths(place, [whole(OLDER), difference(7, WIDE, OLDER), cast_frame(NARROW, WIDE)])


@case(cat=65)
def cast_upon_a_difference_whose_base_has_a_base_of_its_pack(place):
    with_depths(place, [cast_frame(NARROW, WIDE)], [difference(5, WIDE, OLDER)], [whole(OLDEST), difference(7, OLDER, OLDEST)])


# Streams of casts


LONG = encode_cast(NARROW[:-9] + b"\xff" * 9, BFLOAT16, WIDE, FLOAT32, row_length=50, columns=True, alphabet=True)
STATES = struct.pack("<32I", *[2**15] * 32)
HEAD = bytes([FLOAT32, 0, BFLOAT16])
CAST_STREAMS = {
    "of_other_bytes": LONG,
    "without_a_stream": b"", "cut_behind_the_type": HEAD[:1], "cut_in_the_number": HEAD[:1] + b"\x80", "cut_behind_the_number": HEAD[:2],
    "cut_behind_the_other_type": HEAD, "cut_in_the_middle": even()[:len(even()) // 2], "cut_by_a_byte": even()[:-1],
    "with_a_byte_more": even() + b"\0",
    "first_behind_the_base": even(varint(1000)), "first_far_behind_the_base": even(varint(2**30)),
    "first_of_32_bits": even(varint(2**32 - 1)), "first_of_33_bits": even(varint(2**32)), "first_of_63_bits": even(varint(2**63 - 1)),
    "first_that_wraps_as_bytes": even(varint(2**30 * 4)), "first_that_is_negative": even(b"\xff" * 9 + b"\1"),
    "first_not_short": even(b"\x80\0"), "first_of_many_zeros": even(b"\x80" * 8 + b"\0"), "first_without_end": HEAD[:1] + b"\xff" * 300,
    "of_groups_without_end": HEAD + b"\0\xff" + even()[4:], "of_no_groups": HEAD + b"\0\0" + even()[5:],
    "of_exabytes_of_low_bits": HEAD + b"\0\1\0" + varint(2**62) + b"\0\0" + STATES,
    "of_exabytes_of_escapes": HEAD + b"\0\1\0\0" + varint(2**62) + b"\0" + STATES,
    "of_exabytes_of_words": HEAD + b"\0\1\0\0\0" + varint(2**62) + STATES,
    "of_rows_of_exabytes": HEAD + b"\1\1\0" + varint(2**62) + b"\0" * 8 + STATES,
    "of_unknown_flags": HEAD + b"\x40" + even()[4:], "without_signs": HEAD + b"\x20" + even()[4:],
    "frequencies_too_few": even(frequencies=(4095,)), "frequencies_too_many": even(frequencies=(4096, 4096)),
    "frequencies_one_too_many": even(frequencies=(4096,) + (0,) * 254 + (1,)), "frequency_too_large": even(frequencies=(4097,), states=STATES),
    "frequency_of_8_thousand": even(frequencies=(8191,), states=STATES),
    "frequency_below_nothing": even(frequencies=(-1, 4096, 1), states=STATES), "frequencies_of_nothing": even(frequencies=(), states=STATES),
    "states_too_small": even(states=bytes(128)), "states_too_large": even(states=b"\xff" * 128),
    "states_that_do_not_end": even(states=struct.pack("<32I", *[2**15 + 1] * 32)),
}
for _source, _target in ((0, 1), (1, 1), (1, 2), (1, 3), (2, 1), (3, 0), (3, 3), (3, 4), (3, 5), (3, 6), (3, 16), (3, 17), (3, 255), (4, 1),
                         (4, 2), (4, 4), (16, 1), (18, 1), (18, 17), (255, 1), (255, 255)):
    CAST_STREAMS[f"of_type_{_source}_to_{_target}"] = even(source=_source, target=_target)
for _source, _target in ((FLOAT32, FLOAT16), (FLOAT64, FLOAT32)):
    CAST_STREAMS[f"of_another_type_{_source}_to_{_target}"] = even(
        source=_source, target=_target, elements=len(NARROW) // {FLOAT16: 2, FLOAT32: 4}[_target])
for _key, _stream in CAST_STREAMS.items():
    def _build(place, stream=_stream):
        with_cast(place, stream)
    _build.__name__ = "cast_" + _key
    case(cat=65)(_build)

LENGTHS = {"4_mib": 2**22, "an_element_more": 2002, "a_byte_more": 2001, "half": 1000, "4_gib": 2**32 - 1,
           "more_than_a_frame_has": 2**22 + 2}
for _key, _length in LENGTHS.items():
    def _build(place, length=_length):
        with_cast(place, even(), raw_length=length)
    _build.__name__ = "cast_that_says_it_is_" + _key
    case(cat=65)(_build)


@case(cat=65)
def cast_of_less_than_an_element(place):
    with_cast(place, bytes([FLOAT64, 0, FLOAT32]), content=b"abc")


@case(cat=65)
def cast_whose_stream_is_longer_than_it(place):
    content = NARROW[:20]
    with_cast(place, even(elements=10), content=content)


# Many casts


def small_casts(base, count, first=0):
    """Of an element each, and 99 that are behind it in the base: (content, stream)."""
    rounded, stream = cast(base[:4 * count + 396], FLOAT32, BFLOAT16), even(b"", elements=100)
    return [(rounded[2 * number:2 * number + 200], stream[:1] + varint(first + number) + stream[1:]) for number in range(count)]


def publish_casts(place, casts, bases, *packs):
    """A version with a file for each of the first thousand casts, which all have these bases, and `kept.txt` beside them."""
    place.features = EVERY
    for frames in packs:
        own_pack(place, frames)
    named = [(1, sha256(base)) for base in bases]
    own_pack(place, [(6, stream, len(content), [(1, sha256(content), len(content))], named) for content, stream in casts])
    files = {b"%05d" % number: (1, sha256(content), len(content)) for number, (content, _) in enumerate(casts[:1000])}
    place.publish({b"kept.txt": (1, sha256(casts[0][0]), len(casts[0][0])), **files})


RISING = [struct.pack("<16384I", *range(part << 28, (part + 1) << 28, 1 << 14)) * 64 for part in range(4)]


@case(sound=True, cat=0)
def ten_thousand_casts_upon_4_mib(place):
    publish_casts(place, small_casts(RISING[0], 10_000), RISING[:1], [whole(RISING[0])])


@case(sound=True, cat=0)
def ten_thousand_casts_upon_16_mib(place):
    publish_casts(place, small_casts(RISING[3], 10_000, 3 << 20), RISING, [whole(base) for base in RISING])


@case(sound=True, cat=0)
def a_thousand_casts_upon_a_large_patch(place):
    """Each is decoded from three frames, of 4 MiB each."""
    old = RISING[0][:-6] + b"before"
    publish_casts(place, small_casts(RISING[0], 1_000), RISING[:1], [difference(5, RISING[0], old), whole(old)])


def in_large_frames(parts):
    """Each blob in a frame of 4 MiB of its own, behind zeros."""
    frames = []
    for number, part in enumerate(parts):
        rest = struct.pack("<I", number) + bytes(2**22 - len(part) - 4)
        frames.append((1, zlib.compress(rest + part), 2**22, [(1, sha256(rest), len(rest)), (1, sha256(part), len(part))], None))
    return frames


@case(sound=True, cat=0)
def cast_upon_64_bases_in_large_frames(place):
    parts = [WIDE[number * 61:number * 61 + 61] for number in range(63)] + [WIDE[63 * 61:]]
    publish_casts(place, [(NARROW, even())], parts, in_large_frames(parts))


@case(sound=True, cat=0)
def casts_upon_64_bases_in_large_frames(place):
    parts = [WIDE[number * 61:number * 61 + 61] for number in range(63)] + [WIDE[63 * 61:]]
    publish_casts(place, small_casts(WIDE, 100), parts, in_large_frames(parts))


@case(sound=True, cat=0)
def cast_upon_64_patches_upon_64_bases_in_large_frames(place):
    """A cast that is decoded from 4,161 frames, of which 64 have 4 MiB."""
    pieces = [WIDE[4 * number:4 * number + 2000] for number in range(64)]
    named = [(1, sha256(piece)) for piece in pieces]
    parts = [piece[4:] + piece[:4] for piece in pieces]
    patches = [(5, patch_stream(patch_command(0, 1996, 2000 * number + 4) + patch_command(0, 4, -2000), b""), 2000,
                [(1, sha256(part), 2000)], named) for number, part in enumerate(parts)]
    publish_casts(place, [(cast(b"".join(parts[:2]), FLOAT32, BFLOAT16), even())], parts, in_large_frames(pieces), patches)


# Recipes of casts


def publish_chunks(place, chunks, written, there=True):
    """A file `kept.txt` of chunks, with frames that have those chunks."""
    place.features = EVERY
    content = b"".join(chunks)
    elements = [sha256(chunk) + varint(len(chunk)) for chunk in chunks]
    recipe = place.put("chunks", recipe_payload(sha256(content), len(content), elements))
    if there:
        place.file(WIDE)
    own_pack(place, written)
    place.publish({b"kept.txt": (1, sha256(content), len(content))}, recipes=place.recipes([(sha256(content), recipe)]))


BACK = cast(WIDE[4:], FLOAT32, BFLOAT16) + bytes(2)


@case(sound=True, cat=0)
def recipe_of_casts(place):
    publish_chunks(place, [NARROW, BACK], [cast_frame(NARROW, WIDE), cast_frame(BACK, WIDE, even(b"\1"))])


@case(sound=True, cat=0)
def recipe_of_a_cast_and_its_base(place):
    publish_chunks(place, [WIDE, NARROW] * 50, [cast_frame(NARROW, WIDE)])


@case(cat=65)
def recipe_of_casts_upon_what_is_missing(place):
    publish_chunks(place, [NARROW, BACK], [cast_frame(NARROW, WIDE), cast_frame(BACK, WIDE, even(b"\1"))], there=False)


@case(cat=65)
def recipe_of_which_one_cast_is_wrong(place):
    publish_chunks(place, [NARROW, BACK], [cast_frame(NARROW, WIDE), cast_frame(BACK, WIDE, even())])


@case(cat=65)
def recipe_of_casts_of_its_own_file(place):
    """The base of a chunk is the file that the chunk is part of."""
    file = NARROW + BACK
    publish_chunks(place, [NARROW, BACK], [cast_frame(NARROW, file), whole(BACK)])


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
