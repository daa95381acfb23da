"""The data sets of the workloads, drawn by seed; the same seed on the same machine gives the same bytes."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import NotRequired, TypedDict

from .edits import EDIT_BYTES
from .realfiles import directories, distinct, text_pool

MIB = 1 << 20
W1_FILES = 100_000
W2_ROWS = 1_000_000
W2_VERSIONS = 10
W3_CHECKPOINTS = 10
W4_BYTES = 8 << 30
W4_RUN_BYTES = 64 * MIB
W4_TEXT_POOL_BYTES = 96 * MIB
W5_FILES = 2_000
W5_FILES_PER_DIRECTORY = 100
W6_DIRECTORIES = 1_000
W6_FILES_PER_DIRECTORY = 1_000
W6_FLAT_FILES = 100_000
W6_RECORD_BYTES = 100
START_FILES = 20
OBSERVE_FILES = 20_000
OBSERVE_FILES_PER_DIRECTORY = 100
OBSERVE_PASSES = 5
OBSERVE_IMAGES = 100_000
OBSERVE_TABLE_ROWS = 20_000
OBSERVE_STEPS = 8_000
OBSERVE_RUNS = 200
SWEEP_FILES = 1_000
SMALL_TEXT_BYTES = 4096


class Facts(TypedDict):
    """What a data set turned out to be; `real` counts the files taken as they are on this machine."""

    files: int
    real: int
    directories: int
    bytes: int
    made_by: NotRequired[str]
    """What the report says of where the files are from."""


class _Writer:
    """Writes files below a root, all with the same mode, and counts them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.facts = Facts(files=0, real=0, directories=0, bytes=0)
        self._known: set[Path] = set()

    def write(self, path: str, content: bytes, real: bool = False) -> None:
        target = self.root / path
        if target.parent not in self._known:
            target.parent.mkdir(parents=True, exist_ok=True)
            self._known.add(target.parent)
        target.write_bytes(content)
        self.facts["files"] += 1
        self.facts["real"] += real
        self.facts["bytes"] += len(content)

    def done(self) -> Facts:
        self.facts["directories"] = sum(1 for path in self.root.rglob("*/")) + 1
        return self.facts


def scaled(count: int, scale: float, least: int) -> int:
    """A count at a scale; never so small that the operations lose their meaning."""
    return max(min(least, count), round(count * scale))


def write_w1(root: Path, seed: str, scale: float) -> Facts:
    """Real files directory by directory (the ratio of files to directories stays real); copies with a
    small edit when the real ones run out."""
    rng = random.Random(seed)
    writer = _Writer(root)
    wanted = scaled(W1_FILES, scale, 100)
    names: list[str] = []
    for path, content in distinct(directories(rng)):
        if len(names) == wanted:
            break
        writer.write(path, content, real=True)
        names.append(path)
    for number in range(wanted - len(names)):
        path = names[number % len(names)]
        edited = bytearray((root / path).read_bytes())
        mark = b"edit %08d" % number
        at = rng.randrange(len(edited) - len(mark))
        edited[at : at + len(mark)] = mark
        writer.write(f"edited{number // len(names)}/{path}", bytes(edited))
    return writer.done()


def write_w4(root: Path, seed: str, scale: float) -> Facts:
    """One file: runs of random bytes and of real text in turn, the text in a new order in each run."""
    rng = random.Random(seed)
    total = scaled(W4_BYTES, scale, 16 * MIB)
    run = min(W4_RUN_BYTES, total // 8)
    pool = text_pool(rng, W4_TEXT_POOL_BYTES)
    root.mkdir(parents=True)
    written = 0
    with (root / "large.bin").open("wb") as file:
        while written < total:
            block = min(run, total - written)
            if (written // run) % 2 == 0:
                file.write(rng.randbytes(block))
            else:
                _write_text(file.write, pool, block, rng)
            written += block
    return Facts(files=1, real=0, directories=1, bytes=written)


def _write_text(write: Callable[[bytes], object], pool: list[bytes], count: int, rng: random.Random) -> None:
    while count:
        rng.shuffle(pool)
        for text in pool:
            write(text[:count])
            count -= len(text[:count])
            if not count:
                return


def w4_middle(scale: float) -> int:
    """Where the 4-byte edit goes."""
    return scaled(W4_BYTES, scale, 16 * MIB) // 2 - EDIT_BYTES


def w5_paths(scale: float) -> list[str]:
    """The files of W5, as paths in the working copy."""
    count = scaled(W5_FILES, scale, 50)
    return [f"data/{number // W5_FILES_PER_DIRECTORY:02d}/{number:04d}.txt" for number in range(count)]


def write_w5(root: Path, seed: str, scale: float) -> Facts:
    return _write_small_texts(root, seed, [path.removeprefix("data/") for path in w5_paths(scale)])


def write_observe_small(root: Path, seed: str, scale: float) -> Facts:
    """The files that watched loops open."""
    count = scaled(OBSERVE_FILES, scale, 100)
    names = (f"{number // OBSERVE_FILES_PER_DIRECTORY:03d}/{number:05d}.txt" for number in range(count))
    return _write_small_texts(root, seed, list(names))


def write_sweep(root: Path, seed: str, scale: float) -> Facts:
    """The files that the jobs of a sweep read."""
    names = (f"{number // OBSERVE_FILES_PER_DIRECTORY:03d}/{number:05d}.txt" for number in range(scaled(SWEEP_FILES, scale, 50)))
    return _write_small_texts(root, seed, list(names))


def _write_small_texts(root: Path, seed: str, paths: list[str]) -> Facts:
    """Small files of real text."""
    rng = random.Random(seed)
    writer = _Writer(root)
    texts = text_pool(rng, len(paths) * SMALL_TEXT_BYTES)
    for number, path in enumerate(paths):
        writer.write(path, b"%06d\n" % number + texts[number % len(texts)][:SMALL_TEXT_BYTES])
    return writer.done()


def write_w6(root: Path, seed: str, scale: float) -> Facts:
    """A million files of 100 bytes in 1,000 directories, and one directory of 100,000: one label record each."""
    rng = random.Random(seed)
    writer = _Writer(root)
    number = 0
    for directory in range(scaled(W6_DIRECTORIES, scale, 2)):
        for _ in range(W6_FILES_PER_DIRECTORY):
            writer.write(f"shard-{directory:04d}/{number:07d}.json", _record(number, rng))
            number += 1
    for _ in range(scaled(W6_FLAT_FILES, scale, 1_000)):
        writer.write(f"flat/{number:07d}.json", _record(number, rng))
        number += 1
    return writer.done()


def _record(number: int, rng: random.Random) -> bytes:
    head = f'{{"id": {number}, "label": {rng.randrange(1000)}, "score": {rng.random():.6f}, "key": "'
    tail = '"}\n'
    key = f"{rng.getrandbits(256):064x}"[: W6_RECORD_BYTES - len(head) - len(tail)]
    return (head + key + tail).encode()


def write_start(root: Path, seed: str, scale: float) -> Facts:
    """A small tree for the start-up times; the scale does not matter here."""
    rng = random.Random(seed)
    writer = _Writer(root)
    for number, text in zip(range(START_FILES), text_pool(rng, START_FILES * (20 << 10)), strict=False):
        writer.write(f"{number:02d}.txt", text)
    return writer.done()
