"""strace, which writes down the calls that mlrepo watches, of a command and all of its children."""

from __future__ import annotations

from typing import ClassVar

from .driver import Driver
from .observed import READS, reading, writing

CALLS = (
    "open", "openat", "openat2", "creat", "execve", "execveat", "rename", "renameat", "renameat2", "link", "linkat",
    "symlink", "symlinkat", "unlink", "unlinkat", "truncate", "chdir", "fchdir",
)
STRACE = "{tool} -f -qq --seccomp-bpf -e trace=" + ",".join(f"?{call}" for call in CALLS) + " -o {store}/trace"
"""A question mark: a processor that does not have the call has none to write down."""


class Strace(Driver):
    """By its filter the kernel stops the command for these calls alone. Nobody reads the trace."""

    name = "strace"
    settings = "--seccomp-bpf: only the calls of the list stop the command; the trace is written and not read"
    workloads = frozenset(("observe",))
    stores: ClassVar[list[str]] = []
    commands: ClassVar[dict[str, list[str]]] = {
        **{name: reading(name, STRACE) for name in READS},
        "many": writing(f"{STRACE}.%"),
        "version": ["{tool} -V"],
    }
