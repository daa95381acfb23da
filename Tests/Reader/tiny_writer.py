#!/usr/bin/env python3
"""A tiny writer of stores for the tests, from Documentation/Formats alone. It shares no code with the reader.

usage: tiny_writer.py FOLDER     writes the store of Tests/Vectors/store-1 into a folder that does not exist yet
"""

import base64
import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib

from tensor_writer import encode_cast, encode_tensor

KINDS = ["", "blob", "chunks", "tree", "refs", "recipes", "commit", "run", "event", "statement"]
ORIGIN = "000102030405060708090a0b0c0d0e0f"
PERSON = {"email": "ada@example.com", "name": "Ada"}


def sha256(data):
    return hashlib.sha256(data).digest()


def canonical(value):
    """Canonical JSON; enough where the names of members are ASCII."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def make_id(kind, payload):
    return sha256(payload) if kind == "blob" else sha256(f"{kind} {len(payload)}\0".encode() + payload)


# Merkle trees

def cut_level(hashes, zeros):
    """Rules 1 and 2: the half-open ranges of a level's nodes."""
    ranges, start = [], 0
    for i, digest in enumerate(hashes):
        bits = bin(int.from_bytes(digest, "big"))[2:].zfill(256)
        if len(bits) - len(bits.rstrip("0")) >= zeros or i + 1 == len(hashes):
            ranges.append((start, i + 1))
            start = i + 1
    while any(b - a > 128 for a, b in ranges):
        split = []
        for a, b in ranges:
            if b - a > 128:
                q = (b - a) // 4
                greatest = max(hashes[a + q:b - q])
                cut = hashes.index(greatest, a + q) + 1
                split += [(a, cut), (cut, b)]
            else:
                split.append((a, b))
        ranges = split
    return ranges


def build_tree(put, kind, leaves, cut=cut_level):
    """The payload of the root node. A leaf is (key, encoding, entries, files, bytes); for chunks, key is the id."""
    elements, level = leaves, 0
    while True:
        hashes = [key if kind == "chunks" else sha256(key) for key, *_ in elements]
        ranges = cut(hashes, 5 if kind == "chunks" else 5 * (level + 1)) or [(0, 0)]
        nodes = [elements[a:b] for a, b in ranges]
        payloads = [bytes([level]) + varint(len(node)) + b"".join(e[1] for e in node) for node in nodes]
        if len(nodes) == 1:
            return payloads[0]
        elements, level = [], level + 1
        for node, payload in zip(nodes, payloads):
            identifier = put(kind, b"\0" + payload if kind == "chunks" else payload)
            key = node[-1][0]
            entries, files, size = (sum(e[i] for e in node) for i in (2, 3, 4))
            if kind == "chunks":
                elements.append((identifier, identifier + varint(entries) + varint(size), entries, files, size))
                continue
            head = (key if kind == "recipes" else varint(len(key)) + key) + identifier + varint(entries)
            tail = varint(files) + varint(size) if kind == "tree" else b""
            elements.append((key, head + tail, entries, files, size))


# Cut rule 1

def cut_file(data):
    """The chunks of a file above 262,144 bytes."""
    gear = [struct.unpack(">Q", sha256(b"mlrepo-1:" + bytes([i]))[:8])[0] for i in range(256)]
    chunks, rest = [], memoryview(data)
    while rest:
        size = min(len(rest), 1_048_576)
        if len(rest) > 65_536:
            f = 0
            for p in range(65_536, size):
                f = (2 * f + gear[rest[p]]) % 2**64
                if f >> (44 if p < 262_144 else 48) == 0:
                    size = p + 1
                    break
        chunks.append(bytes(rest[:size]))
        rest = rest[size:]
    return chunks


# Packs

def zstd_by_hand(raw):
    """A zstd frame of raw blocks, or of one repeated byte each: for machines without the command."""
    out = bytes.fromhex("28b52ffd a0") + struct.pack("<I", len(raw))
    blocks = [raw[i:i + 131_072] for i in range(0, len(raw), 131_072)] or [b""]
    for i, block in enumerate(blocks):
        repeats = block == block[:1] * len(block) != b""
        out += struct.pack("<I", len(block) << 3 | repeats << 1 | (i + 1 == len(blocks)))[:3]
        out += block[:1] if repeats else block
    return out


