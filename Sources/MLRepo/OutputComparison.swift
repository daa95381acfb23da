internal import FileIO
internal import Formats
internal import ObjectModel
internal import ParameterFiles

/// How a file differs from what it was to be: by its numbers, where it is made of numbers, else by its bytes.
struct OutputComparison {
    private let files: any FileSystem
    /// Nothing where only the same bytes count.
    private let tolerance: Tolerance?

    init(_ files: any FileSystem, _ tolerance: Tolerance?) {
        (self.files, self.tolerance) = (files, tolerance)
    }

    /// What is told of two files that are not the same.
    struct Finding {
        /// Whether all numbers are the same within the tolerance.
        let isEquivalent: Bool
        /// Where the first difference is.
        let detail: String
        /// The greatest difference of two numbers; nothing where none were compared.
        let greatest: Double?
    }

    /// Compares two files, of which the bytes differ.
    func compare(_ expected: FilePath, _ actual: FilePath) throws(FileError) -> Finding {
        let (one, other) = (try files.open(expected), try files.open(actual))
        defer {
            files.close(one)
            files.close(other)
        }
        let (mine, theirs) = (try source(one), try source(other))
        if let tensors = TensorComparison(mine, theirs, tolerance ?? Tolerance(0)) {
            return finding(tensors.difference, tensors.greatest)
        }
        if let values = values(expected, actual) { return values }
        return Finding(
            isEquivalent: false, detail: try firstDifference(one, other, mine.length, theirs.length),
            greatest: nil)
    }

    private func finding(_ difference: String?, _ greatest: Double) -> Finding {
        let same =
            greatest > 0 ? "numbers within the tolerance" : "the same numbers, and other bytes around them"
        return Finding(
            isEquivalent: tolerance != nil && difference == nil, detail: difference ?? same,
            greatest: greatest)
    }

    private func source(_ file: FileDescriptor) throws(FileError) -> ByteSource {
        let length = try files.status(of: file).size
        return ByteSource(length: length) { offset, count in
            var bytes = [UInt8](repeating: 0, count: count)
            guard let read = try? files.read(file, filling: &bytes, at: offset), read == count else {
                return nil
            }
            return bytes
        }
    }

    /// Compares files of parameters or metrics; nothing if one of them is none.
    private func values(_ expected: FilePath, _ actual: FilePath) -> Finding? {
        guard let format = ParameterFileFormat(fileName: "\(actual)"), let mine = value(expected, format),
            let theirs = value(actual, format)
        else { return nil }
        var comparison = ValueComparison(tolerance ?? Tolerance(0))
        comparison.compare(mine, theirs, at: "")
        return finding(comparison.difference, comparison.greatest)
    }

    private func value(_ path: FilePath, _ format: ParameterFileFormat) -> ParameterValue? {
        guard let bytes = try? files.contents(path, limit: ParameterFileLimits.byteCount) else { return nil }
        if format == .json { return try? readJSONValue(bytes) }
        return (try? readParameters(bytes, format: format)).map { .map($0) }
    }

    private func firstDifference(
        _ one: FileDescriptor, _ other: FileDescriptor, _ length: Int, _ otherLength: Int
    ) throws(FileError) -> String {
        var offset = 0
        while true {
            var (mine, theirs) = (
                [UInt8](repeating: 0, count: 1 << 18), [UInt8](repeating: 0, count: 1 << 18)
            )
            let count = try files.read(one, filling: &mine, at: offset)
            let otherCount = try files.read(other, filling: &theirs, at: offset)
            for index in 0..<min(count, otherCount) where mine[index] != theirs[index] {
                return "byte \(offset + index) of \(length)"
            }
            if count != otherCount || count == 0 { break }
            offset += count
        }
        return "\(length) bytes, and \(otherLength) now, of which the first are the same"
    }
}

/// Compares values of files: the same names, the same texts, numbers within a tolerance.
struct ValueComparison {
    private let tolerance: Tolerance
    /// The first that is not granted.
    private(set) var difference: String?
    private(set) var greatest: Double = 0

    init(_ tolerance: Tolerance) { self.tolerance = tolerance }

    mutating func compare(_ mine: ParameterValue, _ theirs: ParameterValue, at place: String) {
        if mine == theirs { return }
        switch (mine, theirs) {
        case (.map(let one), .map(let other)):
            for name in Set(one.keys).union(other.keys).sorted() {
                let below = place.isEmpty ? name : "\(place).\(name)"
                switch (one[name], other[name]) {
                case (let before?, let after?): compare(before, after, at: below)
                case (nil, _): note("\(below) is new")
                case (_, nil): note("\(below) is not there")
                }
            }
        case (.list(let one), .list(let other)) where one.count == other.count:
            for (index, pair) in zip(one, other).enumerated() {
                compare(pair.0, pair.1, at: "\(place)[\(index)]")
            }
        default:
            guard let before = Self.number(mine), let after = Self.number(theirs) else {
                return note("\(place): \(Self.short(mine)), and \(Self.short(theirs)) now")
            }
            greatest = max(greatest, Tolerance.distance(before, after))
            // Two texts of one floating-point number may be two numbers: beyond 2^53, and beyond the greatest.
            let isCoarse = before == after && (before.isInfinite || before.magnitude >= 0x1p53)
            if isCoarse || !tolerance.allows(before, after) {
                note("\(place): \(mine.text), and \(theirs.text) now")
            }
        }
    }

    private mutating func note(_ text: String) { difference = difference ?? text }

    private static func number(_ value: ParameterValue) -> Double? {
        switch value {
        case .integer(let text), .float(let text): Double(text)
        default: nil
        }
    }

    private static func short(_ value: ParameterValue) -> String {
        let text = value.text
        return text.count <= 40 ? text : "\(text.prefix(39))…"
    }
}
