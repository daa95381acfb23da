"""Policies of stores: who may do what, over a plain directory that a hostile writer edits, and over a real sshd."""
import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

from command_test import MLREPO, READER, CommandTest
from ssh_server import SSHServer, missing

sys.path.insert(0, str(READER.parent))
from read_store import COMMIT, Store  # noqa: E402
from serve_client import Client, Refused  # noqa: E402
from tiny_writer import TinyStore, build_pack, canonical, full_subtrees, make_id, merkle_hash  # noqa: E402

TEAM = ("ada", "bob", "cyd", "dan")

RULES = """
[roles.approver]
description = "Approves what goes to main"
members = ["cyd"]

[roles.auditor]
members = ["dan"]
description = "Reads, and remarks"

[roles.trainer]
members = ["bob"]
qualifications = ["has read the guide"]

[roles.maintainer]
members = ["ada"]

[[rules]]
allow = ["read"]
refs = ["*"]
roles = ["maintainer", "trainer", "approver", "auditor"]

[[rules]]
allow = ["admin"]
refs = ["*"]
roles = ["maintainer"]

[[rules]]
allow = ["push", "create", "force", "delete"]
refs = ["*"]
roles = ["maintainer"]

[[rules]]
allow = ["push", "create"]
refs = ["branches/*", "!branches/main"]
roles = ["trainer"]

[[rules]]
allow = ["push"]
refs = ["branches/main"]
roles = ["trainer"]
approvals = 1
approvers = ["approver"]

[[rules]]
allow = ["annotate"]
refs = ["*"]
roles = ["auditor", "approver"]
"""


class Rogue:
    """Somebody who writes files of a store by themselves: entries that no program of ours would make."""

    def __init__(self, store: Path, keys: Path) -> None:
        self.store, self.keys = store, keys
        self.counter = 0

    def refs(self) -> dict:
        reader = Store(str(self.store), lambda what, where: None)
        try:
            found = {}
            for line in reader.ref_lines():
                kind, identifier, name = line.split()
                found[name] = (kind, bytes.fromhex(identifier))
            return found
        finally:
            reader.files.close()

    def entries(self) -> list[Path]:
        return sorted((self.store / "log/new").iterdir())

    def leaves(self) -> list[bytes]:
        return [canonical(json.loads(file.read_bytes())["entry"]) for file in self.entries()]

    @property
    def origin(self) -> str:
        return json.loads((self.store / "format").read_text())["origin"]

    def sign(self, message: bytes, key: str, space: str) -> bytes:
        done = subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-n", space, "-f", str(self.keys / key)],
                              input=message, capture_output=True, check=True)
        return base64.b64decode(b"".join(done.stdout.splitlines()[1:-1]))

    def entry(self, changes: dict, *, key: str | None, actor: str, told: dict | None = None, after: list[bytes] | None = None,
              objects: dict | None = None, doomed: list[str] | None = None,
              session: dict | None = None, **members) -> bytes:
        """An entry behind others that sets refs; what its event tells may be something else.

        - changes: names to (kind, id), or None for one that goes.
        """
        leaves = self.leaves() if after is None else after
        before = self.refs()
        now = {name: target for name, target in (before | changes).items() if target}
        writer = object.__new__(TinyStore)
        writer.pending, writer.ref_maps = {}, {}
        root = writer.refs(now)
        told = changes if told is None else told
        refs = []
        for name in sorted(told):
            sides = {"before": before.get(name), "after": told[name]}
            refs.append({"name": name} | {side: {"id": target[1].hex(), "kind": target[0]}
                                          for side, target in sides.items() if target})
        self.counter += 1
        event = {"actor": {"email": f"{actor}@example.com", "name": actor}, "nonce": f"{self.counter:032x}", "refs": refs,
                 "time": 1763888400, "verb": "push"} | ({"session": session} if session else {})
        event_id = writer.put("event", canonical(event)).hex()
        metadata = list(writer.pending) + [(kind, payload) for kind, payload in (objects or {}).items() if kind != "blob"]
        data = [(kind, payload) for kind, payload in (objects or {}).items() if kind == "blob"]
        pack = build_pack([(1, metadata, None)] + ([(0, data, None)] if data else []))
        name = f"{hashlib.sha256(pack).hexdigest()}-{self.counter:016x}"
        path = self.store / "packs" / name[:2] / f"{name}.pack"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(pack)
        newest = json.loads(leaves[-1])
        leaf = {"event": event_id, "features": newest["features"], "number": len(leaves),
                "packs": {"added": [name], "doomed": doomed or [], "dropped": []}, "refs": root, "time": 1763888400} | members
        if key:
            merkle = base64.b64encode(merkle_hash(leaves)).decode()
            message = f"mlrepo/{self.origin}\n{len(leaves)}\n{merkle}\n\n".encode() + canonical(leaf)
            leaf["signature"] = base64.b64encode(self.sign(message, key, "mlrepo.event")).decode()
        return canonical(leaf)

    def file(self, leaves: list[bytes]) -> bytes:
        root = base64.b64encode(merkle_hash(leaves)).decode()
        return canonical({"entry": json.loads(leaves[-1]), "note": f"mlrepo/{self.origin}\n{len(leaves)}\n{root}\n",
                          "subtrees": full_subtrees(leaves[:-1])})

    def write(self, leaf: bytes) -> Path:
        leaves = self.leaves() + [leaf]
        path = self.store / "log/new" / f"{len(leaves) - 1:020d}"
        path.write_bytes(self.file(leaves))
        return path


