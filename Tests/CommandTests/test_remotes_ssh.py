"""Stores that are reached by ssh: a real sshd on this machine, with mlrepo there, without, and with a key that is tied to one store."""
import random
import stat
import subprocess
import sys
import time

from command_test import MLREPO
from ssh_server import SSHServer, missing
from test_remotes import RemoteTest

# Stands for ssh: hands everything on between mlrepo here and what the last word starts, each byte late, and counts how often this side
# begins to speak after the other one has: round trips.
SLOW_LINE = r"""
import os, selectors, subprocess, sys, time
delay, log = float(os.environ["LINE_DELAY"]), os.environ["LINE_LOG"]
child = subprocess.Popen(["sh", "-c", sys.argv[-1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
ends = {0: child.stdin.fileno(), child.stdout.fileno(): 1}
waiting, open_ends, turns, last = [], set(ends), 0, None
chooser = selectors.DefaultSelector()
for end in ends:
    chooser.register(end, selectors.EVENT_READ)
while open_ends or waiting:
    now = time.monotonic()
    while waiting and waiting[0][0] <= now:
        _, end, data = waiting.pop(0)
        if data:
            os.write(ends[end], data)
            if end == 0 and last != 0:
                turns += 1
            last = end
        elif end == 0:
            child.stdin.close()
    if not open_ends and not waiting:
        break
    for key, _ in chooser.select(max(0.001, waiting[0][0] - now) if waiting else 0.2):
        data = os.read(key.fd, 65536)
        if not data:
            chooser.unregister(key.fd)
            open_ends.discard(key.fd)
        waiting.append((time.monotonic() + delay, key.fd, data))
    if child.poll() is not None and child.stdout.fileno() not in open_ends and not waiting:
        break
with open(log, "a") as file:
    print(turns, file=file)
sys.exit(child.wait())
"""


class SSHTest(RemoteTest):
    def setUp(self) -> None:
        super().setUp()
        if reason := missing():
            self.skipTest(reason)
        self.server = SSHServer(self.root / "ssh")
        self.addCleanup(self.server.stop)
        self.environment |= {"MLREPO_SSH": self.server.command, "MLREPO_SERVER": MLREPO}

    @property
    def place(self) -> str:
        return f"there:{self.store}"


