package import ObjectModel

/// What is to become of one path of a working tree.
package struct CheckoutStep: Sendable {
    package let path: RepositoryPath
    /// What the version has there that is left.
    package let before: TreeEntry?
    /// Nothing if the path is to go.
    package let entry: TreeEntry?
    /// What else may be at the path and is in the store.
    package let others: [TreeEntry]
    /// The status that the file at the path had when it was seen to be a version's; nothing if it was not.
    package let seen: StatCacheEntry.Seen?

    package init(
        path: RepositoryPath, before: TreeEntry? = nil, entry: TreeEntry?, others: [TreeEntry] = [],
        seen: StatCacheEntry.Seen? = nil
    ) {
        (self.path, self.before, self.entry, self.others, self.seen) = (path, before, entry, others, seen)
    }

    /// What may be at the path: whatever else has come there since somebody looked is left alone.
    var known: [TreeEntry] { others + [before, entry].compactMap { $0 } }
}

/// Steps of a checkout, packed, since there may be millions: some 55 bytes each and the name, where nothing is at the path.
package struct CheckoutSteps: Sendable {
    /// A file, link, or empty directory.
    private struct Content {
        let id: ObjectID
        let size: Int
        let mode: EntryMode

        func entry(at path: RepositoryPath) -> TreeEntry? {
            path.split.map {
                TreeEntry(name: $0.name, mode: mode, id: id, size: size, files: mode == .directory ? 0 : 1)
            }
        }
    }

    /// What is known of a path where something is.
    private struct Past {
        var before: Content?
        var seen: StatCacheEntry.Seen?
        var others: [TreeEntry] = []
    }

    private var paths = PackedPaths()
    private var ids = SegmentedArray<ObjectID>()
    private var sizes = SegmentedArray<Int>()
    /// 0 for what is to go.
    private var modes = SegmentedArray<UInt8>()
    private var pasts = SegmentedArray<Past>()
    /// One more than the number of each step's past; 0 for none.
    private var pastNumbers = SegmentedArray<UInt32>()

    package init() {}

    package init(_ steps: some Sequence<CheckoutStep>) { for step in steps { append(step) } }

    package mutating func append(_ step: CheckoutStep) {
        // The root is a directory, and no step.
        guard let (directory, name) = step.path.split else { return }
        name.bytes.withUnsafeBytes { paths.append(directory, $0) }
        ids.append(step.entry?.id ?? DirectoryTree.emptyRoot)
        sizes.append(step.entry?.size ?? 0)
        modes.append(step.entry?.mode.rawValue ?? 0)
        pastNumbers.append(0)
        if step.before != nil || step.seen != nil || !step.others.isEmpty {
            change(count - 1) {
                $0.before = step.before.map { Content(id: $0.id, size: $0.size, mode: $0.mode) }
                $0.seen = step.seen
                $0.others = step.others
            }
        }
    }

    private mutating func change(_ index: Int, _ body: (inout Past) -> Void) {
        if pastNumbers[index] == 0 {
            pasts.append(Past())
            pastNumbers[index] = UInt32(pasts.count)
        }
        body(&pasts[Int(pastNumbers[index]) - 1])
    }

    /// Notes what else may be at a path.
    package mutating func note(_ others: [TreeEntry], at index: Int) {
        change(index) { $0.others += others }
    }

    /// Notes how a version's file looked at a path.
    package mutating func note(_ seen: StatCacheEntry.Seen, at index: Int) {
        change(index) { $0.seen = seen }
    }

    // MARK: Parts of a step

    package func path(_ index: Int) -> RepositoryPath { paths[index] }

    func directory(_ index: Int) -> RepositoryPath { paths.directory(index) }

    /// Whether a path is to go.
    package func isRemoval(_ index: Int) -> Bool { modes[index] == 0 }

    /// How many files, links and empty directories are to be written.
    package var writtenCount: Int { modes.count { $0 != 0 } }

    /// Nothing if the path is to go.
    func mode(_ index: Int) -> EntryMode? { EntryMode(rawValue: modes[index]) }

    /// Of what is to be written, in bytes.
    func size(_ index: Int) -> Int { sizes[index] }

    func id(_ index: Int) -> ObjectID { ids[index] }

    private func past(_ index: Int) -> Past? {
        pastNumbers[index] == 0 ? nil : pasts[Int(pastNumbers[index]) - 1]
    }

    func isSeen(_ index: Int) -> Bool { past(index)?.seen != nil }

    /// Whether the version that is left has something at the path.
    package func hasBefore(_ index: Int) -> Bool { past(index)?.before != nil }

    /// Whether one step's path is that of another one or lies beneath it.
    package func isInside(_ index: Int, _ above: Int) -> Bool { paths.isInside(index, above) }

    /// Whether one step's path comes before that of another one in the order of ``DirectoryTree/walkOrder(_:_:)``.
    func isInOrder(_ a: Int, _ b: Int) -> Bool { paths.isInOrder(a, b) }
}

extension CheckoutSteps: RandomAccessCollection {
    package var startIndex: Int { 0 }
    package var endIndex: Int { modes.count }

    package subscript(index: Int) -> CheckoutStep {
        let (path, past) = (paths[index], past(index))
        let content = mode(index).map { Content(id: ids[index], size: sizes[index], mode: $0) }
        return CheckoutStep(
            path: path, before: past?.before?.entry(at: path), entry: content?.entry(at: path),
            others: past?.others ?? [], seen: past?.seen)
    }
}

/// What becomes of the stat cache where steps were taken.
package struct WrittenSteps: RandomAccessCollection {
    private let steps: CheckoutSteps
    private let seen: SegmentedArray<StatCacheEntry.Seen?>

    /// - Parameter seen: The status of what was written, in the order of the steps.
    package init(_ steps: CheckoutSteps, seen: SegmentedArray<StatCacheEntry.Seen?>) {
        (self.steps, self.seen) = (steps, seen)
    }

    package var startIndex: Int { 0 }
    package var endIndex: Int { steps.count }

    package subscript(index: Int) -> StatCache.Edit {
        let step = steps[index]
        return StatCache.Edit(path: step.path, entry: step.entry, seen: seen[index])
    }
}
