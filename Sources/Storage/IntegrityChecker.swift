internal import Coding
package import FileIO
internal import ObjectModel

/// Checks everything in a store against the format, and that all that the refs need is there.
///
/// Reads only, works on stores that do not open, and stops at no problem. Memory: up to 32 MiB of frames, a cache of
/// 48 MiB, and about 300 bytes an object. What is written to the store meanwhile may or may not be seen; a pack that is
/// collected meanwhile shows as missing.
package struct IntegrityChecker: Sendable {
    /// Told of every batch of frames, from the calling thread.
    package typealias Watch = (IntegrityProgress) -> Void

    private let layout: StoreLayout
    private let files: any FileSystem
    private let threads: Int

    /// - Parameters:
    ///   - root: The directory that holds `format`.
    ///   - files: Where it lies.
    ///   - threads: How many decode at a time; beyond four the disk is the limit.
    package init(_ root: FilePath, files: any FileSystem, threads: Int = 4) {
        layout = StoreLayout(root: root)
        self.files = files
        self.threads = max(1, threads)
    }

    /// How often a check begins anew beside somebody who writes.
    private static let attempts = 5

    /// Checks the store.
    ///
    /// What is missing while somebody else writes may have been collected meanwhile: who accuses has seen a log that stood still.
    /// - Throws: ``StoreError/notFound(_:)`` where neither `format` nor a log is; ``StoreError/busy(seconds:)`` if the log never stood
    ///   still and nothing but missing things was found. Everything else is in the report.
    package func check(_ watch: Watch = { _ in }) throws(StoreError) -> IntegrityReport {
        let clock = ContinuousClock()
        let start = clock.now
        for attempt in 1...Self.attempts {
            let before = try? newestEntry()
            let report = try checkOnce(watch)
            if report.isClean || (try? newestEntry()) == before { return report }
            let isMissing = report.problems.allSatisfy { [.missingPack, .missingObject].contains($0.kind) }
            // Nobody's writing explains anything else.
            if attempt == Self.attempts, !isMissing { return report }
        }
        throw .busy(seconds: Int((clock.now - start).components.seconds))
    }

    private func newestEntry() throws(StoreError) -> Int {
        try OperationLog(layout: layout, files: files, origin: "").namedEntries().last ?? 0
    }

    private func checkOnce(_ watch: Watch) throws(StoreError) -> IntegrityReport {
        var report = IntegrityReport()
        let format = checkFormat(&report)
        guard let origin = format else { throw .notFound(layout.root) }
        checkLinks(&report)
        var log = IntegrityLog(layout: layout, files: files, origin: origin)
        log.read(remembered: remembered(&report))
        report.problems += log.problems
        report.isLogSound = !log.isUncertain && log.problems.isEmpty
        // A version that does not know what the store demands would call everything damage.
        if log.unknownFeature { return report }
        checkObjects(log, &report, watch)
        return report
    }

    /// Names links in the place of directories: whoever reaches the store from elsewhere follows none.
    private func checkLinks(_ report: inout IntegrityReport) {
        let packs = ((try? files.names(in: layout.packs)) ?? []).map { layout.packs.appending($0) }
        let log = layout.newEntries.parent
        for directory in [layout.packs, log, layout.newEntries, layout.lists, layout.tiles] + packs
        where (try? files.status(directory))??.kind == .link {
            let file = directory.relative(to: layout.root).map { FilePath($0).description }
            report.problems.append(
                IntegrityProblem(
                    .unreadable, "it is a link: other stores do not follow it, and neither push nor clone",
                    file: file))
        }
    }

    // MARK: The file `format`, and what is derived

    /// - Returns: The store's origin, from the log where `format` does not say it; nothing if there is no store.
    private func checkFormat(_ report: inout IntegrityReport) -> String? {
        let told = OriginOfLog(layout, files).origin
        do throws(StoreError) {
            let bytes = try filing { () throws(FileError) in
                try files.contentsIfPresent(layout.format, limit: 4096)
            }
            guard let bytes else {
                if told != nil {
                    report.problems.append(IntegrityProblem(.format, "it is missing", file: "format"))
                }
                return told
            }
            let format = try StoreFormat(bytes: bytes, layout: layout)
            func wrong(_ message: String) {
                report.problems.append(IntegrityProblem(.format, message, file: "format"))
            }
            if format.bytes != bytes {
                wrong("it has members that format \(StoreFormat.number) does not know")
            }
            if format.cutRule != StoreFormat.cutRule {
                wrong("cut rule \(format.cutRule) is not known to this version")
            }
            if let bits = format.sharedBits, bits & ~0o777 != 0 {
                wrong("it shares the permission bits \(bits)")
            }
            let judged = OriginOfLog(layout, files, beside: format).origin ?? format.origin
            if judged != format.origin { wrong("its origin is not that of the log, \(judged)") }
            return judged
        } catch {
            report.problems.append(IntegrityProblem(.format, "\(error)", file: "format"))
            return told ?? String(repeating: "0", count: 32)
        }
    }

    private func remembered(
        _ report: inout IntegrityReport
    ) -> RememberedState? {
        guard let bytes = try? files.contentsIfPresent(layout.cache / "state", limit: 16 << 20) else {
            return nil
        }
        let state = RememberedState(bytes: bytes)
        if state == nil {
            report.problems.append(IntegrityProblem(.cache, "it is malformed", file: "cache/state"))
        }
        return state
    }

    // MARK: Packs and objects

    private func checkObjects(_ log: IntegrityLog, _ report: inout IntegrityReport, _ watch: Watch) {
        var progress = IntegrityProgress()
        let live = log.live.sorted()
        // Where an entry is lost, packs that it may have added are taken for live; they are not checked, only read.
        let extra =
            log.isUncertain
            ? layout.packNames(files).filter { !log.live.contains($0) && !log.gone.contains($0) } : []
        for pack in live { progress.totalBytes += (try? files.status(layout.pack(pack)))??.size ?? 0 }
        watch(progress)
        var packs: [IntegrityPack] = []
        var places: [ObjectReference: SalvagedPlace] = [:]
        var recipes: Set<ObjectReference> = []
        var recipesOf: [ObjectID: [ObjectReference]] = [:]
        for (number, name) in (live + extra).enumerated() {
            var pack = IntegrityPack(name, layout: layout, files: files)
            pack.read(threads: threads) { objects, bytes in
                progress.objects += objects
                progress.bytes += bytes
                if number < live.count { watch(progress) }
            }
            take(pack, number, &places, &recipes, &recipesOf)
            if pack.deferred.isEmpty { pack.compareIndex() }
            pack.forgetObjects(keeping: !pack.deferred.isEmpty)
            packs.append(pack)
        }
        for depth in 1...Codec.deepest + 1 where packs.contains(where: { !$0.deferred.isEmpty }) {
            let bases = SalvagedObjects(places: places, packs: live + extra, layout: layout, files: files)
            for number in packs.indices where !packs[number].deferred.isEmpty {
                packs[number].decodeDeferred(depth: depth, threads: threads) {
                    (try? bases.payload(of: $0)) ?? nil
                }
                take(packs[number], number, &places, &recipes, &recipesOf)
                guard packs[number].deferred.isEmpty else { continue }
                packs[number].compareIndex()
                packs[number].forgetObjects(keeping: false)
            }
        }
        let objects = SalvagedObjects(places: places, packs: live + extra, layout: layout, files: files)
        var pending = packs.prefix(live.count).flatMap(\.problems)
        pending += undemanded(packs.prefix(live.count), log)

        let badRecipes = IntegrityWalk.check(recipes: recipes.sorted(), in: objects, threads: threads)
        for (recipe, bad) in badRecipes.sorted(by: { $0.key < $1.key }) where !bad.isIncomplete {
            pending.append((problem(.recipe, bad.problem, recipe, live + extra, places), [recipe]))
        }
        for (blob, list) in recipesOf {
            recipesOf[blob] = list.sorted {
                (badRecipes[$0] == nil ? 0 : 1, $0) < (badRecipes[$1] == nil ? 0 : 1, $1)
            }
        }
        var walk = IntegrityWalk(objects: objects, recipes: recipesOf)
        let newest = log.refs.last.map { ObjectReference(.refs, $0.root) }
        if let newest { walk.visit(newest) }
        for event in log.events { walk.visit(ObjectReference(.event, event.event)) }
        pending += walk.problems

        // What a damaged frame held is lost unless another frame has it too.
        var lay: [ObjectReference: IntegrityProblem] = [:]
        for (problem, references) in pending where problem.kind == .frame || problem.kind == .base {
            for reference in references where !walk.isPresent(reference) { lay[reference] = problem }
        }
        report.lost = Set(lay.keys).union(walk.missing).sorted()
        for reference in report.lost {
            let frame = lay[reference]
            let message =
                frame == nil
                ? "no live pack has it"
                : (frame?.kind == .base
                    ? "what it is told by is lost" : "it lay in a frame that is damaged")
                    + (walk.missing.contains(reference) ? "" : "; nothing undamaged says that it is needed")
            let missing = IntegrityProblem(
                .missingObject, message, reference: reference, pack: frame?.pack, offset: frame?.offset)
            pending.append((missing, [reference]))
        }
        report.problems += named(pending, log: log, walk: walk, newest: newest)
        report.objects = places.count
        report.packs = live.count
        report.bytes = packs.prefix(live.count).reduce(0) { $0 + $1.count }
        report.damagedPacks = packs.prefix(live.count).filter(\.isDamaged).map(\.name)
    }

    /// Packs that hold what the entry that added them does not say that a reader must know.
    private func undemanded(
        _ packs: some Sequence<IntegrityPack>, _ log: IntegrityLog
    ) -> [(problem: IntegrityProblem, references: [ObjectReference])] {
        packs.flatMap { pack in
            pack.features.subtracting(log.demands[pack.name] ?? []).sorted().map { feature in
                let message = "it has \(feature), which the entry that added it does not demand"
                return (IntegrityProblem(.logRule, message, pack: pack.name), [])
            }
        }
    }

    private func take(
        _ pack: IntegrityPack, _ number: Int, _ places: inout [ObjectReference: SalvagedPlace],
        _ recipes: inout Set<ObjectReference>, _ recipesOf: inout [ObjectID: [ObjectReference]]
    ) {
        places.reserveCapacity(places.count + pack.objects.count)
        for (index, found) in pack.objects.enumerated() where places[found.reference] == nil {
            places[found.reference] = SalvagedPlace(
                pack: Int32(number), start: found.start, length: found.length,
                frame: pack.frames[Int(found.frame)].offset)
            if let blob = pack.recipeBlobs[index], recipes.insert(found.reference).inserted {
                recipesOf[blob, default: []].append(found.reference)
            }
        }
    }

    private func problem(
        _ kind: IntegrityProblem.Kind, _ message: String, _ reference: ObjectReference, _ names: [PackName],
        _ places: [ObjectReference: SalvagedPlace]
    ) -> IntegrityProblem {
        let place = places[reference]
        return IntegrityProblem(
            kind, message, reference: reference, pack: place.map { names[Int($0.pack)] }, offset: place?.frame
        )
    }

    // MARK: Who needs what is damaged

    private func named(
        _ pending: [(problem: IntegrityProblem, references: [ObjectReference])], log: IntegrityLog,
        walk: IntegrityWalk,
        newest: ObjectReference?
    ) -> [IntegrityProblem] {
        // Objects that lie undamaged elsewhere are not hit by the damage of one frame.
        let hit = { (problem: IntegrityProblem, reference: ObjectReference) in
            (problem.kind != .frame && problem.kind != .base) || !walk.isPresent(reference)
        }
        var wanted: Set<ObjectReference> = []
        for (problem, references) in pending { wanted.formUnion(references.filter { hit(problem, $0) }) }
        guard !wanted.isEmpty else { return pending.map(\.problem) }
        // If refs are lost, an older state of them still tells names.
        let old = walk.missing.contains { $0.kind == .refs } ? readableRefs(log, walk, except: newest) : nil
        let roots = [newest, old?.root].compactMap { $0 }
        var needs = IntegrityNeeds(walk: walk, wanted: wanted, roots: roots)
        if let newest { needs.name(refs: newest, origin: "") }
        if let old { needs.name(refs: old.root, origin: "log entry \(old.number): ") }
        for event in log.events {
            needs.note(ObjectReference(.event, event.event), "log entry \(event.number)")
        }
        return pending.map { problem, references in
            var problem = problem
            var union: Set<String> = []
            for reference in references where hit(problem, reference) {
                union.formUnion(needs.needs(of: reference))
            }
            problem.neededBy = Array(union.sorted().prefix(IntegrityProblem.needLimit))
            return problem
        }
    }

    private func readableRefs(
        _ log: IntegrityLog, _ walk: IntegrityWalk, except newest: ObjectReference?
    ) -> (number: Int, root: ObjectReference)? {
        for (number, root) in log.refs.reversed() {
            let reference = ObjectReference(.refs, root)
            if reference != newest, !ObjectEdge.isEmptyTree(reference), walk.isPresent(reference) {
                return (number, reference)
            }
        }
        return nil
    }
}
