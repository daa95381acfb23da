"""Explicit-state check of the store's commit, read and collection protocol (a specification that runs).

The processes are in `store_protocol.py`.  All interleavings are explored breadth first, so a counterexample is a
shortest one.  Properties, checked in every state and on every step:

  P1 objects         every object reachable from the visible log lies in a file that the log's readers look at
  P2 append-only     the visible log only grows, and every entry in it reads as it was committed
  P3 no lost update  a pusher that was told "done" has its entry in the log, once
  P4 no dead end     no writer meets a name that is taken, for ever, by a content that is not its own
  P5 pack reader     a live pack's file is there; a reader that misses a file finds in the log why
  P6 log reader      what a reader of the log concludes was the visible log at a moment during its read (so it is a
                     prefix of the log from then on, and never goes backwards), and no fork is reported that is none

Each configuration has an expected verdict: "holds", or the property that must be seen to break.  A variant that is
not caught is a failure as much as a design that breaks.

    python3 store_model.py            all configurations (minutes)
    python3 store_model.py --quick    those that are done in seconds
    python3 store_model.py NAME ...   those whose name contains one of the words
    --long                            also two that were never seen to finish (hours, memory; see --limit)
    --traces                          print the shortest counterexamples
"""
import argparse
import gc
import sys
import time
from typing import NamedTuple
from store_protocol import Protocol

HOLDS = 'holds'
QUICK, FULL, LONG = range(3)


class Variant(NamedTuple):
    """One configuration of the protocol; the defaults are the design (with `read` as repaired).

    gc    trash     first design: mark, move to trash, grace, mark again, delete; a pusher trusts a listing
          ordered   a pack lives by the log: drop and doom are entries, a pusher extends the head it planned on
          sweep     as ordered, but files that no entry names are deleted without an entry
          reuse     as ordered, but the name of a doomed pack may be written again
    log   tiles     an entries file named by size, overwritten; compare-and-swap of one head
          excl      the same, entries file by put-if-absent
          lease     a lock with a lease, compare, rename
          cas       one head object with a true compare-and-swap
          numbered  numbered entries by put-if-absent; after the put look for the tile that would have sealed the number
          blind     the same without that look
          early     the same, but the look comes before the put
    read  what is done where a number is absent
          absent    look for the tile that would have sealed the absent number; names that were found count as entries
          verify    the same, and compare each next entry's note with what is known: a mismatch is reported as a fork
          before    look for the tile before trying the name
          confirm   look for the tile of the first number that was read by name and not yet confirmed by such a look;
                    what is in a tile replaces what was read by name
    tile  exclusive a tile is put if absent;    eager  L overwrites it as soon as it has read all its names
    pushers               those of 'AB' that take part
    walk  the processes of 'ABG' that read the log by single looks as L does; the others read it in one step
    logreader, packreader   L, R take part;   others  entries committed by yet other writers
    crashes, crashers       restarts in all, and whose;   rounds  of the collector
    late                    puts of A or B that take effect after their sender gave up
    symmetry                A and B are alike: of two mirror images one is kept
    bounded, fresh          no push outlives the grace; listings are never stale (these only matter to trash)
    """
    gc: str = 'ordered'
    log: str = 'numbered'
    read: str = 'confirm'
    tile: str = 'exclusive'
    pushers: str = 'AB'
    walk: str = ''
    logreader: bool = False
    packreader: bool = False
    others: int = 0
    crashes: int = 0
    crashers: str = 'ABG'
    late: int = 0
    rounds: int = 0
    bounded: bool = False
    fresh: bool = False
    symmetry: bool = True


def configuration(name, expect, when=QUICK, **variant):
    symmetry = expect == HOLDS and variant.get('pushers', 'AB') == 'AB'    # without it, traces name one and the same process
    return name, expect, when, Variant(**variant, symmetry=symmetry)