def tensor_stream(raw, base):
    """A stream of bfloat16 in rows of 64; a base is cut off, or has zero bytes behind it."""
    return encode_tensor(raw, 1, base and base[1][:len(raw)].ljust(len(raw), b"\0"), row_length=64)


def patch_commands(raw, base):
    """(commands, literals) of a patch, with the copies of 8 bytes and more that a walk through the raw bytes finds."""
    places = {base[i:i + 8]: i for i in range(len(base) - 7)}
    commands, literals, start, end, i = b"", b"", 0, 0, 0
    while i < len(raw):
        place = places.get(raw[i:i + 8])
        if place is None:
            i += 1
            continue
        count = len(os.path.commonprefix([raw[i:], base[place:]]))
        commands += patch_command(i - start, count, place - end)
        literals += raw[start:i]
        start = i = i + count
        end = place + count
    return commands, literals + raw[start:]


def patch_command(literals, copied, distance):
    """A command; the distance is that from the end of what was copied before."""
    return varint(literals) + varint(copied) + varint(2 * distance if distance >= 0 else -2 * distance - 1)


def patch_stream(commands, literals, base=b"", prefix=(0, 0)):
    """A stream of codec 5. The prefix is (place, length) in the base; without one, zstd is done by hand."""
    place, length = prefix
    frame = zstd_upon(commands + literals, base[place:place + length])
    return b"".join(map(varint, (*prefix, len(commands), len(literals)))) + frame


def zstd_upon(raw, prefix):
    """A zstd frame with a raw-content prefix, which must not begin like a dictionary."""
    if not prefix or not shutil.which("zstd"):
        return zstd_by_hand(raw)
    with tempfile.NamedTemporaryFile() as file:
        file.write(prefix)
        file.flush()
        return subprocess.run(["zstd", "-q", "-c", "-D", file.name, f"--stream-size={len(raw)}"], input=raw,
                              capture_output=True, check=True).stdout


def compress(codec, raw, base):
    if codec == 5:
        joined = b"".join(payload for _, payload in base)
        return patch_stream(*patch_commands(raw, joined), joined, (0, len(joined)))
    if codec == 6:
        return encode_cast(raw, 1, b"".join(payload for _, payload in base), 3)
    if codec in (3, 4):
        return tensor_stream(raw, base)
    if codec == 0:
        return raw
    if codec == 1:
        return zlib.compress(raw)
    if codec == 7:
        stream = zlib.compressobj(zdict=base[1][-32_768:])
        return stream.compress(raw) + stream.flush()
    if shutil.which("zstd"):
        return subprocess.run(["zstd", "-q", "-c", f"--stream-size={len(raw)}"], input=raw, capture_output=True,
                              check=True).stdout
    return zstd_by_hand(raw)


def arrange_bases(lists):
    """The table of bases, each list of them once, and (base, more) of each frame in the index."""
    table, places = [], {(): 0}
    for bases in lists:
        if bases not in places:
            places[bases] = len(table) + 1
            table += bases
    return table, [(places[bases], max(len(bases) - 1, 0)) for bases in lists]


