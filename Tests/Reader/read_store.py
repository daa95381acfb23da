#!/usr/bin/env python3
"""An independent reader of mlrepo stores (format 1), written from Documentation/Formats alone.

usage: read_store.py verify [--cuts] STORE     check everything; --cuts also cuts files again by their recipes' rule
       read_store.py list STORE                kind id length pack frame, of each entry of the live packs' indexes
       read_store.py cat STORE KIND ID         an object's payload; a blob also by its recipe
       read_store.py refs STORE                kind id name
       read_store.py tree STORE COMMIT         mode id size path, of all that a commit's tree holds
       read_store.py directory STORE ID        the same of a directory by its id

STORE is the directory that holds the file `format`. Nothing is written there. Exit status: 0 clean, 1 problems, 64 usage.
The summary of `verify` counts as objects the distinct pairs of kind and id, blobs by recipe among them.
"""

import contextlib
import functools
import hashlib
import json
import os
import re
import sys
from typing import NamedTuple

from store_log import CASTS, PATCHES, TENSORS, Log, StoreFiles, read_format
from store_objects import (BLOB, CHUNKS, COMMIT, EVENT, KIND_NUMBERS, KINDS, LARGEST_PAYLOAD, LONGEST_PATH, RECIPES,
                           REFS, RUN, STATEMENT, TREE, Damage, Undecoded, decode_document, describe, encode_canonical,
                           object_id, path_json, require)
from store_packs import (BY_RECIPE, CAST, DATA, DEPTHS, LONGEST_PACK, PATCH, TENSOR, TENSOR_BASE, ZLIB_BASE, Content, Pack,
                         expected_entries, read_frame)
from store_trees import (DIRECTORY, LINK, LONGEST_START, ONE_CHUNK, Cursor, Recipe, checked_leaves, ends_by_rule_1,
                         lengths_by_rule_16, parse_chunks, parse_node)
from tensor_files import lengths_by_rule_17

DEEPEST_DIRECTORY = 2_048
FRAMES_KEPT = 16
DIRECTORIES_KEPT = 256
MOST_LISTED = 2**24  # files, and directories, of one tree; a reader's own bound
READ_SIZE = 2**20
CODECS_OF_FEATURES = {CASTS: {CAST}, PATCHES: {PATCH}, TENSORS: {TENSOR, TENSOR_BASE}}


def parse_payload(kind, payload):
    """An object's payload as what it is: bytes, a node, a recipe, a dictionary."""
    require(len(payload) <= LARGEST_PAYLOAD[kind], "larger than its kind may be")
    if kind == BLOB:
        return payload
    if kind == CHUNKS:
        return parse_chunks(payload)
    if kind in (TREE, REFS, RECIPES):
        return parse_node(kind, Cursor(payload))
    return decode_document(kind, payload)


class Place(NamedTuple):
    """Where an object lies."""
    pack: str
    frame: int
    offset: int
    length: int


