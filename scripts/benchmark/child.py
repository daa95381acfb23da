"""Does memory-hungry work of the harness in a forked child.

A new process starts with its parent's peak charged to it, so this process has to stay small, or no
peer could be seen to use less memory than the harness.
"""

from __future__ import annotations

import json
import os
import signal
import traceback
from collections.abc import Callable
from typing import Any

from .errors import BenchError


def in_child(work: Callable[[], Any]) -> Any:
    """Calls `work` in a child and returns its result, which must be what JSON can hold."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        _child(work, reader, writer)
    os.close(writer)
    _lead_group(child)
    try:
        with os.fdopen(reader, "rb") as pipe:
            answer = pipe.read()
        _, status = os.waitpid(child, 0)
    except BaseException:
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    if status != 0:
        raise BenchError(f"the harness's own work failed: {answer.decode(errors='replace').strip()}")
    return json.loads(answer)


def _lead_group(child: int) -> None:
    """With a group of its own what it starts ends with it; both sides set it, as either may come first."""
    try:
        os.setpgid(child, child)
    except (PermissionError, ProcessLookupError):
        pass


def _child(work: Callable[[], Any], reader: int, writer: int) -> None:
    status = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.close(reader)
        try:
            answer = json.dumps(work())
            status = 0
        except OSError as error:
            answer = str(error)
        except Exception:
            answer = traceback.format_exc()
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(answer.encode())
    except BaseException:
        status = 1
    finally:
        os._exit(status)
