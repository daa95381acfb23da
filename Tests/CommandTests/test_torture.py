"""`scripts/torture`, bounded: `--undo` (a seed gives the same one, findings shrink, no silent pass) and `remote`."""
import os
import subprocess
import sys
import unittest
from pathlib import Path

from command_test import MLREPO

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))

from torturing.remote import ways  # noqa: E402
from torturing.undo.generator import Generator  # noqa: E402
from torturing.undo.shrinking import shrink  # noqa: E402
from torturing.undo.steps import Command, Edit, Kill, Step, script  # noqa: E402

# A machine without sshd.
NO_SSHD = """
import pathlib, sys
sys.path.insert(0, "{scripts}")
from torturing.remote import cli, ways
import ssh_server
ssh_server.SSHD = "/nowhere/sshd"
sys.exit(cli.run(pathlib.Path("/nowhere/mlrepo"), ["--over", "ssh", "--kills", "1"]))
"""


class Scenarios(unittest.TestCase):
    def torture(self, *words: str, **environment: str) -> subprocess.CompletedProcess:
        return subprocess.run([sys.executable, SCRIPTS / "torture", "--undo", *words], capture_output=True, text=True,
                              env={**os.environ, "MLREPO": MLREPO, **environment})

    def test_a_seed_gives_one_and_the_same_scenario(self) -> None:
        for seed in range(50):
            self.assertEqual(Generator(seed, False).scenario(), Generator(seed, False).scenario())
            self.assertEqual(Generator(seed, False).probes(), Generator(seed, False).probes())
        self.assertNotEqual(Generator(1, False).scenario(), Generator(2, False).scenario())

    def test_all_kinds_are_drawn(self) -> None:
        drawn = [Generator(seed, False) for seed in range(100)]
        steps = [step for generator in drawn for step in generator.scenario()]
        self.assertEqual({generator.kind for generator in drawn}, {
            "mixed", "retries", "edited_retries", "directory_replaced", "first_checkout", "forgotten", "taken_back"})
        words = {step.words[:2] for step in steps if isinstance(step, Command)}
        self.assertLessEqual({("gc",), ("init", "--store"), ("worktree", "remove")}, words)
        self.assertIn(Command(("gc", "--now")), Generator(1, True).scenario() + Generator(2, True).scenario())

    def test_what_does_not_matter_is_dropped(self) -> None:
        kill = Kill("fsync", 3)
        matters = Edit("write_file", "a", "text")
        steps: list[Step] = [
            Command(("init",)), matters, Command(("status",)), Command(("commit",), kill), Command(("undo",), kill),
        ]
        last = Command(("undo",), kill)

        def fails(steps: list[Step]) -> bool:
            commits = [step for step in steps if isinstance(step, Command) and step.words == ("commit",)]
            return matters in steps and last in steps and commits != []

        self.assertEqual(shrink(steps, fails), [matters, Command(("commit",)), last])

    def test_the_printed_lines_do_what_the_steps_say(self) -> None:
        edits: list[Step] = [
            Edit("write_file", "data/d", "one"), Edit("write_file", "data/d/x", "it's", 3),
            Edit("toggle_executable", "data/d/x"), Edit("make_link", "data/l", "there"),
            Edit("make_directory", "data/l/e"), Edit("remove", "data/none"),
        ]
        shown = script(edits) + "\ncat data/d/x; [ -x data/d/x ] && [ -d data/l/e ] && echo done"
        done = subprocess.run(["sh", "-e", "-c", shown], capture_output=True, text=True)
        self.assertEqual((done.stdout, done.stderr), ("it's\n" * 3 + "done\n", ""))

    def test_where_nothing_can_be_traced_it_fails(self) -> None:
        done = self.torture("1", PATH="/nowhere")
        self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
        self.assertIn("nothing can be killed", done.stdout)

    def test_exact_undo_of_some_scenarios(self) -> None:
        done = self.torture("5", "--exact", "--seed", "1")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_some_scenarios_with_kills(self) -> None:
        done = self.torture("10", "--seed", "1")
        if done.returncode == 2:
            self.skipTest("nothing can be traced here")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class Remote(unittest.TestCase):
    """Pushes, fetches and clones over each way."""

    def torture(self, way: str, *words: str) -> str:
        if reason := ways.lacking(way):
            self.skipTest(f"nothing can be tried over {way}: {reason}")
        done = subprocess.run([sys.executable, SCRIPTS / "torture", "remote", "--over", way, *words],
                              capture_output=True, text=True, env={**os.environ, "MLREPO": MLREPO})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        print(done.stdout, end="", file=sys.stderr)
        return done.stdout

    def test_kills_over_each_way(self) -> None:
        for way in ways.NAMES:
            with self.subTest(way):
                told = self.torture(way, "--kills", "6", "--big", "8")
                self.assertRegex(told, rf"(?m)^over {way}: [67] kills \(")

    def test_clients_at_one_place(self) -> None:
        for way in ("directory", "ssh"):
            with self.subTest(way):
                told = self.torture(way, "--minutes", str(5 / 60), "--clients", "4")
                self.assertRegex(told, rf"(?m)^over {way}: [1-9]\d* commits pushed")

    def test_it_says_what_it_lacks(self) -> None:
        done = subprocess.run([sys.executable, "-c", NO_SSHD.format(scripts=SCRIPTS)], capture_output=True, text=True)
        says = "error: nothing can be tried over ssh: sshd (openssh-server) is not there; --over names another way\n"
        self.assertEqual((done.returncode, done.stdout), (2, says), done.stderr)


if __name__ == "__main__":
    unittest.main()
