internal import FileIO
internal import ObjectModel

/// The origin of a store as its log states it, whatever `format` says.
struct OriginOfLog {
    /// Of up to nine entries that are asked, the one that most of them say; nothing if none can be asked.
    let origin: String?

    /// - Parameter format: What `format` says, if it can be read: that counts as long as one entry says the same, or no two say
    ///   something else.
    init(_ layout: StoreLayout, _ files: any FileSystem, beside format: StoreFormat? = nil) {
        let numbers = (try? OperationLog(layout: layout, files: files, origin: "").namedEntries()) ?? []
        var votes: [String: Int] = [:]
        for number in Set(numbers.prefix(4) + numbers.suffix(5)) {
            guard let bytes = try? files.contents(layout.entry(number), limit: LogEntryFile.byteLimit),
                let json = try? JSONValue(canonical: bytes), let note = try? json.string("note"),
                let line = note.split(separator: "\n").first, line.hasPrefix("mlrepo/")
            else { continue }
            let origin = String(line.dropFirst("mlrepo/".count))
            if Hex.bytes(origin)?.count == 16 { votes[origin, default: 0] += 1 }
        }
        let most = votes.max { ($0.value, $0.key) < ($1.value, $1.key) }
        if let format, votes[format.origin] != nil || most?.value ?? 0 < 2 {
            origin = format.origin
        } else {
            origin = most?.key
        }
    }
}