class PolicyTest(CommandTest):
    def setUp(self) -> None:
        super().setUp()
        self.keys = self.root / "keys"
        self.keys.mkdir()
        self.store = self.root / "store"
        self.places = {}
        self.who = "ada"
        for name in (*TEAM, "eve"):
            self.key(name)
            home = self.root / f"home-{name}"
            (home / ".ssh").mkdir(parents=True)
            for end in ("", ".pub"):
                shutil.copy(self.keys / f"{name}{end}", home / ".ssh" / f"id_ed25519{end}")
        self.base = dict(self.environment)
        self.become("ada")

    def key(self, name: str) -> Path:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(self.keys / name)], check=True)
        return self.keys / name

    def public(self, name: str) -> str:
        return " ".join((self.keys / f"{name}.pub").read_text().split()[:2])

    def become(self, name: str) -> None:
        """Who acts from now on, with their key and in their working copy."""
        self.who = name
        self.environment = self.base | {"HOME": str(self.root / f"home-{name}"), "MLREPO_USER_NAME": name.title(),
                                        "MLREPO_USER_EMAIL": f"{name}@example.com"}

    def place(self, name: str | None = None) -> str:
        return str(self.store)

    def at(self, name: str) -> Path:
        """The working copy of somebody, who acts from now on."""
        self.become(name)
        if name not in self.places:
            self.places[name] = self.root / f"copy-{name}"
            if self.places.keys() == {name}:
                self.mlrepo("init", str(self.places[name]), cwd=self.root)
                self.mlrepo("remote", "add", "origin", self.place(name), cwd=self.places[name])
            else:
                self.mlrepo("clone", self.place(name), str(self.places[name]), cwd=self.root)
        return self.places[name]

    def version(self, name: str, text: str) -> str:
        copy = self.at(name)
        is_new = not (copy / "model.txt").exists()
        (copy / "model.txt").write_text(text)
        if is_new:
            self.mlrepo("add", "model.txt", cwd=copy)
        return self.answer("commit", "-m", text, cwd=copy)["commit"].removeprefix("sha256:")

    def answer(self, *words: str, cwd=None, status: int = 0) -> dict:
        return json.loads(self.mlrepo(*words, "--json", cwd=cwd, status=status))

    def people(self, *names: str) -> str:
        return "".join(f'[principals.{name}]\nname = "{name.title()}"\nemail = "{name}@example.com"\n'
                       f'keys = ["{self.public(name)}"]\n' for name in names)

    def policy(self, roots=("ada",), threshold: int = 1, people=TEAM, rules: str = RULES) -> Path:
        path = self.root / "policy.toml"
        path.write_text(f"[roots]\nmembers = {json.dumps(list(roots))}\nthreshold = {threshold}\n"
                        + self.people(*people) + rules)
        return path

    def team(self, **more) -> None:
        """A store with one version, and a policy for four."""
        self.version("ada", "One")
        self.mlrepo("push", cwd=self.at("ada"))
        told = self.answer("policy", "propose", str(self.policy(**more)), "-m", "First", cwd=self.at("ada"))
        self.assertTrue(told["inForce"])

    def log(self, cwd: Path) -> list[dict]:
        return [json.loads(line) for line in self.mlrepo("audit", "log", "origin", "--json", cwd=cwd).splitlines()]


