"""Reads every file below a directory by Python's own file objects, several times, and does nothing else.

usage: python -P files.py DIRECTORY PASSES TOLD

The seconds that this took, without the start and the search for the files, go into the file TOLD.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path


def main() -> None:
    directory, passes, told = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    paths = sorted(str(path) for path in directory.glob("*/*"))
    start = time.perf_counter()
    for _ in range(passes):
        for path in paths:
            with open(path, "rb") as file:
                file.read()
    told.write_text(f"{time.perf_counter() - start}\n")


main()
