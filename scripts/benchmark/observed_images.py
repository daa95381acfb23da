"""Decodes every image below a directory, as the first pass of a training does.

usage: python -P images.py DIRECTORY PASSES TOLD

The seconds that this took, without the start and the search for the files, go into the file TOLD.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from PIL import Image


def main() -> None:
    directory, passes, told = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    paths = sorted(str(path) for path in directory.glob("*/*"))
    start = time.perf_counter()
    for _ in range(passes):
        for path in paths:
            with Image.open(path) as image:
                image.load()
    told.write_text(f"{time.perf_counter() - start}\n")


main()
