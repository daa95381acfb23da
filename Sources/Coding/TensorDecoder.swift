/// Decodes what ``TensorEncoder`` wrote, block by block, so that what it works on stays in the processor's caches.
///
/// Every length and number is held against what there is before it is used; what comes out of a stream that was made to harm is
/// wrong, and found out by its digest. One thread at a time.
final class TensorDecoder {
    /// Values that are decoded at a time; a multiple of the number of states.
    private static let block = 8_192

    private var words = Workspace()
    private var symbols = Workspace()
    private var groups = Workspace()

    /// Decodes into all of `output`.
    ///
    /// - Parameter base: As the encoder had it: as many bytes.
    func decode(
        _ stream: UnsafeRawBufferPointer, base: UnsafeRawBufferPointer?,
        into output: UnsafeMutableRawBufferPointer
    ) throws(TensorStreamError) {
        guard let type = stream.first.flatMap(ElementType.init(rawValue:)) else { throw .head }
        guard base == nil || base?.count == output.count else { throw .head }
        switch type.width {
        case 1: try decode(UInt8.self, stream, base, output)
        case 2: try decode(UInt16.self, stream, base, output)
        case 4: try decode(UInt32.self, stream, base, output)
        default: try decode(UInt64.self, stream, base, output)
        }
    }

