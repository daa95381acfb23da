internal import FileIO
internal import ObjectModel

/// Which files are models, by their names: what is measured with them is told apart from what it is measured on.
enum ModelNames {
    /// Endings of files that hold weights, or a whole model.
    private static let suffixes: Set<String> = [
        "bin", "cbm", "ckpt", "engine", "gguf", "ggml", "h5", "joblib", "keras", "mlmodel", "model", "npz",
        "onnx", "params", "pb", "pdparams", "pickle", "pkl", "pt", "pth", "safetensors", "tflite", "ubj",
        "weights",
    ]
    /// Directories in which models lie, whatever they are called.
    private static let directories: Set<String> = [
        "model", "models", "checkpoint", "checkpoints", "weights",
    ]
    /// Endings of what is not read as one, in such a directory.
    private static let dataSuffixes: Set<String> = ["csv", "tsv", "jsonl", "parquet", "arrow"]
    /// What lies beside the weights and belongs to them.
    private static let companions: Set<String> = [
        "added_tokens.json", "config.json", "generation_config.json", "merges.txt",
        "model.safetensors.index.json",
        "preprocessor_config.json", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json",
        "vocab.json", "vocab.txt",
    ]

    /// Whether a file holds weights.
    static func isModel(_ path: [UInt8]) -> Bool {
        var names = path.split(separator: UInt8(ascii: "/"))
        guard let last = names.popLast() else { return false }
        return isModel(last, isBelow: names.contains(where: isDirectory))
    }

    /// Whether models lie in a directory of this name, whatever they are called.
    static func isDirectory(_ name: some Collection<UInt8>) -> Bool {
        let name = String(decoding: name, as: UTF8.self).lowercased()
        return directories.contains(name) || name.hasPrefix("checkpoint-")
    }

    /// Whether a file of this name holds weights.
    ///
    /// - Parameter isBelow: It lies in such a directory, or below one.
    static func isModel(_ name: some Collection<UInt8>, isBelow: Bool) -> Bool {
        let last = String(decoding: name, as: UTF8.self).lowercased()
        let suffix = last.lastIndex(of: ".").map { String(last[last.index(after: $0)...]) } ?? ""
        if suffixes.contains(suffix) { return true }
        if dataSuffixes.contains(suffix) { return false }
        let stem = last.prefix { $0 != "." }
        return isBelow || stem == "model" || stem.hasSuffix("_model") || stem.hasPrefix("model_")
    }

    /// Whether a file belongs to the weights that lie in the same directory.
    static func isCompanion(_ name: [UInt8]) -> Bool {
        companions.contains(String(decoding: FilePath(name).name, as: UTF8.self).lowercased())
    }

    /// Whether a file is one from which parameters are read.
    static func isParameters(_ name: [UInt8]) -> Bool {
        ["params.yaml", "params.yml", "params.json", "params.toml"].contains(
            String(decoding: FilePath(name).name, as: UTF8.self).lowercased())
    }
}
