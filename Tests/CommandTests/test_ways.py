"""Each way of observing a command, by the same programs: what each of them names as read and written."""
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap

from command_test import MLREPO
from test_run import PYTHON, RunTest

WAYS = ("seccomp", "preload", "strace")
# Reads by descriptors, memory maps, streams of both languages and from threads; writes by a stream.
CPP = r"""
#include <cstdio>
#include <fcntl.h>
#include <fstream>
#include <string>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>
int main() {
    std::string line;
    std::ifstream("data/a.txt") >> line;
    std::thread([] {
        int file = open("data/b.txt", O_RDONLY);
        void *place = mmap(nullptr, 4, PROT_READ, MAP_PRIVATE, file, 0);
        std::ofstream("out/mapped.txt") << *static_cast<char *>(place);
    }).join();
    FILE *stream = fopen("data/c.txt", "r");
    if (stream == nullptr || fgetc(stream) == EOF) return 1;
    freopen("out/again.txt", "w", stream);
    fputs("again", stream);
    fclose(stream);
    std::ofstream("out/line.txt") << line;
    if (std::ifstream("data/none.txt").good()) return 2;
    return 0;
}
"""
# Calls that look at nothing but descriptors and go past the C library's functions of the same names.
C = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
extern char **environ;
static int way(const char *word) {
    if (strcmp(word, "closing") == 0) {
        close(open("data/a.txt", O_RDONLY));
        for (int number = 3; number < 1024; number++) close(number);
        close(open("data/b.txt", O_RDONLY));
        if (close_range(3, ~0u, 0) != 0) return 1;
        int file = open("out/closed.txt", O_WRONLY | O_CREAT, 0666);
        return file == 3 ? 0 : 2;
    }
    if (strcmp(word, "raw") == 0) {
        close((int)syscall(SYS_openat, AT_FDCWD, "data/a.txt", O_RDONLY));
        int file = (int)syscall(SYS_openat, AT_FDCWD, "out/raw.txt", O_WRONLY | O_CREAT, 0666);
        return file < 0 || syscall(SYS_renameat2, AT_FDCWD, "out/raw.txt", AT_FDCWD, "out/renamed.txt", 0) != 0;
    }
    if (strcmp(word, "spawn") == 0) {
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, 1, "out/spawned.txt", O_WRONLY | O_CREAT, 0666);
        char *words[] = {"cat", "data/a.txt", NULL}, *none[] = {"PATH=/nowhere", NULL};
        pid_t process;
        int status;
        if (posix_spawnp(&process, "cat", &actions, NULL, words, none) != 0) return 1;
        waitpid(process, &status, 0);
        process = vfork();
        if (process == 0) {
            execle("/bin/cat", "cat", "data/b.txt", NULL, none);
            _exit(1);
        }
        waitpid(process, &status, 0);
        return status;
    }
    if (strcmp(word, "made") == 0) {
        char name[] = "out/made-XXXXXX";
        if (mkstemp(name) < 0) return 1;
        if (rename(name, "out/made.txt") != 0) return 2;
        if (link("out/made.txt", "out/linked.txt") != 0) return 3;
        return truncate("data/c.txt", 2);
    }
    return 9;
}
int main(int count, char **words) { return count > 1 ? way(words[1]) : 9; }
"""
THREADS = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
static void tick(int number) { close(open("data/a.txt", O_RDONLY)); }
static void *work(void *number) {
    char name[64];
    for (int count = 0; count < 100; count++) {
        sprintf(name, "out/%ld-%d", (long)number, count);
        close(open(name, O_WRONLY | O_CREAT, 0666));
        FILE *stream = fopen("data/b.txt", "r");
        if (stream == NULL) _exit(4);
        fclose(stream);
        if (count % 20 == 0) {
            pid_t process = fork();
            if (process == 0) _exit(0);
            waitpid(process, NULL, 0);
        }
        if (count % 25 == 0) for (int other = 900; other < 1024; other++) close(other);
        if (count % 2) unlink(name);
    }
    return NULL;
}
int main(void) {
    struct sigaction action = {.sa_handler = tick, .sa_flags = SA_RESTART};
    struct itimerval often = {{0, 2000}, {0, 2000}};
    pthread_t threads[4];
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    for (long number = 0; number < 4; number++) pthread_create(&threads[number], NULL, work, (void *)number);
    for (int number = 0; number < 4; number++) pthread_join(threads[number], NULL);
    return 0;
}
"""
STATIC = r"""
#include <fcntl.h>
#include <unistd.h>
int main(void) { char b[9]; return read(open("data/b.txt", O_RDONLY), b, 9) < 0; }
"""


