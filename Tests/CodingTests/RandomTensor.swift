import TestSupport

@testable import Coding

/// Tensors as they come, and as they should not: trained-looking numbers, sparse ones, noise, all special values.
struct RandomTensor {
    let layout: TensorLayout
    let bytes: [UInt8]
    let base: [UInt8]?

    init(seed: UInt64, type: ElementType) {
        var random = SplitMix64(seed: seed)
        let rowLength = [nil, 1, 16, 33, 64, 100].randomElement(using: &random) ?? nil
        // The last one has more symbols than few states are for.
        let counts = [256, 257, 1000, 4096, 5000, 20_001] + (seed % 8 == 0 ? [70_000] : [])
        let count = counts.randomElement(using: &random) ?? 256
        layout = TensorLayout(type: type, rowLength: rowLength)
        let style = Int.random(in: 0..<7, using: &random)
        let mantissa = type.mantissaBits
        let top = 8 * type.width - 1
        func value(_ octaves: Double) -> UInt64 {
            guard let mantissa else {
                return UInt64(bitPattern: Int64(Double.random(in: -1...1, using: &random) * octaves * 10))
            }
            let middle = (1 << (top - mantissa)) / 2 - 1
            let power = Int(Double.random(in: -1...0, using: &random) * octaves)
            let exponent = max(0, min(2 * middle, middle + power))
            return UInt64.random(in: 0...1, using: &random) << UInt64(top) | UInt64(exponent)
                << UInt64(mantissa)
                | UInt64.random(in: 0..<(1 << UInt64(mantissa)), using: &random)
        }
        let elements = (0..<count).map { index -> UInt64 in
            switch style {
            case 0: return random.next()
            case 1: return [0, 1 << UInt64(top), .max, 1].randomElement(using: &random) ?? 0
            case 2: return index / (rowLength ?? 50) % 3 == 0 ? 0 : value(6)
            case 3: return value(Double(2 + index / (rowLength ?? 50) % 9))
            case 4: return 0
            case 6: return value(8) & ~(1 << UInt64(top))
            default: return value(8)
            }
        }
        let change = Int.random(in: 0..<4, using: &random)
        let isBased = Bool.random(using: &random)
        let old = elements.map { element -> UInt64 in
            switch change {
            case 0: return element
            case 1: return Int.random(in: 0..<9, using: &random) == 0 ? random.next() : element
            case 2: return element &+ UInt64.random(in: 0..<40, using: &random)
            default: return random.next()
            }
        }
        func bytes(_ elements: [UInt64]) -> [UInt8] {
            elements.flatMap { element in
                (0..<type.width).map { UInt8(truncatingIfNeeded: element >> UInt64(8 * $0)) }
            }
        }
        // Sometimes a piece that ends within an element.
        let rest = random.bytes(Int.random(in: 0..<type.width, using: &random))
        self.bytes = bytes(elements) + rest
        base = isBased ? bytes(old) + rest : nil
    }
}