    private func decode<Word: TensorWord>(
        _: Word.Type, _ stream: UnsafeRawBufferPointer, _ baseBytes: UnsafeRawBufferPointer?,
        _ output: UnsafeMutableRawBufferPointer
    ) throws(TensorStreamError) {
        let width = Word.bitWidth / 8
        let count = output.count / width
        let rest = output.count - count * width
        guard count > 0, let start = output.baseAddress else { throw .head }
        let parts = try Parts<Word>(stream, count: count, rest: rest)
        let base = baseBytes?.baseAddress.map { Aligned<Word>($0, count) }
        let isAligned = Int(bitPattern: start) % MemoryLayout<Word>.alignment == 0
        // An output that is no place for such elements gets them from one that is.
        let aside =
            isAligned ? nil : UnsafeMutableRawPointer.allocate(byteCount: count * width, alignment: 64)
        defer { aside?.deallocate() }
        let elements = (aside ?? start).bindMemory(to: Word.self, capacity: count)
        var failure: TensorStreamError?
        withExtendedLifetime(base) {
            do throws(TensorStreamError) { try decode(parts, base?.pointer, count, into: elements) } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        if let aside { start.copyMemory(from: aside, byteCount: count * width) }
        UnsafeMutableRawBufferPointer(rebasing: output[(count * width)...])
            .copyMemory(from: UnsafeRawBufferPointer(rebasing: stream[(stream.count - rest)...]))
    }

    /// What a stream consists of.
    private struct Parts<Word: TensorWord> {
        let head: TensorStreamHead
        let escapes: [Word]
        let low: UnsafeRawBufferPointer
        let models: [SymbolModel]
        let states: [UInt32]
        let words: UnsafeRawBufferPointer

        /// Whether all values are 0, and nothing else is there: what is decoded is its base.
        var isBase: Bool {
            head.rowLength == nil && head.alphabet == nil && head.lowBits == [0] && !head.isUnsigned
                && escapes.isEmpty && low.isEmpty && words.isEmpty
                && models[0].frequencies[0] == SymbolModel.scale
                && states.allSatisfy { $0 == RangeCoder.start }
        }

        init(
            _ stream: UnsafeRawBufferPointer, count: Int, rest: Int
        ) throws(TensorStreamError) {
            var offset = 0
            let head = try TensorStreamHead(stream, &offset, elementCount: count)
            self.head = head
            guard head.type.width * 8 == Word.bitWidth else { throw .head }
            if let last = head.alphabet?.last, let bits = head.lowBits.first {
                guard head.lowBits.allSatisfy({ $0 == bits }), last >> UInt64(Word.bitWidth - Int(bits)) == 0
                else { throw .head }
            }
            let modelCount = head.groupCount + (head.rowLength == nil ? 0 : 2)
            var bits = BitReader(stream, from: offset)
            var models: [SymbolModel] = []
            for _ in 0..<modelCount { models.append(try SymbolModel(from: &bits)) }
            self.models = models
            try bits.finish()
            // Symbols that stand for nothing do not occur.
            if let alphabet = head.alphabet {
                let unused = alphabet.count..<Int(TensorStreamHead.escape)
                guard models.prefix(head.groupCount).allSatisfy({ !$0.codes(unused) }) else { throw .model }
            }
            if head.hasColumns {
                guard !models[head.groupCount + 1].codes(Int(TensorContexts.columnLimit) + 1..<256) else {
                    throw .model
                }
            }
            offset = bits.offset
            let escapeBytes = head.escapeCount * (Word.bitWidth / 8)
            let stateBytes = 4 * head.stateCount
            // None of these can be so large that their sum is no number any more.
            guard
                stream.count - offset
                    == escapeBytes + stateBytes + head.lowByteCount + 2 * head.wordCount + rest
            else { throw .truncated }
            escapes = (0..<head.escapeCount).map { index in
                Word(
                    littleEndian: stream.loadUnaligned(
                        fromByteOffset: offset + index * (Word.bitWidth / 8), as: Word.self))
            }
            offset += escapeBytes
            var states: [UInt32] = []
            for index in 0..<head.stateCount {
                states.append(
                    UInt32(
                        littleEndian: stream.loadUnaligned(
                            fromByteOffset: offset + 4 * index, as: UInt32.self)))
            }
            guard states.allSatisfy({ $0 >= RangeCoder.start && $0 < 1 << 31 }) else { throw .head }
            self.states = states
            offset += stateBytes
            low = UnsafeRawBufferPointer(rebasing: stream[offset..<offset + head.lowByteCount])
            offset += head.lowByteCount
            words = UnsafeRawBufferPointer(rebasing: stream[offset..<offset + 2 * head.wordCount])
        }
    }

    /// The scales, which come first.
    private func contexts<Word: TensorWord>(
        _ parts: Parts<Word>, _ decoder: inout RangeDecoder, count: Int
    ) throws(TensorStreamError) -> TensorContexts {
        let head = parts.head
        var contexts = TensorContexts(rowLength: head.rowLength ?? count)
        contexts.groupCount = head.groupCount
        guard let rowLength = head.rowLength else { return contexts }
        contexts.bias = head.bias
        guard !parts.models[head.groupCount].isEmpty else { throw .model }
        let rows = try scales((count + rowLength - 1) / rowLength, by: head.groupCount, &decoder)
        contexts.rows = rows.map {
            $0 == TensorStreamHead.escape ? TensorContexts.zeroRow : head.leastRow + Int16($0)
        }
        contexts.hasZeroRows = contexts.rows.contains(TensorContexts.zeroRow)
        guard head.hasZeroRows == contexts.hasZeroRows else { throw .head }
        if head.hasColumns {
            guard !parts.models[head.groupCount + 1].isEmpty else { throw .model }
            let columns = try scales(rowLength, by: head.groupCount + 1, &decoder)
            contexts.columns = columns.map { Int16($0) - TensorContexts.columnLimit / 2 }
        }
        return contexts
    }

    private func scales(
        _ count: Int, by model: Int, _ decoder: inout RangeDecoder
    ) throws(TensorStreamError) -> [UInt8] {
        let models = groups.room(for: UInt8.self, count)
        models.update(repeating: UInt8(model), count: count)
        let scales = symbols.room(for: UInt8.self, count)
        try decoder.decode(into: scales, by: models, count: count)
        return Array(UnsafeBufferPointer(start: scales, count: count))
    }

    private func decode<Word: TensorWord>(
        _ parts: Parts<Word>, _ base: UnsafePointer<Word>?, _ count: Int,
        into elements: UnsafeMutablePointer<Word>
    ) throws(TensorStreamError) {
        let (head, type) = (parts.head, parts.head.type)
        // A stream may begin at any byte.
        let words = self.words.room(for: UInt16.self, head.wordCount)
        UnsafeMutableRawBufferPointer(start: words, count: parts.words.count).copyMemory(from: parts.words)
        if let base, parts.isBase {
            elements.update(from: base, count: count)
            return
        }
        var decoder = RangeDecoder(
            parts.models, states: parts.states,
            words: UnsafeBufferPointer(start: words, count: head.wordCount))
        let contexts = try contexts(parts, &decoder, count: count)
        let unused = GroupMarks(parts.models.prefix(head.groupCount).map(\.isEmpty))
        guard !head.isUnsigned || base == nil else { throw .head }
        let transform = TensorTransform(type, hasBase: base != nil, isUnsigned: head.isUnsigned)
        let groups = self.groups.room(for: UInt8.self, Self.block)
        let symbols = self.symbols.room(for: UInt8.self, Self.block)
        var low = LowBitsReader(parts.low, widths: head.lowBits)
        var escapes = Escapes(parts.escapes, head)
        for start in stride(from: 0, to: count, by: Self.block) {
            let length = min(Self.block, count - start)
            let values = elements + start
            contexts.fill(groups, from: start, count: length, base: base, mantissaBits: type.mantissaBits)
            guard !unused.haveAny(groups, length) else { throw .model }
            try decoder.decode(into: symbols, by: groups, count: length)
            try escapes.heads(of: symbols, count: length, into: values)
            try low.join(values, groups, count: length)
            transform.undo(values, base.map { $0 + start }, count: length)
        }
        guard decoder.isAtEnd, low.isAtEnd, escapes.isAtEnd else { throw .end }
    }

    /// Heads from symbols.
    private struct Escapes<Word: TensorWord> {
        private let escapes: [Word]
        private var next = 0
        /// What each symbol stands for, where it is not itself.
        private let heads: [Word]?

        init(_ escapes: [Word], _ head: TensorStreamHead) {
            self.escapes = escapes
            heads = head.alphabet.map { alphabet in
                alphabet.map { Word(truncatingIfNeeded: $0) }
                    + [Word](repeating: 0, count: 256 - alphabet.count)
            }
        }

        var isAtEnd: Bool { next == escapes.count }

        mutating func heads(
            of symbols: UnsafePointer<UInt8>, count: Int, into values: UnsafeMutablePointer<Word>
        ) throws(TensorStreamError) {
            if let heads {
                // 256 of them.
                heads.withUnsafeBufferPointer { heads in
                    for index in 0..<count { values[index] = heads[Int(symbols[index])] }
                }
            } else {
                for index in 0..<count { values[index] = Word(symbols[index]) }
            }
            // Most blocks of symbols have no escape.
            var start = 0
            while start < count {
                let length = min(Self.lookedAtOnce, count - start)
                if Self.hasEscape(symbols + start, length) {
                    let part = values + start
                    TensorStreamHead.forEachEscape(symbols + start, length) { index in
                        if next < escapes.count { part[index] = escapes[next] }
                        next &+= 1
                    }
                    guard next <= escapes.count else { throw .end }
                }
                start += length
            }
        }

        private static var lookedAtOnce: Int { 64 }

        @inline(__always) private static func hasEscape(_ symbols: UnsafePointer<UInt8>, _ count: Int) -> Bool
        {
            var found: UInt8 = 0
            if count == lookedAtOnce {
                // A length that the compiler knows.
                for index in 0..<lookedAtOnce { found |= symbols[index] == TensorStreamHead.escape ? 1 : 0 }
            } else {
                for index in 0..<count { found |= symbols[index] == TensorStreamHead.escape ? 1 : 0 }
            }
            return found != 0
        }
    }
}
