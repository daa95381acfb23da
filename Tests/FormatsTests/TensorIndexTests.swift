import FileIO
import Formats
import TestSupport
import Testing

/// Files of tensors but safetensors: `Tests/Vectors/tensor-files`, and what becomes of them when they lie.
@Suite struct TensorIndexTests {
    private static let folder = FilePath(#filePath).parent.parent.appending(
        Array("Vectors/tensor-files".utf8))

    private static func contents(_ name: String) throws -> [UInt8] {
        try POSIXFileSystem().contents(folder.appending(Array(name.utf8)), limit: 1 << 20)
    }

    /// What `index.txt` says: of each file its tensors.
    private static func expected() throws -> [String: [String]] {
        var files: [String: [String]] = [:]
        for line in String(decoding: try contents("index.txt"), as: UTF8.self).split(separator: "\n") {
            let name = String(line.prefix { $0 != "\t" })
            files[name, default: []].append(String(line.dropFirst(name.count + 1)))
        }
        return files
    }

    private static func line(_ tensor: TensorEntry) -> String {
        let shape = tensor.shape.map { "\($0)" }.joined(separator: ",")
        return [
            String(decoding: tensor.name, as: UTF8.self), tensor.type, shape, "\(tensor.range.lowerBound)",
            "\(tensor.range.count)",
        ].joined(separator: "\t")
    }

    @Test(arguments: [
        "checkpoint.pt", "module.pt", "kinds.pt", "arrays.npz", "turned.npy", "complex.npy", "tiny.gguf",
    ])
    func `files of PyTorch, NumPy and GGUF say where their tensors are`(name: String) throws {
        let index = try #require(TensorIndex(ByteSource(Self.contents(name))))
        let (found, expected) = try (index.tensors.map(Self.line), Self.expected()[name] ?? [])
        #expect(Set(found).symmetricDifference(expected) == [])
        #expect(found == expected)
        #expect(!index.isSafetensors)
    }

    @Test(arguments: ["compressed.npz", "foreign.npy", "records.npy", "legacy.pt", "index.txt"])
    func `what is compressed, foreign or of an older kind is as any other file`(name: String) throws {
        #expect(try TensorIndex(ByteSource(Self.contents(name))) == nil)
    }

    @Test(arguments: ["checkpoint.pt", "arrays.npz", "turned.npy", "tiny.gguf"])
    func `a file that breaks off is none`(name: String) throws {
        let bytes = try Self.contents(name)
        // What follows the last tensor of a GGUF file is padding.
        let index = try #require(TensorIndex(ByteSource(bytes)))
        let end = name == "tiny.gguf" ? index.tensors.last?.range.upperBound ?? 0 : bytes.count
        let lengths = (0..<end).filter { $0 % 37 == 0 || end - $0 < 64 }
        let found = lengths.filter { TensorIndex(ByteSource(Array(bytes.prefix($0)))) != nil }
        #expect(found == [])
    }

