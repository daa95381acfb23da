"""git-annex: git for the names, its own directories of files by their digests for the contents."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import ClassVar

from .driver import Driver
from .driver_dvc import BARE_GIT, CLONE_GIT, GIT
from .driver_git import BARE_SSH, CLONE_SSH, Git


class Annex(Driver):
    """Files are unlocked, as the workloads edit in place: they lie in the tree and once more in .git/annex."""

    name = "annex"
    settings = (
        "annex.addunlocked (locked files cannot be edited in place), backend SHA256E (the default), a directory as"
        " special remote without encryption, over ssh the git repository there (git-annex-shell); git-annex syncs nothing"
        " by itself; the git beside it is set as git's own column"
    )
    environment: ClassVar[dict[str, str]] = Git.environment
    workloads = frozenset(("W1-push", "W3-push", "W1-push-ssh", "W3-push-ssh"))
    stores: ClassVar[list[str]] = [".git"]
    stands_in: ClassVar[dict[str, str]] = {
        "push": "git annex copy of the newest version's files to a directory, and git push of the rest; over ssh git annex"
        " sync, which does both",
        "clone": "git clone, and git annex get of the newest version's files",
    }
    commands: ClassVar[dict[str, list[str]]] = {
        "set-up": [*GIT, "{tool} init -q here", "git config annex.addunlocked true"],
        "first": ["{tool} add -q data", "git commit -q -m first"],
        "commit": ["{tool} add -q data", "git commit -q -a -m change"],
        "remote": [
            "mkdir {remote}/annex",
            *BARE_GIT,
            "git config remote.origin.annex-ignore true",
            "{tool} initremote -q place type=directory directory={remote}/annex encryption=none",
        ],
        "push": ["{tool} copy -q --to place data", "git push -q origin main git-annex"],
        "clone": [
            f"{CLONE_GIT} -c remote.origin.annex-ignore=true",
            "cd {destination} && {tool} init -q there",
            "cd {destination} && {tool} enableremote -q place directory={remote}/annex",
            "cd {destination} && {tool} get -q --from place data",
        ],
        "remote-ssh": [
            *(line.replace("{tool}", "git") for line in BARE_SSH),
            "cd {remote} && {tool} init -q store",
            "git fetch -q origin",
            "{tool} merge -q",
        ],
        "push-ssh": ["{tool} sync -q --no-commit --content origin"],
        "clone-ssh": [
            CLONE_SSH.replace("{tool}", "git"),
            "cd {destination} && {tool} init -q clone",
            "cd {destination} && {tool} get -q data",
        ],
        "version": ["{tool} version"],
    }

    @classmethod
    def locate(cls, given: str | None, tool_directory: Path) -> str | None:
        return shutil.which(given or "git-annex")
