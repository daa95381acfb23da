#!/usr/bin/env python3
"""Writes a store by the command line that has each way in which weights and tables are told by others: every later version has to read it.

usage: make_coded_store.py MLREPO FOLDER     writes a bare store and `expected.json` into a folder that does not exist yet

It is made once and never again: Tests/Vectors/README.md says which version made which folder. The standard library is all it takes.
"""
import io
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from make_release_store import commits, listing

ROWS, COLUMNS = 180, 192
# Text that compresses, so that files are large enough to be cut and the store stays small.
FILLER = "".join(f"word {number} of a long vocabulary\n" for number in range(7_000))
CODECS = {"v1": {"model.safetensors": "tensor", "rounded.gguf": "cast", "data/table.csv": "zstd"},
          "main": {"model.safetensors": "tensor-base", "rounded.gguf": "cast", "data/table.csv": "patch"}}


def main(program: str, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix="coded-store-"))
    work = place / "work"
    (work / "data").mkdir(parents=True)
    clock = 1_763_990_000
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(place), "MLREPO_USER_NAME": "Ada", "MLREPO_USER_EMAIL": "ada@example.com",
    }

    def mlrepo(*words, cwd=work) -> str:
        nonlocal clock
        clock += 60
        done = subprocess.run([program, *words], cwd=cwd, env=environment | {"MLREPO_NOW": str(clock)},
                              capture_output=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"{words}: {done.stderr.decode()}")
        return done.stdout.decode()

    numbers = random.Random(2)
    weights = [numbers.gauss(0, 0.02 * (1 + index // COLUMNS % 7)) for index in range(ROWS * COLUMNS)]
    weights[:4] = [float("nan"), float("inf"), -0.0, 1e-42]
    rows = [f"{number},{numbers.choice(['left', 'right'])},{numbers.choice('abc')},{numbers.randrange(4)}\n" for number in range(22_000)]

    def write() -> None:
        single = struct.pack(f"<{len(weights)}f", *weights)
        (work / "model.safetensors").write_bytes(safetensors(single))
        (work / "rounded.gguf").write_bytes(gguf(rounded(single)))
        (work / "weights.npz").write_bytes(npz(single))
        (work / "data/table.csv").write_text("".join(rows))

    mlrepo("init", "--bare", str(folder))
    mlrepo("init", "--store", str(folder))
    write()
    mlrepo("add", ".")
    mlrepo("commit", "-m", "First model", "--param", "lr=0.001")
    mlrepo("tag", "v1")
    codecs = {"v1": coded(mlrepo("stats", "--explain", "--json"))}
    weights[4:] = [weight + numbers.gauss(0, 0.0004) for weight in weights[4:]]
    for _ in range(20):
        rows[numbers.randrange(len(rows))] = f"edited,{numbers.randrange(10**6)}\n"
    del rows[5_000:5_003]
    rows.insert(15_000, "a row in the middle\n")
    write()
    mlrepo("commit", "-m", "Next model", "--param", "lr=0.0001")
    codecs["main"] = coded(mlrepo("stats", "--explain", "--json"))
    for revision, files in CODECS.items():
        for path, codec in files.items():
            if codec not in codecs[revision][path]:
                raise SystemExit(f"{path} of {revision} is not stored by {codec}: {codecs[revision][path]}")
    expected = {"version": mlrepo("version").strip(), "commits": commits(mlrepo("log", "--all", "--json")), "files": {}}
    for revision in codecs:
        target = place / "versions" / revision
        mlrepo("checkout", revision, "--to", str(target))
        expected["files"][revision] = listing(target)
    (folder / "expected.json").write_text(json.dumps(expected | {"codecs": codecs}, indent=1, sort_keys=True) + "\n")
    shutil.rmtree(folder / "tmp", ignore_errors=True)
    shutil.rmtree(folder / "cache", ignore_errors=True)
    shutil.rmtree(place)


def coded(explained: str) -> dict:
    """By which codecs the pieces of each file are stored, as `stats --explain --json` says."""
    answers = [json.loads(line) for line in explained.splitlines()]
    return {answer["path"]: sorted(answer["byCodec"]) for answer in answers if "path" in answer}


def rounded(single: bytes) -> bytes:
    """Numbers of 32 bits as bfloat16, to nearest even; a NaN stays one."""
    found = []
    for (bits,) in struct.iter_unpack("<I", single):
        is_nan = bits & 0x7FFF_FFFF > 0x7F80_0000
        found.append(bits >> 16 | 0x40 if is_nan else (bits + 0x7FFF + (bits >> 16 & 1)) >> 16)
    return struct.pack(f"<{len(found)}H", *found)


def safetensors(single: bytes) -> bytes:
    header = json.dumps({"__metadata__": {"vocabulary": FILLER},
                         "layer.weight": {"dtype": "F32", "shape": [ROWS, COLUMNS], "data_offsets": [0, len(single)]}}).encode()
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + single


def gguf(half: bytes) -> bytes:
    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value.encode())) + value.encode()

    content = b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + text("vocabulary") + struct.pack("<I", 8) + text(FILLER)
    content += text("layer.weight") + struct.pack("<IQQIQ", 2, COLUMNS, ROWS, 30, 0)
    return content + bytes(-len(content) % 32) + half


def npz(single: bytes) -> bytes:
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({ROWS}, {COLUMNS}), }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in [("vocabulary.txt", FILLER.encode()),
                              ("layer.weight.npy", b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header.encode() + single)]:
            archive.writestr(zipfile.ZipInfo(name), content)
    return stream.getvalue()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    main(os.path.abspath(sys.argv[1]), Path(sys.argv[2]).absolute())
