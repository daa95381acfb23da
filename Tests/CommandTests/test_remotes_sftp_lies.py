"""SFTP servers that lie (hostile_sftp.py): whoever speaks to one ends in time, takes nothing that is not right, and
says so in plain words.

MLREPO_THREATS=1 prints how each ended, MLREPO_SEED repeats the changes by chance, MLREPO_SLOW_LIES=1 tells also those
that take minutes.
"""
import concurrent.futures
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import unittest
from collections.abc import Iterable
from pathlib import Path

import hostile_sftp
import sftp_server
import threat_stores as stores
from command_test import MLREPO, hears_interrupts
from sftp_liar import LIES
from test_remotes import RemoteTest
from threat_test import STORE, Struck, ThreatTest

SERVER = Path(hostile_sftp.__file__).resolve()
# Does before Python is there what the server does with a command; what Python looks up for packages is left out.
SSH = """#!/bin/sh
case " $* " in *" -s "*) exec {python} -S -E {server} "$@";; esac
echo "sh: 1: mlrepo: not found" >&2
exit 127
"""
EVERY = ("clone", "fsck", "get", "fetch", "gc", "pull", "push")
SILENT = {"silence", "silence_from_the_start"}
# What breaks the line is tried again for some six seconds.
BROKEN = {"status_7_of_escapes", "closes_amid_a_packet", "closes_without_a_reply", "megabytes_of_errors_and_the_end"}
# Told only with MLREPO_SLOW_LIES: each keeps a command that was built for debugging longer than the patience of these tests.
SLOW = {"names_without_end": "gc", "short_names_without_end": "fsck"}
# Others are told to whoever's turn it is.
CHOSEN = {"flood_of_bytes": "clone", "flood_of_extensions": "clone", "flood_of_statuses": "clone",
          "flood_of_names": "clone", "entries_of_every_number": "fsck", "lists_without_names_and_end": "fsck",
          "names_of_entries_with_gaps": "fsck", "stays_when_the_line_is_closed": "clone"}
# What was pushed is not there; who does not look cannot know.
LOSING = {"writes_that_are_thrown_away", "pushes_that_vanish", "links_that_are_not_made", "everything_is_there"}
GREETINGS = {name for name in LIES if name.startswith("greeting_") and "_with_" not in name} | {"limits_cut_off"}
WRITING = {name for name in LIES
           if name.startswith(("writes_", "links_", "renames_", "partial_", "uploads_", "fsync_", "no_", "nothing_"))}
LISTING = {name for name in LIES if name.startswith("names_")} - set(SLOW) - set(CHOSEN)
# Allowed, or not to be noticed by who does not rely on it.
HARMLESS = {name for name in LIES if name.startswith(("greeting_with_", "limits_"))} - GREETINGS - {
    "limits_that_are_names"} | {
    "more_of_format_than_was_asked_for", "more_of_entries_than_was_asked_for", "bytes_one_by_one",
    "entries_a_byte_longer", "format_a_byte_longer", "times_of_2_32", "only_sizes", "attributes_of_escapes",
    "handles_of_256_bytes", "handles_of_escapes", "replies_in_another_order", "megabytes_of_errors_beside_the_truth",
    "stays_when_the_line_is_closed", "links_that_overwrite", "links_that_are_said_to_fail", "no_directory_can_be_made",
    *(f"names_{name}" for name in ("climbing", "of_escapes", "absurd_number", "largest_number", "of_no_utf_8",
                                   "of_a_line", "twice")),
}


