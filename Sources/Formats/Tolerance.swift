/// By how much numbers may differ and still count as the same.
package struct Tolerance: Sendable {
    /// The greatest difference; of numbers beyond 1 this share of the larger one.
    package let value: Double

    package init(_ value: Double) { self.value = value }

    /// How far apart two numbers are: 0 for two that are both none, infinite where only one is.
    package static func distance(_ one: Double, _ other: Double) -> Double {
        if one == other || one.isNaN && other.isNaN { return 0 }
        let distance = (one - other).magnitude
        return distance.isNaN ? .infinity : distance
    }

    package func allows(_ one: Double, _ other: Double) -> Bool {
        let distance = Self.distance(one, other)
        return distance.isFinite && distance <= value * max(1, one.magnitude, other.magnitude)
            || distance == 0
    }
}
