internal import Chunking
internal import ObjectModel

/// In which order files are read and stored, and which of them together.
///
/// A thread reads a batch at a time, file by file.
struct SnapshotOrder: Sendable {
    /// Raw bytes of a frame of small files: a file is had by decoding its frame.
    private static let frameTarget = 128 << 10
    private static let countLimit = 1024
    /// More files of one directory and one ending are a data set, and read by all threads, unless they are as large as shards of a model.
    private static let (seriesLimit, shardLimit, shardLength) = (128, FileHistory.directoryLimit, 32 << 20)
    /// The endings of files that are told by others beside them.
    private static let tensorEndings = ["safetensors", "gguf", "pt", "pth", "bin", "ckpt", "npz"].map {
        Array(".\($0)".utf8)
    }

    /// Numbers of files.
    private let order: [UInt32]
    private let batches: [Range<Int>]

    var batchCount: Int { batches.count }

    func batch(_ number: Int) -> ArraySlice<UInt32> { order[batches[number]] }

    /// - Parameters:
    ///   - inputs: What a run read that made others of the files.
    ///   - elementWidth: Bytes of the elements of a file of tensors, by the number of the file, 0 where that is not known; nothing if it is
    ///     another file.
    init(_ scanned: ScannedFiles, inputs: [RepositoryPath] = [], elementWidth: (Int) -> Int?) {
        let series = Self.series(scanned, inputs, elementWidth)
        var others = Self.storingOrder(scanned)
        if !series.isEmpty {
            let members = Set(series.joined())
            others.removeAll { members.contains($0) }
        }
        var batches: [Range<Int>] = []
        var order: [UInt32] = []
        // What takes the longest comes first.
        for files in series {
            batches.append(order.count..<order.count + files.count)
            order += files
        }
        let count = order.count
        batches += Self.batches(scanned, others).map { $0.lowerBound + count..<$0.upperBound + count }
        self.order = order + others
        self.batches = batches
    }

    /// Large files of one directory whose names end alike.
    private struct Alike {
        var files: [(name: NumberedName, index: Int)] = []
        var bytes = 0

    }

    /// Whether so many files may be checkpoints, or shards of one.
    private static func isSeries(_ count: Int, _ bytes: Int) -> Bool {
        count <= seriesLimit || count <= shardLimit && bytes / count >= shardLength
    }

    /// One of the large files of tensors of a directory.
    private struct Member {
        let name: NumberedName
        let index: UInt32
        let width: Int
        let isInput: Bool
    }

    /// Large files of tensors of one directory, or of directories that are numbered, the oldest checkpoint first: each may be told by its difference
    /// from the one before.
    ///
    /// Those of wider elements stand before all others, which may be rounded from them; a directory that has none of the widest goes with the
    /// one that is named most like it among those that have. What a run read stands before what it may have made of that.
    private static func series(
        _ scanned: ScannedFiles, _ inputs: [RepositoryPath], _ elementWidth: (Int) -> Int?
    ) -> [[UInt32]] {
        var named: [RepositoryPath: [Int: Alike]] = [:]
        for index in scanned.indices where scanned.size(index) > Chunker.wholeLimit {
            let found = scanned.withName(index) { name in
                tensorEndings.firstIndex { name.suffix($0.count).elementsEqual($0) }.map {
                    (ending: $0, name: NumberedName(name))
                }
            }
            guard let (ending, name) = found else { continue }
            let directory = scanned.path(index).split?.directory ?? .root
            named[directory, default: [:]][ending, default: Alike()].files.append((name, index))
            // Sizes of files with holes may add up to more than there are numbers for.
            named[directory]?[ending]?.bytes += min(scanned.size(index), 1 << 40)
        }
        var found: [RepositoryPath: [Member]] = [:]
        for (directory, endings) in named {
            for files in endings.values where isSeries(files.files.count, files.bytes) {
                let members = files.files.compactMap { name, index -> Member? in
                    // Many files end alike that are something else.
                    guard let width = elementWidth(index) else { return nil }
                    let isInput = !inputs.isEmpty && inputs.contains(where: scanned.path(index).isInside)
                    return Member(name: name, index: UInt32(index), width: width, isInput: isInput)
                }
                if !members.isEmpty { found[directory, default: []] += members }
            }
        }
        let widest = found.values.joined().map(\.width).max() ?? 0
        let directories = joined(found, scanned)
        let leaders = directories.filter { $0.members.contains { $0.width == widest } }.map(\.path)
        var together: [RepositoryPath: [Member]] = [:]
        for (path, members) in directories {
            let leader = leaders.contains(path) ? path : leaders.max { $0.likeness(path) < $1.likeness(path) }
            together[leader ?? path, default: []] += members
        }
        var series = together.sorted { $0.key < $1.key }.map(\.value)
        // What a run made may lie anywhere.
        if series.joined().contains(where: \.isInput) { series = [Array(series.joined())] }
        return series.map { series in
            let members = series.enumerated().sorted { one, other in
                let (first, second) = (one.element, other.element)
                if first.width != second.width { return first.width > second.width }
                return first.isInput != second.isInput ? first.isInput : one.offset < other.offset
            }
            return members.map(\.element.index)
        }
    }