CONFIGURATIONS = [
    # The log: nearest simpler forms.
    configuration('entries file overwritten', 'P2', log='tiles'),
    configuration('entries file exclusive', 'P4', log='excl'),
    configuration('lock with a lease', 'P2', log='lease'),
    configuration('blind: no look after the put', 'P3', log='blind', others=2),
    configuration('blind, with a collector', 'P3', log='blind', rounds=1),
    configuration('early: the look before the put', 'P3', log='early', others=2),
    # The collector: nearest simpler forms.
    configuration('trash and grace', 'P1', gc='trash', log='cas', rounds=1),
    configuration('trash, pushes within the grace', 'P1', gc='trash', log='cas', rounds=1, bounded=True),
    configuration('trash, and fresh listings, 1 crash', HOLDS,
                  gc='trash', log='cas', rounds=1, crashes=1, bounded=True, fresh=True),
    configuration('sweep orphans by age', 'P1', gc='sweep', log='cas', rounds=1),
    configuration('doomed names used again', 'P1', gc='reuse', log='cas', rounds=2),
    # Reading the log.
    configuration('read: tile of the absent number', 'P6', read='absent', logreader=True, others=2),
    configuration('read: the same, notes verified', 'P6', read='verify', logreader=True, others=2),
    configuration('read: tile before name', 'P6', read='before', logreader=True, others=2),
    configuration('read: absent, pushers walk', 'P3', read='absent', walk='AB', others=2),
    configuration('read: absent, collector walks', 'P1', read='absent', pushers='A', walk='G', rounds=1, others=1),
    configuration('tiles overwritten while reading', 'P2', tile='eager', logreader=True, others=2),
    # The design, with the repaired read.
    configuration('design, log reader, 1 pusher', HOLDS, pushers='A', logreader=True, others=3),
    configuration('design, log reader, 2 pushers', HOLDS, FULL, logreader=True, others=2),
    configuration('design, pushers walk', HOLDS, walk='AB', others=2),
    configuration('design, 2 crashes, no collector', HOLDS, crashes=2),
    configuration('design, late put, pusher walks', HOLDS, pushers='A', walk='A', others=3, late=1),
    configuration('design, compare-and-swap', HOLDS, log='cas', packreader=True, rounds=1),
    configuration('design, collector', HOLDS, FULL, rounds=1),
    configuration('design, collector, pack reader', HOLDS, FULL, packreader=True, rounds=1),
    configuration('design, collector, log reader', HOLDS, FULL, pushers='A', logreader=True, rounds=1),
    configuration('design, 2 late puts, pushers walk', HOLDS, FULL, walk='AB', others=2, late=2),
    configuration('design, collector, late put', HOLDS, FULL, rounds=1, late=1),
    configuration('design, log reader, late put', HOLDS, FULL, pushers='A', logreader=True, others=3, late=1),
    configuration('design, log reader, 1 crash', HOLDS, FULL, pushers='A', logreader=True, others=3, crashes=1),
    configuration('design, pushers walk, 1 crash', HOLDS, FULL, walk='AB', others=3, crashes=1),
    configuration('design, collector walks', HOLDS, FULL, pushers='A', walk='G', others=2, rounds=1),
    configuration('design, all walk', HOLDS, FULL, walk='ABG', rounds=1),
    configuration('design, cas, 2 rounds', HOLDS, FULL, log='cas', packreader=True, rounds=2),
    configuration('design, cas, 1 crash', HOLDS, FULL, log='cas', packreader=True, rounds=1, crashes=1),
    configuration('design, 1 pusher, collector, 1 crash', HOLDS, FULL, pushers='A', others=1, rounds=1, crashes=1),
    configuration('design, collector, G crashes', HOLDS, LONG, rounds=1, crashes=1, crashers='G'),
    configuration('design, collector, A or B crashes', HOLDS, LONG, rounds=1, crashes=1, crashers='AB'),
]


def explore(variant, limit):
    """Return (what broke or None, states, steps, depth, trace of the counterexample)."""
    protocol = Protocol(variant)
    steps, broken, canonical = protocol.steps, protocol.broken, protocol.canonical
    first = protocol.first()
    came, level, count, depth = {first: None}, [first], 0, 0
    while level:
        depth, following = depth + 1, []
        for s in level:
            for what, t in steps(s):
                count += 1
                why = broken(s, t)
                if why:
                    trace, at = [what], s
                    while came[at]:
                        at, label = came[at]
                        trace.append(label)
                    return why, len(came), count, depth, trace[::-1]
                t = canonical(t)
                if t not in came:
                    came[t] = (s, what)
                    following.append(t)
        level = following
        if len(came) > limit: return f'not finished: more than {limit:,} states', len(came), count, depth, []
    return None, len(came), count, depth, []


def check(name, expect, variant, traces, limit):
    """Explore one configuration, print one line, and return whether the verdict is the expected one."""
    began = time.monotonic()
    why, states, steps, depth, trace = explore(variant, limit)
    verdict = why or HOLDS
    passed = verdict == expect or (expect != HOLDS and verdict.startswith(expect + ':'))
    print(f'{"ok  " if passed else "FAIL"} {name:36} {states:>9,} states {steps:>10,} steps depth {depth:>3} '
          f'{time.monotonic() - began:>6.1f} s  {verdict}{"" if passed else f"  (expected: {expect})"}', flush=True)
    if trace and (traces or not passed):
        print(''.join(f'       {i:>2}. {step}\n' for i, step in enumerate(trace, 1)), end='', flush=True)
    return passed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('names', nargs='*')
    parser.add_argument('--quick', action='store_true')
    parser.add_argument('--long', action='store_true')
    parser.add_argument('--traces', action='store_true')
    parser.add_argument('--limit', type=int, default=8_000_000, help='states before a configuration counts as not finished')
    args = parser.parse_args()
    most = QUICK if args.quick else LONG if args.long else FULL
    chosen = [c for c in CONFIGURATIONS if c[2] <= most]
    if args.names: chosen = [c for c in chosen if any(n in c[0] for n in args.names)]
    gc.disable()                                    # millions of live tuples, none of them in a cycle
    began = time.monotonic()
    results = [check(name, expect, variant, args.traces, args.limit) for name, expect, _, variant in chosen]
    print(f'{sum(results)} passed, {len(results) - sum(results)} failed ({time.monotonic() - began:.1f} s)')
    return 0 if results and all(results) else 1


if __name__ == '__main__':
    sys.exit(main())
