"""The store's commit, read and collection protocol as atomic steps of processes over a dumb store.

A store offers put, put-if-absent, get, delete and a listing that may be stale; nothing else is assumed of it, in
particular no clock, no lock and no rename over an existing name (the variants that use one are first designs that
fail).  Every `yield` below is one atomic step.  `store_model.py` lists the variants and
explores all interleavings of the processes

  A, B    pushers: read the log, plan on its head, upload a pack, put the next number, look whether it was sealed
  G       a collector: drops, then dooms, then deletes packs; or merges live packs into one
  R       a reader of packs, which acts on a head that may be old by the time it fetches
  L       a reader of the log, which begins at the number that it saw last
  *       anyone: seals a full tile, removes names of sealed entries, commits further entries (`others`)

Assumptions.  A process may stop for ever before any step, or crash and start again, with its memory lost or kept
(`crashes` restarts in all).  A put may take effect although its reply is lost (such a put is treated as won and is
then checked), or long after its sender gave it up (`late` such puts).  Single puts, gets and deletes are atomic and, when they return, durable (a machine that loses power
is not modelled; the orders of fsync are not).  A get after a put sees the put (no stale caches).  Tiles are sealed in
order.  "A day later" and "after the grace" mean "at any time later", so no property depends on how long that is.

Objects: 'o' is shared, lies in pack X, is unreachable at first, and both pushers need it; 'a' and 'b' are A's and B's
own.  A pack is (owner, incarnation, content).  A log is a tuple of entries; refs, live, dropped and doomed packs are
derived from it.  A `ghost` is an entry put under a number that had been sealed and whose name had been removed.
"""
from collections import namedtuple
from functools import lru_cache

Store = namedtuple('Store', 'log tiles names seal lock files trash others crashes A B G R L late flight')
Entry = namedtuple('Entry', 'who adds drops dooms')
Head = namedtuple('Head', 'known sure second')          # what a process knows of the log; see Protocol.look
Pusher = namedtuple('Pusher', 'pc head pack also tries')
Collector = namedtuple('Collector', 'pc head todo mark waits entry rounds')
PackReader = namedtuple('PackReader', 'pc want pack')
LogReader = namedtuple('LogReader', 'pc head since')

NONE, EMPTY = frozenset(), Head((), 0, False)
X = ('x', 0, frozenset('o'))
START = (Entry('init', frozenset([X]), NONE, NONE),)    # entry 1: X is live, there are no refs
TILE = 2                                                # entries in a full tile (256 in the format)


# ---- what is derived from the log -------------------------------------------------------------------------------------
@lru_cache(None)
def live(log):
    packs = NONE
    for e in log: packs = (packs | e.adds) - e.drops
    return packs

@lru_cache(None)
def doomed(log): return frozenset().union(*(e.dooms for e in log))
@lru_cache(None)
def dropped(log): return frozenset().union(*(e.drops for e in log)) - live(log) - doomed(log)
@lru_cache(None)
def refs(log): return frozenset(e.who for e in log if e.who in ('A', 'B'))
@lru_cache(None)
def reach(log): return frozenset(o for who in refs(log) for o in ('o', who.lower()))

def holding(packs, o): return sorted((p for p in packs if o in p[2]), key=repr)
def dead(packs, objects): return frozenset(p for p in packs if not p[2] & objects)

@lru_cache(None)
def committed(seal, names):
    """The log of a numbered store: its sealed prefix, then the numbered entries without a gap."""
    log, names = seal, dict(names)
    while len(log) + 1 in names: log += (names[len(log) + 1],)
    return log

SWAP = {'A': 'B', 'B': 'A', 'a': 'b', 'b': 'a'}
@lru_cache(1 << 20)
def swap(v):
    """The mirror image of a value: A for B and B for A."""
    if isinstance(v, str): return SWAP.get(v, v)
    if isinstance(v, frozenset): return frozenset(map(swap, v))
    if isinstance(v, tuple): return type(v)(*map(swap, v)) if hasattr(v, '_fields') else tuple(map(swap, v))
    return v


