"""A store with a long log of signed entries, which nobody has to make one by one."""

from __future__ import annotations

import base64
import ctypes
import ctypes.util
import hashlib
import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "Tests" / "Reader"))
from tiny_writer import ORIGIN, TinyStore, canonical  # noqa: E402

TILE = 256
EVENTS_IN_A_FRAME = 2000
FIRST_TIME = 1_700_000_000
PERSON = {"email": "ada@example.com", "name": "Ada"}
ED25519 = 1087
"""libcrypto's number of the algorithm."""


class _Key:
    """A key of Ed25519 that follows from a seed, by the system's libcrypto."""

    def __init__(self, seed: str) -> None:
        library = ctypes.CDLL(ctypes.util.find_library("crypto"))
        for name in ("EVP_PKEY_new_raw_private_key", "EVP_MD_CTX_new"):
            getattr(library, name).restype = ctypes.c_void_p
        self._library = library
        self._key = ctypes.c_void_p(
            library.EVP_PKEY_new_raw_private_key(ED25519, None, hashlib.sha256(seed.encode()).digest(), ctypes.c_size_t(32)))
        public, length = ctypes.create_string_buffer(32), ctypes.c_size_t(32)
        library.EVP_PKEY_get_raw_public_key(self._key, public, ctypes.byref(length))
        self.blob = _string(b"ssh-ed25519") + _string(public.raw)
        self._secret = hashlib.sha256(seed.encode()).digest() + public.raw

    def write(self, path: Path) -> None:
        """As `ssh-keygen` keeps one without a passphrase (OpenSSH's PROTOCOL.key)."""
        check = struct.pack(">II", 1, 1)
        secret = check + self.blob + _string(self._secret) + _string(b"ada")
        secret += bytes(range(1, 1 + -len(secret) % 8))
        whole = b"openssh-key-v1\0" + _string(b"none") * 2 + _string(b"") + struct.pack(">I", 1) + _string(self.blob) + _string(secret)
        path.touch(mode=0o600)
        path.write_text(f"-----BEGIN OPENSSH PRIVATE KEY-----\n{base64.encodebytes(whole).decode()}-----END OPENSSH PRIVATE KEY-----\n")

    def sign(self, message: bytes) -> bytes:
        context = ctypes.c_void_p(self._library.EVP_MD_CTX_new())
        self._library.EVP_DigestSignInit(context, None, None, None, self._key)
        out, length = ctypes.create_string_buffer(64), ctypes.c_size_t(64)
        self._library.EVP_DigestSign(context, out, ctypes.byref(length), message, ctypes.c_size_t(len(message)))
        self._library.EVP_MD_CTX_free(context)
        return out.raw

    def ssh_signature(self, message: bytes, namespace: bytes) -> bytes:
        """As OpenSSH's PROTOCOL.sshsig has it."""
        tail = _string(namespace) + _string(b"") + _string(b"sha512")
        signed = self.sign(b"SSHSIG" + tail + _string(hashlib.sha512(message).digest()))
        return b"SSHSIG" + struct.pack(">I", 1) + _string(self.blob) + tail + _string(_string(b"ssh-ed25519") + _string(signed))


class _Frontier:
    """The full subtrees that make up a log, as (size, hash), largest first."""

    def __init__(self) -> None:
        self.subtrees: list[tuple[int, bytes]] = []

    def append(self, leaf: bytes) -> None:
        size, node = 1, hashlib.sha256(b"\0" + leaf).digest()
        while self.subtrees and self.subtrees[-1][0] == size:
            node = hashlib.sha256(b"\1" + self.subtrees.pop()[1] + node).digest()
            size *= 2
        self.subtrees.append((size, node))

    def root(self) -> str:
        if not self.subtrees:
            return base64.b64encode(hashlib.sha256().digest()).decode()
        root = self.subtrees[-1][1]
        for _, node in reversed(self.subtrees[:-1]):
            root = hashlib.sha256(b"\1" + node + root).digest()
        return base64.b64encode(root).decode()


def write_signed_log(place: Path, public_key: Path, seed: str, count: int) -> None:
    """Writes a store whose log has so many entries, all but what is new sealed, each signed by one key."""
    key, store = _Key(seed), TinyStore(str(place))
    refs = store.refs({})
    events = [store.put_json("event", {"actor": PERSON, "nonce": f"{number:032x}", "refs": [], "time": FIRST_TIME + number,
                                       "verb": "push"}) for number in range(count)]
    objects = list(store.pending)
    pack = store.pack(*((1, objects[start:start + EVENTS_IN_A_FRAME], None) for start in range(0, len(objects), EVENTS_IN_A_FRAME)))
    _write_entries(store, key, events, [refs] * count, pack, lambda _: [])
    key.write(public_key.with_suffix(""))
    public_key.write_text(f"ssh-ed25519 {base64.b64encode(key.blob).decode()} ada\n")


