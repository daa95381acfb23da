"""Installs the peers, and what data is made with: distribution packages, and a virtual environment for what is Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from .errors import BenchError
from .results import self_ignoring

PACKAGES = {
    "git": "git", "borgbackup": "borg", "restic": "restic", "strace": "strace", "rsync": "rsync",
    "git-annex": "git-annex",
}
"""By package the program that it is installed for. openssh-server is none of them: installed, it may also serve others."""
PYTHON_PACKAGES = (
    "dvc==3.67.1", "dvc-ssh==4.3.0", "zipnn==0.5.4", "torch==2.13.0", "safetensors==0.8.0", "numpy==2.4.6",
    "pyarrow==26.0.1", "scikit-learn==1.9.1", "hf-xet==1.8.0", "pillow==13.0.0",
)
"""A wheel of torch without CUDA is taken where PIP_FIND_LINKS or PIP_EXTRA_INDEX_URL has one; else pip brings CUDA too."""


def install(environment: Path) -> None:
    """Raises with the command that failed; what is there already is left as it is."""
    missing = [package for package, tool in PACKAGES.items() if not shutil.which(tool)]
    if missing:
        if not shutil.which("apt-get"):
            raise BenchError(f"no apt-get here; install these by hand: {', '.join(missing)}")
        as_root = [] if os.geteuid() == 0 else ["sudo"]
        _run([*as_root, "apt-get", "update"])
        _run([*as_root, "apt-get", "install", "--yes", "--no-install-recommends", *missing])
    if not (environment / "bin" / "pip").exists():
        venv.create(environment, with_pip=True)
        self_ignoring(environment)
    _run([str(environment / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", *PYTHON_PACKAGES])


def _run(command: list[str]) -> None:
    print(f"$ {' '.join(command)}", file=sys.stderr, flush=True)
    try:
        subprocess.run(command, check=True, stdout=sys.stderr)
    except (OSError, subprocess.CalledProcessError) as error:
        raise BenchError(f"`{' '.join(command)}` failed: {error}") from error
