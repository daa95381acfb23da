"""Installs the filter by which the kernel tells mlrepo of this process's calls, and hands over its listener.

From the installation on each call that opens a file waits until mlrepo answers it, and mlrepo does so once it has the listener.
Until then nothing may happen that could need a file, in no thread: another one that loads a library holds the interpreter's lock while
it waits. So the lock is kept from before the one call to behind the other: both, and what is between them, are called by C alone
(`list` of a `map`), where no other thread gets its turn.
"""
import ctypes
import functools
import os
import platform
import struct

SECCOMP_SET_MODE_FILTER = 1
TSYNC, NEW_LISTENER, TSYNC_ESRCH, WAIT_KILLABLE = 1, 8, 16, 32
PR_SET_NO_NEW_PRIVS, PR_SET_PTRACER = 38, 0x59616D61
CAP_SYS_ADMIN = 21
SYS_SECCOMP = {"x86_64": 317, "aarch64": 277}
SOL_SOCKET, SCM_RIGHTS, MSG_NOSIGNAL = 1, 1, 0x4000


class Refused(Exception):
    """The system does not let this process be watched."""


class Instructions(ctypes.Structure):
    """struct sock_fprog"""
    _fields_ = [("count", ctypes.c_ushort), ("first", ctypes.c_void_p)]


class Piece(ctypes.Structure):
    """struct iovec"""
    _fields_ = [("start", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class Message(ctypes.Structure):
    """struct msghdr"""
    _fields_ = [("name", ctypes.c_void_p), ("name_length", ctypes.c_uint32), ("pieces", ctypes.c_void_p),
                ("piece_count", ctypes.c_size_t), ("control", ctypes.c_void_p), ("control_length", ctypes.c_size_t),
                ("flags", ctypes.c_int)]


def is_privileged():
    """Whether this process may install filters without giving up what set-user-ID programs may."""
    with open("/proc/self/status") as file:
        for line in file:
            if line.startswith("CapEff:"):
                return int(line.split()[1], 16) >> CAP_SYS_ADMIN & 1 == 1
    return False


def prctl():
    function = ctypes.PyDLL(None, use_errno=True).prctl
    function.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
    return function


def may_look(server):
    """Lets a process read the names in this one's calls, where processes may look at their children alone (Yama)."""
    prctl()(PR_SET_PTRACER, server, 0, 0, 0)


def pass_listener(program, line, socket, server):
    """Installs a filter for all threads, and says a line to the server that brings the listener.

    program: the filter, an array of struct sock_filter
    line: bytes, few enough for one write
    server: the process that answers, which may look at this one from now on
    """
    number = SYS_SECCOMP.get(platform.machine())
    if number is None or ctypes.sizeof(ctypes.c_void_p) != 8 or not program:
        raise Refused("this system has no such filters")
    # PyDLL keeps the interpreter's lock; each function has its own types.
    seccomp = ctypes.PyDLL(None, use_errno=True).syscall
    seccomp.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_ulong, ctypes.c_void_p]
    seccomp.restype = ctypes.c_long
    flags = TSYNC | NEW_LISTENER | TSYNC_ESRCH
    # Asked with no filter at all, the kernel complains of that, or of a flag that it does not know.
    if seccomp(number, SECCOMP_SET_MODE_FILTER, flags | WAIT_KILLABLE, None) != 0 and ctypes.get_errno() == 14:
        flags |= WAIT_KILLABLE
    may_look(server)
    if not is_privileged() and prctl()(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise Refused(os.strerror(ctypes.get_errno()))

    filter_bytes = ctypes.create_string_buffer(program, len(program))
    instructions = Instructions(len(program) // 8, ctypes.addressof(filter_bytes))
    text = ctypes.create_string_buffer(line, len(line))
    piece = Piece(ctypes.addressof(text), len(line))
    # struct cmsghdr with one descriptor, padded to whole words.
    control = ctypes.create_string_buffer(24)
    struct.pack_into("=QiiiI", control, 0, 20, SOL_SOCKET, SCM_RIGHTS, -1, 0)
    message = Message(None, 0, ctypes.addressof(piece), 1, ctypes.addressof(control), 24, 0)
    install = ctypes.PyDLL(None, use_errno=True).syscall
    install.argtypes = seccomp.argtypes
    # What it returns, the listener, goes where the message has its descriptor.
    install.restype = functools.partial(struct.pack_into, "=i", control, 16)
    send = ctypes.PyDLL(None, use_errno=True).sendmsg
    send.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_int]
    send.restype = ctypes.c_ssize_t
    steps = [
        functools.partial(install, number, SECCOMP_SET_MODE_FILTER, flags, ctypes.addressof(instructions)),
        functools.partial(ctypes.get_errno),
        functools.partial(send, socket.fileno(), ctypes.addressof(message), MSG_NOSIGNAL),
    ]
    done = list(map(functools.partial.__call__, steps))
    listener = struct.unpack_from("=i", control, 16)[0]
    if listener < 0:
        # Nothing was sent: there is no such descriptor.
        raise Refused(os.strerror(done[1]))
    os.close(listener)
    if done[2] != len(line):
        raise Refused("the listener could not be handed over")
