"""Ids, canonical JSON, names, and the JSON objects (commits, runs, events) of store format 1.

Written from Documentation/Formats/{README,canonical-json,objects}.md alone.
"""

import base64
import binascii
import hashlib
import json
import re
from json.encoder import encode_basestring

KINDS = ("blob", "chunks", "tree", "refs", "recipes", "commit", "run", "event", "statement")
BLOB, CHUNKS, TREE, REFS, RECIPES, COMMIT, RUN, EVENT, STATEMENT = range(1, 10)
KIND_NUMBERS = {name: number for number, name in enumerate(KINDS, 1)}

LARGEST_INTEGER = 2**53 - 1
LARGEST_FILE = 2**53 - 1
DEEPEST_JSON = 32
LARGEST_NODE = 65_536
LARGEST_DOCUMENT = 1_048_576
LARGEST_RAW = 4_194_304
LARGEST_PAYLOAD = {kind: LARGEST_RAW if kind == BLOB else LARGEST_NODE if kind <= RECIPES else LARGEST_DOCUMENT
                   for kind in range(1, 10)}
LONGEST_PATH = 4_096


class Damage(Exception):
    """What was read is refused."""


class Undecoded(Exception):
    """What was read may be sound, but this machine has no decoder for it."""


def require(condition, what):
    """Refuses with the words `what` unless the condition holds."""
    if not condition:
        raise Damage(what)


# Ids

def object_id(kind, payload):
    """The id of an object: a blob's is plain SHA-256, any other kind's covers kind and length."""
    head = b"" if kind == BLOB else b"%s %d\0" % (KINDS[kind - 1].encode(), len(payload))
    return hashlib.sha256(head + payload).digest()


def describe(kind, identifier):
    """An object as problem lines name it."""
    return f"{KINDS[kind - 1]} {identifier.hex()}"


# Canonical JSON

JSON_TOKENS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{]|[\]}]', re.DOTALL)


def nesting(data):
    """The depth of objects and arrays in a JSON text, found without building anything."""
    depth = deepest = 0
    for token in JSON_TOKENS.finditer(data):
        first = data[token.start()]
        if first in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif first in b"]}":
            depth -= 1
    return deepest


def encode_canonical(value):
    """The one encoding of a JSON value, as bytes."""
    return _encode(value).encode("utf-8")


def _encode(value):
    if isinstance(value, str):
        return encode_basestring(value)
    if isinstance(value, dict):
        members = sorted(value.items(), key=lambda member: member[0].encode("utf-16-be"))
        return "{" + ",".join(f"{_encode(name)}:{_encode(item)}" for name, item in members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_encode, value)) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if abs(value) > LARGEST_INTEGER:
        raise ValueError("integer out of range")
    return str(value)


def _refuse_number(text):
    raise ValueError(f"number {text[:40]} is not an integer")


def decode_canonical(data):
    """The value of a JSON text; any bytes but those the encoder would write are refused."""
    require(nesting(data) <= DEEPEST_JSON, "JSON is nested too deeply")
    try:
        value = json.loads(data.decode("utf-8"), parse_float=_refuse_number, parse_constant=_refuse_number)
        canonical = encode_canonical(value)
    except ValueError as error:
        raise Damage(f"not JSON of this format ({error})") from None
    require(canonical == data, "JSON is not in its canonical form")
    return value


# Names, paths, ref names

IGNORABLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u206a-\u206f\ufeff\ufe00-\ufe0f]")
FOLDING = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)} | {0x130: "i", 0x131: "i"}
RESERVED = re.compile(r"\.git|\.mlrepo|(git|mlrepo|mlrep)~[0-9]+")
BEING_WRITTEN = re.compile(rb"\.mlrepo-tmp-[0-9a-f]{16}")
REF_COMPONENT = re.compile(r"(?![-.])(?!@$)[A-Za-z0-9_.+@-]+(?<!\.lock)(?<!\.)")
REF_KINDS = {"branches": COMMIT, "tags": COMMIT, "remotes": COMMIT, "worktrees": COMMIT, "kept": COMMIT, "runs": RUN,
             "statements": STATEMENT, "policies": BLOB, "proposals": BLOB}
