"""The peers that there are, and where their executables are."""

from __future__ import annotations

import os
from pathlib import Path

from .driver import Driver
from .driver_alone import Alone
from .driver_annex import Annex
from .driver_baseline import Baseline
from .driver_borg import Borg, BorgZstd
from .driver_dvc import Dvc
from .driver_git import Git, GitDefault
from .driver_mlrepo import Mlrepo, MlrepoDeclared, MlrepoPreload, MlrepoSFTP, MlrepoStrace
from .driver_restic import Restic
from .driver_rsync import Rsync
from .driver_strace import Strace
from .driver_xet import Xet
from .driver_zipnn import Zipnn

ALL: dict[str, type[Driver]] = {
    driver.name: driver
    for driver in (
        Baseline, Alone, Mlrepo, MlrepoDeclared, MlrepoPreload, MlrepoStrace, MlrepoSFTP, Strace, Git, GitDefault, Borg,
        BorgZstd, Restic, Dvc, Annex, Rsync, Xet, Zipnn
    )
}
KEEPS_HISTORY = ("git", "borg", "borg-zstd", "restic", "dvc", "annex")
"""The peers among which the best one is sought: they keep history and check with a cryptographic hash.
git-default stands beside them, as it is not durable, and hf-xet, zipnn and rsync, as they keep no history."""
COMPARED = (*KEEPS_HISTORY, Alone.name)
"""What mlrepo's figures are divided by: the best peer, and where commands are watched the command alone."""


def open_peer(name: str, given: dict[str, str], tool_directory: Path) -> Driver:
    """A driver with its executable, or with none if it is not installed."""
    chosen = given.get(name, given.get(name.split("-")[0]))
    path = ALL[name].locate(os.path.abspath(chosen) if chosen else None, tool_directory)
    return ALL[name](os.path.abspath(path) if path else None)
