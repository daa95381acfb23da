"""A fresh directory for each test, and ways to run the program in it: what all tests of the command line share.

MLREPO names the binary. Time and user are fixed by environment variables, so that only ids that come from randomness
(events, working copies) and facts of the machine (in runs) differ between two runs of a test.
"""
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

MLREPO = os.path.abspath(os.environ.get("MLREPO", ".build/debug/mlrepo"))
RENAMES = "rename,renameat,renameat2"
READER = Path(__file__).resolve().parent.parent / "Reader" / "read_store.py"


def hears_interrupts() -> None:
    """Before a program begins: who is started in the background by a shell passes interrupts over."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class CommandTest(unittest.TestCase):
    """A fresh directory for each test, and ways to run the program in it."""

    def setUp(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="mlrepo-test-"))
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.root), "MLREPO_USER_NAME": "Ada",
            "MLREPO_USER_EMAIL": "ada@example.com", "MLREPO_NOW": "1763888400",
        }
        self.work = self.root / "work"
        self.work.mkdir()

    def refused(self, *words: str, status: int, says: str, cwd=None) -> None:
        """A command that ends with a status and says why."""
        self.mlrepo(*words, status=status, cwd=cwd)
        self.assertIn(says, self.stderr)

    def run_raw(self, *arguments, cwd=None):
        return subprocess.run(
            [MLREPO, *arguments], cwd=cwd or self.work, env=self.environment, capture_output=True, timeout=120)

    def mlrepo(self, *arguments, status=0, cwd=None) -> str:
        done = self.run_raw(*arguments, cwd=cwd)
        if status is not None:
            self.assertEqual(done.returncode, status, (arguments, done.stdout, done.stderr))
        self.stderr = done.stderr.decode(errors="replace")
        return done.stdout.decode(errors="surrogateescape")

    def under_strace(self, *options: str, to: str = os.devnull) -> list[str]:
        """The words before a command that have its calls written to a file, or it killed at one; it is not allowed everywhere."""
        if shutil.which("strace") is None or subprocess.run(
                ["strace", "-o", os.devnull, "true"], capture_output=True).returncode != 0:
            self.skipTest("nothing can be traced here")
        return ["strace", "-f", "-qq", "-o", to, *options]

    def killed(self, call: str, number: int, *words: str) -> None:
        """A command that is killed at a call."""
        self.struck("-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={number}", words=words)

    def killed_at(self, path, *words: str) -> None:
        """A command that is killed when it gives a file its new name."""
        self.struck("-P", str(path), "-e", f"inject={RENAMES}:signal=KILL:when=1", words=words)

    def struck(self, *options: str, words: tuple[str, ...]) -> None:
        done = subprocess.run([*self.under_strace(*options), MLREPO, *words], cwd=self.work, env=self.environment,
                              capture_output=True)
        self.assertNotEqual(done.returncode, 0, (words, done.stderr))

    def git(self, *words: str, cwd=None) -> None:
        """Git in the working copy, or elsewhere; a submodule may lie on this machine."""
        settings = ["user.name=Ada", "user.email=ada@example.com", "protocol.file.allow=always"]
        subprocess.run(["git", *[word for setting in settings for word in ("-c", setting)], *words],
                       cwd=cwd or self.work, env=self.environment, check=True, capture_output=True)

    def write(self, name, content: bytes) -> Path:
        path = os.path.join(os.fsencode(self.work), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def start(self) -> None:
        self.mlrepo("init")
        self.write("data/a.txt", b"first\n")
        self.write("data/sub/b.txt", b"second\n")
        self.mlrepo("add", "data")

    def listed(self, *command) -> list[str]:
        """The subcommands that a page of help names, of all its groups."""
        names, is_listing = [], False
        for line in self.mlrepo("help", *command).splitlines():
            if not line.startswith(" "):
                is_listing = line.endswith("SUBCOMMANDS:") or (is_listing and not line)
            elif is_listing and line.startswith("  ") and line[2] != " " and not line.startswith("  See "):
                names.append(line.split()[0].rstrip(","))
        return names

    def verify(self) -> dict:
        """What the independent reader says of the store."""
        done = subprocess.run(
            [sys.executable, str(READER), "verify", str(self.work / ".mlrepo")], capture_output=True, timeout=120)
        summary = json.loads(done.stdout.splitlines()[-1])
        self.assertEqual((done.returncode, summary["problems"]), (0, 0), done.stdout[-2000:])
        return summary

    def tree(self, top: Path) -> dict:
        found = {}
        for directory, names, files in os.walk(os.fsencode(top)):
            if b".mlrepo" in names:
                names.remove(b".mlrepo")
            for name in files + [n for n in names if os.path.islink(os.path.join(directory, n))]:
                path = os.path.join(directory, name)
                key = os.path.relpath(path, os.fsencode(top))
                if os.path.islink(path):
                    found[key] = ("link", os.readlink(path))
                else:
                    with open(path, "rb") as file:
                        found[key] = (os.stat(path).st_mode & 0o100, hashlib.sha256(file.read()).hexdigest())
        return found
