import ObjectModel

/// A YAML scalar before it is known what it stands for.
///
/// It stands for what the core schema of YAML 1.2.2 (section 10.3.2) says: `1e-3` and `.inf` are numbers,
/// `0o17` and `0x1f` are rewritten in decimal, `yes`, `1_000`, `017:30` and dates are strings. PyYAML keeps
/// YAML 1.1, where `1e-3` is a string, `yes` is true and `017` is fifteen.
struct YAMLScalar {
    let text: String
    /// Whether it was written without quotes and not as a block.
    let isPlain: Bool
    /// The tag in full, if one was written.
    let tag: String?

    /// Whether this, as a key, merges the map that is its value.
    var isMergeKey: Bool { isPlain && tag == nil && text == "<<" }

    /// What the scalar stands for.
    func value(at place: ParameterFileError.Place) throws(ParameterFileError) -> ParameterValue {
        guard let tag else { return isPlain ? try plainValue(at: place) : .string(text) }
        guard let known = Tag(rawValue: tag) else { throw .unknownTag(Self.short(tag), at: place) }
        if known == .string { return .string(text) }
        let value = try plainValue(at: place)
        switch (known, value) {
        case (.integer, .integer), (.float, .float), (.bool, .bool), (.null, .null): return value
        case (.float, .integer(let spelling)) where NumberText(text) != nil: return .float(spelling)
        default: throw .tagMismatch(tag: Self.short(tag), text: text, at: place)
        }
    }

    private func plainValue(at place: ParameterFileError.Place) throws(ParameterFileError) -> ParameterValue {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return .bool(true)
        case "false", "False", "FALSE": return .bool(false)
        case ".nan", ".NaN", ".NAN": return .float("nan")
        case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF": return .float("inf")
        case "-.inf", "-.Inf", "-.INF": return .float("-inf")
        default: break
        }
        if text.utf8.starts(with: "0o".utf8), let number = RadixText(text.utf8.dropFirst(2), radix: 8) {
            return try number.value(at: place)
        }
        if text.utf8.starts(with: "0x".utf8), let number = RadixText(text.utf8.dropFirst(2), radix: 16) {
            return try number.value(at: place)
        }
        guard let number = NumberText(text), number.isYAML else { return .string(text) }
        return try number.value(at: place)
    }
}

// MARK: Tags

extension YAMLScalar {
    /// The tags that a scalar may have, in full.
    private enum Tag: String {
        case string = "tag:yaml.org,2002:str"
        case integer = "tag:yaml.org,2002:int"
        case float = "tag:yaml.org,2002:float"
        case bool = "tag:yaml.org,2002:bool"
        case null = "tag:yaml.org,2002:null"
    }

    /// A tag as people write it: `!!int`.
    static func short(_ tag: String) -> String {
        let prefix = "tag:yaml.org,2002:"
        return tag.hasPrefix(prefix) ? "!!" + tag.dropFirst(prefix.count) : tag
    }
}

extension NumberText {
    /// The core schema: `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`.
    fileprivate var isYAML: Bool {
        !hasSeparators && exponent?.isEmpty != true && (!whole.isEmpty || fraction?.isEmpty == false)
    }
}