class SFTPTest(ThreatTest):
    """Attacks by a store of some size behind a server that lies."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        line = cls.template / "sftp"
        line.write_text(SSH.format(python=sys.executable, server=SERVER))
        line.chmod(0o755)
        cls.large = cls.template / "large"
        stores.placing(stores.large)(cls.large)
        for words, cwd in ((("clone", cls.large / "work/.mlrepo", "sound"), cls.template),
                           (("gc", "origin", "--plan"), cls.template / "sound")):
            done = subprocess.run([MLREPO, *words], cwd=cwd, env=cls.surroundings(cls.template), check=True,
                                  capture_output=True)
        cls.plan = done.stdout.decode()

    def liar(self, name: str) -> dict[str, str]:
        return {"MLREPO_SSH": f"{self.template / 'sftp'} {name}"}

    def place(self, folder: Path) -> None:
        shutil.copytree(self.large, folder, symlinks=True)

    def faults(self, root: Path, struck: Struck) -> Iterable[str]:
        """What is not right although a command ended with 0."""
        sound = self.tree(self.template / "sound")
        for command, place in (("clone", root / "out/new"), ("pull", root / "copy")):
            if struck.statuses.get(command) == 0 and self.tree(place) != sound:
                yield f"{command}: other files than there should be"
        if struck.statuses.get("gc") == 0 and struck.said["gc"] != self.plan:
            yield "gc: another plan than there should be"
        if struck.statuses.get("get") == 0 and (root / "out/got").read_bytes() != b"kept, too\n":
            yield "get: another file than there should be"

    def told(self, lies: Iterable[tuple[str, tuple[str, ...]]], threads: int = 6) -> dict[str, Struck]:
        """Each lie with the commands that it is told to; none of them may do harm."""
        which = list(lies)
        with concurrent.futures.ThreadPoolExecutor(threads) as pool:
            def tell(one: tuple[str, tuple[str, ...]]) -> Struck:
                return self.strike(one[0], self.place, "ssh", one[1], more=self.liar(one[0]), look=self.faults)
            struck = dict(zip((name for name, _ in which), pool.map(tell, which)))
        if "MLREPO_THREATS" in os.environ:
            for name, one in struck.items():
                print(name, one.lies, one.statuses, one.said, file=sys.stderr)
        self.assertEqual({name: one.problems for name, one in struck.items() if one.problems}, {})
        return struck

    def judged(self, struck: dict[str, Struck]) -> None:
        """The lies were told, and only by those that do no harm commands ended with 0.

        A plan to collect needs little of what is there; that it is right is looked at elsewhere.
        """
        self.assertEqual([name for name, one in struck.items() if not one.lies], [])
        self.assertEqual({name: (one.statuses, one.said) for name, one in struck.items()
                          if any((status == 0) != (name in HARMLESS) and (command, status) != ("gc", 0)
                                 for command, status in one.statuses.items())}, {})


class Honest(RemoteTest):
    """The server that lies are told by speaks the truth first."""

    def test_all_that_a_client_does(self) -> None:
        self.environment |= {"FAR": str(self.root),
                             "MLREPO_SSH": f"{sys.executable} -S -E {Path(sftp_server.__file__).resolve()}"}
        self.mlrepo("remote", "add", "origin", "there:store")
        self.version("One", content=random.randbytes(300_000))
        self.mlrepo("push", "origin", "main")
        self.assertIn("is reached by SFTP", self.stderr)
        self.version("Two", path="data/b.txt")
        self.mlrepo("push", "--verify")
        self.mlrepo("clone", "there:store", "other", cwd=self.root)
        self.same_files(self.root / "other")
        self.version("Three", cwd=self.root / "other")
        self.mlrepo("push", cwd=self.root / "other")
        self.mlrepo("pull")
        self.same_files(self.root / "other")
        self.mlrepo("get", "there:store", "data/b.txt", "--to", "got")
        self.assertEqual((self.work / "got").read_bytes(), b"Two\n")
        self.assertIn("no damage", self.mlrepo("fsck", "origin"))
        self.mlrepo("gc", "origin", "--plan")
        self.mlrepo("gc", "origin")
        self.sound(self.work, self.store, self.root / "other")
        self.assertEqual(list((self.store / "tmp").iterdir()), [])

    def test_a_line_that_changes_bits_ruins_no_store_that_is_mended(self) -> None:
        """What is called damage wrongly is taken out of use, and found again by the next repair."""
        ssh = f"{sys.executable} -S -E {Path(sftp_server.__file__).resolve()}"
        self.environment |= {"FAR": str(self.root), "MLREPO_SSH": ssh}
        self.mlrepo("remote", "add", "origin", "there:store")
        self.version("One", content=random.randbytes(200_000))
        self.mlrepo("push", "origin", "main")
        self.environment["MLREPO_SSH"] = f"{sys.executable} -S -E {SERVER} a_bit_of_packs"
        self.run_raw("fsck", "origin", "--repair")
        self.environment["MLREPO_SSH"] = ssh
        shutil.rmtree(self.work / ".mlrepo/cache", ignore_errors=True)
        if self.run_raw("fsck", "origin").returncode != 0:
            self.mlrepo("fsck", "origin", "--repair")
        self.assertIn("no damage", self.mlrepo("fsck", "origin"))
        self.sound(self.store)
        self.same_files(self.clone("new"))


class Lies(SFTPTest):
    """All lies, each told to a command that it matters to."""

    def test_what_is_read(self) -> None:
        others = SILENT | BROKEN | set(SLOW) - set(CHOSEN) | LOSING | GREETINGS | WRITING | LISTING
        self.judged(self.told((name, (CHOSEN.get(name, command),)) for name, command in zip(
            (name for name in LIES if name not in others), itertools.cycle(EVERY))))

    def test_what_some_say_to_everybody(self) -> None:
        commands = ("clone", "fsck", "get", "fetch", "gc", "push")
        self.judged(self.told((name, commands) for name in (
            "a_bit_of_entries", "no_bytes_of_packs", "handles_of_10_kb", "replies_in_another_order",
            "greeting_with_no_extensions", "limits_of_1")))

    def test_what_is_listed(self) -> None:
        self.judged(self.told((name, (command,)) for name, command in zip(sorted(LISTING),
                                                                          itertools.cycle(("fsck", "gc")))))

    def test_what_is_written(self) -> None:
        self.judged(self.told((name, ("push",)) for name in WRITING - LOSING))

    def test_greetings(self) -> None:
        """Without files there is no other way, so that both that were tried are spoken of."""
        struck = self.told((name, (command,)) for name, command in zip(sorted(GREETINGS), itertools.cycle(EVERY)))
        self.judged(struck)
        self.assertEqual({status for one in struck.values() for status in one.statuses.values()}, {69})
        for name in ("greeting_a_banner", "greeting_version_6"):
            self.assertIn("and by SFTP: ", "".join(struck[name].said.values()))

    def test_what_breaks_the_line(self) -> None:
        """It is opened anew a few times; the error says how often it was tried."""
        struck = self.told(((name, (command,)) for name, command in zip(sorted(BROKEN), ("push", "clone", "fsck",
                                                                                         "fetch"))), threads=8)
        for name, one in struck.items():
            self.assertEqual(set(one.statuses.values()), {69}, (name, one.said))
            self.assertIn("(tried 6 times)", "".join(one.said.values()), name)

    @unittest.skipUnless("MLREPO_SLOW_LIES" in os.environ, "they take some minutes")
    def test_what_takes_long(self) -> None:
        self.judged(self.told(((name, (command,)) for name, command in SLOW.items()), threads=2))

    def test_what_is_thrown_away(self) -> None:
        """Nobody notices it while it is pushed, but who verifies; and whoever looks later does."""
        for name in sorted(LOSING):
            with self.subTest(name):
                root = self.root / name
                (root / "out").mkdir(parents=True)
                self.place(root / "place")
                for number, options in enumerate(((), ("--verify",))):
                    copy = root / f"copy{number}"
                    shutil.copytree(self.template / "copy", copy, symlinks=True)
                    self.environment = self.surroundings(root) | self.liar(name)
                    done = self.run_raw("push", *options, "origin", "mine", cwd=copy)
                    self.assertEqual(done.returncode == 0, not options, done)
                    self.environment = self.surroundings(root) | self.liar("only_sizes")
                    looked = self.run_raw("fsck", "origin", cwd=copy)
                    # Who verifies does so before anything names what was pushed.
                    self.assertIn(looked.returncode, (0, 1, 65) if options else (1, 65), looked)
                    shutil.rmtree(root / "place")
                    self.place(root / "place")
                    self.undamaged(copy)

    def test_what_chance_says(self) -> None:
        """Sessions in which replies are flipped, cut off, said twice or not at all."""
        seed = int(os.environ.get("MLREPO_SEED", random.randrange(1 << 30)))
        print(f"MLREPO_SEED={seed}", file=sys.stderr)
        self.told(((f"random:{seed + number}", (command,))
                   for number, command in zip(range(20), itertools.cycle(EVERY))), threads=10)

    def test_an_interrupt_ends_silence(self) -> None:
        """A server that says nothing more, or nothing at all.

        The client gives up after 60 seconds without a byte, after 180 where the first words do not come, and nothing
        shortens that; so this is about who waits for it: an interrupt ends it at once.
        """
        self.place(self.root / "place")
        (self.root / "out").mkdir()
        clients = [subprocess.Popen([MLREPO, "clone", f"there:{STORE}", name], cwd=self.root,
                                    env=self.surroundings(self.root) | self.liar(name), stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL, start_new_session=True, preexec_fn=hears_interrupts)
                   for name in sorted(SILENT)]
        time.sleep(2)
        for client in clients:
            self.assertIsNone(client.poll())
            began = time.monotonic()
            os.killpg(client.pid, signal.SIGINT)
            self.assertNotEqual(client.wait(timeout=20), 0)
            self.assertLess(time.monotonic() - began, 5)
        self.assertEqual(set((self.root / "out/lies").read_text().split()), SILENT)


if __name__ == "__main__":
    unittest.main()
