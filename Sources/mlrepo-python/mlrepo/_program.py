"""The program mlrepo: where it is, and how its answers and failures become Python's."""
import json
import os
import shutil
import subprocess


class Error(Exception):
    """Something that mlrepo refuses or cannot do.

    status: the exit status of the command (mlrepo help exit-codes)
    message: what happened
    hint: what to do next, or None
    """

    def __init__(self, status, message, hint=None):
        super().__init__(message if hint is None else f"{message}\nhint: {hint}")
        self.status, self.message, self.hint = status, message, hint

    def __reduce__(self):
        # A worker's error goes to its parent in a pickle.
        return Error, (self.status, self.message, self.hint)


def failure(answer):
    """The error that an answer `{"error": …}` tells."""
    told = answer["error"]
    return Error(told.get("status", 1), told.get("message", ""), told.get("hint"))


def program():
    """The path of the program: $MLREPO_PROGRAM, else the first one on PATH."""
    named = os.environ.get("MLREPO_PROGRAM")
    if named:
        found = shutil.which(named)
        if found is None:
            raise Error(127, f"MLREPO_PROGRAM is '{named}', which is no program", "unset it, or name the program mlrepo")
    else:
        found = shutil.which("mlrepo")
        if found is None:
            raise Error(127, "the program mlrepo is not on PATH", "export MLREPO_PROGRAM=/where/it/is/mlrepo")
    return os.path.abspath(found)


def call(*words, output=subprocess.PIPE):
    """Executes a command; its standard output, or nothing if that goes elsewhere."""
    done = subprocess.run(
        [program(), *map(os.fspath, words)], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.PIPE)
    if done.returncode == 0:
        return done.stdout
    lines = done.stderr.decode(errors="replace").splitlines()
    for line in reversed(lines):
        # Notes for people may stand around it.
        try:
            answer = json.loads(line)
        except ValueError:
            continue
        if isinstance(answer, dict) and isinstance(answer.get("error"), dict):
            raise failure(answer)
    said = {word: rest for word, _, rest in (line.partition(": ") for line in lines)}
    raise Error(done.returncode, said.get("error") or "\n".join(lines) or "mlrepo failed", said.get("hint"))