def build_pack(frames, compress=compress, always=False, arrange=arrange_bases):
    """The bytes of a pack. A frame is (codec, [(kind, payload)…], base), a base (kind, payload), of codecs 5 and 6 a list, or None.

    A frame in which compression gains nothing gets codec 0, unless `always`.
    """
    out, heads, lists, recipes, raw_sum = b"", [], [], {}, 0
    of_depths = {}, {}, {}
    for number, (codec, objects, base) in enumerate(frames):
        raw = b"".join(payload for _, payload in objects)
        stored = compress(codec, raw, base)
        if len(stored) >= len(raw) and not always:
            codec, stored, base = 0, raw, None
        bases = tuple(bytes([KINDS.index(kind)]) + make_id(kind, payload)
                      for kind, payload in (base if codec in (5, 6) else [base] if base else []))
        table = (varint(len(bases)) if codec in (5, 6) else b"") + b"".join(bases)
        table += varint(len(objects))
        place = 0
        for kind, payload in objects:
            table += bytes([KINDS.index(kind)]) + varint(len(payload))
            where = struct.pack("<III", number, place, len(payload))
            depth = {4: 1, 5: 1, 6: 2, 7: 1}.get(codec, 0) if kind == "blob" else 0
            of_depths[depth].setdefault(make_id(kind, payload) + bytes([KINDS.index(kind)]), b"\0\0\0" + where)
            if kind == "chunks" and payload[0] == 1:
                recipes.setdefault(payload[1:33] + b"\1", b"\1\0\0" + where)
            place += len(payload)
        padding = -(len(out) + 28 + len(table)) % 4_096 if codec == 0 and len(raw) >= 2**20 else 0
        frame_class = 2 if objects[0][0] == "blob" else 1
        head = struct.pack("<4sBBHIIII", b"MLF1", codec, frame_class, padding, len(table), len(stored), len(raw),
                           zlib.crc32(stored))
        lists.append(bases)
        heads.append((len(out), codec, frame_class))
        out += head + struct.pack("<I", zlib.crc32(head + table)) + table + bytes(padding) + stored
        raw_sum += len(raw)
    table, places = arrange(lists)
    every = {**recipes, **of_depths[2], **of_depths[1], **of_depths[0]}
    index = b"".join(struct.pack("<QIBBH", offset, first, codec, frame_class, more)
                     for (offset, codec, frame_class), (first, more) in zip(heads, places))
    index += b"".join(base[1:] + base[:1] + b"\0\0\0" for base in table)
    index += b"".join(key + every[key] for key in sorted(every))
    trailer = struct.pack("<QIIQQ16xII", len(out), len(frames), len(table), len(every), raw_sum, 1, zlib.crc32(index))
    return out + index + trailer + struct.pack("<I", zlib.crc32(trailer)) + b"MLP1"


# The log

def merkle_hash(leaves):
    """RFC 9162, section 2.1.1, word for word."""
    if len(leaves) == 1:
        return sha256(b"\0" + leaves[0])
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return sha256(b"\1" + merkle_hash(leaves[:k]) + merkle_hash(leaves[k:]))


def full_subtrees(leaves):
    roots, start = [], 0
    for bit in reversed(range(len(leaves).bit_length())):
        if len(leaves) >> bit & 1:
            roots.append(merkle_hash(leaves[start:start + 2**bit]).hex())
            start += 2**bit
    return roots


