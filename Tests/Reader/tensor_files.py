"""The tensors of NumPy's, PyTorch's and GGUF files, and cut rule 17.

Written from Documentation/Formats/merkle-tree.md and public documentation of npy, zip, pickle and GGUF alone. Nothing is unpickled:
the opcodes are followed, and nothing that they name is imported or called.
"""

import ast
import contextlib
import io
import pickletools
import struct
import zipfile
from math import prod
from typing import NamedTuple

from store_objects import Damage, require
from store_trees import ALONE, LONGEST_GROUP, ONE_CHUNK, WIDTHS, Cursor, piece_length, split

LEAST_GROUP = 16_384
NPY_MAGIC, ZIP_MAGIC, GGUF_MAGIC = b"\x93NUMPY", b"PK\3\4", b"GGUF"
ZIP_END_MAGIC, ZIP_END_LENGTH = b"PK\5\6", 22
NPY_TYPES = {"b1": "BOOL", "i1": "I8", "u1": "U8", "i2": "I16", "u2": "U16", "f2": "F16", "i4": "I32", "u4": "U32", "f4": "F32",
             "i8": "I64", "u8": "U64", "f8": "F64", "c8": "F32", "c16": "F64"}
STORAGES = {"BoolStorage": "BOOL", "ByteStorage": "U8", "CharStorage": "I8", "ShortStorage": "I16", "HalfStorage": "F16",
            "BFloat16Storage": "BF16", "IntStorage": "I32", "FloatStorage": "F32", "LongStorage": "I64", "DoubleStorage": "F64",
            "ComplexFloatStorage": "C64", "ComplexDoubleStorage": "C128"}
DTYPES = {"bool": "BOOL", "uint8": "U8", "int8": "I8", "uint16": "U16", "int16": "I16", "float16": "F16", "bfloat16": "BF16",
          "uint32": "U32", "int32": "I32", "float32": "F32", "uint64": "U64", "int64": "I64", "float64": "F64",
          "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2", "float8_e8m0fnu": "F8_E8M0", "complex64": "C64", "complex128": "C128"}
