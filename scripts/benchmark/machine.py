"""The facts of the machine that a figure means nothing without."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any


def facts(scratch: Path) -> dict[str, Any]:
    """Read, not guessed: what cannot be read is said to be unknown."""
    return {
        "cpu": _field(Path("/proc/cpuinfo"), "model name"),
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": f"{platform.system()} {platform.release()}",
        "system": _system(),
        "file_system": _file_system(scratch),
        "python": platform.python_version(),
    }


def _field(path: Path, name: str) -> str:
    try:
        for line in path.read_text().splitlines():
            left, _, right = line.partition(":")
            if left.strip() == name:
                return right.strip()
    except OSError:
        pass
    return "unknown"


def _system() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "unknown")
    except OSError:
        return "unknown"


def _file_system(path: Path) -> str:
    """The mount that holds a path: the longest mount point above it."""
    best, answer = -1, "unknown"
    try:
        lines = Path("/proc/self/mounts").read_text().splitlines()
    except OSError:
        return answer
    for line in lines:
        _, point, kind, options = line.split()[:4]
        if path.resolve().is_relative_to(point) and len(point) >= best:
            best, answer = len(point), f"{kind} ({options})"
    return answer
