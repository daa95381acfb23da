/// Encodes tensors: each value is a head, coded by a model of the group that it falls in, and low bits that are as good as random.
///
/// Keeps its memory from one tensor to the next: some 16 bytes an element. One thread at a time.
final class TensorEncoder {
    /// A stream has a head, models and states, which takes a few hundred bytes.
    static let leastElements = 256
    /// Groups at either end have at least this share of all values: as many tables as are worth their room.
    private static let shareOfEnds = 128
    private static let leastAtEnds = 256
    /// Values of a sample from which choices are made.
    private static let sampleSize = 1 << 16
    /// One value in so many may need more bits than its group's heads have room for.
    private static let escapeShare = 1024

    private var values = Workspace()
    private var groups = Workspace()
    private var symbols = Workspace()
    private var words = Workspace()
    private var low = Workspace()

    /// The stream, or nothing if it would not be shorter.
    ///
    /// - Parameter base: Elements at the same places of another tensor of the type; as many bytes.
    func encode(
        _ bytes: UnsafeRawBufferPointer, base: UnsafeRawBufferPointer?, _ layout: TensorLayout
    ) -> [UInt8]? {
        precondition(base == nil || base?.count == bytes.count, "a base has the tensor's length")
        switch layout.type.width {
        case 1: return encode(UInt8.self, bytes, base, layout)
        case 2: return encode(UInt16.self, bytes, base, layout)
        case 4: return encode(UInt32.self, bytes, base, layout)
        default: return encode(UInt64.self, bytes, base, layout)
        }
    }

    private func encode<Word: TensorWord>(
        _: Word.Type, _ bytes: UnsafeRawBufferPointer, _ baseBytes: UnsafeRawBufferPointer?,
        _ layout: TensorLayout
    ) -> [UInt8]? {
        let width = Word.bitWidth / 8
        let count = bytes.count / width
        guard count >= Self.leastElements, count < 1 << 31, let start = bytes.baseAddress else { return nil }
        let (elements, base) = (
            Aligned<Word>(start, count), baseBytes?.baseAddress.map { Aligned<Word>($0, count) }
        )
        return withExtendedLifetime((elements, base)) {
            if let base, Self.isEqual(elements.pointer, base.pointer, count) {
                return Self.stream(ofBase: layout.type, count: count) + bytes[(count * width)...]
            }
            let values = self.values.room(for: Word.self, count)
            let isUnsigned =
                base == nil && layout.type.mantissaBits != nil
                && Self.isUnsigned(elements.pointer, count)
            TensorTransform(layout.type, hasBase: base != nil, isUnsigned: isUnsigned)
                .apply(elements.pointer, base?.pointer, count: count, into: values)
            let tensor = Tensor(
                elements: elements.pointer, base: base?.pointer, values: values, count: count,
                mantissaBits: layout.type.mantissaBits, isUnsigned: isUnsigned)
            guard var stream = stream(of: tensor, layout, limit: bytes.count) else { return nil }
            stream.append(contentsOf: bytes[(count * width)...])
            return stream.count < bytes.count ? stream : nil
        }
    }

    private static func isEqual<Word: TensorWord>(
        _ elements: UnsafePointer<Word>, _ others: UnsafePointer<Word>, _ count: Int
    ) -> Bool {
        var start = 0
        while start < count {
            let end = min(start &+ 4096, count)
            var difference: Word = 0
            for index in start..<end { difference |= elements[index] ^ others[index] }
            if difference != 0 { return false }
            start = end
        }
        return true
    }

    /// The stream of a tensor that is its base: one group, in which every value is 0.
    private static func stream(ofBase type: ElementType, count: Int) -> [UInt8] {
        var head = TensorStreamHead(type: type)
        head.stateCount = count < RangeCoder.manySymbols ? RangeCoder.fewStates : RangeCoder.manyStates
        var bits = BitWriter()
        model(of: [0]).write(to: &bits)
        bits.finish()
        var stream = head.bytes + bits.bytes
        for _ in 0..<head.stateCount {
            withUnsafeBytes(of: RangeCoder.start.littleEndian) { stream.append(contentsOf: $0) }
        }
        return stream
    }