class Documents(PolicyTest):
    """What is a policy, and what is said of a text that is none."""

    def bad(self, text: str, says: str) -> None:
        path = self.root / "bad.toml"
        path.write_text(text)
        self.refused("policy", "propose", str(path), status=65, says=says, cwd=self.at("ada"))

    def test_each_mistake_is_named_with_its_place(self) -> None:
        self.version("ada", "One")
        self.mlrepo("push", cwd=self.at("ada"))
        whole = self.policy().read_text()
        for old, new, says in [
            ('members = ["ada"]\nthreshold = 1', 'members = ["ada"]\nthreshold = 2', "roots.threshold: expected at most 1"),
            ('members = ["ada"]\nthreshold', 'members = ["zoe"]\nthreshold', "roots.members: there is no principal 'zoe'"),
            ('members = ["ada"]\nthreshold', 'members = []\nthreshold', "roots.members: expected at least one"),
            ('members = ["bob"]', 'members = ["@all"]', "roles.trainer.members: there is no group 'all'"),
            ('roles = ["trainer"]', 'roles = ["trayner"]', "roles: there is no role 'trayner'"),
            ('allow = ["admin"]', 'allow = ["rule"]', "rules[2].allow: expected of read, push"),
            ('refs = ["branches/main"]', 'refs = ["main"]', "rules[5].refs: expected whole names, as branches/main"),
            ('allow = ["read"]\nrefs = ["*"]', 'allow = ["read"]\nrefs = ["branches/*"]', "rules[1].refs"),
            ("approvals = 1", "approvals = -1", "rules[5].approvals: expected a number from 0"),
            ('approvals = 1\n', '', "rules[5].approvers: expected a number of approvals"),
            ('email = "bob@example.com"', 'email = "bob"', "principals.bob.email: expected an address"),
            ('email = "bob@example.com"', 'email = "bob@example.com"\nexpires = 2027-02-30', "bad.toml"),
            ('email = "bob@example.com"', 'email = "bob@example.com"\nexpires = "soon"', "principals.bob.expires"),
            (self.public("bob"), self.public("cyd"), "is a key of bob as well"),
            (self.public("bob"), "ssh-ed25519 AAAA", "principals.bob.keys[1]: it is no public key"),
            ("[roles.auditor]", "[roles.Auditor]", "roles.Auditor: a name has up to 64"),
            ("[roots]", "colour = 1\n[roots]", "colour: nothing of that name is known here"),
            ("[roots]", "version = 3\n[roots]", "version: it is counted by the store"),
            ("[roots]", "[limits]\nfreshness_days = 0\n[roots]", "limits.freshness_days"),
            ("[roots]", "[roots", "bad.toml"),
        ]:
            with self.subTest(says=says):
                self.assertIn(old, whole)
                self.bad(whole.replace(old, new, 1), says)
        self.refused("policy", "propose", "nothing.toml", status=66, says="nothing.toml", cwd=self.at("ada"))
        self.refused("policy", "show", status=66, says="origin has no policy", cwd=self.at("ada"))

    def test_a_text_of_a_policy_is_read_again_as_the_same(self) -> None:
        self.team()
        copy = self.at("ada")
        before = self.answer("policy", "show", cwd=copy)
        (self.root / "again.toml").write_text(self.mlrepo("policy", "show", "--toml", cwd=copy))
        self.refused("policy", "propose", str(self.root / "again.toml"), status=65, says="in force already", cwd=copy)
        document = canonical(before["policy"])
        self.assertEqual("sha256:" + hashlib.sha256(document).hexdigest(), before["id"])
        self.mlrepo("policy", "edit", "mine.toml", cwd=copy)
        self.assertEqual((copy / "mine.toml").read_text(), (self.root / "again.toml").read_text())
        self.refused("policy", "edit", "mine.toml", status=73, says="mine.toml", cwd=copy)

    def test_a_policy_is_of_one_store_and_leaves_others_alone(self) -> None:
        self.team()
        self.mlrepo("remote", "add", "other", str(self.root / "other"), cwd=self.at("ada"))
        self.mlrepo("push", "other", cwd=self.at("ada"))
        self.refused("policy", "show", "--in", "other", status=66, says="no policy", cwd=self.at("ada"))
        bob = self.at("bob")
        self.mlrepo("tag", "free", cwd=bob)
        self.mlrepo("push", str(self.root / "other"), "free", cwd=bob)


