"""Runs: what happens between the beginning and the end of a block is recorded."""
import os
import traceback
import warnings

from . import _log, _process, _server
from ._program import Error
from ._values import named


class Run:
    """What `mlrepo.run()` gives: a run that is going on, or has ended.

    name: 32 hex digits, by which `mlrepo runs` and `mlrepo show run:NAME` know it; None before it begins
    result: what was recorded, as `mlrepo run --json` tells it; None before the end, and for one that `mlrepo run` records
    """

    def __init__(self, message, parameters, inputs, outputs, observe):
        if observe not in ("seccomp", "declared"):
            raise ValueError(f"observe is 'seccomp' or 'declared', and not {observe!r}")
        self._message, self._parameters = message, named(parameters or {})
        self._inputs, self._outputs, self._observe = paths(inputs), paths(outputs), observe
        self._log = self._server = None
        self.name = self.result = None

    def __enter__(self):
        if self.name is not None:
            raise RuntimeError("a run begins once; mlrepo.run() makes another one")
        # One thread begins at a time: the second one finds the run of the first.
        with _server.lock:
            joined = _log.place()
            if joined:
                # Whoever began it records it.
                self.name, self._log = os.environ["MLREPO_RUN"], joined
            else:
                self._begin()
        if joined and self._parameters:
            self.params(self._parameters)
        return self

    def _begin(self):
        self._usage = _process.Usage()
        self._process = os.getpid()
        # The files of this process are looked at before anybody watches it.
        begin = {
            "parameters": self._parameters, "inputs": self._inputs, "outputs": self._outputs,
            "directory": _process.text(os.getcwd()), "arguments": _process.arguments(),
            "program": _process.text(os.path.realpath("/proc/self/exe")), "modules": _process.modules(),
            "open": _process.open_files(), "variables": _process.variables(),
        }
        if self._message is not None:
            begin["message"] = self._message
        try:
            try:
                server = _server.server()
                name, log = server.begin(begin)
            except _server.Gone:
                # One that was killed meanwhile is replaced, once.
                _server.forget()
                server = _server.server()
                name, log = server.begin(begin)
            reason = server.watch(self._observe == "seccomp")
        except _server.Gone:
            _server.forget()
            raise Error(
                74, "mlrepo observe ended before it began",
                "mlrepo version: the program and this package have to be of one version") from None
        except Error:
            # It says so itself, and waits for a better beginning.
            raise
        except BaseException:
            # Nobody knows any more whose turn it is to speak.
            _server.forget()
            raise
        self.name, self._log, self._server = name, log, server
        os.environ["MLREPO_RUN"], os.environ["MLREPO_RUN_LOG"] = name, log
        if reason is not None:
            warnings.warn(
                f"this process cannot be watched ({reason}): only the inputs and outputs that are named count",
                stacklevel=3)

    def __exit__(self, kind, exception, trace):
        server, self._server = self._server, None
        # Nobody's but the one's who began it.
        if server is None or os.getpid() != self._process:
            return False
        for name in ("MLREPO_RUN", "MLREPO_RUN_LOG"):
            os.environ.pop(name, None)
        end = {**self._usage.members(), **ending(exception)}
        self._log = None
        try:
            with _server.lock:
                self.result = server.end(end)
        except _server.Gone:
            _server.forget()
            warnings.warn(f"mlrepo observe has ended: what the run {self.name[:8]} did is not recorded", stacklevel=2)
        except Error as error:
            # What went wrong in the block goes before.
            if exception is None:
                raise
            warnings.warn(f"the run is not recorded: {error}", stacklevel=2)
        except BaseException:
            _server.forget()
            raise
        return False

    def log(self, metrics):
        """Results: numbers, text, truth, and dictionaries of these; of one name the last value counts."""
        self._append("metrics", metrics)

    def params(self, parameters):
        """Hyperparameters, in the same way."""
        self._append("parameters", parameters)

    def _append(self, what, values):
        values = named(values)
        if self._log is None:
            raise RuntimeError("the run has not begun" if self.name is None else "the run has ended")
        _log.append(self._log, what, values)

    def __repr__(self):
        return f"<mlrepo.Run {self.name or 'that has not begun'}>"


def ending(exception):
    """How a block ended: as a command with that exception would."""
    if exception is None:
        return {"status": 0}
    if isinstance(exception, SystemExit):
        code = exception.code
        if code is None or isinstance(code, int):
            return {"status": (code or 0) & 0xff}
        return {"status": 1, "error": f"{code}\n"}
    end = {"status": 1, "error": told(exception)}
    if isinstance(exception, KeyboardInterrupt):
        end["received"] = 2
    return end


def told(exception):
    """The places and words of an exception, without the lines of code: to read these is to read files."""
    places = traceback.StackSummary.extract(traceback.walk_tb(exception.__traceback__), lookup_lines=False)
    lines = [f'  File "{place.filename}", line {place.lineno}, in {place.name}\n' for place in places]
    words = traceback.format_exception_only(type(exception), exception)
    return "".join(["Traceback (most recent call last):\n", *lines, *words])


def paths(some):
    """Paths that somebody names: one, or several."""
    if isinstance(some, (str, bytes, os.PathLike)):
        some = [some]
    return [_process.text(path) for path in some]


def run(message=None, *, params=None, inputs=(), outputs=(), observe="seccomp"):
    """Records what this process does inside a block, as `mlrepo run` does for a command.

        with mlrepo.run("Baseline", params={"lr": 0.001}) as run: ...

    message: a version is made of what the block writes, if it ends without an exception
    params: hyperparameters
    inputs, outputs: paths that are read and written where nobody can see it
    observe: "seccomp" (the kernel tells of each file), or "declared" (only inputs and outputs count)

    Inside `mlrepo run`, and inside another block, nothing is recorded a second time: parameters and metrics go to the run that is going
    on, and its own message, inputs and outputs count.
    """
    return Run(message, params, inputs, outputs, observe)


def append(what, values):
    values, place = named(values), _log.place()
    if place is None:
        # A training goes on without anybody who records it.
        warnings.warn("no run is going on: what is logged is not kept (mlrepo run, or with mlrepo.run())", stacklevel=3)
    else:
        _log.append(place, what, values)


def log(metrics):
    """Results of the run that is going on here: numbers, text, truth, and dictionaries of these."""
    append("metrics", metrics)


def params(parameters):
    """Hyperparameters of the run that is going on here."""
    append("parameters", parameters)
