"""Stands for ssh: hands everything on to it and back, each byte late, and counts round trips. Typed as

    turns.py LOG ssh WORDS...

A round trip is an answer to something that was sent when the answer before it had come. What is sent without waiting
for answers is one, however much it is. Where answers come while more is sent, this cannot tell whether they were
waited for: it counts one for each time that a byte takes there and back, so the delay is far above what the other side
needs.
The number is added to LOG, a line for each connection. The handshake of ssh is not in it.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import time
from collections import deque
from contextlib import suppress

BLOCK = 1 << 16
DELAY_SECONDS = 0.25


class Line:
    """Bytes on their way, and how many round trips each end has seen before it sends."""

    def __init__(self, to_ssh: int, from_ssh: int) -> None:
        self._targets = {0: to_ssh, from_ssh: 1}
        self._waiting: deque[tuple[float, int, bytes, int]] = deque()
        self.here = self._there = 0

    def carry(self) -> None:
        """Until ssh has ended, and all that came from it is here."""
        with selectors.DefaultSelector() as chooser:
            for source in self._targets:
                chooser.register(source, selectors.EVENT_READ)
            while self._deliver():
                for key, _ in chooser.select(self._pause()):
                    data = os.read(key.fd, BLOCK)
                    if not data:
                        chooser.unregister(key.fd)
                    seen = self.here if key.fd == 0 else self._there + 1
                    self._waiting.append((time.monotonic() + DELAY_SECONDS, key.fd, data, seen))

    def _pause(self) -> float | None:
        return max(0.0, self._waiting[0][0] - time.monotonic()) if self._waiting else None

    def _deliver(self) -> bool:
        """Hands on what is due; whether more can come."""
        while self._waiting and self._waiting[0][0] <= time.monotonic():
            _, source, data, seen = self._waiting.popleft()
            if source == 0:
                self._there = max(self._there, seen)
                self._send(data)
            elif data:
                self.here = max(self.here, seen)
                os.write(1, data)
            else:
                return False
        return True

    def _send(self, data: bytes) -> None:
        """An ssh that has ended takes nothing more, which its own end tells."""
        with suppress(BrokenPipeError):
            if data:
                os.write(self._targets[0], data)
            else:
                os.close(self._targets[0])


def main() -> int:
    child = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None and child.stdout is not None
    to_ssh = os.dup(child.stdin.fileno())
    child.stdin.close()
    line = Line(to_ssh, child.stdout.fileno())
    line.carry()
    with open(sys.argv[1], "a") as log:
        print(line.here, file=log)
    return child.wait()


if __name__ == "__main__":
    sys.exit(main())
