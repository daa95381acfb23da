"""The place for data and stores: checked before use, removed after it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from .errors import NotEnoughSpace

GB = 10**9
# Estimates for scale 1.0: the data, a working copy of it (where it is not lent), and the largest peer's store;
# of pushes also what it is pushed to, and the clone.
NEEDED_BYTES = {
    "W1": 5 * GB, "W2": 27 * GB, "W2-files": 22 * GB, "W3": 12 * GB, "W3-conv": 12 * GB, "W4": 28 * GB, "W5": 4 * GB,
    "W6": 18 * GB, "observe": 3 * GB, "sweep": 2 * GB, "start": GB // 10, "log": GB, "W1-push": 8 * GB, "W3-push": 8 * GB,
    "W1-push-ssh": 8 * GB, "W3-push-ssh": 8 * GB,
}
NEEDED_INODES = {
    "W1": 700_000, "W2": 10_000, "W2-files": 10_000, "W3": 10_000, "W3-conv": 10_000, "W4": 100_000, "W5": 200_000,
    "W6": 4_000_000, "observe": 300_000, "sweep": 40_000, "start": 1_000, "log": 10_000, "W1-push": 2_000_000, "W3-push": 10_000,
    "W1-push-ssh": 2_000_000, "W3-push-ssh": 10_000,
}
LEAST_BYTES = 200 * 10**6


def require_space(place: Path, workload: str, scale: float) -> None:
    """Refuses before anything is written, naming what is missing."""
    status = os.statvfs(place)
    free, needed = status.f_bavail * status.f_frsize, max(LEAST_BYTES, int(NEEDED_BYTES[workload] * scale))
    if free < needed:
        raise NotEnoughSpace(f"{workload} needs about {needed / GB:.1f} GB at {place}, {free / GB:.1f} GB are free")
    inodes = int(NEEDED_INODES[workload] * scale)
    if status.f_files and status.f_favail < inodes:
        raise NotEnoughSpace(f"{workload} needs about {inodes} inodes at {place}, {status.f_favail} are free")


def forget_removed() -> bool:
    """Lets the kernel forget what was deleted before, where the harness may ask for that.

    ext4 does not use an inode again within minutes of its removal, as long as it has the inode's block in memory,
    and looks at all of these for each file that is made: a tool that comes after a removed tree would pay for it.
    """
    os.sync()
    try:
        Path("/proc/sys/vm/drop_caches").write_text("3\n")
    except OSError:
        return False
    return True


def remove(path: Path) -> None:
    """Deletes a tree, also where a tool made directories read-only."""

    def make_writable(function: Callable[[str], object], name: str, _error: object) -> None:
        os.chmod(os.path.dirname(name), 0o700)
        function(name)

    if path.exists():
        shutil.rmtree(path, onerror=make_writable)