    /// Whatever a file says, tensors lie in it, in order, and do not overlap.
    @Test(arguments: ["checkpoint.pt", "module.pt", "kinds.pt", "arrays.npz", "turned.npy", "tiny.gguf"])
    func `damaged files say nothing that is not so`(name: String) throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bytes = try Self.contents(name)
        for _ in 0..<200 {
            var changed = bytes
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                changed[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(
                    in: 0...255, using: &random)
            }
            guard let index = TensorIndex(ByteSource(changed)) else { continue }
            var end = 0
            var isSound = true
            for tensor in index.tensors {
                isSound = isSound && tensor.range.lowerBound >= end && !tensor.range.isEmpty
                if let row = tensor.rowLength, let width = tensor.elementWidth {
                    isSound = isSound && row * width <= tensor.range.count
                }
                end = tensor.range.upperBound
            }
            #expect(isSound && end <= bytes.count, "seed \(seed)")
        }
    }

    // MARK: Archives

    /// A zip archive of stored members, as short as can be.
    private static func archive(_ members: [(name: String, bytes: [UInt8])], isWide: Bool = false) -> [UInt8]
    {
        var (bytes, directory): ([UInt8], [UInt8]) = ([], [])
        for member in members {
            let start = bytes.count
            let name = Array(member.name.utf8)
            bytes += [0x50, 0x4b, 3, 4] + [UInt8](repeating: 0, count: 22) + number(name.count, 2) + [0, 0]
            bytes += name + member.bytes
            let wide = number(member.bytes.count, 8) + number(member.bytes.count, 8) + number(start, 8)
            let extra = isWide ? number(1, 2) + number(wide.count, 2) + wide : []
            let short = isWide ? [255, 255, 255, 255] : number(member.bytes.count, 4)
            directory += [0x50, 0x4b, 1, 2] + [UInt8](repeating: 0, count: 16) + short + short
            directory += number(name.count, 2) + number(extra.count, 2) + [UInt8](repeating: 0, count: 10)
            directory += (isWide ? [255, 255, 255, 255] : number(start, 4)) + name + extra
        }
        let start = bytes.count
        bytes += directory
        if isWide {
            let end = bytes.count
            bytes +=
                [0x50, 0x4b, 6, 6] + [UInt8](repeating: 0, count: 36) + number(directory.count, 8)
                + number(start, 8)
            bytes += [0x50, 0x4b, 6, 7, 0, 0, 0, 0] + number(end, 8) + [1, 0, 0, 0]
        }
        bytes += [0x50, 0x4b, 5, 6] + [UInt8](repeating: 0, count: 8)
        bytes += isWide ? [UInt8](repeating: 255, count: 8) : number(directory.count, 4) + number(start, 4)
        return bytes + [0, 0]
    }

    private static func number(_ value: Int, _ width: Int) -> [UInt8] {
        (0..<width).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }

    private static func array(_ count: Int) -> [UInt8] {
        let text = "{'descr': '|u1', 'fortran_order': False, 'shape': (\(count),), }\n"
        return [0x93] + Array("NUMPY".utf8) + [1, 0] + number(text.utf8.count, 2) + Array(text.utf8)
            + [UInt8](repeating: 7, count: count)
    }

    @Test func `archives of more than 4 GiB have wide numbers`() throws {
        for isWide in [false, true] {
            let bytes = Self.archive(
                [("a.npy", Self.array(70)), ("b.txt", [1]), ("c.npy", Self.array(9))], isWide: isWide)
            let index = try #require(TensorIndex(ByteSource(bytes)))
            #expect(index.tensors.map { String(decoding: $0.name, as: UTF8.self) } == ["a", "c"])
            #expect(index.tensors.map(\.range.count) == [70, 9])
            #expect(index.tensors.allSatisfy { bytes[$0.range].allSatisfy { $0 == 7 } })
        }
    }

    @Test func `members that overlap make no archive of tensors`() {
        let one = Self.archive([("a.npy", Self.array(70))])
        // The directory names its only member twice.
        let start = one.count - 22 - 46 - 5
        let record = Array(one[start..<start + 51])
        var twice = Array(one[..<start]) + record + record + Array(one[(start + 51)...])
        twice.replaceSubrange(twice.count - 10..<twice.count - 6, with: Self.number(102, 4))
        #expect(TensorIndex(ByteSource(one)) != nil)
        #expect(TensorIndex(ByteSource(twice)) == nil)
    }

    /// What was read of a file: how many bytes, and how often something before what had been read.
    private final class Readings {
        var (bytes, returns, end) = (0, 0, 0)

        func source(_ bytes: [UInt8]) -> ByteSource {
            ByteSource(length: bytes.count) { offset, count in
                self.bytes += count
                if offset < self.end { self.returns += 1 }
                self.end = offset + count
                return Array(bytes[offset..<offset + count])
            }
        }
    }

    /// A directory that names one member many times would have it read as often.
    @Test func `a member that is named many times is not read as often`() {
        let one = Self.archive([("a.npy", Self.array(70))])
        let start = one.count - 22 - 46 - 5
        let record = one[start..<start + 51]
        let count = 20_000
        var many =
            Array(one[..<start]) + Array((0..<count).map { _ in record }.joined()) + one[(start + 51)...]
        many.replaceSubrange(many.count - 10..<many.count - 6, with: Self.number(count * 51, 4))
        let readings = Readings()
        #expect(TensorIndex(readings.source(many)) == nil)
        #expect(readings.bytes < 2 * many.count)
    }

    /// What the store has in pieces is decoded again whenever somebody goes back.
    @Test func `members are read in the order in which they lie`() throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let count = 300
        let bytes = Self.archive((0..<count).map { ("\($0 + 100).npy", Self.array(70)) })
        let length = 46 + 7
        let start = bytes.count - 22 - count * length
        var records = (0..<count).map { Array(bytes[start + $0 * length..<start + ($0 + 1) * length]) }
        records.shuffle(using: &random)
        let shuffled = Array(bytes[..<start]) + Array(records.joined()) + bytes.suffix(22)
        let readings = Readings()
        let index = try #require(TensorIndex(readings.source(shuffled)))
        #expect(index.tensors.count == count)
        #expect(readings.returns < 5 + count, "seed \(seed)")
        var pickle: [UInt8] = [0x80, 2, 0x28]
        for key in (0..<count).reversed() { pickle += Self.tensor("x", key: "\(key)").dropFirst(3) }
        pickle += [0x74, 0x2e]
        var members = [(name: "x/data.pkl", bytes: pickle)]
        for key in 0..<count { members.append((name: "x/data/\(key)", bytes: [1, 2, 3, 4])) }
        let others = Readings()
        #expect(try #require(TensorIndex(others.source(Self.archive(members)))).tensors.count == count)
        #expect(others.returns < 5)
    }

    private static func pickled(_ pickle: [UInt8], _ storage: [UInt8] = [1, 2, 3, 4]) -> TensorIndex? {
        TensorIndex(ByteSource(archive([("x/data.pkl", pickle), ("x/data/0", storage)])))
    }

    private static func text(_ text: String) -> [UInt8] { [0x8c, UInt8(text.utf8.count)] + Array(text.utf8) }

    /// A function or class.
    private static func global(_ module: String, _ member: String) -> [UInt8] {
        text(module) + text(member) + [0x93]
    }

    /// A mark, and `storage of a key, 0, (4,), (1,), False, None`: of bytes.
    private static func arguments(_ key: String = "0") -> [UInt8] {
        let storage = [0x28] + text("storage") + global("torch", "ByteStorage") + text(key) + text("cpu")
        return [0x28] + storage + [0x4b, 4, 0x74, 0x51, 0x4b, 0, 0x4b, 4, 0x85, 0x4b, 1, 0x85, 0x89, 0x4e]
    }

    /// A name, and `_rebuild_tensor_v2` of what ``arguments(_:)`` says.
    private static func tensor(
        _ name: String, key: String = "0", module: String = "torch._utils"
    ) -> [UInt8] {
        text(name) + global(module, "_rebuild_tensor_v2") + arguments(key) + [0x74, 0x52]
    }

    @Test func `names are the way to a tensor`() throws {
        let pickle =
            [0x80, 2, 0x7d] + Self.text("model") + [0x7d] + Self.tensor("weight") + [0x73, 0x73, 0x2e]
        let index = try #require(Self.pickled(pickle))
        #expect(index.tensors.map { String(decoding: $0.name, as: UTF8.self) } == ["model.weight"])
        // Another function of that name makes something else.
        let other = [0x80, 2, 0x7d] + Self.tensor("weight", module: "evil") + [0x73, 0x2e]
        #expect(Self.pickled(other) == nil)
    }

    private static func names(_ pickle: [UInt8]) throws -> [String] {
        try #require(pickled([0x80, 2] + pickle + [0x2e])).tensors.map {
            String(decoding: $0.name, as: UTF8.self)
        }
    }

    @Test func `tensors are found however deep they lie`() throws {
        let depth = 300
        let pickle =
            (0..<depth).flatMap { _ in [0x7d] + Self.text("") } + [0x7d] + Self.tensor("w") + [0x73]
            + [UInt8](repeating: 0x73, count: depth)
        #expect(try Self.names(pickle) == ["w"])
    }

    @Test func `what is of a subclass of a dictionary or list holds tensors as these do`() throws {
        let object = Self.global("my", "Kind") + [0x29, 0x81]
        let several = Self.tensor("w") + Self.text("x") + [0x4e]
        #expect(
            try Self.names([0x7d] + Self.text("m") + object + [0x28] + several + [0x75, 0x73]) == ["m.w"])
        #expect(try Self.names(object + Self.tensor("w") + [0x73]) == ["w"])
        let value = Self.tensor("").dropFirst(2)
        #expect(try Self.names(object + [0x4e, 0x61] + value + [0x61]) == ["1"])
        #expect(try Self.names(object + [0x28, 0x4e] + value + [0x65]) == ["1"])
        // By name, to whoever makes it.
        let named = Self.global("my", "Kind") + [0x29, 0x7d] + Self.tensor("w") + [0x73, 0x92]
        #expect(try Self.names(named) == ["w"])
        let ordered = Self.global("collections", "OrderedDict") + [0x29, 0x52] + Self.tensor("w") + [0x73]
        // Its state says nothing, and harms nothing.
        #expect(try Self.names(ordered + [0x7d] + Self.text("_metadata") + [0x4e, 0x73, 0x62]) == ["w"])
    }

    /// `{"a": {"w": tensor, "v": view of it}, "b": tensor}`: the first one that is met says what the storage is.
    @Test func `the first tensor of a storage is the first on the way through the pickle`() throws {
        let whole = Self.tensor("w").dropLast(12) + [0x4b, 0, 0x4b, 2, 0x4b, 2, 0x86, 0x4b, 2, 0x4b, 1, 0x86]
        let first = whole + [0x89, 0x4e, 0x74, 0x52, 0x71, 5]
        let view =
            Self.tensor("v").dropLast(12) + [0x4b, 1, 0x4b, 2, 0x85, 0x4b, 1, 0x85, 0x89, 0x4e, 0x74, 0x52]
        let pickle =
            [0x80, 2, 0x7d] + Self.text("a") + [0x7d] + first + [0x73] + view + [0x73, 0x73] + Self.text("b")
            + [0x68, 5, 0x73, 0x2e]
        let index = try #require(Self.pickled(pickle))
        #expect(index.tensors.map(\.shape) == [[2, 2]])
        #expect(index.tensors.map { String(decoding: $0.name, as: UTF8.self) } == ["a.w"])
    }

    @Test func `functions are called in each of the ways that pickles have`() throws {
        let function = "torch._utils\n_rebuild_tensor_v2\n".utf8
        let global = [0x63] + Array(function)
        let calls = [
            global + Self.arguments() + [0x74, 0x52], global + Self.arguments() + [0x74, 0x81],
            global + Self.arguments() + [0x74, 0x7d, 0x92],
            [0x28] + global + Self.arguments().dropFirst() + [0x6f],
            Self.arguments() + [0x69] + Array(function),
        ]
        for call in calls {
            let index = try #require(Self.pickled([0x80, 2] + call + [0x2e]))
            #expect(index.tensors.map(\.range.count) == [4])
        }
        let subclass = Self.global("torch._tensor", "_rebuild_from_type_v2")
        for (inner, isTensor) in [(global, true), (Self.global("evil", "_rebuild_tensor_v2"), false)] {
            let call =
                subclass + [0x28] + inner + Self.global("my", "Kind") + Self.arguments() + [0x74, 0x4e]
            #expect((Self.pickled([0x80, 2] + call + [0x74, 0x52, 0x2e]) != nil) == isTensor)
        }
    }

    @Test func `pickles that are bombs are given up, or cost nothing`() throws {
        let clock = ContinuousClock()
        let took = clock.measure {
            // A tuple in a tuple, a million deep.
            #expect(
                Self.pickled([0x80, 2, 0x29] + [UInt8](repeating: 0x85, count: 1_000_000) + [0x2e]) == nil)
            // A list that is in itself.
            #expect(Self.pickled([0x80, 2, 0x5d, 0x94, 0x68, 0, 0x61, 0x2e]) == nil)
            // Each list holds the one before twice: 2^100,000 ways.
            let doubled = (0..<100_000).flatMap { _ in
                [0x5d, 0x28, 0x68, 0, 0x68, 0, 0x65, 0x71, 0] as [UInt8]
            }
            #expect(Self.pickled([0x80, 2, 0x5d, 0x71, 0] + doubled + [0x2e]) == nil)
            // A hundred thousand calls with one long list of arguments.
            let calls = [UInt8]((0..<100_000).flatMap { _ in [0x68, 1, 0x68, 0, 0x52] })
            let list = [0x28] + [UInt8](repeating: 0x4e, count: 1_000_000) + [0x74, 0x71, 0]
            let function = Self.text("a") + Self.text("b") + [0x93, 0x71, 1]
            #expect(Self.pickled([0x80, 2] + list + function + [0x5d, 0x28] + calls + [0x65, 0x2e]) == nil)
            // One list of arguments for half a million tensors.
            let sizes = [0x28] + [UInt8]((0..<64).flatMap { _ in [0x4b, 1] }) + [0x74]
            let wide =
                [0x28] + Self.arguments().dropFirst().dropLast(10) + [0x4b, 0] + sizes + sizes + [0x74]
            let shared = wide + [0x71, 0] + Self.global("torch._utils", "_rebuild_tensor_v2") + [0x71, 1]
            #expect(
                Self.pickled([0x80, 2] + shared + [0x5d, 0x28] + calls + [0x65, 0x2e])?.tensors.count == 1)
            // A long way to each of many tensors.
            var far: [UInt8] = []
            for _ in 0..<1000 { far += [0x7d] + Self.text("a") }
            far += [0x5d, 0x28]
            for key in 0..<20_000 { far += Self.tensor("", key: "\(key)").dropFirst(2) }
            far += [0x65] + [UInt8](repeating: 0x73, count: 1000)
            #expect(Self.pickled([0x80, 2] + far + [0x2e])?.tensors.count == 1)
            // One long name for each of many members.
            let name =
                [0x58] + Self.number(1_000_000, 4) + [UInt8](repeating: 0x61, count: 1_000_000) + [0x71, 0]
            let members = [UInt8]((0..<200_000).flatMap { _ in [0x68, 0, 0x5d] })
            #expect(Self.pickled([0x80, 2] + name + [0x7d, 0x28] + members + [0x75, 0x2e]) == nil)
        }
        // Each takes well below a second; what is quadratic takes hours.
        #expect(took < .seconds(120))
    }

    @Test(
        arguments: [
            [0x80, 2], [0x2e], [0x80, 2, 0x52, 0x2e], [0x80, 2, 0x65, 0x2e], [0x80, 2, 0x68, 9, 0x2e],
            [0xff, 0x2e],
            [0x80, 2, 0x28, 0x30, 0x2e], [0x80, 2, 0x8d, 255, 255, 255, 255, 255, 255, 255, 255, 0x2e],
            [0x80, 2, 0x8b, 255, 255, 255, 127, 0x2e], [0x80, 2, 0x4e, 0x73, 0x2e],
            [0x80, 2, 0x7d, 0x28, 0x4e, 0x75, 0x2e],
            [0x80, 2, 0x53, 0x0a, 0x2e], [0x80, 2, 0x67, 0x78, 0x0a, 0x2e],
            [0x80, 2, 0x7d, 0x94, 0x62, 0x2e],
        ] as [[UInt8]])
    func `what is no pickle is given up`(bytes: [UInt8]) { #expect(Self.pickled(bytes) == nil) }
}
