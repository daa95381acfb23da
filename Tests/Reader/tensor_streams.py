"""Decoder of the streams of tensors that Documentation/Formats/tensor.md defines (codecs 3 and 4 of a pack;
cast_streams.py reads what codec 6 has beside them).

It follows that document alone, and refuses with ValueError what the document refuses. Time and memory are bounded by
the lengths of the raw bytes and of the stored bytes, which the caller knows and limits, whatever a stream claims.
"""

FLOAT_TYPES = {1: (2, 7), 2: (2, 10), 3: (4, 23), 4: (8, 52), 5: (1, 3), 6: (1, 2)}  # bytes, bits of the mantissa
INTEGER_TYPES = {16: 1, 17: 2, 18: 4, 19: 8}  # bytes

ESCAPE = ZERO_ROW = 255
FREQUENCY_SUM = 4096
FINAL_STATE = 1 << 15  # also the least that a state can be


class Reader:
    """Reads bytes, and numbers of some bits (the lowest bit first), and refuses to go past the end of its data."""

    def __init__(self, data, name):
        self.data = data
        self.name = name
        self.position = 0  # in bits

    def bits(self, count):
        first, end = self.position, self.position + count
        if end > 8 * len(self.data):
            raise ValueError(f"{self.name}: too short")
        self.position = end
        return int.from_bytes(self.data[first // 8:(end + 7) // 8], "little") >> first % 8 & (1 << count) - 1

    def bytes(self, count):
        """Only at the beginning of a byte."""
        start = self.position // 8
        if count > len(self.data) - start:
            raise ValueError(f"{self.name}: too short")
        self.position += 8 * count
        return self.data[start:start + count]

    def varint(self, least, most, name):
        value = 0
        for index in range(9):
            byte = self.bits(8)
            value |= (byte & 127) << 7 * index
            if byte < 128:
                if byte == 0 and index > 0:
                    raise ValueError(f"{name}: not the shortest form of a number")
                if not least <= value <= most:
                    raise ValueError(f"{name}: {value} is not in {least} to {most}")
                return value
        raise ValueError(f"{name}: a number of more than nine bytes")

    def end_of_byte(self):
        if self.bits(-self.position % 8) != 0:
            raise ValueError(f"{self.name}: bits that are left in the last byte are not zero")

    def finish(self):
        self.end_of_byte()
        if self.position != 8 * len(self.data):
            raise ValueError(f"{self.name}: too long")


class Model:
    """Frequencies of symbols. `slots` has the symbol of each number below 4096, or is empty if nothing is coded."""

    def __init__(self, reader):
        self.frequencies, self.starts, self.slots = [], [], bytearray()
        last = reader.bits(8)
        average, frequency = 64, 0
        for symbol in range(last + 1):
            number = self.golomb_number(reader, average.bit_length() - 1)
            average = (average + number + 1) // 2
            frequency += -(number + 1 >> 1) if number & 1 else number >> 1
            if not 0 <= frequency <= FREQUENCY_SUM - len(self.slots):
                raise ValueError("a frequency is below 0, or the frequencies of a model add up to more than 4096")
            self.frequencies.append(frequency)
            self.starts.append(len(self.slots))
            self.slots += bytes([symbol]) * frequency
        if frequency == 0 and last > 0:
            raise ValueError("the last symbol of a model has the frequency 0")
        if len(self.slots) not in (0, FREQUENCY_SUM):
            raise ValueError("the frequencies of a model do not add up to 4096")

    @staticmethod
    def golomb_number(reader, low_bits):
        for quotient in range(12):
            if reader.bits(1) == 0:
                return quotient << low_bits | reader.bits(low_bits)
        return reader.bits(14)


class SymbolDecoder:
    """Range asymmetric numeral systems with 32 or 64 states."""

    def __init__(self, states, words):
        if not all(FINAL_STATE <= state < 1 << 31 for state in states):
            raise ValueError("a state is out of range")
        self.states = states
        self.words = words

    def symbol(self, model, index):
        """The next symbol, which is number `index` of its part."""
        if not model.slots:
            raise ValueError("a symbol is coded by a model without frequencies")
        state = self.states[index % len(self.states)]
        slot = state % FREQUENCY_SUM
        symbol = model.slots[slot]
        state = model.frequencies[symbol] * (state // FREQUENCY_SUM) + slot - model.starts[symbol]
        if state < FINAL_STATE:
            state = state << 16 | self.words.bits(16)
        self.states[index % len(self.states)] = state
        return symbol

    def finish(self):
        self.words.finish()
        if any(state != FINAL_STATE for state in self.states):
            raise ValueError("a state does not end as it has to")


class ElementType:
    """The width of the elements of a type, and how elements follow from values."""

    def __init__(self, number):
        if number not in FLOAT_TYPES and number not in INTEGER_TYPES:
            raise ValueError(f"unknown type of elements: {number}")
        self.is_float = number in FLOAT_TYPES
        self.width, self.mantissa_bits = FLOAT_TYPES[number] if self.is_float else (INTEGER_TYPES[number], None)
        self.bits = 8 * self.width
        self.sign = 1 << self.bits - 1
        self.mask = (1 << self.bits) - 1

    def exponent(self, element):
        return (element & self.sign - 1) >> self.mantissa_bits if self.is_float else 0

    def ordered(self, element):
        """Floating-point numbers become integers in the same order, and the other way round."""
        return element ^ self.sign - 1 if element & self.sign else element

    def element(self, value, base):
        """The element with this value; `base` is the base's element, or None."""
        if self.is_float and base is None:
            return value >> 1 | (value & 1) << self.bits - 1
        difference = value >> 1 ^ -(value & 1)
        if not self.is_float:
            return difference + (base or 0) & self.mask
        if base & self.sign:
            difference = -difference
        return self.ordered(self.ordered(base) + difference & self.mask)


def read_alphabet(reader, head_bits):
    heads = []
    for _ in range(reader.bits(8)):
        least = heads[-1] + 1 if heads else 0
        heads.append(least + reader.varint(0, min(1 << 56, (1 << head_bits) - 1 - least), "a head of the alphabet"))
        if heads[-1] >= 1 << 57:
            raise ValueError("a head of the alphabet is too large")
    if not heads:
        raise ValueError("the alphabet is empty")
    return heads


def decode_tensor(stored, raw_length, base):
    """The `raw_length` raw bytes of the stream `stored`; `base` has as many bytes, or is None (codec 3)."""
    if base is not None and len(base) != raw_length:
        raise ValueError("the base does not have the length of the raw bytes")
    reader = Reader(stored, "the stream")
    element_type = ElementType(reader.bits(8))
    width = element_type.width
    n = raw_length // width
    if n < 1:
        raise ValueError("there are fewer raw bytes than one element has")

    has_rows, has_columns, has_alphabet, has_zero_rows, has_many_states, is_unsigned = (reader.bits(1) for _ in range(6))
    if reader.bits(2) != 0 or (has_columns or has_zero_rows) and not has_rows:
        raise ValueError("the flags are not valid")
    if is_unsigned and (base is not None or not element_type.is_float):
        raise ValueError("elements without a sign are those of floating-point types without a base")
    group_count = reader.bits(8)
    if not 1 + has_zero_rows <= group_count <= (64 if has_rows else 1):
        raise ValueError("the number of groups is not valid")
    low_bits = reader.bytes(group_count)
    if max(low_bits) > min(element_type.bits - 1, 56):
        raise ValueError("a group has too many low bits")
    if has_rows:
        row_length = reader.varint(1, n, "the length of a row")
        if row_length < 16 and row_length != n:
            raise ValueError("rows are too short")
        if has_columns and n // row_length < 16:
            raise ValueError("there are too few rows for columns")
        bias = reader.varint(0, 16384, "the bias") - 8192
        least_scale = reader.varint(0, 16129, "the lower bound of scales") - 8192
    if has_alphabet:
        if len(set(low_bits)) > 1:
            raise ValueError("the groups differ in their low bits, with an alphabet")
        alphabet = read_alphabet(reader, element_type.bits - low_bits[0])
    else:
        alphabet = range(ESCAPE)
    low_byte_count = reader.varint(0, 7 * n, "the number of bytes of low bits")
    escape_count = reader.varint(0, n, "the number of escapes")
    word_count = reader.varint(0, 3 * n, "the number of words")  # no symbol takes more than one

    models = [Model(reader) for _ in range(group_count + 2 * has_rows)]
    reader.end_of_byte()
    for model in models[:group_count]:
        if any(model.frequencies[len(alphabet):ESCAPE]):
            raise ValueError("a model has a symbol that the alphabet does not have")
    if has_columns and any(models[group_count + 1].frequencies[41:]):
        raise ValueError("the scale of a column is too large")
    escapes = Reader(reader.bytes(escape_count * width), "the escapes")
    states = [reader.bits(32) for _ in range(64 if has_many_states else 32)]
    low = Reader(reader.bytes(low_byte_count), "the low bits")
    decoder = SymbolDecoder(states, Reader(reader.bytes(2 * word_count), "the words"))
    behind = reader.bytes(raw_length - n * width)
    reader.finish()

    if has_rows:
        row_symbols = [decoder.symbol(models[group_count], i) for i in range((n + row_length - 1) // row_length)]
        if (ZERO_ROW in row_symbols) != has_zero_rows:
            raise ValueError("the flag of zero rows is wrong")
    if has_columns:
        column_symbols = [decoder.symbol(models[group_count + 1], i) for i in range(row_length)]

    raw = bytearray()
    for i in range(n):
        base_element = None if base is None else int.from_bytes(base[i * width:(i + 1) * width], "little")
        group = 0
        if has_rows and row_symbols[i // row_length] == ZERO_ROW:
            group = group_count - 1
        elif has_rows:
            group = bias - (least_scale + row_symbols[i // row_length])
            if has_columns:
                group -= column_symbols[i % row_length] - 20
            if base is not None:
                group += 2 * element_type.exponent(base_element)
            group = max(0, min(group, group_count - 1 - has_zero_rows))
        symbol = decoder.symbol(models[group], i)
        head = escapes.bits(element_type.bits) if symbol == ESCAPE else alphabet[symbol]
        value = (head << low_bits[group] | low.bits(low_bits[group])) & element_type.mask
        element = value if is_unsigned else element_type.element(value, base_element)
        raw += element.to_bytes(width, "little")

    decoder.finish()
    escapes.finish()
    low.finish()
    return bytes(raw + behind)
