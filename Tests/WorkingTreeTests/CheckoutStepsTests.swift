import FileIO
import ObjectModel
import TestSupport
import Testing
import WorkingTree

@Suite struct CheckoutStepsTests {
    private static func entry(_ path: RepositoryPath, _ random: inout SplitMix64) throws -> TreeEntry? {
        guard let name = path.split?.name, Bool.random(using: &random) else { return nil }
        if Int.random(in: 0..<5, using: &random) == 0 {
            return TreeEntry(name: name, mode: .directory, id: DirectoryTree.emptyRoot, size: 0, files: 0)
        }
        let mode = [EntryMode.file, .executable, .link].randomElement(using: &random) ?? .file
        return TreeEntry(
            name: name, mode: mode, id: ObjectID(of: .blob, payload: [UInt8(random.next() & 0xff)]),
            size: Int.random(in: 0..<(1 << 50), using: &random))
    }

    private static func seen(_ random: inout SplitMix64) -> StatCacheEntry.Seen? {
        guard Bool.random(using: &random) else { return nil }
        return StatCacheEntry.Seen(
            FileStatus(
                kind: .file, permissions: 0o644, size: 1, modified: Int64(bitPattern: random.next()),
                changed: Int64(bitPattern: random.next()), inode: random.next(), device: 7))
    }

    private static func step(_ random: inout SplitMix64) throws -> CheckoutStep {
        let names = ["a", "a.b", "a-", "b", "é", String(repeating: "x", count: 255)]
        let path = try RepositoryPath(
            (0..<Int.random(in: 1...4, using: &random)).map { _ in
                names.randomElement(using: &random) ?? "a"
            }.joined(separator: "/"))
        return CheckoutStep(
            path: path, before: try entry(path, &random), entry: try entry(path, &random),
            others: try [entry(path, &random), entry(path, &random)].compactMap { $0 }, seen: seen(&random))
    }

    private static func expectEqual(_ step: CheckoutStep, _ expected: CheckoutStep, seed: UInt64) {
        #expect(step.path == expected.path, "seed \(seed)")
        #expect(step.before == expected.before, "seed \(seed)")
        #expect(step.entry == expected.entry, "seed \(seed)")
        #expect(step.others == expected.others, "seed \(seed)")
        #expect(step.seen == expected.seen, "seed \(seed)")
    }

    @Test(arguments: [1 as UInt64, 2, 3]) func `steps come back as they were put in`(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let model = try (0..<3000).map { _ in try Self.step(&random) }
        let steps = CheckoutSteps(model)
        #expect(steps.count == model.count)
        for (index, expected) in model.enumerated() {
            Self.expectEqual(steps[index], expected, seed: seed)
            #expect(steps.path(index) == expected.path)
            #expect(steps.isRemoval(index) == (expected.entry == nil))
            #expect(steps.hasBefore(index) == (expected.before != nil))
        }
        #expect(steps.writtenCount == model.count { $0.entry != nil })
    }

    @Test(arguments: [1 as UInt64, 2, 3]) func `what is noted changes one step only`(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var model = try (0..<500).map { _ in try Self.step(&random) }
        var steps = CheckoutSteps(model)
        for _ in 0..<500 {
            let index = Int.random(in: 0..<model.count, using: &random)
            let old = model[index]
            let others = try [Self.entry(old.path, &random)].compactMap { $0 }
            let seen = Self.seen(&random)
            steps.note(others, at: index)
            if let seen { steps.note(seen, at: index) }
            model[index] = CheckoutStep(
                path: old.path, before: old.before, entry: old.entry, others: old.others + others,
                seen: seen ?? old.seen)
        }
        for (step, expected) in zip(steps, model) { Self.expectEqual(step, expected, seed: seed) }
    }

    @Test(arguments: [1 as UInt64, 2, 3]) func `a step lies beneath another one as its path does`(
        seed: UInt64
    ) throws {
        var random = SplitMix64(seed: seed)
        let steps = CheckoutSteps(try (0..<200).map { _ in try Self.step(&random) })
        for index in steps.indices {
            for above in steps.indices {
                #expect(
                    steps.isInside(index, above) == steps.path(index).isInside(steps.path(above)),
                    "seed \(seed): \(steps.path(index)), \(steps.path(above))")
            }
        }
    }
}
