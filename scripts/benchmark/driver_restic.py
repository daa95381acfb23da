"""restic, which always encrypts."""

from __future__ import annotations

import json
from typing import ClassVar

from .driver import Driver, Query


class Restic(Driver):
    """Repository version 2, compression auto (zstd)."""

    name = "restic"
    settings = "repository version 2, compression auto, cache on; encryption cannot be switched off; durable as it comes"
    environment: ClassVar[dict[str, str]] = {
        "RESTIC_PASSWORD": "benchmark", "RESTIC_FROM_PASSWORD": "benchmark", "RESTIC_CACHE_DIR": "{home}/restic-cache",
    }
    stores: ClassVar[list[str]] = ["../restic"]
    stands_in: ClassVar[dict[str, str]] = {
        "status": "a dry run of a backup that lists what changed (restic has no status)",
        "log": "the list of snapshots",
        "push": "a copy of the snapshots into a second repository, which is made before, untimed",
        "clone": "a restore of the newest snapshot from that: no history comes with it",
    }
    commands: ClassVar[dict[str, list[str]]] = {
        "set-up": ["{tool} -q init --repository-version 2 -r {store}/restic"],
        "first": ["{tool} -q -r {store}/restic backup data"],
        "status": ["{tool} -r {store}/restic backup --dry-run -vv data"],
        "commit": ["{tool} -q -r {store}/restic backup data"],
        "commit-new": ["{tool} -q -r {store}/restic backup data"],
        "checkout-empty": ["{tool} -q -r {store}/restic restore {revision} --target {destination}"],
        "log": ["{tool} -r {store}/restic snapshots"],
        "diff": ["{tool} -r {store}/restic diff {previous} {current}"],
        "remote": ["{tool} -q init --repository-version 2 -r {remote} --from-repo {store}/restic --copy-chunker-params"],
        "push": ["{tool} -q -r {remote} copy --from-repo {store}/restic"],
        "clone": ["{tool} -q -r {remote} restore latest --target {destination}"],
        "remote-ssh": [
            "{tool} -q init --repository-version 2 -r sftp:there:{remote} --from-repo {store}/restic --copy-chunker-params"
        ],
        "push-ssh": ["{tool} -q -r sftp:there:{remote} copy --from-repo {store}/restic"],
        "clone-ssh": ["{tool} -q -r sftp:there:{remote} restore latest --target {destination}"],
        "version": ["{tool} version"],
    }

    def revision(self, query: Query, back: int) -> str:
        snapshots = sorted(json.loads(query("{tool} -r {store}/restic snapshots --json")), key=lambda entry: entry["time"])
        ids = [snapshot["short_id"] for snapshot in snapshots]
        return str(ids[max(0, len(ids) - 1 - back)])

    def named(self, operation: str, stdout: str, stderr: str) -> set[str] | None:
        if operation == "status":
            marks = ("modified  /", "new       /")
            lines = [line for line in stdout.splitlines() if line.startswith(marks)]
            names = {line.split("/", 1)[1].rsplit(", saved in ", 1)[0] for line in lines}
        else:
            names = {line.split("/", 1)[1] for line in stdout.splitlines() if line[:1] in "M+-TU" and "    /" in line}
        return {name for name in names if not name.endswith("/")}

    def log_entries(self, stdout: str) -> int | None:
        lines = [line for line in stdout.splitlines() if line.endswith(" snapshots")]
        return int(lines[-1].split()[0]) if lines else None
