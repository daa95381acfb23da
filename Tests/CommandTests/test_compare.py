"""What is compared, and with what data metrics were measured."""
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import termios

from command_test import MLREPO
from test_run import PYTHON, RunTest


class Compared(RunTest):
    """Models that are made of data/a.txt and tested on data/c.txt by another run."""

    def setUp(self) -> None:
        super().setUp()
        self.script("train.py", """
            import json, os, sys
            rate = float(sys.argv[2])
            rows = open("data/a.txt").read()
            os.makedirs("model", exist_ok=True)
            open("model/weights.txt", "w").write(f"{rate} {len(rows)}")
            json.dump({"loss": 1 / (1 + rate)}, open("metrics.json", "w"))
            """)
        self.script("test.py", """
            import json, sys
            rate = float(open("model/weights.txt").read().split()[0])
            for name in sys.argv[1:] or ["data/c.txt"]:
                rows = open(name).read()
            json.dump({"acc": rate, "deep": {"rows": len(rows)}}, open("test.json", "w"))
            """)

    def train(self, rate: float) -> str:
        answer = json.loads(self.mlrepo("run", "--json", "-m", f"Rate {rate}", PYTHON, "train.py", "--lr", str(rate)))
        return answer["run"]["name"]

    def measured(self, *words: str) -> str:
        return self.observed("--metrics", "test.json", PYTHON, "test.py", *words)["name"]

    def compared(self, *words: str) -> dict:
        return json.loads(self.mlrepo("compare", "--json", *words))

    def metrics(self, *words: str) -> dict:
        return {metric["name"]: metric for metric in self.compared(*words)["metrics"]}

    def change(self, name: str, text: str) -> None:
        self.write(name, text)
        self.mlrepo("commit", "--quiet", "-m", f"Other {name}", name)

    def test_metrics_of_a_test_belong_to_the_model_with_the_data(self) -> None:
        for rate in (0.25, 0.5):
            self.train(rate)
            self.measured()
        metrics = self.metrics("HEAD~1", "HEAD")
        self.assertEqual(metrics["acc"], {"name": "acc", "values": [0.25, 0.5], "comparable": True, "on": ["data/c.txt"]})
        self.assertEqual(metrics["deep.rows"]["values"], [6, 6])
        self.assertEqual(metrics["loss"], {"name": "loss", "values": [0.8, 1 / 1.5], "comparable": True})
        self.assertRegex(self.mlrepo("show"), r"tested by  run .* acc=0.5 deep.rows=6  on data/c.txt")
        self.assertRegex(self.mlrepo("blame", "model/weights.txt"), "\ntested by  run .* acc=0.5")
        self.assertNotIn("tested by", self.mlrepo("blame", "metrics.json"))

    def test_another_test_set_is_named(self) -> None:
        self.train(0.25)
        self.measured()
        self.change("data/c.txt", "other rows\n")
        self.train(0.5)
        self.measured()
        metrics = self.metrics("HEAD~2", "HEAD")
        self.assertEqual((metrics["acc"]["comparable"], metrics["acc"]["why"]), (False, "different data (data/c.txt)"))
        self.assertTrue(metrics["loss"]["comparable"])
        self.assertIn("* not comparable: acc on data/c.txt, deep.rows on data/c.txt: different data (data/c.txt)",
                      self.mlrepo("compare", "HEAD~2", "HEAD"))
        # Tested again on the same, it is comparable.
        self.mlrepo("checkout", "--quiet", "HEAD~2", "--", "model")
        self.measured()
        self.assertIn({"name": "acc", "values": [0.25, 0.5], "comparable": True, "on": ["data/c.txt"]},
                      self.compared("HEAD~2", "HEAD")["metrics"])

    def test_other_data_of_a_training_is_named_by_diff_too(self) -> None:
        self.train(0.25)
        self.change("data/a.txt", "other rows\n")
        self.train(0.5)
        self.assertIn("loss  0.8 -> 0.6666666666666666  not comparable: different data (data/a.txt)",
                      self.mlrepo("diff", "HEAD~2", "HEAD"))
        self.assertFalse(self.metrics("HEAD~2", "HEAD")["loss"]["comparable"])
        # What was not read makes no difference.
        self.change("data/b.txt", "other rows\n")
        self.train(0.75)
        self.assertNotIn("not comparable", self.mlrepo("diff", "HEAD~2", "HEAD"))

    def test_only_the_data_that_is_named_may_count(self) -> None:
        self.train(0.25)
        self.measured("data/b.txt", "data/c.txt")
        self.change("data/b.txt", "other rows\n")
        self.train(0.5)
        self.measured("data/b.txt", "data/c.txt")
        self.assertFalse(self.metrics("HEAD~2", "HEAD")["acc"]["comparable"])
        self.assertTrue(self.metrics("HEAD~2", "HEAD", "--on", "data/c.txt")["acc"]["comparable"])

    def test_the_same_bytes_under_another_name_are_the_same_data(self) -> None:
        self.train(0.25)
        self.measured()
        self.mlrepo("mv", "data/c.txt", "data/test.txt")
        self.mlrepo("commit", "--quiet", "-m", "Moved")
        self.train(0.5)
        self.measured("data/test.txt")
        self.assertTrue(self.metrics("HEAD~2", "HEAD")["acc"]["comparable"])

    def test_two_test_sets_have_two_lines(self) -> None:
        for rate in (0.25, 0.5):
            self.train(rate)
            self.measured("data/b.txt")
            self.measured("data/c.txt")
        rows = [(metric["name"], metric["on"], metric["comparable"]) for metric in self.compared("HEAD~1", "HEAD")["metrics"]
                if metric["name"] == "acc"]
        self.assertEqual(sorted(rows), [("acc", ["data/b.txt"], True), ("acc", ["data/c.txt"], True)])

    def test_a_fine_tune_is_no_test_of_its_base(self) -> None:
        self.train(0.25)
        self.script("tune.py", """
            import json
            base = open("model/weights.txt").read()
            open("tuned.bin", "w").write(base + open("data/b.txt").read())
            json.dump({"loss": 0.1}, open("metrics.json", "w"))
            """)
        self.mlrepo("run", "--quiet", "-m", "Tuned", PYTHON, "tune.py")
        self.assertNotIn("tested by", self.mlrepo("blame", "-r", "HEAD~1", "model/weights.txt"))
        rows = {metric["model"]: metric["values"] for metric in self.compared("HEAD~1", "HEAD")["metrics"]}
        self.assertEqual(rows, {"model/weights.txt": [0.8, 0.8], "tuned.bin": [None, 0.1]})
        runs = [f"run:{json.loads(line)['run']}" for line in self.mlrepo("runs", "--json").splitlines()]
        self.assertEqual(self.metrics(*runs)["loss"]["why"], "different data (data/a.txt, data/b.txt)")

    def test_data_from_outside_counts(self) -> None:
        outside = self.root / "rows.txt"
        runs = []
        for text in ("one", "two"):
            outside.write_text(text)
            runs.append("run:" + self.observed("--metrics", "metrics.json", "sh", "-c",
                                               f"cat {outside} >/dev/null; echo '{{\"f1\": 1}}' >metrics.json")["name"])
        self.assertEqual(self.metrics(*runs)["f1"]["why"], f"different data ({outside})")

    def test_models_of_one_version_have_lines_of_their_own(self) -> None:
        self.script("fit.py", """
            import json, os, sys
            os.makedirs("models", exist_ok=True)
            open(f"models/{sys.argv[1]}.pkl", "w").write(sys.argv[2] + open("data/a.txt").read())
            """)
        self.script("score.py", """
            import json, sys
            value = open(f"models/{sys.argv[1]}.pkl").read().split("row")[0]
            open("data/c.txt").read()
            json.dump({"acc": float(value)}, open("test.json", "w"))
            """)
        def fit(name: str, value: float) -> None:
            self.mlrepo("run", "--quiet", "-m", f"{name} {value}", PYTHON, "fit.py", name, str(value))
            self.observed("--metrics", "test.json", PYTHON, "score.py", name)
        fit("tree", 0.5)
        fit("forest", 0.75)
        fit("tree", 0.25)
        rows = {metric.get("model"): metric["values"] for metric in self.compared("HEAD~1", "HEAD")["metrics"]}
        self.assertEqual(rows, {"models/forest.pkl": [0.75, 0.75], "models/tree.pkl": [0.5, 0.25]})
        self.assertIn("acc of models/tree.pkl on data/c.txt", self.mlrepo("compare", "HEAD~1", "HEAD"))
        # One model each is compared, whatever it is called.
        self.assertEqual([metric["values"] for metric in self.compared("HEAD~2")["metrics"]], [[0.5]])
        self.assertRegex(self.mlrepo("blame", "models"), "tested by .* of models/tree.pkl")

    def test_a_model_without_metrics_of_its_own_has_those_of_its_tests(self) -> None:
        for value in ("0.5", "0.75"):
            self.mlrepo("run", "--quiet", "-m", value, "sh", "-c", f"cat data/a.txt >/dev/null; echo {value} >model.bin")
            self.observed("--metrics", "test.json", "sh", "-c",
                          "cat data/c.txt >/dev/null; echo '{\"acc\": '$(cat model.bin)'}' >test.json")
        self.assertEqual(self.metrics("HEAD~1", "HEAD")["acc"]["values"], [0.5, 0.75])

    def test_a_test_of_another_model_is_none_of_this_version(self) -> None:
        self.train(0.25)
        self.measured()
        self.mlrepo("add", "test.json")
        self.mlrepo("commit", "--quiet", "-m", "Tested")
        self.mlrepo("run", "--quiet", "-m", "Other", PYTHON, "train.py", "--lr", "0.5")
        metrics = self.metrics("HEAD~1", "HEAD")
        self.assertEqual((metrics["acc"]["values"], metrics["loss"]["values"]), ([0.25, None], [0.8, 1 / 1.5]))

    def test_a_comparable_pair_is_found_where_there_is_one(self) -> None:
        self.train(0.25)
        self.measured()
        self.train(0.5)
        self.measured()
        self.change("data/c.txt", "other rows\n")
        self.measured()
        rows = [(metric["values"], metric["comparable"]) for metric in self.compared("HEAD~2", "HEAD~1")["metrics"]
                if metric["name"] == "acc"]
        self.assertCountEqual(rows, [([0.25, 0.5], True), ([None, 0.5], True)])

    def test_what_was_written_with_a_model_belongs_to_it(self) -> None:
        for value in (1, 2):
            self.mlrepo("run", "--quiet", "-m", str(value), "sh", "-c",
                        f"cat data/a.txt >/dev/null; echo {value} >clf.pkl; echo {value} >scaler.txt")
            self.observed("--metrics", "test.json", "sh", "-c",
                          f"cat clf.pkl scaler.txt data/c.txt >/dev/null; echo '{{\"acc\": {value}}}' >test.json")
        self.assertEqual(self.metrics("HEAD~1", "HEAD")["acc"],
                         {"name": "acc", "values": [1, 2], "comparable": True, "on": ["data/c.txt"]})

    def test_other_code_of_a_test_is_named(self) -> None:
        self.train(0.25)
        self.measured()
        self.write("test.py", (self.work / "test.py").read_text() + "# changed\n")
        self.train(0.5)
        self.measured()
        self.assertEqual(self.metrics("HEAD~1", "HEAD")["acc"]["otherCode"], ["test.py"])
        self.assertIn("measured with other code (test.py): acc on data/c.txt", self.mlrepo("compare", "HEAD~1", "HEAD"))

    def test_what_was_measured_on_other_data_is_left_out_where_some_is_named(self) -> None:
        runs = []
        for name in ("data/b.txt", "data/c.txt"):
            self.train(0.25)
            runs.append(f"run:{self.measured(name)}")
        self.assertEqual(self.metrics(*runs, "--on", "data/c.txt")["acc"]["values"], [None, 0.25])
        self.refused("compare", *runs, "--on", "data/d.txt", status=66, says="nothing was measured on data/d.txt")

    def test_files_that_changed_their_places_are_other_data(self) -> None:
        runs = []
        for first, second in (("x", "y"), ("y", "x")):
            self.write("data/a.txt", first)
            self.write("data/c.txt", second)
            runs.append("run:" + self.observed("sh", "-c", "cat data/*.txt >/dev/null; echo '{\"f1\": 1}' >metrics.json")["name"])
        self.assertEqual(self.metrics(*runs)["f1"]["why"], "different data (data/a.txt, data/c.txt)")

    def test_labels_that_are_called_like_a_model_count_where_somebody_says_so(self) -> None:
        runs = []
        for text in ("one", "two"):
            self.write("data/labels.npz", text)
            runs.append("run:" + self.observed(
                "sh", "-c", "cat data/a.txt data/labels.npz >/dev/null; echo '{\"f1\": 1}' >metrics.json")["name"])
        self.assertTrue(self.metrics(*runs)["f1"]["comparable"])
        self.assertEqual(self.metrics(*runs, "--on", "data/labels.npz")["f1"]["why"], "different data (data/labels.npz)")

    def test_what_was_changed_while_it_was_read_is_not_known(self) -> None:
        runs = []
        for text in ("one", "two"):
            self.write("rows.txt", text)
            runs.append("run:" + self.observed("sh", "-c", "cat data/a.txt rows.txt >/dev/null; echo x >rows.txt; "
                                               "echo '{\"f1\": 1}' >metrics.json")["name"])
        # What the run changes itself is copied before.
        self.assertEqual(self.metrics(*runs)["f1"].get("why"), "different data (rows.txt)")
        runs = []
        for text in ("one", "two"):
            self.write("rows.txt", text)
            other = subprocess.Popen(["sh", "-c", "until test -e seen; do sleep 0.02; done; echo other >rows.txt; mv seen done"], cwd=self.work)
            runs.append("run:" + self.observed("sh", "-c", "cat data/a.txt rows.txt >/dev/null; sleep 0.1; echo 1 >seen; "
                                               "until test -e done; do sleep 0.02; done; rm done; echo '{\"f1\": 1}' >metrics.json")["name"])
            self.assertEqual(other.wait(timeout=60), 0)
        self.assertEqual(self.metrics(*runs)["f1"].get("why"), "unknown data")

    def test_what_is_only_declared_may_be_unknown(self) -> None:
        for number in (1, 2):
            self.write("data/a.txt", f"{number}\n")
            self.mlrepo("commit", "--quiet", "-m", "By hand", "--metric", f"f1={number}")
        self.assertEqual(self.metrics("HEAD~1", "HEAD")["f1"],
                         {"name": "f1", "values": [1, 2], "comparable": True, "why": "unknown data"})
        self.assertIn("it is not known what f1 was measured on", self.mlrepo("compare", "HEAD~1", "HEAD"))

    def test_parameters_and_facts_that_differ_have_lines_and_others_none(self) -> None:
        (one, two) = ["run:" + self.observed("--param", f"lr={rate}", "--param", "seed=1", "--", PYTHON, "train.py", "--lr",
                                             "{lr}", "--seed={seed}")["name"] for rate in ("0.25", "0.5")]
        lines = self.mlrepo("compare", one, two).splitlines()
        self.assertEqual([line.split()[0] for line in lines], [one[:12], "params.lr", "loss", "the"])
        self.assertEqual(lines[-1], "the same: seed=1")
        answer = self.compared(one, two)
        self.assertEqual([(row["name"], row["values"]) for row in answer["different"] if row["name"] != "command"],
                         [("params.lr", [0.25, 0.5])])
        self.assertIn({"name": "params.seed", "value": 1}, answer["same"])

    def test_many_have_a_line_each_in_the_order_that_is_asked_for(self) -> None:
        for rate in (0.5, 0.125, 0.75, 1, 0.25):
            self.observed("--param", f"lr={rate}", "--", PYTHON, "train.py", "--lr", "{lr}")
        lines = self.mlrepo("compare", "--where", "loss > 0", "--sort", "lr").splitlines()
        self.assertEqual([line.split()[1] for line in lines[1:6]], ["0.125", "0.25", "0.5", "0.75", "1"])
        self.assertEqual(lines[0].split(), ["params.lr", "loss"])
        self.assertEqual(self.mlrepo("compare", "--where", "loss > 7"), "")

    def test_pictures(self) -> None:
        for rate in (1, 3, 0.25):
            self.observed("--param", f"lr={rate}", "--", PYTHON, "train.py", "--lr", "{lr}")
        bars = self.mlrepo("compare", "--where", "loss > 0", "--sort", "lr", "--plot", "loss").splitlines()
        self.assertEqual([(line.split()[1], line.count("█") // 5) for line in bars], [("0.8", 12), ("0.5", 7), ("0.25", 3)])
        field = self.mlrepo("compare", "--where", "loss > 0", "--plot", "lr:loss").splitlines()
        self.assertEqual((field[0], sum(line.count("•") for line in field)), ("loss", 3))
        self.assertRegex(field[-1], r"^ +0\.25 +lr +3$")
        self.assertLessEqual(max(map(len, field)), 80)
        self.assertEqual(len(self.mlrepo("compare", "--where", "loss > 0", "--plot", "seconds").splitlines()), 3)
        self.refused("compare", "--where", "loss > 0", "--plot", "nothing", status=66, says="none of them has nothing")

    def test_values_that_are_no_numbers_are_left_out_of_pictures(self) -> None:
        for value in ("nan", "inf", "-0.5", "text", "1e308", "-1e308", "5e-324"):
            self.observed("--param", f"x={value}", "--", "sh", "-c", "echo {x}")
        for plot, marks in (("x", 1), ("x:x", 3)):
            shown = self.mlrepo("compare", "--where", "state = ok", "--plot", plot)
            self.assertLessEqual(max(map(len, shown.splitlines())), 80)
            self.assertGreaterEqual(sum(map(shown.count, "•●█")), marks)

    def test_the_least_numbers_have_a_place_in_pictures(self) -> None:
        for value in ("5e-324", "0"):
            self.observed("--param", f"x={value}", "--", "sh", "-c", "echo {x}")
        for plot in ("x", "x:x"):
            self.assertTrue(self.mlrepo("compare", "--where", "state = ok", "--plot", plot))

    def test_a_table_that_is_wider_than_the_terminal_is_turned(self) -> None:
        runs = ["run:" + self.observed("--param", f"lr={rate}", "--", PYTHON, "train.py", "--lr", "{lr}")["name"]
                for rate in (0.25, 0.5, 0.75)]
        (master, slave) = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
        process = subprocess.Popen([MLREPO, "compare", *runs], cwd=self.work, env=self.environment, stdout=slave)
        process.wait(60)
        os.close(slave)
        shown = re.sub("\r", "", os.read(master, 65536).decode())
        os.close(master)
        self.assertEqual([line.split()[0] for line in shown.splitlines()[1:4]], [run[:12] for run in runs])

    def test_what_cannot_be_compared_is_refused(self) -> None:
        self.refused("compare", status=64, says="name what is to be compared")
        self.refused("compare", "nothing", status=66, says="no revision")
        self.refused("compare", "HEAD", "--where", "x", status=64, says="name none beside it")
        self.refused("compare", "--where", "x >", status=64, says="a value is missing")
        self.refused("compare", "HEAD", "--on", "../outside", status=64, says="outside")
        # A version alone is a table of one.
        self.assertIn("HEAD", self.mlrepo("compare", "HEAD"))
