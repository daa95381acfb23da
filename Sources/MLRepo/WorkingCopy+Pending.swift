internal import FileIO
package import ObjectModel

/// What is known of a checkout while it is written (`Documentation/Formats/layout.md`, "Files of a working copy").
extension WorkingCopy {
    /// A checkout that was begun: the trees it goes from and to.
    package struct Pending: Hashable, Sendable {
        package let from: ObjectID?
        package let to: ObjectID?
        /// Where the working copy stands once all files are written and the store knows it; nothing where the store knows it
        /// before.
        package var goal: Goal?
        /// Of a commit that takes over what others committed, the tree of theirs: only what `to` has from that is written.
        let upon: ObjectID?
        /// Of such a commit, the one that was stood on before, if any: that one is not it, though it may have the same tree.
        var before: ObjectID?
        /// Checkouts that were interrupted before this one was begun: what they wrote is on disk.
        var earlier: [Change] = []
        /// What is being written, where it is some paths only.
        var paths: [RepositoryPath] = []
        /// The commit whose files they become; nothing for the one that is stood on.
        var source: ObjectID?
        /// The version that has what is being overwritten; nothing where nothing is.
        var kept: ObjectID?

        package init(
            from: ObjectID?, to: ObjectID?, upon: ObjectID? = nil, goal: Goal? = nil, earlier: [Change] = []
        ) {
            self.from = from
            self.to = to
            self.upon = upon
            self.goal = goal
            self.earlier = earlier
        }

        /// Of some paths, on a version.
        init(_ paths: [RepositoryPath], of source: ObjectID?, on tree: ObjectID?) {
            self.init(from: tree, to: tree)
            self.paths = paths.sorted()
            self.source = source
        }

        /// The trees that a checkout went from and to.
        package struct Change: Hashable, Sendable {
            package let from: ObjectID?
            package let to: ObjectID?
            /// As in the note of a commit.
            var upon: ObjectID?
        }

        /// Whether it is that of a commit which takes over what others committed.
        var isMerge: Bool { goal == nil && upon != nil }

        /// Whether another one is the same checkout, whatever either had to keep.
        func isSame(as other: Pending) -> Bool {
            var other = other
            other.kept = kept
            return self == other
        }

        /// What may have been written, newest first.
        var changes: [Change] {
            (from == to ? [] : [Change(from: from, to: to, upon: upon)]) + earlier
        }

        /// How to tell that nothing but bookkeeping is left to do.
        package struct Goal: Hashable, Sendable {
            package let commit: ObjectID
            package let branch: String?
            /// What the store's ref of this working copy named when the checkout was begun.
            package let before: ObjectID?
            /// The event that is being taken back; nothing where somebody checks something out.
            package let undoes: ObjectID?
            /// That of the event to be: whoever finds it in the log knows that it is done.
            var nonce: String?
            /// HEAD says the same before and after.
            var isStaying = false
            /// That of the newest log entry when this was noted: its own comes later.
            var number: Int?
        }
    }

    /// What a command was writing that was interrupted, or is at work.
    ///
    /// - Throws: ``RepositoryError/damaged(_:_:)`` if the note cannot be read.
    package func pending() throws(RepositoryError) -> Pending? {
        let path = directory / "pending"
        guard
            let bytes = try filing({ () throws(FileError) in
                try files.contentsIfPresent(path, limit: 64 << 20)
            })
        else { return nil }
        do throws(MalformedObject) {
            let json = try JSONValue(line: bytes)
            var pending = Pending(
                from: try json.optionalID("from"), to: try json.optionalID("to"),
                upon: try json.optionalID("upon"))
            if let commit = try json.optionalID("commit") {
                pending.goal = Pending.Goal(
                    commit: commit, branch: try Self.branch(json), before: try json.optionalID("before"),
                    undoes: try json.optionalID("undoes"), nonce: try json.optionalString("nonce"),
                    isStaying: json.member("stays") == .bool(true),
                    number: try json.optionalInteger("number"))
            } else {
                pending.before = try json.optionalID("before")
            }
            if json.member("earlier") != nil {
                for change in try json.array("earlier") {
                    pending.earlier.append(
                        Pending.Change(
                            from: try change.optionalID("from"), to: try change.optionalID("to"),
                            upon: try change.optionalID("upon")))
                }
            }
            if json.member("paths") != nil {
                for path in try json.array("paths") {
                    pending.paths.append(try RepositoryPath(json: path, member: "paths"))
                }
            }
            pending.source = try json.optionalID("source")
            pending.kept = try json.optionalID("kept")
            return pending
        } catch { throw .damaged(path, "\(error)") }
    }

    /// Notes that a checkout is done that was killed behind its log entry.
    func settle(_ head: Head, _ goal: Pending.Goal) throws(RepositoryError) {
        try adoptTracking()
        if goal.isStaying {
            try setPending(nil)
            try setHead(head)
        } else {
            try setHead(head)
            try setPending(nil)
        }
    }

    /// Removes the note of a commit that took over what others committed, and what was to be tracked by it.
    func endMerge() throws(RepositoryError) {
        try setNextTracking(nil)
        try setPending(nil)
    }

    package func setPending(_ pending: Pending?) throws(RepositoryError) {
        guard let pending else {
            return try filing { () throws(FileError) in try files.removeIfPresent(directory / "pending") }
        }
        let json = JSONValue.object([
            "from": pending.from.map { .string($0.hex) }, "to": pending.to.map { .string($0.hex) },
            "upon": pending.upon.map { .string($0.hex) },
            "commit": pending.goal.map { .string($0.commit.hex) },
            "branch": pending.goal?.branch.map { .string($0) },
            "before": (pending.goal?.before ?? pending.before).map { .string($0.hex) },
            "undoes": pending.goal?.undoes.map { .string($0.hex) },
            "earlier": pending.earlier.isEmpty
                ? nil
                : .array(
                    pending.earlier.map { change in
                        .object([
                            "from": change.from.map { .string($0.hex) },
                            "to": change.to.map { .string($0.hex) },
                            "upon": change.upon.map { .string($0.hex) },
                        ])
                    }),
            "paths": pending.paths.isEmpty ? nil : .array(pending.paths.map(\.json)),
            "source": pending.source.map { .string($0.hex) },
            "kept": pending.kept.map { .string($0.hex) },
            "nonce": pending.goal?.nonce.map { .string($0) },
            "number": pending.goal?.number.map { .integer($0) },
            "stays": pending.goal?.isStaying == true ? .bool(true) : nil,
        ])
        try replace("pending", json.canonicalBytes + [0x0a], durable: true)
    }
}