class WithProgram(SSHTest):
    """mlrepo is there, and is started."""

    def test_push_clone_pull_and_blame(self) -> None:
        self.mlrepo("init", "--bare", str(self.store))
        self.mlrepo("remote", "add", "origin", self.place)
        self.version("Raw", path="data/a")
        self.mlrepo("run", "-q", "-m", "Made", "sh", "-c", "cat data/a >data/b")
        self.mlrepo("push", "origin", "main")
        other = self.root / "other"
        self.mlrepo("clone", f"ssh://there{self.store}", "other", cwd=self.root)
        self.same_files(other)
        self.assertEqual(self.mlrepo("blame", "data/b", cwd=other), self.mlrepo("blame", "data/b"))
        (other / "data/c").write_bytes(random.randbytes(3_000_000))
        self.mlrepo("commit", "-qm", "More", cwd=other)
        self.mlrepo("push", cwd=other)
        self.assertEqual(self.answer("pull")["merge"], "fastForward")
        self.same_files(other)
        self.mlrepo("get", self.place, "data/c", "--to", "got")
        self.assertEqual((self.work / "got").read_bytes(), (other / "data/c").read_bytes())
        self.sound(self.work, self.store, other)

    def test_a_key_that_is_tied_to_a_store(self) -> None:
        self.version("One")
        self.mlrepo("push", str(self.store))
        self.server.authorize(f"{MLREPO} serve --stdio --read-only {self.store}")
        # Whatever is asked for, the store of the key is what comes.
        self.mlrepo("clone", "tied:/anything", "other", cwd=self.root)
        self.same_files(self.root / "other")
        (self.root / "other/data/new").write_bytes(b"new")
        self.mlrepo("commit", "-qm", "New", cwd=self.root / "other")
        self.refused("push", cwd=self.root / "other", status=77, says="")
        pack = max(self.store.glob("packs/*/*.pack"), key=lambda path: path.stat().st_size)
        whole = pack.read_bytes()
        pack.chmod(0o644)
        pack.write_bytes(whole[:len(whole) // 2] + b"?" + whole[len(whole) // 2 + 1:])
        self.refused("fsck", "origin", "--repair", cwd=self.root / "other", status=77, says="read")
        pack.write_bytes(whole)
        self.server.authorize(f"{MLREPO} serve --stdio {self.store}")
        self.mlrepo("push", cwd=self.root / "other")
        self.sound(self.store)

    def test_what_is_not_there(self) -> None:
        self.version("One")
        self.refused("push", self.place, status=66, says=": there is no store at")
        self.assertNotIn("ssh ended", self.stderr)
        self.refused("clone", "nowhere.invalid:/x", "new", cwd=self.root, status=69, says="ssh")
        self.assertFalse((self.root / "new").exists())
        for place in ("-oProxyCommand=touch${IFS}x:/y", "ssh://-oProxyCommand=x/y", "a b:/x"):
            self.refused("push", "--", place, status=64, says="")
        self.assertFalse((self.work / "x").exists())

    def test_pushes_that_are_killed_go_on(self) -> None:
        self.mlrepo("init", "--bare", str(self.store))
        self.mlrepo("remote", "add", "origin", self.place)
        seed = random.randrange(1 << 32)
        chance = random.Random(seed)
        print(f"seed {seed}", file=sys.stderr)
        for number in range(6):
            self.version(str(number), path=f"data/{number}", content=chance.randbytes(8_000_000))
            push = subprocess.Popen([MLREPO, "push"], cwd=self.work, env=self.environment, stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL)
            time.sleep(chance.uniform(0.05, 0.5))
            if number % 2:
                # The other side dies instead, and the line is opened anew.
                subprocess.run(["pkill", "-9", "-f", f"serve --stdio -- .*{self.store}"])
                push.wait(timeout=60)
            push.kill()
            push.wait()
            self.mlrepo("push")
        self.mlrepo("clone", self.place, "other", cwd=self.root)
        self.same_files(self.root / "other")
        self.sound(self.store, self.root / "other")


class WithoutProgram(SSHTest):
    """Only files can be had there."""

    def setUp(self) -> None:
        super().setUp()
        self.environment["MLREPO_SERVER"] = "no-such-mlrepo"

    def test_push_makes_a_store_and_clone_takes_it(self) -> None:
        self.version("One")
        (self.work / "data/large").write_bytes(random.randbytes(5_000_000))
        self.mlrepo("commit", "-qm", "Large")
        self.mlrepo("remote", "add", "origin", self.place)
        self.mlrepo("push")
        self.assertIn("is reached by SFTP: a power cut there", self.stderr)
        other = self.root / "other"
        self.mlrepo("clone", self.place, "other", cwd=self.root)
        self.same_files(other)
        self.version("Two", cwd=other)
        self.mlrepo("push", cwd=other)
        self.mlrepo("pull")
        self.same_files(other)
        self.sound(self.work, self.store, other)
        # A working copy there is a store, too.
        self.mlrepo("clone", f"there:{other}", "third", cwd=self.root)
        self.same_files(self.root / "third")

    def test_an_account_for_files_alone(self) -> None:
        self.server.authorize("internal-sftp")
        self.version("One")
        self.mlrepo("push", f"tied:{self.store}")
        self.mlrepo("clone", f"tied:{self.store}", "other", cwd=self.root)
        self.same_files(self.root / "other")

    def test_something_else_is_there(self) -> None:
        self.version("One")
        self.store.mkdir()
        (self.store / "notes").write_text("mine")
        self.refused("push", self.place, status=66, says="no store is there")
        self.assertEqual([path.name for path in self.store.iterdir()], ["notes"])


class SlowLine(RemoteTest):
    """A line on which each byte takes 100 ms."""

    def test_a_small_push_takes_few_round_trips(self) -> None:
        line, log = self.root / "line", self.root / "turns"
        line.write_text(f"#!{sys.executable}\n{SLOW_LINE}")
        line.chmod(line.stat().st_mode | stat.S_IXUSR)
        self.environment |= {"MLREPO_SSH": str(line), "MLREPO_SERVER": MLREPO, "LINE_DELAY": "0.1", "LINE_LOG": str(log)}
        self.mlrepo("init", "--bare", str(self.store))
        self.mlrepo("remote", "add", "origin", f"there:{self.store}")
        for number in range(40):
            self.version(str(number))
            if number % 10 == 0:
                self.mlrepo("push", str(self.store))
        self.mlrepo("push")
        self.version("The new one")
        log.write_text("")
        begun = time.monotonic()
        self.assertEqual(len(self.answer("push")["refs"]), 1)
        seconds, turns = time.monotonic() - begun, int(log.read_text())
        print(f"{turns} round trips, {seconds:.1f} s", file=sys.stderr)
        self.assertLess(turns, 10)
        self.assertLess(seconds, 10 * 0.2 + 2)
        log.write_text("")
        self.assertEqual(self.answer("push")["refs"], [])
        self.assertLess(int(log.read_text()), 5)
