"""Other stores that were made to harm whoever takes from them (Tests/HostileTests/hostile_stores.py): each is refused or harmless."""
import concurrent.futures
import os
import subprocess
import sys
from pathlib import Path

from command_test import CommandTest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "HostileTests"))
import hostile_stores  # noqa: E402
import test_hostile  # noqa: E402


class Hostile(CommandTest):
    """Stores that were made to harm whoever reads them, cloned."""

    # Of what is made for working copies only their own files differ.
    LOCAL = ("head_", "pending_", "tracked_", "config_", "index_is", "index_changes", "commits_is", "worktrees_")
    # A branch whose files are without number is not written.
    ENDLESS = {name for name, faults in test_hostile.FAULTS.items() for command, why in faults.items()
               if command in ("checkout", "checkout --to", "fsck") and why.startswith(test_hostile.FOR_EVER)}
    # Who hashes what they are decodes the frames of bases again for each of them: half a minute.
    SLOW = {"casts_upon_64_bases_in_large_frames", "cast_upon_64_patches_upon_64_bases_in_large_frames"}
    DOCUMENTED = {0, 64, 65, 66, 69, 73, 74}
    PATIENCE = 30
    maxDiff = None

    def problems(self, name: str) -> list[str]:
        root = self.root / name
        place = hostile_stores.write(name, root / "place")
        (home, out) = (root / "home", root / "out")
        home.mkdir()
        environment = self.environment | {"HOME": str(home), "TMPDIR": str(home), "SWIFT_BACKTRACE": "enable=no"}
        before = test_hostile.snapshot(root, {os.fsencode(out)})
        found = []

        def look(*words: str, cwd: Path) -> int | None:
            ending = test_hostile.run(list(words), cwd, environment, self.PATIENCE)
            if ending.late:
                found.append(f"{words[0]}: did not end in {self.PATIENCE} s")
            elif ending.signal is not None:
                found.append(f"{words[0]}: signal {ending.signal}")
            elif ending.status not in self.DOCUMENTED:
                found.append(f"{words[0]}: status {ending.status}: {ending.err[:300]!r}")
            if ending.memory > test_hostile.MEMORY:
                found.append(f"{words[0]}: {ending.memory >> 20} MiB of memory")
            if controls := test_hostile.control_characters(ending.out + ending.err):
                found.append(f"{words[0]}: control characters: {', '.join(controls)}")
            return ending.status

        options = ["--no-checkout"] if name in self.ENDLESS else []
        status = look("clone", *options, str(place.work / ".mlrepo"), str(out), cwd=root)
        if test_hostile.snapshot(root, {os.fsencode(out)}) != before:
            found.append("clone: changed something outside")
        if out.exists():
            found += [f"wrote {path!r}" for path in test_hostile.forbidden_names(out)]
        if (out / ".mlrepo/format").exists() and name not in self.ENDLESS:
            done = test_hostile.run(["fsck"], out, environment, self.PATIENCE)
            if done.status != 0:
                found.append(f"clone ended with {status} and left what fsck finds fault with: {(done.out + done.err)[:300]!r}")
        subprocess.run(["rm", "-rf", "--", root], check=False)
        return found

    def test_each_is_refused_or_harmless(self) -> None:
        names = [name for name in hostile_stores.CASES
                 if not name.startswith(self.LOCAL) and (test_hostile.ALL or name not in self.SLOW)]
        with concurrent.futures.ThreadPoolExecutor(2 * (os.cpu_count() or 1)) as pool:
            found = dict(zip(names, pool.map(self.problems, names)))
        self.assertEqual({name: problems for name, problems in found.items() if problems}, {})
