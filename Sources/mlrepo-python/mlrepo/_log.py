"""The log of a run: lines that are appended to a file which mlrepo names (Documentation/Formats/observe.md)."""
import json
import os
import warnings


def place():
    """The file, if a run is going on here."""
    found = os.environ.get("MLREPO_RUN_LOG")
    # What a run has started may go on when that has ended.
    return found if found and os.environ.get("MLREPO_RUN") and os.path.isdir(os.path.dirname(found)) else None


def append(path, what, values):
    """Adds a line, by one write: threads and processes do not mix theirs."""
    # Surrogates stand for bytes that are no text, which nobody could read.
    line = json.dumps({what: values}, ensure_ascii=False).encode(errors="replace") + b"\n"
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
    except OSError as error:
        # A training goes on without anybody who records it.
        warnings.warn(f"what is logged is not kept: {error.strerror} (the run may have ended)", stacklevel=4)
        return
    try:
        os.write(file, line)
    finally:
        os.close(file)
