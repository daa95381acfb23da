"""Models: what becomes of files of tensors from the command line."""
import collections
import io
import json
import pickle
import random
import struct
import subprocess
import sys
import types
import unittest.mock
import zipfile
from pathlib import Path

from jsonschema import Draft202012Validator

from command_test import READER, CommandTest

SCHEMAS = Path(__file__).parents[2] / "Documentation/Schemas"


def validate(name: str, document: object) -> None:
    Draft202012Validator(json.loads((SCHEMAS / f"{name}.schema.json").read_text())).validate(document)


SHAPES = {"layer.weight": (256, 320), "layer.norm": (320,), "head.weight": (256, 320)}


class Models(CommandTest):
    def setUp(self) -> None:
        super().setUp()
        self.random = random.Random(20261128)
        self.mlrepo("init")

    def weights(self) -> dict:
        """Values of bfloat16 tensors, by name."""
        return {name: [self.random.gauss(0, 0.03) for _ in range(shape[0] * (shape[1] if len(shape) > 1 else 1))]
                for name, shape in SHAPES.items()}

    def trained(self, weights: dict, step: float = 0.01) -> dict:
        return {name: [value * (1 + self.random.gauss(0, step)) for value in values] for name, values in weights.items()}

    def model(self, weights: dict, prefix: str = "", note: str = "", type_name: str = "") -> bytes:
        """A safetensors file: of float32, or of bfloat16, rounded if that is said, else cut off."""
        header, data = {"__metadata__": {"note": note}}, b""
        for name, values in weights.items():
            content = struct.pack(f"<{len(values)}f", *values)
            if type_name == "F32":
                part = content
            else:
                bits = struct.unpack(f"<{len(values)}I", content)
                up = [0x7fff + (number >> 16 & 1) if type_name else 0 for number in bits]
                part = struct.pack(f"<{len(values)}H", *(number + more >> 16 for number, more in zip(bits, up)))
            header[prefix + name] = {"dtype": type_name or "BF16", "shape": SHAPES[name], "data_offsets": [len(data), len(data) + len(part)]}
            data += part
        text = json.dumps(header).encode()
        return struct.pack("<Q", len(text)) + text + data

    def put(self, path: str, content: bytes) -> None:
        (self.work / path).parent.mkdir(parents=True, exist_ok=True)
        (self.work / path).write_bytes(content)

    def commit(self, path: str, content: bytes, *options: str) -> tuple[str, int]:
        """The commit's id, and what the packs grew by."""
        before = self.stats()["packBytes"]
        self.put(path, content)
        self.mlrepo("add", path)
        self.mlrepo("commit", "-m", path, *options)
        return self.mlrepo("resolve", "HEAD").strip(), self.stats()["packBytes"] - before

    def stats(self) -> dict:
        return json.loads(self.mlrepo("stats", "--json"))

    def test_a_model_and_its_next_versions(self) -> None:
        weights = self.weights()
        files, commits, growths = [], [], []
        for step in range(3):
            files.append(self.model(weights, note=str(step)))
            commit, growth = self.commit("model.safetensors", files[-1])
            commits.append(commit)
            growths.append(growth)
            weights = self.trained(weights)
        self.assertLess(growths[0], 0.72 * len(files[0]))
        self.assertLess(growths[1], 0.5 * len(files[1]))
        self.assertIn("tensor-base", self.mlrepo("stats"))
        for commit, content in zip(commits, files):
            self.mlrepo("checkout", commit)
            self.assertEqual((self.work / "model.safetensors").read_bytes(), content)
        self.assertIn("no damage", self.mlrepo("fsck"))
        reader = subprocess.run(
            [sys.executable, str(READER), "verify", "--cuts", str(self.work / ".mlrepo")], capture_output=True, text=True)
        self.assertEqual(reader.returncode, 0, reader.stdout + reader.stderr)

    def test_explain_says_how_each_file_is_stored(self) -> None:
        weights = self.weights()
        wide = self.model(weights, type_name="F32")
        self.put("b.f32.safetensors", wide)
        self.put("a.bf16.safetensors", self.model(weights, type_name="BF16"))
        self.put("c.f32.safetensors", wide)
        self.put("notes", b"small\n")
        self.mlrepo("add", ".")
        self.mlrepo("commit", "-m", "pair")
        self.put("b.f32.safetensors", self.model(self.trained(weights), type_name="F32"))
        self.mlrepo("commit", "-m", "trained")
        lines = [json.loads(line) for line in self.mlrepo("stats", "--explain", "--json").splitlines()]
        files = {line["path"]: line for line in lines}
        self.assertEqual(list(files), ["a.bf16.safetensors", "b.f32.safetensors", "c.f32.safetensors", "notes"])
        for line in lines:
            validate("stats", line)
            raw = sum(way["rawBytes"] for way in line["byCodec"].values()) + line["again"]["rawBytes"]
            self.assertEqual(raw, line["rawBytes"])
            self.assertEqual(sum(way["storedBytes"] for way in line["byCodec"].values()), line["storedBytes"])
        cast = files["a.bf16.safetensors"]["byCodec"]["cast"]
        self.assertLess(cast["storedBytes"], 2000)
        self.assertGreater(cast["bases"], 1)
        self.assertIn("tensor-base", files["b.f32.safetensors"]["byCodec"])
        self.assertIn("tensor", files["c.f32.safetensors"]["byCodec"])
        # At the version before both are the same file.
        before = [json.loads(line) for line in self.mlrepo("stats", "--explain", "--json", "--at", "HEAD~1").splitlines()]
        self.assertEqual(before[2]["byCodec"], {})
        self.assertEqual(before[2]["again"]["rawBytes"], len(wide))
        text = self.mlrepo("stats", "--explain", "a.bf16.safetensors")
        self.assertIn("  cast        2 pieces, ", text)
        self.assertIn(", upon ", text)
        self.refused("stats", "--explain", "missing", status=66, says="missing")
        validate("stats", self.stats())

    def test_a_dry_run_says_what_a_commit_then_stores(self) -> None:
        weights = self.weights()
        self.put("f32.safetensors", self.model(weights, type_name="F32"))
        self.put("gone", b"x")
        self.mlrepo("add", ".")
        first = json.loads(self.mlrepo("commit", "--dry-run", "--json"))
        self.assertEqual([entry["state"] for entry in first["entries"]], ["added", "added"])
        self.mlrepo("commit", "-m", "One")
        trained = self.trained(weights)
        self.put("f32.safetensors", self.model(trained, type_name="F32"))
        self.put("bf16.safetensors", self.model(trained, type_name="BF16"))
        (self.work / "gone").unlink()
        self.put("new", b"some text\n" * 100)
        self.mlrepo("add", ".")
        before = (self.tree(self.work), self.tree(self.work / ".mlrepo"))
        text = self.mlrepo("commit", "--dry-run", "--deleted")
        plan = json.loads(self.mlrepo("commit", "--dry-run", "--deleted", "--json"))
        self.assertEqual((self.tree(self.work), self.tree(self.work / ".mlrepo")), before, "nothing has changed, and nothing is left")
        validate("commit", plan)
        self.assertEqual([(entry["path"], entry["state"]) for entry in plan["entries"]], [
            ("bf16.safetensors", "added"), ("f32.safetensors", "modified"), ("gone", "deleted"), ("new", "added")])
        self.assertIn("    cast        2 pieces", text)
        self.assertIn("Nothing is committed: ", text)
        validate("commit", json.loads(self.mlrepo("commit", "-m", "Two", "--deleted", "--json")))
        stored = {line["path"]: line for line in map(json.loads, self.mlrepo("stats", "--explain", "--json").splitlines())}
        for entry in plan["entries"]:
            if entry["state"] == "deleted":
                continue
            there = stored[entry["path"]]
            # Of what the store had before, only the commit says so.
            if not entry["again"]["pieces"]:
                self.assertEqual((there["byCodec"], there["storedBytes"]), (entry["byCodec"], entry["storedBytes"]))
            self.assertEqual(there["byCodec"].get("tensor-base"), entry["byCodec"].get("tensor-base"))
        self.assertIn("No file has changed", self.mlrepo("commit", "--dry-run"))

    def damage(self, codec: int) -> None:
        """Flips a bit in the stored bytes of each frame of a codec."""
        for pack in (self.work / ".mlrepo/packs").rglob("*.pack"):
            content = bytearray(pack.read_bytes())
            at = 0
            while content[at:at + 4] == b"MLF1":
                padding, table, stored = struct.unpack_from("<HII", content, at + 6)
                end = at + 28 + table + padding + stored
                if content[at + 4] == codec:
                    content[end - stored // 2] ^= 1
                at = end
            pack.chmod(0o644)
            pack.write_bytes(content)

    def test_a_repair_saves_what_rests_on_a_file_of_the_working_copy(self) -> None:
        weights = self.weights()
        wide, rounded = self.model(weights, type_name="F32"), self.model(weights, type_name="BF16")
        self.put("f32.safetensors", wide)
        self.put("bf16.safetensors", rounded)
        self.mlrepo("add", ".")
        self.mlrepo("commit", "-m", "Pair")
        self.damage(3)
        (self.work / "bf16.safetensors").unlink()
        text = self.mlrepo("fsck", "--repair")
        self.assertIn("taken from the working copy: f32.safetensors", text)
        self.assertIn("told by these, and saved as well: 2 objects", text)
        self.assertIn("no damage", self.mlrepo("fsck"))
        self.mlrepo("restore", "bf16.safetensors")
        self.assertEqual((self.work / "bf16.safetensors").read_bytes(), rounded)

    def test_a_repair_takes_files_that_have_lost_their_base(self) -> None:
        weights = self.weights()
        self.commit("f32.safetensors", self.model(weights, type_name="F32"))
        weights = self.trained(weights)
        files = {"f32.safetensors": self.model(weights, type_name="F32"), "bf16.safetensors": self.model(weights, type_name="BF16")}
        for name, content in files.items():
            self.put(name, content)
        self.mlrepo("add", ".")
        self.mlrepo("commit", "-m", "Trained")
        self.damage(3)
        text = self.mlrepo("fsck", "--repair", status=1)
        self.assertIn("what it is told by is lost", text)
        for name in files:
            self.assertIn(f"taken from the working copy: {name}", text)
        self.mlrepo("checkout", "HEAD", "--to", str(self.work.parent / "copy"))
        for name, content in files.items():
            self.assertEqual((self.work.parent / "copy" / name).read_bytes(), content)

    def test_a_fine_tune_is_told_by_the_model_that_was_read(self) -> None:
        weights = self.weights()
        self.commit("base/model.safetensors", self.model(weights))
        tuned = self.model(self.trained(weights, 0.002), prefix="model.")
        _, growth = self.commit("tuned/out.safetensors", tuned, "--input", "base/model.safetensors")
        self.assertLess(growth, 0.4 * len(tuned))
        other = self.model(self.trained(weights, 0.002), prefix="model.")
        _, growth = self.commit("elsewhere/another.safetensors", other)
        self.assertGreater(growth, 0.6 * len(other), "nobody said what it came from")

    def test_a_fine_tune_is_told_by_a_model_that_comes_in_the_same_commit(self) -> None:
        weights = self.weights()
        tuned = self.model(self.trained(weights, 0.002), prefix="model.")
        for base in ["zoo/model.safetensors", "zoo"]:
            with self.subTest(base):
                self.put("zoo/model.safetensors", self.model(weights))
                self.put("a/tuned.safetensors", tuned)
                self.mlrepo("add", "zoo", "a")
                plan = json.loads(self.mlrepo("commit", "--dry-run", "--json", "--input", base))
                stored = {entry["path"]: entry["storedBytes"] for entry in plan["entries"]}
                self.assertLess(stored["a/tuned.safetensors"], 0.4 * len(tuned))
                plan = json.loads(self.mlrepo("commit", "--dry-run", "--json"))
                stored = {entry["path"]: entry["storedBytes"] for entry in plan["entries"]}
                self.assertGreater(stored["a/tuned.safetensors"], 0.6 * len(tuned), "nobody said what it came from")
        self.mlrepo("commit", "-m", "Both", "--input", "zoo")
        self.mlrepo("checkout", "HEAD", "--to", str(self.work.parent / "copy"))
        self.assertEqual((self.work.parent / "copy/a/tuned.safetensors").read_bytes(), tuned)

    def test_a_dry_run_refuses_the_inputs_and_outputs_that_a_commit_refuses(self) -> None:
        self.put("data/a", b"a")
        self.put("elsewhere/b", b"b")
        self.mlrepo("add", "data")
        for words in [["--dry-run"], ["-m", "x"]]:
            self.refused("commit", *words, "--input", "elsewhere", status=66, says="elsewhere is not tracked")
            self.refused("commit", *words, "--output", "elsewhere/b", status=66, says="elsewhere/b is not tracked")
            self.refused("commit", *words, "--output", "nothing", status=66, says="no file or directory 'nothing'")
            self.refused("commit", *words, "--input", "/etc/hostname", status=64, says="then mlrepo add")

    def test_a_dry_run_names_a_hundred_files(self) -> None:
        for number in range(103):
            self.put(f"data/{number:03}", b"%d" % number)
        self.mlrepo("add", "data")
        text = self.mlrepo("commit", "--dry-run")
        self.assertEqual(text.count("  added "), 100)
        self.assertIn("  and 3 more (--json names all)\n", text)
        self.assertEqual(len(json.loads(self.mlrepo("commit", "--dry-run", "--json"))["entries"]), 103)

    def test_a_model_that_was_cut_short_is_named_and_kept_as_it_is(self) -> None:
        whole = self.model(self.weights())
        short, long = whole[:300_000], whole + bytes(8)
        self.put("m/model.safetensors", short)
        self.put("m/long.safetensors", long)
        self.put("m/whole.safetensors", whole)
        self.mlrepo("add", "m")
        for words in [["--dry-run"], ["--dry-run", "--json"], ["-m", "x"]]:
            ended = self.run_raw("commit", *words)
            said = ended.stderr.decode()
            self.assertEqual(ended.returncode, 0)
            self.assertIn(
                f"warning: m/model.safetensors has 300,000 bytes, by its header it should have {len(whole):,}: it was cut short, or is still being written",
                said)
            self.assertIn(f"warning: m/long.safetensors has {len(long):,} bytes, by its header it should have {len(whole):,}: something was appended", said)
            self.assertEqual(said.count("warning"), 2)
        self.mlrepo("checkout", "HEAD", "--to", str(self.work.parent / "copy"))
        self.assertEqual((self.work.parent / "copy/m/model.safetensors").read_bytes(), short)

    def test_a_base_outlives_the_branch_that_made_it(self) -> None:
        self.commit("notes", b"first\n")
        weights = self.weights()
        self.mlrepo("checkout", "-b", "try")
        self.commit("model.safetensors", self.model(weights))
        tuned = self.model(self.trained(weights))
        self.mlrepo("tag", "base")
        kept, _ = self.commit("model.safetensors", tuned)
        self.mlrepo("tag", "tuned")
        # The base's file goes from every version that is named, by a new history of the tuned one.
        self.mlrepo("checkout", "main")
        self.mlrepo("checkout", kept, "--", "model.safetensors")
        self.mlrepo("add", "model.safetensors")
        self.mlrepo("commit", "-m", "Only the tuned one")
        self.mlrepo("tag", "--delete", "base")
        self.mlrepo("tag", "--delete", "tuned")
        self.mlrepo("branch", "--delete", "try")
        self.mlrepo("gc", "--now")
        self.assertIn("no damage", self.mlrepo("fsck"))
        (self.work / "model.safetensors").unlink()
        self.mlrepo("restore", "model.safetensors")
        self.assertEqual((self.work / "model.safetensors").read_bytes(), tuned)

    def test_maintenance_tells_versions_by_the_nearest(self) -> None:
        self.assertEqual(self.mlrepo("maintenance"), "Nothing to do: no tensor is there in several versions\n")
        weights, files, commits = self.weights(), [], []
        for step in range(7):
            files.append(self.model(weights, note=str(step)))
            commits.append(self.commit("model.safetensors", files[-1])[0])
            weights = self.trained(weights, 0.02)
        before = self.stats()["packBytes"]
        self.assertRegex(self.mlrepo("maintenance", "--plan"), r"^Would code [0-9]+ of 14 tensors anew: about [0-9.]+ [KM]B of [0-9.]+ [KM]B less; packs of .* are written anew\n$")
        plan = json.loads(self.mlrepo("maintenance", "--plan", "--json"))
        self.assertEqual(plan, json.loads(self.mlrepo("maintenance", "--dry-run", "--json")))
        validate("maintenance", plan)
        self.assertEqual(self.stats()["packBytes"], before)
        done = json.loads(self.mlrepo("maintenance", "--json"))
        validate("maintenance", done)
        self.assertEqual({key: plan[key] for key in ("tensors", "bytes", "unreadable")}, {key: done[key] for key in ("tensors", "bytes", "unreadable")})
        self.assertEqual(done["saving"], done["replacedBytes"] - done["writtenBytes"])
        self.assertLessEqual(1, done["changed"])
        self.assertLessEqual(done["changed"], plan["changed"])
        self.assertLess(done["writtenBytes"], done["replacedBytes"] * 0.98)
        self.assertLess(self.stats()["packBytes"], before * 0.98)
        self.assertIn("no damage", self.mlrepo("fsck"))
        self.assertRegex(self.mlrepo("maintenance"), "^Nothing to do: of 14 tensors there are several versions, in .*; nearer bases would save next to nothing\n$")
        self.assertIn("maintenance", self.mlrepo("operations"))
        read = subprocess.run(
            [sys.executable, str(READER), "verify", "--cuts", str(self.work / ".mlrepo")], capture_output=True, text=True, check=False)
        self.assertEqual(read.returncode, 0, read.stdout + read.stderr)
        self.mlrepo("gc", "--now")
        for commit, file in zip(commits, files):
            self.mlrepo("checkout", commit)
            self.assertEqual((self.work / "model.safetensors").read_bytes(), file)
        # An operation that moves nothing is nothing to take back.
        self.mlrepo("checkout", "main")
        self.mlrepo("undo")
        self.assertEqual((self.work / "model.safetensors").read_bytes(), files[-1])

    def archive(self, weights: dict) -> bytes:
        """The weights as PyTorch's `save` writes them, by the pickle of stand-ins for its classes."""
        names = {"torch": ["FloatStorage"], "torch._utils": ["_rebuild_tensor_v2"]}
        modules = {name: types.ModuleType(name) for name in names}
        for name, members in names.items():
            for member in members:
                value = type(member, (), {"__module__": name})
                setattr(modules[name], member, value)
        storage, rebuild = modules["torch"].FloatStorage, modules["torch._utils"]._rebuild_tensor_v2
        data = {}

        class Tensor:
            def __init__(self, key: str, shape: tuple, count: int) -> None:
                self.key, self.shape, self.count = key, shape, count

            def __reduce__(self) -> tuple:
                strides = (self.shape[1], 1) if len(self.shape) > 1 else (1,)
                return rebuild, (Storage(self.key, self.count), 0, self.shape, strides, False, collections.OrderedDict())

        class Storage:
            def __init__(self, key: str, count: int) -> None:
                self.key, self.count = key, count

        class Pickler(pickle.Pickler):
            def persistent_id(self, value: object) -> tuple | None:
                return ("storage", storage, value.key, "cpu", value.count) if isinstance(value, Storage) else None

        state = collections.OrderedDict()
        for key, (name, values) in enumerate(weights.items()):
            data[str(key)] = struct.pack(f"<{len(values)}f", *values)
            state[name] = Tensor(str(key), SHAPES[name], len(values))
        stream, file = io.BytesIO(), io.BytesIO()
        with unittest.mock.patch.dict(sys.modules, modules):
            Pickler(stream, protocol=2).dump({"model": state, "epoch": 3})
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("model/data.pkl", stream.getvalue())
            archive.writestr("model/byteorder", "little")
            for key, content in data.items():
                archive.writestr(f"model/data/{key}", content)
        return file.getvalue()

    def test_files_of_pytorch_are_cut_by_tensor_and_share_them_with_others(self) -> None:
        weights = self.weights()
        first = self.archive(weights)
        _, growth = self.commit("model.pt", first)
        self.assertLess(growth, 0.9 * len(first))
        weights = self.trained(weights)
        second = self.archive(weights)
        kept, growth = self.commit("model.pt", second)
        self.assertLess(growth, 0.75 * len(second))
        self.assertIn("tensor-base", self.mlrepo("stats", "--explain", "model.pt"))
        same = self.model(weights, type_name="F32")
        _, growth = self.commit("model.safetensors", same)
        self.assertLess(growth, 0.02 * len(same))
        for revision, content in [("HEAD~2", first), (kept, second)]:
            self.mlrepo("checkout", revision)
            self.assertEqual((self.work / "model.pt").read_bytes(), content)
        self.assertIn("no damage", self.mlrepo("fsck"))

    def test_what_only_looks_like_a_model_is_kept_as_it_is(self) -> None:
        sound = self.model(self.weights())
        length = struct.unpack("<Q", sound[:8])[0]
        lies = {
            "longer": sound + b"x", "shorter": sound[:-1], "overlap": sound.replace(b"[0, 163840]", b"[0, 163841]"),
            "huge": struct.pack("<Q", 2**63) + sound[8:], "cut": sound[:8] + sound[8:8 + length - 1] + b"{" + sound[8 + length:],
            "type": sound.replace(b'"BF16"', b'"F4__"', 1), "name": sound.replace(b"layer.norm", b"layer\\nnor"),
        }
        for name, content in lies.items():
            self.put(f"m/{name}.safetensors", content)
        self.mlrepo("add", "m")
        self.mlrepo("commit", "-m", "Lies")
        self.assertIn("no damage", self.mlrepo("fsck"))
        for name, content in lies.items():
            (self.work / f"m/{name}.safetensors").unlink()
        self.mlrepo("restore", "m")
        for name, content in lies.items():
            self.assertEqual((self.work / f"m/{name}.safetensors").read_bytes(), content, name)
