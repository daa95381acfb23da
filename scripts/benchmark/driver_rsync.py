"""rsync: the bare copy of a tree."""

from __future__ import annotations

from typing import ClassVar

from .driver import Driver


class Rsync(Driver):
    """Stands beside the stores: no history, nothing is hashed or compressed, each file is copied as it is."""

    name = "rsync"
    settings = (
        "-a from directory to directory, or over ssh (without -z), times compared to the nanosecond; no history, no digests;"
        " syncs nothing"
    )
    workloads = frozenset(("W1-push", "W3-push", "W1-push-ssh", "W3-push-ssh"))
    stores: ClassVar[list[str]] = []
    stands_in: ClassVar[dict[str, str]] = {"push": "a copy of the files", "clone": "a copy of the copy"}
    commands: ClassVar[dict[str, list[str]]] = {
        "push": ["{tool} -a --modify-window=-1 data {remote}/"],
        "clone": ["{tool} -a {remote}/ {destination}/"],
        "push-ssh": ["{tool} -a --modify-window=-1 -e ssh data there:{remote}/"],
        "clone-ssh": ["{tool} -a -e ssh there:{remote}/ {destination}/"],
        "version": ["{tool} --version"],
    }
