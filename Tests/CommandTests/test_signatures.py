"""Who signed what, and whose keys are trusted: with ssh-keygen on the other side, both ways."""
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from command_test import READER, CommandTest

sys.path.insert(0, str(READER.parent))
from read_store import STATEMENT, Store  # noqa: E402
from tiny_writer import TinyStore, canonical, make_id  # noqa: E402


class SignatureTest(CommandTest):
    def setUp(self) -> None:
        super().setUp()
        self.keys = self.root / "keys"
        self.keys.mkdir()
        self.mlrepo("init")

    def mlrepo(self, *words: str, env: dict | None = None, **more) -> str:
        before = dict(self.environment)
        self.environment.update(env or {})
        try:
            return super().mlrepo(*words, **more)
        finally:
            self.environment = before

    def key(self, name: str, *words: str, kind: str = "ed25519") -> Path:
        """A new key; gives the file of the private one."""
        path = self.keys / name
        self.ran("ssh-keygen", "-q", "-t", kind, "-N", "", "-C", name, "-f", path, *words)
        return path

    def ran(self, *words, status: int = 0, input: bytes = b"", **more) -> bytes:
        done = subprocess.run([str(word) for word in words], input=input, capture_output=True, timeout=60, **more)
        self.assertEqual(done.returncode, status, (words, done.stdout, done.stderr))
        return done.stdout

    def version(self, message: str, *words: str, cwd=None, **more) -> str:
        place = (cwd or self.work) / "a.txt"
        is_new = not place.exists()
        place.write_text(message)
        if is_new:
            self.mlrepo("add", "a.txt", cwd=cwd)
        answer = json.loads(self.mlrepo("commit", "-m", message, "--json", *words, cwd=cwd, **more))
        return answer["commit"].removeprefix("sha256:")

    def signed(self, *words: str, status: int = 0, cwd=None) -> list[dict]:
        """What is said of each commit that `verify` was asked for."""
        return json.loads(self.mlrepo("verify", *words, "--json", status=status, cwd=cwd))["commits"]

    def verdicts(self, *words: str, status: int = 0, cwd=None) -> list[str]:
        return [one["verdict"] for commit in self.signed(*words, status=status, cwd=cwd) for one in commit["signatures"]]

    def statements(self, place: Path) -> dict[str, dict]:
        """All statements of a store that refs name, as the independent reader has them, by their refs."""
        def report(what: str, where: str) -> None:
            self.fail(f"{where}: {what}")
        store = Store(str(place), report)
        self.addCleanup(store.files.close)
        found = {}
        for line in store.ref_lines():
            kind, identifier, name = line.split()
            if kind == "statement":
                found[name] = json.loads(store.payload(STATEMENT, bytes.fromhex(identifier)))
        return found

    def trusted(self, *lines: str) -> None:
        (self.work / ".mlrepo/allowed_signers").write_text("".join(line + "\n" for line in lines))


