"""What the program does with stores that were made to harm it (hostile_stores.py).

Every command has to end in time, with a documented exit status and not by a signal, in little memory; it writes nothing outside
the working copy, and no control character to standard output or error. `fsck` calls no invalid store sound.

MLREPO names the binary. MLREPO_HOSTILE names cases (a regular expression): only these run, and all that is wrong is printed.
"""
import concurrent.futures
import os
import re
import resource
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import unicodedata
import unittest
from pathlib import Path

import hostile_stores

MLREPO = os.path.abspath(os.environ.get("MLREPO", ".build/debug/mlrepo"))
ONLY = os.environ.get("MLREPO_HOSTILE")
# README.md, "Exit status"
DOCUMENTED = {0, 1, 64, 65, 66, 73, 74, 75, 77}
MEMORY = 500_000_000
FORBIDDEN = re.compile(r"(?i)^(\.\.?|\.git[ .:]*|\.mlrepo[ .:]*|git~\d+|mlrepo?~\d+|\.mlrepo-tmp-.*)$")
OUTPUT = 1 << 20


def arguments(case, out):
    """What is typed, by name, in order; those before `checkout --to` may run at once."""
    path = case.path
    return {
        "fsck": ["fsck"], "log": ["log", "main"], "status": ["status"], "cat": ["cat", "main:" + path], "ls": ["ls", "main"],
        "blame": ["blame", "-r", "main", path], "show": ["show", "main"], "gc": ["gc", "--plan"], "stats": ["stats"],
        "operations": ["operations"], "diff": ["diff", "clean", "main"], "branch": ["branch"], "worktree": ["worktree", "list"],
        "checkout --to": ["checkout", "main", "--to", str(out)], "checkout": ["checkout", "main"], "status again": ["status"],
        "restore": ["restore", "."], "back": ["checkout", "clean"],
    }


IN_ORDER = ("checkout --to", "checkout", "status again", "restore", "back")
QUIET = {"cat"}  # prints what a file holds


class Ending:
    def __init__(self, status, signal, memory, out, err, late):
        self.status, self.signal, self.memory, self.out, self.err, self.late = status, signal, memory, out, err, late


def limits():
    # Ends a program that takes all memory before the machine does. It is no measure: much of it is never touched.
    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run(words, cwd, environment, patience):
    """Runs the program; keeps the first MiB of what it prints, and reads on."""
    process = subprocess.Popen([MLREPO, *words], cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, preexec_fn=limits)
    kept = {}

    def read(stream, name):
        content = bytearray()
        while piece := stream.read1(65_536):
            if len(content) < OUTPUT:
                content += piece
        kept[name] = bytes(content)
        stream.close()

    readers = [threading.Thread(target=read, args=pair) for pair in ((process.stdout, "out"), (process.stderr, "err"))]
    for reader in readers:
        reader.start()
    late = threading.Event()
    timer = threading.Timer(patience, lambda: (late.set(), process.kill()))
    timer.start()
    _, status, usage = os.wait4(process.pid, 0)
    timer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    for reader in readers:
        reader.join()
    signal = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
    code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
    return Ending(code, signal, usage.ru_maxrss * 1024, kept["out"], kept["err"], late.is_set())


def control_characters(output):
    text = output.decode("utf-8", errors="surrogateescape")
    return sorted({repr(c) for c in text if (unicodedata.category(c) == "Cc" and c != "\n") or "\udc80" <= c <= "\udcff"})


def snapshot(root, without):
    """Everything below a folder but what may change."""
    found = {}
    for directory, names, files in os.walk(os.fsencode(root)):
        names[:] = [name for name in names if os.path.join(directory, name) not in without]
        for name in names + files:
            path = os.path.join(directory, name)
            status = os.lstat(path)
            content = None
            if stat.S_ISREG(status.st_mode) and status.st_size < 100_000:
                with open(path, "rb") as file:
                    content = file.read()
            found[path] = (status.st_mode, status.st_size, status.st_mtime_ns, content)
    return found