class TinyStore:
    """Writes one store. Objects are put, then flushed into packs; an operation appends a log entry."""

    def __init__(self, path, seed=0):
        self.path, self.counter = str(path), seed
        self.pending, self.leaves, self.new_packs = {}, [], []
        self.ref_maps, self.newest_refs = {}, None  # root -> name -> (kind, id); a root
        self.write("format", canonical({"cutRule": 1, "format": 1, "origin": ORIGIN}) + b"\n")

    def write(self, path, data):
        path = os.path.join(self.path, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)

    def put(self, kind, payload):
        self.pending[kind, payload] = None
        return make_id(kind, payload)

    def put_json(self, kind, value):
        return self.put(kind, canonical(value)).hex()

    # Objects

    def directory(self, entries, cut=cut_level):
        """(id, files, bytes) of a directory: name -> (mode, id, size) or, from this method, (id, files, bytes)."""
        leaves = []
        for name, entry in sorted(entries.items()):
            if isinstance(entry[0], bytes):
                identifier, files, size = entry
                tail, mode = varint(size) + varint(files), 4
            else:
                (mode, identifier, size), files = entry, 1
                tail = varint(size)
            leaves.append((name, varint(len(name)) + name + bytes([mode]) + identifier + tail, 1, files, size))
        root = self.put("tree", build_tree(self.put, "tree", leaves, cut))
        return root, sum(e[3] for e in leaves), sum(e[4] for e in leaves)

    def file(self, data, mode=1):
        return mode, self.put("blob", data), len(data)

    def recipe(self, data, chunks, rule):
        """(entry of a directory, (blob id, recipe id)) of a file in chunks."""
        leaves = [(self.put("blob", chunk), sha256(chunk) + varint(len(chunk)), 1, 0, len(chunk)) for chunk in chunks]
        root = build_tree(self.put, "chunks", leaves)
        payload = b"\1" + sha256(data) + varint(len(data)) + varint(rule) + root
        return (1, sha256(data), len(data)), (sha256(data), self.put("chunks", payload))

    def recipes(self, pairs):
        leaves = [(blob, blob + recipe, 1, 0, 0) for blob, recipe in sorted(pairs)]
        return self.put("recipes", build_tree(self.put, "recipes", leaves)).hex()

    def refs(self, refs, cut=cut_level):
        leaves = [(name.encode(), varint(len(name)) + name.encode() + bytes([KINDS.index(kind)]) + identifier, 1, 0, 0)
                  for name, (kind, identifier) in sorted(refs.items())]
        root = self.put("refs", build_tree(self.put, "refs", leaves, cut)).hex()
        self.ref_maps[root] = refs
        return root

    def run(self, **members):
        empty = self.directory({})[0].hex()
        return self.put_json("run", {"origin": "declared", "observedBy": "declared", "recorded": 1, "parameters": {},
                                     "metrics": {}, "environment": {}, "inputs": empty, "outputs": empty, **members})

    def commit(self, tree, **members):
        value = {"author": PERSON, "authored": 1, "committed": 2, "committer": PERSON, "message": "m", "parents": [],
                 "runs": [self.run()], "tracked": {"directories": [""], "patterns": []}, "tree": tree[0].hex()}
        return bytes.fromhex(self.put_json("commit", {**value, **members}))

    def event(self, before=None, after=None, **members):
        """An event that changes the refs from those of one root to those of another."""
        old, new = self.ref_maps.get(before, {}), self.ref_maps.get(after, {})
        refs = [{"name": name} | {side: {"id": refs[name][1].hex(), "kind": refs[name][0]}
                                  for side, refs in (("after", new), ("before", old)) if name in refs}
                for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]
        self.counter += 1
        return self.put_json("event", {"actor": PERSON, "nonce": f"{self.counter:032x}", "refs": refs, "time": 1,
                                       "verb": "commit", **members})

    # Packs and log

    def pack(self, *frames, **options):
        """Writes a pack of frames and gives its name; the next operation adds it."""
        data = build_pack(frames, **options)
        self.counter += 1
        name = f"{sha256(data).hex()}-{self.counter:016x}"
        self.write(self.pack_path(name), data)
        self.new_packs.append(name)
        return name

    @staticmethod
    def pack_path(name):
        return f"packs/{name[:2]}/{name}.pack"

    def flush(self, codec=1):
        """Writes what was put into one pack, metadata and data in frames of their own."""
        objects, self.pending = list(self.pending), {}
        frames = []
        for is_data in (False, True):
            part = [(kind, payload) for kind, payload in objects if (kind == "blob") == is_data]
            frames += [(codec, part, None)] if part else []
        return self.pack(*frames)

    def operate(self, refs, event=None, dropped=(), doomed=(), added=None, as_list=False, **members):
        """Appends an entry that adds the new packs; what is pending is flushed first, unless an event is given."""
        if event is None:
            event = self.event(self.newest_refs, refs)
            self.flush()
        self.newest_refs = refs
        added, self.new_packs = self.new_packs if added is None else added, []
        packs = {"added": sorted(added), "doomed": sorted(doomed), "dropped": sorted(dropped)}
        number = len(self.leaves)
        entry = {"event": event, "features": [], "number": number, "refs": refs, "time": 1}
        if sum(map(len, packs.values())) <= 32 and not as_list:
            entry["packs"] = packs
        else:
            entry["packList"] = sha256(canonical(packs)).hex()
            self.write("log/lists/" + entry["packList"], canonical(packs))
        entry.update(members)
        subtrees = full_subtrees(self.leaves)
        self.leaves.append(canonical(entry))
        root = base64.b64encode(merkle_hash(self.leaves)).decode()
        note = f"mlrepo/{ORIGIN}\n{number + 1}\n{root}\n"
        self.write(f"log/new/{number:020d}", canonical({"entry": entry, "note": note, "subtrees": subtrees}))

    def seal(self, keep=()):
        """Seals the first 256 entries and removes their files."""
        leaves = self.leaves[:256]
        self.write("log/tile/entries/000", b"".join(struct.pack(">H", len(leaf)) + leaf for leaf in leaves))
        self.write("log/tile/0/000", b"".join(sha256(b"\0" + leaf) for leaf in leaves))
        for number in set(range(256)) - set(keep):
            os.remove(os.path.join(self.path, f"log/new/{number:020d}"))