class Rules(PolicyTest):
    def setUp(self) -> None:
        super().setUp()
        self.team()

    def test_a_team_of_four(self) -> None:
        first = self.version("bob", "Two")
        bob = self.at("bob")
        self.refused("push", status=77, says="bob may push branches/main once 1 of approver approved it, and 0 did", cwd=bob)
        self.mlrepo("branch", "candidate", cwd=bob)
        self.mlrepo("push", "origin", "candidate", cwd=bob)
        cyd = self.at("cyd")
        self.mlrepo("approve", "main", "origin/candidate", cwd=cyd)
        dan = self.at("dan")
        self.refused("approve", "main", "origin/candidate", status=77, says="no rule asks for an approval of theirs", cwd=dan)
        self.mlrepo("note", "-m", "Looks good", "origin/candidate", cwd=dan)
        self.mlrepo("branch", "candidate", "origin/candidate", cwd=dan)
        self.mlrepo("push", "origin", "candidate", cwd=dan)
        bob = self.at("bob")
        self.mlrepo("push", cwd=bob)
        self.mlrepo("fetch", cwd=self.at("dan"))
        self.assertEqual(self.answer("resolve", "origin/main", cwd=dan)["commit"].removeprefix("sha256:"), first)
        verbs = [(one["verb"], one["actor"]["email"][:3]) for one in self.log(dan)]
        self.assertEqual(verbs[:4], [("push", "bob"), ("push", "dan"), ("refused", "dan"), ("approve", "cyd")])
        self.assertIn(("refused", "bob"), verbs)
        self.assertEqual(self.answer("audit", "check", "origin", cwd=dan)["refused"], [])

    def test_what_no_rule_allows_is_refused_and_logged(self) -> None:
        self.version("bob", "Two")
        bob = self.at("bob")
        self.mlrepo("push", "origin", "--all", status=77, cwd=bob)
        self.mlrepo("tag", "v1", cwd=bob)
        for words, says in [(["v1"], "may not create tags/v1"), (["--delete", "main"], "may not delete branches/main")]:
            self.refused("push", "origin", *words, status=77, says=says, cwd=bob)
        eve = self.at("eve")
        self.mlrepo("tag", "eve", cwd=eve)
        self.refused("push", "origin", "eve", status=77, says="is nobody's by policy 1", cwd=eve)
        # Who uses somebody's name has not their key.
        self.environment["MLREPO_USER_EMAIL"] = "ada@example.com"
        self.refused("push", "origin", "eve", status=77, says="is nobody's by policy 1", cwd=eve)
        reasons = [one["reason"] for one in self.log(self.at("ada")) if one["verb"] == "refused"]
        self.assertEqual(len(reasons), 5)
        self.assertIn("may not create tags/v1", " ".join(reasons))
        self.mlrepo("fsck", cwd=self.store)

    def test_force_is_its_own_permission(self) -> None:
        bob = self.at("bob")
        self.version("bob", "Two")
        self.mlrepo("branch", "mine", cwd=bob)
        self.mlrepo("push", "origin", "mine", cwd=bob)
        self.mlrepo("branch", "-d", "mine", cwd=bob)
        self.mlrepo("branch", "mine", "HEAD~1", cwd=bob)
        self.refused("push", "--force", "origin", "mine", status=77, says="bob may not force branches/mine: maintainer may", cwd=bob)
        ada = self.at("ada")
        self.mlrepo("fetch", cwd=ada)
        self.mlrepo("branch", "mine", "main", cwd=ada)
        self.mlrepo("push", "--force", "origin", "mine", cwd=ada)
        self.mlrepo("fetch", cwd=bob)

    def test_an_approval_is_of_one_move(self) -> None:
        self.version("bob", "Two")
        bob = self.at("bob")
        self.mlrepo("branch", "candidate", cwd=bob)
        self.mlrepo("push", "origin", "candidate", cwd=bob)
        self.mlrepo("approve", "main", "origin/candidate", cwd=self.at("cyd"))
        # Another commit than the approved one.
        self.version("bob", "Three")
        self.refused("push", status=77, says="and 0 did", cwd=bob)
        # From another one.
        self.version("ada", "Aside")
        self.mlrepo("push", cwd=self.at("ada"))
        self.become("bob")
        self.mlrepo("fetch", cwd=bob)
        self.refused("push", "--force", "origin", "main", status=77, says="bob may not force branches/main", cwd=bob)

    def test_simulate(self) -> None:
        copy = self.at("dan")
        for words, allowed in [(("bob", "push", "main"), False), (("bob", "push", "mine"), True),
                               (("ada@example.com", "push", "main"), True), (("dan", "annotate", "*"), True),
                               (("dan", "create", "tags/v1"), False), (("bob", "read", "*"), True)]:
            told = self.answer("policy", "simulate", *words, cwd=copy, status=0 if allowed else 1)
            self.assertEqual(told["allowed"], allowed, words)
        self.refused("policy", "simulate", "zoe", "push", "main", status=66, says="knows nobody called 'zoe'", cwd=copy)
        self.refused("policy", "simulate", "bob", "fly", "main", status=64, says="'fly' is nothing that a rule allows", cwd=copy)
        self.version("ada", "Two")
        self.mlrepo("push", cwd=self.at("ada"))
        strict = self.policy(rules=RULES.replace('allow = ["push", "create", "force", "delete"]', 'allow = ["delete"]'))
        told = self.answer("policy", "simulate", str(strict), cwd=copy, status=1)
        self.assertEqual([(one["verb"], one["actor"]["email"]) for one in told["refused"]],
                         [("push", "ada@example.com")] * 2)

    def test_gc_needs_admin(self) -> None:
        bob = self.at("bob")
        self.refused("gc", "--now", status=77, says="may not admin", cwd=self.store)
        self.become("ada")
        self.mlrepo("gc", "--now", cwd=self.store)
        self.mlrepo("fetch", cwd=bob)
        self.become("eve")
        self.mlrepo("clone", str(self.store), "fresh", cwd=self.root)

    def test_expiry(self) -> None:
        rules = self.policy(people=TEAM).read_text().replace('email = "bob@example.com"', 'email = "bob@example.com"\nexpires = 2025-11-23')
        (self.root / "policy.toml").write_text(rules)
        self.mlrepo("policy", "propose", str(self.root / "policy.toml"), cwd=self.at("ada"))
        bob = self.at("bob")
        self.mlrepo("branch", "mine", cwd=bob)
        self.mlrepo("push", "origin", "mine", cwd=bob)
        self.environment["MLREPO_NOW"] = "1764028800"
        self.mlrepo("branch", "other", cwd=bob)
        self.refused("push", "origin", "other", status=77, says="bob could act until 2025-11-23", cwd=bob)


class Roots(PolicyTest):
    def test_k_of_n_and_both_thresholds(self) -> None:
        self.version("ada", "One")
        self.mlrepo("push", cwd=self.at("ada"))
        path = self.policy(roots=("ada", "cyd", "dan"), threshold=2)
        told = self.answer("policy", "propose", str(path), cwd=self.at("ada"))
        self.assertFalse(told["inForce"])
        identifier = told["proposal"]["id"].removeprefix("sha256:")
        # Whoever is not of the roots counts for nothing.
        bob = self.at("bob")
        self.assertFalse(self.answer("policy", "sign", identifier[:8], cwd=bob)["inForce"])
        cyd = self.at("cyd")
        self.assertTrue(self.answer("policy", "sign", cwd=cyd)["inForce"])
        # A change needs two of those before and of those after.
        path = self.policy(roots=("bob",), threshold=1)
        told = self.answer("policy", "propose", str(path), "-m", "All to Bob", cwd=self.at("ada"))
        self.assertEqual((told["inForce"], told["proposal"]["rootsInForce"]["count"], told["proposal"]["rootsNamed"]["count"]),
                         (False, 1, 0))
        self.become("bob")
        self.assertFalse(self.answer("policy", "sign", cwd=bob)["inForce"])
        self.assertTrue(self.answer("policy", "sign", cwd=self.at("dan"))["inForce"])
        versions = self.answer("policy", "log", cwd=bob)["versions"]
        self.assertEqual([one["policy"]["version"] for one in versions], [2, 1])
        self.assertEqual("sha256:" + versions[0]["policy"]["previous"], versions[1]["id"])
        self.assertEqual(set(versions[0]["signers"]), {"ada", "bob", "dan"})
        self.refused("policy", "sign", status=66, says="proposed policy", cwd=bob)
        self.mlrepo("fsck", cwd=self.store)
        self.mlrepo("clone", str(self.store), "fresh", cwd=self.root)

    def test_a_stolen_key_is_revoked_and_history_still_verifies(self) -> None:
        self.team()
        bob = self.at("bob")
        self.mlrepo("branch", "mine", cwd=bob)
        self.mlrepo("push", "origin", "mine", cwd=bob)
        new = self.key("bob-new")
        text = self.policy().read_text().replace(self.public("bob"), self.public("bob-new"))
        (self.root / "policy.toml").write_text(text)
        self.mlrepo("policy", "propose", str(self.root / "policy.toml"), "-m", "Bob's key was stolen", cwd=self.at("ada"))
        self.become("bob")
        self.mlrepo("branch", "stolen", cwd=bob)
        self.refused("push", "origin", "stolen", status=77, says="is nobody's by policy 2", cwd=bob)
        self.mlrepo("identity", "use", str(new), cwd=bob)
        self.mlrepo("push", "origin", "stolen", cwd=bob)
        self.become("dan")
        self.mlrepo("clone", str(self.store), "later", cwd=self.root)
        self.assertTrue(self.answer("audit", "check", "origin", cwd=self.root / "later")["sound"])


