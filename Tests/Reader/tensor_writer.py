"""A small encoder of the streams of tensors that Documentation/Formats/tensor.md defines, for tests.

It makes simple choices and does not try to save bytes. Each feature of the format has a keyword.
"""

import struct
from collections import Counter

WIDTHS = {1: 2, 2: 2, 3: 4, 4: 8, 5: 1, 6: 1, 16: 1, 17: 2, 18: 4, 19: 8}
MANTISSA_BITS = {1: 7, 2: 10, 3: 23, 4: 52, 5: 3, 6: 2}  # the types that are floating-point
ESCAPE = ZERO_ROW = 255


class BitWriter:
    def __init__(self):
        self.value_bits = []

    def bits(self, value, count):
        self.value_bits.extend(value >> i & 1 for i in range(count))

    def bytes(self):
        packed = bytearray((len(self.value_bits) + 7) // 8)
        for i, bit in enumerate(self.value_bits):
            packed[i // 8] |= bit << i % 8
        return bytes(packed)


def varint(value):
    if value >= 1 << 63:
        raise ValueError("the number has no varint")
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def value_of(x, y, bits, is_float):
    """The value of the element x; y is the base's element, or None."""
    mask, sign = (1 << bits) - 1, 1 << bits - 1

    def ordered(u):
        return u ^ sign - 1 if u & sign else u

    if is_float and y is None:
        return (x << 1 & mask) | x >> bits - 1
    if is_float:
        d = ordered(x) - ordered(y)
        if y & sign:
            d = -d
    else:
        d = x - (y or 0)
    d &= mask
    return (2 * d & mask) ^ (mask if d & sign else 0)


def frequencies_of(symbols):
    """256 frequencies that add up to 4096, at least 1 for each symbol that occurs; all 0 if none does."""
    counts = Counter(symbols)
    frequencies = [0] * 256
    if not counts:
        return frequencies
    total = sum(counts.values())
    for symbol, count in counts.items():
        frequencies[symbol] = 1 + count * (4096 - len(counts)) // total
    frequencies[counts.most_common(1)[0][0]] += 4096 - sum(frequencies)
    return frequencies


def write_model(writer, frequencies):
    last = max((s for s in range(256) if frequencies[s]), default=0)
    writer.bits(last, 8)
    average, before = 64, 0
    for frequency in frequencies[:last + 1]:
        d = frequency - before
        before = frequency
        z = 2 * d if d >= 0 else -2 * d - 1
        k = average.bit_length() - 1
        if z >> k < 12:
            writer.bits((1 << (z >> k)) - 1, (z >> k) + 1)
            writer.bits(z, k)
        else:
            writer.bits(4095, 12)
            writer.bits(z, 14)
        average = (average + z + 1) // 2


def encode_symbols(parts, models, state_count):
    """`parts`: lists of (symbol, number of its model). Returns the bytes of the states and of the words."""
    starts = [[sum(f[:s]) for s in range(256)] for f in models]
    states = [1 << 15] * state_count
    words = []
    for part in reversed(parts):
        for i in range(len(part) - 1, -1, -1):
            symbol, model = part[i]
            f = models[model][symbol]
            x = states[i % state_count]
            while x >= f << 19:
                words.append(x & 65535)
                x >>= 16
            states[i % state_count] = 4096 * (x // f) + starts[model][symbol] + x % f
    packed_states = b"".join(x.to_bytes(4, "little") for x in states)
    return packed_states, b"".join(word.to_bytes(2, "little") for word in reversed(words))


def measure_scales(values, exponents, c, zero, columns):
    """Scales of rows (None for zero rows) and of columns, so that 2 e - a - b is about 2 log2 of the value."""
    def mean(numbers):
        return sum(numbers) // len(numbers) if numbers else 0

    n = len(values)
    wanted = [2 * e - 2 * v.bit_length() for v, e in zip(values, exponents)]
    rows = [None if r in zero else mean(wanted[r * c:(r + 1) * c]) for r in range((n + c - 1) // c)]
    least = max(-8192, min((a for a in rows if a is not None), default=0))
    rows = [None if a is None else max(least, min(a, least + 254)) for a in rows]
    column_scales = [0] * c
    if columns:
        for j in range(c):
            left = [wanted[i] - rows[i // c] for i in range(j, n, c) if rows[i // c] is not None]
            column_scales[j] = max(-20, min(mean(left), 20))
    return rows, least, column_scales


def choose_alphabet(heads, size):
    """The most frequent heads, as far as gaps have varints."""
    chosen = []
    for head in sorted(h for h, _ in Counter(heads).most_common(size)):
        if head - (chosen[-1] + 1 if chosen else 0) <= 1 << 56 and head < 1 << 57:
            chosen.append(head)
    return chosen or [0]


def encode_tensor(raw, type_number, base=None, row_length=None, *, columns=False, zero_rows=False, groups=16,
                  low_bits=None, alphabet=False, alphabet_size=255, bias=None, many_states=False, unsigned=False):
    """The stream of `raw`. Choices:

    row_length: flag 1, with this many elements in a row
    columns: True for scales of columns
    zero_rows: True for those rows whose values are all 0, or a set of numbers of rows
    groups: the number of groups, with rows
    low_bits: the k of all groups, or a list with that of each; None chooses them
    alphabet: True for the most frequent heads (at most alphabet_size), or a rising list of heads
    bias: None chooses it
    many_states: 64 of them
    unsigned: True for values that are the elements as they are
    """
    width = WIDTHS[type_number]
    is_float = type_number in MANTISSA_BITS
    bits = 8 * width
    n = len(raw) // width
    if n < 1:
        raise ValueError("no element")
    if base is not None and len(base) != len(raw):
        raise ValueError("the base has another length")
    if row_length is None and (columns or zero_rows):
        raise ValueError("columns and zero rows need rows")
    xs = [int.from_bytes(raw[i * width:(i + 1) * width], "little") for i in range(n)]
    ys = [None if base is None else int.from_bytes(base[i * width:(i + 1) * width], "little") for i in range(n)]
    values = xs if unsigned else [value_of(x, y, bits, is_float) for x, y in zip(xs, ys)]

    c = row_length
    group_of = [0] * n
    zero = set()
    if c is None:
        groups = 1
    else:
        if zero_rows is True:
            zero = {r for r in range((n + c - 1) // c) if not any(values[r * c:(r + 1) * c])}
        elif zero_rows:
            zero = set(zero_rows)
        groups = max(groups, 2) if zero else groups
        exponents = [0] * n
        if is_float and base is not None:
            exponents = [(y & (1 << bits - 1) - 1) >> MANTISSA_BITS[type_number] for y in ys]
        rows, least, column_scales = measure_scales(values, exponents, c, zero, columns)
        scaled = [None if rows[i // c] is None else 2 * exponents[i] - rows[i // c] - column_scales[i % c]
                  for i in range(n)]
        if bias is None:
            known = sorted(g for g in scaled if g is not None) or [0]
            bias = max(-8192, min(groups // 2 - known[len(known) // 2], 8192))
        most = groups - 1 - bool(zero)
        group_of = [groups - 1 if g is None else max(0, min(g + bias, most)) for g in scaled]

    if low_bits is None:
        low_bits = []
        for g in range(groups):
            lengths = sorted(v.bit_length() for v, of in zip(values, group_of) if of == g or alphabet) or [0]
            low_bits.append(max(0, min(lengths[len(lengths) // 2] - 5, bits - 1, 56)))
    elif isinstance(low_bits, int):
        low_bits = [low_bits] * groups
    heads = [v >> low_bits[g] for v, g in zip(values, group_of)]
    if alphabet is True:
        alphabet = choose_alphabet(heads, alphabet_size)

    low = BitWriter()
    escapes = bytearray()
    element_part = []
    for v, h, g in zip(values, heads, group_of):
        low.bits(v, low_bits[g])
        if alphabet:
            symbol = alphabet.index(h) if h in alphabet else ESCAPE
        else:
            symbol = min(h, ESCAPE)
        if symbol == ESCAPE:
            escapes += h.to_bytes(width, "little")
        element_part.append((symbol, g))
    row_part = [(ZERO_ROW if a is None else a - least, groups) for a in rows] if c else []
    column_part = [(b + 20, groups + 1) for b in column_scales] if columns else []
    parts = [row_part, column_part, element_part]
    of_model = [[] for _ in range(groups + 2 * bool(c))]
    for part in parts:
        for symbol, model in part:
            of_model[model].append(symbol)
    models = [frequencies_of(symbols) for symbols in of_model]
    model_bits = BitWriter()
    for frequencies in models:
        write_model(model_bits, frequencies)
    states, words = encode_symbols(parts, models, 64 if many_states else 32)

    flags = bool(c) | 2 * bool(columns) | 4 * bool(alphabet) | 8 * bool(zero) | 16 * many_states | 32 * unsigned
    out = bytearray([type_number, flags, groups]) + bytes(low_bits)
    if c:
        out += varint(c) + varint(bias + 8192) + varint(least + 8192)
    if alphabet:
        out.append(len(alphabet))
        before = -1
        for head in alphabet:
            out += varint(head - before - 1)
            before = head
    packed_low = low.bytes()
    out += varint(len(packed_low)) + varint(len(escapes) // width) + varint(len(words) // 2)
    out += model_bits.bytes() + escapes + states + packed_low + words + raw[n * width:]
    return bytes(out)


# Casts

def rounded_to_float16(bits):
    if bits & 0x7FFFFFFF > 0x7F800000:
        return bits >> 16 & 0x8000 | 0x7E00 | bits >> 13 & 0x3FF
    try:
        return struct.unpack("<H", struct.pack("<e", struct.unpack("<f", struct.pack("<I", bits))[0]))[0]
    except OverflowError:
        return bits >> 16 & 0x8000 | 0x7C00


def rounded_to_bfloat16(bits):
    if bits & 0x7FFFFFFF > 0x7F800000:
        return bits >> 16 | 0x40
    return bits + 0x7FFF + (bits >> 16 & 1) >> 16


def rounded_to_float32(bits):
    if bits & (1 << 63) - 1 > 0x7FF << 52:
        return bits >> 32 & 0x80000000 | 0x7FC00000 | bits >> 29 & 0x7FFFFF
    try:
        return struct.unpack("<I", struct.pack("<f", struct.unpack("<d", struct.pack("<Q", bits))[0]))[0]
    except OverflowError:
        return bits >> 32 & 0x80000000 | 0x7F800000


ROUNDINGS = {(3, 1): rounded_to_bfloat16, (3, 2): rounded_to_float16, (4, 3): rounded_to_float32}


def cast(base, source, target):
    """The elements of a base, rounded: what is left behind the last one is not used."""
    width, rounding = WIDTHS[source], ROUNDINGS[source, target]
    return b"".join(rounding(int.from_bytes(base[i:i + width], "little")).to_bytes(WIDTHS[target], "little")
                    for i in range(0, len(base) // width * width, width))


def encode_cast(raw, target, base, source, first=0, **choices):
    """The stream of codec 6; the base's element `first` lies beside the first one of `raw`."""
    y = cast(base[first * WIDTHS[source]:], source, target)[:len(raw)]
    return bytes([source]) + varint(first) + encode_tensor(raw, target, y.ljust(len(raw), b"\0"), **choices)
