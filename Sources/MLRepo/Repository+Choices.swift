internal import FileIO
package import ObjectModel

/// A path of which a merge kept both versions, until somebody removes one of them.
package struct OpenChoice: Hashable, Sendable {
    package let path: RepositoryPath
    /// Where theirs lies.
    package let other: RepositoryPath
}

extension Repository {
    /// Notes what somebody has to choose between; earlier choices stay.
    func note(_ conflicts: [MergeConflict]) throws(RepositoryError) {
        let found = conflicts.compactMap { conflict in
            conflict.other.map { OpenChoice(path: conflict.path, other: $0) }
        }
        if !found.isEmpty { try copy.setChoices(Array(Set(openChoices() + found))) }
    }

    /// What somebody still has to choose between: both files are there.
    package func openChoices() -> [OpenChoice] {
        copy.choices().filter { choice in
            [choice.path, choice.other].allSatisfy { ((try? exists($0)) ?? false) }
        }
    }
}

extension WorkingCopy {
    private static let choicesName = "choices"

    /// As they were noted; nothing where that cannot be read.
    func choices() -> [OpenChoice] {
        guard let bytes = try? files.contentsIfPresent(directory / Self.choicesName, limit: 16 << 20),
            let json = try? JSONValue(canonical: Array(bytes.dropLast())),
            let rows = try? json.array("choices")
        else { return [] }
        return rows.compactMap { row in
            guard let path = row.member("path"), let other = row.member("other"),
                let path = try? RepositoryPath(json: path, member: "path"),
                let other = try? RepositoryPath(json: other, member: "other")
            else { return nil }
            return OpenChoice(path: path, other: other)
        }
    }

    func setChoices(_ choices: [OpenChoice]) throws(RepositoryError) {
        let rows = choices.sorted { $0.other < $1.other }.map { choice in
            JSONValue.object(["other": choice.other.json, "path": choice.path.json])
        }
        let json = JSONValue.object(["choices": .array(rows)])
        try replace(Self.choicesName, json.canonicalBytes + [0x0a], durable: false)
    }
}
