/// Chooses which versions of a tensor are stored by themselves, and which by their difference from one of those, so that all of them take
/// the least.
///
/// The facility location problem (Kuehn, Hamburger, 1963), by local search: in each step one more stands by itself, or one fewer, or
/// one instead of another, whichever saves the most, until nothing saves any more.
struct BaseChoice {
    /// What each takes by itself, in bytes.
    let alone: [Double]
    /// What each takes as its difference from another one: that from `j` of `i` at `i * count + j`; infinite where there is none.
    let differences: [Double]
    /// Those that have to stand by themselves.
    let pinned: [Bool]

    private var count: Int { alone.count }

    /// The two nearest of those that stand by themselves, other than itself.
    private struct Nearest {
        var (first, second): (Int?, Int?)
        var (firstCost, secondCost) = (Double.infinity, Double.infinity)

        mutating func add(_ number: Int, _ cost: Double) {
            if cost < firstCost {
                (second, secondCost) = (first, firstCost)
                (first, firstCost) = (number, cost)
            } else if cost < secondCost {
                (second, secondCost) = (number, cost)
            }
        }

        func cost(without number: Int?) -> Double { first == number ? secondCost : firstCost }
    }

    /// The base of each, nothing where it stands by itself; and what all take.
    ///
    /// - Parameter start: Which stand by themselves now.
    func best(from start: [Bool]) -> (bases: [Int?], cost: Double) {
        precondition(
            differences.count == count * count && pinned.count == count && start.count == count,
            "a row and a column for each")
        var stands = zip(start, pinned).map { $0 || $1 }
        // Who has no base to stand on stands by itself.
        for number in 0..<count where !stands[number] {
            stands[number] = !(0..<count).contains { stands[$0] && difference(number, $0).isFinite }
        }
        var (nearest, cost) = look(stands)
        while let step = step(stands, nearest, cost) {
            if let opened = step.opened { stands[opened] = true }
            if let closed = step.closed { stands[closed] = false }
            (nearest, cost) = look(stands)
        }
        return (stands.indices.map { stands[$0] ? nil : nearest[$0].first }, cost)
    }

    private func difference(_ number: Int, _ base: Int) -> Double { differences[number * count + base] }

    private func look(_ stands: [Bool]) -> ([Nearest], cost: Double) {
        let bases = stands.indices.filter { stands[$0] }
        var (all, cost): ([Nearest], Double) = ([], 0)
        for number in 0..<count {
            var nearest = Nearest()
            for base in bases where base != number { nearest.add(base, difference(number, base)) }
            all.append(nearest)
            cost += stands[number] ? alone[number] : nearest.firstCost
        }
        return (all, cost)
    }

    /// The step that saves the most, if one saves more than what rounding makes of it.
    private func step(
        _ stands: [Bool], _ nearest: [Nearest], _ cost: Double
    ) -> (opened: Int?, closed: Int?)? {
        let opened: [Int?] = [nil] + stands.indices.filter { !stands[$0] }
        let closed: [Int?] = [nil] + stands.indices.filter { stands[$0] && !pinned[$0] }
        var best: (opened: Int?, closed: Int?)?
        var least = cost * (1 - 1e-9)
        for one in opened {
            for other in closed where one != nil || other != nil {
                let sum = self.cost(stands, nearest, opened: one, closed: other, limit: least)
                if sum < least { (best, least) = ((one, other), sum) }
            }
        }
        return best
    }

    /// What all take after a step, or something above the limit.
    private func cost(
        _ stands: [Bool], _ nearest: [Nearest], opened: Int?, closed: Int?, limit: Double
    ) -> Double {
        var sum = 0.0
        for number in 0..<count {
            if number == opened || (stands[number] && number != closed) {
                sum += alone[number]
            } else {
                let kept = nearest[number].cost(without: closed)
                sum += opened.map { min(kept, difference(number, $0)) } ?? kept
            }
            if sum >= limit { return .infinity }
        }
        return sum
    }
}
