"""git, twice: with every file it keeps made durable, and as it comes; no work left to the background."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from .driver import Driver

CONFIGURE = [
    "{tool} init -q -b main .",
    "{tool} config core.fsync all",
    "{tool} config core.fsyncMethod batch",
    "{tool} config core.untrackedCache true",
    "{tool} config core.fsmonitor false",
    "{tool} config index.version 4",
    "{tool} config gc.auto 0",
    "{tool} config maintenance.auto false",
]
BARE = [
    "{tool} init -q --bare -b main {remote}",
    "{tool} -C {remote} config core.fsync all",
    "{tool} -C {remote} config core.fsyncMethod batch",
    "{tool} remote add origin {remote}",
]
BARE_SSH = [*BARE[:-1], "{tool} remote add origin there:{remote}"]
CLONE = "{tool} clone -q --no-local -c core.fsync=all -c core.fsyncMethod=batch {remote} {destination}"
CLONE_SSH = "{tool} clone -q -c core.fsync=all -c core.fsyncMethod=batch there:{remote} {destination}"


class Git(Driver):
    """`core.fsyncMethod batch` is the quickest of the durable methods for many loose objects."""

    name = "git"
    settings = (
        "core.fsync all, core.fsyncMethod batch, untracked cache, index version 4, no background gc, no fsmonitor;"
        " clone --no-local (else it links the other store's files and reads none)"
    )
    environment: ClassVar[dict[str, str]] = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_PAGER": "cat", "GIT_TERMINAL_PROMPT": "0"}
    stores: ClassVar[list[str]] = [".git"]
    commands: ClassVar[dict[str, list[str]]] = {
        "set-up": CONFIGURE,
        "first": ["{tool} add data", "{tool} commit -q -m first"],
        "status": ["{tool} status --porcelain -z"],
        "commit": ["{tool} commit -q -a -m change"],
        "commit-new": ["{tool} add data", "{tool} commit -q -m change"],
        "checkout-previous": ["{tool} checkout -q {previous}"],
        "checkout-back": ["{tool} checkout -q main"],
        "checkout-empty": ["{tool} worktree add -q --detach {destination} {revision}"],
        "upkeep": ["{tool} repack -a -d -q", "{tool} commit-graph write --reachable --changed-paths --no-progress"],
        "log": ["{tool} log"],
        "log-file": ["{tool} log -- {path}"],
        "blame": ["{tool} blame {path}"],
        "diff": ["{tool} diff --name-only -z {previous} {current}"],
        "remote": BARE,
        "push": ["{tool} push -q origin main"],
        "clone": [CLONE],
        "remote-ssh": BARE_SSH,
        "clone-ssh": [CLONE_SSH],
        "clone-previous": ["cd {destination} && {tool} checkout -q {previous}"],
        "version": ["{tool} --version"],
    }

    def named(self, operation: str, stdout: str, stderr: str) -> set[str] | None:
        names = [name for name in stdout.split("\0") if name]
        return {name[3:] for name in names} if operation == "status" else set(names)

    def log_entries(self, stdout: str) -> int | None:
        return sum(line.startswith("commit ") for line in stdout.splitlines())


class GitDefault(Git):
    """Stands beside git: by default loose objects are not synced, so a commit can be lost after it was told."""

    name = "git-default"
    settings = "not durable (git's own defaults: loose objects are not synced); else as git"
    commands: ClassVar[dict[str, list[str]]] = {
        **Git.commands,
        "set-up": [line for line in CONFIGURE if "core.fsync " not in line and "fsyncMethod" not in line],
        "remote": [line for line in BARE if "core.fsync" not in line],
        "clone": ["{tool} clone -q --no-local {remote} {destination}"],
        "remote-ssh": [line for line in BARE_SSH if "core.fsync" not in line],
        "clone-ssh": ["{tool} clone -q there:{remote} {destination}"],
    }

    @classmethod
    def locate(cls, given: str | None, tool_directory: Path) -> str | None:
        return Git.locate(given, tool_directory)
