"""Files of a store, its format file and its operation log (store format 1).

Written from Documentation/Formats/{layout,log}.md alone. Files are opened for reading only, and no link is followed.
"""

import base64
import contextlib
import hashlib
import os
import re
import stat

from store_objects import (Damage, array, check_members, decode_canonical, encode_canonical, hexadecimal, identifier,
                           integer, one_of, require, rising, string, time)

LARGEST_FORMAT = 4_096  # a reader's own bound: the documents have none
LARGEST_ENTRY_FILE = 16_384
LARGEST_LEAF = 4_096
LARGEST_LIST = 64 * 2**20
MOST_NAMES = 32
TILE = 256
PACK_NAME = re.compile(r"[0-9a-f]{64}-[0-9a-f]{16}")
ENTRY_FILE_NAME = re.compile(r"[0-9]{20}")
FEATURE = re.compile(r"[a-z0-9-]+")
SIGNATURES = re.compile(r"(\n(— [^\s+]+ [A-Za-z0-9+/]+={0,2}\n)+)?")


class StoreFiles:
    """The files beneath one directory."""

    def __init__(self, path):
        self.root = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def close(self):
        os.close(self.root)

    def _open(self, path, flags):
        directory = self.root
        try:
            *parents, last = path.split("/")
            for name in parents:
                below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
                if directory != self.root:
                    os.close(directory)
                directory = below
            return os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | flags, dir_fd=directory)
        finally:
            if directory != self.root:
                os.close(directory)

    @contextlib.contextmanager
    def reading(self, path):
        """(read_at, size) of a regular file."""
        descriptor = self._open(path, os.O_NONBLOCK)
        try:
            status = os.fstat(descriptor)
            require(stat.S_ISREG(status.st_mode), "not a regular file")

            def read_at(offset, count):
                require(0 <= offset <= status.st_size - count, "file ends too early")
                pieces = []
                while count:
                    piece = os.pread(descriptor, count, offset)
                    require(piece, "file has become shorter")
                    pieces.append(piece)
                    offset, count = offset + len(piece), count - len(piece)
                return b"".join(pieces)

            yield read_at, status.st_size
        finally:
            os.close(descriptor)

    def read(self, path, limit):
        """The bytes of a file, or None where it is absent."""
        try:
            with self.reading(path) as (read_at, size):
                require(size <= limit, f"larger than {limit} bytes")
                return read_at(0, size)
        except FileNotFoundError:
            return None

    def names(self, path):
        """The names in a directory; none where it is absent."""
        try:
            descriptor = self._open(path, os.O_DIRECTORY)
        except FileNotFoundError:
            return []
        try:
            return os.listdir(descriptor)
        finally:
            os.close(descriptor)


def read_format(files):
    """The members of the file `format`."""
    data = files.read("format", LARGEST_FORMAT)
    require(data is not None, "the file is missing")
    require(data.endswith(b"\n"), "no line feed at the end")
    value = decode_canonical(data[:-1])
    check_members(value, {"format": one_of(1), "cutRule": integer, "origin": hexadecimal(32), "shared?": integer})
    return value


# Merkle log

def leaf_hash(leaf):
    return hashlib.sha256(b"\0" + leaf).digest()


