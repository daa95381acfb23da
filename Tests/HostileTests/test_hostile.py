"""What the program does with stores that were made to harm it (hostile_stores.py).

Every command has to end in time, with a documented exit status and not by a signal, in little memory; it writes nothing outside
the working copy, and no control character to standard output or error. `fsck` calls no invalid store sound.

MLREPO names the binary. By default some commands are run on each store, for less than a minute. Settings for more:
MLREPO_HOSTILE_ALL=1 runs every command on every store, also those that are known not to end, which takes some minutes.
MLREPO_HOSTILE=REGEX runs every command on the stores of these names only, and prints how each ends.

What the program is known to do wrong stands in FAULTS, and its tests fail as expected.
"""
import concurrent.futures
import contextlib
import os
import re
import resource
import stat
import subprocess
import sys
import tempfile
import threading
import time
import unicodedata
import unittest
from pathlib import Path

import hostile_stores

MLREPO = os.path.abspath(os.environ.get("MLREPO", ".build/debug/mlrepo"))
sys.setrecursionlimit(20_000)  # os.walk in deep directories
ONLY = os.environ.get("MLREPO_HOSTILE")
ALL = ONLY or os.environ.get("MLREPO_HOSTILE_ALL")
QUICK = {"fsck", "cat", "checkout --to", "checkout"}
QUICK_LOCAL = {"fsck", "status", "checkout"}
QUICK_STANDING = {"status", "back"}
FOR_EVER = "never ends: "
# By case and command. One that begins with FOR_EVER is left out unless all is run.
FAULTS = {
    "ten_thousand_levels": {"fsck": "does not count levels"},
    "empty_directories_at_ten_thousand_levels": {"fsck": "does not count levels"},
    "one_level_too_many": {"fsck": "does not count levels"},
    "refs_of_which_the_event_says_nothing": {"fsck": "events are not compared with what the refs did"},
    "pack_of_a_terabyte_of_holes": {"fsck": FOR_EVER + "hashes the file before it looks at the trailer"},
    "bomb_of_a_run": {"blame": FOR_EVER + "walks all inputs"},
    "bomb_of_bytes": dict.fromkeys(["checkout --to", "checkout"], FOR_EVER + "a sparse file system has room for all of it"),
    "bomb_of_chunks": {"fsck": FOR_EVER + "reads what is said to be there"},
    "bomb_of_chunks_in_a_small_file": dict.fromkeys(["fsck", "cat"], FOR_EVER + "reads what is said to be there"),
    "bomb_of_large_chunks": {"fsck": FOR_EVER + "reads what is said to be there"},
    # Ends at 2^20 directories: in a release build after a second, in a debug build after fifteen.
    "bomb_of_empty_directories": dict.fromkeys(
        ["ls", "diff", "checkout --to", "checkout"], FOR_EVER + "not within the six seconds of a debug build"),
    "bomb_that_says_it_is_small": {"fsck": FOR_EVER + "files are not counted"},
    "casts_upon_64_bases_in_large_frames": dict.fromkeys(
        ["fsck", "checkout --to", "checkout", "back"], FOR_EVER + "decodes the frames of bases again for each cast"),
    "cast_upon_64_patches_upon_64_bases_in_large_frames": dict.fromkeys(
        ["fsck", "cat", "checkout --to", "checkout", "back"], FOR_EVER + "decodes the frames of bases again for each patch"),
    # Whoever laid the store out may have put parts of it on another disk.
    "directories_of_the_store_that_are_links": dict.fromkeys(
        ["checkout --to", "checkout", "status again", "restore", "back"], "writes its temporary files through a link"),
}
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


def run(words, cwd, environment, patience):
    """Runs the program; keeps the first MiB of what it prints, and reads on."""
    process = subprocess.Popen([MLREPO, *words], cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    # Ends a program that takes all memory before the machine does. It is no measure: much of it is never touched.
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(process.pid, resource.RLIMIT_AS, (6 << 30, 6 << 30))
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


def is_run(name, command, standing=False):
    commands = hostile_stores.CASES[name].commands
    if commands is not None and command not in commands:
        return False
    if ALL:
        return True
    if FAULTS.get(name, {}).get(command, "").startswith(FOR_EVER):
        return False
    return command in (QUICK_STANDING if standing else QUICK if commands is None else QUICK_LOCAL)


def problems(name, standing):
    """All that goes wrong with a case: (command, what)."""
    case = hostile_stores.CASES[name]
    root = Path(tempfile.mkdtemp(prefix="mlrepo-hostile-"))
    try:
        place = hostile_stores.write(name, root / "place", standing)
        out, home = root / "out", root / "home"
        home.mkdir()
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(home), "MLREPO_USER_NAME": "Ada",
                       "MLREPO_USER_EMAIL": "ada@example.com", "MLREPO_NOW": "1763888400", "SWIFT_BACKTRACE": "enable=no"}
        typed = {key: words for key, words in arguments(case, out).items() if is_run(name, key, standing)}
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
            if command == "cat" and case.cat is not None and ending.status is not None and ending.status != case.cat:
                found.append((command, f"status {ending.status}, not {case.cat}: {ending.err[:500]!r}"))
            if command == "fsck" and case.sound is not None and ending.status is not None and (ending.status == 0) != case.sound:
                found.append((command, f"status {ending.status} for a store that is {'' if case.sound else 'not '}sound: "
                              f"{(ending.out + ending.err)[:500]!r}"))
            if ONLY:
                print(f"{name}{' (standing)' * standing}: {command}: {ending.status} {ending.memory >> 20} MiB {ending.out[:150]!r} {ending.err[:300]!r}", file=sys.stderr)

        for command in typed:
            if command not in IN_ORDER:
                look(command)
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
        # Deeper than Python's own removal can go.
        subprocess.run(["rm", "-rf", "--", root], check=False)


RESULTS = {}


def result(name):
    begun = time.monotonic()
    found = problems(name, False) + (problems(name, True) if hostile_stores.CASES[name].standing else [])
    if ONLY:
        print(f"{name}: {time.monotonic() - begun:.1f} s: {found}", file=sys.stderr)
    return found


class HostileStores(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        """All cases, several at once; the tests look at what came out."""
        names = [name for name in hostile_stores.CASES if not ONLY or re.search(ONLY, name)]
        with concurrent.futures.ThreadPoolExecutor(3 * (os.cpu_count() or 1)) as pool:
            RESULTS.update(zip(names, pool.map(result, names)))


def add_tests():
    for name, case in hostile_stores.CASES.items():
        if ONLY and not re.search(ONLY, name):
            continue
        faults = FAULTS.get(name, {})

        def test(self, name=name, faults=faults):
            self.assertEqual([problem for problem in RESULTS[name] if problem[0] not in faults], [])
        setattr(HostileStores, "test_" + name, test)
        for command, why in faults.items():
            def fault(self, name=name, command=command):
                self.assertEqual([problem for problem in RESULTS[name] if problem[0] == command], [])
            fault.__doc__ = why
            if is_run(name, command) or case.standing and is_run(name, command, True):
                setattr(HostileStores, f"test_{name}__{command.replace(' ', '_')}", unittest.expectedFailure(fault))


add_tests()

if __name__ == "__main__":
    unittest.main()
