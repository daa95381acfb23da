import Lineage
import ObjectModel
import TestSupport
import Testing

/// What descends from something, and where it came from, against a search that looks at everything again and again.
struct ImpactWalkTests {
    /// Runs that read and wrote some of a few contents, under names that say nothing.
    private struct RandomRuns {
        var objects = MemoryObjects()
        var runs: [Blame.Making] = []
        var reads: [Set<Int>] = []
        var writes: [Set<Int>] = []

        init(count: Int, _ random: inout SplitMix64) throws {
            for number in 0..<count {
                let read = Set(
                    (0..<Int.random(in: 0..<4, using: &random)).map { _ in
                        Int.random(in: 0..<14, using: &random)
                    })
                let written = Set(
                    (0..<Int.random(in: 0..<3, using: &random)).map { _ in
                        Int.random(in: 0..<14, using: &random)
                    })
                var run = Run(
                    origin: .observed, observedBy: "seccomp", recorded: number,
                    inputs: try tree(of: read, &random), outputs: try tree(of: written, &random))
                (run.started, run.ended, run.exitStatus) = (number / 2, number, 0)
                run.startedFraction = number
                let id = objects.add(.run, run.payload)
                runs.append(Blame.Making(id: id, run: run))
                reads.append(read)
                writes.append(written)
            }
        }

        static func id(_ content: Int) -> ObjectID { ObjectID(of: .blob, payload: Array("\(content)".utf8)) }

        private mutating func tree(of contents: Set<Int>, _ random: inout SplitMix64) throws -> ObjectID {
            var edits: [PathEdit] = []
            for content in contents.sorted() {
                let directory = ["", "d/", "d/e/"][Int.random(in: 0..<3, using: &random)]
                let path = try RepositoryPath(
                    "\(directory)f\(content)-\(Int.random(in: 0..<100, using: &random))")
                let name = try #require(path.split?.name)
                edits.append(
                    PathEdit(
                        path: path,
                        entry: TreeEntry(name: name, mode: .file, id: Self.id(content), size: content)))
            }
            edits.sort { DirectoryTree.walkOrder($0.path, $1.path) }
            return try DirectoryTree(root: DirectoryTree.emptyRoot, reader: objects).editing(edits) {
                _, payload in
                objects.add(.tree, payload)
            }.root
        }
    }

    @Test(arguments: 0..<UInt64(300)) func exactlyWhatDescendsIsFoundAtItsDistance(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let graph = try RandomRuns(count: Int.random(in: 1..<16, using: &random), &random)
        // The empty file (0 bytes) descends from nothing and leads to nothing.
        let seed = Int.random(in: 1..<14, using: &random)
        // What reads something does so no earlier than it was made: the distance of each content, by the run that made it.
        var (known, distances): ([Int: [Int: Int]], [Int: Int]) = ([seed: [-1: 0]], [:])
        var hasChanged = true
        while hasChanged {
            hasChanged = false
            for (number, read) in graph.reads.enumerated() {
                let makers = read.flatMap { known[$0] ?? [:] }.filter { $0.key < number }
                guard let nearest = makers.map(\.value).min() else { continue }
                if nearest + 1 < distances[number] ?? .max {
                    distances[number] = nearest + 1
                    hasChanged = true
                }
                for content in graph.writes[number] where content > 0 {
                    if (distances[number] ?? .max) < known[content]?[number] ?? .max {
                        known[content, default: [:]][number] = distances[number]
                        hasChanged = true
                    }
                }
            }
        }
        let walk = ImpactWalk(
            CommitSource(graph.objects), runs: graph.runs, tips: [], external: { _ in [] },
            isCollected: { _ in false })
        let impact = try walk.impact(of: [RandomRuns.id(seed)])
        var expected: [ObjectID: Int] = [:]
        for (number, distance) in distances { expected[graph.runs[number].id] = distance }
        var found: [ObjectID: Int] = [:]
        for descendant in impact.descendants {
            found[descendant.making.id] = descendant.distance
            let number = try #require(graph.runs.firstIndex { $0.id == descendant.making.id })
            #expect(Set(descendant.outputs.map(\.entry.id)) == Set(graph.writes[number].map(RandomRuns.id)))
        }
        #expect(found == expected)
    }
}
