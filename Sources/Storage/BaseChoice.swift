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
    ///
    /// For each one that may come to stand by itself, one pass says what it costs to give up each other one (Whitaker's fast interchange, 1983).
    private func step(
        _ stands: [Bool], _ nearest: [Nearest], _ cost: Double
    ) -> (opened: Int?, closed: Int?)? {
        let closed = stands.indices.filter { stands[$0] && !pinned[$0] }
        var best: (opened: Int?, closed: Int?)?
        var least = cost * (1 - 1e-9)
        for opened in [nil] + stands.indices.filter({ !stands[$0] }) {
            let (sum, losses) = costs(stands, nearest, opened: opened)
            if opened != nil, sum < least { (best, least) = ((opened, nil), sum) }
            for number in closed where sum + losses[number] < least {
                (best, least) = ((opened, number), sum + losses[number])
            }
        }
        return best
    }

    /// What all take after one more stands by itself, or as they do; and how much more if one of the others gives that up.
    private func costs(
        _ stands: [Bool], _ nearest: [Nearest], opened: Int?
    ) -> (cost: Double, losses: [Double]) {
        var (sum, losses) = (0.0, [Double](repeating: 0, count: count))
        for number in 0..<count {
            let own = opened.map { difference(number, $0) } ?? .infinity
            if number == opened || stands[number] {
                sum += alone[number]
                // It would take the nearest of the others.
                losses[number] += min(nearest[number].firstCost, own) - alone[number]
            } else {
                let now = min(nearest[number].firstCost, own)
                sum += now
                if let first = nearest[number].first {
                    losses[first] += min(nearest[number].secondCost, own) - now
                }
            }
        }
        return (sum, losses)
    }
}