class Hostile(PolicyTest):
    """A plain directory that somebody edits who may write to it: the next client names what they did."""

    def setUp(self) -> None:
        super().setUp()
        self.team()
        self.version("ada", "Two")
        self.mlrepo("push", cwd=self.at("ada"))
        self.bob = self.at("bob")
        self.rogue = Rogue(self.store, self.keys)
        self.refs = self.rogue.refs()
        self.main = self.refs["branches/main"]
        self.older = ("commit", bytes.fromhex(self.answer("resolve", "HEAD~1", cwd=self.bob)["commit"].removeprefix("sha256:")))

    def named(self, leaf: bytes, says: str, number: int | None = None) -> None:
        """Each client that knew the store refuses the entry by its number, and so does a new one; without it, all goes on."""
        path = self.rogue.write(leaf)
        number = len(self.rogue.entries()) - 1 if number is None else number
        whole = f"entry {number} of its log is not allowed: "
        self.become("bob")
        for words in (["fetch"], ["push", "origin", "main"], ["pull"]):
            self.refused(*words, status=65, says=whole, cwd=self.bob)
        self.refused("fetch", status=65, says=says, cwd=self.bob)
        self.refused("clone", str(self.store), "fresh", status=65, says=whole, cwd=self.root)
        self.assertFalse((self.root / "fresh").exists())
        told = self.answer("audit", "check", "origin", cwd=self.bob, status=1)
        self.assertEqual([one["number"] for one in told["refused"]], [number])
        path.unlink()
        self.mlrepo("fetch", cwd=self.bob)

    def test_what_nobody_signed(self) -> None:
        self.named(self.rogue.entry({"branches/main": self.older}, key=None, actor="ada"), "nobody signed it")

    def test_what_another_key_signed(self) -> None:
        self.named(self.rogue.entry({"branches/main": self.older}, key="eve", actor="ada"), "is nobody's by policy 1")

    def test_what_somebody_signed_who_may_not(self) -> None:
        self.named(self.rogue.entry({"branches/main": self.older}, key="bob", actor="bob"), "bob may not force branches/main")
        self.named(self.rogue.entry({"tags/v1": self.main}, key="bob", actor="bob"), "bob may not create tags/v1")
        self.named(self.rogue.entry({"branches/main": None}, key="cyd", actor="cyd"), "cyd may not delete branches/main")

    def test_a_commit_of_which_nobody_can_say_what_it_goes_on_from(self) -> None:
        self.mlrepo("branch", "mine", cwd=self.bob)
        self.mlrepo("push", "origin", "mine", cwd=self.bob)
        reader = Store(str(self.store), lambda what, where: None)
        commit = reader.object(COMMIT, self.main[1])
        reader.files.close()
        orphan = canonical(commit | {"parents": ["11" * 32]})
        target = ("commit", make_id("commit", orphan))
        self.named(self.rogue.entry({"branches/mine": target}, key="bob", actor="bob", objects={"commit": orphan}),
                   "bob may not force branches/mine")

    def test_somebody_else_s_name(self) -> None:
        self.named(self.rogue.entry({"branches/new": self.main}, key="bob", actor="ada"), "the key is that of bob")

    def test_an_event_that_tells_less_than_it_does(self) -> None:
        self.named(self.rogue.entry({"branches/main": self.older, "branches/new": self.main}, key="bob", actor="bob",
                                    told={"branches/new": self.main}), "changes refs of which it does not say so")
        # One that says that it does nothing needs no signature, and is looked at all the same.
        self.named(self.rogue.entry({"branches/main": self.older}, key=None, actor="bob", told={}),
                   "changes refs of which it does not say so")

    def test_a_signature_for_something_else(self) -> None:
        leaf = json.loads(self.rogue.entry({"branches/new": self.main}, key="bob", actor="bob"))
        del leaf["signature"]
        leaves = self.rogue.leaves()
        merkle = base64.b64encode(merkle_hash(leaves)).decode()
        message = f"mlrepo/{self.rogue.origin}\n{len(leaves)}\n{merkle}\n\n".encode() + canonical(leaf)
        wrong = self.rogue.sign(message, "bob", "mlrepo.note")
        self.named(canonical(leaf | {"signature": base64.b64encode(wrong).decode()}), "nobody signed it")
        elsewhere = self.rogue.sign(message.replace(self.rogue.origin.encode(), b"0" * 32), "bob", "mlrepo.event")
        self.named(canonical(leaf | {"signature": base64.b64encode(elsewhere).decode()}), "nobody signed it")

    def test_packs_that_are_dropped(self) -> None:
        self.named(self.rogue.entry({"branches/new": self.main}, key="bob", actor="bob", doomed=[f"{'0' * 64}-{'0' * 16}"]),
                   "bob may not admin packs")
        self.named(self.rogue.entry({}, key=None, actor="bob", doomed=[f"{'0' * 64}-{'0' * 16}"]), "nobody signed it")

    def test_a_policy_that_too_few_signed(self) -> None:
        current = self.answer("policy", "show", cwd=self.bob)
        weak = dict(current["policy"]) | {"version": 2, "previous": current["id"].removeprefix("sha256:"),
                                          "roots": {"members": ["bob"], "threshold": 1}}
        document = canonical(weak)
        target = ("blob", make_id("blob", document))
        leaf = self.rogue.entry({"policies/2": target}, key="bob", actor="bob", objects={"blob": document})
        self.named(leaf, "1 roots of version 1 have to sign it, and 0 did")
        # The one in force, again, or gone.
        self.named(self.rogue.entry({"policies/1": None}, key="ada", actor="ada"), "what was in force stays as it is")
        self.named(self.rogue.entry({"policies/3": target}, key="ada", actor="ada", objects={"blob": document}),
                   "the next version of the policy is 2")

    def test_the_feature_goes(self) -> None:
        path = self.rogue.write(self.rogue.entry({"branches/main": self.older}, key=None, actor="bob", features=[]))
        self.become("bob")
        for words in (["fetch"], ["clone", str(self.store), "../fresh"]):
            self.refused(*words, status=65, says="features of the entry before it are not in force any more", cwd=self.bob)
        path.unlink()

    def test_a_log_that_was_turned_back(self) -> None:
        self.version("ada", "Three")
        self.mlrepo("push", cwd=self.at("ada"))
        self.become("bob")
        self.mlrepo("fetch", cwd=self.bob)
        self.rogue.entries()[-1].unlink()
        self.refused("fetch", status=65, says="was rolled back", cwd=self.bob)

    def test_refs_of_working_copies_do_not_come_in(self) -> None:
        self.named(self.rogue.entry({"worktrees/" + "5a" * 16: self.main}, key="ada", actor="ada"), "it belongs to a working copy")
        self.named(self.rogue.entry({"remotes/x/main": self.main}, key="ada", actor="ada"), "it belongs to a working copy")


