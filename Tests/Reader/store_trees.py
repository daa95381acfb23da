"""Merkle trees, recipes and cut rules of store format 1.

Written from Documentation/Formats/merkle-tree.md alone.
"""

import hashlib
import json
from typing import NamedTuple

from store_objects import (BLOB, CHUNKS, KINDS, LARGEST_FILE, LARGEST_NODE, LARGEST_RAW, RECIPES, REFS, TREE, Damage,
                           check_name, check_ref, object_id, require)

FILE, EXECUTABLE, LINK, DIRECTORY = 1, 2, 3, 4
LONGEST_LINK = 4_095
MOST_ELEMENTS = 128
HIGHEST_LEVEL = 15
EMPTY_TREE = object_id(TREE, b"\0\0")
MOST_CHECKED = 2**24  # leaf elements of one tree; a reader's own bound, as a recipe may repeat a node on each level


class Cursor:
    """Reads integers and bytes from a payload, and refuses to read past its end."""

    def __init__(self, data, position=0):
        self.data, self.position = data, position

    def take(self, count):
        end = self.position + count
        require(end <= len(self.data), "ends too early")
        taken, self.position = self.data[self.position:end], end
        return taken

    def byte(self):
        return self.take(1)[0]

    def varint(self):
        value = 0
        for shift in range(0, 63, 7):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                require(byte or not shift, "varint is not in its shortest form")
                return value
        raise Damage("varint is too long")

    def finish(self):
        require(self.position == len(self.data), "goes on behind its end")


class Element(NamedTuple):
    """An element of a node; `kind` and `id` are those of the object that it refers to."""
    key: bytes
    kind: int
    id: bytes
    mode: int = 0
    entries: int = 1
    files: int = 0
    size: int = 0


class Node(NamedTuple):
    level: int
    elements: list

    def totals(self):
        """Entries, files and bytes below this node."""
        return tuple(map(sum, zip(*((e.entries, e.files, e.size) for e in self.elements)))) or (0, 0, 0)


class Recipe(NamedTuple):
    blob: bytes
    length: int
    cut_rule: int
    root: Node


def parse_leaf_element(kind, cursor):
    if kind == CHUNKS:
        blob, length = cursor.take(32), cursor.varint()
        require(1 <= length <= LARGEST_RAW, "a chunk is empty or too large")
        return Element(b"", BLOB, blob, size=length)
    if kind == RECIPES:
        return Element(cursor.take(32), CHUNKS, cursor.take(32))
    name = cursor.take(cursor.varint())
    if kind == REFS:
        target = cursor.byte()
        require(1 <= target <= len(KINDS), f"kind {target} is not known")
        identifier = cursor.take(32)
        check_ref(name, target, identifier.hex())
        return Element(name, target, identifier)
    check_name(name)
    mode, identifier, size = cursor.byte(), cursor.take(32), cursor.varint()
    require(FILE <= mode <= DIRECTORY, f"mode {mode} is not known")
    if mode == DIRECTORY:
        files = cursor.varint()
        require(identifier != EMPTY_TREE or not (files or size), "an empty directory is said to hold something")
        return Element(name, TREE, identifier, mode, files=files, size=size)
    require(size <= LARGEST_FILE, "a file is too large")
    require(mode != LINK or 1 <= size <= LONGEST_LINK, "a link's target is empty or too long")
    return Element(name, BLOB, identifier, mode, files=1, size=size)


def parse_inner_element(kind, cursor):
    key = b"" if kind == CHUNKS else cursor.take(32 if kind == RECIPES else cursor.varint())
    identifier, entries = cursor.take(32), cursor.varint()
    require(entries, "inner element without entries")
    files = cursor.varint() if kind == TREE else 0
    size = cursor.varint() if kind in (TREE, CHUNKS) else 0
    return Element(key, kind, identifier, entries=entries, files=files, size=size)


