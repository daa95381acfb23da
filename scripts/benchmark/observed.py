"""The command lines of the commands that are watched, after whatever watches them: one program for each of the
operations that read, which is copied into the working copy, and a shell's line for the one that writes."""

from __future__ import annotations

READS = {"loop": "data/small", "files": "data/small", "images": "data/images", "cpu": "data/table.npy"}
"""What each program reads of the working copy."""
PROCESSES = 16
SWEEP = 'cat data/*/* >/dev/null\nmkdir -p out\necho "$1" >"out/$1"\n'
"""A job of a sweep, which is told its number."""


def reading(name: str, before: str = "") -> list[str]:
    """A program, which writes the seconds of its loop outside of the working copy when it is done."""
    return [f"{before} {{python}} -P {name}.py {READS[name]} {{count}} {{told}}".strip()]


def writing(before: str = "") -> list[str]:
    """Many commands, so many at once, that write a file each; `%` is its number, also in what comes before."""
    shell = f"""seq $0 | xargs -P {PROCESSES} -I % "$@" sh -c "echo x > out/%" """.strip()
    return [f"sh -c '{shell}' {{count}} {before}".strip()]


def sweeping(before: str = "") -> list[str]:
    """Many jobs, so many at once."""
    shell = f"""seq $0 | xargs -P {PROCESSES} -I % "$@" sh job.sh %""".strip()
    return [f"sh -c '{shell}' {{count}} {before}".strip()]


def watched(before: str = "") -> dict[str, list[str]]:
    """All of them."""
    return {**{name: reading(name, before) for name in READS}, "many": writing(before)}
