import FileIO
import Remotes
import TestSupport
import Testing

/// Every transport, compared with a dictionary after calls by chance: nothing is ever overwritten.
@Suite struct HistoryConformance {
    private static let directories: [FilePath] = ["log/new", "packs", "refs"]
    private static let paths = directories.flatMap { directory in (0..<4).map { directory / "\($0)" } }

    @Test(arguments: Place.all, [1, 2, 3] as [UInt64])
    func `any history ends as a dictionary would`(place: Place, seed: UInt64) throws {
        try place.lend { (transport) throws in
            var random = SplitMix64(seed: seed)
            var model: [FilePath: [UInt8]] = [:]
            // No two files have the same length: what was made cannot be mistaken for what was there.
            var lengths = (0..<200).shuffled(using: &random)
            for step in 0..<120 {
                let path = Self.paths[Int.random(in: 0..<Self.paths.count, using: &random)]
                let situation = "seed \(seed), step \(step), \(path)"
                let isFree = model[path] == nil
                switch Int.random(in: 0..<10, using: &random) {
                case 0..<3:
                    let bytes = random.bytes(lengths.removeLast())
                    #expect(try transport.create(path, bytes) == isFree, "create: \(situation)")
                    if isFree { model[path] = bytes }
                case 3..<5:
                    let source = try Source(random.bytes(lengths.removeLast()))
                    let upload = source.upload(to: path).upload
                    #expect(
                        try transport.upload(upload, progress: { _ in }) == isFree, "upload: \(situation)")
                    if isFree { model[path] = source.bytes }
                case 5:
                    let source = try Source(random.bytes(1 + lengths.removeLast()))
                    let upload = source.upload(to: path, failingAt: source.bytes.count / 2).upload
                    let isNew = try? transport.upload(upload, progress: { _ in })
                    #expect(isNew == (isFree ? nil : false), "unfinished upload: \(situation)")
                case 6:
                    let others =
                        [path] + Self.paths.filter { _ in Int.random(in: 0..<8, using: &random) == 0 }
                    try transport.remove(others)
                    for path in others { model[path] = nil }
                default: try Self.compare(transport, model, situation, &random)
                }
            }
            try Self.compare(transport, model, "seed \(seed), at the end", &random)
        }
    }

    private static func compare(
        _ transport: any Transport, _ model: [FilePath: [UInt8]], _ place: String, _ random: inout SplitMix64
    ) throws {
        let range = (
            offset: Int.random(in: 0..<200, using: &random), length: Int.random(in: 0..<200, using: &random)
        )
        let found = try transport.pieces(
            paths.flatMap {
                [
                    FilePiece($0, .whole(limit: 300)), FilePiece($0, .end(length: range.length)),
                    FilePiece($0, .range(offset: range.offset, length: range.length)),
                ]
            })
        for (index, path) in paths.enumerated() {
            let bytes = model[path]
            let parts = [
                bytes, bytes.map { Array($0.suffix(range.length)) },
                bytes.map { Array($0.dropFirst(range.offset).prefix(range.length)) },
            ]
            #expect(found[index * 3..<index * 3 + 3].map { $0?.bytes } == parts, "\(path), \(place)")
        }
        #expect(
            try transport.properties(of: paths).map { $0?.length } == paths.map { model[$0]?.count },
            "\(place)")
        for directory in directories {
            let names = model.keys.compactMap { $0.relative(to: directory) }
            #expect(
                try transport.texts(in: directory)
                    == names.map { String(decoding: $0, as: UTF8.self) }.sorted(), "\(place)")
        }
    }
}
