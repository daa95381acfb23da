"""A server that lies (hostile_server.py): whoever speaks to it ends in time, takes nothing that is not right, and
says so in plain words.
"""
import concurrent.futures
import os
import shutil
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

import hostile_server
import threat_stores as stores
from command_test import MLREPO, hears_interrupts
from test_remotes import RemoteTest
from threat_test import STORE, Struck, ThreatTest

SERVER = Path(hostile_server.__file__).resolve()
# Nobody asks a server for the names in a directory, or about files: those who begin to are tested at once.
UNASKED = {name for name, lie in hostile_server.LIES.items() if lie.asked and set(lie.asked) <= {hostile_server.NAMES,
        hostile_server.PROPERTIES}}
UPLOADS = {name for name in hostile_server.LIES if name.startswith("upload_")}
# What breaks the line is tried again for some six seconds.
BROKEN = {"failure_0_of_escapes", "closes_amid_a_frame", "closes_without_a_reply", "megabytes_of_errors_and_the_end"}
ENDLESS = {"silence", "working_for_ever"}
VANISHING = "pushes_that_vanish"
HARMLESS = {"megabytes_of_errors_beside_the_truth", "working_ten_thousand_times", "replies_in_the_wrong_order",
            "greeting_of_version_255",
            "greeting_of_all_features", "upload_that_is_there", "upload_of_wrong_bytes",
            "upload_that_somebody_finished",
            # Names of files that are none of the log's.
            "names_in_one_frame_of_4_mib", "names_of_absurd_number", "names_of_climbing", "names_of_escapes",
            "names_of_largest_number"}
READING = set(hostile_server.LIES) - UNASKED - UPLOADS - BROKEN - ENDLESS - {VANISHING}


class Lies(ThreatTest):
    """All lies, each told whenever it can be."""

    def told(self, names: set[str], *commands: str) -> dict[str, Struck]:
        def tell(name: str) -> Struck:
            return self.strike(name, stores.placing(stores.large), "ssh", commands, more=self.liar(name))
        with concurrent.futures.ThreadPoolExecutor(2 * (os.cpu_count() or 1)) as pool:
            struck = dict(zip(sorted(names), pool.map(tell, sorted(names))))
        if "MLREPO_THREATS" in os.environ:
            for name, one in struck.items():
                print(name, one.lies, one.statuses, one.said, file=sys.stderr)
        self.assertEqual({name: one.problems for name, one in struck.items() if one.problems}, {})
        self.assertEqual([name for name, one in struck.items() if not one.lies and name not in UNASKED], [])
        return struck

    @staticmethod
    def liar(name: str) -> dict[str, str]:
        return {"MLREPO_SSH": f"{sys.executable} {SERVER} {name}"}

    def test_what_is_read(self) -> None:
        some = {name for name in READING if name.startswith(("a_bit", "pieces", "files", "a_reply_t"))}
        for names, *commands in ((READING - some, "clone"), (some, "clone", "fetch", "get", "push")):
            struck = self.told(names, *commands)
            for name, one in struck.items():
                self.assertEqual(set(one.statuses.values()) == {0}, name in HARMLESS, (name, one.statuses, one.said))

    def test_what_is_pulled(self) -> None:
        struck = self.told({"a_bit_of_each_piece", "files_of_no_bytes", "failure_6_of_escapes", "a_reply_twice"},
                           "pull")
        self.assertFalse([name for name, one in struck.items() if one.statuses["pull"] == 0])

    def test_what_is_pushed(self) -> None:
        struck = self.told(UPLOADS, "push")
        for name, one in struck.items():
            self.assertEqual(one.statuses["push"] == 0, name in HARMLESS, (name, one.said))

    def test_what_is_not_asked(self) -> None:
        for name, one in self.told(UNASKED, "clone", "push").items():
            self.assertTrue(one.lies == 0 or name in HARMLESS or 0 not in one.statuses.values(), name)

    def test_what_breaks_the_line(self) -> None:
        """It is opened anew a few times; the error says how often it was tried."""
        with concurrent.futures.ThreadPoolExecutor(len(BROKEN) * 3) as pool:
            every = [(name, command) for name in sorted(BROKEN) for command in ("clone", "fetch", "push")]
            struck = list(pool.map(lambda which: self.strike(which[0], stores.placing(stores.large), "ssh", (which[1],),
                                                             more=self.liar(which[0])), every))
        for (name, command), one in zip(every, struck):
            self.assertEqual((one.problems, one.statuses), ([], {command: 69}), name)
            self.assertIn("(tried 6 times)", one.said[command])
            self.assertGreaterEqual(one.lies, 6, name)

    def test_a_server_that_forgets_what_was_pushed(self) -> None:
        """A lie that nobody can notice while it is told: the next one who looks does."""
        stores.placing(stores.large)(self.root / "place")
        environment = self.surroundings(self.root)
        (self.root / "out").mkdir()
        self.mlrepo("clone", str(self.root / STORE), "copy", "-b", "clean", cwd=self.root)
        copy = self.root / "copy"
        self.environment = environment
        self.mlrepo("remote", "set", "origin", f"there:{STORE}", cwd=copy)
        self.version("Mine", cwd=copy)
        for options in ((), ("--verify",)):
            self.environment = environment | self.liar(VANISHING)
            done = self.run_raw("push", *options, "origin", "clean", cwd=copy)
            self.assertIn(done.returncode, (0, 65, 69, 74), done.stderr)
            self.environment = environment
            if done.returncode == 0:
                self.assertEqual(options, ())
                RemoteTest.refused(self, "fetch", cwd=copy, status=65, says="rolled back")
                self.mlrepo("remote", "forget", "origin", cwd=copy)
            self.mlrepo("push", "origin", "clean", cwd=copy)
            self.version(f"Mine {options}", cwd=copy)
        self.sound(self.root / STORE)


