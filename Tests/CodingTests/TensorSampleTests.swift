import Coding
import TestSupport
import Testing

/// How versions of a tensor are found among many others.
@Suite struct TensorSampleTests {
    private func sample(_ bytes: [UInt8], _ type: ElementType) -> TensorSample {
        bytes.withUnsafeBytes { TensorSample($0, TensorLayout(type: type)) }
    }

    private func matrices(_ model: TrainedModel, _ element: TrainedModel.Element) -> [[UInt8]] {
        model.tensors.filter { $0.shape.count == 2 }.map { tensor in
            tensor.weights.flatMap { element.bytes($0) }
        }
    }

    @Test(arguments: [
        (TrainedModel.Element.bfloat16, ElementType.bfloat16), (.float16, .float16), (.float32, .float32),
        (.float64, .float64),
    ]) func `versions of a tensor are akin, other tensors of its form are not`(
        element: TrainedModel.Element, type: ElementType
    ) {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        var model = TrainedModel(layers: 12, rows: 64, columns: 100, using: &random)
        let old = matrices(model, element).map { sample($0, type) }
        model.train(by: 0.1, using: &random)
        let near = matrices(model, element).map { sample($0, type) }
        for _ in 0..<4 { model.train(by: 0.1, using: &random) }
        let new = matrices(model, element).map { sample($0, type) }
        var common = 0
        for one in old.indices {
            for other in new.indices {
                #expect(old[one].isAkin(to: new[other]) == (one == other), "seed \(seed), \(one), \(other)")
            }
            #expect(old[one].distance(to: old[one]) == 0)
            #expect(old[one].distance(to: near[one]) < old[one].distance(to: new[one]), "seed \(seed)")
            if zip(old[one].bands, new[one].bands).contains(where: ==) { common += 1 }
        }
        #expect(common >= 10, "seed \(seed): only \(common) of 12 are found")
    }

    @Test func `tensors of any length have a sample`() {
        for type in ElementType.allCases {
            for count in [0, 1, 2, 63, 64, 65, 127, 128, 1_000, 5_000] {
                let bytes = (0..<count * type.width).map { UInt8(truncatingIfNeeded: $0 * 31) }
                let one = sample(bytes, type)
                #expect(one.isAkin(to: one) && one.bands.count == 16)
                if count > 0 { #expect(one.distance(to: one) == 0) }
            }
        }
    }
}