def in_each_way(test):
    """A test that is given each way; one that cannot be gone here is told as skipped."""
    @functools.wraps(test)
    def each(self) -> None:
        for way in WAYS:
            with self.subTest(way):
                self.require(way)
                test(self, way)
    return each


class Ways(RunTest):
    """What is written goes to out/, which is made anew for each way."""

    refusals: dict[str, str] = {}

    def require(self, way: str) -> None:
        shutil.rmtree(self.work / "out", ignore_errors=True)
        (self.work / "out").mkdir()
        if way not in self.refusals:
            told = self.run_raw("run", "--quiet", "--observe", way, "true").stderr.decode()
            self.refusals[way] = told if "cannot be watched" in told else ""
        if self.refusals[way]:
            self.skipTest(self.refusals[way].splitlines()[0])

    def compiled(self, name: str, text: str, compiler: str, *options: str) -> str:
        found = shutil.which(compiler)
        if found is None:
            self.skipTest(f"there is no {compiler}")
        program = self.root / name
        if not program.exists():
            source = self.root / f"{name}{'.cpp' if '++' in compiler else '.c'}"
            source.write_text(text)
            made = subprocess.run([found, "-O1", *options, "-o", program, source, "-lpthread"], capture_output=True, text=True)
            if made.returncode != 0:
                self.skipTest(f"{compiler} {' '.join(options)}: {made.stderr.splitlines()[0]}")
        return str(program)

    def expect(self, way: str, *words: str, inputs=(), outputs=(), removed=(), gaps=(), status=0) -> dict:
        run = self.observed("--observe", way, *words, status=status)
        self.assertEqual((run["observedBy"], run["gaps"]), (way, sorted(gaps)), self.stderr)
        self.assertEqual(self.inputs(run["name"]), sorted(inputs))
        self.assertEqual(sorted(self.outputs(run["name"])), sorted(outputs))
        self.assertEqual(run["removed"], sorted(removed))
        return run

    def python(self, way: str, text: str, **expected) -> dict:
        self.script("program.py", text)
        return self.expect(way, PYTHON, "program.py", **expected)

    @in_each_way
    def test_a_library_that_reads(self, way: str) -> None:
        self.script("reading.py", """
            import csv, pathlib, zipfile
            def rows(path):
                with open(path, newline="") as file: return list(csv.reader(file))
            def pack(path, *members):
                with zipfile.ZipFile(path, "w") as archive:
                    for member in members: archive.write(member)
            """)
        self.python(way, """
            import reading
            reading.rows("data/a.txt")
            reading.pack("out/all.zip", "data/b.txt")
            """, inputs=["data/a.txt", "data/b.txt"], outputs=["out/all.zip"])

    @in_each_way
    def test_workers(self, way: str) -> None:
        for number, method in enumerate(("fork", "spawn", "forkserver")):
            self.python(way, f"""
                import multiprocessing
                def work(name):
                    with open(f"out/{{name}}-{number}.txt", "w") as file: file.write(open(f"data/{{name}}.txt").read())
                if __name__ == "__main__":
                    with multiprocessing.get_context("{method}").Pool(2) as pool:
                        pool.map(work, "abc")
                        pool.close()
                        pool.join()
                """, inputs=["data/a.txt", "data/b.txt", "data/c.txt"],
                outputs=[f"out/{name}-{number}.txt" for name in "abc"])

    @in_each_way
    def test_a_program_of_cpp(self, way: str) -> None:
        program = self.compiled("program", CPP, "c++")
        self.expect(way, program, inputs=["data/a.txt", "data/b.txt", "data/c.txt"],
                    outputs=["out/again.txt", "out/line.txt", "out/mapped.txt"])

    @in_each_way
    def test_a_static_program(self, way: str) -> None:
        program = self.compiled("static", STATIC, "cc", "-static")
        is_seen = way != "preload"
        self.expect(way, program, inputs=["data/b.txt"] if is_seen else [], gaps=[] if is_seen else ["unwatched"])
        self.expect(way, "sh", "-c", f"cat data/a.txt; {program}; true", gaps=[] if is_seen else ["unwatched"],
                    inputs=["data/a.txt", "data/b.txt"] if is_seen else ["data/a.txt"])

    @in_each_way
    def test_a_pipeline(self, way: str) -> None:
        self.expect(way, "sh", "-c", "cat <data/a.txt | tr a-z A-Z >out/upper.txt; { sort data/b.txt; cat data/none.txt; } 2>out/error.txt >>out/sorted.txt; true",
                    inputs=["data/a.txt", "data/b.txt"], outputs=["out/error.txt", "out/sorted.txt", "out/upper.txt"])

    @in_each_way
    def test_names_that_change(self, way: str) -> None:
        self.write("data/old.txt", "old\n")
        self.mlrepo("add", "--quiet", "data")
        if self.mlrepo("status", "--json").count("old.txt"):
            self.mlrepo("commit", "--quiet", "-m", "Old")
        self.expect(way, "sh", "-c", "cat data/a.txt >out/part; mv out/part out/whole.txt; rm data/old.txt",
                    inputs=["data/a.txt"], outputs=["out/whole.txt"], removed=["data/old.txt"])
        self.mlrepo("restore", "data/old.txt")

    @in_each_way
    def test_what_is_written_over_and_into(self, way: str) -> None:
        self.write("data/old.txt", "old\n")
        self.mlrepo("add", "--quiet", "data")
        if self.mlrepo("status", "--json").count("old.txt"):
            self.mlrepo("commit", "--quiet", "-m", "Old")
        self.expect(way, "sh", "-c", f"echo {way} >data/old.txt", outputs=["data/old.txt"])
        self.mlrepo("checkout", "--force", "HEAD", "--", "data/old.txt")
        for words in (f"echo {way} >>data/old.txt", f"cat data/old.txt; sleep 0.1; echo {way} >data/old.txt; sleep 0.1; cat data/old.txt"):
            run = self.observed("--observe", way, "sh", "-c", words)
            # What a file was before it was written into is not known to who is told afterwards.
            is_known = way != "strace" or ">>" not in words
            known = self.inputs(run["name"]) if is_known else run["uncertain"]
            self.assertEqual((known, list(self.outputs(run["name"]))), (["data/old.txt"], ["data/old.txt"]), words)
            self.mlrepo("checkout", "--force", "HEAD", "--", "data/old.txt")

    @in_each_way
    def test_a_program_without_an_environment(self, way: str) -> None:
        self.expect(way, "env", "-i", "/bin/sh", "-c", "/bin/cat data/a.txt; exec /usr/bin/env -i /bin/cat data/b.txt",
                    inputs=["data/a.txt", "data/b.txt"])

    @in_each_way
    def test_variables_are_as_they_were(self, way: str) -> None:
        self.environment["LD_PRELOAD"] = "/nowhere/none.so"
        self.expect(way, "sh", "-c", "echo $LD_PRELOAD >out/variable.txt 2>&1", outputs=["out/variable.txt"])
        del self.environment["LD_PRELOAD"]
        self.assertTrue((self.work / "out/variable.txt").read_text().endswith("/nowhere/none.so\n"))

    @in_each_way
    def test_a_program_that_closes_all(self, way: str) -> None:
        self.expect(way, self.compiled("calls", C, "cc"), "closing", inputs=["data/a.txt", "data/b.txt"], outputs=["out/closed.txt"])

    @in_each_way
    def test_bare_calls(self, way: str) -> None:
        self.expect(way, self.compiled("calls", C, "cc"), "raw", inputs=["data/a.txt"], outputs=["out/renamed.txt"])

    @in_each_way
    def test_processes_that_are_made_with_variables_of_their_own(self, way: str) -> None:
        self.expect(way, self.compiled("calls", C, "cc"), "spawn", inputs=["data/a.txt", "data/b.txt"], outputs=["out/spawned.txt"])

    @in_each_way
    def test_names_that_are_made_up(self, way: str) -> None:
        # What is not cut off was read; strace does not know what that was.
        run = self.expect(way, self.compiled("calls", C, "cc"), "made", inputs=[] if way == "strace" else ["data/c.txt"],
                          outputs=["data/c.txt", "out/linked.txt", "out/made.txt"])
        self.assertEqual(run["uncertain"], ["data/c.txt"] if way == "strace" else [])
        self.mlrepo("checkout", "--force", "HEAD", "--", "data/c.txt")

    @in_each_way
    def test_failed_opens(self, way: str) -> None:
        self.python(way, """
            import os
            for path, mode in [("data/none.txt", "r"), ("nowhere/x", "w"), ("data/a.txt", "x"), ("data", "r")]:
                try: open(path, mode)
                except OSError: pass
            """)

    @in_each_way
    def test_names_of_all_kinds(self, way: str) -> None:
        self.python(way, """
            import os
            for name in ["a\\nb", "\\x01 \\\\ \\"é", "x" * 255, "-o"]:
                with open(os.path.join("out", name), "w") as file: file.write("x")
            os.mkdir("out/deep"); os.chdir("out/deep")
            for number in range(18): os.mkdir("d" * 200); os.chdir("d" * 200)
            open("deepest.txt", "w").write("x")
            """, outputs=["out/a\nb", "out/\x01 \\ \"é", "out/" + "x" * 255, "out/-o",
                          "out/deep/" + ("d" * 200 + "/") * 18 + "deepest.txt"])

    @in_each_way
    def test_descriptors_of_directories(self, way: str) -> None:
        self.python(way, """
            import os
            place = os.open("data", os.O_RDONLY)
            os.close(os.open("a.txt", os.O_RDONLY, dir_fd=place))
            os.chdir("out")
            os.close(os.open("../data/b.txt", os.O_RDONLY))
            os.rename(os.open("x", os.O_WRONLY | os.O_CREAT) and "x", "y", src_dir_fd=None)
            os.close(os.open("/proc/self/cwd/../data/c.txt", os.O_RDONLY))
            """, inputs=["data/a.txt", "data/b.txt", "data/c.txt"], outputs=["out/y"])

    @in_each_way
    def test_how_it_ends(self, way: str) -> None:
        self.expect(way, "sh", "-c", "exit 7", status=7)
        self.expect(way, "sh", "-c", "kill -USR2 $$", status=128 + signal.SIGUSR2)
        self.assertEqual(self.observed("--observe", way, "no-such-program", status=127)["gaps"], [])
        self.write("data.sh", "cat data/a.txt\n")
        (self.work / "data.sh").chmod(0o755)
        self.expect(way, "./data.sh", inputs=["data/a.txt"])
        done = self.run_raw("run", "--quiet", "--observe", way, "sh", "-c", "echo out; echo err >&2; cat nothing.txt 2>/dev/null; true")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"out\n", b"err\n"))

    @in_each_way
    def test_what_is_left_running(self, way: str) -> None:
        self.expect(way, "sh", "-c", "(sleep 1.5; cat data/a.txt >out/late.txt) >/dev/null 2>&1 & cat data/b.txt",
                    inputs=["data/b.txt"], gaps=["leftRunning"])
        self.until((self.work / "out/late.txt").exists)
        self.until(lambda: (self.work / "out/late.txt").read_text() == "row a\n")

    @in_each_way
    def test_another_root(self, way: str) -> None:
        if os.geteuid() != 0:
            self.skipTest("only root goes elsewhere")
        self.python(way, """
            import os
            open("data/a.txt").read()
            os.makedirs("/tmp/mlrepo-elsewhere", exist_ok=True)
            open("/tmp/mlrepo-elsewhere/x", "w").close()
            os.chroot("/tmp/mlrepo-elsewhere")
            open("/x").read()
            os._exit(0)  # At once, so that nobody can look into the process any more.
            """, inputs=["data/a.txt"], gaps=["otherRoot"])
        shutil.rmtree("/tmp/mlrepo-elsewhere")

    def test_a_run_in_a_run(self) -> None:
        self.require("seccomp")
        self.require("preload")
        run = self.observed("sh", "-c", f"{MLREPO} run --quiet cat data/a.txt; cat data/b.txt >out/b.txt")
        self.assertEqual(self.inputs(run["name"]), ["data/a.txt", "data/b.txt"])
        inner = [run for run in map(json.loads, self.mlrepo("runs", "--json").splitlines()) if run["command"][0] == "cat"]
        self.assertEqual([(run["observedBy"], self.inputs(run["run"])) for run in inner], [("preload", ["data/a.txt"])])
        # Two libraries, each of which tells its own.
        run = self.observed("--observe", "preload", "sh", "-c",
                            f"{MLREPO} run --quiet --observe preload sh -c 'cat data/c.txt >out/c.txt'; cat data/b.txt")
        self.assertEqual((self.inputs(run["name"]), list(self.outputs(run["name"]))), (["data/b.txt", "data/c.txt"], ["out/c.txt"]))

    def test_when_we_are_killed_the_command_goes_on(self) -> None:
        for way in WAYS:
            with self.subTest(way):
                self.require(way)
                self.script("program.py", """
                    import pathlib, subprocess, time
                    pathlib.Path("out/up.txt").write_text("up")
                    end = time.monotonic() + 1.5
                    while time.monotonic() < end:
                        open("data/a.txt").read()
                        open("out/again.txt", "w").close()
                    subprocess.run(["cat", "data/b.txt"], check=True)
                    print("still here", flush=True)
                    pathlib.Path("out/done.txt").write_text("done")
                    """)
                process = subprocess.Popen([MLREPO, "run", "--observe", way, PYTHON, "program.py"], cwd=self.work,
                                           env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                self.until((self.work / "out/up.txt").exists)
                process.kill()
                self.until((self.work / "out/done.txt").exists)
                shown = process.communicate(timeout=20)
                self.assertEqual(shown, (b"row b\nstill here\n", b""))

    def test_what_is_left_of_it(self) -> None:
        self.require("preload")
        self.mlrepo("run", "--quiet", "--observe", "preload", "cat", "data/a.txt")
        self.assertEqual(list((self.work / ".mlrepo/runs").iterdir()), [])

    def test_a_directory_that_the_loader_would_part(self) -> None:
        self.require("preload")
        elsewhere = self.root / "with blank: $HOME é"
        self.work.rename(elsewhere)
        self.work = elsewhere
        for way in ("preload", "seccomp"):
            self.expect(way, "cat", "data/a.txt", inputs=["data/a.txt"])

    def alone(self) -> str:
        """The program without what lies beside it."""
        alone = self.root / "mlrepo"
        shutil.copy(MLREPO, alone)
        return str(alone)

    def test_without_a_library(self) -> None:
        done = subprocess.run([self.alone(), "run", "--observe", "preload", "true"], cwd=self.work, env=self.environment, capture_output=True)
        if done.returncode == 0:
            self.skipTest("the library is in the program")
        self.assertEqual(done.returncode, 125)
        self.assertIn(b"there is no libmlrepo-preload.so", done.stderr)

    def test_a_library_in_the_program(self) -> None:
        self.require("preload")
        library = os.path.join(os.path.dirname(os.path.realpath(MLREPO)), "libmlrepo-preload.so")
        if shutil.which("objcopy") is None or not os.path.exists(library):
            self.skipTest("there is no objcopy, or no library beside the program")
        alone = self.alone()
        subprocess.run(["objcopy", "--add-section", f".mlrepo.preload={library}", alone], check=True)
        done = subprocess.run([alone, "run", "--observe", "preload", "cat", "data/a.txt"], cwd=self.work, env=self.environment, capture_output=True)
        self.assertIn(b"observed (preload) 1 input (data/a.txt)", done.stderr)

    def test_a_way_that_is_refused(self) -> None:
        # A second listener is refused.
        self.require("seccomp")
        before = len(self.mlrepo("runs", "--json").splitlines())
        self.observed("sh", "-c", f"{MLREPO} run --observe seccomp cat data/a.txt 2>out/told.txt", status=125)
        told = (self.work / "out/told.txt").read_text()
        self.assertIn("cannot be watched by seccomp", told)
        # What was not executed is no run.
        self.assertEqual(len(self.mlrepo("runs", "--json").splitlines()), before + 1)
        self.observed("sh", "-c", f"{MLREPO} run cat data/a.txt 2>out/told.txt")
        told = (self.work / "out/told.txt").read_text()
        self.assertIn("(seccomp: ", told)
        self.assertIn("observed (preload)", told)

    def test_our_own_program_is_no_data(self) -> None:
        for way in ("seccomp", "preload"):
            run = json.loads(self.mlrepo("run", "--json", "--observe", way, "sh", "-c", f"{MLREPO} status >/dev/null"))["run"]
            self.assertEqual((run["external"], run["gaps"]), ([], []))

    @in_each_way
    def test_threads_and_signals(self, way: str) -> None:
        """Threads that fork, that close what is not theirs, and are interrupted all the time: nothing is lost."""
        program = self.compiled("threads", THREADS, "cc")
        run = self.observed("--observe", way, program)
        self.assertEqual(self.inputs(run["name"]), ["data/a.txt", "data/b.txt"])
        self.assertEqual(len(self.outputs(run["name"])), 200)


if sys.platform != "linux":
    del Ways