    /// Whether no element has a sign, as of second moments and scales.
    private static func isUnsigned<Word: TensorWord>(_ elements: UnsafePointer<Word>, _ count: Int) -> Bool {
        var any: Word = 0
        for index in 0..<count { any |= elements[index] }
        return any.signMask == 0
    }

    private func stream<Word: TensorWord>(
        of tensor: Tensor<Word>, _ layout: TensorLayout, limit: Int
    ) -> [UInt8]? {
        var coded = Coded(
            contexts: contexts(tensor, layout.rowLength), head: TensorStreamHead(type: layout.type))
        coded.head.isUnsigned = tensor.isUnsigned
        let groups = self.groups.room(for: UInt8.self, tensor.count)
        coded.contexts.fill(
            groups, from: 0, count: tensor.count, base: tensor.base, mantissaBits: tensor.mantissaBits)
        chooseHeads(tensor, groups, &coded)
        split(tensor, groups, &coded)
        if tensor.base == nil { mergeIfUseless(groups, tensor.count, &coded) }
        return stream(tensor, groups, &coded, limit: limit)
    }

    /// What is encoded.
    private struct Tensor<Word: TensorWord> {
        let elements: UnsafePointer<Word>
        let base: UnsafePointer<Word>?
        let values: UnsafePointer<Word>
        let count: Int
        let mantissaBits: Int?
        let isUnsigned: Bool
    }

    /// What becomes of it.
    private struct Coded {
        var contexts: TensorContexts
        var head: TensorStreamHead
        var counts: [UInt32] = []
        var escapes: [UInt8] = []
        var lowByteCount = 0
    }

    // MARK: Contexts

    private func contexts<Word: TensorWord>(_ tensor: Tensor<Word>, _ rowLength: Int?) -> TensorContexts {
        let alone = TensorContexts(rowLength: tensor.count)
        // A tensor by itself is known by its rows only; a difference by its base's exponents as well.
        let length =
            rowLength.flatMap { $0 >= TensorContexts.leastLength && $0 <= tensor.count / 2 ? $0 : nil }
            ?? tensor.count
        guard tensor.base != nil || length < tensor.count else { return alone }
        var contexts = TensorContexts(rowLength: length)
        let scales = TensorScales(
            tensor.elements, tensor.base, tensor.values, count: tensor.count,
            mantissaBits: tensor.mantissaBits)
        (contexts.rows, contexts.columns) = scales.measure(rowLength: length)
        contexts.hasZeroRows = contexts.rows.contains(TensorContexts.zeroRow)
        let used = contexts.rows.filter { $0 != TensorContexts.zeroRow }
        guard let least = used.min(), let most = used.max() else { return alone }
        // As many scales as there are symbols.
        let highest = least + Int16(TensorStreamHead.escape) - 1
        if most > highest {
            contexts.rows = contexts.rows.map { $0 == TensorContexts.zeroRow ? $0 : min($0, highest) }
        }
        chooseGroups(tensor, &contexts)
        return contexts
    }

    /// Lets the groups begin and end where there is enough at either end.
    private func chooseGroups<Word: TensorWord>(_ tensor: Tensor<Word>, _ contexts: inout TensorContexts) {
        let (window, part) = (256, min(tensor.count, 1024))
        let parts = max(1, min(tensor.count / part, Self.sampleSize / part))
        // The middle of the window is what the first part of the sample says.
        contexts.groupCount = window
        let middle = window / 2
        let keys = (0..<part).map { index -> Int in
            let row = contexts.rows[index / contexts.rowLength]
            let power = tensor.base.flatMap { base in
                tensor.mantissaBits.map { Int(TensorContexts.twiceExponent(base[index], $0)) }
            }
            return (power ?? 0) - (row == TensorContexts.zeroRow ? 0 : Int(row))
        }
        contexts.bias = Int16(middle - keys.reduce(0, +) / keys.count)
        var counts = [Int](repeating: 0, count: window)
        let groups = self.groups.room(for: UInt8.self, tensor.count)
        for number in 0..<parts {
            let start = tensor.count / parts * number
            contexts.fill(
                groups, from: start, count: part, base: tensor.base, mantissaBits: tensor.mantissaBits)
            for index in 0..<part { counts[Int(groups[index])] += 1 }
        }
        if contexts.hasZeroRows { counts[window - 1] = 0 }
        let sampled = counts.reduce(0, +)
        let least = max(sampled / Self.shareOfEnds, Self.leastAtEnds * sampled / tensor.count, 1)
        var (first, held) = (0, counts[0])
        while held < least, first < window - 1 {
            first += 1
            held += counts[first]
        }
        var last = window - 1
        held = counts[last]
        while held < least, last > first {
            last -= 1
            held += counts[last]
        }
        // Where there are too many, those at the upper end are one.
        let zeroGroup = contexts.hasZeroRows ? 1 : 0
        last = min(last, first + TensorContexts.groupLimit - 1 - zeroGroup)
        contexts.bias -= Int16(first)
        contexts.groupCount = last - first + 1 + zeroGroup
    }

