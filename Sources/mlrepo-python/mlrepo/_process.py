"""What this process is, and what it has read before anybody watched it."""
import base64
import fcntl
import os
import resource
import sys


def text(path):
    """A path or an argument for JSON: its bytes, where it is not UTF-8."""
    path = os.fsdecode(path)
    try:
        path.encode()
        return path
    except UnicodeEncodeError:
        return {"bytes": base64.b64encode(os.fsencode(path)).decode()}


def arguments():
    """The words by which this process was started, as far as the interpreter knows them."""
    words = getattr(sys, "orig_argv", None) or [sys.executable or "python", *[word for word in sys.argv if word]]
    return [text(word) for word in words]


def modules():
    """Files of all modules that are loaded: the code, and what tells which packages there are."""
    found = set()
    for module in list(sys.modules.values()):
        # No attribute is asked for: some modules load others then.
        path = getattr(module, "__dict__", {}).get("__file__")
        if isinstance(path, str):
            found.add(os.path.abspath(path))
    return [text(path) for path in sorted(found)]


def open_files():
    """Files that are open, or mapped into memory, and for what."""
    found = {}

    def note(path, reading, writing):
        before = found.get(path, (False, False))
        found[path] = (before[0] or reading, before[1] or writing)

    try:
        names = os.listdir("/proc/self/fd")
    except OSError:
        return []
    for name in names:
        try:
            path = os.readlink(f"/proc/self/fd/{name}")
            flags = fcntl.fcntl(int(name), fcntl.F_GETFL)
        except OSError:
            continue
        if path.startswith("/"):
            mode = flags & os.O_ACCMODE
            note(path, mode != os.O_WRONLY, mode != os.O_RDONLY)
    with open("/proc/self/maps", "rb") as maps:
        for line in maps:
            # Address, rights, offset, device, number, path.
            fields = line.rstrip(b"\n").split(None, 5)
            if len(fields) == 6 and fields[5].startswith(b"/"):
                note(os.fsdecode(fields[5]), True, fields[1][1:2] == b"w" and fields[1][3:4] == b"s")
    return [{"path": text(path), "reading": reading, "writing": writing}
            for path, (reading, writing) in sorted(found.items()) if os.path.isfile(path)]


def variables():
    """The environment, as far as it is text."""
    return {name: value for name, value in os.environ.items() if isinstance(text(name), str) and isinstance(text(value), str)}


class Usage:
    """What this process and its children have taken of the machine since this was made."""

    def __init__(self):
        self.before = self.now()

    @staticmethod
    def now():
        both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(usage.ru_utime for usage in both), sum(usage.ru_stime for usage in both), max(usage.ru_maxrss for usage in both)

    def members(self):
        now = self.now()
        # macOS counts bytes, Linux kilobytes.
        unit = 1 if sys.platform == "darwin" else 1024
        return {"userMicroseconds": max(0, round((now[0] - self.before[0]) * 1e6)),
                "systemMicroseconds": max(0, round((now[1] - self.before[1]) * 1e6)),
                "maximumResidentBytes": now[2] * unit}