class Store:
    """A store that is open for reading. What is wrong goes to `report(what, where)`."""

    def __init__(self, path, report):
        self.report = report
        self.files = StoreFiles(path)
        self.packs = {}    # name -> Pack
        self.places = {}   # (kind, id) -> places of the payload
        self.recipes = {}  # id of a blob -> places of its recipes
        self.log = None
        with self.reporting("format"):
            self.log = Log(self.files, read_format(self.files)["origin"], report)
        if self.log:
            self.log.read()
            for name in sorted(self.log.live):
                with self.reporting(self.pack_path(name)):
                    self._open_pack(name)
        self.recent_refs = functools.lru_cache(maxsize=4)(functools.partial(self.elements, REFS))
        self.raw_bytes = functools.lru_cache(maxsize=FRAMES_KEPT)(self._raw_bytes)

    @contextlib.contextmanager
    def reporting(self, where):
        """Turns damage into a problem."""
        try:
            yield
        except (Damage, Undecoded) as refusal:
            self.report(str(refusal), where)
        except BrokenPipeError:  # of standard output
            raise
        except OSError as error:
            self.report(f"cannot be read ({error.strerror})", where)

    @staticmethod
    def pack_path(name):
        return f"packs/{name[:2]}/{name}.pack"

    def _open_pack(self, name):
        with self.files.reading(self.pack_path(name)) as (read_at, size):
            pack = self.packs[name] = Pack(read_at, size)
        for entry in pack.entries:
            place = Place(name, entry.frame, entry.offset, entry.length)
            if entry.flags == BY_RECIPE:
                self.recipes.setdefault(entry.id, []).append(place)
            else:
                self.places.setdefault((entry.kind, entry.id), []).append(place)

    # Frames and objects

    def frame(self, name, number):
        """A frame, not yet decoded."""
        with self.files.reading(self.pack_path(name)) as (read_at, _):
            return read_frame(read_at, self.packs[name].frames[number])

    def _raw_bytes(self, name, number):
        return self.decode(name, self.frame(name, number))

    def decode(self, name, frame):
        """The raw bytes of a frame of a pack."""
        return frame.decode(functools.partial(self.base_payload, name, frame.codec))

    def base_payload(self, name, codec, kind, identifier):
        """The payload of a base of a frame of this codec in the pack `name`, from a frame of less depth."""
        base, same_pack = f"base {describe(kind, identifier)}", codec == ZLIB_BASE

        def is_candidate(place):
            codec_there = self.packs[place.pack].frames[place.frame].codec
            return (DEPTHS.get(codec_there, 0) < DEPTHS[codec] and codec_there != ZLIB_BASE
                    and (place.pack == name or not same_pack))
        places = list(filter(is_candidate, self.places.get((kind, identifier), ())))
        require(places, f"{base} lies in no frame {'of the pack ' if same_pack else ''}"
                f"{'of less depth' if codec == CAST else 'without a base'}")
        try:
            payload = self._first_sound(kind, identifier, places)
        except Damage as damage:
            raise Damage(f"{base}: {damage}") from None
        require(payload, f"{base} is empty")
        return payload

    def payload(self, kind, identifier):
        """The payload of an object that is stored whole, checked against its id."""
        return self._first_sound(kind, identifier, self.places.get((kind, identifier), ()))

    def _first_sound(self, kind, identifier, places):
        failure = Damage(f"{describe(kind, identifier)} is missing")
        for place in places:
            try:
                payload = self._bytes_at(place)
                require(object_id(kind, payload) == identifier, f"{describe(kind, identifier)} has other bytes")
                return payload
            except (Damage, Undecoded) as error:
                failure = error
            except OSError as error:
                failure = Damage(f"cannot be read ({error.strerror})")
        raise failure

    def _bytes_at(self, place):
        raw = self.raw_bytes(place.pack, place.frame)
        require(place.offset + place.length <= len(raw), "entry goes on behind its frame")
        return raw[place.offset:place.offset + place.length]

    def object(self, kind, identifier):
        """An object, parsed."""
        payload = self.payload(kind, identifier)
        try:
            return parse_payload(kind, payload)
        except Damage as damage:
            raise Damage(f"{damage} (in {describe(kind, identifier)})") from None

    def elements(self, kind, identifier):
        """The elements of the map at a root, the whole tree checked."""
        return checked_leaves(kind, self.object(kind, identifier), functools.partial(self.object, kind))

    # Blobs by recipe

    def recipes_of(self, blob):
        """(id, recipe) of each recipe that the indexes name for a blob."""
        for place in self.recipes.get(blob, ()):
            payload = self._bytes_at(place)
            recipe = parse_chunks(payload)
            require(isinstance(recipe, Recipe) and recipe.blob == blob, "index names something else as the recipe")
            yield object_id(CHUNKS, payload), recipe

    def chunk_list(self, recipe):
        """The elements of a recipe's sequence, the whole tree checked."""
        def fetch(identifier):
            node = self.object(CHUNKS, identifier)
            require(not isinstance(node, Recipe), "recipe where a node of a sequence belongs")
            return node
        return checked_leaves(CHUNKS, recipe.root, fetch)

    def pieces(self, recipe):
        """The chunks of a recipe one after the other; raises Damage at the end if they are not the blob."""
        digest = hashlib.sha256()
        for element in self.chunk_list(recipe):
            chunk = self.payload(BLOB, element.id)
            require(len(chunk) == element.size, f"chunk {element.id.hex()} has another length")
            digest.update(chunk)
            yield chunk
        require(digest.digest() == recipe.blob, "chunks are not the blob")

    # Commands

    def object_lines(self):
        """The lines of `list`; a blob by recipe has its own length and its recipe's place."""
        for name, pack in self.packs.items():
            for entry in pack.entries:
                length = entry.length
                if entry.flags == BY_RECIPE:
                    with self.reporting(describe(BLOB, entry.id)):
                        place = Place(name, entry.frame, entry.offset, entry.length)
                        length = parse_chunks(self._bytes_at(place)).length
                yield f"{KINDS[entry.kind - 1]} {entry.id.hex()} {length} {name} {entry.frame}"

    def contents(self, kind, identifier):
        """The bytes of an object, in pieces."""
        if kind == BLOB and (kind, identifier) not in self.places:
            _, recipe = next(self.recipes_of(identifier), (None, None))
            require(recipe, f"{describe(kind, identifier)} is missing")
            yield from self.pieces(recipe)
        else:
            yield self.payload(kind, identifier)

    def ref_lines(self):
        """The lines of `refs`."""
        require(self.log and self.log.newest, "log cannot be read")
        for element in self.elements(REFS, bytes.fromhex(self.log.newest["refs"])):
            yield f"{KINDS[element.kind - 1]} {element.id.hex()} {element.key.decode()}"

    def tree_lines(self, commit):
        """The lines of `tree`."""
        return self.directory_lines(bytes.fromhex(self.object(COMMIT, commit)["tree"]))

    def directory_lines(self, root):
        """The lines of `directory`, a directory before what it holds; paths in their JSON form."""
        require(self.object(TREE, root).totals()[1] <= MOST_LISTED, "too many files for this reader")
        pending, directories, files = self._entries_backwards(b"", root), 1, 0
        while pending:
            path, element = pending.pop()
            require(len(path) <= LONGEST_PATH, "path is too long")
            directories, files = directories + (element.mode == DIRECTORY), files + (element.mode != DIRECTORY)
            require(directories <= MOST_LISTED, "too many directories for this reader")
            require(files <= MOST_LISTED, "too many files for this reader")
            require(path.count(b"/") + 1 + (element.mode == DIRECTORY) <= DEEPEST_DIRECTORY, "directories are too deep")
            yield f"{element.mode} {element.id.hex()} {element.size} {encode_canonical(path_json(path)).decode()}"
            if element.mode == DIRECTORY:
                pending += self._entries_backwards(path + b"/", element.id)

    def _entries_backwards(self, prefix, directory):
        return [(prefix + element.key, element) for element in reversed(self.elements(TREE, directory))]