    /// Directories whose names differ in numbers only, as those of checkpoints do, count as one, unless they are a data set together.
    ///
    /// - Returns: Each by the path of its first one, in the order of these; its members in theirs.
    private static func joined(
        _ found: [RepositoryPath: [Member]], _ scanned: ScannedFiles
    ) -> [(path: RepositoryPath, members: [Member])] {
        struct Words: Hashable {
            let above: RepositoryPath
            let words: [[UInt8]]
        }
        typealias Numbered = (path: RepositoryPath, name: NumberedName)
        var alike: [Words: [Numbered]] = [:]
        for path in found.keys {
            let (above, name) = path.split.map { ($0.directory, $0.name.bytes) } ?? (.root, [])
            let numbered = NumberedName(name)
            alike[Words(above: above, words: numbered.words), default: []].append((path, numbered))
        }
        var joined: [(path: RepositoryPath, members: [Member])] = []
        for directories in alike.values {
            let ordered = directories.sorted { $0.name < $1.name }.map { directory in
                (directory.path, (found[directory.path] ?? []).sorted { $0.name < $1.name })
            }
            let members = ordered.flatMap(\.1)
            let bytes = members.reduce(0) { $0 + min(scanned.size(Int($1.index)), 1 << 40) }
            if isSeries(members.count, bytes) {
                joined.append((ordered[0].0, members))
            } else {
                joined += ordered
            }
        }
        return joined.sorted { $0.path < $1.path }
    }

    /// Files that are likely to be alike stand together, so that a frame holds them both: those whose names end alike, by size.
    ///
    /// Git orders the objects of a pack by the same signs. What is written in this order is read in it by a checkout of everything;
    /// a checkout of one directory decodes frames that hold others' files as well.
    ///
    /// - Returns: The numbers of the files in that order.
    private static func storingOrder(_ scanned: ScannedFiles) -> [UInt32] {
        var keys: [(ending: UInt64, size: UInt32, index: UInt32)] = []
        keys.reserveCapacity(scanned.count)
        for index in scanned.indices {
            let ending = scanned.withName(index) { name in
                // The last byte counts most.
                name.suffix(8).reduce(0 as UInt64) { $0 >> 8 | UInt64($1) << 56 }
            }
            keys.append((ending, UInt32(clamping: scanned.size(index)), UInt32(index)))
        }
        keys.sort { $0 < $1 }
        return keys.map(\.index)
    }

    /// Neighbours whose content makes about a frame.
    ///
    /// - Parameter order: The numbers of the files, in the order in which they are read; batches are parts of it.
    private static func batches(_ scanned: ScannedFiles, _ order: [UInt32]) -> [Range<Int>] {
        var batches: [Range<Int>] = []
        var (start, bytes) = (0, 0)
        for (index, number) in order.enumerated() {
            let size = scanned.size(Int(number))
            if index > start, bytes + size > frameTarget || index - start >= countLimit {
                batches.append(start..<index)
                (start, bytes) = (index, 0)
            }
            bytes += size
        }
        if start < order.count { batches.append(start..<order.count) }
        return batches
    }
}
