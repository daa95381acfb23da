import Formats
import TestSupport
import Testing

/// Two files of tensors, number by number.
struct TensorComparisonTests {
    /// A file of safetensors with one-dimensional tensors.
    private static func file(
        _ tensors: [(name: String, type: String, bytes: [UInt8], count: Int)]
    ) -> ByteSource {
        var (members, data): ([String], [UInt8]) = ([], [])
        for tensor in tensors {
            members.append(
                "\"\(tensor.name)\":{\"dtype\":\"\(tensor.type)\",\"shape\":[\(tensor.count)],\"data_offsets\":[\(data.count),\(data.count + tensor.bytes.count)]}"
            )
            data += tensor.bytes
        }
        let header = Array("{\(members.joined(separator: ","))}".utf8)
        return ByteSource(bytes(of: UInt64(header.count)) + header + data)
    }

    private static func bytes<Number>(of number: Number) -> [UInt8] {
        withUnsafeBytes(of: number) { Array($0) }
    }

    private static func floats(_ numbers: [Float], name: String = "w") -> ByteSource {
        file([(name, "F32", numbers.flatMap { bytes(of: $0) }, numbers.count)])
    }

    private func compare(
        _ one: ByteSource, _ other: ByteSource, _ tolerance: Double
    ) throws -> TensorComparison {
        try #require(TensorComparison(one, other, Tolerance(tolerance)))
    }

    @Test func theFirstNumberBeyondTheToleranceIsNamedAndTheGreatestDifferenceTold() throws {
        let (one, other) = (Self.floats([1, 2, 3, 4]), Self.floats([1, 2.25, 2, 4]))
        let exact = try compare(one, other, 0)
        #expect(exact.difference == "tensor w, element 1: 2.0, and 2.25 now")
        #expect(exact.greatest == 1)
        #expect(try compare(one, other, 0.2).difference == "tensor w, element 2: 3.0, and 2.0 now")
        #expect(try compare(one, other, 0.4).difference == nil)
        #expect(try compare(one, one, 0).greatest == 0)
    }

    @Test func namesShapesAndTypesHaveToBeTheSame() throws {
        let one = Self.floats([1, 2])
        #expect(try compare(one, Self.floats([1, 2], name: "v"), 1).difference == "tensor w is not there")
        #expect(
            try compare(one, Self.floats([1, 2, 3]), 1).difference == "tensor w is F32 [2], and F32 [3] now")
        let whole = Self.file([("w", "I32", [1, 0, 0, 0, 2, 0, 0, 0], 2)])
        #expect(try compare(one, whole, 1e9).difference == "tensor w is F32 [2], and I32 [2] now")
        let both = Self.file([("w", "U8", [1], 1), ("x", "U8", [1], 1)])
        #expect(try compare(Self.file([("w", "U8", [1], 1)]), both, 1).difference == "tensor x is new")
    }

    @Test func noneIsOnlyNoneAndInfinityIsNoNumberNearby() throws {
        let none = Self.floats([.nan])
        #expect(try compare(none, Self.floats([Float(bitPattern: 0x7fc0_0001)]), 0).difference == nil)
        #expect(try compare(none, Self.floats([1]), 1e300).difference != nil)
        #expect(try compare(Self.floats([.infinity]), Self.floats([1]), 1e300).difference != nil)
        #expect(try compare(Self.floats([.infinity]), Self.floats([-.infinity]), 1e300).difference != nil)
        #expect(try compare(Self.floats([0]), Self.floats([-0.0]), 0).difference == nil)
    }

    @Test func integersThatAreNoFloatingPointNumbersAreToldApart() throws {
        func file(_ number: Int64) -> ByteSource { Self.file([("n", "I64", Self.bytes(of: number), 1)]) }
        let large = Int64(1) << 60
        #expect(try compare(file(large), file(large + 1), 0).difference != nil)
        #expect(try compare(file(large), file(large + 1), 0).greatest == 1)
        #expect(try compare(file(.min), file(.max), 0.5).difference != nil)
        #expect(try compare(file(.min), file(.max), 0).greatest == 0x1p64)
    }

    @Test(arguments: 0..<UInt64(40)) func everyTypeIsReadAsTheNumberThatItIs(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        // Numbers that all types of floating point have.
        let (a, b) = (
            Double(Int.random(in: -64...64, using: &random)), Double(Int.random(in: -64...64, using: &random))
        )
        func half(_ value: Double) -> [UInt8] {
            guard value != 0 else { return [0, 0] }
            let bits =
                UInt16(value < 0 ? 0x8000 : 0) | UInt16(value.magnitude.exponent + 15) << 10
                | UInt16((value.magnitude.significand - 1) * 1024)
            return Self.bytes(of: bits)
        }
        let kinds: [(String, (Double) -> [UInt8])] = [
            ("F64", { Self.bytes(of: $0) }), ("F32", { Self.bytes(of: Float($0)) }),
            ("BF16", { Self.bytes(of: UInt16(Float($0).bitPattern >> 16)) }), ("F16", half),
            ("I64", { Self.bytes(of: Int64($0)) }), ("I32", { Self.bytes(of: Int32($0)) }),
            ("I16", { Self.bytes(of: Int16($0)) }), ("I8", { Self.bytes(of: Int8($0)) }),
            ("U8", { [UInt8($0.magnitude)] }),
        ]
        for (type, encoded) in kinds {
            let found = try compare(
                Self.file([("t", type, encoded(a), 1)]), Self.file([("t", type, encoded(b), 1)]), 0)
            let expected = type == "U8" ? (a.magnitude - b.magnitude).magnitude : (a - b).magnitude
            #expect(found.greatest == expected, "\(type) \(a) \(b)")
            #expect((found.difference == nil) == (expected == 0), "\(type) \(a) \(b)")
        }
    }

    @Test func emptyTensorsAndTheOrderOfArraysCount() throws {
        let one = Self.file([("e", "F32", [], 0), ("w", "U8", [1], 1)])
        let other = Self.file([("o", "F32", [], 0), ("w", "U8", [1], 1)])
        #expect(try compare(one, other, 1).difference == "tensor e is not there")
        func array(_ order: String, _ shape: String, _ type: String = "<f4") -> ByteSource {
            var header = Array("{'descr': '\(type)', 'fortran_order': \(order), 'shape': \(shape), }".utf8)
            header += [UInt8](repeating: 0x20, count: 117 - header.count) + [0x0a]
            let numbers: [Float] = [1, 2, 3, 4]
            return ByteSource(
                [0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0] + header
                    + numbers.flatMap { Self.bytes(of: $0) })
        }
        #expect(try compare(array("False", "(2, 2)"), array("False", "(2, 2)"), 0).difference == nil)
        for wrong in [array("True", "(2, 2)"), array("False", "(4, 1)"), array("False", "(2,)", "<c8")] {
            #expect(try compare(array("False", "(2, 2)"), wrong, 1e300).difference != nil)
        }
    }

    @Test func otherFilesAreNotCompared() {
        let text = ByteSource(Array("text".utf8))
        #expect(TensorComparison(text, Self.floats([1]), Tolerance(0)) == nil)
        #expect(TensorComparison(Self.floats([1]), ByteSource([]), Tolerance(0)) == nil)
    }
}