class Protocol:
    def __init__(self, variant):
        self.v = variant                                # a store_model.Variant
        self.numbered = variant.log in ('numbered', 'blind', 'early')
        self.ordered = variant.gc != 'trash'

    def first(self):
        v, pusher = self.v, Pusher('read', EMPTY, None, NONE, 0)
        log, entries = START, frozenset([(1, START[0])])
        return Store(() if self.numbered else log, NONE if self.numbered else entries, entries if self.numbered else NONE,
                     (), '', frozenset([X]), NONE, v.others, v.crashes,
                     pusher, pusher, Collector('done', EMPTY, NONE, NONE, NONE, None, v.rounds),
                     PackReader('idle', '', None), LogReader('idle', Head(START, 1, False), 0), v.late, NONE)

    def visible(self, s): return committed(s.seal, s.names) if self.numbered else s.log

    def steps(self, s):
        for me in self.v.pushers:
            for what, t in self.pusher(me, s): yield f'{me}: {what}', t
        for what, t in self.collector(s): yield f'G: {what}', t
        if self.v.packreader:
            for what, t in self.packreader(s): yield f'R: {what}', t
        if self.v.logreader:
            for what, t in self.logreader(s): yield f'L: {what}', t
        for what, t in self.anyone(s): yield f'*: {what}', t

    def canonical(self, s):
        """Of a state and its mirror image keep one, where the pushers' own memories tell them apart."""
        if not self.v.symmetry or s.A.pc < s.B.pc: return s
        if s.A.pc == s.B.pc and (s.A.tries, len(s.A.head.known)) <= (s.B.tries, len(s.B.head.known)): return s
        t = Store(*map(swap, s))
        return t._replace(A=t.B, B=t.A)

    # ---- reading the log --------------------------------------------------------------------------------------------
    def look(self, s, me, h):
        """One look at the log by a process that knows `h`: return (what, head, 'on' | 'newest' | 'fork').

        `known` is what was read, `sure` how much of it cannot be a ghost, `second` whether the first of the two looks at
        a number (its name; with `before`, its tile) found nothing.
        """
        if me not in self.v.walk + 'L':
            log = self.visible(s)
            return 'read the head', Head(log, len(log), False), 'newest'
        k, rule = len(h.known) + 1, self.v.read
        if h.second == (rule == 'before'):                                   # look at the name
            entry = dict(s.names).get(k)
            if entry is not None:
                if rule == 'verify' and self.forked(s, h.known, entry): return f'{k} does not fit', h, 'fork'
                return f'read name {k}', Head(h.known + (entry,), h.sure, False), 'on'
            if rule != 'before': return f'name {k} is absent', h._replace(second=True), 'on'
            return f'name {k} is absent: newest is {k - 1}', Head(h.known, k - 1, False), 'newest'
        first = h.sure + 1 if rule == 'confirm' else k                        # look at a tile
        end = -(-first // TILE) * TILE
        if len(s.seal) >= end:
            if rule == 'verify' and self.forked(s, h.known, s.seal[k - 1]): return f'tile of {k} does not fit', h, 'fork'
            known = h.known[:first - 1] + s.seal[first - 1:end]
            return f'read {first} to {end} from their tile', Head(known, end, False), 'on'
        if rule == 'before': return f'tile of {k} is absent', h._replace(second=True), 'on'
        return f'tile of {first} is absent: newest is {k - 1}', Head(h.known, k - 1, False), 'newest'

    def forked(self, s, known, entry):
        """An entry's note names the root of all before it: a committed entry does not fit behind a ghost."""
        log, n = self.visible(s), len(known)
        return log[n:n + 1] == (entry,) and log[:n] != known

    def memory(self, me, h):
        """What a process keeps when it begins again: the newest number that it saw."""
        return h._replace(second=False) if me in self.v.walk else EMPTY

    def logreader(self, s):
        r = s.L
        def to(state=s, **k): return state._replace(L=r._replace(**k))
        if r.pc == 'idle':
            yield f'begin at {len(r.head.known)}', to(pc='read', since=len(self.visible(s)))
        elif r.pc == 'read':
            what, head, outcome = self.look(s, 'L', r.head)
            if outcome == 'fork': yield what, to(pc='P6: a fork is reported that is none')
            elif outcome == 'on': yield what, to(head=head)
            elif self.visible(s)[:len(head.known)] != head.known:
                yield what, to(pc='P6: an entry was read that is not in the log')
            elif len(head.known) < r.since: yield what, to(pc='P6: the log was longer when the read began')
            else: yield what, to(pc='idle', head=head, since=0)
            n = len(r.head.known)
            if self.v.tile == 'eager' and n % TILE == 0 and n <= len(s.seal):
                yield f'overwrite tile to {n}', s._replace(seal=s.seal[:n - TILE] + r.head.known[n - TILE:] + s.seal[n:])

    # ---- extending the log ------------------------------------------------------------------------------------------
    def extend(self, s, base, entry):
        """One try to put `entry` behind `base`: return (state, 'lost' | 'won' | 'check')."""
        if not self.numbered:
            return (s._replace(log=base + (entry,)), 'won') if s.log == base else (s, 'lost')
        k = len(base) + 1
        if k in dict(s.names): return s, 'lost'
        return s._replace(names=s.names | {(k, entry)}), 'check' if self.v.log == 'numbered' else 'won'

    def sealed_away(self, s, base, entry):
        """The tile that would have sealed the number holds another entry: the put made a ghost."""
        k = len(base) + 1
        return len(s.seal) >= k and s.seal[k - 1] != entry

    def anyone(self, s):
        log = self.visible(s)
        if s.others:
            t, _ = self.extend(s, log, Entry(f'other {s.others}', NONE, NONE, NONE))
            yield f'another writer commits {len(log) + 1}', t._replace(others=s.others - 1)
        for k, e in s.flight:
            names = s.names if k in dict(s.names) else s.names | {(k, e)}
            yield f'a put of {k} arrives late', s._replace(names=names, flight=s.flight - {(k, e)})
        if self.numbered:
            if len(log) >= len(s.seal) + TILE:
                yield f'seal to {len(s.seal) + TILE}', s._replace(seal=log[:len(s.seal) + TILE])
            for k, e in s.names:
                if k <= len(s.seal) and k < len(log): yield f'remove name {k}', s._replace(names=s.names - {(k, e)})

    # ---- pushers ----------------------------------------------------------------------------------------------------
    def pusher(self, me, s):
        p, v, own = getattr(s, me), self.v, me.lower()
        def to(state=s, **k): return state._replace(**{me: p._replace(**k)})
        def again(state=s): return to(state, pc='read', head=self.memory(me, p.head), also=NONE)
        def done(state=s): return to(state, pc='done', head=EMPTY, also=NONE, pack=None if self.ordered else p.pack, tries=0)
        base = p.head.known
        entry = Entry(me, frozenset({p.pack} | p.also) if p.pack else NONE, NONE, NONE)

        if p.pc == 'read':
            what, head, outcome = self.look(s, me, p.head)
            if outcome == 'on': yield what, to(head=head)
            elif me in refs(head.known): yield what + ', my entry is there', done()
            else: yield what, to(pc='plan', head=head)
        elif p.pc == 'plan':                                 # what to bring, what to rely on, what to add again
            if self.ordered:
                there, back = holding(live(base), 'o'), holding(dropped(base), 'o')
                plans = [(own, NONE)] if there else [(own, frozenset([q])) for q in back] or [(own + 'o', NONE)]
            else:
                listings = {s.files} if v.fresh else {s.files, frozenset([X])}
                plans = [(own if holding(files, 'o') else own + 'o', NONE) for files in listings]
            for content, also in plans:
                content = frozenset(content)
                if self.ordered and p.pack in s.files and p.pack[2] == content and p.pack not in doomed(base):
                    yield 'plan: my pack is there', to(pc='early' if v.log == 'early' else 'claim', also=also)
                else:
                    name = (me, p.tries if v.gc in ('ordered', 'sweep') else 0, content)
                    what = f'plan to bring {"".join(sorted(content))}'
                    yield what, to(pc='upload', pack=name, also=also, tries=p.tries + self.ordered)
        elif p.pc == 'upload':
            following = {'tiles': 'entries', 'excl': 'entries', 'lease': 'lock', 'early': 'early'}.get(v.log, 'claim')
            yield 'upload pack', to(s._replace(files=s.files | {p.pack}), pc=following)
        elif p.pc == 'entries':                              # tiles, excl: an entries file named by the size to be
            size, mine, tiles = len(base) + 1, base + (entry,), dict(s.tiles)
            if v.log == 'excl' and tiles.get(size, mine) != mine:
                yield 'entries file is taken', to(pc='P4: the log cannot be extended') if s.log == base else again()
            else: yield 'write entries file', to(s._replace(tiles=frozenset((tiles | {size: mine}).items())), pc='claim')
        elif p.pc == 'lock': yield 'steal lock' if s.lock else 'lock', to(s._replace(lock=me), pc='compare')
        elif p.pc == 'compare':
            if s.log == base: yield 'compare: equal', to(pc='rename')
            else: yield 'compare: moved', again(s._replace(lock=''))
        elif p.pc == 'rename':
            yield 'rename head', done(s._replace(log=base + (entry,), lock='' if s.lock == me else s.lock))
        elif p.pc == 'early':
            if self.sealed_away(s, base, entry): yield 'look: number is sealed', again()
            else: yield 'look: number is not sealed', to(pc='claim')
        elif p.pc == 'claim':
            if s.late:
                yield 'put entry: gives up waiting', again(s._replace(late=s.late - 1, flight=s.flight | {(len(base) + 1, entry)}))
            t, outcome = self.extend(s, base, entry)
            if outcome == 'lost': yield 'put entry: lost', again()
            elif outcome == 'check': yield f'put entry {len(base) + 1}', to(t, pc='check')
            else:
                yield f'put entry {len(base) + 1}: won', done(t)
                if v.log == 'cas': yield 'put entry: won, reply lost', again(t)
        elif p.pc == 'check':
            if self.sealed_away(s, base, entry): yield 'its tile holds another entry: lost', again()
            else: yield 'its tile does not hold another entry: won', done()

        if s.crashes and me in v.crashers and p.pc not in ('done', 'read'):
            t = s._replace(crashes=s.crashes - 1)
            yield 'crash, forget', to(t, pc='read', head=EMPTY, pack=None, also=NONE, tries=p.tries + 1)
            yield 'crash, resume', again(t)

    # ---- the collector ----------------------------------------------------------------------------------------------
    def collector(self, s):
        g, v, base, log = s.G, self.v, s.G.head.known, self.visible(s)
        def to(state=s, **k): return state._replace(G=g._replace(**k))
        def go(pc, state=s):
            return to(state, pc=pc, head=self.memory('G', g.head), todo=NONE, mark=NONE, waits=NONE, entry=None)
        def put(entry, won, lost):
            t, outcome = self.extend(s, base, entry)
            if outcome == 'lost': return 'put entry: lost', go(lost)
            if outcome == 'check': return f'put entry {len(base) + 1}', to(t, pc='check ' + won, entry=entry, todo=NONE)
            return f'put entry {len(base) + 1}: won', go(won, t)
        def read(following):
            what, head, outcome = self.look(s, 'G', g.head)
            return what, to(head=head, pc=g.pc if outcome == 'on' else following)

        if g.pc == 'done':
            if g.rounds: yield 'start', to(pc='read' if self.ordered else 'mark', rounds=g.rounds - 1)
            return
        if g.pc == 'read': yield read('drop')                            # phase 1: live packs that hold nothing reachable
        elif g.pc == 'drop':
            packs = live(base)
            gone = dead(packs, reach(base))
            if gone: yield put(Entry('G', NONE, gone, NONE), 'again', 'read')
            else: yield 'nothing to drop', go('again')
            content = frozenset(o for q in packs for o in q[2]) & reach(base)
            if len(packs) > 1 and packs <= s.files and content:          # or one new pack for all old ones
                merged = ('m', g.rounds, content)
                yield 'write merged pack', to(s._replace(files=s.files | {merged}), pc='merge', todo=frozenset([merged]))
        elif g.pc == 'merge': yield put(Entry('G', g.todo, live(base), NONE), 'again', 'done')
        elif g.pc == 'again': yield read('doom')                         # phase 2: dropped packs and orphans
        elif g.pc == 'doom':
            listing = s.files if v.fresh else s.files | {X}
            orphans = listing - live(base) - dropped(base) - doomed(base)
            if v.gc == 'sweep' and not dropped(base): yield 'sweep orphans', to(pc='delete', head=EMPTY, todo=orphans)
            elif dropped(base) or orphans and v.gc != 'sweep':
                yield put(Entry('G', NONE, NONE, dropped(base) | (orphans if v.gc != 'sweep' else NONE)), 'plan', 'again')
            else: yield 'nothing to doom', go('plan')
        elif g.pc.startswith('check '):
            if self.sealed_away(s, base, g.entry): yield 'its tile holds another entry: lost', go('read')
            else: yield 'its tile does not hold another entry: won', go(g.pc[6:])
        elif g.pc == 'plan': yield read('deletions')
        elif g.pc == 'deletions':
            yield 'plan deletions', to(pc='delete', todo=doomed(base) & s.files, head=self.memory('G', g.head))
        elif g.pc == 'mark': yield 'mark', to(pc='list', mark=reach(log))                # trash, from here
        elif g.pc == 'list':
            for files in {s.files} if v.fresh else {s.files, frozenset([X])}:
                yield 'list', to(pc='condemn', todo=dead(files - ({s.A.pack, s.B.pack} if v.bounded else NONE), g.mark))
        elif g.pc == 'condemn':
            for q in g.todo:
                yield f'move {q[0]} to trash', to(s._replace(files=s.files - {q}, trash=s.trash | {q} & s.files), todo=g.todo - {q})
            if not g.todo:
                waits = frozenset(x for x in 'AB' if getattr(s, x).pc not in ('read', 'plan', 'done'))
                yield 'grace begins', to(pc='grace', waits=waits)
        elif g.pc == 'grace':
            if not v.bounded or all(getattr(s, x).pc in ('done', 'read') for x in g.waits):
                yield 'grace is over', to(pc='mark again', waits=NONE)
        elif g.pc == 'mark again':
            bad = dead(s.trash, reach(log))
            yield 'mark again, restore', to(s._replace(files=s.files | s.trash - bad, trash=bad), pc='delete', todo=bad)
        if g.pc == 'delete':
            for q in g.todo:
                files = s.files - {q} if self.ordered else s.files
                yield f'delete {q[0]}', to(s._replace(files=files, trash=s.trash - {q}), todo=g.todo - {q})
            if not g.todo: yield 'finished', go('done')
        if s.crashes and 'G' in v.crashers:
            yield 'crash', go('read' if self.ordered else 'mark', s._replace(crashes=s.crashes - 1))

    # ---- the reader of packs ----------------------------------------------------------------------------------------
    def packreader(self, s):
        r, log = s.R, self.visible(s)
        def to(*values): return s._replace(R=PackReader(*values))
        if r.pc == 'idle':
            for o in sorted(reach(log)):
                for q in holding(live(log), o): yield f'want {o} from {q[0]}', to('get', o, q)
        elif r.pc == 'get':
            if r.pack in s.files: yield 'got it', to('idle', '', None)
            elif r.pack in live(log): yield 'pack is missing', to('P5: a pack that the log calls live is missing', '', None)
            else: yield 'pack was dropped: read the log again', to('idle', '', None)

    # ---- properties -------------------------------------------------------------------------------------------------
    def broken(self, old, s):
        """The property that the step from `old` to `s` breaks, or None."""
        for process in (s.L, s.R, s.A, s.B):
            if process.pc[0] == 'P': return process.pc
        before, log = self.visible(old), self.visible(s)
        if log is not before and log[:len(before)] != before: return 'P2: the log was rewritten'
        if s.A is not old.A or s.B is not old.B or log is not before:
            for x in 'AB':
                if getattr(s, x).pc == 'done' and [e.who for e in log].count(x) != 1:
                    return f'P3: the update of {x} was lost or applied twice'
        if s[:7] == old[:7]: return None
        if self.v.log in ('tiles', 'excl') and len(log) > 1 and dict(s.tiles).get(len(log)) != log:
            return 'P2: the entries file does not match the head'
        readable = s.files & live(log) if self.ordered else s.files | s.trash
        for o in sorted(reach(log)):
            if not holding(readable, o): return f'P1: reachable object {o} is gone'
        if self.ordered and not live(log) <= s.files: return 'P5: a pack that the log calls live is missing'
        return None
