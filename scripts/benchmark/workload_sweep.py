"""sweep: many commands at once, each in a tree of its own where the peer has that, recorded in one store."""

from __future__ import annotations

from pathlib import Path

from .data import OBSERVE_RUNS, Facts, scaled, write_sweep
from .errors import WrongAnswer
from .observed import SWEEP
from .workload import Outcome, Step, Trial, Workload


class Sweep(Workload):
    """The command reads all of the data and writes a file; the code is known to git."""

    name = "sweep"
    peers = frozenset(("alone", "mlrepo"))

    def write(self, root: Path, seed: str, scale: float) -> Facts:
        return write_sweep(root, seed, scale)

    def steps(self) -> list[Step]:
        return [Step("sweep", "200 commands that read the data and write a file, from 16 processes", self._sweep)]

    def _sweep(self, trial: Trial) -> Outcome:
        """The count is that of the commands of which is known what they wrote."""
        session = trial.session
        (session.work / "job.sh").write_text(SWEEP)
        (session.work / ".gitignore").write_text("data/\nout/\n.mlrepo/\n")
        for line in ("git init -q -b main .", "git add .", "git commit -q -m programs"):
            session.query(line)
        if session.has("first"):
            session.untimed("first")
        count = scaled(OBSERVE_RUNS, trial.scale, 20)
        sample = session.timed("sweep", flush=True, count=str(count))
        written = session.driver.outputs(session.query)
        if written is None:
            return Outcome([sample])
        recorded = sum(path.startswith("out/") for path in written)
        if recorded != count:
            raise WrongAnswer(f"recorded: {recorded} of {count}")
        left = list((session.work.parent / "scratch").glob("*"))
        if left:
            raise WrongAnswer(f"{len(left)} trees are left behind")
        return Outcome([sample], {"recorded": recorded})
