"""Tests of the independent reader: the worked examples, stores from a tiny writer, and damage of all kinds.

Run by `python3 -m unittest` in this folder. MLREPO_SEED repeats a run's random positions.
"""

import base64
import hashlib
import io
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import read_store
import store_log
import store_objects
import store_packs
import store_trees
from store_objects import BLOB, COMMIT, EVENT, KINDS, RUN, TREE, Damage, decode_canonical
from tiny_writer import ORIGIN, TinyStore, build_pack, canonical, cut_file, make_id, sha256, varint

EXAMPLES = json.loads((HERE.parent / "Vectors" / "worked-examples.json").read_text())
SEED = int(os.environ.get("MLREPO_SEED", random.SystemRandom().randrange(2**32)))
FLIPS = 300


def build_full_store(path):
    """A store with all that the format has, of 300 entries."""
    store = TinyStore(path)
    events = [store.event() for _ in range(300)]
    history = store.flush()

    big = random.Random(1).randbytes(3_000_000)
    chunks = cut_file(big)
    big_entry, big_recipe = store.recipe(big, chunks, rule=1)
    pieces = [b"%08d" % (i // 3) for i in range(400)]
    odd_entry, odd_recipe = store.recipe(b"".join(pieces), pieces, rule=0)
    for chunk in chunks:
        del store.pending["blob", chunk]
    chunk_pack = store.pack((0, [("blob", chunk) for chunk in chunks[:8]], None),
                            *[(2, [("blob", chunk)], None) for chunk in chunks[8:]])

    text = b"".join(b"line %d\n" % i for i in range(9_000))
    edited = text.replace(b"line 77\n", b"line seventy-seven\n")
    many = store.directory({b"name-%04d" % i: store.file(b"content %d" % (i % 50)) for i in range(5_000)})
    first_tree = store.directory({b"text": store.file(text), b"many": many, b"empty": store.directory({}),
                                  b"big.bin": big_entry})
    first = store.commit(first_tree, recipes=store.recipes([big_recipe]))
    run = store.run(
        origin="observed", observedBy="trace", started=-5, ended=9, exitStatus=0,
        command={"arguments": ["python3", "train.py"], "directory": {"bytes": base64.b64encode(b"d\xff").decode()}},
        code={"dirty": True, "patch": store.file(b"diff")[1].hex(), "revision": "0" * 40, "system": "git"},
        parameters={"lr": ["float", "1e-3"], "net": ["map", {"depth": ["int", "007"], "on": ["bool", "true"]}],
                    "list": ["list", [["null"], ["string", "é\n"]]]},
        metrics={"loss": ["float", "nan"]}, environment={"host": "h", "memory": 2**40}, inputs=first_tree[0].hex(),
        inputCommits=[{"commit": first.hex(), "path": "big.bin"}])
    second = store.commit(
        store.directory({b"text": store.file(edited, mode=2), b"many": many, b"copy.bin": big_entry, b"odd": odd_entry,
                         b"link": store.file(b"text", mode=3), b"latin-\xe9": store.file(b"x")}),
        parents=[first.hex()], recipes=store.recipes([odd_recipe]), runs=[run],
        tracked={"directories": ["many"], "patterns": ["*.bin"]})
    del store.pending["blob", edited]
    refs = {f"tags/v{i}.0": ("commit", first) for i in range(200)}
    refs |= {"branches/main": ("commit", second), "runs/best": ("run", bytes.fromhex(run))}
    store.pack((7, [("blob", edited)], ("blob", text)))
    root = store.refs(refs)
    empty_root = store.refs({})
    contents = store.flush()

    store.operate(empty_root, event=events[0], added=[history, contents, chunk_pack])
    store.operate(root, event=events[1], added=list(set(store.new_packs)))
    return store, events, root, second, big


def finish_full_store(store, events, root):
    """The 298 entries that change packs only, or nothing."""
    passing = [store.pack((1, [("blob", b"passing %d" % i)], None)) for i in range(40)]
    orphan = store.pack((1, [("blob", b"orphan")], None))
    store.operate(root, event=events[2], added=passing)
    store.operate(root, event=events[3], dropped=passing)
    store.operate(root, event=events[4], added=passing[:1])
    store.operate(root, event=events[5], doomed=passing[1:] + [orphan])
    for name in passing[1:]:
        os.remove(os.path.join(store.path, store.pack_path(name)))
    for event in events[6:]:
        store.operate(root, event=event)
    store.seal(keep=[255])


def build_small_store(path):
    """A store with each kind of file but tiles, quick to verify."""
    store = TinyStore(path)
    commit = store.commit(store.directory({b"n%d" % i: store.file(b"content %d" % i) for i in range(60)}))
    root = store.refs({"branches/main": ("commit", commit)})
    data = [item for item in store.pending if item[0] == "blob"]
    for item in data:
        del store.pending[item]
    data_pack = store.pack((0, data[:20], None), (1, data[20:], None), (2, [("blob", b"zstd" * 100)], None),
                           (7, [("blob", b"content 1, edited")], data[1]))
    store.operate(root)
    metadata_pack = json.loads(store.leaves[0])["packs"]["added"]
    metadata_pack.remove(data_pack)
    passing = [store.pack((0, [("blob", b"p%d" % i)], None)) for i in range(33)]
    store.operate(root, added=passing, event=store.event_in_store)if False else None
    return store, data_pack, metadata_pack[0]
