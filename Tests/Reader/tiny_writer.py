"""A tiny writer of stores for the tests, from Documentation/Formats alone. It shares no code with the reader."""

import base64
import hashlib
import json
import os
import shutil
import struct
import subprocess
import zlib

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

def zstd_of_raw_blocks(raw):
    """A zstd frame without compression, for machines without the command."""
    out = bytes.fromhex("28b52ffd a0") + struct.pack("<I", len(raw))
    blocks = [raw[i:i + 131_072] for i in range(0, len(raw), 131_072)] or [b""]
    for i, block in enumerate(blocks):
        out += struct.pack("<I", len(block) << 3 | (i + 1 == len(blocks)))[:3] + block
    return out


def compress(codec, raw, base):
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
    return zstd_of_raw_blocks(raw)


def build_pack(frames):
    """The bytes of a pack. A frame is (codec, [(kind, payload)…], base), a base (kind, payload) or None."""
    out, records, bases, entries, recipes, raw_sum = b"", b"", [], {}, {}, 0
    for number, (codec, objects, base) in enumerate(frames):
        raw = b"".join(payload for _, payload in objects)
        stored = compress(codec, raw, base)
        table = b"" if base is None else bytes([KINDS.index(base[0])]) + make_id(*base)
        table += varint(len(objects))
        place = 0
        for kind, payload in objects:
            table += bytes([KINDS.index(kind)]) + varint(len(payload))
            where = struct.pack("<III", number, place, len(payload))
            entries.setdefault(make_id(kind, payload) + bytes([KINDS.index(kind)]), b"\0\0\0" + where)
            if kind == "chunks" and payload[0] == 1:
                recipes.setdefault(payload[1:33] + b"\1", b"\1\0\0" + where)
            place += len(payload)
        padding = -(len(out) + 28 + len(table)) % 4_096 if codec == 0 and len(raw) >= 2**20 else 0
        frame_class = 2 if objects[0][0] == "blob" else 1
        head = struct.pack("<4sBBHIIII", b"MLF1", codec, frame_class, padding, len(table), len(stored), len(raw),
                           zlib.crc32(stored))
        base_number = 0
        if base is not None:
            item = make_id(*base) + bytes([KINDS.index(base[0])]) + b"\0\0\0"
            bases += [] if item in bases else [item]
            base_number = bases.index(item) + 1
        records += struct.pack("<QIBBH", len(out), base_number, codec, frame_class, 0)
        out += head + struct.pack("<I", zlib.crc32(head + table)) + table + bytes(padding) + stored
        raw_sum += len(raw)
    every = {**recipes, **entries}
    index = records + b"".join(bases) + b"".join(key + every[key] for key in sorted(every))
    trailer = struct.pack("<QIIQQ16xII", len(out), len(frames), len(bases), len(every), raw_sum, 1, zlib.crc32(index))
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
        return self.put("refs", build_tree(self.put, "refs", leaves, cut)).hex()

    def run(self, **members):
        empty = self.directory({})[0].hex()
        return self.put_json("run", {"origin": "declared", "observedBy": "declared", "recorded": 1, "parameters": {},
                                     "metrics": {}, "environment": {}, "inputs": empty, "outputs": empty, **members})

    def commit(self, tree, **members):
        value = {"author": PERSON, "authored": 1, "committed": 2, "committer": PERSON, "message": "m", "parents": [],
                 "runs": [self.run()], "tracked": {"directories": [""], "patterns": []}, "tree": tree[0].hex()}
        return bytes.fromhex(self.put_json("commit", {**value, **members}))

    def event(self):
        self.counter += 1
        return self.put_json("event", {"actor": PERSON, "nonce": f"{self.counter:032x}", "refs": [], "time": 1,
                                       "verb": "commit"})

    # Packs and log

    def pack(self, *frames):
        """Writes a pack of frames and gives its name; the next operation adds it."""
        data = build_pack(frames)
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

    def operate(self, refs, event=None, dropped=(), doomed=(), added=None, **members):
        """Appends an entry that adds the new packs; what is pending is flushed first, unless an event is given."""
        if event is None:
            event = self.event()
            self.flush()
        added, self.new_packs = self.new_packs if added is None else added, []
        packs = {"added": sorted(added), "doomed": sorted(doomed), "dropped": sorted(dropped)}
        number = len(self.leaves)
        entry = {"event": event, "features": [], "number": number, "refs": refs, "time": 1}
        if sum(map(len, packs.values())) <= 32:
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
