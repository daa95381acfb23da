/// A model as a training leaves it: tensors of normally distributed bfloat16 weights, small ones between them, in the form of a
/// safetensors file.
package struct TrainedModel: Sendable {
    package struct Tensor: Sendable {
        package var name: String
        package var shape: [Int]
        package var weights: [Float]
    }

    package var tensors: [Tensor]
    package var metadata = ""
    /// How many batches it has seen, as batch norms count them: a tensor of one number that stands before all others in a safetensors file.
    package var batches: Int64?

    /// - Parameters:
    ///   - layers: Each of a matrix of `rows` x `columns` and a bias of `rows`.
    package init(layers: Int, rows: Int, columns: Int, using random: inout SplitMix64) {
        tensors = []
        for layer in 0..<layers {
            let scale = Float.random(in: 0.01...0.05, using: &random)
            tensors.append(
                Tensor(
                    name: "layers.\(layer).weight", shape: [rows, columns],
                    weights: (0..<rows * columns).map { _ in scale * Self.normal(&random) }))
            tensors.append(
                Tensor(
                    name: "layers.\(layer).bias", shape: [rows],
                    weights: (0..<rows).map { _ in scale * Self.normal(&random) }))
        }
    }

    /// About normal: the sum of four, with a variance of one.
    private static func normal(_ random: inout SplitMix64) -> Float {
        let bits = random.next()
        let sum = (bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + bits >> 48
        return (Float(sum) - 131_070) / 37_837
    }

    /// Some steps of training: every weight moves a little, in proportion to itself.
    package mutating func train(by step: Float = 0.01, using random: inout SplitMix64) {
        for index in tensors.indices {
            for weight in tensors[index].weights.indices {
                tensors[index].weights[weight] *= 1 + step * Self.normal(&random)
            }
        }
    }

    /// How a file has the weights.
    package enum Element: String, Sendable, CaseIterable {
        /// Cut off, not rounded: what the weights are before they are trained further.
        case cut = "BF16"
        case bfloat16
        case float16 = "F16"
        case float32 = "F32"
        case float64 = "F64"

        /// As headers name it.
        var name: String { self == .bfloat16 ? "BF16" : rawValue }

        package func bytes(_ weight: Float) -> [UInt8] {
            switch self {
            case .cut: Self.bytes(UInt16(truncatingIfNeeded: weight.bitPattern >> 16))
            case .bfloat16:
                Self.bytes(
                    UInt16(
                        truncatingIfNeeded: (weight.bitPattern &+ 0x7fff &+ (weight.bitPattern >> 16 & 1))
                            >> 16
                    ))
            case .float16: Self.bytes(Float16(weight).bitPattern)
            case .float32: Self.bytes(weight.bitPattern)
            // With more places than a float has.
            case .float64: Self.bytes((Double(weight) * (1 + 1e-9)).bitPattern)
            }
        }

        private static func bytes(_ bits: some FixedWidthInteger) -> [UInt8] {
            withUnsafeBytes(of: bits.littleEndian) { Array($0) }
        }
    }

    /// The model as a file, the tensors in their order, of bfloat16 weights that are cut off.
    package var file: [UInt8] { file(.cut) }

    /// The model as a file, the tensors in their order.
    package func file(_ element: Element) -> [UInt8] {
        var (header, data): (String, [UInt8]) = ("{\"__metadata__\":{\"step\":\"\(metadata)\"}", [])
        if let batches {
            data += withUnsafeBytes(of: batches.littleEndian) { Array($0) }
            header += ",\"batches\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]}"
        }
        for tensor in tensors {
            let start = data.count
            for weight in tensor.weights { data += element.bytes(weight) }
            header +=
                ",\"\(tensor.name)\":{\"dtype\":\"\(element.name)\",\"shape\":\(tensor.shape),\"data_offsets\":[\(start),\(data.count)]}"
        }
        header += "}"
        let length = UInt64(header.utf8.count)
        return (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + Array(header.utf8) + data
    }

    /// The model as a GGUF file of bfloat16 weights.
    package var gguf: [UInt8] {
        func number(_ value: Int, _ width: Int) -> [UInt8] {
            (0..<width).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        }
        func text(_ text: String) -> [UInt8] { number(text.utf8.count, 8) + Array(text.utf8) }
        var header = Array("GGUF".utf8) + number(3, 4) + number(tensors.count, 8) + number(1, 8)
        header += text("general.name") + number(8, 4) + text(metadata)
        var data: [UInt8] = []
        for tensor in tensors {
            header += text(tensor.name) + number(tensor.shape.count, 4)
            for dimension in tensor.shape.reversed() { header += number(dimension, 8) }
            header += number(30, 4) + number(data.count, 8)
            for weight in tensor.weights { data += Element.cut.bytes(weight) }
            data += [UInt8](repeating: 0, count: (32 - data.count % 32) % 32)
        }
        return header + [UInt8](repeating: 0, count: (32 - header.count % 32) % 32) + data
    }
}
