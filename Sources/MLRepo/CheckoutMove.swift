package import ObjectModel

/// What a checkout wrote.
package struct CheckoutReport: Sendable {
    package let written: Int
    package let removed: Int
    package let head: WorkingCopy.Head
}

/// Where a checkout leads, and what happens with it.
package struct CheckoutMove {
    /// The commit that the working copy stands on afterwards.
    let commit: ObjectID
    /// The branch it stands on afterwards; nothing for none.
    let branch: String?
    /// The branch is made by this.
    var isNew = false
    var verb = "checkout"
    /// The event that is taken back by it.
    var undoing: ObjectID?
    /// The version whose files are written, where those of the commit are not: what was kept and comes back.
    var content: ObjectID?
    /// The version that has what is on disk, where the one that is stood on has not: what is overwritten.
    var kept: ObjectID?
    /// What else may be on disk and is to go, where that is what is there.
    var others: [Repository.Leaf] = []
    /// Whether the working copy was just made, so that nobody else writes there yet.
    var isAlone = false
    /// Whether the log hears of it; else whoever asked for it sees to it that the store holds the commit.
    var isLogged = true
    /// What else changes with it.
    var also: [RefChange] = []

    /// Whether it only goes to another version, and overwrites nothing that was kept for it.
    var isPlain: Bool { undoing == nil && content == nil && kept == nil && others.isEmpty && also.isEmpty }

    package init(to commit: ObjectID, branch: String?, isNew: Bool = false) {
        (self.commit, self.branch, self.isNew) = (commit, branch, isNew)
    }
}