class DirectoryTotals(NamedTuple):
    """What holds for all that lies beneath a directory."""
    files: int
    size: int
    depth: int         # of directories, this one included
    longest_path: int  # in bytes


class Verifier:
    """Checks a whole store; the problems are lines in `problems`."""

    def __init__(self, path, cuts=False):
        self.problems = []
        self.cuts = cuts
        self.undecoded = 0
        self.directories = {}   # id -> DirectoryTotals, or None if damaged
        self.blob_lengths = {}  # id -> length, or None if damaged or missing
        self.checked_recipes = set()
        self.store = Store(path, self.report)
        self.recent_elements = functools.lru_cache(maxsize=DIRECTORIES_KEPT)(self.store.elements)

    def report(self, what, where):
        self.problems.append(problem_line(what, where))

    @contextlib.contextmanager
    def checking(self, where):
        """Turns damage into a problem; frames that this machine cannot decode are counted instead."""
        with self.store.reporting(where), contextlib.suppress(Undecoded):
            yield

    def run(self):
        """Checks all, and gives the summary."""
        log = self.store.log
        for name in self.store.packs:
            self.check_pack(name)
        if self.undecoded:
            self.report(f"{self.undecoded} frames could not be decoded (no zstd command)", "packs")
        if log and log.newest:
            self.check_operations()
            self.check_reachable(REFS, bytes.fromhex(log.newest["refs"]))
        for blob in self.store.recipes.keys() - self.blob_lengths.keys():
            self.check_unreached_recipes(blob)
        self.store.files.close()
        return {"entries": log.size if log else 0, "packs": len(log.live) if log else 0,
                "frames": sum(len(pack.frames) for pack in self.store.packs.values()),
                "objects": len(self.store.places.keys() | {(BLOB, blob) for blob in self.store.recipes}),
                "problems": len(self.problems)}

    # Packs

    def check_pack(self, name):
        path = self.store.pack_path(name)
        with self.checking(path), self.store.files.reading(path) as (read_at, size):
            require(size < LONGEST_PACK, "pack is too long")
            digest = hashlib.sha256()
            for offset in range(0, size, READ_SIZE):
                digest.update(read_at(offset, min(READ_SIZE, size - offset)))
            require(digest.hexdigest() == name[:64], "SHA-256 differs from the name")
        pack = self.store.packs[name]
        log, codecs = self.store.log, {frame.codec for frame in pack.frames}
        for feature, codecs_of_feature in CODECS_OF_FEATURES.items():
            if codecs & codecs_of_feature and log and log.newest:
                for features, entry in ((log.newest["features"], "newest entry"), (log.features_of[name], "entry that adds it")):
                    if feature not in features:
                        self.report(f"it has {feature}, which the {entry} does not demand", path)
                        break
        sound = {number: objects for number in range(len(pack.frames))
                 if (objects := self.check_frame(name, number)) is not None}
        if len(sound) == len(pack.frames):
            with self.checking(path):
                raw_total = sum(length for objects in sound.values() for *_, length in objects)
                require(raw_total == pack.raw_total, "trailer's sum of raw bytes differs")
                depths = {number: DEPTHS.get(frame.codec, 0) for number, frame in enumerate(pack.frames)
                          if frame.frame_class == DATA}
                require(pack.entries == expected_entries(sound, depths), "index differs from the frames")

    def check_frame(self, name, number):
        """The contents of a frame, each object checked; None if the frame cannot be read."""
        with self.checking(f"{self.store.pack_path(name)} frame {number}"):
            frame = self.store.frame(name, number)
            try:
                raw = self.store.decode(name, frame)
            except Undecoded:
                self.undecoded += 1
                raise
            contents = []
            for kind, offset, payload in frame.payloads(raw):
                identifier, parsed = object_id(kind, payload), None
                with self.checking(describe(kind, identifier)):
                    parsed = parse_payload(kind, payload)
                recipe_of = parsed.blob if isinstance(parsed, Recipe) else None
                contents.append(Content(kind, identifier, recipe_of, offset, len(payload)))
            return contents
        return None

    # What the log names

    def check_operations(self):
        """Checks the events of all entries, the objects that stay because of them, and what they say of refs."""
        before, named = {}, {}
        for number, (event_id, root) in enumerate(self.store.log.operations):
            event, where = None, f"event of entry {number}"
            with self.checking(where):
                event = self.store.object(EVENT, bytes.fromhex(event_id))
            after = self.refs_of(root)
            if event:
                changes = {change["name"]: (change.get("before"), change.get("after")) for change in event["refs"]}
                for reference in (side for pair in changes.values() for side in pair if side):
                    named.setdefault((KIND_NUMBERS[reference["kind"]], bytes.fromhex(reference["id"])), where)
                if None not in (before, after) and changes != differences(before, after):
                    self.report("refs of the event are not what the entry changes", where)
            before = after
        for (kind, identifier), where in named.items():
            with self.checking(f"named by {where}"):
                self.store.object(kind, identifier)

    def refs_of(self, root):
        """The refs at a root: name -> reference as in events; None where they cannot be read, as they need not stay."""
        with contextlib.suppress(Damage, Undecoded, OSError):
            return {element.key.decode(): {"id": element.id.hex(), "kind": KINDS[element.kind - 1]}
                    for element in self.store.recent_refs(bytes.fromhex(root))}
        return None

    # What the newest refs reach

    def check_reachable(self, kind, identifier):
        pending, visited = [(kind, identifier, "the newest entry")], set()
        while pending:
            *item, referrer = pending.pop()
            if tuple(item) not in visited:
                visited.add(tuple(item))
                with self.checking(f"reached from {referrer}"):
                    pending += [(*reference, describe(*item)) for reference in self.references(*item)]

    def references(self, kind, identifier):
        """What an object refers to, after a check of the object. Directories and blobs are followed to their ends."""
        if kind == TREE:
            self.directory(identifier, 1, "a root")
        elif kind == BLOB:
            self.blob_length(identifier)
        elif kind == REFS:
            return [(element.kind, element.id) for element in self.store.elements(kind, identifier)]
        elif kind == RECIPES:
            elements = self.store.elements(kind, identifier)
            require(elements, "empty map of recipes")
            for element in elements:
                self.check_listed_recipe(element)
        elif kind == CHUNKS:
            recipe = self.store.object(kind, identifier)
            if isinstance(recipe, Recipe):
                self.check_recipe(identifier, recipe)
        elif kind == COMMIT:
            commit = self.store.object(kind, identifier)
            self.check_introduced(identifier, commit)
            texts = [(COMMIT, parent) for parent in commit["parents"]] + [(RUN, run) for run in commit["runs"]]
            texts += [(RECIPES, commit["recipes"])] if "recipes" in commit else []
            return [(kind, bytes.fromhex(text)) for kind, text in [*texts, (TREE, commit["tree"])]]
        elif kind == RUN:
            run = self.store.object(kind, identifier)
            code = run.get("code", {})
            texts = [(BLOB, code["patch"])] if "patch" in code else []
            texts += [(TREE, code["sources"])] if "sources" in code else []
            texts += [(BLOB, run[name]) for name in ("standardOutput", "standardError", "packages", "lookups") if name in run]
            texts += [(TREE, run["saved"])] if "saved" in run else []
            texts += [(BLOB, run["external"]["list"])] if "external" in run else []
            texts += [(BLOB, run["code"]["files"])] if "files" in run.get("code", {}) else []
            texts += [(TREE, run["inputs"]), (TREE, run["outputs"])]
            return [(kind, bytes.fromhex(text)) for kind, text in texts]
        else:
            self.store.object(kind, identifier)
        return []

    def directory(self, identifier, depth, referrer):
        """The totals of a directory, all beneath it checked; None if it is damaged."""
        if identifier not in self.directories:
            self.directories[identifier] = None
            with self.checking(f"reached from {referrer}"):
                require(depth <= DEEPEST_DIRECTORY, "directories are too deep")
                self.directories[identifier] = self.directory_totals(identifier, depth)
        totals = self.directories[identifier]
        if totals and depth == 1:
            with self.checking(describe(TREE, identifier)):
                require(totals.depth <= DEEPEST_DIRECTORY, "directories are too deep")
                require(totals.longest_path <= LONGEST_PATH, "path is too long")
        return totals

    def directory_totals(self, identifier, depth):
        elements = self.recent_elements(TREE, identifier)
        where = describe(TREE, identifier)
        deepest = longest = 0
        for element in elements:
            length = len(element.key)
            if element.mode == DIRECTORY:
                below = self.directory(element.id, depth + 1, where)
                if below:
                    if (element.files, element.size) != (below.files, below.size):
                        self.report(f"files or size of directory {element.key!r} differ from what it holds", where)
                    deepest = max(deepest, below.depth)
                    length += 1 + below.longest_path if below.longest_path else 0
            else:
                with self.checking(where):
                    self.check_file(element)
            longest = max(longest, length)
        return DirectoryTotals(sum(e.files for e in elements), sum(e.size for e in elements), deepest + 1, longest)

    def check_file(self, element):
        length = self.blob_length(element.id)
        require(length in (None, element.size), f"size of {element.key!r} differs from its blob's")
        if element.mode == LINK and length is not None:
            target = self.store.payload(BLOB, element.id)
            require(b"\0" not in target, f"target of link {element.key!r} has a zero byte")

    # Blobs and recipes

    def blob_length(self, identifier):
        """The length of a blob that is there whole or by a recipe, which is checked; else None."""
        if identifier not in self.blob_lengths:
            self.blob_lengths[identifier] = None
            with self.checking("reached from a tree, a run or a ref"):
                places = self.store.places.get((BLOB, identifier))
                if places:
                    self.blob_lengths[identifier] = places[0].length
                else:
                    recipes = list(self.store.recipes_of(identifier))
                    require(recipes, f"{describe(BLOB, identifier)} is missing")
                    for recipe_id, recipe in recipes:
                        self.check_recipe(recipe_id, recipe)
                    self.blob_lengths[identifier] = recipes[0][1].length
        return self.blob_lengths[identifier]

    def check_recipe(self, identifier, recipe):
        """Checks that the chunks of a recipe give the blob; if asked to, also that they are those of its cut rule."""
        if identifier in self.checked_recipes:
            return
        self.checked_recipes.add(identifier)
        with self.checking(f"recipe {describe(CHUNKS, identifier)} of {describe(BLOB, recipe.blob)}"):
            rule = recipe.cut_rule if self.cuts else None
            require(rule != 1 or recipe.length > ONE_CHUNK, "recipe of a file of one chunk")
            start, lengths, rest = bytearray(), [], recipe.length
            for piece in self.store.pieces(recipe):
                rest -= len(piece)
                require(rule != 1 or ends_by_rule_1(piece, rest == 0), "chunks are not those of cut rule 1")
                if rule in (16, 17):
                    lengths.append(len(piece))
                    start += piece if rule == 17 or len(start) < LONGEST_START else b""
            if rule in (16, 17):
                self.check_rule_of_tensors(rule, bytes(start), lengths)

    @staticmethod
    def check_rule_of_tensors(rule, start, lengths):
        """Refuses chunks of other lengths than those by rule 16 or 17, and files that it does not cut."""
        try:
            expected = lengths_by_rule_16(start, sum(lengths)) if rule == 16 else lengths_by_rule_17(start)
        except Damage as damage:
            raise Damage(f"not a file that cut rule {rule} cuts ({damage})") from None
        require(lengths == expected, f"chunks are not those of cut rule {rule}")

    def check_unreached_recipes(self, blob):
        """Checks recipes that no ref reaches, unless a chunk is missing: what is not reached need not be whole."""
        with self.checking(describe(BLOB, blob)):
            for identifier, recipe in self.store.recipes_of(blob):
                with contextlib.suppress(Damage):
                    chunks = self.store.chunk_list(recipe)
                    if all((BLOB, chunk.id) in self.store.places for chunk in chunks):
                        self.check_recipe(identifier, recipe)

    def check_listed_recipe(self, element):
        recipe = self.store.object(CHUNKS, element.id)
        require(isinstance(recipe, Recipe) and recipe.blob == element.key,
                f"recipe of {describe(BLOB, element.key)} is of something else")
        self.check_recipe(element.id, recipe)

    def check_introduced(self, identifier, commit):
        """Each blob that lies by recipe only and that a commit introduces has its recipe in the commit's map."""
        with contextlib.suppress(Damage, Undecoded, OSError):  # what cannot be read is reported where it is reached
            listed, parent = set(), None
            if "recipes" in commit:
                listed = {element.key for element in self.store.elements(RECIPES, bytes.fromhex(commit["recipes"]))}
            if commit["parents"]:
                parent = bytes.fromhex(self.store.object(COMMIT, bytes.fromhex(commit["parents"][0]))["tree"])
            missing = {blob for blob in self.changed_blobs(bytes.fromhex(commit["tree"]), parent)
                       if (BLOB, blob) not in self.store.places} - listed
            if missing and parent is not None:
                missing -= set(self.changed_blobs(parent, None))
            for blob in sorted(missing):
                self.report(f"no recipe is listed of {describe(BLOB, blob)}", describe(COMMIT, identifier))

    def changed_blobs(self, tree, other):
        """The blobs of the files in a tree at whose path another tree, if there is one, holds something else."""
        pending, seen = [(tree, other)], set()
        while pending:
            pair = pending.pop()
            if pair in seen or pair[0] == pair[1]:
                continue
            seen.add(pair)
            others = {e.key: e for e in self.recent_elements(TREE, pair[1])} if pair[1] else {}
            for element in self.recent_elements(TREE, pair[0]):
                old = others.get(element.key)
                if element.mode == DIRECTORY:
                    pending.append((element.id, old.id if old and old.mode == DIRECTORY else None))
                elif not old or old.id != element.id:
                    yield element.id


