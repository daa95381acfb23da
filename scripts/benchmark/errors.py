"""What can go wrong, each with what is needed to act on it."""

from __future__ import annotations


class BenchError(Exception):
    """Ends the run; `exit_status` follows sysexits, as mlrepo's own does."""

    exit_status = 74


class UsageError(BenchError):
    """The arguments make no sense, or do not fit the results file."""

    exit_status = 64


class NotEnoughSpace(BenchError):
    """The workload would fill the disk half-way, which measures nothing."""


class OperationError(Exception):
    """One operation of one peer has no figure; the run goes on and the report says why."""

    status = "failed"

    def __init__(self, reason: str, exit_status: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.exit_status = exit_status


class CommandFailed(OperationError):
    """A command ended with a status other than 0, or was ended at the time limit."""


class WrongAnswer(OperationError):
    """The command said it was done, but what it wrote or named is not what it should be."""

    status = "wrong answer"


class NoSuchOperation(OperationError):
    """The peer does not have this operation, and nothing stands in for it."""

    status = "no such operation"