def parse_node(kind, cursor):
    """The node that fills the rest of a payload."""
    require(len(cursor.data) <= LARGEST_NODE, "node is larger than 65,536 bytes")
    level, count = cursor.byte(), cursor.varint()
    require(level <= HIGHEST_LEVEL, f"level {level}")
    require(count <= MOST_ELEMENTS, f"node of {count} elements")
    require(count or not level, "inner node without elements")
    parse = parse_inner_element if level else parse_leaf_element
    node = Node(level, [parse(kind, cursor) for _ in range(count)])
    cursor.finish()
    require(kind == CHUNKS or keys_rise(node.elements), "keys do not rise")
    return node


def parse_chunks(payload):
    """A Recipe, or a Node of a sequence of chunks: what the first byte says."""
    cursor = Cursor(payload)
    form = cursor.byte()
    require(form in (0, 1), f"form {form} of chunks is not known")
    if form == 0:
        return parse_node(CHUNKS, cursor)
    blob, length, cut_rule = cursor.take(32), cursor.varint(), cursor.varint()
    require(length <= LARGEST_FILE, "a file is too large")
    root = parse_node(CHUNKS, cursor)
    require(len(root.elements) >= 2, "recipe of less than two chunks")
    require(root.totals()[2] == length, "the lengths of the chunks do not add up")
    return Recipe(blob, length, cut_rule, root)


def keys_rise(elements):
    return all(a.key < b.key for a, b in zip(elements, elements[1:]))


# Shape

def node_sizes(kind, level, elements):
    """How many elements each node of a level has by rules 1 and 2."""
    hashes = [int.from_bytes(e.id if kind == CHUNKS else hashlib.sha256(e.key).digest(), "big") for e in elements]
    zeros = (1 << (5 if kind == CHUNKS else 5 * (level + 1))) - 1
    sizes, start = [], 0
    for position, value in enumerate(hashes, 1):
        if value & zeros == 0 or position == len(hashes):
            sizes += split_run(hashes[start:position])
            start = position
    return sizes


def split_run(hashes):
    """Sizes of the nodes of one run."""
    count = len(hashes)
    if count <= MOST_ELEMENTS:
        return [count]
    quarter = count // 4
    last = max(range(quarter, count - quarter), key=hashes.__getitem__)
    return split_run(hashes[:last + 1]) + split_run(hashes[last + 1:])


def checked_leaves(kind, root, fetch):
    """The leaf elements of a whole tree, whose counts, order and shape are checked; `fetch` gives the node of an id."""
    require(root.level == 0 or len(root.elements) >= 2, "root of one element")
    require(root.totals()[0] <= MOST_CHECKED, "too many elements for this reader")
    nodes = [root]
    while True:
        level = nodes[0].level
        elements = [element for node in nodes for element in node.elements]
        require(kind == CHUNKS or keys_rise(elements), "keys do not rise from node to node")
        require([len(node.elements) for node in nodes] == (node_sizes(kind, level, elements) or [0]),
                f"nodes of level {level} do not end where the rules end them")
        if level == 0:
            return elements
        nodes = [check_child(kind, level, element, fetch(element.id)) for element in elements]


def check_child(kind, level, element, node):
    """The node below an inner element, checked against what the element says of it."""
    require(node.level == level - 1, f"node of level {node.level} below one of level {level}")
    require(node.elements, "empty node below another")
    require(kind == CHUNKS or node.elements[-1].key == element.key, "last key differs from that of the node below")
    require(node.totals() == (element.entries, element.files, element.size),
            "counts differ from those of the node below")
    return node


# Cut rule 1

ONE_CHUNK = 262_144
SKIPPED, NORMAL, LONGEST = 65_536, 262_144, 1_048_576
GEAR = [int.from_bytes(hashlib.sha256(b"mlrepo-1:" + bytes([i])).digest()[:8], "big") for i in range(256)]


def ends_by_rule_1(chunk, is_last):
    """Whether a chunk ends where rule 1 ends it; the last one may also end with the file."""
    value, mask = 0, 0xFFFFF00000000000
    for position in range(SKIPPED, min(len(chunk), LONGEST)):
        if position == NORMAL:
            mask = 0xFFFF000000000000
        value = (value << 1) + GEAR[chunk[position]] & 0xFFFFFFFFFFFFFFFF
        if not value & mask or position + 1 == LONGEST:
            return position + 1 == len(chunk)
    return is_last


