"""Several processes that a launcher starts with one command, as `srun` and `mpirun` do: they make one run."""
import json
import os
import shutil
import signal
import subprocess
import time

from command_test import MLREPO
from test_provenance import ProvenanceTest


class Ranks(ProvenanceTest):
    """In one working copy."""

    def setUp(self) -> None:
        super().setUp()
        self.write("train.sh", """
            touch up$RANK
            eval "file=\\$1; shift"
            case $RANK in
            0) cat data/a.txt >model.bin;;
            1) until test -s model.bin; do sleep 0.05; done; cat model.bin data/b.txt >/dev/null; echo shard >shard1.bin;;
            2) cat data/c.txt >/dev/null; echo log >>data/b.txt;;
            esac
            echo "I am $RANK"; echo "error $RANK" >&2
            if [ "$RANK" = "$file" ]; then exit 3; fi
            if [ "$RANK.sleep" = "$file" ]; then sleep 60; fi
            """)

    def launch(self, rank: int, *words: str, job: str = "j1", count: int = 3) -> subprocess.Popen:
        process = subprocess.Popen(
            [MLREPO, "run", *words], cwd=self.work, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
            env={**self.environment, "MLREPO_JOB": job, "RANK": str(rank), "WORLD_SIZE": str(count)})
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(lambda: process.poll() is None and os.killpg(process.pid, signal.SIGKILL))
        return process

    def together(self, *words: str, **options) -> list[tuple[int, str, str]]:
        processes = [self.launch(rank, *words, **options) for rank in (2, 0, 1)]
        return [(process.returncode, *(text.decode() for text in told)) for process in (processes[1], processes[2], processes[0])
                if (told := process.communicate(timeout=60))]

    def all_runs(self) -> list[dict]:
        return [json.loads(line) for line in self.mlrepo("runs", "--json").splitlines()]

    def test_all_of_them_are_one_run(self) -> None:
        ended = self.together("sh", "train.sh", "none")
        self.assertEqual([(code, out) for (code, out, _) in ended], [(0, f"I am {rank}\n") for rank in range(3)])
        (run,) = self.all_runs()
        self.assertEqual(run["state"], "ok")
        self.assertIn(f"rank 1 of 3: rank 0 records the run, {run['run'][:8]}", ended[1][2])
        # What rank 0 made and rank 1 read was not there before; what rank 2 wrote into was, and its bytes are gone.
        self.assertEqual(self.inputs(run["run"]), ["data/a.txt", "data/b.txt", "data/c.txt"])
        self.assertEqual([file["path"] for file in run["outputs"]],
                         ["data/b.txt", "model.bin", "shard1.bin", "up0", "up1", "up2"])
        record = self.record(run["run"])
        self.assertEqual(record["ranks"], 3)
        self.assertNotIn("gaps", {name: value for name, value in record.items() if value})
        shown = self.mlrepo("cat", record["standardOutput"])
        self.assertEqual(shown, "I am 0\n--- rank 1\nI am 1\n--- rank 2\nI am 2\n")
        self.assertIn("3 processes", self.mlrepo("show", f"run:{run['run'][:8]}"))
        self.assertEqual(list((self.work / ".mlrepo/runs").iterdir()), [])
        self.refused("reproduce", "--yes", f"run:{run['run']}", status=64, says="3 processes that a launcher started")
        self.mlrepo("run", "--quiet", "--cached", "sh", "train.sh", "none")
        self.assertEqual(len(self.all_runs()), 2)
        self.verify()

    def test_a_run_of_a_rank_is_its_own(self) -> None:
        inner = f"cat data/a.txt >out$RANK; test $RANK = 1 || {MLREPO} run --quiet sh -c 'cat data/b.txt >inner'"
        ended = self.together("--quiet", "sh", "-c", inner)
        self.assertEqual([code for (code, _, _) in ended], [0, 0, 0], ended)
        self.assertEqual(sorted(len(run["outputs"]) for run in self.all_runs()), [1, 1, 4])

    def test_options_that_ranks_do_not_have_are_refused(self) -> None:
        process = self.launch(1, "--cached", "true")
        told = process.communicate(timeout=60)[1].decode()
        self.assertEqual(process.returncode, 125)
        self.assertIn("not with --scratch, --cached or --resume", told)
        self.assertIn("hint: MLREPO_JOB= mlrepo run", told)
        slurm = {"SLURM_JOB_ID": "1", "SLURM_STEP_ID": "0", "SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "2", "MLREPO_JOB": ""}
        done = subprocess.run([MLREPO, "run", "--quiet", "--cached", "true"], cwd=self.work, env={**self.environment, **slurm},
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        self.assertEqual((done.returncode, len(self.all_runs())), (0, 1), done.stderr)

    def test_what_is_no_report_is_none(self) -> None:
        for fields in ({5: "9223372036854775807"}, {4: "-77"}, {3: "99999"}, {7: "-1"}):
            job = f"j{fields}"
            one = self.launch(1, "--quiet", "sh", "-c", "cat data/b.txt >shard1", job=job, count=2)
            self.assertEqual(one.wait(timeout=60), 0)
            (report,) = (self.work / ".mlrepo/runs").glob("*/rank-1/report")
            lines = report.read_text().split("\n")
            head = lines[0].split("\t")
            for place, text in fields.items():
                head[place] = text
            report.write_text("\n".join(["\t".join(head), *lines[1:]]))
            zero = self.launch(0, "sh", "-c", "cat data/b.txt >shard1", job=job, count=2)
            time.sleep(0.5)
            # Nobody waits for one that is not coming.
            zero.send_signal(signal.SIGINT)
            zero.communicate(timeout=90)
            self.mlrepo("runs")
            for path in (self.work / ".mlrepo/runs").glob("*"):
                shutil.rmtree(path, ignore_errors=True)
        self.mlrepo("fsck")

    def test_the_same_command_again_is_another_run(self) -> None:
        self.together("--quiet", "sh", "train.sh", "none")
        self.together("--quiet", "sh", "train.sh", "none")
        self.together("--quiet", "sh", "train.sh", "none", job="j2")
        self.assertEqual([run["state"] for run in self.all_runs()], ["ok"] * 3)

    def test_one_that_fails_fails_the_run(self) -> None:
        before = self.mlrepo("resolve", "HEAD")
        ended = self.together("-m", "Never", "sh", "train.sh", "2")
        self.assertEqual([code for (code, _, _) in ended], [0, 0, 3])
        (run,) = self.all_runs()
        self.assertEqual(run["state"], "failed")
        self.assertIn("failed with status 3", ended[0][2])
        self.assertEqual(self.mlrepo("resolve", "HEAD"), before)

    def test_one_that_is_killed_with_its_recorder_is_told(self) -> None:
        (zero, one, two) = (self.launch(rank, "sh", "train.sh", "2.sleep") for rank in range(3))
        self.until(lambda: (self.work / "up2").exists())
        one.communicate(timeout=30)
        os.killpg(two.pid, signal.SIGKILL)
        told = zero.communicate(timeout=60)[1].decode()
        self.assertIn("note: waiting for rank 2", told)
        self.assertIn("note: not all ranks of the job told what they read and wrote", told)
        (run,) = self.all_runs()
        self.assertEqual((run["state"], self.record(run["run"])["gaps"]), ("ok", ["missingRank"]))
        self.assertEqual(list((self.work / ".mlrepo/runs").iterdir()), [])

    def test_alone_it_is_a_run_as_any(self) -> None:
        self.launch(0, "--quiet", "sh", "-c", "echo $RANK >out.txt", count=1).communicate(timeout=60)
        self.assertNotIn("ranks", self.record(self.all_runs()[0]["run"]))
