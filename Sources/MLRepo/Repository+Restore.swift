internal import FileIO
package import ObjectModel
internal import Storage
package import WorkingTree

extension Repository {
    /// Brings files of the base version back that are gone; what is there is left alone.
    ///
    /// - Returns: The files that came back.
    package func restore(
        _ paths: [RepositoryPath], onStep: @escaping @Sendable (WorkStep) -> Void = { _ in }
    ) throws(RepositoryError) -> [RepositoryPath] {
        try finishMerge()
        let look = try look()
        let own = WorkingCopy.Pending(paths, of: nil, on: look.base?.tree)
        let pending = try copy.pending()
        guard pending == nil || pending == own else { throw .interruptedCheckout }
        try removeLeftovers(look)
        let tree = tree(look.base)
        for path in paths where !path.isRoot {
            if try exists(path) { continue }
            let isKnown = try reading { () throws(ReadError) in try tree.entry(at: path) != nil }
            guard isKnown else { throw .noPath("\(path)") }
        }
        var steps = CheckoutSteps()
        let asked = Set(paths)
        var firm: Set<RepositoryPath> = [.root]
        for file in look.scan.files where asked.covers(file.path) {
            guard file.status == nil || (pending != nil && file.base != nil) else { continue }
            let entry = try reading { () throws(ReadError) in try tree.entry(at: file.path) }
            // One that an interrupted restore was writing comes back, too.
            // What is there by now is left alone, whatever the version has in its place.
            let isThere = try exists(file.path)
            let isGone = file.status == nil && !isThere
            let isTorn = isGone ? false : try isTorn(file.path, entry)
            if isGone || (isTorn && pending != nil), let entry {
                if let above = file.path.split?.directory, let found = try obstacle(above, [], &firm) {
                    throw .wouldLose([found])
                }
                steps.append(CheckoutStep(path: file.path, entry: entry))
            }
        }
        if !steps.isEmpty { try copy.setPending(own) }
        do throws(RepositoryError) { try write(steps, isResumed: pending != nil, onStep: onStep) } catch {
            // What came back is whole, once that is durable; one that was interrupted before is not known to be.
            let isDurable = (try? environment.files.synchronizeAll(below: copy.root)) != nil
            if pending == nil, !steps.isEmpty, isDurable {
                var back: [RepositoryPath] = []
                for path in steps.map(\.path) where try exists(path) { back.append(path) }
                try track(again: back, below: back, look)
                try copy.setPending(nil)
            }
            throw error
        }
        // One that was interrupted had brought back what it does not know any more.
        try track(again: pending == nil ? steps.map(\.path) : paths, below: paths, look)
        try copy.setPending(nil)
        return steps.map(\.path)
    }

    /// What `rm` or `untrack` took out comes back with its files.
    ///
    /// - Parameter paths: What was asked for.
    private func track(
        again files: [RepositoryPath], below paths: [RepositoryPath], _ look: Look
    ) throws(RepositoryError) {
        let base = look.base?.tracked ?? TrackedPaths()
        var tracking = look.tracking
        let (asked, known) = (Set(paths), Set(files))
        let full = known.withAncestors
        func isBack(_ path: RepositoryPath) -> Bool {
            asked.covers(path) && (full.contains(path) || known.covers(path))
        }
        tracking.untracked = tracking.untracked.filter { !isBack($0) }
        for file in files { try free(file, in: &tracking, of: look.base) }
        let back = base.directories.filter(isBack)
        tracking.paths = TrackedPaths(
            directories: tracking.paths.directories + back, patterns: tracking.paths.patterns)
        guard tracking != look.tracking else { return }
        try copy.setTracking(tracking.isUnchanged(from: base) ? nil : tracking)
    }
}