def forbidden_names(top):
    """Names that no version may bring, below a folder; the working copy's own store is left out."""
    for directory, names, files in os.walk(os.fsencode(top)):
        if directory == os.fsencode(top) and b".mlrepo" in names:
            names.remove(b".mlrepo")
        for name in names + files:
            if FORBIDDEN.match(os.fsdecode(name)) and not (directory == os.fsencode(top) and name.startswith(b".mlrepo-tmp-")):
                yield os.path.join(directory, name)


def problems(name, standing):
    """All that goes wrong with a case: (command, what)."""
    case = hostile_stores.CASES[name]
    root = Path(tempfile.mkdtemp(prefix="mlrepo-hostile-"))
    try:
        place = hostile_stores.write(name, root / "place", standing)
        out, home = root / "out", root / "home"
        home.mkdir()
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(home), "MLREPO_USER_NAME": "Ada",
                       "MLREPO_USER_EMAIL": "ada@example.com", "MLREPO_NOW": "1763888400"}
        typed = {key: words for key, words in arguments(case, out).items()
                 if case.commands is None or key in case.commands}
        outside = {os.fsencode(place.work), os.fsencode(out)}
        before = snapshot(root, outside)
        found = []

        def look(command):
            ending = run(typed[command], place.work, environment, case.patience)
            if ending.late:
                found.append((command, f"did not end in {case.patience} s; {ending.memory >> 20} MiB"))
            elif ending.signal is not None:
                found.append((command, f"signal {ending.signal}: {ending.err[:300]!r}"))
            elif ending.status not in DOCUMENTED:
                found.append((command, f"status {ending.status}: {ending.err[:300]!r}"))
            if ending.memory > MEMORY:
                found.append((command, f"{ending.memory >> 20} MiB of memory"))
            for stream, output in (("output", ending.out), ("error", ending.err)):
                if command in QUIET and stream == "output":
                    continue
                if controls := control_characters(output):
                    found.append((command, f"control characters on standard {stream}: {', '.join(controls)}"))
            if command == "fsck" and case.sound is not None and ending.status is not None and (ending.status == 0) != case.sound:
                found.append((command, f"status {ending.status} for a store that is {'' if case.sound else 'not '}sound: "
                              f"{(ending.out + ending.err)[:500]!r}"))
            if ONLY:
                print(f"{name}{' (standing)' * standing}: {command}: {ending.status} {ending.memory >> 20} MiB {ending.out[:150]!r} {ending.err[:300]!r}", file=sys.stderr)

        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            list(pool.map(look, [command for command in typed if command not in IN_ORDER]))
        for command in (command for command in IN_ORDER if command in typed):
            look(command)
            after = snapshot(root, outside)
            if after != before:
                changed = sorted(os.fsdecode(path) for path in before.keys() | after.keys() if before.get(path) != after.get(path))
                found.append((command, f"changed outside the working copy: {', '.join(changed)[:500]}"))
                before = after
        after = snapshot(root, outside)
        if after != before:
            found.append(("any", "changed something outside the working copy"))
        for top in (place.work, out):
            for path in forbidden_names(top):
                found.append(("checkout", f"wrote {path!r}"))
        if any((place.work / ".mlrepo").glob("evil*")):
            found.append(("checkout", "wrote into the store"))
        return found
    finally:
        shutil.rmtree(root, ignore_errors=True)


RESULTS = {}


def result(name):
    if name not in RESULTS:
        case = hostile_stores.CASES[name]
        RESULTS[name] = problems(name, False) + (problems(name, True) if case.standing else [])
    return RESULTS[name]


class HostileStores(unittest.TestCase):
    maxDiff = None


def add_tests():
    for name, case in hostile_stores.CASES.items():
        if ONLY and not re.search(ONLY, name):
            continue

        def test(self, name=name, case=case):
            self.assertEqual([problem for problem in result(name) if problem[0] not in case.faults], [])
        setattr(HostileStores, "test_" + name, test)
        for command, why in case.faults.items():
            def fault(self, name=name, command=command):
                self.assertEqual([problem for problem in result(name) if problem[0] == command], [])
            fault.__doc__ = why
            setattr(HostileStores, f"test_{name}__{command.replace(' ', '_')}", unittest.expectedFailure(fault))


add_tests()

if __name__ == "__main__":
    unittest.main()
