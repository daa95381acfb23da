"""Each thing that is done to a working copy: typed, killed, looked at, typed again."""

from __future__ import annotations

import json
import random
import shutil
import struct
from array import array

from .checks import Checks
from .model import Copy, Done, Files, World, changes, entry, look, put
from .program import Ended, Program, Wrong

DIRECTORIES = [f"data/d{number:02}" for number in range(12)]
# Three that have no directory in common.
PARTS = [DIRECTORIES[0:4], DIRECTORIES[4:8], DIRECTORIES[8:12]]
FILES_IN_A_DIRECTORY = 30
BIG = "data/big.bin"
MODEL = "data/model.safetensors"
WEIGHTS_OF_MODEL = 60_000
MOST_REFS = 12
# What `undo` says when it only ends one that was killed.
FINISHED = "An interrupted undo is finished"


class Actions:
    def __init__(self, world: World, program: Program, checks: Checks, generator: random.Random, big: int) -> None:
        self.world = world
        self.program = program
        self.checks = checks
        self.generator = generator
        self.big = big
        self.number = 0

    # Files, as a person or a training writes them.

    def begin(self, copy: Copy) -> None:
        """The first files and the first version."""
        self.program.must(copy.place, "init")
        for directory in DIRECTORIES:
            for number in range(FILES_IN_A_DIRECTORY):
                self.write(copy, f"{directory}/{number}.bin", self.bytes())
        self.write(copy, BIG, self.generator.randbytes(self.big))
        weights = b"".join(struct.pack("<f", self.generator.gauss(0, 0.02))[2:] for _ in range(WEIGHTS_OF_MODEL))
        header = json.dumps({"w": {"dtype": "BF16", "shape": [300, 200], "data_offsets": [0, len(weights)]}}).encode()
        self.write(copy, MODEL, struct.pack("<Q", len(header)) + header + weights)
        # Never tracked, and so never to be touched.
        self.write(copy, "notes/mine.txt", b"not for the store\n")
        self.program.must(copy.place, "add", "data")
        copy.roots.add("data")
        files = self.world.next_files(copy, [])
        self.program.must(copy.place, "commit", "-m", "Begin")
        self.made(copy, self.seen_tip(copy), "Begin", files)
        copy.history.clear()

    def join(self, copy: Copy) -> None:
        """A further working copy on the same store."""
        self.program.must(self.world.copies[0].place, "worktree", "add", str(copy.place))
        self.arrived(copy)

    def arrived(self, copy: Copy) -> None:
        """A working copy that was just made has the files of the version that it stands on."""
        status = self.program.must(copy.place, "status", "--json").json()
        copy.branch, copy.commit = status["branch"], status["head"]
        copy.files, copy.roots = look(copy.place), set(self.world.versions[copy.commit].roots)
        self.checks.same(self.world.files(copy.commit), copy.files, f"the new working copy {copy.place.name}")

    def bytes(self) -> bytes:
        return self.generator.randbytes(self.generator.choice([0, 40, 900, 3000, 9000]))

    def write(self, copy: Copy, path: str, content: bytes) -> None:
        place = copy.place / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.is_symlink():
            place.unlink()
        place.write_bytes(content)
        copy.files[path] = entry(place)

    def mutate(self, copy: Copy, directories: list[str]) -> None:
        """Changes, makes and removes files; now and then a piece of the large one, or all weights of the model."""
        for _ in range(self.generator.randrange(3, 40)):
            path = f"{self.generator.choice(directories)}/{self.generator.randrange(FILES_IN_A_DIRECTORY + 5)}.bin"
            place = copy.place / path
            chance = self.generator.random()
            if chance < 0.12 and path in copy.files:
                place.unlink()
                del copy.files[path]
            elif chance < 0.18:
                place.unlink(missing_ok=True)
                place.symlink_to(f"{self.generator.randrange(9)}.bin")
                copy.files[path] = entry(place)
            else:
                self.write(copy, path, self.bytes())
                place.chmod(0o755 if chance > 0.95 else 0o644)
                copy.files[path] = entry(place)
        for directory in directories:
            self.write(copy, f"{directory}/kept.bin", self.bytes())
        if self.generator.random() < 0.2:
            with open(copy.place / BIG, "r+b") as file:
                file.seek(self.generator.randrange(self.big))
                file.write(self.generator.randbytes(70_000))
            copy.files[BIG] = entry(copy.place / BIG)
        if self.generator.random() < 0.3:
            self.train(copy)

    def train(self, copy: Copy) -> None:
        """Moves each weight a little, so that versions are told by each other."""
        content = (copy.place / MODEL).read_bytes()
        start = len(content) - 2 * WEIGHTS_OF_MODEL
        weights = array("H", content[start:])
        steps = self.generator.choices((-2, -1, 0, 0, 1, 2), k=WEIGHTS_OF_MODEL)
        moved = array("H", [(weight + step) & 0xFFFF for weight, step in zip(weights, steps)])
        self.write(copy, MODEL, content[:start] + moved.tobytes())

    # Commits.

    def commit(self, copy: Copy) -> None:
        if self.world.is_clean(copy) or self.generator.random() < 0.7:
            self.mutate(copy, self.generator.sample(DIRECTORIES, 4))
        some = self.generator.random() < 0.3 and not self.world.theirs(copy)
        self.commit_all(copy) if not some else self.commit_paths(copy, self.generator.sample(DIRECTORIES, 3))

    def commit_all(self, copy: Copy) -> None:
        if self.world.clashes(copy):
            self.step_aside(copy)
        self.commit_paths(copy, [])

    def commit_paths(self, copy: Copy, paths: list[str]) -> None:
        words = self.commit_words(copy, paths)
        parent, files = self.world.tip(copy), self.world.next_files(copy, paths)
        before = dict(copy.files)
        ended = self.program.kill(copy.place, *words)
        if not ended.killed:
            return self.committed(copy, ended, parent, files)
        tip = self.seen_tip(copy)
        if tip != parent:
            self.made(copy, tip, words[2], files)
        self.checks.disk_between(copy, before, copy.files)
        self.checks.after_kill(copy)
        if self.checks.is_pending(copy):
            # What others committed was being written: whatever is typed next goes on with it.
            ended = self.program.run(copy.place, *self.generator.choice([words, ["checkout", copy.branch]]))
            if ended.status != (1 if ended.words[0] == "commit" else 0):
                raise Wrong(ended)
        self.checks.standing(copy)
        again = self.program.run(copy.place, *words)
        if tip == parent:
            self.committed(copy, again, parent, files)
        elif again.status == 0:
            self.checks.deviates("a killed commit typed again makes a second version", again)
            self.made(copy, self.seen_tip(copy), words[2], files)
        elif again.status != 1:
            raise Wrong(again)
        self.checks.leftovers(copy, "commit")
        self.checks.disk(copy)
        self.checks.standing(copy)

    def commit_words(self, copy: Copy, paths: list[str]) -> list[str]:
        self.number += 1
        words = ["commit", "-m", f"Number {self.number}"]
        if self.world.files(copy.commit).keys() - copy.files.keys():
            words.append("--deleted")
        return words + paths

    def committed(self, copy: Copy, ended: Ended, parent: str, files: Files) -> None:
        """A commit that ran to its end: it is in, or there was nothing to commit."""
        if ended.status == 0:
            tip = self.seen_tip(copy)
            if tip == parent:
                raise Wrong(f"acknowledged, and not there: {ended}")
            self.made(copy, tip, ended.words[2], files)
            self.checks.refs(copy)
        elif ended.status != 1 or files != self.world.files(parent):
            raise Wrong(ended)

    def made(self, copy: Copy, commit: str, message: str, files: Files) -> None:
        """A commit is in the store: takes it into the model, and what others had committed into the working copy."""
        parent = self.world.tip(copy)
        self.checks.take(copy, commit, parent, message, files)
        for path, (_, after) in self.world.theirs(copy).items():
            put(copy.files, path, after)
        group = "branches" if copy.branch else ""
        copy.history.append(Done("commit", group, copy.branch or "", parent, commit, parent))
        if copy.branch:
            self.world.refs["branches"][copy.branch] = commit
        copy.commit = commit
        copy.added = {path for path in copy.added if path not in files}

    def seen_tip(self, copy: Copy) -> str | None:
        if copy.branch is None:
            return self.program.must(copy.place, "status", "--json").json()["head"]
        return self.checks.seen_refs(copy)["branches"].get(copy.branch)

    def step_aside(self, copy: Copy) -> None:
        """What clashes with others is refused, loses nothing, and can be committed on a branch of its own."""
        ended = self.program.run(copy.place, *self.commit_words(copy, []))
        if ended.status != 73:
            raise Wrong(ended)
        self.checks.refs(copy)
        self.checks.disk(copy)
        self.new_branch(copy)

    # Going to other versions.

    def checkout(self, copy: Copy) -> None:
        if not self.world.is_clean(copy):
            return self.commit(copy)
        branches, tags = self.world.refs["branches"], self.world.refs["tags"]
        names = [(name, name, commit) for name, commit in branches.items() if not self.is_taken(name, copy)]
        names += [(name, None, commit) for name, commit in tags.items()]
        names += [(commit, None, commit) for commit in self.generator.sample(self.world.reachable(), 1)]
        revision, branch, commit = self.generator.choice(names)
        before, after = dict(copy.files), self.moved(copy, commit)
        words = ["checkout", revision]
        ended = self.program.kill(copy.place, *words)
        if ended.killed:
            self.checks.disk_between(copy, before, after)
            self.checks.after_kill(copy)
            ended = self.program.run(copy.place, *words)
            self.checks.leftovers(copy, "checkout")
        if ended.status != 0:
            raise Wrong(ended)
        if commit == copy.commit:
            # No operation was recorded: `undo` would take back what was before.
            copy.history.clear()
        else:
            copy.history.append(Done("checkout", head_before=copy.commit))
        self.moves(copy, commit, branch)

    def is_taken(self, branch: str, copy: Copy) -> bool:
        return any(other.branch == branch for other in self.world.copies if other is not copy)

    def moved(self, copy: Copy, commit: str) -> Files:
        """What lies in a clean working copy once it stands on a commit."""
        files = dict(copy.files)
        for path, (_, after) in changes(self.world.files(copy.commit), self.world.files(commit)).items():
            put(files, path, after)
        return files

    def moves(self, copy: Copy, commit: str, branch: str | None) -> None:
        """A clean working copy has come to stand elsewhere."""
        copy.files = self.moved(copy, commit)
        copy.branch, copy.commit, copy.roots = branch, commit, set(self.world.versions[commit].roots)
        self.checks.disk(copy)
        self.checks.standing(copy)
        self.checks.refs(copy)

    def new_branch(self, copy: Copy) -> None:
        """A branch from here, and to stand on it; changed files come along."""
        name = self.name("side")
        words = ["checkout", "-b", name]
        ended = self.program.kill(copy.place, *words)
        if ended.killed:
            is_there = name in self.checks.seen_refs(copy)["branches"]
            if is_there:
                self.world.refs["branches"][name] = copy.commit
            self.checks.after_kill(copy)
            stands = self.program.must(copy.place, "status", "--json").json()
            is_done = stands["branch"] == name and not stands["interrupted"]
            ended = self.program.run(copy.place, *words)
            # What is done is there already.
            if is_done and ended.status == 73:
                ended.status = 0
            if is_there and ended.status != 0:
                self.checks.deviates("a killed 'checkout -b' cannot be typed again", ended)
                ended = self.program.run(copy.place, "checkout", name)
        if ended.status != 0:
            raise Wrong(ended)
        self.world.refs["branches"][name] = copy.commit
        copy.branch = name
        copy.history = [Done("branch", "branches", name, None, copy.commit, copy.commit)]
        self.checks.refs(copy)
        self.checks.disk(copy)
        self.checks.standing(copy)

    def force(self, copy: Copy) -> None:
        """A checkout over changed files: what it overwrites is kept, and comes back with `undo`."""
        if not self.world.is_clean(copy):
            return self.commit(copy)
        self.mutate(copy, self.generator.sample(DIRECTORIES, 4))
        branches = {name: commit for name, commit in self.world.refs["branches"].items() if not self.is_taken(name, copy)}
        revision, commit = self.generator.choice([*branches.items(), (copy.commit, copy.commit)])
        base, target = self.world.files(copy.commit), self.world.files(commit)
        before = dict(copy.files)
        after = {path: entry for path, entry in before.items() if path not in base} | target
        # Never tracked, and new files that nothing takes the place of, stay.
        over = {path: entry for path, entry in before.items() if path in base.keys() | target.keys() and after.get(path) != entry}
        words = ["checkout", "--force", revision]
        ended = self.program.kill(copy.place, *words)
        was_killed = ended.killed
        if was_killed:
            self.checks.disk_between(copy, before, after)
            self.checks.after_kill(copy)
            ended = self.program.run(copy.place, *words)
            self.checks.leftovers(copy, "checkout")
        if ended.status != 0:
            raise Wrong(ended)
        self.checks.kept(copy, over)
        copy.history.clear()
        was = copy.branch, copy.commit, copy.roots
        copy.files = after
        copy.branch, copy.commit = revision if revision in branches else None, commit
        copy.roots = set(self.world.versions[commit].roots)
        self.arrive(copy)
        has_changed = any(base.get(path) != before.get(path) for path in base) or any(path in before for path in target if path not in base)
        if not was_killed and has_changed and self.generator.random() < 0.5:
            self.type_undo(copy)
            copy.files = before
            copy.branch, copy.commit, copy.roots = was
            self.arrive(copy)

    def arrive(self, copy: Copy) -> None:
        self.checks.disk(copy)
        self.checks.standing(copy)
        self.checks.refs(copy)

    def export(self, copy: Copy) -> None:
        """A version in a second place."""
        commit = self.generator.choice(self.world.reachable())
        target = self.checks.home / "elsewhere"
        words = ["checkout", commit, "--to", str(target)]
        ended = self.program.kill(copy.place, *words)
        if ended.killed:
            self.checks.after_kill(copy)
            ended = self.program.run(copy.place, *words)
            if ended.status == 73:
                # It was killed when all was done: then everything is there.
                self.checks.same(self.world.files(commit), look(target), f"the export of {commit} that was killed")
                shutil.rmtree(target)
                ended = self.program.run(copy.place, *words)
        if ended.status != 0:
            raise Wrong(ended)
        self.checks.same(self.world.files(commit), look(target), f"the export of {commit}")
        self.checks.disk(copy)
        shutil.rmtree(target)

    def restore(self, copy: Copy) -> None:
        """Files that are gone come back."""
        if not self.world.is_clean(copy):
            return self.commit(copy)
        whole = dict(copy.files)
        for path in self.generator.sample(sorted(self.world.files(copy.commit)), 60):
            (copy.place / path).unlink()
            del copy.files[path]
        ended = self.program.kill(copy.place, "restore", ".")
        if ended.killed:
            self.checks.disk_between(copy, copy.files, whole)
            self.checks.after_kill(copy)
            self.program.must(copy.place, "restore", ".")
            self.checks.leftovers(copy, "restore")
        copy.files = whole
        self.checks.disk(copy)
        self.checks.standing(copy)

    # Branches, tags, what is tracked.

    def name(self, stem: str) -> str:
        self.number += 1
        return f"{stem}{self.number}"

    def reference(self, copy: Copy) -> None:
        """Makes or deletes a branch or a tag."""
        group, command = self.generator.choice([("branches", "branch"), ("tags", "tag")])
        known = self.world.refs[group]
        free = [name for name in known if group == "tags" or not any(other.branch == name for other in self.world.copies)]
        if len(known) > MOST_REFS or (free and self.generator.random() < 0.3):
            name = self.generator.choice(free or [self.name("none")])
            words, before, after = [command, "-d", name], known.get(name), None
        else:
            name, after, before = self.name(command), self.generator.choice(self.world.reachable()), None
            words = [command, name, after]
        if before is None and after is None:
            return
        ended = self.program.kill(copy.place, *words)
        if ended.killed:
            is_done = self.checks.seen_refs(copy)[group].get(name) == after
            put(known, name, after if is_done else before)
            self.checks.after_kill(copy)
            ended = self.program.run(copy.place, *words)
            # What is done is there already, or gone already.
            if is_done and ended.status != (66 if after is None else 73):
                raise Wrong(ended)
            if is_done:
                ended.status = 0
        if ended.status != 0:
            raise Wrong(ended)
        put(known, name, after)
        self.checks.refs(copy)
        copy.history.append(Done("reference", group, name, before, after, copy.commit))

    def tracking(self, copy: Copy) -> None:
        """Tracks a directory and a file that are new, or stops tracking a directory; then commits that."""
        if not self.world.is_clean(copy):
            return self.commit(copy)
        extra = sorted(copy.roots - {"data"})
        if extra and self.generator.random() < 0.5:
            root = self.generator.choice(extra)
            self.settle(copy, ["untrack", root])
            shutil.rmtree(copy.place / root, ignore_errors=True)
            copy.roots.discard(root)
            copy.files = {path: entry for path, entry in copy.files.items() if not path.startswith(root + "/")}
        else:
            root, single = self.name("extra"), self.name("single")
            for number in range(20):
                self.write(copy, f"{root}/{number}.bin", self.bytes())
            self.write(copy, single, self.bytes())
            self.settle(copy, ["add", root, single])
            copy.roots.add(root)
            copy.added.add(single)
        self.checks.standing(copy)
        self.commit_paths(copy, [])

    def settle(self, copy: Copy, words: list[str]) -> None:
        """Kills a command that changes only the working copy's own files, and types it again."""
        ended = self.program.kill(copy.place, *words)
        if ended.killed:
            self.checks.after_kill(copy)
            ended = self.program.run(copy.place, *words)
        if ended.status != 0:
            raise Wrong(ended)

    def remove(self, copy: Copy) -> None:
        """Removes files, some of them changed: what no version has is kept."""
        if not self.world.is_clean(copy):
            return self.commit(copy)
        self.mutate(copy, self.generator.sample(DIRECTORIES, 2))
        base, before = self.world.files(copy.commit), dict(copy.files)
        tracked = sorted(path for path in self.world.tracked(copy) if path not in (BIG, MODEL) and not path.endswith("/kept.bin"))
        paths = self.generator.sample(tracked, 12)
        after = {path: entry for path, entry in before.items() if path not in paths}
        changed = {path: before[path] for path in paths if base.get(path) != before[path]}
        if changed:
            refused = self.program.run(copy.place, "rm", *paths)
            if refused.status != 73:
                raise Wrong(refused)
            self.checks.disk(copy)
        words = ["rm", "--force", *paths]
        ended = self.program.kill(copy.place, *words)
        was_killed = ended.killed
        if was_killed:
            self.checks.disk_between(copy, before, after)
            self.checks.after_kill(copy)
            ended = self.program.run(copy.place, *words)
            # New ones that are gone are not known any more.
            if ended.status == 66 and not all(path in base for path in paths):
                left = [path for path in paths if (copy.place / path).is_symlink() or (copy.place / path).exists() or path in base]
                ended = self.program.run(copy.place, "rm", "--force", *left)
        if ended.status != 0:
            raise Wrong(ended)
        self.checks.kept(copy, changed)
        copy.history.clear()
        copy.files = after
        self.arrive(copy)
        if changed and not was_killed and self.generator.random() < 0.5:
            self.type_undo(copy)
            copy.files |= changed
            self.checks.disk_between(copy, after, before)
            copy.files = look(copy.place)
            for path, entry in changed.items():
                if copy.files.get(path) != entry:
                    raise Wrong(f"undo does not bring back {path}")
            self.arrive(copy)
        copy.removed.update(paths)
        self.commit_all(copy)

    def move(self, copy: Copy) -> None:
        """Gives a file or a tracked directory another name."""
        if not self.world.is_clean(copy):
            return self.commit(copy)
        extra = sorted(copy.roots - {"data"})
        if extra and self.generator.random() < 0.5:
            source, target = self.generator.choice(extra), self.name("extra")
        else:
            source = self.generator.choice(sorted(path for path in self.world.files(copy.commit) if path.startswith("data/d")))
            target = f"{source.rpartition('/')[0]}/{self.name('moved')}.bin"
        before = dict(copy.files)

        def moved(path: str) -> str:
            return target + path.removeprefix(source) if path == source or path.startswith(source + "/") else path

        after = {moved(path): entry for path, entry in before.items()}
        words = ["mv", source, target]
        ended = self.program.kill(copy.place, *words)
        if ended.killed:
            self.checks.disk_between(copy, before, after)
            is_done = (copy.place / target).is_symlink() or (copy.place / target).exists()
            self.checks.after_kill(copy)
            ended = self.program.run(copy.place, *words)
            # What is moved is not there any more.
            if is_done and ended.status == 66:
                ended.status = 0
        if ended.status != 0:
            raise Wrong(ended)
        copy.files = after
        copy.roots = {moved(root) for root in copy.roots}
        self.arrive(copy)
        copy.removed.update(before.keys() - after.keys())
        self.commit_all(copy)

    # Taking back.

    def undo(self, copy: Copy) -> None:
        if not copy.history:
            return self.commit(copy)
        done = copy.history[-1]
        if done.kind == "checkout":
            return self.undo_checkout(copy, done) if self.world.is_clean(copy) else self.commit(copy)
        known = self.world.refs.get(done.group, {})
        if done.group and known.get(done.name) != done.after:
            return self.undo_refused(copy)
        if done.group == "branches" and done.before is None and any(
                other.branch == done.name for other in self.world.copies if other is not copy):
            return self.undo_refused(copy)
        ended = self.program.kill(copy.place, "undo")
        if ended.killed:
            is_done = self.checks.seen_refs(copy)[done.group].get(done.name) == done.before if done.group else (
                self.seen_tip(copy) == done.before)
            if not is_done:
                self.checks.after_kill(copy)
                ended = self.type_undo(copy)
        elif FINISHED in ended.out:
            ended = self.type_undo(copy)
        if not ended.killed and ended.status != 0:
            raise Wrong(ended)
        copy.history.pop()
        if done.group:
            put(known, done.name, done.before)
        if done.kind == "commit":
            taken = self.world.versions[copy.commit]
            base = self.world.files(done.head_before)
            copy.commit = done.head_before
            copy.added |= {path for path in taken.files.keys() - base.keys()
                           if not any(path.startswith(root + "/") for root in copy.roots)}
            self.still_tracked(copy, ended)
        elif (done.group, done.name, done.before) == ("branches", copy.branch, None):
            self.branch_is_gone(copy)
        self.checks.standing(copy)
        self.checks.after_kill(copy) if ended.killed else self.checks.refs(copy)
        self.checks.disk(copy)

    def type_undo(self, copy: Copy) -> Ended:
        """An `undo` to its end. The one before may have been killed so late that only its last notes were missing: it is finished first."""
        ended = self.program.run(copy.place, "undo")
        return self.program.run(copy.place, "undo") if FINISHED in ended.out else ended

    def still_tracked(self, copy: Copy, ended: Ended) -> None:
        """What was tracked before the commit was taken back is tracked still."""
        status = self.program.must(copy.place, "status", "--json").json()
        forgotten = self.world.status(copy).keys() - {entry["path"] for entry in status["entries"]}
        if not forgotten:
            return
        self.checks.deviates(f"{'a killed' if ended.killed else 'an'} undo forgets what was added", sorted(forgotten)[:3])
        self.program.must(copy.place, "add", *sorted(copy.roots | {path for path in copy.added if path in copy.files}))

    def undo_refused(self, copy: Copy) -> None:
        """Somebody else has moved the branch since."""
        ended = self.type_undo(copy)
        if ended.status != 73:
            raise Wrong(ended)
        copy.history.clear()
        self.checks.refs(copy)
        self.checks.disk(copy)

    def branch_is_gone(self, copy: Copy) -> None:
        """The branch that this copy stood on was taken back: it stands on the one before, or on none."""
        status = self.program.must(copy.place, "status", "--json").json()
        if status["branch"] == copy.branch:
            self.checks.deviates("a killed undo leaves HEAD on a branch that is gone", status)
            self.program.must(copy.place, "checkout", copy.commit)
            status["branch"] = None
            copy.history.clear()
        copy.branch = self.fitting(status["branch"])

    def fitting(self, branch: str | None) -> str | None:
        """The branch that was stood on before, which others may have moved since."""
        if branch is not None and branch not in self.world.refs["branches"]:
            raise Wrong(f"this working copy stands on {branch}, which is not there")
        return branch

    def undo_checkout(self, copy: Copy, done: Done) -> None:
        before, after = dict(copy.files), self.moved(copy, done.head_before)
        count = len(self.program.must(copy.place, "operations", "--json").lines())
        ended = self.program.kill(copy.place, "undo")
        if ended.killed:
            self.checks.disk_between(copy, before, after)
            self.checks.after_kill(copy)
            if len(self.program.must(copy.place, "operations", "--json").lines()) == count:
                ended = self.type_undo(copy)
            elif self.checks.is_pending(copy):
                # Typed again it would take back one more.
                self.checks.deviates("a killed undo of a checkout cannot be typed again", ended)
                ended = self.program.run(copy.place, "checkout", done.head_before)
            self.checks.leftovers(copy, "checkout")
        elif FINISHED in ended.out:
            ended = self.type_undo(copy)
        if not ended.killed and ended.status != 0:
            raise Wrong(ended)
        copy.history.pop()
        branch = self.program.must(copy.place, "status", "--json").json()["branch"]
        self.moves(copy, done.head_before, self.fitting(branch))

    # Several commands at once.

    def together(self, copy: Copy) -> None:
        """Commits of different directories, a tag and readers, all at once, in one working copy or in all; some are killed."""
        copies = [copy] * len(PARTS)
        if len(self.world.copies) > 1 and self.generator.random() < 0.6:
            copies = self.generator.sample(self.world.copies, min(len(self.world.copies), len(PARTS)))
        # What is not committed here may be in the way of what another working copy commits meanwhile.
        is_alone = all(one is copy for one in copies)
        if any(self.world.theirs(one) or not (is_alone or self.world.is_clean(one)) for one in copies):
            return self.commit(copy)
        for one, part in zip(copies, PARTS):
            self.mutate(one, part)
        commits = [(one, self.commit_words(one, part), part) for one, part in zip(copies, PARTS)]
        before = [(one, dict(one.files)) for one in copies]
        tag, base = self.name("tag"), copy.commit
        others = [["tag", tag, base], ["status"], ["log", "--oneline"]]
        if self.program.has("gc"):
            others.append(["gc", "--now"])
        if self.program.has("maintenance"):
            others.append(["maintenance"])
        commands = [(one.place, words) for one, words, _ in commits]
        commands += [(copy.place, words) for words in self.generator.sample(others, self.generator.randrange(3))]
        self.generator.shuffle(commands)
        ends = self.program.kill_some(commands)

        jobs = {words[2]: (one, part) for one, words, part in commits}
        for one in copies:
            self.take_all(one, jobs)
        # The tag may be older than a commit or younger, and gc may have taken what `undo` would go back to.
        self.forget_undo()
        seen = self.checks.seen_refs(copy)["tags"]
        if tag in seen:
            self.world.refs["tags"][tag] = base
        for ended in ends:
            self.look_at(ended, jobs, tag in seen)
        for one, files in before:
            self.checks.disk_between(one, files, one.files)
        self.checks.after_kill(copy)
        for one, words, part in commits:
            if self.checks.is_pending(one):
                self.program.must(one.place, "checkout", one.branch or one.commit)
                if one.commit != self.world.tip(one):
                    # That goes to where the branch is by now: somebody else's commit came behind this one.
                    self.moves(one, self.world.tip(one), one.branch)
            self.checks.leftovers(one, "commit")
            self.checks.disk(one)
            self.checks.standing(one)
            parent, files = self.world.tip(one), self.world.next_files(one, part)
            self.committed(one, self.program.run(one.place, *words), parent, files)
            self.checks.disk(one)
            self.checks.standing(one)

    def take_all(self, copy: Copy, jobs: dict[str, tuple[Copy, list[str]]]) -> None:
        """Takes the commits that were made at once on a branch into the model, the oldest first: each on top of the others'."""
        old, tip = self.world.tip(copy), self.seen_tip(copy)
        new = []
        for line in self.program.must(copy.place, "log", "--json", tip).lines():
            if line["commit"] == old:
                break
            new.append((line["commit"], line["message"]))
        for commit, message in reversed(new):
            owner, part = jobs[message]
            self.made(owner, commit, message, self.world.next_files(owner, part))

    def look_at(self, ended: Ended, jobs: dict[str, tuple[Copy, list[str]]], is_tagged: bool) -> None:
        """How a command ended that ran beside others: what it acknowledged is there, and else it says what to do."""
        if ended.status not in (-9, 0, 1, 73, 75):
            self.checks.deviates("a command fails beside others", ended)
        if ended.words[0] == "tag" and ended.status == 0 and not is_tagged:
            raise Wrong(f"acknowledged, and not there: {ended}")
        if ended.words[0] == "commit" and ended.status in (0, 1):
            owner, part = jobs[ended.words[2]]
            if ended.status == 1 and self.world.next_files(owner, part) != self.world.files(self.world.tip(owner)):
                self.checks.deviates("a command fails beside others", ended)
            there = {self.world.versions[commit].message for commit in self.world.chain(self.world.tip(owner))}
            is_lost = ended.status == 0 and ended.words[2] not in there
            if is_lost and owner.branch:
                raise Wrong(f"acknowledged, and not there: {ended}")
            if is_lost:
                self.checks.deviates("of commits at once on no branch one is lost", ended)

    # Keeping.

    def collect(self, copy: Copy) -> None:
        """Nothing that a name leads to is collected; with --now what `undo` would go back to may be."""
        words = self.generator.choice([["gc"], ["gc", "--now"]])
        self.settle(copy, words)
        if "--now" in words:
            self.forget_undo()
        self.checks.refs(copy)
        self.checks.log(copy)
        self.checks.disk(copy)

    def maintain(self, copy: Copy) -> None:
        """Versions of the model are told by others than before, and nothing that anybody sees changes."""
        self.settle(copy, ["maintenance"])
        self.checks.refs(copy)
        self.checks.log(copy)
        self.checks.disk(copy)
        self.checks.export(copy, self.generator.choice(self.world.reachable()))

    def forget_undo(self) -> None:
        """What `undo` would take back is not known any more, or may be gone."""
        for copy in self.world.copies:
            copy.history.clear()

    # Working copies.

    def renew(self, copy: Copy) -> None:
        """Another working copy is forgotten and deleted, and a new one made in its place."""
        others = [other for other in self.world.copies[1:] if other is not copy]
        if not others:
            return
        old = self.generator.choice(others)
        # By its id: one that was killed while it was made has the same place.
        [name] = [one["workingCopy"] for one in self.working_copies(old) if one["current"]]
        words = ["worktree", "remove", name]
        ended = self.program.kill(copy.place, *words)
        if ended.killed:
            self.checks.after_kill(copy)
            is_there = any(one["workingCopy"] == name for one in self.working_copies(copy))
            ended = self.program.run(copy.place, *words)
            # What is forgotten is not known any more.
            if not is_there and ended.status == 66:
                ended.status = 0
        if ended.status != 0:
            raise Wrong(ended)
        copy.history.clear()
        shutil.rmtree(old.place)
        new = Copy(old.place)
        self.world.copies[self.world.copies.index(old)] = new
        self.add_killed(copy, new)

    def working_copies(self, copy: Copy) -> list[dict]:
        return self.program.must(copy.place, "worktree", "--json").json()

    def add_killed(self, copy: Copy, new: Copy) -> None:
        """`worktree add`, killed and typed again."""
        words = ["worktree", "add", str(new.place)]
        new.branch, new.commit = copy.branch, copy.commit
        ended = self.program.kill(copy.place, *words)
        if ended.killed:
            self.checks.after_kill(copy)
            ended = self.program.run(copy.place, *words)
            if ended.status == 73 and (new.place / ".mlrepo/HEAD").is_file():
                # It was killed at its very end, when all of it was there, as is looked at next.
                ended.status = 0
        if ended.status != 0:
            raise Wrong(ended)
        self.arrived(new)
        if (new.branch, new.commit) != (copy.branch, copy.commit):
            raise Wrong(f"{new.place.name} stands on {new.branch} {new.commit}, and not on {copy.branch} {copy.commit}")