    // MARK: Heads

    private func chooseHeads<Word: TensorWord>(
        _ tensor: Tensor<Word>, _ groups: UnsafePointer<UInt8>, _ coded: inout Coded
    ) {
        let groupCount = coded.contexts.groupCount
        guard tensor.base == nil, let mantissaBits = tensor.mantissaBits else {
            coded.head.lowBits = lowBits(tensor, groups, groupCount)
            return
        }
        // The exponent, and as many bits of the mantissa as leave few enough heads that occur.
        let exponentBits = Word.bitWidth - 1 - mantissaBits
        let belowExponent = mantissaBits + (tensor.isUnsigned ? 0 : 1)
        let more = min(belowExponent, max(0, 8 - exponentBits) + (tensor.count >= 1 << 18 ? 2 : 1))
        let finest = belowExponent - more
        var occurs = [Bool](repeating: false, count: 1 << (exponentBits + more))
        occurs.withUnsafeMutableBufferPointer { occurs in
            let shift = Word(truncatingIfNeeded: finest)
            for index in 0..<tensor.count {
                occurs[Int(truncatingIfNeeded: tensor.values[index] &>> shift)] = true
            }
        }
        var (bits, heads) = (finest, occurs.indices.filter { occurs[$0] })
        while heads.count >= Int(TensorStreamHead.escape), bits < belowExponent {
            bits += 1
            var coarser: [Int] = []
            for head in heads where coarser.last != head >> 1 { coarser.append(head >> 1) }
            heads = coarser
        }
        // More exponents than symbols, as in noise: the least ones are the rarest.
        coded.head.alphabet = heads.suffix(Int(TensorStreamHead.escape)).map { UInt64($0) }
        coded.head.lowBits = [UInt8](repeating: UInt8(bits), count: groupCount)
    }

    /// So many that of a group's values nearly all have a head of eight bits.
    private func lowBits<Word: TensorWord>(
        _ tensor: Tensor<Word>, _ groups: UnsafePointer<UInt8>, _ groupCount: Int
    ) -> [UInt8] {
        var lengths = [UInt32](repeating: 0, count: groupCount << 7)
        let step = max(1, tensor.count / (2 * Self.sampleSize)) | 1
        lengths.withUnsafeMutableBufferPointer { lengths in
            for index in stride(from: 0, to: tensor.count, by: step) {
                let length = Word.bitWidth - tensor.values[index].leadingZeroBitCount
                // A group is less than `groupCount`, a length at most 64.
                lengths[Int(groups[index]) << 7 | length] += 1
            }
        }
        return (0..<groupCount).map { group in
            let of = lengths[group << 7..<(group + 1) << 7]
            var above = of.reduce(0, +)
            let few = above / UInt32(Self.escapeShare)
            for (length, count) in of.enumerated() {
                above -= count
                if above <= few { return UInt8(min(56, max(0, length - 8))) }
            }
            return 0
        }
    }

