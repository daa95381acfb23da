@testable import Storage
import TestSupport
import Testing

/// Which versions of a tensor are stored by themselves.
@Suite struct BaseChoiceTests {
    /// A choice among some versions, and which stand by themselves before.
    private struct Problem {
        let choice: BaseChoice
        let start: [Bool]

        var count: Int { choice.alone.count }

        func difference(_ number: Int, _ base: Int) -> Double {
            choice.differences[number * count + base]
        }

        /// What all take where some stand by themselves; infinite where one cannot be read.
        func cost(_ stands: [Bool]) -> Double {
            (0..<count).reduce(0) { sum, number in
                let bases = (0..<count).filter { $0 != number && stands[$0] }
                return sum
                    + (stands[number]
                        ? choice.alone[number] : bases.map { difference(number, $0) }.min() ?? .infinity)
            }
        }

        /// The least that all can take, by trying everything.
        var least: Double {
            (0..<1 << count).lazy.map { bits in (0..<count).map { bits >> $0 & 1 == 1 } }
                .filter { stands in (0..<count).allSatisfy { stands[$0] || !choice.pinned[$0] } }
                .map(cost).min() ?? .infinity
        }
    }

    /// Points on a way that some model went, each as far from the others as it is away.
    private static func walk(_ count: Int, _ random: inout SplitMix64) -> Problem {
        var (place, places): (Double, [Double]) = (0, [])
        for _ in 0..<count {
            place += Double.random(in: 0...20, using: &random)
            places.append(place)
        }
        let alone = (0..<count).map { _ in Double.random(in: 60...70, using: &random) }
        var differences = [Double](repeating: .infinity, count: count * count)
        for one in 0..<count {
            for other in 0..<count where one != other {
                let distance =
                    5 + abs(places[one] - places[other]) * Double.random(in: 0.9...1.1, using: &random)
                if distance < 0.9 * alone[one] { differences[one * count + other] = distance }
            }
        }
        let pinned = (0..<count).map { _ in Int.random(in: 0..<8, using: &random) == 0 }
        let start = (0..<count).map { _ in Bool.random(using: &random) }
        return Problem(
            choice: BaseChoice(alone: alone, differences: differences, pinned: pinned), start: start)
    }

    @Test func `what is chosen can be read, and is as good as trying everything, nearly`() {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        var (found, possible) = (0.0, 0.0)
        for round in 0..<300 {
            let problem = Self.walk(Int.random(in: 1...9, using: &random), &random)
            let (bases, cost) = problem.choice.best(from: problem.start)
            let stands = bases.map { $0 == nil }
            let isSound =
                zip(bases.indices, bases).allSatisfy { number, base in
                    guard let base else { return true }
                    return base != number && stands[base] && problem.difference(number, base).isFinite
                } && zip(stands, problem.choice.pinned).allSatisfy { $0 || !$1 }
            #expect(isSound, "seed \(seed), round \(round)")
            #expect(abs(cost - problem.cost(stands)) < 1e-6, "seed \(seed), round \(round)")
            let least = problem.least
            #expect(cost < least * 1.2, "seed \(seed), round \(round)")
            found += cost
            possible += least
        }
        #expect(found < possible * 1.01, "seed \(seed)")
    }

    @Test func `a good choice stays`() {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        for _ in 0..<50 {
            let problem = Self.walk(20, &random)
            let first = problem.choice.best(from: problem.start)
            let second = problem.choice.best(from: first.bases.map { $0 == nil })
            #expect(second.bases == first.bases, "seed \(seed)")
        }
    }

    @Test func `what has nothing to be told by stands by itself`() {
        let choice = BaseChoice(
            alone: [1, 1, 1], differences: [Double](repeating: .infinity, count: 9),
            pinned: [false, false, false])
        let (bases, cost) = choice.best(from: [false, false, false])
        #expect(bases == [nil, nil, nil] && cost == 3)
    }
}
