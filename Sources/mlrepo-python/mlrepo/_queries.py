"""What can be asked of a repository: files of versions, and where they came from."""
import builtins
import io
import json
import os
import tempfile

from ._program import call


def open(name, mode="rb", *, encoding="utf-8", newline=None):
    """A file of any version, `REVISION:PATH`, or a blob by its id, for reading; "r" for text.

    All of it is checked against its id before this returns; it lies in a temporary file meanwhile, which has no name.
    """
    if mode not in ("r", "rb", "rt"):
        raise ValueError(f"a version is not written: mode is 'r' or 'rb', and not {mode!r}")
    with tempfile.TemporaryFile() as file:
        call("cat", "--", name, output=file)
        file.seek(0)
        # The same file, of which nobody writes more.
        content = builtins.open(os.dup(file.fileno()), "rb")
    return content if mode == "rb" else io.TextIOWrapper(content, encoding=encoding, newline=newline)


def blame(path):
    """Where a file came from: what `mlrepo blame --json` answers, as Python's values."""
    return json.loads(call("blame", "--json", "--", path))


def show(revision="HEAD"):
    """A version with its runs, or a run (`run:NAME`)."""
    return json.loads(call("show", "--json", "--", revision))


def impact(thing):
    """What descends from a file, a version or a run."""
    return json.loads(call("impact", "--json", "--", thing))


def runs(question=None):
    """All recorded runs, the oldest first, or those for which something is true: `f1 > 0.9`."""
    words = [] if question is None else ["--", question]
    return [json.loads(line) for line in call("runs", "--json", *words).splitlines()]