    /// Puts symbols and low bits aside, and counts the symbols.
    private func split<Word: TensorWord>(
        _ tensor: Tensor<Word>, _ groups: UnsafePointer<UInt8>, _ coded: inout Coded
    ) {
        let symbols = self.symbols.room(for: UInt8.self, tensor.count)
        let low = self.low.room(for: UInt8.self, tensor.count * Word.bitWidth / 8 + LowBits.margin)
        let (values, widths) = (tensor.values, coded.head.lowBits)
        coded.lowByteCount = LowBits.split(
            values, groups, count: tensor.count, widths: widths, into: symbols, low)
        let escape = TensorStreamHead.escape
        if let alphabet = coded.head.alphabet {
            let shift = Word(truncatingIfNeeded: widths[0])
            var map = [UInt8](repeating: escape, count: 1 << (Word.bitWidth - Int(widths[0])))
            for (symbol, head) in alphabet.enumerated() { map[Int(head)] = UInt8(symbol) }
            map.withUnsafeBufferPointer { map in
                // As many entries as there are heads.
                for index in 0..<tensor.count {
                    symbols[index] = map[Int(truncatingIfNeeded: values[index] &>> shift)]
                }
            }
        }
        coded.counts = Self.counts(symbols, groups, tensor.count, groupCount: coded.contexts.groupCount)
        guard (0..<coded.contexts.groupCount).contains(where: { coded.counts[$0 << 8 | Int(escape)] > 0 })
        else {
            return
        }
        TensorStreamHead.forEachEscape(symbols, tensor.count) { index in
            Self.append(
                values[index] &>> Word(truncatingIfNeeded: widths[Int(groups[index])]), &coded.escapes)
        }
    }

    /// How often each symbol comes in each group.
    private static func counts(
        _ symbols: UnsafePointer<UInt8>, _ groups: UnsafePointer<UInt8>, _ count: Int, groupCount: Int
    ) -> [UInt32] {
        // Two tables in turn: a processor waits where it counts the same thing twice in a row.
        let size = groupCount << 8
        var tables = [UInt32](repeating: 0, count: 2 * size)
        tables.withUnsafeMutableBufferPointer { tables in
            guard let even = tables.baseAddress else { return }
            let odd = even + size
            // A group is less than the number of groups.
            var index = 0
            while index &+ 1 < count {
                even[Int(groups[index]) &<< 8 | Int(symbols[index])] &+= 1
                odd[Int(groups[index &+ 1]) &<< 8 | Int(symbols[index &+ 1])] &+= 1
                index &+= 2
            }
            if count & 1 == 1 { even[Int(groups[count - 1]) << 8 | Int(symbols[count - 1])] &+= 1 }
            for index in 0..<size { even[index] &+= odd[index] }
        }
        return Array(tables.prefix(size))
    }

    private static func append<Word: TensorWord>(_ head: Word, _ escapes: inout [UInt8]) {
        withUnsafeBytes(of: head.littleEndian) { escapes.append(contentsOf: $0) }
    }

    /// One group, where rows and columns tell less than they take room; a tensor without a base decodes faster so.
    private func mergeIfUseless(_ groups: UnsafeMutablePointer<UInt8>, _ count: Int, _ coded: inout Coded) {
        let groupCount = coded.contexts.groupCount
        // The low bits are there already, so many for each group.
        guard coded.contexts.rowLength < count, coded.head.lowBits.allSatisfy({ $0 == coded.head.lowBits[0] })
        else { return }
        var merged = [UInt32](repeating: 0, count: 256)
        for (index, count) in coded.counts.enumerated() { merged[index & 255] += count }
        let together = merged.withUnsafeBufferPointer { SymbolModel(counts: $0).cost(of: $0) }
        var apart: Float = 0
        coded.counts.withUnsafeBufferPointer { counts in
            for group in 0..<groupCount {
                let own = UnsafeBufferPointer(rebasing: counts[group << 8..<(group + 1) << 8])
                apart += SymbolModel(counts: own).cost(of: own)
                // Half a byte for each symbol of a model.
                apart += 4 * Float(own.reduce(0) { $0 + ($1 > 0 ? 1 : 0) })
            }
        }
        // Scales take some five bits each; and what saves less than a hundredth of the heads is not worth the time.
        apart += 5 * Float(coded.contexts.rows.count + coded.contexts.columns.count)
        guard apart > together * 0.99 else { return }
        coded.contexts = TensorContexts(rowLength: count)
        coded.counts = merged
        coded.head.lowBits = [coded.head.lowBits[0]]
        groups.update(repeating: 0, count: count)
    }