PAIRS = {"C64": "F32", "C128": "F64"}
REBUILD = {"torch._utils _rebuild_tensor", "torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_tensor_v3"}
GGML_TYPES = {0: "F32", 1: "F16", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64", 30: "BF16"}
GGUF_WIDTHS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
GGUF_U32, GGUF_STRING, GGUF_ARRAY = 4, 8, 9


class FileTensor(NamedTuple):
    name: str
    type: str
    shape: list
    start: int
    length: int


def tensors_of(data):
    """The tensors of a whole file, by their places; none of a file that has none or is of another structure."""
    if data[:6] == NPY_MAGIC:
        tensor = npy_tensor(data, "", 0, len(data))
        found = [tensor] if tensor else []
    elif data[:4] == ZIP_MAGIC:
        found = zip_tensors(data)
    elif data[:4] == GGUF_MAGIC:
        found = gguf_tensors(data)
    else:
        found = []
    found.sort(key=lambda tensor: (tensor.start, tensor.length))
    for tensor, following in zip(found, found[1:]):
        require(tensor.start + tensor.length <= following.start, "tensors overlap")
    return [tensor for tensor in found if tensor.length]


# NumPy

def npy_tensor(data, name, start, end):
    """The tensor of an array that lies between two places; None if its numbers are not plain."""
    cursor = Cursor(data[start:end])
    require(cursor.take(6) == NPY_MAGIC, "not an array of NumPy")
    version = cursor.byte()
    require(1 <= version <= 3 and cursor.byte() == 0, "version of an array is not known")
    length = int.from_bytes(cursor.take(2 if version == 1 else 4), "little")
    try:
        header = ast.literal_eval(cursor.take(length).decode("utf-8" if version == 3 else "latin-1").strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        raise Damage("header of an array is not a literal") from None
    require(isinstance(header, dict) and header.keys() == {"descr", "fortran_order", "shape"}, "header of an array has other members")
    descr, turned, shape = header["descr"], header["fortran_order"], header["shape"]
    require(isinstance(turned, bool) and isinstance(shape, tuple) and are_numbers(shape), "shape of an array is none")
    order, code = (descr[:1], descr[1:]) if isinstance(descr, str) else ("", "")
    if code not in NPY_TYPES or order not in ("<", "|") or (order == "|") != code.endswith("1"):
        return None
    shape = list(reversed(shape)) if turned else list(shape)
    shape += [2] if code[0] == "c" else []
    length = prod(shape) * WIDTHS[NPY_TYPES[code]]
    require(start + cursor.position + length == end, "an array has another length")
    return FileTensor(name, NPY_TYPES[code], shape, start + cursor.position, length)


def are_numbers(values):
    return all(type(value) is int and value >= 0 for value in values)


# Zip archives

def zip_tensors(data):
    """The tensors of an archive of PyTorch or of arrays."""
    members = stored_members(data)
    places = dict(members)
    pickles = [name for name in places if name.endswith("/data.pkl")]
    if pickles:
        return torch_tensors(data, places, pickles[0])
    found = []
    for name, (start, length) in members:
        with contextlib.suppress(Damage):
            found.append(npy_tensor(data, name.removesuffix(".npy"), start, start + length) if name.endswith(".npy") else None)
    return [tensor for tensor in found if tensor]


def stored_members(data):
    """(name, (first byte, length)) of each member that is stored as it is."""
    try:
        members = zipfile.ZipFile(io.BytesIO(data)).infolist()
    except (zipfile.BadZipFile, struct.error, NotImplementedError, ValueError):
        raise Damage("not a zip archive") from None
    require(ends_with_directory(data), "the archive does not end with its directory")
    places = []
    for member in members:
        if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1:
            continue
        cursor = Cursor(data, member.header_offset)
        require(cursor.take(4) == ZIP_MAGIC, "a member is not where the directory says")
        cursor.take(22)
        names, extra = struct.unpack("<HH", cursor.take(4))
        cursor.take(names + extra)
        require(cursor.position + member.file_size <= len(data), "a member ends behind the file")
        places.append((member.filename, (cursor.position, member.file_size)))
    return places


def ends_with_directory(data):
    """Whether an end record and its comment are the last bytes of an archive."""
    place = data.rfind(ZIP_END_MAGIC, max(0, len(data) - ZIP_END_LENGTH - 65_535))
    behind = len(data) - place - ZIP_END_LENGTH
    return place >= 0 and behind >= 0 and int.from_bytes(data[place + 20:place + 22], "little") == behind


def torch_tensors(data, places, pickle):
    """The tensors of an archive of PyTorch: the storages that the pickle's tensors lie in."""
    def member(name):
        start, length = places[name]
        return data[start:start + length]

    folder = pickle.removesuffix("data.pkl")
    require(folder + "byteorder" not in places or member(folder + "byteorder") == b"little", "numbers are not little-endian")
    found = []
    for name, tensor in pickled_tensors(member(pickle)):
        kind, parts = PAIRS.get(tensor.type, tensor.type), [2] if tensor.type in PAIRS else []
        width = prod([WIDTHS[kind], *parts])
        count, rest = divmod(tensor.storage.count, width) if tensor.storage.untyped else (tensor.storage.count, 0)
        place = places.get(folder + "data/" + tensor.storage.key)
        if rest or not place or count * width != place[1]:
            continue  # nothing is known of a storage that is compressed, missing or of another length
        dimensions = sorted(zip(tensor.strides, tensor.shape), key=lambda dimension: -dimension[0])
        shape = [size for _, size in dimensions]
        is_all = tensor.offset == 0 and prod(shape) == count and all(
            size == 1 or stride == prod(shape[index + 1:]) for index, (stride, size) in enumerate(dimensions))
        found.append(FileTensor(name, kind, (shape if is_all else [count]) + parts, *place))
    return found


# Pickles

class Storage(NamedTuple):
    """A storage that a pickle refers to; `count` is in bytes if it is untyped."""
    type: str | None
    key: str
    count: int
    untyped: bool


class Rebuilt:
    """A tensor that a pickle makes."""

    def __init__(self, arguments):
        self.storage, self.offset, self.shape, self.strides = arguments[:4]
        self.type = self.storage.type
        if self.storage.untyped and len(arguments) >= 7 and isinstance(arguments[6], Name):
            self.type = DTYPES.get(arguments[6].removeprefix("torch "))


def is_tensor(arguments):
    """Whether arguments are those of a tensor."""
    match arguments:
        case (Storage(), int() as offset, tuple() as shape, tuple() as strides, *_):
            return len(shape) == len(strides) and are_numbers((offset, *shape, *strides))
    return False


class Name(str):
    """What a pickle names to be imported: module, a space, name."""


class Made:
    """A list, dictionary or object that a pickle makes: its parts and their labels; None adds nothing to a path."""

    def __init__(self, parts=()):
        self.parts = list(parts)


def storage_of(reference):
    """The storage that a persistent id means, or an object without parts."""
    match reference:
        case ("storage", Name() as kind, str() as key, _, int() as count):
            name = kind.split(" ")[-1]
            return Storage(STORAGES.get(name), key, count, name == "UntypedStorage")
    return Made()


def pickled_tensors(pickle):
    """(path, tensor) of the first tensor in each storage that is met on the way through what a pickle makes."""
    first, seen, pending = {}, set(), [((), followed(pickle))]
    while pending:
        path, value = pending.pop()
        if isinstance(value, Rebuilt) and value.type:
            first.setdefault(value.storage.key, (".".join(path), value))
        if not isinstance(value, (Made, tuple)) or id(value) in seen:
            continue
        seen.add(id(value))
        parts = value.parts if isinstance(value, Made) else enumerate(value)
        pending += reversed([(path if label is None else (*path, str(label)), part) for label, part in parts])
    return list(first.values())


def followed(pickle):
    """What a pickle makes."""
    try:
        return Follower().run(pickle)
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, RecursionError):
        raise Damage("pickle cannot be followed") from None


class Follower:
    """Follows the opcodes of a pickle."""

    def __init__(self):
        self.stack, self.marks, self.memo = [], [], {}

    def run(self, pickle):
        for opcode, argument, _ in pickletools.genops(pickle):
            self.follow(opcode.name, argument)
        return self.stack.pop()

    def marked(self):
        """The values above the last mark, which are taken off."""
        start = self.marks.pop()
        values, self.stack[start:] = self.stack[start:], []
        return values

    def push(self, value):
        self.stack.append(value)

    def call(self, function, arguments):
        """What a call would give; its parts are the arguments."""
        if isinstance(function, Name) and function in REBUILD and is_tensor(arguments):
            return Rebuilt(arguments)
        match function, arguments:
            case "torch._tensor _rebuild_from_type_v2", (Name() as inner, _, tuple() as inner_arguments, *_):
                if inner in REBUILD and is_tensor(inner_arguments):
                    return Rebuilt(inner_arguments)
        return Made((None, argument) for argument in (arguments if isinstance(arguments, tuple) else ()))

    def add_values(self, values):
        parts = self.stack[-1].parts
        parts += enumerate(values, len(parts))

    def add_items(self, values):
        self.stack[-1].parts += zip(values[::2], values[1::2])

    def follow(self, name, argument):
        match name:
            case "PROTO" | "FRAME" | "STOP" | "READONLY_BUFFER":
                pass
            case "NONE":
                self.push(None)
            case "NEWTRUE" | "NEWFALSE":
                self.push(name == "NEWTRUE")
            case "MARK":
                self.marks.append(len(self.stack))
            case "POP":
                if self.marks and self.marks[-1] == len(self.stack):
                    self.marks.pop()
                else:
                    self.stack.pop()
            case "POP_MARK":
                self.marked()
            case "DUP":
                self.push(self.stack[-1])
            case "PUT" | "BINPUT" | "LONG_BINPUT":
                self.memo[argument] = self.stack[-1]
            case "MEMOIZE":
                self.memo[len(self.memo)] = self.stack[-1]
            case "GET" | "BINGET" | "LONG_BINGET":
                self.push(self.memo[argument])
            case "TUPLE" | "TUPLE1" | "TUPLE2" | "TUPLE3" | "EMPTY_TUPLE":
                self.push(self.tuple(name))
            case "EMPTY_LIST" | "EMPTY_DICT" | "EMPTY_SET" | "NEXT_BUFFER" | "EXT1" | "EXT2" | "EXT4":
                self.push(Made())
            case "LIST" | "FROZENSET":
                self.push(Made(enumerate(self.marked())))
            case "DICT":
                values = self.marked()
                self.push(Made(zip(values[::2], values[1::2])))
            case "APPEND":
                self.add_values([self.stack.pop()])
            case "APPENDS" | "ADDITEMS":
                self.add_values(self.marked())
            case "SETITEM":
                value, key = self.stack.pop(), self.stack.pop()
                self.add_items([key, value])
            case "SETITEMS":
                self.add_items(self.marked())
            case "GLOBAL":
                self.push(Name(argument))
            case "STACK_GLOBAL":
                name, module = self.stack.pop(), self.stack.pop()
                self.push(Name(f"{module} {name}"))
            case "REDUCE" | "NEWOBJ":
                arguments, function = self.stack.pop(), self.stack.pop()
                self.push(self.call(function, arguments))
            case "NEWOBJ_EX":
                named, arguments, function = self.stack.pop(), self.stack.pop(), self.stack.pop()
                self.push(self.call(function, (*arguments, named)))
            case "INST":
                self.push(self.call(Name(argument), tuple(self.marked())))
            case "OBJ":
                function, *arguments = self.marked()
                self.push(self.call(function, tuple(arguments)))
            case "BUILD":
                state = self.stack.pop()
                if isinstance(self.stack[-1], Made):
                    self.stack[-1].parts.append((None, state))
            case "PERSID" | "BINPERSID":
                self.push(storage_of(self.stack.pop() if name == "BINPERSID" else argument))
            case _:  # numbers, strings and bytes
                self.push(argument)

    def tuple(self, name):
        if name == "EMPTY_TUPLE":
            return ()
        if name == "TUPLE":
            return tuple(self.marked())
        count = int(name[-1])
        values, self.stack[-count:] = self.stack[-count:], []
        require(len(values) == count, "tuple of too few values")
        return tuple(values)


# GGUF

class GGUFCursor(Cursor):
    def number(self, width):
        return int.from_bytes(self.take(width), "little")

    def text(self):
        return self.take(self.number(8))

    def value(self, kind, depth=0):
        """Passes over a value; gives the number, if it is one."""
        if kind == GGUF_STRING:
            self.text()
        elif kind == GGUF_ARRAY:
            require(depth < 100, "arrays in arrays")
            kind, count = self.number(4), self.number(8)
            if kind in GGUF_WIDTHS:
                self.take(count * GGUF_WIDTHS[kind])
                return None
            for _ in range(count):
                self.value(kind, depth + 1)
        else:
            require(kind in GGUF_WIDTHS, "type of a value is not known")
            return self.number(GGUF_WIDTHS[kind])
        return None


def gguf_tensors(data):
    """The tensors of a GGUF file; a quantized one goes up to the next one or the end."""
    cursor = GGUFCursor(data, len(GGUF_MAGIC))
    require(cursor.number(4) in (2, 3), "version of GGUF is not known")
    tensor_count, value_count, alignment = cursor.number(8), cursor.number(8), 32
    for _ in range(value_count):
        key, kind = cursor.text(), cursor.number(4)
        value = cursor.value(kind)
        if key == b"general.alignment":
            require(kind == GGUF_U32 and value and value % 8 == 0, "alignment is not a multiple of 8")
            alignment = value
    heads = []
    for _ in range(tensor_count):
        name, dimensions = cursor.text(), cursor.number(4)
        shape = [cursor.number(8) for _ in range(dimensions)]
        kind, offset = cursor.number(4), cursor.number(8)
        require(offset % alignment == 0, "a tensor is not aligned")
        heads.append((offset, name, kind, list(reversed(shape))))
    start = -(-cursor.position // alignment) * alignment
    heads.sort(key=lambda head: head[0])
    ends = [start + head[0] for head in heads[1:]] + [len(data)]
    found = []
    for (offset, name, kind, shape), end in zip(heads, ends):
        kind = GGML_TYPES.get(kind, f"ggml-{kind}")
        length = prod(shape) * WIDTHS[kind] if kind in WIDTHS else end - start - offset
        require(0 <= length <= len(data) - start - offset, "a tensor ends behind the file")
        found.append(FileTensor(name.decode("utf-8", "replace"), kind, shape, start + offset, length))
    return found


# Cut rule 17

class Part(NamedTuple):
    """Bytes that are cut by themselves."""
    start: int
    end: int
    type: str | None  # of a group of short tensors
    lengths: list


def parts_of(tensors):
    """The tensors and groups that are cut by themselves."""
    parts = []
    for tensor in tensors:
        start, end = tensor.start, tensor.start + tensor.length
        if tensor.length >= ALONE:
            parts.append(Part(start, end, None, split(tensor.length, piece_length(tensor))))
            continue
        last = parts[-1] if parts else None
        if last and last.type == tensor.type and last.end == start and end - last.start <= LONGEST_GROUP:
            start = parts.pop().start
        parts.append(Part(start, end, tensor.type, [end - start]))
    return [part for part in parts if part.end - part.start >= LEAST_GROUP]


def lengths_by_rule_17(data):
    """The lengths of the chunks of a whole file."""
    require(len(data) > ONE_CHUNK, "a file of one chunk")
    parts = parts_of(tensors_of(data))
    require(parts, "no tensors")
    lengths, end = [], 0
    for part in parts:
        lengths += split(part.start - end, LONGEST_GROUP) + part.lengths
        end = part.end
    return lengths + split(len(data) - end, LONGEST_GROUP)
