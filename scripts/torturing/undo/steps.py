"""The steps of a scenario, each of which is a line of shell: what is run is what is printed."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

# The working copies, which lie beside each other; the third one is made by `worktree add`.
WORK, SECOND, THIRD = "work", "second", "third"

# What a person does to files. Each edit first removes whatever stands in its way.
MAKE_ROOM = """\
make_room() {
  case $1 in */*)
    make_room "${1%/*}"
    [ -d "${1%/*}" ] && [ ! -L "${1%/*}" ] || { rm -f "${1%/*}"; mkdir "${1%/*}"; }
  esac
}"""
BODIES = {
    "write_file": 'make_room "$1"; [ -f "$1" ] && [ ! -L "$1" ] || rm -rf "$1"; yes "$2" | head -n "$3" > "$1"',
    "make_link": 'make_room "$1"; rm -rf "$1"; ln -s "$2" "$1"',
    "make_directory": 'make_room "$1"; rm -rf "$1"; mkdir "$1"',
    "remove": 'rm -rf "$1"',
    "toggle_executable": '[ ! -f "$1" ] || [ -L "$1" ] || { [ -x "$1" ] && chmod a-x "$1" || chmod a+x "$1"; }',
}


@dataclass(frozen=True)
class Kill:
    """A command dies at the entry of its so-many-th call of this kind."""

    call: str
    number: int

    def words(self) -> list[str]:
        inject = f"inject={self.call}:signal=KILL:when={self.number}"
        return ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={self.call}", "-e", inject]


@dataclass(frozen=True)
class Edit:
    """A change of a file, as a person or a training makes it; `function` is one of the above."""

    function: str
    path: str
    text: str = ""
    lines: int = 1
    copy: str = WORK

    def shell(self) -> str:
        arguments = {"write_file": [self.text, str(self.lines)], "make_link": [self.text]}.get(self.function, [])
        return shlex.join([self.function, self.path, *arguments])

    def functions(self) -> str:
        """What its line needs."""
        return f"{MAKE_ROOM}\n{self.function}() {{ {BODIES[self.function]}; }}"

    def digest(self) -> str | None:
        """The SHA-256 of the content that it makes, if it makes any."""
        if self.function == "write_file":
            return hashlib.sha256(f"{self.text}\n".encode() * self.lines).hexdigest()
        return hashlib.sha256(self.text.encode()).hexdigest() if self.function == "make_link" else None


@dataclass(frozen=True)
class Command:
    """A command of mlrepo that is typed in a working copy, and may be killed."""

    words: tuple[str, ...]
    kill: Kill | None = None
    copy: str = WORK

    def shell(self) -> str:
        return shlex.join([*(self.kill.words() if self.kill else []), "mlrepo", *self.words])


@dataclass(frozen=True)
class Probe:
    """A command that is not killed, after which `undo` has to bring back exactly what was before."""

    words: tuple[str, ...]
    copy: str = WORK

    def shell(self) -> str:
        return f"{shlex.join(['mlrepo', *self.words])}; mlrepo undo  # all as before this line?"


Step = Edit | Command | Probe


def script(steps: Sequence[Step]) -> str:
    """A scenario as lines that can be pasted into a shell that knows `mlrepo`."""
    used = {step.function for step in steps if isinstance(step, Edit)}
    lines = ["cd $(mktemp -d) && mkdir work second && cd work", MAKE_ROOM]
    lines += [f"{name}() {{ {body}; }}" for name, body in BODIES.items() if name in used]
    copy = WORK
    for step in steps:
        if step.copy != copy:
            copy = step.copy
            lines.append(f"cd ../{copy}")
        lines.append(step.shell())
    return "\n".join(lines)