class Bundles(PolicyTest):
    """What an auditor gets of a store with a policy."""

    def setUp(self) -> None:
        super().setUp()
        self.version("ada", "One")
        self.mlrepo("push", cwd=self.at("ada"))
        path = self.policy(roots=("ada", "cyd", "dan"), threshold=2)
        self.mlrepo("policy", "propose", str(path), cwd=self.at("ada"))
        self.mlrepo("policy", "sign", cwd=self.at("cyd"))
        path.write_text(path.read_text().replace("has read the guide", "has read all of it"))
        self.mlrepo("policy", "propose", str(path), cwd=self.at("dan"))
        self.mlrepo("policy", "sign", cwd=self.at("ada"))
        self.version("bob", "Two")
        bob = self.at("bob")
        self.mlrepo("branch", "candidate", cwd=bob)
        self.mlrepo("push", "origin", "candidate", cwd=bob)
        self.mlrepo("fetch", cwd=self.at("cyd"))
        self.mlrepo("approve", "main", "origin/candidate", cwd=self.at("cyd"))
        self.mlrepo("push", cwd=self.at("bob"))
        dan = self.at("dan")
        self.mlrepo("pull", cwd=dan)
        self.bundle = self.root / "bundle"
        self.mlrepo("audit", "bundle", str(self.bundle), "origin/main", "--of", "origin", cwd=dan)

    def verify(self, status: int = 0) -> str:
        done = subprocess.run([sys.executable, "-B", str(self.bundle / "verify.py")], cwd="/", capture_output=True,
                              env={"PATH": "/usr/bin:/bin"}, timeout=120)
        self.assertEqual((done.returncode, done.stderr), (status, b""), done.stdout)
        return done.stdout.decode()

    def sum_again(self) -> None:
        """What somebody does who changes a bundle and has nothing to sign it with."""
        names = sorted(os.path.relpath(path, self.bundle) for path in self.bundle.rglob("*") if path.is_file())
        (self.bundle / "SHA256SUMS.sig").unlink(missing_ok=True)
        (self.bundle / "SHA256SUMS").write_text("".join(
            f"{hashlib.sha256((self.bundle / name).read_bytes()).hexdigest()}  {name}\n" for name in names
            if not name.startswith("SHA256SUMS")))

    def test_the_chain_of_policies_goes_along(self) -> None:
        said = self.verify()
        self.assertIn("0 problems", said)
        documents = [self.bundle / "policies/1.json", self.bundle / "policies/2.json"]
        self.assertEqual(sorted((self.bundle / "policies").iterdir()), documents)
        self.assertEqual(json.loads(documents[1].read_bytes())["previous"], hashlib.sha256(documents[0].read_bytes()).hexdigest())
        # By the keys of the policies, entries of all who are in them are good; the first two nobody signed.
        self.assertEqual([line for line in said.splitlines() if "not trusted" in line and "entry" in line], [])

    def test_a_policy_that_is_exchanged_or_signed_by_too_few_is_named(self) -> None:
        second = self.bundle / "policies/2.json"
        before = second.read_bytes()
        second.write_bytes(before.replace(b"has read all of it", b"has read none of it"))
        self.sum_again()
        self.assertIn("too few roots of version 1 signed it", self.verify(status=1))
        second.write_bytes(before)
        first = self.bundle / "policies/1.json"
        first.write_bytes(first.read_bytes().replace(b'"threshold":2', b'"threshold":1'))
        self.sum_again()
        self.assertIn("policies/2.json: it does not follow from the one before", self.verify(status=1))
        second.unlink()
        self.sum_again()
        self.verify(status=1)

    def test_a_signature_less(self) -> None:
        for path in sorted((self.bundle / "objects/statement").iterdir()):
            kept = path.read_bytes()
            if json.loads(json.loads(kept)["body"])["kind"] != "policy":
                continue
            path.unlink()
            self.sum_again()
            self.assertIn("too few roots", self.verify(status=1))
            path.write_bytes(kept)


