"""Push and clone over ssh, through an sshd on this machine: otherwise as to a directory."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from .other_side import other_side
from .other_side_sshd import lacking
from .session import Sample, Session
from .workload import Trial, Values
from .workload_push import Push, W1Push, W3Push


class OverSSH(Push):
    """Each operation has a server of its own, which is there before and settles after the timed span."""

    peers = Push.peers | {"mlrepo-sftp"}
    way: ClassVar[str] = "-ssh"

    def __init__(self) -> None:
        super().__init__()
        self._server = Path()

    @classmethod
    def lacking(cls) -> str | None:
        return lacking()

    def first_version(self, trial: Trial) -> tuple[Session, int]:
        self._server = trial.session.place / "ssh"
        return super().first_version(trial)

    def reach(self, session: Session) -> None:
        session.reach(self._server / "bin", self._server / "keys")

    def timed(self, session: Session, operation: str, **fields: str) -> Sample:
        with other_side(self._server) as spent:
            sample = super().timed(session, operation, **fields)
        sample.server_cpu = spent.cpu
        return sample

    def untimed(self, session: Session, operation: str, **fields: str) -> None:
        with other_side(self._server):
            super().untimed(session, operation, **fields)

    def counted(self, session: Session) -> Values:
        """The round trips of one more push of the same, to a store that got all pushes before this one."""
        if not session.has("push-counted"):
            return {}
        remote = session.place / "counted"
        if not remote.exists():
            remote.mkdir()
            session.untimed("remote-counted", remote=str(remote))
        with other_side(self._server):
            session.untimed("push-counted")
            told = (self._server / "turns").read_text()
        return {"turns": sum(int(line) for line in told.split())}


class W1PushSSH(OverSSH, W1Push):
    """The files of W1."""

    name = "W1-push-ssh"


class W3PushSSH(OverSSH, W3Push):
    """The checkpoints of W3."""

    name = "W3-push-ssh"
