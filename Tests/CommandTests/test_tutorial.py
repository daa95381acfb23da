"""Documentation/Tutorial.md and Documentation/Team.md, typed again: what comes back is what stands there, but for ids, keys, times, sizes
and the machine.

MLREPO_REWRITE=1 writes what comes back into them.
"""
import difflib
import os
import re
import subprocess
import sys
from pathlib import Path

from command_test import MLREPO, CommandTest

DOCUMENTATION = Path(__file__).resolve().parents[2] / "Documentation"
BLOCK = re.compile(r"^```console\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
# What differs from one time to the next.
VARYING = [
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "TIME"), (re.compile(r"\b[0-9a-f]{7,64}\b"), "ID"),
    (re.compile(r"\b[0-9.]+ (bytes|byte|KB|MB)"), "SIZE"), (re.compile(r"  \d+ s  "), "  0 s  "), (re.compile(r" on [^ )]+\)"), " on HOST)"),
    (re.compile(r"SHA256:[A-Za-z0-9+/]{43}"), "KEY"), (re.compile(r"SHA256:[A-Za-z0-9+/]+$", re.MULTILINE), "KEY"),
    (re.compile(r" \([0-9.]+x\)"), ""), (re.compile(r"/[^ ]*/first\b"), "PLACE"),
    (re.compile(r"/[^ ]*/work/tess/"), "PLACE/"),
]


class Tutorial(CommandTest):
    def test_the_tutorial_says_what_comes_back(self) -> None:
        self.type_again(DOCUMENTATION / "Tutorial.md")

    def test_the_guide_for_a_team_says_what_comes_back(self) -> None:
        for name in ("MLREPO_USER_NAME", "MLREPO_USER_EMAIL"):
            del self.environment[name]
        self.type_again(DOCUMENTATION / "Team.md")

    def type_again(self, document: Path) -> None:
        del self.environment["MLREPO_NOW"]
        (self.root / "bin").mkdir()
        os.symlink(MLREPO, self.root / "bin/mlrepo")
        # Where python3 is a script that looks for one, that would be recorded, too.
        os.symlink(os.path.realpath(sys.executable), self.root / "bin/python3")
        self.environment |= {"PATH": f"{self.root}/bin:{self.environment['PATH']}", "LC_ALL": "C.UTF-8",
                             "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.com",
                             "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.com"}
        text = document.read_text()
        typed = BLOCK.sub(lambda block: f"```console\n{self.answers(block[1])}```\n", text)
        if os.environ.get("MLREPO_REWRITE"):
            document.write_text(typed.replace(str(self.root), "/home/ada"))
            return
        expected, found = self.steady(text), self.steady(typed)
        self.assertEqual(expected, found, "".join(difflib.unified_diff(expected.splitlines(True), found.splitlines(True))))

    def answers(self, block: str) -> str:
        """The commands of a block, each with what comes back from it."""
        said = ""
        for step in re.split(r"^(?=\$ )", block, flags=re.MULTILINE)[1:]:
            lines = step.splitlines()
            typed = [lines[0], *[line for line in lines[1:] if line.startswith("> ") or line == ">"]]
            said += "".join(f"{line}\n" for line in typed)
            done = subprocess.run(
                ["sh", "-c", "\n".join(line[2:] for line in typed)], cwd=self.work, env=self.environment,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
            said += done.stdout.decode()
            if done.stdout and not done.stdout.endswith(b"\n"):
                said += "\n"
        return said

    def steady(self, text: str) -> str:
        for pattern, word in VARYING:
            text = pattern.sub(word, text)
        return text
