internal import ObjectModel

/// The names of a directory in the order in which people count, so that those most like another one are at hand however many there are.
struct NeighbouringNames {
    private struct Entry {
        let name: EntryName
        let key: NumberedName
    }

    /// Names of other series that are passed over to find some.
    private static let reach = 64

    /// In order, by what the names end in.
    private var alike: [[UInt8]: [Entry]] = [:]
    /// In order, by what is between their numbers.
    private var series: [[[UInt8]]: [Entry]] = [:]
    private(set) var count = 0

    init(_ names: some Sequence<EntryName> = []) {
        for name in names {
            let entry = Entry(name: name, key: NumberedName(name.bytes))
            alike[Array(entry.key.ending), default: []].append(entry)
            series[entry.key.words, default: []].append(entry)
            count += 1
        }
        for ending in alike.keys { alike[ending]?.sort { $0.key < $1.key } }
        for words in series.keys { series[words]?.sort { $0.key < $1.key } }
    }

    /// Adds a name that is not there yet.
    mutating func insert(_ name: EntryName) {
        let entry = Entry(name: name, key: NumberedName(name.bytes))
        Self.insert(entry, into: &alike[Array(entry.key.ending), default: []])
        Self.insert(entry, into: &series[entry.key.words, default: []])
        count += 1
    }

    private static func insert(_ entry: Entry, into entries: inout [Entry]) {
        entries.insert(entry, at: place(of: entry.key, in: entries))
    }

    /// How many entries come before a name.
    private static func place(of key: NumberedName, in entries: [Entry]) -> Int {
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].key < key { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Names that are the most like another one: first those that differ in numbers only, the one before it, the one behind it and so
    /// on; then others with the same ending, in the same way.
    func nearest(to name: EntryName, limit: Int) -> [EntryName] {
        let own = NumberedName(name.bytes)
        let isOther = { (entry: Entry) in entry.key.words != own.words }
        var found = Self.nearest(to: own, among: series[own.words] ?? [], limit) {
            $0.key.ending == own.ending && $0.name != name
        }
        found += Self.nearest(to: own, among: alike[Array(own.ending)] ?? [], limit - found.count, isOther)
        return found
    }

    private static func nearest(
        to key: NumberedName, among entries: [Entry], _ limit: Int, _ isMeant: (Entry) -> Bool
    ) -> [EntryName] {
        var found: [EntryName] = []
        let place = place(of: key, in: entries)
        var (before, after) = (place - 1, place)
        /// The next one that is meant, this way.
        func next(_ index: inout Int, _ step: Int) -> EntryName? {
            while entries.indices.contains(index), abs(index - place) <= reach {
                let entry = entries[index]
                index += step
                if isMeant(entry) { return entry.name }
            }
            return nil
        }
        while found.count < limit {
            let count = found.count
            if let name = next(&before, -1) { found.append(name) }
            if found.count < limit, let name = next(&after, 1) { found.append(name) }
            if found.count == count { break }
        }
        return found
    }
}
