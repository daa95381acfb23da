"""Gives all files of a directory to hf-xet, or takes them from it again.

usage: python -P xet_batch.py keep DIRECTORY STORE VERSION
       python -P xet_batch.py restore STORE VERSION DESTINATION

A version is a file of JSON: by name the digest and the size of each file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from hf_xet import SKIP_SHA256, XetConfig, XetFileInfo, XetSession


def keep(directory: Path, store: Path, version: str) -> None:
    with _session().new_upload_commit(endpoint=_endpoint(store)) as commit:
        paths = sorted(directory.iterdir())
        uploads = {path.name: commit.start_upload_file(str(path), sha256=SKIP_SHA256) for path in paths}
    found = {name: upload.result().xet_info for name, upload in uploads.items()}
    kept = {name: [info.hash, info.file_size] for name, info in found.items()}
    _version(store, version).write_text(json.dumps(kept))


def restore(store: Path, version: str, destination: Path) -> None:
    data = destination / "data"
    data.mkdir(parents=True)
    with _session().new_file_download_group(endpoint=_endpoint(store)) as group:
        for name, (digest, size) in json.loads(_version(store, version).read_text()).items():
            group.start_download_file(XetFileInfo(digest, size), str(data / name))


def _session() -> XetSession:
    return XetSession(XetConfig().with_config("telemetry.enabled", False))


def _endpoint(store: Path) -> str:
    return f"local://{store / 'chunks'}"


def _version(store: Path, version: str) -> Path:
    return store / "versions" / f"{version}.json"


def main() -> None:
    if sys.argv[1] == "keep":
        keep(Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
    else:
        restore(Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4]))


main()
