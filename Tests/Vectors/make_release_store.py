#!/usr/bin/env python3
"""Writes a store by the command line, as one that a release leaves behind: every later version has to read it.

usage: make_release_store.py MLREPO FOLDER     writes a bare store and `expected.json` into a folder that does not exist yet

It is made once for a release and never again: Tests/Vectors/README.md says which version made which folder.
"""
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DAY = 86_400


def main(program: str, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix="release-store-"))
    work = place / "work"
    work.mkdir()
    clock = 1_763_888_400
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

    numbers = random.Random(1)
    mlrepo("init", "--bare", str(folder))
    mlrepo("init", "--store", str(folder))
    (work / "data").mkdir()
    (work / "model").mkdir()
    rows = [f"{number},{numbers.randrange(1000)},{numbers.choice('abc')}\n" for number in range(80)]
    (work / "data/table.csv").write_text("".join(rows))
    # Two chunks and more, which compress well.
    (work / "data/large.txt").write_text("".join(f"row {number} of a long table\n" for number in range(16_000)))
    (work / "data/empty").write_bytes(b"")
    (work / "data/run.sh").write_text("#!/bin/sh\necho trained\n")
    (work / "data/run.sh").chmod(0o755)
    (work / "data/link").symlink_to("table.csv")
    Path(os.fsdecode(os.fsencode(work) + b"/data/two\nlines \xff")).write_bytes(b"a name of two lines that is no UTF-8\n")
    for number in range(60):
        (work / f"data/many-{number:02}").write_text(f"{number}\n")
    (work / "model/weights.bin").write_bytes(numbers.randbytes(3_000))
    (work / "parameters.json").write_text(
        '{"lr": 1e-3, "steps": 9007199254740993, "zero": -0.0, "flags": [true, null], "optimizer": {"name": "adam"}}')
    mlrepo("add", "data", "model", "parameters.json")
    mlrepo("commit", "-m", "First model\n\nIn two lines.", "--params", "parameters.json", "--param", "seed=1.0", "--metric", "loss=nan",
           "--input", "data", "--output", "model/weights.bin")
    mlrepo("tag", "v1")
    # More entries than a tile has.
    for number in range(262):
        rows[numbers.randrange(80)] = f"{number},edited,{numbers.randrange(10**6)}\n"
        (work / "data/table.csv").write_text("".join(rows))
        mlrepo("commit", "-m", f"Edit {number}")
        if number == 250:
            lines = (work / "data/large.txt").read_text().splitlines(keepends=True)
            lines.insert(8_000, "a row in the middle\n")
            (work / "data/large.txt").write_text("".join(lines))
    mlrepo("checkout", "-b", "tuned")
    (work / "model/weights.bin").write_bytes(numbers.randbytes(3_000))
    mlrepo("commit", "-m", "Tuned", "--param", "lr=0.01", "--metric", "loss=0.5", "--input", "HEAD:model/weights.bin")
    mlrepo("checkout", "main")
    (work / "data/many-07").unlink()
    mlrepo("commit", "-m", "One less")
    mlrepo("undo")
    mlrepo("redo")
    # The files of a sealed tile go a day later.
    for path in [*folder.glob("log/new/*"), *folder.glob("log/tile/**/*")]:
        os.utime(path, (time.time() - 2 * DAY,) * 2)
    mlrepo("commit", "--param", "note=the last one", "-m", "Values alone")
    mlrepo("gc", "--now")
    expected = {"version": mlrepo("version").strip(), "commits": commits(mlrepo("log", "--all", "--json")), "files": {}}
    for revision in ["v1", "main~100", "main", "tuned"]:
        target = place / "versions" / revision
        mlrepo("checkout", revision, "--to", str(target))
        expected["files"][revision] = listing(target)
    (folder / "expected.json").write_text(json.dumps(expected, indent=1, sort_keys=True) + "\n")
    shutil.rmtree(folder / "tmp", ignore_errors=True)
    shutil.rmtree(folder / "cache", ignore_errors=True)
    shutil.rmtree(place)


def commits(log: str) -> list:
    """The ids of `log --json`, newest first: each stands for all that the commit says."""
    return [json.loads(line)["commit"] for line in log.splitlines()]


def listing(folder: Path) -> dict:
    """What a checkout wrote: by each name its kind and its digest or target, names as text with escapes."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.relative_to(folder).parts[0] == ".mlrepo":
            continue
        name = os.fsencode(path.relative_to(folder)).decode("utf-8", "backslashreplace")
        if path.is_symlink():
            found[name] = f"link {os.readlink(path)}"
        elif path.is_file():
            kind = "executable" if os.access(path, os.X_OK) and path.stat().st_mode & 0o100 else "file"
            found[name] = f"{kind} {hashlib.sha256(path.read_bytes()).hexdigest()}"
    return found


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    main(os.path.abspath(sys.argv[1]), Path(sys.argv[2]).absolute())