def _write_entries(store: TinyStore, key: _Key, events: list[str], refs: list[str], pack: str,
                   features: Callable[[int], list[str]]) -> None:
    log, tile, count = _Frontier(), [], len(events)
    for number in range(count):
        entry = {"event": events[number], "features": features(number), "number": number, "refs": refs[number],
                 "time": FIRST_TIME + number, "packs": {"added": [] if number else [pack], "doomed": [], "dropped": []}}
        before = [node.hex() for _, node in log.subtrees]
        message = f"mlrepo/{ORIGIN}\n{number}\n{log.root()}\n\n".encode() + canonical(entry)
        entry["signature"] = base64.b64encode(key.ssh_signature(message, b"mlrepo.event")).decode()
        leaf = canonical(entry)
        log.append(leaf)
        tile.append(leaf)
        if number >= count - count % TILE or number == count - 1:
            note = f"mlrepo/{ORIGIN}\n{number + 1}\n{log.root()}\n"
            store.write(f"log/new/{number:020d}", canonical({"entry": entry, "note": note, "subtrees": before}))
        if len(tile) == TILE:
            path = os.path.join("log/tile/entries", _tile_name(number // TILE))
            store.write(path, b"".join(struct.pack(">H", len(leaf)) + leaf for leaf in tile))
            tile = []


BRANCHES = 20


def write_governed_log(place: Path, seed: str, count: int) -> None:
    """Writes a store with a policy from its second entry on, each further one of which moves one of some branches forward."""
    key, store = _Key(seed), TinyStore(str(place))
    line = f"ssh-ed25519 {base64.b64encode(key.blob).decode()}"
    rules = [{"allow": ["read", "admin"], "refs": ["*"], "roles": ["all"]},
             {"allow": ["push", "create"], "refs": ["branches/*"], "roles": ["all"]}]
    document = canonical({
        "principals": {"ada": {"email": PERSON["email"], "keys": [line], "name": "Ada"}}, "version": 1, "rules": rules,
        "roles": {"all": {"description": "", "members": ["ada"]}}, "roots": {"members": ["ada"], "threshold": 1}})
    blob = store.put("blob", document)
    body = canonical({"kind": "policy", "origin": ORIGIN, "signer": PERSON, "subject": {"id": blob.hex(), "kind": "blob"},
                      "time": FIRST_TIME}).decode()
    armored = base64.b64encode(key.ssh_signature(body.encode(), b"mlrepo.policy")).decode()
    text = "\n".join(["-----BEGIN SSH SIGNATURE-----", *(armored[at:at + 70] for at in range(0, len(armored), 70)),
                      "-----END SSH SIGNATURE-----", ""])
    statement = store.put("statement", canonical({"body": body, "signature": text}))
    tree = store.directory({})
    run = store.run()
    refs = {"policies/1": ("blob", blob), f"statements/policy/blob/{blob.hex()}/{statement.hex()}": ("statement", statement)}
    tips: dict[str, bytes] = {}
    scratch = object.__new__(TinyStore)
    scratch.pending, scratch.ref_maps = {}, {}
    roots = [store.refs({})]
    events = [store.put_json("event", _event(0, {}, {}))]
    for number in range(1, count):
        before = dict(refs) if number > 1 else {}
        if number > 1:
            branch = f"branches/b{number % BRANCHES}"
            parents = [tips[branch].hex()] if branch in tips else []
            tips[branch] = store.commit(tree, parents=parents, runs=[run], message=f"{number}")
            refs[branch] = ("commit", tips[branch])
        events.append(store.put_json("event", _event(number, before, refs)))
        # Maps of refs that are not the newest one are collected in any old store.
        roots.append((store if number == count - 1 else scratch).refs(refs))
        scratch.pending.clear()
        scratch.ref_maps.clear()
    objects = [one for one in store.pending if one[0] != "blob"]
    frames = [(1, objects[start:start + EVENTS_IN_A_FRAME], None) for start in range(0, len(objects), EVENTS_IN_A_FRAME)]
    pack = store.pack(*frames, (0, [("blob", document)], None))
    _write_entries(store, key, events, roots, pack, lambda number: ["policy"] if number else [])


def _event(number: int, before: dict, after: dict) -> dict:
    refs = [{"name": name} | {side: {"id": refs[name][1].hex(), "kind": refs[name][0]}
                              for side, refs in (("after", after), ("before", before)) if name in refs}
            for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name)]
    return {"actor": PERSON, "nonce": f"{number:032x}", "refs": refs, "time": FIRST_TIME + number, "verb": "push"}


def _string(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value


def _tile_name(number: int) -> str:
    name = f"{number % 1000:03d}"
    while number >= 1000:
        number //= 1000
        name = f"x{number % 1000:03d}/{name}"
    return name