    // MARK: The stream

    private func stream<Word: TensorWord>(
        _ tensor: Tensor<Word>, _ groups: UnsafePointer<UInt8>, _ coded: inout Coded, limit: Int
    ) -> [UInt8]? {
        let contexts = coded.contexts
        let scaled = contexts.rowLength < tensor.count || tensor.base != nil && contexts.groupCount > 1
        var models: [SymbolModel] = coded.counts.withUnsafeBufferPointer { counts in
            (0..<contexts.groupCount).map { group in
                SymbolModel(counts: UnsafeBufferPointer(rebasing: counts[group << 8..<(group + 1) << 8]))
            }
        }
        coded.head.groupCount = contexts.groupCount
        var rowSymbols: [UInt8] = []
        var columnSymbols: [UInt8] = []
        if scaled {
            coded.head.rowLength = contexts.rowLength
            coded.head.bias = contexts.bias
            coded.head.hasZeroRows = contexts.hasZeroRows
            coded.head.hasColumns = !contexts.columns.isEmpty
            coded.head.leastRow = contexts.rows.filter { $0 != TensorContexts.zeroRow }.min() ?? 0
            rowSymbols = contexts.rows.map {
                $0 == TensorContexts.zeroRow ? TensorStreamHead.escape : UInt8($0 - coded.head.leastRow)
            }
            columnSymbols = contexts.columns.map { UInt8($0 + TensorContexts.columnLimit / 2) }
            models.append(Self.model(of: rowSymbols))
            models.append(Self.model(of: columnSymbols))
        }
        let room = tensor.count + rowSymbols.count + columnSymbols.count
        let words = self.words.room(for: UInt16.self, room)
        let end = words + room
        coded.head.stateCount =
            tensor.count < RangeCoder.manySymbols ? RangeCoder.fewStates : RangeCoder.manyStates
        let encoder = RangeEncoder(models, stateCount: coded.head.stateCount)
        // Backwards: what is decoded first is encoded last.
        var start = encoder.encode(
            self.symbols.room(for: UInt8.self, tensor.count), by: groups, count: tensor.count, before: end)
        for (symbols, model) in [(columnSymbols, contexts.groupCount + 1), (rowSymbols, contexts.groupCount)]
        {
            let numbers = [UInt8](repeating: UInt8(model), count: symbols.count)
            symbols.withUnsafeBufferPointer { symbols in
                numbers.withUnsafeBufferPointer { numbers in
                    guard let first = symbols.baseAddress, let number = numbers.baseAddress else { return }
                    start = encoder.encode(first, by: number, count: symbols.count, before: start)
                }
            }
        }
        coded.head.lowByteCount = coded.lowByteCount
        coded.head.escapeCount = coded.escapes.count / (Word.bitWidth / 8)
        coded.head.wordCount = end - start
        guard 2 * (end - start) + coded.lowByteCount < limit else { return nil }
        var bits = BitWriter()
        for model in models { model.write(to: &bits) }
        bits.finish()
        var stream = coded.head.bytes
        stream.reserveCapacity(
            stream.count + bits.bytes.count + coded.escapes.count + 4 * coded.head.stateCount
                + coded.lowByteCount
                + 2 * (end - start) + Word.bitWidth / 8)
        stream += bits.bytes
        stream += coded.escapes
        for state in encoder.finalStates {
            withUnsafeBytes(of: state.littleEndian) { stream.append(contentsOf: $0) }
        }
        stream.append(
            contentsOf: UnsafeBufferPointer(
                start: low.room(for: UInt8.self, coded.lowByteCount), count: coded.lowByteCount))
        // Little-endian, as every processor is that has a release.
        stream.append(contentsOf: UnsafeRawBufferPointer(start: start, count: 2 * (end - start)))
        return stream
    }

    private static func model(of symbols: [UInt8]) -> SymbolModel {
        var counts = [UInt32](repeating: 0, count: 256)
        for symbol in symbols { counts[Int(symbol)] += 1 }
        return counts.withUnsafeBufferPointer { SymbolModel(counts: $0) }
    }
}
