"""BorgBackup, twice: with its quickest compression and with zstd, as neither is best in all rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

from .driver import Driver, Query

WITHOUT_EXTRAS = "--noacls --noxattrs --noflags"


def _commands(compression: str) -> dict[str, list[str]]:
    create = f"{{tool}} create {WITHOUT_EXTRAS} --compression {compression}"
    return {
        "set-up": ["{tool} init -e none {store}/borg"],
        "first": [f"{create} {{store}}/borg::v{{serial}} data"],
        "status": [f"{create} --list --filter AMCE {{store}}/borg::s{{serial}} data"],
        "commit": [f"{create} {{store}}/borg::v{{serial}} data"],
        "commit-new": [f"{create} {{store}}/borg::v{{serial}} data"],
        "checkout-empty": ["cd {destination} && {tool} extract {store}/borg::{revision}"],
        "log": ["{tool} list {store}/borg"],
        "diff": ["{tool} diff --json-lines {store}/borg::{previous} {current}"],
        "version": ["{tool} --version"],
    }


def _is_of_content(change: dict[str, Any]) -> bool:
    """Times are told as changes too, and a file whose times alone changed as modified by 0 bytes."""
    if change["type"] == "modified":
        return bool(change.get("added", 1) or change.get("removed", 1))
    return change["type"] in ("added", "removed")


class Borg(Driver):
    """No encryption; the digests stay. borg syncs what it writes."""

    name = "borg"
    settings = f"-e none, lz4, files cache, {WITHOUT_EXTRAS} (nobody else stores these); durable as it comes"
    environment: ClassVar[dict[str, str]] = {
        "BORG_BASE_DIR": "{home}/borg", "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
        "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes",
    }
    stores: ClassVar[list[str]] = ["../borg"]
    stands_in: ClassVar[dict[str, str]] = {
        "status": "a backup that lists what changed (borg has no status; this one also stores the touched files)",
        "log": "the list of archives",
    }
    commands: ClassVar[dict[str, list[str]]] = _commands("lz4")

    def revision(self, query: Query, back: int) -> str:
        names = [name for name in query("{tool} list --short {store}/borg").split() if name.startswith("v")]
        return names[max(0, len(names) - 1 - back)]

    def named(self, operation: str, stdout: str, stderr: str) -> set[str] | None:
        if operation == "status":
            return {line[2:] for line in stderr.splitlines() if line[:2] in ("A ", "M ", "C ", "E ")}
        entries = [json.loads(line) for line in stdout.splitlines()]
        return {entry["path"] for entry in entries if any(_is_of_content(change) for change in entry["changes"])}

    def log_entries(self, stdout: str) -> int | None:
        return sum(line.startswith("v") for line in stdout.splitlines())


class BorgZstd(Borg):
    """The same, smaller and slower."""

    name = "borg-zstd"
    settings = Borg.settings.replace("lz4", "zstd level 3")
    commands: ClassVar[dict[str, list[str]]] = _commands("zstd,3")

    @classmethod
    def locate(cls, given: str | None, tool_directory: Path) -> str | None:
        return Borg.locate(given, tool_directory)
