"""mlrepo itself."""

from __future__ import annotations

import json
from typing import ClassVar

from .driver import Driver, Query


class Mlrepo(Driver):
    """Durable as it is; no settings are changed."""

    name = "mlrepo"
    settings = "as it comes (every commit is durable)"
    environment: ClassVar[dict[str, str]] = {"NO_COLOR": "1"}
    stores: ClassVar[list[str]] = [".mlrepo"]
    commands: ClassVar[dict[str, list[str]]] = {
        "set-up": ["{tool} init"],
        "first": ["{tool} add data", "{tool} commit -m first"],
        "status": ["{tool} status --json"],
        "commit": ["{tool} commit -m change"],
        "commit-new": ["{tool} commit -m change"],
        "commit-from": ["{tool} commit -m change --input {path}"],
        "checkout-previous": ["{tool} checkout {previous}"],
        "checkout-back": ["{tool} checkout main"],
        "checkout-empty": ["{tool} checkout {revision} --to {destination}"],
        "log": ["{tool} log --json"],
        "log-file": ["{tool} log --json -- {path}"],
        "blame": ["{tool} blame {path}"],
        "diff": ["{tool} diff --json {previous} {current}"],
        "version": ["{tool} version"],
    }

    def named(self, operation: str, stdout: str, stderr: str) -> set[str] | None:
        return {entry["path"] for entry in json.loads(stdout)["entries"]}

    def log_entries(self, stdout: str) -> int | None:
        return sum(1 for line in stdout.splitlines() if line.strip())

    def live_bytes(self, query: Query) -> int | None:
        return int(json.loads(query("{tool} stats --json"))["storedBytes"])
