"""What a Python process reads, writes and measures, recorded by mlrepo (Documentation/Python.md).

    import mlrepo

    with mlrepo.run("Baseline", params={"lr": 0.001}) as run:
        ...                               # files are found by watching, nothing is declared
        run.log({"f1": 0.9})
"""
from ._program import Error
from ._queries import blame, impact, open, runs, show
from ._run import Run, log, params, run

__all__ = ["Error", "Run", "blame", "impact", "log", "open", "params", "run", "runs", "show"]
