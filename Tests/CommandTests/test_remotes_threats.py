"""Other stores that attack, by the numbers of the threat model: each is refused, and writes nothing outside.

Each class is one threat, with its number. Hostile stores come from Tests/HostileTests and threat_stores.py, and are
reached in a directory and behind a line. A server that lies is another module's (test_remotes_lies.py).
MLREPO_THREATS=1 prints how each ended.
"""
import itertools
import os
import re
import shlex
import shutil
import unittest
from collections.abc import Iterator
from pathlib import Path

import threat_stores as stores
from hostile_stores import CASES, sha256
from command_test import MLREPO
from test_remotes import RemoteTest
from threat_test import LINE, STORE, WAYS, ThreatTest, hostile_stores, writes

READING = ("clone", "get", "fetch", "pull")


def named(pattern: str) -> dict:
    """Of the hostile stores those whose names match."""
    found = {name: writes(name) for name in CASES if re.fullmatch(pattern, name)}
    assert found, pattern
    return found


class T1_Bytes(ThreatTest):
    """T1: bytes that are not what the id says, cut off, or longer."""

    def test_objects_of_other_bytes(self) -> None:
        struck = self.strike_all({name: stores.placing(getattr(stores, name))
                                  for name in ("other_blob", "longer_blob", "other_tree", "other_commit",
                                               "other_refs")}, WAYS)
        self.refused(struck, *READING)

    def test_packs_of_other_bytes(self) -> None:
        changes = {
            "cut_by_a_byte": lambda data: data[:-1], "cut_in_the_middle": lambda data: data[:len(data) // 2],
            "nothing": lambda data: b"", "longer": lambda data: data + b"more", "zeros": lambda data: bytes(len(data)),
            "a_bit": lambda data: data[:5000] + bytes([data[5000] ^ 1]) + data[5001:],
            "begins_later": lambda data: b"x" + data,
        }
        struck = self.strike_all({name: stores.pack_of(change) for name, change in changes.items()})
        self.refused(struck, "clone", "fetch", "pull")

    def test_files_of_other_bytes(self) -> None:
        struck = self.strike_all(named("(recipe|tensor|patch|cast)_of_other_bytes|recipe_with_a_.*|recipe_of_which_.*"))
        self.refused(struck, "clone", "fetch", "pull")


class T2_Kinds(ThreatTest):
    """T2: what parses as a commit or a tree and is another kind, refs that point at other kinds."""

    def test_a_blob_that_parses_as_a_commit_or_a_tree(self) -> None:
        struck = self.strike_all({name: stores.placing(getattr(stores, name))
                                  for name in ("commit_as_a_blob", "commit_by_the_id_of_a_blob",
                                               "tree_by_the_id_of_a_blob")}, WAYS)
        self.refused(struck, *READING)

    def test_refs_to_other_kinds(self) -> None:
        attacks = {f"{name}_to_{kind}": stores.naming(kind, identify, name) for name in ("branches/main", "tags/main",
                                                                                         "runs/x")
                   for kind, identify in {
                       "blob": lambda place: place.put("blob", b"kept\n"), "tree": lambda place: place.clean_tree[0],
                       "run": lambda place: bytes.fromhex(place.run()), "commit": lambda place: place.clean_tree[0],
                       "event": lambda place: bytes.fromhex(place.event())}.items()
                   if name != "runs/x" or kind != "run"}
        struck = self.strike_all(attacks | named("refs?_to_.*"))
        # Who takes one file of one version reads no other ref than that.
        self.refused(struck, "clone", "fetch", "pull")

    def test_members_of_other_kinds(self) -> None:
        struck = self.strike_all({
            "parent_is_a_tree": stores.commit_with(parents=lambda place: [place.clean_tree[0].hex()]),
            "parent_is_a_blob": stores.commit_with(parents=lambda place: [place.put("blob",
                    stores.commit_bytes(place)).hex()]),
            "run_is_a_commit": stores.commit_with(runs=lambda place: [place.clean.hex()]),
            "recipes_are_a_tree": stores.commit_with(recipes=lambda place: place.clean_tree[0].hex()),
            **named("directory_that_is_a_blob"),
        })
        self.refused(struck, "clone", "fetch", "pull")

    def test_commits_that_are_written_in_another_way(self) -> None:
        struck = self.strike_all({
            "a_member_twice": stores.raw_commit(lambda data: data.replace(b'"message":"Confused"',
                                                                          b'"message":"Good","message":"Evil"')),
            "blanks": stores.raw_commit(lambda data: data.replace(b":", b": ")),
            "a_line_feed": stores.raw_commit(lambda data: data + b"\n"),
            "escapes_without_need": stores.raw_commit(lambda data: data.replace(b"Confused", b"\\u0043onfused")),
            "a_number_with_a_fraction": stores.raw_commit(lambda data: data.replace(b'"authored":1',
                                                                                    b'"authored":1.0')),
        })
        self.refused(struck, *READING)

    def test_a_file_may_hold_the_bytes_of_a_commit(self) -> None:
        def build(place: hostile_stores.Place) -> None:
            place.publish({b"kept.txt": place.file(stores.commit_bytes(place))})
        struck = self.strike_all({"commit_in_a_file": stores.placing(build)})
        self.assertEqual([set(one.statuses.values()) for one in struck.values()], [{0}])


class T3_OtherHistories(RemoteTest):
    """T3: a store that is turned back, frozen, forked or exchanged."""

    def setUp(self) -> None:
        super().setUp()
        self.environment |= {"FAR": str(self.root), "MLREPO_SERVER": MLREPO, "MLREPO_SSH": str(self.root / "line")}
        (self.root / "line").write_text(LINE)
        (self.root / "line").chmod(0o755)

    def places(self) -> Iterator[str]:
        """The store by each way, from the beginning each time."""
        for way, place in (("directory", str(self.store)), ("ssh", "there:store")):
            with self.subTest(way):
                shutil.rmtree(self.store, ignore_errors=True)
                self.mlrepo("init", "--bare", str(self.store))
                self.mlrepo("remote", "add", way, place)
                self.version(f"One, {way}")
                self.mlrepo("push", way)
                shutil.copytree(self.store, self.root / f"old-{way}")
                yield way

    def put(self, source: str) -> None:
        shutil.rmtree(self.store)
        shutil.copytree(self.root / source, self.store)

    def noticed(self, way: str, says: str) -> None:
        """By everything that knows the store, each time it is asked; nothing is moved here or there."""
        before = (self.mlrepo("branch", "-a"), self.refs(self.store))
        for _ in range(2):
            for words in (("fetch", way), ("pull", way, "main"), ("push", way), ("push", "--force", way)):
                self.refused(*words, status=65, says=says)
        self.assertEqual((self.mlrepo("branch", "-a"), self.refs(self.store)), before)
        # Whoever does not know it cannot tell.
        self.mlrepo("get", self.place(way), "data/a.txt", "--to", f"{way}-{says.split()[0]}")
        self.mlrepo("clone", self.place(way), f"clone-{way}-{says.split()[0]}", cwd=self.root)

    def place(self, way: str) -> str:
        return str(self.store) if way == "directory" else "there:store"

    def test_rolled_back(self) -> None:
        for way in self.places():
            self.version("Two")
            self.mlrepo("push", way)
            self.put(f"old-{way}")
            self.noticed(way, "rolled back")

    def test_forked(self) -> None:
        for way in self.places():
            self.mlrepo("clone", str(self.root / f"old-{way}"), f"theirs-{way}", cwd=self.root)
            for number in range(2):
                self.version(f"Theirs {number}", cwd=self.root / f"theirs-{way}")
                self.mlrepo("push", cwd=self.root / f"theirs-{way}")
            self.version("Mine")
            self.mlrepo("push", way)
            self.put(f"old-{way}")
            self.noticed(way, "forked")

    def test_exchanged(self) -> None:
        for way in self.places():
            self.mlrepo("init", f"../other-{way}")
            self.version("Other", cwd=self.root / f"other-{way}")
            self.mlrepo("push", f"../new-{way}", cwd=self.root / f"other-{way}")
            self.put(f"new-{way}")
            self.noticed(way, "another store")

    def test_emptied(self) -> None:
        """A store of the same name with nothing in it is none of which nothing was seen."""
        for way in self.places():
            shutil.rmtree(self.store / "log")
            (self.store / "log/new").mkdir(parents=True)
            for words in (("fetch", way), ("push", way)):
                done = self.run_raw(*words)
                self.assertIn(done.returncode, (65, 66), done.stderr)

    def test_frozen(self) -> None:
        """An older copy that is not older than what was seen cannot be told from the truth: nobody here knows
        what is hidden.
        """
        for way in self.places():
            self.mlrepo("clone", self.place(way), f"theirs-{way}", cwd=self.root)
            self.version("Theirs", cwd=self.root / f"theirs-{way}")
            self.mlrepo("push", cwd=self.root / f"theirs-{way}")
            self.put(f"old-{way}")
            self.assertIn("Nothing is new", self.mlrepo("fetch", way))
            # Who pushed what is hidden notices.
            self.refused("fetch", status=65, says="rolled back", cwd=self.root / f"theirs-{way}")


class T4_Numbers(ThreatTest):
    """T4: entries that jump far ahead, logs that say they have a thousand million entries, sizes of exabytes."""

    def test_logs_that_say_they_are_long(self) -> None:
        struck = self.strike_all({f"size {text}": stores.saying_size(text) for text in (
            "1000000000", str(2**62), str(2**63 - 1), str(2**64 + 2), "0", "-1", "02", "2.0", "9" * 200)})
        self.refused(struck, *READING, "push")

    def test_entries_that_jump(self) -> None:
        billion = 10**9
        struck = self.strike_all({
            "number_in_place": stores.saying_number(billion), "number_of_2_62": stores.saying_number(2**62),
            "number_of_2_64": stores.saying_number(2**64), "negative": stores.saying_number(-1),
            "fraction": stores.saying_number(1.5), "text": stores.saying_number("1"),
        })
        self.refused(struck, *READING, "push")
        # Numbers that no log has are no entries; who comes for the first time, or writes, sees a gap before the others.
        struck = self.strike_all({
            "far_ahead": stores.saying_number(billion, f"{billion:020d}"),
            "farthest": stores.saying_number(2**63 - 1, f"{2**63 - 1:020d}"),
            **named("log_with_entries_of_absurd_numbers"),
        })
        self.assertEqual({status for one in struck.values() for status in one.statuses.values()} - {0, 65, 66}, set())
        self.refused({name: one for name, one in struck.items() if name.startswith("far_ahead")}, "push")

    def test_tiles_of_far_entries(self) -> None:
        struck = self.strike_all({
            "next": stores.with_tile("entries/001"), "of_a_billion": stores.with_tile("entries/x003/x906/249"),
            "hashes": stores.with_tile("0/000", b"x" * 8192), "high": stores.with_tile("7/000", b"x" * 8192),
        })
        self.assertEqual({status for one in struck.values() for status in one.statuses.values()} - {0, 65}, set())
        self.refused(self.strike_all({"first": stores.with_tile("entries/000"), **named("tile_.*")}, commands=("get",
                "fetch", "push")), "get", "fetch", "push")

    def test_sizes(self) -> None:
        struck = self.strike_all(named(
            "size_of_exabytes|sizes_that_overflow_together|numbers_of_.*_lie|counts_.*|name_length_of_.*"
            "|recipe_with_(a_length|chunks)_of_exabytes|recipe_with_a_negative_length|size_too_small"))
        self.refused(struck, "clone", "fetch", "pull")


class T7_Names(ThreatTest):
    """T7: names in trees that lead elsewhere, or that some system takes for other ones."""

    def test_names_that_no_tree_may_have(self) -> None:
        # A name of 60,000 bytes is told whole: see below.
        self.refused(self.strike_all(named("name_(?!very_long).*"), commands=READING), *READING)

    def test_names_that_are_only_odd(self) -> None:
        struck = self.strike_all(named("names_that_are_odd"))
        self.assertEqual({status for one in struck.values() for status in one.statuses.values()}, {0})

    def test_more_names(self) -> None:
        names = {"store_dot": b".mlrepo.", "store_blank": b".mlrepo ", "store_stream": b".mlrepo::$DATA",
                 "git_long_stream": b".git:x",
                 "git_both": b".Git. .", "git_joined": ".g\u200dit".encode(), "git_marked": "\ufeff.git".encode(),
                 "dots_and_slash": b"../../../../../../tmp/evil", "line": b"\n/..", "only_slash": b"/"}
        struck = self.strike_all({f"more_{key}": stores.placing(
            lambda place, name=name: place.publish({b"kept.txt": place.file(b"kept\n"), name: place.file(b"evil\n")}))
            for key, name in names.items()})
        self.refused(struck, *READING)

    def test_a_name_is_not_told_in_60_000_bytes(self) -> None:
        self.strike_all(named("name_very_long.*"))

    def test_who_pushes_a_tree_of_such_names(self) -> None:
        """What a hostile working copy pushes is refused there, or by all who take it."""
        for name in ("name_dotdot_directory", "name_git_file", "name_climbing_file", "size_too_small"):
            with self.subTest(name):
                root = self.root / name
                place = hostile_stores.write(name, root)
                pushed = self.run_raw("push", str(root / "new"), "clean", "main", cwd=place.work)
                self.assertIn(pushed.returncode, (0, 65, 66), pushed.stderr)
                self.assertEqual((root / "canary/keep").read_bytes(), b"not yours\n")
                if pushed.returncode == 0:
                    self.assertEqual(self.run_raw("clone", str(root / "new"), "taken", cwd=root).returncode, 65)


class T8_Links(ThreatTest):
    """T8: links in the way, in trees and in stores."""

    def test_links_in_trees(self) -> None:
        self.strike_all(named("link_.*|links_.*|tracked_paths_outside"))

    def test_a_link_and_what_lies_below_it(self) -> None:
        self.refused(self.strike_all(named("link_with_entries_below_it|link_before_.*|link_and_directory_.*")),
                     "clone", "fetch", "pull")

    def test_get_does_not_go_through_links(self) -> None:
        def build(place: hostile_stores.Place) -> None:
            place.publish({b"kept.txt": place.file(b"kept\n"), b"link": place.file(b"../canary", mode=3),
                           b"absolute": place.file(os.fsencode(place.canary), mode=3)})
        for path in ("link/keep", "absolute/keep", "../canary/keep", "/etc/passwd", ".mlrepo/config"):
            struck = self.strike_all({"linked": stores.placing(build)}, WAYS, commands=("get",), path=path)
            self.assertLessEqual({one.statuses["get"] for one in struck.values()}, {64, 65, 66}, path)

    def test_get_writes_through_no_link_that_stands_here(self) -> None:
        def dangling(root: Path) -> None:
            (root / "out/got").symlink_to(root / "place/canary/new")
        struck = self.strike_all({"dangling": stores.placing(hostile_stores.plain)}, WAYS, commands=("get",),
                                 prepare=dangling)
        self.assertEqual({one.statuses["get"] for one in struck.values()}, {73})

    def test_pull_writes_through_no_link_that_stands_here(self) -> None:
        def build(place: hostile_stores.Place) -> None:
            below = place.directory({b"keep": place.file(b"evil\n"), b"new": place.file(b"evil\n")})
            place.publish({b"kept.txt": place.file(b"kept\n"), b"sub": below})

        def standing(root: Path) -> None:
            (root / "copy/sub").symlink_to(root / "place/canary")
        struck = self.strike_all({"through": stores.placing(build)}, WAYS, commands=("fetch", "pull"), prepare=standing)
        self.assertEqual({one.statuses["pull"] for one in struck.values()}, {73})

        def merging(root: Path) -> None:
            standing(root)
            self.mlrepo("checkout", "-q", "mine", cwd=root / "copy")
        self.strike_all({"merged": stores.placing(build)}, WAYS, commands=("fetch", "pull"), prepare=merging)

    @staticmethod
    def led_out(name: str) -> stores.Write:
        """A directory of the store lies outside of it, and a link is in its place."""
        def change(store: Path) -> None:
            elsewhere = store.parents[1] / "canary" / name.replace("/", "-")
            (store / name).rename(elsewhere)
            (store / name).symlink_to(elsewhere)
        return stores.changing(change)

    def test_directories_of_a_store_that_are_links(self) -> None:
        """What is read through them counts by its hashes; behind a line nothing is, and nothing is written."""
        attacks = {name: self.led_out(name) for name in ("packs", "log", "log/new", "tmp", "log/lists", "log/tile")}
        self.strike_all(attacks, over=("ssh",))
        self.strike_all(attacks, over=("directory",), commands=READING)

    def test_a_push_into_a_directory_goes_through_no_link(self) -> None:
        """It writes packs and entries to wherever links in the other store lead."""
        self.strike_all({name: self.led_out(name) for name in ("packs", "log/new")}, over=("directory",),
                        commands=("push",))


class T9_NoFiles(ThreatTest):
    """T9: pipes, devices, sockets and links in the place of files, files with several names or of other people."""

    def test_what_is_no_file(self) -> None:
        attacks = {f"{which} is a {kind}": stores.replaced(which, make)
                   for which in ("format", "log/new", "packs") for kind, make in stores.NO_FILES.items()}
        struck = self.strike_all({name: write for name, write in attacks.items() if name != "log/new is a dangling"},
                                 WAYS)
        self.refused(struck, *READING)
        self.strike_all(named("log_that_is_.*|log_entry_.*|packs_that_.*|pack_of_a_terabyte.*|format_is_.*"))

    def test_links_to_what_was_there(self) -> None:
        """Whoever follows them finds right bytes, and whoever does not says so."""
        struck = self.strike_all({f"{which} is linked": stores.replaced(which, stores.link_to_the_same)
                                  for which in ("format", "log/new", "packs")}, WAYS)
        self.assertLessEqual({status for one in struck.values() for status in one.statuses.values()}, {0, 69, 74})

    def test_a_clone_shares_no_file(self) -> None:
        """Packs with a second name, which somebody else may go on writing by, are copied."""
        stores.placing(stores.large)(self.root / "place")
        store = self.root / STORE
        for pack in list(store.rglob("*.pack")):
            os.link(pack, self.root / f"{pack.name}.mine")
        self.mlrepo("clone", str(store), "new", cwd=self.root)
        theirs = {(found := path.stat()).st_ino for path in store.rglob("*") if path.is_file()}
        for path in (self.root / "new").rglob("*"):
            status = path.stat()
            self.assertFalse(path.is_file() and (status.st_nlink > 1 or status.st_ino in theirs), path)

    @unittest.skipUnless(os.geteuid() == 0, "only root gives files away")
    def test_a_store_of_somebody_else(self) -> None:
        """Nothing in a store is executed or believed, so that it may be anybody's."""
        def give(store: Path) -> None:
            for path in [store, *store.rglob("*")]:
                os.chown(path, 12345, 12345)
            (store / "hooks").mkdir()
            hook = store / "hooks/post-checkout"
            hook.write_text("#!/bin/sh\ntouch ../../../canary/hooked\n")
            hook.chmod(0o755)
            (store / "config").write_text("remote.origin.url = ssh://-oProxyCommand=x/y\nuser.name = Mallory\n")
        struck = self.strike_all({"given": stores.changing(give)}, WAYS)
        self.assertEqual({status for one in struck.values() for status in one.statuses.values()}, {0})


class T10_Bombs(ThreatTest):
    """T10: little that becomes much, and lengths that lie."""

    def test_frames(self) -> None:
        struck = self.strike_all(
            named("frame_.*|zstd_.*|objects?_.*_overflow|objects_without_number|node_.*|a_varint_.*"),
            commands=("clone", "fetch"))
        # Of these two, what is needed is here already.
        self.refused(struck, "clone", "fetch", but=("object_lengths_that_overflow", "objects_without_number"))

    def test_a_frame_of_a_gibibyte(self) -> None:
        def build(place: hostile_stores.Place) -> None:
            block = bytes.fromhex("28b52ffda4") + (2**30).to_bytes(4, "little")
            block += b"".join(((131_072 << 3 | 2 | (n == 8191)).to_bytes(3, "little") + b"\0") for n in range(8192))
            content = (sha256(b"a bomb"), 2**22)
            stores.own_frame(place, 2, block, 2**22, [(1, *content)])
            place.publish({b"kept.txt": (1, *content)})
        self.refused(self.strike_all({"zstd_of_a_gib": stores.placing(build)}), *READING)

    def test_indexes_and_trailers(self) -> None:
        self.refused(self.strike_all(named("trailer_.*"), commands=("get", "push")), "get", "push")
        self.strike_all(named("index_.*"), commands=("clone", "pull"))

    def test_trees(self) -> None:
        self.strike_all(
            named("bomb_of_(files|commits|inputs|a_run)|bomb_that_.*|one_level_too_many|ten_thousand_levels"),
                        commands=("clone", "fetch", "push"), endless=True, over=("directory",))

    def test_texts(self) -> None:
        struck = self.strike_all(named("(commit|log_entry)_of_deep_json|log_with_a_list_of_.*|format_of_deep.*"))
        self.refused(struck, *READING)


class T15_Escapes(ThreatTest):
    """T15: what the other side says changes no terminal."""

    def test_texts_of_stores(self) -> None:
        self.strike_all(named("escapes_in_messages|control_.*|ref_.*|log_with_an_unknown_feature.*|format_of_escapes"
                              "|log_with_names_.*"),
                        commands=("clone", "get", "push"))

    def test_letters_that_turn_the_text_around(self) -> None:
        turned = "\u202egnp.exe\u2066\u200b"

        def build(place: hostile_stores.Place) -> None:
            place.publish({b"kept.txt": place.file(b"kept\n"), turned.encode(): place.file(b"odd\n")}, message=turned,
                          author={"email": "a@example.com", "name": "Ada"})
        self.strike_all({"turned": stores.placing(build)})
        # What was taken is told by other commands, too.
        stores.placing(build)(self.root / "place")
        self.mlrepo("clone", str(self.root / STORE), "new", cwd=self.root)
        for words in (("log",), ("ls",), ("branch", "-a"), ("show",), ("status",)):
            self.assertNotIn("\u202e", self.mlrepo(*words, cwd=self.root / "new"), words)
        shutil.rmtree(self.root / "place")


# Takes down what it was started with, each word followed by NUL, and that it was.
RECORDER = """#!/bin/sh
printf '%s\\0' "$@" END >>"$RECORD"
exit "$ENDS"
"""
EVIL = "-oProxyCommand=touch${IFS}evil"
# What no place may be.
NO_PLACES = (
    f"ssh://{EVIL}/x", f"ssh://{EVIL}:22/x", f"ssh://[{EVIL}]/x", f"ssh://ada@{EVIL}/x", f"ssh://{EVIL}@host/x",
    f"{EVIL}:x", f"ada@{EVIL}:x",
    f"{EVIL}@host:x", "-host:x", "-:x", "--:x", "ssh://-/x", "ssh:///x", "ssh://@host/x", "ssh://ada@/x", "@host:x",
    "ada@:x", "host:",
    "ssh://host", "ssh://host:/x", "ssh://host:0/x", "ssh://host:65536/x", "ssh://host:-1/x",
    "ssh://host:99999999999999999999/x",
    "ssh://host:2 2/x", f"ssh://host:{EVIL}/x", "ho\nst:x", "ssh://host\n/x", "ssh://host/x\r\n", "ssh://ho\tst/x",
    "host:x\x1b[31m", "\x7fhost:x",
    "ssh://host\u0085/x", "ssh://ho\u2028st/x", "a b:x", "ssh://a b/x", "ssh://h;touch evil/x", "file://host/x",
    "file://-x/y", "file://x", "http://host/x",
    "git://host/x", "ext://x", "s3://x/y", "ssh+git://host/x",
)
# What would be more than a name to a shell in ssh's configuration: refused when it is asked for.
SHELL_PLACES = ("`touch${IFS}evil`:x", "$(touch${IFS}evil):x", "ssh://$(touch${IFS}evil)/x", "ssh://a'b/x",
                'ssh://a"b/x', "ssh://a|touch/x",
                "ssh://`x`@host/x", "ssh://a;b@host/x", "ssh://a\\b/x")
# What may be one, and is no option then: each with the host that ssh is told.
ODD_PLACES = {
    "ext::sh -c touch% evil": "ext", "ext::sh -c 'touch evil'": "ext", f"host:{EVIL}": "host",
    f"ssh://host/{EVIL}": "host",
    f"ssh://host/~/{EVIL}": "host", "host:$(touch evil)": "host", "host:x;touch evil": "host", "host:x' 'y": "host",
    "host:`touch evil`": "host",
    "ssh://%2doProxyCommand=touch/x": "%2doProxyCommand=touch", "ssh://host%0a/x": "host%0a",
    "ssh://host%00/x": "host%00",
    "ssh://host/%0a%00": "host", "ssh://host:22:33/x": "host:22", "ssh://[::1]:22/x": "::1", "host:--": "host",
    "host:-": "host", "ssh://a@b@host/x": "host",
}


class T14_Places(RemoteTest):
    """T14: places of other stores by which ssh would be told something else, or that are read in two ways."""

    def setUp(self) -> None:
        super().setUp()
        recorder = self.root / "recorder"
        recorder.write_text(RECORDER)
        recorder.chmod(0o755)
        self.record = self.root / "record"
        self.environment |= {"MLREPO_SSH": str(recorder), "RECORD": str(self.record), "ENDS": "255"}
        self.version("One")

    def started(self) -> list[list[str]]:
        """The words of each ssh since the last call."""
        words = os.fsdecode(self.record.read_bytes()).split("\0")[:-1] if self.record.exists() else []
        self.record.unlink(missing_ok=True)
        return [list(group) for is_end, group in itertools.groupby(words, lambda word: word == "END") if not is_end]

    def typed(self, place: str) -> Iterator[tuple[str, ...]]:
        """Everything that takes a place, as it is typed."""
        yield "clone", "--", place, "../new"
        yield "get", "--to", "../got", "--", place, "data/a.txt"
        yield "push", "--", place
        yield "remote", "add", "other", "--", place
        yield "remote", "set", "known", "--", place

    def test_what_is_no_place(self) -> None:
        self.mlrepo("remote", "add", "known", "/nowhere")
        config = (self.work / ".mlrepo/config").read_bytes()
        for number, place in enumerate(NO_PLACES):
            every = list(self.typed(place))
            # The first of them, and the others in turn.
            for words in (every[0], every[1 + number % 4]):
                with self.subTest(place, words=words):
                    done = self.run_raw(*words)
                    self.assertEqual(done.returncode, 64, done)
                    self.assertEqual(self.started(), [])
                    self.assertFalse(re.search(rb"[\0-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80\xa8", done.stderr),
                                     done.stderr)
            self.untouched()
        self.assertEqual((self.work / ".mlrepo/config").read_bytes(), config)

    def test_what_is_typed_without_a_mark(self) -> None:
        """What begins with a hyphen is an option, and none that there is."""
        for words in (("clone", f"{EVIL}:x"), ("push", f"{EVIL}:x"), ("get", f"{EVIL}:x", "y"), ("remote", "add", "x",
                                                                                                 f"{EVIL}:x")):
            self.refused(*words, status=64, says="error: ")
        # -h and what follows asks for help.
        self.mlrepo("remote", "add", "x", "-host:x")
        self.assertEqual((self.mlrepo("remote"), self.started()), ("", []))

    def test_what_a_shell_would_take_for_more(self) -> None:
        for place in SHELL_PLACES:
            for words in list(self.typed(place))[:3]:
                with self.subTest(place, words=words):
                    self.assertEqual(self.run_raw(*words).returncode, 64)
                    self.assertEqual(self.started(), [])
            self.untouched()

    def test_what_is_planted(self) -> None:
        """The configuration of a copy that somebody else has written."""
        config = self.work / ".mlrepo/config"
        commands = itertools.cycle((("fetch",), ("push",), ("pull", "origin", "main"), ("push", "origin", "main")))
        for place in (*NO_PLACES, *SHELL_PLACES, "ssh://ho\0st/x", "host:x\0y", "ssh://host/x\0", "\0"):
            if "\n" in place:
                continue  # the line ends there, so that the place is what is before
            config.write_bytes(b"remote.origin.url = " + place.encode() + b"\n")
            for words in (next(commands), next(commands)):
                with self.subTest(place, words=words):
                    done = self.run_raw(*words)
                    self.assertIn(done.returncode, (64, 65, 66), done)
                    self.assertEqual(self.started(), [])
            self.untouched()

    def test_what_reaches_ssh_is_no_option(self) -> None:
        commands = itertools.cycle(list(self.typed("{}"))[:3])
        for ends in ("255", "127"):
            self.environment["ENDS"] = ends
            for place, host in ODD_PLACES.items():
                words = next(commands)
                with self.subTest(place, words=words, ends=ends):
                    self.assertEqual(self.run_raw(*(word.format(place) for word in words)).returncode, 69)
                    self.look(self.started(), host, is_plain=ends == "127")
                self.untouched()

    def look(self, started: list[list[str]], host: str, is_plain: bool) -> None:
        """Options, all of them ours; the host; and one word for the shell there, in which the path is one word."""
        self.assertEqual(len(started), 2 if is_plain else 1, started)
        for number, words in enumerate(started):
            mark = words.index("--")
            self.assertRegex(" ".join(words[:mark]), r"^-T( -p \d+)?( -s)?$")
            self.assertEqual(words[mark + 1].rpartition("@")[2], host)
            self.assertEqual(len(words), mark + 3, words)
            if number == 0:
                self.assertEqual(shlex.split(words[-1])[:4], ["mlrepo", "serve", "--stdio", "--"])
                self.assertEqual(len(shlex.split(words[-1])), 5, words)
            else:
                self.assertEqual(words[-1], "sftp")

    def untouched(self) -> None:
        found = {path.name for place in (self.root, self.work) for path in place.iterdir()}
        self.assertLessEqual(found, {"work", "recorder", "data", ".mlrepo"}, found)

    def test_a_hyphen_with_an_accent_is_a_hyphen(self) -> None:
        """To people it is another letter, and to ssh the first byte counts."""
        for place in ("-\u0301oProxyCommand=x:y", "ssh://-\u0301oProxyCommand=x/y", "ssh://-\u0301l@host/y"):
            with self.subTest(place):
                self.assertEqual(self.run_raw("clone", "--", place, "../new").returncode, 64)
                self.assertEqual(self.started(), [])


if __name__ == "__main__":
    unittest.main()