STATEMENT_NAME = re.compile(rb"statements/[a-z-]{1,64}/(%s)/[0-9a-f]{64}/([0-9a-f]{64})" % "|".join(KINDS).encode())


def check_name(name):
    """Refuses what must not be an entry of a directory."""
    require(1 <= len(name) <= 255 and b"/" not in name and b"\0" not in name and name not in (b".", b".."),
            f"name {name!r} is not allowed")
    require(not BEING_WRITTEN.fullmatch(name), f"name {name!r} is that of a file being written")
    try:
        text = IGNORABLE.sub("", name.decode("utf-8"))
    except UnicodeDecodeError:
        text = name.decode("latin-1")
    text = text.rstrip(". ").partition(":")[0].rstrip(". ").translate(FOLDING)
    require(not RESERVED.fullmatch(text), f"name {name!r} is reserved")


def check_ref_name(name):
    """Refuses what is not a whole ref name."""
    try:
        text = name.decode("ascii")
    except UnicodeDecodeError:
        raise Damage(f"ref name {name!r} is not ASCII") from None
    components = text.split("/")
    require(len(name) <= 250 and len(components) >= 2 and components[0] in REF_KINDS
            and all(map(REF_COMPONENT.fullmatch, components)), f"ref name {name!r} is not allowed")


def check_ref(name, kind, identifier):
    """Refuses a ref name, or an object that a ref of this name must not name."""
    check_ref_name(name)
    require(kind == REF_KINDS[name.decode().partition("/")[0]], f"ref {name!r} names an object of kind {kind}")
    if kind == STATEMENT:
        parts = STATEMENT_NAME.fullmatch(name)
        require(parts and parts[2].decode() == identifier, f"ref {name!r} names statement {identifier}")


def path_bytes(value):
    """The bytes of a path in its JSON form; the empty path is the root."""
    if isinstance(value, str):
        path = value.encode("utf-8")
    else:
        require(isinstance(value, dict) and list(value) == ["bytes"] and isinstance(value["bytes"], str), "not a path")
        path = decode_base64(value["bytes"])
        require(not is_utf8(path), "a path that is UTF-8 has the form for one that is not")
    require(len(path) <= LONGEST_PATH, "path is too long")
    for name in path.split(b"/") if path else ():
        check_name(name)
    return path


def argument(value):
    """A word of a command: any bytes."""
    if not isinstance(value, str):
        require(isinstance(value, dict) and list(value) == ["bytes"] and isinstance(value["bytes"], str), "not a word")
        require(not is_utf8(decode_base64(value["bytes"])), "a word that is UTF-8 has the form for one that is not")


def path_json(path):
    """The JSON form of a path."""
    return path.decode("utf-8") if is_utf8(path) else {"bytes": base64.b64encode(path).decode()}


