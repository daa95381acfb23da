"""Executable check of the node rule of the content-cut trees (directories, refs, recipes).

The rule.  A tree is a map from keys to values, in the order of the keys.  Let h = SHA-256(key).  On level L an element
ends its node when h has at least BITS * (L + 1) trailing zero bits.  A run without an end that is longer than MAX is
split behind the element with the greatest h in its middle half (the first of equals), and each part again, until all
fit.  An inner element is (last key, id) of a node below.  Levels are added until one node is left, and a root with one
child is replaced by that child.  The cuts depend on the set of keys only.

What is checked, each with assertions:
  history    edited node by node (`Tree.edit` touches only the runs that changed), a tree has the very nodes of one
             built from scratch, for any order of insertions, deletions and changed values
  shape      no node is longer than MAX; a node made by a split is no shorter than MAX // 4
  height     at most HEIGHT, for random keys, keys without any natural cut, keys that are all natural cuts, and keys
             whose hashes only grow with their order (every split is then at the end of its window)
  changes    one edit makes at most `bound` new nodes a level.  One case has no such bound: in a long run without natural
             cuts whose hashes grow (or fall) with the order of the keys, every insertion moves the end of every window
             and with it every cut.  New nodes are then a share of ALL nodes (asserted only to be no more than all).

Assumption: an adversary chooses keys by trying.  To avoid natural cuts costs him nothing; z zero bits cost 2^z hashes a
key; an order of n hashes about n^2 hashes in all.  The chosen keys get a simulated h, which is his free choice.
'all hashes equal' cannot happen to keys, but does to a sequence that repeats one chunk.

    python3 tree_rule.py [--quick]
"""
import argparse
import bisect
import hashlib
import random
import sys
import time

BITS, MAX, HEIGHT = 5, 128, 16
TOP = 1 << 256


def sha(data): return int.from_bytes(hashlib.sha256(data).digest(), 'big')
def zeros(h): return (h & -h).bit_length() - 1 if h else 256


class Rule:
    """The cuts, for a choice of hash (SHA-256, unless a test plays the adversary) and of sizes."""

    def __init__(self, hashes=None, bits=BITS, most=MAX):
        self.hashes, self.bits, self.most = hashes or {}, bits, most

    def h(self, key):
        known = self.hashes.get(key)
        if known is None: known = self.hashes[key] = sha(key)
        return known

    def ends(self, key, level): return zeros(self.h(key)) >= self.bits * (level + 1)

    def split(self, run):
        """Cut a run (which has no natural end, except perhaps its last element) until every part fits."""
        parts, todo = [], [run]
        while todo:
            part = todo.pop()
            if len(part) <= self.most:
                parts.append(part)
                continue
            quarter = len(part) // 4
            middle = [self.h(key) for key, _ in part[quarter:len(part) - quarter]]
            cut = quarter + middle.index(max(middle)) + 1
            todo += [part[cut:], part[:cut]]
        return parts

    def nodes(self, elements, level):
        """All nodes of one level."""
        nodes, run = [], []
        for element in elements:
            run.append(element)
            if self.ends(element[0], level):
                nodes += self.split(run)
                run = []
        return nodes + (self.split(run) if run else [])


def node_id(level, node):
    digest = hashlib.sha256(b'%d' % level)
    for key, value in node: digest.update(b'%d %s %d %s ' % (len(key), key, len(value), value))
    return digest.digest()


def parent(level, node): return (node[-1][0], node_id(level, node))


class Tree:
    """A tree as its levels of nodes, built from scratch, or edited where it changes."""

    def __init__(self, rule, items):
        self.rule, self.levels = rule, []
        elements = sorted(items.items())
        while True:
            level = len(self.levels)
            nodes = rule.nodes(elements, level)
            self.levels.append(nodes)
            if len(nodes) <= 1: break
            elements = [parent(level, node) for node in nodes]

    def root(self): return node_id(len(self.levels) - 1, self.levels[-1][0]) if self.levels[-1] else node_id(0, [])
    def ids(self): return {(level, node_id(level, node)) for level, nodes in enumerate(self.levels) for node in nodes}

    def edit(self, key, value):
        """Set a key (or delete it, value None), touching on each level only the natural runs around what changed.

        Return the number of new nodes.
        """
        rule, made, level = self.rule, 0, 0
        out, into = [key], {} if value is None else {key: value}      # elements to take out and to put in on this level
        while True:
            if level == len(self.levels): self.levels.append([])
            nodes = self.levels[level]
            lasts = [node[-1][0] for node in nodes]
            touched = sorted([*out, *into])
            lo = bisect.bisect_left(lasts, touched[0])
            hi = min(bisect.bisect_left(lasts, touched[-1]), len(nodes) - 1)
            lo = min(lo, max(hi, 0))
            while lo > 0 and not rule.ends(lasts[lo - 1], level): lo -= 1               # to the run's natural begin
            while hi + 1 < len(nodes) and (not rule.ends(lasts[hi], level) or lasts[hi] in out): hi += 1
            old = nodes[lo:hi + 1]
            elements = {k: v for node in old for k, v in node if k not in out} | into
            new = rule.nodes(sorted(elements.items()), level)
            nodes[lo:hi + 1] = new
            before, after = {parent(level, n) for n in old}, {parent(level, n) for n in new}
            made += len(after - before)
            out, into = [k for k, _ in before - after], dict(after - before)
            if len(nodes) <= 1:
                del self.levels[level + 1:]
                return made
            if level + 1 == len(self.levels):                                          # a new level, from all nodes
                into, out = dict(parent(level, n) for n in nodes), []
            if not out and not into: return made
            level += 1