class Silence(ThreatTest):
    """A server that says nothing more, or only that it is at work.

    The client gives up after 60 seconds without a byte, and opens the line six times: after six minutes (after three where the
    greeting does not come). Nothing is said of that meanwhile, and who says "working" is waited for without end. So this is about
    who waits for it: an interrupt ends it at once.
    """

    def test_an_interrupt_ends_it(self) -> None:
        stores.placing(stores.large)(self.root / "place")
        (self.root / "out").mkdir()
        before = {path.name for path in self.root.iterdir()}
        for name in ("silence", "working_for_ever"):
            for words in (("clone", f"there:{STORE}", "new"), ("get", f"there:{STORE}", "kept.txt", "--to", "got")):
                with self.subTest(name, command=words[0]):
                    environment = self.surroundings(self.root) | Lies.liar(name)
                    client = subprocess.Popen([MLREPO, *words], cwd=self.root, env=environment,
                                              stdout=subprocess.DEVNULL,
                                              stderr=subprocess.DEVNULL, start_new_session=True,
                                              preexec_fn=hears_interrupts)
                    time.sleep(1.2)
                    self.assertIsNone(client.poll())
                    began = time.monotonic()
                    os.killpg(client.pid, signal.SIGINT)
                    self.assertNotEqual(client.wait(timeout=20), 0)
                    self.assertLess(time.monotonic() - began, 5)
                    left = {path.name for path in self.root.iterdir()} - before
                    self.assertLessEqual(left, {"home", "new"})
                    self.assertEqual([path.name for path in (self.root / "new").iterdir()], [".mlrepo"])
            # What was begun goes on where somebody answers.
            subprocess.run([MLREPO, "clone", "-q", f"there:{STORE}", "new"], cwd=self.root,
                           env=self.surroundings(self.root), check=True,
                           capture_output=True)
            self.undamaged(self.root / "new")
            shutil.rmtree(self.root / "new")

    def test_an_interrupted_get_leaves_nothing(self) -> None:
        """Not even the store that it was making, in the directory for temporary files."""
        stores.placing(stores.large)(self.root / "place")
        (self.root / "out").mkdir()
        environment = self.surroundings(self.root) | Lies.liar("silence")
        client = subprocess.Popen([MLREPO, "get", f"there:{STORE}", "kept.txt", "--to", "got"], cwd=self.root,
                                  env=environment,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=hears_interrupts)
        time.sleep(1.2)
        client.send_signal(signal.SIGINT)
        client.wait(timeout=20)
        self.assertEqual(list((self.root / "home").glob("mlrepo-*")), [])


if __name__ == "__main__":
    unittest.main()