def is_utf8(data):
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def decode_base64(text):
    """Strict RFC 4648: padding is there, unused bits are zero."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Damage("not base64") from None
    require(base64.b64encode(data).decode() == text, "not base64 in its only form")
    return data


# Members of JSON objects. A check refuses a value by raising Damage. A name with ? is of a member that may be absent.

def check_members(value, schema):
    require(isinstance(value, dict), "not an object")
    for key, check in schema.items():
        name = key.rstrip("?")
        if name in value:
            try:
                check(value[name])
            except Damage as damage:
                raise Damage(f"{name}: {damage}") from None
        else:
            require(key.endswith("?"), f"member {name} is missing")


def string(value):
    require(isinstance(value, str), "not a string")


def integer(value):
    require(type(value) is int, "not an integer")


def at_least(least):
    def check_least(value):
        integer(value)
        require(value >= least, f"below {least}")
    return check_least


time = at_least(0)


def boolean(value):
    require(isinstance(value, bool), "not a truth value")


def one_of(*choices):
    return lambda value: require(any(type(value) is type(choice) and value == choice for choice in choices),
                                 "not one of " + ", ".join(map(str, choices)))


def hexadecimal(digits):
    pattern = re.compile("[0-9a-f]{%d}" % digits)
    return lambda value: require(isinstance(value, str) and pattern.fullmatch(value), f"not {digits} hex digits")


def array(check, least=0, most=None):
    def check_array(value):
        require(isinstance(value, list), "not an array")
        require(least <= len(value) and (most is None or len(value) <= most), "too few or too many elements")
        for item in value:
            check(item)
    return check_array


def unique(check):
    def check_unique(value):
        check(value)
        require(len(set(value)) == len(value), "an element is repeated")
    return check_unique


def rising(check, key):
    """An array sorted by `key`, without repetition."""
    def check_rising(value):
        check(value)
        keys = list(map(key, value))
        require(all(a < b for a, b in zip(keys, keys[1:])), "not sorted, or repeated")
    return check_rising


def mapping(check):
    def check_mapping(value):
        require(isinstance(value, dict), "not an object")
        for item in value.values():
            check(item)
    return check_mapping


def record(schema):
    return lambda value: check_members(value, schema)


identifier = hexadecimal(64)


def person_text(value):
    string(value)
    require(len(value.encode("utf-8")) <= 250 and not re.search("[\x00-\x1f\x7f]", value),
            "too long, or with a control character")


def string_or_integer(value):
    require(isinstance(value, str) or type(value) is int, "neither a string nor an integer")


INTEGER_TEXT = re.compile(r"-?[0-9]+")
FLOAT_TEXT = re.compile(r"-?(?=\.?[0-9])[0-9]*\.?[0-9]*([eE][+-]?[0-9]+)?|nan|-?inf")


def decimal(value):
    string(value)
    require(FLOAT_TEXT.fullmatch(value), "no decimal number")


def user_value(value):
    """Refuses what is not a tagged user value."""
    require(isinstance(value, list) and value and isinstance(value[0], str), "not a user value")
    tag, *rest = value
    if tag == "null":
        require(not rest, "null with a value")
        return
    require(len(rest) == 1, "a user value has a tag and one value")
    if tag == "list":
        array(user_value)(rest[0])
    elif tag == "map":
        mapping(user_value)(rest[0])
    else:
        string(rest[0])
        require(tag == "string"
                or tag == "bool" and rest[0] in ("true", "false")
                or tag == "int" and len(rest[0]) <= 1_024 and INTEGER_TEXT.fullmatch(rest[0])
                or tag == "float" and len(rest[0]) <= 1_024 and FLOAT_TEXT.fullmatch(rest[0]), f"not a user value: {tag!r} {rest[0][:80]!r}")


person = record({"email": person_text, "name": person_text})
reference = record({"id": identifier, "kind": one_of(*KINDS)})


def ref_name(value):
    string(value)
    check_ref_name(value.encode("utf-8"))


def ref_change(value):
    check_members(value, {"after?": reference, "before?": reference, "name": ref_name})
    require("after" in value or "before" in value, "neither before nor after")
    for side in ("after", "before"):
        if side in value:
            check_ref(value["name"].encode(), KIND_NUMBERS[value[side]["kind"]], value[side]["id"])
    require(value.get("after") != value.get("before"), "before and after are equal")


def statement_body(value):
    """Refuses a text that is not what a statement says."""
    body = decode_canonical(value.encode())
    require(isinstance(body, dict) and re.fullmatch("[a-z-]{1,64}", str(body.get("kind", ""))), "a statement of no kind")
    members = {"tag": {"name": string}, "note": {"text": string, "path?": path_bytes, "content?": reference},
               "policy": {"origin": string}, "approval": {"origin": string, "ref": string, "before?": reference}}
    check_members(body, {"kind": string, "signer": person, "subject": reference, "time": time,
                         **members.get(body["kind"], {})})
    kinds = {"commit": ["commit"], "tag": ["commit"], "note": ["commit"] if "path" in body else ["commit", "run"],
             "policy": ["blob"], "approval": ["commit"]}
    require(body["subject"]["kind"] in kinds.get(body["kind"], KINDS), "a statement about something else")
    if body["kind"] == "note":
        require(1 <= len(body["text"].encode()) <= 1 << 16, "a note of no length, or too long")
        require(("path" in body) == ("content" in body), "a place without content, or content without a place")
        require("content" not in body or body["content"]["kind"] in ("blob", "tree"), "a note on no file or directory")


SCHEMAS = {
    COMMIT: {
        "author": person, "authored": time, "committed": time, "committer": person, "message": string,
        "parents": unique(array(identifier, most=64)), "recipes?": identifier,
        "runs": unique(array(identifier, least=1)),
        "tracked": record({"directories": rising(array(path_bytes), path_bytes),
                           "patterns": rising(array(string), str.encode)}),
        "tree": identifier,
    },
    RUN: {
        "origin": one_of("declared", "observed"), "observedBy": string, "recorded": time,
        "started?": time, "startedFraction?": at_least(0), "ended?": time, "user?": person,
        "name?": hexadecimal(32), "base?": identifier, "continues?": identifier, "saved?": identifier, "ranks?": at_least(2),
        "within?": one_of("tree", "process"), "standardInput?": one_of("file"),
        "command?": record({"arguments": array(argument), "directory?": path_bytes}),
        "exitStatus?": at_least(0), "signal?": at_least(1), "received?": at_least(1),
        "usage?": record({"userMicroseconds": at_least(0), "systemMicroseconds": at_least(0),
                          "maximumResidentBytes": at_least(0)}),
        "standardOutput?": identifier, "standardError?": identifier, "packages?": identifier,
        "lookups?": identifier, "external?": record({"files": at_least(1), "bytes": at_least(0), "list": identifier}),
        "uncertain?": rising(array(path_bytes), path_bytes), "removed?": rising(array(path_bytes), path_bytes),
        "gaps?": rising(array(string), str.encode),
        "reproduction?": record({
            "run": identifier, "result": one_of("identical", "equivalent", "different", "failed"), "tolerance?": decimal,
            "outputs": at_least(0), "paths?": rising(array(path_bytes), path_bytes),
            "exchanged?": rising(array(path_bytes), path_bytes),
            "differences": array(record({
                "path": path_bytes, "equivalent": boolean, "detail": string, "greatest?": decimal}))}),
        "code?": record({"dirty": boolean, "patch?": identifier, "remote?": string, "revision?": string,
                         "sources?": identifier, "files?": identifier, "directory?": path_bytes, "system": one_of("git", "none")}),
        "parameters": mapping(user_value), "metrics": mapping(user_value), "environment": mapping(string_or_integer),
        "inputs": identifier, "outputs": identifier,
        "inputCommits?": rising(array(record({"commit": identifier, "path": path_bytes})),
                                lambda item: path_bytes(item["path"])),
    },
    EVENT: {
        "verb": string, "actor": person, "workingCopy?": hexadecimal(32), "time": time, "nonce": hexadecimal(32),
        "reason?": string, "refs": rising(array(ref_change), lambda change: change["name"].encode()),
        "undoes?": identifier,
        "session?": record({"address?": string, "key?": string, "way": string}),
    },
    STATEMENT: {"body": statement_body, "signature": string},
}


def decode_document(kind, payload):
    """A commit, run, event or statement as a dictionary, checked member by member."""
    require(len(payload) <= LARGEST_DOCUMENT, "larger than 1 MiB")
    value = decode_canonical(payload)
    check_members(value, SCHEMAS[kind])
    return value
