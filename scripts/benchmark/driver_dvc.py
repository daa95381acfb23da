"""DVC: its cache for the data, git for the history."""

from __future__ import annotations

import json
from typing import ClassVar

from .driver import Driver
from .driver_git import BARE, BARE_SSH, CLONE, CLONE_SSH, CONFIGURE

GIT = [line.replace("{tool}", "git") for line in CONFIGURE]
BARE_GIT, BARE_GIT_SSH = (
    [line.replace("{tool}", "git").replace("{remote}", "{remote}/git") for line in lines] for lines in (BARE, BARE_SSH)
)
CLONE_GIT, CLONE_GIT_SSH = (
    line.replace("{tool}", "git").replace("{remote}", "{remote}/git") for line in (CLONE, CLONE_SSH)
)


class Dvc(Driver):
    """The cache copies (its links would make the working copy read-only, and the workloads edit in place)."""

    name = "dvc"
    settings = (
        "cache.type reflink,copy (the default; links forbid edits in place), no analytics, no update check; "
        "DVC has no setting for durable writes; the git beside it is set as git's own column"
    )
    environment: ClassVar[dict[str, str]] = {
        "DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": "{home}/dvc-site", "DVC_GLOBAL_CONFIG_DIR": "{home}/dvc-global",
        "DVC_SYSTEM_CONFIG_DIR": "{home}/dvc-system", "GIT_CONFIG_NOSYSTEM": "1", "GIT_PAGER": "cat",
    }
    stores: ClassVar[list[str]] = [".git", ".dvc", "../dvc-cache"]
    extra_log_entries = 1
    stands_in: ClassVar[dict[str, str]] = {
        "log": "git log (DVC keeps its history in git)",
        "push": "dvc push of the newest version's files to a directory, and git push of the rest",
        "clone": "git clone, and dvc pull of the newest version's files into a cache of its own",
    }
    commands: ClassVar[dict[str, list[str]]] = {
        "set-up": [
            *GIT,
            "{tool} init -q",
            "{tool} config core.analytics false",
            "{tool} config core.check_update false",
            "{tool} cache dir {store}/dvc-cache",
            "git add .dvc .dvcignore",
            "git commit -q -m set-up",
        ],
        "first": ["{tool} add -q data", "git add data.dvc .gitignore", "git commit -q -m first"],
        "status": ["{tool} data status --granular --json"],
        "commit": ["{tool} add -q data", "git commit -q -a -m change"],
        "commit-new": ["{tool} add -q data", "git commit -q -a -m change"],
        "checkout-previous": ["git checkout -q {previous}", "{tool} checkout -q"],
        "checkout-back": ["git checkout -q main", "{tool} checkout -q"],
        "checkout-empty": [
            "git clone -q --no-checkout . {destination}",
            "cd {destination} && git checkout -q {revision}",
            "cd {destination} && {tool} checkout -q",
        ],
        "upkeep": ["git repack -a -d -q", "git commit-graph write --reachable --changed-paths --no-progress"],
        "log": ["git log"],
        "diff": ["{tool} diff --json {previous} {current}"],
        "remote": [
            "{tool} config --unset cache.dir",
            "{tool} remote add -q -d place {remote}/dvc",
            "git commit -q -a -m remote",
            *BARE_GIT,
        ],
        "push": ["{tool} push -q", "git push -q origin main"],
        "clone": [
            CLONE_GIT,
            "cd {destination} && {tool} pull -q",
        ],
        "remote-ssh": [
            "{tool} config --unset cache.dir",
            "{tool} remote add -q -d place ssh://there{remote}/dvc",
            "git commit -q -a -m remote",
            *BARE_GIT_SSH,
        ],
        "clone-ssh": [CLONE_GIT_SSH, "cd {destination} && {tool} pull -q"],
        "version": ["{tool} --version"],
    }

    def named(self, operation: str, stdout: str, stderr: str) -> set[str] | None:
        answer = json.loads(stdout)
        if operation == "status":
            groups = answer.get("uncommitted", {})
            names = [name for kind in ("added", "modified", "deleted") for name in groups.get(kind, [])]
        else:
            names = [entry["path"] for kind in ("added", "modified", "deleted") for entry in answer[kind]]
        return {name for name in names if not name.endswith("/")}

    def log_entries(self, stdout: str) -> int | None:
        return sum(line.startswith("commit ") for line in stdout.splitlines())