class Served(PolicyTest):
    """The same over a real sshd, whose forced commands say whose key came in."""

    def setUp(self) -> None:
        super().setUp()
        if reason := missing():
            self.skipTest(reason)
        self.server = SSHServer(self.root / "ssh")
        self.addCleanup(self.server.stop)
        self.mlrepo("init", "--bare", str(self.store), cwd=self.root)
        (self.root / "bin").mkdir()
        (self.root / "bin/mlrepo").symlink_to(MLREPO)
        lines, config = [], ""
        for name in (*TEAM, "eve"):
            fingerprint = subprocess.run(["ssh-keygen", "-lf", str(self.keys / f"{name}.pub")], capture_output=True,
                                         text=True, check=True).stdout.split()[1]
            lines.append(f'restrict,command="{MLREPO} serve --stdio --key {fingerprint} {self.store}" {self.public(name)}')
            config += (f"Host {name}\n  HostName 127.0.0.1\n  Port {self.server.port}\n  IdentityFile {self.keys}/{name}\n"
                       f"  IdentitiesOnly yes\n  UserKnownHostsFile {self.root}/ssh/known_hosts\n  BatchMode yes\n")
        (self.root / "ssh/authorized_keys").write_text("\n".join(lines) + "\n")
        (self.root / "ssh/config").write_text(config)
        self.base |= {"MLREPO_SSH": self.server.command, "MLREPO_SERVER": MLREPO}
        self.become("ada")

    def place(self, name: str | None = None) -> str:
        return f"{name}:{self.store}"

    def test_a_team_of_four(self) -> None:
        self.team()
        # To whoever may not read it, the store is not there.
        self.mlrepo("clone", f"eve:{self.store}", "eve", cwd=self.root, status=66)
        told = self.stderr
        lines = (self.root / "ssh/authorized_keys").read_text()
        (self.root / "ssh/authorized_keys").write_text(lines.replace(f"{self.store}\"", f"{self.store}-not\""))
        self.mlrepo("clone", f"eve:{self.store}", "eve", cwd=self.root, status=66)
        self.assertEqual(told, self.stderr.replace(f"{self.store}-not", str(self.store)))
        (self.root / "ssh/authorized_keys").write_text(lines)
        first = self.version("bob", "Two")
        bob = self.at("bob")
        self.refused("push", status=77, says="and 0 did", cwd=bob)
        self.mlrepo("branch", "candidate", cwd=bob)
        self.mlrepo("push", "origin", "candidate", cwd=bob)
        self.mlrepo("approve", "main", "origin/candidate", cwd=self.at("cyd"))
        self.become("bob")
        self.mlrepo("push", cwd=bob)
        dan = self.at("dan")
        self.assertEqual(self.answer("resolve", "origin/main", cwd=dan)["commit"].removeprefix("sha256:"), first)
        self.assertTrue(self.answer("audit", "check", "origin", cwd=dan)["sound"])
        # Somebody else's line does not carry what the key of its owner did not sign.
        self.become("bob")
        self.mlrepo("remote", "add", "by-ada", f"ada:{self.store}", cwd=bob)
        self.mlrepo("branch", "other", cwd=bob)
        self.refused("push", "by-ada", "other", status=77, says="another one than theirs signed the entry", cwd=bob)
        pushed = [one for one in self.log(dan) if one["verb"] == "push" and one["actor"]["name"] == "Bob"]
        for one in pushed:
            self.assertEqual((one["session"]["way"], one["session"]["address"]), ("ssh", "127.0.0.1"))
            self.assertEqual(one["session"]["key"], one["signature"]["fingerprint"])
        self.assertEqual(len(pushed), 2)
        self.become("bob")
        self.assertIn("ada came in by a key", " ".join(one.get("reason", "") for one in self.log(bob)))

    def test_who_goes_past_the_client_is_refused_by_the_server(self) -> None:
        self.team()
        rogue = Rogue(self.store, self.keys)
        main = rogue.refs()["branches/main"]
        fingerprint = subprocess.run(["ssh-keygen", "-lf", str(self.keys / "bob.pub")], capture_output=True, text=True,
                                     check=True).stdout.split()[1]
        session = {"address": "127.0.0.1", "key": fingerprint, "way": "ssh"}
        leaf = rogue.entry({"tags/v1": main}, key="bob", actor="bob", session=session)
        leaves = rogue.leaves() + [leaf]
        before = len(rogue.entries())
        words = [*self.server.command.split(), "bob", "x"]
        with Client(words) as client:
            for path, content, says in [
                (f"log/new/{before:020d}", rogue.file(leaves), "bob may not create tags/v1"),
                ("log/tile/entries/000", b"x", "tiles of a log with a policy are made here"),
                ("log/lists/" + "0" * 64, b"x", "the list does not have the digest"),
            ]:
                with self.subTest(path=path), self.assertRaises(Refused) as caught:
                    client.create(path, content)
                self.assertIn(says, str(caught.exception))
            newest = json.loads(rogue.leaves()[-1])["packs"]["added"][0]
            for path, says in [(f"packs/{newest[:2]}/{newest}.pack", "the pack is in use"),
                               (f"log/new/{before - 1:020d}", "the entry is in use")]:
                with self.assertRaises(Refused) as caught:
                    client.remove([path])
                self.assertIn(says, str(caught.exception))
            idle = rogue.entry({}, key=None, actor="bob", session=session)
            with self.assertRaises(Refused) as caught:
                client.create(f"log/new/{len(rogue.entries()):020d}", rogue.file(rogue.leaves() + [idle]))
            self.assertIn("nobody signed it", str(caught.exception))
            # The attempt is an entry by now; this one goes on from it.
            elsewhere = rogue.entry({"branches/new": main}, key="bob", actor="bob", session=session | {"address": "10.0.0.1"})
            with self.assertRaises(Refused) as caught:
                client.create(f"log/new/{len(rogue.entries()):020d}", rogue.file(rogue.leaves() + [elsewhere]))
            self.assertIn("does not tell the way by which bob came", str(caught.exception))
        self.assertIn(len(rogue.entries()), range(before + 1, before + 4))
        last = self.log(self.at("ada"))[0]
        self.assertEqual((last["verb"], last["actor"]["email"], last["signature"]), ("refused", "bob@example.com", None))
        self.mlrepo("fetch", cwd=self.at("bob"))

    def test_gc_over_the_line_needs_admin(self) -> None:
        self.team()
        bob = self.at("bob")
        self.mlrepo("branch", "mine", cwd=bob)
        self.mlrepo("push", "origin", "mine", cwd=bob)
        self.refused("gc", "origin", "--now", status=77, says="bob may not admin packs", cwd=bob)
        ada = self.at("ada")
        self.mlrepo("fetch", cwd=ada)
        self.mlrepo("push", "origin", "--delete", "mine", cwd=ada)
        self.mlrepo("gc", "origin", "--now", cwd=ada)
        gc = next(one for one in self.log(ada) if one["verb"] == "gc")
        self.assertEqual(gc["session"]["address"], "127.0.0.1")
        self.mlrepo("fetch", cwd=self.at("dan"))
        self.mlrepo("fsck", cwd=self.store)

    def test_entries_whose_packs_or_commits_are_not_there(self) -> None:
        self.team()
        rogue = Rogue(self.store, self.keys)
        fingerprint = subprocess.run(["ssh-keygen", "-lf", str(self.keys / "bob.pub")], capture_output=True, text=True,
                                     check=True).stdout.split()[1]
        session = {"address": "127.0.0.1", "key": fingerprint, "way": "ssh"}
        words = [*self.server.command.split(), "bob", "x"]
        with Client(words) as client:
            packs = {"added": [f"{'0' * 64}-{'0' * 16}"], "doomed": [], "dropped": []}
            for changes, more, says in [({"branches/new": ("commit", b"1" * 32)}, {}, "not all that branches/new is to name is there"),
                                        ({}, {"packs": packs}, "is missing")]:
                leaf = rogue.entry(changes, key="bob", actor="bob", session=session, **more)
                with self.assertRaises(Refused) as caught:
                    client.create(f"log/new/{len(rogue.entries()):020d}", rogue.file(rogue.leaves() + [leaf]))
                self.assertIn(says, str(caught.exception))
            newest = json.loads(rogue.leaves()[1])["packs"]["added"][0]
            loose = self.store / "packs" / newest[:2] / f"{newest[:2]}{'0' * 62}-{'0' * 16}.pack"
            loose.write_bytes(b"x")
            with self.assertRaises(Refused) as caught:
                client.remove([str(loose.relative_to(self.store))])
            self.assertIn("bob may not admin packs", str(caught.exception))
        self.mlrepo("fetch", cwd=self.at("bob"))

    def test_lines_for_sshd(self) -> None:
        self.team()
        lines = self.mlrepo("serve", "--authorized-keys", str(self.store), cwd=self.root).splitlines()
        self.assertEqual([line.split()[-1] for line in lines], sorted(TEAM))
        self.assertTrue(all(line.startswith('restrict,command="mlrepo serve --stdio --key SHA256:') for line in lines))
        self.refused("serve", "--stdio", "--key", "eve", str(self.store), status=64, says="--key takes a fingerprint", cwd=self.root)


if __name__ == "__main__":
    unittest.main()