# ---- checks ------------------------------------------------------------------------------------------------------------
def history_check(rng, rule, key, edits):
    """Random edits against from scratch; in between the tree shrinks to nothing and grows again."""
    items, tree = {}, Tree(rule, {})
    for step in range(edits):
        shrink = step // 150 % 3 == 2
        if items and rng.random() < (0.8 if shrink else 0.25): k, value = rng.choice(list(items)), None
        else: k, value = key(rng), b'%d' % rng.randrange(1000)
        if value is None: del items[k]
        else: items[k] = value
        tree.edit(k, value)
        scratch = Tree(rule, items)
        assert tree.levels == scratch.levels and tree.root() == scratch.root(), f'history shows after edit {step}'
    order = list(items.items())
    rng.shuffle(order)
    again = Tree(rule, {})
    for k, value in order: again.edit(k, value)
    assert again.levels == tree.levels, 'the order of insertion shows'
    return len(items)


def shape_check(tree):
    rule = tree.rule
    for level, nodes in enumerate(tree.levels):
        for i, node in enumerate(nodes):
            assert 1 <= len(node) <= rule.most, 'node too long'
            natural = rule.ends(node[-1][0], level) or i + 1 == len(nodes)
            begins = i == 0 or rule.ends(nodes[i - 1][-1][0], level)
            assert len(node) >= rule.most // 4 or natural and begins, 'a split made a short node'
    assert len(tree.levels) <= HEIGHT, 'too high'


def change_check(name, tree, fresh_keys, bound):
    """One insertion, taken back again, for each fresh key; and one changed value.  Return mean and worst new nodes."""
    counts, before = [], tree.root()
    for k in fresh_keys:
        counts.append(tree.edit(k, b'new'))
        shape_check(tree)
        tree.edit(k, None)
        assert tree.root() == before, 'an edit taken back leaves a trace'
    worst, mean = max(counts), sum(counts) / len(counts)
    k, v = tree.levels[0][len(tree.levels[0]) // 2][0]
    assert tree.edit(k, b'other') == len(tree.levels), 'a changed value changes one node a level'
    tree.edit(k, v)
    assert tree.root() == before
    sizes = [len(n) for n in tree.levels[0]]
    total = sum(map(len, tree.levels))
    print(f'{name:31} {sum(sizes):>7} keys  height {len(tree.levels)}  leaf mean {sum(sizes) / len(sizes):>5.1f} '
          f'max {max(sizes):>3}  new nodes per insertion: mean {mean:.1f} worst {worst} of {total}', flush=True)
    most = bound * len(tree.levels) if bound else total + len(tree.levels)
    assert worst <= most, f'{worst} new nodes, more than {most}'


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--quick', action='store_true')
    quick = parser.parse_args().quick
    began, rng = time.monotonic(), random.Random(7)
    n, trials = (8_000, 30) if quick else (24_000, 50)

    def name(r): return b'%06x.jpg' % r.getrandbits(24)
    small = {'sizes of the format': Rule(), 'small nodes': Rule(bits=2, most=8), 'no natural cut': Rule(bits=300, most=8)}
    for label, rule in small.items():
        seeds, edits = (2, 900) if quick else (2, 1500)
        left = sum(history_check(random.Random(seed), rule, name, edits) for seed in range(seeds))
        print(f'history: {label:19} edited tree = tree from scratch ({left} keys at the ends)', flush=True)

    def odd(_=None): return rng.getrandbits(256) | 1                          # no zero bit: never a natural cut
    def rising(n): return lambda i: TOP // (2 * n) * i | 1
    def falling(n): return lambda i: TOP // (2 * n) * (n - i) | 1
    def zeroed(z): return lambda i: odd() << z & TOP - 1
    cases = [  # name, number of keys, hash of key i, hash of a key put behind key i, most new nodes a level
        ('random', n, None, None, 2),
        ('no natural cut', n, odd, odd, 4),
        ('no natural cut, new greatest', n, odd, lambda i: TOP - 1, 16),
        ('all natural cuts on level 0', n, zeroed(BITS), odd, 2),
        ('all natural cuts on levels 0-3', n // 10, zeroed(4 * BITS), odd, 2),
        ('all hashes equal', n // 10, lambda i: 1, lambda i: 1, None),
        ('hashes fall, no natural cut', n // 4, falling(n // 4), falling(n // 4), None),
        ('hashes grow, no natural cut', n // 16, rising(n // 16), rising(n // 16), None),
        ('hashes grow, no natural cut', n // 4, rising(n // 4), rising(n // 4), None),
    ]
    for label, count, chosen, between, bound in cases:
        keys = [b'%08d.jpg' % (2 * i) for i in range(count)]
        rule = Rule({k: chosen(i) for i, k in enumerate(keys)} if chosen else {})
        tree = Tree(rule, dict.fromkeys(keys, b'value'))
        shape_check(tree)
        fresh = []
        for i in rng.sample(range(count), trials):
            fresh.append(b'%08d.jpg' % (2 * i + 1))
            if between: rule.hashes[fresh[-1]] = between(i)
        change_check(label, tree, fresh, bound)
    print(f'all assertions hold ({time.monotonic() - began:.1f} s)')
    return 0


if __name__ == '__main__':
    sys.exit(main())
