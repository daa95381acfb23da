"""A real sshd on this machine, with keys of its own: for the tests of stores behind ssh, and for scripts/torture."""
from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import textwrap
import time
from pathlib import Path

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"


def missing() -> str | None:
    """Why no sshd can be started here; nothing if one can."""
    for name, is_there in (("sshd (openssh-server)", os.access(SSHD, os.X_OK)),
                           ("ssh (openssh-client)", shutil.which("ssh") is not None),
                           ("ssh-keygen (openssh-client)", shutil.which("ssh-keygen") is not None)):
        if not is_there:
            return f"{name} is not there"
    return None


class SSHServer:
    """Two hosts by name, `there` and `tied`: the second one's key is tied to one command.

    It runs until `stop`.
    """

    def __init__(self, keys: Path, sftp: str = "internal-sftp") -> None:
        """Writes keys and configuration into a new directory, and waits until the server answers."""
        self.keys = keys
        keys.mkdir(mode=0o700)
        for name in ("host", "id", "tied"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(keys / name)], check=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        self.authorize()
        self.configure(sftp)
        self.process = subprocess.Popen([SSHD, "-D", "-f", str(keys / "sshd_config"), "-E", str(keys / "log")])
        for _ in range(200):
            with socket.socket() as there:
                if there.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        self.stop()
        raise AssertionError(f"sshd does not answer: {(keys / 'log').read_text()}")

    @property
    def command(self) -> str:
        """The ssh that knows the two hosts."""
        return f"ssh -F {self.keys}/config"

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()

    def authorize(self, command: str = "false") -> None:
        """Lets the one key in, and ties the other one to a command."""
        tied = (self.keys / "tied.pub").read_text()
        (self.keys / "authorized_keys").write_text(
            (self.keys / "id.pub").read_text() + f'restrict,command="{command}" {tied}')

    def configure(self, sftp: str) -> None:
        keys = self.keys
        (keys / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {(keys / 'host.pub').read_text()}")
        (keys / "sshd_config").write_text(textwrap.dedent(f"""\
            Port {self.port}
            ListenAddress 127.0.0.1
            HostKey {keys}/host
            AuthorizedKeysFile {keys}/authorized_keys
            PidFile none
            StrictModes no
            UsePAM no
            PasswordAuthentication no
            KbdInteractiveAuthentication no
            PermitRootLogin yes
            MaxStartups 100:30:200
            Subsystem sftp {sftp}
            """))
        config = ""
        for host, key in (("there", "id"), ("tied", "tied")):
            config += textwrap.dedent(f"""\
                Host {host}
                  HostName 127.0.0.1
                  Port {self.port}
                  User {getpass.getuser()}
                  IdentityFile {keys}/{key}
                  IdentitiesOnly yes
                  UserKnownHostsFile {keys}/known_hosts
                  BatchMode yes
                """)
        (keys / "config").write_text(config)
