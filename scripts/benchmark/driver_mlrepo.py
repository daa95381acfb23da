"""mlrepo itself."""

from __future__ import annotations

import json
import re
from typing import ClassVar

from .driver import Driver, Query
from .observed import READS, reading, sweeping, watched, writing

DATA = re.compile(r"  data   .*?(?:  (\d[\d,]*) files)?  (?:tree|sha256:)")
"""What `show` says of one input, which is a file or a directory."""
AS_ADA = "env MLREPO_USER_NAME=Ada MLREPO_USER_EMAIL=ada@example.com {tool}"
DECLARED = "{tool} run --quiet --observe declared"


class Mlrepo(Driver):
    """Durable as it is; no settings are changed."""

    name = "mlrepo"
    settings = "as it comes (every commit is durable)"
    environment: ClassVar[dict[str, str]] = {"NO_COLOR": "1", "MLREPO_SERVER": "{tool}"}
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
        "remote": ["{tool} remote add origin {remote}"],
        "push": ["{tool} push"],
        "clone": ["{tool} clone {remote} {destination}"],
        "remote-ssh": ["{tool} init --bare {remote}", "{tool} remote add origin there:{remote}"],
        "clone-ssh": ["{tool} clone there:{remote} {destination}"],
        "remote-counted": ["{tool} init --bare {remote}", "{tool} remote add counted there:{remote}"],
        "push-counted": ["env MLREPO_SSH=ssh-counted {tool} push counted"],
        "clone-previous": ["cd {destination} && {tool} checkout {previous}"],
        **watched("{tool} run --quiet --"),
        "sweep": sweeping("{tool} run --quiet --scratch ../scratch --"),
        "version": ["{tool} version"],
        "audit-trust": ["{tool} identity trust ada@example.com data/ada.pub"],
        "audit-check": ["{tool} audit check data/store"],
        "audit-log": ["{tool} audit log data/store -n 20"],
        "policy-forget": ["{tool} remote forget data/governed"],
        "policy-show": ["{tool} policy show --in data/governed"],
        "push-begin": ["{tool} config user.signingKey data/ada", "{tool} config log.sign true", "{tool} add pushed",
                       "{tool} commit -m first", *(f"{AS_ADA} push data/{store}" for store in ("governed", "store"))],
        "push-governed": [AS_ADA + " push data/governed"],
        "push-signed": [AS_ADA + " push data/store"],
        "prove": ["{tool} prove entry 12 --of data/store --no-sign"],
    }

    def named(self, operation: str, stdout: str, stderr: str) -> set[str] | None:
        return {entry["path"] for entry in json.loads(stdout)["entries"]}

    def log_entries(self, stdout: str) -> int | None:
        return sum(1 for line in stdout.splitlines() if line.strip())

    def inputs(self, query: Query) -> int | None:
        newest = query("{tool} runs --json").splitlines()[-1]
        lines = query(f"{{tool}} show run:{json.loads(newest)['run']}").splitlines()
        return sum(int((found[1] or "1").replace(",", "")) for line in lines if (found := DATA.match(line)))

    def outputs(self, query: Query) -> set[str] | None:
        runs = [json.loads(line) for line in query("{tool} runs --json").splitlines()]
        return {output["path"] for run in runs for output in run["outputs"]}

    def live_bytes(self, query: Query) -> int | None:
        return int(json.loads(query("{tool} stats --json"))["storedBytes"])


class MlrepoDeclared(Mlrepo):
    """Stands beside mlrepo: nothing is watched, so what is left are the start and what is recorded."""

    name = "mlrepo-declared"
    settings = "`run --observe declared`, with what is read and written told to it; else as mlrepo"
    workloads = frozenset(("observe",))
    commands: ClassVar[dict[str, list[str]]] = {
        **{name: Mlrepo.commands[name] for name in ("set-up", "first", "version")},
        **{name: reading(name, f"{DECLARED} --input {path} --") for name, path in READS.items()},
        "many": writing(f"{DECLARED} --output out/% --"),
    }


class MlrepoPreload(Mlrepo):
    """Stands beside mlrepo: a library in the command tells of its files."""

    name = "mlrepo-preload"
    settings = "`run --observe preload`; else as mlrepo"
    workloads = frozenset(("observe",))
    commands: ClassVar[dict[str, list[str]]] = {
        **{name: Mlrepo.commands[name] for name in ("set-up", "first", "version")},
        **watched("{tool} run --quiet --observe preload --"),
    }


class MlrepoStrace(Mlrepo):
    """Stands beside mlrepo: strace tells of the command's files, and mlrepo reads what it writes."""

    name = "mlrepo-strace"
    settings = "`run --observe strace`; else as mlrepo"
    workloads = frozenset(("observe",))
    commands: ClassVar[dict[str, list[str]]] = {
        **{name: Mlrepo.commands[name] for name in ("set-up", "first", "version")},
        **watched("{tool} run --quiet --observe strace --"),
    }


class MlrepoSFTP(Mlrepo):
    """Stands beside mlrepo: none is on the other side, where files are moved by SFTP."""

    name = "mlrepo-sftp"
    settings = "no mlrepo on the other side of ssh; else as mlrepo"
    environment: ClassVar[dict[str, str]] = {**Mlrepo.environment, "MLREPO_SERVER": "no-such-mlrepo"}
    workloads = frozenset(("W1-push-ssh", "W3-push-ssh"))
