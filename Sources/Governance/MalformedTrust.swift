/// Bytes that are no key, signature or other evidence, and where they are none.
package struct MalformedTrust: Error, Hashable, CustomStringConvertible {
    /// The part that is wrong.
    package let what: String
    /// Where it begins: a byte, or a line where `isLine`.
    package let place: Int
    package let isLine: Bool
    /// What has to be there.
    package let expected: String

    init(_ what: String, offset: Int, _ expected: String) {
        (self.what, place, isLine, self.expected) = (what, offset, false, expected)
    }

    init(_ what: String, line: Int, _ expected: String) {
        (self.what, place, isLine, self.expected) = (what, line, true, expected)
    }

    package var description: String {
        "\(what), \(isLine ? "line" : "byte") \(place): expected \(expected)"
    }
}
