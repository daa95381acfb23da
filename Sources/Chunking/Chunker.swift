/// Cuts a file's bytes where their content says so: FastCDC (Xia et al., USENIX ATC 2016) with the constants of cut rule 1
/// (`Documentation/Formats/merkle-tree.md`, "Cut rules").
///
/// A cut depends on the bytes since the chunk's start only.
package struct Chunker: Sendable {
    /// The rule's number in recipes.
    package static let rule = 1
    /// A file of up to this many bytes is one chunk.
    package static let wholeLimit = 262_144
    package static let minimum = 65_536
    package static let normal = 262_144
    /// The most bytes of a chunk, and so what a caller has to have at hand.
    package static let maximum = 1_048_576

    private static let hardMask: UInt64 = 0xffff_f000_0000_0000
    private static let easyMask: UInt64 = 0xffff_0000_0000_0000

    private let gear: [UInt64]

    /// - Parameter gear: The 256 words of the rule's table.
    package init(gear: [UInt64]) {
        precondition(gear.count == 256, "a gear table has 256 words, not \(gear.count)")
        self.gear = gear
    }

    /// The length of the first chunk of some bytes.
    ///
    /// - Parameter bytes: What is left of the file, or at least its next ``maximum`` bytes. Not empty.
    package func firstCut(in bytes: UnsafeRawBufferPointer) -> Int {
        let end = min(bytes.count, Self.maximum)
        guard end > Self.minimum, let start = bytes.baseAddress else { return end }
        let normal = min(end, Self.normal)
        return gear.withUnsafeBufferPointer { gear in
            // All positions are less than `end`, which is at most `bytes.count`.
            var scan = GearScan(start: start, gear: gear, position: Self.minimum)
            return scan.cut(before: normal, Self.hardMask) ?? scan.cut(before: end, Self.easyMask) ?? end
        }
    }
}
