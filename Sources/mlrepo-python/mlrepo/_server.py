"""The server that watches this process: `mlrepo observe` (Documentation/Formats/observe.md)."""
import base64
import json
import os
import socket
import threading

from . import _filter
from ._program import Error, failure, program

VERSION = 1


class Gone(Exception):
    """The server has ended: nobody records any more."""


class Server:
    """One for a process; it stays, since the kernel grants a process one listener for all its life."""

    def __init__(self):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            path = program()
            with theirs:
                place = theirs.fileno()
                self.process = os.posix_spawn(
                    path, [path, "observe"], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, place, 0)])
        except BaseException:
            ours.close()
            raise
        self.socket = ours
        self.received = b""
        self.has_filter = False
        hello = self.hear()
        if hello.get("version") != VERSION:
            raise Error(65, "this package and the program mlrepo are of different versions", "install those of one version")
        self.filter = base64.b64decode(hello["filter"])

    def say(self, message):
        try:
            self.socket.sendall(json.dumps(message, ensure_ascii=False).encode(errors="replace") + b"\n")
        except OSError:
            raise Gone from None

    def hear(self):
        """The next answer."""
        while b"\n" not in self.received:
            try:
                more = self.socket.recv(1 << 16)
            except OSError:
                more = b""
            if not more:
                raise Gone
            self.received += more
        line, _, self.received = self.received.partition(b"\n")
        return json.loads(line)

    def begin(self, begin):
        """The name and log of a new run."""
        self.say({"begin": begin})
        answer = self.hear()
        if "error" in answer:
            raise failure(answer)
        return answer["run"], answer["log"]

    def watch(self, is_wanted):
        """Lets this process be watched from now on.

        Returns why it is not, if it is not.
        """
        reason = None
        line = b'{"watch":true}\n'
        try:
            if not is_wanted:
                line = b'{"watch":false}\n'
            elif not self.has_filter:
                _filter.pass_listener(self.filter, line, self.socket, self.process)
                self.has_filter, line = True, None
        except _filter.Refused as refusal:
            reason, line = str(refusal), b'{"watch":false}\n'
        if line is not None:
            self.say(json.loads(line))
        if not self.hear().get("watching") and is_wanted and reason is None:
            reason = "mlrepo cannot answer for this process"
        return reason

    def end(self, end):
        """What was recorded."""
        self.say({"end": end})
        answer = self.hear()
        if "error" in answer:
            raise failure(answer)
        return answer

    def leave(self):
        """Closes this process's end of the conversation."""
        self.socket.close()


lock = threading.RLock()
current = None


def server():
    """The one of this process; a new one if it has ended."""
    global current
    with lock:
        if current is None:
            current = Server()
        return current


def forget():
    """The server has ended."""
    global current
    with lock:
        if current is not None:
            current.leave()
            try:
                os.waitpid(current.process, os.WNOHANG)
            except ChildProcessError:
                pass
        current = None


def leave_to_parent():
    """In a process that was forked: the conversation is its parent's, whose end would not be seen if this held it open."""
    global current, lock
    lock = threading.RLock()
    if current is not None:
        if current.has_filter:
            _filter.may_look(current.process)
        current.leave()
        current = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=leave_to_parent)