class Signing(SignatureTest):
    def test_a_commit_that_is_signed_keeps_the_id_that_it_would_have(self) -> None:
        key = self.key("ada")
        self.mlrepo("identity", "use", str(key))
        env = {"MLREPO_NOW": "1800000000"}
        commit = self.version("One", "--sign", env=env)
        self.assertIn("verdict", json.dumps(self.signed(status=1)))
        self.assertEqual(self.verdicts(status=1), ["unknownKey"])
        self.mlrepo("identity", "trust", "ada@example.com", str(key) + ".pub")
        self.assertEqual(self.verdicts(), ["good"])
        self.mlrepo("undo")
        # That it was signed, and when, is no matter of what names it.
        self.assertEqual(self.version("One", env=env), commit)
        self.assertEqual(self.verdicts(), ["good"])

    def test_ssh_keygen_verifies_what_is_stored(self) -> None:
        key = self.key("ada")
        self.mlrepo("identity", "use", str(key))
        commit = self.version("One", "--sign")
        self.mlrepo("tag", "--sign", "v1")
        found = self.statements(self.work / ".mlrepo")
        self.assertEqual(len(found), 2)
        signers = self.keys / "allowed"
        signers.write_text(f"ada@example.com {Path(str(key) + '.pub').read_text()}")
        for name, statement in found.items():
            body = json.loads(statement["body"])
            self.assertTrue(name.startswith(f"statements/{body['kind']}/commit/{commit}/"), name)
            self.assertEqual(body["subject"], {"id": commit, "kind": "commit"})
            signature = self.keys / "signature"
            signature.write_text(statement["signature"])
            words = ["ssh-keygen", "-Y", "verify", "-f", signers, "-I", "ada@example.com", "-s", signature]
            space = f"mlrepo.{body['kind']}"
            self.ran(*words, "-n", space, input=statement["body"].encode())
            other = {"mlrepo.commit": "mlrepo.tag", "mlrepo.tag": "mlrepo.commit"}[space]
            self.ran(*words, "-n", other, input=statement["body"].encode(), status=255)
            self.ran(*words, "-n", space, input=statement["body"].encode() + b" ", status=255)

    def test_all_kinds_of_keys(self) -> None:
        kinds = {"ed25519": [], "rsa": ["-b", "2048"], "p256": ["-b", "256"], "p384": ["-b", "384"],
                 "p521": ["-b", "521"]}
        for name, words in kinds.items():
            key = self.key(name, *words, kind="ecdsa" if name.startswith("p") else name)
            self.mlrepo("identity", "use", str(key))
            self.mlrepo("identity", "trust", "ada@example.com", f"{key}.pub")
            self.version(f"By {name}", "--sign")
            self.assertEqual(self.verdicts(), ["good"], name)
        self.assertEqual(json.loads(self.mlrepo("verify", "--all", "--json"))["verified"], len(kinds))
        listed = json.loads(self.mlrepo("identity", "list", "--json"))
        for one in listed:
            name = next(name for name in kinds if self.fingerprint(name) == one["fingerprint"])
            self.assertEqual(one["type"], Path(f"{self.keys / name}.pub").read_text().split()[0])

    def fingerprint(self, name: str) -> str:
        return self.ran("ssh-keygen", "-l", "-f", f"{self.keys / name}.pub").split()[1].decode()

    def test_an_agent_signs_with_a_key_that_has_no_file(self) -> None:
        key = self.key("ada")
        place = self.keys / "agent"
        agent = subprocess.Popen(["ssh-agent", "-D", "-a", place], stdout=subprocess.DEVNULL)
        self.addCleanup(agent.wait)
        self.addCleanup(agent.terminate)
        env = {"SSH_AUTH_SOCK": str(place)}
        for _ in range(100):
            if place.exists():
                break
            subprocess.run(["sleep", "0.05"], check=True)
        self.ran("ssh-add", "-q", key, env={**os.environ, **env})
        key.unlink()
        self.mlrepo("identity", "use", f"{key}.pub")
        self.mlrepo("identity", "trust", "ada@example.com", f"{key}.pub")
        self.version("One", "--sign", env=env)
        self.assertEqual(self.verdicts(), ["good"])
        self.refused("commit", "-m", "Two", "--sign", "--param", "a=1", status=64, says="ssh-keygen: ")
        self.assertEqual(list(self.work.glob(".mlrepo/tmp-*")), [])

    def test_what_cannot_be_signed_is_not_made(self) -> None:
        (self.work / "a.txt").write_text("a")
        self.mlrepo("add", "a.txt")
        self.refused("commit", "-m", "One", "--sign", status=64, says="no key to sign with")
        key = self.key("ada")
        self.mlrepo("identity", "use", str(key))
        Path(f"{key}.pub").unlink()
        self.refused("commit", "-m", "One", "--sign", status=64, says="there is no public key")
        Path(f"{key}.pub").write_text("ssh-ed25519 AAAA\n")
        self.refused("commit", "-m", "One", "--sign", status=64, says="is no public key of SSH")
        other = self.key("other")
        shutil.copy(f"{other}.pub", f"{key}.pub")
        shutil.copy(self.key("third"), other)
        self.mlrepo("identity", "use", f"{key}.pub")
        key.unlink()
        self.refused("commit", "-m", "One", "--sign", status=64, says="ssh-keygen: ")
        self.assertEqual(json.loads(self.mlrepo("status", "--json"))["head"], None)
        self.refused("config", "commit.sign", "perhaps", status=64, says="true or false")
        with open(self.work / ".mlrepo/config", "a") as file:
            file.write("commit.sign = perhaps\n")
        self.refused("commit", "-m", "One", status=64, says="true or false")

    def test_settings_say_what_is_signed(self) -> None:
        self.mlrepo("identity", "use", str(self.key("ada")))
        self.mlrepo("identity", "trust", "ada@example.com", f"{self.keys}/ada.pub")
        self.mlrepo("config", "commit.sign", "true")
        self.mlrepo("config", "tag.sign", "true")
        self.version("One")
        self.mlrepo("tag", "v1")
        self.assertEqual(self.verdicts("v1"), ["good", "good"])
        self.version("Two", "--no-sign")
        self.assertEqual(self.verdicts(status=1), [])
        self.mlrepo("checkout", "-b", "side", "v1")
        (self.work / "b.txt").write_text("b")
        self.mlrepo("add", "b.txt")
        self.mlrepo("commit", "-m", "Beside", "--no-sign")
        self.mlrepo("merge", "main")
        self.assertEqual(self.verdicts(), ["good"])
        self.mlrepo("undo")
        self.mlrepo("redo")
        self.assertEqual(self.verdicts(), ["good"])

    def test_the_usual_key_signs_and_that_of_git(self) -> None:
        (self.root / ".ssh").mkdir()
        self.ran("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.root / ".ssh/id_ed25519")
        told = json.loads(self.mlrepo("identity", "--json"))
        self.assertEqual(told["key"]["path"], str(self.root / ".ssh/id_ed25519"))
        self.assertFalse(told["key"]["trusted"])
        key = self.key("ada")
        (self.root / ".gitconfig").write_text(f"[gpg]\n\tformat = ssh\n[user]\n\tsigningkey = {key}.pub\n")
        told = json.loads(self.mlrepo("identity", "--json"))
        self.assertEqual((told["key"]["path"], told["key"]["origin"]), (f"{key}.pub", "git's user.signingkey"))


class Trusting(SignatureTest):
    def setUp(self) -> None:
        super().setUp()
        self.ada = self.key("ada")
        self.mlrepo("identity", "use", str(self.ada))
        self.commit = self.version("One", "--sign", env={"MLREPO_NOW": "1800000000"})
        self.line = Path(f"{self.ada}.pub").read_text().strip()

    def test_a_key_is_that_of_one_person(self) -> None:
        for line, verdict in [
            (f"bob@example.com {self.line}", "otherPerson"), (f"*@example.com {self.line}", "good"),
            (f"*@example.com,!ada@* {self.line}", "otherPerson"), (f"bob@example.com,ada@example.com {self.line}", "good"),
            (f'ada@example.com namespaces="git" {self.line}', "otherUse"),
            (f'ada@example.com namespaces="git,mlrepo.*" {self.line}', "good"),
            (f'ada@example.com valid-before="20270115" {self.line}', "otherTime"),
            (f'ada@example.com valid-before="20270116Z" {self.line}', "good"),
            (f'ada@example.com valid-after="20270115080000Z",valid-before="20270115080001Z" {self.line}', "good"),
            (f'ada@example.com valid-after="20270115080001Z" {self.line}', "otherTime"),
            (f'ada@example.com cert-authority {self.line}', "unknownKey"), ("", "unknownKey"), ("# nobody", "unknownKey"),
        ]:
            self.trusted(line)
            status = 0 if verdict == "good" else 1
            self.assertEqual(self.verdicts(status=status), [verdict], line)
            # OpenSSH says the same of the same file.
            if not line or "zone" in line:
                continue
            statement = next(iter(self.statements(self.work / ".mlrepo").values()))
            (self.keys / "s").write_text(statement["signature"])
            self.ran("ssh-keygen", "-Y", "verify", "-f", self.work / ".mlrepo/allowed_signers", "-I", "ada@example.com",
                     "-n", "mlrepo.commit", "-s", self.keys / "s", "-Overify-time=20270115080000Z",
                     input=statement["body"].encode(), status=0 if status == 0 else 255, env={**os.environ, "TZ": "UTC"})

    def test_a_key_stands_for_what_it_signed_until_it_was_given_up(self) -> None:
        self.mlrepo("identity", "trust", "ada@example.com", f"{self.ada}.pub", "--until", "2027-01-16T00:00Z")
        self.assertEqual(self.verdicts(), ["good"])
        self.version("Two", "--sign", env={"MLREPO_NOW": "1800100000"})
        self.assertEqual(self.verdicts("HEAD", status=1), ["otherTime"])
        self.assertEqual(self.verdicts("HEAD~1"), ["good"])
        self.mlrepo("identity", "untrust", "ada@example.com")
        self.assertEqual(self.verdicts("HEAD~1", status=1), ["unknownKey"])
        self.refused("identity", "untrust", "ada@example.com", status=66, says="no key")

    def test_undo_and_redo_change_nothing_about_when_it_was_signed(self) -> None:
        self.mlrepo("tag", "--sign", "v1", env={"MLREPO_NOW": "1800000000"})
        self.mlrepo("undo", env={"MLREPO_NOW": "1800000001"})
        self.version("Two", "--sign", env={"MLREPO_NOW": "1800000002"})
        self.mlrepo("undo", env={"MLREPO_NOW": "1800000003"})
        self.mlrepo("identity", "trust", "ada@example.com", f"{self.ada}.pub", "--until", "now", env={"MLREPO_NOW": "1800000010"})
        self.mlrepo("redo", env={"MLREPO_NOW": "1800000020"})
        self.assertEqual(self.verdicts(), ["good"])
        # What comes in that very second is not trusted.
        self.version("Three", "--sign", env={"MLREPO_NOW": "1800000010"})
        self.assertEqual(self.verdicts(status=1), ["otherTime"])

    def test_files_of_windows(self) -> None:
        (self.work / ".mlrepo/allowed_signers").write_bytes(b"\xef\xbb\xbf# us\r\nada@example.com " + self.line.encode() + b"\r\n")
        self.assertEqual(self.verdicts(), ["good"])

    def test_a_bare_store_brings_no_trust(self) -> None:
        self.mlrepo("push", "../store", "main")
        store = self.root / "store"
        (store / "allowed_signers").write_text(f"ada@example.com {self.line}\n")
        (store / "team").write_text(f"ada@example.com {self.line}\n")
        (store / "config").write_text("identity.allowedSigners = team\n")
        self.assertEqual(self.verdicts("main", cwd=store, status=1), ["unknownKey"])
        self.refused("identity", "trust", "ada@example.com", f"{self.ada}.pub", cwd=store, status=64, says="--global")
        self.mlrepo("identity", "trust", "--global", "ada@example.com", f"{self.ada}.pub", cwd=store)
        self.assertEqual(self.verdicts("main", cwd=store), ["good"])

    def test_a_tag_is_judged_by_its_own_signature(self) -> None:
        self.trusted(f"ada@example.com {self.line}", f'ada@example.com namespaces="mlrepo.commit" {self.line}')
        self.mlrepo("tag", "v0")
        self.assertIn("Tag v0: signed by nobody", self.mlrepo("verify", "v0"))
        self.mlrepo("tag", "--sign", "v1")
        self.assertEqual(self.verdicts("v1"), ["good", "good"])
        self.trusted(f'ada@example.com namespaces="mlrepo.commit" {self.line}')
        self.mlrepo("verify", "main")
        self.assertEqual(sorted(self.verdicts("v1", status=1)), ["good", "otherUse"])

    def test_odd_trust_keeps_nobody_from_the_history(self) -> None:
        self.trusted(f"ada@example.com {self.line}")
        self.mlrepo("note", "-m", "remark", "HEAD:a.txt")
        self.trusted("garbage")
        for words in (["log"], ["show"], ["blame", "a.txt"]):
            self.assertIn("NOT KNOWN", self.mlrepo(*words), words)
            self.assertIn("line 1", self.stderr)
        self.refused("note", "-m", "another", status=65, says="line 1")
        self.refused("log", "--show-signature", status=65, says="line 1")
        self.trusted(f"ada@example.com {self.line}")
        self.assertEqual(len(json.loads(self.mlrepo("note", "--json"))), 1)

    def test_a_clock_that_was_set_back_makes_no_key_valid(self) -> None:
        """What a statement says of its own time is no proof."""
        self.mlrepo("identity", "trust", "ada@example.com", f"{self.ada}.pub", "--until", "2027-01-16T00:00Z")
        self.mlrepo("clone", ".", "../later", env={"MLREPO_NOW": "1900000000"})
        later = self.root / "later"
        shutil.copy(self.work / ".mlrepo/allowed_signers", later / ".mlrepo/allowed_signers")
        self.assertEqual(self.verdicts(cwd=later, status=1), ["otherTime"])

    def test_certificates(self) -> None:
        authority, holder = self.key("authority"), self.key("holder")

        def certify(*words: str) -> None:
            self.ran("ssh-keygen", "-q", "-s", authority, "-I", "someone", *words, f"{holder}.pub")

        self.mlrepo("identity", "trust", "*@example.com", f"{authority}.pub", "--authority")
        number = 0
        for words, verdict in [
            (["-n", "ada@example.com,bob@example.com"], "good"), (["-n", "bob@example.com"], "badCertificate"),
            (["-n", "ada@example.com", "-V", "20260101:20260201"], "otherTime"),
            (["-n", "ada@example.com", "-O", "force-command=true"], "badCertificate"),
        ]:
            certify(*words)
            shutil.copy(f"{holder}-cert.pub", self.keys / "both.pub")
            shutil.copy(holder, self.keys / "both")
            self.mlrepo("identity", "use", f"{self.keys}/both")
            number += 1
            self.version(f"With certificate {number}", "--sign")
            self.assertEqual(self.verdicts(status=0 if verdict == "good" else 1), [verdict], words)

    def test_malformed_trust_is_an_error_with_its_line(self) -> None:
        good = f"ada@example.com {self.line}"
        for line in ["ada@example.com", "ada@example.com ssh-ed25519", "ada@example.com ssh-ed25519 AAAA",
                     f"ada@example.com unknown {self.line}", f'ada@example.com valid-after="tomorrow" {self.line}',
                     f'ada@example.com namespaces="git {self.line}', f"ada@example.com ssh-rsa {self.line.split()[1]}",
                     f'ada@example.com valid-before="2026" {self.line}']:
            self.trusted("# people", good, line)
            self.refused("verify", status=65, says="line 3")
            self.refused("identity", "untrust", "ada@example.com", status=65, says="line 3")
        self.trusted(*[good] * 60_000)
        self.refused("verify", status=74, says="allowed_signers: File too large")

    def test_trust_for_all_working_copies_of_a_person(self) -> None:
        for environment, place in (({}, ".config"), ({"XDG_CONFIG_HOME": str(self.root / "settings")}, "settings")):
            self.mlrepo("identity", "trust", "--global", "ada@example.com", f"{self.ada}.pub", env=environment)
            path = self.root / place / "mlrepo/allowed_signers"
            self.assertEqual(path.read_text().split()[:2], ["ada@example.com", "ssh-ed25519"])
            self.assertEqual(path.stat().st_mode & 0o777, 0o600)
            self.mlrepo("verify", env=environment)
            self.mlrepo("identity", "untrust", "ada@example.com", status=66, env=environment)
            self.assertIn("with --global", self.stderr)
            self.mlrepo("identity", "untrust", "--global", "ada@example.com", env=environment)
            self.mlrepo("verify", status=1, env=environment)
            self.assertEqual([file.name for file in path.parent.iterdir()], ["allowed_signers"])
        self.mlrepo("identity", "trust", "--global", "ada@example.com", f"{self.ada}.pub", env={"HOME": ""}, status=64)
        self.mlrepo("identity", "list", "--global", status=64)

    def test_a_file_of_trusted_keys_may_lie_elsewhere(self) -> None:
        (self.work / "team").write_text(f"ada@example.com {self.line}\n")
        self.mlrepo("config", "identity.allowedSigners", "team")
        self.assertEqual(self.verdicts(), ["good"])
        (self.work / "team").unlink()
        self.refused("verify", status=64, says="there is no file")


class Moving(SignatureTest):
    def setUp(self) -> None:
        super().setUp()
        self.ada = self.key("ada")
        self.mlrepo("identity", "use", str(self.ada))
        self.mlrepo("config", "commit.sign", "true")
        self.version("One")
        self.mlrepo("remote", "add", "origin", "../store")

    def cloned(self) -> Path:
        self.mlrepo("clone", "store", "other", cwd=self.root)
        other = self.root / "other"
        self.mlrepo("identity", "trust", "ada@example.com", f"{self.ada}.pub", cwd=other)
        return other

    def test_signatures_go_with_what_they_are_about(self) -> None:
        self.mlrepo("tag", "--sign", "v1")
        self.mlrepo("branch", "aside")
        self.mlrepo("push")
        self.assertEqual(len(self.statements(self.root / "store")), 1, "the tag did not go")
        self.mlrepo("push", "origin", "v1")
        self.assertEqual(len(self.statements(self.root / "store")), 2)
        other = self.cloned()
        self.assertEqual(self.verdicts("v1", cwd=other), ["good", "good"])
        self.version("Two")
        self.mlrepo("push")
        self.mlrepo("pull", cwd=other)
        self.assertEqual(self.verdicts(cwd=other), ["good"])
        # A tag that is gone is signed by nobody.
        self.mlrepo("tag", "-d", "v1", cwd=other)
        self.assertEqual(self.verdicts("HEAD~1", cwd=other), ["good"])
        self.assertEqual(self.mlrepo("push", cwd=other).strip(), "origin has it all")
        for place in (self.work, self.root / "store", other):
            self.mlrepo("fsck", cwd=place)

    def test_what_is_not_pushed_is_not_told(self) -> None:
        self.mlrepo("push")
        self.mlrepo("checkout", "-b", "secret")
        self.version("Two")
        self.assertEqual(self.mlrepo("push", "origin", "main").strip(), "origin has it all")
        self.assertEqual(len(self.statements(self.root / "store")), 1)

    def test_bundles_take_them_along(self) -> None:
        self.mlrepo("tag", "v1")
        self.version("Two")
        self.mlrepo("bundle", "../all.bundle", "main")
        self.assertIn("2 signatures", self.mlrepo("bundle", "../all2.bundle", "main"))
        self.assertIn("1 signature", self.mlrepo("bundle", "../new.bundle", "main", "--since", "v1"))
        self.mlrepo("clone", "all.bundle", "other", cwd=self.root)
        other = self.root / "other"
        self.mlrepo("identity", "trust", "ada@example.com", f"{self.ada}.pub", cwd=other)
        self.assertEqual(self.verdicts("--all", cwd=other), ["good", "good"])

    def test_a_collection_leaves_them(self) -> None:
        self.version("Two")
        self.mlrepo("identity", "trust", "ada@example.com", f"{self.ada}.pub")
        self.mlrepo("gc", "--now")
        self.assertEqual(self.verdicts("--all"), ["good", "good"])
        self.mlrepo("fsck")

class Notes(SignatureTest):
    def setUp(self) -> None:
        super().setUp()
        self.ada = self.key("ada")
        self.mlrepo("identity", "use", str(self.ada))
        self.mlrepo("identity", "trust", "ada@example.com", f"{self.ada}.pub")
        self.version("One")

    def notes(self, *words: str, cwd=None) -> list[tuple[str, str]]:
        return [(one["text"], one["verdict"]) for one in json.loads(self.mlrepo("note", *words, "--json", cwd=cwd))]

    def test_a_note_on_a_file_belongs_to_its_content(self) -> None:
        self.mlrepo("note", "-m", "doubtful", "HEAD:a.txt")
        self.version("Two")
        self.assertEqual(self.notes("HEAD:a.txt"), [])
        self.assertNotIn("doubtful", self.mlrepo("blame", "a.txt"))
        (self.work / "b.txt").write_text("One")
        self.mlrepo("add", "b.txt")
        self.mlrepo("commit", "-m", "Again")
        self.assertEqual(self.notes("HEAD:b.txt"), [("doubtful", "good")])
        self.assertIn("Note on a.txt by Ada", self.mlrepo("blame", "b.txt"))
        self.assertIn("doubtful", self.mlrepo("log"))
        self.assertNotIn("doubtful", self.mlrepo("show"))
        # A remark is not somebody's word for a commit.
        self.mlrepo("verify", "--all", status=1)

    def test_notes_travel(self) -> None:
        self.mlrepo("run", "-q", "cat", "a.txt")
        run = "run:" + json.loads(self.mlrepo("runs", "--json").splitlines()[0])["run"]
        self.mlrepo("note", "-m", "on the run", run)
        self.mlrepo("note", "-m", "on the commit")
        self.mlrepo("remote", "add", "origin", "../store")
        self.mlrepo("push")
        other = self.root / "other"
        self.mlrepo("clone", "store", "other", cwd=self.root)
        self.mlrepo("identity", "trust", "ada@example.com", f"{self.ada}.pub", cwd=other)
        self.assertEqual(self.notes(cwd=other), [("on the commit", "good")])
        self.mlrepo("push", "origin", "--runs")
        self.mlrepo("note", "-m", "later", run, env={"MLREPO_NOW": "1763888401"})
        self.mlrepo("push")
        self.mlrepo("fetch", cwd=other)
        self.assertEqual(self.notes(run, cwd=other), [("on the run", "good"), ("later", "good")])
        self.assertIn("on the run", self.mlrepo("show", run, cwd=other))

    def test_what_is_remarked_changes_no_terminal(self) -> None:
        self.mlrepo("note", "-m", "red \x1b[31m\nand\u202e back")
        for words in (["note"], ["log"], ["show"]):
            told = self.mlrepo(*words)
            self.assertNotIn("\x1b", told)
            self.assertNotIn("\u202e", told)
        self.refused("note", "-m", "x" * 70_000, status=64, says="at most 65536 bytes")

    def test_undo_takes_a_note_back(self) -> None:
        self.mlrepo("note", "-m", "first")
        self.mlrepo("note", "-m", "second")
        self.mlrepo("undo")
        self.assertEqual(self.notes(), [("first", "good")])
        self.mlrepo("redo")
        self.assertEqual(len(self.notes()), 2)
        self.mlrepo("gc", "--now")
        self.assertEqual(len(self.notes()), 2)
        self.mlrepo("fsck")
        self.verify()


class Hostile(SignatureTest):
    """Statements that somebody else has put into a store."""

    def setUp(self) -> None:
        super().setUp()
        self.ada, self.mallory = self.key("ada"), self.key("mallory")
        self.evil = self.root / "evil"
        self.store = TinyStore(str(self.evil))
        self.tree = self.store.directory({b"a.txt": self.store.file(b"content\n")})
        self.commit, self.other = self.store.commit(self.tree), self.store.commit(self.tree, message="other")
        self.refs = {"branches/main": ("commit", self.commit), "branches/other": ("commit", self.other)}

    def body(self, kind: str = "commit", subject: bytes | None = None, **members) -> bytes:
        return canonical({"kind": kind, "signer": {"email": "ada@example.com", "name": "Ada"}, "time": 1,
                          "subject": {"id": (subject or self.commit).hex(), "kind": "commit"}, **members})

    def signature(self, body: bytes, key: Path | None = None, space: str = "mlrepo.commit") -> str:
        return self.ran("ssh-keygen", "-q", "-Y", "sign", "-n", space, "-f", key or self.ada, input=body).decode()

    def state(self, body: bytes, signature: str, subject: bytes | None = None) -> None:
        """A statement under a ref that says what it is about."""
        payload = canonical({"body": body.decode(), "signature": signature})
        word, about = json.loads(body)["kind"], (subject or self.commit).hex()
        self.refs[f"statements/{word}/commit/{about}/{make_id('statement', payload).hex()}"] = (
            "statement", self.store.put("statement", payload))

    def cloned(self, status: int = 0) -> Path:
        self.store.operate(self.store.refs(self.refs))
        self.mlrepo("clone", "-b", "main", "evil", "clone", cwd=self.root, status=status)
        clone = self.root / "clone"
        if status == 0:
            self.mlrepo("identity", "trust", "ada@example.com", f"{self.ada}.pub", cwd=clone)
        return clone

    def found(self, *statements) -> list[str]:
        for statement in statements:
            self.state(*statement)
        clone = self.cloned()
        verified = self.run_raw("verify", "--json", cwd=clone)
        answer = json.loads(verified.stdout)["commits"][0]
        verdicts = [one["verdict"] for one in answer["signatures"]]
        self.assertEqual((verified.returncode, answer["verified"]), (0, True) if "good" in verdicts else (1, False))
        self.mlrepo("fsck", cwd=clone)
        return verdicts

    def test_one_that_is_sound(self) -> None:
        body = self.body()
        self.assertEqual(self.found((body, self.signature(body))), ["good"])

    def test_a_key_that_nobody_knows(self) -> None:
        body = self.body()
        self.assertEqual(self.found((body, self.signature(body, self.mallory))), ["unknownKey"])

    def test_a_signature_of_something_else(self) -> None:
        body = self.body()
        self.assertEqual(self.found((body, self.signature(self.body(time=2)))), ["forged"])

    def test_a_signature_for_something_else(self) -> None:
        body = self.body()
        self.assertEqual(self.found((body, self.signature(body, space="git"))), ["otherNamespace"])

    def test_a_sound_one_beside_a_forged_one(self) -> None:
        body, later = self.body(), self.body(time=2)
        self.assertEqual(self.found((body, self.signature(later)), (later, self.signature(later))), ["forged", "good"])

    def test_what_is_said_of_another_commit(self) -> None:
        body = self.body(subject=self.other)
        self.assertEqual(self.found((body, self.signature(body), self.commit)), [])

    def test_a_tag_that_is_not_there_or_another_one(self) -> None:
        self.refs["tags/v1"] = ("commit", self.other)
        bodies = [self.body("tag", name=name) for name in ("v1", "v2", "../x", "")]
        self.assertEqual(self.found(*((body, self.signature(body, space="mlrepo.tag")) for body in bodies)), [])

    def test_words_of_a_later_version_vouch_for_nothing(self) -> None:
        body = self.body("recall", reason="poisoned")
        self.assertEqual(self.found((body, self.signature(body, space="mlrepo.recall"))), [])

    def test_somebody_else_in_her_name(self) -> None:
        body = self.body()
        self.state(body, self.signature(body, self.mallory))
        clone = self.cloned()
        self.mlrepo("identity", "trust", "mallory@example.com", f"{self.mallory}.pub", cwd=clone)
        self.assertEqual(self.verdicts(cwd=clone, status=1), ["otherPerson"])

    def test_what_is_no_signature(self) -> None:
        sound = self.signature(self.body())
        texts = ["", "x" * 500_000, sound[:100], sound.replace("SSHSIG", ""), sound + sound, "\x1b[31m" + sound,
                 "\n".join([sound.split("\n")[0], "A" * 100_000, sound.split("\n")[-2], ""]),
                 sound.replace("AAAA", "////", 1)]
        verdicts = self.found(*((self.body(time=number), text) for number, text in enumerate(texts)))
        self.assertEqual(set(verdicts) - {"forged"}, {"malformed"})
        self.assertEqual(len(verdicts), len(texts))
        self.mlrepo("log", "--show-signature", cwd=self.root / "clone")
        self.assertNotIn("\x1b", self.stderr)

    def test_names_that_would_change_the_terminal(self) -> None:
        body = self.body(signer={"email": "ada@example.com", "name": "A\u202eda\u001b".replace("\u001b", "")})
        self.state(body, self.signature(body))
        clone = self.cloned()
        self.assertNotIn("\u202e", self.mlrepo("verify", cwd=clone))

    def test_what_is_no_statement_is_not_taken(self) -> None:
        for payload in (b"", b"{}", canonical({"body": "{}", "signature": ""}), b'{"signature":"","body":""}',
                        canonical({"body": self.body().decode() + " ", "signature": ""})):
            with self.subTest(payload=payload):
                self.tearDown()
                self.doCleanups()
                self.setUp()
                self.refs[f"statements/commit/commit/{self.commit.hex()}/{make_id('statement', payload).hex()}"] = (
                    "statement", self.store.put("statement", payload))
                self.cloned(status=65)
                self.assertFalse((self.root / "clone").exists())

    def test_a_ref_that_names_another_statement_is_not_taken(self) -> None:
        body = self.body()
        self.state(body, self.signature(body))
        name = next(name for name in self.refs if name.startswith("statements/"))
        self.refs[name[:-4] + "0000"] = self.refs.pop(name)
        self.cloned(status=65)


if __name__ == "__main__":
    unittest.main()