def inner_hash(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


class Frontier:
    """The root hashes of the full subtrees of a growing log, largest first."""

    def __init__(self):
        self.size, self.subtrees = 0, []

    def append(self, leaf):
        self.subtrees.append(leaf_hash(leaf))
        self.size += 1
        size = self.size
        while size % 2 == 0:
            self.subtrees[-2:] = [inner_hash(*self.subtrees[-2:])]
            size //= 2

    def root_with(self, leaf):
        """The root hash of the log that one more leaf makes."""
        root = leaf_hash(leaf)
        for left in reversed(self.subtrees):
            root = inner_hash(left, root)
        return root


def full_tile_hash(hashes):
    """The root hash over the hashes of a full tile."""
    while len(hashes) > 1:
        hashes = [inner_hash(*pair) for pair in zip(hashes[::2], hashes[1::2])]
    return hashes[0]


# Entries

def pack_name(value):
    require(isinstance(value, str) and PACK_NAME.fullmatch(value), "not a pack's name")


TENSORS, PATCHES, CASTS = "tensors", "patches", "casts"
POLICY = "policy"
KNOWN_FEATURES = {TENSORS, PATCHES, CASTS, POLICY}


def base64_text(value):
    require(isinstance(value, str) and value, "not base64")
    try:
        exact = base64.b64encode(base64.b64decode(value, validate=True)).decode()
    except ValueError:
        exact = None
    require(exact == value, "not base64")


def feature(value):
    require(isinstance(value, str) and FEATURE.fullmatch(value), "not a feature's name")


pack_names = rising(array(pack_name), str)
PACKS_SCHEMA = {"added": pack_names, "doomed": pack_names, "dropped": pack_names}
ENTRY_SCHEMA = {"event": identifier, "features": rising(array(feature), str),
                "number": integer, "packs?": lambda value: check_members(value, PACKS_SCHEMA), "packList?": identifier,
                "refs": identifier, "signature?": base64_text, "time": time}
ENTRY_FILE_SCHEMA = {"entry": lambda value: None, "note": string, "subtrees": array(identifier, most=64)}


def check_entry(entry, leaf, number):
    """Refuses what is not entry `number`; `leaf` are its bytes."""
    require(len(leaf) <= LARGEST_LEAF, f"entry is larger than {LARGEST_LEAF} bytes")
    check_members(entry, ENTRY_SCHEMA)
    require(entry["number"] == number, f"entry says that its number is {entry['number']}")


def entry_path(number):
    return f"log/new/{number:020d}"


def tile_path(level, number):
    groups = [f"{number % 1000:03d}"]
    while number := number // 1000:
        groups.insert(0, f"x{number % 1000:03d}")
    return f"log/tile/{level}/" + "/".join(groups)


class Log:
    """The operation log, read from entry 0 to the newest; what is wrong goes to `report(what, where)`.

    Afterwards `size` is the number of entries, `newest` the newest one or None, `live` the names of the live packs;
    `features_of` has the features of the entry that was the first to add a pack; `operations` has (event, root of refs)
    of each entry, in hex.
    """

    def __init__(self, files, origin, report):
        self.files, self.origin, self.report = files, origin, report
        self.frontier = Frontier()
        self.newest = self.newest_file = None
        self.live, self.doomed = set(), set()
        self.features_of = {}
        self.leaf_hashes = []
        self.operations = []
        self.events = set()

    @property
    def size(self):
        return self.frontier.size

    def read(self):
        """Reads all entries; from the first that is refused on, none."""
        number = 0
        try:
            numbers = {int(name) for name in self.files.names("log/new") if ENTRY_FILE_NAME.fullmatch(name)}
            sealed = []
            while True:
                if number % TILE == 0:
                    before, sealed = sealed, self._read_entries_tile(number // TILE)
                    require(before or not sealed or number == 0, "tile behind one that is missing")
                if not sealed and number not in numbers:
                    break
                self._take(number, sealed[number % TILE] if sealed else None, number in numbers)
                number += 1
        except Damage as damage:
            self.report(f"{damage}; the log is not read further", entry_path(number))
            return
        except OSError as error:
            self.report(f"cannot be read ({error.strerror}); the log is not read further", entry_path(number))
            return
        if number == 0:
            self.report("log without entries", "log/new")
        elif not self.newest_file or self.newest_file["entry"] != self.newest:
            self.report("file of the newest entry is missing, or differs from the tile", entry_path(number - 1))
        for behind in sorted(behind for behind in numbers if behind >= number):
            self.report("entry behind a gap", entry_path(behind))
        self._check_hash_tiles()

    def _read_entries_tile(self, number):
        """The 256 leaves of a tile; none where it is absent."""
        path = tile_path("entries", number)
        data = self.files.read(path, TILE * (2 + LARGEST_LEAF))
        if data is None:
            return []
        leaves, position = [], 0
        for _ in range(TILE):
            length = int.from_bytes(data[position:position + 2], "big")
            leaves.append(data[position + 2:position + 2 + length])
            position += 2 + length
        require(position == len(data), f"{path} is not 256 entries")
        return leaves

    def _take(self, number, sealed_leaf, has_file):
        """Checks one entry and appends it. A tile goes before the file, which may be a slow writer's ghost."""
        self.newest_file = None
        if sealed_leaf is None:
            self.newest_file = self._read_entry_file(number)
            require(self.newest_file, "the file has gone")
            leaf, entry = encode_canonical(self.newest_file["entry"]), self.newest_file["entry"]
        else:
            if has_file:
                try:
                    self.newest_file = self._read_entry_file(number)
                except (Damage, OSError) as error:
                    self.report(str(error), entry_path(number))
            leaf, entry = sealed_leaf, decode_canonical(sealed_leaf)
            check_entry(entry, leaf, number)
        unknown = sorted(set(entry["features"]) - KNOWN_FEATURES)
        if unknown:
            self.newest, self.live = None, set()  # nothing of such a store is read
            raise Damage(f"features {unknown!a} are not known")
        if self.newest and not set(entry["features"]) >= set(self.newest["features"]):
            self.report("features of the entry before are not in force any more", entry_path(number))
        self.newest = entry
        self.frontier.append(leaf)
        self.leaf_hashes.append(leaf_hash(leaf))
        if entry["event"] in self.events:
            self.report("event is that of another entry too", entry_path(number))
        self.events.add(entry["event"])
        self.operations.append((entry["event"], entry["refs"]))
        self._apply(entry, number)

    def _read_entry_file(self, number):
        """The file of the entry that follows those read, or None; what it says of the log is checked."""
        data = self.files.read(entry_path(number), LARGEST_ENTRY_FILE)
        if data is None:
            return None
        file = decode_canonical(data)
        check_members(file, ENTRY_FILE_SCHEMA)
        leaf = encode_canonical(file["entry"])
        check_entry(file["entry"], leaf, number)
        if file["subtrees"] != [subtree.hex() for subtree in self.frontier.subtrees]:
            self.report("subtrees are not those of the log", entry_path(number))
        root = base64.b64encode(self.frontier.root_with(leaf)).decode()
        text = f"mlrepo/{self.origin}\n{number + 1}\n{root}\n"
        if not file["note"].startswith(text) or not SIGNATURES.fullmatch(file["note"][len(text):]):
            self.report("note is not that of the log", entry_path(number))
        return file

    def _apply(self, entry, number):
        """Changes the set of live packs. Each rule is checked against the state before the entry."""
        require(("packs" in entry) != ("packList" in entry), "one of packs and packList is needed")
        if "packs" in entry:
            packs = entry["packs"]
            require(sum(len(packs[change]) for change in PACKS_SCHEMA) <= MOST_NAMES, "more than 32 packs in an entry")
        else:
            packs = self._read_pack_list(entry["packList"])
        added, doomed, dropped = (set(packs[change]) for change in PACKS_SCHEMA)
        for name in sorted(added & doomed | added & dropped | doomed & dropped):
            self.report(f"pack {name} has two changes in one entry", entry_path(number))
        for broken, rule in ((added & self.live, "added though live"), (added & self.doomed, "added though doomed"),
                             (dropped - self.live, "dropped though not live"),
                             (doomed & self.live, "doomed though live")):
            for name in sorted(broken):
                self.report(f"pack {name} {rule}", entry_path(number))
        self.live = self.live - dropped - doomed | added
        self.doomed |= doomed
        for name in added:
            self.features_of.setdefault(name, entry["features"])

    def _read_pack_list(self, digest):
        path = f"log/lists/{digest}"
        data = self.files.read(path, LARGEST_LIST)
        require(data is not None, f"{path} is missing")
        require(hashlib.sha256(data).hexdigest() == digest, f"{path} is not the file of its name")
        packs = decode_canonical(data)
        check_members(packs, PACKS_SCHEMA)
        return packs

    def _check_hash_tiles(self):
        """Hash tiles that are there must hold the hashes of the log; they can be rebuilt, so none must be there."""
        level, hashes = 0, self.leaf_hashes
        while full := len(hashes) // TILE:
            above = []
            for number in range(full):
                tile = hashes[TILE * number:TILE * (number + 1)]
                above.append(full_tile_hash(tile))
                path = tile_path(level, number)
                try:
                    data = self.files.read(path, TILE * 32)
                except (Damage, OSError) as error:
                    self.report(f"cannot be read ({error})", path)
                    continue
                if data is not None and data != b"".join(tile):
                    self.report("hashes are not those of the log", path)
            level, hashes = level + 1, above