# The store of Tests/Vectors/store-1

def write_vector(path):
    """A small store of three entries, with one of each thing that the format has. Gives the ids of its two commits."""
    store = TinyStore(path)
    working_copy = "worktrees/" + "5a" * 16
    root = store.refs({})
    store.operate(root, event=store.event(None, root, verb="init"), added=[store.flush()])

    text = b"".join(b"line %d of a text\n" % i for i in range(300))
    chunks = [bytes((7 * i * i + j) % 256 for i in range(1_000 + 500 * j)) for j in range(3)]
    large, large_recipe = store.recipe(b"".join(chunks), chunks, rule=0)
    first_tree = store.directory({
        b"directory": store.directory({b"empty": store.directory({}), b"text": store.file(text),
                                       "\u00e9".encode(): store.file(b"")}),
        b"large.bin": large,
        b"latin-\xe9": store.file(b"a name that is not UTF-8\n"),
        b"line\nfeed": store.file(b"a name with a line feed\n"),
        b"link": store.file(b"directory/text", mode=3),
        b"run.sh": store.file(b"#!/bin/sh\nexec true\n", mode=2)})
    first = store.commit(first_tree, message="First\n", recipes=store.recipes([large_recipe]),
                         runs=[store.run(outputs=first_tree[0].hex())], authored=1763888400, committed=1763888400)
    root = store.refs({"branches/main": ("commit", first), working_copy: ("commit", first)})
    store.operate(root, time=1763888401)

    edited = text.replace(b"line 7 ", b"line seven ")
    zeros = bytes(10_000)
    second_tree = store.directory({
        b"directory": store.directory({b"text": store.file(edited), b"moved.bin": large}),
        b"text.orig": store.file(text),
        b"zeros": store.file(zeros),
        b"many": store.directory({b"%03d" % i: store.file(b"%d\n" % (i % 7)) for i in range(80)})})
    metrics = {"loss": ["float", "nan"], "steps": ["int", "9007199254740993"]}
    run = store.run(origin="observed", observedBy="trace", recorded=1763888500, started=1763888450, ended=1763888499,
                    exitStatus=0, user=PERSON,
                    command={"arguments": ["python3", "train.py"], "directory": {"bytes": "bGF0aW4t6Q=="}},
                    code={"dirty": True, "patch": store.file(b"diff --git a/x b/x\n")[1].hex(), "revision": "0" * 40,
                          "system": "git"},
                    parameters={"lr": ["float", "1e-3"], "net": ["map", {"depth": ["int", "007"]}]}, metrics=metrics,
                    environment={"host": "h", "memory": 2**40}, inputs=first_tree[0].hex(),
                    inputCommits=[{"commit": first.hex(), "path": "large.bin"}], outputs=second_tree[0].hex())
    second = store.commit(second_tree, message="Second\n", parents=[first.hex()], runs=[run], authored=1763888500,
                          committed=1763888501, tracked={"directories": ["directory", "many"], "patterns": ["*.orig"]})
    old_root, root = root, store.refs({"branches/main": ("commit", second), working_copy: ("commit", second),
                                       "runs/best": ("run", bytes.fromhex(run)), "tags/v1": ("commit", first)})
    event = store.event(old_root, root, reason="Second", time=1763888502, workingCopy="5a" * 16)
    objects, store.pending = list(store.pending), {}
    blobs = [item for item in objects if item[0] == "blob" and item[1] not in (text, edited, zeros)]
    stored_by_hand = store.pack((1, [item for item in objects if item[0] != "blob"], None), (1, [("blob", text)], None),
                                (7, [("blob", edited)], ("blob", text)), (2, [("blob", zeros)], None),
                                (0, blobs, None), compress=without_command)
    orphan = "0" * 64 + "-" + "0" * 16
    store.operate(root, event=event, added=[stored_by_hand], doomed=[orphan], as_list=True, time=1763888400)
    return first, second


def without_command(codec, raw, base):
    """Compression whose bytes depend on no other program."""
    return zstd_by_hand(raw) if codec == 2 else compress(codec, raw, base)


if __name__ == "__main__":
    if len(sys.argv) != 2 or os.path.exists(sys.argv[1]):
        sys.exit(__doc__.strip())
    write_vector(sys.argv[1])
