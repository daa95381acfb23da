"""What cannot be avoided: the bare walk of a tree, and the start of a process that does nothing.

The walk is C, as the cheapest of those tried (`find` with a size test took a fifth more CPU time, which
would have made the goal that is a multiple of it easier): getdents and fstatat of every entry, no more.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import ClassVar

from .driver import Driver

SOURCE = r"""
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static long entries;

static int walk(int descriptor) {
    DIR *directory = fdopendir(descriptor);
    struct dirent *entry;
    struct stat status;
    if (!directory) return 1;
    while ((entry = readdir(directory))) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        if (fstatat(descriptor, entry->d_name, &status, AT_SYMLINK_NOFOLLOW)) return 1;
        entries++;
        if (S_ISDIR(status.st_mode)
            && walk(openat(descriptor, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW))) return 1;
    }
    return closedir(directory);
}

int main(int count, char **arguments) {
    int failed = count != 2 || walk(open(arguments[1], O_RDONLY | O_DIRECTORY));
    printf("%ld\n", entries);
    return failed;
}
"""


class Baseline(Driver):
    """Not a peer: it is measured in the same turns, for what others are compared with."""

    name = "baseline"
    settings = "a walk in C (getdents, fstatat of every entry; cc -O2), and `true` for the start of a process"
    stores: ClassVar[list[str]] = []
    commands: ClassVar[dict[str, list[str]]] = {"walk": ["{tool} data"], "version": ["true"]}

    @classmethod
    def locate(cls, given: str | None, tool_directory: Path) -> str | None:
        del given, tool_directory
        return shutil.which("cc") or shutil.which("clang")

    def __init__(self, executable: str | None) -> None:
        super().__init__(executable)
        self._compiler = str(executable)

    def build(self, directory: Path) -> None:
        """Compiles the walk."""
        source, program = directory / "walk.c", directory / "walk"
        source.write_text(SOURCE)
        subprocess.run([self._compiler, "-O2", "-o", str(program), str(source)], check=True)
        self.executable = str(program)

    def version(self, environment: dict[str, str]) -> str:
        return "C walk" if self.executable else "no C compiler"
