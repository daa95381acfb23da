"""What a store and its working copies have to hold: the measure that the program is held against."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

# Path to what is there: ("file", "executable" or "link", sha256 of the content or of the link's target).
Files = dict[str, tuple[str, str]]


@dataclass(frozen=True)
class Version:
    """A commit that the program has told of."""

    id: str
    parent: str | None
    message: str
    files: Files
    roots: frozenset[str]


@dataclass(frozen=True)
class Done:
    """An operation of a working copy, as `undo` has to take it back."""

    kind: str
    group: str = ""
    name: str = ""
    before: str | None = None
    after: str | None = None
    head_before: str | None = None


@dataclass
class Copy:
    """A working copy: where it stands, what lies in it, what it tracks."""

    place: Path
    branch: str | None = "main"
    commit: str | None = None
    files: Files = field(default_factory=dict)
    # Tracked directories, and single files that no version has yet.
    roots: set[str] = field(default_factory=set)
    added: set[str] = field(default_factory=set)
    # What `rm` or `mv` took away here at any time.
    removed: set[str] = field(default_factory=set)
    # What `undo` would take back, the last operation at the end.
    history: list[Done] = field(default_factory=list)


@dataclass
class World:
    """All versions, branches and tags that the store has to have, and the working copies on it."""

    copies: list[Copy]
    versions: dict[str, Version] = field(default_factory=dict)
    refs: dict[str, dict[str, str]] = field(default_factory=lambda: {"branches": {}, "tags": {}})

    def files(self, commit: str | None) -> Files:
        return self.versions[commit].files if commit else {}

    def tip(self, copy: Copy) -> str | None:
        """What a commit made in that copy comes to lie on."""
        return copy.commit if copy.branch is None else self.refs["branches"].get(copy.branch)

    def chain(self, commit: str | None) -> list[str]:
        """A commit and all before it, the newest first."""
        found = []
        while commit is not None:
            found.append(commit)
            commit = self.versions[commit].parent
        return found

    def reachable(self) -> list[str]:
        tips = [*self.refs["branches"].values(), *self.refs["tags"].values(), *(copy.commit for copy in self.copies)]
        return sorted({commit for tip in tips for commit in self.chain(tip)})

    def tracked(self, copy: Copy) -> Files:
        """Of the files that lie in a copy, those that are tracked."""
        base = self.files(copy.commit)

        def counts(path: str) -> bool:
            return path in base or path in copy.added or any(path.startswith(root + "/") for root in copy.roots)

        return {path: entry for path, entry in copy.files.items() if counts(path)}

    def next_files(self, copy: Copy, paths: list[str]) -> Files:
        """What a commit has to hold: the branch's newest version, with what differs here from what this copy was made from."""
        result = dict(self.files(self.tip(copy)))
        for path, (_, mine) in changes(self.files(copy.commit), self.tracked(copy)).items():
            if not paths or any(path == p or path.startswith(p + "/") for p in paths):
                put(result, path, mine)
        return result

    def theirs(self, copy: Copy) -> dict:
        """What others have committed to the branch since this copy was made from it."""
        return changes(self.files(copy.commit), self.files(self.tip(copy)))

    def clashes(self, copy: Copy) -> bool:
        """Whether others changed a path that is changed here, in another way."""
        mine = changes(self.files(copy.commit), self.tracked(copy))
        return any(path in mine and mine[path][1] != after for path, (_, after) in self.theirs(copy).items())

    def status(self, copy: Copy) -> dict[str, str]:
        """What `status` has to say."""
        def state(before: tuple | None, after: tuple | None) -> str:
            if before is None or after is None:
                return "added" if before is None else "deleted"
            return "modified" if (before[0] == "link") == (after[0] == "link") else "typeChanged"

        return {path: state(*sides) for path, sides in changes(self.files(copy.commit), self.tracked(copy)).items()}

    def is_clean(self, copy: Copy) -> bool:
        version = self.versions[copy.commit]
        return copy.roots == version.roots and not copy.added and self.tracked(copy) == version.files


def changes(before: Files, after: Files) -> dict:
    """The paths that differ, with both sides."""
    return {path: (before.get(path), after.get(path))
            for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def put(files: Files, path: str, entry: tuple | None) -> None:
    if entry is None:
        files.pop(path, None)
    else:
        files[path] = entry


def look(top: Path) -> Files:
    """What lies in a directory, read anew; without the store."""
    found: Files = {}
    for directory, names, files in os.walk(top):
        if ".mlrepo" in names:
            names.remove(".mlrepo")
        for name in files + [name for name in names if os.path.islink(os.path.join(directory, name))]:
            path = os.path.join(directory, name)
            found[os.path.relpath(path, top)] = entry(path)
    return found


def entry(path: str | Path) -> tuple[str, str]:
    if os.path.islink(path):
        return "link", hashlib.sha256(os.fsencode(os.readlink(path))).hexdigest()
    with open(path, "rb") as file:
        kind = "executable" if os.fstat(file.fileno()).st_mode & 0o100 else "file"
        return kind, hashlib.file_digest(file, "sha256").hexdigest()


def difference(expected: Files, found: Files) -> str:
    """The first few paths where two sets of files differ."""
    paths = sorted(changes(expected, found))
    shown = ", ".join(f"{path} (expected {expected.get(path)}, found {found.get(path)})" for path in paths[:3])
    return f"{len(paths)} paths differ: {shown}"
