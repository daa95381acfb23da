"""Opens, reads and closes every file below a directory by system calls alone, several times, and does nothing else.

usage: python -P loop.py DIRECTORY PASSES TOLD

The seconds that this took, without the start and the search for the files, go into the file TOLD.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

BLOCK = 1 << 16


def main() -> None:
    directory, passes, told = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    paths = sorted(str(path) for path in directory.glob("*/*"))
    start = time.perf_counter()
    for _ in range(passes):
        for path in paths:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            os.read(descriptor, BLOCK)
            os.close(descriptor)
    told.write_text(f"{time.perf_counter() - start}\n")


main()