def differences(before, after):
    """name -> (before, after) of each ref that differs."""
    return {name: (before.get(name), after.get(name)) for name in before.keys() | after.keys()
            if before.get(name) != after.get(name)}


def problem_line(what, where):
    """A line of output in which nothing can take over a terminal."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in f"problem: {what} {where}")


def verify(path, cuts=False):
    """(lines of problems, summary) of the store at a path."""
    sys.setrecursionlimit(20_000)  # directories are up to 2,048 deep, with two calls for each
    verifier = Verifier(path, cuts)
    summary = verifier.run()
    return verifier.problems, summary


def run_verify(path, cuts):
    problems, summary = verify(path, cuts)
    for line in problems:
        print(line)
    print(json.dumps(summary))
    return 1 if problems else 0


def run_listing(command, path, *rest):
    """The commands that print what a store holds; problems go to standard error."""
    problems = []
    store = Store(path, lambda what, where: problems.append(problem_line(what, where)))
    with store.reporting(path):
        if command == "cat":
            for piece in store.contents(KIND_NUMBERS[rest[0]], parse_id(rest[1])):
                sys.stdout.buffer.write(piece)
        else:
            for line in {"list": lambda: sorted(store.object_lines()), "refs": store.ref_lines,
                         "tree": lambda: store.tree_lines(*map(parse_id, rest)),
                         "directory": lambda: store.directory_lines(*map(parse_id, rest))}[command]():
                print(line)
    sys.stdout.flush()
    for line in problems:
        print(line, file=sys.stderr)
    return 1 if problems else 0


def parse_id(text):
    return bytes.fromhex(text.removeprefix("sha256:"))


def is_usage(arguments):
    """Whether arguments are those of one of the commands."""
    is_id = re.compile(r"(sha256:)?[0-9a-f]{64}").fullmatch
    match arguments:
        case ["verify", "--cuts", _] | ["verify" | "list" | "refs", _]:
            return True
        case ["cat", _, kind, identifier]:
            return kind in KIND_NUMBERS and bool(is_id(identifier))
        case ["tree" | "directory", _, identifier]:
            return bool(is_id(identifier))
    return False


def main(arguments):
    if not is_usage(arguments):
        print(__doc__.strip(), file=sys.stderr)
        return 64
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        if arguments[0] == "verify":
            return run_verify(arguments[-1], "--cuts" in arguments[:-1])
        return run_listing(*arguments)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        what = f"cannot be read ({error.strerror})"
    except Exception as defect:  # a defect of this reader must not look like a clean store
        what = f"reader failed ({defect!r})"
    print(problem_line(what, "STORE"), file=sys.stdout if arguments[0] == "verify" else sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
