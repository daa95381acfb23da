"""The log, proved: signed entries and heads, witnesses and proofs; with a keeper who rewrites logs, and a verifier by RFC 9162 in Python."""
import base64
import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
import unittest
from pathlib import Path

from command_test import READER
from test_signatures import SignatureTest

sys.path.insert(0, str(READER.parent))
from tiny_writer import canonical, full_subtrees, merkle_hash  # noqa: E402


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def included(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes | None:
    """The root that follows (RFC 9162, section 2.1.3.2)."""
    if index >= size:
        return None
    place, last, root = index, size - 1, hashlib.sha256(b"\0" + leaf).digest()
    for one in path:
        if last == 0:
            return None
        if place & 1 or place == last:
            root = node(one, root)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            root = node(root, one)
        place, last = place >> 1, last >> 1
    return root if last == 0 else None


def goes_on(old: int, old_root: bytes, new: int, new_root: bytes, path: list[bytes]) -> bool:
    """Whether a log goes on from an older one (RFC 9162, section 2.1.4.2); for 0 < old < new."""
    if old & (old - 1) == 0:
        path = [old_root] + path
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    older = newer = path[0]
    for one in path[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            older, newer = node(one, older), node(one, newer)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            newer = node(newer, one)
        place, last = place >> 1, last >> 1
    return last == 0 and older == old_root and newer == new_root


class Proof:
    """The file of a proof, read by C2SP's pages."""

    def __init__(self, text: str) -> None:
        lines, note = text.split("\n\n", 1)
        self.lines = lines.split("\n")
        self.head, _, signatures = note.partition("\n\n")
        self.head += "\n" if _ else ""
        self.origin, size, root = self.head.splitlines()
        self.size, self.root = int(size), base64.b64decode(root)
        self.signatures = [line.split(" ") for line in signatures.splitlines()]
        self.leaf, words = None, {}
        while self.lines and " " in self.lines[0] or self.lines[0].startswith("c2sp"):
            word, _, rest = self.lines.pop(0).partition(" ")
            words[word] = rest
            if not self.lines:
                break
        if "extra" in words:
            self.leaf = base64.b64decode(words["extra"])
        self.index = int(words["index"]) if "index" in words else None
        self.old = int(words["old"]) if "old" in words else None
        self.path = [base64.b64decode(line) for line in self.lines]


class AuditTest(SignatureTest):
    def setUp(self) -> None:
        super().setUp()
        self.ada = self.key("ada")
        self.mlrepo("identity", "use", str(self.ada))
        self.mlrepo("identity", "trust", "ada@example.com", f"{self.ada}.pub")
        self.mlrepo("config", "log.sign", "true")

    def entries(self, *words: str, **more) -> list[dict]:
        return [json.loads(line) for line in self.mlrepo("audit", "log", "--json", *words, **more).splitlines()]

    def check(self, *words: str, status: int = 0, **more) -> dict:
        report = json.loads(self.mlrepo("audit", "check", "--json", *words, status=status, **more))
        self.assertEqual(report["sound"], status == 0)
        return report

    @staticmethod
    def files(store: Path) -> list[Path]:
        return sorted((store / "log/new").iterdir())

    def leaves(self, store: Path) -> list[bytes]:
        return [canonical(json.loads(file.read_bytes())["entry"]) for file in self.files(store)]

    @staticmethod
    def origin(store: Path) -> str:
        return json.loads((store / "format").read_text())["origin"]

    def rewrite(self, store: Path, leaves: list[bytes]) -> None:
        """What a keeper does who makes a log of other entries that is sound by itself."""
        for file in self.files(store):
            file.unlink()
        shutil.rmtree(store / "cache", ignore_errors=True)
        for number, leaf in enumerate(leaves):
            root = base64.b64encode(merkle_hash(leaves[:number + 1])).decode()
            entry = {"entry": json.loads(leaf), "note": f"mlrepo/{self.origin(store)}\n{number + 1}\n{root}\n",
                     "subtrees": full_subtrees(leaves[:number])}
            (store / "log/new" / f"{number:020d}").write_bytes(canonical(entry))

    def changed(self, leaf: bytes, **members) -> bytes:
        entry = json.loads(leaf) | members
        return canonical({name: value for name, value in entry.items() if value is not None})


class Entries(AuditTest):
    def test_each_entry_is_signed_and_ssh_keygen_says_so(self) -> None:
        self.version("One")
        self.version("Two")
        self.mlrepo("tag", "v1")
        self.mlrepo("undo")
        found = self.entries()
        self.assertEqual([one["number"] for one in found], [4, 3, 2, 1, 0])
        self.assertEqual([one["signature"] and one["signature"]["verdict"] for one in found], ["good"] * 4 + [None])
        store = self.work / ".mlrepo"
        leaves = self.leaves(store)
        signers = self.root / "signers"
        signers.write_text("ada@example.com " + Path(f"{self.ada}.pub").read_text())
        for number, leaf in enumerate(leaves[1:], 1):
            blob = base64.b64decode(json.loads(leaf)["signature"])
            armored = "-----BEGIN SSH SIGNATURE-----\n" + base64.encodebytes(blob).decode() + "-----END SSH SIGNATURE-----\n"
            (self.root / "signature").write_text(armored)
            root = base64.b64encode(merkle_hash(leaves[:number])).decode()
            message = f"mlrepo/{self.origin(store)}\n{number}\n{root}\n\n".encode() + self.changed(leaf, signature=None)
            self.ran("ssh-keygen", "-Y", "verify", "-f", signers, "-I", "ada@example.com", "-n", "mlrepo.event",
                     "-s", self.root / "signature", input=message)
        self.mlrepo("fsck")
        self.assertEqual(self.check()["signed"], 4)

    def test_filters(self) -> None:
        self.version("One", env={"MLREPO_NOW": "1800000000"})
        self.mlrepo("branch", "other", env={"MLREPO_NOW": "1800000100"})
        self.mlrepo("tag", "v1", env={"MLREPO_NOW": "1800000200", "MLREPO_USER_NAME": "Bob"})
        def verbs(*words: str) -> list[str]:
            return [one["verb"] for one in self.entries(*words)]
        self.assertEqual(verbs(), ["tag", "branch", "commit", "init"])
        self.assertEqual(verbs("--actor", "BOB"), ["tag"])
        self.assertEqual(verbs("--actor", "nobody"), [])
        self.assertEqual(verbs("--ref", "main"), ["commit"])
        self.assertEqual(verbs("--ref", "tags/v1"), ["tag"])
        self.assertEqual(verbs("--verb", "branch"), ["branch"])
        self.assertEqual(verbs("--since", "2027-01-15T08:01:40Z"), ["tag", "branch"])
        self.assertEqual(verbs("--until", "2027-01-15T08:01:40Z", "-n", "2"), ["branch", "commit"])
        self.assertEqual(verbs("-n", "0"), [])
        self.refused("audit", "log", "--since", "whenever", status=64, says="is no time")
        self.refused("audit", "check", "--verb", "tag", status=64, says="belong to 'audit log'")

    def test_follow_tells_what_comes(self) -> None:
        self.version("One")
        follower = subprocess.Popen(
            [os.environ["MLREPO"], "audit", "log", "--follow", "--json"], cwd=self.work, env=self.environment,
            stdout=subprocess.PIPE, text=True)
        self.addCleanup(follower.stdout.close)
        self.addCleanup(follower.wait)
        self.addCleanup(follower.kill)
        def next_verb() -> str:
            return json.loads(follower.stdout.readline())["verb"]
        self.assertEqual([next_verb(), next_verb()], ["init", "commit"])
        self.mlrepo("tag", "v1")
        self.assertEqual(next_verb(), "tag")

    def test_who_cannot_sign_does_nothing(self) -> None:
        self.version("One")
        before = self.mlrepo("operations")
        self.ada.unlink()
        self.refused("tag", "v1", status=64, says="nothing was signed")
        self.assertEqual(self.mlrepo("operations"), before)
        self.mlrepo("config", "user.signingKey", str(self.root / "gone"))
        self.refused("tag", "v1", status=64, says="there is no public key")
        self.mlrepo("config", "log.sign", "maybe", status=64)

    def test_large_keys_and_certificates_fit(self) -> None:
        authority = self.key("ca")
        for name, kind, more in [("rsa", "rsa", ["-b", "4096"]), ("ecdsa", "ecdsa", ["-b", "521"])]:
            key = self.key(name, *more, kind=kind)
            self.mlrepo("identity", "use", str(key))
            self.mlrepo("identity", "trust", "ada@example.com", f"{key}.pub")
            self.version(name)
            self.ran("ssh-keygen", "-q", "-s", authority, "-I", "x", "-n", "ada@example.com", f"{key}.pub")
        self.mlrepo("identity", "trust", "ada@example.com", f"{authority}.pub", "--authority")
        self.mlrepo("identity", "use", str(self.keys / "rsa-cert.pub"))
        agent = self.ran("ssh-agent", "-s").decode()
        env = dict(part.split(";")[0].split("=") for part in agent.split("\n") if part.startswith("SSH_"))
        self.addCleanup(lambda: os.kill(int(env["SSH_AGENT_PID"]), 15))
        self.ran("ssh-add", "-q", self.keys / "rsa", env=os.environ | env)
        self.version("by certificate", env=env)
        # Many packs go into a list, so that there is room.
        for number in range(12):
            self.version(str(number), env=env)
        self.mlrepo("gc", "--now", env=env)
        self.assertEqual(self.check()["bad"], [])
        self.mlrepo("fsck")

    def test_a_repair_gives_back_the_signature_and_signs_what_it_adds(self) -> None:
        self.version("One")
        self.version("Two")
        newest = self.files(self.work / ".mlrepo")[-1]
        content = bytearray(newest.read_bytes())
        newest.chmod(0o644)
        for place in [content.index(b'"signature"') + 40, content.index(b'"time"') + 8]:
            damaged = bytearray(content)
            damaged[place] ^= 1
            newest.write_bytes(damaged)
            shutil.rmtree(self.work / ".mlrepo/cache")
            self.mlrepo("fsck", "--repair")
            self.assertEqual(self.files(self.work / ".mlrepo")[-1].read_bytes(), bytes(content))
            self.files(self.work / ".mlrepo")[-1].chmod(0o644)
        [pack] = [path for path in sorted((self.work / ".mlrepo/packs").rglob("*.pack"), key=lambda path: path.stat().st_mtime)][-1:]
        pack.chmod(0o644)
        damaged = bytearray(pack.read_bytes())
        damaged[20] ^= 1
        pack.write_bytes(damaged)
        self.run_raw("fsck", "--repair")
        self.assertEqual([one["verb"] for one in self.entries("-n", "1")], ["repair"])
        self.assertEqual(self.check()["bad"], [])

    def test_writers_at_once_all_sign(self) -> None:
        self.version("One")
        for number in range(4):
            self.mlrepo("worktree", "add", str(self.root / f"w{number}"), "main", status=0)
        writers = [subprocess.Popen([os.environ["MLREPO"], "tag", f"t{number}-{turn}"], cwd=self.root / f"w{number}",
                                    env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                   for turn in range(3) for number in range(4)]
        for writer in writers:
            _, error = writer.communicate(timeout=60)
            self.assertIn(writer.returncode, [0, 64], error)
        self.assertEqual(self.check()["bad"], [])

    def test_keys_are_judged_by_the_order_of_the_log(self) -> None:
        self.version("One", env={"MLREPO_NOW": "1800000000"})
        bob = self.key("bob")
        as_bob = {"MLREPO_USER_NAME": "Bob", "MLREPO_USER_EMAIL": "bob@example.com"}
        self.mlrepo("identity", "trust", "bob@example.com", f"{bob}.pub", "--until", "2027-01-15T08:03:20Z")
        self.mlrepo("identity", "use", str(bob))
        self.mlrepo("tag", "by-bob", env=as_bob | {"MLREPO_NOW": "1800000100"})
        self.mlrepo("identity", "use", str(self.ada))
        self.version("Two", env={"MLREPO_NOW": "1800001000"})
        # Who took a key that was given up dates back what they do.
        self.mlrepo("identity", "use", str(bob))
        self.mlrepo("tag", "by-a-thief", env=as_bob | {"MLREPO_NOW": "1800000100"})
        found = self.entries(env={"MLREPO_NOW": "1800002000"})
        self.assertEqual([one["signature"] and one["signature"]["verdict"] for one in found],
                         ["otherTime", "good", "good", "good", None])
        self.assertEqual([one["number"] for one in self.check(status=1, env={"MLREPO_NOW": "1800002000"})["bad"]], [4])


class Keeper(AuditTest):
    """Whoever keeps a store rewrites its log so that it is sound by itself."""

    def setUp(self) -> None:
        super().setUp()
        for message in ["One", "Two", "Three"]:
            self.version(message)
        self.mlrepo("tag", "v1")
        self.store = self.root / "kept"
        shutil.copytree(self.work / ".mlrepo", self.store)
        self.good = self.leaves(self.store)
        shutil.rmtree(self.store / "cache", ignore_errors=True)
        # Somebody who trusts Ada, and has never seen the log.
        self.bob = self.root / "bob"
        self.bob.mkdir()
        self.mlrepo("init", cwd=self.bob)
        self.mlrepo("identity", "trust", "ada@example.com", f"{self.ada}.pub", cwd=self.bob)

    def bad(self, leaves: list[bytes]) -> list[tuple[int, str | None]]:
        self.rewrite(self.store, leaves)
        self.mlrepo("remote", "forget", "../kept", cwd=self.bob, status=0)
        report = self.check("../kept", cwd=self.bob, status=1)
        return [(one["number"], one["signature"] and one["signature"]["verdict"]) for one in report["bad"]]

    def test_the_log_as_it_is(self) -> None:
        self.rewrite(self.store, self.good)
        report = self.check("../kept", cwd=self.bob)
        self.assertEqual((report["signed"], report["before"], report["size"]), (4, 1, 5))
        self.assertEqual(bytes.fromhex(report["root"].removeprefix("sha256:")), merkle_hash(self.good))

    def test_each_change_of_each_entry_is_named(self) -> None:
        for number in range(1, 5):
            leaf = json.loads(self.good[number])
            for members in [{"time": leaf["time"] + 1}, {"refs": "0" * 64}, {"event": json.loads(self.good[0])["event"]},
                            {"features": ["tensors"]}]:
                # What lacks features of an entry before it is no log at all.
                if "features" in members and number < 4:
                    continue
                with self.subTest(number=number, members=members):
                    other = self.good[:number] + [self.changed(self.good[number], **members)] + self.good[number + 1:]
                    # What stands behind it was signed behind another log.
                    expected = [(number, "forged")] + [(n, "forged") for n in range(number + 1, 5)]
                    self.assertEqual(self.bad(other), expected)

    def test_what_is_taken_out_of_the_middle_is_named(self) -> None:
        renumbered = [self.changed(leaf, number=number) for number, leaf in enumerate(self.good[:2] + self.good[3:])]
        self.rewrite(self.store, renumbered)
        self.mlrepo("remote", "forget", "../kept", cwd=self.bob)
        report = self.run_raw("audit", "check", "../kept", "--json", cwd=self.bob)
        self.assertNotEqual(report.returncode, 0)

    def test_what_nobody_signed_is_named(self) -> None:
        self.assertEqual(self.bad(self.good[:4] + [self.changed(self.good[4], signature=None)]), [(4, None)])
        # All of it unsigned: then nobody has signed anything.
        self.assertEqual(self.bad([self.changed(leaf, signature=None) for leaf in self.good]), [])

    def test_another_key_is_named(self) -> None:
        mallory = self.key("mallory")
        bare = self.changed(self.good[4], signature=None)
        root = base64.b64encode(merkle_hash(self.good[:4])).decode()
        message = f"mlrepo/{self.origin(self.store)}\n4\n{root}\n\n".encode() + bare
        for key, space, verdict in [(mallory, "mlrepo.event", "unknownKey"), (self.ada, "mlrepo.note", "otherNamespace"),
                                    (self.ada, "mlrepo.event", None)]:
            armored = self.ran("ssh-keygen", "-q", "-Y", "sign", "-n", space, "-f", key, input=message).decode()
            signature = "".join(armored.split("\n")[1:-2])
            leaves = self.good[:4] + [self.changed(bare, signature=signature)]
            if verdict is None:
                self.rewrite(self.store, leaves)
                self.mlrepo("remote", "forget", "../kept", cwd=self.bob)
                self.check("../kept", cwd=self.bob)
            else:
                self.assertEqual(self.bad(leaves), [(4, verdict)])
        self.assertEqual(self.bad(self.good[:4] + [self.changed(bare, signature=base64.b64encode(b"x").decode())]), [(4, "malformed")])

    def test_an_entry_of_another_store_is_named(self) -> None:
        other = self.root / "other"
        shutil.copytree(self.store, other)
        text = json.loads((other / "format").read_text())
        (other / "format").write_text((other / "format").read_text().replace(text["origin"], "ab" * 16))
        self.rewrite(other, self.good)
        report = self.check("../other", cwd=self.bob, status=1)
        self.assertEqual([one["signature"]["verdict"] for one in report["bad"]], ["forged"] * 4)


class Witnesses(AuditTest):
    def setUp(self) -> None:
        super().setUp()
        self.version("One")
        self.wit = self.key("wit")
        self.as_wit = {"MLREPO_USER_NAME": "Wit", "MLREPO_USER_EMAIL": "wit@example.com"}
        self.stick = self.root / "stick"
        self.stick.mkdir()
        self.mlrepo("init", cwd=self.stick)
        self.mlrepo("identity", "use", str(self.wit), cwd=self.stick)
        self.mlrepo("identity", "trust", "wit@example.com", f"{self.wit}.pub")

    def witness(self, status: int = 0, place: str = "../work", now: int | None = None) -> dict | str:
        env = self.as_wit | ({"MLREPO_NOW": str(now)} if now else {})
        answer = self.mlrepo("audit", "witness", place, "--json", cwd=self.stick, env=env, status=status)
        return json.loads(answer) if status == 0 else answer

    def heads(self, place: Path) -> list[Path]:
        return sorted((place / ".mlrepo/log/heads").rglob("*-*"))

    def test_a_witness_signs_what_goes_on(self) -> None:
        self.assertNotIn("before", self.witness())
        self.version("Two")
        report = self.witness(now=1900000000)
        self.assertEqual((report["before"], report["size"]), (2, 3))
        self.assertEqual([file.name for file in self.heads(self.stick)], [file.name for file in self.heads(self.work)])
        found = self.check()["heads"]
        self.assertEqual([(head["size"], head["signer"], head["verdict"]) for head in found],
                         [(3, "wit@example.com", "good"), (2, "wit@example.com", "good")])
        # By OpenSSH: eight bytes of time, then the signature.
        note = Proof("old 0\n\n" + self.heads(self.work)[-1].read_text())
        [[dash, name, text]] = note.signatures
        raw = base64.b64decode(text)
        self.assertEqual((dash, name, struct.unpack(">Q", raw[4:12])), ("\u2014", "wit@example.com", (1900000000,)))
        key = base64.b64decode(Path(f"{self.wit}.pub").read_text().split()[1])
        self.assertEqual(raw[:4], hashlib.sha256(b"wit@example.com\n\xffmlrepo.head/v1" + key).digest()[:4])
        signature = self.root / "signature"
        signature.write_text("-----BEGIN SSH SIGNATURE-----\n" + base64.encodebytes(raw[12:]).decode() + "-----END SSH SIGNATURE-----\n")
        signers = self.root / "signers"
        signers.write_text("wit@example.com " + Path(f"{self.wit}.pub").read_text())
        self.ran("ssh-keygen", "-Y", "verify", "-f", signers, "-I", name, "-n", "mlrepo.head", "-s", signature,
                 input=f"cosignature/v1\ntime 1900000000\n{note.head}".encode())

    def test_a_log_that_is_turned_back_or_forked_is_named(self) -> None:
        copy = self.root / "copy"
        shutil.copytree(self.work, copy)
        self.version("Two")
        self.witness()
        heads = self.heads(self.work)
        self.mlrepo("remote", "forget", "../work", cwd=self.stick)
        shutil.rmtree(self.work)
        shutil.copytree(copy, self.work)
        self.refused("audit", "witness", "../work", cwd=self.stick, status=65, says="was rolled back")
        # The keeper has taken the heads away; who asks the witness knows all the same.
        report = self.check("--witness", "../stick", status=1)
        self.assertEqual([one["problem"] for one in report["contradictions"]], ["rolledBack"])
        self.version("Another two")
        self.refused("audit", "witness", "../work", cwd=self.stick, status=65, says="was forked")
        report = self.check("--witness", "../stick", status=1)
        self.assertEqual([one["problem"] for one in report["contradictions"]], ["forked"])
        self.assertEqual(len(self.heads(self.stick)), len(heads))
        self.check()

    def test_a_log_that_is_held_back_is_named(self) -> None:
        self.witness(now=1900000000)
        env = {"MLREPO_NOW": "1900100000"}
        self.check("--newer-than", "2 days ago", env=env)
        self.assertTrue(self.check("--newer-than", "1 day ago", env=env, status=1)["stale"])
        self.witness(now=1900099000)
        self.check("--newer-than", "1 day ago", env=env)

    def test_heads_of_nobody_who_is_trusted_say_nothing(self) -> None:
        self.witness()
        [head] = self.heads(self.work)
        text = head.read_text()
        head.chmod(0o644)
        for change in [lambda text: text.replace("\n2\n", "\n9\n"), lambda text: text[:-30], lambda text: "", lambda text: "\0" * 99,
                       lambda text: text * 2, lambda text: text.replace("mlrepo/", "mlrepo/0")]:
            head.write_text(change(text))
            self.assertEqual(self.check()["contradictions"], [])
        head.unlink()
        head.mkdir()
        self.assertEqual(self.check()["contradictions"], [])
        head.rmdir()
        os.mkfifo(head)
        self.check()
        head.unlink()
        with head.open("wb") as file:
            file.truncate(1 << 40)
        self.check()
        # What the witness itself keeps has to be whole.
        [own] = self.heads(self.stick)
        own.chmod(0o644)
        own.write_text("")
        self.refused("audit", "witness", "../work", cwd=self.stick, status=65, says="it is no signed head")
        own.write_text(text)
        self.check()
        # A head that nobody here trusts may say what it wants.
        self.mlrepo("identity", "untrust", "wit@example.com")
        head.write_text(text)
        self.assertEqual(self.check()["heads"][0]["verdict"], "unknownKey")


class Proofs(AuditTest):
    def setUp(self) -> None:
        super().setUp()
        for message in ["One", "Two", "Three", "Four"]:
            self.version(message)
        self.store = self.work / ".mlrepo"

    def prove(self, *words: str, **more) -> Proof:
        return Proof(self.mlrepo("prove", *words, **more))

    def test_a_verifier_by_rfc_9162_agrees(self) -> None:
        leaves = self.leaves(self.store)
        for size in range(1, 6):
            for number in range(size):
                proof = self.prove("entry", str(number), "--size", str(size), "--no-sign")
                self.assertEqual((proof.index, proof.size, proof.leaf), (number, size, leaves[number]))
                self.assertEqual(proof.root, merkle_hash(leaves[:size]))
                self.assertEqual(included(proof.leaf, proof.index, proof.size, proof.path), proof.root)
            for old in range(1, size):
                proof = self.prove("consistency", str(old), "--size", str(size), "--no-sign")
                self.assertTrue(goes_on(old, merkle_hash(leaves[:old]), size, proof.root, proof.path))

    def test_sealed_entries_are_proved_as_well(self) -> None:
        self.mlrepo("config", "log.sign", "false")
        for number in range(260):
            self.mlrepo("tag", f"t{number}")
        self.mlrepo("config", "log.sign", "true")
        self.mlrepo("tag", "signed")
        entries = len(self.leaves(self.store))
        self.assertTrue((self.store / "log/tile/entries/000").exists())
        leaves = self.leaves(self.store)
        for number in [0, 3, 255]:
            (self.store / "log/new" / f"{number:020d}").unlink()
        for number in [0, 3, 255, 256, entries - 1]:
            proof = self.prove("entry", str(number))
            self.assertEqual(included(proof.leaf, number, proof.size, proof.path), merkle_hash(leaves))
        proof = self.prove("consistency", "200")
        self.assertTrue(goes_on(200, merkle_hash(leaves[:200]), entries, merkle_hash(leaves), proof.path))
        report = self.check(status=1)
        self.assertEqual((report["size"], len(report["bad"]), report["signed"]), (entries, 260, 5))

    def test_a_proof_is_worth_what_its_head_is(self) -> None:
        file = self.root / "e.tlog-proof"
        self.mlrepo("prove", "entry", "2", "-o", str(file))
        self.refused("prove", "entry", "2", "-o", str(file), status=73, says=str(file))
        self.assertIn("Entry 2 is in the log", self.mlrepo("verify", str(file)))
        elsewhere = self.root / "elsewhere"
        elsewhere.mkdir()
        self.mlrepo("init", cwd=elsewhere)
        self.assertFalse(json.loads(self.mlrepo("verify", str(file), "--json", cwd=elsewhere, status=1))["proved"])
        self.mlrepo("identity", "trust", "ada@example.com", f"{self.ada}.pub", cwd=elsewhere)
        report = json.loads(self.mlrepo("verify", str(file), "--json", cwd=elsewhere))
        self.assertEqual((report["proved"], report["index"], report["signature"]["verdict"]), (True, 2, "good"))
        text = file.read_bytes()
        for place in range(0, len(text), 7):
            other = bytearray(text)
            other[place] ^= 1
            file.write_bytes(other)
            done = self.run_raw("verify", str(file), "--json", cwd=elsewhere)
            if done.returncode == 0:
                # What no signature covers is only the name of a signature that is not ours to judge.
                self.fail(f"byte {place} of {len(text)}: {done.stdout}")
            self.assertIn(done.returncode, [1, 64, 65, 66], (place, done.stderr))

    def test_growth_is_proved_to_who_has_an_older_head(self) -> None:
        older, newer = self.root / "older", self.root / "newer"
        self.mlrepo("prove", "entry", "0", "-o", str(older))
        self.version("Five")
        self.mlrepo("prove", "consistency", "5", "-o", str(newer))
        self.mlrepo("verify", str(newer))
        elsewhere = self.root / "elsewhere"
        elsewhere.mkdir()
        self.mlrepo("init", cwd=elsewhere)
        self.mlrepo("identity", "trust", "ada@example.com", f"{self.ada}.pub", cwd=elsewhere)
        self.mlrepo("verify", str(newer), cwd=elsewhere, status=1)
        self.mlrepo("verify", str(newer), "--older", str(older), cwd=elsewhere)
        self.mlrepo("verify", str(newer), "--older", str(newer), cwd=elsewhere, status=1)
        self.refused("verify", str(newer), "--older", str(self.ada), cwd=elsewhere, status=64, says="the file of a proof")

    def test_keys_of_witnesses_elsewhere(self) -> None:
        file, key = self.root / "p", self.root / "note.pem"
        self.mlrepo("prove", "entry", "1", "--no-sign", "-o", str(file))
        self.ran("openssl", "genpkey", "-algorithm", "ed25519", "-out", key)
        public = self.ran("openssl", "pkey", "-in", key, "-pubout", "-outform", "DER")[-32:]
        text = file.read_text()
        head = Proof(text).head
        name, moment = "witness.example/w1", 1900000000
        for kind, message, prefix in [(1, head, b""), (4, f"cosignature/v1\ntime {moment}\n{head}", struct.pack(">Q", moment))]:
            number = hashlib.sha256(f"{name}\n".encode() + bytes([kind]) + public).digest()[:4]
            (self.root / "message").write_text(message)
            signed = self.ran("openssl", "pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", self.root / "message")
            def line(signature: bytes) -> str:
                return f"\u2014 {name} {base64.b64encode(number + prefix + signature).decode()}\n"
            file.write_text(text + "\n" + line(signed))
            word = f"{name}+{number.hex()}+{base64.b64encode(bytes([kind]) + public).decode()}"
            elsewhere = self.root / f"elsewhere{kind}"
            elsewhere.mkdir()
            self.mlrepo("init", cwd=elsewhere)
            self.mlrepo("verify", str(file), cwd=elsewhere, status=1)
            self.mlrepo("verify", str(file), "--key", word, cwd=elsewhere)
            file.write_text(text + "\n" + line(signed[:-1] + bytes([signed[-1] ^ 1])))
            self.assertIn("is not", self.mlrepo("verify", str(file), "--key", word, cwd=elsewhere, status=1))
        self.refused("verify", str(file), "--key", "x", status=64, says="a name, an id and a key")

    def test_what_is_no_entry(self) -> None:
        self.refused("prove", "entry", "5", status=66, says="there is no entry 5: the log has 5")
        self.refused("prove", "entry", "3", "--size", "3", status=66, says="there is no entry")
        self.mlrepo("prove", "entry", "-1", status=64)
        self.refused("prove", "entry", "3", "--size", "9", status=66, says="there is no entry 8")
        self.mlrepo("prove", "entry", "99999999999999999999", status=64)


class Bundles(AuditTest):
    """A directory for an auditor who does not have mlrepo."""

    def setUp(self) -> None:
        super().setUp()
        self.mlrepo("config", "commit.sign", "true")
        self.version("One")
        data = self.work / "data"
        data.mkdir()
        for number in range(150):
            (data / f"{number}.txt").write_text(str(number))
        for name in [b"line\nfeed", b"back\\slash", b"odd\xff", "\u00e4 b".encode()]:
            (Path(os.fsdecode(os.fsencode(data) + b"/" + name))).write_text("odd")
        (data / "link").symlink_to("1.txt")
        self.mlrepo("add", "data")
        self.mlrepo("commit", "-m", "Two")
        self.mlrepo("tag", "v1", "--sign")
        self.mlrepo("note", "-m", "Looks good", "v1")
        self.mlrepo("config", "commit.sign", "false")
        self.bundle = self.root / "bundle"
        self.mlrepo("audit", "bundle", str(self.bundle), "v1")

    def verify(self, *words, status: int = 0, what=None) -> str:
        # Nothing of this program is there.
        done = subprocess.run([sys.executable, "-B", str(self.bundle / "verify.py"), *map(str, words)], cwd="/", capture_output=True,
                              env={"PATH": "/usr/bin:/bin"}, timeout=120)
        self.assertEqual((done.returncode, done.stderr), (status, b""), (what, done.stdout))
        self.assertEqual(b"BAD" in done.stdout, status == 1)
        return done.stdout.decode()

    def test_what_verify_md_says(self) -> None:
        self.ran("sha256sum", "--check", "--quiet", "SHA256SUMS", cwd=self.bundle)
        self.ran("ssh-keygen", "-Y", "verify", "-f", "allowed_signers", "-I", "ada@example.com", "-n", "mlrepo.bundle", "-s",
                 "SHA256SUMS.sig", input=(self.bundle / "SHA256SUMS").read_bytes(), cwd=self.bundle)
        said = self.verify()
        self.assertIn("0 problems", said)
        # The bundle, two commits, a tag, a note, their four entries, the head.
        self.assertIn("10 good signatures", said)
        self.assertNotIn("note:", said)
        [files] = (self.bundle / "files").iterdir()
        self.ran("sha256sum", "--check", "--quiet", files, cwd=self.work)
        self.assertEqual(len(files.read_bytes().splitlines()), 155)

    def test_by_keys_of_ones_own(self) -> None:
        signers = self.root / "signers"
        signers.write_text("")
        self.assertIn("0 good signatures", self.verify(signers))
        signers.write_text("ada@example.com " + Path(f"{self.ada}.pub").read_text())
        self.assertIn("10 good signatures", self.verify(signers))

    def test_what_is_dated_back_by_a_key_that_was_given_up(self) -> None:
        line = f'ada@example.com valid-before="20200101Z" {Path(f"{self.ada}.pub").read_text()}'
        signers = self.root / "signers"
        signers.write_text(line)
        said = self.verify(signers)
        self.assertIn("0 good signatures", said)
        # What says to be older than the entry that brought it is judged by that.
        self.mlrepo("note", "-m", "Old", "v1", env={"MLREPO_NOW": "1500000000"})
        self.mlrepo("audit", "bundle", "../later", "v1")
        self.bundle = self.root / "later"
        self.assertIn("0 good signatures", self.verify(signers))

    def test_one_byte_anywhere(self) -> None:
        files = sorted(path for path in self.bundle.rglob("*") if path.is_file() and path.name != "verify.py")
        for position, path in enumerate(files):
            content = path.read_bytes()
            for place in {0, len(content) - 1, position * 7919 % max(1, len(content))} if content else set():
                other = bytearray(content)
                other[place] ^= 1
                path.write_bytes(other)
                self.verify(status=1, what=(path, place))
            path.write_bytes(content)
        (self.bundle / "files/more").write_text("")
        self.assertIn("are not those of SHA256SUMS", self.verify(status=1))
        (self.bundle / "files/more").unlink()
        (self.bundle / "VERIFY.md").unlink()
        self.assertIn("are not those of SHA256SUMS", self.verify(status=1))

    def resum(self) -> None:
        """Makes the list of files anew, and leaves it unsigned."""
        (self.bundle / "SHA256SUMS.sig").unlink(missing_ok=True)
        lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(self.bundle)}\n"
                 for path in sorted(self.bundle.rglob("*")) if path.is_file() and path.name != "SHA256SUMS"]
        (self.bundle / "SHA256SUMS").write_text("".join(lines))

    def test_who_makes_the_list_of_files_anew_is_found_by_the_rest(self) -> None:
        self.resum()
        self.assertIn("nobody signed this bundle", self.verify())
        def change(path: Path, old: bytes, new: bytes, says: str) -> None:
            content = path.read_bytes()
            self.assertIn(old, content)
            path.write_bytes(content.replace(old, new, 1))
            self.resum()
            self.assertIn(says, self.verify(status=1))
            path.write_bytes(content)
        [files] = (self.bundle / "files").iterdir()
        change(files, b"data/1.txt", b"data/x.txt", "not what the commit says")
        change(self.bundle / "objects/commit" / files.name[:-7], b"Two", b"Twp", "its bytes have another id")
        proof = sorted((self.bundle / "proofs").iterdir())[-1]
        leaf = proof.read_text().split("\n")[1][6:]
        other = base64.b64encode(base64.b64decode(leaf).replace(b'"time":1', b'"time":2')).decode()
        change(proof, leaf.encode(), other.encode(), "do not lead to the log's root")
        change(self.bundle / "head", b"\n5\n", b"\n6\n", "BAD")
        event = json.loads(base64.b64decode(leaf))["event"]
        os.rename(self.bundle / "objects/event" / event, self.root / "event")
        self.resum()
        self.assertIn("its operation is not there", self.verify(status=1))

    def test_without_a_key_and_to_a_place_that_is_taken(self) -> None:
        self.refused("audit", "bundle", str(self.bundle), status=73, says=str(self.bundle))
        self.mlrepo("audit", "bundle", "../plain", "--no-sign", "v1")
        self.bundle = self.root / "plain"
        self.assertIn("nobody signed this bundle", self.verify())
        self.assertEqual(json.loads(self.mlrepo("audit", "bundle", "../third", "v1", "--json"))["signed"], True)
        self.refused("audit", "bundle", "../fourth", "nothing", status=66, says="nothing")
        self.refused("audit", "bundle", status=64, says="the directory that is to be written")
        self.assertEqual(sorted(path.name for path in self.root.glob("*part*")), [])


if __name__ == "__main__":
    unittest.main()
