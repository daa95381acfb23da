"""Stands for ssh: hands everything on to it and back, and counts the bytes. A program of its own, typed as

    relay.py COUNTS ssh WORDS...

Into the directory COUNTS goes a file for each connection: bytes towards the other side and from there, two integers
of 64 bits in this machine's order. It is mapped, so that the numbers are right whatever kills this program.
"""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
import threading
import time


class Counter:
    def __init__(self, directory: str) -> None:
        path = os.path.join(directory, f"{os.getpid()}-{time.time_ns()}")
        with open(path, "w+b") as file:
            file.truncate(16)
            self.memory = mmap.mmap(file.fileno(), 16)
        self.numbers = memoryview(self.memory).cast("Q")

    def add(self, direction: int, count: int) -> None:
        self.numbers[direction] += count


def hand_on(source: int, target: int, counter: Counter, direction: int) -> None:
    """Until one end is closed."""
    while data := os.read(source, 1 << 16):
        rest = memoryview(data)
        while rest:
            try:
                count = os.write(target, rest)
            except BrokenPipeError:
                return
            counter.add(direction, count)
            rest = rest[count:]


def main() -> int:
    counter = Counter(sys.argv[1])
    child = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def towards() -> None:
        hand_on(0, child.stdin.fileno(), counter, 0)
        os.close(child.stdin.fileno())

    threading.Thread(target=towards, daemon=True).start()
    hand_on(child.stdout.fileno(), 1, counter, 1)
    # Nobody reads any more: ssh has to learn of it as if it wrote there itself.
    os.close(child.stdout.fileno())
    return child.wait()


if __name__ == "__main__":
    # The other thread may wait for a client that says nothing more.
    os._exit(main() & 0xFF)
