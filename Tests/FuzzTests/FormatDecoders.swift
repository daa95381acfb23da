import FileIO
import Formats

/// Headers of files of machine learning.
extension FuzzedDecoder {
    static let formats: [FuzzedDecoder] = [safetensors, tensorIndex]

    private static func file(_ header: String, data: Int) -> [UInt8] {
        let length = UInt64(header.utf8.count)
        return (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + Array(header.utf8)
            + [UInt8](repeating: 1, count: data)
    }

    private static let safetensors = FuzzedDecoder(
        name: "safetensors",
        tokens: ["\"dtype\":", "\"shape\":[", "\"data_offsets\":[", "__metadata__", "\"F4\""],
        seeds: {
            [
                file("{}", data: 0),
                file(
                    #"{"__metadata__":{"format":"pt"},"w":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]}}"#,
                    data: 12),
                file(
                    #"{"b":{"dtype":"F32","shape":[],"data_offsets":[8,12]}, "a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},"#
                        + #""e":{"dtype":"U8","shape":[0],"data_offsets":[8,8]}}  "#, data: 12),
                file(#"{"q\"\\":{"dtype":"F4","shape":[9],"data_offsets":[0,5]}}"#, data: 5),
            ]
        },
        decode: { bytes in
            guard let header = bytes.withUnsafeBytes({ SafetensorsHeader($0, fileLength: bytes.count) })
            else { return .refused }
            var end = header.length
            for tensor in header.tensors {
                try require(tensor.range.lowerBound == end, "a gap before a tensor")
                try require(!tensor.range.isEmpty, "a tensor without bytes")
                if let row = tensor.rowLength, let width = tensor.elementWidth {
                    try require(row > 0 && row * width <= tensor.range.count, "a row longer than its tensor")
                }
                end = tensor.range.upperBound
            }
            try require(end == bytes.count, "bytes behind the last tensor")
            return .accepted
        })

    private static func vector(_ name: String) throws -> [UInt8] {
        let path = FilePath(#filePath).parent.parent.appending(Array("Vectors/tensor-files/\(name)".utf8))
        return try POSIXFileSystem().contents(path, limit: 1 << 20)
    }

    private static let tensorIndex = FuzzedDecoder(
        name: "tensor-index",
        tokens: [
            "PK\u{1}\u{2}", "PK\u{3}\u{4}", "PK\u{5}\u{6}", "PK\u{6}\u{6}", "PK\u{6}\u{7}", "data/0", "GGUF",
            "(70,)", "'<f4'",
            "_rebuild_tensor_v2", "q\u{1}h\u{1}",
        ],
        seeds: {
            try [
                "checkpoint.pt", "module.pt", "kinds.pt", "arrays.npz", "turned.npy", "complex.npy",
                "tiny.gguf",
            ].map {
                try vector($0)
            }
        },
        decode: { bytes in
            guard let index = TensorIndex(ByteSource(bytes)) else { return .refused }
            var end = 0
            for tensor in index.tensors {
                try require(tensor.range.lowerBound >= end, "tensors that overlap")
                try require(!tensor.range.isEmpty, "a tensor without bytes")
                if let row = tensor.rowLength, let width = tensor.elementWidth {
                    try require(row > 0 && row * width <= tensor.range.count, "a row longer than its tensor")
                }
                end = tensor.range.upperBound
            }
            try require(end <= bytes.count, "a tensor that is not in the file")
            return .accepted
        })
}