# Cut rule 16

WIDTHS = {"BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1, "U16": 2, "I16": 2, "F16": 2, "BF16": 2,
          "U32": 4, "I32": 4, "F32": 4, "U64": 8, "I64": 8, "F64": 8, "C64": 8}
SHORTEST_HEADER, LONGEST_HEADER = 2, 16_777_216
LONGEST_START = 8 + LONGEST_HEADER
ALONE, LONGEST_GROUP, LONGEST_PIECE, LEAST_ROW = 65_536, 1_048_576, 4_194_304, 64


class Tensor(NamedTuple):
    start: int
    end: int
    type: str
    shape: list


def parse_tensor(members):
    """A tensor of the header; `members` are its names and values."""
    require(isinstance(members, tuple), "a tensor is not an object")
    values = dict(members)
    require(len(members) == 3 and values.keys() == {"dtype", "shape", "data_offsets"},
            "a tensor has not the members dtype, shape and data_offsets")
    kind, shape, offsets = values["dtype"], values["shape"], values["data_offsets"]
    require(isinstance(kind, str), "dtype is not a string")
    for numbers in (shape, offsets):
        require(isinstance(numbers, list) and all(type(number) is int and number >= 0 for number in numbers),
                "shape or data_offsets are not numbers")
    require(len(offsets) == 2, "data_offsets are not two numbers")
    return Tensor(*offsets, kind, shape)


def parse_header(header):
    """The tensors that the JSON of a safetensors file names, by their offsets."""
    try:
        members = json.loads(header.decode("utf-8"), object_pairs_hook=tuple)
    except (ValueError, RecursionError):
        raise Damage("the header is not JSON") from None
    require(isinstance(members, tuple), "the header is not an object")
    members = [(name, value) for name, value in members if name != "__metadata__"]
    require(len(dict(members)) == len(members), "a tensor's name is repeated")
    return sorted((parse_tensor(value) for _, value in members), key=lambda tensor: tensor[:2])


def has_length(tensor, length):
    """Whether the shape times the width gives a length; true where the width is not known."""
    if tensor.type not in WIDTHS:
        return True
    size = 0 if 0 in tensor.shape else WIDTHS[tensor.type]
    for dimension in tensor.shape:
        size *= dimension
        if size > length:
            return False
    return size == length


def piece_length(tensor):
    """The p of a tensor that is cut by itself."""
    elements = 1
    for dimension in reversed(tensor.shape if tensor.type in WIDTHS else []):
        elements *= dimension
        if elements >= LEAST_ROW:
            row = elements * WIDTHS[tensor.type]
            return LONGEST_PIECE // row * row or LONGEST_PIECE
    return LONGEST_PIECE


def split(length, step):
    """The lengths of pieces of `step` bytes, and of what is left."""
    return [step] * (length // step) + ([length % step] if length % step else [])


def lengths_by_rule_16(start, length):
    """The lengths of the chunks of a safetensors file of `length` bytes; `start` has at least its header."""
    require(length > ONE_CHUNK, "a file of one chunk")
    header_length = int.from_bytes(start[:8], "little")
    require(SHORTEST_HEADER <= header_length <= LONGEST_HEADER, "a header of another length")
    head = 8 + header_length
    lengths, end, group_type = split(head, LONGEST_GROUP), 0, None
    for tensor in parse_header(start[8:head]):
        size = tensor.end - tensor.start
        require(tensor.start == end and size >= 0, "tensors leave gaps or overlap")
        require(has_length(tensor, size), "a shape of another length")
        end = tensor.end
        if size >= ALONE:
            lengths += split(size, piece_length(tensor))
            group_type = None
        elif size and tensor.type == group_type and lengths[-1] + size <= LONGEST_GROUP:
            lengths[-1] += size
        elif size:
            lengths.append(size)
            group_type = tensor.type
    require(head + end == length, "tensors do not end with the file")
    return lengths
