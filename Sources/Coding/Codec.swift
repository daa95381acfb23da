/// How the bytes of a frame are stored (`Documentation/Formats/pack.md`, "Codecs").
///
/// The raw value is the codec's number.
package enum Codec: UInt8, Sendable, CaseIterable {
    case raw = 0
    case zlib = 1
    case zstd = 2
    /// A tensor's elements, as ``TensorEncoder`` has them.
    case tensor = 3
    /// The same beside those of another tensor, mostly an earlier version of it.
    case tensorWithBase = 4
    /// Bytes as those of others that they are mostly equal to, and what is new (``PatchEncoder``).
    case patch = 5
    /// A tensor's elements beside those of another one of a wider type, rounded: mostly the same weights.
    case cast = 6
    /// zlib with the end of another object as preset dictionary.
    case zlibWithBase = 7

    /// The name that people and statistics use.
    package var name: String {
        switch self {
        case .raw: "raw"
        case .zlib: "zlib"
        case .zstd: "zstd"
        case .tensor: "tensor"
        case .tensorWithBase: "tensor-base"
        case .patch: "patch"
        case .cast: "cast"
        case .zlibWithBase: "zlib-base"
        }
    }

    /// The most bases of a frame.
    package static let baseLimit = 64

    /// How many bases a frame of this codec names.
    package var baseCounts: ClosedRange<Int> {
        switch self {
        case .raw, .zlib, .zstd, .tensor: 0...0
        case .tensorWithBase, .zlibWithBase: 1...1
        case .patch, .cast: 1...Self.baseLimit
        }
    }

    /// The most bytes of all bases of a frame together: of two frames, and of a cast of four, since a tensor of twice the width may be cut
    /// elsewhere.
    package var baseByteLimit: Int { (self == .cast ? 4 : 2) << 22 }

    /// Whether frames of this codec name a base.
    package var hasBase: Bool { baseCounts.upperBound > 0 }

    /// How many frames, at most, have to be decoded one after another before one of this codec can be, where the bases lie in any pack.
    ///
    /// Each of those has less depth, so that this ends.
    package var depth: Int {
        switch self {
        case .raw, .zlib, .zstd, .tensor, .zlibWithBase: 0
        case .tensorWithBase, .patch: 1
        case .cast: 2
        }
    }

    /// The greatest depth of all codecs.
    package static let deepest = allCases.map(\.depth).max() ?? 0

    /// Which of several places of a blob in one pack counts: that of the least.
    ///
    /// With a base in the same pack, a place counts after those without one; for whoever rests on blobs in any pack it is no place.
    package var order: Int { self == .zlibWithBase ? 1 : depth }

    /// Whether a frame is told by how it differs from what may lie in any pack.
    package var isDifference: Bool { depth > 0 }

    /// Whether the standard library of any language can decode it, as metadata demands.
    package var isForMetadata: Bool { self == .raw || self == .zlib || self == .zlibWithBase }

    /// Whether a frame is one tensor, or a piece of one.
    package var isTensor: Bool { self == .tensor || self == .tensorWithBase || self == .cast }
}

/// Why bytes could not be decoded, or not be encoded.
package enum CodingError: Error, Equatable, CustomStringConvertible {
    /// The library refused the bytes.
    case corrupt(Codec)
    /// They decode to another length than declared.
    case length(Codec, expected: Int)
    /// A stream asks for a window or dictionary that the format does not allow.
    case forbidden(Codec, String)
    /// The library failed for lack of memory.
    case memory(Codec)

    package var description: String {
        switch self {
        case .corrupt(let codec): "its \(codec.name) stream is corrupt"
        case .length(let codec, let expected): "its \(codec.name) stream does not decode to \(expected) bytes"
        case .forbidden(let codec, let what):
            "its \(codec.name) stream uses \(what), which the format forbids"
        case .memory(let codec): "\(codec.name) ran out of memory"
        }
    }
}
